"""Checkers for the exercises of chapter 7, dying ReLU."""

import numpy as np

from utils import activations as act
from utils.checks.answers import (
    array,
    call,
    choice,
    choices,
    close,
    equals,
    fresh,
    hint_for,
    number,
    other_numbers,
    results,
)
from utils.checks.feedback import (
    Hint,
    NotYet,
    attempted,
    checker,
    need,
    shown,
    wrong,
)


@checker
def narrow(p_dead, p_second, zeros_third):
    """Exercise 1: three layers of two units, by hand."""
    attempted(p_dead=p_dead, p_second=p_second, zeros_third=zeros_third)
    what, near = "a number between 0 and 1, such as 0.25", {"atol": 0.003}
    equals(
        p_dead,
        "p_dead",
        37 / 64,
        {
            Hint(
                "dead three",
                "one dead layer is enough: that is the chance of three in "
                "a row.",
            ): 1 / 64,
            Hint(
                "dead sum",
                "chances add up only if the events cannot happen together.",
            ): 3 / 4,
            Hint("dead alive", "that is the chance of being alive."): 27 / 64,
            Hint(
                "dead one",
                "the third layer is all zeros, too, if an earlier one is.",
            ): 1 / 4,
            Hint(
                "dead first",
                "that is the chance that the third layer is the *first* to "
                "die.",
            ): 9 / 64,
            Hint(
                "dead half",
                "both units of a layer must be 0: 1/4 for each layer, not "
                "1/2.",
            ): 7 / 8,
        },
        Hint(
            "dead",
            "a layer after a living one dies with probability (1/2)^2: "
            "what is the chance that none of the three does?",
        ),
        what,
        **near,
    )
    equals(
        p_second,
        "p_second",
        3 / 16,
        {
            Hint("second alone", "the first layer must be alive for that."): 1
            / 4,
            Hint(
                "second both",
                "that is the chance of two deaths, but here the first "
                "layer lives.",
            ): 1 / 16,
            Hint(
                "second any",
                "that counts the networks whose first layer is all zeros too.",
            ): 7 / 16,
        },
        Hint("second", "alive after one layer, and then dead."),
        what,
        **near,
    )
    equals(
        zeros_third,
        "zeros_third",
        23 / 32,
        {
            Hint(
                "zeros half",
                "in a network whose second layer is dead, all of them are "
                "zeros.",
            ): 1 / 2,
            Hint(
                "zeros 5/8",
                "the second layer is all zeros, too, if the first one is.",
            ): 5 / 8,
            Hint(
                "zeros dead",
                "that is the share of dead networks: living ones have "
                "zeros too.",
            ): 37 / 64,
            Hint(
                "zeros alive",
                "a living third layer has fewer than half zeros, since it "
                "cannot have both at 0.",
            ): 101 / 128,
        },
        Hint("zeros", "split by the second layer: dead or alive."),
        what,
        **near,
    )
    return "all three; a dead layer breaks the half of chapter 6."


NAMES = "relu", "relu6", "leaky_relu", "elu", "tanh", "sigmoid"
# Each counter, what to do if it calls the unit alive, and if it is right.
COUNTERS = {
    "never_positive": (
        lambda a, slope: (a <= 0).all(),
        Hint("never_positive", "all outputs must be 0 or less."),
        Hint(
            "never_positive alive",
            "for ReLU the counter and the definition agree: which "
            "function has a slope where its outputs are negative?",
        ),
    ),
    "zero_mean": (
        lambda a, slope: a.mean() == 0,
        Hint(
            "zero_mean",
            "outputs of both signs can cancel, if the function has both.",
        ),
        Hint(
            "zero_mean alive",
            "outputs that are all 0 have mean 0, but they are not the "
            "only ones.",
        ),
    ),
    "one_batch": (
        lambda a, slope: (slope[:32] == 0).all(),
        Hint(
            "one_batch",
            "the first 32 samples must have slope 0: only later ones "
            "may be on.",
        ),
        Hint(
            "one_batch alive",
            "the batch is as it should be: let a later sample be on.",
        ),
    ),
    "small_slope": (
        lambda a, slope: (abs(slope) < 0.001).all(),
        Hint(
            "small_slope",
            "far out on a smooth function the slope is small but not 0.",
        ),
        Hint(
            "small_slope alive",
            "here the slopes are exactly 0: do not go so far out, or "
            "take a function without a flat part.",
        ),
    ),
}


@checker
def counters(never_positive, zero_mean, one_batch, small_slope, missed):
    """Exercise 2: units that four counters get wrong."""
    answers = never_positive, zero_mean, one_batch, small_slope
    attempted(**dict(zip(COUNTERS, answers)), missed=missed)
    for answer, (name, parts) in zip(answers, COUNTERS.items()):
        calls_dead, if_alive, if_right = parts
        a, slope, got = _unit(answer, name)
        if not calls_dead(a, slope):
            raise wrong(
                f"`{name}`",
                "a unit that this counter calls dead",
                got,
                if_alive,
            )
        if (slope == 0).all():
            raise wrong(f"`{name}`", "a unit that is not dead", got, if_right)
    a, slope, got = _unit(missed, "missed")
    if (slope != 0).any():
        raise wrong(
            "`missed`",
            "a dead unit, all slopes exactly 0",
            got,
            Hint(
                "missed small",
                "small is not 0, and these slopes round to 0 only farther "
                "out than torch's: is there a function that is exactly "
                "flat?",
            )
            if (abs(slope) < 0.001).all()
            else Hint("missed", "where is one of the functions exactly flat?"),
        )
    if (a <= 0).all():
        raise wrong(
            "`missed`",
            "a unit with an output above 0",
            got,
            Hint(
                "missed positive",
                "a function can be flat on the right as well.",
            ),
        )
    return "all five; only slopes over all samples tell."


def _unit(answer, name):
    """Return outputs, slopes, and both as a text."""
    if not isinstance(answer, (tuple, list)) or len(answer) != 2:
        raise wrong(
            f"`{name}`",
            'a pair such as ("relu", [-1, 2])',
            shown(answer),
            Hint("a pair", "write a name, a comma and a list."),
        )
    f = act.ACTIVATIONS[choice(answer[0], f"{name}[0]", NAMES)]
    z = array(answer[1], f"{name}[1]", "a list such as [-1, 2]").ravel()
    if z.size == 0 or not np.isfinite(z).all():
        raise wrong(
            f"`{name}[1]`",
            "a list of numbers such as [-1, 2]",
            shown(z),
            Hint("finite", "give one finite number for each sample."),
        )
    a, slope = f(z), f.derivative(z)
    return a, slope, f"outputs {shown(a)}, slopes {shown(slope)}"


X = np.array([1.0, 2.0, 3.0])


def _descend(x, y, w, b, rate, steps):
    """Return the pre-activations at X after gradient descent on x and y."""
    for _ in range(steps):
        z = w * x + b
        grad_z = np.where(z > 0, z - y, 0)
        w, b = w - rate * np.mean(grad_z * x), b - rate * np.mean(grad_z)
    return w * X + b


@checker
def kill(killing_rate):
    """Exercise 3: the smallest rate that kills the unit."""
    what = "a rate such as 0.1"
    rate = number(killing_rate, "killing_rate", what)
    if not 0 < rate < np.inf:
        raise wrong(
            "`killing_rate`",
            what,
            shown(rate),
            Hint("positive", "a learning rate is positive and finite."),
        )
    with np.errstate(all="ignore"):
        z, smaller = (
            _descend(X, X / 4, 1.0, 0.0, r, 1) for r in (rate, 0.999 * rate)
        )
    # A search ends near the rate, on either side.
    on = X[z > 1e-3]
    if len(on):
        raise wrong(
            f"one step at the rate {shown(rate)}",
            "no sample on",
            f"pre-activations {shown(z.round(6) + 0)}",
            Hint(
                "still on",
                "the unit is dead only when no sample is on, and x = "
                f"{shown(on[-1])} still is.",
            ),
        )
    if (smaller <= 0).all():
        raise wrong(
            "`killing_rate`",
            "the smallest rate that kills",
            f"{shown(rate)}, and {shown(0.999 * rate)} kills too",
            Hint(
                "rate w",
                "w need not become negative: the step lowers b as well.",
            )
            if close(rate, 2 / 7, atol=0.005)
            else Hint(
                "rate",
                "write z after the step for each x, as a function of the "
                "rate.",
            ),
        )
    return "at this rate x = 3, the last sample that was on, is at z = 0."


@checker
def revive(x_new, y_new):
    """Exercise 3: a sample that brings the dead unit back."""
    attempted(x_new=x_new, y_new=y_new)
    x = number(x_new, "x_new", "a number such as 2")
    y = number(y_new, "y_new", "a number such as 0.5")
    at = -0.75 * x - 0.75
    where = f"the sample ({shown(x)}, {shown(y)})"
    if max(abs(x), abs(y)) > 20:
        raise wrong(
            where,
            "numbers between -20 and 20",
            shown(max(x, y, key=abs)),
            Hint("range", "smaller ones will do."),
        )
    if at <= 0:
        raise wrong(
            where,
            "a sample that the dead unit is on for",
            f"its pre-activation is {shown(at)}",
            Hint(
                "off",
                "the unit is off for it too, and gets no gradient, "
                "whatever the target.",
            ),
        )
    z = _descend(np.append(X, x), np.append(X / 4, y), -0.75, -0.75, 0.1, 100)
    if (z <= 0).all():
        raise wrong(
            f"100 steps with {where}",
            "x = 1, 2 or 3 on",
            f"pre-activations {shown(z)}",
            Hint(
                "fitted",
                "the unit's output is your target already, so the gradient "
                "is 0.",
            )
            if close(y, at)
            else Hint(
                "pulled up",
                "the unit learns your sample and stays dead on the others: "
                "its target pulls z up there, and so down on the other "
                "side.",
            )
            if y > at
            else Hint(
                "too short",
                "that is the right way, but the steps are too short: the "
                "unit fits your sample, or falls silent on it, before x = "
                "3 is on.",
            ),
        )
    return f"the pre-activations of x = 1, 2, 3 are {shown(z.round(2))}."


CAN_COME_BACK = {
    "decay_both": (
        "no",
        {
            "yes": Hint(
                "decay_both",
                "one factor for weights and bias is one factor for z: can "
                "it change the sign?",
            )
        },
    ),
    "decay_weights": (
        "yes",
        {
            "no": Hint(
                "decay_weights",
                "no gradient is needed here: where does z go when the "
                "weights go to 0?",
            )
        },
    ),
    "frozen_below": (
        "no",
        {
            "yes": Hint(
                "frozen_below",
                "living neighbours do not move what enters this unit: what "
                "does?",
            )
        },
    ),
    "one_neighbour": (
        "yes",
        {
            "no": Hint(
                "one_neighbour",
                "one living unit is enough to send a gradient to the first "
                "layer: whose inputs does that move?",
            )
        },
    ),
    "new_order": (
        "yes",
        {
            "no": Hint(
                "new_order",
                "a unit is dead *on given data*: are these still the same?",
            )
        },
    ),
}


@checker
def back(decay_both, decay_weights, frozen_below, one_neighbour, new_order):
    """Exercise 4: predict which dead units can come back."""
    choices(
        CAN_COME_BACK,
        decay_both=decay_both,
        decay_weights=decay_weights,
        frozen_below=frozen_below,
        one_neighbour=one_neighbour,
        new_order=new_order,
    )
    return "z moves if its inputs move, or if decay takes it past 0."


SIZES = 64, 32, 32, 32, 10


@checker
def bare(answer):
    """Exercise 5: a network without biases."""
    attempted(build_bare=answer)
    import torch
    from torch import nn

    need(
        not isinstance(answer, nn.Module),
        "`build_bare`",
        "a function",
        shown(answer),
        Hint(
            "a function",
            "give the function itself: it is called once for each seed, and "
            "returns a new network.",
        ),
    )
    drawn = []
    with torch.random.fork_rng(devices=()):
        for seed in range(20):
            torch.manual_seed(seed)
            drawn.append(call(answer, "build_bare", what="an nn.Module"))
    network = drawn[0]
    need(
        isinstance(network, nn.Sequential),
        "build_bare()",
        "an nn.Sequential",
        shown(network),
        Hint(
            "sequential",
            "return the network itself, as `build` does: the cells "
            "below take its first layer as network[0].",
        ),
    )
    held = [*network.parameters(), *network.buffers()]
    got = [tuple(part.shape) for part in held]
    wanted = [(m, n) for n, m in zip(SIZES, SIZES[1:])]
    need(
        got == wanted,
        "what build_bare() holds",
        f"weights of the shapes {shown(wanted)}",
        f"the shapes {shown(got)}",
        Hint(
            "bias",
            "a bias that starts at 0, or gets no gradient, is still "
            "there: nn.Linear(..., bias=False) makes none.",
        )
        if any(len(shape) == 1 for shape in got)
        else Hint("layers", "copy `build`, and change only the biases."),
    )
    # Large numbers tell ReLU from ReLU6.
    x = 99 * np.random.default_rng(0).normal(size=(5, 64))
    with torch.no_grad():
        output = network.double()(torch.tensor(x)).numpy()
        first = network[0](torch.tensor(x)).numpy()
    layers = [part.detach().double().numpy().T for part in held]
    need(
        close(first, x @ layers[0]),
        "network[0] of build_bare()",
        "the first linear layer",
        "another part",
        Hint(
            "first layer",
            "the cells below take the first layer as network[0]: put the "
            "layers side by side, not into parts of their own.",
        ),
    )
    for weight in layers[:-1]:
        x = np.maximum(x @ weight, 0)
    truth = x @ layers[-1]
    need(
        close(output, truth),
        "what build_bare() computes",
        "four layers with a ReLU after each but the last",
        "something else",
        Hint("relu last", "no ReLU belongs after the last layer.")
        if close(output, np.maximum(truth, 0))
        else Hint(
            "function",
            "ReLU comes after each layer but the last, and nothing is added: "
            "copy `build`, and change only the biases.",
        ),
    )
    _as_he(drawn)
    return "the same network, and no bias to drive down."


def _as_he(networks):
    """Raise NotYet unless all layers of the networks are drawn as He's."""
    weights = [
        np.stack([p.detach().double().numpy() for p in layer])
        for layer in zip(*(network.parameters() for network in networks))
    ]
    need(
        len({w.tobytes() for w in weights[0]}) == len(networks),
        "the weights of build_bare(), at 20 seeds",
        "20 networks",
        "some of them twice",
        Hint(
            "seed",
            "each seed should draw weights of its own: do not set a seed "
            "inside.",
        ),
    )
    for layer, (weight, n) in enumerate(zip(weights, SIZES), 1):
        # With He's spread these are standard normal numbers.
        standard = weight.ravel() / (2 / n) ** 0.5
        mean, spread = standard.mean(), standard.std()
        need(
            abs(mean) < 0.1 and 0.95 < spread < 1.05,
            f"the weights of layer {layer} of build_bare(), over 20 seeds",
            f"mean 0 and standard deviation {(2 / n) ** 0.5:.3f}",
            f"{shown((mean * (2 / n) ** 0.5).round(3) + 0.0)} and "
            f"{spread * (2 / n) ** 0.5:.3f}",
            Hint(
                "he",
                "a control changes one thing: keep He's weights, "
                "nn.init.kaiming_normal_, in every layer.",
            ),
        )
        need(
            2.6 < (standard**4).mean() < 3.4,
            f"the weights of layer {layer} of build_bare(), over 20 seeds",
            "normal numbers",
            "another distribution, with the same spread",
            Hint(
                "normal",
                "a control changes one thing: `build` draws normal weights, "
                "with nn.init.kaiming_normal_.",
            ),
        )


@checker
def centre(answer):
    """Exercise 5: images without a common offset, as large as before."""
    _centres(
        answer,
        np.array([[2.0, 5.0], [0.0, 1.0], [1.0, 3.0]]),
        np.array([[0.0, 4.0], [2.0, 8.0]]),
    )
    rng = fresh()
    try:
        _centres(answer, *(rng.exponential(size=(n, 3)) for n in (9, 5)))
    except NotYet as told:
        raise other_numbers("centre", "something else") from told
    return "no common offset, and the size of before."


def _centres(answer, x_train, x_test):
    """Raise NotYet unless the answer is right for these images."""
    mean = x_train.mean(axis=0)
    small, small_test = x_train - mean, x_test - mean
    grow = np.sqrt(np.mean(x_train**2) / np.mean(small**2))
    truth = small * grow, small_test * grow
    likes = {"the training images": x_train, "the test images": x_test}
    got = results(answer, "centre", x_train, x_test, likes=likes)
    hints = {
        Hint(
            "no factor",
            "the images have become smaller: the factor is missing.",
        ): (
            small,
            small_test,
        ),
        Hint(
            "no root",
            "a factor changes the mean square by its own square: take "
            "the root.",
        ): (
            small * grow**2,
            small_test * grow**2,
        ),
        Hint(
            "variance",
            "the mean square is not the variance: before, the offset "
            "was part of it.",
        ): tuple(
            part * x_train.std() / small.std() for part in (small, small_test)
        ),
        Hint("test factor", "the test images get the factor too."): (
            truth[0],
            small_test,
        ),
        Hint(
            "test mean",
            "the test images get the mean of the *training* images: "
            "networks do not know the test images.",
        ): (
            truth[0],
            (x_test - x_test.mean(axis=0)) * grow,
        ),
        Hint(
            "each pixel", "take one factor for all pixels, not one for each."
        ): (
            small / x_train.std(axis=0),
            small_test / x_train.std(axis=0),
        ),
    }
    for name, one, other in zip(likes, got, truth):
        if not close(one, other):
            offset = not close(one.mean(axis=0), 0) and one is got[0]
            raise wrong(
                f"{name} of centre({shown(x_train)}, {shown(x_test)})",
                shown(other),
                shown(one),
                Hint(
                    "axis",
                    "over the training images each pixel must have mean 0: "
                    "take the mean of each pixel, not of each image or of all "
                    "numbers.",
                )
                if offset
                else hint_for(
                    hints,
                    Hint(
                        "centre",
                        "one mean for each pixel, one factor for all, and both "
                        "from the training images.",
                    ),
                    lambda way: all(map(close, got, way)),
                ),
            )
