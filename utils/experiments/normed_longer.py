"""The U-Nets of `normed` after four times as many steps, with Adam."""

from .. import records
from . import normed

STEPS = 1600
RATES = 0.003, 0.01


def _study(kind, seeds):
    found = [
        [
            normed.examine(normed.train(kind, seed, "adam", rate, STEPS))
            for rate in RATES
        ]
        for seed in seeds
    ]
    return {
        "score": [[one["score"] for one in row] for row in found],
        "dead": [[sum(one["dead"]) for one in row] for row in found],
    }


@records.experiment(seeds=10, tolerance=15)
def none(seeds):
    """Train without norm, at `RATES`.

    "score" (S, R) as of `normed.adam_none`, and "dead" (S, R), the channels
    of all six ReLUs together.
    """
    return _study("none", seeds)


@records.experiment(seeds=10, tolerance=15)
def before(seeds):
    """Train as in `none` with batch norm before ReLU."""
    return _study("before", seeds)
