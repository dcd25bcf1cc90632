"""Write formulas as MathML, which browsers draw and read aloud by themselves.

The page then needs no script for its formulas, and shows them without
JavaScript too. Each formula says its LaTeX as well, to readers who have no
MathML, and to who copies it (_static/book.js). A formula with a label has a
number, which a link shows: {eq}`label`.
"""

import html
import re
from xml.etree import ElementTree

from docutils import nodes
from math_core import LatexError, LatexToMathML
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

CONVERTER = LatexToMathML(fancy_error=False)
LOGGER = logging.getLogger(__name__)

# MathML Core allows these attributes everywhere, HTML validators do not; the
# properties mean the same.
PROPERTIES = {
    "displaystyle": {
        "true": "math-style: normal",
        "false": "math-style: compact",
    },
    "scriptlevel": {"0": "math-depth: 0"},
}


def setup(app):
    """Offer this as a renderer of formulas, chosen in _config.yml."""
    app.add_html_math_renderer("mathml", (inline, None), (display, None))
    app.add_post_transform(KeepTogether)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def convert(latex, displaystyle):
    """Return a formula as MathML.

    Parameters
    ----------
    latex : str
        The formula, without dollar signs.
    displaystyle : bool
        Whether it stands on a line of its own.

    Raises
    ------
    math_core.LatexError
        If the formula is not LaTeX, or has a command that is not known.

    Examples
    --------
    >>> convert("x^2", displaystyle=False)
    '<math alttext="x^2"><msup><mi>x</mi><mn>2</mn></msup></math>'
    """
    text = CONVERTER.convert_with_local_state(latex, displaystyle=displaystyle)
    root = ElementTree.fromstring(text.replace("&ApplyFunction;", "\u2061"))
    for element in root.iter():
        style = [element.get("style", "")]
        for name, properties in PROPERTIES.items():
            if name in element.keys():
                style.append(properties[element.attrib.pop(name)])
        if any(style):
            element.set("style", "; ".join(filter(None, style)))
    root.set("alttext", " ".join(latex.split()))
    return ElementTree.tostring(root, encoding="unicode")


def write(node, displaystyle):
    """Return the formula of `node` as MathML; warn where it has none."""
    try:
        return convert(node.astext(), displaystyle)
    except (LatexError, ElementTree.ParseError) as error:
        LOGGER.warning("formula: %s", error, location=node)
        return f"<code>{html.escape(node.astext())}</code>"


def inline(self, node):
    """Write a formula in a line of text."""
    self.body.append(write(node, displaystyle=False))
    raise nodes.SkipNode


def display(self, node):
    """Write a formula on a line of its own, which scrolls if it is wide."""
    formula = write(node, displaystyle=True)
    if node["number"]:
        number = get_node_equation_number(self, node)
        formula += f'<span class="number">({number})</span>'
    names = "".join(f' id="{name}"' for name in node["ids"][:1])
    self.body.append(f'<div class="formula"{names}>{formula}</div>\n')
    raise nodes.SkipNode


class KeepTogether(SphinxPostTransform):
    """Keep a formula on one line with the signs that touch it.

    Browsers may break a line on both sides of a formula, even before a comma.
    """

    default_priority = 900
    formats = ("html",)

    def run(self):
        """Put formula and signs into one element, which does not break."""
        for formula in list(self.document.findall(nodes.math)):
            parent, place = formula.parent, formula.parent.index(formula)
            before = cut(parent, place - 1, r"\S*$")
            after = cut(parent, place + 1, r"^\S*")
            parent[place] = nodes.inline(
                "", "", before, formula, after, classes=["whole"]
            )


def cut(parent, place, pattern):
    """Cut the pattern out of the text at that place; return what was cut."""
    text = parent[place] if 0 <= place < len(parent) else None
    if not isinstance(text, nodes.Text):
        return nodes.Text("")
    found = re.search(pattern, text)
    parent[place] = nodes.Text(text[: found.start()] + text[found.end() :])
    return nodes.Text(found[0])
