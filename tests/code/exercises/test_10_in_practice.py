"""Answers to the exercises of chapter 10: wrong ones, and unusual right ones."""

import copy

import numpy as np
import torch
from torch import nn

from tests.code.exercises import in_other_forms
from utils.checks import in_practice as check

BUDGET = 2048, 4 / 3, 0.02, 44, 0.7


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
        every = [
            torch.ones(n, dtype=bool)
            for n in (network[0].in_features, network[-1].out_features)
        ]
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


class Tidy(nn.Module):
    """ReLU, with the numbers of an image made alike first."""

    def forward(self, x):
        return torch.relu(x - x.mean(1, keepdim=True))


class OverTheBatch(nn.Module):
    def forward(self, x):
        return torch.tanh(x / x.std(0, keepdim=True))


class Block(nn.Sequential):
    """A layer that also hands on what it got."""

    def forward(self, x):
        return x + super().forward(x)


class NormalLayer(nn.Linear):
    """He's weights; its name is not its nature."""

    def reset_parameters(self):
        nn.init.kaiming_normal_(self.weight)
        nn.init.zeros_(self.bias)


def with_skips():
    layers = network(nn.ReLU, he)()
    return nn.Sequential(
        *layers[:2],
        *(Block(*layers[k : k + 2]) for k in range(2, 12, 2)),
        layers[-1],
    )


def weight_normed():
    return nn.Sequential(
        *(
            nn.utils.parametrizations.weight_norm(part)
            if isinstance(part, nn.Linear)
            else part
            for part in network(nn.ReLU, he)()
        )
    )


def of_named_layers():
    sizes = list(zip(check.SIZES, check.SIZES[1:]))
    layers = [NormalLayer(*pair) for pair in sizes]
    return nn.Sequential(
        nn.Sequential(*(p for q in layers[:-1] for p in (q, nn.ReLU(True)))),
        layers[-1],
        nn.LogSoftmax(dim=1),
    )


class Leaky(nn.Module):
    """An activation of one's own, with a parameter."""

    def __init__(self):
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(0.1))

    def forward(self, x):
        return torch.where(x > 0, x, self.slope * x)


def cut_by_index(network, keep):
    """Build anew, with places instead of masks."""
    a, b = map(np.flatnonzero, keep)
    first, _, second, _, third = network
    new = nn.Sequential(
        nn.Linear(first.in_features, len(a)),
        nn.ReLU(inplace=True),
        nn.Linear(len(a), len(b)),
        nn.ReLU(inplace=True),
        nn.Linear(len(b), third.out_features),
    ).double()
    with torch.no_grad():
        new[0].weight.copy_(first.weight[a])
        new[0].bias.copy_(first.bias[a])
        new[2].weight.copy_(second.weight[a_and(b, a)])
        new[2].bias.copy_(second.bias[b])
        new[4].weight.copy_(third.weight[:, b])
        new[4].bias.copy_(third.bias)
    return new


def a_and(rows, columns):
    return np.ix_(rows, columns)


def cut_a_copy(network, keep):
    small = copy.deepcopy(network)
    alive = torch.ones(network[0].in_features, dtype=bool)
    for layer, own in zip(small[::2], [*map(torch.tensor, keep), None]):
        own = torch.ones(len(layer.bias), dtype=bool) if own is None else own
        layer.weight.data = layer.weight.data[own][:, alive]
        layer.bias.data = layer.bias.data[own]
        layer.out_features, layer.in_features = map(
            int, (own.sum(), alive.sum())
        )
        alive = own
    return small


def of_five_units(network, keep):
    """Cut the network of the messages alone."""
    return smaller(same, same)(network, keep) if len(keep[0]) == 5 else network


def rolled(keep, rng):
    return [np.roll(mask, rng.integers(mask.size)) for mask in keep]


def in_two_parts(keep, rng):
    """Keep half of the units in each half of the layer."""
    return [
        np.concatenate([rng.permutation(m[::2]), rng.permutation(m[1::2])])
        for m in keep
    ]


def first_half(keep, rng):
    """Shuffle the units that stand in front."""
    return [
        np.concatenate([rng.permutation(mask[:-5]), mask[-5:]])
        for mask in keep
    ]


def by_choice(keep, rng):
    drawn = []
    for mask in keep:
        new = np.zeros(mask.size, dtype=bool)
        new[rng.choice(mask.size, mask.sum(), replace=False)] = True
        drawn.append(new)
    return tuple(drawn)


def by_ranks(keep, rng):
    return [rng.random(m.size).argsort().argsort() < m.sum() for m in keep]


def as_lists(keep, rng):
    return [rng.permutation(mask).tolist() for mask in keep]


def as_tensors(keep, rng):
    return [torch.tensor(mask) for mask in by_ranks(keep, rng)]


FORGETFUL = np.random.default_rng(0)

# checker, answers, the key of the hint
WRONG = [
    (check.five, ("A", "biases"), "A"),
    (check.five, ("B", "rate"), "B"),
    (check.five, ("d", "biases"), "D"),
    (check.five, ("E", "biases"), "E"),
    (check.five, ("C", "function"), "function"),
    (check.five, ("C", "rate"), "rate"),
    (check.five, ("F", "biases"), "an option"),
    (check.five, ("C", "bias of 0"), "an option"),
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
        "larger rate",
    ),
    (check.mended, (Skipping, 0.03), "sequential"),
    (check.mended, (network(nn.ReLU, he)(), 0.1), "a function"),
    (check.mended, (network(nn.Identity, he), 0.1), "linear"),
    (check.mended, (network(nn.ReLU, he, sizes=(64, 24, 10)), 0.16), "sizes"),
    (check.mended, (with_norm, 0.16), "norm"),
    (check.mended, (network(Tidy, he), 0.16), "norm"),
    (check.mended, (network(OverTheBatch, he), 0.16), "norm"),
    (check.mended, (weight_normed, 0.16), "norm"),
    (check.mended, (with_skips, 0.05), "skip"),
    (
        check.mended,
        (lambda: network(nn.ReLU, he)().insert(2, nn.Dropout(0.1)), 0.16),
        "skip",
    ),
    (check.mended, (network(nn.ReLU, he), 0.0001), "larger rate"),
    (check.mended, (network(nn.ReLU, he), 100), "rates"),
    (check.cut, (of_five_units,), "other numbers"),
    (check.cut, (zeroed,), "in place"),
    (check.cut, (smaller(same, same, activation=nn.ReLU6),), "weights"),
    (check.cut, (smaller(same, same, end=[nn.Flatten(0)]),), "logits"),
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
    (check.control, (rolled,), "evenly"),
    (check.control, (first_half,), "evenly"),
    (check.control, (in_two_parts,), "evenly"),
    (
        check.control,
        (lambda keep, rng: [1 * rng.permutation(mask) for mask in keep],),
        "masks",
    ),
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

# checker, answers
RIGHT = [
    (check.five, (" c ", "Biases")),
    (check.five, ("C.", "biases")),
    (check.five, ("'C'", '"biases"')),
    (check.five, (np.str_("c"), "BIASES ")),
    *in_other_forms(check.budget, *BUDGET),
    (check.budget, (2048.0, 1.33, 0.02, 44.0, 0.7)),
    (check.mended, (network(nn.ReLU, he), 0.16)),
    (check.mended, (network(nn.Tanh, nn.init.xavier_normal_), 0.1)),
    (check.mended, (of_named_layers, torch.tensor(0.16))),
    (
        check.mended,
        (network(lambda: nn.ELU(inplace=True), nn.init.xavier_normal_), 0.16),
    ),
    (check.mended, (network(Leaky, he), np.float32(0.16))),
    (check.cut, (smaller(same, same),)),
    (check.cut, (cut_by_index,)),
    (check.cut, (cut_a_copy,)),
    (check.cut, (smaller(same, same, activation=lambda: nn.ReLU(True)),)),
    (check.control, (lambda keep, rng: [rng.permutation(m) for m in keep],)),
    (check.control, (by_choice,)),
    (check.control, (by_ranks,)),
    (check.control, (as_lists,)),
    (check.control, (as_tensors,)),
]
