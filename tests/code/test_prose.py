"""Every number in the prose stands in an output, assertion or setting."""

import nbformat
import pytest
from nbformat.v4 import (
    new_code_cell,
    new_markdown_cell,
    new_notebook,
    new_output,
)

from tools import guards, prose
from tools.notebooks import pages, read, solutions

PAGES = ("about", "faq", "glossary", "index", "teaching")


@pytest.fixture(scope="module")
def book():
    """Return what each chapter guards."""
    return {path.stem: guards.guards(read(path)) for path in pages()}


@pytest.mark.parametrize(
    "path",
    pages() + solutions(),
    ids=lambda path: f"{path.parent.name}-{path.stem}",
)
def test_each_number_in_a_notebook_is_guarded(path, book):
    found = guards.unguarded(read(path), book)
    assert not found, "\n".join([path.name, *found])


@pytest.mark.parametrize("name", PAGES)
def test_each_number_on_a_page_is_guarded_by_a_linked_chapter(name, book):
    text = prose.page(f"{name}.md")
    if name == "glossary":
        text = "\n\n".join(entry for _, entry in prose.glossary(text))
    found = guards.missing(text, [], book)
    assert not found, "\n".join([name, *found])


# --- the rules, one by one ---


def hidden(source):
    """Return a cell that readers do not see."""
    return new_code_cell(
        source,
        id="run-test",
        metadata={"tags": ["remove-cell", "test"]},
    )


@pytest.fixture
def ran():
    """Return what a notebook guards that has one cell of each kind."""
    table = "loss 0.2946  accuracy 93.84 ± 1.2\n   3 100  -1.99  2.7e+11"
    asserts = (
        'want = {"sgd": 66.1}["sgd"]\n'
        "for low in (0.611, 0.622):\n"
        "    assert round(x[555], 7) == 5.83 and low < 0.033 < y\n"
        "assert abs(x - 8.88) < 0.044, 4.321\n"
        'assert f"{x:.31f}" == "0.40 0.52" and abs(41 * f(4.44, 717)) < 0.077\n'
        "np.testing.assert_allclose(x, [1_379_520, -0.56], atol=0.0999)\n"
        "assert x == 3 / 157 and np.isclose(x, 67)\n"
        "assert max(abs(x - y)) == 0.052 and 0.142 < abs(x - y) < 0.151\n"
    )
    return guards.guards(
        new_notebook(
            cells=[
                new_code_cell(
                    "rates, c, n = [0.25, 1e-14], 1 / 3, 500\nprint(table)",
                    id="run",
                    outputs=[new_output("stream", text=table)],
                ),
                new_code_cell(
                    "show()",
                    id="timed",
                    metadata={"tags": ["timing", "nbval-ignore-output"]},
                    outputs=[new_output("stream", text="ratio 7.77")],
                ),
                hidden(asserts),
            ]
        )
    )


def found(text, own, book=None, home=()):
    """Return the numbers in a text that nothing guards."""
    problems = guards.missing(text, own, book or {}, home)
    return [problem.split(" in ")[0] for problem in problems]


@pytest.mark.parametrize(
    "text",
    [
        "It reached 93.84 ± 1.2 points, or 93.8, or 94.",
        "A loss of 0.295 is a share of 29 %, 29.5 % and $29.46\\,\\%$.",
        "The exponent was −1.99, $p = -1.99$, or 2.0 without its sign.",
        "It grew by 2.7e+11, by $2.7 \\cdot 10^{11}$, or 3e+11.",
        "In 500 runs at 1/4 and $c = 1/3$, below $10^{-14}$, 3 or 100.",
        "ReLU999, float999, 999th, nine hundred",
    ],
)
def test_numbers_that_were_measured_or_set_are_found(ran, text):
    assert found(text, [ran]) == []


@pytest.mark.parametrize(
    ("text", "nowhere"),
    [
        ("It reached 93.9 points.", ["93.9"]),
        ("A share of 93.8 %, or 2 %.", ["93.8 %", "2 %"]),
        ("It reached 93.840.", ["93.840"]),
        ("The slope is +1.99.", ["+1.99"]),
        ("It took 3100 steps, then 3 101.", ["3100", "3 101"]),
        ("A setting of 0.25 and 500 %.", ["0.25", "500 %"]),
        ("A time ratio of 7.77.", ["7.77"]),
        ("Where $x = 4.58$ and 1/7 or 2.71e+11.", ["4.58", "1/7", "2.71e+11"]),
        ("From 93–97 % to 1.3 million.", ["93", "97 %", "1.3 million"]),
        ("# A title of 999", ["999"]),
        ("| a row | 999 |", ["999"]),
        ("A share\nof 999, in `one`\nsentence.", ["999"]),
    ],
)
def test_made_up_numbers_are_found_nowhere(ran, text, nowhere):
    assert found(text, [ran]) == nowhere


@pytest.mark.parametrize(
    "text",
    [
        "It is 5.83, or 5.8, and at least 0.033.",
        "It is 8.88, 0.40 or 0.52 and 66.1, from 0.611 to 0.622.",
        "It is 1 379 520 or −0.56, less than 0.077 at 4.44, or 3/157.",
        "It is 67, 0.052, and 0.142 to 0.151.",
    ],
)
def test_what_an_assertion_compares_with_is_a_guard(ran, text):
    assert found(text, [ran]) == []


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("0.044", "tolerance"),
        ("0.0999", "option"),
        ("555", "index"),
        ("7", "whole number that a function is called with"),
        ("717", "whole number that a function is called with"),
        ("31", "format"),
        ("4.321", "message"),
        ("5.830", "less precise number"),
        ("+0.56", "number of the other sign"),
    ],
)
def test_what_an_assertion_holds_beside_is_no_guard(ran, text, what):
    assert found(f"It is {text}.", [ran]) == [text], what


@pytest.mark.parametrize(
    "text",
    [
        "Of `999`, [999](999) and {term}`999`.",
        "# In depth 99: A page\n\nSee In depth 98 and in depth 97.",
        "See claim 99, claims 98 and 97, Chapter 96, exercises 95, 94 to 93.",
        "## 999. A title\n\n999. The first of a list",
        "About 75 minutes: 35 for this, 40&nbsp;min for that.",
        "A bound of $(c/999)^8$, and $999 x$.",
        "So {cite:t}`x999` found 999.",
        "The {cite:t}`x999` number is 3.4 % and\nit is 999.",
        "```\n999\n```\n",
    ],
)
def test_what_is_no_result_needs_no_guard(ran, text):
    assert found(text, [ran]) == []


@pytest.mark.parametrize(
    ("text", "nowhere"),
    [
        ("So {cite:t}`x` found 998. It was 999.", ["999"]),
        ("It takes 35 minutes. It was 999.", ["999"]),
        ("Chapter 9 has 999, and claim 9 has 99.9.", ["999", "99.9"]),
        ("A bound of $0.999 x$, or $x = 999$.", ["0.999", "999"]),
    ],
)
def test_beside_what_is_no_result_a_number_needs_a_guard(ran, text, nowhere):
    assert found(text, [ran]) == nowhere


def test_linked_chapter_guards_the_numbers_of_its_paragraph(ran):
    book = {"01_other": ran}
    own = [guards.guards(new_notebook())]
    link = "It was 5.83 in [another](01_other.ipynb).\nThen 93.8.\n"
    assert found(link, own, book) == []
    assert found(f"{link}\nAnd 93.8.", own, book) == ["93.8"]
    assert found("See {doc}`01_other`: 93.8 or 99.9.", [], book) == ["99.9"]
    assert found("No link on a page: 99.9.", [], book) == []


def exercise(*cells, title="Solutions 1"):
    title = f"# {title}: other\n\nTo [the chapter](../01_other.ipynb)."
    return new_notebook(cells=[new_markdown_cell(title), *cells])


@pytest.mark.parametrize("title", ["Solutions 1", "In depth 1"])
def test_its_chapter_guards_the_sentence_that_says_so(ran, title):
    said = new_markdown_cell("The chapter has 93.8. So 93.8.", id="why")
    nb = exercise(said, title=title)
    problems = guards.unguarded(nb, {"01_other": ran})
    assert problems == ["why: 93.8 in 'So 93.8.'"]


def test_tables_of_an_exercise_are_given(ran):
    table = new_markdown_cell("| loss | 5.5 |\n", id="table")
    told = new_markdown_cell("A loss of 5.5, not 4.4.", id="told")
    problems = guards.unguarded(exercise(table, told), {"01_other": ran})
    assert problems == ["told: 4.4 in 'A loss of 5.5, not 4.4.'"]
    checks = "assert x\n### BEGIN HIDDEN TESTS\nwant = 4.4\n"
    checked = exercise(table, told, new_code_cell(checks))
    assert guards.unguarded(checked, {"01_other": ran}) == []


def test_quiz_is_given_its_question_and_states_its_answers():
    quiz = (
        "**What becomes of 4096?**\n\n"
        "<details><summary>It is 1.11</summary>\n\n"
        "Not quite: 4096 is 2.22.\n</details>\n\n"
        "<details><summary>It is 3.33</summary>\n\n"
        "Right: 4.44.\n</details>\n"
    )
    nb = new_notebook(
        cells=[new_markdown_cell("# A"), new_markdown_cell(quiz, id="quiz-1")]
    )
    problems = " ".join(guards.unguarded(nb, {}))
    stated = [n for n in ("1.11", "2.22", "3.33", "4.44") if n in problems]
    assert stated == ["2.22", "3.33", "4.44"] and "4096 in" not in problems


def test_captions_and_alternative_texts_state_numbers():
    shown = {"figure": {"caption": "About 1.11."}, "image": {"alt": "2.22"}}
    cell = new_code_cell("plot()", id="plot", metadata={"mystnb": shown})
    nb = new_notebook(cells=[new_markdown_cell("# A"), cell])
    assert guards.unguarded(nb, {}) == [
        "plot: 1.11 in 'About 1.11.'",
        "plot: 2.22 in '2.22'",
    ]


def test_changed_digit_in_any_chapter_is_found(book):
    name = "04_vanishing_gradients"
    nb = nbformat.from_dict(book[name].notebook)
    cell = next(c for c in nb.cells if c.id == "control-reading")
    before = guards.unguarded(nb, book)
    old, cell.source = cell.source, cell.source.replace("54.4", "54.6")
    assert cell.source != old
    assert len(guards.unguarded(nb, book)) == len(before) + 1
