"""What all checkers share: a hint for every answer, and never a traceback."""

import concurrent.futures
import decimal
import fractions
import functools
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import sympy
import torch

from tools import paths
from utils.checks import answers, feedback


def told(where, expected, got, hint):
    """Return the message of a checker to a wrong answer."""
    return (
        f"Not yet: {where}\n  expected  {expected}\n  got       {got}\n"
        f"  Hint: {hint}"
    )


@feedback.checker
def double(answer):
    """Take a function that doubles an array; stand for all checkers."""
    answers.agrees(
        answer,
        "double",
        lambda x: 2 * x,
        [
            (np.array([1.0, 2.0]),),
            (np.array([-1.0, 0.0]),),
        ],
        {
            feedback.Hint("square", "that is a square."): lambda x: x**2,
            feedback.Hint("sign", "the sign is lost."): lambda x: 2 * abs(x),
        },
        feedback.Hint("double", "add x to itself."),
        "an array",
        lambda rng: [(rng.normal(size=3),)],
    )
    return "double doubles."


@feedback.checker
def half(answer):
    """Take the number one half; stand for all checkers of numbers."""
    answers.equals(
        answer,
        "half",
        0.5,
        {feedback.Hint("twice", "that is twice."): 2},
        feedback.Hint("half", "divide 1 by 2."),
        "a share such as 0.3",
    )
    return "half is one half."


def stub(x):
    """Do nothing, as what students start from."""


def forgets_to_return(x):
    x = 2 * x


def writes_into_its_input(x):
    x *= 2
    return x


def never_ends(x):
    while True:
        pass


def prints_and_warns(x):
    print("noise")
    np.array([1.0]) / 0
    return 2 * x


def leaves(x):
    raise SystemExit


def shows_an_address(x):
    raise ValueError(f"{object()} is wrong")


class Touchy:
    """Raise wherever it is touched."""

    def __getattribute__(self, name):
        raise RuntimeError("hands off")


FIRST = "double([1, 2])"
QUOTES = (
    "that is a text: the cells below calculate with your answer, so leave out "
    "the quotation marks."
)
TOLD = {
    "square": (lambda x: x**2, FIRST, "[2, 4]", "[1, 4]", "that is a square."),
    "no sign": (
        lambda x: 2 * abs(x),
        "double([-1, 0])",
        "[-2, 0]",
        "[2, 0]",
        "the sign is lost.",
    ),
    # Like a square on the second input alone: on the first, that is wrong.
    "a mixture": (
        lambda x: np.where(x > 0, 2 * x, x**2),
        "double([-1, 0])",
        "[-2, 0]",
        "[1, 0]",
        "add x to itself.",
    ),
    "unknown": (
        lambda x: 2 * x + 1,
        FIRST,
        "[2, 4]",
        "[3, 5]",
        "add x to itself.",
    ),
    "text": (
        "double",
        "`double` should be a function.",
        "a function",
        "'double'",
        "write `def`, and give the function itself, not a call of it.",
    ),
    "raises": (
        lambda x: x[5],
        FIRST,
        "an array",
        "the error IndexError: "
        "index 5 is out of bounds for axis 0 with size 2",
        "call it yourself with this input.",
    ),
    "wrong arguments": (
        lambda: 2,
        FIRST,
        "an array",
        "the error TypeError: "
        "<lambda>() takes 0 positional arguments but 1 was "
        "given",
        "call it yourself with this input.",
    ),
    "recursion": (
        lambda x: TOLD["recursion"][0](x),
        FIRST,
        "an array",
        "the error RecursionError: maximum recursion depth exceeded",
        "call it yourself with this input.",
    ),
    "address": (
        shows_an_address,
        FIRST,
        "an array",
        "the error ValueError",
        "call it yourself with this input.",
    ),
    "exit": (
        leaves,
        FIRST,
        "an array",
        "the error SystemExit",
        "call it yourself with this input.",
    ),
    "no return": (
        forgets_to_return,
        FIRST,
        "an array",
        "None",
        "is there a `return`?",
    ),
    "in place": (
        writes_into_its_input,
        FIRST,
        "the input left as it was",
        "an input that changed",
        "work on a copy: x *= 2 and "
        "x[x < 0] = 0 write into what they were given.",
    ),
    "nan": (
        lambda x: x * np.nan,
        FIRST,
        "[2, 4]",
        "[nan, nan]",
        "nan comes from 0/0, inf - inf or 0 * inf: look for one of these.",
    ),
    "shape": (
        lambda x: 2 * x[:1],
        FIRST,
        "an array of shape (2,)",
        "shape (1,)",
        "compare the two shapes, step by step.",
    ),
    "texts": (
        lambda x: ["2", "4"],
        f"{FIRST} is not made of real numbers.",
        "an array",
        "['2', '4']",
        QUOTES,
    ),
    "complex": (
        lambda x: 2 * x + 1j,
        f"{FIRST} is not made of real numbers.",
        "an array",
        "complex numbers",
        "take the real part, if the imaginary part should be 0.",
    ),
    "ragged": (
        lambda x: [[1], [2, 3]],
        f"{FIRST} is not made of real numbers.",
        "an array",
        "[[1], [2, 3]]",
        "give a real number, or an array of real numbers.",
    ),
}


@pytest.mark.parametrize(
    ("answer", "message"),
    [(answer, told(*parts)) for answer, *parts in TOLD.values()],
    ids=TOLD,
)
def test_wrong_function_is_told_why(answer, message):
    feedback = double(answer)
    assert str(feedback) == message
    assert not feedback and feedback.attempted


@pytest.mark.parametrize(
    "answer",
    [
        lambda x: x + x,
        lambda x: 2 * torch.tensor(x, requires_grad=True),
        lambda x: [fractions.Fraction(2 * float(v)) for v in x],
        lambda x: [decimal.Decimal(2 * float(v)) for v in x],
        lambda x: [2 * sympy.Float(float(v)) for v in x],
        lambda x: [torch.tensor(2 * v) for v in x],
        lambda x: 2 * x + 0j,
        lambda x: (2 * x)[None],
        lambda x: np.array([2 * v for v in x], dtype=object),
    ],
)
def test_right_numbers_of_other_kinds_are_right(answer):
    assert double(answer)


def test_answer_that_knows_what_messages_show_is_told_so():
    def typed_back(x):
        return {2: [2, 4], -2: [-2, 0]}.get(
            len(x) * (-1 if x[0] < 0 else 1), 0 * x
        )

    feedback = double(typed_back)
    assert feedback.hint == "other numbers"
    # The numbers differ from kernel to kernel, and the message does not.
    assert not re.search(r"\d", str(feedback))
    assert str(double(typed_back)) == str(feedback)


def test_error_on_other_numbers_does_not_show_them():
    def picky(x):
        if len(x) > 2:
            raise ValueError(f"no {x[0]}")
        return 2 * x

    feedback = double(picky)
    assert feedback.hint == "other numbers"
    assert not re.search(r"\d", str(feedback))


def test_numbers_that_no_message_shows_differ_from_kernel_to_kernel():
    code = "from utils.checks import answers as a; print(a.fresh().random())"
    seen = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=paths.ROOT,
            capture_output=True,
            check=True,
        ).stdout
        for _ in range(2)
    }
    assert len(seen) == 2
    assert answers.fresh().random() == answers.fresh().random()


def test_rounding_to_float32_is_told():
    assert double(lambda x: np.float32(2 * x)), "float32 has digits enough"
    exact = functools.partial(np.allclose, rtol=1e-12, atol=0)
    with pytest.raises(feedback.NotYet, match="rounded to float32"):
        answers.agrees(
            lambda x: np.float32(x) / 3,
            "third",
            lambda x: x / 3,
            [(np.array([1.0]),)],
            {},
            feedback.Hint("third", "divide by 3."),
            same=exact,
        )


def test_only_the_processors_time_is_limited(monkeypatch):
    monkeypatch.setattr(answers, "SECONDS", 0.2)

    def waits(x):
        time.sleep(0.6)
        return 2 * x

    assert double(waits)


def test_what_only_waits_is_stopped_by_the_clock(monkeypatch):
    monkeypatch.setattr(answers, "WAIT", 0.2)

    def waits(x):
        while True:
            time.sleep(0.01)

    assert double(waits).hint == "endless"


def test_endless_loop_is_stopped(monkeypatch):
    monkeypatch.setattr(answers, "SECONDS", 0.2)
    start = time.monotonic()
    assert str(double(never_ends)) == told(
        FIRST,
        "an array",
        "nothing within 0.2 seconds",
        "look for a loop that never ends.",
    )
    assert time.monotonic() - start < 5


def test_endless_loop_is_stopped_in_a_program_in_the_background(monkeypatch):
    monkeypatch.setattr(answers, "SECONDS", 0.2)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert "nothing within" in str(double(never_ends))
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_another_thread_can_check():
    with concurrent.futures.ThreadPoolExecutor() as pool:
        assert pool.submit(double, lambda x: 2 * x).result()


def test_interrupt_from_outside_is_not_swallowed():
    def stopped(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        double(stopped)


def test_noise_of_an_answer_is_not_seen(capfd, recwarn):
    assert str(double(prints_and_warns)) == "Right: double doubles."
    assert capfd.readouterr() == ("", "")
    assert not recwarn.list


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (..., "Not attempted: `double` is still `...`."),
        (None, "Not attempted: `double` is None, which is no answer."),
        (stub, "Not attempted: `double` has no code of yours yet."),
    ],
)
def test_what_was_handed_out_is_not_attempted(answer, message):
    feedback = double(answer)
    assert str(feedback) == message
    assert not feedback and not feedback.attempted


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (2, told("`half`", "a share such as 0.3", "2", "that is twice.")),
        (0.4, told("`half`", "a share such as 0.3", "0.4", "divide 1 by 2.")),
        (
            [0.5, 1],
            told(
                "`half` should be one number.",
                "a share such as 0.3",
                "[0.5, 1]",
                "give only the number that was asked for.",
            ),
        ),
        (
            np.nan,
            told(
                "`half` is not a number.",
                "a share such as 0.3",
                "nan",
                "nan comes from 0/0, inf - inf or 0 * inf: look for one of "
                "these.",
            ),
        ),
        (..., "Not attempted: `half` is still `...`."),
        (0.5, "Right: half is one half."),
    ],
)
def test_number_is_told_why(answer, message):
    assert str(half(answer)) == message


@pytest.mark.parametrize(
    "answer",
    [
        fractions.Fraction(1, 2),
        decimal.Decimal("0.5"),
        sympy.Rational(1, 2),
        sympy.sqrt(sympy.Rational(1, 4)),
        np.float32(0.5),
        np.array(0.5),
        np.array([[0.5]]),
        [0.5],
        torch.tensor(0.5, requires_grad=True),
        0.5 + 0j,
    ],
)
def test_right_number_of_another_kind_is_right(answer):
    assert half(answer)


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        ((0, 5), "comma"),
        ("0,5", "comma in a text"),
        ("\N{MINUS SIGN}0.5", "minus"),
        ("\N{MINUS SIGN}0,5", "minus"),
        ("50 %", "percent in a text"),
        ("0.5", "quotation marks"),
        ("1/2", "quotation marks"),
        ("0.5 m", "unit"),
        ("a half", "numbers"),
        (True, "truth value"),
        (np.True_, "truth value"),
        ({0.5}, "order"),
        ({"half": 0.5}, "values"),
        (iter([0.5]), "once"),
        (0.5 + 1j, "imaginary"),
        (sympy.Symbol("x"), "numbers"),
        (np.nan, "nan"),
        (decimal.Decimal("nan"), "nan"),
    ],
)
def test_kind_that_is_not_taken_is_told_why_and_is_no_prediction(answer, hint):
    feedback = half(answer)
    assert feedback.hint == hint
    assert feedback.state == "not yet" and not feedback.attempted
    assert str(half(answer)) == str(feedback)


@pytest.mark.parametrize(
    ("answer", "hint"), [(50, "percent"), (2, "twice"), (49, "half")]
)
def test_share_in_percent_is_told(answer, hint):
    assert half(answer).hint == hint


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        ([0.5, -2], None),
        (np.array([[0.5], [-2.0]]), None),
        ((fractions.Fraction(1, 2), -2), None),
        ([0, 5, -2, 0], "comma"),
        ({0.5, -2}, "order"),
        ([0.5, "-2"], "quotation marks"),
        ([0.5, None], "numbers"),
        ([True, False], "truth value"),
        ([0.5], "shape"),
        ([-2, 0.5], "pair"),
    ],
)
def test_pair_is_read_or_told_why(answer, hint):
    try:
        answers.equals(
            answer,
            "pair",
            [0.5, -2],
            {},
            feedback.Hint("pair", "the other way round."),
            "two numbers",
        )
    except feedback.NotYet as told_:
        assert told_.hint == hint
    else:
        assert hint is None


def test_order_may_not_matter():
    for answer in ({1, -1}, [1, -1], (-1, 1)):
        answers.equals(
            answer, "roots", [-1, 1], {}, None, "two numbers", unordered=True
        )


@pytest.mark.parametrize("checker", [double, half])
def test_object_that_raises_everywhere_is_survived(checker):
    feedback = checker(Touchy())
    assert feedback.state == "not yet"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (" Left", "left"),
        (
            "up",
            told(
                "`side` is none of the options.",
                "'left' or 'right'",
                "'up'",
                "copy the option that you mean.",
            ),
        ),
        (
            1,
            told(
                "`side` should be a text.",
                "'left' or 'right'",
                "1",
                "write one of these, in quotation marks.",
            ),
        ),
        (..., "`side` is still `...`."),
    ],
)
def test_choice_is_read_or_told_why(answer, message):
    try:
        found = answers.choice(answer, "side", ["left", "right"])
    except (feedback.NotYet, feedback.NotAttempted) as told_:
        found = str(told_)
    assert message.endswith(found)


@pytest.mark.parametrize(
    ("values", "got"),
    [
        ((1, 2, 3), "[1, 2, 3]"),
        (7, "7"),
    ],
)
def test_results_wants_as_many_as_there_are_names(values, got):
    with pytest.raises(feedback.NotYet) as caught:
        answers.results(lambda x: values, "f", 1.0, likes={"a": 0, "b": 0})
    assert "Not yet: " + str(caught.value) == told(
        "f(1)", "2 arrays: a, b", got, "return a, b, in this order."
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda layers: layers.append(1),
        lambda layers: layers[0][0].fill(7),
    ],
)
def test_change_inside_a_list_is_seen(change):
    with pytest.raises(feedback.NotYet, match="an input that changed"):
        answers.call(change, "f", [(np.zeros(2), 1)], what="nothing")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        (True, "True"),
        (1e-9 / 3, "3.33333e-10"),
        (np.float64(2), "2"),
        (-0.0, "-0"),
        (np.inf, "inf"),
        (np.arange(10), "[0, 1, 2, 3, 4, 5, 6, 7, ...]"),
        (np.eye(2), "[[1, 0], [0, 1]]"),
        ((1, "a"), "[1, 'a']"),
        ("x" * 40, repr("x" * 27 + "...")),
        (object(), "an object"),
        ({}, "a dict"),
    ],
)
def test_values_are_shown_briefly_and_without_addresses(value, text):
    assert feedback.shown(value) == text
