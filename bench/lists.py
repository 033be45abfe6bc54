"""What does it cost to ask whether recipients are on a suppression list, as mail comes in and as it is about to leave?

    python -m bench.lists [--listed 1000000] [--rounds 3]

The statements that every batch of either asks anyway, with its recipients' addresses and without: `admission.decide` and
`claim.standings`, alternating, on one connection whose plans are kept as a worker's are. Nobody who is asked about is
listed. The fastest tenth of each counts, so that what else the machine does is left out.
"""

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable

import uvloop

from kit.db import Connection, open_database
from kit.ids import new_id
from mail import admission
from mail.dispatch import claim
from tests.support.databases import WORLD_TEMPLATE, make_template, make_world_template
from tests.support.postgres import Postgres, embedded_binaries
from tests.support.world import Tenant, find

_CALLS = 150


def main() -> None:
    """Measure and print a line for each size of batch, with empty lists and with long ones."""
    parser = argparse.ArgumentParser(prog="bench.lists")
    parser.add_argument("--listed", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    wanted = parser.parse_args()
    server = Postgres(embedded_binaries())
    try:
        server.start()
        make_template(server)
        make_world_template(server)
        asyncio.run(_measure(server.url(server.create(WORLD_TEMPLATE)), wanted), loop_factory=uvloop.new_event_loop)
    finally:
        server.remove()


async def _measure(url: str, wanted: argparse.Namespace) -> None:
    db = await open_database(url, size=1, plan_once=True)
    try:
        shop = (await find(db)).shop
        async with db.connection() as conn:
            print(f"{'listed':>9} {'batch':>5} | decide without, with | standings without, with   (ms)")
            for listed in (0, wanted.listed):
                await _fill(conn, shop, listed)
                for batch in (1, 30, 100):
                    times = [await _round(conn, shop, batch) for _ in range(wanted.rounds)]
                    best = [min(column) for column in zip(*times, strict=True)]
                    print(
                        f"{listed:>9} {batch:>5} | {best[0]:14.2f}, {best[1]:4.2f} | {best[2]:17.2f}, {best[3]:4.2f}",
                        flush=True,
                    )
    finally:
        await db.close()


async def _fill(conn: Connection, shop: Tenant, listed: int) -> None:
    await conn.execute(
        """insert into suppression (id, account_id, address, reason, source)
           select gen_random_uuid(), $1, 'listed' || n || '@x.test', 'manual', 'import' from generate_series(1, $2::int) n""",
        shop.id,
        listed,
    )
    await conn.execute("analyze suppression")


async def _round(conn: Connection, shop: Tenant, batch: int) -> list[float]:
    addresses = [f"r{n}@x.test" for n in range(batch)]

    def applicants(ask: bool) -> list[admission.Applicant]:
        return [
            admission.Applicant(
                new_id(), shop.id, None, 1, frozenset({shop.domain}), addresses=(address,) if ask else ()
            )
            for address in addresses
        ]

    pairs = [(shop.id, address) for address in addresses]
    plain, asking = applicants(False), applicants(True)
    return [
        await _fastest(lambda: admission.decide(conn, plain)),
        await _fastest(lambda: admission.decide(conn, asking)),
        await _fastest(lambda: claim.standings(conn, [shop.id])),
        await _fastest(lambda: claim.standings(conn, [shop.id], pairs)),
    ]


async def _fastest(call: Callable[[], Awaitable[object]]) -> float:
    """Milliseconds of the slowest call among the fastest tenth."""
    times = []
    for _ in range(_CALLS):
        started = time.perf_counter()
        await call()
        times.append(1000 * (time.perf_counter() - started))
    return sorted(times)[_CALLS // 10]


if __name__ == "__main__":
    main()
