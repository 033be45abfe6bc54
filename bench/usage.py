"""What does a system cost? CPU seconds and memory of processes, read from /proc; and how busy the machine is otherwise."""

import os
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_NAMES = (
    ("-m cli smtpd", "smtpd"),
    ("-m cli workers", "workers"),
    ("-m cli clock", "clock"),
    ("-m cli api", "api"),
    ("-m cli run", "supervisor"),
    ("beam.smp", "rabbitmq"),
    ("postgres", "postgresql"),
)


@dataclass(frozen=True)
class Usage:
    """CPU seconds so far: of some process trees, by what each process is, and of the whole machine."""

    total: float
    """Of the trees with everything that has ended in them."""
    by_name: Mapping[str, float]
    """Of the processes alive, each by itself."""
    machine: float
    """Everything that ran on any core."""


def usage(roots: Collection[int]) -> Usage:
    """Look at the trees below these process ids now."""
    total, by_name = 0.0, defaultdict[str, float](float)
    for pid in tree(roots):
        fields = _stat(pid)
        if fields:
            own, ended = sum(map(int, fields[11:13])) / _TICKS, sum(map(int, fields[13:15])) / _TICKS
            total += own + ended
            by_name[name(pid)] += own
    return Usage(total, dict(by_name), _machine())


def tree(roots: Collection[int]) -> set[int]:
    """The process ids of `roots` and everything below them."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        if fields := _stat(int(folder.name)):
            parents[int(folder.name)] = int(fields[1])
    found = {pid for pid in roots if pid in parents}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def name(pid: int) -> str:
    """What a process is, for people."""
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        return next((name for mark, name in _NAMES if mark in line), Path(f"/proc/{pid}/comm").read_text().strip())
    except OSError:
        return "ended"


def resident(pid: int) -> int:
    """Bytes of memory that a process holds (RSS); 0 when it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def _stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat from the third on: [0] state, [1] parent, [11:15] utime stime cutime cstime."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _machine() -> float:
    user, nice, system, _idle, _iowait, irq, softirq, *_ = map(
        int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    )
    return (user + nice + system + irq + softirq) / _TICKS
