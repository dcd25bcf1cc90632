"""Answers to the exercises of chapter 3: wrong ones, and unusual right ones."""

import dataclasses

import numpy as np
import torch
from torch import nn

from tests.code.exercises import digits, in_other_forms
from utils import activations as act
from utils import networks
from utils.checks import sigmoid_tanh as check


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


def run(
    start, end, rates=(0.5, 1, 2), activation=nn.Sigmoid, epochs=6, seeds=2
):
    """Return a run of two seeds with these accuracies."""
    result = networks.train_modules(
        lambda: nn.Sequential(
            nn.Linear(64, 3), activation(), nn.Linear(3, 10)
        ),
        digits(),
        seeds=seeds,
        learning_rates=rates,
        epochs=0,
    )
    accuracy = np.zeros((epochs + 1, 2, len(rates)))
    accuracy[0] = np.array(start)[:, None]
    accuracy[-1] = end
    return dataclasses.replace(result, test_accuracy=accuracy)


class OwnSigmoid(nn.Module):
    def forward(self, x):
        return 1 / (1 + torch.exp(-x))


class Sigmoid(nn.Module):
    """Not what its name says."""

    def forward(self, x):
        return torch.tanh(x)


class Written(nn.Module):
    """A network whose activation is no module."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(64, 3), nn.Linear(3, 10)

    def forward(self, x):
        return self.last(torch.sigmoid(self.first(x)))


START, PEAK = [0.1, 0.125], [0.9, 0.95, 0.9]
TANH = run(START, PEAK, activation=nn.Tanh)
PLAIN = run([0.125, 0.15], [0.5, 0.6, 0.5])
WRITTEN = dataclasses.replace(
    networks.train_modules(
        Written, digits(), seeds=2, learning_rates=(0.5, 1, 2), epochs=0
    ),
    test_accuracy=run(START, PEAK).test_accuracy,
)


def spliced(x):
    """Take the ends apart at 3, with two terms of the series beyond."""
    with np.errstate(all="ignore"):
        small = np.exp(-np.abs(x))
        near = np.log1p(small)
        far = np.where(np.abs(x) > 39, small, small - small**2 / 2)
        return np.minimum(x, 0) - np.where(np.abs(x) > 3, far, near)


def spliced_slope(x):
    small = np.exp(-np.abs(x))
    rest = np.where(np.abs(x) > 3.5, small * (1 - small), small / (1 + small))
    return np.where(
        np.abs(x) > 39,
        np.where(x > 0, small, 1 - small),
        (np.where(x > 0, rest, 1 - rest)),
    )


def squeezed(x):
    """Lose the axis of a lone number."""
    return np.squeeze(-np.logaddexp(0, -x))


def of_any_axis(x):
    """Take the length of what may be a single number."""
    return -np.logaddexp(np.zeros((len(x), 1)[: x.ndim]), -x)


def by_rows(layers):
    """Keep the biases as rows."""
    return [(W, b[None]) for W, b in to_sigmoid(layers)]


def as_parameters(layers):
    """Return what torch could train further."""
    return [
        tuple(nn.Parameter(torch.tensor(part)) for part in pair)
        for pair in to_sigmoid(layers)
    ]


def from_the_end(layers):
    new = [[W.copy(), b.copy()] for W, b in layers]
    for place in range(len(new) - 1, 0, -1):
        new[place][1] -= new[place][0].sum(axis=0)
        new[place][0] *= 2
        new[place - 1][0] *= 2
        new[place - 1][1] *= 2
    return new


def two_layers_at_most(layers):
    return to_sigmoid(layers) if len(layers) < 4 else layers


# checker, answers, the key of the hint
WRONG = [
    (check.sure_and_wrong, (-1.98, -0.99, 0.333), "squared no slope"),
    (check.sure_and_wrong, (-0.0098, -0.99, 0.333), "squared factor 2"),
    (check.sure_and_wrong, (0.0196, -0.99, 0.333), "squared sign"),
    (check.sure_and_wrong, (0.0099, -0.99, 0.333), "squared slope"),
    (check.sure_and_wrong, (-0.0198, -0.99, 0.333), "squared p"),
    (check.sure_and_wrong, (-0.02, -0.99, 0.333), "squared rounded"),
    (check.sure_and_wrong, (-0.495, -0.99, 0.333), "squared quarter"),
    (check.sure_and_wrong, (-0.0196, -100, 0.333), "entropy no slope"),
    (check.sure_and_wrong, (-0.0196, 0.99, 0.333), "entropy sign"),
    (check.sure_and_wrong, (-0.0196, 4.605, 0.333), "entropy loss"),
    (check.sure_and_wrong, (-0.0196, -0.0099, 0.333), "entropy"),
    (check.sure_and_wrong, (-0.0196, -0.99, 0.5), "steepest half"),
    (check.sure_and_wrong, (-0.0196, -0.99, 0), "steepest 0"),
    (check.sure_and_wrong, (-0.0196, -0.99, 0.01), "steepest start"),
    (check.sure_and_wrong, (-0.0196, -0.99, 0.667), "steepest other"),
    (
        check.log_sigmoid,
        (lambda x: np.log(1 / (1 + np.exp(-x))),),
        "lost digits",
    ),
    (check.log_sigmoid, (lambda x: np.log(act.sigmoid(x)),), "lost digits"),
    (check.log_sigmoid, (lambda x: x - np.log1p(np.exp(x)),), "lost digits"),
    (check.log_sigmoid, (lambda x: np.log(act.sigmoid(x) + 1e-8),), "log"),
    (check.log_sigmoid, (lambda x: -np.log1p(np.exp(-x)),), "overflow"),
    (check.log_sigmoid, (piecewise,), "overflow"),
    (check.log_sigmoid, (lambda x: np.logaddexp(0, -x),), "sign"),
    (check.log_sigmoid, (lambda x: -np.logaddexp(0, x),), "mirrored"),
    (check.log_sigmoid, (lambda x: np.minimum(x, 0),), "ends"),
    (check.log_sigmoid, (lambda x: -np.log1p(np.exp(-np.abs(x))),), "no x"),
    (check.log_sigmoid, (lambda x: np.log10(act.sigmoid(x)),), "base 10"),
    (check.log_sigmoid, (lambda x: np.log(np.clip(x, 1e-9, 1)),), "log"),
    (check.log_sigmoid_slope, (lambda x: 1 - act.sigmoid(x),), "one minus"),
    (
        check.log_sigmoid_slope,
        (lambda x: np.exp(-x) / (1 + np.exp(-x)),),
        "ratio",
    ),
    (
        check.log_sigmoid_slope,
        (lambda x: act.sigmoid.derivative(x) / act.sigmoid(x),),
        "ratio",
    ),
    (check.log_sigmoid_slope, (act.sigmoid.derivative,), "sigmoid's"),
    (check.log_sigmoid_slope, (lambda x: act.sigmoid(x),), "mirrored"),
    (check.log_sigmoid_slope, (lambda x: 1 / act.sigmoid(x),), "logarithm's"),
    (check.log_sigmoid_slope, (spliced_slope,), "other numbers"),
    (
        check.log_sigmoid_slope,
        (lambda x: act.sigmoid(-x).astype(np.float32),),
        "float32",
    ),
    (check.log_sigmoid, (spliced,), "other numbers"),
    (check.log_sigmoid, (squeezed,), "shape"),
    (check.log_sigmoid, (of_any_axis,), "error"),
    (check.mean_slopes, (0.25, 0.5), "small inverse"),
    (check.mean_slopes, (1, 2), "small equal"),
    (check.mean_slopes, (2, 2), "small ranges"),
    (check.mean_slopes, (4, 4), "large at 0"),
    (check.mean_slopes, (4, 1), "large equal"),
    (check.mean_slopes, (4, 0.5), "large below 1"),
    (check.mean_slopes, (4, 8), "large"),
    (check.mean_slopes, (3, 2), "small"),
    (check.to_sigmoid, (lambda layers: layers,), "unchanged"),
    (check.to_sigmoid, (convert(inner=1),), "no doubling"),
    (check.to_sigmoid, (convert(shift=0),), "no shift"),
    (check.to_sigmoid, (convert(scale=1),), "no scale"),
    (check.to_sigmoid, (convert(shift=2),), "double shift"),
    (check.to_sigmoid, (convert(shift=-1),), "shift sign"),
    (check.to_sigmoid, (convert(last=2),), "last doubled"),
    (check.to_sigmoid, (convert(first=True),), "first shifted"),
    (check.to_sigmoid, (convert(middle=False),), "convert"),
    (
        check.to_sigmoid,
        (lambda layers: to_sigmoid(layers)[:-1],),
        "pairs",
    ),
    (check.to_sigmoid, (in_place,), "in place"),
    (check.to_sigmoid, (two_layers_at_most,), "other numbers"),
    (check.to_sigmoid, (lambda layers: to_sigmoid(layers)[0],), "pairs"),
    (check.to_sigmoid, (lambda layers: [W for W, _ in layers],), "pairs"),
    (
        check.to_sigmoid,
        (lambda layers: [(b, W) for W, b in to_sigmoid(layers)],),
        "shape",
    ),
    (
        check.to_sigmoid,
        (lambda layers: [(W.T, b) for W, b in to_sigmoid(layers)],),
        "shape",
    ),
    (check.control, (TANH, PLAIN, to_sigmoid), "a run"),
    (check.control, (TANH, PLAIN, TANH), "sigmoid"),
    (
        check.control,
        (TANH, PLAIN, run([0.1, 0.125], PEAK, epochs=12)),
        "setting",
    ),
    (check.control, (TANH, PLAIN, PLAIN), "plain"),
    (check.control, (TANH, PLAIN, run([0.2, 0.1], PEAK)), "another function"),
    (check.control, (TANH, PLAIN, run(START, [0.7, 0.8, 0.9])), "edge"),
    (check.control, (TANH, PLAIN, run(START, [0.9, 0.8, 0.7])), "edge"),
    (
        check.control,
        (TANH, PLAIN, run(START, PEAK, rates=(1, 0.5, 2))),
        "edge",
    ),
    (
        check.control,
        (TANH, PLAIN, run(START, PEAK, activation=Sigmoid)),
        "sigmoid",
    ),
    (check.control, (TANH, PLAIN, run(START, PEAK, seeds=[5, 6])), "setting"),
]

# checker, answers
RIGHT = [
    *in_other_forms(check.sure_and_wrong, -0.019602, -0.99, 1 / 3),
    (check.sure_and_wrong, (-0.0196, -0.99, 0.333)),
    *in_other_forms(check.mean_slopes, 4, 2),
    (check.log_sigmoid, (lambda x: -np.logaddexp(0, -x),)),
    (
        check.log_sigmoid,
        (lambda x: torch.nn.functional.logsigmoid(torch.tensor(x)),),
    ),
    (
        check.log_sigmoid,
        (lambda x: np.log1p(-act.sigmoid(-abs(x))) + np.minimum(x, 0),),
    ),
    (
        check.log_sigmoid,
        (
            np.vectorize(
                lambda x: (
                    -np.log1p(np.exp(-x)) if x > 0 else x - np.log1p(np.exp(x))
                )
            ),
        ),
    ),
    (check.log_sigmoid_slope, (lambda x: 1 / (1 + np.exp(x)),)),
    (check.log_sigmoid_slope, (lambda x: np.exp(-np.logaddexp(0, x)),)),
    (check.log_sigmoid_slope, (lambda x: np.array(act.sigmoid(-1 * x)),)),
    (check.log_sigmoid_slope, (lambda x: torch.sigmoid(-torch.tensor(x)),)),
    (check.to_sigmoid, (to_sigmoid,)),
    (check.to_sigmoid, (by_rows,)),
    (check.to_sigmoid, (from_the_end,)),
    (check.to_sigmoid, (as_parameters,)),
    (check.to_sigmoid, (lambda layers: zip(*zip(*to_sigmoid(layers))),)),
    (
        check.to_sigmoid,
        (
            lambda layers: tuple(
                (torch.tensor(W), list(b)) for W, b in to_sigmoid(layers)
            ),
        ),
    ),
    (check.control, (TANH, PLAIN, run(START, PEAK))),
    (
        check.control,
        (TANH, PLAIN, run(START, [0.95, 0.9, 0.8], rates=(1, 0.5, 2))),
    ),
    (
        check.control,
        (TANH, PLAIN, run(START, PEAK, activation=OwnSigmoid)),
    ),
    (check.control, (TANH, PLAIN, WRITTEN)),
]
