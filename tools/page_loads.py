"""First load of every page, beside the same page at the theme's defaults.

::

    python -m tools.page_loads

runs on the book that `make book` built, beside the environment for Binder that
`make test` makes; `make measure` sees to both. The notebooks with the same
outputs are built once more with Jupyter Book's defaults. One server sends both
books, compressed, and Chromium loads every page of both with an empty cache
over the same slow network. The table goes to chapters/page_loads.md, which the
page about this book shows.
"""

import functools
import gzip
import http.server
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import yaml

from tools.browser import chromium, serving
from tools.paths import HTML, ROOT
from utils.timing import machine

TABLE = ROOT / "chapters" / "page_loads.md"
BINDER = ROOT / ".venv-binder"
TEXT = (".html", ".css", ".js", ".svg", ".json")

# What decides the content of a page; the rest is left at its defaults.
CONTENT = (
    "nb_mime_priority_overrides",
    "nb_render_markdown_format",
    "nb_merge_streams",
    "bibtex_reference_style",
)

# As WebPageTest's "4G": 9 Mbit/s, 170 ms there and back.
NETWORK = {
    "offline": False,
    "latency": 170,
    "downloadThroughput": 9e6 / 8,
    "uploadThroughput": 9e6 / 8,
}

OBSERVE = """() => {
  window.seen = {paint: null, largest: null, shift: 0};
  const watch = (type, see) => new PerformanceObserver(
    list => list.getEntries().forEach(see)).observe({type, buffered: true});
  watch("paint", entry => {
    if (entry.name === "first-contentful-paint")
      window.seen.paint = entry.startTime;
  });
  watch("largest-contentful-paint",
    entry => window.seen.largest = entry.startTime);
  watch("layout-shift", entry => window.seen.shift += entry.value);
}"""

SCROLL = """async () => {
  for (let y = 0; y < document.body.scrollHeight; y += 600) {
    window.scrollTo(0, y);
    await new Promise(done => setTimeout(done, 30));
  }
}"""

# From the event until the new picture has its place, ready to be painted.
# Before it, a reader puts the focus on a control, as one who moves it must, and
# then makes up to twenty moves a second.
ANSWERS = """async () => {
  const times = [];
  for (const explorer of document.querySelectorAll(".explorer")) {
    const picture = explorer.querySelector(".explorer-frame");
    for (const control of explorer.querySelectorAll("input, select")) {
      control.focus();
      await new Promise(done => setTimeout(done, 500));
      const last = control.max ? Number(control.max) : control.length - 1;
      for (let i = 0; i <= last; i++) {
        await new Promise(done => setTimeout(done, 50));
        const start = performance.now();
        if (control.max) control.value = i; else control.selectedIndex = i;
        control.dispatchEvent(new Event("input", {bubbles: true}));
        picture.lastElementChild.getBoundingClientRect();
        times.push(performance.now() - start);
      }
    }
  }
  return times;
}"""


def build_with_defaults(folder):
    """Build the last build's notebooks with the defaults; return the pages."""
    ours = yaml.safe_load((ROOT / "_config.yml").read_text())
    config = {
        "title": ours["title"],
        "only_build_toc_files": True,
        "execute": {"execute_notebooks": "off"},
        "parse": ours["parse"],
        "bibtex_bibfiles": ours["bibtex_bibfiles"],
        "sphinx": {
            "config": {
                name: ours["sphinx"]["config"][name] for name in CONTENT
            }
        },
    }
    (folder / "_config.yml").write_text(yaml.safe_dump(config))
    shutil.copy(ROOT / "_toc.yml", folder)
    for part in ("chapters", "_static"):
        shutil.copytree(ROOT / part, folder / part)
    # A style sheet of ours would be no default.
    for style in (folder / "_static").glob("*.css"):
        style.unlink()
    executed = ROOT / "_build" / "jupyter_execute"
    shutil.copytree(executed, folder, dirs_exist_ok=True)
    command = [Path(sys.executable).with_name("jupyter-book"), "build", "."]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder / "_build" / "html"


class Compressing(http.server.SimpleHTTPRequestHandler):
    """Serve files as a web host does: text compressed, all to be kept."""

    def do_GET(self):
        """Send a file."""
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return
        content = path.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(path))
        if path.suffix in TEXT:
            content = gzip.compress(content)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args):
        """Say nothing."""


def load(browser, url, home):
    """Load a page with an empty cache; return what it took."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.add_init_script(f"({OBSERVE})()")
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.emulateNetworkConditions", NETWORK)
    requests = []
    page.on(
        "request",
        lambda r: (
            None
            if r.url.startswith(("data:", "blob:"))
            else requests.append(r)
        ),
    )
    # Asked for, and counted, but not answered: there may be no network.
    page.route(
        lambda address: not address.startswith(home),
        lambda route: route.abort(),
    )
    page.goto(url)
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(300)
    sizes = [r.sizes()["responseBodySize"] for r in requests if r.response()]
    result = {"bytes": sum(sizes), "requests": len(requests)}
    page.evaluate(SCROLL)
    result |= page.evaluate("window.seen")
    answers = page.evaluate(ANSWERS)
    context.close()
    return result, answers


def row(name, ours, defaults):
    """Return a line of the table: the book's number, then the defaults'."""
    cells = [
        "\u00a0/\u00a0".join(
            f"{load[key] * scale:{form}}" for load in (ours, defaults)
        )
        for key, scale, form in (
            ("bytes", 1e-3, ".0f"),
            ("requests", 1, ".0f"),
            ("paint", 1e-3, ".1f"),
            ("largest", 1e-3, ".1f"),
            ("shift", 1, ".3f"),
        )
    ]
    return f"| {name} | {' | '.join(cells)} |"


def names():
    """Return the names of the pages in the table of contents, in order."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    entries = [entry for part in toc["parts"] for entry in part["chapters"]]
    files = [
        page["file"]
        for entry in entries
        for page in (entry, *entry.get("sections", []))
    ]
    return [toc["root"], *files]


def label(name):
    """Return what the table calls a page.

    >>> label("chapters/exercises/01_definition"), label("chapters/faq")
    ('exercises/01', 'faq')
    >>> label("chapters/01_in_depth"), label("chapters/ten_minutes")
    ('01 in depth', 'ten minutes')
    """
    found = re.fullmatch(r"chapters/(.*\d\d)_(?!in_depth).*", name)
    return found[1] if found else name.split("/", 1)[1].replace("_", " ")


def gigabytes(folder):
    """Return how much the files in a folder hold."""
    files = [p for p in folder.rglob("*") if p.is_file()]
    return sum(p.stat().st_size for p in files) / 1e9


def table(loads, answers, browser):
    """Return the text of the page's part, of all loads and answers."""
    rows = [row(label(name), *pair) for name, pair in loads.items()]
    middle = [
        {
            key: float(np.median([pair[i][key] for pair in loads.values()]))
            for key in next(iter(loads.values()))[0]
        }
        for i in range(2)
    ]
    torch = next(BINDER.rglob("site-packages/torch"))
    late = np.percentile(answers, 95)
    return f"""\
<!-- Written by `make measure`; to change it, change tools/page_loads.py. -->

| page | kB | requests | first paint, s | largest paint, s | layout shift |
| --- | --- | --- | --- | --- | --- |
{chr(10).join(rows)}
{row("median", *middle)}

An explorer had its new picture ready to be painted within {late:.1f} ms of a \
move in 95 of 100 moves, and within {max(answers):.1f} ms in all \
{len(answers)} of them.

The environment that Binder makes holds {gigabytes(BINDER):.1f} GB, of which \
PyTorch is {gigabytes(torch):.1f}.

Measured with Chromium {browser.version} on {machine()}.
"""


def main():
    """Build, load every page of both books, and write the table."""
    if not (HTML / "index.html").exists() or not BINDER.exists():
        raise SystemExit(
            f"wanted are the built book in {HTML} and Binder's environment in "
            f"{BINDER}: run `make measure`, which makes both"
        )
    version = next(BINDER.rglob("site-packages/torch/version.py"))
    if "+cpu" not in version.read_text(encoding="utf-8"):
        raise SystemExit(
            f"{BINDER} is not Binder's: its PyTorch is one with CUDA, since "
            "https://download.pytorch.org/whl/cpu did not answer"
        )
    loads, answers = {}, []
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        if browser is None:
            raise SystemExit("no browser: run `python -m tools.browser`")
        folder = Path(folder)
        (folder / "source").mkdir()
        (folder / "site").mkdir()
        defaults = build_with_defaults(folder / "source")
        (folder / "site" / "defaults").symlink_to(defaults)
        (folder / "site" / "book").symlink_to(HTML)
        handler = functools.partial(Compressing, directory=folder / "site")
        with serving(handler) as home:
            for name in names():
                ours, times = load(browser, f"{home}book/{name}.html", home)
                theirs, _ = load(browser, f"{home}defaults/{name}.html", home)
                loads[name] = (ours, theirs)
                answers += times
                print(row(name, ours, theirs), flush=True)
        TABLE.write_text(table(loads, answers, browser), encoding="utf-8")


if __name__ == "__main__":
    main()
