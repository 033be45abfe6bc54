"""Was anything lost in half an hour of kill -9? `make chaos`: rounds on both brokers, added up with those of earlier runs.

    CHAOS_MINUTES   how long (30)
    CHAOS_RESULTS   where the sums of all runs are kept (.livery/chaos.json)
    CHAOS_SEED      the seed of this run (the number of the run)

Ends with status 1 where something was lost, a copy too many was not marked, a law was broken, or a point was never hit.
"""

import asyncio
import contextlib
import itertools
import os
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.accounting import Books, goals
from tests.chaos.act import act
from tests.chaos.points import FULL, SERVICES
from tests.support.databases import make_template, make_world_template
from tests.support.postgres import Postgres, debian_binaries, embedded_binaries
from tests.support.rabbitmq import RabbitMQ

# Dead workers' leases must not run out twice within a round: a message is to blame only for what it did alone.
_ROUND = 40.0
_ROUNDS = 4


@dataclass(frozen=True)
class Services:
    """What one kind of installation stands on."""

    broker: str
    server: Postgres
    rabbitmq: RabbitMQ | None


@contextlib.contextmanager
def services(broker: str) -> Iterator[Services]:
    """Private servers, by the kind of broker: "embedded" or "rabbitmq"."""
    with contextlib.ExitStack() as stack:
        rabbitmq: RabbitMQ | None = None
        if broker == "rabbitmq":
            rabbitmq = RabbitMQ()
            stack.callback(rabbitmq.remove)
            rabbitmq.start()
        server = Postgres(debian_binaries(), tcp=True) if rabbitmq else Postgres(embedded_binaries())
        stack.callback(server.remove)
        server.start()
        make_template(server)
        make_world_template(server)
        yield Services(broker, server, rabbitmq)


def main() -> int:
    """Run for CHAOS_MINUTES and say what came of it."""
    ends = time.monotonic() + 60 * float(os.environ.get("CHAOS_MINUTES", "30"))
    books = Books.open(Path(os.environ.get("CHAOS_RESULTS", ".livery/chaos.json")))
    books.runs += 1
    seed = os.environ.get("CHAOS_SEED", str(books.runs))
    print(f"Run {books.runs}, seed {seed}; sums in {books.file}", flush=True)
    fault: Exception | None = None
    for number, broker in enumerate(
        itertools.cycle(sorted(SERVICES, key=lambda name: books.brokers[name].sums.rounds))
    ):
        if time.monotonic() >= ends or fault:
            break
        with services(broker) as beneath:
            try:
                asyncio.run(_play(books, beneath, f"{seed}/{number}", ends))
            except Exception as broken:  # the edge of the program: whatever it is, the books so far are shown
                traceback.print_exc()
                fault = broken
    print(books.table())
    missed = [name for name in goals() if not books.hits[name]]
    short = {name: books.hits[name] for name, goal in goals().items() if books.hits[name] < goal}
    if fault:
        print(f"FAILED: {fault}")
    if missed:
        print(f"FAILED: never hit: {', '.join(missed)}")
    if short:
        print(f"Run on for full counts; short of them: {', '.join(f'{name} {count}' for name, count in short.items())}")
    sound = all(of.sums.sound for of in books.brokers.values())
    print(
        "Nothing was lost."
        if sound and not fault
        else "This run proves nothing, or that a promise was broken: see above."
    )
    return 0 if sound and not fault and not missed else 1


async def _play(books: Books, beneath: Services, seed: str, ends: float) -> None:
    """Some rounds on one platform."""
    results = books.brokers[beneath.broker]
    async with act(beneath.server, beneath.rabbitmq, seed) as play:
        for number in range(_ROUNDS):
            if time.monotonic() >= ends:
                break
            # Per broker half the goal, so that the points are shared out.
            before = Counter(results.hits)
            play.crew.hits.clear()
            strikes = sorted(SERVICES[beneath.broker], key=lambda name: before[name])[:2]
            name = f"r{books.runs}-{seed.replace('/', '-')}-{number}"
            sums = await play.round(name, goal=10 * FULL, before=before, seconds=_ROUND, strikes=strikes)
            results.sums.add(sums)
            results.hits.update(play.crew.hits)
            books.save()
            print(f"{beneath.broker} {name}: {sum(play.crew.hits.values())} kills, {sums}", flush=True)
            if not sums.sound:
                raise AssertionError(f"round {name}: {sums}")
        await play.stage.laws_hold()


if __name__ == "__main__":
    sys.exit(main())
