"""Notebooks for places that know no MyST: GitHub, Colab, a reader's JupyterLab.

What MyST alone understands becomes Markdown that all of them render: roles
become text or links, boxes become quotations, folds become `<details>`. Cells
that no page shows are left out, and figures come with their captions and alt
texts. The notebooks in `chapters` stay as they are.
"""

import copy
import re
from pathlib import Path
from urllib.parse import urljoin

import nbformat
from docutils import nodes
from sphinx.addnodes import pending_xref

FENCE = re.compile(r"^(?P<fence>`{3,}|~{3,}).*?^(?P=fence)[ ]*$", re.M | re.S)
ROLE = re.compile(r"\{(?P<kind>[\w:-]+)\}`(?P<body>[^`]+)`")
EXPLICIT = re.compile(r"(?P<text>.*?)\s*<(?P<target>.+)>", re.S)
LABEL = re.compile(r"^\(([\w-]+)\)=\n", re.M)
FORMULA_LABEL = re.compile(r"^\$\$ \([\w-]+\)$", re.M)
BOX = re.compile(
    r"^:::\{(?P<kind>\w+)\} *(?P<title>[^\n]*)\n(?P<options>(?::[^\n]*\n)*)"
    r"(?P<body>.*?)^:::[ ]*$",
    re.M | re.S,
)
LINK = re.compile(r"\]\((?P<path>[\w./-]+\.(?:ipynb|md))(?P<place>#[\w-]+)?\)")
STUB = re.compile(r"\s*### (BEGIN|END) |\w+ = \.\.\.")
DETAILS = """\
<details>
<summary>{title}</summary>

{body}

</details>"""


def notebook(app, name, executed, exercise=None):
    """Return a page's notebook without anything that only MyST knows.

    Parameters
    ----------
    app : sphinx.application.Sphinx
        What built the book, and knows where its references lead.
    name : str
        The page, such as "chapters/01_definition".
    executed : nbformat.NotebookNode
        Its notebook, with the outputs of the run that built the page.
    exercise : nbformat.NotebookNode, optional
        For a page of solutions, the notebook that students get: its cells
        stand in the place of the solutions, which are folded below them.

    Returns
    -------
    nbformat.NotebookNode
    """
    nb = copy.deepcopy(executed)
    nb.metadata.pop("widgets", None)
    stubs = {cell.id: cell for cell in exercise.cells} if exercise else {}
    cells = []
    for cell in nb.cells:
        tags = set(cell.metadata.get("tags", []))
        if "remove-cell" in tags:
            continue
        if cell.cell_type == "markdown":
            cell.source = markdown(app, name, cell.source)
            cells.append(cell)
            continue
        looks = cell.metadata.pop("mystnb", {})
        cell.outputs = [plain_output(output, looks) for output in cell.outputs]
        if tags & {"hide-input", "remove-input"}:
            cell.metadata["jupyter"] = {"source_hidden": True}
        cells.append(cell)
        cells += below(app, name, cell, looks)
        if cell.id in stubs:
            # With the reader's own answers, or with none yet.
            solution, stub = cell.source, stubs[cell.id].source
            cell.source, cell.outputs = stub, []
            if "solution" in looks.get("code_prompt_show", "").lower():
                cells.append(folded_code(cell.id, solution))
    nb.cells = cells
    return nb


def markdown(app, name, source):
    """Return Markdown without roles, directives and labels.

    Parameters
    ----------
    app : sphinx.application.Sphinx
        What built the book.
    name : str
        The page that the text stands on.
    source : str
        MyST Markdown.

    Returns
    -------
    str
    """
    parts, end = [], 0
    # What stands in a block of code is no markup.
    for block in FENCE.finditer(source):
        parts += [text(app, name, source[end : block.start()]), block.group()]
        end = block.end()
    return "".join([*parts, text(app, name, source[end:])])


def text(app, name, source):
    """Return `markdown` of a piece without blocks of code."""
    source = FORMULA_LABEL.sub("$$", LABEL.sub("", source))
    source = ROLE.sub(
        lambda found: role(app, name, **found.groupdict()), source
    )
    source = LINK.sub(
        lambda found: f"]({to_page(app, name, *found.groups(''))})", source
    )
    return BOX.sub(lambda found: box(**found.groupdict()), source)


def role(app, name, kind, body):
    """Return what a role stands for: its text, with a link if there is one."""
    explicit = EXPLICIT.fullmatch(body)
    target = explicit["target"] if explicit else body
    shown = explicit["text"] if explicit else body
    if kind == "download":
        return f"`{shown}`"
    domain, _, kind = kind.rpartition(":")
    domain = app.env.domains["math" if kind == "eq" else domain or "std"]
    inner = nodes.inline("", shown)
    node = pending_xref(
        "", inner, refdoc=name, refexplicit=bool(explicit), reftarget=target
    )
    found = domain.resolve_xref(
        app.env, name, app.builder, kind, target, node, inner
    )
    if found is None:
        raise ValueError(
            f"{name}: no place for {{{kind}}}`{body}`; a plain notebook needs "
            "one for every role, such as {term}`ReLU`"
        )
    shown = found.astext().replace("[", "(").replace("]", ")")
    link = found.next_node(nodes.reference, include_self=True)
    if not app.address or link is None:
        return shown
    page = app.address + app.builder.get_target_uri(name)
    place = link.get("refuri") or "#" + link["refid"]
    return f"[{shown}]({urljoin(page, place)})"


def to_page(app, name, path, place):
    """Return where a link to another page of the book leads.

    To the published page, or where none is known to the file beside this one.
    """
    if not app.address:
        return path + place
    target = (Path(app.env.doc2path(name)).parent / path).resolve()
    other = app.env.path2doc(target)
    return app.address + app.builder.get_target_uri(other) + place


def box(kind, title, options, body):
    """Return a box as a quotation, and one that unfolds as `<details>`."""
    body = body.strip()
    if kind == "dropdown":
        return DETAILS.format(title=title, body=body)
    lines = [f"**{title or kind.capitalize()}**", "", *body.splitlines()]
    return "\n".join(f"> {line}".rstrip() for line in lines)


def plain_output(output, looks):
    """Return an output as a picture, a table or text, with its alt text."""
    data = output.get("data", {})
    keep = next(
        (kind for kind in ("image/png", "text/html") if kind in data), ""
    )
    for kind in set(data) - {keep, "text/plain"}:
        del data[kind]
    if keep == "image/png":
        output.metadata[keep] = {"alt": looks.get("image", {}).get("alt", "")}
    return output


def below(app, name, cell, looks):
    """Return the cell with a figure's caption and alt text, if it is one."""
    caption = looks.get("figure", {}).get("caption", "")
    alt = looks.get("image", {}).get("alt", "")
    if not caption:
        return []
    source = f"*{markdown(app, name, caption)}*"
    if alt:
        source += "\n\n" + DETAILS.format(
            title="The figure in words", body=alt
        )
    return [nbformat.v4.new_markdown_cell(source, id=f"{cell.id}-caption")]


def folded_code(name, source):
    """Return a cell that shows code when it is asked for."""
    body = "```python\n" + unmarked(source) + "\n```"
    return nbformat.v4.new_markdown_cell(
        DETAILS.format(title="Solution", body=body), id=f"{name}-solution"
    )


def unmarked(source):
    r"""Return code without nbgrader's marks and dots that wait for an answer.

    >>> unmarked("y = ...\n### BEGIN SOLUTION\ny = 1\n### END SOLUTION")
    'y = 1'
    """
    lines = [line for line in source.splitlines() if not STUB.match(line)]
    return "\n".join(lines).strip("\n")
