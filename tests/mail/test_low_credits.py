"""Is somebody told once for every time that credits fall below a threshold, and where do refunds of ended grants go?"""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest

from kit import clock
from kit.bell import Bell
from kit.db import Database
from kit.errors import LiveryError
from mail import holds
from mail.intake import Accepted, Intake
from tenants import alerts, grants
from tenants.grants import Reason
from tenants.permissions import Permission
from tenants.scope import Scope
from tests.mail.conftest import submission
from tests.support import credits, laws
from tests.support.world import World

SPENDERS, EACH = 40, 2


@pytest.fixture(autouse=True)
async def _laws(world_db: Database) -> AsyncIterator[None]:
    yield
    async with world_db.connection() as conn:
        await laws.check_credits(conn)


async def send(intake: Intake, account_id: UUID, recipients: int = 1) -> Accepted:
    to = (f"r{n}@x.test" for n in range(recipients))
    return await intake.accept(Scope(account_id), submission(*to, sender="a@nobody.example"))


async def cancel(db: Database, account_id: UUID, *messages: Accepted) -> None:
    async with db.transaction() as conn:
        scope = Scope(account_id, may=frozenset({Permission.SEND}))
        await holds.cancel(conn, scope, [message.message_id for message in messages])


async def give(db: Database, account_id: UUID, amount: int, days: float = 365) -> UUID:
    async with db.transaction() as conn:
        await grants.hold(conn, [account_id])
        until = await clock.now(conn) + timedelta(days=days)
        return await grants.issue(conn, account_id, amount, reason=Reason.GRANT, expires_at=until)


async def begin(db: Database, account_id: UUID, amount: int, below: int) -> None:
    async with db.transaction() as conn:
        await credits.exactly(conn, account_id, amount)
        await conn.execute("update account set alert_below = $2 where id = $1", account_id, below)


async def evaluate(db: Database) -> list[int]:
    """What was left at each alert that is made now."""
    return [alert.remaining for alert in await alerts.evaluate(db)]


async def test_forty_who_spend_at_once_cross_a_threshold_once(
    world_db: Database, world: World, intake: Intake, bell: Bell
) -> None:
    shop = world.shop.id
    await begin(world_db, shop, 100, below=50)
    other = Intake(world_db, bell)
    spending = asyncio.gather(
        *(send((intake, other)[n % 2], shop) for n in range(SPENDERS) for _ in range(EACH)), return_exceptions=True
    )
    told: list[int] = []
    while not spending.done():
        # Three clocks, of which one should lead, all look at once.
        for found in await asyncio.gather(*(evaluate(world_db) for _ in range(3))):
            told += found
    sent = [one for one in await spending if isinstance(one, Accepted)]
    await other.close()
    told += await evaluate(world_db)
    assert (len(sent), len(told)) == (SPENDERS * EACH, 1)
    assert 20 <= told[0] < 50
    # What is paid back ends it, and the next fall is another one.
    await cancel(world_db, shop, *sent[:29])
    assert await evaluate(world_db) == []
    assert await send(intake, shop)
    assert await evaluate(world_db) == []  # 48: still the same
    await cancel(world_db, shop, *sent[29:32])
    assert await evaluate(world_db) == []  # 51
    await send(intake, shop, 2)
    assert await evaluate(world_db) == [49]
    await give(world_db, shop, 10)
    assert await evaluate(world_db) == []
    await send(intake, shop, 10)
    assert await evaluate(world_db) == [49]
    async with world_db.connection() as conn:
        rows = await conn.fetch("select remaining, cleared_at from credit_alert order by id")
    assert [(row["remaining"], row["cleared_at"] is None) for row in rows] == [
        (told[0], False),
        (49, False),
        (49, True),
    ]


async def test_a_refund_goes_to_its_grant_and_ends_with_it(world_db: Database, world: World, intake: Intake) -> None:
    shop = world.shop.id
    await begin(world_db, shop, 0, below=5)
    assert await evaluate(world_db) == [0]
    ending, lasting = await give(world_db, shop, 10, days=1.5), await give(world_db, shop, 8, days=30)
    assert await evaluate(world_db) == []
    first, second = await send(intake, shop, 6), await send(intake, shop, 4)
    await send(intake, shop, 7)
    assert await evaluate(world_db) == [1]
    async with world_db.connection() as conn:
        await clock.shift(conn, timedelta(days=2))
    # Paid back before the expiry is booked, and after: neither can be spent again, nor ends it what was told.
    await cancel(world_db, shop, first)
    assert await evaluate(world_db) == []
    with pytest.raises(LiveryError) as refused:
        await send(intake, shop, 2)
    assert refused.value.code == "NO_CREDITS"
    assert await grants.expire(world_db) == {shop}
    await cancel(world_db, shop, second)
    assert await evaluate(world_db) == []
    assert await grants.expire(world_db) == {shop}
    assert await grants.expire(world_db) == frozenset()
    async with world_db.connection() as conn:
        rows = await conn.fetch(
            "select grant_id, reason, sum(delta)::int as sum from credit_entry where grant_id = any ($1::uuid[])"
            " group by grant_id, reason",
            [ending, lasting],
        )
        assert await credits.left(conn, shop) == 1
        assert await conn.fetchval("select count(*) from credit_alert where cleared_at is null") == 1
    assert {(row["grant_id"], row["reason"]): row["sum"] for row in rows} == {
        (ending, "grant"): 10,
        (ending, "message"): -10,
        (ending, "refund"): 10,
        (ending, "expired"): -10,
        (lasting, "grant"): 8,
        (lasting, "message"): -7,
    }
