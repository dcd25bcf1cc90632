"""How much of a built page there is to read, and how far its pictures are apart.

::

    python -m tools.reading [NAMES]    all chapters without NAMES

measures pages of the book that `make book` built, such as `07_dying_relu`, on
a screen of 1280 by 900 pixels. What is folded does not count, but for results
that wait for a prediction: who has made it reads them.
"""

import sys
from dataclasses import astuple, dataclass

from tools.browser import chromium
from tools.notebooks import chapters
from tools.paths import HTML
from utils.tables import Table

SCREEN = {"width": 1280, "height": 900}

MEASURE = r"""screen => {
  const article = document.querySelector("article.bd-article");
  article.querySelectorAll("details.result")
    .forEach(result => { result.open = true; });
  const shown = selector => [...article.querySelectorAll(selector)]
    .filter(node => node.checkVisibility());
  const box = node => node.getBoundingClientRect();
  const {top, bottom} = box(article);
  const words = shown("p, li, dd, h1, h2, h3, h4, summary")
    .filter(node => !node.closest("figure, table, .relu-lab, .definition"))
    .filter(node => !node.matches("li:has(> p), dd:has(> p)"))
    .flatMap(node => node.innerText.match(/\S*[\p{L}\d]\S*/gu) ?? []).length;
  const kinds = "figure, svg[role=img], img, .explorer, .relu-lab";
  const pictures = shown(kinds)
    .filter(node => !node.parentElement.closest(kinds)).map(box).filter(({width, height}) => Math.min(width, height) > 100);
  const gaps = [];
  let end = top;
  for (const each of pictures) {
    gaps.push(each.top - end);
    end = Math.max(end, each.bottom);
  }
  gaps.push(bottom - end);
  const printed = shown(".cell_output pre")
    .filter(node => node.innerText.trim().split("\n").length > 3).length;
  const tables = shown("table").length;
  return [words, (bottom - top) / screen, pictures.length, gaps[0] / screen,
          Math.max(...gaps) / screen, printed, tables];
}"""


@dataclass(frozen=True)
class Reading:
    """What a reader meets on a page.

    Attributes
    ----------
    words : int
        Words of prose outside captions, tables, code and folds.
    screens : float
        Height of the page, in screens.
    pictures : int
        Figures, explorers and labs.
    first : float
        Screens before the first of them.
    stretch : float
        The longest way without one, in screens; the end of the page counts.
    printed : int
        Printed outputs of more than three lines.
    tables : int
        Tables.
    """

    words: int
    screens: float
    pictures: int
    first: float
    stretch: float
    printed: int
    tables: int


def measure(page, url):
    """Return what a reader meets at an address.

    Parameters
    ----------
    page : playwright.sync_api.Page
        Where it is opened.
    url : str
        The address.

    Returns
    -------
    Reading
    """
    page.set_viewport_size(SCREEN)
    page.goto(url)
    page.evaluate("document.fonts.ready")
    return Reading(*page.evaluate(MEASURE, SCREEN["height"]))


def main(names):
    """Print a row for each page."""
    with chromium() as browser:
        page = browser.new_page()
        rows = [
            (
                name,
                *astuple(
                    measure(page, (HTML / f"chapters/{name}.html").as_uri())
                ),
            )
            for name in names or [path.stem for path in chapters()]
        ]
    header = ["page", *Reading.__annotations__]
    print(Table(header, rows, ["", "", ".1f", "", ".1f", ".1f", "", ""]))


if __name__ == "__main__":
    main(sys.argv[1:])
