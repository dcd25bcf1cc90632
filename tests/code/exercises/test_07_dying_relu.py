"""Wrong answers to the exercises of chapter 7, and what each is told."""

import numpy as np
from torch import nn

from utils.checks import dying_relu as check

CHANCE = "a number between 0 and 1, such as 0.25"
RATE = "a rate such as 0.1"
CALLED = "a unit that this counter calls dead"
LIVES = "a unit that is not dead"
COUNTED = {
    "never_positive": ("leaky_relu", [-1, -2]),
    "zero_mean": ("tanh", [-1, 1]),
    "one_batch": ("relu", 32 * [-1] + [1]),
    "small_slope": ("elu", [-10]),
    "missed": ("relu6", [7, 8]),
}
MODULES = ", ReLU(), ".join(
    f"Linear(in_features={n}, out_features={m}, bias=False)"
    for n, m in ((64, 32), (32, 32), (32, 32), (32, 10))
)
CENTRED = "{} images of centre([[2, 5], [0, 1], [1, 3]], [[0, 4], [2, 8]])"
TRAIN = "[[2, 4], [-2, -4], [0, 0]]"
TEST = "[[-2, 2], [2, 10]]"


def but(**changed):
    return tuple((COUNTED | changed).values())


def bare(bias=False, he=True, last=False):
    def answer():
        network = nn.Sequential()
        for sizes in ((64, 32), (32, 32), (32, 32), (32, 10)):
            linear = nn.Linear(*sizes, bias=bias)
            if he:
                nn.init.kaiming_normal_(linear.weight)
            network.extend([linear, nn.ReLU()])
        return network if last else network[:-1]

    return answer


def centre(axis=0, own=False, grow_train=True, grow_test=True, power=1):
    def answer(x_train, x_test):
        mean = x_train.mean(axis=axis)
        small = x_train - mean
        small_test = x_test - (x_test.mean(axis=axis) if own else mean)
        grow = np.sqrt(np.mean(x_train**2) / np.mean(small**2)) ** power
        return (
            small * (grow if grow_train else 1),
            small_test * (grow if grow_test else 1),
        )

    return answer


# checker, answers, where it goes wrong, what is expected, what came, hint
WRONG = [
    (
        check.narrow,
        (1 / 64, 3 / 16, 23 / 32),
        "`p_dead`",
        CHANCE,
        "0.015625",
        "one dead layer is enough; that is the chance of three in a row.",
    ),
    (
        check.narrow,
        (0.75, 3 / 16, 23 / 32),
        "`p_dead`",
        CHANCE,
        "0.75",
        "chances add up only if no two events happen together.",
    ),
    (
        check.narrow,
        (0.42, 3 / 16, 23 / 32),
        "`p_dead`",
        CHANCE,
        "0.42",
        "that is the chance to be alive.",
    ),
    (
        check.narrow,
        (0.25, 3 / 16, 23 / 32),
        "`p_dead`",
        CHANCE,
        "0.25",
        "the third layer is all zeros, too, if an earlier one is.",
    ),
    (
        check.narrow,
        (9 / 64, 3 / 16, 23 / 32),
        "`p_dead`",
        CHANCE,
        "0.140625",
        "that is the chance that the third layer is the *first* to die.",
    ),
    (
        check.narrow,
        (0.58, 1 / 16, 23 / 32),
        "`p_second`",
        CHANCE,
        "0.0625",
        "that is the chance of two deaths; here the first layer lives.",
    ),
    (
        check.narrow,
        (0.58, 0.19, 5 / 8),
        "`zeros_third`",
        CHANCE,
        "0.625",
        "the second layer is all zeros, too, if the first one is.",
    ),
    (
        check.narrow,
        (0.578, 0.25, 23 / 32),
        "`p_second`",
        CHANCE,
        "0.25",
        "the first layer must be alive for that.",
    ),
    (
        check.narrow,
        (0.578, 7 / 16, 23 / 32),
        "`p_second`",
        CHANCE,
        "0.4375",
        "that counts the networks whose first layer is all zeros, too.",
    ),
    (
        check.narrow,
        (0.578, 0.1875, 0.5),
        "`zeros_third`",
        CHANCE,
        "0.5",
        "in a network whose second layer is dead all are zeros.",
    ),
    (
        check.narrow,
        (0.578, 0.1875, 0.789),
        "`zeros_third`",
        CHANCE,
        "0.789",
        "a network whose third layer is alive has fewer than half: both at 0 "
        "is excluded there.",
    ),
    (
        check.counters,
        but(never_positive=("relu", [-1, -2])),
        "`never_positive`",
        LIVES,
        "outputs [0, 0], slopes [0, 0]",
        "for ReLU counter and definition agree; which function has a slope "
        "where its outputs are negative?",
    ),
    (
        check.counters,
        but(zero_mean=("relu", [-1, 1])),
        "`zero_mean`",
        CALLED,
        "outputs [0, 1], slopes [0, 1]",
        "outputs of both signs can cancel, if the function has both.",
    ),
    (
        check.counters,
        but(one_batch=("relu", [-1, 1])),
        "`one_batch`",
        CALLED,
        "outputs [0, 1], slopes [0, 1]",
        "the first 32 samples must have slope 0; only later ones may be on.",
    ),
    (
        check.counters,
        but(small_slope=("tanh", [400])),
        "`small_slope`",
        LIVES,
        "outputs [1], slopes [0]",
        "here the slopes are exactly 0; do "
        "not go so far out, or take a function without a flat part.",
    ),
    (
        check.counters,
        but(small_slope=("leaky_relu", [-9])),
        "`small_slope`",
        CALLED,
        "outputs [-0.09], slopes [0.01]",
        "far out on a smooth function the slope is small and not 0.",
    ),
    (
        check.counters,
        but(missed=("sigmoid", [40])),
        "`missed`",
        "a dead unit, all slopes exactly 0",
        "outputs [1], slopes [4.24835e-18]",
        "small is not 0; these slopes are rounded to 0 farther out than "
        "torch's. Or is a function exactly flat?",
    ),
    (
        check.counters,
        but(missed=("elu", [-1])),
        "`missed`",
        "a dead unit, all slopes exactly 0",
        "outputs [-0.632121], slopes [0.367879]",
        "where is one of the functions exactly flat?",
    ),
    (
        check.counters,
        but(missed=("relu", [-1])),
        "`missed`",
        "a unit with an output above 0",
        "outputs [0], slopes [0]",
        "a function can be flat on the right, too.",
    ),
    (
        check.counters,
        but(zero_mean="tanh"),
        "`zero_mean`",
        'a pair such as ("relu", [-1, 2])',
        "'tanh'",
        "write a name, a comma and a list.",
    ),
    (
        check.kill,
        (0.2,),
        "one step at the rate 0.2",
        "no sample on",
        "pre-activations [0, 0.3, 0.6]",
        "the unit is dead only when no sample is on; x = 3 still is.",
    ),
    (
        check.kill,
        (0.5,),
        "`killing_rate`",
        "the smallest rate that kills",
        "0.5, and 0.495 kills, too",
        "write z after the step for each x, as a function of the rate.",
    ),
    (
        check.kill,
        (2 / 7,),
        "`killing_rate`",
        "the smallest rate that kills",
        "0.285714, and 0.282857 kills, too",
        "w need not be negative: the step lowers b as well.",
    ),
    (
        check.kill,
        (-0.25,),
        "`killing_rate`",
        RATE,
        "-0.25",
        "a learning rate is positive and finite.",
    ),
    (
        check.revive,
        (2, 0.5),
        "the sample (2, 0.5)",
        "a sample that the dead unit is on for",
        "its pre-activation is -2.25",
        "the unit is off for it, too, and gets no gradient, whatever the "
        "target.",
    ),
    (
        check.revive,
        (-2, 3),
        "100 steps with the sample (-2, 3)",
        "x = 1, 2 or 3 on",
        "pre-activations [-1.95, -3.6, -5.25]",
        "the unit learns your sample and stays dead on the others: its target "
        "pulls z up there, and so down on the other side.",
    ),
    (
        check.revive,
        (-2, 0),
        "100 steps with the sample (-2, 0)",
        "x = 1, 2 or 3 on",
        "pre-activations [-1.35, -1.8, -2.25]",
        "the right way, but the steps are too short: the unit fits your "
        "sample, or falls silent on it, before x = 3 is on.",
    ),
    (
        check.revive,
        (-5, 3),
        "100 steps with the sample (-5, 3)",
        "x = 1, 2 or 3 on",
        "pre-activations [-1.5, -2.25, -3]",
        "the unit's output is your target already, so the gradient is 0.",
    ),
    (
        check.revive,
        (-10, -5000),
        "the sample (-10, -5000)",
        "numbers between -20 and 20",
        "-5000",
        "smaller ones will do.",
    ),
    (
        check.back,
        ("yes", "yes", "no", "yes", "yes"),
        "`decay_both`",
        "the other answer",
        "'yes'",
        "one factor for weights and bias is one "
        "factor for z: can it change the sign?",
    ),
    (
        check.back,
        ("no", "no", "no", "yes", "yes"),
        "`decay_weights`",
        "the other answer",
        "'no'",
        "no gradient is needed here: where does z "
        "go when the weights go to 0?",
    ),
    (
        check.back,
        ("no", "yes", "yes", "yes", "yes"),
        "`frozen_below`",
        "the other answer",
        "'yes'",
        "living neighbours do not move what enters this unit; who does?",
    ),
    (
        check.back,
        ("no", "yes", "no", "no", "yes"),
        "`one_neighbour`",
        "the other answer",
        "'no'",
        "one living unit is enough to send a "
        "gradient to the first layer; whose inputs does that move?",
    ),
    (
        check.back,
        ("no", "yes", "no", "yes", "no"),
        "`new_order`",
        "the other answer",
        "'no'",
        "dead is said of a unit *on given data*; are these still the same?",
    ),
    (
        check.bare,
        (bare(bias=True),),
        "the modules of build_bare()",
        MODULES,
        MODULES.replace("False", "True"),
        "a bias that starts at 0, or gets no "
        "gradient, is still there; nn.Linear(..., bias=False) makes none.",
    ),
    (
        check.bare,
        (bare(he=False),),
        "the standard deviation of the first weights",
        "about 0.177",
        "0.073",
        "a control changes one thing: keep He's weights, "
        "nn.init.kaiming_normal_.",
    ),
    (
        check.bare,
        (bare(last=True),),
        "the modules of build_bare()",
        MODULES,
        f"{MODULES}, ReLU()",
        "copy `build`, and change the biases only.",
    ),
    (
        check.bare,
        (lambda: bare,),
        "build_bare()",
        "an nn.Sequential",
        "a function",
        "return the network itself, as `build` does.",
    ),
    (
        check.centre,
        (centre(grow_train=False, grow_test=False),),
        CENTRED.format("the training"),
        TRAIN,
        "[[1, 2], [-1, -2], [0, 0]]",
        "the images have become smaller; the factor is missing.",
    ),
    (
        check.centre,
        (centre(power=2),),
        CENTRED.format("the training"),
        TRAIN,
        "[[4, 8], [-4, -8], [0, 0]]",
        "a factor changes the mean square by its own square: take the root.",
    ),
    (
        check.centre,
        (centre(power=np.log2(1.6) / 2),),
        CENTRED.format("the training"),
        TRAIN,
        "[[1.26491, 2.52982], [-1.26491, -2.52982], [0, 0]]",
        "the mean square is not the variance: "
        "before, the offset counted in it.",
    ),
    (
        check.centre,
        (centre(own=True),),
        CENTRED.format("the test"),
        TEST,
        "[[-2, -4], [2, 4]]",
        "the test images get "
        "the mean of the *training* images: networks do not know the test "
        "images.",
    ),
    (
        check.centre,
        (centre(grow_test=False),),
        CENTRED.format("the test"),
        TEST,
        "[[-1, 1], [1, 5]]",
        "the test images get the factor, too.",
    ),
    (
        check.centre,
        (centre(axis=None),),
        CENTRED.format("the training"),
        TRAIN,
        "[[0, 4.74342], [-3.16228, -1.58114], [-1.58114, 1.58114]]",
        "over the training images each pixel must have mean 0: take the mean of "
        "each pixel, not of each image or of all.",
    ),
]
