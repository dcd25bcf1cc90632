"""Wrong answers to the exercises of chapter 10, and what each is told."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from utils.checks import in_practice as check

OPTION = "the option that the run shows"
SHARE = "a share such as 0.15"
BUDGET = 2048, 4 / 3, 0.02, 44, 0.7
TOKENS = "a whole number of tokens"
REACHED = "the test accuracy after three epochs"
CUT = "cut(network, keep) of a 3-5-4-2 network"
PARAMETERS = f"the parameters of {CUT}"
SHAPES = "[[3, 3], [3], [2, 3], [2], [2, 2], [2]]"
LOGIT = f"a logit of {CUT}"
CONTROL = "control(keep, rng), for masks that keep 30 of 40 and 10 of 50"


def network(activation, start=None, bias=0.0, sizes=check.SIZES):
    def build():
        parts = []
        for fan_in, fan_out in zip(sizes, sizes[1:]):
            layer = nn.Linear(fan_in, fan_out)
            if start:
                start(layer.weight)
            nn.init.constant_(layer.bias, bias)
            parts += [layer, activation()]
        return nn.Sequential(*parts[:-1])

    return build


def with_norm():
    return nn.Sequential(
        *[
            part
            for layer in network(nn.ReLU)()
            for part in (
                (layer, nn.BatchNorm1d(layer.out_features))
                if isinstance(layer, nn.Linear)
                else (layer,)
            )
        ]
    )


class Skipping(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = network(nn.ReLU, he)()

    def forward(self, x):
        x = self.layers[0](x)
        for layer in self.layers[2:-1:2]:
            x = x + layer(torch.relu(x))
        return self.layers[-1](x)


def small(weight):
    nn.init.normal_(weight, std=0.05)


def smaller(rows, columns, bias=True, activation=nn.ReLU, end=()):
    """Return a cut that keeps these rows and columns of each layer."""

    def answer(network, keep):
        keep = [torch.as_tensor(mask) for mask in keep]
        every = [torch.ones(n, dtype=bool) for n in (3, 2)]
        own, before = [*keep, every[1]], [every[0], *keep]
        parts = []
        for old, row, column in zip(network[::2], own, before):
            weight = old.weight.detach()
            row, column = rows(row), columns(column)
            new = nn.Linear(int(column.sum()), int(row.sum())).double()
            new.weight.data = weight[row][:, column]
            new.bias.data = old.bias.detach()[row] * bias
            parts += [new, activation()]
        return nn.Sequential(*parts[:-1], *end)

    return answer


def everything(mask):
    return torch.ones_like(mask)


def same(mask):
    return mask


def others(mask):
    return mask if mask.all() else ~mask


def first_ones(mask):
    return mask.sort(descending=True).values


def whole_biases(network, keep):
    network = copy.deepcopy(network)
    for old, row, column in zip(
        network[::2], [*keep, [True, True]], [[True, True, True], *keep]
    ):
        old.weight.data = old.weight.data[row][:, column]
    return network


def in_float32(network, keep):
    return smaller(same, same)(network, keep).float()


def zeroed(network, keep):
    network[0].weight.data[~torch.as_tensor(keep[0])] = 0
    return network


def by_share(keep, rng):
    return [rng.random(mask.size) < mask.mean() for mask in keep]


def over_all(keep, rng):
    mixed = [np.zeros(40, bool), np.zeros(50, bool)]
    mixed[0][:10], mixed[1][:30] = True, True
    return mixed


he = nn.init.kaiming_normal_
FORGETFUL = np.random.default_rng(0)

# checker, answers, the key of the hint
WRONG = [
    (check.five, ("A", "biases"), "A"),
    (check.five, ("B", "rate"), "B"),
    (check.five, ("d", "biases"), "D"),
    (check.five, ("E", "biases"), "E"),
    (check.five, ("C", "function"), "function"),
    (check.five, ("C", "rate"), "rate"),
    (check.budget, (3072, *BUDGET[1:]), "hidden plain"),
    (check.budget, (1536, *BUDGET[1:]), "hidden half"),
    (check.budget, (2048, 1.5, *BUDGET[2:]), "growth layer"),
    (check.budget, (2048, 1 / 3, *BUDGET[2:]), "growth alone"),
    (check.budget, (4608, *BUDGET[1:]), "hidden wider"),
    (check.budget, (*BUDGET[:2], 0.04, 44, 0.7), "time whole"),
    (check.budget, (*BUDGET[:2], 2, 44, 0.7), "percent"),
    (check.budget, (*BUDGET[:3], 43, 0.7), "tokens one less"),
    (
        check.budget,
        (*BUDGET[:3], np.log(0.01) / np.log(0.9), 0.7),
        "tokens whole",
    ),
    (check.budget, (*BUDGET[:3], 3, 0.7), "tokens 0.1"),
    (check.budget, (*BUDGET[:3], 10, 0.7), "tokens"),
    (check.budget, (*BUDGET[:4], 0.4), "read first"),
    (check.budget, (*BUDGET[:4], 0.1), "read second"),
    (check.budget, (*BUDGET[:4], 0.55), "read layer"),
    (check.budget, (*BUDGET[:4], 0.3), "read saved"),
    (check.budget, (*BUDGET[:4], 70), "percent"),
    (
        check.mended,
        (network(nn.ReLU, small), 0.16),
        "report",
    ),
    (
        check.mended,
        (network(nn.ReLU, he), 0.002),
        "larger rate",
    ),
    (
        check.mended,
        (network(nn.ReLU, he), 1.3),
        "smaller rate",
    ),
    (
        check.mended,
        (network(nn.ReLU, he), 0.05),
        "larger rate",
    ),
    (
        check.mended,
        (network(nn.ReLU, nn.init.xavier_normal_), 0.1),
        "no fault",
    ),
    (check.mended, (Skipping, 0.03), "sequential"),
    (check.mended, (network(nn.ReLU, he)(), 0.1), "a function"),
    (check.mended, (network(nn.Identity, he), 0.1), "linear"),
    (check.mended, (network(nn.ReLU, he, sizes=(64, 24, 10)), 0.16), "sizes"),
    (check.mended, (with_norm, 0.16), "norm"),
    (check.mended, (network(nn.ReLU, he), 100), "rates"),
    (check.cut, (zeroed,), "changed"),
    (check.cut, (smaller(everything, everything),), "zeroed"),
    (check.cut, (smaller(same, everything),), "columns"),
    (check.cut, (smaller(others, others),), "turned mask"),
    (check.cut, (smaller(first_ones, first_ones),), "other units"),
    (check.cut, (whole_biases,), "bias shapes"),
    (
        check.cut,
        (in_float32,),
        "float32",
    ),
    (check.cut, (smaller(same, same, end=[nn.ReLU()]),), "relu last"),
    (check.cut, (smaller(same, same, bias=False),), "biases"),
    (check.cut, (smaller(same, same, activation=nn.Identity),), "no relu"),
    (check.control, (lambda keep, rng: [~mask for mask in keep],), "go"),
    (check.control, (over_all,), "over all"),
    (check.control, (by_share,), "on average"),
    (check.control, (lambda keep, rng: keep,), "keep itself"),
    (
        check.control,
        (lambda keep, rng: [mask[::-1] for mask in keep],),
        "one choice",
    ),
    (
        check.control,
        (lambda keep, rng: [FORGETFUL.permutation(mask) for mask in keep],),
        "another rng",
    ),
]


@pytest.mark.parametrize(
    ("checker", "answers"),
    [
        (check.five, (" c ", "Biases")),
        (check.budget, (2048.0, 1.33, 0.02, 44.0, 0.7)),
        (check.mended, (network(nn.Tanh, nn.init.xavier_normal_), 0.1)),
        (
            check.control,
            (
                lambda keep, rng: tuple(
                    np.isin(
                        np.arange(mask.size),
                        rng.choice(mask.size, mask.sum(), False),
                    )
                    for mask in keep
                ),
            ),
        ),
    ],
)
def test_right_answer_in_another_form_is_right(checker, answers):
    assert checker(*answers)
