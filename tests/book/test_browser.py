"""The built book in a real browser: what a reader meets."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.book.looking import (
    KINDS,
    SHOW_THEME,
    WIDTHS,
    address,
    open_page,
    pages_holding,
    resize,
)
from tools.page_loads import OBSERVE
from utils.explorer import Control, Explorer

MOST_REQUESTS = 8

# A page with formulas at its top.
FORMULAS = "chapters/solutions/08_variants.html"

# Folded answers and code, one definition, and the way back up.
SHOW_ALL = """() => {
  document.getElementById("pst-back-to-top").style.display = "block";
  document.querySelectorAll("article details").forEach(
    details => { details.open = true; });
  document.querySelector("article a[aria-describedby]")?.focus();
}"""

# Of all tokens in code that look alike, on a ground that looks alike, leave
# one for axe to judge: the longest of those not scrolled out of sight.
FLATTEN = r"""() => {
  const box = node => node.getBoundingClientRect();
  const style = (node, names) => {
    const all = getComputedStyle(node);
    return names.map(name => all[name]).join();
  };
  const ground = node => {
    const own = getComputedStyle(node).backgroundColor;
    const clear = own === "rgba(0, 0, 0, 0)";
    return clear && node.parentElement ? ground(node.parentElement) : own;
  };
  const blocks = [...document.querySelectorAll("article .highlight pre")];
  const best = new Map();
  for (const pre of blocks)
    for (const token of pre.querySelectorAll("span:not(:has(*))")) {
      const look = style(token, ["color", "fontSize", "fontWeight",
                                 "opacity"]) + ground(token);
      const inside = box(token).left >= box(pre).left
        && box(token).right <= box(pre).right;
      const worth = inside * 1e6 + token.textContent.trim().length;
      if (worth > (best.get(look)?.worth ?? 0)) best.set(look, {token, worth});
    }
  const kept = new Set([...best.values()].map(({ token }) => token));
  const copies = blocks.map(pre => {
    const copy = pre.cloneNode(true);
    const tokens = pre.querySelectorAll("span:not(:has(*))");
    copy.querySelectorAll("span:not(:has(*))").forEach((token, i) => {
      if (!kept.has(tokens[i])) token.replaceWith(token.textContent);
    });
    pre.replaceWith(copy);
    return [copy, pre];
  });
  window.unflatten = () =>
    copies.forEach(([copy, pre]) => copy.replaceWith(pre));
}"""

# What a test needs the page to hold.
HOLDING = {"page_name": "", "explorer_page": 'class="explorer"'}
# On the dark page of a phone, one page of each kind; the others weekly.
OF_EACH_KIND = "test_page_keeps_them_in_the_dark_on_a_phone"


def pytest_generate_tests(metafunc):
    for name in HOLDING.keys() & set(metafunc.fixturenames):
        later = metafunc.function.__name__ == OF_EACH_KIND
        # The tests of a page follow one another, in one process.
        values = [
            pytest.param(
                page,
                marks=[
                    pytest.mark.xdist_group(page),
                    *[pytest.mark.weekly] * (later and page not in KINDS),
                ],
            )
            for page in pages_holding(HOLDING[name])
        ]
        metafunc.parametrize(name, values, scope="module")


@pytest.fixture(scope="module")
def loaded(browser, server, page_name):
    """Load a page once for all tests that only look at it."""
    # What is faded in while it is looked at looks different.
    page = open_page(
        browser, server + page_name, observe=OBSERVE, reduced_motion="reduce"
    )
    # Half a second without a request: whatever comes late was counted.
    page.wait_for_load_state("networkidle")
    yield page
    page.context.close()


def shown(figure):
    """Return what the picture of an explorer shows."""
    picture = figure.locator(".explorer-frame:visible")
    return picture.evaluate("node => node.lastElementChild.innerHTML")


def test_page_is_whole_and_asks_nobody_else(loaded):
    assert loaded.strangers == []
    assert loaded.errors == []


def test_page_is_whole_from_disk(browser, site, page_name):
    page = open_page(browser, (site / page_name).as_uri(), "dark")
    assert page.strangers == []
    assert page.errors == []
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.context.close()


def test_first_load_is_small(loaded):
    assert len(loaded.requested) <= MOST_REQUESTS, loaded.requested
    seen = loaded.evaluate("window.seen.shift")
    assert seen < 0.02, "the text moves while the page loads"


# A browser waits 100 ms for an optional font, then paints without it.
PATIENCE_IS_OVER = """() => window.seen.paint
  && performance.now() > window.seen.paint + 300"""

NEXT_FRAME = """() => new Promise(done =>
  requestAnimationFrame(() => requestAnimationFrame(done)))"""


def test_late_font_of_the_formulas_moves_no_text(browser, server):
    page, late = browser.new_page(viewport={"width": 1280, "height": 900}), []
    page.add_init_script(f"({OBSERVE})()")
    page.route("**/*.woff2", lambda route: late.append(route))
    page.goto(server + FORMULAS, wait_until="domcontentloaded")
    page.wait_for_function(PATIENCE_IS_OVER)
    for route in late:
        route.continue_()
    assert late
    # Once it is here, the page may be laid out and painted with it.
    page.evaluate("document.fonts.ready")
    page.evaluate(NEXT_FRAME)
    assert page.evaluate("window.seen.shift") < 0.02
    page.close()


# Whether a formula would be narrower or wider in the system's own font.
OWN_FONT = """() => {
  const formula = document.querySelector("article math");
  const width = formula.getBoundingClientRect().width;
  formula.style.fontFamily = "math";
  const other = formula.getBoundingClientRect().width;
  formula.style.fontFamily = "";
  return other !== width;
}"""


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_formulas_have_their_font(browser, server, site, scheme):
    url = address(FORMULAS, scheme, server, site)
    page = open_page(browser, url)
    # If the font was late, it is there now.
    page.goto(url)
    page.wait_for_function(OWN_FONT, timeout=5000)
    page.context.close()


def test_page_keeps_the_rules_of_accessibility(loaded):
    assert broken_rules(loaded, "light", 1280) == []


def test_page_keeps_them_in_the_dark_on_a_phone(loaded):
    assert broken_rules(loaded, "dark", 390) == []


def broken_rules(loaded, theme, width):
    """Return the rules of WCAG 2.2 that a page breaks, each with a place."""
    resize(loaded, width)
    loaded.evaluate(SHOW_THEME, theme)
    loaded.evaluate(SHOW_ALL)
    loaded.evaluate(FLATTEN)
    rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
    # What is in order need not be listed, which takes half of the time.
    options = {"runOnly": rules, "resultTypes": ["violations"]}
    found = Axe().run(loaded, options=options).response["violations"]
    loaded.evaluate("window.unflatten()")
    loaded.evaluate(SHOW_THEME, "light")
    loaded.set_viewport_size({"width": 1280, "height": 900})
    return [(v["id"], v["nodes"][0]["html"]) for v in found]


def test_no_sign_needs_a_font_that_is_not_there(loaded):
    signs = loaded.evaluate(
        """() => [...document.querySelectorAll(".bd-main *")].flatMap(node =>
          ["::before", "::after"]
            .map(part => getComputedStyle(node, part))
            .filter(style => style.fontFamily.includes("Awesome"))
            .filter(style => !["none", "normal", '""'].includes(style.content))
            .map(() => node.outerHTML.slice(0, 200)))"""
    )
    assert signs == []


# How far a picture's shape is from that which its file has.
DISTORTION = """() => [...document.querySelectorAll(
    "article img, article svg[role=img]")].filter(
    image => image.checkVisibility()).map(image => {
  const { width, height } = image.getBoundingClientRect();
  return Math.abs(Math.log(width / height
    / image.getAttribute("width") * image.getAttribute("height")));
})"""


# What stands alone at the start of a line, and belongs to a formula before it.
STRAY = r"""() => {
  const range = document.createRange();
  return [...document.querySelectorAll("article math")].flatMap(formula => {
    const text = formula.nextSibling;
    if (!/^[^\s\w]/.test(text?.data ?? "")) return [];
    range.setStart(text, 0);
    range.setEnd(text, 1);
    const below = range.getBoundingClientRect().top
      > formula.getBoundingClientRect().bottom;
    return below ? [text.data.slice(0, 40)] : [];
  });
}"""


@pytest.mark.parametrize("width", WIDTHS)
def test_page_fits_any_screen(loaded, width):
    loaded.set_viewport_size({"width": width, "height": 900})
    overflow = loaded.evaluate(
        "document.documentElement.scrollWidth - window.innerWidth"
    )
    distortion = max(loaded.evaluate(DISTORTION), default=0)
    stray = loaded.evaluate(STRAY)
    loaded.set_viewport_size({"width": 1280, "height": 900})
    assert overflow <= 0, f"{overflow} px too wide for {width} px"
    assert distortion < 0.02, "a picture is stretched"
    assert stray == []


def test_explorer_lies_on_the_page_itself_in_the_dark(browser, server, site):
    page = open_page(browser, server + "chapters/01_definition.html", "dark")
    box = page.locator(".text_html", has=page.locator(".explorer"))
    clear = "node => getComputedStyle(node).backgroundColor"
    assert box.evaluate(clear) == "rgba(0, 0, 0, 0)"
    page.context.close()


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_explorers_answer(browser, server, site, explorer_page, scheme):
    page = open_page(browser, address(explorer_page, scheme, server, site))
    for figure in page.locator(".explorer").all():
        check_explorer(page, figure)
    assert page.errors == [] and page.strangers == []
    page.context.close()


def check_explorer(page, figure):
    """Move every control by keyboard and by mouse; expect a new picture."""
    picture = figure.locator(".explorer-frame:visible")
    for control in figure.locator("input, select").all():
        control.scroll_into_view_if_needed()
        control.focus()
        menu = control.evaluate("node => node.tagName") == "SELECT"
        page.keyboard.press("Home")
        seen = [shown(figure)]
        for key in ["ArrowDown"] if menu else ["End", "ArrowLeft"]:
            page.keyboard.press(key)
            seen.append(shown(figure))
            assert seen[-1] != seen[-2], f"{key} does not change the picture"
        if menu:
            assert control.evaluate("node => node.labels.length") == 1
            continue
        text = control.get_attribute("aria-valuetext")
        box = control.bounding_box()
        # To the other end: a slider may have two positions only.
        share = 0.9 if control.input_value() == "0" else 0.1
        page.mouse.click(
            box["x"] + box["width"] * share, box["y"] + box["height"] / 2
        )
        assert shown(figure) != seen[-1], "mouse does nothing"
        assert control.get_attribute("aria-valuetext") != text
        assert picture.get_attribute("role") == "img"
        assert picture.get_attribute("aria-label")
        assert figure.locator(".explorer-readout").inner_text()


def test_quiz_answers_explain_themselves(browser, server):
    page = open_page(browser, server + KINDS[0])
    # All but those of a lab.
    answers = page.locator(
        "article details:not([class]):not(:has-text('What came out'))"
    ).all()
    for number, answer in enumerate(answers):
        summary = answer.locator("summary")
        explanation = answer.locator("p").first
        assert not explanation.is_visible()
        summary.focus()
        width = summary.evaluate("node => getComputedStyle(node).outlineWidth")
        assert width != "0px", "nothing shows which answer has the focus"
        # The first one by mouse, the others by keyboard.
        summary.click() if number == 0 else page.keyboard.press("Enter")
        assert re.match("Right|Not quite", explanation.inner_text())
        assert explanation.is_visible()
    assert page.errors == [] and page.strangers == []
    page.context.close()


def test_explorer_shows_a_new_picture_by_the_next_frame(browser, server):
    page = open_page(browser, server + "chapters/01_definition.html")
    late = page.evaluate(
        """async () => {
          const slider = document.querySelector(".explorer input");
          const picture = document.querySelector(".explorer-frame");
          const frame = () => new Promise(requestAnimationFrame);
          let late = 0;
          for (let i = 0; i <= Number(slider.max); i++) {
            await frame();
            const before = picture.innerHTML;
            slider.value = i;
            slider.dispatchEvent(new Event("input", { bubbles: true }));
            await frame();
            late += i > 0 && picture.innerHTML === before;
          }
          return late;
        }"""
    )
    assert late == 0, f"{late} moves took longer than one animation frame"
    page.context.close()


@pytest.mark.parametrize("name", KINDS)
def test_text_and_first_frames_without_javascript(browser, server, name):
    page = open_page(browser, server + name, java_script_enabled=False)
    main = page.locator("main")
    assert main.is_visible() and len(main.inner_text()) > 100
    for figure in page.locator(".explorer").all():
        assert figure.locator(".explorer-frame:visible").is_visible()
        assert figure.locator("noscript").is_visible()
        assert not figure.locator(".explorer-controls").is_visible()
    page.context.close()


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_first_visit_follows_the_system(browser, server, scheme):
    page = browser.new_page(color_scheme=scheme)
    # What the reader sees before the scripts of the page.
    page.route("**/page.js*", lambda route: route.abort())
    page.goto(server + "chapters/faq.html", wait_until="domcontentloaded")
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    page.close()


def test_page_works_where_nothing_may_be_stored(browser, server):
    context = browser.new_context()
    context.add_init_script(
        "Object.defineProperty(window, 'localStorage', {configurable: true, "
        "get() { throw new DOMException('no', 'SecurityError'); }})"
    )
    page, errors = context.new_page(), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(server + "chapters/faq.html")
    page.locator(".theme-switch-button:visible").first.click()
    assert page.evaluate("document.documentElement.dataset.mode") != "auto"
    assert errors == []
    context.close()


def draw_level(fig, level, kind):
    fig.subplots().bar([kind], [level])
    return f"The {kind} bar reaches {level}."


def test_explorers_on_one_page_do_not_disturb_each_other(browser, tmp_path):
    first = Explorer(
        draw_level,
        "One bar.",
        level=Control("level", [1, 2, 3], start=1),
        kind=Control("kind", ["left", "right"], start="left"),
    )
    other = Explorer(
        lambda fig, level: draw_level(fig, level, "other"),
        "Another bar.",
        level=Control("level", [4, 5], start=5),
    )
    path = tmp_path / "three.html"
    path.write_text(
        "<!DOCTYPE html><html lang='en'><title>Three</title>"
        + "".join(e.page() for e in (first, first, other))
    )
    page = open_page(browser, path.as_uri())
    figures = page.locator(".explorer").all()

    before = list(map(shown, figures))
    assert before[0] == before[1] != before[2]
    figures[1].locator("input").focus()
    page.keyboard.press("ArrowRight")
    figures[1].locator("select").select_option("right")
    after = list(map(shown, figures))
    assert after[0] == before[0] and after[2] == before[2]
    assert after[1] != before[1]
    readouts = [f.locator(".explorer-readout").inner_text() for f in figures]
    assert readouts == [
        "The left bar reaches 1.",
        "The right bar reaches 2.",
        "The other bar reaches 5.",
    ]
    assert page.errors == [] and page.strangers == []
    page.context.close()
