"""Health takes what the model takes, finds its units and leaves no trace."""

import copy
import dataclasses
import io
import json
import pickle
import random
import re
import subprocess
import sys
import textwrap
import warnings
from collections import OrderedDict, UserDict, namedtuple
from functools import partial, wraps
from html import unescape
from importlib import metadata
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations, prune, spectral_norm
from torch.nn.utils.rnn import pack_padded_sequence
from torch.utils.checkpoint import checkpoint
from torch.utils.data import DataLoader, TensorDataset

from tests.code.test_health import QUANTITIES
from tools.paths import ROOT
from utils import health
from utils.health import layers as measure

pytestmark = [
    pytest.mark.filterwarnings("error"),
    # torch's own, of parts that people still have.
    pytest.mark.filterwarnings("ignore:.*deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*in Python 3.14:DeprecationWarning"),
]


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


class Model(nn.Module):
    """Compute a function of itself and what it is given."""

    def __init__(self, function, **parts):
        super().__init__()
        self.function = function
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, *args, **kwargs):
        return self.function(self, *args, **kwargs)


class Net(nn.Module):
    """Two layers, and what becomes of the output."""

    def __init__(self, wrap=None):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.norm = nn.Linear(5, 16), nn.BatchNorm1d(16)
        self.last, self.wrap = nn.Linear(16, 3), wrap
        with torch.no_grad():
            self.norm.running_mean += 0.1
            self.norm.bias -= torch.linspace(-1, 4, 16)
        self.eval()

    def forward(self, x):
        z = self.norm(self.first(x))
        output = self.last(F.relu(z))
        return self.wrap(output) if self.wrap else output


X, Y = normal(31, 5), torch.arange(31) % 3
TARGETS = normal(31, 3, seed=1)
CROSS_ENTROPY = nn.CrossEntropyLoss()
PAIRS = [*zip(X.split([1, 10, 2, 18]), Y.split([1, 10, 2, 18]))]


def by_hand(loss, model=None):
    """Return the norm of the loss's gradient at the pre-activations."""
    model = model or Net()
    z = model.norm(model.first(X)).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(model.last(F.relu(z))), z)
    return pytest.approx(float(gradient.norm()), rel=1e-4)


def assert_same(found, expected):
    assert [layer.name for layer in found] == [a.name for a in expected]
    for one, two in zip(found, expected):
        for name in (*QUANTITIES, "samples"):
            assert_allclose(
                getattr(one, name), getattr(two, name), rtol=1e-4, err_msg=name
            )


# What is given


class Batch(UserDict):
    """A mapping that is no dict, like transformers' BatchEncoding."""


UNLABELLED = {
    "a tuple": (X,),
    "a dict": {"x": X, "length": 31},
    "a mapping": Batch(x=X),
    "a list": list(X.split(7)),
    "a generator": lambda: iter(X.split([30, 1])),
    "a loader": DataLoader(X, 7),
    "a loader of tuples": DataLoader(TensorDataset(X), 7),
    "with labels that are for nobody": (X, Y),
}
LABELLED = {
    "a list, as a loader gives": [X, Y],
    "a dict": {"x": X, "labels": Y},
    "a mapping": Batch(x=X, targets=Y),
    "pairs of unequal size": PAIRS,
    "lists of unequal size": [list(pair) for pair in PAIRS],
    "a generator of dicts": lambda: ({"x": a, "y": b} for a, b in PAIRS),
    "a loader": DataLoader(TensorDataset(X, Y), 7),
    "a loader of dicts": DataLoader(
        [{"x": a, "label": b} for a, b in zip(X, Y)], 7
    ),
    "dicts and labels": [({"x": a}, b) for a, b in PAIRS],
}


@pytest.mark.parametrize("form", UNLABELLED)
def test_the_form_of_the_data_changes_no_number(form):
    x = UNLABELLED[form]
    (expected,) = measure(Net(), X)
    assert expected.gradient_norm == by_hand(lambda out: out.square().mean())
    assert 0 < expected.dead.mean() < 1
    assert_same(measure(Net(), x() if callable(x) else x), [expected])


@pytest.mark.parametrize("form", LABELLED)
def test_the_form_of_data_with_labels_changes_no_number(form):
    x = LABELLED[form]
    expected = measure(Net(), (X, Y), CROSS_ENTROPY)
    assert expected[0].gradient_norm == by_hand(partial(cross_entropy, y=Y))
    found = measure(Net(), x() if callable(x) else x, CROSS_ENTROPY)
    assert_same(found, expected)


def test_a_report_on_batches_reads_like_one_on_all():
    whole = health.report(Net(), (X, Y), CROSS_ENTROPY)
    parts = health.report(Net(), PAIRS, CROSS_ENTROPY)
    assert str(parts) == str(whole) and parts.samples == 31


@pytest.mark.parametrize("sizes", [[40], [9] * 4 + [4], [1] * 40])
def test_positions_and_nan_add_up_over_batches(sizes):
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.SiLU()
    )
    x = normal(40, 3, 6, 6)
    x[39, 1, 2, 3] = torch.nan
    assert_same(measure(model, list(x.split(sizes))), measure(model, x))


def test_sequences_of_unequal_length_add_up():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(9, 4), nn.Linear(4, 6), nn.ReLU())
    batches = [torch.arange(24).reshape(4, 6) % 9, torch.ones(2, 3).long()]
    (layer,) = measure(model, batches)
    outputs = torch.cat([model(batch).reshape(-1, 6) for batch in batches])
    assert layer.samples == len(outputs) == 30
    assert_array_equal(layer.dead, (outputs == 0).all(0))
    assert layer.zero_fraction == pytest.approx(
        float((outputs == 0).double().mean())
    )


Graph = namedtuple("Graph", "x edges")


@dataclasses.dataclass
class Sample:
    x: torch.Tensor
    y: object = None


# What becomes of the arguments before a dense layer and ReLU.
SEVERAL = {
    "two tensors": (lambda a, b: a + b, (X, X)),
    "nothing first": (lambda a, b: b, (None, X)),
    "a number first": (lambda a, b: a * b, (torch.tensor(1.0), X)),
    "a flag": (lambda a, b: a, (X, True)),
    "a mask": (lambda a, b: a * b[:, None], (X, Y > 0)),
    "nested": (lambda a: a[0] + a[1]["b"], ((X, {"b": X}),)),
    "a list in a dict": (lambda a, b: a[0], {"a": [X], "b": None}),
    "a dict as it is": (lambda batch: batch["p"], {"p": X}),
    "a dataclass": (lambda a: a.x, (Sample(X),)),
    "a namespace": (lambda a: a.x, (SimpleNamespace(x=X),)),
    "a namedtuple": (lambda a: a.x, (Graph(X, None),)),
    "a packed sequence": (
        lambda a: a.data,
        (
            pack_padded_sequence(
                X[:, None], torch.ones(31).long(), batch_first=True
            ),
        ),
    ),
    "a sparse one": (
        lambda a, b: torch.sparse.mm(b, a),
        (X, torch.eye(31).to_sparse()),
    ),
    "complex": (lambda a: a.abs(), torch.complex(X, X)),
    "bytes": (lambda a: a / 255, (50 * X.abs()).byte()),
    "a subclass": (lambda a: a, X.as_subclass(nn.Buffer)),
    "one that wants a gradient": (lambda a: a, X.clone().requires_grad_()),
}


@pytest.mark.parametrize("form", SEVERAL)
def test_the_model_gets_what_it_takes(form):
    function, x = SEVERAL[form]
    net = plain()
    model = Model(None, net=net)
    # With the names of the function's arguments, which a dict needs.
    model.forward = wraps(function)(lambda *a, **k: net(function(*a, **k)))
    report = health.report(model, x)
    (layer,) = report.layers
    assert (layer.name, layer.dead.size, layer.samples) == ("net.1", 8, 31)
    assert layer.gradient_norm > 0 and report.samples == 31


# Losses as people write them


def cross_entropy(output, y):
    return F.cross_entropy(output, y)


class Smooth(nn.Module):
    """A module with a loss inside."""

    def __init__(self):
        super().__init__()
        self.inner = nn.CrossEntropyLoss(label_smoothing=0.1)

    def forward(self, output, target):
        return self.inner(output, target)


class Callable:
    def __call__(self, output, target):
        return F.cross_entropy(output, target)


WEIGHT = torch.tensor([1.0, 2, 3])
HAND = partial(cross_entropy, y=Y)
LOSSES = {
    "CrossEntropyLoss": (CROSS_ENTROPY, HAND),
    "F.cross_entropy": (F.cross_entropy, HAND),
    "output and labels": (lambda out, y: F.cross_entropy(out, y), HAND),
    "output and batch": (
        lambda out, batch: F.cross_entropy(out, batch[1]),
        HAND,
    ),
    "output and b": (lambda out, b: F.cross_entropy(out, b[1]), HAND),
    "labels of outside": (lambda out: F.cross_entropy(out, Y), HAND),
    "labels by default": (lambda out, y=None: cross_entropy(out, y), HAND),
    "any arguments": (lambda *args: F.cross_entropy(*args), HAND),
    "an object": (Callable(), HAND),
    "a method": (Callable().__call__, HAND),
    "weights": (
        nn.CrossEntropyLoss(weight=WEIGHT),
        lambda out: F.cross_entropy(out, Y, WEIGHT),
    ),
    "a partial": (
        partial(F.cross_entropy, label_smoothing=0.1),
        lambda out: F.cross_entropy(out, Y, label_smoothing=0.1),
    ),
    "a module's": (
        Smooth(),
        lambda out: F.cross_entropy(out, Y, label_smoothing=0.1),
    ),
    "the output alone": (lambda out: out.sum(), lambda out: out.sum()),
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_as_people_write_it(name):
    loss, same = LOSSES[name]
    (layer,) = measure(Net(), (X, Y), loss)
    assert layer.gradient_norm == by_hand(same)


@pytest.mark.parametrize("name", ["batch", "b"])
def test_the_whole_batch_is_the_second_argument_if_it_is_called_so(name):
    loss = eval(f"lambda out, {name}: F.cross_entropy(out, {name}['y'])")
    loss.__globals__["F"] = F
    (layer,) = measure(Net(), {"x": X, "y": Y, "z": 3}, loss)
    assert layer.gradient_norm == by_hand(HAND)


@pytest.mark.parametrize("x", [X, (X,), [X], DataLoader(X, 31), {"x": X}])
@pytest.mark.parametrize("loss", [nn.MSELoss(), F.mse_loss])
def test_without_labels_a_loss_compares_the_output_with_the_input(x, loss):
    model = Net()
    model.last = nn.Linear(16, 5)
    (layer,) = measure(model, x, loss)
    assert layer.gradient_norm == by_hand(
        lambda out: F.mse_loss(out, X), model
    )


def test_the_labels_are_left_out_where_the_model_does_not_take_them():
    (layer,) = measure(Net(), (X, TARGETS), nn.MSELoss())
    assert layer.gradient_norm == by_hand(lambda out: F.mse_loss(out, TARGETS))


# Outputs of every form


class Output(OrderedDict):
    """An output like transformers': a mapping with attributes."""

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


@dataclasses.dataclass
class Record:
    logits: torch.Tensor
    extra: object = None


class Slots:
    __slots__ = ("logits",)

    def __init__(self, logits):
        self.logits = logits


OUTPUTS = {
    "a tuple": lambda out: (out, None),
    "a list": lambda out: [out],
    "a dict": lambda out: {"scores": out, "n": 3},
    "a mapping": lambda out: UserDict(logits=out),
    "nested": lambda out: {"a": [(out,)], "b": None},
    "a dataclass": Record,
    "a namedtuple": lambda out: namedtuple("Out", "logits aux")(out, 1),
    "a namespace": lambda out: SimpleNamespace(logits=out, loss=None),
    "an object of slots": Slots,
    "a mapping of attributes": lambda out: Output(logits=out),
}


@pytest.mark.parametrize("form", OUTPUTS)
def test_the_output_may_have_any_form(form):
    model = Net(OUTPUTS[form])
    (layer,) = measure(model, X)
    assert layer.gradient_norm == by_hand(lambda out: out.square().mean())
    (layer,) = measure(model, (X, Y), CROSS_ENTROPY)
    assert layer.gradient_norm == by_hand(HAND)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda out: SimpleNamespace(loss=HAND(out), logits=out),
        lambda out: Output(loss=HAND(out), logits=out),
        lambda out: {"loss": HAND(out), "logits": out},
        lambda out: {"classes": HAND(out) / 2, "boxes": HAND(out) / 2},
        HAND,
    ],
    ids=["namespace", "mapping", "dict", "dict of losses", "number"],
)
def test_the_models_own_loss_is_taken(wrap):
    (layer,) = measure(Net(wrap), X)
    assert layer.gradient_norm == by_hand(HAND)


def test_a_loss_given_comes_before_the_models_own():
    model = Net(lambda out: SimpleNamespace(loss=HAND(out), logits=out))
    (layer,) = measure(model, X, lambda out: out.logits.sum())
    assert layer.gradient_norm == by_hand(lambda out: out.sum())


def test_a_loss_that_cannot_move_is_named():
    model = Net(partial(F.normalize, dim=-1))
    assert "one length" in str(health.report(model, X))
    assert "one length" not in str(health.report(model, X, torch.sum))
    assert "one length" not in str(health.report(Net(), X))
    nn.init.zeros_(model.last.weight)
    # All outputs are one: that is a finding, and says why.
    assert "one length" not in str(health.report(model, X))


# Nonsense

EXAMPLE = "such as|for example|give |say |call it"
NONSENSE = {
    "a function": (F.relu, X, {}, "got function"),
    "a class": (nn.ReLU, X, {}, "got type"),
    "swapped": (X, Net(), {}, "got Tensor"),
    "no data": (Net(), None, {}, "got NoneType"),
    "text": (Net(), "abc", {}, "got str"),
    "a number": (Net(), 3, {}, "got int"),
    "an array": (Net(), X.numpy(), {}, "got ndarray"),
    "arrays": (Net(), (X.numpy(), Y.numpy()), {}, "got tuple"),
    "lists of numbers": (Net(), X.tolist(), {}, "got list"),
    "a data set": (
        Net(),
        TensorDataset(X, Y),
        {},
        r"DataLoader\(.*batch_size",
    ),
    "an empty tuple": (Net(), (), {}, "got tuple"),
    "no batch": (Net(), [], {}, "at least one batch, got none"),
    "an empty batch": (Net(), [X, X[:0]], {}, r"got shape \(0, 5\)"),
    "loss: text": (Net(), X, {"loss": "mse"}, "got 'mse'"),
    "loss: a number": (Net(), X, {"loss": 3.0}, "got 3.0"),
    "loss: a class": (Net(), (X, Y), {"loss": nn.MSELoss}, "MSELoss"),
    "loss: three arguments": (
        Net(),
        (X, Y),
        {"loss": lambda out, y, z: out.sum()},
        "loss must",
    ),
    "loss: none": (Net(), X, {"loss": lambda out: None}, "got None"),
    "loss: many": (
        Net(),
        (X, Y),
        {"loss": nn.CrossEntropyLoss(reduction="none")},
        r"got torch.Size\(\[31\]\)",
    ),
    "loss: whole": (Net(), X, {"loss": lambda out: (out > 0).sum()}, "int64"),
    "axis: text": (Net(), X, {"axis": "a"}, "got 'a'"),
    "axis: a list": (Net(), X, {"axis": [1]}, r"got \[1\]"),
    "axis: a fraction": (Net(), X, {"axis": 1.0}, "got 1.0"),
    "axis: a truth": (Net(), X, {"axis": True}, "got True"),
    "axis: too large": (Net(), X, {"axis": 2}, "2"),
    "axis: too small": (Net(), X, {"axis": -3}, "-3"),
    "axis: a wrong one": (Net(), X, {"axis": {"relu()": 7}}, "7"),
    "axis: of nothing": (Net(), X, {"axis": {"other": 1}}, "other"),
}


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_is_named_with_what_is_wanted_and_an_example(name):
    model, x, options, message = NONSENSE[name]
    with pytest.raises((TypeError, ValueError), match=message) as caught:
        health.report(model, x, **options)
    assert re.search(EXAMPLE, str(caught.value))


def test_entries_that_the_model_does_not_take_are_named():
    with pytest.raises((RuntimeError, ValueError), match="takes x.* q, r"):
        measure(Net(), {"q": X, "r": X})


def test_a_loss_without_the_labels_that_it_needs_says_what_it_got():
    with pytest.raises(RuntimeError, match="the loss failed") as caught:
        measure(Net(), X, CROSS_ENTROPY)
    said = str(caught.value)
    assert "(31, 3)" in said and "(31, 5)" in said and "labels" in said


def test_a_model_that_was_made_without_gradients_is_refused():
    with torch.inference_mode():
        model = Net()
    with pytest.raises(ValueError, match="inference_mode.*make it, or load"):
        measure(model, X)


def test_units_that_a_reshape_cuts_through_are_not_known():
    model = Model(
        lambda m, x: F.relu(m.c(x).transpose(0, 1).mean(3).reshape(12, 4, 4)),
        c=nn.Conv2d(1, 8, 1),
    )
    (layer,) = measure(model, normal(6, 1, 4, 5))
    assert not layer.units_known


def test_batches_of_other_units_are_refused():
    model = Model(lambda m, x: F.relu(x))
    with pytest.raises(ValueError, match=r"Model .* 5 .* 6 .*axis"):
        measure(model, [normal(30, 5), normal(29, 6)])


# The units


def quiet(part, units=7):
    """Return a layer or a norm with all of its units dead but the last."""
    with torch.no_grad():
        part.bias.flatten()[:units] = -100
    return part


SHIFT = torch.zeros(8)
SHIFT[:7] = -100


def shift():
    return nn.Parameter(SHIFT.clone())


def convolution(channels=8, **options):
    return nn.Conv2d(3, channels, 3, padding=1, **options)


def dense(units=8):
    return nn.Linear(5, units)


def weight(*shape):
    return nn.Parameter(normal(*shape, seed=3))


IMAGES, TOKENS, ROWS = normal(20, 3, 6, 6), normal(20, 9, 5), normal(20, 5)
LAST = IMAGES.to(memory_format=torch.channels_last)


def heads(t):
    return t.view(20, 9, 2, 4).transpose(1, 2)


def attention(m, x):
    q, k, v = (heads(part(x)) for part in (m.q, m.k, m.v))
    mixed = F.scaled_dot_product_attention(q, k, v)
    return mixed.transpose(1, 2).reshape(20, 9, 8) + m.b


def collected(m, x):
    state, states = x.new_zeros(20, 8), x.new_zeros(20, 9, 8)
    for step in range(9):
        state = torch.tanh(m.keep(torch.cat([x[:, step], state], 1)))
        states[:, step] = state
    return m.read(states)


def mixed(m, x):
    output, chosen = torch.zeros(20, 8), x[:, 0] > 0
    output[chosen] = m.a(x[chosen])
    output[~chosen] = m.b(x[~chosen])
    return output


# Seven of eight channels, or as many eighths, are dead.
UNITS = {
    # The four of the issue.
    "LayerNorm of tokens": (
        lambda m, x: m.n(m.c(x).flatten(2).transpose(1, 2)),
        IMAGES,
        lambda: {"c": convolution(), "n": quiet(nn.LayerNorm(8))},
    ),
    "Conv1d between transposes": (
        lambda m, x: m.c(x.transpose(1, 2)).transpose(1, 2),
        TOKENS,
        lambda: {"c": quiet(nn.Conv1d(5, 8, 3))},
    ),
    "LSTM of positions": (
        lambda m, x: m.r(m.c(x).flatten(2).transpose(1, 2))[0] + m.b,
        IMAGES,
        lambda: {
            "c": convolution(),
            "r": nn.LSTM(8, 8, batch_first=True),
            "b": shift(),
        },
    ),
    "batch norm of a view": (
        lambda m, x: m.n(m.l(x).view(-1, 8, 4, 4)),
        ROWS,
        lambda: {"l": dense(128), "n": quiet(nn.BatchNorm2d(8))},
    ),
    # Convolutions.
    **{
        f"a view of a convolution: {name}": (
            lambda m, x, view=view: view(m.c(x)),
            IMAGES,
            lambda: {"c": quiet(convolution())},
        )
        for name, view in {
            "none": lambda t: t,
            "flat": lambda t: t.flatten(2),
            "transposed": lambda t: t.flatten(2).mT,
            "NHWC": lambda t: t.permute(0, 2, 3, 1),
            "NHWC in memory": lambda t: t.permute(0, 2, 3, 1).contiguous(),
            "rows": lambda t: t.permute(0, 2, 3, 1).reshape(-1, 8),
            "first": lambda t: t.movedim(1, 0),
            "last": lambda t: t.swapaxes(1, 3),
            "pooled": lambda t: F.adaptive_avg_pool2d(t, 1).flatten(1),
            "mean": lambda t: t.mean((2, 3)),
            "maximum": lambda t: t.flatten(2).max(-1)[0],
            "larger": lambda t: F.interpolate(t, scale_factor=2),
            "padded": lambda t: F.pad(t, (1, 1, 1, 1), value=-1.0),
            "groups": lambda t: t.unflatten(1, (2, 4)),
            "shuffled": lambda t: (
                t.view(20, 2, 4, 6, 6).transpose(1, 2).reshape(20, 8, 6, 6)
            ),
            "memory": lambda t: t.contiguous(
                memory_format=torch.channels_last
            ),
            "more axes": lambda t: t[:, None, :, :, :, None],
        }.items()
    },
    **{
        f"channels last: {name}": (
            lambda m, x, view=view: view(m.c(x)),
            LAST,
            lambda: {
                "c": quiet(convolution()).to(memory_format=torch.channels_last)
            },
        )
        for name, view in {
            "none": lambda t: t,
            "transposed": lambda t: t.flatten(2).mT,
            "rows": lambda t: t.permute(0, 2, 3, 1).reshape(20, 36, 8),
        }.items()
    },
    **{
        f"a convolution: {name}": (
            lambda m, x: m.c(x),
            x,
            lambda make=make: {"c": quiet(make())},
        )
        for name, (make, x) in {
            "grouped": (
                partial(nn.Conv2d, 4, 8, 3, groups=2),
                normal(20, 4, 6, 6),
            ),
            "depthwise": (
                partial(nn.Conv2d, 8, 8, 3, groups=8),
                normal(20, 8, 6, 6),
            ),
            "transposed": (partial(nn.ConvTranspose2d, 3, 8, 2), IMAGES),
            "of volumes": (partial(nn.Conv3d, 3, 8, 2), normal(9, 3, 4, 4, 4)),
            "of sequences": (partial(nn.Conv1d, 3, 8, 2), normal(20, 3, 9)),
            "of one picture": (convolution, IMAGES[0]),
            "of one sequence": (partial(nn.Conv1d, 3, 8, 2), normal(3, 9)),
            "of a batch of one": (convolution, IMAGES[:1]),
        }.items()
    },
    "a convolution's function": (
        lambda m, x: F.conv2d(input=x, weight=m.w, bias=m.b),
        IMAGES,
        lambda: {"w": weight(8, 3, 3, 3), "b": shift()},
    ),
    "a part of a convolution": (
        lambda m, x: m.c(x).split(8, 1)[0],
        IMAGES,
        lambda: {"c": quiet(convolution(16))},
    ),
    "two convolutions": (
        lambda m, x: torch.cat([m.c(x), m.d(x)], 1),
        IMAGES,
        lambda: {"c": quiet(convolution()), "d": quiet(convolution())},
    ),
    "pixel shuffle": (
        lambda m, x: F.pixel_shuffle(m.c(x), 2),
        IMAGES,
        lambda: {"c": quiet(convolution(32), 28)},
    ),
    "a shift by another input": (
        lambda m, x: m.c(x) + m.l(x.mean((1, 2)))[:, :, None, None],
        normal(20, 3, 6, 5),
        lambda: {"c": convolution(), "l": quiet(dense())},
    ),
    "a norm by hand": (
        lambda m, x: (
            (c := m.c(x)) - c.mean(1, keepdim=True) + m.b[:, None, None]
        ),
        IMAGES,
        lambda: {"c": convolution(), "b": shift()},
    ),
    # Norms.
    **{
        f"{type(norm()).__name__}": (
            lambda m, x: m.n(m.c(x)),
            IMAGES,
            lambda norm=norm: {"c": convolution(), "n": quiet(norm())},
        )
        for norm in (
            partial(nn.BatchNorm2d, 8),
            partial(nn.GroupNorm, 2, 8),
            partial(nn.InstanceNorm2d, 8, affine=True),
        )
    },
    "LayerNorm of all": (
        lambda m, x: m.n(m.c(x)),
        IMAGES,
        lambda: {
            "c": convolution(),
            "n": quiet(nn.LayerNorm((8, 6, 6)), 7 * 36),
        },
    ),
    "BatchNorm1d of channels": (
        lambda m, x: m.n(m.l(x).mT),
        TOKENS,
        lambda: {"l": dense(), "n": quiet(nn.BatchNorm1d(8))},
    ),
    "BatchNorm1d of tokens": (
        lambda m, x: m.n(m.l(x)),
        TOKENS[:, :8],
        lambda: {"l": dense(6), "n": quiet(nn.BatchNorm1d(8))},
    ),
    "the function layer_norm": (
        lambda m, x: F.layer_norm(m.c(x).mT, (8,), bias=m.b),
        normal(20, 3, 9),
        lambda: {"c": nn.Conv1d(3, 8, 2), "b": shift()},
    ),
    # Weights that multiply.
    **{
        f"weights: {name}": (
            lambda m, x, function=function: function(x, m.w) + m.b,
            ROWS,
            lambda: {"w": weight(5, 8), "b": shift()},
        )
        for name, function in {
            "@": lambda x, w: x @ w,
            "mm": torch.mm,
            "matmul": lambda x, w: torch.matmul(input=x, other=w),
            "linear": lambda x, w: F.linear(x, w.T),
            "addmm": lambda x, w: torch.addmm(torch.zeros(8), x, w),
            "tensordot": lambda x, w: torch.tensordot(x, w, 1),
            "einsum": lambda x, w: torch.einsum("bi,io->bo", x, w),
            "weights first": lambda x, w: torch.einsum("io,bi->bo", w, x),
            "any axes": lambda x, w: torch.einsum("...i,io->...o", x, w),
            "heads": lambda x, w: torch.einsum(
                "bi,ihd->bhd", x, w.view(5, 2, 4)
            ).flatten(1),
        }.items()
    },
    "weights on the left": (
        lambda m, x: m.w @ x.T + m.b[:, None],
        ROWS,
        lambda: {"w": weight(8, 5), "b": shift()},
    ),
    "weights on the left of tokens": (
        lambda m, x: m.w @ x.mT + m.b[:, None],
        TOKENS,
        lambda: {"w": weight(8, 5), "b": shift()},
    ),
    "neighbours on the left": (
        lambda m, x: m.near @ m.l(x) + m.b,
        ROWS,
        lambda: {"near": normal(20, 20), "l": dense(), "b": shift()},
    ),
    "sparse neighbours on the left": (
        lambda m, x: torch.sparse.mm(m.near, m.l(x)) + m.b,
        ROWS,
        lambda: {
            "near": torch.eye(20).to_sparse(),
            "l": dense(),
            "b": shift(),
        },
    ),
    "channels before tokens": (
        lambda m, x: torch.einsum("bti,io->bot", x, m.w) + m.b[:, None],
        TOKENS,
        lambda: {"w": weight(5, 8), "b": shift()},
    ),
    # Views of a dense layer.
    **{
        f"a view of a dense layer: {name}": (
            lambda m, x, view=view: view(m.l(x)),
            TOKENS,
            lambda: {"l": quiet(dense())},
        )
        for name, view in {
            "none": lambda t: t,
            "heads": lambda t: t.view(20, 9, 2, 4),
            "heads first": heads,
            "heads in memory": lambda t: heads(t).contiguous(),
            "heads and back": lambda t: (
                heads(t).mT.mT.transpose(1, 2).flatten(2)
            ),
            "rows": lambda t: t.flatten(0, 1),
            "transposed": lambda t: t.mT,
            "first token": lambda t: t[:, 0],
            "mean of tokens": lambda t: t.mean(1),
            "more tokens": lambda t: torch.cat([t, t], 1),
            "tokens chosen": lambda t: t.index_select(1, torch.tensor([2, 0])),
            "tokens masked": lambda t: t[torch.arange(9).expand(20, 9) > 3],
            "one token a time": lambda t: torch.stack(t.unbind(1), 2),
            "repeated": lambda t: t.repeat(1, 2, 1),
            "size-1 axes": lambda t: t.unsqueeze(1).unsqueeze(-1),
            "windows": lambda t: t.unfold(1, 3, 1),
        }.items()
    },
    "a dense layer as pictures": (
        lambda m, x: m.l(x).view(20, 8, 4, 4),
        ROWS,
        lambda: {"l": quiet(dense(128), 112)},
    ),
    "Bilinear": (
        lambda m, x: m.l(x, x),
        ROWS,
        lambda: {"l": quiet(nn.Bilinear(5, 5, 8))},
    ),
    "tokens mixed": (
        lambda m, x: m.l(x.mT).mT,
        TOKENS,
        lambda: {"l": quiet(nn.Linear(9, 8))},
    ),
    "attention": (
        attention,
        TOKENS,
        lambda: {"q": dense(), "k": dense(), "v": dense(), "b": shift()},
    ),
    "states that are collected": (
        collected,
        TOKENS,
        lambda: {"keep": nn.Linear(13, 8), "read": quiet(nn.Linear(8, 8))},
    ),
    "experts": (
        mixed,
        ROWS,
        lambda: {"a": quiet(dense()), "b": quiet(dense())},
    ),
}
# How many units, where they are not eight.
MANY = {
    "a dense layer as pictures": 128,
    "two convolutions": 16,
    "LayerNorm of all": 8,
}


@pytest.mark.parametrize("name", UNITS)
def test_the_dead_channels_are_found_in_every_layout(name):
    function, x, parts = UNITS[name]
    torch.manual_seed(0)
    model = Model(lambda m, x: F.relu(function(m, x)), **parts())
    layer = measure(model, x)[-1]
    units = MANY.get(name, 8)
    assert layer.activation == "relu" and layer.units_known
    assert (layer.dead.size, layer.dead.sum()) == (units, units * 7 // 8)


@pytest.mark.parametrize(
    ("model", "x"),
    [
        (nn.Conv2d(3, 1, 3), IMAGES),
        (nn.Sequential(nn.Conv2d(3, 1, 3), nn.Flatten(0)), IMAGES),
        (Model(lambda m, x: m.c(x).squeeze(1), c=nn.Conv2d(3, 1, 3)), IMAGES),
        (Model(lambda m, x: m.l(x).view(20), l=dense(1)), ROWS),
        (Model(lambda m, x: m.l(x).squeeze(), l=dense(1)), TOKENS),
    ],
    ids=["conv", "flat", "squeezed", "viewed", "tokens"],
)
def test_one_unit_stays_one_whatever_its_axis(model, x):
    (layer,) = measure(nn.Sequential(model, nn.ReLU()), x)
    assert layer.dead.shape == (1,)


@pytest.mark.parametrize(
    ("axis", "units"),
    [(2, 6), (-1, 7), (0, 20), ({"relu()": 3}, 7), ({}, 8)],
)
def test_the_axis_of_the_units_can_be_said(axis, units):
    model = Model(lambda m, x: F.relu(m.c(x)), c=nn.Conv2d(3, 8, 1))
    (layer,) = measure(model, normal(20, 3, 6, 7), axis=axis)
    assert layer.dead.size == units


ASKED = {
    "scores": lambda m, x: m.q(x) @ m.k(x).mT,
    "scores by einsum": lambda m, x: torch.einsum(
        "bid,bjd->bij", m.q(x), m.k(x)
    ),
    "the mean of units": lambda m, x: m.q(x).mean(-1),
    "the mean of as many units as tokens": lambda m, x: m.q(x[:, :8]).mean(2),
    "a product with one vector": lambda m, x: x @ m.w,
    "complex numbers": lambda m, x: torch.view_as_real(
        torch.view_as_complex(m.q(x).unflatten(-1, (4, 2)))
    ).flatten(2),
}


@pytest.mark.parametrize("name", ASKED)
def test_where_the_axis_is_not_known_the_report_asks_and_judges_no_unit(name):
    # The numbers are all negative, so that any unit would be dead.
    model = Model(
        lambda m, x: m.last(F.relu(ASKED[name](m, x).abs().neg())),
        q=dense(),
        k=dense(),
        w=weight(5),
        last=nn.Flatten(1),
    )
    report = health.report(model, TOKENS)
    assert not report.layers[-1].units_known
    assert 'axis={"' in str(report)
    assert "units are dead" not in str(report)
    known = health.report(model, TOKENS, axis=1)
    assert known.layers[-1].units_known and "axis=" not in str(known)


# What cannot be seen


@torch.jit.script
def scripted(x: torch.Tensor) -> torch.Tensor:
    return x * torch.sigmoid(x)


class ByNumpy(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return torch.as_tensor(np.tanh(x.detach().numpy()))

    @staticmethod
    def backward(ctx, gradient):
        return gradient


def steps(m, x):
    state = None
    for each in x.unbind(1):
        state = m.r(each, state)
    return state[0] if isinstance(state, tuple) else state


def shown(function, x=TOKENS, **parts):
    """Return a model with such a part between a ReLU and another."""
    return Model(
        lambda m, x: F.relu(m.last(function(m, F.relu(m.first(x))))),
        first=nn.Linear(5, 8),
        last=nn.Linear(8, 8),
        **parts,
    )


UNSEEN = {
    **{
        kind.__name__: (
            lambda m, x: m.r(x)[0],
            {"r": kind(8, 8, batch_first=True)},
            "inside r",
        )
        for kind in (nn.LSTM, nn.GRU, nn.RNN)
    },
    **{
        kind.__name__: (steps, {"r": kind(8, 8)}, "inside r")
        for kind in (nn.LSTMCell, nn.GRUCell, nn.RNNCell)
    },
    **{
        f"softmax: {name}": (
            lambda m, x, function=function: function(x),
            {},
            "softmax",
        )
        for name, function in {
            "F.softmax": partial(F.softmax, dim=-1),
            "torch.softmax": lambda x: torch.softmax(x, -1),
            "a method": lambda x: x.softmax(-1),
            "F.log_softmax": partial(F.log_softmax, dim=-1),
            "a method's logarithm": lambda x: x.log_softmax(-1),
            "softmin": partial(F.softmin, dim=-1),
            "gumbel": F.gumbel_softmax,
            "special": lambda x: torch.special.softmax(x, -1),
            "special logarithm": lambda x: torch.special.log_softmax(x, -1),
            "by logsumexp": lambda x: x - x.logsumexp(-1, keepdim=True),
        }.items()
    },
    "nn.Softmax": (lambda m, x: m.s(x), {"s": nn.Softmax(-1)}, "softmax in s"),
    "nn.LogSoftmax": (
        lambda m, x: m.s(x),
        {"s": nn.LogSoftmax(-1)},
        "softmax in s",
    ),
    "MultiheadAttention": (
        lambda m, x: m.a(x, x, x)[0],
        {"a": nn.MultiheadAttention(8, 2, batch_first=True)},
        "softmax of the attention in a",
    ),
    "scaled_dot_product_attention": (
        lambda m, x: F.scaled_dot_product_attention(x, x, x),
        {},
        "softmax of the attention",
    ),
    "a transformer's layer": (
        lambda m, x: m.t(x),
        {"t": nn.TransformerEncoderLayer(8, 2, 8, batch_first=True)},
        "attention in t.self_attn",
    ),
    "nn.GLU": (
        lambda m, x: m.g(torch.cat([x, x], -1)),
        {"g": nn.GLU()},
        "unit in g",
    ),
    "F.glu": (lambda m, x: F.glu(torch.cat([x, x], -1)), {}, "gated unit"),
    "a script": (
        lambda m, x: m.s(x),
        {
            "s": torch.jit.script(
                nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.BatchNorm1d(9))
            )
        },
        "what s does",
    ),
    "a trace": (
        lambda m, x: x + m.s(x),
        {
            "s": torch.jit.trace(
                nn.Sequential(nn.Linear(8, 8), nn.Tanh()), normal(20, 9, 8)
            )
        },
        "what s does",
    ),
    "a function of a script": (lambda m, x: x + scripted(m.first2(x)), {}, ""),
    "vmap": (
        lambda m, x: x + torch.vmap(lambda r: torch.tanh(m.first2(r)))(x),
        {},
        "",
    ),
    "numpy": (lambda m, x: x + ByNumpy.apply(m.first2(x)), {}, ""),
}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", UNSEEN)
def test_what_cannot_be_seen_is_listed_and_not_called_healthy(name, training):
    function, parts, said = UNSEEN[name]
    torch.manual_seed(0)
    model = shown(function, first2=nn.Linear(8, 8), **copy.deepcopy(parts))
    report = health.report(model.train(training), TOKENS)
    assert len(report.layers) >= 2
    assert any(said in sentence for sentence in report.unseen)
    for text in (str(report), report._repr_html_(), report._repr_markdown_()):
        assert "No fault found:" not in text
        assert "Not seen" in text
    assert json.dumps(report.to_dict()["unseen"])


def test_a_model_of_which_nothing_is_seen_says_so():
    for first in (
        lambda m, x: torch.vmap(lambda row: torch.tanh(m.one(row)))(x),
        lambda m, x: torch.tensor(m.one(x).tolist()),
    ):
        model = Model(
            lambda m, x, first=first: F.relu(m.two(first(m, x))),
            one=nn.Linear(5, 8),
            two=nn.Linear(8, 3),
        )
        with pytest.raises(ValueError, match="no activation.* not seen: "):
            measure(model, X)


def test_what_is_seen_is_not_listed():
    report = health.report(
        shown(lambda m, x: m.b(x), b=nn.Linear(8, 8)), TOKENS
    )
    assert report.unseen == [] and "No fault found:" in str(report)


# Left as found


def content(value):
    """Return what a value holds, in plain Python, so that it compares."""
    if isinstance(value, torch.Tensor):
        return (
            id(value),
            str(value.tolist()),
            value.shape,
            value.requires_grad,
            value.is_leaf,
            value.is_leaf and value.grad is not None and value.grad.tolist(),
            list(value._backward_hooks or ()),
        )
    if isinstance(value, dict):
        return id(value), [(key, content(v)) for key, v in value.items()]
    if isinstance(value, (list, set)):
        return id(value), [content(v) for v in value]
    return id(value), repr(value)[:99]


def traces(model):
    """Return all that a look at a model might change."""
    everywhere = torch.nn.modules.module
    return {
        "hooks of all": [
            len(getattr(everywhere, name))
            for name in vars(everywhere)
            if name.startswith("_global") and name.endswith("hooks")
        ],
        "function modes": torch.overrides._get_current_function_mode_stack(),
        "grad mode": torch.is_grad_enabled(),
        "torch's random state": torch.get_rng_state().tolist(),
        "numpy's random state": str(np.random.get_state()),  # noqa: NPY002
        "Python's random state": random.getstate(),
    } | {
        f"{name}.{key}": content(value)
        for name, module in model.named_modules()
        if not isinstance(module, torch.jit.ScriptModule)
        for key, value in vars(module).items()
    }


def changes(before, after):
    return [k for k in before | after if before.get(k) != after.get(k)]


class Busy(nn.Module):
    """Do to itself what modules do in their forward pass; fail if asked."""

    def __init__(self, fails=False):
        super().__init__()
        self.line, self.fails = nn.Linear(5, 5), fails
        self.calls, self.seen, self.cache = 0, [], {"last": None}
        self.plain = torch.zeros(5)
        for name in ("mean", "steps"):
            self.register_buffer(name, torch.zeros(5))
        self.register_buffer("late", None)
        self.register_buffer("grown", torch.zeros(0))

    def forward(self, x):
        z = self.line(x)
        self.calls += 1
        self.seen.append(z)
        self.cache["last"] = z
        self.plain += 1
        self.mean.mul_(0.9).add_(z.detach().mean(0))
        self.steps[0] += 1
        self.late = z.detach()
        self.grown.resize_(3).fill_(1)
        self.line.weight.data.mul_(0.99)
        self.line.bias.requires_grad_(not self.line.bias.requires_grad)
        self.new = nn.Linear(1, 1)
        torch.rand(1), random.random(), np.random.rand()  # noqa: NPY002
        z.detach().cpu().numpy(), x.detach().tolist(), x.mean().item()
        assert not z.detach().requires_grad and not x.requires_grad
        output = F.relu(z)
        if self.fails:
            raise KeyError("half-way")
        return output


class Experts(nn.Module):
    """A mixture of which one expert gets no sample, and one no call."""

    def __init__(self):
        super().__init__()
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(5, 8), nn.GELU(), nn.Linear(8, 5))
            for _ in range(3)
        )

    def forward(self, x):
        output = torch.zeros_like(x)
        for expert, chosen in zip(self.experts, (x[:, 0] < 9, x[:, 0] > 9)):
            output = output.index_add(
                0, chosen.nonzero()[:, 0], expert(x[chosen])
            )
        return output


class Late(nn.Module):
    """Make its layer when it is called."""

    def forward(self, x):
        if not hasattr(self, "line"):
            self.line = nn.Linear(5, 8)
        return F.relu(self.line(x))


class Parallel(nn.Module):
    """Wrap a model, as DataParallel does."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, *args, **kwargs):
        return self.module(*args, **kwargs)


def plain(line=None, activation=None):
    torch.manual_seed(0)
    return nn.Sequential(
        line or nn.Linear(5, 8), activation or nn.ReLU(), nn.Linear(8, 3)
    )


def hooked():
    model = plain()
    model[0].register_forward_pre_hook(lambda module, args: (args[0] + 1,))
    model[1].register_forward_hook(lambda module, args, output: 2 * output)
    model[1].register_full_backward_hook(lambda *args: None)
    model[0].weight.register_hook(lambda gradient: 2 * gradient)
    return model


def started():
    model = plain(nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8)))
    model(X).sum().backward()
    model[0].requires_grad_(False)
    return model


def quantised(prepare, **config):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ao = torch.ao.quantization
        model = nn.Sequential(
            *(ao.QuantStub(), nn.Conv1d(1, 8, 3), nn.BatchNorm1d(8)),
            *(nn.ReLU(), nn.Flatten(), nn.Linear(24, 3), ao.DeQuantStub()),
        )
        model.qconfig = config["qconfig"]()
        return nn.Sequential(
            nn.Unflatten(1, (1, 5)), getattr(ao, prepare)(model.train())
        )


def pruned():
    line = nn.Linear(5, 8)
    prune.random_unstructured(line, "weight", 0.5)
    return line


QAT = torch.ao.quantization.get_default_qat_qconfig
MODELS = {
    "busy": Busy,
    "started": started,
    "hooked": hooked,
    "experts": Experts,
    "frozen": lambda: plain().requires_grad_(False),
    "late": Late,
    "lazy": lambda: (m := plain(nn.LazyLinear(8)), m(X))[0],
    "shared": lambda: nn.Sequential(*[nn.Linear(5, 5), nn.ReLU()] * 2),
    "wrapped": lambda: Parallel(plain()),
    "DataParallel": lambda: nn.DataParallel(plain()),
    "in place": lambda: plain(activation=nn.ReLU(inplace=True)),
    "spectral_norm": lambda: plain(spectral_norm(nn.Linear(5, 8))),
    "weight_norm": lambda: plain(nn.utils.weight_norm(nn.Linear(5, 8))),
    "parametrised spectral_norm": lambda: plain(
        parametrizations.spectral_norm(nn.Linear(5, 8))
    ),
    "parametrised weight_norm": lambda: plain(
        parametrizations.weight_norm(nn.Linear(5, 8))
    ),
    "pruned": lambda: plain(pruned()),
    "script": lambda: plain(torch.jit.script(plain()), nn.Linear(3, 8)).append(
        nn.ReLU()
    ),
    "quantisation-aware": partial(
        quantised, "prepare_qat", qconfig=partial(QAT, "fbgemm")
    ),
    "quantisation-aware, old": partial(
        quantised, "prepare_qat", qconfig=partial(QAT, "qnnpack")
    ),
    "observed": partial(
        quantised,
        "prepare_qat",
        qconfig=lambda: torch.ao.quantization.QConfig(
            torch.ao.quantization.HistogramObserver.with_args(),
            torch.ao.quantization.default_weight_fake_quant,
        ),
    ),
}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", MODELS)
def test_no_trace_is_left_and_a_second_report_reads_the_same(name, training):
    model = MODELS[name]().train(training)
    torch.manual_seed(1)
    before, given = traces(model), X.clone()
    first = str(health.report(model, X))
    assert changes(before, traces(model)) == []
    assert str(health.report(model, X)) == first
    assert torch.equal(X, given)


@pytest.mark.parametrize("when", ["forward", "loss"])
def test_no_trace_is_left_by_a_failure(when):
    model = nn.Sequential(nn.Linear(5, 5), nn.ReLU(), Busy(when == "forward"))
    before = traces(model)
    with pytest.raises((RuntimeError, ZeroDivisionError)):
        health.report(model, [X, X], lambda out: 1 / 0)
    assert changes(before, traces(model)) == []


def test_the_random_states_do_not_feel_a_loader():
    class Noisy(torch.utils.data.Dataset):
        def __len__(self):
            return 31

        def __getitem__(self, i):
            return X[i] + torch.rand(1) + random.random() + np.random.rand()  # noqa: NPY002

    model = Net()
    before = traces(model)
    health.report(model, DataLoader(Noisy(), 7, shuffle=True))
    assert changes(before, traces(model)) == []


@pytest.mark.parametrize("mode", ["no_grad", "inference", "autocast"])
def test_modes_around_the_report_stay_and_change_no_verdict(mode):
    model = Net()
    around = {
        "no_grad": torch.no_grad,
        "inference": torch.inference_mode,
        "autocast": partial(torch.autocast, "cpu", torch.bfloat16),
    }[mode]
    expected = measure(model, X)[0]
    with around():
        before = traces(model)
        found = measure(model, X)[0]
        assert changes(before, traces(model)) == []
    assert_allclose(found.gradient_norm, expected.gradient_norm, rtol=0.05)
    assert_array_equal(found.dead, expected.dead)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_models_of_any_precision(dtype):
    (expected,) = measure(Net(), X)
    (found,) = measure(Net().to(dtype), X.to(dtype))
    assert_allclose(found.gradient_norm, expected.gradient_norm, rtol=0.05)
    assert_allclose(found.dead, expected.dead)


class Saved(nn.Module):
    """Compute a block again in the backward pass, to save memory."""

    def __init__(self, activation, reentrant):
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b, self.c = (nn.Linear(5, 5) for _ in range(3))
        self.norm, self.drop = nn.BatchNorm1d(5), nn.Dropout(0.3)
        self.activation, self.reentrant = activation, reentrant

    def block(self, x):
        return self.activation(self.drop(self.norm(self.b(F.relu(x)))))

    def forward(self, x):
        x = self.a(x)
        if self.reentrant is None:
            return self.c(self.block(x))
        return self.c(checkpoint(self.block, x, use_reentrant=self.reentrant))


@pytest.mark.parametrize("reentrant", [True, False])
@pytest.mark.parametrize(
    "activation",
    [F.relu, F.gelu, lambda x: x * torch.sigmoid(x), nn.SiLU(True)],
    ids=["ReLU", "GELU", "swish", "in place"],
)
def test_a_checkpoint_changes_no_number(activation, reentrant):
    model = Saved(activation, reentrant)
    before = traces(model)
    found = measure(model, X)
    assert changes(before, traces(model)) == []
    assert_same(found, measure(Saved(activation, None), X))


def test_gradients_within_the_forward_pass_do_not_count():
    def force(m, x):
        x = x.detach().requires_grad_()
        energy = m.last(F.softplus(m.first(x))).sum()
        return torch.autograd.grad(energy, x, create_graph=True)[0]

    torch.manual_seed(0)
    model = Model(force, first=nn.Linear(5, 8), last=nn.Linear(8, 1))
    (layer,) = measure(model, X)
    x = X.clone().requires_grad_()
    z = model.first(x)
    (f,) = torch.autograd.grad(
        model.last(F.softplus(z)).sum(), x, create_graph=True
    )
    (expected,) = torch.autograd.grad(f.square().mean(), z)
    assert layer.gradient_norm == pytest.approx(float(expected.norm()))


def test_copies_and_files_hold_nothing_of_the_report():
    model = started()
    report = health.report(model, X)
    torch.save(model, io.BytesIO())
    twin = pickle.loads(pickle.dumps(copy.deepcopy(model)))
    assert str(health.report(twin, X)) == str(report)
    assert str(pickle.loads(pickle.dumps(report))) == str(report)


def test_a_compiled_model_is_measured_without_being_compiled():
    def refuse(*args):
        raise AssertionError("compiled")

    model = plain()
    compiled = torch.compile(model, backend=refuse)
    assert_same(measure(compiled, X), measure(model, X))


# The rows


def test_branches_that_are_added_keep_their_rows():
    def branches(m, x):
        z = m.first(x)
        return m.last(m.left(z - 9) + m.right(z))

    model = Model(
        branches,
        first=nn.Linear(5, 8),
        left=nn.Sequential(nn.Identity(), nn.ReLU()),
        right=nn.ReLU(),
        last=nn.Linear(8, 3),
    )
    found = health.report(model, X)
    assert [layer.name for layer in found.layers] == ["left.1", "right"]
    assert [f.layer for f in found.findings] == ["left.1"]


def deep(middle):
    """Return a path of 12 modules that has `middle` in the middle."""
    part = nn.ReLU()
    for name in ["encoder_block"] * 6 + [middle] + ["encoder_block"] * 5:
        part = nn.Sequential(OrderedDict([(name, part)]))
    return part


def test_names_are_never_cut():
    model = Model(
        lambda m, x: torch.cat([m.up(m.a(x) - 99), m.up2(m.b(x) - 99)], 1),
        a=nn.Linear(5, 8),
        b=nn.Linear(5, 8),
        up=deep("left-most"),
        up2=deep("right-most"),
    )
    inner = ".".join(["encoder_block"] * 5)
    names = [
        f"{up}.{inner}.{side}.{inner}.encoder_block"
        for up, side in (("up", "left-most"), ("up2", "right-most"))
    ]
    report = health.report(model, X)
    assert [layer.name for layer in report.layers] == names
    assert report.findings[0].layer == ", ".join(names)
    lines = str(report).splitlines()
    assert max(len(line) for line in lines if "encoder" not in line) <= 72
    # Once in the table, once in the sentence.
    for text in (
        re.sub(r"\n *", "", str(report)),
        unescape(report._repr_html_().replace("<wbr>", "")),
        report._repr_markdown_().replace("\\", "").replace("<wbr>", ""),
    ):
        assert [text.count(name) for name in names] == [2, 2]


@pytest.mark.parametrize("name", ["a" * 40, "b" * 71, "a-b", "ünï"])
def test_the_text_is_72_wide_or_as_wide_as_a_name(name):
    model = Model(
        lambda m, x: m.last(getattr(m, name)(m.first(x))),
        **{"first": nn.Linear(5, 8), name: nn.ReLU(), "last": nn.Linear(8, 3)},
    )
    text = str(health.report(model, X))
    assert name in text
    assert max(map(len, text.splitlines())) <= 72


# At home in one file

ALONE = """
import sys
import numpy, torch

ready = {{name.partition(".")[0] for name in sys.modules}}

class Only:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in ready | {allowed} | set(sys.stdlib_module_names):
            raise ImportError("not allowed: " + name)

sys.meta_path.insert(0, Only())
import utils
assert utils.mine == 3
import health, json
from torch import nn
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 3))
x = torch.randn(30, 5)
report = health.report(model, x)
print(report)
json.dumps(report.to_dict(), allow_nan=False)
assert "ipynb" not in report._repr_html_() + report._repr_markdown_()
with health.Monitor(model, every=1) as watch:
    for _ in range(3):
        model(x).sum().backward()
print(watch)
json.dumps(watch.to_dict(), allow_nan=False)
watch.to_csv("watch.csv")
try:
    watch.plot()
except ImportError as error:
    print(error)
"""


def test_the_file_alone_works_beside_a_readers_own_utils(tmp_path):
    needs = {
        re.match(r"[\w-]+", need)[0].replace("-", "_")
        for need in metadata.requires("torch")
    }
    allowed = needs | {"health", "mpmath", "utils"}
    code = textwrap.dedent(ALONE).format(allowed=sorted(allowed))
    code = code.replace(str(sorted(allowed)), str(allowed))
    (tmp_path / "run.py").write_text(code)
    (tmp_path / "utils.py").write_text("mine = 3\n")
    source = ROOT / "utils" / "health.py"
    (tmp_path / "health.py").write_text(source.read_text(encoding="utf-8"))
    run = subprocess.run(
        [sys.executable, "-W", "error", "run.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={"PATH": "", "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert run.stderr == "" and run.returncode == 0
    assert "No fault found" in run.stdout
    assert "Steps 0 to 2, in 3 looks" in run.stdout
    assert "not allowed: matplotlib" in run.stdout
    assert len((tmp_path / "watch.csv").read_text().splitlines()) == 4
