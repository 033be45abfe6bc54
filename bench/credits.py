"""What do credits and limits cost where mail comes in? The same way in without any check of them, charged, and with limits.

    python -m bench.credits [--rounds 5] [--messages 2000]

First through the whole SMTP door, as in `make bench`: one process, PostgreSQL at its own defaults, smtp-source with 20
sessions and 4 KB. Then what lies behind every door alone: the intake, 100 submissions of 4 KB at a time. The ways alternate
within each round, so that a change in what else the machine does meets them all.

    unchecked   asked is what is asked without credits too (`bench.unchecked`): whether the sender is suspended, whose the
                From domain is, whether the credential is in force
    free        behind the door only: the product's own read, which looks at credits and limits too; nothing charged or counted
    charged     mail of an account with credits of its own
    limited     a monthly limit at the account and at its parent's, whose pool it spends
    rated       the same, by a credential with limits of its own for a minute, an hour, a day and a month

Costs are against "unchecked".
"""

import argparse
import asyncio
import functools
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager

import psycopg
import uvloop

from bench import load, unchecked
from bench.peers.livery import DEFAULTS
from kit.bell import Bell
from kit.crypto import Keyring
from kit.db import Database, open_database
from mail import admission
from mail.intake import Envelope, EnvelopeRecipient, Intake, Submission
from tenants.credentials import create_credential
from tenants.credits import grant
from tenants.models import AccountKind, CredentialKind
from tenants.rates import Limits
from tenants.scope import Scope
from tenants.tree import create_account
from tests.support.databases import WORLD_TEMPLATE, make_template, make_world_template
from tests.support.platform import Platform
from tests.support.postgres import Postgres, embedded_binaries
from tests.support.world import SECRET_KEY, find

_AT_ONCE = 100
_BODY = b"x" * 76 + b"\r\n"
_LIMITS = Limits(per_minute=10**9, per_hour=10**9, per_day=10**9, per_month=10**9)
_decide = admission.decide


def main() -> None:
    """Measure and print a line for each way."""
    parser = argparse.ArgumentParser(prog="bench.credits")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=2000)
    wanted = parser.parse_args()
    print("Through the SMTP door")
    with _database(DEFAULTS) as url:
        _doors(url, wanted)
    print("The intake alone")
    with _database({}) as url:
        asyncio.run(_measure(url, wanted), loop_factory=uvloop.new_event_loop)


@contextmanager
def _database(settings: Mapping[str, str]) -> Iterator[str]:
    server = Postgres(embedded_binaries(), settings=settings)
    try:
        server.start()
        make_template(server)
        make_world_template(server)
        yield server.url(server.create(WORLD_TEMPLATE))
    finally:
        server.remove()


async def _alternate(ways: Mapping[str, Callable[[int], Awaitable[float]]], wanted: argparse.Namespace) -> None:
    """Warm each way up, then take turns; print the medians of messages a second."""
    rates: dict[str, list[float]] = {way: [] for way in ways}
    for run in ways.values():
        await run(300)
    for round_ in range(wanted.rounds):
        # The order turns, so that none always follows the same one.
        turn = round_ % len(ways)
        for way in [*ways][turn:] + [*ways][:turn]:
            rates[way].append(await ways[way](wanted.messages))
    base = statistics.median(rates["unchecked"])
    for way, found in rates.items():
        middle = statistics.median(found)
        told = " ".join(f"{rate:.0f}" for rate in found)
        print(f"{way:9} {middle:6.0f} messages/s  {100 * (1 - middle / base):+5.1f} % cost   ({told})")


def _doors(url: str, wanted: argparse.Namespace) -> None:
    """Two doors on one database, one of which asks about no credits; only one is sent to at a time."""
    asyncio.run(_let_in(url))
    asking = Platform(url, processes=("smtpd",))
    careless = Platform(url, processes=("smtpd",), programs={"smtpd": "bench.unchecked"})
    try:
        with psycopg.connect(url, autocommit=True) as connection:

            def through(door: Platform, limit: int | None, window: int | None) -> Callable[[int], Awaitable[float]]:
                def run(messages: int) -> float:
                    connection.execute("update account set monthly_limit = %s", [limit])
                    connection.execute(
                        "update credential set per_minute = %(most)s, per_hour = %(most)s, per_day = %(most)s,"
                        " per_month = %(most)s",
                        {"most": window},
                    )
                    # Nobody delivers here: what the runs leave behind must not slow the next one down.
                    connection.execute("truncate message, body, recipient, event, credit_entry cascade")
                    connection.execute("checkpoint")
                    started = time.perf_counter()
                    load.send(door.mx, messages, 4096, seconds=300)
                    return messages / (time.perf_counter() - started)

                return functools.partial(asyncio.to_thread, run)

            asking.launch("smtpd")
            careless.launch("smtpd")
            ways = {
                "unchecked": through(careless, None, None),
                "charged": through(asking, None, None),
                "limited": through(asking, 10**9, None),
                "rated": through(asking, 10**9, 10**9),
            }
            asyncio.run(_alternate(ways, wanted))
    finally:
        careless.remove()
        asking.remove()


async def _let_in(url: str) -> None:
    """Let loopback send for shop.test without a password, as smtp-source has none, and give it enough to spend."""
    db = await open_database(url, size=1)
    try:
        shop = (await find(db)).shop
        async with db.transaction() as conn:
            await create_credential(
                conn,
                Keyring(SECRET_KEY),
                account_id=shop.id,
                kind=CredentialKind.SOURCE,
                name="smtp-source",
                networks=("127.0.0.1/32",),
            )
            await grant(conn, shop.id, 10**6)
    finally:
        await db.close()


async def _measure(url: str, wanted: argparse.Namespace) -> None:
    db = await open_database(url, size=4, plan_once=True)
    try:
        world = await find(db)
        async with db.unit_of_work() as unit:
            limited = await create_account(
                unit, slug="limited", name="L", kind=AccountKind.SUB_ACCOUNT, parent_slug="acme.test", shares_pool=True
            )
            await unit.conn.execute(
                "update account set monthly_limit = 1000000 where id = any ($1::uuid[])", [limited, world.acme.id]
            )
            rated = await create_credential(
                unit.conn, Keyring(SECRET_KEY), account_id=limited, kind=CredentialKind.API, name="R", limits=_LIMITS
            )
        shop, pooled = Scope(world.shop.id), Scope(limited)
        ways = {
            "unchecked": (shop, True),
            "free": (shop, True),
            "charged": (shop, False),
            "limited": (pooled, False),
            "rated": (Scope(limited, credential_id=rated.id), False),
        }
        await _alternate({way: functools.partial(_run, db, way, *how) for way, how in ways.items()}, wanted)
    finally:
        await db.close()


async def _run(db: Database, way: str, scope: Scope, notice: bool, messages: int) -> float:
    admission.decide = unchecked.decide if way == "unchecked" else _decide
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
            await intake.accept(scope, submission)

    started = time.perf_counter()
    await asyncio.gather(*(sender() for _ in range(_AT_ONCE)))
    seconds = time.perf_counter() - started
    await intake.close()
    return messages / seconds


if __name__ == "__main__":
    main()
