"""How does a test give an account the credits it needs? To the unit, by bookings, so that every law goes on holding."""

from uuid import UUID

import asyncpg

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


async def left(conn: Connection | asyncpg.Connection, account_id: UUID) -> int:
    """The credits an account has."""
    remaining: int = await conn.fetchval("select remaining from balance where account_id = $1", account_id)
    return remaining
