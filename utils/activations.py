"""Activation functions in NumPy: value, exact derivative, and known facts.

`relu(x)` is the value and `relu.derivative(x)` the derivative, for `x` of
any shape. At a kink the derivative is the one that torch's autograd gives.
"""

import inspect
import reprlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial, update_wrapper

import numpy as np
from scipy.special import ndtr

from . import arguments

# What the docstrings of all functions share, put in by `_documented`.
_X = """\
x : array_like
    Real numbers, of any shape."""
_SHARED = """\
Returns
-------
float or ndarray
    Of the shape and float type of x; integers and bools give float64. nan
    where x is nan.

Raises
------
TypeError, ValueError
    If an argument does not fit; the text names it.

Notes
-----
`derivative` takes the same arguments and returns the derivative at x.{origin}

"""


@dataclass(eq=False, repr=False)
class Activation:
    """A function's value, its derivative and what is known of it.

    Parameters
    ----------
    value, d_dx : callable
        The two formulas, for float64 `x` and checked parameters.
    formula : str
        The value in LaTeX.
    range : str
        The values that occur, with rounded decimals.
    origin : str
        BibTeX key of the paper that proposed the function, or "".
    smooth : bool
        Whether the derivative is continuous.
    monotone : bool
        Whether the value never falls.
    can_die : bool
        Whether the derivative is 0 on a half-line, so that a unit can get no
        gradient from any sample. A tiny derivative, as sigmoid's, is not 0.
    zero_centred : bool
        Whether the mean value for standard normal `x` is 0.
    parameters : tuple of str
        The names of the arguments that are learned.
    checks : dict
        A check for each parameter beside x.

    Notes
    -----
    Facts hold for the default arguments, and for PReLU's initial 0.25. With
    others ELU has a kink (alpha not 1) and PReLU can fall (weight below 0).
    """

    value: Callable
    d_dx: Callable
    formula: str
    range: str
    origin: str = ""
    smooth: bool = False
    monotone: bool = False
    can_die: bool = False
    zero_centred: bool = False
    parameters: tuple = ()
    checks: dict = field(default_factory=dict)

    def __post_init__(self):
        """Take over name, signature and docstring of the value."""
        update_wrapper(self, self.value)
        self.name = self.__name__
        self.__signature__ = inspect.signature(self.value)
        self.__doc__ = _documented(inspect.cleandoc(self.__doc__), self.origin)

    def __repr__(self):
        """Return the name and the arguments."""
        return f"<Activation {self.name}{self.__signature__}>"

    def __call__(self, *args, **kwargs):
        """Return the value at x."""
        return self._evaluate(self.value, args, kwargs)

    def derivative(self, *args, **kwargs):
        """Return the derivative at x; arguments as for the value."""
        return self._evaluate(self.d_dx, args, kwargs)

    def _evaluate(self, formula, args, kwargs):
        try:
            bound = self.__signature__.bind(*args, **kwargs)
        except TypeError as error:
            call = f"{self.name}{self.__signature__}"
            raise TypeError(f"{error}; the call is {call}") from None
        bound.apply_defaults()
        given = bound.arguments
        wanted = "real numbers of 64 bits at most, such as [-1.0, 2.5]"
        x = _floats("x", given.pop("x"), wanted)
        for name, check in self.checks.items():
            given[name] = check(name, given[name], x.shape)
        # In float64, so that float16 and float32 are rounded only once.
        x64 = x.astype(np.float64)
        with np.errstate(all="ignore"):
            result = np.where(np.isnan(x64), x64, formula(x64, **given))
            return result.astype(x.dtype)[()]


def _documented(doc, origin):
    """Return the docstring of a function with the sections of all."""
    before, examples, after = doc.partition("Examples\n--------\n")
    title = "Parameters\n----------\n"
    text, _, own = before.partition(title)
    origin = origin and f"\nProposed in `{origin}` of chapters/references.bib."
    shared = _SHARED.format(origin=origin)
    return f"{text}{title}{_X}\n{own or chr(10)}{shared}{examples}{after}"


def _floats(name, value, wanted, kinds="fiub"):
    """Return `value` as an array of floats, its own float type kept."""
    cause = None
    try:
        array = np.asarray(value)
        fits = array.dtype.kind in kinds and array.itemsize <= 8
    except (TypeError, ValueError, RuntimeError) as error:
        fits, cause = False, error
    if not fits:
        given = reprlib.repr(value)
        raise TypeError(f"{name} must be {wanted}, got {given}") from cause
    return array if array.dtype.kind == "f" else array.astype(np.float64)


def _number(name, value, shape, example, low=-np.inf, many=False):
    """Return a parameter as finite float64 above `low`."""
    positive = "positive" if low == 0 else "real"
    wanted = f"a finite {positive} number such as {example}"
    if many:
        wanted += f", or an array of them that broadcasts to {shape}"
    array = _floats(name, value, wanted, kinds="fiu").astype(np.float64)
    if not np.all(np.isfinite(array) & (array > low)):
        given = reprlib.repr(value)
        raise ValueError(f"{name} must be {wanted}, got {given}")
    try:
        return np.broadcast_to(array, shape if many else ())
    except ValueError:
        given = f"shape {array.shape}"
        raise ValueError(f"{name} must be {wanted}, got {given}") from None


def _gelu_form(name, value, shape):
    return arguments.choice(name, value, {"none": "none", "tanh": "tanh"})


def _times(x, gate):
    """Return x * gate; a closed gate (0) stops even an infinite x."""
    return np.where(gate == 0, 0, x * gate)


@partial(
    Activation,
    formula="x",
    range="(-inf, inf)",
    d_dx=np.ones_like,
    smooth=True,
    monotone=True,
    zero_centred=True,
)
def identity(x):
    """Return x unchanged: a layer without activation, for comparison.

    Examples
    --------
    >>> identity([-3, 5])
    array([-3.,  5.])
    """
    return x


@partial(
    Activation,
    formula=r"\frac{1}{1 + e^{-x}}",
    range="(0, 1)",
    d_dx=lambda x: sigmoid(x) * sigmoid(-x),
    smooth=True,
    monotone=True,
)
def sigmoid(x):
    """Squeeze x into (0, 1).

    The derivative is sigmoid(x) * (1 - sigmoid(x)). The second factor is
    sigmoid(-x), which keeps its digits where x is large.

    Examples
    --------
    >>> sigmoid([-800, 0])
    array([0. , 0.5])
    """
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


@partial(
    Activation,
    formula=r"\tanh x",
    range="(-1, 1)",
    d_dx=lambda x: np.cosh(x) ** -2.0,
    smooth=True,
    monotone=True,
    zero_centred=True,
)
def tanh(x):
    """Squeeze x into (-1, 1).

    The derivative is 1 - tanh(x)**2. This is 1 / cosh(x)**2, which keeps
    its digits where x is large.

    Examples
    --------
    >>> tanh([-800, 0])
    array([-1.,  0.])
    """
    return np.tanh(x)


@partial(
    Activation,
    formula=r"\max(x, 0)",
    range="[0, inf)",
    d_dx=lambda x: x > 0,
    origin="fukushima1969",
    monotone=True,
    can_die=True,
)
def relu(x):
    """Return max(x, 0): let positive numbers pass and stop the others.

    The derivative at 0 is 0. As in torch, relu(-0.0) is -0.0.

    Examples
    --------
    >>> relu([-3, 0, 5])
    array([0., 0., 5.])
    """
    # Which zero np.maximum(-0.0, 0) returns depends on the processor.
    return np.where(x == 0, x, np.maximum(x, 0))


@partial(
    Activation,
    formula=r"\max(x, 0) + a \min(x, 0)",
    range="(-inf, inf)",
    d_dx=lambda x, negative_slope: np.where(x > 0, 1, negative_slope),
    origin="maas2013",
    monotone=True,
    checks={"negative_slope": partial(_number, example=0.01)},
)
def leaky_relu(x, negative_slope=0.01):
    """Return x where positive, else negative_slope * x.

    The derivative at 0 is negative_slope.

    Parameters
    ----------
    negative_slope : float
        The slope for negative x.

    Examples
    --------
    >>> leaky_relu([-3, 5])
    array([-0.03,  5.  ])
    """
    return np.where(x > 0, x, _times(x, negative_slope))


@partial(
    Activation,
    formula=r"\max(x, 0) + w \min(x, 0)",
    range="(-inf, inf)",
    d_dx=lambda x, weight: np.where(x > 0, 1, weight),
    origin="he2015",
    monotone=True,
    parameters=("weight",),
    checks={"weight": partial(_number, example=0.25, many=True)},
)
def prelu(x, weight):
    """Return x where positive, else weight * x, with a learned weight.

    The weight is a number, or an array that broadcasts to the shape of x.
    The derivative is that with respect to x; at 0 it is weight.

    Parameters
    ----------
    weight : array_like
        The learned slope for negative x: a number, or an array that
        broadcasts to the shape of x.

    Examples
    --------
    >>> prelu([-4, -4, 4], weight=[0.25, 0.5, 0.5])
    array([-1., -2.,  4.])
    """
    return np.where(x > 0, x, _times(x, weight))


@partial(
    Activation,
    formula=r"\max(x, 0) + \alpha (e^{\min(x, 0)} - 1)",
    range="(-alpha, inf)",
    d_dx=lambda x, alpha: np.where(x > 0, 1, alpha * np.exp(x)),
    origin="clevert2016",
    smooth=True,
    monotone=True,
    checks={"alpha": partial(_number, example=1.0)},
)
def elu(x, alpha=1.0):
    """Return x where positive, else alpha * (exp(x) - 1).

    The derivative at 0 is alpha.

    Parameters
    ----------
    alpha : float
        Minus the limit for very negative x.

    Examples
    --------
    >>> elu([-800, 5])
    array([-1.,  5.])
    """
    return np.where(x > 0, x, alpha * np.expm1(x))


# They keep mean 0 and variance 1: Klambauer et al. 2017, equation 14.
_ALPHA = 1.6732632423543772848170429916717
_LAMBDA = 1.0507009873554804934193349852946


@partial(
    Activation,
    range="(-1.7581, inf)",
    formula=r"\lambda (\max(x, 0) + \alpha (e^{\min(x, 0)} - 1))",
    d_dx=lambda x: _LAMBDA * elu.derivative(x, _ALPHA),
    origin="klambauer2017",
    monotone=True,
    zero_centred=True,
)
def selu(x):
    """Return lambda * elu(x, alpha), lambda = 1.0507 and alpha = 1.6733.

    The derivative at 0 is lambda * alpha, the one from the left.

    Examples
    --------
    >>> selu([-800, 1])
    array([-1.75809934,  1.05070099])
    """
    return _LAMBDA * elu(x, _ALPHA)


def _gelu_derivative(x, approximate):
    if approximate == "tanh":
        z = np.sqrt(8 / np.pi) * (x + 0.044715 * x**3)
        dz_dx = np.sqrt(8 / np.pi) * (1 + 3 * 0.044715 * x**2)
        return sigmoid(z) + _times(x, _times(dz_dx, sigmoid.derivative(z)))
    return ndtr(x) + _times(x, np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi))


@partial(
    Activation,
    formula=r"x \, \Phi(x)",
    range="[-0.1700, inf)",
    d_dx=_gelu_derivative,
    origin="hendrycks2016",
    smooth=True,
    checks={"approximate": _gelu_form},
)
def gelu(x, approximate="none"):
    """Return x * Phi(x), with the normal distribution function Phi.

    With approximate="tanh", Phi(x) is replaced by (1 + tanh(z / 2)) / 2,
    z = sqrt(8 / pi) * (x + 0.044715 * x**3). This is sigmoid(z), which
    keeps its digits where z is very negative.

    Parameters
    ----------
    approximate : {"none", "tanh"}
        Whether Phi is exact or written with tanh.

    Examples
    --------
    >>> gelu([-1, 0, 1])
    array([-0.15865525,  0.        ,  0.84134475])
    """
    if approximate == "tanh":
        return _times(x, sigmoid(np.sqrt(8 / np.pi) * (x + 0.044715 * x**3)))
    return _times(x, ndtr(x))


@partial(
    Activation,
    formula=r"x \, \sigma(x)",
    range="[-0.2785, inf)",
    d_dx=lambda x: sigmoid(x) + _times(x, sigmoid.derivative(x)),
    origin="elfwing2018",
    smooth=True,
)
def silu(x):
    """Return x * sigmoid(x).

    Examples
    --------
    >>> silu([-1, 0, 1])
    array([-0.26894142,  0.        ,  0.73105858])
    """
    return _times(x, sigmoid(x))


@partial(
    Activation,
    formula=r"x \, \sigma(\beta x)",
    range="[-0.2785/beta, inf)",
    d_dx=lambda x, beta: silu.derivative(_times(x, beta)),
    origin="ramachandran2017",
    smooth=True,
    checks={"beta": partial(_number, example=1.0)},
)
def swish(x, beta=1.0):
    """Return x * sigmoid(beta * x), which is silu(x) where beta is 1.

    Parameters
    ----------
    beta : float
        How steep the gate is; 1 makes it silu.

    Examples
    --------
    >>> swish([-1, 0, 1], beta=0)
    array([-0.5,  0. ,  0.5])
    """
    return _times(x, sigmoid(_times(x, beta)))


@partial(
    Activation,
    formula=r"\frac{1}{\beta} \ln(1 + e^{\beta x})",
    range="(0, inf)",
    d_dx=lambda x, beta: sigmoid(beta * x),
    origin="dugas2001",
    smooth=True,
    monotone=True,
    checks={"beta": partial(_number, example=1.0, low=0)},
)
def softplus(x, beta=1.0):
    """Return log(1 + exp(beta * x)) / beta: relu with a rounded corner.

    Where beta * x > 20, torch returns x; this is exact there too.

    Parameters
    ----------
    beta : float
        How sharp the corner is; positive.

    Examples
    --------
    >>> softplus([-800, 0, 8])
    array([0.        , 0.69314718, 8.00033541])
    """
    corner = np.log1p(np.exp(-np.abs(beta * x))) / beta
    return np.maximum(x, 0) + corner


@partial(
    Activation,
    formula=r"x \tanh(\ln(1 + e^x))",
    range="[-0.3088, inf)",
    d_dx=lambda x: (
        tanh(softplus(x))
        + _times(x, tanh.derivative(softplus(x)) * softplus.derivative(x))
    ),
    origin="misra2020",
    smooth=True,
)
def mish(x):
    """Return x * tanh(softplus(x)).

    Examples
    --------
    >>> mish([-1, 0, 1])
    array([-0.30340146,  0.        ,  0.86509839])
    """
    return _times(x, tanh(softplus(x)))


@partial(
    Activation,
    formula=r"x \min(\max(x + 3, 0), 6) / 6",
    range="[-0.3750, inf)",
    d_dx=lambda x: np.where(x <= -3, 0, np.where(x < 3, x / 3 + 0.5, 1)),
    origin="howard2019",
    can_die=True,
)
def hardswish(x):
    """Return x * relu6(x + 3) / 6: silu with a gate of straight lines.

    The derivative at -3 is 0 and at 3 it is 1.

    Examples
    --------
    >>> hardswish([-3, -1.5, 3])
    array([ 0.   , -0.375,  3.   ])
    """
    return _times(x, relu6(x + 3) / 6)


@partial(
    Activation,
    formula=r"\min(\max(x, 0), 6)",
    range="[0, 6]",
    d_dx=lambda x: (x > 0) & (x < 6),
    origin="krizhevsky2010",
    monotone=True,
    can_die=True,
)
def relu6(x):
    """Return min(max(x, 0), 6). The derivative at 0 and at 6 is 0.

    Examples
    --------
    >>> relu6([-3, 5, 8])
    array([0., 5., 6.])
    """
    return np.minimum(relu(x), 6)


@partial(
    Activation,
    formula=r"\max(x, 0)^2",
    range="[0, inf)",
    d_dx=lambda x: 2 * relu(x),
    origin="so2021",
    smooth=True,
    monotone=True,
    can_die=True,
)
def relu_squared(x):
    """Return max(x, 0)**2.

    Examples
    --------
    >>> relu_squared([-3, 5])
    array([ 0., 25.])
    """
    return relu(x) ** 2


ACTIVATIONS = {
    f.name: f
    for f in (
        identity,
        sigmoid,
        tanh,
        relu,
        leaky_relu,
        prelu,
        elu,
        selu,
        gelu,
        silu,
        swish,
        softplus,
        mish,
        hardswish,
        relu6,
        relu_squared,
    )
}
