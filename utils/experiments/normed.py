"""Dead channels with and without batch norm, in a network of one's own.

Small U-Nets find the cosmic rays in `images.sky`. All kinds see the same
pictures in the same order at the same rates, and all but one, which has He's
start, begin with the same weights.
"""

from functools import cache

import numpy as np
import torch
from sklearn.metrics import average_precision_score
from torch import nn
from torch.nn import functional as F

from .. import arguments, images, records

# Height and width of a picture; pictures for training and for testing, and in
# a minibatch; steps.
SIZE, TRAINING, TESTING, BATCH, STEPS = 16, 512, 256, 8, 400
# Where batch norm stands, and how a legend says it.
KINDS = {
    "none": "no norm",
    "none, He": "no norm, He's start",
    "before": "norm before ReLU",
    "after": "norm after ReLU",
}
RATES = {
    "adam": (0.003, 0.01, 0.03, 0.1),
    "momentum": (0.1, 0.3, 1.0, 3.0),
}
# Of the six ReLUs together.
CHANNELS = 64


class UNet(nn.Module):
    """A U-Net of two levels, after those of the package deepCR [1]_.

    Six convolutions of 3 x 3 with ReLU make 8, 8, 16, 16, 8 and 8 channels,
    the middle two at half the resolution; deepCR's are four times as wide.

    Parameters
    ----------
    kind : str
        A name in `KINDS`: where batch norm stands, before or after each
        ReLU. "none, He" draws the six convolutions normal with variance
        2 / fan-in and with biases of 0; else they start as PyTorch's do.

    Raises
    ------
    ValueError
        If there is no such kind.

    References
    ----------
    .. [1] Zhang and Bloom (2020), "deepCR: Cosmic Ray Rejection with Deep
       Learning", The Astrophysical Journal 889.

    Examples
    --------
    >>> UNet("before")(torch.zeros(2, 1, 16, 16)).shape
    torch.Size([2, 16, 16])
    """

    def __init__(self, kind):
        super().__init__()
        arguments.choice("kind", kind, KINDS)
        self.top = nn.Sequential(*_unit(kind, 1, 8), *_unit(kind, 8, 8))
        self.low = nn.Sequential(
            nn.MaxPool2d(2), *_unit(kind, 8, 16), *_unit(kind, 16, 16)
        )
        self.up = nn.ConvTranspose2d(16, 8, 2, stride=2)
        self.end = nn.Sequential(
            *_unit(kind, 16, 8), *_unit(kind, 8, 8), nn.Conv2d(8, 1, 1)
        )

    def forward(self, x):
        """Return a logit for each pixel of x, (N, 1, H, W), as (N, H, W)."""
        top = self.top(x)
        both = torch.cat([top, self.up(self.low(top))], dim=1)
        return self.end(both).squeeze(1)


def _unit(kind, wide, out):
    """Return the modules of one convolution with its ReLU and its norm."""
    conv = nn.Conv2d(wide, out, 3, padding=1)
    if kind == "none, He":
        nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
        nn.init.zeros_(conv.bias)
    if kind == "before":
        # It was drawn, so that the next weights are those of the other kinds.
        # The norm takes it out again, and Adam would blow up its rounding.
        conv.bias = None
        return conv, nn.BatchNorm2d(out), nn.ReLU()
    if kind == "after":
        return conv, nn.ReLU(), nn.BatchNorm2d(out)
    return conv, nn.ReLU()


@cache
def pictures():
    """Return the pictures and their tracks, for training and for testing.

    Returns
    -------
    tuple of Tensor
        x and y for training, x and y for testing. Each picture in x,
        (N, 1, 16, 16), has mean 0 and deviation 1, as deepCR's network
        without batch norm wants it; y, (N, 16, 16), is 1 where a cosmic ray
        went.
    """
    found = []
    for n, seed in ((TRAINING, 0), (TESTING, 1)):
        x, hit = images.sky(n, SIZE, seed)
        x = x - x.mean(axis=(1, 2), keepdims=True)
        x /= x.std(axis=(1, 2), keepdims=True)
        found += [torch.as_tensor(x)[:, None], torch.as_tensor(hit).double()]
    return tuple(found)


def train(kind, seed, optimizer, rate, steps=STEPS, decay=0.0):
    """Train a U-Net.

    Parameters
    ----------
    kind : str
        A name in `KINDS`.
    seed : int
        Draws the weights and the order of the pictures.
    optimizer : {"adam", "momentum"}
        "momentum" is SGD with momentum 0.9.
    rate : float
        The learning rate, the same for all steps.
    steps : int
        Each on `BATCH` pictures.
    decay : float
        The weight decay: this times each parameter is added to its gradient.

    Returns
    -------
    UNet
        In float64, and in its mode for use.
    """
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        network = UNet(kind).double()
    x, y, _, _ = pictures()
    rng, order = np.random.default_rng(seed), []
    if optimizer == "adam":
        descent = torch.optim.Adam(
            network.parameters(), rate, weight_decay=decay, fused=True
        )
    else:
        descent = torch.optim.SGD(
            network.parameters(), rate, momentum=0.9, weight_decay=decay
        )
    for _ in range(steps):
        if not len(order):
            order = rng.permutation(TRAINING)
        rows, order = order[:BATCH], order[BATCH:]
        descent.zero_grad()
        loss = F.binary_cross_entropy_with_logits(network(x[rows]), y[rows])
        loss.backward()
        descent.step()
    return network.eval()


@torch.no_grad()
def examine(network):
    """Return how well a U-Net finds tracks, and which channels are off.

    Parameters
    ----------
    network : UNet
        In float64.

    Returns
    -------
    dict of str to float or list
        What `adam_none` describes, without seeds and rates.
    """
    *_, x, y = pictures()
    seen = []
    hooks = [
        module.register_forward_hook(
            lambda module, args, values: seen.append(
                values.transpose(0, 1).flatten(1)
            )
        )
        for module in network.modules()
        if isinstance(module, nn.ReLU)
    ]
    logits = network(x)
    for hook in hooks:
        hook.remove()
    if not logits.isfinite().all():
        # It diverged, and is given the score of chance.
        logits = torch.zeros_like(y)
    off = torch.cat([(values == 0).double().mean(dim=1) for values in seen])
    return {
        "score": 100 * average_precision_score(y.ravel(), logits.ravel()),
        "dead": [int((a == 0).all(dim=1).sum()) for a in seen],
        "always on": sum(int((a > 0).all(dim=1).sum()) for a in seen),
        "zeros": 100 * float(off.mean()),
    }


def _study(kind, optimizer, seeds):
    """Return what some seeds give, by name; see `adam_none`."""
    found = [
        [
            examine(train(kind, seed, optimizer, rate))
            for rate in RATES[optimizer]
        ]
        for seed in seeds
    ]
    return {
        name: [[one[name] for one in row] for row in found]
        for name in found[0][0]
    }


@records.experiment(seeds=20)
def start(seeds):
    """Count the dead channels of untrained networks.

    For each of `KINDS`, (S,), of 64. No norm has seen a picture, and so
    none changes a number; with a norm before ReLU there are no biases.
    """
    return {
        kind: [
            sum(examine(train(kind, seed, "adam", 0.01, steps=0))["dead"])
            for seed in seeds
        ]
        for kind in KINDS
    }


@records.experiment(seeds=20, tolerance=15)
def adam_none(seeds):
    """Train U-Nets without norm with Adam, at the rates `RATES`.

    "score" (S, R): the average precision on the pixels of the test pictures,
    in percent. It needs no threshold, and nothing is gained by calling all
    pixels dark, as 98 of 100 are; such networks have 2. "dead" (S, R, 6):
    the channels of each ReLU that are 0 at all test pixels. "always on" (S, R):
    the channels that are above 0 at all. "zeros" (S, R): the share of exact
    zeros, the mean over channels, in percent.
    """
    return _study("none", "adam", seeds)


@records.experiment(seeds=20, tolerance=15)
def adam_he(seeds):
    """Train as in `adam_none` from He's start."""
    return _study("none, He", "adam", seeds)


@records.experiment(seeds=20, tolerance=15)
def adam_before(seeds):
    """Train as in `adam_none` with batch norm before ReLU."""
    return _study("before", "adam", seeds)


@records.experiment(seeds=20, tolerance=15)
def adam_after(seeds):
    """Train as in `adam_none` with batch norm after ReLU."""
    return _study("after", "adam", seeds)


@records.experiment(seeds=20, tolerance=15)
def momentum_none(seeds):
    """Train as in `adam_none` with momentum, at its own rates."""
    return _study("none", "momentum", seeds)


@records.experiment(seeds=20, tolerance=15)
def momentum_he(seeds):
    """Train as in `momentum_none` from He's start."""
    return _study("none, He", "momentum", seeds)


@records.experiment(seeds=20, tolerance=15)
def momentum_before(seeds):
    """Train as in `momentum_none` with batch norm before ReLU."""
    return _study("before", "momentum", seeds)


@records.experiment(seeds=20, tolerance=15)
def momentum_after(seeds):
    """Train as in `momentum_none` with batch norm after ReLU."""
    return _study("after", "momentum", seeds)


# With these the factors of batch norm are pulled to 0.
DECAYS = (0.0, 0.0001, 0.001, 0.01)
# A factor that is next to nothing; they start at 1.
SMALL = 0.01


def _decay(optimizer, rate, seeds):
    """Return what weight decay does to norms before ReLU, by name."""
    found = {"score": [], "dead": [], "small": []}
    for seed in seeds:
        row = {name: [] for name in found}
        for decay in DECAYS:
            network = train("before", seed, optimizer, rate, decay=decay)
            seen = examine(network)
            factors = [
                module.weight.detach().abs()
                for module in network.modules()
                if isinstance(module, nn.BatchNorm2d)
            ]
            row["score"].append(seen["score"])
            row["dead"].append(sum(seen["dead"]))
            row["small"].append(int((torch.cat(factors) < SMALL).sum()))
        for name in row:
            found[name].append(row[name])
    return found


@records.experiment(seeds=20, tolerance=15)
def adam_decay(seeds):
    """Train U-Nets with norm before ReLU by Adam, rate 0.01, with decay.

    For each of `DECAYS`: "score" as of `adam_none`, "dead" channels of 64,
    and channels whose norm has a factor below `SMALL`, "small"; all (S, D).
    """
    return _decay("adam", 0.01, seeds)


@records.experiment(seeds=20, tolerance=15)
def momentum_decay(seeds):
    """Train as in `adam_decay` with momentum, at the rate 0.3."""
    return _decay("momentum", 0.3, seeds)


# What is recorded, by optimizer and kind.
EXPERIMENTS = {
    "adam": dict(zip(KINDS, (adam_none, adam_he, adam_before, adam_after))),
    "momentum": dict(
        zip(
            KINDS,
            (momentum_none, momentum_he, momentum_before, momentum_after),
        )
    ),
}
