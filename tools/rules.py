"""The rules for the notebooks in chapters/ and their solutions.

::

    python -m tools.rules [FILES]    say where a rule is broken
"""

import ast
import io
import itertools
import re
import sys
import tokenize
from pathlib import Path

from nbformat.validator import iter_validate
from nbval.plugin import find_comment_markers, find_metadata_tags

from classroom.handout import exercise
from tools.notebooks import (
    KEPT,
    METADATA,
    STORED,
    chapters,
    dumps,
    headings,
    normalise,
    pages,
    read,
    solutions,
    tags,
)
from tools.paths import EXERCISES, SOLUTIONS

SHOWS_ITSELF = {"explorer", "lab"}
NOT_COMPARED = SHOWS_ITSELF | {"timing"}
HIDDEN = {"hide-cell", "hide-input", "remove-cell", "remove-input"}
# What a page folds until its reader has said what to expect (_ext/predict.py).
WAITS = "waits"
TAGS = (
    NOT_COMPARED
    | HIDDEN
    | {"nbval-ignore-output", "raises-exception", "test", WAITS}
)
PROMPT = re.compile(r"^\*\*Predict\b", re.MULTILINE)
ASKS = re.compile(
    r"(\n\n[*-] .+(\n[*-] .+)+|\n\n\*Your guess: ….*\*|\n\n\*Draw it: .+\*)$"
)
SECTIONS = ["Summary", "Quiz", "Exercises", "Further reading"]
KINDS = {"on paper", "code", "prediction", "experiment"}
SUBTITLE = re.compile(
    r"## (\d)\. .+\n\n\*(★{1,3}) · ([a-z ]+) · (\d+) minutes\*\n"
)
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:home|root|tmp|work|Users)\b|\bC:\\")
TO_MEND = "run `make execute`"


# --- rules for one cell: each yields what is wanted ---


def _nbgrader(cell, key):
    return cell.metadata.get("nbgrader", {}).get(key)


def _texts(cell):
    for output in cell.get("outputs", []):
        if output.output_type == "stream":
            yield output.text
        elif "data" in output:
            yield output.data.get("text/plain", "")


def _has_image(cell):
    return any("image/png" in out.get("data", {}) for out in cell.outputs)


def _id(cell):
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", cell.id):
        yield "the id must be words joined by hyphens, as in relu-by-hand"
    # What editors make up: abcdef01, or such a start and more groups.
    elif re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4,12})*", cell.id):
        yield "the id is random; name the cell, as in relu-by-hand"


def _tags(cell):
    found = tags(cell)
    for tag in sorted(found - TAGS):
        yield f"unknown tag {tag!r}; known are {', '.join(sorted(TAGS))}"
    if ("nbval-ignore-output" in found) != bool(found & NOT_COMPARED):
        yield (
            "the tag nbval-ignore-output belongs to explorer, lab and timing "
            "cells, and to all of them"
        )
    if ("test" in found) != ("remove-cell" in found):
        yield "the tags remove-cell and test go together"


def _markdown_tags(cell):
    for tag in sorted(tags(cell) - {WAITS}):
        yield f"unknown tag {tag!r}; a Markdown cell may have {WAITS!r} alone"


def _metadata(cell):
    for key in sorted(set(cell.metadata) - set(KEPT)):
        yield f"the metadata {key!r} is not stored: {TO_MEND}"


def _paths(cell):
    for text in (cell.source, *_texts(cell)):
        for found in MACHINE_PATH.findall(text):
            yield f"{found!r} is a path of one machine; use a relative one"


def asserts(node):
    """Return whether some code asserts, with numpy.testing or without."""
    function = getattr(node, "func", None)
    name = getattr(function, "attr", getattr(function, "id", ""))
    return isinstance(node, ast.Assert) or name.startswith("assert_")


def _source(cell):
    lines = cell.source.splitlines()
    for number, line in enumerate(lines, start=1):
        if len(line) > 79:
            yield f"line {number} has {len(line)} columns, at most 79"
    limit = 30 if tags(cell) & HIDDEN else 15
    if len(lines) > limit:
        yield f"{len(lines)} lines, at most {limit}; split the cell"
    try:
        tree = ast.parse(cell.source)
    except SyntaxError as error:
        yield f"is not plain Python: {error.msg}, line {error.lineno}"
        return
    if not tree.body:
        yield "has no code; remove the cell"
    if "test" in tags(cell) and not any(map(asserts, ast.walk(tree))):
        yield "is tagged test and asserts nothing"
    before = None
    for token in tokenize.generate_tokens(io.StringIO(cell.source).readline):
        if token.type == tokenize.COMMENT:
            continue
        if token.type == tokenize.NEWLINE and before.string == ";":
            yield (
                f"line {before.start[0]} ends with ';', which hides nothing "
                "from nbval; write `_ = ...`"
            )
        before = token


def _outputs(cell):
    for output in cell.outputs:
        if output.output_type == "error":
            if "raises-exception" not in tags(cell):
                yield (
                    f"stores the error {output.ename}; mend it, or tag the "
                    "cell raises-exception"
                )
        elif output.output_type == "stream":
            if output.name != "stdout":
                yield f"stores {output.name}; make the cell write none of it"
        else:
            for mime in sorted(set(output.data) - set(STORED)):
                yield f"stores {mime}, and only PNG and text are: {TO_MEND}"
    for text in _texts(cell):
        for found in re.findall(r"0x[0-9a-f]{6,}", text):
            yield f"shows the memory address {found}, new in every run"
        for found in re.findall(r"np\.\w+(?=\()|np\.(?:True|False)_", text):
            yield f"shows {found}; print a Python number, with a format"


def _figure(cell):
    if not _has_image(cell) or tags(cell) & SHOWS_ITSELF:
        return
    mystnb = cell.metadata.get("mystnb", {})
    alt = mystnb.get("image", {}).get("alt", "")
    if len(alt) < 40:
        yield "mystnb.image.alt must say what the figure shows (40 characters)"
    elif re.match(r"((an?|the) )?(figure|image|plot of)\b", alt, re.I):
        yield "mystnb.image.alt must say what is seen, not that it is a figure"
    for key in ("caption", "name"):
        if not mystnb.get("figure", {}).get(key):
            yield f"mystnb.figure.{key} is missing"


ANY_CELL = (_id, _metadata, _paths)
CODE_CELL = (_tags, _source, _outputs, _figure)
MARKDOWN_CELL = (_markdown_tags,)


# --- rules for one notebook ---


def problems(nb):
    """Return what is wrong with `nb`: a list of texts that name the cell."""
    found = _form(nb)
    if found:
        return found
    found += _notebook(nb)
    for cell in nb.cells:
        rules = ANY_CELL + (
            CODE_CELL if cell.cell_type == "code" else MARKDOWN_CELL
        )
        found += [f"{cell.id}: {p}" for rule in rules for p in rule(cell)]
    return found + [
        *_counts(nb),
        *_order(nb),
        *_headings(nb),
        *_predictions(nb),
    ]


def _form(nb):
    if (nb.nbformat, nb.nbformat_minor) != (4, 5):
        return [
            f"notebook: format {nb.nbformat}.{nb.nbformat_minor}, "
            f"wanted 4.5: {TO_MEND}"
        ]
    return [
        f"notebook: not valid: {error.message}" for error in iter_validate(nb)
    ]


def _notebook(nb):
    if nb.metadata != METADATA:
        yield f"notebook: metadata beyond kernelspec and language: {TO_MEND}"
    ids = [cell.id for cell in nb.cells]
    for id_ in sorted({i for i in ids if ids.count(i) > 1}):
        yield f"{id_}: the id occurs {ids.count(id_)} times"


def _counts(nb):
    code = [cell for cell in nb.cells if cell.cell_type == "code"]
    for wanted, cell in enumerate(code, start=1):
        if cell.execution_count is None:
            yield f"{cell.id}: has no execution count: {TO_MEND}"
        elif cell.execution_count != wanted:
            yield (
                f"{cell.id}: execution count {cell.execution_count}, "
                f"wanted {wanted}: {TO_MEND}"
            )


def _order(nb):
    told = False
    for cell in nb.cells:
        if cell.cell_type == "markdown":
            told = True
        # An answer and its check belong together.
        elif "test" not in tags(cell) and not _nbgrader(cell, "grade"):
            if not told:
                yield f"{cell.id}: no sentence before it says what to look for"
            told = False


def _headings(nb):
    last = 1
    for cell in nb.cells:
        if cell.cell_type != "markdown":
            continue
        for level, text in headings(cell):
            if level == 1 and cell is not nb.cells[0]:
                yield f"{cell.id}: a second H1, {text!r}"
            elif level > last + 1:
                yield f"{cell.id}: {text!r} is H{level} right after H{last}"
            last = level
    first = nb.cells[0]
    found = headings(first) if first.cell_type == "markdown" else []
    if [level for level, _ in found].count(1) != 1:
        yield f"{first.id}: the first cell must have one H1, the title"


def _predictions(nb):
    told, waiting = None, False
    for cell in nb.cells:
        waits = WAITS in tags(cell)
        if waits and not waiting:
            yield from (
                f"{cell.id}: waits, and {problem} in the cell before it"
                for problem in _prompt(told)
            )
        if waits and cell.cell_type == "markdown":
            if headings(cell):
                yield f"{cell.id}: waits, and has a heading"
            if PROMPT.search(cell.source):
                yield f"{cell.id}: waits, and asks for a prediction itself"
        if "remove-cell" not in tags(cell):
            told, waiting = cell, waits


def _prompt(cell):
    """Say what is wrong with the prompt that ends a cell."""
    prompts = []
    if cell is not None and cell.cell_type == "markdown":
        prompts = list(PROMPT.finditer(cell.source))
    if len(prompts) != 1:
        yield "there is not one paragraph that starts with '**Predict.**'"
        return
    prompt = cell.source[prompts[0].start() :]
    found = ASKS.search(prompt)
    if not found:
        yield (
            "the prompt does not end with a list of options, "
            "'*Your guess: … UNIT*' or '*Draw it: LINE*'"
        )
    elif re.search(r"\{\w+\}`|\]\(", found[0]):
        yield "an option holds a role or a link; it becomes a button"


def beats(nb):
    """Return which beats of a chapter `nb` lacks."""
    found = []
    cells = itertools.takewhile(lambda c: c.cell_type != "code", nb.cells)
    opening = "\n".join(cell.source for cell in cells)
    if not re.search(r"^(\*\*|## )Puzzle", opening, re.MULTILINE):
        found.append("chapter: no **Puzzle** before the first code cell")
    sections = [
        text
        for cell in nb.cells
        if cell.cell_type == "markdown"
        for level, text in headings(cell)
        if level == 2
    ]
    if [text for text in sections if text in SECTIONS] != SECTIONS:
        found.append(f"chapter: wants the H2 sections {', '.join(SECTIONS)}")
    if not any("explorer" in tags(cell) for cell in nb.cells):
        found.append("chapter: no cell is tagged explorer")
    found += [
        f"{cell.id}: has nbgrader's metadata, which belongs to exercises"
        for cell in nb.cells
        if "nbgrader" in cell.metadata
    ]
    quizzes = [
        cell
        for cell in nb.cells
        if cell.cell_type == "markdown" and cell.id.startswith("quiz-")
    ]
    if len(quizzes) != 3:
        found.append(f"chapter: {len(quizzes)} quiz- cells, wanted three")
    return found + [
        f"{cell.id}: {problem}" for cell in quizzes for problem in _quiz(cell)
    ]


def _quiz(cell):
    if not cell.source.startswith("**"):
        yield "a quiz starts with its question in bold"
    options = re.findall(
        r"<details>\s*<summary>(.+?)</summary>(.+?)</details>",
        cell.source,
        re.DOTALL,
    )
    if len(options) < 3 or len(options) != cell.source.count("<details"):
        yield (
            "a quiz has three or more options, each <details><summary>answer"
            "</summary> explanation </details>"
        )
    # JupyterLab shows the answers otherwise, and the text of formulas.
    if "</details>\n<details>" in cell.source:
        yield "a blank line is missing between two options"
    if any(re.search(r"\$|\{\w+\}`", text) for o in options for text in o):
        yield "an option holds a formula or a role; write plain text"
    starts = [
        re.match(r"\s*(Right|Not quite)?", explanation)[1]
        for _, explanation in options
    ]
    if starts.count("Right") != 1:
        yield f"{starts.count('Right')} options are 'Right', wanted one"
    if None in starts:
        yield "each explanation starts with 'Right' or 'Not quite'"


# --- rules for exercises, which are kept where the solutions are ---


def exercise_rules(nb):
    """Return which rules for exercises the solutions `nb` break."""
    title = nb.cells[0].source
    if not re.match(r"# Solutions \d+: ", title):
        yield f"{nb.cells[0].id}: the title is '# Solutions N: topic'"
    parts = []
    for cell in nb.cells[1:]:
        if cell.cell_type == "markdown" and cell.source.startswith("## "):
            parts.append([cell])
        elif parts:
            parts[-1].append(cell)
        yield from (f"{cell.id}: {p}" for p in _graded(cell))
    subtitles = [SUBTITLE.match(part[0].source) for part in parts]
    if None in subtitles:
        yield (
            f"{parts[subtitles.index(None)][0].id}: an exercise starts with "
            "'## 1. Title' and '*★★ · code · 12 minutes*'"
        )
        return
    if not 4 <= len(parts) <= 6:
        yield f"notebook: {len(parts)} exercises, wanted four to six"
    if [int(s[1]) for s in subtitles] != list(range(1, len(parts) + 1)):
        yield "notebook: the exercises are not numbered 1, 2, 3 ..."
    kinds = {s[3] for s in subtitles}
    if kinds != KINDS:
        yield f"notebook: kinds lacking or unknown: {sorted(kinds ^ KINDS)}"
    minutes = sum(int(s[4]) for s in subtitles)
    if f"about {minutes} minutes" not in title:
        yield f"{nb.cells[0].id}: does not say 'about {minutes} minutes'"
    for first, *others in parts:
        if not any(_nbgrader(cell, "points") for cell in others):
            yield f"{first.id}: nothing in this exercise has points"
    answers = {name for cell in nb.cells for name in _asked(cell)}
    for cell in nb.cells[1:]:
        if names := sorted(answers & _tested(cell)):
            yield (
                f"{cell.id}: its hidden test asserts something of "
                f"{', '.join(names)}: grading asks the checker alone"
            )


def _asked(cell):
    """Return the names that the stub of an answer leaves open."""
    stub = cell.source.partition("### BEGIN SOLUTION")[0]
    if stub == cell.source:
        return []
    return re.findall(r"^(?:def|class) (\w+)", cell.source, re.MULTILINE) + [
        name
        for line in re.findall(r"^(.+?) = \.\.\.", cell.source, re.MULTILINE)
        for name in line.split(", ")
    ]


def _tested(cell):
    """Return the names that a hidden test uses."""
    _, _, hidden = cell.source.partition("### BEGIN HIDDEN TESTS\n")
    return {
        node.id
        for node in ast.walk(ast.parse(hidden))
        if isinstance(node, ast.Name)
    }


def _graded(cell):
    if "nbgrader" not in cell.metadata:
        return
    if _nbgrader(cell, "grade_id") != cell.id:
        yield "grade_id and id differ"
    if _nbgrader(cell, "grade") and not _nbgrader(cell, "points"):
        yield "is graded and has no points"
    if _nbgrader(cell, "solution") and cell.cell_type == "markdown":
        if not cell.source.startswith(":::{dropdown} Solution\n"):
            yield "starts with :::{dropdown} Solution"
    elif _nbgrader(cell, "solution"):
        if "### BEGIN SOLUTION" not in cell.source:
            yield "has no ### BEGIN SOLUTION"
        if "hide-input" not in tags(cell):
            yield "is not tagged hide-input"
        prompts = cell.metadata.get("mystnb", {})
        if prompts.get("code_prompt_show") != "Solution":
            yield "mystnb.code_prompt_show is not 'Solution'"
    elif _nbgrader(cell, "grade"):
        if "### BEGIN HIDDEN TESTS" not in cell.source:
            yield "has no ### BEGIN HIDDEN TESTS"
    if not (_nbgrader(cell, "solution") or _nbgrader(cell, "locked")):
        yield "is neither the student's nor locked"


# --- rules for the book ---


def clashes(notebooks):
    """Return figure names and alt texts used twice in `{name: notebook}`."""
    found = []
    for key, group in (("name", "figure"), ("alt", "image")):
        users = {}
        for name, nb in notebooks.items():
            for cell in nb.cells:
                value = cell.metadata.get("mystnb", {}).get(group, {}).get(key)
                if value:
                    users.setdefault(value, []).append(f"{name}, {cell.id}")
        found += [
            f"mystnb.{group}.{key} {value!r} is in {' and '.join(places)}"
            for value, places in users.items()
            if len(places) > 1
        ]
    return found


def not_compared(nb):
    """Return the ids of the cells whose output nbval does not compare."""
    found = []
    for cell in nb.cells:
        if cell.cell_type == "code":
            options = dict(find_metadata_tags(cell.metadata))
            options |= find_comment_markers(cell.source)
            if options.get("skip") or not options.get("check", True):
                found.append(cell.id)
    return found


# --- command line ---


def stale(path):
    """Return whether the exercise of the solutions at `path` is not theirs."""
    stored = EXERCISES / path.name
    if not stored.exists():
        return True
    wanted = dumps(exercise(read(path)))
    return stored.read_text(encoding="utf-8") != wanted


def check(paths):
    """Print what nbval compares; leave with the broken rules, if any."""
    notebooks = {
        f"{path.parent.name}/{path.name}": read(path) for path in paths
    }
    found = clashes(notebooks)
    for path, (name, nb) in zip(paths, notebooks.items(), strict=True):
        solution = path.parent == SOLUTIONS
        broken = exercise_rules(nb) if solution else ()
        if path in chapters():
            broken = beats(nb)
        found += [f"{name}, {p}" for p in [*problems(nb), *broken]]
        if solution and stale(path):
            found.append(f"{name}: its exercise is out of date: {TO_MEND}")
        if dumps(nb) != dumps(normalise(nb)):
            found.append(f"{name}: not as it is stored: {TO_MEND}")
        code = sum(cell.cell_type == "code" for cell in nb.cells)
        skipped = not_compared(nb)
        print(
            f"{name}: {code} code cells; nbval compares all but "
            f"{len(skipped)}: {', '.join(skipped) or 'none'}"
        )
    if found:
        raise SystemExit("\n".join(found))


def main(arguments):
    """Check the notebooks that are named, or all."""
    paths = [Path(file).resolve() for file in arguments]
    check(paths or pages() + solutions())


if __name__ == "__main__":
    main(sys.argv[1:])
