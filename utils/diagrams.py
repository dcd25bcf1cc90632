"""Drawings of what the book speaks of: a neuron, a layer, a block.

Lengths are inches of a figure. Its letters are few and large, since a phone
shows its 5.8 inches on 342 pixels. What goes forward is drawn with full lines,
what comes back with dashed ones.
"""

import matplotlib.pyplot as plt
from matplotlib.layout_engine import PlaceHolderLayoutEngine
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch

from .plotting import LOOKS

INK, RELU = "black", LOOKS["relu"]["color"]
BACK = LOOKS["sigmoid"]["color"]
WIDTH = 5.8
# In points: words, signs with an index, fractions.
WORDS, SIGNS, FRACTIONS = 14, 16, 21


def neuron():
    """Draw a neuron: forward from left to right, and its gradient back.

    As alternative text: "Two inputs, each times a weight, and a bias go into
    a sum z, which passes through ReLU and becomes a. Dashed, the gradient
    comes back: times 1 or 0 at ReLU, then times an input for the gradient of
    its weight."

    Returns
    -------
    matplotlib.figure.Figure
        The drawing.
    """
    fig, ax = _canvas(2.8)
    y, low = 1.93, 0.32
    for i, start in enumerate((y + 0.52, y - 0.52), start=1):
        _circle(ax, (0.35, start), f"$x_{i}$")
        _arrow(ax, (0.6, start), (1.68, y + 0.4 * (start - y)))
        _text(ax, (1.15, y + 1.3 * (start - y)), f"$w_{i}$", size=SIGNS)
    _circle(ax, (1.95, y - 0.9), "$b$")
    _arrow(ax, (1.95, y - 0.65), (1.95, y - 0.3))
    _circle(ax, (1.95, y), "+", radius=0.3)
    _arrow(ax, (2.25, y), (3.2, y))
    _text(ax, (2.7, y + 0.24), "$z$", size=SIGNS)
    _relu(ax, (3.6, y))
    _text(ax, (3.6, y + 0.55), "ReLU", RELU)
    _arrow(ax, (4.0, y), (5.55, y))
    _text(ax, (4.75, y + 0.24), "$a$", size=SIGNS)
    for x, name in ((5.4, "a"), (1.95, "z")):
        _text(ax, (x, low), _gradient(name), BACK, FRACTIONS)
    _text(ax, (3.6, low), "× 1 or 0", BACK)
    _text(ax, (0.62, low), "× $x_1$, $x_2$", BACK)
    for start, end in ((5.05, 4.3), (2.9, 2.3), (1.6, 1.2)):
        _arrow(ax, (start, low), (end, low), BACK, dashed=True)
    return fig


def layer(samples="N", inputs="n", units="m"):
    """Draw a layer as the arrays that it multiplies, with their shapes.

    As alternative text: "A tall array X of N rows and n columns, times a flat
    array W of n rows and m columns, plus a row b of m numbers; through ReLU
    to a tall array A of N rows and m columns."

    Parameters
    ----------
    samples, inputs, units : str or int
        What stands for the numbers of samples, inputs and units.

    Returns
    -------
    matplotlib.figure.Figure
        The drawing.
    """
    fig, ax = _canvas(2.6)
    y, n, m, tall = 1.5, 0.7, 1.05, 1.9
    for x, name, width, height, shape in (
        (0.6, "$X$", n, tall, (samples, inputs)),
        (1.77, "$W$", m, n, (inputs, units)),
        (3.13, "$b$", m, 0.4, (units,)),
        (5.15, "$A$", m, tall, (samples, units)),
    ):
        _box(ax, (x, y), name, width, height, size=SIGNS)
        _text(ax, (x, 0.25), " × ".join(f"${size}$" for size in shape))
    _text(ax, (1.1, y), "·", size=FRACTIONS)
    _text(ax, (2.45, y), "+")
    _arrow(ax, (3.73, y), (4.57, y), RELU)
    _text(ax, (4.12, y + 0.28), "ReLU", RELU)
    return fig


def chain():
    """Draw three layers, and below them the factors of the gradient.

    As alternative text: "Above, from left to right, x, weights, f, weights,
    f, weights and the loss. Below, dashed, from right to left, what the
    gradient is multiplied by: the weights and the slope of f, of each layer
    that it passes."

    Returns
    -------
    matplotlib.figure.Figure
        The drawing.
    """
    fig, ax = _canvas(2.1)
    y, low, x, gap = 1.65, 0.45, 0.3, 0.26
    _text(ax, (0.15, y), "$x$", size=SIGNS)
    for forward, back in (
        ("$W_1$", ""),
        ("$f$", "$f'(z_1)$"),
        ("$W_2$", "$W_2^T$"),
        ("$f$", "$f'(z_2)$"),
        ("$W_3$", "$W_3^T$"),
    ):
        color, width = (RELU, 0.9) if forward == "$f$" else (INK, 0.57)
        middle = x + gap + width / 2
        _arrow(ax, (x, y), (x + gap, y))
        _box(ax, (middle, y), forward, width, 0.6, color, size=SIGNS)
        if back:
            _box(ax, (middle, low), back, width, 0.7, color, dashed=True)
            _arrow(ax, (x + gap, low), (x, low), BACK, dashed=True)
        else:
            _text(ax, (middle, low), r"$\delta_1$", BACK, SIGNS)
        x += gap + width
    _arrow(ax, (x, y), (x + gap, y))
    _text(ax, (x + gap + 0.15, y), "$L$", size=SIGNS)
    _arrow(ax, (x + gap, low), (x, low), BACK, dashed=True)
    _text(ax, (x + gap + 0.15, low), r"$\delta_3$", BACK, SIGNS)
    return fig


def residual_block():
    """Draw a layer that adds to its input, forward above and back below.

    As alternative text: "Above, x takes two ways to a plus sign: through the
    weights and ReLU, and past them, unchanged. Below, dashed, the gradient
    comes back on both: times the slope and the weights, and times 1."

    Returns
    -------
    matplotlib.figure.Figure
        The drawing.
    """
    fig, ax = _canvas(3.3)
    y, low, away = 2.25, 1.05, 0.6
    _text(ax, (0.2, y), "$x$", size=SIGNS)
    _arrow(ax, (0.35, y), (1.4, y))
    _box(ax, (1.9, y), "$W$, $b$", 1.0, 0.6)
    _arrow(ax, (2.4, y), (2.8, y))
    _relu(ax, (3.2, y))
    _arrow(ax, (3.6, y), (4.35, y))
    _circle(ax, (4.6, y), "+")
    _arrow(ax, (4.85, y), (5.55, y))
    _past(ax, [(0.85, y), (0.85, y + away), (4.6, y + away), (4.6, y + 0.25)])
    _text(ax, (2.72, y + away + 0.22), "$x$, unchanged")

    back = {"color": BACK, "dashed": True}
    _text(ax, (5.55, low), r"$\delta$", BACK, SIGNS)
    _arrow(ax, (5.35, low), (3.6, low), **back)
    _box(ax, (3.2, low), "$f'(z)$", 0.8, 0.6, RELU, dashed=True)
    _arrow(ax, (2.8, low), (2.4, low), **back)
    _box(ax, (1.9, low), "$W^T$", 1.0, 0.6, dashed=True)
    _arrow(ax, (1.4, low), (1.1, low), **back)
    _circle(ax, (0.85, low), "+")
    _arrow(ax, (0.6, low), (0.1, low), **back)
    way = [(4.6, low), (4.6, low - away), (0.85, low - away)]
    _past(ax, [*way, (0.85, low - 0.25)], **back)
    _text(ax, (2.72, low - away - 0.22), r"$\delta$ × 1", BACK)
    return fig


def transformer_block():
    """Draw a block: attention, and below it the feed-forward layer.

    As alternative text: "Above, tokens x pass a normalisation and attention,
    which mixes them, and are added to x. Below, the sum passes another
    normalisation and the feed-forward layer, which is linear, ReLU, linear,
    and is added to itself once more."

    Returns
    -------
    matplotlib.figure.Figure
        The drawing.
    """
    fig, ax = _canvas(3.7)
    y, low, away, x = 2.85, 0.95, 0.58, 5.1
    _text(ax, (0.2, y), "$x$", size=SIGNS)
    _arrow(ax, (0.35, y), (0.85, y))
    _box(ax, (1.25, y), "norm", 0.8, 0.6)
    _arrow(ax, (1.65, y), (2.2, y))
    _box(ax, (2.9, y), "attention", 1.4, 0.6)
    _arrow(ax, (3.6, y), (x - 0.25, y))
    _text(ax, (2.9, y - 0.5), "mixes the tokens")
    _text(ax, (2.9, low - 0.6), "each token on its own")
    turn, end = 1.95, (0.5, low)
    _past(ax, [(x, y - 0.25), (x, turn), (0.15, turn), (0.15, low), end])
    for middle, text in ((0.9, "norm"), (1.95, "linear"), (4.05, "linear")):
        _box(ax, (middle, low), text, 0.8, 0.6)
    _relu(ax, (3.0, low))
    for start in (1.3, 2.35, 3.4):
        _arrow(ax, (start, low), (start + 0.25, low))
    _arrow(ax, (4.45, low), (x - 0.25, low))
    _arrow(ax, (x + 0.25, low), (5.7, low))
    for left, row in ((0.55, y), (0.3, low)):
        _circle(ax, (x, row), "+")
        up = row + away
        _past(ax, [(left, row), (left, up), (x, up), (x, row + 0.25)])
    return fig


def _canvas(height):
    """Return a figure, and axes over all of it."""
    # Printed once, a figure without an engine would get that of the style.
    nothing_moves = PlaceHolderLayoutEngine(True, True)
    fig = plt.figure(figsize=(WIDTH, height), layout=nothing_moves)
    ax = fig.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, WIDTH), ylim=(0, height))
    ax.axis("off")
    return fig, ax


def _gradient(name):
    """Return the sign of the loss's gradient with respect to a quantity."""
    return rf"$\frac{{\partial L}}{{\partial {name}}}$"


def _text(ax, at, text, color=INK, size=WORDS):
    """Write a text around a place."""
    ax.text(*at, text, size=size, color=color, ha="center", va="center")


def _line(color, dashed):
    return {
        "color": color,
        "linestyle": "--" if dashed else "-",
        "linewidth": 1.5,
    }


def _box(ax, at, text, width, height, color=INK, dashed=False, size=WORDS):
    """Draw a box around a place, with a text in it."""
    corner = at[0] - width / 2, at[1] - height / 2
    style = "round,pad=0,rounding_size=0.06"
    look = {"boxstyle": style, "fill": False, **_line(color, dashed)}
    ax.add_patch(FancyBboxPatch(corner, width, height, **look))
    _text(ax, at, text, size=size)


def _circle(ax, at, text, radius=0.25):
    """Draw a circle around a place, with a text in it."""
    ax.add_patch(Circle(at, radius, fill=False, **_line(INK, False)))
    _text(ax, at, text, size=SIGNS)


def _relu(ax, at):
    """Draw a box around a place, with the graph of ReLU in it."""
    x, y = at
    _box(ax, at, "", 0.8, 0.6, RELU)
    ax.plot([x - 0.3, x, x + 0.25], [y - 0.15, y - 0.15, y + 0.2], c=RELU)


def _arrow(ax, start, end, color=INK, dashed=False):
    """Draw an arrow from place to place."""
    head = {"arrowstyle": "-|>,head_length=5,head_width=3"}
    ends = {"shrinkA": 0, "shrinkB": 0}
    look = _line(color, dashed)
    ax.add_patch(FancyArrowPatch(start, end, **head, **ends, **look))


def _past(ax, way, color=INK, dashed=False):
    """Draw an arrow around corners."""
    ax.plot(*zip(*way[:-1]), **_line(color, dashed))
    _arrow(ax, *way[-2:], color, dashed)
