"""How fast are we beside our peers, on this machine, today? `make bench`, or

    python -m bench [--messages 3000] [--rounds 3] [--only NAME …] [--no-report]

One system at a time is up, smtp-source in front of it and smtp-sink behind it; rounds alternate (A B C, A B C, …), so that a
change in what else the machine does meets everybody. Each system starts anew in every round, is warmed up and shows that it
signs before it is measured. Everything is private, on loopback, bounded in time, and removed afterwards.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from bench import load, report
from bench.peers import System
from bench.peers.haraka import PACKAGES, Haraka
from bench.peers.keys import signed_with_rsa_2048
from bench.peers.livery import Livery
from bench.peers.postfix import Postfix
from bench.report import CEILING, Run
from bench.usage import usage
from tests.support.ports import free_port

RESULTS = Path(__file__).resolve().parent / "results" / "latest.json"
_WARM_UP = 200
_BOUND = 120.0  # seconds that one run may take

SYSTEMS: dict[str, Callable[[int], System]] = {
    "postfix": lambda sink: Postfix(sink),
    "postfix-opendkim": lambda sink: Postfix(sink, opendkim=True),
    "haraka": lambda sink: Haraka(sink),
    "livery-rabbitmq": lambda sink: Livery(sink, rabbitmq=True),
    "livery-embedded": lambda sink: Livery(sink, rabbitmq=False),
}
SIGNS = {"postfix-opendkim", "haraka", "livery-rabbitmq", "livery-embedded"}


def main() -> int:
    """Measure, write the JSON and the table, print the table."""
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument("--messages", type=int, default=3000, help="of 4 KB a run; of 20 KB a third of it")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", action="append", choices=SYSTEMS, help="measure only this one (may be repeated)")
    parser.add_argument("--no-report", action="store_true", help="print the table, write nothing")
    wanted = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing stays behind then either
    if os.geteuid() != 0:
        print("bench: Postfix and OpenDKIM can only be started by root", file=sys.stderr)
        return 1
    chosen = wanted.only or list(SYSTEMS)
    if not (PACKAGES / "Haraka").exists() and "haraka" in chosen:
        chosen.remove("haraka")
    sizes = {4096: wanted.messages, 20480: max(1, wanted.messages // 3)}
    started = time.strftime("%Y-%m-%d %H:%M", time.gmtime())
    busy = os.getloadavg()[0]
    runs: list[Run] = []
    for round_ in range(1, wanted.rounds + 1):
        runs.append(_ceiling(round_, wanted.messages))
        _say(runs[-1])
        for key in chosen:
            for run in _measure(key, round_, sizes):
                runs.append(run)
                _say(run)
    facts = {
        "started": f"{started} UTC",
        "commit": _commit(),
        "machine": _machine(),
        "load_before": round(busy, 1),
        "rounds": wanted.rounds,
        "messages": {str(size): count for size, count in sizes.items()},
        "sessions": load.SESSIONS,
    }
    table = report.table(facts, runs)
    print(table)
    if not wanted.no_report:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps({**facts, "runs": [asdict(run) for run in runs]}, indent=1) + "\n")
        report.write(table)
    return 0


def _measure(key: str, round_: int, sizes: dict[int, int]) -> list[Run]:
    """Start one system, measure every size, remove it. What fails is a run with its reason and no figures."""
    sink_port = free_port()
    system = SYSTEMS[key](sink_port)
    runs: list[Run] = []
    sent = 0
    try:
        system.start()
        if key in SIGNS:
            sent += 1
            if not signed_with_rsa_2048(
                load.captured(system.port, sink_port, settle=lambda: system.settle(1)), "shop.test"
            ):
                raise RuntimeError("its messages carry no RSA-2048 signature of shop.test")
        with load.sink(sink_port) as sink:
            load.run(system.port, sink, _WARM_UP, 4096, seconds=_BOUND)
            sent += _WARM_UP
            system.settle(sent)
            for size, messages in sizes.items():
                before, began, seen = usage(system.roots()), time.perf_counter(), sink.count
                loaded = os.getloadavg()[0]
                timing = load.run(system.port, sink, messages, size, seconds=_BOUND)
                sent += messages
                system.settle(sent)
                after, took = usage(system.roots()), time.perf_counter() - began
                spent = {
                    name: round(1000 * (seconds - before.by_name.get(name, 0)) / messages, 3)
                    for name, seconds in after.by_name.items()
                }
                runs.append(
                    Run(
                        system=system.name,
                        round=round_,
                        size=size,
                        messages=messages,
                        accept=round(messages / timing.accepted, 1),
                        end_to_end=round(messages / timing.arrived, 1),
                        cpu_ms=round(1000 * (after.total - before.total) / messages, 3),
                        cpu_ms_by_process={name: ms for name, ms in sorted(spent.items()) if ms >= 0.005},
                        cores=round((after.machine - before.machine) / took, 2),
                        load=round(loaded, 1),
                        duplicates=sink.count - seen - messages,
                    )
                )
    except (RuntimeError, OSError, subprocess.SubprocessError, load.TooSlow) as fault:
        runs.append(Run.failed(system.name, round_, f"{type(fault).__name__}: {fault}"))
    finally:
        system.remove()
    return runs


def _ceiling(round_: int, messages: int) -> Run:
    """What the tools do without a system between them."""
    port = free_port()
    loaded = os.getloadavg()[0]
    with load.sink(port) as sink:
        timing = load.run(port, sink, 2 * messages, 4096, seconds=_BOUND)
    rate = round(2 * messages / timing.arrived, 1)
    return Run(CEILING, round_, 4096, 2 * messages, rate, rate, load=round(loaded, 1))


def _say(run: Run) -> None:
    words = (
        run.fault
        or f"accept {run.accept:6.0f}/s  end to end {run.end_to_end:6.0f}/s  {run.cpu_ms:5.2f} ms CPU a message"
    )
    print(f"{run.round}  {run.system:<20}{run.size // 1024:>3} KB  {words}  (load {run.load})", flush=True)


def _commit() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        capture_output=True,
        text=True,
        cwd=RESULTS.parent.parent,
        check=False,
    )
    return done.stdout.strip()


def _machine() -> dict[str, str | int]:
    model = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    memory = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal"))
    return {
        "cpu": model[0].partition(": ")[2] if model else os.uname().machine,
        "cores": os.cpu_count() or 0,
        "memory_gb": round(int(memory.split()[1]) / 1024 / 1024),
        "python": sys.version.split()[0],
    }


if __name__ == "__main__":
    raise SystemExit(main())
