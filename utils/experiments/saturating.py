"""Sigmoid, tanh and ReLU: who learns sooner, and who ends up better.

All start as PyTorch's layers do, or from a start made for each. "identity"
is a network without activation, the control. Each has its best rate, found in
a trial with the same seeds, and perhaps others beside it; the arrays are
(S, R) where nothing else is said. Accuracies are
test accuracies in percent. An "own start" has weights of variance 16/n for
sigmoid, 2/n (He) for ReLU and Xavier's for the others.
"""

import numpy as np
import torch
from torch import nn

from .. import data, models, networks, records

OWN_STARTS = {
    "sigmoid": 16,
    "tanh": "xavier",
    "relu": "he",
    "identity": "xavier",
}


def compete(dataset, rates, starts, quick, **options):
    """Train each function at its rates.

    Parameters
    ----------
    dataset : Dataset
        What to learn.
    rates : dict of str to tuple
        The learning rates of each function.
    starts : dict of str to object
        Each function's `weight_init`; PyTorch's start where it has none.
    quick : int
        The epoch of the quick start.
    **options
        The other arguments of `networks.train`.

    Returns
    -------
    dict of str to ndarray
        For "relu" and so on: "relu, quick" and "relu, end" are accuracies,
        "relu, to 90 %" the epochs to a test accuracy of 90 %, and
        "relu, to loss 0.2" those to a training loss of 0.2.
    """
    found = {}
    for name, own in rates.items():
        result = networks.train(
            dataset,
            activation=name,
            learning_rates=own,
            weight_init=starts.get(name, "default"),
            **options,
        )
        found |= {
            f"{name}, quick": 100 * result.test_accuracy[quick],
            f"{name}, end": result.final_accuracy,
            f"{name}, to 90 %": result.epochs_to(0.9),
            f"{name}, to loss 0.2": result.epochs_to(0.2, by="train_loss"),
        }
    return found


@records.experiment(seeds=60, tolerance=3)
def pytorch_start(seeds):
    """Train three hidden layers of 16 on digits, from PyTorch's start.

    The quick start is 10 epochs, the end 60; for the arrays see `compete`.
    "relu, to 90 %" has one rate more, 1/2, which is the fastest to there and
    too harsh for sixty epochs.
    """
    rates = {
        "sigmoid": (2.0, 4.0),
        "tanh": (0.5, 1.0),
        "relu": (0.125, 0.25),
        "identity": 0.1,
    }
    options = {"widths": (16,) * 3, "seeds": seeds}
    found = compete(data.digits(), rates, {}, 10, epochs=60, **options)
    harsh = compete(data.digits(), {"relu": 0.5}, {}, 15, epochs=15, **options)
    both = found["relu, to 90 %"], harsh["relu, to 90 %"]
    return found | {"relu, to 90 %": np.hstack(both)}


@records.experiment(seeds=120, tolerance=3)
def own_start(seeds):
    """Train three hidden layers of 16 on digits, each from its own start.

    The quick start is 10 epochs, the end 60; for the arrays see `compete`.
    """
    rates = {
        "sigmoid": (2.0, 4.0),
        "tanh": 0.5,
        "relu": 0.25,
        "identity": 0.1,
    }
    return compete(
        data.digits(),
        rates,
        OWN_STARTS,
        10,
        widths=(16,) * 3,
        epochs=60,
        seeds=seeds,
    )


@records.experiment(seeds=120, tolerance=3)
def one_layer(seeds):
    """Train one hidden layer of 16 on digits, from PyTorch's start.

    The quick start is 5 epochs, the end 30; for the arrays see `compete`.
    """
    rates = {
        "sigmoid": (0.5, 1.0, 2.0),
        "tanh": (0.25, 0.5),
        "relu": (0.25, 0.5),
        "identity": (0.1, 0.3, 1.0),
    }
    return compete(
        data.digits(), rates, {}, 5, widths=(16,), epochs=30, seeds=seeds
    )


@records.experiment(seeds=36, tolerance=3)
def wide(seeds):
    """Train three hidden layers of 128 on digits, each from its own start.

    The quick start is 10 epochs, and there is no later end; for the arrays
    see `compete`. "sigmoid, PyTorch's" is sigmoid's accuracy from PyTorch's
    start after 10 epochs.
    """
    rates = {"sigmoid": 1.0, "tanh": 0.25, "relu": 0.25, "identity": 0.03}
    options = {"widths": (128,) * 3, "epochs": 10, "seeds": seeds}
    found = compete(data.digits(), rates, OWN_STARTS, 10, **options)
    other = compete(data.digits(), {"sigmoid": 2.0}, {}, 10, **options)
    return found | {"sigmoid, PyTorch's": other["sigmoid, end"]}


@records.experiment(seeds=4, tolerance=3)
def very_wide(seeds):
    """Train three hidden layers of 512 on digits, each from its own start.

    Five epochs; for the arrays see `compete`.
    """
    return compete(
        data.digits(),
        {"tanh": 0.1, "relu": 0.1},
        OWN_STARTS,
        5,
        widths=(512,) * 3,
        epochs=5,
        seeds=seeds,
    )


@records.experiment(seeds=20, tolerance=3)
def signals(seeds):
    """Train three hidden layers of 32 on MNIST-1D, each from its own start.

    The quick start is 10 epochs, the end 20. "sigmoid, PyTorch's" is
    sigmoid's accuracy from PyTorch's start after 20.
    """
    rates = {
        "sigmoid": 1.0,
        "tanh": (0.1, 0.2),
        "relu": (0.1, 0.2),
        "identity": 0.03,
    }
    options = {"widths": (32,) * 3, "epochs": 20, "seeds": seeds}
    found = compete(data.mnist1d(), rates, OWN_STARTS, 10, **options)
    other = compete(data.mnist1d(), {"sigmoid": 4.0}, {}, 10, **options)
    found["sigmoid, PyTorch's"] = other["sigmoid, end"]
    # Nobody reads 90 % of the signals.
    return {k: v for k, v in found.items() if " to " not in k}


@records.experiment(seeds=16, tolerance=15)
def signals_cnn(seeds):
    """Train the convolutional network of MNIST-1D's authors, with Adam.

    PyTorch's start, 12 epochs, minibatches of 100, each function at one rate,
    found by trying. For "relu" and so on: "relu, end" are accuracies, (S,),
    and "relu, to loss 1" the epochs to a training loss of 1.
    """
    found = {}
    for name, activation, rate in (
        ("tanh", nn.Tanh, 0.02),
        ("relu", nn.ReLU, 0.02),
        ("identity", nn.Identity, 0.003),
    ):
        result = networks.train_modules(
            lambda activation=activation: models.signal_cnn(activation),
            data.mnist1d(),
            seeds=seeds,
            learning_rates=rate,
            epochs=12,
            batch_size=100,
            dtype=torch.float32,
        )
        found[f"{name}, end"] = 100 * result.test_accuracy[-1, :, 0]
        epochs = result.epochs_to(1.0, by="train_loss")
        found[f"{name}, to loss 1"] = np.squeeze(epochs, axis=1)
    return found
