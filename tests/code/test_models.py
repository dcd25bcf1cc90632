"""The small networks of the chapters on practice."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from utils import data, models, networks


def size(module):
    return sum(p.numel() for p in module.parameters())


@pytest.fixture(autouse=True)
def double():
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


# What the stored numbers of the chapters rest on: which numbers of torch's
# generator go where. 1210 = 6 * 10 + 12 * 55 + 490, and so on.
@pytest.mark.parametrize(
    ("build", "count", "logits"),
    [
        (lambda: models.cnn(nn.ReLU), 1210, [0.1176167, 0.0638531]),
        (lambda: models.cnn(nn.ReLU, 5), 965, [0.0909020, 0.0906025]),
        (lambda: models.Transformer("ReLU"), 1490, [-0.4521163, -0.2079037]),
        (
            lambda: models.Transformer("ReLU", depth=2),
            2194,
            [0.5676309, -0.0789049],
        ),
        (lambda: models.Transformer("SwiGLU"), 1490, [-0.3545287, -0.3714959]),
    ],
    ids=["cnn", "cnn of five", "transformer", "two blocks", "gated"],
)
def test_the_same_seed_gives_the_same_network(build, count, logits):
    model = build()
    assert size(model) == count
    found = model(torch.linspace(-1, 1, 64)[None])[0, :2]
    torch.testing.assert_close(found, torch.tensor(logits), rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", models.FEED_FORWARD)
def test_feed_forward_parts_have_as_many_parameters(kind):
    part = models.FEED_FORWARD[kind]()
    assert size(part) == 384
    assert part(torch.zeros(3, 5, 8)).shape == (3, 5, 8)


def test_attention_is_torchs_own():
    attention = models.Attention(6)
    x = torch.randn(2, 5, 6)
    query, key, value = attention.all_three(x).chunk(3, dim=-1)
    torch.testing.assert_close(
        attention(x),
        attention.out(F.scaled_dot_product_attention(query, key, value)),
    )


def test_skip_connections_add_the_input_unless_they_are_cut():
    x = torch.randn(2, 3, 8)
    silent = nn.Linear(8, 8)
    block = models.Block(8, silent)
    for linear in silent, block.attention.out:
        nn.init.zeros_(linear.weight)
        nn.init.zeros_(linear.bias)
    assert torch.equal(block(x), x)
    block.skip = 0
    assert not block(x).any()


def test_gate_multiplies_the_hidden_units():
    gated, x = models.Gated(nn.SiLU()), torch.randn(4, 8)
    gate, value = F.silu(gated.gate[0](x)), gated.value(x)
    torch.testing.assert_close(gated(x), gated.out(gate * value))


def test_a_bilinear_layer_multiplies_two_linear_ones():
    part, x = models.FEED_FORWARD["bilinear"](), torch.randn(4, 8)
    first, second = part.gate[0].weight, part.value.weight
    torch.testing.assert_close(
        part(x), part.out((x @ first.T) * (x @ second.T))
    )
    # Twice the input, four times the output; a negative one is the same.
    torch.testing.assert_close(part(-2 * x), 4 * part(x))


def test_rows_of_the_image_are_the_tokens():
    model, x = models.Transformer("ReLU"), torch.randn(2, 64)
    embedded = model.embedded(x)
    row = model.embed(x[1, 24:32]) + model.place[3]
    torch.testing.assert_close(embedded[1, 3], row)
    torch.testing.assert_close(
        model(x), model.head(model.blocks(embedded).flatten(1))
    )


def test_unknown_kind_is_named():
    with pytest.raises(ValueError, match="kind must be one of ReLU, GELU, Sw"):
        models.Transformer("relu")


@pytest.mark.parametrize("name", ["cnn", "transformer"])
def test_many_can_be_trained_at_once(name):
    build = {
        "cnn": lambda: models.cnn(nn.GELU),
        "transformer": lambda: models.Transformer("ReGLU", depth=2, skip=0),
    }[name]
    result = networks.train_modules(build, data.digits(), seeds=2, epochs=0)
    x = torch.as_tensor(data.digits().x_test[:3])
    torch.testing.assert_close(
        result.predict(x)[1, 0], result.network(1, 0.01)(x)
    )


def test_a_name_in_place_of_an_activation_is_told_what_is_wanted():
    with pytest.raises(TypeError, match="such as nn.ReLU, got 'relu'"):
        models.cnn("relu")


def test_the_network_for_signals_is_that_of_its_authors():
    model = models.signal_cnn(nn.ReLU)
    # 150 = 25 * 6, 1900 = 25 * 76, 1260 = 10 * 126.
    assert size(model) == 150 + 2 * 1900 + 1260
    found = model(torch.linspace(-1, 1, 40)[None])
    x = torch.linspace(-1, 1, 40)[None, None]
    for part, stride in ((model[1], 2), (model[3], 2), (model[5], 2)):
        x = F.conv1d(x, part.weight, part.bias, stride, padding=1).relu()
    assert x.shape == (1, 25, 5)
    torch.testing.assert_close(found, model[-1](x.flatten(1)))
    with pytest.raises(TypeError, match="such as nn.ReLU, got 'relu'"):
        models.signal_cnn("relu")
