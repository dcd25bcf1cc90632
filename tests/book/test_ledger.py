"""The ledger in a browser: filter, rows to open, addresses, any screen."""

import pytest

from tests.book.looking import address, open_page, resize
from utils import ledger

PAGE = "chapters/12_claims.html"
LEDGER = ledger.read()
COUNTS = LEDGER.counts()

SHOWN = """() => [...document.querySelectorAll("table.ledger > tbody")]
  .filter(row => row.checkVisibility()).map(row => Number(row.id.slice(6)))"""


@pytest.fixture
def page(browser, server):
    """Open the page, and see at the end that nothing went wrong."""
    page = open_page(browser, server + PAGE)
    yield page
    assert page.errors == [] and page.strangers == []
    page.context.close()


def shown(page):
    """Return the claims that show, after what the page says of their number."""
    found = page.evaluate(SHOWN)
    output = page.locator(".ledger-filter output")
    way_back = "" if found else ": \u201cShow all\u201d brings them back"
    assert output.inner_text() == f"{len(found)} of 32 claims{way_back}"
    return found


def those(verdict="", part=""):
    """Return the claims with a verdict, and of a part of the book."""
    return [
        claim.number
        for claim in LEDGER.values()
        if verdict in ("", claim.here.verdict)
        and (not part or part in claim.parts)
    ]


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_filter_finds_claims_by_keyboard(browser, server, site, scheme):
    page = open_page(browser, address(PAGE, scheme, server, site))
    assert shown(page) == list(LEDGER)
    # Verdict.
    page.locator("select[name=verdict]").focus()
    for word in ledger.VERDICTS:
        page.keyboard.press("ArrowDown")
        assert shown(page) == those(word)
    page.keyboard.press("Home")
    assert shown(page) == list(LEDGER)
    # Part of the book.
    page.keyboard.press("Tab")
    for part in LEDGER.parts:
        page.keyboard.press("ArrowDown")
        assert shown(page) == those(part=part)
    page.keyboard.press("Home")
    # Words.
    page.keyboard.press("Tab")
    page.keyboard.type("SELU ")
    assert shown(page) == [23]
    # All again.
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert shown(page) == list(LEDGER)
    assert page.locator("input[name=sought]").input_value() == ""
    assert page.errors == [] and page.strangers == []
    page.context.close()


def test_all_that_is_asked_for_must_fit(page):
    page.select_option("select[name=part]", LEDGER.parts[-1])
    page.select_option("select[name=verdict]", "holds if")
    both = those("holds if", LEDGER.parts[-1])
    assert shown(page) == both != []
    page.locator("input[name=sought]").fill("epochs spirals")
    assert shown(page) == [22]
    page.locator("input[name=sought]").fill("nothing like it")
    assert shown(page) == []
    page.locator(".ledger-filter button").click()
    assert shown(page) == list(LEDGER)


@pytest.mark.parametrize(
    ("words", "with_it", "without"),
    [
        ("elu", 22, 7),
        ("leaky relu", 18, 13),
        ("MNIST-1D", 7, 1),
        ("ch 7", 17, 3),
        ("sparse", 14, 1),
        ("swish", 25, 24),
    ],
)
def test_words_are_sought_from_their_beginning(page, words, with_it, without):
    page.locator("input[name=sought]").fill(words)
    found = shown(page)
    assert with_it in found and without not in found


def test_enter_in_the_filter_leaves_the_page_where_it_is(page):
    page.locator("input[name=sought]").fill("swish")
    page.keyboard.press("Enter")
    assert page.url.endswith(PAGE)
    assert shown(page) == [25]


def test_filter_keeps_nothing(page):
    stored = "JSON.stringify([{...localStorage}, {...sessionStorage}])"
    before = page.evaluate(stored)
    page.select_option("select[name=verdict]", "open")
    page.locator("input[name=sought]").fill("swish")
    assert page.evaluate(stored) == before and page.url.endswith(PAGE)
    page.reload()
    assert shown(page) == list(LEDGER)
    assert page.locator("select[name=verdict]").input_value() == ""


def test_count_is_announced_and_controls_have_names(page):
    form = page.locator(".ledger-filter")
    assert form.get_by_role("status").inner_text() == "32 of 32 claims"
    for role, name in (
        ("combobox", "Verdict here"),
        ("combobox", "Part of the book"),
        ("searchbox", "Words"),
        ("button", "Show all"),
    ):
        assert form.get_by_role(role, name=name, exact=True).count() == 1
    assert page.get_by_role("form", name="Filter the claims").count() == 1


# --- rows ---


def test_row_opens_by_mouse_and_keyboard(page):
    row = page.locator("#claim-7")
    summary, tests = row.locator("summary"), row.locator("details table")
    assert not tests.is_visible()
    summary.click()
    assert tests.is_visible()
    page.keyboard.press("Enter")
    assert not tests.is_visible()
    page.keyboard.press("Space")
    assert tests.is_visible()
    count = len(LEDGER[7].here.tests) + len(LEDGER[7].beyond.tests)
    assert tests.locator("tbody tr:not(:has([colspan]))").count() == count


IN_VIEW = """selector => {
  const { top } = document.querySelector(selector).getBoundingClientRect();
  return top > 0 && top < innerHeight / 2;
}"""


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_address_of_a_claim_shows_and_opens_its_row(
    browser, server, site, scheme
):
    url = address(PAGE, scheme, server, site)
    page = open_page(browser, f"{url}#claim-17")
    row = page.locator("#claim-17")
    assert row.locator("details table").is_visible()
    # Scrolling takes its time.
    page.wait_for_function(IN_VIEW, arg="#claim-17", timeout=5000)
    # A row that the filter hides, reached by a link.
    page.select_option("select[name=verdict]", "does not hold")
    assert not row.is_visible()
    page.locator("#claim-9 th a").click()
    assert shown(page) == those("does not hold")
    page.evaluate("location.hash = 'claim-17'")
    page.wait_for_function(f"({SHOWN})().length === 32")
    assert row.is_visible()
    page.context.close()


def test_rows_lead_to_the_boxes_of_the_chapters(page):
    for claim in LEDGER.values():
        links = page.locator(f"#claim-{claim.number} .ledger-chapters a")
        assert [link.get_attribute("href") for link in links.all()] == [
            f"{name}.html#claim-{claim.number}" for name in claim.chapters
        ]


def test_verdict_has_word_sign_and_colour(page):
    looks = {}
    for claim in LEDGER.values():
        cell = page.locator(f"#claim-{claim.number} .ledger-verdict > span")
        colour = cell.evaluate("node => getComputedStyle(node).color")
        looks.setdefault(cell.inner_text(), set()).add(colour)
    assert set(looks) == {
        f"{ledger.SIGNS[word]} {word}" for word in COUNTS if COUNTS[word]
    }
    for colours in looks.values():
        assert len(colours) == 1
    assert len(set().union(*looks.values())) == len(looks)


# --- without a script, on paper, on a narrow screen ---


def test_all_rows_show_and_open_without_javascript(browser, server):
    page = open_page(browser, server + PAGE, java_script_enabled=False)
    assert not page.locator(".ledger-filter").is_visible()
    rows = page.locator("table.ledger > tbody")
    assert rows.count() == 32
    assert all(row.is_visible() for row in rows.all())
    page.locator("#claim-9 summary").click()
    assert page.locator("#claim-9 details table").is_visible()
    page.context.close()


def test_paper_has_all_rows_and_no_filter(page):
    page.select_option("select[name=verdict]", "does not hold")
    assert len(shown(page)) == 4
    page.emulate_media(media="print")
    assert not page.locator(".ledger-filter").is_visible()
    assert page.evaluate(SHOWN) == list(LEDGER)
    page.emulate_media(media="screen")


# What lies outside the screen, or is cut off by its box.
OUTSIDE = """() => [...document.querySelectorAll(
    ".ledger-page *, .ledger-page")].filter(node => node.checkVisibility())
  .filter(node => {
    const box = node.getBoundingClientRect();
    return box.right > innerWidth + 1 || box.left < -1
      || node.scrollWidth > node.clientWidth + 1
        && getComputedStyle(node).display !== "inline" && node.clientWidth;
  }).map(node => node.outerHTML.slice(0, 100))"""


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_rows_fit_any_screen_when_they_are_open(page, width):
    page.evaluate(
        "document.querySelectorAll('.ledger details')"
        ".forEach(details => { details.open = true; })"
    )
    resize(page, width)
    assert page.evaluate(OUTSIDE) == []
    # On a narrow one a row is a card, which names what it shows.
    label = page.locator("#claim-7 .ledger-beyond").evaluate(
        "node => getComputedStyle(node, '::before').content"
    )
    assert (label == '"Beyond the digits"') == (width < 600)
    assert page.locator(".ledger > thead").is_visible() == (width > 600)
