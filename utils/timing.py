"""Where a time was measured."""

import os
import platform
import re
from pathlib import Path


def machine():
    """Return one line: the processor's name and its number of cores.

    They are what the system reports, so a core that runs two threads counts
    as two. Where the system gives the processor no name, as Linux on ARM, it
    is the architecture, such as aarch64.

    >>> ", cores: " in machine()
    True
    """
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text() if cpuinfo.exists() else ""
    found = re.search(r"^model name\s*: (.*\S)", text, re.M)
    name = found[1] if found else platform.processor() or platform.machine()
    return f"{name or 'unknown'}, cores: {os.cpu_count() or 'unknown'}"
