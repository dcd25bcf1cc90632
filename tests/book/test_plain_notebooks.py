"""Notebooks to download and for Colab: nothing that only MyST understands."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import clone
import nbformat
import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter

from tools.notebooks import pages, solutions
from tools.paths import CHAPTERS, EXERCISES, ROOT

MYST = re.compile(
    r"\{[\w:-]+\}`|^:{3,}|^`{3,}\{|^(?:\$\$ )?\([\w-]+\)=?$", re.M
)
RUN = (
    "chapters/ten_minutes",
    "chapters/exercises/01_definition",
    "chapters/solutions/02_nonlinearity",
)


def plain(site, name):
    return nbformat.read(site / f"_sources/{name}.ipynb", 4)


def test_no_myst_is_left_and_no_test(site):
    found = {}
    for path in [*pages(), *EXERCISES.glob("*.ipynb"), *solutions()]:
        name = path.relative_to(CHAPTERS.parent).with_suffix("").as_posix()
        nb = plain(site, name)
        nbformat.validate(nb)
        for cell in nb.cells:
            assert "remove-cell" not in cell.metadata.get("tags", []), name
            if cell.cell_type == "markdown":
                found[name, cell.id] = MYST.findall(cell.source)
            assert "BEGIN HIDDEN" not in cell.source, (name, cell.id)
            assert "BEGIN SOLUTION" not in cell.source, (name, cell.id)
    assert len(found) > 500
    assert not [place for place, myst in found.items() if myst]


def test_pages_of_solutions_show_no_marks_of_the_grader(site):
    for path in solutions():
        page = site / f"chapters/solutions/{path.stem}.html"
        text = page.read_text(encoding="utf-8")
        assert "cell_input" in text
        for mark in ("### BEGIN", "### END"):
            assert mark not in text, path.stem


def test_figures_are_there_with_their_alt_texts(site):
    for path in pages():
        source = nbformat.read(path, 4)
        wanted = {
            cell.metadata.mystnb.image.alt
            for cell in source.cells
            if "image" in cell.metadata.get("mystnb", {})
        }
        nb = plain(site, f"chapters/{path.stem}")
        text = "\n".join(cell.source for cell in nb.cells)
        alts = {
            output.metadata["image/png"]["alt"]
            for cell in nb.cells
            for output in cell.get("outputs", [])
            if "image/png" in output.get("data", {})
        }
        assert wanted <= alts, path.name
        assert all(alt in text for alt in wanted), path.name


def test_nbconvert_shows_what_github_does(site):
    page, _ = HTMLExporter().from_notebook_node(
        plain(site, "chapters/07_dying_relu")
    )
    assert not MYST.search(
        re.sub(r"<script.*?</script>", "", page, flags=re.S)
    )
    assert "<strong>Claim" in page and "<details>" in page
    assert page.count("data:image/png") > 5


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """Return a folder and a kernel without the book's package but its ZIP."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git clone, so there is no commit to pack")
    top = tmp_path_factory.mktemp("elsewhere")
    subprocess.run(
        [
            "git",
            "archive",
            "--prefix=relu/",
            f"--output={top}/book.zip",
            "HEAD",
        ],
        cwd=ROOT,
        check=True,
    )
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", top / "venv"],
        check=True,
    )
    # All packages of ours but `utils`: lines of a .pth file inside a folder
    # that a .pth file names are not read.
    packages = next(top.glob("venv/lib/*/site-packages"))
    (packages / "ours.pth").write_text(str(Path(nbformat.__file__).parents[1]))
    kernel = top / "kernels/elsewhere/kernel.json"
    kernel.parent.mkdir(parents=True)
    argv = [
        str(top / "venv/bin/python"),
        "-m",
        "ipykernel_launcher",
        "-f",
        "{connection_file}",
    ]
    kernel.write_text(
        json.dumps({"argv": argv, "display_name": "", "language": "python"})
    )
    return top


@pytest.mark.parametrize("name", RUN)
def test_plain_notebook_runs_where_the_book_is_not(
    site, elsewhere, name, monkeypatch
):
    for variable, value in {
        "JUPYTER_PATH": str(elsewhere),
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_NO_INDEX": "1",
        "PIP_CONFIG_FILE": os.devnull,
    }.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    nb = plain(site, name)
    fetch = clone.BOOTSTRAP.format(
        archive=elsewhere / "book.zip", commit="packed"
    )
    nb.cells = [cell for cell in nb.cells if cell.id != "bootstrap"]
    nb.cells.insert(1, nbformat.v4.new_code_cell(fetch, id="bootstrap"))
    where = nbformat.v4.new_code_cell("import utils; print(utils.__path__)")
    nb.cells.append(where)
    # A reader's own module of that name.
    (elsewhere / "utils.py").write_text("raise ImportError\n")
    client = NotebookClient(
        nb,
        timeout=120,
        kernel_name="elsewhere",
        resources={"metadata": {"path": str(elsewhere)}},
    )
    client.execute()
    # Fetched by the first of them.
    assert "relu-book-packed" in nb.cells[-1].outputs[0].text
