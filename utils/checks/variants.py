"""Checkers for the exercises of chapter 8, the variants."""

import functools
import inspect
import re

import numpy as np

from utils.checks.answers import (
    array,
    call,
    choices,
    close,
    equals,
    fresh,
    hint_for,
    number,
    other_numbers,
)
from utils.checks.feedback import (
    Hint,
    NotAttempted,
    NotYet,
    attempted,
    checker,
    is_stub,
    need,
    shown,
    wrong,
)


@checker
def alive(grad_w, grad_a, a_next, grad_w_next):
    """Exercise 1: a dead unit whose slope is learnt."""
    attempted(
        grad_w=grad_w, grad_a=grad_a, a_next=a_next, grad_w_next=grad_w_next
    )
    what = "a number such as -1.5"
    z, x = np.array([-1.5, -2.25, -3.0]), np.array([1.0, 2.0, 3.0])
    error, later = -x / 4, -z / 4 - x / 4
    equals(
        grad_w,
        "grad_w",
        0,
        {
            Hint(
                "w linear",
                "that is the gradient of the linear unit: here each error "
                "is multiplied by the slope, which is 0.",
            ): (error * x).mean(),
        },
        Hint("w", "what is the slope of the function at z < 0 when a = 0?"),
        what,
    )
    equals(
        grad_a,
        "grad_a",
        1.25,
        {
            Hint(
                "a dead",
                "the unit is dead, but that does not touch its slope a: "
                "df/da is z for negative z, not a.",
            ): 0,
            Hint(
                "a sign",
                "the sign is wrong: z is negative and the errors are "
                "negative.",
            ): -1.25,
            Hint(
                "a sum",
                "that is the sum: the loss is a mean over three samples.",
            ): 3.75,
            Hint(
                "a factor 2",
                "the 1/2 of the loss cancels the 2 of the square's "
                "derivative.",
            ): 2.5,
            Hint("a x", "df/da is z = wx + b, not x."): (error * x).mean(),
        },
        Hint(
            "a",
            "for negative z the output is a z: what is its derivative "
            "with respect to a?",
        ),
        what,
    )
    equals(
        a_next,
        "a_next",
        -0.25,
        {
            Hint(
                "next up",
                "that goes up the gradient: the step is minus the rate "
                "times it.",
            ): 0.25,
            Hint(
                "next no rate",
                "that is the gradient alone: multiply it by the rate 0.2.",
            ): -1.25,
        },
        Hint(
            "next", "the new value is the old one minus rate times gradient."
        ),
        what,
    )
    equals(
        grad_w_next,
        "grad_w_next",
        -1 / 48,
        {
            Hint(
                "w_next no slope",
                "that leaves out the slope, which is now a_next.",
            ): (later * x).mean(),
            Hint(
                "w_next slope 0",
                "that still has a slope of 0, but the slope has moved.",
            ): 0,
            Hint(
                "w_next old errors",
                "the errors are no longer -x/4: the outputs have changed too.",
            ): -0.25 * (error * x).mean(),
            Hint(
                "w_next sign",
                "the sign is wrong: the slope is negative, the errors are "
                "not.",
            ): 1 / 48,
            Hint(
                "w_next sum",
                "that is the sum: the loss is a mean over three samples.",
            ): -1 / 16,
            Hint("w_next no x", "each error is also multiplied by its x."): (
                -0.25 * later
            ).mean(),
        },
        Hint(
            "w_next",
            "find the new outputs, then the new errors, then multiply "
            "by slope and x.",
        ),
        what,
        atol=5e-4,
    )
    return "the unit is shut, and its slope learns all the same."


@checker
def prelu(answer):
    """Exercise 2: PReLU as a module."""
    attempted(PReLU=answer)
    import torch
    from torch import nn

    if not (isinstance(answer, type) and issubclass(answer, nn.Module)):
        raise wrong(
            "`PReLU`",
            "a class derived from nn.Module",
            shown(answer),
            Hint("a class", "keep the line `class PReLU(nn.Module):`."),
        )
    if is_stub(inspect.getattr_static(answer, "forward", None)):
        raise NotAttempted("`PReLU.forward` has no code of yours yet.")
    module = call(answer, "PReLU", what="a module")
    need(
        not any(isinstance(part, nn.PReLU) for part in module.modules()),
        "`PReLU`",
        "a module of your own",
        "one that holds torch's nn.PReLU",
        Hint("torch's", "that one exists already: write it yourself."),
    )
    slopes = list(module.parameters())
    if [p.numel() for p in slopes] != [1]:
        held = any(isinstance(v, torch.Tensor) for v in vars(module).values())
        raise wrong(
            "PReLU().parameters()",
            "one parameter, one number",
            f"shapes {[tuple(p.shape) for p in slopes]}" if slopes else "none",
            Hint("one slope", "there is one slope for all units.")
            if slopes
            else Hint(
                "a tensor",
                "a tensor in self is not a parameter, even if it requires "
                "gradients: wrap it in nn.Parameter.",
            )
            if held
            else Hint(
                "no parameter",
                "the optimiser asks the module for its parameters, and a "
                "number in self is not one: use "
                "nn.Parameter(torch.tensor(start)).",
            ),
        )
    for start in 0.25, 0.5:
        made = call(answer, "PReLU", start, what="a module")
        value = next(made.parameters()).item()
        if not close(value, start):
            raise wrong(
                f"the slope of PReLU({start})",
                start,
                shown(value),
                Hint("start", "the slope starts at `start`."),
            )
    for slope in 0.25, -0.5, 2.0:
        where = _values(module.double(), slope, torch)
    wanted, got = -4.0, next(module.parameters()).grad
    if got is None or not close(got.item(), wanted):
        raise wrong(
            f"the gradient of the slope, {where}",
            shown(wanted),
            "none" if got is None else shown(got.item()),
            Hint(
                "detached",
                ".data, .detach(), .item() and float() take the slope out "
                "of the graph: use the parameter itself.",
            )
            if got is None
            else Hint(
                "gradient",
                "the gradient is the sum of min(0, x) times what arrives.",
            ),
        )
    rng = fresh()
    for _ in range(3):
        slope = float(rng.uniform(-3, 3))
        try:
            _values(module, slope, torch, rng.normal(size=6))
        except NotYet as told:
            raise other_numbers("PReLU", "something else") from told
    _batch(answer, nn)
    return "the slope is a parameter, any number, and gets its gradient."


def _values(module, slope, torch, z=(-2.0, -1.0, 0.0, 1.0, 3.0)):
    """Check the values at this slope, and leave its gradient."""
    (weight,) = module.parameters()
    weight.data.fill_(slope)
    weight.grad = None
    z = np.array(z)[:, None]
    x = torch.tensor(z)
    name = f"with the slope {shown(slope)}: module"
    where, what = f"{name}({shown(z)})", "a tensor like x"
    output = call(lambda _: module(x), name, z, what=what)
    if not isinstance(output, torch.Tensor) or output.shape != x.shape:
        raise wrong(
            where,
            what,
            f"a tensor of shape {tuple(output.shape)}"
            if isinstance(output, torch.Tensor)
            else shown(output),
            Hint(
                "a tensor back",
                "forward receives a tensor and returns one of the same shape.",
            ),
        )
    need(
        output.dtype == x.dtype,
        where,
        "a tensor of float64, like x",
        f"a tensor of {str(output.dtype).removeprefix('torch.')}",
        Hint("float32", "keep the type of x: leave .float() out."),
    )
    if not close(x.detach().numpy(), z):
        raise wrong(
            where,
            "the input left as it was",
            "an input that changed",
            Hint(
                "in place",
                "x[x < 0] = ... writes into the caller's tensor: use "
                "torch.where.",
            ),
        )
    got = output.detach().numpy() + 0.0  # no -0
    truth = np.where(z > 0, z, slope * z) + 0.0
    if not close(got, truth):
        raise wrong(
            where,
            shown(truth),
            shown(got),
            hint_for(
                {
                    Hint(
                        "larger",
                        "the larger of x and slope * x is PReLU only for slopes up "
                        "to 1.",
                    ): np.maximum(z, slope * z),
                    Hint(
                        "side", "the slope belongs to the negative side."
                    ): np.where(z < 0, z, slope * z),
                    Hint(
                        "cut at 0",
                        "the slope was cut off at 0, but it may become negative.",
                    ): np.where(z > 0, z, max(slope, 0) * z),
                    Hint(
                        "cut at 1",
                        "the slope was cut off at 1, but it may become larger.",
                    ): np.where(z > 0, z, min(slope, 1) * z),
                    Hint(
                        "slope's sign",
                        "the sign of the slope was lost, but it may become "
                        "negative.",
                    ): np.where(z > 0, z, abs(slope) * z),
                    Hint(
                        "abs x",
                        "where x is negative, multiply the slope by x, not by |x|.",
                    ): np.where(z > 0, z, -slope * z),
                    Hint(
                        "slope alone",
                        "that is the slope itself: multiply it by x.",
                    ): np.where(z > 0, z, slope),
                    Hint(
                        "added",
                        "slope times x is added on the positive side too.",
                    ): np.maximum(z, 0) + slope * z,
                    Hint(
                        "old slope",
                        "that uses the start, not the slope as it is now.",
                    ): np.where(z > 0, z, 0.25 * z),
                },
                Hint(
                    "prelu", "x where it is positive, slope times x elsewhere."
                ),
                lambda way: close(got, way),
            ),
        )
    if output.requires_grad:
        (output * torch.arange(1.0, 1 + len(z))[:, None]).sum().backward()
    return where


# What torch says of a module that cannot be trained in a batch -> a hint.
BATCH = {
    "buffers": Hint(
        "buffer",
        "the module may hold its parameter alone: make other tensors in "
        "forward, such as torch.zeros_like(x).",
    ),
    "control flow|item": Hint(
        "if",
        "`if` and float() ask for one number, and there are many networks: "
        "use torch.where.",
    ),
    "in-?place|dynamic|index_put|nonzero|mask": Hint(
        "mask",
        "all networks are trained as one batch, which cannot write into "
        "x[x < 0]: use torch.where.",
    ),
    "": Hint(
        "batch",
        "all networks are trained as one batch: use functions of whole "
        "tensors, such as torch.where.",
    ),
}


def _batch(answer, nn):
    """Check that the module can be trained in a batch of networks."""
    from utils import data, networks

    few = data.Dataset(*2 * (np.array([[-1.0], [1.0]]), np.array([0, 1])))
    try:
        networks.train_modules(
            lambda: nn.Sequential(answer(), nn.Linear(1, 2)),
            few,
            seeds=2,
            epochs=1,
        )
    except ValueError as error:
        said = str(error)
        raise wrong(
            "networks.train_modules with PReLU",
            "trained networks",
            "an error",
            next(h for look, h in BATCH.items() if re.search(look, said)),
        ) from None


@checker
def mirror(
    slope_at_zero, silu_from, swish4_from, hardswish_from, hardswish_to
):
    """Exercise 3: where a gated function is steeper than 1."""
    attempted(
        slope_at_zero=slope_at_zero,
        silu_from=silu_from,
        swish4_from=swish4_from,
        hardswish_from=hardswish_from,
        hardswish_to=hardswish_to,
    )
    near = {"atol": 0.005}
    equals(
        slope_at_zero,
        "slope_at_zero",
        1 / 2,
        {
            Hint(
                "zero minus",
                "the derivative of f(-x) is -f'(-x): two minus signs make "
                "a plus.",
            ): 0,
            Hint("zero 1", "f'(0) + f'(0) = 1, not f'(0) alone."): 1,
        },
        Hint("zero", "differentiate f(x) - f(-x) = x, and put in x = 0."),
        "a slope such as 0.9",
    )
    what = "a place on the x axis such as 0.9"
    equals(
        silu_from,
        "silu_from",
        1.278,
        {
            Hint(
                "silu steepest",
                "the slope is largest there, but it passed 1 before.",
            ): 2.399,
            Hint(
                "silu mirror",
                "that is where the slope is 0: give its mirror image.",
            ): -1.278,
            Hint(
                "silu 0", "SiLU's slope is 1/2 at 0: where has it risen to 1?"
            ): 0,
        },
        Hint(
            "silu",
            "the slope at x is above 1 where the slope at -x is below 0.",
        ),
        what,
        **near,
    )
    equals(
        swish4_from,
        "swish4_from",
        0.3195,
        {
            Hint(
                "swish stretched",
                "a larger beta squeezes the curve: 4x must be 1.278.",
            ): 4 * 1.278,
            Hint(
                "swish same",
                "the height of the largest slope is the same for every "
                "beta, but its place is not.",
            ): 1.278,
            Hint(
                "swish mirror",
                "that is where the slope is 0: give its mirror image.",
            ): -0.3195,
        },
        Hint(
            "swish", "by the chain rule the slope at x is SiLU's slope at 4x."
        ),
        what,
        **near,
    )
    equals(
        hardswish_from,
        "hardswish_from",
        1.5,
        {
            Hint(
                "from mirror",
                "that is where the slope is 0: give its mirror image.",
            ): -1.5,
        },
        Hint(
            "from",
            "where is (2x + 3)/6 below 0, and what is the mirror image?",
        ),
        what,
        **near,
    )
    equals(
        hardswish_to,
        "hardswish_to",
        3,
        {
            Hint(
                "to inf", "beyond 3 Hardswish is x itself: what slope is that?"
            ): np.inf,
        },
        Hint("to", "left of -3 the slope is 0, which is not below 0."),
        what,
        **near,
    )
    return "the slopes at x and -x always add up to 1."


PILED = Hint(
    "relu 1",
    "nothing pulls a ReLU network back: with He's "
    "initialisation every size is a fixed point.",
)
AFTER_DROPOUT = {
    "selu_20": (
        "1.5",
        {
            "1": Hint(
                "selu 1",
                "the fixed point attracts, but dropout disturbs every "
                "layer, and a layer undoes only part of that.",
            ),
            "1.1": Hint(
                "selu 1.1",
                "that is one dropout: what the layers do not undo is still "
                "there when the next one comes.",
            ),
            "7": Hint(
                "selu 7",
                "that piles up all nineteen, but each layer undoes some.",
            ),
        },
    ),
    "relu_20": (
        "7",
        {
            "1": PILED,
            "1.1": Hint(
                "relu 1.1",
                "that is one dropout, and there are nineteen, which "
                "nothing undoes: with He's initialisation every size is a "
                "fixed point.",
            ),
            "1.5": PILED,
        },
    ),
}


@checker
def dropout(selu_20, relu_20):
    """Exercise 4: predict what dropout does in twenty layers."""
    choices(
        AFTER_DROPOUT,
        selu_20=selu_20,
        relu_20=relu_20,
    )
    return "SELU settles at a new size, and ReLU piles up."


@checker
def relu_wins(rate):
    """Exercise 5: one rate for both, at which ReLU leads."""
    rate = _rate(rate, "relu_wins")
    lead = (_trained("relu", rate, 0) - _trained("silu", rate, 0)).mean()
    if lead < 10:
        raise wrong(
            "ReLU's lead at `relu_wins`",
            "10 points or more",
            f"{lead:.0f} points",
            Hint(
                "smaller",
                "such large steps do not harm SiLU more than ReLU: go the "
                "other way.",
            )
            if rate > 1 / 64
            else Hint(
                "too small",
                "neither has learnt much yet: the rate is too small.",
            )
            if _trained("relu", rate, 0).mean() < 75
            else Hint(
                "between", "both have learnt: at which rate has only one?"
            ),
        )
    return f"at this rate ReLU leads by {lead:.0f} points."


@checker
def own_rates(relu_rate, silu_rate, gaps):
    """Exercise 5: a rate for each function, and new seeds."""
    attempted(relu_rate=relu_rate, silu_rate=silu_rate, gaps=gaps)
    rates = {
        "relu": _rate(relu_rate, "relu_rate"),
        "silu": _rate(silu_rate, "silu_rate"),
    }
    what = "ten numbers, in points"
    gaps = array(gaps, "gaps", what, (10,))
    for name, rate in rates.items():
        here = _trained(name, rate, 0).mean()
        for other, word in (rate / 2, "half"), (2 * rate, "twice"):
            there = _trained(name, other, 0).mean()
            if there > here + 1:
                raise wrong(
                    f"`{name}_rate`",
                    "a rate better than its neighbours",
                    f"{here:.0f} % here, {there:.0f} % at {word} of it",
                    Hint(
                        "neighbours",
                        "carry on in this direction, until neither half nor twice "
                        "the rate is clearly better.",
                    ),
                )
    new, old = (
        [_trained(name, rate, seed) for name, rate in rates.items()]
        for seed in (10, 0)
    )
    truth = new[1] - new[0]
    if not close(gaps, truth, atol=0.01):
        raise wrong(
            "`gaps`",
            what,
            shown(gaps),
            hint_for(
                {
                    Hint(
                        "old seeds",
                        "these are the seeds that chose the rates: take 10 to 19.",
                    ): old[1] - old[0],
                    Hint(
                        "sign",
                        "the sign is wrong: take SiLU's accuracy minus ReLU's.",
                    ): -truth,
                    Hint(
                        "fractions",
                        "those are fractions: a point is one percent.",
                    ): truth / 100,
                    Hint(
                        "sorted",
                        "each seed is a pair, and sorting takes the pairs apart.",
                    ): np.sort(new[1]) - np.sort(new[0]),
                    Hint(
                        "one rate",
                        "both have SiLU's rate there, but each has its own.",
                    ): new[1] - _trained("relu", rates["silu"], 10),
                },
                Hint(
                    "gaps",
                    "accuracies(..., range(10, 20)) at each function's own "
                    "rate.",
                ),
                lambda way: close(gaps, way, atol=0.01),
            ),
        )
    return "each has its own rate, and the seeds are new."


def _rate(answer, name):
    what = "a learning rate such as 0.1"
    rate = number(answer, name, what)
    if not 1e-5 <= rate <= 5:
        raise wrong(
            f"`{name}`",
            what,
            shown(rate),
            Hint("rates", "rates worth trying lie between 0.0001 and 1."),
        )
    return rate


@functools.cache
def _trained(activation, rate, first_seed):
    """Return ten test accuracies in percent, as the exercise trains."""
    from utils import data, networks

    return (
        100
        * networks.train(
            data.spirals(),
            activation=activation,
            widths=(16, 16, 16),
            epochs=10,
            optimizer="adam",
            seeds=range(first_seed, first_seed + 10),
            learning_rates=rate,
        ).test_accuracy[-1, :, 0]
    )
