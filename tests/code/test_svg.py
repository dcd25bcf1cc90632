"""Figures as SVG that takes the page's colours."""

import base64
import io
import json
import re
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from PIL import Image

from utils import plotting, svg

PAGE = np.array(to_rgb("#14181e"))


@pytest.fixture
def fig():
    with plt.rc_context(plotting.STYLE):
        fig = plt.figure()
        yield fig
        plt.close(fig)


def luminance(colours):
    c = np.asarray(colours, dtype=float)
    c = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    return c @ [0.2126, 0.7152, 0.0722]


def contrast(colour):
    low, high = np.sort(luminance([colour, PAGE]))
    return (high + 0.05) / (low + 0.05)


def pictures(text):
    """Return the pictures in an SVG text: class -> pixels."""
    found = {}
    for node in ElementTree.fromstring(text).iter():
        if node.tag.endswith("image"):
            source = node.get("href").removeprefix(svg.WEBP)
            file = io.BytesIO(base64.b64decode(source))
            pixels = np.array(Image.open(file).convert("RGB"))
            found[node.get("class")] = pixels
    return found


def heat(fig, cmap, draw="imshow"):
    """Draw a map whose greatest values lie on the right."""
    values = np.tile(np.linspace(0, 1, 5), (3, 1))
    getattr(fig.subplots(), draw)(values, cmap=cmap)
    found = pictures(svg.picture(fig))
    middle = {name: p[len(p) // 2] / 255 for name, p in found.items()}
    return {name: luminance(row) for name, row in middle.items()}


@pytest.mark.parametrize("name", plotting.LOOKS)
def test_lines_stand_out_from_the_dark_page(name):
    colour = to_rgb(plotting.LOOKS[name]["color"])
    assert contrast(svg.dark(colour)) >= 3


def test_lighter_becomes_darker():
    greys = np.linspace(0, 1, 11)[:, None] * np.ones(3)
    turned = luminance(svg.dark(greys))
    assert (np.diff(turned) < 0).all()
    assert contrast(svg.dark([0, 0, 0])) > 12
    assert contrast(svg.dark([1, 1, 1])) < 1.1


def test_text_and_axes_have_the_colour_of_the_page(fig):
    ax = fig.subplots()
    ax.plot([0, 1], [0, 1], color="#C44E00")
    ax.plot(0.5, 0.5, "o", color="#0067A5", markeredgecolor="white")
    ax.set(xlabel="input")
    text = svg.picture(fig)
    assert "#000000" not in text and "stroke:currentColor" in text
    assert "var(--c44e00,#c44e00)" in text
    dark = to_hex(svg.dark(to_rgb("#c44e00")))
    assert "html[data-theme=dark]{--0067a5:" in text
    assert f"--c44e00:{dark};" in text
    assert "stroke:var(--pst-color-background,#fff)" in text
    # Nothing lies behind the figure, whatever the page's colour is.
    assert not re.search("<path [^>]*style='fill:[^n]", text)


def test_a_figure_is_the_same_each_time(fig):
    fig.subplots().plot([0, 1], [0, 1], "o-")
    assert svg.picture(fig) == svg.picture(fig)


def test_each_form_is_drawn_once(fig, monkeypatch):
    fig.subplots(1, 2)
    drawn = []
    draw = Figure.draw
    monkeypatch.setattr(
        Figure, "draw", lambda *args: drawn.append(args) or draw(*args)
    )
    assert "<metadata>" in svg.picture(fig)
    assert len(drawn) == 2


def test_drawing_leaves_the_layout_as_it_was(fig):
    fig.subplots().plot([0, 1], [0, 1])
    engine = fig.get_layout_engine()
    svg.picture(fig)
    assert fig.get_layout_engine() is engine


def test_scales_and_letters_keep_their_numbers(fig):
    fig.subplots().set(xlabel="$10^{-3}$", xscale="log", xlim=(1e-9, 1))
    text = svg.picture(fig)
    assert "scale(0.015625)" in text
    assert "scale(0.11 -0.11)" in text
    assert "scale(0)" not in text and "scale(0 " not in text


def test_places_have_one_decimal_and_parts_two(fig):
    x = np.linspace(0, 9, 99)
    fig.subplots().plot(x, np.sin(x), "o-")
    drawing = svg.Drawing()
    elements = drawing.add(fig)
    curve = max(
        elements, key=lambda e: len(re.search(" d='|$", e)[0]) * len(e)
    )
    numbers = re.findall(r"\d+\.\d+", re.search("d='([^']*)'", curve)[1])
    assert {len(n.split(".")[1]) for n in numbers} == {1}
    parts = " ".join(drawing.definitions.values())
    assert {len(n) for n in re.findall(r"(?<=\.)\d+(?=[ '])", parts)} == {1, 2}


def test_numbers_are_cut_without_a_sign_before_zero():
    assert svg._cut("-0.04, 12.345", 1) == "0 12.3"
    assert svg._path("M 1 2 \nL 3 4.56 \nL 5 6 \nz\n", 1) == "M1 2L3 4.6 5 6z"


def test_names_belong_to_the_content():
    one, two = (
        svg.own_names(["<a id='@x'/><use href='#@x'/>" + end, "url(#@y)"])
        for end in ("", "!")
    )
    name = re.search("id='(.*?)'", one[0])[1]
    assert f"href='#{name}'" in one[0]
    assert one[1] != f"url(#{name})" and "@" not in "".join(one)
    assert name not in two[0]


@pytest.mark.parametrize("draw", ["imshow", "pcolormesh"])
def test_map_whose_greater_value_is_brighter_stays(fig, draw):
    found = heat(fig, "viridis", draw)
    assert list(found) == [None]
    assert (np.diff(found[None]) >= 0).all()
    assert found[None][-1] > 2 * found[None][0]


@pytest.mark.parametrize("draw", ["imshow", "pcolormesh"])
def test_map_that_gets_darker_gets_brighter_on_the_dark_page(fig, draw):
    found = heat(fig, "Oranges", draw)
    assert set(found) == {"on-light", "on-dark"}
    assert (np.diff(found["on-light"]) <= 0).all()
    assert (np.diff(found["on-dark"]) >= 0).all()
    assert found["on-dark"][-1] > 2 * found["on-dark"][0]


def test_both_ends_of_a_map_of_two_colours_stand_out_in_the_dark(fig):
    left, _, middle, _, right = heat(fig, "PuOr")["on-dark"]
    assert min(left, right) > 2 * middle


def test_map_keeps_its_own_pixels_which_are_sharp_at_any_size(fig):
    assert len(heat(fig, "viridis")[None]) == 5
    assert "image-rendering:pixelated" in svg.picture(fig)


def test_hatched_areas_follow_the_page_as_well(fig):
    fig.subplots().bar([1], [1], color="#0067A5", hatch="//", edgecolor="1")
    desk, _, _ = svg.picture(fig).partition("<metadata>")
    (pattern,) = re.findall("<pattern.*?</pattern>", desk)
    assert "fill='var(--0067a5,#0067a5)'" in pattern
    assert "stroke:var(--pst-color-background,#fff)" in pattern


def test_a_sketch_is_drawn_to_scale():
    drawn = ElementTree.fromstring(
        svg.sketch([-2, 0, 6], [0, 0, 6], [0, 1, 1], low=-1, high=8)
    )
    cross, value, slope = drawn
    assert cross.get("d") == "M0 32.0H72M18.0 0V36"
    assert value.get("points") == "0.0,32.0 18.0,32.0 72.0,8.0"
    assert slope.get("stroke-dasharray") and not value.get("stroke-dasharray")
    assert drawn.get("aria-hidden") == "true"


def drawn(text):
    """Return the colours of what a page leaves out, and of what it keeps."""
    desk = re.sub("<metadata>.*|<defs>.*?</defs>|<style>.*?</style>", "", text)
    kept = re.sub("<g class='drawn'>.*?</g>", "", desk)
    colours = [set(re.findall("#[0-9a-f]{6}", t)) for t in (desk, kept)]
    return colours[0] - colours[1], colours[1]


def test_marked_figure_keeps_what_its_author_gives(fig):
    ax = fig.subplots()
    for name, colour in (("asked", "#111213"), ("given", "#212223")):
        (line,) = ax.plot([1, 30], [0, 1], label=name, color=colour)
    line.set_gid(svg.GIVEN)
    ax.text(5, 0.5, "asked", color="#313233")
    ax.text(5, 0.6, "given", color="#414243").set_gid(svg.GIVEN)
    legend = ax.legend(labelcolor=["#515253", "#616263"])
    asked, kept = drawn(svg.picture(fig, marked=True))
    assert asked == {"#111213", "#313233", "#515253"}
    assert {"#212223", "#414243", "#616263"} <= kept
    assert legend.get_gid() is None


def test_marked_figure_says_where_its_axes_are_and_what_they_show(fig):
    ax = fig.subplots()
    ax.plot([1, 30], [1e-9, 1], label="line")
    ax.set(xlabel="layer", yscale="log")
    ax.legend()
    plain, marked = svg.picture(fig), svg.picture(fig, marked=True)
    assert "data-axes" not in plain and "drawn" not in plain
    assert marked.count("<g class='drawn'>") >= 1
    root = ElementTree.fromstring(marked)
    (((*_, left, right, scale, label), up),) = json.loads(
        root.get("data-axes")
    )
    assert left < 1 and right > 30 and (scale, label) == ("linear", "layer")
    assert up[0] > up[1] and up[4] == "log"
    # All else is as it was.
    bare = re.sub(r' data-axes="[^"]*"', "", marked)
    assert len(bare) - len(plain) < 200
