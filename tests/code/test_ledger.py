"""The ledger as text and as HTML, from the book's file and from a small one."""

import json
import re

import pytest
from bs4 import BeautifulSoup

from tools.paths import ROOT
from utils import kernel, ledger


def judged(verdict, *outcomes, condition=""):
    """Return a verdict as it is stored, with a test for each outcome."""
    tests = [
        {
            "what": f"test {place} <b>",
            "value": "-1.5",
            "sign": ">=",
            "bar": "-3",
            "outcome": outcome,
            "error": "0.5",
            "half": "1.9",
            "seeds": 20,
            "matters": "1",
            "distance": 3.0,
        }
        for place, outcome in enumerate(outcomes)
    ]
    setting = "digits & more" if outcomes else ""
    return {
        "verdict": verdict,
        "condition": condition,
        "setting": setting,
        "tests": tests,
    }


def row(number, here, beyond, kind="what it is", chapters=("01_a",)):
    return {
        "number": number,
        "text": "A < B, at length.",
        "short": "A < B.",
        "kind": kind,
        "parts": ["One & two"],
        "chapters": list(chapters),
        "value": "-1.5",
        "error": "0.5",
        "says": "% of <i>",
        "here": here,
        "beyond": beyond,
    }


FORMULA = judged(ledger.FORMULA)
FEW = {
    "parts": ["One & two"],
    "claims": [
        row(1, judged("holds", "yes"), FORMULA),
        row(
            2,
            judged("holds if", "yes", "no", condition="x < 0"),
            judged("open", "open"),
            "why it wins",
            ("01_a", "02_b"),
        ),
        row(
            4,
            judged("open", "open", "no"),
            judged("holds if", "yes", "open", condition="some are open"),
        ),
    ],
    "strictness": [],
}


@pytest.fixture
def few():
    return ledger.Ledger(json.loads(json.dumps(FEW)))


def page_of(book):
    return BeautifulSoup(book._repr_html_(), "html.parser")


def words(node):
    return " ".join(node.get_text().split())


# --- what can be asked ---


def test_a_ledger_is_a_mapping_of_claims_by_number(few):
    assert list(few) == [1, 2, 4] and len(few) == 3 and 3 not in few
    assert few[2].here.words == "holds if x < 0"
    assert few[2].here.passed == 1
    assert few[1].beyond.words == "a formula, without data"
    with pytest.raises(KeyError):
        few[3]


def test_verdicts_are_counted_here_beyond_and_by_kind(few):
    assert list(few.counts().values()) == [1, 1, 0, 1]
    assert list(few.counts(beyond=True).values()) == [0, 1, 0, 1]
    assert list(few.counts(kind="why it wins").values()) == [0, 1, 0, 0]
    with pytest.raises(ValueError, match="kind must be one of what it is, "):
        few.counts(kind="nonsense")


def test_headline_counts_all_verdicts(few):
    assert few.headline == (
        "1 of 3 claims hold without a condition, 1 hold under one, 0 do not "
        "hold, and 1 is open."
    )
    stored = json.loads(json.dumps(FEW))
    stored["claims"][0]["here"] = judged("open", "open")
    assert ledger.Ledger(stored).headline.endswith("and 2 are open.")
    del stored["claims"][0], stored["claims"][1]
    assert ledger.Ledger(stored).headline.endswith("and none is open.")


@pytest.mark.parametrize(
    ("outcomes", "wanted"),
    [
        ("yes yes", "holds"),
        ("yes no", "holds if"),
        ("yes open", "holds if"),
        ("no level", "does not hold"),
        ("no open", "open"),
    ],
)
def test_verdict_follows_from_outcomes(outcomes, wanted):
    assert ledger.verdict(outcomes.split()) == wanted


# --- as text ---


def test_text_has_a_paragraph_for_each_claim(few):
    head, _, second, third = repr(few).split("\n\n")
    assert head.startswith("1 of 3 claims hold")
    assert second.splitlines() == [
        " 2 A < B.",
        "   holds if x < 0 (1 of 2 tests)",
        "   -1.5 ± 0.5 % of <i>",
        "   beyond: open",
    ]
    assert "(0 of 2 tests)" in third


def test_text_of_the_book_is_narrow_and_whole():
    text = repr(ledger.read())
    assert max(map(len, text.splitlines())) <= ledger.WIDTH
    numbers = re.findall(r"^ ?(\d+) ", text.split("\n\n", 1)[1], re.M)
    assert numbers == [str(number) for number in range(1, 33)]


# --- as a page ---


def test_page_has_two_rows_for_each_claim_with_its_address(few):
    bodies = page_of(few).select("table.ledger > tbody")
    assert [body["id"] for body in bodies] == ["claim-1", "claim-2", "claim-4"]
    first, below = bodies[1].find_all("tr", recursive=False)
    cells = first.find_all(["th", "td"])
    assert [words(cell) for cell in cells] == [
        "2",
        "A < B.",
        "◐ holds if",
        "−1.5 ± 0.5 % of <i>",
        "? open",
    ]
    assert cells[0].name == "th" and cells[0]["scope"] == "row"
    assert cells[0].a["href"] == "#claim-2"
    assert words(below.summary) == "if x < 0 (1 of 2 tests)"
    assert words(below.select_one(".ledger-chapters")) == "Ch. 1, 2"


def test_page_names_the_columns_of_both_tables(few):
    page = page_of(few)
    for table in page.find_all("table"):
        titles = table.find("thead").find_all("th")
        assert {title["scope"] for title in titles} == {"col"}
        assert len(titles) == 5 and all(map(words, titles))


def test_row_opens_to_the_claim_the_setting_and_all_tests(few):
    details = page_of(few).select("details")[2]
    said = [words(p) for p in details.find_all("p")]
    assert said == [
        "“A < B, at length.”",
        "Measured: digits & more.",
        "Beyond the digits it holds if some are open. "
        "Measured: digits & more.",
    ]
    rows = [
        " ".join(map(words, tr.find_all(["th", "td"])))
        for tr in details.table.find_all("tr")[1:]
    ]
    assert rows == [
        "test 0 <b> −1.5 ± 0.5 ≥ −3 20 open",
        "test 1 <b> −1.5 ± 0.5 ≥ −3 20 no",
        "Beyond the digits",
        "test 0 <b> −1.5 ± 0.5 ≥ −3 20 yes",
        "test 1 <b> −1.5 ± 0.5 ≥ −3 20 open",
    ]


def test_a_verdict_that_is_open_beyond_is_said_so(few):
    second = page_of(few).select("details")[1]
    assert "Beyond the digits it is open." in words(second)


def test_a_formula_has_no_tests_beyond(few):
    first = page_of(few).select("tbody")[0]
    assert words(first.select_one(".ledger-beyond")) == "a formula"
    assert "Beyond the digits" not in words(first.details)


def test_signs_are_for_the_eye_alone(few):
    for span in page_of(few).select(".claim > span"):
        assert span["aria-hidden"] == "true"
        assert span.get_text() in ledger.SIGNS.values()


@pytest.mark.parametrize(
    ("person", "suffix"), [(False, ".html"), (True, ".ipynb")]
)
def test_links_lead_to_the_boxes_in_a_page_and_in_a_notebook(
    few, monkeypatch, person, suffix
):
    monkeypatch.setattr(kernel, "person_watches", lambda: person)
    links = page_of(few).select("#claim-2 .ledger-chapters a")
    assert [link["href"] for link in links] == [
        f"01_a{suffix}#claim-2",
        f"02_b{suffix}#claim-2",
    ]
    assert links[1]["aria-label"] == "Claim 2 in chapter 2"


def test_filter_shows_only_where_a_script_runs(few):
    form = page_of(few).form
    assert form.has_attr("hidden")
    options = [words(option) for option in form.find_all("option")]
    assert options == [
        "all",
        "✓ holds (1)",
        "◐ holds if (1)",
        "✗ does not hold (0)",
        "? open (1)",
        "all",
        "One & two",
    ]
    assert words(form.output) == "3 of 3 claims"
    for control in form.find_all(["select", "input"]):
        assert control["autocomplete"] == "off"


def test_script_has_no_comments_and_ends_no_script():
    assert "//" not in ledger.SCRIPT and "</" not in ledger.SCRIPT
    assert ledger.SCRIPT.count("currentScript") == 1


# --- one look ---


def test_signs_and_colours_are_those_of_the_boxes():
    styles = (ROOT / "_static/book.css").read_text(encoding="utf-8")
    for word, colour in ledger.COLOURS.items():
        name = (
            ".claim" if word == "open" else f".claim-{word.replace(' ', '-')}"
        )
        rule = re.search(
            rf"^{re.escape(name)} \{{\s+--claim: ([^;]+);\s+--sign: \"([^\"]+)\"",
            styles,
            re.M,
        )
        sign = re.sub(
            r"\\([0-9a-f]{4})", lambda m: chr(int(m[1], 16)), rule[2]
        )
        assert (rule[1], sign) == (colour, ledger.SIGNS[word])
