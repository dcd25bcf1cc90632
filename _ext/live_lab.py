"""Put the live lab on Markdown pages, and its module once on each page.

::

    ```{lab} harsh
    :name: lab-harsh
    :presets: all
    :views: map, loss
    :controls: seed
    ```

The word after `{lab}` is a preset to start from. The options are the arguments
of `utils.lab.Lab`.
"""

import ast
import inspect
import json
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

from utils import lab

# Lists of names; `all` stands for all there are.
LISTS = {
    "presets": tuple(lab.PRESETS),
    "views": lab.VIEWS,
    "controls": lab.CONTROLS,
}


def setup(app):
    """Add the directive; finish the pages that have a lab."""
    app.add_directive("lab", LabDirective)
    app.connect("html-page-context", keep_one_module)
    # Before the site is packed.
    app.connect("build-finished", write_digits, priority=800)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def literal(text):
    """Return what a text stands for in Python, if not for itself.

    Examples
    --------
    >>> literal("0.5"), literal("(16, 16)"), literal("True"), literal("he")
    (0.5, (16, 16), True, 'he')
    """
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return text


def names(key, text):
    """Return the names in a list of them.

    Examples
    --------
    >>> names("views", "map, loss"), names("controls", "")
    (['map', 'loss'], [])
    """
    return LISTS[key] if text == "all" else text.replace(",", " ").split()


class LabDirective(SphinxDirective):
    """A lab, as HTML."""

    optional_arguments = 1
    option_spec = dict.fromkeys(
        inspect.signature(lab.Lab).parameters, directives.unchanged
    )

    def run(self):
        """Return the lab as it stands in a page."""
        self.env.note_dependency(str(lab.MODULE))
        settings = {}
        try:
            for key in self.arguments:
                key = directives.choice(key, tuple(lab.PRESETS))
                settings |= lab.PRESETS[key].settings
            for key, text in self.options.items():
                settings[key] = (
                    names(key, text) if key in LISTS else literal(text)
                )
            page = lab.Lab(**settings).page()
        except (TypeError, ValueError) as error:
            raise self.error(str(error)) from error
        return [nodes.raw("", page, format="html")]


def keep_one_module(app, pagename, templatename, context, doctree):
    """Leave the module of the labs on a page where it comes first."""
    first, *others = context.get("body", "").split(lab.SCRIPT)
    if others:
        context["body"] = first + lab.SCRIPT + lab.AGAIN.join(others)


def write_digits(app, exception):
    """Write the digits, which a page loads when a reader asks for them."""
    if exception or app.builder.format != "html":
        return
    text = f"globalThis.reluDigits = {json.dumps(lab.digits_text())};\n"
    path = Path(app.outdir, "_static", "lab-digits.js")
    path.write_text(text, encoding="utf-8")
