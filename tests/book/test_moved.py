"""Old addresses: each leads to the page that took its place."""

import re

import pytest
import yaml

from tests.book.looking import PAGES, address, soup
from tools.paths import ROOT

CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
MOVED = {
    f"{old}.html": f"{new}.html"
    for old, new in CONFIG["sphinx"]["config"]["moved_pages"].items()
} | {"index.html": "chapters/index.html"}

each = pytest.mark.parametrize(("old", "new"), MOVED.items())


def test_every_file_is_a_page_or_leads_to_one(site):
    files = {
        path.relative_to(site).as_posix() for path in site.rglob("*.html")
    }
    assert files == {*PAGES, *MOVED}
    assert set(MOVED.values()) <= set(PAGES)


@each
@pytest.mark.parametrize("scheme", ["http", "file"])
def test_old_address_leads_to_the_same_place(
    browser, server, site, old, new, scheme
):
    place = soup(site / new).select("article section[id]")[-1]["id"]
    page = browser.new_page()
    page.goto(address(old, scheme, server, site) + f"#{place}")
    page.wait_for_url(address(new, scheme, server, site) + f"#{place}")
    top = f"document.getElementById({place!r}).getBoundingClientRect().top"
    page.wait_for_function(f"() => {top} < innerHeight", timeout=5000)
    # Back does not lead to the old page, which would lead on again.
    assert page.evaluate("history.length") == 2
    page.close()


@each
def test_old_address_needs_no_script(browser, server, site, old, new):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(server + old)
    page.wait_for_url(server + new)
    context.close()
    # Where no page leads on by itself, its one link does.
    (link,) = soup(site / old).find_all("a")
    assert (site / old).parent.joinpath(link["href"]).resolve() == site / new


@each
def test_old_page_says_what_the_new_one_is(site, old, new):
    before, after = soup(site / old), soup(site / new)
    assert re.sub(r"^\d+\. ", "", after.title.string).startswith(
        before.title.string
    )
    description = {"name": "description"}
    assert before.find("meta", description) == after.find("meta", description)
