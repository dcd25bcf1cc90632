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

# checker, answers, where it goes wrong, what is expected, what came, hint
WRONG = [
    (
        check.five,
        ("A", "biases"),
        "`ill`",
        OPTION,
        "'A'",
        "half zeros is what ReLU does, and a few dead units of 24 are no loss; "
        "the gradients are even.",
    ),
    (
        check.five,
        ("B", "rate"),
        "`ill`",
        OPTION,
        "'B'",
        "three quarters of its pre-activations are not saturated, and the "
        "gradients are even.",
    ),
    (
        check.five,
        ("d", "biases"),
        "`ill`",
        OPTION,
        "'d'",
        "sigmoid's outputs are all positive, so their cosine rises layer by "
        "layer; in the ill one it starts near 1.",
    ),
    (
        check.five,
        ("E", "biases"),
        "`ill`",
        OPTION,
        "'E'",
        "a small gradient in all layers alike is a matter of the rate; it would "
        "be ill if it fell much in each layer.",
    ),
    (
        check.five,
        ("C", "function"),
        "`remedy`",
        OPTION,
        "'function'",
        "Leaky ReLU changes negative pre-activations only: how many has it?",
    ),
    (
        check.five,
        ("C", "rate"),
        "`remedy`",
        OPTION,
        "'rate'",
        "a rate changes neither what is always on nor that the images look "
        "alike.",
    ),
    (
        check.budget,
        (3072, *BUDGET[1:]),
        "`hidden`",
        "a whole number of units",
        "3072",
        "that is the plain layer; SwiGLU has a third matrix.",
    ),
    (
        check.budget,
        (1536, *BUDGET[1:]),
        "`hidden`",
        "a whole number of units",
        "1536",
        "that is half: three matrices are half as many again, not twice.",
    ),
    (
        check.budget,
        (2048, 1.5, *BUDGET[2:]),
        "`growth`",
        "a factor such as 1.2",
        "1.5",
        "that is the layer's factor; the attention does not grow.",
    ),
    (
        check.budget,
        (2048, 1 / 3, *BUDGET[2:]),
        "`growth`",
        "a factor such as 1.2",
        "0.333333",
        "that is the growth alone; a factor includes the old parameters.",
    ),
    (
        check.budget,
        (4608, *BUDGET[1:]),
        "`hidden`",
        "a whole number of units",
        "4608",
        "a third matrix takes room: the layer must become narrower.",
    ),
    (
        check.budget,
        (*BUDGET[:2], 0.04, 44, 0.7),
        "`time_saved`",
        SHARE,
        "0.04",
        "that is its whole share; the new one takes time, too.",
    ),
    (
        check.budget,
        (*BUDGET[:2], 2, 44, 0.7),
        "`time_saved`",
        SHARE,
        "2",
        "a share between 0 and 1, not percent.",
    ),
    (
        check.budget,
        (*BUDGET[:3], 43, 0.7),
        "`tokens`",
        TOKENS,
        "43",
        "with so many tokens the share is still above 1 %.",
    ),
    (
        check.budget,
        (*BUDGET[:3], np.log(0.01) / np.log(0.9), 0.7),
        "`tokens`",
        TOKENS,
        "43.7087",
        "tokens come whole, and the share must be below 1 %.",
    ),
    (
        check.budget,
        (*BUDGET[:3], 3, 0.7),
        "`tokens`",
        TOKENS,
        "3",
        "0.1 is the share that one token needs; the share that it does not need "
        "is 0.9.",
    ),
    (
        check.budget,
        (*BUDGET[:3], 10, 0.7),
        "`tokens`",
        TOKENS,
        "10",
        "a row is skipped if its unit is zero for all tokens: which power is "
        "that?",
    ),
    (
        check.budget,
        (*BUDGET[:4], 0.4),
        "`read`",
        SHARE,
        "0.4",
        "the first matrix must be read to know which outputs are zero.",
    ),
    (
        check.budget,
        (*BUDGET[:4], 0.1),
        "`read`",
        SHARE,
        "0.1",
        "that is of the second matrix alone; there are the first and the "
        "attention, too.",
    ),
    (
        check.budget,
        (*BUDGET[:4], 0.55),
        "`read`",
        SHARE,
        "0.55",
        "that is of the feed-forward layer; the attention is read, too.",
    ),
    (
        check.budget,
        (*BUDGET[:4], 0.3),
        "`read`",
        SHARE,
        "0.3",
        "that is the share that is saved.",
    ),
    (
        check.budget,
        (*BUDGET[:4], 70),
        "`read`",
        SHARE,
        "70",
        "a share between 0 and 1, not percent.",
    ),
    (
        check.mended,
        (network(nn.ReLU, small), 0.16),
        REACHED,
        "80 % or more",
        "below 40 %",
        "its report says, of 1 to 11: Going back, the gradient "
        "shrinks by a factor of about 0.19 a layer, 2e-04 in all.",
    ),
    (
        check.mended,
        (network(nn.ReLU, he), 0.002),
        REACHED,
        "80 % or more",
        "below 40 %",
        "the network can learn; it needs a larger rate.",
    ),
    (
        check.mended,
        (network(nn.ReLU, he), 1.3),
        REACHED,
        "80 % or more",
        "below 40 %",
        "the network can learn; it needs a smaller rate.",
    ),
    (
        check.mended,
        (network(nn.ReLU, he), 0.05),
        REACHED,
        "80 % or more",
        "79 %",
        "the network can learn; it needs a larger rate.",
    ),
    (
        check.mended,
        (network(nn.ReLU, nn.init.xavier_normal_), 0.1),
        REACHED,
        "80 % or more",
        "70 %",
        "its report finds no fault: look at the columns "
        "of gradients and cosines, and fit function and start to each other.",
    ),
    (
        check.mended,
        (Skipping, 0.03),
        "mended()",
        "an nn.Sequential",
        "a Skipping",
        "return nn.Sequential(...), as `sick` does.",
    ),
    (
        check.mended,
        (network(nn.ReLU, he)(), 0.1),
        "`mended`",
        "a function",
        "a Sequential",
        "it is called once for each seed, and returns a new network.",
    ),
    (
        check.mended,
        (network(nn.Identity, he), 0.1),
        "mended()",
        "a network with activations",
        "a linear one",
        "without an activation seven layers are as good as one.",
    ),
    (
        check.mended,
        (network(nn.ReLU, he, sizes=(64, 24, 10)), 0.16),
        "the linear layers of mended()",
        "the sizes (64, 24, 24, 24, 24, 24, 24, 10)",
        "[[64, 24], [24, 10]]",
        "all seven layers stay, as wide as they are.",
    ),
    (
        check.mended,
        (with_norm, 0.16),
        "mended()",
        "linear layers and activations",
        "normalisation or dropout",
        "here function, start and rate must do it.",
    ),
    (
        check.mended,
        (network(nn.ReLU, he), 100),
        "`rate`",
        "a learning rate such as 0.1",
        "100",
        "rates worth a try lie between 0.001 and 10.",
    ),
    (
        check.cut,
        (zeroed,),
        CUT,
        "the network left as it is",
        "a network that changed",
        "copy the weights first.",
    ),
    (
        check.cut,
        (smaller(everything, everything),),
        PARAMETERS,
        SHAPES,
        "[[5, 3], [5], [4, 5], [4], [2, 4], [2]]",
        "a unit that puts "
        "out 0 still takes part; take its rows and columns out.",
    ),
    (
        check.cut,
        (smaller(same, everything),),
        PARAMETERS,
        SHAPES,
        "[[3, 3], [3], [2, 5], [2], [2, 4], [2]]",
        "the units that are cut away are missing in the next layer as well: cut "
        "its columns.",
    ),
    (
        check.cut,
        (smaller(others, others),),
        PARAMETERS,
        SHAPES,
        "[[2, 3], [2], [2, 2], [2], [2, 2], [2]]",
        "keep says which units stay, not which go.",
    ),
    (
        check.cut,
        (smaller(first_ones, first_ones),),
        LOGIT,
        "-0.250789",
        "-0.144669",
        "those are other units than the ones in keep.",
    ),
    (
        check.cut,
        (whole_biases,),
        PARAMETERS,
        SHAPES,
        "[[3, 3], [5], [2, 3], [4], [2, 2], [2]]",
        "a unit that goes takes its bias along.",
    ),
    (
        check.cut,
        (in_float32,),
        PARAMETERS,
        "float64, as before",
        "float32",
        "nn.Linear(...) makes float32: end with .double().",
    ),
    (
        check.cut,
        (smaller(same, same, end=[nn.ReLU()]),),
        LOGIT,
        "-0.250789",
        "0",
        "no ReLU belongs behind the last layer.",
    ),
    (
        check.cut,
        (smaller(same, same, bias=False),),
        LOGIT,
        "0.234533",
        "-0.00253444",
        "the biases were lost.",
    ),
    (
        check.cut,
        (smaller(same, same, activation=nn.Identity),),
        LOGIT,
        "0.234905",
        "0.133672",
        "the ReLUs are missing.",
    ),
    (
        check.control,
        (lambda keep, rng: [~mask for mask in keep],),
        CONTROL,
        "30 and 10 units",
        "[10, 40]",
        "those are the units that go; keep the others.",
    ),
    (
        check.control,
        (over_all,),
        CONTROL,
        "30 and 10 units",
        "[10, 30]",
        "as many in each layer, not in all.",
    ),
    (
        check.control,
        (by_share,),
        CONTROL,
        "30 and 10 units",
        "[30, 9]",
        "as many only on average is not as many: choose exactly that number, "
        "without replacement.",
    ),
    (
        check.control,
        (lambda keep, rng: keep,),
        CONTROL,
        "random units",
        "the units of keep themselves",
        "shuffle each mask: rng.permutation.",
    ),
    (
        check.control,
        (lambda keep, rng: [mask[::-1] for mask in keep],),
        CONTROL,
        "other units for another rng",
        "the same units",
        "let rng choose them.",
    ),
    (
        check.control,
        (lambda keep, rng: [FORGETFUL.permutation(mask) for mask in keep],),
        CONTROL,
        "the same units for equal rngs",
        "other units",
        "draw from rng, not from np.random.",
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
