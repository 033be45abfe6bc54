"""Who may make, change and move which accounts, and what follows for lineage, pools and sources?"""

from dataclasses import replace
from uuid import UUID

import pytest

from kit.db import Database
from kit.errors import Kind, LiveryError
from kit.ids import new_id
from tenants import sub_accounts, views
from tenants.models import AccountKind, WhenSpent
from tenants.permissions import ROLES, Role
from tenants.scope import Scope
from tenants.states import AccountState
from tests.support.world import Tenant, World
from tests.tenants.refusals import refused

OWNER = ROLES[Role.OWNER]


def scope(tenant: Tenant) -> Scope:
    return Scope(tenant.id, may=OWNER, ip="192.0.2.1")


async def test_an_account_is_made_with_what_was_said(world_db: Database, world: World) -> None:
    async with world_db.unit_of_work() as unit:
        id = await sub_accounts.create(
            unit,
            scope(world.acme),
            {
                "name": " Café  Zoë & Co ",
                "time_zone": "Europe/Rome",
                "monthly_limit": 500,
                "when_spent": "hold",
                "privacy_url": "https://zoe.example/privacy",
                "brand_name": "Zoë",
                "brand_color": "#AA00ff",
            },
        )
    async with world_db.connection() as conn:
        found = await views.view_account(conn, scope(world.acme), id)
        lineage = await conn.fetchval("select lineage from account where id = $1", id)
        note = await conn.fetchrow("select * from audit_entry where account_id = $1", id)
    assert (found.name, found.slug, found.kind, found.state) == (
        "Café Zoë & Co",
        "cafe-zoe-co",
        AccountKind.SUB_ACCOUNT,
        AccountState.ACTIVE,
    )
    assert (found.time_zone, found.monthly_limit, found.when_spent) == ("Europe/Rome", 500, WhenSpent.HOLD)
    assert (found.privacy_url, found.brand_name, found.brand_color) == ("https://zoe.example/privacy", "Zoë", "#aa00ff")
    assert (found.parent_id, found.credits, found.shares_pool, found.may_resell) == (world.acme.id, 0, False, False)
    assert lineage == [world.platform.id, world.acme.id, id]
    assert (note["action"], note["home_id"], note["ip"]) == ("account.create", world.acme.id, "192.0.2.1")
    async with world_db.unit_of_work() as unit:
        again = await sub_accounts.create(unit, scope(world.acme), {"name": "Cafe Zoe Co"})
    async with world_db.connection() as conn:
        assert (await views.view_account(conn, scope(world.acme), again)).slug.startswith("cafe-zoe-co-")


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": "x\x00y"}, "name"),
        ({"name": "\u200b"}, "name"),
        ({"name": "\u00ad \ufeff"}, "name"),
        ({"name": "\u200d\u3164\u2800"}, "name"),
        ({"name": "shop \u202egpj.exe"}, "name"),
        ({"brand_name": "\u2066Acme"}, "brandName"),
        ({"brand_name": "https://bank.test/login"}, "brandName"),
        ({"brand_name": "Sign in at www.bank.test"}, "brandName"),
        ({"brand_name": "\uff37\uff37\uff37\uff0ebank"}, "brandName"),
        ({"brand_name": "bank.test\uff0flogin"}, "brandName"),
        ({"brand_name": "help@bank.test"}, "brandName"),
        ({"slug": "Shop Test"}, "slug"),
        ({"time_zone": "Mars/Base"}, "timeZone"),
        ({"time_zone": "../etc/passwd"}, "timeZone"),
        ({"monthly_limit": -1}, "monthlyLimit"),
        ({"monthly_limit": 2**53}, "monthlyLimit"),
        ({"alert_below": -5}, "alertBelow"),
        ({"privacy_url": "javascript:alert(1)"}, "privacyUrl"),
        ({"privacy_url": "https://user@evil.test/"}, "privacyUrl"),
        ({"brand_color": "red"}, "brandColor"),
        ({"brand_name": ""}, "brandName"),
        ({"referral_code": "a b"}, "referralCode"),
    ],
)
async def test_what_is_no_detail_is_refused_for_new_and_old_accounts(
    world_db: Database, world: World, given: dict[str, object], field: str
) -> None:
    acme = scope(world.acme)
    await refused(
        world_db, lambda unit: sub_accounts.update(unit, acme, world.shop.id, given), code="INVALID", field=(field,)
    )
    new = {"name": "New", **given}
    await refused(world_db, lambda unit: sub_accounts.create(unit, acme, new), code="INVALID", field=(field,))


@pytest.mark.parametrize("name", ["Zoë & Co.", "می\u200cخواهم", "👩\u200d🌾 Farm", "株式会社", "7", "!"])
async def test_names_of_every_script_are_taken_as_they_are(world_db: Database, world: World, name: str) -> None:
    async with world_db.unit_of_work() as unit:
        await sub_accounts.update(unit, scope(world.acme), world.shop.id, {"name": f" {name}\n"})
        assert (await views.view_account(unit.conn, scope(world.acme), world.shop.id)).name == name


@pytest.mark.parametrize("name", ["booking.example", "Dr. Zoë & Co.", "Awww. Cards", "24:7 Mail", "C# Post"])
async def test_a_brand_may_be_called_what_brands_are_called(world_db: Database, world: World, name: str) -> None:
    async with world_db.unit_of_work() as unit:
        await sub_accounts.update(unit, scope(world.acme), world.shop.id, {"brand_name": name})
        assert (await views.view_account(unit.conn, scope(world.acme), world.shop.id)).brand_name == name


async def test_only_below_an_account_that_may_resell(world_db: Database, world: World) -> None:
    acme, new = scope(world.acme), {"name": "Deep"}
    await refused(
        world_db,
        lambda unit: sub_accounts.create(unit, acme, new, parent_id=world.shop.id),
        code="NO_SUB_ACCOUNTS",
        field=("parentId",),
    )
    await refused(
        world_db,
        lambda unit: sub_accounts.create(unit, scope(world.shop), new),
        code="NO_SUB_ACCOUNTS",
        field=("parentId",),
    )
    async with world_db.unit_of_work() as unit:
        await sub_accounts.update(unit, acme, world.shop.id, {"may_resell": True})
    async with world_db.unit_of_work() as unit:
        deep = await sub_accounts.create(unit, scope(world.shop), new)
    async with world_db.connection() as conn:
        assert await conn.fetchval("select lineage from account where id = $1", deep) == [
            world.platform.id,
            world.acme.id,
            world.shop.id,
            deep,
        ]
        assert (await views.view_account(conn, acme, world.shop.id)).kind is AccountKind.RESELLER
    await refused(
        world_db,
        lambda unit: sub_accounts.update(unit, acme, world.shop.id, {"may_resell": False}),
        code="HAS_SUB_ACCOUNTS",
        field=("mayResell",),
    )


async def test_another_tenants_account_is_missing_whatever_is_done_to_it(world_db: Database, world: World) -> None:
    acme = scope(world.acme)
    for id in (world.rival.id, world.other.id, world.platform.id, new_id()):
        one = await refused(
            world_db,
            lambda unit, id=id: sub_accounts.update(unit, acme, id, {"name": "X"}),
            code="MISSING",
            field=("id",),
        )
        assert one.message == "No such account."
        await refused(
            world_db,
            lambda unit, id=id: sub_accounts.move(unit, acme, id, world.acme.id),
            code="MISSING",
            field=("id",),
        )
        await refused(
            world_db,
            lambda unit, id=id: sub_accounts.move(unit, acme, world.shop.id, id),
            code="MISSING",
            field=("below",),
        )
        await refused(
            world_db,
            lambda unit, id=id: sub_accounts.create(unit, acme, {"name": "X"}, parent_id=id),
            code="MISSING",
            field=("parentId",),
        )


async def test_without_the_permission_nothing_happens(world_db: Database, world: World) -> None:
    for role in (Role.SENDER, Role.ANALYST, Role.BILLING):
        weak = replace(scope(world.acme), may=ROLES[role])
        await refused(
            world_db, lambda unit, weak=weak: sub_accounts.create(unit, weak, {"name": "X"}), code="FORBIDDEN"
        )
        await refused(
            world_db,
            lambda unit, weak=weak: sub_accounts.update(unit, weak, world.shop.id, {"name": "X"}),
            code="FORBIDDEN",
        )
        await refused(
            world_db,
            lambda unit, weak=weak: sub_accounts.move(unit, weak, world.shop.id, world.acme.id),
            code="FORBIDDEN",
        )


async def test_what_is_decided_from_above_is_not_ones_own_to_change(world_db: Database, world: World) -> None:
    shop = scope(world.shop)
    for name, value, field in (
        ("monthly_limit", 10, "monthlyLimit"),
        ("may_resell", True, "mayResell"),
        ("shares_pool", True, "sharesPool"),
        ("slug", "mine", "slug"),
    ):
        await refused(
            world_db,
            lambda unit, name=name, value=value: sub_accounts.update(unit, shop, world.shop.id, {name: value}),
            code="DECIDED_ABOVE",
            field=(field,),
        )
    async with world_db.unit_of_work() as unit:
        await sub_accounts.update(unit, shop, world.shop.id, {"name": "Shop & Sons", "time_zone": "Asia/Kolkata"})
    async with world_db.unit_of_work() as unit:
        await sub_accounts.update(unit, scope(world.acme), world.shop.id, {"monthly_limit": 10})
    async with world_db.connection() as conn:
        found = await views.view_account(conn, shop)
        changes = await conn.fetchval(
            "select changes::text from audit_entry where action = 'account.update' order by id limit 1"
        )
    assert (found.name, found.time_zone, found.monthly_limit) == ("Shop & Sons", "Asia/Kolkata", 10)
    assert changes == '{"name": ["Shop.Test", "Shop & Sons"], "time_zone": ["UTC", "Asia/Kolkata"]}'


async def test_a_short_name_and_a_code_belong_to_one_account(world_db: Database, world: World) -> None:
    acme, other = scope(world.acme), scope(world.other)
    await refused(
        world_db,
        lambda unit: sub_accounts.update(unit, acme, world.shop.id, {"slug": "rival.test"}),
        code="TAKEN",
        field=("slug",),
    )
    await refused(
        world_db,
        lambda unit: sub_accounts.create(unit, acme, {"name": "X", "slug": "rival.test"}),
        code="TAKEN",
        field=("slug",),
    )
    async with world_db.unit_of_work() as unit:
        await sub_accounts.update(unit, acme, world.acme.id, {"referral_code": "acme-10"})
    await refused(
        world_db,
        lambda unit: sub_accounts.update(unit, other, world.other.id, {"referral_code": "ACME-10"}),
        code="TAKEN",
        field=("referralCode",),
    )


async def test_a_whole_subtree_moves_and_cycles_cannot_be_made(world_db: Database, world: World) -> None:
    platform = scope(world.platform)
    async with world_db.unit_of_work() as unit:
        await sub_accounts.update(unit, platform, world.shop.id, {"may_resell": True})
        deep = await sub_accounts.create(unit, platform, {"name": "Deep"}, parent_id=world.shop.id, may_resell=True)
        deeper = await sub_accounts.create(unit, platform, {"name": "Deeper"}, parent_id=deep)
    for below in (world.shop.id, deep):
        await refused(
            world_db,
            lambda unit, below=below: sub_accounts.move(unit, platform, world.shop.id, below),
            code="CYCLE",
            field=("below",),
        )
    await refused(
        world_db,
        lambda unit: sub_accounts.move(unit, platform, world.shop.id, world.rival.id),
        code="NO_SUB_ACCOUNTS",
        field=("below",),
    )
    await refused(
        world_db,
        lambda unit: sub_accounts.move(unit, scope(world.acme), world.acme.id, world.acme.id),
        code="OWN_ACCOUNT",
        field=("id",),
    )
    async with world_db.unit_of_work() as unit:
        await sub_accounts.move(unit, platform, world.shop.id, world.other.id)
    async with world_db.connection() as conn:
        lineages = {row["id"]: row["lineage"] for row in await conn.fetch("select id, lineage from account")}
        above = [world.platform.id, world.other.id, world.shop.id]
        assert lineages[world.shop.id] == above
        assert lineages[deep] == [*above, deep]
        assert lineages[deeper] == [*above, deep, deeper]
        seen = {row.id for row in await views.list_accounts(conn, scope(world.other), deep=True, first=50, after=None)}
        assert seen >= {world.shop.id, deep, deeper, world.rival.id}
        with pytest.raises(LiveryError):
            await views.view_account(conn, scope(world.acme), world.shop.id)
        left = await views.list_accounts(conn, scope(world.acme), deep=True, first=50, after=None)
        assert world.shop.id not in {row.id for row in left}


async def pools(db: Database) -> dict[UUID, UUID | None]:
    async with db.connection() as conn:
        return {row["id"]: row["pool_id"] for row in await conn.fetch("select id, pool_id from account")}


async def test_who_shares_a_pool_stays_in_its_line_and_follows_it(world_db: Database, world: World) -> None:
    platform = scope(world.platform)
    async with world_db.unit_of_work() as unit:
        team = await sub_accounts.create(
            unit, platform, {"name": "Team"}, parent_id=world.acme.id, may_resell=True, shares_pool=True
        )
        mate = await sub_accounts.create(unit, platform, {"name": "Mate"}, parent_id=team, shares_pool=True)
    found = await pools(world_db)
    assert (found[team], found[mate]) == (world.acme.id, world.acme.id)
    async with world_db.connection() as conn:
        balance = await conn.fetchval("select remaining from balance where account_id = $1", world.acme.id)
        assert (await views.view_account(conn, platform, mate)).credits == balance
    await refused(
        world_db, lambda unit: sub_accounts.move(unit, platform, team, world.other.id), code="POOL", field=("below",)
    )
    # Within the line it may: below acme, where its pool is spent anyway.
    async with world_db.unit_of_work() as unit:
        await sub_accounts.move(unit, platform, mate, world.acme.id)
    assert (await pools(world_db))[mate] == world.acme.id
    async with world_db.unit_of_work() as unit:
        await sub_accounts.move(unit, platform, mate, team)
        await sub_accounts.update(unit, platform, team, {"shares_pool": False})
    found = await pools(world_db)
    assert (found[team], found[mate]) == (None, team)
    await refused(
        world_db,
        lambda unit: sub_accounts.update(unit, platform, world.shop.id, {"shares_pool": True}),
        code="HAS_CREDITS",
        field=("sharesPool",),
    )
    async with world_db.unit_of_work() as unit:
        await sub_accounts.update(unit, platform, team, {"shares_pool": True})
        await sub_accounts.move(unit, platform, world.shop.id, world.other.id)
    found = await pools(world_db)
    assert (found[team], found[mate]) == (world.acme.id, world.acme.id)


async def test_lists_are_pages_of_children_or_of_everything_below(world_db: Database, world: World) -> None:
    acme = scope(world.acme)
    async with world_db.unit_of_work() as unit:
        made = [await sub_accounts.create(unit, acme, {"name": f"Child {n}"}) for n in range(5)]
    async with world_db.connection() as conn:
        page = await views.list_accounts(conn, acme, search="child", first=3, after=None)
        assert [found.id for found in page] == made[:1:-1]
        rest = await views.list_accounts(conn, acme, search="child", first=3, after=page[-1].id)
        assert [found.id for found in rest] == made[1::-1]
        assert [f.id for f in await views.list_accounts(conn, acme, search="hild_2", first=9, after=None)] == []
        assert [f.id for f in await views.list_accounts(conn, acme, search="SHOP.", first=9, after=None)] == [
            world.shop.id
        ]
        children = await views.list_accounts(conn, scope(world.platform), first=50, after=None)
        assert {found.id for found in children} == {world.acme.id, world.other.id}
        assert {found.children for found in children if found.id == world.acme.id} == {
            await conn.fetchval("select count(*) from account where parent_id = $1", world.acme.id)
        }
        below = await views.list_accounts(conn, scope(world.platform), below=world.acme.id, first=50, after=None)
        assert set(made) < {found.id for found in below}
        with pytest.raises(LiveryError) as caught:
            await views.list_accounts(conn, acme, below=world.other.id, first=50, after=None)
        assert caught.value.kind is Kind.MISSING
