"""What a few seeds can tell: spread, standard errors, paired gaps."""

from typing import NamedTuple

import numpy as np
from scipy import stats

from . import arguments


class Gap(NamedTuple):
    """What `paired_gap` returns.

    Parameters
    ----------
    mean : float
        The mean difference, a - b.
    standard_error : float
        Its standard error.
    t : float
        The mean in standard errors.
    p_value : float
        How often chance alone gives a mean at least as far from 0.
    low, high : float
        Bounds between which the true mean lies, with 95 % confidence.
    n : int
        The number of pairs.
    """

    mean: float
    standard_error: float
    t: float
    p_value: float
    low: float
    high: float
    n: int


def standard_error(x, axis=0):
    """Return the standard error of the mean: sd / sqrt(n).

    Parameters
    ----------
    x : array_like
        Independent values, n along `axis`.
    axis : int
        The axis of the n values.

    Returns
    -------
    float or ndarray
        The shape of x without `axis`. sd is the sample's, with n - 1.

    Raises
    ------
    ValueError
        If there are fewer than two values.

    Examples
    --------
    >>> f"{standard_error([1.0, 2.0, 3.0, 6.0]):.2f}"
    '1.08'
    """
    x = _sample("x", x, axis)
    return x.std(axis=axis, ddof=1) / np.sqrt(x.shape[axis])


def spread(x, form=".1f"):
    """Return mean and standard deviation as text.

    Parameters
    ----------
    x : array_like
        Two or more values, of any shape.
    form : str
        Format specification for both; a sign is for the mean only. With a
        width, as in "4.1f", texts of a column align.

    Returns
    -------
    str
        Such as "93.8 ± 1.2". The standard deviation is the sample's, with
        n - 1.

    Raises
    ------
    ValueError
        If there are fewer than two values.

    Examples
    --------
    >>> spread([90, 100])
    '95.0 ± 7.1'
    >>> spread([0.25, 0.75], "+.0%")
    '+50% ± 35%'
    """
    x = _sample("x", np.ravel(x), 0)
    sd = format(x.std(ddof=1), form.replace("+", ""))
    return f"{x.mean():{form}} ± {sd}"


def student_bar(n, comparisons=1):
    """Return how far from 0 a mean must lie to be told from chance.

    Parameters
    ----------
    n : int
        The number of values that the mean is of.
    comparisons : int
        How many means are compared in all. With more than one, all of them
        together are wrong in at most one of 20 cases (Bonferroni's
        correction).

    Returns
    -------
    float
        The two-sided bar of Student's t at 5 %, with n - 1 degrees of
        freedom.

    Raises
    ------
    ValueError
        If n is not whole or below 2, or `comparisons` below 1.

    Examples
    --------
    >>> round(student_bar(10), 2), round(student_bar(16, comparisons=26), 2)
    (2.26, 3.75)
    """
    arguments.whole("n", n, 2)
    arguments.whole("comparisons", comparisons, 1)
    return float(stats.t.ppf(1 - 0.05 / (2 * comparisons), n - 1))


def paired_gap(a, b, comparisons=1):
    """Compare paired values, seed by seed, by Student's t [1]_.

    Parameters
    ----------
    a : array_like
        One value for each seed, (n,).
    b : array_like or float
        What to compare with: the values of the same seeds, or one number.
    comparisons : int
        How many gaps are compared in all; widens the bounds, not the p-value
        (see `student_bar` and `holm`).

    Returns
    -------
    Gap
        `mean`, `standard_error`, `t`, `p_value` (two-sided), `low`, `high`
        and `n`. Without any difference t is 0 and the p-value 1.

    Raises
    ------
    ValueError
        If the values do not come in two or more pairs, or are not finite.

    References
    ----------
    .. [1] Student (1908), "The probable error of a mean", Biometrika 6.

    Examples
    --------
    >>> gap = paired_gap([91.0, 93.0, 95.0], [90.0, 91.0, 92.0])
    >>> gap.mean, round(gap.standard_error, 2), round(gap.p_value, 3)
    (2.0, 0.58, 0.074)
    """
    a, b = _sample("a", a, 0), np.asarray(b, dtype=float)
    if a.ndim != 1 or b.shape not in ((), a.shape):
        raise ValueError(
            "a and b must be paired, such as [91, 93] and [90, 92], or b one "
            f"number; got the shapes {a.shape} and {b.shape}"
        )
    with np.errstate(invalid="ignore"):
        gap = a - b
    if not np.isfinite(gap).all():
        raise ValueError(
            "the differences must be finite, got "
            f"{np.sum(~np.isfinite(gap))} that are nan or infinite"
        )
    mean, error, n = gap.mean(), standard_error(gap), len(gap)
    if error:
        t = mean / error
    else:
        t = np.copysign(np.inf, mean) if mean else 0.0
    half = student_bar(n, comparisons) * error
    found = mean, error, t, 2 * stats.t.sf(abs(t), n - 1), mean - half
    return Gap(*map(float, found), float(mean + half), n)


def holm(p_values):
    """Correct p-values for their number, by Holm's method [1]_.

    Taking those below 5 % as differences is then wrong, for any of them, in
    at most one of 20 cases. Bonferroni's correction multiplies all p-values
    by their number; here the second smallest is multiplied by one less, and
    so on.

    Parameters
    ----------
    p_values : array_like
        The p-value of every comparison, (m,).

    Returns
    -------
    ndarray
        The corrected p-values in the same order, (m,).

    Raises
    ------
    ValueError
        If they are not numbers from 0 to 1 in one row.

    References
    ----------
    .. [1] Holm (1979), "A simple sequentially rejective multiple test
       procedure", Scandinavian Journal of Statistics 6, 65-70.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).round(2).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=float)
    if p.ndim != 1 or not ((p >= 0) & (p <= 1)).all():
        raise ValueError(
            "p_values must be numbers from 0 to 1 in one row, such as "
            f"[0.01, 0.2], got {p_values!r}"
        )
    order = p.argsort()
    corrected = np.empty_like(p)
    corrected[order] = np.maximum.accumulate(
        np.arange(len(p), 0, -1) * p[order]
    )
    return corrected.clip(max=1)


def _sample(name, x, axis):
    """Return an array of floats with two or more values along the axis."""
    x = np.asarray(x, dtype=float)
    if not -x.ndim <= axis < x.ndim or x.shape[axis] < 2:
        raise ValueError(
            f"{name} must have two values or more along axis {axis}, such as "
            f"[91.0, 93.0], got the shape {x.shape}"
        )
    return x
