"""The line that says where a time was measured."""

import os
import platform
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
