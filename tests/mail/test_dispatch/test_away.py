"""Is anything sent twice when the database was away, or a worker slept, for longer than a lease, and everybody lives?"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import cast

from kit import clock
from kit.db import Database
from mail.dispatch import Limits
from mail.dispatch import claim as queue
from mail.dispatch.leases import Leases
from tests.mail.test_dispatch.conftest import Office

LEASE = timedelta(seconds=90)
OVER = timedelta(seconds=91)


def once(event: asyncio.Event) -> Callable[[], Awaitable[str]]:
    """A host that thinks about it until `event`, then takes it."""

    async def wait() -> str:
        await event.wait()
        return "250 2.0.0 taken"

    return wait


async def now(office: Office) -> datetime:
    """The database's time."""
    async with office.db.connection() as conn:
        return await clock.now(conn)


async def test_the_desk_does_not_claim_what_it_is_speaking_about(office: Office) -> None:
    answer = asyncio.Event()
    office.remote.answers("a@a.test", once(answer))
    (id,) = await office.accept("a@a.test")
    async with office.working() as desk:
        await office.remote.until(lambda: office.remote.asked == ["a@a.test"])
        await office.pass_time(OVER)
        (other,) = await office.accept("b@b.test")
        desk.look()
        await office.until("delivered", other)
        row = await office.row(id)
        assert (row["state"], row["attempts"], row["lapses"], row["fence"]) == ("sending", 1, 0, 1)
        answer.set()
        await office.until("delivered", id)
    assert office.remote.asked == ["a@a.test", "b@b.test"]
    assert (await office.row(id))["uncertain"] is False


async def test_a_suspect_that_the_desk_is_speaking_about_holds_up_nobody(office: Office) -> None:
    answer = asyncio.Event()
    office.remote.answers("a@a.test", once(answer))
    (id,) = await office.accept("a@a.test")
    async with office.db.connection() as conn:
        await queue.claim(conn, 10, LEASE)  # by a worker that dies
    await office.pass_time(OVER)
    async with office.working():
        await office.remote.until(lambda: office.remote.asked == ["a@a.test"])
        await office.pass_time(OVER)
        # Nobody rings: the desk looks by itself, and looks for suspects first.
        (other,) = await office.accept("b@b.test")
        await office.until("delivered", other)
        row = await office.row(id)
        assert (row["state"], row["attempts"], row["lapses"]) == ("sending", 2, 1)
        answer.set()
        await office.until("delivered", id)
    assert [recipient for recipient, _, _ in office.remote.sent] == ["b@b.test", "a@a.test"]


async def test_another_worker_may_take_what_is_over(office: Office) -> None:
    (id,) = await office.accept("a@a.test")
    async with office.db.connection() as conn:
        (first,) = (await queue.claim(conn, 10, LEASE)).claimed
        await clock.shift(conn, OVER)
        assert (await queue.claim(conn, 10, LEASE, mine=[id])).claimed == ()
        (second,) = (await queue.claim(conn, 10, LEASE)).claimed
        assert (first.fence, second.fence, second.lapses) == (1, 2, 1)
        await clock.shift(conn, OVER)
        assert not await queue.suspects_due(conn, mine=[id])
        assert await queue.claim_suspect(conn, LEASE, mine=[id]) is None
        assert await queue.suspects_due(conn)
        third = await queue.claim_suspect(conn, LEASE)
        assert third is not None
        assert (third.id, third.fence) == (id, 3)


async def test_what_is_held_is_renewed_before_anything_is_claimed_after_the_database_was_away(office: Office) -> None:
    answer = asyncio.Event()
    office.remote.answers("a@a.test", once(answer))
    (id,) = await office.accept("a@a.test")
    async with office.working() as desk:
        await office.remote.until(lambda: office.remote.asked == ["a@a.test"])
        office.line.cut = True
        desk.look()
        await office.line.refused.wait()
        await office.pass_time(OVER)
        (other,) = await office.accept("b@b.test")
        office.line.cut = False
        await office.until("delivered", other)
        row = await office.row(id)
        assert (row["state"], row["attempts"], row["next_attempt_at"] > await now(office)) == ("sending", 1, True)
        answer.set()
        await office.until("delivered", id)
    assert [recipient for recipient, _, _ in office.remote.sent] == ["b@b.test", "a@a.test"]


async def test_what_was_taken_while_the_database_was_away_is_recorded_and_not_sent_again(office: Office) -> None:
    answer = asyncio.Event()
    addresses = [f"a@{number}.test" for number in range(6)]
    for address in addresses:
        office.remote.answers(address, once(answer))
    ids = await office.accept(*addresses)
    async with office.working() as desk:
        await office.remote.until(lambda: len(office.remote.asked) == 6)
        office.line.cut = True
        answer.set()
        await office.remote.until(lambda: len(office.remote.sent) == 6)
        await office.line.refused.wait()
        await office.pass_time(OVER)
        office.line.cut = False
        desk.look()
        await office.until("delivered", *ids)
    assert sorted(recipient for recipient, _, _ in office.remote.sent) == addresses
    assert [((row := await office.row(id))["attempts"], row["uncertain"]) for id in ids] == [(1, False)] * 6


async def test_the_end_of_an_old_claim_leaves_the_new_one_held(office: Office) -> None:
    await office.accept("a@a.test")
    leases = Leases(office.db, LEASE)
    async with office.db.connection() as conn:
        (first,) = (await queue.claim(conn, 10, LEASE)).claimed
        leases.hold([first], time.monotonic())
        await clock.shift(conn, OVER)
        (second,) = (await queue.claim(conn, 10, LEASE)).claimed
    (held,) = leases.hold([second], time.monotonic())
    leases.drop([first])
    assert leases.all() == [held]
    leases.drop([second])
    assert leases.all() == []


async def test_a_heartbeat_ends_where_the_claim_is_neither_held_nor_ours(office: Office) -> None:
    await office.accept("a@a.test")
    leases = Leases(office.db, LEASE)
    async with office.db.connection() as conn:
        (first,) = (await queue.claim(conn, 10, LEASE)).claimed
        # Long not renewed, so that it asks, and still ours.
        (lease,) = leases.hold([first], time.monotonic() - 60)
        assert await leases.heartbeat(lease)
        lease.since -= 60
        leases.drop([first])
        await clock.shift(conn, OVER)
        await queue.claim(conn, 10, LEASE)  # by another worker
    async with asyncio.timeout(5):
        assert not await leases.heartbeat(lease)


async def test_two_workers_that_were_both_cut_off_leave_each_other_what_they_hold(office: Office) -> None:
    short = Limits(lease=timedelta(milliseconds=900))
    answer = asyncio.Event()
    addresses = [f"a@{number}.test" for number in range(6)]
    for address in addresses:
        office.remote.answers(address, once(answer))
    async with office.working(short), office.working(short):
        ids = await office.accept(*addresses)
        await office.remote.until(lambda: len(office.remote.asked) == 6)
        office.line.cut = True
        async with asyncio.timeout(10):
            while max([(await office.row(id))["next_attempt_at"] for id in ids]) > await now(office):  # noqa: ASYNC110 - the clock
                await asyncio.sleep(0.01)
        office.line.cut = False
        (other,) = await office.accept("b@b.test")
        await office.until("delivered", other)
        answer.set()
        await office.until("delivered", *ids)
    assert sorted(recipient for recipient, _, _ in office.remote.sent) == [*addresses, "b@b.test"]


async def test_a_heartbeat_waits_for_the_database_no_longer_than_the_lease(office: Office) -> None:
    await office.accept("a@a.test")
    leases = Leases(cast(Database, office.line), LEASE)
    async with office.db.connection() as conn:
        (claimed,) = (await queue.claim(conn, 10, LEASE)).claimed
    (lease,) = leases.hold([claimed], time.monotonic() - LEASE.total_seconds() + 1)
    office.line.cut = True
    async with asyncio.timeout(10):
        assert not await leases.heartbeat(lease)
    # Whoever asked was told no: renewing it afterwards would only keep it from the next worker.
    office.line.cut = False
    before = (await office.row(claimed.id))["next_attempt_at"]
    await leases.renew()
    assert (lease.lost, (await office.row(claimed.id))["next_attempt_at"]) == (True, before)
