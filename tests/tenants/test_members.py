"""Who can be a member, and of which brand is a host?"""

import pytest

from kit.db import Database
from kit.errors import Kind, LiveryError
from tenants.branding import brands_by_host
from tenants.members import check_rank, create_member
from tenants.models import Role
from tenants.scope import Scope
from tenants.tree import AccountKind, add_host, create_account
from tests.support.world import World


@pytest.mark.parametrize(
    ("email", "name", "password", "kind"),
    [
        ("no address", "N", "long enough password", Kind.INVALID),
        ("new@shop.test", "N", "short", Kind.INVALID),
        ("new@shop.test", "\u2066Support", "long enough password", Kind.INVALID),
        ("USER@shop.test", "N", "long enough password", Kind.CONFLICT),
    ],
)
async def test_members_that_cannot_be_are_refused(
    world_db: Database, world: World, email: str, name: str, password: str, kind: Kind
) -> None:
    with pytest.raises(LiveryError) as refused:
        async with world_db.unit_of_work() as unit:
            await create_member(unit, account_id=world.shop.id, email=email, name=name, password=password)
    assert refused.value.kind is kind
    async with world_db.connection() as conn:
        assert await conn.fetchval("select count(*) from member where account_id = $1", world.shop.id) == len(Role)


async def test_who_was_removed_a_moment_ago_is_above_nobody(world_db: Database, world: World) -> None:
    async with world_db.unit_of_work() as unit:
        owner = await unit.conn.fetchval(
            "select id from member where account_id = $1 and role = 'owner'", world.shop.id
        )
        scope = Scope(world.shop.id, member_id=owner)
        await check_rank(unit.conn, scope, world.shop.id, Role.OWNER)
        await unit.conn.execute("delete from member where id = $1", owner)
        with pytest.raises(LiveryError) as refused:
            await check_rank(unit.conn, scope, world.shop.id, Role.ANALYST)
    assert refused.value.code == "ROLE_ABOVE"


async def test_a_host_shows_the_nearest_brand_above_it(world_db: Database, world: World) -> None:
    async with world_db.unit_of_work() as unit:
        await add_host(unit, host="Mail.Shop.localhost", account_id=world.shop.id)
        await add_host(unit, host="mail.other.localhost", account_id=world.other.id)
        await unit.conn.execute("update account set brand_name = 'Platform' where id = $1", world.platform.id)
        await unit.conn.execute(
            "update account set brand_name = 'Acme Mail', brand_color = '#0f766e' where id = $1", world.acme.id
        )
    async with world_db.connection() as conn:
        brands = await brands_by_host(conn)
    assert {host: (brand.name, brand.color) for host, brand in brands.items() if host.startswith("mail.")} == {
        "mail.shop.localhost": ("Acme Mail", "#0f766e"),
        "mail.other.localhost": ("Platform", None),
    }


@pytest.mark.parametrize(
    ("slug", "parent", "color", "kind"),
    [
        ("Shop", "acme.test", None, Kind.INVALID),
        ("-x", "acme.test", None, Kind.INVALID),
        ("shop.test", "acme.test", None, Kind.CONFLICT),
        ("new", "nobody", None, Kind.MISSING),
        ("new", "acme.test", "red", Kind.INVALID),
    ],
)
async def test_accounts_that_cannot_be_are_refused(
    world_db: Database, world: World, slug: str, parent: str, color: str | None, kind: Kind
) -> None:
    with pytest.raises(LiveryError) as refused:
        async with world_db.unit_of_work() as unit:
            await create_account(
                unit, slug=slug, name="N", kind=AccountKind.SUB_ACCOUNT, parent_slug=parent, brand_color=color
            )
    assert refused.value.kind is kind
    async with world_db.connection() as conn:
        assert await conn.fetchval("select count(*) from account") == len(world.tenants)
