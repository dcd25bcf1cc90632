"""What holds for the exercises of every chapter, and for every checker."""

import ast
import collections
import functools
import importlib
import inspect
import json
import re
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from tools import notebooks, paths, rules

SOLUTIONS = notebooks.solutions()
TOPICS = [path.stem[3:] for path in SOLUTIONS]
LIMIT = "utils.checks.answers.SECONDS"

# One process runs a chapter's solutions, once for all tests that want answers.
each_solved = pytest.mark.parametrize(
    "path",
    [
        pytest.param(
            path, id=path.stem, marks=pytest.mark.xdist_group(path.stem)
        )
        for path in SOLUTIONS
    ],
)


def never_ends(*arguments, **options):
    while True:
        pass


def raises(*arguments, **options):
    raise ValueError("no")


def forgets_to_return(*arguments, **options):
    answer = 0.5  # noqa: F841


class Touchy:
    """Raise wherever it is touched."""

    def __getattribute__(self, name):
        raise RuntimeError("hands off")


HOSTILE = {
    "None": None,
    "a text": "relu",
    "nan": np.nan,
    "a huge number": 1e300,
    "a wrong shape": np.zeros((3, 1, 2)),
    "a dict": {"a": 1},
    "a type": int,
    "a function that raises": raises,
    "a function that never ends": never_ends,
    "a function that forgets to return": forgets_to_return,
    "a function that returns a text": lambda *arguments: "relu",
    "a function that returns nan": lambda *arguments: np.nan,
    "an object that raises": Touchy(),
}


# Given in place of a number -> the key of what is told. A prediction earns no
# point that way.
NO_NUMBERS = {
    "comma": (-1, 96),
    "comma in a text": "-1,96",
    "minus": "\N{MINUS SIGN}2",
    "percent in a text": "25 %",
    "quotation marks": "0.25",
    "unit": "0.25 s",
    "truth value": True,
    "imaginary": 1 + 2j,
    "order": {1},
    "values": {"b": 1},
    "nan": float("nan"),
}


def table(path, name):
    """Return WRONG (checker, answers, hint's key) or RIGHT, without a hint."""
    return getattr(
        importlib.import_module(f"tests.code.exercises.test_{path.stem}"), name
    )


def rows(name):
    """Return the tables of all chapters as parameters of a test."""
    return [
        pytest.param(*row, id=f"{path.stem}-{row[0].__name__}-{number}")
        for path in SOLUTIONS
        for number, row in enumerate(table(path, name), 1)
    ]


def checkers(topic):
    """Return the checkers of one chapter: name -> function."""
    module = importlib.import_module(f"utils.checks.{topic}")
    return {
        name: function
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if hasattr(function, "__wrapped__")
    }


@functools.cache
def answered(path):
    """Run the solutions; return the right answers to each checker."""
    module = importlib.import_module(f"utils.checks.{path.stem[3:]}")
    right = {}

    def keep(name, checker):
        def kept(*answers):
            right[name] = answers
            return checker(*answers)

        return kept

    code = [
        c.source for c in notebooks.read(path).cells if c.cell_type == "code"
    ]
    with pytest.MonkeyPatch.context() as patch:
        for name, checker in checkers(path.stem[3:]).items():
            patch.setattr(module, name, keep(name, checker))
        exec("\n\n".join(code), {"__name__": "__main__"})
    return right


def test_every_chapter_leads_to_exercises_and_all_are_led_to():
    names = {path.name for path in SOLUTIONS}
    led_to = set()
    for path in notebooks.chapters():
        text = path.read_text(encoding="utf-8")
        found = set(re.findall(r"\(exercises/(\w+\.ipynb)\)", text))
        # The ledger repeats what the other chapters measured.
        assert found or path.stem == "12_claims", path.name
        led_to |= found
    assert led_to == names
    assert names == {path.name for path in paths.EXERCISES.glob("*.ipynb")}


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda path: path.stem)
def test_exercise_keeps_the_rules(path):
    nb = notebooks.read(path)
    assert rules.problems(nb) == []
    assert list(rules.exercise_rules(nb)) == []
    assert rules.not_compared(nb) == []
    stored = path.read_text(encoding="utf-8")
    assert stored == notebooks.dumps(notebooks.normalise(nb))


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda path: path.stem)
def test_stored_exercise_is_what_its_solutions_make(path):
    assert not rules.stale(path), rules.TO_MEND


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda path: path.stem)
def test_exercise_gives_nothing_away(path):
    text = (paths.EXERCISES / path.name).read_text(encoding="utf-8")
    for trace in ("SOLUTION", "HIDDEN", "<details>", '"outputs": [\n'):
        assert trace not in text


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda path: path.stem)
def test_each_checker_has_an_exercise_and_answers_of_both_kinds(path):
    exercise = (paths.EXERCISES / path.name).read_text(encoding="utf-8")
    used = set(re.findall(r"\bcheck\.(\w+)\(", exercise))
    assert used == set(checkers(path.stem[3:]))
    for name, checker in checkers(path.stem[3:]).items():
        for kind, least in (("WRONG", 8), ("RIGHT", 4)):
            many = [row[0] for row in table(path, kind)].count(checker)
            assert many >= least, f"{name}: {many} answers in {kind}"


@pytest.mark.parametrize(("checker", "answers", "hint"), rows("WRONG"))
def test_wrong_answer_is_told_why(checker, answers, hint):
    feedback = checker(*answers)
    assert feedback.state == "not yet", feedback
    assert feedback.hint == hint, feedback
    where, expected, got, told = re.fullmatch(
        r"Not yet: (.+?)\n  expected  (.+)\n  got       (.+)\n  Hint: (.+)",
        str(feedback),
        re.DOTALL,
    ).groups()
    assert where and expected != got
    assert re.search(r"[.?]$", told) and "  " not in told, told


@pytest.mark.parametrize(("checker", "answers"), rows("RIGHT"))
def test_right_answer_in_another_form_is_right(checker, answers):
    feedback = checker(*answers)
    assert feedback, feedback


@pytest.mark.parametrize("topic", TOPICS)
def test_no_two_hints_of_a_checker_have_the_same_key(topic):
    """Compare the words of the source: a key stands for one hint."""
    module = importlib.import_module(f"utils.checks.{topic}")
    for name, function in vars(module).items():
        if getattr(function, "__module__", "") == module.__name__:
            source = textwrap.dedent(inspect.getsource(function))
            keys = collections.Counter(
                node.args[0].value
                for node in ast.walk(ast.parse(source))
                if isinstance(node, ast.Call)
                and getattr(node.func, "id", "") == "Hint"
                and isinstance(node.args[0], ast.Constant)
            )
            assert not [key for key, n in keys.items() if n > 1], name


@each_solved
def test_solutions_pass_their_hidden_tests(path):
    hidden = [
        cell.id
        for cell in notebooks.read(path).cells
        if "### BEGIN HIDDEN TESTS" in cell.source
    ]
    assert len(hidden) >= 5
    # With the hidden tests in it; the first that fails is raised.
    assert answered(path).keys() == checkers(path.stem[3:]).keys()


@each_solved
def test_no_answer_breaks_a_checker(path, monkeypatch):
    right = answered(path)
    for name, checker in checkers(path.stem[3:]).items():
        for position in range(len(right[name])):
            for kind, hostile in HOSTILE.items():
                answers = list(right[name])
                answers[position] = hostile
                # No wait for what never ends; time for all else, since a busy
                # machine is slow.
                endless = hostile is never_ends
                monkeypatch.setattr(LIMIT, 0.2 if endless else 30)
                feedback = checker(*answers)
                where = f"{name}, answer {position + 1} is {kind}"
                state = "not attempted" if hostile is None else "not yet"
                assert feedback.state == state, where
                assert str(feedback).lower().startswith(f"{state}: "), where
                assert " at 0x" not in str(feedback), where
                again = checker(*answers)
                assert str(again) == str(feedback), where


@each_solved
def test_what_is_no_number_is_told_why_wherever_one_is_asked_for(path):
    places = 0
    for name, answers in answered(path).items():
        for position, answer in enumerate(answers):
            if isinstance(answer, (int, float)):
                places += 1
                for hint, odd in NO_NUMBERS.items():
                    given = [*answers]
                    given[position] = odd
                    feedback = checkers(path.stem[3:])[name](*given)
                    where = f"{name}, answer {position + 1}: {feedback}"
                    assert feedback.hint == hint, where
                    assert not feedback.attempted, where
    assert places > 0


@each_solved
def test_no_prediction_is_made_without_an_answer_of_its_kind(path):
    nb = notebooks.read(path)
    checks = "\n".join(
        cell.source for cell in nb.cells if ".attempted" in cell.source
    )
    for name in re.findall(r"check\.(\w+)\(", checks):
        right = answered(path)[name]
        for position in range(len(right)):
            for odd in (None, "", "no idea", float("nan"), [], object()):
                # All other answers are wrong, or right.
                for others in (right, [1 for _ in right]):
                    given = [*others]
                    given[position] = odd
                    feedback = checkers(path.stem[3:])[name](*given)
                    assert not feedback.attempted, (name, position, odd)


@each_solved
def test_each_answer_alone_can_be_missing(path):
    for name, answers in answered(path).items():
        checker = checkers(path.stem[3:])[name]
        for position in range(len(answers)):
            some = [*answers]
            some[position] = ...
            assert checker(*some).state == "not attempted", name


@pytest.mark.parametrize("topic", TOPICS)
def test_checkers_are_loaded_without_torch(topic):
    code = (
        f"import json, sys, utils.checks.{topic}; "
        "print(json.dumps('torch' in sys.modules))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=paths.ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    assert json.loads(run.stdout) is False


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda path: path.stem)
def test_chapter_and_teachers_page_say_what_there_is(path):
    chapter = notebooks.read(paths.CHAPTERS / path.name)
    teaching = (paths.CHAPTERS / "teaching.md").read_text()
    (row,) = re.findall(rf"^\| .*exercises/{path.name}.*$", teaching, re.M)
    points, minutes = [0, 0], 0
    for cell in notebooks.read(path).cells:
        role = cell.metadata.get("nbgrader", {})
        if role.get("grade"):
            points[role["solution"]] += role["points"]
        if found := rules.SUBTITLE.match(cell.source):
            title = re.match("## (.+)", cell.source)[1]
            entry = f"{title} ({found[2]} {found[3]}, {found[4]} min)"
            assert entry in row
            minutes += int(found[4])
    assert row.endswith(f"| {points[0]} + {points[1]} |")
    (section,) = (c.source for c in chapter.cells if c.id == "exercises")
    assert f"(exercises/{path.name}) take about {minutes} minutes" in section
