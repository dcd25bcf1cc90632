"""What the tests of the exercises share."""

import functools

from utils import data

# The tables of wrong answers ask for them dozens of times.
digits = functools.cache(data.digits)


def told(where, expected, got, hint):
    """Return the message of a checker to a wrong answer."""
    return (
        f"Not yet: {where}\n  expected  {expected}\n  got       {got}\n"
        f"  Hint: {hint}"
    )
