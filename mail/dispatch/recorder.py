"""How do outcomes reach the ledger at once and yet cheaply? All that ended since the last commit goes into the next.

Outcomes gather for a few milliseconds, and while one commit is on its way the next batch grows, so a busy desk pays a
commit per few dozen recipients. An outcome is never given up: while the database is away it is kept and tried again.
The recipient counts as held by the desk until its outcome is committed.
"""

import asyncio
from collections.abc import Callable, Collection
from uuid import UUID

import structlog
from prometheus_client import Counter

from kit import chaos
from kit.db import Connection, Database
from mail import ledger
from mail.dispatch.away import ANSWER, AWAY
from mail.dispatch.outcomes import Entry

log: structlog.stdlib.BoundLogger = structlog.get_logger()

OUTCOMES = Counter("mail_outcomes", "What became of attempts, by fact.", ["kind"])
STALE = Counter("mail_outcomes_stale", "Outcomes not recorded because another worker had taken over.")

_MOST = 200
# Seconds that the first outcome waits for company: a commit costs as much as several outcomes.
_GATHER = 0.008
_PAUSE, _LONGEST_PAUSE = 0.1, 2.0


class Recorder:
    """The desk's pen. `on_recorded` is called with each batch of entries once it is committed, or found stale."""

    def __init__(
        self,
        db: Database,
        *,
        on_recorded: Callable[[Collection[Entry]], None],
        ring_bell: Callable[[Collection[UUID]], None],
    ) -> None:
        self._db = db
        self._on_recorded = on_recorded
        self._ring_bell = ring_bell
        self._waiting: list[Entry] = []
        self._news = asyncio.Event()
        self._writing: list[Entry] = []

    def unrecorded(self) -> set[UUID]:
        """Recipients whose outcome is not committed yet."""
        return {entry.claimed.id for entry in (*self._waiting, *self._writing)}

    def put(self, *entries: Entry) -> None:
        """Have `entries` written with the next commit."""
        self._waiting.extend(entries)
        self._news.set()

    async def run(self) -> None:
        """Write until cancelled."""
        pause = _PAUSE
        while True:
            await self._news.wait()
            if len(self._waiting) < _MOST:
                await asyncio.sleep(_GATHER)
            batch, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
            self._writing = batch
            if not self._waiting:
                self._news.clear()
            try:
                # Cancelled in the middle, the commit still ends by itself.
                taken = await asyncio.shield(self._write(batch))
            except AWAY as fault:
                log.warning("record.delayed", entries=len(batch), reason=f"{type(fault).__name__}: {fault}"[:200])
                self._waiting[:0] = batch
                self._news.set()
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
                continue
            pause = _PAUSE
            self._writing = []
            for entry in batch:
                (OUTCOMES.labels(entry.fact.kind.value) if entry.claimed.id in taken else STALE).inc()
            self._on_recorded(batch)
            self._ring_bell({entry.claimed.account_id for entry in batch if entry.claimed.id in taken})

    async def _write(self, batch: list[Entry]) -> set[UUID]:
        """Commit a batch and return the recipients whose outcome was taken."""
        try:
            return set(await self._commit(batch))
        except AWAY:
            raise
        # One entry cannot be stored, for its words or for a bug: it must not take its neighbours along.
        except Exception as fault:
            log.exception("record.refused", entries=len(batch), reason=f"{type(fault).__name__}: {fault}"[:200])
        taken: set[UUID] = set()
        for entry in batch:
            taken |= await self._write_alone(entry)
        return taken

    async def _write_alone(self, entry: Entry) -> frozenset[UUID]:
        for form in (entry, entry.without_words()):
            try:
                return await self._commit([form])
            except AWAY:
                raise
            except Exception:
                log.exception("record.failed", recipient=str(entry.claimed.id))
        # Its lease runs out, which counts as a lapse.
        return frozenset()

    async def _commit(self, batch: list[Entry]) -> frozenset[UUID]:
        async with asyncio.timeout(ANSWER), self._db.transaction() as conn:
            taken = await ledger.record(
                conn,
                [entry.fact for entry in batch],
                [attempt for entry in batch for attempt in entry.attempts],
            )
            await _count_lapses(conn, [entry for entry in batch if entry.faulted and entry.claimed.id in taken])
            chaos.point("record-before-commit")
        chaos.point("recorded")
        return taken


async def _count_lapses(conn: Connection, entries: list[Entry]) -> None:
    # A recorded outcome clears the count; a fault of ours keeps it, one higher.
    if entries:
        await conn.execute(
            """update recipient r set lapses = f.lapses from unnest($1::uuid[], $2::int[]) as f(id, lapses)
                where r.id = f.id""",
            [entry.claimed.id for entry in entries],
            [entry.claimed.lapses + 1 for entry in entries],
        )
