"""Wrong answers to the exercises of chapter 3, and what each is told."""

from types import SimpleNamespace

import numpy as np

from utils import activations as act
from utils.checks import sigmoid_tanh as check

GRADIENT = "a gradient with three significant digits, such as -0.123"
CHANCE = "a probability with three significant digits, such as 0.123"
RATIO = "a ratio such as 1.5"


def convert(scale=2, shift=1, inner=2, last=1, first=False, middle=True):
    """Return a to_sigmoid with the faults that the options bring in."""

    def answer(layers):
        new = []
        for place, (W, b) in enumerate(layers):
            if place or first:
                W, b = scale * W, b - shift * W.sum(axis=0)
            factor = inner if place < len(layers) - 1 else last
            if place and not middle:
                factor = 1
            new.append((factor * W, factor * b))
        return new

    return answer


to_sigmoid = convert()


def in_place(layers):
    for (W, b), (new_W, new_b) in zip(layers, to_sigmoid(layers)):
        W[:], b[:] = new_W, new_b
    return layers


def piecewise(x):
    with np.errstate(all="ignore"):
        return np.where(x > 0, -np.log1p(np.exp(-x)), np.log(act.sigmoid(x)))


def run(start, end, rates=(0.5, 1, 2), activation="Sigmoid", epochs=6):
    """Return what the checker reads of a training result, two seeds."""
    accuracy = np.zeros((epochs + 1, 2, len(rates)))
    accuracy[0] = np.array(start)[:, None]
    accuracy[-1] = end
    return SimpleNamespace(
        test_accuracy=accuracy,
        learning_rates=rates,
        skeleton=f"{activation}()",
    )


TANH = run([0.1, 0.125], [0.9, 0.95, 0.9], activation="Tanh")
PLAIN = run([0.125, 0.15], [0.5, 0.6, 0.5])
PEAK = [0.9, 0.95, 0.9]

# checker, answers, where it goes wrong, what is expected, what came, hint
WRONG = [
    (
        check.sure_and_wrong,
        (-1.98, -0.99, 0.333),
        "`grad_squared`",
        GRADIENT,
        "-1.98",
        "the slope of the unit, p(1 - p), is missing.",
    ),
    (
        check.sure_and_wrong,
        (-0.0098, -0.99, 0.333),
        "`grad_squared`",
        GRADIENT,
        "-0.0098",
        "the derivative of (p - y)^2 has a factor 2.",
    ),
    (
        check.sure_and_wrong,
        (0.0196, -0.99, 0.333),
        "`grad_squared`",
        GRADIENT,
        "0.0196",
        "the sign: p is too small, so the loss falls as z rises.",
    ),
    (
        check.sure_and_wrong,
        (0.0099, -0.99, 0.333),
        "`grad_squared`",
        GRADIENT,
        "0.0099",
        "that is the unit's slope alone; dL/dp = 2(p - y) is missing.",
    ),
    (
        check.sure_and_wrong,
        (-0.0198, -0.99, 0.333),
        "`grad_squared`",
        GRADIENT,
        "-0.0198",
        "the unit's slope is p(1 - p), not p.",
    ),
    (
        check.sure_and_wrong,
        (-0.02, -0.99, 0.333),
        "`grad_squared`",
        GRADIENT,
        "-0.02",
        "rounded too far: zeros in front are not significant digits.",
    ),
    (
        check.sure_and_wrong,
        (-0.495, -0.99, 0.333),
        "`grad_squared`",
        GRADIENT,
        "-0.495",
        "1/4 is the slope at z = 0; at p = 0.01 it is p(1 - p).",
    ),
    (
        check.sure_and_wrong,
        (-0.0196, -100, 0.333),
        "`grad_entropy`",
        GRADIENT,
        "-100",
        "that is dL/dp; the slope of the unit, p(1 - p), is missing.",
    ),
    (
        check.sure_and_wrong,
        (-0.0196, 0.99, 0.333),
        "`grad_entropy`",
        GRADIENT,
        "0.99",
        "the sign: p is too small, so the loss falls as z rises.",
    ),
    (
        check.sure_and_wrong,
        (-0.0196, 4.605, 0.333),
        "`grad_entropy`",
        GRADIENT,
        "4.605",
        "that is the loss itself, -ln p; its gradient is asked for.",
    ),
    (
        check.sure_and_wrong,
        (-0.0196, -0.0099, 0.333),
        "`grad_entropy`",
        GRADIENT,
        "-0.0099",
        "multiply dL/dp = -1/p by dp/dz = p(1 - p).",
    ),
    (
        check.sure_and_wrong,
        (-0.0196, -0.99, 0.5),
        "`steepest`",
        CHANCE,
        "0.5",
        "there the unit's slope is largest; but the error 1 - p is a factor, "
        "too, and grows to the left.",
    ),
    (
        check.sure_and_wrong,
        (-0.0196, -0.99, 0),
        "`steepest`",
        CHANCE,
        "0",
        "most wrong is not steepest: at p = 0 the unit's slope is 0.",
    ),
    (
        check.sure_and_wrong,
        (-0.0196, -0.99, 0.01),
        "`steepest`",
        CHANCE,
        "0.01",
        "at p = 0.01 the unit's slope is nearly 0; somewhat less wrong is "
        "steeper.",
    ),
    (
        check.sure_and_wrong,
        (-0.0196, -0.99, 0.667),
        "`steepest`",
        CHANCE,
        "0.667",
        "that is for y = 0; here the error is 1 - p.",
    ),
    (
        check.log_sigmoid,
        (lambda x: np.log(1 / (1 + np.exp(-x))),),
        "log_sigmoid([40, -40])",
        "[-4.24835e-18, -40]",
        "[0, -40]",
        "exp(-40) got lost beside a larger number: 1 + exp(-40) and sigmoid(40) "
        "round to 1, ln(1 + exp(40)) rounds to 40. np.log1p takes the small "
        "number itself.",
    ),
    (
        check.log_sigmoid,
        (lambda x: np.log(act.sigmoid(x)),),
        "log_sigmoid([40, -40])",
        "[-4.24835e-18, -40]",
        "[0, -40]",
        "exp(-40) got lost beside a larger number: 1 + exp(-40) and sigmoid(40) "
        "round to 1, ln(1 + exp(40)) rounds to 40. np.log1p takes the small "
        "number itself.",
    ),
    (
        check.log_sigmoid,
        (lambda x: x - np.log1p(np.exp(x)),),
        "log_sigmoid([40, -40])",
        "[-4.24835e-18, -40]",
        "[0, -40]",
        "exp(-40) got lost beside a larger number: 1 + exp(-40) and sigmoid(40) "
        "round to 1, ln(1 + exp(40)) rounds to 40. np.log1p takes the small "
        "number itself.",
    ),
    (
        check.log_sigmoid,
        (lambda x: np.log(act.sigmoid(x) + 1e-8),),
        "log_sigmoid([0, 1, -2])",
        "[-0.693147, -0.313262, -2.12693]",
        "[-0.693147, -0.313262, -2.12693], which differs in a digit behind "
        "these",
        "write ln sigmoid(x) so that exp only gets numbers that are not "
        "positive, and look at x > 0 and x < 0 apart.",
    ),
    (
        check.log_sigmoid,
        (lambda x: -np.log1p(np.exp(-x)),),
        "log_sigmoid([1000, -1000])",
        "[0, -1000]",
        "[-0, -inf]",
        "exp(1000) overflows, and sigmoid(-1000) rounds to 0; but its "
        "logarithm is an ordinary number, about x.",
    ),
    (
        check.log_sigmoid,
        (piecewise,),
        "log_sigmoid([1000, -1000])",
        "[0, -1000]",
        "[-0, -inf]",
        "exp(1000) overflows, and sigmoid(-1000) rounds to 0; but its "
        "logarithm is an ordinary number, about x.",
    ),
    (
        check.log_sigmoid,
        (lambda x: np.logaddexp(0, -x),),
        "log_sigmoid([0, 1, -2])",
        "[-0.693147, -0.313262, -2.12693]",
        "[0.693147, 0.313262, 2.12693]",
        "the logarithm of a number below 1 is negative.",
    ),
    (
        check.log_sigmoid,
        (lambda x: -np.logaddexp(0, x),),
        "log_sigmoid([0, 1, -2])",
        "[-0.693147, -0.313262, -2.12693]",
        "[-0.693147, -1.31326, -0.126928]",
        "that is ln sigmoid(-x).",
    ),
    (
        check.log_sigmoid,
        (lambda x: np.minimum(x, 0),),
        "log_sigmoid([0, 1, -2])",
        "[-0.693147, -0.313262, -2.12693]",
        "[0, 0, -2]",
        "close for large |x| only; ln(1 + exp(-|x|)) is missing.",
    ),
    (
        check.log_sigmoid,
        (lambda x: -np.log1p(np.exp(-np.abs(x))),),
        "log_sigmoid([0, 1, -2])",
        "[-0.693147, -0.313262, -2.12693]",
        "[-0.693147, -0.313262, -0.126928]",
        "for negative x the term x is missing: sigmoid(x) is exp(x) / (1 + "
        "exp(x)) there.",
    ),
    (
        check.log_sigmoid,
        (lambda x: np.log10(act.sigmoid(x)),),
        "log_sigmoid([0, 1, -2])",
        "[-0.693147, -0.313262, -2.12693]",
        "[-0.30103, -0.136048, -0.923713]",
        "np.log is the natural logarithm, and is wanted.",
    ),
    (
        check.log_sigmoid,
        (lambda x: np.log(np.clip(x, 1e-9, 1)),),
        "log_sigmoid([0, 1, -2])",
        "[-0.693147, -0.313262, -2.12693]",
        "[-20.7233, 0, -20.7233]",
        "write ln sigmoid(x) so that exp only gets numbers that are not "
        "positive, and look at x > 0 and x < 0 apart.",
    ),
    (
        check.log_sigmoid_slope,
        (lambda x: 1 - act.sigmoid(x),),
        "log_sigmoid_slope([40, -40])",
        "[4.24835e-18, 1]",
        "[0, 1]",
        "sigmoid(40) rounds to exactly 1, and 1 - 1 is 0; the slope is a "
        "sigmoid itself, which needs no subtraction.",
    ),
    (
        check.log_sigmoid_slope,
        (lambda x: np.exp(-x) / (1 + np.exp(-x)),),
        "log_sigmoid_slope([1000, -1000])",
        "[0, 1]",
        "[0, nan]",
        "exp(1000) overflows, and sigmoid(-1000) rounds to 0; inf / inf and 0 "
        "/ 0 are nan, so simplify before you divide.",
    ),
    (
        check.log_sigmoid_slope,
        (lambda x: act.sigmoid.derivative(x) / act.sigmoid(x),),
        "log_sigmoid_slope([1000, -1000])",
        "[0, 1]",
        "[0, nan]",
        "exp(1000) overflows, and sigmoid(-1000) rounds to 0; inf / inf and 0 "
        "/ 0 are nan, so simplify before you divide.",
    ),
    (
        check.log_sigmoid_slope,
        (act.sigmoid.derivative,),
        "log_sigmoid_slope([0, 1, -2])",
        "[0.5, 0.268941, 0.880797]",
        "[0.25, 0.196612, 0.104994]",
        "that is sigmoid's slope; the logarithm's slope, 1 / sigmoid, is a "
        "factor, too.",
    ),
    (
        check.log_sigmoid_slope,
        (lambda x: act.sigmoid(x),),
        "log_sigmoid_slope([0, 1, -2])",
        "[0.5, 0.268941, 0.880797]",
        "[0.5, 0.731059, 0.119203]",
        "the other way round: where sigmoid is near 1, its logarithm is flat.",
    ),
    (
        check.log_sigmoid_slope,
        (lambda x: 1 / act.sigmoid(x),),
        "log_sigmoid_slope([0, 1, -2])",
        "[0.5, 0.268941, 0.880797]",
        "[2, 1.36788, 8.38906]",
        "that is the slope of the logarithm alone; sigmoid's slope is a "
        "factor, too.",
    ),
    (
        check.mean_slopes,
        (0.25, 0.5),
        "`small`",
        RATIO,
        "0.25",
        "that is sigmoid's divided by tanh's.",
    ),
    (
        check.mean_slopes,
        (1, 2),
        "`small`",
        RATIO,
        "1",
        "both are steepest at 0, but not equally steep.",
    ),
    (
        check.mean_slopes,
        (2, 2),
        "`small`",
        RATIO,
        "2",
        "that is the ratio of the ranges; close to 0 the slopes at 0 decide.",
    ),
    (
        check.mean_slopes,
        (4, 4),
        "`large`",
        RATIO,
        "4",
        "that is the ratio at 0; few pre-activations are there now.",
    ),
    (
        check.mean_slopes,
        (4, 1),
        "`large`",
        RATIO,
        "1",
        "both means go to 0, but not their ratio.",
    ),
    (
        check.mean_slopes,
        (4, 0.5),
        "`large`",
        RATIO,
        "0.5",
        "far out tanh's slope is the smaller one, but what gets through, gets "
        "through near 0.",
    ),
    (
        check.mean_slopes,
        (4, 8),
        "`large`",
        RATIO,
        "8",
        "only pre-activations near 0 get through; how large is the area under "
        "each slope?",
    ),
    (
        check.to_sigmoid,
        (lambda layers: layers,),
        "for x = [1, -1] and [0.5, 2], the network to_sigmoid([[[[0.1], "
        "[-0.1]], [0.6]], [[[0.1]], [-0.5]]])",
        "[-0.433596, -0.45781]",
        "[-0.431003, -0.438936]",
        "nothing has changed: these are tanh's weights.",
    ),
    (
        check.to_sigmoid,
        (convert(inner=1),),
        "for x = [1, -1] and [0.5, 2], the network to_sigmoid([[[[0.1], "
        "[-0.1]], [0.6]], [[[0.1]], [-0.5]]])",
        "[-0.433596, -0.45781]",
        "[-0.462005, -0.477872]",
        "sigmoid(z) is not tanh(z) / 2 + 1/2; the z must be doubled first.",
    ),
    (
        check.to_sigmoid,
        (convert(shift=0),),
        "for x = [1, -1] and [0.5, 2], the network to_sigmoid([[[[0.1], "
        "[-0.1]], [0.6]], [[[0.1]], [-0.5]]])",
        "[-0.433596, -0.45781]",
        "[-0.333596, -0.35781]",
        "the -1 of 2s - 1 is missing: it shifts the next layer's biases.",
    ),
    (
        check.to_sigmoid,
        (convert(scale=1),),
        "for x = [1, -1] and [0.5, 2], the network to_sigmoid([[[[0.1], "
        "[-0.1]], [0.6]], [[[0.1]], [-0.5]]])",
        "[-0.433596, -0.45781]",
        "[-0.516798, -0.528905]",
        "the 2 of 2s - 1 is missing: it doubles the next layer's weights.",
    ),
    (
        check.to_sigmoid,
        (convert(shift=2),),
        "for x = [1, -1] and [0.5, 2], the network to_sigmoid([[[[0.1], "
        "[-0.1]], [0.6]], [[[0.1]], [-0.5]]])",
        "[-0.433596, -0.45781]",
        "[-0.533596, -0.55781]",
        "the shift must use the old weights: each input is 2s - 1, and -1 "
        "times W is not doubled.",
    ),
    (
        check.to_sigmoid,
        (convert(shift=-1),),
        "for x = [1, -1] and [0.5, 2], the network to_sigmoid([[[[0.1], "
        "[-0.1]], [0.6]], [[[0.1]], [-0.5]]])",
        "[-0.433596, -0.45781]",
        "[-0.233596, -0.25781]",
        "the -1 is subtracted, times the weights: the sign of the shift is "
        "wrong.",
    ),
    (
        check.to_sigmoid,
        (convert(last=2),),
        "for x = [1, -1] and [0.5, 2], the network to_sigmoid([[[[0.1], "
        "[-0.1]], [0.6]], [[[0.1]], [-0.5]]])",
        "[-0.433596, -0.45781]",
        "[-0.867193, -0.91562]",
        "no tanh comes after the last layer, so nothing is doubled for it.",
    ),
    (
        check.to_sigmoid,
        (convert(first=True),),
        "for x = [1, -1] and [0.5, 2], the network to_sigmoid([[[[0.1], "
        "[-0.1]], [0.6]], [[[0.1]], [-0.5]]])",
        "[-0.433596, -0.45781]",
        "[-0.423841, -0.470869]",
        "the first layer's input is x, not the output of a tanh.",
    ),
    (
        check.to_sigmoid,
        (convert(middle=False),),
        "for x = [1, -1] and [0.5, 2], the network to_sigmoid([[[[0.1, -0.1], "
        "[0.6, 0.1]], [-0.5, 0.4]], [[[1.3, 0.9], [-0.7, -1.3]], [-0.6, 0]], "
        "[[[-2.3], [-0.2]], [-1.2]]])",
        "[1.10658, -0.898959]",
        "[0.494061, -1.04891]",
        "put 2s - 1 for each tanh and multiply out, for the layer before it "
        "and for the one behind; a layer between two of them gets both.",
    ),
    (
        check.to_sigmoid,
        (lambda layers: to_sigmoid(layers)[:-1],),
        "for x = [1, -1] and [0.5, 2], the network to_sigmoid([[[[0.1], "
        "[-0.1]], [0.6]], [[[0.1]], [-0.5]]])",
        "two outputs",
        "the error ValueError: the shapes of (W, b) are not those it got",
        "call it yourself with this input.",
    ),
    (
        check.to_sigmoid,
        (in_place,),
        "for x = [1, -1] and [0.5, 2], the network to_sigmoid([[[[0.1], "
        "[-0.1]], [0.6]], [[[0.1]], [-0.5]]])",
        "two outputs",
        "the error ValueError: the layers it got have changed",
        "call it yourself with this input.",
    ),
    (
        check.control,
        (TANH, PLAIN, to_sigmoid),
        "`control`",
        "what `train` returns",
        "a function",
        "control = train(build, rates), with a function and a list.",
    ),
    (
        check.control,
        (TANH, PLAIN, TANH),
        "the activation of `control`",
        "nn.Sigmoid",
        "another",
        "the control is a sigmoid network; only its start is that of tanh.",
    ),
    (
        check.control,
        (TANH, PLAIN, run([0.1, 0.125], PEAK, epochs=12)),
        "`control`",
        "the epochs and seeds of the others",
        "12 epochs, 2 seeds",
        "a control differs in one thing only.",
    ),
    (
        check.control,
        (TANH, PLAIN, PLAIN),
        "the accuracy before training, seed by seed",
        "[0.1, 0.125]",
        "[0.125, 0.15]",
        "that is plain sigmoid's start; convert the layers first.",
    ),
    (
        check.control,
        (TANH, PLAIN, run([0.2, 0.1], PEAK)),
        "the accuracy before training, seed by seed",
        "[0.1, 0.125]",
        "[0.2, 0.1]",
        "another function than tanh's: convert what `start` draws.",
    ),
    (
        check.control,
        (TANH, PLAIN, run([0.1, 0.125], [0.7, 0.8, 0.9])),
        "the learning rates of `control`",
        "a best rate with a smaller and a larger one beside it",
        "2 as the best of [0.5, 1, 2]",
        "the true best may lie beyond; go on on that side.",
    ),
]
