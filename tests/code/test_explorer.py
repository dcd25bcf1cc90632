"""The interactive figure, without a browser."""

import base64
import io
import json
import re

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from PIL import Image

from utils.explorer import Control, Explorer


def draw(fig, slope, kind="line"):
    fig.subplots().plot([0, 1], [0, slope], label=kind)
    return f"The {kind} rises to {slope} & stops."


def make(**controls):
    controls = controls or {
        "slope": Control("slope", [1, 2, 3], start=2),
        "kind": Control("kind", ["line", "curve"], start="curve"),
    }
    return Explorer(draw, 'A "line" through the origin.', **controls)


def data_of(html):
    found = re.search(r'<script type="application/json">(.*?)</script>', html)
    return json.loads(found[1])


def test_page_holds_every_frame_in_the_order_the_script_counts():
    data = data_of(make().page())
    assert data["values"] == [["1", "2", "3"], ["line", "curve"]]
    assert data["readouts"] == [
        f"The {kind} rises to {slope} & stops."
        for slope in (1, 2, 3)
        for kind in ("line", "curve")
    ]
    # The drawing depends on the slope only, so frames come in pairs.
    frames = data["frames"]
    assert frames[0] == frames[1] != frames[2] == frames[3] != frames[4]


def shown(html):
    return re.search("<g>(.*)</g></svg>", html)[1]


def test_page_starts_with_the_frame_of_the_start_values():
    html = make().page()
    data = data_of(html)
    first = [data["elements"][number] for number in data["frames"][3]]
    assert shown(html) == "".join(first)
    assert 'value="1" aria-valuetext="2"' in html
    assert "<option selected>curve</option>" in html
    assert "The curve rises to 2 &amp; stops." in html


def test_page_escapes_what_the_author_wrote():
    assert 'label="A &quot;line&quot; through the origin."' in make().page()
    closing = Explorer(
        lambda fig, n: "</script><b>",
        "Nothing.",
        n=Control("n", [1, 2], start=1),
    ).page()
    assert closing.count("</script>") == 2


def test_page_asks_nothing_of_another_site():
    assert "http" not in make().page()


def test_what_frames_share_is_written_once():
    data = data_of(make().page())
    elements, frames = data["elements"], data["frames"]
    assert len(elements) == len(set(elements))
    assert {n for frame in frames for n in frame} == set(range(len(elements)))
    # Same axes and ticks, another line.
    shared, *own = map(set, (frames[2], frames[0]))
    assert len(shared.intersection(*own)) > len(shared) / 3


def test_each_explorer_of_a_page_has_names_of_its_own():
    pages = make().page(), make(slope=Control("slope", [1, 2], 1)).page()
    first, second = (set(re.findall(r"id='([^']+)'", page)) for page in pages)
    assert first and second and not first & second
    for page, names in zip(pages, (first, second)):
        assert set(re.findall(r"#(f\w+-\d+)", page)) <= names


def test_html_is_the_same_each_time():
    assert make().page() == make().page()


def test_bundle_offers_widget_page_and_picture():
    bundle = make()._repr_mimebundle_()
    assert set(bundle) == {
        "application/vnd.jupyter.widget-view+json",
        "text/html",
        "image/png",
        "text/plain",
    }
    png = Image.open(io.BytesIO(base64.b64decode(bundle["image/png"])))
    assert png.format == "PNG"
    assert bundle["text/plain"] == (
        "Explorer of slope (3 values) and kind (2 values): "
        "The curve rises to 2 & stops."
    )


CELL = """\
from utils import explorer
drawn = []
def draw(fig, n):
    drawn.append(n)
    return f"Number {n}."
explorer.Explorer(draw, "", n=explorer.Control("n", range(9), start=4))"""
COUNT = "print(len(drawn))"


def test_a_person_waits_for_one_frame_and_a_program_gets_all():
    cells = [nbformat.v4.new_code_cell(text) for text in 2 * (CELL, COUNT)]
    book = nbformat.v4.new_notebook(cells=cells)
    client = NotebookClient(book, timeout=60, store_widget_state=False)
    with client.setup_kernel():
        client.execute_cell(cells[0], 0)
        client.execute_cell(cells[1], 1)
        # As JupyterLab does for a person.
        client.kc.allow_stdin = True
        client.execute_cell(cells[2], 2)
        client.execute_cell(cells[3], 3)
    program, person = (cells[i].outputs[0].data for i in (0, 2))
    live = "application/vnd.jupyter.widget-view+json"
    assert len(data_of(program["text/html"])["frames"]) == 9
    assert "text/html" not in person
    assert [int(cells[i].outputs[0].text) for i in (1, 3)] == [10, 1]
    for bundle in program, person:
        assert {live, "image/png"} < set(bundle)
        assert bundle["text/plain"] == "Explorer of n (9 values): Number 4."
    assert len(str(person)) < 10_000


def test_moving_a_live_control_draws_again():
    box = make()._widget()
    frame, readout, slope, kind = box.children
    before = frame.value
    slope.value = 3
    assert frame.value != before
    assert readout.value == "The curve rises to 3 & stops."
    kind.value = "line"
    assert readout.value == "The line rises to 3 & stops."


def test_two_displays_of_one_explorer_have_their_own_controls():
    explorer = make()
    first, second = explorer._widget(), explorer._widget()
    first.children[2].value = 3
    assert second.children[2].value == 2


def test_no_figure_stays_open():
    plt.close("all")
    make()._repr_mimebundle_()
    assert plt.get_fignums() == []


def test_number_formats_are_the_authors():
    control = Control("bias", np.array([-1.0, 0.0, 0.25]), 0, form="+.2f")
    assert control.texts == ("-1.00", "+0.00", "+0.25")


@pytest.mark.parametrize(
    "values, start, message",
    [
        ([1], 1, "two or more numbers or two or more strings"),
        ([], 1, "two or more numbers"),
        ([1, None], 1, "two or more numbers"),
        (5, 5, "two or more numbers"),
        ([1, 2], 3, r"start of 'slope' must be one of \(1, 2\), got 3"),
        (["a", "b"], "c", "must be one of"),
    ],
)
def test_bad_control(values, start, message):
    with pytest.raises(ValueError, match=message):
        Control("slope", values, start)


def test_too_many_controls_or_frames():
    many = Control("slope", range(321), start=0)
    with pytest.raises(ValueError, match="at most 320 frames, got .* 321 fr"):
        make(slope=many)
    two = Control("x", [1, 2], start=1)
    with pytest.raises(ValueError, match="one or two controls"):
        make(a=two, b=two, c=two)
    with pytest.raises(ValueError, match="one or two controls"):
        Explorer(draw, "Nothing.")


def test_what_is_no_control_is_named():
    with pytest.raises(
        TypeError, match=r"slope must be a Control such as .*, got list"
    ):
        make(slope=[1, 2, 3])


def test_drawing_without_a_sentence_is_refused():
    silent = Explorer(
        lambda fig, n: None, "Nothing.", n=Control("n", [1, 2], start=1)
    )
    with pytest.raises(
        TypeError, match="what draw returns must be one sen.* got NoneType"
    ):
        silent.page()


def test_heavy_frames_are_refused():
    def noise(fig, n):
        fig.subplots().imshow(np.random.default_rng(n).random((300, 300)))
        return "Noise."

    heavy = Explorer(noise, "Noise.", n=Control("n", range(12), start=0))
    with pytest.raises(ValueError, match="at most 500000 are wanted"):
        heavy.page()
