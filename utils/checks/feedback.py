"""What a checker says: right, not yet and why, or not attempted."""

import dis
import functools
import types
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Feedback:
    """What a checker says of an answer; true if the answer is right.

    Attributes
    ----------
    state : str
        ``"right"``, ``"not yet"`` or ``"not attempted"``.
    message : str
        The same and, below it, the reason or the hint.
    """

    state: str
    message: str

    def __bool__(self):
        return self.state == "right"

    def __repr__(self):
        return self.message

    @property
    def attempted(self):
        """Whether there was an answer, right or wrong."""
        return self.state != "not attempted"


class NotYet(Exception):
    """The answer is wrong; the text says where, and hints at the reason."""


class NotAttempted(Exception):
    """There is no answer; the text says where it belongs."""


def checker(check):
    """Turn `check`, which returns a line or raises, into a checker.

    Parameters
    ----------
    check : function
        Takes the answers. Returns one line of praise that says what was
        right, or raises NotAttempted or NotYet.

    Returns
    -------
    function
        Takes the same answers, returns a Feedback and never raises.
    """

    @functools.wraps(check)
    def checked(*answers):
        try:
            return Feedback("right", "Right: " + check(*answers))
        except NotAttempted as told:
            return Feedback("not attempted", f"Not attempted: {told}")
        except NotYet as told:
            return Feedback("not yet", f"Not yet: {told}")
        except Exception as error:
            # An answer can be an object that raises wherever it is touched.
            return Feedback(
                "not yet",
                "Not yet: this answer cannot be read; looking at it raised "
                f"{type(error).__name__}.",
            )

    return checked


def shown(value):
    """Return `value` as a short text, the same in every run.

    >>> shown(np.array([0.1 + 0.2, -1]))
    '[0.3, -1]'
    """
    if value is None or value is ... or isinstance(value, (bool, np.bool_)):
        return str(value)
    if isinstance(value, str):
        return repr(value if len(value) <= 30 else value[:27] + "...")
    if isinstance(value, (int, float, np.integer, np.floating)):
        return f"{value:.6g}"
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        if value.ndim == 0:
            return shown(value.item())
        parts = [shown(part) for part in value[:8]]
        return f"[{', '.join(parts + ['...'] * (len(value) > 8))}]"
    if isinstance(value, (list, tuple)):
        parts = [shown(part) for part in value[:8]]
        return f"[{', '.join(parts + ['...'] * (len(value) > 8))}]"
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def wrong(where, expected, got, hint):
    """Return a NotYet: where it went wrong, what was expected, what came."""
    return NotYet(
        f"{where}\n  expected  {expected}\n  got       {got}\n  Hint: {hint}"
    )


# --- what was not attempted ---


def attempted(**answers):
    """Raise NotAttempted if an answer is still `...` or an empty function."""
    for name, answer in answers.items():
        if answer is ...:
            raise NotAttempted(f"`{name}` is still `...`.")
        if is_stub(answer):
            raise NotAttempted(f"`{name}` has no code of yours yet.")


def is_stub(function):
    """Return whether `function` does nothing, as those handed out."""
    if not isinstance(function, types.FunctionType):
        return False
    steps = [
        step
        for step in dis.get_instructions(function)
        if step.opname not in ("RESUME", "RETURN_VALUE")
    ]
    return [(step.opname, step.argval) for step in steps] in (
        [("LOAD_CONST", None)],
        [("RETURN_CONST", None)],
    )
