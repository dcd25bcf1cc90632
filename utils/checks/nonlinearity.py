"""Checkers for the exercises of chapter 2, why a kink."""

import numpy as np

from utils import activations as act
from utils.checks.answers import agrees, array, choice, equals, number
from utils.checks.feedback import attempted, checker, shown, wrong


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
            "that adds up the columns of W1; the second layer weighs them by "
            "v.": [2, 1],
            "that is the network with ReLU; here nothing is cut off.": [-4, 5],
        },
        "w is the product of W1 and v.",
        pair,
    )
    equals(
        b_linear,
        "b_linear",
        -8,
        {
            "that is c alone; the first layer's biases reach the output, too, "
            "weighted by v.": 4,
            "c is missing; nothing comes behind it, so it stays as it is.": -12,
            "that adds up all biases; those of the first layer go through v.": 5,
            "that is the network with ReLU; here nothing is cut off.": -7,
        },
        "b is what the network returns at x = (0, 0).",
        one,
    )
    equals(
        w_here,
        "w_here",
        [-4, 5],
        {
            "that is the network without activation; which unit is silent at "
            "(2, 1)?": [-5, 6],
            "that keeps the silent unit and drops the others.": [-1, 1],
            "a silent unit has a negative pre-activation, not a negative "
            "outgoing weight.": [1, 3],
        },
        "compute the three pre-activations at (2, 1); only units with a "
        "positive one pass their weights on.",
        pair,
    )
    equals(
        b_here,
        "b_here",
        -7,
        {
            "the silent unit's bias is still in it; a silent unit hands on "
            "nothing, its bias included.": -8,
            "that is c alone; the active units' biases reach the output, too, "
            "weighted by v.": 4,
            "c is missing; the output's bias belongs to every region.": -11,
            "that is y at (2, 1); b is what is left of it without x . w.": -10,
        },
        "add the active units' biases, weighted by v, and c.",
        one,
    )
    equals(
        until,
        "until",
        3,
        {
            "a unit switches there, but another one switches sooner.": 7,
            "the unit's bias is missing, or that is how far it is from 1; the "
            "value of the input is asked for.": 2,
        },
        "write the pre-activations at (2, t); which changes its sign first?",
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
    for value, name in (k, "knots"), (c, "coefficients"):
        if value.shape != (8,):
            raise wrong(
                f"`{name}`",
                "eight numbers",
                f"shape {value.shape}",
                "eight pieces have nine ends; no hinge is needed at the last."
                if value.shape == (9,)
                else "eight pieces have eight slopes, and the first is a "
                "change, too: from 0."
                if value.shape == (7,)
                else "one number for each of eight hinges.",
            )
    o = number(offset, "offset", "a number such as 0")
    x = np.linspace(0, 2 * np.pi, 4001)
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
        "these coefficients are the slopes of the pieces; a hinge adds to "
        "the slope, so its coefficient is the change.": near(
            o + hinges @ np.diff(c, prepend=0)
        ),
        "these coefficients are the sine's values; a coefficient is the "
        "change of slope at its knot.": np.abs(c - np.sin(k)).max() < 0.1,
        "upside down: where the slope falls, the coefficient is negative.": near(
            -y
        ),
        "the shape is right and too high or too low: the offset is the value "
        "at x = 0.": near(y - (y - target).mean()) and not near(y),
        "a hinge outside [0, 2 pi) shows no bend here; give it work.": np.any(
            (k < 0) | (k >= 2 * np.pi)
        ),
        "all knots lie on the sine: these are chords, which err on one side "
        "only. Move the knots off the curve.": off < 0.001 and near(y),
        "behind the last hinge the line runs on straight.": x[at] > k.max(),
        "close, and out of balance: make the largest errors above and below "
        "the sine equal.": near(y),
        "choose the values at the knots, join them, and take the changes of "
        "slope as coefficients.": True,
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
    attempted(plane=plane, line=line, deep=deep, ray=ray)
    what = "a number of regions such as 7"
    equals(
        plane,
        "plane",
        20,
        {
            "so many do ten lines in general position make; through which point "
            "do these all pass?": 56,
            "so many do ten parallel lines make; these have different "
            "directions.": 11,
            "a line through the origin has two ends, so each line adds two "
            "wedges.": 10,
            "not every on/off pattern has a place in the plane.": 1024,
        },
        "where is w . x = 0, whatever w is? Draw three such lines and count.",
        what,
    )
    equals(
        line,
        "line",
        2,
        {
            "ten hinges make eleven pieces if they sit at ten places; where is "
            "w x = 0?": 11,
            "that counts the units; at how many places do they switch?": 10,
            "that is the plane's; with one input a hinge is a point, not a "
            "line.": 20,
        },
        "a hinge sits at x = -b / w.",
        what,
    )
    average = "an average such as 7"
    equals(
        deep,
        "deep",
        101,
        {
            "that is a line through the origin, which turns all at once.": 2,
            "that is one layer; deeper units switch, too.": 21,
            "that would be folds, and random weights do not fold.": 20**5,
            "five layers that each double the pieces would be folds.": 32,
        },
        "through which angle does the line turn, seen from the origin, and what "
        "does a wide layer of ReLU do to angles?",
        average,
        rtol=0.02,
    )
    equals(
        ray,
        "ray",
        51,
        {
            "that is the whole line; the ray turns through less.": 101,
            "that is an eighth of a turn; the ray ends up at a right angle to "
            "p.": 26,
            "the ray misses the origin, so its units do not switch together.": 2,
        },
        "seen from the origin, which angle lies between the ray's start and its "
        "far end?",
        average,
        rtol=0.03,
    )
    return "without biases all hinges meet at the origin, and angles count."


@checker
def fold(half, three_quarters):
    """Exercise 4: predict how often lower hats fold."""
    attempted(half=half, three_quarters=three_quarters)
    equals(
        half,
        "half",
        2,
        {
            "a fold needs a signal that crosses 1/2; does it, behind a hat of "
            "peak 1/2?": 32,
            "half the peak is not half the pieces; follow a value through two "
            "such hats.": 16,
            "a lower hat is still a hat: it goes up and down once.": 1,
            "that adds two pieces for each hat; what does the second hat do to "
            "values of at most 1/2?": 10,
        },
        "write the lower hat for x <= 1/2, and apply it twice.",
        "a number of pieces such as 7",
    )
    guess = choice(three_quarters, "three_quarters", ("2", "between", "32"))
    if guess != "between":
        raise wrong(
            "`three_quarters`",
            "what five such hats make",
            shown(guess),
            {
                "2": "a peak of 3/4 lies above 1/2, so the second hat does fold.",
                "32": "to be doubled five times every piece must cross 1/2 each "
                "time; does a piece from 9/16 to 3/4?",
            }[guess],
        )
    return "a hat folds only what crosses its middle."


def _on(layers, x, bend=act.relu, size=1):
    """Return which hidden units are on, one (N, units) for each layer."""
    a, on = x[:, None], []
    for W, b in layers[:-1]:
        z = a @ W + size * b
        on.append(z > 0)
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
]


@checker
def count_pieces(answer):
    """Exercise 5: count the stretches on which no unit switches."""
    agrees(
        answer,
        "count_pieces",
        lambda L, x: _pieces(_on(L, x)),
        LINES,
        {
            "n switches make n + 1 stretches.": lambda L, x: (
                _pieces(_on(L, x)) - 1
            ),
            "not every unit switches once: some never do, some several times, "
            "some together.": lambda L, x: 1 + sum(len(b) for _, b in L[:-1]),
            "two units that switch at the same place end one stretch, not two.": lambda L, x: (
                1 + np.diff(np.hstack(_on(L, x)), axis=0).sum()
            ),
            "only the first layer is counted; deeper units switch, too.": lambda L, x: (
                _pieces(_on(L, x)[:1])
            ),
            "only the last hidden layer is counted.": lambda L, x: _pieces(
                _on(L, x)[-1:]
            ),
            "the next layer gets the pre-activations; ReLU comes in between.": lambda L, x: (
                _pieces(_on(L, x, bend=lambda z: z))
            ),
            "the biases are missing; without them all hinges sit at 0.": lambda L, x: (
                _pieces(_on(L, x, size=0))
            ),
            "the output layer is no hidden layer; its sign does not matter.": lambda L, x: (
                _pieces(_on([*L, L[-1]], x))
            ),
        },
        "go through the hidden layers, note which units are on at each point, "
        "and count where that changes; slopes of the output can have other "
        "bends, rounding among them.",
        "a number of stretches",
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
    many = isinstance(answer, (list, tuple))
    if not many or len(answer) != 20:
        raise wrong(
            f"`{name}`",
            "a list of 20 networks",
            f"{len(answer)} entries" if many else shown(answer),
            "one draw says little: collect what `draw` returns for 20 seeds.",
        )
    for i, network in enumerate(answer):
        try:
            found = [np.shape(W)[1] for W, _ in network][:-1]
            same = i > 0 and np.array_equal(network[0][0], answer[0][0][0])
        except Exception:
            raise wrong(
                f"{name}[{i}]",
                "a network as `draw` returns it",
                shown(network),
                "collect what `draw` returns, one network for each seed.",
            ) from None
        if found != widths:
            raise wrong(
                f"the hidden layers of {name}[{i}]",
                f"the widths {widths}",
                f"the widths {found}",
                (
                    "with another number of units more pieces could come from "
                    "more units."
                    if sum(found) != sum(widths)
                    else "the units are right in number; count the layers."
                ),
            )
        if same:
            raise wrong(
                f"the weights of {name}[{i}]",
                "new ones",
                f"those of {name}[0]",
                "the control draws its "
                "weights, for every network with a new seed.",
            )
