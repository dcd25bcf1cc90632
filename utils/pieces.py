"""The pieces of ReLU networks, on a line and in the plane, without a grid."""

import numpy as np


def kinks(weights, biases, start, direction):
    """Return where on a line a hidden unit of a ReLU network switches.

    Layer by layer: on a piece of the line where no unit before it switches, a
    pre-activation is value + t * slope, which is 0 at one t at most.

    Parameters
    ----------
    weights : sequence of array_like
        The matrix (fan_in, fan_out) of each hidden layer.
    biases : sequence of array_like
        The biases (fan_out,) of each hidden layer.
    start : array_like
        The line's point at t = 0, (features,).
    direction : array_like
        From it to the point at t = 1, (features,).

    Returns
    -------
    ndarray
        Every t at which a unit switches, from low to high. The network is
        affine between two of them, so that it has at most one piece more
        than there are.

    Examples
    --------
    A hat switches its units at 0, 1/2 and 1; the line starts at -1.

    >>> kinks([np.ones((1, 3))], [np.array([0, -0.5, -1])], [-1.0], [1.0])
    array([1. , 1.5, 2. ])
    """
    ends = np.array([-np.inf, np.inf])
    value, slope = np.atleast_2d(start), np.atleast_2d(direction)
    for weight, bias in zip(weights, biases):
        # A row for each piece, a column for each unit.
        value, slope = value @ weight + bias, slope @ weight
        # A unit of constant pre-activation never switches.
        with np.errstate(divide="ignore", invalid="ignore"):
            zero = -value / slope
        inside = (zero > ends[:-1, None]) & (zero < ends[1:, None])
        old, ends = ends, np.sort(np.append(ends, zero[inside]))
        within = np.searchsorted(old, ends[:-1], side="right") - 1
        value, slope = value[within], slope[within]
        # Any point of a piece tells which units are on in all of it.
        finite = np.concatenate([[ends[1] - 2], ends[1:-1], [ends[-2] + 2]])
        t = (finite[1:] + finite[:-1]) / 2 if len(ends) > 2 else np.zeros(1)
        on = value + t[:, None] * slope > 0
        value, slope = value * on, slope * on
    return ends[1:-1]


def regions(weight, bias, reach):
    """Return the regions into which a layer's units cut a square.

    One unit after another switches along its line, and each region that the
    line runs through becomes two.

    Parameters
    ----------
    weight : array_like
        The matrix (2, units) of a layer with two inputs.
    bias : array_like
        Its biases, (units,).
    reach : float
        How far the square goes from the origin, in all four directions.

    Returns
    -------
    list of ndarray
        The corners of each region, in order around it, (corners, 2). If all
        lines cross each other within the square, these are all regions of the
        plane.

    Examples
    --------
    The two axes make four quarters.

    >>> len(regions(np.eye(2), [0, 0], reach=1))
    4
    """
    found = [reach * np.array([(-1.0, -1.0), (1, -1), (1, 1), (-1, 1)])]
    for w, b in zip(np.transpose(weight), bias):
        found = [part for each in found for part in _sides(each, w, b)]
    return found


def _sides(polygon, w, b):
    """Yield what a convex polygon has on either side of a line."""
    z = polygon @ w + b
    for sign in (1, -1):
        if not (sign * z > 0).any():
            continue
        part = []
        for i, corner in enumerate(polygon):
            if z[i - 1] * z[i] < 0:
                share = z[i - 1] / (z[i - 1] - z[i])
                part.append((1 - share) * polygon[i - 1] + share * corner)
            if sign * z[i] >= 0:
                part.append(corner)
        yield np.array(part)
