"""How does a test give an account the credits it needs? To the unit, by bookings, so that every law goes on holding."""

from datetime import timedelta
from uuid import UUID

import asyncpg

from kit import clock
from kit.db import Connection
from tenants import grants
from tenants.grants import Booking, Reason


async def leave(conn: Connection, account_id: UUID, credits: int) -> None:
    """Leave an account exactly so many credits of those that it has. Call it in a transaction."""
    await grants.hold(conn, [account_id])
    have = await grants.spendable(conn, account_id)
    surplus = sum(grant.remaining for grant in have) - credits
    assert surplus >= 0, "it has fewer already"
    taken = grants.spread(have, surplus)
    await grants.book(conn, [Booking(account_id, grant.id, -part, Reason.VOID) for grant, part in taken])


async def exactly(conn: Connection | asyncpg.Connection, account_id: UUID, credits: int, *, grants_of: int = 3) -> None:
    """Give an account exactly so many credits, in several grants that end one after the other."""
    async with conn.transaction():
        await leave(conn, account_id, 0)
        now = await clock.now(conn)
        for part in range(grants_of):
            amount = credits // grants_of + (part < credits % grants_of)
            if not amount:
                break
            expires_at = now + timedelta(days=400 + part)
            await grants.issue(conn, account_id, amount, reason=Reason.GRANT, expires_at=expires_at)


async def left(conn: Connection | asyncpg.Connection, account_id: UUID) -> int:
    """The credits an account has."""
    remaining: int = await conn.fetchval("select remaining from balance where account_id = $1", account_id)
    return remaining
