"""Read an answer, call it, compare it; what does not fit becomes a hint.

A misconception is written down as what it leads to: a wrong function or a
wrong number. An answer that agrees with one gets the hint that belongs to it.
Functions are tried on numbers that messages show, and then on others, which no
message shows and which differ from kernel to kernel.
"""

import _thread
import contextlib
import copy
import numbers
import os
import re
import signal
import threading
import time
import warnings

import numpy as np

from utils.checks.feedback import (
    Hint,
    NotYet,
    Unreadable,
    attempted,
    shown,
    wrong,
)

SECONDS = 5  # of the processor's time, for one call of an answer
WAIT = 12 * SECONDS  # on the clock, for one that only waits
# Other numbers in every kernel, and the same ones whenever it checks.
_ENTROPY = np.random.SeedSequence().entropy


def fresh():
    """Return a generator of the numbers that no message shows."""
    return np.random.default_rng(_ENTROPY)


# Lists that take what is asked, while somebody listens.
_listening = []


@contextlib.contextmanager
def listening():
    """Yield a list of what `equals` and `choice` are asked meanwhile.

    Each entry is the answer and a dict: its name, and what it is compared
    with.
    """
    asked = []
    _listening.append(asked)
    try:
        yield asked
    finally:
        _listening.remove(asked)


def _tell(answer, **asked):
    for each in _listening:
        each.append((answer, asked))


# --- reading an answer ---


def number(answer, name, what):
    """Return `answer` as a float, or raise NotYet.

    Parameters
    ----------
    answer : object
        A number of Python, NumPy, SymPy or torch, or the only entry of an
        array or a list.
    name : str
        The variable that holds it.
    what : str
        What it should be, with an example: ``"a length such as 2.5"``.
    """
    attempted(**{name: answer})
    if isinstance(answer, tuple) and list(map(type, answer)) == [int, int]:
        raise _unreadable(name, what, shown(answer), COMMA)
    if isinstance(answer, (bool, np.bool_)):
        raise _unreadable(name, what, shown(answer), TRUTH)
    value = _numbers(answer, f"`{name}`", what, Unreadable)
    if value.size != 1:
        raise wrong(
            f"`{name}` should be one number.",
            what,
            shown(value),
            Hint("one number", "give only the number that was asked for."),
            Unreadable,
        )
    if np.isnan(value):
        raise wrong(f"`{name}` is not a number.", what, "nan", NAN, Unreadable)
    return float(value.item())


def readable(what, **answers):
    """Raise Unreadable unless each of the answers is a number."""
    attempted(**answers)
    for name, answer in answers.items():
        number(answer, name, what)


def array(answer, name, what, shape=None, unordered=False, truth=False):
    """Return `answer` as a float array, of `shape` if one is given.

    Axes of length 1 may be missing, or too many. A set will do if the answer
    is `unordered`, truth values if they have a meaning (`truth`).
    """
    attempted(**{name: answer})
    if isinstance(answer, (set, frozenset)) and unordered:
        answer = list(answer)
    value = _numbers(answer, f"`{name}`", what, Unreadable)
    if not truth and np.asarray(_plain(answer)).dtype.kind == "b":
        raise _unreadable(name, what, shown(answer), TRUTH)
    if shape is None:
        return value
    if value.size == np.prod(shape, dtype=int) and _long(value.shape) == _long(
        shape
    ):
        return value.reshape(shape)
    whole = isinstance(answer, (list, tuple)) and all(
        isinstance(part, int) for part in answer
    )
    if whole and value.shape == tuple(2 * n for n in shape):
        raise _unreadable(name, what, shown(value), COMMA)
    return _shaped(value, f"`{name}`", what, shape, Unreadable)


def _long(shape):
    return [n for n in shape if n != 1]


def choice(answer, name, options):
    """Return which of the texts in `options` the `answer` is, or raise.

    Case, spaces around it and a full stop do not matter, and a number will do
    for an option that is one.
    """
    _tell(answer, name=name, options=list(options))
    attempted(**{name: answer})
    wanted = " or ".join(map(repr, options))
    if not isinstance(answer, (str, bool, np.bool_)):
        text = _as_option(answer)
        answer = text if text in options else answer
    if not isinstance(answer, str):
        raise wrong(
            f"`{name}` should be a text.",
            wanted,
            shown(answer),
            Hint("a text", "write one of these, in quotation marks."),
            Unreadable,
        )
    found = answer.strip().strip("\"'").strip().lower()
    found = found if found in options else found.removesuffix(".")
    if found not in options:
        with contextlib.suppress(ValueError):  # "1.50" is the option "1.5"
            found = shown(float(found))
    if found not in options:
        raise wrong(
            f"`{name}` is none of the options.",
            wanted,
            shown(answer),
            Hint("an option", "copy the option that you mean."),
            Unreadable,
        )
    return found


def choices(questions, **answers):
    """Raise NotYet unless each answer is the right one of its options.

    Parameters
    ----------
    questions : dict
        Name of the answer -> the right option, and a dict that has the hint
        for each of the others.
    **answers
        The answers, by their names.
    """
    attempted(**answers)
    given = {
        # Sorted, so that their order tells nothing.
        name: choice(answers[name], name, sorted((right, *hints)))
        for name, (right, hints) in questions.items()
    }
    for name, (right, hints) in questions.items():
        if given[name] != right:
            raise wrong(
                f"`{name}`",
                "another option",
                repr(given[name]),
                hints[given[name]],
            )


def _as_option(answer):
    """Return a number as the text it is shown as; None for all else."""
    with contextlib.suppress(Exception):
        value = np.asarray(_plain(answer), dtype=float)
        if value.size == 1:
            return shown(value.item())
    return None


COMMA = Hint(
    "comma",
    "Python reads a comma as the start of a second number: write a decimal "
    "point, as in 1.5.",
)
TRUTH = Hint(
    "truth value", "True and False are truth values: write the number itself."
)
NAN = Hint(
    "nan", "nan comes from 0/0, inf - inf or 0 * inf: look for one of these."
)
NUMBERS = Hint("numbers", "give a real number, or an array of real numbers.")
ORDER = Hint("order", "a set has no order: write a list, [...].")
VALUES = Hint("values", "write a list of the values alone, without names.")
ONCE = Hint("once", "this can be read only once: put list(...) around it.")
IMAGINARY = Hint(
    "imaginary", "take the real part, if the imaginary part should be 0."
)
# What a text looks like -> what to do. The first that is found counts.
TEXTS = {
    "\N{MINUS SIGN}|\N{EN DASH}": Hint(
        "minus",
        "that minus sign is a typographic one: type the hyphen on your "
        "keyboard, and leave out the quotation marks.",
    ),
    r"^[^\[(]*\d,\d": Hint(
        "comma in a text",
        "write a decimal point, as in 1.5, and leave out the quotation marks.",
    ),
    r"^\s*[-+]?[\d./]+\s*(%|per ?cent)": Hint(
        "percent in a text",
        "write the number alone, without quotation marks: 25 % is 0.25.",
    ),
    r"^\s*\[?[-+]?[\d.][\d./eE+\- ,]*\]?\s*$": Hint(
        "quotation marks",
        "that is a text: the cells below calculate with your answer, so leave "
        "out the quotation marks.",
    ),
    r"^\s*[-+]?\.?\d": Hint(
        "unit",
        "write the number alone, without a unit and without quotation marks.",
    ),
}


def _unreadable(name, what, got, hint):
    return wrong(f"`{name}`", what, got, hint, Unreadable)


def _shaped(value, where, what, shape, kind=NotYet):
    if shape is not None and value.shape != tuple(shape):
        raise wrong(
            where,
            f"{what} of shape {tuple(shape)}",
            f"shape {value.shape}",
            Hint("shape", "compare the two shapes, step by step."),
            kind,
        )
    return value


def _plain(value):
    """Return `value` with tensors and exact numbers made NumPy's."""
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if type(value).__module__.partition(".")[0] == "torch":
        return value.detach().cpu().numpy()
    if isinstance(value, np.ndarray) and value.dtype == object:
        return (
            [_plain(part) for part in value]
            if value.ndim
            else (_plain(value.item()))
        )
    if hasattr(value, "__array__") or isinstance(
        value, (bool, int, float, complex, str, bytes)
    ):
        return value
    # Fraction, Decimal, SymPy's; a matrix of SymPy has __array__.
    if isinstance(value, numbers.Number) or hasattr(value, "__float__"):
        return float(value)
    return value


def _numbers(value, where, what, kind=NotYet):
    """Return `value` as a float array, or raise NotYet."""
    hint = _odd(value)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = np.asarray(_plain(value))
            if found.dtype == object:
                found = np.asarray(_plain(found))
    except Exception:
        found = np.asarray(None)
    if found.dtype.kind == "c" and not found.imag.any():
        found = found.real
    if hint or found.dtype.kind not in "biuf":
        raise wrong(
            f"{where} is not made of real numbers.",
            what,
            "complex numbers" if found.dtype.kind == "c" else shown(value),
            hint or (IMAGINARY if found.dtype.kind == "c" else NUMBERS),
            kind,
        )
    return found.astype(float)


def _odd(value):
    """Return the hint for a value of a kind that is never taken, or None."""
    if isinstance(value, (set, frozenset)):
        return ORDER
    if isinstance(value, dict):
        return VALUES
    if hasattr(value, "__next__"):
        return ONCE
    texts = [
        part
        for part in (value if isinstance(value, (list, tuple)) else [value])
        if isinstance(part, str)
    ]
    return next(
        (
            hint
            for look, hint in TEXTS.items()
            if texts and re.search(look, texts[0])
        ),
        NUMBERS if texts else None,
    )


# --- calling an answer ---


def call(function, name, *arguments, what):
    """Return `function(*arguments)` as it is, or raise NotYet.

    The function gets copies, prints into nothing, and has SECONDS of the
    processor's time, however busy the machine is. Pure Python that loops for
    ever is stopped; one endless call of compiled code is not.
    """
    attempted(**{name: function})
    where = _where(name, arguments)
    if not callable(function):
        raise wrong(
            f"`{name}` should be a function.",
            "a function",
            shown(function),
            Hint(
                "a function",
                "write `def`, and give the function itself, not a call of it.",
            ),
        )
    copies = copy.deepcopy(arguments)
    try:
        value = _limited(function, copies)
    except _TooLong:
        raise wrong(
            where,
            what,
            f"nothing within {SECONDS} seconds",
            Hint("endless", "look for a loop that never ends."),
        ) from None
    except NotYet:  # what a checker says that has wrapped the answer
        raise
    except (Exception, SystemExit) as error:
        raise wrong(
            where,
            what,
            f"the error {_error(error)}",
            Hint("error", "call it yourself with this input."),
        ) from None
    if not _same(copies, arguments):
        raise wrong(
            where,
            "the input left as it was",
            "an input that changed",
            Hint(
                "in place",
                "work on a copy: x *= 2 and x[x < 0] = 0 write into what they "
                "were given.",
            ),
        )
    if value is None:
        raise wrong(
            where, what, "None", Hint("return", "is there a `return`?")
        )
    return value


def _error(error):
    text = str(error).splitlines()[:1]
    name = type(error).__name__
    # Other objects print their address, which is new in every run.
    return (
        f"{name}: {text[0][:100]}"
        if text and " at 0x" not in text[0]
        else name
    )


def _same(one, other):
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(_same, one, other))
    if hasattr(one, "state_dict"):  # a module of torch
        return _same(
            *(
                [value.numpy() for value in module.state_dict().values()]
                for module in (one, other)
            )
        )
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    return True


class _TooLong(BaseException):
    """Stops an answer; not an Exception, which the answer might catch."""


def _limited(function, arguments):
    # Signals reach the main thread alone.
    if threading.current_thread() is not threading.main_thread():
        return _quiet(function, arguments)
    lock, done = threading.Lock(), threading.Event()
    state = {"running": True, "late": False}
    processor, clock = time.process_time(), time.monotonic()

    def stop():
        # The clock tells less: on a busy machine a right answer is slow, too.
        while not (
            time.process_time() - processor > SECONDS
            or time.monotonic() - clock > WAIT
        ):
            if done.wait(0.05):
                return
        with lock:
            if state["running"]:
                state["late"] = True
                _thread.interrupt_main()

    def interrupted(signum, frame):
        # It may also come from JupyterLab's stop button.
        raise _TooLong if state["late"] else KeyboardInterrupt

    # What a program in the background inherits is to ignore it.
    before = signal.signal(signal.SIGINT, interrupted)
    threading.Thread(target=stop, daemon=True).start()
    try:
        return _quiet(function, arguments)
    finally:
        try:
            done.set()
            with lock:
                state["running"] = False
        finally:
            signal.signal(signal.SIGINT, before)


def _quiet(function, arguments):
    with (
        open(os.devnull, "w") as sink,
        contextlib.redirect_stdout(sink),
        contextlib.redirect_stderr(sink),
        warnings.catch_warnings(),
        np.errstate(all="ignore"),
    ):
        warnings.simplefilter("ignore")
        return function(*arguments)


def result(function, name, *arguments, like, what):
    """Return `function(*arguments)` as floats of the shape of `like`."""
    value = call(function, name, *arguments, what=what)
    where = _where(name, arguments)
    return _as_row(_numbers(value, where, what), where, what, like)


def _as_row(value, where, what, like):
    # keepdims=True leaves (1, m) of what is (m,).
    if np.ndim(like) < 2 and value.shape == (1, *np.shape(like)):
        return value[0]
    return _shaped(value, where, what, np.shape(like))


def results(function, name, *arguments, likes):
    """Return the arrays that `function(*arguments)` returns, as floats.

    `likes` maps the name of each to an array of its shape, in their order.
    """
    what = f"{len(likes)} arrays: {', '.join(likes)}"
    values = call(function, name, *arguments, what=what)
    where = _where(name, arguments)
    if isinstance(values, np.ndarray) and values.dtype == object:
        values = list(values)
    if not isinstance(values, (tuple, list)) or len(values) != len(likes):
        raise wrong(
            where,
            what,
            shown(values),
            ONCE
            if hasattr(values, "__next__")
            else Hint("order", f"return {', '.join(likes)}, in this order."),
        )
    return [
        _as_row(
            _numbers(value, f"{part} of {where}", "an array"),
            f"{part} of {where}",
            "an array",
            like,
        )
        for value, (part, like) in zip(values, likes.items())
    ]


def _where(name, arguments):
    return f"{name}({', '.join(map(shown, arguments))})"


# --- comparing it ---


def close(a, b, rtol=1e-6, atol=1e-9):
    """Return whether `a` and `b` are equal up to rounding; nan equals nan."""
    return np.allclose(a, b, rtol=rtol, atol=atol, equal_nan=True)


def to_nine_digits(a, b):
    """Return whether `a` and `b` agree to nine digits, however small.

    >>> to_nine_digits(1e-12, 0), close(1e-12, 0)
    (False, True)
    """
    return np.allclose(a, b, rtol=1e-9, atol=0, equal_nan=True)


def agrees(
    answer,
    name,
    truth,
    inputs,
    misconceptions,
    hint,
    what="numbers",
    unseen=None,
    same=close,
):
    """Raise NotYet unless the function `answer` agrees with `truth`.

    Parameters
    ----------
    answer, truth : function
        Both take the arguments of one input and return numbers.
    name : str
        The name of the answer.
    inputs : list of tuple
        Arguments of one call each; easy ones first.
    misconceptions : dict
        Hint -> a wrong function. An answer that agrees with a wrong function
        on all inputs gets its hint; failing that, one that agrees with it up
        to the first input that goes wrong, and on most of the others.
    hint : Hint
        For all other wrong answers.
    what : str
        What the function should return.
    unseen : function, optional
        Takes a random generator and returns more such inputs, which no
        message shows, for answers that are right on all others.
    same : function
        Whether two values are equal.
    """
    attempted(**{name: answer})

    def values(inputs):
        return [
            result(answer, name, *given, like=truth(*given), what=what)
            for given in inputs
        ]

    def alike(value, other, given):
        try:
            return same(value, other(*given))
        except ValueError:  # a mistake that is possible with some shapes only
            return False

    def agrees_with(other):
        return all(map(alike, found, [other] * len(found), given))

    def agreements(hint):
        other = [known[hint]] * len(found)
        return sum(map(alike, found, other, given))

    known = misconceptions | {
        Hint(
            "float32",
            "that is rounded to float32, which has fewer digits and ends at "
            "3.4e38: keep the float64 of the input.",
        ): lambda *given: np.float32(truth(*given))
    }
    given, found = inputs, values(inputs)
    with np.errstate(all="ignore"):
        slips = (
            (first, value, one)
            for first, (value, one) in enumerate(zip(found, given))
            if not same(value, truth(*one))
        )
        if slip := next(slips, None):
            first, value, one = slip
            # What was right before does not come from what would be wrong.
            so_far = list(zip(found, given))[: first + 1]
            likely = [
                hint
                for hint, other in known.items()
                if all(alike(v, other, g) for v, g in so_far)
            ]
            # Many mistakes lead to the same nan.
            if len(likely) != 1 and _new_nan(value, truth(*one)):
                hint = NAN
            elif likely:
                hint = max(likely, key=agreements)
            raise wrong(
                _where(name, one),
                shown(np.asarray(truth(*one))),
                _told_apart(value, truth(*one)),
                hint_for(known, hint, agrees_with),
            )
        others = unseen(fresh()) if unseen else []
        try:
            more = values(others)
        except NotYet as told:
            raise other_numbers(name, "an error, or another shape") from told
        right = [same(v, truth(*one)) for v, one in zip(more, others)]
        given, found = inputs + others, found + more
        if not all(right):
            raise other_numbers(
                name, "something else", hint_for(known, None, agrees_with)
            )


def _new_nan(value, truth):
    return (np.isnan(value) & ~np.isnan(truth)).any()


def _told_apart(value, truth):
    """Return `value` as a text, with a remark if `truth` reads the same."""
    text = shown(value)
    return text + (
        ", which differs in a digit behind these"
        if text == shown(np.asarray(truth))
        else ""
    )


def other_numbers(name, got, hint=None):
    """Return a NotYet of an answer that is right where messages show it."""
    return wrong(
        f"{name}, on numbers that no message shows",
        "what holds for the ones that messages do show",
        got,
        hint
        or Hint(
            "other numbers",
            "it is right on the numbers of these messages alone; write it for "
            "any numbers, and try some of your own.",
        ),
    )


def equals(
    answer, name, truth, misconceptions, hint, what, unordered=False, **near
):
    """Raise NotYet unless `answer`, a number or an array, is `truth`.

    Says what kind of answer is expected, not which: `what` is shown.
    `misconceptions` maps hints to wrong answers.
    """
    share = re.search("share|probab|between 0 and 1", what)
    share = share and np.ndim(truth) == 0
    _tell(
        answer,
        name=name,
        truth=truth,
        what=what,
        hints=misconceptions | ({PERCENT: 100 * truth} if share else {}),
        hint=hint,
        unordered=unordered,
        tolerance=near,
    )
    if np.ndim(truth):
        value = array(answer, name, what, np.shape(truth), unordered)
        value = np.sort(value) if unordered else value
    else:
        value = number(answer, name, what)
    if close(value, truth, **near):
        return
    hint = hint_for(
        misconceptions, hint, lambda other: close(value, other, **near)
    )
    if hint not in misconceptions and np.isnan(value).any():
        hint = NAN
    elif hint not in misconceptions and share:
        near_by = max(0.01 * truth, near.get("atol", 0))
        hint = PERCENT if abs(value / 100 - truth) <= near_by else hint
    raise wrong(f"`{name}`", what, shown(value), hint)


PERCENT = Hint("percent", "that is in percent; a share lies between 0 and 1.")


def hint_for(misconceptions, otherwise, agrees):
    """Return the first hint whose wrong answer `agrees`, or `otherwise`."""
    return next(
        (hint for hint, other in misconceptions.items() if agrees(other)),
        otherwise,
    )
