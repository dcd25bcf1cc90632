"""Ten and thirty layers: who can be trained, from which weight scale.

Weights have variance c/n for n inputs, biases are 0, training is plain
gradient descent. "identity" is a network without activation, the control.
Accuracies are test accuracies in percent.
"""

import numpy as np

from .. import data, diagnostics, networks, records


def accuracies(dataset, contenders, **options):
    """Train each contender at its rates.

    Parameters
    ----------
    dataset : Dataset
        What to learn.
    contenders : dict of str to tuple
        By a name such as "relu, c = 2": activation, start and learning rates.
    **options
        The other arguments of `networks.train`.

    Returns
    -------
    dict of str to ndarray
        The accuracy of each contender after the last epoch, (S, R).
    """
    return {
        title: networks.train(
            dataset,
            activation=activation,
            weight_init=start,
            bias_init=0.0,
            learning_rates=rates,
            **options,
        ).final_accuracy
        for title, (activation, start, rates) in contenders.items()
    }


@records.experiment(seeds=40, tolerance=5)
def thirty_layers(seeds):
    """Train thirty hidden layers of 32 on digits for five epochs.

    ReLU has He's start, tanh and "identity" have Xavier's; the accuracies are
    (S, 1), at the best of three rates, found in a trial with the same seeds.
    """
    contenders = {
        "relu": ("relu", "he", 0.03),
        "tanh": ("tanh", "xavier", 0.03),
        "identity": ("identity", "xavier", 0.01),
    }
    return accuracies(
        data.digits(), contenders, widths=(32,) * 30, epochs=5, seeds=seeds
    )


@records.experiment(seeds=40, tolerance=5)
def ten_layers(seeds):
    """Train ten hidden layers of 32 on digits for five epochs.

    The accuracies are (S, R), at the best rate, found in a trial with the
    same seeds, and at others beside it. "3 layers" is ReLU with He's start
    and three layers.
    """
    contenders = {
        "relu, c = 1/3": ("relu", 1 / 3, (0.1, 1.0)),
        "relu, c = 1": ("relu", 1.0, 0.1),
        "relu, c = 2": ("relu", 2.0, (0.05, 0.1)),
        "tanh, c = 1/3": ("tanh", 1 / 3, (0.15, 0.3)),
        "tanh, c = 1": ("tanh", 1.0, (0.05, 0.1)),
        "sigmoid, c = 40": ("sigmoid", 40.0, (0.15, 0.3)),
        "sigmoid, c = 103": ("sigmoid", 103.0, (0.1, 0.2)),
        "identity, c = 1": ("identity", 1.0, 0.03),
    }
    options = {"epochs": 5, "seeds": seeds}
    found = accuracies(data.digits(), contenders, widths=(32,) * 10, **options)
    shallow = {"3 layers": ("relu", 2.0, (0.1, 0.2))}
    return found | accuracies(
        data.digits(), shallow, widths=(32,) * 3, **options
    )


@records.experiment(seeds=40, tolerance=5)
def ten_layers_end(seeds):
    """Train ten hidden layers of 32 on digits for thirty epochs.

    At the rates that were best after five; the accuracies are (S, 1).
    """
    contenders = {
        "relu, c = 2": ("relu", 2.0, 0.1),
        "tanh, c = 1/3": ("tanh", 1 / 3, 0.3),
        "tanh, c = 1": ("tanh", 1.0, 0.2),
        "sigmoid, c = 40": ("sigmoid", 40.0, 0.3),
        "identity, c = 1": ("identity", 1.0, 0.03),
    }
    found = accuracies(
        data.digits(), contenders, widths=(32,) * 10, epochs=30, seeds=seeds
    )
    shallow = {"3 layers": ("relu", 2.0, (0.1, 0.2, 0.4))}
    return found | accuracies(
        data.digits(), shallow, widths=(32,) * 3, epochs=30, seeds=seeds
    )


@records.experiment(seeds=12, tolerance=5)
def wide_layers(seeds):
    """Train ten hidden layers of 128 on digits for five epochs.

    The accuracies are (S, 1), at the best of two rates, found in a trial.
    """
    contenders = {
        "relu, c = 1/3": ("relu", 1 / 3, 0.1),
        "relu, c = 2": ("relu", 2.0, 0.1),
        "tanh, c = 1/3": ("tanh", 1 / 3, 0.15),
        "tanh, c = 1": ("tanh", 1.0, 0.1),
        "sigmoid, c = 40": ("sigmoid", 40.0, 0.1),
        "identity, c = 1": ("identity", 1.0, 0.03),
    }
    options = {"epochs": 5, "seeds": seeds}
    found = accuracies(
        data.digits(), contenders, widths=(128,) * 10, **options
    )
    shallow = {"3 layers": ("relu", 2.0, 0.2)}
    return found | accuracies(
        data.digits(), shallow, widths=(128,) * 3, **options
    )


@records.experiment(seeds=16, tolerance=5)
def signals(seeds):
    """Train ten hidden layers of 32 on MNIST-1D for five epochs.

    The accuracies are (S, R); "3 layers" as in `ten_layers`.
    """
    contenders = {
        "relu, c = 1/3": ("relu", 1 / 3, 0.1),
        "relu, c = 2": ("relu", 2.0, (0.06, 0.12)),
        "tanh, c = 1/3": ("tanh", 1 / 3, 0.15),
        "tanh, c = 1": ("tanh", 1.0, (0.06, 0.12)),
        "sigmoid, c = 40": ("sigmoid", 40.0, 0.3),
        "identity, c = 1": ("identity", 1.0, 0.03),
    }
    options = {"epochs": 5, "seeds": seeds}
    found = accuracies(
        data.mnist1d(), contenders, widths=(32,) * 10, **options
    )
    shallow = {"3 layers": ("relu", 2.0, 0.2)}
    return found | accuracies(
        data.mnist1d(), shallow, widths=(32,) * 3, **options
    )


@records.experiment(seeds=100)
def forgotten(seeds):
    """Send pairs of inputs through random ReLU networks with He's start.

    Thirty layers; a pair from the digits at the widths 64 and 128, and one
    from MNIST-1D at 64. "digits, 64, square" is the mean square of the
    pre-activations in layer 10, in multiples of that expected, (S,), and
    "digits, 64, apart" is 1 - cosine of the pair in layer 30 over that in
    layer 1.
    """
    found = {}
    for title, dataset, width in (
        ("digits, 64", data.digits(), 64),
        ("digits, 128", data.digits(), 128),
        ("MNIST-1D, 64", data.mnist1d(), 64),
    ):
        x = dataset.x_test[:2]
        # Normal weights do not see where the zeros stand.
        x = np.pad(x, ((0, 0), (0, width - x.shape[1])))
        drawn = [
            diagnostics.random_networks(
                "relu",
                2.0,
                width=width,
                depth=30,
                draws=1,
                rng=np.random.default_rng(seed),
                x=x,
            )
            for seed in seeds
        ]
        square = np.array([one.q[0, 9] for one in drawn])
        apart = 1 - np.array([one.cosine[0] for one in drawn])
        found[f"{title}, square"] = square / (2 * (x[0] ** 2).mean())
        found[f"{title}, apart"] = apart[:, -1] / apart[:, 0]
    return found
