"""Dying units: what kills them, what they cost, and what another function helps.

The inputs are shifted so that none is negative, where it says so: then many
units die at a harsh rate. A unit is dead if its slope is 0 on all training
samples. Accuracies are test accuracies.
"""

from functools import partial

import numpy as np
import torch
from torch import nn

from .. import data, networks, records

RATES = (0.05, 0.1, 0.2, 0.4, 0.8)
HARSH = (0.2, 0.3, 0.4)
GENTLE = (0.05, 0.1, 0.2)
SLOPES = (0.01, 0.1, 0.25)
HE = {"weight_init": "he", "bias_init": 0.0}
LEAKS = {f"leaky {slope}": nn.LeakyReLU(slope) for slope in SLOPES}


def lifted(dataset):
    """Return the data with each input shifted so that none is negative."""
    low = dataset.x_train.min(axis=0)
    return data.Dataset(
        dataset.x_train - low,
        dataset.y_train,
        dataset.x_test - low,
        dataset.y_test,
    )


def dead(nets, x):
    """Return whether each unit is dead on x, bool (layers, S, R, units)."""
    found = []
    # All samples at once would fill a gigabyte.
    for part in np.array_split(x, 8):
        found.append([])
        for layer, (z, _) in enumerate(nets.activations(part)):
            z.requires_grad_()
            learned = [s[layer, ..., None, None] for s in _slopes(nets)]
            (slope,) = torch.autograd.grad(nets.function(z, *learned).sum(), z)
            found[-1].append((slope == 0).all(dim=2).numpy())
    return np.all(found, axis=0)


def _slopes(nets):
    """Return what PReLU learned, (layers, S, R), in a list; else nothing."""
    return [torch.stack(nets.slopes)] if nets.slopes else []


def dead_percent(nets, x):
    """Return the dead units of each layer in percent, (S, R, layers).

    nan where the network diverged: its units are broken, not dead.
    """
    share = 100 * np.moveaxis(dead(nets, x).mean(axis=-1), 0, -1)
    diverged = getattr(nets, "diverged", np.zeros(nets.shape, dtype=bool))
    return np.where(diverged[..., None], np.nan, share)


# --- what kills ---


def _causes(dataset, seeds, width=16, epochs=2):
    options = {
        "widths": (width,) * 3,
        "seeds": seeds,
        "epochs": epochs,
        "weight_init": "he",
    }
    usual = networks.train(
        dataset, learning_rates=(1 / 8, 1), bias_init=0.0, **options
    )
    low = networks.train(
        dataset, learning_rates=1 / 32, bias_init=-2.0, **options
    )
    shares = dead_percent(usual, dataset.x_train).mean(axis=2)
    return {
        "gentle": shares[:, 0],
        "harsh": shares[:, 1],
        "low biases": dead_percent(low, dataset.x_train).mean(axis=(1, 2)),
    }


@records.experiment(seeds=60, tolerance=10)
def causes(seeds):
    """Count the dead units after two epochs, in percent.

    Three layers of 16 with He's weights on the standardised digits.
    "gentle": the rate 1/8, biases 0; "harsh": the rate 1; "low biases":
    biases of -2 and the rate 1/32. All (S,); nan where a network diverged.
    """
    return _causes(data.digits(), seeds)


@records.experiment(seeds=20, tolerance=10)
def causes_at_the_end(seeds):
    """Count the dead units as in `causes` after six times the epochs."""
    return _causes(data.digits(), seeds, epochs=12)


@records.experiment(seeds=40, tolerance=10)
def causes_wide(seeds):
    """Count the dead units as in `causes` in layers of 128."""
    return _causes(data.digits(), seeds, width=128)


@records.experiment(seeds=20, tolerance=10)
def causes_signals(seeds):
    """Count the dead units as in `causes` on MNIST-1D."""
    return _causes(data.mnist1d(), seeds)


# --- who comes back ---


def _fates(dataset, seeds, rates, width=32):
    found = {}
    for optimizer, rate in rates.items():
        steps = range(91)
        run = networks.train(
            dataset,
            widths=(width,) * 3,
            seeds=seeds,
            learning_rates=rate,
            epochs=-(-90 * 32 // len(dataset.x_train)),
            optimizer=optimizer,
            snapshots=steps,
            **HE,
        )
        states = np.stack(
            [
                dead(run.snapshots[step], dataset.x_train)[:, :, 0]
                for step in steps
            ]
        )
        before, after = states[:-1], states[1:]
        found[f"deaths, {optimizer}"] = (after & ~before).sum(axis=(0, 3)).T
        found[f"revivals, {optimizer}"] = (before & ~after).sum(axis=(0, 3)).T
    return found


@records.experiment(seeds=10, tolerance=20)
def fates_signals(seeds):
    """Count deaths and revivals in 90 steps on MNIST-1D.

    Three layers of 32 with He's start, at a harsh rate for each optimiser;
    no signal is shifted. "deaths, ..." and "revivals, ..." by the optimiser:
    (S, 3), by layer.
    """
    rates = {"sgd": 1.6, "momentum": 0.4, "adam": 0.1}
    return _fates(data.mnist1d(), seeds, rates)


# --- what dead units cost, and whether a leak saves them ---


class Harm:
    """Networks before and after two epochs at harsh rates.

    Parameters
    ----------
    dataset : Dataset
        What all of them learn.
    seeds : sequence of int
        The S seeds.
    rates : sequence of float
        The R harsh rates; what follows takes the networks of the last.
    width : int
        Units in each of the three layers.
    epochs : int
        How many gentle epochs follow.
    """

    def __init__(self, dataset, seeds, rates, width=32, epochs=4):
        self.dataset, self.seeds, self.epochs = dataset, seeds, epochs
        self.options = {
            "widths": (width,) * 3,
            "seeds": seeds,
            "epochs": 2,
            "learning_rates": rates,
        } | HE
        self.harmed = self.train("relu")
        self.dead = dead(self.harmed, dataset.x_train)

    def train(self, activation):
        """Return networks of this function after the harsh epochs."""
        return networks.train(
            self.dataset, activation=activation, **self.options
        )

    def after(self, rates, nets, change=lambda network, seed: network):
        """Return the accuracies after the gentle epochs at rates, (S, R).

        They start from the networks of `nets`, one for each seed, or from
        what change(network, seed) makes of them.
        """
        harsh = nets.learning_rates[-1]
        ready = (change(nets.network(s, harsh), s) for s in self.seeds)
        return networks.train_modules(
            lambda: next(ready),
            self.dataset,
            seeds=self.seeds,
            learning_rates=rates,
            epochs=self.epochs,
            optimizer="sgd",
        ).final_accuracy

    def silence(self, network, seed):
        """Give the units that the harsh rate killed a bias of -1e6."""
        gone = self.dead[:, self.seeds.index(seed), -1]
        with torch.no_grad():
            for part, units in zip(network[::2], gone):
                part.bias[torch.as_tensor(units)] = -1e6
        return network


def swapped(module):
    """Return a change that puts such a module in place of each ReLU."""

    def change(network, seed):
        return nn.Sequential(
            *(
                module() if isinstance(part, nn.ReLU) else part
                for part in network
            )
        )

    return change


def _silenced(harm, rate):
    start = harm.harmed.initial
    return {
        "dead": 100 * np.moveaxis(harm.dead.mean(axis=-1), 0, -1),
        "harmed": harm.harmed.final_accuracy,
        "rescued": harm.after(rate, harm.harmed)[:, 0],
        "silenced": harm.after(rate, start, harm.silence)[:, 0],
        "full": harm.after(rate, start)[:, 0],
    }


@records.experiment(seeds=300, tolerance=20)
def silenced(seeds):
    """Compare networks that a harsh rate harmed with silenced ones.

    Lifted digits, three layers of 32, He's start. "dead" (S, 3, 3): the dead
    units after two epochs at each of the rates 0.2, 0.3 and 0.4, by layer,
    in percent; "harmed" (S, 3): the accuracies then. "rescued", "silenced"
    and "full" (S,): after four epochs at 0.1, from the networks that the
    rate 0.4 harmed; from those before any training, with the same units
    silenced by hand; and from those with no unit silenced. "identity" (S,):
    as "full" without any activation, at its best rate of 0.005 to 0.04.
    """
    harm = Harm(lifted(data.digits()), seeds, HARSH)
    linear = harm.after(0.02, harm.harmed.initial, swapped(nn.Identity))
    return _silenced(harm, 0.1) | {"identity": linear[:, 0]}


@records.experiment(seeds=80, tolerance=20)
def silenced_at_the_end(seeds):
    """Compare as in `silenced`, with 24 gentle epochs."""
    harm = Harm(lifted(data.digits()), seeds, (0.4,), epochs=24)
    return _silenced(harm, 0.1)


@records.experiment(seeds=30, tolerance=20)
def silenced_wide(seeds):
    """Compare as in `silenced`, in layers of 128; the harsh rate is 0.25."""
    harm = Harm(lifted(data.digits()), seeds, (0.25,), width=128)
    return _silenced(harm, 0.1)


@records.experiment(seeds=60, tolerance=20)
def silenced_signals(seeds):
    """Compare as in `silenced` on MNIST-1D, whose signals are not lifted.

    The harsh rate is 1.2, the gentle one 0.2, the best of 0.1 to 0.8.
    """
    return _silenced(Harm(data.mnist1d(), seeds, (1.2,)), 0.2)


def _safety_net(harm, rates):
    """Return the accuracies with ReLU, and with leaks swapped in, (S, R).

    rates: those of the gentle epochs for each slope; 0 is ReLU.
    """
    return {
        f"slope {slope}": harm.after(
            own, harm.harmed, swapped(partial(nn.LeakyReLU, slope))
        )
        for slope, own in rates.items()
    }


@records.experiment(seeds=300, tolerance=20)
def safety_net(seeds):
    """Swap a leak into networks that the harsh rate 0.4 harmed.

    Lifted digits, three layers of 32, He's start; then four gentle epochs.
    "slope 0" is ReLU, "slope 0.01" and so on Leaky ReLU: (S, 2), at the rates
    0.1 and 0.2, or (S, 1) at the best rate of 0.0125 to 0.4. "slope 1" is the
    identity. "from the start" (S, 2): Leaky ReLU of slope 0.01 in the harsh
    epochs, too.
    """
    harm = Harm(lifted(data.digits()), seeds, (0.4,))
    both = 0.1, 0.2
    rates = {0: both, 0.01: both, 0.1: both, 0.25: 0.05, 1: 0.005}
    leaky = swapped(partial(nn.LeakyReLU, 0.01))
    return _safety_net(harm, rates) | {
        "from the start": harm.after(both, harm.train("leaky_relu"), leaky)
    }


@records.experiment(seeds=60, tolerance=20)
def safety_net_at_the_end(seeds):
    """Swap a leak in as in `safety_net`, with 24 gentle epochs."""
    harm = Harm(lifted(data.digits()), seeds, (0.4,), epochs=24)
    return _safety_net(harm, {0: (0.1, 0.2), 0.01: (0.1, 0.2), 0.1: 0.1})


@records.experiment(seeds=30, tolerance=20)
def safety_net_wide(seeds):
    """Swap a leak in as in `safety_net`, in layers of 128.

    The harsh rate is 0.25, and the rates 0.025 to 0.2 were tried.
    """
    harm = Harm(lifted(data.digits()), seeds, (0.25,), width=128)
    return _safety_net(harm, {0: 0.1, 0.01: 0.1, 0.25: 0.025})


@records.experiment(seeds=60, tolerance=20)
def safety_net_signals(seeds):
    """Swap a leak in as in `safety_net`, on MNIST-1D.

    The harsh rate is 1.2, and the rates 0.1 to 0.8 were tried.
    """
    harm = Harm(data.mnist1d(), seeds, (1.2,))
    return _safety_net(harm, {0: 0.4, 0.01: 0.4, 0.25: 0.2})


def _sunk(dataset, seeds, rates, epochs=8):
    return {
        f"slope {slope}": networks.train_modules(
            partial(_sunk_network, dataset, slope),
            dataset,
            seeds=seeds,
            learning_rates=rate,
            epochs=epochs,
            optimizer="sgd",
        ).final_accuracy[:, 0]
        for slope, rate in rates.items()
    }


def _sunk_network(dataset, slope):
    first = nn.Linear(dataset.features, 32)
    nn.init.constant_(first.bias, -8)
    return nn.Sequential(
        first, nn.LeakyReLU(slope), nn.Linear(32, dataset.outputs)
    )


@records.experiment(seeds=60, tolerance=2)
def sunk(seeds):
    """Train one layer of 32 that biases of -8 sink, on the digits.

    Eight epochs, each at its best rate of 1/4 to 4. Accuracies, (S,), by the
    slope: 0 is ReLU, 1 the identity.
    """
    rates = {0: 2.0, 0.01: 2.0, 0.1: 1.0, 0.25: 0.5, 1: 0.25}
    return _sunk(data.digits(), seeds, rates)


@records.experiment(seeds=20, tolerance=2)
def sunk_signals(seeds):
    """Train one layer that biases sink as in `sunk`, on MNIST-1D."""
    return _sunk(data.mnist1d(), seeds, {0: 2.0, 0.01: 2.0, 0.25: 1.0})


# --- cures ---

CURES = {
    "no cure": {},
    **{name: {"activation": leak} for name, leak in LEAKS.items()},
    "prelu": {"activation": "prelu"},
    "elu": {"activation": "elu"},
    "gelu": {"activation": "gelu"},
    "identity": {"activation": "identity"},
    "He's weights": {"weight_init": "he"},
    "biases 0.1": {"bias_init": 0.1},
    "clipping to 1": {"max_norm": 1.0},
    "batch norm": {"batch_norm": True},
    "centred inputs": {},
    "centred, grown": {},
    "shifted, shrunk": {},
}


def scaled(given, factor):
    """Return the data with all inputs multiplied by a factor."""
    return data.Dataset(
        given.x_train * factor,
        given.y_train,
        given.x_test * factor,
        given.y_test,
    )


def _cured(dataset, seeds, change, rates=RATES, width=32, epochs=2):
    """Return accuracies (S, R), whether diverged, dead units in percent."""
    nets = networks.train(
        dataset,
        widths=(width,) * 3,
        seeds=seeds,
        learning_rates=rates,
        epochs=epochs,
        **change,
    )
    gone = dead_percent(nets, dataset.x_train).mean(axis=2)
    return nets.final_accuracy, nets.diverged, gone


def _all_cured(dataset, seeds, names, **options):
    found = {}
    for name in names:
        accuracy, diverged, gone = _cured(
            dataset.get(name, dataset["no cure"]),
            seeds,
            CURES[name],
            **options,
        )
        found[f"accuracy, {name}"] = accuracy
        found[f"diverged, {name}"] = diverged
        found[f"dead, {name}"] = gone
    return found


@records.experiment(seeds=60, tolerance=20)
def cures(seeds):
    """Compare cures for dying units on the lifted digits.

    Three layers of 32 from PyTorch's start, two epochs at each of the R
    rates `RATES`. "accuracy, ...", "diverged, ..." (1 where a network did)
    and "dead, ..." (the units in percent, nan where the network diverged), by
    the names of `CURES`: (S, R).
    """
    digits = data.digits()
    shifted = lifted(digits)
    grow = np.sqrt(np.sum(shifted.x_train**2) / np.sum(digits.x_train**2))
    inputs = {
        "no cure": shifted,
        "centred inputs": digits,
        "centred, grown": scaled(digits, grow),
        "shifted, shrunk": scaled(shifted, 1 / grow),
    }
    return _all_cured(inputs, seeds, CURES)


FUNCTIONS = (
    "no cure",
    "leaky 0.01",
    "leaky 0.1",
    "leaky 0.25",
    "prelu",
    "gelu",
    "identity",
)


@records.experiment(seeds=40, tolerance=20)
def functions_at_the_end(seeds):
    """Compare functions as in `cures`, after 12 epochs at 0.1 and 0.2."""
    inputs = {"no cure": lifted(data.digits())}
    return _all_cured(inputs, seeds, FUNCTIONS, rates=(0.1, 0.2), epochs=12)


@records.experiment(seeds=20, tolerance=20)
def functions_wide(seeds):
    """Compare functions as in `cures`, in layers of 128."""
    inputs = {"no cure": lifted(data.digits())}
    return _all_cured(inputs, seeds, FUNCTIONS, rates=(0.1, 0.2), width=128)


@records.experiment(seeds=20, tolerance=20)
def functions_signals(seeds):
    """Compare functions as in `cures`, on MNIST-1D, not lifted."""
    inputs = {"no cure": data.mnist1d()}
    return _all_cured(inputs, seeds, FUNCTIONS, rates=(0.4, 1.6))


# --- ten layers from PyTorch's start ---


def _deep(dataset, seeds, rates, epochs, width=32):
    return {
        name: networks.train(
            dataset,
            activation=LEAKS.get(name, name),
            widths=(width,) * 10,
            seeds=seeds,
            epochs=epochs,
            learning_rates=own,
        ).final_accuracy
        for name, own in rates.items()
    }


@records.experiment(seeds=20, tolerance=20)
def deep(seeds):
    """Train ten layers of 32 from PyTorch's start, 24 epochs of SGD.

    Digits. Accuracies by the function's name: (S, 2) at the rates 1/8 and
    1/4; ELU and the identity (S, 1) at the best of 1/32 to 1/2.
    """
    rates = dict.fromkeys(("relu", *LEAKS), (1 / 8, 1 / 4))
    rates |= {"elu": 1 / 4, "identity": 1 / 16}
    return _deep(data.digits(), seeds, rates, 24)


@records.experiment(seeds=6, tolerance=3)
def deep_wide(seeds):
    """Train ten layers of 128 as in `deep`, eight epochs at 1/4, (S, 1)."""
    rates = dict.fromkeys(("relu", "leaky 0.25", "elu"), 1 / 4)
    return _deep(data.digits(), seeds, rates, 8, width=128)


@records.experiment(seeds=20, tolerance=3)
def deep_signals(seeds):
    """Train as in `deep` on MNIST-1D, six epochs at 1/8 and 1/4, (S, 2)."""
    rates = dict.fromkeys(("relu", "leaky 0.25", "elu"), (1 / 8, 1 / 4))
    return _deep(data.mnist1d(), seeds, rates, 6)


def _dead_at_start(dataset, seeds, width=32):
    """Return the dead units of layer 10 in percent, by the start, (S,)."""
    found = {}
    for title, start in (("PyTorch's start", {}), ("He's start", HE)):
        nets = networks.train(
            dataset,
            widths=(width,) * 10,
            seeds=seeds,
            epochs=0,
            **start,
        )
        found[title] = dead_percent(nets, dataset.x_train)[:, 0, -1]
    return found


@records.experiment(seeds=60)
def half_dead(seeds):
    """Count the dead units of the tenth layer before training, in percent.

    Digits, ten layers of 32. "PyTorch's start" and "He's start", which has
    biases 0: (S,).
    """
    return _dead_at_start(data.digits(), seeds)


@records.experiment(seeds=20)
def half_dead_wide(seeds):
    """Count the dead units as in `half_dead` in layers of 128."""
    return _dead_at_start(data.digits(), seeds, width=128)


@records.experiment(seeds=20)
def half_dead_signals(seeds):
    """Count the dead units as in `half_dead` on MNIST-1D."""
    return _dead_at_start(data.mnist1d(), seeds)
