"""How does one round go? Load, kills by seed, services struck; then peace, everything settles, and the books are balanced."""

import asyncio
import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import asyncpg

from kit import clock
from kit.crypto import Keyring
from kit.db import open_database
from mail.dispatch.away import AWAY
from tenants.credentials import create_credential
from tenants.models import CredentialKind
from tests.chaos.accounting import Stored, Sums, account, wrong
from tests.chaos.crew import PROCESSES, Crew
from tests.chaos.evidence import testify
from tests.chaos.load import Load
from tests.chaos.patient_workers import LEASE
from tests.chaos.points import FLYING, POINTS
from tests.chaos.services import strike
from tests.chaos.watch import Watcher
from tests.support import laws, world
from tests.support.databases import WORLD_TEMPLATE
from tests.support.graphql import Api
from tests.support.ports import free_port
from tests.support.postgres import Postgres
from tests.support.rabbitmq import RabbitMQ
from tests.support.sink import Sink
from tests.support.stage import Stage

# Longer than a dead worker's claim lasts, and than the rest after a fault of ours.
_LATER = LEASE + timedelta(minutes=1)
# Seconds without any progress after which something keeps the queue from settling.
_STUCK = 20.0
_WORKERS = tuple(f"workers-{number}" for number in range(1, 1 + PROCESSES.count("workers")))


@dataclass
class Act:
    """A platform with its services, a remote host and a subscriber, for some rounds."""

    server: Postgres
    rabbitmq: RabbitMQ | None
    stage: Stage
    crew: Crew
    sink: Sink
    watcher: Watcher
    duties: list[asyncio.Task[None]]
    """What goes on beside the rounds: whoever dies is started again, and somebody watches."""
    copies: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    """Whose copy did not carry the letter's own bytes."""
    letters: dict[str, bytes] = field(default_factory=dict)
    striking: asyncio.Task[None] | None = None
    """What is being done to a service; it must end, or the service would stay away."""
    queued: int = 0
    """Recipients that wait for a worker to claim them, as of a moment ago."""
    flying: list[int] = field(default_factory=list)
    """How many were in flight at every look: queued, or claimed by workers living and dead."""

    async def round(
        self,
        name: str,
        *,
        goal: int,
        before: Counter[str],
        seconds: float,
        strikes: Iterable[str] = (),
        every: float = 12.0,
        most: int = 60,
        points: Iterable[str] = POINTS,
    ) -> Sums:
        """Kill for at most `seconds`, or until `points` were hit `goal` times; then settle and balance the books.

        It begins with FLYING recipients in the queue. Then `most` wait there at once; those that workers have claimed,
        living and dead, come on top, and more wait as long as fewer than FLYING are in flight.
        Meanwhile one of `strikes` happens to a service `every` so many seconds at the latest.
        Raises AssertionError where a law is broken, the feed differs from the ledger, or something never settles.
        """
        load = Load(name, self.stage.world.shop, self.crew.submission, self.crew.url, lambda: self._room(most))
        self.copies.clear()
        self.letters.clear()
        self.broken.clear()
        self.flying.clear()
        self.queued = 0
        reading = asyncio.create_task(self._read(load))
        looking = asyncio.create_task(self._look())
        loading = asyncio.create_task(load.run(name))
        try:
            await self._fill()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds), asyncio.TaskGroup() as tasks:
                    tasks.create_task(self.crew.kill_on(goal, before, points))
                    tasks.create_task(self._strike(name, list(strikes), every))
            self.crew.disarm()
            load.stop()
            looking.cancel()
            if self.striking is not None:
                await self.striking
            await asyncio.wait({loading}, timeout=90)
            assert loading.done(), await self._explain("clients still wait for their 250")
            await loading
            await self._settle()
        finally:
            for task in (loading, reading, looking):
                task.cancel()
            await asyncio.gather(loading, reading, looking, self.striking or loading, return_exceptions=True)
        self._harvest(load)
        async with self.stage.database() as conn:
            await laws.check(conn, seconds=20)
            await self.watcher.until(await _ledger(conn, self.stage), 60)
            stored = await _stored(conn, name)
            sums = account(load.promised, stored, self.copies, broken=len(self.broken))
            sums.resubmissions = load.resubmissions
            if not sums.sound:
                await testify(conn, {*wrong(load.promised, stored, self.copies), *self.broken}, self.crew.folder)
        return sums

    async def close(self) -> None:
        """What goes on beyond a round: the counts that people see, and a replay of the ledger, through the API."""
        async with self.stage.database() as conn:
            await laws.check_statistics(conn, self.watcher.api, self.stage.world.acme.id)
        await laws.check_feed(self.watcher.api, cursors=1)

    async def _strike(self, seed: str, strikes: list[str], every: float) -> None:
        """Hit the services at chosen moments, one after the other."""
        chance = random.Random(f"{seed}/services")
        for what in strikes:
            await asyncio.sleep(chance.uniform(0.2, 1) * every)
            self.striking = asyncio.create_task(self._struck(what))
            await asyncio.shield(self.striking)

    async def _struck(self, what: str) -> None:
        await asyncio.to_thread(strike, what, self.server, self.rabbitmq, self.stage.database_url)
        self.crew.hits[what] += 1

    async def _fill(self) -> None:
        """Keep the workers away until FLYING recipients wait for them."""
        await self.crew.rest(*_WORKERS)
        async with asyncio.timeout(60):
            while not self.flying or self.flying[-1] < FLYING:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.05)
        self.flying[:] = self.flying[-1:]
        await self.crew.wake(*_WORKERS)

    def _room(self, most: int) -> bool:
        """May a client begin another letter?"""
        return self.queued < most or not self.flying or self.flying[-1] < FLYING

    async def _read(self, load: Load) -> None:
        while True:
            self._harvest(load)
            await asyncio.sleep(0.05)

    async def _look(self) -> None:
        while True:
            # The database may be away at any moment.
            with contextlib.suppress(*AWAY):
                async with self.stage.database() as conn:
                    while True:
                        self.queued = await _count(conn, "state = 'queued'")
                        self.flying.append(await _count(conn, "true"))
                        await asyncio.sleep(0.2)
            await asyncio.sleep(0.2)

    def _harvest(self, load: Load) -> None:
        """Count the copies that came and let go of their bytes."""
        mails, self.sink.mails[:] = self.sink.mails[:], []
        for letter in load.letters[len(self.letters) :]:
            self.letters[letter.recipients[0].rpartition("-")[0]] = letter.body
        for mail in mails:
            for to in mail.recipients:
                self.copies[to] += 1
                body = self.letters.get(to.rpartition("-")[0])
                if body is None or body not in mail.content:
                    self.broken.append(to)

    async def _settle(self) -> None:
        """Stop the workers in order, let the leases of dead ones run out, and wait until nothing waits."""
        for name in self.crew.names:
            await self.crew.up(name)
        for _ in range(4):
            statuses = await self.crew.rest(*_WORKERS)
            late = "".join(f"\n--- {name}\n{self.crew.log(name)[-8000:]}" for name in statuses if statuses[name])
            assert not late, f"a worker did not stop in order: {statuses}{late}"
            async with self.stage.database() as conn:
                await clock.shift(conn, _LATER)
                await self.crew.wake(*_WORKERS)
                if await _peace(conn):
                    return
        raise AssertionError(await self._explain("mail does not settle"))

    async def _explain(self, what: str) -> str:
        """Say what went wrong, and all that tells why: who lives, who waits for what in the database, rows and logs."""
        for duty in self.duties:
            if duty.done():
                duty.result()
        async with self.stage.database() as conn:
            sessions = await conn.fetch(
                """select pid, state, wait_event_type, wait_event, now() - xact_start as since,
                          pg_blocking_pids(pid) as blocked_by, left(query, 120) as query
                     from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"""
            )
        alive = {name: self.crew.alive(name) for name in self.crew.names}
        for name in (name for name in alive if alive[name]):
            os.kill(self.crew.pid(name), signal.SIGUSR1)
        await asyncio.sleep(1)  # they say in their logs what they wait for
        said = [what, f"alive: {alive}", f"hits: {dict(self.crew.hits)}", *(str(dict(row)) for row in sessions)]
        return "\n".join([*said, await self.stage.explain()])


@contextlib.asynccontextmanager
async def act(server: Postgres, rabbitmq: RabbitMQ | None, seed: str) -> AsyncIterator[Act]:
    """Raise the curtain: a fresh copy of the world with an API, two doors, two workers and a clock."""
    database = server.create(WORLD_TEMPLATE)
    url = server.url(database)
    sink_port = free_port()
    crew = Crew(
        url,
        database_api_url=server.url(database, user="livery_api"),
        broker_url=rabbitmq.url if rabbitmq else None,
        route=f"smtp://127.0.0.1:{sink_port}",
        seed=seed,
    )
    try:
        people = await _people(url)
        await asyncio.to_thread(crew.start)
        async with contextlib.AsyncExitStack() as stack:
            sink = Sink()
            await sink.start(sink_port)
            stack.push_async_callback(sink.stop)
            watcher = Watcher(Api(crew.url, people.acme.api_key))
            await watcher.begin()
            duties = [asyncio.create_task(duty) for duty in (crew.keep(), watcher.run())]
            for task in duties:
                stack.push_async_callback(_end, task)
            yield Act(server, rabbitmq, Stage(crew, people, url, sink_port), crew, sink, watcher, duties)
    finally:
        await asyncio.to_thread(crew.remove)
        server.drop(database)


async def _count(conn: asyncpg.Connection, condition: str) -> int:
    """How many recipients wait, of those that a piece of SQL names."""
    count: int = await conn.fetchval(
        f"select count(*) from recipient where next_attempt_at is not null and ({condition})"
    )
    return count


async def _peace(conn: asyncpg.Connection) -> bool:
    """Wait until nothing waits; False where what is left waits for later, or nothing moves any more."""
    now = "state = 'sending' or next_attempt_at <= (select livery_now())"
    least, since = None, time.monotonic()
    while (left := await _count(conn, now)) > 0 and time.monotonic() - since < _STUCK:
        if least is None or left < least:
            least, since = left, time.monotonic()
        await asyncio.sleep(0.1)
    return await _count(conn, "true") == 0


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    done = (await asyncio.gather(task, return_exceptions=True))[0]
    if isinstance(done, Exception):
        raise done


async def _people(url: str) -> world.World:
    """The accounts; shop may send from loopback without a password."""
    db = await open_database(url, size=1)
    try:
        people = await world.find(db)
        async with db.transaction() as conn:
            await create_credential(
                conn,
                Keyring(world.SECRET_KEY),
                account_id=people.shop.id,
                kind=CredentialKind.SOURCE,
                name="Load",
                networks=("127.0.0.1/32",),
            )
    finally:
        await db.close()
    return people


async def _stored(conn: Any, name: str) -> dict[str, Stored]:
    rows = await conn.fetch(
        """select address, array_agg(message_id::text) as messages, bool_or(uncertain) as uncertain,
                  bool_or(state = 'held') as held
             from recipient where address like $1 group by address""",
        f"{name}-%",
    )
    return {row["address"]: Stored(frozenset(row["messages"]), row["uncertain"], row["held"]) for row in rows}


async def _ledger(conn: Any, stage: Stage) -> list[int]:
    rows = await conn.fetch(
        """select e.id from event e join account a on a.id = e.account_id
            where a.lineage @> array[$1::uuid] order by e.epoch, e.xid, e.id""",
        stage.world.acme.id,
    )
    return [row["id"] for row in rows]
