"""What the chapters and reference pages say in words, and the glossary."""

import re
from typing import NamedTuple

from tools.paths import CHAPTERS

# Two kinds stay: links to the glossary, and formulas for their numbers.
NOT_PROSE = re.compile(
    r"""
    (?P<term> \{term\}`[^`]*` )
    | ^(?P<fence> `{3,}) .*? ^(?P=fence)    # code, and directives
    | <details> .*? </details>              # the answers of a quiz
    | ^:{3,}[^\n]* | ^:[\w-]+:[^\n]*
    | \{[\w:-]+\}`[^`]*`                    # other roles
    | `[^`\n]*` | \[[^]\n]*\]\([^)\n]*\)    # code, links
    | (?P<math> \$\$.*?\$\$ | \$[^$\n]+\$ )
    """,
    re.MULTILINE | re.DOTALL | re.VERBOSE,
)


TITLE_OR_ROW = re.compile(r"^(?:#+ |\|)[^\n]*", re.MULTILINE)


def blanked(found):
    """Return what a pattern found as spaces, its lines kept."""
    return re.sub(r"[^\n]", " ", found[0])


def prose(source, keep="term"):
    """Return Markdown with all but its words blanked, place by place.

    What stands in code, math, citations and links is no prose. `keep` is the
    kind that stays as it is: "term" or "math".
    """
    return NOT_PROSE.sub(lambda m: m[0] if m[keep] else blanked(m), source)


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
    "pruning": ("prune", "prunes", "pruned"),
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
    A form that starts in lower case may have a capital. Titles, tables and
    quizzes do not count. A link to no entry is a use of the entry None.
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
        text = TITLE_OR_ROW.sub(blanked, prose(cell.source))
        for m in pattern.finditer(text):
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


# --- pages, and what they link ---


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
    names |= set(
        re.findall(r"\]\((?:\.\./)?(\w+)\.ipynb(?:#[\w-]+)?\)", source)
    )
    labels = re.findall(r"\{(?:numref|ref)\}`(?:[^`<]*<)?([\w-]+)", source)
    drawn = figures(notebooks)
    names |= {drawn[label] for label in labels if label in drawn}
    return sorted(names & set(notebooks))


def page(name):
    """Return the text of a page in chapters/."""
    return (CHAPTERS / name).read_text(encoding="utf-8")
