"""The whole book in one file: a PDF to print, an EPUB for e-readers.

::

    python -m tools.bound pdf     _build/html/relu-book.pdf
    python -m tools.bound epub    _build/html/relu-book.epub

from the pages that `make book` built. Both have the pages in their order, with
links among them; the landing page leads to what was made.
"""

import argparse
import datetime
import html
import io
import posixpath
import re
import tempfile
import uuid
import zipfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urldefrag, urlsplit

import yaml
from bs4 import BeautifulSoup
from pypdf import PdfReader

from tools.browser import chromium
from tools.paths import HTML, ROOT

LANDING = "chapters/index"
NAMES = {"pdf": "relu-book.pdf", "epub": "relu-book.epub"}
# What answers to a hand, and what leads about the site.
LOOSE = (
    "script, style, template, button, input, label, .headerlink, .reading, "
    ".beside, .citing, .report, .definition, [hidden], [data-form=phone]"
)
LAB = "Here the pages of the book have a live lab, which wants a browser."
PAPER = """
@page { size: A4; margin: 20mm 18mm 22mm; }
body { background: none; display: block; font-size: 10.5pt; }
article { break-before: page; display: block; }
h1, h2, h3, summary { break-after: avoid; }
/* On one line each: a bookmark loses the space where its heading breaks. */
h1 { font-size: 1.5rem; }
h2 { font-size: 1.25rem; }
h3 { font-size: 1.1rem; }
figure, tr, .formula { break-inside: avoid; }
img, svg { max-width: 100%; }
pre { white-space: pre-wrap; }
.bound-contents ol { list-style: none; padding: 0; }
.bound-contents li { display: flex; gap: 1em; justify-content: space-between; }
.bound-contents p { font-weight: bold; margin: 1em 0 0.25em; }
"""
FOOT = (
    '<div style="font-size: 8pt; width: 100%; text-align: center">'
    '<span class="pageNumber"></span></div>'
)
E_READER = """
body { line-height: 1.5; }
img, svg { max-width: 100%; height: auto; }
pre { font-size: 0.8em; white-space: pre-wrap; }
table { border-collapse: collapse; font-size: 0.9em; }
td, th { border-bottom: 1px solid; padding: 0.2em 0.5em; text-align: left; }
.admonition { border-left: 3px solid; margin: 1em 0; padding-left: 1em; }
.admonition-title, caption, figcaption { font-weight: bold; }
figure { margin: 1em 0; }
"""
# What a parser of HTML writes small, and XML knows as it is.
SVG_NAMES = {
    name.lower(): name
    for name in ("clipPath", "clipPathUnits", "preserveAspectRatio", "viewBox")
}
MEDIA = {
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".jpg": "image/jpeg",
    ".webp": "image/webp",
}
CONTAINER = """\
<?xml version="1.0" encoding="utf-8"?>
<container version="1.0"
 xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>
<rootfile full-path="book/book.opf" media-type="application/oebps-package+xml"/>
</rootfiles></container>
"""
PACKAGE = """\
<?xml version="1.0" encoding="utf-8"?>
<package xmlns="http://www.idpf.org/2007/opf" version="3.0" xml:lang="en"
 unique-identifier="id">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:identifier id="id">urn:uuid:{identifier}</dc:identifier>
<dc:title>{title}</dc:title>
<dc:creator>{author}</dc:creator>
<dc:language>en</dc:language>
<dc:rights>Text: CC BY 4.0. Code: MIT.</dc:rights>
<meta property="dcterms:modified">{modified}</meta>
<meta property="schema:accessMode">textual</meta>
<meta property="schema:accessMode">visual</meta>
<meta property="schema:accessModeSufficient">textual</meta>
<meta property="schema:accessibilityFeature">alternativeText</meta>
<meta property="schema:accessibilityFeature">MathML</meta>
<meta property="schema:accessibilityFeature">tableOfContents</meta>
<meta property="schema:accessibilityHazard">none</meta>
</metadata>
<manifest>
<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml"
 properties="nav"/>
<item id="style" href="style.css" media-type="text/css"/>
{items}
</manifest>
<spine>
<itemref idref="nav"/>
{spine}
</spine>
</package>
"""
XHTML = """\
<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml"
 xmlns:epub="http://www.idpf.org/2007/ops" lang="en" xml:lang="en">
<head><title>{title}</title>
<link rel="stylesheet" type="text/css" href="style.css"/></head>
<body>
{body}
</body></html>
"""


@dataclass(frozen=True)
class Page:
    """Hold a page of the book.

    Attributes
    ----------
    part : str
        The part that it belongs to; "" for the landing page.
    name : str
        Its place in the site, without ".html".
    title : str
        With its number, if it has one.
    """

    part: str
    name: str
    title: str

    @property
    def key(self):
        """Return a name that is unique, and a part of an address."""
        return self.name.removeprefix("chapters/").replace("/", "-")


def soup(site, name):
    """Return a page of the site, parsed."""
    text = (site / f"{name}.html").read_text("utf-8")
    return BeautifulSoup(text, "html.parser")


def contents(site):
    """Return the pages of a site in their order.

    Parameters
    ----------
    site : pathlib.Path
        Where the book was built.

    Returns
    -------
    list of Page
    """
    landing = soup(site, LANDING)
    found = [Page("", LANDING, landing.h1.get_text(strip=True).rstrip("#"))]
    part = ""
    for node in landing.select(".bd-links p.caption, .bd-links a.internal"):
        if node.name == "p":
            part = node.get_text(strip=True)
        elif node["href"] != "#":
            path = posixpath.normpath(f"chapters/{node['href']}")
            name = path.removesuffix(".html")
            found.append(Page(part, name, node.get_text(" ", strip=True)))
    return found


def article(site, page, address):
    """Return what a page says, ready to be bound.

    Parameters
    ----------
    site : pathlib.Path
        Where the book was built.
    page : Page
        One of its pages.
    address : callable
        Returns where a page's name, or that of a file, and a place in it are
        to be found: ``address("chapters/faq", "id1")``.

    Returns
    -------
    bs4.Tag
        Ids begin with the page's key, so that no two pages share one.
    """
    found = soup(site, page.name).select_one("article.bd-article")
    for node in found.select(".relu-lab"):
        note = BeautifulSoup(f"<p><em>{LAB}</em></p>", "html.parser")
        node.replace_with(note)
    for node in found.select(LOOSE):
        node.decompose()
    for node in found.select("form, fieldset, legend, noscript"):
        node.unwrap()
    for node in found.find_all(True):
        for key in [key for key in node.attrs if re.match(r"on|data-", key)]:
            del node[key]
        node.attrs.pop("aria-describedby", None)
        node.attrs.pop("tabindex", None)
        if "id" in node.attrs:
            node["id"] = f"{page.key}--{node['id']}"
        for key in ("href", "src"):
            if key in node.attrs and not urlsplit(node[key]).scheme:
                path, place = urldefrag(node[key])
                at = posixpath.dirname(page.name)
                path = posixpath.normpath(posixpath.join(at, path))
                node[key] = address(path if node[key][0] != "#" else "", place)
    # To what is not bound: its words stay.
    for link in found.select('a[href=""]'):
        link.unwrap()
    found["id"] = page.key
    return found


def _address(page, pages, inside, outside):
    """Return the function that `article` wants for this page.

    Parameters
    ----------
    page : Page
    pages : list of Page
        All that are bound.
    inside : callable
        Takes the key of a page, a place in it, and whether it is `page`
        itself, by no name; returns the address.
    outside : callable
        The same for the name of a picture or another file that is kept.
    """
    keys = {page.name: page.key for page in pages}

    def address(target, place):
        name = target.removesuffix(".html")
        if not target or name in keys:
            return inside(keys.get(name, page.key), place, not target)
        return outside(target) if Path(target).suffix in MEDIA else ""

    return address


def pdf(site, pages, path, browser):
    """Print pages into one PDF, with contents, bookmarks and page numbers.

    Parameters
    ----------
    site : pathlib.Path
        Where the book was built.
    pages : list of Page
        Those to print, in their order.
    path : pathlib.Path
        The file to write.
    browser : playwright.sync_api.Browser
        A Chromium, which prints.
    """

    def inside(key, place, own):
        return f"#{key}--{place}" if place else f"#{key}"

    def outside(target):
        return (site / target).as_uri()

    body = "".join(
        article(site, page, _address(page, pages, inside, outside))
        .decode()
        .replace("<details", "<details open")
        for page in pages
    )
    style = (site / "_static/page.css").as_uri()
    numbers = {}
    tab = browser.new_page()
    tab.set_default_timeout(0)
    # The second time with the page numbers that the first one found.
    for _ in range(2):
        text = (
            '<!DOCTYPE html><html lang="en" data-theme="light"><head>'
            f'<meta charset="utf-8"><title>{title()}</title>'
            f'<link rel="stylesheet" href="{style}">'
            f"<style>{PAPER}</style></head><body>"
            f"{_contents(pages, numbers)}{body}</body></html>"
        )
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "bound.html")
            file.write_text(text, encoding="utf-8")
            tab.goto(file.as_uri())
        tab.evaluate("document.fonts.ready")
        printed = tab.pdf(
            prefer_css_page_size=True,
            display_header_footer=True,
            header_template="<span></span>",
            footer_template=FOOT,
            outline=True,
            tagged=True,
        )
        reader = PdfReader(io.BytesIO(printed))
        places = reader.named_destinations
        numbers = {
            page.key: reader.get_destination_page_number(
                places[f"/{page.key}"]
            )
            + 1
            for page in pages
            if f"/{page.key}" in places
        }
    tab.close()
    path.write_bytes(printed)


def title():
    """Return what the book is called."""
    return yaml.safe_load((ROOT / "CITATION.cff").read_text())["title"]


def _contents(pages, numbers):
    """Return the title and the contents of the PDF."""
    part, lines = "", []
    for page in pages:
        if page.part != part:
            part = page.part
            lines.append(f"</ol><p>{html.escape(part)}</p><ol>")
        lines.append(
            f'<li><a href="#{page.key}">{html.escape(page.title)}</a>'
            f"<span>{numbers.get(page.key, '')}</span></li>"
        )
    return (
        f'<nav class="bound-contents"><h1>{html.escape(title())}</h1>'
        f"<ol>{''.join(lines)}</ol></nav>"
    )


def epub(site, pages, path):
    """Bind pages as EPUB 3: text, formulas in MathML, figures.

    Parameters
    ----------
    site : pathlib.Path
        Where the book was built.
    pages : list of Page
        Those to bind, in their order.
    path : pathlib.Path
        The file to write.
    """
    edition = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    pictures = {}

    def inside(key, place, own):
        place = place and f"#{key}--{place}"
        return place if own else f"{key}.xhtml{place}"

    def outside(target):
        fresh = f"picture-{len(pictures)}{Path(target).suffix}"
        return pictures.setdefault(target, fresh)

    bodies = {
        page: article(site, page, _address(page, pages, inside, outside))
        for page in pages
    }
    places = {
        f"{page.key}.xhtml#{node['id']}": node
        for page, body in bodies.items()
        for node in [body, *body.select("[id]")]
    }
    items, spine, texts = [], [], {}
    for page, body in bodies.items():
        for link in body.select("a[href]"):
            file, place = urldefrag(link["href"])
            # To a part of a live lab, say.
            if place and not urlsplit(file).scheme:
                here = f"{file or f'{page.key}.xhtml'}#{place}"
                link["href"] = link["href"] if here in places else file
            if not link["href"]:
                link.unwrap()
        for space, tag in (("1998/Math/MathML", "math"), ("2000/svg", "svg")):
            for node in body.find_all(tag):
                node["xmlns"] = f"http://www.w3.org/{space}"
        for node in body.select("svg, svg *"):
            node.name = SVG_NAMES.get(node.name, node.name)
            node.attrs = {
                SVG_NAMES.get(key, key): value
                for key, value in node.attrs.items()
            }
        kinds = " ".join(
            kind
            for kind, tag in (("mathml", "math"), ("svg", "svg"))
            if body.find(tag)
        )
        kinds = f' properties="{kinds}"' if kinds else ""
        texts[f"{page.key}.xhtml"] = XHTML.format(
            title=html.escape(page.title),
            body=body.decode(formatter="minimal"),
        )
        items.append(
            f'<item id="page-{page.key}" href="{page.key}.xhtml" '
            f'media-type="application/xhtml+xml"{kinds}/>'
        )
        spine.append(f'<itemref idref="page-{page.key}"/>')
    for number, name in enumerate(pictures.values()):
        kind = MEDIA[Path(name).suffix]
        items.append(
            f'<item id="picture-{number}" href="{name}" media-type="{kind}"/>'
        )
    texts |= {
        "nav.xhtml": XHTML.format(title="Contents", body=_navigation(pages)),
        "style.css": E_READER,
        "book.opf": PACKAGE.format(
            identifier=uuid.uuid5(uuid.NAMESPACE_URL, edition["title"]),
            title=html.escape(edition["title"]),
            author=html.escape(edition["authors"][0]["name"]),
            modified=f"{datetime.datetime.now(datetime.UTC):%Y-%m-%dT%H:%M:%SZ}",
            items="\n".join(items),
            spine="\n".join(spine),
        ),
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        # What makes it an EPUB comes first, and plain.
        book.writestr("mimetype", "application/epub+zip", zipfile.ZIP_STORED)
        book.writestr("META-INF/container.xml", CONTAINER)
        for name, text in texts.items():
            book.writestr(f"book/{name}", text)
        for target, name in pictures.items():
            book.write(site / target, f"book/{name}")


def _navigation(pages):
    """Return the contents of the EPUB."""
    parts = {}
    for page in pages:
        parts.setdefault(page.part, []).append(
            f'<li><a href="{page.key}.xhtml">{html.escape(page.title)}</a></li>'
        )
    lines = [
        f"<li><span>{html.escape(part)}</span><ol>{''.join(lines)}</ol></li>"
        if part
        else "".join(lines)
        for part, lines in parts.items()
    ]
    return (
        '<nav epub:type="toc" id="toc"><h1>Contents</h1>'
        f"<ol>{''.join(lines)}</ol></nav>"
    )


def offer(site, kind):
    """Let the landing page lead to a file beside it.

    Parameters
    ----------
    site : pathlib.Path
        Where the book was built.
    kind : {"pdf", "epub"}
        What was made.
    """
    path = site / f"{LANDING}.html"
    text = path.read_text("utf-8")
    size = (site / NAMES[kind]).stat().st_size / 1e6
    link = (
        f'<a href="../{NAMES[kind]}">{kind.upper()}</a> '
        f'<span class="size">({size:.0f} MB)</span>'
    )
    old = re.compile(rf'<a href="../{NAMES[kind]}">.*?</span>')
    if old.search(text):
        text = old.sub(link, text)
    else:
        text = text.replace(
            '<span class="bound">', f'<span class="bound"> {link}'
        )
    path.write_text(text, encoding="utf-8")


def main(kind):
    """Make one of the files; let the landing page lead to it."""
    if not (HTML / f"{LANDING}.html").exists():
        raise SystemExit(f"no book in {HTML}: run `make book` first")
    pages, path = contents(HTML), HTML / NAMES[kind]
    if kind == "epub":
        epub(HTML, pages, path)
    else:
        with chromium() as browser:
            if browser is None:
                raise SystemExit("no browser: run `python -m tools.browser`")
            pdf(HTML, pages, path, browser)
    offer(HTML, kind)
    print(HTML / NAMES[kind])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=NAMES)
    main(parser.parse_args().kind)
