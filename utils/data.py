"""Small data sets that need no download: digits, signals, spirals, a curve."""

import random
from dataclasses import dataclass
from numbers import Real

import numpy as np
from mnist1d.data import make_dataset
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from . import arguments


@dataclass(frozen=True, eq=False, repr=False)
class _Samples:
    """Samples, each with its target, split into training and test part."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray

    def __post_init__(self):
        for part in ("train", "test"):
            x = np.array(getattr(self, f"x_{part}"), dtype=np.float64)
            y = np.array(getattr(self, f"y_{part}"))
            if x.ndim != 2 or x.size == 0:
                raise ValueError(
                    f"x_{part} must have the shape (samples, features), such "
                    f"as (100, 2), got {x.shape}"
                )
            if not np.isfinite(x).all():
                raise ValueError(
                    f"x_{part} must be finite, got {np.sum(~np.isfinite(x))} "
                    "values that are nan or infinite"
                )
            kinds, wanted, kind = self._targets
            if y.shape != x.shape[:1] or y.dtype.kind not in kinds:
                raise ValueError(
                    f"y_{part} must be {len(x)} {wanted}, got {y.dtype} of "
                    f"shape {y.shape}"
                )
            object.__setattr__(self, f"x_{part}", x)
            object.__setattr__(self, f"y_{part}", y.astype(kind))
        if self.x_test.shape[1] != self.features:
            raise ValueError(
                f"x_test must have {self.features} features as x_train has, "
                f"got {self.x_test.shape[1]}"
            )

    @property
    def features(self):
        """The number of features."""
        return self.x_train.shape[1]

    def __repr__(self):
        """Return the sizes, no arrays."""
        return (
            f"{type(self).__name__}({len(self.x_train)} training and "
            f"{len(self.x_test)} test samples, {self.features} features)"
        )


@dataclass(frozen=True, eq=False, repr=False)
class Dataset(_Samples):
    """A classification data set, split into training and test part.

    Parameters
    ----------
    x_train : array_like
        Samples, (samples, features); kept as a copy in float64.
    y_train : array_like of int
        Labels 0, 1, ..., (samples,); kept as a copy in int64.
    x_test, y_test : array_like
        The same for testing.

    Raises
    ------
    ValueError
        If shapes, types or labels do not fit, or x is not finite.

    Examples
    --------
    >>> Dataset([[0.0], [1.0]], [0, 1], [[0.9]], [1])
    Dataset(2 training and 1 test samples, 1 features, 2 classes)
    """

    _targets = "iu", "integer labels such as [0, 1, ...]", np.int64

    def __post_init__(self):
        super().__post_init__()
        labels = np.concatenate([self.y_train, self.y_test])
        if labels.min() < 0 or labels.max() >= self.classes:
            raise ValueError(
                f"labels must lie between 0 and {self.classes - 1}, the "
                f"largest in y_train, got {labels.min()} to {labels.max()}"
            )

    @property
    def classes(self):
        """The number of classes: the largest training label + 1."""
        return int(self.y_train.max()) + 1

    @property
    def outputs(self):
        """The number of outputs that a network needs: one for each class."""
        return self.classes

    def __repr__(self):
        """Return the sizes, no arrays."""
        return f"{super().__repr__()[:-1]}, {self.classes} classes)"


@dataclass(frozen=True, eq=False, repr=False)
class RegressionDataset(_Samples):
    """A data set whose targets are numbers, not classes, split as `Dataset`.

    Parameters
    ----------
    x_train : array_like
        Samples, (samples, features); kept as a copy in float64.
    y_train : array_like
        The number that belongs to each, (samples,); kept as a copy in
        float64.
    x_test, y_test : array_like
        The same for testing.

    Raises
    ------
    ValueError
        If shapes or types do not fit, or a number is not finite.

    Examples
    --------
    >>> RegressionDataset([[0.0], [1.0]], [0.5, 1.5], [[0.9]], [1.4])
    RegressionDataset(2 training and 1 test samples, 1 features)
    """

    _targets = "iuf", "numbers such as [0.5, 1.5, ...]", np.float64

    def __post_init__(self):
        super().__post_init__()
        for name in ("y_train", "y_test"):
            if not np.isfinite(getattr(self, name)).all():
                raise ValueError(
                    f"{name} must be finite, got values that are nan or "
                    "infinite"
                )

    @property
    def outputs(self):
        """The number of outputs that a network needs: one."""
        return 1


def digits(n=None):
    """Return the real 8x8 digits that scikit-learn ships, standardised.

    A fixed fifth of the samples, the same share of every class, is for
    testing. Every pixel has mean 0 and standard deviation 1 over the
    training samples. A pixel that is blank in all of them has deviation 0:
    it is divided by 1, and so stays 0.

    Parameters
    ----------
    n : int, optional
        Take the first n training samples alone; all 1437 by default.

    Returns
    -------
    Dataset
        New arrays at each call.

    Raises
    ------
    ValueError
        If `n` is not a whole number from 100 to 1437.

    Examples
    --------
    >>> digits()
    Dataset(1437 training and 360 test samples, 64 features, 10 classes)
    >>> digits(n=600)
    Dataset(600 training and 360 test samples, 64 features, 10 classes)
    """
    x_train, x_test, y_train, y_test = split_digits()
    # The first hundred have every class.
    n = len(x_train) if n is None else arguments.whole("n", n, 100)
    if n > len(x_train):
        raise ValueError(
            f"n must be at most {len(x_train)}, all training samples, got {n}"
        )
    x_train, y_train = x_train[:n], y_train[:n]
    mean, deviation = x_train.mean(axis=0), x_train.std(axis=0)
    deviation[deviation == 0] = 1
    return Dataset(
        (x_train - mean) / deviation,
        y_train,
        (x_test - mean) / deviation,
        y_test,
    )


def split_digits():
    """Return scikit-learn's digits as they are, split as `digits` splits them.

    Returns
    -------
    x_train, x_test : ndarray
        Pixels from 0 to 16, row by row, (1437, 64) and (360, 64).
    y_train, y_test : ndarray of int
        Labels from 0 to 9, (1437,) and (360,).

    Examples
    --------
    >>> x_train, x_test, y_train, y_test = split_digits()
    >>> x_train.shape, y_train[:8].tolist()
    ((1437, 64), [3, 9, 1, 3, 1, 9, 4, 4])
    """
    x, y = load_digits(return_X_y=True)
    return train_test_split(x, y, test_size=0.2, stratify=y, random_state=0)


def moved_digits():
    """Return the digits, each rolled by -1, 0 or 1 pixel in both directions.

    What leaves the image on one side enters on the other, so that no place
    belongs to a stroke. The samples are split as those of `digits`, and
    standardised by one mean and one deviation over all pixels.

    Returns
    -------
    Dataset
        New arrays at each call, with the same moves.

    Examples
    --------
    >>> moved_digits()
    Dataset(1437 training and 360 test samples, 64 features, 10 classes)
    """
    x_train, x_test, y_train, y_test = split_digits()
    pixels, rng = load_digits().data, np.random.default_rng(0)

    def moved(images):
        steps = rng.integers(-1, 2, (len(images), 2))
        rolled = [
            np.roll(image.reshape(8, 8), step, (0, 1)).ravel()
            for image, step in zip(images, steps)
        ]
        return (np.stack(rolled) - pixels.mean()) / pixels.std()

    x_train, x_test = moved(x_train), moved(x_test)
    return Dataset(x_train, y_train, x_test, y_test)


def mnist1d():
    """Return MNIST-1D: 5000 signals of 40 numbers, a task for an activation.

    Each signal is one of ten short shapes, stretched, moved, tilted and
    covered with noise. A network without activation reads a third of them,
    one with fully connected layers two thirds, a convolutional one nearly
    all [1]_. The draw and the split are those of the authors: 4000 signals
    are for training. All numbers together have mean 0 and standard
    deviation 1.

    Returns
    -------
    Dataset
        New arrays at each call, with the same draw.

    Notes
    -----
    The package mnist1d draws them with NumPy's and Python's global
    generators, whose states are left as they were.

    References
    ----------
    .. [1] Greydanus and Kobak (2024), "Scaling Down Deep Learning with
       MNIST-1D", ICML.

    Examples
    --------
    >>> mnist1d()
    Dataset(4000 training and 1000 test samples, 40 features, 10 classes)
    """
    states = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        drawn = make_dataset()
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
    return Dataset(drawn["x"], drawn["y"], drawn["x_test"], drawn["y_test"])


def spirals(n=600, classes=2, noise=0.1, seed=0):
    """Return n points of the plane on interleaved spirals, one per class.

    Each arm makes 1.25 turns from the origin to radius 2, evenly dense in
    area, so that both coordinates have variance near 1. The last fifth is
    for testing; all classes are equally frequent, up to one sample.

    Parameters
    ----------
    n : int
        The number of points.
    classes : {2, 3}
        The number of spirals.
    noise : float
        Standard deviation of the normal noise that is added.
    seed : int
        Seed of radii and noise.

    Returns
    -------
    Dataset
        New arrays at each call.

    Raises
    ------
    ValueError
        If an argument does not fit.

    Examples
    --------
    >>> spirals(n=300, classes=3)
    Dataset(240 training and 60 test samples, 2 features, 3 classes)
    """
    if classes not in (2, 3):
        raise ValueError(f"classes must be 2 or 3, got {classes!r}")
    arguments.whole("n", n, 5 * classes)
    _check_noise(noise)
    rng = np.random.default_rng(seed)
    y = np.arange(n) % classes
    radius = 2 * np.sqrt(rng.uniform(size=n))
    angle = 2 * np.pi * (1.25 * radius / 2 + y / classes)
    x = radius * np.stack([np.cos(angle), np.sin(angle)])
    x = x.T + noise * rng.standard_normal((n, 2))
    test = n // 5
    return Dataset(x[:-test], y[:-test], x[-test:], y[-test:])


def curve(n=250, noise=0.1, seed=0):
    """Return n noisy points of the curve y = sin(2 x), for x from -2 to 2.

    The points lie at random, evenly dense; the last fifth is for testing.

    Parameters
    ----------
    n : int
        The number of points.
    noise : float
        Standard deviation of the normal noise that is added to y.
    seed : int
        Seed of x and noise.

    Returns
    -------
    RegressionDataset
        New arrays at each call.

    Raises
    ------
    ValueError
        If an argument does not fit.

    Examples
    --------
    >>> curve()
    RegressionDataset(200 training and 50 test samples, 1 features)
    """
    arguments.whole("n", n, 5)
    _check_noise(noise)
    rng = np.random.default_rng(seed)
    x = rng.uniform(-2, 2, n)
    y = np.sin(2 * x) + noise * rng.standard_normal(n)
    x, test = x[:, np.newaxis], n // 5
    return RegressionDataset(x[:-test], y[:-test], x[-test:], y[-test:])


def _check_noise(noise):
    if not isinstance(noise, Real) or not 0 <= noise < np.inf:
        raise ValueError(
            f"noise must be a finite number of at least 0, such "
            f"as 0.1, got {noise!r}"
        )
