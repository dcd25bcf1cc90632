"""What the checkers of torch's modules share; torch itself is not needed."""

import numpy as np

from utils.checks.answers import call, close, hint_for
from utils.checks.feedback import Hint, need, shown, wrong


def in_float64(where, module, maker):
    """Insist on a torch module in float64, as what it was made from.

    Parameters
    ----------
    where : str
        The call that gave it, for the feedback.
    module : Module
        The student's.
    maker : str
        What makes float32, such as "nn.Linear".

    Raises
    ------
    NotYet
        If a parameter has another type.
    """
    kinds = {str(p.dtype).removeprefix("torch.") for p in module.parameters()}
    need(
        kinds == {"float64"},
        f"the parameters of {where}",
        "float64, as before",
        " and ".join(sorted(kinds)),
        Hint("float32", f"{maker}(...) makes float32: end with .double()."),
    )


def has_shapes(where, module, wanted, ways, hint):
    """Insist on the shapes of a module's parameters.

    Parameters
    ----------
    where, module
        As for `in_float64`.
    wanted : list of tuple
    ways : dict
        Hint -> the shapes to which a mistake leads.
    hint : Hint
        For all others.
    """
    shapes = [tuple(p.shape) for p in module.parameters()]
    need(
        shapes == wanted,
        f"the parameters of {where}",
        shown(wanted),
        shown(shapes),
        hint_for(ways, hint, shapes.__eq__),
    )


def puts_out(where, module, x, truth, ways, hint, shape_hint):
    """Insist on what a module puts out.

    Parameters
    ----------
    where, module
        As for `in_float64`.
    x : Tensor
        What it gets.
    truth : array
    ways : dict
        Hint -> what a mistake puts out.
    hint, shape_hint : Hint
        For all others, and for another shape.
    """
    got = call(
        lambda x: module(x).detach().numpy(),
        "the small network",
        x,
        what="an output",
    )
    need(
        got.shape == truth.shape,
        f"the output of {where}",
        f"shape {truth.shape}",
        f"shape {got.shape}",
        shape_hint,
    )
    if not close(got, truth):
        at = np.abs(got - truth).argmax()
        raise wrong(
            f"a number of the output of {where}",
            shown(truth.flat[at]),
            shown(got.flat[at]),
            hint_for(ways, hint, lambda way: close(got, way)),
        )
