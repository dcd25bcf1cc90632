"""Drawings: every letter is large enough, and nothing lies on it."""

import itertools

import matplotlib.pyplot as plt
import pytest
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, Patch
from matplotlib.path import Path
from matplotlib.text import Text

from utils import diagrams, plotting

DRAWINGS = {
    "neuron": diagrams.neuron,
    "layer": diagrams.layer,
    "layer of 64 and 32": lambda: diagrams.layer(1000, 64, 32),
    "chain": diagrams.chain,
    "residual block": diagrams.residual_block,
    "transformer block": diagrams.transformer_block,
}
# What a figure is wide on a phone of 390 pixels, beside the page's margins.
PHONE = 342


@pytest.fixture(params=DRAWINGS)
def fig(request):
    with plt.rc_context(plotting.STYLE):
        fig = DRAWINGS[request.param]()
    yield fig
    plt.close(fig)


def texts(fig):
    return [text for text in fig.findobj(Text) if text.get_text()]


def faults(fig):
    """Return what lies on what: texts, edges of boxes, lines, arrows."""
    fig.canvas.draw()
    boxes = {text: text.get_window_extent() for text in texts(fig)}
    (ax,) = fig.axes
    found = [
        (a.get_text(), b.get_text())
        for a, b in itertools.combinations(boxes, 2)
        if boxes[a].overlaps(boxes[b])
    ]
    for shape in ax.get_children():
        if shape is ax.patch or not isinstance(shape, (Line2D, Patch)):
            continue
        path = shape.get_path()
        # What closes a path is a sign, no place.
        if path.codes is not None:
            path = Path(path.vertices[path.codes != Path.CLOSEPOLY])
        # An arrow gives its path where it lies, others where they are made.
        moved = isinstance(shape, FancyArrowPatch)
        path = (
            ax.transData if moved else shape.get_transform()
        ).transform_path(path)
        found += [
            (text.get_text(), type(shape).__name__)
            for text, box in boxes.items()
            if path.intersects_bbox(box, filled=False)
        ]
    return found


def test_letters_are_legible_on_a_phone(fig):
    points = 72 * fig.get_size_inches()[0]
    for text in texts(fig):
        assert text.get_size() * PHONE / points >= 11, text.get_text()


def test_all_texts_are_within_the_figure(fig):
    fig.canvas.draw()
    for text in texts(fig):
        box = text.get_window_extent()
        assert fig.bbox.containsx(box.x0) and fig.bbox.containsx(box.x1)
        assert fig.bbox.containsy(box.y0) and fig.bbox.containsy(box.y1)


def test_nothing_lies_on_a_text(fig):
    assert faults(fig) == []


def test_a_text_on_an_edge_a_line_or_a_text_is_caught():
    fig, ax = diagrams._canvas(2)
    diagrams._box(ax, (1, 1), "far too wide", 0.8, 0.6)
    diagrams._arrow(ax, (2, 1), (4, 1))
    diagrams._text(ax, (3, 1), "on it")
    diagrams._text(ax, (3, 1.05), "on both")
    wanted = {
        ("far too wide", "FancyBboxPatch"),
        ("on it", "FancyArrowPatch"),
        ("on both", "FancyArrowPatch"),
        ("on it", "on both"),
    }
    assert set(faults(fig)) == wanted
    plt.close(fig)


def test_a_layer_says_the_shapes_that_it_is_given():
    fig = diagrams.layer(1000, 64, 32)
    said = [text.get_text() for text in texts(fig)]
    assert [s for s in said if "$64$" in s] == [
        "$1000$ × $64$",
        "$64$ × $32$",
    ]
    plt.close(fig)


def test_printing_does_not_move_what_is_drawn(fig, tmp_path, recwarn):
    (ax,) = fig.axes
    for _ in range(2):
        fig.savefig(tmp_path / "drawing.png", bbox_inches="tight")
    assert ax.get_position().bounds == (0, 0, 1, 1)
    assert list(recwarn) == []


def test_alternative_texts_say_what_is_seen():
    for name in DRAWINGS:
        function = getattr(diagrams, name.split(" of ")[0].replace(" ", "_"))
        assert "As alternative text: " in function.__doc__
