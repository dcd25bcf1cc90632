"""Thirty layers whose negative slope is chosen: between ReLU and a line.

A unit is sqrt(2 / (1 + a^2)) times leaky ReLU of the slope a, so that weights
of variance 1/n keep signal and gradient: a = 0 is ReLU with He's start, and
a = 1 the network without activation, the control. Biases start at 0, training
is plain SGD. Accuracies are test accuracies in percent.
"""

import numpy as np
import torch

from .. import data, networks, records

SLOPES = 0.0, 0.25, 0.5, 0.7, 0.85, 1.0


class Tailored:
    """Leaky ReLU with a slope for each member of a batch of networks.

    Parameters
    ----------
    slopes : array_like
        The slope of each member, in the order of the batch.

    Examples
    --------
    >>> Tailored([0.0, 1.0])(torch.tensor([[[-2.0]], [[-2.0]]])).flatten()
    tensor([-0., -2.])
    """

    def __init__(self, slopes):
        self.slopes = torch.as_tensor(np.asarray(slopes)[:, None, None])

    def __call__(self, z):
        """Return the activations of z, (members, N, units)."""
        slopes = self.slopes[: len(z)].to(z.dtype)
        factor = (2 / (1 + slopes**2)).sqrt()
        return torch.where(z > 0, factor * z, factor * slopes * z)


def train(dataset, slopes, rates, *, seeds, layers=30, **options):
    """Train networks of these slopes, each at its rate, in one batch.

    Parameters
    ----------
    dataset : Dataset
        What to learn.
    slopes, rates : sequence of float
        The negative slope and the learning rate of each contender.
    seeds : sequence of int
        The S seeds.
    layers : int
        The number of hidden layers of 32 units.
    **options
        The other arguments of `networks.train`.

    Returns
    -------
    TrainingResult
        With a column for each contender.
    """
    # The rates of the columns must differ: a millionth does.
    columns = np.multiply(rates, 1 + 1e-6 * np.arange(len(rates)))
    return networks.train(
        dataset,
        activation=Tailored(np.tile(slopes, len(seeds))),
        weight_init=1.0,
        bias_init=0.0,
        widths=(32,) * layers,
        learning_rates=columns,
        seeds=seeds,
        dtype=torch.float32,
        **options,
    )


def bent(result, x):
    """Return how much of the networks' outputs no affine map explains.

    Parameters
    ----------
    result : TrainingResult
        S seeds in R columns.
    x : ndarray
        Samples, (N, features).

    Returns
    -------
    ndarray
        Percent of the variance of the logits that is left by the affine map
        closest to them, (S, R); nan where a network diverged.
    """
    logits = result.predict(x).double().numpy()
    logits -= logits.mean(axis=2, keepdims=True)
    # An orthonormal basis of what is affine in x, beside the constant.
    basis = np.linalg.qr(x - x.mean(axis=0))[0]
    explained = np.square(basis.T @ logits).sum(axis=(2, 3))
    return 100 * (1 - explained / np.square(logits).sum(axis=(2, 3)))


@records.experiment(seeds=40, tolerance=15)
def digits(seeds):
    """Train thirty hidden layers of each slope on digits for five epochs.

    For each of `SLOPES`, such as "0.85", the accuracies at two rates, (S, 2):
    0.008 and 0.016, the best of five from 0.002 to 0.03 in trials with other
    seeds.
    """
    result = train(
        data.digits(),
        np.repeat(SLOPES, 2),
        np.tile([0.008, 0.016], len(SLOPES)),
        epochs=5,
        seeds=seeds,
    )
    return {
        f"{slope:g}": result.final_accuracy[:, 2 * k : 2 * k + 2]
        for k, slope in enumerate(SLOPES)
    }


def _end(dataset, rates, seeds, **options):
    result = train(dataset, SLOPES, rates, epochs=30, seeds=seeds, **options)
    left = bent(result, dataset.x_train)
    found = {}
    for k, slope in enumerate(SLOPES):
        found[f"{slope:g}"] = result.final_accuracy[:, k]
        found[f"{slope:g}, bent"] = left[:, k]
    return found


@records.experiment(seeds=20, tolerance=20)
def digits_end(seeds):
    """Train thirty hidden layers of each slope on digits for thirty epochs.

    For each of `SLOPES`: "0.85" and so on, the accuracies, (S,), at the best
    of three rates, found in a trial with three other seeds, and "0.85, bent",
    see `bent`, on the training images, (S,).
    """
    rates = 0.008, 0.008, 0.004, 0.004, 0.008, 0.008
    return _end(data.digits(), rates, seeds)


@records.experiment(seeds=12, tolerance=8)
def signals(seeds):
    """Train thirty hidden layers of each slope on MNIST-1D, 1200 steps.

    Thirty epochs with minibatches of 100. As of `digits_end`; and "3 layers",
    which is ReLU with three hidden layers, at four rates, (S, 4).
    """
    task, size = data.mnist1d(), 100
    rates = 0.02, 0.02, 0.02, 0.02, 0.02, 0.01
    found = _end(task, rates, seeds, batch_size=size)
    few = (0.05, 0.1, 0.2, 0.4)
    shallow = train(
        task,
        np.zeros(4),
        few,
        epochs=30,
        seeds=seeds,
        layers=3,
        batch_size=size,
    )
    return found | {"3 layers": shallow.final_accuracy}
