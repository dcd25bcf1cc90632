"""The pages on paper: all that is folded shows, nothing to click does."""

import io
import re
import unicodedata

import numpy as np
import pytest
from bs4 import BeautifulSoup
from PIL import Image
from pypdf import PdfReader

from tests.book.looking import open_page

LABELS = (
    "Show code",
    "Hide code",
    "Skip to main",
    "Copy",
    "The controls need",
    "Search this book",
    "Exercises and solutions",
)


def bare(text):
    """Return the letters of a text: PDFs join some, and break lines freely."""
    text = unicodedata.normalize("NFKC", text).lower()
    return re.sub(r"[^a-z0-9]", "", text)


def folded(site, name):
    """Return the text of what is folded on a page, formulas left out."""
    html = (site / name).read_text(encoding="utf-8")
    article = BeautifulSoup(html, "html.parser").find("article")
    # In the folds of results there are explorers; how to cite a page is not
    # for paper.
    controls = ".explorer-controls, .explorer noscript, .explorer script"
    controls += ", .citing"
    for node in article.select(f"math, .definition, summary, {controls}"):
        node.replace_with("\n\n")
    return [
        piece
        for details in article.find_all("details")
        for piece in map(bare, re.split("\n+", details.get_text()))
        if len(piece) > 10
    ]


@pytest.mark.parametrize(
    ("name", "theme"),
    [
        ("chapters/07_dying_relu.html", "dark"),
        ("chapters/solutions/07_dying_relu.html", "light"),
        ("chapters/12_claims.html", "light"),
    ],
)
def test_paper_shows_what_is_folded_and_no_controls(
    browser, site, name, theme
):
    page = open_page(browser, (site / name).as_uri(), theme, width=390)
    pdf = PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=True)))
    loaded = page.evaluate(
        "[...document.querySelectorAll('article img')].map(image =>"
        " image.complete && image.naturalWidth > 0)"
    )
    assert page.evaluate("document.documentElement.dataset.theme") == theme
    page.context.close()
    assert all(loaded), "a picture far down was not loaded for paper"
    width, height = map(float, pdf.pages[0].mediabox[2:])
    assert (round(width), round(height)) == (595, 842), "not A4"
    text = "".join(sheet.extract_text() for sheet in pdf.pages)
    assert [label for label in LABELS if label in text] == []
    printed, pieces = bare(text), folded(site, name)
    assert pieces
    # Where a page ends in between, other text may come first in the file.
    ends = [end for piece in pieces for end in (piece[:20], piece[-20:])]
    assert [end for end in ends if end not in printed] == []


WIDE = """() => [...document.querySelectorAll("article *")]
  .filter(node => node.checkVisibility()
    && (!node.closest("svg, math") || node.matches("svg[role=img]")))
  .filter(node => node.getBoundingClientRect().right > innerWidth + 1
    || node.scrollWidth > node.clientWidth + 1 && node.clientWidth
       && getComputedStyle(node).overflowX !== "visible")
  .map(node => node.outerHTML.slice(0, 150))"""


@pytest.mark.parametrize(
    "name",
    ["12_claims", "07_dying_relu", "solutions/10_in_practice", "08_variants"],
)
def test_paper_cuts_nothing_off_and_is_white(browser, site, name):
    url = (site / f"chapters/{name}.html").as_uri()
    # As wide as the text on A4, in CSS pixels.
    page = open_page(browser, url, "dark", width=672)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    assert page.evaluate(WIDE) == []
    shot = page.screenshot()
    page.context.close()
    pixels = np.asarray(Image.open(io.BytesIO(shot)).convert("L"))
    # Above the title nothing stands, and below it code may fill the page.
    assert (pixels[:20] == 255).all(), "the ground is not white"
