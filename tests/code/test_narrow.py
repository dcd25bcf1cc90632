"""The form of a figure for a phone, and that the figure stays as it was."""

import io
import itertools
import json
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest

from utils import diagrams, plotting, svg
from utils.explorer import Control, Explorer
from utils.narrow import WIDTH, narrow


@pytest.fixture(autouse=True)
def style():
    with plt.rc_context(plotting.STYLE):
        yield
    plt.close("all")


def panels(count=2, **options):
    fig, axes = plt.subplots(1, count, **options)
    for ax in axes:
        ax.plot([0, 1], [0, 1], label="rising")
    return fig, axes


def pixels(fig):
    file = io.BytesIO()
    fig.savefig(file, format="png", bbox_inches="tight")
    return file.getvalue()


def rows(fig):
    """Return the heights at which the panels stand."""
    fig.draw_without_rendering()
    return [round(ax.get_position().y0, 2) for ax in fig.axes]


def test_letters_are_legible_on_a_phone():
    # A phone of 390 pixels has 342 beside the page's margins.
    pixels = 342 / (72 * WIDTH)
    small = plt.rcParams["font.size"] * 0.833
    assert pixels * small >= 11


def test_two_panels_stand_below_each_other_and_each_keeps_most_of_its_height():
    fig, (left, right) = panels(figsize=(5.8, 2.9), sharey=True)
    left.set(ylabel="value")
    with narrow(fig) as differs:
        assert differs
        width, height = fig.get_size_inches()
        assert width == WIDTH and 4.5 < height < 2 * 2.9
        assert rows(fig)[0] > rows(fig)[1]
        # What the left one said for both is said twice.
        assert right.get_ylabel() == "value"
        assert [t.get_text() for t in right.get_yticklabels()][0]
        assert right.yaxis.get_tick_params()["labelleft"]


def test_pictures_in_a_row_stay_in_a_row():
    fig, axes = plt.subplots(1, 4)
    for ax in axes:
        ax.set_axis_off()
    with narrow(fig):
        assert len(set(rows(fig))) == 1


def test_panels_of_many_names_get_a_line_for_each():
    fig, axes = panels(figsize=(5.8, 2), sharey=True)
    axes[0].set_yticks(range(16), [f"name {i}" for i in range(16)])
    with narrow(fig):
        fig.draw_without_rendering()
        boxes = [t.get_window_extent() for t in axes[0].get_yticklabels()]
        assert not any(a.overlaps(b) for a, b in itertools.pairwise(boxes))


def test_wide_legend_gets_fewer_columns_and_the_figure_room_for_it():
    fig, ax = plt.subplots()
    for i in range(3):
        ax.plot([0, i], label=f"a line with the number {i}")
    legend = fig.legend(ncols=3, loc="outside upper center")
    with narrow(fig):
        fig.draw_without_rendering()
        assert legend.get_window_extent().width <= fig.bbox.width
        assert fig.get_size_inches()[1] > 3.3 + 0.3


def test_long_names_of_axes_are_broken_where_they_would_be_cut_off():
    fig, ax = plt.subplots()
    name = "accuracy on the test images, as a share of all of them (%)"
    ax.set(xlabel=name, yticks=[0], yticklabels=["a name as long as this"])
    ax.set_title("antidisestablishmentarianism " * 3)
    with narrow(fig):
        fig.draw_without_rendering()
        box = ax.xaxis.label.get_window_extent()
        assert 0 <= box.x0 and box.x1 <= fig.bbox.width
    assert ax.get_xlabel() == name


def test_title_that_begins_at_the_left_is_broken_at_the_edge():
    fig, ax = plt.subplots()
    words = "gradient norm, log₁₀ (hatched: nan, 0 or none)"
    title = ax.set_title(words, loc="left")
    with narrow(fig):
        assert "\n" in title.get_text()
        assert title.get_window_extent().x1 <= fig.bbox.width
    assert title.get_text() == words


def test_numbers_that_would_touch_make_room_and_words_turn():
    fig, (above, below) = plt.subplots(2, 1)
    above.set_xticks(range(9), [f"1/{2**k}0" for k in range(9)])
    below.set_xticks(range(6), ["sigmoid", "identity", "tanh"] * 2)
    with narrow(fig):
        kept = [t.get_text() for t in above.get_xticklabels()]
        assert kept == [f"1/{4**k}0" for k in range(5)]
        assert below.get_xticklabels()[0].get_rotation() == 90
    assert len(above.get_xticklabels()) == 9
    assert below.get_xticklabels()[0].get_rotation() == 0


def two():
    fig, axes = panels(figsize=(5.8, 2.9), sharey=True)
    axes[0].set(ylabel="value", xlabel="a name that is long " * 4)
    shown = axes[0].get_legend_handles_labels()
    fig.legend(*shown, ncols=2, loc="outside upper center")
    return fig


def sheet():
    fig, axes = plt.subplots(2, 2, figsize=(6.4, 6), sharex=True)
    for ax in axes.flat:
        ax.imshow(np.eye(3), extent=(-2, 2, -2, 2))
    return fig


@pytest.mark.parametrize("draw", [two, sheet])
def test_afterwards_the_figure_is_as_it_was(draw):
    seen = []
    for small in (False, True):
        fig = draw()
        fig.draw_without_rendering()
        if small:
            with narrow(fig):
                fig.draw_without_rendering()
        seen.append((repr(fig), pixels(fig)))
    assert seen[0] == seen[1]


@pytest.mark.parametrize(
    "draw", [diagrams.neuron, lambda: panels(figsize=(3, 3))[0]]
)
def test_figure_with_its_authors_layout_or_narrow_already_has_one_form(draw):
    fig = draw()
    with narrow(fig) as differs:
        assert not differs
    assert "<metadata>" not in svg.picture(fig)


def test_page_gets_both_forms_under_one_name_and_a_reader_of_files_the_wide():
    fig, _ = panels()
    text = svg.picture(fig)
    assert text.startswith("<svg xmlns") and text.endswith("</svg>")
    both = svg.both_forms(text, 'aria-label="Lines."')
    assert re.findall('<svg aria-label="Lines." data-form="(.*?)"', both) == [
        "desk",
        "phone",
    ]
    assert both.count("<svg") == both.count("</svg>") == 2
    assert "metadata" not in both
    names = re.findall(r"id='([^']+)'", both)
    assert len(names) == len(set(names))


def test_explorer_has_every_frame_in_both_forms():
    def draw(fig, slope):
        fig.subplots().plot(np.arange(2), [0, slope])
        return f"It rises to {slope}."

    page = Explorer(
        draw, "A line.", slope=Control("slope", [1, 2, 3], start=2)
    ).page()
    data = json.loads(
        re.search('<script type="application/json">(.*?)</script>', page)[1]
    )
    assert len(data["frames"]) == len(data["phone"]["frames"]) == 3
    desk, phone = re.findall("<g>(.*)</g></svg>", page)
    for form, shown in ((data, desk), (data["phone"], phone)):
        assert shown == "".join(form["elements"][n] for n in form["frames"][1])
    assert desk != phone
