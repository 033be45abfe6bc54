"""Who should look again? A coalesced NOTIFY of account ids, off every write path.

PostgreSQL serialises notifying commits of a whole database, so nobody notifies in a transaction that carries mail: those
who wrote call `ring`, and one connection a process tells everybody in batches, the first at once, later ones at most every
100 ms. A notification that is lost costs delay: listeners poll every 2 s besides. One connection must reach the primary
directly, not through a pooler.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Iterator
from uuid import UUID

import asyncpg
import structlog

from kit.db import connect

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_CHANNEL = "live"
_PAUSE = 0.1
_MOST = 200  # ids in one notification: PostgreSQL takes 8,000 bytes; more than these are told as "everybody"

# What asyncpg raises where the server is gone or going; the last one as it ends an idle session just as we speak.
_AWAY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)

type Heard = frozenset[UUID] | None
"""Accounts with something new; None: look at every account."""


class Bell:
    """One process's end of the live channel. `start` connects in the background and reconnects for ever."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._rung: set[UUID] = set()
        self._wake = asyncio.Event()
        self._listeners: set[asyncio.Queue[Heard]] = set()
        self._task: asyncio.Task[None] | None = None
        self._connected = False

    @property
    def connected(self) -> bool:
        """Whether the channel is up now."""
        return self._connected

    async def start(self) -> None:
        """Begin to tell and to listen."""
        self._task = asyncio.create_task(self._run(), name="bell")

    async def close(self) -> None:
        """Stop; what was rung and not told yet is covered by the listeners' polls."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def ring(self, accounts: Collection[UUID]) -> None:
        """Say that these accounts have something new. Call it after the commit; never blocks, never fails."""
        self._rung.update(accounts)
        if self._rung:
            self._wake.set()

    @contextlib.contextmanager
    def listening(self) -> Iterator[asyncio.Queue[Heard]]:
        """A queue of what is heard while the block runs, at most 64 long; a full one is emptied into one "look at all"."""
        queue: asyncio.Queue[Heard] = asyncio.Queue(maxsize=64)
        self._listeners.add(queue)
        try:
            yield queue
        finally:
            self._listeners.discard(queue)

    async def listen(self, *, poll: float = 2.0) -> AsyncIterator[Heard]:
        """What is heard, for ever; None at least every `poll` seconds, so that a lost notification costs no more than that."""
        with self.listening() as queue:
            while True:
                heard: Heard = None
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(poll):
                        heard = await queue.get()
                yield heard

    async def _run(self) -> None:
        while True:
            try:
                conn = await connect(self._url)
            except _AWAY as fault:
                log.warning("bell.unreachable", reason=type(fault).__name__)
                await asyncio.sleep(1)
                continue
            try:
                await conn.add_listener(_CHANNEL, self._heard)
                self._connected = True
                self._tell_listeners(None)
                await self._tell_for_ever(conn)
            except _AWAY as fault:
                log.warning("bell.lost", reason=type(fault).__name__)
            finally:
                self._connected = False
                with contextlib.suppress(Exception):
                    await conn.close(timeout=1)

    async def _tell_for_ever(self, conn: asyncpg.Connection) -> None:
        while True:
            try:
                async with asyncio.timeout(15):
                    await self._wake.wait()
            except TimeoutError:
                await conn.execute("select 1", timeout=10)  # a dead peer is noticed, not waited for
                continue
            self._wake.clear()
            rung, self._rung = self._rung, set()
            text = "*" if len(rung) > _MOST else ",".join(id.hex for id in rung)
            try:
                await conn.execute("select pg_notify($1, $2)", _CHANNEL, text, timeout=10)
            except BaseException:
                self.ring(rung)
                raise
            await asyncio.sleep(_PAUSE)

    def _heard(self, _conn: object, _pid: int, _channel: str, payload: object) -> None:
        text = str(payload)
        self._tell_listeners(None if text == "*" else frozenset(UUID(part) for part in text.split(",") if part))

    def _tell_listeners(self, heard: Heard) -> None:
        for queue in self._listeners:
            overflow = queue.full()
            while overflow and not queue.empty():
                queue.get_nowait()
            queue.put_nowait(None if overflow else heard)
