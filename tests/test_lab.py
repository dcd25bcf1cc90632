"""Chapters and exercises in the real JupyterLab: Run All, then use them."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from tests import notebooks

pytestmark = pytest.mark.lab

CHAPTER = notebooks.CHAPTERS / "01_definition.ipynb"
EXERCISES = sorted(notebooks.EXERCISES.glob("*.ipynb"))

# Asked to run any earlier, JupyterLab asks back which kernel to take.
KERNEL_READY = """() => {
  const context = window.jupyterapp.shell.currentWidget?.sessionContext;
  return context?.session?.kernel?.status === "idle";
}"""

# JupyterLab draws only the cells in view.
SHOW = """id => {
  const content = window.jupyterapp.shell.currentWidget.content;
  const index = content.widgets.findIndex(
    widget => widget.model.sharedModel.id === id);
  content.activeCellIndex = index;
  return content.scrollToItem(index, "center");
}"""

SHUT_DOWN = """() =>
  window.jupyterapp.shell.currentWidget.sessionContext.shutdown()"""

SUMMARY = """() => {
  const model = window.jupyterapp.shell.currentWidget.content.model;
  const cells = [...model.sharedModel.cells].filter(
    cell => cell.cell_type === "code");
  return {
    waiting: cells.filter(cell => cell.execution_count === null).length,
    errors: cells.flatMap(cell => cell.outputs
      .filter(output => output.output_type === "error")
      .map(output => cell.id + ": " + output.ename + ": " + output.evalue)),
    printed: Object.fromEntries(cells.map(cell => [cell.id, cell.outputs
      .map(output => [output.text ?? ""].flat().join("")).join("")])),
  };
}"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Start JupyterLab on copies of the notebooks; return its address."""
    folder = tmp_path_factory.mktemp("lab")
    (folder / "exercises").mkdir()
    for path in EXERCISES:
        shutil.copy(path, folder / "exercises")
    nb = notebooks.read(CHAPTER)
    for cell in nb.cells:
        if cell.cell_type == "code":
            cell.execution_count, cell.outputs = None, []
    (folder / CHAPTER.name).write_text(notebooks.dumps(nb))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root",
        "--expose-app-in-browser", "--ip=127.0.0.1", f"--port={port}",
        "--IdentityProvider.token=", f"--ServerApp.root_dir={folder}",
        "--LabApp.news_url=None", "--LabApp.check_for_updates_class="
        "jupyterlab.NeverCheckForUpdate",
    ]  # fmt: skip
    environment = {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
    }
    log = (folder / "lab.log").open("w")
    server = subprocess.Popen(
        command, env=environment, stdout=log, stderr=log
    )
    address = f"http://127.0.0.1:{port}/"
    try:
        wait_for(address + "api/status", server, folder / "lab.log")
        yield address
    finally:
        server.terminate()
        server.wait(timeout=30)


def wait_for(address, server, log):
    """Wait until JupyterLab answers, or fail with its log."""
    for _ in range(120):
        if server.poll() is not None:
            break
        try:
            json.load(urllib.request.urlopen(address))
            return
        except OSError:
            time.sleep(0.5)
    pytest.fail("JupyterLab does not answer:\n" + log.read_text())


@contextlib.contextmanager
def run_all(lab, browser, path):
    """Open a notebook, run it to its end, and show the page."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(120_000)
    # Without `reset`, JupyterLab opens the notebooks from before as well.
    page.goto(f"{lab}lab/tree/{path}?reset")
    page.wait_for_selector(".jp-Notebook .jp-CodeCell")
    page.wait_for_function(KERNEL_READY)
    page.evaluate(
        "() => { window.jupyterapp.commands.execute('notebook:run-all-cells')"
        " }"
    )
    page.wait_for_function(
        f"() => ({SUMMARY})().waiting === 0 || ({SUMMARY})().errors.length"
    )
    assert page.evaluate(SUMMARY)["errors"] == []
    yield page
    page.evaluate(SHUT_DOWN)
    page.close()


def first(cells):
    return next(cell.id for cell in cells)


def test_slider_and_quiz_of_a_chapter(lab, browser):
    cells = notebooks.read(CHAPTER).cells
    with run_all(lab, browser, CHAPTER.name) as page:
        move_a_slider(page, cells)
        open_an_answer(page, cells)


def move_a_slider(page, cells):
    page.evaluate(
        SHOW, first(c for c in cells if "explorer" in notebooks.tags(c))
    )
    picture = page.locator("img.jupyter-widgets").first
    picture.scroll_into_view_if_needed()
    before = picture.get_attribute("src")
    handle = page.locator(".jupyter-widgets .noUi-handle").first
    handle.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "before => document.querySelector('img.jupyter-widgets').src"
        " !== before",
        arg=before,
    )


def open_an_answer(page, cells):
    page.evaluate(SHOW, first(c for c in cells if c.id.startswith("quiz-")))
    answer = page.locator("details").first
    assert answer.get_attribute("open") is None
    answer.locator("summary").focus()
    page.keyboard.press("Enter")
    assert answer.get_attribute("open") is not None


@pytest.mark.parametrize("path", EXERCISES, ids=lambda path: path.stem)
def test_untouched_exercise_runs_to_its_end(lab, browser, path):
    with run_all(lab, browser, f"exercises/{path.name}") as page:
        printed = page.evaluate(SUMMARY)["printed"]
    for cell in notebooks.read(path).cells:
        if cell.cell_type == "code" and cell.source.startswith("feedback"):
            assert printed[cell.id].startswith("Not attempted: "), cell.id
