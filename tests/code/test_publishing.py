"""What a published page says of itself: tiny books, and the built one."""

import functools
import http.server
import os
import re
import subprocess
import sys
import threading
import zipfile
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import citing
import clone
import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup
from sphinx.cmd.build import main

from tests.code.test_clone import GITHUB, GITLAB, SHA
from tests.published import VERSION, check_zip, meta
from tools.paths import ROOT

CONF = """
extensions = ["myst_nb", "sphinx_book_theme", "publishing", "citing"]
html_theme = "sphinx_book_theme"
html_title = "A book"
root_doc = "chapters/index"
exclude_patterns = ["out", "jupyter_execute"]
nb_execution_mode = "{execution}"
linkcheck_report_timeouts_as_broken = False
"""
INDEX = """\
# A book

About three things.

<a href="../relu-book.zip">All of it</a>

```
01_first: Why "not"?
```

```{toctree}
01_first
exercises/01_first
long
```
"""
FIRST = "chapters/01_first.ipynb"
ENDLESS = "# A long page\n\n" + "Many words. " * 30


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    """Return a function that builds a tiny book in an environment."""

    def build(builder="html", execution="off", **environ):
        book = tmp_path_factory.mktemp("book")
        for name in ("pyproject.toml", "CITATION.cff"):
            (book / name).write_text((ROOT / name).read_text())
        (book / "conf.py").write_text(CONF.format(execution=execution))
        (book / "chapters/exercises").mkdir(parents=True)
        (book / "chapters/index.md").write_text(INDEX)
        (book / "chapters/long.md").write_text(ENDLESS)
        nb = nbformat.v4.new_notebook(
            cells=[
                nbformat.v4.new_markdown_cell("# First", id="title"),
                nbformat.v4.new_code_cell("1 / 0", id="one"),
            ],
            metadata={"language_info": {"name": "python"}},
        )
        nbformat.write(nb, book / FIRST)
        nbformat.write(nb, book / "chapters/exercises/01_first.ipynb")
        with pytest.MonkeyPatch.context() as patch:
            for name in list(os.environ):
                if name.startswith(("GITHUB_", "GITLAB_", "CI_", "BOOK_")):
                    patch.delenv(name)
            for name, value in environ.items():
                patch.setenv(name, value)
            command = ["-W", "-n", "-q", "-b", builder, book, book / "out"]
            # The second time on top of the first, as an author does it.
            for _ in range(2):
                assert main(list(map(str, command))) == 0
        return book / "out"

    return build


@pytest.fixture(scope="module")
def on_github(build):
    """Return the site that the workflow publishes."""
    return build(**GITHUB, BOOK_COLAB="colab")


@pytest.fixture(scope="module")
def on_gitlab(build):
    """Return a site built on GitLab, without an address."""
    return build(**GITLAB)


@pytest.fixture(scope="module")
def alone(build):
    """Return a site built from no clone, years ago."""
    return build(SOURCE_DATE_EPOCH="1000000000")


def document(site, page="chapters/01_first"):
    text = (site / f"{page}.html").read_text(encoding="utf-8")
    return BeautifulSoup(text, "html.parser")


def buttons(site, page="chapters/01_first"):
    """Return the buttons that lead out of the book, as {text: address}."""
    found = document(site, page).select(".bd-header-article a.btn")
    return {
        a.get_text().strip(): a["href"]
        for a in found
        if urlsplit(a["href"]).scheme
    }


def footer(site):
    return document(site).select_one(".bd-footer-content")


# --- buttons ---


def test_buttons_on_github(on_github):
    repository = {
        "Repository": "https://github.com/Org/repo",
        "Suggest edit": f"https://github.com/Org/repo/edit/main/{FIRST}",
    }
    assert buttons(on_github) == repository | {
        "Binder": f"https://mybinder.org/v2/gh/Org/repo/{SHA}"
        f"?urlpath=lab/tree/{FIRST}",
        "Colab": "https://colab.research.google.com/github/Org/repo/blob/"
        f"colab/{FIRST}",
    }


def test_page_without_code_has_nothing_to_launch(on_github):
    assert list(buttons(on_github, "chapters/long")) == [
        "Repository",
        "Suggest edit",
    ]


def test_buttons_on_gitlab(on_gitlab):
    url = "https://gitlab.com/group/part/repo"
    assert buttons(on_gitlab) == {
        "Repository": url,
        "Suggest edit": f"{url}/-/edit/topic/{FIRST}",
        "Binder": "https://mybinder.org/v2/gl/group%2Fpart%2Frepo/"
        f"{SHA}?urlpath=lab/tree/{FIRST}",
    }


def test_no_clone_no_buttons(alone):
    assert buttons(alone) == {}


def test_pictures_of_the_buttons_are_there(on_github):
    for image in document(on_github).select(".bd-header-article img"):
        assert (on_github / "chapters" / image["src"]).exists(), image


# --- the notebook to download, and for Colab ---


def test_downloaded_notebook_fetches_the_package_first(on_github):
    nb = nbformat.read(on_github / "_sources" / FIRST, 4)
    nbformat.validate(nb)
    assert [cell.id for cell in nb.cells] == ["title", "bootstrap", "one"]
    address = f"https://github.com/Org/repo/archive/{SHA}.zip"
    assert address in nb.cells[1].source


def test_downloaded_notebook_fetches_nothing_without_a_clone(alone):
    nb = nbformat.read(alone / "_sources" / FIRST, 4)
    assert [cell.id for cell in nb.cells] == ["title", "one"]


@pytest.fixture
def archive(tmp_path):
    """Serve the last commit as GitHub does: its address, and the requests."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git clone, so there is no commit to pack")
    requests = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            requests.append(self.path)

    name = f"archive/{SHA}.zip"
    (tmp_path / "archive").mkdir()
    subprocess.run(
        [
            "git",
            "archive",
            f"--prefix=repo-{SHA}/",
            f"--output={tmp_path / name}",
            "HEAD",
        ],
        cwd=ROOT,
        check=True,
    )
    handler = functools.partial(Handler, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_address[1]}/{name}", requests
        httpd.shutdown()


def test_first_cell_fetches_a_missing_package_once(archive, tmp_path):
    address, requests = archive
    # This environment has all packages of ours but `utils`: lines of a .pth
    # file inside a folder that a .pth file names are not read.
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"],
        check=True,
    )
    site = next(tmp_path.glob("venv/lib/*/site-packages"))
    (site / "ours.pth").write_text(str(Path(nbformat.__file__).parents[1]))
    cell = clone.BOOTSTRAP.format(archive=address, commit=SHA[:7])
    # It must not be taken for the package.
    (tmp_path / "utils.py").write_text("import nothing_of_this_name\n")
    script = tmp_path / "notebook.ipy"
    script.write_text(
        f"{cell}\n{cell}\nfrom utils import activations\n"
        "from utils.checks import definition\n"
        "print(activations.__file__, activations.relu(-1.0))\n"
    )
    # No network is needed: the setuptools installed here builds the package.
    environ = {
        **os.environ,
        "HOME": str(tmp_path),
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_NO_INDEX": "1",
        "PIP_CONFIG_FILE": os.devnull,
    }
    environ.pop("PYTHONPATH", None)
    run = subprocess.run(
        [tmp_path / "venv/bin/python", "-m", "IPython", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=environ,
    )
    last = run.stdout.splitlines()[-1:]
    wanted = f"{tmp_path / f'relu-book-{SHA[:7]}/utils/activations.py'} 0.0"
    assert last == [wanted], run.stdout + run.stderr
    assert len(requests) == 1


# --- descriptions ---


def test_page_describes_itself(on_github):
    page = document(on_github)
    home = "https://org.github.io/repo/"
    found = meta(page)
    assert page.title.string == "First — A book"
    assert found["description"] == 'Why "not"?'
    assert found["og:title"] == "First"
    assert found["og:description"] == 'Why "not"?'
    assert found["og:url"] == f"{home}chapters/01_first.html"
    assert found["og:image"] == f"{home}_static/cover.png"
    assert page.find("link", rel="canonical")["href"] == found["og:url"]


def test_description_of_an_exercise_is_not_its_chapters(on_github):
    page = document(on_github, "chapters/exercises/01_first")
    assert meta(page)["description"] == 'Exercises with feedback: Why "not"?'


def test_long_description_ends_with_a_word(on_github):
    text = meta(document(on_github, "chapters/long"))["description"]
    assert 140 < len(text) <= 160
    assert re.fullmatch(r"(Many words\. )*(Many )?\.\.\.", text)


def test_first_page_describes_the_book_and_leads_to_it(on_github):
    page = document(on_github, "index")
    found = meta(page)
    assert page.title.string == "A book"
    assert found["og:url"] == "https://org.github.io/repo/chapters/index.html"
    assert found["description"] == "About three things."
    assert (on_github / page.a["href"]).exists()
    assert page.find("meta", {"http-equiv": "refresh"})["content"] == (
        f"0; url={page.a['href']}"
    )


def test_sitemap_lists_the_pages(on_github):
    sitemap = (on_github / "sitemap.xml").read_text()
    found = re.findall(r"<loc>https://org.github.io/repo/(.+?)</loc>", sitemap)
    names = ["01_first", "exercises/01_first", "index", "long"]
    assert found == [f"chapters/{name}.html" for name in names]


def test_unknown_address_is_not_made_up(alone):
    page = document(alone)
    assert page.find("link", rel="canonical") is None
    assert not {"og:url", "og:image"} & meta(page).keys()
    assert meta(page)["description"] == 'Why "not"?'
    assert not (alone / "sitemap.xml").exists()


# --- links that lead out of the book ---


def test_notebooks_do_not_run_to_check_links(build):
    # They hold an error, which would fail this build.
    site = build(builder="linkcheck", execution="force")
    assert (site / "output.txt").exists()


# --- footer and ZIP ---


def test_footer_tells_version_date_and_commit(on_github):
    text = " ".join(footer(on_github).get_text().split())
    assert re.search(
        rf"Version {VERSION}, built on \d{{4}}-\d\d-\d\d from 0123456\.", text
    )
    assert [a["href"] for a in footer(on_github).find_all("a")] == [
        f"https://github.com/Org/repo/commit/{SHA}",
        "https://org.github.io/repo/relu-book.zip",
    ]


def test_footer_links_nothing_unknown(alone):
    text = " ".join(footer(alone).get_text().split())
    assert f"Version {VERSION}, built on 2001-09-09." in text
    assert footer(alone).find("a") is None


# --- to cite, and to report ---


def test_page_has_the_tags_that_citation_managers_read(on_github):
    found = meta(document(on_github))
    assert found["citation_title"] == "First"
    assert found["citation_inbook_title"] == "ReLU: an executable textbook"
    assert found["citation_author"] == "the ReLU book contributors"
    day = found["DC.date"]
    assert found["citation_publication_date"] == day.replace("-", "/")
    url = "https://org.github.io/repo/chapters/01_first.html"
    assert found["DC.identifier"] == url
    assert found["citation_fulltext_html_url"] == url


def test_bibtex_can_be_copied(on_github, alone):
    shown = document(on_github).select_one(".citing pre").get_text()
    (entry,) = re.findall(
        r"@incollection\{relu-book-01_first,.*\}", shown, re.S
    )
    assert "title = {First}" in entry and "chapter = {1}" in entry
    assert "booktitle = {{ReLU}: an executable textbook}" in entry
    assert "url = {https://org.github.io/repo/chapters/01_first.html}" in entry
    assert f"note = {{Version {VERSION}}}" in entry
    whole = document(on_github, "chapters/index").select_one(".citing pre")
    assert "@book{relu-book," in whole.get_text()
    assert "url =" not in document(alone).select_one(".citing pre").get_text()


def test_claim_has_an_entry_of_its_own():
    edition = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    page = "chapters/07_dying_relu"
    entry = citing.bibtex(edition, page, "Dying ReLU", "https://a.org/7", 17)
    assert "@incollection{relu-book-07_dying_relu-claim-17," in entry
    assert "title = {Claim 17. In: Dying {ReLU}}" in entry
    assert "url = {https://a.org/7#claim-17}" in entry


def test_mistake_can_be_reported_where_the_repository_is_known(
    on_github, on_gitlab, alone
):
    url = document(on_github).select_one(".report a")["href"]
    assert url.startswith("https://github.com/Org/repo/issues/new?")
    query = parse_qs(urlsplit(url).query)
    assert query["title"] == ["Mistake in “First”"]
    assert "chapters/01_first" in query["body"][0] and SHA in query["body"][0]
    url = document(on_gitlab).select_one(".report a")["href"]
    assert "/-/issues/new?" in url
    assert "First" in parse_qs(urlsplit(url).query)["issue[title]"][0]
    assert not document(alone).select(".report")


def test_zip_holds_the_site_in_one_folder(on_github):
    check_zip(on_github)


def test_links_in_the_unpacked_zip_resolve(on_github, tmp_path):
    with zipfile.ZipFile(on_github / "relu-book.zip") as book:
        book.extractall(tmp_path)
    book = tmp_path / "relu-book"
    pages = [book / "index.html", *sorted(book.glob("chapters/**/*.html"))]
    assert len(pages) == 5
    for path in pages:
        page = BeautifulSoup(path.read_text(), "html.parser")
        for node in page.find_all(["a", "img", "script", "link"]):
            link = urlsplit(node.get("href") or node.get("src") or "")
            if link.path and not link.scheme:
                assert (path.parent / link.path).exists(), link.geturl()
    text = (book / "chapters/index.html").read_text()
    assert "All of it" in text and 'relu-book.zip">All' not in text


# --- the whole book ---


def test_version_is_the_same_wherever_it_is_told():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == VERSION
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", str(citation["date-released"]))
