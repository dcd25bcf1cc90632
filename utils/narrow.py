"""A figure's form for a phone: narrow, with letters of the same size.

A page shows 5.8 inches of a figure on the 342 pixels of a phone, and its
letters with them at three quarters of the size of the text. Here the same
figure is laid out once more for that width: panels side by side are put below
each other, legends get fewer columns, long titles more lines, and of ticks
that would touch every second one stays. No author has to ask for it.
"""

import contextlib
import math
import re
import textwrap

from matplotlib.gridspec import GridSpec
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.legend import Legend
from matplotlib.text import Text

# Inches: a point is a pixel and a quarter on a phone of 390 pixels, whose
# page has 342 of them beside its margins. Letters of 9 points have 11 there.
WIDTH = 3.8
# Of a panel that was beside another one; it keeps most of its height.
SHARE = 0.85
# Inches between two numbers below an axis.
ROOM = 0.04


@contextlib.contextmanager
def narrow(fig):
    """Lay a figure out for a phone, for as long as the block runs.

    Parameters
    ----------
    fig : matplotlib.figure.Figure
        The figure; it needs constrained layout, as the book's style sets.

    Yields
    ------
    bool
        Whether the figure has a form of its own for a phone. It has none if
        it is as narrow already, or if its layout is its author's.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> fig, axes = plt.subplots(1, 2, layout="constrained")
    >>> with narrow(fig):
    ...     [ax.get_subplotspec().rowspan.start for ax in axes]
    [0, 1]
    >>> [ax.get_subplotspec().rowspan.start for ax in axes]
    [0, 0]
    """
    width, height = fig.get_size_inches()
    engine = fig.get_layout_engine()
    if not isinstance(engine, ConstrainedLayoutEngine) or width <= WIDTH:
        yield False
        return
    with contextlib.ExitStack() as undo:
        # A layout begins where the last one ended.
        for ax in fig.axes:
            undo.callback(_place, ax, *map(ax.get_position, (True, False)))
        undo.callback(fig.set_size_inches, width, height)
        fig.set_size_inches(WIDTH, height)
        panels = _stack(fig, undo)
        if panels:
            height = sum(max(SHARE * height, _lowest(ax)) for ax in panels)
        elif _is_sheet(fig):
            height *= WIDTH / width
        height += _narrow_legends(fig, undo)
        fig.set_size_inches(WIDTH, height)
        _wrap(fig, undo)
        if _thin(fig, undo):
            engine.execute(fig)
        # It is laid out, and whoever draws it need not do that again.
        undo.callback(fig.set_layout_engine, engine)
        fig.set_layout_engine("none")
        yield True


def _place(ax, original, active):
    """Put axes back where they were, for the layout to move them again."""
    moves = ax.get_in_layout()
    ax.set_position(original, "original")
    ax.set_position(active, "active")
    ax.set_in_layout(moves)


def _stack(fig, undo):
    """Put the panels of a single row below each other; return them."""
    panels = [ax for ax in fig.axes if ax.get_subplotspec()]
    grids = {ax.get_subplotspec().get_gridspec() for ax in panels}
    if len(grids) != 1 or grids.pop().get_geometry() != (1, len(panels)):
        return []
    # Two beside each other are small; more are, unless they are bare pictures.
    if len(panels) == 1 or not (
        len(panels) == 2 or all(ax.axison for ax in panels)
    ):
        return []
    grid = GridSpec(len(panels), 1, figure=fig)
    for number, ax in enumerate(panels):
        undo.callback(ax.set_subplotspec, ax.get_subplotspec())
        ax.set_subplotspec(grid[number])
        if number and ax.get_shared_y_axes().joined(ax, panels[0]):
            # What the panel on the left said for both.
            shown = ax.yaxis.get_tick_params().get("labelleft", True)
            undo.callback(ax.yaxis.set_tick_params, labelleft=shown)
            ax.yaxis.set_tick_params(labelleft=True)
            if not ax.get_ylabel():
                undo.callback(ax.set_ylabel, "")
                ax.set_ylabel(panels[0].get_ylabel())
    return panels


def _lowest(ax):
    """Return the least height of a panel: its names need a line each."""
    return 0.21 * len(ax.get_yticks()) + 0.9


def _is_sheet(fig):
    """Tell whether pictures that keep their shape stand side by side."""
    specs = [ax.get_subplotspec() for ax in fig.axes]
    return any(
        spec and spec.get_gridspec().ncols > 1 and ax.get_aspect() != "auto"
        for ax, spec in zip(fig.axes, specs)
    )


def _narrow_legends(fig, undo):
    """Give legends that are too wide fewer columns; return what that takes."""
    renderer, taken = fig.canvas.get_renderer(), 0
    for legend in fig.findobj(Legend):
        most = 0.97 * WIDTH * fig.dpi
        if legend in fig.legends:
            before = legend.get_window_extent(renderer).height
        box = legend.get_children()[0].get_children()[1]
        columns = box.get_children()
        kept = [(each, each.get_children()[:]) for each in columns]
        entries = [entry for _, entries in kept for entry in entries]
        count = len(columns)
        while count > 1 and legend.get_window_extent(renderer).width > most:
            count -= 1
            rows = -(-len(entries) // count)
            for number, (column, _) in enumerate(kept):
                column.get_children()[:] = entries[
                    number * rows : (number + 1) * rows
                ]
            columns[:] = [c for c, _ in kept if c.get_children()]
        if count < len(kept):
            undo.callback(_put_back, columns, kept)
        if legend in fig.legends:
            taken += legend.get_window_extent(renderer).height - before
    return taken / fig.dpi


def _put_back(columns, kept):
    """Give a legend the columns that it had."""
    columns[:] = [column for column, _ in kept]
    for column, entries in kept:
        column.get_children()[:] = entries


def _wrap(fig, undo):
    """Break titles and names of axes that are too long for where they are."""
    fig.get_layout_engine().execute(fig)
    renderer, found = fig.canvas.get_renderer(), False
    for ax in fig.axes:
        box, spec = ax.get_window_extent(renderer), ax.get_subplotspec()
        x, y = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
        # As far as the nearer edge, or as the panel goes where others follow.
        rows, columns = spec.get_gridspec().get_geometry() if spec else (1, 1)
        across = min(x, fig.bbox.width - x) if columns == 1 else box.width / 2
        up = min(y, fig.bbox.height - y) if rows == 1 else box.height / 2
        begins = (fig.bbox.width - box.x0) / 2
        for text, room in (
            (ax.title, across),
            *((title, begins) for title in _titles_at_the_left(ax)),
            (ax.xaxis.label, across),
            (ax.yaxis.label, 1.1 * up),
        ):
            words, most = text.get_text(), 1.96 * room
            size = text.get_window_extent(renderer).size
            long = size[int(text is ax.yaxis.label)]
            if long > most and " " in words and "\n" not in words:
                undo.callback(text.set_text, words)
                lines = math.ceil(long / most)
                width = math.ceil(len(words) / lines) + 3
                text.set_text(
                    "\n".join(
                        textwrap.wrap(words, width, break_long_words=False)
                    )
                )
                found = True
    if found:
        fig.get_layout_engine().execute(fig)


def _titles_at_the_left(ax):
    """Return the title of axes that begins where they do, if there is one."""
    words = ax.get_title(loc="left")
    return [
        artist
        for artist in ax.get_children()
        if words and isinstance(artist, Text) and artist.get_text() == words
    ]


def _thin(fig, undo):
    """Where names below an axis would touch, leave every second one out.

    What are words is turned instead, since each says something of its own.
    Return whether there was anything to do.
    """
    renderer, touched = fig.canvas.get_renderer(), False
    for ax in fig.axes:
        labels = [t for t in ax.get_xticklabels() if t.get_text()]
        boxes = [label.get_window_extent(renderer) for label in labels]
        room = min((b.x0 - a.x1 for a, b in zip(boxes, boxes[1:])), default=99)
        if room >= ROOM * fig.dpi:
            continue
        touched = True
        if any(re.search("[A-Za-z]{3}", t.get_text()) for t in labels):
            for label in labels:
                undo.callback(label.set_rotation, label.get_rotation())
                label.set_rotation(90)
        else:
            for label in labels[1::2]:
                undo.callback(label.set_visible, True)
                label.set_visible(False)
    return touched
