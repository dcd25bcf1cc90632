"""What holds for the repository as a whole: pins, links, sizes, imports."""

import ast
import re
import subprocess
import sys

import pytest
import yaml

from tools.paths import ROOT
from tools.rules import MACHINE_PATH

UTILS = sorted((ROOT / "utils").rglob("*.py"))

# A module may import only from lower steps.
STEPS = {
    "activations": 0,
    "data": 0,
    "networks": 1,
    "diagnostics": 2,
    "checks": 3,
    "exercises": 0,
    "explorer": 3,
    "grading": 1,
    "plotting": 3,
    "timing": 0,
}


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


def test_requirements_are_exact_pins_with_a_reason():
    pins = blocks()
    assert list(pins) == ["run", "build", "class", "test"]
    for line in sum(pins.values(), []):
        assert re.fullmatch(r"([\w-]+==[\w.]+|-e \.) +# \S.+", line), line


def test_binder_installs_the_run_block_with_torch_for_the_cpu():
    def bare(lines):
        lines = [line.split(" #")[0].strip() for line in lines]
        return [line for line in lines if line and line[0] != "#"]

    wanted = [
        re.sub(r"^torch==.+", r"\g<0>+cpu", line)
        for line in bare(blocks()["run"])
    ]
    index, *pins = bare(text(".binder/requirements.txt").splitlines())
    assert index == ("--extra-index-url https://download.pytorch.org/whl/cpu")
    assert pins == wanted


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
        "serve",
        "execute",
        "measure",
        "benchmark",
        "mutations",
        "links",
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
        assert (ROOT / link.split("#")[0]).exists(), link


def test_citation_has_what_the_format_requires():
    citation = yaml.safe_load(text("CITATION.cff"))
    for key in ("cff-version", "message", "title", "authors"):
        assert citation.get(key), key


# --- the files ---


def test_no_file_mentions_a_path_of_one_machine(files):
    # tools/rules.py looks into the notebooks, cell by cell.
    for path in files:
        if path.suffix not in {".ipynb", ".png", ".woff2"}:
            found = MACHINE_PATH.search(path.read_text(encoding="utf-8"))
            assert found is None, f"{path.relative_to(ROOT)}: {found[0]}"


def test_no_file_is_larger_than_a_megabyte(files):
    sizes = {path.name: path.stat().st_size for path in files}
    assert {n: size for n, size in sizes.items() if size > 1_000_000} == {}


# --- utils ---


def code_lines(path):
    """Count the lines that are neither blank, comment nor docstring."""
    source = path.read_text(encoding="utf-8")
    documented = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            if ast.get_docstring(node):
                text = node.body[0]
                documented |= set(range(text.lineno, text.end_lineno + 1))
    lines = enumerate(source.splitlines(), start=1)
    return sum(
        bool(line.strip())
        and not line.lstrip().startswith("#")
        and number not in documented
        for number, line in lines
    )


def module(path):
    """Return the module that the file belongs to: "checks", for a part."""
    return path.relative_to(ROOT / "utils").with_suffix("").parts[0]


def test_utils_can_be_read_in_one_sitting():
    # What the classroom needs is looked up, not read.
    lines = {
        path.name: code_lines(path)
        for path in UTILS
        if module(path) not in {"checks", "exercises", "grading"}
    }
    assert sum(lines.values()) <= 1460, lines


def imported(path):
    """Return the dotted names of the modules that the file imports."""
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            package = "utils." if node.level else ""
            module = f"{package}{node.module or ''}".rstrip(".")
            names += [f"{module}.{alias.name}" for alias in node.names]
    return names


@pytest.mark.parametrize("path", UTILS, ids=module)
def test_dependencies_point_one_way(path):
    parts = [name.split(".") for name in imported(path)]
    assert not {"chapters", "tests"} & {first for first, *_ in parts}
    for first, *rest in parts:
        if first == "utils" and rest[0] != module(path):
            assert STEPS[rest[0]] < STEPS[module(path)], ".".join(rest)


def test_activations_imports_no_torch():
    code = "import sys, utils.activations; print('torch' in sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    assert run.stdout == "False\n"
