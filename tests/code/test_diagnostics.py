"""Diagnostics: prediction and measurement agree, and the edges are honest."""

import tracemalloc
from functools import partial
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy.integrate import quad
from torch import nn
from torch.nn import functional as F

from utils import activations as act
from utils import data, diagnostics, networks
from utils.diagnostics import (
    fixed_point,
    health_report,
    layers,
    mean_field,
    random_networks,
)

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
SCALES = (1 / 3, 1, 2, 3)
each_name = pytest.mark.parametrize("name", act.ACTIVATIONS)


def standard_errors(sample, expected):
    """Return how many standard errors the mean is off, along axis 0."""
    error = sample.std(0, ddof=1) / np.sqrt(len(sample))
    return np.abs(sample.mean(0) - expected) / error


# Prediction


@pytest.mark.parametrize(
    ("name", "factor"),
    [
        ("relu", 1 / 2),
        ("identity", 1),
        ("leaky_relu", (1 + 1e-4) / 2),
        ("prelu", (1 + 1 / 16) / 2),
    ],
)
@pytest.mark.parametrize("c", SCALES)
@pytest.mark.parametrize("q", [1e-300, 0.3, 1.0, 1e100])
def test_scale_free_functions_have_closed_forms(name, factor, c, q):
    found = mean_field(name, c, depth=9, q=q)
    assert_allclose(found.q, q * (c * factor) ** np.arange(9), rtol=1e-12)
    assert_allclose(found.chi, c * factor, rtol=1e-12)


@each_name
@pytest.mark.parametrize("q", [0.01, 1, 50])
def test_quadrature_agrees_with_scipy(name, q):
    weight = (0.25,) if name == "prelu" else ()

    def expected(f):
        kinks = [k / np.sqrt(q) for k in (-3, 0, 3, 6) if k**2 < 64 * q]
        return quad(
            lambda z: (
                f(np.sqrt(q) * z, *weight) ** 2
                * np.exp(-(z**2) / 2)
                / np.sqrt(2 * np.pi)
            ),
            -10,
            10,
            points=kinks,
            epsrel=1e-12,
            limit=200,
        )[0]

    function = act.ACTIVATIONS[name]
    found = mean_field(name, 1.7, depth=2, q=q)
    assert found.q[1] == pytest.approx(1.7 * expected(function), rel=1e-9)
    assert found.chi[0] == pytest.approx(
        1.7 * expected(function.derivative), rel=1e-9
    )


@pytest.mark.parametrize(
    ("name", "integral"), [("sigmoid", 1 / 6), ("tanh", 4 / 3)]
)
@pytest.mark.parametrize("q", [1e8, 1e100, 1e300])
def test_a_narrow_slope_is_not_missed(name, integral, q):
    # The slope is a spike of width 1 / sqrt(q) where the density is flat.
    chi = mean_field(name, 1, depth=1, q=q).chi[0]
    assert chi == pytest.approx(integral / np.sqrt(2 * np.pi * q), rel=1e-7)


@each_name
@pytest.mark.parametrize("q", [0, 5e-324, 1e-300, 1e300, 1.7e308, np.inf])
def test_extreme_q_gives_numbers_and_no_warning(name, q):
    found = mean_field(name, 2.0, depth=40, q=q)
    assert found.q[0] == q
    assert (found.q >= 0).all() and (found.chi >= 0).all()


def test_at_zero_chi_is_the_limit():
    for name, slopes in (
        ("relu", (0, 1)),
        ("elu", (1, 1)),
        ("leaky_relu", (0.01, 1)),
        ("hardswish", (0.5, 0.5)),
    ):
        found = mean_field(name, 3.0, depth=3, q=0)
        assert found.q.tolist() == [0, 0, 0]
        assert_allclose(found.chi, 1.5 * np.square(slopes).sum(), rtol=1e-12)


@pytest.mark.parametrize("name", ["relu", "identity", "leaky_relu", "prelu"])
def test_scale_free_functions_vanish_stay_or_explode(name):
    critical = 1 / mean_field(name, 1.0, depth=1).chi[0]
    for c, q in (
        (0.99 * critical, 0),
        (critical, 1),
        (1.01 * critical, np.inf),
    ):
        assert fixed_point(name, c) == (q, pytest.approx(c / critical))


@pytest.mark.parametrize("c", [0.2, 0.999, 1, 1 + 1e-15, 1 + 2e-13])
def test_tanh_dies_out_up_to_one(c):
    assert fixed_point("tanh", c) == (
        pytest.approx(0, abs=1e-12),
        pytest.approx(c, rel=1e-12),
    )


@pytest.mark.parametrize(
    ("name", "c"),
    [
        ("tanh", 1.0001),
        ("tanh", 1.5),
        ("tanh", 30),
        ("sigmoid", 1e-250),
        ("sigmoid", 1),
        ("sigmoid", 16),
        ("sigmoid", 1e250),
        ("relu6", 3),
        ("softplus", 1.5),
        ("elu", 1.5),
    ],
)
def test_a_positive_fixed_point_maps_to_itself_and_attracts(name, c):
    q, chi = fixed_point(name, c)
    found = mean_field(name, c, depth=2, q=q)
    assert 0 < q < np.inf
    assert found.q[1] == pytest.approx(q, rel=1e-11)
    assert found.chi[0] == pytest.approx(chi, rel=1e-10)
    for start in (0.9, 1.1):
        nearer = mean_field(name, c, depth=2, q=start * q).q[1]
        assert abs(nearer - q) < abs(start * q - q)


@each_name
@pytest.mark.parametrize("c", SCALES)
def test_iteration_moves_towards_the_fixed_point(name, c):
    q, _ = fixed_point(name, c)
    found = np.array([1.0, *mean_field(name, c, depth=30).q])
    before, after = found[[0, -1]]
    if np.isinf(q):
        assert after > before
    else:
        assert abs(after - q) < abs(before - q) or after == pytest.approx(q)


@each_name
def test_a_function_has_one_fixed_point_at_most(name):
    # fixed_point relies on it: E f^2 grows, E f^2 / q does not turn.
    q = np.geomspace(1e-9, 1e9, 200)
    growth = np.array([mean_field(name, 1.0, depth=2, q=x).q[1] for x in q])
    assert (np.diff(growth) > 0).all()
    change = np.diff(growth / q) / (growth / q)[1:]
    assert (change > -1e-13).all() or (change < 1e-13).all()


def test_selu_keeps_one_with_lecun_weights():
    assert fixed_point("selu", 1.0).q == 1.0


def test_a_squared_function_has_no_attracting_point_but_zero():
    # E relu(z)^4 = 1.5 q^2: 1 stays for c = 2/3.
    assert fixed_point("relu_squared", 0.66) == (0, 0)
    assert fixed_point("relu_squared", 2 / 3).q == 1
    assert fixed_point("relu_squared", 0.67) == (np.inf, np.inf)


# Measurement in random networks


@pytest.mark.parametrize(
    ("width", "depth", "draws", "c"),
    [
        (2, 4, 100_000, 1),
        (8, 2, 20_000, 1 / 3),
        (8, 3, 20_000, 3),
        (8, 6, 50_000, 1),
        (8, 7, 50_000, 2),
        (24, 9, 5000, 3),
        (24, 11, 5000, 1 / 3),
        (96, 12, 300, 2),
    ],
)
def test_relu_means_are_exact_at_any_width(width, depth, draws, c):
    found = random_networks(
        "relu",
        c,
        width=width,
        depth=depth,
        draws=draws,
        rng=np.random.default_rng(100 + depth),
    )
    layer = np.arange(depth)
    steps = depth - 1 - layer[:-1]
    reached = (1 - 2.0**-width) ** layer[:-1]
    assert standard_errors(found.q, c * (c / 2) ** layer).max() < 3
    gradient = found.gradient[:, :-1]
    assert standard_errors(gradient, reached * (c / 2) ** steps).max() < 3
    assert (found.gradient[:, -1] == 1).all()


@pytest.mark.parametrize(
    ("width", "depth", "c"), [(3, 3, 2), (12, 4, 1), (50, 7, 2), (128, 6, 3)]
)
def test_relu_gradients_have_the_exact_second_moment(width, depth, c):
    found = random_networks(
        "relu",
        c,
        width=width,
        depth=depth,
        draws=2_000_000 // width**2,
        rng=np.random.default_rng(width),
    )
    layer = np.arange(depth - 1)
    steps = depth - 1 - layer
    expected = (
        (1 - 2.0**-width) ** layer
        * (c / 2) ** (2 * steps)
        * (1 + 5 / width) ** steps
    )
    assert standard_errors(found.gradient[:, :-1] ** 2, expected).max() < 3


@pytest.mark.parametrize(
    ("name", "c"),
    [
        ("sigmoid", 1 / 3),
        ("sigmoid", 1),
        ("sigmoid", 16),
        ("tanh", 1 / 3),
        ("tanh", 1),
        ("tanh", 3),
        ("relu", 2),
    ],
)
def test_wide_networks_follow_the_prediction(name, c):
    depth = 6
    found = random_networks(
        name,
        c,
        width=256,
        depth=depth,
        draws=100,
        rng=np.random.default_rng(7),
    )
    expected = mean_field(name, c, depth=depth, q=c)
    ratio = found.gradient[:, :-1] / found.gradient[:, 1:]
    assert_allclose(ratio.mean(0), expected.chi[:-1], rtol=0.05)
    step = found.q.mean(0)
    assert_allclose(
        step[1:] / step[:-1], expected.q[1:] / expected.q[:-1], rtol=0.05
    )


def test_gradients_are_those_of_autograd():
    width, depth = 5, 4
    x = np.random.default_rng(3).normal(size=width)
    found = random_networks(
        "gelu",
        2.5,
        width=width,
        depth=depth,
        draws=1,
        rng=np.random.default_rng(0),
        x=x,
    )
    drawn = torch.as_tensor(
        np.random.default_rng(0).standard_normal(width + depth * width**2)
    )
    v = drawn[:width] / drawn[:width].norm()
    a, zs = torch.as_tensor(x).requires_grad_(), []
    for weight in drawn[width:].reshape(depth, width, width):
        zs.append(weight @ a * (2.5 / width) ** 0.5)
        a = F.gelu(zs[-1])
    gradients = torch.autograd.grad(v @ zs[-1], zs)
    assert_allclose(
        found.gradient[0], [float(g.square().sum()) for g in gradients]
    )
    assert_allclose(
        found.q[0], [float(z.detach().square().mean()) for z in zs]
    )


def test_the_same_numbers_in_any_parts():
    measure = partial(
        random_networks, "tanh", 2.0, width=200, depth=10, x=np.eye(200)[:2]
    )
    # 20 networks, of 10 * 200 * 200 weights each, fill one part.
    together = measure(draws=23, rng=np.random.default_rng(1))
    rng = np.random.default_rng(1)
    alone = [measure(draws=1, rng=rng) for _ in range(23)]
    for name in together._fields:
        assert_allclose(
            getattr(together, name),
            np.concatenate([getattr(part, name) for part in alone]),
            rtol=1e-9,
            err_msg=name,
        )


def test_large_networks_fit_in_memory():
    tracemalloc.start()
    random_networks(
        "relu",
        2.0,
        width=256,
        depth=30,
        draws=10,
        rng=np.random.default_rng(0),
    )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 150e6


def test_q_starts_at_the_scale_times_the_mean_square_of_x():
    x = np.array([3.0, 0.0, 0.0, -1.0])
    q = random_networks(
        "relu",
        0.7,
        width=4,
        depth=1,
        draws=20_000,
        x=x,
        rng=np.random.default_rng(0),
    ).q
    assert standard_errors(q, 0.7 * 2.5) < 3


def test_cosines_of_known_inputs():
    def cosine(name, *x, width=300, draws=50):
        return random_networks(
            name,
            2.0,
            width=width,
            depth=2,
            draws=draws,
            rng=np.random.default_rng(0),
            x=np.array(x),
        ).cosine

    one, other = np.eye(300)[:2]
    assert_allclose(cosine("relu", one, 5 * one), 1)
    assert_allclose(cosine("tanh", one, -one), -1)
    assert_allclose(cosine("relu", one, -one)[:, 0], 0)
    # The arc-cosine kernel of Cho & Saul 2009, for a right angle.
    assert cosine("relu", one, other)[:, 0].mean() == pytest.approx(
        1 / np.pi, rel=0.02
    )
    # A single ReLU is silent for half of the weights.
    silent = np.isnan(cosine("relu", [1.0], [2.0], width=1, draws=4000)[:, 0])
    assert silent.mean() == pytest.approx(0.5, abs=0.03)


def test_one_input_has_no_cosine():
    assert (
        random_networks(
            "relu",
            2.0,
            width=3,
            depth=2,
            draws=2,
            rng=np.random.default_rng(0),
        ).cosine
        is None
    )


def test_overflow_gives_no_warning():
    q = random_networks(
        "relu_squared",
        9.0,
        width=8,
        depth=30,
        draws=4,
        rng=np.random.default_rng(0),
    ).q
    assert not np.isfinite(q[:, -1]).all()


RANDOM = {
    "activation": "relu",
    "weight_scale": 2.0,
    "width": 4,
    "depth": 2,
    "draws": 2,
    "rng": np.random.default_rng(0),
}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"activation": "rellu"},
            "activation must be one of identity, .*'rellu'",
        ),
        ({"weight_scale": 0.0}, "weight_scale must be positive and finite"),
        ({"width": 0}, "width must be whole, at least 1"),
        ({"depth": 1.5}, "depth must be whole"),
        ({"draws": 0}, "draws must be whole"),
        (
            {"x": np.ones(5)},
            r"x must have the shape \(4,\) or \(2, 4\), .*\(5,\)",
        ),
        ({"x": np.ones((3, 4))}, r"x must have the shape .* got \(3, 4\)"),
    ],
)
def test_bad_arguments_of_random_networks(arguments, message):
    with pytest.raises(ValueError, match=message):
        random_networks(**RANDOM | arguments)


def test_bad_arguments_of_the_theory():
    with pytest.raises(TypeError, match="rng must be a Generator .* got int"):
        random_networks(**RANDOM | {"rng": 0})
    for q in (-1.0, np.nan, "a"):
        with pytest.raises(ValueError, match="q must be at least 0"):
            mean_field("relu", 2.0, depth=3, q=q)
    with pytest.raises(ValueError, match="depth must be whole"):
        mean_field("relu", 2.0, depth=0)
    for function in (fixed_point, partial(mean_field, depth=1)):
        with pytest.raises(ValueError, match="activation must be one of"):
            function("softmax", 2.0)
        with pytest.raises(ValueError, match="weight_scale must be positive"):
            function("relu", np.inf)


# Networks born dead


SIZES = [
    (width, depth)
    for width in (1, 2, 3, 5, 8, 30)
    for depth in (1, 2, 3, 10, 40)
]


@pytest.mark.parametrize(("width", "depth"), SIZES)
def test_born_dead_probability_is_the_formula(width, depth):
    assert_allclose(
        diagnostics.born_dead_probability(width, depth),
        1 - (1 - 2.0**-width) ** depth,
        rtol=1e-6,
    )


def test_born_dead_probability_keeps_its_digits_for_wide_networks():
    for width in (60, 200, 1000):
        assert_allclose(
            diagnostics.born_dead_probability(width, 10),
            10 * 2.0**-width,
            rtol=1e-12,
        )
    assert diagnostics.born_dead_probability(5000, 10) == 0
    assert diagnostics.born_dead_probability(3, 0) == 0


@pytest.mark.parametrize(("width", "depth"), SIZES)
def test_born_dead_bounds_are_those_of_lu_et_al(width, depth):
    # Their L counts the output layer, too.
    layers, p = depth + 1, 2.0**-width
    a = 1 - p, 1 - 2 * p - (width - 1) * p**2
    lower = (
        1
        - a[0] ** (layers - 2)
        + (1 - 2 * p)
        * (1 - p)
        / (1 + (width - 1) * p)
        * (a[1] ** (layers - 2) - a[0] ** (layers - 2))
    )
    low, high = diagnostics.born_dead_bounds(width, depth)
    assert_allclose(low, lower, rtol=1e-12, atol=1e-14)
    assert low <= high == diagnostics.born_dead_probability(width, depth)


def test_born_dead_bounds_at_the_ends():
    assert diagnostics.born_dead_bounds(3, 0) == (0, 0)
    # Both rays in a later layer, or one in the first and one later.
    low, _ = diagnostics.born_dead_bounds(100, 2)
    assert_allclose(low, 3 * 4.0**-100, rtol=1e-12)


@pytest.mark.parametrize(("width", "depth"), [(1, 3), (2, 10), (5, 6)])
def test_born_dead_simulation_agrees_with_theory(width, depth):
    rng = np.random.default_rng(width)
    share, error = diagnostics.born_dead_simulation(width, depth, 20_000, rng)
    assert share.shape == error.shape == (depth,)
    for layer, (p, se) in enumerate(zip(share, error), start=1):
        assert abs(p - diagnostics.born_dead_probability(width, layer)) < (
            4 * se
        )
    share, error = diagnostics.born_dead_simulation(
        width, depth, 20_000, rng, inputs=(-2.0, 3.0)
    )
    for layer, (p, se) in enumerate(zip(share, error), start=1):
        low, high = diagnostics.born_dead_bounds(width, layer)
        assert low - 4 * se <= p <= high + 4 * se


def test_born_dead_simulation_counts_constant_networks():
    # The same weights, looked at as a function on a grid of inputs.
    rng, width, depth, constant = np.random.default_rng(0), 2, 4, 0
    for _ in range(2_000):
        a = np.linspace(-3, 3, 7)[None]
        for _ in range(depth):
            a = np.maximum(rng.standard_normal((width, len(a))) @ a, 0)
        constant += (a == a[:, :1]).all()
    share, error = diagnostics.born_dead_simulation(
        width, depth, 50_000, rng, inputs=(-1.0, 1.0)
    )
    scale = np.hypot(error[-1], np.sqrt(share[-1] * (1 - share[-1]) / 2_000))
    assert abs(constant / 2_000 - share[-1]) < 4 * scale


def test_born_dead_simulation_survives_great_depth():
    # The sizes of 2000 layers multiply to less than the smallest float.
    share, _ = diagnostics.born_dead_simulation(
        12, 2000, 400, np.random.default_rng(0)
    )
    p = diagnostics.born_dead_probability(12, 2000)
    assert abs(share[-1] - p) < 4 * np.sqrt(p * (1 - p) / 400)


def test_born_dead_standard_error_is_binomial():
    share, error = diagnostics.born_dead_simulation(
        2, 3, 1000, np.random.default_rng(0)
    )
    assert_allclose(error, np.sqrt(share * (1 - share) / 1000))
    again, _ = diagnostics.born_dead_simulation(
        2, 3, 1000, np.random.default_rng(0)
    )
    np.testing.assert_array_equal(share, again)


@pytest.mark.parametrize(
    "function",
    [
        diagnostics.born_dead_probability,
        diagnostics.born_dead_bounds,
        lambda width, depth: diagnostics.born_dead_simulation(
            width, depth, 10, np.random.default_rng(0)
        ),
    ],
)
@pytest.mark.parametrize(
    ("width", "depth", "message"),
    [
        (0, 5, "width must be whole, at least 1, .* got 0"),
        (2.5, 5, "width must be whole, at least 1, .* got 2.5"),
        (True, 5, "width must be whole, .* got True"),
        (2, -1, "depth must be whole, at least 0, .* got -1"),
        (2, "3", "depth must be whole, at least 0, .* got '3'"),
    ],
)
def test_born_dead_refuses_bad_sizes(function, width, depth, message):
    with pytest.raises(ValueError, match=message):
        function(width, depth)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"draws": 0}, "draws must be whole, at least 1"),
        ({"inputs": ()}, r"inputs must be numbers other than 0, .* got \(\)"),
        ({"inputs": (0.0, 1.0)}, "inputs must be numbers other than 0"),
        ({"inputs": (np.nan,)}, "inputs must be numbers other than 0"),
    ],
)
def test_born_dead_simulation_names_bad_arguments(arguments, message):
    arguments = {"draws": 10, "rng": np.random.default_rng(0)} | arguments
    with pytest.raises(ValueError, match=message):
        diagnostics.born_dead_simulation(2, 3, **arguments)


def test_born_dead_simulation_needs_a_generator():
    with pytest.raises(TypeError, match="rng must be a Generator such as"):
        diagnostics.born_dead_simulation(2, 3, 10, 0)


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
    (layer,) = layers(model, X)
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
        assert diagnostics.dead(given).tolist() == [
            [True, False, False, False, False]
        ]
        assert diagnostics.always_on(given).tolist() == [
            [False, True, False, False, False]
        ]
        assert diagnostics.constant(given).tolist() == [
            [True, True, False, False, False]
        ]


def test_the_sign_of_the_output_does_not_tell():
    for module in (nn.LeakyReLU(), nn.ELU(), nn.GELU()):
        (layer,) = layers(dense([[1.0]], [-3.0], module), X)
        assert not layer.dead.any()
    (layer,) = layers(dense([[1.0]], [-3.0], nn.LeakyReLU()), X)
    assert layer.always_on.all()
    (layer,) = layers(dense([[1.0]], [900.0], nn.Sigmoid()), X)
    assert layer.dead.all()


def test_the_first_layer_of_a_deep_network_sees_the_product_of_slopes():
    # Slopes 0.5 and weights 3: the loss is y^2, y = 0.5 * 3 * 0.5 * z.
    half = nn.LeakyReLU(0.5)
    model = nn.Sequential(
        dense([[1.0]], [-2.0], half), dense([[3.0]], [0.0], half)
    )
    first, second = layers(model, X[:1])
    y = 0.5 * 3 * 0.5 * -3
    assert second.gradient_norm == pytest.approx(abs(2 * y * 0.5))
    assert first.gradient_norm == pytest.approx(abs(2 * y * 0.5 * 3 * 0.5))


def test_the_loss_can_be_given():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 4))
    x, y = torch.randn(8, 3), torch.arange(8) % 4
    (layer,) = layers(model, x, loss=lambda output: F.cross_entropy(output, y))
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

    (layer,) = layers(Skip(False), X)
    # y = 20 x + relu(2x); dL/dz = 2 y (10 + slope) / 3.
    assert layer.gradient_norm == pytest.approx(
        2 / 3 * np.hypot(20 * 10, 22 * 11)
    )


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
    networks.ReLUSquared,
    partial(nn.Threshold, 0.1, 20.0),
]


@pytest.mark.parametrize("module", MODULES)
def test_every_elementwise_module_is_measured(module):
    module = module().double()
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(1, 50, dtype=torch.float64),
        module,
        nn.Linear(50, 1, dtype=torch.float64),
    ).eval()
    (layer,) = layers(model, X)
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
    for one, two in zip(layers(model, x), layers(other, given), strict=True):
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
    (layer,) = layers(model, x)
    assert layer.dead.tolist() == [True, True, False]
    x[1, 0, 2, 3] = 2.0
    (layer,) = layers(model, x)
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
        return len(layers(model, torch.randn(shape))[0].dead)

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
    (layer,) = layers(block, torch.randn(4, 6, 8))
    assert layer.name == "activation"
    assert layer.dead.nonzero()[0].tolist() == [3]
    assert layer.always_on.nonzero()[0].tolist() == [5]


def test_no_cosine_where_the_first_axis_is_not_the_samples():
    model = nn.Sequential(nn.Linear(4, 3), nn.Flatten(0, 1), nn.ReLU())
    (layer,) = layers(model, torch.randn(5, 9, 4))
    assert np.isnan(layer.cosine)


def test_cosine_needs_two_vectors_that_are_not_zero():
    model = dense([[1.0]], [0.0], nn.ReLU())
    x = torch.tensor([[-1.0], [1.0], [-2.0], [3.0]], dtype=torch.float64)
    assert layers(model, x)[0].cosine == pytest.approx(1)
    for rows in ([0], [1], [0, 1], [0, 2]):
        assert np.isnan(layers(model, x[rows])[0].cosine)


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
    found = layers(Nested(), torch.randn(3, 2))
    assert [layer.name for layer in found] == [
        "block.1.0",
        "relu",
        "relu (call 2)",
    ]
    assert layers(nn.ReLU(), X)[0].name == "ReLU"


def test_a_keyword_reaches_the_activation():
    class Keyword(Nested):
        def forward(self, x):
            return self.relu(input=x)

    assert layers(Keyword(), X)[0].name == "relu"


# Batched networks


def assert_members_agree(result, x, loss=None):
    found = layers(result, x, loss)
    for s, seed in enumerate(result.seeds):
        for r, rate in enumerate(result.learning_rates):
            member = layers(
                result.network(seed, rate), torch.as_tensor(x), loss
            )
            for one, two in zip(found, member, strict=True):
                for name in QUANTITIES:
                    assert_allclose(
                        getattr(one, name)[s, r],
                        getattr(two, name),
                        rtol=1e-8,
                        err_msg=name,
                    )
    return found


@pytest.mark.parametrize(
    "options",
    [
        {"activation": "relu"},
        {"activation": "prelu"},
        {"activation": "gelu"},
        {"activation": "relu", "residual": True, "widths": (7, 7)},
        {"activation": "tanh", "batch_norm": True},
        {
            "activation": "relu",
            "batch_norm": True,
            "residual": True,
            "widths": (7, 7),
        },
    ],
    ids=str,
)
def test_batch_and_module_agree(options):
    spirals = data.spirals(n=100)
    result = networks.train(
        spirals,
        seeds=2,
        learning_rates=[0.1, 0.5, 0.7],
        epochs=2,
        **{"widths": (9, 6)} | options,
    )
    found = assert_members_agree(result, spirals.x_test)
    assert [layer.name for layer in found] == ["layer 1", "layer 2"]
    assert found[0].dead.shape == (2, 3, len(result.weights[0][0, 0, 0]))
    assert found[0].gradient_norm.shape == (2, 3)
    assert_members_agree(
        result,
        spirals.x_test,
        lambda output: F.cross_entropy(
            output, torch.as_tensor(spirals.y_test)
        ),
    )


def test_a_broken_member_disturbs_nobody():
    spirals = data.spirals(n=100)
    result = networks.train(spirals, widths=(9, 6), seeds=3, epochs=0)
    whole = layers(result, spirals.x_test)
    result.weights[0][1] = torch.nan
    broken = layers(result, spirals.x_test)
    for one, two in zip(whole, broken):
        assert two.nonfinite_fraction[:, 0].tolist() == [0, 1, 0]
        assert not (two.dead | two.always_on | two.constant)[1].any()
        assert np.isnan(two.gradient_norm[1]) and np.isnan(two.cosine[1])
        for name in QUANTITIES:
            assert_allclose(
                getattr(two, name)[[0, 2]], getattr(one, name)[[0, 2]]
            )


def test_batched_networks_refuse_what_does_not_fit():
    spirals = data.spirals(n=100)
    result = networks.train(spirals, widths=(4,), seeds=1, epochs=0)
    with pytest.raises(ValueError, match=r"x must have the shape \(N, 2\)"):
        layers(result, np.ones((5, 3)))
    with pytest.raises(ValueError, match="x must hold at least one sample"):
        layers(result, np.ones((0, 2)))
    linear = networks.train(spirals, widths=(), seeds=1, epochs=0)
    with pytest.raises(ValueError, match="no hidden layer"):
        layers(linear, spirals.x_test)


# Numbers out of range


def test_pre_activations_that_are_not_finite_are_reported():
    weights = [[np.nan], [np.inf], [-1.0], [0.0]]
    model = dense(
        weights,
        [0.0, 0.0, -5.0, 3.0],
        nn.ReLU(),
        nn.Linear(4, 1, dtype=torch.float64),
    )
    (layer,) = layers(model, X[[0, 2]])
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
    first, second = layers(
        model, X[[2, 2]], lambda output: size * output.sum()
    )
    # Each of four numbers has the gradient 2 * size^2; its square is out of
    # range, as are those of the last activations, 2 * size^2.
    assert first.gradient_norm / size**2 == pytest.approx(4)
    assert second.cosine == pytest.approx(1)


def test_a_random_slope_is_not_the_same_on_all_data():
    model = dense([[0.0], [0.0]], [-1.0, 1.0], nn.RReLU())
    x = torch.ones(20, 1, dtype=torch.float64)
    (training,) = layers(model, x)
    assert training.always_on.tolist() == [False, True]
    (evaluating,) = layers(model.eval(), x)
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
    frozen, aside, last = layers(Cut(), torch.randn(4, 2))
    assert np.isnan(frozen.gradient_norm) and np.isnan(aside.gradient_norm)
    assert last.gradient_norm > 0
    whole = nn.Sequential(Cut(), nn.ReLU())
    whole.forward = torch.no_grad()(whole.forward)
    assert all(
        np.isnan(layer.gradient_norm)
        for layer in layers(whole, torch.randn(4, 2))
    )


def test_the_callers_grad_mode_does_not_matter():
    model, x = Nested(), torch.randn(5, 2)
    expected = [layer.gradient_norm for layer in layers(model, x)]
    for mode in (torch.no_grad(), torch.inference_mode()):
        with mode:
            given = x.clone()
            assert expected == [
                layer.gradient_norm for layer in layers(model, given)
            ]


def test_tokens_are_no_floats():
    model = nn.Sequential(
        nn.Embedding(9, 4), nn.ReLU(inplace=True), nn.Linear(4, 2)
    )
    x = torch.arange(12).reshape(3, 4) % 9
    (expected,) = layers(model, x)
    (found,) = layers(model.requires_grad_(False), x)
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


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (F.relu, "relu"),
        (torch.relu, "relu"),
        (lambda x: x.relu(), "relu"),
        (torch.relu_, "relu_"),
        (lambda x: F.relu(x, inplace=True), "relu"),
        (torch.tanh, "tanh"),
        (lambda x: x.sigmoid(), "sigmoid"),
        (F.leaky_relu, "leaky_relu"),
        (F.gelu, "gelu"),
        (F.silu, "silu"),
        (F.logsigmoid, "log_sigmoid"),
        (F.softplus, "softplus"),
        (F.hardtanh, "hardtanh"),
        (F.relu6, "relu6"),
        (F.softsign, "softsign"),
    ],
)
def test_functional_activations_are_named(function, name):
    model = functional(function)
    with pytest.raises(
        ValueError,
        match="no activation module .* make "
        rf"modules of its functions {name} \(calls: 1\)",
    ):
        layers(model(), X)
    with pytest.warns(UserWarning, match=rf"{name} \(calls: 1\)") as caught:
        found = layers(model(nn.LeakyReLU()), X)
    assert len(found) == 1
    assert caught[0].filename == __file__


def test_a_transformer_with_its_default_activation_is_not_passed_over():
    block = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    with pytest.raises(ValueError, match=r"functions relu \(calls: 1\)"):
        layers(block, torch.randn(4, 6, 8))


def test_calls_are_counted():
    model = functional(lambda x: torch.tanh(F.relu(torch.tanh(x))))
    with pytest.raises(
        ValueError, match=r"tanh \(calls: 2\), relu \(calls: 1\)"
    ):
        layers(model(), X)


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
        match="ran no activation module such as "
        r"nn.ReLU\(\)$",
    ):
        layers(model.double(), X)


# Other mistakes


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            (F.relu, X),
            TypeError,
            "model must be an nn.Module or Networks, got",
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
            r"loss must return one number as a tensor, .* got torch.Size\(\[3, 1\]",
        ),
        (
            (nn.ReLU(), X, lambda output: 0.5),
            TypeError,
            "loss must .* got 0.5",
        ),
        (
            (functional(lambda x: (x, x))(nn.ReLU()), X),
            TypeError,
            r"returns a tuple: give a loss, such as loss=lambda output: output\[0",
        ),
    ],
)
def test_mistakes_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        layers(*arguments)


def test_a_loss_for_an_output_of_many_parts():
    model = functional(lambda x: {"logits": x, "rest": None})(nn.ReLU())
    (layer,) = layers(model, X, lambda output: output["logits"].sum())
    assert layer.gradient_norm >= 0


def test_a_failing_forward_pass_keeps_its_error():
    model = nn.Sequential(nn.Linear(3, 2).double(), nn.ReLU())
    with pytest.raises(
        RuntimeError,
        match=r"model\(x\) failed for x of shape "
        r"\(3, 1\) and type torch.float64: mat1",
    ) as caught:
        layers(model, X)
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
            layers(model, x)
    else:
        assert len(layers(model, x)) == 2
    assert state(model) == before
    assert torch.equal(x, given) and not x.requires_grad


def test_a_failing_loss_leaves_the_model_as_found():
    model, x = busy_model(), torch.randn(6, 3)
    before = state(model)
    with pytest.raises(ZeroDivisionError):
        layers(model, x, lambda output: 1 / 0)
    assert state(model) == before


def test_the_mode_is_the_models_own():
    model, x = busy_model(), torch.randn(6, 3)
    training = layers(model, x)[0].gradient_norm
    assert layers(model.eval(), x)[0].gradient_norm != training
    assert not model.training


def test_a_graph_that_the_caller_holds_stays_usable():
    model = busy_model().eval()
    x = torch.randn(6, 3)
    loss = model(x).sum()
    layers(model, x)
    loss.backward()


def test_the_batched_networks_are_left_as_found():
    spirals = data.spirals(n=100)
    result = networks.train(
        spirals, widths=(4,), seeds=1, epochs=1, batch_norm=True
    )
    before = [
        t.clone() for kind in networks.KINDS for t in getattr(result, kind)
    ]
    layers(result, spirals.x_test)
    after = [t for kind in networks.KINDS for t in getattr(result, kind)]
    assert all(map(torch.equal, before, after))
    assert not any(t.requires_grad for t in after)


# The health report


def found(model, x, **options):
    """Return the findings, each as its chapter and the layers it names."""
    return {
        (f.chapter, f.layer)
        for f in health_report(model, x, **options).findings
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
    assert health_report(model, x).findings == []


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
        {(DYING, "1")},
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
    assert found(*make()) == expected


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
    (layer,) = layers(model, x)
    assert layer.dead.mean() == 0.5 and layer.cosine < 0.9999
    assert found(model, x) == expected


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
    report = health_report(model, x)
    assert report.layers[0].cosine > 0.9
    assert [f.problem.split(":")[0] for f in report.findings] == (
        [expected] if expected else []
    )


def test_a_convolutional_network_of_bad_scale():
    assert found(Pictures(gain=30.0), PIXELS) == {
        (EXPLODES, "stages.low.1 to top.1")
    }
    report = health_report(Pictures(gain=0.01), PIXELS)
    assert {f.chapter for f in report.findings} == {DYING, VANISHES}


@pytest.mark.parametrize("training", [True, False])
def test_a_transformer_after_a_harsh_step(training):
    model = PreNorm(nn.ReLU).train(training)
    ill = model.blocks[1]["feed"]
    optimizer = torch.optim.SGD(ill.parameters(), lr=150.0)
    # A penalty on the activations, as for sparse ones, at far too high a rate.
    ill[:2](normal(280, 16)).mean().backward()
    optimizer.step()
    report = health_report(model, TOKENS)
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
    assert found(model, x) == {
        (SATURATED, names.replace("squash", "0.squash"))
    }


def test_a_gradient_that_falls_at_one_layer_only_is_no_rate():
    model = chain(nn.ReLU, [20] + [64] * 6, 2.0)
    model.insert(10, Scale(1e-3))
    norms = [layer.gradient_norm for layer in layers(model, normal(50, 20))]
    assert norms[0] < norms[-1] / 500
    assert health_report(model, normal(50, 20)).findings == []


def test_two_layers_have_no_rate():
    model = chain(nn.ReLU, [20, 32, 32], 2.0)
    model.insert(2, Scale(1e-4))
    assert health_report(model, normal(50, 20)).findings == []


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
    (layer,) = layers(nn.Sequential(nn.Identity(), activation()), x)
    assert layer.saturated_fraction == pytest.approx(share)


def test_saturation_of_batched_networks():
    spirals = data.spirals(n=100)
    result = networks.train(
        spirals, activation="tanh", widths=(4, 4), seeds=2, epochs=0
    )
    result.weights[0][1] *= 1e6
    first, _ = layers(result, spirals.x_test)
    assert first.saturated_fraction.shape == (2, 1)
    assert (
        first.saturated_fraction[0] < 0.1 < 0.9 < (first.saturated_fraction[1])
    )


def test_few_samples_are_said_to_be_few():
    for samples, few in ((19, True), (20, False)):
        model, x = with_dead_units()
        report = health_report(model, x[:samples])
        assert report.samples == samples
        assert ("Give 20 or more" in str(report)) == few
        assert (report.findings == []) == few
    assert health_report(*HEALTHY["equal samples"]()).samples == 1


def test_few_samples_do_not_hide_a_dead_layer():
    model, x = with_a_dead_layer()
    assert found(model, x[:2]) == {(DYING, "3")}


def report_by_hand(name="1"):
    model = nn.Sequential(
        *dense(WEIGHTS, BIASES, nn.ReLU()), *dense([[1.0] * 5], [0.0])
    )
    found = layers(model, X)
    found[0].name = name
    return diagnostics.HealthReport(
        found,
        [
            diagnostics.Finding(
                name, "nothing is wrong.", "Go on.", "07_dying_relu"
            )
        ],
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
    text = str(health_report(model, normal(50, 20)))
    assert max(map(len, text.splitlines())) <= 72
    assert "block.23" in text


def test_no_fault_is_said_with_what_was_looked_for():
    text = str(health_report(chain(nn.ReLU, WIDE, 2.0), normal(50, 20)))
    assert "No fault found" in text and "exploding" in text
    text = str(health_report(*with_nan()))
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
    assert report._repr_markdown_().count(r"a\<b\>\|\_c\_\*d\*\&\`") == 2


def test_the_chapters_of_the_findings_exist():
    chapters = Path(diagnostics.__file__).parent.parent / "chapters"
    named = {
        chapter for _, expected in ILL.values() for chapter, _ in expected
    }
    assert len(named) == 5
    assert all((chapters / f"{name}.ipynb").exists() for name in named)


def test_a_loss_for_the_report():
    model, x = chain(nn.ReLU, WIDE, 2.0), normal(50, 20)
    norm = health_report(model, x).layers[0].gradient_norm
    scaled = health_report(model, x, lambda output: 3 * output.square().mean())
    assert scaled.layers[0].gradient_norm == pytest.approx(3 * norm)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_the_report_needs_no_grad_mode(mode):
    model, x = chain(nn.ReLU, WIDE, 2.0), normal(50, 20)
    expected = str(health_report(model, x))
    with mode():
        assert str(health_report(model, x.clone())) == expected


@pytest.mark.parametrize("training", [True, False])
def test_the_report_leaves_the_model_as_found(training):
    model, x = busy_model().train(training), torch.randn(6, 3)
    before, given = state(model), x.clone()
    str(health_report(model, x))
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
            r"the model ran no activation module such as nn.ReLU\(\)$",
        ),
        (
            (functional(F.gelu)(), X),
            ValueError,
            r"its functions gelu \(calls: 1",
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
            (functional(lambda x: (x, x))(nn.ReLU()), X),
            TypeError,
            "the model returns a tuple: give a loss, such as loss=lambda output",
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
        health_report(*arguments)


def test_batched_networks_are_reported_one_by_one():
    spirals = data.spirals(n=100)
    result = networks.train(
        spirals, widths=(16,), seeds=1, epochs=0, learning_rates=0.1
    )
    with pytest.raises(
        TypeError,
        match=r"such as result\.network\(seed, "
        r"rate\), got TrainingResult",
    ):
        health_report(result, spirals.x_test)
    x = torch.as_tensor(spirals.x_test)
    assert len(health_report(result.network(0, 0.1), x).layers) == 1


def test_the_warning_points_to_the_caller_of_the_report():
    with pytest.warns(UserWarning, match="tanh") as caught:
        health_report(functional(torch.tanh)(nn.LeakyReLU()), X)
    assert caught[0].filename == __file__
