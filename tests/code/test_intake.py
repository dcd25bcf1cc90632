"""What comes out of a course system, and goes back into it."""

import csv
import json
import os
import tomllib
from pathlib import Path

import pytest

from classroom import handout, intake, results, uploads, written
from tests.code.forms import NAME, PACKED, RELEASED, zipped

KNOWN = {
    NAME: RELEASED,
    "02_nonlinearity": handout.exercise(RELEASED),
}
NOTEBOOK = json.dumps(RELEASED).encode()


def taken(folder, members, zip_=True):
    """Return the submissions in a ZIP, or in a folder, of `members`."""
    scratch = folder / "scratch"
    scratch.mkdir(parents=True)
    if zip_:
        (folder / "all.zip").write_bytes(zipped(members))
        return intake.submissions(folder / "all.zip", KNOWN, scratch)
    for at, (name, (content, year)) in enumerate(members.items()):
        path = folder / "all" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (year * 3e7 + at, year * 3e7 + at))
    return intake.submissions(folder / "all", KNOWN, scratch)


@pytest.mark.parametrize("zip_", [True, False], ids=["zip", "folder"])
@pytest.mark.parametrize("how", PACKED)
def test_every_packing_is_unpacked(tmp_path, how, zip_):
    names = "Anna Lee", "Zoë O'Neil"
    members = {}
    for at, name in enumerate(names):
        name = name.lower().replace(" ", "") if "canvas" in how else name
        members |= PACKED[how](name, 4711 + at, NOTEBOOK)
    found = taken(tmp_path, members, zip_)
    assert len(found) == 2
    for one in found:
        assert (one.notebook, one.path.read_bytes()) == (NAME, NOTEBOOK)
        assert bool(one.remarks) == ("versions" in how)
    if "moodle" in how:
        assert [one.number for one in found] == ["4711", "4712"]
        assert found[0].student == "Anna Lee_4711"


def test_folders_around_the_class_are_taken_off(tmp_path):
    inner = PACKED["folder"]("anna", 1, NOTEBOOK)
    inner |= PACKED["folder"]("ben", 2, NOTEBOOK)
    members = {f"week 1/submitted/{name}": it for name, it in inner.items()}
    found = taken(tmp_path, members)
    assert [one.student for one in found] == ["anna", "ben"]


def test_what_is_no_notebook_is_told(tmp_path):
    members = {
        "anna/01_definition.pdf": (b"", 2026),
        "ben/other.ipynb": (b"{}", 2026),
        "carl/data.csv": (b"", 2026),
        f"carl/{NAME}.ipynb": (NOTEBOOK, 2026),
        "dora/01_definition.rar": (b"Rar!", 2026),
        "dora/.hidden.ipynb": (NOTEBOOK, 2026),
        "stray.txt": (b"", 2026),
    }
    found = taken(tmp_path, members, zip_=False)
    (tmp_path / "all" / "emil").mkdir()
    (tmp_path / "all" / "fred").symlink_to(tmp_path / "all" / "carl")
    found = intake.submissions(tmp_path / "all", KNOWN, tmp_path / "scratch")
    assert [(one.student, one.notebook, one.remarks) for one in found] == [
        ("anna", "", ["no notebook, but 01_definition.pdf"]),
        (
            "ben",
            "other",
            ["none of the book's exercises, such as 01_definition"],
        ),
        ("carl", NAME, []),
        ("dora", "", ["no notebook, but 01_definition.rar"]),
        ("emil", "", ["no notebook in this folder"]),
        ("fred", "fred", ["a link"]),
        ("stray.txt", "", ["not a notebook"]),
    ]


def test_an_unknown_name_is_known_by_its_questions(tmp_path):
    members = {"anna/Untitled.ipynb": (NOTEBOOK, 2026)}
    members["ben/Untitled.ipynb"] = (NOTEBOOK, 2026)
    known = {NAME: RELEASED}
    (tmp_path / "scratch").mkdir()
    (tmp_path / "all.zip").write_bytes(zipped(members))
    found = intake.submissions(
        tmp_path / "all.zip", known, tmp_path / "scratch"
    )
    assert [one.notebook for one in found] == [NAME, NAME]


def test_names_in_a_zip_are_no_paths(tmp_path):
    members = {
        "../../evil.ipynb": (NOTEBOOK, 2026),
        f"anna/../../{NAME}.ipynb": (NOTEBOOK, 2026),
        f"ben/{NAME}.ipynb": (NOTEBOOK, 2026),
    }
    found = taken(tmp_path / "x", members)
    assert {one.student for one in found} == {"ben"}
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {
        "all.zip",
        "0",
    }


# --- back ---


WORKSHEET = """\
Identifier,Full name,ID number,Email address,Status,Grade,Maximum Grade,\
Grade can be changed,Last modified (submission),Last modified (grade),\
Feedback comments
Participant 4711,Anna Lee,s1,anna@example.org,Submitted for grading,,17.00,\
Yes,"Monday, 30 November 2026, 9:00 AM",-,
Participant 4712,Zoë O'Neil,s2,zoe@example.org,No submission,,17.00,Yes,-,-,
"""
GRADEBOOK = """\
Student,ID,SIS User ID,SIS Login ID,Section,Exercises 1 (88),Quiz (89),\
Current Score
    Points Possible,,,,,17.00,5.00,(read only)
"Lee, Anna",4711,s1,anna@example.org,Mondays,,3.00,60
"O'Neil, Zoë",4712,s2,zoe@example.org,Mondays,,4.00,80
"""


def entry(student, system="", number="", upload=""):
    check = {
        "name": "c",
        "exercise": 1,
        "worth": 2,
        "score": 2,
        "written": False,
    }
    words = {
        "name": "w",
        "exercise": 1,
        "worth": 3,
        "score": None,
        "written": True,
    }
    return {
        "student": student,
        "notebook": NAME,
        "remarks": [],
        "system": system,
        "number": number,
        "upload": upload,
        "left": [],
        "ran": None,
        "cells": [
            check | {"counts": True, "asked": "", "answer": ""},
            words
            | {"counts": False, "asked": "Why?", "answer": "=cmd|' /C'!A0"},
        ],
    }


def filled(tmp_path, text, entries, column=None):
    path = tmp_path / "roster.csv"
    path.write_text(text, encoding="utf-8-sig")
    given = uploads.roster(path, column)
    rows = [results.row(one) for one in entries]
    ((name, (fields, lines)),) = uploads.tables(entries, rows, given).items()
    return name, fields, lines, given


def test_moodles_worksheet_keeps_all_but_grade_and_comment(tmp_path):
    one = entry("Anna Lee_4711", "moodle", "4711")
    name, fields, lines, given = filled(tmp_path, WORKSHEET, [one])
    before = list(csv.DictReader(WORKSHEET.splitlines()))
    assert name == "moodle.csv" and fields == list(before[0])
    assert lines[0] == before[0] | {
        "Grade": "2",
        "Feedback comments": "01_definition: 2 of 2",
    }
    assert lines[1] == before[1]
    assert uploads.strangers([one, entry("x")], given) == ["x"]
    (tmp_path / "graded").mkdir()
    (tmp_path / "graded" / "roster.json").write_text(json.dumps(given))
    results.save(tmp_path, one)
    results.write(tmp_path)
    text = (tmp_path / "moodle.csv").read_text(encoding="utf-8-sig")
    assert list(csv.DictReader(text.splitlines())) == lines  # "-" stays "-"


def test_canvas_gradebook_keeps_all_but_the_column(tmp_path):
    one = entry("leeanna_4711", "canvas", "4711")
    name, fields, lines, _ = filled(tmp_path, GRADEBOOK, [one], "Exercises 1")
    before = list(csv.DictReader(GRADEBOOK.splitlines()))
    assert name == "canvas.csv" and fields == list(before[0])
    assert lines[1] == before[1] | {"Exercises 1 (88)": "2"}
    assert [lines[0], lines[2]] == [before[0], before[2]]


@pytest.mark.parametrize(
    "text, student",
    [
        (WORKSHEET, "anna@example.org"),
        (WORKSHEET, "s1"),
        (GRADEBOOK, "anna@example.org"),
        (GRADEBOOK, "Anna Lee"),
    ],
)
def test_plain_folders_are_found_by_e_mail_number_or_name(
    tmp_path, text, student
):
    *_, lines, given = filled(tmp_path, text, [entry(student)], "Exercises 1")
    assert sum(line[given["column"]] == "2" for line in lines) == 1


def test_a_gradebook_with_two_assignments_wants_a_column(tmp_path):
    with pytest.raises(uploads.BadRoster, match="Exercises 1.*Quiz"):
        filled(tmp_path, GRADEBOOK, [])


@pytest.mark.parametrize(
    "system, upload, place",
    [
        (
            "moodle",
            "Anna Lee_4711_assignsubmission_file_",
            "Anna Lee_4711_assignsubmission_file_/01_definition.html",
        ),
        (
            "moodle",
            "Anna Lee_4711_assignsubmission_file_01_definition.ipynb",
            "Anna Lee_4711_assignsubmission_file_01_definition.html",
        ),
        (
            "canvas",
            "leeanna_4711_99_01_definition-1.ipynb",
            "leeanna_4711_99_01_definition-1.html",
        ),
        ("", "anna/01_definition (1).ipynb", "anna/01_definition.html"),
    ],
)
def test_feedback_goes_back_under_the_name_that_came(system, upload, place):
    assert uploads.place(entry("anna", system, "1", upload)) == place


# --- points by hand ---


def points(text, row="anna,01_definition,w,{}"):
    entries = [entry("anna"), entry("ben")]
    entries[1]["cells"][1] |= {"answer": "", "score": 0}
    table = f"student,notebook,question,points\r\n{row.format(text)}\r\n"
    written.enter(entries, table)
    return [results.row(one) for one in entries]


def test_points_count_for_all_once_a_question_is_graded():
    one, other = points("1.5")
    assert (one["total"], one["of"], one["by_hand"]) == ("3.5", "5", "0")
    assert (other["total"], other["of"], other["by_hand"]) == ("2", "5", "0")


def test_an_empty_field_waits():
    one, other = points("")
    assert (one["total"], one["of"], one["by_hand"]) == ("2", "2", "3")
    assert other["of"] == "2"


@pytest.mark.parametrize(
    "text, row, reason",
    [
        ("4", "anna,01_definition,w,{}", "from 0 to 3, such as 1.5, got '4'"),
        ("-1", "anna,01_definition,w,{}", "from 0 to 3"),
        ("nan", "anna,01_definition,w,{}", "from 0 to 3"),
        ("one", "anna,01_definition,w,{}", "got 'one'"),
        ("1", "emil,01_definition,w,{}", "row 2: no written answer emil"),
        ("1", "anna,01_definition,c,{}", "no written answer anna"),
    ],
)
def test_nonsense_points_are_told(text, row, reason):
    with pytest.raises(written.BadPoints, match=reason):
        points(text, row)


def test_the_page_shows_text_as_text():
    one = entry("<b>anna")
    one["cells"][1]["answer"] = "<script>alert(1)</script>"
    page = written.files([one])["by_hand.html"]
    assert "&lt;script&gt;alert" in page and "<b>anna" not in page
    assert "default-src 'none'" in page


def test_a_result_keeps_the_points_of_the_same_answer(tmp_path):
    one = entry("anna")
    one["cells"][1].update(score=2.5, counts=True)
    results.save(tmp_path, one, keep=False)
    results.save(tmp_path, entry("anna"))
    assert results.row(results.load(tmp_path)[0])["total"] == "4.5"
    other = entry("anna")
    other["cells"][1]["answer"] = "another one"
    results.save(tmp_path, other)
    assert results.row(results.load(tmp_path)[0])["total"] == "2"
    assert Path(tmp_path, "graded", "anna").is_dir()


def test_the_page_of_a_result_has_the_points_that_it_kept(
    tmp_path, monkeypatch
):
    one = entry("anna")
    one["cells"][1].update(score=2.5, counts=True)
    results.save(tmp_path, one, keep=False)
    monkeypatch.setattr(
        results.feedback, "of", lambda one: results.row(one)["total"]
    )
    results.save(tmp_path, entry("anna"), "made before")
    (page,) = Path(tmp_path, "feedback", "anna").iterdir()
    assert page.read_text() == "4.5"


def test_who_handed_in_no_notebook_is_told_that_alone():
    one = entry("Emil_4711", "moodle", "4711")
    one.update(cells=[], notebook="", remarks=["no notebook, but a.pdf"])
    tables = uploads.tables([one], [results.row(one)], None)
    _, (line,) = tables["moodle.csv"]
    assert line["Feedback comments"] == "no notebook, but a.pdf"


@pytest.mark.parametrize("name", ["01_definition", "03_sigmoid_tanh"])
def test_what_is_handed_out_installs_what_it_imports(tmp_path, name):
    handout.write(tmp_path, [name])
    needed = (tmp_path / "requirements.txt").read_text().splitlines()
    assert needed[-1] == "-e ."
    assert ("torch>=2" in needed) == (name == "03_sigmoid_tanh")
    project = tomllib.loads((tmp_path / "pyproject.toml").read_text())
    for package in project["tool"]["setuptools"]["packages"]:
        assert (tmp_path / package.replace(".", "/")).is_dir()
