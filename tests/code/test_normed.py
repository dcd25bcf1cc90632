"""The experiment with and without batch norm: what it trains and counts."""

import numpy as np
import pytest
import torch
from torch import nn

from utils.experiments import normed


def built(kind, seed=3):
    torch.manual_seed(seed)
    return normed.UNet(kind).double()


def convolutions(network):
    return [m.weight for m in network.modules() if isinstance(m, nn.Conv2d)]


@pytest.mark.parametrize("kind", normed.KINDS)
def test_a_network_has_six_rectified_layers_and_as_many_channels_as_said(kind):
    network, widths = built(kind), []
    for module in network.modules():
        if isinstance(module, nn.ReLU):
            module.register_forward_hook(
                lambda module, args, values: widths.append(values.shape[1])
            )
    logits = network(torch.zeros(2, 1, 16, 16, dtype=torch.float64))
    assert logits.shape == (2, 16, 16)
    assert widths == [8, 8, 16, 16, 8, 8]
    assert sum(widths) == normed.CHANNELS


def test_the_norm_stands_where_the_kind_says():
    def order(kind):
        names = [type(module).__name__ for module in built(kind).top]
        return [name for name in names if name != "Conv2d"]

    assert order("none") == order("none, He") == ["ReLU"] * 2
    assert order("before") == ["BatchNorm2d", "ReLU"] * 2
    assert order("after") == ["ReLU", "BatchNorm2d"] * 2
    with pytest.raises(
        ValueError, match="kind must be one of none, .*'layer'"
    ):
        normed.UNet("layer")


def test_all_kinds_start_alike_but_that_of_he():
    start = convolutions(built("none"))
    for kind in "before", "after":
        assert all(map(torch.equal, start, convolutions(built(kind))))
    for weight in convolutions(built("none, He"))[1:6]:
        fan_in = weight[0].numel()
        assert 0.75 < weight.var() * fan_in / 2 < 1.25


def test_a_convolution_before_a_norm_has_no_bias():
    network = built("before")
    assert all(
        m.bias is None
        for part in (network.top, network.low, network.end[:-1])
        for m in part
        if isinstance(m, nn.Conv2d)
    )
    assert network.end[-1].bias is not None


def test_pictures_are_standardised_one_by_one_and_tested_on_others():
    x, y, x_test, y_test = normed.pictures()
    assert x.shape == (512, 1, 16, 16) and y_test.shape == (256, 16, 16)
    for images in x, x_test:
        assert images.mean(dim=(1, 2, 3)).abs().max() < 1e-12
        deviation = images.std(dim=(1, 2, 3), correction=0)
        assert (deviation - 1).abs().max() < 1e-12
    assert not torch.equal(x[:256], x_test)
    # What a record's docstring says of pixels and of chance.
    assert 0.015 < y_test.mean() < 0.03 and set(y.unique().tolist()) == {0, 1}


def test_zeros_are_counted_channel_by_channel():
    network = built("none")
    with torch.no_grad():
        for weight in convolutions(network)[:-1]:
            weight.zero_()
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                module.bias.fill_(1)
        network.low[3].bias.fill_(-1)
    # 16 of 64 channels, though at a quarter of the pixels.
    assert normed.examine(network)["zeros"] == 25


def test_dead_and_always_on_channels_are_counted_where_they_were_planted():
    network = built("none", seed=0)
    before = normed.examine(network)
    assert before["dead"] == [0] * 6
    with torch.no_grad():
        for module, channels, bias in (
            (network.top[0], [1, 2], -1e6),
            (network.low[3], [0, 7, 9], -1e6),
            (network.end[2], [5], 1e6),
        ):
            module.weight[channels] = 0
            module.bias[channels] = bias
    found = normed.examine(network)
    assert found["dead"] == [2, 0, 0, 3, 0, 0]
    assert found["always on"] == before["always on"] + 1


class Oracle(nn.Module):
    """A network that gives one answer; its ReLU has no part in it."""

    def __init__(self, answer):
        super().__init__()
        self.answer, self.relu = answer, nn.ReLU()

    def forward(self, x):
        self.relu(x)
        return self.answer


def test_who_knows_the_tracks_scores_all_and_who_diverged_as_chance():
    y = normed.pictures()[-1]
    assert normed.examine(Oracle(y))["score"] == pytest.approx(100)
    chance = normed.examine(Oracle(y * torch.nan))["score"]
    assert chance == pytest.approx(100 * float(y.mean()))


def test_training_moves_all_parameters_and_leaves_the_norms_for_use():
    trained = normed.train("before", 3, "adam", 0.01, steps=3)
    assert not trained.training
    start = built("before")
    for name, parameter in start.named_parameters():
        now = dict(trained.named_parameters())[name]
        assert not torch.equal(parameter, now), name
    assert trained.top[1].num_batches_tracked == 3


def test_an_epoch_goes_through_all_pictures_in_the_seeds_order(monkeypatch):
    batches, forward = [], normed.UNet.forward

    def watched(network, x):
        batches.append(x)
        return forward(network, x)

    monkeypatch.setattr(normed.UNet, "forward", watched)
    normed.train("none", 3, "momentum", 0.01, steps=65)
    rng = np.random.default_rng(3)
    order = [*rng.permutation(512), *rng.permutation(512)[:8]]
    assert torch.equal(torch.cat(batches), normed.pictures()[0][order])
