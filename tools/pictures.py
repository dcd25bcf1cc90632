"""Draw the small pictures of the landing page, one for each part of the book.

::

    python -m tools.pictures

writes them into `_static/parts`. They have no letters, so that they can be
small; what they show is computed.
"""

import matplotlib.pyplot as plt
import numpy as np

from tools.paths import ROOT
from utils import activations as act
from utils import lab, plotting, svg, theory

FOLDER = ROOT / "_static" / "parts"
SIZE = (2.4, 1.6)


def function(ax):
    """Draw ReLU before sigmoid and tanh."""
    x = np.linspace(-3, 3, 61)
    for name in ("sigmoid", "tanh", "relu"):
        y = act.ACTIVATIONS[name](x)
        ax.plot(
            x, y, linewidth=2 + 2 * (name == "relu"), **plotting.look(name)
        )
    ax.set(ylim=(-1.2, 2.6))


def depth(ax):
    """Draw how a gradient shrinks on its way back through 30 layers."""
    for name, scale in (
        ("sigmoid", 1 / 3),
        ("tanh", 1 / 3),
        ("relu", 1 / 3),
        ("relu", 2),
    ):
        chi = theory.mean_field(name, scale, depth=30, q=scale).chi
        line = np.append(np.cumprod(chi[-2::-1])[::-1], 1) ** 0.5
        ax.semilogy(line, **plotting.look(name))
    ax.set(ylim=(1e-26, 1e2))


def units(ax):
    """Draw the units of a network that a harsh rate has trained."""
    network = lab.Lab(**lab.PRESETS["harsh"].settings)
    run = network.train()
    for (layer, unit), on in np.ndenumerate(run.on[-1]):
        state = {0: "dead", run.points: "always on"}.get(on, "some")
        ax.plot(
            unit % 8,
            -2.6 * layer - unit // 8,
            marker="X" if state == "dead" else "o",
            markersize=8,
            color=plotting.STATES[state],
        )
    ax.set(xlim=(-0.7, 7.7), ylim=(-6.9, 0.7))


def relatives(ax):
    """Draw ReLU's relatives, where they differ from it."""
    x = np.linspace(-4, 1.4, 109)
    for name in ("relu", "elu", "leaky_relu", "gelu", "silu"):
        given = {"negative_slope": 0.1} if name == "leaky_relu" else {}
        ax.plot(x, act.ACTIVATIONS[name](x, **given), **plotting.look(name))
    ax.set(ylim=(-1.1, 1.4))


PICTURES = {
    "function": function,
    "depth": depth,
    "units": units,
    "relatives": relatives,
}


def picture(name):
    """Return one of the pictures as the text of its file."""
    with plt.rc_context(plotting.STYLE):
        fig = plt.figure(figsize=SIZE)
        ax = fig.subplots()
        PICTURES[name](ax)
        ax.axis("off")
        text = svg.picture(fig)
    plt.close(fig)
    return text + "\n"


def main():
    """Write all pictures."""
    FOLDER.mkdir(exist_ok=True)
    for name in PICTURES:
        path = FOLDER / f"{name}.svg"
        path.write_text(picture(name), encoding="utf-8")


if __name__ == "__main__":
    main()
