"""How to cite a page, a claim or the book; how to report a mistake.

Each page has the tags that Google Scholar, Zotero and others read, and at its
end BibTeX to copy. Title, edition and day are those of `CITATION.cff`.
"""

import html
import re
from pathlib import Path
from urllib.parse import urlencode

import yaml
from chapter_numbers import chapter

CLAIM = re.compile(r'id="claim-(?P<number>\d+)"')
FOLD = """\
<details class="citing">
<summary>Cite this page{or_claim}</summary>
<div class="highlight"><pre>{bibtex}</pre></div>
</details>
"""
REPORT = '<p class="report"><a href="{url}">Report a mistake</a></p>\n'


def setup(app):
    """Read what the book is called; connect what tells it on each page."""
    source = Path(app.srcdir, "CITATION.cff").read_text("utf-8")
    app.citation = yaml.safe_load(source)
    # After way.py, which ends the page with what was read.
    app.connect("html-page-context", add, priority=700)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def add(app, pagename, templatename, context, doctree):
    """Add the tags to a page's head, and to its end what can be copied."""
    if not doctree:
        return
    title = app.env.titles[pagename].astext()
    url = app.address and app.address + app.builder.get_target_uri(pagename)
    whole = pagename == app.config.root_doc
    context["metatags"] += tags(app.citation, title, url, whole)
    claims = sorted({int(n) for n in CLAIM.findall(context["body"])})
    # The ledger lists all, each with a link to its box.
    if len(claims) > 10:
        claims = []
    entries = [bibtex(app.citation, pagename, title, url, whole=whole)]
    entries += [
        bibtex(app.citation, pagename, title, url, claim=claim)
        for claim in claims
    ]
    context["body"] += FOLD.format(
        or_claim=" or a claim of it" if claims else "",
        bibtex=html.escape("\n\n".join(entries)),
    )
    if address := report(app.clone, title, pagename):
        context["body"] += REPORT.format(url=html.escape(address))


def tags(edition, title, url, whole):
    """Return a page's tags: Highwire Press's and Dublin Core's."""
    (author,) = edition["authors"]
    day = edition["date-released"]
    values = {
        "citation_title": edition["title"] if whole else title,
        "citation_author": author["name"],
        "citation_publication_date": f"{day:%Y/%m/%d}",
        "citation_language": "en",
        "DC.title": edition["title"] if whole else title,
        "DC.creator": author["name"],
        "DC.date": f"{day:%Y-%m-%d}",
        "DC.language": "en",
        "DC.rights": "CC BY 4.0",
        "DC.type": "Text",
    }
    if not whole:
        values["citation_inbook_title"] = edition["title"]
        values["DC.relation.isPartOf"] = edition["title"]
    if url:
        values["citation_fulltext_html_url"] = url
        values["DC.identifier"] = url
    return "".join(
        f'\n<meta name="{name}" content="{html.escape(value)}">'
        for name, value in values.items()
    )


def bibtex(edition, pagename, title, url, claim=None, whole=False):
    """Return the entry of a page, a claim or the book.

    Parameters
    ----------
    edition : dict
        What CITATION.cff says.
    pagename, title : str
        The page.
    url : str or None
        Its published address, if there is one.
    claim : int, optional
        The number of a claim whose box stands on the page.
    whole : bool
        Whether to cite the book; `title` is then not used.

    Returns
    -------
    str
    """
    (author,) = edition["authors"]
    key = "relu-book"
    fields = {"author": f"{{{author['name']}}}", "title": edition["title"]}
    if not whole:
        key += "-" + pagename.removeprefix("chapters/").replace("/", "-")
        fields |= {"title": title, "booktitle": edition["title"]}
        if number := chapter(pagename):
            fields["chapter"] = str(number)
    if claim:
        key += f"-claim-{claim}"
        fields["title"] = f"Claim {claim}. In: {title}"
    fields["year"] = f"{edition['date-released']:%Y}"
    fields["note"] = f"Version {edition['version']}"
    if url:
        fields["url"] = url + (f"#claim-{claim}" if claim else "")
    # Capitals that styles would make small.
    for name in ("title", "booktitle"):
        if name in fields:
            fields[name] = re.sub(
                r"\b\w*[A-Z]\w*[A-Z]\w*", r"{\g<0>}", fields[name]
            )
    kind = "book" if whole else "incollection"
    lines = [f"  {name} = {{{value}}}" for name, value in fields.items()]
    return f"@{kind}{{{key},\n" + ",\n".join(lines) + "\n}"


def report(clone, title, pagename):
    """Return where to report a mistake on a page, or None if nobody knows."""
    if not clone or not clone.kind:
        return None
    text = (
        f"Page: {title} ({pagename})\n"
        f"Commit: {clone.commit or 'not published'}\n\n"
        "What it says, and what it should say:\n"
    )
    about = f"Mistake in “{title}”"
    if clone.kind == "github":
        query = {"title": about, "body": text}
        return f"{clone.url}/issues/new?{urlencode(query)}"
    query = {"issue[title]": about, "issue[description]": text}
    return f"{clone.url}/-/issues/new?{urlencode(query)}"
