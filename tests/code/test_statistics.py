"""Spread, standard errors, paired gaps and Holm's correction."""

import warnings

import numpy as np
import pytest
import torch
from scipy import stats

from utils import statistics


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_standard_error_is_scipys_along_any_axis(rng):
    x = rng.normal(size=(7, 4, 3))
    for axis in 0, 1, -1:
        np.testing.assert_allclose(
            statistics.standard_error(x, axis), stats.sem(x, axis)
        )
    assert statistics.standard_error(x).shape == (4, 3)
    tensor = torch.tensor(x[:, 0, 0])
    assert statistics.standard_error(tensor) == stats.sem(x[:, 0, 0])


def test_standard_error_of_numbers_and_bools():
    assert statistics.standard_error([1, 2, 3]) == stats.sem([1, 2, 3])
    assert statistics.standard_error([True, False]) == 0.5


@pytest.mark.parametrize(
    ("x", "form", "text"),
    [
        ([93, 95], ".1f", "94.0 ± 1.4"),
        ([93, 95], "5.1f", " 94.0 ±   1.4"),
        ([-0.5, 0.1], "+.2f", "-0.20 ± 0.42"),
        ([0.4, 0.6], "+5.0%", " +50% ±   14%"),
        (np.array([[1, 2], [3, 4]]), ".2f", "2.50 ± 1.29"),
        (torch.tensor([1.0, 2.0]), ".1f", "1.5 ± 0.7"),
    ],
)
def test_spread_is_mean_and_sample_deviation(x, form, text):
    assert statistics.spread(x, form) == text


def test_spread_has_one_digit_by_default():
    assert statistics.spread([93.84, 95.0]) == "94.4 ± 0.8"


def test_paired_gap_is_scipys_paired_test(rng):
    a, b = rng.normal(0.3, 1, size=(2, 12))
    gap = statistics.paired_gap(a, b)
    paired = stats.ttest_rel(a, b)
    interval = paired.confidence_interval()
    np.testing.assert_allclose(
        gap,
        (
            (a - b).mean(),
            stats.sem(a - b),
            paired.statistic,
            paired.pvalue,
            *interval,
            12,
        ),
    )


def test_paired_gap_to_a_number_is_scipys_test_of_one_sample(rng):
    a = rng.normal(0.3, 1, size=9)
    gap = statistics.paired_gap(torch.tensor(a), 0.5)
    one = stats.ttest_1samp(a, 0.5)
    assert gap.t == pytest.approx(one.statistic)
    assert gap.p_value == pytest.approx(one.pvalue)
    assert gap.low == pytest.approx(one.confidence_interval().low - 0.5)


def test_many_comparisons_widen_the_bounds_only(rng):
    a, b = rng.normal(0.3, 1, size=(2, 12))
    one, many = (statistics.paired_gap(a, b, count) for count in (1, 5))
    assert many[:4] == one[:4]
    interval = stats.ttest_rel(a, b).confidence_interval(0.99)
    np.testing.assert_allclose(many[4:6], interval)


def test_gaps_without_spread_need_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        same = statistics.paired_gap([1.0, 2.0], [1.0, 2.0])
        ahead = statistics.paired_gap([1.0, 2.0], [2.0, 3.0])
    assert same == (0, 0, 0, 1, 0, 0, 2)
    assert ahead == (-1, 0, -np.inf, 0, -1, -1, 2)


def test_bar_falls_with_seeds_and_rises_with_comparisons():
    bars = [statistics.student_bar(n) for n in (2, 10, 60, 10**6)]
    np.testing.assert_allclose(bars, [12.7062, 2.2622, 2.0010, 1.9600], 1e-4)
    assert statistics.student_bar(16, 8) == stats.t.ppf(1 - 0.05 / 16, 15)


def test_holm_multiplies_by_those_that_are_left():
    # 4 x 0.005, 3 x 0.01, 2 x 0.03; the last may not fall below them.
    found = statistics.holm([0.01, 0.03, 0.005, 0.04])
    np.testing.assert_allclose(found, [0.03, 0.06, 0.02, 0.06])
    assert statistics.holm([0.7, 0.6]).tolist() == [1, 1]
    assert statistics.holm([]).tolist() == []
    assert statistics.holm([0.02]).tolist() == [0.02]


def test_holm_keeps_its_promise(rng):
    # A third of the gaps are real; what counts are errors on the others.
    true = np.repeat([0.0, 0.0, 2.0], 4)
    samples = rng.normal(true[:, None], size=(2000, 12, 8))
    p = stats.ttest_1samp(samples, 0, axis=2).pvalue
    found = np.array([statistics.holm(each) < 0.05 for each in p])
    plain = np.array([each * 12 < 0.05 for each in p])
    assert 0.02 < found[:, true == 0].any(axis=1).mean() < 0.06
    assert (p[:, true == 0] < 0.05).any(axis=1).mean() > 0.25
    assert (found >= plain).all() and found.sum() > 1.02 * plain.sum()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: statistics.standard_error([1.0]), "x must have two values"),
        (lambda: statistics.standard_error(5.0), r"got the shape \(\)"),
        (lambda: statistics.spread([3]), "x must have two values or more"),
        (lambda: statistics.paired_gap([1.0], [2.0]), "a must have two val"),
        (
            lambda: statistics.paired_gap([1.0, 2.0], [2.0]),
            r"must be paired, .* got the shapes \(2,\) and \(1,\)",
        ),
        (
            lambda: statistics.paired_gap(np.ones((2, 2)), 0),
            r"must be paired, .* shapes \(2, 2\) and \(\)",
        ),
        (
            lambda: statistics.paired_gap([1.0, np.inf], [1.0, np.inf]),
            "must be finite, got 1 that are nan or infinite",
        ),
        (lambda: statistics.student_bar(1), "n must be whole, at least 2"),
        (lambda: statistics.student_bar(9, 0), "comparisons must be whole"),
        (lambda: statistics.holm([0.5, 1.5]), "numbers from 0 to 1"),
        (lambda: statistics.holm([0.5, np.nan]), "numbers from 0 to 1"),
        (lambda: statistics.holm(0.5), "in one row"),
    ],
)
def test_what_does_not_fit_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_an_axis_that_is_not_there_is_named():
    with pytest.raises(ValueError, match="along axis 2, such as .* \\(2,\\)"):
        statistics.standard_error([1.0, 2.0], axis=2)
