"""What trained networks that packages ship do to inputs they were made for.

Here a seed draws inputs, and the weights of untrained networks of the same
architectures; the trained ones are as they are. So the spread over seeds
tells of the inputs, and nothing of other networks.

A unit is a channel. For each network, such as "ACS": "ACS, right" (S,), the
share of right answers in percent, see `wild.share_right`. By layers (S, L):
"ACS, never on" and "ACS, always on", how many units are so at all places of
all inputs; "ACS, off", the share of negative or zero pre-activations in
percent, which ReLU makes zeros; and "ACS, idle", the share of units in
percent that are off at all places of one input, as a mean over inputs.
"ACS, woken" (S,): how many of those never on are on for some of as many other
inputs. "ACS, untrained, never on" and so on: the same counts before training.
"""

import numpy as np
import torch
from torch import nn

from .. import records, wild

SKIES = "ACS", "DECam", "WFC3"
FACES = "P-Net", "R-Net", "O-Net"


def _counts(on):
    """Count units of all layers, of what `wild.how_often_on` returns."""
    layers = on.values()
    return {
        "never on": [np.sum(share.max(axis=0) == 0) for share in layers],
        "always on": [np.sum(share.min(axis=0) == 1) for share in layers],
        "off": [100 * np.mean(1 - share) for share in layers],
        "idle": [100 * np.mean(share == 0) for share in layers],
    }


def _woken(on, network, x):
    """Return how many units that were never on are so for one of x."""
    now = wild.how_often_on(network, x)
    return sum(
        np.sum((on[layer].max(axis=0) == 0) & (now[layer].max(axis=0) > 0))
        for layer in on
    )


def _measured(names, n, seeds, moved=None):
    """Return what the module's head says, from n inputs a seed.

    With `moved`, which makes other inputs of x with a Generator, also how many
    units these wake, as "ACS, woken by moved" (S,).
    """
    found = {}
    for name in names:
        network = wild.load(name)
        for seed in seeds:
            x, truth = wild.inputs(name, n, seed)
            # No seed of the record, for inputs and weights that are new.
            other = 1000 + seed
            on = wild.how_often_on(network, x)
            before = wild.how_often_on(wild.untrained(name, other), x)
            row = {
                **_counts(on),
                "right": 100 * wild.share_right(name, network, x, truth),
                "woken": _woken(on, network, wild.inputs(name, n, other)[0]),
                **{f"untrained, {k}": v for k, v in _counts(before).items()},
            }
            if moved:
                x = moved(x, np.random.default_rng(seed))
                row["woken by moved"] = _woken(on, network, x)
            for key, value in row.items():
                found.setdefault(f"{name}, {key}", []).append(value)
    return found


def _moved(x, rng):
    """Return images whose pixels changed places, in one order for all."""
    order = rng.permutation(x[0].numel())
    return x.flatten(1)[:, order].reshape(x.shape)


@records.experiment(seeds=10, tolerance=0.5)
def skies(seeds):
    """Count the channels of three U-Nets on 24 skies of 64 x 64 pixels.

    Beside what the module's head says, "ACS, woken by moved" (S,): how many
    of the channels never on are on for some of the same skies once their
    pixels changed places, in one order for all.
    """
    return _measured(SKIES, 24, seeds, _moved)


@records.experiment(seeds=10, tolerance=0.5)
def faces(seeds):
    """Count the channels and units of MTCNN on 240 crops of photographs.

    Beside what the module's head says, of all three networks together, the
    same for every seed (S,): "slopes", how many there are; "slopes below 0",
    how many of these are negative; "slopes moved", their mean distance from
    0.25, with which PReLU usually starts; and "weights", how many other
    parameters the networks have.
    """
    found = _measured(FACES, 240, seeds)
    slopes, weights = [], 0
    for network in map(wild.load, FACES):
        for module in network.modules():
            if isinstance(module, nn.PReLU):
                slopes.append(module.weight.detach())
            else:
                own = module.parameters(recurse=False)
                weights += sum(values.numel() for values in own)
    slopes = torch.cat(slopes)
    same = {
        "slopes": slopes.numel(),
        "slopes below 0": (slopes < 0).sum(),
        "slopes moved": (slopes - 0.25).abs().mean(),
        "weights": weights,
    }
    return found | {key: len(seeds) * [value] for key, value in same.items()}


@records.experiment(seeds=10, tolerance=0.5)
def tones(seeds):
    """Count the channels of CREPE, the small one, on 120 tones."""
    return _measured(["CREPE"], 120, seeds)


@records.experiment(seeds=4, tolerance=0.5)
def large(seeds):
    """Count the channels of the large CREPE on 8 tones, after training alone.

    It has 22 million parameters, too many to be run in a chapter.
    """
    name, found = "CREPE, full", {}
    network = wild.load(name)
    for seed in seeds:
        x, truth = wild.inputs(name, 8, seed)
        row = _counts(wild.how_often_on(network, x))
        row["right"] = 100 * wild.share_right(name, network, x, truth)
        for key, value in row.items():
            found.setdefault(f"{name}, {key}", []).append(value)
    return found


@records.experiment(seeds=10, tolerance=3)
def files(seeds):
    """Count the channels of Magika on 48 files of four packages.

    Other versions of these have other files, so the numbers may differ by a
    little.
    """
    return _measured(["Magika"], 48, seeds)
