"""Wrong answers to the exercises of chapter 11, and what each is told."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from utils.checks import in_the_wild as check

NEVER_ON = (
    "never_on([[[[-1, -2]], [[-3, -1]], [[0, -2]], [[1, 3]], [[1, -3]]], "
    "[[[-2, 9]], [[-1, -4]], [[-1, 0]], [[2, 1]], [[-2, 1]]]])"
)
DEAD = NEVER_ON.replace("never_on", "dead")[:-1] + ", {})"
PER_CHANNEL = "a truth value for each channel"
COUNTS = 163.6, 0.81, 528, 0.00994, 20
INPUTS = "a whole number of inputs"
SHARE = "a share such as 0.25"
WITHOUT = "without(a Sequential, [False, True, False, False, True])"
PARAMETERS = f"the parameters of {WITHOUT}"
OUTPUT = f"a number of the output of {WITHOUT}"
SHAPES = "[[3, 2, 3, 3], [3], [5, 3, 1, 3], [5]]"
FOLDED = "`folded(norm, conv, dead)`"
BIASES = "the biases of conv's 3 channels"
CORRECTED = "corrected(old, new, x), ReLU against Softplus"
BIAS_2 = f"the bias of module 2 of {CORRECTED}"
BIAS_5 = f"the bias of module 5 of {CORRECTED}"
RIGHT = {BIAS_2: "[0.418946, -0.314115]", BIAS_5: "[0.394955, 0.0415084]"}


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
    x = torch.zeros(1, 4, *conv.kernel_size, dtype=torch.float64)
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
    *(
        (check.folded, (answer,), FOLDED, BIASES, got, hint)
        for answer, got, hint in (
            (
                folded(old=False),
                "[0.163834, -0.369793, -0.0366176]",
                "the old bias still belongs to it.",
            ),
            (
                lambda norm, conv, dead: conv.bias,
                "[-0.194448, -0.00366896, -0.153718]",
                "that is the old bias; the constants are missing.",
            ),
            (
                folded(mean=0),
                "[-0.151798, 0.0185395, -0.152604]",
                "the norm subtracts its mean from the 0, too.",
            ),
            (
                folded(mean=-1),
                "[-0.272982, 0.410541, -0.114873]",
                "the norm subtracts its mean and adds its bias: check the signs.",
            ),
            (
                folded(power=1),
                "[-0.0467854, -0.321811, -0.185359]",
                "the root of the variance is missing.",
            ),
            (
                folded(eps=False),
                "[-0.025789, -0.38913, -0.191843]",
                "norm.eps stands under the root, too.",
            ),
            (
                folded(gamma=False),
                "[-0.224319, 0.221612, -0.132857]",
                "the norm's own factor, norm.weight, is missing.",
            ),
            (
                folded(of=lambda dead: ~dead),
                "[0.169475, 0.0881464, -0.216732]",
                "those are the channels that stay.",
            ),
            (
                folded(of=lambda dead: dead | True),
                "[0.33331, -0.281646, -0.25335]",
                "only the dead channels' constants go into the bias.",
            ),
            (
                one_place,
                "[-0.167143, -0.065301, -0.15982]",
                "the constant stands at each place of the kernel: sum over it.",
            ),
            (
                folded(beta=False),
                "[-0.073264, -0.39567, -0.191448]",
                "a dead channel gives the norm a 0: what does it make of that, "
                "and with which weights does it enter?",
            ),
        )
    ),  # ?? no old bias
    (check.corrected, (in_place,), "old bias"),
    (check.corrected, (lambda old, new, x: new[0],), "no mean"),
    (check.corrected, (lambda old, new, x: old,), "signs"),
    (check.corrected, (corrected(weights=2),), "no root"),
    (check.corrected, (row_of_biases,), "no eps"),
    *(
        (check.corrected, (answer,), where, RIGHT[where], got, hint)
        for answer, where, got, hint in (
            (
                lambda old, new, x: new,
                BIAS_2,
                "[0.193553, -0.169973]",
                "that is the bias of new; nothing was corrected.",
            ),
            (
                corrected(factor=-1),
                BIAS_2,
                "[-0.0318405, -0.0258297]",
                "the other sign: what the old mean is above the new one is to "
                "be added.",
            ),
            (
                at_once,
                BIAS_5,
                "[0.307928, 0.0582022]",
                "all shifts were measured at once; a layer must be measured "
                "behind layers that are corrected already.",
            ),
            (
                corrected(alike=True),
                BIAS_2,
                "[0.234178, -0.129347]",
                "each channel has its own shift, and its own bias.",
            ),
            (
                corrected(layers=(5,)),
                BIAS_2,
                "[0.193553, -0.169973]",
                "only the last layer was corrected.",
            ),
            (
                corrected(layers=(0, 2)),
                BIAS_5,
                "[0.13895, 0.292936]",
                "the last layer is one, too.",
            ),
            (
                corrected(factor=2),
                BIAS_2,
                "[0.644339, -0.458258]",
                "its outputs must have the mean that they have in old, in each "
                "channel.",
            ),
        )
    ),  # ?? no gamma
]


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


@pytest.mark.parametrize(
    ("checker", "answers"),
    [
        (
            check.channels,
            (
                lambda z: [
                    bool(z[:, c].max() <= 0) for c in range(z.shape[1])
                ],
                lambda z, slope: 1 * dead(z, slope),
            ),
        ),
        (check.enough, (200 * 0.99**20, 0.8, 528.0, 0.01, np.int64(20))),
        (check.enough, (164, 1 - 0.99**164, 528, 0.0099, 20.0)),
        (check.without, (built_anew,)),
        (check.cuts, ("Same", " changed ", "CHANGED", "same")),
        (check.folded, (by_zeros,)),
        (check.corrected, (by_means,)),
    ],
)
def test_right_answer_in_another_form_is_right(checker, answers):
    assert checker(*answers)
