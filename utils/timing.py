"""What takes how long, and on which machine."""

import os
import platform
import re
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median

from torch import nn

from . import arguments

ACTIVATIONS = nn.GELU, nn.PReLU, nn.ReLU, nn.SiLU


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


def activation_share(network, x):
    """Measure the share of a forward pass that the activations take.

    Hooks note what each activation is given. Then the whole network and the
    activations alone, on these inputs, take turns.

    Parameters
    ----------
    network : Module
        Its activations are modules of `ACTIVATIONS`.
    x : Tensor
        What it takes.

    Returns
    -------
    float
        Between 0 and 1, but for noise.

    Examples
    --------
    >>> import torch
    >>> network = nn.Sequential(nn.Linear(64, 64), nn.ReLU())
    >>> with torch.inference_mode():
    ...     share = activation_share(network, torch.zeros(256, 64))
    >>> share > 0
    True
    """
    calls = []
    hooks = [
        module.register_forward_hook(
            lambda module, args, output: calls.append((module, args[0]))
        )
        for module in network.modules()
        if isinstance(module, ACTIVATIONS)
    ]
    network(x)
    for hook in hooks:
        hook.remove()
    took = seconds(
        {
            "network": lambda: network(x),
            "activations": lambda: [module(z) for module, z in calls],
        }
    )
    return took["activations"] / took["network"]
