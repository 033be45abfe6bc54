"""Do sessions open one door, on one host, for one person?"""

from datetime import timedelta

from kit.clock import shift
from kit.db import Database
from tenants.sessions import LIFE, SignedIn, check_password, end_session, forget_ended, open_session, session_scope
from tests.support.world import PASSWORD, World


async def login(db: Database, email: str, password: str = PASSWORD, *, host: str = "h") -> SignedIn | None:
    """Sign in without a second factor."""
    person = await check_password(db, email=email, password=password)
    if person is None:
        return None
    async with db.connection() as conn:
        return await open_session(conn, person, host=host, ip="127.0.0.1")


async def test_a_session_is_good_on_its_host_until_it_ends(world_db: Database, world: World) -> None:
    signed_in = await login(world_db, " USER@shop.test ", host="shop.localhost")
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
    signed_in = await login(world_db, world.shop.email)
    assert signed_in is not None
    async with world_db.connection() as conn:
        await shift(conn, LIFE - timedelta(minutes=1))
        assert await session_scope(conn, signed_in.token, host="h") is not None
        await shift(conn, timedelta(minutes=1))
        assert await session_scope(conn, signed_in.token, host="h") is None


async def test_wrong_and_unknown_are_the_same(world_db: Database, world: World) -> None:
    for email, password in ((world.shop.email, "wrong"), ("nobody@shop.test", PASSWORD), ("", "")):
        assert await login(world_db, email, password) is None
    async with world_db.connection() as conn:
        assert await conn.fetchval("select count(*) from session") == 0


async def test_what_has_ended_is_forgotten_and_what_is_good_stays(world_db: Database, world: World) -> None:
    old = await login(world_db, world.shop.email)
    async with world_db.connection() as conn:
        await shift(conn, LIFE)
        new = await login(world_db, world.shop.email)
        assert old is not None
        assert new is not None
        await forget_ended(world_db)
        assert await conn.fetchval("select count(*) from session") == 1
