"""Let a result wait until its reader has said what to expect.

A prompt ends a Markdown cell, and is plain Markdown::

    **Predict.** Which of the two is larger?

    * the first
    * the second

The cells after it that are tagged `waits` are its result: a page folds them,
and _static/answers.js asks. In the place of the options, a line in italics may
ask for a number, with its unit, or for a line in the result's first figure::

    *Your guess: … %*

    *Draw it: ReLU's line, from layer 1 to layer 30.*

JupyterLab and GitHub show all of it, as a page does on paper.
"""

import html
import json
import re

from docutils import nodes
from sphinx.errors import ExtensionError

TAG = "waits"
# Comments of MyST, which no page shows.
START, END = "prediction: ", "end of the prediction"
GUESS = re.compile(r"Your guess: … ?(?P<unit>.*)")
OPEN = '<div class="predict" data-name="{name}" data-kind="{kind}"{unit}>'
FOLD = (
    '<details class="result"><summary>Show the result</summary>'
    '<div class="result-inside">'
)
CLOSE = "</div></details></div>"


def setup(app):
    """Mark what waits when a notebook is read; fold it when it was parsed."""
    app.connect("source-read", mark)
    # Before the theme looks at the document.
    app.connect("doctree-read", fold, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def mark(app, docname, source):
    """Put comments around the cells that wait."""
    if app.env.doc2path(docname).endswith(".ipynb"):
        source[0] = marked(source[0])


def marked(text):
    """Return a notebook's text with comments around the cells that wait.

    Parameters
    ----------
    text : str
        The notebook, as it is stored.

    Returns
    -------
    str
        The same with a Markdown cell before and behind each run of cells
        that are tagged. Cells that a page leaves out belong to any run.
    """
    nb = json.loads(text)
    cells, waiting, before = [], False, len(nb["cells"])
    for cell in nb["cells"]:
        tags = cell["metadata"].get("tags", [])
        if (TAG in tags) != waiting and "remove-cell" not in tags:
            waiting = not waiting
            text = START + cell["id"] if waiting else END
            cells.append(_comment(text, cell["id"]))
        cells.append(cell)
    if waiting:
        cells.append(_comment(END, "last"))
    if len(cells) == before:
        return text
    return json.dumps(nb | {"cells": cells})


def _comment(text, place):
    return {
        "cell_type": "markdown",
        "id": f"{text.partition(':')[0].replace(' ', '-')}-{place}"[:64],
        "metadata": {},
        "source": f"% {text}",
    }


def fold(app, doctree):
    """Make prompts and results of what stands between two comments."""
    for comment in list(doctree.findall(nodes.comment)):
        text = comment.astext()
        if text == END:
            comment.replace_self(_raw(CLOSE))
        elif text.startswith(START):
            _ask(comment, text.removeprefix(START))


def _ask(comment, name):
    """Finish the prompt before a comment, and start its result."""
    parent = comment.parent
    at = parent.index(comment)
    if not any(
        isinstance(node, nodes.comment) and node.astext() == END
        for node in parent[at:]
    ):
        raise ExtensionError(
            f"{name}: a heading stands in what waits; a prediction ends "
            "before the next section"
        )
    first = next(
        (n for n in range(at - 1, -1, -1) if is_prompt(parent[n])), None
    )
    if first is None:
        raise ExtensionError(
            f"{name} waits, and no '**Predict.** Question?' stands before it"
        )
    kind, unit = "none", ""
    last = parent[at - 1]
    if isinstance(last, nodes.bullet_list):
        kind = "choice"
        last["classes"].append("options")
    elif found := GUESS.fullmatch(last.astext()):
        kind = "number"
        unit = f' data-unit="{html.escape(found["unit"])}"'
        last["classes"].append("guess")
    elif last.astext().startswith("Draw it: "):
        kind = "line"
        last["classes"].append("guess")
    comment.replace_self(_raw(FOLD))
    start = OPEN.format(name=name, kind=kind, unit=unit)
    parent.insert(first, _raw(start))


def is_prompt(node):
    """Tell whether a paragraph asks for a prediction."""
    return (
        isinstance(node, nodes.paragraph)
        and node.astext().startswith("Predict")
        and any(
            isinstance(child, nodes.strong)
            and child.astext().startswith("Predict")
            for child in node
        )
    )


def _raw(text):
    return nodes.raw("", text, format="html")
