"""How do many people watch the ledger grow? Each replays from its own cursor; from there on, those who see the same share one read.

1. A follower joins the stream of its account, then replays on its own until it stands where the stream stands, or further.
2. The stream reads when the bell rings for one of the accounts it covers, at most every 100 ms, and hands the page to all its
   followers; each drops what it has seen. A follower that is too slow to take pages leaves the queue and replays.
3. A ring may come before what it rang for is settled (`mail.feed`): a neighbour's transaction with a lower number is still
   running. So the stream reads on, every 20 ms, until everything that had begun when the bell rang has ended.
4. Rings may be lost. Every 2 s one query a process asks which of the followed accounts have grown.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Collection
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg
import structlog

from kit.bell import Bell
from kit.db import Database
from mail import feed
from mail.feed import Cursor, Page
from tenants.scope import Scope, subtrees, visible_accounts

log: structlog.stdlib.BoundLogger = structlog.get_logger()

PAGE = 200
"""Most events in one page."""

# What asyncpg raises where the server is gone or going; the last one as it ends an idle session just as we speak.
_AWAY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)

_PACE = 0.1  # seconds between two pages of one stream: a burst becomes a few lists and not thousands
_SETTLE = 0.02  # seconds between two looks at what a ring promised
_POLL = 2.0
_BEHIND = 16  # pages that may wait for one follower


@dataclass(eq=False)
class _Stream:
    """The live edge of the ledger as one account sees it."""

    scope: Scope
    accounts: frozenset[UUID]
    cursor: Cursor
    followers: set["asyncio.Queue[Page | None]"] = field(default_factory=set)
    rung: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None


class Live:
    """One process's followers. Make it after database and bell, `await close()` it before them."""

    def __init__(self, db: Database, bell: Bell) -> None:
        self._db = db
        self._bell = bell
        self._streams: dict[UUID, _Stream] = {}
        self._listener: asyncio.Task[None] | None = None

    async def close(self) -> None:
        """End every stream; followers end with their own tasks."""
        tasks = [task for task in (self._listener, *(s.task for s in self._streams.values())) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._streams.clear()

    async def follow(self, scope: Scope, after: Cursor | None) -> AsyncGenerator[tuple[Page, bool], None]:
        """Replay from a cursor (None: from now), then follow for ever: pages with whether they are live.

        The first page comes at once, empty or not; later ones when there is something, at most every 100 ms once live.
        Raises LiveryError INVALID for a cursor that is not of this ledger's past.
        """
        if after is not None:
            async with self._db.connection() as conn:
                await feed.check(conn, after)
        queue: asyncio.Queue[Page | None] = asyncio.Queue()
        stream = await self._join(scope, queue)
        try:
            cursor = stream.cursor if after is None else after
            first = True
            while True:
                # Replay: what the stream passed before this follower stood beside it.
                full = True
                while full:
                    async with self._db.transaction(sees=scope.account_id) as conn:
                        page = await feed.read(conn, scope, cursor, PAGE)
                    cursor, full = page.cursor, page.full
                    if page.events or first:
                        yield page, not full
                        first = False
                # Follow, until pages came faster than they were taken.
                while (shared := await queue.get()) is not None:
                    events = tuple(event for event in shared.events if event.cursor > cursor)
                    if events:
                        cursor = events[-1].cursor
                        yield Page(events, cursor, full=False), True
        finally:
            self._leave(stream, queue)

    async def _join(self, scope: Scope, queue: "asyncio.Queue[Page | None]") -> _Stream:
        if self._listener is None:
            self._listener = asyncio.create_task(self._listen(), name="live")
        stream = self._streams.get(scope.account_id)
        if stream is None:
            async with self._db.transaction(sees=scope.account_id) as conn:
                accounts = await visible_accounts(conn, scope)
                cursor = await feed.head(conn, accounts)
            # Somebody else may have made it meanwhile.
            stream = self._streams.get(scope.account_id)
            if stream is None:
                stream = _Stream(Scope(scope.account_id), accounts, cursor)
                stream.task = asyncio.create_task(self._run(stream), name="stream")
                self._streams[scope.account_id] = stream
        stream.followers.add(queue)
        return stream

    def _leave(self, stream: _Stream, queue: "asyncio.Queue[Page | None]") -> None:
        stream.followers.discard(queue)
        if not stream.followers:
            self._streams.pop(stream.scope.account_id, None)
            if stream.task is not None:
                stream.task.cancel()

    async def _run(self, stream: _Stream) -> None:
        """Read what the bell announces, and hand it round."""
        while True:
            await stream.rung.wait()
            looked = time.monotonic()
            try:
                await self._read(stream)
            except _AWAY as fault:
                log.warning("live.delayed", reason=type(fault).__name__)
                stream.rung.set()
                looked += 1
            await asyncio.sleep(max(0.0, looked + _PACE - time.monotonic()))

    async def _read(self, stream: _Stream) -> None:
        stream.rung.clear()
        async with self._db.connection() as conn:
            begun = await conn.fetchval("select pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
        while True:
            async with self._db.transaction(sees=stream.scope.account_id) as conn:
                settled, next_number = await conn.fetchrow(
                    """select pg_snapshot_xmin(s)::text::bigint, pg_snapshot_xmax(s)::text::bigint
                         from pg_current_snapshot() s"""
                )
                page = await feed.read(conn, stream.scope, stream.cursor, PAGE)
            stream.cursor = page.cursor
            if page.events:
                _hand_round(stream, page)
            if page.full:
                continue
            # Numbers that went back tell of a crash: what had begun has ended.
            if settled >= begun or next_number < begun:
                return
            await asyncio.sleep(_SETTLE)

    async def _listen(self) -> None:
        """Wake the streams that a ring concerns; where none came for a while, ask who has grown."""
        asked = time.monotonic()
        async for heard in self._bell.listen(poll=_POLL):
            if heard is not None:
                self._wake(heard)
            if heard is None or time.monotonic() - asked > _POLL:
                asked = time.monotonic()
                with contextlib.suppress(*_AWAY):
                    await self._ask()

    async def _ask(self) -> None:
        if not self._streams:
            return
        streams = list(self._streams.values())
        async with self._db.transaction(sees=[stream.scope.account_id for stream in streams]) as conn:
            below = await subtrees(conn, [stream.scope.account_id for stream in streams])
            for stream in streams:
                stream.accounts = below.get(stream.scope.account_id, frozenset())
            lowest = min(stream.cursor for stream in streams)
            grown = await feed.grown(conn, {id for stream in streams for id in stream.accounts}, lowest)
        for stream in streams:
            if any(grown[account] > stream.cursor for account in stream.accounts & grown.keys()):
                stream.rung.set()

    def _wake(self, accounts: Collection[UUID]) -> None:
        for stream in self._streams.values():
            if not stream.accounts.isdisjoint(accounts):
                stream.rung.set()


def _hand_round(stream: _Stream, page: Page) -> None:
    for queue in stream.followers:
        if queue.qsize() < _BEHIND:
            queue.put_nowait(page)
        else:
            # Too slow: forget the pages; it replays from where it stands, at its own pace.
            while not queue.empty():
                queue.get_nowait()
            queue.put_nowait(None)
