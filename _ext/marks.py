"""Show solutions as readers want them, without the marks of the grader.

The notebooks in chapters/solutions keep `### BEGIN SOLUTION`, `### BEGIN
HIDDEN TESTS` and the dots in the place of an answer, from which nbgrader makes
the exercises. Their pages, and what the search finds there, do without.
"""

import plain
from docutils import nodes


def setup(app):
    """Take the marks away when a page was read."""
    app.connect("doctree-read", unmark)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def unmark(app, doctree):
    """Leave lines that only the grader needs out of the code of solutions."""
    if "/solutions/" not in app.env.docname:
        return
    for block in doctree.findall(nodes.literal_block):
        if "cell_input" not in block.parent.get("classes", []):
            continue
        code = plain.unmarked(block.astext())
        block.rawsource = code
        block[:] = [nodes.Text(code)]
