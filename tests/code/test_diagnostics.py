"""Diagnostics: many networks at once are measured as each of them alone."""

import re

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn
from torch.nn import functional as F

from tests.code.test_health import QUANTITIES, X
from tools.paths import ROOT
from utils import data, diagnostics, health, networks, theory
from utils.diagnostics import health_report, layers

pytestmark = pytest.mark.filterwarnings("error")


def test_what_was_measured_and_predicted_goes_by_one_name():
    assert diagnostics.health_report is health.report
    own = {"curvature", "health_report", "layers"}
    for name in set(diagnostics.__all__) - own:
        home = theory if hasattr(theory, name) else health
        assert getattr(diagnostics, name) is getattr(home, name)


def test_the_notebooks_use_public_names_only():
    notebooks = (ROOT / "chapters").rglob("*.ipynb")
    texts = [path.read_text(encoding="utf-8") for path in notebooks]
    used = set(re.findall(r"diagnostics\.(\w+)", "".join(texts)))
    assert len(used) > 5
    assert used <= set(diagnostics.__all__)


# Modules


def test_a_module_is_measured_as_health_does():
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(3, 9), nn.ReLU()), torch.randn(20, 3)
    for loss in (None, torch.sum):
        (one,), (two,) = layers(model, x, loss), health.layers(model, x, loss)
        for name in ("name", "activation", "is_output", *QUANTITIES):
            assert np.array_equal(getattr(one, name), getattr(two, name))


def test_the_squared_relu_of_the_networks_is_an_activation():
    # Slopes 0, 0 and 2, outputs 0, 0 and 1: dL/dz = 2 * 1 * 2 / 3.
    (layer,) = layers(networks.ReLUSquared(), X)
    assert layer.activation == "ReLUSquared"
    assert layer.zero_fraction == pytest.approx(2 / 3)
    assert layer.gradient_norm == pytest.approx(4 / 3)
    assert not layer.dead.any()


def hessian(net, x, y):
    """Return the matrix of second derivatives of a loss, entry by entry."""
    shapes = {name: p.shape for name, p in net.named_parameters()}

    def loss_at(flat):
        parts = flat.split([shape.numel() for shape in shapes.values()])
        values = {
            name: part.reshape(shape)
            for (name, shape), part in zip(shapes.items(), parts, strict=True)
        }
        return F.cross_entropy(torch.func.functional_call(net, values, x), y)

    flat = nn.utils.parameters_to_vector(net.parameters()).detach()
    return torch.autograd.functional.hessian(loss_at, flat)


def test_curvature_is_the_largest_eigenvalue_of_the_hessian():
    rng = torch.Generator().manual_seed(0)
    net = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 2)).double()
    for p in net.parameters():
        nn.init.normal_(p, generator=rng)
    x = torch.randn(40, 2, generator=rng, dtype=torch.float64)
    y = (x[:, 0] > 0).long()
    wanted = torch.linalg.eigvalsh(hessian(net, x, y))[-1].item()
    found = [diagnostics.curvature(net, x, y, n) for n in (1, 3, 10, 30)]
    assert found == sorted(found) and found[0] < 0.99 * wanted
    assert_allclose(found[2:], wanted, rtol=1e-3)
    assert_allclose(found[3], wanted, rtol=1e-9)
    with pytest.raises(ValueError, match="products"):
        diagnostics.curvature(net, x, y, 0)


def test_what_is_neither_module_nor_networks_is_refused():
    with pytest.raises(
        TypeError, match="model must be an nn.Module or Networks, got function"
    ):
        layers(F.relu, X)


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
        {"activation": "relu_squared"},
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
