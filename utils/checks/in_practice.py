"""Checkers for the exercises of chapter 10, in practice."""

import copy

import numpy as np

from utils.checks.answers import (
    call,
    choices,
    equals,
    fresh,
    hint_for,
    number,
    other_numbers,
)
from utils.checks.feedback import (
    Hint,
    NotYet,
    attempted,
    checker,
    need,
    shown,
    wrong,
)
from utils.checks.modules import has_shapes, in_float64, puts_out

# Function, depth, weight scale c and biases of exercise 1's five networks:
# here, since whoever reads them need not read the reports.
PATIENTS = {
    "A": ("ReLU", 8, 2, 0),
    "B": ("Tanh", 3, 9, 0),
    "C": ("ReLU", 3, 0.3, 5),
    "D": ("Sigmoid", 4, 16, 0),
    "E": ("ReLU", 6, 1, 0),
}


FAULTY = {
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
                "layer by layer: in the faulty one it starts near 1.",
            ),
            "e": Hint(
                "E",
                "a gradient that is small in all layers alike is a matter "
                "of the rate: it would be a fault if it fell sharply in "
                "each layer.",
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


@checker
def five(ill, remedy):
    """Exercise 1: predict which of five networks is faulty."""
    choices(
        FAULTY,
        ill=ill,
        remedy=remedy,
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
    linear = [p for p in network.modules() if isinstance(p, nn.Linear)]
    sizes = [(part.in_features, part.out_features) for part in linear]
    if sizes != list(zip(SIZES, SIZES[1:])):
        raise wrong(
            "the linear layers of mended()",
            f"the sizes {SIZES}",
            shown(sizes),
            Hint("sizes", "all seven layers stay, as wide as they are."),
        )
    with torch.random.fork_rng(devices=()):
        _plain_network(copy.deepcopy(network).double(), torch, nn)
    accuracy = _accuracy(answer, rate)
    if accuracy < 80:
        raise wrong(
            "the test accuracy after three epochs",
            "80 % or more",
            f"{int(accuracy)} %" if accuracy > 40 else "below 40 %",
            _reason(answer, network, rate),
        )
    return f"your network reaches {accuracy:.0f} %."


def _plain_network(network, torch, nn):
    """Raise NotYet unless it is linear layers and activations, no more.

    What comes after a layer may depend on what the layer puts out, number by
    number, and on nothing else. So put other numbers into its place, and see
    what changes.
    """
    linear = [p for p in network.modules() if isinstance(p, nn.Linear)]
    generator = torch.Generator().manual_seed(0)

    def numbers(columns):
        return torch.randn(
            6, columns, dtype=torch.float64, generator=generator
        )

    def after(x, outputs):
        """Return what each layer gets, and what the network returns."""
        got = []

        def hook(k):
            def replaced(part, given, output):
                # An activation may write into what it gets.
                got.append(given[0].clone())
                return outputs[k].clone()

            return replaced

        handles = [
            part.register_forward_hook(hook(k))
            for k, part in enumerate(linear)
        ]
        try:
            with torch.no_grad():
                got.append(network(x.clone()))
        finally:
            for handle in handles:
                handle.remove()
        return got

    x, z = numbers(SIZES[0]), [numbers(n) for n in SIZES[1:]]
    got = after(x, z)
    told = (
        "mended()",
        "linear layers and activations",
        "normalisation or dropout",
        Hint(
            "norm",
            "here the function, the initialisation and the rate must do it: "
            "an activation takes each number by itself.",
        ),
    )
    need(
        len(got) == len(SIZES)
        and all(a.shape == b.shape for a, b in zip(got, [x, *z])),
        "mended()",
        "seven layers, one after the other",
        "another order, or other shapes",
        Hint("order", "each layer once, with an activation after it."),
    )
    with torch.no_grad():
        need(
            all(
                {name for name, _ in part.named_parameters()}
                <= {"weight", "bias"}
                and torch.allclose(
                    part(a), nn.functional.linear(a, part.weight, part.bias)
                )
                for part, a in zip(linear, got)
            ),
            *told,
        )
    # The last layer's outputs may become log-probabilities, which mean the
    # same to the loss.
    if torch.allclose(got[-1], z[-1].log_softmax(dim=1)):
        got, checked = got[:-1], range(len(z) - 1)
    else:
        checked = range(len(z))
    given = [x, *z]
    for k in (-1, *checked):
        changed = [part.clone() for part in given]
        changed[k + 1][0, 0] += 1
        now = after(changed[0], changed[1:])[: len(got)]
        for place, (old, new) in enumerate(zip(got, now)):
            same = torch.isclose(old, new, atol=1e-9)
            if place == k + 1:
                same[0, 0] = True
                need(same.all(), *told)
            else:
                need(
                    same.all(),
                    "mended()",
                    "layers that read the one before them",
                    "one that reads others, too, or draws at random",
                    Hint(
                        "skip",
                        "here the function, the initialisation and the rate "
                        "must do it: no skip connections and no dropout.",
                    ),
                )
    # A line has the same slope everywhere.
    one, two, three = (
        after(x, [t * torch.ones_like(part) for part in z])[1:-1]
        for t in (-2.0, 0.5, 3.0)
    )
    need(
        not all(
            torch.allclose(b - a, c - b) for a, b, c in zip(one, two, three)
        ),
        "mended()",
        "a network with activations",
        "a linear one",
        Hint(
            "linear",
            "without an activation seven layers are no better than one.",
        ),
    )


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
        raise wrong(
            "mended()",
            "a network that networks.train_modules can train",
            str(error).splitlines()[0][:200],
            Hint(
                "untrainable",
                "linear layers and activations will do; all that they hold is "
                "trained.",
            ),
        ) from None


# Rates that suit one network or another.
RATES = 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.3, 0.6, 1.2, 2.5, 5.0


def _reason(build, network, rate):
    """Return a hint: another rate, or what the report finds."""
    import torch

    from utils import data, diagnostics

    for other in sorted(RATES, key=lambda r: abs(np.log(r / rate))):
        if _accuracy(build, other) >= 80:
            word = "larger" if other > rate else "smaller"
            return Hint(
                f"{word} rate",
                f"the network can learn: it needs a {word} rate.",
            )
    images = torch.as_tensor(data.digits().x_train)
    report = diagnostics.health_report(copy.deepcopy(network).double(), images)
    if report.findings:
        first = report.findings[0]
        return Hint(
            "report", f"its report says, of {first.layer}: {first.problem}"
        )
    return Hint(
        "no fault",
        "its report finds no fault: look at the columns of gradients and "
        "cosines, and match the initialisation to the function.",
    )


@checker
def cut(answer):
    """Exercise 4: a network without some of its units."""
    attempted(cut=answer)
    import torch

    if not callable(answer):
        call(answer, "cut", what="a network")
    keep = [
        np.array([True, False, True, True, False]),
        np.array([False, True, True, False]),
    ]
    generator = torch.Generator().manual_seed(1)
    _cuts(answer, keep, (3, 5, 4, 2), generator, torch)
    rng = fresh()
    keep = [rng.permutation(8) < 5, rng.permutation(6) < 3]
    generator.manual_seed(int(rng.integers(2**31)))
    try:
        _cuts(answer, keep, (4, 8, 6, 3), generator, torch)
    except NotYet as told:
        raise other_numbers("cut(network, keep)", "something else") from told
    return "the small network computes what the units in keep computed."


def _cuts(answer, keep, sizes, generator, torch):
    """Raise NotYet unless the answer cuts such a network right."""
    from torch import nn

    parts = []
    for n, m in zip(sizes, sizes[1:]):
        layer = nn.Linear(n, m, dtype=torch.float64)
        with torch.no_grad():
            for part in layer.parameters():
                part.normal_(0, n**-0.5, generator=generator)
        parts += [layer, nn.ReLU()]
    network = nn.Sequential(*parts[:-1])
    # Large numbers tell ReLU from ReLU6.
    x = 99 * torch.randn(6, sizes[0], dtype=torch.float64, generator=generator)
    where = f"cut(a Sequential, {shown(keep)})"
    small = call(answer, "cut", network, keep, what="a network")
    need(
        isinstance(small, nn.Module),
        where,
        "an nn.Sequential",
        shown(small),
        Hint("a network", "return the new network."),
    )

    def of(*units, before=None, bias=None):
        """Return shapes: units of each layer, and those it reads."""
        reads = before or (sizes[0], *units[:-1])
        return [
            shape
            for m, n, b in zip(units, reads, bias or units)
            for shape in ((m, n), (b,))
        ]

    last = sizes[-1]
    few = [int(mask.sum()) for mask in keep]
    gone = [int((~mask).sum()) for mask in keep]
    has_shapes(
        where,
        small,
        of(*few, last),
        {
            Hint(
                "zeroed",
                "a unit that puts out 0 is still there: take its rows and "
                "columns out.",
            ): of(*sizes[1:]),
            Hint(
                "columns",
                "the units that are cut away are missing in the next layer "
                "as well: cut its columns.",
            ): of(*few, last, before=sizes),
            Hint("bias shapes", "a unit that goes takes its bias along."): of(
                *few, last, bias=sizes[1:]
            ),
            Hint(
                "turned mask",
                "keep says which units stay, not which go.",
            ): of(*gone, last),
        },
        Hint(
            "shapes",
            "rows are a layer's own units, columns those of the layer before.",
        ),
    )
    in_float64(where, small, "nn.Linear")
    truth = _masked(network, x, keep)
    puts_out(
        where,
        small,
        x,
        truth,
        {
            Hint("other units", "those are not the units in keep."): _masked(
                network, x, [np.sort(m)[::-1] for m in keep]
            ),
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
        Hint("logits", "the network ends in a linear layer, as before."),
    )


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
    where = "control(keep, rng), for masks that keep 30 of 40 and 10 of 50"
    first, again, other = (
        np.concatenate(_masks(answer, keep, seed, where)) for seed in (0, 0, 1)
    )
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
    seeds = fresh().integers(2**31, size=300)
    draws = [_masks(answer, keep, seed, where) for seed in seeds]
    for layer, (mask, drawn) in enumerate(zip(keep, zip(*draws)), 1):
        n, k, drawn = mask.size, int(mask.sum()), np.stack(drawn)
        often = drawn.mean(axis=0)
        pairs = (drawn[:, 1:] & drawn[:, :-1]).mean()
        both = k * (k - 1) / n / (n - 1)
        half = drawn[:, : n // 2].sum(axis=1).var()
        need(
            abs(often - k / n).max() < 0.18
            and abs(pairs - both) < 0.04
            and 0.5 < half / (k * (n - k) / 4 / (n - 1)) < 1.7,
            f"{where}, 300 times",
            f"each unit of layer {layer} as often as any other",
            "some units, or some pairs of them, more often than others",
            Hint(
                "evenly",
                "each unit should stay as likely as any other, whatever "
                "becomes of its neighbours: rng.permutation.",
            ),
        )
    _masks(
        answer,
        [np.arange(12) >= 5, np.arange(9) % 2 == 0],
        0,
        "control(keep, rng), for masks of 12 and 9 units",
    )
    return "as many units in each layer, and rng chooses them."


def _masks(answer, keep, seed, where):
    """Return the masks that the answer draws, or raise NotYet."""
    rng = np.random.default_rng(seed)
    masks = call(answer, "control", keep, rng, what="two masks")
    found = [
        np.asarray(mask)
        for mask in (masks if isinstance(masks, (list, tuple)) else [])
    ]
    wanted = [(mask.dtype, mask.shape) for mask in keep]
    if [(mask.dtype, mask.shape) for mask in found] != wanted:
        raise wrong(
            where,
            "two masks of True and False, as long as those of keep",
            shown(masks),
            Hint(
                "masks",
                "a mask has True for a unit that stays, and False for one "
                "that goes: return a list of two.",
            ),
        )
    counts = [int(mask.sum()) for mask in found]
    right = [int(mask.sum()) for mask in keep]
    if counts != right:
        raise wrong(
            where,
            f"{right[0]} and {right[1]} units",
            f"{counts[0]} and {counts[1]}",
            hint_for(
                {
                    Hint(
                        "go",
                        "those are the units that go: keep the others.",
                    ): [int((~mask).sum()) for mask in keep],
                },
                Hint(
                    "over all",
                    "keep as many in each layer, not in all of them together.",
                )
                if sum(counts) == sum(right)
                else Hint(
                    "on average",
                    "as many only on average is not as many: choose exactly "
                    "that number, without replacement.",
                ),
                counts.__eq__,
            ),
        )
    return found
