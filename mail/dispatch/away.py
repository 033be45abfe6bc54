"""Is the database merely away? Which errors mean that the same statement may succeed later, and the wait for that."""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg

AWAY = (
    OSError,  # TimeoutError of a full pool is one of these
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # an idle session was ended just as it was taken from the pool
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # shutting down, starting up, session ended
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,  # deadlock, serialisation
    asyncpg.ReadOnlySQLTransactionError,  # a former primary
)
"""What asyncpg raises while the server is stopping, gone, starting or full."""

ANSWER = 30.0
"""Seconds after which a statement of dispatch is given up: the server's host has vanished without a word."""

_PAUSE, _LONGEST = 0.1, 2.0


async def patiently[Answer](ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """The answer of `ask`, asked again until the database is back."""
    pause = _PAUSE
    while True:
        try:
            async with asyncio.timeout(ANSWER):
                return await ask()
        except AWAY:
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST)
