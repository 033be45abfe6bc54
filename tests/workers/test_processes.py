"""Do worker processes deliver what nobody rang for, and lose or double nothing when they are stopped or killed?"""

import asyncio
import os
import re
import sys
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from kit import clock, jobs
from kit.db import Database
from tests.support import laws
from tests.support.platform import Platform
from tests.support.ports import free_port
from tests.support.sink import STALL, Sink
from tests.support.world import World
from tests.workers.conftest import until

Accept = Callable[..., Awaitable[Sequence[UUID]]]


@asynccontextmanager
async def platform(url: str, sink: Sink, *processes: str, broker_url: str | None = None) -> AsyncIterator[Platform]:
    """These processes on the test's database, with the sink at the end of their route."""
    started = Platform(url, broker_url=broker_url, route=f"smtp://127.0.0.1:{sink.port}", processes=processes)
    try:
        await asyncio.to_thread(started.start)
        yield started
    finally:
        await asyncio.to_thread(started.remove)


async def states(db: Database) -> list[str]:
    """The states of all recipients, sorted."""
    async with db.connection() as conn:
        return sorted(row["state"] for row in await conn.fetch("select state from recipient"))


async def all_in(db: Database, state: str) -> bool:
    """Whether every recipient is in this state."""
    return set(await states(db)) == {state}


async def until_settled(db: Database, seconds: float = 40) -> None:
    """Wait until every recipient is delivered and everything is counted, then check the laws."""
    await until(lambda: all_in(db, "delivered"), seconds)
    async with db.connection() as conn:
        await laws.check(conn, seconds=10)


async def pass_time(db: Database, by: timedelta) -> None:
    """Move the platform's clock."""
    async with db.connection() as conn:
        await clock.shift(conn, by)


async def test_mail_that_nobody_rang_for_is_delivered_and_counted(
    world_db: Database, world_url: str, world: World, accept: Accept
) -> None:
    async with Sink() as sink, platform(world_url, sink, "workers", "clock"):
        await accept(world.shop, "a@x.test", "b@y.test")
        await sink.receives(2)
        await until_settled(world_db)
    assert sorted(mail.recipients for mail in sink.accepted) == [("a@x.test",), ("b@y.test",)]


async def test_a_broker_that_is_down_only_delays(
    world_db: Database, world_url: str, world: World, accept: Accept
) -> None:
    nowhere = f"amqp://guest:guest@127.0.0.1:{free_port()}/"
    async with Sink() as sink, platform(world_url, sink, "workers", "clock", broker_url=nowhere):
        await accept(world.shop, "a@x.test")
        await sink.receives(1, seconds=10)
        await until_settled(world_db)


async def test_a_purged_broker_only_delays(
    world_db: Database, world_url: str, world: World, broker_url: str, accept: Accept
) -> None:
    jobs.connect(broker_url)
    await accept(world.shop, "a@x.test")
    jobs.close()  # publishes the ring that waits
    assert await asyncio.to_thread(purge, broker_url) == 1
    async with Sink() as sink, platform(world_url, sink, "workers", "clock", broker_url=broker_url):
        await sink.receives(1)
        await until_settled(world_db)


def purge(broker_url: str) -> int:
    """Throw away every ring that waits; return how many there were."""
    broker: Any = jobs.make_broker(broker_url)
    if broker_url.startswith("amqp"):
        thrown: int = broker.channel.queue_purge(jobs.QUEUE).method.message_count
    else:
        with psycopg.connect(broker_url, autocommit=True) as session:
            thrown = session.execute("delete from dramatiq.queue").rowcount
    broker.close()
    return thrown


async def test_a_deferred_message_arrives_once_it_is_due(
    world_db: Database, world_url: str, world: World, accept: Accept
) -> None:
    async with Sink() as sink, platform(world_url, sink, "workers", "clock"):
        sink.answers("451 4.7.1 greylisted", "250 2.1.5 ok", to="a@x.test")
        await accept(world.shop, "a@x.test")
        await sink.until(lambda: sink.refused == ["a@x.test"], "refusal")
        await until(lambda: all_in(world_db, "deferred"))
        await pass_time(world_db, timedelta(minutes=6))
        await sink.receives(1)
        await until_settled(world_db)


async def test_a_killed_worker_s_mail_is_delivered_by_another_after_the_lease(
    world_db: Database, world_url: str, world: World, accept: Accept
) -> None:
    async with Sink() as sink, platform(world_url, sink, "workers", "workers", "clock") as processes:
        sink.answers(STALL, "250 2.1.5 ok", to="stalls@x.test")
        (stalls,) = await accept(world.shop, "stalls@x.test")
        await until(lambda: sink._script["rcpt", "stalls@x.test"] == ["250 2.1.5 ok"])
        assert await states(world_db) == ["sending"]
        for name in ("workers-1", "workers-2"):
            await asyncio.to_thread(processes.kill, name)
        await asyncio.to_thread(processes.launch, "workers-1")
        await accept(world.shop, "other@x.test")
        await sink.receives(1)
        assert await states(world_db) in (["delivered", "sending"], ["sending", "sending"])
        await pass_time(world_db, timedelta(seconds=91))
        await sink.receives(2)
        await until_settled(world_db)
        async with world_db.connection() as conn:
            row = await conn.fetchrow("select attempts, uncertain from recipient where id = $1", stalls)
    # The remote may have had it from the worker that was killed, for all we know.
    assert (row["attempts"], row["uncertain"]) == (2, True)
    assert sorted(mail.recipients for mail in sink.accepted) == [("other@x.test",), ("stalls@x.test",)]


async def test_a_stopped_worker_finishes_what_it_began_and_gives_the_rest_back(
    world_db: Database, world_url: str, world: World, accept: Accept
) -> None:
    for number in range(30):
        await accept(world.shop, *[f"{number}-{at}@x.test" for at in range(10)])
    async with Sink() as sink, platform(world_url, sink, "workers") as processes:
        await sink.receives(20)
        statuses = await asyncio.to_thread(processes.stop, "workers")
        assert statuses == {"workers": 0}
        found = await states(world_db)
        assert set(found) <= {"delivered", "queued"}
        assert found.count("delivered") == len(sink.accepted)
        await asyncio.to_thread(processes.launch, "workers")
        await sink.receives(300)
        await until(lambda: all_in(world_db, "delivered"))
    recipients = [mail.recipients for mail in sink.accepted]
    assert len(recipients) == len(set(recipients)) == 300


async def test_a_worker_outlives_a_database_that_goes_and_comes(
    world_db: Database, world_url: str, world: World, accept: Accept
) -> None:
    async with Sink() as sink, platform(world_url, sink, "workers", "clock") as processes:
        await accept(world.shop, "before@x.test")
        await sink.receives(1)
        async with world_db.connection() as conn:
            await conn.execute(
                """select pg_terminate_backend(pid) from pg_stat_activity
                    where datname = current_database() and pid <> pg_backend_pid()"""
            )
        await accept(world.shop, "after@x.test")
        await sink.receives(2)
        await until_settled(world_db)
        assert processes.alive("workers")
        assert processes.alive("clock")


async def test_processes_show_how_they_stand(world_db: Database, world_url: str, world: World, accept: Accept) -> None:
    async with Sink() as sink, platform(world_url, sink, "workers", "clock") as processes:
        await accept(world.shop, "a@x.test")
        await sink.receives(1)
        await until_settled(world_db)

        def metrics(name: str) -> dict[str, float]:
            with urllib.request.urlopen(f"http://127.0.0.1:{processes.metrics[name]}/metrics") as answer:
                lines = answer.read().decode().splitlines()
            return {
                key: float(value) for key, value in (re.split(r" (?=\S+$)", line) for line in lines if line[0] != "#")
            }

        # Counted once it is committed, and seen here as soon as it is.
        outcome = 'mail_outcomes_total{kind="delivered"}'
        await until(lambda: outcome in metrics("workers"))
        assert metrics("workers")[outcome] == 1
        assert metrics("clock")["mail_clock_leads"] == 1


async def test_delivery_gives_way_to_whoever_offers_mail(world_url: str) -> None:
    async with Sink() as sink, platform(world_url, sink, "clock", "workers") as started:
        workers, clock_ = (started.pid(name) for name in ("workers", "clock"))
        assert os.getpriority(os.PRIO_PROCESS, workers) == os.getpriority(os.PRIO_PROCESS, clock_) + 10
        group = Path(f"/proc/{workers}/autogroup")
        if group.exists():  # Linux that groups processes by session
            assert group.read_text().split()[-1] == "10"
            assert Path(f"/proc/{clock_}/autogroup").read_text().split()[-1] != "10"


@pytest.mark.parametrize("stuck", [True, False])
async def test_a_stuck_loop_ends_its_process_and_a_busy_one_does_not(stuck: bool) -> None:
    program = """
import asyncio, time, sys
from workers import watchdog
async def main():
    watchdog.watch(asyncio.get_running_loop(), looks=10, every=0.05)
    for _ in range(20):
        await asyncio.sleep(0)
        time.sleep(30 if sys.argv[1] == "True" else 0.05)
asyncio.run(main())
"""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(stuck), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(20):
        out, err = await child.communicate()
    assert child.returncode == (70 if stuck else 0), err.decode()
    assert (b"loop.stuck" in out + err) is stuck
