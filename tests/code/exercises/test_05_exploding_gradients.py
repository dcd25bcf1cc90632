"""Wrong answers to the exercises of chapter 5, and what each is told."""

import dataclasses
import functools
import math
import re

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from tests.code.exercises import digits
from tools import notebooks, paths
from utils import networks
from utils.checks import exploding_gradients as check

RATE, FACTOR = "a rate such as 0.25", "a factor such as 1.5"
PAIR = "two numbers such as [0.5, -2]"
CLIP = "clip([[1, 2], [-2]], 1.5)"
FITS, ROW = "the cause that fits all rows", "the number of a row such as 1"
RIGHT = ("weight", 3, "image", 2, "rate", 4)
ROW_ABOVE = (
    "that row has the first conspicuous loss; what is odd in the row above it?"
)
LENGTH = "mean_length([[[2, 0.5]], [[0.2, 0.1]], [[4, 3]]], [1, 0.25], {})"


def scaled(norm):
    """Return an answer that takes `norm` of all entries for the norm."""

    def answer(gradients, max_norm):
        every = np.concatenate([g.ravel() for g in gradients])
        factor = min(1, max_norm / max(norm(every), 1e-300))
        return [g * factor for g in gradients]

    return answer


def always(gradients, max_norm):
    norm = np.sqrt(sum((g**2).sum() for g in gradients))
    return [g * max_norm / norm for g in gradients]


def in_place(gradients, max_norm):
    factor = min(1, max_norm / math.hypot(*(g.max() for g in gradients)))
    for g in gradients:
        g *= factor
    return gradients


def no_zero(gradients, max_norm):
    largest = max(abs(g).max() for g in gradients)
    norm = largest * np.sqrt(
        sum(((g / largest) ** 2).sum() for g in gradients)
    )
    return [g * np.minimum(1, max_norm / norm) for g in gradients]


def one_by_one(gradients, max_norm):
    return [g * min(1, max_norm / np.linalg.norm(g)) for g in gradients]


def instead(**changes):
    """Return the right answers to `patients`, some of them changed."""
    names = ("cause_a", "step_a", "cause_b", "step_b", "cause_c", "step_c")
    return tuple((dict(zip(names, RIGHT)) | changes).values())


@functools.cache
def trained(length, seeds=2):
    """Return a result whose three steps have this length at the rate 1."""
    result = networks.train(
        digits(), widths=(4,), seeds=seeds, learning_rates=1.0, epochs=0
    )
    return dataclasses.replace(
        result, gradient_norm=np.full((3, seeds, 1), length)
    )


def test_steps_of_the_same_length_are_right():
    assert check.control(trained(2.0), trained(0.105))


def test_gradient_below_the_threshold_may_come_back_itself():
    def clip(gradients, max_norm):
        norm = math.hypot(*np.concatenate([g.ravel() for g in gradients]))
        if norm <= max_norm:
            return gradients
        return [g * (max_norm / norm) for g in gradients]

    assert check.clip(clip)


# checker, answers, where it goes wrong, what is expected, what came, hint
WRONG = [
    (
        check.valley,
        (2, [0.9, -1.5], 1 / 13),
        "`largest_rate`",
        RATE,
        "2",
        "that is the limit of the flat direction; the steep one decides.",
    ),
    (
        check.valley,
        (0.04, [0.9, -1.5], 1 / 13),
        "`largest_rate`",
        RATE,
        "0.04",
        "at 1 / curvature a direction is done in one step; it takes "
        "twice that to diverge.",
    ),
    (
        check.valley,
        (0.08, [0.9, 1.5], 1 / 13),
        "`factors`",
        PAIR,
        "[0.9, 1.5]",
        "the signs count: w_2 jumps from side to side.",
    ),
    (
        check.valley,
        (0.08, [0.1, 2.5], 1 / 13),
        "`factors`",
        PAIR,
        "[0.1, 2.5]",
        "those are the changes; a factor is 1 minus that.",
    ),
    (
        check.valley,
        (0.08, [-1.5, 0.9], 1 / 13),
        "`factors`",
        PAIR,
        "[-1.5, 0.9]",
        "w_1 comes first.",
    ),
    (
        check.valley,
        (0.08, [0.8, -4], 1 / 13),
        "`factors`",
        PAIR,
        "[0.8, -4]",
        "the gradient of 25 w^2 / 2 is 25 w, not 50 w.",
    ),
    (
        check.valley,
        (0.08, [0.9, -1.5], 0.04),
        "`best_rate`",
        RATE,
        "0.04",
        "that ends the steep direction at once, and w_1 shrinks by 24/25 only: "
        "a little more is faster.",
    ),
    (
        check.valley,
        (0.08, [0.9, -1.5], 0.08),
        "`best_rate`",
        RATE,
        "0.08",
        "at the limit w_2 does not shrink at all.",
    ),
    (
        check.clip,
        (lambda gs, m: [np.clip(g, -m, m) for g in gs],),
        CLIP,
        "[[0.5, 1], [-1]]",
        "[[1, 1.5], [-1.5]]",
        "that cuts each element and "
        "changes the direction; scale all of them by one factor.",
    ),
    (
        check.clip,
        (one_by_one,),
        CLIP,
        "[[0.5, 1], [-1]]",
        "[[0.67082, 1.34164], [-1.5]]",
        "each array has its own norm there; the "
        "norm is that of all arrays together.",
    ),
    (
        check.clip,
        (always,),
        "clip([[0.3], [-0.4]], 1)",
        "[[0.3], [-0.4]]",
        "[[0.6], [-0.8]]",
        "a gradient below the threshold stays as it is, not scaled up to it.",
    ),
    (
        check.clip,
        (scaled(lambda every: every @ every),),
        CLIP,
        "[[0.5, 1], [-1]]",
        "[[0.166667, 0.333333], [-0.333333]]",
        "that divides by the squared norm: a root is missing.",
    ),
    (
        check.clip,
        (scaled(lambda every: abs(every).max()),),
        CLIP,
        "[[0.5, 1], [-1]]",
        "[[0.75, 1.5], [-1.5]]",
        "that divides by the largest entry, which is not the norm.",
    ),
    (
        check.clip,
        (scaled(lambda every: abs(every).sum()),),
        CLIP,
        "[[0.5, 1], [-1]]",
        "[[0.3, 0.6], [-0.6]]",
        "that divides by the sum of "
        "the entries' sizes; the norm is the root of the sum of squares.",
    ),
    (
        check.clip,
        (lambda gs, m: always(gs, 1.0),),
        CLIP,
        "[[0.5, 1], [-1]]",
        "[[0.333333, 0.666667], [-0.666667]]",
        "that has the norm 1; the norm should be max_norm.",
    ),
    (
        check.clip,
        (lambda gs, m: gs,),
        CLIP,
        "[[0.5, 1], [-1]]",
        "[[1, 2], [-2]]",
        "its norm is above the threshold, so it has to become smaller.",
    ),
    (
        check.clip,
        (no_zero,),
        "clip([[0, 0], [0]], 1)",
        "[[0, 0], [0]]",
        "[[nan, nan], [nan]]",
        "nan comes from 0 / 0 and from inf * 0: look for these.",
    ),
    (
        check.clip,
        (scaled(np.linalg.norm),),
        "clip([[3e+200], [4e+200]], 1)",
        "[[0.6], [0.8]]",
        "[[0], [0]]",
        "3e200 squared overflows: the norm "
        "became inf, and the step 0. Divide by the largest entry before you "
        "square.",
    ),
    (
        check.clip,
        (in_place,),
        CLIP,
        "the input left as it was",
        "an input that changed",
        "work on a copy: x *= 2 and x[x < 0] = 0 write into what they were "
        "given.",
    ),
    (
        check.clip,
        (lambda gs, m: gs[0],),
        CLIP,
        "2 arrays: first, second",
        "[1, 2]",
        "return first, second, in this order.",
    ),
    (
        check.total,
        (1, 1, 5),
        "`plain_factor`",
        FACTOR,
        "1",
        "a constant factor in the loss is one in the gradient, too.",
    ),
    (
        check.total,
        (1 / 32, 1, 5),
        "`plain_factor`",
        FACTOR,
        "0.03125",
        "the mean is the sum divided by 32, so the sum is larger.",
    ),
    (
        check.total,
        (32, 32, 5),
        "`clipped_factor`",
        FACTOR,
        "32",
        "the norm grows from 2 to 64, and both are cut to 1.",
    ),
    (
        check.total,
        (32, 1, 1),
        "`small_factor`",
        FACTOR,
        "1",
        "a norm of 0.2 was below the threshold, so it was not cut before.",
    ),
    (
        check.total,
        (32, 1, 32),
        "`small_factor`",
        FACTOR,
        "32",
        "the new norm, 6.4, is cut to 1.",
    ),
    (
        check.total,
        (32, 1, 6.4),
        "`small_factor`",
        FACTOR,
        "6.4",
        "6.4 is the new norm, and that is above the threshold.",
    ),
    (
        check.patients,
        instead(cause_a="image"),
        "`cause_a`",
        FITS,
        "'image'",
        "moved / norm is 1/8 in all rows but one: there something moved that "
        "the gradient did not.",
    ),
    (
        check.patients,
        instead(cause_a="rate"),
        "`cause_a`",
        FITS,
        "'rate'",
        "moved / norm is 1/8 in all rows but one; a rate raised for good would "
        "keep it away.",
    ),
    (check.patients, instead(step_a=4), "`step_a`", ROW, "4", ROW_ABOVE),
    (
        check.patients,
        instead(cause_b="rate"),
        "`cause_b`",
        FITS,
        "'rate'",
        "moved / norm is 1/8 in every row, which is the old rate.",
    ),
    (check.patients, instead(step_b=3), "`step_b`", ROW, "3", ROW_ABOVE),
    (
        check.patients,
        instead(cause_c="weight"),
        "`cause_c`",
        FITS,
        "'weight'",
        "moved / norm leaves 1/8 and does not come back; one weight "
        "would be overwritten once.",
    ),
    (
        check.patients,
        instead(cause_c="image"),
        "`cause_c`",
        FITS,
        "'image'",
        "moved / norm leaves 1/8 and does not come back; an image changes norm "
        "and moved alike.",
    ),
    (
        check.patients,
        instead(cause_c="batch"),
        "`cause_c` is none of the options.",
        "'image' or 'rate' or 'weight'",
        "'batch'",
        "copy the option that you mean.",
    ),
    (
        check.mean_length,
        (lambda n, r, m: (n * r).mean(axis=(0, 1)),),
        LENGTH.format(1),
        "[0.733333, 0.133333]",
        "[2.06667, 0.3]",
        "norms are those before clipping: cut them at max_norm.",
    ),
    (
        check.mean_length,
        (lambda n, r, m: np.minimum(n, m).mean(axis=(0, 1)),),
        LENGTH.format(1),
        "[0.733333, 0.133333]",
        "[0.733333, 0.533333]",
        "the rate is missing: a step is rate times gradient.",
    ),
    (
        check.mean_length,
        (lambda n, r, m: m * r,),
        LENGTH.format(1),
        "[0.733333, 0.133333]",
        "[1, 0.25]",
        "steps below the threshold are not clipped, and shorter.",
    ),
    (
        check.mean_length,
        (lambda n, r, m: np.minimum(n * r, m).mean(axis=(0, 1)),),
        LENGTH.format(1),
        "[0.733333, 0.133333]",
        "[0.733333, 0.3]",
        "clip the "
        "gradient, then multiply by the rate; not the other way round.",
    ),
    (
        check.mean_length,
        (lambda n, r, m: np.minimum(n.mean(axis=(0, 1)), m) * r,),
        LENGTH.format(1),
        "[0.733333, 0.133333]",
        "[1, 0.25]",
        "cut each norm first, then take the mean.",
    ),
    (
        check.control,
        (trained(2.0), trained(0.2)),
        "the mean length of a step of `control`",
        "0.09 to 0.11",
        "0.2",
        "the steps are too long: take another rate; the length grows with it, "
        "if not in proportion.",
    ),
    (
        check.control,
        (trained(2.0), trained(math.nan)),
        "the mean length of a step of `control`",
        "0.09 to 0.11",
        "nan",
        "the steps are too long: take another rate; the length grows with it, "
        "if not in proportion.",
    ),
    (
        check.control,
        (trained(2.0), trained(0.0857)),
        "the mean length of a step of `control`",
        "0.09 to 0.11",
        "0.0857",
        "the steps are too short: take another rate; the length grows with it, "
        "if not in proportion.",
    ),
    (
        check.control,
        (trained(2.0), trained(0.1, seeds=3)),
        "the steps, seeds and rates of `control`",
        "[3, 2, 1]",
        "[3, 3, 1]",
        "use train(rate) as it is, with one rate.",
    ),
    (
        check.control,
        (trained(2.0), 1 / 20),
        "`control`",
        "what train(rate) returns",
        "0.05",
        "such as control = train(1 / 4).",
    ),
]


# --- the tables of exercise 4 ---


def record(seed, fault, at, steps=7):
    """Train with a fault in one step; return loss, norm and moved."""
    images, flat = digits(), torch.nn.utils.parameters_to_vector
    net = networks.train(
        images,
        activation="relu",
        widths=(16,) * 3,
        weight_init=2.0,
        bias_init=0.0,
        learning_rates=1 / 8,
        epochs=1,
        seeds=5,
    ).network(seed, 1 / 8)
    rate, rows = 1 / 8, []
    for step in range(steps):
        part = slice(32 * step, 32 * step + 32)
        x = torch.tensor(images.x_train[part])
        y = torch.tensor(images.y_train[part])
        before = flat(net.parameters()).detach()
        if step == at and fault == "image":
            # The first that is not recognised when misread.
            x[(net(1000 * x).argmax(1) != y).nonzero()[0]] *= 1000
        if step == at and fault == "rate":
            rate *= 16
        loss = F.cross_entropy(net(x), y)
        gradient = flat(torch.autograd.grad(loss, [*net.parameters()]))
        with torch.no_grad():
            torch.nn.utils.vector_to_parameters(
                before - rate * gradient, net.parameters()
            )
            if step == at and fault == "weight":
                net[4].weight[3, 2] *= -64
        moved = flat(net.parameters()).detach() - before
        rows.append(
            [step, loss.item(), gradient.norm().item(), moved.norm().item()]
        )
    return rows


@pytest.mark.parametrize(
    ("number", "patient"),
    [(0, (0, "weight", 3)), (1, (3, "image", 2)), (2, (4, "rate", 4))],
)
def test_table_is_what_was_recorded(number, patient):
    nb = notebooks.read(paths.SOLUTIONS / "05_exploding_gradients.ipynb")
    (text,) = (c.source for c in nb.cells if c.id == "patients")
    rows = re.findall(r"^\| (\d.*) \|$", text, re.MULTILINE)
    table = [[float(entry) for entry in row.split("|")] for row in rows]
    np.testing.assert_allclose(
        table[7 * number : 7 * number + 7], record(*patient), rtol=0.06
    )
    assert RIGHT[2 * number : 2 * number + 2] == patient[1:]
