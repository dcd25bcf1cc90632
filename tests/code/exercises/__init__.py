"""What the tests of the exercises share."""


def told(where, expected, got, hint):
    """Return the message of a checker to a wrong answer."""
    return (
        f"Not yet: {where}\n  expected  {expected}\n  got       {got}\n"
        f"  Hint: {hint}"
    )
