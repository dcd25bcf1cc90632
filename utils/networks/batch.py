"""What a batch of networks is: every seed with every learning rate.

Parameters carry a leading axis, one entry per network (a member of the
batch), so that one matrix product serves all members. The members never mix.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from .. import arguments


def _prelu(x, weight):
    # F.prelu takes one slope per channel; here there is one per member.
    return torch.where(x > 0, x, weight * x)


def _relu_squared(x):
    return F.relu(x).square()


class ReLUSquared(nn.Module):
    """The square of max(0, x), which torch has no module for.

    Examples
    --------
    >>> ReLUSquared()(torch.tensor([-1.0, 3.0]))
    tensor([0., 9.])
    """

    def forward(self, x):
        """Return the activation of x."""
        return _relu_squared(x)


# The names of utils.activations: torch's function, torch's module.
ACTIVATIONS = {
    "identity": (lambda x: x, nn.Identity),
    "sigmoid": (torch.sigmoid, nn.Sigmoid),
    "tanh": (torch.tanh, nn.Tanh),
    "relu": (F.relu, nn.ReLU),
    "leaky_relu": (F.leaky_relu, nn.LeakyReLU),
    "prelu": (_prelu, nn.PReLU),
    "elu": (F.elu, nn.ELU),
    "selu": (F.selu, nn.SELU),
    "gelu": (F.gelu, nn.GELU),
    "silu": (F.silu, nn.SiLU),
    "swish": (F.silu, nn.SiLU),
    "softplus": (F.softplus, nn.Softplus),
    "mish": (F.mish, nn.Mish),
    "hardswish": (F.hardswish, nn.Hardswish),
    "relu6": (F.relu6, nn.ReLU6),
    "relu_squared": (_relu_squared, ReLUSquared),
}

# The variance of a weight, times fan_in.
WEIGHT_INITS = {
    "default": lambda fan_in, fan_out: 1 / 3,
    "he": lambda fan_in, fan_out: 2,
    "xavier": lambda fan_in, fan_out: 2 * fan_in / (fan_in + fan_out),
    "lecun": lambda fan_in, fan_out: 1,
}


class Pointwise(nn.Module):
    """A function as a module, for what torch has no module for.

    Parameters
    ----------
    function : callable
        Maps a tensor to one of its shape.

    Examples
    --------
    >>> Pointwise(torch.abs)(torch.tensor([-1.0, 3.0]))
    tensor([1., 3.])
    """

    def __init__(self, function):
        super().__init__()
        self.function = function

    def extra_repr(self):
        """Return the function's name."""
        return name_of(self.function)

    def forward(self, x):
        """Return the function of x."""
        return self.function(x)


def name_of(activation):
    """Return a name in ACTIVATIONS as it is, and another function's own."""
    if isinstance(activation, str):
        return activation
    if isinstance(activation, nn.Module):
        return repr(activation)
    return getattr(activation, "__name__", type(activation).__name__)


def function_of(activation):
    """Return torch's function for a name in ACTIVATIONS or a function."""
    if isinstance(activation, str):
        return ACTIVATIONS[activation][0]
    return activation


def module_of(activation):
    """Return a new module for a name in ACTIVATIONS or a function."""
    if isinstance(activation, str):
        return ACTIVATIONS[activation][1]()
    if isinstance(activation, nn.Module):
        return copy.deepcopy(activation)
    return Pointwise(activation)


# What a network consists of: what is trained, and running averages.
TRAINED = ("weights", "biases", "slopes", "scales", "shifts")
AVERAGED = ("means", "variances")
KINDS = TRAINED + AVERAGED

# Batch normalisation's parts: torch's name, the value before training.
BATCH_NORM = {
    "scales": ("weight", 1),
    "shifts": ("bias", 0),
    "means": ("running_mean", 0),
    "variances": ("running_var", 1),
}


class Residual(nn.Sequential):
    """Modules whose input is added to their output.

    Examples
    --------
    >>> Residual(nn.ReLU())(torch.tensor([-1.0, 3.0]))
    tensor([-1.,  6.])
    """

    def forward(self, x):
        """Return x plus what the modules make of it."""
        return x + super().forward(x)


@dataclass(eq=False, repr=False)
class Networks:
    """Networks of one shape: S seeds times R learning rates.

    The lists hold tensors with the leading axes (S, R).

    Parameters
    ----------
    activation : str or callable
        A name in ACTIVATIONS, or a function of a tensor.
    residual : bool
        Whether a hidden layer, from the second on, adds its input to its
        output.
    seeds : tuple of int
        The S seeds.
    learning_rates : tuple of float
        The R learning rates.
    weights : list of Tensor
        (S, R, fan_in, fan_out), per layer.
    biases : list of Tensor
        (S, R, fan_out), per layer.
    slopes : list of Tensor
        (S, R), per hidden layer: what PReLU learns, else an empty list.
    scales, shifts, means, variances : list of Tensor
        (S, R, width), per hidden layer: batch normalisation's trained
        numbers and running averages, else empty lists.
    """

    activation: str | Callable
    residual: bool
    seeds: tuple
    learning_rates: tuple
    weights: list
    biases: list
    slopes: list
    scales: list
    shifts: list
    means: list
    variances: list

    def __repr__(self):
        """Return the shape, no arrays."""
        sizes = [w.shape[2] for w in self.weights] + [self.biases[-1].shape[2]]
        return (
            f"{type(self).__name__}({'-'.join(map(str, sizes))} "
            f"{self.activation_name}, {len(self.seeds)} seeds x "
            f"{len(self.learning_rates)} learning rates)"
        )

    @property
    def activation_name(self):
        """The activation's name, also where it is a function."""
        return name_of(self.activation)

    @property
    def function(self):
        """The activation as torch's function."""
        return function_of(self.activation)

    @property
    def shape(self):
        """The number of seeds and of learning rates, (S, R)."""
        return len(self.seeds), len(self.learning_rates)

    def predict(self, x):
        """Return the logits of every network.

        Parameters
        ----------
        x : array_like
            Samples, (N, features).

        Returns
        -------
        Tensor
            (S, R, N, classes).

        Raises
        ------
        ValueError
            If x has another shape.
        """
        return self.flat_forward(x)[0].unflatten(0, self.shape)

    def activations(self, x):
        """Return what enters and what leaves each hidden layer's function.

        The pre-activation comes after batch normalisation; the activation is
        taken before a residual connection adds the layer's input.

        Parameters
        ----------
        x : array_like
            Samples, (N, features).

        Returns
        -------
        list of (Tensor, Tensor)
            Pre-activation and activation of each hidden layer, both
            (S, R, N, width).

        Raises
        ------
        ValueError
            If x has another shape.
        """
        return [
            (z.unflatten(0, self.shape), a.unflatten(0, self.shape))
            for z, a in self.flat_forward(x)[1]
        ]

    def flat_forward(self, x):
        """Return the logits and the hidden layers in one graph of autograd.

        Parameters
        ----------
        x : array_like
            Samples, (N, features).

        Returns
        -------
        logits : Tensor
            (S * R, N, classes): seeds and rates share the first axis.
        hidden : list of (Tensor, Tensor)
            As of `activations`, but (S * R, N, width).

        Raises
        ------
        ValueError
            If x has another shape.
        """
        features = self.weights[0].shape[2]
        x = torch.as_tensor(x, dtype=self.weights[0].dtype)
        if x.ndim != 2 or x.shape[1] != features:
            raise ValueError(
                f"x must have the shape (N, {features}), got {tuple(x.shape)}"
            )
        members = flatten({kind: getattr(self, kind) for kind in KINDS})
        return forward(
            x.expand(len(members["weights"][0]), -1, -1),
            self.activation,
            self.residual,
            members,
        )

    def network(self, seed, learning_rate):
        """Return a copy of one network in torch's modules, ready to use.

        Parameters
        ----------
        seed : int
            One of `seeds`.
        learning_rate : float
            One of `learning_rates`.

        Returns
        -------
        Sequential
            The network, in evaluation mode.

        Raises
        ------
        ValueError
            If there is no such seed or learning rate.
        """
        member = place(self, seed, learning_rate)
        own = {
            kind: [tensor[member] for tensor in getattr(self, kind)]
            for kind in KINDS
        }
        network = nn.Sequential()
        for layer in range(len(self.weights) - 1):
            parts = [_linear(own, layer)]
            if self.scales:
                parts.append(_batch_norm(own, layer))
            parts.append(module_of(self.activation))
            if self.slopes:
                parts[-1].weight = nn.Parameter(
                    own["slopes"][layer].reshape(1).clone()
                )
            skips = self.residual and layer > 0
            network.extend([Residual(*parts)] if skips else parts)
        return network.append(_linear(own, -1)).eval()


def initialise(sizes, rng, weight_init="default", bias_init="default"):
    """Draw the weights and biases of one network, in float64.

    All weights are drawn before any bias, so they do not depend on
    `bias_init`.

    Parameters
    ----------
    sizes : sequence of int
        The widths from input to output.
    rng : numpy.random.Generator
        Where the numbers come from.
    weight_init, bias_init : str or float
        See `train`.

    Returns
    -------
    weights : list of ndarray
        (fan_in, fan_out), per layer.
    biases : list of ndarray
        (fan_out,), per layer.

    Raises
    ------
    ValueError
        If `weight_init` or `bias_init` does not fit.

    Examples
    --------
    >>> weights, biases = initialise((2, 3), np.random.default_rng(0))
    >>> weights[0].shape, biases[0].shape
    ((2, 3), (3,))
    """
    if bias_init != "default" and not (
        isinstance(bias_init, Real) and np.isfinite(bias_init)
    ):
        raise ValueError(
            "bias_init must be 'default' or a finite number such "
            f"as 0.0, got {bias_init!r}"
        )
    weights, biases = [], []
    for fan_in, fan_out in zip(sizes, sizes[1:]):
        if isinstance(weight_init, Real):
            c = arguments.positive("weight_init", weight_init)
        else:
            c = arguments.choice("weight_init", weight_init, WEIGHT_INITS)(
                fan_in, fan_out
            )
        if weight_init == "default":
            draw = np.sqrt(3) * rng.uniform(-1, 1, (fan_in, fan_out))
        else:
            draw = rng.standard_normal((fan_in, fan_out))
        weights.append(np.sqrt(c / fan_in) * draw)
    for fan_in, fan_out in zip(sizes, sizes[1:]):
        if bias_init == "default":
            biases.append(rng.uniform(-1, 1, fan_out) / np.sqrt(fan_in))
        else:
            biases.append(np.full(fan_out, float(bias_init)))
    return weights, biases


def place(result, seed, learning_rate):
    """Return the indices of one network in the leading axes."""
    for name, value, known in (
        ("seed", seed, result.seeds),
        ("learning_rate", learning_rate, result.learning_rates),
    ):
        if value not in known:
            raise ValueError(
                f"{name} must be one of those trained, {known}, got {value!r}"
            )
    return (
        result.seeds.index(seed),
        result.learning_rates.index(learning_rate),
    )


def flatten(parts):
    """Return the tensors with seeds and rates in one axis, three axes each."""
    return {
        kind: [
            t.reshape(-1, *(1,) * (4 - t.ndim), *t.shape[2:]) for t in tensors
        ]
        for kind, tensors in parts.items()
    }


def forward(x, activation, residual, members, training=False):
    """Return the logits, and (pre-activation, activation) of each layer.

    x is (S * R, N, features), and `members` what `flatten` returns.
    """
    function = function_of(activation)
    weights, biases = members["weights"], members["biases"]
    slopes, hidden = members["slopes"], []
    for layer, (weight, bias) in enumerate(zip(weights[:-1], biases)):
        z = torch.baddbmm(bias, x, weight)
        if members["scales"]:
            # A channel for each unit of each member.
            channels = z.transpose(0, 1).flatten(1)
            norm = {
                name: members[kind][layer].flatten()
                for kind, (name, _) in BATCH_NORM.items()
            }
            channels = F.batch_norm(channels, **norm, training=training)
            z = channels.unflatten(1, (len(z), -1)).transpose(0, 1)
        a = function(z, slopes[layer]) if slopes else function(z)
        hidden.append((z, a))
        x = x + a if residual and layer else a
    return torch.baddbmm(biases[-1], x, weights[-1]), hidden


def _linear(own, layer):
    """Return a layer of one network as a torch module."""
    weight, bias = own["weights"][layer], own["biases"][layer]
    # nn.Linear would draw from torch's global random state.
    linear = nn.utils.skip_init(nn.Linear, *weight.shape, dtype=weight.dtype)
    linear.load_state_dict({"weight": weight.T, "bias": bias})
    return linear


def _batch_norm(own, layer):
    """Return a layer's batch normalisation as a torch module."""
    values = {name: own[kind][layer] for kind, (name, _) in BATCH_NORM.items()}
    scale = values["weight"]
    norm = nn.BatchNorm1d(len(scale), dtype=scale.dtype)
    norm.load_state_dict(values, strict=False)
    return norm
