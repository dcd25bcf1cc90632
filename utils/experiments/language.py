"""A language model of letters: which feed-forward layer, and its zeros.

A small causal transformer learns the prose of NumPy's docstrings, which are at
hand wherever the book runs and fixed by the pin on NumPy. A letter is one of
28: a to z, the blank and the full stop.
"""

import inspect
import re
from functools import cache

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from .. import models, networks, records

LETTERS = " .abcdefghijklmnopqrstuvwxyz"
# Letters seen at once; the width of a letter's token; hidden units.
CONTEXT, WIDTH, HIDDEN = 16, 48, 192
BATCH, STEPS = 32, 400


@cache
def text():
    """Return the letters as numbers, for training, holding back, testing.

    Of the docstrings of NumPy's functions, sorted by name, the paragraphs that
    end with a full stop and hold no code and no title, and of these every
    sentence once. What is no letter becomes a blank.

    Returns
    -------
    tuple of Tensor
        Three with places in `LETTERS`, 8 : 1 : 1; the test letters are those
        of the last functions.

    Examples
    --------
    >>> train, held_back, test = text()
    >>> "".join(LETTERS[place] for place in train[:40])
    'calculate the absolute value element wis'
    """
    functions = {
        name: getattr(module, name)
        for module in (np.random, np.fft, np.linalg, np)
        for name in module.__all__
    }
    # Whoever imports SciPy has another docstring of sinc.
    del functions["sinc"]
    sentences = {}
    for _, function in sorted(functions.items()):
        if isinstance(function, type) or not callable(function):
            continue
        for part in re.split(r"\n\s*\n", inspect.getdoc(function) or ""):
            prose = " ".join(part.split())
            if prose.endswith(".") and not re.search(">>>|::|---", prose):
                sentences |= dict.fromkeys(re.split(r"(?<=\.) ", prose))
    whole = " ".join(re.findall("[a-z.]+", " ".join(sentences).lower()))
    places = torch.tensor([LETTERS.index(letter) for letter in whole])
    tenth = len(places) // 10
    return places.split([len(places) - 2 * tenth, tenth, tenth])


class XIELU(nn.Module):
    """The function xIELU [1]_, with two trained numbers for each layer.

    Its slope is linear on the right, as that of squared ReLU, and on the left
    it follows ELU:

        a_p z² + z / 2 for z > 0,
        a_n (e^z - 1 - z) + z / 2 elsewhere,

    where a_p > 0 and a_n > 1/2; both start at 0.8.

    References
    ----------
    .. [1] Huang and Schlag (2024), "Deriving Activation Functions Using
       Integration", arXiv:2411.13010.
    """

    def __init__(self):
        super().__init__()
        start = torch.tensor([0.8, 0.3]).expm1().log()
        self.raw = nn.Parameter(start)

    def forward(self, z):
        """Return the function's values, in z's shape."""
        right, left = F.softplus(self.raw)
        off = z.clamp(max=0)
        curve = (left + 0.5) * (off.expm1() - off)
        return right * z.relu().square() + curve + z / 2


# The kinds of feed-forward layer; all have as many weights.
KINDS = models.FEED_FORWARD | {
    "ReLU²": lambda *sizes: models.plain(networks.ReLUSquared(), *sizes),
    "xIELU": lambda *sizes: models.plain(XIELU(), *sizes),
}


class Causal(models.Attention):
    """Self-attention in which no letter sees those behind it."""

    def forward(self, x):
        """Return what the tokens (N, tokens, width) make of the earlier."""
        query, key, value = self.all_three(x).chunk(3, dim=-1)
        scores = query @ key.mT / query.shape[-1] ** 0.5
        later = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
        scores = scores.masked_fill(later, -torch.inf)
        return self.out(scores.softmax(dim=-1) @ value)


class Writer(nn.Module):
    """A transformer of one block that foretells the next letter.

    Parameters
    ----------
    kind : str
        Name in `KINDS` of the block's feed-forward layer.
    """

    def __init__(self, kind):
        super().__init__()
        self.embed = nn.Embedding(len(LETTERS), WIDTH)
        self.place = nn.Parameter(torch.randn(CONTEXT, WIDTH))
        self.block = models.Block(WIDTH, KINDS[kind](WIDTH, HIDDEN))
        self.block.attention = Causal(WIDTH)
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, len(LETTERS))

    @property
    def function(self):
        """The activation of the feed-forward layer, or of its gate."""
        layer = self.block.feed_forward
        return getattr(layer, "gate", layer)[1]

    def forward(self, letters):
        """Return the logits (N, n, 28) for letters (N, n), n <= CONTEXT."""
        tokens = self.embed(letters) + self.place[: letters.shape[-1]]
        return self.head(self.norm(self.block(tokens)))


# For each kind the best of the rates 0.008, 0.016 and 0.032 on the letters
# held back, with the seeds 100 to 103.
RATE = 0.016
# Shares of the units that are left out; letters at a time; letters written.
SHARES = 0.2, 0.3, 0.4, 0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95
AT_A_TIME = 1, 2, 4, 8, 16, 32
WRITTEN = 120


def train(kind, seed, rate, steps=STEPS):
    """Train a writer by Adam, at a rate that falls to 0 in a line.

    Parameters
    ----------
    kind : str
        Name in `KINDS`.
    seed : int
        Draws the weights and the batches.
    rate : float
        The rate of the first step.
    steps : int
        Each on `BATCH` pieces of text of `CONTEXT` letters.

    Returns
    -------
    Writer
        In float64.
    """
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        writer = Writer(kind).double()
    letters, rng = text()[0], np.random.default_rng(seed)
    adam = torch.optim.Adam(writer.parameters(), fused=True)
    for step in range(steps):
        adam.param_groups[0]["lr"] = rate * (1 - step / steps)
        starts = rng.integers(len(letters) - CONTEXT, size=(BATCH, 1))
        loss = _loss(writer, letters[starts + np.arange(CONTEXT + 1)])
        adam.zero_grad()
        loss.backward()
        adam.step()
    return writer


def _loss(writer, windows):
    """Return the mean loss on windows (N, CONTEXT + 1), in nats."""
    logits = writer(windows[:, :-1])
    return F.cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten())


def windows_of(letters):
    """Return letters (N,) cut in windows (M, CONTEXT + 1)."""
    size = CONTEXT + 1
    return letters[: len(letters) // size * size].view(-1, size)


@torch.no_grad()
def loss_of(writer, windows, floor=None):
    """Return the mean loss in hundredths of a bit per letter.

    Where a floor is given, hidden units are left out wherever the activation
    is not farther from 0: what they are multiplied by need not be read.
    """

    def cut(module, args, values):
        return values.where(values.abs() > floor, 0) if floor else None

    hook = writer.function.register_forward_hook(cut)
    loss = 100 * _loss(writer, windows).item() / np.log(2)
    hook.remove()
    return loss


@torch.no_grad()
def values(writer, letters):
    """Return what the activation gives, and the logits.

    For letters (N, n) both are (N, n, ...), with the hidden units or the 28
    letters at the end.
    """
    found = []
    hook = writer.function.register_forward_hook(
        lambda module, args, output: found.append(output)
    )
    logits = writer(letters)
    hook.remove()
    return found[0], logits


def write(writer, rng, letters=WRITTEN):
    """Return letters written one at a time, and the share of zeros then.

    Each is drawn at random as probable as the writer says, and the writer
    sees the last `CONTEXT` before it, at first of the test text.
    """
    page, zeros = text()[2][:CONTEXT].tolist(), []
    for _ in range(letters):
        hidden, logits = values(writer, torch.tensor([page[-CONTEXT:]]))
        zeros.append((hidden[0, -1] == 0).double().mean())
        chance = logits[0, -1].softmax(dim=0).cumsum(dim=0)
        page.append(int((chance < rng.random()).sum()))
    return page[CONTEXT:], np.mean(zeros)


def _study(kind, seed):
    """Return what one seed gives, by name; see `relu`."""
    _, held_back, test = map(windows_of, text())
    few = test[::6]
    new, writer = (train(kind, seed, RATE, steps) for steps in (0, STEPS))
    known = values(writer, held_back[::6, :-1])[0].abs().flatten()
    whole = loss_of(writer, few)
    on = values(writer, test[:, :-1])[0] != 0
    letters = on[: len(on) // 32 * 32, -1]
    _, zeros = write(writer, np.random.default_rng(seed))
    return {
        "loss": loss_of(writer, test),
        "zeros": [
            100 * (values(each, few[:, :-1])[0] == 0).double().mean()
            for each in (new, writer)
        ],
        "never on": 100 * (~on).all(dim=1).all(dim=0).double().mean(),
        "cost": [
            loss_of(writer, few, known.quantile(share)) - whole
            for share in SHARES
        ],
        "needed": [
            100 * letters.unflatten(0, (-1, size)).any(dim=1).double().mean()
            for size in AT_A_TIME
        ],
        "zeros, writing": 100 * zeros,
    }


def _learn(kind, seeds):
    found = [_study(kind, seed) for seed in seeds]
    return {name: [one[name] for one in found] for name in found[0]}


@records.experiment(seeds=10, tolerance=3)
def relu(seeds):
    """Train a writer whose feed-forward layer has ReLU, at its best rate.

    See `RATE`; shares are in percent. "loss" (S,): the test loss, in
    hundredths of a bit per letter. "zeros" (S, 2): the share of exact zeros
    among the values of the activation, of a gated layer those of its gate, on
    test letters, before training and after. "never on" (S,): the share of
    units that are zero for all test letters. "cost" (S, 12): the rise of the
    loss where values below a threshold are left out; it is such that on
    letters held back `SHARES` of the values are below. "needed" (S, 6): the
    share of units that are not zero for some of `AT_A_TIME` letters, 17
    places apart. "zeros, writing" (S,): the share of exact zeros while the
    writer writes, one letter at a time.
    """
    return _learn("ReLU", seeds)


@records.experiment(seeds=10, tolerance=3)
def gelu(seeds):
    """Train a writer as in `relu`, with GELU."""
    return _learn("GELU", seeds)


@records.experiment(seeds=10, tolerance=3)
def relu_squared(seeds):
    """Train a writer as in `relu`, with squared ReLU."""
    return _learn("ReLU²", seeds)


@records.experiment(seeds=10, tolerance=3)
def xielu(seeds):
    """Train a writer as in `relu`, with xIELU."""
    return _learn("xIELU", seeds)


@records.experiment(seeds=10, tolerance=3)
def swiglu(seeds):
    """Train a writer as in `relu`, gated, with SiLU in the gate."""
    return _learn("SwiGLU", seeds)


@records.experiment(seeds=10, tolerance=3)
def reglu(seeds):
    """Train a writer as in `relu`, gated, with ReLU in the gate."""
    return _learn("ReGLU", seeds)


@records.experiment(seeds=10, tolerance=3)
def bilinear(seeds):
    """Train a writer as in `relu`, gated, with no activation in the gate."""
    return _learn("bilinear", seeds)


@records.experiment(seeds=10, tolerance=3)
def none(seeds):
    """Train a writer as in `relu`, with neither activation nor gate."""
    return _learn("none", seeds)


@records.experiment(seeds=2, tolerance=len(LETTERS))
def pages(seeds):
    """Let the writers of `relu` write.

    "written" (S, 120): places in `LETTERS`. On another processor a writer
    learns a little otherwise, and soon another letter follows.
    """
    writers = [train("ReLU", seed, RATE) for seed in seeds]
    rngs = map(np.random.default_rng, seeds)
    return {"written": [write(*each)[0] for each in zip(writers, rngs)]}


# What is recorded of each of `KINDS`.
EXPERIMENTS = {
    "ReLU": relu,
    "GELU": gelu,
    "ReLU²": relu_squared,
    "xIELU": xielu,
    "SwiGLU": swiglu,
    "ReGLU": reglu,
    "bilinear": bilinear,
    "none": none,
}


def left_out(found, rise=1):
    """Return how many units a writer can do without, if the loss may rise.

    Parameters
    ----------
    found : Record
        Of one of `EXPERIMENTS`.
    rise : float
        In hundredths of a bit per letter.

    Returns
    -------
    list of float
        In percent, for each seed.
    """
    return [
        100 * np.interp(rise, np.maximum.accumulate(cost), SHARES)
        for cost in found["cost"]
    ]


def weights_read(kind, off):
    """Return how many of a writer's weights a letter needs, in percent.

    A hidden unit that is off spares its row of the second matrix, and where
    it is gated also its part of the factor that the gate multiplies. The
    lists of letters and places are looked up, and do not count.

    Parameters
    ----------
    kind : str
        Name in `KINDS`.
    off : float or ndarray
        The units that are off, in percent.

    Returns
    -------
    float or ndarray
        The share of all weights, in percent.

    Examples
    --------
    >>> round(weights_read("ReLU", 50))
    84
    """
    writer = Writer(kind)
    lists = writer.embed.weight.numel() + writer.place.numel()
    whole = sum(p.numel() for p in writer.parameters()) - lists
    layer = writer.block.feed_forward
    spared = (
        [layer.value, layer.out]
        if isinstance(layer, models.Gated)
        else [layer[2]]
    )
    return 100 - off * sum(part.weight.numel() for part in spared) / whole
