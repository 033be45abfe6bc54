"""Does a follower miss nothing when the database crashes and numbers transactions again that left no trace?

PostgreSQL gives a transaction its number at once and writes it to the log with what the transaction does, so numbers of
those that were never flushed are given a second time after a crash. A place in the ledger beyond the last event that is
there would lie behind facts that come later, and hide them for ever.
"""

import asyncio
import contextlib
import signal
from collections.abc import Iterator

import psycopg
import pytest

from kit.bell import Bell
from kit.db import Database
from kit.errors import LiveryError
from mail.intake import Intake
from mail.live import Live
from tenants.scope import Scope
from tests.mail.conftest import submission
from tests.support.databases import make_template, make_world_template
from tests.support.postgres import Postgres, embedded_binaries
from tests.support.world import World

NUMBERS = 300
"""Transactions that leave no trace."""


@pytest.fixture(scope="module")
def populated() -> Iterator[Postgres]:
    """A server that writes nothing to its log before it must."""
    server = Postgres(embedded_binaries(), settings={"wal_writer_delay": "10s", "autovacuum": "off"})
    try:
        server.start()
        make_template(server)
        make_world_template(server)
        yield server
    finally:
        server.remove()


@pytest.mark.parametrize("known", [0, 1])
async def test_a_follower_from_now_misses_nothing_when_numbers_are_given_twice(
    populated: Postgres, world_url: str, world_db: Database, world: World, bell: Bell, intake: Intake, known: int
) -> None:
    scope = Scope(world.shop.id)
    for _ in range(known):
        await intake.accept(scope, submission("before@x.test"))
    with psycopg.connect(world_url) as session:
        for _ in range(NUMBERS):
            highest = session.execute("select pg_current_xact_id()::text::bigint").fetchone()
            session.rollback()
    live = Live(world_db, bell)
    follower = live.follow(scope, None)
    page, _ = await anext(follower)
    await asyncio.to_thread(populated.stop, sig=signal.SIGKILL)
    await asyncio.to_thread(populated.start)
    with psycopg.connect(world_url) as session:
        again = session.execute("select pg_current_xact_id()::text::bigint").fetchone()
    assert again is not None
    assert highest is not None
    assert again[0] < highest[0], "no number was given twice: the test shows nothing"
    async with asyncio.timeout(20):
        while True:
            with contextlib.suppress(LiveryError):
                accepted = await intake.accept(scope, submission("after@x.test"))
                break
        later, _ = await anext(follower)
    await follower.aclose()
    assert [event.message_id for event in (*page.events, *later.events)] == [accepted.message_id]
    # Who comes back with the cursor that the first page gave misses nothing either.
    follower = live.follow(scope, page.cursor)
    async with asyncio.timeout(10):
        resumed, _ = await anext(follower)
    await follower.aclose()
    assert [event.message_id for event in resumed.events] == [accepted.message_id]
    await live.close()
