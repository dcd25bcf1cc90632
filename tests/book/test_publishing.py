"""What the pages of the built book say of themselves, and their ZIP."""

import re

from tests.code.test_publishing import VERSION, check_zip, meta, read


def test_pages_of_the_book_describe_themselves(site):
    seen = {}
    for path in sorted(site.glob("chapters/**/*.html")):
        name = str(path.relative_to(site))
        page = read(site, name.removesuffix(".html"))
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
