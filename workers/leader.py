"""Which of several clocks leads? The one whose connection holds an advisory lock; the others ask again every second.

The lock lives and dies with its connection, so a leader that loses the database, or is killed, stops leading at once.
What the clock does would be harmless twice, only wasteful.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import structlog

from kit.db import Connection, connect
from mail.dispatch.away import AWAY

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_LOCK = 0x636C_6F63_6B  # any fixed number; all clocks of one database meet here
_ASK_AGAIN = 1.0


async def lead(url: str, duties: Callable[[Connection], Awaitable[None]], *, on_standby: Callable[[], None]) -> None:
    """Carry out `duties` with the leader's connection whenever this process leads, for ever.

    `duties` runs until something it needs is away; then leadership is given up and sought again.
    """
    while True:
        try:
            conn = await connect(url)
        except AWAY as fault:
            log.warning("database.away", reason=f"{type(fault).__name__}: {fault}"[:200])
            await asyncio.sleep(_ASK_AGAIN)
            continue
        try:
            on_standby()
            while not await conn.fetchval("select pg_try_advisory_lock($1)", _LOCK):  # noqa: ASYNC110
                await asyncio.sleep(_ASK_AGAIN)
            log.info("clock.leads")
            await duties(conn)
        except* AWAY as faults:
            log.warning("clock.yielded", reason=repr(faults.exceptions[0])[:200])
            await asyncio.sleep(_ASK_AGAIN)
        finally:
            with contextlib.suppress(Exception):
                await conn.close(timeout=1)
