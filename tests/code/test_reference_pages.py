"""The reference pages: glossary, questions, bibliography."""

import re

import pytest
from nbformat.v4 import new_markdown_cell, new_notebook

from tools import prose
from tools.notebooks import pages, read

ENTRIES = prose.glossary(prose.page("glossary.md"))
NAMES = [names[0] for names, _ in ENTRIES]
NOTEBOOKS = {path.stem: read(path) for path in pages()}
FAQ = prose.page("faq.md")
QUESTIONS = [
    "What is ReLU?",
    "Why is it so popular?",
    "Why prefer it over sigmoid and tanh?",
    "What is the dying ReLU problem?",
    "Do the networks that people use have dead units?",
    "What are its limits and how are they met?",
    "How do ReLU, Leaky ReLU and GELU differ, and which should I take?",
    "Does sparsity make my network faster?",
    "How do I see whether ReLU hurts my own model?",
]


# --- the glossary ---


def test_glossary_is_sorted_and_defines_each_word_once():
    assert sorted(NAMES, key=str.lower) == NAMES
    words = [n.lower() for names, _ in ENTRIES for n in prose.forms(names)]
    assert {word for word in words if words.count(word) > 1} == set()
    assert set(prose.FORMS) <= set(NAMES)


@pytest.mark.parametrize(
    ("names", "text"), ENTRIES, ids=[name.replace(" ", "-") for name in NAMES]
)
def test_entry_links_a_chapter_that_uses_it(names, text):
    links = prose.linked(text, NOTEBOOKS)
    assert links, f"{names[0]}: no {{doc}} link to a chapter"
    for name in links:
        used = {use.entry for use in prose.uses(NOTEBOOKS[name], ENTRIES)}
        assert names[0] in used, f"{name} never says {names[0]!r}"


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_chapter_links_the_first_use_of_each_term(name):
    found = prose.unlinked(NOTEBOOKS[name], ENTRIES)
    assert not found, "\n".join(f"{name}, {problem}" for problem in found)


TINY = [
    (["dead", "dead unit"], "  A unit.\n"),
    (["dying ReLU"], "  It dies.\n"),
    (["activation"], "  What it passes on.\n"),
    (["activation function"], "  ReLU.\n"),
    (["boundary"], "  Where classes meet.\n"),
    (["array"], "  Numbers.\n"),
]


def written(*sources):
    """Return a notebook of Markdown cells text-0, text-1, ..."""
    cells = [
        new_markdown_cell(source, id=f"text-{i}")
        for i, source in enumerate(sources)
    ]
    return new_notebook(cells=cells)


@pytest.mark.parametrize(
    ("sources", "problems"),
    [
        (["A {term}`dead` unit, and a dead one."], []),
        (["{term}`Dead units <dead>` do not {term}`die <dying ReLU>`."], []),
        (["# Dead\n", "{term}`dead unit`"], []),
        (
            ["A dead one.", "A {term}`dead` one."],
            ["text-0: link the first use of 'dead': {term}`dead`"],
        ),
        (
            ["Text", "Dead units"],
            [
                "text-1: link the first use of 'Dead units': "
                "{term}`Dead units <dead>`"
            ],
        ),
        (
            ["# {term}`Dead`", "dead"],
            ["text-1: link the first use of 'dead': {term}`dead`"],
        ),
        (
            ["Its activation functions"],
            [
                "text-0: link the first use of 'activation functions': "
                "{term}`activation functions <activation function>`"
            ],
        ),
        (
            ["Boundaries of arrays"],
            [
                "text-0: link the first use of 'Boundaries': "
                "{term}`Boundaries <boundary>`",
                "text-0: link the first use of 'arrays': "
                "{term}`arrays <array>`",
            ],
        ),
        (
            ["{term}`deaf`"],
            ["text-0: {term}`deaf` is not in the glossary"],
        ),
    ],
)
def test_first_use_is_found(sources, problems):
    assert prose.unlinked(written(*sources), TINY) == problems


def test_what_is_no_prose_is_no_use():
    nb = written(
        "# Dead\n\n| dead |\n\n`dead` $dead$ [dead](dead.md) {doc}`dead`\n\n"
        "$$\ndead\n$$\n\n```\ndead\n```\n:::{note} dead\n:class: dead\n:::\n"
        "<details><summary>dead</summary>\n\ndead\n\n</details>\n"
        "undead, dead-line, DEAD, deadly"
    )
    nb.cells.append(new_markdown_cell("**dead?**", id="quiz-1"))
    assert list(prose.uses(nb, TINY)) == []


# --- the questions ---


@pytest.mark.parametrize("question", QUESTIONS)
def test_question_is_answered_with_a_link_to_a_chapter(question):
    answer = prose.section(FAQ, question)
    assert answer, f"faq.md has no section {question!r}"
    assert prose.linked(answer, NOTEBOOKS), f"{question} links no chapter"


def test_faq_has_these_questions_and_no_others():
    assert re.findall(r"^## (.+)", FAQ, re.M) == QUESTIONS


# --- the bibliography ---


def bibliography(text):
    """Return the entries of a BibTeX file as {key: text}."""
    return dict(re.findall(r"^@\w+\{(\w+),\n(.*?)^\}", text, re.M | re.S))


BIBLIOGRAPHY = bibliography(prose.page("references.bib"))

# Whose results are reproduced in small, and where.
REPRODUCED = {
    "krizhevsky2012": "03_sigmoid_tanh",
    "glorot2010": "04_vanishing_gradients",
    "glorot2011": "06_sparsity",
    "nair2010": "01_definition",
    "maas2013": "07_dying_relu",
    "he2015": "04_vanishing_gradients",
    "clevert2016": "08_variants",
    "klambauer2017": "08_variants",
    "hendrycks2016": "08_variants",
    "ramachandran2017": "08_variants",
    "elfwing2018": "08_variants",
    "ioffe2015": "05_exploding_gradients",
    "pascanu2013": "05_exploding_gradients",
    "montufar2014": "02_nonlinearity",
    "telgarsky2016": "02_nonlinearity",
    "poole2016": "04_vanishing_gradients",
    "schoenholz2017": "04_vanishing_gradients",
    "lu2019": "07_dying_relu",
    "shazeer2020": "10_in_practice",
    "mirzadeh2023": "06_sparsity",
}


def cited(source):
    """Return the keys that some Markdown cites."""
    roles = re.findall(r"\{cite:\w+\}`([^`]+)`", source)
    return {key.strip() for role in roles for key in role.split(",")}


def markdown(nb):
    return "\n".join(c.source for c in nb.cells if c.cell_type == "markdown")


CITED = {name: cited(markdown(nb)) for name, nb in NOTEBOOKS.items()}
CITED |= {name: cited(prose.page(name)) for name in ("faq.md", "glossary.md")}


def test_each_citation_is_in_the_bibliography_and_each_entry_cited():
    for name, keys in CITED.items():
        assert keys <= set(BIBLIOGRAPHY), name
    assert set(BIBLIOGRAPHY) <= set().union(*CITED.values())


@pytest.mark.parametrize("key", REPRODUCED)
def test_paper_is_cited_where_its_result_is_used(key):
    assert key in CITED[REPRODUCED[key]], REPRODUCED[key]


@pytest.mark.parametrize("key", BIBLIOGRAPHY)
def test_bibliography_entry_can_be_found(key):
    fields = dict(
        re.findall(r"^  (\w+) += \{(.*)\},?$", BIBLIOGRAPHY[key], re.M)
    )
    assert {"author", "title", "year"} <= set(fields)
    if "arXiv" not in fields.get("note", ""):
        fields.pop("note", None)
    forms = {
        "doi": r"10\.\d{4,9}/[^\s{}]+",
        "note": r"arXiv:\d{4}\.\d{4,5}",
        "isbn": r"[\d-]{10,17}X?",
        "url": r"https://\S+",
    }
    ways = {field: form for field, form in forms.items() if field in fields}
    assert ways, "wants a doi, a note arXiv:..., an isbn or a url"
    for field, form in ways.items():
        assert re.fullmatch(form, fields[field]), fields[field]


def test_a_link_that_says_the_number_of_a_chapter_leads_to_it():
    texts = [cell.source for nb in NOTEBOOKS.values() for cell in nb.cells]
    texts += [prose.page(f"{n}.md") for n in ("index", "faq", "teaching")]
    links = re.findall(
        r"\[[Cc]hapter (\d+)\]\((\d\d)_(?!in_depth)", "\n".join(texts)
    )
    assert links
    assert [link for link in links if int(link[0]) != int(link[1])] == []
