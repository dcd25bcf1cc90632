"""Each rule for exercises catches its fault."""

import copy

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from classroom import handout
from tools import execute, notebooks, rules


def nbgrader(id_, **roles):
    plain = {"grade": False, "locked": False, "solution": False}
    return {
        "grade_id": id_,
        "schema_version": 3,
        "task": False,
        **plain,
        **roles,
    }


def clean():
    """Return solutions in which no rule is broken."""
    nb = new_notebook(metadata=notebooks.METADATA)
    nb.cells.append(
        new_markdown_cell(
            "# Solutions 1: doubling\n\nFour exercises, about 40 minutes.",
            id="title",
        )
    )
    kinds = ("on paper", "code", "prediction", "experiment")
    for number, kind in enumerate(kinds, start=1):
        name = kind.replace(" ", "-")
        nb.cells += [
            new_markdown_cell(
                f"## {number}. Double it\n\n*★★ · {kind} · 10 minutes*\n\n"
                "What is twice 2, and why?",
                id=name,
            ),
            new_code_cell(
                "double = ...\n### BEGIN SOLUTION\ndouble = 4\n"
                "### END SOLUTION",
                id=f"{name}-answer",
                metadata={
                    "nbgrader": nbgrader(f"{name}-answer", solution=True),
                    "tags": ["hide-input"],
                    "mystnb": {"code_prompt_show": "Solution"},
                },
            ),
            new_code_cell(
                "feedback = double == 4\nprint(feedback)\n"
                "### BEGIN HIDDEN TESTS\nassert feedback\n"
                "### END HIDDEN TESTS",
                id=f"{name}-check",
                metadata={
                    "nbgrader": nbgrader(
                        f"{name}-check", grade=True, locked=True, points=2
                    )
                },
            ),
            new_markdown_cell(
                ":::{dropdown} Solution\nBecause 2 + 2 is 4.\n:::",
                id=f"{name}-why",
                metadata={
                    "nbgrader": nbgrader(
                        f"{name}-why", grade=True, solution=True, points=1
                    )
                },
            ),
        ]
    return nb


def find(nb, id_):
    return next(cell for cell in nb.cells if cell.id == id_)


def source(id_, old, new):
    def change(nb):
        cell = find(nb, id_)
        assert old in cell.source
        cell.source = cell.source.replace(old, new)

    return change


def role(id_, **values):
    return lambda nb: find(nb, id_).metadata.nbgrader.update(values)


def drop(id_, key):
    return lambda nb: find(nb, id_).metadata.pop(key)


def no_points(nb):
    drop("code-check", "nbgrader")(nb)
    drop("code-why", "nbgrader")(nb)


def only_three(nb):
    # The code exercise goes, and its kind and number to another one.
    nb.cells = [c for c in nb.cells if not c.id.startswith("code")]
    source(
        "prediction",
        "3. Double it\n\n*★★ · prediction",
        "2. Double it\n\n*★★ · code",
    )(nb)
    source(
        "experiment",
        "4. Double it\n\n*★★ · experiment · 10",
        "3. Double it\n\n*★★ · experiment · 20",
    )(nb)


FAULTS = {
    "title": (source("title", "Solutions 1: d", "D"), ["title: the title"]),
    "minutes": (
        source("title", "40", "45"),
        ["title: does not say 'about 40 minutes'"],
    ),
    "subtitle": (
        source("code", "★★", "medium"),
        ["code: an exercise starts with"],
    ),
    "numbers": (
        source("code", "## 2.", "## 5."),
        ["notebook: the exercises are not numbered"],
    ),
    "kinds": (
        source("code", "· code ·", "· on paper ·"),
        ["notebook: kinds lacking or unknown: ['code']"],
    ),
    "count": (
        only_three,
        ["notebook: 3 exercises", "notebook: kinds lacking or unknown"],
    ),
    "points": (no_points, ["code: nothing in this exercise has points"]),
    "grade id": (
        role("code-check", grade_id="other"),
        ["code-check: grade_id and id differ"],
    ),
    "graded without points": (
        role("code-check", points=0),
        ["code-check: is graded and has no points"],
    ),
    "open check": (
        role("code-check", locked=False),
        ["code-check: is neither the student's nor locked"],
    ),
    "no hidden test": (
        source("code-check", "HIDDEN", "OTHER"),
        ["code-check: has no ### BEGIN HIDDEN TESTS"],
    ),
    "a hidden test of the answer": (
        source("code-check", "assert feedback", "assert double < 5"),
        ["code-check: its hidden test asserts something of double: grading"],
    ),
    "no solution": (
        source("code-answer", "BEGIN SOLUTION", "SOLUTION"),
        ["code-answer: has no ### BEGIN SOLUTION"],
    ),
    "shown solution": (
        drop("code-answer", "tags"),
        ["code-answer: is not tagged hide-input"],
    ),
    "unnamed solution": (
        drop("code-answer", "mystnb"),
        ["code-answer: mystnb.code_prompt_show"],
    ),
    "open prose": (
        source("code-why", ":::{dropdown} Solution", "So: "),
        ["code-why: starts with :::{dropdown} Solution"],
    ),
}


def test_clean_solutions_break_no_rule():
    assert list(rules.exercise_rules(clean())) == []


@pytest.mark.parametrize(("change", "messages"), FAULTS.values(), ids=FAULTS)
def test_rule_catches_its_fault(change, messages):
    nb = clean()
    change(nb)
    found = list(rules.exercise_rules(nb))
    assert len(found) == len(messages), found
    for one, message in zip(found, messages, strict=True):
        assert one.startswith(message)


def test_chapter_with_an_exercise_in_it_breaks_a_rule():
    assert (
        "code-why: has nbgrader's metadata, which belongs to exercises"
        in rules.beats(clean())
    )


def test_exercise_is_the_solutions_without_solutions():
    before = clean()
    nb = handout.exercise(copy.deepcopy(before))
    assert nb.cells[0].source.startswith("# Exercises 1: doubling")
    assert find(nb, "code-answer").source == "double = ...\n# Your code here."
    assert find(nb, "code-check").source == (
        "feedback = double == 4\nprint(feedback)"
    )
    assert find(nb, "code-why").source == "*Your answer here.*"
    assert not find(nb, "code-check").metadata.editable
    for cell in nb.cells:
        assert not {"tags", "mystnb"} & set(cell.metadata)


def test_making_an_exercise_leaves_the_solutions_alone():
    nb = clean()
    handout.exercise(nb)
    assert nb == clean()


def test_executing_solutions_stores_the_exercise(tmp_path, monkeypatch):
    for folder in ("SOLUTIONS", "EXERCISES"):
        (tmp_path / folder).mkdir()
        for module in (execute, rules):
            monkeypatch.setattr(module, folder, tmp_path / folder)
    path = tmp_path / "SOLUTIONS" / "01_doubling.ipynb"
    path.write_text(notebooks.dumps(clean()), encoding="utf-8")
    assert rules.stale(path)
    execute.main([str(path)])
    assert not rules.stale(path)
    exercise = tmp_path / "EXERCISES" / path.name
    exercise.write_text(exercise.read_text() + "\n")
    assert rules.stale(path)
