"""Read an answer, call it, compare it; what does not fit becomes a hint.

A misconception is written down as what it leads to: a wrong function or a
wrong number. An answer that agrees with one gets the hint that belongs to it.
"""

import _thread
import contextlib
import copy
import os
import signal
import threading
import warnings

import numpy as np

from utils.checks.feedback import attempted, shown, wrong

SECONDS = 5  # for one call of an answer that is a function

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
    name : str
        The variable that holds it.
    what : str
        What it should be, with an example: ``"a length such as 2.5"``.
    """
    value = array(answer, name, what)
    if value.ndim:
        raise wrong(
            f"`{name}` should be one number.",
            what,
            shown(value),
            "take the one entry that was asked for.",
        )
    if np.isnan(value):
        raise wrong(
            f"`{name}` is not a number.",
            what,
            "nan",
            "nan comes from 0/0, from inf - inf and from 0 * inf: "
            "look for these.",
        )
    return float(value)


def array(answer, name, what, shape=None):
    """Return `answer` as a float array, of `shape` if one is given."""
    attempted(**{name: answer})
    return _shaped(
        _numbers(answer, f"`{name}`", what), f"`{name}`", what, shape
    )


def choice(answer, name, options):
    """Return which of the texts in `options` the `answer` is, or raise."""
    _tell(answer, name=name, options=list(options))
    attempted(**{name: answer})
    wanted = " or ".join(map(repr, options))
    if not isinstance(answer, str):
        raise wrong(
            f"`{name}` should be a text.",
            wanted,
            shown(answer),
            "write one of these, with its quotes.",
        )
    if answer.strip().lower() not in options:
        raise wrong(
            f"`{name}` is none of the options.",
            wanted,
            shown(answer),
            "copy the option that you mean.",
        )
    return answer.strip().lower()


def _shaped(value, where, what, shape):
    if shape is not None and value.shape != tuple(shape):
        raise wrong(
            where,
            f"{what} of shape {tuple(shape)}",
            f"shape {value.shape}",
            "compare the two shapes, step by step.",
        )
    return value


def _numbers(value, where, what):
    """Return `value` as a float array, or raise NotYet."""
    if type(value).__module__.partition(".")[0] == "torch":
        raise wrong(
            f"{where} is not NumPy's.",
            what,
            "a torch tensor",
            "use NumPy here, or end with .numpy().",
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = np.asarray(value)
    except Exception:
        found = np.asarray(None)
    if found.dtype.kind not in "biuf":
        raise wrong(
            f"{where} is not made of real numbers.",
            what,
            "complex numbers" if found.dtype.kind == "c" else shown(value),
            "real numbers, or an array of them, are wanted.",
        )
    return found.astype(float)


# --- calling an answer ---


def call(function, name, *arguments, what):
    """Return `function(*arguments)` as it is, or raise NotYet.

    The function gets copies, prints into nothing, and has SECONDS. Pure
    Python that loops for ever is stopped; one endless call of compiled code
    is not.
    """
    attempted(**{name: function})
    where = _where(name, arguments)
    if not callable(function):
        raise wrong(
            f"`{name}` should be a function.",
            "a function",
            shown(function),
            "write `def`, and do not call it.",
        )
    copies = copy.deepcopy(arguments)
    try:
        value = _limited(function, copies)
    except _TooLong:
        raise wrong(
            where,
            what,
            f"nothing within {SECONDS} seconds",
            "look for a loop that never ends.",
        ) from None
    except (Exception, SystemExit) as error:
        raise wrong(
            where,
            what,
            f"the error {_error(error)}",
            "call it yourself with this input.",
        ) from None
    if not _same(copies, arguments):
        raise wrong(
            where,
            "the input left as it was",
            "an input that changed",
            "work on a copy: x *= 2 and "
            "x[x < 0] = 0 write into what they were given.",
        )
    if value is None:
        raise wrong(where, what, "None", "is there a `return`?")
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
    lock = threading.Lock()
    state = {"running": True, "late": False}

    def stop():
        with lock:
            if state["running"]:
                state["late"] = True
                _thread.interrupt_main()

    def interrupted(signum, frame):
        # It may also come from JupyterLab's stop button.
        raise _TooLong if state["late"] else KeyboardInterrupt

    # What a program in the background inherits is to ignore it.
    before = signal.signal(signal.SIGINT, interrupted)
    timer = threading.Timer(SECONDS, stop)
    timer.daemon = True
    timer.start()
    try:
        return _quiet(function, arguments)
    finally:
        try:
            timer.cancel()
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
    return _shaped(_numbers(value, where, what), where, what, np.shape(like))


def results(function, name, *arguments, likes):
    """Return the arrays that `function(*arguments)` returns, as floats.

    `likes` maps the name of each to an array of its shape, in their order.
    """
    what = f"{len(likes)} arrays: {', '.join(likes)}"
    values = call(function, name, *arguments, what=what)
    where = _where(name, arguments)
    if not isinstance(values, (tuple, list)) or len(values) != len(likes):
        raise wrong(
            where,
            what,
            shown(values),
            f"return {', '.join(likes)}, in this order.",
        )
    return [
        _shaped(
            _numbers(value, f"{part} of {where}", "an array"),
            f"{part} of {where}",
            "an array",
            np.shape(like),
        )
        for value, (part, like) in zip(values, likes.items())
    ]


def _where(name, arguments):
    return f"{name}({', '.join(map(shown, arguments))})"


# --- comparing it ---


def close(a, b, rtol=1e-6, atol=1e-9):
    """Return whether `a` and `b` are equal up to rounding; nan equals nan."""
    return np.allclose(a, b, rtol=rtol, atol=atol, equal_nan=True)


def agrees(answer, name, truth, inputs, misconceptions, hint, what="numbers"):
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
        on all inputs gets its hint; failing that, one that agrees with it on
        the first input that goes wrong.
    hint : str
        For all other wrong answers.
    what : str
        What the function should return.
    """
    attempted(**{name: answer})
    got = []
    for arguments in inputs:
        like = truth(*arguments)
        got.append(result(answer, name, *arguments, like=like, what=what))
    for value, arguments in zip(got, inputs):
        if not close(value, truth(*arguments)):
            break
    else:
        return

    def agrees_with(other):
        return all(
            close(value, other(*arguments))
            for value, arguments in zip(got, inputs)
        )

    def slips_like(other):
        return close(value, other(*arguments))

    with np.errstate(all="ignore"):
        hint = hint_for(misconceptions, hint, slips_like)
        hint = hint_for(misconceptions, hint, agrees_with)
    raise wrong(
        _where(name, arguments),
        shown(np.asarray(truth(*arguments))),
        shown(value),
        hint,
    )


def equals(answer, name, truth, misconceptions, hint, what, **tolerance):
    """Raise NotYet unless `answer`, a number or an array, is `truth`.

    Says what kind of answer is expected, not which: `what` is shown.
    `misconceptions` maps hints to wrong answers.
    """
    _tell(
        answer,
        name=name,
        truth=truth,
        what=what,
        hints=misconceptions,
        hint=hint,
        tolerance=tolerance,
    )
    if np.ndim(truth):
        value = array(answer, name, what, np.shape(truth))
    else:
        value = number(answer, name, what)
    if not close(value, truth, **tolerance):
        raise wrong(
            f"`{name}`",
            what,
            shown(value),
            hint_for(
                misconceptions,
                hint,
                lambda other: close(value, other, **tolerance),
            ),
        )


def hint_for(misconceptions, otherwise, agrees):
    """Return the first hint whose wrong answer `agrees`, or `otherwise`."""
    return next(
        (hint for hint, other in misconceptions.items() if agrees(other)),
        otherwise,
    )


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
    if kinds != {"float64"}:
        raise wrong(
            f"the parameters of {where}",
            "float64, as before",
            " and ".join(sorted(kinds)),
            f"{maker}(...) makes float32: end with .double().",
        )
