"""Let a page load little: one style sheet, one script.

The theme and the extensions bring some thirty files a page. Here their style
sheets become `_static/page.css` and their scripts `_static/page.js`, which
`_templates/layout.html` refers to.
"""

import os
import re
import shutil
import time
from pathlib import Path

from sphinx.errors import ExtensionError

# In the order of the theme's pages: later rules win.
STYLES = (
    "basic.css",
    "styles/bootstrap.css",
    "styles/pydata-sphinx-theme.css",
    "pygments.css",
    "styles/sphinx-book-theme.css",
    "copybutton.css",
    "mystnb.*.css",
    "sphinx-design.min.css",
    "icons.css",
    "book.css",
)
SCRIPTS = (
    "documentation_options.js",
    "doctools.js",
    "sphinx_highlight.js",
    "clipboard.min.js",
    "copybutton.js",
    "scripts/sphinx-book-theme.js",
    "scripts/bootstrap.js",
    "scripts/pydata-sphinx-theme.js",
    "book.js",
    "answers.js",
)
# For tabs, an import, icons, translations, and the makers of the theme.
UNUSED = (
    "design-tabs.js",
    "styles/theme.css",
    "vendor",
    "locales",
    "**/*.map",
    "*webpack-macros.html",
    "copybutton_funcs.js",
)

SOURCE_MAP = re.compile(r"(//|/\*)# sourceMappingURL=\S+( \*/)?")


def setup(app):
    """Bundle when the book is built."""
    # Browsers keep files by their address, and this is part of it.
    app.edition = os.environ.get("SOURCE_DATE_EPOCH", int(time.time()))
    app.connect("html-page-context", refuse_strangers, priority=999)
    # Before the site is packed.
    app.connect("build-finished", bundle, priority=800)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def refuse_strangers(app, pagename, templatename, context, doctree):
    """Fail where an extension adds a file that the bundles lack."""
    context["edition"] = app.edition
    files = context["css_files"] + context["script_files"]
    names = {
        str(file.filename).removeprefix("_static/")
        for file in files
        if file.filename
    }
    for name in sorted(names):
        known = STYLES + SCRIPTS + UNUSED
        if not any(Path(name).match(pattern) for pattern in known):
            raise ExtensionError(
                f"{pagename} wants {name}, which is in no bundle: add it to "
                "STYLES, SCRIPTS or UNUSED in _ext/lean_pages.py"
            )


def bundle(app, exception):
    """Write the two bundles, and remove what no page loads any more."""
    if exception or app.builder.format != "html":
        return
    static = Path(app.outdir, "_static")
    for name, patterns in (("page.css", STYLES), ("page.js", SCRIPTS)):
        parts = [find(static, pattern) for pattern in patterns]
        text = "\n;\n" if name.endswith("js") else "\n"
        text = text.join(part.read_text(encoding="utf-8") for part in parts)
        (static / name).write_text(SOURCE_MAP.sub("", text), encoding="utf-8")
        for part in parts:
            part.unlink()
    for pattern in UNUSED:
        for path in static.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def find(static, pattern):
    """Return the file in the built book that a bundle wants."""
    for path in static.glob(pattern):
        return path
    raise ExtensionError(
        f"no file _static/{pattern}, which a bundle wants; its name, such as "
        "book.css, stands in STYLES or SCRIPTS in _ext/lean_pages.py"
    )
