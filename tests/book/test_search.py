"""The search, by keyboard, from a server and from disk."""

import pytest

from tests.book.looking import address, open_page

WANTED = {
    "dying relu": "Dying ReLU",
    "He initialisation": "Vanishing gradients",
    "He initialization": "Vanishing gradients",
    "leaky": "Variants",
    "vanishing gradient": "Vanishing gradients",
    "exploding gradients": "Exploding gradients and large updates",
    "why not sigmoid": "Questions and answers",
    "sparsity": "Sparsity",
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
