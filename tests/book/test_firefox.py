"""The core of the pages in Firefox: what a reader does, and what shows.

What it asks of the pages is asked of Chromium too, in more detail, in the
files named after it: here is what could differ from browser to browser.
"""

import functools
import io
import os
import re

import numpy as np
import pytest
from PIL import Image
from pypdf import PdfReader

from tests.book.looking import (
    KINDS,
    OPEN_FOLDS,
    THEMES,
    address,
    pages_holding,
)
from tests.book.test_browser import (
    COPY,
    FONT_IS_THERE,
    LINKS,
    MARKED,
    NEXT_FRAME,
    ROOTS,
)
from tests.book.test_live_lab import (
    LAB_PAGES,
    PLAY,
    READOUT,
    WHOLE,
    open_lab,
    until_step,
)
from tests.book.test_predictions import EXERCISE, LINES
from tests.book.test_predictions import PAGE as PREDICTIONS
from tests.book.test_print import LABELS, bare, folded
from tests.book.test_way import LANDING
from tools.firefox import firefox

pytestmark = [
    pytest.mark.weekly,
    # One Firefox is enough.
    pytest.mark.xdist_group("firefox"),
]

DARK = "ui.systemUsesDarkTheme"


@pytest.fixture(scope="module")
def running():
    """Start a Firefox; fail in CI, skip loudly elsewhere."""
    with firefox() as found:
        if found is None:
            message = (
                "NO FIREFOX FOUND: its tests did not run. On Debian: apt-get "
                "install firefox-esr"
            )
            (pytest.fail if os.environ.get("CI") else pytest.skip)(message)
        yield found


@pytest.fixture
def fox(running):
    """Return the Firefox as it is on a first visit, in the light, at a desk."""
    running.forget()
    running.prefer({"javascript.enabled": True, DARK: 0})
    running.resize(1280)
    return running


@pytest.fixture
def plain(fox):
    """Return a Firefox without JavaScript."""
    fox.prefer({"javascript.enabled": False})
    yield fox
    fox.prefer({"javascript.enabled": True})


@pytest.fixture(params=["http", "file"])
def at(request, server, site):
    """Return where a page is, from the server and from disk."""
    return functools.partial(
        address, scheme=request.param, server=server, site=site
    )


def focused(fox, selector):
    """Return whether the focus is in something that fits."""
    return fox.run(
        "return document.activeElement.matches(arguments[0])", selector
    )


def focus(fox, element):
    fox.run("arguments[0].focus()", element)


# From disk, Firefox keeps what one page stored from all others; what a reader
# chooses on one page and meets on another is tested on the server alone.

# --- every kind of page ---


@pytest.mark.parametrize("name", KINDS)
def test_page_has_no_error_and_fits_a_phone(fox, at, name):
    fox.open(at(name))
    for width in (1280, 390):
        fox.resize(width)
        assert (
            fox.run(
                "const {scrollWidth, clientWidth} = document.documentElement;"
                "return scrollWidth - clientWidth"
            )
            <= 0
        ), width
    assert fox.errors() == []


def test_an_error_would_be_seen(fox, server):
    fox.open(server + "chapters/faq.html")
    fox.run(
        """const script = document.createElement("script");
        script.textContent = "console.error('written'); throw Error('thrown')";
        document.body.append(script);
        const image = document.createElement("img");
        image.src = "http://example.com/stranger.png";
        document.body.append(image);
        const other = document.createElement("img");
        other.src = "missing.png";
        other.onerror = () => { document.title = "missed"; };
        document.body.append(other);"""
    )
    fox.until("return document.title === 'missed'")
    text = "\n".join(fox.errors())
    for part in ("written", "thrown", "stranger.png", "missing.png"):
        assert part in text


@pytest.mark.parametrize("theme", THEMES)
def test_first_visit_follows_the_system_and_a_choice_is_kept(
    fox, server, theme
):
    fox.prefer({DARK: int(theme == "dark")})
    fox.open(server + "chapters/faq.html")
    look = "return document.documentElement.dataset"
    assert fox.run(look)["theme"] == theme
    # Light ink on a dark ground, or the other way round.
    shot = Image.open(io.BytesIO(fox.screenshot())).convert("L")
    assert (np.median(np.asarray(shot)) < 128) == (theme == "dark")
    button = next(filter(fox.visible, fox.find_all(".theme-switch-button")))
    modes = set()
    for _ in range(3):
        fox.click(button)
        modes.add(fox.run(look)["mode"])
    assert modes == {"light", "dark", "auto"}
    while fox.run(look)["mode"] != "dark":
        fox.click(button)
    fox.prefer({DARK: 0})
    fox.open(server + "chapters/about.html")
    assert fox.run(look)["theme"] == "dark"


# --- explorers and the lab ---


@pytest.mark.parametrize("name", pages_holding('class="explorer"'))
def test_explorers_answer_the_keyboard(fox, at, name):
    fox.open(at(name))
    fox.call(OPEN_FOLDS)
    picture = (
        "return arguments[0].querySelector('.explorer-frame')"
        ".lastElementChild.innerHTML"
    )
    for figure in fox.find_all(".explorer"):
        for control in fox.find_all("input, select", figure):
            focus(fox, control)
            menu = fox.run("return arguments[0].matches('select')", control)
            fox.press("Home")
            seen = fox.run(picture, figure)
            for key in ["ArrowDown"] if menu else ["End", "ArrowLeft"]:
                fox.press(key)
                before, seen = seen, fox.run(picture, figure)
                assert seen != before, f"{key} does not change the picture"
        assert fox.text(fox.find(".explorer-readout", figure))
    assert fox.errors() == []


STEP = """return Number(/Step (\\d+)/.exec(
  document.querySelector(arguments[0])?.textContent)?.[1]) >= arguments[1]"""


@pytest.mark.parametrize("name", LAB_PAGES)
def test_lab_trains_by_keyboard(fox, at, name):
    fox.open(at(name))
    play = fox.until(
        "const found = document.querySelector(arguments[0]);"
        "found?.scrollIntoView(); return found",
        PLAY,
    )
    fox.until(STEP, READOUT, 0)
    focus(fox, play)
    fox.press("Space")
    fox.until(STEP, READOUT, 20, patience=60)
    fox.press("Space")
    fox.until("return arguments[0].textContent === 'Play'", play)
    assert fox.errors() == []


# What the lab tells, and the table of its layers.
TOLD = """() => [...document.querySelectorAll(".lab-readout, .lab tbody tr")]
  .map(node => node.textContent)"""


@pytest.mark.parametrize(
    "settings",
    [
        "steps=60&seed=3",
        "steps=40&activation=gelu&optimizer=adam&learning_rate=0.002",
        "steps=40&activation=tanh&batch_norm=true",
    ],
)
def test_an_address_trains_to_chromiums_numbers(
    fox, browser, server, settings
):
    url = f"{server}{WHOLE}#lab&{settings}"
    steps = int(re.search(r"steps=(\d+)", settings)[1])
    page = open_lab(browser, url)
    page.click(PLAY)
    until_step(page, steps)
    page.locator(PLAY).get_by_text("Play").wait_for()
    wanted = page.evaluate(TOLD)
    page.context.close()
    fox.open(url)
    fox.until(STEP, READOUT, 0)
    fox.click(fox.find(PLAY))
    fox.until(STEP, READOUT, steps, patience=60)
    fox.until("return arguments[0].textContent === 'Play'", fox.find(PLAY))
    assert fox.call(TOLD) == wanted
    assert f"Step {steps}:" in wanted[0] and len(wanted) > 3


# --- formulas ---


@pytest.mark.parametrize("name", pages_holding("<msqrt"))
def test_roots_stand_on_their_line_and_leave_no_gap(fox, site, name):
    # From disk, where the font may come when it comes.
    fox.open((site / name).as_uri())
    fox.call(OPEN_FOLDS)
    fox.until(f"return ({FONT_IS_THERE})()")
    roots = fox.call(ROOTS)
    assert roots
    wrong = [
        root
        for root in roots
        if not (0.7 < root["sign"] < 0.75 and abs(root["gap"]) < 0.05)
        or root["hang"] > 0.2
    ]
    assert not wrong, "\n".join(map(str, wrong))


def test_formulas_are_copied_as_latex(fox, server):
    fox.open(server + "chapters/04_in_depth.html")
    formula = fox.find(".formula#equation-cosine-map math")
    copied = fox.call(COPY, formula)
    assert copied.startswith("$$") and r"\rho_{l+1} = J(\rho_l)" in copied


def test_contents_mark_the_part_one_is_in(fox, at):
    fox.open(at("chapters/07_dying_relu.html"))
    hashes = fox.call(LINKS)
    assert len(hashes) > 3
    for part in hashes:
        fox.run("location.hash = arguments[0]", part)
        fox.call(NEXT_FRAME)
        assert fox.call(MARKED) == [part]
    fox.run("scrollTo(0, document.documentElement.scrollHeight)")
    fox.call(NEXT_FRAME)
    assert fox.call(MARKED) == hashes[-1:]


# --- folds, the search, and what is kept ---


def test_folded_code_opens_by_keyboard(fox, at):
    fox.open(at(KINDS[0]))
    bar = fox.find("details.hide > summary")
    assert fox.text(bar).strip() == "Show code"
    focus(fox, bar)
    fox.press("Enter")
    assert fox.text(bar).strip() == "Hide code"
    assert fox.visible(fox.find("details.hide pre"))
    fox.press("Enter")
    assert not fox.visible(fox.find("details.hide pre"))


def test_search_finds_the_chapter(fox, at):
    fox.open(at("search.html"))
    assert focused(fox, ".bd-search-container input[type=search]")
    for query in ("dead neuron", "dying relu"):
        fox.press("Control+a", *query, "Enter")
        fox.until(
            "return location.search.includes(arguments[0].replace(' ', '+'))"
            " && /found/.test(document.querySelector("
            "'#search-results [role=status]')?.textContent)",
            query,
        )
        links = map(fox.text, fox.find_all("#search-results li > a")[:5])
        assert "Dying ReLU" in list(links)
    assert fox.errors() == []


TICKED = """() => [...document.querySelectorAll(".read")].map(
  tick => tick.closest("a").firstChild.textContent.trim())"""


def test_what_was_read_is_ticked_on_other_pages(fox, server):
    fox.open(server + PREDICTIONS)
    assert fox.call(TICKED) == []
    fox.click(fox.find(".reading input"))
    fox.open(server + LANDING)
    assert len(fox.call(TICKED)) == 2
    fox.click(fox.find(".reading button"))
    fox.reload()
    assert fox.call(TICKED) == []


def test_hidden_sidebar_stays_hidden_on_the_next_page(fox, server):
    fox.open(server + KINDS[0])
    for shown_next in (False, True):
        toggles = fox.find_all(".primary-toggle")
        fox.click(next(filter(fox.visible, toggles)))
        fox.until(
            "return localStorage.getItem('relu-sidebar') === arguments[0]",
            "shown" if shown_next else "hidden",
        )
        fox.open(server + "chapters/faq.html")
        assert fox.visible(fox.find(".bd-sidebar-primary")) == shown_next


# --- predictions, quizzes, and answers ---


def box_of(fox, kind):
    return fox.find(f".predict[data-kind={kind}]")


def told(fox, box):
    return fox.text(fox.find(".told", box))


def is_open(fox, box):
    return fox.run("return arguments[0].querySelector('.result').open", box)


def test_choice_opens_the_result_and_is_kept(fox, at):
    fox.open(at(PREDICTIONS))
    box = box_of(fox, "choice")
    question = fox.find("p", box)
    top = "return arguments[0].getBoundingClientRect().top"
    option = fox.find_all(".options button", box)[1]
    fox.run("arguments[0].scrollIntoView({block: 'center'})", option)
    words, before = fox.text(option), fox.run(top, question)
    assert not is_open(fox, box)
    fox.click(option)
    assert told(fox, box).startswith(f"You expected: {words}.")
    # Firefox scrolls by whole pixels.
    assert abs(fox.run(top, question) - before) < 2, "the place was lost"
    assert focused(fox, ".result-inside")
    assert fox.visible(fox.find("figure", box))
    fox.reload()
    box = box_of(fox, "choice")
    assert is_open(fox, box) and told(fox, box).startswith("You expected")
    fox.click(fox.find(".again", box))
    assert not is_open(fox, box) and focused(fox, ".options button")
    assert fox.errors() == []


def test_number_is_asked_for_and_shown_by_keyboard(fox, at):
    fox.open(at(PREDICTIONS))
    box = box_of(fox, "number")
    focus(fox, fox.find("input", box))
    fox.press(*"many", "Enter")
    assert told(fox, box).startswith("Write a number first")
    fox.press("Control+a", *"16", "Tab", "Enter")
    assert is_open(fox, box) and told(fox, box).startswith("You expected: 16.")
    fox.press("Shift+Tab")
    assert focused(fox, ".result summary")
    fox.press("Enter")
    assert not is_open(fox, box)
    assert fox.errors() == []


@pytest.mark.parametrize("by", ["keyboard", "mouse"])
def test_line_is_drawn_and_then_shown_in_the_figure(fox, at, by):
    fox.open(at(PREDICTIONS))
    box = box_of(fox, "line")
    ready = fox.find(".answer-button", box)
    fox.click(ready)
    assert told(fox, box) == "Move the points first."
    if by == "keyboard":
        # Where the focus went.
        fox.press("ArrowDown", "PageDown", "ArrowUp", "Tab", "End")
    else:
        points = fox.find_all("[role=slider] .point", box)
        fox.drag(points[0], 0, 60)
        fox.drag(points[1], 0, -60)
    (line,) = fox.call(LINES, box)
    assert line[0][1] > line[2][1] > line[1][1]
    assert len({y for _, y in line[2:]}) == 1 and len(line) == 6
    fox.click(ready)
    assert is_open(fox, box) and fox.call(LINES, box) == [line, line]
    fox.reload()
    box = box_of(fox, "line")
    assert is_open(fox, box) and fox.call(LINES, box) == [line, line]
    assert fox.errors() == []


def test_quiz_keeps_one_choice_for_each_question(fox, at):
    fox.open(at(PREDICTIONS))
    summaries = fox.find_all("#quiz > details > summary")
    opened = (
        "return [...document.querySelectorAll('#quiz > details')]"
        ".flatMap((option, i) => option.open ? [i] : [])"
    )
    fox.click(summaries[0])
    focus(fox, summaries[2])
    fox.press("Enter")
    fox.click(summaries[3])
    assert fox.run(opened) == [2, 3]
    explained = fox.find("#quiz > details[open] p")
    assert re.match("Right|Not quite", fox.text(explained))
    fox.reload()
    assert fox.run(opened) == [2, 3]
    assert fox.errors() == []


def test_exercise_is_answered_by_keyboard_and_kept(fox, at):
    fox.open(at(EXERCISE))
    box = fox.find(".answers")
    focus(fox, fox.find("input", box))
    fox.press("Enter")
    assert told(fox, box) == "Not attempted."
    fox.press(*"2.56", "Enter")
    assert told(fox, box).startswith("Not yet: a positive bias")
    fox.press("Home", "\N{MINUS SIGN}", "Enter")
    assert told(fox, box) == "Right."
    fox.reload()
    value = fox.run("return document.querySelector('.answers input').value")
    assert value == "\N{MINUS SIGN}2.56"
    assert fox.errors() == []


# --- without JavaScript, and on paper ---


def test_without_javascript_results_are_plain_folds(plain, at):
    plain.open(at(PREDICTIONS))
    for kind in ("line", "number", "choice"):
        box = box_of(plain, kind)
        with pytest.raises(LookupError):
            plain.find("button, input, .pad", box)
        figure = plain.find("figure", box)
        assert not plain.visible(figure)
        plain.click(plain.find("details.result > summary", box))
        assert plain.visible(figure)
    answer = plain.find("#quiz details")
    plain.click(plain.find("summary", answer))
    assert plain.visible(plain.find("p", answer))
    assert not plain.visible(plain.find(".reading"))


@pytest.mark.parametrize("name", KINDS)
def test_page_is_read_without_javascript(plain, at, name):
    plain.open(at(name))
    assert len(plain.text(plain.find("main"))) > 100
    for hidden in (".explorer-controls", ".answers"):
        if plain.run("return document.querySelector(arguments[0])", hidden):
            assert not plain.visible(plain.find(hidden))


@pytest.mark.parametrize("script", [True, False])
def test_paper_shows_what_is_folded_and_asks_nothing(fox, site, script):
    fox.prefer({"javascript.enabled": script, DARK: 1})
    fox.open((site / PREDICTIONS).as_uri())
    pdf = PdfReader(io.BytesIO(fox.pdf()))
    fox.prefer({"javascript.enabled": True})
    width, height = map(float, pdf.pages[0].mediabox[2:])
    assert abs(width - 595) < 2 and abs(height - 842) < 2, "not A4"
    text = "".join(sheet.extract_text() for sheet in pdf.pages)
    printed, pieces = bare(text), folded(site, PREDICTIONS)
    assert pieces
    ends = [end for piece in pieces for end in (piece[:20], piece[-20:])]
    assert [end for end in ends if end not in printed] == []
    asks = ("show me", "Show the result", "Move the points")
    assert [words for words in (*LABELS, *asks) if words in text] == []
