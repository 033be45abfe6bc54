"""Do many followers see the same ledger, each from its own cursor, once each event?"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import psycopg
import pytest

from kit.bell import Bell
from kit.db import Database, connect
from kit.errors import LiveryError
from mail import feed, ledger
from mail.feed import START, Cursor
from mail.intake import Intake
from mail.ledger import Fact
from mail.lifecycle import EventKind
from mail.live import Live
from tenants.scope import Scope
from tests.mail.conftest import submission
from tests.support.world import World


@pytest.fixture
async def live(world_db: Database, bell: Bell) -> AsyncIterator[Live]:
    """The process's followers."""
    live = Live(world_db, bell)
    yield live
    await live.close()


async def take(live: Live, scope: Scope, after: Cursor | None, count: int) -> list[int]:
    """The ids of the first `count` events that a follower gets."""
    ids: list[int] = []
    follower = live.follow(scope, after)
    async with asyncio.timeout(10):
        async for page, _ in follower:
            ids += [event.id for event in page.events]
            if len(ids) >= count:
                break
    await follower.aclose()
    return ids


async def test_following_begins_at_once_and_hears_what_comes(
    world_db: Database, world: World, live: Live, intake: Intake
) -> None:
    scope = Scope(world.acme.id)
    await intake.accept(scope, submission("before@x.test", sender="a@acme.test"))
    follower = live.follow(scope, None)
    page, is_live = await anext(follower)
    assert (page.events, is_live) == ((), True)
    await intake.accept(Scope(world.shop.id), submission("after@x.test"))
    async with asyncio.timeout(5):
        page, _ = await anext(follower)
    assert [event.recipient for event in page.events] == ["after@x.test"]
    await follower.aclose()
    # From the cursor of the page nothing comes twice; from the start everything comes.
    async with world_db.connection() as conn:
        assert (await feed.read(conn, scope, page.cursor, 10)).events == ()
        assert len((await feed.read(conn, scope, START, 10)).events) == 2


async def test_followers_from_every_cursor_get_the_same_ledger_once(
    world_db: Database, world: World, live: Live, intake: Intake
) -> None:
    scope = Scope(world.shop.id)
    for n in range(10):
        await intake.accept(scope, submission(f"before{n}@x.test"))
    async with world_db.connection() as conn:
        early = (await feed.read(conn, scope, START, 100)).events
    starts = [START, *(event.cursor for event in early[::3])]
    followers = [
        asyncio.create_task(take(live, scope, start, 30 - n)) for start, n in zip(starts, (0, 1, 4, 7, 10), strict=True)
    ]
    await asyncio.gather(*(intake.accept(scope, submission(f"after{n}@x.test")) for n in range(20)))
    seen = await asyncio.gather(*followers)
    async with world_db.connection() as conn:
        ids = [event.id for event in (await feed.read(conn, scope, START, 100)).events]
    assert len(ids) == 30
    assert seen == [ids, ids[1:], ids[4:], ids[7:], ids[10:]]


async def test_a_follower_that_takes_nothing_for_long_misses_nothing(
    world_db: Database, world: World, live: Live, intake: Intake
) -> None:
    scope = Scope(world.shop.id)
    slow = live.follow(scope, None)
    await anext(slow)
    quick = asyncio.create_task(take(live, scope, START, 40))
    for n in range(40):
        await intake.accept(scope, submission(f"r{n}@x.test"))
        await asyncio.sleep(0.06)  # so that there are more pages than may wait for one follower
    ids = await quick
    seen: list[int] = []
    async with asyncio.timeout(10):
        while len(seen) < 40:
            page, _ = await anext(slow)
            seen += [event.id for event in page.events]
    await slow.aclose()
    assert seen == ids


async def test_what_is_not_settled_when_the_bell_rings_comes_soon_after(
    world_db: Database, world: World, world_url: str, bell: Bell, live: Live, intake: Intake
) -> None:
    scope = Scope(world.shop.id)
    message = await intake.accept(scope, submission("a@x.test"))
    async with world_db.connection() as conn:
        known = (await feed.read(conn, scope, START, 10)).cursor
    neighbour = await connect(world_url)
    transaction = neighbour.transaction()
    await transaction.start()
    await ledger.record(
        neighbour, [Fact(EventKind.OPENED, message.recipient_ids[0], message.message_id, world.shop.id)]
    )
    follower = asyncio.create_task(take(live, scope, known, 2))
    later = await intake.accept(scope, submission("b@x.test"))
    done, _ = await asyncio.wait([follower], timeout=0.5)
    assert not done, "an event was shown while a row with a lower place could still appear"
    loop = asyncio.get_running_loop()
    await transaction.commit()
    await neighbour.close()
    committed = loop.time()
    assert len(await follower) == 2
    assert loop.time() - committed < 1.5, "only the poll found it"
    assert later.message_id != message.message_id


async def test_a_lost_ring_costs_a_poll(world_db: Database, world: World, world_url: str, intake: Intake) -> None:
    deaf = Bell(world_url)  # never started: hears nothing
    live = Live(world_db, deaf)
    scope = Scope(world.acme.id)
    follower = asyncio.create_task(take(live, scope, None, 1))
    await asyncio.sleep(0.2)
    await intake.accept(Scope(world.shop.id), submission("a@x.test"))
    assert len(await follower) == 1
    await live.close()


async def test_a_stream_ends_with_its_last_follower(world: World, live: Live) -> None:
    scope = Scope(world.shop.id)
    one, two = live.follow(scope, None), live.follow(scope, None)
    await anext(one)
    await anext(two)
    assert len(live._streams) == 1
    await one.aclose()
    assert len(live._streams) == 1
    await two.aclose()
    assert not live._streams


@pytest.mark.parametrize("turns", range(3))
async def test_a_stream_goes_on_when_its_session_ends_as_it_reads(
    world_db: Database, world_url: str, world: World, live: Live, intake: Intake, turns: int
) -> None:
    scope = Scope(world.shop.id)
    follower = live.follow(scope, None)
    await anext(follower)
    # On this thread, so that no turn of the loop passes: the end of each session waits to be read.
    with psycopg.connect(world_url, autocommit=True) as session:
        session.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
            " where datname = current_database() and application_name = 'mail'"
        )
    for _ in range(turns):
        await asyncio.sleep(0)
    live._wake([scope.account_id])  # what a ring does that was heard just now
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        while True:
            with contextlib.suppress(LiveryError):
                await intake.accept(scope, submission("after@x.test"))
                break
        page, _ = await anext(follower)
    assert [event.recipient for event in page.events] == ["after@x.test"]
    await follower.aclose()
