"""Wrong answers to the exercises of chapter 6, and what each is told."""

import numpy as np

from tests.code.exercises import digits
from utils import networks
from utils.checks import sparsity as check

BIAS, SHARE, ZEROS = (
    "a bias such as 0.5",
    "a share such as 0.25",
    ("a share such as 0.6"),
)
FIRST = "{} of sizes([[0, 1.5, 0, 2], [0, 0, 0, 3]])"
NETWORKS = (
    "zeros_of([[[1, 2], [0, 0]], [[3, 1], [0, 1]]], [[[1, -1, 0], "
    "[1, -2, 1]], [[-1, 2, 1], [1, 0.5, -1]]], [[0, 6, 1], [1.5, -4, -3]])"
)
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


def operated(wrong, hint, rate=0.1):
    row = next(
        k
        for k in range(4)
        if not np.allclose(wrong(rate)[k], operation()(rate)[k])
    )
    name = ["neither", "biases", "weights", "both"][row]
    means = [
        f"a mean of {answer(rate)[row].mean():.3f}"
        for answer in (operation(), wrong)
    ]
    return (
        check.operate,
        (wrong, TRAINED),
        f"the row `{name}` of operate({rate:g})",
        *means,
        hint,
    )


# checker, answers, where it goes wrong, what is expected, what came, hint
WRONG = [
    (
        check.ninety,
        (2.56, 0.995, 0.739),
        "`b`",
        BIAS,
        "2.56",
        "a positive bias lifts z, and that makes fewer zeros.",
    ),
    (
        check.ninety,
        (-1.28, 0.995, 0.739),
        "`b`",
        BIAS,
        "-1.28",
        "that is b in units of sigma; which sigma has this image?",
    ),
    (
        check.ninety,
        (-5.12, 0.995, 0.739),
        "`b`",
        BIAS,
        "-5.12",
        "that is the variance; the formula takes sigma, its root.",
    ),
    (
        check.ninety,
        (-10.24, 0.995, 0.739),
        "`b`",
        BIAS,
        "-10.24",
        "|x| is not sigma yet: sigma = sqrt(2/32) |x|.",
    ),
    (
        check.ninety,
        (-2.563, 0.9, 0.739),
        "`zeros_dim`",
        SHARE,
        "0.9",
        "the bias is the same; sigma is not.",
    ),
    (
        check.ninety,
        (-2.563, 0.739, 0.995),
        "`zeros_dim`",
        SHARE,
        "0.739",
        "a smaller sigma makes the same bias weigh more, not less.",
    ),
    (
        check.ninety,
        (-2.56, 0.995, 0.9),
        "`zeros_doubled`",
        SHARE,
        "0.9",
        "a factor cancels only where the bias is 0, or is doubled too.",
    ),
    (
        check.ninety,
        (-2.56, 0.995, 0.626),
        "`zeros_doubled`",
        SHARE,
        "0.626",
        "twice the weights is twice sigma, four times the variance.",
    ),
    (
        check.ninety,
        (-0.64, 0.995, 0.739),
        "`b`",
        BIAS,
        "-0.64",
        "-b / sigma is 1.28: solve this for b once more.",
    ),
    (
        check.ninety,
        (-3.28, 0.995, 0.739),
        "`b`",
        BIAS,
        "-3.28",
        "that makes 95 % zeros: in which column is Phi(t) = 0.900?",
    ),
    (
        check.ninety,
        (-2.56, 1.0, 0.739),
        "`zeros_dim`",
        SHARE,
        "1",
        "half of x is half of sigma, and a quarter of the variance.",
    ),
    (
        check.ninety,
        (-2.56, 0.005, 0.739),
        "`zeros_dim`",
        SHARE,
        "0.005",
        "that is the share that is on.",
    ),
    (
        check.ninety,
        (-2.56, 0.995, 73.9),
        "`zeros_doubled`",
        SHARE,
        "73.9",
        "in percent; a share lies between 0 and 1.",
    ),
    (
        check.formats,
        (sizes(coo=lambda a, n: n * (a.itemsize + 4)),),
        FIRST.format("coo"),
        "36",
        "24",
        "a value needs two numbers to say where it is: row and column.",
    ),
    (
        check.formats,
        (sizes(coo=lambda a, n: a.size * (a.itemsize + 8)),),
        FIRST.format("coo"),
        "36",
        "96",
        "that stores the zeros, too.",
    ),
    (
        check.formats,
        (sizes(short=lambda a, n: n * (a.itemsize + 1)),),
        FIRST.format("short"),
        "27",
        "15",
        "the row starts are missing.",
    ),
    (
        check.formats,
        (sizes(short=lambda a, n: n * (a.itemsize + 1) + 4 * len(a)),),
        FIRST.format("short"),
        "27",
        "23",
        "there is one row start more than "
        "there are rows: the end of the last row.",
    ),
    (
        check.formats,
        (sizes(mask=lambda a, n: n * a.itemsize + a.size),),
        FIRST.format("mask"),
        "13",
        "20",
        "a place takes a bit, not a byte: eight fit in one.",
    ),
    (
        check.formats,
        (sizes(mask=lambda a, n: n * a.itemsize + a.size // 8),),
        "mask of sizes([[0, 0.5, 0], [0, 0, 0], [2, 0, 0]])",
        "10",
        "9",
        "round the bits up to whole bytes, not down.",
    ),
    (
        check.formats,
        (sizes(mask=lambda a, n: n * a.itemsize + a.size / 8),),
        "mask of sizes([[0, 0.5, 0], [0, 0, 0], [2, 0, 0]])",
        "10",
        "9.125",
        "there is no part of a byte: round the bits up to whole bytes.",
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
        FIRST.format("mask"),
        "13",
        "14",
        "the bits of all rows stand in one line: round up once, at its end.",
    ),
    (
        check.formats,
        (
            sizes(
                short=lambda a, n: n * (a.itemsize + 1) + 4 * (a.shape[1] + 1)
            ),
        ),
        FIRST.format("short"),
        "27",
        "35",
        "a row start for each row, not for each column.",
    ),
    (
        check.formats,
        (sizes(coo=lambda a, n: np.sum(a > 0) * (a.itemsize + 8)),),
        "coo of sizes([[-1, 0, 4, 0, 2]])",
        "36",
        "24",
        "values below 0 are stored, too: count what is not zero.",
    ),
    (
        check.formats,
        (sizes(mask=lambda a, n: n * 4 + -(-a.size // 8)),),
        "mask of sizes([[0, 0, 0], [1, 2, 0]])",
        "17",
        "9",
        "a value takes a.itemsize bytes, and this array is not float32.",
    ),
    (
        check.formats,
        (lambda a: 36,),
        "sizes([[0, 1.5, 0, 2], [0, 0, 0, 3]])",
        "three numbers: coo, short, mask of shape (3,)",
        "shape ()",
        "compare the two shapes, step by step.",
    ),
    (
        check.pooled,
        (0.75, 1 / 16, 0.25),
        "`twice`",
        ZEROS,
        "0.75",
        "the second ReLU meets no negative number: what can it still cut off?",
    ),
    (
        check.pooled,
        (0.5, 0.5, 0.25),
        "`pooled`",
        ZEROS,
        "0.5",
        "the largest of four is zero only if all four are.",
    ),
    (
        check.pooled,
        (0.5, 15 / 16, 0.25),
        "`pooled`",
        ZEROS,
        "0.9375",
        "that is the share where at least one of the four is zero.",
    ),
    (
        check.pooled,
        (0.5, 1 / 8, 0.25),
        "`pooled`",
        ZEROS,
        "0.125",
        "no number here is negative: when is the largest of four zero?",
    ),
    (
        check.pooled,
        (50, 6.25, 25),
        "`twice`",
        ZEROS,
        "50",
        "in percent; a share lies between 0 and 1.",
    ),
    (
        check.pooled,
        (0.5, 0.06, 0.0),
        "`skipped`",
        ZEROS,
        "0",
        "no number here is negative: when is the sum of two zero?",
    ),
    (
        check.pooled,
        (0.5, 0.06, 0.5),
        "`skipped`",
        ZEROS,
        "0.5",
        "a sum is zero only where both are: they never cancel.",
    ),
    (
        check.pooled,
        (0.5, 0.06, 0.75),
        "`skipped`",
        ZEROS,
        "0.75",
        "that would be a product; a sum is zero only where both are.",
    ),
    (
        check.halves,
        (STRIPES.T, STRIPES, SWITCHING, ALIKE),
        "the share of zeros of each unit in `stripes`",
        "0 or 1",
        "[0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]",
        "columns are units and rows are images.",
    ),
    (
        check.halves,
        (STRIPES, SWITCHING, SWITCHING, ALIKE),
        "the share of zeros of each image in `together`",
        "0 or 1",
        "[0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]",
        "count the zeros in each row.",
    ),
    (
        check.halves,
        (STRIPES, STRIPES.T, STRIPES, ALIKE),
        "the share of zeros of each unit in `switching`",
        "0.5",
        "[0, 0, 0, 0, 1, 1, 1, 1]",
        "count the zeros in each column.",
    ),
    (
        check.halves,
        (STRIPES - 0.5, STRIPES.T, SWITCHING, ALIKE),
        "`stripes`",
        "numbers of 0 or more",
        "-0.5",
        "these are outputs of ReLU, not pre-activations.",
    ),
    (
        check.halves,
        (STRIPES, STRIPES.T, BOARD, ALIKE),
        "`switching`",
        "8 different sets of active units",
        "2",
        "two images have the same units on; move the pattern on from each "
        "image to the next.",
    ),
    (
        check.halves,
        (STRIPES, STRIPES.T, np.eye(8), ALIKE),
        "the share of zeros of `switching`",
        "0.5",
        "0.875",
        "32 of the 64 numbers are 0.",
    ),
    (
        check.halves,
        (STRIPES, STRIPES.T, SWITCHING, SWITCHING),
        "`alike`",
        "4 units for the images 1 to 4, and 4 for the others",
        "7 and 7",
        "a unit counts if some image of the batch has it on; which images must "
        "have the same units on?",
    ),
    (
        check.halves,
        (STRIPES, STRIPES.T, SWITCHING, STRIPES),
        "the share of zeros of each unit in `alike`",
        "0.5",
        "[0, 0, 0, 0, 1, 1, 1, 1]",
        "count the zeros in each column.",
    ),
    (
        check.zeros_of,
        (share(np.greater),),
        NETWORKS,
        "[0.166667, 0.666667]",
        "[0.833333, 0.333333]",
        "that is the share of outputs that are on.",
    ),
    (
        check.zeros_of,
        (share(np.less),),
        NETWORKS,
        "[0.166667, 0.666667]",
        "[0, 0.666667]",
        "z = 0 gives a zero, too.",
    ),
    (
        check.zeros_of,
        (share(np.less_equal, broadcast=False),),
        NETWORKS,
        "[0.166667, 0.666667]",
        "[0.333333, 0.5]",
        "each network has its own "
        "biases, the same for all of its images: biases[:, None].",
    ),
    (
        check.zeros_of,
        (share(np.less_equal, axis=None),),
        NETWORKS,
        "a share for each network of shape (2,)",
        "shape ()",
        "compare the two shapes, step by step.",
    ),
    operated(
        operation(order=(0, 2, 1, 3)),
        "the rows `biases` and `weights` are exchanged.",
    ),
    operated(operation(order=(3, 2, 1, 0)), "before and after are exchanged."),
    operated(
        operation(old_inputs=(0, 1, 2, 3)),
        "all four rows get the outputs of the *trained* first layer.",
    ),
    operated(
        operation(old_inputs=(0,)),
        "the trained first layer goes with "
        "`neither`, too: else two things change at once.",
    ),
    operated(
        operation(at=0),
        "which weights and which biases does this row "
        "name, and does `rate` choose them?",
        rate=0.3,
    ),
]
