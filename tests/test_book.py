"""The built HTML, read as text: what it refers to, shows and hides."""

import copy
import json
import re
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from bs4 import BeautifulSoup

from tests.conftest import ROOT
from tests.notebooks import chapters, read, solutions, tags

pytestmark = pytest.mark.built

TOC = yaml.safe_load((ROOT / "_toc.yml").read_text())
NAMES = [TOC["root"]]
for entry in TOC["chapters"]:
    parts = [entry, *entry.get("sections", [])]
    NAMES += [part["file"] for part in parts]
LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src"}


@pytest.fixture(scope="module")
def pages(site):
    """Parse every page of the contents once: path -> document."""
    return {
        name: BeautifulSoup((site / f"{name}.html").read_text(), "html.parser")
        for name in NAMES
    }


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_loaded_from_elsewhere(pages, name):
    for tag, attribute in LOADED.items():
        for node in pages[name].find_all(tag):
            # That one tells where the page is published.
            if node.get("rel") == ["canonical"]:
                continue
            address = node.get(attribute, "")
            assert not re.match(r"(https?:)?//", address), address


@pytest.mark.parametrize("name", NAMES)
def test_links_inside_the_book_lead_somewhere(site, pages, name):
    here = site / f"{name}.html"
    for node in pages[name].find_all("a", href=True):
        link = urlsplit(node["href"])
        if link.scheme:
            continue
        target = here
        if link.path:
            target = (here.parent / unquote(link.path)).resolve()
        assert target.exists(), f"{node['href']} leads nowhere"
        if link.fragment and target.suffix == ".html":
            text = target.read_text()
            assert f'id="{link.fragment}"' in text, node["href"]


@pytest.mark.parametrize("name", NAMES)
def test_no_source_shows_through(pages, name):
    article = copy.copy(pages[name].find("article"))
    for node in article.find_all(["script", "pre", "code"]):
        node.extract()
    text = article.get_text()
    for trace in (":::", "{cite", "{doc}", "{num", "{term", "](", "TODO",
                  "Traceback"):
        assert trace not in text, f"{trace!r} shows on the page"


@pytest.mark.parametrize("path", chapters(), ids=lambda path: path.stem)
def test_chapter_shows_its_cells_and_hides_its_tests(pages, path):
    page = pages[f"chapters/{path.stem}"]
    code = [c for c in read(path).cells if c.cell_type == "code"]
    shown = [c for c in code if "remove-cell" not in tags(c)]
    assert len(page.select("div.cell_input")) == len(shown)
    assert len(page.select(".explorer")) == sum(
        "explorer" in tags(c) for c in code
    )


@pytest.mark.parametrize("name", NAMES)
def test_pictures_say_what_they_show(pages, name):
    article = pages[name].find("article")
    texts = [image.get("alt", "") for image in article.find_all("img")]
    for text in texts:
        assert len(text) >= 40 and not re.search(r"\.(png|webp)$", text), text
    assert len(set(texts)) == len(texts), "two pictures share an alt text"


@pytest.mark.parametrize("path", chapters(), ids=lambda path: path.stem)
def test_figures_are_numbered(pages, path):
    figures = pages[f"chapters/{path.stem}"].select("article figure")
    assert figures
    for figure in figures:
        assert figure.select_one(".caption-number"), figure.get("id")


@pytest.mark.parametrize("path", chapters(), ids=lambda path: path.stem)
def test_explorers_are_complete_and_light(pages, path):
    for figure in pages[f"chapters/{path.stem}"].select(".explorer"):
        data = json.loads(figure.find("script", type=True).string)
        count = len(data["frames"])
        assert 2 <= count <= 60
        assert count == len(data["readouts"])
        assert sum(map(len, data["frames"])) <= 500_000
        assert figure.img["src"] in data["frames"]
        for control in figure.find_all(["input", "select"]):
            assert control.find_parent("label").span.get_text().strip()


@pytest.mark.parametrize("path", solutions(), ids=lambda path: path.stem)
def test_solutions_are_one_click_away(pages, path):
    cells = read(path).cells
    page = pages[f"chapters/solutions/{path.stem}"].find("article")
    hidden = [c for c in cells if "hide-input" in tags(c)]
    assert len(page.select(".tag_hide-input details")) == len(hidden)
    for details in page.find_all("details"):
        assert not details.has_attr("open")
    shown = pages[f"chapters/exercises/{path.stem}"].find("article")
    assert not shown.find_all("details")
    # What an exercise prints is for its reader to find out.
    assert not shown.select(".cell_output")


def test_each_chapter_leads_to_its_exercises(pages):
    for path in solutions():
        links = pages[f"chapters/{path.stem}"].find("article").select("a")
        assert f"exercises/{path.stem}.html" in [a.get("href") for a in links]
