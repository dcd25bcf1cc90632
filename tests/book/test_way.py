"""The way through the book: where one is, what is next, what was read."""

import re

import pytest
import yaml

from tests.book.looking import address, open_page, soup
from tools.notebooks import chapters, pages, read
from tools.paths import ROOT

PAGE = "chapters/04_vanishing_gradients.html"
LANDING = "chapters/index.html"
# Refused, as a browser does where the reader wants nothing stored.
REFUSED = (
    "Object.defineProperty(window, 'localStorage', {configurable: true, "
    "get() { throw new DOMException('no', 'SecurityError'); }});"
)
FULL = """
const set = Storage.prototype.setItem;
Storage.prototype.setItem = function (key, value) {
  if (key === "relu-read") throw new DOMException("", "QuotaExceededError");
  set.call(this, key, value);
};"""


def words(node):
    return " ".join(node.get_text().split())


def minutes(path):
    """Return the minutes of a chapter's line on time."""
    text = "\n".join(cell.source for cell in read(path).cells)
    (found,) = re.findall(r"\*\*Time\.\*\* About (\d+) minutes", text)
    return found


def parts():
    """Return the caption of the part of every page."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
    return {
        page["file"]: part["caption"]
        for part in toc["parts"]
        for page in part["chapters"]
    }


# --- where one is, and what is next ---


@pytest.mark.parametrize("path", chapters(), ids=lambda path: path.stem)
def test_chapter_says_where_it_is_and_what_is_next(site, path):
    page = soup(site / f"chapters/{path.stem}.html")
    number = int(path.stem[:2])
    assert words(page.select_one("h1 + .where")) == (
        f"Chapter {number} of {len(chapters())} · "
        f"{parts()[f'chapters/{path.stem}']} · about {minutes(path)} minutes"
    )
    following = page.select_one("a.right-next")
    if number < len(chapters()):
        assert words(following).startswith(f"next {number + 1}. ")
        assert words(following.select_one(".question")).endswith("?")
    beside = {a["href"] for a in page.select(".beside a")}
    assert beside == {
        f"{folder}{file.stem}.html"
        for folder in ("", "exercises/")
        for file in (ROOT / "chapters" / folder).glob(f"{number:02}_*.ipynb")
        if file != path
    }


def test_landing_page_lists_the_parts_with_their_chapters(site):
    page = soup(site / LANDING)
    listed = {}
    for part in page.select(".part"):
        heading = part.find_previous("h2")
        for row in part.select(".chapters li"):
            link = row.select_one(".title a")
            name = f"chapters/{link['href'].removesuffix('.html')}"
            listed[name] = (
                words(heading).rstrip("#"),
                words(row.select_one(".minutes")),
            )
            assert words(row.select_one(".question")).endswith("?")
        assert part.find("svg", role="img")
    assert listed == {
        f"chapters/{path.stem}": (
            parts()[f"chapters/{path.stem}"],
            f"{minutes(path)} min",
        )
        for path in chapters()
    }


@pytest.mark.parametrize(
    ("width", "height"), [(1280, 900), (390, 844)], ids=["wide", "narrow"]
)
def test_first_screen_has_the_doors_and_the_lab(
    browser, server, width, height
):
    page = open_page(browser, server + LANDING, width=width)
    page.set_viewport_size({"width": width, "height": height})
    doors = page.locator(".doors a")
    assert doors.count() == 3
    for one in (*doors.all(), page.locator("[data-do=play]")):
        box = one.bounding_box()
        assert 0 <= box["y"] and box["y"] + box["height"] <= height
    if width > height:
        box = page.locator(".lab-answer").bounding_box()
        assert box["y"] + box["height"] <= height
    page.context.close()


# --- what was read ---


def ticked(page):
    """Return the names of the pages that the sidebar or a list ticks."""
    return page.evaluate(
        """() => [...document.querySelectorAll(".read")].map(
          tick => tick.closest("a").firstChild.textContent.trim()
            + " /" + tick.textContent)"""
    )


def test_pages_that_may_be_read_have_a_mark_and_others_none(site):
    wanted = {f"chapters/{path.stem}" for path in pages()}
    found = {
        strip["data-page"]
        for file in site.glob("chapters/**/*.html")
        for strip in soup(file).select(".reading[data-page]")
    }
    assert found == wanted


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_what_its_reader_marks_is_ticked_everywhere(
    browser, server, site, scheme
):
    page = open_page(browser, address(PAGE, scheme, server, site))
    box = page.get_by_label("Mark this chapter as read")
    # Who scrolls through has not read.
    for end in ("#summary", ".reading"):
        page.locator(end).scroll_into_view_if_needed()
        page.wait_for_timeout(300)
    assert not box.is_checked() and ticked(page) == []
    box.check()
    page.wait_for_selector(".bd-links .read", state="attached")
    for name in (LANDING, "chapters/faq.html"):
        page.goto(address(name, scheme, server, site))
        found = ticked(page)
        assert len(found) == 1 + (name == LANDING)
        assert all(tick.endswith(" / (read)") for tick in found)
    assert page.errors == [] and page.strangers == []
    page.context.close()


def test_marks_answer_to_the_keyboard_and_can_all_be_forgotten(
    browser, server
):
    page = open_page(browser, server + PAGE)
    box, forget = (
        page.locator(".reading input"),
        page.locator(".reading button"),
    )
    assert not forget.is_visible()
    box.focus()
    for _ in range(2):
        page.keyboard.press("Space")
        assert box.is_checked() and len(ticked(page)) == 1
        page.keyboard.press("Space")
        assert not box.is_checked() and ticked(page) == []
    page.keyboard.press("Space")
    assert box.is_checked() and len(ticked(page)) == 1
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert not box.is_checked() and ticked(page) == []
    assert not forget.is_visible()
    assert page.evaluate("document.activeElement.type") == "checkbox"
    page.goto(server + LANDING)
    assert not page.locator(".reading").is_visible()
    page.context.close()


def test_landing_page_forgets_too(browser, server):
    page = open_page(browser, server + PAGE)
    page.locator(".reading input").check()
    page.goto(server + LANDING)
    assert len(ticked(page)) == 2
    page.locator(".reading button").click()
    assert ticked(page) == [] and not page.locator(".reading").is_visible()
    page.reload()
    assert ticked(page) == []
    page.context.close()


def test_pages_that_are_open_agree(browser, server):
    page = open_page(browser, server + PAGE)
    other = page.context.new_page()
    other.goto(server + LANDING)
    page.locator(".reading input").check()
    other.wait_for_selector(".chapters .read", state="attached")
    assert len(ticked(other)) == 2
    page.context.close()


@pytest.mark.parametrize("script", [REFUSED, FULL], ids=["refused", "full"])
def test_where_nothing_can_be_stored_the_page_still_answers(
    browser, server, script
):
    page = open_page(browser, server + PAGE, observe=f"() => {{ {script} }}")
    page.locator(".reading input").check()
    page.wait_for_selector(".bd-links .read", state="attached")
    page.locator(".reading button").click()
    assert ticked(page) == [] and page.errors == []
    page.context.close()


@pytest.mark.parametrize("text", ["{", "7", "null", '["chapters/gone"]'])
def test_what_somebody_else_has_stored_does_no_harm(browser, server, text):
    store = f"() => localStorage.setItem('relu-read', '{text}')"
    page = open_page(browser, server + PAGE, observe=store)
    assert ticked(page) == [] and page.errors == []
    page.context.close()


@pytest.mark.parametrize("name", [PAGE, LANDING])
def test_without_javascript_nothing_of_it_shows(browser, server, name):
    page = open_page(browser, server + name, java_script_enabled=False)
    assert not page.locator(".reading").is_visible()
    assert page.locator(".read").count() == 0
    if name == PAGE:
        assert page.locator(".where").is_visible()
    page.context.close()
