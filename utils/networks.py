"""Train many small networks at once: every seed with every learning rate.

Parameters carry a leading axis, one entry per network (a member of the
batch), so that one matrix product serves all members. The members never mix:
what one of them learns depends on its own seed and learning rate only.
"""

import copy
from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
import torch
from IPython import get_ipython
from IPython.display import clear_output
from torch import nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn import functional as F
from tqdm import tqdm

from . import arguments
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
    (velocity,) = state
    return velocity.mul_(0.9).add_(gradient)


def _adam(gradient, state, step):
    mean, square = state
    mean.lerp_(gradient, 1 - 0.9)
    square.mul_(0.999).addcmul_(gradient, gradient, value=1 - 0.999)
    scale = (square / (1 - 0.999**step)).sqrt_().add_(1e-8)
    return mean / (1 - 0.9**step) / scale


# What a network consists of. The last two are averages, not trained.
KINDS = (
    "weights",
    "biases",
    "slopes",
    "scales",
    "shifts",
    "means",
    "variances",
)

# The direction to step in, and how many tensors it remembers per parameter.
OPTIMIZERS = {"sgd": (_sgd, 0), "momentum": (_momentum, 1), "adam": (_adam, 2)}


class Residual(nn.Sequential):
    """Add the input to the output of the modules."""

    def forward(self, x):
        """Return x plus what the modules make of it."""
        return x + super().forward(x)


@dataclass(eq=False, repr=False)
class Networks:
    """Hold networks of one shape: S seeds times R learning rates.

    Each attribute below is a list of tensors with the leading axes (S, R).

    * weights (S, R, fan_in, fan_out) and biases (S, R, fan_out), per layer.
    * slopes (S, R), per hidden layer: what PReLU learns, else empty.
    * scales, shifts, means, variances (S, R, width), per hidden layer: batch
      normalisation's trained numbers and running averages, else empty.
    """

    activation: str
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
            f"{self.activation}, {len(self.seeds)} seeds x "
            f"{len(self.learning_rates)} learning rates)"
        )

    def predict(self, x):
        """Return the logits (S, R, N, classes) for x (N, features)."""
        return self.forward(x)[0].unflatten(0, self.shape)

    def activations(self, x):
        """Return (pre-activation, activation) of each hidden layer.

        Both are tensors (S, R, N, width), for x (N, features). The
        pre-activation is what enters the activation function, so it comes
        after batch normalisation; the activation is what leaves it, before a
        residual connection adds the layer's input.
        """
        return [
            (z.unflatten(0, self.shape), a.unflatten(0, self.shape))
            for z, a in self.forward(x)[1]
        ]

    def network(self, seed, learning_rate):
        """Return a copy of one network in torch's modules, ready to use.

        It is in evaluation mode.
        """
        member = _member(self, seed, learning_rate)
        own = {
            kind: [tensor[member] for tensor in getattr(self, kind)]
            for kind in KINDS
        }
        network = nn.Sequential()
        for layer in range(len(self.weights) - 1):
            parts = [_linear(own, layer)]
            if self.scales:
                parts.append(_batch_norm(own, layer))
            parts.append(ACTIVATIONS[self.activation][1]())
            if self.slopes:
                parts[-1].weight = nn.Parameter(
                    own["slopes"][layer].reshape(1).clone()
                )
            skips = self.residual and layer > 0
            network.extend([Residual(*parts)] if skips else parts)
        return network.append(_linear(own, -1)).eval()

    @property
    def shape(self):
        """Return (S, R)."""
        return len(self.seeds), len(self.learning_rates)

    def forward(self, x):
        """Return the logits and `activations` in one graph.

        Seeds and rates share the first axis, S times R long.
        """
        features = self.weights[0].shape[2]
        x = torch.as_tensor(x, dtype=self.weights[0].dtype)
        if x.ndim != 2 or x.shape[1] != features:
            raise ValueError(
                f"x must have the shape (N, {features}), got {tuple(x.shape)}"
            )
        members = _members({kind: getattr(self, kind) for kind in KINDS})
        return _forward(
            x.expand(len(members["weights"][0]), -1, -1),
            self.activation,
            self.residual,
            members,
        )


@dataclass(eq=False, repr=False)
class TrainingResult(Networks):
    """Hold the trained networks and how they got there.

    Besides what every `Networks` holds, with T steps in all:

    * train_loss (epochs, S, R): cross-entropy, the mean over each epoch's
      minibatches.
    * test_accuracy (epochs + 1, S, R): before training, then after every
      epoch. A diverged network answers class 0 once its outputs are nan.
    * diverged (S, R): the loss or a parameter is not finite.
    * gradient_norm (T, S, R): norm of the whole gradient at every step,
      before clipping; empty, (0, S, R), where max_norm was not given.
    * initial: the Networks before training.
    * snapshots: {step: Networks}, for the steps that were asked for.
    """

    optimizer: str
    train_loss: np.ndarray
    test_accuracy: np.ndarray
    diverged: np.ndarray
    gradient_norm: np.ndarray
    initial: Networks
    snapshots: dict

    def __repr__(self):
        """Return what was trained, no arrays."""
        return (
            f"{super().__repr__()[:-1]}, {len(self.train_loss)} epochs "
            f"of {self.optimizer}, {self.diverged.sum()} diverged)"
        )


@dataclass(eq=False, repr=False)
class ModulesResult:
    """Hold trained modules, S seeds times R learning rates, and their curves.

    * parameters: {name: tensor (S, R, ...)}, the names as in torch.
    * train_loss, test_accuracy, diverged: as in `TrainingResult`.
    * skeleton: a module of the same structure, without numbers.
    """

    skeleton: nn.Module
    seeds: tuple
    learning_rates: tuple
    optimizer: str
    parameters: dict
    train_loss: np.ndarray
    test_accuracy: np.ndarray
    diverged: np.ndarray

    def __repr__(self):
        """Return what was trained, no arrays."""
        return (
            f"ModulesResult({type(self.skeleton).__name__}, "
            f"{len(self.seeds)} seeds x {len(self.learning_rates)} "
            f"learning rates, {len(self.train_loss)} epochs of "
            f"{self.optimizer}, {self.diverged.sum()} diverged)"
        )

    def predict(self, x):
        """Return the logits (S, R, N, classes) for x (N, features)."""
        flat = {name: p.flatten(0, 1) for name, p in self.parameters.items()}
        x = torch.as_tensor(x, dtype=next(iter(flat.values())).dtype)
        with torch.no_grad():
            logits = _stacked(self.skeleton, flat, in_dims=(0, None))(x)
        return logits.unflatten(0, self.diverged.shape)

    def network(self, seed, learning_rate):
        """Return a copy of one module, in evaluation mode."""
        member = _member(self, seed, learning_rate)
        own = {name: p[member] for name, p in self.parameters.items()}
        network = copy.deepcopy(self.skeleton).to_empty(device="cpu")
        network.load_state_dict(own)
        return network.eval()


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


def train(
    dataset,
    *,
    activation="relu",
    widths=(32, 32, 32),
    seeds=10,
    learning_rates=0.1,
    epochs=15,
    batch_size=32,
    optimizer="sgd",
    weight_init="default",
    bias_init="default",
    batch_norm=False,
    residual=False,
    max_norm=None,
    activation_l1=0.0,
    snapshots=(),
    dtype=torch.float64,
    progress=False,
):
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
    batch_norm: normalise each hidden layer's pre-activations as
        nn.BatchNorm1d does. Its shift is learned in place of the bias.
    residual: from the second on, a hidden layer adds its input to its
        output. The widths must be equal.
    max_norm: scale each network's gradient down to this norm where it is
        larger, as torch's clip_grad_norm_ does. math.inf clips nothing, and
        records the norm.
    activation_l1: weight of a penalty, the mean over samples of the summed
        absolute activations of all hidden units.
    snapshots: numbers of steps after which to keep a copy of the networks.
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
    arguments.choice("activation", activation, ACTIVATIONS)
    seeds, rates = _check_training(
        dataset, seeds, learning_rates, epochs, batch_size, optimizer, dtype
    )
    widths = [
        arguments.whole("widths", width, 1)
        for width in arguments.listed(widths)
    ]
    if batch_norm and len(dataset.x_train) % batch_size == 1 % batch_size:
        raise ValueError(
            "batch_norm needs two samples in every minibatch, and with "
            f"batch_size={batch_size} the last of {len(dataset.x_train)} "
            "samples is alone; take another batch_size, such as "
            f"{batch_size + 1}"
        )
    if residual and len(set(widths)) > 1:
        raise ValueError(
            "residual needs equal widths, such as (32, 32), got "
            f"{tuple(widths)}"
        )
    if max_norm is not None and max_norm != np.inf:
        arguments.positive("max_norm", max_norm)
    if activation_l1 != 0:
        arguments.positive("activation_l1", activation_l1)
    steps = epochs * -(-len(dataset.x_train) // batch_size)
    snapshots = [
        arguments.whole("snapshots", step)
        for step in arguments.listed(snapshots)
    ]
    if max(snapshots, default=0) > steps:
        raise ValueError(
            f"snapshots must be steps of 0 to {steps}, got {max(snapshots)}"
        )

    rngs = [np.random.default_rng(seed) for seed in seeds]
    sizes = (dataset.features, *widths, dataset.classes)
    shape = len(seeds), len(rates)
    drawn = zip(
        *(initialise(sizes, rng, weight_init, bias_init) for rng in rngs)
    )
    start = {
        kind: [
            torch.as_tensor(np.stack(layer))
            .to(dtype)
            .unsqueeze(1)
            .expand(*shape, *layer[0].shape)
            for layer in zip(*lists)
        ]
        for kind, lists in zip(KINDS, drawn)
    }
    start["slopes"] = [
        torch.full(shape, 0.25, dtype=dtype)
        for _ in widths
        if activation == "prelu"
    ]
    for kind, value in zip(KINDS[3:], (1, 0, 0, 1)):
        start[kind] = [
            torch.full((*shape, width), value, dtype=dtype)
            for width in widths
            if batch_norm
        ]

    now = {
        kind: [tensor.clone() for tensor in tensors]
        for kind, tensors in _members(start).items()
    }
    # Under batch normalisation a bias has no effect, and a gradient that is
    # mere rounding, which Adam would blow up.
    biases = now["biases"][-1:] if batch_norm else now["biases"]
    trained = {**now, "biases": biases}
    parameters = [
        p.requires_grad_() for kind in KINDS[:-2] for p in trained[kind]
    ]

    def forward(x, training=False):
        return _forward(x, activation, residual, now, training)

    def now_copied():
        return {
            kind: [
                p.detach().clone().reshape(q.shape)
                for p, q in zip(now[kind], start[kind])
            ]
            for kind in KINDS
        }

    curves, kept = _descend(
        dataset,
        seeds,
        rates,
        parameters,
        forward,
        epochs=epochs,
        batch_size=batch_size,
        optimizer=optimizer,
        progress=progress,
        rngs=rngs,
        max_norm=max_norm,
        activation_l1=activation_l1,
        snapshots=snapshots,
        keep=now_copied,
    )
    common = activation, residual, seeds, rates
    initial = Networks(*common, **start)
    return TrainingResult(
        *common,
        **now_copied(),
        optimizer=optimizer,
        **curves,
        initial=initial,
        snapshots={
            step: Networks(*common, **kept[step]) if step else initial
            for step in snapshots
        },
    )


def train_modules(
    build,
    dataset,
    *,
    seeds=10,
    learning_rates=0.01,
    epochs=10,
    batch_size=32,
    optimizer="adam",
    dtype=torch.float64,
    progress=False,
):
    """Train one module for every seed and learning rate, all at once.

    build: a function without arguments that returns a new nn.Module, which
        maps (N, features) to the logits (N, classes). It is called after
        torch.manual_seed(seed), once for each seed, with dtype as torch's
        default type, and always gives the same structure. What the modules
        hold is trained, each number in one place only: no buffers (batch
        normalisation) or other tensors, no frozen or shared parameters, and
        no dropout.

    The other arguments are those of `train`. A seed's np.random.default_rng
    draws each epoch's order of the samples. torch.func.vmap lets one call
    serve all modules; torch's random state is left as it was.

    Returns a ModulesResult. A TypeError or ValueError says which argument
    does not fit.

    >>> from utils import data
    >>> def build():
    ...     return nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 2))
    >>> train_modules(build, data.spirals(), seeds=3, epochs=2)
    ModulesResult(Sequential, 3 seeds x 1 learning rates, 2 epochs of adam, \
0 diverged)
    """
    seeds, rates = _check_training(
        dataset, seeds, learning_rates, epochs, batch_size, optimizer, dtype
    )
    default = torch.get_default_dtype()
    try:
        torch.set_default_dtype(dtype)
        with torch.random.fork_rng(devices=()):
            modules = [_built(build, seed) for seed in seeds]
    finally:
        torch.set_default_dtype(default)
    held = [id(p) for module in modules for p in module.parameters()]
    if len(set(held)) < len(held):
        raise ValueError(
            "build must make a new module, with new parameters, "
            "at each call; it gave the same ones again"
        )
    skeleton = copy.deepcopy(modules[0]).to("meta", dtype)
    x = torch.as_tensor(dataset.x_train[:2], dtype=dtype)
    wanted = (
        f"build's modules must be alike, and map x {tuple(x.shape)} of "
        f"{dtype} to logits {(len(x), dataset.classes)}"
    )
    try:
        parameters = {
            name: p.detach()
            .to(dtype)
            .repeat_interleave(len(rates), 0)
            .requires_grad_()
            for name, p in stack_module_state(modules)[0].items()
        }
        call = _stacked(skeleton, parameters)
        given = tuple(call(x.expand(len(seeds) * len(rates), -1, -1)).shape)
    except Exception as error:
        raise ValueError(f"{wanted}; it failed: {error}") from error
    if given[1:] != (len(x), dataset.classes):
        raise ValueError(f"{wanted}, got {given[1:]}")
    curves, _ = _descend(
        dataset,
        seeds,
        rates,
        list(parameters.values()),
        lambda x, training=False: (call(x), []),
        epochs=epochs,
        batch_size=batch_size,
        optimizer=optimizer,
        progress=progress,
        rngs=[np.random.default_rng(seed) for seed in seeds],
    )
    del curves["gradient_norm"]
    shape = len(seeds), len(rates)
    return ModulesResult(
        skeleton,
        seeds,
        rates,
        optimizer,
        {
            name: p.detach().unflatten(0, shape)
            for name, p in parameters.items()
        },
        **curves,
    )


def _built(build, seed):
    torch.manual_seed(seed)
    module = build()
    arguments.instance(
        "what build returns",
        module,
        nn.Module,
        "an nn.Module such as nn.Linear(2, 3)",
    )
    trained = {n for n, p in module.named_parameters() if p.requires_grad}
    held = {*module.state_dict(), *dict(module.named_buffers())}
    unfit = sorted(held - trained) + [
        name or "the top"
        for name, part in module.named_modules()
        if isinstance(part, nn.modules.dropout._DropoutNd)
    ]
    if unfit or not trained:
        raise ValueError(
            "build's module must hold trained parameters only, as nn.Linear "
            "and nn.LayerNorm do: no buffers, frozen or shared parameters, "
            f"and no dropout; got {', '.join(unfit) or 'none'} in {module}"
        )
    return module


def _stacked(skeleton, parameters, in_dims=(0, 0)):
    """Return the function of x that calls every member at once."""
    call = vmap(lambda own, x: functional_call(skeleton, own, (x,)), in_dims)
    return lambda x: call(parameters, x)


def _member(result, seed, learning_rate):
    """Return the place of one network in the leading axes."""
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


def _check_training(
    dataset, seeds, learning_rates, epochs, batch_size, optimizer, dtype
):
    """Return seeds and learning rates as tuples."""
    arguments.instance(
        "dataset", dataset, Dataset, "a Dataset such as data.digits()"
    )
    arguments.choice("optimizer", optimizer, OPTIMIZERS)
    if dtype not in (torch.float64, torch.float32):
        raise ValueError(
            f"dtype must be torch.float64 or torch.float32, got {dtype!r}"
        )
    if isinstance(seeds, Integral):
        seeds = range(arguments.whole("seeds", seeds, 1))
    seeds = arguments.several("seeds", seeds, arguments.whole)
    rates = arguments.several(
        "learning_rates", learning_rates, arguments.positive
    )
    arguments.whole("epochs", epochs, 0)
    arguments.whole("batch_size", batch_size, 1)
    return seeds, rates


def _descend(
    dataset,
    seeds,
    rates,
    parameters,
    forward,
    *,
    epochs,
    batch_size,
    optimizer,
    progress,
    rngs,
    max_norm=None,
    activation_l1=0.0,
    snapshots=(),
    keep=None,
):
    """Train the parameters in place; return the curves and the snapshots.

    parameters: tensors (S * R, ...), one entry for each seed and rate.
    forward(x, training) maps x (S * R, N, features) to the logits
    (S * R, N, classes) and a list of (pre-activation, activation), each
    (S * R, N, width). A loss is a mean over N, the penalty a sum over the
    width and a mean over N. S * R stays; only the gradient is taken of a sum
    over it. The curves have S and R as their last two axes.
    """
    direction, remembered = OPTIMIZERS[optimizer]
    shape = len(seeds), len(rates)
    members, dtype = len(seeds) * len(rates), parameters[0].dtype
    states = [
        [torch.zeros_like(p) for _ in range(remembered)] for p in parameters
    ]
    rate = torch.tensor(rates, dtype=dtype).repeat(len(seeds))
    step_sizes = [rate.reshape(-1, *(1,) * (p.ndim - 1)) for p in parameters]

    x_train = torch.as_tensor(dataset.x_train, dtype=dtype)
    x_test = torch.as_tensor(dataset.x_test, dtype=dtype)
    y_train = torch.as_tensor(dataset.y_train)
    y_test = torch.as_tensor(dataset.y_test)
    train_loss = torch.zeros(epochs, members, dtype=torch.float64)
    right = torch.zeros(epochs + 1, members, dtype=torch.float64)
    norms, kept = [], {}

    def measure(epoch):
        with torch.no_grad():
            # In parts, so that what a layer makes stays in the cache.
            for x, y in zip(x_test.split(64), y_test.split(64)):
                logits, _ = forward(x.expand(members, -1, -1))
                right[epoch] += (logits.argmax(2) == y).sum(1)

    measure(0)
    step = 0
    for epoch in _epochs(epochs, progress):
        order = torch.as_tensor(
            np.stack([rng.permutation(len(x_train)) for rng in rngs])
        )
        for rows in order.split(batch_size, dim=1):
            # All rates of a seed see the same samples.
            x = x_train[rows].repeat_interleave(len(rates), 0)
            y = y_train[rows].repeat_interleave(len(rates), 0)
            logits, hidden = forward(x, training=True)
            losses = F.cross_entropy(logits.mT, y, reduction="none")
            # The members share no parameter: the gradient of the summed
            # mean losses is, for each parameter, its own member's gradient.
            goal = losses.mean(1).sum()
            if activation_l1:
                goal = goal + activation_l1 * sum(
                    a.abs().sum(2).mean(1).sum() for _, a in hidden
                )
            gradients = torch.autograd.grad(goal, parameters)
            if max_norm is not None:
                gradients = _clipped(gradients, max_norm, norms)
            step += 1
            with torch.no_grad():
                train_loss[epoch] += losses.sum(1)
                for p, gradient, state, step_size in zip(
                    parameters, gradients, states, step_sizes
                ):
                    p.addcmul_(
                        direction(gradient, state, step), step_size, value=-1
                    )
            if step in snapshots:
                kept[step] = keep()
        measure(epoch + 1)

    finite = train_loss.isfinite().all(0)
    for p in parameters:
        finite &= p.detach().reshape(members, -1).isfinite().all(1)
    return {
        "train_loss": (train_loss / len(x_train)).unflatten(1, shape).numpy(),
        "test_accuracy": (right / len(y_test)).unflatten(1, shape).numpy(),
        "diverged": ~finite.unflatten(0, shape).numpy(),
        "gradient_norm": np.array(norms).reshape(-1, *shape),
    }, kept


def _members(kinds):
    """Return the tensors with seeds and rates in one axis, three axes each."""
    return {
        kind: [
            t.reshape(-1, *(1,) * (4 - t.ndim), *t.shape[2:]) for t in tensors
        ]
        for kind, tensors in kinds.items()
    }


def _forward(x, activation, residual, now, training=False):
    """Return the logits, and (pre-activation, activation) of each layer."""
    function = ACTIVATIONS[activation][0]
    weights, biases, slopes, *norms = (now[kind] for kind in KINDS)
    hidden = []
    for layer, (weight, bias) in enumerate(zip(weights[:-1], biases)):
        z = torch.baddbmm(bias, x, weight)
        if norms[0]:
            # A channel for each unit of each member.
            channels = z.transpose(0, 1).flatten(1)
            scale, shift, mean, variance = (n[layer].flatten() for n in norms)
            channels = F.batch_norm(
                channels, mean, variance, scale, shift, training
            )
            z = channels.unflatten(1, (len(z), -1)).transpose(0, 1)
        a = function(z, slopes[layer]) if slopes else function(z)
        hidden.append((z, a))
        x = x + a if residual and layer else a
    return torch.baddbmm(biases[-1], x, weights[-1]), hidden


def _clipped(gradients, max_norm, norms):
    """Return the gradients as clip_grad_norm_ leaves them; note the norms.

    The gradients are (S * R, ., .). A norm is over all their numbers but
    along the first axis, so that each network has its own: (S * R,).
    """
    norm = torch.stack([g.flatten(1).norm(dim=1) for g in gradients])
    norms.append(norm.norm(dim=0))
    factor = (max_norm / (norms[-1] + 1e-6)).clamp(max=1).reshape(-1, 1, 1)
    return [g * factor for g in gradients]


def _linear(own, layer):
    """Return a layer of one network as a torch module."""
    weight, bias = own["weights"][layer], own["biases"][layer]
    # nn.Linear would draw from torch's global random state.
    linear = nn.utils.skip_init(nn.Linear, *weight.shape, dtype=weight.dtype)
    linear.load_state_dict({"weight": weight.T, "bias": bias})
    return linear


def _batch_norm(own, layer):
    """Return a layer's batch normalisation as a torch module."""
    values = [own[kind][layer] for kind in KINDS[3:]]
    norm = nn.BatchNorm1d(len(values[0]), dtype=values[0].dtype)
    names = "weight", "bias", "running_mean", "running_var"
    norm.load_state_dict(dict(zip(names, values)), strict=False)
    return norm


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
