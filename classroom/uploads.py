"""Grades in the form that Moodle and Canvas take back."""

import csv
import re
from collections import defaultdict

from classroom.tables import safe

MOODLE = ("Identifier", "Full name", "Grade", "Feedback comments")
CANVAS = ("Student", "ID", "Section", "Exercises")
# What may name a student in a table of the course system, besides its number.
NAMES = {
    "moodle": ("Email address", "ID number", "Username", "Full name"),
    "canvas": ("SIS Login ID", "SIS User ID", "Student"),
}
ASSIGNMENT = re.compile(r".*\S \(\d+\)")  # Canvas adds its number


class BadRoster(Exception):
    """A table that cannot be filled in; the text says why."""


def roster(path, column=None):
    """Read Moodle's grading worksheet or Canvas's gradebook.

    Parameters
    ----------
    path : Path
    column : str, optional
        The assignment's column in Canvas's gradebook.

    Returns
    -------
    dict
        `system`, `fields`, `rows` and the `column` to fill in.

    Raises
    ------
    BadRoster
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file)
            rows = list(table)
            fields = table.fieldnames or []
    except (OSError, ValueError, csv.Error) as error:
        raise BadRoster(f"{str(path)!r} is no table: {error}") from None
    if {"Identifier", "Grade"} <= set(fields):
        return {
            "system": "moodle",
            "fields": fields,
            "rows": rows,
            "column": "Grade",
        }
    if {"Student", "ID", "Section"} <= set(fields):
        found = [name for name in fields if ASSIGNMENT.fullmatch(name)]
        if column is not None:
            found = [name for name in fields if name and column in name]
        if len(found) != 1:
            raise BadRoster(
                "--column must name the assignment's column, such as "
                f"'Exercises 1 (4711)'; {path.name} has {found or fields}, "
                f"got {column!r}"
            )
        return {
            "system": "canvas",
            "fields": fields,
            "rows": rows,
            "column": found[0],
        }
    raise BadRoster(
        "the table must be Moodle's grading worksheet, with the columns "
        "Identifier and Grade, or Canvas's gradebook, with Student, ID and "
        f"Section; got the columns {', '.join(map(str, fields))[:200]}"
    )


def tables(entries, rows, given):
    """Return file name -> (fields, rows): a row a student.

    Parameters
    ----------
    entries, rows : list of dict
        The stored results, and their rows in grades.csv.
    given : dict or None
        From `roster`: it is filled in, row by row.
    """
    students = defaultdict(list)
    for entry, row in zip(entries, rows):
        students[entry["student"]].append((entry, row))
    found = {}
    for system, fields, line in (
        ("moodle", MOODLE, _moodle),
        ("canvas", CANVAS, _canvas),
    ):
        lines = [
            line(theirs)
            for theirs in students.values()
            if theirs[0][0]["system"] == system
        ]
        if lines:
            found[f"{system}.csv"] = fields, lines
    if given:
        found[f"{given['system']}.csv"] = _filled(given, students)
    return found


def total(theirs):
    """Return the points of a student in all notebooks, '' if none came."""
    totals = [float(row["total"]) for _, row in theirs if row.get("total")]
    return f"{sum(totals):g}" if totals else ""


def _comment(theirs):
    told = []
    for _, row in theirs:
        points = f"{row['total']} of {row['of']}" if row.get("total") else ""
        # What is no notebook has no name.
        parts = row["notebook"], points or row["remarks"]
        told.append(": ".join(filter(None, parts)))
    return "; ".join(told)


def _moodle(theirs):
    entry, _ = theirs[0]
    return {
        "Identifier": f"Participant {entry['number']}",
        "Full name": entry["student"].rpartition("_")[0],
        "Grade": total(theirs),
        "Feedback comments": _comment(theirs),
    }


def _canvas(theirs):
    entry, _ = theirs[0]
    return {
        "Student": entry["student"].rpartition("_")[0],
        "ID": entry["number"],
        "Section": "",
        "Exercises": total(theirs),
    }


def _filled(given, students):
    """Return the fields and rows of a roster, with the grades in it."""
    names = {}
    for student, theirs in students.items():
        entry = theirs[0][0]
        names[_plain(student)] = theirs
        if entry["system"] == given["system"]:
            names[entry["number"]] = theirs
    lines = []
    for row in given["rows"]:
        row = {field: row.get(field) or "" for field in given["fields"]}
        number = row.get("Identifier") or row.get("ID") or ""
        keys = [number.removeprefix("Participant ").strip()]
        keys += [_plain(row.get(f, "")) for f in NAMES[given["system"]]]
        theirs = next((names[key] for key in keys if key in names), None)
        if theirs:
            row[given["column"]] = total(theirs)
            if "Feedback comments" in row:
                row["Feedback comments"] = safe(_comment(theirs))
        lines.append(row)
    return given["fields"], lines


def strangers(entries, given):
    """Return the students that the table of the course system lacks."""
    students = defaultdict(list)
    for entry in entries:
        students[entry["student"]].append(
            (entry, {"notebook": "", "total": "1", "of": "1"})
        )
    blank = [{**row, given["column"]: ""} for row in given["rows"]]
    there = set()
    for student, theirs in students.items():
        _, lines = _filled({**given, "rows": blank}, {student: theirs})
        if any(line[given["column"]] for line in lines):
            there.add(student)
    return sorted(set(students) - there)


def _plain(name):
    """Return a name as it is compared: 'Lee, Anna' is 'anna lee'.

    >>> _plain("Lee, Anna")
    'anna lee'
    """
    last, comma, first = name.partition(",")
    return " ".join(
        f"{first} {last}".split() if comma else name.split()
    ).lower()


def place(entry):
    """Return the path under which the course system takes feedback.

    >>> place({"student": "anna", "notebook": "01_definition", "system": "",
    ...        "upload": "anna/01_definition.ipynb"})
    'anna/01_definition.html'
    """
    name, upload = f"{entry['notebook']}.html", entry["upload"]
    if entry["system"] and ".ipynb" in upload.lower():
        return re.sub(r"\.ipynb.*$", ".html", upload, flags=re.IGNORECASE)
    if entry["system"] == "moodle" and upload:
        return f"{upload}/{name}"
    return f"{entry['student']}/{name}"
