"""Checkers for the exercises of chapter 10, in practice."""

import copy

import numpy as np

from utils.checks.answers import (
    call,
    choice,
    close,
    equals,
    hint_for,
    in_float64,
    number,
)
from utils.checks.feedback import (
    Hint,
    NotYet,
    attempted,
    checker,
    shown,
    wrong,
)

# Function, depth, weight scale c and biases of exercise 1's five networks:
# here, since whoever reads them need not read the reports.
PATIENTS = {
    "A": ("ReLU", 8, 2, 0),
    "B": ("Tanh", 3, 9, 0),
    "C": ("ReLU", 3, 0.3, 5),
    "D": ("Sigmoid", 4, 16, 0),
    "E": ("ReLU", 6, 1, 0),
}


@checker
def five(ill, remedy):
    """Exercise 1: predict which of five networks is ill."""
    attempted(ill=ill, remedy=remedy)
    hints = {
        "ill": (
            "c",
            {
                "a": Hint(
                    "A",
                    "about half zeros is what ReLU does, and a few dead units "
                    "of 24 are no loss: the gradients are even.",
                ),
                "b": Hint(
                    "B",
                    "three quarters of its pre-activations are not saturated, "
                    "and the gradients are even.",
                ),
                "d": Hint(
                    "D",
                    "sigmoid's outputs are all positive, so their cosine rises "
                    "layer by layer: in the ill one it starts near 1.",
                ),
                "e": Hint(
                    "E",
                    "a gradient that is small in all layers alike is a matter "
                    "of the rate: it would be ill if it fell sharply in each "
                    "layer.",
                ),
            },
        ),
        "remedy": (
            "biases",
            {
                "function": Hint(
                    "function",
                    "Leaky ReLU changes negative pre-activations only: how "
                    "many does it have?",
                ),
                "rate": Hint(
                    "rate",
                    "a rate changes neither that units are always on nor that "
                    "the images look alike.",
                ),
            },
        ),
    }
    for (name, (right, why)), answer in zip(hints.items(), (ill, remedy)):
        got = choice(answer, name, (right, *why))
        if got != right:
            raise wrong(
                f"`{name}`",
                "the option that the run shows",
                shown(answer),
                why[got],
            )
    return "biases that outweigh all else look tidy in a report."


@checker
def budget(hidden, growth, time_saved, tokens, read):
    """Exercise 2: parameters, time and rows of a block."""
    attempted(
        hidden=hidden,
        growth=growth,
        time_saved=time_saved,
        tokens=tokens,
        read=read,
    )
    equals(
        hidden,
        "hidden",
        2048,
        {
            Hint(
                "hidden plain",
                "that is the plain layer: SwiGLU has a third matrix.",
            ): 3072,
            Hint(
                "hidden half",
                "that is half: three matrices are half as many again, not "
                "twice as many.",
            ): 1536,
            Hint(
                "hidden wider",
                "a third matrix takes room, so the layer must become "
                "narrower.",
            ): 4608,
        },
        Hint("hidden", "3 d h parameters against 2 d times 3072."),
        "a whole number of units",
    )
    equals(
        growth,
        "growth",
        4 / 3,
        {
            Hint(
                "growth layer",
                "that is the layer's factor: the attention does not grow.",
            ): 3 / 2,
            Hint(
                "growth alone",
                "that is the growth alone: a factor includes the old "
                "parameters.",
            ): 1 / 3,
        },
        Hint(
            "growth",
            "count in units of d^2: the attention, and the layer "
            "before and after.",
        ),
        "a factor such as 1.2",
        atol=0.005,
    )
    share = "a share such as 0.15"
    equals(
        time_saved,
        "time_saved",
        0.02,
        {
            Hint(
                "time half",
                "twice as fast would be half of the pass only if the "
                "activation were all of it.",
            ): 0.5,
            Hint(
                "time whole",
                "that is its whole share: the new one takes time too.",
            ): 0.04,
            Hint(
                "time left",
                "that is what is left of the pass, not what is saved.",
            ): 0.98,
        },
        Hint("time", "what is left of the 4 %?"),
        share,
        atol=1e-4,
    )
    equals(
        tokens,
        "tokens",
        44,
        {
            Hint(
                "tokens one less",
                "with that many tokens the share is still above 1 %.",
            ): 43,
            Hint(
                "tokens whole",
                "tokens come whole, and the share must be below 1 %.",
            ): np.log(0.01) / np.log(0.9),
            Hint(
                "tokens 0.1",
                "0.1 is the share that one token needs: the share it does "
                "not need is 0.9.",
            ): 3,
        },
        Hint(
            "tokens",
            "a row is skipped if its unit is zero for all tokens: "
            "which power is that?",
        ),
        "a whole number of tokens",
        atol=0.05,
    )
    equals(
        read,
        "read",
        0.7,
        {
            Hint(
                "read first",
                "the first matrix must be read to find out which outputs "
                "are zero.",
            ): 0.4,
            Hint(
                "read second",
                "that is the second matrix alone: the first and the "
                "attention are read too.",
            ): 0.1,
            Hint(
                "read layer",
                "that is the share of the feed-forward layer: the "
                "attention is read too.",
            ): 0.55,
            Hint("read saved", "that is the share that is saved."): 0.3,
        },
        Hint(
            "read",
            "count in units of d^2: the attention, the first matrix, "
            "and a tenth of the second.",
        ),
        share,
        atol=0.005,
    )
    return "parameters, time and rows of the block."


SIZES = (64, 24, 24, 24, 24, 24, 24, 10)


@checker
def mended(answer, rate):
    """Exercise 3: a network that learns, and its rate."""
    attempted(mended=answer, rate=rate)
    import torch
    from torch import nn

    rate = number(rate, "rate", "a learning rate such as 0.1")
    if not 1e-5 <= rate <= 20:
        raise wrong(
            "`rate`",
            "a learning rate such as 0.1",
            shown(rate),
            Hint("rates", "rates worth trying lie between 0.001 and 10."),
        )
    if isinstance(answer, nn.Module):
        raise wrong(
            "`mended`",
            "a function",
            shown(answer),
            Hint(
                "a function",
                "give the function itself: it is called once for each "
                "seed, and returns a new network.",
            ),
        )
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        network = call(answer, "mended", what="a network")
    if not isinstance(network, nn.Sequential):
        raise wrong(
            "mended()",
            "an nn.Sequential",
            shown(network),
            Hint("sequential", "return nn.Sequential(...), as `sick` does."),
        )
    kinds = {type(part).__name__ for part in network.modules()}
    sizes = [
        (part.in_features, part.out_features)
        for part in network.modules()
        if isinstance(part, nn.Linear)
    ]
    if sizes != list(zip(SIZES, SIZES[1:])):
        raise wrong(
            "the linear layers of mended()",
            f"the sizes {SIZES}",
            shown(sizes),
            Hint("sizes", "all seven layers stay, as wide as they are."),
        )
    if kinds <= {"Sequential", "Linear", "Identity"}:
        raise wrong(
            "mended()",
            "a network with activations",
            "a linear one",
            Hint(
                "linear",
                "without an activation seven layers are no better than one.",
            ),
        )
    if any("Norm" in kind or "Drop" in kind for kind in kinds):
        raise wrong(
            "mended()",
            "linear layers and activations",
            "normalisation or dropout",
            Hint(
                "norm",
                "here the function, the initialisation and the rate must "
                "do it.",
            ),
        )
    accuracy = _accuracy(answer, rate)
    if accuracy < 80:
        raise wrong(
            "the test accuracy after three epochs",
            "80 % or more",
            f"{int(accuracy)} %" if accuracy > 40 else "below 40 %",
            _reason(answer, network, rate),
        )
    return f"your network reaches {accuracy:.0f} %."


def _accuracy(build, rate):
    """Return the mean test accuracy of three networks, in percent."""
    from utils import data, networks

    try:
        result = networks.train_modules(
            build,
            data.digits(),
            seeds=3,
            learning_rates=rate,
            epochs=3,
            optimizer="sgd",
        )
        return result.final_accuracy.mean()
    except (TypeError, ValueError) as error:
        raise NotYet(f"this network cannot be trained: {error}") from None


def _reason(build, network, rate):
    """Return a hint: what the report finds, or another rate."""
    import torch

    from utils import data, diagnostics

    images = torch.as_tensor(data.digits().x_train)
    report = diagnostics.health_report(copy.deepcopy(network).double(), images)
    if report.findings:
        first = report.findings[0]
        return f"its report says, of {first.layer}: {first.problem}"
    for factor in 4, 16, 64, 1 / 4, 1 / 16, 1 / 64:
        if _accuracy(build, factor * rate) >= 80:
            word = "larger" if factor > 1 else "smaller"
            return f"the network can learn; it needs a {word} rate."
    return (
        "its report finds no fault: look at the columns of gradients and "
        "cosines, and fit function and start to each other."
    )


@checker
def cut(answer):
    """Exercise 4: a network without some of its units."""
    attempted(cut=answer)
    import torch
    from torch import nn

    with torch.random.fork_rng(devices=()):
        torch.manual_seed(1)
        network = nn.Sequential(
            nn.Linear(3, 5),
            nn.ReLU(),
            nn.Linear(5, 4),
            nn.ReLU(),
            nn.Linear(4, 2),
        ).double()
        x = torch.randn(6, 3, dtype=torch.float64)
    before = copy.deepcopy(network.state_dict())
    keep = [
        np.array([True, False, True, True, False]),
        np.array([False, True, True, False]),
    ]
    where = "cut(network, keep) of a 3-5-4-2 network"
    if not callable(answer):
        call(answer, "cut", what="a network")
    small = call(
        lambda *keep: answer(network, list(keep)),
        f"{where}, keep = ",
        *keep,
        what="a network",
    )
    if not isinstance(small, nn.Module):
        raise wrong(
            where,
            "an nn.Sequential",
            shown(small),
            Hint("a network", "return the new network."),
        )
    if any(
        not torch.equal(p, before[name])
        for name, p in network.state_dict().items()
    ):
        raise wrong(
            where,
            "the network left as it is",
            "a network that changed",
            Hint("changed", "copy the weights first."),
        )
    shapes = [tuple(p.shape) for p in small.parameters()]
    wanted = [(3, 3), (3,), (2, 3), (2,), (2, 2), (2,)]
    if shapes != wanted:
        raise wrong(
            f"the parameters of {where}",
            shown(wanted),
            shown(shapes),
            hint_for(
                {
                    Hint(
                        "zeroed",
                        "a unit that puts out 0 is still there: take its rows and "
                        "columns out.",
                    ): [(5, 3), (5,), (4, 5), (4,), (2, 4), (2,)],
                    Hint(
                        "columns",
                        "the units that are cut away are missing in the next layer "
                        "as well: cut its columns.",
                    ): [
                        (3, 3),
                        (3,),
                        (2, 5),
                        (2,),
                        (2, 4),
                        (2,),
                    ],
                    Hint(
                        "bias shapes", "a unit that goes takes its bias along."
                    ): [
                        (3, 3),
                        (5,),
                        (2, 3),
                        (4,),
                        (2, 2),
                        (2,),
                    ],
                    Hint(
                        "turned mask",
                        "keep says which units stay, not which go.",
                    ): [
                        (2, 3),
                        (2,),
                        (2, 2),
                        (2,),
                        (2, 2),
                        (2,),
                    ],
                },
                Hint(
                    "shapes",
                    "rows are a layer's own units, columns those of the layer "
                    "before.",
                ),
                lambda way: shapes == way,
            ),
        )
    in_float64(where, small, "nn.Linear")
    got = call(
        lambda z: small(z).detach().numpy(),
        "the small network",
        x,
        what="logits",
    )
    truth = _masked(network, x, keep)
    if not close(got, truth):
        at = np.abs(got - truth).argmax()
        raise wrong(
            f"a logit of {where}",
            shown(truth.flat[at]),
            shown(got.flat[at]),
            hint_for(
                {
                    Hint(
                        "other units", "those are not the units in keep."
                    ): _masked(network, x, [np.sort(m)[::-1] for m in keep]),
                    Hint("biases", "the biases were lost."): _masked(
                        network, x, keep, bias=0
                    ),
                    Hint("no relu", "the ReLUs are missing."): _masked(
                        network, x, keep, low=-np.inf
                    ),
                    Hint(
                        "relu last", "no ReLU belongs after the last layer."
                    ): np.maximum(truth, 0),
                },
                Hint(
                    "weights",
                    "are weights and biases copied from the units in keep?",
                ),
                lambda way: close(got, way),
            ),
        )
    return "the small network computes what the units in keep computed."


def _masked(network, x, keep, bias=1, low=0):
    """Return the logits with the units outside of keep set to 0."""
    weights = [p.detach().numpy() for p in network.parameters()]
    a = x.numpy()
    for w, b, mask in zip(weights[::2], weights[1::2], [*keep, 1]):
        z = a @ w.T + bias * b
        a = np.maximum(z, low) * mask
    return z


@checker
def control(answer):
    """Exercise 4: as many units, chosen at random."""
    attempted(control=answer)
    keep = [np.arange(40) < 30, np.arange(50) < 10]
    drawn = [
        call(
            answer,
            "control",
            keep,
            np.random.default_rng(seed),
            what="two masks",
        )
        for seed in (0, 0, 1)
    ]
    where = "control(keep, rng), for masks that keep 30 of 40 and 10 of 50"
    for masks in drawn:
        if not isinstance(masks, (list, tuple)) or [
            (mask.dtype, mask.shape) if isinstance(mask, np.ndarray) else None
            for mask in masks
        ] != [(mask.dtype, mask.shape) for mask in keep]:
            raise wrong(
                where,
                "two boolean arrays, of 40 and 50 entries",
                shown(masks),
                Hint(
                    "masks",
                    "a mask has True for a unit that stays: return a list of "
                    "two.",
                ),
            )
        counts = [int(mask.sum()) for mask in masks]
        if counts != [30, 10]:
            raise wrong(
                where,
                "30 and 10 units",
                shown(counts),
                hint_for(
                    {
                        Hint(
                            "go",
                            "those are the units that go: keep the others.",
                        ): [
                            10,
                            40,
                        ],
                        Hint(
                            "over all",
                            "keep as many in each layer, not in all of them together.",
                        ): [10, 30],
                    },
                    Hint(
                        "on average",
                        "as many only on average is not as many: choose exactly "
                        "that number, without replacement.",
                    ),
                    counts.__eq__,
                ),
            )
    first, again, other = (np.concatenate(masks) for masks in drawn)
    if np.array_equal(first, np.concatenate(keep)):
        raise wrong(
            where,
            "random units",
            "the units of keep themselves",
            Hint("keep itself", "shuffle each mask: rng.permutation."),
        )
    if np.array_equal(first, other):
        raise wrong(
            where,
            "other units for another rng",
            "the same units",
            Hint("one choice", "let rng choose them."),
        )
    if not np.array_equal(first, again):
        raise wrong(
            where,
            "the same units for equal rngs",
            "other units",
            Hint("another rng", "draw from rng, not from np.random."),
        )
    return "as many units in each layer, and rng chooses them."
