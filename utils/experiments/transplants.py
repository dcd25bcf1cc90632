"""How well networks that packages ship do with another activation.

The function is exchanged after training, and nothing is trained again. The
seeds are draws of inputs.
"""

from functools import partial

import numpy as np
from torch import nn

from .. import records, wild

# What stands in the place of each activation; None leaves it.
SWAPS = {
    "own": None,
    "ReLU": nn.ReLU,
    "Leaky 0.01": partial(nn.LeakyReLU, 0.01),
    "Leaky 0.1": partial(nn.LeakyReLU, 0.1),
    "GELU": nn.GELU,
    "none": nn.Identity,
}


def _after(seeds, names, n):
    """Return what is right in percent, by network, (S, swaps)."""
    found = {}
    for name in names:
        network = wild.load(name)
        changed = [
            wild.swapped(network, lambda old, build=build: build())
            if build
            else network
            for build in SWAPS.values()
        ]
        found[name] = [
            [
                100 * wild.share_right(name, each, *wild.inputs(name, n, seed))
                for each in changed
            ]
            for seed in seeds
        ]
    return found


@records.experiment(seeds=10, tolerance=1)
def skies(seeds):
    """Cosmic rays in 8 skies: F1 in percent, (S, `SWAPS`) by network."""
    return _after(seeds, ("ACS", "DECam", "WFC3"), 8)


@records.experiment(seeds=10, tolerance=1)
def faces(seeds):
    """Faces in 120 crops: percent right, (S, `SWAPS`) by network."""
    return _after(seeds, ("P-Net", "R-Net", "O-Net"), 120)


@records.experiment(seeds=10, tolerance=1)
def tones(seeds):
    """Pitches of 40 tones: percent right, (S, `SWAPS`) by network."""
    return _after(seeds, ("CREPE",), 40)


@records.experiment(seeds=10, tolerance=1)
def files(seeds):
    """Types of 24 files: percent right, (S, `SWAPS`) by network."""
    return _after(seeds, ("Magika",), 24)


@records.experiment(seeds=10, tolerance=1)
def slopes(seeds):
    """Faces in 120 crops, with other slopes in place of those learnt.

    Percent right by network, (S, 4): with its own slopes, with their sizes
    alone, with their mean in each layer, and with 0.25, where PReLU starts.
    """
    changes = (
        lambda slope: slope,
        lambda slope: slope.abs(),
        lambda slope: slope.mean().expand_as(slope),
        lambda slope: 0 * slope + 0.25,
    )

    def changed(change, old):
        new = nn.PReLU(len(old.weight), dtype=old.weight.dtype)
        new.weight = nn.Parameter(change(old.weight.detach()).clone())
        return new

    found = {}
    for name in ("P-Net", "R-Net", "O-Net"):
        network = wild.load(name)
        found[name] = np.transpose(
            [
                [
                    100
                    * wild.share_right(name, each, *wild.inputs(name, 120, s))
                    for s in seeds
                ]
                for change in changes
                for each in [wild.swapped(network, partial(changed, change))]
            ]
        )
    return found
