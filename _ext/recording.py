"""Keep what the notebooks' kernels said, as they said it, in _build/recorded.

What readers see is one run, and `make test` compares the stored outputs with
that same run (tools/recorded.py), so no notebook need run twice. myst-nb keeps
the outputs only after it has merged and trimmed them, so they are taken here.
"""

import hashlib
import json
import os
from pathlib import Path

from myst_nb.core import execute


def setup(app):
    """Choose the kernel; keep the outputs of every notebook that runs."""
    app.connect("config-inited", choose_kernel)
    top, folder = Path(app.srcdir), Path(app.outdir).parent / "recorded"

    class Recording(execute.NotebookClientDirect):
        def start_client(self):
            record = folder / self.path.relative_to(top).with_suffix(".json")
            # If the run fails, no older one may stand for it.
            record.unlink(missing_ok=True)
            super().start_client()
            if self.exec_metadata["succeeded"]:
                write(record, self.notebook, top)

    execute.NotebookClientDirect = Recording
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def choose_kernel(app, config):
    """Run the notebooks in the kernel that BOOK_KERNEL names, if it is set."""
    if kernel := os.environ.get("BOOK_KERNEL"):
        config.nb_kernel_rgx_aliases = {".*": kernel}


def write(path, nb, top):
    """Write the sources and the outputs of a notebook that was just run."""
    cells = {
        cell.id: {"source": cell.source, "outputs": cell.outputs}
        for cell in nb.cells
        if cell.cell_type == "code"
    }
    record = {
        "kernel": nb.metadata.kernelspec.name,
        "code": code(top),
        "cells": cells,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record), encoding="utf-8")


def code(top):
    """Return a digest of the code that notebooks import from the book."""
    found = hashlib.sha256()
    for path in sorted((top / "utils").rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            found.update(str(path.relative_to(top)).encode())
            found.update(path.read_bytes())
    return found.hexdigest()
