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


# checker, answers, where it goes wrong, what is expected, what came, hint
WRONG = [
    (
        check.leaky,
        (0.6, 1.92, 1.77, [-1, 1], 0.196, 0.637),
        "`mean_square_slope`",
        MEAN,
        "0.6",
        "that is the mean slope; square first, then take the mean.",
    ),
    (
        check.leaky,
        (0.5, 1.92, 1.77, [-1, 1], 0.196, 0.637),
        "`mean_square_slope`",
        MEAN,
        "0.5",
        "that is ReLU's; here the slope left of 0 is not 0.",
    ),
    (
        check.leaky,
        (1.04, 1.92, 1.77, [-1, 1], 0.196, 0.637),
        "`mean_square_slope`",
        MEAN,
        "1.04",
        "half of the slopes are 1 and half are 0.2: take the mean.",
    ),
    (
        check.leaky,
        (0.52, 2, 1.77, [-1, 1], 0.196, 0.637),
        "`scale`",
        SCALE,
        "2",
        "that is He's, for ReLU, whose mean square slope is 1/2.",
    ),
    (
        check.leaky,
        (0.52, 1.67, 1.77, [-1, 1], 0.196, 0.637),
        "`scale`",
        SCALE,
        "1.67",
        "that keeps the mean slope; chi has the mean square.",
    ),
    (
        check.leaky,
        (0.52, 1.92, 3.12, [-1, 1], 0.196, 0.637),
        "`he_factor`",
        FACTOR,
        "3.12",
        "that is the factor on the squared norm.",
    ),
    (
        check.leaky,
        (0.52, 1.92, 1.8, [-1, 1], 0.196, 0.637),
        "`he_factor`",
        FACTOR,
        "1.8",
        "30 layers have 29 steps between them.",
    ),
    (
        check.leaky,
        (0.52, 1.92, 1, [-1, 1], 0.196, 0.637),
        "`he_factor`",
        FACTOR,
        "1",
        "He's scale gives chi = 1 for ReLU, not here.",
    ),
    (
        check.leaky,
        (0.52, 1.92, 0.566, [-1, 1], 0.196, 0.637),
        "`he_factor`",
        FACTOR,
        "0.566",
        "chi is above 1 here: which way does the norm go?",
    ),
    (
        check.leaky,
        (0.52, 1.92, 3.24, [-1, 1], 0.196, 0.637),
        "`he_factor`",
        FACTOR,
        "3.24",
        "chi is c E f'^2; the norm changes by its root in each of 29 steps.",
    ),
    (
        check.leaky,
        (0.721, 1.92, 1.77, [-1, 1], 0.196, 0.637),
        "`mean_square_slope`",
        MEAN,
        "0.721",
        "that is the root of the mean square.",
    ),
    (
        check.leaky,
        (0.52, 1.92, 1.77, [1, 0], 0.196, 0.637),
        "`two_slopes`",
        "two numbers such as [0.5, 2]",
        "[0, 1]",
        "at a = 0 it is ReLU, which needs c = 2.",
    ),
    (
        check.leaky,
        (0.52, 1.92, 1.77, 1, 0.196, 0.637),
        "`two_slopes`",
        "two numbers such as [0.5, 2] of shape (2,)",
        "shape ()",
        "compare the two shapes, step by step.",
    ),
    (
        check.leaky,
        (0.52, 1.92, 1.77, [-1, 1], 0.318, 0.637),
        "`cosine`",
        COSINE,
        "0.318",
        "that is ReLU's, at a = 0.",
    ),
    (
        check.leaky,
        (0.52, 1.92, 1.77, [-1, 1], 0.204, 0.637),
        "`cosine`",
        COSINE,
        "0.204",
        "divide by 1 + a^2, so that an input has the cosine 1 with itself.",
    ),
    (
        check.leaky,
        (0.52, 1.92, 1.77, [-1, 1], 1, 0.637),
        "`cosine`",
        COSINE,
        "1",
        "a right angle has the cosine 0, so only the part with J is left.",
    ),
    (
        check.leaky,
        (0.52, 1.92, 1.77, [-1, 1], 0.245, 0.637),
        "`cosine`",
        COSINE,
        "0.245",
        "1 - a counts squared.",
    ),
    (
        check.leaky,
        (0.52, 1.92, 1.77, [-1, 1], 0.196, 0),
        "`cosine_other`",
        COSINE,
        "0",
        "that is the linear network, which changes no angle; take your other slope.",
    ),
    (
        check.leaky,
        (0.52, 1.92, 1.77, [-1, 1], 0.196, 0.318),
        "`cosine_other`",
        COSINE,
        "0.318",
        "that is ReLU's, at a = 0.",
    ),
    (
        check.leaky,
        (0.52, 1.92, 1.77, [-1, 1], 0.196, 1.273),
        "`cosine_other`",
        COSINE,
        "1.273",
        "divide by 1 + a^2, which is 2.",
    ),
    (
        check.double,
        (1, 1, 2),
        "`earlier`",
        DOUBLE,
        "1",
        "on its way back the gradient passes through the doubled matrix.",
    ),
    (
        check.double,
        (4, 1, 2),
        "`earlier`",
        DOUBLE,
        "4",
        "one factor of layer 15 is in the chain; its square is not.",
    ),
    (
        check.double,
        (2, 2, 2),
        "`itself`",
        DOUBLE,
        "2",
        "dy/dW of this layer contains all matrices but its own.",
    ),
    (
        check.double,
        (2, 0.5, 2),
        "`itself`",
        DOUBLE,
        "0.5",
        "the weights are larger; their gradient is made by the others.",
    ),
    (
        check.double,
        (2, 1, 1),
        "`later`",
        DOUBLE,
        "1",
        "delta is the same here, but the gradient of the weights is delta "
        "times the incoming activations.",
    ),
    (
        check.bump_chi,
        (chi(q_next, chi_of, layers=0),),
        "bump_chi(5)",
        "0.879658",
        "0.96225",
        "that is chi at q = 1; go through the layers first, until q rests.",
    ),
    (
        check.bump_chi,
        (chi(q_next, lambda c, q: chi_of(c, q) ** 0.5),),
        "bump_chi(5)",
        "0.879658",
        "0.937901",
        "that is the factor on the norm; chi is the one on its square.",
    ),
    (
        check.bump_chi,
        (chi(q_next, lambda c, q: chi_of(1, q)),),
        "bump_chi(5)",
        "0.879658",
        "0.175932",
        "the factor c is missing on the way back.",
    ),
    (
        check.bump_chi,
        (chi(lambda c, q: q_next(1, q), chi_of),),
        "bump_chi(5)",
        "0.879658",
        "0.933296",
        "the factor c is missing on the way forward.",
    ),
    (
        check.bump_chi,
        (chi(lambda c, q: c * mean(bump, q), chi_of),),
        "bump_chi(5)",
        "0.879658",
        "0.839931",
        "the forward map takes the mean square of the activations, not their "
        "mean.",
    ),
    (
        check.bump_chi,
        (chi(lambda c, q: c * mean(bump, q) ** 2, chi_of),),
        "bump_chi(5)",
        "0.879658",
        "0.913",
        "square the activations before you take their mean.",
    ),
    (
        check.bump_chi,
        (chi(q_next, lambda c, q: q),),
        "bump_chi(5)",
        "0.879658",
        "2.16553",
        "q = c E f(sqrt(q) Z)^2, a hundred times, then c E f'(sqrt(q) Z)^2.",
    ),
    (
        check.bump_scale,
        (1,),
        GRADIENT,
        ALIVE,
        "2e-11 times",
        "c = 1 suits slopes of 1; the bump's are all below 0.61.",
    ),
    (
        check.bump_scale,
        (2.0,),
        GRADIENT,
        ALIVE,
        "8e-07 times",
        "c = 2 is He's, for ReLU.",
    ),
    (
        check.bump_scale,
        (2.414,),
        GRADIENT,
        ALIVE,
        "1e-05 times",
        "that is the root of the scale, or q.",
    ),
    (
        check.bump_scale,
        (103,),
        GRADIENT,
        ALIVE,
        "5e+12 times",
        "the gradient explodes: chi is above 1.",
    ),
    (
        check.bump_scale,
        (4,),
        GRADIENT,
        ALIVE,
        "6e-03 times",
        "the gradient vanishes: chi is below 1.",
    ),
    (
        check.bump_scale,
        (-5.83,),
        "`bump_scale`",
        "a positive number below 1000",
        "-5.83",
        "c is n times a variance.",
    ),
    (
        check.square,
        (1 / 6, 4 / 3, 4 / 3),
        "`q_fixed`",
        "a mean square such as 0.75",
        "0.166667",
        "half of the pre-activations are negative and give 0.",
    ),
    (
        check.square,
        (1, 4 / 3, 4 / 3),
        "`q_fixed`",
        "a mean square such as 0.75",
        "1",
        "E z^4 is 3 q^2, not q^2: squares of a normal number vary.",
    ),
    (
        check.square,
        (0.33, 4 / 3, 4 / 3),
        "`q_fixed`",
        "a mean square such as 0.75",
        "0.33",
        "one digit more, or a fraction.",
    ),
    (
        check.square,
        (2 / 3, 4 / 3, 4 / 3),
        "`q_fixed`",
        "a mean square such as 0.75",
        "0.666667",
        "that is the place at c = 1.",
    ),
    (
        check.square,
        (1 / 3, 2 / 3, 4 / 3),
        "`chi_fixed`",
        SQUARE,
        "0.666667",
        "either c is missing, or the square of the 2 in the slope 2 z.",
    ),
    (
        check.square,
        (1 / 3, 1 / 3, 4 / 3),
        "`chi_fixed`",
        SQUARE,
        "0.333333",
        "the slope of z^2 is 2 z, and its square has a 4.",
    ),
    (
        check.square,
        (1 / 3, 1, 1),
        "`chi_fixed`",
        SQUARE,
        "1",
        "that would hold if f passed a factor on as it is, as ReLU does.",
    ),
    (
        check.square,
        (1 / 3, 4 / 3, 8 / 3),
        "`chi_double`",
        SQUARE,
        "2.66667",
        "c doubles, but the fixed point moves as well.",
    ),
    (
        check.overturned,
        (RELU, trained("silu", 2.0), CONTROL),
        "the function of `rival`",
        "'elu'",
        "'silu'",
        "the claim is about ELU: change its scale, not the function.",
    ),
    (
        check.overturned,
        (RELU, 0.93, CONTROL),
        "`rival`",
        "what train(...) returns",
        "0.93",
        "such as train('elu', 1 / 2, [0.1, 0.3, 1]).",
    ),
    (
        check.overturned,
        (RELU, trained("elu", 1.0, seeds=4), CONTROL),
        "the training of `rival`",
        "widths [32, 32, 10], seeds [0, 1, 2], 0 epochs",
        "widths [32, 32, 10], seeds [0, 1, 2, 3], 0 epochs",
        "as in `relu`: a comparison changes one thing.",
    ),
    (
        check.overturned,
        (RELU, trained("elu", 1.0, rates=[0.1]), CONTROL),
        "the rates of `rival`",
        "three or more",
        "[0.1]",
        "each contender needs a rate of its own, chosen from several.",
    ),
    (
        check.overturned,
        (RELU, trained("elu", 1.0, accuracy=(0.7, 0.8, 0.9)), CONTROL),
        "the best rate of `rival`",
        "one inside its grid",
        "0.4, the largest",
        "a better rate may lie beyond: extend the grid there.",
    ),
    (
        check.overturned,
        (
            RELU,
            trained("elu", 1.0, accuracy=(0.5, 0.6, 0.5), step=0.06),
            CONTROL,
        ),
        RATHER,
        ABOVE,
        "5 ± 3 points",
        "inside the noise of the seeds: nothing to claim yet.",
    ),
    (
        check.overturned,
        (RELU, trained("elu", 1 / 3, accuracy=(0.1, 0.3, 0.1)), CONTROL),
        RATHER,
        ABOVE,
        "-30 ± 0 points",
        "that is the scale ELU lost with; which one brings its chi to 1?",
    ),
    (
        check.overturned,
        (RELU, trained("elu", 0.1, accuracy=(0.1, 0.3, 0.1)), CONTROL),
        RATHER,
        ABOVE,
        "-30 ± 0 points",
        "which scale brings ELU's chi to 1, and which rates suit it?",
    ),
    (
        check.overturned,
        (RELU, RIVAL, trained("elu", 1 / 3)),
        "the function of `control`",
        "'relu'",
        "'elu'",
        "the control changes the scale alone: ReLU must stay.",
    ),
    (
        check.overturned,
        (RELU, RIVAL, RELU),
        "the weight scale of `control`",
        "the one ELU had, 1/3",
        "2",
        "ReLU is to start where ELU had to.",
    ),
    (
        check.overturned,
        (RELU, RIVAL, trained("relu", 1 / 3)),
        "the rates of `control`",
        "the largest at least ten times the smallest",
        "[0.1, 0.2, 0.4]",
        "what fails at one rate, or at three alike, has not failed.",
    ),
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
