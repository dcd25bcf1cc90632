"""Activations in practice: convolutions, transformer blocks, few labels.

The digits are moved, as in chapter 10. Rates that were chosen on its
held-back images are named as such; no test image has a say in them.
"""

from functools import partial

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from .. import data, models, networks, records

MODULES = {"ReLU": nn.ReLU, "GELU": nn.GELU, "none": nn.Identity}
KINDS = (*models.FEED_FORWARD, "squared ReLU")


def moved_digits():
    """Return the moved digits with the first 900 of them for training.

    Returns
    -------
    Dataset
        New arrays at each call.
    """
    whole = data.moved_digits()
    return data.Dataset(
        whole.x_train[:900], whole.y_train[:900], whole.x_test, whole.y_test
    )


def _train(build, seeds, rate, epochs, **options):
    """Train modules on the moved digits, at one rate."""
    return networks.train_modules(
        build,
        moved_digits(),
        seeds=seeds,
        learning_rates=rate,
        epochs=epochs,
        batch_size=64,
        **options,
    )


def _percent(result, last, over=3):
    """Return the mean test accuracy of the epochs up to the last, (S,)."""
    epochs = slice(last - over + 1, last + 1)
    return 100 * result.test_accuracy[epochs, :, 0].mean(axis=0)


def _ends(result, epochs):
    """Return `_percent` for each of these last epochs, (S, epochs)."""
    return np.stack([_percent(result, last) for last in epochs], axis=1)


@records.experiment(seeds=60, tolerance=3)
def convolutions(seeds):
    """Train `models.cnn` with ReLU, GELU and none for eight epochs.

    For each of `MODULES` the test accuracy in percent, (S,), at the rate
    that chapter 10 found on held-back images: 0.02, for GELU 0.04.
    """
    return {
        name: _percent(
            _train(
                partial(models.cnn, module),
                seeds,
                0.04 if name == "GELU" else 0.02,
                8,
            ),
            8,
            over=1,
        )
        for name, module in MODULES.items()
    }


@records.experiment(seeds=40, tolerance=8)
def convolutions_longer(seeds):
    """Train the same for six times as long.

    For each of `MODULES`, the mean test accuracy in percent over three
    epochs that end with the epochs 3, 8, 16, 24 and 48, (S, 5), at the
    rate 0.01, which of 0.005 to 0.04 is the best at the end for each.
    """
    return {
        name: _ends(
            _train(
                partial(models.cnn, module),
                seeds,
                0.01,
                48,
                dtype=torch.float32,
            ),
            (3, 8, 16, 24, 48),
        )
        for name, module in MODULES.items()
    }


@records.experiment(seeds=40, tolerance=3)
def blocks(seeds):
    """Train a transformer block with each kind of feed-forward layer.

    For each of `KINDS`, the test accuracy in percent after seven epochs
    at the rate of chapter 10, 0.015, (S,).
    """
    return {
        kind: _percent(
            _train(partial(_block, kind), seeds, 0.015, 7), 7, over=1
        )
        for kind in KINDS
    }


@records.experiment(seeds=30, tolerance=8)
def blocks_longer(seeds):
    """Train five of these kinds for six times as long.

    For each kind, the mean test accuracy in percent over three epochs
    that end with the epochs 3, 7, 14, 28 and 42, (S, 5), at the rate
    0.015. A third of it is level with it at the end.
    """
    return {
        kind: _ends(
            _train(
                partial(_block, kind), seeds, 0.015, 42, dtype=torch.float32
            ),
            (3, 7, 14, 28, 42),
        )
        for kind in ("ReLU", "GELU", "SwiGLU", "bilinear", "none")
    }


def _block(kind, depth=1):
    """Return `models.Transformer` with a feed-forward layer of `KINDS`."""
    if kind in models.FEED_FORWARD:
        return models.Transformer(kind, depth)
    network = models.Transformer("ReLU", depth)
    for block in network.blocks:
        block.feed_forward[1] = networks.ReLUSquared()
    return network


def arrived(network, x, y):
    """Return which share of the gradient arrives at the first block.

    Parameters
    ----------
    network : Transformer
        Its numbers are float64.
    x, y : ndarray
        Images, (N, 64), and their labels, (N,).

    Returns
    -------
    float
        The norm of the gradient with respect to what enters the first block,
        over that with respect to what leaves the last.
    """
    first = network.embedded(torch.as_tensor(x))
    last = network.blocks(first)
    loss = F.cross_entropy(network.head(last.flatten(1)), torch.as_tensor(y))
    here, there = torch.autograd.grad(loss, [first, last])
    return float(here.norm() / there.norm())


@records.experiment(seeds=40)
def gradients(seeds):
    """Send a gradient back through twelve untrained transformer blocks.

    "ReLU", "GELU" and "none", `arrived` on 60 test images, (S,); "ReLU,
    cut" and so on, without skip connections.
    """
    task, found = moved_digits(), {}
    few = task.x_test[:60], task.y_test[:60]
    for skip, cut in ((1, ""), (0, ", cut")):
        for kind in MODULES:
            start = _train(
                partial(models.Transformer, kind, 12, skip), seeds, 0.01, 0
            )
            found[kind + cut] = [
                arrived(start.network(seed, 0.01), *few) for seed in seeds
            ]
    return found


@records.experiment(seeds=20, tolerance=0.05)
def gradients_trained(seeds):
    """Send a gradient back through four blocks after training.

    "ReLU" and "GELU": `arrived` on 60 test images after seven epochs at
    the rate 0.01, (S,); "ReLU, accuracy" and so on, in percent, (S,).
    """
    task, found = moved_digits(), {}
    few = task.x_test[:60], task.y_test[:60]
    for kind in "ReLU", "GELU":
        result = _train(partial(models.Transformer, kind, 4), seeds, 0.01, 7)
        found[kind] = [
            arrived(result.network(seed, 0.01), *few) for seed in seeds
        ]
        found[f"{kind}, accuracy"] = _percent(result, 7, over=1)
    return found


def classes(whole, first, few=None):
    """Return five classes of a data set as classes 0 to 4.

    Parameters
    ----------
    whole : Dataset
        Samples of ten classes.
    first : int
        The first of the five.
    few : int, optional
        How many training samples of each class; all by default.

    Returns
    -------
    Dataset
        The samples, those for training sorted by class.
    """
    rows = np.concatenate(
        [
            np.flatnonzero(whole.y_train == label)[:few]
            for label in range(first, first + 5)
        ]
    )
    test = (whole.y_test >= first) & (whole.y_test < first + 5)
    return data.Dataset(
        whole.x_train[rows],
        whole.y_train[rows] - first,
        whole.x_test[test],
        whole.y_test[test] - first,
    )


# For each task: the network, the width of its features, how its body is
# trained, and the rates of a head on its features with and without ReLU.
TASKS = {
    "digits": (data.moved_digits, models.cnn, 48, (0.03, 6, 64), (0.03, 0.01)),
    "signals": (
        data.mnist1d,
        models.signal_cnn,
        125,
        (0.02, 8, 125),
        (0.01, 0.003),
    ),
}
TYPES = {"digits": torch.float64, "signals": torch.float32}


def _body(title, module, seeds):
    """Train networks on the classes 0 to 4; return one for each seed."""
    load, build, _, (rate, epochs, size), _ = TASKS[title]
    result = networks.train_modules(
        partial(build, module, 5),
        classes(load(), 0),
        seeds=seeds,
        learning_rates=rate,
        epochs=epochs,
        batch_size=size,
        dtype=TYPES[title],
    )
    return [result.network(seed, rate) for seed in seeds]


def _heads(title, seeds):
    """Train a head with each of `MODULES` on the features of ReLU bodies."""
    load, *_, rates = TASKS[title]
    new, found = classes(load(), 5, few=20), {}
    bodies = [body[:-1].double() for body in _body(title, nn.ReLU, seeds)]
    for name, key, rate in (
        ("ReLU", "relu", rates[0]),
        ("GELU", "gelu", rates[0]),
        ("none", "identity", rates[1]),
    ):
        found[name] = []
        for seed, body in zip(seeds, bodies):
            features = data.Dataset(
                body(torch.as_tensor(new.x_train)).detach(),
                new.y_train,
                body(torch.as_tensor(new.x_test)).detach(),
                new.y_test,
            )
            result = networks.train(
                features,
                activation=key,
                widths=32,
                seeds=[seed],
                learning_rates=rate,
                epochs=20,
                batch_size=20,
                optimizer="adam",
            )
            found[name].append(100 * result.test_accuracy[-1, 0, 0])
    return found


@records.experiment(seeds=60, tolerance=5)
def heads(seeds):
    """Train a head of 32 units on the features of a frozen body.

    For each of `MODULES`, as the head's activation, the test accuracy on
    the digits 5 to 9 in percent after 20 epochs on 20 images each, (S,).
    The body has ReLU; the head's rate is the best of four.
    """
    return _heads("digits", seeds)


@records.experiment(seeds=20, tolerance=5)
def heads_signals(seeds):
    """Do the same on the classes 5 to 9 of MNIST-1D.

    As of `heads`.
    """
    return _heads("signals", seeds)


FINE_RATES = 0.01, 0.02, 0.04


def fine_tuned(title, module, seeds, epochs):
    """Train whole bodies on the classes 5 to 9, 20 samples each.

    Parameters
    ----------
    title : {"digits", "signals"}
        The task.
    module : callable
        Makes the activation.
    seeds : sequence of int
        The S seeds.
    epochs : int
        How often to go through the 100 samples.

    Returns
    -------
    ModulesResult
        With the rates `FINE_RATES`.
    """
    load, _, width, *_ = TASKS[title]
    bodies = iter(_body(title, module, seeds))

    def build():
        network = next(bodies)
        network[-1] = nn.Linear(width, 5)
        return network

    return networks.train_modules(
        build,
        classes(load(), 5, few=20),
        seeds=seeds,
        learning_rates=FINE_RATES,
        epochs=epochs,
        batch_size=20,
        dtype=TYPES[title],
    )


@records.experiment(seeds=100, tolerance=5)
def tuning(seeds):
    """Fine-tune bodies with ReLU, GELU and none on few digits.

    For each of `MODULES`, such as "ReLU": "ReLU" and "ReLU, end", the
    test accuracy in percent after 12 and 72 epochs at three rates,
    (S, 3).
    """
    found = {}
    for name, module in MODULES.items():
        result = fine_tuned("digits", module, seeds, 72)
        found[name] = 100 * result.test_accuracy[12]
        found[f"{name}, end"] = 100 * result.test_accuracy[72]
    return found


@records.experiment(seeds=12, tolerance=5)
def tuning_signals(seeds):
    """Fine-tune bodies with ReLU and GELU on few signals.

    "ReLU" and "GELU": the test accuracy in percent after 12 epochs at
    three rates, (S, 3).
    """
    return {
        name: 100
        * fine_tuned("signals", MODULES[name], seeds, 12).test_accuracy[12]
        for name in ("ReLU", "GELU")
    }


@records.experiment(seeds=40)
def zeros(seeds):
    """Count the zeros in the gradient before fine-tuning with ReLU.

    "1" and "20": the exact zeros in the gradient of minibatches of that
    many images, in percent, the mean over 20 images, (S,).
    """
    result = fine_tuned("digits", nn.ReLU, seeds, 0)
    new = classes(data.moved_digits(), 5, few=20)
    found = {"1": [], "20": []}
    for seed in seeds:
        network = result.network(seed, FINE_RATES[0])
        for size, shares in found.items():
            batches = np.arange(0, 100, 5).reshape(-1, int(size))
            shares.append(
                np.mean([_zero_share(network, new, rows) for rows in batches])
            )
    return found


def _zero_share(network, dataset, rows):
    """Return the zeros in the gradient of these samples, in percent."""
    x = torch.as_tensor(dataset.x_train[rows])
    loss = F.cross_entropy(network(x), torch.as_tensor(dataset.y_train[rows]))
    gradients = torch.autograd.grad(loss, list(network.parameters()))
    entries = torch.cat([gradient.flatten() for gradient in gradients])
    return 100 * float((entries == 0).double().mean())


# The best of 0.01, 0.02 and 0.04.
SIGNAL_RATES = {"relu": 0.02, "gelu": 0.04, "elu": 0.04, "identity": 0.01}


@records.experiment(seeds=8, tolerance=5)
def signals(seeds):
    """Train `models.signal_cnn` on MNIST-1D with ReLU, GELU, ELU and none.

    For each function, such as "relu": "relu", the test accuracy in
    percent after eight epochs, (S,), and "relu, epochs", those to 60 %,
    inf if twelve were not enough. "relu, end" and "gelu, end", the mean of
    the epochs 22 to 24. "gelu, negative", the outputs below 0 at the
    end in percent, (S,).
    """
    found, task = {}, data.mnist1d()
    for name, rate in SIGNAL_RATES.items():
        longer = name in ("relu", "gelu")
        result = networks.train_modules(
            partial(models.signal_cnn, networks.ACTIVATIONS[name][1]),
            task,
            seeds=seeds,
            learning_rates=rate,
            epochs=24 if longer else 12,
            batch_size=250,
            dtype=torch.float32,
        )
        found[name] = 100 * result.test_accuracy[8, :, 0]
        found[f"{name}, epochs"] = result.epochs_to(0.6)[:, 0]
        if longer:
            found[f"{name}, end"] = _percent(result, 24)
        if name == "gelu":
            found["gelu, negative"] = [
                _negative(result.network(seed, rate), task.x_test)
                for seed in seeds
            ]
    return found


def _negative(network, x):
    """Return the share of outputs of GELU below 0, in percent."""
    caught, a = [], torch.as_tensor(x, dtype=torch.float32)
    for part in network:
        a = part(a)
        if isinstance(part, nn.GELU):
            caught.append(float((a < 0).double().mean()))
    return 100 * np.mean(caught)
