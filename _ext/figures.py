"""Put figures into their page, where they take its colours (utils/svg.py).

An SVG file that a page refers to sees neither the page's colours nor the
reader's choice between light and dark. Its bytes are about a tenth of a PNG's,
so a page that holds its figures is light, too. Most have a second form for a
phone, and the style sheet shows one of both.
"""

import html
from pathlib import Path

from docutils import nodes

from utils import svg


def setup(app):
    """Exchange pictures once it is known which a page shows."""
    app.connect("doctree-resolved", inline)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def inline(app, doctree, name):
    """Put what a page's SVG files hold in the place of their pictures."""
    if app.builder.format != "html":
        return
    for node in list(doctree.findall(nodes.image)):
        source = Path(app.srcdir, node["uri"])
        if source.suffix != ".svg" or not source.exists():
            continue
        label = html.escape(node.get("alt", ""))
        text = svg.both_forms(
            source.read_text(encoding="utf-8"),
            f'role="img" aria-label="{label}"',
        )
        node.replace_self(nodes.raw("", text, format="html"))
