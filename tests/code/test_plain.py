"""Notebooks for places that know no MyST, from a tiny book."""

from types import SimpleNamespace

import marks
import nbformat
import plain
import pytest
from docutils import nodes
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

from tools.paths import ROOT

GLOSSARY = """\
# Glossary

:::{glossary}
ReLU
  max(0, x)

gate
  A factor.
:::
"""
REFERENCES = """\
@article{nair2010, author = {Nair, Vinod and Hinton, Geoffrey E.},
title = {Rectified}, journal = {ICML}, year = {2010}}
"""
PAGE = """\
# Title

A {term}`ReLU`, two {term}`gates <gate>`, {cite:t}`nair2010`, as
{ref}`below <places>`, and [the words](glossary.md#term-gate).
It is {eq}`positive`:

$$
x > 0
$$ (positive)

```
{term}`ReLU`
```

:::{admonition} Claim 1 holds
:class: claim
"It is a {term}`gate`."

Twice.
:::

:::{dropdown} Why
Since $x > 0$.
:::
"""


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """Return a function that makes a text of a tiny book plain."""
    top = tmp_path_factory.mktemp("book")
    (top / "conf.py").write_text(
        'extensions = ["myst_nb", "sphinxcontrib.bibtex"]\n'
        'bibtex_bibfiles = ["all.bib"]\nroot_doc = "page"\n'
        'bibtex_reference_style = "author_year"\n'
        'myst_enable_extensions = ["colon_fence", "dollarmath"]\n'
    )
    (top / "all.bib").write_text(REFERENCES)
    (top / "glossary.md").write_text(GLOSSARY)
    (top / "page.md").write_text(
        "# Page\n\n{cite:t}`nair2010`\n\n$$\nx > 0\n$$ (positive)\n\n"
        "(places)=\n## Places\n\n"
        "```{bibliography}\n```\n\n```{toctree}\nglossary\n```\n"
    )
    # What it registers with docutils is not for the tests after this one.
    with docutils_namespace():
        app = Sphinx(top, top, top / "out", top / "trees", "html", status=None)
        app.build()

    def make(source, address):
        app.address = address
        return plain.markdown(app, "page", source)

    make.app = app
    return make


def test_published_book_is_linked(book):
    made = book(PAGE, "https://example.org/relu/")
    start = "https://example.org/relu"
    assert f"A [ReLU]({start}/glossary.html#term-ReLU), " in made
    assert f"two [gates]({start}/glossary.html#term-gate), " in made
    assert f"[below]({start}/page.html#places)" in made
    assert f"[the words]({start}/glossary.html#term-gate)" in made
    assert f"({start}/page.html#" in made and "Nair and Hinton" in made


def test_book_without_an_address_keeps_its_words(book):
    made = book(PAGE, None)
    assert "A ReLU, two gates, Nair and Hinton" in made
    assert "as\nbelow, and [the words](glossary.md#term-gate)." in made


def test_boxes_and_folds_are_told_in_plain_markdown(book):
    made = book(PAGE, None)
    assert '> **Claim 1 holds**\n>\n> "It is a gate."\n>\n> Twice.' in made
    assert (
        "<details>\n<summary>Why</summary>\n\nSince $x > 0$.\n\n</details>"
    ) in made
    assert "It is (1):\n\n$$\nx > 0\n$$\n" in made
    # Code is nobody's markup.
    assert made.count("{term}") == 1 and ":::" not in made


def test_role_that_leads_nowhere_is_an_error(book):
    with pytest.raises(ValueError, match="no place for {term}`nothing`"):
        book("A {term}`nothing`.", None)


@pytest.fixture
def executed():
    """Return a notebook as a build leaves it."""
    figure = {
        "figure": {"caption": "A {term}`gate`.", "name": "fig-gate"},
        "image": {"alt": "A line with a kink"},
    }
    data = {"image/png": "aGk=", "image/svg+xml": "<svg/>", "text/plain": ""}
    shown = nbformat.v4.new_output("display_data", data=data)
    solution = {"code_prompt_show": "Solution"}
    cells = [
        new_markdown_cell("# Title", id="title"),
        new_code_cell(
            "plot()",
            id="plot",
            metadata={"mystnb": figure, "tags": ["hide-input"]},
            outputs=[shown],
        ),
        new_code_cell(
            "assert True", id="test", metadata={"tags": ["remove-cell"]}
        ),
        new_code_cell(
            "y = ...\n### BEGIN SOLUTION\ny = 1\n### END SOLUTION",
            id="answer",
            metadata={"mystnb": solution, "tags": ["hide-input"]},
        ),
    ]
    return new_notebook(cells=cells, metadata={"widgets": {"state": {}}})


def test_figures_have_captions_and_tests_are_gone(book, executed):
    book.app.address = None
    nb = plain.notebook(book.app, "page", executed)
    nbformat.validate(nb)
    assert [cell.id for cell in nb.cells] == [
        "title",
        "plot",
        "plot-caption",
        "answer",
    ]
    (output,) = nb.cells[1].outputs
    assert set(output.data) == {"image/png", "text/plain"}
    assert output.metadata["image/png"]["alt"] == "A line with a kink"
    assert nb.cells[2].source.startswith("*A gate.*")
    assert "A line with a kink" in nb.cells[2].source
    assert nb.cells[1].metadata.jupyter.source_hidden
    assert "widgets" not in nb.metadata and "widgets" in executed.metadata


def test_solutions_are_folded_below_the_exercise(book, executed):
    stubs = new_notebook(cells=[new_code_cell("y = ...", id="answer")])
    book.app.address = None
    nb = plain.notebook(book.app, "page", executed, stubs)
    assert nb.cells[-2].source == "y = ..."
    folded = nb.cells[-1].source
    assert folded.startswith("<details>\n<summary>Solution</summary>")
    assert "```python\ny = 1\n```" in folded


@pytest.mark.parametrize(
    ("page", "kind", "shown"),
    [
        (
            "chapters/solutions/01_definition",
            "cell_input",
            "check(y)\nassert y",
        ),
        ("chapters/solutions/01_definition", "cell_output", None),
        ("chapters/01_definition", "cell_input", None),
    ],
)
def test_page_of_solutions_shows_no_marks_of_the_grader(page, kind, shown):
    code = (
        "y = ...\ncheck(y)\n### BEGIN HIDDEN TESTS\nassert y\n"
        "### END HIDDEN TESTS"
    )
    cell = nodes.container(classes=[kind])
    cell += nodes.literal_block(code, code)
    app = SimpleNamespace(env=SimpleNamespace(docname=page))
    marks.unmark(app, cell)
    assert cell.astext() == (shown or code)


def test_notebooks_use_nothing_that_has_no_plain_form():
    """Else the built book would be the first to find out."""
    for path in sorted((ROOT / "chapters").rglob("*.ipynb")):
        for cell in nbformat.read(path, 4).cells:
            if cell.cell_type != "markdown":
                continue
            boxes = plain.BOX.sub("", plain.FENCE.sub("", cell.source))
            assert ":::" not in boxes, (path.name, cell.id)
