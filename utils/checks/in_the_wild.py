"""Checkers for the exercises of chapter 11, in the wild."""

import numpy as np

from utils.checks.answers import (
    agrees,
    call,
    choices,
    close,
    equals,
    fresh,
    hint_for,
    other_numbers,
)
from utils.checks.feedback import (
    Hint,
    NotYet,
    attempted,
    checker,
    shown,
    wrong,
)
from utils.checks.modules import has_shapes, in_float64, puts_out

# Two samples of five channels of 1 x 2: one is on in one place of the second
# sample, two are never on, one of them with exact zeros, one is always on, and
# one is on and off in both.
Z = np.array(
    [
        [[[-1, -2]], [[-3, -1]], [[0, -2]], [[1, 3]], [[1, -3]]],
        [[[-2, 9]], [[-1, -4]], [[-1, 0]], [[2, 1]], [[-2, 1]]],
    ],
    float,
)
SLOPES = np.array(
    [
        [0, 0.25, 0, 0, 0.25],
        [0.25, 0, -0.1, 0, 0],
        [0, 0.001, 0.2, 0, 0],
    ]
)
PLACES = 0, 2, 3


def _never_on(z):
    return (z <= 0).all(axis=PLACES)


def _random_channels(rng):
    """Return samples and slopes: of eight channels two are never on.

    Two others are on in a single place, of the first sample or of the last.
    A number as small as these is still above 0.
    """
    given = []
    for size in 1, 1e-12:
        order = rng.permutation(8)
        lowered = 9 * (order % 2)[:, None, None]
        z = rng.normal(size=(4, 8, 6, 7)) - lowered
        z[-1, order == 1, -1, -1] = z[0, order == 3, 0, 0] = 1
        slope = np.array([0, 0, 1e-12, 0, -0.1, 0, 0.25, 1e-12])[order]
        given.append((size * z, slope))
    return given


@checker
def channels(never_on, dead):
    """Exercise 1: channels that are never on, and dead ones."""
    attempted(never_on=never_on, dead=dead)
    what = "a truth value for each channel"
    agrees(
        never_on,
        "never_on",
        lambda z: 1 * _never_on(z),
        [(Z,)],
        {
            Hint(
                "at 0", "at 0 ReLU puts out 0: on means above 0, and 0 is off."
            ): lambda z: (z < 0).all(axis=PLACES),
            Hint(
                "on somewhere", "those are the channels that are on somewhere."
            ): lambda z: (z > 0).any(axis=PLACES),
            Hint(
                "always on", "those are the channels that are always on."
            ): lambda z: (z > 0).all(axis=PLACES),
            Hint(
                "off somewhere", "off somewhere is not off everywhere."
            ): lambda z: (z <= 0).any(axis=PLACES),
            Hint(
                "mean", "a mean below 0 hides the places that are on."
            ): lambda z: z.mean(axis=PLACES) <= 0,
            Hint(
                "first sample", "that is the first sample alone."
            ): lambda z: _never_on(z[:1]),
        },
        Hint("never_on", "all samples and all positions must be off."),
        what,
        lambda rng: [given[:1] for given in _random_channels(rng)],
    )
    agrees(
        dead,
        "dead",
        lambda z, slope: 1 * (_never_on(z) & (slope == 0)),
        [(Z, slope) for slope in SLOPES],
        {
            Hint(
                "dead never on",
                "never on is not enough: with a slope below 0 the channel "
                "still passes its inputs on.",
            ): lambda z, slope: _never_on(z),
            Hint(
                "dead slope",
                "a slope of 0 is not enough: the channel may be on.",
            ): lambda z, slope: slope == 0,
            Hint(
                "dead either", "it takes both, never on *and* a slope of 0."
            ): lambda z, slope: _never_on(z) | (slope == 0),
            Hint(
                "dead negative", "a negative slope is a slope too."
            ): lambda z, slope: _never_on(z) & (slope <= 0),
            Hint("dead small", "small is not 0."): lambda z, slope: (
                _never_on(z) & (abs(slope) < 0.01)
            ),
        },
        Hint("dead", "nothing the channel puts out may depend on its inputs."),
        what,
        _random_channels,
    )
    return "channels, not positions; and a slope keeps one alive."


LIVING, SHARE = 200, 0.01


@checker
def enough(false_20, hit, n_enough, rarest, n):
    """Exercise 2: how many inputs it takes to call a channel dead."""
    attempted(
        false_20=false_20, hit=hit, n_enough=n_enough, rarest=rarest, n=n
    )
    off_20, count = (1 - SHARE) ** 20, "a whole number of inputs"
    share = "a share such as 0.25"
    equals(
        false_20,
        "false_20",
        LIVING * off_20,
        {
            Hint(
                "false one", "that is for one channel, and there are 200."
            ): off_20,
            Hint(
                "false shown",
                "those are the channels that do show themselves.",
            ): LIVING * (1 - off_20),
            Hint(
                "false product",
                "1 % on each of 20 inputs is not 20 %: multiply the shares "
                "of being off.",
            ): LIVING * (1 - 20 * SHARE),
        },
        Hint("false", "off on all inputs: which power of 0.99?"),
        "a number of channels such as 12.5",
        atol=0.6,
    )
    equals(
        hit,
        "hit",
        1 - (1 - SHARE) ** 164,
        {
            Hint(
                "hit off",
                "that is the share of inputs on which all of them are off.",
            ): (1 - SHARE) ** 164,
            Hint(
                "hit sum", "shares add up only if no two happen together."
            ): 164 * SHARE,
            Hint(
                "hit one",
                "that is the share for one channel, but any of the 164 may "
                "be on.",
            ): SHARE,
            Hint("hit all", "the other 36 were not cut."): 1
            - (1 - SHARE) ** LIVING,
        },
        Hint("hit", "it is the chance that not all of the 164 are off."),
        share,
        atol=0.008,
    )
    exact = np.log(1 / LIVING) / np.log(1 - SHARE)
    equals(
        n_enough,
        "n_enough",
        528,
        {
            Hint(
                "n_enough one less",
                "with that many inputs it is still one channel or more.",
            ): 527,
            Hint(
                "n_enough whole",
                "inputs come whole, and it must be fewer than one channel.",
            ): exact,
            Hint(
                "n_enough 100",
                "that is one appearance of each on average, but many miss "
                "theirs.",
            ): 100,
            Hint(
                "n_enough 459",
                "with that many inputs *one* channel is missed with a "
                "probability of 1 %, and there are 200.",
            ): 459,
        },
        Hint("n_enough", "solve 200 * 0.99^n < 1."),
        count,
        atol=0.05,
    )
    equals(
        rarest,
        "rarest",
        1 - 0.05 ** (1 / 300),
        {
            Hint(
                "rarest 1/300",
                "once in 300 would be missed in 37 % of such runs, and 5 % "
                "was asked for.",
            ): 1 / 300,
            Hint("rarest off", "that is the share of being off."): 0.05
            ** (1 / 300),
            Hint("rarest 0", "unseen is not impossible."): 0.0,
        },
        Hint("rarest", "solve (1 - p)^300 = 0.05."),
        "a share such as 0.002",
        atol=1e-4,
    )
    equals(
        n,
        "n",
        20,
        {
            Hint(
                "n all positions",
                "positions of one image are not independent: a channel "
                "that looks for stars is on at many places of an image "
                "with stars.",
            ): 81920,
            Hint("n positions", "those are the positions of one image."): 4096,
        },
        Hint(
            "n",
            "how many independent chances of being on does the channel have?",
        ),
        count,
    )
    return "unseen in n inputs means rarer than about 3 / n, not never."


@checker
def without(answer):
    """Exercise 3: two convolutions without the dead channels between."""
    attempted(without=answer)
    import torch
    from torch import nn

    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        _without(
            answer,
            nn.Sequential(
                nn.Conv2d(2, 5, 3, stride=2, padding=1),
                nn.ReLU(),
                nn.Conv2d(5, 5, (1, 3), padding=(0, 1)),
            ),
            np.array([False, True, False, False, True]),
        )
        rng = fresh()
        torch.manual_seed(int(rng.integers(2**31)))
        other = nn.Sequential(
            nn.Conv2d(2, 8, (2, 3), stride=(1, 2)),
            nn.ReLU(),
            nn.Conv2d(8, 3, (3, 1), padding=(1, 0)),
        )
        try:
            _without(answer, other, rng.permutation(8) < 3)
        except NotYet as told:
            raise other_numbers(
                "without(network, dead)", "something else"
            ) from told
    return "fewer channels, and the same outputs."


def _without(answer, network, dead):
    """Raise NotYet unless the answer takes the dead channels out."""
    import torch
    from torch import nn

    network = network.double()
    # Large numbers tell ReLU from ReLU6.
    x = 9 * torch.randn(4, 2, 6, 6, dtype=torch.float64)
    with torch.no_grad():
        network[0].bias[torch.as_tensor(dead)] = -500
    where = f"without(a Sequential, {shown(dead)})"
    small = call(answer, "without", network, dead, what="a network")
    if not isinstance(small, nn.Sequential) or len(small) != 3:
        raise wrong(
            where,
            "an nn.Sequential of three parts",
            shown(small),
            Hint(
                "three parts",
                "return convolution, ReLU and convolution, as they were.",
            ),
        )
    out, own = network[2].weight.shape[:2]
    ends = network[0].weight.shape[1:], network[2].weight.shape[2:]

    def of(first, second, bias=None, last=out):
        """Return shapes, for so many channels put out and read."""
        return [
            (first, *ends[0]),
            (bias or first,),
            (last, second, *ends[1]),
            (last,),
        ]

    few, gone = int((~dead).sum()), int(dead.sum())
    has_shapes(
        where,
        small,
        of(few, few),
        {
            Hint(
                "zeroed",
                "weights of 0 are still there, and are still multiplied.",
            ): of(own, own),
            Hint(
                "second axis",
                "the second convolution reads the channels that "
                "went: cut the second axis of its weights.",
            ): of(few, own),
            Hint(
                "axes",
                "the first axis of the weights is what a "
                "convolution puts out, the second what it reads.",
            ): of(few, own, last=few),
            Hint(
                "outputs",
                "what the second convolution puts out stays whole.",
            ): of(few, few, last=few),
            Hint(
                "turned mask",
                "dead says which channels go, not which stay.",
            ): of(gone, gone),
            Hint(
                "bias shapes",
                "a channel that goes takes its bias along.",
            ): of(few, few, bias=own),
        },
        Hint(
            "shapes",
            "the first convolution puts out only the channels that "
            "stay, and the second reads only those.",
        ),
    )
    in_float64(where, small, "nn.Conv2d")
    first, _, second = network

    def by(first, activation=torch.relu):
        with torch.no_grad():
            return second(activation(first(x))).numpy()

    truth = by(first)
    with torch.no_grad():
        second_bias = second.bias.numpy()[:, None, None]
    puts_out(
        where,
        small,
        x,
        truth,
        {
            Hint(
                "second bias",
                "the bias of the second convolution was lost.",
            ): truth - second_bias,
            Hint("biases", "the biases were lost."): by(
                _unbiased(first, ~dead)
            )
            - second_bias,
            Hint(
                "first bias",
                "the bias of the first convolution was lost.",
            ): by(_unbiased(first, ~dead)),
            Hint(
                "relu last",
                "no ReLU belongs after the last convolution.",
            ): np.maximum(truth, 0),
            Hint("no relu", "the ReLU is missing."): by(
                first,
                lambda z: z * torch.as_tensor(~dead)[:, None, None],
            ),
        },
        Hint(
            "weights",
            "are weights and biases copied from the channels that stay?",
        ),
        Hint(
            "stride",
            "stride and padding stay as they were, in both convolutions.",
        ),
    )


def _unbiased(convolution, kept):
    """Return the convolution without the biases of what is kept."""
    import torch

    kept = torch.as_tensor(kept)[:, None, None]
    bias = convolution.bias.detach()[:, None, None]
    return lambda x: convolution(x) - bias * kept


AFTER_A_CUT = {
    "norm_first": (
        "same",
        {
            "changed": Hint(
                "norm_first",
                "ReLU comes last, so what reaches the next layer is 0.",
            )
        },
    ),
    "relu_first": (
        "changed",
        {
            "same": Hint(
                "relu_first",
                "the channel gives 0 to the norm: what does the norm make "
                "of it?",
            )
        },
    ),
    "prelu": (
        "changed",
        {"same": Hint("prelu", "what does PReLU put out where it is not on?")},
    ),
    "pooled": (
        "same",
        {"changed": Hint("pooled", "what is the largest of four zeros?")},
    ),
}


@checker
def cuts(norm_first, relu_first, prelu, pooled):
    """Exercise 4: predict which cuts change the output."""
    choices(
        AFTER_A_CUT,
        norm_first=norm_first,
        relu_first=relu_first,
        prelu=prelu,
        pooled=pooled,
    )
    return "what counts is what the next layer reads."


@checker
def folded(answer):
    """Exercise 4: the bias that takes the dead channels' constants along."""
    attempted(folded=answer)
    import torch
    from torch import nn

    dead = np.array([False, True, True, False])
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        _folds(answer, nn.Conv2d(4, 3, (3, 2)), dead)
        rng = fresh()
        torch.manual_seed(int(rng.integers(2**31)))
        try:
            _folds(answer, nn.Conv2d(7, 9, (1, 3)), rng.permutation(7) < 3)
        except NotYet as told:
            raise other_numbers(
                "folded(norm, conv, dead)", "something else"
            ) from told
    return "cut and folded, the dead channels are not missed."


def _folds(answer, conv, dead):
    """Raise NotYet unless the answer folds the dead channels' constants."""
    from torch import nn

    norm = nn.BatchNorm2d(len(dead), eps=0.1).double().eval()
    for part in (norm.weight, norm.bias, norm.running_mean):
        nn.init.normal_(part)
    nn.init.uniform_(norm.running_var, 0.5, 2)
    conv = conv.double()
    value = call(answer, "folded", norm, conv, dead, what="a bias")
    gamma, beta, mean, variance = (
        part.detach().numpy()
        for part in (
            norm.weight,
            norm.bias,
            norm.running_mean,
            norm.running_var,
        )
    )
    weight, bias = conv.weight.detach().numpy(), conv.bias.detach().numpy()
    constant = beta - mean * gamma / np.sqrt(variance + norm.eps)

    sums = weight.sum(axis=(2, 3))

    def with_(constant, channels=dead, sums=sums):
        return bias + sums[:, channels] @ constant[channels]

    truth = with_(constant)
    equals(
        value,
        "folded(norm, conv, dead)",
        truth,
        {
            Hint("no old bias", "the old bias still belongs to it."): truth
            - bias,
            Hint(
                "old bias", "that is the old bias: the constants are missing."
            ): bias,
            Hint(
                "no mean", "the norm subtracts its mean, from a 0 as well."
            ): with_(beta),
            Hint(
                "signs",
                "the norm subtracts its mean and adds its bias: check the "
                "signs.",
            ): with_(beta + mean * gamma / np.sqrt(variance + norm.eps)),
            Hint("no root", "the root of the variance is missing."): with_(
                beta - mean * gamma / (variance + norm.eps)
            ),
            Hint("no eps", "norm.eps belongs under the root too."): with_(
                beta - mean * gamma / np.sqrt(variance)
            ),
            Hint(
                "no gamma", "the norm's own factor, norm.weight, is missing."
            ): with_(beta - mean / np.sqrt(variance + norm.eps)),
            Hint("others", "those are the channels that stay."): with_(
                constant, ~dead
            ),
            Hint(
                "all", "only the dead channels' constants go into the bias."
            ): with_(constant, dead | True),
            Hint(
                "one place",
                "the constant is there at every place of the kernel: sum "
                "over it.",
            ): with_(constant, sums=weight.mean(axis=(2, 3))),
        },
        Hint(
            "folded",
            "a dead channel gives the norm a 0: what does it make of "
            "that, and with which weights does it enter?",
        ),
        f"the biases of conv's {len(bias)} channels",
    )


@checker
def corrected(answer):
    """Exercise 5: a transplant with the old mean in each layer."""
    attempted(corrected=answer)
    import torch
    from torch import nn

    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        _corrects(answer, 3, nn.Softplus(), "ReLU against Softplus")
        torch.manual_seed(int(fresh().integers(2**31)))
        try:
            _corrects(answer, 5, nn.LeakyReLU(0.3), "")
        except NotYet as told:
            raise other_numbers(
                "corrected(old, new, x)", "something else"
            ) from told
    return "each layer has its old mean again."


def _corrects(answer, channels, activation, named):
    """Raise NotYet unless the answer corrects such a transplant."""
    import torch
    from torch import nn

    def build(activation):
        return nn.Sequential(
            nn.Conv2d(1, channels, 3),
            activation,
            nn.Conv2d(channels, 2, 2),
            activation,
            nn.Flatten(),
            nn.Linear(8, 2),
        ).double()

    old, new = build(nn.ReLU()), build(activation)
    x = torch.randn(20, 1, 5, 5, dtype=torch.float64)
    new.load_state_dict(old.state_dict())
    where = f"corrected(old, new, x), {named}"
    network = call(answer, "corrected", old, new, x, what="a network")
    if not isinstance(network, nn.Sequential) or len(network) != len(new):
        raise wrong(
            where,
            "an nn.Sequential as long as new",
            shown(network),
            Hint("sequential", "return a copy of new, with other biases."),
        )
    z = torch.linspace(-3, 3, 7, dtype=torch.float64)
    layers = [hasattr(part, "weight") for part in network]
    if layers != [hasattr(part, "weight") for part in new] or not all(
        torch.allclose(network[k](z), new[k](z)) for k in (1, 3)
    ):
        raise wrong(
            f"the modules of {where}",
            "those of new",
            "others",
            Hint("modules", "return a copy of new, with other biases."),
        )
    if any(
        not torch.equal(network[part].weight, new[part].weight)
        for part in (0, 2, 5)
    ):
        raise wrong(
            f"the weights of {where}",
            "those of new",
            "others",
            Hint("weights", "only the biases should change."),
        )
    in_float64(where, network, "nn.Linear")
    biases = [
        network[part].bias.detach().numpy().astype(float) for part in (0, 2, 5)
    ]
    truth = _correct(old, new, x)
    for part, bias, right in zip((0, 2, 5), biases, truth):
        if bias.shape != right.shape:
            raise wrong(
                f"the bias of module {part} of {where}",
                f"shape {right.shape}",
                f"shape {bias.shape}",
                Hint("bias shape", "give one number for each channel."),
            )
        if not close(bias, right):
            raise wrong(
                f"the bias of module {part} of {where}",
                shown(right),
                shown(bias),
                hint_for(
                    {
                        Hint(
                            "unchanged",
                            "that is the bias of new: nothing was corrected.",
                        ): (_correct(old, new, x, factor=0)),
                        Hint(
                            "sign",
                            "the sign is wrong: add what the old mean is above the new "
                            "one.",
                        ): _correct(old, new, x, factor=-1),
                        Hint(
                            "at once",
                            "all shifts were measured at once: measure each layer "
                            "behind layers that are already corrected.",
                        ): (_correct(old, new, x, at_once=True)),
                        Hint(
                            "alike",
                            "each channel has a shift and a bias of its own.",
                        ): (_correct(old, new, x, alike=True)),
                        Hint(
                            "only last", "only the last layer was corrected."
                        ): _correct(old, new, x, layers=(5,)),
                        Hint(
                            "not last", "the last layer is a layer too."
                        ): _correct(old, new, x, layers=(0, 2)),
                    },
                    Hint(
                        "corrected",
                        "its outputs must have the mean that they have in old, in "
                        "each channel.",
                    ),
                    lambda way: all(map(close, biases, way)),
                ),
            )


def _correct(
    old, new, x, factor=1, layers=(0, 2, 5), at_once=False, alike=False
):
    """Return the biases of new's layers, with the means as in old.

    With one shift for all channels of a layer, if they are taken `alike`.
    """
    import torch

    biases = []
    a = b = x
    with torch.no_grad():
        for number, (one, other) in enumerate(zip(old, new)):
            a, b = one(a), other(b)
            if hasattr(other, "bias"):
                gap = (a - b).transpose(0, 1).flatten(1).mean(dim=1)
                if alike:
                    gap = gap.mean()
                gap = gap * factor * (number in layers)
                biases.append((other.bias + gap).numpy())
                if not at_once:
                    b = b + gap.reshape(-1, *(b.ndim - 2) * [1])
    return biases
