"""How the tests look at the built book: which pages, and in which browser."""

import contextlib
import re

from bs4 import BeautifulSoup
from playwright.sync_api import TimeoutError as TooLate

from tools.page_loads import names
from tools.paths import HTML

# Every page with content: no page that only leads from an old address.
PAGES = [f"{name}.html" for name in (*names(), "genindex", "search")]

# One page of each kind.
KINDS = [
    "chapters/07_dying_relu.html",
    "chapters/exercises/07_dying_relu.html",
    "chapters/solutions/07_dying_relu.html",
    "chapters/12_claims.html",
    "chapters/about.html",
    "chapters/faq.html",
    "chapters/glossary.html",
    "chapters/bibliography.html",
    "chapters/index.html",
    "search.html",
]

WIDTHS = (320, 390, 768, 1280, 1920)
THEMES = ("light", "dark")

SHOW_THEME = "theme => { document.documentElement.dataset.theme = theme; }"

OPEN_FOLDS = """() => document.querySelectorAll("article details").forEach(
  details => { details.open = true; })"""
# Results that wait for a prediction.
OPEN_RESULTS = """() => document.querySelectorAll("details.result").forEach(
  details => { details.open = true; })"""

# Whether nothing slides any more, and a key scrolls all code that is too wide.
SETTLED = """() => document.getAnimations().every(
    animation => animation.playState !== "running")
  && [...document.querySelectorAll("pre, .cell_output > .output")].every(
    box => box.tabIndex === 0 || box.scrollWidth <= box.clientWidth)"""


def pages_holding(text):
    """Return the pages that hold a text, to give to `parametrize`."""
    found = [
        page
        for page in PAGES
        if (HTML / page).exists() and text in (HTML / page).read_text("utf-8")
    ]
    # An empty list would skip the test, which then says nothing.
    return found or ["not built"]


def soup(path):
    """Return the document in an HTML file."""
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def address(page, scheme, server, site):
    """Return where a page is, from the server or from disk."""
    if scheme == "http":
        return server + page
    return (site / page).as_uri()


def open_page(browser, url, theme="light", width=1280, observe="", **options):
    """Open a page; return it with its requests, those off-site, and errors."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, **options
    )
    context.add_init_script(
        f"try {{ localStorage.setItem('mode', '{theme}');"
        f" localStorage.setItem('theme', '{theme}'); }} catch (e) {{}}"
    )
    if observe:
        context.add_init_script(f"({observe})()")
    page = context.new_page()
    page.requested, page.strangers, page.errors = [], [], []
    home = re.split(r"/chapters/|/\w+\.html", url)[0]
    page.on("request", lambda r: _note(page, r.url, home))
    page.on(
        "console",
        lambda m: page.errors.append(m.text) if m.type == "error" else None,
    )
    page.on(
        "response",
        lambda r: page.errors.append(r.url) if r.status >= 400 else None,
    )
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.goto(url)
    return page


def _note(page, url, home):
    """Keep the address of a request, unless the page itself holds it."""
    if not url.startswith(("data:", "blob:")):
        page.requested.append(url)
        if not url.startswith(home):
            page.strangers.append(url)


def resize(page, width):
    """Give the page another width, and the theme the time to notice it."""
    page.set_viewport_size({"width": width, "height": 900})
    # That takes 300 ms. If it never comes, that is for the test to say.
    with contextlib.suppress(TooLate):
        page.wait_for_function(SETTLED, timeout=2000)
