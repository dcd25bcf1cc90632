"""Checkers for the exercises of chapter 3, sigmoid and tanh."""

import numpy as np

from utils import activations as act
from utils.checks.answers import (
    agrees,
    array,
    equals,
    number,
    readable,
    to_nine_digits,
)
from utils.checks.feedback import Hint, attempted, checker, need, shown, wrong


@checker
def sure_and_wrong(grad_squared, grad_entropy, steepest):
    """Exercise 1: gradients of a saturated unit that is wrong."""
    attempted(
        grad_squared=grad_squared, grad_entropy=grad_entropy, steepest=steepest
    )
    what = "a gradient with three significant digits, such as -0.123"
    equals(
        grad_squared,
        "grad_squared",
        -0.019602,
        {
            Hint(
                "squared no slope",
                "the slope of the unit, p(1 - p), is missing.",
            ): -1.98,
            Hint(
                "squared factor 2",
                "the derivative of (p - y)^2 has a factor 2.",
            ): -0.009801,
            Hint(
                "squared sign",
                "the sign is wrong: p is too small, so the loss falls as z "
                "rises.",
            ): 0.019602,
            Hint(
                "squared slope",
                "that is the unit's slope alone: dL/dp = 2(p - y) is missing.",
            ): 0.0099,
            Hint("squared p", "the unit's slope is p(1 - p), not p."): -0.0198,
            Hint(
                "squared rounded",
                "that is rounded too far: leading zeros are not "
                "significant digits.",
            ): -0.02,
            Hint(
                "squared quarter",
                "1/4 is the slope at z = 0: at p = 0.01 it is p(1 - p).",
            ): -0.495,
        },
        Hint("squared", "multiply dL/dp = 2(p - y) by dp/dz = p(1 - p)."),
        what,
        rtol=0.004,
    )
    equals(
        grad_entropy,
        "grad_entropy",
        -0.99,
        {
            Hint(
                "entropy no slope",
                "that is dL/dp: the slope of the unit, p(1 - p), is missing.",
            ): -100,
            Hint(
                "entropy sign",
                "the sign is wrong: p is too small, so the loss falls as z "
                "rises.",
            ): 0.99,
            Hint(
                "entropy loss",
                "that is the loss itself, -ln p: give its gradient.",
            ): 4.60517,
            Hint(
                "entropy slope",
                "that is the unit's slope alone: dL/dp = -1/p is missing.",
            ): 0.0099,
        },
        Hint("entropy", "multiply dL/dp = -1/p by dp/dz = p(1 - p)."),
        what,
        rtol=0.004,
    )
    equals(
        steepest,
        "steepest",
        1 / 3,
        {
            Hint(
                "steepest half",
                "the unit's slope is largest there, but the error 1 - p is "
                "a factor too, and grows to the left.",
            ): 1 / 2,
            Hint(
                "steepest 0",
                "most wrong is not steepest: at p = 0 the unit's slope is 0.",
            ): 0,
            Hint(
                "steepest start",
                "at p = 0.01 the unit's slope is nearly 0: being a little "
                "less wrong is steeper.",
            ): 0.01,
            Hint(
                "steepest other", "that is for y = 0: here the error is 1 - p."
            ): 2 / 3,
        },
        Hint(
            "steepest",
            "where is the derivative of p (1 - p)^2 with respect to p zero?",
        ),
        "a probability with three significant digits, such as 0.123",
        rtol=0.011,
    )
    return "cross-entropy cancels the slope, the squared error does not."


NUMBERS = [
    np.array(x)
    for x in (
        [0.0, 1.0, -2.0],
        [[3.0, -3.0], [0.5, -0.5]],
        [40.0, -40.0],
        [1000.0, -1000.0],
        [np.inf, -np.inf],
        [np.nan, 1.0],
        [-1000.0],
        -40.0,
    )
]


def _all_sizes(rng):
    # Beyond 700 results are so small that no formula keeps all digits.
    sizes = 10.0 ** rng.uniform(-8, np.log10(700), (2, 500))
    signs = rng.choice([-1, 1], (2, 500))
    return [(np.linspace(-45, 45, 9001),), (signs * sizes,)]


def _to_nine_digits(answer, name, truth, ways, hint):
    """Raise NotYet where the function `answer` is not `truth`."""
    agrees(
        answer,
        name,
        truth,
        [(x,) for x in NUMBERS],
        ways,
        hint,
        "an array like x",
        _all_sizes,
        to_nine_digits,
    )


@checker
def log_sigmoid(answer):
    """Exercise 2: the logarithm of sigmoid, without losing digits."""
    _to_nine_digits(
        answer,
        "log_sigmoid",
        lambda x: np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x))),
        {
            Hint(
                "overflow",
                "exp(1000) overflows and sigmoid(-1000) rounds to 0, but "
                "its logarithm is an ordinary number, about x.",
            ): lambda x: -np.log1p(np.exp(-x)),
            Hint(
                "lost digits",
                "exp(-40) is lost beside a larger number: 1 + exp(-40) and "
                "sigmoid(40) round to 1, and ln(1 + exp(40)) rounds to 40. "
                "np.log1p takes the small number itself.",
            ): lambda x: np.log(act.sigmoid(x)),
            Hint(
                "sign", "the logarithm of a number below 1 is negative."
            ): lambda x: np.logaddexp(0, -x),
            Hint("mirrored", "that is ln sigmoid(-x)."): lambda x: (
                -np.logaddexp(0, x)
            ),
            Hint(
                "ends",
                "that is close for large |x| only: ln(1 + exp(-|x|)) is "
                "missing.",
            ): lambda x: np.minimum(x, 0),
            Hint(
                "no x",
                "for negative x the term x is missing: there sigmoid(x) is "
                "exp(x) / (1 + exp(x)).",
            ): lambda x: -np.log1p(np.exp(-np.abs(x))),
            Hint(
                "base 10", "the natural logarithm is wanted, which is np.log."
            ): lambda x: np.log10(act.sigmoid(x)),
        },
        Hint(
            "log",
            "write ln sigmoid(x) so that exp only ever receives "
            "numbers that are not positive, and treat x > 0 and x < 0 "
            "separately.",
        ),
    )
    return "log_sigmoid keeps its digits from -inf to inf."


@checker
def log_sigmoid_slope(answer):
    """Exercise 2: the slope of the logarithm of sigmoid."""
    _to_nine_digits(
        answer,
        "log_sigmoid_slope",
        lambda x: act.sigmoid(-x),
        {
            Hint(
                "one minus",
                "sigmoid(40) rounds to exactly 1, and 1 - 1 is 0: the "
                "slope is itself a sigmoid, and needs no subtraction.",
            ): lambda x: 1 - act.sigmoid(x),
            Hint(
                "ratio",
                "exp(1000) overflows and sigmoid(-1000) rounds to 0, and "
                "inf / inf and 0 / 0 are nan: simplify before you divide.",
            ): lambda x: np.exp(-x) / (1 + np.exp(-x)),
            Hint(
                "sigmoid's",
                "that is sigmoid's slope: the slope of the logarithm, 1 / "
                "sigmoid, is a factor too.",
            ): act.sigmoid.derivative,
            Hint(
                "mirrored",
                "that is the wrong way round: where sigmoid is near 1, its "
                "logarithm is flat.",
            ): act.sigmoid,
            Hint(
                "logarithm's",
                "that is the slope of the logarithm alone: sigmoid's slope "
                "is a factor too.",
            ): lambda x: 1 / act.sigmoid(x),
        },
        Hint(
            "log slope",
            "it is sigmoid'(x) / sigmoid(x): put s(1 - s) for the numerator.",
        ),
    )
    return "log_sigmoid_slope keeps its digits from -inf to inf."


@checker
def mean_slopes(small, large):
    """Exercise 3: predict which function passes on more on average."""
    what = "a ratio such as 1.5"
    readable(what, small=small, large=large)
    equals(
        small,
        "small",
        4,
        {
            Hint(
                "small inverse", "that is sigmoid's slope divided by tanh's."
            ): 1 / 4,
            Hint(
                "small equal", "both are steepest at 0, but not equally steep."
            ): 1,
            Hint(
                "small ranges",
                "that is the ratio of the ranges: close to 0 it is the "
                "slopes at 0 that decide.",
            ): 2,
        },
        Hint(
            "small",
            "for a tiny s all pre-activations are near 0: what are the "
            "slopes there?",
        ),
        what,
        rtol=0.01,
    )
    ratio = number(large, "large", what)
    equals(
        ratio,
        "large",
        2,
        {
            Hint(
                "large at 0",
                "that is the ratio at 0, and few pre-activations are there "
                "now.",
            ): 4,
            Hint(
                "large equal",
                "both means go to 0, but their ratio does not go to 1.",
            ): 1,
        },
        Hint(
            "large below 1",
            "far out tanh's slope is the smaller one, but what gets "
            "through gets through near 0.",
        )
        if ratio < 1
        else Hint(
            "large",
            "only pre-activations near 0 get through: how large is the "
            "area under each slope?",
        ),
        what,
        rtol=0.01,
    )
    return "the slopes at 0 decide for a tiny s, the ranges for a huge one."


def _run(layers, activation):
    """Return the outputs of a network for two inputs."""
    a = np.array([[1.0, -1.0], [0.5, 2.0]])
    for place, (W, b) in enumerate(layers):
        a = a @ W + b
        if place < len(layers) - 1:
            a = activation(a)
    return a.ravel()


def _layers(*sizes, rng=None):
    rng = rng or np.random.default_rng(0)
    return [
        (np.round(rng.normal(size=(n, m)), 1), np.round(rng.normal(size=m), 1))
        for n, m in zip(sizes, sizes[1:])
    ]


def _converted(layers, scale=2, shift=1, inner=2, last=1, first=False):
    """Return sigmoid layers; other than the defaults are mistakes."""
    new = []
    for place, (W, b) in enumerate(layers):
        if place > 0 or first:
            W, b = scale * W, b - shift * W.sum(axis=0)
        factor = inner if place < len(layers) - 1 else last
        new.append((factor * W, factor * b))
    return new


def _shaped_as(old, W, name):
    """Return `W` as an array; raise NotYet if its shape is not the old one."""
    W = array(W, name, "an array")
    need(
        W.shape == old.shape,
        name,
        f"shape {old.shape}",
        f"shape {W.shape}",
        Hint("shape", "the conversion changes numbers, not shapes."),
    )
    return W


@checker
def to_sigmoid(answer):
    """Exercise 4: turn a tanh network into a sigmoid network."""
    attempted(to_sigmoid=answer)

    def outputs(layers):
        new = answer(layers)
        if new is None:
            return None
        new = [tuple(pair) for pair in new]
        need(
            [len(pair) for pair in new] == [2] * len(layers),
            "the layers that to_sigmoid returns",
            f"a list of {len(layers)} pairs (W, b), as it got",
            shown(new),
            Hint("pairs", "return a pair (W, b) for each of the layers."),
        )
        return _run(
            [
                (
                    _shaped_as(old_W, W, f"the W of layer {n}"),
                    array(b, f"the b of layer {n}", "an array", old_b.shape),
                )
                for n, ((old_W, old_b), (W, b)) in enumerate(
                    zip(layers, new), 1
                )
            ],
            act.sigmoid,
        )

    def mistake(**how):
        return lambda layers: _run(_converted(layers, **how), act.sigmoid)

    agrees(
        outputs,
        "for x = [1, -1] and [0.5, 2], the network to_sigmoid",
        lambda layers: _run(layers, np.tanh),
        [(_layers(2, 1, 1),), (_layers(2, 2, 1),), (_layers(2, 2, 2, 1),)],
        {
            Hint(
                "unchanged",
                "nothing has changed: these are the weights for tanh.",
            ): mistake(scale=1, shift=0, inner=1),
            Hint(
                "no doubling",
                "sigmoid(z) is not tanh(z) / 2 + 1/2: z must be doubled "
                "first.",
            ): mistake(inner=1),
            Hint(
                "no shift",
                "the -1 of 2s - 1 is missing: it shifts the next layer's "
                "biases.",
            ): mistake(shift=0),
            Hint(
                "no scale",
                "the 2 of 2s - 1 is missing: it doubles the next layer's "
                "weights.",
            ): mistake(scale=1),
            Hint(
                "double shift",
                "the shift takes the old weights: each input is 2s - 1, "
                "and -1 times W is not doubled.",
            ): mistake(shift=2),
            Hint(
                "shift sign",
                "the sign of the shift is wrong: the 1 is subtracted, "
                "times the weights.",
            ): mistake(shift=-1),
            Hint(
                "last doubled",
                "no tanh comes after the last layer, so nothing is doubled "
                "for it.",
            ): mistake(last=2),
            Hint(
                "first shifted",
                "the first layer's input is x, not the output of a tanh.",
            ): mistake(first=1),
        },
        Hint(
            "convert",
            "put 2s - 1 for each tanh and multiply out, for the layer "
            "before it and for the one after it. A layer between two "
            "of them gets both.",
        ),
        "two outputs",
        lambda rng: [
            (_layers(*sizes, rng=rng),)
            for sizes in ((2, 4, 3), (2, 3, 5, 4, 2))
        ],
    )
    return "the same function, with one hidden layer and with two."


@checker
def control(tanh, sigmoid, answer):
    """Exercise 5: sigmoid networks that start as the tanh networks do."""
    runs = {"tanh": tanh, "sigmoid": sigmoid, "control": answer}
    attempted(**runs)
    for name, run in runs.items():
        if type(run).__name__ != "ModulesResult":
            raise wrong(
                f"`{name}`",
                "what `train` returns",
                shown(run),
                Hint(
                    "a run",
                    "control = train(build, rates), with a function and a "
                    "list of rates.",
                ),
            )
    if not _is_sigmoid(answer):
        raise wrong(
            "the network of `control`",
            "linear layers with sigmoid between them",
            "another function of the same weights",
            Hint(
                "sigmoid",
                "the control is a sigmoid network: only its "
                "initialisation corresponds to the tanh network.",
            ),
        )
    accuracy = answer.test_accuracy
    if accuracy.shape[:2] != tanh.test_accuracy.shape[:2] or (
        answer.seeds != tanh.seeds
    ):
        raise wrong(
            "`control`",
            "the epochs and seeds of the others",
            f"{len(accuracy) - 1} epochs, {accuracy.shape[1]} seeds",
            Hint("setting", "a control differs in one thing only."),
        )
    ours, tanhs, plain = (
        run.test_accuracy[0, :, 0] for run in (answer, tanh, sigmoid)
    )
    # One image of 360 may change sides by rounding.
    if np.abs(ours - tanhs).max() > 0.003:
        raise wrong(
            "the accuracy before training, seed by seed",
            shown(tanhs.round(3)),
            shown(ours.round(3)),
            (
                Hint(
                    "plain",
                    "that is plain sigmoid's initialisation: convert the "
                    "layers first.",
                )
                if np.array_equal(ours, plain)
                else Hint(
                    "another function",
                    "that is not the function of the tanh network: convert "
                    "what `start` draws.",
                )
            ),
        )
    rates = list(answer.learning_rates)
    best = rates[accuracy[-1].mean(axis=0).argmax()]
    if best in (min(rates), max(rates)):
        raise wrong(
            "the learning rates of `control`",
            "a best rate with a smaller and a larger one beside it",
            f"{best:g} as the best of {shown(rates)}",
            Hint(
                "edge",
                "the true best may lie further on: try rates beyond it on "
                "that side.",
            ),
        )
    return "the same functions at the start, with rates of their own."


def _is_sigmoid(run):
    """Return whether the networks of a run are layers and sigmoids."""
    import torch
    from torch import nn

    network = run.network(run.seeds[0], run.learning_rates[0]).double()
    a = x = torch.linspace(-2, 2, 5 * 64, dtype=torch.float64).reshape(5, 64)
    linear = [part for part in network.modules() if type(part) is nn.Linear]
    with torch.no_grad():
        for place, layer in enumerate(linear):
            a = layer(torch.sigmoid(a) if place else a)
        return torch.allclose(network(x), a)
