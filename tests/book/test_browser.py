"""The built book in a real browser: what a reader meets."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.book.looking import (
    KINDS,
    OPEN_FOLDS,
    OPEN_RESULTS,
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


FONT_IS_THERE = """() => [...document.fonts].some(font =>
  font.family.includes("STIX") && font.status === "loaded")"""

# How far each root reaches below its radicand and beyond it, in em.
ROOTS = """() => [...document.querySelectorAll("article msqrt")]
  .filter(root => root.checkVisibility()).map(root => {
    const size = parseFloat(getComputedStyle(root).fontSize);
    const inside = [...root.children].map(node => node.getBoundingClientRect());
    const box = root.getBoundingClientRect();
    return {
      text: root.textContent,
      sign: (Math.min(...inside.map(box => box.left)) - box.left) / size,
      hang: (box.bottom - Math.max(...inside.map(box => box.bottom))) / size,
      gap: (box.right - Math.max(...inside.map(box => box.right))) / size,
    };
  })"""


@pytest.mark.parametrize("name", pages_holding("<msqrt"))
def test_roots_stand_on_their_line_and_leave_no_gap(browser, site, name):
    # From disk, where the font may come when it comes.
    page = open_page(browser, (site / name).as_uri())
    page.evaluate(OPEN_FOLDS)
    page.wait_for_function(FONT_IS_THERE)
    roots = page.evaluate(ROOTS)
    page.context.close()
    assert roots
    wrong = [
        root
        for root in roots
        if not (0.7 < root["sign"] < 0.75 and abs(root["gap"]) < 0.05)
        or root["hang"] > 0.2
    ]
    assert not wrong, "\n".join(map(str, wrong))


# The sizes of what stands in fractions; and the same where a browser knows no
# levels of scripts, with the rules that the book has for it.
FRACTIONS = """() => [...document.querySelectorAll("article mfrac > *")].map(
  part => parseFloat(getComputedStyle(part).fontSize)
    / parseFloat(getComputedStyle(part.closest("math")).fontSize))"""
NO_LEVELS = """() => {
  const rules = [...document.styleSheets].flatMap(s => [...s.cssRules])
    .filter(rule => rule.conditionText?.includes("not (math-depth"))
    .flatMap(rule => [...rule.cssRules]).map(rule => rule.cssText);
  const style = document.createElement("style");
  style.textContent = "math * { font-size: inherit; math-depth: 0 !important }"
    + rules.join("\\n");
  document.head.append(style);
  document.querySelectorAll("[style*=math-depth]").forEach(
    node => node.style.removeProperty("math-depth"));
}"""


def test_fractions_are_as_small_where_levels_are_unknown(browser, server):
    for name in pages_holding("<mfrac"):
        page = open_page(browser, server + name)
        # The font says how small; if it was late, it is there now.
        page.wait_for_function(FONT_IS_THERE)
        page.reload()
        page.wait_for_function(FONT_IS_THERE)
        known = page.evaluate(FRACTIONS)
        page.evaluate(NO_LEVELS)
        unknown = page.evaluate(FRACTIONS)
        page.context.close()
        assert unknown == pytest.approx(known, abs=0.03), name


COPY = """node => {
  const range = document.createRange();
  range.selectNodeContents(node);
  getSelection().removeAllRanges();
  getSelection().addRange(range);
  const event = new ClipboardEvent("copy", {
    bubbles: true, cancelable: true, clipboardData: new DataTransfer() });
  node.dispatchEvent(event);
  return event.clipboardData.getData("text/plain");
}"""


def test_formulas_are_copied_as_latex(browser, server):
    page = open_page(browser, server + "chapters/04_in_depth.html")
    text = page.locator("article p:has(math):has-text('fixed point')").first
    copied = text.evaluate(COPY)
    assert r"$\rho = 1$" in copied and "fixed point" in copied
    # Nothing that is hidden, such as the definition of a term.
    note = text.locator(".definition").first.text_content()
    assert note[:30] not in copied
    formula = page.locator(".formula#equation-cosine-map")
    copied = formula.locator("math").evaluate(COPY)
    assert copied.startswith("$$") and r"\rho_{l+1} = J(\rho_l)" in copied
    # What has no formula is the browser's own business.
    assert page.locator("h1").evaluate(COPY) == ""
    assert page.locator("#main-content > div[style]").count() == 0
    page.context.close()


LINKS = """() => [...document.querySelectorAll(".bd-toc-nav a")]
  .filter(a => a.checkVisibility()).map(a => a.hash)"""
MARKED = """() => [...document.querySelectorAll(
  ".bd-toc-nav [aria-current]")].map(a => a.hash)"""


@pytest.mark.parametrize(
    "name", ["03_sigmoid_tanh", "07_dying_relu", "12_claims", "faq", "about"]
)
def test_contents_mark_the_part_one_is_in(browser, site, name):
    url = (site / f"chapters/{name}.html").as_uri()
    page = open_page(browser, url, reduced_motion="reduce")
    hashes = page.evaluate(LINKS)
    assert len(hashes) > 3
    wrong = []
    for part in hashes:
        # By a link, and by an address.
        page.evaluate("hash => { location.hash = hash; }", part)
        page.evaluate(NEXT_FRAME)
        if page.evaluate(MARKED) != [part]:
            wrong.append((part, page.evaluate(MARKED)))
        active = page.locator(".bd-toc-nav .active").count()
        assert active == 1, part
    # A reader who scrolls, from one end to the other.
    page.evaluate("history.replaceState(null, '', ' '); scrollTo(0, 0)")
    page.reload()
    page.evaluate("scrollTo(0, 0)")
    page.evaluate(NEXT_FRAME)
    assert page.evaluate(MARKED) in ([], hashes[:1])
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    page.evaluate(NEXT_FRAME)
    if page.evaluate(MARKED) != hashes[-1:]:
        wrong.append(("the end", page.evaluate(MARKED)))
    page.context.close()
    assert wrong == []


def test_hidden_sidebar_stays_hidden_on_the_next_page(browser, server):
    page = open_page(browser, server + KINDS[0])
    bar = page.locator(".bd-sidebar-primary")
    button = page.locator(".primary-toggle:visible").first
    for shown_next in (False, True):
        button.click()
        page.wait_for_timeout(400)
        page.goto(server + "chapters/faq.html")
        assert bar.is_visible() == shown_next
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    button.click()
    # On a narrow screen it is a drawer, which nobody opened.
    page.set_viewport_size({"width": 390, "height": 900})
    page.wait_for_timeout(400)
    page.goto(server + KINDS[0])
    assert not bar.is_visible()
    page.set_viewport_size({"width": 1280, "height": 900})
    page.wait_for_timeout(400)
    assert not bar.is_visible()
    assert page.errors == []
    page.context.close()


def test_folded_code_is_a_quiet_line(browser, site):
    page = open_page(browser, (site / KINDS[0]).as_uri())
    bars = page.locator("details.hide > summary:visible")
    assert bars.count() > 3
    for bar in bars.all():
        box = bar.bounding_box()
        assert 24 <= box["height"] <= 30 and box["width"] < 200
        style = bar.evaluate(
            "node => { const {backgroundColor, borderLeftWidth, fontSize} ="
            " getComputedStyle(node);"
            " return [backgroundColor, borderLeftWidth, fontSize]; }"
        )
        assert style[:2] == ["rgba(0, 0, 0, 0)", "0px"], style
        assert float(style[2].removesuffix("px")) < 15
        assert bar.inner_text().strip() == "Show code"
    frame = page.locator("details.hide").first.evaluate(
        "node => getComputedStyle(node).boxShadow"
    )
    assert frame == "none"
    bar.focus()
    page.keyboard.press("Enter")
    assert bar.inner_text().strip() == "Hide code"
    page.context.close()


def test_page_keeps_the_rules_of_accessibility(loaded):
    assert broken_rules(loaded, "light", 1280) == []


def test_page_keeps_them_in_the_dark_on_a_phone(loaded):
    assert broken_rules(loaded, "dark", 390) == []


def broken_rules(loaded, theme, width):
    """Return the rules that a page breaks, each with a place.

    They are those of WCAG 2.2 and what axe takes for best practice.
    """
    resize(loaded, width)
    loaded.evaluate(SHOW_THEME, theme)
    loaded.evaluate(SHOW_ALL)
    loaded.evaluate(FLATTEN)
    rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
    rules.append("best-practice")
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
    loaded.evaluate(OPEN_RESULTS)
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
    page.evaluate(OPEN_RESULTS)
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
    answers = page.locator("#quiz > details").all()
    assert len(answers) >= 9
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
    # A result that waits for a prediction is a plain fold.
    for fold in page.locator("details.result > summary").all():
        fold.click()
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
