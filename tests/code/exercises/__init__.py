"""What the tests of the exercises share."""

import decimal
import fractions
import functools

import numpy as np
import sympy
import torch

from utils import data

# The tables of wrong answers ask for them dozens of times.
digits = functools.cache(data.digits)

FORMS = {
    "fraction": lambda x: fractions.Fraction(x).limit_denominator(10**9),
    "decimal": lambda x: decimal.Decimal(repr(x)),
    "sympy": lambda x: sympy.nsimplify(x, tolerance=1e-12),
    "float32": np.float32,
    "array": np.array,
    "tensor": torch.tensor,
    "only entry": lambda x: [x],
}


def in_other_forms(checker, *answers, leave_out=()):
    """Return rows of RIGHT: the answers with their numbers in other forms."""

    def formed(form, answer):
        if isinstance(answer, (list, tuple)):
            parts = [formed(form, part) for part in answer]
            # A list of single entries is a column.
            return type(answer)(parts)
        return form(float(answer)) if not isinstance(answer, str) else answer

    return [
        (checker, tuple(formed(form, answer) for answer in answers))
        for name, form in FORMS.items()
        if name not in leave_out
    ]


def but(answers, **changed):
    """Return the values of the dict `answers`, with some of them changed."""
    assert changed.keys() <= answers.keys()
    return tuple((answers | changed).values())
