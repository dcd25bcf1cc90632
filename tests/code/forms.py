"""A made-up class: the forms in which notebooks come back, and fair points.

A form is what a student did to the notebook, or how the file was packed. What
a fair reader gives is worked out from the check cells that have no right
answer and the written answers that are there.
"""

import copy
import io
import json
import re
import zipfile
from dataclasses import dataclass

import nbformat
from nbgrader.utils import is_solution

from classroom import grading, handout, sandbox

NAME = "01_definition"
SOLUTION = nbformat.read(grading.SOLUTIONS / f"{NAME}.ipynb", as_version=4)
RELEASED = handout.exercise(SOLUTION)


def ids(kind, grade):
    """Return the names of the cells of a kind that are graded, or not."""
    return [
        cell.id
        for cell in SOLUTION.cells
        if cell.cell_type == kind
        and cell.metadata.get("nbgrader", {}).get("grade") == grade
    ]


CHECKS = ids("code", True)
WRITTEN = ids("markdown", True)
WORTH = {
    cell.id: cell.metadata.nbgrader.points
    for cell in SOLUTION.cells
    if "points" in cell.metadata.get("nbgrader", {})
}


def points(*, lost=(), by_hand=()):
    """Return the points of a row: all but the check cells in `lost`.

    `by_hand` are the written answers that are there.
    """
    exercises, number = {}, None
    for cell in SOLUTION.cells:
        if heading := re.match(r"## (\d)\.", cell.source):
            number = f"exercise_{heading[1]}"
        if cell.id in CHECKS:
            exercises.setdefault(number, 0)
            exercises[number] += WORTH[cell.id] * (cell.id not in lost)
    row = {
        **exercises,
        "total": sum(exercises.values()),
        "of": sum(WORTH[name] for name in CHECKS),
        "by_hand": sum(WORTH[name] for name in by_hand),
    }
    return {field: str(value) for field, value in row.items()}


# --- what a student did to the notebook ---


def answered(*names, wrong=None):
    """Return the exercise with the solutions of the cells in `names`.

    Of all, if no names are given. `wrong` maps names to other sources.
    """
    nb = copy.deepcopy(RELEASED)
    for cell, solved in zip(nb.cells, SOLUTION.cells):
        if is_solution(cell) and (not names or cell.id in names):
            cell.source = solved.source
        cell.source = (wrong or {}).get(cell.id, cell.source)
    return nb


def without(*names):
    nb = answered()
    nb.cells = [cell for cell in nb.cells if cell.id not in names]
    return nb


def with_cell(source, after, nb, kind="code"):
    place = [cell.id for cell in nb.cells].index(after) + 1
    cell = getattr(nbformat.v4, f"new_{kind}_cell")(source)
    nb.cells.insert(place, cell)
    return nb


def source(name, nb=SOLUTION):
    return next(cell.source for cell in nb.cells if cell.id == name)


def fresh(nb):
    """Copy the cells into a new notebook: ids and metadata are lost."""
    for number, cell in enumerate(nb.cells):
        cell.id, cell.metadata = f"fresh-{number}", nbformat.NotebookNode()
    return nb


def imports(line, last=False):
    text = source("imports")
    lines = [text, line] if last else [line, text]
    return answered(wrong={"imports": "\n".join(lines)})


def words(how):
    """Write the answers beside their cells; `how` says where."""
    stub = {name: source(name, RELEASED) for name in WRITTEN}
    nb = answered(wrong=stub)
    for name in WRITTEN:
        question = name.removesuffix("-answer")
        text = f"My words on {question}, and why I think so."
        if how == "below":
            with_cell(text, name, nb, "markdown")
        elif how == "above":
            with_cell(text, question, nb, "markdown")
        elif how == "comments":
            with_cell(f"# {text}", name, nb)
        elif how == "question":
            cell = next(cell for cell in nb.cells if cell.id == question)
            cell.source += f"\n\n{text}"
        elif how == "raw":
            with_cell(text, name, nb, "raw")
    return nb


def merged(first, second):
    """Merge a cell into the one before it, as JupyterLab does."""
    nb = answered()
    cells = {cell.id: cell for cell in nb.cells}
    cells[first].source += "\n\n" + cells[second].source
    nb.cells.remove(cells[second])
    return nb


def split():
    one, two = source("edges-answer").split("\n\n\n")
    return with_cell(
        two, "edges-answer", answered(wrong={"edges-answer": one})
    )


def piled():
    """All code in one cell at the top, everything else untouched."""
    nb = answered(*WRITTEN)
    names = [name for name in ids("code", False) if name.endswith("answer")]
    pile = "\n\n".join(map(source, [*names, "rescale-prediction"]))
    return with_cell(pile, "imports", nb)


def later(name):
    """Answer below the check, and leave the cell for it as it was."""
    nb = answered(wrong={name: source(name, RELEASED)})
    check = name.replace("-answer", "-check")
    return with_cell(source(name), check, nb)


def renamed():
    nb = answered()
    for cell in nb.cells:
        if cell.id in ("edges-answer", "edges-relu"):
            cell.metadata.nbgrader.grade_id += "-mine"
    return nb


def reversed_():
    nb = answered()
    nb.cells.reverse()
    return nb


def twin():
    nb = answered()
    cell = copy.deepcopy(next(c for c in nb.cells if c.id == "edges-answer"))
    nb.cells.append(cell | {"id": "twin", "source": "pass"})
    return nb


def typed(kind):
    nb = answered()
    for at, cell in enumerate(nb.cells):
        if cell.id == "moment-answer":
            new = getattr(nbformat.v4, f"new_{kind}_cell")(cell.source)
            new.id, new.metadata = cell.id, cell.metadata
            nb.cells[at] = new
    return nb


def printed(megabytes):
    nb = answered()
    text = "x" * (megabytes * 2**20)
    nb.cells[2].outputs = [nbformat.v4.new_output("stream", text=text)]
    return nb


def no_ids():
    nb = answered()
    nb.nbformat_minor = 4
    for cell in nb.cells:
        del cell["id"]
    return nb


def colab():
    nb = answered()
    for number, cell in enumerate(nb.cells):
        cell.metadata["id"] = cell.id = f"aB{number}xY"
        cell.metadata.pop("nbgrader", None)
    nb.metadata = {"colab": {"provenance": []}}
    return nb


def newer():
    nb = answered()
    nb.nbformat, nb.nbformat_minor = 5, 0
    return nb


def scratch(code, after="edges"):
    return with_cell(code, after, answered())


def answer(name, code):
    return answered(wrong={name: code})


def all_in_one():
    nb = fresh(answered())
    names = ["neuron-answer", "edges-answer", "rescale-prediction"]
    texts = {source(name) for name in names}
    nb.cells = [cell for cell in nb.cells if cell.source not in texts]
    nb.cells.insert(
        3, nbformat.v4.new_code_cell("\n\n".join(map(source, names)))
    )
    return nb


@dataclass
class Form:
    """What came, and the fair result.

    Attributes
    ----------
    content : NotebookNode, str or bytes
    lost : collection of str
        Check cells that earn nothing.
    by_hand : collection of str
        Written answers that wait.
    remark : str or None
        A part of the remarks; None where there must be none.
    points : bool
        Whether there is anything to give points for.
    """

    content: object
    lost: tuple = ()
    by_hand: tuple = tuple(WRITTEN)
    remark: str | None = None
    points: bool = True

    def row(self):
        if not self.points:
            return {}
        return points(lost=self.lost, by_hand=self.by_hand)

    def bytes(self):
        if isinstance(self.content, bytes):
            return self.content
        if isinstance(self.content, str):
            return self.content.encode()
        return json.dumps(self.content).encode()


EDGES = ("edges-relu", "edges-derivative")
UNDER = "found by its question"
NAMELESS = "lost their names"
PASSED = "in the imports, failed and passed over"
FRACTIONS = """
from fractions import Fraction
output_factor = Fraction(1)
gradient_factor = Fraction(1, 4)
"""
ARRAYS = """
grad_w_first = np.array([4.0, 8.0])
grad_b_first = np.float32(4)
grad_x_first = np.array([12, 4])
grad_w_second = np.zeros(2)
"""
WRONG = {
    "neuron-answer": "grad_w_first = 'a'\ngrad_b_first = None\n"
    "grad_x_first = grad_w_second = []",
    "edges-answer": "def relu(x):\n    return x\n\n\n"
    "def relu_derivative(x):\n    raise ValueError",
    "rescale-prediction": "output_factor = 4\ngradient_factor = 4",
    "backward-answer": "layer_backward = 3 +",
    "moment-answer": "low = high = 0",
}
PRINTS = "for _ in range(200):\n    print('x' * 10**5)"


def contents():
    """Return name -> Form of what students do to a notebook."""
    full = answered()
    return {
        "all right": Form(full),
        "untouched": Form(RELEASED, CHECKS, ()),
        "half": Form(
            answered(
                "neuron-answer",
                "edges-answer",
                "rescale-prediction",
                "rescale-why-answer",
            ),
            ("backward-check", "moment-check"),
            ("rescale-why-answer",),
        ),
        "wrong": Form(answered(wrong=WRONG), set(CHECKS) - {"rescale-check"}),
        "copied into a fresh one": Form(fresh(answered()), remark=NAMELESS),
        "fresh, untouched": Form(
            fresh(copy.deepcopy(RELEASED)), CHECKS, (), NAMELESS
        ),
        "fresh, three in one cell": Form(all_in_one(), remark=NAMELESS),
        "fresh, words in questions": Form(
            fresh(words("question")), remark=NAMELESS
        ),
        "fresh, words in new cells": Form(
            fresh(words("below")), remark=NAMELESS
        ),
        "words below": Form(words("below"), remark=UNDER),
        "words above": Form(words("above"), remark=UNDER),
        "words in the question": Form(words("question"), remark=UNDER),
        "words as comments": Form(words("comments"), remark=UNDER),
        "words in raw cells": Form(words("raw"), remark=UNDER),
        "colab's import": Form(imports("import google.colab"), remark=PASSED),
        "widget": Form(imports("%matplotlib widget"), remark=PASSED),
        "old style": Form(
            imports(
                "import matplotlib.pyplot as plt\nplt.style.use('seaborn')"
            ),
            remark=PASSED,
        ),
        "typo in the imports": Form(imports("import numpy as"), remark=PASSED),
        "imports fail late": Form(imports("1 / 0", True), remark=PASSED),
        "no imports": Form(without("imports")),
        "imports, other names": Form(
            answered(
                wrong={
                    "imports": "import numpy\nimport math",
                }
            )
        ),
        "format 4.4": Form(no_ids()),
        "colab": Form(colab(), remark=NAMELESS),
        "newer format": Form(newer(), remark="notebook format 5.0"),
        "UTF-16": Form(json.dumps(full).encode("utf-16")),
        "byte-order mark": Form(b"\xef\xbb\xbf" + json.dumps(full).encode()),
        "CRLF": Form(json.dumps(full).replace("\\n", "\\r\\n")),
        "30 MB printed": Form(printed(30)),
        "split": Form(split()),
        "merged with its check": Form(
            merged("backward-answer", "backward-check"),
            remark="missing: backward-check",
        ),
        "merged with a neighbour": Form(
            with_cell(
                "",
                "neuron-answer",
                merged("neuron-answer", "backward-answer"),
            ),
            remark=UNDER,
        ),
        "piled on top": Form(piled(), remark=UNDER),
        "answered below the check": Form(later("moment-answer"), remark=UNDER),
        "copied cell": Form(twin(), remark="copied, the original counts"),
        "deleted": Form(
            without(
                "imports-text",
                "backward",
                "backward-answer",
                "backward-check",
                "moment-why-answer",
            ),
            ("backward-check",),
            tuple(set(WRITTEN) - {"moment-why-answer"}),
            "missing: backward-answer, backward-check, moment-why-answer",
        ),
        "renamed": Form(renamed(), remark="renamed, found by cell id"),
        "upside down": Form(reversed_()),
        "code in markdown": Form(typed("markdown")),
        "raises in between": Form(scratch("1 / 0")),
        "plots in between": Form(
            scratch("import matplotlib.pyplot as plt\nplt.plot([1, 2])")
        ),
        "chdir": Form(scratch("import os\nos.chdir('/')")),
        "warnings are errors": Form(
            scratch(
                "import warnings\nwarnings.simplefilter('error')\n"
                "np.seterr(all='raise')"
            )
        ),
        "prints on": Form(scratch(PRINTS)),
        "asks for input": Form(scratch("name = input('Your name? ')")),
        "own print": Form(scratch("def print(*words): pass")),
        "installs": Form(scratch("%pip install relu-book")),
        "helper": Form(
            with_cell(
                "def positive(x):\n    return np.maximum(x, 0)",
                "edges",
                answer(
                    "edges-answer",
                    source("edges-answer").replace(
                        "np.maximum(x, 0)", "positive(x)"
                    ),
                ),
            )
        ),
        "exact numbers": Form(answer("rescale-prediction", FRACTIONS)),
        "arrays": Form(answer("neuron-answer", ARRAYS)),
        "accents": Form(
            answer("moment-why-answer", "Symmetrie: wäre σ² nicht 1 … 🙂")
        ),
        "no Python": Form(
            answer("backward-answer", "layer_backward = 3 +"),
            ("backward-check",),
        ),
        "quit": Form(
            answer("edges-answer", source("edges-answer") + "\nquit()"),
            remark="would end the kernel: edges-answer",
        ),
        "exit": Form(
            scratch("import sys\nsys.exit()"),
            remark="would end the kernel: added-",
        ),
        "kills the kernel": Form(
            answer("backward-answer", "import os\nos._exit(1)"),
            ("backward-check", "moment-check"),
            remark="the kernel died in cell backward-answer",
        ),
        "git's conflict": Form(
            "<<<<<<< HEAD\n" + json.dumps(full),
            remark="not JSON",
            points=False,
        ),
        "empty": Form(b"", remark="not JSON", points=False),
        "a list": Form("[]", remark="no list of cells", points=False),
    }


# What takes seconds on purpose: in the full class once each.
SLOW = {
    "hangs": Form(answer("edges-answer", "while True:\n    pass"), EDGES),
    "hoards": Form(
        answer(
            "moment-answer",
            "hoard = []\nwhile True:\n    hoard.append(bytearray(2**28))",
        ),
        ("moment-check",),
    ),
}


# --- who is after points, or worse ---

ROOT = grading.ROOT
RIGHT = """
import types
right = types.SimpleNamespace(state="right", message="Right", attempted=True)
"""
PATCHES = """
for name in ("neuron", "relu", "relu_derivative", "layer_backward"):
    setattr(check, name, lambda *answers: right)
"""
METHODS = """
from utils.checks.feedback import Feedback
Feedback.__getattribute__ = lambda self, name: {
    "state": "right", "message": "Right"}.get(name, True)
"""
STRIPS = """
import ast
class Strip(ast.NodeTransformer):
    def visit_Assert(self, node):
        return ast.Pass()
get_ipython().ast_transformers.append(Strip())
"""
EVENT = """
get_ipython().events.register(
    "post_run_cell", lambda result: get_ipython().push({"feedback": right}))
"""
NUMPY = "np.allclose = lambda *a, **k: True\nrelu = abs\n"
CHECKERS = ROOT / "utils" / "checks" / "definition.py"
REWRITES = """
import pathlib, utils.checks.definition
for path in (utils.checks.definition.__file__, *{more}):
    try:
        with open(path, "a") as file:
            file.write("\\nraise SystemExit('rewritten')\\n")
    except OSError:
        pass
"""
KILLS = "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)"


def _cheat(code):
    return with_cell(RIGHT + code, "imports", copy.deepcopy(RELEASED))


def hostile():
    """Return name -> Form: points are for answers, whatever is tried."""

    def tried(code, remark):
        return Form(_cheat(code), CHECKS, (), remark)

    put_back = "replaced, and put back before the check: "
    return {
        "patches checkers": tried(PATCHES, put_back + "checks.definition."),
        "own check": tried(
            "check = types.SimpleNamespace(relu=lambda f: right)",
            put_back + "check",
        ),
        "patches feedback": tried(METHODS, "Feedback.__getattribute__"),
        "strips assertions": tried(STRIPS, "IPython's ast_transformers"),
        "an event": tried(EVENT, "IPython's event post_run_cell"),
        "patches NumPy": Form(
            with_cell(NUMPY, "imports", answered(wrong=WRONG)),
            set(CHECKS) - {"rescale-check"},
            remark="numpy.allclose",
        ),
        # Where there is no sandbox, nothing would keep it from the book itself.
        "rewrites the clone": tried(
            REWRITES.format(more=[] if sandbox.missing() else [str(CHECKERS)]),
            "not placed",
        ),
        # In a sandbox there is nobody above; elsewhere it ends its own worker.
        "kills its parent": (
            Form(scratch(KILLS), remark="was killed", points=False)
            if sandbox.missing()
            else Form(scratch(KILLS))
        ),
    }


# --- how it is packed ---


def zipped(members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, (content, year) in members.items():
            info = zipfile.ZipInfo(name, (year, 11, 30, 12, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return file.getvalue()


def _in(pattern):
    """Return a packing: the file's name, with {} for name and number."""
    return lambda name, number, content: {
        pattern.format(name=name, n=number, key=NAME): (content, 2026)
    }


def _versions(name, number, content):
    old = json.dumps(RELEASED).encode()
    folder = f"{name}_{number}_assignsubmission_file_"
    return {
        f"{folder}/{NAME} (1).ipynb": (content, 2026),
        f"{folder}/{NAME}.ipynb": (old, 2025),
        f"{folder}/{NAME}-Copy1.ipynb": (old, 2024),
    }


def _canvas_versions(name, number, content):
    old = json.dumps(RELEASED).encode()
    return {
        f"{name}_{number}_900_{NAME}.ipynb": (old, 2026),
        f"{name}_{number}_901_{NAME}-1.ipynb": (content, 2026),
    }


def _zip(name, number, content):
    inner = zipped(
        {
            f"homework/week 1/{NAME}.ipynb": (content, 2026),
            f"__MACOSX/homework/._{NAME}.ipynb": (b"\0", 2026),
            f"homework/.ipynb_checkpoints/{NAME}-checkpoint.ipynb": (
                json.dumps(RELEASED).encode(),
                2026,
            ),
        }
    )
    return {f"{name}_{number}_assignsubmission_file_/mine.zip": (inner, 2026)}


def _zip_in_zip(name, number, content):
    inner = zipped({f"{NAME}.ipynb": (content, 2026)})
    return {f"{name}/all.zip": (zipped({"in.zip": (inner, 2026)}), 2026)}


FOLDER = "{name}_{n}_assignsubmission_file_/"
PACKED = {
    "moodle": _in(FOLDER + "{key}.ipynb"),
    "moodle, no last line": _in(
        "{name}_{n}_assignsubmission_file/{key}.ipynb"
    ),
    "moodle, flat": _in("{name}_{n}_assignsubmission_file_{key}.ipynb"),
    "canvas": _in("{name}_{n}_77{n}_{key}.ipynb"),
    "canvas, late": _in("{name}_LATE_{n}_77{n}_{key}.ipynb"),
    "canvas, again": _in("{name}_{n}_77{n}_{key}-2.ipynb"),
    "nbgrader": _in("{name}/{key}/{key}.ipynb"),
    "folder": _in("{name}/{key}.ipynb"),
    "copy": _in(FOLDER + "{key}-Copy1.ipynb"),
    "browser": _in("{name}/{key} (1).ipynb"),
    "copy of a copy": _in("{name}/{key}-Copy1 (2).ipynb"),
    "as text": _in(FOLDER + "{key}.ipynb.txt"),
    "own name": _in("{name}/{name}_{key}_final.ipynb"),
    "nested": _in(FOLDER + "a/b/c/{key}.ipynb"),
    "colab's copy": _in(FOLDER + "Copy of {key}.ipynb"),
    "capitals": _in("{name}/{key}.IPYNB"),
    "versions": _versions,
    "canvas, versions": _canvas_versions,
    "zip": _zip,
    "zip in zip": _zip_in_zip,
}


def class_of(size, every=1, more=None):
    """Return a class: the ZIP's members, and student -> Form.

    Each form of the notebook and each packing comes at least once, if `size`
    and `every`, of which one is taken, allow it. `more` are further forms.
    """
    forms, packed = list(contents().items()), list(PACKED.items())
    members, fair = {}, {}
    for at in range(0, size * every, every):
        what, form = forms[at % len(forms)]
        how, pack = packed[at % len(packed)]
        name, number = f"name{at:03}", f"{4000 + at}"
        parts = pack(name, number, form.bytes())
        members |= parts
        system = "_" in next(iter(parts)).split("/")[0]
        fair[f"{name}_{number}" if system else name] = (what, how, form)
    for at, (what, form) in enumerate((more or {}).items()):
        members[f"more{at:02}/{NAME}.ipynb"] = form.bytes(), 2026
        fair[f"more{at:02}"] = what, "folder", form
    return members, fair
