"""nbval compares with the build's own run, and never with anything else."""

import copy
import json
import subprocess
import sys
from types import SimpleNamespace

import nbformat
import pytest
import recording
from myst_nb.core import execute
from myst_nb.core.config import NbParserConfig
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tools import notebooks, recorded
from tools.paths import ROOT

SOURCES = {
    "first": "print(1 / 8, end='\\n\\n')\nprint('x' * 3)",
    "shown": "1 / 8",
    "wrong": "1 / 0",
    "quiet": "x = 1",
}


def ignore(*arguments, **options):
    pass


def notebook(**changed):
    cells = [
        new_code_cell(source, id=name)
        for name, source in (SOURCES | changed).items()
    ]
    cells[2].metadata.tags = ["raises-exception"]
    text = new_markdown_cell("# A title", id="title")
    return new_notebook(cells=[text, *cells], metadata=notebooks.METADATA)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Return a function that runs a notebook as the build does, in a book."""
    top = tmp_path_factory.mktemp("book")
    (top / "utils").mkdir()
    (top / "chapters").mkdir()
    app = SimpleNamespace(
        srcdir=top, outdir=top / "_build/html", connect=ignore
    )

    def built(nb):
        path = top / "chapters/tiny.ipynb"
        nbformat.write(nb, path)
        client = execute.create_client(
            copy.deepcopy(nb),
            str(path),
            NbParserConfig(execution_mode="force"),
            SimpleNamespace(info=ignore, warning=ignore),
        )
        with client:
            pass
        return top / "_build/recorded/chapters/tiny.json"

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            execute, "NotebookClientDirect", execute.NotebookClientDirect
        )
        recording.setup(app)
        yield built


@pytest.fixture(scope="module")
def record(built):
    """Return what the build's run of the notebook left."""
    return json.loads(built(notebook()).read_text())


def test_outputs_are_recorded_as_they_came(record):
    cells = record["cells"]
    assert {name: cell["source"] for name, cell in cells.items()} == SOURCES
    printed = "".join(o["text"] for o in cells["first"]["outputs"])
    assert printed == "0.125\n\nxxx\n"
    (shown,) = cells["shown"]["outputs"]
    assert shown["data"] == {"text/plain": "0.125"}
    (error,) = cells["wrong"]["outputs"]
    assert error["ename"] == "ZeroDivisionError"
    assert cells["quiet"]["outputs"] == []
    assert record["kernel"] == "python3"


def test_a_run_that_fails_leaves_no_record_and_no_older_one(built):
    path = built(notebook())
    assert path.exists()
    assert built(notebook(quiet="1 / 0")) == path
    assert not path.exists()


# --- the comparison ---


@pytest.fixture
def compare(tmp_path, record):
    """Return a function that lets nbval compare a notebook and a record."""

    def compare(nb, **changed):
        path = tmp_path / "tiny.ipynb"
        path.write_text(notebooks.dumps(nb), encoding="utf-8")
        now = {"kernel": "no-such-kernel", "code": recording.code(ROOT)}
        text = json.dumps(record | now | changed)
        (tmp_path / "tiny.json").write_text(text, encoding="utf-8")
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "conftest", "--nbval"]
            + ["--nbval-kernel-name=no-such-kernel", f"--recorded={tmp_path}"]
            + [f"--rootdir={tmp_path}", "-c", "pyproject.toml", path]
            + ["-p", "no:cacheprovider"],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )

    return compare


def stored(record):
    """Return the notebook with its outputs, as `make execute` stores them."""
    nb = notebook()
    for cell in nb.cells[1:]:
        outputs = record["cells"][cell.id]["outputs"]
        cell.outputs = nbformat.from_dict(outputs)
    return notebooks.normalise(nb)


def test_stored_outputs_are_compared_without_a_kernel(compare, record):
    run = compare(stored(record))
    assert "4 passed" in run.stdout and run.returncode == 0, run.stdout


@pytest.mark.parametrize("name", ["first", "shown"])
def test_a_changed_digit_fails_and_names_the_cell(compare, record, name):
    nb = stored(record)
    (cell,) = (cell for cell in nb.cells if cell.id == name)
    text = json.dumps(cell.outputs)
    cell.outputs = nbformat.from_dict(
        json.loads(text.replace("0.125", "0.126"))
    )
    run = compare(nb)
    assert "1 failed, 3 passed" in run.stdout, run.stdout
    assert f"tiny.ipynb::{name}" in run.stdout
    assert "0.126" in run.stdout and "0.125" in run.stdout


def test_an_output_that_did_not_come_fails(compare, record):
    cells = copy.deepcopy(record["cells"])
    cells["shown"]["outputs"] = []
    run = compare(stored(record), cells=cells)
    assert "1 failed, 3 passed" in run.stdout, run.stdout


def test_every_cell_fails_that_has_no_record(compare, record):
    run = compare(stored(record), kernel="other")
    assert run.returncode == 1
    assert "4 errors" in run.stdout and "passed" not in run.stdout
    assert "was run in the kernel 'other'" in run.stdout


def without(cells, name):
    return {key: cell for key, cell in cells.items() if key != name}


STALE = {
    "no record": (lambda record: None, "no record"),
    "kernel": (
        lambda record: record.update(kernel="other"),
        "in the kernel 'other', wanted 'python3'",
    ),
    "utils": (
        lambda record: record.update(code="0"),
        "other files in utils/",
    ),
    "source": (
        lambda record: record["cells"]["quiet"].update(source="x = 2"),
        "(quiet)",
    ),
    "new cell": (
        lambda record: record.update(cells=without(record["cells"], "shown")),
        "(shown)",
    ),
    "old cell": (
        lambda record: record["cells"].update(
            old={"source": "", "outputs": []}
        ),
        "(old)",
    ),
    "order": (
        lambda record: record.update(
            cells=dict(reversed(record["cells"].items()))
        ),
        "(in another order)",
    ),
}


@pytest.mark.parametrize(("change", "message"), STALE.values(), ids=STALE)
def test_a_record_of_anything_else_is_refused(
    tmp_path, record, change, message
):
    nb, path = tmp_path / "tiny.ipynb", tmp_path / "tiny.json"
    nb.write_text(notebooks.dumps(stored(record)), encoding="utf-8")
    now = copy.deepcopy(record) | {"code": recording.code(ROOT)}
    path.write_text(json.dumps(now), encoding="utf-8")
    assert set(recorded.load(nb, path, "python3")) == set(SOURCES)
    change(now)
    path.write_text(json.dumps(now), encoding="utf-8")
    if message == "no record":
        path.unlink()
    with pytest.raises(recorded.RecordError) as caught:
        recorded.load(nb, path, "python3")
    assert message in str(caught.value)
    assert "build the book anew" in str(caught.value)


def test_code_is_all_files_in_utils(tmp_path):
    (tmp_path / "utils/checks").mkdir(parents=True)
    module = tmp_path / "utils/checks/one.py"
    seen = {recording.code(tmp_path)}
    for text in ("x = 1", "x = 2"):
        module.write_text(text)
        seen.add(recording.code(tmp_path))
    module.with_suffix(".pyc").write_text("compiled")
    seen.add(recording.code(tmp_path))
    module.rename(module.with_name("other.py"))
    seen.add(recording.code(tmp_path))
    assert len(seen) == 4
