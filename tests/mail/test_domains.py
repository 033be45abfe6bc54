"""Which key signs? The sender's own domain, else the nearest above, at the last the platform's; never somebody else's."""

import pytest

from kit.crypto import Keyring, Unreadable
from kit.db import Database
from kit.errors import Kind, LiveryError
from mail.domains import add_domain, add_verified_domain, ensure_neutral_domain, identities, mark_verified
from mail.wire.address import AddressError
from tests.support.world import SECRET_KEY, World

RING = Keyring(SECRET_KEY)


async def signer(db: Database, world: World, tenant: str, domain: str) -> str | None:
    """The d= that signs mail of this tenant from this domain."""
    account = getattr(world, tenant).id
    async with db.connection() as conn:
        key = (await identities(conn, RING, [(account, domain)]))[account, domain].key
    return key.domain if key else None


async def test_the_domain_that_signs_is_the_senders_own_or_the_nearest_above(world_db: Database, world: World) -> None:
    assert await signer(world_db, world, "shop", "shop.test") == "shop.test"
    assert await signer(world_db, world, "shop", "news.shop.test") == "shop.test"
    assert await signer(world_db, world, "shop", "acme.test") == "acme.test"
    assert await signer(world_db, world, "acme", "elsewhere.example") == "acme.test"
    assert await signer(world_db, world, "shop", "rival.test") == "shop.test"  # and intake refuses it before
    async with world_db.connection() as conn:
        await conn.execute("update domain set verified_at = null where name = 'shop.test'")
    assert await signer(world_db, world, "shop", "shop.test") == "acme.test"
    async with world_db.connection() as conn:
        await conn.execute("delete from domain where name in ('shop.test', 'acme.test', 'platform.test')")
    assert await signer(world_db, world, "shop", "shop.test") is None
    async with world_db.transaction() as conn:
        await ensure_neutral_domain(conn, RING, "mail.platform.test")
        await ensure_neutral_domain(conn, RING, "mail.platform.test")
    assert await signer(world_db, world, "shop", "shop.test") == "mail.platform.test"


async def test_a_name_is_verified_once(world_db: Database, world: World) -> None:
    async with world_db.transaction() as conn:
        id = await add_domain(conn, RING, account_id=world.rival.id, name="shop.test")
        with pytest.raises(LiveryError) as taken:
            await mark_verified(conn, id)
        assert taken.value.kind is Kind.CONFLICT
        with pytest.raises(LiveryError):
            await add_domain(conn, RING, account_id=world.rival.id, name="SHOP.test.")
        with pytest.raises(AddressError):
            await add_domain(conn, RING, account_id=world.rival.id, name="not a domain")
        await add_verified_domain(conn, RING, account_id=world.rival.id, name="münchen.example")
        assert await conn.fetchval("select true from domain where name = 'xn--mnchen-3ya.example'")


async def test_private_keys_are_sealed_and_belong_to_their_rows(world_db: Database, world: World) -> None:
    async with world_db.connection() as conn:
        for row in await conn.fetch("select private_sealed, txt from dkim_key"):
            assert b"PRIVATE" not in row["private_sealed"]
            assert row["txt"].startswith("v=DKIM1; k=rsa; p=")
        await conn.execute(
            """update dkim_key set private_sealed = (
                 select k.private_sealed from dkim_key k join domain d on d.id = k.domain_id where d.name = 'rival.test')
               where domain_id = (select id from domain where name = 'shop.test')"""
        )
        with pytest.raises(Unreadable):
            await identities(conn, RING, [(world.shop.id, "shop.test")])


async def test_return_paths_stand_under_a_verified_host_of_the_domain_that_signs(
    world_db: Database, world: World
) -> None:
    async def returns(tenant: str, domain: str) -> str | None:
        account = getattr(world, tenant).id
        async with world_db.connection() as conn:
            return (await identities(conn, RING, [(account, domain)]))[account, domain].returns

    async with world_db.connection() as conn:
        for host, domain, kind, verified in (
            ("bounces.shop.test", "shop.test", "return_path", True),
            ("early.shop.test", "shop.test", "return_path", False),
            ("click.shop.test", "shop.test", "tracking", True),
            ("bounces.acme.test", "acme.test", "return_path", True),
        ):
            await conn.execute(
                """insert into domain_host (host, domain_id, kind, verified_at)
                   select $1, id, $3, case when $4 then livery_now() end from domain where name = $2""",
                host,
                domain,
                kind,
                verified,
            )
    assert await returns("shop", "shop.test") == "bounces.shop.test"
    assert await returns("shop", "elsewhere.test") == "bounces.shop.test"
    assert await returns("acme", "acme.test") == "bounces.acme.test"
    assert await returns("rival", "rival.test") is None
