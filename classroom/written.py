"""Written answers: a page to read, a table, and the points that come back."""

import base64
import csv
import hashlib
import io
from collections import defaultdict
from html import escape

from classroom.tables import table

FIELDS = ("student", "notebook", "question", "points", "of", "answer")
SAVE = """
document.getElementById("save").onclick = function () {
  const quote = text => '"' + text.replace(/"/g, '""') + '"';
  const rows = [["student", "notebook", "question", "points"].join()];
  for (const field of document.querySelectorAll("input")) {
    const at = field.dataset;
    rows.push([at.student, at.notebook, at.question, field.value]
      .map(quote).join());
  }
  const link = document.createElement("a");
  link.download = "points.csv";
  link.href = "data:text/csv;charset=utf-8,"
    + encodeURIComponent("\\ufeff" + rows.join("\\r\\n") + "\\r\\n");
  link.click();
};
"""
STYLE = """
:root { color-scheme: light dark; font-family: sans-serif; }
body { max-width: 50rem; margin: 2rem auto; padding: 0 1rem; }
article { border-top: 1px solid #888; padding: .5rem 0; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font: inherit; }
input { width: 5rem; font: inherit; }
"""


def files(entries):
    """Return file name -> text of what a teacher grades by hand."""
    questions = defaultdict(list)
    for entry in entries:
        for cell in entry["cells"]:
            if cell["written"] and cell["answer"]:
                questions[entry["notebook"], cell["name"]].append(
                    (entry, cell)
                )
    if not questions:
        return {}
    return {
        "by_hand.html": _page(questions, entries),
        "by_hand.csv": _table(questions),
    }


def _points(cell):
    return "" if cell["score"] is None else f"{cell['score']:g}"


def _table(questions):
    return "\ufeff" + table(
        FIELDS,
        [
            {
                "student": entry["student"],
                "notebook": notebook,
                "question": question,
                "points": _points(cell),
                "of": f"{cell['worth']:g}",
                "answer": cell["answer"],
            }
            for (notebook, question), answers in sorted(questions.items())
            for entry, cell in answers
        ],
    )


def _page(questions, entries):
    digest = base64.b64encode(hashlib.sha256(SAVE.encode()).digest()).decode()
    parts = [
        '<!DOCTYPE html><html lang="en"><meta charset="utf-8">',
        '<meta http-equiv="Content-Security-Policy" content="default-src '
        f"'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'\">",
        "<title>Written answers</title>",
        f"<style>{STYLE}</style><h1>Written answers</h1>",
        "<p>Give a point for each idea of the solution, up to the number of "
        'the question. Then <button id="save">Save the points</button> and '
        "run <code>python -m classroom.by_hand RESULTS points.csv</code>.</p>",
    ]
    for (notebook, question), answers in sorted(questions.items()):
        worth = answers[0][1]["worth"]
        parts.append(
            f"<h2>{escape(notebook)}: {escape(question)} ({worth:g})</h2>"
            f"<pre>{escape(answers[0][1]['asked'])}</pre>"
        )
        for entry, cell in answers:
            data = {
                "student": entry["student"],
                "notebook": notebook,
                "question": question,
            }
            marks = " ".join(
                f'data-{key}="{escape(text)}"' for key, text in data.items()
            )
            parts.append(
                f"<article><pre>{escape(cell['answer'])}</pre>"
                f"<label>{escape(entry['student'])} <input type=number min=0 "
                f'max="{worth:g}" step=0.5 value="{_points(cell)}" {marks}>'
                f" of {worth:g}</label></article>"
            )
    left = [(entry, text) for entry in entries for text in entry["left"]]
    if left:
        parts.append("<h2>What no question claims</h2>")
    for entry, text in left:
        parts.append(
            f"<article><pre>{escape(text)}</pre><p>{escape(entry['student'])},"
            f" {escape(entry['notebook'])}</p></article>"
        )
    return "\n".join([*parts, f"<script>{SAVE}</script></html>\n"])


class BadPoints(Exception):
    """A table of points that cannot be taken over; the text says why."""


def enter(entries, text):
    """Put the points in `text`, a table, into the stored results.

    Returns
    -------
    int
        How many answers have got points.

    Raises
    ------
    BadPoints
        If a row is nonsense; then nothing is changed.
    """
    answers = {
        (entry["student"], entry["notebook"], cell["name"]): cell
        for entry in entries
        for cell in entry["cells"]
        if cell["written"]
    }
    given = {}
    # Semicolons are what a spreadsheet writes where a comma is the decimal.
    dialect = ";" if ";" in text.partition("\n")[0] else ","
    rows = csv.DictReader(
        io.StringIO(text.removeprefix("\ufeff")), delimiter=dialect
    )
    if not {"student", "notebook", "question", "points"} <= set(
        rows.fieldnames or ()
    ):
        raise BadPoints(
            "POINTS must have the columns student, notebook, question and "
            f"points, as by_hand.csv has; got {rows.fieldnames}"
        )
    for number, row in enumerate(rows, 2):
        points = (row["points"] or "").strip().replace(",", ".")
        # An apostrophe kept the name from being a formula.
        key = (
            row["student"].removeprefix("'"),
            row["notebook"],
            row["question"],
        )
        if not points:
            continue
        cell = answers.get(key)
        if cell is None:
            raise BadPoints(
                f"row {number}: no written answer {' / '.join(key)} is known, "
                "such as anna / 01_definition / neuron-why-answer"
            )
        try:
            value = float(points)
        except ValueError:
            value = -1
        if not 0 <= value <= cell["worth"]:
            raise BadPoints(
                f"row {number}: points must be a number from 0 to "
                f"{cell['worth']:g}, such as 1.5, got {row['points']!r}"
            )
        given[key] = value
    for key, value in given.items():
        answers[key].update(score=value, counts=True)
    graded = {key[1:] for key in given}
    for key, cell in answers.items():
        if key[1:] in graded and not cell["answer"]:
            cell.update(score=0, counts=True)
    return len(given)
