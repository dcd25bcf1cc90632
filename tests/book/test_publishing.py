"""What the pages of the built book say of themselves, and their ZIP."""

import re

from tests.book.looking import PAGES, soup
from tests.published import VERSION, check_zip, meta


def test_pages_of_the_book_describe_themselves(site):
    seen = {}
    for name in [name for name in PAGES if name.startswith("chapters/")]:
        path = site / name
        page = soup(path)
        text = meta(page).get("description", "")
        assert 40 <= len(text) <= 160, f"{name}: {len(text)} characters"
        assert text[-1] in ".?", f"{name}: {text}"
        assert not re.search(r"[$\\`{}*<>]|\[|  |\n", text), f"{name}: {text}"
        assert text not in seen, f"{name} is described like {seen[text]}"
        seen[text] = name
        title = page.title.string
        assert title.count("ReLU: an executable textbook") == 1, title
        link = page.find("link", rel="icon")
        assert (path.parent / link["href"]).exists()
        assert VERSION in page.select_one(".bd-footer-content").get_text()


def test_zip_of_the_book_is_whole(site):
    check_zip(site)
