"""Formulas in the text: what stays on one line with them."""

from docutils import nodes
from docutils.utils import new_document
from mathml import KeepTogether, convert


def test_signs_stay_with_their_formula_and_no_text_is_lost():
    # Two equal texts, since docutils finds a text by its value.
    document = new_document("page")
    document += nodes.paragraph(
        "",
        "",
        nodes.Text("So ("),
        nodes.math("", "a"),
        nodes.Text(", "),
        nodes.math("", "b"),
        nodes.Text(", "),
        nodes.math("", "c"),
        nodes.Text(") at last."),
        nodes.math("", "d"),
    )
    KeepTogether(document).run()
    assert document.astext() == "So (a, b, c) at last.d"
    together = [node.astext() for node in document.findall(nodes.inline)]
    assert together == ["(a,", "b,", "c)", "last.d"]


def test_a_formula_says_its_latex_in_one_line():
    formula = convert("\\frac{1}{2}\n< x", displaystyle=True)
    assert 'alttext="\\frac{1}{2} &lt; x"' in formula
