"""A chapter can be read in a sitting, and shows before it says.

The bars are those of `tools.reading`, on a screen of 1280 by 900 pixels.
"""

import pytest

from tools.notebooks import chapters
from tools.reading import measure

WORDS, SCREENS = 3000, 16
FIRST, STRETCH = 1.5, 3
PRINTED, TABLES = 2, 6


@pytest.mark.parametrize("path", chapters(), ids=lambda path: path.stem)
def test_chapter_is_short_and_shows_much(browser, site, path):
    page = browser.new_page()
    found = measure(page, (site / f"chapters/{path.stem}.html").as_uri())
    page.close()
    print(found)
    assert found.words <= WORDS
    assert found.screens <= SCREENS
    assert found.first <= FIRST
    assert found.stretch <= STRETCH
    assert found.printed <= PRINTED and found.tables <= TABLES


def test_ten_minutes_are_ten_minutes(browser, site):
    page = browser.new_page()
    found = measure(page, (site / "chapters/ten_minutes.html").as_uri())
    page.close()
    assert found.words <= 1500
    assert found.first <= 1 and found.stretch <= FIRST
    assert found.printed == 0


def test_what_is_folded_printed_or_far_from_a_picture_is_measured(
    browser, tmp_path
):
    page, file = browser.new_page(), tmp_path / "page.html"
    file.write_text(
        '<body style="margin: 0"><article class="bd-article">'
        '<p style="margin: 0; height: 450px">Three words here.</p>'
        '<svg role="img" style="display: block; height: 900px"></svg>'
        "<details><summary>More</summary><p>Not to be counted.</p></details>"
        '<details class="result"><summary>See</summary>'
        '<p style="margin: 0; height: 900px">It is.</p></details>'
        '<div class="cell_output"><pre>1\n2\n3\n4</pre><pre>1</pre></div>'
        "<table><tr><td>0</td></tr></table>"
        '<p style="height: 1800px">One — two.</p></article>'
    )
    found = measure(page, file.as_uri())
    page.close()
    assert (found.words, found.printed, found.tables) == (9, 1, 1)
    assert found.pictures == 1 and found.first == 0.5
    assert 3 < found.stretch < 3.5 and 4.5 < found.screens < 5
