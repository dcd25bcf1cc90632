"""The small language model: its text, its parts, and what it leaves out."""

import hashlib
import importlib

import numpy as np
import pytest
import torch

from utils.experiments import language


def whole():
    return "".join(
        language.LETTERS[place] for part in language.text() for place in part
    )


def test_the_text_is_that_of_the_pinned_numpy():
    found = hashlib.sha256(whole().encode()).hexdigest()[:16]
    assert (found, len(whole())) == ("439b89222ec5cff3", 189205)


def test_the_text_does_not_depend_on_what_else_is_imported():
    # SciPy writes its own example into the docstring of NumPy's sinc.
    importlib.import_module("scipy.special")
    importlib.import_module("matplotlib.pyplot")
    language.text.cache_clear()
    test_the_text_is_that_of_the_pinned_numpy()


def test_the_text_is_prose_of_the_alphabet():
    assert set(whole()) == set(language.LETTERS)
    assert "  " not in whole()


def test_no_long_passage_of_the_test_text_was_learnt():
    train, _, test = (
        "".join(language.LETTERS[place] for place in part)
        for part in language.text()
    )
    pieces = [test[i : i + 200] for i in range(0, len(test), 200)]
    assert not any(piece in train for piece in pieces)


@pytest.mark.parametrize("kind", language.KINDS)
def test_each_layer_has_as_many_weights(kind):
    layer = language.Writer(kind).block.feed_forward
    count = sum(p.numel() for p in layer.parameters())
    # The two trained numbers of xIELU.
    assert count == 2 * 48 * 192 + (2 if kind == "xIELU" else 0)


def test_a_letter_does_not_see_those_behind_it():
    torch.manual_seed(0)
    writer = language.Writer("ReLU")
    letters = torch.arange(16)[None]
    other = letters.clone()
    other[0, 9:] = 20
    one, two = writer(letters), writer(other)
    torch.testing.assert_close(one[0, :9], two[0, :9])
    assert (one[0, 9:] - two[0, 9:]).abs().min() > 0


def test_xielu_is_what_its_authors_write():
    z = torch.linspace(-4, 4, 81, dtype=torch.float64, requires_grad=True)
    f = language.XIELU().double()
    # Both numbers start at 0.8, the slope at 0 is 1/2.
    right, left = 0.8 * z**2 + z / 2, 0.8 * (z.exp() - 1 - z) + z / 2
    torch.testing.assert_close(
        f(z), torch.where(z > 0, right, left), rtol=0, atol=1e-6
    )
    (slope,) = torch.autograd.grad(f(z).sum(), z)
    elu = torch.where(z > 0, 2 * z, z.exp() - 1)
    torch.testing.assert_close(slope, 0.8 * elu + 0.5, rtol=0, atol=1e-6)


def test_a_unit_that_is_zero_is_left_out_at_no_cost():
    torch.manual_seed(0)
    windows = language.windows_of(language.text()[2])[:20]
    writer = language.Writer("ReLU").double()
    zero = language.values(writer, windows[:, :-1])[0] == 0
    assert 0.4 < zero.double().mean() < 0.6
    cost = [
        language.loss_of(writer, windows, floor)
        - language.loss_of(writer, windows)
        for floor in (1e-12, 1.0)
    ]
    assert abs(cost[0]) < 1e-9 < abs(cost[1])


def test_a_writer_writes_the_same_from_the_same_generator():
    torch.manual_seed(0)
    writer = language.Writer("ReLU²").double()
    pages = [
        language.write(writer, np.random.default_rng(seed), 8)
        for seed in (1, 1, 2)
    ]
    assert pages[0] == pages[1] and pages[0][0] != pages[2][0]
    assert len(pages[0][0]) == 8 and 0 < pages[0][1] < 1


def test_training_leaves_torchs_generator_alone():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    language.train("none", 0, 0.01, steps=1)
    assert torch.equal(before, torch.get_rng_state())


def test_a_unit_that_is_off_spares_one_row_or_two():
    whole = sum(p.numel() for p in language.Writer("ReLU").parameters())
    whole -= (28 + 16) * 48
    for kind, spared in (("ReLU", 192 * 48), ("SwiGLU", 2 * 128 * 48)):
        assert language.weights_read(kind, 0) == 100
        read = language.weights_read(kind, 100)
        np.testing.assert_allclose(read, 100 - 100 * spared / whole)


def test_units_are_left_out_until_the_loss_has_risen_by_so_much():
    cost = np.array([[0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 3]])
    assert language.left_out({"cost": cost}) == pytest.approx([82.5])
    assert language.left_out({"cost": cost}, 2.5) == pytest.approx([92.5])
