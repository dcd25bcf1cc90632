"""What a result says of its curves: the best rate, the epochs to a goal."""

from dataclasses import replace

import numpy as np
import pytest
from torch import nn

from utils import data, networks


@pytest.fixture(scope="module", params=["networks", "modules"])
def result(request):
    """Return two seeds and three rates, to be given other curves."""
    options = {"seeds": 2, "learning_rates": [0.1, 0.2, 0.4], "epochs": 0}
    if request.param == "networks":
        return networks.train(data.spirals(n=50), widths=(3,), **options)
    return networks.train_modules(
        lambda: nn.Linear(2, 2), data.spirals(n=50), **options
    )


def curves(*last):
    """Return two epochs of which only the last is as given."""
    last = np.array(last, dtype=float)
    return np.stack([last[:, ::-1], last])


def test_best_is_the_rate_of_the_highest_mean_accuracy(result):
    # The highest accuracy of all stands at another rate.
    best = replace(
        result, test_accuracy=curves([0.1, 0.8, 0.9], [0.3, 0.7, 0.2])
    ).best()
    assert isinstance(best, networks.Best)
    np.testing.assert_allclose(best.accuracy, [80, 70])
    assert best.learning_rate == 0.2 and best.column == 1
    accuracy, rate, column = best
    assert accuracy is best.accuracy and (rate, column) == (0.2, 1)


def test_final_accuracy_is_that_of_the_last_epoch(result):
    last = [0.1, 0.8, 0.9], [0.3, 0.7, 0.2]
    found = replace(result, test_accuracy=curves(*last)).final_accuracy
    np.testing.assert_allclose(found, 100 * np.array(last))


def test_of_equal_rates_the_first_is_best(result):
    best = replace(
        result, test_accuracy=curves([0.1, 0.5, 0.7], [0.1, 0.7, 0.5])
    ).best()
    assert best.column == 1
    best = replace(
        result,
        test_accuracy=curves([0.1, 0.5, 0.7], [0.1, 0.7, 0.5]),
        train_loss=curves([0.2, 0.2, 0.3], [0.2, 0.2, 0.3]),
    ).best(by="train_loss")
    assert best.column == 0


def test_the_lowest_mean_loss_may_choose(result):
    accuracy = curves([0.1, 0.8, 0.9], [0.3, 0.7, 0.2])
    best = replace(
        result,
        test_accuracy=accuracy,
        train_loss=curves([0.4, 0.5, 0.1], [0.4, 0.5, 0.2]),
    ).best(by="train_loss")
    np.testing.assert_allclose(best.accuracy, [90, 20])
    assert best.learning_rate == 0.4


def test_a_rate_with_a_loss_that_is_nan_is_not_best(result):
    accuracy = curves([0.1, 0.8, 0.9], [0.3, 0.7, 0.2])
    for losses, column in (
        (curves([np.nan, 0.5, 0.6], [0.1, 0.5, 0.6]), 1),
        (curves([np.nan, np.inf, 0.6], [0.1, 0.5, 0.6]), 2),
        (curves([np.nan] * 3, [np.nan] * 3), 0),
    ):
        spoiled = replace(result, test_accuracy=accuracy, train_loss=losses)
        assert spoiled.best(by="train_loss").column == column


def test_what_cannot_choose_is_named(result):
    with pytest.raises(ValueError, match="by must be one of test_accuracy, t"):
        result.best(by="loss")
    with pytest.raises(ValueError, match="needs an epoch of training, got no"):
        result.best(by="train_loss")
    assert result.best().accuracy.shape == (2,)


def test_epochs_to_a_share_count_to_the_first_that_reaches_it(result):
    # Rows: before training, after one epoch, after two; falling back counts.
    accuracy = np.zeros((3, 2, 3))
    accuracy[:, 0] = [[0.9, 0.1, 0.1], [0.1, 0.9, 0.8999], [0.1, 0.2, 0.9]]
    accuracy[:, 1, 1] = np.nan
    found = replace(result, test_accuracy=accuracy).epochs_to(0.9)
    np.testing.assert_array_equal(found, [[0, 1, 2], [np.inf] * 3])


def test_epochs_to_a_loss_count_the_first_epoch_as_1(result):
    loss = curves([0.1, 0.2, np.nan], [0.19, 0.3, 0.1])
    found = replace(result, train_loss=loss).epochs_to(0.2, by="train_loss")
    np.testing.assert_array_equal(found, [[2, np.inf, 1], [1, np.inf, 1]])
    never = result.epochs_to(0.2, by="train_loss")
    np.testing.assert_array_equal(never, np.full((2, 3), np.inf))


def test_a_goal_that_cannot_be_reached_is_named(result):
    with pytest.raises(ValueError, match="by must be one of test_accuracy, t"):
        result.epochs_to(0.9, by="loss")
    with pytest.raises(ValueError, match="share up to 1, such as 0.9, got 90"):
        result.epochs_to(90)
    with pytest.raises(ValueError, match="goal must be positive and finite"):
        result.epochs_to(-0.2, by="train_loss")
    assert result.epochs_to(2.5, by="train_loss").shape == (2, 3)
