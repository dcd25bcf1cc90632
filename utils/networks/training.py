"""Training: one loop of descent for batches of networks and of modules."""

import copy
from numbers import Integral

import numpy as np
import torch
from IPython import get_ipython
from IPython.display import clear_output
from torch import nn
from torch.func import stack_module_state
from torch.nn import functional as F
from tqdm import tqdm

from .. import arguments, kernel
from ..data import Dataset, RegressionDataset
from .batch import (
    ACTIVATIONS,
    BATCH_NORM,
    KINDS,
    TRAINED,
    Networks,
    flatten,
    forward,
    initialise,
)
from .results import ModulesResult, TrainingResult, stacked


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


# The direction to step in, and how many tensors it remembers per parameter.
OPTIMIZERS = {"sgd": (_sgd, 0), "momentum": (_momentum, 1), "adam": (_adam, 2)}


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
    """Train one network for every seed and learning rate, all at once.

    Each is a fully connected network with hidden layers of the given widths,
    trained on minibatches: with the cross-entropy loss where there are
    classes, with the mean squared error where the targets are numbers.

    Parameters
    ----------
    dataset : Dataset or RegressionDataset
        Samples and labels, such as `data.digits()`, or samples and numbers,
        such as `data.curve()`.
    activation : str or callable
        A name in ACTIVATIONS, or a function that maps a tensor to one of its
        shape, such as torch.abs or nn.LeakyReLU(0.1). "prelu" learns one
        slope per layer, from 0.25 on; a function has nothing to learn.
    widths : int or sequence of int
        The width of each hidden layer; ``()`` for none.
    seeds : int or sequence of int
        Whole numbers, or how many: 10 means 0 to 9. A seed's
        `np.random.default_rng` draws the initial weights, then the biases,
        then each epoch's order of the samples.
    learning_rates : float or sequence of float
        A positive number, or several.
    epochs : int
        How often to go through the training samples.
    batch_size : int
        Samples in a minibatch; the last of an epoch may have fewer.
    optimizer : {"sgd", "momentum", "adam"}
        "momentum" is SGD with momentum 0.9; "adam" has torch's default
        arguments.
    weight_init : {"default", "he", "xavier", "lecun"} or float
        "default" is nn.Linear's, uniform within 1 / sqrt(fan_in) of 0. The
        others are normal, of variance 2 / fan_in ("he"),
        2 / (fan_in + fan_out) ("xavier"), 1 / fan_in ("lecun"), c / fan_in
        (a positive number c).
    bias_init : "default" or float
        "default" is nn.Linear's, uniform within 1 / sqrt(fan_in) of 0, so
        that with both defaults a network starts as nn.Linear does. A number
        is every bias's start.
    batch_norm : bool
        Normalise each hidden layer's pre-activations as nn.BatchNorm1d does.
        Its shift is learned in place of the bias.
    residual : bool
        From the second on, a hidden layer adds its input to its output. The
        widths must be equal.
    max_norm : float, optional
        Scale each network's gradient down to this norm where it is larger,
        as torch's clip_grad_norm_ does. math.inf clips nothing, and records
        the norm.
    activation_l1 : float
        Weight of a penalty, the mean over samples of the summed absolute
        activations of all hidden units.
    snapshots : int or sequence of int
        Numbers of steps after which to keep a copy of the networks.
    dtype : torch.dtype
        The type of all numbers: float64, since float32 results differ between
        processors, or float32.
    progress : bool
        Show a bar to a person who waits. It leaves no output, and a notebook
        executed by a program shows none. In a live notebook it clears what
        the cell printed before.

    Returns
    -------
    TrainingResult
        The networks, their curves, `best()` and `epochs_to()`.

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit; the message says which and what would.

    Examples
    --------
    >>> from utils import data
    >>> train(data.spirals(), seeds=3, learning_rates=[0.1, 1.0], epochs=2)
    TrainingResult(2-32-32-32-2 relu, 3 seeds x 2 learning rates, 2 epochs of \
sgd, 0 diverged)
    >>> train(data.curve(), seeds=3, epochs=2)
    TrainingResult(1-32-32-32-1 relu, 3 seeds x 1 learning rates, 2 epochs of \
sgd, 0 diverged)
    """
    arguments.instance(
        "dataset",
        dataset,
        (Dataset, RegressionDataset),
        "a Dataset such as data.digits(), or a RegressionDataset such as "
        "data.curve()",
    )
    _check_activation(activation, dtype)
    seeds, rates = _check_training(
        seeds, learning_rates, epochs, batch_size, optimizer, dtype
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
    sizes = (dataset.features, *widths, dataset.outputs)
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
        for kind, lists in zip(("weights", "biases"), drawn)
    }
    start["slopes"] = [
        torch.full(shape, 0.25, dtype=dtype)
        for _ in widths
        if activation == "prelu"
    ]
    for kind, (_, value) in BATCH_NORM.items():
        start[kind] = [
            torch.full((*shape, width), value, dtype=dtype)
            for width in widths
            if batch_norm
        ]

    now = {
        kind: [tensor.clone() for tensor in tensors]
        for kind, tensors in flatten(start).items()
    }
    # Under batch normalisation a bias has no effect, and a gradient that is
    # mere rounding, which Adam would blow up.
    biases = now["biases"][-1:] if batch_norm else now["biases"]
    trained = {**now, "biases": biases}
    parameters = [
        p.requires_grad_() for kind in TRAINED for p in trained[kind]
    ]

    def call(x, training=False):
        return forward(x, activation, residual, now, training)

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
        call,
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

    Parameters
    ----------
    build : callable
        A function without arguments that returns a new nn.Module, which maps
        (N, features) to the logits (N, classes). It is called after
        torch.manual_seed(seed), once for each seed, with dtype as torch's
        default type, and always gives the same structure. What the modules
        hold is trained, each number in one place only: no buffers (batch
        normalisation) or other tensors, no frozen or shared parameters, and
        no dropout.
    dataset : Dataset
        Samples and labels, such as `data.digits()`.
    seeds : int or sequence of int
        As in `train`; a seed's `np.random.default_rng` draws each epoch's
        order of the samples.
    learning_rates, epochs, batch_size, optimizer, dtype, progress : see `train`
        As in `train`.

    Returns
    -------
    ModulesResult
        The modules, their curves, `best()` and `epochs_to()`.

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit; the message says which and what would.

    Notes
    -----
    torch.func.vmap lets one call serve all modules. torch's random state is
    left as it was.

    Examples
    --------
    >>> from utils import data
    >>> def build():
    ...     return nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 2))
    >>> train_modules(build, data.spirals(), seeds=3, epochs=2)
    ModulesResult(Sequential, 3 seeds x 1 learning rates, 2 epochs of adam, \
0 diverged)
    """
    arguments.instance(
        "dataset",
        dataset,
        Dataset,
        "a Dataset such as data.digits(), which has classes (`train` takes "
        "numbers, too)",
    )
    seeds, rates = _check_training(
        seeds, learning_rates, epochs, batch_size, optimizer, dtype
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
        call = stacked(skeleton, parameters)
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


def _check_activation(activation, dtype):
    if not callable(activation):
        arguments.choice("activation", activation, ACTIVATIONS)
        return
    wanted = (
        "activation must be a name, such as 'relu', or map a tensor to one of "
        "its shape, such as torch.abs or nn.LeakyReLU(0.1)"
    )
    if isinstance(activation, nn.Module) and [*activation.parameters()]:
        raise ValueError(
            f"{wanted}, and have nothing to learn, got {activation!r}"
        )
    given = torch.ones(1, 2, 3, dtype=dtype, requires_grad=True)
    try:
        made = activation(given)
    except Exception as error:
        raise ValueError(f"{wanted}; it failed: {error}") from error
    if not isinstance(made, torch.Tensor) or made.shape != given.shape:
        shape = tuple(getattr(made, "shape", ()))
        raise ValueError(
            f"{wanted}; of a Tensor {tuple(given.shape)} it made a "
            f"{type(made).__name__} {shape}"
        )
    if not made.requires_grad:
        raise ValueError(f"{wanted}; torch must be able to differentiate it")


def _check_training(
    seeds, learning_rates, epochs, batch_size, optimizer, dtype
):
    """Return seeds and learning rates as tuples."""
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
    call,
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
    call(x, training) maps x (S * R, N, features) to the outputs
    (S * R, N, outputs), the logits where there are classes, and a list of
    (pre-activation, activation), each (S * R, N, width). A loss is a mean over
    N, the penalty a sum over the width and a mean over N. S * R stays; only
    the gradient is taken of a sum over it. The curves have S and R as their
    last two axes.
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
    classes = isinstance(dataset, Dataset)
    train_loss = torch.zeros(epochs, members, dtype=torch.float64)
    right = torch.zeros(epochs + 1, members, dtype=torch.float64)
    if not classes:
        y_train = y_train.to(dtype)
        right.fill_(torch.nan)
    norms, kept = [], {}

    def measure(epoch):
        if not classes:
            return
        with torch.no_grad():
            # In parts, so that what a layer makes stays in the cache.
            for x, y in zip(x_test.split(64), y_test.split(64)):
                logits, _ = call(x.expand(members, -1, -1))
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
            outputs, hidden = call(x, training=True)
            losses = losses_of(outputs, y)
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


def losses_of(outputs, y):
    """Return the loss of every sample.

    Parameters
    ----------
    outputs : Tensor
        (S * R, N, outputs).
    y : Tensor
        Labels or numbers, (S * R, N).

    Returns
    -------
    Tensor
        Cross-entropy of labels, squared error of numbers, (S * R, N).
    """
    if y.is_floating_point():
        return F.mse_loss(outputs.squeeze(2), y, reduction="none")
    return F.cross_entropy(outputs.mT, y, reduction="none")


def _clipped(gradients, max_norm, norms):
    """Return the gradients as clip_grad_norm_ leaves them; note the norms.

    The gradients are (S * R, ., .). A norm is over all their numbers but
    along the first axis, so that each network has its own: (S * R,).
    """
    norm = torch.stack([g.flatten(1).norm(dim=1) for g in gradients])
    norms.append(norm.norm(dim=0))
    factor = (max_norm / (norms[-1] + 1e-6)).clamp(max=1).reshape(-1, 1, 1)
    return [g * factor for g in gradients]


def _epochs(epochs, progress):
    """Yield the epoch numbers, with a bar if a person may be watching."""
    in_notebook = hasattr(get_ipython(), "get_parent")
    if in_notebook:
        # What a program executes must print nothing.
        progress = progress and kernel.person_watches()
    yield from tqdm(range(epochs), disable=not progress, leave=False)
    if progress and in_notebook:
        clear_output()
