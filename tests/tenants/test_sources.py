"""Who keeps the table of sources, and which of them may an account be given?"""

from kit.db import Database
from kit.ids import new_id
from tenants import sources, sub_accounts, views
from tenants.permissions import ROLES, Role
from tenants.scope import Scope
from tests.support.world import Tenant, World
from tests.tenants.refusals import refused

OWNER = ROLES[Role.OWNER]


def scope(tenant: Tenant) -> Scope:
    return Scope(tenant.id, may=OWNER, ip="192.0.2.1")


async def test_sources_are_shared_or_of_ones_own_line(world_db: Database, world: World) -> None:
    platform, acme = scope(world.platform), scope(world.acme)
    async with world_db.unit_of_work() as unit:
        shared = await sources.create_source(unit, platform, name="Shared", ip="192.0.2.10", hostname="a.mail.test")
        own = await sources.create_source(
            unit, platform, name="Acme", ip="192.0.2.11", hostname="b.mail.test", account_id=world.acme.id
        )
        foreign = await sources.create_source(
            unit, platform, name="Other", ip="192.0.2.12", hostname="c.mail.test", account_id=world.other.id
        )
    async with world_db.connection() as conn:
        assert [(found.id, found.account_name) for found in await sources.list_sources(conn, acme)] == [
            (shared, None),
            (own, "Acme.Test"),
        ]
        below = {found.id: found for found in await sources.list_sources(conn, scope(world.shop))}
        assert below.keys() == {shared, own}
        told = (below[own].dedicated, below[own].account_id, below[own].account_name)
        assert told == (True, None, None), "whose it is, is not told to those below"
        assert len(await sources.list_sources(conn, platform)) == 3
    for id in (foreign, new_id()):
        await refused(
            world_db,
            lambda unit, id=id: sub_accounts.update(unit, acme, world.shop.id, {"source_id": id}),
            code="MISSING",
            field=("sourceId",),
        )
        await refused(
            world_db,
            lambda unit, id=id: sub_accounts.create(unit, acme, {"name": "X"}, source_id=id),
            code="MISSING",
            field=("sourceId",),
        )
    async with world_db.unit_of_work() as unit:
        await sub_accounts.update(unit, acme, world.shop.id, {"source_id": own})
    async with world_db.connection() as conn:
        assert (await views.view_account(conn, acme, world.shop.id)).source_id == own
    async with world_db.unit_of_work() as unit:
        await sub_accounts.move(unit, platform, world.shop.id, world.other.id)
    async with world_db.connection() as conn:
        assert (await views.view_account(conn, platform, world.shop.id)).source_id is None, "it was acme's alone"


async def test_only_the_operator_keeps_the_table_of_sources(world_db: Database, world: World) -> None:
    platform = scope(world.platform)
    for tenant in (world.acme, world.shop):
        await refused(
            world_db,
            lambda unit, tenant=tenant: sources.create_source(
                unit, scope(tenant), name="Mine", ip="192.0.2.10", hostname="a.mail.test"
            ),
            code="FORBIDDEN",
        )
    async with world_db.unit_of_work() as unit:
        id = await sources.create_source(unit, platform, name="One", ip="192.0.2.10", hostname="A.mail.test.")
    for changes, code, field in (
        ({"name": "\u200b"}, "INVALID", "name"),
        ({"ip": "300.1.1.1"}, "INVALID", "ip"),
        ({"hostname": "not a host"}, "INVALID", "hostname"),
        ({"name": " "}, "INVALID", "name"),
        ({"account_id": new_id()}, "MISSING", "accountId"),
    ):
        await refused(
            world_db,
            lambda unit, changes=changes: sources.update_source(unit, platform, id, changes),
            code=code,
            field=(field,),
        )
    await refused(
        world_db,
        lambda unit: sources.create_source(unit, platform, name="Two", ip="192.0.2.10", hostname="b.mail.test"),
        code="TAKEN",
        field=("ip",),
    )
    async with world_db.unit_of_work() as unit:
        await sources.update_source(unit, platform, id, {"hostname": "c.mail.test"})
    async with world_db.connection() as conn:
        [found] = await sources.list_sources(conn, platform)
    assert (found.ip, found.hostname, found.dedicated) == ("192.0.2.10", "c.mail.test", False)
