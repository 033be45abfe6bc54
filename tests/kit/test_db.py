"""Are Tortoise's traps closed? A cancelled BEGIN, work after the commit, another event loop."""

import asyncio

import pytest

from kit.db import connect_arguments, open_database
from tenants.models import Account


async def test_cancelled_transactions_never_empty_the_pool(database_url: str) -> None:
    db = await open_database(database_url, size=2)
    try:
        for turns in range(40):

            async def work() -> None:
                async with db.unit_of_work():
                    await asyncio.sleep(0)

            task = asyncio.create_task(work())
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        async with asyncio.timeout(5):
            async with db.unit_of_work(), db.connection() as second:
                assert await second.fetchval("select 1") == 1
    finally:
        await db.close()


async def test_what_follows_a_commit_never_follows_a_rollback(database_url: str) -> None:
    db = await open_database(database_url, size=2)
    done: list[str] = []
    try:
        with pytest.raises(ValueError, match="no"):
            async with db.unit_of_work() as unit:
                unit.after_commit(lambda: done.append("rolled back"))
                raise ValueError("no")
        async with db.unit_of_work() as unit:
            unit.after_commit(lambda: done.append("committed"))
            assert done == []
            assert await Account.all().count() == 0
        assert done == ["committed"]
    finally:
        await db.close()


@pytest.mark.parametrize(
    ("url", "arguments"),
    [
        (
            "postgresql://me:p%40ss@db.test:5433/mail",
            {"host": "db.test", "port": 5433, "user": "me", "password": "p@ss", "database": "mail"},
        ),
        (
            "postgresql://livery@/livery?host=/run/pg",
            {"host": "/run/pg", "port": 5432, "user": "livery", "database": "livery"},
        ),
    ],
)
def test_urls_name_hosts_and_sockets(url: str, arguments: dict[str, object]) -> None:
    assert connect_arguments(url) == arguments
