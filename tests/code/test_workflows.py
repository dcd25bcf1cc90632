"""The workflows on GitHub, as far as they can be run without it.

Two linters look at them as well, in `make test`.
"""

import os
import subprocess

import pytest
import yaml

from tests.code.test_clone import git
from tools.paths import ROOT

BOOK, LINKS = (
    yaml.safe_load((ROOT / f".github/workflows/{name}.yml").read_text())
    for name in ("book", "links")
)
PUBLISHED = (
    "github.event_name == 'push' && "
    "github.ref_name == github.event.repository.default_branch"
)


def step(job, word):
    """Return the one step of a job whose name or action holds the word."""
    found = [
        step
        for step in job["steps"]
        if word in step.get("name", "") + step.get("uses", "")
    ]
    assert len(found) == 1, [step.get("name") for step in found]
    return found[0]


def test_only_the_job_that_publishes_may_write():
    for workflow in BOOK, LINKS:
        assert workflow["permissions"] == {"contents": "read"}
    allowed = {
        name: job["permissions"]
        for name, job in (BOOK["jobs"] | LINKS["jobs"]).items()
        if "permissions" in job
    }
    pages = {"contents": "write", "pages": "write", "id-token": "write"}
    assert allowed == {"publish": pages}


def test_only_a_push_to_the_default_branch_is_published():
    test, publish = BOOK["jobs"]["test"], BOOK["jobs"]["publish"]
    assert publish["if"] == PUBLISHED
    assert publish["needs"] == "test"
    # The site is handed over, and links to Colab, in the same case only.
    wanted = f"${{{{ {PUBLISHED} && 'colab' || '' }}}}"
    assert test["env"] == {"BOOK_COLAB": wanted}
    assert step(test, "upload-pages-artifact")["if"] == "env.BOOK_COLAB"


def test_reports_are_kept_when_the_tests_fail():
    kept = [
        step["with"]["path"]
        for step in BOOK["jobs"]["test"]["steps"]
        if step.get("if") == "failure()"
    ]
    assert kept == ["_build/html/reports"]


def test_notebooks_for_colab_are_those_of_the_site():
    for job, path in ("test", "_build/html/_sources"), ("publish", None):
        steps = [
            step["with"]
            for step in BOOK["jobs"][job]["steps"]
            if step.get("with", {}).get("name") == "notebooks"
        ]
        assert len(steps) == 1
        assert path in (None, steps[0]["path"])


@pytest.fixture
def push(tmp_path):
    """Return a function that runs the push to `colab` with some files."""
    repository = tmp_path / "Org/repo"
    repository.mkdir(parents=True)
    git(repository, "init", "--quiet", "--bare")
    download = step(BOOK["jobs"]["publish"], "download-artifact")
    command = step(BOOK["jobs"]["publish"], "colab")
    environ = {
        **os.environ,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GITHUB_REPOSITORY": "Org/repo",
        "GITHUB_SERVER_URL": tmp_path.as_uri(),
        "GITHUB_SHA": "0123456",
        "TOKEN": "secret",
    }

    def push(run, **files):
        folder = tmp_path / run / download["with"]["path"] / "chapters"
        folder.mkdir(parents=True)
        for name, text in files.items():
            (folder / f"{name}.ipynb").write_text(text)
        # As GitHub calls it.
        done = subprocess.run(
            ["bash", "-e", "-c", command["run"]],
            cwd=tmp_path / run / command["working-directory"],
            env=environ,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert "secret" not in done.stdout + done.stderr
        return repository

    return push


def test_push_puts_the_notebooks_where_the_buttons_lead(push):
    repository = push("first", one="1", two="2")
    files = git(repository, "ls-tree", "-r", "--name-only", "colab")
    assert files.split() == ["chapters/one.ipynb", "chapters/two.ipynb"]


def test_push_keeps_nothing_of_the_one_before(push):
    push("first", one="1", two="2")
    repository = push("second", one="new")
    files = git(repository, "ls-tree", "-r", "--name-only", "colab")
    assert files == "chapters/one.ipynb"
    assert git(repository, "show", f"colab:{files}") == "new"
    assert git(repository, "rev-list", "--count", "colab") == "1"


def test_links_are_checked_weekly_and_the_report_kept():
    # YAML 1.1 reads the key `on` as true.
    weekday = LINKS[True]["schedule"][0]["cron"].split()[-1]
    assert weekday.isdigit()
    job = LINKS["jobs"]["check"]
    assert "make links" in [step.get("run") for step in job["steps"]]
    report = step(job, "upload-artifact")
    assert report["if"] == "always()"
    assert report["with"]["path"] == "_build/linkcheck/output.txt"
