"""The pieces of ReLU networks, on a line and in the plane, by hand too."""

import numpy as np
import pytest

from utils import pieces


def draw(widths, seed, features=3):
    rng = np.random.default_rng(seed)
    sizes = features, *widths
    shapes = list(zip(sizes, sizes[1:]))
    return (
        [rng.normal(size=shape) * np.sqrt(2 / shape[0]) for shape in shapes],
        [rng.normal(size=width) for width in widths],
        *rng.normal(size=(2, features)),
    )


def patterns(weights, biases, start, direction, t):
    a, on = start + t[:, None] * direction, []
    for weight, bias in zip(weights, biases):
        z = a @ weight + bias
        on.append(z > 0)
        a = np.maximum(z, 0)
    return np.hstack(on)


@pytest.mark.parametrize("widths", [(7,), (9, 9), (6, 5, 4, 6)])
@pytest.mark.parametrize("seed", range(5))
def test_units_switch_at_the_kinks_and_nowhere_else(widths, seed):
    network = draw(widths, seed)
    kinks = pieces.kinks(*network)
    assert (np.diff(kinks) > 1e-9).all()
    edges = np.concatenate([[kinks[0] - 9], kinks, [kinks[-1] + 9]])
    gaps = np.diff(edges)
    at = [
        patterns(*network, edges[:-1] + share * gaps)
        for share in (0.001, 0.4, 0.999)
    ]
    # The same units are on all over a piece, and others on the next.
    assert (at[0] == at[1]).all() and (at[1] == at[2]).all()
    assert at[1][1:].shape[0] == len(kinks)
    assert (at[1][1:] != at[1][:-1]).any(axis=1).all()


def test_units_of_one_layer_switch_once_each():
    weights, biases, start, direction = draw((40,), 0)
    expected = -(start @ weights[0] + biases[0]) / (direction @ weights[0])
    np.testing.assert_allclose(
        pieces.kinks(weights, biases, start, direction), np.sort(expected)
    )


@pytest.mark.parametrize("k", [1, 2, 5, 10])
def test_hats_in_a_row_double_their_pieces(k):
    back = np.outer([2, -4, 2], np.ones(3))
    weights = [np.ones((1, 3)), *(k - 1) * [back]]
    biases = k * [np.array([0, -0.5, -1])]
    kinks = pieces.kinks(weights, biases, [0.0], [1.0])
    np.testing.assert_array_equal(kinks, np.arange(2**k + 1) / 2**k)


def test_a_line_through_the_origin_bends_there_alone_without_biases():
    weights, biases, _, direction = draw((8, 8, 8), 1)
    none = [0 * bias for bias in biases]
    kinks = pieces.kinks(weights, none, 2 * direction, direction)
    np.testing.assert_allclose(kinks, -2)


def test_a_unit_that_never_switches_makes_no_kink():
    assert (
        len(pieces.kinks([np.zeros((1, 4))], [np.ones(4)], [0.0], [1.0])) == 0
    )
    assert len(pieces.kinks([], [], [0.0], [1.0])) == 0


def area(polygon):
    x, y = polygon.T
    return (np.roll(x, 1) @ y - x @ np.roll(y, 1)) / 2


@pytest.mark.parametrize("seed", range(5))
def test_regions_are_the_patterns_and_fill_the_square(seed):
    rng = np.random.default_rng(seed)
    weight, bias = rng.normal(size=(2, 8)), rng.normal(size=8)
    found = pieces.regions(weight, bias, reach=2)
    middles = np.array([polygon.mean(axis=0) for polygon in found])
    on = middles @ weight + bias > 0
    assert len(np.unique(on, axis=0)) == len(found)
    for polygon, active in zip(found, on):
        z = polygon @ weight + bias
        assert (np.where(active, z, -z) > -1e-9).all()
    np.testing.assert_allclose(sum(map(area, found)), 4**2)


@pytest.mark.parametrize("units", range(1, 9))
def test_lines_in_general_position_meet_zaslavskys_bound(units):
    rng = np.random.default_rng(units)
    layer = rng.normal(size=(2, units)), rng.normal(size=units)
    found = pieces.regions(*layer, reach=1e6)
    assert len(found) == 1 + units + units * (units - 1) // 2


@pytest.mark.parametrize(
    ("weight", "bias", "wanted"),
    [
        ([[1, 1], [0, 0]], [0, -0.5], 3),  # parallel
        ([[1, 0, 1], [0, 1, 1]], [0, 0, 0], 6),  # through one point
        ([[1], [1]], [2], 1),  # through a corner of the square
        ([[1], [0]], [9], 1),  # beside the square
        ([[0], [0]], [1], 1),  # no line at all
    ],
)
def test_lines_in_special_positions_cut_nothing_twice(weight, bias, wanted):
    assert len(pieces.regions(weight, bias, reach=1)) == wanted
