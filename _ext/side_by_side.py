"""Let Sphinx read several pages at a time, which runs their notebooks."""

import importlib
import os


def setup(app):
    """Read up to four pages at a time, as many as there are cores."""
    # jupyter-book has no option for it.
    app.parallel = min(4, os.cpu_count())
    app.connect("env-before-read-docs", deal)
    # MathJax from the book itself. Its own entry in the list of extensions
    # would turn the above off, since it does not say whether it is safe.
    importlib.import_module("sphinx-mathjax-offline").setup(app)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def deal(app, env, docnames):
    """Deal the pages out like cards, so that long ones do not come at once."""
    docnames.sort()
    hands = app.parallel
    docnames[:] = [name for i in range(hands) for name in docnames[i::hands]]
