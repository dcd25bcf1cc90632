r"""Numbers that the prose states, and what guards each of them.

Prose is the Markdown of chapters, solutions and pages, titles and tables
included, and the captions and alternative texts of figures. Its numbers are
taken sentence by sentence. These are no results, and need no guard:

* numbers in words, code, citations and links, and the number of a claim,
  chapter or exercise;
* in a formula whole numbers, but for one that stands alone, or at the end
  behind = or \approx;
* a sentence on minutes, which a reader needs (other tests add them up);
* what is given: the question of a quiz with its wrong options, and the tables
  of an exercise. The right option, all explanations and the text of the
  exercise count, and may repeat what is given;
* what a sentence quotes from a paper that it cites.

Every other number must be found in one of these places:

* the outputs of the notebook that nbval compares;
* its assertions: what `assert` and `np.testing.assert_...` compare with, but
  no tolerance, index, option or whole number that a function is called with;
  in a test cell also what is assigned or looped over. So a sentence's
  arithmetic is asserted, too, and 0.80 as 0.80, not as 0.8;
* its settings, the code that is no test, for a whole number, a power of ten
  or a fraction;
* for a paragraph that links a chapter, all these places of that chapter; and
  for a sentence of a solution that says "the chapter", those of its chapter.

On a page only paragraphs that link a chapter state results.

What passes unseen: numbers are looked up in a whole notebook, so a number may
agree with an output that it does not speak of. With its last digit changed by
one, nine in ten decimals of three digits or more are found, four in ten of two
digits, and one in ten of one; of whole numbers and percentages one in five.
A number without a sign agrees with an output of either sign, and a value with
a bound. The tests beside the chapters' results guard what these let through.
"""

import ast
import re
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from nbformat import NotebookNode

from tools.notebooks import tags
from tools.prose import blanked, linked, prose
from tools.rules import NOT_COMPARED, asserts

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


# --- what is stated ---

# A formula is not a result; what it is equal to is one.
VALUES = re.compile(r"(?:^|=|\\approx)\s*([-+]?[\d.^{}/ -]+(?:\\%)?)$")
POWER = re.compile(r"\s*\\cdot\s*10\^\{?(-?\d+)\}?")
MINUTES = re.compile(r"\d(?: |&nbsp;)min(?:ute)?s?\b")
MATH = re.compile(r"(\$\$.*?\$\$|\$[^$\n]+\$)", re.DOTALL)
LABELS = re.compile(
    r"""
    ^(?:\#+\ |\ *)\d+\.\s    # the number of a section, or in a list
    | \b(?:[Cc]laim|[Cc]hapter|[Ee]xercise|Solution|[Ii]n\ depth)s?\ \d+(?:(?:,|\ and|\ to)\ \d+)*
    """,
    re.MULTILINE | re.VERBOSE,
)
SENTENCE = re.compile(r"[.?!][*_\")]*\s|\|\n")
PARAGRAPH = re.compile(r"\n\s*\n")
SOLUTIONS, IN_DEPTH = "# Solutions", "# In depth"
ROW = re.compile(r"^\|[^\n]*", re.MULTILINE)
OPTION = re.compile(
    r"<details>\s*<summary>(.+?)</summary>\s*(.+?)</details>", re.DOTALL
)


class Sentence(NamedTuple):
    """Hold a sentence, its paragraph, and the numbers that it states."""

    text: str
    paragraph: str
    numbers: list


def _slices(ends, text, start=0):
    """Yield the slices of a text that a pattern of their ends parts."""
    for stop in [*(m.end() for m in ends.finditer(text)), len(text)]:
        yield slice(start, stop)
        start = stop


def sentences(source):
    """Yield the sentences of some Markdown, with the numbers they state."""
    text = prose(source, keep="math")
    text = LABELS.sub(blanked, text)
    for part in _slices(PARAGRAPH, MATH.sub(blanked, text)):
        words = MATH.sub(blanked, text[part])
        for at in _slices(SENTENCE, words):
            yield Sentence(
                " ".join(source[part][at].split()),
                source[part],
                list(said(text[part][at])),
            )


def said(text):
    """Yield the numbers in words and formulas, if they speak of no minutes."""
    if MINUTES.search(text):
        return
    for part in MATH.split(text):
        yield from (_equal_to if part.startswith("$") else numbers)(part)


def _equal_to(formula):
    """Yield the numbers in a formula that are no mere part of it."""
    text = formula.replace("\\,", " ").strip("$ \n")
    text = POWER.sub(r"e\1", text)
    value = VALUES.search(text)
    for number in numbers(text[: value.start()] if value else text):
        if re.search(r"\d(?:\.\d|e)", number.text):
            yield number
    if value:
        yield from numbers(value[1])


def answers(quiz):
    """Return the right answer and all explanations of a quiz."""
    return "\n\n".join(
        f"{answer}\n{text}" if text.startswith("Right") else text
        for answer, text in OPTION.findall(quiz)
    )


def texts(nb):
    """Yield what is read in `nb`: id, Markdown, numbers that it is given."""
    exercises = nb.cells[0].source.startswith(SOLUTIONS)
    data = [
        number
        for cell in nb.cells
        if exercises and cell.cell_type == "markdown"
        for row in ROW.findall(cell.source)
        for number in numbers(row)
    ]
    for cell in nb.cells:
        if cell.id.startswith("quiz-"):
            question = OPTION.sub("", cell.source)
            yield cell.id, answers(cell.source), list(numbers(question))
        elif cell.cell_type == "markdown":
            yield cell.id, cell.source, data
        else:
            shown = cell.metadata.get("mystnb", {})
            yield cell.id, shown.get("figure", {}).get("caption", ""), []
            yield cell.id, shown.get("image", {}).get("alt", ""), []


# --- what guards it ---


class Guards(NamedTuple):
    """Hold what a notebook guards: results, and settings of its code."""

    notebook: NotebookNode
    results: list
    settings: set


def guards(nb):
    """Return what a notebook guards."""
    return Guards(nb, [*printed(nb), *asserted(nb)], settings(nb))


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
        if cell.cell_type == "code" and not _tests(cell)
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


def asserted(nb):
    """Return the numbers that the assertions in `nb` compare with."""
    return [
        number
        for cell in nb.cells
        if cell.cell_type == "code"
        for node in ast.walk(ast.parse(cell.source))
        for part in _compared(node, _tests(cell))
        for number in _literals(part, cell.source)
    ]


def _compared(node, in_tests):
    """Return in a list what an assertion compares, or a test prepares."""
    if isinstance(node, ast.Assert):
        return [node.test]
    if asserts(node):
        return node.args
    if in_tests and isinstance(node, ast.Assign):
        return [node.value]
    return [node.iter] if in_tests and isinstance(node, ast.For) else []


def _tests(cell):
    return "test" in tags(cell) or "BEGIN HIDDEN TESTS" in cell.source


def _literals(node, source):
    """Yield the numbers in some code that something is compared with."""
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            yield from numbers(node.value)
        elif type(node.value) in {int, float}:
            text = ast.get_source_segment(source, node)
            yield from numbers(text.replace("_", ""))
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        for number in _literals(node.operand, source):
            yield number._replace(value=-number.value)
    else:
        if isinstance(node, ast.BinOp) and _constant(node) is not None:
            yield Number(ast.unparse(node), _constant(node), 0, False, False)
        for part in _parts(node):
            yield from _literals(part, source)


def _parts(node):
    """Return the parts of some code but indices, options and tolerances."""
    if isinstance(node, ast.Subscript):
        return [node.value]
    if isinstance(node, ast.JoinedStr):
        return []
    if isinstance(node, ast.Compare):
        # abs(x - 1.47) < 0.01 speaks of 1.47 only.
        return [node.left, *([] if _is_near(node) else node.comparators)]
    if isinstance(node, ast.Call):
        # The 2 in round(x, 2) is no result.
        return [node.func] + [
            argument
            for argument in node.args
            if not isinstance(argument, ast.Constant)
            or isinstance(argument.value, float)
            or _name(node) in {"allclose", "isclose"}
        ]
    return list(ast.iter_child_nodes(node))


def _name(call):
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def _is_near(compare):
    """Return whether it says abs(one - other) < tolerance."""
    return (
        len(compare.ops) == 1
        and isinstance(compare.ops[0], ast.Lt | ast.LtE)
        and any(
            isinstance(part, ast.Call) and _name(part) == "abs"
            for part in ast.walk(compare.left)
        )
        and any(
            isinstance(part, ast.BinOp)
            and isinstance(part.op, ast.Add | ast.Sub)
            for part in ast.walk(compare.left)
        )
    )


# --- what lacks a guard ---


def _is_guarded(number, guards):
    """Return whether one of some notebooks has this result or setting."""
    value = number.value
    may_be_set = not number.percent and (
        isinstance(value, Fraction)
        or number.last >= 0
        or value.as_tuple().digits == (1,)
    )
    return any(
        (may_be_set and abs(Fraction(value)) in each.settings)
        or any(agrees(number, result) for result in each.results)
        for each in guards
    )


def unguarded(nb, chapters):
    """Return what a notebook states and nothing guards, cell by cell.

    `chapters` has the guards of each chapter, by name. The chapters of a
    solution or a page in depth are those that its first cell links.
    """
    own, home = guards(nb), []
    if nb.cells[0].source.startswith((SOLUTIONS, IN_DEPTH)):
        home = _linked(nb.cells[0].source, chapters)
    return [
        f"{name}: {problem}"
        for name, text, given in texts(nb)
        for problem in missing(
            text, [own, Guards(None, given, set())], chapters, home
        )
    ]


def missing(source, own, chapters, home=()):
    """Return the numbers of some Markdown that nothing guards, as texts.

    `own` are the guards of the Markdown's notebook, none for a page; those in
    `chapters` count where they are linked, and where "the chapter" is said
    those that `home` names.
    """
    found = []
    for sentence in sentences(source):
        names = set(_linked(sentence.paragraph, chapters))
        if re.search(r"\bchapter\b", sentence.text):
            names |= set(home)
        places = [*own, *(chapters[name] for name in names)]
        if places and "{cite:" not in sentence.text:
            found += [
                f"{number.text.strip(' .')} in {sentence.text!r}"
                for number in sentence.numbers
                if not _is_guarded(number, places)
            ]
    return found


def _linked(source, chapters):
    return linked(source, {name: g.notebook for name, g in chapters.items()})
