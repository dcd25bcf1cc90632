"""Values, derivatives, facts and manners of utils/activations.py."""

import doctest
import inspect
import pydoc
import re
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from matplotlib.mathtext import MathTextParser
from numpy.testing import assert_allclose, assert_array_equal

from utils import activations as act

pytestmark = pytest.mark.filterwarnings("error")

INF, NAN = np.inf, np.nan
MAX = np.finfo(np.float64).max
TINY = 2.0**-1040  # subnormal, with 34 bits left
LAMBDA, ALPHA = 1.0507009873554805, 1.6732632423543772
NAMES = list(act.ACTIVATIONS)
DEFAULTS = {"prelu": {"weight": 0.25}}  # the one argument with no default

TORCH = {
    "identity": lambda x: x * 1,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": F.relu,
    "leaky_relu": F.leaky_relu,
    # Written out, since F.prelu takes no plain number.
    "prelu": lambda x, weight: torch.where(x > 0, x, weight * x),
    "elu": F.elu,
    "selu": F.selu,
    "gelu": F.gelu,
    "silu": F.silu,
    "swish": lambda x, beta=1.0: x * torch.sigmoid(beta * x),
    # By default torch's softplus is x above 20, off by 1e-10 relative.
    "softplus": partial(F.softplus, threshold=700),
    "mish": F.mish,
    "hardswish": F.hardswish,
    "relu6": F.relu6,
    "relu_squared": lambda x: F.relu(x) ** 2,
}
CASES = [(name, DEFAULTS.get(name, {})) for name in NAMES] + [
    ("leaky_relu", {"negative_slope": 0.3}),
    ("leaky_relu", {"negative_slope": -1}),
    ("prelu", {"weight": 1.5}),
    ("elu", {"alpha": 2}),
    ("gelu", {"approximate": "tanh"}),
    ("swish", {"beta": 3.0}),
    ("swish", {"beta": 0}),
    ("swish", {"beta": -2.0}),
    ("softplus", {"beta": 0.1}),
    ("softplus", {"beta": np.float32(5)}),
]
each_case = pytest.mark.parametrize(("name", "arguments"), CASES)
each_name = pytest.mark.parametrize("name", NAMES)


def value_and_derivative(name, arguments=None):
    arguments = DEFAULTS.get(name, {}) if arguments is None else arguments
    function = act.ACTIVATIONS[name]
    return (
        partial(function, **arguments),
        partial(function.derivative, **arguments),
    )


def autograd(name, x, arguments):
    leaf = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    value = TORCH[name](leaf, **arguments)
    value.sum().backward()
    return value.detach().numpy(), leaf.grad.numpy()


# Values and derivatives


@each_case
def test_agrees_with_torch(name, arguments):
    kinks = [-3.0, -0.0, 0.0, 3.0, 6.0]
    x = np.concatenate([np.linspace(-30, 30, 2402), kinks, [-1e-9, 1e-300]])
    # torch's formulas lose digits where they subtract nearly equal numbers,
    # as in 1 - tanh(x)**2 or 1 + erf(x); hence the absolute tolerance. The
    # next test looks at such numbers without it.
    close = partial(assert_allclose, rtol=1e-12, atol=1e-14)
    for ours, theirs in zip(
        value_and_derivative(name, arguments),
        autograd(name, x, arguments),
        strict=True,
    ):
        close(ours(x), theirs)


@pytest.mark.parametrize(
    ("name", "x", "value", "derivative"),
    [
        # The right-hand sides were computed with 400 digits.
        ("sigmoid", -740, 4.1887398800480489e-322, 4.1887398800480489e-322),
        ("sigmoid", -710, 4.47628622567513e-309, 4.47628622567513e-309),
        ("sigmoid", -30, 9.357622968839299e-14, 9.3576229688384233e-14),
        ("sigmoid", 30, 0.99999999999990642, 9.3576229688384233e-14),
        ("tanh", -30, -1.0, 3.5026043050786081e-26),
        ("tanh", 8, 0.99999977492967589, 4.5014059756372917e-7),
        ("elu", -30, -0.99999999999990642, 9.3576229688401746e-14),
        ("gelu", -30, -1.4720141781444561e-196, -4.4160316907084944e-195),
        ("gelu", -8, -4.9767684594174273e-15, -3.979607261086796e-14),
        ("gelu", 8, 7.999999999999995, 1.0000000000000398),
        ("gelu tanh", -8, -3.1077829375011112e-21, -4.7147845041068416e-20),
        ("silu", -30, -2.8072868906517897e-12, -2.713710660963134e-12),
        ("silu", 8, 7.9973171989562682, 1.0023465512355853),
        ("softplus", -30, 9.3576229688397368e-14, 9.357622968839299e-14),
        ("softplus", 8, 8.0003354063728958, 0.99966464986953352),
        ("mish", -30, -2.807286890651921e-12, -2.7137106609633923e-12),
        ("mish", 8, 7.9999982006448423, 1.0000033725836882),
    ],
)
def test_tails_keep_their_digits(name, x, value, derivative):
    name, *form = name.split()
    arguments = {"approximate": form[0]} if form else {}
    ours = [f(x) for f in value_and_derivative(name, arguments)]
    # Half of the smallest subnormal is rounding; it matters at 1e-322 only.
    assert_allclose(ours, [value, derivative], rtol=1e-12, atol=5e-324)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@each_case
def test_short_floats_are_rounded_once(name, arguments, dtype):
    # Up to 5, where torch's own float64 has digits to spare for float32.
    x = np.linspace(-5, 5, 1201).astype(dtype)
    for ours, theirs in zip(
        value_and_derivative(name, arguments),
        autograd(name, x, arguments),
        strict=True,
    ):
        assert ours(x).dtype == dtype
        np.testing.assert_array_max_ulp(ours(x), theirs.astype(dtype), 1)


@each_case
def test_derivative_agrees_with_central_differences(name, arguments):
    x = np.linspace(-8, 8, 1601) + 0.005  # 0.005 from any kink
    h = 1e-5
    f, derivative = value_and_derivative(name, arguments)
    assert_allclose(derivative(x), (f(x + h) - f(x - h)) / (2 * h), atol=1e-8)


# For -inf, -MAX, -TINY, 0, TINY, MAX, inf: the value, then the derivative.
HALF = [0, 0, -TINY / 2, 0, TINY / 2, MAX, INF]
RISING = [0, 0, 0.5, 0.5, 0.5, 1, 1]
SELU_0 = LAMBDA * ALPHA
SPECIAL = {
    "identity": ([-INF, -MAX, -TINY, 0, TINY, MAX, INF], [1] * 7),
    "sigmoid": ([0, 0, 0.5, 0.5, 0.5, 1, 1], [0, 0, *[0.25] * 3, 0, 0]),
    "tanh": ([-1, -1, -TINY, 0, TINY, 1, 1], [0, 0, 1, 1, 1, 0, 0]),
    "relu": ([0, 0, 0, 0, TINY, MAX, INF], [0, 0, 0, 0, 1, 1, 1]),
    "leaky_relu": (
        [-INF, -MAX / 100, -TINY / 100, 0, TINY, MAX, INF],
        [*[0.01] * 4, 1, 1, 1],
    ),
    "prelu": (
        [-INF, -MAX / 4, -TINY / 4, 0, TINY, MAX, INF],
        [*[0.25] * 4, 1, 1, 1],
    ),
    "elu": ([-1, -1, -TINY, 0, TINY, MAX, INF], [0, 0, 1, 1, 1, 1, 1]),
    "selu": (
        [-SELU_0, -SELU_0, -SELU_0 * TINY, 0, LAMBDA * TINY, INF, INF],
        [0, 0, SELU_0, SELU_0, LAMBDA, LAMBDA, LAMBDA],
    ),
    "gelu": (HALF, RISING),
    "silu": (HALF, RISING),
    "swish": (HALF, RISING),
    "softplus": ([0, 0, *[np.log(2)] * 3, MAX, INF], RISING),
    "mish": (
        [0, 0, -0.6 * TINY, 0, 0.6 * TINY, MAX, INF],
        [0, 0, 0.6, 0.6, 0.6, 1, 1],
    ),
    "hardswish": (HALF, RISING),
    "relu6": ([0, 0, 0, 0, TINY, 6, 6], [0, 0, 0, 0, 1, 0, 0]),
    "relu_squared": (
        [0, 0, 0, 0, 0, INF, INF],
        [0, 0, 0, 0, 2 * TINY, INF, INF],
    ),
}


@each_name
def test_special_values(name):
    x = np.array([-INF, -MAX, -TINY, 0.0, TINY, MAX, INF])
    for ours, expected in zip(
        value_and_derivative(name), SPECIAL[name], strict=True
    ):
        # Subnormals carry fewer digits; zeros must be zeros, infinities inf.
        assert_allclose(ours(x), expected, rtol=1e-9, atol=0)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (partial(act.leaky_relu, -INF, negative_slope=0), 0),
        (
            partial(act.prelu, [-INF, -INF, INF], weight=[0, 1, 0]),
            [0, -INF, INF],
        ),
        (partial(act.elu, [-INF, INF], alpha=0), [0, INF]),
        (partial(act.elu.derivative, [-INF, INF], alpha=0), [0, 1]),
        (partial(act.gelu, [-INF, -MAX, MAX, INF], "tanh"), [0, 0, MAX, INF]),
        (
            partial(
                act.gelu.derivative,
                [-INF, -MAX, -1e155, 1e155, MAX, INF],
                "tanh",
            ),
            [0, 0, 0, 1, 1, 1],
        ),
        (
            partial(act.swish, [-INF, -MAX, MAX, INF], beta=0),
            [-INF, -MAX / 2, MAX / 2, INF],
        ),
        (partial(act.swish.derivative, [-INF, INF], beta=0), [0.5, 0.5]),
        (
            partial(act.swish, [-INF, -MAX, MAX, INF], beta=-1),
            [-INF, -MAX, 0, 0],
        ),
        (partial(act.swish, [-INF, -9.0, 9.0, INF], beta=MAX), [0, 0, 9, INF]),
        (
            partial(act.swish.derivative, [-9.0, 0.0, 9.0], beta=MAX),
            [0, 0.5, 1],
        ),
        (partial(act.softplus, [-MAX, MAX], beta=MAX), [0, MAX]),
        (partial(act.softplus, [-INF, INF], beta=1e-300), [0, INF]),
    ],
)
def test_special_values_with_arguments(call, expected):
    assert_array_equal(call(), expected)


@each_name
def test_nan_gives_nan(name):
    for ours in value_and_derivative(name):
        assert_array_equal(np.isnan(ours([NAN, 1.0, -NAN])), [1, 0, 1])


@each_name
def test_sign_of_zero_is_torchs(name):
    # 17 numbers: more than any processor handles in one instruction.
    x = np.full(17, -0.0)
    theirs, _ = autograd(name, x, DEFAULTS.get(name, {}))
    ours, _ = value_and_derivative(name)
    assert_array_equal(np.signbit(ours(x)), np.signbit(theirs))


@each_name
def test_raises_no_floating_point_error(name):
    x = np.array([-INF, -MAX, -800, -TINY, -0.0, TINY, 800, MAX, INF, NAN])
    with np.errstate(all="ignore"):
        inputs = [x, x.astype(np.float32), x.astype(np.float16)]
    for ours in value_and_derivative(name):
        for x in [*inputs, np.array([-(2**63), 2**63 - 1])]:
            # Warnings are errors in this file; this asks for the others too.
            with np.errstate(all="raise"):
                ours(x)
            with np.errstate(all="warn"):
                ours(x)


# Manners


@pytest.fixture(params=NAMES)
def functions(request):
    return value_and_derivative(request.param)


def test_float_type_and_shape_are_kept(functions):
    for dtype in ("float16", "float32", "float64", ">f8"):
        for shape in ((0,), (3, 0), (7,), (2, 3, 4)):
            for f in functions:
                y = f(np.ones(shape, dtype))
                assert type(y) is np.ndarray
                assert (y.dtype, y.shape) == (np.dtype(dtype), shape)


def test_zero_dimensions_give_a_numpy_number(functions):
    for f in functions:
        assert type(f(-1.5)) is np.float64
        assert type(f(2)) is np.float64
        assert type(f(np.array(2.0))) is np.float64
        assert type(f(np.float16(2))) is np.float16
        assert type(f(np.array(2, dtype=np.float32))) is np.float32


def test_integers_and_bools_become_float64(functions):
    for f in functions:
        for dtype in (bool, np.uint8, np.int8, np.int64):
            x = np.array([0, 1, 7, 100]).astype(dtype)
            assert f(x).dtype == np.float64
            assert_array_equal(f(x), f(x.astype(np.float64)))
        assert_array_equal(f([[-3, 5]]), f(np.array([[-3.0, 5.0]])))


def test_memory_layout_makes_no_difference(functions):
    x = np.linspace(-4, 7, 24).reshape(4, 6)
    for f in functions:
        assert_array_equal(f(x[::-2, ::3]), f(x)[::-2, ::3])
        assert_array_equal(f(np.asfortranarray(x)), f(x))


def test_input_is_left_alone(functions):
    x = np.array([-8.0, -0.5, 0.0, 0.5, 8.0])
    before = x.copy()
    for f in functions:
        y = f(x)
        assert not np.shares_memory(x, y)
        y[:] = 7
        assert_array_equal(x, before)
    x.setflags(write=False)
    for f in functions:
        assert f(x).flags.writeable


def test_prelu_takes_one_weight_for_each_channel():
    x = np.array([[-4.0, 4.0], [-4.0, 4.0]], dtype=np.float32)
    weight = np.array([[0.25], [0.5]])
    assert_array_equal(act.prelu(x, weight), [[-1, 4], [-2, 4]])
    assert_array_equal(act.prelu.derivative(x, weight), [[0.25, 1], [0.5, 1]])
    assert act.prelu(x, weight).dtype == np.float32


def test_torch_tensor_gives_numpy():
    assert type(act.relu(torch.tensor([-1.0, 1.0]))) is np.ndarray


# Errors

WANTED = "x must be real numbers of 64 bits at most, such as [-1.0, 2.5], got "


@pytest.mark.parametrize(
    ("bad", "given"),
    [
        ("a", "'a'"),
        (None, "None"),
        (1j, "1j"),
        ([1.0, None], "[1.0, None]"),
        ([[1.0], [2.0, 3.0]], "[[1.0], [2.0, 3.0]]"),
        (np.array(["a"]), "array(['a'], dtype='<U1')"),
        (np.array([1.0], object), "array([1.0], dtype=object)"),
        (np.complex64(1j), "np.complex64(1j)"),
        (torch.ones(1, requires_grad=True), "tensor([1.], ...res_grad=True)"),
    ],
)
@each_name
def test_bad_x(name, bad, given):
    for f in value_and_derivative(name):
        with pytest.raises(TypeError) as caught:
            f(bad)
        assert str(caught.value) == WANTED + given


@pytest.mark.skipif(
    np.longdouble(0).itemsize == 8, reason="no longer float than float64"
)
def test_long_floats_are_refused():
    with pytest.raises(TypeError, match="of 64 bits at most"):
        act.relu(np.longdouble("1e4000"))


SLOPE = "negative_slope must be a finite real number such as 0.01, got "
BETA = "beta must be a finite positive number such as 1.0, got "
WEIGHT = (
    "weight must be a finite real number such as 0.25, or an array of "
    "them that broadcasts to (2,), got "
)


@pytest.mark.parametrize(
    ("name", "bad", "error", "message"),
    [
        ("leaky_relu", "a", TypeError, SLOPE + "'a'"),
        ("leaky_relu", None, TypeError, SLOPE + "None"),
        ("leaky_relu", True, TypeError, SLOPE + "True"),
        ("leaky_relu", NAN, ValueError, SLOPE + "nan"),
        ("leaky_relu", INF, ValueError, SLOPE + "inf"),
        ("leaky_relu", [0.1, 0.2], ValueError, SLOPE + "shape (2,)"),
        (
            "elu",
            1j,
            TypeError,
            "alpha must be a finite real number such as 1.0, got 1j",
        ),
        (
            "swish",
            "a",
            TypeError,
            "beta must be a finite real number such as 1.0, got 'a'",
        ),
        ("softplus", 0, ValueError, BETA + "0"),
        ("softplus", -1.0, ValueError, BETA + "-1.0"),
        ("softplus", None, TypeError, BETA + "None"),
        ("prelu", "a", TypeError, WEIGHT + "'a'"),
        ("prelu", False, TypeError, WEIGHT + "False"),
        ("prelu", [0.1, NAN], ValueError, WEIGHT + "[0.1, nan]"),
        ("prelu", [0.1, 0.2, 0.3], ValueError, WEIGHT + "shape (3,)"),
        # It broadcasts with x, but the result would not have the shape of x.
        ("prelu", [[0.1], [0.2]], ValueError, WEIGHT + "shape (2, 1)"),
        (
            "gelu",
            "x",
            ValueError,
            "approximate must be one of none, tanh, got 'x'",
        ),
        (
            "gelu",
            None,
            ValueError,
            "approximate must be one of none, tanh, got None",
        ),
    ],
)
def test_bad_parameter(name, bad, error, message):
    function = act.ACTIVATIONS[name]
    for f in (function, function.derivative):
        with pytest.raises(error) as caught:
            f([-1.0, 1.0], bad)
        assert str(caught.value) == message


def test_bad_call():
    call = r"; the call is prelu\(x, weight\)$"
    with pytest.raises(TypeError, match="required argument: 'weight'" + call):
        act.prelu(1.0)
    with pytest.raises(TypeError, match="keyword argument 'slope'" + call):
        act.prelu.derivative(1.0, 0.25, slope=1)


# Facts

SIDE = np.linspace(4, 30, 261)
MODERATE = np.linspace(-5, 7, 120001)
WIDE = np.concatenate([[-1e6], MODERATE, [1e6]])


@each_name
def test_fact_monotone(name):
    f, _ = value_and_derivative(name)
    assert act.ACTIVATIONS[name].monotone is bool(
        np.all(np.diff(f(WIDE)) >= 0)
    )


@each_name
def test_fact_smooth(name):
    _, derivative = value_and_derivative(name)
    # Points 1e-4 apart: a kink makes a jump that no curvature here can make.
    jump = np.max(np.abs(np.diff(derivative(MODERATE))))
    assert act.ACTIVATIONS[name].smooth is bool(jump < 1e-3)


@each_name
def test_fact_can_die(name):
    _, derivative = value_and_derivative(name)
    # Up to 30 no derivative underflows, so a zero is a zero of the formula.
    zero = [bool(np.all(derivative(side) == 0)) for side in (-SIDE, SIDE)]
    assert act.ACTIVATIONS[name].can_die is any(zero)


@each_name
def test_fact_zero_centred(name):
    f, _ = value_and_derivative(name)
    x = np.linspace(-12, 12, 24001)
    density = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
    mean = np.trapezoid(f(x) * density, x)
    assert act.ACTIVATIONS[name].zero_centred is bool(abs(mean) < 1e-6)


@each_name
def test_fact_range(name):
    f, _ = value_and_derivative(name)
    text = act.ACTIVATIONS[name].range
    for symbol, number in (("-alpha", "-1"), ("/beta", "")):
        text = text.replace(symbol, number)
    left, low, high, right = re.fullmatch(
        r"([(\[])(\S+), (\S+)([)\]])", text
    ).groups()
    for bound, bracket, end in ((low, left, np.min), (high, right, np.max)):
        extreme = end(f(WIDE))
        if np.isinf(float(bound)):
            assert np.sign(extreme) == np.sign(float(bound))
            assert abs(extreme) >= 1e4
        else:
            assert extreme == pytest.approx(float(bound), abs=5e-5)
        # A closed end is reached; an open one is only come nearer to.
        reached = end(f(MODERATE)) == extreme
        assert reached == (bracket in "[]")


@each_name
def test_fact_formula_is_latex(name):
    formula = act.ACTIVATIONS[name].formula
    assert "$" not in formula
    MathTextParser("path").parse(f"${formula}$")


def test_fact_parameters():
    learned = {f.name: f.parameters for f in act.ACTIVATIONS.values()}
    assert {name for name in NAMES if learned[name]} == {"prelu"}
    assert learned["prelu"] == ("weight",)


@each_name
def test_fact_origin(name):
    plain = name in ("identity", "sigmoid", "tanh")
    pattern = "" if plain else r"[a-z]+(19|20)\d\d"
    assert re.fullmatch(pattern, act.ACTIVATIONS[name].origin)


# Names and help


def test_teaching_order():
    assert NAMES == [
        "identity",
        "sigmoid",
        "tanh",
        "relu",
        "leaky_relu",
        "prelu",
        "elu",
        "selu",
        "gelu",
        "silu",
        "swish",
        "softplus",
        "mish",
        "hardswish",
        "relu6",
        "relu_squared",
    ]
    for name, function in act.ACTIVATIONS.items():
        assert getattr(act, name) is function
        assert function.name == name


def test_repr_shows_the_call():
    assert repr(act.relu) == "<Activation relu(x)>"
    assert repr(act.softplus) == "<Activation softplus(x, beta=1.0)>"


@pytest.mark.parametrize(
    ("name", "signature"),
    [
        ("relu", "(x)"),
        ("leaky_relu", "(x, negative_slope=0.01)"),
        ("prelu", "(x, weight)"),
        ("elu", "(x, alpha=1.0)"),
        ("gelu", "(x, approximate='none')"),
        ("swish", "(x, beta=1.0)"),
        ("softplus", "(x, beta=1.0)"),
    ],
)
def test_help_shows_signature_and_text(name, signature):
    function = act.ACTIVATIONS[name]
    assert str(inspect.signature(function)) == signature
    text = pydoc.render_doc(function, renderer=pydoc.plaintext)
    assert name + signature in text
    for line in (*function.value.__doc__.split("\n"), "float type of x"):
        assert line.strip() in text


def test_doctest_finds_every_function():
    found = {
        test.name.rpartition(".")[2]
        for test in doctest.DocTestFinder().find(act)
        if test.examples
    }
    assert found == set(NAMES)
