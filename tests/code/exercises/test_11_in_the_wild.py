"""Answers to the exercises of chapter 11: wrong ones, and unusual right ones."""

import copy

import numpy as np
import torch
from torch import nn

from tests.code.exercises import in_other_forms
from utils.checks import in_the_wild as check

COUNTS = 163.6, 0.81, 528, 0.00994, 20


def never_on(z):
    return (z <= 0).all(axis=(0, 2, 3))


def dead(z, slope):
    return never_on(z) & (slope == 0)


def but(position, answer):
    """Return the right answers to exercise 2, but for one."""
    return (*COUNTS[:position], answer, *COUNTS[position + 1 :])


def without(rows=True, columns=True, keep=True, bias=True, own_bias=True):
    """Return a cut with these faults."""

    def answer(network, dead):
        first, relu, second = copy.deepcopy(network)
        kept = torch.as_tensor(~dead if keep else dead)
        first.weight.data = first.weight.data[kept]
        if own_bias:
            first.bias.data = first.bias.data[kept]
        if rows:
            second.weight.data = second.weight.data[kept]
            second.bias.data = second.bias.data[kept]
        if columns:
            second.weight.data = second.weight.data[:, kept]
        if not bias:
            first.bias.data.zero_()
            second.bias.data.zero_()
        return nn.Sequential(first, relu, second)

    return answer


right_cut = without(rows=False)


def zeroed(network, dead):
    network = copy.deepcopy(network)
    network[0].weight.data[dead] = 0
    return network


def changed(network, dead):
    network[0].weight.data[dead] = 0
    return network


def in_float32(network, dead):
    return right_cut(network, dead).float()


def default_stride(network, dead):
    first, relu, second = right_cut(network, dead)
    first.stride = 1
    return nn.Sequential(first, relu, second)


def others(network, dead):
    return right_cut(network, dead[::-1].copy())


def no_relu(network, dead):
    network = right_cut(network, dead)
    network[1] = nn.Identity()
    return network


def relu_behind(network, dead):
    first, relu, second = right_cut(network, dead)
    return nn.Sequential(first, relu, nn.Sequential(second, relu))


def without_bias(of):
    def answer(network, dead):
        network = right_cut(network, dead)
        network[of].bias.data.zero_()
        return network

    return answer


def folded(
    old=True, beta=True, mean=1, power=0.5, eps=True, gamma=True, of=None
):
    """Return a folding with these faults."""

    def answer(norm, conv, dead):
        which = dead if of is None else of(dead)
        scale = (norm.running_var + (norm.eps if eps else 0)) ** -power
        if gamma:
            scale = scale * norm.weight
        constant = norm.bias * beta - mean * norm.running_mean * scale
        weight = conv.weight.sum(dim=(2, 3))[:, which]
        return conv.bias * old + weight @ constant[which]

    return answer


def one_place(norm, conv, dead):
    """Fold as if the kernel had one place."""
    right = folded()(norm, conv, dead)
    return conv.bias + (right - conv.bias) / conv.weight[0, 0].numel()


def by_zeros(norm, conv, dead):
    """Ask the norm itself, and the convolution."""
    x = torch.zeros(1, len(dead), *conv.kernel_size, dtype=torch.float64)
    constant = norm(x)
    constant[:, ~dead] = 0
    return conv(constant).flatten().detach().numpy()


def corrected(factor=1, layers=(0, 2, 5), alike=False, weights=1):
    """Return a correction with these faults."""

    def answer(old, new, x):
        new = copy.deepcopy(new)
        a = b = x
        with torch.no_grad():
            for number, (one, other) in enumerate(zip(old, new)):
                a = one(a)
                if hasattr(other, "bias"):
                    gap = factor * (number in layers) * (a - other(b))
                    means = gap.transpose(0, 1).flatten(1).mean(dim=1)
                    other.bias += means.mean() if alike else means
                    other.weight *= weights
                b = other(b)
        return new

    return answer


def row_of_biases(old, new, x):
    new = corrected()(old, new, x)
    new[5].bias.data = new[5].bias.data[None]
    return new


def at_once(old, new, x):
    new, measured = copy.deepcopy(new), new
    a = b = x
    with torch.no_grad():
        for one, plain, other in zip(old, measured, new):
            a, b = one(a), plain(b)
            if hasattr(other, "bias"):
                gap = (a - b).transpose(0, 1).flatten(1)
                other.bias += gap.mean(dim=1)
    return new


def in_place(old, new, x):
    new.load_state_dict(corrected()(old, new, x).state_dict())
    return new


def hardly_ever_on(z):
    return (z <= 0).mean(axis=(0, 2, 3)) > 0.9


def with_a_small_slope(z, slope):
    return never_on(z) & np.isclose(slope, 0)


def capped(network, dead):
    network = right_cut(network, dead)
    network[1] = nn.ReLU6()
    return network


def of_two_samples(z):
    return never_on(z[:2])


def of_five_channels(network, dead):
    return right_cut(network, dead) if len(dead) == 5 else network


def of_two_by_three(norm, conv, dead):
    bias = folded()(norm, conv, dead)
    return bias if len(dead) == 4 else 0 * bias


def of_three_channels(old, new, x):
    return corrected()(old, new, x) if len(new[0].bias) == 3 else new


def built_anew(network, dead):
    """Cut by building new layers."""
    old, _, last = network
    kept = np.flatnonzero(~dead)
    first = nn.Conv2d(
        old.in_channels, len(kept), old.kernel_size, old.stride, old.padding
    )
    second = nn.Conv2d(
        len(kept),
        last.out_channels,
        last.kernel_size,
        last.stride,
        last.padding,
    )
    small = nn.Sequential(first, nn.ReLU(), second).double()
    with torch.no_grad():
        first.weight.copy_(old.weight[kept])
        first.bias.copy_(old.bias[kept])
        second.weight.copy_(last.weight[:, kept])
        second.bias.copy_(last.bias)
    return small


def by_means(old, new, x):
    """Correct with the means taken over named axes."""
    new = copy.deepcopy(new)
    for depth, part in enumerate(new, start=1):
        if isinstance(part, (nn.Conv2d, nn.Linear)):
            gap = old[:depth](x) - new[:depth](x)
            axes = [axis for axis in range(gap.ndim) if axis != 1]
            part.bias = nn.Parameter(part.bias + gap.mean(dim=axes))
    return new


def by_own_relu(network, dead):
    """Put a ReLU of another make between the two."""
    first, _, second = right_cut(network, dead)
    return nn.Sequential(first, nn.ReLU(inplace=True), second)


def by_index_select(network, dead):
    small = copy.deepcopy(network)
    kept = torch.tensor(np.flatnonzero(~dead))
    first, _, second = small
    for layer, name, axis in (
        (first, "weight", 0),
        (first, "bias", 0),
        (second, "weight", 1),
    ):
        old = getattr(layer, name).detach()
        setattr(layer, name, nn.Parameter(old.index_select(axis, kept)))
    return small


def by_hooks(old, new, x):
    """Read the means off with hooks."""
    new, means = copy.deepcopy(new), {}
    layers = [k for k, part in enumerate(old) if hasattr(part, "bias")]

    def mean_of(network, k):
        def keep(module, given, output):
            axes = [axis for axis in range(output.ndim) if axis != 1]
            means[k] = output.mean(dim=axes)

        handle = network[k].register_forward_hook(keep)
        with torch.no_grad():
            network(x)
        handle.remove()
        return means[k]

    for k in layers:
        new[k].bias.data += mean_of(old, k) - mean_of(new, k)
    return new


def twice(old, new, x):
    """Correct what is corrected already, which changes nothing."""
    return corrected()(old, corrected()(old, new, x), x)


# checker, answers, the key of the hint
WRONG = [
    (check.channels, (lambda z: (z < 0).all(axis=(0, 2, 3)), dead), "at 0"),
    (
        check.channels,
        (lambda z: (z > 0).any(axis=(0, 2, 3)), dead),
        "on somewhere",
    ),
    (
        check.channels,
        (lambda z: (z > 0).all(axis=(0, 2, 3)), dead),
        "always on",
    ),
    (check.channels, (lambda z: z.mean(axis=(0, 2, 3)) <= 0, dead), "mean"),
    (
        check.channels,
        (lambda z: (z <= 0).any(axis=(0, 2, 3)), dead),
        "off somewhere",
    ),
    (check.channels, (lambda z: never_on(z[:1]), dead), "first sample"),
    (
        check.channels,
        (lambda z: (z <= 0).all(axis=0), dead),
        "shape",
    ),
    (
        check.channels,
        (never_on, lambda z, slope: never_on(z)),
        "dead never on",
    ),
    (check.channels, (never_on, lambda z, slope: slope == 0), "dead slope"),
    (
        check.channels,
        (never_on, lambda z, slope: never_on(z) | (slope == 0)),
        "dead either",
    ),
    (
        check.channels,
        (never_on, lambda z, slope: never_on(z) & (slope <= 0)),
        "dead negative",
    ),
    (
        check.channels,
        (never_on, lambda z, slope: never_on(z) & (abs(slope) < 0.01)),
        "dead small",
    ),
    (check.enough, but(0, 0.99**20), "false one"),
    (check.enough, but(0, 36.4), "false shown"),
    (check.enough, but(0, 160), "false product"),
    (check.enough, but(1, 0.19), "hit off"),
    (check.enough, but(1, 1.64), "hit sum"),
    (check.enough, but(1, 0.01), "hit one"),
    (check.enough, but(1, 0.87), "hit all"),
    (check.enough, but(2, 527), "n_enough one less"),
    (check.enough, but(2, 527.17), "n_enough whole"),
    (check.enough, but(2, 100), "n_enough 100"),
    (check.enough, but(2, 459), "n_enough 459"),
    (check.enough, but(3, 1 / 300), "rarest 1/300"),
    (check.enough, but(3, 0.99), "rarest off"),
    (check.enough, but(3, 0), "rarest 0"),
    (check.enough, but(3, 1), "percent"),
    (check.enough, but(4, 20 * 64 * 64), "n all positions"),
    (check.enough, but(4, 4096), "n positions"),
    (check.without, (zeroed,), "zeroed"),
    (
        check.without,
        (changed,),
        "in place",
    ),
    (check.without, (without(rows=False, columns=False),), "second axis"),
    (check.without, (without(columns=False),), "axes"),
    (check.without, (without(),), "outputs"),
    (check.without, (without(rows=False, keep=False),), "turned mask"),
    (check.without, (without(rows=False, own_bias=False),), "bias shapes"),
    (
        check.without,
        (lambda network, dead: nn.Sequential(right_cut(network, dead)),),
        "three parts",
    ),
    (
        check.without,
        (in_float32,),
        "float32",
    ),
    (check.without, (default_stride,), "stride"),
    (check.without, (others,), "weights"),
    (check.without, (no_relu,), "no relu"),
    (check.without, (relu_behind,), "relu last"),
    (check.without, (without(rows=False, bias=False),), "biases"),
    (check.without, (without_bias(of=0),), "first bias"),
    (check.without, (without_bias(of=2),), "second bias"),
    (check.cuts, ("changed", "changed", "changed", "same"), "norm_first"),
    (check.cuts, ("same", "same", "changed", "same"), "relu_first"),
    (check.cuts, ("same", "changed", "same", "same"), "prelu"),
    (check.cuts, ("same", "changed", "changed", "changed"), "pooled"),
    (check.folded, (folded(old=False),), "no old bias"),
    (check.folded, (lambda norm, conv, dead: conv.bias,), "old bias"),
    (check.folded, (folded(mean=0),), "no mean"),
    (check.folded, (folded(mean=-1),), "signs"),
    (check.folded, (folded(power=1),), "no root"),
    (check.folded, (folded(eps=False),), "no eps"),
    (check.folded, (folded(gamma=False),), "no gamma"),
    (check.folded, (folded(of=lambda dead: ~dead),), "others"),
    (check.folded, (folded(of=lambda dead: dead | True),), "all"),
    (check.folded, (one_place,), "one place"),
    (check.folded, (folded(beta=False),), "folded"),
    (check.folded, (of_two_by_three,), "other numbers"),
    (check.corrected, (in_place,), "in place"),
    (check.corrected, (lambda old, new, x: new[0],), "sequential"),
    (check.corrected, (lambda old, new, x: old,), "modules"),
    (check.corrected, (corrected(weights=2),), "weights"),
    (check.corrected, (row_of_biases,), "bias shape"),
    (check.corrected, (lambda old, new, x: new,), "unchanged"),
    (check.corrected, (corrected(factor=-1),), "sign"),
    (check.corrected, (at_once,), "at once"),
    (check.corrected, (corrected(alike=True),), "alike"),
    (check.corrected, (corrected(layers=(5,)),), "only last"),
    (check.corrected, (corrected(layers=(0, 2)),), "not last"),
    (check.corrected, (corrected(factor=2),), "corrected"),
    (check.corrected, (of_three_channels,), "other numbers"),
    (check.cuts, ("changed", "same", "same", "same"), "norm_first"),
    (check.cuts, ("same", "changed", "changed", "the same"), "an option"),
    (check.cuts, ("same", "changed", 0.25, "same"), "a text"),
    (check.cuts, ("same", "same", "same", "same"), "relu_first"),
    (check.channels, (of_two_samples, dead), "other numbers"),
    (check.channels, (lambda z: never_on(z[-1:]), dead), "other numbers"),
    (check.channels, (hardly_ever_on, dead), "other numbers"),
    (check.channels, (lambda z: never_on(z - 1e-9), dead), "other numbers"),
    (check.channels, (never_on, with_a_small_slope), "other numbers"),
    (check.without, (capped,), "weights"),
    (
        check.corrected,
        (lambda old, new, x: corrected()(old, new, x).float(),),
        "float32",
    ),
    (check.without, (of_five_channels,), "other numbers"),
]


# checker, answers
RIGHT = [
    (check.channels, (never_on, dead)),
    (
        check.channels,
        (
            lambda z: [bool(z[:, c].max() <= 0) for c in range(z.shape[1])],
            lambda z, slope: 1 * dead(z, slope),
        ),
    ),
    (
        check.channels,
        (
            lambda z: ~(z > 0).any(axis=(0, 2, 3)),
            lambda z, slope: torch.tensor(dead(z, slope)),
        ),
    ),
    (
        check.channels,
        (
            lambda z: z.swapaxes(0, 1).reshape(z.shape[1], -1).max(1) <= 0,
            lambda z, slope: never_on(z) * (slope == 0),
        ),
    ),
    *in_other_forms(
        check.enough, 200 * 0.99**20, 1 - 0.99**164, 528, 0.0099361, 20
    ),
    (check.enough, (200 * 0.99**20, 0.8, 528.0, 0.01, np.int64(20))),
    (check.enough, (164, 1 - 0.99**164, 528, 0.0099, 20.0)),
    (check.without, (right_cut,)),
    (check.without, (built_anew,)),
    (check.without, (by_own_relu,)),
    (check.without, (by_index_select,)),
    (check.cuts, ("Same", " changed ", "CHANGED", "same")),
    (check.cuts, ("same", "changed", "changed", "same")),
    (check.cuts, ("same.", "'changed'", "Changed.", '"same"')),
    (check.cuts, tuple(map(np.str_, ("same", "changed", "changed", "same")))),
    (check.folded, (by_zeros,)),
    (check.folded, (folded(),)),
    (
        check.folded,
        (lambda norm, conv, dead: folded()(norm, conv, dead)[None],),
    ),
    (
        check.folded,
        (lambda norm, conv, dead: by_zeros(norm, conv, dead).tolist(),),
    ),
    (check.corrected, (corrected(),)),
    (check.corrected, (by_means,)),
    (check.corrected, (by_hooks,)),
    (check.corrected, (twice,)),
]
