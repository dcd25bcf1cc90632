"""What dead channels look like from inside, in the U-Nets of `normed`.

All have batch norm before ReLU and learn with Adam.
"""

import numpy as np
import torch
from torch import nn

from .. import records, wild
from . import normed


def look(norms, convolutions, dead):
    """Return what batch norms and weights say of dead channels and others.

    Parameters
    ----------
    norms : list of Module
        The batch norms.
    convolutions : list of Module
        Those before them.
    dead : ndarray of bool
        Which of all their channels are dead.

    Returns
    -------
    dict of str to list of float
        Of the dead channels and of the others: "small", the share of those
        whose factor is below 0.1 in size, in percent; "shift", the median
        shift; "length", the median length of a channel's weights.
    """
    with torch.no_grad():
        factor = torch.cat([norm.weight for norm in norms]).abs().numpy()
        shift = torch.cat([norm.bias for norm in norms]).numpy()
        length = torch.cat(
            [conv.weight.flatten(1).norm(dim=1) for conv in convolutions]
        ).numpy()
    parts = dead, ~dead
    return {
        "small": [100 * np.mean(factor[part] < 0.1) for part in parts],
        "shift": [np.median(shift[part]) for part in parts],
        "length": [np.median(length[part]) for part in parts],
    }


def _study(rate, decay, steps, seeds):
    found = {"dead": [], "small": [], "shift": [], "length": []}
    *_, x, _ = normed.pictures()
    for seed in seeds:
        network = normed.train("before", seed, "adam", rate, steps, decay)
        modules = list(network.modules())
        norms = [m for m in modules if isinstance(m, nn.BatchNorm2d)]
        convolutions = [m for m in modules if isinstance(m, nn.Conv2d)][:-1]
        on = np.hstack(list(wild.how_often_on(network, x).values()))
        dead = (on == 0).all(axis=0)
        found["dead"].append(np.sum(dead))
        for name, value in look(norms, convolutions, dead).items():
            found[name].append(value)
    return found


@records.experiment(seeds=10, tolerance=40)
def decay(seeds):
    """Look into networks trained at the rate 0.01 with a decay of 0.001.

    "dead" (S,), of 64 channels, and what `look` returns, (S, 2).
    """
    return _study(0.01, 0.001, normed.STEPS, seeds)


@records.experiment(seeds=10, tolerance=40)
def rate(seeds):
    """Look into networks trained at the rate 0.1, four times as long.

    See `decay`.
    """
    return _study(0.1, 0.0, 4 * normed.STEPS, seeds)
