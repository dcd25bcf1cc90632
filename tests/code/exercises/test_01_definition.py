"""Wrong answers to the exercises of chapter 1, and what each is told."""

import numpy as np

from utils import activations as act
from utils.checks import definition as check

LAYER = (
    "{} of layer_backward(X, W, H, grad_H)\n  with X = [[1, 2, -1], "
    "[0, -1, 3]], W = [[1, 0, 1], [-1, 1, 0]], H = [[0.5, 1.5], [3.5, 0]], "
    "grad_H = [[2, -1], [3, 5]]"
)
PAIR = "two numbers such as [1, -1]"
FACTOR = "a factor such as 2"
SKEWED = np.array([-(19**0.5)] + 19 * [19**-0.5])


def backward(mask, mean=False, axis=0, units=False):
    """Return a layer_backward with the faults that the options bring in."""

    def answer(X, W, H, grad_H):
        grad_Z = grad_H * mask(X, W, H, grad_H)
        grad_W = (grad_Z if units else grad_Z.T) @ X
        n = len(X) if mean else 1
        return grad_Z @ W, grad_W / n, grad_Z.sum(axis=axis) / n

    return answer


def on(X, W, H, grad_H):
    return H > 0


def slope(at_zero, at_nan):
    return lambda x: np.select(
        [np.isnan(x), x > 0, x == 0], [at_nan, 1.0, at_zero], 0.0
    )


# checker, answers, where it goes wrong, what is expected, what came, hint
WRONG = [
    (
        check.neuron,
        ([12, 4], 4, [12, 4], [0, 0]),
        "`grad_w_first`",
        PAIR,
        "[12, 4]",
        "that is the gradient with respect to x; dz/dw is x.",
    ),
    (
        check.neuron,
        ([2, 4], 2, [6, 2], [0, 0]),
        "`grad_w_first`",
        PAIR,
        "[2, 4]",
        "the derivative of (h - 1)^2 has a factor 2.",
    ),
    (
        check.neuron,
        ([8, 16], 8, [24, 8], [0, 0]),
        "`grad_w_first`",
        PAIR,
        "[8, 16]",
        "the bias is missing in z.",
    ),
    (
        check.neuron,
        ([-4, -8], -4, [-12, -4], [0, 0]),
        "`grad_w_first`",
        PAIR,
        "[-4, -8]",
        "the sign: h is above 1, so the loss rises with h.",
    ),
    (
        check.neuron,
        ([4, 8], -8, [12, 4], [0, 0]),
        "`grad_b_first`",
        "a number such as -1.5",
        "-8",
        "that has the bias as a factor; dz/db is 1, whatever b is.",
    ),
    (
        check.neuron,
        ([4, 8], 4, [4, 8], [0, 0]),
        "`grad_x_first`",
        PAIR,
        "[4, 8]",
        "that is the gradient with respect to w; dz/dx is w.",
    ),
    (
        check.neuron,
        ([4, 8], 4, [12, 4], [2, -4]),
        "`grad_w_second`",
        PAIR,
        "[2, -4]",
        "z is negative here: which slope does ReLU have there?",
    ),
    (
        check.neuron,
        ([4, 8], 4, [12, 4], [8, -16]),
        "`grad_w_second`",
        PAIR,
        "[8, -16]",
        "that goes on with z = -3 itself; h is ReLU(z).",
    ),
    (
        check.relu,
        (np.abs,),
        "relu([5, -3, 0.5])",
        "[5, 0, 0.5]",
        "[5, 3, 0.5]",
        "that is |x|: negative numbers become 0, not positive.",
    ),
    (
        check.relu,
        (lambda x: x * (x > 0),),
        "relu([inf, -inf])",
        "[inf, 0]",
        "[inf, nan]",
        "-inf * 0 is nan: a product cannot cut off infinity.",
    ),
    (
        check.relu,
        (lambda x: (x + abs(x)) / 2,),
        "relu([inf, -inf])",
        "[inf, 0]",
        "[inf, nan]",
        "-inf + inf is nan: a sum cannot cut off infinity.",
    ),
    (
        check.relu,
        (lambda x: np.where(x > 0, x, 0),),
        "relu([nan, -1])",
        "[nan, 0]",
        "[0, 0]",
        "nan became 0; it is not above 0, but not below it either.",
    ),
    (
        check.relu,
        (np.vectorize(lambda x: max(0.0, x)),),
        "relu([nan, -1])",
        "[nan, 0]",
        "[0, 0]",
        "nan became 0; it is not above 0, but not below it either.",
    ),
    (
        check.relu,
        (lambda x: max(0, x),),
        "relu([5, -3, 0.5])",
        "an array like x",
        "the error ValueError: The truth value of an array "
        "with more than one element is ambiguous. Use a.any() or a.all()",
        "call it yourself with this input.",
    ),
    (
        check.relu_derivative,
        (act.relu,),
        "relu_derivative([5, -3, 0.5])",
        "[1, 0, 1]",
        "[5, 0, 0.5]",
        "that is ReLU itself; a slope is 0 or 1.",
    ),
    (
        check.relu_derivative,
        (np.sign,),
        "relu_derivative([5, -3, 0.5])",
        "[1, 0, 1]",
        "[1, -1, 1]",
        "a slope of -1 would belong to |x|.",
    ),
    (
        check.relu_derivative,
        (slope(1, np.nan),),
        "relu_derivative([0, -0])",
        "[0, 0]",
        "[1, 1]",
        "right at 0 by another convention; PyTorch takes 0 there.",
    ),
    (
        check.relu_derivative,
        (slope(0.5, np.nan),),
        "relu_derivative([0, -0])",
        "[0, 0]",
        "[0.5, 0.5]",
        "1/2 is in the sub-gradient interval, but PyTorch takes 0.",
    ),
    (
        check.relu_derivative,
        (lambda x: x > 0,),
        "relu_derivative([nan, -1])",
        "[nan, 0]",
        "[0, 0]",
        "every comparison with nan is False: nan became a number.",
    ),
    (
        check.relu_derivative,
        (lambda x: act.relu(x) / x,),
        "relu_derivative([0, -0])",
        "[0, 0]",
        "[nan, nan]",
        "ReLU(x) / x is 0 / 0 at 0, and inf / inf at infinity: both are nan.",
    ),
    (
        check.rescale,
        (4, 0.25),
        "`output_factor`",
        FACTOR,
        "4",
        "that is W's factor alone; v was divided by 4.",
    ),
    (
        check.rescale,
        (0.25, 0.25),
        "`output_factor`",
        FACTOR,
        "0.25",
        "that is v's factor alone; W and b were multiplied by 4.",
    ),
    (
        check.rescale,
        (1, 1),
        "`gradient_factor`",
        FACTOR,
        "1",
        "the function is the same, but its gradient with respect to W also "
        "contains v.",
    ),
    (
        check.rescale,
        (1, 4),
        "`gradient_factor`",
        FACTOR,
        "4",
        "W is larger, but dy/dW contains v and x, not W.",
    ),
    (
        check.layer_backward,
        (backward(lambda X, W, H, g: 1),),
        LAYER.format("grad_X"),
        "[[3, -1, 2], [3, 0, 3]]",
        "[[3, -1, 2], [-2, 5, 3]]",
        "nothing is masked: a silent unit passes nothing on, and its H is 0.",
    ),
    (
        check.layer_backward,
        (backward(lambda X, W, H, g: H >= 0),),
        LAYER.format("grad_X"),
        "[[3, -1, 2], [3, 0, 3]]",
        "[[3, -1, 2], [-2, 5, 3]]",
        "nothing is masked: a silent unit passes nothing on, and its H is 0.",
    ),
    (
        check.layer_backward,
        (backward(lambda X, W, H, g: g > 0),),
        LAYER.format("grad_X"),
        "[[3, -1, 2], [3, 0, 3]]",
        "[[2, 0, 2], [-2, 5, 3]]",
        "the mask looks at the gradient's sign; whether the unit was on "
        "decides.",
    ),
    (
        check.layer_backward,
        (backward(lambda X, W, H, g: H),),
        LAYER.format("grad_X"),
        "[[3, -1, 2], [3, 0, 3]]",
        "[[2.5, -1.5, 1], [10.5, 0, 10.5]]",
        "the gradient was multiplied by H; ReLU's slope is 0 or 1.",
    ),
    (
        check.layer_backward,
        (backward(lambda X, W, H, g: H == 0),),
        LAYER.format("grad_X"),
        "[[3, -1, 2], [3, 0, 3]]",
        "[[0, 0, 0], [-5, 5, 0]]",
        "the mask is the wrong way round: a gradient passes where the unit was "
        "on.",
    ),
    (
        check.layer_backward,
        (backward(lambda X, W, H, g: X @ W.T > 0),),
        LAYER.format("grad_X"),
        "[[3, -1, 2], [3, 0, 3]]",
        "[[1, -1, 0], [3, 0, 3]]",
        "X W^T is Z without its bias, and has other signs; where does H show "
        "those of Z?",
    ),
    (
        check.layer_backward,
        (backward(on, mean=True),),
        LAYER.format("grad_W"),
        "[[2, 1, 7], [-1, -2, 1]]",
        "[[1, 0.5, 3.5], [-0.5, -1, 0.5]]",
        "the loss says how the samples are combined: sum over them, do not "
        "take the mean.",
    ),
    (
        check.layer_backward,
        (backward(on, units=True),),
        LAYER.format("grad_W"),
        "[[2, 1, 7], [-1, -2, 1]]",
        "[[2, 5, -5], [3, 6, -3]]",
        "a row of grad_W belongs to one unit and sums over the N samples; that "
        "mixes the units.",
    ),
    (
        check.layer_backward,
        (backward(on, axis=1),),
        LAYER.format("grad_b"),
        "[5, -1]",
        "[1, 3]",
        "each unit has a bias: sum over the N samples, not over the units.",
    ),
    (
        check.layer_backward,
        (lambda X, W, H, g: g @ W,),
        "layer_backward([[1, 2, -1], [0, -1, 3]], [[1, 0, 1], [-1, 1, 0]], "
        "[[0.5, 1.5], [3.5, 0]], [[2, -1], [3, 5]])",
        "3 arrays: grad_X, grad_W, grad_b",
        "[[3, -1, 2], [-2, 5, 3]]",
        "return grad_X, grad_W, grad_b, in this order.",
    ),
    (
        check.second_moments,
        ([-1, 1], -SKEWED),
        "the mean of ReLU(z)^2 over `low`",
        "below 0.1",
        "0.5",
        "both sides of 0 have the same share; a few numbers far out on one side "
        "could have more.",
    ),
    (
        check.second_moments,
        (-SKEWED, SKEWED),
        "the mean of ReLU(z)^2 over `low`",
        "below 0.1",
        "0.95",
        "the larger share is on the other side of 0: change the sign.",
    ),
    (
        check.second_moments,
        (SKEWED - 1, -SKEWED),
        "the mean of `low`",
        "0",
        "-1",
        "subtract the mean before you divide by the spread.",
    ),
    (
        check.second_moments,
        (SKEWED / 2, -SKEWED),
        "the variance of `low`",
        "1",
        "0.25",
        "divide by z.std(), the root of the variance; it divides "
        "by n, not by n - 1.",
    ),
    (
        check.second_moments,
        (SKEWED, [-0.5, -0.5, -0.5, -0.5, 2]),
        "the mean of ReLU(z)^2 over `high`",
        "above 0.9",
        "0.8",
        "the right side of 0, but not enough: let fewer numbers be far out, and "
        "further.",
    ),
    (
        check.second_moments,
        (SKEWED, 1.0),
        "`high`",
        "a one-dimensional array of two or more numbers",
        "shape ()",
        "np.array([-1.0, 1.0]) is one, with mean 0 and variance 1.",
    ),
]
