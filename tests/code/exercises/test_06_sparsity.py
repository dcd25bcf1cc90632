"""Answers to the exercises of chapter 6: wrong ones, and unusual right ones."""

import math

import numpy as np
import scipy.sparse
import torch

from tests.code.exercises import digits, in_other_forms
from utils import activations as act
from utils import networks
from utils.checks import sparsity as check

HALF = np.array([1, 1, 1, 1, 0, 0, 0, 0])
STRIPES = np.tile(HALF, (8, 1))
SWITCHING = np.array([np.roll(HALF, k) for k in range(8)])
ALIKE = np.kron(np.eye(2), np.ones((4, 4)))
BOARD = np.indices((8, 8)).sum(axis=0) % 2


def sizes(**wrong):
    def answer(a):
        n = np.count_nonzero(a)
        bytes_ = {
            "coo": n * (a.itemsize + 8),
            "short": n * (a.itemsize + 1) + 4 * (len(a) + 1),
            "mask": n * a.itemsize + -(-a.size // 8),
        }
        return tuple(
            (bytes_ | {k: f(a, n) for k, f in wrong.items()}).values()
        )

    return answer


def share(compare, broadcast=True, axis=(1, 2)):
    def answer(x, w, b):
        z = x @ w + (b[:, None] if broadcast else b)
        return compare(z, 0).mean(axis=axis)

    return answer


TRAINED = networks.train(
    digits(), widths=(8, 8), seeds=2, epochs=1, learning_rates=[0.1, 0.3]
)


def operation(order=(0, 1, 2, 3), old_inputs=(), at=None):
    """Return an answer to `operate`, right but for what is asked for."""

    def answer(rate):
        column = TRAINED.learning_rates.index(rate) if at is None else at
        (x, w, b), (old_x, old_w, old_b) = (
            [
                t[:, column].numpy()
                for t in (
                    nets.activations(digits().x_test)[0][1],
                    nets.weights[1],
                    nets.biases[1],
                )
            ]
            for nets in (TRAINED, TRAINED.initial)
        )
        cases = (old_w, old_b), (old_w, b), (w, old_b), (w, b)
        return np.stack(
            [
                share(np.less_equal)(old_x if k in old_inputs else x, *case)
                for k, case in enumerate(cases)
            ]
        )[list(order)]

    return answer


def by_hand(a):
    """Count place by place."""
    n, places = 0, 0
    for row in a.tolist():
        for value in row:
            places += 1
            n += value != 0
    size = a.dtype.itemsize
    return [
        n * (size + 8),
        n * (size + 1) + 4 * (a.shape[0] + 1),
        n * size + math.ceil(places / 8),
    ]


def by_scipy(a):
    csr = scipy.sparse.csr_matrix(a)
    coo = csr.tocoo()
    return np.array(
        [
            coo.data.nbytes + 8 * coo.row.size,
            csr.data.nbytes + csr.indices.size + csr.indptr.nbytes,
            csr.data.nbytes + np.packbits(a != 0).nbytes,
        ]
    )


def each_network(x, w, b):
    return [np.mean(xi @ wi + bi <= 0) for xi, wi, bi in zip(x, w, b)]


def nearly_zero(x, w, b):
    """Take what is very small for 0."""
    z = np.maximum(x @ w + b[:, None], 0)
    return np.isclose(z, 0).mean(axis=(1, 2))


def one_byte_more(a):
    """Round up what is round."""
    *others, mask = by_hand(a)
    return (*others, mask + (a.size % 8 == 0))


def different_values(a):
    """Count values that repeat once."""
    stored = len(np.unique(a[a != 0]))
    return (stored * (a.itemsize + 8), *by_hand(a)[1:])


def of_two_inputs(x, w, b):
    """Leave out all inputs but the first two."""
    return share(np.less_equal)(x[..., :2], w[:, :2], b)


# checker, answers, the key of the hint
WRONG = [
    (check.formats, (different_values,), "repeated"),
    (check.formats, (one_byte_more,), "mask one more"),
    (check.ninety, (2.56, 0.995, 0.739), "b sign"),
    (check.ninety, (-1.28, 0.995, 0.739), "b units"),
    (check.ninety, (-5.12, 0.995, 0.739), "b variance"),
    (check.ninety, (-10.24, 0.995, 0.739), "b length"),
    (check.ninety, (-2.563, 0.9, 0.739), "dim same"),
    (check.ninety, (-2.563, 0.739, 0.995), "dim less"),
    (check.ninety, (-2.56, 0.995, 0.9), "doubled same"),
    (check.ninety, (-2.56, 0.995, 0.626), "doubled fourfold"),
    (check.ninety, (-0.64, 0.995, 0.739), "b divided"),
    (check.ninety, (-3.28, 0.995, 0.739), "b 95"),
    (check.ninety, (-2.56, 1.0, 0.739), "dim quarter"),
    (check.ninety, (-2.56, 0.005, 0.739), "dim on"),
    (check.ninety, (-2.56, 0.995, 73.9), "percent"),
    (
        check.formats,
        (sizes(coo=lambda a, n: n * (a.itemsize + 4)),),
        "coo place",
    ),
    (
        check.formats,
        (sizes(coo=lambda a, n: a.size * (a.itemsize + 8)),),
        "zeros stored",
    ),
    (
        check.formats,
        (sizes(short=lambda a, n: n * (a.itemsize + 1)),),
        "short no starts",
    ),
    (
        check.formats,
        (sizes(short=lambda a, n: n * (a.itemsize + 1) + 4 * len(a)),),
        "short one less",
    ),
    (
        check.formats,
        (sizes(mask=lambda a, n: n * a.itemsize + a.size),),
        "mask bytes",
    ),
    (
        check.formats,
        (sizes(mask=lambda a, n: n * a.itemsize + a.size // 8),),
        "mask down",
    ),
    (
        check.formats,
        (sizes(mask=lambda a, n: n * a.itemsize + a.size / 8),),
        "mask part",
    ),
    (
        check.formats,
        (
            sizes(
                mask=lambda a, n: (
                    n * a.itemsize + np.packbits(a != 0, axis=1).nbytes
                )
            ),
        ),
        "mask rows",
    ),
    (
        check.formats,
        (
            sizes(
                short=lambda a, n: n * (a.itemsize + 1) + 4 * (a.shape[1] + 1)
            ),
        ),
        "short columns",
    ),
    (
        check.formats,
        (sizes(coo=lambda a, n: np.sum(a > 0) * (a.itemsize + 8)),),
        "positive",
    ),
    (
        check.formats,
        (sizes(mask=lambda a, n: n * 4 + -(-a.size // 8)),),
        "itemsize",
    ),
    (
        check.formats,
        (lambda a: 36,),
        "shape",
    ),
    (check.pooled, (0.75, 1 / 16, 0.25), "twice"),
    (check.pooled, (0.5, 0.5, 0.25), "pooled half"),
    (check.pooled, (0.5, 15 / 16, 0.25), "pooled any"),
    (check.pooled, (0.5, 1 / 8, 0.25), "pooled"),
    (check.pooled, (50, 6.25, 25), "percent"),
    (check.pooled, (0.5, 0.06, 0.0), "skipped"),
    (check.pooled, (0.5, 0.06, 0.5), "skipped half"),
    (check.pooled, (0.5, 0.06, 0.75), "skipped product"),
    (check.halves, (STRIPES.T, STRIPES, SWITCHING, ALIKE), "turned"),
    (
        check.halves,
        (STRIPES, SWITCHING, SWITCHING, ALIKE),
        "row",
    ),
    (
        check.halves,
        (STRIPES, STRIPES.T, STRIPES, ALIKE),
        "column",
    ),
    (check.halves, (STRIPES - 0.5, STRIPES.T, SWITCHING, ALIKE), "negative"),
    (check.halves, (STRIPES, STRIPES.T, BOARD, ALIKE), "sets"),
    (check.halves, (STRIPES, STRIPES.T, np.eye(8), ALIKE), "half"),
    (check.halves, (STRIPES, STRIPES.T, SWITCHING, SWITCHING), "batches"),
    (
        check.halves,
        (STRIPES, STRIPES.T, SWITCHING, STRIPES),
        "column",
    ),
    (check.zeros_of, (share(np.greater),), "on"),
    (check.zeros_of, (share(np.less),), "at 0"),
    (check.zeros_of, (share(np.less_equal, broadcast=False),), "biases"),
    (
        check.zeros_of,
        (share(np.less_equal, axis=None),),
        "shape",
    ),
    (check.zeros_of, (share(np.less_equal, axis=1),), "shape"),
    (check.zeros_of, (of_two_inputs,), "other numbers"),
    (check.zeros_of, (nearly_zero,), "other numbers"),
    (
        check.zeros_of,
        (lambda x, w, b: (act.relu(x @ w) <= -b[:, None]).mean((1, 2)),),
        "share",
    ),
    (check.zeros_of, (lambda x, w, b: (x @ w <= 0).mean((1, 2)),), "share"),
    (check.operate, (operation(order=(0, 2, 1, 3)), TRAINED), "exchanged"),
    (check.operate, (operation(order=(3, 2, 1, 0)), TRAINED), "reversed"),
    (
        check.operate,
        (operation(old_inputs=(0, 1, 2, 3)), TRAINED),
        "old inputs",
    ),
    (check.operate, (operation(old_inputs=(0,)), TRAINED), "neither"),
    (check.operate, (operation(at=0), TRAINED), "operate"),
    (
        check.operate,
        (lambda rate: 100 * operation()(rate), TRAINED),
        "operate",
    ),
    (
        check.operate,
        (lambda rate: operation()(rate)[:3], TRAINED),
        "shape",
    ),
    (
        check.operate,
        (lambda rate: operation()(rate).mean(axis=1), TRAINED),
        "shape",
    ),
]

# checker, answers
RIGHT = [
    *in_other_forms(check.ninety, -2.56, 0.995, 0.739),
    (check.ninety, (-2.563, 0.995, 0.739)),
    (check.formats, (sizes(),)),
    (check.formats, (by_hand,)),
    (check.formats, (by_scipy,)),
    (check.formats, (lambda a: np.array([by_hand(a)]),)),
    (check.formats, (lambda a: torch.tensor(by_hand(a)),)),
    *in_other_forms(check.pooled, 1 / 2, 1 / 16, 1 / 4),
    (check.halves, (STRIPES, STRIPES.T, SWITCHING, ALIKE)),
    (
        check.halves,
        (STRIPES.tolist(), STRIPES.T > 0, 0.1 * SWITCHING, ALIKE * 7),
    ),
    (
        check.halves,
        (
            torch.tensor(STRIPES)[:, [0, 4, 1, 5, 2, 6, 3, 7]],
            STRIPES[::-1].T,
            SWITCHING[::-1],
            1 - ALIKE,
        ),
    ),
    (
        check.halves,
        (1 - STRIPES, 1 - STRIPES.T, np.rot90(SWITCHING), np.fliplr(ALIKE)),
    ),
    (check.zeros_of, (share(np.less_equal),)),
    (check.zeros_of, (each_network,)),
    (
        check.zeros_of,
        (
            lambda x, w, b: (
                1
                - (np.einsum("nij,njk->nik", x, w) > -b[:, None]).mean((1, 2))
            ),
        ),
    ),
    (
        check.zeros_of,
        (
            lambda x, w, b: (
                (torch.tensor(x) @ torch.tensor(w) + torch.tensor(b)[:, None])
                .relu()
                .eq(0)
                .double()
                .mean(dim=(1, 2))
            ),
        ),
    ),
    (check.operate, (operation(), TRAINED)),
    (check.operate, (lambda rate: list(operation()(rate)), TRAINED)),
    (check.operate, (lambda rate: torch.tensor(operation()(rate)), TRAINED)),
    (
        check.operate,
        (lambda rate: operation()(rate).astype(np.float32), TRAINED),
    ),
]
