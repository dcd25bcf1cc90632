"""What each activation of a torch model does, and what is wrong there.

`report(model, x)` says it of anybody's nn.Module, `layers` gives the numbers
alone, and `Monitor(model)` watches a training. This file needs Python, NumPy
and torch, and nothing else of the book: copy it beside your script.

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

How an activation is seen: torch's functions are watched while the model runs
(a TorchFunctionMode). One that maps each number on its own, or a few in a row
that together do so to one tensor, is a function of that tensor, z. It is an
activation if a function is in it that torch knows as one, or a kink at 0, or
if it is all that a module does.
"""

import copy
import csv
import dataclasses
import inspect
import operator
import random
import re
import textwrap
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from html import escape
from io import BytesIO
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.autograd.graph import saved_tensors_hooks
from torch.nn.modules import module as torch_module
from torch.nn.parameter import is_lazy
from torch.overrides import TorchFunctionMode
from torch.utils import checkpoint
from torch.utils.weak import TensorWeakRef

# torch's names of the functions that are activations wherever they stand.
_ACTIVATIONS = {
    "celu",
    "elu",
    "gelu",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "leaky_relu",
    "log_sigmoid",
    "logsigmoid",
    "mish",
    "prelu",
    "relu",
    "relu6",
    "rrelu",
    "selu",
    "sigmoid",
    "silu",
    "sin",
    "softplus",
    "softshrink",
    "softsign",
    "special_expit",
    "tanh",
    "tanhshrink",
    "threshold",
}
# Those that make one of it only with a kink, or inside a module.
_KINKS = {"clamp", "clamp_max", "clamp_min", "clip", "maximum", "minimum"}
_CHOICES = {"fmax", "fmin", "masked_fill", "max", "min", "where"}
_COMPARISONS = {
    *(
        "ge",
        "greater",
        "greater_equal",
        "gt",
        "le",
        "less",
        "less_equal",
        "lt",
    ),
}
_OTHERS = {
    *("abs", "arctan", "asinh", "atan", "cos", "cosh", "erf", "erfc", "exp"),
    *("expm1", "float_power", "log", "log1p", "log2", "logaddexp", "pow"),
    *("rdiv", "reciprocal", "rpow", "rsqrt", "rtruediv", "sign", "sinh"),
    *("special_erf", "sqrt", "square"),
}
_BENDING = _ACTIVATIONS | _KINKS | _CHOICES | _COMPARISONS | _OTHERS
_SUMS = {"add", "iadd", "isub", "radd", "rsub", "sub", "subtract"}
_PRODUCTS = {
    *("div", "divide", "idiv", "imul", "itruediv", "mul", "multiply", "rmul"),
    *("true_divide", "truediv"),
}
# Neither bends nor moves a number, but for its sign.
_CASTS = {
    *("bfloat16", "clone", "contiguous", "double", "float", "half", "neg"),
    *("to", "type", "type_as"),
}
# Of these, the ones that only give an activation another shape.
_SHAPING = {"pow", "square"}
_ELEMENTWISE = _BENDING | _SUMS | _PRODUCTS | _CASTS
_IN_PLACE = {
    *("__iadd__", "__idiv__", "__imul__", "__isub__", "__itruediv__"),
    "__setitem__",
}
# They ask for nothing but a fact about a tensor, or make one like it.
_QUIET = {
    *("empty_like", "full_like", "new_empty", "new_full", "new_ones"),
    *("new_tensor", "new_zeros", "ones_like", "rand_like", "randn_like"),
    *("zeros_like",),
    *("__bool__", "__contains__", "__format__", "__len__", "__repr__", "data"),
    *("data_ptr", "dim", "element_size", "get_device", "is_complex"),
    *("is_contiguous", "is_floating_point", "is_pinned", "isfinite", "isnan"),
    *("nelement", "numel", "register_hook", "retain_grad"),
    *("size", "storage_offset", "stride"),
}
_NORMS = {
    *("batch_norm", "group_norm", "instance_norm", "layer_norm", "rms_norm"),
}
_CONVOLUTIONS = re.compile(r"conv(_transpose)?(\d)d")
_MATMULS = {"addbmm", "addmm", "baddbmm", "bmm", "matmul", "mm", "rmatmul"}
_MOVED = {"contiguous", "clone", "flatten", "reshape", "unflatten", "view"}
_SOFTMAX = {
    *("log_softmax", "softmax", "softmin", "special_log_softmax"),
    "special_softmax",
}
_FUSED = {
    *("gru", "gru_cell", "lstm", "lstm_cell", "rnn_relu", "rnn_relu_cell"),
    *("rnn_tanh", "rnn_tanh_cell"),
}
# What no hook reaches: how it is called, and how to see it.
_UNSEEN = {
    **dict.fromkeys(
        _FUSED,
        "the functions inside {}: they run as one; write the step out, with "
        "torch.sigmoid and torch.tanh, to see them",
    ),
    **dict.fromkeys(
        (*_SOFTMAX, "gumbel_softmax", "logsumexp"),
        "the softmax in {}: it maps vectors, not numbers; a hook on the "
        "module shows its outputs",
    ),
    "multi_head_attention_forward": "the softmax of the attention in {}: it "
    "maps vectors, not numbers; need_weights=True returns its outputs",
    "scaled_dot_product_attention": "the softmax of the attention in {}: it "
    "maps vectors, not numbers; written out, (q @ k.mT).softmax(-1) has it",
    "glu": "the sigmoid of the gated unit in {}: it runs inside glu; write a "
    "* torch.sigmoid(b) to see it",
    "hidden": "what {} does: torch does not show its functions; write it with "
    "torch's own to see it",
    "script": "what {} does: it is TorchScript; measure the Python module "
    "that it was made of",
}
# The largest slopes of the functions that are flat at both ends, not ReLU6.
_LARGEST_SLOPES = {
    "hardsigmoid": 1 / 6,
    "hardtanh": 1,
    "sigmoid": 1 / 4,
    "softsign": 1,
    "special_expit": 1 / 4,
    "tanh": 1,
}
# Of these torch knows the least and the largest.
_ORDERED = {
    *(torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32),
    *(torch.int64, torch.bfloat16, torch.float16, torch.float32),
    torch.float64,
}
# So many numbers are measured at once, which bounds the memory.
_CHUNK = 1 << 16


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
        The activation's place in the model: the module's, or the module's in
        which a function was called, as in "block.1.relu()"; "relu (call 2)"
        when it is used again.
    activation : str
        The type of the module, or the names of the functions.
    dead, always_on, constant : ndarray of bool (..., units)
        Which units are so.
    zero_fraction, nonfinite_fraction, saturated_fraction : ndarray (...)
        Shares of the layer's numbers, from 0 to 1.
    gradient_norm, cosine : ndarray (...)
        Of the whole layer.
    samples : int
        What each unit was judged over: samples times positions, such as
        pixels or tokens; 1 if the pre-activations are the same on all.
    is_output : bool
        Whether the outputs are the model's own.
    is_gate : bool
        Whether another tensor is multiplied by the outputs, or they lead to
        nothing but such a product.
    units_known : bool
        Whether it is known which axis holds the units.
    is_judged : bool
        Whether nothing before it makes its numbers meaningless.
    is_trained : bool
        Whether parameters that need a gradient come before it.
    is_reached : bool
        Whether autograd sent it a gradient.
    follows : tuple of str
        The names of the layers right before it, on all ways to it.
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
    samples: int = 0
    is_output: bool = False
    is_gate: bool = False
    units_known: bool = True
    is_judged: bool = True
    is_trained: bool = True
    is_reached: bool = True
    follows: tuple = ()

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
            name,
            activation,
            **{k: t.numpy()[()] for k, t in measured.items()},
            samples=z.shape[-3] * z.shape[-2],
        )


def _norm(vectors):
    """Return the norm over the last axis, of any numbers in range."""
    largest = vectors.abs().amax(-1, keepdim=True)
    largest = largest.where(largest != 0, 1)
    return largest * (vectors / largest).norm(dim=-1, keepdim=True)


def _directions(vectors):
    """Return the sum of the unit vectors, and how many there are."""
    norms = _norm(vectors)
    count = (norms != 0).sum((-2, -1))
    return (vectors / norms.where(norms != 0, 1)).sum(-2), count


def _mean_cosine(vectors):
    """Return the mean cosine of all pairs that are not 0, (..., N, size)."""
    total, count = _directions(vectors)
    pairs = torch.where(count > 1, count * (count - 1), torch.nan)
    return (total.square().sum(-1) - count) / pairs


class _Extremes:
    """Hold the least and the largest number of each unit, as they come."""

    def __init__(self):
        self.least = self.largest = None

    def add(self, values, over):
        # Booleans have no order in torch's minimum.
        if values.dtype == torch.bool:
            values = values.to(torch.uint8)
        least = (values.amin(over) if over else values).flatten()
        largest = (values.amax(over) if over else values).flatten()
        if self.least is not None:
            least = torch.minimum(least, self.least)
            largest = torch.maximum(largest, self.largest)
        self.least, self.largest = least, largest

    def same(self):
        return self.least == self.largest


class _Tally:
    """Add up what one activation did, chunk by chunk and batch by batch."""

    def __init__(self, name, activation, flags):
        self.name, self.activation, self.flags = name, activation, flags
        self.slope, self.z, self.a = _Extremes(), _Extremes(), _Extremes()
        self.counts, self.broken = Counter(), False
        # By shape of a sample, since only equal shapes can be compared.
        self.directions = {}
        # By batch: its number of samples, and the norm of the gradient in it,
        # None until there is one.
        self.gradients = []

    def add(self, z, a, slope, over, is_by_sample):
        """Count numbers of which the axes `over` are samples and positions."""
        self.z.add(z, over)
        self.slope.add(slope, over)
        self.a.add(a, over)
        self.counts["numbers"] += z.numel()
        self.counts["zero"] += int((a == 0).sum())
        if not (self.z.least + self.z.largest).isfinite().all():
            broken = ~z.isfinite()
            self.broken |= (broken.amax(over) if over else broken).flatten()
            self.counts["nonfinite"] += int(broken.sum())
        largest = _LARGEST_SLOPES.get(self.activation.lower(), 0)
        if largest:
            flat = slope.abs() < largest / 100
            self.counts["saturated"] += int(flat.sum())
        if is_by_sample:
            total, count = _directions(a.reshape(len(a), -1).double())
            before = self.directions.get(a.shape[1:], (0, 0))
            both = before[0] + total, before[1] + count
            self.directions[a.shape[1:]] = both

    def layer(self, samples):
        """Return the Layer, of batches with so many samples in all."""
        if not self.counts["numbers"]:
            none, nan = np.zeros(0, bool), np.float64(np.nan)
            return Layer(
                self.name,
                self.activation,
                *[none] * 3,
                *[nan] * 5,
                **self.flags,
            )
        whole = ~(
            self.broken | torch.zeros_like(self.z.least, dtype=torch.bool)
        )
        flat = self.slope.same() & whole
        zero, nonfinite, saturated = (
            np.float64(self.counts[key] / self.counts["numbers"])
            for key in ("zero", "nonfinite", "saturated")
        )
        # The mean over batches, each as often as it has samples.
        norms = [
            count / samples * norm
            for count, norm in self.gradients
            if norm is not None
        ]
        alike = [
            (float(total.square().sum() - count), float(count * (count - 1)))
            for total, count in self.directions.values()
        ]
        above, pairs = map(sum, zip(*alike)) if alike else (0, 0)
        is_one = bool((self.z.same() & whole).all())
        return Layer(
            self.name,
            self.activation,
            dead=(flat & (self.slope.least == 0)).cpu().numpy(),
            always_on=(flat & (self.slope.least != 0)).cpu().numpy(),
            constant=(self.a.same() & whole).cpu().numpy(),
            zero_fraction=zero,
            nonfinite_fraction=nonfinite,
            saturated_fraction=saturated,
            gradient_norm=np.float64(
                _length(torch.tensor(norms, dtype=torch.float64))
                if norms
                else np.nan
            ),
            cosine=np.float64(above / pairs if pairs else np.nan),
            samples=1 if is_one else self.counts["numbers"] // len(whole),
            is_reached=bool(norms),
            follows=tuple(row.name for row in self.before),
            **self.flags,
        )


def _length(numbers):
    """Return the norm of all numbers of a tensor, as a float."""
    if numbers.dtype != torch.float64:
        norm = torch.linalg.vector_norm(numbers, dtype=torch.float64)
        return float(norm)
    # The squares may be out of range.
    return float(_norm(numbers.flatten())) if numbers.numel() else 0.0


# --- how the model's functions are watched ---


@dataclass(eq=False)
class _Node:
    """Hold what is known of one tensor that comes from the data."""

    # A weak reference to the tensor.
    tensor: Callable | None = None
    # The axes of the units, counted from the end; None if not known.
    axes: tuple | None = None
    # Whether a gradient leads from it to the data; None if not known yet.
    live: bool | None = False
    # Whether no weights and no norm came before.
    is_raw: bool = False
    # Whether parameters that need a gradient, or an untrained batch norm, did.
    is_trained: bool = False
    is_stale: bool = False
    # What it is a function of, number by number; the call that computes it;
    # whether that bends, by which functions, and whether by an activation.
    root: "_Node | None" = None
    call: tuple | None = None
    is_bent: bool = False
    names: tuple = ()
    is_activation: bool = False
    is_opening: bool = False
    # The row whose output it is, and the rows last before it.
    row: "_Tally | None" = None
    before: frozenset = frozenset()
    is_softmax: bool = False
    # The first weights, if they made it.
    entrance: str | None = None

    def line(self):
        """Return it and what it is a function of, nearest first."""
        node, found = self, []
        while node is not None:
            found.append(node)
            node = node.root
        return found

    def parts(self):
        """Return the nodes that its function was given."""
        return list(_leaves(self.call[1:], _Node)) if self.call else []

    def at(self, numbers, known, cut):
        """Compute it anew from some of its root's numbers.

        `known` holds what was computed, at first the root alone; `cut` takes
        the same rows out of a constant.
        """
        if self not in known:

            def value(given):
                if isinstance(given, _Node):
                    return given.at(numbers, known, cut)
                return cut(given) if _is_tensor(given) else given

            function, args, kwargs = self.call
            args, kwargs = _mapped(value, args), _mapped(value, kwargs)
            if _is_in_place(function, args, kwargs):
                args = (args[0].clone(), *args[1:])
            known[self] = function(*args, **kwargs)
        return known[self]


def _gone():
    """Stand for a weak reference to a tensor that was overwritten."""


class _Open(NamedTuple):
    """Hold an activation that a function after it may still become part of."""

    root: _Node
    z: torch.Tensor
    name: str
    activation: str
    call: int
    by_module: bool
    number: int


def _is_tensor(value):
    return isinstance(value, torch.Tensor)


def _is_dense(tensor):
    return tensor.layout == torch.strided


def _leaves(value, kind=torch.Tensor):
    """Return all of a kind in nested tuples, lists, dicts and dataclasses."""
    if isinstance(value, kind):
        yield value
    elif value is None or isinstance(value, (str, int, float)):
        return
    elif isinstance(value, Mapping):
        for part in list(value.values()):
            yield from _leaves(part, kind)
    elif isinstance(value, (tuple, list)):
        for part in value:
            yield from _leaves(part, kind)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield from _leaves(vars(value), kind)
    elif type(value).__module__ == "types":
        yield from _leaves(vars(value), kind)
    elif hasattr(value, "logits"):
        parts = getattr(value, "__dict__", {"logits": value.logits})
        yield from _leaves(parts, kind)


def _mapped(function, value):
    """Return nested tuples, lists and dicts with each leaf replaced."""
    if isinstance(value, (tuple, list)):
        return tuple(_mapped(function, part) for part in value)
    if isinstance(value, dict):
        return {key: _mapped(function, part) for key, part in value.items()}
    return function(value)


def _is_in_place(function, args, kwargs):
    name = getattr(function, "__name__", "")
    return (
        (name.endswith("_") and not name.endswith("__"))
        or name in _IN_PLACE
        or kwargs.get("inplace") is True
        # F.relu(x, True)
        or (
            getattr(function, "__module__", "") == "torch.nn.functional"
            and name.strip("_") in _ACTIVATIONS - {"rrelu"}
            and bool(args)
            and args[-1] is True
        )
    )


def _is_kink(base, args, kwargs, constants):
    """Return whether a clamp or a maximum is one that makes an activation."""
    if base in ("maximum", "minimum", "max", "min", "fmax", "fmin"):
        return all(t.numel() == 1 or not t.any() for t in constants)
    given = dict(zip(("min", "max"), args[1:])) | kwargs
    low, high = given.get("min"), given.get("max")
    if base in ("clamp_min", "clamp_max"):
        return given.get("min", high) == 0
    return (low == 0 and high in (None, 1, 6)) or (low == -1 and high == 1)


def _nearest(nodes):
    """Return the nearest node of which all are functions, if there is one."""
    shared = set(nodes[0].line()).intersection(*(n.line() for n in nodes[1:]))
    return next((node for node in nodes[0].line() if node in shared), None)


def _strides(shape):
    steps = [1]
    for size in reversed(shape[1:]):
        steps.append(steps[-1] * size)
    return steps[::-1]


def _followed(axes, before, after, is_view):
    """Return where axes lie in a tensor that was viewed or shaped anew.

    An axis covers steps in memory, from its stride to its stride times its
    size. What lies there afterwards is that axis, or a part of it, or has
    taken it in.
    """
    if axes is None:
        return None
    old, new = (
        t.stride() if is_view else _strides(t.shape) for t in (before, after)
    )
    spans = sorted(
        (old[axis], old[axis] * before.shape[axis])
        for axis in axes
        if before.shape[axis] > 1
    )
    joined = []
    for low, high in spans:
        if joined and joined[-1][1] == low:  # as heads and their units
            low = joined.pop()[0]
        joined.append((low, high))
    found = []
    for axis, (step, size) in enumerate(zip(new, after.shape)):
        end = step * size
        inside = [
            (a, b) for a, b in joined if a <= step < b or step <= a < end
        ]
        if size == 1 or not inside:
            continue
        low, high = inside[0]
        is_part = end <= high and step % low == 0 and high % end == 0
        is_slice = end <= high and before.numel() != after.numel()
        # It may take in what lies below the units, positions after channels,
        # and nothing above them, such as samples.
        takes_in = step < low and end == high and low % step == 0
        if len(inside) > 1 or not (is_part or is_slice or takes_in):
            return None
        found.append(axis - after.ndim)
    return tuple(found)


def _has_weights(base):
    return (
        base
        in ("linear", "bilinear", "einsum", "multi_head_attention_forward")
        or base in _MATMULS | _FUSED
        or _CONVOLUTIONS.fullmatch(base) is not None
    )


def _fits(shape, other):
    """Return whether a tensor of a shape broadcasts into the other one."""
    return len(shape) <= len(other) and all(
        size in (1, wanted)
        for size, wanted in zip(reversed(shape), reversed(other))
    )


def _share_memory(a, b):
    try:
        same = a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr()
    except (NotImplementedError, RuntimeError):  # a sparse one has no storage
        return False
    return same and a.numel() > 0


class _AxisError(ValueError):
    """Say that a layer has no such axis."""


class _Recorder(TorchFunctionMode):
    """Watch a model run, and measure each of its activations.

    Parameters
    ----------
    model : Module
        The model.
    axis : int or dict, optional
        The axis of the units, for all rows or by row.
    may_cut : bool
        Whether the graph may begin anew at weights, where nothing before them
        wants a gradient, so that none of the weights gets one.
    """

    # The one that is at work.
    current = None

    def __init__(self, model, axis=None, may_cut=True):
        super().__init__()
        self.axis, self.may_cut, self.is_busy = axis, may_cut, False
        self.is_frozen = not any(p.requires_grad for p in model.parameters())
        self.model = model
        self.paths = {
            module: name.replace("_orig_mod.", "")
            for name, module in model.named_modules()
        }
        self.rows = {}
        # What was noticed besides, by kind: the places in the model.
        self.noticed = defaultdict(dict)
        self.inputs, self.statistics = {}, {}

    def begin(self, samples):
        """Get ready for a pass over so many samples."""
        self.samples = samples
        self.nodes, self.open = {}, {}
        self.stack, self.leaves, self.calls = [], [], Counter()
        self.number, self.is_over = 0, False

    def __enter__(self):
        # Another one may be at work, whose Monitor looks meanwhile.
        self.outer, _Recorder.current = _Recorder.current, self
        self.hooks = [
            torch_module.register_module_forward_pre_hook(self.enters),
            torch_module.register_module_forward_hook(
                self.leaves_module, with_kwargs=True, always_call=True
            ),
        ]
        return super().__enter__()

    def __exit__(self, *error):
        _Recorder.current = self.outer
        for hook in self.hooks:
            hook.remove()
        return super().__exit__(*error)

    @contextmanager
    def busy(self):
        """Let torch's functions pass unseen."""
        before, self.is_busy = self.is_busy, True
        try:
            yield
        finally:
            self.is_busy = before

    def know(self, tensor, node):
        """Keep the node of a tensor."""
        node.tensor = TensorWeakRef(tensor)
        self.nodes[id(tensor)] = node
        return node

    def node(self, tensor):
        """Return the node of a tensor, or None if it is no data."""
        node = self.nodes.get(id(tensor))
        # Another tensor may have had this id.
        return node if node and node.tensor() is tensor else None

    def data(self, tensor):
        """Return a tensor of the data, as it is given to the model."""
        if self.may_cut:
            # A copy of it, since the model may overwrite what it is given.
            begins = self.is_frozen and tensor.is_floating_point()
            tensor = tensor.detach().clone()
            tensor = self.new_leaf(tensor) if begins else tensor
        self.know_data(tensor)
        return tensor

    def know_data(self, tensor):
        axes = (1 - tensor.ndim,) if tensor.ndim > 3 else (-1,)
        live = tensor.requires_grad
        self.know(tensor, _Node(axes=axes, live=live, is_raw=True))

    def new_leaf(self, tensor):
        """Return the tensor, with a graph that begins here."""
        leaf = tensor.detach().requires_grad_()
        self.leaves.append(leaf)
        # A copy of it, since no function may overwrite a leaf.
        return leaf.clone()

    def place(self):
        """Return the path of the module that runs."""
        paths = (self.paths.get(m) for m, _ in reversed(self.stack))
        return next((path for path in paths if path is not None), "")

    def notice(self, kind, place=None):
        self.noticed[kind][self.place() if place is None else place] = None

    # Modules.

    def enters(self, module, args):
        if _Recorder.current is not self:
            return
        given = {self.node(t) for t in _leaves(args)} - {None}
        self.stack.append((module, given))

    def leaves_module(self, module, args, *rest):
        # After an error torch leaves out the keywords.
        *kwargs, output = rest
        if _Recorder.current is not self:
            return
        while self.stack and self.stack.pop()[0] is not module:
            pass
        with self.busy():
            given = {self.node(t): t for t in _leaves((args, kwargs))}
            given.pop(None, None)
            if not given or module not in self.paths:
                return
            path = self.paths[module] or type(module).__name__
            is_script = isinstance(module, torch.jit.ScriptModule)
            for tensor in _leaves(output):
                live = self.leads_to_data(tensor)
                if self.node(tensor) is None and (live or is_script):
                    self.notice("script" if is_script else "hidden", path)
                    self.know(tensor, _Node(live=live, is_trained=True))
            if _is_tensor(output) and (node := self.node(output)):
                self.name(module, path, given, node)

    def hidden(self, tensor):
        """Return a node for a tensor that came from data by unseen means."""
        if tensor.grad_fn is None or not self.leads_to_data(tensor):
            return None
        self.notice("hidden")
        return self.know(tensor, _Node(live=True, is_trained=True))

    def leads_to_data(self, tensor):
        """Return whether a tensor was computed from data by unseen means."""
        tensors = [node.tensor() for node in self.nodes.values()]
        known = {t.grad_fn for t in tensors if t is not None and t.grad_fn}
        leaves = {id(leaf) for leaf in self.leaves}
        functions, seen = [tensor.grad_fn], {None}
        while functions:
            function = functions.pop()
            if function in seen:
                continue
            seen.add(function)
            variable = getattr(function, "variable", None)
            if function in known or id(variable) in leaves:
                return True
            functions += [
                following for following, _ in function.next_functions
            ]
        return False

    def name(self, module, path, given, node):
        """Give an activation that is all of a module the module's name."""
        root = next((n for n in node.line()[1:] if n in given), None)
        if root is None or not node.is_bent:
            return
        found = self.open.get(node)
        if found and found.by_module:
            return
        if type(module).__module__.startswith("torch.nn") and not found:
            return
        self.open_row(node, root, given[root], path, type(module).__name__)

    # Functions.

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = getattr(function, "__name__", "")
        if self.is_busy or name in _QUIET or _Recorder.current is not self:
            return function(*args, **kwargs)
        tensors = [
            (t, self.node(t) or self.hidden(t))
            for t in _leaves((args, kwargs))
        ]
        operands = [t for t, node in tensors if node]
        if not operands:
            return function(*args, **kwargs)
        if name in ("requires_grad_", "__set__"):
            return self.begins(function, args, kwargs, operands[0])
        nodes = [node for _, node in tensors if node]
        constants = [t for t, node in tensors if not node]
        with self.busy():
            return self.watch(
                function, args, kwargs, operands, nodes, constants
            )

    def watch(self, function, args, kwargs, operands, nodes, constants):
        """Run a function of the data, and keep what it shows."""
        base = function.__name__.strip("_")
        for tensor, node in zip(operands, nodes):
            # What was computed without a graph may have got one since, in an
            # autograd.Function.
            node.live = node.live or (
                node.live is None and tensor.requires_grad
            )
        node = self.derived(
            function, base, args, kwargs, operands, nodes, constants
        )
        in_place = _is_in_place(function, args, kwargs)
        if in_place and node and not node.is_opening:
            node = None
        if node is None:
            for each in nodes:
                self.close(each)
        elif node.is_opening and (z := node.root.tensor()) is not None:
            self.open_row(node, node.root, z, *self.whole(node, in_place))
        known = {
            "is_trained": any(t.requires_grad for t in constants)
            or any(n.is_trained for n in nodes),
            "is_stale": any(n.is_stale for n in nodes),
            "before": frozenset().union(
                *({n.row} if n.row else n.before for n in nodes)
            ),
        }
        if in_place:
            output = self.run_in_place(function, args, kwargs, node)
        else:
            output = self.run(function, args, kwargs)
        is_new = False
        if _is_tensor(output) and not in_place and node is None:
            output, is_new = self.with_graph(base, output, nodes)
        for tensor in [args[0]] if in_place and args else _leaves(output):
            live = is_new or self.lives(tensor, nodes)
            if node is not None and not (in_place and node.root.root is None):
                vars(node).update(known, live=live)
                self.know(tensor, node)
                continue
            new = self.know(tensor, _Node(**known, live=live))
            new.axes = self.axes_of(
                base, args, kwargs, operands, nodes, tensor
            )
            new.is_raw = all(n.is_raw for n in nodes) and not (
                known["is_trained"] or base in _NORMS
            )
            if node is not None:
                new.row = node.row
            elif len(set(nodes)) == 1 and (
                base in _MOVED or _share_memory(tensor, operands[0])
            ):
                new.row, new.is_softmax = nodes[0].row, nodes[0].is_softmax
        if node is None:
            self.look(base, args, kwargs, operands, nodes, output)
        return output

    def whole(self, node, in_place):
        """Return path and type of a module that does this and no more.

        What is overwritten is measured at once, not when the module ends.
        """
        module, given = self.stack[-1] if self.stack else (None, ())
        if not in_place or node.root not in given or list(module.children()):
            return ()
        return self.paths.get(module), type(module).__name__

    def run(self, function, args, kwargs):
        try:
            return function(*args, **kwargs)
        except RuntimeError as error:
            if not self.may_cut or "derivative for" not in str(error):
                raise
            # The data want a gradient here, and there they need none.
            with torch.no_grad():
                return function(*args, **kwargs)

    def run_in_place(self, function, args, kwargs, node):
        """Run a function that overwrites what it is given, and return that."""
        target = args[0] if args else next(iter(kwargs.values()))
        if node in self.open:
            # At once, before z is gone; it may yet become part of another.
            node.row = self.measure(node, self.open.pop(node))
        old = self.node(target)
        for each, found in list(self.open.items()):
            if found.root is old:
                self.close(each)
        if old is not None:
            old.tensor = _gone
        if node is None or not (target._is_view() and target.requires_grad):
            return function(*args, **kwargs)
        # An in-place change of a view would take z, and with it the
        # gradient, out of the graph. A copy leaves it in.
        return target.copy_(function(target.clone(), *args[1:], **kwargs))

    def begins(self, function, args, kwargs, tensor):
        """Let the model itself begin a graph at a tensor of the data."""
        output = function(*args, **kwargs)
        if tensor.requires_grad and tensor.is_leaf:
            self.node(tensor).live = True
            self.leaves.append(tensor)
        return output

    def lives(self, tensor, nodes):
        """Return whether a gradient leads from the tensor to the data."""
        if not torch.is_grad_enabled():
            return None
        return tensor.requires_grad and (
            not self.may_cut or any(node.live for node in nodes)
        )

    def with_graph(self, base, output, nodes):
        """Return an output that a gradient reaches, and whether it is new.

        Only at weights: what the model detached has to stay so.
        """
        if (
            self.may_cut
            and (_has_weights(base) or base in _NORMS or base == "embedding")
            and output.is_floating_point()
            and torch.is_grad_enabled()
            and not self.lives(output, nodes)
        ):
            return self.new_leaf(output), True
        return output, False

    def derived(
        self, function, base, args, kwargs, operands, nodes, constants
    ):
        """Return the node of an elementwise function, if this is one."""
        shape, distinct = operands[0].shape, set(nodes)
        several = len(operands) > 1
        if (
            base not in _ELEMENTWISE
            or "out" in kwargs
            or not all(
                t.shape == shape and (t.is_floating_point() or node.root)
                for t, node in zip(operands, nodes)
            )
            # The slopes of prelu lie along the second axis.
            or not (
                base == "prelu"
                or all(_fits(t.shape, shape) for t in constants)
            )
            # A maximum over an axis, or over all.
            or (base in ("max", "min") and len(operands) + len(constants) < 2)
        ):
            return None
        is_kink = base in _KINKS | _CHOICES - {"where", "masked_fill"} and (
            several or _is_kink(base, args, kwargs, constants)
        )
        bends = (
            base in _ACTIVATIONS | _KINKS | _COMPARISONS | _OTHERS
            or (base in _CHOICES and (several or is_kink))
            or (base in _PRODUCTS and several)
            or (
                base in ("div", "divide", "true_divide")
                and operands[0] is not args[0]
            )
        )
        nearest = _nearest(nodes)
        if nearest is None:
            return None
        is_activation = (
            base in _ACTIVATIONS - {"sin"}
            or (base == "sin" and not nearest.is_raw)
            or base in ("erf", "special_erf")
            or is_kink
            or (base in _CHOICES and several)
            or (
                base in _PRODUCTS
                and several
                and any(_COMPARISONS.intersection(n.names) for n in nodes)
            )
        )
        # tanh(relu(x)) is a second activation, relu(x) ** 2 is not.
        is_second = is_activation and len(distinct) == 1
        root = nearest
        if nearest.is_bent and not is_second:
            root = nearest.root
        parts = [] if is_second else nodes
        if (
            base in _OTHERS - _SHAPING
            and len(distinct) == 1
            and any(n.is_activation for n in nodes)
        ):
            return None
        if (
            base in _SUMS
            and any(not n.is_bent for n in parts)
            and any(n.is_activation for n in parts)
            and several
            and not (self.stack and root in self.stack[-1][1])
        ):
            return None  # a skip connection
        if base in _SUMS and any(
            n in self.open and self.open[n].by_module for n in parts
        ):
            return None  # branches that meet
        is_activation |= any(n.is_activation for n in parts)
        names = [name for n in parts for name in n.names]
        is_step = bends or (several and any(n.is_bent for n in parts))

        def node_of(value):
            return (_is_tensor(value) and self.node(value)) or value

        return _Node(
            axes=nodes[0].axes,
            is_raw=all(n.is_raw for n in nodes),
            root=root,
            call=(function, _mapped(node_of, args), _mapped(node_of, kwargs)),
            is_bent=bends or any(n.is_bent for n in nodes),
            names=tuple(dict.fromkeys(names + [base] * is_step)),
            is_activation=is_activation,
            is_opening=is_activation and is_step,
        )

    def open_row(self, node, root, z, path=None, activation=None):
        """Keep an activation until it is clear that nothing is part of it."""
        if self.is_over:
            return
        between = node.parts()
        while between:
            part = between.pop()
            if part is root:
                continue
            self.forget(part)
            between += part.parts()
        self.forget(node)
        *inner, outer = node.names
        activation = activation or (
            f"{outer}({', '.join(inner)})" if inner else outer
        )
        if path is None:
            name = f"{activation}" + "()" * (not inner)
            name = ".".join(filter(None, (self.place(), name)))
        else:
            name = path
        self.calls[name] += 1
        call = self.calls[name]
        node.root = root
        self.number += 1
        self.open[node] = _Open(
            root, z, name, activation, call, path is not None, self.number
        )

    def forget(self, node):
        """Drop an activation that became a part of another one."""
        found = self.open.pop(node, None)
        if node.row is not None and node.root is not None:
            found, node.row = node.row.opened, None
            self.rows.pop(found.name, None)
        if found and self.calls[found.name] == found.call:
            self.calls[found.name] -= 1

    def close(self, node):
        """Measure all activations that end in a tensor."""
        found = self.open.pop(node, None)
        if found:
            self.close(found.root)
            node.row = self.measure(node, found)
        parts = node.parts()
        for part in parts:
            self.close(part)
        rows = {part.row for part in parts} - {None}
        if node.row is None and len(rows) == 1:
            (node.row,) = rows
        node.root = node.call = None
        node.is_bent = node.is_activation = False

    def measure(self, node, found):
        """Count what an activation does, and return its row."""
        z, root = found.z, found.root
        name = found.name + f" (call {found.call})" * (found.call > 1)
        axis = self.axis
        if isinstance(axis, Mapping):
            axis = axis.get(name)
        axes = root.axes
        if axis is not None:
            if not -z.ndim <= axis < z.ndim:
                raise _AxisError(
                    f"axis must be one of the {z.ndim} axes of layer {name}, "
                    f"whose shape is {tuple(z.shape)}, such as axis=1, got "
                    f"{axis}"
                )
            axes = (axis - z.ndim * (axis >= 0),)
        flags = {
            "units_known": axes is not None,
            "is_judged": not root.is_stale,
            "is_trained": root.is_trained,
        }
        if axes is None:
            axes = (1 - z.ndim,) if z.ndim > 3 else (-1,)
        over = [i for i in range(z.ndim) if i - z.ndim not in axes]
        row = self.rows.setdefault(name, _Tally(name, found.activation, flags))
        row.number, row.opened = found.number, found._replace(z=None)
        units = int(np.prod([z.shape[axis] for axis in axes]))
        before = row.z.least
        if before is not None and z.numel() and len(before) != units:
            raise _AxisError(
                f"layer {name} has {len(before)} units in one batch and "
                f"{units} in another: say which axis holds the units, such as "
                "axis=1, or give batches of one shape"
            )
        row.positions = z.numel() / max(1, units)
        row.before = frozenset({root.row}) if root.row else root.before
        if z.requires_grad and root.live:
            row.gradients.append([self.samples, None])
            z.register_hook(partial(self.feel, row.gradients[-1]))
        if z.numel() == 0:
            return row
        rows = len(z) if z.ndim else 1
        step = rows
        if 0 in over:
            step = max(1, _CHUNK * rows // z.numel())
        is_relu = node.names == ("relu",) and node.parts() == [root]
        is_random = "rrelu" in node.names
        with (
            torch.random.fork_rng(enabled=is_random),
            torch.no_grad(),
            # Not those of a checkpoint, which counts what is saved.
            saved_tensors_hooks(lambda t: t, lambda t: t),
        ):
            for start in range(0, rows, step):
                part = slice(start, start + step)
                chunk = z.detach()[part] if z.ndim else z.detach()

                def cut(constant, part=part):
                    is_long = constant.ndim == z.ndim and len(constant) == rows
                    return constant[part] if is_long else constant

                if is_relu:
                    a, slope = chunk.clamp(min=0), chunk > 0
                else:
                    with torch.enable_grad():
                        leaf = chunk.requires_grad_()
                        a = node.at(leaf, {root: leaf}, cut)
                        (slope,) = torch.autograd.grad(a.sum(), leaf)
                    chunk, a = chunk.detach(), a.detach()
                row.add(chunk, a, slope, over, rows == self.samples)
        return row

    def feel(self, kept, gradient):
        """Keep the norm of a gradient, as a hook of autograd."""
        if self.is_over:  # not one that the model itself asks for
            norm = _length(gradient.detach())
            # After a second backward pass, that of the sum is not known.
            kept[1] = norm if kept[1] is None else np.nan

    def felt(self):
        """Return the norms of all gradients that arrived."""
        norms = [n for row in self.rows.values() for _, n in row.gradients]
        return [norm for norm in norms if norm is not None]

    def release(self):
        """Let go of all tensors of a pass."""
        self.nodes, self.open, self.leaves, self.stack = {}, {}, [], []

    # What is noticed besides.

    def axes_of(self, base, args, kwargs, operands, nodes, output):
        """Return the axes of the units in what a function returns."""
        first, node = operands[0], nodes[0]
        named = _CONVOLUTIONS.fullmatch(base)
        if named:
            return (-1 - int(named[2]),)
        if base in ("linear", "bilinear", "embedding", *_FUSED) or (
            base == "multi_head_attention_forward"
        ):
            return (-1,)
        if base in ("batch_norm", "group_norm", "instance_norm"):
            return (1 - output.ndim,)
        if base in ("layer_norm", "rms_norm"):
            shape = args[1] if len(args) > 1 else kwargs["normalized_shape"]
            normed = tuple(range(-len(shape), 0))
            inside = tuple(a for a in node.axes or () if a in normed)
            return inside or normed
        if base in _MATMULS:
            *_, left, right = first, *_leaves((args, kwargs))
            return self.matmul_axes(left, right, nodes)
        if base == "einsum":
            return self.einsum_axes(args, output)
        if base == "scaled_dot_product_attention":
            value = self.node(args[2] if len(args) > 2 else kwargs["value"])
            return value.axes if value else None
        if first.is_complex() or output.is_complex():
            return None
        if base == "setitem" and self.node(args[-1]):
            axes = self.node(args[-1]).axes
            fits = axes and args[-1].ndim <= output.ndim
            return axes if fits else None
        if _share_memory(output, first):
            return _followed(node.axes, first, output, True)
        if base in _MOVED:
            return _followed(node.axes, first, output, False)
        for tensor, each in zip(operands, nodes):
            if tensor.shape == output.shape and each.axes:
                return each.axes
        if base in ("cat", "stack") and not node.axes:
            return None  # slices of the units' axis may become one again
        if node.axes is None or (
            first.ndim == output.ndim and base != "stack"
        ):
            return node.axes
        if base == "getitem":  # chosen samples or positions, behind a mask
            is_last = (
                node.axes == (-1,) and first.shape[-1:] == output.shape[-1:]
            )
            return node.axes if is_last else None
        if base == "stack":
            new = kwargs.get("dim", args[1] if len(args) > 1 else 0)
            new -= output.ndim * (new >= 0)
            return tuple(axis - (axis <= new) for axis in node.axes)
        over = kwargs.get("dim", args[1] if len(args) > 1 else None)
        over = [over] if isinstance(over, int) else over
        if not (
            isinstance(over, (tuple, list))
            and all(isinstance(axis, int) for axis in over)
            and first.ndim - len(over) == output.ndim
        ):
            return None
        # After a sum over positions, say.
        over = {axis - first.ndim * (axis >= 0) for axis in over}
        if over & set(node.axes):
            return None
        return tuple(a + sum(gone > a for gone in over) for a in node.axes)

    def matmul_axes(self, left, right, nodes):
        """Return the axis that the weights of a matrix product make."""
        if left.ndim < 2 or right.ndim < 2:
            return None
        if self.node(right) is None:
            return (-1,)
        if self.node(left) is None:
            # From the left there may be weights, or a matrix of neighbours.
            is_weight = left.requires_grad or nodes[0].axes is None
            return (-2,) if is_weight else nodes[0].axes
        return (-1,) if -1 in (nodes[-1].axes or ()) else None

    def einsum_axes(self, args, output):
        """Return the axes that come from tensors which are not data."""
        equation, tensors = args[0], list(_leaves(args[1:]))
        if not isinstance(equation, str) or "->" not in equation:
            return None
        given, made = equation.replace(" ", "").split("->")
        of_data = {
            letter
            for letters, tensor in zip(given.split(","), tensors)
            if self.node(tensor)
            for letter in letters
        }
        axes = [i - len(made) for i, c in enumerate(made) if c not in of_data]
        return tuple(axes) or None

    def look(self, base, args, kwargs, operands, nodes, output):
        """Notice what is not an activation and yet may be at fault."""
        if base in _UNSEEN:
            self.notice(base)
        rows = [node.row for node in nodes if node.row]
        functions = {row.activation.lower() for row in rows}
        if base in _SOFTMAX:
            self.node(output).is_softmax = True
            if functions & {"relu", "relu6"}:
                self.notice("relu before softmax", rows[0].name)
        if base == "cross_entropy" and nodes[0].is_softmax:
            self.notice("softmax twice")
        if base == "cross_entropy" and functions & {"relu", "relu6"}:
            self.notice("relu before softmax", rows[0].name)
        if base == "binary_cross_entropy_with_logits" and nodes[0].row:
            if functions & {"relu", "relu6"}:
                self.notice("relu before sigmoid", rows[0].name)
            if "sigmoid" in functions:
                self.notice("sigmoid twice", rows[0].name)
        if base == "batch_norm":
            self.look_at_batch_norm(operands[0], args, kwargs, output)
        if base in _NORMS:
            for node in nodes:
                self.inputs.pop(node.entrance, None)
        if (
            _has_weights(base)
            and nodes[0].is_raw
            and operands[0].is_floating_point()
            and len(operands) == 1
        ):
            self.look_at_input(operands[0], nodes[0])
            for tensor in _leaves(output):
                self.node(tensor).entrance = self.place()
        if base in _PRODUCTS and len(operands) > 1 and rows:
            for row in rows:
                self.mark_gate(row, output)

    def mark_gate(self, row, output):
        """Mark an activation that scales other data, and its own branch."""
        row.flags["is_gate"] = True
        if row.z.least is None:
            return
        if row.positions < output.numel() / max(1, row.z.least.numel()):
            for each in row.before:
                if each.positions <= row.positions:
                    each.flags["is_gate"] = True

    def look_at_input(self, tensor, node):
        """Keep the size and the offset of what the first weights are given."""
        over = (
            [i for i in range(tensor.ndim) if i - tensor.ndim not in node.axes]
            if node.axes
            else list(range(tensor.ndim))
        )
        values = tensor.detach().float()
        if not over or values.numel() == 0:
            return
        spread, mean = torch.var_mean(values, over, correction=0)
        size = float((spread + mean.square()).sqrt().amax())
        # Among few numbers chance alone makes the deviation small.
        is_many = values.numel() >= _MANY * max(1, mean.numel())
        offset = float((mean.abs() - 10 * spread.sqrt()).amax()) * is_many
        before = self.inputs.get(self.place(), (0, -np.inf))
        self.inputs[self.place()] = (
            max(size, before[0]),
            max(offset, before[1]),
        )

    def look_at_batch_norm(self, tensor, args, kwargs, output):
        """Notice statistics that were never measured, or do not fit."""
        names = ("input", "mean", "var", "weight", "bias", "training")
        given = dict(zip(names, args)) | {
            key.removeprefix("running_"): value
            for key, value in kwargs.items()
        }
        mean, var = given.get("mean"), given.get("var")
        if given.get("training") or mean is None or tensor.numel() == 0:
            return
        if not mean.any() and (var == 1).all():
            self.notice("untrained")
            self.node(output).is_stale = True
            return
        over = [i for i in range(tensor.ndim) if i != 1]
        values = tensor.detach().double()
        new = values.numel() // len(mean), values.sum(over)
        new = (*new, values.square().sum(over))
        old, _, _ = self.statistics.get(self.place(), ((0, 0, 0), 0, 0))
        added = tuple(a + b for a, b in zip(old, new))
        self.statistics[self.place()] = added, mean.clone(), var.clone()

    def lagging(self):
        """Return the batch norms whose statistics do not fit the data."""
        found = []
        for place, (
            (count, total, squares),
            mean,
            var,
        ) in self.statistics.items():
            own = total / count
            width = var.double().clamp(min=1e-12)
            ratio = (squares / count - own.square()).clamp(min=1e-12) / width
            off = (own - mean).abs() / width.sqrt()
            is_off = (
                ratio.log().abs().median() > np.log(10) or off.median() > 3
            )
            if count >= _MANY and is_off:
                found.append(place)
        return found

    def finish(self, output):
        """Measure what is still open, and mark the model's own outputs."""
        with self.busy():
            for tensor in _leaves(output):
                node = self.node(tensor)
                if node:
                    self.close(node)
                if node and node.row:
                    node.row.flags["is_output"] = True
            for node in list(self.open):
                self.close(node)
            made = list(_leaves(output))
            if self.nodes and made and not any(map(self.node, made)):
                self.notice("hidden", "")
        self.is_over = True

    def in_order(self):
        """Return the rows in the order of their calls."""
        return sorted(self.rows.values(), key=lambda row: row.number)

    def unseen(self):
        """Return a sentence on each kind of function that was not seen."""
        places = defaultdict(dict)
        for kind, where in self.noticed.items():
            if kind in _UNSEEN:
                places[_UNSEEN[kind]].update(where)
        return [text.format(_listed(where)) for text, where in places.items()]


def _listed(names):
    """Return names as a list in words, and how many more there are."""
    names = [name or "the model's own forward" for name in names]
    more = f" and {len(names) - 4} more" * (len(names) > 5)
    return ", ".join(names[: 4 if more else 5]) + more


# --- one look at a model ---


class _Batch(NamedTuple):
    """Hold what the model takes, and what the loss may want besides."""

    args: tuple
    kwargs: dict
    labels: object
    whole: object
    has_labels: bool


_LABELS = ("labels", "label", "targets", "target", "y")


def _positional(function):
    """Return the least and the largest number of arguments in order."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return 0, np.inf
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return 0, np.inf
    in_order = [
        p
        for p in parameters
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    return sum(p.default is p.empty for p in in_order), len(in_order)


def _is_batch(x):
    """Return whether it is one batch: a list may be one, as loaders make."""
    if isinstance(x, (torch.Tensor, tuple, Mapping)):
        return True
    return (
        isinstance(x, list)
        and len(x) > 1
        and all(_is_tensor(t) and t.ndim for t in x)
        and len({len(t) for t in x}) == 1
        and len({(t.dtype, t.shape[1:]) for t in x}) > 1
    )


def _batches(model, x, loss):
    """Yield the batches in x, ready for the model."""
    is_one = _is_batch(x)
    if isinstance(x, (str, bytes)) or not (
        is_one or (isinstance(x, Iterable) and not hasattr(x, "dtype"))
    ):
        raise TypeError(
            "x must be a tensor such as torch.as_tensor(data), what the model "
            "takes as a tuple or a dict, or a list of such batches or a "
            "DataLoader(dataset, batch_size=100), got "
            f"{type(x).__name__}"
        )
    is_empty = True
    for batch in (x,) if is_one else x:
        is_empty = False
        yield _batch(model.forward, batch, loss)
    if is_empty:
        raise ValueError(
            "x must hold at least one batch, got none; give, for example, "
            "[torch.as_tensor(data)]"
        )


def _batch(forward, batch, loss):
    """Return a batch as the model and the loss take it."""
    labels = None
    if isinstance(batch, Mapping):
        args, kwargs = _named(forward, batch)
        labels = next((batch[k] for k in _LABELS if k in batch), None)
        has_labels = labels is not None
    elif isinstance(batch, (tuple, list)) and not hasattr(batch, "_fields"):
        least, most = _positional(forward)
        has_labels = len(batch) > most or (
            loss is not None
            and _positional(_called(loss))[0] > 1
            and max(least, 1) < len(batch)
        )
        args, kwargs = tuple(batch[:-1] if has_labels else batch), {}
        labels = batch[-1] if has_labels else None
        if len(args) == 1 and isinstance(args[0], Mapping):
            args, kwargs = _named(forward, args[0])
    else:
        args, kwargs, has_labels = (batch,), {}, False
    tensors = list(_leaves((args, kwargs)))
    if not has_labels:
        # Of one tensor the loss may want the tensor itself.
        labels = tensors[0] if len(tensors) == 1 else batch
    made = _Batch(args, kwargs, labels, batch, has_labels)
    if not tensors:
        raise TypeError(
            "x must hold a tensor such as torch.as_tensor(data), got "
            f"{type(batch).__name__} without one"
        )
    check_samples(_first(made))
    return made


def _first(batch):
    """Return the tensor that tells how many samples there are."""
    tensors = list(_leaves((batch.args, batch.kwargs)))
    return next((t for t in tensors if t.ndim), tensors[0])


def _named(forward, batch):
    """Return the arguments for a model that is given a mapping."""
    parameters = inspect.signature(forward).parameters
    takes_all = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    given = {k: v for k, v in batch.items() if takes_all or k in parameters}
    if given:
        return (), given
    if _positional(forward)[0] == 1:
        return (batch,), {}  # it takes the mapping itself
    raise ValueError(
        f"the model takes {', '.join(parameters)}; such entries x has none, "
        f"but {', '.join(map(str, batch)) or 'nothing'}; give, for example, "
        f"{{{next(iter(parameters), 'x')!r}: torch.zeros(20, 8)}}"
    )


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
            "x must hold at least one sample along its first axis, such as "
            f"torch.zeros(20, 8), got shape {tuple(x.shape)}"
        )


def _check(model):
    if not isinstance(model, nn.Module):
        raise TypeError(
            "model must be an nn.Module, such as "
            f"result.network(seed, rate), got {type(model).__name__}"
        )
    if any(map(is_lazy, [*model.parameters(), *model.buffers()])):
        raise ValueError(
            "model has lazy layers without weights yet: call it "
            "once, as model(x)"
        )
    if any(p.is_inference() for p in model.parameters()):
        raise ValueError(
            "model was made under torch.inference_mode(), where nothing has a "
            "gradient: make it, or load it, outside"
        )


def _check_device(model, x):
    devices = {p.device for p in model.parameters()}
    if devices and x.device not in devices:
        raise ValueError(
            "x must be on the model's device, such as "
            f"x.to('{devices.pop()}'), got one on {x.device}"
        )


def mean_squared_output(output):
    """Return the mean of the squared outputs, a loss that needs no labels.

    Parameters
    ----------
    output : Tensor, or tuple, dict or dataclass of them
        What the model returned.

    Returns
    -------
    Tensor
        One number: the sum of the means, if there are several tensors with a
        gradient; the sum of the outputs, if all are single numbers, as where
        a model returns its losses.

    Raises
    ------
    TypeError
        If the model returned no tensor of floats.

    Examples
    --------
    >>> mean_squared_output(torch.tensor([1.0, 3.0]))
    tensor(5.)
    """
    parts = [t for t in _leaves(output) if t.is_floating_point()]
    if not parts:
        raise TypeError(
            f"the model returns a {type(output).__name__} without a tensor of "
            "floats: give a loss, such as loss=lambda output: "
            "output.score().mean()"
        )
    moving = [t for t in parts if t.requires_grad] or parts[:1]
    if not any(t.ndim for t in moving):
        return sum(moving)  # the model returns losses
    return sum(t.square().mean() for t in moving)


def _part(output, name):
    """Return what an output calls by this name, or None."""
    if isinstance(output, Mapping):
        return output.get(name)
    return getattr(output, name, None)


def _main_output(output):
    """Return the tensor that a loss is about."""
    logits = _part(output, "logits")
    if _is_tensor(logits):
        return logits
    floats = [t for t in _leaves(output) if t.is_floating_point()]
    return floats[0] if floats else None


def _loss(loss, output, batch):
    """Return the loss of an output, as people mean it."""
    if loss is None:
        own = None if _is_tensor(output) else _part(output, "loss")
        return own if _is_tensor(own) else mean_squared_output(output)
    if not _takes_labels(loss, batch):
        return loss(output)
    second = list(inspect.signature(_called(loss)).parameters)[1:2]
    is_whole = second in (["batch"], ["b"])
    labels = batch.whole if is_whole else batch.labels
    home = getattr(loss, "__module__", None) or ""
    if home.startswith("torch.nn") and not _is_tensor(output):
        output = _main_output(output)
    try:
        return loss(output, labels)
    except Exception as error:
        given = (
            "; x holds no labels: give (inputs, labels)"
            if not (batch.has_labels or is_whole)
            else ""
        )
        sizes = [
            f"shape {tuple(t.shape)}" if _is_tensor(t) else type(t).__name__
            for t in (output, labels)
        ]
        raise RuntimeError(
            f"the loss failed for an output of {sizes[0]} and labels of "
            f"{sizes[1]}: {error}{given}"
        ) from error


def _takes_labels(loss, batch):
    least, most = _positional(_called(loss))
    return least > 1 or (most > 1 and batch.has_labels)


def _check_loss(loss):
    is_class = isinstance(loss, type)
    if loss is not None and (
        is_class or not callable(loss) or _positional(_called(loss))[0] > 2
    ):
        raise TypeError(
            "loss must be a function of the output, or of the output and the "
            f"labels, such as nn.CrossEntropyLoss(), got {loss!r}"
        )


def _check_axis(axis):
    given = axis.values() if isinstance(axis, Mapping) else [axis]
    if axis is not None and not all(type(each) is int for each in given):
        raise TypeError(
            "axis must be a whole number such as 1, or a dict of these by the "
            f"names of layers, got {axis!r}"
        )


def _called(loss):
    return loss.forward if isinstance(loss, nn.Module) else loss


@contextmanager
def _random_states(model):
    """Put all random states back at the end."""
    devices = {
        tensor.device.index
        for tensor in (*model.parameters(), *model.buffers())
        if tensor.is_cuda
    }
    states = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        with torch.random.fork_rng(devices):
            yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002


def _eager(model):
    """Run what torch.compile has compiled as it was written."""
    if any(type(m).__name__ == "OptimizedModule" for m in model.modules()):
        return torch.compiler.set_stance("force_eager")
    return nullcontext()


@contextmanager
def _left_alone(model):
    """Put back all that the model holds, in its attributes and their values.

    Lists, dicts and the like get back what was in them; tensors their
    numbers. No weight gets a gradient meanwhile, which makes up for the copy.
    """
    attributes = [
        (vars(module), dict(vars(module))) for module in model.modules()
    ]
    values = [value for _, held in attributes for value in held.values()]
    containers = [
        (value, copy.copy(value))
        for value in values
        if isinstance(value, (dict, list, set, deque))
    ]
    tensors = {
        id(t): (t, t.detach().clone(), t.requires_grad)
        for t in (*_leaves(values), *_leaves([c for c, _ in containers]))
        if _is_dense(t)
    }
    plain = checkpoint.CheckpointFunction
    # It cannot be asked for a gradient, and here it need not save memory.
    checkpoint.CheckpointFunction = _Unsaved
    try:
        yield
    finally:
        checkpoint.CheckpointFunction = plain
        for value, held in (*attributes, *containers):
            if not _same(value, held):
                value.clear()
                fill = getattr(value, "extend", None) or value.update
                fill(held)
        with torch.no_grad():
            for tensor, value, flag in tensors.values():
                if tensor.requires_grad != flag:
                    tensor.detach_().requires_grad_(flag)
                # Any write would spoil a graph that the caller still holds.
                if tensor.shape != value.shape:
                    tensor.resize_(value.shape).copy_(value)
                elif not torch.equal(tensor, value):
                    tensor.copy_(value)


def _same(value, held):
    """Return whether two containers hold the same objects, in order."""
    if isinstance(value, dict):
        return _same([*value], [*held]) and _same(
            [*value.values()], [*held.values()]
        )
    return len(value) == len(held) and all(map(operator.is_, value, held))


class _Unsaved:
    """Run a part that would be computed twice, in torch's checkpoint, once."""

    @staticmethod
    def apply(function, preserve, *args):
        return function(*args)


class _Seen(NamedTuple):
    """Hold all that was seen of a model."""

    layers: list
    recorder: _Recorder
    samples: int
    outputs: "_Outputs"
    loss: float
    is_loss_given: bool


class _Outputs:
    """Keep what the model returned, batch by batch."""

    def __init__(self):
        # By shape of a sample: the inputs' extremes; and of the outputs their
        # number, their sum and that of their squares.
        self.inputs, self.sums, self.is_finite = {}, {}, True
        self.length, self.main = _Extremes(), set()
        self.is_moved, self.out_of_reach = False, None

    def add(self, output, batch):
        for tensor in _leaves(output):
            if tensor.is_floating_point():
                self.is_finite &= bool(tensor.isfinite().all())
        main = _main_output(output)
        for tensor in _leaves((batch.args, batch.kwargs)):
            if tensor.ndim and tensor.dtype in _ORDERED and _is_dense(tensor):
                seen = self.inputs.setdefault(tensor.shape[1:], _Extremes())
                seen.add(tensor, [0])
        if main is None or main.ndim == 0 or main.numel() == 0:
            return
        main = main.detach()
        values = main.double()
        new = len(main), values.sum(0), values.square().sum(0)
        old = self.sums.get(main.shape[1:], (0, 0, 0))
        self.sums[main.shape[1:]] = [a + b for a, b in zip(old, new)]
        if main.ndim > 1 and main.shape[-1] > 1:
            self.length.add(values.norm(dim=-1).flatten(), [0])

    def compare(self, main, labels, row):
        """Notice targets that the model's last function cannot reach."""
        name = row.activation.lower()
        if not (
            _is_tensor(labels)
            and labels.is_floating_point()
            and labels.numel() == main.numel()
            and name in _RANGES
        ):
            return
        low, high = _RANGES[name]
        least, largest = float(labels.min()), float(labels.max())
        if least < low or largest > high:
            self.out_of_reach = Finding(
                row.name,
                f"The targets go from {least:.3g} to {largest:.3g}, and "
                f"{row.activation} at the output only from {low:g} to "
                f"{high:g}.",
                "Take the activation off the output, or scale the targets "
                "into its range; then start anew.",
                "03_sigmoid_tanh",
            )

    def is_one_sample(self):
        """Return whether all samples are the same."""
        given = self.inputs.values()
        return bool(given) and all(bool(e.same().all()) for e in given)

    def spread(self):
        """Return the outputs' deviation over samples, relative to size."""
        if not self.sums or not self.is_finite:
            return np.nan
        apart = sum(
            float((square - total.square() / count).clamp(min=0).sum())
            for count, total, square in self.sums.values()
        )
        size = sum(float(square.sum()) for _, _, square in self.sums.values())
        return (apart / size) ** 0.5 if size else 0.0

    def has_one_length(self):
        least, largest = self.length.least, self.length.largest
        return (
            least is not None
            and self.spread() > 1e-3
            and float(largest) > 0
            and float(largest - least) < 1e-4 * float(largest)
        )


def _look(model, x, loss, axis):
    """Return all that is seen of a model in one pass over the data."""
    _check(model)
    _check_loss(loss)
    _check_axis(axis)
    # What torch.compile was given.
    model = getattr(model, "_orig_mod", model)
    recorder, outputs, samples = _Recorder(model, axis), _Outputs(), 0
    total = 0
    with (
        torch.inference_mode(False),
        torch.enable_grad(),
        # A loader draws random numbers, too.
        _random_states(model),
        _eager(model),
    ):
        for batch in _batches(model, x, loss):
            first = _first(batch)
            _check_device(model, first)
            count = len(first)
            samples += count
            with _left_alone(model):
                number = _pass(model, batch, loss, recorder, count, outputs)
            total += count * number
    unknown = set(axis if isinstance(axis, Mapping) else ()) - {*recorder.rows}
    if unknown:
        raise ValueError(
            f"axis names {', '.join(map(str, unknown))}, which is no layer; "
            f"name one of them, such as {next(iter(recorder.rows), 'relu()')}"
        )
    if not recorder.rows:
        places = "; ".join(recorder.unseen())
        raise ValueError(
            "the model ran no activation such as nn.ReLU() or F.relu"
            + f"; not seen: {places}" * bool(places)
        )
    layers = [row.layer(samples) for row in recorder.in_order()]
    mean, is_given = total / samples, loss is not None
    return _Seen(layers, recorder, samples, outputs, mean, is_given)


def _pass(model, batch, loss, recorder, samples, outputs):
    """Run one batch forward and backward, and return its loss."""
    recorder.begin(samples)
    given = {}

    def data(value):
        if not _is_tensor(value):
            # An object with tensors in it is given as it is.
            for tensor in _leaves(value):
                recorder.know_data(tensor)
            return value
        if id(value) not in given:
            given[id(value)] = recorder.data(value.detach())
        return given[id(value)]

    args, kwargs = _given(data, batch.args), _given(data, batch.kwargs)
    with recorder:
        try:
            output = model(*args, **kwargs)
        except _AxisError:
            raise
        except Exception as error:
            shapes = ", ".join(
                f"shape {tuple(t.shape)} and type {t.dtype}"
                for t in _leaves((batch.args, batch.kwargs))
            )
            given, hint = batch.args[:1], ""
            if given and isinstance(given[0], Mapping):
                names = ", ".join(inspect.signature(model.forward).parameters)
                hint = (
                    f"; it takes {names}; such entries x has none, but "
                    f"{', '.join(map(str, given[0]))}; give, for example, "
                    f"{{{names.split(',')[0]!r}: torch.zeros(20, 8)}}"
                )
            kind = ValueError if hint else RuntimeError
            raise kind(
                f"model(x) failed for x of {shapes}: {error}{hint}"
            ) from error
        recorder.finish(output)
        number = _loss(loss, output, batch)
    outputs.add(output, batch)
    main = _main_output(output)
    node = None if main is None else recorder.node(main)
    if node and node.row:
        outputs.main.add(node.row.name)
        if batch.has_labels:
            outputs.compare(main, batch.labels, node.row)
    if (
        not _is_tensor(number)
        or number.numel() != 1
        or not number.is_floating_point()
    ):
        raise TypeError(
            "loss must return one number as a tensor of floats, such as "
            "output.square().mean(), got "
            + (
                f"{number.shape} of {number.dtype}"
                if _is_tensor(number)
                else f"{number!r}"
            )
        )
    # With the 0, a number without a graph is no error.
    zero = torch.zeros((), requires_grad=True)
    torch.autograd.grad(
        number.sum() + zero.to(number.device),
        [*recorder.leaves, zero],
        allow_unused=True,
    )
    felt = recorder.felt()
    if felt and not any(felt) and not outputs.is_moved:
        outputs.is_moved = _moves(model, args, kwargs, loss, batch)
    return number.item()


def _moves(model, args, kwargs, loss, batch):
    """Return whether any weights of the model get a gradient, not 0."""
    number = _loss(loss, model(*args, **kwargs), batch)
    wanting = [p for p in model.parameters() if p.requires_grad and p.ndim > 1]
    if not (number.requires_grad and wanting):
        return False
    found = torch.autograd.grad(number.sum(), wanting, allow_unused=True)
    return any(g is not None and bool(g.any()) for g in found)


def _given(function, value):
    """Return nested tuples, lists and dicts with each tensor replaced."""
    if isinstance(value, Mapping):
        return {k: _given(function, v) for k, v in value.items()}
    if type(value) in (tuple, list):
        return type(value)(_given(function, v) for v in value)
    return function(value)


def layers(model, x, loss=None, *, axis=None):
    """Measure every activation of a model in one forward and backward pass.

    Parameters
    ----------
    model : Module
        Any nn.Module. It runs in the mode it is in, training or evaluation.
    x : Tensor, tuple, dict or iterable of them
        What the model takes, with the samples along the first axis: a tensor;
        a tuple for model(*x), or inputs and labels; a dict for model(**x). A
        list, a DataLoader or any other iterable gives batches of these, which
        add up.
    loss : callable, optional
        A function that returns one number, for the gradient norm: of the
        output, or of the output and the labels, as nn.CrossEntropyLoss() is.
        A second argument named `batch` gets the whole batch. By default the
        model's own loss, if its output has one, else `mean_squared_output`.
    axis : int or dict, optional
        The axis of the units, where it cannot be known: for all layers, or by
        their names.

    Returns
    -------
    list of Layer
        In the order of their calls.

    Raises
    ------
    TypeError
        If `model` is no module, `x` nothing to compute with, or the loss not
        one number.
    ValueError
        If `x` has no sample or lies on another device, or if the model has
        lazy layers without weights, or ran no activation.
    RuntimeError
        If model(x) fails.

    Notes
    -----
    A unit is a channel after a convolution, since all positions share its
    weights: a dead one has slope 0 at all positions of all samples. After
    nn.Linear it is an entry of the last axis, so that the tokens of a
    transformer count like samples. The weights or the norm that ran last
    decide, and their axis is followed through transposes and views. Before
    any, it is the channel for four axes and more, else the last axis. For the
    cosine all positions of a sample make one vector; samples whose vector is
    0 are left out, and with fewer than two others it is nan, as it is where
    the activation's first axis does not run over the samples.

    The gradient norm is nan where autograd sends a layer no gradient, since
    the loss does not use it or the model cuts the graph. Over several batches
    it is that of the mean loss.

    The model's mode, parameters, gradients, buffers, attributes and hooks,
    and the random states of torch, NumPy and Python, are left as they were.

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(1, 2), nn.ReLU())
    >>> with torch.no_grad():
    ...     _ = model[0].weight.copy_(torch.tensor([[1.0], [2.0]]))
    ...     _ = model[0].bias.copy_(torch.tensor([5.0, -5.0]))
    >>> layers(model, torch.tensor([[-1.0], [0.0], [1.0]]))
    [Layer(1, ReLU, 2 units: 50.0% dead, 50.0% always on, 50.0% constant)]
    """
    return _look(model, x, loss, axis).layers


# --- what is wrong ---

# Among fewer samples chance alone makes units dead or always on.
_MANY = 20
# What a function can return, by its name.
_RANGES = {
    "hardsigmoid": (0, 1),
    "hardtanh": (-1, 1),
    "relu": (0, np.inf),
    "relu6": (0, 6),
    "sigmoid": (0, 1),
    "softplus": (0, np.inf),
    "special_expit": (0, 1),
    "tanh": (-1, 1),
}


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
    at_output : str
        What may help where the layer's outputs are the model's own.
    disturbs_gradient : bool
        Whether the gradient norms behind or before it say nothing.
    needs_units : bool
        Whether it is about units, so that their axis has to be known.
    needs_many_samples : bool
        Whether chance alone breaks the rule among few samples.
    """

    chapter: str
    measure: Callable
    limit: float
    problem: str
    remedy: str
    at_output: str = ""
    disturbs_gradient: bool = False
    needs_units: bool = True
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
        and not layer.is_gate
        and not layer.constant.all()
        and layer.activation.lower()
        not in ("hardsigmoid", "logsigmoid", "sigmoid", "softplus")
    )
    return layer.cosine * counts


def _always_on_share(layer):
    counts = not (layer.is_output or layer.is_gate or layer.constant.all())
    return layer.always_on.mean() * counts


def _saturated_share(layer):
    # A sure classifier saturates its sigmoid, and black and white a tanh.
    at_output = layer.activation.lower() == "tanh" and (
        layer.saturated_fraction > 0.99
    )
    return layer.saturated_fraction * (not layer.is_output or at_output)


# A layer has the first fault that fits. Why at these limits: see `report`.
RULES = (
    Rule(
        chapter="05_exploding_gradients",
        measure=lambda layer: layer.nonfinite_fraction,
        limit=0,
        problem="{} of the pre-activations are nan or infinite.",
        remedy="Check the inputs and the start (He's weights for ReLU); "
        "start anew with a smaller learning rate or clipping.",
        disturbs_gradient=True,
        needs_units=False,
    ),
    Rule(
        chapter="03_sigmoid_tanh",
        measure=_saturated_share,
        limit=1 / 2,
        problem="{} of the pre-activations are saturated: the slope is nearly "
        "0.",
        remedy="Standardise the inputs, or take smaller weights or a smaller "
        "rate.",
        at_output="Scale the targets into the function's range, or take the "
        "activation off the output; then start anew.",
        disturbs_gradient=True,
        needs_units=False,
    ),
    Rule(
        chapter="07_dying_relu",
        measure=lambda layer: layer.dead.all(),
        limit=1 / 2,
        problem="All units are dead: no gradient passes, for any of the "
        "samples.",
        remedy="Start anew with a smaller learning rate, clipping or batch "
        "norm, and with He's weights and biases of 0.",
        at_output="Take the activation off the output, and start anew.",
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
        at_output="Take the activation off the output, and start anew.",
        needs_many_samples=True,
    ),
    Rule(
        chapter="07_dying_relu",
        measure=_likeness,
        limit=0.9999,
        problem="The samples look alike: the cosine of their activations is "
        "near 1.",
        remedy="Centre the inputs, add batch norm, or fit the weight scale "
        "to the function (He's for ReLU) and set the biases to 0.",
        needs_units=False,
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
        The names of the layers, or what else is at fault: "inputs", "output",
        "loss".
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


def _breakable(name):
    """Return a name that may go on in the next line after a dot or a dash."""
    return re.sub("([._-])", r"\1<wbr>", name)


def _plain(value):
    """Return a number as json knows it, None for nan and infinity."""
    value = value.item() if hasattr(value, "item") else value
    is_odd = isinstance(value, float) and not np.isfinite(value)
    return None if is_odd else value


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
    unseen : list of str
        What the model computes that could not be measured, and how to see it.
    notes : list of str
        What could not be judged, and why.
    """

    layers: list
    findings: list
    samples: int
    unseen: list = field(default_factory=list)
    notes: list = field(default_factory=list)

    def to_dict(self):
        """Return all of it in plain numbers, strings and lists.

        Returns
        -------
        dict
            For json.dumps. Shares and norms that are nan or infinite are
            None; of the units there are the numbers that are dead, always on
            and constant.
        """
        counts = ("dead", "always_on", "constant")
        return {
            "samples": self.samples,
            "layers": [
                {
                    key: int(value.sum()) if key in counts else _plain(value)
                    for key, value in vars(layer).items()
                }
                | {"units": layer.dead.size}
                for layer in self.layers
            ],
            "findings": [finding._asdict() for finding in self.findings],
            "unseen": list(self.unseen),
            "notes": list(self.notes),
        }

    def _rows(self, literal):
        for a in self.layers:
            shares = (
                a.dead.mean() if a.dead.size else np.nan,
                a.always_on.mean() if a.dead.size else np.nan,
                a.zero_fraction,
                a.saturated_fraction,
            )
            yield (
                literal(a.name),
                literal(a.activation),
                str(a.dead.size),
                *(
                    "-" if np.isnan(share) else f"{share:.0%}"
                    for share in shares
                ),
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
                f"No fault found{' in what was seen' * bool(self.unseen)}: no "
                "nan, no saturated, dead or linear layer, no samples alike, "
                "no vanishing or exploding gradient."
            )
        for text in self.unseen:
            yield f"Not seen: {literal(text)}."
        for text in self.notes:
            yield literal(text)

    def __repr__(self):
        """Return the table and the sentences, in lines of up to 72."""
        head = ("layer", "type", "units", "dead", "on", "zero", "flat")
        rows = [(*head, "grad", "cos"), *self._rows(str)]
        numbers = [max(map(len, c)) for c in list(zip(*rows))[2:]]
        # What is left of 72 columns goes to the names; long ones stand on a
        # line of their own.
        room = 72 - sum(numbers) - len(numbers)
        kinds = max(len(row[1]) for row in rows)
        width = max(len(row[0]) for row in rows)
        narrow = min(width, max(room - kinds - 1, len("layer")))
        lines = []
        for name, kind, *cells in rows:
            start = f"{name:{narrow}} {kind:{kinds}}"
            if len(name) > narrow or len(start) > room:
                lines += textwrap.wrap(name, 72, break_on_hyphens=False)
                start = f"{'':2}{kind}"
            lines.append(
                " ".join(
                    [
                        f"{start:{min(room, narrow + 1 + kinds)}}",
                        *map(str.rjust, cells, numbers),
                    ]
                )
            )
        texts = [
            textwrap.fill(text, 72, break_on_hyphens=False)
            for text in self._sentences(str, "chapter {1}")
        ]
        return "\n\n".join(["\n".join(lines), *texts])

    def _repr_html_(self):
        head = '</th><th scope="col">'.join(_TITLES)
        rows = "".join(
            f'<tr><th scope="row">{_breakable(name)}</th><td>'
            + "</td><td>".join(cells)
            + "</td></tr>"
            for name, *cells in self._rows(escape)
        )
        # Beside a reader's script there are no chapters.
        link = '<a href="{0}.ipynb">chapter {1}</a>'
        texts = self._sentences(escape, link if __package__ else "chapter {1}")
        return (
            "<table><caption>Health of the activation layers</caption>"
            f'<tr><th scope="col">{head}</th></tr>{rows}</table><ul><li>'
            + "</li><li>".join(texts)
            + "</li></ul>"
        )

    def _repr_markdown_(self):
        named = ((_breakable(name), *c) for name, *c in self._rows(_literal))
        rows = [_TITLES, ["---"] * 2 + ["--:"] * 7, *named]
        lines = [f"| {' | '.join(row)} |" for row in rows]
        link = "[chapter {1}]({0}.ipynb)" if __package__ else "chapter {1}"
        texts = self._sentences(_literal, link)
        return "\n* ".join(["\n".join(lines) + "\n", *texts])


def report(model, x, loss=None, *, axis=None, all_data=False):
    """Measure a model's layers, and say what is wrong and what may help.

    Parameters
    ----------
    model : Module
        Any nn.Module.
    x : Tensor, tuple, dict or iterable of them
        What the model takes; see `layers`. Give 20 different samples at
        least, better some hundred. Positions count, such as pixels or tokens.
    loss : callable, optional
        A function of the output, or of the output and the labels, that
        returns one number; see `layers`. With a loss and labels the report
        also says whether the model's last function fits them.
    axis : int or dict, optional
        The axis of the units, where it cannot be known; see `layers`.
    all_data : bool
        Whether these samples are all that there are, as the four points of
        XOR, so that few of them are enough to judge.

    Returns
    -------
    HealthReport
        The layers and the findings.

    Raises
    ------
    TypeError, ValueError, RuntimeError
        As of `layers`.

    Notes
    -----
    What it finds in a layer, and why at these limits:

    * pre-activations that are nan or infinite;
    * saturated: more than half of a layer's pre-activations; in sigmoid
      networks that trained well it was a quarter (chapter 03). Exempt: an
      activation that is the model's output, but for a tanh with more than
      99 %;
    * all units of a layer dead;
    * more than a third of a layer's units dead, three times as many as are
      always on, at a cosine up to 0.9. Up to a quarter cost little (chapter
      07), and up to ten random layers of 16 units and more hardly reach a
      third. Or three quarters dead, at any cosine: the few units left make
      samples look alike. Exempt: a layer with fewer than 20 samples, or one
      that gets the same from all;
    * samples that look alike: a cosine above 0.9999. Two vectors of length 1
      at this cosine are sqrt(2 (1 - 0.9999)) = 1.4 % of it apart. From
      PyTorch's start ReLU passes it in about the eighth layer (chapter 07).
      Exempt: a layer of one unit; a gate; one whose units are all constant,
      since a fault before it or equal samples make it so; and sigmoid,
      Hardsigmoid, LogSigmoid and softplus, whose outputs at 0 have a size of
      their own;
    * more than nine tenths of a layer's units always on. Exempt: the model's
      output, gates, all constant layers, and layers as under dead units.

    A layer has the first fault of these that fits. What it finds in the
    whole:

    * along the longest way through the layers, a fitted gradient norm in the
      first of less than 1/100, or more than 100 times, that in the last, if
      it also changes by a quarter or more at each layer; or of less than
      1e-6, or more than 1e6 times, at any pace. Networks with less, from PyTorch's start, were slow under
      plain gradient descent or did not learn (chapter 04). Fitted means on a
      line through the logarithms of the layers' norms; its slope is the
      median over all pairs of layers (Theil 1950, Sen 1968), so that an odd
      layer decides nothing. Exempt: the model's output, layers whose norm is
      0, nan or infinite, fewer than three others, and networks with one of
      the first three faults, which disturb the gradient as well. Norms of whole layers are
      compared, since weights of variance c / fan-in multiply these by the
      same factor whatever the widths;
    * gradients that are all exactly 0, or that do not arrive though weights
      wait for them;
    * inputs with a root mean square above 10 in some feature, or a mean that
      is more than 10 standard deviations from 0 and 1 at least, where they
      meet the first weights and no norm follows. Starts are made for inputs
      near 1 (chapters 04 and 10);
    * an output that is nan, or the same for all samples;
    * a layer that is constant though no layer before it is at fault;
    * batch norm in evaluation that was never trained, after which nothing is
      judged, or whose variances are off by a factor of 10, or means by 3
      deviations, in most channels;
    * ReLU before a softmax or a sigmoid, and one softmax or sigmoid before
      another, in the model or in the loss; targets that the last function
      cannot reach.

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
    seen = _look(model, x, loss, axis)
    one_sample = seen.outputs.is_one_sample()
    faults = _faults(seen, all_data)
    findings = [
        *(() if one_sample else _input_findings(seen)),
        *_layer_findings(faults),
        *_whole_findings(seen, faults, one_sample),
    ]
    return HealthReport(
        seen.layers,
        findings,
        1 if one_sample else seen.samples,
        seen.recorder.unseen(),
        list(_notes(seen, all_data, faults)),
    )


def _faults(seen, all_data):
    """Return the layers that break a rule, by rule and whether at the output."""
    faults = defaultdict(list)
    for layer in seen.layers:
        if not layer.is_judged or not layer.dead.size:
            continue
        few = layer.samples < _MANY and not all_data
        for rule in RULES:
            if rule.needs_many_samples and few:
                continue
            if rule.needs_units and not layer.units_known:
                continue
            if rule.measure(layer) > rule.limit:
                is_last = layer.name in seen.outputs.main
                faults[rule, is_last and rule.at_output != ""].append(layer)
                break
    return faults


def _layer_findings(faults):
    for (rule, at_output), ill in faults.items():
        largest = max(map(rule.measure, ill))
        share = "Up to " * (len(ill) > 1) + f"{largest:.0%}"
        remedy = rule.at_output if at_output else rule.remedy
        first = ill[0]
        if rule.chapter == "07_dying_relu" and (
            first.dead.size == 1 and not first.is_output
        ):
            remedy = (
                "Give the layer more units; start anew with a smaller learning "
                "rate."
            )
        yield Finding(
            ", ".join(layer.name for layer in ill),
            rule.problem.format(share),
            remedy,
            rule.chapter,
        )


def _input_findings(seen):
    for size, offset in seen.recorder.inputs.values():
        if size > 10 or offset > 1:
            how = (
                f"are large: the root mean square is {size:.3g} in a feature"
                if size > 10
                else "are far from 0, for how little they differ"
            )
            yield Finding(
                "inputs",
                f"They {how}; starts are made for numbers near 1.",
                "Standardise the inputs: subtract each feature's mean, divide "
                "by its standard deviation; or add batch norm behind the first "
                "weights.",
                "10_in_practice",
            )
            return


def _whole_findings(seen, faults, one_sample):
    """Return what is wrong in the model as a whole."""
    noticed = seen.recorder.noticed
    layers = [layer for layer in seen.layers if layer.dead.size]
    broken = {rule.limit == 0 for rule, _ in faults}
    disturbed = any(rule.disturbs_gradient for rule, _ in faults)
    if not seen.outputs.is_finite and True not in broken:
        yield Finding(
            "output",
            "The outputs hold nan or infinite numbers.",
            "Check the inputs and what comes after the last activation: a "
            "division by 0, the logarithm or root of a number that is not "
            "positive, weights that a step too large made so.",
            "05_exploding_gradients",
        )
    if "untrained" in noticed:
        yield Finding(
            _listed(noticed["untrained"]),
            "BatchNorm in evaluation, but its statistics were never measured: "
            "nothing that depends on it is judged.",
            "Train first, load the statistics with the parameters "
            "(state_dict), or run the training data through in training mode.",
            "04_vanishing_gradients",
        )
    lagging = seen.recorder.lagging()
    if lagging:
        yield Finding(
            _listed(lagging),
            "BatchNorm's statistics do not fit these data.",
            "Measure them anew: reset_running_stats(), momentum = None, and "
            "the training data through in training mode; or give data like "
            "those in training.",
            "04_vanishing_gradients",
        )
    yield from _head_findings(seen)
    if "untrained" in noticed:
        return
    norms = [layer.gradient_norm for layer in layers if layer.is_reached]
    waiting = [
        layer.name
        for layer in layers
        if layer.is_trained and not layer.is_reached
    ]
    is_still = norms and not any(norms)
    is_flat = not seen.outputs.is_moved or seen.outputs.spread() < 1e-3
    if is_still and is_flat and not faults:
        yield Finding(
            "loss",
            "The gradient is exactly 0 in all layers.",
            "Start all weights that are 0 at random; if the last ones alone "
            "are 0, on purpose, take a step first. Else the loss is flat "
            "here.",
            "04_vanishing_gradients",
        )
        return
    if waiting:
        yield Finding(
            _listed(waiting),
            f"No gradient reaches {'it' if len(waiting) == 1 else 'them'}, "
            "though weights before need one.",
            "Take detach(), no_grad() or .data out of the way from here to "
            "the loss, or let the loss use these outputs.",
            "04_vanishing_gradients",
        )
    constant = [
        layer.name
        for layer in layers
        if layer.constant.all() and not layer.dead.all() and layer.is_judged
    ]
    ill = (
        disturbed
        or one_sample
        or seen.samples < 2
        or any(rule.measure is _likeness for rule, _ in faults)
    )
    if constant and not ill:
        yield Finding(
            _listed(constant[:1]),
            "It is constant: its outputs are the same for all samples, and "
            "nothing of the inputs passes.",
            "Look at what it is given, whether that depends on the sample; "
            "start weights before it that are 0 at random.",
            "07_dying_relu",
        )
    paces = [] if disturbed else list(_gradient_findings(layers))
    if seen.outputs.spread() < 1e-3 and not (ill or constant or paces):
        yield Finding(
            "output",
            "The outputs are the same for all samples, or nearly so.",
            "If training made it so, start anew with a smaller learning rate, "
            "and see that the loss is not least when all outputs are equal; "
            "else start weights that are 0 at random.",
            "07_dying_relu",
        )
    yield from paces


def _head_findings(seen):
    """Return where the last function does not fit what follows it."""
    noticed = seen.recorder.noticed
    for kind, problem, remedy in (
        (
            "relu before softmax",
            "ReLU stands before a softmax, which wants numbers of both signs.",
            "Take the ReLU off: give the softmax the outputs of a linear "
            "layer.",
        ),
        (
            "relu before sigmoid",
            "ReLU stands before the loss's sigmoid: no output can say less "
            "than one half.",
            "Take the ReLU off: give the loss the outputs of a linear layer.",
        ),
        (
            "sigmoid twice",
            "A sigmoid stands before the loss, which applies one itself.",
            "Take the sigmoid off, or use nn.BCELoss().",
        ),
        (
            "softmax twice",
            "A softmax stands before the cross-entropy, which applies one "
            "itself.",
            "Take the softmax off: give the loss the logits.",
        ),
    ):
        if kind in noticed:
            place = _listed(noticed[kind])
            yield Finding(place, problem, remedy, "10_in_practice")
    reach = seen.outputs.out_of_reach
    if reach:
        yield reach


def _chains(layers):
    """Return the longest way to each layer that no other follows."""
    ways = {}
    for layer in layers:
        before = [ways[name] for name in layer.follows if name in ways]
        ways[layer.name] = [*max(before, key=len, default=[]), layer]
    inner = {name for layer in layers for name in layer.follows}
    return [way for name, way in ways.items() if name not in inner]


def _pace(chain):
    """Return its layers with a gradient, and how that changes, as logarithms.

    By layer, and in all.
    """
    found = [
        layer
        for layer in chain
        if 0 < layer.gradient_norm < np.inf and not layer.is_output
    ]
    logs = np.log([layer.gradient_norm for layer in found])
    i, j = np.triu_indices(len(logs), 1)
    step = np.median((logs[i] - logs[j]) / (j - i)) if len(logs) > 2 else 0
    return found, step, step * (len(logs) - 1)


def _gradient_findings(layers):
    chains = [_pace(chain) for chain in _chains(layers)]
    if not chains:
        return
    found, step, total = max(chains, key=lambda chain: abs(chain[2]))
    is_steep = abs(step) > np.log(1.25)
    if abs(total) > np.log(100 if is_steep else 1e6):
        yield Finding(
            f"{found[0].name} to {found[-1].name}",
            f"Going back, the gradient {'grows' if step > 0 else 'shrinks'} "
            f"by a factor of about {np.exp(step):.2g} a layer, "
            f"{np.exp(total):.0e} in all.",
            "Add batch norm, or fit the weight scale to the function (He's "
            "for ReLU, small in residual branches).",
            "05_exploding_gradients" if step > 0 else "04_vanishing_gradients",
        )


def _notes(seen, all_data, faults):
    """Return what could not be judged, and why."""
    layers = [layer for layer in seen.layers if layer.is_judged]
    few = [layer for layer in layers if 0 < layer.samples < _MANY]
    if few and not all_data:
        least = min(layer.samples for layer in few)
        yield (
            f"Samples: {least} (1 where all are equal) in {len(few)} of "
            f"{len(seen.layers)} layers. Give {_MANY} or more: among fewer, "
            "chance alone makes units dead or always on, so these shares are "
            "not judged. If they are all there are, say all_data=True."
        )
    unknown = [layer.name for layer in layers if not layer.units_known]
    if unknown:
        yield (
            f"Units: which axis holds them is not known in {_listed(unknown)}."
            f' Say it, for example axis={{"{unknown[0]}": 1}}; until then '
            "nothing of units is judged there."
        )
    if seen.outputs.is_moved and not faults:
        yield (
            "Gradient: it is exactly 0 in all layers, but not for the weights "
            "behind them, which are 0 and take the first step."
        )
    idle = [layer.name for layer in seen.layers if not layer.dead.size]
    if idle:
        yield f"No sample came to {_listed(idle)}."
    if not seen.is_loss_given and seen.outputs.has_one_length():
        yield (
            "Loss: the outputs all have one length, so the mean of their "
            "squares cannot change and its gradient says nothing. Give the "
            "loss that you train with."
        )


# --- a training that is watched ---


class Monitor:
    """Watch the activations of a model while it trains.

    Around any training loop::

        with health.Monitor(model, every=50) as watch:
            for x, y in loader:
                loss = loss_of(model(x), y)
                ...
        watch.plot()

    At every 50th forward pass in training mode it looks: it counts what the
    pass does, and feels the gradients of the backward pass that follows.
    Nothing is computed twice, and between looks its hooks are off.

    Parameters
    ----------
    model : Module
        The model that is called in the loop.
    x : Tensor, tuple, dict or iterable of them, optional
        Data to look at instead of the loop's own batches, as of `layers`: a
        pass of its own at each look. Then deaths and revivals are those on
        the same data; on batches that change, a unit may be dead on one and
        not on the next. Recommended where batches are small.
    loss : callable, optional
        As of `layers`, for `x`; its value is kept.
    every : int
        Forward passes from one look to the next.
    axis : int or dict, optional
        As of `layers`.

    Attributes
    ----------
    looks : list of Look
        What was seen, up to the last backward pass.
    events : list of str
        What went wrong, and between which steps.

    Raises
    ------
    TypeError
        If `model` is no module.
    ValueError
        If `every` is no whole number of 1 or more.

    Notes
    -----
    Loops that are not yours have places to begin and to end. In Lightning a
    callback with these four lines, for the network that training_step calls::

        def on_train_start(self, trainer, module):
            self.watch = health.Monitor(module.net, every=50).start()
        def on_train_end(self, trainer, module):
            self.watch.stop()

    In transformers' Trainer, a TrainerCallback::

        def on_train_begin(self, args, state, control, model=None, **kwargs):
            self.watch = health.Monitor(model, every=50).start()
        def on_train_end(self, *args, **kwargs):
            self.watch.stop()

    Where a loss is scaled, as by torch.amp.GradScaler, gradient norms are
    those of the scaled loss.

    Examples
    --------
    >>> _ = torch.manual_seed(0)
    >>> model = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
    >>> step = torch.optim.SGD(model.parameters(), lr=50.0)
    >>> data = torch.randn(100, 2)
    >>> with Monitor(model, every=1) as watch:
    ...     for _ in range(3):
    ...         (model(data) - 1).square().mean().backward()
    ...         step.step()
    >>> watch
    Steps 0 to 2, in 3 looks at 1 layer.
    1: half of its units or more died between steps 1 and 2.
    """

    def __init__(self, model, x=None, loss=None, *, every=50, axis=None):
        _check(model)
        _check_loss(loss)
        _check_axis(axis)
        is_whole = hasattr(every, "__index__") and not isinstance(every, bool)
        if not is_whole or operator.index(every) < 1:
            raise ValueError(
                "every must be a whole number of 1 or more, such as 50 for a "
                f"look at every 50th step, got {every!r}"
            )
        if (
            x is not None
            and not _is_batch(x)
            and (
                isinstance(x, (str, bytes, Iterator))
                or not isinstance(x, Iterable)
                or hasattr(x, "dtype")
            )
        ):
            raise TypeError(
                "x must be data to look at again and again, such as a tensor, "
                f"a list of batches or a DataLoader, got {type(x).__name__}"
            )
        self.model, self.x, self.loss = model, x, loss
        self.every, self.axis = operator.index(every), axis
        self._step, self._losses = 0, {}
        # How many of the model's calls run, where it calls itself.
        self._depth = 0
        self._recorder, self._hooks, self._unseen = None, [], {}
        # Looks whose gradients may still come, and those that are over.
        self._waiting, self._over = [], []

    def start(self):
        """Begin to watch.

        Returns
        -------
        Monitor
            Itself.
        """
        if not self._hooks:
            self._hooks = [
                self.model.register_forward_pre_hook(
                    _Hook(self._before), with_kwargs=True
                ),
                self.model.register_forward_hook(
                    _Hook(self._after), always_call=True
                ),
            ]
        return self

    def stop(self):
        """Stop watching; with `x`, look once more."""
        for hook in self._hooks:
            hook.remove()
        self._hooks = []
        if self.x is not None and self._step:
            self._look(self._step)

    def __enter__(self):
        """Begin to watch."""
        return self.start()

    def __exit__(self, *error):
        """Stop watching."""
        if error[0] is not None:
            self.x = None  # where the loop failed, its data may as well
        self.stop()

    def log(self, loss):
        """Keep the loss of a step that is looked at; others are let go.

        Parameters
        ----------
        loss : Tensor or float
            One number.
        """
        step = self._step - 1
        if any(step == waiting[0] for waiting in self._waiting):
            value = loss.item() if _is_tensor(loss) else float(loss)
            self._losses.setdefault(step, value)

    def _before(self, module, args, kwargs):
        self._depth += 1
        at_work = _Recorder.current
        if (
            self._depth > 1
            or not (module.training and torch.is_grad_enabled())
            or (at_work and at_work.may_cut)
        ):
            return
        step, self._step = self._step, self._step + 1
        if step % self.every:
            return
        self._finish_looks()
        if self.x is not None:
            self._look(step)
            return
        if at_work and at_work.model is module:
            self._recorder = at_work  # of another Monitor: the two share it
            return
        tensors = list(_leaves((args, kwargs)))
        count = len(tensors[0]) if tensors and tensors[0].ndim else 1
        self._recorder = _Recorder(module, self.axis, may_cut=False)
        self._recorder.begin(count)
        for tensor in tensors:
            self._recorder.data(tensor)
        self._recorder.__enter__()

    def _after(self, module, args, output):
        self._depth -= 1
        recorder = self._recorder
        if (
            recorder is None
            or self._depth
            or (
                _Recorder.current is not None
                and _Recorder.current is not recorder
            )
        ):
            return
        self._recorder = None
        if recorder is _Recorder.current:
            recorder.finish(output)
            recorder.__exit__(None, None, None)
            recorder.release()
        self._unseen.update(dict.fromkeys(recorder.unseen()))
        if output is not None:  # not after an error
            self._waiting.append((self._step - 1, recorder, None))

    def _look(self, step):
        seen = _look(self.model, self.x, self.loss, self.axis)
        self._unseen.update(dict.fromkeys(seen.recorder.unseen()))
        loss = seen.loss if self.loss is not None else None
        self._waiting.append((step, seen.layers, loss))

    def _finish_looks(self, is_end=False):
        """Keep the looks whose gradients came, and all but one other."""
        while self._waiting:
            step, seen, loss = self._waiting[0]
            is_last = len(self._waiting) == 1
            if isinstance(seen, _Recorder):
                if is_last and not is_end and not seen.felt():
                    return
                seen = [row.layer(seen.samples) for row in seen.in_order()]
            del self._waiting[0]
            before = self._over[-1] if self._over else None
            loss = self._losses.pop(step, None) if loss is None else loss
            self._over.append(_look_of(step, loss, seen, before))

    @property
    def looks(self):
        """What was seen, as a list of Look."""
        self._finish_looks(is_end=True)
        return self._over

    @property
    def events(self):
        """What went wrong, and between which steps, as sentences."""
        found = []
        for name in self._names():
            for what, is_so in _EVENTS:
                before = None
                for look in self.looks:
                    row = look.layers.get(name)
                    if row is None or not is_so(row):
                        before = look.step
                        continue
                    when = (
                        f"at step {look.step} already"
                        if before is None
                        else f"between steps {before} and {look.step}"
                    )
                    found.append((look.step, f"{name}: {what} {when}."))
                    break
        told = {}
        for step, text in sorted(found, key=lambda event: event[0]):
            told.setdefault((step, text.split(":")[0]), text)
        return list(told.values())

    def _names(self):
        return list(
            dict.fromkeys(n for look in self.looks for n in look.layers)
        )

    def __repr__(self):
        """Return how long it watched, and what went wrong."""
        if not self.looks:
            return "Nothing was watched yet."
        count, names = len(self.looks), self._names()
        said = "No layer died, and no number was nan."
        lines = [
            f"Steps {self.looks[0].step} to {self.looks[-1].step}, in "
            f"{count} look{'s' * (count > 1)} at {len(names)} "
            f"layer{'s' * (len(names) != 1)}.",
            *(self.events or [said if names else "No activation was seen."]),
            *(f"Not seen: {text}." for text in self._unseen),
        ]
        return "\n".join(
            textwrap.fill(line, 72, break_on_hyphens=False) for line in lines
        )

    def to_dict(self):
        """Return all looks in plain numbers, strings and lists.

        Returns
        -------
        dict
            For json.dumps: the "steps", the "loss" at each, the "events", what
            was "unseen", and by the names of the "layers" a list over the
            looks of each quantity, None where a layer did not run.
        """
        return {
            "steps": [look.step for look in self.looks],
            "loss": [_plain(look.loss) for look in self.looks],
            "events": self.events,
            "unseen": list(self._unseen),
            "layers": {
                name: {
                    key: [
                        look.layers.get(name, {}).get(key)
                        for look in self.looks
                    ]
                    for key in _QUANTITIES
                }
                for name in self._names()
            },
        }

    def to_csv(self, path):
        """Write a table with one row a look and layer.

        Parameters
        ----------
        path : str or Path
            The file, which is overwritten.

        Raises
        ------
        ValueError
            If nothing was watched.
        """
        self._check()
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["step", "loss", "layer", *_QUANTITIES])
            for look in self.looks:
                for name, row in look.layers.items():
                    writer.writerow(
                        [look.step, look.loss, name, *row.values()]
                    )

    def _check(self):
        if not self._names():
            raise ValueError(
                "no activation was watched: between start and stop the model "
                "must run in training mode, as model(x) after model.train(), "
                "and compute one that can be seen"
            )

    def plot(self):
        """Draw the share of dead units and the gradient norm, over time.

        Returns
        -------
        matplotlib.figure.Figure
            Layers from below, steps to the right; below both the loss, if it
            is known.

        Raises
        ------
        ValueError
            If nothing was watched.
        """
        import matplotlib.pyplot as plt

        self._check()
        names, steps = self._names(), [look.step for look in self.looks]
        losses = [look.loss for look in self.looks]
        has_loss = any(loss is not None for loss in losses)

        def table(value):
            return np.array(
                [
                    [
                        np.nan if row is None else value(row)
                        for row in (look.layers.get(n) for look in self.looks)
                    ]
                    for n in names
                ],
                dtype=float,
            )

        # Where numbers are nan, nothing is known of a unit: left blank.
        dead = table(
            lambda row: (
                np.nan
                if row["nonfinite_fraction"]
                else row["dead"] / max(1, row["units"])
            )
        )
        norm = table(lambda row: row["gradient_norm"] or np.nan)
        fig, axes = plt.subplots(
            2 + has_loss,
            sharex=True,
            squeeze=False,
            layout="constrained",
            figsize=(6, 1.2 + 2 * min(4, 0.6 + 0.2 * len(names)) + has_loss),
        )
        edges = np.array([*steps, steps[-1] + self.every])
        rows = np.arange(len(names) + 1) - 0.5
        for ax, values, label, look in zip(
            axes[:, 0],
            (dead, np.log10(norm)),
            (
                "share of dead units (hatched: nan)",
                "gradient norm, log₁₀ (hatched: nan, 0 or none)",
            ),
            ({"cmap": "Oranges", "vmin": 0, "vmax": 1}, {"cmap": "cividis"}),
        ):
            ax.grid(False)
            ax.patch.set(hatch="///", edgecolor="0.5")
            mesh = ax.pcolormesh(edges, rows, values, **look)
            fig.colorbar(mesh, ax=ax)
            ax.set_title(label, loc="left")
            shown = range(0, len(names), max(1, len(names) // 12))
            ax.set(yticks=shown, yticklabels=[names[i] for i in shown])
        if has_loss:
            kept = [np.nan if loss is None else loss for loss in losses]
            axes[2, 0].plot(steps, kept, color="black")
            axes[2, 0].set(ylabel="loss")
        axes[-1, 0].set(xlabel="step")
        return fig

    def _repr_png_(self):
        if not self._names():
            return None
        import matplotlib.pyplot as plt

        fig, file = self.plot(), BytesIO()
        fig.savefig(file, format="png", dpi=100)
        plt.close(fig)
        return file.getvalue()


class Look(NamedTuple):
    """Hold what a Monitor saw at one step.

    Attributes
    ----------
    step : int
        How many training passes came before.
    loss : float or None
        The loss there, if it is known.
    layers : dict of dict
        By layer: "units", and how many of them are "dead" and "always_on";
        "zero_fraction", "nonfinite_fraction", "gradient_norm"; "deaths" and
        "revivals" since the last look.
    dead : dict of ndarray of bool (units,)
        By layer: which units are dead.
    """

    step: int
    loss: float | None
    layers: dict
    dead: dict


_QUANTITIES = (
    "units",
    "dead",
    "always_on",
    "zero_fraction",
    "nonfinite_fraction",
    "gradient_norm",
    "deaths",
    "revivals",
)


def _look_of(step, loss, layers, before):
    """Return a Look at layers; `before` is the one before it, or None."""
    rows = {}
    for layer in layers:
        row = before and before.layers.get(layer.name)
        changes = np.zeros(layer.dead.shape, int)
        # A unit that is nan is not dead, and yet it did not come back.
        is_known = not layer.nonfinite_fraction > 0
        if row and row["units"] == layer.dead.size and is_known:
            changes = layer.dead.astype(int) - before.dead[layer.name]
        rows[layer.name] = dict(
            zip(
                _QUANTITIES,
                (
                    layer.dead.size,
                    int(layer.dead.sum()),
                    int(layer.always_on.sum()),
                    _plain(layer.zero_fraction),
                    _plain(layer.nonfinite_fraction),
                    _plain(layer.gradient_norm),
                    int((changes == 1).sum()),
                    int((changes == -1).sum()),
                ),
            )
        )
    return Look(step, loss, rows, {layer.name: layer.dead for layer in layers})


class _Hook:
    """Call a Monitor's method; in a copy or a file of the model, nothing."""

    def __init__(self, function):
        self.function = function

    def __call__(self, *args):
        return self.function(*args)

    def __reduce__(self):
        return getattr, (nullcontext(), "__exit__")


# What is told, the worst first: of each layer the first that came at a step.
_EVENTS = (
    (
        "its numbers became nan or infinite",
        lambda row: row["nonfinite_fraction"],
    ),
    (
        "all of its units died",
        lambda row: row["units"] and row["dead"] == row["units"],
    ),
    (
        "half of its units or more died",
        lambda row: row["units"] and 2 * row["dead"] >= row["units"],
    ),
)
