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


# checker, answers, the key of the hint
WRONG = [
    (check.narrow, (1 / 64, 3 / 16, 23 / 32), "dead three"),
    (check.narrow, (0.75, 3 / 16, 23 / 32), "dead sum"),
    (check.narrow, (0.42, 3 / 16, 23 / 32), "dead alive"),
    (check.narrow, (0.25, 3 / 16, 23 / 32), "dead one"),
    (check.narrow, (9 / 64, 3 / 16, 23 / 32), "dead first"),
    (check.narrow, (0.58, 1 / 16, 23 / 32), "second both"),
    (check.narrow, (0.58, 0.19, 5 / 8), "zeros 5/8"),
    (check.narrow, (0.578, 0.25, 23 / 32), "second alone"),
    (check.narrow, (0.578, 7 / 16, 23 / 32), "second any"),
    (check.narrow, (0.578, 0.1875, 0.5), "zeros half"),
    (check.narrow, (0.578, 0.1875, 0.789), "zeros alive"),
    (
        check.counters,
        but(never_positive=("relu", [-1, -2])),
        "never_positive alive",
    ),
    (check.counters, but(zero_mean=("relu", [-1, 1])), "zero_mean"),
    (check.counters, but(one_batch=("relu", [-1, 1])), "one_batch"),
    (check.counters, but(small_slope=("tanh", [400])), "small_slope alive"),
    (check.counters, but(small_slope=("leaky_relu", [-9])), "small_slope"),
    (check.counters, but(missed=("sigmoid", [40])), "missed small"),
    (check.counters, but(missed=("elu", [-1])), "missed"),
    (check.counters, but(missed=("relu", [-1])), "missed positive"),
    (check.counters, but(zero_mean="tanh"), "a pair"),
    (
        check.kill,
        (0.2,),
        "still on",
    ),
    (check.kill, (0.5,), "rate"),
    (check.kill, (2 / 7,), "rate w"),
    (check.kill, (-0.25,), "positive"),
    (check.revive, (2, 0.5), "off"),
    (check.revive, (-2, 3), "pulled up"),
    (check.revive, (-2, 0), "too short"),
    (check.revive, (-5, 3), "fitted"),
    (check.revive, (-10, -5000), "range"),
    (check.back, ("yes", "yes", "no", "yes", "yes"), "decay_both"),
    (check.back, ("no", "no", "no", "yes", "yes"), "decay_weights"),
    (check.back, ("no", "yes", "yes", "yes", "yes"), "frozen_below"),
    (check.back, ("no", "yes", "no", "no", "yes"), "one_neighbour"),
    (check.back, ("no", "yes", "no", "yes", "no"), "new_order"),
    (check.bare, (bare(bias=True),), "bias"),
    (check.bare, (bare(he=False),), "he"),
    (check.bare, (bare(last=True),), "layers"),
    (check.bare, (lambda: bare,), "sequential"),
    (check.centre, (centre(grow_train=False, grow_test=False),), "no factor"),
    (check.centre, (centre(power=2),), "no root"),
    (check.centre, (centre(power=np.log2(1.6) / 2),), "variance"),
    (check.centre, (centre(own=True),), "test mean"),
    (check.centre, (centre(grow_test=False),), "test factor"),
    (check.centre, (centre(axis=None),), "axis"),
]
