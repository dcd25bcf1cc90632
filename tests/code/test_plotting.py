"""The book's look: told apart without colour, legible on both themes."""

import itertools

import matplotlib.pyplot as plt
import pytest
from matplotlib.colors import to_rgb

from utils import plotting
from utils.activations import ACTIVATIONS


def luminance(rgb):
    parts = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in rgb
    ]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def test_looks_are_of_known_activations():
    assert set(plotting.LOOKS) <= set(ACTIVATIONS)


@pytest.mark.parametrize("part", ["color", "linestyle", "marker"])
def test_no_two_activations_share_a(part):
    looks = [look[part] for look in plotting.LOOKS.values()]
    for a, b in itertools.combinations(looks, 2):
        assert a != b


@pytest.mark.parametrize("name", plotting.LOOKS)
def test_lines_stand_out_on_white(name):
    # WCAG asks for a contrast of 3 for graphical objects.
    contrast = 1.05 / (luminance(to_rgb(plotting.LOOKS[name]["color"])) + 0.05)
    assert contrast >= 3


def test_look_gives_the_parts_asked_for():
    assert plotting.look("tanh", "marker") == {"marker": "^"}
    with pytest.raises(ValueError, match="one of relu, .* got 'rleu'"):
        plotting.look("rleu")


def test_style_is_made_of_settings_matplotlib_knows():
    with plt.rc_context():
        plotting.use_style()
        assert plt.rcParams["axes.grid"]
