"""The trainer agrees with a second, plain one, and so do the chapters."""

import functools
import inspect
import math
import re
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from tests.code import second
from tools import notebooks, record
from utils import activations, data, models, networks

THREE, SIX, SIXTEEN = (16,) * 3, (16,) * 6, (32,) * 16
HE = {"weight_init": "he", "bias_init": 0.0}


def own_start(name):
    """Return chapter 9's start: the mean squared slope times c is 1."""
    f, z = activations.ACTIVATIONS[name], np.linspace(-10, 10, 20_001)
    slope = f.derivative(z, **dict.fromkeys(f.parameters, 0.25))
    c = 1 / np.average(slope**2, weights=np.exp(-(z**2) / 2))
    return {"weight_init": c, "bias_init": 0.0}


def shifted():
    """Return the digits with no pixel below 0, as chapter 7 makes them."""
    digits = data.digits()
    low = digits.x_train.min(axis=0)
    return data.Dataset(
        digits.x_train - low,
        digits.y_train,
        digits.x_test - low,
        digits.y_test,
    )


def task():
    """Return the moved digits of chapter 10, the held-back ones left out."""
    moved = data.moved_digits()
    return data.Dataset(
        moved.x_train[:900], moved.y_train[:900], moved.x_test, moved.y_test
    )


def few():
    """Return the first 300 digits that chapter 9's contest trains on."""
    digits = data.digits()
    return data.Dataset(
        digits.x_train[:300],
        digits.y_train[:300],
        digits.x_test,
        digits.y_test,
    )


def setting(samples, rate, **options):
    """Return what is trained: samples, rate, and other arguments."""
    return samples, rate, options


def spirals(rate, **options):
    """Return a setting of chapter 2."""
    return setting(
        data.spirals, rate, batch_size=48, optimizer="adam", **options
    )


# What chapters train, at rates where rounding grows little.
SETTINGS = {
    "02 spirals": spirals(0.03, widths=(16, 16), epochs=30),
    "02 spirals, linear": spirals(
        0.01, activation="identity", widths=(), epochs=60
    ),
    "02 lab": setting(
        data.curve, 0.02, widths=(4,), epochs=43, optimizer="momentum"
    ),
    "03 own start": setting(
        data.digits,
        0.5,
        activation="tanh",
        widths=THREE,
        epochs=10,
        weight_init="xavier",
    ),
    "04 one layer": setting(
        data.digits, 4, activation="sigmoid", widths=(32,), epochs=5
    ),
    "04 large weights": setting(
        data.digits,
        2,
        activation="sigmoid",
        widths=(32,) * 4,
        epochs=5,
        weight_init=16,
    ),
    "05 healthy": setting(
        data.digits, 1 / 8, widths=SIX, epochs=2, max_norm=math.inf, **HE
    ),
    "05 clipped": setting(
        data.digits, 1 / 4, widths=SIX, epochs=3, max_norm=1.0, **HE
    ),
    "05 normed": setting(
        data.digits, 1 / 8, widths=SIX, epochs=3, batch_norm=True, **HE
    ),
    "06 penalised": setting(data.digits, 0.24, epochs=10, activation_l1=0.003),
    "06 unpenalised": setting(data.digits, 0.24, epochs=10),
    "07 narrow": setting(shifted, 0.05, widths=(4,) * 3, epochs=4, **HE),
    "07 harsh, Adam": setting(shifted, 0.05, epochs=2, optimizer="adam", **HE),
    "08 learned slopes": setting(
        data.digits, 0.05, activation="prelu", epochs=10, weight_init="he"
    ),
    "08 selu, batch norm": setting(
        data.digits,
        0.03,
        activation="selu",
        widths=SIXTEEN,
        epochs=2,
        weight_init="lecun",
        bias_init=0.0,
        batch_norm=True,
    ),
    "08 residual": setting(
        data.digits,
        0.2,
        widths=SIXTEEN,
        epochs=2,
        weight_init=0.1,
        bias_init=0.0,
        residual=True,
    ),
    "10 linear": setting(data.digits, 0.1, widths=(), epochs=10),
    "12 gentle": setting(data.digits, 1 / 8, widths=THREE, epochs=2, **HE),
    "12 low biases": setting(
        data.digits,
        1 / 32,
        widths=THREE,
        epochs=2,
        weight_init="he",
        bias_init=-2.0,
    ),
} | {
    f"09 {name}": setting(
        few,
        1 / 64,
        activation=name,
        widths=THREE,
        epochs=10,
        optimizer="adam",
        **own_start(name),
    )
    for name in second.ACTIVATIONS
    if name != "identity"
}

# The same for networks.train_modules: what builds a module stands first.
MODULES = {
    "10 convolutions": (
        partial(models.cnn, nn.ReLU),
        *setting(task, 0.03, epochs=4, batch_size=64),
    ),
    "10 transformer": (
        partial(models.Transformer, "GELU"),
        *setting(task, 0.015, epochs=1, batch_size=64),
    ),
    "10 head": (
        partial(models.cnn, nn.GELU),
        *setting(task, 0.01, epochs=1, optimizer="momentum"),
    ),
}

# Settings that are chaotic, and how many of their steps are compared.
FIRST_STEPS = {
    "05 far too large a rate": (
        *setting(data.digits, 8.0, widths=SIX, **HE),
        20,
    ),
    "05 clipped, at its best": (
        *setting(data.digits, 1 / 2, widths=SIX, max_norm=1.0, **HE),
        45,
    ),
    "07 harsh, momentum": (
        *setting(shifted, 0.1, optimizer="momentum", **HE),
        45,
    ),
}


def same(found, expected, tolerance):
    """Assert that two networks hold the same numbers."""
    found, expected = found.state_dict(), expected.state_dict()
    assert list(found) == list(expected)
    for name, numbers in expected.items():
        # Which networks.train does not count.
        if not name.endswith("num_batches_tracked"):
            # Relative to the largest: some entries are near zero by chance.
            largest = numbers.abs().nan_to_num(posinf=0).max().item()
            np.testing.assert_allclose(
                found[name],
                numbers,
                rtol=0,
                atol=tolerance * largest,
                err_msg=name,
            )


def same_training(result, seed, rate, expected):
    """Assert that a member of a result was trained as `expected` was."""
    member = result.seeds.index(seed), result.learning_rates.index(rate)
    np.testing.assert_allclose(
        result.train_loss[:, *member], expected.train_loss, rtol=1e-8
    )
    if expected.test_accuracy.size:
        assert result.test_accuracy[:, *member].tolist() == (
            expected.test_accuracy.tolist()
        )
    same(result.network(seed, rate), expected.network, 1e-8)


@functools.cache
def samples_of(name):
    """Return the data set of a setting."""
    return (SETTINGS | MODULES)[name][-3]()


@functools.cache
def plainly(name, seed):
    """Train a setting the plain way."""
    *build, _, rate, options = (SETTINGS | MODULES)[name]
    train = second.train_module if build else second.train
    return train(*build, samples_of(name), seed, rate, **options)


def test_every_option_is_met():
    given = inspect.signature(networks.train).parameters
    choices = {
        "activation": networks.ACTIVATIONS,
        "optimizer": networks.OPTIMIZERS,
        "weight_init": networks.WEIGHT_INITS,
    }
    # The test of the first steps meets these.
    named, met = {"snapshots", "dtype"}, {option: set() for option in choices}
    for *_, options in SETTINGS.values():
        named |= set(options)
        for option, values in met.items():
            values.add(options.get(option, given[option].default))
    others = {"dataset", "seeds", "learning_rates", "progress"}
    assert named == set(given) - others
    for option, values in choices.items():
        assert met[option] >= set(values), option


# The member compared stands neither first nor last, and its neighbours have
# another seed or another rate: nobody else's numbers would do.
SEEDS = 3, 0


@pytest.mark.parametrize("name", SETTINGS)
def test_a_plain_loop_trains_the_same_network(name):
    _, rate, options = SETTINGS[name]
    result = networks.train(
        samples_of(name),
        seeds=SEEDS,
        learning_rates=[rate / 2, rate],
        **options,
    )
    expected = plainly(name, SEEDS[0])
    same_training(result, SEEDS[0], rate, expected)
    if "max_norm" in options:
        np.testing.assert_allclose(
            result.gradient_norm[:, 0, 1], expected.gradient_norm, rtol=1e-8
        )


@pytest.mark.parametrize("name", MODULES)
def test_a_plain_loop_trains_the_same_module(name):
    build, _, rate, options = MODULES[name]
    result = networks.train_modules(
        build,
        samples_of(name),
        seeds=SEEDS,
        learning_rates=[rate / 2, rate],
        **options,
    )
    same_training(result, SEEDS[0], rate, plainly(name, SEEDS[0]))


@pytest.mark.parametrize("name", FIRST_STEPS)
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-8), (torch.float32, 1e-2)]
)
def test_chaotic_training_begins_alike(name, dtype, tolerance):
    samples, rate, options, steps = FIRST_STEPS[name]
    dataset = samples()
    if dtype == torch.float32:
        # Its rounding grows to be seen in a few steps.
        steps = 5
    options = options | {"dtype": dtype, "epochs": 1}
    result = networks.train(
        dataset,
        seeds=SEEDS,
        learning_rates=[rate / 2, rate],
        snapshots=steps,
        **options,
    )
    expected = second.train(dataset, SEEDS[0], rate, steps=steps, **options)
    same(
        result.snapshots[steps].network(SEEDS[0], rate),
        expected.network,
        tolerance,
    )


def accuracies(name, seeds=10):
    """Return the test accuracies after the last epoch in percent."""
    return [
        100 * plainly(name, seed).test_accuracy[-1] for seed in range(seeds)
    ]


def hidden(name, seed, x):
    """Return what leaves each hidden layer's function on the samples x."""
    found, x = [], torch.tensor(x)
    for part in plainly(name, seed).network:
        x = part(x)
        if isinstance(part, tuple(second.ACTIVATIONS.values())):
            found.append(x)
    return found


def zeros(name, seeds=10):
    """Return the share of zeros on the test samples in percent."""
    x = samples_of(name).x_test
    return [
        100
        * np.mean([(a == 0).double().mean() for a in hidden(name, seed, x)])
        for seed in range(seeds)
    ]


def dead(name, seeds=10):
    """Return the share of units that no training sample switches on."""
    x = samples_of(name).x_train
    return [
        100
        * np.mean(
            [(a == 0).all(0).double().mean() for a in hidden(name, seed, x)]
        )
        for seed in range(seeds)
    ]


def slopes(name, layer, seeds=10):
    """Return what PReLU learned in a layer, counted from 0."""
    return [
        plainly(name, seed).network[2 * layer + 1].weight.item()
        for seed in range(seeds)
    ]


def on_fresh_samples(name):
    """Return the accuracies of chapter 9's runs on their own samples."""
    full, found = data.digits(), []
    x = np.concatenate([full.x_train, full.x_test])
    y = np.concatenate([full.y_train, full.y_test])
    _, rate, options = SETTINGS[f"09 {name}"]
    for seed in range(32, 48):
        rows = np.random.default_rng(seed).permutation(len(y))
        own, rest = rows[:300], rows[300:]
        dataset = data.Dataset(x[own], y[own], x[rest], y[rest])
        run = second.train(dataset, seed, rate, **options)
        found.append(100 * run.test_accuracy[-1])
    return np.array(found)


def with_deviation(values):
    """Return the mean and the standard deviation."""
    return np.mean(values), np.std(values, ddof=1)


def with_error(values):
    """Return the mean and its standard error."""
    return np.mean(values), np.std(values, ddof=1) / np.sqrt(len(values))


# What stands in a chapter's stored outputs: the cell, the first words of the
# row, the columns (None is the rest of the line), and the numbers that they
# show.
PRINTED = {
    "02_nonlinearity": (
        "spirals-table",
        "1 linear layer",
        ["accuracy (%)"],
        lambda: [with_deviation(accuracies("02 spirals, linear"))],
    ),
    "03_sigmoid_tanh": (
        "fair-table",
        "tanh",
        ["best (%)"],
        lambda: [with_deviation(accuracies("03 own start"))],
    ),
    "04_vanishing_gradients": (
        "deeper-table",
        "1",
        ["accuracy (%)"],
        lambda: [with_deviation(accuracies("04 one layer"))],
    ),
    "05_exploding_gradients": (
        "train-define",
        "test accuracy after two epochs:",
        [None],
        lambda: [[np.median(accuracies("05 healthy"))]],
    ),
    "07_in_depth": (
        "width-run",
        "4",
        ["accuracy (%)"],
        lambda: [with_deviation(accuracies("07 narrow"))],
    ),
    "08_variants": (
        "prelu-slopes",
        "digits 0.05",
        ["layer 1", "layer 2", "layer 3"],
        lambda: [
            with_deviation(slopes("08 learned slopes", layer))
            for layer in range(3)
        ],
    ),
    "09_in_depth": (
        "fresh-table",
        "elu",
        ["gap", "s.e."],
        lambda: zip(
            with_error(on_fresh_samples("elu") - on_fresh_samples("relu"))
        ),
    ),
    "10_in_practice": (
        "harsh-accuracy",
        "rate 0.03",
        ["accuracy (%)"],
        lambda: [with_deviation(accuracies("10 convolutions"))],
    ),
}


# What chapters 6 and 12 read is recorded: an experiment's name, the key, and
# what the key holds of the first seed.
RECORDED = {
    ("sparsity.zeros", "accuracy"): lambda: accuracies("06 unpenalised", 1),
    ("dying.causes", "gentle"): lambda: dead("12 gentle", 1),
    ("dying.causes", "low biases"): lambda: dead("12 low biases", 1),
}


def output(chapter, cell):
    """Return what a chapter's cell printed, or its table as text."""
    (path,) = (p for p in notebooks.pages() if p.stem == chapter)
    cells = {c.id: c for c in notebooks.read(path).cells}
    assert cell in cells, f"{chapter} has no cell {cell}"
    return "\n".join(
        each.get("text") or each.data["text/plain"]
        for each in cells[cell].outputs
    )


def stored(chapter, cell, row, column):
    """Return what a table shows in a row and a column, or a line after it."""
    text = output(chapter, cell)
    if column is None:
        (found,) = re.findall(f"^{re.escape(row)}(.*)", text, re.MULTILINE)
        return found
    heads = [line for line in text.splitlines() if column in line]
    rows = [
        line
        for line in text.splitlines()
        if " ".join(line.split()).startswith(f"{row} ")
    ]
    assert len(heads) == len(rows) == 1, (
        f"{chapter}, cell {cell}, has {len(rows)} rows {row!r} and "
        f"{len(heads)} heads with {column!r}, not one of each; point PRINTED "
        f"to what it shows now:\n{text}"
    )
    # A cell and its head share an edge, and two blanks part the cells, but
    # for those that align what follows ±.
    head = slice(*re.search(re.escape(column), heads[0]).span())
    (found,) = (
        cell[0]
        for cell in re.finditer(r"\S+(?: ±\s+\S+| \S+)*", rows[0])
        if cell.start() < head.stop and head.start < cell.end()
    )
    return found


def shows(text, numbers):
    """Assert that text shows these numbers, each to its own digits."""
    shown = re.findall(r"[-+]?\d+(?:\.\d+)?", text)
    assert len(shown) <= len(numbers), f"{text!r} should show {numbers}"
    assert shown, f"{text!r} shows no number"
    for digits, number in zip(shown, numbers):
        half = 0.5 * 10.0 ** -len(digits.partition(".")[2])
        assert abs(float(digits) - number) < 1.001 * half, (
            f"{text!r} is stored, and the second trainer finds {numbers}"
        )


@pytest.mark.parametrize("chapter", PRINTED)
def test_a_plain_loop_finds_what_a_chapter_prints(chapter):
    cell, row, columns, numbers = PRINTED[chapter]
    for column, expected in zip(columns, numbers(), strict=True):
        shows(stored(chapter, cell, row, column), expected)


@pytest.mark.parametrize(("name", "key"), RECORDED)
def test_a_plain_loop_finds_what_is_recorded(name, key):
    (expected,) = RECORDED[name, key]()
    first = record.found()[name].record()[key][0]
    np.testing.assert_allclose(first, expected, rtol=1e-5)
