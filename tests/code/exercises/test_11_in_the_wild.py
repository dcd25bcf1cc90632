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


# checker, answers, where it goes wrong, what is expected, what came, hint
WRONG = [
    (
        check.channels,
        (lambda z: (z < 0).all(axis=(0, 2, 3)), dead),
        NEVER_ON,
        "[0, 1, 1, 0, 0]",
        "[0, 1, 0, 0, 0]",
        "at 0 ReLU puts out 0: on is above 0, and 0 is off.",
    ),
    (
        check.channels,
        (lambda z: (z > 0).any(axis=(0, 2, 3)), dead),
        NEVER_ON,
        "[0, 1, 1, 0, 0]",
        "[1, 0, 0, 1, 1]",
        "those are the channels that are on somewhere.",
    ),
    (
        check.channels,
        (lambda z: (z > 0).all(axis=(0, 2, 3)), dead),
        NEVER_ON,
        "[0, 1, 1, 0, 0]",
        "[0, 0, 0, 1, 0]",
        "those are the channels that are always on.",
    ),
    (
        check.channels,
        (lambda z: z.mean(axis=(0, 2, 3)) <= 0, dead),
        NEVER_ON,
        "[0, 1, 1, 0, 0]",
        "[0, 1, 1, 0, 1]",
        "a mean below 0 hides the places that are on.",
    ),
    (
        check.channels,
        (lambda z: (z <= 0).any(axis=(0, 2, 3)), dead),
        NEVER_ON,
        "[0, 1, 1, 0, 0]",
        "[1, 1, 1, 0, 1]",
        "off somewhere is not off everywhere.",
    ),
    (
        check.channels,
        (lambda z: never_on(z[:1]), dead),
        NEVER_ON,
        "[0, 1, 1, 0, 0]",
        "[1, 1, 1, 0, 0]",
        "that is the first sample alone.",
    ),
    (
        check.channels,
        (lambda z: (z <= 0).all(axis=0), dead),
        NEVER_ON,
        "a truth value for each channel of shape (5,)",
        "shape (5, 1, 2)",
        "compare the two shapes, step by step.",
    ),
    (
        check.channels,
        (never_on, lambda z, slope: never_on(z)),
        DEAD.format("[0, 0.25, 0, 0, 0.25]"),
        "[0, 0, 1, 0, 0]",
        "[0, 1, 1, 0, 0]",
        "never on is not enough: with a slope below 0 the channel still passes "
        "its inputs on.",
    ),
    (
        check.channels,
        (never_on, lambda z, slope: slope == 0),
        DEAD.format("[0, 0.25, 0, 0, 0.25]"),
        "[0, 0, 1, 0, 0]",
        "[1, 0, 1, 1, 0]",
        "a slope of 0 is not enough: the channel may be on.",
    ),
    (
        check.channels,
        (never_on, lambda z, slope: never_on(z) | (slope == 0)),
        DEAD.format("[0, 0.25, 0, 0, 0.25]"),
        "[0, 0, 1, 0, 0]",
        "[1, 1, 1, 1, 0]",
        "it takes both, never on *and* a slope of 0.",
    ),
    (
        check.channels,
        (never_on, lambda z, slope: never_on(z) & (slope <= 0)),
        DEAD.format("[0.25, 0, -0.1, 0, 0]"),
        "[0, 1, 0, 0, 0]",
        "[0, 1, 1, 0, 0]",
        "a negative slope is a slope, too.",
    ),
    (
        check.channels,
        (never_on, lambda z, slope: never_on(z) & (abs(slope) < 0.01)),
        DEAD.format("[0, 0.001, 0.2, 0, 0]"),
        "[0, 0, 0, 0, 0]",
        "[0, 1, 0, 0, 0]",
        "small is not 0.",
    ),
    (
        check.enough,
        but(0, 0.99**20),
        "`false_20`",
        "a number of channels such as 12.5",
        "0.817907",
        "that is for one channel; there are 200.",
    ),
    (
        check.enough,
        but(0, 36.4),
        "`false_20`",
        "a number of channels such as 12.5",
        "36.4",
        "those are the channels that do show themselves.",
    ),
    (
        check.enough,
        but(0, 160),
        "`false_20`",
        "a number of channels such as 12.5",
        "160",
        "1 % on each of 20 inputs is not 20 %: multiply the shares of being off.",
    ),
    (
        check.enough,
        but(1, 0.19),
        "`hit`",
        SHARE,
        "0.19",
        "that is the share of inputs on which all of them are off.",
    ),
    (
        check.enough,
        but(1, 1.64),
        "`hit`",
        SHARE,
        "1.64",
        "shares add up only if no two happen together.",
    ),
    (
        check.enough,
        but(1, 0.01),
        "`hit`",
        SHARE,
        "0.01",
        "that is one channel's; each of the 164 may be on.",
    ),
    (
        check.enough,
        but(1, 0.87),
        "`hit`",
        SHARE,
        "0.87",
        "the 36 others were not cut.",
    ),
    (
        check.enough,
        but(2, 527),
        "`n_enough`",
        INPUTS,
        "527",
        "with so many inputs it is still one channel or more.",
    ),
    (
        check.enough,
        but(2, 527.17),
        "`n_enough`",
        INPUTS,
        "527.17",
        "inputs come whole, and it must be fewer than one channel.",
    ),
    (
        check.enough,
        but(2, 100),
        "`n_enough`",
        INPUTS,
        "100",
        "that is one appearance of each in the mean; many miss theirs.",
    ),
    (
        check.enough,
        but(2, 459),
        "`n_enough`",
        INPUTS,
        "459",
        "with so many inputs *one* channel is missed with a probability of 1 %; "
        "there are 200.",
    ),
    (
        check.enough,
        but(3, 1 / 300),
        "`rarest`",
        "a share such as 0.002",
        "0.00333333",
        "once in 300 would be missed in 37 % of such runs; 5 % was asked.",
    ),
    (
        check.enough,
        but(3, 0.99),
        "`rarest`",
        "a share such as 0.002",
        "0.99",
        "that is the share of being off.",
    ),
    (
        check.enough,
        but(3, 0),
        "`rarest`",
        "a share such as 0.002",
        "0",
        "unseen is not impossible.",
    ),
    (
        check.enough,
        but(3, 1),
        "`rarest`",
        "a share such as 0.002",
        "1",
        "a share between 0 and 1, not percent.",
    ),
    (
        check.enough,
        but(4, 20 * 64 * 64),
        "`n`",
        INPUTS,
        "81920",
        "positions of one image are not independent: a channel that looks for "
        "stars is on in an image with stars, at many places.",
    ),
    (
        check.enough,
        but(4, 4096),
        "`n`",
        INPUTS,
        "4096",
        "those are the positions of one image.",
    ),
    (
        check.without,
        (zeroed,),
        PARAMETERS,
        SHAPES,
        "[[5, 2, 3, 3], [5], [5, 5, 1, 3], [5]]",
        "weights of 0 are still there, and still multiplied.",
    ),
    (
        check.without,
        (changed,),
        WITHOUT,
        "the input left as it was",
        "an input that changed",
        "work on a copy: x *= 2 and x[x < 0] = 0 write into what they were "
        "given.",
    ),
    (
        check.without,
        (without(rows=False, columns=False),),
        PARAMETERS,
        SHAPES,
        "[[3, 2, 3, 3], [3], [5, 5, 1, 3], [5]]",
        "the second convolution reads the channels that went: cut the second "
        "axis of its weights.",
    ),
    (
        check.without,
        (without(columns=False),),
        PARAMETERS,
        SHAPES,
        "[[3, 2, 3, 3], [3], [3, 5, 1, 3], [3]]",
        "the first axis of the weights is what a convolution puts out, the "
        "second what it reads.",
    ),
    (
        check.without,
        (without(),),
        PARAMETERS,
        SHAPES,
        "[[3, 2, 3, 3], [3], [3, 3, 1, 3], [3]]",
        "what the second convolution puts out stays whole.",
    ),
    (
        check.without,
        (without(rows=False, keep=False),),
        PARAMETERS,
        SHAPES,
        "[[2, 2, 3, 3], [2], [5, 2, 1, 3], [5]]",
        "dead says which channels go, not which stay.",
    ),
    (
        check.without,
        (without(rows=False, own_bias=False),),
        PARAMETERS,
        SHAPES,
        "[[3, 2, 3, 3], [5], [5, 3, 1, 3], [5]]",
        "a channel that goes takes its bias along.",
    ),
    (
        check.without,
        (lambda network, dead: nn.Sequential(right_cut(network, dead)),),
        WITHOUT,
        "an nn.Sequential of three parts",
        "a Sequential",
        "return convolution, ReLU and convolution, as they were.",
    ),
    (
        check.without,
        (in_float32,),
        PARAMETERS,
        "float64, as before",
        "float32",
        "nn.Conv2d(...) makes float32: end with .double().",
    ),
    (
        check.without,
        (default_stride,),
        f"the output of {WITHOUT}",
        "shape (4, 5, 3, 3)",
        "shape (4, 5, 6, 6)",
        "stride and padding stay as they were, in both convolutions.",
    ),
    (
        check.without,
        (others,),
        OUTPUT,
        "-0.252466",
        "0.0555597",
        "are weights and biases copied, from the channels that stay?",
    ),
    (
        check.without,
        (no_relu,),
        OUTPUT,
        "-0.316",
        "0.0358531",
        "the ReLU is missing.",
    ),
    (
        check.without,
        (relu_behind,),
        OUTPUT,
        "-0.756935",
        "0",
        "no ReLU belongs behind the last convolution.",
    ),
    (
        check.without,
        (without(rows=False, bias=False),),
        OUTPUT,
        "-0.703535",
        "-0.358395",
        "the biases were lost.",
    ),
    (
        check.without,
        (without_bias(of=0),),
        OUTPUT,
        "-0.703535",
        "-0.591409",
        "the bias of the first convolution was lost.",
    ),
    (
        check.without,
        (without_bias(of=2),),
        OUTPUT,
        "0.158305",
        "-0.0748495",
        "the bias of the second convolution was lost.",
    ),
    (
        check.cuts,
        ("changed", "changed", "changed", "same"),
        "`norm_first`",
        "the other answer",
        "'changed'",
        "ReLU comes last, so what reaches the next layer is 0.",
    ),
    (
        check.cuts,
        ("same", "same", "changed", "same"),
        "`relu_first`",
        "the other answer",
        "'same'",
        "the channel gives 0 to the norm; what does the norm make of it?",
    ),
    (
        check.cuts,
        ("same", "changed", "same", "same"),
        "`prelu`",
        "the other answer",
        "'same'",
        "what does PReLU put out where it is not on?",
    ),
    (
        check.cuts,
        ("same", "changed", "changed", "changed"),
        "`pooled`",
        "the other answer",
        "'changed'",
        "what is the largest of four zeros?",
    ),
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
    ),
    (
        check.corrected,
        (in_place,),
        "corrected(a Sequential, a Sequential, a Tensor)",
        "the input left as it was",
        "an input that changed",
        "work on a copy: x *= 2 and x[x < 0] = 0 write into what they were "
        "given.",
    ),
    (
        check.corrected,
        (lambda old, new, x: new[0],),
        CORRECTED,
        "an nn.Sequential as long as new",
        "a Conv2d",
        "return a copy of new, with other biases.",
    ),
    (
        check.corrected,
        (lambda old, new, x: old,),
        f"the modules of {CORRECTED}",
        "Conv2d, Softplus, Conv2d, Softplus, Flatten, Linear",
        "Conv2d, ReLU, Conv2d, ReLU, Flatten, Linear",
        "return a copy of new, with other biases.",
    ),
    (
        check.corrected,
        (corrected(weights=2),),
        f"the weights of {CORRECTED}",
        "those of new",
        "others",
        "biases alone are to change.",
    ),
    (
        check.corrected,
        (row_of_biases,),
        BIAS_5,
        "shape (2,)",
        "shape (1, 2)",
        "one number for each channel.",
    ),
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
    ),
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
