"""Was anything lost in half an hour of kill -9? `make chaos`: rounds on both brokers, added up with those of earlier runs.

    CHAOS_MINUTES   how long (30); each broker gets a round, however short that is
    CHAOS_RESULTS   where the sums of all runs are kept (.livery/chaos.json); beside it the evidence where something is wrong
    CHAOS_SEED      the seed of this run (the number of the run)

Ends before its time once every point has its full count on both brokers; where earlier runs reached that, the next
hundred is the goal. Ends with status 1 where something was lost, a copy too many was not marked, a law was broken, a
point was never hit, or fewer than FLYING recipients were in flight.
"""

import contextlib
import os
import random
import statistics
import sys
import time
import traceback
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import uvloop

from tests.chaos.accounting import Books, Results, goals
from tests.chaos.act import act
from tests.chaos.evidence import keep
from tests.chaos.points import FLYING, FULL, POINTS, SERVICES
from tests.support.databases import make_template, make_world_template
from tests.support.postgres import Postgres, debian_binaries, embedded_binaries
from tests.support.rabbitmq import RabbitMQ

# Seconds in which processes are killed. Leases are longer (`patient_workers`), so that no message lapses twice in a round.
_ROUND = 120.0
# Rounds on one platform: what is looked through after each grows with every one.
_ROUNDS = 2
# Seconds from the return of a service to what is done to the next, at most.
_EVERY = {"embedded": 20.0, "rabbitmq": 9.0}


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
    wanted = {broker: _next_goal(broker, of) for broker, of in books.brokers.items()}
    number = 0
    had: set[str] = set()
    while fault is None:
        behind = {broker: _missing(broker, books.brokers[broker], wanted[broker]).total() for broker in SERVICES}
        broker = next_broker(behind, had, over=time.monotonic() >= ends)
        if broker is None:
            break
        had.add(broker)
        with services(broker) as beneath:
            try:
                uvloop.run(_play(books, beneath, f"{seed}/{number}", wanted[broker], ends))
            except Exception as broken:  # the edge of the program: whatever it is, the books so far are shown
                traceback.print_exc()
                fault = broken
        number += 1
    print(books.table())
    if fault:
        print(f"FAILED: {fault}")
    missed = [
        f"{name} on {broker}" for broker, of in books.brokers.items() for name in goals(broker) if not of.hits[name]
    ]
    if missed:
        print(f"FAILED: never hit: {', '.join(missed)}")
    thin = [f"{of.in_flight} on {broker}" for broker, of in books.brokers.items() if of.in_flight < FLYING]
    if thin:
        print(f"FAILED: fewer than {FLYING} in flight: {', '.join(thin)}")
    for broker, of in books.brokers.items():
        if short := _missing(broker, of, 1):
            print(f"Run on for full counts; {broker} misses {', '.join(f'{n} {name}' for name, n in short.items())}")
    sound = all(of.sums.sound for of in books.brokers.values())
    print(
        "Nothing was lost."
        if sound and not fault
        else "This run proves nothing, or that a promise was broken: see above."
    )
    return 0 if sound and not fault and not missed and not thin else 1


def next_broker(behind: Mapping[str, int], had: Collection[str], *, over: bool) -> str | None:
    """Whose turn it is, by what each still misses: who `had` none first, then, until the time is `over`, who misses most."""
    waiting = {broker: many for broker, many in behind.items() if many and not (over and broker in had)}
    return max(waiting, key=lambda broker: (broker not in had, waiting[broker]), default=None)


def _missing(broker: str, of: Results, times: int) -> Counter[str]:
    """What still has to be done for so many times the full count."""
    return Counter({name: times * goal - of.hits[name] for name, goal in goals(broker).items()}) - Counter()


def _next_goal(broker: str, of: Results) -> int:
    """How many times the full count this run is to reach."""
    return 1 + min(of.hits[name] // goal for name, goal in goals(broker).items())


async def _play(books: Books, beneath: Services, seed: str, times: int, ends: float) -> None:
    """Some rounds on one platform, until every point has `times` its full count."""
    results = books.brokers[beneath.broker]
    async with act(beneath.server, beneath.rabbitmq, seed) as play, contextlib.AsyncExitStack() as stack:
        logs = [play.crew.folder, beneath.server.log, *([beneath.rabbitmq.log] if beneath.rabbitmq else [])]
        stack.callback(keep, logs, books.file.with_suffix(".evidence"))
        for number in range(_ROUNDS):
            missing = _missing(beneath.broker, results, times)
            if not missing or (number and time.monotonic() >= ends):
                break
            play.crew.hits.clear()
            strikes = list(Counter({name: missing[name] for name in SERVICES[beneath.broker]}).elements())
            random.Random(f"{seed}/{number}").shuffle(strikes)
            name = f"r{books.runs}-{seed.replace('/', '-')}-{number}"
            sums = await play.round(
                name,
                goal=times * FULL,
                before=Counter(results.hits),
                seconds=_ROUND,
                strikes=strikes,
                every=_EVERY[beneath.broker],
                points=[name for name in POINTS if missing[name]],
            )
            results.sums.add(sums)
            results.hits.update(play.crew.hits)
            flying = round(statistics.median(play.flying))
            results.flying.append(flying)
            books.save()
            print(f"{beneath.broker} {name}: {play.crew.hits.total()} kills, {flying} in flight, {sums}", flush=True)
            if not sums.sound:
                raise AssertionError(f"round {name}: {sums}")
        await play.close()
        stack.pop_all()


if __name__ == "__main__":
    sys.exit(main())
