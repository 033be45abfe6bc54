"""Is nothing sent to whom a list names, and does it cost nothing? On the way in, and by what comes back."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from kit import clock
from kit.db import Database
from kit.ids import new_id
from mail import holds, ledger, stats
from mail.intake import Accepted, Intake
from mail.ledger import Fact
from mail.lifecycle import EventKind
from mail.suppressions import Listed, Reason, forget_ended, key, lift, suppress, suppressed
from tenants.permissions import Permission
from tenants.scope import Scope
from tests.mail.conftest import submission
from tests.support import credits, laws
from tests.support.world import CREDITS, Tenant, World


@pytest.fixture(autouse=True)
async def _laws(world_db: Database) -> AsyncIterator[None]:
    yield
    while await stats.fold(world_db):
        pass
    async with world_db.connection() as conn:
        await laws.check(conn)


@pytest.mark.parametrize(
    ("written", "compared"),
    [
        ("Ann@SHOP.test", "Ann@shop.test"),
        ("ann@bücher.example", "ann@xn--bcher-kva.example"),
        ("ann@xn--bcher-kva.example", "ann@xn--bcher-kva.example"),
        ('"ann"@x.test', "ann@x.test"),
        ('"a\\nn"@x.test', "ann@x.test"),
        ('"ann b"@x.test', '"ann b"@x.test'),
        ('"ann..b"@x.test', '"ann..b"@x.test'),
        ('"an\\"n"@x.test', '"an\\"n"@x.test'),
        ("zoe\u0308@x.test", "zo\u00eb@x.test"),
        ("ann@[IPv6:2001:DB8::1]", "ann@[ipv6:2001:db8::1]"),
    ],
)
def test_the_same_address_is_one(written: str, compared: str) -> None:
    assert key(written) == compared
    assert key(compared) == compared


@pytest.mark.parametrize("other", ["Ann@x.test", "ann+tag@x.test", "a.nn@x.test", "ann@mail.x.test", "ann@x.test.test"])
def test_another_address_is_another_one(other: str) -> None:
    assert key(other) != key("ann@x.test")


async def listed(db: Database, tenant: Tenant | None, address: str, reason: Reason = Reason.MANUAL) -> None:
    async with db.connection() as conn:
        assert await suppress(conn, tenant.id if tenant else None, address, reason, "test")


async def rows(db: Database, accepted: Accepted) -> dict[str, tuple[str, str | None, str | None, bool]]:
    async with db.connection() as conn:
        found = await conn.fetch("select * from recipient where message_id = $1 order by id", accepted.message_id)
    return {row["address"]: (row["state"], row["cause"], row["reply"], row["free"]) for row in found}


async def events(db: Database) -> list[tuple[str, str | None, str | None]]:
    async with db.connection() as conn:
        found = await conn.fetch("select * from event order by epoch, xid, id")
    return [(row["kind"], row["from_state"], row["cause"]) for row in found]


async def left(db: Database, tenant: Tenant) -> int:
    async with db.connection() as conn:
        return await credits.left(conn, tenant.id)


QUEUED = ("queued", None, None, False)


async def test_of_three_with_one_listed_two_wait_and_two_are_charged(
    world_db: Database, world: World, intake: Intake
) -> None:
    await listed(world_db, world.shop, "b@y.test", Reason.UNSUBSCRIBE)
    accepted = await intake.accept(Scope(world.shop.id), submission("a@x.test", "b@Y.test", "c@x.test"))
    assert await rows(world_db, accepted) == {
        "a@x.test": QUEUED,
        "b@Y.test": ("suppressed", "listed_unsubscribe", "Not sent: the recipient has unsubscribed.", True),
        "c@x.test": QUEUED,
    }
    assert accepted.suppressed == ("b@Y.test",)
    assert await left(world_db, world.shop) == CREDITS - 2
    assert await events(world_db) == [
        *[("accepted", None, None)] * 3,
        ("suppressed", "queued", "listed_unsubscribe"),
    ]


async def test_a_message_to_nobody_but_listed_is_accepted_and_costs_nothing(
    world_db: Database, world: World, intake: Intake
) -> None:
    await listed(world_db, world.shop, "a@x.test")
    async with world_db.transaction() as conn:
        await credits.leave(conn, world.shop.id, 0)
    accepted = await intake.accept(Scope(world.shop.id), submission("a@x.test"))
    assert [row[0] for row in (await rows(world_db, accepted)).values()] == ["suppressed"]
    assert await left(world_db, world.shop) == 0


async def test_a_list_holds_for_its_account_alone_and_the_platforms_for_everybody(
    world_db: Database, world: World, intake: Intake
) -> None:
    await listed(world_db, world.acme, "a@x.test")
    await listed(world_db, world.rival, "a@x.test")
    await listed(world_db, None, "b@x.test", Reason.COMPLAINT)
    accepted = await intake.accept(Scope(world.shop.id), submission("a@x.test", "b@x.test"))
    assert await rows(world_db, accepted) == {
        "a@x.test": QUEUED,
        # Why it is on the platform's list is nobody's business below.
        "b@x.test": ("suppressed", "listed_platform", "Not sent: nothing is sent to this address from here.", True),
    }


async def test_listed_ones_of_held_mail_are_suppressed_at_once_and_the_rest_is_charged_when_released(
    world_db: Database, world: World, intake: Intake
) -> None:
    await listed(world_db, world.shop, "b@x.test")
    async with world_db.transaction() as conn:
        await conn.execute("update account set when_spent = 'hold' where id = $1", world.shop.id)
        await credits.exactly(conn, world.shop.id, 1)
    scope = Scope(world.shop.id, may=frozenset(Permission))
    accepted = await intake.accept(scope, submission("a@x.test", "b@x.test", "c@x.test"))
    assert [row[0] for row in (await rows(world_db, accepted)).values()] == ["held", "suppressed", "held"]
    async with world_db.transaction() as conn:
        await credits.exactly(conn, world.shop.id, 2)
        await holds.release(conn, scope, [accepted.message_id])
    assert [row[0] for row in (await rows(world_db, accepted)).values()] == ["queued", "suppressed", "queued"]
    assert await left(world_db, world.shop) == 0


async def test_what_was_never_charged_is_never_paid_back(world_db: Database, world: World, intake: Intake) -> None:
    await listed(world_db, world.shop, "b@x.test")
    accepted = await intake.accept(Scope(world.shop.id), submission("a@x.test", "b@x.test", "c@x.test"))
    fact = Fact(EventKind.CANCELLED, accepted.recipient_ids[0], accepted.message_id, world.shop.id)
    async with world_db.transaction() as conn:
        await ledger.record(conn, [fact])
    assert await left(world_db, world.shop) == CREDITS - 1
    async with world_db.transaction() as conn:
        await ledger.record(conn, [replace(fact, recipient_id=accepted.recipient_ids[2])])
    assert await left(world_db, world.shop) == CREDITS


async def test_one_address_in_two_spellings_is_suppressed_in_both_and_neither_is_charged(
    world_db: Database, world: World, intake: Intake
) -> None:
    await listed(world_db, world.shop, "ann@bücher.example")
    accepted = await intake.accept(
        Scope(world.shop.id), submission("ann@xn--bcher-kva.example", '"ann"@XN--BCHER-KVA.example', "Ann@x.test")
    )
    assert [row[0] for row in (await rows(world_db, accepted)).values()] == ["suppressed", "suppressed", "queued"]
    assert await left(world_db, world.shop) == CREDITS - 1


async def test_the_platforms_own_notices_ask_no_list(world_db: Database, world: World, intake: Intake) -> None:
    await listed(world_db, world.shop, "a@x.test")
    await listed(world_db, None, "a@x.test")
    accepted = await intake.accept(Scope(world.shop.id), submission("a@x.test", notice=True))
    assert await rows(world_db, accepted) == {"a@x.test": QUEUED}


# What comes back


async def fact_about(db: Database, tenant: Tenant, intake: Intake, address: str, **more: Any) -> Fact:
    """A fact template about a message to `address` that a worker has claimed."""
    accepted = await intake.accept(Scope(tenant.id), submission(address, sender=tenant.email, **more))
    async with db.connection() as conn:
        fence = await conn.fetchval(
            """update recipient set state = 'sending', fence = fence + 1, attempts = attempts + 1,
                      next_attempt_at = livery_now() + interval '90 seconds' where id = $1 returning fence""",
            accepted.recipient_ids[0],
        )
    return Fact(EventKind.DELIVERED, accepted.recipient_ids[0], accepted.message_id, tenant.id, fence=fence)


async def record(db: Database, *facts: Fact) -> None:
    async with db.transaction() as conn:
        await ledger.record(conn, facts)


async def everybody(db: Database) -> list[tuple[UUID | None, str, str, str, UUID | None]]:
    async with db.connection() as conn:
        found = await conn.fetch("select * from suppression order by address, reason, account_id")
    return [(r["account_id"], r["address"], r["reason"], r["source"], r["recipient_id"]) for r in found]


BOUNCED = (EventKind.BOUNCED, Reason.BOUNCE)
MARKS = [(EventKind.COMPLAINED, Reason.COMPLAINT), (EventKind.UNSUBSCRIBED, Reason.UNSUBSCRIBE)]


@pytest.mark.parametrize(("kind", "reason"), [BOUNCED, *MARKS])
async def test_what_comes_back_puts_the_address_on_the_accounts_list_once(
    world_db: Database, world: World, intake: Intake, kind: EventKind, reason: Reason
) -> None:
    first = await fact_about(world_db, world.shop, intake, "Ann@X.test")
    second = await fact_about(world_db, world.shop, intake, "Ann@x.test")
    for fact in (first, second, first):
        await record(world_db, replace(fact, fence=None, kind=kind, suppress=True))
    assert await everybody(world_db) == [(world.shop.id, "Ann@x.test", reason.value, "event", first.recipient_id)]
    kinds = [kind for kind, _, _ in await events(world_db)]
    # A bounce moves its recipient, once; what a person says twice are two facts.
    assert kinds.count(kind.value) == (2 if kind is EventKind.BOUNCED else 3)
    accepted = await intake.accept(Scope(world.shop.id), submission("Ann@x.test", "ann@x.test"))
    assert [row[0] for row in (await rows(world_db, accepted)).values()] == ["suppressed", "queued"]


async def test_many_who_hear_of_the_same_addresses_at_once_in_any_order_put_each_there_once(
    world_db: Database, world: World, intake: Intake
) -> None:
    addresses = [f"r{n}@x.test" for n in range(12)]
    chance = random.Random(1)
    batches = []
    for _ in range(8):
        accepted = await intake.accept(Scope(world.shop.id), submission(*addresses))
        facts = [Fact(EventKind.COMPLAINED, id, accepted.message_id, world.shop.id) for id in accepted.recipient_ids]
        batches.append(chance.sample(facts, len(facts)))
    await asyncio.gather(*(record(world_db, *batch) for batch in batches))
    assert [entry[1] for entry in await everybody(world_db)] == sorted(addresses)
    assert [kind for kind, _, _ in await events(world_db)].count("complained") == 96


async def test_a_bounce_that_is_not_the_addresss_fault_suppresses_nobody(
    world_db: Database, world: World, intake: Intake
) -> None:
    fact = await fact_about(world_db, world.shop, intake, "ann@x.test")
    await record(world_db, replace(fact, kind=EventKind.BOUNCED, suppress=False))
    assert await everybody(world_db) == []


async def test_a_bounce_that_is_not_taken_suppresses_nobody(world_db: Database, world: World, intake: Intake) -> None:
    fact = await fact_about(world_db, world.shop, intake, "ann@x.test")
    late = replace(fact, kind=EventKind.BOUNCED, suppress=True, fence=0)
    await record(world_db, late)
    assert await everybody(world_db) == []
    await record(world_db, replace(late, fence=1))
    assert [entry[1:3] for entry in await everybody(world_db)] == [("ann@x.test", "bounce")]


@pytest.mark.parametrize(("kind", "reason"), [BOUNCED, *MARKS])
async def test_copies_and_notices_put_nobody_on_a_list(
    world_db: Database, world: World, intake: Intake, kind: EventKind, reason: Reason
) -> None:
    copy = await fact_about(world_db, world.shop, intake, "copy@x.test")
    async with world_db.connection() as conn:
        await conn.execute("update recipient set copy_rule_id = $2 where id = $1", copy.recipient_id, new_id())
    notice = await fact_about(world_db, world.shop, intake, "notice@x.test", notice=True)
    own = await fact_about(world_db, world.shop, intake, "own@x.test")
    await record(world_db, *(replace(fact, kind=kind, suppress=True) for fact in (copy, notice, own)))
    assert [entry[1:3] for entry in await everybody(world_db)] == [("own@x.test", reason.value)]


async def test_an_unsubscription_says_by_which_way(world_db: Database, world: World, intake: Intake) -> None:
    fact = await fact_about(world_db, world.shop, intake, "ann@x.test")
    await record(world_db, replace(fact, kind=EventKind.UNSUBSCRIBED, cause="unsubscribed_page"))
    assert [entry[3] for entry in await everybody(world_db)] == ["page"]


async def states(db: Database, world: World, intake: Intake, *addresses: str) -> Sequence[str]:
    accepted = await intake.accept(Scope(world.shop.id), submission(*addresses))
    return [row[0] for row in (await rows(db, accepted)).values()]


async def test_a_bounce_is_believed_for_half_a_year_and_a_person_for_good(
    world_db: Database, world: World, intake: Intake
) -> None:
    for address, reason in (
        ("bounce@x.test", Reason.BOUNCE),
        ("complaint@x.test", Reason.COMPLAINT),
        ("unsubscribe@x.test", Reason.UNSUBSCRIBE),
        ("manual@x.test", Reason.MANUAL),
    ):
        await listed(world_db, world.shop, address, reason)
    addresses = ("bounce@x.test", "complaint@x.test", "unsubscribe@x.test", "manual@x.test")
    async with world_db.connection() as conn:
        await clock.shift(conn, timedelta(days=179))
    assert await states(world_db, world, intake, *addresses) == ["suppressed"] * 4
    await forget_ended(world_db)
    assert len(await everybody(world_db)) == 4
    async with world_db.connection() as conn:
        await conn.execute("update credit_grant set expires_at = null")
        await clock.shift(conn, timedelta(days=181))
    assert await states(world_db, world, intake, *addresses) == ["queued", *["suppressed"] * 3]
    # What bounces again begins anew, whether or not the old entry was dropped.
    await listed(world_db, world.shop, "bounce@x.test", Reason.BOUNCE)
    assert await states(world_db, world, intake, *addresses) == ["suppressed"] * 4
    async with world_db.connection() as conn:
        await clock.shift(conn, timedelta(days=181))
    await forget_ended(world_db)
    assert [entry[1] for entry in await everybody(world_db)] == sorted(addresses[1:])


async def test_one_reason_taken_back_leaves_the_others(world_db: Database, world: World, intake: Intake) -> None:
    for reason in (Reason.UNSUBSCRIBE, Reason.COMPLAINT):
        await listed(world_db, world.shop, "ann@x.test", reason)
    async with world_db.connection() as conn:
        assert await suppressed(conn, world.shop.id, ["ann@X.test"]) == {"ann@X.test": Listed.COMPLAINT}
        assert await lift(conn, world.rival.id, "ann@x.test", Reason.COMPLAINT) is None
        assert await lift(conn, world.shop.id, "ann@X.test", Reason.COMPLAINT) is not None
        assert await suppressed(conn, world.shop.id, ["ann@X.test"]) == {"ann@X.test": Listed.UNSUBSCRIBE}
        assert await lift(conn, world.shop.id, "ann@x.test", Reason.UNSUBSCRIBE) is not None
        assert await suppressed(conn, world.shop.id, ["ann@X.test"]) == {}
    assert await states(world_db, world, intake, "ann@x.test") == ["queued"]
