"""Where do an account's links stand, what do they carry, and who may switch them off?"""

from datetime import date, timedelta
from uuid import UUID

import pytest

from kit import clock
from kit.crypto import Keyring
from kit.db import Database
from kit.errors import LiveryError
from mail import tracking
from mail.tracking import LONGEST, Tracker
from mail.wire import tracked
from mail.wire.tracked import Click, Open, Whose
from tenants.permissions import Permission
from tenants.scope import Scope
from tests.support.world import Tenant, World

PUBLIC = "https://platform.provider.test:8443"
KEYS = Keyring(b"k" * 32)
WHOSE = Whose(UUID(int=1), UUID(int=2), date(2026, 11, 23))
BASE = "https://click.shop.test"


async def tracking_domain(db: Database, tenant: Tenant, host: str, *, verified: bool = True) -> None:
    async with db.connection() as conn:
        await conn.execute(
            """insert into domain_host (host, domain_id, kind, verified_at)
               select $2, id, 'tracking', case when $3 then livery_now() end from domain where account_id = $1""",
            tenant.id,
            host,
            verified,
        )


def chief(tenant: Tenant) -> Scope:
    return Scope(tenant.id, may=frozenset(Permission))


async def test_links_stand_under_the_nearest_tracking_domain(world_db: Database, world: World) -> None:
    async def bases() -> dict[UUID, str]:
        async with world_db.connection() as conn:
            accounts = [world.shop.id, world.cafe.id, world.rival.id]
            return await tracking.bases(conn, accounts, public_url=PUBLIC)

    # Nobody has one: the host where their people sign in.
    assert await bases() == {
        world.shop.id: "https://shop.localhost:8443",
        world.cafe.id: "https://cafe.localhost:8443",
        world.rival.id: "https://rival.localhost:8443",
    }
    await tracking_domain(world_db, world.acme, "click.acme.test")
    await tracking_domain(world_db, world.shop, "click.shop.test")
    await tracking_domain(world_db, world.rival, "click.rival.test", verified=False)
    assert await bases() == {
        world.shop.id: "https://click.shop.test:8443",
        world.cafe.id: "https://click.acme.test:8443",
        world.rival.id: "https://rival.localhost:8443",
    }


async def test_without_any_host_they_stand_under_the_platform_s(world_db: Database, world: World) -> None:
    async with world_db.connection() as conn:
        await conn.execute("delete from account_host")
        assert await tracking.bases(conn, [world.shop.id], public_url="http://localhost:8000/") == {
            world.shop.id: "http://localhost:8000"
        }


def test_a_link_carries_its_target_up_to_four_hundred_characters() -> None:
    tracker = Tracker(KEYS, BASE, WHOSE)
    for size in range(1, 400):
        target = "https://shop.test/" + "x" * size
        link = tracker.link(target)
        assert link is not None
        assert len(link) <= LONGEST
        found = tracked.read(KEYS, link.removeprefix(f"{BASE}/t/"))
        named = tracked.long_id(WHOSE.account_id, target) if tracker.is_long(target) else target
        assert found == Click(WHOSE, named, tracked.mark(KEYS, "click.shop.test"))
    assert not tracker.is_long("https://shop.test/" + "x" * 150)
    assert tracker.is_long("https://shop.test/" + "x" * 399)


def test_a_pixel_is_a_picture() -> None:
    pixel = Tracker(KEYS, BASE, WHOSE).pixel()
    assert tracked.read(KEYS, pixel.removeprefix(f"{BASE}/t/").removesuffix(".gif")) == Open(WHOSE)


@pytest.mark.parametrize(
    "target",
    [
        "javascript:alert(1)",
        "mailto:a@b.test",
        "//evil.test",
        "https://a@b.test/",
        f"{BASE}/u/x",
        f"{BASE}/t/x",
        "#top",
    ],
)
def test_what_is_no_page_or_ours_already_stays_as_it_is(target: str) -> None:
    tracker = Tracker(KEYS, BASE, WHOSE)
    assert tracker.link(target) is None
    assert tracker.link("https://shop.test/") is not None


async def test_long_targets_are_kept_once(world_db: Database, world: World) -> None:
    target = "https://shop.test/" + "x" * 1_000
    async with world_db.connection() as conn:
        await tracking.keep(conn, [(world.shop.id, target), (world.shop.id, target), (world.cafe.id, target)])
        await tracking.keep(conn, [(world.shop.id, target)])
        await tracking.keep(conn, [])
        rows = await conn.fetch("select id, account_id, target from long_target")
    assert {row["id"] for row in rows} == {
        tracked.long_id(world.shop.id, target),
        tracked.long_id(world.cafe.id, target),
    }
    assert {row["target"] for row in rows} == {target}


async def test_a_link_is_killed_and_revived_by_those_above_it(world_db: Database, world: World) -> None:
    async with world_db.transaction() as conn:
        own = await tracking.kill(
            conn, chief(world.shop), account_id=None, target="https://shop.test/a", reason=" Wrong price. "
        )
        assert (own.account_id, own.target, own.reason) == (world.shop.id, "https://shop.test/a", "Wrong price.")
        again = await tracking.kill(
            conn, chief(world.acme), account_id=world.shop.id, target="https://shop.test/a", reason="Other words."
        )
        assert again == own
        every = await tracking.kill(conn, chief(world.acme), account_id=world.shop.id, target=None, reason="Phishing.")
        assert await tracking.dead_links(conn, chief(world.shop)) == [every, own]
        rows = await conn.fetch("select account_id, target from dead_links()")
        assert {tuple(row) for row in rows} == {(world.shop.id, "https://shop.test/a"), (world.shop.id, None)}
        assert await tracking.revive(conn, chief(world.shop), own.id) == own
        assert await tracking.dead_links(conn, chief(world.acme), account_id=world.shop.id) == [every]
        noted = await conn.fetch("select action, target from audit_entry order by id")
    assert [(row["action"], row["target"]) for row in noted] == [
        ("link.kill", str(own.id)),
        ("link.kill", str(every.id)),
        ("link.revive", str(own.id)),
    ]


async def test_nobody_else_kills_or_revives_one(world_db: Database, world: World) -> None:
    async with world_db.transaction() as conn:
        own = await tracking.kill(conn, chief(world.shop), account_id=None, target=None, reason="x")
        for scope, wanted in (
            (chief(world.rival), "MISSING"),
            (chief(world.cafe), "MISSING"),
            (Scope(world.shop.id, may=frozenset({Permission.READ})), "FORBIDDEN"),
        ):
            with pytest.raises(LiveryError) as refused:
                await tracking.revive(conn, scope, own.id)
            assert refused.value.code == wanted
            with pytest.raises(LiveryError) as refused:
                await tracking.kill(conn, scope, account_id=world.shop.id, target="https://shop.test/", reason="x")
            assert refused.value.code == wanted
        for target, reason in (
            ("javascript:x", "x"),
            ("https://shop.test/", " "),
            ("https://shop.test/", "x" * 501),
            ("https://shop.test/", "\u200b"),
        ):
            with pytest.raises(LiveryError) as refused:
                await tracking.kill(conn, chief(world.shop), account_id=None, target=target, reason=reason)
            assert refused.value.code == "INVALID"
        assert await tracking.dead_links(conn, chief(world.shop)) == [own]
        assert await conn.fetchval("select count(*) from audit_entry") == 1


async def test_dead_links_are_a_few_and_all_of_them_can_always_be_dead(world_db: Database, world: World) -> None:
    async with world_db.transaction() as conn:
        for n in range(tracking.MOST_DEAD):
            target = f"https://shop.test/{n}"
            await tracking.kill(conn, chief(world.shop), account_id=None, target=target, reason="x")
        more = "https://shop.test/more"
        with pytest.raises(LiveryError) as refused:
            await tracking.kill(conn, chief(world.shop), account_id=None, target=more, reason="x")
        assert refused.value.code == "TOO_MANY"
        # Whoever is above is not kept from it by what the account has filled.
        await tracking.kill(conn, chief(world.acme), account_id=world.shop.id, target=None, reason="Phishing.")
        dead = await tracking.dead_links(conn, chief(world.shop))
        assert len(dead) == tracking.MOST_DEAD + 1
        await tracking.revive(conn, chief(world.shop), dead[-1].id)
        await tracking.kill(conn, chief(world.shop), account_id=None, target=more, reason="x")


async def test_all_links_of_a_deleted_account_are_dead(world_db: Database, world: World) -> None:
    async with world_db.transaction() as conn:
        assert await conn.fetch("select * from dead_links()") == []
        await conn.execute("update account set deleted_at = livery_now() where id = $1", world.shop.id)
        assert [tuple(row) for row in await conn.fetch("select * from dead_links()")] == [(world.shop.id, None)]


async def test_long_targets_are_forgotten_when_no_link_leads_there_any_more(world_db: Database, world: World) -> None:
    old, again = "https://shop.test/" + "o" * 1_000, "https://shop.test/" + "a" * 1_000
    async with world_db.connection() as conn:
        await tracking.keep(conn, [(world.shop.id, old), (world.shop.id, again)])
        await clock.shift(conn, timedelta(days=10))
        await tracking.keep(conn, [(world.shop.id, again)])
        await clock.shift(conn, timedelta(days=395))
    await tracking.forget_old(world_db)
    async with world_db.connection() as conn:
        assert [row["target"] for row in await conn.fetch("select target from long_target")] == [again]
        await tracking.kill(conn, chief(world.shop), account_id=None, target=None, reason="x")
        assert await tracking.erase(conn, world.shop.id)
        assert not await tracking.erase(conn, world.shop.id)
        left = "select (select count(*) from long_target) + (select count(*) from killed_link)"
        assert await conn.fetchval(left) == 0
