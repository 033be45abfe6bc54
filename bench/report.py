"""What do the runs say? Medians, ratios within each round, and which figures may not be quoted; as one Markdown table."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"
_BEGIN, _END = "<!-- measured by make bench -->", "<!-- end of what make bench measured -->"

CEILING = "the tools alone"
POSTFIX, SIGNING_POSTFIX, HARAKA = "Postfix", "Postfix + OpenDKIM", "Haraka + DKIM"
EMBEDDED, ON_RABBITMQ = "Livery, embedded", "Livery on RabbitMQ"

# What is known of the peers on a quiet machine of this kind, 4 KB, messages a second end to end. A peer that does not
# even reach half, scaled by what the tools alone do here and now, is set up wrongly.
_KNOWN = {CEILING: 7700.0, POSTFIX: 630.0, SIGNING_POSTFIX: 213.0, HARAKA: 242.0}
_BUSY = 2.0  # load average from which figures are called those of a busy machine

_FLOORS: tuple[tuple[str, str, str, str, float], ...] = tuple(
    floor
    for us in (ON_RABBITMQ, EMBEDDED)
    for floor in (
        (us, "accept", POSTFIX, "accept rate of Postfix", 1.0),
        (us, "end_to_end", SIGNING_POSTFIX, "end to end rate of Postfix + OpenDKIM", 1.5),
        (us, "end_to_end", HARAKA, "end to end rate of Haraka + its DKIM plugin", 2.0),
    )
)
"""Who, what, beside whom, in words, at least how many times. The last one is the aim, not a floor."""
_AIM = 2.0


@dataclass(frozen=True)
class Run:
    """One system's run of one size."""

    system: str
    round: int
    size: int
    messages: int = 0
    accept: float = 0.0
    """Messages a second until smtp-source had every 250."""
    end_to_end: float = 0.0
    """Messages a second until the sink had the last one."""
    cpu_ms: float = 0.0
    """CPU a message of everything that belongs to the system."""
    cpu_ms_by_process: Mapping[str, float] = field(default_factory=dict)
    cores: float = 0.0
    """Cores of the machine that were busy meanwhile, whoever with."""
    load: float = 0.0
    """Load average just before."""
    duplicates: int = 0
    fault: str = ""

    @classmethod
    def failed(cls, system: str, round_: int, fault: str) -> "Run":
        """A run that came to nothing."""
        return cls(system, round_, 0, fault=fault[:500])


def table(facts: Mapping[str, Any], runs: Sequence[Run]) -> str:
    """The Markdown of one bench: circumstances, medians, ratios, where the CPU went, and what failed."""
    good = [run for run in runs if not run.fault]
    systems = list(dict.fromkeys(run.system for run in good))
    lines = [
        _circumstances(facts, runs),
        "",
        "| who | accept 4 KB | end to end 4 KB | accept 20 KB | end to end 20 KB | CPU a message, 4 KB |",
        "|---|---|---|---|---|---|",
    ]
    for system in systems:
        cells = [_median(good, system, size, what) for size in (4096, 20480) for what in ("accept", "end_to_end")]
        cpu = _median(good, system, 4096, "cpu_ms")
        shown = [f"{cell:,.0f}/s" if cell else "" for cell in cells]
        lines.append(f"| {system} | {' | '.join(shown)} | {f'{cpu:.2f} ms' if cpu else ''} |")
    lines += [
        "",
        "| Livery is … times | wanted | 4 KB: median (rounds) | 20 KB: median (rounds) |",
        "|---|---|---|---|",
    ]
    for us, what, peer, words, least in _FLOORS:
        if us in systems and peer in systems:
            four = _judged(_ratio(good, us, what, peer, 4096), least, _wrong(good, peer))
            twenty = _judged(_ratio(good, us, what, peer, 20480), None, _wrong(good, peer))
            mark = "aim" if least == _AIM else "floor"
            lines.append(
                f"| the {words} ({us.removeprefix('Livery').strip(', ')}) | ≥ {least:g} ({mark}) | {four} | {twenty} |"
            )
    ours = [system for system in systems if system in (EMBEDDED, ON_RABBITMQ)]
    if ours:
        lines += ["", *_processes(good, ours)]
    faults = [run for run in runs if run.fault]
    if faults:
        lines += ["", *(f"- Round {run.round}, {run.system}: no figure: {run.fault}" for run in faults)]
    twice = sum(run.duplicates for run in good)
    lines += ["", f"Messages that reached the sink twice: {twice}."]
    return "\n".join(lines)


def write(text: str) -> None:
    """Put the table into docs/benchmarks.md, between its marks."""
    page = PAGE.read_text()
    head, _, rest = page.partition(_BEGIN)
    _, _, tail = rest.partition(_END)
    PAGE.write_text(f"{head}{_BEGIN}\n\n{text}\n\n{_END}{tail}")


def _circumstances(facts: Mapping[str, Any], runs: Sequence[Run]) -> str:
    machine, counts = facts["machine"], facts["messages"]
    loads = [run.load for run in runs if run.load]
    busy = (
        " **The machine was busy with other work: the rates are too low for everybody, the ratios were taken side by side.**"
        if facts["load_before"] > _BUSY
        else ""
    )
    return (
        f"{facts['started']}, commit {facts['commit']}, {machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB, "
        f"Python {machine['python']}. {facts['rounds']} alternating rounds of {counts['4096']} messages of 4 KB and "
        f"{counts['20480']} of 20 KB, {facts['sessions']} sessions, a new connection a message; medians. Load average "
        f"{facts['load_before']} before, {min(loads):g} to {max(loads):g} during.{busy}"
    )


def _of(runs: Sequence[Run], system: str, size: int) -> dict[int, Run]:
    return {run.round: run for run in runs if run.system == system and run.size == size}


def _median(runs: Sequence[Run], system: str, size: int, what: str) -> float:
    values = [getattr(run, what) for run in _of(runs, system, size).values()]
    return statistics.median(values) if values else 0.0


def _ratio(runs: Sequence[Run], us: str, what: str, peer: str, size: int) -> list[float]:
    """Ours by theirs, each within its round: what disturbed one disturbed the other."""
    ours, theirs = _of(runs, us, size), _of(runs, peer, size)
    return [getattr(ours[n], what) / getattr(theirs[n], what) for n in sorted(ours.keys() & theirs.keys())]


def _wrong(runs: Sequence[Run], peer: str) -> bool:
    tools = _median(runs, CEILING, 4096, "end_to_end") / _KNOWN[CEILING]
    return _median(runs, peer, 4096, "end_to_end") < 0.5 * min(1.0, tools) * _KNOWN[peer]


def _judged(ratios: Sequence[float], least: float | None, wrong: bool) -> str:
    if not ratios:
        return ""
    if wrong:
        return "none: the peer is below half of what it is known to do, so it is set up wrongly"
    middle = statistics.median(ratios)
    verdict = "" if least is None else " ✓" if middle >= least else " ✗"
    return f"**{middle:.2f}**{verdict} ({', '.join(f'{ratio:.2f}' for ratio in ratios)})"


def _processes(runs: Sequence[Run], ours: Sequence[str]) -> list[str]:
    each: Callable[[str], dict[str, float]] = lambda system: {  # noqa: E731 - named where it is used
        name: statistics.median(run.cpu_ms_by_process.get(name, 0.0) for run in _of(runs, system, 4096).values())
        for name in {name for run in _of(runs, system, 4096).values() for name in run.cpu_ms_by_process}
    }
    columns = {system: each(system) for system in ours}
    names = sorted(
        {n for column in columns.values() for n in column}, key=lambda n: -max(c.get(n, 0) for c in columns.values())
    )
    lines = [f"| CPU a message of 4 KB, ms | {' | '.join(ours)} |", f"|---|{'---|' * len(ours)}"]
    for name in names:
        if max(column.get(name, 0) for column in columns.values()) >= 0.01:
            lines.append(f"| {name} | {' | '.join(f'{columns[system].get(name, 0):.2f}' for system in ours)} |")
    return lines
