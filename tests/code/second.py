"""A second implementation of the trainer, as a textbook would write it.

It trains one network at a time with torch's own modules and optimisers, and
shares no code with utils.networks.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


class Square(nn.Module):
    """The square of what ReLU leaves."""

    def forward(self, x):
        return F.relu(x) ** 2


ACTIVATIONS = {
    "identity": nn.Identity,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "prelu": nn.PReLU,
    "elu": nn.ELU,
    "selu": nn.SELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "swish": nn.SiLU,
    "softplus": nn.Softplus,
    "mish": nn.Mish,
    "hardswish": nn.Hardswish,
    "relu6": nn.ReLU6,
    "relu_squared": Square,
}


class Trained(NamedTuple):
    """A trained network, and how it got there.

    train_loss (epochs,), test_accuracy (epochs + 1,) as shares, and, if
    gradients are clipped, their norm before it at each step.
    """

    network: nn.Module
    train_loss: np.ndarray
    test_accuracy: np.ndarray
    gradient_norm: np.ndarray


class Skip(nn.Sequential):
    """Parts whose input is added to their output."""

    def forward(self, x):
        return x + super().forward(x)


def normal_variance(weight_init, fan_in, fan_out):
    """Return the variance of a normal start's weights."""
    if weight_init == "he":
        return 2 / fan_in
    if weight_init == "xavier":
        return 2 / (fan_in + fan_out)
    if weight_init == "lecun":
        return 1 / fan_in
    return weight_init / fan_in


def start(sizes, rng, weight_init, bias_init):
    """Draw all weights, then all biases; return linear layers with them."""
    shapes = list(zip(sizes, sizes[1:]))
    weights, biases = [], []
    for fan_in, fan_out in shapes:
        if weight_init == "default":
            bound = 1 / math.sqrt(fan_in)
            weights.append(rng.uniform(-bound, bound, (fan_in, fan_out)))
        else:
            variance = normal_variance(weight_init, fan_in, fan_out)
            weights.append(
                rng.normal(0, math.sqrt(variance), (fan_in, fan_out))
            )
    for fan_in, fan_out in shapes:
        if bias_init == "default":
            bound = 1 / math.sqrt(fan_in)
            biases.append(rng.uniform(-bound, bound, fan_out))
        else:
            biases.append(np.full(fan_out, bias_init))
    layers = []
    for weight, bias in zip(weights, biases):
        layer = nn.Linear(*weight.shape, dtype=torch.float64)
        layer.weight.data = torch.tensor(weight.T)
        layer.bias.data = torch.tensor(bias)
        layers.append(layer)
    return layers


def perceptron(
    sizes,
    rng,
    activation="relu",
    weight_init="default",
    bias_init="default",
    batch_norm=False,
    residual=False,
    dtype=torch.float64,
):
    """Return a fully connected network before training."""
    *hidden, last = start(sizes, rng, weight_init, bias_init)
    network = nn.Sequential()
    for number, linear in enumerate(hidden):
        parts = [linear]
        if batch_norm:
            # The norm's own shift is learned in place of the bias.
            linear.bias.requires_grad_(False)
            parts.append(nn.BatchNorm1d(linear.out_features))
        parts.append(ACTIVATIONS[activation]())
        if residual and number > 0:
            parts = [Skip(*parts)]
        network.extend(parts)
    return network.append(last).to(dtype)


def accuracy_of(network, x, y):
    """Return the share of the samples that a network gets right."""
    network.eval()
    with torch.no_grad():
        right = (network(x).argmax(dim=1) == y).sum().item() / len(y)
    network.train()
    return right


def descend(
    network,
    dataset,
    rng,
    learning_rate,
    epochs,
    batch_size=32,
    optimizer="sgd",
    max_norm=None,
    activation_l1=0.0,
    steps=math.inf,
):
    """Train on minibatches in an order that rng draws, for so many steps."""
    dtype = next(network.parameters()).dtype
    x, x_test = (
        torch.tensor(part, dtype=dtype)
        for part in (dataset.x_train, dataset.x_test)
    )
    y, y_test = map(torch.tensor, (dataset.y_train, dataset.y_test))
    numbers = y.is_floating_point()
    learned = [p for p in network.parameters() if p.requires_grad]
    update = {
        "sgd": lambda: torch.optim.SGD(learned, learning_rate),
        "momentum": lambda: torch.optim.SGD(
            learned, learning_rate, momentum=0.9
        ),
        "adam": lambda: torch.optim.Adam(learned, learning_rate),
    }[optimizer]()
    active = []
    for part in network.modules():
        if isinstance(part, tuple(ACTIVATIONS.values())):
            part.register_forward_hook(lambda part, x, a: active.append(a))
    losses, norms, done = [], [], 0
    accuracies = [] if numbers else [accuracy_of(network, x_test, y_test)]
    for _ in range(epochs):
        total = 0.0
        for rows in torch.tensor(rng.permutation(len(x))).split(batch_size):
            active.clear()
            output = network(x[rows])
            if numbers:
                loss = F.mse_loss(output[:, 0], y[rows].to(dtype))
            else:
                loss = F.cross_entropy(output, y[rows])
            total += loss.item() * len(rows)
            if activation_l1:
                for a in active:
                    loss = loss + activation_l1 * a.abs().sum(dim=1).mean()
            update.zero_grad()
            loss.backward()
            if max_norm is not None:
                norm = nn.utils.clip_grad_norm_(learned, max_norm)
                norms.append(norm.item())
            update.step()
            done += 1
            if done == steps:
                break
        losses.append(total / len(x))
        if not numbers:
            accuracies.append(accuracy_of(network, x_test, y_test))
    return Trained(network.eval(), *map(np.array, (losses, accuracies, norms)))


HOW = "batch_size", "optimizer", "max_norm", "activation_l1", "steps"


def train(
    dataset, seed, learning_rate, widths=(32, 32, 32), epochs=15, **options
):
    """Train what `networks.train` trains for one seed and one rate."""
    rng = np.random.default_rng(seed)
    how = {name: options.pop(name) for name in HOW if name in options}
    sizes = dataset.features, *widths, dataset.outputs
    network = perceptron(sizes, rng, **options)
    return descend(network, dataset, rng, learning_rate, epochs, **how)


def train_module(
    build, dataset, seed, learning_rate, epochs=10, optimizer="adam", **how
):
    """Train what `networks.train_modules` trains for one seed and rate."""
    torch.manual_seed(seed)
    torch.set_default_dtype(torch.float64)
    try:
        network = build()
    finally:
        torch.set_default_dtype(torch.float32)
    rng = np.random.default_rng(seed)
    how["optimizer"] = optimizer
    return descend(network, dataset, rng, learning_rate, epochs, **how)
