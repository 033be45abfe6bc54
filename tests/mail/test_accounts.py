"""What do suspension and deletion mean for an account's mail? Commands and the clock's slices, on a database of their own."""

import time
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest

from kit import clock
from kit.crypto import Keyring
from kit.db import Database
from kit.errors import LiveryError
from kit.ids import new_id
from mail import feed, returns, search, stats, tracking, visits
from mail.accounts import activity, deletion, suspension
from mail.dispatch import claim as queue
from mail.intake import Intake
from mail.visits import Note
from mail.wire import returnpath
from tenants import credits, sessions, sub_accounts, views
from tenants.authentication import authenticate_key, authenticate_smtp
from tenants.permissions import ROLES, Role
from tenants.scope import Scope
from tenants.states import AccountState
from tests.mail.conftest import submission
from tests.support import laws
from tests.support.world import PASSWORD, SECRET_KEY, Tenant, World

RING = Keyring(SECRET_KEY)


def scope(tenant: Tenant) -> Scope:
    return Scope(tenant.id, may=ROLES[Role.OWNER])


async def states(db: Database, account: UUID) -> dict[str, tuple[str, str | None]]:
    async with db.connection() as conn:
        rows = await conn.fetch("select address, state, cause from recipient where account_id = $1", account)
    return {row["address"]: (row["state"], row["cause"]) for row in rows}


async def counted(db: Database) -> None:
    while await stats.fold(db):
        pass


@pytest.fixture
async def mail(world_db: Database, world: World, intake: Intake) -> AsyncIterator[dict[str, UUID]]:
    """Two messages of shop and one of rival, waiting; recipient ids by address. The laws hold afterwards."""
    ids: dict[str, UUID] = {}
    for tenant, to in (
        (world.shop, ("a@x.test", "b@x.test")),
        (world.shop, ("c@x.test",)),
        (world.rival, ("d@x.test",)),
    ):
        accepted = await intake.accept(scope(tenant), submission(*to, sender=tenant.email, subject="canary-7f3a"))
        ids |= dict(zip(to, accepted.recipient_ids, strict=True))
    await counted(world_db)
    yield ids
    await counted(world_db)
    async with world_db.connection() as conn:
        await laws.check(conn, seconds=1)


async def hold(db: Database, *accounts: UUID) -> None:
    """What the desk does with due mail of a suspended account."""
    async with db.connection() as conn:
        await conn.execute(
            """with held as (
                 update recipient set state = 'held', cause = 'suspended', next_attempt_at = null
                  where account_id = any ($1::uuid[]) and state = 'queued' returning *)
               insert into event (epoch, at, account_id, message_id, recipient_id, kind, from_state, cause)
               select 1, livery_now(), account_id, message_id, id, 'held', 'sending', 'suspended' from held""",
            list(accounts),
        )


async def test_a_reason_is_asked_for_and_shown_to_the_suspended(world_db: Database, world: World) -> None:
    for reason in ("", "  ", "x" * 501, "\u200b", "un\u202epaid"):
        with pytest.raises(LiveryError) as refused:
            async with world_db.unit_of_work() as unit:
                await suspension.suspend(unit, scope(world.acme), world.shop.id, reason)
        assert (refused.value.code, refused.value.field) == ("INVALID", ("reason",))
    async with world_db.connection() as conn:
        assert (await views.view_account(conn, scope(world.shop))).state is AccountState.ACTIVE
    for reason in ("unpaid bill", "unpaid  bills"):
        async with world_db.unit_of_work() as unit:
            await suspension.suspend(unit, scope(world.acme), world.shop.id, reason)
    async with world_db.connection() as conn:
        found = await views.view_account(conn, scope(world.shop))
        notes = [row["action"] for row in await conn.fetch("select action from audit_entry order by id")]
    assert (found.state, found.suspended_reason) == (AccountState.SUSPENDED, "unpaid bills")
    assert notes == ["account.suspend", "account.suspend"]


async def test_nobody_suspends_resumes_or_deletes_the_own_account_or_a_foreign_one(
    world_db: Database, world: World
) -> None:
    for actor, target, code in (
        (world.acme, world.acme, "OWN_ACCOUNT"),
        (world.platform, world.platform, "OWN_ACCOUNT"),
        (world.shop, world.acme, "MISSING"),
        (world.acme, world.rival, "MISSING"),
    ):
        for act in (
            lambda unit, a=actor, t=target: suspension.suspend(unit, scope(a), t.id, "no"),
            lambda unit, a=actor, t=target: suspension.resume(unit, scope(a), t.id),
            lambda unit, a=actor, t=target: deletion.delete(unit, scope(a), t.id, typed="Rival.Test"),
        ):
            with pytest.raises(LiveryError) as refused:
                async with world_db.unit_of_work() as unit:
                    await act(unit)
            assert refused.value.code == code
    for role in (Role.SENDER, Role.ANALYST, Role.BILLING):
        with pytest.raises(LiveryError) as refused:
            async with world_db.unit_of_work() as unit:
                await suspension.suspend(unit, Scope(world.acme.id, may=ROLES[role]), world.shop.id, "no")
        assert refused.value.code == "FORBIDDEN"
    with pytest.raises(LiveryError) as refused:
        async with world_db.unit_of_work() as unit:
            await suspension.resume(unit, scope(world.acme), world.shop.id)
    assert refused.value.code == "NOT_SUSPENDED"


async def test_held_mail_is_released_by_the_resume_and_only_where_nothing_above_is_suspended(
    world_db: Database, world: World, mail: dict[str, UUID]
) -> None:
    async with world_db.unit_of_work() as unit:
        await suspension.suspend(unit, scope(world.platform), world.acme.id, "unpaid")
        await suspension.suspend(unit, scope(world.acme), world.shop.id, "unpaid too")
    await hold(world_db, world.shop.id)
    assert (await suspension.release(world_db)).recipients == ()
    async with world_db.unit_of_work() as unit:
        await suspension.resume(unit, scope(world.acme), world.shop.id)
    async with world_db.connection() as conn:
        assert (await views.view_account(conn, scope(world.shop))).state is AccountState.SUSPENDED_ABOVE
    assert (await suspension.release(world_db)).recipients == ()
    assert set((await states(world_db, world.shop.id)).values()) == {("held", "suspended")}
    async with world_db.unit_of_work() as unit:
        await suspension.resume(unit, scope(world.platform), world.acme.id)
    released = await suspension.release(world_db)
    assert set(released.recipients) == {mail["a@x.test"], mail["b@x.test"], mail["c@x.test"]}
    assert released.accounts == {world.shop.id}
    assert set((await states(world_db, world.shop.id)).values()) == {("queued", None)}
    assert (await suspension.release(world_db)).recipients == (), "once"


async def test_mail_held_for_another_reason_stays_held(world_db: Database, world: World, mail: dict[str, UUID]) -> None:
    async with world_db.unit_of_work() as unit:
        await suspension.suspend(unit, scope(world.acme), world.shop.id, "unpaid")
    await hold(world_db, world.shop.id)
    async with world_db.connection() as conn:
        await conn.execute("update recipient set cause = 'poison' where id = $1", mail["b@x.test"])
    async with world_db.unit_of_work() as unit:
        await suspension.resume(unit, scope(world.acme), world.shop.id)
    await suspension.release(world_db)
    assert await states(world_db, world.shop.id) == {
        "a@x.test": ("queued", None),
        "b@x.test": ("held", "poison"),
        "c@x.test": ("queued", None),
    }


async def test_a_suspended_accounts_people_may_read_and_nothing_else(world_db: Database, world: World) -> None:
    async def signed_in() -> Scope | None:
        person = await sessions.check_password(world_db, email=world.shop.email, password=PASSWORD)
        assert person is not None
        async with world_db.transaction() as conn:
            signed = await sessions.open_session(conn, person, host="shop.localhost", ip="192.0.2.1")
            return await sessions.session_scope(conn, signed.token, host="shop.localhost")

    before = await signed_in()
    assert before is not None
    assert before.may == ROLES[Role.OWNER]
    async with world_db.unit_of_work() as unit:
        await suspension.suspend(unit, scope(world.platform), world.acme.id, "unpaid")
    after = await signed_in()
    assert after is not None
    assert {permission.value for permission in after.may} == {"read", "audit"}


def test_only_deletion_takes_away_reading_and_nothing_the_opting_out() -> None:
    from tenants.states import BLOCKED, Use, blocked

    assert {state.value: {use.value for use in uses} for state, uses in BLOCKED.items()} == {
        "active": set(),
        "suspended": {"change", "smtp_login", "api", "submission", "delivery"},
        "suspended_above": {"change", "smtp_login", "api", "submission", "delivery"},
        "deleted": {"sign_in", "change", "smtp_login", "api", "submission", "delivery", "notice", "tracking"},
    }
    assert blocked(Use.OPT_OUT, "a.lineage") == "false"
    assert blocked(Use.TRACKING, "a.lineage") == "account_state(a.lineage) in ('deleted')"


@pytest.mark.parametrize("how", ["suspended", "suspended_above", "deleted"])
async def test_every_door_asks_the_table(
    world_db: Database, world: World, intake: Intake, mail: dict[str, UUID], how: str
) -> None:
    """Submission by whoever was let in before, login to send, keys and delivery: open before, closed after."""
    shop = world.shop

    codes: set[str] = set()

    async def open_doors() -> set[str]:
        found = set()
        for door, attempt in (
            ("submission", intake.accept(scope(shop), submission("late@x.test", sender="who@nobody.example"))),
            (
                "smtp_login",
                authenticate_smtp(world_db, RING, username=shop.smtp_user, password=shop.smtp_password, ip="::1"),
            ),
            ("api", authenticate_key(world_db, RING, shop.api_key, ip="::1")),
            ("sign_in", sessions.check_password(world_db, email=shop.email, password=PASSWORD)),
        ):
            try:
                if await attempt is not None:
                    found.add(door)
            except LiveryError as refusal:
                codes.add(refusal.code)
        async with world_db.connection() as conn:
            if not (await queue.standings(conn, [shop.id]))[shop.id].barred:
                found.add("delivery")
        return found

    assert await open_doors() == {"submission", "smtp_login", "api", "sign_in", "delivery"}
    async with world_db.unit_of_work() as unit:
        if how == "deleted":
            await deletion.delete(unit, scope(world.acme), shop.id, typed="Shop.Test")
        else:
            above = how == "suspended_above"
            actor, target = (world.platform, world.acme) if above else (world.acme, shop)
            await suspension.suspend(unit, scope(actor), target.id, "unpaid")
    assert await open_doors() == (set() if how == "deleted" else {"sign_in"})
    assert codes == {"SUSPENDED"}


async def test_deletion_asks_for_the_name_and_for_no_sub_accounts(world_db: Database, world: World) -> None:
    platform = scope(world.platform)
    async with world_db.connection() as conn:
        name = (await views.view_account(conn, platform, world.acme.id)).name
    for typed, code, field in (
        ("acme.test", "INVALID", ("name",)),
        ("", "INVALID", ("name",)),
        (name, "HAS_SUB_ACCOUNTS", ("id",)),
    ):
        with pytest.raises(LiveryError) as refused:
            async with world_db.unit_of_work() as unit:
                await deletion.delete(unit, platform, world.acme.id, typed=typed)
        assert (refused.value.code, refused.value.field) == (code, field)
    async with world_db.connection() as conn:
        assert await conn.fetchval("select count(*) from account where deleted_at is not null") == 0
    assert (await deletion.purge(world_db)).busy is False


async def test_a_deleted_account_is_gone_at_once_and_its_credits_return(
    world_db: Database, world: World, mail: dict[str, UUID]
) -> None:
    acme = scope(world.acme)
    async with world_db.unit_of_work() as unit:
        await credits.hand_down(unit, acme, to=world.shop.id, amount=700)
        before = await unit.conn.fetchval("select remaining from balance where account_id = $1", world.acme.id)
        await deletion.delete(unit, acme, world.shop.id, typed="Shop.Test")
    async with world_db.connection() as conn:
        after = await conn.fetchval("select remaining from balance where account_id = $1", world.acme.id)
        assert after == before + 700, "what acme gave returns; what the operator made is gone"
        assert await conn.fetchval("select remaining from balance where account_id = $1", world.shop.id) == 0
        for viewer in (world.shop, world.acme, world.platform):
            seen = scope(viewer)
            with pytest.raises(LiveryError):
                await views.view_account(conn, seen, world.shop.id)
            assert await search.messages(conn, seen, first=10, after=None) in ([], await _others(conn, seen, world))
            assert await search.recipient(conn, seen, mail["a@x.test"]) is None
            assert await feed.timeline(conn, seen, [mail["a@x.test"]]) == {}
        row = await conn.fetchrow("select * from account where id = $1", world.shop.id)
        assert (row["name"], row["slug"]) == ("Deleted account", f"deleted:{world.shop.id}")
        for table in ("member", "credential", "account_host", "domain", "invitation"):
            assert await conn.fetchval(f"select count(*) from {table} where account_id = $1", world.shop.id) == 0, table
        note = await conn.fetchrow("select * from audit_entry where action = 'account.delete'")
        assert (note["account_id"], note["target"]) == (world.acme.id, str(world.shop.id))
    user, password = world.shop.smtp_user, world.shop.smtp_password
    assert await authenticate_smtp(world_db, RING, username=user, password=password, ip="127.0.0.1") is None
    assert await authenticate_key(world_db, RING, world.shop.api_key, ip="127.0.0.1") is None
    assert await sessions.check_password(world_db, email=world.shop.email, password=PASSWORD) is None
    async with world_db.unit_of_work() as unit:
        again = await sub_accounts.create(unit, acme, {"name": "Shop", "slug": "shop.test"})
    assert again != world.shop.id, "the short name is free again"


async def test_no_short_name_stands_in_the_way_of_a_deletion(world_db: Database, world: World) -> None:
    acme, shop = scope(world.acme), world.shop.id
    with pytest.raises(LiveryError) as refused:
        async with world_db.unit_of_work() as unit:
            await sub_accounts.create(unit, acme, {"name": "Squatter", "slug": f"deleted:{shop}"})
    assert (refused.value.code, refused.value.field) == ("INVALID", ("slug",)), "what it is called then is no name"
    async with world_db.unit_of_work() as unit:
        squatter = await sub_accounts.create(unit, acme, {"name": "Squatter", "slug": f"deleted-{shop.hex}"})
    async with world_db.unit_of_work() as unit:
        await deletion.delete(unit, acme, shop, typed="Shop.Test")
    async with world_db.connection() as conn:
        rows = await conn.fetch("select id, slug from account where id = any ($1::uuid[])", [shop, squatter])
    assert {row["id"]: row["slug"] for row in rows} == {
        shop: f"deleted:{shop}",
        squatter: f"deleted-{shop.hex}",
    }


async def _others(conn: object, seen: Scope, world: World) -> list[search.MessageView]:
    found = await search.messages(conn, seen, first=10, after=None)  # type: ignore[arg-type]
    return [message for message in found if message.account_id != world.shop.id]


async def test_the_purge_leaves_sums_and_the_ledger_of_credits_and_nothing_else(
    world_db: Database, world: World, mail: dict[str, UUID]
) -> None:
    path = returnpath.encode(RING, mail["a@x.test"])
    async with world_db.transaction() as conn:
        assert await returns.receive(conn, mail["a@x.test"], b"Subject: bounce\r\n\r\n") is not None
        await conn.execute("update recipient set state = 'sending' where id = $1", mail["c@x.test"])
        opened = Note(new_id(), world.shop.id, mail["a@x.test"], time.time(), None, "canary-7f3a", "192.0.2.1")
        assert await visits.record(conn, [opened]) == {world.shop.id}
        await tracking.keep(conn, [(world.shop.id, "https://shop.test/canary-7f3a")])
        await tracking.kill(conn, scope(world.shop), account_id=None, target=None, reason="canary-7f3a")
    async with world_db.unit_of_work() as unit:
        await deletion.delete(unit, scope(world.acme), world.shop.id, typed="Shop.Test", give_back=False)
    while (await deletion.purge(world_db)).busy:
        pass
    await counted(world_db)
    assert await states(world_db, world.shop.id) == {
        "a@x.test": ("cancelled", "account_deleted"),
        "b@x.test": ("cancelled", "account_deleted"),
        "c@x.test": ("sending", None),
    }, "what a worker has under way is waited for"
    async with world_db.connection() as conn:
        await conn.execute("update recipient set state = 'queued' where id = $1", mail["c@x.test"])
    finished: tuple[UUID, ...] = ()
    for _ in range(20):
        finished += (await deletion.purge(world_db)).finished
        await counted(world_db)
    assert finished == (world.shop.id,)
    async with world_db.connection() as conn:
        for table in ("message", "recipient", "event", "attempt", "visit", "long_target", "killed_link"):
            assert await conn.fetchval(f"select count(*) from {table} where account_id = $1", world.shop.id) == 0, table
        assert await conn.fetchval("select count(*) from returned_mail") == 0
        assert await conn.fetchval("select count(*) from body") == 1, "rival's"
        assert await conn.fetchval("select sum(total) from tally where account_id = $1", world.shop.id) == 3
        assert await conn.fetchval("select sum(queued) from standing where account_id = $1", world.shop.id) == 0
        assert await conn.fetchval("select count(*) from credit_entry where account_id = $1", world.shop.id) > 0
        assert returns.live(RING, path) == mail["a@x.test"], "a complaint that comes late is still ours to take"
        assert await returns.receive(conn, mail["a@x.test"], b"Subject: complaint\r\n\r\n") is None
        left = [dict(await conn.fetchrow("select * from account where id = $1", world.shop.id))]
        for table in ("audit_entry", "credit_entry", "credit_grant", "tally", "standing", "balance"):
            left += [
                dict(row) for row in await conn.fetch(f"select * from {table} where account_id = $1", world.shop.id)
            ]
        everything = str(left)
        assert "canary-7f3a" not in everything
        assert "x.test" not in everything
    assert set(await states(world_db, world.rival.id)) == {"d@x.test"}


async def test_activity_sums_what_is_below_and_keeps_what_deleted_accounts_sent(
    world_db: Database, world: World, mail: dict[str, UUID]
) -> None:
    platform = scope(world.platform)

    async def of(viewer: Scope, *tenants: Tenant) -> dict[UUID, activity.Activity]:
        async with world_db.connection() as conn:
            return await activity.activity(conn, viewer, [tenant.id for tenant in tenants])

    found = await of(platform, world.acme, world.shop, world.rival)
    assert [(found[t.id].sent, found[t.id].queued) for t in (world.acme, world.shop, world.rival)] == [
        (3, 3),
        (3, 3),
        (1, 1),
    ]
    assert found[world.acme.id].last_mail_at == found[world.shop.id].last_mail_at is not None
    assert (await of(scope(world.acme), world.rival, world.shop)).keys() == {world.shop.id}
    async with world_db.unit_of_work() as unit:
        await deletion.delete(unit, scope(world.acme), world.shop.id, typed="Shop.Test")
    found = await of(platform, world.acme, world.shop)
    assert found.keys() == {world.acme.id}
    assert (found[world.acme.id].sent, found[world.acme.id].queued, found[world.acme.id].last_mail_at) == (3, 0, None)
    async with world_db.connection() as conn:
        await clock.shift(conn, timedelta(days=31))
    assert (await of(platform, world.acme))[world.acme.id].sent == 0
