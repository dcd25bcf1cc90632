"""Run a notebook in a student's kernel, and score its check cells."""

import ast
import importlib
import json
import os
import sys
from collections import Counter
from pathlib import Path

import nbformat
from IPython.core.inputtransformer2 import TransformerManager
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbgrader.preprocessors import Execute, LimitOutput
from nbgrader.utils import is_grade, is_solution
from traitlets.config import Config

from classroom import checking, sandbox
from classroom.submissions import MB, grade_id

LONGEST = MB  # the output of a cell
GUARD = Path(__file__).with_name("guard.py").read_text(encoding="utf-8")


def checkers(released):
    """Return the module that the exercise imports as `check`."""
    for step in ast.parse(_imports(released).source).body:
        for name in getattr(step, "names", ()):
            if name.asname == "check":
                return importlib.import_module(f"{step.module}.{name.name}")
    raise ValueError("the exercise must import its checkers as `check`")


def _imports(released):
    return next(cell for cell in released.cells if cell.cell_type == "code")


def run(nb, released, checks, folder, timeout):
    """Run `nb` in place, in a sandbox if there is one.

    Parameters
    ----------
    nb, released : NotebookNode
        The notebook with the student's answers, and as handed out.
    checks : dict
        From `checking.checks`.
    folder : Path
        The submission's own; its kernel may write into parts of it.
    timeout : int
        Seconds for a cell.

    Returns
    -------
    states : dict
        grade_id -> the state of its feedback, of each check that said one.
    remarks : list of str
    """
    config = Config()
    config.Execute.timeout = config.Execute.iopub_timeout = timeout
    config.Execute.shutdown_kernel = "immediate"
    config.LimitOutput.max_lines = 1000
    _kernel(folder)
    step = _Execute(config=config)
    step.begin(released, checks, folder)
    desk = folder / "desk" / "book" / "chapters" / "exercises"
    # As deep as in the book, so that ../../ stays in this folder.
    desk.mkdir(parents=True)
    resources = {"metadata": {"path": str(desk)}}
    step.preprocess(nb, resources)
    LimitOutput(config=config).preprocess(nb, resources)
    return step.states, step.remarks()


def _kernel(folder):
    """Say how the kernel starts: with the sandbox's words before it."""
    for name in ("desk", "run"):
        (folder / name).mkdir()
    words = []
    if not sandbox.missing():
        words = sandbox.command(
            [folder / "desk", folder / "run"], [folder / "clone"]
        )
    spec = folder / "jupyter" / "kernels" / "python3" / "kernel.json"
    spec.parent.mkdir(parents=True)
    start = [sys.executable, "-m", "ipykernel_launcher", "-f"]
    spec.write_text(
        json.dumps(
            {
                "argv": [*words, *start, "{connection_file}"],
                "display_name": "Python 3",
                "language": "python",
                "interrupt_mode": "message" if words else "signal",
                "env": {
                    "HOME": str(folder / "desk"),
                    "TMPDIR": str(folder / "desk"),
                    "IPYTHONDIR": str(folder / "desk" / ".ipython"),
                    "MPLCONFIGDIR": str(folder / "desk" / ".matplotlib"),
                },
            }
        )
    )
    os.environ["JUPYTER_PATH"] = str(folder / "jupyter")


class _Execute(Execute):
    """nbgrader's Execute, which scores the check cells as it goes.

    A lost kernel costs only the cells that follow. Hidden tests are not sent.
    """

    def begin(self, released, checks, folder):
        self.released, self.checks, self.folder = released, checks, folder
        self.checkers = checkers(released)
        self.imports = _imports(released)
        self.lost, self.written, self.states = None, Counter(), {}
        self.failed, self.left, self.patched, self.odd = [], [], [], []

    def remarks(self):
        """Return what a teacher should know of the run."""
        kinds = (
            ("in the imports, failed and passed over", self.failed),
            ("would end the kernel", self.left),
            ("replaced, and put back before the check", self.patched),
            ("objects of the student's own as answers", self.odd),
        )
        remarks = [
            f"{kind}: {', '.join(dict.fromkeys(what))}"
            for kind, what in kinds
            if what
        ]
        return remarks + [self.lost] * (self.lost is not None)

    def create_kernel_manager(self):
        manager = super().create_kernel_manager()
        if not sandbox.missing():  # in there is no network to talk over
            manager.connection_file = str(self.folder / "run" / "kernel.json")
            manager.transport, manager.ip = "ipc", str(self.folder / "run/k")
        return manager

    def preprocess_cell(self, cell, resources, index):
        if index == 0:
            self._send(self.imports.source)
            self._send(
                "_guard = {'__name__': '_guard'}\n"
                f"exec(compile({GUARD!r}, '_guard', 'exec'), _guard)\n"
                "_guard['start']('check')\ndel _guard"
            )
        if self.lost is None:
            try:
                return self._run(cell, resources, index)
            except DeadKernelError:
                self.lost = f"the kernel died in cell {cell.id}"
            except CellTimeoutError:
                self.lost = f"cell {cell.id} could not be interrupted"
        if cell.cell_type == "code":
            cell.outputs = [
                nbformat.v4.new_output(
                    "error", ename="NotRun", traceback=[self.lost]
                )
            ]
        return cell, resources

    def _run(self, cell, resources, index):
        name = grade_id(cell)
        if name in self.checks:
            return self._checked(cell, resources, index, self.checks[name])
        cell, resources = super().preprocess_cell(cell, resources, index)
        errors = _errors(cell)
        if cell.id == self.imports.id and errors:
            self._line_by_line(cell.source)
        elif "SystemExit" in errors:
            self.left.append(cell.id)
        return cell, resources

    def _checked(self, cell, resources, index, check):
        """Run a check cell between the two halves of the guard."""
        source, path = cell.source, self.folder / "desk" / ".told"
        path.unlink(missing_ok=True)
        arguments = check.target, list(check.arguments), str(path)
        cell.source = (
            f"__import__('_guard').before({check.target!r})\n{source}\n"
            f"__import__('_guard').after(*{arguments!r})"
        )
        try:
            cell, resources = super().preprocess_cell(cell, resources, index)
        finally:
            cell.source = source
        try:
            told = checking.load(path.read_bytes())
            self.patched += map(str, told["patched"])
            state, message, plain = checking.feedback(
                check, self.checkers, told
            )
        except (OSError, KeyError, TypeError, checking.NotPlain):
            cell.outputs = [
                one for one in cell.outputs if one.output_type == "error"
            ]
            return cell, resources
        if not plain:
            self.odd += map(str, told["own"])
        self.states[grade_id(cell)] = state
        cell.outputs = [
            nbformat.v4.new_output("stream", name="stdout", text=message)
        ]
        return cell, resources

    def _line_by_line(self, source):
        """Run each statement of the imports; note those that fail."""
        lines = source.splitlines()
        try:
            steps = ast.parse(TransformerManager().transform_cell(source)).body
        except SyntaxError as error:
            self.failed.append(f"`{(error.text or source).strip()[:60]}`")
            return
        for step in steps:
            if reply := self._send(ast.unparse(step)):
                line = lines[min(step.lineno, len(lines)) - 1].strip()
                self.failed.append(f"`{line[:60]}` ({reply[0]})")

    def _send(self, source):
        """Run code that is no cell; return the names of its errors."""
        cell = nbformat.v4.new_code_cell(source)
        last = self.nb.cells[-1]
        self.execute_cell(cell, -1, store_history=False)
        self.nb.cells[-1] = last  # nbclient put ours in its place
        return _errors(cell)

    def output(self, outs, msg, display_id, cell_index):
        content = msg["content"]
        room = max(0, LONGEST - self.written[cell_index])
        self.written[cell_index] += len(str(content))
        if msg["msg_type"] == "stream":
            content["text"] = content["text"][:room]
        if room or msg["msg_type"] == "error":
            return super().output(outs, msg, display_id, cell_index)


def _errors(cell):
    return [
        one.ename
        for one in cell.get("outputs", ())
        if one.output_type == "error"
    ]


def points(solution, states, checks, answered):
    """Return grade_id -> points; None where they are the teacher's.

    Parameters
    ----------
    solution : NotebookNode
    states, checks : dict
    answered : set of str
        Names of the written answers that are there.
    """
    scores = {}
    for cell in filter(is_grade, solution.cells):
        name = grade_id(cell)
        if is_solution(cell):
            scores[name] = None if name in answered else 0
        else:
            earned = checks[name].earned(states.get(name))
            scores[name] = cell.metadata.nbgrader.points * earned
    return scores
