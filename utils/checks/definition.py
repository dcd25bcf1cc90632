"""Checkers for the exercises of chapter 1, the definition."""

import functools

import numpy as np

from utils import activations as act
from utils.checks.answers import (
    agrees,
    array,
    call,
    close,
    equals,
    fresh,
    hint_for,
    other_numbers,
    readable,
    results,
    to_nine_digits,
)
from utils.checks.feedback import (
    Hint,
    NotYet,
    attempted,
    checker,
    shown,
    wrong,
)


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
            Hint(
                "w is x", "that is the gradient with respect to x: dz/dw is x."
            ): [12, 4],
            Hint("w no outer", "dL/dh = 2(h - 1) is missing."): [1, 2],
            Hint(
                "w factor 2", "the derivative of (h - 1)^2 has a factor 2."
            ): [2, 4],
            Hint(
                "w times h",
                "h is a factor too many: ReLU's slope at z = 3 is 1, not 3.",
            ): [
                12,
                24,
            ],
            Hint("w no bias", "z is missing its bias."): [8, 16],
            Hint(
                "w sign",
                "the sign is wrong: h is above 1, so the loss rises with h.",
            ): [-4, -8],
        },
        Hint("w", "multiply three slopes: dL/dh, dh/dz and dz/dw."),
        pair,
    )
    equals(
        grad_b_first,
        "grad_b_first",
        4,
        {
            Hint(
                "b times bias",
                "the bias is a factor too many: dz/db is 1, whatever b is.",
            ): -8,
            Hint(
                "b factor 2", "the derivative of (h - 1)^2 has a factor 2."
            ): 2,
            Hint("b no outer", "dL/dh = 2(h - 1) is missing."): 1,
        },
        Hint("b", "dz/db is 1, so only dL/dh and dh/dz remain."),
        "a number such as -1.5",
    )
    equals(
        grad_x_first,
        "grad_x_first",
        [12, 4],
        {
            Hint(
                "x is w", "that is the gradient with respect to w: dz/dx is w."
            ): [4, 8],
            Hint("x no outer", "dL/dh = 2(h - 1) is missing."): [3, 1],
        },
        Hint("x", "multiply three slopes: dL/dh, dh/dz and dz/dx."),
        pair,
    )
    equals(
        grad_w_second,
        "grad_w_second",
        [0, 0],
        {
            Hint(
                "second slope",
                "z is negative here: what slope does ReLU have there?",
            ): [2, -4],
            Hint(
                "second h",
                "that carries on with z = -3 itself, but h is ReLU(z).",
            ): [8, -16],
        },
        Hint("second", "find z first, then ReLU's slope there."),
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


def _numbers_of_all_sizes(rng):
    sizes = 10.0 ** rng.integers(-300, 300, (2, 3, 2))
    x = rng.normal(size=(2, 3, 2))
    return [(x,), (x * sizes,), (rng.normal(size=()),)]


def _own(answer, name):
    """Raise NotYet if the answer asks one of the book's functions."""
    asked = []

    def ask(self, *given):
        asked.append(self.name)
        return evaluate(self, *given)

    evaluate = act.Activation._evaluate
    act.Activation._evaluate = ask
    try:
        call(answer, name, EDGES[0][0], what="an array like x")
    finally:
        act.Activation._evaluate = evaluate
    if asked:
        raise wrong(
            f"`{name}`",
            "a function of your own",
            f"one that asks the book's {asked[0]}",
            Hint(
                "the book's",
                "those are the right numbers, from `act`: write the function "
                "yourself, with NumPy.",
            ),
        )


@checker
def relu(answer):
    """Exercise 2: ReLU for every number there is."""
    agrees(
        answer,
        "relu",
        act.relu,
        EDGES,
        {
            Hint(
                "abs",
                "that is |x|: negative numbers should become 0, not positive.",
            ): np.abs,
            Hint(
                "product",
                "-inf * 0 is nan: a product cannot cut off infinity.",
            ): lambda x: x * (x > 0),
            Hint(
                "sum", "-inf + inf is nan: a sum cannot cut off infinity."
            ): lambda x: (x + np.abs(x)) / 2,
            Hint(
                "nan",
                "nan became 0: it is not above 0, but not below it either.",
            ): lambda x: np.where(x > 0, x, 0),
            Hint("smaller", "that keeps the smaller of x and 0."): lambda x: (
                np.minimum(x, 0)
            ),
            Hint("identity", "that is the identity."): lambda x: x,
            Hint("derivative", "that is the derivative."): lambda x: np.where(
                x > 0, 1.0, 0.0
            ),
        },
        Hint("relu", "compare each number with 0 and keep the larger one."),
        "an array like x",
        _numbers_of_all_sizes,
        to_nine_digits,
    )
    _own(answer, "relu")
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
            Hint(
                "relu itself", "that is ReLU itself: a slope is 0 or 1."
            ): act.relu,
            Hint("sign", "a slope of -1 belongs to |x|."): np.sign,
            Hint(
                "one at 0",
                "that is another convention at 0: PyTorch takes 0 there.",
            ): step(1),
            Hint(
                "half at 0", "1/2 is a sub-gradient, but PyTorch takes 0."
            ): step(0.5),
            Hint(
                "nan",
                "every comparison with nan is False, so nan became a number.",
            ): step(0),
            Hint(
                "ratio",
                "ReLU(x) / x is 0 / 0 at 0 and inf / inf at infinity, and "
                "both are nan.",
            ): lambda x: act.relu(x) / x,
        },
        Hint(
            "slope",
            "the slope is 1 to the right of 0 and 0 to the left of it.",
        ),
        "an array like x",
        _numbers_of_all_sizes,
        to_nine_digits,
    )
    _own(answer, "relu_derivative")
    return "relu_derivative agrees, at 0 and for nan as well."


@checker
def rescale(output_factor, gradient_factor):
    """Exercise 3: predict what rescaling two layers changes."""
    what = "a factor such as 2"
    readable(
        what, output_factor=output_factor, gradient_factor=gradient_factor
    )
    equals(
        output_factor,
        "output_factor",
        1,
        {
            Hint(
                "output W", "that is W's factor alone: v was divided by 4."
            ): 4,
            Hint(
                "output v",
                "that is v's factor alone: W and b were multiplied by 4.",
            ): 1 / 4,
            Hint(
                "output both",
                "ReLU(4z) is 4 ReLU(z): the factors 4 and 1/4 meet.",
            ): 16,
        },
        Hint("output", "what is ReLU(4z), for positive and for negative z?"),
        what,
    )
    equals(
        gradient_factor,
        "gradient_factor",
        1 / 4,
        {
            Hint(
                "gradient same",
                "the function is the same, but its gradient with respect "
                "to W also contains v.",
            ): 1,
            Hint(
                "gradient W", "W is larger, but dy/dW contains v and x, not W."
            ): 4,
            Hint(
                "gradient step",
                "relative to W the step is a sixteenth, but the gradient "
                "is not.",
            ): 1 / 16,
        },
        Hint(
            "gradient",
            "write dy/dW as a product: which of its factors have changed?",
        ),
        what,
    )
    return "the function stays, and its gradient does not."


NAMES = "grad_X", "grad_W", "grad_b"


def _backward(X, W, b, grad_H):
    """Return H, the gradients, and what mistakes make of them."""
    H = act.relu(X @ W.T + b)
    grad_Z = grad_H * (H > 0)

    def through(grad_Z):
        return grad_Z @ W, grad_Z.T @ X, grad_Z.sum(axis=0)

    truth = through(grad_Z)
    n = len(X)
    ways = {
        Hint(
            "no mask",
            "nothing is masked: a silent unit, with H = 0, passes "
            "nothing back.",
        ): through(grad_H),
        Hint(
            "gradient's sign",
            "the mask looks at the sign of the gradient, but what "
            "decides is whether the unit was on.",
        ): through(grad_H * (grad_H > 0)),
        Hint(
            "times H",
            "the gradient was multiplied by H, but ReLU's slope is 0 or 1.",
        ): through(grad_H * H),
        Hint(
            "no bias",
            "X W^T is Z without its bias, and its signs differ: where "
            "does H show the signs of Z?",
        ): through(grad_H * (X @ W.T > 0)),
        Hint(
            "turned mask",
            "the mask is the wrong way round: a gradient passes where "
            "the unit was on.",
        ): through(grad_H * (H == 0)),
        Hint(
            "mean",
            "grad_H already says how the loss combines the samples: sum over "
            "them, do not average.",
        ): (truth[0], truth[1] / n, truth[2] / n),
        Hint(
            "units mixed",
            "a row of grad_W belongs to one unit and sums over the N "
            "samples, but that mixes the units.",
        ): (None, grad_Z @ X if len(W) == n else None, None),
        Hint(
            "over units",
            "each unit has a bias: sum over the N samples, not over "
            "the units.",
        ): (None, None, grad_Z.sum(axis=1)),
    }
    return H, truth, ways


@checker
def layer_backward(answer):
    """Exercise 4: the backward pass of a layer, from its output."""
    attempted(layer_backward=answer)
    X = np.array([[1.0, 2.0, -1.0], [0.0, -1.0, 3.0]])
    W = np.array([[1.0, 0.0, 1.0], [-1.0, 1.0, 0.0]])
    b = np.array([0.5, 0.5])
    grad_H = np.array([[2.0, -1.0], [3.0, 5.0]])
    H, truth, ways = _backward(X, W, b, grad_H)
    got = _gradients(answer, X, W, H, grad_H, truth)
    at = _first_wrong(got, truth)
    if at is not None:
        raise wrong(
            f"{NAMES[at]} of layer_backward(X, W, H, grad_H)\n  with X = "
            f"{shown(X)}, W = {shown(W)}, H = {shown(H)}, grad_H = "
            f"{shown(grad_H)}",
            shown(truth[at]),
            shown(got[at]),
            _slip(got, ways, at)
            or Hint(
                "backward",
                "go back through ReLU first, then through the weighted sum.",
            ),
        )
    rng = fresh()
    X, W = rng.normal(size=(6, 3)), rng.normal(size=(5, 3))
    b, grad_H = rng.normal(size=5), rng.normal(size=(6, 5))
    H, truth, _ = _backward(X, W, b, grad_H)
    try:
        got = _gradients(answer, X, W, H, grad_H, truth)
    except NotYet as told:
        raise other_numbers(
            "layer_backward", "an error, or other shapes"
        ) from told
    if _first_wrong(got, truth) is not None:
        raise other_numbers("layer_backward", "something else")
    return "all three gradients; H > 0 where Z > 0, so H is enough."


def _gradients(answer, X, W, H, grad_H, truth):
    likes = dict(zip(NAMES, truth))
    return results(answer, "layer_backward", X, W, H, grad_H, likes=likes)


def _first_wrong(got, truth):
    return next((i for i in range(3) if not close(got[i], truth[i])), None)


def _slip(got, ways, at):
    known = {h: way[at] for h, way in ways.items() if way[at] is not None}
    return hint_for(known, None, functools.partial(close, got[at]))


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
    if z.size < 2 or not np.isfinite(z).all():
        raise wrong(
            f"`{name}`",
            "an array of two or more finite numbers",
            shown(z),
            Hint(
                "a sample",
                "np.array([-1.0, 1.0]) is an example, with mean 0 and "
                "variance 1.",
            ),
        )
    if not close(z.mean(), 0, atol=0.005):
        raise wrong(
            f"the mean of `{name}`",
            "0",
            shown(z.mean()),
            Hint("mean", "subtract the mean before you divide by the spread."),
        )
    if not close(z.var(), 1, atol=0.005):
        raise wrong(
            f"the variance of `{name}`",
            "1",
            shown(z.var()),
            Hint(
                "variance",
                "divide by z.std(), the root of the variance, which "
                "divides by n and not by n - 1.",
            ),
        )
    moment = float((act.relu(z) ** 2).mean())
    low = wanted == "below 0.1"
    if not (moment < 0.1 if low else moment > 0.9):
        raise wrong(
            f"the mean of ReLU(z)^2 over `{name}`",
            wanted,
            shown(moment),
            Hint(
                "symmetric",
                "both sides of 0 have the same share here: a few numbers "
                "far out on one side could have more.",
            )
            if close(moment, 0.5, atol=0.02)
            else Hint(
                "other side",
                "the larger share is on the other side of 0: change the sign.",
            )
            if (moment > 0.5) == low
            else Hint(
                "not enough",
                "the right side of 0, but not enough yet: let fewer "
                "numbers be far out, and further.",
            ),
        )
    return moment
