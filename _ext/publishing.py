"""Say on each page where it comes from, and where it can be run.

Buttons, footer, descriptions for search engines and link previews, notebooks
that fetch the book's package, and the whole site as one ZIP. The theme's own
launch buttons cannot be used: they take one reference for Binder, Colab and
edits alike, and their Binder links fail for most hosts.
"""

import html
import os
import re
import textwrap
import time
import tomllib
import zipfile
from pathlib import Path

import clone
import nbformat
import plain
import way
from docutils import nodes

ZIP = "relu-book.zip"
TO_ZIP = re.compile(rb'<a href="\.\./relu-book\.zip">(.*?)</a>')
LONGEST = 160
BEFORE_QUESTION = {
    "exercises": "Exercises with feedback: ",
    "solutions": "Worked solutions to the exercises: ",
}
COVER = {
    "og:image": "_static/cover.png",
    "og:image:alt": "Decision boundaries of four networks on two spirals: no "
    "activation, sigmoid, tanh and ReLU.",
}
REDIRECT = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
{tags}
<meta http-equiv="refresh" content="0; url={target}">
<script>location.replace("{target}" + location.hash);</script>
</head>
<body><p><a href="{target}">{title}</a></p></body>
</html>
"""


def setup(app):
    """Find out about the clone, and connect what tells readers about it."""
    app.clone = clone.clone(os.environ, Path(app.srcdir))
    app.address = clone.address(os.environ)
    app.add_config_value("moved_pages", {}, "html", [dict])
    app.connect("config-inited", configure)
    app.connect("builder-inited", run_nothing_to_check_links, priority=400)
    # After the theme, which starts the list of buttons and the description.
    app.connect("html-page-context", add_buttons, priority=600)
    app.connect("html-page-context", add_description, priority=600)
    # After everything else has written its files.
    app.connect("build-finished", finish, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def configure(app, config):
    """Set the footer, and the address for canonical links."""
    settings = Path(app.srcdir, "pyproject.toml").read_text("utf-8")
    project = tomllib.loads(settings)
    seconds = int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))
    day = time.strftime("%Y-%m-%d", time.gmtime(seconds))
    footer = f"Version {project['project']['version']}, built on {day}"
    if app.clone and app.clone.commit_page:
        commit = link(app.clone.commit_page, app.clone.commit[:7])
        footer += f" from {commit}"
    footer += "."
    if app.address:
        config.html_baseurl = app.address
        whole = link(app.address + ZIP, "The whole book as one ZIP")
        footer += f" {whole}, to read without a network."
    options = config.html_theme_options
    options["extra_footer"] = f"{options.get('extra_footer', '')} {footer}"


def link(url, text):
    """Return an HTML link."""
    return f'<a href="{html.escape(url)}">{text}</a>'


def run_nothing_to_check_links(app):
    """Leave the notebooks alone: their links stand in their text."""
    if app.builder.name == "linkcheck":
        app.config.nb_execution_mode = "off"


def add_buttons(app, pagename, templatename, context, doctree):
    """Add the buttons that lead to the repository, Binder and Colab."""
    if not app.clone or not doctree:
        return
    path = Path(app.env.doc2path(pagename)).relative_to(app.srcdir).as_posix()
    launch = path.endswith(".ipynb") and [
        button(
            "Binder", "_static/images/logo_binder.svg", app.clone.binder(path)
        ),
        button(
            "Colab", "_static/images/logo_colab.png", app.clone.in_colab(path)
        ),
    ]
    icon = f"fab fa-{app.clone.kind}" if app.clone.kind else "fas fa-code"
    source = [
        button("Repository", icon, app.clone.url),
        button("Suggest edit", "fas fa-pencil-alt", app.clone.edit(path)),
    ]
    context["header_buttons"][:0] = [
        *group("Run this notebook", "fas fa-rocket", "launch-buttons", launch),
        *group("Source of this page", icon, "source-buttons", source),
    ]


def button(text, icon, url):
    """Return a button of the theme's, or None without an address."""
    return url and {
        "type": "link",
        "text": text,
        "icon": icon,
        "url": html.escape(url),
    }


def group(tooltip, icon, label, buttons):
    """Return a list with the theme's menu of the buttons, if there are any."""
    buttons = [button for button in buttons or [] if button]
    return buttons and [
        {
            "type": "group",
            "tooltip": tooltip,
            "icon": icon,
            "label": label,
            "buttons": buttons,
        }
    ]


def add_description(app, pagename, templatename, context, doctree):
    """Add the tags that search engines and previews of links read."""
    if doctree:
        context["metatags"] += tags(app, pagename, doctree)


def tags(app, pagename, doctree):
    """Return the page's description as HTML tags."""
    text = describe(app, pagename, doctree)
    values = {
        "description": text,
        "og:title": app.env.titles[pagename].astext(),
        "og:description": text,
        "og:site_name": app.config.html_title,
        "og:type": "article",
        "twitter:card": "summary",
    }
    if app.address:
        page = app.builder.get_target_uri(pagename)
        values |= {"og:url": app.address + page, **COVER}
        values["og:image"] = app.address + COVER["og:image"]
    return "\n" + "\n".join(
        f'<meta {"property" if name.startswith("og:") else "name"}="{name}" '
        f'content="{html.escape(value)}">'
        for name, value in values.items()
    )


def describe(app, pagename, doctree):
    """Return what the page is about, in 160 characters or fewer.

    That is what its front matter says; else the question that the landing
    page has for the chapter; else the start of the page.
    """
    if "description" in app.env.metadata[pagename]:
        return app.env.metadata[pagename]["description"]
    landing = Path(app.env.doc2path(app.config.root_doc)).read_text("utf-8")
    questions = way.questions(landing)
    *_, folder, name = pagename.split("/")
    if name in questions:
        return BEFORE_QUESTION.get(folder, "") + questions[name]
    text = (doctree.next_node(nodes.paragraph) or doctree).astext()
    return textwrap.shorten(text, LONGEST, placeholder=" ...")


def finish(app, exception):
    """Write what stands beside the pages; pack the site at last."""
    if exception or app.builder.name != "html":
        return
    site = Path(app.outdir)
    root = app.config.root_doc
    redirect(app, "index", root, app.config.html_title)
    for old, new in app.config.moved_pages.items():
        redirect(app, old, new, app.env.titles[new].astext())
    for name in app.env.found_docs:
        if app.env.doc2path(name).endswith(".ipynb"):
            write_plain(app, name)
    if app.address:
        write_sitemap(app, site / "sitemap.xml")
    pack(site)


def redirect(app, old, new, title):
    """Write a page that leads from an old address to the new one."""
    page = REDIRECT.format(
        title=html.escape(title),
        tags=tags(app, new, app.env.get_doctree(new)).strip(),
        target=app.builder.get_relative_uri(old, new),
    )
    path = Path(app.outdir, app.builder.get_target_uri(old))
    path.write_text(page, encoding="utf-8")


def write_plain(app, name):
    """Write the notebook to download, with the outputs of this build's run.

    Where the commit is known, a cell below the title fetches `utils`.
    """
    executed = Path(app.outdir).parent / "jupyter_execute"
    path = Path(name).with_suffix(".ipynb")
    exercise = None
    if path.parent.name == "solutions":
        exercise = path.parents[1] / "exercises" / path.name
        exercise = nbformat.read(Path(app.srcdir, exercise), 4)
    nb = plain.notebook(app, name, nbformat.read(executed / path, 4), exercise)
    if app.clone and app.clone.archive:
        source = clone.BOOTSTRAP.format(
            archive=app.clone.archive, commit=app.clone.commit[:7]
        )
        nb.cells.insert(1, nbformat.v4.new_code_cell(source, id="bootstrap"))
    nbformat.write(nb, Path(app.outdir, "_sources", path))


def write_sitemap(app, path):
    """List the pages for search engines."""
    pages = "\n".join(
        f"<url><loc>{app.address}{app.builder.get_target_uri(name)}</loc></url>"
        for name in sorted(app.env.found_docs)
    )
    path.write_text(
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
        f"{pages}\n</urlset>\n",
        encoding="utf-8",
    )


def pack(site):
    """Write the site into one ZIP beside its pages, with one folder.

    Unpacked, it has no ZIP beside it, and so no links to one.
    """
    files = [
        path
        for path in sorted(site.rglob("*"))
        if path.is_file() and path.name != ZIP
    ]
    with zipfile.ZipFile(site / ZIP, "w", zipfile.ZIP_DEFLATED) as book:
        for path in files:
            name = Path("relu-book", path.relative_to(site))
            content = path.read_bytes()
            if path.suffix == ".html":
                content = TO_ZIP.sub(rb"\1", content)
            info = zipfile.ZipInfo.from_file(path, name)
            book.writestr(info, content, zipfile.ZIP_DEFLATED)
