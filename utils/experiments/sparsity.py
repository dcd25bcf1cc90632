"""Zeros: how many there are after training, what they save, what they help.

Shares are those of exact zeros among the hidden outputs on the test samples,
in percent. Accuracies are test accuracies, in percent.
"""

from functools import partial

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import nn

from .. import data, models, networks, records

# What networks.ACTIVATIONS does not know by name.
FUNCTIONS = {
    "absolute": torch.abs,
    "leaky 0.1": nn.LeakyReLU(0.1),
    "leaky 0.25": nn.LeakyReLU(0.25),
}


def train(dataset, activation, rates, **options):
    """Train as networks.train does, also with a name in `FUNCTIONS`."""
    return networks.train(
        dataset,
        activation=FUNCTIONS.get(activation, activation),
        learning_rates=rates,
        **options,
    )


def last(nets, x):
    """Return each hidden layer's outputs, (S, N, width), one rate only."""
    return [a[:, 0] for _, a in nets.activations(x)]


# --- zeros, and what they save ---


def zero_percent(layers):
    """Return the share of zeros in each layer, (S, layers)."""
    return np.stack(
        [100 * (a == 0).double().flatten(1).mean(dim=1) for a in layers], 1
    )


def stored(layers, dtype, way):
    """Return the bytes of the outputs over those of dense arrays, (S,)."""
    found = []
    for network in zip(*(a.numpy().astype(dtype) for a in layers)):
        size = 0
        for a in network:
            s = csr_array(a)
            size += (
                s.data.nbytes + s.indices.nbytes + s.indptr.nbytes
                if way == "CSR"
                else a[a != 0].nbytes + a.size / 8
            )
        found.append(size / sum(a.nbytes for a in network))
    return found


def needed(layers, size):
    """Return the share of units that some of `size` samples need, (S,)."""
    shares = []
    for a in layers:
        whole = a.shape[1] // size * size
        on = a[:, :whole].unflatten(1, (-1, size)) != 0
        shares.append(on.any(dim=2).double().mean(dim=(1, 2)))
    return torch.stack(shares).mean(dim=0)


def _zeros(layers, before):
    return {
        "before": zero_percent(before),
        "after": zero_percent(layers),
        "CSR, float64": stored(layers, np.float64, "CSR"),
        "CSR, float32": stored(layers, np.float32, "CSR"),
        "mask, float32": stored(layers, np.float32, "mask"),
        "batch of 1": needed(layers, 1),
        "batch of 32": needed(layers, 32),
    }


def _dense(dataset, seeds, width=32, epochs=10):
    result = train(
        dataset,
        "relu",
        0.24,
        widths=(width,) * 3,
        seeds=seeds,
        epochs=epochs,
    )
    x = dataset.x_test
    found = _zeros(last(result, x), last(result.initial, x))
    return found | {"accuracy": result.final_accuracy[:, 0]}


@records.experiment(seeds=60)
def zeros(seeds):
    """Count the zeros of networks of three layers of 32 on the digits.

    Rate 0.24, ten epochs, as in the chapter. "before" and "after" (S, 3): the
    share of zeros in each layer. "CSR, float64", "CSR, float32" and
    "mask, float32" (S,): the bytes of all outputs in this format over those
    of dense arrays. "batch of 1" and "batch of 32" (S,): the share of units
    that some sample of such a batch needs. "accuracy" (S,).
    """
    return _dense(data.digits(), seeds)


@records.experiment(seeds=20)
def zeros_at_the_end(seeds):
    """Count the zeros as in `zeros` after six times the epochs."""
    return _dense(data.digits(), seeds, epochs=60)


@records.experiment(seeds=20)
def zeros_wide(seeds):
    """Count the zeros as in `zeros` in layers of 128 units."""
    return _dense(data.digits(), seeds, width=128)


@records.experiment(seeds=3)
def zeros_wider(seeds):
    """Count the zeros as in `zeros` in layers of 512, after five epochs."""
    return _dense(data.digits(), seeds, width=512, epochs=5)


@records.experiment(seeds=40)
def zeros_signals(seeds):
    """Count the zeros as in `zeros` on MNIST-1D, after 20 epochs.

    The rate 0.24 is the best of 0.06, 0.12, 0.24 and 0.47 there, too.
    """
    return _dense(data.mnist1d(), seeds, epochs=20)


@records.experiment(seeds=10)
def zeros_convolution(seeds):
    """Count the zeros as in `zeros` in a convolutional network on MNIST-1D.

    `models.signal_cnn`, three epochs of Adam at its authors' rate, 0.01. A
    unit of a layer is one channel at one place.
    """
    dataset = data.mnist1d()
    result, untrained = (
        networks.train_modules(
            partial(models.signal_cnn, nn.ReLU),
            dataset,
            seeds=seeds,
            epochs=epochs,
        )
        for epochs in (3, 0)
    )
    layers, before = (
        _outputs(nets, torch.as_tensor(dataset.x_test))
        for nets in (result, untrained)
    )
    return _zeros(layers, before) | {"accuracy": result.final_accuracy[:, 0]}


def _outputs(result, x):
    """Return what each ReLU gives for the samples x, (S, N, units)."""
    found = []
    for seed in result.seeds:
        network, now = result.network(seed, 0.01), x
        found.append([])
        with torch.no_grad():
            for part in network:
                now = part(now)
                if isinstance(part, nn.ReLU):
                    found[-1].append(now.flatten(1))
    return [torch.stack(same) for same in zip(*found)]


# --- what they help ---


def effective_rank(a):
    """Return the effective rank of a layer's outputs a (S, N, units)."""
    a = a - a.mean(dim=1, keepdim=True)
    values = torch.linalg.eigvalsh(a.mT @ a)
    return values.sum(dim=1) ** 2 / values.square().sum(dim=1)


def _directions(dataset, seeds, rates, width=32, epochs=10):
    found = {}
    for name, rate in rates.items():
        result = train(
            dataset,
            name,
            rate,
            widths=(width,) * 3,
            seeds=seeds,
            epochs=epochs,
        )
        a = last(result, dataset.x_train)[2]
        found[f"rank, {name}"] = effective_rank(a)
        found[f"accuracy, {name}"] = result.final_accuracy[:, 0]
    return found


@records.experiment(seeds=60)
def directions(seeds):
    """Count the directions that the third of three layers of 32 uses.

    Digits, ten epochs at the rate 0.24, which is the best for ReLU and GELU;
    0.12, its best, for the identity. "rank, ..." (S,): the effective rank of
    the layer's outputs on the training images, by function; "accuracy, ..."
    (S,).
    """
    names = "relu", "gelu", "silu", "leaky_relu", "leaky 0.1", "leaky 0.25"
    rates = dict.fromkeys(names, 0.24) | {"identity": 0.12}
    return _directions(data.digits(), seeds, rates)


@records.experiment(seeds=20)
def directions_wide(seeds):
    """Count the directions as in `directions` in layers of 128 units."""
    rates = dict.fromkeys(("relu", "gelu", "leaky 0.25"), 0.24)
    return _directions(data.digits(), seeds, rates, width=128)


@records.experiment(seeds=80)
def directions_signals(seeds):
    """Count the directions as in `directions` on MNIST-1D, after 20 epochs.

    Of 0.06, 0.12, 0.24 and 0.47 the rate 0.24 is the best for ReLU and GELU.
    """
    rates = dict.fromkeys(("relu", "gelu", "leaky 0.25"), 0.24)
    return _directions(data.mnist1d(), seeds, rates, epochs=20)


def _scarce(dataset, width, rates, seeds, epochs):
    return {
        name: train(
            dataset,
            name,
            rate,
            widths=(width,),
            seeds=seeds,
            epochs=epochs,
        ).final_accuracy[:, 0]
        for name, rate in rates.items()
    }


@records.experiment(seeds=200)
def few_units_digits(seeds):
    """Compare functions in one layer of four units on the digits.

    30 epochs, each at the best of the rates 1/16 to 1/2. Accuracies by the
    function's name, (S,).
    """
    rates = {
        "relu": 1 / 8,
        "leaky_relu": 1 / 8,
        "leaky 0.1": 1 / 2,
        "leaky 0.25": 1 / 4,
        "gelu": 1 / 8,
        "tanh": 1 / 8,
        "absolute": 1 / 4,
        "identity": 1 / 8,
    }
    return _scarce(data.digits(), 4, rates, seeds, 30)


@records.experiment(seeds=200)
def few_units_spirals(seeds):
    """Compare functions in one layer of eight units on two spirals.

    40 epochs, each at the best of the rates 1/8 to 2. Accuracies by the
    function's name, (S,).
    """
    rates = {
        "relu": 1.0,
        "leaky_relu": 1.0,
        "leaky 0.1": 1 / 2,
        "leaky 0.25": 1 / 2,
        "gelu": 1.0,
        "tanh": 1.0,
        "absolute": 1 / 8,
        "identity": 1 / 8,
    }
    return _scarce(data.spirals(), 8, rates, seeds, 40)


@records.experiment(seeds=300)
def few_units_at_the_end(seeds):
    """Compare functions as in `few_units_spirals`, six times the epochs."""
    rates = {"relu": 1.0, "gelu": 1.0, "leaky 0.25": 1 / 2}
    return _scarce(data.spirals(), 8, rates, seeds, 240)


@records.experiment(seeds=120)
def few_units_signals(seeds):
    """Compare functions in one layer of eight units on MNIST-1D.

    20 epochs, each at the best of the rates 1/16 to 1. Accuracies by the
    function's name, (S,).
    """
    rates = dict.fromkeys(("relu", "gelu", "leaky 0.25", "absolute"), 1 / 8)
    rates["identity"] = 1 / 16
    return _scarce(data.mnist1d(), 8, rates, seeds, 20)


@records.experiment(seeds=40)
def penalty(seeds):
    """Penalise the activations of three layers of 32 on the digits.

    Ten epochs; the penalties 0, 0.001, 0.003 and 0.01 for ReLU at the rates
    0.24 and 0.47, and 0 and 0.003 for GELU at 0.24. "zeros", "dead" (share
    of dead units, in percent) and "accuracy" (S, 2, 4) of ReLU; "rank",
    "near 0" (outputs below 1 % of a layer's scale) and "z < 0", both in
    percent, of the third layer on the training images at the rate 0.24, and
    "score" (the accuracy): (S, 4), where the columns are ReLU without
    and with the penalty 0.003, and GELU without and with it.
    """
    digits = data.digits()
    options = {"widths": (32,) * 3, "seeds": seeds, "epochs": 10}
    nets = [
        train(digits, "relu", (0.24, 0.47), activation_l1=weight, **options)
        for weight in (0, 0.001, 0.003, 0.01)
    ]
    smooth = [
        train(digits, "gelu", 0.24, activation_l1=weight, **options)
        for weight in (0, 0.003)
    ]
    third = [
        [t[:, 0] for t in result.activations(digits.x_train)[2]]
        for result in (nets[0], nets[2], *smooth)
    ]
    return {
        "zeros": np.stack([_mean_zeros(r, digits.x_test) for r in nets], 2),
        "dead": np.stack([_dead(r, digits.x_train) for r in nets], 2),
        "accuracy": np.stack([r.final_accuracy for r in nets], 2),
        "rank": np.stack([effective_rank(a) for _, a in third], 1),
        "near 0": np.stack([_near(a) for _, a in third], 1),
        "z < 0": np.stack(
            [100 * (z < 0).double().mean(dim=(1, 2)) for z, _ in third], 1
        ),
        "score": np.stack(
            [r.final_accuracy[:, 0] for r in (nets[0], nets[2], *smooth)], 1
        ),
    }


def _mean_zeros(nets, x):
    shares = [
        (a == 0).double().mean(dim=(2, 3)) for _, a in nets.activations(x)
    ]
    return 100 * torch.stack(shares).mean(dim=0).numpy()


def _dead(nets, x):
    """Return the units of ReLU networks that are never on, in percent."""
    shares = [
        (z <= 0).all(dim=2).double().mean(dim=2)
        for z, _ in nets.activations(x)
    ]
    return 100 * torch.stack(shares).mean(dim=0).numpy()


def _near(a):
    scale = a.square().mean(dim=(1, 2), keepdim=True).sqrt()
    return 100 * (a.abs() < 0.01 * scale).double().mean(dim=(1, 2))
