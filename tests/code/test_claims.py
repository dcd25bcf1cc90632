"""The ledger of chapter 12 agrees with the claim boxes of the chapters.

They are compared in two things: a claim's chapters and its verdict, which is
"holds", "holds if", "does not hold" or "open". The words of a condition and the
numbers are not compared: each chapter's own cells test those.
"""

import re

import claims
import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup
from sphinx.cmd.build import main

from tools import execute, notebooks, paths, rules
from utils import ledger

LEDGER = ledger.read()
NUMBERS = range(1, 33)
# A box up to the next line that begins with three colons.
BOX = re.compile(
    r":::\{admonition\} (Claim .+)\n:class: claim\n(.*?)^:::",
    re.DOTALL | re.MULTILINE,
)


# The verdict of each box, as claim and chapter: a box that comes, goes or
# changes its verdict has to be entered here, too.
VERDICTS = {
    "holds": "1 01, 2 01, 3 02, 17 07, 25 08",
    "holds if": (
        "4 03, 5 03, 6 03, 7 03, 7 04, 8 04, 11 05, 12 05, 13 06, 14 06, "
        "15 06, 16 07, 18 07, 18 09, 19 07, 20 07, 20 08, 21 08, 21 09, 22 08, 23 08, "
        "24 08, 24 09, 24 10, 26 10, 27 09, 27 10, 29 07, 31 04, 32 01"
    ),
    "does not hold": "9 04, 10 04, 28 03, 30 08",
}


def boxes():
    """Return (chapter, claim, verdict, text) of every claim box of the book."""
    return [
        (path.name.partition("_")[0], *claims.parts(title), text)
        for path in notebooks.chapters()
        for cell in notebooks.read(path).cells
        if cell.cell_type == "markdown"
        for title, text in BOX.findall(cell.source)
    ]


def together(said):
    """Return the verdict of several boxes; those that differ say "if"."""
    return said[0] if len(set(said)) == 1 else "holds if"


# --- the ledger, as it is stored ---


def test_file_of_the_ledger_is_what_its_notebook_prints():
    nb = notebooks.read(paths.CHAPTERS / f"{execute.LEDGER[0]}.ipynb")
    stored = execute.LEDGER_COPY.read_text(encoding="utf-8")
    assert stored == execute.ledger(nb), rules.TO_MEND
    assert execute.LEDGER_COPY == ledger.FILE


def test_ledger_is_made_before_the_chapter_that_reads_it(
    monkeypatch, tmp_path
):
    order = []
    monkeypatch.setattr(execute, "run", lambda path: order.append(path.stem))
    monkeypatch.setattr(execute, "normalise", lambda ran: ran)
    monkeypatch.setattr(execute, "dumps", lambda nb: "")
    names = ("11_a", "12_claims", execute.LEDGER[0], "12_solved")
    execute.store([tmp_path / f"{name}.ipynb" for name in names])
    assert order == [execute.LEDGER[0], "11_a", "12_claims", "12_solved"]


def test_every_claim_has_one_row():
    assert list(LEDGER) == list(NUMBERS)
    assert [claim.number for claim in LEDGER.values()] == list(NUMBERS)


@pytest.mark.parametrize("number", NUMBERS)
def test_every_row_has_a_number_that_says_of_what(number):
    claim = LEDGER[number]
    assert re.fullmatch(r"[-+]?\d[\d.]*", claim.value)
    assert len(claim.says.split()) > 2 or claim.says.startswith("%")
    tests = claim.here.tests
    failed = [test for test in tests if test.outcome != "yes"]
    first = (failed or tests)[0]
    assert (claim.value, claim.error) == (first.value, first.error)


@pytest.mark.parametrize("number", NUMBERS)
def test_verdict_follows_from_the_tests_of_the_row(number):
    for judged in (LEDGER[number].here, LEDGER[number].beyond):
        wanted = {0: ("does not hold", "open"), len(judged.tests): ("holds",)}
        if not judged.tests:
            wanted = {0: ("a formula",)}
        assert judged.verdict in wanted.get(judged.passed, ("holds if",))
        if judged.tests:
            outcomes = [test.outcome for test in judged.tests]
            assert judged.verdict == ledger.verdict(outcomes)


@pytest.mark.parametrize("number", NUMBERS)
def test_condition_stands_beside_holds_if_and_nowhere_else(number):
    for judged in (LEDGER[number].here, LEDGER[number].beyond):
        wanted = judged.verdict == "holds if"
        assert bool(re.match(r"\w[\w']* \w+", judged.condition)) == wanted
        assert bool(judged.setting) == bool(judged.tests)
    assert LEDGER[number].here.tests


@pytest.mark.parametrize("number", NUMBERS)
def test_every_row_says_what_becomes_of_its_claim_beyond(number):
    assert re.match(
        r"holds$|holds if \w+ \w+|does not hold$|open$|a formula",
        LEDGER[number].beyond.words,
    )


def test_parts_are_those_of_the_book():
    toc = yaml.safe_load((paths.ROOT / "_toc.yml").read_text("utf-8"))
    parts = {
        part["caption"]: {
            page["file"].removeprefix("chapters/") for page in part["chapters"]
        }
        for part in toc["parts"]
        if part.get("numbered")
    }
    assert LEDGER.parts == tuple(parts)
    for claim in LEDGER.values():
        assert claim.parts == tuple(
            part for part in parts if parts[part] & set(claim.chapters)
        )
        assert set(claim.chapters) <= set().union(*parts.values())


# --- the boxes ---


@pytest.mark.parametrize("number", NUMBERS)
def test_row_names_the_chapters_with_a_box(number):
    with_box = {chapter for chapter, claim, *_ in boxes() if claim == number}
    assert {page[:2] for page in LEDGER[number].chapters} == with_box


@pytest.mark.parametrize("number", NUMBERS)
def test_boxes_and_row_agree(number):
    said = [word for _, claim, word, _ in boxes() if claim == number]
    assert together(said) == LEDGER[number].here.verdict


def test_no_box_changes_its_verdict_unseen():
    found = {f"{claim} {chapter}": word for chapter, claim, word, _ in boxes()}
    wanted = {
        box: said
        for said, listed in VERDICTS.items()
        for box in listed.split(", ")
    }
    assert found == wanted


def test_no_chapter_has_two_boxes_of_one_claim():
    found = [(chapter, claim) for chapter, claim, *_ in boxes()]
    assert len(found) == len(set(found))


def test_boxes_of_one_claim_have_one_title_and_one_sentence():
    found = {}
    for path in notebooks.chapters():
        for cell in notebooks.read(path).cells:
            for title, text in BOX.findall(cell.source):
                number, _ = claims.parts(title)
                sentence = text.strip().partition("\n\n")[0]
                found.setdefault(number, set()).add((title, sentence))
    assert [said for said in found.values() if len(said) > 1] == []


def test_boxes_say_what_is_claimed_then_what_was_found_then_the_numbers():
    for chapter, claim, _, text in boxes():
        quote, meaning, *proof = text.strip().split("\n\n")
        assert re.fullmatch(r'\*".+"\*', quote, re.DOTALL), (chapter, claim)
        # Numbers stand in the fold; those of layers and the like are words.
        assert not re.search(r"\d[.,%]|± \d|\d %", meaning), (chapter, claim)
        assert proof, (chapter, claim)


def test_every_claim_is_in_a_box_that_pages_know():
    for path in notebooks.pages():
        for cell in notebooks.read(path).cells:
            if cell.cell_type == "markdown":
                told = len(re.findall(r"^:class: claim$", cell.source, re.M))
                assert told == len(BOX.findall(cell.source)), path.name
                assert not re.search(r"^:::.*Claim \d+, measured", cell.source)


@pytest.mark.parametrize(
    ("title", "wanted"),
    [
        ("Claim 1 holds", (1, "holds")),
        ("Claim 12 holds if the rate fits", (12, "holds if")),
        ("Claim 9 does not hold", (9, "does not hold")),
        ("Claim 32 is open", (32, "open")),
    ],
)
def test_title_of_a_box_gives_number_and_verdict(title, wanted):
    assert claims.parts(title) == wanted


@pytest.mark.parametrize(
    "title", ["Claim 1, measured", "Claim 1 holds if", "Claim 1 holds here"]
)
def test_a_box_without_a_verdict_is_refused(title):
    with pytest.raises(ValueError, match="Claim 3 holds"):
        claims.parts(title)


# --- addresses ---

CONF = 'extensions = ["myst_nb", "claims"]\nnb_execution_mode = "off"\n'
BOXED = """\
# A chapter

:::{admonition} Claim 9 does not hold
:class: claim
*"It solves this."*

It does not.

Numbers.
:::

Its row is [claim 17](12_claims.ipynb#claim-17).

```{toctree}
12_claims
```
"""


def build(folder, box=9):
    """Build a book of two pages that link each other's claims."""
    output = nbformat.v4.new_output(
        "display_data", {"text/html": LEDGER._repr_html_()}
    )
    page = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_markdown_cell(
                f"# The ledger\n\nIts box is [here](index.md#claim-{box})."
            ),
            nbformat.v4.new_code_cell("book", outputs=[output]),
        ],
        metadata={"language_info": {"name": "python"}},
    )
    nbformat.write(page, folder / "12_claims.ipynb")
    (folder / "index.md").write_text(BOXED)
    (folder / "conf.py").write_text(
        CONF + 'myst_enable_extensions = ["colon_fence"]\n'
    )
    command = ["-W", "-n", "-q", "-b", "html", folder, folder / "out"]
    return main(list(map(str, command)))


def test_rows_and_boxes_can_be_linked_from_markdown(tmp_path):
    assert build(tmp_path) == 0
    for name, link in (
        ("index", "12_claims.html#claim-17"),
        ("12_claims", "index.html#claim-9"),
    ):
        text = (tmp_path / f"out/{name}.html").read_text(encoding="utf-8")
        page = BeautifulSoup(text, "html.parser")
        assert page.select(f'a[href="{link}"]')
        assert len(
            page.select(f"#{'claim-9' if name == 'index' else 'claim-17'}")
        )


def test_a_link_to_a_box_that_is_not_there_is_a_warning(tmp_path, capsys):
    assert build(tmp_path, box=8) != 0
    assert "local id not found" in capsys.readouterr().err
