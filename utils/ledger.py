"""The ledger of the book's claims, as it was judged: text, and rows of a page.

"In depth 12" judges all claims, and its last cell prints what it found, which
`python -m tools.execute` keeps as `chapters/records/ledger.json`. Here that is
read: a page can show the ledger, or draw it, and need not judge anew.
"""

import html
import json
import re
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from . import arguments, kernel, records

FILE = records.FOLDER / "ledger.json"
SCRIPT = re.sub(
    r"^( +|//.*\n)+",
    "",
    Path(__file__).with_name("ledger.js").read_text(encoding="utf-8"),
    flags=re.M,
)

# The sign and the colour of each verdict, as the boxes of the chapters have it.
SIGNS = {
    "holds": "\N{CHECK MARK}",
    "holds if": "\N{CIRCLE WITH LEFT HALF BLACK}",
    "does not hold": "\N{BALLOT X}",
    "open": "?",
}
COLOURS = {
    "holds": "#00664b",
    "holds if": "#8a5a00",
    "does not hold": "#b3261e",
    "open": "#5a5a5a",
}
VERDICTS = tuple(SIGNS)
KINDS = ("what it is", "what happens", "what it costs", "why it wins")
# What stands in the place of a verdict where no data can change it.
FORMULA = "a formula"
BOUNDS = {">=": "≥", "<=": "≤"}
WIDTH = 46


class Test(NamedTuple):
    """One number of a claim, and the bar that it has to clear.

    Parameters
    ----------
    what : str
        What is compared.
    value : str
        The number: a count, or a mean over seeds.
    sign : str
        ``">="`` if the number must reach the bar, ``"<="`` if it must not
        exceed it.
    bar : str
        The bar.
    outcome : str
        "yes", "no", "level" or "open".
    error : str
        The standard error of the mean; "" where no chance is in the number.
    half : str
        Half of the interval that holds for all tests at once.
    matters : str
        The smallest effect that matters.
    seeds : int
        How many seeds the mean is of; 1 where there is none.
    distance : float or None
        How many standard errors the mean lies beyond the bar, or, below 0,
        short of it; at most 10 either way.
    """

    what: str
    value: str
    sign: str
    bar: str
    outcome: str
    error: str = ""
    half: str = ""
    matters: str = ""
    seeds: int = 1
    distance: float | None = None


class Judged(NamedTuple):
    """What was found about a claim, here or beyond.

    Parameters
    ----------
    verdict : str
        One of `VERDICTS`, or "a formula" where nothing was left to try.
    condition : str
        Under which condition the claim holds, if it does under one.
    setting : str
        What was measured, on what.
    tests : tuple of Test
        All tests.
    """

    verdict: str
    condition: str
    setting: str
    tests: tuple

    @property
    def passed(self):
        """How many tests said yes."""
        return sum(test.outcome == "yes" for test in self.tests)

    @property
    def words(self):
        """The verdict with its condition, as in "holds if the rate fits"."""
        if self.verdict == FORMULA:
            return f"{FORMULA}, without data"
        return f"{self.verdict} {self.condition}".strip()


class Claim(NamedTuple):
    """A claim, and what became of it.

    Parameters
    ----------
    number : int
        Its number, which it has in all chapters.
    text : str
        The sentence that was tested.
    short : str
        The same in few words.
    kind : str
        One of `KINDS`.
    parts : tuple of str
        The parts of the book that treat it.
    chapters : tuple of str
        The chapters that treat it, such as "04_vanishing_gradients".
    value, error, says : str
        One number, its standard error, and what it is a number of: that of
        the first test that did not say yes, or else of the first.
    here : Judged
        The verdict on the chapters' own ground.
    beyond : Judged
        The verdict on other data, in other networks, after longer training.
    """

    number: int
    text: str
    short: str
    kind: str
    parts: tuple
    chapters: tuple
    value: str
    error: str
    says: str
    here: Judged
    beyond: Judged


def verdict(outcomes):
    """Return the verdict on a claim from what its tests say.

    Parameters
    ----------
    outcomes : iterable of str
        "yes", "no", "level" or "open", one for each test.

    Returns
    -------
    str
        "holds", if all say yes, "holds if", if some do; without a yes "open",
        if a test is open, and else "does not hold".

    Examples
    --------
    >>> verdict(["yes", "open"]), verdict(["no", "open"])
    ('holds if', 'open')
    """
    said = set(outcomes)
    if "yes" in said:
        return "holds" if said == {"yes"} else "holds if"
    return "open" if "open" in said else "does not hold"


def _judged(found):
    tests = tuple(Test(**test) for test in found["tests"])
    return Judged(
        found["verdict"], found["condition"], found["setting"], tests
    )


def _claim(row):
    return Claim(
        **row
        | {
            "parts": tuple(row["parts"]),
            "chapters": tuple(row["chapters"]),
            "here": _judged(row["here"]),
            "beyond": _judged(row["beyond"]),
        }
    )


class Ledger(Mapping):
    """All claims by their number, shown as text or as the rows of a page.

    Parameters
    ----------
    stored : dict
        What the file holds: "parts", the names of the book's parts in their
        order; "claims", a list with the fields of `Claim`; and "strictness",
        a list of what fewer seeds would have said, with the keys "seeds",
        "correction", "outcomes" and "distances" (one for each test on the
        chapters' own ground, claim by claim).

    Examples
    --------
    >>> found = read()
    >>> found[9].here.verdict, found[9].chapters
    ('does not hold', ('04_vanishing_gradients',))
    """

    def __init__(self, stored):
        self._claims = {row["number"]: _claim(row) for row in stored["claims"]}
        self.parts = tuple(stored["parts"])
        self.strictness = stored["strictness"]

    def __getitem__(self, number):
        return self._claims[number]

    def __iter__(self):
        return iter(self._claims)

    def __len__(self):
        return len(self._claims)

    def counts(self, beyond=False, kind=None):
        """Count the claims of each verdict.

        Parameters
        ----------
        beyond : bool
            Whether to count the verdicts beyond the chapters' own ground;
            claims that are formulas have none.
        kind : str, optional
            One of `KINDS`, to count its claims alone.

        Returns
        -------
        dict
            Verdict: number of claims.

        Raises
        ------
        ValueError
            If there is no such kind.
        """
        if kind is not None:
            arguments.choice("kind", kind, dict.fromkeys(KINDS))
        found = [
            (claim.beyond if beyond else claim.here).verdict
            for claim in self.values()
            if kind in (None, claim.kind)
        ]
        return {word: found.count(word) for word in VERDICTS}

    @property
    def headline(self):
        """The verdicts of all claims in one sentence."""
        found = self.counts()
        return (
            f"{found['holds']} of {len(self)} claims hold without a "
            f"condition, {found['holds if']} hold under one, "
            f"{found['does not hold']} do not hold, and "
            f"{found['open'] or 'none'} "
            f"{'is' if found['open'] < 2 else 'are'} open."
        )

    def __repr__(self):
        """Return the headline, and a paragraph for each claim."""
        head = textwrap.fill(self.headline, WIDTH)
        return "\n\n".join([head, *map(_lines, self.values())])

    def _repr_html_(self):
        """Return the table, its filter and the filter's script."""
        suffix = ".ipynb" if kernel.person_watches() else ".html"
        return PAGE.format(
            verdicts="".join(
                f'<option value="{word}">{SIGNS[word]} {word} '
                f"({count})</option>"
                for word, count in self.counts().items()
            ),
            parts="".join(
                f"<option>{html.escape(part)}</option>" for part in self.parts
            ),
            rows="\n".join(_row(claim, suffix) for claim in self.values()),
            number=len(self),
            script=SCRIPT,
        )


def read(path=FILE):
    """Read the ledger.

    Parameters
    ----------
    path : Path
        The file; by default the book's own.

    Returns
    -------
    Ledger
        All claims, by number.

    Examples
    --------
    >>> len(read())
    32
    """
    return Ledger(json.loads(path.read_text(encoding="utf-8")))


# --- as text ---


def _lines(claim):
    """Return a claim as lines of text."""
    number = f"{claim.value} ± {claim.error}" if claim.error else claim.value
    paragraphs = [
        f"{claim.number:2} {claim.short}",
        f"{claim.here.words} ({_passed(claim.here)})",
        f"{number} {claim.says}",
        f"beyond: {claim.beyond.words}",
    ]
    return "\n".join(
        textwrap.fill(
            text,
            WIDTH,
            initial_indent="   " if place else "",
            subsequent_indent="   ",
        )
        for place, text in enumerate(paragraphs)
    )


def _passed(judged):
    """Return how many tests said yes, and of how many."""
    count = len(judged.tests)
    return f"{judged.passed} of {count} test{'s' * (count > 1)}"


# --- as a page ---

PAGE = """\
<div class="ledger-page">
<form class="ledger-filter" aria-label="Filter the claims" hidden>
<label><span>Verdict here</span>
<select name="verdict" autocomplete="off">\
<option value="">all</option>{verdicts}</select></label>
<label><span>Part of the book</span>
<select name="part" autocomplete="off">\
<option value="">all</option>{parts}</select></label>
<label><span>Words</span>
<input type="search" name="sought" autocomplete="off"></label>
<button type="button">Show all</button>
<output>{number} of {number} claims</output>
</form>
<script>document.currentScript.previousElementSibling.hidden = false;</script>
<table class="ledger">
<thead><tr><th scope="col">#</th><th scope="col">Claim</th>\
<th scope="col">Verdict</th><th scope="col">One number</th>\
<th scope="col">Beyond the digits</th></tr></thead>
{rows}
</table>
<script>{script}</script>
</div>"""

ROW = """\
<tbody id="claim-{number}" data-verdict="{verdict}" data-parts="{parts}">
<tr><th scope="row"><a href="#claim-{number}" \
aria-label="Claim {number}">{number}</a></th>
<td class="ledger-claim sought">{short}</td>
<td class="ledger-verdict" data-label="Verdict">{sign}</td>
<td class="ledger-number sought">{said}</td>
<td class="ledger-beyond" data-label="Beyond the digits">{beyond}</td></tr>
<tr><td class="ledger-tests" colspan="4"><details>
<summary>{summary}</summary>
{text}
<table>
<thead><tr><th scope="col">test</th><th scope="col">number</th>\
<th scope="col">wanted</th><th scope="col">seeds</th>\
<th scope="col">says</th></tr></thead>
{tests}
</table></details></td>
<td class="ledger-chapters sought">{chapters}</td></tr>
</tbody>"""


def _row(claim, suffix):
    """Return the rows of a claim: one to read, one to open."""
    return ROW.format(
        number=claim.number,
        verdict=claim.here.verdict,
        parts=html.escape("|".join(claim.parts)),
        short=html.escape(claim.short),
        chapters=_links(claim, suffix),
        sign=_sign(claim.here.verdict),
        said=f"<b>{_number(claim.value, claim.error)}</b> "
        + html.escape(claim.says.replace(" %", "\N{NO-BREAK SPACE}%")),
        beyond=_sign(claim.beyond.verdict),
        summary=_summary(claim.here),
        text=_text(claim),
        tests=_tests("", claim.here.tests)
        + _tests("Beyond the digits", claim.beyond.tests),
    )


def _links(claim, suffix):
    """Return the links to a claim's boxes."""
    links = [
        f'<a href="{page}{suffix}#claim-{claim.number}" aria-label="Claim '
        f'{claim.number} in chapter {int(page[:2])}">{int(page[:2])}</a>'
        for page in claim.chapters
    ]
    return f"Ch. {', '.join(links)}"


def _sign(verdict):
    """Return a verdict with its sign, which is for the eye alone."""
    if verdict == FORMULA:
        return verdict
    return (
        f'<span class="claim claim-{verdict.replace(" ", "-")}">'
        f'<span aria-hidden="true">{SIGNS[verdict]}</span> {verdict}</span>'
    )


def _number(value, error=""):
    """Return a number and its standard error, in one piece."""
    text = f"{value} ± {error}" if error else value
    return text.replace("-", "−").replace(" ", "\N{NO-BREAK SPACE}")


def _summary(judged):
    """Return what stands on the row to open: condition, and tests."""
    if not judged.condition:
        return _passed(judged)
    condition = html.escape(judged.condition)
    return f'<span class="sought">if {condition}</span> ({_passed(judged)})'


def _text(claim):
    """Return what the claim says in full, and what was measured."""
    lines = []
    if claim.short != claim.text:
        lines.append(f'<p class="sought">“{html.escape(claim.text)}”</p>')
    lines.append(f"<p>Measured: {html.escape(claim.here.setting)}.</p>")
    if claim.beyond.tests:
        verb = "is " if claim.beyond.verdict == "open" else ""
        lines.append(
            f'<p>Beyond the digits it {verb}<span class="sought">'
            f"{html.escape(claim.beyond.words)}</span>. "
            f"Measured: {html.escape(claim.beyond.setting)}.</p>"
        )
    return "\n".join(lines)


def _tests(title, tests):
    """Return the rows of some tests, under a title if there is one."""
    if not tests:
        return ""
    head = (
        f'<tr><th colspan="5" scope="rowgroup">{title}</th></tr>'
        if title
        else ""
    )
    rows = "".join(
        f'<tr><th scope="row">{html.escape(test.what)}</th>'
        f"<td>{_number(test.value, test.error)}</td>"
        f"<td>{BOUNDS[test.sign]}\N{NO-BREAK SPACE}{_number(test.bar)}</td>"
        f"<td>{test.seeds if test.error else ''}</td>"
        f"<td>{test.outcome}</td></tr>"
        for test in tests
    )
    return f"<tbody>{head}{rows}</tbody>"
