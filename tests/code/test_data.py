"""The data sets: right sizes, standardised, independent of each other."""

import random

import numpy as np
import pytest
from sklearn.datasets import load_digits

from utils import data

X, Y = [[0.0], [1.0]], [0, 1]


def test_digits_split_every_sample_once():
    digits = data.digits()
    assert digits.x_train.shape == (1437, 64)
    assert digits.x_test.shape == (360, 64)
    labels = np.concatenate([digits.y_train, digits.y_test])
    raw = load_digits().target
    assert np.array_equal(np.bincount(labels), np.bincount(raw))


def test_digits_test_part_has_the_same_class_shares():
    digits = data.digits()
    share = np.bincount(digits.y_test) / np.bincount(digits.y_train)
    assert np.abs(share - 0.25).max() < 0.01


def test_digits_are_standardised_by_training_samples():
    x = data.digits().x_train
    blank = (x == 0).all(axis=0)
    assert blank.sum() == 4
    np.testing.assert_allclose(x.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(x.std(axis=0)[~blank], 1, rtol=1e-12)
    # Training statistics were used for these, so they are only near 0 and 1.
    assert 0.001 < abs(data.digits().x_test.mean()) < 0.1


def test_digits_keep_their_values_when_a_caller_changes_a_copy():
    first = data.digits()
    before = first.x_train.copy()
    first.x_train[:] = 7
    assert np.array_equal(data.digits().x_train, before)


def test_first_digits_are_standardised_by_themselves():
    first, raw = data.digits(n=600), data.split_digits()[0][:600]
    assert np.array_equal(first.y_train, data.digits().y_train[:600])
    deviation = raw.std(axis=0)
    blank = deviation == 0
    np.testing.assert_allclose(
        first.x_train, (raw - raw.mean(axis=0)) / (deviation + blank)
    )
    assert first.x_test.shape == (360, 64)


@pytest.mark.parametrize("n", [1438, 99, 600.0])
def test_digits_say_how_many_there_are(n):
    with pytest.raises(ValueError, match=f"n must be .*1.* got {n}"):
        data.digits(n=n)


def test_curve_is_the_sine_plus_noise():
    curve = data.curve()
    assert curve.x_train.shape == (200, 1) and curve.y_test.shape == (50,)
    rng = np.random.default_rng(0)
    x = rng.uniform(-2, 2, 250)
    y = np.sin(2 * x) + 0.1 * rng.standard_normal(250)
    assert np.array_equal(np.append(curve.x_train, curve.x_test), x)
    assert np.array_equal(np.append(curve.y_train, curve.y_test), y)
    still = data.curve(n=10, noise=0, seed=3)
    assert np.array_equal(still.y_test, np.sin(2 * still.x_test[:, 0]))


def test_moved_digits_are_the_digits_rolled_by_a_pixel_at_most():
    moved, raw = data.moved_digits(), load_digits()
    pixels = raw.data
    assert np.array_equal(moved.y_train, data.digits().y_train)
    images = np.concatenate([moved.x_train, moved.x_test])
    images = (images * pixels.std() + pixels.mean()).reshape(-1, 8, 8).round()
    of = {image.tobytes(): i for i, image in enumerate(raw.images)}
    steps, found = set(), set()
    for image in images:
        for step in np.ndindex(3, 3):
            back = np.roll(image, np.subtract(1, step), (0, 1))
            if (i := of.get(back.tobytes())) is not None:
                steps.add(step)
                found.add(i)
                break
        else:
            raise AssertionError("an image is no digit")
    assert len(steps) == 9 and len(found) > 1790


def test_moved_digits_are_the_same_each_time():
    first, second = data.moved_digits(), data.moved_digits()
    assert np.array_equal(first.x_train, second.x_train)
    assert not np.shares_memory(first.x_train, second.x_train)


@pytest.mark.parametrize("classes", [2, 3])
def test_spirals_sizes_and_balance(classes):
    spirals = data.spirals(n=600, classes=classes)
    assert spirals.x_train.shape == (480, 2)
    assert (np.bincount(spirals.y_test) == 120 // classes).all()


def test_spirals_depend_on_their_seed_only():
    assert np.array_equal(
        data.spirals(seed=1).x_train, data.spirals(seed=1).x_train
    )
    assert not np.array_equal(
        data.spirals(seed=1).x_train, data.spirals(seed=2).x_train
    )


def test_spirals_arms_are_turned_copies_of_each_other():
    spirals = data.spirals(n=600, classes=3, noise=0)
    x, y = spirals.x_train, spirals.y_train
    radius = np.hypot(*x.T)
    phase = np.arctan2(x[:, 1], x[:, 0]) - 2 * np.pi * 1.25 * radius / 2
    np.testing.assert_allclose(
        np.exp(1j * phase), np.exp(2j * np.pi * y / 3), atol=1e-9
    )


def test_noise_moves_every_point_by_its_size():
    moved = data.spirals(noise=0.3).x_train - data.spirals(noise=0).x_train
    assert moved.std() == pytest.approx(0.3, rel=0.1)


def test_dataset_copies_what_it_is_given():
    x = np.zeros((2, 1))
    dataset = data.Dataset(x, Y, x, Y)
    x[:] = 5
    assert not dataset.x_train.any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[np.nan], [1.0]], Y, X, Y), "x_train must be finite, got 1 value"),
        ((X, Y, [[np.inf]], [0]), "x_test must be finite"),
        (([0.0, 1.0], Y, X, Y), r"x_train must have the shape .* got \(2,\)"),
        ((X, [0], X, Y), "y_train must be 2 integer labels"),
        ((X, [0.0, 1.0], X, Y), "y_train must be 2 integer labels"),
        ((X, [0, -1], X, Y), "labels must lie between 0 and 0"),
        ((X, Y, X, [0, 2]), "labels must lie between 0 and 1"),
        ((X, Y, [[0.0, 1.0]], [0]), "x_test must have 1 features"),
    ],
)
def test_dataset_says_what_does_not_fit(arguments, message):
    with pytest.raises(ValueError, match=message):
        data.Dataset(*arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((X, [0.5, np.nan], X, Y), "y_train must be finite"),
        ((X, Y, X, [np.inf, 0]), "y_test must be finite"),
        ((X, ["0", "1"], X, Y), "y_train must be 2 numbers such as"),
        ((X, [[0.5], [0.5]], X, Y), r"y_train must be .* shape \(2, 1\)"),
        ((X, Y, [0.0, 1.0], Y), "x_test must have the shape"),
    ],
)
def test_dataset_of_numbers_says_what_does_not_fit(arguments, message):
    with pytest.raises(ValueError, match=message):
        data.RegressionDataset(*arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"classes": 4}, "classes must be 2 or 3, got 4"),
        ({"n": 9}, "n must be whole, at least 10, .*got 9"),
        ({"n": 100.5}, "n must be whole, at least 10, .* got 100.5"),
        ({"noise": -0.1}, "noise must be a finite number of at least 0"),
        ({"noise": np.nan}, "noise must be a finite number of at least 0"),
    ],
)
def test_spirals_say_what_does_not_fit(arguments, message):
    with pytest.raises(ValueError, match=message):
        data.spirals(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 4}, "n must be whole, at least 5, .*got 4"),
        ({"noise": "0.1"}, "noise must be a finite number of at least 0"),
    ],
)
def test_curve_says_what_does_not_fit(arguments, message):
    with pytest.raises(ValueError, match=message):
        data.curve(**arguments)


def test_signals_are_the_authors_draw_and_leave_the_generators_alone():
    random.seed(3)
    np.random.seed(3)  # noqa: NPY002
    states = random.getstate(), np.random.get_state()[1].copy()  # noqa: NPY002
    signals = data.mnist1d()
    assert random.getstate() == states[0]
    assert (np.random.get_state()[1] == states[1]).all()  # noqa: NPY002
    x = np.concatenate([signals.x_train, signals.x_test])
    assert x.shape == (5000, 40)
    assert abs(x.mean()) < 1e-12 and abs(x.std() - 1) < 1e-12
    labels = np.concatenate([signals.y_train, signals.y_test])
    assert (np.bincount(labels) == 500).all()
    assert signals.y_train[:10].tolist() == [2, 6, 4, 5, 6, 6, 6, 0, 3, 1]
    found = signals.x_train[0, :4]
    np.testing.assert_allclose(
        found, [-0.332, -0.472, -0.779, -1.01], atol=1e-3
    )
