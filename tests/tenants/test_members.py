"""Do sessions open one door, on one host, for one person?"""

from datetime import timedelta

import pytest

from kit.clock import shift
from kit.db import Database
from kit.errors import Kind, LiveryError
from tenants.branding import brands_by_host
from tenants.members import LIFE, create_member, end_session, login, session_scope
from tenants.models import Role
from tenants.tree import AccountKind, add_host, create_account
from tests.support.world import PASSWORD, World


async def test_a_session_is_good_on_its_host_until_it_ends(world_db: Database, world: World) -> None:
    signed_in = await login(
        world_db, email=" USER@shop.test ", password=PASSWORD, host="shop.localhost", ip="127.0.0.1"
    )
    assert signed_in is not None
    assert signed_in.scope.account_id == world.shop.id
    async with world_db.connection() as conn:
        assert await session_scope(conn, signed_in.token, host="shop.localhost") == signed_in.scope
        assert await session_scope(conn, signed_in.token, host="acme.localhost") is None
        assert await session_scope(conn, signed_in.token + "x", host="shop.localhost") is None
        assert await conn.fetchval("select count(*) from session where id = $1", signed_in.token) == 0
        await end_session(conn, signed_in.token)
        assert await session_scope(conn, signed_in.token, host="shop.localhost") is None


async def test_a_session_ends_by_the_databases_clock(world_db: Database, world: World) -> None:
    signed_in = await login(world_db, email=world.shop.email, password=PASSWORD, host="h", ip="127.0.0.1")
    assert signed_in is not None
    async with world_db.connection() as conn:
        await shift(conn, LIFE - timedelta(minutes=1))
        assert await session_scope(conn, signed_in.token, host="h") is not None
        await shift(conn, timedelta(minutes=1))
        assert await session_scope(conn, signed_in.token, host="h") is None


async def test_wrong_and_unknown_are_the_same(world_db: Database, world: World) -> None:
    for email, password in ((world.shop.email, "wrong"), ("nobody@shop.test", PASSWORD), ("", "")):
        assert await login(world_db, email=email, password=password, host="h", ip="127.0.0.1") is None
    async with world_db.connection() as conn:
        assert await conn.fetchval("select count(*) from session") == 0


@pytest.mark.parametrize(
    ("email", "password", "kind"),
    [
        ("no address", "long enough password", Kind.INVALID),
        ("new@shop.test", "short", Kind.INVALID),
        ("USER@shop.test", "long enough password", Kind.CONFLICT),
    ],
)
async def test_members_that_cannot_be_are_refused(
    world_db: Database, world: World, email: str, password: str, kind: Kind
) -> None:
    with pytest.raises(LiveryError) as refused:
        async with world_db.unit_of_work() as unit:
            await create_member(unit, account_id=world.shop.id, email=email, name="N", password=password)
    assert refused.value.kind is kind
    async with world_db.connection() as conn:
        assert await conn.fetchval("select count(*) from member where account_id = $1", world.shop.id) == len(Role)


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
