"""Does each message that a rule is about go to the rule's address too, counted and paid, and does a bad copy end the rule?"""

import json
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import pytest

from kit import clock
from kit.crypto import Keyring
from kit.db import Database
from kit.errors import Kind, LiveryError
from kit.ids import new_id
from mail import copies, copy_rules, holds, ledger, stats
from mail.copies import Letter
from mail.intake import Intake
from mail.ledger import Fact
from mail.lifecycle import EventKind
from tenants.credentials import create_credential
from tenants.credits import grant
from tenants.models import CredentialKind
from tenants.permissions import Permission
from tenants.rates import Limits
from tenants.scope import Scope
from tests.mail.conftest import submission
from tests.support import laws
from tests.support.credits import leave, left
from tests.support.world import CREDITS, SECRET_KEY, Tenant, World

Rule = tuple[str, str | None, str | None]


async def rule(
    db: Database,
    tenant: Tenant,
    address: str,
    sender: str | None = None,
    tag: str | None = None,
    *,
    agreed: bool = True,
) -> UUID:
    """A rule of the tenant's, in force."""
    async with db.connection() as conn:
        id: UUID = await conn.fetchval(
            """insert into copy_rule (id, account_id, address, sender, tag, confirmed_at)
               values ($1, $2, $3, $4, $5, case when $6 then livery_now() end) returning id""",
            new_id(),
            tenant.id,
            address,
            sender,
            tag,
            agreed,
        )
    return id


async def stored(db: Database) -> list[tuple[str, UUID | None, bool, str | None]]:
    """Who gets what was submitted: address, rule, free, NOTIFY."""
    async with db.connection() as conn:
        rows = await conn.fetch("select address, copy_rule_id, free, notify from recipient order by id")
    return [tuple(row) for row in rows]


async def lawful(db: Database) -> None:
    await stats.fold(db)
    async with db.connection() as conn:
        await laws.check(conn, seconds=0)


def made(rules: Sequence[Rule], *, senders: Sequence[str] = ("a@shop.test",), tag: str | None = None) -> list[str]:
    """To whom a message to r@x.test is copied."""
    said = json.dumps([[str(new_id()), *one, False] for one in rules])
    return [copy.address for copy in copies.made(said, Letter(frozenset(senders), tag, frozenset({"r@x.test"})))]


@pytest.mark.parametrize(
    ("rules", "tag", "addresses"),
    [
        ([("c@y.test", None, None)], None, ["c@y.test"]),
        ([("c@y.test", "a@shop.test", None)], None, ["c@y.test"]),
        ([("c@y.test", "A@Shop.TEST", None)], None, ["c@y.test"]),
        ([("c@y.test", "b@shop.test", None)], None, []),
        ([("c@y.test", None, "bills")], "bills", ["c@y.test"]),
        ([("c@y.test", None, "bills")], "Bills", []),
        ([("c@y.test", None, "bills")], None, []),
        ([("c@y.test", "a@shop.test", "bills")], "bills", ["c@y.test"]),
        ([("c@y.test", "b@shop.test", "bills")], "bills", []),
        ([("c@y.test", None, None), ("C@y.test", None, "bills"), ("d@y.test", None, None)], "bills", ["c@y.test", "d@y.test"]),
        ([("R@x.test", None, None)], None, []),
    ],
)  # fmt: skip
def test_a_rule_is_about_a_sender_a_tag_both_or_all(rules: list[Rule], tag: str | None, addresses: list[str]) -> None:
    assert made(rules, tag=tag) == addresses


async def test_a_copy_is_made_counted_and_paid_with_the_message(
    world_db: Database, world: World, intake: Intake
) -> None:
    everything = await rule(world_db, world.shop, "all@copies.test")
    bills = await rule(world_db, world.shop, "bills@copies.test", "user@shop.test", "bills")
    await rule(world_db, world.shop, "other@copies.test", "other@shop.test")
    await rule(world_db, world.shop, "asked@copies.test", agreed=False)
    await rule(world_db, world.cafe, "cafe@copies.test")
    sent = submission("a@x.test", "b@x.test", headers="X-Lv-Tag: bills\r\n")
    accepted = await intake.accept(Scope(world.shop.id), sent)
    assert len(accepted.recipient_ids) == 2, "the sender is told of those it named"
    assert await stored(world_db) == [
        ("a@x.test", None, False, None),
        ("b@x.test", None, False, None),
        ("all@copies.test", everything, False, None),
        ("bills@copies.test", bills, False, None),
    ]
    async with world_db.connection() as conn:
        assert await left(conn, world.shop.id) == CREDITS - 4
        assert await conn.fetchval("select tag from message") == "bills"
    await intake.accept(Scope(world.shop.id), submission("a@x.test", notice=True))
    assert len(await stored(world_db)) == 5, "what the platform itself writes is nobody's to copy"
    await lawful(world_db)


async def test_a_message_is_refused_whole_where_its_copies_are_not_covered(
    world_db: Database, world: World, intake: Intake
) -> None:
    await rule(world_db, world.shop, "all@copies.test")
    async with world_db.transaction() as conn:
        await leave(conn, world.shop.id, 4)
        made = await create_credential(
            conn,
            Keyring(SECRET_KEY),
            account_id=world.shop.id,
            kind=CredentialKind.API,
            name="l",
            limits=Limits(per_day=2),
        )
    with pytest.raises(LiveryError) as refused:
        await intake.accept(Scope(world.shop.id), submission("a@x.test", "b@x.test", "c@x.test", "d@x.test"))
    assert (refused.value.code, await stored(world_db)) == ("NO_CREDITS", [])
    await intake.accept(Scope(world.shop.id, credential_id=made.id), submission("a@x.test"))
    with pytest.raises(LiveryError) as limited:
        await intake.accept(Scope(world.shop.id, credential_id=made.id), submission("b@x.test"))
    assert limited.value.code == "RATE_LIMITED", "one recipient and one copy were two of two"
    assert len(await stored(world_db)) == 2
    await lawful(world_db)


async def test_waived_copies_cost_nothing_and_give_nothing_back(
    world_db: Database, world: World, intake: Intake
) -> None:
    await rule(world_db, world.shop, "all@copies.test")
    operator = Scope(world.platform.id, may=frozenset(Permission))
    for other in (world.shop, world.acme):
        async with world_db.unit_of_work() as unit:
            with pytest.raises(LiveryError) as refused:
                await copy_rules.waive(unit, Scope(other.id, may=frozenset(Permission)), world.shop.id, True)
        assert refused.value.kind is Kind.DENIED
    async with world_db.unit_of_work() as unit:
        await copy_rules.waive(unit, operator, world.shop.id, True)
    accepted = await intake.accept(Scope(world.shop.id), submission("a@x.test"))
    assert [(address, free) for address, _, free, _ in await stored(world_db)] == [
        ("a@x.test", False),
        ("all@copies.test", True),
    ]
    async with world_db.transaction() as conn:
        assert await left(conn, world.shop.id) == CREDITS - 1
        await holds.cancel(conn, Scope(world.shop.id, may=frozenset(Permission)), [accepted.message_id])
        assert await left(conn, world.shop.id) == CREDITS
    async with world_db.unit_of_work() as unit:
        await copy_rules.waive(unit, operator, world.shop.id, False)
    second = await intake.accept(Scope(world.shop.id), submission("b@x.test"))
    async with world_db.transaction() as conn:
        assert await left(conn, world.shop.id) == CREDITS - 2
        await holds.cancel(conn, Scope(world.shop.id, may=frozenset(Permission)), [second.message_id])
        assert await left(conn, world.shop.id) == CREDITS
    await lawful(world_db)


@pytest.mark.parametrize(("free", "price"), [(False, 2), (True, 1)])
async def test_held_mail_is_charged_with_its_copies_when_it_is_released(
    world_db: Database, world: World, intake: Intake, free: bool, price: int
) -> None:
    await rule(world_db, world.shop, "all@copies.test")
    async with world_db.transaction() as conn:
        await conn.execute("update account set when_spent = 'hold' where id = $1", world.shop.id)
        await conn.execute(
            "insert into treatment (id, account_id, free_copies) values ($1, $2, $3)", new_id(), world.shop.id, free
        )
        await leave(conn, world.shop.id, price - 1)
    accepted = await intake.accept(Scope(world.shop.id), submission("a@x.test"))
    scope = Scope(world.shop.id, may=frozenset(Permission))
    async with world_db.transaction() as conn:
        with pytest.raises(LiveryError, match=f"no credit for {price} of their recipients"):
            await holds.release(conn, scope, [accepted.message_id])
    async with world_db.transaction() as conn:
        await grant(conn, world.shop.id, 1)
    async with world_db.transaction() as conn:
        moved = await holds.release(conn, scope, [accepted.message_id])
        assert (len(moved.recipient_ids), await left(conn, world.shop.id)) == (2, 0)
    await lawful(world_db)


@pytest.mark.parametrize(
    ("kind", "cause", "stopped_for"),
    [
        (EventKind.BOUNCED, "no_such_mailbox", "no_such_mailbox"),
        (EventKind.EXPIRED, None, "expired"),
        (EventKind.COMPLAINED, "abuse", "complaint"),
    ],
)
async def test_a_copy_that_comes_back_ends_its_rule_and_suppresses_nobody(
    world_db: Database, world: World, intake: Intake, kind: EventKind, cause: str | None, stopped_for: str
) -> None:
    ended = await rule(world_db, world.shop, "dead@copies.test")
    other = await rule(world_db, world.shop, "fine@copies.test")
    accepted = await intake.accept(Scope(world.shop.id), submission("a@x.test"))
    async with world_db.transaction() as conn:
        id = await conn.fetchval("select id from recipient where copy_rule_id = $1", ended)
        await conn.execute("update recipient set state = 'sending', attempts = 1 where id = $1", id)
        fact = Fact(kind, id, accepted.message_id, world.shop.id, cause=cause, suppress=True)
        if kind is EventKind.COMPLAINED:
            await ledger.record(conn, [Fact(EventKind.DELIVERED, id, accepted.message_id, world.shop.id)])
        assert await ledger.record(conn, [fact]) == {id}
    async with world_db.connection() as conn:
        rows = await conn.fetch("select id, stopped_for, stopped_at is not null as stopped from copy_rule order by id")
        assert [tuple(row) for row in rows] == [(ended, stopped_for, True), (other, None, False)]
        assert await conn.fetchval("select count(*) from suppression") == 0
    await intake.accept(Scope(world.shop.id), submission("b@x.test"))
    assert [address for address, *_ in await stored(world_db)][3:] == ["b@x.test", "fine@copies.test"]


@pytest.mark.parametrize(("deferred", "stopped_for"), [(None, None), ("fault", None), ("dns", "expired")])
async def test_a_copy_whose_life_ended_ends_its_rule_only_where_it_had_been_tried(
    world_db: Database, world: World, intake: Intake, deferred: str | None, stopped_for: str | None
) -> None:
    """While we were away, or failed by ourselves, nobody could answer for the address."""
    await rule(world_db, world.shop, "copy@copies.test")
    accepted = await intake.accept(Scope(world.shop.id), submission("a@x.test"))
    async with world_db.transaction() as conn:
        id = await conn.fetchval("select id from recipient where copy_rule_id is not null")
        claim = "update recipient set state = 'sending', attempts = attempts + 1 where id = $1"
        await conn.execute(claim, id)
        if deferred is not None:
            fact = Fact(EventKind.DEFERRED, id, accepted.message_id, world.shop.id, cause=deferred)
            assert await ledger.record(conn, [fact]) == {id}
            await conn.execute(claim, id)
        # As a desk says it that claims what is over already.
        fact = Fact(EventKind.EXPIRED, id, accepted.message_id, world.shop.id, cause="expired")
        assert await ledger.record(conn, [fact]) == {id}
        assert await conn.fetchval("select stopped_for from copy_rule") == stopped_for


async def test_a_message_that_bounces_ends_no_rule(world_db: Database, world: World, intake: Intake) -> None:
    await rule(world_db, world.shop, "fine@copies.test")
    accepted = await intake.accept(Scope(world.shop.id), submission("a@x.test"))
    [id] = accepted.recipient_ids
    async with world_db.transaction() as conn:
        await conn.execute("update recipient set state = 'sending' where id = $1", id)
        await ledger.record(
            conn, [Fact(EventKind.BOUNCED, id, accepted.message_id, world.shop.id, cause="x", suppress=True)]
        )
        assert await conn.fetchval("select count(*) from copy_rule where stopped_at is not null") == 0
        assert await conn.fetchval("select address from suppression") == "a@x.test"


async def test_a_copy_that_was_held_to_its_end_says_nothing_of_its_address_and_nobody_hears_of_it(
    world_db: Database, world: World, intake: Intake
) -> None:
    await rule(world_db, world.shop, "fine@copies.test")
    async with world_db.transaction() as conn:
        await conn.execute("update account set when_spent = 'hold' where id = $1", world.shop.id)
        await leave(conn, world.shop.id, 1)
    await intake.accept(Scope(world.shop.id), submission("a@x.test"))
    async with world_db.connection() as conn:
        await clock.shift(conn, timedelta(days=4))
    moved = await holds.expire(world_db, mail_domain="mail.test")
    assert (len(moved.message_ids), len(moved.recipient_ids)) == (1, 1), "one report"
    async with world_db.connection() as conn:
        assert await conn.fetchval("select count(*) from recipient where state = 'expired'") == 2
        assert await conn.fetchval("select count(*) from copy_rule where stopped_at is not null") == 0
        report = await conn.fetchval("select content from body where message_id = $1", moved.message_ids[0])
    assert b"a@x.test" in report and b"copies.test" not in report
