"""Health of published models: no false alarm, numbers as counted by hooks."""

import functools
from collections import namedtuple
from collections.abc import Mapping
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch import nn
from torch.nn import functional as F

from tests.code import zoo
from tests.code.zoo import ZOO
from utils import health

every_model = pytest.mark.parametrize("name", ZOO)
both_modes = pytest.mark.parametrize("mode", ["train", "eval"])


def built(name, mode):
    model, x = ZOO[name]()
    return getattr(model, mode)(), x


@functools.cache
def reported(name, mode):
    model, x = built(name, mode)
    torch.manual_seed(1)
    return health.report(model, x, ZOO[name].loss)


def rows(report):
    """Return the layers of a report that saw something."""
    return [layer for layer in report.layers if layer.samples]


def inputs(x):
    """Return the tensors that a model takes."""
    if isinstance(x, Mapping):
        return [*x.values()]
    return [*x] if isinstance(x, tuple) else [x]


def only(x, samples):
    """Return the samples of an input, in its form."""
    if isinstance(x, Mapping):
        return {key: value[samples] for key, value in x.items()}
    if isinstance(x, tuple):
        return tuple(value[samples] for value in x)
    return x[samples]


# --- A count by plain hooks, which knows nothing of utils/health.py ---


FUNCTIONS = {
    F: ("gelu", "relu", "silu"),
    torch: ("relu", "relu_", "sigmoid", "tanh"),
    torch.Tensor: ("relu", "tanh"),
    zoo: ("squared_relu", "swish"),
}
MODULES = (
    *(nn.GELU, nn.LeakyReLU, nn.PReLU, nn.ReLU, nn.SELU, nn.SiLU),
    *(nn.Sigmoid, nn.Tanh),
    *zoo.ELEMENTWISE,
)
# They keep a function that they were given.
KEEPERS = nn.TransformerEncoderLayer, nn.TransformerDecoderLayer


class Call:
    """Hold what entered an activation, and the gradients sent back there."""

    def __init__(self, z, function):
        self.z, self.function = z.detach().clone(), function
        self.gradients = []
        # Before an in-place function can turn z into something else.
        z.register_hook(self.gradients.append)


@contextmanager
def listening(model):
    """Replace every activation by itself with a note of its input."""
    calls, inside = [], []

    def noted(function):
        @functools.wraps(function)
        def call(z, *args, **kwargs):
            # A module calls a function: that is one activation.
            if not inside and z.numel():
                calls.append(Call(z, lambda z: function(z, *args, **kwargs)))
            inside.append(function)
            try:
                return function(z, *args, **kwargs)
            finally:
                inside.pop()

        return call

    with ExitStack() as stack:
        for owner, names in FUNCTIONS.items():
            for name in names:
                new = noted(getattr(owner, name))
                stack.enter_context(patch.object(owner, name, new))
        for module in model.modules():
            for kinds, name in ((MODULES, "forward"), (KEEPERS, "activation")):
                if isinstance(module, kinds):
                    new = noted(getattr(module, name))
                    stack.enter_context(patch.object(module, name, new))
        yield calls


def tensors(output):
    """Yield what autograd can go back from."""
    if isinstance(output, torch.Tensor):
        if output.requires_grad:
            yield output
    elif output is not None:
        parts = output if isinstance(output, tuple) else vars(output).values()
        for part in parts:
            yield from tensors(part)


def called(model, x):
    return model(**x) if isinstance(x, Mapping) else model(*inputs(x))


def number(output, loss=None):
    """Return the loss that a report takes."""
    if loss:
        return loss(output)
    own = getattr(output, "loss", None)
    if own is not None:
        return own
    return sum(t.square().mean() for t in tensors(output))


Count = namedtuple("Count", "dead always_on zero_fraction gradient_norm")


def counts(model, x, rows, loss=None):
    """Return a Count for each row (name, axis of the units, units)."""
    with listening(model) as calls:
        torch.manual_seed(1)
        output = called(model, x)
    number(output, loss).backward()
    assert len(calls) == len(rows)
    return [
        count(call, axis, units) for call, (_, axis, units) in zip(calls, rows)
    ]


def count(call, axis, units):
    z = call.z.requires_grad_()
    a = call.function(z * 1)
    (slope,) = torch.autograd.grad(a.sum(), z)
    slope = slope.movedim(axis, 0).flatten(1)
    assert len(slope) == units
    same = (slope == slope[:, :1]).all(1)
    dead = (slope == 0).all(1)
    (gradient,) = call.gradients
    return Count(
        dead.double().mean().item(),
        (same & ~dead).double().mean().item(),
        (a == 0).double().mean().item(),
        gradient.double().norm().item(),
    )


def test_the_count_agrees_with_one_by_hand():
    # Pre-activations (-1, 2, 3) and (-1/2, 1, -1); outputs 5 and 1, plus
    # those of a skip from the second one, 2 and 1. The loss is (7^2 + 2^2) / 2.
    class Small(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear, self.relu = nn.Linear(2, 3, bias=False), nn.ReLU()

        def forward(self, x):
            z = self.linear(x)
            return self.relu(z).sum(1) + z[:, 1]

    model = Small()
    model.linear.weight.data = torch.tensor([[-1.0, 0], [2, 0], [0, 1]])
    x = torch.tensor([[1.0, 3.0], [0.5, -1.0]])
    (found,) = counts(model, x, [("relu", -1, 3)])
    # The gradients are (0, 14, 7) and (0, 4, 0).
    assert found == pytest.approx((1 / 3, 1 / 3, 3 / 6, 261**0.5))


# --- The tests ---


@every_model
def test_no_fault_is_found_at_a_published_start(name):
    report = reported(name, "train")
    assert not report.findings, str(report)


@every_model
def test_in_eval_mode_only_an_untrained_batch_norm_is_named(name):
    report = reported(name, "eval")
    others = [f for f in report.findings if "BatchNorm" not in f.problem]
    assert not others, str(report)


def has_batch_norm(name):
    norms = nn.BatchNorm1d, nn.BatchNorm2d
    return any(isinstance(part, norms) for part in ZOO[name]()[0].modules())


@pytest.mark.parametrize("name", [*filter(has_batch_norm, ZOO)])
def test_a_batch_norm_that_has_seen_the_data_is_no_fault(name):
    model, x = built(name, "train")
    with torch.no_grad():
        for _ in range(100):
            called(model, x)
    report = health.report(model.eval(), x, ZOO[name].loss)
    assert not report.findings, str(report)


@every_model
def test_each_call_of_an_activation_has_one_row_and_a_name_of_its_own(name):
    names = [layer.name for layer in rows(reported(name, "train"))]
    assert names == [row[0] for row in ZOO[name].rows]
    assert len({*names}) == len(names)


@both_modes
@every_model
def test_the_numbers_equal_those_of_plain_hooks(name, mode):
    expected = counts(*built(name, mode), ZOO[name].rows, ZOO[name].loss)
    found = [
        Count(
            layer.dead.mean(),
            layer.always_on.mean(),
            layer.zero_fraction,
            layer.gradient_norm,
        )
        for layer in rows(reported(name, mode))
    ]
    assert_allclose(found, expected, rtol=1e-4, atol=1e-15)


@every_model
def test_each_row_has_the_units_that_were_counted_by_hand(name):
    units = [layer.dead.size for layer in rows(reported(name, "train"))]
    assert units == [row[2] for row in ZOO[name].rows]


# One loss over all pairs, one graph, and one draw for each sample.
AS_A_WHOLE = {"clip", "graph_convolution", "vae"}


@pytest.mark.parametrize(
    "name", [name for name in ZOO if name not in AS_A_WHOLE]
)
def test_batches_add_up_to_the_whole(name):
    model, x = built(name, "eval")
    cut = len(inputs(x)[0]) // 4
    batches = [slice(cut), slice(cut, None)]
    report = health.report(
        model, [only(x, batch) for batch in batches], ZOO[name].loss
    )
    whole = reported(name, "eval")
    assert report.samples == whole.samples
    for layer, expected in zip(rows(report), rows(whole), strict=True):
        assert layer.name == expected.name
        for key in ("dead", "always_on", "constant"):
            assert_array_equal(getattr(layer, key), getattr(expected, key))
        for key in ("zero_fraction", "saturated_fraction", "gradient_norm"):
            assert getattr(layer, key) == pytest.approx(
                getattr(expected, key), rel=1e-3, abs=1e-12
            )


@pytest.mark.parametrize(
    "name, word",
    [
        ("lstm_classifier", "lstm"),
        ("transformer_encoder", "attention"),
        ("gpt", "attention"),
        ("bert", "softmax"),
    ],
)
def test_what_cannot_be_seen_is_named_and_not_called_healthy(name, word):
    report = reported(name, "train")
    assert word in " ".join(report.unseen).lower()
    assert "No fault found in what was seen" in " ".join(str(report).split())


def contents(tensor):
    return tensor if tensor is None else tensor.detach().numpy().tobytes()


def state(model, x):
    """Return all that a report must leave as it is, to be compared."""
    tensors = [
        (name, id(t), t.requires_grad, contents(t), contents(t.grad))
        for name, t in [*model.named_parameters(), *model.named_buffers()]
    ]
    # Of a dict, such as the hooks, the size; the mode is an attribute.
    attributes = [
        (name, key, len(value) if isinstance(value, dict) else id(value))
        for name, module in model.named_modules()
        for key, value in vars(module).items()
    ]
    functions = [
        id(getattr(owner, name))
        for owner, names in FUNCTIONS.items()
        for name in names
    ]
    given = [(id(t), t.requires_grad, contents(t)) for t in inputs(x)]
    return (
        *(tensors, attributes, functions, given),
        torch.get_rng_state().tolist(),
        torch.is_grad_enabled(),
    )


@both_modes
@every_model
def test_the_model_is_left_as_it_was_found(name, mode):
    model, x = built(name, mode)
    for number, parameter in enumerate(model.parameters()):
        if number % 2:
            parameter.grad = torch.ones_like(parameter)
    before = state(model, x)
    health.report(model, x, ZOO[name].loss)
    for found, left in zip(before, state(model, x)):
        assert found == left
