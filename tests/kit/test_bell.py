"""Does the live channel come back whenever its session ends, also just as somebody rings?"""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import psycopg
import pytest

from kit.bell import Bell
from tests.support.stage import eventually

_ACCOUNT = UUID(int=7)


@pytest.fixture
async def bell(database_url: str) -> AsyncIterator[Bell]:
    """A connected bell."""
    bell = Bell(database_url)
    await bell.start()
    await up(bell)
    yield bell
    await bell.close()


async def up(bell: Bell) -> None:
    async def connected() -> bool | None:
        return bell.connected or None

    await eventually(connected, "live channel", seconds=10)


def end_every_session(url: str) -> int:
    """End all sessions but this one; their peers are told before this returns, and read it when they come to it."""
    with psycopg.connect(url, autocommit=True) as session:
        ended = session.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        ).fetchall()
        return len(ended)


@pytest.mark.parametrize("turns", range(3))
async def test_it_comes_back_when_its_session_ends_as_it_is_rung(bell: Bell, database_url: str, turns: int) -> None:
    # On this thread, so that no turn of the loop passes: the end of the session waits to be read.
    assert end_every_session(database_url) == 1
    for _ in range(turns):
        await asyncio.sleep(0)
    bell.ring([_ACCOUNT])
    with bell.listening() as heard:
        async with asyncio.timeout(10):
            while await heard.get() != frozenset({_ACCOUNT}):
                pass
    await up(bell)
