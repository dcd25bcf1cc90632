"""Answers to the exercises of chapter 2: wrong ones, and unusual right ones."""

import numpy as np
import torch

from tests.code.exercises import in_other_forms
from utils import activations as act
from utils.checks import nonlinearity as check

TRUE = [-5, 6], -8, [-4, 5], -7, 3


def collapsed(place, answer):
    return [answer if i == place else true for i, true in enumerate(TRUE)]


def polygon(values, ends):
    """Return knots, coefficients and offset of a polygon."""
    slopes = np.diff(values) / np.diff(ends)
    return ends[:-1], np.diff(slopes, prepend=0), values[0]


ENDS = np.linspace(0, 2 * np.pi, 9)
KNOTS, CHORDS, _ = polygon(np.sin(ENDS), ENDS)
LOW = np.linspace(0, 2 * np.pi - 1, 9)


def pieces(
    layers, x, *, first=0, last=None, bend=act.relu, size=1, on_at_0=False
):
    """Count stretches, with the faults that the options bring in."""
    a, on = x[:, None], []
    for W, b in layers[:-1]:
        z = a @ W + size * b
        on.append(z >= 0 if on_at_0 else z > 0)
        a = bend(z)
    return 1 + np.diff(np.hstack(on[first:last]), axis=0).any(axis=1).sum()


def each_unit(layers, x):
    a, switches = x[:, None], 0
    for W, b in layers[:-1]:
        switches += np.count_nonzero(np.diff(a @ W + b > 0, axis=0))
        a = act.relu(a @ W + b)
    return 1 + switches


def slopes(layers, x):
    a = x[:, None]
    for W, b in layers[:-1]:
        a = act.relu(a @ W + b)
    W, _ = layers[-1]
    return 1 + np.count_nonzero(np.diff((a @ W)[:, 0], 2))


def draw(widths, seed=0):
    rng = np.random.default_rng(seed)
    return [
        (rng.normal(size=(n, m)) * np.sqrt(2 / n), rng.normal(size=m))
        for n, m in zip([1, *widths], [*widths, 1])
    ]


DEEP = [draw(10 * [3], seed) for seed in range(20)]
WIDE = [draw([30], seed) for seed in range(20)]
HATS = (
    [(np.ones((1, 3)), np.zeros(3))]
    + 9 * [(np.ones((3, 3)), np.zeros(3))]
    + [(np.ones((3, 1)), np.zeros(1))]
)


def lifted(networks, weight=1.0, bias=0.0):
    return [[(weight * W, b + bias) for W, b in net] for net in networks]


def signs_alone(networks):
    """Return networks whose biases have the right mean and variance."""
    return [[(W, np.sign(b)) for W, b in net] for net in networks]


def each_layer(layers, x):
    return 1 + sum(
        pieces(layers, x, first=k, last=k + 1) - 1
        for k in range(len(layers) - 1)
    )


def of_small_networks(layers, x):
    """Count layers as one network up to two, as in the messages."""
    return pieces(layers, x, last=2)


def patterns(layers, x):
    a, seen = x[:, None], []
    for W, b in layers[:-1]:
        seen.append(a @ W + b > 0)
        a = act.relu(a @ W + b)
    return len(np.unique(np.hstack(seen), axis=0))


def one_by_one(layers, x):
    count, before = 0, None
    for point in x:
        a, now = [point], []
        for W, b in layers[:-1]:
            z = np.dot(a, W) + b
            now += list(z > 0)
            a = np.maximum(z, 0)
        count, before = count + (now != before), now
    return count


def by_torch(layers, x):
    a, on = torch.tensor(x)[:, None], []
    for W, b in layers[:-1]:
        a = (a @ torch.tensor(W) + torch.tensor(b)).relu()
        on.append(a > 0)
    on = torch.cat(on, dim=1)
    return 1 + (on[1:] != on[:-1]).any(dim=1).sum()


ORDER = np.random.default_rng(0).permutation(8)
BENT = np.array([0, 0.93, 1.56, 2.21, np.pi, 4.07, 4.7, 5.35])

# checker, answers, the key of the hint
WRONG = [
    (check.collapse, collapsed(0, [2, 1]), "w sum"),
    (check.collapse, collapsed(0, [-4, 5]), "w relu"),
    (check.collapse, collapsed(1, 4), "b c"),
    (check.collapse, collapsed(1, -12), "b no c"),
    (check.collapse, collapsed(1, 5), "b sum"),
    (check.collapse, collapsed(2, [-5, 6]), "here linear"),
    (check.collapse, collapsed(2, [-1, 1]), "here silent"),
    (check.collapse, collapsed(2, [1, 3]), "here by weight"),
    (check.collapse, collapsed(3, -8), "b here silent"),
    (check.collapse, collapsed(3, 4), "b here c"),
    (check.collapse, collapsed(3, -11), "b here no c"),
    (check.collapse, collapsed(3, -10), "b here y"),
    (check.collapse, collapsed(4, 7), "until later"),
    (check.collapse, collapsed(4, 2), "until distance"),
    (check.sine, (KNOTS, CHORDS, 0), "chords"),
    (check.sine, (KNOTS, np.cumsum(1.04 * CHORDS), 0), "slopes"),
    (check.sine, (KNOTS, -1.04 * CHORDS, 0), "upside down"),
    (check.sine, (KNOTS, 1.04 * CHORDS, 1), "offset"),
    (check.sine, (KNOTS, 1.1 * CHORDS, 0), "balance"),
    (check.sine, polygon(np.sin(LOW), LOW), "end"),
    (check.sine, (np.rad2deg(KNOTS), CHORDS, 0), "outside"),
    (check.sine, (KNOTS, np.sin(KNOTS), 0), "values"),
    (
        check.sine,
        polygon(np.sin(np.linspace(0, 7, 17)), np.linspace(0, 7, 17)),
        "eight",
    ),
    (check.sine, (ENDS, CHORDS, 0), "nine"),
    (check.sine, (KNOTS, CHORDS[1:], 0), "seven"),
    (check.sine, (KNOTS, np.nan * CHORDS, 0), "nan"),
    (check.sine, (KNOTS[::-1], CHORDS[::-1] * 2, 0), "sine"),
    (check.sine, (KNOTS + 0.1, CHORDS, 0), "balance"),
    (check.zero_biases, (56, 2, 101, 51), "plane general"),
    (check.zero_biases, (11, 2, 101, 51), "plane parallel"),
    (check.zero_biases, (10, 2, 101, 51), "plane lines"),
    (check.zero_biases, (1024, 2, 101, 51), "plane patterns"),
    (check.zero_biases, (20, 11, 101, 51), "line eleven"),
    (check.zero_biases, (20, 10, 101, 51), "line units"),
    (check.zero_biases, (20, 20, 101, 51), "line plane"),
    (check.zero_biases, (20, 2, 2, 51), "deep through 0"),
    (check.zero_biases, (20, 2, 21, 51), "deep one layer"),
    (check.zero_biases, (20, 2, 20**5, 51), "deep folds"),
    (check.zero_biases, (20, 2, 32, 51), "deep doubles"),
    (check.zero_biases, (20, 2, 101, 101), "ray line"),
    (check.zero_biases, (20, 2, 101, 26), "ray eighth"),
    (check.zero_biases, (20, 2, 101, 2), "ray at once"),
    (check.fold, (32, "between"), "half folds"),
    (check.fold, (16, "between"), "half of 32"),
    (check.fold, (1, "between"), "half line"),
    (check.fold, (10, "between"), "half sum"),
    (check.fold, (2, "2"), "quarters 2"),
    (check.fold, (2, "32"), "quarters 32"),
    (check.fold, (2, 24), "a text"),
    (check.fold, (64, "between"), "half"),
    (check.fold, ("two", "between"), "numbers"),
    (check.count_pieces, (lambda L, x: pieces(L, x) - 1,), "switches"),
    (
        check.count_pieces,
        (lambda L, x: 1 + sum(len(b) for _, b in L[:-1]),),
        "units",
    ),
    (check.count_pieces, (lambda L, x: pieces(L, x, on_at_0=True),), "at 0"),
    (check.count_pieces, (each_unit,), "at one place"),
    (check.count_pieces, (lambda L, x: pieces(L, x, last=1),), "first layer"),
    (check.count_pieces, (lambda L, x: pieces(L, x, first=-1),), "last layer"),
    (
        check.count_pieces,
        (lambda L, x: pieces(L, x, bend=np.asarray),),
        "no relu",
    ),
    (check.count_pieces, (lambda L, x: pieces(L, x, size=0),), "no biases"),
    (check.count_pieces, (lambda L, x: pieces([*L, L[-1]], x),), "output"),
    (check.count_pieces, (slopes,), "count"),
    (check.count_pieces, (each_layer,), "layers added"),
    (check.count_pieces, (of_small_networks,), "other numbers"),
    (check.control, (DEEP[0], WIDE), "twenty"),
    (check.control, (WIDE, DEEP), "layers"),
    (check.control, ([draw([3], seed) for seed in range(20)], WIDE), "units"),
    (check.control, (20 * [DEEP[0]], WIDE), "seeds"),
    (check.control, (20 * [HATS], WIDE), "seeds"),
    (check.control, (list(range(20)), WIDE), "networks"),
    (check.control, (10 * DEEP[:2], WIDE), "seeds"),
    (check.control, (DEEP, 19 * [WIDE[3]] + WIDE[:1]), "seeds"),
    (check.control, (lifted(DEEP, weight=2.0), WIDE), "draw"),
    (check.control, (DEEP, lifted(WIDE, bias=1.0)), "draw"),
    (check.control, (DEEP, signs_alone(WIDE)), "draw"),
]

# checker, answers
RIGHT = [
    *in_other_forms(check.collapse, *TRUE),
    (check.sine, (KNOTS, 1.04 * CHORDS, 0)),
    (check.sine, (KNOTS[ORDER], 1.04 * CHORDS[ORDER], 0)),
    (check.sine, (list(KNOTS), tuple(1.03 * CHORDS), np.float32(1e-3))),
    (check.sine, (torch.tensor(KNOTS), 1.04 * CHORDS[:, None], [0])),
    *in_other_forms(check.zero_biases, 20, 2, 101, 51),
    (check.zero_biases, (20, 2, 100, 50)),
    *in_other_forms(check.fold, 2, "between"),
    (check.fold, (2.0, " Between. ")),
    (check.count_pieces, (pieces,)),
    (check.count_pieces, (patterns,)),
    (check.count_pieces, (lambda L, x: [pieces(L, x)],)),
    (check.count_pieces, (one_by_one,)),
    (check.count_pieces, (by_torch,)),
    (check.control, (DEEP, WIDE)),
    (check.control, (tuple(DEEP), WIDE[::-1])),
    (
        check.control,
        ([draw(10 * [3], 7 * s + 1) for s in range(20)], WIDE),
    ),
    (check.control, (DEEP, [[list(pair) for pair in net] for net in WIDE])),
]
