"""Where do the credits of a deleted account go, those of mail that was still waiting among them? Exact numbers, by policy."""

import json
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from kit.db import Database
from mail import ledger, stats
from mail.accounts import deletion
from mail.intake import Intake
from mail.ledger import Fact
from mail.lifecycle import EventKind
from tenants import credits, sub_accounts
from tenants.permissions import ROLES, Role
from tenants.scope import Scope
from tests.mail.conftest import submission
from tests.support import laws
from tests.support.world import CREDITS, World

ALL = ROLES[Role.OWNER]


@pytest.fixture(autouse=True)
async def _laws(world_db: Database) -> AsyncIterator[None]:
    yield
    while await stats.fold(world_db):
        pass
    async with world_db.connection() as conn:
        await laws.check(conn, seconds=1)


async def make(db: Database, above: UUID, name: str, amount: int, *, may_resell: bool = False) -> UUID:
    """An account right below `above`, with credits of its."""
    scope = Scope(above, may=ALL)
    async with db.unit_of_work() as unit:
        id = await sub_accounts.create(unit, scope, {"name": name, "slug": name.lower()}, may_resell=may_resell)
        await credits.hand_down(unit, scope, to=id, amount=amount)
    return id


async def send(intake: Intake, account: UUID, *to: str) -> None:
    await intake.accept(Scope(account, may=ALL), submission(*to, sender="news@nobody.example"))


async def delete(db: Database, above: UUID, account: UUID, name: str, *, give_back: bool = True) -> None:
    async with db.unit_of_work() as unit:
        await deletion.delete(unit, Scope(above, may=ALL), account, typed=name, give_back=give_back)


async def purged(db: Database) -> tuple[UUID, ...]:
    """Let the clock purge as far as it gets; the accounts it has finished."""
    finished: tuple[UUID, ...] = ()
    for _ in range(30):
        finished += (await deletion.purge(db)).finished
        while await stats.fold(db):
            pass
    return finished


async def balance(db: Database, account: UUID) -> int:
    async with db.connection() as conn:
        left: int = await conn.fetchval("select remaining from balance where account_id = $1", account)
    return left


async def returned(db: Database, account: UUID, child: UUID) -> list[int]:
    """What came back from a child, in order."""
    async with db.connection() as conn:
        rows = await conn.fetch(
            """select delta from credit_entry where account_id = $1 and counterpart_id = $2 and reason = 'returned'
                order by id""",
            account,
            child,
        )
    return [row["delta"] for row in rows]


async def under_way(db: Database, address: str) -> Fact:
    """Have a worker take up the mail to an address; the fact of its delivery, to be recorded."""
    async with db.connection() as conn:
        row = await conn.fetchrow(
            """update recipient set state = 'sending', fence = fence + 1 where address = $1
               returning id, message_id, account_id, fence""",
            address,
        )
    return Fact(EventKind.DELIVERED, row["id"], row["message_id"], row["account_id"], fence=row["fence"], code=250)


async def test_what_waiting_mail_had_cost_returns_like_the_rest(
    world_db: Database, world: World, intake: Intake
) -> None:
    acme = world.acme.id
    shop = await make(world_db, acme, "Bazaar", 10)
    await send(intake, shop, "a@x.test", "b@x.test")
    await send(intake, shop, "c@x.test", "d@x.test", "e@x.test", "f@x.test")
    delivery = await under_way(world_db, "f@x.test")
    assert (await balance(world_db, acme), await balance(world_db, shop)) == (CREDITS - 10, 4)
    await delete(world_db, acme, shop, "Bazaar")
    assert (await balance(world_db, acme), await balance(world_db, shop)) == (CREDITS - 6, 0)
    assert await purged(world_db) == (), "what is under way is waited for"
    assert (await balance(world_db, acme), await balance(world_db, shop)) == (CREDITS - 1, 0)
    async with world_db.transaction() as conn:
        assert await ledger.record(conn, [delivery])
    assert await purged(world_db) == (shop,)
    assert (await balance(world_db, acme), await balance(world_db, shop)) == (CREDITS - 1, 0), "f was sent"
    assert await returned(world_db, acme, shop) == [4, 5]


async def test_without_giving_back_it_is_gone_like_the_rest(world_db: Database, world: World, intake: Intake) -> None:
    acme = world.acme.id
    shop = await make(world_db, acme, "Bazaar", 10)
    await send(intake, shop, "a@x.test", "b@x.test", "c@x.test")
    await delete(world_db, acme, shop, "Bazaar", give_back=False)
    assert await purged(world_db) == (shop,)
    assert (await balance(world_db, acme), await balance(world_db, shop)) == (CREDITS - 10, 0)
    assert await returned(world_db, acme, shop) == []
    async with world_db.connection() as conn:
        entries = await conn.fetch("select reason, delta from credit_entry where account_id = $1 order by id", shop)
    assert [tuple(row) for row in entries] == [
        ("received", 10),
        ("message", -3),
        ("void", -7),
        ("refund", 3),
        ("void", -3),
    ]


async def test_what_the_operator_made_is_gone(world_db: Database, world: World, intake: Intake) -> None:
    platform = world.platform.id
    before = await balance(world_db, platform)
    direct = await make(world_db, platform, "Direct", 10)
    await send(intake, direct, "a@x.test", "b@x.test")
    await delete(world_db, platform, direct, "Direct")
    assert await purged(world_db) == (direct,)
    assert (await balance(world_db, platform), await balance(world_db, direct)) == (before, 0)


async def test_it_returns_through_accounts_that_were_deleted_meanwhile(
    world_db: Database, world: World, intake: Intake
) -> None:
    acme = world.acme.id
    agency = await make(world_db, acme, "Agency", 20, may_resell=True)
    leaf = await make(world_db, agency, "Leaf", 8)
    sharer = Scope(agency, may=ALL)
    async with world_db.unit_of_work() as unit:
        coworker = await sub_accounts.create(unit, sharer, {"name": "Coworker"}, shares_pool=True)
    await send(intake, leaf, "a@x.test", "b@x.test", "c@x.test")
    await send(intake, coworker, "d@x.test", "e@x.test")
    held_up = [await under_way(world_db, f"{name}@x.test") for name in "ad"]
    await delete(world_db, agency, leaf, "Leaf")
    await delete(world_db, agency, coworker, "Coworker")
    await delete(world_db, acme, agency, "Agency")
    assert await balance(world_db, acme) == CREDITS - 5
    assert await purged(world_db) == (agency,)
    assert await balance(world_db, acme) == CREDITS - 2, "b and c by way of Leaf, e by way of the pool"
    # Their worker was lost: what it had under way waits again, and is cancelled.
    async with world_db.connection() as conn:
        ids = [fact.recipient_id for fact in held_up]
        await conn.execute("update recipient set state = 'queued' where id = any ($1::uuid[])", ids)
    assert set(await purged(world_db)) == {leaf, coworker}
    assert [await balance(world_db, id) for id in (acme, agency, leaf, coworker)] == [CREDITS, 0, 0, 0]
    assert (sum(await returned(world_db, acme, agency)), await returned(world_db, acme, leaf)) == (17, [2, 1])


async def test_it_returns_to_whoever_gave_it_wherever_the_account_stands(world_db: Database, world: World) -> None:
    acme, scope = world.acme.id, Scope(world.acme.id, may=ALL)
    agency = await make(world_db, acme, "Agency", 20, may_resell=True)
    moved = await make(world_db, acme, "Moved", 500)
    async with world_db.unit_of_work() as unit:
        await sub_accounts.move(unit, scope, moved, agency)
        await credits.hand_down(unit, Scope(agency, may=ALL), to=moved, amount=5)
        deep = await sub_accounts.create(unit, scope, {"name": "Deep"}, parent_id=agency)
        await credits.hand_down(unit, scope, to=deep, amount=300)
    async with world_db.connection() as conn:
        ends = await conn.fetch(
            "select id, expires_at from credit_grant where account_id = any ($1::uuid[])", [acme, agency]
        )
    assert await balance(world_db, acme) == CREDITS - 820
    await delete(world_db, acme, moved, "Moved")
    assert [await balance(world_db, id) for id in (acme, agency, moved)] == [CREDITS - 320, 20, 0]
    await delete(world_db, acme, deep, "Deep")
    assert [await balance(world_db, id) for id in (acme, agency, deep)] == [CREDITS - 20, 20, 0]
    assert await returned(world_db, acme, moved) + await returned(world_db, acme, deep) == [500, 300]
    async with world_db.connection() as conn:
        after = await conn.fetch(
            "select id, expires_at from credit_grant where account_id = any ($1::uuid[])", [acme, agency]
        )
        notes = await conn.fetch("select changes from audit_entry where action = 'account.delete' order by id")
    assert sorted(after) == sorted(ends), "to the grants they came from, with their expiry"
    assert [json.loads(note["changes"])["credits_returned"] for note in notes] == [[None, 505], [None, 300]]


async def test_what_came_from_above_the_deleter_returns_with_the_purge(world_db: Database, world: World) -> None:
    acme = world.acme.id
    agency = await make(world_db, acme, "Agency", 20, may_resell=True)
    leaf = await make(world_db, agency, "Leaf", 8)
    async with world_db.unit_of_work() as unit:
        await credits.hand_down(unit, Scope(acme, may=ALL), to=leaf, amount=300)
    async with world_db.unit_of_work(sees=agency) as unit:
        await unit.conn.execute("set local role livery_api")
        await deletion.delete(unit, Scope(agency, may=ALL), leaf, typed="Leaf")
    assert [await balance(world_db, id) for id in (acme, agency, leaf)] == [CREDITS - 320, 20, 300]
    assert await purged(world_db) == (leaf,)
    assert [await balance(world_db, id) for id in (acme, agency, leaf)] == [CREDITS - 20, 20, 0]


async def test_a_giver_that_is_gone_is_passed_by(world_db: Database, world: World) -> None:
    acme, platform = world.acme.id, Scope(world.platform.id, may=ALL)
    other = await make(world_db, world.platform.id, "Other", 30, may_resell=True)
    first = await make(world_db, acme, "First", 20, may_resell=True)
    last = await make(world_db, acme, "Last", 10, may_resell=True)
    moved = [await make(world_db, above, f"Moved{above.hex[-4:]}{n}", 4) for above in (first, last) for n in (1, 2)]
    for id in moved:
        async with world_db.unit_of_work() as unit:
            await sub_accounts.move(unit, platform, id, other)
    await delete(world_db, acme, first, "First")
    await delete(world_db, acme, last, "Last", give_back=False)
    assert await balance(world_db, acme) == CREDITS - 18
    for id in moved:
        async with world_db.connection() as conn:
            name = await conn.fetchval("select name from account where id = $1", id)
        await delete(world_db, world.platform.id, id, name)
    assert [await balance(world_db, id) for id in (acme, first, last)] == [CREDITS - 10, 0, 0], "Last's were given up"
    assert await balance(world_db, other) == 30, "which gave nothing"
