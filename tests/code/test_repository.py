"""What holds for the repository as a whole: pins, links, sizes, imports."""

import datetime
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.code.fresh import printed
from tools.paths import ROOT
from tools.rules import MACHINE_PATH

LOCKS = ("requirements.lock", ".binder/requirements.txt")
WILD = "requirements-wild.txt"


def text(path):
    return (ROOT / path).read_text(encoding="utf-8")


def blocks():
    """Return the blocks of requirements.txt as {name: lines}."""
    found = {}
    for line in text("requirements.txt").splitlines():
        head = re.fullmatch(r"# --- (\w+): .+ ---", line)
        if head:
            block = found[head[1]] = []
        elif found and line:
            block.append(line)
    return found


@pytest.fixture(scope="module")
def files():
    """Return what git tracks, or would track."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git clone, so nothing says which files belong")
    run = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    paths = [ROOT / line for line in run.stdout.splitlines()]
    return [path for path in paths if path.is_file()]


# --- the environments ---


@pytest.mark.xdist_group("kept")
def test_groups_of_tests_stay_together(request):
    if not request.config.getoption("loadgroup", False):
        pytest.skip("wants a worker of `pytest -n logical --dist loadgroup`")
    assert request.node.nodeid.endswith("@kept")


def pins(block):
    """Return what a block of requirements.txt pins, as {name: version}."""
    found = {}
    for line in blocks()[block]:
        pin = re.fullmatch(r"([\w-]+)==([\w.]+) +# \S.+", line)
        assert pin, f"no exact pin with a reason: {line}"
        found[canonicalize_name(pin[1])] = pin[2]
    return found


def locked(path):
    """Return what a lock holds: requirements, and the hashes of each."""
    entries = re.findall(r"^\w.*(?:\n    --hash=.+)*", text(path), re.M)
    split = [entry.split(" \\\n    --hash=") for entry in entries]
    return {Requirement(first): hashes for first, *hashes in split}


def test_requirements_are_exact_pins_with_a_reason():
    assert list(blocks()) == ["run", "build", "class", "test"]
    for block in blocks():
        assert pins(block)


def test_extra_for_readers_is_what_chapters_import():
    project = tomllib.loads(text("pyproject.toml"))["project"]
    extra = list(
        map(Requirement, project["optional-dependencies"]["chapters"])
    )
    # All but what shows the notebooks.
    run = {
        name: pin
        for name, pin in pins("run").items()
        if not name.startswith("jupyterlab")
    }
    assert {canonicalize_name(each.name) for each in extra} == set(run)
    for each in extra:
        assert run[canonicalize_name(each.name)] in each.specifier


def test_build_requirement_is_a_lower_bound_that_the_pin_meets():
    (line,) = tomllib.loads(text("pyproject.toml"))["build-system"]["requires"]
    required = Requirement(line)
    assert re.fullmatch(r">=\d+", str(required.specifier))
    assert pins("test")[required.name] in required.specifier


@pytest.mark.parametrize(
    ("lock", "held"),
    [(LOCKS[0], ["run", "build", "class", "test"]), (LOCKS[1], ["run"])],
)
def test_lock_holds_the_pins(lock, held):
    pinned = {
        f"{name}=={number}"
        for block in held
        for name, number in pins(block).items()
        if name != "torch"
    }
    missing = pinned - {str(entry) for entry in locked(lock)}
    assert not missing, f"run `make lock`: {lock} lacks {missing}"


def test_binder_has_a_part_of_the_lock():
    whole, part = (
        {f"{entry.name}{entry.specifier}": hashes for entry, hashes in lock}
        for lock in (locked(path).items() for path in LOCKS)
    )
    assert len(part) < len(whole)
    assert part.items() <= whole.items()


@pytest.mark.parametrize("lock", LOCKS)
def test_all_that_is_locked_has_one_version_hashes_and_no_address(lock):
    assert len(locked(lock)) > 100
    for entry, hashes in locked(lock).items():
        assert re.fullmatch(r"==[\w.]+", str(entry.specifier)), entry
        assert hashes, entry
        for one in hashes:
            assert re.fullmatch(r"sha256:[0-9a-f]{64}", one), entry
    assert "://" not in text(lock)
    assert re.findall(r"^-.+", text(lock), re.M) == ["--only-binary :all:"]


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_holds_neither_torch_nor_cuda(lock):
    names = " ".join(entry.name for entry in locked(lock))
    assert not re.search(r"\b(torch|nvidia|cuda|triton)\b", names)


def test_trained_networks_have_a_reason_licence_and_size_and_one_hash():
    _, body = text(WILD).split("\n\n")
    licences = "MIT|BSD-3-Clause|Apache-2.0"
    for entry in re.split(r"\n(?=#)", body.strip()):
        assert re.fullmatch(
            rf"# \S.+; (?:{licences}), [\d.]+ MB\n"
            r"[\w-]+==[\w.]+ \\\n"
            r"    --hash=sha256:[0-9a-f]{64}",
            entry,
        ), entry


def test_what_is_installed_is_what_is_locked():
    wanted = {
        entry.name: str(entry.specifier)
        for entry in [*locked("requirements.lock"), *locked(WILD)]
        if entry.marker is None or entry.marker.evaluate()
    }
    assert {name: f"=={version(name)}" for name in wanted} == wanted
    assert version("torch").split("+")[0] == pins("run")["torch"]


# PyTorch is installed without what it needs, which the lock has to hold. What
# ships trained networks is never run, and lacks what it would run with.
@pytest.mark.parametrize(
    "python", [sys.executable, ROOT / ".venv-binder/bin/python"]
)
def test_environment_lacks_nothing(python):
    if not Path(python).exists():
        pytest.skip(f"there is no {python}, which `make test` makes")
    run = subprocess.run(
        [python, "-m", "pip", "check"], capture_output=True, text=True
    )
    names = "|".join(canonicalize_name(entry.name) for entry in locked(WILD))
    lacking = rf"(?:{names}) \S+ requires \S+, which is not installed\.\n"
    rest = re.sub(lacking, "", run.stdout)
    assert rest in ("", "No broken requirements found.\n"), rest + run.stderr
    assert run.stdout, run.stderr


def test_set_up_is_the_same_for_make_readme_and_binder():
    target = ".venv-binder/installed"
    run = subprocess.run(
        ["make", "--always-make", "--dry-run", target],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    pip = r"^(?:PYTHONPATH=\S+ )?\S+/python -m pip install .+"
    installs = re.findall(pip, run.stdout, re.M)
    commands = [
        re.sub(r" --quiet| --retries 0| \|\| .+", "", line)
        for line in installs
    ]
    assert len(commands) == 6
    lines = text("README.md").splitlines()
    for command in commands:
        assert command in lines
    after = text(".binder/postBuild").replace(" --no-cache-dir", "")
    assert after.splitlines()[-2:] == [
        command.replace(".venv-binder/bin/", "") for command in commands[-2:]
    ]
    weekly = re.sub(r" \\\n\s+", " ", text(".github/workflows/weekly.yml"))
    assert commands[2] in weekly.replace(" --quiet", "")


@pytest.mark.parametrize(
    "changed", ["requirements.lock", "requirements.txt", WILD, LOCKS[1]]
)
def test_environments_are_made_anew_after_a_change(changed, tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    sources = [*LOCKS, "requirements.txt", WILD, ".binder/runtime.txt"]
    for name in [*sources, ".venv/installed", ".venv-binder/installed"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    up_to_date = ["make", "--question", ".venv-binder/installed"]
    assert subprocess.run(up_to_date, cwd=tmp_path).returncode == 0
    up_to_date += ["--what-if", changed]
    assert subprocess.run(up_to_date, cwd=tmp_path).returncode == 1


def test_setup_that_is_older_than_python_3_14_finds_what_it_reads():
    # Without `site`, which would have run the file by now.
    code = (
        "import ast; ast.Constant.s = None; del ast.Constant.s; "
        "import sitecustomize; print(ast.Constant('0.3.1').s)"
    )
    run = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env={"PYTHONPATH": str(ROOT / "tools/old_setup")},
        capture_output=True,
        text=True,
    )
    assert run.stdout == "0.3.1\n", run.stderr


def test_binder_and_workflow_use_the_same_python():
    assert text(".binder/runtime.txt") == "python-3.11\n"
    steps = yaml.safe_load(text(".github/workflows/book.yml"))["jobs"]["test"][
        "steps"
    ]
    versions = [
        step["with"]["python-version"]
        for step in steps
        if "python-version" in step.get("with", {})
    ]
    assert versions == ["3.11"]


def test_workflow_calls_make_test():
    jobs = yaml.safe_load(text(".github/workflows/book.yml"))["jobs"]
    assert "make test" in [step.get("run") for step in jobs["test"]["steps"]]


# --- what people read and call ---


@pytest.mark.parametrize(
    "verb",
    [
        "book",
        "test",
        "weekly",
        "serve",
        "execute",
        "measure",
        "benchmark",
        "mutations",
        "links",
        "lock",
        "clean",
    ],
)
def test_makefile_has_the_verb_and_make_alone_prints_it(verb):
    assert re.search(rf"^{verb}:", text("Makefile"), re.M)
    run = subprocess.run(
        ["make", "--no-print-directory"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert re.search(rf"^make {verb} +\S", run.stdout, re.M)


def test_readme_has_the_commands_of_make_test():
    makefile = re.sub(r" \\\n\s+", " ", text("Makefile"))
    recipe = re.search(r"^test:.*\n((?:\t.+\n)+)", makefile, re.M)[1]
    workers = re.search(r"^workers := (.+)", makefile, re.M)[1]
    recipe = recipe.replace("$(workers)", workers)
    commands = re.findall(r"^\t\$\(py\) (.+)", recipe, re.M)
    assert commands
    lines = text("README.md").splitlines()
    for command in commands:
        assert f".venv/bin/python {command}" in lines


def test_relative_links_in_the_readme_resolve():
    links = re.findall(r"\]\(([^)\s]+)\)", text("README.md"))
    relative = [link for link in links if not re.match(r"https?:|#", link)]
    assert relative
    for link in relative:
        # From a page of GitHub's, whose addresses are BRANCH/PATH.
        path = re.sub(r"^\.\./\.\./(blob|tree)/colab/", "", link)
        assert (ROOT / path.split("#")[0]).exists(), link
        assert path == link or path.startswith("chapters"), link
    # GitHub shows MyST's roles as they are written.
    assert not [link for link in relative if re.match("chapters.*ipynb", link)]


def test_citation_has_what_the_format_requires():
    citation = yaml.safe_load(text("CITATION.cff"))
    for key in ("cff-version", "message", "title", "authors"):
        assert citation.get(key), key
    project = tomllib.loads(text("pyproject.toml"))["project"]
    assert str(citation["version"]) == project["version"]
    assert citation["date-released"] <= datetime.date.today()


# --- the files ---


def test_no_file_mentions_a_path_of_one_machine(files):
    # tools/rules.py looks into the notebooks, cell by cell.
    for path in files:
        if path.suffix not in {".ipynb", ".png", ".woff2"}:
            found = MACHINE_PATH.search(path.read_text(encoding="utf-8"))
            assert found is None, f"{path.relative_to(ROOT)}: {found[0]}"


def test_no_file_is_larger_than_a_megabyte(files):
    sizes = {path.name: path.stat().st_size for path in files}
    assert {n: size for n, size in sizes.items() if size > 2**20} == {}


# --- utils ---


def test_what_needs_numpy_only_imports_no_torch():
    code = (
        "import sys, utils.activations, utils.data, utils.images, "
        "utils.pieces, utils.theory; "
        "print('torch' in sys.modules)"
    )
    assert printed(code) == "False\n"
