"""The ledger of chapter 10 agrees with the claim boxes of the chapters."""

import re

import pytest

from tests import notebooks

LEDGER = notebooks.CHAPTERS / "10_claims.ipynb"
NUMBERS = range(1, 33)
BOX = re.compile(
    r":::\{admonition\} Claim (\d+), measured(.*?)^:::",
    re.DOTALL | re.MULTILINE,
)
ROW = re.compile(
    r"^ *(?P<claim>\d+) (?P<verdict>holds if|holds|does not hold) +"
    r"(?P<passed>\d+)/(?P<tests>\d+) +(?P<number>[-+]?\d[\d.]*)\b.*?"
    r"(?P<chapters>\d\d[a-z]?(?: \d\d[a-z]?)*)$"
)


def table():
    """Return the lines of the ledger, from what chapter 10 stores."""
    cells = notebooks.read(LEDGER).cells
    cell = next(cell for cell in cells if cell.id == "ledger-table")
    return cell.outputs[0].data["text/plain"].splitlines()[1:]


def rows():
    """Return (line, match) for each line that is not of a condition."""
    return [
        (line, ROW.match(line))
        for line in table()
        if not line.startswith("   ")
    ]


def condition(number):
    """Return the words below a claim's row, joined."""
    words, current = [], None
    for line in table():
        if found := ROW.match(line):
            current = int(found["claim"])
        elif current == number:
            words.append(line.strip())
    return " ".join(words)


def row(number):
    """Return the one row of a claim."""
    (found,) = (
        match for _, match in rows() if match and int(match["claim"]) == number
    )
    return found


def boxes():
    """Return (chapter, claim, text) of every claim box of the book."""
    return [
        (path.name.partition("_")[0], int(claim), text)
        for path in notebooks.chapters()
        for cell in notebooks.read(path).cells
        if cell.cell_type == "markdown"
        for claim, text in BOX.findall(cell.source)
    ]


def verdict(texts):
    """Return the verdict of one claim's boxes, from their bold words.

    A bold text with the word "hold" in it says that the claim holds, that it
    does not, or (with more words to come) that it does under a condition;
    "here" is none.
    The boxes agree on "holds" or "does not hold" only if all of them say it.
    """
    said = set()
    for bold in re.findall(r"\*\*(.+?)\*\*", " ".join(texts), re.S):
        if re.search(r"\bnot hold\b", bold):
            said.add("does not hold")
        elif found := re.search(r"\bholds?\b(.*)", bold, re.I | re.S):
            plain = found[1].strip(" .,:;") in ("", "here")
            said.add("holds" if plain else "holds if")
    if not said:
        return "no verdict"
    return said.pop() if len(said) == 1 else "holds if"


def test_every_line_of_the_ledger_is_a_row_with_a_number():
    assert [line for line, match in rows() if not match] == []


def test_every_claim_has_one_row():
    found = [int(match["claim"]) for _, match in rows() if match]
    assert found == list(NUMBERS)


@pytest.mark.parametrize("number", NUMBERS)
def test_verdict_follows_from_the_tests_of_the_row(number):
    found = row(number)
    passed, tests = int(found["passed"]), int(found["tests"])
    wanted = {0: "does not hold", tests: "holds"}.get(passed, "holds if")
    assert found["verdict"] == wanted


@pytest.mark.parametrize("number", NUMBERS)
def test_condition_stands_below_holds_if_and_nowhere_else(number):
    wanted = row(number)["verdict"] == "holds if"
    assert bool(re.match(r"if \w+ \w+", condition(number))) == wanted


@pytest.mark.parametrize("number", NUMBERS)
def test_row_names_the_chapters_with_a_box(number):
    with_box = {chapter for chapter, claim, _ in boxes() if claim == number}
    assert set(row(number)["chapters"].split()) == with_box


@pytest.mark.parametrize("number", NUMBERS)
def test_boxes_and_row_agree(number):
    texts = [text for _, claim, text in boxes() if claim == number]
    assert verdict(texts) == row(number)["verdict"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("**Holds.** 5 → 5.", "holds"),
        ("**Does not hold here.** 0.6.", "does not hold"),
        ("**The second half holds here**: 2.2.", "holds"),
        ("**Holds if the scale fits**: 2.", "holds if"),
        ("**The ranges hold**, **the reason does not hold**.", "holds if"),
        ("**At the start: holds.** **Later: not measured.**", "holds"),
        ("**Holds at the start.**", "holds if"),
        ("**Not settled.** It holds for some.", "no verdict"),
    ],
)
def test_verdict_of_a_box(text, wanted):
    assert verdict([text]) == wanted


def test_boxes_that_differ_make_a_condition():
    assert verdict(["**Holds.**", "**Does not hold.**"]) == "holds if"
