"""Answers to the exercises of chapter 5: wrong ones, and unusual right ones."""

import dataclasses
import functools
import math
import re

import numpy as np
import pytest
import scipy.linalg
import torch
from torch.nn import functional as F

from tests.code.exercises import digits, in_other_forms
from tools import notebooks, paths
from utils import networks
from utils.checks import exploding_gradients as check

PATIENTS = ("weight", 3, "image", 2, "rate", 4)


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
    return tuple((dict(zip(names, PATIENTS)) | changes).values())


@functools.cache
def trained(length, seeds=2, widths=(4,), **options):
    """Return a result whose three steps have this length at the rate 1."""
    result = networks.train(
        digits(),
        widths=widths,
        seeds=seeds,
        learning_rates=1.0,
        epochs=0,
        **options,
    )
    return dataclasses.replace(
        result, gradient_norm=np.full((3, seeds, 1), length)
    )


def itself_below(gradients, max_norm):
    """Return the arrays that came in where nothing is to be clipped."""
    norm = math.hypot(*np.concatenate([g.ravel() for g in gradients]))
    if norm <= max_norm:
        return gradients
    return [g * (max_norm / norm) for g in gradients]


def by_blas(gradients, max_norm):
    every = np.concatenate([g.ravel() for g in gradients])
    norm = scipy.linalg.blas.dnrm2(every)
    return tuple(
        g if norm <= max_norm else g / norm * max_norm for g in gradients
    )


def by_torch(gradients, max_norm):
    size = max(abs(g).max() for g in gradients) or 1.0
    parts = [torch.tensor(g / size) for g in gradients]
    norm = size * torch.cat([p.flatten() for p in parts]).norm().item()
    return [p * size * min(1, max_norm / norm if norm else 1) for p in parts]


def of_what_is_shown(gradients, max_norm):
    """Scale other arrays by a factor of their own."""
    if gradients[0].shape == (2, 3):
        return [0.9 * g for g in gradients]
    return itself_below(gradients, max_norm)


def of_two_arrays(gradients, max_norm):
    """Clip weights and biases, and nothing else."""
    weights, biases = gradients
    return itself_below([weights, biases], max_norm)


def of_the_first_two(gradients, max_norm):
    return itself_below(gradients[:2], max_norm) + gradients[2:]


def _length(norms, rates, max_norm, over=np.mean):
    return over(np.minimum(norms, max_norm) * rates, axis=(0, 1))


# checker, answers, the key of the hint
WRONG = [
    (check.valley, (2, [0.9, -1.5], 1 / 13), "limit flat"),
    (check.valley, (0.04, [0.9, -1.5], 1 / 13), "limit half"),
    (check.valley, (0.08, [0.9, 1.5], 1 / 13), "factors sign"),
    (check.valley, (0.08, [0.1, 2.5], 1 / 13), "factors changes"),
    (check.valley, (0.08, [-1.5, 0.9], 1 / 13), "factors order"),
    (check.valley, (0.08, [0.8, -4], 1 / 13), "factors 50"),
    (check.valley, (0.08, [0.9, -1.5], 0.04), "best steep"),
    (check.valley, (0.08, [0.9, -1.5], 0.08), "best limit"),
    (check.clip, (lambda gs, m: [np.clip(g, -m, m) for g in gs],), "elements"),
    (check.clip, (one_by_one,), "own norms"),
    (check.clip, (always,), "scaled up"),
    (check.clip, (scaled(lambda every: every @ every),), "no root"),
    (check.clip, (scaled(lambda every: abs(every).max()),), "largest"),
    (check.clip, (scaled(lambda every: abs(every).sum()),), "sizes"),
    (check.clip, (lambda gs, m: always(gs, 1.0),), "norm 1"),
    (check.clip, (lambda gs, m: gs,), "unclipped"),
    (check.clip, (no_zero,), "nan"),
    (check.clip, (scaled(np.linalg.norm),), "overflow"),
    (
        check.clip,
        (in_place,),
        "in place",
    ),
    (
        check.clip,
        (lambda gs, m: gs[0],),
        "order",
    ),
    (check.clip, (of_what_is_shown,), "other numbers"),
    (check.clip, (of_two_arrays,), "error"),
    (check.clip, (lambda gs, m: (g for g in itself_below(gs, m)),), "once"),
    (check.clip, (of_the_first_two,), "clip"),
    (check.total, (32**0.5, 1, 5), "plain root"),
    (check.total, (32, 64, 5), "clipped 64"),
    (check.total, (1, 1, 5), "plain 1"),
    (check.total, (1 / 32, 1, 5), "plain inverse"),
    (check.total, (32, 32, 5), "clipped 32"),
    (check.total, (32, 1, 1), "small 1"),
    (check.total, (32, 1, 32), "small 32"),
    (check.total, (32, 1, 6.4), "small 6.4"),
    (
        check.patients,
        instead(cause_a="image"),
        "a image",
    ),
    (
        check.patients,
        instead(cause_a="rate"),
        "a rate",
    ),
    (check.patients, instead(step_a=4), "row below"),
    (
        check.patients,
        instead(cause_b="rate"),
        "b rate",
    ),
    (check.patients, instead(step_b=3), "row below"),
    (
        check.patients,
        instead(cause_c="weight"),
        "c weight",
    ),
    (
        check.patients,
        instead(cause_c="image"),
        "c image",
    ),
    (
        check.patients,
        instead(cause_c="batch"),
        "an option",
    ),
    (
        check.mean_length,
        (lambda n, r, m: (n * r).mean(axis=(0, 1)),),
        "not clipped",
    ),
    (
        check.mean_length,
        (lambda n, r, m: np.minimum(n, m).mean(axis=(0, 1)),),
        "no rate",
    ),
    (check.mean_length, (lambda n, r, m: m * r,), "all clipped"),
    (
        check.mean_length,
        (lambda n, r, m: np.minimum(n * r, m).mean(axis=(0, 1)),),
        "order",
    ),
    (
        check.mean_length,
        (lambda n, r, m: np.minimum(n.mean(axis=(0, 1)), m) * r,),
        "mean first",
    ),
    (check.mean_length, (lambda n, r, m: _length(n, r, m, np.sum),), "sum"),
    (
        check.mean_length,
        (lambda n, r, m: _length(n, r, m, np.median),),
        "median",
    ),
    (
        check.mean_length,
        (lambda n, r, m: np.where(m < 0.5, 0.1 * r, _length(n, r, m)),),
        "other numbers",
    ),
    (
        check.control,
        (trained(2.0), trained(0.2)),
        "too long",
    ),
    (
        check.control,
        (trained(2.0), trained(math.nan)),
        "too long",
    ),
    (
        check.control,
        (trained(2.0), trained(0.0857)),
        "too short",
    ),
    (check.control, (trained(2.0), trained(0.1, seeds=3)), "one rate"),
    (check.control, (trained(2.0), 1 / 20), "a run"),
    (check.control, (trained(2.0), trained(2.0)), "too long"),
    (check.control, (trained(2.0), trained(0.1, widths=(5,))), "setting"),
    (check.control, (trained(2.0), trained(0.1, optimizer="adam")), "setting"),
]

# checker, answers
RIGHT = [
    *in_other_forms(check.valley, 2 / 25, [0.9, -1.5], 1 / 13),
    (check.clip, (itself_below,)),
    (check.clip, (by_blas,)),
    (check.clip, (by_torch,)),
    (check.clip, (lambda gs, m: [g * 1.0 for g in itself_below(gs, m)],)),
    *in_other_forms(check.total, 32, 1, 5),
    (check.patients, PATIENTS),
    (check.patients, ("Weight", 3.0, " image", np.int64(2), "RATE", 4)),
    (check.patients, ("weight.", [3], "'image'", torch.tensor(2), "rate", 4)),
    *in_other_forms(check.patients, *PATIENTS),
    (check.mean_length, (_length,)),
    (
        check.mean_length,
        (lambda n, r, m: _length(n, r, m)[None],),
    ),
    (
        check.mean_length,
        (
            lambda n, r, m: [
                np.clip(n[..., k], None, m).mean() * r[k]
                for k in range(len(r))
            ],
        ),
    ),
    (
        check.mean_length,
        (
            lambda n, r, m: (
                torch.tensor(n).clamp(max=m).mean(dim=(0, 1))
                * (torch.tensor(r))
            ),
        ),
    ),
    *(
        (check.control, (trained(2.0), trained(length)))
        for length in (0.0905, 0.1, 0.105, 0.1099)
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
    assert PATIENTS[2 * number : 2 * number + 2] == patient[1:]
