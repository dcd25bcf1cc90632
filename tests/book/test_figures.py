"""Figures as they are rendered: legible on light and dark pages, no slab."""

import io
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.patches import Rectangle
from PIL import Image

from tests.book.looking import (
    OPEN_RESULTS,
    SHOW_THEME,
    THEMES,
    open_page,
    pages_holding,
)
from tools.notebooks import pages, read
from utils import svg
from utils.plotting import LOOKS, STYLE

FIGURES = "article svg[role=img]:visible"
ROOM = 4
TEXT, LINE = 4.5, 3
# Not lines: white edges, pale bands that lie behind lines, and bars.
NO_LINES = {
    "0.9",
    "0.93",
    "#B8B8B8",
    "1",
    "white",
    "none",
    "0.85",
    "0.8",
    "#DDDDDD",
    "#C9C9C9",
    "#5B9BD5",
}


def luminance(colours):
    """Return the relative luminance of sRGB colours, as WCAG defines it."""
    c = np.asarray(colours, dtype=float) / 255
    c = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    return c @ [0.2126, 0.7152, 0.0722]


def contrast(colours, ground):
    """Return the contrast of colours with the colour of the ground."""
    a, b = luminance(colours) + 0.05, luminance(ground) + 0.05
    return np.maximum(a, b) / np.minimum(a, b)


# Where it is once nothing moves any more.
BOX = """async node => {
  await document.fonts.ready;
  node.scrollIntoView({block: "center", behavior: "instant"});
  for (let i = 0; i < 2; i++) await new Promise(requestAnimationFrame);
  return node.getBoundingClientRect().toJSON();
}"""


def photograph(page, picture):
    """Return the pixels of a picture and of a little page around it."""
    box = picture.evaluate(BOX)
    clip = {
        "x": box["x"] - ROOM,
        "y": box["y"] - ROOM,
        "width": box["width"] + 2 * ROOM,
        "height": box["height"] + 2 * ROOM,
    }
    shot = io.BytesIO(page.screenshot(clip=clip))
    return np.asarray(Image.open(shot).convert("RGB")).astype(int)


def outermost(ink):
    """Return the first lines with ink, up to the first gap after them."""
    inked = np.append(ink.any(axis=1), [False, False])
    first = inked.argmax()
    gap = (~inked[first:-1] & ~inked[first + 1 :]).argmax()
    return slice(first, first + gap)


def faults(pixels):
    """Say what is hard to see in a picture: its slab, the text at its axes.

    That text is what comes first from the left and from below: the name of
    an axis or, where it has none, the numbers at its ticks.
    """
    page, figure = (
        pixels[0, 0],
        pixels[ROOM + 1 : -ROOM - 1, ROOM + 1 : -ROOM - 1],
    )
    edge = np.concatenate((figure[0], figure[-1], figure[:, 0], figure[:, -1]))
    step = abs(edge - page).max()
    if step > 3:
        return [f"its background is {step} steps off the page's"]
    ratio = contrast(figure, page)
    found = []
    for name, seen in (("below", ratio[::-1]), ("left", ratio.T)):
        text = seen[outermost(seen > 1.1)].max()
        if text < TEXT:
            found.append(f"the text {name} has the contrast {text:.2f}")
    return found


@pytest.mark.parametrize("name", pages_holding('role="img"'))
def test_figures_are_legible_and_lie_on_the_page(browser, site, name):
    page = open_page(browser, (site / name).as_uri())
    page.evaluate(OPEN_RESULTS)
    found = []
    for theme in THEMES:
        page.evaluate(SHOW_THEME, theme)
        for number, picture in enumerate(page.locator(FIGURES).all()):
            found += [
                f"picture {number + 1}, {theme}: {fault}"
                for fault in faults(photograph(page, picture))
            ]
    page.context.close()
    assert not found, "\n".join(found)


def colours():
    """Return every colour that the chapters draw lines with."""
    cells = [
        c.source
        for p in pages()
        for c in read(p).cells
        if c.cell_type == "code"
    ]
    named = re.findall(
        r'"(#[0-9A-F]{6})"|(?:color|colors|ec)="([^"{]+)"', "\n".join(cells)
    )
    looks = {look["color"] for look in LOOKS.values()}
    return sorted(looks | {a or b for a, b in named} - NO_LINES)


SIDE = 10


def row():
    """Return an SVG picture of all colours, with gaps between them."""
    count = len(colours())
    fig = plt.figure(figsize=(2 * count * SIDE / 100, SIDE / 100), dpi=100)
    for place, colour in enumerate(colours()):
        fig.add_artist(
            Rectangle((place / count, 0), 0.5 / count, 1, color=colour, lw=0)
        )
    picture = svg.picture(fig)
    plt.close(fig)
    return picture.replace("<svg ", '<svg id="row" ')


def test_lines_stand_out_from_the_page(browser, site):
    page = open_page(
        browser, (site / "chapters/01_definition.html").as_uri(), width=1920
    )
    page.evaluate(
        """picture => {
          const box = document.createElement("div");
          box.innerHTML = picture;
          document.querySelector("main").replaceChildren(box);
        }""",
        row(),
    )
    found = []
    for theme in THEMES:
        page.evaluate(SHOW_THEME, theme)
        pixels = photograph(page, page.locator("#row"))
        seen = pixels[ROOM + SIDE // 2, ROOM + SIDE // 2 :: 2 * SIDE]
        ratios = contrast(seen, pixels[0, 0])
        assert len(ratios) >= len(colours())
        found += [
            f"{colour} has the contrast {ratio:.2f} on the {theme} page"
            for colour, ratio in zip(colours(), ratios)
            if ratio < LINE
        ]
    page.context.close()
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", pages_holding('role="img"'))
def test_figures_are_sharp_and_nothing_is_turned_over(browser, site, name):
    page = open_page(browser, (site / name).as_uri(), "dark")
    pixels = page.locator(".cell_output img, figure img").count()
    filters = page.evaluate(
        """() => [...document.querySelectorAll("article *")]
          .map(node => getComputedStyle(node))
          .filter(style => style.filter !== "none"
            || style.mixBlendMode !== "normal").length"""
    )
    page.context.close()
    assert pixels == 0, "a figure is a picture of pixels"
    assert filters == 0, "a figure's colours are turned over as a whole"


MAPS = """() => [...document.querySelectorAll("article image")].filter(
  image => image.closest("svg").checkVisibility()).map(
  image => [image.getAttribute("class"), image.checkVisibility()])"""


@pytest.mark.parametrize("name", pages_holding("class='on-dark'"))
def test_on_maps_more_is_brighter_on_the_dark_page(browser, site, name):
    page = open_page(browser, (site / name).as_uri())
    page.evaluate(OPEN_RESULTS)
    for theme in THEMES:
        page.evaluate(SHOW_THEME, theme)
        for kind, visible in page.evaluate(MAPS):
            wanted = kind in (None, f"on-{theme}")
            assert visible == wanted, f"more is not brighter, {theme}"
    page.context.close()


def test_paper_is_light(browser, site):
    page = open_page(browser, (site / "index.html").as_uri(), "dark")
    page.goto((site / "chapters/02_nonlinearity.html").as_uri())
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    shown = {kind for kind, visible in page.evaluate(MAPS) if visible}
    page.context.close()
    assert shown == {"on-light"}


# matplotlib makes letters 100 units high, and says how many points that is.
LETTERS = r"""() => [...document.querySelectorAll("article svg")]
  .filter(svg => svg.checkVisibility())
  .flatMap((svg, number) => {
    const pixels = svg.getScreenCTM().a;
    const explorer = svg.closest(".explorer");
    const data = JSON.parse(
      explorer?.querySelector("script[type]").textContent ?? "{}");
    const form = svg.dataset.form === "phone" ? data.phone ?? {} : data;
    const drawn = [svg.outerHTML, ...form.elements ?? []].join("");
    return [
      ...[...drawn.matchAll(/scale\(([\d.]+) -/g)].map(m => 100 * m[1]),
      ...[...svg.querySelectorAll("text")].map(
        text => parseFloat(getComputedStyle(text).fontSize)),
    ].map(size => [number + 1, size * pixels]);
  })"""
SMALLEST = 11


@pytest.mark.parametrize("name", pages_holding('role="img"'))
def test_letters_of_figures_are_legible_on_a_phone(browser, site, name):
    page = open_page(browser, (site / name).as_uri(), width=390)
    page.evaluate(
        "document.querySelectorAll('article details').forEach("
        "fold => { fold.open = true; })"
    )
    sizes = page.evaluate(LETTERS)
    page.context.close()
    found = {
        f"picture {number} has letters of {size:.1f} pixels"
        for number, size in sizes
        if size < SMALLEST
    }
    assert not found, "\n".join(sorted(found))


def drawn(text="black", ground="white"):
    """Return the pixels of a figure as it would stand on a white page."""
    with plt.rc_context(
        {**STYLE, "figure.facecolor": ground, "axes.labelcolor": text}
    ):
        fig, ax = plt.subplots()
        ax.plot([0, 1], [0, 1])
        ax.set(xlabel="input x", ylabel="output")
        fig.canvas.draw()
        pixels = np.asarray(fig.canvas.buffer_rgba())[:, :, :3].astype(int)
        plt.close(fig)
    return np.pad(
        pixels, ((ROOM, ROOM), (ROOM, ROOM), (0, 0)), constant_values=255
    )


def test_a_clear_figure_passes():
    assert faults(drawn()) == []


@pytest.mark.parametrize(
    "drawing",
    [drawn(text="0.6"), drawn(ground="0.9")],
    ids=["pale text", "slab"],
)
def test_a_figure_with_one_fault_is_caught(drawing):
    assert faults(drawing)
