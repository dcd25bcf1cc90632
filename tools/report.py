"""Explain a failed build of the book: which cell of which chapter failed.

::

    python -m tools.report
"""

import re

from tools.execute import plain
from tools.notebooks import read
from tools.paths import HTML, ROOT

REPORTS = HTML / "reports"


def report(reports=REPORTS, root=ROOT):
    """Return the failures of a book build, each with chapter and cell."""
    found = []
    for log in sorted(reports.rglob("*.err.log")):
        text = plain(log.read_text(encoding="utf-8"))
        page = log.relative_to(reports).as_posix().removesuffix(".err.log")
        path = root / f"{page}.ipynb"
        cells = read(path).cells if path.exists() else []
        # nbclient quotes the source of the cell between two rules.
        quoted = re.search(r"\n-{18,}\n(.*?)\n-{18,}\n", text, re.DOTALL)
        source = quoted[1].strip() if quoted else None
        ids = [c.id for c in cells if c.source.strip() == source]
        where = ", ".join(ids) or "unknown"
        # Before that come the frames of the tools, which help nobody.
        error = text.rpartition("nbclient.exceptions.")[2].rstrip()
        found.append(f"{page}.ipynb, cell {where}:\n{error}")
    return found


if __name__ == "__main__":
    print("\n\n".join(report()) or "No cell failed: see the warnings.")
