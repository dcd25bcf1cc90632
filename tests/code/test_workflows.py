"""The workflows on GitHub, as far as they can be run without it.

Two linters look at them as well, in `make test`.
"""

import os
import re
import subprocess

import pytest
import yaml

from tests.code.test_clone import git
from tests.code.test_repository import WILD, blocks, locked
from tools.paths import ROOT

FOLDER = ROOT / ".github"
BOOK, WEEKLY = (
    yaml.safe_load((FOLDER / f"workflows/{name}.yml").read_text())
    for name in ("book", "weekly")
)
JOBS = BOOK["jobs"] | WEEKLY["jobs"]
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


def handed(job, artifact):
    """Return the step of a job that hands the artifact over."""
    (found,) = (
        step
        for step in JOBS[job]["steps"]
        if step.get("with", {}).get("name") == artifact
    )
    return found


def test_a_job_that_publishes_may_do_one_thing_and_no_other_may_write():
    for workflow in BOOK, WEEKLY:
        assert workflow["permissions"] == {"contents": "read"}
    allowed = {
        name: job["permissions"]
        for name, job in JOBS.items()
        if "permissions" in job
    }
    assert allowed == {
        "pages": {"pages": "write", "id-token": "write"},
        "colab": {"contents": "write"},
    }


def test_a_change_is_tested_once():
    # YAML 1.1 reads the key `on` as true.
    assert BOOK[True] == {"push": {"branches": ["main"]}, "pull_request": None}


@pytest.mark.parametrize("name", JOBS)
def test_job_has_an_end(name):
    assert JOBS[name]["timeout-minutes"] <= 180


def test_actions_are_named_by_commit_and_call_no_others():
    # The newest of these are programs themselves, as their action.yml says.
    checked = (
        "checkout|setup-python|upload-artifact|download-artifact|deploy-pages"
    )
    for path in (FOLDER / "workflows").iterdir():
        for line in re.findall(r"uses: .+", path.read_text()):
            assert re.fullmatch(
                rf"uses: actions/({checked})@[0-9a-f]{{40}} # v\d+\.\d+\.\d+",
                line,
            )


def test_bot_leaves_what_is_held():
    text = (FOLDER / "dependabot.yml").read_text()
    pip, actions = yaml.safe_load(text)["updates"]
    held = {
        line.split("==")[0].lower()
        for block in blocks().values()
        for line in block
        if "held:" in line
    }
    held |= {entry.name.lower() for entry in locked(WILD)}
    assert {each["dependency-name"] for each in pip["ignore"]} == held
    for each in pip, actions:
        assert each["cooldown"]["default-days"] >= 7
        assert len(each["groups"]) == 1


def test_only_a_push_to_the_default_branch_is_published():
    for name in "pages", "colab":
        assert JOBS[name]["if"] == PUBLISHED
        assert JOBS[name]["needs"] == "test"
    # The site is handed over, and links to Colab, in the same case only.
    wanted = f"${{{{ {PUBLISHED} && 'colab' || '' }}}}"
    assert JOBS["test"]["env"] == {"BOOK_COLAB": wanted}
    for artifact in "notebooks", "github-pages":
        assert handed("test", artifact)["if"] == "env.BOOK_COLAB"


def test_reports_are_kept_when_the_tests_fail():
    kept = [
        step["with"]["path"]
        for step in BOOK["jobs"]["test"]["steps"]
        if step.get("if") == "failure()"
    ]
    assert kept == ["_build/html/reports"]


def test_what_is_published_is_the_tested_site():
    notebooks = handed("test", "notebooks")["with"]["path"]
    assert notebooks == "_build/html/_sources"
    assert "download-artifact" in handed("colab", "notebooks")["uses"]
    (pack,) = (
        step["run"] for step in JOBS["test"]["steps"] if "tar " in str(step)
    )
    assert "_build/html ." in pack
    assert "deploy-pages" in JOBS["pages"]["steps"][0]["uses"]


@pytest.fixture
def artifact(tmp_path):
    """Return a function that makes a folder of notebooks, as downloaded."""

    def artifact(run, **files):
        folder = tmp_path / run / handed("colab", "notebooks")["with"]["path"]
        (folder / "chapters").mkdir(parents=True)
        for name, text in files.items():
            (folder / f"chapters/{name}.ipynb").write_text(text)
        return folder

    return artifact


@pytest.fixture
def push(tmp_path):
    """Return a function that runs the push to `colab`, and the repository."""
    repository = tmp_path / "Org/repo"
    repository.mkdir(parents=True)
    git(repository, "init", "--quiet", "--bare")
    environ = {
        **os.environ,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GITHUB_REPOSITORY": "Org/repo",
        "GITHUB_SERVER_URL": tmp_path.as_uri(),
        "GITHUB_SHA": "0123456",
        "TOKEN": "secret",
    }

    def push(folder):
        # As GitHub calls it.
        done = subprocess.run(
            ["bash", "-e", "-c", step(JOBS["colab"], "colab")["run"]],
            cwd=folder.parent,
            env=environ,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert "secret" not in done.stdout + done.stderr
        return repository

    return push


def test_push_puts_the_notebooks_where_the_buttons_lead(artifact, push):
    repository = push(artifact("first", one="1", two="2"))
    files = git(repository, "ls-tree", "-r", "--name-only", "colab")
    assert files.split() == ["chapters/one.ipynb", "chapters/two.ipynb"]


def test_push_keeps_nothing_of_the_one_before(artifact, push):
    push(artifact("first", one="1", two="2"))
    repository = push(artifact("second", one="new"))
    files = git(repository, "ls-tree", "-r", "--name-only", "colab")
    assert files == "chapters/one.ipynb"
    assert git(repository, "show", f"colab:{files}") == "new"
    assert git(repository, "rev-list", "--count", "colab") == "1"


# --- an attack: code in the artifact, for the job with the token ---

HOOKS = ("pre-commit", "post-commit", "post-index-change", "pre-push")
PROGRAMS = ("core.fsmonitor", "filter.trap.clean", "gpg.program")


@pytest.fixture
def set_traps(tmp_path):
    """Return a function that makes a folder a repository full of traps.

    The file that it returns says which of them have sprung.
    """
    sprung = tmp_path / "sprung"
    sprung.touch()

    def trap(path):
        path.write_text(f"#!/bin/sh\necho {path.name} >> {sprung}\nexit 1\n")
        path.chmod(0o755)
        return path

    def set_traps(folder):
        git(folder, "init", "--quiet")
        for name in HOOKS:
            trap(folder / ".git/hooks" / name)
        for key in PROGRAMS:
            git(folder, "config", key, str(trap(tmp_path / key)))
        git(folder, "config", "commit.gpgSign", "true")
        (folder / ".gitattributes").write_text("* filter=trap\n")
        return sprung

    return set_traps


def test_git_springs_the_traps_in_a_folder_that_has_them(artifact, set_traps):
    folder = artifact("attack", one="1")
    sprung = set_traps(folder)
    # A fresh machine does not know who commits, and stops before the traps.
    me = ["git", "-c", "user.name=Me", "-c", "user.email=me@example.org"]
    for command in ("add", "."), ("commit", "-m", "x"), ("commit", "-nm", "x"):
        subprocess.run([*me, *command], cwd=folder, capture_output=True)
    assert {*PROGRAMS, "pre-commit"} <= set(sprung.read_text().split())


def test_push_runs_nothing_that_the_artifact_brings(artifact, push, set_traps):
    folder = artifact("attack", one="1")
    for part in folder, folder / "chapters":
        sprung = set_traps(part)
    push(folder)
    assert sprung.read_text() == ""


def test_push_takes_plain_notebooks_alone(artifact, push, set_traps, tmp_path):
    folder = artifact("attack", one="1", **{"--exec=touch sprung": "2"})
    chapters = folder / "chapters"
    set_traps(chapters)
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/key.ipynb").write_text("a key")
    (chapters / "file.ipynb").symlink_to(tmp_path / "secret/key.ipynb")
    (chapters / "folder").symlink_to(tmp_path / "secret")
    (chapters / "script.sh").touch()
    (chapters / ".git/hidden.ipynb").touch()
    (folder / ".gitmodules").write_text('[submodule "x"]\nurl = -x\n')
    (folder / "root.ipynb").touch()
    files = git(push(folder), "ls-tree", "-r", "colab").splitlines()
    assert [re.split(r" .*\t", line) for line in files] == [
        ["100644", "chapters/--exec=touch sprung.ipynb"],
        ["100644", "chapters/one.ipynb"],
    ]


def test_push_does_not_follow_a_folder_that_leads_elsewhere(artifact, push):
    folder = artifact("attack")
    (folder / "chapters").rmdir()
    (folder / "chapters").symlink_to(artifact("elsewhere", key="a key").parent)
    with pytest.raises(AssertionError):
        push(folder)


# --- once a week ---


def test_week_brings_links_faults_and_the_newest_of_everything():
    weekday = WEEKLY[True]["schedule"][0]["cron"].split()[-1]
    assert weekday.isdigit()
    for name, command in (
        ("links", "make links"),
        ("slow", "make test"),
        ("slow", "make weekly"),
        ("slow", "make mutations"),
        ("newest", "make book"),
    ):
        steps = JOBS[name]["steps"]
        assert command in [step.get("run") for step in steps]
    pythons = JOBS["newest"]["strategy"]["matrix"]["python"]
    assert pythons == ["3.11", "3.12", "3.13", "3.14"]


def test_links_that_are_broken_are_kept():
    report = handed("links", "links")
    assert report["if"] == "always()"
    assert report["with"]["path"] == "_build/linkcheck/output.txt"
