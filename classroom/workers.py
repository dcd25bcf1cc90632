"""A process for each submission: with limits, killed with all it started."""

import contextlib
import ctypes
import functools
import importlib.util
import json
import multiprocessing
import os
import re
import signal
import sys
import tempfile
import time
from multiprocessing.connection import wait
from pathlib import Path

import psutil
from nbgrader.utils import is_grade, is_solution

from classroom import feedback, kernel
from classroom.submissions import MB, Ungraded, grade_id, read, transplant

ROOT = Path(__file__).resolve().parent.parent
HANGING = 10  # as many cells may hang before a submission is stopped
START = 60  # seconds for all else in a submission
LIMITS = {
    "RLIMIT_FSIZE": 100 * MB,
    "RLIMIT_NOFILE": 512,
    "RLIMIT_CORE": 0,
}


def address_space():
    """Return the bytes that a kernel may map: 3 GB, and what torch takes.

    Importing torch takes 1 GB of them, and with CUDA in it more than 3.
    """
    torch = importlib.util.find_spec("torch")
    with_cuda = torch and [*Path(torch.origin).parent.glob("lib/*torch_cuda*")]
    return (7 if with_cuda else 4) * 1024 * MB


@functools.cache
def clone():
    """Return path -> bytes of what a student's kernel may read of the book.

    It is read once, before any submission runs, and each gets its own copy.
    """
    paths = [
        *(ROOT / "utils").rglob("*.py"),
        *(ROOT / "utils").glob("*.js"),
        *(ROOT / "chapters" / "records").glob("*.json"),
    ]
    return {path.relative_to(ROOT): path.read_bytes() for path in paths}


def _grade(one, parts, timeout, folder):
    """Return what is stored of a submission, with its feedback as "html"."""
    solution, released, checks = parts
    cells, remarks = read(one.path)
    placed = transplant(released, cells)
    nb = placed.notebook
    states, more = kernel.run(nb, released, checks, folder, timeout)
    names = {grade_id(cell) for cell in released.cells} - {None}
    scores = kernel.points(solution, states, checks, names - placed.unanswered)
    told = [*remarks, *placed.remarks, *more, *_unasked(placed, scores, nb)]
    if placed.left:
        texts = [" ".join(text.split())[:80] for text in placed.left[:3]]
        told.append(f"not placed: {' | '.join(texts)}")
    entry = {
        "cells": _cells(solution, nb, scores),
        "left": placed.left,
        "ran": nb,
        "remarks": told,
        "notebook": one.notebook,
    }
    entry["html"] = feedback.of(entry)
    if not entry["html"]:
        told.append(f"no feedback: larger than {feedback.LARGEST // MB} MB")
        entry["ran"] = None
    return entry


def _unasked(placed, scores, nb):
    """Return a remark on points that came without an answer."""
    last, named = None, []
    for cell in nb.cells:
        if is_solution(cell) and cell.cell_type == "code":
            last = grade_id(cell)
        elif is_grade(cell) and not is_solution(cell):
            if last in placed.unanswered and scores[grade_id(cell)]:
                named.append(grade_id(cell))
    return [f"points without an answer: {', '.join(named)}"] * bool(named)


def _cells(solution, nb, scores):
    """Return what a row needs of each graded cell."""
    texts = {grade_id(cell): cell.source for cell in nb.cells}
    found, number, asked = [], None, ""
    for cell in solution.cells:
        if heading := re.match(r"## (\d+)\. ", cell.source):
            number = int(heading[1])
        if is_grade(cell):
            name, written = grade_id(cell), is_solution(cell)
            answered = written and scores[name] is None
            found.append(
                {
                    "name": name,
                    "exercise": number,
                    "worth": cell.metadata.nbgrader.points,
                    "score": scores[name],
                    "written": written,
                    "counts": not written,
                    "asked": asked if written else "",
                    "answer": texts.get(name, "") if answered else "",
                }
            )
        elif cell.cell_type == "markdown":
            asked = cell.source
    return found


# --- processes ---


def _work(pipe, folder, seconds, job):
    """Grade `job`, send the result, and wait to be killed."""
    one, parts, timeout = job
    _confine(folder, seconds)
    try:
        result = _grade(one, parts, timeout, Path(folder))
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

    limits = {"RLIMIT_AS": address_space(), "RLIMIT_CPU": seconds, **LIMITS}
    for name, limit in limits.items():
        # It fails where the limit is lower already.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(getattr(resource, name), (limit, limit))
    # Ctrl-C reaches all: the command answers it. Ignored, it could not
    # interrupt a cell either.
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    adopt()
    if sys.platform == "linux":  # PR_SET_PDEATHSIG: no worker without command
        ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)
    for path, content in clone().items():
        path = Path(folder, "clone", path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    path = os.environ["PATH"]
    os.environ.clear()  # a cell may print it, passwords and all
    os.environ.update(
        HOME=folder,
        TMPDIR=folder,
        PATH=path,
        LANG="C.UTF-8",
        PYTHONPATH=str(Path(folder, "clone")),
        OMP_NUM_THREADS="1",
    )
    tempfile.tempdir = folder
    os.chdir(folder)
    null = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(null, stream)


def adopt():
    """Become the parent of all orphans below this process (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def kill_below(pid):
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
        kill_below(self.process.pid)
        self.process.kill()
        self.process.join()
        self.pipe.close()
        self.folder.cleanup()


def results(jobs, timeout, stopped=()):
    """Yield the submission and the result of each of `jobs`, as they come.

    Parameters
    ----------
    jobs : list of tuple
        A submission, (solution, released, checks) and seconds for a cell.
    timeout : int
    stopped : list
        As soon as something is in it, all that still runs is killed.
    """
    jobs, running = list(jobs), []
    seconds = START + HANGING * timeout
    try:
        while (jobs or running) and not stopped:
            while jobs and len(running) < (os.cpu_count() or 1):
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
