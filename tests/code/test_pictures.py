"""The pictures of the landing page are those that the tool draws."""

import re

import pytest

from tools import pictures, prose

# Each picture of the landing page, and its alternative text.
SHOWN = dict(
    re.findall(
        r"```\{image\} \.\./_static/parts/(\w+)\.svg\n:alt: (.+)\n```",
        prose.page("index.md"),
    )
)


@pytest.mark.parametrize("name", pictures.PICTURES)
def test_picture_is_as_the_tool_draws_it(name):
    stored = (pictures.FOLDER / f"{name}.svg").read_text(encoding="utf-8")
    assert stored == pictures.picture(name), "run `python -m tools.pictures`"


def test_landing_page_shows_every_picture_and_no_other():
    assert list(SHOWN) == list(pictures.PICTURES)
    assert {path.stem for path in pictures.FOLDER.iterdir()} == set(SHOWN)


def test_dead_units_are_crosses_as_their_lab_counts_them():
    # The alternative text speaks of layers of sixteen, with more dead units
    # in the deeper ones.
    run = pictures.lab.Lab(**pictures.lab.PRESETS["harsh"].settings).train()
    first, *deeper = run.dead
    assert run.on.shape[1:] == (3, 16) and first < min(deeper)
    colour = pictures.plotting.STATES["dead"].lower()
    text = pictures.picture("units")
    assert text.count(f"fill:var(--{colour[1:]}") == run.dead.sum()
