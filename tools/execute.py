"""Run notebooks and store them; make each exercise from its solution.

::

    python -m tools.execute [FILES]    all chapters and solutions without FILES

This is the only way that outputs get into the repository.
"""

import base64
import re
import sys
import time
from pathlib import Path

from nbclient import NotebookClient
from nbclient.exceptions import (
    CellExecutionError,
    CellTimeoutError,
    DeadKernelError,
)

from classroom.handout import exercise
from tools.notebooks import dumps, normalise, pages, read, solutions
from tools.paths import CHAPTERS, EXERCISES, ROOT, SOLUTIONS

# The picture of README and landing page: a cell's output, and its copies.
COVER = ("02_nonlinearity", "decision-boundaries")
COVER_COPIES = {
    "image/png": ROOT / "_static" / "cover.png",
    "image/svg+xml": ROOT / "_static" / "cover.svg",
}
# The ledger of the claims: a cell that prints it, and the file that pages read.
LEDGER = ("12_in_depth", "ledger-data")
LEDGER_COPY = CHAPTERS / "records" / "ledger.json"
FAILURES = (CellExecutionError, CellTimeoutError, DeadKernelError)


class ExecutionError(Exception):
    """A cell failed; the message names the chapter and the cell."""


def execute(path):
    """Run the notebook at `path` in its folder; return it normalised."""
    return normalise(run(path))


def run(path):
    """Run the notebook at `path` in its folder; return it with all outputs."""
    path = Path(path)
    nb = read(path)
    at = {"cell": "none"}
    client = NotebookClient(
        nb,
        timeout=600,
        kernel_name="python3",
        record_timing=False,
        store_widget_state=False,
        resources={"metadata": {"path": str(path.parent)}},
        on_cell_start=lambda cell, cell_index: at.update(cell=cell.id),
    )
    try:
        client.execute()
    except FAILURES as error:
        raise ExecutionError(
            f"{path.name}, cell {at['cell']}:\n{plain(str(error))}"
        ) from error
    # Dropped in silence, it would come back as a failure of nbval.
    for cell in nb.cells:
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr":
                raise ExecutionError(
                    f"{path.name}, cell {cell.id}: wrote to stderr, which is "
                    f"not stored:\n{output.text}"
                )
    return nb


def plain(traceback):
    """Return a traceback without its colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", traceback)


def cover(nb, kind):
    """Return the book's cover, from the notebook that draws it."""
    cell = next(cell for cell in nb.cells if cell.id == COVER[1])
    pictures = [o.data[kind] for o in cell.outputs if "data" in o]
    if kind == "image/png":
        return base64.b64decode(pictures[0])
    return pictures[0].encode()


def ledger(nb):
    """Return the ledger as text, from the notebook that prints it."""
    cell = next(cell for cell in nb.cells if cell.id == LEDGER[1])
    return "".join(output.text for output in cell.outputs)


def store(paths):
    """Run the notebooks and write them, with what is made from them.

    The ledger is made first, since a chapter reads it.
    """
    for path in sorted(paths, key=lambda path: path.stem != LEDGER[0]):
        start = time.perf_counter()
        ran = run(path)
        nb = normalise(ran)
        path.write_text(dumps(nb), encoding="utf-8")
        if path.stem == COVER[0] and path.parent == CHAPTERS:
            for kind, copy in COVER_COPIES.items():
                copy.write_bytes(cover(ran, kind))
        if path.stem == LEDGER[0] and path.parent == CHAPTERS:
            LEDGER_COPY.write_text(ledger(nb), encoding="utf-8")
        if path.parent == SOLUTIONS:
            made = dumps(exercise(nb))
            (EXERCISES / path.name).write_text(made, encoding="utf-8")
        print(f"{path.name}: stored, {time.perf_counter() - start:.0f} s")


def main(arguments):
    """Store the notebooks that are named, or all."""
    paths = [Path(file).resolve() for file in arguments]
    try:
        store(paths or pages() + solutions())
    except ExecutionError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main(sys.argv[1:])
