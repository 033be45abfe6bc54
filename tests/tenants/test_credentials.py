"""Who is let in, from where, and how often may strangers try?"""

from datetime import timedelta
from uuid import UUID

import pytest

from kit.clock import shift
from kit.crypto import Keyring
from kit.db import Database
from kit.errors import Kind, LiveryError
from tenants import passwords, sign_up, throttle
from tenants.authentication import authenticate_key, authenticate_smtp, authenticate_source
from tenants.credentials import create_credential, find_credential
from tenants.models import CredentialKind
from tests.support.world import SECRET_KEY, World

RING = Keyring(SECRET_KEY)


async def test_the_right_password_opens_its_own_account_and_no_other_does(world_db: Database, world: World) -> None:
    scope = await authenticate_smtp(
        world_db, RING, username=world.shop.smtp_user, password=world.shop.smtp_password, ip="127.0.0.1"
    )
    assert scope is not None
    assert scope.account_id == world.shop.id
    for name, password in (
        (world.shop.smtp_user, world.rival.smtp_password),
        (world.shop.smtp_user, ""),
        (world.shop.smtp_user, world.shop.smtp_password + "x" * 3000),
        ("nobody", world.shop.smtp_password),
        ("", ""),
    ):
        assert await authenticate_smtp(world_db, RING, username=name, password=password, ip="127.0.0.1") is None


async def test_a_key_is_known_by_its_hash_only(world_db: Database, world: World) -> None:
    scope = await authenticate_key(world_db, RING, world.shop.api_key, ip="127.0.0.1")
    assert scope is not None
    assert scope.account_id == world.shop.id
    assert await authenticate_key(world_db, RING, world.shop.smtp_password, ip="127.0.0.1") is None
    async with world_db.connection() as conn:
        stored = [row["secret_hash"] for row in await conn.fetch("select secret_hash from credential")]
    assert not [value for value in stored if b"test_key" in value or b"password" in value]


async def test_a_source_is_its_narrowest_network(world_db: Database, world: World) -> None:
    async with world_db.connection() as conn:
        for account, network in ((world.shop.id, "192.0.2.0/24"), (world.acme.id, "192.0.2.128/25")):
            await create_credential(
                conn, RING, account_id=account, kind=CredentialKind.SOURCE, name="office", networks=(network,)
            )
    wide = await authenticate_source(world_db, ip="192.0.2.5")
    narrow = await authenticate_source(world_db, ip="192.0.2.200")
    assert wide is not None
    assert narrow is not None
    assert (wide.account_id, narrow.account_id) == (world.shop.id, world.acme.id)
    assert await authenticate_source(world_db, ip="198.51.100.1") is None
    assert await authenticate_source(world_db, ip="2001:db8::1") is None


async def test_a_source_is_no_wider_than_one_organisation(world_db: Database, world: World) -> None:
    async with world_db.connection() as conn:
        for network, widest in (("0.0.0.0/0", 16), ("10.0.0.0/15", 16), ("::/0", 32), ("2001:db8::/31", 32)):
            with pytest.raises(LiveryError) as refused:
                await create_credential(
                    conn,
                    RING,
                    account_id=world.shop.id,
                    kind=CredentialKind.SOURCE,
                    name="wide",
                    networks=("192.0.2.0/24", network),
                )
            assert (refused.value.kind, refused.value.field) == (Kind.INVALID, ("networks",))
            assert refused.value.message == f"{network} is too wide: anybody in it could send without a password."
            assert refused.value.next is not None
            assert f"/{widest} or narrower" in refused.value.next
        assert await conn.fetchval("select count(*) from credential where name = 'wide'") == 0
        await create_credential(
            conn,
            RING,
            account_id=world.shop.id,
            kind=CredentialKind.SOURCE,
            name="office",
            networks=("10.0.0.0/16", "2001:db8::/32"),
        )
    for ip in ("10.0.9.9", "2001:db8::9"):
        scope = await authenticate_source(world_db, ip=ip)
        assert scope is not None
        assert scope.account_id == world.shop.id


async def test_who_is_revoked_is_not_let_in_and_nobody_else_is_touched(world_db: Database, world: World) -> None:
    async def let_in() -> tuple[bool, bool]:
        user, password = world.shop.smtp_user, world.shop.smtp_password
        try:
            smtp = await authenticate_smtp(world_db, RING, username=user, password=password, ip="127.0.0.1")
        except LiveryError:
            smtp = None
        return smtp is not None, await authenticate_source(world_db, ip="192.0.2.5") is not None

    async def revoke(called: str, account: UUID = world.shop.id) -> None:
        id = await find_credential(conn, account_id=account, called=called)
        await conn.execute("update credential set revoked_at = livery_now() where id = $1", id)

    async with world_db.connection() as conn:
        for network in ("192.0.2.0/24", "198.51.100.0/24"):
            await create_credential(
                conn, RING, account_id=world.shop.id, kind=CredentialKind.SOURCE, name="office", networks=(network,)
            )
        for account, called, kind in (
            (world.rival.id, world.shop.smtp_user, Kind.MISSING),
            (world.shop.id, "nobody", Kind.MISSING),
            (world.shop.id, "office", Kind.CONFLICT),
        ):
            with pytest.raises(LiveryError) as refused:
                await revoke(called, account)
            assert refused.value.kind is kind
        assert await let_in() == (True, True)
        await revoke("192.0.2.0/24")
        assert await let_in() == (True, False)
        await revoke(world.shop.smtp_user)
        assert await let_in() == (False, False)
        await revoke("office")
    assert await authenticate_source(world_db, ip="198.51.100.9") is None


async def test_a_credential_bound_to_a_network_is_of_no_use_elsewhere(world_db: Database, world: World) -> None:
    async with world_db.connection() as conn:
        made = await create_credential(
            conn,
            RING,
            account_id=world.shop.id,
            kind=CredentialKind.SMTP,
            name="shop",
            networks=("192.0.2.0/24", "2001:db8::/32"),
        )
    assert made.username is not None
    assert made.secret is not None
    for ip, let_in in (("192.0.2.9", True), ("2001:db8::9", True), ("192.0.3.9", False), ("127.0.0.1", False)):
        scope = await authenticate_smtp(world_db, RING, username=made.username, password=made.secret, ip=ip)
        assert (scope is not None) is let_in


async def test_a_suspended_account_says_so_to_its_owner_only(world_db: Database, world: World) -> None:
    async with world_db.connection() as conn:
        await conn.execute("update account set suspended_at = livery_now() where id = $1", world.acme.id)
    with pytest.raises(LiveryError) as refused:
        await authenticate_smtp(
            world_db, RING, username=world.shop.smtp_user, password=world.shop.smtp_password, ip="127.0.0.1"
        )
    assert (refused.value.kind, refused.value.code) == (Kind.DENIED, "SUSPENDED")
    assert await authenticate_smtp(world_db, RING, username=world.shop.smtp_user, password="x", ip="127.0.0.1") is None


async def test_bad_networks_and_taken_names_are_refused(world_db: Database, world: World) -> None:
    async with world_db.connection() as conn:
        for networks in ((), ("300.0.0.0/8",), ("10.0.0.1/8",)):
            with pytest.raises(LiveryError) as refused:
                await create_credential(
                    conn, RING, account_id=world.shop.id, kind=CredentialKind.SOURCE, name="x", networks=networks
                )
            assert (refused.value.kind, refused.value.field) == (Kind.INVALID, ("networks",))
        with pytest.raises(LiveryError) as taken:
            await create_credential(
                conn, RING, account_id=world.rival.id, kind=CredentialKind.SMTP, name="x", username=world.shop.smtp_user
            )
        assert taken.value.kind is Kind.CONFLICT
        assert await conn.fetchval("select count(*) from credential where name = 'x'") == 0


async def test_ten_failures_a_minute_from_one_address_are_enough(world_db: Database) -> None:
    for _ in range(10):
        assert await throttle.may_try(world_db, "smtp", "a", "192.0.2.1")
        await throttle.note_failure(world_db, "smtp", "a", "192.0.2.1")
    assert not await throttle.may_try(world_db, "smtp", "someone else", "192.0.2.1")
    assert await throttle.may_try(world_db, "smtp", "a", "192.0.2.2")
    assert await throttle.may_try(world_db, "web", "a", "192.0.2.1")
    async with world_db.connection() as conn:
        await shift(conn, timedelta(seconds=61))
    assert await throttle.may_try(world_db, "smtp", "a", "192.0.2.1")


async def test_a_network_of_ipv6_is_one_address(world_db: Database) -> None:
    for n in range(10):
        await throttle.note_failure(world_db, "web", f"a{n}", f"2001:db8:0:1::{n:x}")
    assert not await throttle.may_try(world_db, "web", "b", "2001:db8:0:1:ffff::1")
    assert await throttle.may_try(world_db, "web", "b", "2001:db8:0:2::1")
    for keyed in (lambda ip: throttle.code_tries(UUID(int=1), ip), passwords.asking_tries, sign_up.limits):
        assert keyed("2001:db8:0:1::1") == keyed("2001:db8:0:1:ffff::1") != keyed("2001:db8:0:2::1")
        assert keyed("::ffff:192.0.2.1") == keyed("192.0.2.1") != keyed("192.0.2.2")


@pytest.mark.parametrize(
    "name", [" owner@shop.test", "owner@shop.test  ", "\tOWNER@shop.test\n", "\u2003Owner@Shop.test"]
)
async def test_a_name_is_one_however_it_is_spaced(world_db: Database, name: str) -> None:
    for n in range(100):
        await throttle.note_failure(world_db, "web", ("owner@shop.test", name)[n % 2], f"198.51.100.{n}")
    assert not await throttle.may_try(world_db, "web", "owner@shop.test", "203.0.113.1")
    assert not await throttle.take(world_db, await throttle.tries(world_db, "web", name, "203.0.113.1"))
    assert await throttle.may_try(world_db, "web", "owner2@shop.test", "203.0.113.1")
    await throttle.note_success(world_db, "web", name, "203.0.113.2")
    assert await throttle.may_try(world_db, "web", "owner@shop.test", "203.0.113.2")


async def test_strangers_cannot_lock_the_owner_out(world_db: Database) -> None:
    await throttle.note_success(world_db, "smtp", "owner", "192.0.2.1")
    for n in range(100):
        await throttle.note_failure(world_db, "smtp", "owner", f"198.51.100.{n}")
    assert not await throttle.may_try(world_db, "smtp", "Owner", "203.0.113.1")
    assert await throttle.may_try(world_db, "smtp", "owner", "192.0.2.1")
    async with world_db.connection() as conn:
        await shift(conn, timedelta(hours=1, seconds=1))
    assert await throttle.may_try(world_db, "smtp", "owner", "203.0.113.1")
    await throttle.forget_old(world_db)
    async with world_db.connection() as conn:
        assert await conn.fetchval("select count(*) from attempts where key like '%name%'") == 0
