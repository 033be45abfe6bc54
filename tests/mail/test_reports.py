"""What becomes of held mail when its life is over? It ends, costs nothing, and its sender is told once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from kit import clock
from kit.db import Database
from kit.errors import LiveryError
from mail import holds, stats
from mail.holds import Moved
from mail.intake import Envelope, EnvelopeRecipient, Intake, Submission
from tenants.permissions import Permission
from tenants.scope import Scope
from tests.support import credits, laws
from tests.support.world import World

CONTENT = b"From: user@shop.test\r\nBcc: secret@far.test\r\nSubject: Hello\r\nMessage-ID: <one@shop.test>\r\n\r\nHi\r\n"


@pytest.fixture(autouse=True)
async def _laws(world_db: Database) -> AsyncIterator[None]:
    yield
    while await stats.fold(world_db):
        pass
    async with world_db.connection() as conn:
        await laws.check(conn)


@pytest.fixture
async def poor(world_db: Database, world: World) -> UUID:
    """Shop, without a credit; what it sends is held."""
    async with world_db.transaction() as conn:
        await conn.execute("update account set when_spent = 'hold' where id = $1", world.shop.id)
        await credits.leave(conn, world.shop.id, 0)
    return world.shop.id


def mail(*recipients: str | EnvelopeRecipient, sender: str = "bounces@shop.test", **envelope: Any) -> Submission:
    to = tuple(one if isinstance(one, EnvelopeRecipient) else EnvelopeRecipient(one) for one in recipients)
    return Submission(envelope=Envelope(sender, to, **envelope), content=CONTENT, door="smtp", trace="by test")


async def expire(db: Database, after: timedelta = timedelta(hours=73)) -> Moved:
    async with db.connection() as conn:
        await clock.shift(conn, after)
    return await holds.expire(db, mail_domain="mx.neutral.test")


async def reports(db: Database) -> list[Any]:
    """Reports, oldest first: envelope, who gets them, and their bytes."""
    async with db.connection() as conn:
        rows: list[Any] = await conn.fetch(
            """select m.envelope_from, m.sandbox, r.address, r.state, b.content from message m
                 join recipient r on r.message_id = m.id join body b on b.message_id = m.id
                where m.door = 'note' order by m.id"""
        )
    return rows


async def states(db: Database) -> dict[str, tuple[str, str | None, str | None]]:
    async with db.connection() as conn:
        rows = await conn.fetch(
            """select r.address, r.state, r.status, r.reply from recipient r join message m on m.id = r.message_id
                where m.door <> 'note'"""
        )
    return {row["address"]: (row["state"], row["status"], row["reply"]) for row in rows}


async def test_the_sender_is_told_once_about_those_who_want_it(world_db: Database, poor: UUID, intake: Intake) -> None:
    await intake.accept(
        Scope(poor),
        mail(
            "a@far.test",
            EnvelopeRecipient("b@far.test", "NEVER"),
            EnvelopeRecipient("c@far.test", "SUCCESS,DELAY"),
            EnvelopeRecipient("d@far.test", "FAILURE,DELAY", "rfc822;D+2Bd@far.test"),
            envid="order+2B7",
        ),
    )
    assert await expire(world_db, timedelta(hours=71)) == Moved((), (), frozenset())
    # By several clocks at once.
    moved = await asyncio.gather(*(expire(world_db, timedelta(hours=1)) for _ in range(3)))
    assert sorted(len(one.recipient_ids) for one in moved) == [0, 0, 1]
    assert {id for one in moved for id in one.account_ids} == {poor}
    over = ("expired", "4.4.7", "The message was held until its life was over.")
    assert await states(world_db) == {f"{letter}@far.test": over for letter in "abcd"}
    (report,) = await reports(world_db)
    assert (report["envelope_from"], report["address"], report["state"]) == ("", "bounces@shop.test", "queued")
    said = report["content"].decode()
    assert "\r\nTo: <bounces@shop.test>\r\n" in said
    assert (
        "was not sent to the addresses below.\r\n"
        "It waited because there were no credits to send it,\r\n"
        "until its time was over. It is not tried again.\r\n"
        "\r\n    a@far.test\r\n    d@far.test\r\n"
    ) in said
    assert "Original-Envelope-Id: order+7\r\nReporting-MTA: dns; mx.neutral.test\r\n" in said
    assert said.count("Final-Recipient:") == 2
    assert (
        "Original-Recipient: rfc822; D+d@far.test\r\nFinal-Recipient: rfc822; d@far.test\r\n"
        "Action: failed\r\nStatus: 4.4.7\r\n"
    ) in said
    assert "secret@far.test" not in said
    async with world_db.connection() as conn:
        assert await credits.left(conn, poor) == 0
        assert await conn.fetchval("select count(*) from credit_entry where message_id is not null") == 0


@pytest.mark.parametrize(
    ("sender", "ret", "whole"),
    [
        ("bounces@shop.test", "FULL", True),
        ("bounces@mail.shop.test", "FULL", True),
        ("bounces@acme.test", "FULL", True),  # verified above
        ("bounces@shop.test", "HDRS", False),
        ("bounces@shop.test", None, False),
        ("victim@elsewhere.test", "FULL", False),  # nobody is sent for nothing what somebody wrote
        ("victim@rival.test", "FULL", False),
        ("victim@noshop.test", "FULL", False),
    ],
)
async def test_the_message_is_returned_whole_to_its_own_domain_alone(
    world_db: Database, poor: UUID, intake: Intake, sender: str, ret: str | None, whole: bool
) -> None:
    await intake.accept(Scope(poor), mail("a@far.test", sender=sender, ret=ret))
    await expire(world_db)
    (report,) = await reports(world_db)
    assert (b"Content-Type: message/rfc822" in report["content"], b"\r\nHi\r\n" in report["content"]) == (whole, whole)
    assert b"Subject: Hello\r\n" in report["content"]


async def test_what_waited_for_a_month_too_long_is_given_up_though_the_month_has_begun(
    world_db: Database, poor: UUID, intake: Intake
) -> None:
    async with world_db.transaction() as conn:
        await conn.execute("update account set when_spent = 'queue', monthly_limit = 0 where id = $1", poor)
        await credits.exactly(conn, poor, 5)
    await intake.accept(Scope(poor), mail("late@far.test"))
    async with world_db.connection() as conn:
        await clock.shift(conn, timedelta(hours=73))
        await conn.execute("update account set monthly_limit = null where id = $1", poor)
    await intake.accept(Scope(poor), mail("paid@far.test"))
    assert (await holds.resume(world_db)).recipient_ids == ()
    assert len((await expire(world_db, timedelta())).recipient_ids) == 1
    (report,) = await reports(world_db)
    assert b"It waited because the limit of the month left no room for it,\r\n" in report["content"]
    assert {address: state for address, (state, *_) in (await states(world_db)).items()} == {
        "late@far.test": "expired",
        "paid@far.test": "queued",
    }
    async with world_db.connection() as conn:
        assert await credits.left(conn, poor) == 4


async def test_nobody_is_told_who_cannot_be(world_db: Database, poor: UUID, intake: Intake) -> None:
    await intake.accept(Scope(poor), mail("a@far.test", sender=""))
    moved = await expire(world_db)
    assert (moved.recipient_ids, moved.account_ids) == ((), {poor})
    assert await reports(world_db) == []
    await intake.accept(Scope(poor), mail("b@far.test"))
    async with world_db.connection() as conn:
        await conn.execute("update account set deleted_at = livery_now() where id = $1", poor)
    assert (await expire(world_db)).recipient_ids == ()
    assert {state for state, *_ in (await states(world_db)).values()} == {"expired"}
    async with world_db.connection() as conn:
        await conn.execute("update account set deleted_at = null where id = $1", poor)


async def test_a_report_of_a_sandbox_stays_in_it(world_db: Database, poor: UUID, intake: Intake) -> None:
    await intake.accept(Scope(poor, sandbox=True), mail("a@far.test"))
    await expire(world_db)
    (report,) = await reports(world_db)
    assert report["sandbox"] is True


async def test_a_report_names_every_recipient_of_its_message_however_many(
    world_db: Database, poor: UUID, intake: Intake
) -> None:
    for n in range(3):
        await intake.accept(Scope(poor), mail(*(f"r{n}-{i}@far.test" for i in range(300))))
    assert len((await expire(world_db)).recipient_ids) == 2  # as many as one transaction takes, and whole ones
    assert len((await expire(world_db)).recipient_ids) == 1
    assert (await expire(world_db)).account_ids == frozenset()
    told = await reports(world_db)
    assert [report["content"].count(b"Final-Recipient: rfc822; r%d-" % n) for n, report in enumerate(told)] == [300] * 3


async def test_what_is_past_its_life_is_released_no_more(world_db: Database, poor: UUID, intake: Intake) -> None:
    late, good = [await intake.accept(Scope(poor), mail("a@far.test")) for _ in range(2)]
    person = Scope(poor, may=frozenset({Permission.SEND}))
    async with world_db.transaction() as conn:
        await credits.exactly(conn, poor, 5)
        moved = await holds.release(conn, person, [good.message_id])
    assert moved.recipient_ids == good.recipient_ids
    async with world_db.connection() as conn:
        await clock.shift(conn, timedelta(hours=73))
    async with world_db.transaction() as conn:
        with pytest.raises(LiveryError) as refused:
            await holds.release(conn, person, [late.message_id])
        assert refused.value.code == "MISSING"
        assert await credits.left(conn, poor) == 4
