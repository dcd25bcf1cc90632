"""A sandbox for a submission's kernel, where the system has one.

On Linux it is bubblewrap: the kernel sees Python, its own folder and a copy of
`utils`; no network, no other process, no other submission.
"""

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

SYSTEM = ("/usr", "/bin", "/lib", "/lib64", "/etc", "/opt", "/nix")
NONE = (
    "There is no sandbox here ({}): a submission can do what you can. The "
    "teacher's page of the book says how to grade in a container."
)


def command(writable=(), readable=()):
    """Return the words to put before a command that runs in the sandbox.

    It may write into the folders in `writable`, and read those in `readable`
    besides Python and the system's libraries.
    """
    words = [
        "bwrap",
        "--unshare-all",
        "--die-with-parent",
        "--new-session",
        "--unsetenv",
        "JPY_PARENT_PID",  # a number of outside
        "--proc",
        "/proc",
        "--dev",
        "/dev",
    ]
    python = {sys.prefix, sys.base_prefix, *map(_home, (sys.executable,))}
    for folder in (*SYSTEM, *sorted(python), *readable):
        if folder in SYSTEM and os.path.islink(folder):  # /lib -> usr/lib
            words += ["--symlink", os.readlink(folder), folder]
        elif os.path.exists(folder):
            words += ["--ro-bind", str(folder), str(folder)]
    for folder in writable:
        words += ["--bind", str(folder), str(folder)]
    return words


def _home(executable):
    return str(Path(executable).resolve().parent.parent)


@functools.cache
def missing():
    """Return why there is no sandbox here, or an empty text.

    It is tried, not looked up: many containers forbid what it needs.
    """
    if sys.platform != "linux":
        return f"bubblewrap is for Linux, and this is {sys.platform}"
    if not shutil.which("bwrap"):
        return (
            "bubblewrap is not installed; on Debian, its package is so named"
        )
    run = subprocess.run(
        [*command(), sys.executable, "-c", "import ipykernel"],
        capture_output=True,
        text=True,
    )
    if run.returncode:
        line = (run.stderr.strip().splitlines() or ["it gives no reason"])[-1]
        return f"bubblewrap does not start: {line}"
    return ""
