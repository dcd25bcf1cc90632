"""What students hand in, and the grading command on a class of twelve."""

import copy
import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import psutil
import pytest
from nbgrader.utils import is_grade, is_solution

from classroom import grading, handout, submissions

NAME = "01_definition"
SOLUTIONS = sorted(grading.SOLUTIONS.glob("*.ipynb"))
SOLUTION = nbformat.read(grading.SOLUTIONS / f"{NAME}.ipynb", as_version=4)
RELEASED = handout.exercise(SOLUTION)
SLEEP = f"31536{os.getpid()}"  # seconds; no other process sleeps as long

WRITES = f"""
import os, pathlib, subprocess
subprocess.Popen(["sleep", "{SLEEP}"], env={{}}, start_new_session=True)
os.system("nohup sleep {SLEEP} &")
for up in range(4):
    folder = pathlib.Path("../" * up)
    for name in ("grades.csv", "feedback", "anna.ipynb"):
        try:
            (folder / name).write_text("all mine")
        except OSError:
            pass
with open("large", "wb") as file:
    for _ in range(1000):
        file.write(bytes(2**20))
"""
HOARDS = "hoard = []\nwhile True:\n    hoard.append(bytearray(2**28))"
PRINTS = "for _ in range(200):\n    print('x' * 10**5)"


# --- submissions ---


def answered(*names, wrong=None):
    """Return the exercise with the solutions of the cells in `names`.

    Of all, if no names are given. `wrong` maps names to other sources.
    """
    nb = copy.deepcopy(RELEASED)
    for cell, solved in zip(nb.cells, SOLUTION.cells):
        if is_solution(cell) and (not names or cell.id in names):
            cell.source = solved.source
        cell.source = (wrong or {}).get(cell.id, cell.source)
    return nb


def renamed():
    nb = answered()
    for cell in nb.cells:
        if cell.id in ("edges-answer", "edges-relu"):
            cell.metadata.nbgrader.grade_id += "-mine"
    return nb


def without(*names):
    nb = answered()
    nb.cells = [cell for cell in nb.cells if cell.id not in names]
    return nb


def newer():
    nb = answered()
    nb.nbformat, nb.nbformat_minor = 5, 0
    return nb


def with_cell(source, after, nb):
    place = [cell.id for cell in nb.cells].index(after) + 1
    nb.cells.insert(place, nbformat.v4.new_code_cell(source))
    return nb


CLASS = {
    "=perfect": answered(),
    "untouched": RELEASED,
    "half": answered(
        "neuron-answer",
        "edges-answer",
        "rescale-prediction",
        "rescale-why-answer",
    ),
    "wrong": with_cell(
        PRINTS,
        "imports",
        answered(
            wrong={
                "neuron-answer": "grad_w_first = 'a'\ngrad_b_first = None\n"
                "grad_x_first = grad_w_second = []",
                "edges-answer": "def relu(x):\n    return x\n\n\n"
                "def relu_derivative(x):\n    raise ValueError",
                "rescale-prediction": "output_factor = 4\ngradient_factor = 4",
                "backward-answer": "layer_backward = 3 +",
                "moment-answer": "low = high = 0",
            }
        ),
    ),
    "hangs": answered(wrong={"edges-answer": "while True:\n    pass"}),
    "kills": answered(wrong={"backward-answer": "import os\nos._exit(1)"}),
    "hoards": answered(wrong={"moment-answer": HOARDS}),
    "writes": with_cell(WRITES, "imports", answered()),
    "renames": renamed(),
    "deletes": without(
        "imports-text",
        "backward",
        "backward-answer",
        "backward-check",
        "moment-why-answer",
    ),
    "not json": "{'cells': []}",
    "newer": newer(),
}


# --- the class, graded once ---


def points(*, lost=(), by_hand=()):
    """Return the points of a row: all but the check cells in `lost`.

    `by_hand` are the written answers that are there.
    """
    exercises, number = {}, None
    worth = {
        cell.id: cell.metadata.nbgrader.points
        for cell in SOLUTION.cells
        if "points" in cell.metadata.get("nbgrader", {})
    }
    for cell in SOLUTION.cells:
        if heading := re.match(r"## (\d)\.", cell.source):
            number = f"exercise_{heading[1]}"
        if cell.cell_type == "code" and cell.id in worth:
            exercises.setdefault(number, 0)
            exercises[number] += worth[cell.id] * (cell.id not in lost)
    of = sum(
        worth[cell.id]
        for cell in SOLUTION.cells
        if cell.cell_type == "code" and cell.id in worth
    )
    row = {
        **exercises,
        "total": sum(exercises.values()),
        "of": of,
        "by_hand": sum(worth[name] for name in by_hand),
    }
    return {field: str(value) for field, value in row.items()}


def ids(kind, grade):
    return [
        cell.id
        for cell in SOLUTION.cells
        if cell.cell_type == kind
        and cell.metadata.get("nbgrader", {}).get("grade") == grade
    ]


CHECKS = ids("code", True)
WRITTEN = ids("markdown", True)
EXPECTED = {
    "'=perfect": points(by_hand=WRITTEN),
    "untouched": points(lost=CHECKS),
    "half": points(
        lost=("backward-check", "moment-check"),
        by_hand=("rescale-why-answer",),
    ),
    "wrong": points(lost=set(CHECKS) - {"rescale-check"}, by_hand=WRITTEN),
    "hangs": points(lost=("edges-relu", "edges-derivative"), by_hand=WRITTEN),
    "kills": points(lost=("backward-check", "moment-check"), by_hand=WRITTEN)
    | {"remarks": "the kernel died in cell backward-answer"},
    "hoards": points(lost=("moment-check",), by_hand=WRITTEN),
    "writes": points(by_hand=WRITTEN),
    "renames": points(by_hand=WRITTEN)
    | {"remarks": "renamed, found by cell id: edges-answer, edges-relu"},
    "deletes": points(
        lost=("backward-check",), by_hand=set(WRITTEN) - {"moment-why-answer"}
    )
    | {
        "remarks": "missing: backward-answer, backward-check, "
        "moment-why-answer"
    },
    "not json": {"remarks": "not a notebook: the text is not JSON"},
    "newer": points(by_hand=WRITTEN)
    | {"remarks": "notebook format 5.0 was read as if it were 4"},
}


# One worker grades the class, once for all tests that look at it.
of_the_class = pytest.mark.xdist_group("class")


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """Grade the class with the command; return what it left."""
    folder = tmp_path_factory.mktemp("class")
    submissions, results = folder / "submissions", folder / "new" / "results"
    for student, nb in CLASS.items():
        path = submissions / student / f"{NAME}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(nb if isinstance(nb, str) else json.dumps(nb))
    before = tree(submissions)
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "classroom.grading",
            os.path.relpath(submissions, grading.ROOT),
            os.path.relpath(results, grading.ROOT),
            "--timeout",
            "10",
        ],
        cwd=grading.ROOT,
        capture_output=True,
        text=True,
    )
    print(run.stdout, run.stderr)
    assert run.returncode == 0, run.stderr
    text = (results / "grades.csv").read_text(encoding="utf-8")
    print(text)
    return SimpleNamespace(
        rows=list(csv.DictReader(text.splitlines())),
        results=results,
        printed=run.stdout.splitlines(),
        folder=folder,
        untouched=before == tree(submissions),
    )


def tree(folder):
    return {
        path: path.is_file() and path.read_bytes()
        for path in folder.rglob("*")
    }


@of_the_class
def test_csv_of_the_class(graded):
    blank = dict.fromkeys(grading.FIELDS, "")
    assert graded.rows == [
        blank | {"student": student, "notebook": NAME} | EXPECTED[student]
        for student in sorted(EXPECTED)
    ]


@of_the_class
def test_a_line_for_each_submission_and_the_total_time(graded):
    *lines, last = graded.printed
    assert sorted(line.split("  ")[0] for line in lines) == sorted(CLASS)
    assert re.match(r"12 submissions in \d+ s; see .*grades.csv$", last)


@of_the_class
def test_feedback_for_all_that_could_be_graded(graded):
    assert {
        path.relative_to(graded.results).as_posix()
        for path in graded.results.rglob("*")
        if path.is_file()
    } == {
        "grades.csv",
        *(
            f"feedback/{student}/{NAME}.html"
            for student in CLASS
            if student != "not json"
        ),
    }


@of_the_class
def test_feedback_loads_nothing_and_runs_no_script(graded):
    for page in graded.results.rglob("*.html"):
        html = page.read_text(encoding="utf-8")
        assert html.index("default-src 'none'") < html.index("<body")
        assert "<script" not in html
        assert not re.search(r"(src=|url\()[\"']?(https?:)?//", html)


@of_the_class
def test_feedback_shows_what_came_and_not_all_of_it(graded):
    html = (graded.results / "feedback" / "wrong" / f"{NAME}.html").read_text(
        encoding="utf-8"
    )
    assert "Hint:" in html and "xxxxxxxx" in html
    assert len(html) < 3 * grading.LONGEST


@of_the_class
def test_submissions_write_nothing_outside_and_leave_no_process(graded):
    assert graded.untouched
    assert {path.name for path in graded.folder.iterdir()} == {
        "submissions",
        "new",
    }
    left = [
        process.cmdline()
        for process in psutil.process_iter(["cmdline"])
        if SLEEP in (process.info["cmdline"] or ())
    ]
    assert not left


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
    graded, more = submissions.transplant(handout.exercise(solution), cells)
    assert remarks == more == []
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
        (" " * (submissions.LARGEST + 1), "larger than 20 MB"),
    ],
    ids=["text", "empty", "deep", "list", "format-3", "bytes", "large"],
)
def test_what_is_no_notebook(tmp_path, text, reason):
    path = tmp_path / "x.ipynb"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(submissions.Ungraded, match=reason):
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


def test_folders_of_students(tmp_path):
    for name in (
        "anna/01_definition.ipynb",
        "anna/data.csv",
        "anna/.x.ipynb",
        "ben/01_definition (1).ipynb",
        "stray.ipynb",
        ".DS_Store",
        "zoe/01_definition.ipynb/x",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    (tmp_path / "carl").mkdir()
    (tmp_path / "dora").symlink_to(tmp_path / "anna")
    assert list(grading.submissions(tmp_path)) == [
        ("anna", NAME, tmp_path / "anna" / f"{NAME}.ipynb", ""),
        (
            "ben",
            "01_definition (1)",
            None,
            "none of the book's exercises, such as 01_definition",
        ),
        ("carl", "", None, "no notebook in this folder"),
        ("dora", "", None, "not a folder of a student"),
        ("stray.ipynb", "", None, "not a folder of a student"),
        ("zoe", NAME, tmp_path / "zoe" / f"{NAME}.ipynb", ""),
    ]


# --- putting answers into the notebook handed out ---


def transplanted(nb, tmp_path):
    path = tmp_path / f"{NAME}.ipynb"
    path.write_text(json.dumps(nb))
    return submissions.transplant(RELEASED, submissions.read(path)[0])


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
        "missing: edges-answer, edges-relu",
        "renamed, found by cell id: moment-answer",
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


def test_no_text_of_a_student_is_a_formula(tmp_path):
    names = ["=1+1", "+1", "-1", "@x", "\t=1", 'anna, "b"', "\udcff", ""]
    grading.write(
        tmp_path,
        [
            {"student": name, "notebook": "x", "remarks": name}
            for name in names
        ],
    )
    with open(tmp_path / "grades.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["student"] for row in rows] == [
        "'=1+1",
        "'+1",
        "'-1",
        "'@x",
        "'\t=1",
        'anna, "b"',
        "\\udcff",
        "",
    ]
    assert [row["remarks"] for row in rows] == [row["student"] for row in rows]


# --- arguments ---


@pytest.mark.parametrize(
    "arguments, message",
    [
        (
            ["{}/none", "{}/new"],
            "SUBMISSIONS must be a folder with a folder per "
            "student, such as submissions, got '{}/none'",
        ),
        (
            ["{}", "{}/old"],
            "RESULTS must be a new folder, such as results-2; '{}/old' exists",
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
