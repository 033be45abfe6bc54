"""What time is it? The database's, through one SQL function that tests can shift.

Due times, leases and expiry are compared in SQL with `livery_now()`, never with `now()` and never with a process's clock:
two machines disagree, and a restored or suspended one jumps. Processes use only monotonic time-outs.
"""

from datetime import datetime, timedelta

import asyncpg


async def now(conn: asyncpg.Connection | asyncpg.pool.PoolConnectionProxy) -> datetime:
    """The platform's time, aware, UTC."""
    moment: datetime = await conn.fetchval("select livery_now()")
    return moment


async def shift(conn: asyncpg.Connection | asyncpg.pool.PoolConnectionProxy, by: timedelta) -> None:
    """Move the platform's clock by `by`, for every process on this database. For tests of time."""
    await conn.execute("update clock_shift set by = by + $1", by)
