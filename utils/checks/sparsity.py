"""Checkers for the exercises of chapter 6, sparsity."""

import numpy as np

from utils import data
from utils.checks.answers import (
    agrees,
    array,
    close,
    equals,
    hint_for,
    readable,
    result,
)
from utils.checks.feedback import Hint, attempted, checker, shown, wrong


@checker
def ninety(b, zeros_dim, zeros_doubled):
    """Exercise 1: a bias for 90 % zeros, and what else moves the share."""
    attempted(b=b, zeros_dim=zeros_dim, zeros_doubled=zeros_doubled)
    share = "a share such as 0.25"
    equals(
        b,
        "b",
        -2.56,
        {
            Hint(
                "b sign",
                "a positive bias raises z, and that makes fewer zeros.",
            ): 2.56,
            Hint(
                "b units",
                "that is b in units of sigma: what is sigma for this image?",
            ): -1.28,
            Hint(
                "b variance",
                "that uses the variance, but the formula takes sigma, its "
                "root.",
            ): -5.12,
            Hint(
                "b length",
                "that takes |x| for sigma, which is sqrt(2/32) |x|.",
            ): -10.24,
            Hint(
                "b divided", "-b / sigma is 1.28: solve for b once more."
            ): -0.64,
            Hint(
                "b 95",
                "that makes 95 % zeros: in which column is Phi(t) = 0.900?",
            ): -3.28,
        },
        Hint("b", "solve Phi(-b / sigma) = 0.9, with sigma = sqrt(2/32) |x|."),
        "a bias such as 0.5",
        atol=0.021,
    )
    equals(
        zeros_dim,
        "zeros_dim",
        0.995,
        {
            Hint("dim same", "the bias is the same, but sigma is not."): 0.9,
            Hint(
                "dim less",
                "a smaller sigma gives the same bias more weight, not less.",
            ): 0.739,
            Hint(
                "dim quarter",
                "half of x means half of sigma, and a quarter of the "
                "variance.",
            ): 1,
            Hint("dim on", "that is the share that is on."): 0.005,
        },
        Hint("dim", "how long is x / 2, and what is -b / sigma then?"),
        share,
        atol=0.002,
    )
    equals(
        zeros_doubled,
        "zeros_doubled",
        0.739,
        {
            Hint(
                "doubled same",
                "a factor cancels only where the bias is 0, or is doubled "
                "too.",
            ): 0.9,
            Hint(
                "doubled more",
                "larger weights give the same bias less weight, not more.",
            ): 0.995,
            Hint(
                "doubled half",
                "it moves towards one half, but gets there only without a "
                "bias.",
            ): 0.5,
            Hint(
                "doubled fourfold",
                "twice the weights means twice sigma, and four times the "
                "variance.",
            ): 0.626,
            Hint("doubled on", "that is the share that is on."): 0.261,
        },
        Hint(
            "doubled",
            "what does doubling do to sigma, and what is -b / sigma then?",
        ),
        share,
        atol=0.002,
    )
    return "all three; only -b / sigma counts."


def _array(rows, dtype=np.float32):
    return (np.array(rows, dtype),)


ARRAYS = [
    _array([[0, 1.5, 0, 2], [0, 0, 0, 3]]),
    _array([[0, 0.5, 0], [0, 0, 0], [2, 0, 0]]),
    _array([[-1, 0, 4, 4, 4]]),
    _array([[0, 0, 0], [1, 2, 0]], np.float64),
]


def _bytes(index, where=lambda a: 0, stored=np.count_nonzero, item=None):
    """Return the bytes of a format as a function of the array."""
    return lambda a: stored(a) * ((item or a.itemsize) + index) + where(a)


def _starts(a):
    return 4 * (len(a) + 1)


def _sparse(rng):
    return [
        (np.where(rng.random(shape) < 0.3, rng.integers(-3, 3, shape), 0),)
        for shape in ((5, 37), (16, 256))
    ]


FORMATS = {
    "coo": (
        (8,),
        {
            Hint(
                "coo place",
                "a value needs two numbers to say where it is: row and "
                "column.",
            ): _bytes(4),
        },
    ),
    "short": (
        (1, _starts),
        {
            Hint("short no starts", "the row starts are missing."): _bytes(1),
            Hint(
                "short one less",
                "there is one more row start than there are rows: the end "
                "of the last row.",
            ): _bytes(1, lambda a: 4 * len(a)),
            Hint(
                "short csr",
                "that is the chapter's CSR: here a column number takes one "
                "byte.",
            ): _bytes(4, _starts),
            Hint("short bytes", "the row starts keep their 4 bytes."): _bytes(
                1, lambda a: len(a) + 1
            ),
            Hint(
                "short columns",
                "there is a row start for each row, not for each column.",
            ): _bytes(1, lambda a: 4 * (a.shape[1] + 1)),
        },
    ),
    "mask": (
        (0, lambda a: -(-a.size // 8)),
        {
            Hint(
                "mask bytes",
                "a place takes a bit, not a byte: eight fit into one.",
            ): _bytes(0, np.size),
            Hint(
                "mask down", "round the bits up to whole bytes, not down."
            ): _bytes(0, lambda a: a.size // 8),
            Hint(
                "mask one more",
                "where the bits fill whole bytes, no byte is added.",
            ): _bytes(0, lambda a: a.size // 8 + 1),
            Hint(
                "mask part", "there are only whole bytes: round the bits up."
            ): _bytes(0, lambda a: a.size / 8),
            Hint(
                "mask rows",
                "the bits of all rows stand in one line: round up once, at "
                "its end.",
            ): _bytes(0, lambda a: len(a) * -(-a.shape[1] // 8)),
        },
    ),
}


@checker
def formats(answer):
    """Exercise 2: bytes of three formats."""
    for a in ARRAYS:
        result(
            answer,
            "sizes",
            *a,
            like=np.zeros(3),
            what=f"three numbers: {', '.join(FORMATS)}",
        )
    for at, (name, (truth, ways)) in enumerate(FORMATS.items()):
        agrees(
            lambda a, at=at: np.ravel(answer(a))[at],
            f"{name} of sizes",
            _bytes(*truth),
            ARRAYS,
            ways
            | {
                Hint("zeros stored", "that stores the zeros too."): _bytes(
                    *truth, stored=np.size
                ),
                Hint(
                    "repeated",
                    "a value that comes again is stored again.",
                ): _bytes(
                    *truth, stored=lambda a: len(np.unique(a)) - (a == 0).any()
                ),
                Hint(
                    "positive",
                    "values below 0 are stored too: count what is not zero.",
                ): _bytes(*truth, stored=lambda a: np.sum(a > 0)),
                Hint(
                    "itemsize",
                    "a value takes a.itemsize bytes, and this array is not "
                    "float32.",
                ): _bytes(*truth, item=4),
            },
            Hint("bytes", "write down by hand what is stored of this array."),
            unseen=_sparse,
        )
    return "the bytes of all three formats."


@checker
def pooled(twice, pooled, skipped):
    """Exercise 3: predict zeros after other layers."""
    what = "a share such as 0.6"
    readable(what, twice=twice, pooled=pooled, skipped=skipped)
    equals(
        twice,
        "twice",
        1 / 2,
        {
            Hint(
                "twice",
                "the second ReLU meets no negative number: what is left "
                "for it to cut off?",
            ): 3 / 4,
        },
        Hint(
            "twice other",
            "what does ReLU make of 0, and of a positive number?",
        ),
        what,
    )
    equals(
        pooled,
        "pooled",
        1 / 16,
        {
            Hint(
                "pooled half",
                "the largest of four is zero only if all four are.",
            ): 1 / 2,
            Hint(
                "pooled any",
                "that is the share where at least one of the four is not "
                "zero.",
            ): 15 / 16,
        },
        Hint(
            "pooled",
            "no number here is negative: when is the largest of four zero?",
        ),
        what,
        atol=0.003,
    )
    equals(
        skipped,
        "skipped",
        1 / 4,
        {
            Hint(
                "skipped half",
                "a sum is zero only where both are: they never cancel.",
            ): 1 / 2,
            Hint(
                "skipped product",
                "that would be a product: a sum is zero only where both are.",
            ): 3 / 4,
        },
        Hint(
            "skipped",
            "no number here is negative: when is the sum of two zero?",
        ),
        what,
    )
    return "ReLU twice changes nothing; the others need zeros that meet."


@checker
def halves(stripes, together, switching, alike):
    """Exercise 4: four layers with the same share of zeros."""
    attempted(
        stripes=stripes, together=together, switching=switching, alike=alike
    )
    _zeros(stripes, "stripes", unit=(0, 1))
    _zeros(together, "together", unit=(0.5,), image=(0, 1))
    off = _zeros(switching, "switching", unit=(0.5,), image=(0.5,))
    sets = len(np.unique(off, axis=0))
    if sets < 8:
        raise wrong(
            "`switching`",
            "8 different sets of active units",
            str(sets),
            Hint(
                "sets",
                "two images have the same units on: shift the pattern from "
                "each image to the next.",
            ),
        )
    off = _zeros(alike, "alike", unit=(0.5,), image=(0.5,))
    needed = [int((~part).any(axis=0).sum()) for part in (off[:4], off[4:])]
    if needed != [4, 4]:
        raise wrong(
            "`alike`",
            "4 units for the images 1 to 4, and 4 for the others",
            f"{needed[0]} and {needed[1]}",
            Hint(
                "batches",
                "a unit counts if any image of the batch has it on: which "
                "images must have the same units on?",
            ),
        )
    return "half zeros in all four, and four different layers."


def _zeros(answer, name, **shares):
    """Return where the answer is 0; raise unless its shares are right."""
    a = array(answer, name, "an array", (8, 8), truth=True)
    if not (a >= 0).all():
        raise wrong(
            f"`{name}`",
            "numbers of 0 or more",
            shown(a.min()),
            Hint(
                "negative", "these are outputs of ReLU, not pre-activations."
            ),
        )
    if (a == 0).mean() != 0.5:
        raise wrong(
            f"the share of zeros of `{name}`",
            "0.5",
            shown((a == 0).mean()),
            Hint("half", "32 of the 64 numbers should be 0."),
        )
    off, axes = a == 0, {"unit": 0, "image": 1}
    for of, wanted in shares.items():
        got = off.mean(axis=axes[of])
        if not np.isin(got, wanted).all():
            turned = all(
                np.isin(off.mean(axis=1 - axes[of]), wanted).all()
                for of, wanted in shares.items()
            )
            raise wrong(
                f"the share of zeros of each {of} in `{name}`",
                " or ".join(map(shown, wanted)),
                shown(got),
                Hint("turned", "columns are units and rows are images.")
                if turned
                else Hint("column", "count the zeros in each column.")
                if of == "unit"
                else Hint("row", "count the zeros in each row."),
            )
    return off


def _share(inputs, weights, biases):
    z = inputs @ weights + biases[:, None]
    return (z <= 0).mean(axis=(1, 2))


@checker
def zeros_of(answer):
    """Exercise 5: the share of zeros of each network."""
    # As many images as networks, so that biases can go to the wrong ones.
    given = (
        np.array([[[1.0, 2.0], [0.0, 0.0]], [[3.0, 1.0], [0.0, 1.0]]]),
        np.array(
            [
                [[1.0, -1.0, 0.0], [1.0, -2.0, 1.0]],
                [[-1.0, 2.0, 1.0], [1.0, 0.5, -1.0]],
            ]
        ),
        np.array([[0.0, 6.0, 1.0], [1.5, -4.0, -3.0]]),
    )
    agrees(
        answer,
        "zeros_of",
        _share,
        [given],
        {
            Hint(
                "on", "that is the share of outputs that are on."
            ): lambda *t: 1 - _share(*t),
            Hint("at 0", "z = 0 gives a zero too."): lambda x, w, b: (
                x @ w + b[:, None] < 0
            ).mean(axis=(1, 2)),
            Hint(
                "biases",
                "each network has its own biases, the same for all of its "
                "images: biases[:, None].",
            ): lambda x, w, b: (x @ w + b <= 0).mean(axis=(1, 2)),
        },
        Hint("share", "print z for one network and one image."),
        "a share for each network",
        # A number as small as some of these is still above 0.
        lambda rng: [
            (
                size * rng.exponential(size=(5, 5, 4)),
                rng.normal(size=(5, 4, 9)),
                size * rng.normal(size=(5, 9)),
            )
            for size in (1, 1e-12)
        ],
    )
    return "one share for each network."


@checker
def operate(answer, trained):
    """Exercise 5: weights and biases, each from before or after training."""
    attempted(operate=answer, trained=trained)
    images = data.digits().x_test
    for rate in trained.learning_rates:
        at = trained.learning_rates.index(rate)
        # The second layer's inputs, weights and biases.
        (x, w, b), (old_x, old_w, old_b) = (
            [
                t[:, at].numpy()
                for t in (
                    nets.activations(images)[0][1],
                    nets.weights[1],
                    nets.biases[1],
                )
            ]
            for nets in (trained, trained.initial)
        )
        cases = (old_w, old_b), (old_w, b), (w, old_b), (w, b)
        truth = np.stack([_share(x, *case) for case in cases])
        before = np.stack([_share(old_x, *case) for case in cases])
        got = result(
            answer, "operate", rate, like=truth, what="an array (4, networks)"
        )
        hint = hint_for(
            {
                Hint(
                    "exchanged", "the rows `biases` and `weights` are swapped."
                ): truth[[0, 2, 1, 3]],
                Hint("reversed", "before and after are swapped."): truth[::-1],
                Hint(
                    "old inputs",
                    "all four rows get the outputs of the *trained* first "
                    "layer.",
                ): before,
                Hint(
                    "neither",
                    "the trained first layer goes with `neither` too: "
                    "otherwise two things change at once.",
                ): np.stack([before[0], *truth[1:]]),
            },
            Hint(
                "operate",
                "which weights and which biases does this row name, and "
                "does `rate` choose them?",
            ),
            lambda way, got=got: close(got, way),
        )
        rows = "neither", "biases", "weights", "both"
        for row, one, other in zip(rows, got, truth):
            if not close(one, other):
                raise wrong(
                    f"the row `{row}` of operate({rate:g})",
                    f"a mean of {other.mean():.3f}",
                    f"a mean of {one.mean():.3f}",
                    hint,
                )
    return "all four rows, at both rates."
