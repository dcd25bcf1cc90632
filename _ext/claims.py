"""Show a claim's verdict at a glance, fold its proof, and let it be linked.

::

    :::{admonition} Claim 5 holds if there are several hidden layers
    :class: claim
    *"Tanh beats sigmoid."*

    What that means, in words.

    Conditions and numbers, which the page folds.
    :::

The title gives the box its address, `#claim-5`, and its colour and sign. Other
readers of notebooks know admonitions, and show all of it.

A page links a box, or a row of the ledger in chapter 12, as it links a page:
`[claim 5](12_claims.ipynb#claim-5)`. JupyterLab opens the notebook.
"""

import re

from docutils import nodes

TITLE = re.compile(
    r"Claim (?P<number>\d+) "
    r"(?P<verdict>holds if .+|holds|does not hold|is open)"
)
FOLD = (
    '<details class="conditions"><summary>Conditions and numbers</summary>',
    "</details>",
)
# The rows of the ledger are HTML.
ROW = re.compile(r'id="(claim-\d+)"')


def setup(app):
    """Finish the boxes when a page was read, and note all addresses."""
    app.connect("doctree-read", finish)
    app.connect("doctree-read", note, priority=600)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def parts(title):
    """Return the number of a claim and its verdict, as a title says them.

    The condition of "holds if" stands in the title alone.

    >>> parts("Claim 5 holds if there are several hidden layers")
    (5, 'holds if')
    """
    found = TITLE.fullmatch(title)
    if not found:
        raise ValueError(
            "the title of a claim's box must give its number and verdict, as "
            '"Claim 3 holds", "Claim 3 holds if WORDS", "Claim 3 does not '
            f'hold" or "Claim 3 is open", got {title!r}'
        )
    verdict = found["verdict"]
    if verdict.startswith("holds if"):
        verdict = "holds if"
    return int(found["number"]), verdict.removeprefix("is ")


def finish(app, doctree):
    """Name and colour all boxes of a page; fold what follows the verdict."""
    for box in doctree.findall(nodes.admonition):
        if "claim" not in box["classes"]:
            continue
        title, claim, meaning, *proof = box.children
        number, verdict = parts(title.astext())
        box["ids"].append(f"claim-{number}")
        box["classes"].append(f"claim-{verdict.replace(' ', '-')}")
        if proof:
            start, end = (nodes.raw("", text, format="html") for text in FOLD)
            box.children = []
            box.extend([title, claim, meaning, start, *proof, end])


def note(app, doctree):
    """Let Markdown link a page's boxes, and its rows of the ledger.

    MyST looks addresses up among a page's headings, and warns of others.
    """
    found = {
        name
        for box in doctree.findall(nodes.admonition)
        for name in box["ids"]
        if "claim" in box["classes"]
    }
    for raw in doctree.findall(nodes.raw):
        found.update(ROW.findall(raw.astext()))
    known = app.env.metadata[app.env.docname].setdefault("myst_slugs", {})
    for name in sorted(found):
        known[name] = (0, name, name.replace("claim-", "claim "))
