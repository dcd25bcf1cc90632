"""Answers to the exercises of chapter 4: wrong ones, and unusual right ones."""

import dataclasses

import numpy as np
import torch

from tests.code.exercises import but, digits, in_other_forms
from utils import networks
from utils.checks import vanishing_gradients as check

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


LEAKY = {
    "mean_square_slope": 0.52,
    "scale": 1 / 0.52,
    "he_factor": 1.04**14.5,
    "two_slopes": [-1, 1],
    "cosine": 0.64 / 1.04 / np.pi,
    "cosine_other": 2 / np.pi,
}


def of_what_is_shown(c):
    """Look the numbers of the messages up."""
    known = {
        5.0: chi(q_next, chi_of)(5.0),
        1.0: chi(q_next, chi_of)(1.0),
        20.0: chi(q_next, chi_of)(20.0),
        5.83: chi(q_next, chi_of)(5.83),
    }
    return np.interp(c, sorted(known), [known[k] for k in sorted(known)])


def by_hermite(c):
    """Integrate by Gauss and Hermite, in exact terms for the bump."""
    x, w = np.polynomial.hermite_e.hermegauss(150)
    w, q = w / w.sum(), 1.0
    for _ in range(200):
        q = c * (w @ np.exp(-q * x**2))
    return c * (w @ (q * x**2 * np.exp(-q * x**2)))


def in_closed_form(c):
    q = 1.0
    for _ in range(100):
        q = c / np.sqrt(1 + 2 * q)
    return c * q / (1 + 2 * q) ** 1.5


# checker, answers, the key of the hint
WRONG = [
    (check.leaky, (0.6, 1.92, 1.77, [-1, 1], 0.196, 0.637), "slope mean"),
    (check.leaky, (0.5, 1.92, 1.77, [-1, 1], 0.196, 0.637), "slope relu"),
    (check.leaky, but(LEAKY, cosine=0.19), "cosine"),
    (check.leaky, but(LEAKY, cosine_other=0.63), "other"),
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
    (check.leaky, (0.52, 1.92, 1.77, [-1, 1], 0.196, 0.318), "other relu"),
    (check.leaky, (0.52, 1.92, 1.77, [-1, 1], 0.196, 1.273), "other norm"),
    (check.double, (1, 1, 2), "earlier 1"),
    (check.double, (4, 1, 2), "earlier 4"),
    (check.double, (2, 2, 2), "itself 2"),
    (check.double, (2, 0.5, 2), "itself half"),
    (check.double, (2, 1, 1), "later 1"),
    (check.double, (2, 1, 4), "later 4"),
    (check.double, (0.5, 1, 2), "earlier"),
    (check.double, (2, 3, 2), "itself"),
    (check.bump_chi, (of_what_is_shown,), "other numbers"),
    (
        check.bump_chi,
        (
            chi(
                lambda c, q: (
                    c * mean(lambda z: (bump(z) - mean(bump, q)) ** 2, q)
                ),
                chi_of,
            ),
        ),
        "chi variance",
    ),
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
    (check.bump_chi, (chi(q_next, chi_of, layers=5),), "chi"),
    (check.bump_scale, (1,), "one"),
    (check.bump_scale, (2.0,), "he"),
    (check.bump_scale, (2.414,), "root"),
    (check.bump_scale, (103,), "explodes"),
    (check.bump_scale, (4,), "vanishes"),
    (check.bump_scale, (-5.83,), "positive"),
    (check.bump_scale, (np.inf,), "positive"),
    (check.bump_scale, ([5.83, 2.41],), "one number"),
    (check.square, (1 / 6, 4 / 3, 4 / 3), "q no half"),
    (check.square, (1, 4 / 3, 4 / 3), "q fourth"),
    (check.square, (0.33, 4 / 3, 4 / 3), "q rounded"),
    (check.square, (2 / 3, 4 / 3, 4 / 3), "q at 1"),
    (check.square, (1 / 3, 2 / 3, 4 / 3), "chi no c"),
    (check.square, (1 / 3, 1 / 3, 4 / 3), "chi no 4"),
    (check.square, (1 / 3, 1, 1), "chi 1"),
    (check.square, (1 / 3, 4 / 3, 8 / 3), "double c"),
    (check.square, (0, 4 / 3, 4 / 3), "q zero"),
    (check.square, (1 / 3, (4 / 3) ** 0.5, 4 / 3), "chi root"),
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
    # The best rate stands in the middle, and is the smallest.
    (
        check.overturned,
        (
            RELU,
            trained("elu", 1.0, (0.4, 0.1, 0.8), accuracy=(0.6, 0.8, 0.6)),
            CONTROL,
        ),
        "rival edge",
    ),
    (
        check.overturned,
        (RELU, RIVAL, trained("relu", 1 / 3, (0.1, 1))),
        "three rates",
    ),
]

# checker, answers
RIGHT = [
    *in_other_forms(check.leaky, *LEAKY.values()),
    (check.leaky, (0.52, 1.92, 1.77, {-1, 1}, 0.2, 0.64)),
    (check.leaky, but(LEAKY, two_slopes=np.roots([1, 0, -1]))),
    (check.leaky, but(LEAKY, two_slopes=(1, -1.0 + 0j))),
    (check.leaky, (0.52, 1.92, 1.77, [1, -1], 0.2, 0.64)),
    *in_other_forms(check.double, 2, 1, 2),
    (check.bump_chi, (chi(q_next, chi_of),)),
    (check.bump_chi, (chi(q_next, chi_of, layers=300),)),
    (check.bump_chi, (by_hermite,)),
    (check.bump_chi, (lambda c: [by_hermite(c)],)),
    (check.bump_chi, (in_closed_form,)),
    (check.bump_chi, (lambda c: [in_closed_form(c)][0].astype(object),)),
    *in_other_forms(check.bump_scale, 5.83),
    (check.bump_scale, (6,)),
    *in_other_forms(check.square, 1 / 3, 4 / 3, 4 / 3),
    (check.overturned, (RELU, RIVAL, CONTROL)),
    # The order of the rates is free.
    (
        check.overturned,
        (
            RELU,
            trained("elu", 1.0, (0.1, 0.4, 0.025), accuracy=(0.8, 0.6, 0.6)),
            trained("relu", 1 / 3, (10, 0.1, 1)),
        ),
    ),
    (
        check.overturned,
        (
            RELU,
            trained(
                "elu", 0.8, (0.01, 0.1, 0.3, 1), accuracy=(0.1, 0.7, 0.8, 0.3)
            ),
            CONTROL,
        ),
    ),
    (
        check.overturned,
        (
            RELU,
            trained(torch.nn.ELU(), 1.0, accuracy=(0.6, 0.8, 0.6)),
            CONTROL,
        ),
    ),
]
