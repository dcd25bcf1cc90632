"""A chapter in the real JupyterLab: Run All, then move a slider."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from tests import notebooks

pytestmark = pytest.mark.lab

# Asked to run any earlier, JupyterLab asks back which kernel to take.
KERNEL_READY = """() => {
  const context = window.jupyterapp.shell.currentWidget?.sessionContext;
  return context?.session?.kernel?.status === "idle";
}"""

# JupyterLab draws only the cells in view.
SHOW_EXPLORER = """() => {
  const content = window.jupyterapp.shell.currentWidget.content;
  const index = content.widgets.findIndex(widget =>
    (widget.model.getMetadata("tags") ?? []).includes("explorer"));
  content.activeCellIndex = index;
  return content.scrollToItem(index, "center");
}"""

SUMMARY = """() => {
  const model = window.jupyterapp.shell.currentWidget.content.model;
  const cells = [...model.sharedModel.cells].filter(
    cell => cell.cell_type === "code");
  return {
    waiting: cells.filter(cell => cell.execution_count === null).length,
    errors: cells.flatMap(cell => cell.outputs
      .filter(output => output.output_type === "error")
      .map(output => cell.id + ": " + output.ename + ": " + output.evalue)),
  };
}"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Start JupyterLab on a copy of the chapters; return its address."""
    folder = tmp_path_factory.mktemp("lab")
    (folder / "chapters").mkdir()
    for path in notebooks.chapters():
        nb = notebooks.read(path)
        for cell in nb.cells:
            if cell.cell_type == "code":
                cell.execution_count, cell.outputs = None, []
        (folder / "chapters" / path.name).write_text(notebooks.dumps(nb))
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


def test_run_all_and_move_a_slider(lab, browser):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(120_000)
    page.goto(lab + "lab/tree/chapters/01_definition.ipynb")
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
    page.evaluate(SHOW_EXPLORER)
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
    page.close()
