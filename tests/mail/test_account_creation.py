"""What is a new account given together with its making? All of it or nothing, on a database of its own."""

from uuid import UUID

import pytest

from kit.crypto import Keyring
from kit.db import Database
from kit.errors import LiveryError
from kit.ids import new_id
from mail.accounts import creation
from tenants import orders, views
from tenants.permissions import ROLES, Role
from tenants.scope import Scope
from tests.support.world import SECRET_KEY, World

RING = Keyring(SECRET_KEY)


async def test_what_a_new_account_is_given_is_given_or_nothing_is_made(world_db: Database, world: World) -> None:
    acme = Scope(world.acme.id, may=ROLES[Role.OWNER])

    async def make(**wanted: object) -> UUID:
        new = creation.NewAccount(details={"name": "New"}, **wanted)  # type: ignore[arg-type]
        key = await creation.signing_key(new)
        async with world_db.unit_of_work() as unit:
            return await creation.create(unit, acme, RING, new, key)

    sell = "insert into plan (id, account_id, name, credits, monthly) values (gen_random_uuid(), $1, 'P', $2, true) returning id"
    async with world_db.connection() as conn:
        basic = await conn.fetchval(sell, world.acme.id, 400)
        giant = await conn.fetchval(sell, world.acme.id, 2**52)
        foreign = await conn.fetchval(sell, world.other.id, 400)
        withdrawn = await conn.fetchval(sell, world.acme.id, 400)
        await conn.execute("update plan set archived_at = livery_now() where id = $1", withdrawn)
        before = await conn.fetchrow(
            "select count(*), (select remaining from balance where account_id = $1) as credits from account",
            world.acme.id,
        )
    for wanted, code, field in (
        ({"credits": -1}, "INVALID", ("credits",)),
        ({"credits": 0}, "INVALID", ("credits",)),
        ({"credits": 2**53}, "INVALID", ("credits",)),
        ({"credits": before["credits"] + 1}, "NO_CREDITS", ("credits",)),
        ({"credits": 5, "shares_pool": True}, "INVALID", ("credits",)),
        ({"plan_id": basic, "shares_pool": True}, "INVALID", ("planId",)),
        ({"plan_id": giant}, "NO_CREDITS", ("planId",)),
        ({"plan_id": foreign}, "MISSING", ("planId",)),
        ({"plan_id": withdrawn}, "MISSING", ("planId",)),
        ({"plan_id": new_id()}, "MISSING", ("planId",)),
        ({"domain": "no domain"}, "INVALID", ("domain",)),
    ):
        with pytest.raises(LiveryError) as refused:
            await make(**wanted)
        assert (refused.value.code, refused.value.field) == (code, field), wanted
    async with world_db.connection() as conn:
        after = await conn.fetchrow(
            "select count(*), (select remaining from balance where account_id = $1) as credits from account",
            world.acme.id,
        )
        assert tuple(after) == tuple(before)
    id = await make(credits=250, domain="New.Example")
    async with world_db.connection() as conn:
        found = await views.view_account(conn, acme, id)
        domain = await conn.fetchrow("select * from domain where account_id = $1", id)
        left = await conn.fetchval("select remaining from balance where account_id = $1", world.acme.id)
    assert (found.credits, left) == (250, before["credits"] - 250)
    assert (domain["name"], domain["verified_at"]) == ("new.example", None)
    planned = await make(plan_id=basic)
    async with world_db.connection() as conn:
        order = await conn.fetchrow("select plan_id, state, ends_at from plan_order where account_id = $1", planned)
        grant = await conn.fetchrow("select amount, plan_id, period from credit_grant where account_id = $1", planned)
        month = await conn.fetchval("select date_trunc('month', livery_now() at time zone 'UTC')::date")
        found = await views.view_account(conn, acme, planned)
        left = await conn.fetchval("select remaining from balance where account_id = $1", world.acme.id)
    assert tuple(order) == (basic, "fulfilled", None)
    assert tuple(grant) == (400, basic, month)
    assert (found.credits, left) == (400, before["credits"] - 250 - 400)
    assert await orders.grant_months(world_db) == frozenset(), "this month is given already"
