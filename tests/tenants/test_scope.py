"""Does the short way to the first rows find the same as looking at all of them? For the operator, resellers and customers."""

import random

import pytest

from kit.db import Database
from tenants.scope import Scope
from tests.support.belongings import make
from tests.support.world import World

_ROWS = "select m.id from message m where {seen} and m.size = 9"


@pytest.mark.parametrize("order", ["id desc", "id"])
async def test_the_first_of_the_visible_rows_are_the_first_of_all_that_are_visible(
    world_db: Database, world: World, order: str
) -> None:
    chance = random.Random(4)
    async with world_db.connection() as conn:
        for tenant in chance.choices(world.tenants, k=60):
            await make(conn, "message", tenant.id, "row")
        await make(conn, "message", world.shop.id, "row")
        await conn.execute("update account set deleted_at = livery_now() where id = $1", world.cafe.id)
        counts = {}
        for tenant in world.tenants:
            scope = Scope(tenant.id)
            rows = await conn.fetch(
                f"{_ROWS.format(seen=scope.see('m.account_id'))} order by {order}", scope.account_id
            )
            everything = [row["id"] for row in rows]
            for limit in (1, 7, 1_000):
                found = scope.first(_ROWS, "m.account_id", order=order, limit=limit)
                rows = await conn.fetch(f"select id from {found} as found order by {order}", scope.account_id)
                assert [row["id"] for row in rows] == everything[:limit], (tenant.name, limit)
            counts[tenant.name] = len(everything)
    assert counts["cafe"] == 0, "what is deleted is not seen, from above neither"
    assert counts["platform"] == sum(counts[name] for name in ("acme", "other")) + await own(world_db, world)
    assert counts["acme"] > counts["shop"] > 0


async def own(db: Database, world: World) -> int:
    """How many messages the operator's account has itself."""
    async with db.connection() as conn:
        found: int = await conn.fetchval("select count(*) from message where account_id = $1", world.platform.id)
    return found


async def test_whoever_is_nobody_finds_nothing(world_db: Database, world: World) -> None:
    async with world_db.connection() as conn:
        await make(conn, "message", world.shop.id, "row")
        for id, seen in ((world.shop.id, 1), (world.cafe.id, 0), (world.rival.id, 0)):
            found = Scope(id).first(_ROWS, "m.account_id", order="id", limit=5)
            assert await conn.fetchval(f"select count(*) from {found} as found", id) == seen
