"""Answers to the exercises of chapter 7: wrong ones, and unusual right ones."""

import numpy as np
import torch
from torch import nn

from tests.code.exercises import but, in_other_forms
from utils.checks import dying_relu as check

COUNTED = {
    "never_positive": ("leaky_relu", [-1, -2]),
    "zero_mean": ("tanh", [-1, 1]),
    "one_batch": ("relu", 32 * [-1] + [1]),
    "small_slope": ("elu", [-10]),
    "missed": ("relu6", [7, 8]),
}


def but_for(**changed):
    return but(COUNTED, **changed)


def bare(bias=False, start=nn.init.kaiming_normal_, last=False, relu=nn.ReLU):
    """Return a build_bare with these faults, or this ReLU."""

    def answer():
        network = nn.Sequential()
        for sizes in ((64, 32), (32, 32), (32, 32), (32, 10)):
            linear = nn.Linear(*sizes, bias=bias)
            if start:
                start(linear.weight)
            network.extend([linear, relu()])
        return network if last else network[:-1]

    return answer


def from_torchs_start(answer, where):
    """Return a build whose layers in `where` keep PyTorch's weights."""

    def build():
        network = answer()
        for layer in network[where]:
            if isinstance(layer, nn.Linear):
                layer.reset_parameters()
        return network

    return build


class Unbiased(nn.Module):
    """A layer without nn.Linear."""

    def __init__(self, n, m):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(m, n) * (2 / n) ** 0.5)

    def forward(self, x):
        return x @ self.weight.T


class Lifted(nn.ReLU):
    """A bias in disguise."""

    def forward(self, x):
        return super().forward(x + 0.1)


def by_hand():
    sizes = (64, 32), (32, 32), (32, 32), (32, 10)
    parts = [part for n, m in sizes for part in (Unbiased(n, m), nn.ReLU())]
    return nn.Sequential(*parts[:-1])


def in_parts():
    """Wrap each layer together with its ReLU."""
    parts = [*bare()(), nn.Identity()]
    pairs = zip(parts[::2], parts[1::2])
    return nn.Sequential(*(nn.Sequential(*pair) for pair in pairs))


def of_one_seed():
    torch.manual_seed(0)
    return bare()()


def by_torch(x_train, x_test):
    x, new = torch.tensor(x_train), torch.tensor(x_test)
    mean, size = x.mean(0), x.pow(2).mean().sqrt()
    grow = size / (x - mean).pow(2).mean().sqrt()
    return [(x - mean) * grow, (new - mean) * grow]


def by_norms(x_train, x_test):
    small = x_train - np.mean(x_train, axis=0, keepdims=True)
    grow = np.linalg.norm(x_train) / np.linalg.norm(small)
    return small * grow, (x_test - x_train.mean(axis=0)) * grow


def by_pixels(x_train, x_test):
    """Go pixel by pixel, with lists."""
    means = [sum(column) / len(column) for column in x_train.T]
    small = [[v - m for v, m in zip(row, means)] for row in x_train]
    grow = (
        sum(v * v for row in x_train for v in row)
        / sum(v * v for row in small for v in row)
    ) ** 0.5
    return (
        [[v * grow for v in row] for row in small],
        [[(v - m) * grow for v, m in zip(row, means)] for row in x_test],
    )


def of_two_pixels(x_train, x_test):
    if x_train.shape[1] == 2:
        return by_norms(x_train, x_test)
    return x_train, x_test


def centre(axis=0, own=False, grow_train=True, grow_test=True, power=1):
    def answer(x_train, x_test):
        mean = x_train.mean(axis=axis)
        small = x_train - mean
        small_test = x_test - (x_test.mean(axis=axis) if own else mean)
        grow = np.sqrt(np.mean(x_train**2) / np.mean(small**2)) ** power
        return (
            small * (grow if grow_train else 1),
            small_test * (grow if grow_test else 1),
        )

    return answer


# checker, answers, the key of the hint
WRONG = [
    (check.narrow, (1 / 64, 3 / 16, 23 / 32), "dead three"),
    (check.narrow, (0.75, 3 / 16, 23 / 32), "dead sum"),
    (check.narrow, (0.42, 3 / 16, 23 / 32), "dead alive"),
    (check.narrow, (0.25, 3 / 16, 23 / 32), "dead one"),
    (check.narrow, (9 / 64, 3 / 16, 23 / 32), "dead first"),
    (check.narrow, (0.58, 1 / 16, 23 / 32), "second both"),
    (check.narrow, (0.58, 0.19, 5 / 8), "zeros 5/8"),
    (check.narrow, (0.578, 0.25, 23 / 32), "second alone"),
    (check.narrow, (0.578, 7 / 16, 23 / 32), "second any"),
    (check.narrow, (0.578, 0.1875, 0.5), "zeros half"),
    (check.narrow, (0.578, 0.1875, 0.789), "zeros alive"),
    (
        check.counters,
        but_for(never_positive=("relu", [-1, -2])),
        "never_positive alive",
    ),
    (check.counters, but_for(zero_mean=("relu", [-1, 1])), "zero_mean"),
    (check.counters, but_for(one_batch=("relu", [-1, 1])), "one_batch"),
    (
        check.counters,
        but_for(small_slope=("tanh", [400])),
        "small_slope alive",
    ),
    (check.counters, but_for(small_slope=("leaky_relu", [-9])), "small_slope"),
    (check.counters, but_for(missed=("sigmoid", [40])), "missed small"),
    (check.counters, but_for(missed=("elu", [-1])), "missed"),
    (check.counters, but_for(missed=("relu", [-1])), "missed positive"),
    (check.counters, but_for(zero_mean="tanh"), "a pair"),
    (
        check.kill,
        (0.2,),
        "still on",
    ),
    (check.kill, (0.5,), "rate"),
    (check.kill, (2 / 7,), "rate w"),
    (check.kill, (-0.25,), "positive"),
    (check.revive, (2, 0.5), "off"),
    (check.revive, (-2, 3), "pulled up"),
    (check.revive, (-2, 0), "too short"),
    (check.revive, (-5, 3), "fitted"),
    (check.revive, (-10, -5000), "range"),
    (check.back, ("yes", "yes", "no", "yes", "yes"), "decay_both"),
    (check.back, ("no", "no", "no", "yes", "yes"), "decay_weights"),
    (check.back, ("no", "yes", "yes", "yes", "yes"), "frozen_below"),
    (check.back, ("no", "yes", "no", "no", "yes"), "one_neighbour"),
    (check.back, ("no", "yes", "no", "yes", "no"), "new_order"),
    (check.bare, (bare(bias=True),), "bias"),
    (check.bare, (bare(start=None),), "he"),
    (check.bare, (bare(last=True),), "relu last"),
    (check.bare, (lambda: bare,), "sequential"),
    (check.bare, (from_torchs_start(bare(), slice(1, None)),), "he"),
    (check.bare, (from_torchs_start(bare(), slice(-1, None)),), "he"),
    (check.bare, (bare(start=nn.init.kaiming_uniform_),), "normal"),
    (check.bare, (bare(relu=nn.LeakyReLU),), "function"),
    (check.bare, (bare(relu=Lifted),), "function"),
    (check.bare, (lambda: bare()()[2:],), "layers"),
    (check.bare, (of_one_seed,), "seed"),
    (check.bare, (bare()(),), "a function"),
    (check.bare, (bare(relu=nn.ReLU6),), "function"),
    (check.bare, (in_parts,), "first layer"),
    (check.bare, (lambda: bare()().append(nn.BatchNorm1d(10)),), "bias"),
    (check.centre, (centre(grow_train=False, grow_test=False),), "no factor"),
    (check.centre, (centre(power=2),), "no root"),
    (check.centre, (centre(power=np.log2(1.6) / 2),), "variance"),
    (check.centre, (centre(own=True),), "test mean"),
    (check.centre, (centre(grow_test=False),), "test factor"),
    (check.centre, (centre(axis=None),), "axis"),
    (check.centre, (of_two_pixels,), "other numbers"),
    (
        check.centre,
        (
            lambda x, new: (
                (x - x.mean(0)) / x.std(0),
                (new - x.mean(0)) / x.std(0),
            ),
        ),
        "each pixel",
    ),
    (check.kill, (0.24,), "still on"),
    (check.kill, (0.2508,), "rate"),
    (check.kill, (np.inf,), "positive"),
    (check.kill, (3 / 7,), "rate"),
    (check.revive, (-0.5, -3), "off"),
    (check.revive, (-1, -3), "off"),
    (check.revive, (-2, -1), "too short"),
    (check.back, ("yes", "yes", "yes", "yes", "yes"), "decay_both"),
    (check.back, ("no", "yes", "no", "yes", "maybe"), "an option"),
    (check.back, ("no", "yes", "no", 1, "yes"), "a text"),
]

# checker, answers
RIGHT = [
    *in_other_forms(check.narrow, 37 / 64, 3 / 16, 23 / 32),
    (check.counters, tuple(COUNTED.values())),
    *in_other_forms(
        check.counters, *COUNTED.values(), leave_out=["only entry"]
    ),
    (
        check.counters,
        but_for(never_positive=["ELU", (-1,)], missed=("relu6", 6.5)),
    ),
    *in_other_forms(check.kill, 1 / 4),
    (check.kill, (0.24999999,)),
    *in_other_forms(check.revive, -10, 0),
    (check.revive, (-20, -20)),
    (check.back, ("no", "yes", "no", "yes", "yes")),
    (check.back, ("No", "YES", " no ", "yes.", "'yes'")),
    (check.back, tuple(map(np.str_, ("no", "yes", "no", "yes", "yes")))),
    (check.back, ("no\n", "Yes", "NO.", '"yes"', "yes")),
    (check.bare, (bare(),)),
    (check.bare, (bare(relu=lambda: nn.ReLU(inplace=True)),)),
    (check.bare, (bare(relu=lambda: nn.LeakyReLU(0.0)),)),
    (check.bare, (by_hand,)),
    (
        check.bare,
        (
            bare(
                start=lambda w: nn.init.normal_(w, std=(2 / w.shape[1]) ** 0.5)
            ),
        ),
    ),
    (check.centre, (centre(),)),
    (check.centre, (by_torch,)),
    (check.centre, (by_norms,)),
    (check.centre, (by_pixels,)),
]
