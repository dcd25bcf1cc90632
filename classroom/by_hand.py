"""Grade written answers by hand: a page to read, a table to fill in.

::

    python -m classroom.by_hand RESULTS POINTS

RESULTS is what `classroom.grading` left. Its by_hand.html shows the written
answers question by question, with a field for each; *Save the points* gives
the file POINTS. Without JavaScript, fill in by_hand.csv in a spreadsheet. The
points go into grades.csv, the feedback and the files for the course system.
An empty field leaves an answer waiting. Where a question has been graded, a
student without an answer gets 0 of its points.
"""

import argparse
import sys
from pathlib import Path

from classroom import feedback, results, written


def main(arguments=None):
    """Take points over; the text of this module says how."""
    parser = argparse.ArgumentParser(
        prog="python -m classroom.by_hand",
        description="Put points for written answers into graded results.",
        epilog="example: python -m classroom.by_hand results points.csv",
    )
    parser.add_argument("results", metavar="RESULTS", type=Path)
    parser.add_argument("points", metavar="POINTS", type=Path)
    given = parser.parse_args(arguments)
    entries = results.load(given.results)
    if not entries:
        parser.error(
            "RESULTS must be a folder that classroom.grading left, such as "
            f"results, got {str(given.results)!r}"
        )
    try:
        text = given.points.read_text(encoding="utf-8-sig")
        count = written.enter(entries, text)
    except (OSError, UnicodeDecodeError) as error:
        parser.error(f"POINTS must be a table such as points.csv: {error}")
    except written.BadPoints as told:
        parser.error(str(told))
    for entry in entries:
        html = feedback.of(entry) if entry["cells"] else ""
        results.save(given.results, entry, html, keep=False)
    results.write(given.results)
    print(f"{count} answers have points; see {given.results / 'grades.csv'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
