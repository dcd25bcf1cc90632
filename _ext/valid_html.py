"""Mend what myst-nb and the theme write against the rules of HTML and ARIA."""

import re

REPAIRS = (
    # A summary holds no paragraphs, and its own words are its name.
    (
        r'<summary aria-label="Toggle hidden content">\n'
        r"<p (.+)</p>\n<p (.+)</p>\n</summary>",
        r"<summary>\n<span \1</span>\n<span \2</span>\n</summary>",
    ),
    # The titles of a table's columns are that, unless they say nothing.
    (r'<th class="head([^"]*)"><p></p></th>', r'<td class="head\1"></td>'),
    (r'<th class="head', r'<th scope="col" class="head'),
    # One that is a formula has a name for tools that read no MathML.
    (
        r'(<th scope="col" class="head[^"]*"><p><span class="whole"><math )'
        r'alttext="([^"]*)"(?=(?:(?!</math>).)*</math></span></p></th>)',
        r'\1alttext="\2" aria-label="\2"',
    ),
    # The role of an entry in a bibliography is deprecated.
    ('role="doc-biblioentry"', 'role="listitem"'),
)


def setup(app):
    """Mend each page before it is put into its frame."""
    app.connect("html-page-context", mend)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def mend(app, pagename, templatename, context, doctree):
    """Apply all repairs to the text of a page, if it has one."""
    for fault, repair in REPAIRS:
        context["body"] = re.sub(fault, repair, context.get("body", ""))
