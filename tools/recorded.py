"""Let nbval compare notebooks with the run that the built book shows.

::

    python -m pytest chapters --nbval --recorded _build/recorded

nbval compares as ever, but asks a record (_ext/recording.py) instead of a
kernel. Without `--recorded` it runs the notebooks itself.
"""

import json
from collections import deque

import recording

from tools.notebooks import read
from tools.paths import ROOT


class RecordError(Exception):
    """A record is not of this notebook, this code or this kernel."""


def load(path, record, kernel):
    """Return the outputs in a record: id of a code cell -> list of outputs.

    Parameters
    ----------
    path : pathlib.Path
        The notebook, as it is stored now.
    record : pathlib.Path
        What the build wrote about it.
    kernel : str
        The kernel that must have run it.

    Raises
    ------
    RecordError
        If there is no record, or one of anything else.
    """
    if not record.exists():
        raise RecordError(
            f"{path.name} has no record {record}: build the book anew"
        )
    found = json.loads(record.read_text(encoding="utf-8"))
    if found["kernel"] != kernel:
        raise RecordError(
            f"{path.name} was run in the kernel {found['kernel']!r}, wanted "
            f"{kernel!r}: build the book anew, with BOOK_KERNEL={kernel}"
        )
    if found["code"] != recording.code(ROOT):
        raise RecordError(
            f"{path.name} was run with other files in utils/ than those of "
            "now: build the book anew"
        )
    now = [(c.id, c.source) for c in read(path).cells if c.cell_type == "code"]
    ran = [(name, cell["source"]) for name, cell in found["cells"].items()]
    if ran != now:
        changed = sorted({name for name, _ in {*ran} ^ {*now}})
        raise RecordError(
            f"{path.name} was run with other cells than those of now "
            f"({', '.join(changed) or 'in another order'}): build the book "
            "anew"
        )
    return {name: cell["outputs"] for name, cell in found["cells"].items()}


class Recorded:
    """Answer nbval as a kernel would, with what the build's kernel said.

    Attributes
    ----------
    at : str
        The id of the cell that nbval runs next.
    """

    at = None

    def __init__(self, outputs):
        self.outputs = outputs
        self.messages = deque()

    def execute_cell_input(self, source, allow_stdin=None):
        """Send what the cell printed and showed; return the run's name."""
        header = {"parent_header": {"msg_id": self.at}}
        self.messages = deque(
            {"msg_type": output["output_type"], "content": output, **header}
            for output in self.outputs[self.at]
        )
        idle = {"execution_state": "idle"}
        self.messages.append({"msg_type": "status", "content": idle, **header})
        return self.at

    def get_message(self, stream, timeout=None):
        """Return the next message."""
        return self.messages.popleft()

    def is_alive(self):
        """Tell nbval that it may ask."""
        return True

    def await_reply(self, msg_id, timeout=None):
        """Return at once: the run is over."""

    await_idle = await_reply

    def stop(self):
        """Do nothing: there is no process to stop."""
