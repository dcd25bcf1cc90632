"""Checkers for the exercises of chapter 5, exploding gradients."""

import math

import numpy as np

from utils.checks.answers import (
    agrees,
    choices,
    close,
    equals,
    fresh,
    hint_for,
    other_numbers,
    readable,
    results,
)
from utils.checks.feedback import (
    Hint,
    NotYet,
    attempted,
    checker,
    need,
    shown,
    wrong,
)


@checker
def valley(largest_rate, factors, best_rate):
    """Exercise 1: rates for a loss with two curvatures."""
    attempted(largest_rate=largest_rate, factors=factors, best_rate=best_rate)
    rate = "a rate such as 0.25"
    equals(
        largest_rate,
        "largest_rate",
        2 / 25,
        {
            Hint(
                "limit flat",
                "that is the limit of the flat direction, but the steep "
                "one decides.",
            ): 2,
            Hint(
                "limit half",
                "at 1 / curvature a direction is done in one step: it "
                "takes twice that to diverge.",
            ): 1 / 25,
            Hint(
                "limit shared",
                "the directions do not share a curvature: each has its own "
                "limit.",
            ): 2 / 26,
        },
        Hint(
            "limit",
            "w_2 is multiplied by 1 - 25 rate: when is that between -1 and 1?",
        ),
        rate,
        rtol=1e-3,
    )
    pair = "two numbers such as [0.5, -2]"
    equals(
        factors,
        "factors",
        [0.9, -1.5],
        {
            Hint(
                "factors sign", "the signs count: w_2 jumps from side to side."
            ): [0.9, 1.5],
            Hint("factors order", "w_1 comes first."): [-1.5, 0.9],
            Hint(
                "factors changes",
                "those are the changes: a factor is 1 minus that.",
            ): [0.1, 2.5],
            Hint(
                "factors up",
                "the gradient is subtracted: 1 - rate * curvature.",
            ): [1.1, 3.5],
            Hint(
                "factors 12.5",
                "the gradient of 25 w^2 / 2 is 25 w, not 12.5 w.",
            ): [0.95, -0.25],
            Hint(
                "factors 50", "the gradient of 25 w^2 / 2 is 25 w, not 50 w."
            ): [0.8, -4],
        },
        Hint(
            "factors",
            "write down w - rate * gradient for each, and divide by w.",
        ),
        pair,
    )
    equals(
        best_rate,
        "best_rate",
        1 / 13,
        {
            Hint(
                "best steep",
                "that finishes the steep direction at once, but shrinks "
                "w_1 only by 24/25: a slightly larger rate is faster.",
            ): 1 / 25,
            Hint("best limit", "at the limit w_2 does not shrink at all."): 2
            / 25,
            Hint(
                "best mean",
                "the mean of the two limits is beyond the smaller one.",
            ): (2 + 2 / 25) / 2,
        },
        Hint(
            "best",
            "a larger rate helps w_1 and, from 1/25 on, harms w_2: "
            "when are both factors of the same size?",
        ),
        rate,
        rtol=3e-3,
    )
    return "the limit is the steep direction's, the best rate a compromise."


# Exercise 2.
GRADIENTS = [
    ([np.array([1.0, 2.0]), np.array([-2.0])], 1.5),
    ([np.array([0.3]), np.array([-0.4])], 1.0),
    ([np.array([[3.0, -4.0], [0.0, 0.0]]), np.array([12.0])], 6.5),
    ([np.array([0.0, 0.0]), np.array([0.0])], 1.0),
    ([np.array([3e200]), np.array([4e200])], 1.0),
    ([np.array([1e200])], 1.0),
    ([np.array([[2.0]]), np.array([3.0, 0.0]), np.array([6.0])], 3.5),
]


def _scaled(norm, least=1.0):
    """Return a way to clip that takes `norm` for the norm."""

    def way(gradients, max_norm):
        every = np.concatenate([g.ravel() for g in gradients])
        factor = np.float64(max_norm) / norm(every, gradients)
        return [g * min(least, factor) for g in gradients]

    return way


def _exact(every, _):
    return math.hypot(*every)


WAYS = {
    Hint(
        "overflow",
        "3e200 squared overflows: the norm became inf, and the "
        "step 0. Divide by the largest entry before you square.",
    ): _scaled(lambda every, _: np.sqrt(np.sum(every**2))),
    Hint(
        "elements",
        "that clips each element and changes the direction: scale "
        "all of them by one factor.",
    ): lambda gradients, m: [np.clip(g, -m, m) for g in gradients],
    Hint(
        "own norms",
        "each array has a norm of its own there: take one norm, of "
        "all arrays together.",
    ): lambda gradients, m: [_scaled(_exact)([g], m)[0] for g in gradients],
    Hint(
        "scaled up",
        "a gradient below the threshold stays as it is, and is not "
        "scaled up to it.",
    ): _scaled(_exact, math.inf),
    Hint(
        "no root", "that divides by the squared norm: a root is missing."
    ): _scaled(lambda every, _: every @ every),
    Hint(
        "largest", "that divides by the largest entry, which is not the norm."
    ): _scaled(lambda every, _: abs(every).max()),
    Hint(
        "sum of norms", "norms do not add up, but their squares do."
    ): _scaled(lambda _, gradients: sum(map(np.linalg.norm, gradients))),
    Hint(
        "sizes",
        "that divides by the sum of the absolute values: the norm "
        "is the root of the sum of squares.",
    ): _scaled(lambda every, _: abs(every).sum()),
    Hint(
        "norm 1", "that has norm 1: the norm should be max_norm."
    ): lambda gradients, _: _scaled(_exact)(gradients, 1.0),
    Hint(
        "unclipped", "its norm is above the threshold, so it has to shrink."
    ): lambda gradients, _: gradients,
}


def _other_gradients(rng):
    for size in 0.1, 100.0, 1e250:
        shapes = [(2, 3), (4,), (1, 2, 1), ()][: rng.integers(1, 5)]
        yield (
            [size * np.array(rng.normal(size=shape)) for shape in shapes],
            float(rng.uniform(2, 3)),
        )


@checker
def clip(answer):
    """Exercise 2: the norm of the whole gradient, clipped."""
    attempted(clip=answer)
    with np.errstate(all="ignore"):
        for gradients, max_norm in GRADIENTS:
            _clips(answer, gradients, max_norm)
        for gradients, max_norm in _other_gradients(fresh()):
            try:
                _clips(answer, gradients, max_norm)
            except NotYet as told:
                raise other_numbers("clip", "something else") from told
    return "one norm, one factor, and no overflow on the way."


def _clips(answer, gradients, max_norm):
    truth = _scaled(_exact)(gradients, max_norm)
    got = results(
        answer,
        "clip",
        gradients,
        max_norm,
        likes={f"array {n}": part for n, part in enumerate(truth, 1)},
    )
    if not all(map(close, got, truth)):
        if any(np.isnan(g).any() for g in got):
            hint = Hint(
                "nan",
                "nan comes from 0 / 0 or inf * 0: look for one of these.",
            )
        else:
            hint = hint_for(
                WAYS,
                Hint(
                    "clip",
                    "one norm over all arrays, and one factor, at most 1.",
                ),
                lambda way: all(map(close, got, way(gradients, max_norm))),
            )
        raise wrong(
            f"clip({shown(gradients)}, {shown(max_norm)})",
            shown(truth),
            shown(got),
            hint,
        )


@checker
def total(plain_factor, clipped_factor, small_factor):
    """Exercise 3: predict what a sum in place of a mean does to a step."""
    what = "a factor such as 1.5"
    readable(
        what,
        plain_factor=plain_factor,
        clipped_factor=clipped_factor,
        small_factor=small_factor,
    )
    equals(
        plain_factor,
        "plain_factor",
        32,
        {
            Hint(
                "plain 1",
                "a constant factor in the loss is one in the gradient too.",
            ): 1,
            Hint(
                "plain inverse",
                "the mean is the sum divided by 32, so the sum is larger.",
            ): 1 / 32,
            Hint(
                "plain root",
                "the gradients of the images are added, not their squares.",
            ): 32**0.5,
        },
        Hint(
            "plain",
            "the step is rate times gradient: by how much has it grown?",
        ),
        what,
    )
    equals(
        clipped_factor,
        "clipped_factor",
        1,
        {
            Hint(
                "clipped 32",
                "the norm grows from 2 to 64, and both are clipped to 1.",
            ): 32,
            Hint(
                "clipped 2", "the step was clipped before the mistake as well."
            ): 2,
            Hint(
                "clipped 64",
                "that is the gradient's new norm, which is clipped to 1.",
            ): 64,
            Hint(
                "clipped inverse",
                "it is clipped to the threshold, not below it.",
            ): 1 / 32,
        },
        Hint("clipped", "how long is the step before, and how long after?"),
        what,
    )
    equals(
        small_factor,
        "small_factor",
        5,
        {
            Hint(
                "small 6.4",
                "6.4 is the new norm, which is above the threshold.",
            ): 6.4,
            Hint("small 32", "the new norm, 6.4, is clipped to 1."): 32,
            Hint(
                "small 1",
                "a norm of 0.2 is below the threshold, so it was not "
                "clipped before.",
            ): 1,
            Hint("small inverse", "the step gets longer, not shorter."): 0.2,
        },
        Hint(
            "small",
            "which of the two steps is clipped, the one before or the "
            "one after?",
        ),
        what,
    )
    return "what is clipped before and after does not change."


# For each table of exercise 4: the cause, hints for the others, the step.
RECORDS = {
    "a": (
        "weight",
        {
            "image": Hint(
                "a image",
                "moved / norm is 1/8 in all rows but one: there something "
                "moved that the gradient did not move.",
            ),
            "rate": Hint(
                "a rate",
                "moved / norm is 1/8 in all rows but one, but a rate raised "
                "for good would keep it away from 1/8.",
            ),
        },
        3,
    ),
    "b": (
        "image",
        {
            "weight": Hint(
                "b weight",
                "moved / norm is 1/8 in every row: nothing but the gradient "
                "moved the weights.",
            ),
            "rate": Hint(
                "b rate",
                "moved / norm is 1/8 in every row, which is the old rate.",
            ),
        },
        2,
    ),
    "c": (
        "rate",
        {
            "image": Hint(
                "c image",
                "moved / norm leaves 1/8 and does not come back, but an image "
                "changes norm and moved alike.",
            ),
            "weight": Hint(
                "c weight",
                "moved / norm leaves 1/8 and does not come back, but a weight "
                "would be overwritten only once.",
            ),
        },
        4,
    ),
}


@checker
def patients(*answers):
    """Exercise 4: cause and onset of a, b and c, by their tables."""
    causes = dict(zip(RECORDS, answers[::2]))
    steps = dict(zip(RECORDS, answers[1::2]))
    for name in RECORDS:
        attempted(
            **{f"cause_{name}": causes[name], f"step_{name}": steps[name]}
        )
    for name, (truth, hints, step) in RECORDS.items():
        cause = f"cause_{name}"
        choices({cause: (truth, hints)}, **{cause: causes[name]})
        equals(
            steps[name],
            f"step_{name}",
            step,
            {
                Hint(
                    "row below",
                    "that row has the first conspicuous loss: what is odd in "
                    "the row above it?",
                ): step + 1,
            },
            Hint(
                "row",
                "divide moved by norm in each row, and look for the first "
                "jump in that or in the norm.",
            ),
            "the number of a row such as 1",
        )
    return "moved / norm tells what moved the weights."


# Exercise 5.
NORMS = np.array([[[2.0, 0.5]], [[0.2, 0.1]], [[4.0, 3.0]]])
RATES = np.array([1.0, 0.25])


def _lengths(norms, rates, max_norm):
    return (np.minimum(norms, max_norm) * rates).mean(axis=(0, 1))


@checker
def mean_length(answer):
    """Exercise 5: how long the steps are, clipped or not."""
    agrees(
        answer,
        "mean_length",
        _lengths,
        [
            (NORMS, RATES, 1.0),
            (NORMS, RATES, math.inf),
            (np.repeat(NORMS, 2, axis=1), RATES, 0.1),
        ],
        {
            Hint(
                "not clipped",
                "the norms are those before clipping: cut them at max_norm.",
            ): lambda n, r, m: _lengths(n, r, math.inf),
            Hint(
                "no rate",
                "the rate is missing: a step is rate times gradient.",
            ): lambda n, r, m: _lengths(n, 1, m),
            Hint(
                "all clipped",
                "steps below the threshold are not clipped, and are shorter.",
            ): lambda n, r, m: m * r,
            Hint(
                "order", "clip the gradient first, then multiply by the rate."
            ): lambda n, r, m: np.minimum(n * r, m).mean(axis=(0, 1)),
            Hint(
                "mean first", "cut each norm first, then average."
            ): lambda n, r, m: np.minimum(n.mean(axis=(0, 1)), m) * r,
            Hint("median", "that is the median."): lambda n, r, m: np.median(
                np.minimum(n, m) * r, axis=(0, 1)
            ),
            Hint(
                "sum",
                "that is the sum: divide by the number of steps and seeds.",
            ): lambda n, r, m: (np.minimum(n, m) * r).sum(axis=(0, 1)),
        },
        Hint(
            "length",
            "min(norm, max_norm) times the rate, then the mean over "
            "the first two axes.",
        ),
        "a length for each rate",
        lambda rng: [
            (
                rng.exponential(size=(6, 3, 4)),
                rng.uniform(0.1, 2, 4),
                float(rng.uniform(0.2, 0.45)),
            )
        ],
    )
    return "each norm cut first, then the rate, then the mean."


@checker
def control(clipped, answer):
    """Exercise 5: plain training with steps of the same length."""
    attempted(clipped=clipped, control=answer)
    if type(answer).__name__ != "TrainingResult":
        raise wrong(
            "`control`",
            "what train(rate) returns",
            shown(answer),
            Hint("a run", "an example is control = train(1 / 4)."),
        )
    if answer.gradient_norm.shape != clipped.gradient_norm.shape:
        raise wrong(
            "the steps, seeds and rates of `control`",
            shown(clipped.gradient_norm.shape),
            shown(answer.gradient_norm.shape),
            Hint("one rate", "use train(rate) as it is, with one rate."),
        )
    need(
        _setting(answer) == _setting(clipped),
        "the training of `control`",
        _setting(clipped),
        _setting(answer),
        Hint("setting", "a control differs in one thing only."),
    )
    target, length = (
        float(_lengths(r.gradient_norm, r.learning_rates, max_norm)[0])
        for r, max_norm in ((clipped, 0.1), (answer, math.inf))
    )
    need(
        0.9 < length / target < 1.1,
        "the mean length of a step of `control`",
        f"{0.9 * target:.2g} to {1.1 * target:.2g}",
        f"{length:.3g}",
        Hint(
            "too short",
            "the steps are too short: take a larger rate. The length grows "
            "with it, though not in proportion.",
        )
        if length < target
        else Hint(
            "too long",
            "the steps are too long: take a smaller rate. The length shrinks "
            "with it, though not in proportion.",
        ),
    )
    return "plain steps, as long as the clipped ones."


def _setting(result):
    widths = [weight.shape[-1] for weight in result.weights]
    return (
        f"widths {shown(widths)}, seeds {shown(result.seeds)}, "
        f"{len(result.train_loss)} epochs of {result.optimizer}"
    )
