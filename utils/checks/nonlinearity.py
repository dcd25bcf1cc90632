"""Checkers for the exercises of chapter 2, why a kink."""

import numpy as np

from utils import activations as act
from utils.checks.answers import (
    NAN,
    agrees,
    array,
    choice,
    equals,
    number,
    readable,
)
from utils.checks.feedback import Hint, attempted, checker, need, shown, wrong


@checker
def collapse(w_linear, b_linear, w_here, b_here, until):
    """Exercise 1: merge a network's layers, with and without ReLU."""
    attempted(
        w_linear=w_linear,
        b_linear=b_linear,
        w_here=w_here,
        b_here=b_here,
        until=until,
    )
    pair, one = "two numbers such as [1, -1]", "a number such as -1.5"
    equals(
        w_linear,
        "w_linear",
        [-5, 6],
        {
            Hint(
                "w sum",
                "that adds up the columns of W1, but the second layer "
                "weights them by v.",
            ): [2, 1],
            Hint(
                "w relu",
                "that is the network with ReLU: here nothing is cut off.",
            ): [-4, 5],
        },
        Hint("w", "w is the product of W1 and v."),
        pair,
    )
    equals(
        b_linear,
        "b_linear",
        -8,
        {
            Hint(
                "b c",
                "that is c alone: the first layer's biases reach the "
                "output too, weighted by v.",
            ): 4,
            Hint(
                "b no c",
                "c is missing: nothing comes after it, so it stays as it is.",
            ): -12,
            Hint(
                "b sum",
                "that adds up all the biases, but those of the first layer "
                "pass through v.",
            ): 5,
            Hint(
                "b relu",
                "that is the network with ReLU: here nothing is cut off.",
            ): -7,
        },
        Hint("b", "b is what the network returns at x = (0, 0)."),
        one,
    )
    equals(
        w_here,
        "w_here",
        [-4, 5],
        {
            Hint(
                "here linear",
                "that is the network without activation: which unit is "
                "silent at (2, 1)?",
            ): [-5, 6],
            Hint(
                "here silent",
                "that keeps the silent unit and drops the others.",
            ): [-1, 1],
            Hint(
                "here by weight",
                "a silent unit has a negative pre-activation, not a "
                "negative outgoing weight.",
            ): [1, 3],
        },
        Hint(
            "here",
            "compute the three pre-activations at (2, 1): only units "
            "with a positive one pass their weights on.",
        ),
        pair,
    )
    equals(
        b_here,
        "b_here",
        -7,
        {
            Hint(
                "b here silent",
                "the silent unit's bias is still in it: a silent unit "
                "passes nothing on, not even its bias.",
            ): -8,
            Hint(
                "b here c",
                "that is c alone: the biases of the active units reach the "
                "output too, weighted by v.",
            ): 4,
            Hint(
                "b here no c",
                "c is missing: the output's bias belongs to every region.",
            ): -11,
            Hint(
                "b here y",
                "that is y at (2, 1): b is what remains of it without x . w.",
            ): -10,
        },
        Hint(
            "b here", "add up the active units' biases, weighted by v, and c."
        ),
        one,
    )
    equals(
        until,
        "until",
        3,
        {
            Hint(
                "until later",
                "a unit switches there, but another one switches sooner.",
            ): 7,
            Hint(
                "until distance",
                "either a bias is missing, or that is the distance from 1: "
                "give the value of the input.",
            ): 2,
        },
        Hint(
            "until",
            "write the pre-activations at (2, t): which is the first "
            "to change its sign?",
        ),
        "a number above 1, such as 1.5",
    )
    return "both collapse, the one everywhere, the other in its region."


@checker
def sine(knots, coefficients, offset):
    """Exercise 2: follow the sine more closely than chords do."""
    attempted(knots=knots, coefficients=coefficients, offset=offset)
    k, c = (
        array(answer, name, "eight numbers")
        for name, answer in (("knots", knots), ("coefficients", coefficients))
    )
    # A row or a column of eight will do.
    k, c = (value.ravel() if value.size == 8 else value for value in (k, c))
    for value, name in (k, "knots"), (c, "coefficients"):
        if value.shape != (8,):
            raise wrong(
                f"`{name}`",
                "eight numbers",
                f"shape {value.shape}",
                Hint(
                    "nine",
                    "eight pieces have nine ends, and the last end needs no "
                    "hinge.",
                )
                if value.shape == (9,)
                else Hint(
                    "seven",
                    "eight pieces have eight slopes, and the first is a change "
                    "too: from 0.",
                )
                if value.shape == (7,)
                else Hint(
                    "eight", "give one number for each of the eight hinges."
                ),
            )
    o = number(offset, "offset", "a number such as 0")
    inside = k[(k > 0) & (k < 2 * np.pi)]
    x = np.union1d(np.linspace(0, 2 * np.pi, 4001), inside)
    hinges, target = act.relu(x[:, None] - k), np.sin(x)
    y = o + hinges @ c
    error = np.abs(y - target)
    if error.max() <= 0.05 + 1e-9:
        return f"never more than {error.max():.3f} away, with eight hinges."
    # Errors that are equal by symmetry differ by rounding.
    at = np.argmax(~(error < error.max() - 1e-9))
    off = np.abs(np.interp(k, x, y) - np.sin(k)).max()

    def near(y):
        return np.abs(y - target).max() < 0.12

    hints = {
        NAN: np.isnan(y).any(),
        Hint(
            "slopes",
            "these coefficients are the slopes of the pieces: a hinge "
            "adds to the slope, so its coefficient is the change.",
        ): near(o + hinges @ np.diff(c, prepend=0)),
        Hint(
            "values",
            "these coefficients are the sine's values: a coefficient "
            "is the change of slope at its knot.",
        ): np.abs(c - np.sin(k)).max() < 0.1,
        Hint(
            "upside down",
            "that is upside down: where the slope falls, the "
            "coefficient is negative.",
        ): near(-y),
        Hint(
            "offset",
            "the shape is right but too high or too low: the offset is "
            "the value at x = 0.",
        ): near(y - (y - target).mean()) and not near(y),
        Hint(
            "outside",
            "a hinge outside [0, 2 pi) makes no bend here: give it "
            "something to do.",
        ): np.any((k < 0) | (k >= 2 * np.pi)),
        Hint(
            "chords",
            "all the knots lie on the sine: these are chords, which "
            "err on one side only. Move the knots off the curve.",
        ): off < 0.001 and near(y),
        Hint("end", "after the last hinge the line runs straight on."): x[at]
        > k.max(),
        Hint(
            "balance",
            "close, but unbalanced: make the largest errors above and "
            "below the sine equal.",
        ): near(y),
        Hint(
            "sine",
            "choose the values at the knots, join them, and take the "
            "changes of slope as coefficients.",
        ): True,
    }
    raise wrong(
        f"the network at x = {x[at]:.2f}",
        f"{shown(round(target[at], 3) + 0.0)} to within 0.05",
        shown(round(y[at], 3) + 0.0),
        next(hint for hint, fits in hints.items() if fits),
    )


@checker
def zero_biases(plane, line, deep, ray):
    """Exercise 3: predict regions and pieces of units without biases."""
    what = "a number of regions such as 7"
    readable(what, plane=plane, line=line, deep=deep, ray=ray)
    equals(
        plane,
        "plane",
        20,
        {
            Hint(
                "plane general",
                "ten lines in general position make that many: which point "
                "do these all pass through?",
            ): 56,
            Hint(
                "plane parallel",
                "ten parallel lines make that many: these have different "
                "directions.",
            ): 11,
            Hint(
                "plane lines",
                "a line through the origin has two ends, so each line adds "
                "two wedges.",
            ): 10,
            Hint(
                "plane patterns",
                "not every on/off pattern has a place in the plane.",
            ): 1024,
        },
        Hint(
            "plane",
            "where is w . x = 0, whatever w is? Draw three such lines "
            "and count.",
        ),
        what,
    )
    equals(
        line,
        "line",
        2,
        {
            Hint(
                "line eleven",
                "ten hinges make eleven pieces if they sit at ten places: "
                "where is w x = 0?",
            ): 11,
            Hint(
                "line units",
                "that counts the units: at how many places do they switch?",
            ): 10,
            Hint(
                "line plane",
                "that is the number for the plane: with one input a hinge "
                "is a point, not a line.",
            ): 20,
        },
        Hint("line", "a hinge sits at x = -b / w."),
        what,
    )
    average = "an average such as 7"
    equals(
        deep,
        "deep",
        101,
        {
            Hint(
                "deep through 0",
                "that is a line through the origin, where all units switch "
                "at once.",
            ): 2,
            Hint(
                "deep one layer", "that is one layer: deeper units switch too."
            ): 21,
            Hint(
                "deep folds",
                "that would take folds, and random weights do not fold.",
            ): 20**5,
            Hint(
                "deep doubles",
                "five layers that each double the pieces would be folding.",
            ): 32,
        },
        Hint(
            "deep",
            "seen from the origin, through what angle does the line "
            "turn, and what does a wide ReLU layer do to angles?",
        ),
        average,
        rtol=0.02,
    )
    equals(
        ray,
        "ray",
        51,
        {
            Hint(
                "ray line",
                "that is the whole line: the ray turns through less.",
            ): 101,
            Hint(
                "ray eighth",
                "that is an eighth of a turn: the ray ends at a right "
                "angle to p.",
            ): 26,
            Hint(
                "ray at once",
                "the ray misses the origin, so its units do not switch "
                "together.",
            ): 2,
        },
        Hint(
            "ray",
            "seen from the origin, what angle lies between the start "
            "of the ray and its far end?",
        ),
        average,
        rtol=0.03,
    )
    return "without biases all hinges meet at the origin, and angles count."


@checker
def fold(half, three_quarters):
    """Exercise 4: predict how often lower hats fold."""
    attempted(half=half, three_quarters=three_quarters)
    readable("a number of pieces such as 7", half=half)
    guess = choice(three_quarters, "three_quarters", ("2", "between", "32"))
    equals(
        half,
        "half",
        2,
        {
            Hint(
                "half folds",
                "a fold needs a signal that crosses 1/2: does it, after a "
                "hat of peak 1/2?",
            ): 32,
            Hint(
                "half of 32",
                "half the peak does not mean half the pieces: follow a "
                "value through two such hats.",
            ): 16,
            Hint(
                "half line",
                "a lower hat is still a hat: it goes up and down once.",
            ): 1,
            Hint(
                "half sum",
                "that adds two pieces for each hat: what does the second "
                "hat do to values of at most 1/2?",
            ): 10,
        },
        Hint(
            "half", "write out the lower hat for x <= 1/2, and apply it twice."
        ),
        "a number of pieces such as 7",
    )
    if guess != "between":
        raise wrong(
            "`three_quarters`",
            "what five such hats make",
            shown(guess),
            {
                "2": Hint(
                    "quarters 2",
                    "a peak of 3/4 lies above 1/2, so the second hat does fold.",
                ),
                "32": Hint(
                    "quarters 32",
                    "to double five times, every piece must cross 1/2 each "
                    "time: does a piece from 9/16 to 3/4?",
                ),
            }[guess],
        )
    return "a hat folds only what crosses its middle."


def _on(layers, x, bend=act.relu, size=1, is_on=np.greater):
    """Return which hidden units are on, one (N, units) for each layer."""
    a, on = x[:, None], []
    for W, b in layers[:-1]:
        z = a @ W + size * b
        on.append(is_on(z, 0))
        a = bend(z)
    return on


def _pieces(on):
    return 1 + np.diff(np.hstack(on), axis=0).any(axis=1).sum()


def _layer(W, b):
    return np.array(W, dtype=float), np.array(b, dtype=float)


# Whole numbers, for exact arithmetic; all kinks lie between two points.
POINTS = np.arange(-31.0, 32, 2)
FIRST, OUT = _layer([[1, -1]], [4, 2]), _layer([[1], [-1]], [0])
LINES = [
    ([FIRST, OUT], POINTS),
    ([_layer([[1, 1]], [-6, -6]), OUT], POINTS),
    ([FIRST, _layer([[1, 2], [-1, 1]], [-2, -16]), OUT], POINTS),
    # The deeper unit switches at 2, where one of the first layer does.
    ([FIRST, _layer([[1], [0]], [-6]), _layer([[1]], [0])], POINTS),
    # A unit is at 0 on the first point, and one on the last.
    ([FIRST, OUT], np.arange(-4.0, 3, 2)),
]


def _random_lines(rng):
    lines = []
    for widths in (8,), (4, 3), (6, 6, 6, 6):
        sizes = (1, *widths, 1)
        layers = [
            (rng.normal(size=(n, m)) * np.sqrt(2 / n), rng.normal(size=m))
            for n, m in zip(sizes, sizes[1:])
        ]
        lines.append((layers, np.sort(rng.uniform(-4, 4, 60))))
    return lines


@checker
def count_pieces(answer):
    """Exercise 5: count the stretches on which no unit switches."""
    agrees(
        answer,
        "count_pieces",
        lambda L, x: _pieces(_on(L, x)),
        LINES,
        {
            Hint(
                "switches", "n switches make n + 1 stretches."
            ): lambda L, x: _pieces(_on(L, x)) - 1,
            Hint(
                "units",
                "not every unit switches exactly once: some never do, some "
                "do so several times, some together.",
            ): lambda L, x: 1 + sum(len(b) for _, b in L[:-1]),
            Hint(
                "at one place",
                "two units that switch at the same place end one stretch, "
                "not two.",
            ): lambda L, x: 1 + np.diff(np.hstack(_on(L, x)), axis=0).sum(),
            Hint(
                "layers added",
                "units of two layers that switch at the same place end one "
                "stretch, not two: count once, for all layers together.",
            ): lambda L, x: 1 + sum(_pieces([on]) - 1 for on in _on(L, x)),
            Hint(
                "at 0", "a unit is on where z is above 0: at 0 it is off."
            ): lambda L, x: _pieces(_on(L, x, is_on=np.greater_equal)),
            Hint(
                "first layer",
                "only the first layer is counted: deeper units switch too.",
            ): lambda L, x: _pieces(_on(L, x)[:1]),
            Hint(
                "last layer", "only the last hidden layer is counted."
            ): lambda L, x: _pieces(_on(L, x)[-1:]),
            Hint(
                "no relu",
                "the next layer receives the pre-activations: ReLU comes "
                "in between.",
            ): lambda L, x: _pieces(_on(L, x, bend=lambda z: z)),
            Hint(
                "no biases",
                "the biases are missing: without them all hinges sit at 0.",
            ): lambda L, x: _pieces(_on(L, x, size=0)),
            Hint(
                "output",
                "the output layer is not a hidden layer: its sign does not "
                "matter.",
            ): lambda L, x: _pieces(_on([*L, L[-1]], x)),
        },
        Hint(
            "count",
            "go through the hidden layers, note which units are on at "
            "each point, and count where that changes. The slopes of "
            "the output may change elsewhere, if only by rounding.",
        ),
        "a number of stretches",
        _random_lines,
    )
    return "it finds the switches of every hidden layer."


@checker
def control(deep, wide):
    """Exercise 5: random networks of the hats' shape, and wide ones."""
    attempted(deep=deep, wide=wide)
    _networks(deep, "deep", 10 * [3])
    _networks(wide, "wide", [30])
    return "twenty of each, which differ in their shape alone."


def _networks(answer, name, widths):
    many = isinstance(answer, (list, tuple, np.ndarray))
    if not many or len(answer) != 20:
        raise wrong(
            f"`{name}`",
            "a list of 20 networks",
            f"{len(answer)} entries" if many else shown(answer),
            Hint(
                "twenty",
                "one draw says little: collect what `draw` returns for 20 "
                "seeds.",
            ),
        )
    seen, weights, biases = {}, [], []
    for i, network in enumerate(answer):
        try:
            layers = [[np.asarray(p, float) for p in pair] for pair in network]
            found = [W.shape[1] for W, _ in layers][:-1]
        except Exception:
            raise wrong(
                f"{name}[{i}]",
                "a network as `draw` returns it",
                shown(network),
                Hint(
                    "networks",
                    "collect what `draw` returns, one network for each seed.",
                ),
            ) from None
        if found != widths:
            raise wrong(
                f"the hidden layers of {name}[{i}]",
                f"the widths {widths}",
                f"the widths {found}",
                (
                    Hint(
                        "units",
                        "with a different number of units, more pieces could "
                        "simply come from more units.",
                    )
                    if sum(found) != sum(widths)
                    else Hint(
                        "layers",
                        "the number of units is right: count the layers.",
                    )
                ),
            )
        first = seen.setdefault(layers[0][0].tobytes(), i)
        if first != i:
            raise wrong(
                f"the weights of {name}[{i}]",
                "new ones",
                f"those of {name}[{first}]",
                Hint("seeds", "draw every network with a seed of its own."),
            )
        # Divided by what `draw` gives them, all have the spread 1.
        weights += [W.ravel() / np.sqrt(2 / len(W)) for W, _ in layers]
        biases += [b.ravel() for _, b in layers]
    for part, values, variance in (
        ("weights", np.concatenate(weights), "2 / n"),
        ("biases", np.concatenate(biases), "1"),
    ):
        mean, spread = values.mean(), values.std()
        as_drawn = Hint(
            "draw", "the control takes the networks as `draw` returns them."
        )
        need(
            abs(mean) < 0.2 and 0.8 < spread < 1.2,
            f"the {part} of `{name}`, all together",
            f"mean 0 and variance {variance}",
            f"{spread**2:.2g} times that variance, around "
            f"{mean:.2g} standard deviations",
            as_drawn,
        )
        need(
            2.2 < (values**4).mean() / spread**4 < 4.5,
            f"the {part} of `{name}`, all together",
            "normal numbers",
            "another distribution, with the same variance",
            as_drawn,
        )
