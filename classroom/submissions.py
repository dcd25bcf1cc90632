"""What students hand in: read as it comes, put into what was handed out."""

import copy
import json
from collections import defaultdict

import nbformat
from nbgrader.utils import is_solution

MB = 2**20
LARGEST = 20 * MB  # a notebook, and its feedback


class Ungraded(Exception):
    """A submission cannot be graded; the text says why."""


def read(path):
    """Return the cells of a submitted notebook, and a list of remarks.

    The text is read as plain JSON: a notebook that is not quite valid, or of
    a format to come, still has cells with sources.

    Raises
    ------
    Ungraded
        If there are no cells to be found.
    """
    if path.is_symlink() or not path.is_file():
        raise Ungraded("a link or a folder, not a notebook")
    if path.stat().st_size > LARGEST:
        raise Ungraded(f"larger than {LARGEST // MB} MB")
    try:
        nb = _dict(json.loads(path.read_bytes()))
    except (ValueError, RecursionError):
        raise Ungraded("not a notebook: the text is not JSON") from None
    if not isinstance(nb.get("cells"), list):
        raise Ungraded("not a notebook of format 4: it has no list of cells")
    version = f"{nb.get('nbformat')}.{nb.get('nbformat_minor')}"[:9]
    remarks = (
        []
        if version.startswith("4.")
        else [f"notebook format {version} was read as if it were 4"]
    )
    return [_cell(_dict(cell)) for cell in nb["cells"]], remarks


def _dict(value):
    return value if isinstance(value, dict) else {}


def _cell(raw):
    """Return a valid cell with what is wanted of `raw`, whatever it holds."""
    source, kind = raw.get("source", ""), raw.get("cell_type")
    if isinstance(source, list):
        source = "".join(map(str, source))
    # JSON can hold half a character, which no file can.
    source = str(source).encode("utf-8", "replace").decode()
    kind = kind if kind in ("code", "markdown") else "raw"
    cell = getattr(nbformat.v4, f"new_{kind}_cell")(source)
    cell.id = str(raw.get("id"))
    nbgrader = _dict(_dict(raw.get("metadata")).get("nbgrader"))
    if "grade_id" in nbgrader:
        cell.metadata.nbgrader = {"grade_id": str(nbgrader["grade_id"])}
    if kind == "markdown" and _dict(raw.get("attachments")):
        cell.attachments = nbformat.from_dict(raw["attachments"])
    return cell


def grade_id(cell):
    """Return the name under which nbgrader knows the cell, or None."""
    return cell.metadata.get("nbgrader", {}).get("grade_id")


def transplant(released, cells):
    """Return the notebook to grade, and a list of remarks.

    Parameters
    ----------
    released : NotebookNode
        What was handed out: its order, its check cells and its locked cells
        are those that count.
    cells : list of NotebookNode
        From `read`. Answers are found by grade_id, else by cell id; other
        cells by cell id, else by an unchanged source. Of copies, the one with
        the right cell id counts. What is left was added by the student, and
        stays right after the cell that it follows; as "added-7", if it was
        the seventh cell.
    """
    nb, theirs = copy.deepcopy(released), {}  # theirs: cell id -> number
    for agree in (
        lambda cell, one: grade_id(cell) and grade_id(cell) == grade_id(one),
        lambda cell, one: cell.id == one.id,
        lambda cell, one: not grade_id(cell) and cell.source == one.source,
    ):
        for cell in nb.cells:
            if cell.id not in theirs:
                free = [
                    number
                    for number, one in enumerate(cells)
                    if agree(cell, one) and number not in theirs.values()
                ]
                right = [
                    number for number in free if cells[number].id == cell.id
                ]
                if free:
                    theirs[cell.id] = (right + free)[0]

    remarks = defaultdict(list)
    for cell in filter(grade_id, nb.cells):
        if cell.id not in theirs:
            remarks["missing"].append(grade_id(cell))
        elif grade_id(cells[theirs[cell.id]]) != grade_id(cell):
            remarks["renamed, found by cell id"].append(grade_id(cell))

    known = set(map(grade_id, nb.cells)) - {None}
    names = {number: name for name, number in theirs.items()}
    added, name = defaultdict(list), None
    for number, one in enumerate(cells):
        name = names.get(number, name)
        if number not in names and one.source.strip():
            if grade_id(one) in known:
                remarks["copied, the original counts"].append(grade_id(one))
            added[name].append(_renamed(one, f"added-{number + 1}"))

    released_cells, nb.cells = nb.cells, added[None]
    for cell in released_cells:
        if cell.id in theirs:
            cell = _answered(cell, cells[theirs[cell.id]])
        nb.cells += [cell, *added[cell.id]]
    return nb, [f"{what}: {', '.join(ids)}" for what, ids in remarks.items()]


def _renamed(cell, name):
    cell.id, cell.metadata = name, nbformat.NotebookNode()
    return cell


def _answered(cell, one):
    """Return the released `cell` with what the student may change of it."""
    if not grade_id(cell):
        return _renamed(one, cell.id)
    if is_solution(cell):
        cell.source = one.source
        if cell.cell_type == "markdown":
            cell.attachments = one.get("attachments", {})
    return cell
