"""Checkers for the exercises of chapter 3, sigmoid and tanh."""

import copy

import numpy as np

from utils import activations as act
from utils.checks.answers import agrees, close, equals, number, result
from utils.checks.feedback import attempted, checker, shown, wrong


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
            "the slope of the unit, p(1 - p), is missing.": -1.98,
            "the derivative of (p - y)^2 has a factor 2.": -0.009801,
            "the sign: p is too small, so the loss falls as z rises.": 0.019602,
            "that is the unit's slope alone; dL/dp = 2(p - y) is missing.": 0.0099,
            "the unit's slope is p(1 - p), not p.": -0.0198,
            "rounded too far: zeros in front are not significant digits.": -0.02,
            "1/4 is the slope at z = 0; at p = 0.01 it is p(1 - p).": -0.495,
        },
        "multiply dL/dp = 2(p - y) by dp/dz = p(1 - p).",
        what,
        rtol=0.004,
    )
    equals(
        grad_entropy,
        "grad_entropy",
        -0.99,
        {
            "that is dL/dp; the slope of the unit, p(1 - p), is missing.": -100,
            "the sign: p is too small, so the loss falls as z rises.": 0.99,
            "that is the loss itself, -ln p; its gradient is asked for.": 4.60517,
            "that is the unit's slope alone; dL/dp = -1/p is missing.": 0.0099,
        },
        "multiply dL/dp = -1/p by dp/dz = p(1 - p).",
        what,
        rtol=0.004,
    )
    equals(
        steepest,
        "steepest",
        1 / 3,
        {
            "there the unit's slope is largest; but the error 1 - p is a factor, "
            "too, and grows to the left.": 1 / 2,
            "most wrong is not steepest: at p = 0 the unit's slope is 0.": 0,
            "at p = 0.01 the unit's slope is nearly 0; somewhat less wrong is "
            "steeper.": 0.01,
            "that is for y = 0; here the error is 1 - p.": 2 / 3,
        },
        "where is the derivative of p (1 - p)^2 with respect to p zero?",
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
    )
]


def _to_nine_digits(answer, name, truth, ways, hint):
    """Raise NotYet where the function `answer` is not `truth`."""

    def same(a, b):
        # Numbers near 0 count as much as others: no absolute tolerance.
        return np.allclose(a, b, rtol=1e-9, atol=0, equal_nan=True)

    attempted(**{name: answer})
    for x in NUMBERS:
        value = result(answer, name, x, like=x, what="an array like x")
        if not same(value, truth(x)):
            with np.errstate(all="ignore"):
                known = [way for way in ways if same(value, ways[way](x))]
            expected, got = shown(truth(x)), shown(value)
            if got == expected:
                got += ", which differs in a digit behind these"
            raise wrong(
                f"{name}({shown(x)})", expected, got, [*known, hint][0]
            )


@checker
def log_sigmoid(answer):
    """Exercise 2: the logarithm of sigmoid, without losing digits."""
    _to_nine_digits(
        answer,
        "log_sigmoid",
        lambda x: np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x))),
        {
            "exp(1000) overflows, and sigmoid(-1000) rounds to 0; but its "
            "logarithm is an ordinary number, about x.": lambda x: (
                -np.log1p(np.exp(-x))
            ),
            "exp(-40) got lost beside a larger number: 1 + exp(-40) and "
            "sigmoid(40) round to 1, ln(1 + exp(40)) rounds to 40. np.log1p "
            "takes the small number itself.": lambda x: np.log(act.sigmoid(x)),
            "the logarithm of a number below 1 is negative.": lambda x: (
                np.logaddexp(0, -x)
            ),
            "that is ln sigmoid(-x).": lambda x: -np.logaddexp(0, x),
            "close for large |x| only; ln(1 + exp(-|x|)) is missing.": lambda x: (
                np.minimum(x, 0)
            ),
            "for negative x the term x is missing: sigmoid(x) is exp(x) / "
            "(1 + exp(x)) there.": lambda x: -np.log1p(np.exp(-np.abs(x))),
            "np.log is the natural logarithm, and is wanted.": lambda x: (
                np.log10(act.sigmoid(x))
            ),
        },
        "write ln sigmoid(x) so that exp only gets numbers that are not "
        "positive, and look at x > 0 and x < 0 apart.",
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
            "sigmoid(40) rounds to exactly 1, and 1 - 1 is 0; the slope is a "
            "sigmoid itself, which needs no subtraction.": lambda x: (
                1 - act.sigmoid(x)
            ),
            "exp(1000) overflows, and sigmoid(-1000) rounds to 0; inf / inf and "
            "0 / 0 are nan, so simplify before you divide.": lambda x: (
                np.exp(-x) / (1 + np.exp(-x))
            ),
            "that is sigmoid's slope; the logarithm's slope, 1 / sigmoid, is a "
            "factor, too.": act.sigmoid.derivative,
            "the other way round: where sigmoid is near 1, its logarithm is "
            "flat.": act.sigmoid,
            "that is the slope of the logarithm alone; sigmoid's slope is a "
            "factor, too.": lambda x: 1 / act.sigmoid(x),
        },
        "it is sigmoid'(x) / sigmoid(x): put s(1 - s) for the numerator.",
    )
    return "log_sigmoid_slope keeps its digits from -inf to inf."


@checker
def mean_slopes(small, large):
    """Exercise 3: predict which function passes on more on average."""
    attempted(small=small, large=large)
    what = "a ratio such as 1.5"
    equals(
        small,
        "small",
        4,
        {
            "that is sigmoid's divided by tanh's.": 1 / 4,
            "both are steepest at 0, but not equally steep.": 1,
            "that is the ratio of the ranges; close to 0 the slopes at 0 "
            "decide.": 2,
        },
        "for a tiny s all pre-activations are near 0; which slopes are there?",
        what,
        rtol=0.01,
    )
    ratio = number(large, "large", what)
    equals(
        ratio,
        "large",
        2,
        {
            "that is the ratio at 0; few pre-activations are there now.": 4,
            "both means go to 0, but not their ratio.": 1,
        },
        "far out tanh's slope is the smaller one, but what gets through, gets "
        "through near 0."
        if ratio < 1
        else "only pre-activations near 0 get through; how large is the area under "
        "each slope?",
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
    return a[:, 0]


def _layers(*sizes):
    rng = np.random.default_rng(0)
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


@checker
def to_sigmoid(answer):
    """Exercise 4: turn a tanh network into a sigmoid network."""
    attempted(to_sigmoid=answer)

    def outputs(layers):
        before = copy.deepcopy(layers)
        new = answer(layers)
        if not all(
            close(a, b)
            for one, other in zip(before, layers)
            for a, b in zip(one, other)
        ):
            raise ValueError("the layers it got have changed")
        if new is None:
            return None
        old, found = (
            [(np.shape(W), np.shape(b)) for W, b in network]
            for network in (layers, new)
        )
        if old != found:
            raise ValueError("the shapes of (W, b) are not those it got")
        return _run(new, act.sigmoid)

    def mistake(**how):
        return lambda layers: _run(_converted(layers, **how), act.sigmoid)

    agrees(
        outputs,
        "for x = [1, -1] and [0.5, 2], the network to_sigmoid",
        lambda layers: _run(layers, np.tanh),
        [(_layers(2, 1, 1),), (_layers(2, 2, 1),), (_layers(2, 2, 2, 1),)],
        {
            "nothing has changed: these are tanh's weights.": mistake(
                scale=1, shift=0, inner=1
            ),
            "sigmoid(z) is not tanh(z) / 2 + 1/2; the z must be doubled "
            "first.": mistake(inner=1),
            "the -1 of 2s - 1 is missing: it shifts the next layer's biases.": mistake(
                shift=0
            ),
            "the 2 of 2s - 1 is missing: it doubles the next layer's weights.": mistake(
                scale=1
            ),
            "the shift must use the old weights: each input is 2s - 1, and -1 "
            "times W is not doubled.": mistake(shift=2),
            "the -1 is subtracted, times the weights: the sign of the shift is "
            "wrong.": mistake(shift=-1),
            "no tanh comes after the last layer, so nothing is doubled for it.": mistake(
                last=2
            ),
            "the first layer's input is x, not the output of a tanh.": mistake(
                first=1
            ),
        },
        "put 2s - 1 for each tanh and multiply out, for the layer before it "
        "and for the one behind; a layer between two of them gets both.",
        "two outputs",
    )
    return "the same function, with one hidden layer and with two."


@checker
def control(tanh, sigmoid, answer):
    """Exercise 5: sigmoid networks that start as the tanh networks do."""
    runs = {"tanh": tanh, "sigmoid": sigmoid, "control": answer}
    attempted(**runs)
    for name, run in runs.items():
        if not hasattr(run, "skeleton"):
            raise wrong(
                f"`{name}`",
                "what `train` returns",
                shown(run),
                "control = train(build, rates), with a function and a list.",
            )
    if "Sigmoid" not in str(answer.skeleton):
        raise wrong(
            "the activation of `control`",
            "nn.Sigmoid",
            "another",
            "the control is a sigmoid network; only its start is "
            "that of tanh.",
        )
    accuracy = answer.test_accuracy
    if accuracy.shape[:2] != tanh.test_accuracy.shape[:2]:
        raise wrong(
            "`control`",
            "the epochs and seeds of the others",
            f"{len(accuracy) - 1} epochs, {accuracy.shape[1]} seeds",
            "a control differs in one thing only.",
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
                "that is plain sigmoid's start; convert the layers first."
                if np.array_equal(ours, plain)
                else "another function than tanh's: convert what `start` draws."
            ),
        )
    rates = list(answer.learning_rates)
    best = rates[accuracy[-1].mean(axis=0).argmax()]
    if best in (min(rates), max(rates)):
        raise wrong(
            "the learning rates of `control`",
            "a best rate with a smaller and a larger one beside it",
            f"{best:g} as the best of {shown(rates)}",
            "the true best may lie beyond; go on on that side.",
        )
    return "the same functions at the start, with rates of their own."
