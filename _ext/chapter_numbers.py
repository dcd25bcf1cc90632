"""Number a chapter as its file is: chapters/07_dying_relu is chapter 7.

Sphinx counts the pages, and so would give the number of a chapter that is
still to come, or that moved, to the next one.
"""

import re

CHAPTER = re.compile(r"chapters/(\d\d)_(?!in_depth)\w+")


def setup(app):
    """Put the numbers in after Sphinx has counted."""
    # Sphinx counts at 500.
    app.connect("env-get-updated", number, priority=600)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def chapter(docname):
    """Return the number of a chapter, or None for another page.

    >>> chapter("chapters/07_dying_relu"), chapter("chapters/07_in_depth")
    (7, None)
    """
    found = CHAPTER.fullmatch(docname)
    return int(found[1]) if found else None


def number(app, env):
    """Give chapters and figures their numbers; those of a page start at 1."""
    for docname in env.found_docs:
        own = (chapter(docname),) if chapter(docname) else ()
        if own:
            env.toc_secnumbers[docname][""] = own
            env.titles[docname]["secnumber"] = own
            env.tocs[docname].next_node(_is_numbered)["secnumber"] = own
        for figures in env.toc_fignumbers.get(docname, {}).values():
            for place, name in enumerate(figures, start=1):
                figures[name] = (*own, place)
    return []


def _is_numbered(node):
    return bool(getattr(node, "get", {}.get)("secnumber"))
