"""Wrong answers to the exercises of chapter 2, and what each is told."""

import numpy as np

from utils import activations as act
from utils.checks import nonlinearity as check

PAIR, ONE = "two numbers such as [1, -1]", "a number such as -1.5"
REGIONS = "a number of regions such as 7"
PIECES = "a number of pieces such as 7"
AVERAGE = "an average such as 7"
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


def pieces(layers, x, *, first=0, last=None, bend=act.relu, size=1):
    """Count stretches, with the faults that the options bring in."""
    a, on = x[:, None], []
    for W, b in layers[:-1]:
        z = a @ W + size * b
        on.append(z > 0)
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
        (rng.normal(size=(n, m)), rng.normal(size=m))
        for n, m in zip([1, *widths], [*widths, 1])
    ]


DEEP = [draw(10 * [3], seed) for seed in range(20)]
WIDE = [draw([30], seed) for seed in range(20)]
HATS = (
    [(np.ones((1, 3)), np.zeros(3))]
    + 9 * [(np.ones((3, 3)), np.zeros(3))]
    + [(np.ones((3, 1)), np.zeros(1))]
)

# checker, answers, where it goes wrong, what is expected, what came, hint
WRONG = [
    (
        check.collapse,
        collapsed(0, [2, 1]),
        "`w_linear`",
        PAIR,
        "[2, 1]",
        "that adds up the columns of W1; the second layer weighs them by v.",
    ),
    (
        check.collapse,
        collapsed(0, [-4, 5]),
        "`w_linear`",
        PAIR,
        "[-4, 5]",
        "that is the network with ReLU; here nothing is cut off.",
    ),
    (
        check.collapse,
        collapsed(1, 4),
        "`b_linear`",
        ONE,
        "4",
        "that is c alone; the first layer's biases reach the output, too, "
        "weighted by v.",
    ),
    (
        check.collapse,
        collapsed(1, -12),
        "`b_linear`",
        ONE,
        "-12",
        "c is missing; nothing comes behind it, so it stays as it is.",
    ),
    (
        check.collapse,
        collapsed(1, 5),
        "`b_linear`",
        ONE,
        "5",
        "that adds up all biases; those of the first layer go through v.",
    ),
    (
        check.collapse,
        collapsed(2, [-5, 6]),
        "`w_here`",
        PAIR,
        "[-5, 6]",
        "that is the network without activation; which unit is silent at (2, "
        "1)?",
    ),
    (
        check.collapse,
        collapsed(2, [-1, 1]),
        "`w_here`",
        PAIR,
        "[-1, 1]",
        "that keeps the silent unit and drops the others.",
    ),
    (
        check.collapse,
        collapsed(2, [1, 3]),
        "`w_here`",
        PAIR,
        "[1, 3]",
        "a silent unit has a negative pre-activation, not a negative outgoing "
        "weight.",
    ),
    (
        check.collapse,
        collapsed(3, -8),
        "`b_here`",
        ONE,
        "-8",
        "the silent unit's bias is still in it; a silent unit hands on "
        "nothing, its bias included.",
    ),
    (
        check.collapse,
        collapsed(3, 4),
        "`b_here`",
        ONE,
        "4",
        "that is c alone; the active units' biases reach the output, too, "
        "weighted by v.",
    ),
    (
        check.collapse,
        collapsed(3, -11),
        "`b_here`",
        ONE,
        "-11",
        "c is missing; the output's bias belongs to every region.",
    ),
    (
        check.collapse,
        collapsed(3, -10),
        "`b_here`",
        ONE,
        "-10",
        "that is y at (2, 1); b is what is left of it without x . w.",
    ),
    (
        check.collapse,
        collapsed(4, 7),
        "`until`",
        "a number above 1, such as 1.5",
        "7",
        "a unit switches there, but another one switches sooner.",
    ),
    (
        check.collapse,
        collapsed(4, 2),
        "`until`",
        "a number above 1, such as 1.5",
        "2",
        "the unit's bias is missing, or that is how far it is from 1; the "
        "value of the input is asked for.",
    ),
    (
        check.sine,
        (KNOTS, CHORDS, 0),
        "the network at x = 1.19",
        "0.928 to within 0.05",
        "0.858",
        "all knots lie on the sine: these are chords, which err on one side "
        "only. Move the knots off the curve.",
    ),
    (
        check.sine,
        (KNOTS, np.cumsum(1.04 * CHORDS), 0),
        "the network at x = 3.50",
        "-0.351 to within 0.05",
        "2.175",
        "these coefficients are the slopes of the pieces; a hinge adds to the "
        "slope, so its coefficient is the change.",
    ),
    (
        check.sine,
        (KNOTS, -1.04 * CHORDS, 0),
        "the network at x = 1.57",
        "1 to within 0.05",
        "-1.04",
        "upside down: where the slope falls, the coefficient is negative.",
    ),
    (
        check.sine,
        (KNOTS, 1.04 * CHORDS, 1),
        "the network at x = 1.57",
        "1 to within 0.05",
        "2.04",
        "the shape is right and too high or too low: the offset is the value "
        "at x = 0.",
    ),
    (
        check.sine,
        (KNOTS, 1.1 * CHORDS, 0),
        "the network at x = 1.57",
        "1 to within 0.05",
        "1.1",
        "close, and out of balance: make the largest errors above and below "
        "the sine equal.",
    ),
    (
        check.sine,
        polygon(np.sin(LOW), LOW),
        "the network at x = 6.28",
        "0 to within 0.05",
        "-0.607",
        "behind the last hinge the line runs on straight.",
    ),
    (
        check.sine,
        (np.rad2deg(KNOTS), CHORDS, 0),
        "the network at x = 5.83",
        "-0.436 to within 0.05",
        "5.251",
        "a hinge outside [0, 2 pi) shows no bend here; give it work.",
    ),
    (
        check.sine,
        (KNOTS, np.sin(KNOTS), 0),
        "the network at x = 5.50",
        "-0.707 to within 0.05",
        "7.584",
        "these coefficients are the sine's values; a coefficient is the change "
        "of slope at its knot.",
    ),
    (
        check.sine,
        polygon(np.sin(np.linspace(0, 7, 17)), np.linspace(0, 7, 17)),
        "`knots`",
        "eight numbers",
        "shape (16,)",
        "one number for each of eight hinges.",
    ),
    (
        check.sine,
        (ENDS, CHORDS, 0),
        "`knots`",
        "eight numbers",
        "shape (9,)",
        "eight pieces have nine ends; no hinge is needed at the last.",
    ),
    (
        check.sine,
        (KNOTS, CHORDS[1:], 0),
        "`coefficients`",
        "eight numbers",
        "shape (7,)",
        "eight pieces have eight slopes, and the first is a change, too: from "
        "0.",
    ),
    (
        check.sine,
        (KNOTS, np.nan * CHORDS, 0),
        "the network at x = 0.00",
        "0 to within 0.05",
        "nan",
        "choose the values at the knots, join them, and take the changes of "
        "slope as coefficients.",
    ),
    (
        check.sine,
        (KNOTS + 0.1, CHORDS, 0),
        "the network at x = 0.45",
        "0.436 to within 0.05",
        "0.316",
        "close, and out of balance: make the largest errors above and below "
        "the sine equal.",
    ),
    (
        check.zero_biases,
        (56, 2, 101, 51),
        "`plane`",
        REGIONS,
        "56",
        "so many do ten lines in general position make; through which point do "
        "these all pass?",
    ),
    (
        check.zero_biases,
        (11, 2, 101, 51),
        "`plane`",
        REGIONS,
        "11",
        "so many do ten parallel lines make; these have different directions.",
    ),
    (
        check.zero_biases,
        (10, 2, 101, 51),
        "`plane`",
        REGIONS,
        "10",
        "a line through the origin has two ends, so each line adds two wedges.",
    ),
    (
        check.zero_biases,
        (1024, 2, 101, 51),
        "`plane`",
        REGIONS,
        "1024",
        "not every on/off pattern has a place in the plane.",
    ),
    (
        check.zero_biases,
        (20, 11, 101, 51),
        "`line`",
        REGIONS,
        "11",
        "ten hinges make eleven pieces if they sit at ten places; where is w x "
        "= 0?",
    ),
    (
        check.zero_biases,
        (20, 10, 101, 51),
        "`line`",
        REGIONS,
        "10",
        "that counts the units; at how many places do they switch?",
    ),
    (
        check.zero_biases,
        (20, 20, 101, 51),
        "`line`",
        REGIONS,
        "20",
        "that is the plane's; with one input a hinge is a point, not a line.",
    ),
    (
        check.zero_biases,
        (20, 2, 2, 51),
        "`deep`",
        AVERAGE,
        "2",
        "that is a line through the origin, which turns all at once.",
    ),
    (
        check.zero_biases,
        (20, 2, 21, 51),
        "`deep`",
        AVERAGE,
        "21",
        "that is one layer; deeper units switch, too.",
    ),
    (
        check.zero_biases,
        (20, 2, 20**5, 51),
        "`deep`",
        AVERAGE,
        "3.2e+06",
        "that would be folds, and random weights do not fold.",
    ),
    (
        check.zero_biases,
        (20, 2, 32, 51),
        "`deep`",
        AVERAGE,
        "32",
        "five layers that each double the pieces would be folds.",
    ),
    (
        check.zero_biases,
        (20, 2, 101, 101),
        "`ray`",
        AVERAGE,
        "101",
        "that is the whole line; the ray turns through less.",
    ),
    (
        check.zero_biases,
        (20, 2, 101, 26),
        "`ray`",
        AVERAGE,
        "26",
        "that is an eighth of a turn; the ray ends up at a right angle to p.",
    ),
    (
        check.zero_biases,
        (20, 2, 101, 2),
        "`ray`",
        AVERAGE,
        "2",
        "the ray misses the origin, so its units do not switch together.",
    ),
    (
        check.fold,
        (32, "between"),
        "`half`",
        PIECES,
        "32",
        "a fold needs a signal that crosses 1/2; does it, behind a hat of peak "
        "1/2?",
    ),
    (
        check.fold,
        (16, "between"),
        "`half`",
        PIECES,
        "16",
        "half the peak is not half the pieces; follow a value through two such "
        "hats.",
    ),
    (
        check.fold,
        (1, "between"),
        "`half`",
        PIECES,
        "1",
        "a lower hat is still a hat: it goes up and down once.",
    ),
    (
        check.fold,
        (10, "between"),
        "`half`",
        PIECES,
        "10",
        "that adds two pieces for each hat; what does the second hat do to "
        "values of at most 1/2?",
    ),
    (
        check.fold,
        (2, "2"),
        "`three_quarters`",
        "what five such hats make",
        "'2'",
        "a peak of 3/4 lies above 1/2, so the second hat does fold.",
    ),
    (
        check.fold,
        (2, "32"),
        "`three_quarters`",
        "what five such hats make",
        "'32'",
        "to be doubled five times every piece must cross 1/2 each time; does a "
        "piece from 9/16 to 3/4?",
    ),
    (
        check.fold,
        (2, 24),
        "`three_quarters` should be a text.",
        "'2' or 'between' or '32'",
        "24",
        "write one of these, with its quotes.",
    ),
    (
        check.count_pieces,
        (lambda L, x: pieces(L, x) - 1,),
        "count_pieces([[[[1, -1]], [4, 2]], [[[1], [-1]], [0]]], [-31, -29, "
        "-27, -25, -23, -21, -19, -17, ...])",
        "3",
        "2",
        "n switches make n + 1 stretches.",
    ),
    (
        check.count_pieces,
        (lambda L, x: 1 + sum(len(b) for _, b in L[:-1]),),
        "count_pieces([[[[1, 1]], [-6, -6]], [[[1], [-1]], [0]]], [-31, -29, "
        "-27, -25, -23, -21, -19, -17, ...])",
        "2",
        "3",
        "not every unit switches once: some never do, some several times, some "
        "together.",
    ),
    (
        check.count_pieces,
        (each_unit,),
        "count_pieces([[[[1, 1]], [-6, -6]], [[[1], [-1]], [0]]], [-31, -29, "
        "-27, -25, -23, -21, -19, -17, ...])",
        "2",
        "3",
        "two units that switch at the same place end one stretch, not two.",
    ),
    (
        check.count_pieces,
        (lambda L, x: pieces(L, x, last=1),),
        "count_pieces([[[[1, -1]], [4, 2]], [[[1, 2], [-1, 1]], [-2, -16]], "
        "[[[1], [-1]], [0]]], [-31, -29, -27, -25, -23, -21, -19, -17, ...])",
        "6",
        "3",
        "only the first layer is counted; deeper units switch, too.",
    ),
    (
        check.count_pieces,
        (lambda L, x: pieces(L, x, first=-1),),
        "count_pieces([[[[1, -1]], [4, 2]], [[[1, 2], [-1, 1]], [-2, -16]], "
        "[[[1], [-1]], [0]]], [-31, -29, -27, -25, -23, -21, -19, -17, ...])",
        "6",
        "4",
        "only the last hidden layer is counted.",
    ),
    (
        check.count_pieces,
        (lambda L, x: pieces(L, x, bend=np.asarray),),
        "count_pieces([[[[1, -1]], [4, 2]], [[[1, 2], [-1, 1]], [-2, -16]], "
        "[[[1], [-1]], [0]]], [-31, -29, -27, -25, -23, -21, -19, -17, ...])",
        "6",
        "5",
        "the next layer gets the pre-activations; ReLU comes in between.",
    ),
    (
        check.count_pieces,
        (lambda L, x: pieces(L, x, size=0),),
        "count_pieces([[[[1, -1]], [4, 2]], [[[1], [-1]], [0]]], [-31, -29, "
        "-27, -25, -23, -21, -19, -17, ...])",
        "3",
        "2",
        "the biases are missing; without them all hinges sit at 0.",
    ),
    (
        check.count_pieces,
        (lambda L, x: pieces([*L, L[-1]], x),),
        "count_pieces([[[[1, -1]], [4, 2]], [[[1], [-1]], [0]]], [-31, -29, "
        "-27, -25, -23, -21, -19, -17, ...])",
        "3",
        "4",
        "the output layer is no hidden layer; its sign does not matter.",
    ),
    (
        check.count_pieces,
        (slopes,),
        "count_pieces([[[[1, -1]], [4, 2]], [[[1], [-1]], [0]]], [-31, -29, "
        "-27, -25, -23, -21, -19, -17, ...])",
        "3",
        "5",
        "go through the hidden layers, note which units are on at each point, "
        "and count where that changes; slopes of the output can have other "
        "bends, rounding among them.",
    ),
    (
        check.control,
        (DEEP[0], WIDE),
        "`deep`",
        "a list of 20 networks",
        "11 entries",
        "one draw says little: collect what `draw` returns for 20 seeds.",
    ),
    (
        check.control,
        (WIDE, DEEP),
        "the hidden layers of deep[0]",
        "the widths [3, 3, 3, 3, 3, 3, 3, 3, 3, 3]",
        "the widths [30]",
        "the units are right in number; count the layers.",
    ),
    (
        check.control,
        ([draw([3], seed) for seed in range(20)], WIDE),
        "the hidden layers of deep[0]",
        "the widths [3, 3, 3, 3, 3, 3, 3, 3, 3, 3]",
        "the widths [3]",
        "with another number of units more pieces could come from more units.",
    ),
    (
        check.control,
        (20 * [DEEP[0]], WIDE),
        "the weights of deep[1]",
        "new ones",
        "those of deep[0]",
        "the control draws its weights, for every network with a new seed.",
    ),
    (
        check.control,
        (20 * [HATS], WIDE),
        "the weights of deep[1]",
        "new ones",
        "those of deep[0]",
        "the control draws its weights, for every network with a new seed.",
    ),
    (
        check.control,
        (list(range(20)), WIDE),
        "deep[0]",
        "a network as `draw` returns it",
        "0",
        "collect what `draw` returns, one network for each seed.",
    ),
]
