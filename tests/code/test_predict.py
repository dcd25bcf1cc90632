"""What waits in a notebook is put into a fold, and its prompt is understood."""

import json

import predict
import pytest
from docutils import nodes
from docutils.core import publish_doctree
from myst_nb.docutils_ import Parser
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, writes
from sphinx.errors import ExtensionError

QUESTION = "**Predict.** Which?"
CHOICE = QUESTION + "\n\n* this\n* that"
RESULT = new_markdown_cell(
    "It is this.", id="it", metadata={"tags": ["waits"]}
)


def notebook(*cells):
    return writes(new_notebook(cells=[*cells]))


@pytest.fixture
def folded(tmp_path):
    """Return a function: the document of some cells, as a page gets it."""

    def fold(*cells):
        doctree = publish_doctree(
            predict.marked(notebook(*cells)),
            parser=Parser(),
            settings_overrides={
                "nb_execution_mode": "off",
                "nb_output_folder": str(tmp_path),
                "report_level": 5,
            },
        )
        predict.fold(None, doctree)
        return doctree

    return fold


def kind(doctree):
    (start,) = (
        node.astext()
        for node in doctree.findall(nodes.raw)
        if "data-kind" in node.astext()
    )
    return start.partition('data-kind="')[2].partition('"')[0]


def test_notebook_without_predictions_stays_as_it_is():
    text = notebook(new_markdown_cell("# A"), new_code_cell("1"))
    assert predict.marked(text) == text


def test_each_run_of_cells_that_wait_has_one_start_and_one_end():
    hidden = new_code_cell(
        "assert 1", id="h", metadata={"tags": ["remove-cell", "test"]}
    )
    more = new_code_cell("2", id="more", metadata={"tags": ["waits"]})
    text = predict.marked(
        notebook(
            new_markdown_cell(CHOICE, id="a"),
            RESULT,
            hidden,
            more,
            new_markdown_cell(CHOICE, id="b"),
            new_code_cell("3", id="last", metadata={"tags": ["waits"]}),
        )
    )
    cells = json.loads(text)["cells"]
    assert [cell["id"] for cell in cells] == [
        "a",
        "prediction-it",
        "it",
        "h",
        "more",
        "end-of-the-prediction-b",
        "b",
        "prediction-last",
        "last",
        "end-of-the-prediction-last",
    ]


@pytest.mark.parametrize(
    ("end", "wanted"),
    [
        ("\n\n* this\n* that", "choice"),
        ("\n\n*Your guess: … %*", "number"),
        ("\n\n*Your guess: …*", "number"),
        ("\n\n*Draw it: the line.*", "line"),
        ("", "none"),
    ],
)
def test_kind_of_a_prompt_is_seen_from_its_end(folded, end, wanted):
    before = "Some words, and **Predict** among them.\n\n"
    doctree = folded(new_markdown_cell(before + QUESTION + end), RESULT)
    assert kind(doctree) == wanted
    texts = [node.astext() for node in doctree.children]
    # What comes before the question is not a part of it.
    assert texts[0].startswith("Some words")
    assert texts[1].startswith('<div class="predict" data-name="it"')
    assert texts[-3:] == [predict.FOLD, "It is this.", predict.CLOSE]


def test_unit_is_kept_as_text(folded):
    doctree = folded(
        new_markdown_cell(QUESTION + '\n\n*Your guess: … "km" & more*'), RESULT
    )
    (start, *_) = (node.astext() for node in doctree.findall(nodes.raw))
    assert 'data-unit="&quot;km&quot; &amp; more"' in start.replace(
        "“", "&quot;"
    ).replace("”", "&quot;")


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ([new_markdown_cell("Which?"), RESULT], "it waits, and no"),
        (
            [
                new_markdown_cell("# A\n\n" + CHOICE),
                new_markdown_cell("## B", id="it", metadata=RESULT.metadata),
            ],
            "it: a heading stands in what waits",
        ),
    ],
)
def test_what_cannot_wait_is_refused_with_its_name(folded, cells, message):
    with pytest.raises(ExtensionError, match=message):
        folded(*cells)
