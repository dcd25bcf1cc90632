"""Two troubles and two cures: a large start, and a misread image.

Six hidden ReLU layers of 16 units, biases 0. "clean" has He's weights,
c = 2; "misread" has them too, and one training sample is a thousand times
too large in every epoch; "large start" has c = 6. "plain" is no cure,
"clip" scales gradients down to a norm of 1, and "norm" is batch
normalisation. Accuracies are test accuracies in percent.
"""

from .. import data, networks, records

CURES = {"plain": {}, "clip": {"max_norm": 1.0}, "norm": {"batch_norm": True}}
# Learning rates around the best, six epochs long.
RATES = {
    ("clean", "plain"): (1 / 16, 1 / 8, 3 / 16),
    ("clean", "clip"): (1 / 4, 1 / 2, 1.0),
    ("clean", "norm"): (1 / 4, 1 / 2, 1.0),
    ("misread", "plain"): (1 / 128, 1 / 64, 1 / 32),
    ("misread", "clip"): (1 / 4, 1 / 2, 1.0),
    ("misread", "norm"): (1 / 8, 1 / 4, 1 / 2),
    ("large start", "plain"): (1 / 64, 1 / 32, 1 / 16),
    ("large start", "clip"): (1 / 8, 1 / 4, 1 / 2),
    ("large start", "norm"): (1 / 4, 1 / 2, 1.0),
}


def treated(dataset, troubles, **options):
    """Train with each cure in each trouble.

    Parameters
    ----------
    dataset : Dataset
        What to learn.
    troubles : sequence of str
        Of "clean", "misread" and "large start".
    **options
        The other arguments of `networks.train`.

    Returns
    -------
    dict of str to ndarray
        For "misread, clip" and so on the accuracies after the last epoch,
        (S, 3), for three rates.
    """
    x = dataset.x_train.copy()
    x[0] *= 1000
    misread = data.Dataset(x, dataset.y_train, dataset.x_test, dataset.y_test)
    return {
        f"{trouble}, {cure}": 100
        * networks.train(
            misread if trouble == "misread" else dataset,
            learning_rates=rates,
            weight_init=6.0 if trouble == "large start" else 2.0,
            bias_init=0.0,
            **CURES[cure],
            **options,
        ).test_accuracy[-1]
        for (trouble, cure), rates in RATES.items()
        if trouble in troubles
    }


@records.experiment(seeds=60, tolerance=3)
def quick(seeds):
    """Read digits in all three cases, for 6 epochs; see `treated`."""
    troubles = "clean", "misread", "large start"
    return treated(
        data.digits(), troubles, widths=(16,) * 6, epochs=6, seeds=seeds
    )


@records.experiment(seeds=40, tolerance=3)
def end(seeds):
    """Read digits in the two troubles, for 36 epochs; see `treated`."""
    troubles = "misread", "large start"
    return treated(
        data.digits(), troubles, widths=(16,) * 6, epochs=36, seeds=seeds
    )


@records.experiment(seeds=20, tolerance=3)
def signals(seeds):
    """Read MNIST-1D in the two troubles, for 6 epochs; see `treated`."""
    troubles = "misread", "large start"
    return treated(
        data.mnist1d(), troubles, widths=(16,) * 6, epochs=6, seeds=seeds
    )


@records.experiment(seeds=6, tolerance=3)
def wide(seeds):
    """Read digits with layers of 128, for 6 epochs; see `treated`."""
    troubles = "misread", "large start"
    return treated(
        data.digits(), troubles, widths=(128,) * 6, epochs=6, seeds=seeds
    )
