"""Wrong answers to the exercises of chapter 4, and what each is told."""

import dataclasses

import numpy as np

from tests.code.exercises import digits
from utils import networks
from utils.checks import vanishing_gradients as check

COSINE = "a cosine such as 0.75"
MEAN, SCALE, FACTOR = (
    "a mean square such as 0.25",
    "a scale such as 1.25",
    "a factor such as 1.25",
)
DOUBLE, SQUARE = "a factor such as 0.5", "a factor such as 0.75"
GRADIENT = "the gradient's norm in layer 1"
ALIVE = "between 0.1 and 10 times that in layer 30"

GRID = np.linspace(-8, 8, 4001)
DENSITY = np.exp(-(GRID**2) / 2) / np.exp(-(GRID**2) / 2).sum()


def mean(g, q):
    return DENSITY @ g(np.sqrt(q) * GRID)


def bump(z):
    return np.exp(-(z**2) / 2)


def chi(forward, backward, layers=100):
    """Return an answer: q and chi of a layer, each from c and q."""

    def answer(c):
        q = 1.0
        for _ in range(layers):
            q = forward(c, q)
        return backward(c, q)

    return answer


def q_next(c, q):
    return c * mean(lambda z: bump(z) ** 2, q)


def chi_of(c, q):
    return c * mean(lambda z: (z * bump(z)) ** 2, q)


def trained(
    activation="relu",
    scale=2.0,
    rates=(0.1, 0.2, 0.4),
    seeds=3,
    accuracy=(0.5, 0.6, 0.5),
    step=0.01,
):
    """Return a result with these accuracies, `step` apart over the seeds."""
    result = networks.train(
        digits(),
        activation=activation,
        weight_init=scale,
        bias_init=0.0,
        widths=(32, 32),
        seeds=seeds,
        learning_rates=rates,
        epochs=0,
    )
    final = np.add.outer(step * np.arange(seeds), accuracy[: len(rates)])
    return dataclasses.replace(result, test_accuracy=final[None])


RELU = trained()
RIVAL = trained("elu", 1.0, accuracy=(0.6, 0.8, 0.6))
CONTROL = trained("relu", 1 / 3, (0.1, 1, 10))
RATHER = "the accuracy of `rival` minus that of `relu`"
ABOVE = "above 0 by more than two standard errors"


def test_fair_comparison_is_right():
    assert check.overturned(RELU, RIVAL, CONTROL)


# checker, answers, the key of the hint
WRONG = [
    (check.leaky, (0.6, 1.92, 1.77, [-1, 1], 0.196, 0.637), "slope mean"),
    (check.leaky, (0.5, 1.92, 1.77, [-1, 1], 0.196, 0.637), "slope relu"),
    (check.leaky, (1.04, 1.92, 1.77, [-1, 1], 0.196, 0.637), "slope sum"),
    (check.leaky, (0.52, 2, 1.77, [-1, 1], 0.196, 0.637), "scale he"),
    (check.leaky, (0.52, 1.67, 1.77, [-1, 1], 0.196, 0.637), "scale mean"),
    (check.leaky, (0.52, 1.92, 3.12, [-1, 1], 0.196, 0.637), "he squared"),
    (check.leaky, (0.52, 1.92, 1.8, [-1, 1], 0.196, 0.637), "he 30"),
    (check.leaky, (0.52, 1.92, 1, [-1, 1], 0.196, 0.637), "he 1"),
    (check.leaky, (0.52, 1.92, 0.566, [-1, 1], 0.196, 0.637), "he inverse"),
    (check.leaky, (0.52, 1.92, 3.24, [-1, 1], 0.196, 0.637), "he"),
    (check.leaky, (0.721, 1.92, 1.77, [-1, 1], 0.196, 0.637), "slope root"),
    (check.leaky, (0.52, 1.92, 1.77, [1, 0], 0.196, 0.637), "two relu"),
    (
        check.leaky,
        (0.52, 1.92, 1.77, 1, 0.196, 0.637),
        "shape",
    ),
    (check.leaky, (0.52, 1.92, 1.77, [-1, 1], 0.318, 0.637), "cosine relu"),
    (check.leaky, (0.52, 1.92, 1.77, [-1, 1], 0.204, 0.637), "cosine norm"),
    (check.leaky, (0.52, 1.92, 1.77, [-1, 1], 1, 0.637), "cosine J"),
    (check.leaky, (0.52, 1.92, 1.77, [-1, 1], 0.245, 0.637), "cosine square"),
    (check.leaky, (0.52, 1.92, 1.77, [-1, 1], 0.196, 0), "other linear"),
    (check.leaky, (0.52, 1.92, 1.77, [-1, 1], 0.196, 0.318), "cosine relu"),
    (check.leaky, (0.52, 1.92, 1.77, [-1, 1], 0.196, 1.273), "other norm"),
    (check.double, (1, 1, 2), "earlier 1"),
    (check.double, (4, 1, 2), "earlier 4"),
    (check.double, (2, 2, 2), "itself 2"),
    (check.double, (2, 0.5, 2), "itself half"),
    (check.double, (2, 1, 1), "later 1"),
    (check.bump_chi, (chi(q_next, chi_of, layers=0),), "chi at 1"),
    (
        check.bump_chi,
        (chi(q_next, lambda c, q: chi_of(c, q) ** 0.5),),
        "chi root",
    ),
    (
        check.bump_chi,
        (chi(q_next, lambda c, q: chi_of(1, q)),),
        "chi no c back",
    ),
    (check.bump_chi, (chi(lambda c, q: q_next(1, q), chi_of),), "chi no c"),
    (
        check.bump_chi,
        (chi(lambda c, q: c * mean(bump, q), chi_of),),
        "chi mean",
    ),
    (
        check.bump_chi,
        (chi(lambda c, q: c * mean(bump, q) ** 2, chi_of),),
        "chi squared mean",
    ),
    (check.bump_chi, (chi(q_next, lambda c, q: q),), "chi"),
    (check.bump_scale, (1,), "one"),
    (check.bump_scale, (2.0,), "he"),
    (check.bump_scale, (2.414,), "root"),
    (check.bump_scale, (103,), "explodes"),
    (check.bump_scale, (4,), "vanishes"),
    (check.bump_scale, (-5.83,), "positive"),
    (check.square, (1 / 6, 4 / 3, 4 / 3), "q no half"),
    (check.square, (1, 4 / 3, 4 / 3), "q fourth"),
    (check.square, (0.33, 4 / 3, 4 / 3), "q rounded"),
    (check.square, (2 / 3, 4 / 3, 4 / 3), "q at 1"),
    (check.square, (1 / 3, 2 / 3, 4 / 3), "chi no c"),
    (check.square, (1 / 3, 1 / 3, 4 / 3), "chi no 4"),
    (check.square, (1 / 3, 1, 1), "chi 1"),
    (check.square, (1 / 3, 4 / 3, 8 / 3), "double c"),
    (
        check.overturned,
        (RELU, trained("silu", 2.0), CONTROL),
        "rival function",
    ),
    (check.overturned, (RELU, 0.93, CONTROL), "a run"),
    (
        check.overturned,
        (RELU, trained("elu", 1.0, seeds=4), CONTROL),
        "setting",
    ),
    (
        check.overturned,
        (RELU, trained("elu", 1.0, rates=[0.1]), CONTROL),
        "three rates",
    ),
    (
        check.overturned,
        (RELU, trained("elu", 1.0, accuracy=(0.7, 0.8, 0.9)), CONTROL),
        "rival edge",
    ),
    (
        check.overturned,
        (
            RELU,
            trained("elu", 1.0, accuracy=(0.5, 0.6, 0.5), step=0.06),
            CONTROL,
        ),
        "rival noise",
    ),
    (
        check.overturned,
        (RELU, trained("elu", 1 / 3, accuracy=(0.1, 0.3, 0.1)), CONTROL),
        "rival third",
    ),
    (
        check.overturned,
        (RELU, trained("elu", 0.1, accuracy=(0.1, 0.3, 0.1)), CONTROL),
        "rival scale",
    ),
    (
        check.overturned,
        (RELU, RIVAL, trained("elu", 1 / 3)),
        "control function",
    ),
    (check.overturned, (RELU, RIVAL, RELU), "control scale"),
    (check.overturned, (RELU, RIVAL, trained("relu", 1 / 3)), "control rates"),
]


def test_variance_for_mean_square_is_told():
    # What is left of q is rounding error, so the value is not compared.
    answer = chi(
        lambda c, q: c * mean(lambda z: (bump(z) - mean(bump, q)) ** 2, q),
        chi_of,
    )
    assert str(check.bump_chi(answer)).endswith(
        "Hint: the forward map takes the mean square of the activations; "
        "their mean is not subtracted."
    )
