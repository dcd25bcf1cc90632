"""Checkers for the exercises of chapter 1, the definition."""

import functools

import numpy as np

from utils import activations as act
from utils.checks.answers import (
    agrees,
    array,
    close,
    equals,
    hint_for,
    results,
)
from utils.checks.feedback import attempted, checker, shown, wrong


@checker
def neuron(grad_w_first, grad_b_first, grad_x_first, grad_w_second):
    """Exercise 1: gradients of one neuron, by hand."""
    attempted(
        grad_w_first=grad_w_first,
        grad_b_first=grad_b_first,
        grad_x_first=grad_x_first,
        grad_w_second=grad_w_second,
    )
    pair = "two numbers such as [1, -1]"
    equals(
        grad_w_first,
        "grad_w_first",
        [4, 8],
        {
            "that is the gradient with respect to x; dz/dw is x.": [12, 4],
            "that leaves out dL/dh = 2(h - 1).": [1, 2],
            "the derivative of (h - 1)^2 has a factor 2.": [2, 4],
            "that multiplies by h; ReLU's slope at z = 3 is 1, not 3.": [
                12,
                24,
            ],
            "the bias is missing in z.": [8, 16],
            "the sign: h is above 1, so the loss rises with h.": [-4, -8],
        },
        "multiply three slopes: dL/dh, dh/dz and dz/dw.",
        pair,
    )
    equals(
        grad_b_first,
        "grad_b_first",
        4,
        {
            "that has the bias as a factor; dz/db is 1, whatever b is.": -8,
            "the derivative of (h - 1)^2 has a factor 2.": 2,
            "that leaves out dL/dh = 2(h - 1).": 1,
        },
        "dz/db is 1, so only dL/dh and dh/dz are left.",
        "a number such as -1.5",
    )
    equals(
        grad_x_first,
        "grad_x_first",
        [12, 4],
        {
            "that is the gradient with respect to w; dz/dx is w.": [4, 8],
            "that leaves out dL/dh = 2(h - 1).": [3, 1],
        },
        "multiply three slopes: dL/dh, dh/dz and dz/dx.",
        pair,
    )
    equals(
        grad_w_second,
        "grad_w_second",
        [0, 0],
        {
            "z is negative here: which slope does ReLU have there?": [2, -4],
            "that goes on with z = -3 itself; h is ReLU(z).": [8, -16],
        },
        "find z first, then ReLU's slope there.",
        pair,
    )
    return "all four; the second input does not reach the weights."


EDGES = [
    (np.array([5.0, -3.0, 0.5]),),
    (np.array([0.0, -0.0]),),
    (np.array([[1.0, -1.0], [-2.0, 2.0]]),),
    (np.array([np.inf, -np.inf]),),
    (np.array([np.nan, -1.0]),),
    (np.array([1e-320, -1e-320, 1e308, -1e308]),),
]


@checker
def relu(answer):
    """Exercise 2: ReLU for every number there is."""
    agrees(
        answer,
        "relu",
        act.relu,
        EDGES,
        {
            "that is |x|: negative numbers become 0, not positive.": np.abs,
            "-inf * 0 is nan: a product cannot cut off infinity.": lambda x: (
                x * (x > 0)
            ),
            "-inf + inf is nan: a sum cannot cut off infinity.": lambda x: (
                (x + np.abs(x)) / 2
            ),
            "nan became 0; it is not above 0, but not below it either.": lambda x: (
                np.where(x > 0, x, 0)
            ),
            "that keeps the smaller of x and 0.": lambda x: np.minimum(x, 0),
            "that is the identity.": lambda x: x,
            "that is the derivative.": lambda x: np.where(x > 0, 1.0, 0.0),
        },
        "compare each number with 0 and keep the larger.",
        "an array like x",
    )
    return "relu agrees for zeros, infinities, nan and the largest numbers."


@checker
def relu_derivative(answer):
    """Exercise 2: ReLU's derivative for every number there is."""

    def step(at_zero):
        return lambda x: np.where(x == 0, at_zero, np.where(x > 0, 1.0, 0.0))

    agrees(
        answer,
        "relu_derivative",
        act.relu.derivative,
        EDGES,
        {
            "that is ReLU itself; a slope is 0 or 1.": act.relu,
            "a slope of -1 would belong to |x|.": np.sign,
            "right at 0 by another convention; PyTorch takes 0 there.": step(
                1
            ),
            "1/2 is in the sub-gradient interval, but PyTorch takes 0.": step(
                0.5
            ),
            "every comparison with nan is False: nan became a number.": step(
                0
            ),
            "ReLU(x) / x is 0 / 0 at 0, and inf / inf at infinity: both are "
            "nan.": lambda x: act.relu(x) / x,
        },
        "the slope is 1 right of 0 and 0 left of it.",
        "an array like x",
    )
    return "relu_derivative agrees, at 0 and for nan as well."


@checker
def rescale(output_factor, gradient_factor):
    """Exercise 3: predict what rescaling two layers changes."""
    attempted(output_factor=output_factor, gradient_factor=gradient_factor)
    what = "a factor such as 2"
    equals(
        output_factor,
        "output_factor",
        1,
        {
            "that is W's factor alone; v was divided by 4.": 4,
            "that is v's factor alone; W and b were multiplied by 4.": 1 / 4,
            "ReLU(4z) is 4 ReLU(z): the factors 4 and 1/4 meet.": 16,
        },
        "what is ReLU(4z), for positive and for negative z?",
        what,
    )
    equals(
        gradient_factor,
        "gradient_factor",
        1 / 4,
        {
            "the function is the same, but its gradient with respect to W also "
            "contains v.": 1,
            "W is larger, but dy/dW contains v and x, not W.": 4,
            "the step relative to W is a sixteenth; the gradient is not.": 1
            / 16,
        },
        "write dy/dW as a product; which factors changed?",
        what,
    )
    return "the function stays, and its gradient does not."


@checker
def layer_backward(answer):
    """Exercise 4: the backward pass of a layer, from its output."""
    attempted(layer_backward=answer)
    X = np.array([[1.0, 2.0, -1.0], [0.0, -1.0, 3.0]])
    W = np.array([[1.0, 0.0, 1.0], [-1.0, 1.0, 0.0]])
    b = np.array([0.5, 0.5])
    grad_H = np.array([[2.0, -1.0], [3.0, 5.0]])

    def through(grad_Z):
        return grad_Z @ W, grad_Z.T @ X, grad_Z.sum(axis=0)

    H = act.relu(X @ W.T + b)
    grad_Z = grad_H * (H > 0)
    truth = through(grad_Z)
    ways = {
        "nothing is masked: a silent unit passes nothing on, and its H is "
        "0.": through(grad_H),
        "the mask looks at the gradient's sign; whether the unit was on "
        "decides.": through(grad_H * (grad_H > 0)),
        "the gradient was multiplied by H; ReLU's slope is 0 or 1.": through(
            grad_H * H
        ),
        "X W^T is Z without its bias, and has other signs; where does H "
        "show those of Z?": through(grad_H * (X @ W.T > 0)),
        "the mask is the wrong way round: a gradient passes where the unit "
        "was on.": through(grad_H * (H == 0)),
        "the loss says how the samples are combined: sum over them, do not "
        "take the mean.": (truth[0], truth[1] / 2, truth[2] / 2),
        "a row of grad_W belongs to one unit and sums over the N samples; "
        "that mixes the units.": (None, grad_Z @ X, None),
        "each unit has a bias: sum over the N samples, not over the units.": (
            None,
            None,
            grad_Z.sum(axis=1),
        ),
    }
    names = "grad_X", "grad_W", "grad_b"
    got = results(
        answer,
        "layer_backward",
        X,
        W,
        H,
        grad_H,
        likes=dict(zip(names, truth)),
    )
    for i, name in enumerate(names):
        if not close(got[i], truth[i]):
            known = {
                hint: way[i]
                for hint, way in ways.items()
                if way[i] is not None
            }
            raise wrong(
                f"{name} of layer_backward(X, W, H, grad_H)\n  with X = "
                f"{shown(X)}, W = {shown(W)}, H = {shown(H)}, grad_H = "
                f"{shown(grad_H)}",
                shown(truth[i]),
                shown(got[i]),
                hint_for(
                    known,
                    "go back through ReLU first, then through the sum.",
                    functools.partial(close, got[i]),
                ),
            )
    return "all three gradients; H > 0 where Z > 0, so H is enough."


@checker
def second_moments(low, high):
    """Exercise 5: samples whose second moment ReLU does not halve."""
    attempted(low=low, high=high)
    lower = _sample(low, "low", "below 0.1")
    upper = _sample(high, "high", "above 0.9")
    return (
        f"{lower:.2f} and {upper:.2f}, with the same mean and the same "
        "variance."
    )


def _sample(answer, name, wanted):
    """Return the mean of ReLU(z)^2 over a sample, or raise NotYet."""
    z = array(answer, name, "an array of numbers")
    if z.ndim != 1 or z.size < 2:
        raise wrong(
            f"`{name}`",
            "a one-dimensional array of two or more numbers",
            f"shape {z.shape}",
            "np.array([-1.0, 1.0]) is one, with mean 0 and variance 1.",
        )
    if not close(z.mean(), 0, atol=0.005):
        raise wrong(
            f"the mean of `{name}`",
            "0",
            shown(z.mean()),
            "subtract the mean before you divide by the spread.",
        )
    if not close(z.var(), 1, atol=0.005):
        raise wrong(
            f"the variance of `{name}`",
            "1",
            shown(z.var()),
            "divide by z.std(), the root of the variance; it divides "
            "by n, not by n - 1.",
        )
    moment = (act.relu(z) ** 2).mean()
    low = wanted == "below 0.1"
    if not (moment < 0.1 if low else moment > 0.9):
        raise wrong(
            f"the mean of ReLU(z)^2 over `{name}`",
            wanted,
            shown(moment),
            "both sides of 0 have the same share; a few numbers far out on "
            "one side could have more."
            if close(moment, 0.5, atol=0.02)
            else "the larger share is on the other side of 0: change the sign."
            if (moment > 0.5) == low
            else "the right side of 0, but not enough: let fewer numbers be far "
            "out, and further.",
        )
    return moment
