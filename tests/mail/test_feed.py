"""Does the ledger replay without a gap and without a double, whatever commits late?"""

from datetime import timedelta

import pytest

from kit.clock import shift
from kit.db import Database, connect
from kit.errors import LiveryError
from mail import feed, ledger
from mail.feed import START, Cursor
from mail.intake import Intake
from mail.ledger import Fact
from mail.lifecycle import EventKind
from tenants.scope import Scope
from tests.mail.conftest import submission
from tests.support.world import World


async def test_a_row_that_commits_late_is_not_skipped(
    world_db: Database, world: World, world_url: str, intake: Intake
) -> None:
    scope = Scope(world.shop.id)
    message = await intake.accept(scope, submission("a@x.test"))
    fact = Fact(EventKind.OPENED, message.recipient_ids[0], message.message_id, world.shop.id)
    slow = await connect(world_url)
    try:
        transaction = slow.transaction()
        await transaction.start()
        await ledger.record(slow, [fact])  # has the lower id, and is not committed
        await intake.accept(scope, submission("b@x.test"))
        async with world_db.connection() as conn:
            before = await feed.read(conn, scope, START, 100)
        await transaction.commit()
        async with world_db.connection() as conn:
            after = await feed.read(conn, scope, before.cursor, 100)
    finally:
        await slow.close()
    seen = [*before.events, *after.events]
    assert [event.kind for event in before.events] == ["accepted"]
    assert sorted(event.kind for event in seen) == ["accepted", "accepted", "opened"]
    assert len({event.id for event in seen}) == 3


async def test_nothing_is_seen_outside_the_scope(world_db: Database, world: World, intake: Intake) -> None:
    await intake.accept(Scope(world.shop.id), submission("a@x.test"))
    async with world_db.connection() as conn:
        for tenant, events in (
            (world.shop, 1),
            (world.acme, 1),
            (world.platform, 1),
            (world.other, 0),
            (world.rival, 0),
        ):
            assert len((await feed.read(conn, Scope(tenant.id), START, 10)).events) == events
            assert len(await feed.latest(conn, Scope(tenant.id), 10)) == events


async def test_an_older_epoch_stays_readable_after_a_restore(world_db: Database, world: World, intake: Intake) -> None:
    scope = Scope(world.shop.id)
    await intake.accept(scope, submission("a@x.test"))
    async with world_db.connection() as conn:
        # A restored database may hold rows of a cluster whose transaction ids were far ahead.
        await conn.execute("update event set xid = 2::bigint^60")
        await conn.execute("update ledger_epoch set epoch = 2")
    await intake.accept(scope, submission("b@x.test"))
    async with world_db.connection() as conn:
        first = await feed.read(conn, scope, START, 1)
        second = await feed.read(conn, scope, first.cursor, 10)
    assert [event.recipient for event in (*first.events, *second.events)] == ["a@x.test", "b@x.test"]


async def test_cursors_round_trip_and_nonsense_is_refused() -> None:
    assert Cursor.parse(str(Cursor(1, 2**62, 3))) == Cursor(1, 2**62, 3)
    for text in ("", "1-2", "a-b-c", "1-2-3-4", "1-99999999999999999999-1", "1--2-3", "1-9223372036854775808-1"):
        with pytest.raises(LiveryError):
            Cursor.parse(text)


async def test_a_cursor_from_the_future_is_refused(world_db: Database, world: World, intake: Intake) -> None:
    await intake.accept(Scope(world.shop.id), submission("a@x.test"))
    async with world_db.connection() as conn:
        here = (await feed.read(conn, Scope(world.shop.id), START, 1)).cursor
        await feed.check(conn, here)
        await feed.check(conn, START)
        for cursor in (Cursor(here.epoch + 1, 0, 0), Cursor(here.epoch, here.xid + 1000, 0), Cursor(99, 999999, 99)):
            with pytest.raises(LiveryError) as refused:
                await feed.check(conn, cursor)
            assert refused.value.field == ("after",)


async def test_the_platforms_clock_can_be_shifted(world_db: Database) -> None:
    async with world_db.connection() as conn:
        before = await conn.fetchval("select livery_now() - now()")
        await shift(conn, timedelta(hours=3))
        assert await conn.fetchval("select livery_now() - now()") - before == timedelta(hours=3)
