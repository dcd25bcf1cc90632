"""Let Sphinx read several pages at a time, which runs their notebooks.

All extensions must say that they are safe for that, and one says nothing.
"""

import os


def setup(app):
    """Read up to four pages at a time, as many as there are cores."""
    # jupyter-book has no option for it.
    app.parallel = min(4, os.cpu_count())
    # It only counts, after all pages were read.
    app.extensions["sphinx_multitoc_numbering"].parallel_read_safe = True
    app.connect("env-before-read-docs", deal)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def deal(app, env, docnames):
    """Deal the pages out like cards, so that long ones do not come at once."""
    docnames.sort()
    hands = app.parallel
    docnames[:] = [name for i in range(hands) for name in docnames[i::hands]]
