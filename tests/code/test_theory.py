"""Theory: predictions and random networks agree, and the edges are honest."""

import tracemalloc
from functools import partial

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy.integrate import quad
from torch.nn import functional as F

from utils import activations as act
from utils import theory
from utils.theory import fixed_point, mean_field, random_networks

pytestmark = pytest.mark.filterwarnings("error")

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
        theory.born_dead_probability(width, depth),
        1 - (1 - 2.0**-width) ** depth,
        rtol=1e-6,
    )


def test_born_dead_probability_keeps_its_digits_for_wide_networks():
    for width in (60, 200, 1000):
        assert_allclose(
            theory.born_dead_probability(width, 10),
            10 * 2.0**-width,
            rtol=1e-12,
        )
    assert theory.born_dead_probability(5000, 10) == 0
    assert theory.born_dead_probability(3, 0) == 0


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
    low, high = theory.born_dead_bounds(width, depth)
    assert_allclose(low, lower, rtol=1e-12, atol=1e-14)
    assert low <= high == theory.born_dead_probability(width, depth)


def test_born_dead_bounds_at_the_ends():
    assert theory.born_dead_bounds(3, 0) == (0, 0)
    # Both rays in a later layer, or one in the first and one later.
    low, _ = theory.born_dead_bounds(100, 2)
    assert_allclose(low, 3 * 4.0**-100, rtol=1e-12)


@pytest.mark.parametrize(("width", "depth"), [(1, 3), (2, 10), (5, 6)])
def test_born_dead_simulation_agrees_with_theory(width, depth):
    rng = np.random.default_rng(width)
    share, error = theory.born_dead_simulation(width, depth, 20_000, rng)
    assert share.shape == error.shape == (depth,)
    for layer, (p, se) in enumerate(zip(share, error), start=1):
        assert abs(p - theory.born_dead_probability(width, layer)) < (4 * se)
    share, error = theory.born_dead_simulation(
        width, depth, 20_000, rng, inputs=(-2.0, 3.0)
    )
    for layer, (p, se) in enumerate(zip(share, error), start=1):
        low, high = theory.born_dead_bounds(width, layer)
        assert low - 4 * se <= p <= high + 4 * se


def test_born_dead_simulation_counts_constant_networks():
    # The same weights, looked at as a function on a grid of inputs.
    rng, width, depth, constant = np.random.default_rng(0), 2, 4, 0
    for _ in range(2_000):
        a = np.linspace(-3, 3, 7)[None]
        for _ in range(depth):
            a = np.maximum(rng.standard_normal((width, len(a))) @ a, 0)
        constant += (a == a[:, :1]).all()
    share, error = theory.born_dead_simulation(
        width, depth, 50_000, rng, inputs=(-1.0, 1.0)
    )
    scale = np.hypot(error[-1], np.sqrt(share[-1] * (1 - share[-1]) / 2_000))
    assert abs(constant / 2_000 - share[-1]) < 4 * scale


def test_born_dead_simulation_survives_great_depth():
    # The sizes of 2000 layers multiply to less than the smallest float.
    share, _ = theory.born_dead_simulation(
        12, 2000, 400, np.random.default_rng(0)
    )
    p = theory.born_dead_probability(12, 2000)
    assert abs(share[-1] - p) < 4 * np.sqrt(p * (1 - p) / 400)


def test_born_dead_standard_error_is_binomial():
    share, error = theory.born_dead_simulation(
        2, 3, 1000, np.random.default_rng(0)
    )
    assert_allclose(error, np.sqrt(share * (1 - share) / 1000))
    again, _ = theory.born_dead_simulation(
        2, 3, 1000, np.random.default_rng(0)
    )
    np.testing.assert_array_equal(share, again)


@pytest.mark.parametrize(
    "function",
    [
        theory.born_dead_probability,
        theory.born_dead_bounds,
        lambda width, depth: theory.born_dead_simulation(
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
        theory.born_dead_simulation(2, 3, **arguments)


def test_born_dead_simulation_needs_a_generator():
    with pytest.raises(TypeError, match="rng must be a Generator such as"):
        theory.born_dead_simulation(2, 3, 10, 0)
