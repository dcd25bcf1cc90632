"""The way through the book: where a reader is, what is next, what was read.

::

    ```{chapters}
    01_definition: What does ReLU let through, and what not?
    ```

on the landing page lists chapters with their questions. Numbers, titles, parts
and minutes are those of the files, of `_toc.yml` and of the notebooks. A
chapter says them again below its title, and the link to the next chapter its
question. The role minutes, with the names of chapters, says how long they take
together. What readers mark as read is kept by _static/book.js; without it
nothing shows.
"""

import html
import json
import re
from pathlib import Path
from typing import NamedTuple

import yaml
from chapter_numbers import chapter
from docutils import nodes
from sphinx import addnodes
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective, SphinxRole

QUESTION = re.compile(r"^(\d\d_\w+): (.+)$", re.MULTILINE)
TIME = re.compile(r"\*\*Time\.\*\* About (\d+) minutes")
# Pages that may be marked as read.
READ = re.compile(r"chapters/(\d\d|ten)_\w+")

MARK = """\
<div class="reading"{page} hidden>
<label><input type="checkbox">{label}</label>
<button type="button">Forget what I have read and answered</button>
</div>
"""
# On the landing page, where there are only ticks to forget.
TICKS = """\
<div class="reading" hidden>
<span>A tick shows what you have marked as read; your browser alone knows it.</span>
<button type="button">Forget it</button>
</div>
"""


class Chapter(NamedTuple):
    """Hold what the book says of a chapter elsewhere than in it."""

    number: int
    part: str
    minutes: int
    question: str


def setup(app):
    """Add the list; frame the pages."""
    app.add_directive("chapters", ChaptersDirective)
    app.add_role("minutes", MinutesRole())
    # After Sphinx and the theme have set the neighbours' titles.
    app.connect("html-page-context", frame, priority=600)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def questions(text):
    r"""Return the question of each chapter, from the landing page's text.

    >>> questions("```{chapters}\n01_a: Why?\n02_b: How: so?\n```")
    {'01_a': 'Why?', '02_b': 'How: so?'}
    """
    return dict(QUESTION.findall(text))


def minutes(path):
    """Return how long a notebook says that it takes."""
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if found := TIME.search("".join(cell["source"])):
            return int(found[1])
    raise ExtensionError(f"{path.name} lacks '**Time.** About N minutes'")


def chapters(folder, landing):
    """Return the chapters of a book as {name of the page: Chapter}.

    `folder` holds the book's `_toc.yml`; `landing` is its landing page.
    """
    toc = yaml.safe_load(Path(folder, "_toc.yml").read_text("utf-8"))
    asked = questions(Path(landing).read_text("utf-8"))
    return {
        page["file"]: Chapter(
            chapter(page["file"]),
            part["caption"],
            minutes(Path(folder, page["file"]).with_suffix(".ipynb")),
            asked.get(page["file"].rpartition("/")[2], ""),
        )
        for part in toc["parts"]
        for page in part["chapters"]
        if chapter(page["file"])
    }


class ChaptersDirective(SphinxDirective):
    """List chapters: number, title, question, minutes."""

    has_content = True

    def run(self):
        """Return the list."""
        found = nodes.bullet_list(classes=["chapters"])
        folder = Path(self.env.doc2path(self.env.docname)).parent
        for name, question in questions("\n".join(self.content)).items():
            path = (folder / name).with_suffix(".ipynb")
            self.env.note_dependency(str(path))
            title = addnodes.pending_xref(
                "",
                nodes.inline("", name),
                refdoc=self.env.docname,
                refdomain="std",
                reftype="doc",
                reftarget=name,
                refexplicit=False,
                refwarn=True,
            )
            told = nodes.paragraph()
            for kind, content in (
                ("number", nodes.Text(str(int(name[:2])))),
                ("title", title),
                ("question", nodes.Text(question)),
                ("minutes", nodes.Text(f"{minutes(path)} min")),
            ):
                told += [nodes.inline("", "", content, classes=[kind])]
                told += nodes.Text(" ")
            found += nodes.list_item("", told)
        return [found]


class MinutesRole(SphinxRole):
    """Say how many minutes some chapters take."""

    def run(self):
        """Return the number."""
        found = 0
        for name in self.text.split():
            path = Path(self.env.doc2path(self.env.docname)).parent
            path = (path / name).with_suffix(".ipynb")
            self.env.note_dependency(str(path))
            found += minutes(path)
        return [nodes.Text(str(found))], []


def frame(app, pagename, templatename, context, doctree):
    """Say where a page is, below its title, and at its end what goes on."""
    if not doctree:
        return
    landing = app.env.doc2path(app.config.root_doc)
    book = chapters(app.srcdir, landing)
    if found := book.get(pagename):
        where = (
            f"Chapter {found.number} of {len(book)} · "
            f"{html.escape(found.part)} · about {found.minutes} minutes"
        )
        context["body"] = context["body"].replace(
            "</h1>", f'</h1>\n<p class="where">{where}</p>', 1
        )
    if pagename == app.config.root_doc:
        context["body"] += TICKS
    elif READ.fullmatch(pagename):
        page = f' data-page="{pagename}"'
        label = f"Mark this {'chapter' if found else 'page'} as read"
        context["body"] += beside(app, pagename)
        context["body"] += MARK.format(page=page, label=label)
    if context.get("next"):
        link = (Path("/", pagename).parent / context["next"]["link"]).resolve()
        following = book.get(link.with_suffix("").as_posix()[1:])
        if following and following.question:
            context["next_title"] = (
                f"{context['next']['title']}</p>"
                f'<p class="question">{html.escape(following.question)}'
            )


def beside(app, pagename):
    """Return the links to what belongs to a chapter, or back to it."""
    name = pagename.removeprefix("chapters/")
    number = name[:2]
    related = [
        page
        for page in sorted(app.env.found_docs)
        if page != pagename
        and re.match(rf"chapters/(exercises/)?{number}_", page)
    ]
    links = ", ".join(
        f'<a href="{app.builder.get_relative_uri(pagename, page)}">'
        f"{html.escape(app.env.titles[page].astext())}</a>"
        for page in related
    )
    return (
        f'<p class="beside">With this chapter: {links}</p>\n' if links else ""
    )
