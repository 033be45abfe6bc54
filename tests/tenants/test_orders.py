"""Does a plan always give what was paid for, and nothing to or from who has left? On a database of its own, to the unit."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from kit import clock
from kit.db import Database
from kit.errors import LiveryError
from tenants import audit, orders, plans, sub_accounts
from tenants.orders import Order
from tenants.permissions import ROLES, Role
from tenants.plans import Terms
from tenants.scope import Scope
from tests.support import laws
from tests.support.credits import exactly, left
from tests.support.world import Tenant, World

OWNER = ROLES[Role.OWNER]


@pytest.fixture(autouse=True)
async def _start_and_laws(world_db: Database, world: World) -> AsyncIterator[None]:
    """Everybody begins with 100 credits, in the middle of a month."""
    async with world_db.connection() as conn:
        await clock.shift(conn, datetime(2027, 3, 15, tzinfo=UTC) - await clock.now(conn))
        for tenant in (world.acme, world.shop, world.other):
            await exactly(conn, tenant.id, 100)
    yield
    async with world_db.connection() as conn:
        await laws.check_credits(conn)


def scope(tenant: Tenant) -> Scope:
    return Scope(tenant.id, may=OWNER)


async def offer(db: Database, seller: Tenant, credits: int, *, monthly: bool = False) -> UUID:
    async with db.unit_of_work() as unit:
        return (await plans.create_plan(unit, scope(seller), Terms("Plan", credits, monthly=monthly))).id


async def order(db: Database, buyer: Tenant, plan_id: UUID) -> UUID:
    async with db.unit_of_work() as unit:
        return (await orders.order_plan(unit, scope(buyer), plan_id)).id


async def fulfil(db: Database, seller: Tenant, order_id: UUID, reference: str) -> Order:
    async with db.unit_of_work() as unit:
        return await orders.fulfil(unit, scope(seller), order_id, payment_reference=reference)


async def cancel(db: Database, buyer: Tenant, order_id: UUID) -> None:
    async with db.unit_of_work() as unit:
        await orders.cancel(unit, scope(buyer), order_id)


async def have(db: Database, *tenants: Tenant) -> list[int]:
    async with db.connection() as conn:
        return [await left(conn, tenant.id) for tenant in tenants]


async def state(db: Database, order_id: UUID) -> tuple[str, bool]:
    """Where an order stands, and whether its end is set."""
    async with db.connection() as conn:
        return tuple(await conn.fetchrow("select state, ends_at is not null from plan_order where id = $1", order_id))


async def ended(db: Database, account_id: UUID) -> list[str]:
    """The orders that the audit says were ended."""
    async with db.connection() as conn:
        rows = await conn.fetch(
            "select target from audit_entry where action = 'order.cancel' and account_id = $1 order by id", account_id
        )
    return [row["target"] for row in rows]


async def next_month(db: Database) -> frozenset[UUID]:
    async with db.connection() as conn:
        await clock.shift(conn, timedelta(days=31))
    return await orders.grant_months(db)


async def test_who_is_moved_is_supplied_no_more_by_the_old_parent(world_db: Database, world: World) -> None:
    acme, shop, other = world.acme, world.shop, world.other
    monthly, once = await offer(world_db, acme, 7, monthly=True), await offer(world_db, acme, 5)
    running, waiting = await order(world_db, shop, monthly), await order(world_db, shop, once)
    await fulfil(world_db, acme, running, "1")
    assert await have(world_db, acme, shop) == [93, 107]
    # As long as it stays, it is supplied.
    assert await next_month(world_db) == {shop.id}
    assert await have(world_db, acme, shop) == [86, 114]
    async with world_db.unit_of_work() as unit:
        await sub_accounts.move(unit, scope(world.platform), shop.id, other.id)
    assert [await state(world_db, id) for id in (running, waiting)] == [("fulfilled", True), ("cancelled", False)]
    assert await ended(world_db, shop.id) == [str(running), str(waiting)]
    assert await ended(world_db, acme.id) == [str(running), str(waiting)], "told where its seller still sees it"
    async with world_db.transaction(sees=acme.id) as conn:
        noted = await audit.entries(conn, scope(acme), first=10, after=None, action="order.cancel")
    assert [(entry.target, entry.by_provider, entry.changes.get("account")) for entry in noted] == [
        (str(waiting), True, ["Shop.Test", None]),
        (str(running), True, ["Shop.Test", None]),
    ]
    assert await next_month(world_db) == frozenset()
    with pytest.raises(LiveryError) as refused:
        await fulfil(world_db, world.platform, waiting, "2")
    assert refused.value.code == "NOT_OPEN"
    assert await have(world_db, acme, shop, other) == [86, 114, 100]
    # The new parent sells its own.
    theirs = await order(world_db, shop, await offer(world_db, other, 3, monthly=True))
    await fulfil(world_db, other, theirs, "1")
    assert await next_month(world_db) == {shop.id}
    assert await have(world_db, acme, shop, other) == [86, 120, 94]


async def test_an_order_that_stayed_behind_is_not_granted(world_db: Database, world: World) -> None:
    acme, shop = world.acme, world.shop
    running = await order(world_db, shop, await offer(world_db, acme, 7, monthly=True))
    await fulfil(world_db, acme, running, "1")
    async with world_db.connection() as conn:
        await conn.execute("update account set parent_id = $2 where id = $1", shop.id, world.other.id)
    assert await next_month(world_db) == frozenset()
    async with world_db.connection() as conn:
        await conn.execute("update account set parent_id = $2 where id = $1", shop.id, acme.id)
    assert await orders.grant_months(world_db) == {shop.id}
    assert await have(world_db, acme, shop) == [86, 114]


async def test_a_plan_ended_and_bought_again_is_given_again(world_db: Database, world: World) -> None:
    acme, shop = world.acme, world.shop
    plan_id = await offer(world_db, acme, 11, monthly=True)
    first = await order(world_db, shop, plan_id)
    await fulfil(world_db, acme, first, "1")
    await cancel(world_db, shop, first)
    second = await order(world_db, shop, plan_id)
    assert (await fulfil(world_db, acme, second, "2")).state == "fulfilled"
    assert await have(world_db, acme, shop) == [78, 122]
    # Said again it gives nothing more, nor does the clock before the next month, and then once.
    await fulfil(world_db, acme, second, "2")
    assert await orders.grant_months(world_db) == frozenset()
    assert await have(world_db, acme, shop) == [78, 122]
    assert await next_month(world_db) == {shop.id}
    assert await orders.grant_months(world_db) == frozenset()
    assert await have(world_db, acme, shop) == [67, 133]


async def test_who_begins_to_spend_a_pool_is_given_nothing_it_cannot_spend(world_db: Database, world: World) -> None:
    acme, shop = world.acme, world.shop
    async with world_db.connection() as conn:
        await exactly(conn, shop.id, 0)
    once, monthly = await offer(world_db, acme, 7), await offer(world_db, acme, 4, monthly=True)
    bought, running = await order(world_db, shop, once), await order(world_db, shop, monthly)
    await fulfil(world_db, acme, bought, "1")
    await fulfil(world_db, acme, running, "2")
    assert await have(world_db, acme, shop) == [89, 11]
    waiting = await order(world_db, shop, once)

    async def share(shares: bool) -> None:
        async with world_db.unit_of_work() as unit:
            await sub_accounts.update(unit, scope(acme), shop.id, {"shares_pool": shares})

    with pytest.raises(LiveryError) as refused:
        await share(True)
    assert refused.value.code == "HAS_CREDITS"
    assert [await state(world_db, id) for id in (running, waiting)] == [("fulfilled", False), ("open", False)]
    async with world_db.connection() as conn:
        await exactly(conn, shop.id, 0)
    await share(True)
    assert [await state(world_db, id) for id in (running, waiting)] == [("fulfilled", True), ("cancelled", False)]
    assert await ended(world_db, shop.id) == [str(running), str(waiting)]
    with pytest.raises(LiveryError) as refused:
        await fulfil(world_db, acme, waiting, "3")
    assert refused.value.code == "NOT_OPEN"
    assert await next_month(world_db) == frozenset()
    assert await have(world_db, acme, shop) == [89, 0]
    await share(False)
    await fulfil(world_db, acme, await order(world_db, shop, once), "3")
    assert await have(world_db, acme, shop) == [82, 7]


async def test_a_seller_who_still_sees_the_buyer_is_told_once(world_db: Database, world: World) -> None:
    acme, shop = world.acme, world.shop
    waiting = await order(world_db, shop, await offer(world_db, acme, 5))
    async with world_db.unit_of_work() as unit:
        team = await sub_accounts.create(unit, scope(acme), {"name": "Team"}, may_resell=True)
        await sub_accounts.move(unit, scope(acme), shop.id, team)
    assert await state(world_db, waiting) == ("cancelled", False)
    assert (await ended(world_db, shop.id), await ended(world_db, acme.id)) == ([str(waiting)], [])
