"""The book's one look: colours, style, and small helpers that take an axes."""

import matplotlib.pyplot as plt
import numpy as np
from IPython import get_ipython
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import FigureBase

from . import arguments, kernel, svg

# Dark enough for white paper, far apart for colour-blind readers (after
# Okabe and Ito), and told apart by line style as well.
LOOKS = {
    "relu": {"color": "#C44E00", "linestyle": "-", "marker": "o"},
    "sigmoid": {"color": "#0067A5", "linestyle": "--", "marker": "s"},
    "tanh": {"color": "#007A5A", "linestyle": "-.", "marker": "^"},
    "identity": {"color": "#5A5A5A", "linestyle": ":", "marker": "D"},
    "leaky_relu": {
        "color": "#7A3E9D",
        "linestyle": (0, (6, 1)),
        "marker": "v",
    },
    "prelu": {
        "color": "#B5178B",
        "linestyle": (0, (4, 1, 1, 1, 1, 1)),
        "marker": "<",
    },
    "elu": {"color": "#7A6200", "linestyle": (0, (2, 1)), "marker": "P"},
    "selu": {"color": "#4F7A00", "linestyle": (0, (1, 1.5)), "marker": "*"},
    "gelu": {
        "color": "#A11D33",
        "linestyle": (0, (8, 2, 2, 2)),
        "marker": "X",
    },
    "silu": {
        "color": "#2B2D9E",
        "linestyle": (0, (3, 2, 1, 2)),
        "marker": ">",
    },
}

# What a reader calls the functions, for figures that speak to readers.
TITLES = {
    "identity": "identity",
    "sigmoid": "sigmoid",
    "tanh": "tanh",
    "relu": "ReLU",
    "leaky_relu": "Leaky ReLU",
    "prelu": "PReLU",
    "elu": "ELU",
    "selu": "SELU",
    "gelu": "GELU",
    "silu": "SiLU",
    "softplus": "softplus",
    "mish": "Mish",
    "hardswish": "Hardswish",
    "relu6": "ReLU6",
    "relu_squared": "squared ReLU",
}

# The states of a unit on given data, and its colour on maps; where "some" is
# not one shade, it is a grey by the share of samples that the unit is on for.
STATES = {"dead": "#C44E00", "some": "#B8B8B8", "always on": "#0067A5"}
# On for some samples, but for less than this share of them.
NEARLY_DEAD, FEW = "#DDAA33", 0.02
# How a map shows shares, from 0, which is below its range, to 1, which is above
# it: ``imshow(shares, **BY_SHARE)``.
_GREYS = [f"{grey:.4f}" for grey in np.linspace(0.92, 0.35, 9)]
BY_SHARE = {
    "cmap": ListedColormap([NEARLY_DEAD, *_GREYS]).with_extremes(
        under=STATES["dead"], over=STATES["always on"]
    ),
    "norm": BoundaryNorm([1e-9, FEW, *np.arange(1, 9) / 9, 1 - 1e-9], 10),
}

STYLE = {
    "figure.figsize": (5.8, 3.3),
    "figure.dpi": 132,
    "figure.constrained_layout.use": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#DDDDDD",
    "axes.axisbelow": True,
    "axes.titlesize": "medium",
    "lines.linewidth": 2,
    "lines.markersize": 5,
    "legend.frameon": False,
    "font.size": 11,
    # A map's own pixels, which SVG shows sharp at any size.
    "image.interpolation": "none",
}


def use_style():
    """Give every later figure of the session the book's look.

    Where a program runs the notebook, such as the book's build, a figure is
    shown as SVG as well (`utils.svg`).
    """
    plt.rcParams.update(STYLE)
    if shell := get_ipython():
        formatter = shell.display_formatter.formatters["image/svg+xml"]
        # What is set for Figure itself is lost when the first cell has run.
        formatter.for_type(FigureBase, _for_a_page)


def look(name, *parts):
    """Return the drawing style of an activation.

    Parameters
    ----------
    name : str
        Name of the activation, such as ``"relu"``.
    *parts : str
        The parts wanted; colour and line style when none is named.

    Returns
    -------
    dict
        Part: value, to pass on to a function that plots.

    Raises
    ------
    ValueError
        If the book has no look for that name.

    Examples
    --------
    >>> look("relu")
    {'color': '#C44E00', 'linestyle': '-'}
    """
    found = arguments.choice("name", name, LOOKS)
    return {part: found[part] for part in parts or ("color", "linestyle")}


def _for_a_page(fig):
    """Return a figure as SVG, or None where a person looks at it."""
    return None if kernel.person_watches() else svg.picture(fig, marked=True)
