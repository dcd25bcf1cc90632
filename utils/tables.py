"""Tables: aligned text in a notebook, rows and columns of HTML in a page."""

import re
from html import escape

# The container is the book's theme's: what is too wide can be scrolled in it,
# by keyboard too. Styles stand here for JupyterLab, which has others.
_PAGE = """\
<div class="pst-scrollable-table-container">
<table class="table" style="font-variant-numeric: tabular-nums">
{caption}<thead>
{head}
</thead>
{body}
</table>
</div>"""
_FOLD = """\
<details>
<summary>{caption}</summary>
{page}
</details>"""


class Table:
    """Rows of cells under a header, shown as aligned text or as HTML.

    Parameters
    ----------
    header : sequence of str
        What stands above each column; "" where nothing does.
    rows : iterable
        For each row a sequence with a cell per column: a number, or text
        that is shown as it is; None leaves it blank. A row that is one text
        is the heading of the rows below it. The first cell names its row.
    forms : sequence of str, optional
        A format specification for the numbers of each column, such as
        ``".1f"``; ``""`` for none. One that starts with ``"<"`` or ``">"``
        aligns the whole column left or right; else the first is aligned left
        and the others right.
    caption : str, optional
        What the table shows, above it.
    pictures : sequence of str, optional
        For each row a small drawing (`svg.sketch`), which the page shows in a
        column of its own, behind the row's name. The text has no such column.
    folded : bool, optional
        Whether a page shows the caption alone until a reader opens it.

    Raises
    ------
    ValueError
        If a row or `forms` has another number of columns than `header`,
        `pictures` another number of drawings than there are rows, or a table
        is to be folded that has no caption.

    Notes
    -----
    Texts with ± are aligned at this sign.

    Examples
    --------
    >>> Table(["layers", "accuracy (%)", "rate"],
    ...       [(1, "97.1 ± 0.6", 4.0), (3, "41.2 ± 13.8", 0.5)],
    ...       ["", "", "g"])
    layers  accuracy (%)  rate
    1        97.1 ±  0.6     4
    3        41.2 ± 13.8   0.5
    """

    def __init__(
        self,
        header,
        rows,
        forms=None,
        caption=None,
        pictures=None,
        folded=False,
    ):
        if folded and not caption:
            raise ValueError(
                "folded needs a caption, which is what opens the table, such "
                f"as caption='All gaps', got {caption!r}"
            )
        self.caption = caption
        self.folded = folded
        self.header = list(header)
        forms = [""] * len(self.header) if forms is None else list(forms)
        self._check("forms", forms)
        self._right = [
            form.startswith(">") or (column > 0 and not form.startswith("<"))
            for column, form in enumerate(forms)
        ]
        # A heading, or None, and the rows below it.
        self.groups = [(None, [])]
        for row in rows:
            if isinstance(row, str):
                self.groups.append((row, []))
                continue
            row = list(row)
            self._check("a row", row)
            self.groups[-1][1].append(list(map(_text, row, forms)))
        for column in range(len(self.header)):
            self._align_signs(column)
        found = sum(len(rows) for _, rows in self.groups)
        if pictures is not None and len(pictures) != found:
            raise ValueError(
                f"pictures must have a drawing for each of the {found} rows, "
                f"got {len(pictures)}"
            )
        self.pictures = pictures

    def _check(self, name, cells):
        if len(cells) != len(self.header):
            raise ValueError(
                f"{name} must have {len(self.header)} columns, as the header "
                f"{self.header}, got {len(cells)}: {cells}"
            )

    def _align_signs(self, column):
        """Make what follows ± as long in each cell of a column."""
        rows = [
            row
            for _, rows in self.groups
            for row in rows
            if "±" in row[column]
        ]
        parts = [row[column].split("±", 1) for row in rows]
        width = max((len(after.strip()) for _, after in parts), default=0)
        for row, (before, after) in zip(rows, parts):
            row[column] = f"{before.strip()} ± {after.strip():>{width}}"

    def __repr__(self):
        lines = [self.header]
        for heading, rows in self.groups:
            indent = "  " if heading else ""
            lines += [heading] * bool(heading)
            lines += [[indent + row[0], *row[1:]] for row in rows]
        widths = [
            max(map(len, column))
            for column in zip(*(x for x in lines if not isinstance(x, str)))
        ]
        texts = [self.caption] * bool(self.caption)
        for line in lines:
            if not isinstance(line, str):
                line = "  ".join(
                    cell.rjust(width) if right else cell.ljust(width)
                    for cell, width, right in zip(line, widths, self._right)
                )
            texts.append(line.rstrip())
        return "\n".join(texts)

    def _repr_html_(self):
        caption = escape(self.caption or "")
        pictures = (f"<td>{each}</td>" for each in self.pictures or ())
        width = len(self.header) + (self.pictures is not None)
        bodies = []
        for heading, rows in self.groups:
            lines = [
                self._row(row, 'th scope="row"', "td", next(pictures, None))
                for row in rows
            ]
            if heading:
                lines.insert(
                    0,
                    f'<tr><th scope="rowgroup" colspan="{width}" '
                    f'style="text-align: left; padding-top: 1em">{escape(heading)}</th></tr>',
                )
            if lines:
                bodies.append("\n".join(["<tbody>", *lines, "</tbody>"]))
        shown = caption and not self.folded
        page = _PAGE.format(
            caption=f"<caption>{caption}</caption>\n" if shown else "",
            head=self._row(
                self.header,
                *['th scope="col"'] * 2,
                None
                if self.pictures is None
                else '<th scope="col">graph</th>',
            ),
            body="\n".join(bodies),
        )
        if self.folded:
            return _FOLD.format(caption=caption, page=page)
        return page

    def _row(self, cells, first, other, picture):
        """Write one row; a title that says nothing is no title."""
        tags = [first] + [other] * (len(cells) - 1)
        written = list(map(_cell, cells, tags, self._right))
        if picture is not None:
            written.insert(1, picture)
        return f"<tr>{''.join(written)}</tr>"


def _text(cell, form):
    """Return a cell as text."""
    if cell is None:
        return ""
    if isinstance(cell, str):
        return cell.strip()
    try:
        return format(cell, form).strip()
    except (TypeError, ValueError) as error:
        raise ValueError(
            "a cell must be text or a number that its form fits, such as "
            f"0.25 and '.1f', got {cell!r} and {form!r}"
        ) from error


def _cell(text, tag, right):
    """Return a cell as HTML."""
    tag = tag if text else "td"
    style = f"text-align: {'right' if right else 'left'}"
    if right and tag == "td":
        # A narrow page would break 5e-10 after its hyphen.
        style += "; white-space: nowrap"
    # HTML makes one space of several: these are as wide as a digit. And no
    # line is broken at ±.
    text = re.sub("(?<= ) ", "\N{FIGURE SPACE}", escape(text))
    text = re.sub(r"(?<![\w)])-(?=\d)", "−", text)
    text = re.sub(" ?± ?", "\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}", text)
    return f'<{tag} style="{style}">{text}</{tag.split()[0]}>'
