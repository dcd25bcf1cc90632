"""The book's look: told apart without colour, legible on both themes."""

import itertools

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb
from nbclient import NotebookClient

from utils import plotting, svg
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


CELL = """\
import matplotlib.pyplot as plt
from utils import plotting
plotting.use_style()
fig, ax = plt.subplots()
ax.set(xlabel="input x")
plt.show()"""


def test_a_program_gets_figures_as_svg_too_and_a_person_does_not():
    cells = [nbformat.v4.new_code_cell(CELL) for _ in range(2)]
    book = nbformat.v4.new_notebook(cells=cells)
    client = NotebookClient(book, timeout=60, store_widget_state=False)
    with client.setup_kernel():
        client.execute_cell(cells[0], 0)
        # As JupyterLab does for a person.
        client.kc.allow_stdin = True
        client.execute_cell(cells[1], 1)
    program, person = (cell.outputs[-1].data for cell in cells)
    assert set(program) == {"image/png", "image/svg+xml", "text/plain"}
    assert program["image/svg+xml"].startswith("<svg ")
    assert set(person) == {"image/png", "text/plain"}
    assert program["text/plain"] == person["text/plain"]


# Protanopia and deuteranopia, https://doi.org/10.1109/TVCG.2009.113.
COLOUR_BLIND = np.array(
    [
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ],
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ],
    ]
)
APART = 0.2


def test_map_of_states_shows_the_dead_and_the_always_on_in_their_colours():
    shares = np.array([0.0, 1e-6, 0.0199, 0.0201, 0.5, 1 - 1e-6, 1.0])
    colours = plotting.BY_SHARE["cmap"](plotting.BY_SHARE["norm"](shares))
    dead, *nearly, few, half, most, always = colours
    assert to_hex(dead) == plotting.STATES["dead"].lower()
    assert {*map(to_hex, nearly)} == {plotting.NEARLY_DEAD.lower()}
    assert to_hex(always) == plotting.STATES["always on"].lower()
    for grey in (few, half, most):
        assert len(set(grey[:3])) == 1
    assert few[0] > half[0] > most[0]


def test_states_differ_on_both_kinds_of_page():
    names = *plotting.STATES.values(), plotting.NEARLY_DEAD
    colours = np.array([to_rgb(c) for c in names])
    for kind in (colours, svg.dark(colours)):
        for seen in (kind, *(kind @ eye.T for eye in COLOUR_BLIND)):
            for a, b in itertools.combinations(seen, 2):
                assert np.abs(a - b).max() > APART
