"""Grade what came back from a course system, with nbgrader.

::

    python -m classroom.grading SUBMISSIONS RESULTS [--resume] [--only NAME]
        [--roster TABLE [--column NAME]] [--timeout SECONDS]

SUBMISSIONS is the ZIP or folder that Moodle, Canvas or nbgrader gives, or a
folder per student: SUBMISSIONS/anna/01_definition.ipynb. RESULTS gets

grades.csv
    A row for each student and notebook: points per exercise, their `total`
    and what it could be (`of`), `by_hand` for the points of written answers
    that wait for the teacher, and remarks. An apostrophe leads a text that a
    spreadsheet would take for a formula.
moodle.csv, canvas.csv
    A row for each student, for the course system; the rows of TABLE, if one
    is given: Moodle's grading worksheet, or Canvas's gradebook.
feedback, feedback.zip
    A page for each notebook, and all of them as the course system takes them.
by_hand.html, by_hand.csv
    The written answers: see `classroom.by_hand`.

What runs is the notebook handed out, with the student's answers put in. A
cell that never ends, or ends the kernel, costs its own points or those of the
cells after it. Each submission has a folder, limits on time, memory and file
size and, where bubblewrap is installed, a sandbox without a network.

Results are stored as they come. `--resume` goes on after a stop, `--only`
grades a student or an exercise again.

Grading wants Linux or macOS. On macOS the limit on memory may have no effect.
"""

import argparse
import contextlib
import hashlib
import json
import os
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

import nbformat
from tqdm import tqdm

from classroom import (
    checking,
    feedback,
    intake,
    kernel,
    results,
    sandbox,
    uploads,
    workers,
)
from classroom.handout import SOLUTIONS, exercise

ROOT = Path(__file__).resolve().parent.parent
EVERY = 30  # seconds between two writings of the tables


def grade(given, stopped=()):
    """Grade the submissions, with a line printed for each.

    Parameters
    ----------
    given : Namespace
        The arguments of the command.
    stopped : list
        Ends it as soon as something is in it.

    Returns
    -------
    int
        How many were graded or told why not.
    """
    solutions = {
        path.stem: nbformat.read(path, as_version=4)
        for path in sorted(SOLUTIONS.glob("*.ipynb"))
    }
    released = {name: exercise(nb) for name, nb in solutions.items()}
    with tempfile.TemporaryDirectory() as scratch:
        found = intake.submissions(given.submissions, released, Path(scratch))
        found = _wanted(found, given)
        jobs = []
        for one in found:
            if one.path is None:
                _store(given.results, one, {"remarks": []})
            else:
                jobs.append(one)
        _prepare({one.notebook for one in jobs}, solutions, released)
        parts = {
            name: (nb, released[name], checking.checks(nb))
            for name, nb in solutions.items()
            if name in {one.notebook for one in jobs}
        }
        written = time.monotonic()
        work = [(one, parts[one.notebook], given.timeout) for one in jobs]
        with tqdm(total=len(work), unit="notebook", disable=None) as bar:
            for one, result in workers.results(work, given.timeout, stopped):
                _store(given.results, one, result)
                bar.update()
                if time.monotonic() - written > EVERY:
                    results.write(given.results)
                    written = time.monotonic()
    return len(found)


def _wanted(found, given):
    """Return the submissions that are to be graded now."""
    if given.only:
        chosen = [
            one
            for one in found
            if {one.student, one.notebook, one.number} & set(given.only)
        ]
        names = {one.student for one in found} | {o.notebook for o in found}
        if not chosen:
            raise ValueError(
                "--only must name a student or an exercise that came in, "
                f"such as {min(names, default='anna')!r}, got "
                f"{' '.join(given.only)!r}"
            )
        return chosen
    stored = {
        (entry["student"], entry["notebook"]): entry.get("digest")
        for entry in results.load(given.results)
    }
    return [
        one
        for one in found
        if one.path is None
        or stored.get((one.student, one.notebook)) != _digest(one.path)
    ]


def _digest(path):
    if not path.is_file():
        return None
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _prepare(names, solutions, released):
    """Load what all workers need, before the first submission runs.

    A worker is a fork of this process. So no submission, whatever it writes,
    changes the checkers of another one.
    """
    for name in names:
        kernel.checkers(released[name])
        if any("torch" in cell.source for cell in released[name].cells):
            import torch  # noqa: F401
    workers.clone()
    sandbox.missing()
    if names:
        feedback.page("", next(iter(released.values())), {})


def _store(folder, one, result):
    """Store the result of a submission, and print it."""
    entry = {
        "cells": [],
        "left": [],
        "ran": None,
        **result,
        "student": one.student,
        "notebook": one.notebook,
        "system": one.system,
        "number": one.number,
        "upload": one.upload,
        "digest": one.path and _digest(one.path),
        "remarks": one.remarks + result["remarks"],
    }
    results.save(folder, entry, entry.pop("html", ""))
    row = results.row(entry)
    score = f"{row['total']} of {row['of']}" if "total" in row else ""
    line = one.student, one.notebook, score, row["remarks"]
    tqdm.write(
        "  ".join(
            text if text.isprintable() else ascii(text)
            for text in line
            if text
        )
    )
    sys.stdout.flush()


def _seconds(text):
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(
            f"must be a whole number of seconds such as 30, got {text!r}"
        )
    return int(text)


def _arguments(arguments):
    parser = argparse.ArgumentParser(
        prog="python -m classroom.grading",
        description="Grade what came back from a course system.",
        epilog="example: python -m classroom.grading submissions.zip results",
    )
    parser.add_argument(
        "submissions",
        metavar="SUBMISSIONS",
        type=Path,
        help="the ZIP or folder of Moodle, Canvas or nbgrader, or a folder "
        "per student",
    )
    parser.add_argument(
        "results",
        metavar="RESULTS",
        type=Path,
        help="a new folder, for grades.csv and feedback",
    )
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        default=30,
        type=_seconds,
        help="for one cell; default: 30",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on in RESULTS: grade what is new or not graded yet",
    )
    parser.add_argument(
        "--only",
        metavar="NAME",
        action="append",
        help="a student or an exercise, to be graded again",
    )
    parser.add_argument(
        "--roster",
        metavar="TABLE",
        type=Path,
        help="Moodle's grading worksheet or Canvas's gradebook, to fill in",
    )
    parser.add_argument(
        "--column",
        metavar="NAME",
        help="the assignment's column in Canvas's gradebook",
    )
    given = parser.parse_args(arguments)
    if sys.platform == "win32":
        parser.error(
            "grading wants Linux or macOS, whose limits it sets on "
            "each submission; on Windows, use WSL"
        )
    if not (given.submissions.is_dir() or given.submissions.is_file()):
        parser.error(
            "SUBMISSIONS must be a ZIP, or a folder with a folder per "
            f"student, such as submissions, got {str(given.submissions)!r}"
        )
    if given.submissions.is_file():
        with open(given.submissions, "rb") as file:
            if file.read(2) != b"PK":
                parser.error(
                    "SUBMISSIONS must be a ZIP or a folder, such as "
                    f"submissions.zip, got {str(given.submissions)!r}"
                )
    again = given.resume or given.only
    if os.path.lexists(given.results) and not again:
        parser.error(
            "RESULTS must be a new folder, such as results-2; "
            f"{str(given.results)!r} exists; --resume goes on in it"
        )
    if again and not (given.results / "graded").is_dir():
        parser.error(
            "RESULTS must be what an earlier run left, such as results, got "
            f"{str(given.results)!r}"
        )
    if given.submissions.resolve() in given.results.resolve().parents:
        parser.error(
            "RESULTS must lie outside of SUBMISSIONS, such as "
            f"results, got {str(given.results)!r}"
        )
    if given.column and not given.roster:
        parser.error("--column belongs to --roster, such as gradebook.csv")
    if given.roster:
        try:
            given.roster = uploads.roster(given.roster, given.column)
        except uploads.BadRoster as told:
            parser.error(str(told))
    return parser, given


def main(arguments=None):
    """Grade a class; the text of this module says how."""
    parser, given = _arguments(arguments)
    given.submissions = given.submissions.absolute()
    start = time.monotonic()
    (given.results / "graded").mkdir(parents=True, exist_ok=True)
    if given.roster:
        (given.results / "graded" / "roster.json").write_text(
            json.dumps(given.roster)
        )
    if reason := sandbox.missing():
        print(sandbox.NONE.format(reason), file=sys.stderr)
    stopped = []
    for number in (signal.SIGINT, signal.SIGTERM):
        # To raise from here could end in a finaliser, which drops it.
        signal.signal(number, lambda number, _: stopped.append(number))
    workers.adopt()
    # tqdm's own lock starts a process in Python 3.14, which ends with the rest
    # below, and Python then warns that it died.
    tqdm.set_lock(threading.RLock())
    try:
        count = grade(given, stopped)
    except ValueError as error:
        if "--only" not in str(error):
            raise
        parser.error(str(error))
    finally:
        workers.kill_below(os.getpid())
        stored = results.load(given.results)
        with contextlib.suppress(OSError):  # full: the results are stored
            if stored:
                results.write(given.results)
    if stopped:
        print(
            f"stopped with {len(stored)} graded; --resume goes on",
            file=sys.stderr,
        )
        sys.exit(128 + stopped[0])
    if given.roster:
        if lost := uploads.strangers(stored, given.roster):
            print(f"not in the roster: {', '.join(lost)}")
    print(
        f"{count} submissions in {time.monotonic() - start:.0f} s; see "
        f"{given.results / 'grades.csv'}"
    )


if __name__ == "__main__":
    main()
