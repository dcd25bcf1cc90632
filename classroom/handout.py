"""What students are handed: the exercise, made from its solution.

::

    python -m classroom.handout FOLDER [NAME ...] [--solutions]

FOLDER gets the exercises named, such as 01_definition, or all; `utils`, which
they import; and a requirements.txt without what they do not need, which makes
`utils` known as well. No solution is in it before you say `--solutions`: the
same command again adds them.

The source is the notebook in chapters/solutions, as nbgrader wants it.
"""

import argparse
import copy
import shutil
import tomllib
from pathlib import Path

import nbformat
from nbgrader.preprocessors import (
    CheckCellMetadata,
    ClearHiddenTests,
    ClearOutput,
    ClearSolutions,
    ComputeChecksums,
    LockCells,
)
from traitlets.config import Config

ROOT = Path(__file__).resolve().parent.parent
SOLUTIONS = ROOT / "chapters" / "solutions"
SMALL = ("ipykernel", "numpy>=2", "scipy")  # where nothing is trained

CONFIG = Config(
    {
        "ClearSolutions": {
            "code_stub": {"python": "# Your code here."},
            "text_stub": "*Your answer here.*",
        },
    }
)
HAND_OUT = (
    LockCells,
    ClearSolutions,
    ClearOutput,
    CheckCellMetadata,
    ClearHiddenTests,
    ComputeChecksums,
)


def exercise(solution):
    """Return the notebook that students get: `solution` without solutions.

    nbgrader's own preprocessors remove solutions, hidden tests and outputs.
    What hides the solutions on their page goes too, and the title changes.
    """
    nb, resources = copy.deepcopy(solution), {}
    for preprocessor in HAND_OUT:
        nb, resources = preprocessor(config=CONFIG).preprocess(nb, resources)
    title = nb.cells[0]
    title.source = title.source.replace("# Solutions", "# Exercises", 1)
    for cell in nb.cells:
        cell.metadata.pop("tags", None)
        cell.metadata.pop("mystnb", None)
    return nb


def requirements(notebooks):
    """Return what the notebooks need, a package a line.

    The last line is for the folder itself, whose `utils` they import.
    """
    packages = SMALL
    if any(
        "import torch" in cell.source
        for nb in notebooks
        for cell in nb.cells
        if cell.cell_type == "code"
    ):
        with open(ROOT / "pyproject.toml", "rb") as file:
            project = tomllib.load(file)["project"]
        packages = "ipykernel", *project["optional-dependencies"]["chapters"]
    return "\n".join([*packages, "-e ."]) + "\n"


def write(folder, names, solutions=False):
    """Write what students get into `folder`."""
    notebooks = {
        name: nbformat.read(SOLUTIONS / f"{name}.ipynb", as_version=4)
        for name in names
    }
    for kind in ("exercises", *["solutions"] * solutions):
        (folder / "chapters" / kind).mkdir(parents=True, exist_ok=True)
    for name, nb in notebooks.items():
        nbformat.write(
            exercise(nb), folder / "chapters" / "exercises" / f"{name}.ipynb"
        )
        if solutions:
            shutil.copy(
                SOLUTIONS / f"{name}.ipynb", folder / "chapters" / "solutions"
            )
    for part in ("utils", "chapters/records"):
        shutil.copytree(
            ROOT / part,
            folder / part,
            dirs_exist_ok=True,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
    for name in ("pyproject.toml", "LICENSE", "LICENSE-CODE"):
        shutil.copy(ROOT / name, folder)
    (folder / "requirements.txt").write_text(
        requirements(notebooks.values()), encoding="utf-8"
    )


def main(arguments=None):
    """Write a folder for students; the text of this module says how."""
    known = sorted(path.stem for path in SOLUTIONS.glob("*.ipynb"))
    parser = argparse.ArgumentParser(
        prog="python -m classroom.handout",
        description="Write what students get into a folder.",
        epilog="example: python -m classroom.handout handout 01_definition",
    )
    parser.add_argument("folder", metavar="FOLDER", type=Path)
    parser.add_argument("names", metavar="NAME", nargs="*")
    parser.add_argument("--solutions", action="store_true")
    given = parser.parse_args(arguments)
    for name in given.names:
        if name not in known:
            parser.error(
                f"NAME must be an exercise such as {known[0]}, got {name!r}; "
                f"there are {', '.join(known)}"
            )
    if (given.folder / "classroom").exists():
        parser.error(
            "FOLDER must not be a clone of the book, but a folder for "
            f"students such as handout, got {str(given.folder)!r}"
        )
    write(given.folder, given.names or known, given.solutions)
    print(f"{len(given.names or known)} exercises in {given.folder}")


if __name__ == "__main__":
    main()
