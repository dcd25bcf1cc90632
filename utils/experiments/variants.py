"""The variants of ReLU: what they learn, how fast, and how they compare.

All networks are fully connected. A rate is given where it was the best of a
wider search, which for the digits stands in chapters 8 and 9.
"""

import numpy as np
import torch
from torch.nn import functional as F

from .. import activations, data, networks, records, theory

# ReLU and ELU with constants that change the mean and no slope.
SHIFTED = {
    "relu - 0.40": lambda z: F.relu(z) - 0.40,
    "elu + 0.24": lambda z: F.elu(z) + 0.24,
}

# The weight scale that keeps the size of the gradient, 1 / E f'(z)^2.
SCALES = {"relu": "he", "elu": 1.5, "identity": "lecun"}


@records.experiment(seeds=30)
def slopes(seeds):
    """Which slopes PReLU learns, in three layers of 32 from He's start.

    "digits", "spirals" and "signals" (MNIST-1D), the slopes by layer
    after 10, 40 and 10 epochs, (S, 3).
    """
    found = {
        title: networks.train(
            dataset,
            activation="prelu",
            weight_init="he",
            seeds=seeds,
            learning_rates=rate,
            epochs=epochs,
        )
        for title, dataset, rate, epochs in (
            ("digits", data.digits(), 0.1, 10),
            ("spirals", data.spirals(), 0.1, 40),
            ("signals", data.mnist1d(), 0.03, 10),
        )
    }
    return {
        title: torch.stack(result.slopes)[:, :, 0].T.numpy()
        for title, result in found.items()
    }


def _race(dataset, seeds, names, rates, start, epochs, goal):
    """Return the epochs to a test accuracy, and that of the last, by name."""
    found = {}
    for name in names:
        own = SCALES[name.split()[0]]
        result = networks.train(
            dataset,
            activation=SHIFTED.get(name, name),
            widths=(16,) * 3,
            seeds=seeds,
            learning_rates=rates,
            epochs=epochs,
            weight_init=own if start == "own" else start,
        )
        found[f"{name}, {start}"] = result.epochs_to(goal)
    return found


@records.experiment(seeds=60)
def race(seeds):
    """How many epochs to 90 % on digits, with another mean or slope.

    The epochs at the rates 1/8, 1/4, 1/2 and 1, (S, 4); inf where eight
    were not enough. Names such as "elu, own" say the function and the
    start: PyTorch's ("default") or one made for the slopes ("own").
    """
    rates = [1 / 8, 1 / 4, 1 / 2, 1]
    plain = "relu", "elu", "identity"
    return {
        **_race(data.digits(), seeds, plain, rates, "default", 8, 0.9),
        **_race(
            data.digits(), seeds, (*plain, *SHIFTED), rates, "own", 8, 0.9
        ),
    }


@records.experiment(seeds=200)
def spirals(seeds):
    """How many epochs ReLU and ELU need to 90 % on the spirals.

    The epochs at the rates 1/4 and 1/2, (S, 2), named as in `race`; inf
    where 80 from PyTorch's start, or 30 from the own, were not enough.
    """
    found = {}
    for start, epochs in (("default", 80), ("own", 30)):
        found |= _race(
            data.spirals(),
            seeds,
            ("relu", "elu"),
            [1 / 4, 1 / 2],
            start,
            epochs,
            0.9,
        )
    return found


# Sixteen layers: function, start, the best rates for 6 and for 36 epochs.
DEEP = {
    "selu": ("selu", "lecun", 0.03, 0.09, {}),
    "selu, batch norm": ("selu", "lecun", 0.03, 0.09, {"batch_norm": True}),
    "elu, c = 1.5": ("elu", 1.5, 0.05, 0.12, {}),
    "relu, batch norm": ("relu", "he", 0.1, 0.1, {"batch_norm": True}),
    "relu, residual": ("relu", 0.1, 0.2, 0.2, {"residual": True}),
    "identity": ("identity", "lecun", 0.03, 0.01, {}),
}


@records.experiment(seeds=60, tolerance=15)
def sixteen(seeds):
    """Sixteen layers of 32 on digits, with and without batch normalisation.

    Test accuracy in percent after three and six epochs, (S, 2), for each
    of `DEEP`, at the rate that is best after six. Training magnifies
    rounding errors: another processor gives other points.
    """
    return {
        name: 100 * _deep(name, seeds, 6).test_accuracy[[3, 6], :, 0].T
        for name in DEEP
    }


@records.experiment(seeds=20, tolerance=15)
def sixteen_longer(seeds):
    """Train the same sixteen layers for six times the epochs.

    The mean test accuracy in percent of the epochs 34 to 36, (S,), at
    the rate of three that is best after 36, for four of `DEEP`.
    """
    names = "selu", "selu, batch norm", "relu, batch norm", "identity"
    return {
        name: 100 * _deep(name, seeds, 36).test_accuracy[-3:, :, 0].mean(0)
        for name in names
    }


def _deep(name, seeds, epochs):
    function, start, quick, longer, options = DEEP[name]
    return networks.train(
        data.digits(),
        activation=function,
        weight_init=start,
        bias_init=0.0,
        learning_rates=quick if epochs == 6 else longer,
        widths=(32,) * 16,
        seeds=seeds,
        epochs=epochs,
        dtype=torch.float32,
        **options,
    )


@records.experiment(seeds=60)
def fifty(seeds):
    """How far fifty untrained SELU layers move the mean square.

    "lecun" and "he": the factor, up or down, between the mean squares of
    the pre-activations in layers 50 and 1, (S,). Width 64, no biases.
    """
    found = {}
    for start, c in (("lecun", 1.0), ("he", 2.0)):
        found[start] = []
        for seed in seeds:
            q = theory.random_networks(
                "selu",
                c,
                width=64,
                depth=50,
                draws=1,
                rng=np.random.default_rng(seed),
                x=np.ones(64) / np.sqrt(c),
            ).q[0]
            found[start].append(np.exp(abs(np.log(q[-1] / q[0]))))
    return found


def mean_share(result, x):
    """Return |mean| / root mean square of the activations.

    Parameters
    ----------
    result : TrainingResult
        Networks at one rate.
    x : array_like
        Samples, (N, features).

    Returns
    -------
    ndarray
        The mean over the hidden layers, (S,).
    """
    shares = [
        a.mean(dim=(2, 3)).abs() / a.square().mean(dim=(2, 3)).sqrt()
        for _, a in result.activations(x)
    ]
    return torch.stack(shares).mean(dim=0)[:, 0].numpy()


@records.experiment(seeds=60)
def means(seeds):
    """Whose mean activation is nearer zero after five epochs on digits.

    "relu" and "elu", three layers of 16 from PyTorch's start at the rate
    1/2: `mean_share` on the test images, (S,).
    """
    digits = data.digits()
    return {
        name: mean_share(
            networks.train(
                digits,
                activation=name,
                widths=(16,) * 3,
                seeds=seeds,
                learning_rates=1 / 2,
                epochs=5,
            ),
            digits.x_test,
        )
        for name in ("relu", "elu")
    }


@records.experiment(seeds=60, tolerance=8)
def dense(seeds):
    """Train ReLU, GELU and none on digits, three layers of 32.

    For each function, such as "gelu": "gelu, quick" and "gelu, end", the
    test accuracy in percent after ten epochs and the mean of the epochs
    58 to 60, from PyTorch's start, (S,), at the rate 0.24, which suits
    both (chapter 6), and 0.1 without activation. "gelu, negative", the
    outputs below 0 after 60 epochs in percent, (S,).
    """
    found, dataset = {}, data.digits()
    for name, rate in (("relu", 0.24), ("gelu", 0.24), ("identity", 0.1)):
        result = networks.train(
            dataset,
            activation=name,
            widths=(32,) * 3,
            seeds=seeds,
            learning_rates=rate,
            epochs=60,
            dtype=torch.float32,
        )
        accuracy = 100 * result.test_accuracy[:, :, 0]
        found[f"{name}, quick"] = accuracy[10]
        found[f"{name}, end"] = accuracy[-3:].mean(axis=0)
        found[f"{name}, negative"] = negative(result, dataset.x_test)
    return found


def negative(result, x):
    """Return the share of outputs of hidden layers below 0.

    Parameters
    ----------
    result : TrainingResult
        Networks at one rate.
    x : array_like
        Samples, (N, features).

    Returns
    -------
    ndarray
        In percent, the mean over the layers, (S,).
    """
    below = [
        (a[:, 0] < 0).double().mean(dim=(1, 2))
        for _, a in result.activations(x)
    ]
    return 100 * torch.stack(below).mean(dim=0).numpy()


# Signals: the best rate of three, for each width and function.
SIGNALS = {
    32: {"relu": 0.02, "elu": 0.02, "gelu": 0.02, "identity": 0.002},
    128: {"relu": 0.01, "elu": 0.01, "gelu": 0.01, "identity": 0.001},
    512: {"relu": 0.003, "elu": 0.003, "gelu": 0.003},
}


def _signals(width, seeds, epochs):
    """Train three layers on MNIST-1D with Adam; return results by name."""
    dataset = data.mnist1d()
    return {
        name: networks.train(
            dataset,
            activation=name,
            widths=(width,) * 3,
            seeds=seeds,
            learning_rates=rate,
            epochs=epochs,
            batch_size=250,
            optimizer="adam",
            weight_init={**SCALES, "gelu": 2.19}[name],
            bias_init=0.0,
            dtype=torch.float32,
        )
        for name, rate in SIGNALS[width].items()
    }


@records.experiment(seeds=40, tolerance=5)
def signals(seeds):
    """Compare ReLU, ELU, GELU and none on MNIST-1D, three layers of 32.

    For each function, such as "relu": "relu, quick" and "relu, end", the
    mean test accuracy in percent of the epochs 6 to 8 and 46 to 48, (S,);
    "relu, epochs", those to 50 %, (S,), inf if 48 were not enough;
    "relu, mean", `mean_share` at the end, (S,); "relu, negative", the
    outputs below 0 at the end in percent, (S,).
    """
    found, x = {}, data.mnist1d().x_test
    for name, result in _signals(32, seeds, 48).items():
        accuracy = 100 * result.test_accuracy[:, :, 0]
        found |= {
            f"{name}, quick": accuracy[6:9].mean(axis=0),
            f"{name}, end": accuracy[-3:].mean(axis=0),
            f"{name}, epochs": result.epochs_to(0.5)[:, 0],
            f"{name}, mean": mean_share(result, x),
            f"{name}, negative": negative(result, x),
        }
    return found


def _wide(width, seeds, epochs):
    found = {}
    for name, result in _signals(width, seeds, epochs).items():
        found[name] = 100 * result.test_accuracy[-3:, :, 0].mean(axis=0)
        found[f"{name}, epochs"] = result.epochs_to(0.55)[:, 0]
    return found


@records.experiment(seeds=16, tolerance=5)
def signals_128(seeds):
    """Do the same with three layers of 128, for 16 epochs.

    For each function, such as "relu": "relu", the mean test accuracy in
    percent of the last three epochs, and "relu, epochs", those to 55 %,
    (S,).
    """
    return _wide(128, seeds, 16)


@records.experiment(seeds=5, tolerance=5)
def signals_512(seeds):
    """Do the same with three layers of 512, for 6 epochs and few seeds.

    As of `signals_128`.
    """
    return _wide(512, seeds, 6)


# The contest of chapter 9: the middle one of three rates, as powers of 1/2.
FAMILY = {
    "sigmoid": (4, 3),
    "tanh": (6, 5),
    "relu": (6, 5),
    "leaky_relu": (6, 6),
    "prelu": (6, 6),
    "elu": (6, 5),
    "selu": (6, 5),
    "gelu": (6, 6),
    "silu": (6, 6),
    "softplus": (6, 5),
    "mish": (6, 6),
    "hardswish": (6, 5),
    "relu6": (6, 5),
    "relu_squared": (7, 7),
    "identity": (7, 5),
}


def sets():
    """Return the samples of the contest.

    Returns
    -------
    dict of str to tuple
        "digits" and "spirals": samples, labels and epochs. 0 to 299 and 300
        to 599 are for training, the next 300 for validation, the rest for
        testing.
    """
    return {
        title: (
            np.concatenate([full.x_train, full.x_test]),
            np.concatenate([full.y_train, full.y_test]),
            epochs,
        )
        for title, full, epochs in (
            ("digits", data.digits(), 10),
            ("spirals", data.spirals(n=1800), 15),
        )
    }


def own_start(name):
    """Return the start that keeps the size of the gradient of a function.

    Parameters
    ----------
    name : str
        A name in `activations.ACTIVATIONS`.

    Returns
    -------
    dict of str to float
        Arguments of `networks.train`: the weight scale 1 / E f'(z)^2 for
        standard normal z, and biases of 0.
    """
    f, z = activations.ACTIVATIONS[name], np.linspace(-10, 10, 20_001)
    learned, density = dict.fromkeys(f.parameters, 0.25), np.exp(-(z**2) / 2)
    slope = np.average(f.derivative(z, **learned) ** 2, weights=density)
    return {"weight_init": 1 / slope, "bias_init": 0.0}


def contest(name, title, seeds, **start):
    """Return the validation and the test accuracies of one function.

    Parameters
    ----------
    name, title : str
        A function of `FAMILY`, and a data set of `sets`.
    seeds : sequence of int
        The S seeds; even ones learn the first 300 samples, odd ones the next.
    **start
        Arguments of `networks.train`.

    Returns
    -------
    ndarray
        In percent, to a tenth, at three rates, (S, 2, 3).
    """
    x, y, epochs = sets()[title]
    middle = FAMILY[name][title == "spirals"]
    found = np.empty((len(seeds), 2, 3))
    for odd, part in enumerate((slice(300), slice(300, 600))):
        at = [i for i, seed in enumerate(seeds) if seed % 2 == odd]
        if at:
            result = networks.train(
                data.Dataset(x[part], y[part], x[:1], y[:1]),
                activation=name,
                widths=(16,) * 3,
                seeds=[seeds[i] for i in at],
                learning_rates=[
                    2.0**-k for k in range(middle + 1, middle - 2, -1)
                ],
                epochs=epochs,
                optimizer="adam",
                dtype=torch.float32,
                **start,
            )
            right = result.predict(x).argmax(dim=3).numpy() == y
            for j, rows in enumerate((slice(600, 900), slice(900, None))):
                found[at, j] = 100 * right[..., rows].mean(axis=2)
    return found.round(1)


@records.experiment(seeds=60, tolerance=8)
def family(seeds):
    """Let fifteen functions compete on digits and spirals.

    Under names such as "digits, relu" what `contest` returns, (S, 2, 3):
    validation and test accuracy in percent at three rates. "digits, relu
    again" is ReLU with 60 other seeds.
    """
    found = {}
    for title in sets():
        for name in FAMILY:
            found[f"{title}, {name}"] = contest(
                name, title, seeds, **own_start(name)
            )
        found[f"{title}, relu again"] = contest(
            "relu", title, [seed + 60 for seed in seeds], **own_start("relu")
        )
    return found


@records.experiment(seeds=60, tolerance=8)
def family_plain(seeds):
    """Let the leaders, ReLU and none compete from PyTorch's start.

    As of `family`.
    """
    names = {
        "digits": ("relu", "selu", "elu", "prelu", "identity"),
        "spirals": ("relu", "gelu", "identity"),
    }
    return {
        f"{title}, {name}": contest(name, title, seeds)
        for title, several in names.items()
        for name in several
    }
