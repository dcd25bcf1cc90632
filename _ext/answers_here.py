"""Let numbers and words be answered in the page of an exercise.

Before each cell of an exercise that wants them goes what _static/answers.js
needs to ask and to answer. It comes from the checkers' own tables
(utils/checks/questions.py), with the right answers of the solutions.
"""

import ast
import html
import importlib
import json
import re
from pathlib import Path

import numpy as np

from utils.checks import questions

EXERCISE = re.compile(r"(?P<folder>.*)exercises/(?P<name>\d\d_\w+)")
PLACE = (
    '<div class="answers" data-name="{name}" data-table="{table}" hidden>'
    "</div>"
)


def setup(app):
    """Add the questions when an exercise is read."""
    app.connect("source-read", add)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def add(app, docname, source):
    """Put the questions of an exercise before the cells for its answers."""
    found = EXERCISE.fullmatch(docname)
    if not found:
        return
    solution = f"{found['folder']}solutions/{found['name']}"
    path = Path(app.env.doc2path(solution))
    app.env.note_dependency(str(path))
    for module in Path(questions.__file__).parent.glob("*.py"):
        app.env.note_dependency(str(module))
    tables = asked(json.loads(path.read_text(encoding="utf-8")))
    nb = json.loads(source[0])
    cells = []
    for cell in nb["cells"]:
        if cell["id"] in tables:
            table = html.escape(json.dumps(tables[cell["id"]]))
            cells.append(
                {
                    "cell_type": "markdown",
                    "id": f"{cell['id']}-here",
                    "metadata": {},
                    "source": PLACE.format(name=cell["id"], table=table),
                }
            )
        cells.append(cell)
    source[0] = json.dumps(nb | {"cells": cells})


def asked(nb):
    """Return what the pages of an exercise can ask.

    Parameters
    ----------
    nb : dict
        The notebook with the solutions.

    Returns
    -------
    dict
        Id of the cell for the answers: the questions, without those that
        only Python can check.
    """
    found, checks, answers = {}, None, None
    for cell in nb["cells"]:
        if cell["cell_type"] != "code":
            continue
        code, grader = (
            "".join(cell["source"]),
            cell["metadata"].get("nbgrader"),
        )
        for name in re.findall(
            r"from utils.checks import (\w+) as check", code
        ):
            checks = importlib.import_module(f"utils.checks.{name}")
        if grader and grader["solution"]:
            answers = cell["id"], values(code)
        elif grader and grader["grade"] and answers:
            table = table_of(checks, code, answers[1])
            if table and table["questions"]:
                found[answers[0]] = table
            answers = None
    return found


def values(code):
    """Return the numbers and words that the code of a solution assigns."""
    if re.search(r"^(def|class|for|import|with)\b", code, re.MULTILINE):
        return {}
    names = {"np": np}
    try:
        exec(code, names)
    except NameError:
        # It needs what was computed above.
        return {}
    return names


def table_of(checks, code, names):
    """Return the questions of the checker that a cell calls, if any."""
    for node in ast.walk(ast.parse(code)):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and getattr(node.func.value, "id", None) == "check"
        ):
            given = [getattr(each, "id", None) for each in node.args]
            if set(given) <= set(names):
                return questions.questions(
                    getattr(checks, node.func.attr),
                    {name: names[name] for name in given},
                )
    return None
