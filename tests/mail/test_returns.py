"""Does what came back lead to what it should, once, however late, however often and in whatever order it comes?"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from kit import clock
from kit.crypto import Keyring
from kit.db import Database
from mail import ledger, returns, stats
from mail.intake import Intake
from mail.ledger import Fact
from mail.lifecycle import EventKind
from mail.returns import FEEDBACK
from mail.transports.audience import Letter, bounce
from mail.wire import returnpath
from tenants.scope import Scope
from tests.mail.conftest import submission
from tests.support import laws
from tests.support.world import SECRET_KEY, World

KEYS = Keyring(SECRET_KEY)
CORPUS = Path(__file__).parent.parent / "corpus"
DOMAIN = "mx.neutral.test"


def report(address: str, status: str, reply: str, action: str = "failed") -> bytes:
    """A delivery status notification about one recipient."""
    return (
        "From: mailer-daemon@far.test\r\nTo: <>\r\nSubject: Undelivered\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        f"Reporting-MTA: dns; far.test\r\n\r\nFinal-Recipient: rfc822; {address}\r\nAction: {action}\r\n"
        f"Status: {status}\r\nDiagnostic-Code: smtp; {reply}\r\n--b--\r\n"
    ).encode()


def complaint(path: str) -> bytes:
    """A report of a feedback loop that has blacked out who complained."""
    return (
        "From: fbl@far.test\r\nSubject: FW\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=feedback-report; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\nVersion: 1\r\n\r\n"
        f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nReturn-Path: <{path}>\r\nSubject: Hello\r\n--b--\r\n"
    ).encode()


GONE = report("a@far.test", "5.1.1", "550 5.1.1 no such user")
FULL = report("a@far.test", "5.2.2", "552 5.2.2 mailbox full")
LATER = report("a@far.test", "4.4.1", "451 4.4.1 no answer", "delayed")
ARRIVED = report("a@far.test", "2.0.0", "250 2.0.0 ok", "delivered")
AWAY = b"From: a@far.test\r\nSubject: Out of office\r\nAuto-Submitted: auto-replied\r\n\r\nI am away.\r\n"


@dataclass
class Post:
    """A mail of shop.test to a@far.test, and what comes back to it."""

    db: Database
    shop: UUID
    recipient: UUID
    message: UUID

    @property
    def path(self) -> str:
        return f"{returnpath.encode(KEYS, self.recipient)}@{DOMAIN}"

    async def record(self, kind: EventKind, **fact: Any) -> None:
        async with self.db.transaction() as conn:
            await conn.execute(
                "update recipient set state = 'sending', fence = fence + 1 where id = $1 and state in ('queued', 'deferred')",
                self.recipient,
            )
            taken = await ledger.record(conn, [Fact(kind, self.recipient, self.message, self.shop, **fact)])
        assert taken == {self.recipient}

    async def comes(self, *contents: bytes) -> list[str]:
        """These come back and are judged, as what?"""
        async with self.db.transaction() as conn:
            for content in contents:
                assert await returns.receive(conn, self.recipient, content) is not None
        return [judged.kind for judged in await self.judged()]

    async def judged(self) -> list[returns.Judged]:
        told = []
        while (one := await returns.judge(self.db, mail_domain=DOMAIN)) is not None:
            told.append(one)
        return told

    async def row(self) -> Any:
        async with self.db.connection() as conn:
            return await conn.fetchrow("select * from recipient where id = $1", self.recipient)

    async def events(self) -> list[str]:
        async with self.db.connection() as conn:
            rows = await conn.fetch(
                "select kind from event where recipient_id = $1 order by epoch, xid, id", self.recipient
            )
        return [row["kind"] for row in rows]

    async def suppressions(self) -> list[tuple[str, str]]:
        async with self.db.connection() as conn:
            rows = await conn.fetch("select address, reason from suppression where account_id = $1", self.shop)
        return [(row["address"], row["reason"]) for row in rows]

    async def notes(self) -> list[Any]:
        """What went on to somebody: (to, content, envelope sender), oldest first."""
        async with self.db.connection() as conn:
            return list(
                await conn.fetch(
                    """select r.address, b.content, m.envelope_from from message m join recipient r on r.message_id = m.id
                         join body b on b.message_id = m.id where m.door = 'note' order by m.id"""
                )
            )


@pytest.fixture
async def post(world_db: Database, world: World, intake: Intake) -> AsyncIterator[Post]:
    """It was delivered; afterwards the laws hold."""
    accepted = await intake.accept(Scope(world.shop.id), submission("a@far.test", sender="user@shop.test"))
    post = Post(world_db, world.shop.id, accepted.recipient_ids[0], accepted.message_id)
    yield post
    while await stats.fold(world_db):
        pass
    async with world_db.connection() as conn:
        await laws.check(conn)


async def test_a_bounce_a_day_later_ends_it_and_suppresses_a_dead_address(post: Post) -> None:
    await post.record(EventKind.DELIVERED, code=250)
    async with post.db.connection() as conn:
        await clock.shift(conn, timedelta(days=1))
    assert await post.comes(GONE) == ["bounce"]
    row = await post.row()
    assert (row["state"], row["code"], row["status"], row["cause"]) == ("bounced", 550, "5.1.1", "no_mailbox")
    assert row["reply"] == "550 5.1.1 no such user"
    assert await post.events() == ["accepted", "delivered", "bounced"]
    assert await post.suppressions() == [("a@far.test", "bounce")]


async def test_a_bounce_in_sentences_leaves_nothing_of_the_reply_before_it(post: Post) -> None:
    await post.record(EventKind.DELIVERED, code=250, status="2.0.0", reply="2.0.0 queued as 1")
    letter = Letter("a@far.test", post.path, b"Subject: Hello\r\n\r\nhello\r\n")
    assert await post.comes(bounce(letter, "late-prose", "Mon, 23 Nov 2026 10:00:00 +0100")) == ["bounce"]
    row = await post.row()
    assert (row["state"], row["cause"]) == ("bounced", "no_mailbox")
    assert (row["code"], row["status"], row["reply"]) == (None, "5.1.1", "There is no such user here. (#5.1.1)")


async def test_a_soft_bounce_ends_it_and_suppresses_nobody(post: Post) -> None:
    await post.record(EventKind.DELIVERED)
    assert await post.comes(FULL) == ["bounce"]
    assert ((await post.row())["state"], (await post.row())["cause"]) == ("bounced", "mailbox_full")
    assert await post.suppressions() == []


async def test_repeated_bounces_are_one_fact(post: Post) -> None:
    await post.record(EventKind.DELIVERED)
    assert await post.comes(GONE, GONE, FULL) == ["bounce"] * 3
    assert await post.events() == ["accepted", "delivered", "bounced"]
    assert (await post.row())["cause"] == "no_mailbox"
    assert await post.suppressions() == [("a@far.test", "bounce")]


async def test_a_bounce_of_what_had_bounced_at_smtp_time_is_no_second_one(post: Post) -> None:
    await post.record(EventKind.BOUNCED, code=550, cause="no_mailbox", suppress=True)
    assert await post.comes(GONE) == ["bounce"]
    assert await post.events() == ["accepted", "bounced"]
    assert await post.suppressions() == [("a@far.test", "bounce")]


@pytest.mark.parametrize("first", [EventKind.BOUNCED, EventKind.EXPIRED])
async def test_a_dead_address_that_is_told_of_after_the_mail_was_given_up_is_suppressed(
    post: Post, first: EventKind
) -> None:
    """Refused at SMTP time for another reason, or tried in vain to the end of its life; then the bounce of an earlier attempt."""
    await post.record(first, code=552, cause="mailbox_full", reply="full")
    before = dict(await post.row())
    assert await post.comes(FULL, LATER) == ["bounce", "delay"]
    assert await post.suppressions() == []
    assert await post.comes(GONE, GONE) == ["bounce"] * 2
    assert await post.suppressions() == [("a@far.test", "bounce")]
    assert dict(await post.row()) == before
    assert await post.events() == ["accepted", first.value]


async def test_the_second_bounce_may_be_the_one_that_tells_of_a_dead_address(post: Post) -> None:
    await post.record(EventKind.DELIVERED)
    assert await post.comes(FULL, GONE) == ["bounce"] * 2
    assert await post.events() == ["accepted", "delivered", "bounced"]
    assert (await post.row())["cause"] == "mailbox_full"
    assert await post.suppressions() == [("a@far.test", "bounce")]


async def test_a_repeated_bounce_contradicts_nobody_who_took_the_address_off_the_list(post: Post) -> None:
    await post.record(EventKind.BOUNCED, code=550, cause="no_mailbox", suppress=True)
    assert await post.suppressions() == [("a@far.test", "bounce")]
    async with post.db.connection() as conn:
        await conn.execute("delete from suppression")
    assert await post.comes(GONE) == ["bounce"]
    assert await post.suppressions() == []


async def test_many_that_judge_at_once_judge_each_mail_once(post: Post) -> None:
    await post.record(EventKind.DELIVERED)
    async with post.db.transaction() as conn:
        for content in (GONE, complaint(post.path)) * 10:
            await returns.receive(conn, post.recipient, content)
    told = await asyncio.gather(*(post.judged() for _ in range(4)))
    assert sorted(one.kind for some in told for one in some) == ["bounce"] * 10 + ["complaint"] * 10
    assert sorted(await post.events()) == ["accepted", "bounced", "complained", "delivered"]


async def test_what_is_no_verdict_is_noted_and_changes_nothing(post: Post) -> None:
    await post.record(EventKind.DELIVERED)
    before = dict(await post.row())
    human = b"From: a@far.test\r\nSubject: Re: Hello\r\n\r\nThank you!\r\n"
    assert await post.comes(LATER, ARRIVED, AWAY, human) == ["delay", "delivered", "autoreply", "unknown"]
    assert dict(await post.row()) == before
    assert await post.events() == ["accepted", "delivered"]
    assert await post.suppressions() == []
    async with post.db.connection() as conn:
        rows = await conn.fetch("select kind, judged_at from returned_mail order by received_at, id")
    assert {row["kind"] for row in rows} == {"delay", "delivered", "autoreply", "unknown"}
    assert all(row["judged_at"] is not None for row in rows)
    assert await post.notes() == []  # nothing is ever answered


async def test_a_bounce_while_it_waits_changes_nothing(post: Post) -> None:
    assert await post.comes(GONE) == ["bounce"]
    assert ((await post.row())["state"], await post.events()) == ("queued", ["accepted"])
    assert await post.suppressions() == []


async def test_a_complaint_is_one_fact_and_suppresses_at_once(post: Post) -> None:
    await post.record(EventKind.DELIVERED)
    assert await post.comes(complaint(post.path), complaint(post.path)) == ["complaint"] * 2
    assert (await post.row())["state"] == "delivered"
    assert (await post.row())["complained_at"] is not None
    assert await post.events() == ["accepted", "delivered", "complained"]
    assert await post.suppressions() == [("a@far.test", "complaint")]
    async with post.db.connection() as conn:
        rows = await conn.fetch("select reply, cause from event where kind = 'complained'")
    assert [tuple(row) for row in rows] == [("far.test", "abuse")], "through which loop, and its word for it"


async def test_a_return_path_is_found_in_what_a_loop_reports(post: Post) -> None:
    assert returns.live(KEYS, "Feedback") == FEEDBACK
    assert returns.about(KEYS, complaint(post.path)) == [post.recipient]
    encoded = complaint(post.path).replace(b"b0", b"b=\r\n0")
    assert returns.about(KEYS, encoded.replace(b"Return-Path", b"Received: for")) == [post.recipient]
    notification = b'{"notificationType":"Complaint","mail":{"source":"%s"}}' % post.path.encode()
    assert returns.about(KEYS, notification) == [post.recipient]
    forged = post.path[:-20] + "aaaa@mx.test"
    assert returns.about(KEYS, complaint(forged)) == []
    other = f"{returnpath.encode(Keyring(b'x' * 32), post.recipient)}@mx.test"
    assert returns.about(KEYS, complaint(other)) == []


async def wish(post: Post, *, credential: bool = False) -> None:
    async with post.db.connection() as conn:
        await conn.execute(
            """insert into treatment (id, account_id, credential_id, forward_returns)
               values (gen_random_uuid(), $1, null, true)""",
            post.shop,
        )


async def test_what_came_back_goes_on_to_the_sender_where_the_account_wishes_it(post: Post) -> None:
    await post.record(EventKind.DELIVERED)
    await wish(post)
    assert await post.comes(GONE, AWAY) == ["bounce", "autoreply"]
    notes = await post.notes()
    assert [(note["address"], note["content"], note["envelope_from"]) for note in notes] == [
        ("user@shop.test", GONE, ""),
        ("user@shop.test", AWAY, ""),
    ]


async def test_nothing_goes_on_to_addresses_that_are_not_the_accounts(
    world_db: Database, world: World, intake: Intake
) -> None:
    accepted = await intake.accept(Scope(world.shop.id), submission("a@far.test", sender="victim@elsewhere.test"))
    post = Post(world_db, world.shop.id, accepted.recipient_ids[0], accepted.message_id)
    await post.record(EventKind.DELIVERED)
    await wish(post)
    assert await post.comes(GONE) == ["bounce"]
    assert await post.notes() == []


async def test_whoever_knows_a_return_path_cannot_flood_its_sender(post: Post) -> None:
    await post.record(EventKind.DELIVERED)
    await wish(post)
    assert await post.comes(*[AWAY] * 15) == ["autoreply"] * 15
    assert len(await post.notes()) == 10


async def test_whoever_knows_a_return_path_cannot_fill_the_disk(post: Post) -> None:
    async def kept() -> tuple[int, int]:
        async with post.db.connection() as conn:
            return tuple(await conn.fetchrow("select count(*), sum(octet_length(content)) from returned_mail"))

    async def comes(content: bytes) -> bool:
        async with post.db.transaction() as conn:
            return await returns.receive(conn, post.recipient, content) is not None

    large = b"From: a@far.test\r\n\r\n" + b"x" * (40 * 1024 * 1024)
    assert [await comes(large) for _ in range(6)] == [True] * 4 + [False] * 2
    assert await kept() == (4, 4 * 1024 * 1024)
    async with post.db.connection() as conn:
        await conn.execute("delete from returned_mail")
    assert [await comes(AWAY) for _ in range(52)] == [True] * 50 + [False] * 2
    # What came first is judged as ever.
    async with post.db.connection() as conn:
        await conn.execute("delete from returned_mail where id <> (select min(id::text)::uuid from returned_mail)")
    assert await post.comes(GONE) == ["autoreply", "bounce"]


async def test_a_letter_of_the_platforms_own_goes_on_to_nobody(
    world_db: Database, world: World, intake: Intake
) -> None:
    """Its link is for its reader alone, also where the letter comes back with it."""
    letter = submission("a@far.test", sender="no-reply@shop.test", body=b"https://x.test/reset#token", notice=True)
    accepted = await intake.accept(Scope(world.shop.id), letter)
    post = Post(world_db, world.shop.id, accepted.recipient_ids[0], accepted.message_id)
    await post.record(EventKind.DELIVERED)
    await wish(post)
    assert await post.comes(FULL) == ["bounce"]
    assert [note["address"] for note in await post.notes()] == ["a@far.test"], "the letter itself"


async def test_what_comes_back_to_a_notification_is_never_forwarded(
    world_db: Database, world: World, intake: Intake
) -> None:
    accepted = await intake.accept(Scope(world.shop.id), submission("a@far.test", sender=""))
    post = Post(world_db, world.shop.id, accepted.recipient_ids[0], accepted.message_id)
    await post.record(EventKind.DELIVERED)
    await wish(post)
    assert await post.comes(GONE) == ["bounce"]
    assert await post.notes() == []


async def test_a_copys_bounce_stops_its_rule_suppresses_nobody_and_is_told_to_nobody(post: Post) -> None:
    await post.record(EventKind.DELIVERED)
    await wish(post)
    async with post.db.connection() as conn:
        rule = await conn.fetchval(
            """insert into copy_rule (id, account_id, address, confirmed_at)
               values (gen_random_uuid(), $1, 'a@far.test', livery_now()) returning id""",
            post.shop,
        )
        await conn.execute("update recipient set copy_rule_id = $2 where id = $1", post.recipient, rule)
    assert await post.comes(GONE) == ["bounce"]
    async with post.db.connection() as conn:
        stopped = await conn.fetchrow("select stopped_at is not null as stopped, stopped_for from copy_rule")
    assert stopped is not None
    assert (stopped["stopped"], stopped["stopped_for"]) == (True, "no_mailbox")
    assert await post.comes(GONE) == ["bounce"]
    assert await post.suppressions() == []
    assert await post.notes() == [], "the sender named nobody there"


async def test_the_recipient_is_certain_whatever_address_the_bounce_names(post: Post) -> None:
    """Passed on by its owner to a mailbox that is gone; and a bounce that names nobody at all."""
    await post.record(EventKind.DELIVERED)
    assert await post.comes(report("other@elsewhere.test", "5.1.1", "550 5.1.1 no such user")) == ["bounce"]
    assert (await post.row())["cause"] == "no_mailbox"
    assert await post.suppressions() == [("a@far.test", "bounce")]


async def test_of_several_recipients_ours_counts(post: Post) -> None:
    await post.record(EventKind.DELIVERED)
    both = report("b@far.test", "5.1.1", "550 5.1.1 no such user").replace(
        b"--b--", b"\r\nFinal-Recipient: rfc822; A@far.test\r\nAction: failed\r\nStatus: 5.2.2\r\n--b--"
    )
    assert await post.comes(both) == ["bounce"]
    assert (await post.row())["cause"] == "mailbox_full"


async def test_words_that_no_database_takes_are_stored_as_far_as_they_can_be(post: Post) -> None:
    await post.record(EventKind.DELIVERED)
    assert await post.comes(GONE.replace(b"no such", b"no\0 such\xff")) == ["bounce"]
    assert (await post.row())["reply"] == "550 5.1.1 no\N{REPLACEMENT CHARACTER} such\N{REPLACEMENT CHARACTER} user"
