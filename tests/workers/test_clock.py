"""Does one clock lead, does another take over, and is everything due found without a ring?"""

import asyncio

import asyncpg

from kit.db import connect
from tests.workers.conftest import until
from workers.leader import lead


async def test_one_of_two_clocks_leads_and_the_other_takes_over(database_url: str) -> None:
    leads: list[str] = []
    standbys: list[str] = []

    def clock(name: str) -> asyncio.Task[None]:
        async def duties(conn: asyncpg.Connection) -> None:
            leads.append(name)
            while True:
                await conn.execute("select 1")
                await asyncio.sleep(0.05)

        return asyncio.create_task(lead(database_url, duties, on_standby=lambda: standbys.append(name)))

    first = clock("first")
    await until(lambda: leads == ["first"])
    second = clock("second")
    admin = await connect(database_url)
    try:
        await until(lambda: standbys == ["first", "second"])
        await asyncio.sleep(1.2)  # a whole round of asking
        assert leads == ["first"]
        # The leader's connection is cut, as by a failover: its lock goes with it.
        await admin.execute(
            """select pg_terminate_backend(pid) from pg_locks
                where locktype = 'advisory' and granted and pid <> pg_backend_pid()
                  and database = (select oid from pg_database where datname = current_database())"""
        )
        await until(lambda: len(leads) == 2)
        leader, other = (second, first) if leads[1] == "second" else (first, second)
        leader.cancel()
        await until(lambda: len(leads) == 3)
        assert leads[2] != leads[1]
        other.cancel()
        await asyncio.gather(first, second, return_exceptions=True)
    finally:
        await admin.close()
