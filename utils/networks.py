"""Train many small networks at once: every seed with every learning rate.

Parameters carry a leading axis, one entry per network (a member of the
batch), so that one matrix product serves all members. The members never mix:
what one of them learns depends on its own seed and learning rate only.
"""

from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
import torch
from IPython import get_ipython
from IPython.display import clear_output
from torch import nn
from torch.nn import functional as F
from tqdm import tqdm

from .data import Dataset


def _prelu(x, weight):
    # F.prelu takes one slope per channel; here there is one per member.
    return torch.where(x > 0, x, weight * x)


def _relu_squared(x):
    return F.relu(x).square()


class ReLUSquared(nn.Module):
    """Return max(0, x) squared, which torch has no module for."""

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


def _sgd(gradient, state, step):
    return gradient


def _momentum(gradient, state, step):
    velocity, = state
    return velocity.mul_(0.9).add_(gradient)


def _adam(gradient, state, step):
    mean, square = state
    mean.lerp_(gradient, 1 - 0.9)
    square.mul_(0.999).addcmul_(gradient, gradient, value=1 - 0.999)
    scale = (square / (1 - 0.999**step)).sqrt_().add_(1e-8)
    return mean / (1 - 0.9**step) / scale


# The direction to step in, and how many tensors it remembers per parameter.
OPTIMIZERS = {"sgd": (_sgd, 0), "momentum": (_momentum, 1), "adam": (_adam, 2)}


@dataclass(eq=False, repr=False)
class TrainingResult:
    """Hold every network of a batch: S seeds times R learning rates.

    * train_loss (epochs, S, R): mean loss over each epoch's minibatches.
    * test_accuracy (epochs + 1, S, R): before training, then after every
      epoch. A diverged network answers class 0 once its outputs are nan.
    * diverged (S, R): the loss or a parameter is not finite.
    * weights, biases: a tensor per layer, (S, R, fan_in, fan_out) and
      (S, R, fan_out). slopes: the same for PReLU, (S, R); else empty.
    * initial_weights, initial_biases, initial_slopes: before training.
    """

    activation: str
    optimizer: str
    seeds: tuple
    learning_rates: tuple
    train_loss: np.ndarray
    test_accuracy: np.ndarray
    diverged: np.ndarray
    weights: list
    biases: list
    slopes: list
    initial_weights: list
    initial_biases: list
    initial_slopes: list

    def __repr__(self):
        """Return what was trained, no arrays."""
        sizes = [w.shape[2] for w in self.weights] + [
            self.weights[-1].shape[3]]
        return (f"TrainingResult({'-'.join(map(str, sizes))} {self.activation}"
                f", {len(self.seeds)} seeds x {len(self.learning_rates)} "
                f"learning rates, {len(self.train_loss)} epochs of "
                f"{self.optimizer}, {self.diverged.sum()} diverged)")

    def predict(self, x, initial=False):
        """Return the logits (S, R, N, classes) for x (N, features)."""
        return self._evaluate(x, initial)[0]

    def activations(self, x, initial=False):
        """Return (pre-activation, activation) of each hidden layer.

        Both are tensors (S, R, N, width), for x (N, features).
        """
        return self._evaluate(x, initial)[1]

    def network(self, seed, learning_rate, initial=False):
        """Return a copy of one network, as torch's own modules."""
        for name, value, known in (
                ("seed", seed, self.seeds),
                ("learning_rate", learning_rate, self.learning_rates)):
            if value not in known:
                raise ValueError(f"{name} must be one of those trained, "
                                 f"{known}, got {value!r}")
        member = (self.seeds.index(seed),
                  self.learning_rates.index(learning_rate))
        weights, biases, slopes = self._parameters(initial)
        network = nn.Sequential()
        for layer, (weight, bias) in enumerate(zip(weights, biases)):
            if layer:
                network.append(ACTIVATIONS[self.activation][1]())
            if layer and slopes:
                network[-1].weight = nn.Parameter(
                    slopes[layer - 1][member].reshape(1).clone())
            # nn.Linear would draw from torch's global random state.
            linear = nn.utils.skip_init(nn.Linear, *weight.shape[2:],
                                        dtype=weight.dtype)
            with torch.no_grad():
                linear.weight.copy_(weight[member].T)
                linear.bias.copy_(bias[member])
            network.append(linear)
        return network

    def _parameters(self, initial):
        if initial:
            return (self.initial_weights, self.initial_biases,
                    self.initial_slopes)
        return self.weights, self.biases, self.slopes

    def _evaluate(self, x, initial):
        weights, biases, slopes = self._parameters(initial)
        features = weights[0].shape[2]
        x = torch.as_tensor(x, dtype=weights[0].dtype)
        if x.ndim != 2 or x.shape[1] != features:
            raise ValueError(f"x must have the shape (N, {features}), got "
                             f"{tuple(x.shape)}")
        shape = self.diverged.shape
        logits, hidden = _forward(
            x.expand(self.diverged.size, -1, -1), self.activation,
            *_members(weights, biases, slopes))
        return logits.unflatten(0, shape), [
            (z.unflatten(0, shape), a.unflatten(0, shape)) for z, a in hidden]


def initialise(sizes, rng, weight_init="default", bias_init="default"):
    """Draw the weights and biases of one network, in float64.

    `sizes` are the widths from input to output. All weights are drawn before
    any bias, so they do not depend on bias_init. See `train` for the names.
    Returns two lists of arrays, (fan_in, fan_out) and (fan_out,).

    >>> weights, biases = initialise((2, 3), np.random.default_rng(0))
    >>> weights[0].shape, biases[0].shape
    ((2, 3), (3,))
    """
    if bias_init != "default" and not (
            isinstance(bias_init, Real) and np.isfinite(bias_init)):
        raise ValueError("bias_init must be 'default' or a finite number such "
                         f"as 0.0, got {bias_init!r}")
    weights, biases = [], []
    for fan_in, fan_out in zip(sizes, sizes[1:]):
        if isinstance(weight_init, Real):
            c = _positive("weight_init", weight_init)
        else:
            c = _choice("weight_init", weight_init, WEIGHT_INITS)(
                fan_in, fan_out)
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


def train(dataset, *, activation="relu", widths=(32, 32, 32), seeds=10,
          learning_rates=0.1, epochs=15, batch_size=32, optimizer="sgd",
          weight_init="default", bias_init="default", dtype=torch.float64,
          progress=False):
    """Train one classifier for every seed and learning rate, all at once.

    Each is a fully connected network with hidden layers of the given widths,
    trained on minibatches with the cross-entropy loss.

    activation: a name in ACTIVATIONS. prelu learns one slope per layer, from
        0.25 on.
    seeds: whole numbers, or how many: 10 means 0 to 9. A seed's
        np.random.default_rng draws the initial weights, then the biases,
        then each epoch's order of the samples.
    learning_rates: a positive number, or several.
    optimizer: "sgd", "momentum" (SGD with momentum 0.9) or "adam" (with
        torch's default arguments).
    weight_init: "default" is nn.Linear's, uniform within
        1 / sqrt(fan_in) of 0. The others are normal, of variance
        2 / fan_in ("he"), 2 / (fan_in + fan_out) ("xavier"), 1 / fan_in
        ("lecun"), c / fan_in (a positive number c).
    bias_init: "default" is nn.Linear's, uniform within 1 / sqrt(fan_in) of
        0, so that with both defaults a network starts as nn.Linear does. A
        number is every bias's start.
    dtype: float64, since float32 results differ between processors.
    progress: show a bar to a person who waits. It leaves no output, and a
        notebook executed by a program shows none. In a live notebook it
        clears what the cell printed before.

    Returns a TrainingResult. A TypeError or ValueError says which argument
    does not fit.

    >>> from utils import data
    >>> train(data.spirals(), seeds=3, learning_rates=[0.1, 1.0], epochs=2)
    TrainingResult(2-32-32-32-2 relu, 3 seeds x 2 learning rates, 2 epochs of \
sgd, 0 diverged)
    """
    if not isinstance(dataset, Dataset):
        raise TypeError("dataset must be a Dataset such as data.digits(), "
                        f"got {type(dataset).__name__}")
    _choice("activation", activation, ACTIVATIONS)
    direction, remembered = _choice("optimizer", optimizer, OPTIMIZERS)
    if dtype not in (torch.float64, torch.float32):
        raise ValueError("dtype must be torch.float64 or torch.float32, "
                         f"got {dtype!r}")
    if isinstance(seeds, Integral):
        seeds = range(_whole("seeds", seeds, 1))
    seeds = _several("seeds", seeds, _whole)
    rates = _several("learning_rates", learning_rates, _positive)
    widths = [_whole("widths", width, 1) for width in _listed(widths)]
    _whole("epochs", epochs, 0)
    _whole("batch_size", batch_size, 1)

    rngs = [np.random.default_rng(seed) for seed in seeds]
    sizes = (dataset.features, *widths, dataset.classes)
    drawn = [initialise(sizes, rng, weight_init, bias_init) for rng in rngs]
    start = [[torch.as_tensor(np.stack(layer)).to(dtype).unsqueeze(1)
              .expand(-1, len(rates), *layer[0].shape)
              for layer in zip(*kind)] for kind in zip(*drawn)]
    slope = torch.full((len(seeds), len(rates)), 0.25, dtype=dtype)
    start.append([slope] * len(widths) if activation == "prelu" else [])

    weights, biases, slopes = (
        [p.clone().requires_grad_() for p in kind]
        for kind in _members(*start))
    parameters = weights + biases + slopes
    states = [[torch.zeros_like(p) for _ in range(remembered)]
              for p in parameters]
    members = len(seeds) * len(rates)
    step_sizes = torch.tensor(rates, dtype=dtype).repeat(len(seeds))
    step_sizes = step_sizes.reshape(members, 1, 1)

    x_train = torch.as_tensor(dataset.x_train, dtype=dtype)
    x_test = torch.as_tensor(dataset.x_test, dtype=dtype)
    y_train = torch.as_tensor(dataset.y_train)
    y_test = torch.as_tensor(dataset.y_test)
    train_loss = torch.zeros(epochs, members, dtype=torch.float64)
    right = torch.zeros(epochs + 1, members, dtype=torch.float64)

    def measure(epoch):
        with torch.no_grad():
            # In parts, so that what a layer makes stays in the cache.
            for x, y in zip(x_test.split(64), y_test.split(64)):
                logits, _ = _forward(x.expand(members, -1, -1), activation,
                                     weights, biases, slopes)
                right[epoch] += (logits.argmax(2) == y).sum(1)

    measure(0)
    step = 0
    for epoch in _epochs(epochs, progress):
        order = torch.as_tensor(
            np.stack([rng.permutation(len(x_train)) for rng in rngs]))
        for rows in order.split(batch_size, dim=1):
            # All rates of a seed see the same samples.
            x = x_train[rows].repeat_interleave(len(rates), 0)
            y = y_train[rows].repeat_interleave(len(rates), 0)
            logits, _ = _forward(x, activation, weights, biases, slopes)
            losses = F.cross_entropy(logits.mT, y, reduction="none")
            # The members share no parameter: the gradient of the summed
            # mean losses is, for each parameter, its own member's gradient.
            gradients = torch.autograd.grad(losses.mean(1).sum(), parameters)
            step += 1
            with torch.no_grad():
                train_loss[epoch] += losses.sum(1)
                for p, gradient, state in zip(parameters, gradients, states):
                    p.addcmul_(direction(gradient, state, step), step_sizes,
                               value=-1)
        measure(epoch + 1)

    finite = train_loss.isfinite().all(0)
    for p in parameters:
        finite &= p.detach().flatten(1).isfinite().all(1)
    final = [[p.detach().reshape(q.shape) for p, q in zip(*kinds)]
             for kinds in zip((weights, biases, slopes), start)]
    shape = len(seeds), len(rates)
    return TrainingResult(
        activation, optimizer, seeds, rates,
        (train_loss / len(x_train)).unflatten(1, shape).numpy(),
        (right / len(y_test)).unflatten(1, shape).numpy(),
        ~finite.unflatten(0, shape).numpy(), *final, *start)


def _members(weights, biases, slopes):
    """Return the parameters with seeds and rates in one leading axis."""
    return ([w.flatten(0, 1) for w in weights],
            [b.flatten(0, 1).unsqueeze(1) for b in biases],
            [s.reshape(-1, 1, 1) for s in slopes])


def _forward(x, activation, weights, biases, slopes):
    """Return the logits, and (pre-activation, activation) of each layer."""
    function = ACTIVATIONS[activation][0]
    hidden = []
    for layer, (weight, bias) in enumerate(zip(weights[:-1], biases)):
        z = torch.baddbmm(bias, x, weight)
        x = function(z, slopes[layer]) if slopes else function(z)
        hidden.append((z, x))
    return torch.baddbmm(biases[-1], x, weights[-1]), hidden


def _epochs(epochs, progress):
    """Yield the epoch numbers, with a bar if a person may be watching."""
    shell = get_ipython()
    in_notebook = hasattr(shell, "get_parent")
    if progress and in_notebook:
        # Jupyter lets a person type input; nbclient and nbval do not, and
        # what they run must print nothing.
        progress = shell.get_parent()["content"].get("allow_stdin", False)
    yield from tqdm(range(epochs), disable=not progress, leave=False)
    if progress and in_notebook:
        clear_output()


def _choice(name, value, known):
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"{name} must be one of {', '.join(known)}, "
                         f"got {value!r}")
    return known[value]


def _listed(values):
    return np.atleast_1d(values).tolist()


def _several(name, values, check):
    values = tuple(check(name, value) for value in _listed(values))
    if not values or len(set(values)) < len(values):
        raise ValueError(f"{name} must be one or more different numbers, "
                         f"got {list(values)}")
    return values


def _whole(name, value, low=0):
    if (not isinstance(value, Integral) or isinstance(value, bool)
            or value < low):
        raise ValueError(f"{name} must be whole, at least {low}, such as "
                         f"{low + 1}, got {value!r}")
    return int(value)


def _positive(name, value):
    if not isinstance(value, Real) or not 0 < value < np.inf:
        raise ValueError(f"{name} must be positive and finite, such as 0.1, "
                         f"got {value!r}")
    return float(value)
