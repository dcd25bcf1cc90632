"""What a reader needs who cannot see, point, or bear motion; any screen."""

import re
from collections import Counter

import pytest
from bs4 import BeautifulSoup

from tests.book.looking import (
    KINDS,
    OPEN_FOLDS,
    PAGES,
    WIDTHS,
    open_page,
    pages_holding,
    resize,
    soup,
)

# --- order ---


def disorder(document):
    """Say what is wrong with the headings and landmarks of a page."""
    levels = [
        int(node.name[1]) for node in document.find_all(re.compile("^h[1-6]$"))
    ]
    if levels.count(1) != 1:
        yield f"{levels.count(1)} headings of the first level"
    if levels[:1] != [1]:
        yield "the first heading is not of the first level"
    for before, after in zip(levels, levels[1:]):
        if after > before + 1:
            yield f"a level is skipped: h{before}, then h{after}"
    if document.html.get("lang") != "en":
        yield "the page does not say that it is in English"
    if len(document.find_all("main")) != 1:
        yield "there is not exactly one main part"
    skip = document.body.find("a")
    if skip["href"] != "#main-content" or not document.find(
        "main", id="main-content"
    ):
        yield "the first link does not lead to the main part"


@pytest.mark.parametrize("name", PAGES)
def test_headings_and_landmarks_are_in_order(site, name):
    assert list(disorder(soup(site / name))) == []


RIGHT = (
    "<html lang=en><body><a href='#main-content'>Skip</a>"
    "<main id=main-content><h1>A</h1><h2>B</h2><h3>C</h3><h2>D</h2>"
    "</main></body></html>"
)


def test_a_page_in_order_passes():
    assert list(disorder(BeautifulSoup(RIGHT, "html.parser"))) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<h2>D</h2>", "<h1>D</h1>"),
        ("<h2>B</h2>", ""),
        ("lang=en", ""),
        ("<h1>A</h1>", "<h2>A</h2><h1>A</h1>"),
        ("<main id=main-content>", ""),
        ("#main-content", "#other"),
    ],
)
def test_a_page_out_of_order_is_caught(old, new):
    assert list(
        disorder(BeautifulSoup(RIGHT.replace(old, new), "html.parser"))
    )


# --- alt texts ---

DEFAULT = re.compile(
    r"\.(png|webp|svg|jpe?g)\b|^(image|figure|fig\.?|picture|graph|plot|chart"
    r"|photo)\b\W*(\d|$|of\b|showing\b)|^an? (image|figure|picture) "
    r"(of|showing|that)\b|<figure|figure size|matplotlib|_images",
    re.IGNORECASE,
)


def empty_words(texts):
    """Say which alt texts say nothing about their picture."""
    for text, count in Counter(texts).items():
        if len(text.split()) < 6:
            yield f"too short to say what is shown: {text!r}"
        if DEFAULT.search(text):
            yield f"says that it is a picture, or names a file: {text!r}"
        if count > 1:
            yield f"{count} pictures share {text!r}"


def test_pictures_say_what_they_show(site):
    texts = [
        image.get("alt", image.get("aria-label", ""))
        for name in PAGES
        for image in soup(site / name).select(
            "article img, article svg[role=img]:not([data-form=phone])"
        )
    ]
    assert texts
    assert list(empty_words(texts)) == []


GOOD = "ReLU is zero to the left of zero and rises to the right."


def test_a_good_alt_text_passes():
    assert list(empty_words([GOOD])) == []


@pytest.mark.parametrize(
    "texts",
    [
        [""],
        ["image"],
        ["Figure 3"],
        ["../_images/0a1b.png with much text on"],
        ["<Figure size 765x435 with 1 Axes>, one of many"],
        [GOOD, GOOD],
        ["A figure of ReLU and of its slope near zero."],
        ["Plot of ReLU and of its slope, near zero."],
    ],
)
def test_an_empty_alt_text_is_caught(texts):
    assert list(empty_words(texts))


# --- keyboard ---

# Each stop of the Tab key: where it is, whether it shows, how it is marked.
STOP = r"""() => {
  const node = document.activeElement;
  if (node === document.body || node.dataset.seen) return null;
  node.dataset.seen = "1";
  const box = [...node.getClientRects()].find(r => r.width) ??
    node.getBoundingClientRect();
  const sign = node.matches("summary")
    && node.querySelector(".toctree-toggle");
  const shown = sign ? sign.getBoundingClientRect() : box;
  const points = [[.5, .5], [.1, .5], [.9, .5], [.5, .1], [.5, .9]].map(
    ([x, y]) => [shown.x + shown.width * x, shown.y + shown.height * y]);
  const seen = points.some(([x, y]) => {
    const top = document.elementFromPoint(x, y);
    return top && (node.contains(top)
      || top.closest("label")?.control === node);
  });
  const number = text => (text.match(/[\d.]+/g) ?? []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(c => c / 255).map(c =>
    c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const style = getComputedStyle(sign || node);
  let below = node.parentElement, ground = [];
  while (below && (ground.length < 3 || ground[3] === 0)) {
    ground = number(getComputedStyle(below).backgroundColor);
    below = below.parentElement;
  }
  const [a, b] = [light(number(style.outlineColor)), light(ground)];
  const thin = style.outlineStyle === "none"
    || parseFloat(style.outlineWidth) < 2;
  const mark = thin ? 0 : (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  const html = node.outerHTML.slice(0, 120);
  return { html, seen, mark };
}"""


def walk(page):
    """Press Tab until the end of the page; yield each stop."""
    page.add_style_tag(content="* { transition: none !important; }")
    # From the top, wherever the focus was.
    page.evaluate("document.body.tabIndex = -1; document.body.focus()")
    for _ in range(500):
        page.keyboard.press("Tab")
        stop = page.evaluate(STOP)
        if stop is None:
            return
        yield stop
    raise AssertionError("the page has no end for the keyboard")


def stray(stops):
    """Say which stops cannot be seen, or carry no mark that can be."""
    for stop in stops:
        if not stop["seen"]:
            yield f"not to be seen: {stop['html']}"
        elif stop["mark"] < 3:
            yield f"focus has contrast {stop['mark']:.1f}: {stop['html']}"


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (390, "dark")])
@pytest.mark.parametrize("name", KINDS)
def test_focus_is_always_to_be_seen(browser, site, name, width, theme):
    page = open_page(
        browser, (site / name).as_uri(), theme, width, reduced_motion="reduce"
    )
    stops = list(walk(page))
    page.context.close()
    assert len(stops) > 5
    assert list(stray(stops)) == []


@pytest.mark.parametrize(
    "style",
    [
        "outline: none",
        "outline: 3px solid #ddd",
        "opacity: 0; position: fixed; left: -99px",
        "visibility: visible",
    ],
)
def test_lost_focus_is_caught(browser, style):
    page = browser.new_page()
    page.set_content(
        "<body style='background: white'><button style='outline: 3px solid "
        f"black; {style}'>A</button>"
    )
    assert bool(list(stray(walk(page)))) == ("visible" not in style)
    page.close()


ACTIVE = "s => document.activeElement === document.querySelector(s)"


def test_menus_open_and_close_by_keyboard(browser, site):
    page = open_page(browser, (site / KINDS[0]).as_uri())
    # The search.
    button = page.locator("button.search-button__button:visible").first
    button.focus()
    page.keyboard.press("Enter")
    field = page.locator(".search-button__search-container input")
    assert field.is_visible()
    page.keyboard.press("Escape")
    assert not field.is_visible()
    assert button.evaluate("node => node === document.activeElement")
    # The downloads.
    menu = page.locator(".bd-header-article .dropdown-toggle:visible").first
    menu.focus()
    page.keyboard.press("Enter")
    assert menu.get_attribute("aria-expanded") == "true"
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.matches('.dropdown-item')")
    page.keyboard.press("Escape")
    assert menu.get_attribute("aria-expanded") == "false"
    assert menu.evaluate("node => node === document.activeElement")
    # The theme.
    before = page.evaluate("document.documentElement.dataset.mode")
    page.locator(".theme-switch-button:visible").first.focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.documentElement.dataset.mode") != before
    # The solutions of some exercises.
    arrow = page.locator(".bd-sidebar-primary summary").first
    arrow.focus()
    page.keyboard.press("Enter")
    assert arrow.evaluate("node => node.parentElement.open")
    # Both sidebars of a narrow screen.
    page.set_viewport_size({"width": 390, "height": 844})
    for side in ("primary", "secondary"):
        bar = page.locator(f".bd-sidebar-{side}")
        button = page.locator(f".{side}-toggle:visible").first
        button.focus()
        page.keyboard.press("Enter")
        page.wait_for_function(
            f"document.activeElement.closest('.bd-sidebar-{side}')"
        )
        assert bar.is_visible()
        page.keyboard.press("Escape")
        assert button.evaluate("node => node === document.activeElement")
    # The first link.
    page.evaluate("scrollTo(0, 0); document.activeElement.blur()")
    page.locator(".skip-link a").focus()
    page.keyboard.press("Enter")
    assert page.url.endswith("#main-content")
    page.context.close()


# --- motion ---

MOVING = """() => [...document.querySelectorAll("*")].flatMap(node =>
  [null, "::before", "::after"].map(part => getComputedStyle(node, part))
    .filter(style => style.scrollBehavior === "smooth"
      || [style.transitionDuration, style.animationDuration].some(
        times => times.split(",").some(time => parseFloat(time) > 0.01)
          && (style.animationName !== "none" || times
              === style.transitionDuration)))
    .map(() => node.outerHTML.slice(0, 100)))"""


@pytest.mark.parametrize("name", [KINDS[0], "search.html"])
def test_nothing_moves_for_those_who_ask_for_it(browser, site, name):
    page = open_page(browser, (site / name).as_uri(), reduced_motion="reduce")
    assert page.evaluate(MOVING) == []
    page.emulate_media(reduced_motion="no-preference")
    assert page.evaluate(MOVING), "the test sees no motion at all"
    page.context.close()


# --- screens ---

# Text, pictures and controls that lie outside the screen, or that a box cuts
# off which nobody can scroll; and boxes to scroll that no key reaches.
CUT = r"""() => {
  const found = [];
  for (const node of document.querySelectorAll(".bd-main *")) {
    const style = getComputedStyle(node);
    const scrolls = /auto|scroll/.test(style.overflowX);
    if (scrolls && node.scrollWidth > node.clientWidth + 1 &&
        style.display !== "inline" && node.checkVisibility() &&
        !node.matches("[tabindex], .bd-sidebar-secondary") &&
        !node.querySelector("[tabindex], a, button"))
      found.push("no key scrolls " + node.outerHTML.slice(0, 120));
    const own = node.matches(
      "img, svg[role=img], input, select, button") ||
      [...node.childNodes].some(n => n.nodeType === 3 && n.data.trim());
    if (!own || node.closest(".visually-hidden, svg:not([role=img]), math"
        + ", .bd-sidebar-secondary, .sr-only, .definition, .headerlink")
        || !node.checkVisibility({ visibilityProperty: true,
                                   opacityProperty: true })) continue;
    const box = node.getBoundingClientRect();
    if (!box.width) continue;
    let left = 0, right = innerWidth;
    for (let up = node.parentElement; up; up = up.parentElement) {
      const x = getComputedStyle(up).overflowX;
      if (/auto|scroll/.test(x) && up.scrollWidth > up.clientWidth) {
        left = -Infinity, right = Infinity;
        break;
      }
      if (/hidden|clip/.test(x)) {
        const clip = up.getBoundingClientRect();
        left = Math.max(left, clip.left), right = Math.min(right, clip.right);
      }
    }
    if (box.left < left - 1 || box.right > right + 1)
      found.push("cut off: " + node.outerHTML.slice(0, 120));
  }
  for (const node of document.querySelectorAll(
      "button, select, input:not(.sidebar-toggle), summary")) {
    const box = node.getBoundingClientRect();
    if (node.checkVisibility({ visibilityProperty: true }) && box.height &&
        Math.min(box.width, box.height) < (node.type === "range" ? 14 : 24))
      found.push("small: " + node.outerHTML.slice(0, 120));
  }
  return found;
}"""


@pytest.mark.parametrize("name", KINDS)
def test_nothing_is_cut_off_on_any_screen(browser, site, name):
    page = open_page(browser, (site / name).as_uri())
    found = []
    for width in WIDTHS:
        resize(page, width)
        found += [f"{width} px, {fault}" for fault in page.evaluate(CUT)]
    page.context.close()
    assert not found, "\n".join(found)


# --- definitions ---


@pytest.mark.parametrize("name", pages_holding('class="definition"'))
def test_each_term_has_its_definition(site, name):
    document = soup(site / name)
    terms = document.select("article a[href*='glossary.html#term-']")
    for term in terms:
        note = term.find_next_sibling()
        assert note and note["id"] == term["aria-describedby"], term
        assert note["role"] == "tooltip" and len(note.get_text()) > 20
        assert not note.find_all(["p", "div", "a", "ul"]), note
        assert "See" not in note.get_text().split(), note
    ids = [node["id"] for node in document.select(".definition")]
    assert len(ids) == len(set(ids)) == len(terms) > 0


def definitions_shown(page):
    """Return the definitions that show: their places and what covers them."""
    return page.evaluate(
        """() => [...document.querySelectorAll(".definition")]
          .filter(node => node.checkVisibility()).map(node => {
            const box = node.getBoundingClientRect();
            const whole = box.left >= 0 && box.top >= 0
              && box.right <= innerWidth && box.bottom <= innerHeight;
            const on = [[5, 5], [box.width - 5, box.height - 5]].every(
              ([x, y]) => node.contains(
                document.elementFromPoint(box.left + x, box.top + y)));
            return { id: node.id, whole, on };
          })"""
    )


@pytest.mark.parametrize("width", [1280, 320])
@pytest.mark.parametrize("name", ["07_dying_relu", "12_claims"])
def test_definitions_show_on_focus_and_hover(browser, site, name, width):
    page = open_page(
        browser,
        (site / f"chapters/{name}.html").as_uri(),
        width=width,
        reduced_motion="reduce",
    )
    page.evaluate(OPEN_FOLDS)
    found = []
    for term in page.locator("article a[aria-describedby]").all():
        wanted = term.get_attribute("aria-describedby")
        term.focus()
        seen = definitions_shown(page)
        if seen != [{"id": wanted, "whole": True, "on": True}]:
            found.append(f"{wanted}: {seen}")
    assert not found, "\n".join(found)
    page.keyboard.press("Escape")
    assert definitions_shown(page) == []
    term.evaluate("node => node.blur()")
    term = page.locator("article a[aria-describedby]").nth(1)
    note = page.locator("#" + term.get_attribute("aria-describedby"))
    for place in ("start", "end"):
        term.evaluate("(node, block) => node.scrollIntoView({block})", place)
        term.hover()
        assert definitions_shown(page)[0]["whole"] and note.is_visible()
        box = note.bounding_box()
        start = term.bounding_box()
        x = start["x"] + start["width"] / 2
        page.mouse.move(x, box["y"] + box["height"] / 2, steps=20)
        assert note.is_visible(), "the pointer does not get into the note"
        page.keyboard.press("Escape")
        assert not note.is_visible()
        page.mouse.move(1, 1)
    page.context.close()


def test_definitions_need_no_javascript_and_no_ink(browser, site):
    page = open_page(
        browser, (site / KINDS[0]).as_uri(), java_script_enabled=False
    )
    page.locator("article a[aria-describedby]").first.hover()
    assert page.locator(".definition").first.is_visible()
    page.emulate_media(media="print")
    assert not page.locator(".definition").first.is_visible()
    page.context.close()
