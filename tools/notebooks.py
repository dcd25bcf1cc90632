"""Notebooks as they are stored: where they lie, how they are read.

What is kept of a cell, and in which form, so that the same notebook gives the
same bytes.
"""

import copy
import re

import nbformat
from markdown_it import MarkdownIt
from nbformat import NotebookNode

from tools.paths import CHAPTERS, SOLUTIONS

METADATA = {
    "kernelspec": {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    },
    "language_info": {"name": "python"},
}
KEPT = ("mystnb", "nbgrader", "tags")
STORED = ("image/png", "text/plain")


def pages():
    """Return the paths of the notebooks in chapters/, in reading order.

    After the chapters come the pages that go deeper; other pages, which have
    no number, are first.
    """
    found = sorted(CHAPTERS.glob("*.ipynb"))
    return sorted(found, key=lambda p: (p.stem[0].isdigit(), in_depth(p)))


def chapters():
    """Return the paths of the chapters, in reading order."""
    return [p for p in pages() if p.stem[0].isdigit() and not in_depth(p)]


def in_depth(path):
    """Tell whether a page goes deeper than the chapter of its number."""
    return bool(re.fullmatch(r"\d\d_in_depth", path.stem))


def solutions():
    """Return the paths of the solutions, in reading order."""
    return sorted(SOLUTIONS.glob("*.ipynb"))


def read(path):
    """Return the notebook at `path` as it is, faults included."""
    # nbformat.read would give duplicate cells new ids.
    return nbformat.v4.reads(path.read_text(encoding="utf-8"))


def dumps(nb):
    """Return `nb` as the text that is stored: the same nb, the same bytes."""
    return nbformat.v4.writes(nb).rstrip("\n") + "\n"


def normalise(nb):
    """Return a copy of `nb` with only what is stored, in its one form."""
    nb = nbformat.v4.upgrade(copy.deepcopy(nb))
    nb.metadata = nbformat.from_dict(METADATA)
    count = 0
    for cell in nb.cells:
        old = cell.metadata
        cell.metadata = NotebookNode({k: old[k] for k in KEPT if old.get(k)})
        if cell.cell_type == "code":
            count += 1
            cell.execution_count = count
            cell.outputs = _stored(cell.outputs, count)
    return nb


def _stored(outputs, count):
    kept = []
    for output in outputs:
        if output.output_type == "stream":
            if output.name != "stdout":
                continue
            if kept and kept[-1].output_type == "stream":
                kept[-1].text += output.text
                continue
        elif output.output_type == "error":
            # The full traceback names files of one machine.
            output.traceback = [f"{output.ename}: {output.evalue}"]
        else:
            output.data = NotebookNode(
                {m: output.data[m] for m in STORED if m in output.data}
            )
            output.metadata = NotebookNode()
            if "execution_count" in output:
                output.execution_count = count
            if not output.data:
                continue
        kept.append(output)
    return kept


def tags(cell):
    """Return the set of tags of `cell`."""
    return set(cell.metadata.get("tags", []))


def headings(cell):
    """Return the headings of a Markdown cell as (level, text) pairs."""
    tokens = MarkdownIt().parse(cell.source)
    return [
        (int(token.tag[1]), following.content)
        for token, following in zip(tokens, tokens[1:], strict=False)
        if token.type == "heading_open"
    ]
