"""Do large messages that are made for each recipient stay within the budget, and does a receiver that hangs hold up nobody?"""

import asyncio
from uuid import UUID

from mail.dispatch import Limits
from mail.pacing import Pace
from tests.mail.test_dispatch.conftest import Office
from tests.mail.test_dispatch.test_treated import HTML, choose

LARGE = (b"<p>" + b"x" * 70 + b"\r\n") * 4_000
WHOLE = len(LARGE) + 2_000
"""Bytes of a large message with its header, and some."""


class Hang:
    """A receiver that says nothing before it is told to."""

    def __init__(self) -> None:
        self.end = asyncio.Event()

    async def __call__(self) -> str:
        await self.end.wait()
        return "250 2.0.0 taken"


async def large(office: Office, *to: str) -> tuple[UUID, ...]:
    return await office.accept(*to, body=LARGE, headers=HTML)


async def begun(office: Office, *addresses: str) -> None:
    """Wait until deliveries to these have begun."""
    await office.remote.until(lambda: set(addresses) <= set(office.remote.asked))


async def test_a_receiver_that_hangs_holds_up_no_other_recipient(office: Office) -> None:
    await choose(office, office.world.shop, track_opens=True)
    hang = Hang()
    office.remote.answers("a@hangs.test", hang)
    ids = await large(office, "a@hangs.test", *(f"{n}@x{n}.test" for n in range(6)))
    # Room for the message, the letter that hangs, and one besides.
    limits = Limits(content=5 * WHOLE)
    async with office.working(limits):
        await office.until("delivered", *ids[1:])
        assert await office.states(ids[:1]) == ["sending"]
        hang.end.set()
        await office.until("delivered", ids[0])
    assert len(office.remote.sent) == 7
    # Two letters at once, and no more: the rest is theirs before they are finished, and the message's.
    assert 1.9 * len(LARGE) < office.remote.most < 2.1 * len(LARGE)


async def test_without_more_room_than_its_own_a_message_goes_to_one_after_the_other(office: Office) -> None:
    await choose(office, office.world.shop, track_opens=True)
    ids = await large(office, *(f"{n}@x{n}.test" for n in range(4)))
    async with office.working(Limits(content=3 * WHOLE)):
        await office.until("delivered", *ids)
    assert office.remote.most < 1.1 * len(LARGE)


async def test_what_is_the_same_for_all_needs_no_room_of_its_own(office: Office) -> None:
    to = [f"{n}@x{n}.test" for n in range(4)]
    hangs = [Hang() for _ in to]
    for address, hang in zip(to, hangs, strict=True):
        office.remote.answers(address, hang)
    ids = await large(office, *to)
    async with office.working(Limits(content=3 * WHOLE)):
        await begun(office, *to)
        for hang in hangs:
            hang.end.set()
        await office.until("delivered", *ids)


async def test_messages_that_fill_the_budget_never_wait_for_each_other(office: Office) -> None:
    await choose(office, office.world.shop, track_opens=True)
    hangs = [Hang(), Hang()]
    office.remote.answers("a@x.test", hangs[0])
    office.remote.answers("b@x.test", hangs[1])
    first = await large(office, "a@x.test", "a@y.test", "a@z.test")
    second = await large(office, "b@x.test", "b@y.test", "b@z.test")
    # Two batches, each with a message, and no room but what those have, though the first may lend what the second waits for.
    async with office.working(Limits(content=6 * WHOLE, batch=3)):
        await begun(office, "a@x.test", "b@x.test")
        for hang in hangs:
            hang.end.set()
        await office.until("delivered", *first, *second)
    assert office.remote.most < 2.1 * len(LARGE)


async def test_the_next_message_that_waits_for_room_holds_up_no_letter_of_this_one(office: Office) -> None:
    await choose(office, office.world.shop, track_opens=True)
    hang, gate = Hang(), Hang()
    office.remote.answers("a@x.test", hang)
    for n in range(4):
        office.remote.answers(f"{n}@x{n}.test", gate)
    ids = await large(office, "a@x.test", *(f"{n}@x{n}.test" for n in range(4)))
    async with office.working(Limits(content=5 * WHOLE)) as desk:
        await office.remote.until(lambda: len(office.remote.asked) == 2)
        (later,) = await large(office, "later@z.test")
        desk.look()
        async with asyncio.timeout(20):
            while not desk._prepare.room._budget._queue:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        gate.end.set()
        await office.until("delivered", *ids[1:])
        assert await office.states([ids[0], later]) == ["sending", "sending"]
        hang.end.set()
        await office.until("delivered", ids[0], later)


async def test_the_lane_of_a_letter_without_room_goes_on_with_others(office: Office) -> None:
    await choose(office, office.world.shop, track_opens=True)
    office.pace = Pace(lanes_per_site=1, desk=400, share=None)
    hang = Hang()
    office.remote.answers("a@x.test", hang)
    ids = await large(office, "a@x.test", "b@y.test")
    async with office.working(Limits(content=4 * WHOLE)) as desk:
        await begun(office, "a@x.test")
        small = await office.accept("c@y.test", tenant=office.world.cafe)
        desk.look()
        await office.until("delivered", *small)
        assert office.remote.asked == ["a@x.test", "c@y.test"]
        hang.end.set()
        await office.until("delivered", *ids)


async def test_letters_without_room_are_given_back_at_the_end(office: Office) -> None:
    await choose(office, office.world.shop, track_opens=True)
    hang = Hang()
    to = [f"{n}@x{n}.test" for n in range(4)]
    for address in to:
        office.remote.answers(address, hang)
    ids = await large(office, *to)
    async with office.working(Limits(content=3 * WHOLE)):
        await begun(office, to[0])
        asyncio.get_running_loop().call_later(0.3, hang.end.set)
    assert sorted(await office.states(ids)) == ["delivered", "queued", "queued", "queued"]
    assert len(office.remote.asked) == 1
