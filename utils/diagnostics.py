"""What a network does to signals and gradients: measured, and predicted.

The words (dead, always-on, constant, saturated, cosine, ...) are defined in
`health`, for anybody's module. Here `layers` measures the many `Networks` of
this book as well, all at once, and what `health` measures and `theory`
predicts goes by one name: diagnostics.health_report, diagnostics.mean_field.
"""

import torch
from torch import nn
from torch.nn import functional as F

from . import arguments, health, networks
from .health import (
    Finding,
    HealthReport,
    Layer,
    always_on,
    constant,
    dead,
)
from .health import report as health_report
from .theory import (
    MeanField,
    Signals,
    born_dead_bounds,
    born_dead_probability,
    born_dead_simulation,
    fixed_point,
    mean_field,
    random_networks,
)

__all__ = [
    "Finding",
    "HealthReport",
    "Layer",
    "MeanField",
    "Signals",
    "always_on",
    "born_dead_bounds",
    "born_dead_probability",
    "born_dead_simulation",
    "constant",
    "curvature",
    "dead",
    "fixed_point",
    "health_report",
    "layers",
    "mean_field",
    "random_networks",
]


def layers(model, x, loss=None):
    """Measure every layer of a model in one forward and backward pass.

    Parameters
    ----------
    model : Module or Networks
        Any nn.Module, or networks of the book.
    x : Tensor or array_like
        What the model takes, with the samples along its first axis: as of
        `health.layers` for a module; for Networks an array is as good.
    loss : callable, optional
        A function of the model's output that returns one number, for the
        gradient norm. By default the mean of the squared outputs, which needs
        no labels. For Networks it is given one member's output at a time.

    Returns
    -------
    list of Layer
        In the order of their calls. For Networks the leading axes of what
        they hold are (S, R), seeds and rates; for a module there are none.

    Raises
    ------
    TypeError, ValueError, RuntimeError
        As of `health.layers`; or Networks have no hidden layer.

    See Also
    --------
    health.layers : What a unit is, when a number is nan, and what is left
        as it was.

    Examples
    --------
    >>> from utils import data
    >>> spirals = data.spirals()
    >>> result = networks.train(
    ...     spirals, seeds=3, learning_rates=[0.1, 1.0], epochs=1
    ... )
    >>> [layer.zero_fraction.shape for layer in layers(result, spirals.x_test)]
    [(3, 2), (3, 2), (3, 2)]
    """
    if not isinstance(model, networks.Networks):
        arguments.instance(
            "model", model, nn.Module, "an nn.Module or Networks"
        )
        return health.layers(model, x, loss)
    with torch.inference_mode(False), torch.enable_grad():
        return _network_layers(model, x, loss or health.mean_squared_output)


def curvature(model, x, y, products=10):
    """Return the largest curvature of a classifier's loss.

    It is the largest eigenvalue of the Hessian of the mean cross-entropy, by
    the method of Lanczos, from products of the Hessian with vectors [1]_.

    Parameters
    ----------
    model : Module
        Maps x to logits, (N, classes).
    x : Tensor
        Samples, as the model takes them.
    y : Tensor
        Their labels, (N,).
    products : int
        How many products are taken. The value comes from below, the nearer
        the more there are.

    Returns
    -------
    float
        The eigenvalue, found among the directions that the gradient and its
        products with the Hessian span.

    References
    ----------
    .. [1] Pearlmutter (1994). Fast exact multiplication by the Hessian.

    Examples
    --------
    Of two classes, equally likely for the one input 2:

    >>> model = nn.Linear(1, 2, bias=False)
    >>> _ = nn.init.zeros_(model.weight)
    >>> round(curvature(model, torch.tensor([[2.0]]), torch.tensor([0])), 3)
    2.0
    """
    arguments.whole("products", products, 1)
    parameters = list(model.parameters())
    flat = nn.utils.parameters_to_vector
    gradient = flat(
        torch.autograd.grad(
            F.cross_entropy(model(x), y), parameters, create_graph=True
        )
    )
    v, basis, images = gradient.detach(), [], []
    for _ in range(products):
        size = v.norm()
        for b in [*basis, *basis]:  # Twice, against rounding.
            v = v - (v @ b) * b
        if v.norm() <= 100 * torch.finfo(v.dtype).eps * size:
            break  # The directions so far hold all that follow.
        basis.append(v / v.norm())
        v = flat(
            torch.autograd.grad(
                gradient @ basis[-1], parameters, retain_graph=True
            )
        )
        images.append(v)
    small = torch.stack(basis) @ torch.stack(images).T
    return torch.linalg.eigvalsh(small)[-1].item()


def _network_layers(model, x, loss):
    x = torch.as_tensor(x, dtype=model.weights[0].dtype).detach().clone()
    health.check_samples(x)
    if len(model.weights) == 1:
        raise ValueError(f"the networks have no hidden layer: {model}")
    logits, hidden = model.flat_forward(x.requires_grad_())
    # The members share nothing, so each has the gradient of its own loss.
    gradients = torch.autograd.grad(
        sum(map(loss, logits)), [z for z, _ in hidden], retain_graph=True
    )
    found = []
    for number, ((z, a), gradient) in enumerate(zip(hidden, gradients), 1):
        (slope,) = torch.autograd.grad(a.sum(), z, retain_graph=True)
        # Seeds and rates get their own axes, and the one position another.
        tensors = (
            t.unflatten(0, model.shape).unsqueeze(-2)
            for t in (z, a, slope, gradient)
        )
        found.append(
            Layer.from_tensors(
                f"layer {number}", model.activation_name, *tensors
            )
        )
    return found
