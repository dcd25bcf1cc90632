"""Two troubles and two cures: a large start, and a misread image.

Six hidden ReLU layers of 16 units, biases 0. "clean" has He's weights,
c = 2; "misread" has them too, and one training sample is a thousand times
too large in every epoch; "large start" has c = 6. "plain" is no cure,
"clip" scales gradients down to a norm of 1, and "norm" is batch
normalisation. Accuracies are test accuracies in percent.
"""

from .. import data, networks, records

CURES = {"plain": {}, "clip": {"max_norm": 1.0}, "norm": {"batch_norm": True}}
# The best learning rates for six epochs on digits, found in a trial with the
# same seeds, and gentler ones beside them.
RATES = {
    ("clean", "plain"): (1 / 8, 3 / 16),
    ("clean", "clip"): (1 / 4, 1 / 2),
    ("clean", "norm"): (1 / 8, 1 / 4),
    ("misread", "plain"): (1 / 64, 1 / 32),
    ("misread", "clip"): (1 / 4, 1 / 2),
    ("misread", "norm"): (1 / 4, 1 / 2),
    ("large start", "plain"): (1 / 64, 1 / 32),
    ("large start", "clip"): (1 / 8, 1 / 4),
    ("large start", "norm"): (1 / 4, 1 / 2),
}
IN_TROUBLE = {key: own for key, own in RATES.items() if key[0] != "clean"}


def treated(dataset, rates, **options):
    """Train with each cure in each trouble.

    Parameters
    ----------
    dataset : Dataset
        What to learn.
    rates : dict of tuple to tuple
        The learning rates of each trouble and cure, as in RATES.
    **options
        The other arguments of `networks.train`.

    Returns
    -------
    dict of str to ndarray
        For "misread, clip" and so on the accuracies after the last epoch,
        (S, R).
    """
    x = dataset.x_train.copy()
    x[0] *= 1000
    misread = data.Dataset(x, dataset.y_train, dataset.x_test, dataset.y_test)
    return {
        f"{trouble}, {cure}": networks.train(
            misread if trouble == "misread" else dataset,
            learning_rates=own,
            weight_init=6.0 if trouble == "large start" else 2.0,
            bias_init=0.0,
            **CURES[cure],
            **options,
        ).final_accuracy
        for (trouble, cure), own in rates.items()
    }


@records.experiment(seeds=60, tolerance=5)
def quick(seeds):
    """Read digits in all three cases, for 6 epochs; see `treated`."""
    return treated(
        data.digits(), RATES, widths=(16,) * 6, epochs=6, seeds=seeds
    )


@records.experiment(seeds=40, tolerance=5)
def end(seeds):
    """Read digits in the two troubles, for 36 epochs; see `treated`."""
    gentler = {
        ("misread", "plain"): (1 / 256, 1 / 128),
        ("misread", "norm"): (1 / 16, 1 / 8),
    }
    return treated(
        data.digits(),
        IN_TROUBLE | gentler,
        widths=(16,) * 6,
        epochs=36,
        seeds=seeds,
    )


@records.experiment(seeds=20, tolerance=5)
def signals(seeds):
    """Read MNIST-1D in the two troubles, for 6 epochs; see `treated`."""
    gentler = {("misread", "clip"): (1 / 8, 1 / 4)}
    return treated(
        data.mnist1d(),
        IN_TROUBLE | gentler,
        widths=(16,) * 6,
        epochs=6,
        seeds=seeds,
    )


@records.experiment(seeds=12, tolerance=5)
def wide(seeds):
    """Read digits with layers of 128, for 6 epochs; see `treated`.

    Each has the best of three rates, found in a trial.
    """
    rates = {
        ("misread", "plain"): 1 / 64,
        ("misread", "clip"): 1 / 4,
        ("misread", "norm"): 1 / 4,
        ("large start", "plain"): 1 / 64,
        ("large start", "clip"): 1 / 2,
        ("large start", "norm"): 1 / 4,
    }
    return treated(
        data.digits(), rates, widths=(128,) * 6, epochs=6, seeds=seeds
    )
