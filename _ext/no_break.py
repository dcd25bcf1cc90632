"""Keep a number and its unit on one line: "91.9 %", "30 s", "12 kB".

Sources have a plain space there; the pages get one that does not break, in the
text as well as in captions, boxes and tables.
"""

import re

UNITS = (
    "%|‰|s|ms|µs|ns|min|h|B|kB|MB|GB|TB|KiB|MiB|GiB|Hz|kHz|MHz|GHz|px|cores?"
    "|points?|epochs?|steps?|seeds?|minutes?|seconds?|million|billion"
)
# A number may be a formula, or stressed. What is code, or not for the eye,
# stays as it is.
SPACE = re.compile(
    rf"""
    (?P<number> (?: \d | </math> ) (?: </(?:span|strong|em|b)> )* )[ ]
    (?= (?: <(?:strong|em)> )? (?:{UNITS}) (?![\w%]) )
    | <(?P<left>pre|code|script|style|svg|textarea)\b .*? </(?P=left)>
    | <[^>]*>
    """,
    re.DOTALL | re.VERBOSE,
)


def setup(app):
    """Mend each page before it is put into its frame."""
    app.connect("html-page-context", keep, priority=700)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def keep(app, pagename, templatename, context, doctree):
    """Exchange the spaces in a page, if it has any."""
    if context.get("body"):
        context["body"] = together(context["body"])


def together(html):
    r"""Return the HTML with a no-break space before each unit of a number.

    >>> together("<p>91.9 % of 30 s</p>").replace("\N{NO-BREAK SPACE}", "_")
    '<p>91.9_% of 30_s</p>'
    >>> together('<code>5 s</code> <i title="5 s">5 sheep</i>')
    '<code>5 s</code> <i title="5 s">5 sheep</i>'
    """
    return SPACE.sub(
        lambda found: (
            f"{found['number']}\N{NO-BREAK SPACE}"
            if found["number"]
            else found[0]
        ),
        html,
    )
