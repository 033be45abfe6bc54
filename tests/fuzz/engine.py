"""How are inputs made from those that are known? Mutations by a seed: the same seed gives the same inputs, in the same order.

No coverage is measured: bits flip, pieces are cut, repeated, moved and swapped between inputs, and what means something to the
parser is put in. Each input may take one second of CPU, or a millisecond for every 500 bytes.
"""

import random
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass

from tests.fuzz.targets import Target, inputs

_LARGEST = 200_000


@dataclass(frozen=True)
class Finding:
    """An input over which a parser failed."""

    target: str
    raw: bytes
    why: str


def mutated(target: Target, seed: int) -> Iterator[bytes]:
    """Inputs without end: first what the target starts from, then what is made of it."""
    chance = random.Random(f"{target.name} {seed}")
    known = list(inputs(target))
    yield from known
    while True:
        raw = bytearray(chance.choice(known))
        for _ in range(1 << chance.randrange(5)):
            _mutate(raw, target, known, chance)
        yield bytes(raw[:_LARGEST])


def _mutate(raw: bytearray, target: Target, known: list[bytes], chance: random.Random) -> None:
    at = chance.randrange(len(raw) + 1)
    match chance.randrange(9):
        case 0 if raw:
            raw[min(at, len(raw) - 1)] ^= 1 << chance.randrange(8)
        case 1 if raw:
            raw[min(at, len(raw) - 1)] = chance.randrange(256)
        case 2:
            del raw[at : at + chance.choice((1, 2, 4, 16, 64, 1024))]
        case 3 | 4 | 5 if target.words:
            raw[at:at] = chance.choice(target.words)
        case 6:
            # What parsers choke on is one thing many times.
            piece = bytes(raw[at : at + chance.choice((1, 2, 5, 20))])
            raw[at:at] = piece * chance.choice((2, 10, 100, 2_000))
        case 7:
            other = chance.choice(known)
            start = chance.randrange(len(other) + 1)
            raw[at:at] = other[start : start + chance.choice((8, 64, 512, 4096))]
        case _:
            piece = bytes(raw[at : at + chance.choice((1, 8, 64, 512))])
            del raw[at : at + len(piece)]
            to = chance.randrange(len(raw) + 1)
            raw[to:to] = piece


def tried(target: Target, raw: bytes) -> Finding | None:
    """Feed one input; what went wrong, if anything did."""
    began = time.process_time()
    try:
        target.run(raw)
    # Whatever it raises is a finding.
    except Exception:
        return Finding(target.name, raw, traceback.format_exc(limit=-3))
    took = time.process_time() - began
    allowed = max(1.0, len(raw) / 500_000)
    return Finding(target.name, raw, f"took {took:.1f} s for {len(raw):,} bytes") if took > allowed else None
