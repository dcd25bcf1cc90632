"""A Python that has imported nothing yet."""

import subprocess
import sys

from tools.paths import ROOT


def printed(code):
    """Return what some code prints in a new process, run at the top."""
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    ).stdout
