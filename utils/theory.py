"""What random networks do to signals and gradients, before any training.

Predicted for infinitely wide networks (`mean_field`, `fixed_point`), known
exactly or within bounds (`born_dead_probability`, `born_dead_bounds`), and
drawn at random (`random_networks`, `born_dead_simulation`), in NumPy.

The words:

* weight scale c: fan-in times the variance of a weight.
* q: the mean square of a layer's pre-activations.
* chi: the factor that the mean squared gradient takes on its way back
  through a layer.
* born dead, on given inputs: of a ReLU network without biases whose last
  hidden layer is 0 on all of them.

An activation is a name in activations.ACTIVATIONS; PReLU has the weight 0.25.
"""

from numbers import Real
from typing import NamedTuple

import numpy as np
from numpy.polynomial.legendre import leggauss
from scipy.optimize import brentq

from . import activations as act
from . import arguments


class MeanField(NamedTuple):
    """Hold q and chi of every layer, or of the limit.

    Attributes
    ----------
    q : ndarray (depth,) or float
        The mean square of the pre-activations.
    chi : ndarray (depth,) or float
        The factor of the mean squared gradient.
    """

    q: np.ndarray
    chi: np.ndarray


class Signals(NamedTuple):
    """Hold what was measured in random networks; see `random_networks`.

    Attributes
    ----------
    q : ndarray (draws, depth)
        The mean square of the pre-activations.
    gradient : ndarray (draws, depth)
        The squared norm of the gradient.
    cosine : ndarray (draws, depth) or None
        The cosine between the activations of two inputs; None for one input.
    """

    q: np.ndarray
    gradient: np.ndarray
    cosine: np.ndarray | None


def mean_field(activation, weight_scale, *, depth, q=1.0):
    """Predict q and chi of every layer of an infinitely wide network.

    The network is fully connected, with weights N(0, c / fan_in), c the
    weight scale, and no biases.

    Parameters
    ----------
    activation : str
        A name in activations.ACTIVATIONS.
    weight_scale : float
        The weight scale c.
    depth : int
        The number of layers.
    q : float
        The q of the first layer, at least 0.

    Returns
    -------
    MeanField
        Two arrays (depth,).

    Raises
    ------
    ValueError
        If an argument does not fit; it says which.

    Notes
    -----
    With Z standard normal,

        q[l + 1] = c E f(sqrt(q[l]) Z)^2,  chi[l] = c E f'(sqrt(q[l]) Z)^2,

    where q[0] is given. So chi[l] is the mean squared gradient with respect
    to the pre-activations of layer l over that of layer l + 1. At q = 0, chi
    is its limit for q to 0. Poole et al. 2016, Schoenholz et al. 2017.

    For ReLU both factors, q[l + 1] / q[l] and chi, are c / 2 for every q, and
    the means over networks of any width follow them: see `random_networks`.

    Examples
    --------
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

    They are those that q = 1 at the first layer leads to.

    Parameters
    ----------
    activation : str
        A name in activations.ACTIVATIONS.
    weight_scale : float
        The weight scale c.

    Returns
    -------
    MeanField
        Two numbers.

    Raises
    ------
    ValueError
        If an argument does not fit; it says which.

    Notes
    -----
    q may be 0 or infinite: under ReLU q tends to 0 for c < 2 and to infinity
    for c > 2; every q stays as it is at c = 2, so 1.0 is returned. chi is the
    limit of chi, c / 2 in all three cases. Where q only creeps to its limit,
    as under tanh at c = 1, it is the limit nevertheless.

    Examples
    --------
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
    with c the weight scale, and no biases: z[0] = W[0] x and
    z[l] = W[l] f(z[l - 1]). All is computed in float64.

    Parameters
    ----------
    activation : str
        A name in activations.ACTIVATIONS.
    weight_scale : float
        The weight scale c.
    width : int
        The number of units in every layer.
    depth : int
        The number of layers.
    draws : int
        The number of networks.
    rng : numpy.random.Generator
        It draws v (see below) and the weights of one network, then those of
        the next.
    x : array_like (width,) or (2, width), optional
        An input, or two of them, for all networks; by default an input of
        ones. As the weights have no preferred direction, every other input
        with mean square 1 gives the same distributions.

    Returns
    -------
    Signals
        Arrays (draws, depth):

        * q: the mean of z[l]^2 over the units, for the first input. The mean
          of q[0] is c * mean(x^2): this is the q to give to `mean_field`.
        * gradient: the squared norm of the gradient of v . z[depth - 1] with
          respect to z[l], for a random unit vector v; 1 in the last layer.
          The mean of gradient[l] / gradient[l + 1] is about chi[l].
        * cosine: of the angle between the activations f(z[l]) of both
          inputs, nan where one of them is 0; None for one input.

    Raises
    ------
    TypeError
        If `rng` is no Generator.
    ValueError
        If another argument does not fit; it says which.

    Notes
    -----
    For ReLU the means are known at any width n (Hanin 2018, Hanin & Nica
    2020): that of q[l] is c (c / 2)^l mean(x^2), and that of gradient[l] is
    p (c / 2)^L with L = depth - 1 - l; that of its square is
    p (c / 2)^(2 L) (1 + 5 / n)^L. Here p = (1 - 2^-n)^l is the chance that
    no layer before l is silent: behind a silent one all slopes are 0. So
    p is 1 in the first layer, and for n > 20 as good as 1 in all.

    Examples
    --------
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
    _check_generator(rng)
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

    The ReLU network has independent weights of a continuous distribution
    symmetric about 0, and no biases.

    Parameters
    ----------
    width : int
        The number of units in every hidden layer.
    depth : int
        The number of hidden layers.

    Returns
    -------
    float
        The probability.

    Raises
    ------
    ValueError
        If an argument does not fit; it says which.

    Notes
    -----
    Given a layer that is not all 0, each unit of the next is 0 with
    probability 1/2, so

        P = 1 - (1 - 2^-width)^depth.

    The network is born dead on an interval around 0 if it is constant there;
    see `born_dead_bounds`.

    Examples
    --------
    >>> born_dead_probability(2, 10)
    0.9436864852905273
    """
    width = arguments.whole("width", width, 1)
    depth = arguments.whole("depth", depth)
    return float(-np.expm1(depth * np.log1p(-(2.0**-width))))


def born_dead_bounds(width, depth):
    """Return a lower and an upper bound of P(born dead on an interval).

    The network is that of `born_dead_probability` with one input feature and
    normal weights. It is born dead if it is constant on an interval around 0.

    Parameters
    ----------
    width : int
        The number of units in every hidden layer.
    depth : int
        The number of hidden layers.

    Returns
    -------
    lower : float
        The lower bound.
    upper : float
        The upper bound.

    Raises
    ------
    ValueError
        If an argument does not fit; it says which.

    Notes
    -----
    Both rays, x > 0 and x < 0, have died by then; the upper bound is that
    one of them has. The lower bound takes the rays at right angles in every
    layer, and as one from where a single unit carries both. Lu et al. 2019,
    whose number of layers counts the output: depth + 1.

    Examples
    --------
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

    The networks have one input feature, ReLU, normal weights and no biases.
    One is dead after a layer if that layer is 0 for all of the inputs.

    Parameters
    ----------
    width : int
        The number of units in every hidden layer.
    depth : int
        The number of hidden layers.
    draws : int
        The number of networks.
    rng : numpy.random.Generator
        It draws the weights.
    inputs : sequence of float
        Numbers other than 0. (-1.0, 1.0) stands for every interval around
        0, since without biases f(c x) = c f(x) for c > 0.

    Returns
    -------
    share : ndarray (depth,)
        The share of dead networks.
    error : ndarray (depth,)
        Its binomial standard error.

    Raises
    ------
    TypeError
        If `rng` is no Generator.
    ValueError
        If another argument does not fit; it says which.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> share, error = born_dead_simulation(2, 10, 100_000, rng)
    >>> round(float(share[-1]), 2), round(float(error[-1]), 4)
    (0.94, 0.0007)
    """
    width = arguments.whole("width", width, 1)
    depth = arguments.whole("depth", depth)
    draws = arguments.whole("draws", draws, 1)
    _check_generator(rng)
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


def _check_generator(rng):
    arguments.instance(
        "rng",
        rng,
        np.random.Generator,
        "a Generator such as np.random.default_rng(0)",
    )


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
