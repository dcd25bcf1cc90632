"""The notebooks in Binder's JupyterLab: open one, Run All, then use it."""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import time
import urllib.request
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
from nbclient import NotebookClient

from tools import notebooks, paths
from tools.paths import ROOT

# One JupyterLab for all tests of it.
in_the_lab = pytest.mark.xdist_group("lab")

PYTHON = ROOT / ".venv-binder" / "bin" / "python"
CHAPTER = "chapters/01_definition.ipynb"
EXERCISES = [
    path.relative_to(ROOT).as_posix()
    for path in sorted(paths.EXERCISES.glob("*.ipynb"))
]
# One with NumPy alone, and one with torch and the most cells.
RUN = [path for path in EXERCISES if re.search("/(01|07)_", path)]
# Those that are run elsewhere, and here only read.
READ = [
    path.relative_to(ROOT).as_posix()
    for path in (
        *(p for p in notebooks.pages() if p.name not in CHAPTER),
        *notebooks.solutions(),
    )
] + [path for path in EXERCISES if path not in RUN]
# One of each kind, with all that a notebook may hold; the others weekly.
OF_EACH_KIND = [
    "chapters/07_dying_relu.ipynb",
    "chapters/solutions/07_dying_relu.ipynb",
    "chapters/exercises/08_variants.ipynb",
]
# The live lab, and what Python knows of it.
LIVE = nbformat.v4.new_notebook(
    metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    cells=[
        nbformat.v4.new_code_cell(source, id=name)
        for name, source in (
            (
                "lab",
                "from utils import lab\n"
                "live = lab.Lab(learning_rate=1, steps=30)\nlive",
            ),
            (
                "state",
                "told = live.state\n"
                "print(told.get('step'), [len(w) for w in "
                "told.get('weights', [])], told.get('deaths'))\n"
                "print(live.train().deaths.tolist())",
            ),
        )
    ],
)
# Draw all cells of a notebook, not only those in view.
WHOLE = {"windowingMode": "none"}

PATH = "() => window.jupyterapp?.shell.currentWidget?.context?.path"

OPEN = """async path => {
  await window.jupyterapp.commands.execute("docmanager:open", {path});
}"""

# Without a kernel, which takes seconds to start.
OPEN_TO_READ = """async path => {
  await window.jupyterapp.commands.execute("docmanager:open",
    {path, kernelPreference: {shouldStart: false, autoStartDefault: false}});
}"""

# Asked to run any earlier, JupyterLab asks back which kernel to take.
KERNEL_READY = """() => {
  const context = window.jupyterapp.shell.currentWidget?.sessionContext;
  return context?.session?.kernel?.status === "idle";
}"""

# The outputs that are stored go first: they are no proof.
RUN_ALL = """async () => {
  const run = command => window.jupyterapp.commands.execute(command);
  await run("notebook:clear-all-cell-outputs");
  run("notebook:run-all-cells");
}"""

CLOSE = """async () => {
  const notebook = window.jupyterapp.shell.currentWidget;
  await notebook.sessionContext.shutdown();
  notebook.dispose();
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
    printed: Object.fromEntries(cells.map(cell => [cell.id, cell.outputs
      .map(output => [output.text ?? ""].flat().join("")).join("")])),
  };
}"""

# What a reader sees of the text cells, without blocks of code and
# formulas, and where the links lead.
TEXTS = """() => window.jupyterapp.shell.currentWidget.content.widgets
  .filter(cell => cell.model.type === "markdown" && cell.node.isConnected)
  .map(cell => {
    const shown = cell.node.querySelector(".myst")?.cloneNode(true);
    shown?.querySelectorAll("pre, .katex").forEach(e => e.remove());
    return {
      id: cell.model.id,
      text: shown?.textContent ?? "",
      links: [...shown?.querySelectorAll("a.link") ?? []].map(a => a.href),
    };
  })"""

RAW = r":::|```|\{[\w:]+\}|\]\(|<\w+>|Unknown Directive"

SHOW = """id => {
  const content = window.jupyterapp.shell.currentWidget.content;
  const index = content.widgets.findIndex(
    widget => widget.model.sharedModel.id === id);
  content.activeCellIndex = index;
  return content.scrollToItem(index, "center");
}"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Start Binder's JupyterLab on a copy of the notebooks; say where."""
    if not PYTHON.exists():
        pytest.fail(
            f"no {PYTHON}: run `make test`, or make Binder's environment as "
            "the README says"
        )
    folder = tmp_path_factory.mktemp("lab")
    settings = folder / "settings" / "@jupyterlab" / "notebook-extension"
    settings.mkdir(parents=True)
    (settings / "tracker.jupyterlab-settings").write_text(json.dumps(WHOLE))
    shutil.copytree(paths.CHAPTERS, folder / "book" / "chapters")
    nbformat.write(LIVE, folder / "book" / "live.ipynb")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        PYTHON,
        "-m",
        "jupyterlab",
        "--no-browser",
        "--allow-root",
        "--expose-app-in-browser",
        "--ip=127.0.0.1",
        f"--port={port}",
        "--IdentityProvider.token=",
        f"--ServerApp.root_dir={folder / 'book'}",
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    environment = {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
    }
    environment.pop("PYTHONPATH", None)
    log = (folder / "lab.log").open("w")
    server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}/"
    try:
        wait_for(address + "api/status", server, folder / "lab.log")
        yield address
    finally:
        server.terminate()
        try:
            server.wait(timeout=10)
        except subprocess.TimeoutExpired:
            # It can wait for ever for a page that has just gone.
            server.kill()


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


@pytest.fixture(scope="module")
def page(lab, browser):
    """Open the chapter as Binder's launch button does; keep the page."""
    page = browser.new_page(viewport={"width": 1280, "height": 3000})
    page.set_default_timeout(120_000)
    page.goto(f"{lab}lab/tree/{CHAPTER}")
    page.wait_for_function(f"path => ({PATH})() === path", arg=CHAPTER)
    yield page
    page.close()


@contextlib.contextmanager
def run_all(page, path):
    """Show the notebook in JupyterLab, run to its end; then close it."""
    page.evaluate(OPEN, path)
    page.wait_for_function(f"path => ({PATH})() === path", arg=path)
    page.wait_for_function(KERNEL_READY)
    page.evaluate(RUN_ALL)
    # Asked at each frame, which is the default, it would keep a core busy.
    page.wait_for_function(
        f"() => ({SUMMARY})().waiting === 0 || ({SUMMARY})().errors.length",
        polling=250,
    )
    assert page.evaluate(SUMMARY)["errors"] == []
    yield
    page.evaluate(CLOSE)


def check_texts(page, path):
    """Check all text cells: drawn from MyST, and no dead links."""
    cells = notebooks.read(ROOT / path).cells
    page.wait_for_function(
        f"""count => {{
          const texts = ({TEXTS})();
          return texts.length === count && texts.every(cell => cell.text);
        }}""",
        arg=sum(cell.cell_type == "markdown" for cell in cells),
        polling=250,
    )
    for cell in page.evaluate(TEXTS):
        raw = re.search(RAW, cell["text"])
        assert raw is None, f"{cell['id']} shows its source: {raw[0]!r}"
        for link in map(urlsplit, cell["links"]):
            if link.path.startswith("/files/"):
                path = unquote(link.path.removeprefix("/files/"))
                assert (ROOT / path).is_file(), f"{cell['id']}: no {path}"


@in_the_lab
def test_chapter_opens_by_its_address_and_answers(page):
    cells = notebooks.read(ROOT / CHAPTER).cells
    with run_all(page, CHAPTER):
        check_texts(page, CHAPTER)
        move_a_slider(page, cells)
        open_an_answer(page, cells)
        follow_a_link(page)


def first(cells):
    return next(cell.id for cell in cells)


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


def follow_a_link(page):
    page.evaluate(SHOW, "exercises")
    page.locator(".myst a.link[href*='/exercises/']").first.click()
    page.wait_for_function(f"path => ({PATH})() === path", arg=EXERCISES[0])
    page.evaluate(CLOSE)


RUN_CELL = """id => {
  const content = window.jupyterapp.shell.currentWidget.content;
  content.activeCellIndex = content.widgets.findIndex(
    widget => widget.model.sharedModel.id === id);
  return window.jupyterapp.commands.execute("notebook:run-cell");
}"""


@in_the_lab
def test_live_lab_trains_and_python_gets_its_state_back(page):
    with run_all(page, "live.ipynb"):
        page.wait_for_selector(".jp-OutputArea .lab")
        page.click(".lab [data-do=play]")
        page.wait_for_function(
            """() => /Step 30:/.test(
              document.querySelector(".lab-readout").textContent)
              && document.querySelector("[data-do=play]").textContent
                === "Play" """
        )
        page.evaluate(RUN_CELL, "state")
        page.wait_for_function(
            f"() => ({SUMMARY})().printed.state.startsWith('30 ')",
            polling=250,
        )
        told, python = page.evaluate(SUMMARY)["printed"]["state"].split("\n")[
            :2
        ]
        # 2 x 16, 16 x 16, 16 x 16 and 16 x 2 weights.
        assert told == f"30 [32, 256, 256, 32] {python}"


@in_the_lab
@pytest.mark.parametrize("path", RUN)
def test_untouched_exercise_runs_to_its_end_in_jupyterlab(page, path):
    with run_all(page, path):
        check_texts(page, path)
        printed = page.evaluate(SUMMARY)["printed"]
    check_feedback(path, printed)


def check_feedback(path, printed):
    """Check that each checker was called, and says that it got nothing."""
    calls = [
        cell.id
        for cell in notebooks.read(ROOT / path).cells
        if cell.cell_type == "code" and cell.source.startswith("feedback")
    ]
    assert calls
    for name in calls:
        assert printed[name].startswith("Not attempted: "), name


@in_the_lab
@pytest.mark.parametrize(
    "path",
    [
        pytest.param(
            path, marks=[pytest.mark.weekly] * (path not in OF_EACH_KIND)
        )
        for path in READ
    ],
)
def test_text_of_a_notebook_is_drawn(page, path):
    page.evaluate(OPEN_TO_READ, path)
    page.wait_for_function(f"path => ({PATH})() === path", arg=path)
    check_texts(page, path)
    page.evaluate(CLOSE)


@pytest.mark.parametrize("path", EXERCISES)
def test_untouched_exercise_runs_to_its_end(path):
    nb = notebooks.read(ROOT / path)
    client = NotebookClient(
        nb,
        timeout=120,
        kernel_name="binder",
        resources={"metadata": {"path": str(paths.EXERCISES)}},
    )
    client.execute()
    check_feedback(
        path,
        {
            cell.id: "".join(o.get("text", "") for o in cell.outputs)
            for cell in nb.cells
            if cell.cell_type == "code"
        },
    )
