"""`python -m tests.fuzz [--minutes 5] [--seed N] [name …]`: feed each parser mutated input for so long; 1 where one failed.

What failed is kept under the folder that LIVERY_FUZZ_KEEP names (default: `fuzz-findings`), to become a test.
"""

import argparse
import hashlib
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.fuzz.engine import Finding, mutated, tried
from tests.fuzz.targets import TARGETS

_ENOUGH = 5  # findings of one parser: the rest are mostly the same


def _fuzz(name: str, seconds: float, seed: int) -> tuple[str, int, list[Finding]]:
    count, found = 0, []
    until = time.monotonic() + seconds
    for raw in mutated(TARGETS[name], seed):
        count += 1
        if (finding := tried(TARGETS[name], raw)) is not None:
            found.append(finding)
        if len(found) >= _ENOUGH or time.monotonic() > until:
            break
    return name, count, found


def main() -> int:
    """Run what the command line names."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("names", nargs="*", default=list(TARGETS), help="parsers; all by default")
    parser.add_argument("--minutes", type=float, default=5.0, help="for each parser (5)")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000, help="the same seed, the same inputs")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="parsers at a time")
    asked = parser.parse_args()
    print(f"seed {asked.seed}, {asked.minutes:g} minutes a parser, {len(asked.names)} parsers", flush=True)
    failed = False
    with ProcessPoolExecutor(asked.jobs) as pool:
        runs = [pool.submit(_fuzz, name, asked.minutes * 60, asked.seed) for name in asked.names]
        for run in runs:
            name, count, found = run.result()
            print(f"{name:12} {count:>10,} inputs, {len(found)} failed", flush=True)
            for finding in found:
                failed = True
                keep = Path(os.environ.get("LIVERY_FUZZ_KEEP", "fuzz-findings"))
                keep.mkdir(parents=True, exist_ok=True)
                file = keep / f"{name}-{hashlib.sha256(finding.raw).hexdigest()[:12]}"
                file.write_bytes(finding.raw)
                print(f"{file}: {finding.why}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
