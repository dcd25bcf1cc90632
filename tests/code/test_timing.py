"""The stopwatch, and the line that says where it ran."""

import os
import platform
import time
from pathlib import Path

import pytest

from utils import timing

X86 = "processor\t: 0\nmodel name\t: AMD EPYC 7763 \nflags\t: fpu\n" * 2
ARM = "processor\t: 0\nBogoMIPS\t: 50.00\nCPU part\t: 0xd0c\n"
NAMELESS = "processor\t: 0\nmodel name\t: \nflags\t: fpu\n"


@pytest.mark.parametrize(
    "cpuinfo, processor, architecture, cores, line",
    [
        (X86, "x86_64", "x86_64", 4, "AMD EPYC 7763, cores: 4"),
        (ARM, "", "aarch64", 2, "aarch64, cores: 2"),
        (NAMELESS, "", "x86_64", 2, "x86_64, cores: 2"),
        (None, "arm", "arm64", 8, "arm, cores: 8"),
        (None, "", "", None, "unknown, cores: unknown"),
    ],
    ids=["x86", "arm-linux", "no-name", "no-cpuinfo", "nothing-known"],
)
def test_machine_is_named(
    monkeypatch, cpuinfo, processor, architecture, cores, line
):
    class File(type(Path())):
        def exists(self):
            assert str(self) == "/proc/cpuinfo"
            return cpuinfo is not None

        def read_text(self):
            return cpuinfo

    monkeypatch.setattr(timing, "Path", File)
    monkeypatch.setattr(platform, "processor", lambda: processor)
    monkeypatch.setattr(platform, "machine", lambda: architecture)
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    assert timing.machine() == line


@pytest.fixture
def clock(monkeypatch):
    """Return a clock that a test moves by hand."""
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    return now


def test_ways_take_turns_and_give_the_median_of_one_call(clock):
    calls = []

    def takes(name, durations):
        durations = iter(durations)

        def way():
            calls.append(name)
            clock[0] += next(durations)

        return way

    took = timing.seconds(
        {"cold": takes("a", [90, 2, 3, 1, 2]), "calm": takes("b", [5] * 5)},
        repeats=5,
    )
    assert took == {"cold": 2, "calm": 5}
    assert "".join(calls) == "ab" * 5


def test_loops_are_many_calls_but_the_time_of_one(clock):
    calls = []

    def way():
        calls.append(clock[0])
        clock[0] += 0.5

    assert timing.seconds({"way": way}, repeats=2, loops=10) == {"way": 0.5}
    assert len(calls) == 20


def test_what_cannot_be_timed_is_named():
    with pytest.raises(
        TypeError, match="ways must be functions by name, such"
    ):
        timing.seconds(lambda: 1)
    with pytest.raises(ValueError, match="repeats must be whole, at least 1"):
        timing.seconds({}, repeats=0)
    with pytest.raises(ValueError, match="loops must be whole, at least 1"):
        timing.seconds({}, loops=0.5)


def test_what_cannot_be_called_is_named():
    with pytest.raises(TypeError, match="'a' must be a function, .* got 1"):
        timing.seconds({"a": 1})
