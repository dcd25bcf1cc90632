"""The page that a student gets back, from nbgrader's template."""

import copy
import functools
import re

import nbformat
from nbconvert.exporters import HTMLExporter
from nbconvert.preprocessors import CSSHTMLHeaderPreprocessor
from nbgrader.converters import GenerateFeedback
from nbgrader.utils import is_grade

from classroom.submissions import MB, grade_id

LARGEST = 20 * MB
CSP = (
    '<meta http-equiv="Content-Security-Policy" content="default-src '
    "'none'; img-src data:; style-src 'unsafe-inline'\">"
)


def page(name, nb, scores, waiting=()):
    """Return the feedback on the notebook `nb`, as HTML.

    Parameters
    ----------
    name : str
        Of the notebook, for the title.
    nb : NotebookNode
        As it ran, without solutions or hidden tests.
    scores : dict
        grade_id -> points, or None where the teacher has not graded yet.
    waiting : collection of str
        grade_id of what still waits for the teacher, to be told.
    """
    nb = copy.deepcopy(nb)
    for cell in filter(is_grade, nb.cells):
        cell.metadata.nbgrader.score = scores.get(grade_id(cell)) or 0
    graded = [cell.metadata.nbgrader for cell in nb.cells if is_grade(cell)]
    for cell in nb.cells:
        if grade_id(cell) in waiting:
            cell.metadata.nbgrader.comment = "This answer is not graded yet."
    resources = {
        "nbgrader": {
            "notebook": name,
            "score": sum(one.score for one in graded),
            "max_score": sum(one.points for one in graded),
            "late_penalty": 0,
        },
        "metadata": {"name": name},
    }
    html, _ = exporter().from_notebook_node(nb, resources)
    return _offline(html)


@functools.cache
def exporter():
    """Return what makes the pages; it takes long to make and is kept."""
    return HTMLExporter(
        config=GenerateFeedback().config,
        preprocessors=[CSSHTMLHeaderPreprocessor],
    )


def _offline(html):
    """Return feedback that loads nothing, and in which no script runs.

    nbgrader's template takes MathJax from another site; without it, formulas
    show as they were typed. A student's HTML could hold anything.
    """
    return re.sub(
        "<!-- Load mathjax -->.*?<!-- End of mathjax configuration -->",
        CSP,
        html,
        count=1,
        flags=re.DOTALL,
    )


def of(entry):
    """Return the page for a stored result."""
    scores = {cell["name"]: cell["score"] for cell in entry["cells"]}
    waiting = {name for name, score in scores.items() if score is None}
    nb = nbformat.from_dict(entry["ran"])
    html = page(entry["notebook"], nb, scores, waiting)
    return html if len(html) <= LARGEST else ""
