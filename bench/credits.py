"""What do credits and limits cost where mail comes in? The same intake, free of charge, charged, and charged with limits.

    python -m bench.credits [--rounds 5] [--messages 2000]

One process, one database, 100 submissions of 4 KB at a time; the three ways alternate within each round, so that a change
in what else the machine does meets them all. "free" is the platform's own mail, which is stored alike and neither charged
nor counted. "limited" has a monthly limit at the account and at its parent's, whose pool it spends.
"""

import argparse
import asyncio
import statistics
import time
from uuid import UUID

import uvloop

from kit.bell import Bell
from kit.db import Database, open_database
from mail.intake import Envelope, EnvelopeRecipient, Intake, Submission
from tenants.models import AccountKind
from tenants.scope import Scope
from tenants.tree import create_account
from tests.support.databases import WORLD_TEMPLATE, make_template, make_world_template
from tests.support.postgres import Postgres, embedded_binaries
from tests.support.world import find

_AT_ONCE = 100
_BODY = b"x" * 76 + b"\r\n"


def main() -> None:
    """Measure and print a line for each way."""
    parser = argparse.ArgumentParser(prog="bench.credits")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=2000)
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
    db = await open_database(url, size=4)
    try:
        world = await find(db)
        async with db.unit_of_work() as unit:
            limited = await create_account(
                unit, slug="limited", name="L", kind=AccountKind.SUB_ACCOUNT, parent_slug="acme.test", shares_pool=True
            )
            await unit.conn.execute(
                "update account set monthly_limit = 1000000 where id = any ($1::uuid[])", [limited, world.acme.id]
            )
        ways = {"free": (world.shop.id, True), "charged": (world.shop.id, False), "limited": (limited, False)}
        rates: dict[str, list[float]] = {way: [] for way in ways}
        for way in ways.values():
            await _run(db, *way, 300)
        for round_ in range(wanted.rounds):
            # The order turns, so that none always follows the same one.
            order = [*ways][round_ % 3 :] + [*ways][: round_ % 3]
            for way in order:
                rates[way].append(await _run(db, *ways[way], wanted.messages))
        free = statistics.median(rates["free"])
        for way, found in rates.items():
            middle = statistics.median(found)
            told = " ".join(f"{rate:.0f}" for rate in found)
            print(f"{way:8} {middle:6.0f} messages/s  {100 * (1 - middle / free):+5.1f} % cost   ({told})")
    finally:
        await db.close()


async def _run(db: Database, account_id: UUID, notice: bool, messages: int) -> float:
    intake = Intake(db, Bell(""))
    submission = Submission(
        envelope=Envelope("a@nobody.example", (EnvelopeRecipient("r@far.test"),)),
        content=b"From: a@nobody.example\r\nSubject: bench\r\n\r\n" + _BODY * 52,
        door="smtp",
        trace="by bench",
        notice=notice,
    )
    left = messages

    async def sender() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            await intake.accept(Scope(account_id), submission)

    started = time.perf_counter()
    await asyncio.gather(*(sender() for _ in range(_AT_ONCE)))
    seconds = time.perf_counter() - started
    await intake.close()
    return messages / seconds


if __name__ == "__main__":
    main()
