"""What takes how long, and on which machine."""

import os
import platform
import re
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median

from . import arguments


def machine():
    """Name the processor and its number of cores in one line.

    They are what the system reports, so a core that runs two threads counts
    as two. Where the system gives the processor no name, as Linux on ARM, it
    is the architecture, such as aarch64.

    Returns
    -------
    str
        Such as "AMD EPYC, cores: 2".

    Examples
    --------
    >>> ", cores: " in machine()
    True
    """
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text() if cpuinfo.exists() else ""
    found = re.search(r"^model name\s*: (.*\S)", text, re.M)
    name = found[1] if found else platform.processor() or platform.machine()
    return f"{name or 'unknown'}, cores: {os.cpu_count() or 'unknown'}"


def seconds(ways, repeats=7, loops=1):
    """Measure what each of several ways to do something takes.

    The ways take turns, so that a machine that slows down for a while slows
    down all of them; the median leaves out the first, cold calls.

    Parameters
    ----------
    ways : mapping of str to callable
        Functions without arguments, by name.
    repeats : int
        The number of turns.
    loops : int
        Calls in a turn, for functions that are too fast for the clock: it
        should take a thousandth of a second at least.

    Returns
    -------
    dict of str to float
        The median time of one call, in seconds.

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit.

    Examples
    --------
    >>> took = seconds({"sum": lambda: sum(range(1000)), "len": lambda: 1})
    >>> sorted(took)
    ['len', 'sum']
    """
    arguments.instance(
        "ways",
        ways,
        Mapping,
        "functions by name, such as {'ReLU': lambda: torch.relu(x)}",
    )
    for name, way in ways.items():
        if not callable(way):
            raise TypeError(
                f"{name!r} must be a function, such as lambda: sum([1, 2]), "
                f"got {way!r}"
            )
    arguments.whole("repeats", repeats, 1)
    arguments.whole("loops", loops, 1)
    times = {name: [] for name in ways}
    for _ in range(repeats):
        for name, way in ways.items():
            start = time.perf_counter()
            for _ in range(loops):
                way()
            times[name].append((time.perf_counter() - start) / loops)
    return {name: median(took) for name, took in times.items()}
