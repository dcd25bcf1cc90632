"""What grading leaves: a table, pages, and files for the course system.

Each submission's result is stored as it comes, in RESULTS/graded; all else is
written from there, again and again.
"""

import json
import os
import zipfile
from pathlib import Path

from classroom import feedback, uploads, written
from classroom.tables import safe, table

FIELDS = (
    "student",
    "notebook",
    *(f"exercise_{n}" for n in range(1, 7)),
    "total",
    "of",
    "by_hand",
    "remarks",
)


def save(folder, entry, html="", keep=True):
    """Store the result of a submission, and its feedback, in `folder`.

    Unless `keep` is false, points that a teacher gave stay with an answer
    that is still the same.
    """
    path = folder / "graded" / entry["student"] / f"{entry['notebook']}.json"
    if keep and path.is_file():
        before = json.loads(path.read_text(encoding="utf-8"))
        given = {
            cell["name"]: cell for cell in before["cells"] if cell["written"]
        }
        for cell in entry["cells"]:
            old = given.get(cell["name"])
            if old and old["answer"] == cell["answer"]:
                cell.update(score=old["score"], counts=old["counts"])
        # The page was made before they were known.
        html = html and feedback.of(entry)
    _write(path, json.dumps(entry))
    page = folder / "feedback" / entry["student"] / f"{entry['notebook']}.html"
    if html:
        _write(page, html)
    else:
        page.unlink(missing_ok=True)


def _write(path, text):
    """Write a file so that it is whole at any time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.half")
    half.write_text(text, encoding="utf-8", errors="backslashreplace")
    os.replace(half, path)


def load(folder):
    """Return all results that are stored in `folder`, sorted by student."""
    entries = [
        json.loads(path.read_text(encoding="utf-8"))
        for path in (folder / "graded").glob("*/*.json")
    ]
    return sorted(entries, key=lambda one: (one["student"], one["notebook"]))


def row(entry):
    """Return the row of grades.csv for a stored result.

    >>> check = {"exercise": 1, "worth": 2, "score": 2, "written": False}
    >>> words = {"exercise": 1, "worth": 3, "score": None, "written": True,
    ...          "counts": False}
    >>> entry = {"student": "anna", "notebook": "01_definition",
    ...          "remarks": [], "cells": [check, words]}
    >>> found = row(entry)
    >>> found["exercise_1"], found["total"], found["of"], found["by_hand"]
    ('2', '2', '2', '3')
    """
    numbers = {}
    if entry["cells"]:
        numbers = dict.fromkeys(("total", "of", "by_hand"), 0)
    for cell in entry["cells"]:
        if not cell["written"] or cell["counts"]:
            field = f"exercise_{cell['exercise']}"
            numbers[field] = numbers.get(field, 0) + (cell["score"] or 0)
            numbers["total"] += cell["score"] or 0
            numbers["of"] += cell["worth"]
        if cell["score"] is None:
            numbers["by_hand"] += cell["worth"]
    return {
        "student": entry["student"],
        "notebook": entry["notebook"],
        **{field: f"{value:g}" for field, value in numbers.items()},
        "remarks": "; ".join(entry["remarks"]),
    }


def write(folder):
    """Write the tables and packages from what is stored; return the rows."""
    entries = load(folder)
    rows = [row(entry) for entry in entries]
    _write(folder / "grades.csv", table(FIELDS, rows))
    for name, text in written.files(entries).items():
        _write(folder / name, text)
    roster = folder / "graded" / "roster.json"
    given = json.loads(roster.read_text()) if roster.is_file() else None
    for name, (fields, lines) in uploads.tables(entries, rows, given).items():
        # What the course system wrote goes back as it came.
        theirs = given and name == f"{given['system']}.csv"
        text = table(fields, lines, str if theirs else safe)
        # Spreadsheets take a file for UTF-8 by its byte-order mark.
        _write(folder / name, "\ufeff" + text)
    _pack(folder, entries)
    return rows


def _pack(folder, entries):
    """Put all feedback into the ZIP that the course system takes back."""
    half = folder / ".feedback.zip.half"
    with zipfile.ZipFile(half, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry in entries:
            page = Path(entry["student"], f"{entry['notebook']}.html")
            if (folder / "feedback" / page).is_file():
                archive.write(folder / "feedback" / page, uploads.place(entry))
    os.replace(half, folder / "feedback.zip")
