"""Put the definition beside each link to the glossary, for hover and focus.

The search learns from the glossary which chapters treat a term.
"""

import functools
import re
from collections import Counter

from docutils import nodes
from sphinx.addnodes import pending_xref

GLOSSARY = "chapters/glossary"
LINK = re.compile(
    r'<a class="reference internal" href="[^"]*#(term-[^"]+)">(.*?)</a>'
)
NOTE = (
    '{link}<span class="definition" role="tooltip" id="{name}">{text}</span>'
)


def setup(app):
    """Write the definitions into each page, after it was made."""
    app.connect("html-page-context", define)
    app.connect("html-page-context", locate)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


@functools.cache
def definitions(builder):
    """Return the definitions: name of an entry -> HTML within a line."""
    found = {}
    doctree = builder.env.get_doctree(GLOSSARY)
    for entry in doctree.findall(nodes.definition_list_item):
        text = nodes.inline()
        for node in entry[-1][0].deepcopy().children:
            # The last sentence says where to read on: "See <chapter>."
            if isinstance(node, pending_xref):
                break
            if isinstance(node, nodes.Text):
                node = nodes.Text(re.sub(r"(^|\s+)See $", "", node))
            text += node
        html = builder.render_partial(text)["fragment"].strip()
        for term in entry.findall(nodes.term):
            found[term["ids"][0]] = html
    return found


def define(app, pagename, templatename, context, doctree):
    """Follow each link to a term with its definition, hidden at first."""
    if doctree is None or pagename == GLOSSARY:
        return
    texts, seen = definitions(app.builder), Counter()

    def describe(match):
        seen[match[1]] += 1
        name = f"def-{match[1]}-{seen[match[1]]}"
        link = match[0].replace("<a ", f'<a aria-describedby="{name}" ', 1)
        return NOTE.format(link=link, name=name, text=texts[match[1]])

    context["body"] = LINK.sub(describe, context["body"])


def homes(doctree):
    """Return the chapters that treat each term: term -> names of pages."""
    folder = GLOSSARY.rpartition("/")[0]
    found = {}
    for entry in doctree.findall(nodes.definition_list_item):
        pages = [
            f"{folder}/{link['reftarget']}"
            for link in entry.findall(pending_xref)
            if link["reftype"] == "doc"
        ]
        for term in entry.findall(nodes.term):
            found[term.astext().lower()] = pages
    return found


def locate(app, pagename, templatename, context, doctree):
    """Tell the search page which chapters treat a term."""
    if pagename == "search":
        context["homes"] = homes(app.builder.env.get_doctree(GLOSSARY))
