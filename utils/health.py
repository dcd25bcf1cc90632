"""What each activation layer of a torch model does, and what is wrong there.

`report(model, x)` says it of anybody's nn.Module; `measure` gives the numbers
alone. This file needs Python, NumPy and torch, and nothing else of the book.

The words, each defined on the data that were given, for one unit:

* slope: the derivative of the activation function at the unit's
  pre-activation z.
* dead: the slope is exactly 0 on all data, so no sample sends the unit a
  gradient. always-on: the slope is the same, not 0, on all data, so there
  the unit is linear. constant: the output is the same on all data.

The signs of the outputs do not tell: a Leaky ReLU or ELU unit with negative
outputs still gets a gradient, a saturated sigmoid with positive ones does not.

For one layer:

* exact-zero fraction: the share of its outputs, samples times units, that
  are exactly 0.
* gradient norm: the norm of the gradient of the loss with respect to the
  layer's pre-activations, over the whole batch.
* cosine: the mean cosine of the angle between the activations of two
  different samples. Near 1, the layer hardly tells its inputs apart.
* non-finite fraction: the share of its pre-activations that are nan or
  infinite. A unit with one of them is not dead, always-on or constant.
* saturated fraction: for sigmoid, tanh and their relatives Hardsigmoid,
  Hardtanh and Softsign, which are flat at both ends, the share of its
  pre-activations at which the slope is below 1 % of the function's largest.
  It is 0 for all others, and for ReLU6, which is flat at both ends but made
  to be so below 0, as ReLU is.
"""

import re
import textwrap
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from html import escape
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.autograd.graph import get_gradient_edge
from torch.nn.modules.conv import _ConvNd
from torch.nn.parameter import is_lazy
from torch.overrides import TorchFunctionMode

# The modules that map each number on its own, and so have a slope. Add a
# class of your own: health.ACTIVATION_MODULES.add(MyReLU).
ACTIVATION_MODULES = {
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
    nn.Threshold,
}
# torch's functions of the same names leave no module to measure.
_FUNCTIONS = {module.__name__.lower() for module in ACTIVATION_MODULES}
# The largest slopes of the functions that are flat at both ends, not ReLU6.
_LARGEST_SLOPES = {
    "hardsigmoid": 1 / 6,
    "hardtanh": 1,
    "sigmoid": 1 / 4,
    "softsign": 1,
    "tanh": 1,
}


# --- the words ---


def dead(slope):
    """Return which units are dead.

    Parameters
    ----------
    slope : ndarray or Tensor (..., samples, units)
        The slopes at the pre-activations.

    Returns
    -------
    ndarray or Tensor of bool (..., units)
        Whether the slope is 0 on all samples.

    Examples
    --------
    >>> dead(np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 1.0]])).tolist()
    [True, False, False]
    """
    return (slope == 0).all(-2)


def always_on(slope):
    """Return which units are always on.

    Parameters
    ----------
    slope : ndarray or Tensor (..., samples, units)
        The slopes at the pre-activations.

    Returns
    -------
    ndarray or Tensor of bool (..., units)
        Whether the slope is the same on all samples, and not 0.

    Examples
    --------
    >>> always_on(np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 1.0]])).tolist()
    [False, False, True]
    """
    return (slope == slope[..., :1, :]).all(-2) & (slope[..., 0, :] != 0)


def constant(activations):
    """Return which units are constant.

    Parameters
    ----------
    activations : ndarray or Tensor (..., samples, units)
        The outputs of the units.

    Returns
    -------
    ndarray or Tensor of bool (..., units)
        Whether the output is the same on all samples.

    Examples
    --------
    >>> constant(np.array([[0.0, 0.0, 3.0], [0.0, 2.0, 3.0]])).tolist()
    [True, False, True]
    """
    return (activations == activations[..., :1, :]).all(-2)


# --- what is measured ---


@dataclass(eq=False, repr=False)
class Layer:
    """Hold what one activation did in one forward and backward pass.

    The words are those of the module's docstring. The leading axes "..." are
    those of many networks that were measured at once; one module has none.

    Attributes
    ----------
    name : str
        The module's place in the model; "relu (call 2)" when one module is
        used again.
    activation : str
        The type of the module.
    dead, always_on, constant : ndarray of bool (..., units)
        Which units are so.
    zero_fraction, nonfinite_fraction, saturated_fraction : ndarray (...)
        Shares of the layer's numbers, from 0 to 1.
    gradient_norm, cosine : ndarray (...)
        Of the whole layer.
    is_output : bool
        Whether the outputs are the model's own.
    """

    name: str
    activation: str
    dead: np.ndarray
    always_on: np.ndarray
    constant: np.ndarray
    zero_fraction: np.ndarray
    nonfinite_fraction: np.ndarray
    saturated_fraction: np.ndarray
    gradient_norm: np.ndarray
    cosine: np.ndarray
    is_output: bool = False

    def __repr__(self):
        """Return the name and the shares of the units."""
        return (
            f"Layer({self.name}, {self.activation}, "
            f"{self.dead.shape[-1]} units: {self.dead.mean():.1%} dead, "
            f"{self.always_on.mean():.1%} always on, "
            f"{self.constant.mean():.1%} constant)"
        )

    @classmethod
    def from_tensors(cls, name, activation, z, a, slope, gradient):
        """Measure a layer by what went through it.

        Parameters
        ----------
        name, activation : str
            Those of the layer.
        z : Tensor (..., samples, positions, units)
            The pre-activations.
        a : Tensor (..., samples, positions, units)
            The activations.
        slope : Tensor (..., samples, positions, units)
            The slopes at z.
        gradient : Tensor (..., samples, positions, units)
            The gradient of the loss with respect to z.

        Returns
        -------
        Layer
            In float64, whatever the type of the tensors.
        """
        z, a, slope, gradient = (
            t.detach().cpu().double() for t in (z, a, slope, gradient)
        )
        largest = _LARGEST_SLOPES.get(activation.lower(), 0)
        # nan equals nothing: it makes a unit neither dead nor anything else.
        broken = ~z.isfinite()
        slope, outputs = (
            t.masked_fill(broken, torch.nan).flatten(-3, -2)
            for t in (slope, a)
        )
        measured = {
            "dead": dead(slope),
            "always_on": always_on(slope),
            "constant": constant(outputs),
            "zero_fraction": (a == 0).double().mean((-3, -2, -1)),
            "nonfinite_fraction": broken.double().mean((-3, -2, -1)),
            "saturated_fraction": (
                (slope.abs() < largest / 100).double().mean((-2, -1))
            ),
            "gradient_norm": _norm(gradient.flatten(-3)).squeeze(-1),
            "cosine": _mean_cosine(a.flatten(-2)),
        }
        return cls(
            name, activation, **{k: t.numpy()[()] for k, t in measured.items()}
        )


def measure(model, x, loss=None, *, stacklevel=2):
    """Measure every activation of a model in one forward and backward pass.

    Parameters
    ----------
    model : Module
        An nn.Module whose activations are modules. A module is an activation
        if it maps each number on its own, as nn.ReLU does and nn.Softmax does
        not; nn.Identity is none. It runs in the mode it is in, training or
        evaluation.
    x : Tensor
        What the model takes, with the samples along its first axis.
    loss : callable, optional
        A function of the model's output that returns one number, for the
        gradient norm. By default `mean_squared_output`.
    stacklevel : int
        As of warnings.warn: whom the warning points to. A function that
        calls this one for its own caller gives 3.

    Returns
    -------
    list of Layer
        In the order of their calls.

    Raises
    ------
    TypeError
        If `model` is no module, `x` no tensor, or the loss not one number.
    ValueError
        If `x` has no sample or lies on another device, or if the model has
        lazy layers without weights, or ran no activation module.
    RuntimeError
        If model(x) fails.

    Warns
    -----
    UserWarning
        If the model calls functional activations (F.relu, torch.tanh, ...),
        which leave no module to measure; it names them. Those written as a
        clamp or where go unnoticed.

    Notes
    -----
    A unit is a channel after a convolution, since all positions share its
    weights: a dead one has slope 0 at all positions of all samples. After
    nn.Linear it is an entry of the last axis, so that the tokens of a
    transformer count like samples. The layer with weights that ran last
    decides; before any, it is the channel for four axes and more. For the
    cosine all positions of a sample make one vector; samples whose vector is
    0 are left out, and with fewer than two others it is nan, as it is where
    the activation's first axis does not run over the samples.

    The gradient norm is nan where autograd sends a layer no gradient, since
    the output does not use it or the model cuts the graph.

    The model's mode, parameters, gradients, buffers and hooks, and torch's
    random state, are left as they were.

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(1, 2), nn.ReLU())
    >>> with torch.no_grad():
    ...     _ = model[0].weight.copy_(torch.tensor([[1.0], [2.0]]))
    ...     _ = model[0].bias.copy_(torch.tensor([5.0, -5.0]))
    >>> measure(model, torch.tensor([[-1.0], [0.0], [1.0]]))
    [Layer(1, ReLU, 2 units: 50.0% dead, 50.0% always on, 50.0% constant)]
    """
    _check(model, x)
    loss = loss or mean_squared_output
    with (
        torch.inference_mode(False),
        torch.enable_grad(),
        _left_alone(model, x),
    ):
        output, recorder = _recorded(model, x)
        functions = ", ".join(
            f"{name} (calls: {count})"
            for name, count in recorder.functions.items()
        )
        if not recorder.calls:
            raise ValueError(
                "the model ran no activation module such as nn.ReLU()"
                + (
                    f"; make modules of its functions {functions}"
                    if functions
                    else ""
                )
            )
        if functions:
            warnings.warn(
                "not measured, since functions leave no module: " + functions,
                stacklevel=stacklevel,
            )
        gradients = _gradients(
            loss(output), [call.edge for call in recorder.calls]
        )
        found = [
            _layer(call, gradient, len(x))
            for call, gradient in zip(recorder.calls, gradients)
        ]
    last = recorder.calls[-1].a
    found[-1].is_output = isinstance(output, torch.Tensor) and torch.equal(
        output.detach().flatten().to(last), last.flatten()
    )
    return found


def mean_squared_output(output):
    """Return the mean of the squared outputs, a loss that needs no labels.

    Parameters
    ----------
    output : Tensor
        What the model returned.

    Returns
    -------
    Tensor
        One number.

    Raises
    ------
    TypeError
        If the model returned something else.

    Examples
    --------
    >>> mean_squared_output(torch.tensor([1.0, 3.0]))
    tensor(5.)
    """
    if not isinstance(output, torch.Tensor):
        raise TypeError(
            f"the model returns a {type(output).__name__}: give a loss, such "
            "as loss=lambda output: output[0].square().mean()"
        )
    return output.square().mean()


def check_samples(x):
    """Insist on one sample at least.

    Parameters
    ----------
    x : Tensor
        Samples along the first axis.

    Raises
    ------
    ValueError
        If there is none.
    """
    if x.ndim == 0 or x.numel() == 0:
        raise ValueError(
            "x must hold at least one sample along its first "
            f"axis, got shape {tuple(x.shape)}"
        )


def _check(model, x):
    if not isinstance(model, nn.Module):
        raise TypeError(
            "model must be an nn.Module, such as "
            f"result.network(seed, rate), got {type(model).__name__}"
        )
    if not isinstance(x, torch.Tensor):
        raise TypeError(
            "x must be a tensor such as torch.as_tensor(data), "
            f"got {type(x).__name__}"
        )
    check_samples(x)
    if any(map(is_lazy, [*model.parameters(), *model.buffers()])):
        raise ValueError(
            "model has lazy layers without weights yet: call it "
            "once, as model(x)"
        )
    devices = {p.device for p in model.parameters()}
    if devices and x.device not in devices:
        raise ValueError(
            "x must be on the model's device, such as "
            f"x.to('{devices.pop()}'), got one on {x.device}"
        )


@contextmanager
def _left_alone(model, x):
    """Put the model's buffers and torch's random state back at the end."""
    buffers = [
        (module, name, buffer, buffer.clone())
        for module in model.modules()
        for name, buffer in module.named_buffers(recurse=False)
    ]
    devices = {
        tensor.device.index
        for tensor in (x, *model.parameters())
        if tensor.is_cuda
    }
    try:
        with torch.random.fork_rng(devices):
            yield
    finally:
        for module, name, buffer, value in buffers:
            # Any write would spoil a graph that the caller still holds.
            if not torch.equal(buffer, value):
                buffer.copy_(value)
            setattr(module, name, buffer)


def _recorded(model, x):
    """Return the model's output and the recorder of its calls."""
    given = x.detach().clone()
    if given.is_floating_point():
        # A copy of it, since no module may overwrite a leaf of the graph.
        given = given.requires_grad_().clone()
    try:
        with _Recorder(model) as recorder:
            return model(given), recorder
    except Exception as error:
        raise RuntimeError(
            f"model(x) failed for x of shape {tuple(x.shape)} and type "
            f"{x.dtype}: {error}"
        ) from error


def _gradients(number, edges):
    """Return the gradient at each edge of the graph, None where is none."""
    if not isinstance(number, torch.Tensor) or number.numel() != 1:
        raise TypeError(
            "loss must return one number as a tensor, such as "
            "output.square().mean(), got "
            f"{getattr(number, 'shape', number)}"
        )
    # With the 0, a number without a graph gives None for each as well.
    return torch.autograd.grad(
        number.sum() + torch.zeros((), requires_grad=True),
        edges,
        allow_unused=True,
    )


def _layer(call, gradient, samples):
    """Return the Layer of one call."""
    if gradient is None:
        gradient = torch.full_like(call.z, torch.nan)
    layer = Layer.from_tensors(
        call.name,
        call.activation,
        *(
            _by_unit(t, call.axis)
            for t in (call.z, call.a, call.slope, gradient)
        ),
    )
    if call.z.shape[:1] != (samples,):
        layer.cosine = np.float64(np.nan)
    return layer


@dataclass
class _Call:
    """Hold one call of an activation module: the graph's edge to z, and z.

    `axis` is the axis of the units, None before any layer with weights.
    """

    name: str
    activation: str
    axis: int | None
    edge: tuple
    z: torch.Tensor
    a: torch.Tensor | None = None
    slope: torch.Tensor | None = None


class _Recorder(TorchFunctionMode):
    """Record each call of a model's activation modules, by hooks.

    As a mode it counts the calls of functional activations.
    """

    def __init__(self, model):
        super().__init__()
        self.calls, self.seen, self.functions = [], Counter(), Counter()
        self.inside, self.axis = False, None
        self.hooks = ExitStack()
        add = self.hooks.enter_context
        for name, module in model.named_modules():
            if isinstance(module, tuple(ACTIVATION_MODULES)):
                add(
                    module.register_forward_pre_hook(
                        partial(self.before, name or type(module).__name__),
                        with_kwargs=True,
                    )
                )
                add(module.register_forward_hook(self.after))
            elif isinstance(module, (nn.Linear, _ConvNd)):
                add(module.register_forward_hook(self.weighted))

    def __exit__(self, *error):
        self.hooks.close()
        return super().__exit__(*error)

    def __torch_function__(self, function, types, args=(), kwargs=None):
        name = getattr(function, "__name__", "")
        if not self.inside and name.replace("_", "") in _FUNCTIONS:
            self.functions[name] += 1
        return function(*args, **kwargs or {})

    def weighted(self, module, args, output):
        self.axis = -1 if isinstance(module, nn.Linear) else 1

    def before(self, name, module, args, kwargs):
        (z,) = args or kwargs.values()
        self.inside = True
        self.seen[name] += 1
        if self.seen[name] > 1:
            name += f" (call {self.seen[name]})"
        in_graph = torch.is_grad_enabled()
        with torch.enable_grad():
            if not z.requires_grad:
                z = z.detach().requires_grad_().clone()
            # Both are taken now, since the module may overwrite z.
            edge = get_gradient_edge(z if in_graph else z.clone())
            value = z.detach().clone().requires_grad_()
        self.calls.append(
            _Call(name, type(module).__name__, self.axis, edge, value)
        )
        return ((z if in_graph else z.detach()),), {}

    @torch.enable_grad()
    def after(self, module, args, output):
        call = self.calls[-1]
        call.a = output.detach().clone()
        again = module.forward(call.z.clone())
        (call.slope,) = torch.autograd.grad(again.sum(), call.z)
        self.inside = False


def _by_unit(tensor, axis):
    """Return it as (samples, positions, units)."""
    if tensor.ndim < 2:
        return tensor.reshape(-1, 1, 1)
    axis = axis or (1 if tensor.ndim > 3 else -1)
    return tensor.movedim(axis, -1).unsqueeze(1).flatten(1, -2)


def _norm(vectors):
    """Return the norm over the last axis, of any numbers in range."""
    largest = vectors.abs().amax(-1, keepdim=True)
    largest = largest.where(largest != 0, 1)
    return largest * (vectors / largest).norm(dim=-1, keepdim=True)


def _mean_cosine(vectors):
    """Return the mean cosine of all pairs that are not 0, (..., N, size)."""
    norms = _norm(vectors)
    count = (norms != 0).sum((-2, -1))
    total = (vectors / norms.where(norms != 0, 1)).sum(-2).square().sum(-1)
    pairs = torch.where(count > 1, count * (count - 1), torch.nan)
    return (total - count) / pairs


# --- what is wrong ---

# Among fewer samples chance alone makes units dead or always on.
_MANY = 20


class Rule(NamedTuple):
    """Hold what is a fault in a layer, and what to say of it.

    Attributes
    ----------
    chapter : str
        The file of the book's chapter on it.
    measure : callable
        A function of a Layer that returns a number, 0 for an exempt layer.
    limit : float
        Above it the number is a fault.
    problem : str
        A sentence with a place for the number.
    remedy : str
        A sentence on what may help.
    disturbs_gradient : bool
        Whether the gradient norms behind or before it say nothing.
    needs_many_samples : bool
        Whether chance alone breaks the rule among few samples.
    """

    chapter: str
    measure: Callable
    limit: float
    problem: str
    remedy: str
    disturbs_gradient: bool = False
    needs_many_samples: bool = False


def _dead_share(layer):
    # Where samples look alike, about as many units are always on. But where
    # few units are left, samples look alike because of that.
    share = layer.dead.mean()
    counts = share >= 3 / 4 or (
        share > 3 * layer.always_on.mean() and not layer.cosine > 0.9
    )
    return share * counts


def _likeness(layer):
    # Where f(0) is not 0, outputs look alike though the inputs need not.
    counts = (
        layer.dead.size > 1
        and not layer.constant.all()
        and layer.activation.lower()
        not in ("hardsigmoid", "logsigmoid", "sigmoid", "softplus")
    )
    return layer.cosine * counts


def _always_on_share(layer):
    counts = not layer.is_output and not layer.constant.all()
    return layer.always_on.mean() * counts


# A layer has the first fault that fits. Why at these limits: see `report`.
RULES = (
    Rule(
        chapter="05_exploding_gradients",
        measure=lambda layer: layer.nonfinite_fraction,
        limit=0,
        problem="{} of the pre-activations are nan or infinite.",
        remedy="Check the inputs; start anew with a smaller learning rate or "
        "clipping.",
        disturbs_gradient=True,
    ),
    Rule(
        chapter="03_sigmoid_tanh",
        measure=lambda layer: layer.saturated_fraction * (not layer.is_output),
        limit=1 / 2,
        problem="{} of the pre-activations are saturated: the slope is nearly "
        "0.",
        remedy="Standardise the inputs, or take smaller weights or a smaller "
        "rate.",
        disturbs_gradient=True,
    ),
    Rule(
        chapter="07_dying_relu",
        measure=lambda layer: layer.dead.all(),
        limit=1 / 2,
        problem="All units are dead: no gradient passes, for any of the "
        "samples.",
        remedy="Start anew with He's weights, biases of 0 and a smaller "
        "learning rate.",
        disturbs_gradient=True,
    ),
    Rule(
        chapter="07_dying_relu",
        measure=_dead_share,
        limit=1 / 3,
        problem="{} of the units are dead: no sample sends them a gradient.",
        remedy="Start anew with a smaller learning rate, clipping, centred "
        "inputs or batch norm; Leaky ReLU alone keeps units alive but hardly "
        "helps.",
        needs_many_samples=True,
    ),
    Rule(
        chapter="07_dying_relu",
        measure=_likeness,
        limit=0.9999,
        problem="The samples look alike: the cosine of their activations is "
        "near 1.",
        remedy="Centre the inputs, fit the weight scale to the function "
        "(He's for ReLU), set the biases to 0, or add batch norm.",
    ),
    Rule(
        chapter="02_nonlinearity",
        measure=_always_on_share,
        limit=0.9,
        problem="{} of the units are always on: the layer is as good as "
        "linear.",
        remedy="Set the biases to 0, centre the inputs or add batch norm.",
        needs_many_samples=True,
    ),
)


class Finding(NamedTuple):
    """Hold a fault that was found.

    Attributes
    ----------
    layer : str
        The names of the layers.
    problem : str
        A sentence on what is wrong.
    remedy : str
        A sentence on what may help.
    chapter : str
        The file of the book's chapter on it.
    """

    layer: str
    problem: str
    remedy: str
    chapter: str


_TITLES = (
    "layer",
    "type",
    "units",
    "dead",
    "always on",
    "exact zeros",
    "saturated",
    "gradient norm",
    "cosine",
)
_literal = partial(re.sub, r"([^\w\s.(),]|_)", r"\\\1")


@dataclass(eq=False, repr=False)
class HealthReport:
    """Hold what was measured in a model and what is wrong with it.

    It shows as a table, and below it the findings. The columns: name, type
    and number of units; the shares of dead and of always-on ("on") units;
    the exact-zero and the saturated ("flat") fraction; the gradient norm and
    the cosine.

    Attributes
    ----------
    layers : list of Layer
        The layers in the order of their calls.
    findings : list of Finding
        The faults.
    samples : int
        The number of samples, 1 if all are equal.
    """

    layers: list
    findings: list
    samples: int

    def _rows(self, literal):
        for a in self.layers:
            shares = (
                a.dead.mean(),
                a.always_on.mean(),
                a.zero_fraction,
                a.saturated_fraction,
            )
            yield (
                literal(a.name),
                a.activation,
                str(a.dead.size),
                *map("{:.0%}".format, shares),
                f"{a.gradient_norm:.0e}",
                f"{a.cosine:.2f}",
            )

    def _sentences(self, literal, link):
        for layer, problem, remedy, chapter in self.findings:
            yield (
                f"{literal(layer)}: {problem} {remedy} "
                f"See {link.format(chapter, chapter[:2])}."
            )
        if not self.findings:
            yield (
                "No fault found: no nan, no saturated, dead or linear "
                "layer, no samples alike, no vanishing or exploding "
                "gradient."
            )
        if self.samples < _MANY:
            yield (
                f"Samples: {self.samples} (1 where all are equal). Give "
                f"{_MANY} or more: among fewer, chance alone makes units "
                "dead or always on, so these shares are not judged."
            )

    def __repr__(self):
        """Return the table and the sentences, in lines of up to 72."""
        rows = [
            (
                "layer",
                "type",
                "units",
                "dead",
                "on",
                "zero",
                "flat",
                "grad",
                "cos",
            ),
            *self._rows(lambda name: name[-18:]),
        ]
        widths = [max(map(len, column)) for column in zip(*rows)]
        lines = [
            " ".join(
                (str.rjust if i > 1 else str.ljust)(row[i], width)
                for i, width in enumerate(widths)
            )
            for row in rows
        ]
        texts = [
            textwrap.fill(text, 72)
            for text in self._sentences(str, "chapter {1}")
        ]
        return "\n\n".join(["\n".join(lines), *texts])

    def _repr_html_(self):
        head = '</th><th scope="col">'.join(_TITLES)
        rows = "".join(
            f'<tr><th scope="row">{name}</th><td>'
            + "</td><td>".join(cells)
            + "</td></tr>"
            for name, *cells in self._rows(escape)
        )
        texts = self._sentences(escape, '<a href="{0}.ipynb">chapter {1}</a>')
        return (
            "<table><caption>Health of the activation layers</caption>"
            f'<tr><th scope="col">{head}</th></tr>{rows}</table><ul><li>'
            + "</li><li>".join(texts)
            + "</li></ul>"
        )

    def _repr_markdown_(self):
        rows = [_TITLES, ["---"] * 2 + ["--:"] * 7, *self._rows(_literal)]
        lines = [f"| {' | '.join(row)} |" for row in rows]
        texts = self._sentences(_literal, "[chapter {1}]({0}.ipynb)")
        return "\n* ".join(["\n".join(lines) + "\n", *texts])


def report(model, x, loss=None):
    """Measure a model's layers, and say what is wrong and what may help.

    Parameters
    ----------
    model : Module
        An nn.Module whose activations are modules; see `measure`.
    x : Tensor
        What the model takes, with the samples along its first axis. Give 20
        different samples at least, better some hundred.
    loss : callable, optional
        A function of the model's output that returns one number, for the
        gradient norm. By default `mean_squared_output`.

    Returns
    -------
    HealthReport
        The layers and the findings.

    Raises
    ------
    TypeError, ValueError, RuntimeError
        As of `measure`.

    Warns
    -----
    UserWarning
        As of `measure`: if the model calls functional activations.

    Notes
    -----
    What it finds, and why at these limits:

    * pre-activations that are nan or infinite;
    * saturated: more than half of a layer's pre-activations; in sigmoid
      networks that trained well it was a quarter (chapter 03). Exempt: an
      activation that is the model's output;
    * all units of a layer dead;
    * more than a third of a layer's units dead, three times as many as are
      always on, at a cosine up to 0.9. Up to a quarter cost little (chapter
      07), and up to ten random layers of 16 units and more hardly reach a
      third. Or three quarters dead, at any cosine: the few units left make
      samples look alike. Exempt: all layers, if there are fewer than 20
      samples or all are equal;
    * samples that look alike: a cosine above 0.9999. Two vectors of length 1
      at this cosine are sqrt(2 (1 - 0.9999)) = 1.4 % of it apart. From
      PyTorch's start ReLU passes it in about the eighth layer (chapter 07).
      Exempt: a layer of one unit; one whose units are all constant, since a
      fault before it or equal samples make it so; and sigmoid, Hardsigmoid,
      LogSigmoid and softplus, whose outputs at 0 have a size of their own;
    * more than nine tenths of a layer's units always on. Exempt: the model's
      output, all constant layers, and all layers as under dead units;
    * a fitted gradient norm in the first layer of less than 1/100, or more
      than 100 times, that in the last. Networks with less, from PyTorch's
      start, were slow under plain gradient descent or did not learn (chapter
      04). Fitted means on a line through the logarithms of the layers' norms;
      its slope is the median over all pairs of layers (Theil 1950, Sen
      1968), so that an odd layer decides nothing. Exempt: layers whose norm
      is 0, nan or infinite, fewer than three others, and networks with one
      of the first three faults, which disturb the gradient as well.

    A layer has the first fault of these that fits, besides the last. Norms
    of whole layers are compared, since weights of variance c / fan-in
    multiply these by the same factor whatever the widths.

    Examples
    --------
    >>> _ = torch.manual_seed(0)
    >>> model = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
    >>> _ = nn.init.constant_(model[0].bias[:4], -9.0)
    >>> report(model, torch.randn(100, 2))
    layer type units dead  on zero flat  grad  cos
    1     ReLU     8  50% 12%  60%   0% 2e-02 0.86
    <BLANKLINE>
    1: 50% of the units are dead: no sample sends them a gradient. Start
    anew with a smaller learning rate, clipping, centred inputs or batch
    norm; Leaky ReLU alone keeps units alive but hardly helps. See chapter
    07.
    """
    layers = measure(model, x, loss, stacklevel=3)
    samples = len(x) if (x != x[:1]).any() else 1
    rules = [
        rule
        for rule in RULES
        if samples >= _MANY or not rule.needs_many_samples
    ]
    faults = defaultdict(list)
    for layer in layers:
        for rule in rules:
            if rule.measure(layer) > rule.limit:
                faults[rule].append(layer)
                break
    findings = [
        Finding(
            ", ".join(layer.name for layer in ill),
            rule.problem.format(
                "Up to " * (len(ill) > 1)
                + f"{max(map(rule.measure, ill)):.0%}"
            ),
            rule.remedy,
            rule.chapter,
        )
        for rule, ill in faults.items()
    ]
    if not any(rule.disturbs_gradient for rule in faults):
        findings += _gradient_findings(layers)
    return HealthReport(layers, findings, samples)


def _gradient_findings(layers):
    found = [layer for layer in layers if 0 < layer.gradient_norm < np.inf]
    logs = np.log([layer.gradient_norm for layer in found])
    i, j = np.triu_indices(len(logs), 1)
    step = np.median((logs[i] - logs[j]) / (j - i)) if len(logs) > 2 else 0
    total = step * (len(logs) - 1)
    if abs(total) > np.log(100):
        yield Finding(
            f"{found[0].name} to {found[-1].name}",
            f"Going back, the gradient {'grows' if step > 0 else 'shrinks'} "
            f"by a factor of about {np.exp(step):.2g} a layer, "
            f"{np.exp(total):.0e} in all.",
            "Fit the weight scale to the function (He's for ReLU, small in "
            "residual branches), or add batch norm.",
            "05_exploding_gradients" if step > 0 else "04_vanishing_gradients",
        )
