"""What students hand in, put into what was handed out; the command's words."""

import copy
import csv
import json
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbgrader.utils import is_grade, is_solution

from classroom import grading, handout, submissions
from classroom.tables import table
from tests.code.forms import (
    NAME,
    RELEASED,
    answered,
    with_cell,
    without,
)

SOLUTIONS = sorted(grading.SOLUTIONS.glob("*.ipynb"))


# --- all exercises ---


def solved(path):
    """Return a solution, and the exercise with its answers filled in."""
    solution = nbformat.read(path, as_version=4)
    nb = handout.exercise(solution)
    for cell, right in zip(nb.cells, solution.cells):
        if is_solution(cell):
            cell.source = right.source
    return solution, nb


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda path: path.stem)
def test_what_is_graded_of_right_answers_is_the_solution(tmp_path, path):
    # Without hidden tests, which nbgrader puts back. The build and
    # tests/code/exercises run them, as a part of the solution.
    solution, nb = solved(path)
    (tmp_path / path.name).write_text(json.dumps(nb))
    cells, remarks = submissions.read(tmp_path / path.name)
    graded, more, unanswered, left = submissions.transplant(
        handout.exercise(solution), cells
    )
    assert remarks == more == left == [] and not unanswered
    assert sources(graded) == sources(nb)
    for cell, right in zip(graded.cells, solution.cells):
        code, begin, _ = right.source.partition("### BEGIN HIDDEN TESTS")
        if right.id != "title":
            assert cell.source.strip() == code.strip(), cell.id
        assert not begin or is_grade(cell)


# The first one with torch, and the one that takes longest.
@pytest.mark.parametrize("name", ["03_sigmoid_tanh", "10_in_practice"])
def test_right_answers_earn_all_points(tmp_path, name):
    student = tmp_path / "class" / "student"
    student.mkdir(parents=True)
    _, nb = solved(grading.SOLUTIONS / f"{name}.ipynb")
    (student / f"{name}.ipynb").write_text(json.dumps(nb))
    subprocess.run(
        [
            sys.executable,
            "-m",
            "classroom.grading",
            tmp_path / "class",
            tmp_path / "results",
        ],
        cwd=grading.ROOT,
        check=True,
    )
    text = (tmp_path / "results" / "grades.csv").read_text(encoding="utf-8")
    (row,) = csv.DictReader(text.splitlines())
    assert row["total"] == row["of"] and not row["remarks"], row


# --- reading ---


@pytest.mark.parametrize(
    "text, reason",
    [
        ("{'cells': []}", "not JSON"),
        ("", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "no list of cells"),
        ('{"worksheets": [], "nbformat": 3}', "no list of cells"),
        (b"\xff\xff", "not JSON"),
    ],
    ids=["text", "empty", "deep", "list", "format-3", "bytes"],
)
def test_what_is_no_notebook(tmp_path, text, reason):
    path = tmp_path / "x.ipynb"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(submissions.Ungraded, match=reason):
        submissions.read(path)


def test_what_is_too_large_is_not_read(tmp_path):
    path = tmp_path / "x.ipynb"
    with open(path, "wb") as file:
        file.truncate(submissions.LARGEST + 1)
    with pytest.raises(submissions.Ungraded, match="larger than 300 MB"):
        submissions.read(path)


def test_links_and_folders_are_not_read(tmp_path):
    (tmp_path / "a.ipynb").write_text(json.dumps(RELEASED))
    (tmp_path / "b.ipynb").symlink_to(tmp_path / "a.ipynb")
    (tmp_path / "c.ipynb").mkdir()
    assert submissions.read(tmp_path / "a.ipynb")
    for name in ("b.ipynb", "c.ipynb"):
        with pytest.raises(submissions.Ungraded, match="a link or a folder"):
            submissions.read(tmp_path / name)


def test_odd_cells_become_valid_ones(tmp_path):
    path = tmp_path / "x.ipynb"
    path.write_text(
        json.dumps(
            {
                "nbformat": 4,
                "nbformat_minor": 9,
                "cells": [
                    7,
                    {"source": ["a", 1], "cell_type": "code", "metadata": []},
                    {"source": "\ud800", "cell_type": "x", "id": 3},
                ],
            }
        )
    )
    cells, remarks = submissions.read(path)
    assert remarks == []
    assert [(cell.cell_type, cell.source) for cell in cells] == [
        ("raw", ""),
        ("code", "a1"),
        ("raw", "?"),
    ]


# --- putting answers into the notebook handed out ---


def transplanted(nb, tmp_path):
    path = tmp_path / f"{NAME}.ipynb"
    path.write_text(json.dumps(nb))
    placed = submissions.transplant(RELEASED, submissions.read(path)[0])
    return placed.notebook, placed.remarks


def sources(nb):
    return [(cell.id, cell.cell_type, cell.source) for cell in nb.cells]


@pytest.mark.parametrize("minor", [4, 5], ids=["no-cell-ids", "cell-ids"])
def test_answers_come_over_and_the_rest_stays(tmp_path, minor):
    nb = answered()
    if minor == 4:
        for cell in nb.cells:
            del cell["id"]
    graded, remarks = transplanted(nb, tmp_path)
    assert (sources(graded), remarks) == (sources(answered()), [])
    nbformat.validate(graded)


def test_checks_and_locked_cells_are_those_handed_out(tmp_path):
    nb = answered(
        wrong={
            "edges-relu": "pass",
            "rescale-run": "pass",
            "imports": "import os",
            "moment-reproduce": "print('mine')",
        }
    )
    nb.cells.reverse()
    graded, remarks = transplanted(nb, tmp_path)
    assert remarks == []
    assert sources(graded) == sources(
        answered(
            wrong={"imports": "import os", "moment-reproduce": "print('mine')"}
        )
    )


def test_an_answer_keeps_its_type_and_loses_its_tags(tmp_path):
    nb = answered()
    place = [cell.id for cell in nb.cells].index("edges-answer")
    cell = nbformat.v4.new_markdown_cell("words", id="edges-answer")
    cell.metadata = nb.cells[place].metadata | {"tags": ["skip-execution"]}
    nb.cells[place] = cell
    graded, _ = transplanted(nb, tmp_path)
    assert graded.cells[place].cell_type == "code"
    assert graded.cells[place].source == "words"
    assert "tags" not in graded.cells[place].metadata


def test_cells_added_follow_the_cell_that_they_followed(tmp_path):
    nb = with_cell("b", "edges", with_cell("", "edges", answered()))
    nb.cells.insert(0, nbformat.v4.new_raw_cell("a"))
    graded, remarks = transplanted(nb, tmp_path)
    names = [cell.id for cell in graded.cells]
    place = names.index("edges")
    assert names[0] == "added-1" and graded.cells[0].source == "a"
    assert names[place + 1] == f"added-{place + 2}"
    assert graded.cells[place + 1].source == "b"
    assert len(names) == len(RELEASED.cells) + 2 and remarks == []


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_of_copies_the_original_counts(tmp_path, before):
    nb = answered()
    place = [cell.id for cell in nb.cells].index("edges-answer")
    twin = copy.deepcopy(nb.cells[place]) | {"id": "twin", "source": "pass"}
    nb.cells.insert(place + (not before), twin)
    graded, remarks = transplanted(nb, tmp_path)
    (answer,) = (cell for cell in graded.cells if cell.id == "edges-answer")
    assert answer.source == sources(answered())[place][2]
    assert remarks == ["copied, the original counts: edges-answer"]
    (added,) = (cell for cell in graded.cells if cell.id.startswith("added"))
    assert added.source == "pass" and "nbgrader" not in added.metadata


def test_missing_and_renamed_cells_are_told(tmp_path):
    nb = without("title", "edges", "edges-answer", "edges-relu")
    for cell in nb.cells:
        if cell.id == "moment-answer":
            del cell.metadata["nbgrader"]
    graded, remarks = transplanted(nb, tmp_path)
    assert remarks == [
        "renamed, found by cell id: moment-answer",
        "missing: edges-answer, edges-relu",
    ]
    assert sources(graded) == sources(
        answered(
            wrong={
                "edges-answer": next(
                    cell.source
                    for cell in RELEASED.cells
                    if cell.id == "edges-answer"
                )
            }
        )
    )


# --- what is written ---


def test_no_text_of_a_student_is_a_formula():
    names = ["=1+1", "+1 a", "-1 a", "@x", "\t=1", 'anna, "b"', ""]
    text = table(["student"], [{"student": name} for name in names])
    rows = [row["student"] for row in csv.DictReader(text.splitlines())]
    assert rows == [
        "'=1+1",
        "'+1 a",
        "'-1 a",
        "'@x",
        "'\t=1",
        'anna, "b"',
        "",
    ]


# --- arguments ---


@pytest.mark.parametrize(
    "arguments, message",
    [
        (
            ["{}/none", "{}/new"],
            "SUBMISSIONS must be a ZIP, or a folder with a folder per "
            "student, such as submissions, got '{}/none'",
        ),
        (
            ["{}", "{}/old"],
            "RESULTS must be a new folder, such as results-2; '{}/old' exists; "
            "--resume goes on in it",
        ),
        (
            ["{}", "{}/old", "--resume"],
            "RESULTS must be what an earlier run left, such as results, got "
            "'{}/old'",
        ),
        (
            ["{}/old/grades.csv", "{}-new"],
            "SUBMISSIONS must be a ZIP or a folder, such as submissions.zip, "
            "got '{}/old/grades.csv'",
        ),
        (
            ["{}", "{}-new", "--column", "Exercises 1"],
            "--column belongs to --roster, such as gradebook.csv",
        ),
        (
            ["{}", "{}-new", "--roster", "{}/old/grades.csv"],
            "the table must be Moodle's grading worksheet, with the columns "
            "Identifier and Grade, or Canvas's gradebook",
        ),
        (
            ["{}", "{}/new"],
            "RESULTS must lie outside of SUBMISSIONS, such as "
            "results, got '{}/new'",
        ),
        (
            ["{}", "{}-new", "--timeout", "0"],
            "must be a whole number of seconds such as 30, got '0'",
        ),
        (
            ["{}", "{}-new", "--timeout", "1.5"],
            "must be a whole number of seconds such as 30, got '1.5'",
        ),
        (["{}"], "required: RESULTS"),
    ],
)
def test_bad_arguments(tmp_path, capsys, arguments, message):
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "grades.csv").write_text("kept")
    with pytest.raises(SystemExit, match="2"):
        grading.main([text.format(tmp_path) for text in arguments])
    assert message.format(*[tmp_path] * 2) in " ".join(
        capsys.readouterr().err.split()
    )
    assert (tmp_path / "old" / "grades.csv").read_text() == "kept"
    assert not Path(f"{tmp_path}-new").exists()


def test_other_systems_are_told(tmp_path, capsys, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(grading.sys, "platform", "win32")
        with pytest.raises(SystemExit, match="2"):
            grading.main([str(tmp_path), f"{tmp_path}-new"])
    assert "Linux or macOS" in " ".join(capsys.readouterr().err.split())
