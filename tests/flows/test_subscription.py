"""A subscription that is cut and resumed, again and again under load, sees every event of the ledger once."""

import asyncio
import contextlib
import random
from typing import Any

from tests.support.mails import plain
from tests.support.stage import Stage

MESSAGES = 300
CUTS = 12


async def load(stage: Stage, messages: int) -> None:
    """Submit `messages` on four sessions at once; every fifth bounces, every seventh is deferred."""

    def send(numbers: range) -> None:
        with stage.session(stage.world.shop) as session:
            for number in numbers:
                kind = "bounce" if number % 5 == 0 else "defer" if number % 7 == 0 else "ok"
                reader = f"{kind}-{number}@far.test"
                session.sendmail(stage.world.shop.email, [reader], plain(stage.world.shop.email, reader, f"n{number}"))

    await asyncio.gather(*(asyncio.to_thread(send, range(start, messages, 4)) for start in range(4)))


async def test_cut_and_resumed_under_load_it_sees_all_and_nothing_twice(stage: Stage) -> None:
    chance = random.Random(3)
    api = stage.api(stage.world.shop)
    # From a cursor: without one a subscription starts at the present, and what happened before it connected is not its.
    first = api.follow(None)
    position = (await anext(first))["cursor"]
    await first.aclose()
    seen: list[dict[str, Any]] = []
    cuts = 0
    loaded = asyncio.Event()

    async def watch() -> None:
        nonlocal position, cuts
        while not (loaded.is_set() and cuts >= CUTS and len(seen) >= 2 * MESSAGES):
            feed = api.follow(position)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(chance.uniform(0.05, 0.6)):
                    async for batch in feed:
                        seen.extend(batch["events"])
                        position = batch["cursor"]
            await feed.aclose()
            cuts += 1

    async with stage.host() as sink:
        _script(sink, MESSAGES)
        watching = asyncio.create_task(watch())
        await load(stage, MESSAGES)
        await stage.settle(seconds=60)
        loaded.set()
        async with asyncio.timeout(30):
            await watching
    ledger = await api.ledger()
    assert len(ledger) == 2 * MESSAGES
    assert [event["id"] for event in seen] == [event["id"] for event in ledger]
    assert seen == ledger


async def test_a_rival_watching_meanwhile_sees_nothing(stage: Stage) -> None:
    ours, theirs = stage.api(stage.world.shop), stage.api(stage.world.rival)
    feeds = [api.follow(None) for api in (ours, theirs)]
    for feed in feeds:
        first = await anext(feed)
        assert first["events"] == []
    async with stage.host() as sink:
        await stage.submit(plain("user@shop.test", "secret@far.test", "secret"), ["secret@far.test"])
        await sink.receives(1)
        async with asyncio.timeout(10):
            kinds: list[str] = []
            while len(kinds) < 2:
                kinds += [event["kind"] for event in (await anext(feeds[0]))["events"]]
        assert kinds == ["ACCEPTED", "DELIVERED"]
        # The positive twin of silence: the rival's own mail is the next and only thing it hears of.
        await stage.submit(plain("user@rival.test", "own@far.test", "own"), ["own@far.test"], tenant=stage.world.rival)
        await sink.receives(2)
        async with asyncio.timeout(10):
            heard: list[str] = []
            while len(heard) < 2:
                heard += [event["recipient"] for event in (await anext(feeds[1]))["events"]]
        assert set(heard) == {"own@far.test"}
        await stage.settle()
    for feed in feeds:
        await feed.aclose()


def _script(sink: Any, messages: int) -> None:
    for number in range(messages):
        if number % 5 == 0:
            sink.answers("550 5.1.1 no such user", to=f"bounce-{number}@far.test")
        elif number % 7 == 0:
            sink.answers("451 4.7.1 later", to=f"defer-{number}@far.test")
        else:
            sink.answers("250 2.1.5 ok", to=f"ok-{number}@far.test")
