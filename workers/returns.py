"""What does a ring for returned mail do? The bench of this process judges whatever waits; whom the ring named is only a hint."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import structlog

from kit.bell import Bell
from kit.db import Database
from kit.jobs import handles
from mail import returns
from mail.dispatch.away import AWAY
from mail.jobs import Judge

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_PAUSE = 1.0


class Bench:
    """Judges what came back, one mail at a time. One a process; several processes share the work."""

    def __init__(self, db: Database, bell: Bell, *, mail_domain: str) -> None:
        self._db = db
        self._bell = bell
        self._mail_domain = mail_domain
        self._news = asyncio.Event()

    def look(self) -> None:
        """Something has probably come back."""
        self._news.set()

    async def run(self) -> None:
        """Judge whatever waits whenever there is news, for ever. Cancel it: what is under way is judged again."""
        self.look()
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                while (judged := await returns.judge(self._db, mail_domain=self._mail_domain)) is not None:
                    log.info(
                        "returns.judged", kind=judged.kind, outcome=judged.fate.outcome, account=str(judged.account_id)
                    )
                    self._bell.ring({judged.account_id})
            except AWAY as fault:
                log.warning("database.away", reason=f"{type(fault).__name__}: {fault}"[:200])
                self.look()
                await asyncio.sleep(_PAUSE)


_bench: Bench | None = None


@contextlib.asynccontextmanager
async def sitting(bench: Bench) -> AsyncIterator[None]:
    """Rings wake this bench while the block runs."""
    global _bench
    _bench = bench
    work = asyncio.create_task(bench.run(), name="returns")
    try:
        yield
    finally:
        _bench = None
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work


@handles(Judge)
async def judge(job: Judge) -> None:
    """Wake the bench."""
    if _bench is not None:
        _bench.look()
