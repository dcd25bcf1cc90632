"""Grade a folder of exercises that students handed in, with nbgrader.

::

    python -m classroom.grading SUBMISSIONS RESULTS [--timeout SECONDS]

SUBMISSIONS holds a folder per student, with notebooks named as they were
handed out: SUBMISSIONS/anna/01_definition.ipynb. RESULTS must not exist yet.
It gets feedback/anna/01_definition.html and grades.csv, with a row for each
student and notebook:

exercise_1 ...
    Points of the cells that nbgrader graded; blank without such an exercise.
total, of
    Their sum, and what it could be.
by_hand
    Points of the written answers that are there: for the teacher to add.
remarks
    What was missing, or why the notebook could not be graded. An apostrophe
    leads a text that a spreadsheet would take for a formula.

What runs is the notebook handed out, with the student's answers put in. A
cell that never ends, or ends the kernel, costs its own points or those of the
cells after it. Each submission has a folder and processes of its own, with
limits on time, memory and file size, and nothing is written to RESULTS while
one runs. That contains accidents. It does not contain an attack: a cell can
do what the person can who runs this command.

Grading wants Linux or macOS. On macOS the limit on memory may have no effect.
"""

import argparse
import contextlib
import copy
import csv
import ctypes
import json
import multiprocessing
import os
import re
import sys
import tempfile
import time
from collections import Counter
from multiprocessing.connection import wait
from pathlib import Path

import nbformat
import psutil
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbgrader.api import Gradebook
from nbgrader.converters import (
    Autograde,
    GenerateAssignment,
    GenerateFeedback,
    NbGraderException,
)
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import Execute
from nbgrader.utils import is_grade, is_solution

from classroom.handout import CONFIG, exercise
from classroom.submissions import (
    LARGEST,
    MB,
    Ungraded,
    grade_id,
    read,
    transplant,
)

ROOT = Path(__file__).resolve().parent.parent
SOLUTIONS = ROOT / "chapters" / "solutions"

FIELDS = (
    "student",
    "notebook",
    *(f"exercise_{n}" for n in range(1, 7)),
    "total",
    "of",
    "by_hand",
    "remarks",
)
FORMULA = tuple("=+-@\t\r")  # a spreadsheet takes what begins so for one
HANGING = 10  # as many cells may hang before a submission is stopped
START = 60  # seconds for all else in a submission
LONGEST = MB  # the output of a cell
LIMITS = {  # importing torch takes 1 GB of address space
    "RLIMIT_AS": 4096 * MB,
    "RLIMIT_FSIZE": 100 * MB,
    "RLIMIT_NOFILE": 512,
    "RLIMIT_CORE": 0,
}
CSP = (
    '<meta http-equiv="Content-Security-Policy" content="default-src '
    "'none'; img-src data:; style-src 'unsafe-inline'\">"
)


# --- what is in the folder ---


def submissions(folder):
    """Yield (student, notebook, path, remark) for all that is in `folder`.

    The path is None, and the remark says why, where there is nothing to
    grade. Hidden files, such as .DS_Store, are left out.
    """
    known = {path.stem for path in SOLUTIONS.glob("*.ipynb")}
    for student in sorted(folder.glob("[!.]*")):
        if student.is_symlink() or not student.is_dir():
            yield student.name, "", None, "not a folder of a student"
            continue
        paths = sorted(student.glob("[!.]*.ipynb"))
        if not paths:
            yield student.name, "", None, "no notebook in this folder"
        for path in paths:
            if path.stem in known:
                yield student.name, path.stem, path, ""
            else:
                yield (
                    student.name,
                    path.stem,
                    None,
                    "none of the book's exercises, such as 01_definition",
                )


# --- grading one submission, in a process of its own ---


class _Execute(Execute):
    """nbgrader's Execute; a lost kernel costs only the cells that follow."""

    lost = None
    written = Counter()

    def preprocess(self, nb, resources):
        # As deep as in the book, so that ../../ stays in this folder.
        desk = Path(tempfile.gettempdir(), "book", "chapters", "exercises")
        desk.mkdir(parents=True)
        resources["metadata"]["path"] = str(desk)
        return super().preprocess(nb, resources)

    def preprocess_cell(self, cell, resources, index):
        if self.lost is None:
            try:
                return super().preprocess_cell(cell, resources, index)
            except DeadKernelError:
                type(self).lost = f"the kernel died in cell {cell.id}"
            except CellTimeoutError:
                type(self).lost = f"cell {cell.id} could not be interrupted"
        if cell.cell_type == "code":
            cell.outputs = [
                nbformat.v4.new_output(
                    "error", ename="NotRun", traceback=[self.lost]
                )
            ]
        return cell, resources

    def output(self, outs, msg, display_id, cell_index):
        content = msg["content"]
        room = max(0, LONGEST - self.written[cell_index])
        self.written[cell_index] += len(str(content))
        if msg["msg_type"] == "stream":
            content["text"] = content["text"][:room]
        if room or msg["msg_type"] == "error":
            return super().output(outs, msg, display_id, cell_index)


class _Autograde(Autograde):
    """nbgrader's Autograde, which keeps the error that it only logs."""

    autograde_preprocessors = [
        _Execute if step is Execute else step
        for step in Autograde().autograde_preprocessors
    ]
    error = None

    def convert_single_notebook(self, notebook_filename):
        try:
            super().convert_single_notebook(notebook_filename)
        except Exception as error:
            self.error = error
            raise


def _nbgrader(step, course, name, timeout=30):
    """Run a step of nbgrader in the folder `course`; return the gradebook."""
    config = copy.deepcopy(CONFIG)
    config.CourseDirectory.root = str(course)
    config.CourseDirectory.assignment_id = name
    config.CourseDirectory.student_id = "student"
    config.Execute.timeout = config.Execute.iopub_timeout = timeout
    config.Execute.shutdown_kernel = "immediate"
    coursedir = CourseDirectory(config=config)
    converter = step(coursedir=coursedir, config=config)
    try:
        converter.start()
    except NbGraderException as error:
        raise getattr(converter, "error", None) or error from None
    return coursedir.db_url


def _released(name):
    """Return a solution, and a new gradebook that knows it, as bytes."""
    nb = nbformat.read(SOLUTIONS / f"{name}.ipynb", as_version=4)
    with tempfile.TemporaryDirectory() as course:
        source = Path(course, "source", name, f"{name}.ipynb")
        source.parent.mkdir(parents=True)
        nbformat.write(nb, source)
        _nbgrader(GenerateAssignment, course, name)
        return nb, Path(course, "gradebook.db").read_bytes()


def _autograde(path, solution, gradebook, timeout):
    """Return the points, the remarks and the feedback of a notebook."""
    cells, remarks = read(path)
    nb, more = transplant(exercise(solution), cells)
    name, course = path.stem, Path(tempfile.mkdtemp())
    (course / "gradebook.db").write_bytes(gradebook)
    submitted = course / "submitted" / "student" / name / path.name
    submitted.parent.mkdir(parents=True)
    nbformat.write(nb, submitted)
    db = _nbgrader(_Autograde, course, name, timeout)
    with Gradebook(db) as book:
        scores = {
            grade.name: grade.auto_score
            for grade in book.find_submission_notebook(
                name, name, "student"
            ).grades
        }
    remarks += more + [_Execute.lost] * (_Execute.lost is not None)
    result = {**_points(solution, scores), "remarks": remarks}
    try:
        _nbgrader(GenerateFeedback, course, name)
        page = course / "feedback" / "student" / name / f"{name}.html"
        result["html"] = _offline(page.read_text(encoding="utf-8"))
    except Exception:
        remarks.append("no feedback: nbgrader could not make it")
    if len(result.get("html", "")) > LARGEST:
        del result["html"]
        remarks.append(f"no feedback: larger than {LARGEST // MB} MB")
    return result


def _points(solution, scores):
    """Return the fields of a row that hold points.

    `scores` maps grade_id to points, or to None where they are the teacher's.
    """
    row, number = Counter(total=0, of=0, by_hand=0), None
    for cell in solution.cells:
        heading = re.match(r"## (\d+)\. ", cell.source)
        number = heading[1] if heading else number
        if not is_grade(cell):
            continue
        worth, score = cell.metadata.nbgrader.points, scores[grade_id(cell)]
        if not is_solution(cell):
            row[f"exercise_{number}"] += score
            row["total"] += score
            row["of"] += worth
        elif score is None:
            row["by_hand"] += worth
    return {field: f"{value:g}" for field, value in row.items()}


def _offline(html):
    """Return feedback that loads nothing, and in which no script runs.

    nbgrader's template takes MathJax from another site; without it, formulas
    show as they were typed. A student's HTML could hold anything.
    """
    return re.sub(
        "<!-- Load mathjax -->.*?<!-- End of mathjax configuration -->",
        CSP,
        html,
        count=1,
        flags=re.DOTALL,
    )


def _work(pipe, folder, seconds, job):
    """Grade `job`, send the result, and wait to be killed."""
    _confine(folder, seconds)
    try:
        result = _autograde(*job)
    except Ungraded as told:
        result = {"remarks": [str(told)]}
    except Exception as error:
        text = " ".join(f"{type(error).__name__}: {error}".split())
        result = {"remarks": [f"could not be graded: {text[:200]}"]}
    pipe.send_bytes(json.dumps(result).encode())
    # As long as this process lives, what the cells started is found below it.
    with contextlib.suppress(EOFError):
        pipe.recv_bytes()


def _confine(folder, seconds):
    import resource  # Windows has none

    for name, limit in {**LIMITS, "RLIMIT_CPU": seconds}.items():
        # It fails where the limit is lower already.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(getattr(resource, name), (limit, limit))
    _adopt()
    path = os.environ["PATH"]
    os.environ.clear()  # a cell may print it, passwords and all
    os.environ.update(
        HOME=folder,
        TMPDIR=folder,
        PATH=path,
        LANG="C.UTF-8",
        PYTHONPATH=str(ROOT),
        OMP_NUM_THREADS="1",
    )
    tempfile.tempdir = folder
    os.chdir(folder)
    null = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(null, stream)


# --- grading a class ---


def _adopt():
    """Become the parent of all orphans below this process (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def _kill_below(pid):
    """Kill all that the process `pid` started; kernels leave its group."""
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        while below := [
            one
            for one in root.children(recursive=True)
            if one.status() != psutil.STATUS_ZOMBIE
        ]:
            for one in below:
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()


class _Run:
    """A submission being graded."""

    def __init__(self, job, seconds):
        self.job, self.seconds = job, seconds
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        # nbgrader takes seconds to import; a fork has it already.
        fork = multiprocessing.get_context("fork")
        self.pipe, theirs = fork.Pipe()
        self.process = fork.Process(
            target=_work, args=(theirs, self.folder.name, seconds, job)
        )
        self.process.start()
        theirs.close()
        self.deadline = time.monotonic() + seconds

    def result(self):
        """Return the result, or None if there is none yet."""
        if self.pipe.poll():
            try:
                return json.loads(self.pipe.recv_bytes())
            except (EOFError, OSError, ValueError):
                return {"remarks": ["its process was killed"]}
        if time.monotonic() > self.deadline:
            return {"remarks": [f"stopped after {self.seconds} seconds"]}
        return None

    def stop(self):
        _kill_below(self.process.pid)
        self.process.kill()
        self.process.join()
        self.pipe.close()
        self.folder.cleanup()


def _results(jobs, seconds):
    """Yield the path and the result of each of `jobs`, as they come."""
    jobs, running = list(jobs), []
    try:
        while jobs or running:
            while jobs and len(running) < os.cpu_count():
                running.append(_Run(jobs.pop(0), seconds))
            wait([run.pipe for run in running], timeout=1)
            for run in running[:]:
                if (result := run.result()) is not None:
                    running.remove(run)
                    run.stop()
                    yield run.job[0], result
    finally:
        for run in running:
            run.stop()


def grade(folder, timeout):
    """Grade all submissions in `folder`, with a line printed for each.

    Returns
    -------
    list of dict
        The rows of grades.csv, each with its feedback as "html".
    """
    # nbgrader calls `alembic`, and expects it on PATH.
    os.environ["PATH"] = os.pathsep.join(
        [os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)]
    )
    rows, jobs, released = {}, [], {}
    for student, notebook, path, remark in submissions(folder):
        row = {"student": student, "notebook": notebook}
        rows[path or (student, notebook)] = row
        if path is None:
            _report(row, {"remarks": [remark]})
            continue
        if notebook not in released:
            released[notebook] = _released(notebook)
        jobs.append((path, *released[notebook], timeout))
    for path, result in _results(jobs, START + HANGING * timeout):
        _report(rows[path], result)
    return list(rows.values())


def _report(row, result):
    """Put `result` into `row`, and print it."""
    row.update(result, remarks="; ".join(result["remarks"]))
    score = f"{row['total']} of {row['of']}" if "total" in row else ""
    line = row["student"], row["notebook"], score, row["remarks"]
    print(
        "  ".join(
            text if text.isprintable() else ascii(text)
            for text in line
            if text
        ),
        flush=True,
    )


def write(results, rows):
    """Write grades.csv and the feedback into the folder `results`."""
    for row in rows:
        if html := row.pop("html", ""):
            page = results / "feedback" / row["student"]
            page.mkdir(parents=True, exist_ok=True)
            page = page / f"{row['notebook']}.html"
            page.write_text(html, encoding="utf-8")
    with open(
        results / "grades.csv",
        "w",
        newline="",
        encoding="utf-8",
        errors="backslashreplace",
    ) as file:
        table = csv.DictWriter(file, FIELDS, restval="")
        table.writeheader()
        for row in rows:
            table.writerow(
                {
                    field: f"'{text}" if text.startswith(FORMULA) else text
                    for field, text in row.items()
                }
            )


def _seconds(text):
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(
            f"must be a whole number of seconds such as 30, got {text!r}"
        )
    return int(text)


def main(arguments=None):
    """Grade a folder of submissions; the text of this module says how."""
    parser = argparse.ArgumentParser(
        prog="python -m classroom.grading",
        description="Grade a folder of submissions with nbgrader.",
        epilog="example: python -m classroom.grading submissions results",
    )
    parser.add_argument(
        "submissions",
        metavar="SUBMISSIONS",
        type=Path,
        help="holds STUDENT/NN_topic.ipynb",
    )
    parser.add_argument(
        "results",
        metavar="RESULTS",
        type=Path,
        help="a new folder, for grades.csv and feedback/",
    )
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        default=30,
        type=_seconds,
        help="for one cell; default: 30",
    )
    given = parser.parse_args(arguments)
    if sys.platform == "win32":
        parser.error(
            "grading wants Linux or macOS, whose limits it sets on "
            "each submission; on Windows, use WSL"
        )
    if not given.submissions.is_dir():
        parser.error(
            "SUBMISSIONS must be a folder with a folder per student,"
            f" such as submissions, got {str(given.submissions)!r}"
        )
    if os.path.lexists(given.results):
        parser.error(
            "RESULTS must be a new folder, such as results-2; "
            f"{str(given.results)!r} exists"
        )
    if given.submissions.resolve() in given.results.resolve().parents:
        parser.error(
            "RESULTS must lie outside of SUBMISSIONS, such as "
            f"results, got {str(given.results)!r}"
        )
    start = time.monotonic()
    given.results.mkdir(parents=True)
    _adopt()
    try:
        rows = grade(given.submissions.absolute(), given.timeout)
        write(given.results, rows)
    finally:
        _kill_below(os.getpid())
        with contextlib.suppress(OSError):  # it is not empty: all went well
            given.results.rmdir()
    print(
        f"{len(rows)} submissions in {time.monotonic() - start:.0f} s; see "
        f"{given.results / 'grades.csv'}"
    )


if __name__ == "__main__":
    main()
