"""How does mail leave? The desk of one worker process claims what is due, delivers it and records every outcome.

    look ─► pump ─► claim (fair, leased) ─► prepare (bodies, steps) ─► lanes by site ─► transport
             ▲                                                                              │
             └────────────────────────────── room ◄─── recorder (ledger) ◄──────────────────┘

1. `look` is what a ring does: it wakes the pump and returns. The pump also looks by itself every two seconds, and
   whenever
   outcomes make room while the last claim left something behind, so throughput depends on no ring.
2. A claim is a lease. One task renews the leases of everything held; a lane asks before it connects and before the
   final
   dot, and sends nothing once a lease is lost. What is held is not claimed again; after the database was away, all of it
   is renewed or recorded before anything is claimed.
3. Bodies are read after the claim, once per message, within a budget of bytes. No transaction is open while SMTP is
   spoken.
4. Whatever goes wrong over one recipient counts against that one alone; the third time it is held (`claim`).
"""

import asyncio
import functools
import random
import time
from collections import Counter
from collections.abc import Callable, Collection, Coroutine
from contextvars import Context
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from prometheus_client import Histogram

from kit import chaos
from kit.crypto import Keyring
from kit.db import Database
from mail.dispatch import claim as queue
from mail.dispatch import outcomes
from mail.dispatch.away import ANSWER, AWAY
from mail.dispatch.barred import Barred
from mail.dispatch.budget import Budget
from mail.dispatch.claim import Claimed
from mail.dispatch.lanes import Lanes
from mail.dispatch.leases import Lease, Leases
from mail.dispatch.letters import Letter
from mail.dispatch.outcomes import Entry
from mail.dispatch.prepare import Preparation
from mail.dispatch.recorder import Recorder
from mail.routing import Routes
from mail.transports import LeaseLost, Source, Transport

log: structlog.stdlib.BoundLogger = structlog.get_logger()

CLAIM_SECONDS = Histogram(
    "mail_claim_seconds", "How long a claim took.", buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.2, 1)
)

# Seconds between two looks that nobody rang for.
_POLL = 2.0
# No conversation takes longer than this: RFC 5321 §4.5.3.2.6 allows 10 minutes for the final dot's reply alone.
_LONGEST = 45 * 60
# How long a suspect is given the process for itself, and how long it waits for the others to finish.
_ALONE, _DRAIN = 20.0, 30.0
# How long the end of the process waits for the database.
_LAST_WORDS = 5.0
# How long outcomes may take once the database is back, and how long other workers are given to renew what is over.
_CATCH_UP, _OTHERS = 5.0, 2.0


@dataclass(frozen=True)
class Limits:
    """How much one process takes upon itself."""

    recipients: int = 400
    """Claimed and not settled."""
    batch: int = 100
    """Taken by one claim."""
    content: int = 64 * 1024 * 1024
    """Bytes of messages in memory."""
    lease: timedelta = timedelta(seconds=90)
    """A dead worker's mail is taken up again after this."""


type Way = tuple[Transport, Source | None, str]
"""Transport, source address and site: what has lanes of its own."""
type Addressed = tuple[Way, Letter]


class Desk:
    """The way out of one process: `run` it, and `look` when something may be due."""

    def __init__(
        self,
        db: Database,
        keyring: Keyring,
        routes: Routes,
        *,
        mail_domain: str,
        public_url: str,
        ring_bell: Callable[[Collection[UUID]], None],
        limits: Limits | None = None,
    ) -> None:
        self._db = db
        self._routes = routes
        self._limits = limits or Limits(recipients=routes.pace.desk)
        self._leases = Leases(db, self._limits.lease)
        self._barred = Barred(db, lambda: {lease.claimed.account_id for lease in self._leases.all()})
        self._recorder = Recorder(db, on_recorded=self._recorded, ring_bell=ring_bell)
        self._prepare = Preparation(
            db,
            keyring,
            Budget(self._limits.content),
            mail_domain=mail_domain,
            public_url=public_url,
            settle=self._recorder.put,
        )
        self._lanes: Lanes[Addressed] = Lanes(self._deliver, per_site=routes.pace.lanes_per_site)
        self._tasks: set[asyncio.Task[None]] = set()
        self._speaking: set[UUID] = set()
        self._settled = asyncio.Event()
        self._broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._news = asyncio.Event()
        self._left_behind = False
        self._crowded: frozenset[str] = frozenset()
        self._stopping = False
        self._chance = random.Random()  # noqa: S311 - jitter of retries, no secret

    def look(self) -> None:
        """Something may be due. Costs nothing, and means nothing where the desk is full."""
        self._news.set()

    async def run(self, until: asyncio.Event, *, grace: float = 30.0) -> None:
        """Work until `until` is set, then claim no more, return what was not begun and wait `grace` seconds for lanes.

        A conversation that is cut then is recorded as uncertain. Raises what broke the desk, if anything does.
        """
        recorder = asyncio.create_task(self._recorder.run(), name="recorder")
        leases = asyncio.create_task(self._leases.run(), name="leases")
        barred = asyncio.create_task(self._barred.run(), name="barred")
        pump = asyncio.create_task(self._pump(), name="pump")
        told = asyncio.create_task(until.wait())
        everything: set[asyncio.Future[Any]] = {recorder, leases, barred, pump, told, self._broken}
        try:
            ended, _ = await asyncio.wait(everything, return_when=asyncio.FIRST_COMPLETED)
            # Not cancelled: a claim that was cut off might have been committed, and its rows would lapse.
            self._stopping = True
            self._news.set()
            self._settled.set()
            await asyncio.wait({pump}, timeout=_LAST_WORDS)
            await self._wind_down(grace)
            for task in ended:
                task.result()  # raises what broke the desk
        finally:
            for task in everything:
                task.cancel()
            await asyncio.gather(*everything, return_exceptions=True)

    # Claiming

    async def _pump(self) -> None:
        looked, answered, away = float("-inf"), time.monotonic(), False
        while not self._stopping:
            try:
                if away:
                    await self._regain(answered)
                    away = False
                if time.monotonic() - looked >= _POLL:
                    looked = time.monotonic()
                    await self._suspects()
                await self._fill()
                answered = time.monotonic()
            except AWAY as fault:
                log.warning("claim.failed", reason=f"{type(fault).__name__}: {fault}"[:200])
                away = True
                await asyncio.sleep(1)
                continue
            try:
                async with asyncio.timeout(_POLL):
                    await self._news.wait()
            except TimeoutError:
                pass
            self._news.clear()

    async def _regain(self, answered: float) -> None:
        """Renew and record what is ours, now that the database is back; `answered` is when it was last there."""
        await self._leases.renew()
        waiting = self._recorder.unrecorded()
        await self._until(lambda: self._stopping or not waiting & self._recorder.unrecorded(), _CATCH_UP)
        if time.monotonic() - answered > self._limits.lease.total_seconds():
            # Their leases are over as well, and they live: what they are speaking about must not be sent beside them.
            await self._until(lambda: self._stopping, _OTHERS)

    async def _fill(self) -> None:
        """Claim until a claim leaves nothing behind or the desk is full."""
        more = True
        while more and not self._stopping and self._room() >= self._limits.batch // 2:
            self._crowded = self._at_least(self._routes.pace.allowance(self._room()))
            asked = time.monotonic()
            with CLAIM_SECONDS.time():
                async with asyncio.timeout(ANSWER), self._db.connection() as conn:
                    batch = await queue.claim(
                        conn,
                        min(self._room(), self._limits.batch),
                        self._limits.lease,
                        avoid=self._crowded,
                        mine=self._leases.ids(),
                    )
            more = batch.more
            if batch.claimed:
                chaos.point("claimed")
                self._spawn(self._process(self._leases.hold(batch.claimed, asked)))
        self._left_behind = more

    def _room(self) -> int:
        return self._limits.recipients - len(self._leases)

    def _at_least(self, count: int | None) -> frozenset[str]:
        """The domains of which that many recipients are held."""
        if count is None:
            return frozenset()
        held = Counter(lease.claimed.domain for lease in self._leases.all())
        return frozenset(domain for domain, many in held.items() if many >= count)

    async def _suspects(self) -> None:
        """Give each recipient whose worker was lost twice the process for itself: it alone is to blame if that ends."""
        give_up = time.monotonic() + _ALONE
        while time.monotonic() < give_up and not self._stopping:
            async with asyncio.timeout(ANSWER), self._db.connection() as conn:
                if not await queue.suspects_due(conn, mine=self._leases.ids()):
                    return
            await self._until(functools.partial(self._no_more_than, 0), _DRAIN)
            asked = time.monotonic()
            async with asyncio.timeout(ANSWER), self._db.connection() as conn:
                suspect = await queue.claim_suspect(conn, self._limits.lease, mine=self._leases.ids())
            if suspect is None:
                return
            log.warning("suspect.claimed", recipient=str(suspect.id), lapses=suspect.lapses)
            others = len(self._leases)
            self._spawn(self._process(self._leases.hold([suspect], asked)))
            await self._until(functools.partial(self._no_more_than, others), _ALONE)

    def _no_more_than(self, count: int) -> bool:
        return self._stopping or len(self._leases) <= count

    async def _until(self, condition: Callable[[], bool], seconds: float) -> None:
        """Wait until outcomes have made `condition` true, or give up."""
        give_up = time.monotonic() + seconds
        while not condition() and (left := give_up - time.monotonic()) > 0:
            self._settled.clear()
            try:
                async with asyncio.timeout(left):
                    await self._settled.wait()
            except TimeoutError:
                return

    # Processing

    async def _process(self, held: list[Lease]) -> None:
        leases = []
        for lease in held:
            if lease.claimed.life <= timedelta(0):
                self._recorder.put(outcomes.expired(lease.claimed))
            elif lease.claimed.lapses >= queue.POISONED:
                log.error("recipient.poisoned", recipient=str(lease.claimed.id))
                self._recorder.put(outcomes.poisoned(lease.claimed))
            else:
                leases.append(lease)
        async for letters in self._prepare.letters(leases):
            chaos.point("prepared")
            self._send_off(letters)
            del letters  # or their content would stay for as long as the next ones wait for room

    def _send_off(self, letters: list[Letter]) -> None:
        ways: dict[tuple[Transport, Source | None, str], list[Letter]] = {}
        for letter in letters:
            transport = self._routes.way_out(letter.mail.domain, sandbox=letter.lease.claimed.sandbox)
            ways.setdefault((transport, letter.mail.source, letter.mail.domain), []).append(letter)
        for (transport, source, domain), group in ways.items():
            self._spawn(self._place(transport, source, domain, group))

    async def _place(self, transport: Transport, source: Source | None, domain: str, letters: list[Letter]) -> None:
        """Queue letters at the lanes of their source and site; finding the site may take a DNS lookup, which holds up nobody else.

        Each source has lanes of its own, for a receiver judges and slows down each for itself.
        """
        try:
            site = await transport.site(domain)
        # One domain's fault must not become its neighbours'.
        except Exception as fault:
            log.exception("dispatch.fault", domain=domain, reason=type(fault).__name__)
            for letter in letters:
                self._recorder.put(outcomes.faulted(letter.lease.claimed))
                self._prepare.room.settled(letter)
            return
        way = (transport, source, site)
        self._lanes.put(way, [(way, letter) for letter in letters])

    async def _deliver(self, addressed: Addressed) -> None:
        way, letter = addressed
        lease, claimed = letter.lease, letter.lease.claimed
        if claimed in self._barred:
            self._recorder.put(outcomes.suspended(claimed))
            self._prepare.room.settled(letter)
            return
        if not self._prepare.room.admit(letter, functools.partial(self._lanes.put, way, [addressed])):
            return
        self._speaking.add(claimed.id)
        try:
            async with asyncio.timeout(_LONGEST):
                delivery = await way[0].deliver(letter.mail, heartbeat=functools.partial(self._leases.heartbeat, lease))
        except LeaseLost:
            self._leases.drop([claimed])
            self._made_room()
        except asyncio.CancelledError:
            self._recorder.put(outcomes.interrupted(claimed))
            raise
        # One message's fault must not become its neighbours'.
        except Exception as fault:
            log.exception("dispatch.fault", recipient=str(claimed.id), reason=type(fault).__name__)
            self._recorder.put(outcomes.faulted(claimed))
        else:
            chaos.point("after-remote-250-before-record")
            self._recorder.put(*outcomes.delivered([claimed], delivery, self._chance, letter.note))
        finally:
            self._speaking.discard(claimed.id)
            self._prepare.room.settled(letter)

    def _recorded(self, entries: Collection[Entry]) -> None:
        self._leases.drop(entry.claimed for entry in entries)
        self._made_room()
        if any(entry.fact.retry_in == timedelta(0) for entry in entries):
            self.look()

    def _made_room(self) -> None:
        self._settled.set()
        if self._room() < self._limits.batch // 2:
            return
        thinned = self._crowded and not self._crowded <= self._at_least(2 * self._routes.pace.lanes_per_site)
        if self._left_behind or thinned:
            self.look()

    # Ending

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work, context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None and not self._broken.done():
            self._broken.set_exception(fault)

    async def _wind_down(self, grace: float) -> None:
        deadline = time.monotonic() + grace
        # Again and again: a task that ends may have begun another one.
        while tasks := list(self._tasks):
            for task in tasks:
                task.cancel()
            # Not gather: where all of them have just ended it gives the loop no turn, in which they leave the set.
            await asyncio.wait(tasks)
        self._lanes.empty()
        self._prepare.room.close()
        begun = self._speaking | self._recorder.unrecorded()
        unbegun = [lease for lease in self._leases.all() if lease.claimed.id not in begun]
        for lease in unbegun:
            # Another worker may have it from now on: whoever still holds the letter here must not send it.
            lease.lost = True
        await self._give_back([lease.claimed for lease in unbegun])
        await self._lanes.finish(deadline - time.monotonic())
        await self._until(lambda: not self._recorder.unrecorded(), _LAST_WORDS)
        if left := self._recorder.unrecorded():
            log.error("dispatch.unrecorded", recipients=len(left))

    async def _give_back(self, unbegun: list[Claimed]) -> None:
        if not unbegun:
            return
        try:
            async with asyncio.timeout(_LAST_WORDS), self._db.connection() as conn:
                await queue.give_back(conn, unbegun)
        except AWAY as fault:
            # Their leases run out by themselves.
            log.warning("dispatch.not_given_back", recipients=len(unbegun), reason=type(fault).__name__)
        self._leases.drop(unbegun)
