"""The search, by keyboard, from a server and from disk."""

import json
import re

import pytest

from tests.book.looking import PAGES, address, open_page, soup

WANTED = {
    "dying relu": "Dying ReLU",
    "He initialisation": "Vanishing gradients",
    "He initialization": "Vanishing gradients",
    "leaky": "Variants",
    "vanishing gradient": "Vanishing gradients",
    "exploding gradients": "Exploding gradients and large updates",
    "why not sigmoid": "Questions and answers",
    "sparsity": "Sparsity",
    # As others call it.
    "batchnorm": "Vanishing gradients",
    "batch normalization": "Vanishing gradients",
    "leaky relu": "Variants",
    "lr": "Exploding gradients and large updates",
    "dead neuron": "Dying ReLU",
    "swish": "Variants",
    "silu": "Variants",
    "kaiming": "Vanishing gradients",
    "backprop": "Glossary",
}
FIRST = 5


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_search_finds_the_chapter(browser, server, site, scheme):
    page = open_page(browser, address("search.html", scheme, server, site))
    field = page.locator(".bd-search-container input[type=search]")
    assert field.evaluate("node => node === document.activeElement")
    assert field.get_attribute("aria-label")
    lost = []
    for query, title in WANTED.items():
        page.keyboard.press("ControlOrMeta+A")
        page.keyboard.type(query)
        page.keyboard.press("Enter")
        page.wait_for_url("**q=" + query.replace(" ", "+") + "*")
        status = page.locator("#search-results [role=status]")
        status.filter(has_text="found").wait_for()
        links = page.locator("#search-results li > a").all_inner_texts()
        if title not in links[:FIRST]:
            lost.append(f"{query!r} finds {links[:FIRST]}, not {title!r}")
    levels = page.eval_on_selector_all(
        "h1, h2, h3", "all => all.map(node => node.tagName)"
    )
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('#search-results')")
    marked = page.locator(".highlighted:not(#search-results *)")
    assert marked.count() == 0, "the search marks its own page"
    assert page.errors == []
    page.context.close()
    assert levels == ["H1", "H2"]
    assert not lost, "\n".join(lost)


def test_the_search_knows_where_terms_are_treated(site):
    text = (site / "search.html").read_text("utf-8")
    homes = json.loads(re.search(r"HOMES = (\{.+?\});", text)[1])
    assert homes["dead unit"] == ["chapters/07_dying_relu"]
    assert {f"{name}.html" for name in sum(homes.values(), [])} <= set(PAGES)


def test_no_definition_shows_in_an_excerpt(browser, server, site):
    notes = {
        " ".join(note.get_text().split())[:40]
        for name in PAGES
        for note in soup(site / name).select(".definition")
    }
    assert notes
    leaks = []
    for query in ("dead unit", "minibatch", "learning rate"):
        page = open_page(browser, f"{server}search.html?q={query}")
        page.locator("[role=status]").filter(has_text="found").wait_for()
        page.locator("#search-results .context").nth(5).wait_for()
        for result in page.locator("#search-results li").all():
            excerpt = result.locator(".context")
            glossary = "glossary" in result.locator("a").get_attribute("href")
            if glossary or not excerpt.count():
                continue
            text = " ".join(excerpt.inner_text().split())
            leaks += [(query, note) for note in notes if note in text]
        page.context.close()
    assert leaks == []
