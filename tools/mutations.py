"""Plant faults one at a time, and see that the tests find each of them.

::

    python -m tools.mutations [NAMES]    all faults without NAMES

wants what `make test` leaves: the environments and the built book. Each fault
goes into a copy of the tree, where a part of `make test` must pass before and
fail after, and say why. A page's fault goes into the built page, which takes
no build. Exits 1 if a fault is missed.
"""

import argparse
import functools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tools.paths import ROOT

PYTEST = "-m pytest -q -p no:cacheprovider"
FAQ = "_build/html/chapters/faq.html"
FIRST = "_build/html/chapters/01_definition.html"
CHAPTER = "_build/html/chapters/07_dying_relu.html"
CSS = "_build/html/_static/page.css"
LAB = "_build/html/chapters/lab.html"
LEDGER = "_build/html/chapters/12_claims.html"
LEFT_OUT = (".git", ".venv*", "__pycache__", ".*_cache", "*.egg-info")
DIGIT = (
    f"{PYTEST} chapters/01_definition.ipynb --nbval "
    "--nbval-kernel-name binder --recorded _build/recorded"
)


@dataclass(frozen=True)
class Mutation:
    """A fault, and the part of `make test` that must find it.

    Attributes
    ----------
    name : str
        What is wrong, in two or three words.
    file : str
        Where the fault is planted, in the tree or in the built book.
    old, new : str
        The text that is there once, and what takes its place.
    command : str
        What to run with Python, from the top of the tree.
    says : str
        What the command must print: why it fails.
    built : str
        The file of the built book that holds the same text.
    """

    name: str
    file: str
    old: str
    new: str
    command: str
    says: str
    built: str = ""

    @property
    def files(self):
        """Return all files that the fault changes."""
        return [self.file] + [self.built] * bool(self.built)


def code(name, file, old, new, tests, says):
    """Return a fault that a test without the book must find."""
    return Mutation(name, file, old, new, f"{PYTEST} tests/code/{tests}", says)


def page(name, file, new, tests, says):
    """Return a fault at the end of a built page's text."""
    command = f"{PYTEST} tests/book/{tests}"
    return Mutation(
        name, file, "</article>", f"{new}</article>", command, says
    )


def built(name, file, old, new, tests, says, copy=""):
    """Return a fault in a file of the built book, and in its source."""
    return Mutation(
        name, file, old, new, f"{PYTEST} tests/book/{tests}", says, copy
    )


MUTATIONS = [
    # --- notebooks ---
    Mutation(
        "tag with a typo",
        "chapters/01_definition.ipynb",
        '"explorer",',
        '"explorers",',
        "-m tools.rules",
        "unknown tag 'explorers'",
    ),
    Mutation(
        "test without assert",
        "chapters/01_in_depth.ipynb",
        "assert [row[3:] for row in rows] == 8 * [(0, 1_379_520)]",
        "[row[3:] for row in rows] == 8 * [(0, 1_379_520)]",
        "-m tools.rules",
        "is tagged test and asserts nothing",
    ),
    Mutation(
        "changed digit",
        "chapters/01_definition.ipynb",
        "0.3994  0.00058",
        "0.3995  0.00058",
        DIGIT,
        "moments-table",
    ),
    Mutation(
        "record of another cell",
        "chapters/01_definition.ipynb",
        "np.count_nonzero(bends) == 1",
        "np.count_nonzero(bends) >= 1",
        DIGIT,
        "build the book anew",
    ),
    Mutation(
        "record of other code",
        "utils/activations.py",
        "_ALPHA = 1.6732632423543772848170429916717",
        "_ALPHA = 1.67",
        DIGIT,
        "other files in utils/",
    ),
    Mutation(
        "hidden assert fails",
        "chapters/01_definition.ipynb",
        "np.count_nonzero(bends) == 1",
        "np.count_nonzero(bends) == 2",
        f"{PYTEST} chapters/01_definition.ipynb --nbval --nbval-current-env",
        "claim-1-test",
    ),
    code(
        "stale exercise",
        "chapters/exercises/01_definition.ipynb",
        "# Exercises 1: meet ReLU",
        "# Exercises 1: meet the ReLU",
        "exercises/test_every_exercise.py -k stored_exercise",
        "run `make execute`",
    ),
    code(
        "number made up",
        "chapters/faq.md",
        "got 69 % of the test points",
        "got 73.19 % of the test points",
        "test_prose.py -k faq",
        "73.19",
    ),
    # --- code ---
    Mutation(
        "unused import",
        "utils/data.py",
        "import numpy as np",
        "import os\n\nimport numpy as np",
        "-m ruff check utils",
        "F401",
    ),
    code(
        "cut of the wrong channels",
        "utils/wild.py",
        "new.weight.copy_(conv.weight[rows][:, columns])",
        "new.weight.copy_(conv.weight[rows][:, : int(columns.sum())])",
        "test_wild.py -k leaves_the_outputs",
        "leaves_the_outputs",
    ),
    code(
        "ReLU before the norm",
        "utils/wild.py",
        'parts.append((f"relu{number}", nn.ReLU()))',
        'parts.insert(-1, (f"relu{number}", nn.ReLU()))',
        "test_wild.py -k finds_what_is_known[ACS]",
        "finds_what_is_known[ACS]",
    ),
    code(
        "slopes of channels not seen",
        "utils/health.py",
        'base == "prelu"\n                or all(_fits(',
        "all(_fits(",
        "test_health.py -k slope_for_each_channel",
        "test_a_prelu_with_a_slope_for_each_channel",
    ),
    code(
        "dead units that switch on",
        "utils/wild.py",
        "on = (args[0] > 0).double()",
        "on = (args[0] >= 0).double()",
        "test_wild.py -k place_by_place",
        "place_by_place",
    ),
    code(
        "lost sign of zero",
        "utils/activations.py",
        "np.where(x == 0, x, np.maximum(x, 0))",
        "np.where(x == 0, 0, np.maximum(x, 0))",
        "test_activations.py",
        "relu",
    ),
    code(
        "other slope at the kink",
        "utils/activations.py",
        "d_dx=lambda x: x > 0,",
        "d_dx=lambda x: x >= 0,",
        "test_activations.py",
        "relu",
    ),
    code(
        "wrong sign in a slope",
        "utils/activations.py",
        "return sigmoid(z) + _times",
        "return sigmoid(z) - _times",
        "test_activations.py",
        "gelu",
    ),
    code(
        "lost nan",
        "utils/activations.py",
        "np.where(np.isnan(x64), x64, formula(x64, **given))",
        "np.nan_to_num(formula(x64, **given), posinf=np.inf, neginf=-np.inf)",
        "test_activations.py",
        "nan",
    ),
    code(
        "scaled by the test part",
        "utils/data.py",
        "mean, deviation = x_train.mean(axis=0)",
        "mean, deviation = x_test.mean(axis=0)",
        "test_data.py",
        "test_digits_are_standardised_by_training_samples",
    ),
    # --- exercises and grading ---
    code(
        "wrong hint",
        "utils/checks/definition.py",
        '"z is missing its bias."): [8, 16]',
        '"z is missing its bias."): [8, 17]',
        "exercises/test_every_exercise.py -k 01_definition-neuron",
        "'w' == 'w no bias'",
    ),
    code(
        "lenient checker",
        "utils/checks/answers.py",
        "def close(a, b, rtol=1e-6",
        "def close(a, b, rtol=1",
        "exercises/test_every_exercise.py -k 01_definition",
        "Not yet",
    ),
    code(
        "wrong grade",
        "classroom/results.py",
        'numbers["total"] += cell["score"] or 0',
        'numbers["total"] += cell["worth"]',
        "test_intake.py -k empty_field",
        "test_an_empty_field_waits",
    ),
    code(
        "locked cell is the student's",
        "classroom/submissions.py",
        "elif one is not None and not grade_id(cell):",
        "elif one is not None:",
        "test_grading.py -k locked_cells",
        "test_checks_and_locked_cells_are_those_handed_out",
    ),
    code(
        "formula for a spreadsheet",
        "classroom/tables.py",
        'FORMULA = tuple("=+-@',
        'FORMULA = tuple("+-@',
        "test_grading.py -k formula",
        "test_no_text_of_a_student_is_a_formula",
    ),
    Mutation(
        "exercise stops",
        "chapters/exercises/01_definition.ipynb",
        "import numpy as np",
        "import numpi as np",
        f"{PYTEST} tests/lab -k 'runs_to_its_end and 01_definition "
        "and not in_jupyterlab'",
        "No module named 'numpi'",
    ),
    # --- publishing ---
    code(
        "Binder opens nothing",
        "_ext/clone.py",
        "?urlpath=lab/tree/",
        "?urlpath=lab/",
        "test_clone.py",
        "urlpath",
    ),
    built(
        "redirect forgets the place",
        "_ext/publishing.py",
        " + location.hash",
        "",
        "test_moved.py -k 'same_place and 08b and http'",
        "Timeout",
        "_build/html/chapters/08b_comparison.html",
    ),
    built(
        "search sorts as it likes",
        "_ext/scorer.js",
        "20 * named",
        "0 * named",
        "test_search.py -k http",
        "'vanishing gradient' finds",
        "_build/html/_static/language_data.js",
    ),
    built(
        "number of another chapter",
        CHAPTER,
        '<h1><span class="section-number">7. ',
        '<h1><span class="section-number">8. ',
        "test_book.py -k 'number_of_its_file and 07'",
        "7. Dying ReLU",
    ),
    built(
        "page without description",
        FAQ,
        '<meta name="description"',
        '<meta name="descriptions"',
        "test_publishing.py -k describe",
        "faq.html: 0 characters",
    ),
    # --- pages, read as text ---
    page(
        "dead link",
        FAQ,
        '<a href="nowhere.html">more</a>',
        "test_book.py -k 'lead_somewhere and faq'",
        "nowhere.html leads nowhere",
    ),
    page(
        "off-site request",
        FAQ,
        '<img alt="A stranger." src="https://example.org/a.png">',
        "test_book.py -k 'from_elsewhere and faq'",
        "https://example.org/a.png",
    ),
    page(
        "source shows",
        FAQ,
        "<p>See {doc}`faq`.</p>",
        "test_book.py -k 'no_source_shows and faq'",
        "'{doc}' shows on the page",
    ),
    page(
        "invalid HTML",
        FAQ,
        '<p id="main-content">Twice.</p>',
        "test_book.py -k html_is_valid",
        "Duplicate ID",
    ),
    page(
        "no alt text",
        FAQ,
        '<img src="../_static/cover.png" width="9" height="9">',
        "test_access.py -k pictures_say",
        "too short to say what is shown",
    ),
    page(
        "skipped heading",
        FAQ,
        "<h5>Deep</h5>",
        "test_access.py -k 'headings and faq'",
        "a level is skipped",
    ),
    # --- pages in a browser ---
    page(
        "late off-site request",
        FAQ,
        "<script>setTimeout(() => fetch('https://example.org/'), 300)</script>",
        "test_browser.py -k 'asks_nobody and faq'",
        "https://example.org/",
    ),
    page(
        "script error",
        FAQ,
        "<script>nothing.here()</script>",
        "test_browser.py -k 'from_disk and faq'",
        "nothing is not defined",
    ),
    page(
        "too wide",
        FAQ,
        '<div style="width: 1300px">Wide.</div>',
        "test_browser.py -k 'fits_any_screen and faq'",
        "px too wide for",
    ),
    page(
        "pale text",
        FAQ,
        '<p style="color: #999">Pale.</p>',
        "test_browser.py -k 'rules_of_accessibility and faq'",
        "color-contrast",
    ),
    page(
        "pale code in the dark",
        CHAPTER,
        "<style>html[data-theme=dark] .highlight .nb { color: #777 !important }"
        "</style>",
        "test_browser.py -k 'rules_of_accessibility and 07_dying and dark'",
        "color-contrast",
    ),
    page(
        "field without a label",
        FAQ,
        '<input type="text">',
        "test_browser.py -k 'rules_of_accessibility and faq'",
        "label",
    ),
    page(
        "nothing without script",
        FAQ,
        "<style>main { display: none !important }</style>"
        "<script>[...document.styleSheets].at(-1).disabled = true</script>",
        "test_browser.py -k 'without_javascript and faq'",
        "test_text_and_first_frames_without_javascript",
    ),
    built(
        "late font moves text",
        "_static/book.css",
        "font-display: optional",
        "font-display: swap",
        "test_browser.py -k late_font",
        "window.seen.shift",
        CSS,
    ),
    built(
        "broken explorer",
        "utils/explorer.py",
        "index * data.values[i].length + position",
        "index * data.values[i].length",
        "test_browser.py -k 'explorers_answer and 01'",
        "does not change the picture",
        FIRST,
    ),
    built(
        "picture out of shape",
        "_static/book.css",
        'svg[role="img"] { height: auto;',
        'svg[role="img"] { height: 300px;',
        "test_browser.py -k 'fits_any_screen and 01_definition'",
        "a picture is stretched",
        CSS,
    ),
    built(
        "pale links",
        "_static/book.css",
        "--pst-color-link: #0a58c2",
        "--pst-color-link: #7aa8ff",
        "test_browser.py -k 'rules_of_accessibility and faq'",
        "color-contrast",
        CSS,
    ),
    built(
        "focus without a mark",
        "_static/book.css",
        "outline: 3px solid var(--pst-color-accent) !important;\n"
        "  outline-offset",
        "outline: none !important;\n  outline-offset",
        "test_access.py -k 'focus_is_always and faq'",
        "focus has contrast 0.0",
        CSS,
    ),
    built(
        "unwanted motion",
        "_static/book.css",
        "scroll-behavior: auto !important",
        "scroll-behavior: smooth !important",
        "test_access.py -k nothing_moves",
        "test_nothing_moves_for_those_who_ask_for_it",
        CSS,
    ),
    page(
        "white slab in the dark",
        FIRST,
        "<style>.explorer-frame { background: white; }</style>",
        "test_figures.py -k 'legible and 01'",
        "dark: its background is",
    ),
    page(
        "dark text in the dark",
        FIRST,
        "<style>article figure svg { color: black; }</style>",
        "test_figures.py -k 'legible and 01'",
        "dark: the text below has the contrast",
    ),
    built(
        "map that is turned over",
        "_static/book.css",
        'html[data-theme="dark"] .on-light',
        'html[data-theme="dark"] .on-paper',
        "test_figures.py -k 'more_is_brighter and 07'",
        "more is not brighter",
        CSS,
    ),
    built(
        "other paper",
        "_static/book.css",
        "size: A4;",
        "size: A5;",
        "test_print.py -k 'folded and solutions'",
        "not A4",
        CSS,
    ),
    # --- the live lab ---
    Mutation(
        "lab trains otherwise",
        "utils/lab.js",
        "mean[i] = 0.9 * mean[i]",
        "mean[i] = 0.8 * mean[i]",
        f"{PYTEST} tests/book/test_live_lab.py -k 'kind and momentum'",
        "< 1e-09",
    ),
    built(
        "lab talks at every step",
        "utils/lab.js",
        "now - this.spoken > 5000",
        "now - this.spoken > 5",
        "test_live_lab.py -k read_aloud",
        "<= 4",
        LAB,
    ),
    built(
        "lab goes on unseen",
        "utils/lab.js",
        "this.visible = isIntersecting",
        "this.visible = true",
        "test_live_lab.py -k out_of_sight",
        "page.evaluate(run) == before",
        LAB,
    ),
    # --- the ledger ---
    built(
        "filter that looks inside words",
        "utils/ledger.js",
        "t.startsWith(w)",
        "t.includes(w)",
        "test_ledger.py -k beginning",
        "without not in found",
        LEDGER,
    ),
    built(
        "filter that reaches paper",
        "_static/book.css",
        ".ledger > tbody[hidden] { display: table-row-group",
        ".ledger > tbody.none { display: table-row-group",
        "test_ledger.py -k paper",
        "page.evaluate(SHOWN) == list(LEDGER)",
        CSS,
    ),
    # --- JupyterLab ---
    Mutation(
        "source shows in JupyterLab",
        "chapters/exercises/02_nonlinearity.ipynb",
        "# Exercises 2: why a kink",
        "# Exercises 2: why a kink {nosuch}",
        f"{PYTEST} tests/lab -k 'drawn and exercises/02'",
        "shows its source",
    ),
]


def find(names):
    """Return the faults with these names, or all."""
    known = {mutation.name: mutation for mutation in MUTATIONS}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SystemExit(
            f"unknown faults: {', '.join(unknown)}; known are for example: "
            f"{', '.join(list(known)[:3])}"
        )
    return [known[name] for name in names] or MUTATIONS


def copied(folder):
    """Copy the tree with the built book into the folder; return its top."""
    top = Path(folder) / "book"
    shutil.copytree(ROOT, top, ignore=shutil.ignore_patterns(*LEFT_OUT))
    (top / ".venv-binder").symlink_to(ROOT / ".venv-binder")
    return top


def run(command, top):
    """Run a part of the tests in the copy; return exit status and output."""
    environ = {
        **os.environ,
        # A missing browser fails, and is not skipped.
        "CI": "true",
        "PYTHONPATH": str(top),
        # A fault as long as the text it replaces, made in the same second,
        # would be taken for what was compiled before.
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        f"{sys.executable} {command}",
        shell=True,
        cwd=top,
        env=environ,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


def plant(mutation, top):
    """Put the fault into the copy; return the texts that it replaced."""
    before = {}
    for name in mutation.files:
        path = top / name
        text = path.read_text("utf-8") if path.exists() else ""
        if text.count(mutation.old) != 1:
            raise SystemExit(
                f"{mutation.name}: {name} must hold once, not "
                f"{text.count(mutation.old)} times: {mutation.old!r}"
            )
        before[path] = text
    for path, text in before.items():
        path.write_text(text.replace(mutation.old, mutation.new), "utf-8")
    return before


def verdict(mutation, top, sound):
    """Plant a fault, run its command, take it out; say what came of it."""
    if sound(mutation.command) != 0:
        return "NOT SOUND before"
    before = plant(mutation, top)
    status, output = run(mutation.command, top)
    for path, text in before.items():
        path.write_text(text, "utf-8")
    if status == 1 and mutation.says in output:
        return "caught"
    print(output[-3000:])
    return f"MISSED, exit {status}"


def main(arguments):
    """Try the faults that are named, or all; exit 1 if one was missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    mutations = find(parser.parse_args(arguments).names)
    if not (ROOT / "_build" / "recorded").exists():
        raise SystemExit(
            "faults are planted in what `make test` leaves, the built book "
            "above all: run `make test` first"
        )
    missed = []
    with tempfile.TemporaryDirectory() as folder:
        top = copied(folder)
        # Faults share commands, each of which must pass without them.
        sound = functools.cache(lambda command: run(command, top)[0])
        for mutation in mutations:
            start = time.perf_counter()
            result = verdict(mutation, top, sound)
            seconds = time.perf_counter() - start
            print(f"{mutation.name:30} {result}  {seconds:.0f} s", flush=True)
            if result != "caught":
                missed.append(mutation.name)
    print(f"{len(mutations) - len(missed)} of {len(mutations)} caught")
    if missed:
        raise SystemExit("missed: " + ", ".join(missed))


if __name__ == "__main__":
    main(sys.argv[1:])
