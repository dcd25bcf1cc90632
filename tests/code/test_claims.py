"""The ledger of chapter 12 agrees with the claim boxes of the chapters.

They are compared in two things: a claim's chapters and its verdict, which is
"holds", "holds if", "does not hold" or "open". The words of a condition and the
numbers are not compared: each chapter's own cells test those.
"""

import re

import pytest

from tools import notebooks, paths

LEDGER = paths.CHAPTERS / "12_claims.ipynb"
NUMBERS = range(1, 33)
# An admonition whose title begins with "Claim N, measured", up to the next
# line that begins with three colons; a box with another title is not seen.
BOX = re.compile(
    r":::\{admonition\} Claim (\d+), measured(.*?)^:::",
    re.DOTALL | re.MULTILINE,
)
ROW = re.compile(
    r"^ *(?P<claim>\d+) (?P<verdict>holds if|holds|does not hold|open) +"
    r"(?P<passed>\d+)/(?P<tests>\d+) +(?P<number>[-+]?\d[\d.]*)\b.*?"
    r"(?P<chapters>\d\d(?: \d\d)*)$"
)


# The verdict of each box, as claim and chapter: a box that comes, goes or
# changes its verdict has to be entered here, too.
VERDICTS = {
    "holds": "1 01, 2 01, 3 02, 17 07, 18 07, 18 09, 25 08",
    "holds if": (
        "4 03, 5 03, 6 03, 7 03, 7 04, 8 04, 11 05, 12 05, 13 06, 14 06, "
        "15 06, 16 07, 19 07, 20 07, 20 08, 21 08, 21 09, 22 08, 23 08, "
        "24 08, 24 09, 24 10, 26 10, 27 09, 27 10, 29 07, 31 04, 32 01"
    ),
    "does not hold": "9 04, 10 04, 28 03, 30 08",
}


def table():
    """Return the lines of the ledger, from what chapter 12 stores."""
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
    """Return the condition below a claim's row, and its verdict beyond."""
    words, current = [], None
    for line in table():
        if found := ROW.match(line):
            current = int(found["claim"])
        elif current == number:
            words.append(line.strip())
    return " ".join(words).split("beyond: ")


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
    """Return the verdict of a claim's boxes, from their bold texts alone.

    A bold text with the words "not hold" says that the claim does not hold,
    one that begins with "open" that it is open. Another with "hold" or "holds" says that it holds, if no word but "here"
    comes after, and else that it holds under a condition. What comes before,
    as in "the first half holds", is not read, nor is text that is not bold.

    If all bold texts say the same, that is the verdict; if they differ, it is
    "holds if", and if there are none, "no verdict".
    """
    said = set()
    for bold in re.findall(r"\*\*(.+?)\*\*", " ".join(texts), re.S):
        if re.search(r"\bnot hold\b", bold):
            said.add("does not hold")
        elif bold.lower().startswith("open"):
            said.add("open")
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
    wanted = {0: ("does not hold", "open"), tests: ("holds",)}
    assert found["verdict"] in wanted.get(passed, ("holds if",))


@pytest.mark.parametrize("number", NUMBERS)
def test_condition_stands_below_holds_if_and_nowhere_else(number):
    wanted = row(number)["verdict"] == "holds if"
    found, _ = condition(number)
    assert bool(re.match(r"if \w+ \w+", found)) == wanted


@pytest.mark.parametrize("number", NUMBERS)
def test_every_row_says_what_becomes_of_its_claim_beyond(number):
    _, beyond = condition(number)
    assert re.match(
        r"holds$|holds if \w+ \w+|does not hold$|open$|a formula", beyond
    )


@pytest.mark.parametrize("number", NUMBERS)
def test_row_names_the_chapters_with_a_box(number):
    with_box = {chapter for chapter, claim, _ in boxes() if claim == number}
    assert set(row(number)["chapters"].split()) == with_box


@pytest.mark.parametrize("number", NUMBERS)
def test_boxes_and_row_agree(number):
    texts = [text for _, claim, text in boxes() if claim == number]
    assert verdict(texts) == row(number)["verdict"]


def test_no_box_changes_its_verdict_unseen():
    found = {
        f"{claim} {chapter}": verdict([text])
        for chapter, claim, text in boxes()
    }
    wanted = {
        box: said
        for said, listed in VERDICTS.items()
        for box in listed.split(", ")
    }
    assert found == wanted


def test_no_chapter_has_two_boxes_of_one_claim():
    found = [(chapter, claim) for chapter, claim, _ in boxes()]
    assert len(found) == len(set(found))


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
        ("**Open.** +0.3, s.e. 0.8.", "open"),
        ("**Not settled.** It holds for some.", "no verdict"),
    ],
)
def test_verdict_of_a_box(text, wanted):
    assert verdict([text]) == wanted


def test_boxes_that_differ_make_a_condition():
    assert verdict(["**Holds.**", "**Does not hold.**"]) == "holds if"
