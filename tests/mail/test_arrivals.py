"""Do copies, suppressed addresses, held mail and the platform's own letters keep their accounts when they come together?"""

from uuid import UUID

import pytest

from kit.db import Database
from kit.errors import LiveryError
from mail import holds, suppressions
from mail.intake import Accepted, Intake
from mail.suppressions import Reason
from tenants.credits import grant
from tenants.permissions import Permission
from tenants.scope import Scope
from tests.mail.conftest import submission
from tests.mail.test_copies import lawful, rule
from tests.support.credits import leave, left
from tests.support.world import World

LISTED = "listed@x.test"
COPIED = "copy@copies.test"


async def fates(db: Database, accepted: Accepted) -> dict[str, tuple[str, bool]]:
    """State of each recipient, and whether it was free."""
    async with db.connection() as conn:
        rows = await conn.fetch(
            "select address, state, free from recipient where message_id = $1 order by id", accepted.message_id
        )
    return {row["address"]: (row["state"], row["free"]) for row in rows}


async def facts(db: Database, accepted: Accepted, address: str) -> list[str]:
    async with db.connection() as conn:
        rows = await conn.fetch(
            """select e.kind from event e join recipient r on r.id = e.recipient_id
                where r.message_id = $1 and r.address = $2 order by e.epoch, e.xid, e.id""",
            accepted.message_id,
            address,
        )
    return [row["kind"] for row in rows]


async def prepared(db: Database, world: World, credits: int) -> UUID:
    """Shop holds what it cannot pay, has so many credits, a rule for copies, and somebody on its list."""
    await rule(db, world.shop, COPIED)
    async with db.transaction() as conn:
        await conn.execute("update account set when_spent = 'hold' where id = $1", world.shop.id)
        await leave(conn, world.shop.id, credits)
        await suppressions.suppress(conn, world.shop.id, LISTED, Reason.UNSUBSCRIBE, "test")
    return world.shop.id


async def test_what_is_held_with_a_copy_and_somebody_suppressed_costs_what_it_says_when_it_is_released(
    world_db: Database, world: World, intake: Intake
) -> None:
    shop = await prepared(world_db, world, 2)
    scope = Scope(shop, may=frozenset(Permission))
    accepted = await intake.accept(Scope(shop), submission("a@x.test", LISTED, "b@x.test"))
    assert accepted.suppressed == (LISTED,)
    waiting = {"a@x.test": ("held", False), LISTED: ("suppressed", True), "b@x.test": ("held", False)}
    assert await fates(world_db, accepted) == {**waiting, COPIED: ("held", False)}
    # The platform's own letter goes to whoever it is for, copied to nobody, whatever the account has left.
    letter = await intake.accept(Scope(shop), submission(LISTED, notice=True))
    assert await fates(world_db, letter) == {LISTED: ("queued", False)}
    async with world_db.transaction() as conn:
        assert await left(conn, shop) == 2
        with pytest.raises(LiveryError, match="no credit for 3 of their recipients"):
            await holds.release(conn, scope, [accepted.message_id])
    async with world_db.transaction() as conn:
        await grant(conn, shop, 1)
    async with world_db.transaction() as conn:
        moved = await holds.release(conn, scope, [accepted.message_id])
        assert (len(moved.recipient_ids), await left(conn, shop)) == (3, 0)
    assert await facts(world_db, accepted, LISTED) == ["accepted", "suppressed"]
    assert await facts(world_db, accepted, COPIED) == ["accepted", "held", "released"]
    # Withdrawn, everything that was paid comes back, once; who was suppressed stays so.
    async with world_db.transaction() as conn:
        await holds.cancel(conn, scope, [accepted.message_id])
        assert await left(conn, shop) == 3
    async with world_db.transaction() as conn:
        with pytest.raises(LiveryError):
            await holds.cancel(conn, scope, [accepted.message_id])
        assert await left(conn, shop) == 3
    assert (await fates(world_db, accepted))[LISTED] == ("suppressed", True)
    await lawful(world_db)


async def test_what_is_held_unpaid_gives_nothing_back_when_it_is_withdrawn(
    world_db: Database, world: World, intake: Intake
) -> None:
    shop = await prepared(world_db, world, 2)
    accepted = await intake.accept(Scope(shop), submission("a@x.test", LISTED, "b@x.test"))
    async with world_db.transaction() as conn:
        await holds.cancel(conn, Scope(shop, may=frozenset(Permission)), [accepted.message_id])
        assert await left(conn, shop) == 2
    assert {state for state, _ in (await fates(world_db, accepted)).values()} == {"cancelled", "suppressed"}
    await lawful(world_db)


async def test_a_message_for_nobody_but_the_suppressed_needs_no_credit_and_has_no_copy(
    world_db: Database, world: World, intake: Intake
) -> None:
    shop = await prepared(world_db, world, 0)
    accepted = await intake.accept(Scope(shop), submission(LISTED))
    assert await fates(world_db, accepted) == {LISTED: ("suppressed", True)}
    await lawful(world_db)
