"""How many pieces ReLU networks have along a line, drawn and trained.

A piece ends where a hidden unit switches on or off, on the whole line through
two test images, or on an interval. The counts are exact.
"""

import numpy as np

from .. import data, networks, pieces, records

# The layers that the units of a network are shared out to.
DEPTHS = 1, 2, 3, 6
UNITS = 30, 60, 120, 240, 480

# By name: the start of the weights and that of the biases, or "random", which
# gives biases of variance 1 to He's weights.
STARTS = {
    "He": ("he", 0.0),
    "He, random biases": ("he", "random"),
    "PyTorch": ("default", "default"),
}


def _count(weights, biases, start, direction):
    return 1 + len(pieces.kinks(weights, biases, start, direction))


def _line(x, rng):
    """Return a line through two of these images."""
    first, second = rng.choice(len(x), 2, replace=False)
    return x[first], x[second] - x[first]


@records.experiment(seeds=60, tolerance=0.5)
def drawn(seeds):
    """Count the pieces of networks as they are drawn, on a line of digits.

    For each of `STARTS` and `DEPTHS`, such as "He, 3": the pieces with
    `UNITS` hidden units in layers of equal width, (S, 5). The line goes
    through two test images.
    """
    x, found = data.digits().x_test, {}
    for title, (start, bias_start) in STARTS.items():
        for depth in DEPTHS:
            counts = []
            for seed in seeds:
                counts.append([])
                for units in UNITS:
                    rng = np.random.default_rng(seed)
                    sizes = (64, *depth * [units // depth])
                    weights, biases = networks.initialise(
                        sizes,
                        rng,
                        start,
                        0.0 if bias_start == "random" else bias_start,
                    )
                    if bias_start == "random":
                        biases = [rng.normal(size=b.shape) for b in biases]
                    counts[-1].append(_count(weights, biases, *_line(x, rng)))
            found[f"{title}, {depth}"] = counts
    return found


def _hidden(nets, seed, column=0):
    """Return weights and biases of the hidden layers of one network."""
    return [
        [layer[seed, column].numpy() for layer in layers[:-1]]
        for layers in (nets.weights, nets.biases)
    ]


def _along_lines(nets, x, seeds):
    """Return the mean pieces of 20 lines and of their segments, (S, 2)."""
    found = []
    for row, seed in enumerate(seeds):
        rng, counts = np.random.default_rng(seed), []
        for _ in range(20):
            t = pieces.kinks(*_hidden(nets, row), *_line(x, rng))
            counts.append((1 + len(t), 1 + np.sum((t > 0) & (t < 1))))
        found.append(np.mean(counts, axis=0))
    return np.array(found)


@records.experiment(seeds=20, tolerance=3)
def trained(seeds):
    """Count the pieces of 120 units before and after 15 epochs.

    Plain SGD, at a rate that a trial with other seeds found for each, with
    the layers 1 x 120, 3 x 40 and 6 x 20. For each, such as "digits, 3" and
    "MNIST-1D, 3", and for "digits, 3, PyTorch", from PyTorch's start instead
    of He's: the means over 20 lines through two test samples, before and
    after, on the whole line and between the two samples, (S, 2, 2);
    "digits, 3, accuracy" and so on in percent, (S,).
    """
    tasks = {"digits": data.digits(), "MNIST-1D": data.mnist1d()}
    found = {}
    for task, depth, title, rate in (
        ("digits", 1, "He", 0.4),
        ("digits", 3, "He", 0.4),
        ("digits", 6, "He", 0.12),
        ("digits", 3, "PyTorch", 0.4),
        ("MNIST-1D", 3, "He", 0.2),
    ):
        start, bias_start = STARTS[title]
        result = networks.train(
            tasks[task],
            widths=depth * [120 // depth],
            weight_init=start,
            bias_init=bias_start,
            learning_rates=rate,
            seeds=seeds,
            batch_size=32 if task == "digits" else 64,
        )
        name = f"{task}, {depth}" + (", PyTorch" if title != "He" else "")
        found[name] = np.stack(
            [
                _along_lines(nets, tasks[task].x_test, seeds)
                for nets in (result.initial, result)
            ],
            axis=1,
        )
        found[f"{name}, accuracy"] = result.final_accuracy[:, 0]
    return found


HATS = 1, 2, 3, 4, 5


@records.experiment(seeds=20, tolerance=10)
def sawtooth(seeds):
    """Train networks on k hats in a row, which have 2^k pieces.

    For each k of `HATS`, by its number as text: networks of k layers of 16
    units from He's start, with PyTorch's biases, 1200 steps of Adam on 512
    points of [0, 1], at three rates. The pieces on [0, 1] before and after, and
    the root of the loss over that of the best constant in percent, (S, 3, 3).
    "4, one layer" and so on: the control, as many units in one layer, which
    needs no folds.
    """
    found = {}
    for k in HATS:
        found[str(k)] = _fitted(k, k * [16], (0.003, 0.01, 0.03), seeds)
        found[f"{k}, one layer"] = _fitted(
            k, [16 * k], (0.01, 0.03, 0.1), seeds
        )
    return found


@records.experiment(seeds=12, tolerance=30)
def sawtooth_longer(seeds):
    """Train networks on three hats as in `sawtooth`, with 12,000 steps.

    "3" at the rates 0.003 and 0.01, "3, one layer" at 0.03 and 0.06: the
    same numbers, (S, 2, 3).
    """
    return {
        "3": _fitted(3, [16, 16, 16], (0.003, 0.01), seeds, 1500),
        "3, one layer": _fitted(3, [48], (0.03, 0.06), seeds, 1500),
    }


def _fitted(k, widths, rates, seeds, epochs=150):
    """Return pieces before and after training and what is left, (S, R, 3)."""
    x = (np.arange(512)[:, None] + 0.5) / 512
    y = x[:, 0]
    for _ in range(k):
        y = 1 - np.abs(1 - 2 * y)
    target = data.RegressionDataset(x, y, x, y)
    result = networks.train(
        target,
        widths=widths,
        weight_init="he",
        learning_rates=rates,
        epochs=epochs,
        batch_size=64,
        optimizer="adam",
        seeds=seeds,
    )
    counts = [
        [
            [_within(nets, row, column) for column in range(len(rates))]
            for row in range(len(seeds))
        ]
        for nets in (result.initial, result)
    ]
    misfit = result.predict(target.x_train)[..., 0].numpy() - target.y_train
    left = np.sqrt(np.mean(misfit**2, axis=2)) / target.y_train.std()
    return np.stack([*counts, 100 * left], axis=2)


def _within(nets, row, column):
    """Return the pieces of one network on [0, 1]."""
    t = pieces.kinks(*_hidden(nets, row, column), [0.0], [1.0])
    return 1 + np.sum((t > 0) & (t < 1))
