"""What students hand in: read as it comes, put into what was handed out."""

import copy
import json
import re
from collections import defaultdict
from typing import NamedTuple

import nbformat
from nbgrader.utils import is_solution

MB = 2**20
LARGEST = 300 * MB  # a notebook with all that its cells printed
LOST = (
    "cells have lost their names; answers were found by the questions that "
    "they stand under"
)


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


class Placed(NamedTuple):
    """What `transplant` made of a submission.

    Attributes
    ----------
    notebook : NotebookNode
        What was handed out, with the answers in it.
    remarks : list of str
    unanswered : set of str
        Names of the answers that are not there.
    left : list of str
        What the student wrote and no question claims, while answers lack.
    """

    notebook: nbformat.NotebookNode
    remarks: list
    unanswered: set
    left: list


def transplant(released, cells):
    """Put the answers in `cells` into the notebook that was handed out.

    Parameters
    ----------
    released : NotebookNode
        What was handed out: its order, its check cells and its locked cells
        are those that count.
    cells : list of NotebookNode
        From `read`. They are found by grade_id, else by cell id, else by an
        unchanged source. Of copies, the one with the right cell id counts.
        An answer that is not found so is looked for under its question: code
        by the names that it defines, words in any cell there, the question's
        own included. What is left was added by the student, and stays right
        after the cell that it follows; as "added-7", if it was the seventh.

    Returns
    -------
    Placed
    """
    nb = copy.deepcopy(released)
    theirs = _matched(nb.cells, cells)  # cell id -> number
    remarks = defaultdict(list)
    named = [cell for cell in nb.cells if grade_id(cell)]
    lost = not any(map(grade_id, cells))
    for cell in named:
        if cell.id in theirs and not lost:
            if grade_id(cells[theirs[cell.id]]) != grade_id(cell):
                by = (
                    "cell id"
                    if cells[theirs[cell.id]].id == cell.id
                    else "its text"
                )
                remarks[f"renamed, found by {by}"].append(grade_id(cell))

    places = _Places(nb.cells, cells, theirs)
    answers, unanswered, elsewhere = {}, set(), []
    for cell in filter(is_solution, nb.cells):
        find = places.words if cell.cell_type == "markdown" else places.code
        answers[cell.id], found = find(cell)
        if found:
            elsewhere.append(grade_id(cell))
        if answers[cell.id] is None:
            unanswered.add(grade_id(cell))
    if elsewhere and not lost:
        remarks["not in its cell, found by its question"] = elsewhere
    for cell in named:
        if cell.id not in theirs and not lost:
            if not is_solution(cell) or grade_id(cell) in unanswered:
                remarks["missing"].append(grade_id(cell))

    known = set(map(grade_id, nb.cells)) - {None}
    names = {number: name for name, number in theirs.items()}
    added, name, left = defaultdict(list), None, []
    for number, one in enumerate(cells):
        name = names.get(number, name)
        if number in names or not one.source.strip():
            continue
        if grade_id(one) in known:
            remarks["copied, the original counts"].append(grade_id(one))
        if number in places.used:
            continue
        left.append(one.source.strip())
        added[name].append(_renamed(one, f"added-{number + 1}"))

    released_cells, nb.cells = nb.cells, added[None]
    for cell in released_cells:
        one = cells[theirs[cell.id]] if cell.id in theirs else None
        if is_solution(cell):
            if answers[cell.id] is not None:
                cell.source = answers[cell.id]
            if one is not None and cell.cell_type == "markdown":
                cell.attachments = one.get("attachments", {})
        elif one is not None and not grade_id(cell):
            cell = _renamed(one, cell.id)
        nb.cells += [cell, *added[cell.id]]
    told = [f"{what}: {', '.join(ids)}" for what, ids in remarks.items()]
    return Placed(
        nb,
        [LOST] * (lost and bool(named)) + told,
        unanswered,
        left if unanswered else [],
    )


def _matched(released, cells):
    """Return cell id -> number of the student's cell that it became."""
    theirs = {}
    for agree in (
        lambda cell, one: grade_id(cell) and grade_id(cell) == grade_id(one),
        lambda cell, one: cell.id == one.id,
        lambda cell, one: not is_solution(cell) and cell.source == one.source,
        lambda cell, one: (
            cell.cell_type == one.cell_type == "markdown"
            and not grade_id(cell)
            and len(_first(cell)) > 20
            and _first(cell) in one.source
        ),
    ):
        taken = set(theirs.values())
        for cell in released:
            if cell.id not in theirs:
                free = [
                    number
                    for number, one in enumerate(cells)
                    if number not in taken and agree(cell, one)
                ]
                right = [
                    number for number in free if cells[number].id == cell.id
                ]
                if free:
                    theirs[cell.id] = (right + free)[0]
                    taken.add(theirs[cell.id])
    return theirs


def _first(cell):
    return cell.source.strip().partition("\n")[0]


class _Places:
    """Finds answers that do not stand in their cells."""

    def __init__(self, released, cells, theirs):
        self.released, self.cells, self.theirs = released, cells, theirs
        self.place = {cell.id: at for at, cell in enumerate(released)}
        self.known = {  # lines that are not the student's
            line.strip() for cell in released for line in _lines(cell)
        }
        self.used = set()
        self.several = set()  # cells of code, each for all that it answers

    def _own(self, cell):
        """Return what stands in the answer's own cell, or None."""
        if cell.id not in self.theirs:
            return None
        source = self.cells[self.theirs[cell.id]].source
        blank = not source.strip() or source.strip() == cell.source.strip()
        return None if blank else source

    def _free(self, begin, end):
        taken = set(self.theirs.values()) | self.used - self.several
        return [n for n in range(begin, end) if n not in taken]

    def _under(self, cell, passed):
        """Return the numbers of free cells between what stays in place.

        And the released cells before it that may be `passed`.
        """
        at, begin, before = self.place[cell.id], -1, []
        for one in reversed(self.released[:at]):
            if not passed(one):
                if one.id in self.theirs:
                    begin = self.theirs[one.id]
                    before.append(one)
                    break
            else:
                before.append(one)
                if one.id in self.theirs and _is_heading(one):
                    begin = self.theirs[one.id]
                    break
        ends = [
            self.theirs[one.id]
            for one in self.released[at + 1 :]
            if self.theirs.get(one.id, -1) > begin
        ]
        return self._free(
            begin + 1, min(ends, default=len(self.cells))
        ), before

    def code(self, cell):
        """Return the code that answers, and whether it stood elsewhere."""
        own = self._own(cell)
        if own is not None:
            return own, False
        wanted = _defined(cell.source)
        under, _ = self._under(cell, lambda one: False)
        stubs = {n for n in under if self._is_stub(n)}
        self.used |= stubs
        under = [
            n
            for n in under
            if n not in stubs and self.cells[n].cell_type == "code"
        ]
        anywhere = [
            n for n in self._free(0, len(self.cells)) if n not in under
        ]
        moved = [
            (
                number,
                _defined(self.cells[number].source) - _defined(one.source),
            )
            for one in self.released
            if is_solution(one)
            and (number := self.theirs.get(one.id)) is not None
        ]
        for offered in (
            [(n, _defined(self.cells[n].source)) for n in under],
            [
                (n, _defined(self.cells[n].source))
                for n in anywhere
                if self.cells[n].cell_type == "code" and not self._is_stub(n)
            ],
            moved,
        ):
            whole = [n for n, names in offered if wanted and wanted <= names]
            if whole:
                if whole[-1] not in self.theirs.values():
                    self.used.add(whole[-1])
                    self.several.add(whole[-1])
                return self.cells[whole[-1]].source, True
        parts = [n for n in under if wanted & _defined(self.cells[n].source)]
        if parts:
            self.used.update(parts)
            return "\n\n".join(self.cells[n].source for n in parts), True
        return None, False

    def _is_stub(self, number):
        source = self.cells[number].source.strip()
        return any(
            is_solution(cell) and cell.source.strip() == source
            for cell in self.released
        )

    def words(self, cell):
        """Return the words that answer, and whether they stood elsewhere."""
        own = self._own(cell)
        under, before = self._under(
            cell, lambda one: one.cell_type == "markdown" and not grade_id(one)
        )
        texts = []
        for one in reversed(before):
            if one.cell_type == "markdown" and not grade_id(one):
                texts.append(self._more(one))
        answer = cell.source.strip()
        for number in under:
            one = self.cells[number]
            if one.cell_type != "code" or _is_prose(one.source):
                self.used.add(number)
                if one.source.strip() != answer:
                    texts.append(one.source.strip())
        texts = [text for text in texts if text]
        if own is not None:
            own = own.replace(answer, "") if answer in own else own
            return "\n\n".join([*texts, own.strip()]), False
        return ("\n\n".join(texts), True) if texts else (None, False)

    def _more(self, cell):
        """Return what a student wrote into the question's own cell."""
        if cell.id not in self.theirs:
            return ""
        lines = [
            line
            for line in _lines(self.cells[self.theirs[cell.id]])
            if line.strip() not in self.known
        ]
        # A line that goes on after the question's own words.
        for at, line in enumerate(lines):
            for known in _lines(cell):
                if len(known) > 20 and line.startswith(known):
                    lines[at] = line.removeprefix(known)
        return "\n".join(lines).strip()


def _lines(cell):
    return cell.source.splitlines()


def _is_heading(cell):
    return bool(re.match(r"## \d+\. ", cell.source))


def _is_prose(source):
    """Return whether a code cell holds words: comments, or no Python."""
    lines = [line for line in source.splitlines() if line.strip()]
    if all(line.lstrip().startswith("#") for line in lines):
        return True
    try:
        compile(source, "cell", "exec")
    except (SyntaxError, ValueError):
        return not _defined(source) and "%" not in source[:1] + source[:2]
    return False


def _defined(source):
    r"""Return the names that code defines, by its unindented lines.

    >>> sorted(_defined("def f(x):\n    y = x\n\na, b = c = 1, 2\nd == 2"))
    ['a', 'b', 'c', 'f']
    """
    names = set()
    for line in source.splitlines():
        if found := re.match(r"(?:async )?(?:def|class) (\w+)", line):
            names.add(found[1])
        elif line[:1].isidentifier() or line[:1] in "([":
            code, _, _ = line.partition("#")
            *targets, _ = re.split(r"(?<![=!<>+\-*/%&|^@:])=(?!=)", code)
            # A call's keywords are no targets: f(x=1).
            targets = [one for one in targets if "(" not in one.lstrip("(")]
            names.update(re.findall(r"[^\W\d]\w*", " ".join(targets)))
    return names


def _renamed(cell, name):
    cell.id, cell.metadata = name, nbformat.NotebookNode()
    return cell
