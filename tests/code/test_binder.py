"""Binder's environment holds what the notebooks need, and no more."""

import ast
import re
import sys
from importlib.metadata import packages_distributions

import pytest

from tools import notebooks, paths
from tools.paths import ROOT

NOTEBOOKS = sorted(paths.CHAPTERS.rglob("[0-9]*.ipynb"))
# Nothing imports what shows the notebooks, and each kernel brings IPython,
# which is configured by traitlets.
SHOW = {"jupyterlab", "jupyterlab-myst"}
KERNEL = {"ipython", "traitlets"}


def imported(source, package=()):
    """Return the dotted names that the source in a package imports."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # As many dots as steps up, where one is the package itself.
            up = len(package) + 1 - node.level if node.level else 0
            parts = [*package[:up], *filter(None, [node.module])]
            yield from (".".join([*parts, alias.name]) for alias in node.names)


def needed(sources):
    """Return the packages the sources import, themselves or by `utils`."""
    names = [name for source in sources for name in imported(source)]
    seen = set()
    for name in names:
        first, *rest = name.split(".")
        if first != "utils":
            continue
        for end in range(1, len(rest) + 1):
            path = ROOT.joinpath("utils", *rest[:end])
            for file in (path.with_suffix(".py"), path / "__init__.py"):
                if file.is_file() and file not in seen:
                    seen.add(file)
                    names += imported(
                        file.read_text(encoding="utf-8"),
                        file.relative_to(ROOT).parent.parts,
                    )
    tops = {name.split(".")[0] for name in names} - {"utils"}
    found = packages_distributions()
    return {found[top][0] for top in tops - sys.stdlib_module_names}


def pinned():
    """Return the names that Binder's environment is made for."""
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    run = text.split("\n# --- ")[1]
    return set(re.findall(r"^([\w-]+)==", run, re.M))


def test_binder_installs_what_the_notebooks_import_and_no_more():
    sources = [
        cell.source
        for path in NOTEBOOKS
        for cell in notebooks.read(path).cells
        if cell.cell_type == "code"
    ]
    assert pinned() == needed(sources) - KERNEL | SHOW


@pytest.mark.parametrize(
    ("source", "packages"),
    [
        ("import json, numpy.linalg as la", {"numpy"}),
        ("def late():\n    from sklearn.svm import SVC", {"scikit-learn"}),
        ("from utils.activations import relu", {"numpy", "scipy"}),
    ],
)
def test_needed_follows_the_imports(source, packages):
    assert needed([source]) == packages


def texts():
    """Yield path, id and source of each text cell."""
    for path in NOTEBOOKS:
        for cell in notebooks.read(path).cells:
            if cell.cell_type == "markdown":
                yield path, cell.id, cell.source


def test_links_to_chapters_work_in_jupyterlab():
    for path, cell, source in texts():
        found = re.search(r"\{doc\}`(\w+)`", source)
        assert not found, (
            f"{path.stem}, {cell}: {found[0]} leads nowhere in JupyterLab; "
            f"write [its title]({found[1]}.ipynb)"
        )


def test_links_to_chapters_say_their_titles():
    for path, cell, source in texts():
        for shown, name in re.findall(r"\[([^]]+)\]\((\w+)\.ipynb\)", source):
            chapter = notebooks.read(path.with_name(f"{name}.ipynb"))
            title = chapter.cells[0].source.splitlines()[0]
            # A page in depth goes by its number, and links sections.
            titles = {title, re.sub(r"(# In depth \d+): .+", r"\1", title)}
            if notebooks.in_depth(path):
                titles |= {
                    f"# {text}"
                    for cell in chapter.cells
                    if cell.cell_type == "markdown"
                    for _, text in notebooks.headings(cell)
                }
            assert f"# {shown}" in titles, f"{path.stem}, {cell}: {shown}"
