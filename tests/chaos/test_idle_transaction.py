"""Somebody leaves a transaction open on the same server: the feed waits for its time-out and no longer."""

import asyncio
import time
from collections.abc import Iterator

import psycopg
import pytest

from tests.support.mails import plain
from tests.support.postgres import Postgres
from tests.support.stage import Stage, staged

TIMEOUT = 5.0
"""Seconds after which PostgreSQL ends a session that idles in a transaction: `idle_in_transaction_session_timeout`."""


@pytest.fixture(scope="module")
def stage(populated: Postgres) -> Iterator[Stage]:
    """A whole platform."""
    yield from staged(populated)


async def test_an_idle_transaction_delays_the_feed_by_its_time_out_at_most(stage: Stage, populated: Postgres) -> None:
    feed = stage.api(stage.world.shop).follow(None)
    assert (await anext(feed))["events"] == []

    async def heard() -> float:
        began = time.monotonic()
        kinds: list[str] = []
        while len(kinds) < 2:
            kinds += [event["kind"] for event in (await anext(feed))["events"]]
        assert kinds == ["ACCEPTED", "DELIVERED"]
        return time.monotonic() - began

    async with stage.host():
        # In another database of this server: what it holds back is the server's oldest transaction.
        idle = psycopg.connect(populated.url())
        began = time.monotonic()
        idle.execute("select pg_current_xact_id()")
        await stage.submit(plain("user@shop.test", "late@far.test", "late"), ["late@far.test"])
        async with asyncio.timeout(60):
            await heard()
        held = time.monotonic() - began
        with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
            idle.execute("select 1")
        idle.close()
        # It did hold the feed back, so this test tests something; and not for longer than it may.
        assert TIMEOUT <= held < TIMEOUT + 5
        # The twin: with nobody in the way it is a matter of moments.
        await stage.submit(plain("user@shop.test", "soon@far.test", "soon"), ["soon@far.test"])
        async with asyncio.timeout(60):
            assert await heard() < TIMEOUT
        await stage.settle()
    await feed.aclose()
    await stage.laws_hold()
