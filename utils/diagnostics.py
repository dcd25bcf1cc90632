"""What a network does to signals and gradients: measured, and predicted.

The words, each defined on the data that were given, for one unit:

* slope: the derivative of the activation function at the unit's
  pre-activation z.
* dead: the slope is exactly 0 on all data, so no sample sends the unit a
  gradient. always-on: the slope is the same, not 0, on all data, so there
  the unit is linear. constant: the output is the same on all data.

The signs of the outputs do not tell: a Leaky ReLU or ELU unit with negative
outputs still gets a gradient, a saturated sigmoid with positive ones does not.

For one layer:

* exact-zero fraction: the share of its outputs, samples times units, that
  are exactly 0.
* gradient norm: the norm of the gradient of the loss with respect to the
  layer's pre-activations, over the whole batch.
* cosine: the mean cosine of the angle between the activations of two
  different samples. Near 1, the layer hardly tells its inputs apart.
* non-finite fraction: the share of its pre-activations that are nan or
  infinite. A unit with one of them is not dead, always-on or constant.
* saturated fraction: for sigmoid, tanh and their relatives Hardsigmoid,
  Hardtanh and Softsign, which are flat at both ends, the share of its
  pre-activations at which the slope is below 1 % of the function's largest.
  It is 0 for all others, and for ReLU6, which is flat at both ends but made
  to be so below 0, as ReLU is.

For networks at random: the weight scale c is fan-in times the variance of a
weight, q the mean square of a layer's pre-activations, and chi the factor
that the mean squared gradient takes on its way back through a layer. The
activation is a name in activations.ACTIVATIONS; PReLU has the weight 0.25.
A ReLU network without biases is born dead on given inputs if its last hidden
layer is 0 on all of them.
"""

import re
import textwrap
import warnings
from collections import Counter, defaultdict
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from html import escape
from numbers import Real
from typing import NamedTuple

import numpy as np
import torch
from numpy.polynomial.legendre import leggauss
from scipy.optimize import brentq
from torch import nn
from torch.autograd.graph import get_gradient_edge
from torch.nn.modules.conv import _ConvNd
from torch.nn.parameter import is_lazy
from torch.overrides import TorchFunctionMode

from . import activations as act
from . import arguments, networks

# The modules that map each number on its own, and so have a slope.
_MODULES = (
    nn.CELU,
    nn.ELU,
    nn.GELU,
    nn.Hardshrink,
    nn.Hardsigmoid,
    nn.Hardswish,
    nn.Hardtanh,
    nn.LeakyReLU,
    nn.LogSigmoid,
    nn.Mish,
    nn.PReLU,
    nn.ReLU,
    nn.ReLU6,
    nn.RReLU,
    nn.SELU,
    nn.Sigmoid,
    nn.SiLU,
    nn.Softplus,
    nn.Softshrink,
    nn.Softsign,
    nn.Tanh,
    nn.Tanhshrink,
    nn.Threshold,
    networks.ReLUSquared,
)
_FUNCTIONS = {module.__name__.lower() for module in _MODULES}
# The largest slopes of the functions that are flat at both ends, not ReLU6.
_LARGEST_SLOPES = {
    "hardsigmoid": 1 / 6,
    "hardtanh": 1,
    "sigmoid": 1 / 4,
    "softsign": 1,
    "tanh": 1,
}


class MeanField(NamedTuple):
    """Hold q and chi: arrays (depth,), or two numbers at the limit."""

    q: np.ndarray
    chi: np.ndarray


class Signals(NamedTuple):
    """Hold what was measured in random networks; see `random_networks`."""

    q: np.ndarray
    gradient: np.ndarray
    cosine: np.ndarray | None


@dataclass(eq=False, repr=False)
class Layer:
    """Hold what one activation did in one forward and backward pass.

    The words are those of the module's docstring.

    * name: the module's place in the model; "relu (call 2)" when one module
      is used again. activation: the type of the module.
    * dead, always_on, constant: bool (..., units).
    * zero_fraction, nonfinite_fraction, saturated_fraction, gradient_norm,
      cosine: float (...).
    * is_output: whether the outputs are the model's own.

    The leading axes are (S, R), seeds and rates, for Networks, and none for
    a module.
    """

    name: str
    activation: str
    dead: np.ndarray
    always_on: np.ndarray
    constant: np.ndarray
    zero_fraction: np.ndarray
    nonfinite_fraction: np.ndarray
    saturated_fraction: np.ndarray
    gradient_norm: np.ndarray
    cosine: np.ndarray
    is_output: bool = False

    def __repr__(self):
        """Return the name and the shares of the units."""
        return (
            f"Layer({self.name}, {self.activation}, "
            f"{self.dead.shape[-1]} units: {self.dead.mean():.1%} dead, "
            f"{self.always_on.mean():.1%} always on, "
            f"{self.constant.mean():.1%} constant)"
        )


class Finding(NamedTuple):
    """Hold a fault: the layers' names, two sentences, a chapter's file."""

    layer: str
    problem: str
    remedy: str
    chapter: str


@dataclass(eq=False, repr=False)
class HealthReport:
    """Hold layers, findings and the number of samples, 1 if all are equal.

    It shows as a table, and below it the findings. The columns: name, type
    and number of units; the shares of dead and of always-on ("on") units;
    the exact-zero and the saturated ("flat") fraction; the gradient norm and
    the cosine.
    """

    layers: list
    findings: list
    samples: int

    def _rows(self, literal):
        for a in self.layers:
            shares = (
                a.dead.mean(),
                a.always_on.mean(),
                a.zero_fraction,
                a.saturated_fraction,
            )
            yield (
                literal(a.name),
                a.activation,
                str(a.dead.size),
                *map("{:.0%}".format, shares),
                f"{a.gradient_norm:.0e}",
                f"{a.cosine:.2f}",
            )

    def _sentences(self, literal, link):
        for layer, problem, remedy, chapter in self.findings:
            yield (
                f"{literal(layer)}: {problem} {remedy} "
                f"See {link.format(chapter, chapter[:2])}."
            )
        if not self.findings:
            yield (
                "No fault found: no nan, no saturated, dead or linear "
                "layer, no samples alike, no vanishing or exploding "
                "gradient."
            )
        if self.samples < _MANY:
            yield (
                f"Samples: {self.samples} (1 where all are equal). Give "
                f"{_MANY} or more: among fewer, chance alone makes units "
                "dead or always on, so these shares are not judged."
            )

    def __repr__(self):
        """Return the table and the sentences, in lines of up to 72."""
        rows = [
            (
                "layer",
                "type",
                "units",
                "dead",
                "on",
                "zero",
                "flat",
                "grad",
                "cos",
            ),
            *self._rows(lambda name: name[-18:]),
        ]
        widths = [max(map(len, column)) for column in zip(*rows)]
        lines = [
            " ".join(
                (str.rjust if i > 1 else str.ljust)(row[i], width)
                for i, width in enumerate(widths)
            )
            for row in rows
        ]
        texts = [
            textwrap.fill(text, 72)
            for text in self._sentences(str, "chapter {1}")
        ]
        return "\n\n".join(["\n".join(lines), *texts])

    def _repr_html_(self):
        head = '</th><th scope="col">'.join(_TITLES)
        rows = "".join(
            f'<tr><th scope="row">{name}</th><td>'
            + "</td><td>".join(cells)
            + "</td></tr>"
            for name, *cells in self._rows(escape)
        )
        texts = self._sentences(escape, '<a href="{0}.ipynb">chapter {1}</a>')
        return (
            "<table><caption>Health of the activation layers</caption>"
            f'<tr><th scope="col">{head}</th></tr>{rows}</table><ul><li>'
            + "</li><li>".join(texts)
            + "</li></ul>"
        )

    def _repr_markdown_(self):
        rows = [_TITLES, ["---"] * 2 + ["--:"] * 7, *self._rows(_literal)]
        lines = [f"| {' | '.join(row)} |" for row in rows]
        texts = self._sentences(_literal, "[chapter {1}]({0}.ipynb)")
        return "\n* ".join(["\n".join(lines) + "\n", *texts])


_TITLES = (
    "layer",
    "type",
    "units",
    "dead",
    "always on",
    "exact zeros",
    "saturated",
    "gradient norm",
    "cosine",
)
_literal = partial(re.sub, r"([^\w\s.(),]|_)", r"\\\1")


def dead(slope):
    """Return which units are dead: (..., units) for (..., samples, units).

    >>> dead(np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 1.0]])).tolist()
    [True, False, False]
    """
    return (slope == 0).all(-2)


def always_on(slope):
    """Return which units are always on, in the shapes of `dead`.

    >>> always_on(np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 1.0]])).tolist()
    [False, False, True]
    """
    return (slope == slope[..., :1, :]).all(-2) & (slope[..., 0, :] != 0)


def constant(activations):
    """Return which units are constant, in the shapes of `dead`.

    >>> constant(np.array([[0.0, 0.0, 3.0], [0.0, 2.0, 3.0]])).tolist()
    [True, False, True]
    """
    return (activations == activations[..., :1, :]).all(-2)


def mean_field(activation, weight_scale, *, depth, q=1.0):
    """Predict q and chi of every layer of an infinitely wide network.

    The network is fully connected, with weights N(0, c / fan_in), c the
    weight_scale, and no biases. With Z standard normal,

        q[l + 1] = c E f(sqrt(q[l]) Z)^2,  chi[l] = c E f'(sqrt(q[l]) Z)^2,

    where q[0] is given. So chi[l] is the mean squared gradient with respect
    to the pre-activations of layer l over that of layer l + 1. At q = 0, chi
    is its limit for q to 0. Poole et al. 2016, Schoenholz et al. 2017.

    For ReLU both factors, q[l + 1] / q[l] and chi, are c / 2 for every q, and
    the means over networks of any width follow them: see `random_networks`.

    Returns a MeanField of two arrays (depth,). A ValueError says which
    argument does not fit.

    >>> mean_field("relu", 1.0, depth=3).q.round(4).tolist()
    [1.0, 0.5, 0.25]
    """
    f, slope = _function(activation)
    c = arguments.positive("weight_scale", weight_scale)
    if not (isinstance(q, Real) and q >= 0):
        raise ValueError(f"q must be at least 0, such as 1.0, got {q!r}")
    qs = [float(q)]
    while len(qs) < arguments.whole("depth", depth, 1):
        qs.append(c * _mean_square(f, qs[-1]))
    return MeanField(
        np.array(qs), np.array([c * _mean_square(slope, q) for q in qs])
    )


def fixed_point(activation, weight_scale):
    """Return the limits of q and chi of `mean_field` for great depth.

    They are those that q = 1 at the first layer leads to. q may be 0 or
    infinite: under ReLU q tends to 0 for c < 2 and to infinity for c > 2;
    every q stays as it is at c = 2, so 1.0 is returned. chi is the limit of
    chi, c / 2 in all three cases. Where q only creeps to its limit, as under
    tanh at c = 1, it is the limit nevertheless.

    >>> fixed_point("tanh", 1.0)
    MeanField(q=0.0, chi=1.0)
    """
    f, slope = _function(activation)
    c = arguments.positive("weight_scale", weight_scale)

    def growth(log_q):
        after = c * _mean_square(f, np.exp(log_q))
        return np.log(after) - log_q if after > 0 else -np.inf

    # E f^2 grows with q and E f^2 / q only falls or only grows, for each of
    # the functions. So q moves one way, to the one point where it would turn
    # or to the end of the numbers.
    way = np.sign(growth(0.0))
    if abs(growth(0.0)) < 1e-12:
        q = 1.0
    elif growth(700 * way) * way < -1e-13:
        q = np.exp(brentq(growth, 0.0, 700 * way, xtol=1e-14))
    else:
        q = np.inf if way > 0 else 0.0
    return MeanField(float(q), c * _mean_square(slope, q))


@np.errstate(over="ignore", invalid="ignore")
def random_networks(
    activation, weight_scale, *, width, depth, draws, rng, x=None
):
    """Measure q, gradients and cosines in random networks.

    A network has `depth` layers of `width` units, weights N(0, c / width)
    with c the weight_scale, and no biases: z[0] = W[0] x and
    z[l] = W[l] f(z[l - 1]). All is computed in float64.

    rng: a numpy Generator; it draws v and the weights of one network, then
        those of the next.
    x: an input (width,), or two of them (2, width), for all networks. None
        is an input of ones. As the weights have no preferred direction, every
        other input with mean square 1 gives the same distributions.

    Returns Signals of arrays (draws, depth):

    * q: the mean of z[l]^2 over the units, for the first input. The mean of
      q[0] is c * mean(x^2): this is the q to give to `mean_field`.
    * gradient: the squared norm of the gradient of v . z[depth - 1] with
      respect to z[l], for a random unit vector v; 1 in the last layer.
      The mean of gradient[l] / gradient[l + 1] is about chi[l].
    * cosine: of the angle between the activations f(z[l]) of both inputs,
      nan where one of them is 0; None for one input.

    For ReLU the means are known at any width n (Hanin 2018, Hanin & Nica
    2020): that of q[l] is c (c / 2)^l mean(x^2), and that of gradient[l] is
    p (c / 2)^L with L = depth - 1 - l; that of its square is
    p (c / 2)^(2 L) (1 + 5 / n)^L. Here p = (1 - 2^-n)^l is the chance that
    no layer before l is silent: behind a silent one all slopes are 0. So
    p is 1 in the first layer, and for n > 20 as good as 1 in all.

    A TypeError or ValueError says which argument does not fit.

    >>> rng = np.random.default_rng(0)
    >>> signals = random_networks("relu", 1.0, width=32, depth=3, draws=1000,
    ...                           rng=rng)
    >>> signals.gradient.mean(0).round(2).tolist()
    [0.25, 0.5, 1.0]
    """
    f, slope = _function(activation)
    c = arguments.positive("weight_scale", weight_scale)
    width = arguments.whole("width", width, 1)
    depth = arguments.whole("depth", depth, 1)
    draws = arguments.whole("draws", draws, 1)
    arguments.instance(
        "rng",
        rng,
        np.random.Generator,
        "a Generator such as np.random.default_rng(0)",
    )
    x = np.ones(width) if x is None else np.asarray(x, dtype=np.float64)
    if x.shape not in ((width,), (1, width), (2, width)):
        raise ValueError(
            f"x must have the shape ({width},) or (2, {width}), got {x.shape}"
        )
    x = x.reshape(-1, width)
    q, gradient, cosine = np.empty((3, draws, depth))
    numbers = width + depth * width**2
    # The weights of one part fill 64 MB at most, or are one network's.
    part = max(1, 2**23 // numbers)
    for first in range(0, draws, part):
        rows = slice(first, min(first + part, draws))
        drawn = rng.standard_normal((rows.stop - first, numbers))
        weights = drawn[:, width:].reshape(-1, depth, width, width)
        weights *= np.sqrt(c / width)
        a, slopes = np.broadcast_to(x.T, (len(drawn), *x.T.shape)), []
        for layer in range(depth):
            z = weights[:, layer] @ a
            a = f(z)
            q[rows, layer] = np.square(z[..., 0]).mean(1)
            slopes.append(slope(z[..., 0]))
            if len(x) == 2:
                lengths = np.linalg.norm(a, axis=1).prod(1)
                lengths[lengths == 0] = np.nan
                cosine[rows, layer] = a.prod(2).sum(1) / lengths
        v = drawn[:, :width]
        v /= np.linalg.norm(v, axis=1, keepdims=True)
        gradient[rows, -1] = 1
        for layer in reversed(range(depth - 1)):
            v = (v[:, None] @ weights[:, layer + 1])[:, 0] * slopes[layer]
            gradient[rows, layer] = np.square(v).sum(1)
    return Signals(q, gradient, cosine if len(x) == 2 else None)


def born_dead_probability(width, depth):
    """Return the chance that random weights pass nothing on for one input.

    The ReLU network has `depth` hidden layers of `width` units, independent
    weights of a continuous distribution symmetric about 0, and no biases.
    Given a layer that is not all 0, each unit of the next is 0 with
    probability 1/2, so

        P = 1 - (1 - 2^-width)^depth.

    The network is born dead on an interval around 0 if it is constant there;
    see `born_dead_bounds`.

    >>> born_dead_probability(2, 10)
    0.9436864852905273
    """
    width, depth = (
        arguments.whole("width", width, 1),
        arguments.whole("depth", depth),
    )
    return float(-np.expm1(depth * np.log1p(-(2.0**-width))))


def born_dead_bounds(width, depth):
    """Return a lower and an upper bound of P(born dead on an interval).

    The network is that of `born_dead_probability` with one input feature and
    normal weights. It is born dead if it is constant on an interval around
    0. Both rays, x > 0 and x < 0, have died by then; the upper bound is that
    one of them has. The lower bound takes the rays at right angles in every
    layer, and as one from where a single unit carries both. Lu et al. 2019,
    whose number of layers counts the output: depth + 1.

    >>> low, high = born_dead_bounds(2, 10)
    >>> round(low, 4), round(high, 4)
    (0.9026, 0.9437)
    """
    upper = born_dead_probability(width, depth)
    # The closed form cancels for large widths; a sum of what is small not.
    p, lower = 2.0**-width, 0.0
    for after in range(depth - 1):
        one = born_dead_probability(width, after)
        lower += p**2 * (1 - lower) + (2 * p + (width - 2) * p**2) * (
            one - lower
        )
    one = born_dead_probability(width, max(depth - 1, 0))
    return 2 * p * one + (1 - 2 * p) * lower, upper


def born_dead_simulation(width, depth, draws, rng, inputs=(1.0,)):
    """Draw random networks and count those dead after each hidden layer.

    The networks have one input feature, `depth` hidden layers of `width`
    ReLU units, normal weights and no biases. One is dead after a layer if
    that layer is 0 for all of the inputs.

    draws: the number of networks.
    rng: a numpy Generator.
    inputs: numbers. (-1.0, 1.0) stands for every interval around 0, since
        without biases f(c x) = c f(x) for c > 0.

    Returns the share of dead networks and its binomial standard error, two
    arrays (depth,). A TypeError or ValueError says which argument does not
    fit.

    >>> rng = np.random.default_rng(0)
    >>> share, error = born_dead_simulation(2, 10, 100_000, rng)
    >>> round(float(share[-1]), 2), round(float(error[-1]), 4)
    (0.94, 0.0007)
    """
    width, depth = (
        arguments.whole("width", width, 1),
        arguments.whole("depth", depth),
    )
    draws = arguments.whole("draws", draws, 1)
    arguments.instance(
        "rng",
        rng,
        np.random.Generator,
        "a Generator such as np.random.default_rng(0)",
    )
    x = np.asarray(inputs, dtype=np.float64)
    if x.ndim != 1 or x.size == 0 or not (np.isfinite(x) & (x != 0)).all():
        raise ValueError(
            "inputs must be numbers other than 0, such as "
            f"(-1.0, 1.0), got {inputs!r}"
        )
    a = np.broadcast_to(x, (draws, 1, len(x)))
    alive = np.empty(depth)
    for layer in range(depth):
        weights = rng.standard_normal((len(a), width, a.shape[1]))
        a = np.maximum(weights @ a, 0)
        # A dead network stays dead, so only the others go on; and only
        # signs matter, so that the size may be kept at 1.
        size = a.max(axis=1, keepdims=True)
        a = (a / np.where(size > 0, size, 1))[size.any(axis=(1, 2))]
        alive[layer] = len(a) / draws
    return 1 - alive, np.sqrt(alive * (1 - alive) / draws)


def layers(model, x, loss=None):
    """Measure every layer of a model in one forward and backward pass.

    model: an nn.Module whose activations are modules, or Networks. A module
        is an activation if it maps each number on its own, as nn.ReLU does
        and nn.Softmax does not; nn.Identity is none. It runs in the mode it
        is in, training or evaluation.
    x: what the model takes, a tensor with the samples along its first axis;
        for Networks an array is as good.
    loss: a function of the model's output that returns one number, for the
        gradient norm. By default the mean of the squared outputs, which needs
        no labels. For Networks it is given one member's output at a time.

    A unit is a channel after a convolution, since all positions share its
    weights: a dead one has slope 0 at all positions of all samples. After
    nn.Linear it is an entry of the last axis, so that the tokens of a
    transformer count like samples. The layer with weights that ran last
    decides; before any, it is the channel for four axes and more. For the
    cosine all positions of a sample make one vector; samples whose vector is
    0 are left out, and with fewer than two others it is nan, as it is where
    the activation's first axis does not run over the samples.

    The gradient norm is nan where autograd sends a layer no gradient, since
    the output does not use it or the model cuts the graph.

    Returns a list of Layer in the order of their calls. The model's mode,
    parameters, gradients, buffers and hooks, and torch's random state, are
    left as they were. A warning names functional activations (F.relu,
    torch.tanh, ...), which leave no module to measure; those written as a
    clamp or where go unnoticed. A TypeError, ValueError or RuntimeError says
    what does not fit.

    >>> model = nn.Sequential(nn.Linear(1, 2), nn.ReLU())
    >>> with torch.no_grad():
    ...     _ = model[0].weight.copy_(torch.tensor([[1.0], [2.0]]))
    ...     _ = model[0].bias.copy_(torch.tensor([5.0, -5.0]))
    >>> layers(model, torch.tensor([[-1.0], [0.0], [1.0]]))
    [Layer(1, ReLU, 2 units: 50.0% dead, 50.0% always on, 50.0% constant)]
    """
    with torch.inference_mode(False), torch.enable_grad():
        loss = loss or _mean_squared_output
        if isinstance(model, networks.Networks):
            return _network_layers(model, x, loss)
        arguments.instance(
            "model", model, nn.Module, "an nn.Module or Networks"
        )
        return _module_layers(model, x, loss)


# Among fewer samples chance alone makes units dead or always on.
_MANY = 20
# A chapter, what to measure in a layer, above which limit it is a fault,
# problem and remedy. A layer has the first fault that fits; only with many
# samples are the fourth and the last judged.
_RULES = (
    (
        "05_exploding_gradients",
        lambda a: a.nonfinite_fraction,
        0,
        "{} of the pre-activations are nan or infinite.",
        "Check the inputs; start anew with a smaller learning rate or clipping.",
    ),
    (
        "03_sigmoid_tanh",
        lambda a: a.saturated_fraction * (not a.is_output),
        1 / 2,
        "{} of the pre-activations are saturated: the slope is nearly 0.",
        "Standardise the inputs, or take smaller weights or a smaller rate.",
    ),
    (
        "07_dying_relu",
        lambda a: a.dead.all(),
        1 / 2,
        "All units are dead: no gradient passes, for any of the samples.",
        "Start anew with He's weights, biases of 0 and a smaller learning rate.",
    ),
    # Where samples look alike, about as many units are always on. But where
    # few units are left, samples look alike because of that.
    (
        "07_dying_relu",
        lambda a: (
            a.dead.mean()
            * (
                a.dead.mean() >= 3 / 4
                or a.dead.mean() > 3 * a.always_on.mean()
                and not a.cosine > 0.9
            )
        ),
        1 / 3,
        "{} of the units are dead: no sample sends them a gradient.",
        "Start anew with a smaller learning rate, clipping, centred inputs or "
        "batch norm; Leaky ReLU alone keeps units alive but hardly helps.",
    ),
    # Where f(0) is not 0, outputs look alike though the inputs need not.
    (
        "07_dying_relu",
        lambda a: (
            a.cosine
            * (
                a.dead.size > 1
                and not a.constant.all()
                and a.activation.lower()
                not in ("hardsigmoid", "logsigmoid", "sigmoid", "softplus")
            )
        ),
        0.9999,
        "The samples look alike: the cosine of their activations is near 1.",
        "Centre the inputs, fit the weight scale to the function (He's for "
        "ReLU), set the biases to 0, or add batch norm.",
    ),
    (
        "02_nonlinearity",
        lambda a: (
            a.always_on.mean() * (not a.is_output and not a.constant.all())
        ),
        0.9,
        "{} of the units are always on: the layer is as good as linear.",
        "Set the biases to 0, centre the inputs or add batch norm.",
    ),
)


def health_report(model, x, loss=None):
    """Measure a model's layers, and say what is wrong and what may help.

    model, x, loss and the errors are those of `layers`, but the model is one
    nn.Module. Give 20 different samples at least, better some hundred.

    Returns a HealthReport. What it finds, and why at these limits:

    * pre-activations that are nan or infinite;
    * saturated: more than half of a layer's pre-activations; in sigmoid
      networks that trained well it was a quarter (chapter 03). Exempt: an
      activation that is the model's output;
    * all units of a layer dead;
    * more than a third of a layer's units dead, three times as many as are
      always on, at a cosine up to 0.9. Up to a quarter cost little (chapter
      07), and up to ten random layers of 16 units and more hardly reach a
      third. Or three quarters dead, at any cosine: the few units left make
      samples look alike. Exempt: all layers, if there are fewer than 20
      samples or all are equal;
    * samples that look alike: a cosine above 0.9999. Two vectors of length 1
      at this cosine are sqrt(2 (1 - 0.9999)) = 1.4 % of it apart. From
      PyTorch's start ReLU passes it in about the eighth layer (chapter 07).
      Exempt: a layer of one unit; one whose units are all constant, since a
      fault before it or equal samples make it so; and sigmoid, Hardsigmoid,
      LogSigmoid and softplus, whose outputs at 0 have a size of their own;
    * more than nine tenths of a layer's units always on. Exempt: the model's
      output, all constant layers, and all layers as under dead units;
    * a fitted gradient norm in the first layer of less than 1/100, or more
      than 100 times, that in the last. Networks with less, from PyTorch's
      start, were slow under plain gradient descent or did not learn (chapter
      04). Fitted means on a line through the logarithms of the layers' norms;
      its slope is the median over all pairs of layers (Theil 1950, Sen
      1968), so that an odd layer decides nothing. Exempt: layers whose norm
      is 0, nan or infinite, fewer than three others, and networks with one
      of the first three faults, which disturb the gradient as well.

    A layer has the first fault of these that fits, besides the last. Norms
    of whole layers are compared, since weights of variance c / fan-in
    multiply these by the same factor whatever the widths.

    >>> _ = torch.manual_seed(0)
    >>> model = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
    >>> _ = nn.init.constant_(model[0].bias[:4], -9.0)
    >>> health_report(model, torch.randn(100, 2))
    layer type units dead  on zero flat  grad  cos
    1     ReLU     8  50% 12%  60%   0% 2e-02 0.86
    <BLANKLINE>
    1: 50% of the units are dead: no sample sends them a gradient. Start
    anew with a smaller learning rate, clipping, centred inputs or batch
    norm; Leaky ReLU alone keeps units alive but hardly helps. See chapter
    07.
    """
    arguments.instance(
        "model",
        model,
        nn.Module,
        "an nn.Module, such as result.network(seed, rate)",
    )
    with torch.inference_mode(False), torch.enable_grad():
        found = _module_layers(model, x, loss or _mean_squared_output)
    samples = len(x) if (x != x[:1]).any() else 1
    faults = defaultdict(list)
    rules = _RULES if samples >= _MANY else (*_RULES[:3], _RULES[4])
    for layer in found:
        for rule in rules:
            if rule[1](layer) > rule[2]:
                faults[rule].append(layer)
                break
    findings = [
        Finding(
            ", ".join(layer.name for layer in ill),
            problem.format(
                "Up to " * (len(ill) > 1) + f"{max(map(measure, ill)):.0%}"
            ),
            remedy,
            chapter,
        )
        for (chapter, measure, _, problem, remedy), ill in faults.items()
    ]
    if faults.keys().isdisjoint(_RULES[:3]):
        findings += _gradient_findings(found)
    return HealthReport(found, findings, samples)


def _gradient_findings(found):
    found = [layer for layer in found if 0 < layer.gradient_norm < np.inf]
    logs = np.log([layer.gradient_norm for layer in found])
    i, j = np.triu_indices(len(logs), 1)
    step = np.median((logs[i] - logs[j]) / (j - i)) if len(logs) > 2 else 0
    total = step * (len(logs) - 1)
    if abs(total) > np.log(100):
        yield Finding(
            f"{found[0].name} to {found[-1].name}",
            f"Going back, the gradient {'grows' if step > 0 else 'shrinks'} "
            f"by a factor of about {np.exp(step):.2g} a layer, "
            f"{np.exp(total):.0e} in all.",
            "Fit the weight scale to the function (He's for ReLU, small in "
            "residual branches), or add batch norm.",
            "05_exploding_gradients" if step > 0 else "04_vanishing_gradients",
        )


def _mean_squared_output(output):
    if not isinstance(output, torch.Tensor):
        raise TypeError(
            f"the model returns a {type(output).__name__}: give a loss, such "
            "as loss=lambda output: output[0].square().mean()"
        )
    return output.square().mean()


def _network_layers(model, x, loss):
    x = torch.as_tensor(x, dtype=model.weights[0].dtype).detach().clone()
    _check_samples(x)
    if len(model.weights) == 1:
        raise ValueError(f"the networks have no hidden layer: {model}")
    logits, hidden = model.forward(x.requires_grad_())
    # The members share nothing, so each has the gradient of its own loss.
    gradients = torch.autograd.grad(
        sum(map(loss, logits)), [z for z, _ in hidden], retain_graph=True
    )
    return [
        _layer(
            f"layer {number}",
            model.activation,
            *(
                t.unflatten(0, model.shape).unsqueeze(-2)
                for t in (z, a, _slope(a, z), gradient)
            ),
        )
        for number, ((z, a), gradient) in enumerate(zip(hidden, gradients), 1)
    ]


def _slope(a, z):
    return torch.autograd.grad(a.sum(), z, retain_graph=True)[0]


def _module_layers(model, x, loss):
    _check(model, x)
    given = x.detach().clone()
    if given.is_floating_point():
        # A copy of it, since no module may overwrite a leaf of the graph.
        given = given.requires_grad_().clone()
    with _left_alone(model, x):
        try:
            with _Recorder(model) as recorder:
                output = model(given)
        except Exception as error:
            raise RuntimeError(
                f"model(x) failed for x of shape {tuple(x.shape)} and type "
                f"{x.dtype}: {error}"
            ) from error
        functions = ", ".join(
            f"{name} (calls: {count})"
            for name, count in recorder.functions.items()
        )
        if not recorder.calls:
            raise ValueError(
                "the model ran no activation module such as nn.ReLU()"
                + (
                    f"; make modules of its functions {functions}"
                    if functions
                    else ""
                )
            )
        if functions:
            warnings.warn(
                "not measured, since functions leave no module: " + functions,
                stacklevel=3,
            )
        number = loss(output)
        if not isinstance(number, torch.Tensor) or number.numel() != 1:
            raise TypeError(
                "loss must return one number as a tensor, such as "
                "output.square().mean(), got "
                f"{getattr(number, 'shape', number)}"
            )
        names, axes, edges, *tensors = zip(*recorder.calls)
        # With the 0, a number without a graph gives None for each as well.
        gradients = torch.autograd.grad(
            number.sum() + torch.zeros((), requires_grad=True),
            edges,
            allow_unused=True,
        )
    found = []
    for name, axis, gradient, z, a, slope in zip(
        names, axes, gradients, *tensors
    ):
        if gradient is None:
            gradient = torch.full_like(z, torch.nan)
        found.append(
            _layer(
                *name, *(_by_unit(t, axis) for t in (z, a, slope, gradient))
            )
        )
        if z.shape[:1] != x.shape[:1]:
            found[-1].cosine = np.float64(np.nan)
    found[-1].is_output = isinstance(output, torch.Tensor) and torch.equal(
        output.detach().flatten().to(a), a.flatten()
    )
    return found


def _check_samples(x):
    if x.ndim == 0 or x.numel() == 0:
        raise ValueError(
            "x must hold at least one sample along its first "
            f"axis, got shape {tuple(x.shape)}"
        )


def _check(model, x):
    arguments.instance(
        "x", x, torch.Tensor, "a tensor such as torch.as_tensor(data)"
    )
    _check_samples(x)
    if any(map(is_lazy, [*model.parameters(), *model.buffers()])):
        raise ValueError(
            "model has lazy layers without weights yet: call it "
            "once, as model(x)"
        )
    devices = {p.device for p in model.parameters()}
    if devices and x.device not in devices:
        raise ValueError(
            "x must be on the model's device, such as "
            f"x.to('{devices.pop()}'), got one on {x.device}"
        )


@contextmanager
def _left_alone(model, x):
    """Put the model's buffers and torch's random state back at the end."""
    buffers = [
        (module, name, buffer, buffer.clone())
        for module in model.modules()
        for name, buffer in module.named_buffers(recurse=False)
    ]
    devices = {
        tensor.device.index
        for tensor in (x, *model.parameters())
        if tensor.is_cuda
    }
    try:
        with torch.random.fork_rng(devices):
            yield
    finally:
        for module, name, buffer, value in buffers:
            # Any write would spoil a graph that the caller still holds.
            if not torch.equal(buffer, value):
                buffer.copy_(value)
            setattr(module, name, buffer)


class _Recorder(TorchFunctionMode):
    """Record each call of a model's activation modules, by hooks.

    A call is (name, type), unit axis, the graph's edge to z, z, a, slope.
    As a mode it counts the calls of functional activations.
    """

    def __init__(self, model):
        super().__init__()
        self.calls, self.seen, self.functions = [], Counter(), Counter()
        self.inside, self.axis = False, None
        self.hooks = ExitStack()
        add = self.hooks.enter_context
        for name, module in model.named_modules():
            if isinstance(module, _MODULES):
                add(
                    module.register_forward_pre_hook(
                        partial(self.before, name or type(module).__name__),
                        with_kwargs=True,
                    )
                )
                add(module.register_forward_hook(self.after))
            elif isinstance(module, (nn.Linear, _ConvNd)):
                add(module.register_forward_hook(self.weighted))

    def __exit__(self, *error):
        self.hooks.close()
        return super().__exit__(*error)

    def __torch_function__(self, function, types, args=(), kwargs=None):
        name = getattr(function, "__name__", "")
        if not self.inside and name.replace("_", "") in _FUNCTIONS:
            self.functions[name] += 1
        return function(*args, **kwargs or {})

    def weighted(self, module, args, output):
        self.axis = -1 if isinstance(module, nn.Linear) else 1

    def before(self, name, module, args, kwargs):
        (z,) = args or kwargs.values()
        self.inside = True
        self.seen[name] += 1
        if self.seen[name] > 1:
            name += f" (call {self.seen[name]})"
        in_graph = torch.is_grad_enabled()
        with torch.enable_grad():
            if not z.requires_grad:
                z = z.detach().requires_grad_().clone()
            # Both are taken now, since the module may overwrite z.
            edge = get_gradient_edge(z if in_graph else z.clone())
            value = z.detach().clone().requires_grad_()
        self.calls.append(
            [(name, type(module).__name__), self.axis, edge, value]
        )
        return ((z if in_graph else z.detach()),), {}

    @torch.enable_grad()
    def after(self, module, args, output):
        z = self.calls[-1][-1]
        self.calls[-1] += [
            output.detach().clone(),
            _slope(module.forward(z.clone()), z),
        ]
        self.inside = False


def _by_unit(tensor, axis):
    """Return it as (samples, positions, units)."""
    if tensor.ndim < 2:
        return tensor.reshape(-1, 1, 1)
    axis = axis or (1 if tensor.ndim > 3 else -1)
    return tensor.movedim(axis, -1).unsqueeze(1).flatten(1, -2)


def _layer(name, activation, z, a, slope, gradient):
    """Return the Layer of tensors (..., samples, positions, units)."""
    z, a, slope, gradient = (
        t.detach().cpu().double() for t in (z, a, slope, gradient)
    )
    largest = _LARGEST_SLOPES.get(activation.lower(), 0)
    # nan equals nothing, so it makes a unit neither dead nor anything else.
    broken = ~z.isfinite()
    slope, outputs = (
        t.masked_fill(broken, torch.nan).flatten(-3, -2) for t in (slope, a)
    )
    measured = (
        dead(slope),
        always_on(slope),
        constant(outputs),
        (a == 0).double().mean((-3, -2, -1)),
        broken.double().mean((-3, -2, -1)),
        (slope.abs() < largest / 100).double().mean((-2, -1)),
        _norm(gradient.flatten(-3)).squeeze(-1),
        _mean_cosine(a.flatten(-2)),
    )
    return Layer(name, activation, *(t.numpy()[()] for t in measured))


def _norm(vectors):
    """Return the norm over the last axis, of any numbers in range."""
    largest = vectors.abs().amax(-1, keepdim=True)
    largest = largest.where(largest != 0, 1)
    return largest * (vectors / largest).norm(dim=-1, keepdim=True)


def _mean_cosine(vectors):
    """Return the mean cosine of all pairs that are not 0, (..., N, size)."""
    norms = _norm(vectors)
    count = (norms != 0).sum((-2, -1))
    total = (vectors / norms.where(norms != 0, 1)).sum(-2).square().sum(-1)
    pairs = torch.where(count > 1, count * (count - 1), torch.nan)
    return (total - count) / pairs


def _function(activation):
    """Return value and derivative of a function of one argument."""
    f = arguments.choice("activation", activation, act.ACTIVATIONS)
    weight = (0.25,) if activation == "prelu" else ()
    return lambda x: f(x, *weight), lambda x: f.derivative(x, *weight)


_NODES, _WEIGHTS = leggauss(12)


@np.errstate(over="ignore")
def _mean_square(f, q):
    """Return E f(sqrt(q) Z)^2, Z standard normal, by Gauss-Legendre panels.

    The panels divide the z axis where the density changes, and the axis of
    sqrt(q) z where the functions do; their kinks are at whole numbers.
    """
    # At 0 a kink would have one slope; near it, it has both.
    scale = max(np.sqrt(q), 1e-170)
    edges = np.concatenate(
        [np.linspace(-12, 12, 49), np.arange(-40, 41) / scale]
    )
    edges = np.unique(edges.clip(-12, 12))
    half = np.diff(edges)[:, None] / 2
    z = edges[:-1, None] + half * (1 + _NODES)
    weights = half * _WEIGHTS * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    values = np.abs(f(scale * z)).astype(float)
    # Squares of very large and very small values are out of range.
    largest = values.max()
    if largest == 0 or np.isinf(largest):
        return float(largest)
    mean = np.sum(weights * (values / largest) ** 2)
    return float(mean * largest * largest)
