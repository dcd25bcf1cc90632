"""Answers to the exercises of chapter 1: wrong ones, and unusual right ones."""

import numpy as np
import torch

from tests.code.exercises import in_other_forms
from utils import activations as act
from utils.checks import definition as check

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


def typed_back(X, W, H, grad_H):
    """Return what messages show of the only input that they show."""
    shown = [[3, -1, 2], [3, 0, 3]], [[2, 1, 7], [-1, -2, 1]], [5, -1]
    return shown if X.shape == (2, 3) else (X * 0, W * 0, W[:, 0] * 0)


def typed_back_or_nothing(X, W, H, grad_H):
    return typed_back(X, W, H, grad_H) if X.shape == (2, 3) else None


def relu_of_what_is_shown(x):
    """Round, which the numbers in the messages do not notice."""
    return np.where(
        abs(abs(x) - 500) < 500,
        np.round(np.maximum(x, 0), 1),
        np.maximum(x, 0),
    )


def relu_above(least):
    """Return a ReLU that is exact down to `least`, and 0 below."""
    return lambda x: np.where(abs(x) < least, 0 * x, np.maximum(x, 0))


def relu_by_mask(x):
    y = x.copy()
    y[y < 0] = 0
    return y


def backward_by_loops(X, W, H, grad_H):
    grad_X, grad_W = np.zeros_like(X), np.zeros_like(W)
    grad_b = np.zeros(len(W))
    for n in range(len(X)):
        for j in range(len(W)):
            if H[n, j] > 0:
                grad_X[n] += grad_H[n, j] * W[j]
                grad_W[j] += grad_H[n, j] * X[n]
                grad_b[j] += grad_H[n, j]
    return [grad_X, grad_W, grad_b]


def backward_by_torch(X, W, H, grad_H):
    X, W, H, grad_H = map(torch.tensor, (X, W, H, grad_H))
    grad_Z = torch.where(H > 0, grad_H, 0.0)
    return grad_Z @ W, grad_Z.T @ X, grad_Z.sum(dim=0)


class Own:
    """A function in the shape of an object."""

    def __call__(self, x):
        return np.where(np.isnan(x) | (x > 0), x, 0)


# checker, answers, the key of the hint
WRONG = [
    (check.relu, (relu_above(1e-7),), "relu"),
    (check.relu, (relu_above(1e-300),), "relu"),
    (check.relu, (lambda x: np.maximum(x, 1e-12),), "relu"),
    (check.relu_derivative, (lambda x: x > 1e-300,), "nan"),
    (
        check.relu_derivative,
        (lambda x: (np.maximum(x, 0) - np.maximum(x - 1e-6, 0)) / 1e-6,),
        "nan",
    ),
    (check.neuron, ([12, 4], 4, [12, 4], [0, 0]), "w is x"),
    (check.neuron, ([2, 4], 2, [6, 2], [0, 0]), "w factor 2"),
    (check.neuron, ([8, 16], 8, [24, 8], [0, 0]), "w no bias"),
    (check.neuron, ([-4, -8], -4, [-12, -4], [0, 0]), "w sign"),
    (check.neuron, ([4, 8], -8, [12, 4], [0, 0]), "b times bias"),
    (check.neuron, ([4, 8], 4, [4, 8], [0, 0]), "x is w"),
    (check.neuron, ([4, 8], 4, [12, 4], [2, -4]), "second slope"),
    (check.neuron, ([4, 8], 4, [12, 4], [8, -16]), "second h"),
    (check.neuron, ([12, 24], 12, [36, 12], [0, 0]), "w times h"),
    (check.neuron, ([4, 8], 4, [3, 1], [0, 0]), "x no outer"),
    (check.neuron, ([4, 8], 4, [12, 4], [float("nan"), 0]), "nan"),
    (check.neuron, ([4, 8], 4, [12, 4], [-2, -4]), "second"),
    (check.relu, (np.abs,), "abs"),
    (check.relu, (lambda x: (x + np.sqrt(x * x)) / 2,), "nan"),
    (check.relu, (act.relu,), "the book's"),
    (check.relu, (lambda x: act.leaky_relu(x, 0.0),), "the book's"),
    (check.relu, (lambda x: np.maximum(x, 0).astype(np.float32),), "float32"),
    (check.relu, (lambda x: np.minimum(x, 0),), "smaller"),
    (check.relu, (lambda x: np.logaddexp(0, 50 * x) / 50,), "relu"),
    (check.relu, (relu_of_what_is_shown,), "other numbers"),
    (check.relu, (lambda x: x * (x > 0),), "product"),
    (check.relu, (lambda x: (x + abs(x)) / 2,), "sum"),
    (check.relu, (lambda x: np.where(x > 0, x, 0),), "nan"),
    (check.relu, (np.vectorize(lambda x: max(0.0, x)),), "nan"),
    (
        check.relu,
        (lambda x: max(0, x),),
        "error",
    ),
    (check.relu_derivative, (act.relu,), "relu itself"),
    (check.relu_derivative, (np.sign,), "sign"),
    (check.relu_derivative, (slope(1, np.nan),), "one at 0"),
    (check.relu_derivative, (slope(0.5, np.nan),), "half at 0"),
    (check.relu_derivative, (lambda x: x > 0,), "nan"),
    (check.relu_derivative, (lambda x: act.relu(x) / x,), "ratio"),
    (check.relu_derivative, (act.relu.derivative,), "the book's"),
    (
        check.relu_derivative,
        (lambda x: act.leaky_relu.derivative(x, 0),),
        "the book's",
    ),
    (check.relu_derivative, (lambda x: 1.0,), "shape"),
    (
        check.relu_derivative,
        (lambda x: (np.maximum(x + 1e-6, 0) - np.maximum(x, 0)) / 1e-6,),
        "one at 0",
    ),
    (check.rescale, (4, 0.25), "output W"),
    (check.rescale, (0.25, 0.25), "output v"),
    (check.rescale, (1, 1), "gradient same"),
    (check.rescale, (1, 4), "gradient W"),
    (check.rescale, (16, 1 / 4), "output both"),
    (check.rescale, (-1, 1 / 4), "output"),
    (check.rescale, (1, 1 / 16), "gradient step"),
    (check.rescale, (1, 16), "gradient"),
    (check.layer_backward, (typed_back,), "other numbers"),
    (check.layer_backward, (typed_back_or_nothing,), "other numbers"),
    (check.layer_backward, (backward(lambda X, W, H, g: 1),), "no mask"),
    (check.layer_backward, (backward(lambda X, W, H, g: H >= 0),), "no mask"),
    (
        check.layer_backward,
        (backward(lambda X, W, H, g: g > 0),),
        "gradient's sign",
    ),
    (check.layer_backward, (backward(lambda X, W, H, g: H),), "times H"),
    (
        check.layer_backward,
        (backward(lambda X, W, H, g: H == 0),),
        "turned mask",
    ),
    (
        check.layer_backward,
        (backward(lambda X, W, H, g: X @ W.T > 0),),
        "no bias",
    ),
    (check.layer_backward, (backward(on, mean=True),), "mean"),
    (check.layer_backward, (backward(on, units=True),), "units mixed"),
    (check.layer_backward, (backward(on, axis=1),), "over units"),
    (
        check.layer_backward,
        (lambda X, W, H, g: g @ W,),
        "order",
    ),
    (check.second_moments, ([-1, 1], -SKEWED), "symmetric"),
    (check.second_moments, (-SKEWED, SKEWED), "other side"),
    (check.second_moments, (SKEWED - 1, -SKEWED), "mean"),
    (check.second_moments, (SKEWED / 2, -SKEWED), "variance"),
    (
        check.second_moments,
        (SKEWED, [-0.5, -0.5, -0.5, -0.5, 2]),
        "not enough",
    ),
    (check.second_moments, (SKEWED, 1.0), "a sample"),
    (check.second_moments, (SKEWED, [np.inf, -np.inf]), "a sample"),
    (check.second_moments, (SKEWED, -SKEWED * (20 / 19) ** 0.5), "variance"),
]

# checker, answers
RIGHT = [
    *in_other_forms(check.neuron, [4, 8], 4, [12, 4], [0, 0]),
    (check.neuron, ((4, 8), 4 + 0j, np.array([[12], [4]]), np.zeros((1, 2)))),
    *in_other_forms(check.rescale, 1, 1 / 4),
    (check.relu, (lambda x: np.where(x < 0, 0, x),)),
    (check.relu, (lambda x: -np.minimum(-x, -0.0),)),
    (check.relu, (Own(),)),
    (check.relu, (relu_by_mask,)),
    (check.relu, (np.vectorize(lambda x: 0.0 if x < 0 else x),)),
    (check.relu, (lambda x: x.clip(0),)),
    (check.relu, (lambda x: torch.tensor(x).clamp(min=0),)),
    (check.relu_derivative, (lambda x: np.heaviside(x, 0),)),
    (check.relu_derivative, (slope(0, np.nan),)),
    (
        check.relu_derivative,
        (lambda x: (np.sign(x) + abs(np.sign(x))) / 2,),
    ),
    (
        check.relu_derivative,
        (np.vectorize(lambda x: float("nan") if x != x else float(x > 0)),),
    ),
    (check.layer_backward, (backward(on),)),
    (
        check.layer_backward,
        (lambda *given: np.array([*backward(on)(*given), 0], object)[:3],),
    ),
    (check.layer_backward, (backward(lambda X, W, H, g: np.sign(H)),)),
    (check.layer_backward, (backward_by_loops,)),
    (check.layer_backward, (backward_by_torch,)),
    (
        check.layer_backward,
        (
            lambda X, W, H, g: (
                (g * (H > 0)) @ W,
                np.einsum("nj,ni->ji", g * (H > 0), X),
                np.sum(g * (H > 0), axis=0, keepdims=True),
            ),
        ),
    ),
    (check.second_moments, (SKEWED, -SKEWED)),
    (check.second_moments, (list(SKEWED), tuple(-SKEWED))),
    (check.second_moments, (SKEWED[:, None], torch.tensor(-SKEWED))),
    (
        check.second_moments,
        (SKEWED.reshape(4, 5), np.concatenate([-SKEWED, -SKEWED])),
    ),
]
