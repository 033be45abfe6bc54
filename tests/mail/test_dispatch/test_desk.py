"""Does what is due reach its remote, and does the ledger say exactly what became of it?"""

import asyncio
import contextlib
import re
import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import dkim

from kit.crypto import Keyring
from mail.dispatch import Limits
from mail.domains import ensure_neutral_domain
from mail.intake import enter
from mail.wire import returnpath
from tenants.scope import Scope
from tests.mail.conftest import submission
from tests.mail.test_dispatch.conftest import Office
from tests.support.world import SECRET_KEY


async def test_a_message_is_delivered_with_its_conversation(office: Office) -> None:
    (id,) = await office.accept("a@x.test")
    async with office.working():
        await office.until("delivered", id)
    row = await office.row(id)
    assert (row["attempts"], row["lapses"], row["code"], row["status"], row["next_attempt_at"]) == (
        1,
        0,
        250,
        "2.0.0",
        None,
    )
    assert await office.kinds(id) == ["accepted", "delivered"]
    async with office.db.connection() as conn:
        talks = await conn.fetch("select host, conversation from attempt")
    assert [(talk["host"], talk["conversation"]) for talk in talks] == [
        ("mx.sink.test", "> DATA\n< 250 2.0.0 taken"),
    ]


async def test_the_content_is_finished_and_signed_and_returns_to_its_recipient(office: Office) -> None:
    (id,) = await office.accept("a@x.test", subject="Grüße", body=b"one\r\n")
    async with office.working():
        await office.until("delivered", id)
    ((_, sender, content),) = office.remote.sent
    local, _, domain = sender.partition("@")
    assert (returnpath.decode(Keyring(SECRET_KEY), local), domain) == (id, "mx.neutral.test")
    assert content.endswith(b"\r\n\r\none\r\n")
    head = content.partition(b"\r\n\r\n")[0].decode()
    assert "d=shop.test;" in head
    assert [line.partition(":")[0] for line in head.split("\r\n") if line[0] not in " \t"][:2] == [
        "DKIM-Signature",
        "Received",
    ]
    async with office.db.connection() as conn:
        txt = await conn.fetchval(
            "select txt from dkim_key k join domain d on d.id = k.domain_id where d.name = 'shop.test'"
        )
    assert dkim.verify(content, dnsfunc=lambda name, timeout=5: txt.encode())


async def test_a_notification_keeps_the_null_sender(office: Office) -> None:
    (id,) = await office.accept("a@x.test", sender="")
    async with office.working():
        await office.until("delivered", id)
    assert [sender for _, sender, _ in office.remote.sent] == [""]


async def test_no_account_vouches_for_what_a_stranger_wrote(office: Office) -> None:
    """What came back goes on to the sender as it is: whoever wrote it may have written the sender's own address."""
    async with office.db.connection() as conn:
        await ensure_neutral_domain(conn, Keyring(SECRET_KEY), "mx.neutral.test")
    forged = submission("user@shop.test", sender="")
    forged = replace(forged, content=b"From: boss@shop.test\r\nSubject: Pay this\r\n\r\nNow.\r\n")
    async with office.db.transaction() as conn:
        accepted = await enter(conn, Scope(office.world.shop.id), forged)
    (own,) = await office.accept("b@x.test", sender="boss@shop.test")
    async with office.working():
        await office.until("delivered", *accepted.recipient_ids, own)
    signers = {to: re.findall(rb"\bd=([a-z.]+);", content) for to, _, content in office.remote.sent}
    assert signers == {"user@shop.test": [b"mx.neutral.test"], "b@x.test": [b"shop.test"]}


async def test_a_deferred_message_comes_back_when_it_is_due_and_not_before(office: Office) -> None:
    (id,) = await office.accept("a@x.test")
    office.remote.answers("a@x.test", "451 4.7.1 greylisted", "250 2.0.0 taken")
    async with office.working() as desk:
        await office.until("deferred", id)
        await office.pass_time(timedelta(minutes=4))
        desk.look()
        (other,) = await office.accept("b@x.test")
        desk.look()
        await office.until("delivered", other)
        assert office.remote.asked == ["a@x.test", "b@x.test"]
        await office.pass_time(timedelta(minutes=2))
        desk.look()
        await office.until("delivered", id)
    assert await office.kinds(id) == ["accepted", "deferred", "delivered"]
    assert (await office.row(id))["attempts"] == 2


async def test_a_refusal_for_good_ends_the_message(office: Office) -> None:
    (id,) = await office.accept("a@x.test")
    office.remote.answers("a@x.test", "550 5.1.1 no such user")
    async with office.working():
        await office.until("bounced", id)
    row = await office.row(id)
    assert (row["code"], row["status"], row["reply"], row["cause"]) == (550, "5.1.1", "no such user", "no_mailbox")
    assert office.remote.sent == []


async def test_recipients_of_one_message_have_fates_of_their_own(office: Office) -> None:
    ids = await office.accept("a@x.test", "b@x.test", "c@y.test")
    office.remote.answers("a@x.test", "550 5.1.1 no such user")
    office.remote.answers("c@y.test", "451 4.3.0 later")
    async with office.working():
        await office.until("bounced", ids[0])
        await office.until("delivered", ids[1])
        await office.until("deferred", ids[2])
    assert [recipient for recipient, _, _ in office.remote.sent] == ["b@x.test"]


async def test_a_message_is_given_up_at_the_end_of_its_life(office: Office) -> None:
    (id,) = await office.accept("a@x.test")
    office.remote.answers("a@x.test", "451 4.3.0 later")
    async with office.working() as desk:
        await office.until("deferred", id)
        await office.pass_time(timedelta(hours=73))
        desk.look()
        await office.until("expired", id)
    assert await office.kinds(id) == ["accepted", "deferred", "expired"]
    assert office.remote.asked == ["a@x.test"]


async def test_a_last_refusal_gives_up_instead_of_waiting_past_the_end(office: Office) -> None:
    (id,) = await office.accept("a@x.test")
    office.remote.answers("a@x.test", "451 4.3.0 later")
    await office.pass_time(timedelta(hours=71, minutes=59))
    async with office.working():
        await office.until("expired", id)
    row = await office.row(id)
    assert (row["code"], row["cause"], row["next_attempt_at"]) == (451, "system", None)


async def test_mail_of_a_suspended_account_is_held_and_leaves_after_release(office: Office) -> None:
    (id,) = await office.accept("a@x.test")
    (other,) = await office.accept("b@x.test", tenant=office.world.rival)
    async with office.db.connection() as conn:
        # Its reseller is suspended: that counts for everyone below.
        await conn.execute("update account set suspended_at = livery_now() where id = $1", office.world.acme.id)
    async with office.working():
        await office.until("held", id)
        await office.until("delivered", other)
    assert ((await office.row(id))["cause"], office.remote.asked) == ("suspended", ["b@x.test"])


async def test_the_platforms_own_letters_leave_a_suspended_account_and_its_reports_wait(office: Office) -> None:
    scope, sender = Scope(office.world.acme.id), office.world.acme.email
    letter = await office.intake.accept(scope, submission("a@x.test", sender=sender, notice=True))
    (other,) = await office.accept("d@x.test")
    async with office.db.transaction() as conn:
        report = await enter(conn, scope, submission("b@x.test", sender=""))
        await conn.execute("update account set suspended_at = livery_now() where id = $1", office.world.acme.id)
    late = await office.intake.accept(scope, submission("c@x.test", sender=sender, notice=True))
    async with office.working():
        await office.until("delivered", *letter.recipient_ids, *late.recipient_ids)
        await office.until("held", *report.recipient_ids, other)
    assert sorted(office.remote.asked) == ["a@x.test", "c@x.test"]


async def test_more_mail_than_the_desk_holds_flows_without_another_ring(office: Office) -> None:
    for batch in range(6):
        await office.accept(*[f"{batch}-{number}@x.test" for number in range(50)])
    async with office.working(Limits(recipients=20, batch=10)):
        # Nobody rings, and the next look by itself is two seconds away.
        await office.remote.until(lambda: len(office.remote.sent) == 300, seconds=15)
    assert len({recipient for recipient, _, _ in office.remote.sent}) == 300


async def test_content_beyond_the_budget_waits_for_its_turn(office: Office) -> None:
    ids = [(await office.accept(f"{number}@x.test", body=b"x" * 70 + b"\r\n" * 1000))[0] for number in range(5)]
    async with office.working(Limits(content=3000)):
        await office.until("delivered", *ids)


async def test_what_was_not_begun_is_given_back_at_the_end(office: Office) -> None:
    ids = await office.accept(*[f"{number}@x.test" for number in range(20)])
    stall = asyncio.Event()

    async def wait() -> str:
        await stall.wait()
        return "250 2.0.0 taken"

    for number in range(20):
        office.remote.answers(f"{number}@x.test", wait)
    async with office.working():
        await office.remote.until(lambda: len(office.remote.asked) == 8)
        asyncio.get_running_loop().call_later(0.3, stall.set)
    states = await office.states(ids)
    assert (states.count("delivered"), states.count("queued")) == (8, 12)
    for id, state in zip(ids, states, strict=True):
        row = await office.row(id)
        assert (row["attempts"], row["lapses"]) == ((1, 0) if state == "delivered" else (0, 0))


async def test_work_that_ends_just_as_the_desk_stops_does_not_keep_it_from_stopping(office: Office) -> None:
    """A task that has ended is still among the desk's until the loop's next turn: waiting for it must let that come."""
    for turns in range(12):
        found, stop = asyncio.Event(), asyncio.Event()

        async def find(found: asyncio.Event = found, stop: asyncio.Event = stop, turns: int = turns) -> None:
            found.set()
            await stop.wait()
            for _ in range(turns):
                await asyncio.sleep(0)

        office.remote.finding = find
        (id,) = await office.accept(f"a{turns}@x.test")
        with _turning(20):
            running = asyncio.create_task(office.desk().run(stop, grace=5))
            await found.wait()
            stop.set()
            await running
        assert (await office.row(id))["state"] in {"queued", "delivered"}


@contextlib.contextmanager
def _turning(seconds: int) -> Iterator[None]:
    """Fail, from outside the event loop, where it goes on without a turn for anybody else."""

    def fail(*_: object) -> None:
        raise AssertionError("the event loop was held up")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


async def test_a_conversation_cut_at_the_end_is_marked_uncertain(office: Office) -> None:
    (id,) = await office.accept("a@x.test")

    async def never() -> str:
        await asyncio.Event().wait()
        return ""

    office.remote.answers("a@x.test", never, "250 2.0.0 taken")
    desk, until = office.desk(), asyncio.Event()
    running = asyncio.create_task(desk.run(until, grace=0.1))
    await office.remote.until(lambda: bool(office.remote.asked))
    until.set()
    await running
    row = await office.row(id)
    assert (row["state"], row["cause"], row["uncertain"]) == ("deferred", "interrupted", True)
    async with office.working():
        await office.until("delivered", id)


async def test_letters_that_wait_for_their_turn_stay_when_their_account_is_suspended(office: Office) -> None:
    gate = asyncio.Event()

    async def slow() -> str:
        await gate.wait()
        return "250 2.0.0 taken"

    addresses = [f"{number}@x.test" for number in range(60)]
    for address in addresses:
        office.remote.answers(address, slow)
    ids = await office.accept(*addresses)
    async with office.working() as desk:
        await office.remote.until(lambda: len(office.remote.asked) > 0)
        async with office.db.connection() as conn:
            await conn.execute("update account set suspended_at = livery_now() where id = $1", office.world.acme.id)
        async with asyncio.timeout(20):
            while office.world.shop.id not in desk._barred._known:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        begun = set(office.remote.asked)
        gate.set()
        await office.until("delivered", *(id for id, address in zip(ids, addresses, strict=True) if address in begun))
        await office.until("held", *(id for id, address in zip(ids, addresses, strict=True) if address not in begun))
    assert 0 < len(begun) < 60
    assert {recipient for recipient, _, _ in office.remote.sent} == begun
