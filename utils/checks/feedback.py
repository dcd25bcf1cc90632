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
    hint : str
        The key of the hint that the message ends with, or "".
    readable : bool
        Whether the answer is of the kind that was asked for, right or wrong.
    """

    state: str
    message: str
    hint: str = ""
    readable: bool = True

    def __bool__(self):
        return self.state == "right"

    def __repr__(self):
        return self.message

    @property
    def attempted(self):
        """Whether there was an answer, right or wrong.

        What cannot be read, such as a text in place of a number, is none: a
        prediction earns its point by being made.
        """
        return self.state != "not attempted" and self.readable


class Hint(str):
    """A hint's words, and a key by which tests name it.

    Parameters
    ----------
    key : str
        A word or two, another one for each hint of a checker.
    words : str
        What the student reads.
    """

    def __new__(cls, key, words):
        """Keep the key beside the words."""
        hint = super().__new__(cls, words)
        hint.key = key
        return hint


class NotYet(Exception):
    """The answer is wrong; the text says where, and hints at the reason."""

    hint = ""


class Unreadable(NotYet):
    """The answer is not of the kind that was asked for."""


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
            readable = not isinstance(told, Unreadable)
            return Feedback("not yet", f"Not yet: {told}", told.hint, readable)
        except Exception as error:
            # An answer can be an object that raises wherever it is touched.
            return Feedback(
                "not yet",
                "Not yet: this answer cannot be read; looking at it raised "
                f"{type(error).__name__}.",
                "unreadable",
                readable=False,
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


def wrong(where, expected, got, hint, kind=NotYet):
    """Return a NotYet: where it went wrong, what was expected, what came."""
    told = kind(
        f"{where}\n  expected  {expected}\n  got       {got}\n  Hint: {hint}"
    )
    told.hint = hint.key
    return told


def need(holds, *told):
    """Raise what `wrong` makes of the rest, unless something `holds`."""
    if not holds:
        raise wrong(*told)


# --- what was not attempted ---


def attempted(**answers):
    """Raise NotAttempted if an answer is `...`, None or an empty function."""
    for name, answer in answers.items():
        if answer is ...:
            raise NotAttempted(f"`{name}` is still `...`.")
        if answer is None:
            raise NotAttempted(f"`{name}` is None, which is no answer.")
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
