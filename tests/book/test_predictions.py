"""Results that wait for a guess, quizzes, and answers in exercises."""

import html
import io
import json
import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from pypdf import PdfReader

from tests.book.looking import (
    PAGES,
    address,
    open_page,
    pages_holding,
    soup,
)
from tests.book.test_browser import broken_rules
from tests.book.test_way import REFUSED
from utils import plotting

# A line to draw, a number and a choice.
PAGE = "chapters/04_vanishing_gradients.html"
EXERCISE = "chapters/exercises/06_sparsity.html"
KEY = "relu-answers"
SCHEMES = pytest.mark.parametrize("scheme", ["http", "file"])
WAITING = pages_holding('class="predict"')


def boxes(page):
    """Return the predictions of a page by kind: line, number, choice."""
    return {
        kind: page.locator(f".predict[data-kind={kind}]").first
        for kind in ("line", "number", "choice")
    }


def is_open(box):
    return box.locator("details.result").evaluate("node => node.open")


def told(box):
    return box.locator(".told").inner_text()


# --- predictions ---


def test_predictions_wait_in_every_chapter():
    # Twelve, and the page of ten minutes.
    assert len(WAITING) == 13


@pytest.mark.parametrize("name", WAITING)
def test_page_has_some_predictions_and_each_is_whole(site, name):
    found = soup(site / name).select(".predict")
    assert 2 <= len(found) <= 5
    names = [box["data-name"] for box in found]
    assert len(names) == len(set(names))
    for box in found:
        (result,) = box.select(":scope > details.result")
        assert not result.has_attr("open")
        assert box.p.get_text().startswith("Predict")
        assert len(result.get_text().split()) > 20, "there is no result"
        asks = {
            "choice": "ul.options > li",
            "number": "p.guess",
            "line": "p.guess",
        }[box["data-kind"]]
        wanted = 2 if box["data-kind"] == "choice" else 1
        assert len(box.select(asks)) >= wanted
        assert not box.select(".options a"), "a link cannot be in a button"


@SCHEMES
def test_choice_opens_the_result_beside_what_was_expected(
    browser, server, site, scheme
):
    page = open_page(browser, address(PAGE, scheme, server, site))
    box = boxes(page)["choice"]
    assert not is_open(box) and told(box) == ""
    figure = box.locator("figure").first
    assert not figure.is_visible()
    option = box.locator(".options button").nth(1)
    option.scroll_into_view_if_needed()
    question, words = box.locator("p").first, option.inner_text()
    top = question.bounding_box()["y"]
    option.click()
    assert is_open(box) and figure.is_visible()
    assert told(box).startswith(f"You expected: {words}.")
    assert not option.is_visible(), "what was said stands there twice"
    assert abs(question.bounding_box()["y"] - top) < 1, "the place was lost"
    assert page.evaluate(
        "document.activeElement.matches('.result-inside[role=group]')"
    )
    assert box.locator(".told").get_attribute("role") == "status"
    page.reload()
    box = boxes(page)["choice"]
    assert is_open(box) and told(box).startswith("You expected")
    box.locator(".again").click()
    assert not is_open(box) and told(box) == ""
    assert page.evaluate("document.activeElement.matches('.options button')")
    page.reload()
    assert not is_open(boxes(page)["choice"])
    assert page.errors == [] and page.strangers == []
    page.context.close()


@SCHEMES
def test_number_is_asked_for_and_shown_by_keyboard(
    browser, server, site, scheme
):
    page = open_page(browser, address(PAGE, scheme, server, site))
    box = boxes(page)["number"]
    box.locator("input").focus()
    page.keyboard.type("many")
    page.keyboard.press("Enter")
    assert not is_open(box) and told(box).startswith("Write a number first")
    page.keyboard.press("Control+A")
    page.keyboard.type("16")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert is_open(box) and told(box).startswith("You expected: 16.")
    # The result is a fold still.
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("document.activeElement.matches('.result summary')")
    page.keyboard.press("Enter")
    assert not is_open(box)
    assert page.errors == []
    page.context.close()


@pytest.mark.parametrize("kind", ["line", "number", "choice"])
def test_nobody_has_to_guess(browser, server, kind):
    page = open_page(browser, server + PAGE)
    box = boxes(page)[kind]
    summary = box.locator("details.result > summary")
    assert summary.inner_text() == "Just show me the result"
    summary.scroll_into_view_if_needed()
    top = summary.bounding_box()["y"]
    summary.click()
    assert is_open(box) and told(box) == ""
    assert abs(summary.bounding_box()["y"] - top) < 1, "the place was lost"
    page.wait_for_function(
        "node => node.textContent === 'The result'",
        arg=summary.element_handle(),
    )
    page.context.close()


# The figure's form for a desk; the other one is for a phone.
DESK = "figure svg:not([data-form=phone])"
# Where the drawn line runs: in the empty axes, and in the figure.
LINES = """box => [...box.querySelectorAll(
  "svg:not([data-form=phone]) > polyline.expected")].map(
  line => [...line.points].map(({x, y}) => [x, y]))"""


def top_of(figure):
    """Return where the upper end of a figure's first axes is."""
    return json.loads(figure.get_attribute("data-axes"))[0][1][1]


@SCHEMES
@pytest.mark.parametrize("by", ["keyboard", "mouse"])
def test_line_is_drawn_and_then_shown_in_the_figure(
    browser, server, site, scheme, by
):
    page = open_page(browser, address(PAGE, scheme, server, site))
    box = boxes(page)["line"]
    points = box.locator("[role=slider]:visible")
    ready = box.get_by_role("button", name="Show the result")
    figure = box.locator(DESK)
    assert len(box.evaluate(LINES)) == 1
    label = figure.get_attribute("aria-label")
    ready.click()
    assert told(box) == "Move the points first." and not is_open(box)
    first, before = points.first, points.first.get_attribute("aria-valuetext")
    if by == "keyboard":
        # Where the focus went.
        for key in ("ArrowDown", "PageDown", "ArrowUp", "ArrowDown"):
            page.keyboard.press(key)
        page.keyboard.press("Tab")
        page.keyboard.press("Home")
    else:
        spot = first.bounding_box()
        page.mouse.move(
            spot["x"] + spot["width"] / 2, spot["y"] + spot["height"] / 2
        )
        page.mouse.down()
        page.mouse.move(spot["x"], spot["y"] + 60, steps=5)
        page.mouse.up()
        # Beside a point, the nearest one goes to the pointer.
        spot = points.nth(1).bounding_box()
        below = spot["y"] + spot["height"] / 2 + 120
        page.mouse.click(spot["x"] + spot["width"] / 2 + 12, below)
    after = first.get_attribute("aria-valuetext")
    assert after != before and "10 to the power" in after
    assert "layer" in first.get_attribute("aria-label")
    (line,) = box.evaluate(LINES)
    # Down is down, and the other four have not moved from the upper edge,
    # which is nobody's answer.
    assert line[1][1] > line[0][1] > line[2][1]
    assert abs(line[2][1] - top_of(figure)) < 0.01
    assert len({y for _, y in line[2:]}) == 1 and len(line) == 6
    ready.click()
    assert is_open(box)
    assert box.evaluate(LINES) == [line, line]
    assert figure.get_attribute("aria-label").startswith(f"{label} Dotted")
    page.reload()
    box = boxes(page)["line"]
    assert is_open(box) and box.evaluate(LINES) == [line, line]
    box.locator(".again").click()
    assert len(box.evaluate(LINES)) == 1
    assert box.locator(DESK).get_attribute("aria-label") == label
    assert page.errors == [] and page.strangers == []
    page.context.close()


def test_line_in_the_figure_means_what_was_drawn(browser, server):
    page = open_page(browser, server + PAGE)
    box = boxes(page)["line"]
    for key, end in (("Home", 0), ("End", 1)):
        box.locator("[role=slider]:visible").first.focus()
        page.keyboard.press(key)
        point = box.evaluate(LINES)[0][0]
        across, up = json.loads(box.locator(DESK).get_attribute("data-axes"))[
            0
        ]
        assert abs(point[1] - up[end]) < 0.01
        # The first layer of thirty, within the margins of the axis.
        share = (point[0] - across[0]) / (across[1] - across[0])
        assert abs(across[2] + share * (across[3] - across[2]) - 1) < 0.01
    assert up[4] == "log" and across[5] == "layer"
    page.context.close()


def test_empty_axes_show_nothing_of_the_result(browser, server):
    page = open_page(browser, server + PAGE)
    box = boxes(page)["line"]
    counts = "node => node.querySelectorAll('.drawn *').length"
    assert box.locator(DESK).evaluate(counts) > 3
    for pad in box.locator("svg.pad").all():
        assert pad.evaluate(counts) == 0
    page.context.close()


@pytest.mark.parametrize("width", [1280, 390])
def test_empty_axes_keep_the_lines_that_are_given(browser, server, width):
    page = open_page(browser, server + PAGE, width=width)
    pad = boxes(page)["line"].locator("svg.pad:visible")
    # Sigmoid's and tanh's, with their names, but not ReLU's.
    for name, shown in (("sigmoid", 2), ("tanh", 2), ("relu", 0)):
        colour = plotting.LOOKS[name]["color"].lower()
        found = pad.evaluate(
            """(pad, colour) => [...pad.querySelectorAll("path")].filter(
              path => path.outerHTML.includes(colour)).length""",
            colour,
        )
        assert found == shown, name
    page.context.close()


def test_points_are_whole_at_the_edge_where_they_begin(browser, server):
    page = open_page(browser, server + PAGE)
    pad = boxes(page)["line"].locator("svg.pad").first
    assert pad.evaluate("pad => getComputedStyle(pad).overflow") == "visible"
    page.context.close()


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_answered_page_keeps_the_rules_of_accessibility(
    browser, server, theme, width
):
    page = open_page(
        browser, server + PAGE, theme, width=width, reduced_motion="reduce"
    )
    # What asks is not there any more once all is open.
    for box in page.locator(".predict").all():
        assert box.locator("button, input").first.is_visible()
    rules = {"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]}
    found = Axe().run(page, context=".predict", options=rules).response
    assert [(v["id"], v["nodes"]) for v in found["violations"]] == []
    boxes(page)["choice"].locator(".options button").first.click()
    boxes(page)["number"].locator("input").fill("3")
    boxes(page)["number"].locator("input").press("Enter")
    boxes(page)["line"].locator("[role=slider]:visible").first.press("Home")
    boxes(page)["line"].locator(".answer-button").click()
    page.locator("#quiz summary").first.click()
    assert broken_rules(page, theme, width) == []
    page.context.close()


def test_fingers_find_the_points_on_a_phone(browser, server):
    page = open_page(browser, server + PAGE, width=390)
    for point in boxes(page)["line"].locator(".reach:visible").all():
        box = point.bounding_box()
        assert min(box["width"], box["height"]) >= 24
    page.context.close()


def test_address_of_a_figure_opens_the_result_that_holds_it(browser, server):
    page = open_page(browser, server + PAGE + "#fig-gradient-by-layer")
    box = boxes(page)["line"]
    assert is_open(box) and told(box) == ""
    place = page.locator("#fig-gradient-by-layer").bounding_box()
    assert 0 <= place["y"] < 900
    page.context.close()


# --- without JavaScript, and on paper ---


@SCHEMES
def test_without_javascript_a_result_is_a_plain_fold(
    browser, server, site, scheme
):
    url = address(PAGE, scheme, server, site)
    page = open_page(browser, url, java_script_enabled=False)
    for box in boxes(page).values():
        assert box.locator("button, input, .pad").count() == 0
        figure = box.locator("figure").first
        assert not figure.is_visible()
        box.locator("details.result > summary").click()
        assert figure.is_visible()
    assert boxes(page)["choice"].locator(".options li").count() == 4
    answer = page.locator("#quiz details").first
    answer.locator("summary").click()
    assert answer.locator("p").first.is_visible()
    page.context.close()


@pytest.mark.parametrize("script", [True, False])
def test_on_paper_results_are_open_and_nothing_asks(browser, site, script):
    url = (site / PAGE).as_uri()
    page = open_page(browser, url, java_script_enabled=script)
    pdf = PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=True)))
    text = " ".join("".join(s.extract_text() for s in pdf.pages).split())
    for piece in (
        "Where will the best slope be?",
        "In between on both",
        "On the digits the accuracy rises",
        "Sigmoid’s falls to a seventh",
    ):
        assert piece.replace("’", "") in text.replace("’", ""), piece
    for piece in ("show me", "Show the result", "Move the points"):
        assert piece not in text
    if script:
        assert not is_open(boxes(page)["choice"]), "it stays open afterwards"
    page.context.close()


# --- what is kept ---


def test_all_answers_can_be_forgotten(browser, server):
    page = open_page(browser, server + PAGE)
    forget = page.locator(".reading button")
    assert not forget.is_visible()
    boxes(page)["choice"].locator(".options button").first.click()
    page.locator("#quiz summary").first.click()
    forget.click()
    assert not forget.is_visible()
    assert not is_open(boxes(page)["choice"])
    assert page.locator("#quiz details[open]").count() == 0
    assert page.evaluate(f"localStorage.getItem('{KEY}')") is None
    page.context.close()


@pytest.mark.parametrize(
    "text",
    ["{", "7", "null", "[1]"]
    + [
        json.dumps(
            dict.fromkeys(
                (
                    f"{PAGE[:-5]} {name}"
                    for name in (
                        "chain-plot",
                        "scale-measure",
                        "slope-plot",
                        "quiz-1",
                    )
                ),
                value,
            )
        )
        for value in ("<b>", 99, [2, 3], {"a": 1}, True)
    ],
)
def test_what_somebody_else_has_stored_does_no_harm(browser, server, text):
    store = f"() => localStorage.setItem('{KEY}', {json.dumps(text)})"
    page = open_page(browser, server + PAGE, observe=store)
    assert not any(map(is_open, boxes(page).values()))
    assert page.locator("#quiz details[open]").count() == 0
    assert page.errors == []
    page.context.close()


def test_where_nothing_can_be_stored_the_page_still_answers(browser, server):
    page = open_page(browser, server + PAGE, observe=f"() => {{ {REFUSED} }}")
    box = boxes(page)["choice"]
    box.locator(".options button").first.click()
    assert is_open(box) and told(box).startswith("You expected")
    page.locator("#quiz summary").first.click()
    assert page.locator("#quiz details[open]").count() == 1
    assert page.errors == []
    page.context.close()


# --- quizzes ---


@SCHEMES
def test_quiz_keeps_one_choice_for_each_question(
    browser, server, site, scheme
):
    page = open_page(browser, address(PAGE, scheme, server, site))
    options = page.locator("#quiz > details")
    total = options.count()
    assert total >= 9
    said = page.locator("#quiz > [role=status]")
    assert said.count() == 3
    options.nth(0).locator("summary").click()
    # Another answer takes its place, and does not move.
    summary = options.nth(2).locator("summary")
    top = summary.bounding_box()["y"]
    summary.focus()
    page.keyboard.press("Enter")
    assert abs(summary.bounding_box()["y"] - top) < 1
    options.nth(3).locator("summary").click()
    shown = [n for n in range(total) if options.nth(n).evaluate("n => n.open")]
    assert shown == [2, 3]
    for number, chosen in zip((0, 1), shown):
        text = options.nth(chosen).locator("p").first.inner_text()
        right = text.startswith("Right")
        assert said.nth(number).text_content() == (
            "Right." if right else "Not quite."
        )
        mark = options.nth(chosen).get_attribute("data-right")
        assert mark == str(right).lower()
    page.reload()
    assert [
        n for n in range(total) if options.nth(n).evaluate("n => n.open")
    ] == shown
    assert page.errors == []
    page.context.close()


# --- exercises on paper ---


def tables(site, name):
    """Return what a page asks: name of the place -> its table."""
    return {
        box["data-name"]: json.loads(html.unescape(box["data-table"]))
        for box in soup(site / name).select(".answers")
    }


def written(value):
    """Return an answer as somebody types it."""
    if isinstance(value, list):
        return ", ".join(map(written, value))
    return repr(float(value)).replace("inf", "1e999")


@pytest.mark.parametrize(
    "name", [page for page in PAGES if "/exercises/" in page]
)
def test_page_answers_as_the_checkers_tables_say(browser, server, site, name):
    page = open_page(browser, server + name)
    asked = tables(site, name)
    assert asked, "nothing can be answered in the page"
    for place, table in asked.items():
        box = page.locator(f".answers[data-name={place}]")
        assert box.is_visible()
        rows = box.locator("form.ask")
        assert rows.count() == len(table["questions"])
        for number, question in enumerate(table["questions"]):
            row, said = (
                rows.nth(number),
                box.locator("form + .told").nth(number),
            )
            field = row.locator("input, select")
            if "options" in question:
                tries = [
                    (o, question["hints"].get(o)) for o in question["options"]
                ]
            else:
                tries = [(written(w), hint) for hint, w in question["hints"]]
                tries += [
                    ("no number", None),
                    (written(question["truth"]), None),
                ]
            for answer, hint in tries:
                if "options" in question:
                    field.select_option(answer)
                else:
                    field.fill(answer)
                row.locator("button").click()
                if answer == "no number":
                    text = "Could not be read: write "
                    assert said.inner_text().startswith(text)
                elif hint:
                    assert said.inner_text() == f"Not yet: {hint}"
                else:
                    assert said.inner_text() == "Right."
            if "options" in question:
                (right,) = set(question["options"]) - set(question["hints"])
                field.select_option(right)
                row.locator("button").click()
        praise = box.locator(".told").last.inner_text()
        assert praise == ("" if table["others"] else table["praise"])
    assert page.errors == [] and page.strangers == []
    page.context.close()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("4 8", "Right."),
        ("[4 8]", "Right."),
        (" 8 / 2   16/2 ", "Right."),
        ("4;8", "Right."),
        ("8 4", "Not yet: the numbers are right, their order is not."),
        ("12 4", "Not yet: that is the gradient with respect to x"),
        ("4 8 0", "Could not be read: write two numbers such as [1, -1]"),
        ("4", "Could not be read: write two numbers such as [1, -1]"),
        ("four, 8", "Could not be read: write two numbers such as [1, -1]"),
    ],
)
def test_several_numbers_may_be_parted_by_space(browser, server, answer, said):
    url = server + "chapters/exercises/01_definition.html"
    page = open_page(browser, url)
    row = page.locator("form.ask", has_text="grad_w_first")
    row.locator("input").fill(answer)
    row.locator("button").click()
    told = page.locator("form.ask:has-text('grad_w_first') + .told")
    assert told.inner_text().startswith(said)
    page.context.close()


@SCHEMES
def test_exercise_is_answered_by_keyboard_and_kept(
    browser, server, site, scheme
):
    page = open_page(browser, address(EXERCISE, scheme, server, site))
    box = page.locator(".answers").first
    box.locator("input").first.focus()
    page.keyboard.press("Enter")
    assert box.locator(".told").first.inner_text() == "Not attempted."
    page.keyboard.type("2.56")
    page.keyboard.press("Enter")
    assert "positive bias raises z" in box.locator(".told").first.inner_text()
    page.keyboard.press("Home")
    page.keyboard.type("\N{MINUS SIGN}")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.ariaLabel") == "Check b"
    page.keyboard.press("Enter")
    assert box.locator(".told").first.inner_text() == "Right."
    page.reload()
    field = page.locator(".answers input").first
    assert field.input_value() == "\N{MINUS SIGN}2.56"
    # A fraction will do, and both of its parts may have a sign.
    field.fill("-64 / 25")
    field.press("Enter")
    assert box.locator(".told").first.inner_text() == "Right."
    assert page.errors == []
    page.context.close()


def test_answer_does_not_stand_beside_its_question(browser, server, site):
    page = open_page(browser, server + EXERCISE)
    for place, table in tables(site, EXERCISE).items():
        text = page.locator(f".answers[data-name={place}]").inner_text()
        for question in table["questions"]:
            number = re.escape(f"{question['truth']:g}")
            assert not re.search(rf"(?<![\d.]){number}(?!\d)", text), text
    page.context.close()


def test_without_javascript_and_on_paper_no_exercise_asks(browser, site):
    url = (site / EXERCISE).as_uri()
    page = open_page(browser, url, java_script_enabled=False)
    assert not page.locator(".answers").first.is_visible()
    page.context.close()
    page = open_page(browser, url)
    page.emulate_media(media="print")
    assert not page.locator(".answers").first.is_visible()
    page.context.close()


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_answered_exercise_keeps_the_rules_of_accessibility(
    browser, server, theme, width
):
    page = open_page(
        browser, server + EXERCISE, theme, reduced_motion="reduce"
    )
    field = page.locator(".answers input").first
    field.fill("7")
    field.press("Enter")
    assert broken_rules(page, theme, width) == []
    page.context.close()
