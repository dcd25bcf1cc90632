"""What the chapters and reference pages say in words, and how to check it.

Numbers are looked up among the outputs of a whole chapter, so some faults
pass. A whole number is weakly guarded: another output may well be, or round
to, the same one, and a setting in the code will do. A number without a sign
agrees with an output of either sign. The tests beside the chapters' results
guard what these let through.
"""

import ast
import re
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from tools.notebooks import tags
from tools.paths import CHAPTERS
from tools.rules import NOT_COMPARED

# Two kinds stay: links to the glossary, and formulas for their numbers.
NOT_PROSE = re.compile(
    r"""
    (?P<term> \{term\}`[^`]*` )
    | ^(?P<fence> `{3,}) .*? ^(?P=fence)    # code, and directives
    | <details> .*? </details>              # the answers of a quiz
    | ^\#+\ [^\n]* | ^:{3,}[^\n]* | ^:[\w-]+:[^\n]* | ^\|[^\n]*
    | \{[\w:-]+\}`[^`]*`                    # other roles
    | `[^`\n]*` | \[[^]\n]*\]\([^)\n]*\)    # code, links
    | (?P<math> \$\$.*?\$\$ | \$[^$\n]+\$ )
    """,
    re.MULTILINE | re.DOTALL | re.VERBOSE,
)


def prose(source, keep="term"):
    """Return Markdown with all but its sentences blanked, place by place.

    What stands in titles, tables, code, math, citations and links is no
    prose. `keep` is the kind that stays as it is: "term" or "math".
    """
    return NOT_PROSE.sub(
        lambda m: m[0] if m[keep] else re.sub(r"[^\n]", " ", m[0]), source
    )


# --- the glossary ---

TERM = re.compile(r"\{term\}`(?P<text>[^`<]*?)(?: <(?P<to>[^`>]+)>)?`")

# Word forms beside an entry's own names and their plurals.
FORMS = {
    "always-on": ("always on",),
    "clipping": ("clip", "clips", "clipped"),
    "convolution": ("convolutional",),
    "curvature": ("Hessian",),
    "diverged": ("diverge", "diverges", "divergence"),
    "dying ReLU": ("dying", "die", "dies", "died", "death", "deaths"),
    "exploding gradient": ("explode", "explodes", "exploded", "exploding"),
    "fine-tuning": ("fine-tune", "fine-tuned"),
    "gradient descent": ("SGD",),
    "He initialisation": ("He's start", "He start", "He's weights"),
    "LeCun initialisation": ("LeCun's start", "LeCun's weights"),
    "Lipschitz": ("1-Lipschitz",),
    "overflow": ("overflowed",),
    "revived": ("revive", "revives", "revival", "revivals"),
    "saturation": ("saturate", "saturates", "saturated"),
    "sparsity": ("sparse",),
    "standardise": ("standardised",),
    "vanishing gradient": ("gradient vanishes", "gradients vanish"),
    "Xavier initialisation": ("Xavier's start", "Xavier's rule", "Xavier"),
    "zero-centred": ("centred",),
}


def glossary(text):
    """Return the entries of a glossary page: [(names, definition), ...]."""
    body = re.search(r"^```\{glossary\}\n(.*?)^```", text, re.M | re.S)[1]
    entries = []
    for block in re.split(r"\n\n(?=\S)", body.strip("\n")):
        lines = block.split("\n")
        names = [line for line in lines if not line.startswith(" ")]
        entries.append((names, "\n".join(lines[len(names) :])))
    return entries


def forms(names):
    """Return the words that use an entry."""
    found = [*names, *FORMS.get(names[0], ())]
    return found + [
        re.sub("(?<![aeiou])y$", "ie", name)
        + ("es" if name.endswith(("s", "x", "tch")) else "s")
        for name in names
    ]


class Use(NamedTuple):
    """Hold one use of an entry: where, in which words, and if as a link."""

    cell: str
    text: str
    entry: str
    linked: bool


def uses(nb, entries):
    """Yield each use of a glossary entry in the prose of `nb`, in order.

    The longest form counts: "activation function" is no use of "activation".
    A form that starts in lower case may have a capital. Quizzes do not
    count. A link to no entry is a use of the entry None.
    """
    words = {form: names[0] for names, _ in entries for form in forms(names)}
    targets = {n.lower(): names[0] for names, _ in entries for n in names}
    patterns = [
        f"[{form[0]}{form[0].upper()}]{re.escape(form[1:])}"
        if form[0].islower()
        else re.escape(form)
        for form in sorted(words, key=len, reverse=True)
    ]
    pattern = re.compile(
        rf"{TERM.pattern}|(?<![\w-])(?:{'|'.join(patterns)})(?![\w-])"
    )
    for cell in nb.cells:
        if cell.cell_type != "markdown" or cell.id.startswith("quiz-"):
            continue
        for m in pattern.finditer(prose(cell.source)):
            linked = m["text"] is not None
            if linked:
                entry = targets.get((m["to"] or m["text"]).lower())
            else:
                entry = words.get(m[0]) or words[m[0][0].lower() + m[0][1:]]
            yield Use(cell.id, m[0], entry, linked)


def link(text, entry, entries):
    """Return the role that links `text` to the entry."""
    names = next(names for names, _ in entries if names[0] == entry)
    if text.lower() in [name.lower() for name in names]:
        return f"{{term}}`{text}`"
    return f"{{term}}`{text} <{entry}>`"


def unlinked(nb, entries):
    """Return the first uses in `nb` that are no links, and dead links."""
    found, seen = [], set()
    for use in uses(nb, entries):
        if use.entry is None:
            found.append(f"{use.cell}: {use.text} is not in the glossary")
        elif use.entry not in seen and not use.linked:
            found.append(
                f"{use.cell}: link the first use of {use.text!r}: "
                f"{link(use.text, use.entry, entries)}"
            )
        seen.add(use.entry)
    return found


# --- numbers ---

DIGITS = r"\d{1,3}(?:[ ,\u202f\u00a0]\d{3})+(?!\d)|\d+"
NUMBER = re.compile(
    rf"""
    (?<![\w.^]) (?P<sign> [-+−]? )
    (?: (?P<top>\d+)/(?P<bottom>\d+)
      | 10\^\{{?(?P<power>-?\d+)\}}?
      | (?P<whole>{DIGITS}) (?P<part>\.\d*)? (?P<e>[eE][-+]?\d+)?
    ) (?![\w^/]|\.\d)
    (?P<unit> \s?\s?(?:\\?%|million\b|billion\b) )?
    """,
    re.VERBOSE,
)
UNITS = {"million": 6, "billion": 9}
# A formula is not a result; what it is equal to is one.
VALUES = re.compile(r"(?:^|=|\\approx)\s*([-+]?[\d.^{}/ -]+(?:\\%)?)$")
LABELS = re.compile(r"\b[Cc](?:laim|hapter)s? \d+")


class Number(NamedTuple):
    """Hold a number as it is written: value, place of its last digit."""

    text: str
    value: Decimal | Fraction
    last: int
    signed: bool
    percent: bool


def numbers(text):
    """Yield the numbers in a text: 12, −1.99, 33 537, 6e+01, 1/8, 3 %."""
    for m in NUMBER.finditer(text):
        sign = -1 if m["sign"] in {"-", "−"} else 1
        unit = (m["unit"] or "").strip()
        if m["top"]:
            if int(m["bottom"]) == 0:
                continue
            value, last = Fraction(int(m["top"]), int(m["bottom"])), 0
        else:
            if m["power"]:
                value = Decimal(1).scaleb(int(m["power"]))
            else:
                digits = re.sub(r"\D", "", m["whole"]) + (m["part"] or "")
                value = Decimal(digits + (m["e"] or ""))
            value = value.scaleb(UNITS.get(unit, 0))
            last = value.as_tuple().exponent
        yield Number(
            m[0], sign * value, last, bool(m["sign"]), unit.endswith("%")
        )


def said(source):
    r"""Return the numbers that the prose of some Markdown states.

    Left out are numbers in words, titles, tables, code, citations, links and
    the answers of a quiz, and that of a claim or chapter. In math, only a
    number counts that stands alone, or at the end behind = or \approx.
    """
    text = prose(LABELS.sub("", source), keep="math")
    found = []
    for part in re.split(r"(\$\$.*?\$\$|\$[^$\n]+\$)", text, flags=re.S):
        if part.startswith("$"):
            value = VALUES.search(part.replace("\\,", " ").strip("$ \n"))
            part = value[1] if value else ""
        found += numbers(part)
    return found


def printed(nb):
    """Return the numbers in the outputs of `nb` that nbval compares."""
    return [
        number
        for cell in nb.cells
        if cell.cell_type == "code" and not tags(cell) & NOT_COMPARED
        for output in cell.outputs
        for text in (
            output.get("text", ""),
            output.get("data", {}).get("text/plain", ""),
        )
        # Two spaces part the columns of a table: 3 100 is no 3100 there.
        for number in numbers(text.replace(" ", "  "))
    ]


def settings(nb):
    """Return the numbers in the code of `nb`, its tests left out."""
    return {
        value
        for cell in nb.cells
        if cell.cell_type == "code" and "test" not in tags(cell)
        for node in ast.walk(ast.parse(cell.source))
        for value in [_constant(node)]
        if value is not None
    }


def _constant(node):
    """Return the value of a number or fraction in code, None for others."""
    if isinstance(node, ast.Constant) and type(node.value) in {int, float}:
        return Fraction(str(node.value))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        top, bottom = _constant(node.left), _constant(node.right)
        if top is not None and bottom:
            return top / bottom
    return None


def agrees(number, output):
    """Return whether an output rounds to `number`, at its last digit.

    The output must be at least as precise. A number without a sign agrees
    with both signs; 29 % with 29.41%, with 29.4 in a table of percentages,
    which have one decimal at most, and with 0.2941. A fraction agrees with
    itself, and with a decimal that it rounds to, of two digits or more.
    """
    value, other = number.value, output.value
    if not number.signed:
        value, other = abs(value), abs(other)
    if isinstance(other, Fraction):
        return value == other
    if isinstance(value, Fraction):
        half = Fraction(10) ** output.last / 2
        return output.last <= -2 and abs(value - Fraction(other)) <= half
    shifts = [0]
    if number.percent and not output.percent:
        shifts = [0, 2] if output.last >= -1 else [2]
    return any(
        output.last <= number.last - shift
        and abs(value.scaleb(-shift) - other)
        <= Decimal(5).scaleb(number.last - shift - 1)
        for shift in shifts
    )


def missing(source, notebooks):
    """Return the numbers in some prose that are nowhere in the notebooks.

    Each must be in an output. A whole number, a power of ten or a fraction
    may be a setting, and stand in the code instead.
    """
    outputs = [number for nb in notebooks for number in printed(nb)]
    codes = {value for nb in notebooks for value in settings(nb)}

    def is_setting(number):
        if number.percent or abs(Fraction(number.value)) not in codes:
            return False
        return (
            isinstance(number.value, Fraction)
            or number.last >= 0
            or number.value.as_tuple().digits == (1,)
        )

    return [
        number.text.strip(" .")
        for number in said(source)
        if not is_setting(number)
        and not any(agrees(number, output) for output in outputs)
    ]


def section(source, title):
    """Return the part of some Markdown under an H2."""
    found = re.search(
        rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", source, re.M | re.S
    )
    return found[1] if found else None


def figures(notebooks):
    """Return which of the notebooks {name: nb} draws each named figure."""
    return {
        cell.metadata["mystnb"]["figure"]["name"]: name
        for name, nb in notebooks.items()
        for cell in nb.cells
        if cell.metadata.get("mystnb", {}).get("figure", {}).get("name")
    }


def linked(source, notebooks):
    """Return the names of the notebooks that some Markdown links to."""
    names = set(re.findall(r"\{doc\}`(?:[^`<]*<)?([\w/]+)>?`", source))
    labels = re.findall(r"\{(?:numref|ref)\}`(?:[^`<]*<)?([\w-]+)", source)
    drawn = figures(notebooks)
    names |= {drawn[label] for label in labels if label in drawn}
    return sorted(names & set(notebooks))


def page(name):
    """Return the text of a page in chapters/."""
    return (CHAPTERS / name).read_text(encoding="utf-8")
