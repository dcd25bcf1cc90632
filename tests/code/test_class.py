"""A class in many forms: from the course system's ZIP to its upload."""

import csv
import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
import zipfile
from types import SimpleNamespace

import psutil
import pytest

from classroom import grading, results, sandbox, workers
from tests.code import forms
from tests.code.fresh import printed

SLEEP = f"31536{os.getpid()}"  # seconds; no other process sleeps as long
WRITES = f"""
import os, pathlib, subprocess
subprocess.Popen(["sleep", "{SLEEP}"], env={{}}, start_new_session=True)
os.system("nohup sleep {SLEEP} &")
for up in range(4):
    folder = pathlib.Path("../" * up)
    for name in ("grades.csv", "feedback", "anna.ipynb"):
        try:
            (folder / name).write_text("all mine")
        except OSError:
            pass
with open("large", "wb") as file:
    for _ in range(1000):
        file.write(bytes(2**20))
"""


def command(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "classroom.grading", *map(str, arguments)],
        cwd=grading.ROOT,
        capture_output=True,
        text=True,
        **options,
    )


def graded(folder, size, every, more):
    """Grade a class of `size` and `more`; return what is left of it."""
    members, fair = forms.class_of(size, every, more)
    (folder / "class.zip").write_bytes(forms.zipped(members))
    start, before = (
        time.monotonic(),
        resource.getrusage(resource.RUSAGE_CHILDREN),
    )
    checkers = forms.CHECKERS.read_bytes()
    run = command(
        folder / "class.zip", folder / "new" / "results", "--timeout", 10
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(run.stdout, run.stderr)
    print(
        f"{len(fair)} students: {time.monotonic() - start:.0f} s, "
        f"{after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime:.0f}"
        f" s of processors, {after.ru_maxrss / 1024:.0f} MB at most in one"
    )
    if forms.CHECKERS.read_bytes() != checkers:
        forms.CHECKERS.write_bytes(checkers)
        pytest.fail("a submission changed the book's own checkers")
    assert run.returncode == 0, run.stderr
    return SimpleNamespace(
        fair=fair,
        results=folder / "new" / "results",
        folder=folder,
        printed=run.stdout.splitlines(),
    )


def table(path):
    with open(path, newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def unfair(graded):
    """Return the students who did not get what a fair reader gives."""
    rows = {
        row["student"]: row for row in table(graded.results / "grades.csv")
    }
    assert set(rows) == set(graded.fair)
    found = []
    for student, (what, how, form) in graded.fair.items():
        row, blank = rows[student], dict.fromkeys(grading.results.FIELDS, "")
        blank |= {"student": student, "notebook": forms.NAME} | form.row()
        told = re.sub(
            r"\d versions, the newest counts: [^;]*(; )?", "", row["remarks"]
        )
        right = (
            not told if form.remark is None else form.remark in told
        ) and blank | {"remarks": ""} == row | {"remarks": ""}
        if not right:
            found.append((student, what, how, row, form.row()))
    return found


# One worker grades the class, once for all tests that look at it.
of_the_class = pytest.mark.xdist_group("class")


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    cheats = forms.hostile()
    more = {
        **forms.SLOW,
        "writes": forms.Form(forms.scratch(WRITES)),
        **{
            name: cheats[name]
            for name in ("patches checkers", "rewrites the clone")
        },
    }
    return graded(tmp_path_factory.mktemp("class"), 15, 7, more)


@of_the_class
def test_fifteen_forms_and_five_troublemakers_get_what_is_fair(sample):
    assert unfair(sample) == []


@pytest.mark.weekly
def test_a_class_of_120_gets_what_is_fair(tmp_path):
    more = {**forms.SLOW, **forms.hostile()}
    left = graded(tmp_path, 120, 1, more)
    assert len({form[:1] for form in left.fair.values()}) >= 60
    assert unfair(left) == []


@of_the_class
def test_a_line_for_each_submission_and_the_total_time(sample):
    *lines, last = sample.printed
    assert sorted(line.split("  ")[0] for line in lines) == sorted(sample.fair)
    assert re.match(r"20 submissions in \d+ s; see .*grades.csv$", last)


@of_the_class
def test_feedback_holds_no_solution_loads_nothing_and_runs_no_script(sample):
    pages = list((sample.results / "feedback").rglob("*.html"))
    assert len(pages) == sum(form.points for *_, form in sample.fair.values())
    for page in pages:
        html = page.read_text(encoding="utf-8")
        assert html.index("default-src 'none'") < html.index("<body")
        assert "<script" not in html
        assert not re.search(r"(src=|url\()[\"']?(https?:)?//", html)
        assert "HIDDEN TESTS" not in html


@of_the_class
def test_submissions_write_nothing_outside_and_leave_no_process(sample):
    assert {path.name for path in sample.folder.iterdir()} == {
        "class.zip",
        "new",
    }
    left = [
        process.cmdline()
        for process in psutil.process_iter(["cmdline"])
        if SLEEP in (process.info["cmdline"] or ())
    ]
    assert not left


@of_the_class
def test_feedback_is_packed_as_the_course_system_names_it(sample):
    with zipfile.ZipFile(sample.results / "feedback.zip") as archive:
        names = set(archive.namelist())
    uploads = {name for name in names if "assignsubmission" in name}
    for name in uploads:
        assert re.fullmatch(
            r"name\d+_\d+_assignsubmission_file_?"
            r"(/01_definition|01_definition)\.html",
            name,
        ), name
    assert uploads and len(names) > len(uploads)


@of_the_class
def test_uploads_have_a_row_a_student_and_a_byte_order_mark(sample):
    for name, key in (("moodle.csv", "Identifier"), ("canvas.csv", "ID")):
        path = sample.results / name
        assert path.read_bytes().startswith(b"\xef\xbb\xbf")
        rows = table(path)
        numbers = [row[key].removeprefix("Participant ") for row in rows]
        assert len(set(numbers)) == len(numbers)
        for row, number in zip(rows, numbers):
            (form,) = (
                form
                for student, (*_, form) in sample.fair.items()
                if student.endswith(f"_{number}")
            )
            grade = row["Grade" if key == "Identifier" else "Exercises"]
            assert grade == form.row().get("total", ""), row


@of_the_class
def test_points_by_hand_flow_into_totals_feedback_and_uploads(
    sample, tmp_path
):
    rows = table(sample.results / "by_hand.csv")
    page = (sample.results / "by_hand.html").read_text(encoding="utf-8")
    assert page.count("<input") == len(rows)
    before = {
        row["student"]: row for row in table(sample.results / "grades.csv")
    }
    with open(tmp_path / "points.csv", "w", newline="") as file:
        out = csv.DictWriter(file, rows[0])
        out.writeheader()
        for row in rows:
            out.writerow(row | {"points": "1,5"})
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "classroom.by_hand",
            sample.results,
            tmp_path / "points.csv",
        ],
        cwd=grading.ROOT,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    for row in table(sample.results / "grades.csv"):
        old = before[row["student"]]
        answers = sum(one["student"] == row["student"] for one in rows)
        if old["total"]:
            assert float(row["total"]) == float(old["total"]) + 1.5 * answers
            assert (row["of"], row["by_hand"]) == ("17", "0")
        if answers == 3:
            html = sample.results / "feedback" / row["student"]
            assert f"(Score: {float(row['total'])} / 17" in (
                html / f"{forms.NAME}.html"
            ).read_text(encoding="utf-8")


# --- while it runs ---


def small(folder, *names):
    """Write right answers of a few students into `folder`."""
    for name in names:
        path = folder / name / f"{forms.NAME}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(forms.answered()))


def test_a_stop_loses_nothing_and_resume_goes_on(tmp_path):
    small(tmp_path / "class", *"abcdef")
    arguments = tmp_path / "class", tmp_path / "results"
    run = subprocess.Popen(
        [sys.executable, "-m", "classroom.grading", *map(str, arguments)],
        cwd=grading.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    run.stdout.readline()
    below = psutil.Process(run.pid).children(recursive=True)
    run.send_signal(signal.SIGTERM)
    rest, told = run.communicate(timeout=30)
    assert run.returncode == 128 + signal.SIGTERM, (rest, told)
    assert "--resume goes on" in told
    _, alive = psutil.wait_procs(below, timeout=5)
    assert not alive
    done = {row["student"] for row in table(tmp_path / "results/grades.csv")}
    assert done and len(done) < 6
    again = command(*arguments, "--resume")
    lines = again.stdout.splitlines()[:-1]
    assert {line.split()[0] for line in lines} == set("abcdef") - done
    assert [
        row["total"] for row in table(tmp_path / "results/grades.csv")
    ] == 6 * ["10"]
    one = command(*arguments, "--only", "c")
    assert [line.split()[0] for line in one.stdout.splitlines()[:-1]] == ["c"]
    assert "Warning" not in one.stderr
    assert len(results.load(tmp_path / "results")) == 6


# --- shut in ---


@pytest.mark.skipif(sys.platform != "linux", reason="macOS maps far more")
def test_a_kernel_has_three_gigabytes_beside_torch():
    code = "import psutil, torch; print(psutil.Process().memory_info().vms)"
    left = (workers.address_space() - int(printed(code))) / 1024**3
    assert 3 < left < 4, left


@pytest.fixture
def shut_in(tmp_path):
    if sandbox.missing():
        pytest.skip(f"NO SANDBOX: {sandbox.missing()}")

    def run(code):
        return subprocess.run(
            [*sandbox.command([tmp_path]), sys.executable, "-c", code],
            capture_output=True,
            text=True,
        )

    return run


def test_the_sandbox_hides_the_book_and_has_no_network(shut_in, tmp_path):
    run = shut_in(
        "import os, socket\n"
        f"print(os.path.exists({str(grading.SOLUTIONS)!r}))\n"
        f"print(os.listdir({str(tmp_path)!r}))\n"
        "print(len([p for p in os.listdir('/proc') if p.isdigit()]) < 5)\n"
        "print(socket.if_nameindex() and [n for _, n in socket.if_nameindex()])\n"
    )
    assert run.stdout.splitlines() == ["False", "[]", "True", "['lo']"], run


def test_python_is_read_only_in_the_sandbox(shut_in):
    run = shut_in("import json\nopen(json.__file__, 'a')")
    assert "Read-only file system" in run.stderr


def test_a_system_without_a_sandbox_is_told(monkeypatch):
    monkeypatch.setattr(sandbox.shutil, "which", lambda name: None)
    assert "not installed" in sandbox.missing.__wrapped__()
    monkeypatch.setattr(sandbox.sys, "platform", "darwin")
    assert "bubblewrap is for Linux" in sandbox.missing.__wrapped__()


def test_a_sandbox_that_does_not_start_is_none(monkeypatch):
    monkeypatch.setattr(sandbox.shutil, "which", lambda name: name)
    monkeypatch.setattr(
        sandbox.subprocess,
        "run",
        lambda *_, **__: SimpleNamespace(returncode=1, stderr="bwrap: no\n"),
    )
    monkeypatch.setattr(sandbox.sys, "platform", "linux")
    assert (
        sandbox.missing.__wrapped__() == "bubblewrap does not start: bwrap: no"
    )


def test_a_link_is_bound_to_what_it_leads_to(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    words = sandbox.command(readable=[tmp_path / "link"])
    link = str(tmp_path / "link")
    assert words[words.index(link) - 1 :][:3] == ["--ro-bind", link, link]
