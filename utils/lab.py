"""The live lab: a network that trains where the reader looks, and its twin.

`lab.js` trains in a page and in JupyterLab. From the same seed
`networks.train` gives the same numbers; here they make the picture that stands
where no script runs, and what tests and prose say of a lab.
"""

import base64
import functools
import html
import io
import json
import re
from dataclasses import dataclass
from pathlib import Path

import anywidget
import matplotlib as mpl
import numpy as np
import torch
import traitlets
from matplotlib.colors import LinearSegmentedColormap, ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from . import arguments, data, kernel, networks, plotting
from .networks.batch import flatten, forward
from .networks.training import losses_of
from .presets import PRESETS

MODULE = Path(__file__).with_name("lab.js")
TEXT = MODULE.read_text(encoding="utf-8")
# Without what nobody need load: lines of comments, and room for the eye.
SOURCE = re.sub(r"^( +|//.*\n)+|  // .*", "", TEXT, flags=re.M)
SOURCE = re.sub(r"(?<=[,;({\[])\n(?!export)", "", SOURCE)
SOURCE = re.sub(
    "(?<=const STYLE = `)[^`]*",
    lambda style: re.sub(r"\s*([{};:,])\s+", r"\1", style[0]),
    SOURCE,
)
# The same for every lab, so that a page can do with one, and with AGAIN for
# the labs below it. No module, which would wait for the end of the page, and
# then move what is below the lab.
SCRIPT = (
    "<script>(() => {{{}(globalThis.reluLabs = () => mount(document))(); "
    "}})();</script>"
).format(
    re.sub("^export (default.*)?", "", SOURCE, flags=re.M).replace(
        "</", "<\\/"
    )
)
AGAIN = "<script>reluLabs();</script>"
PAGE = """\
<div class="relu-lab" id="{name}" data-lab='{config}'>
<noscript><p>The lab needs JavaScript. What Python computed: \
{told}</p></noscript>
</div>
{script}"""

DIGITS = 600
# Each data set, and the code that makes it.
DATASETS = {
    "spirals": (data.spirals, "data.spirals()"),
    "curve": (data.curve, "data.curve()"),
    "digits": (lambda: data.digits(DIGITS), f"data.digits(n={DIGITS})"),
}
# What a reader adds in Python, lab.js does not know.
ACTIVATIONS = tuple(name for name in networks.ACTIVATIONS if name != "swish")
# Off, these pass no gradient on; others merely have a slope of their own.
ZERO_WHERE_OFF = ("relu", "relu6", "relu_squared")
# In the map, where others are off.
BELOW = "#009E73"
STARTS = ("default", "he", "xavier")
VIEWS = ("answer", "loss", "unit", "map", "layers")
CONTROLS = (
    "dataset",
    "activation",
    "depth",
    "width",
    "weight_init",
    "bias_init",
    "optimizer",
    "learning_rate",
    "batch_norm",
    "residual",
    "seed",
    "steps",
)
# As networks.train has it.
BATCH = 32
MOST_LAYERS, LEAST_WIDTH, MOST_WIDTH = 30, 2, 64
# Python keeps the weights after each step: 400 MB of them at most.
MOST_WEIGHTS = 50_000_000
# How many of these networks see all points at once.
AT_ONCE = 8
# Colour and marker of the points of each class, and what is answered there.
CLASSES = (("#B58900", "o"), ("#6A3D9A", "s"))
PLANE = LinearSegmentedColormap.from_list(
    "plane", ["#E8D9A8", "white", "#CDBBE0"]
)


@dataclass(frozen=True, eq=False, repr=False)
class Run:
    """What a lab shows after its steps, computed in Python.

    The pre-activations and the loss are those of all training points after
    each step. Batch normalisation takes its means and variances from them.

    Parameters
    ----------
    result : TrainingResult
        What `networks.train` returns, with a snapshot after every step.
    losses : ndarray
        The loss before training and after every step, (steps + 1,).
    on : ndarray of int
        For how many training points each unit's pre-activation is positive,
        at the same moments, (steps + 1, depth, width). Without an activation
        every unit passes all of them on.
    points : int
        The number of training points.
    """

    result: networks.TrainingResult
    losses: np.ndarray
    on: np.ndarray
    points: int

    @property
    def steps(self):
        """The number of steps."""
        return len(self.losses) - 1

    @property
    def _gone(self):
        """Which units are dead, at the same moments."""
        can_die = self.result.initial.activation in ZERO_WHERE_OFF
        return (self.on == 0) & can_die

    @property
    def deaths(self):
        """How often a unit went off for all points in one step, (depth,).

        Only of functions whose slope is 0 where they are off.
        """
        gone = self._gone
        return (~gone[:-1] & gone[1:]).sum(axis=(0, 2))

    @property
    def revivals(self):
        """How often such a unit came back in one step, (depth,)."""
        gone = self._gone
        return (gone[:-1] & ~gone[1:]).sum(axis=(0, 2))

    @property
    def dead(self):
        """How many units are off for all points at the end, (depth,)."""
        return (self.on[-1] == 0).sum(axis=1)

    @property
    def always_on(self):
        """How many units are on for all points at the end, (depth,)."""
        return (self.on[-1] == self.points).sum(axis=1)

    def __repr__(self):
        """Return the sums, no arrays."""
        return (
            f"Run({self.steps} steps to a loss of {self.losses[-1]:.3g}, "
            f"{self.deaths.sum()} deaths, {self.revivals.sum()} revivals, "
            f"{self.dead.sum()} units off and {self.always_on.sum()} on for "
            f"all {self.points} points)"
        )


class Lab:
    """Show a network that trains where it is looked at.

    In JupyterLab it is a widget, whose state comes back; in a page it needs no
    kernel; elsewhere it is a picture of what Python computed.

    Parameters
    ----------
    dataset : {"spirals", "curve", "digits"}
        What to learn: `data.spirals()`, `data.curve()` or
        `data.digits(n=600)`.
    activation : str
        A name in `networks.ACTIVATIONS`, but for swish, which is silu.
    widths : int or sequence of int
        The width of each hidden layer: 1 to 30 layers, all of one width from
        2 to 64.
    weight_init : {"default", "he", "xavier"} or float
        As of `networks.train`.
    bias_init : "default" or float
        As of `networks.train`.
    optimizer : {"sgd", "momentum", "adam"}
        As of `networks.train`.
    learning_rate : float
        A positive number.
    batch_norm, residual : bool
        As of `networks.train`.
    seed : int
        A whole number below 2**32, the seed of `networks.train`.
    steps : int
        Where Play pauses, and what Python's picture shows. Pressed again,
        Play goes on.
    name : str
        The lab's place in the address of its page: small letters, digits and
        hyphens.
    presets : sequence of str
        Names in `PRESETS` that the reader may choose.
    listed : bool
        Whether the lab shows links to its presets. A page may do so itself.
    views : sequence of str
        What is shown, of "answer", "loss", "unit", "map" and "layers".
    controls : sequence of str
        The settings that the reader may change, of the keys of `settings`.

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit; the message says which and what would.

    Examples
    --------
    >>> lab = Lab(learning_rate=0.25, steps=60)
    >>> lab
    Lab(spirals, 3 x 16 relu, weights he, biases 0, sgd at rate 0.25, seed 0, \
60 steps)
    >>> lab.train().deaths.tolist()
    [0, 4, 16]
    """

    def __init__(
        self,
        dataset="spirals",
        *,
        activation="relu",
        widths=(16, 16, 16),
        weight_init="he",
        bias_init=0.0,
        optimizer="sgd",
        learning_rate=0.125,
        batch_norm=False,
        residual=False,
        seed=0,
        steps=300,
        name="lab",
        presets=(),
        listed=True,
        views=VIEWS,
        controls=CONTROLS,
    ):
        _one("dataset", dataset, DATASETS)
        _one("activation", activation, ACTIVATIONS)
        _one("optimizer", optimizer, networks.OPTIMIZERS)
        if isinstance(weight_init, str):
            _one("weight_init", weight_init, STARTS)
        # It checks them, and says what it wants.
        networks.initialise(
            (1, 1), np.random.default_rng(0), weight_init, bias_init
        )
        for key, value in (
            ("batch_norm", batch_norm),
            ("residual", residual),
            ("listed", listed),
        ):
            arguments.instance(key, value, bool, "True or False")
        if arguments.whole("seed", seed) >= 2**32:
            raise ValueError(f"seed must be below 2**32, got {seed}")
        depth, width = _depth_and_width(widths)
        most = MOST_WEIGHTS // (depth * width**2)
        if arguments.whole("steps", steps) > most:
            raise ValueError(
                f"steps must be at most {most} with {depth} layers of {width} "
                f"units, since Python keeps all their weights, got {steps}"
            )
        if not re.fullmatch("[a-z][a-z0-9]*(-[a-z0-9]+)*", str(name)):
            raise ValueError(
                "name must be small letters, digits and hyphens, such as "
                f"'lab-depth', got {name!r}"
            )
        self.settings = {
            "dataset": dataset,
            "activation": activation,
            "depth": depth,
            "width": width,
            "weight_init": _plain(weight_init),
            "bias_init": _plain(bias_init),
            "optimizer": optimizer,
            "learning_rate": arguments.positive(
                "learning_rate", learning_rate
            ),
            "batch_norm": batch_norm,
            "residual": residual,
            "seed": int(seed),
            "steps": int(steps),
        }
        self.name = name
        self.presets = _some("presets", presets, PRESETS)
        self.listed = listed
        self.views = _some("views", views, VIEWS)
        self.controls = _some("controls", controls, CONTROLS)
        self._widget = None

    def __repr__(self):
        return f"Lab({self._described()})"

    def _described(self):
        s = {
            key: f"{value:g}" if isinstance(value, float) else value
            for key, value in self.settings.items()
        }
        parts = [
            s["dataset"],
            f"{s['depth']} x {s['width']} {s['activation']}",
            f"weights {s['weight_init']}",
            f"biases {s['bias_init']}",
            f"{s['optimizer']} at rate {s['learning_rate']}",
            *(key for key in ("batch_norm", "residual") if s[key]),
            f"seed {s['seed']}",
            f"{s['steps']} steps",
        ]
        return ", ".join(parts)

    @property
    def state(self):
        """What the live lab told when it last paused; empty before that.

        A dict of step, settings, loss, losses (one each `stride` steps),
        deaths, revivals, dead and always_on by layer, weights and biases.
        """
        return self._widget.state if self._widget else {}

    def train(self):
        """Return what the lab shows after its steps, computed in Python.

        Returns
        -------
        Run
            The same object at each call.

        Examples
        --------
        >>> Lab("curve", widths=(8,), steps=70).train()
        Run(70 steps to a loss of 0.353, 2 deaths, 0 revivals, 2 units off \
and 0 on for all 200 points)
        """
        return self._run

    @functools.cached_property
    def _dataset(self):
        return DATASETS[self.settings["dataset"]][0]()

    def _options(self):
        """Return the arguments of networks.train that give this network."""
        s = self.settings
        in_epoch = -(-len(self._dataset.x_train) // BATCH)
        return {
            "activation": s["activation"],
            "widths": s["depth"] * (s["width"],),
            "seeds": [s["seed"]],
            "learning_rates": s["learning_rate"],
            "epochs": -(-s["steps"] // in_epoch),
            "optimizer": s["optimizer"],
            "weight_init": s["weight_init"],
            "bias_init": s["bias_init"],
            "batch_norm": s["batch_norm"],
            "residual": s["residual"],
        }

    @functools.cached_property
    def _run(self):
        x, y = map(
            torch.as_tensor, (self._dataset.x_train, self._dataset.y_train)
        )
        steps = range(self.settings["steps"] + 1)
        result = networks.train(
            self._dataset, **self._options(), snapshots=steps
        )
        kept = list(result.snapshots.values())
        seen = [
            _seen(kept[start : start + AT_ONCE], x, y)
            for start in range(0, len(kept), AT_ONCE)
        ]
        losses, on = map(np.concatenate, zip(*seen))
        return Run(result, losses, on, points=len(x))

    def python(self):
        """Return the Python code that trains this network.

        Returns
        -------
        str
            Imports, a call of `networks.train`, and the networks after the
            last step: `trained`.

        Examples
        --------
        >>> print(Lab("curve", steps=10).python())
        from utils import data, networks
        <BLANKLINE>
        result = networks.train(
            data.curve(),
            activation="relu",
            widths=3 * (16,),
            seeds=[0],
            learning_rates=0.125,
            epochs=2,
            optimizer="sgd",
            weight_init="he",
            bias_init=0,
            batch_norm=False,
            residual=False,
            snapshots=[10],
        )
        trained = result.snapshots[10]
        """
        s = self.settings
        options = {
            key: f'"{value}"' if isinstance(value, str) else _number(value)
            for key, value in self._options().items()
        }
        options["widths"] = f"{s['depth']} * ({s['width']},)"
        options["snapshots"] = [s["steps"]]
        lines = [f"    {key}={value},\n" for key, value in options.items()]
        return (
            "from utils import data, networks\n\n"
            f"result = networks.train(\n    {DATASETS[s['dataset']][1]},\n"
            f"{''.join(lines)})\ntrained = result.snapshots[{s['steps']}]"
        )

    def _told(self):
        """Return what became of the network in words."""
        run, width = self.train(), self.settings["width"]
        off, _, always_on = self._names()
        can_die = self.settings["activation"] in ZERO_WHERE_OFF
        loss = run.losses[-1]
        end = f"the loss is {loss:.3g}"
        if not np.isfinite(loss):
            end = "the training has diverged"

        # More than a few numbers would be a burden to hear.
        each = self.settings["depth"] <= 6

        def listed(counts):
            return ", ".join(map(str, counts if each else [counts.sum()]))

        where = "Layer by layer" if each else "In all layers"
        units = width if each else run.on[0].size
        counts = [
            f"deaths: {listed(run.deaths)}; revivals: {listed(run.revivals)}; "
        ] * can_die
        return (
            f"{self._described()}. At the end {end}. {where}, "
            f"{''.join(counts)}"
            f"at the end, of {units} units, {off}: {listed(run.dead)}; "
            f"{always_on}: {listed(run.always_on)}."
        )

    def _names(self):
        """Return how the three states of a unit are called, in full."""
        activation = self.settings["activation"]
        if activation in ZERO_WHERE_OFF:
            return "dead", "on for some", "always on"
        if activation == "identity":
            return "off", "on for some", "always on"
        side = "small slope" if activation == "leaky_relu" else "below 0"
        return f"{side} for all", "for some", "for none"

    def _config(self):
        """Return all that lab.js wants to know."""
        return {
            "name": self.name,
            "settings": self.settings,
            "presets": [self._told_of(key) for key in self.presets],
            "views": list(self.views),
            "controls": list(self.controls),
        }

    def _told_of(self, key):
        """Return what lab.js wants to know of a preset."""
        title, look, settings = PRESETS[key]
        words = {"title": title, "look": look} if self.listed else {}
        return {"key": key, "settings": Lab(**settings).settings, **words}

    def page(self):
        """Return the lab as HTML.

        Returns
        -------
        str
            A piece of a page that needs nothing else, and ends with SCRIPT.
            Without scripts, it says what Python computed.
        """
        return PAGE.format(
            name=self.name,
            config=html.escape(
                json.dumps(self._config(), separators=(",", ":")), quote=False
            ).replace("'", "&#39;"),
            told=html.escape(self._told()),
            script=SCRIPT,
        )

    def _picture(self):
        """Draw what Python computed; return it as PNG."""
        with mpl.rc_context(plotting.STYLE):
            fig = Figure(figsize=(9, 5))
            places = fig.subplot_mosaic(
                [["answer", "map"], ["loss", "map"]], width_ratios=[2, 3]
            )
            draw = {
                "spirals": self._draw_plane,
                "curve": self._draw_curve,
                "digits": self._draw_shares,
            }
            draw[self.settings["dataset"]](places["answer"])
            places["loss"].semilogy(self.train().losses, color="black")
            places["loss"].set(xlabel="step", ylabel="loss")
            self._draw_map(places["map"])
            file = io.BytesIO()
            fig.savefig(file, format="png")
        return file.getvalue()

    def _answers(self, x):
        """Return the outputs for the points x after the last step."""
        trained = self.train().result.snapshots[self.settings["steps"]]
        return trained.predict(x)[0, 0].numpy()

    def _draw_plane(self, ax):
        grid = np.linspace(-2.6, 2.6, 131)
        plane = np.stack(np.meshgrid(grid, grid), axis=-1)
        logits = self._answers(plane.reshape(-1, 2)).reshape(131, 131, 2)
        score = logits[..., 1] - logits[..., 0]
        ax.pcolormesh(grid, grid, np.tanh(score), cmap=PLANE, vmin=-1, vmax=1)
        if score.min() < 0 < score.max():
            ax.contour(grid, grid, score, [0], colors="black", linewidths=1.5)
        for label, (color, marker) in enumerate(CLASSES):
            ax.plot(
                *self._dataset.x_train[self._dataset.y_train == label].T,
                marker,
                color=color,
                markersize=2.5,
            )
        ax.set(xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
        ax.grid(False)

    def _draw_curve(self, ax):
        x = np.linspace(-2.2, 2.2, 441)[:, np.newaxis]
        color, marker = CLASSES[0]
        points = self._dataset.x_train, self._dataset.y_train
        ax.plot(*points, marker, color=color, markersize=2.5)
        ax.plot(x, self._answers(x), color="black")
        ax.set(xlabel="$x$", ylabel="$y$")

    def _draw_shares(self, ax):
        x, y = self._dataset.x_train, self._dataset.y_train
        right = self._answers(x).argmax(axis=1) == y
        shares = 100 * np.bincount(y, right) / np.bincount(y)
        ax.bar(range(10), shares, color=CLASSES[0][0])
        ax.set(xlabel="digit", xticks=range(10), ylim=(0, 100))
        ax.set_ylabel("right (%)")

    def _draw_map(self, ax):
        run, width = self.train(), self.settings["width"]
        depth = self.settings["depth"]
        state = 1 + (run.on == run.points) - (run.on == 0).astype(int)
        can_die = self.settings["activation"] in ZERO_WHERE_OFF
        colors = list(plotting.STATES.values())
        if not can_die:
            colors[0] = BELOW
        ax.imshow(
            state.reshape(len(state), -1).T,
            cmap=ListedColormap(colors),
            vmin=0,
            vmax=2,
            aspect="auto",
            interpolation="nearest",
        )
        for layer in range(1, depth):
            ax.axhline(layer * width - 0.5, color="black", linewidth=1)
        middles = width * (np.arange(depth) + 0.5) - 0.5
        ax.set_yticks(middles, range(1, depth + 1))
        ax.set(xlabel="step", ylabel="layer, one line for each unit")
        ax.grid(False)
        if can_die:
            right = ax.secondary_yaxis("right")
            told = [f"{d} / {r}" for d, r in zip(run.deaths, run.revivals)]
            right.set_yticks(middles, told)
            right.set_ylabel("deaths / revivals")
        ax.legend(
            handles=[
                Patch(color=color, label=name)
                for color, name in zip(colors, self._names())
            ],
            loc="lower left",
            bbox_to_anchor=(0, 1),
            ncols=3,
        )

    def _repr_mimebundle_(self, include=None, exclude=None):
        bundle = {
            "image/png": base64.b64encode(self._picture()).decode(),
            "text/plain": repr(self),
        }
        metadata = {"image/png": {"alt": self._told()}}
        if not kernel.person_watches():
            return {**bundle, "text/html": self.page()}, metadata
        if self._widget is None:
            self._widget = _Widget(lab=self._config(), digits=digits_text())
        live, wanted = self._widget._repr_mimebundle_()
        return {**live, **bundle}, {**wanted, **metadata}


class _Widget(anywidget.AnyWidget):
    """The lab in a live notebook."""

    _esm = SOURCE
    lab = traitlets.Dict().tag(sync=True)
    digits = traitlets.Unicode().tag(sync=True)
    state = traitlets.Dict().tag(sync=True)


def digits_text():
    """Return the digits as lab.js reads them.

    Returns
    -------
    str
        65 characters for each of `data.digits(n=600)`: 64 pixels, from A for
        0 to Q for 16, and the label.

    Examples
    --------
    >>> digits_text()[:65]
    'AAIQQMAAAAOMKOAAAADDKKAAAAAIQFAAAAAHQGAAAAEAHOAAACQFKQAAAAHQQHAA3'
    """
    pixels, _, labels, _ = data.split_digits()
    return "".join(
        "".join(chr(ord("A") + int(pixel)) for pixel in image) + str(label)
        for image, label in zip(pixels[:DIGITS], labels[:DIGITS])
    )


def _seen(snapshots, x, y):
    """Return what all points say of some networks after T steps.

    The losses are (T,); for how many points each unit is on, is
    (T, depth, width).
    """
    first, count = snapshots[0], len(snapshots)
    members = flatten(
        {
            kind: [
                torch.cat(layer)
                for layer in zip(*(getattr(s, kind) for s in snapshots))
            ]
            for kind in networks.KINDS
        }
    )
    # As in training, batch normalisation takes the points that it is given.
    outputs, hidden = forward(
        x.expand(count, -1, -1),
        first.activation,
        first.residual,
        members,
        training=True,
    )
    losses = losses_of(outputs, y.expand(count, -1)).mean(1)
    on = torch.stack([(z > 0).sum(1) for z, _ in hidden], 1)
    if first.activation == "identity":
        on[:] = len(x)
    return losses.numpy(), on.numpy()


def _depth_and_width(widths):
    """Return the number of hidden layers and their one width."""
    widths = [
        arguments.whole("widths", width, LEAST_WIDTH)
        for width in arguments.listed(widths)
    ]
    if (
        not 1 <= len(widths) <= MOST_LAYERS
        or len(set(widths)) > 1
        or widths[0] > MOST_WIDTH
    ):
        raise ValueError(
            f"widths must be 1 to {MOST_LAYERS} equal numbers from "
            f"{LEAST_WIDTH} to {MOST_WIDTH}, such as (16, 16, 16), got "
            f"{tuple(widths)}"
        )
    return len(widths), widths[0]


def _one(name, value, known):
    arguments.choice(name, value, dict.fromkeys(known))


def _some(name, values, known):
    """Return one or several of the known names as a tuple."""
    values = tuple(arguments.listed(values))
    for value in values:
        _one(name, value, known)
    return values


def _plain(start):
    """Return a number as JSON knows it, and a name as it is."""
    return start if isinstance(start, str) else float(start)


def _number(value):
    """Return a value as JavaScript and Python write it, 1.0 as 1."""
    return repr(value).removesuffix(".0")
