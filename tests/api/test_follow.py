"""Is the live feed whole? Cut and resumed under load, a follower sees every fact of the ledger once, in its order."""

import asyncio
import random
import time

from tests.api.conftest import World
from tests.api.live import connected

MESSAGES = 300


async def ledger(world: World) -> list[str]:
    """Every event id that the account's key can read, in the ledger's order, by way of pages."""
    program = world.client(key="shop.test")
    query = """query ($after: String) { events(first: 100, after: $after) {
      nodes { id } pageInfo { hasNextPage endCursor } } }"""
    found: list[str] = []
    after = None
    while True:
        page = (await program.ask(query, after=after))["events"]
        found += [event["id"] for event in page["nodes"]]
        if not page["pageInfo"]["hasNextPage"]:
            return found
        after = page["pageInfo"]["endCursor"]


async def test_cut_and_resumed_under_load_nothing_is_missing_or_doubled(world: World) -> None:
    chance = random.Random(7)
    expected = MESSAGES * 2 + 50
    seen: list[str] = []
    cursor: str | None = None
    cuts = 0

    async def send() -> None:
        for number in range(MESSAGES):
            await world.submit("shop.test", f"a{number}@b.test", f"b{number}@b.test")
            if number % 6 == 0:
                await world.submit("bar.test", "foreign@b.test")
            await asyncio.sleep(0)
        for number in range(50):
            await world.submit("shop.test", f"late{number}@b.test")

    async def slowly() -> None:
        # A transaction that stays open for a while must delay facts, not lose them.
        for _ in range(5):
            async with world.db.transaction() as conn:
                await conn.execute("select pg_current_xact_id()")
                await asyncio.sleep(0.1)

    async def follow() -> None:
        nonlocal cursor, cuts
        async with connected(world, key="shop.test") as first:
            await first.open()
            await first.subscribe()
            cursor = (await first.batch())["cursor"]
        started.set()
        while len(seen) < expected:
            async with connected(world, key="shop.test") as live:
                await live.open()
                await live.subscribe(after=cursor)
                for _ in range(chance.randint(1, 4)):
                    batch = await live.batch()
                    assert len(batch["events"]) <= 200
                    seen.extend(event["id"] for event in batch["events"])
                    cursor = batch["cursor"]
                    if batch["events"]:
                        assert batch["events"][-1]["cursor"] == cursor
                    if len(seen) >= expected:
                        break
                cuts += 1
                # No close frame, no complete: the line just breaks.
                live.socket.transport.abort()

    started = asyncio.Event()
    async with asyncio.timeout(60):
        follower = asyncio.create_task(follow())
        await started.wait()
        await asyncio.gather(send(), slowly(), follower)
    assert cuts >= 3
    assert len(seen) == len(set(seen)) == expected
    assert seen == await ledger(world)


async def test_a_replay_says_when_it_has_caught_up(world: World) -> None:
    for number in range(45):
        await world.submit("shop.test", *(f"r{number}-{n}@b.test" for n in range(10)))
    async with connected(world, key="shop.test") as live:
        await live.open()
        await live.subscribe(after="0-0-0")
        batches = [await live.batch()]
        while not batches[-1]["live"]:
            batches.append(await live.batch())
        assert [len(batch["events"]) for batch in batches] == [200, 200, 50]
        await world.submit("shop.test", "now@b.test")
        batch = await live.batch()
        assert (batch["live"], [event["recipient"] for event in batch["events"]]) == (True, ["now@b.test"])


async def test_an_event_is_seen_within_a_second_of_its_commit(world: World) -> None:
    async with connected(world, key="shop.test") as live:
        await live.open()
        await live.subscribe()
        await live.batch()
        delays = []
        for number in range(10):
            began = time.monotonic()
            await world.submit("shop.test", f"r{number}@b.test")
            assert len((await live.batch())["events"]) == 1
            delays.append(time.monotonic() - began)
        assert sorted(delays)[8] < 1.0, delays


async def test_a_stopped_subscription_is_silent_and_the_connection_lives(world: World) -> None:
    async with connected(world, key="shop.test") as live:
        await live.open()
        await live.subscribe("1")
        await live.batch()
        await live.send({"id": "1", "type": "complete"})
        await world.submit("shop.test", "a@b.test")
        await live.send({"type": "ping"})
        assert (await live.receive())["type"] == "pong"
        await live.subscribe("1", after="0-0-0")
        assert len((await live.batch())["events"]) == 1
