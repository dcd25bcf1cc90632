"""Health: modules are measured as by hand, faults made on purpose are found."""

from functools import partial
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn
from torch.nn import functional as F

from tests.code.fresh import printed
from tools.paths import ROOT
from utils import data, health, networks
from utils.health import layers as measure

pytestmark = pytest.mark.filterwarnings("error")

QUANTITIES = (
    "dead",
    "always_on",
    "constant",
    "zero_fraction",
    "nonfinite_fraction",
    "saturated_fraction",
    "gradient_norm",
    "cosine",
)


def test_health_needs_nothing_of_the_book_and_few_packages():
    code = "import sys, utils.health; print(*sys.modules)"
    modules = printed(code).split()
    assert [m for m in modules if m.startswith("utils.")] == ["utils.health"]
    assert {"IPython", "matplotlib", "scipy", "sklearn"}.isdisjoint(modules)


# Measurement in given networks


def dense(weights, biases, *after):
    """Return a linear layer (fan_out, fan_in), then the modules `after`."""
    weights = torch.tensor(weights, dtype=torch.float64)
    linear = nn.Linear(*weights.shape[::-1], dtype=torch.float64)
    linear.weight.data.copy_(weights)
    linear.bias.data.copy_(torch.tensor(biases))
    return nn.Sequential(linear, *after)


X = torch.tensor([[-1.0], [0.0], [1.0]], dtype=torch.float64)
WEIGHTS = [[0.0], [1.0], [1.0], [-1.0], [0.0]]
BIASES = [-1.0, 5.0, 0.0, 0.0, 2.0]


def test_a_network_computed_by_hand():
    # The outputs are (0, 4, 0, 1, 2), (0, 5, 0, 0, 2) and (0, 6, 1, 0, 2),
    # and their sums, the network's, 7, 7 and 9. The slopes are (0, 1, 0, 1,
    # 1), (0, 1, 0, 0, 1) and (0, 1, 1, 0, 1): 3, 2 and 3 of them are 1.
    model = dense(WEIGHTS, BIASES, nn.ReLU(), *dense([[1.0] * 5], [0.0]))
    (layer,) = measure(model, X)
    assert (layer.name, layer.activation) == ("1", "ReLU")
    assert layer.dead.tolist() == [True, False, False, False, False]
    assert layer.always_on.tolist() == [False, True, False, False, True]
    assert layer.constant.tolist() == [True, False, False, False, True]
    assert layer.zero_fraction == pytest.approx(7 / 15)
    assert layer.nonfinite_fraction == 0
    assert layer.gradient_norm == pytest.approx(
        2 / 3 * np.sqrt(3 * 49 + 2 * 49 + 3 * 81)
    )
    assert layer.cosine == pytest.approx(
        np.mean(
            [
                24 / np.sqrt(21 * 29),
                28 / np.sqrt(21 * 41),
                34 / np.sqrt(29 * 41),
            ]
        )
    )


def test_the_definitions_hold_for_arrays_and_tensors():
    slope = np.array([[[0, 1, 2, 0, np.nan], [0, 1, 1, 1, np.nan]]])
    for given in (slope, torch.as_tensor(slope)):
        assert health.dead(given).tolist() == [
            [True, False, False, False, False]
        ]
        assert health.always_on(given).tolist() == [
            [False, True, False, False, False]
        ]
        assert health.constant(given).tolist() == [
            [True, True, False, False, False]
        ]


def test_the_sign_of_the_output_does_not_tell():
    for module in (nn.LeakyReLU(), nn.ELU(), nn.GELU()):
        (layer,) = measure(dense([[1.0]], [-3.0], module), X)
        assert not layer.dead.any()
    (layer,) = measure(dense([[1.0]], [-3.0], nn.LeakyReLU()), X)
    assert layer.always_on.all()
    (layer,) = measure(dense([[1.0]], [900.0], nn.Sigmoid()), X)
    assert layer.dead.all()


def test_the_first_layer_of_a_deep_network_sees_the_product_of_slopes():
    # Slopes 0.5 and weights 3: the loss is y^2, y = 0.5 * 3 * 0.5 * z.
    half = nn.LeakyReLU(0.5)
    model = nn.Sequential(
        dense([[1.0]], [-2.0], half), dense([[3.0]], [0.0], half)
    )
    first, second = measure(model, X[:1])
    y = 0.5 * 3 * 0.5 * -3
    assert second.gradient_norm == pytest.approx(abs(2 * y * 0.5))
    assert first.gradient_norm == pytest.approx(abs(2 * y * 0.5 * 3 * 0.5))


def test_the_loss_can_be_given():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 4))
    x, y = torch.randn(8, 3), torch.arange(8) % 4
    (layer,) = measure(
        model, x, loss=lambda output: F.cross_entropy(output, y)
    )
    z = model[0](x).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(
        F.cross_entropy(model[2](model[1](z)), y), z
    )
    assert layer.gradient_norm == pytest.approx(float(gradient.norm()))


def test_a_skipped_pre_activation_counts_on_both_ways():
    class Skip(nn.Module):
        def __init__(self, inplace):
            super().__init__()
            self.act = nn.ReLU(inplace=inplace)

        def forward(self, x):
            z = 2 * x
            return 10 * z + self.act(z)

    (layer,) = measure(Skip(False), X)
    # y = 20 x + relu(2x); dL/dz = 2 y (10 + slope) / 3.
    assert layer.gradient_norm == pytest.approx(
        2 / 3 * np.hypot(20 * 10, 22 * 11)
    )


class Squared(nn.Module):
    """Return max(0, x) squared, which torch has no module for."""

    def forward(self, x):
        return x.clamp(min=0).square()


MODULES = [
    nn.CELU,
    nn.ELU,
    nn.GELU,
    nn.Hardshrink,
    nn.Hardsigmoid,
    nn.Hardswish,
    nn.Hardtanh,
    nn.LeakyReLU,
    nn.LogSigmoid,
    nn.Mish,
    nn.PReLU,
    nn.ReLU,
    nn.ReLU6,
    nn.RReLU,
    nn.SELU,
    nn.Sigmoid,
    nn.SiLU,
    nn.Softplus,
    nn.Softshrink,
    nn.Softsign,
    nn.Tanh,
    nn.Tanhshrink,
    Squared,
    partial(nn.Threshold, 0.1, 20.0),
]


def test_a_prelu_with_a_slope_for_each_channel_is_measured():
    torch.manual_seed(0)
    conv, prelu = nn.Conv2d(2, 6, 3), nn.PReLU(6)
    with torch.no_grad():
        conv.bias.copy_(torch.tensor([-50.0, -50, -50, 50, 0, 0]))
        prelu.weight.copy_(torch.tensor([0.0, 0, 0.5, 0, 0, 1]))
    model = nn.Sequential(conv, prelu, nn.Flatten(), nn.Linear(96, 2))
    (layer,) = health.layers(model, torch.randn(20, 2, 6, 6))
    assert layer.dead.tolist() == [True, True, *4 * [False]]
    assert layer.always_on.tolist() == [False, False, True, True, False, True]


@pytest.mark.parametrize("module", MODULES)
def test_every_elementwise_module_is_measured(module):
    module = module().double()
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(1, 50, dtype=torch.float64),
        module,
        nn.Linear(50, 1, dtype=torch.float64),
    ).eval()
    (layer,) = measure(model, X)
    z = model[0](X).detach().requires_grad_()
    model[2](module(z)).square().mean().backward()
    assert layer.activation == type(module).__name__
    assert layer.gradient_norm == pytest.approx(float(z.grad.norm()))
    assert (layer.dead == (z.grad == 0).all(0).numpy()).all()


@pytest.mark.parametrize(
    "module",
    [
        module
        for module in MODULES
        if module
        in {
            nn.CELU,
            nn.ELU,
            nn.Hardsigmoid,
            nn.Hardswish,
            nn.Hardtanh,
            nn.LeakyReLU,
            nn.Mish,
            nn.ReLU,
            nn.ReLU6,
            nn.RReLU,
            nn.SELU,
            nn.SiLU,
        }
    ],
)
@pytest.mark.parametrize("frozen", [False, True])
def test_modules_that_overwrite_their_input(module, frozen):
    torch.manual_seed(0)
    first = nn.Linear(4, 20)
    model = nn.Sequential(nn.ReLU(), first, module(), nn.Linear(20, 1))
    other = nn.Sequential(
        nn.ReLU(inplace=True), first, module(inplace=True), model[3]
    )
    for each in (model, other):
        each.eval().requires_grad_(not frozen)
    x = torch.randn(9, 4)
    given = x.clone()
    for one, two in zip(measure(model, x), measure(other, given), strict=True):
        for name in QUANTITIES:
            assert_allclose(getattr(two, name), getattr(one, name))
    assert torch.equal(given, x)


def test_a_unit_is_a_channel_of_a_convolution():
    # One weight per channel: z = w x + b at every position.
    convolution = nn.Conv2d(1, 3, 1)
    with torch.no_grad():
        convolution.weight.copy_(torch.tensor([1.0, 1, 1]).reshape(3, 1, 1, 1))
        convolution.bias.copy_(torch.tensor([-9.0, 0, 9]))
    model = nn.Sequential(convolution, nn.BatchNorm2d(3).eval(), nn.ReLU())
    model[1].eps = 0.0
    x = torch.full((2, 1, 4, 5), -1.0)
    (layer,) = measure(model, x)
    assert layer.dead.tolist() == [True, True, False]
    x[1, 0, 2, 3] = 2.0
    (layer,) = measure(model, x)
    assert layer.dead.tolist() == [True, False, False]
    assert layer.always_on.tolist() == [False, False, True]
    assert layer.zero_fraction == pytest.approx((40 + 39) / 120)
    # Each sample is one vector of 60 numbers.
    one, two = F.relu(x + torch.tensor([-9.0, 0, 9]).reshape(3, 1, 1)).flatten(
        1
    )
    assert layer.cosine == pytest.approx(
        float(F.cosine_similarity(one, two, dim=0))
    )


def test_units_of_other_shapes():
    class ChannelsLast(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.up = nn.Conv2d(1, 3, 1), nn.Linear(3, 7)
            self.act = nn.GELU()

        def forward(self, x):
            return self.act(self.up(self.conv(x).permute(0, 2, 3, 1)))

    def units(model, *shape):
        return len(measure(model, torch.randn(shape))[0].dead)

    assert units(nn.Sequential(nn.Conv1d(4, 3, 2), nn.ReLU()), 5, 4, 9) == 3
    assert units(nn.Sequential(nn.Linear(4, 3), nn.ReLU()), 5, 9, 4) == 3
    assert units(ChannelsLast(), 5, 1, 4, 6) == 7
    assert units(nn.ReLU(), 5, 2, 4, 6) == 2
    assert units(nn.ReLU(), 5, 2, 4) == 4
    assert units(nn.ReLU(), 5, 2) == 2
    assert units(nn.Sequential(nn.Flatten(0), nn.ReLU()), 5, 1) == 1


def test_tokens_of_a_transformer_count_like_samples():
    torch.manual_seed(0)
    block = nn.TransformerEncoderLayer(
        8, 2, 16, activation=nn.ReLU(), batch_first=True
    ).eval()
    with torch.no_grad():
        block.linear1.bias[3] = -100
        block.linear1.bias[5] = 100
    (layer,) = measure(block, torch.randn(4, 6, 8))
    assert layer.name == "activation"
    assert layer.dead.nonzero()[0].tolist() == [3]
    assert layer.always_on.nonzero()[0].tolist() == [5]


def test_no_cosine_where_the_first_axis_is_not_the_samples():
    model = nn.Sequential(nn.Linear(4, 3), nn.Flatten(0, 1), nn.ReLU())
    (layer,) = measure(model, torch.randn(5, 9, 4))
    assert np.isnan(layer.cosine)


def test_cosine_needs_two_vectors_that_are_not_zero():
    model = dense([[1.0]], [0.0], nn.ReLU())
    x = torch.tensor([[-1.0], [1.0], [-2.0], [3.0]], dtype=torch.float64)
    assert measure(model, x)[0].cosine == pytest.approx(1)
    for rows in ([0], [1], [0, 1], [0, 2]):
        assert np.isnan(measure(model, x[rows])[0].cosine)


class Nested(nn.Module):
    """Use one activation twice, another never, a third deep inside."""

    def __init__(self):
        super().__init__()
        self.block = nn.Sequential(
            nn.Linear(2, 2), nn.Sequential(nn.Tanh(), nn.Linear(2, 2))
        )
        self.relu, self.idle = nn.ReLU(), nn.SiLU()

    def forward(self, x):
        return self.relu(self.relu(self.block(x)) - 1)


def test_names_and_calls():
    found = measure(Nested(), torch.randn(3, 2))
    assert [layer.name for layer in found] == [
        "block.1.0",
        "relu",
        "relu (call 2)",
    ]
    assert measure(nn.ReLU(), X)[0].name == "ReLU"


def test_a_keyword_reaches_the_activation():
    class Keyword(Nested):
        def forward(self, x):
            return self.relu(input=x)

    assert measure(Keyword(), X)[0].name == "relu"


# Numbers out of range


def test_pre_activations_that_are_not_finite_are_reported():
    weights = [[np.nan], [np.inf], [-1.0], [0.0]]
    model = dense(
        weights,
        [0.0, 0.0, -5.0, 3.0],
        nn.ReLU(),
        nn.Linear(4, 1, dtype=torch.float64),
    )
    (layer,) = measure(model, X[[0, 2]])
    assert layer.nonfinite_fraction == 0.5
    assert layer.dead.tolist() == [False, False, True, False]
    assert layer.always_on.tolist() == [False, False, False, True]
    assert layer.constant.tolist() == [False, False, True, True]
    assert np.isnan(layer.gradient_norm) and np.isnan(layer.cosine)


@pytest.mark.parametrize("size", [1e-90, 1e90])
def test_norms_neither_underflow_nor_overflow(size):
    model = nn.Sequential(
        dense([[size]] * 2, [0.0] * 2, nn.ReLU()),
        dense([[size] * 2] * 2, [0.0] * 2, nn.ReLU()),
    )
    first, second = measure(
        model, X[[2, 2]], lambda output: size * output.sum()
    )
    # Each of four numbers has the gradient 2 * size^2; its square is out of
    # range, as are those of the last activations, 2 * size^2.
    assert first.gradient_norm / size**2 == pytest.approx(4)
    assert second.cosine == pytest.approx(1)


def test_a_random_slope_is_not_the_same_on_all_data():
    model = dense([[0.0], [0.0]], [-1.0, 1.0], nn.RReLU())
    x = torch.ones(20, 1, dtype=torch.float64)
    (training,) = measure(model, x)
    assert training.always_on.tolist() == [False, True]
    (evaluating,) = measure(model.eval(), x)
    assert evaluating.always_on.tolist() == [True, True]


# Where the graph ends


class Cut(nn.Module):
    """Compute the first part without a graph, and a head for nobody."""

    def __init__(self):
        super().__init__()
        self.first, self.head = nn.Linear(2, 3), nn.Linear(3, 2)
        self.frozen, self.aside = nn.ReLU(inplace=True), nn.Sigmoid()
        self.last = nn.Tanh()

    def forward(self, x):
        with torch.no_grad():
            x = self.frozen(self.first(x))
        self.aside(x)
        return self.last(self.head(x))


def test_no_gradient_is_nan_and_not_zero():
    frozen, aside, last = measure(Cut(), torch.randn(4, 2))
    assert np.isnan(frozen.gradient_norm) and np.isnan(aside.gradient_norm)
    assert last.gradient_norm > 0
    whole = nn.Sequential(Cut(), nn.ReLU())
    whole.forward = torch.no_grad()(whole.forward)
    assert all(
        np.isnan(layer.gradient_norm)
        for layer in measure(whole, torch.randn(4, 2))
    )


def test_the_callers_grad_mode_does_not_matter():
    model, x = Nested(), torch.randn(5, 2)
    expected = [layer.gradient_norm for layer in measure(model, x)]
    for mode in (torch.no_grad(), torch.inference_mode()):
        with mode:
            given = x.clone()
            assert expected == [
                layer.gradient_norm for layer in measure(model, given)
            ]


def test_tokens_are_no_floats():
    model = nn.Sequential(
        nn.Embedding(9, 4), nn.ReLU(inplace=True), nn.Linear(4, 2)
    )
    x = torch.arange(12).reshape(3, 4) % 9
    (expected,) = measure(model, x)
    (found,) = measure(model.requires_grad_(False), x)
    assert found.gradient_norm == pytest.approx(expected.gradient_norm)
    assert found.gradient_norm > 0


# Functions instead of modules


def functional(function):
    """Return a model that applies the function to a layer's output."""

    class Functional(nn.Module):
        def __init__(self, *modules):
            super().__init__()
            self.modules_ = nn.Sequential(nn.Linear(1, 4).double(), *modules)

        def forward(self, x):
            return function(self.modules_(x))

    return Functional


def bend(x):
    return x * torch.sigmoid(x)


def new_gelu(x):
    return 0.5 * x * (1 + torch.tanh(0.8 * (x + 0.044715 * torch.pow(x, 3))))


FUNCTIONS = [
    (F.relu, "relu()", F.relu),
    (torch.relu, "relu()", F.relu),
    (lambda x: x.relu(), "relu()", F.relu),
    (torch.relu_, "relu()", F.relu),
    (lambda x: F.relu(x, inplace=True), "relu()", F.relu),
    (lambda x: F.relu(x, True), "relu()", F.relu),
    (lambda x: x.clamp(min=0), "clamp()", F.relu),
    (lambda x: torch.clamp(x, 0), "clamp()", F.relu),
    (lambda x: x.clamp_min_(0), "clamp_min()", F.relu),
    (lambda x: torch.maximum(x, x.new_zeros(())), "maximum()", F.relu),
    (lambda x: torch.maximum(x.new_zeros(1), x), "maximum()", F.relu),
    (lambda x: torch.max(x, torch.zeros_like(x)), "max()", F.relu),
    (lambda x: torch.where(x > 0, x, 0), "where(gt)", F.relu),
    (lambda x: x * (x > 0), "mul(gt)", F.relu),
    (lambda x: x.masked_fill(x < 0, 0), "masked_fill(lt)", F.relu),
    (lambda x: F.relu(x).square(), "square(relu)", lambda x: F.relu(x) ** 2),
    (lambda x: F.relu(x) ** 2, "pow(relu)", lambda x: F.relu(x) ** 2),
    (
        lambda x: torch.max(x, 0.1 * x),
        "max()",
        partial(F.leaky_relu, negative_slope=0.1),
    ),
    (lambda x: torch.where(x > 0, x, 0.01 * x), "where(gt)", F.leaky_relu),
    (bend, "mul(sigmoid)", F.silu),
    (lambda x: torch.sigmoid(x) * x, "mul(sigmoid)", F.silu),
    (lambda x: x.mul_(x.sigmoid()), "mul(sigmoid)", F.silu),
    (lambda x: x * torch.tanh(F.softplus(x)), "mul(tanh)", F.mish),
    (lambda x: x * F.relu6(x + 3) / 6, "mul(relu6)", F.hardswish),
    (new_gelu, "mul(tanh)", new_gelu),
    (lambda x: x * 0.5 * (1 + torch.erf(x / 2**0.5)), "mul(erf)", F.gelu),
    (torch.tanh, "tanh()", torch.tanh),
    (lambda x: x.sigmoid(), "sigmoid()", torch.sigmoid),
    (torch.sigmoid_, "sigmoid()", torch.sigmoid),
    (F.leaky_relu, "leaky_relu()", F.leaky_relu),
    (F.gelu, "gelu()", F.gelu),
    (F.silu, "silu()", F.silu),
    (F.logsigmoid, "log_sigmoid()", F.logsigmoid),
    (F.softplus, "softplus()", F.softplus),
    (F.hardtanh, "hardtanh()", F.hardtanh),
    (F.relu6, "relu6()", F.relu6),
    (F.softsign, "softsign()", F.softsign),
    (lambda x: torch.sin(3 * x) * 1, "sin()", None),
]


@pytest.mark.parametrize(
    ("function", "name", "same"), FUNCTIONS, ids=[n for _, n, _ in FUNCTIONS]
)
def test_functions_are_measured_in_every_form(function, name, same):
    torch.manual_seed(0)
    first, last = nn.Linear(3, 16).double(), nn.Linear(16, 1).double()

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = first, last

        def forward(self, x):
            return self.last(function(self.first(x)))

    x = normal(40, 3).double() * 3
    (layer,) = measure(Model(), x)
    assert layer.name == name
    if same is None:
        return
    z = first(x).detach().requires_grad_()
    last(same(z)).square().mean().backward()
    assert layer.gradient_norm == pytest.approx(float(z.grad.norm()))
    assert layer.zero_fraction == pytest.approx(
        float((same(z) == 0).double().mean())
    )
    assert (layer.dead == (z.grad == 0).all(0).numpy()).all()


def test_a_second_dead_activation_beside_a_healthy_one_is_found():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = nn.Linear(4, 8), nn.Linear(8, 8)
            self.relu = nn.ReLU()
            nn.init.constant_(self.two.bias, -1e3)

        def forward(self, x):
            return self.two(self.relu(self.one(x))).clamp(min=0)

    report = health.report(Model(), normal(50, 4))
    assert [layer.name for layer in report.layers] == ["relu", "clamp()"]
    (finding,) = report.findings
    assert (finding.layer, finding.chapter) == ("clamp()", DYING)


def test_a_transformer_with_its_default_activation_is_measured():
    block = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    (layer,) = measure(block, torch.randn(4, 6, 8))
    assert (layer.name, layer.dead.size) == ("relu()", 16)


def test_calls_are_told_apart():
    model = functional(lambda x: torch.tanh(F.relu(torch.tanh(x))))
    assert [layer.name for layer in measure(model(), X)] == [
        "tanh()",
        "relu()",
        "tanh() (call 2)",
    ]


def test_what_is_no_activation_is_none():
    def ordinary(x):
        x = x / x.norm(dim=-1, keepdim=True).clamp(min=1e-12)
        x = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)
        x = x - x.max(-1, keepdim=True).values
        return F.dropout(torch.where(torch.ones(4) > 0, x, 0.0), 0.0)

    with pytest.raises(ValueError, match="ran no activation"):
        measure(functional(ordinary)(), X)
    (layer,) = measure(functional(lambda x: F.relu(ordinary(x)))(), X)
    assert layer.name == "relu()"


@pytest.mark.parametrize(
    "model",
    [
        nn.Linear(1, 2),
        nn.Identity(),
        nn.Sequential(),
        nn.Sequential(nn.Linear(1, 2), nn.Softmax(1)),
        nn.Sequential(nn.Linear(1, 2), nn.GLU()),
    ],
    ids=str,
)
def test_a_model_without_activations_is_refused(model):
    with pytest.raises(
        ValueError,
        match=r"ran no activation such as nn.ReLU\(\)",
    ):
        measure(model.double(), X)


# Other mistakes


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            (F.relu, X),
            TypeError,
            "model must be an nn.Module, such as .* got function",
        ),
        (
            (nn.ReLU(), X.numpy()),
            TypeError,
            "x must be a tensor .*got ndarray",
        ),
        ((nn.ReLU(), X[:0]), ValueError, r"one sample .* got shape \(0, 1\)"),
        ((nn.ReLU(), X[0, 0]), ValueError, r"one sample .* got shape \(\)"),
        (
            (nn.Sequential(nn.LazyLinear(2), nn.ReLU()), X),
            ValueError,
            "lazy layers without weights",
        ),
        (
            (nn.Sequential(nn.Linear(1, 2, device="meta"), nn.ReLU()), X),
            ValueError,
            r"x\.to\('meta'\), got one on cpu",
        ),
        (
            (nn.ReLU(), X, torch.square),
            TypeError,
            r"loss must return one number as a tensor of floats, .* got torch.Size\(\[3, 1\]",
        ),
        (
            (nn.ReLU(), X, lambda output: 0.5),
            TypeError,
            "loss must .* got 0.5",
        ),
        (
            (functional(lambda x: (x, x).__len__())(nn.ReLU()), X),
            TypeError,
            "returns a int without a tensor of floats: give a loss, such as",
        ),
    ],
)
def test_mistakes_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        measure(*arguments)


def test_a_loss_for_an_output_of_many_parts():
    model = functional(lambda x: {"logits": x, "rest": None})(nn.ReLU())
    (layer,) = measure(model, X, lambda output: output["logits"].sum())
    assert layer.gradient_norm >= 0


def test_a_failing_forward_pass_keeps_its_error():
    model = nn.Sequential(nn.Linear(3, 2).double(), nn.ReLU())
    with pytest.raises(
        RuntimeError,
        match=r"model\(x\) failed for x of shape "
        r"\(3, 1\) and type torch.float64: mat1",
    ) as caught:
        measure(model, X)
    assert str(caught.value.__cause__).startswith("mat1 and mat2")


# Left as found


def state(model):
    """Return what a measurement must leave as it is."""
    modules = dict(model.named_modules())
    return {
        "mode": [m.training for m in modules.values()],
        "hooks": [
            [
                list(getattr(m, name))
                for name in vars(m)
                if name.endswith(("_hooks", "_with_kwargs", "_always_called"))
            ]
            for m in modules.values()
        ],
        "tensors": {
            name: t.tolist()
            for name, t in model.state_dict(keep_vars=True).items()
        },
        "identity": [id(t) for t in model.state_dict(keep_vars=True).values()],
        "gradients": [
            (p.requires_grad, p.grad is not None and p.grad.tolist())
            for p in model.parameters()
        ],
        "random": torch.get_rng_state().tolist(),
        "grad mode": torch.is_grad_enabled(),
    }


class Running(nn.Module):
    """Keep a mean by binding a new tensor; fail if asked to."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(4))
        self.fails = False

    def forward(self, x):
        self.mean = 0.9 * self.mean + 0.1 * x.detach().mean(0)
        if self.fails:
            raise KeyError("as asked")
        return x - self.mean


def busy_model():
    """Return a model, in training, with a bit of everything to disturb."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(3, 4),
        nn.BatchNorm1d(4),
        nn.ReLU(inplace=True),
        nn.Dropout(),
        Running(),
        nn.RReLU(),
        nn.Linear(4, 2),
    )
    model(torch.randn(6, 3)).sum().backward()
    model[0].weight.requires_grad_(False)
    model[1].momentum = 0.3
    model[2].register_forward_hook(lambda *args: None)
    model[3].eval()
    return model


@pytest.mark.parametrize("fails", [False, True])
def test_the_model_is_left_as_found(fails):
    model = busy_model()
    model[4].fails = fails
    x = torch.randn(6, 3)
    before, given = state(model), x.clone()
    if fails:
        with pytest.raises(RuntimeError, match="as asked"):
            measure(model, x)
    else:
        assert len(measure(model, x)) == 2
    assert state(model) == before
    assert torch.equal(x, given) and not x.requires_grad


def test_a_failing_loss_leaves_the_model_as_found():
    model, x = busy_model(), torch.randn(6, 3)
    before = state(model)
    with pytest.raises(ZeroDivisionError):
        measure(model, x, lambda output: 1 / 0)
    assert state(model) == before


def test_the_mode_is_the_models_own():
    model, x = busy_model(), torch.randn(6, 3)
    training = measure(model, x)[0].gradient_norm
    assert measure(model.eval(), x)[0].gradient_norm != training
    assert not model.training


def test_a_graph_that_the_caller_holds_stays_usable():
    model = busy_model().eval()
    x = torch.randn(6, 3)
    loss = model(x).sum()
    measure(model, x)
    loss.backward()


# The health report


def faults(model, x, **options):
    """Return the findings, each as its chapter and the layers it names."""
    return {
        (f.chapter, f.layer)
        for f in health.report(model, x, **options).findings
    }


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def chain(activation, widths, scale=None, bias=0.0, norm=False):
    """Return a network: weights N(0, scale / fan-in), or PyTorch's start."""
    torch.manual_seed(0)
    parts = []
    for fan_in, fan_out in zip(widths, widths[1:]):
        linear = nn.Linear(fan_in, fan_out)
        if scale is not None:
            nn.init.normal_(linear.weight, std=(scale / fan_in) ** 0.5)
            nn.init.constant_(linear.bias, bias)
        parts += [
            linear,
            *([nn.BatchNorm1d(fan_out)] if norm else []),
            activation(),
        ]
    return nn.Sequential(*parts, nn.Linear(widths[-1], 5))


WIDE = [20] + [32] * 4


class PreNorm(nn.Module):
    """A transformer with functions of its own: attention, then two layers."""

    def __init__(self, activation, blocks=3, width=16):
        super().__init__()
        torch.manual_seed(0)
        self.embed = nn.Embedding(30, width)
        self.blocks = nn.ModuleList(
            nn.ModuleDict(
                {
                    "norms": nn.ModuleList(
                        nn.LayerNorm(width) for _ in range(2)
                    ),
                    "attend": nn.MultiheadAttention(
                        width, 2, batch_first=True
                    ),
                    "feed": nn.Sequential(
                        nn.Linear(width, 64),
                        activation(),
                        nn.Dropout(0.1),
                        nn.Linear(64, width),
                    ),
                }
            )
            for _ in range(blocks)
        )
        self.head = nn.Linear(width, 3)

    def forward(self, tokens):
        x = self.embed(tokens)
        for block in self.blocks:
            z = block["norms"][0](x)
            x = x + block["attend"](z, z, z, need_weights=False)[0]
            x = x + block["feed"](block["norms"][1](x))
        return self.head(x.mean(1))


class Pictures(nn.Module):
    """A convolutional network of nested stages with pooling."""

    def __init__(self, activation=nn.ReLU, average=False, gain=1.0):
        super().__init__()
        torch.manual_seed(0)
        self.stages = nn.ModuleDict(
            {
                name: nn.Sequential(
                    nn.Conv2d(*channels, 3, padding=1),
                    activation(),
                    nn.MaxPool2d(2),
                )
                for name, channels in (
                    ("low", (1, 8)),
                    ("middle", (8, 16)),
                    ("high", (16, 16)),
                )
            }
        )
        self.pool = nn.AdaptiveAvgPool2d(1 if average else 2)
        self.top = nn.Sequential(
            nn.Linear(16 if average else 64, 24),
            activation(),
            nn.Linear(24, 5),
        )
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.mul_(gain if parameter.ndim > 1 else 1)

    def forward(self, x):
        for stage in self.stages.values():
            x = stage(x)
        return self.top(self.pool(x).flatten(1))


class Unrolled(nn.Module):
    """A recurrent network that calls one tanh at every step."""

    def __init__(self, steps=5, gain=1.0):
        super().__init__()
        torch.manual_seed(0)
        self.read, self.keep = nn.Linear(4, 24), nn.Linear(24, 24)
        nn.init.orthogonal_(self.keep.weight, gain)
        with torch.no_grad():
            self.read.weight.mul_(gain)
        self.squash, self.steps = nn.Tanh(), steps

    def forward(self, x):
        state = x.new_zeros(len(x), 24)
        for step in range(self.steps):
            state = self.squash(self.read(x[:, step]) + self.keep(state))
        return state


def trained(activation, rate=0.1, width=32):
    digits = data.digits()
    result = networks.train(
        digits,
        activation=activation,
        seeds=1,
        widths=(width,) * 3,
        learning_rates=rate,
        epochs=3,
    )
    return (result.network(0, rate), torch.as_tensor(digits.x_test))


PIXELS = normal(40, 1, 16, 16)
TOKENS = torch.randint(30, (40, 7), generator=torch.Generator().manual_seed(1))
HEALTHY = {
    "one layer": lambda: (chain(nn.ReLU, [20, 32]), normal(100, 20)),
    "PyTorch": lambda: (chain(nn.ReLU, WIDE), normal(100, 20)),
    "GELU": lambda: (chain(nn.GELU, WIDE), normal(100, 20)),
    "sigmoid": lambda: (chain(nn.Sigmoid, WIDE[:4]), normal(100, 20)),
    "softplus": lambda: (chain(nn.Softplus, WIDE[:4]), normal(100, 20)),
    "Leaky": lambda: (chain(nn.LeakyReLU, WIDE), normal(100, 20)),
    "He": lambda: (chain(nn.ReLU, [20] + [64] * 10, 2.0), normal(200, 20)),
    "unequal": lambda: (
        chain(nn.ReLU, [20, 256, 16, 128, 8], 2.0),
        normal(200, 20),
    ),
    "SELU": lambda: (chain(nn.SELU, [20] + [64] * 20, 1.0), normal(50, 20)),
    "tanh": lambda: (chain(nn.Tanh, [20] + [64] * 20, 1.0), normal(50, 20)),
    "batch norm": lambda: (
        chain(nn.ReLU, [20] + [32] * 8, norm=True),
        normal(50, 20),
    ),
    "convolution": lambda: (Pictures(), PIXELS),
    "average": lambda: (Pictures(average=True), PIXELS),
    "transformer": lambda: (PreNorm(nn.GELU), TOKENS),
    "ReLU transformer": lambda: (PreNorm(nn.ReLU, 8).eval(), TOKENS),
    "recurrent": lambda: (Unrolled(), normal(40, 5, 4)),
    "trained ReLU": lambda: trained("relu"),
    "trained tanh": lambda: trained("tanh"),
    "trained sigmoid": lambda: trained("sigmoid", 1.0),
    "few samples": lambda: (chain(nn.ReLU, WIDE, 2.0), normal(3, 20)),
    "one sample": lambda: (chain(nn.ReLU, WIDE, 2.0), normal(1, 20)),
    "equal samples": lambda: (
        chain(nn.ReLU, WIDE, 2.0),
        normal(1, 20).expand(50, 20),
    ),
    "sure classifier": lambda: (
        nn.Sequential(
            *chain(nn.ReLU, [20, 32]),
            nn.Linear(5, 1),
            Scale(1e3),
            nn.Sigmoid(),
        ),
        normal(100, 20),
    ),
    "positive output": lambda: (
        nn.Sequential(
            *chain(nn.ReLU, [20, 32]),
            nn.Linear(5, 1),
            Shift(50.0),
            nn.ReLU(),
            nn.Flatten(0),
        ),
        normal(100, 20),
    ),
    "silent branch": lambda: (Silent(), normal(100, 20)),
}


class Scale(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        return self.factor * x


class Shift(Scale):
    def forward(self, x):
        return x + self.factor


class Silent(nn.Module):
    """Residual branches that start at 0, as some are made to."""

    def __init__(self):
        super().__init__()
        self.branches = nn.ModuleList(
            chain(nn.ReLU, [20, 32]) for _ in range(4)
        )
        for branch in self.branches:
            branch[-1] = nn.Linear(32, 20)
            nn.init.zeros_(branch[-1].weight)

    def forward(self, x):
        for branch in self.branches:
            x = x + branch(x)
        return x


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_model_has_no_finding(name):
    model, x = HEALTHY[name]()
    assert health.report(model, x).findings == []


def with_nan():
    model = chain(nn.ReLU, WIDE)
    model[4].weight.data[3, 5] = torch.inf
    return model, normal(50, 20)


def with_a_dead_layer():
    model = chain(nn.ReLU, WIDE)
    nn.init.constant_(model[2].bias, -1e3)
    return model, normal(50, 20)


def with_a_dead_layer_before_a_leaky_one():
    model, x = with_a_dead_layer()
    model[5] = nn.LeakyReLU()
    return model, x


def with_dead_units():
    model = chain(nn.ReLU, WIDE, 2.0)
    nn.init.constant_(model[4].bias[:12], -1e3)
    return model, normal(50, 20)


VANISHES, EXPLODES = "04_vanishing_gradients", "05_exploding_gradients"
DYING, SATURATED = "07_dying_relu", "03_sigmoid_tanh"
ILL = {
    "nan": (with_nan, {(EXPLODES, "5, 7")}),
    "nan input": (
        lambda: (chain(nn.GELU, WIDE), torch.full((50, 20), np.nan)),
        {(EXPLODES, "1, 3, 5, 7")},
    ),
    "a dead layer": (with_a_dead_layer, {(DYING, "3")}),
    "nothing behind": (with_a_dead_layer_before_a_leaky_one, {(DYING, "3")}),
    "dead units": (with_dead_units, {(DYING, "5")}),
    "alike": (
        lambda: (chain(nn.GELU, WIDE[:3], 1e-6, 1.0), normal(50, 20)),
        {(DYING, "1, 3")},
    ),
    "inputs far off": (
        lambda: (chain(nn.GELU, WIDE[:2]), 2000 + normal(50, 20)),
        {("10_in_practice", "inputs"), (DYING, "1")},
    ),
    "a deep start": (
        lambda: (chain(nn.ReLU, [20] + [64] * 10), normal(100, 20)),
        {(DYING, "15, 17, 19"), (VANISHES, "1 to 19")},
    ),
    "vanishing": (
        lambda: (chain(nn.ReLU, [20] + [64] * 10, 0.5), normal(100, 20)),
        {(VANISHES, "1 to 19")},
    ),
    "vanishing sigmoid": (
        lambda: (chain(nn.Sigmoid, WIDE), normal(50, 20)),
        {(VANISHES, "1 to 7")},
    ),
    "exploding": (
        lambda: (chain(nn.ReLU, [20] + [64] * 6, 20.0), normal(100, 20)),
        {(EXPLODES, "1 to 11")},
    ),
    "saturated tanh": (
        lambda: (chain(nn.Tanh, [20] + [32] * 6, 1e6), normal(50, 20)),
        {(SATURATED, "1, 3, 5, 7, 9, 11")},
    ),
    "saturated sigmoid": (
        lambda: (chain(nn.Sigmoid, WIDE, 2.0, 9.0), normal(50, 20)),
        {(SATURATED, "1, 3, 5, 7")},
    ),
    "linear": (
        lambda: (chain(nn.ReLU, WIDE[:2], 2.0, 20.0), normal(50, 20)),
        {("02_nonlinearity", "1")},
    ),
}


@pytest.mark.parametrize("name", ILL)
def test_a_fault_made_on_purpose_is_found_and_no_other(name):
    make, expected = ILL[name]
    assert faults(*make()) == expected


# Three units are dead; the others bend, or are always on, or all but say
# the same of every sample.
@pytest.mark.parametrize(
    ("weights", "biases", "expected"),
    [
        ([1, -1, 1], [0, 0, 0.5], {(DYING, "1")}),
        ([1, -1, 1], [1.1, 1.1, 1.1], set()),
        ([1, -0.05, 1], [0.99, 0.04, 0.99], set()),
    ],
    ids=["dead", "balanced", "alike"],
)
def test_dead_units_count_where_samples_differ(weights, biases, expected):
    model = dense(
        [[0.0]] * 3 + [[float(w)] for w in weights],
        [-1.0] * 3 + [float(b) for b in biases],
        nn.ReLU(),
    )
    x = torch.linspace(-1, 1, 40, dtype=torch.float64)[:, None]
    (layer,) = measure(model, x)
    assert layer.dead.mean() == 0.5 and layer.cosine < 0.9999
    assert faults(model, x) == expected


# What is left of a layer is alike in all samples, or nearly so.
@pytest.mark.parametrize(
    ("dead", "weights", "samples", "expected"),
    [
        (3, [1], 40, "75% of the units are dead"),
        (3, [1], 19, "The samples look alike"),
        (5, [1] * 3, 40, "The samples look alike"),
        (6, [0.3, -0.3], 40, "75% of the units are dead"),
        (5, [0.3, -0.3, 0.3], 40, None),
    ],
)
def test_many_dead_units_count_at_any_cosine(dead, weights, samples, expected):
    model = dense(
        [[0.0]] * dead + [[float(w)] for w in weights],
        [-1.0] * dead + [1.1] * len(weights),
        nn.ReLU(),
    )
    x = torch.linspace(-1, 1, samples, dtype=torch.float64)[:, None]
    report = health.report(model, x)
    assert report.layers[0].cosine > 0.9
    assert [f.problem.split(":")[0] for f in report.findings] == (
        [expected] if expected else []
    )


class Aside(nn.Module):
    """Run the model, and beside it an activation on nan, for nobody."""

    def __init__(self, model):
        super().__init__()
        self.aside, self.model = nn.ReLU(), model

    def forward(self, x):
        self.aside(torch.nan * x)
        return self.model(x)


def test_the_gradient_is_not_judged_where_another_fault_disturbs_it():
    x, widths = normal(100, 20), [20] + [64] * 10
    vanishing = chain(nn.ReLU, widths, 0.5)
    assert faults(vanishing, x) == {(VANISHES, "1 to 19")}
    assert faults(Aside(vanishing), x) == {(EXPLODES, "aside")}
    # With biases, so that there is a gradient behind the dead layer.
    dead = chain(nn.ReLU, widths, 0.2, 0.1)
    nn.init.constant_(dead[2].bias, -1e3)
    norms = [layer.gradient_norm for layer in measure(dead, x)]
    assert norms[0] == 0 and 0 < norms[2] < norms[-1] / 100
    assert faults(dead, x) == {(DYING, "3")}


def test_a_convolutional_network_of_bad_scale():
    assert faults(Pictures(gain=30.0), PIXELS) == {
        (EXPLODES, "stages.low.1 to top.1")
    }
    report = health.report(Pictures(gain=0.01), PIXELS)
    assert {f.chapter for f in report.findings} == {DYING, VANISHES}


@pytest.mark.parametrize("training", [True, False])
def test_a_transformer_after_a_harsh_step(training):
    model = PreNorm(nn.ReLU).train(training)
    ill = model.blocks[1]["feed"]
    optimizer = torch.optim.SGD(ill.parameters(), lr=150.0)
    # A penalty on the activations, as for sparse ones, at far too high a rate.
    ill[:2](normal(280, 16)).mean().backward()
    optimizer.step()
    report = health.report(model, TOKENS)
    (finding,), shares = (
        report.findings,
        [layer.dead.mean() for layer in report.layers],
    )
    assert (finding.layer, finding.chapter) == ("blocks.1.feed.1", DYING)
    assert f"{shares[1]:.0%} of the units are dead" in finding.problem
    assert shares[1] > 1 / 3 > max(shares[0], shares[2])


def test_a_saturated_recurrent_network():
    x = normal(40, 5, 4)
    # Five steps are four calls after the first.
    names = ", ".join(["squash"] + [f"squash (call {k})" for k in range(2, 6)])
    model = nn.Sequential(Unrolled(gain=40.0), nn.Linear(24, 2))
    assert faults(model, x) == {
        (SATURATED, names.replace("squash", "0.squash"))
    }


def test_a_gradient_that_falls_at_one_layer_only_is_no_rate():
    model = chain(nn.ReLU, [20] + [64] * 6, 2.0)
    model.insert(10, Scale(1e-3))
    norms = [layer.gradient_norm for layer in measure(model, normal(50, 20))]
    assert norms[0] < norms[-1] / 500
    assert health.report(model, normal(50, 20)).findings == []


def test_two_layers_have_no_rate():
    model = chain(nn.ReLU, [20, 32, 32], 2.0)
    model.insert(2, Scale(1e-4))
    norms = [layer.gradient_norm for layer in measure(model, normal(50, 20))]
    assert norms[0] < norms[-1] / 500
    (finding,) = health.report(model, normal(50, 20)).findings
    assert (finding.layer, finding.chapter) == ("output", DYING)


@pytest.mark.parametrize(
    ("activation", "share"),
    [
        (nn.Sigmoid, 3 / 5),
        (nn.Tanh, 4 / 5),
        (nn.Softsign, 1 / 5),
        (nn.Hardtanh, 4 / 5),
        (nn.Hardsigmoid, 4 / 5),
        (nn.ReLU, 0),
        (nn.GELU, 0),
    ],
)
def test_saturation_is_a_slope_below_one_percent_of_the_largest(
    activation, share
):
    x = torch.tensor([[-12.0], [-6.5], [0.3], [3.5], [8.0]])
    (layer,) = measure(nn.Sequential(nn.Identity(), activation()), x)
    assert layer.saturated_fraction == pytest.approx(share)


def test_few_samples_are_said_to_be_few():
    for samples, few in ((19, True), (20, False)):
        model, x = with_dead_units()
        report = health.report(model, x[:samples])
        assert report.samples == samples
        assert ("Give 20 or more" in str(report)) == few
        assert (report.findings == []) == few
    assert health.report(*HEALTHY["equal samples"]()).samples == 1


def test_units_always_on_are_not_judged_by_few_samples():
    make, expected = ILL["linear"]
    model, x = make()
    assert faults(model, x[:20]) == expected
    assert faults(model, x[:19]) == set()


def test_few_samples_do_not_hide_a_dead_layer():
    model, x = with_a_dead_layer()
    assert faults(model, x[:2]) == {(DYING, "3")}


def report_by_hand(name="1"):
    model = nn.Sequential(
        *dense(WEIGHTS, BIASES, nn.ReLU()), *dense([[1.0] * 5], [0.0])
    )
    found = measure(model, X)
    found[0].name = name
    return health.HealthReport(
        found,
        [health.Finding(name, "nothing is wrong.", "Go on.", "07_dying_relu")],
        30,
    )


def test_the_report_as_text():
    assert repr(report_by_hand()) == str(report_by_hand())
    assert str(report_by_hand()).split() == [
        *"layer type units dead on zero flat grad cos".split(),
        *"1 ReLU 5 20% 40% 47% 0% 1e+01 0.97".split(),
        *"1: nothing is wrong. Go on. See chapter 07.".split(),
    ]


def test_the_text_fits_a_narrow_page():
    model = nn.Sequential()
    inner = model
    for _ in range(12):
        inner.add_module("encoder_block", nn.Sequential())
        inner = inner.encoder_block
    inner.extend(chain(nn.Hardsigmoid, [20] + [32] * 12, 1e4))
    text = str(health.report(model, normal(50, 20)))
    assert max(map(len, text.splitlines())) <= 72
    assert "block.23" in text


def test_no_fault_is_said_with_what_was_looked_for():
    text = str(health.report(chain(nn.ReLU, WIDE, 2.0), normal(50, 20)))
    assert "No fault found" in text and "exploding" in text
    text = str(health.report(*with_nan()))
    assert "No fault found" not in text
    assert "5, 7: Up to 100% of the pre-activations are nan" in text


class Table(HTMLParser):
    """Collect the cells of the header, the rows and the links."""

    def __init__(self, text):
        super().__init__()
        self.open, self.headers, self.texts, self.links = [], [], {}, []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        if tag == "wbr":  # it has no end
            return
        self.open.append(tag)
        self.headers += [v for k, v in attributes if k == "scope"]
        self.links += [v for k, v in attributes if k == "href"]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        self.texts.setdefault(self.open[-1], []).append(text)


def test_the_report_as_html():
    table = Table(report_by_hand()._repr_html_())
    assert table.texts["caption"] == ["Health of the activation layers"]
    assert table.headers == ["col"] * 9 + ["row"]
    assert table.texts["th"] == [
        "layer",
        "type",
        "units",
        "dead",
        "always on",
        "exact zeros",
        "saturated",
        "gradient norm",
        "cosine",
        "1",
    ]
    assert table.texts["td"][:4] == ["ReLU", "5", "20%", "40%"]
    assert "".join(table.texts["li"][:1]).startswith("1: nothing is wrong.")
    assert table.links == ["07_dying_relu.ipynb"]


def test_the_report_as_markdown():
    head, rule, row, empty, finding = (
        report_by_hand()._repr_markdown_().splitlines()
    )
    assert head.startswith("| layer | type | units | dead | always on |")
    assert head.count("|") == rule.count("|") == row.count("|") == 10
    assert row.startswith("| 1 | ReLU | 5 | 20% | 40% | 47% |")
    assert empty == ""
    assert finding == (
        "* 1: nothing is wrong. Go on. See [chapter 07](07_dying_relu.ipynb)."
    )


def test_names_are_taken_literally():
    report = report_by_hand("a<b>|_c_*d*&`")
    assert "a<b>|_c_*d*&`" in str(report)
    table = Table(report._repr_html_())
    assert "a<b>|_c_*d*&`" in "".join(table.texts["th"])
    assert "".join(table.texts["li"]).startswith("a<b>|_c_*d*&`: nothing")
    assert (
        report._repr_markdown_()
        .replace("<wbr>", "")
        .count(r"a\<b\>\|\_c\_\*d\*\&\`")
        == 2
    )


def test_the_chapters_of_the_findings_exist():
    chapters = ROOT / "chapters"
    named = {
        chapter for _, expected in ILL.values() for chapter, _ in expected
    }
    assert len(named) == 6
    assert all((chapters / f"{name}.ipynb").exists() for name in named)


def test_a_loss_for_the_report():
    model, x = chain(nn.ReLU, WIDE, 2.0), normal(50, 20)
    norm = health.report(model, x).layers[0].gradient_norm
    scaled = health.report(model, x, lambda output: 3 * output.square().mean())
    assert scaled.layers[0].gradient_norm == pytest.approx(3 * norm)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_the_report_needs_no_grad_mode(mode):
    model, x = chain(nn.ReLU, WIDE, 2.0), normal(50, 20)
    expected = str(health.report(model, x))
    with mode():
        assert str(health.report(model, x.clone())) == expected


@pytest.mark.parametrize("training", [True, False])
def test_the_report_leaves_the_model_as_found(training):
    model, x = busy_model().train(training), torch.randn(6, 3)
    before, given = state(model), x.clone()
    str(health.report(model, x))
    assert state(model) == before
    assert torch.equal(x, given) and not x.requires_grad


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            (F.relu, X),
            TypeError,
            "model must be an nn.Module, .* got function",
        ),
        (
            (nn.ReLU(), X.numpy()),
            TypeError,
            "x must be a tensor .*got ndarray",
        ),
        ((nn.ReLU(), X[:0]), ValueError, r"one sample .* got shape \(0, 1\)"),
        (
            (nn.Linear(1, 2).double(), X),
            ValueError,
            r"the model ran no activation such as nn.ReLU\(\) or F.relu$",
        ),
        (
            (nn.Sequential(nn.Linear(1, 2, device="meta"), nn.ReLU()), X),
            ValueError,
            r"x must be on the model's device, such as x\.to\('meta'\)",
        ),
        (
            (nn.Sequential(nn.Linear(3, 2).double(), nn.ReLU()), X),
            RuntimeError,
            r"model\(x\) failed for x of shape \(3, 1\) and type torch.float64",
        ),
        (
            (functional(lambda x: None)(nn.ReLU()), X),
            TypeError,
            "the model returns a NoneType without a tensor of floats: give a",
        ),
        (
            (nn.ReLU(), X, torch.square),
            TypeError,
            "loss must return one number",
        ),
    ],
)
def test_mistakes_are_named_by_the_report(arguments, error, message):
    with pytest.raises(error, match=message):
        health.report(*arguments)


def paced(depth, factor):
    """Return a network whose gradient grows by a factor at each layer."""
    model = nn.Sequential()
    for _ in range(depth):
        linear = nn.Linear(16, 16, bias=False).double()
        nn.init.orthogonal_(linear.weight, factor)
        model.extend([linear, nn.LeakyReLU(0.99)])
    return model.append(nn.Linear(16, 4).double())


@pytest.mark.parametrize(
    ("depth", "factor", "expected"),
    [
        (49, 1.1, set()),
        (49, 0.9, set()),
        (12, 1.6, {EXPLODES}),
        (12, 0.6, {VANISHES}),
        (200, 0.9, {VANISHES}),
    ],
)
def test_a_gradient_counts_by_its_pace_and_in_all(depth, factor, expected):
    torch.manual_seed(0)
    report = health.report(paced(depth, factor), normal(50, 16).double())
    assert {finding.chapter for finding in report.findings} == expected
