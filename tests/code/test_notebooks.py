"""Each stored chapter keeps the rules, and each rule catches its fault."""

import base64
import subprocess
import sys

import pytest
from nbformat.v4 import (
    new_code_cell,
    new_markdown_cell,
    new_notebook,
    new_output,
)

from tools import execute, notebooks, paths, report, rules

CHAPTERS = notebooks.pages()
PNG = base64.b64encode(b"not really a picture").decode()
ALT = "Two straight lines that meet at the origin, flat on its left."
QUIZ = """**Which value is relu(-3)?**

<details><summary>-3</summary> Not quite: negatives become 0. </details>

<details><summary>0</summary> Right: the larger of 0 and -3. </details>

<details><summary>3</summary> Not quite: that is the absolute value. </details>
"""


# --- the stored chapters ---


@pytest.fixture(params=CHAPTERS, ids=lambda path: path.stem)
def chapter(request):
    return request.param


def test_chapter_keeps_the_rules(chapter):
    nb = notebooks.read(chapter)
    assert rules.problems(nb) == []
    if chapter in notebooks.chapters():
        assert rules.beats(nb) == []


def test_chapter_is_as_execute_writes_it(chapter):
    nb = notebooks.read(chapter)
    stored = chapter.read_text(encoding="utf-8")
    assert stored == notebooks.dumps(notebooks.normalise(nb))


def test_nbval_skips_explorers_labs_and_timings_alone(chapter):
    nb = notebooks.read(chapter)
    may_differ = [
        cell.id
        for cell in nb.cells
        if notebooks.tags(cell) & {"explorer", "lab", "timing"}
    ]
    skipped = rules.not_compared(nb)
    print(f"{chapter.name}: {len(skipped)} cells not compared")
    assert skipped == may_differ


def test_figure_names_and_alt_texts_are_unique():
    found = {path.name: notebooks.read(path) for path in CHAPTERS}
    assert rules.clashes(found) == []


def test_pages_come_as_they_are_read(monkeypatch, tmp_path):
    for name in ("02_in_depth", "ten_minutes", "10_b", "02_in_depths", "01_a"):
        (tmp_path / f"{name}.ipynb").touch()
    monkeypatch.setattr(notebooks, "CHAPTERS", tmp_path)
    found = [path.stem for path in notebooks.pages()]
    chapters = ["01_a", "02_in_depths", "10_b"]
    assert found == ["ten_minutes", *chapters, "02_in_depth"]
    assert [path.stem for path in notebooks.chapters()] == chapters


# --- one fixture for each rule ---


def code(id_, source, outputs=(), tags=(), **mystnb):
    metadata = {"tags": list(tags)} if tags else {}
    if mystnb:
        metadata["mystnb"] = mystnb
    return new_code_cell(
        source, id=id_, metadata=metadata, outputs=list(outputs)
    )


def shown(**data):
    data = {mime.replace("_", "/"): text for mime, text in data.items()}
    return new_output("display_data", data)


def printed(text, name="stdout"):
    return new_output("stream", name=name, text=text)


def clean():
    """Return a chapter in which no rule is broken."""
    nb = new_notebook(
        metadata=notebooks.METADATA,
        cells=[
            new_markdown_cell("# A title\n\n**Puzzle.** Which?", id="title"),
            code("relu-of-five", "print(max(0, 5))", [printed("5\n")]),
            code(
                "test-relu-of-five",
                "assert max(0, 5) == 5",
                tags=["remove-cell", "test"],
            ),
            new_markdown_cell("## The graph\n\nLook for the kink.", id="look"),
            code(
                "graph",
                "plot()",
                [shown(text_plain="<Figure>", image_png=PNG)],
                image={"alt": ALT},
                figure={"caption": "ReLU", "name": "fig-relu"},
            ),
            new_markdown_cell("Move the slider.", id="move"),
            code(
                "hinge",
                "explore()",
                [shown(text_plain="Explorer", image_png=PNG)],
                tags=["explorer", "nbval-ignore-output"],
            ),
            new_markdown_cell("Press Play.", id="press"),
            code(
                "harsh",
                "lab.Lab(learning_rate=1)",
                [shown(text_plain="Lab", image_png=PNG)],
                tags=["lab", "nbval-ignore-output"],
            ),
            new_markdown_cell("## Summary\n\n- A kink.", id="summary"),
            new_markdown_cell("## Quiz", id="quiz"),
            new_markdown_cell(QUIZ, id="quiz-one"),
            new_markdown_cell(QUIZ, id="quiz-two"),
            new_markdown_cell(QUIZ, id="quiz-three"),
            new_markdown_cell("## Exercises\n\nDo it.", id="exercises"),
            new_markdown_cell("## Further reading\n\nThis.", id="reading"),
        ],
    )
    codes = [cell for cell in nb.cells if cell.cell_type == "code"]
    for count, cell in enumerate(codes, start=1):
        cell.execution_count = count
    return nb


def find(nb, id_):
    return next(cell for cell in nb.cells if cell.id == id_)


def test_clean_notebook_has_no_problems():
    nb = clean()
    assert rules.problems(nb) == []
    assert rules.beats(nb) == []
    assert rules.clashes({"clean": nb}) == []


def set_(id_, **values):
    return lambda nb: find(nb, id_).update(values)


def output(id_, *outputs):
    return lambda nb: find(nb, id_).update(outputs=list(outputs))


def tag(id_, *tags):
    return lambda nb: find(nb, id_).metadata.update(tags=list(tags))


def waiting(id_):
    """Let a cell wait, whatever its other tags are."""

    def change(nb):
        metadata = find(nb, id_).metadata
        metadata["tags"] = [*metadata.get("tags", []), rules.WAITS]

    return change


PREDICT = "**Predict.** Which?\n\n* this\n* that"


@pytest.mark.parametrize(
    "end",
    ["\n\n* this\n* that", "\n\n*Your guess: … %*", "\n\n*Draw it: it.*"],
)
def test_prediction_may_wait(end):
    nb = clean()
    find(nb, "look").source = f"## A\n\n**Predict.** Which?{end}"
    waiting("graph")(nb)
    tag("move", "waits")(nb)
    assert rules.problems(nb) == []


def mystnb(id_, part, **values):
    return lambda nb: find(nb, id_).metadata.mystnb[part].update(values)


def source(id_, text):
    return set_(id_, source=text)


def remove(id_):
    return lambda nb: nb.cells.remove(find(nb, id_))


def each(*changes):
    return lambda nb: [change(nb) for change in changes]


ERROR = new_output("error", ename="ValueError", evalue="no", traceback=[])
LONG = "\n".join(f"x{number} = {number}" for number in range(31))
# Put together here, since tests/code/test_repository.py looks for such paths.
HOME = "/" + "home"

FAULTS = {
    "old format": (
        lambda nb: nb.update(nbformat_minor=4),
        "notebook: format 4.4, wanted 4.5",
    ),
    "invalid": (
        lambda nb: find(nb, "title").update(outputs=[]),
        "notebook: not valid",
    ),
    "notebook metadata": (
        lambda nb: nb.metadata.update(widgets={}),
        "notebook: metadata beyond",
    ),
    "cell metadata": (
        lambda nb: find(nb, "look").metadata.update(editable=True),
        "look: the metadata 'editable' is not stored",
    ),
    "twice the same id": (
        set_("move", id="look"),
        "look: the id occurs 2 times",
    ),
    "id with capitals": (
        set_("look", id="Look_here"),
        "Look_here: the id must be words",
    ),
    "random id": (
        set_("look", id="a1b2c3d4"),
        "a1b2c3d4: the id is random",
    ),
    "random long id": (
        set_("look", id="a1b2c3d4-0000-4abc-8def-0123456789ab"),
        "a1b2c3d4-0000-4abc-8def-0123456789ab: the id is random",
    ),
    "no execution count": (
        set_("graph", execution_count=None),
        "graph: has no execution count",
    ),
    "counts out of order": (
        set_("graph", execution_count=7),
        "graph: execution count 7, wanted 3",
    ),
    "stored error": (
        output("relu-of-five", ERROR),
        "relu-of-five: stores the error ValueError",
    ),
    "stored stderr": (
        output("relu-of-five", printed("careful", "stderr")),
        "relu-of-five: stores stderr",
    ),
    "stored HTML": (
        output("relu-of-five", shown(text_html="<b>5</b>")),
        "relu-of-five: stores text/html",
    ),
    "stored HTML of an explorer": (
        output("hinge", shown(text_html="<input>", image_png=PNG)),
        "hinge: stores text/html",
    ),
    "unknown tag": (
        tag("relu-of-five", "hide_input"),
        "relu-of-five: unknown tag 'hide_input'",
    ),
    "stored HTML of a lab": (
        output("harsh", shown(text_html="<div>", image_png=PNG)),
        "harsh: stores text/html",
    ),
    "lab that nbval compares": (
        tag("harsh", "lab"),
        "harsh: the tag nbval-ignore-output belongs",
    ),
    "explorer that nbval compares": (
        tag("hinge", "explorer"),
        "hinge: the tag nbval-ignore-output belongs",
    ),
    "plain cell that nbval skips": (
        tag("relu-of-five", "nbval-ignore-output"),
        "relu-of-five: the tag nbval-ignore-output belongs",
    ),
    "hidden without test": (
        tag("graph", "remove-cell"),
        "graph: the tags remove-cell and test go together",
    ),
    "test that asserts nothing": (
        source("test-relu-of-five", "'assert'"),
        "test-relu-of-five: is tagged test and asserts nothing",
    ),
    "trailing semicolon": (
        source("graph", "plot();"),
        "graph: line 1 ends with ';'",
    ),
    "trailing semicolon before a comment": (
        source("graph", "plot('a;')\nplot();  # quiet\nplot()"),
        "graph: line 2 ends with ';'",
    ),
    "magic": (
        source("graph", "%timeit plot()"),
        "graph: is not plain Python",
    ),
    "empty cell": (source("graph", ""), "graph: has no code"),
    "long line": (
        source("graph", f"plot('{'x' * 80}')"),
        "graph: line 1 has 88 columns",
    ),
    "long cell": (
        source("graph", "\n".join(LONG.splitlines()[:16])),
        "graph: 16 lines, at most 15",
    ),
    "long hidden cell": (
        each(source("graph", LONG), tag("graph", "hide-input")),
        "graph: 31 lines, at most 30",
    ),
    "memory address": (
        output("relu-of-five", shown(text_plain="<f at 0x7f3a00ff>")),
        "relu-of-five: shows the memory address 0x7f3a00ff",
    ),
    "NumPy scalar": (
        output("relu-of-five", printed("np.float64(5.0)\n")),
        "relu-of-five: shows np.float64",
    ),
    "path in an output": (
        output("relu-of-five", printed(f"read {HOME}/someone/data\n")),
        f"relu-of-five: {HOME!r} is a path of one machine",
    ),
    "path in the prose": (
        source("look", f"Save it in {HOME}/someone/data."),
        f"look: {HOME!r} is a path of one machine",
    ),
    "no alt text": (
        mystnb("graph", "image", alt=""),
        "graph: mystnb.image.alt must say what the figure shows",
    ),
    "alt text that names the medium": (
        mystnb("graph", "image", alt=f"A figure of {ALT}"),
        "graph: mystnb.image.alt must say what is seen",
    ),
    "no caption": (
        mystnb("graph", "figure", caption=""),
        "graph: mystnb.figure.caption is missing",
    ),
    "no figure name": (
        mystnb("graph", "figure", name=""),
        "graph: mystnb.figure.name is missing",
    ),
    "code after code": (
        remove("look"),
        "graph: no sentence before it",
    ),
    "no title": (
        source("title", "**Puzzle.** Which?"),
        "title: the first cell must have one H1",
    ),
    "second H1": (
        source("move", "# Another title"),
        "move: a second H1, 'Another title'",
    ),
    "skipped level": (
        source("move", "#### Deep"),
        "move: 'Deep' is H4 right after H2",
    ),
    "no puzzle": (
        source("title", "# A title"),
        "chapter: no **Puzzle**",
    ),
    "sections out of order": (
        each(
            source("summary", "## Quiz"),
            source("quiz", "## Summary"),
        ),
        "chapter: wants the H2 sections Summary, Quiz, Exercises, Further",
    ),
    "no explorer": (
        each(tag("hinge", "timing", "nbval-ignore-output"), output("hinge")),
        "chapter: no cell is tagged explorer",
    ),
    "a tag on Markdown": (
        tag("move", "test"),
        "move: unknown tag 'test'; a Markdown cell may have 'waits' alone",
    ),
    "waiting for nothing": (
        tag("move", "waits"),
        "move: waits, and there is not one paragraph that starts with",
    ),
    "waiting for no answer": (
        each(source("look", "**Predict.** Which?"), waiting("graph")),
        "graph: waits, and the prompt does not end with a list of options",
    ),
    "an option with a link": (
        each(
            source("look", "**Predict.** Which?\n\n* {term}`one`\n* two"),
            waiting("graph"),
        ),
        "graph: waits, and an option holds a role or a link",
    ),
    "a heading that waits": (
        each(
            source("look", PREDICT),
            waiting("graph"),
            tag("move", "waits"),
            source("move", "## Next"),
        ),
        "move: waits, and has a heading",
    ),
    "a prediction that waits": (
        each(
            source("look", PREDICT),
            waiting("graph"),
            tag("move", "waits"),
            source("move", PREDICT),
        ),
        "move: waits, and asks for a prediction itself",
    ),
    "two quizzes": (
        remove("quiz-two"),
        "chapter: 2 quiz- cells, wanted three",
    ),
    "quiz without a question": (
        source("quiz-two", QUIZ.replace("**", "")),
        "quiz-two: a quiz starts with its question in bold",
    ),
    "quiz with two options": (
        source("quiz-two", QUIZ[: QUIZ.rindex("<details>")]),
        "quiz-two: a quiz has three or more options",
    ),
    "quiz with two right options": (
        source("quiz-two", QUIZ.replace("Not quite", "Right", 1)),
        "quiz-two: 2 options are 'Right', wanted one",
    ),
    "quiz with options that JupyterLab runs together": (
        source(
            "quiz-two",
            QUIZ.replace("\n\n<details><summary>3", "\n<details><summary>3"),
        ),
        "quiz-two: a blank line is missing",
    ),
    "quiz with a formula": (
        source("quiz-two", QUIZ.replace("absolute value", "value $|x|$")),
        "quiz-two: an option holds a formula",
    ),
    "quiz with a bare option": (
        source("quiz-two", QUIZ.replace("Not quite: neg", "Neg")),
        "quiz-two: each explanation starts with",
    ),
}


@pytest.mark.parametrize(("change", "message"), FAULTS.values(), ids=FAULTS)
def test_rule_catches_its_fault(change, message):
    nb = clean()
    change(nb)
    found = rules.problems(nb) + rules.beats(nb)
    assert len(found) == 1, found
    assert found[0].startswith(message)


def test_allowed_exceptions_are_no_problems():
    nb = clean()
    output("relu-of-five", ERROR)(nb)
    tag("relu-of-five", "raises-exception")(nb)
    source("test-relu-of-five", "np.testing.assert_equal(f(5), 5)")(nb)
    source("look", "See https://example.org/home/ for float.hex: 0x1.8p+1")(nb)
    source("graph", "text = 'a;\\n'\nx = 1; y = '''b;\n'''")(nb)
    assert rules.problems(nb) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            mystnb("graph", "figure", name="fig-other"),
            f"mystnb.image.alt {ALT!r} is in a, graph and b, graph",
        ),
        (
            mystnb("graph", "image", alt=ALT.upper()),
            "mystnb.figure.name 'fig-relu' is in a, graph and b, graph",
        ),
    ],
    ids=["alt text", "figure name"],
)
def test_names_used_twice_in_the_book_are_found(change, message):
    other = clean()
    change(other)
    assert rules.clashes({"a": clean(), "b": other}) == [message]


def test_comment_that_turns_nbval_off_is_counted():
    nb = clean()
    source("graph", "# NBVAL_IGNORE_OUTPUT\nplot()")(nb)
    assert rules.not_compared(nb) == ["graph", "hinge", "harsh"]


# --- normalise, execute, check, report ---


def test_normalise_keeps_only_what_is_stored():
    nb = clean()
    nb.metadata.widgets = {"state": 1}
    find(nb, "look").metadata.collapsed = True
    set_("graph", execution_count=9)(nb)
    output(
        "graph",
        printed("a\n"),
        printed("b\n"),
        printed("careful\n", "stderr"),
        shown(text_plain="<Figure>", text_html="<b>", image_png=PNG),
        shown(text_html="<b>"),
    )(nb)
    once = notebooks.normalise(nb)
    assert rules.problems(once) == []
    assert find(once, "graph").outputs == [
        printed("a\nb\n"),
        shown(text_plain="<Figure>", image_png=PNG),
    ]


def test_normalise_twice_changes_nothing():
    nb = clean()
    set_("graph", execution_count=9)(nb)
    output("graph", printed("a\n"), ERROR, printed("b\n"))(nb)
    once = notebooks.normalise(nb)
    assert notebooks.dumps(notebooks.normalise(once)) == notebooks.dumps(once)


def test_normalise_leaves_its_argument_alone():
    nb = clean()
    nb.metadata.widgets = {}
    before = notebooks.dumps(nb)
    notebooks.normalise(nb)
    assert notebooks.dumps(nb) == before


def write(folder, *sources):
    """Store a notebook of `sources` in `folder`; return its path."""
    cells = [
        new_code_cell(text, id=f"cell-{number}")
        for number, text in enumerate(sources)
    ]
    path = folder / "tiny.ipynb"
    nb = new_notebook(cells=cells, metadata=notebooks.METADATA)
    path.write_text(notebooks.dumps(nb), encoding="utf-8")
    return path


RICH = """class Rich:
    def _repr_mimebundle_(self, include=None, exclude=None):
        return {
            "application/vnd.jupyter.widget-view+json": {"model_id": "1"},
            "image/png": "aGVsbG8=",
            "text/html": "<input>",
            "text/plain": "Rich()",
        }


Rich()"""


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    path = write(
        tmp_path_factory.mktemp("executed"),
        "from pathlib import Path\nprint(Path.cwd().name)",
        "from utils import activations\nprint(activations.__name__)",
        RICH,
    )
    return path, execute.execute(path)


def test_execute_stores_png_and_text_alone(executed):
    _, nb = executed
    (rich,) = nb.cells[2].outputs
    assert rich.data == {"image/png": "aGVsbG8=", "text/plain": "Rich()"}
    assert nb.metadata == notebooks.METADATA


def test_execute_starts_in_the_folder_and_finds_utils(executed):
    path, nb = executed
    assert nb.cells[0].outputs[0].text == f"{path.parent.name}\n"
    assert nb.cells[1].outputs[0].text == "utils.activations\n"


def test_execute_twice_gives_the_same_bytes(executed):
    path, nb = executed
    assert notebooks.dumps(execute.execute(path)) == notebooks.dumps(nb)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("import warnings\nwarnings.warn('careful')", "wrote to stderr"),
    ],
    ids=["error", "stderr"],
)
def test_execute_names_the_chapter_and_the_cell(tmp_path, fault, message):
    path = write(tmp_path, "x = 1", fault)
    stored = path.read_bytes()
    with pytest.raises(execute.ExecutionError) as caught:
        execute.execute(path)
    assert str(caught.value).startswith("tiny.ipynb, cell cell-1:")
    assert message in str(caught.value)
    assert path.read_bytes() == stored


def test_check_exits_with_the_problem(tmp_path, capsys):
    path = write(tmp_path, "x = 1")
    with pytest.raises(SystemExit) as caught:
        rules.main([str(path)])
    assert "/tiny.ipynb, cell-0: has no execution count" in str(caught.value)
    assert "1 code cells; nbval compares all but 0" in capsys.readouterr().out


def test_report_names_the_chapter_and_the_cell(tmp_path):
    (tmp_path / "chapters").mkdir()
    write(tmp_path / "chapters", "x = 1", "y = x\n1 / 0")
    reports = tmp_path / "reports"
    (reports / "chapters").mkdir(parents=True)
    rule = "-" * 18
    (reports / "chapters" / "tiny.err.log").write_text(
        f"Traceback:\n{rule}\ny = x\n1 / 0\n{rule}\nZeroDivisionError\n",
        encoding="utf-8",
    )
    (found,) = report.report(reports, tmp_path)
    assert found.startswith("chapters/tiny.ipynb, cell cell-1:")
    assert "ZeroDivisionError" in found


def test_cover_is_the_picture_that_its_chapter_stores():
    path = paths.CHAPTERS / f"{execute.COVER[0]}.ipynb"
    picture = execute.cover(notebooks.read(path), "image/png")
    copy = execute.COVER_COPIES["image/png"]
    assert copy.read_bytes() == picture, rules.TO_MEND


def test_cover_is_taken_from_a_run_in_both_forms():
    cell = new_code_cell(id=execute.COVER[1])
    data = {"image/png": "UE5H", "image/svg+xml": "<svg />"}
    cell.outputs = [new_output("display_data", data)]
    nb = new_notebook(cells=[cell])
    assert execute.cover(nb, "image/png") == b"PNG"
    assert execute.cover(nb, "image/svg+xml") == b"<svg />"
    assert set(execute.COVER_COPIES) == set(data)


# --- nbval itself ---


def nbval(path):
    """Compare the notebook at `path` as `make test` does."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "conftest", str(path)]
        + ["--nbval", "--nbval-current-env", "-p", "no:cacheprovider"],
        cwd=paths.ROOT,
        capture_output=True,
        text=True,
    )


def test_nbval_accepts_what_execute_stores(executed, tmp_path):
    path = tmp_path / "tiny.ipynb"
    nb = executed[1].copy()
    nb.cells = nb.cells[1:]
    path.write_text(notebooks.dumps(notebooks.normalise(nb)))
    run = nbval(path)
    assert run.returncode == 0, run.stdout


def test_nbval_finds_a_changed_digit_and_names_the_cell(tmp_path):
    path = write(tmp_path, "print(1 / 8)")
    text = notebooks.dumps(execute.execute(path))
    assert text.count("0.125") == 1
    path.write_text(text.replace("0.125", "0.126"), encoding="utf-8")
    run = nbval(path)
    assert run.returncode == 1
    assert "FAILED" in run.stdout and "tiny.ipynb::cell-0" in run.stdout
