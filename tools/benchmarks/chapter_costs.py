"""Run every chapter in a fresh kernel; print its seconds and peak memory.

The book promises at most 30 s (7, 8 and 10: 60 s) and 1 GB on two cores.
"""

import platform
import time

from nbclient import NotebookClient
from nbformat.v4 import new_code_cell

from tools import notebooks
from utils import timing

PEAK = (
    "import resource\n"
    "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
)


def cost(path):
    """Return the seconds of a run and the kernel's peak memory in MB."""
    nb = notebooks.read(path)
    nb.cells.append(new_code_cell(PEAK))
    start = time.perf_counter()
    NotebookClient(
        nb, timeout=600, resources={"metadata": {"path": str(path.parent)}}
    ).execute()
    seconds = time.perf_counter() - start
    # In kilobytes on Linux, in bytes on macOS.
    unit = 1e6 if platform.system() == "Darwin" else 1e3
    return seconds, int(nb.cells[-1].outputs[0].text) / unit


def main():
    """Print one row a chapter."""
    print(f"{timing.machine()}, Python {platform.python_version()}")
    print(f"{'chapter':24} seconds  peak MB")
    for path in notebooks.chapters():
        seconds, megabytes = cost(path)
        print(f"{path.stem:24} {seconds:7.1f} {megabytes:8.0f}", flush=True)


if __name__ == "__main__":
    main()
