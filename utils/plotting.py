"""The book's one look: colours, style, and small helpers that take an axes."""

import matplotlib.pyplot as plt

from . import arguments

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

# Of a unit, over the points of a data set: off for all, on for some, for all.
STATES = {"dead": "#C44E00", "some": "#B8B8B8", "always on": "#0067A5"}

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
}


def use_style():
    """Give every later figure of the session the book's look."""
    plt.rcParams.update(STYLE)


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
