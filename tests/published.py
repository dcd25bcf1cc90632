"""What tests look for in a published site, the book's or a tiny one."""

import tomllib
import zipfile

from tools.paths import ROOT

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
    "version"
]


def meta(page):
    """Return the tags of a page that describe it, as {name: content}."""
    tags = page.find_all("meta", content=True)
    return {
        tag.get("property") or tag.get("name"): tag["content"] for tag in tags
    }


def check_zip(site):
    """Hold the ZIP of a site against its files.

    A page that links to it is smaller there, by the link.
    """
    link = b'<a href="../relu-book.zip"></a>'
    wanted = {
        f"relu-book/{path.relative_to(site).as_posix()}": path.stat().st_size
        - len(link)
        * (path.suffix == ".html" and link[:-5] in path.read_bytes())
        for path in site.rglob("*")
        if path.is_file() and path.name != "relu-book.zip"
    }
    with zipfile.ZipFile(site / "relu-book.zip") as book:
        assert book.testzip() is None
        found = {info.filename: info.file_size for info in book.infolist()}
    assert found == wanted
