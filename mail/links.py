"""Where does a tracked link lead now, and what becomes of the visit? What one process knows by heart, and its spool.

Everything that decides is in memory and read anew every few seconds: what is switched off, and where long links lead.
Visits go into the spool; a loop records them (`mail.visits`) as soon as the database takes
them, and those that processes before this one have left.
"""

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import structlog
from prometheus_client import Gauge

from kit import spool
from kit.bell import Bell
from kit.countries import Countries
from kit.crypto import Keyring
from kit.db import Database
from kit.embedded import unwritable
from kit.ids import new_id
from kit.spool import Spool
from mail import unsubscribes, visitors, visits
from mail.unsubscribes import NOBODY, Sender
from mail.visits import Note
from mail.wire import tracked
from mail.wire.tracked import Click, Open

log: structlog.stdlib.BoundLogger = structlog.get_logger()

REFRESH = 3.0
"""Seconds after which a link that was switched off leads nowhere any more."""
SETTLE = 0.5
"""Seconds that a visit waits for others that belong to it."""

_SPOOL_BYTES = 512 * 1024 * 1024  # a million visits and more; then links lead on and visits are lost
_BATCH = 100  # three milliseconds of the loop at a time
_RETRY, _ADOPT, _SYNC = 1.0, 20.0, 0.05
_OFTEN = 10_000  # recipients who came last: how often is known by heart
_SLICE = 100  # of what is many is done before others may go
_ASK = 2.0  # seconds that somebody waits for the database: with a long link, or to read whose link is over
_FACES, _FACE_FRESH = 1_000, 10.0  # accounts whose face is known by heart, and for how many seconds
# Where long links lead, by heart: so many, of so many characters together, the newest and the last used.
_LONG_LINKS, _LONG_CHARACTERS, _LONG_PAGE = 20_000, 16_000_000, 5_000

# Where the visit itself may be at fault, or what we make of it: no repetition mends that.
_AT_FAULT = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, ValueError, TypeError, LookupError)

_WAITING = Gauge("mail_visits_waiting_bytes", "Opens and clicks on this process's disk that are not recorded yet.")
_LOST = Gauge("mail_visits_lost", "Opens and clicks that found no room on this process's disk.")

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Note).decode


class End(Enum):
    """A link that leads nowhere."""

    UNKNOWN = "unknown"  # we never made it
    OVER = "over"  # switched off, or too old
    AWAY = "away"  # a long one that is not in memory while the database is away


@dataclass(frozen=True, slots=True)
class Asked:
    """How somebody asked for a link or a picture."""

    agent: str
    ip: str
    head: bool = False
    ahead: bool = False
    host: str = ""
    """Under which host name, lower case, without port; empty where it named none."""


class Links:
    """One process's links. `await start()` it with the database there, `await close()` it before database and bell."""

    def __init__(
        self,
        db: Database,
        keyring: Keyring,
        bell: Bell,
        folder: Path,
        countries: Countries,
        *,
        ours: frozenset[str],
    ) -> None:
        """`ours` are the platform's own host names, which are nobody's name even where an account has one of them."""
        self._db = db
        self._keyring = keyring
        self._bell = bell
        self._folder = folder
        self._countries = countries
        self._dead: frozenset[tuple[UUID, str | None]] = frozenset()
        self._ours = ours
        self._hosts: frozenset[str] = frozenset()  # of accounts
        self._often: OrderedDict[UUID, int] = OrderedDict()
        self._faces: OrderedDict[UUID, tuple[float, Sender]] = OrderedDict()
        self._long: OrderedDict[UUID, str] = OrderedDict()
        self._long_characters = 0
        self._long_since = datetime(2020, 1, 1, tzinfo=UTC)
        self._ahead_of_us = 0.0  # seconds by which the database's clock goes before this machine's
        self._news = asyncio.Event()
        self._unsynced = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._spool: Spool
        self.lost = 0
        """Visits that found no room."""

    async def start(self) -> None:
        """Begin. Raises LiveryError where the folder cannot be written, and what the database raises."""
        try:
            self._spool = spool.make(self._folder, most=_SPOOL_BYTES)
        except OSError as fault:
            raise unwritable(self._folder, fault) from None
        visitors.prepare()
        await self.refresh()
        loops: tuple[tuple[Callable[[], Coroutine[Any, Any, None]], float], ...] = (
            (self._record, 0.0),
            (self._sync, _SYNC),
            (self._adopt, _ADOPT),
            (self._keep_fresh, REFRESH),
        )
        self._tasks = [asyncio.create_task(_for_ever(work, pause)) for work, pause in loops]

    async def close(self) -> None:
        """Stop; what was not recorded yet stays on disk for the next process."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(OSError):
            self._spool.sync()
        self._spool.close()

    @property
    def waiting(self) -> int:
        """Bytes of visits that are not recorded yet."""
        return self._spool.size

    async def follow(self, token: str, asked: Asked) -> str | End:
        """Where this link leads; whoever asked is noted where it leads anywhere."""
        found = tracked.read(self._keyring, token)
        if not isinstance(found, Click) or not self._stands_under(asked.host, found):
            return End.UNKNOWN
        if self._over(found.whose):
            return End.OVER
        target = found.target if isinstance(found.target, str) else await self._long_target(found.whose, found.target)
        if isinstance(target, End):
            return target
        if (found.whose.account_id, target) in self._dead:
            return End.OVER
        self._note(found, target, asked)
        return target

    def show(self, token: str, asked: Asked) -> bool:
        """Whether this is the address of a pixel of ours; whoever asked is noted, unless it is over."""
        found = tracked.read(self._keyring, token)
        if not isinstance(found, Open):
            return False
        if not self._over(found.whose):
            self._note(found, None, asked)
        return True

    async def face(self, token: str) -> Sender:
        """In whose name to say that a link of ours is over: its account's face, or none where the database is away."""
        found = tracked.read(self._keyring, token)
        if found is None:
            return NOBODY
        account_id, now = found.whose.account_id, time.monotonic()
        known = self._faces.get(account_id)
        if known is not None and now - known[0] < _FACE_FRESH:
            return known[1]
        try:
            async with asyncio.timeout(_ASK), self._db.transaction(sees=account_id) as conn:
                told = await unsubscribes.sender(conn, account_id)
        except Exception as fault:
            log.warning("links.face_away", reason=type(fault).__name__)
            return known[1] if known is not None else NOBODY
        self._faces.pop(account_id, None)
        self._faces[account_id] = (now, told)
        if len(self._faces) > _FACES:
            self._faces.popitem(last=False)
        return told

    async def refresh(self) -> None:
        """Learn anew what is known by heart. What was known stays where the database does not answer."""
        async with self._db.transaction() as conn:
            now = await conn.fetchval("select livery_now()")
            dead = await conn.fetch("select account_id, target from dead_links()")
            hosts = await conn.fetch("select host from link_hosts()")
            long = await conn.fetch(
                "select id, target, created_at from long_links($1, $2)", self._long_since, _LONG_PAGE
            )
        self._ahead_of_us = now.timestamp() - time.time()
        self._dead = frozenset((row["account_id"], row["target"]) for row in dead)
        self._hosts = frozenset(row["host"] for row in hosts) - self._ours
        for number, row in enumerate(reversed(long)):
            if number % _SLICE == 0:
                await asyncio.sleep(0)
            self._learn(row["id"], row["target"])
        if long:
            # Those that are written now may be committed after younger ones.
            self._long_since = max(self._long_since, long[0]["created_at"] - timedelta(seconds=60))

    def _stands_under(self, host: str, link: Click) -> bool:
        """Nobody sends people elsewhere behind the name of somebody else; a name that is nobody's (any more) may be a proxy's."""
        return host not in self._hosts or tracked.mark(self._keyring, host) == link.mark

    def _over(self, whose: tracked.Whose) -> bool:
        return (whose.account_id, None) in self._dead or whose.ends.timestamp() <= time.time() + self._ahead_of_us

    def _note(self, found: Open | Click, target: str | None, asked: Asked) -> None:
        whose = found.whose
        if self._too_often(whose.recipient_id):
            return
        note = Note(
            id=new_id(),
            account_id=whose.account_id,
            recipient_id=whose.recipient_id,
            at=time.time(),
            target=target,
            agent=asked.agent,
            ip=asked.ip,
            head=asked.head,
            ahead=asked.ahead,
        )
        if self._spool.append(_encode(note)):
            self._news.set()
            self._unsynced.set()
            return
        if not self.lost:
            log.error("visits.no_room", folder=str(self._folder))
        self.lost += 1

    def _too_often(self, recipient_id: UUID) -> bool:
        """Whether more visits of this recipient came here than are kept: they would take others' room for nothing."""
        count = self._often.pop(recipient_id, 0) + 1
        self._often[recipient_id] = count
        if len(self._often) > _OFTEN:
            self._often.popitem(last=False)
        return count > visits.MOST_OF_ONE

    async def _long_target(self, whose: tracked.Whose, id: UUID) -> str | End:
        known = self._long.get(id)
        if known is not None:
            self._long.move_to_end(id)
            return known
        try:
            async with asyncio.timeout(_ASK), self._db.transaction(sees=whose.account_id) as conn:
                target: str | None = await conn.fetchval(
                    "select target from long_target where id = $1 and account_id = $2", id, whose.account_id
                )
        except Exception as fault:
            log.warning("links.away", reason=type(fault).__name__)
            return End.AWAY
        if target is None or not tracked.may_track(target):
            return End.OVER  # of an account that is gone
        self._learn(id, target)
        return target

    def _learn(self, id: UUID, target: str) -> None:
        if id not in self._long and tracked.may_track(target):
            self._long[id] = target
            self._long_characters += len(target)
            while len(self._long) > _LONG_LINKS or self._long_characters > _LONG_CHARACTERS:
                self._long_characters -= len(self._long.popitem(last=False)[1])

    async def _keep_fresh(self) -> None:
        _WAITING.set(self.waiting)
        _LOST.set(self.lost)
        await self.refresh()

    async def _sync(self) -> None:
        await self._unsynced.wait()
        self._unsynced.clear()
        if self._spool.unsynced:
            try:
                await asyncio.to_thread(self._spool.sync)
            except OSError:
                self._unsynced.set()
                raise

    async def _record(self) -> None:
        if not self._spool.waits:  # after a fault there may be
            await self._news.wait()
        self._news.clear()
        while self._spool.waits:
            if not await self._take(self._spool, settle=SETTLE):
                await asyncio.sleep(SETTLE / 2)

    async def _adopt(self) -> None:
        """Record what processes have left that are gone."""
        for orphan in spool.orphans(self._folder):
            try:
                while orphan.waits:
                    await self._take(orphan, settle=0.0)
                    await asyncio.sleep(0)
            finally:
                orphan.close()

    async def _take(self, source: Spool, *, settle: float) -> bool:
        """Record the next visits of a spool that have waited for `settle` seconds; whether there were any."""
        portion = source.read(_BATCH)
        notes: list[Note] = []
        size = 0
        ripe = time.time() - settle
        for line in portion.lines:
            try:
                note = _decode(line)
            except msgspec.MsgspecError:
                log.error("visits.unreadable", size=len(line))
            else:
                # One from the future is of a clock that was set back: it has waited long enough.
                if ripe < note.at <= ripe + settle:
                    break
                notes.append(note)
            size += len(line) + 1
        if not portion.lines:
            size = portion.size
        if notes:
            await self._commit(notes)
        source.settle(size)
        return size > 0

    async def _commit(self, notes: Sequence[Note]) -> None:
        """Record them, or pass over the one that never can be; its neighbours are recorded."""
        try:
            await self._write(notes)
        except _AT_FAULT as fault:
            if len(notes) > 1:
                for note in notes:
                    await self._commit([note])
                return
            async with self._db.connection() as conn:  # raises where the database is just going
                await conn.fetchval("select true")
            log.error("visit.refused", reason=type(fault).__name__, exc_info=fault)

    async def _write(self, notes: Sequence[Note]) -> None:
        # Beforehand: in the transaction all of them are judged at once, and nobody is answered meanwhile.
        for agent in {note.agent for note in notes}:
            visitors.learn(agent)
            await asyncio.sleep(0)
        async with self._db.transaction(sees={note.account_id for note in notes}) as conn:
            news = await visits.record(conn, notes, country=self._countries.of)
        self._bell.ring(news)


async def _for_ever(work: Callable[[], Coroutine[Any, Any, None]], pause: float) -> None:
    """Do it again and again; a fault is logged once per outage and ends nothing."""
    well = True
    while True:
        try:
            await work()
            well = True
            await asyncio.sleep(pause)
        except Exception as fault:
            if well:
                log.warning("links.fault", work=work.__name__, reason=type(fault).__name__)
            well = False
            await asyncio.sleep(_RETRY)
