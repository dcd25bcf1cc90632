"""Checks of arguments, whose errors say what was given and what is wanted."""

from numbers import Integral, Real

import numpy as np


def choice(name, value, known):
    """Return what `value` names in the mapping `known`."""
    if not isinstance(value, str) or value not in known:
        raise ValueError(
            f"{name} must be one of {', '.join(known)}, got {value!r}"
        )
    return known[value]


def instance(name, value, kind, wanted):
    """Insist on an object of the class `kind`; `wanted` says what is."""
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be {wanted}, got {type(value).__name__}")


def listed(values):
    """Return one value or several as a list."""
    return np.atleast_1d(values).tolist()


def several(name, values, check):
    """Return one or more different numbers as a tuple, each checked."""
    values = tuple(check(name, value) for value in listed(values))
    if not values or len(set(values)) < len(values):
        raise ValueError(
            f"{name} must be one or more different numbers, got {list(values)}"
        )
    return values


def whole(name, value, low=0):
    """Return a whole number of at least `low`."""
    if type(value) is bool or not isinstance(value, Integral) or value < low:
        raise ValueError(
            f"{name} must be whole, at least {low}, such as "
            f"{low + 1}, got {value!r}"
        )
    return int(value)


def positive(name, value):
    """Return a positive, finite number."""
    number = isinstance(value, Real) and type(value) is not bool
    if not number or not 0 < value < np.inf:
        raise ValueError(
            f"{name} must be positive and finite, such as 0.1, got {value!r}"
        )
    return float(value)
