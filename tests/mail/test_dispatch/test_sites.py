"""Does a receiver that hangs cost anybody else their turn, and does one account's flood delay another's mail?"""

import asyncio

from mail.dispatch import Limits
from mail.pacing import Pace
from tests.mail.test_dispatch.conftest import Office


async def test_a_site_that_hangs_ties_up_its_own_lanes_and_share_only(office: Office) -> None:
    office.pace = Pace(lanes_per_site=2, desk=40, share=0.25)
    hung = asyncio.Event()

    async def hang() -> str:
        await hung.wait()
        return "250 2.0.0 taken"

    tarpit = [f"{number}@tarpit.test" for number in range(200)]
    for address in tarpit:
        office.remote.answers(address, hang)
    slow = await office.accept(*tarpit)
    async with office.working(Limits(recipients=40, batch=10)) as desk:
        await office.remote.until(lambda: len(office.remote.asked) == 2)
        quick = [(await office.accept(f"a@{number}.test"))[0] for number in range(60)]
        desk.look()
        await office.until("delivered", *quick)
        states = await office.states(slow)
        # One batch came before the domain was at its share.
        assert (states.count("queued"), states.count("sending")) == (190, 10)
        assert len([address for address in office.remote.asked if address in tarpit]) == 2
        hung.set()
        await office.until("delivered", *slow)


async def test_a_site_that_slows_one_source_down_takes_the_others_mail_meanwhile(office: Office) -> None:
    office.pace = Pace(lanes_per_site=2, desk=40, share=0.25)
    async with office.db.connection() as conn:
        # The nearest source above counts, this machine has it, and the others have none.
        await conn.execute(
            """with made as (insert into source (id, name, ip, hostname)
                             values (gen_random_uuid(), 'Slow', '127.0.0.9', 'slow.test') returning id)
               update account set source_id = made.id from made where slug = 'acme.test'"""
        )
    hung = asyncio.Event()

    async def hang() -> str:
        await hung.wait()
        return "250 2.0.0 taken"

    slow = [f"slow{number}@big.test" for number in range(6)]
    for address in slow:
        office.remote.answers(address, hang)
    held_up = await office.accept(*slow, tenant=office.world.shop)
    async with office.working(Limits(recipients=40, batch=10)) as desk:
        await office.remote.until(lambda: len(office.remote.asked) == 2)
        quick = await office.accept(*[f"quick{number}@big.test" for number in range(6)], tenant=office.world.rival)
        desk.look()
        await office.until("delivered", *quick)
        assert [address for address in office.remote.asked if address in slow] == office.remote.asked[:2]
        hung.set()
        await office.until("delivered", *held_up)


async def test_a_flood_of_one_account_does_not_hold_up_another(office: Office) -> None:
    for _ in range(4):
        await office.accept(*[f"{number}@flood.test" for number in range(250)], tenant=office.world.shop)
    async with office.working(Limits(recipients=40, batch=20)) as desk:
        await office.remote.until(lambda: len(office.remote.sent) > 50)
        (id,) = await office.accept("one@quiet.test", tenant=office.world.rival)
        before = len(office.remote.sent)
        desk.look()
        await office.until("delivered", id)
        # What was claimed before goes first; after that the quiet account has its turn at once.
        position = [recipient for recipient, _, _ in office.remote.sent].index("one@quiet.test")
        assert position - before <= 80
        await office.remote.until(lambda: len(office.remote.sent) == 1001)


async def test_one_recipient_too_many_is_not_asked_again_at_once(office: Office) -> None:
    (id,) = await office.accept("a@x.test")
    office.remote.answers("a@x.test", "452 4.5.3 too many recipients")
    async with office.working() as desk:
        await office.until("deferred", id)
        desk.look()
        (other,) = await office.accept("b@x.test")
        desk.look()
        await office.until("delivered", other)
    assert office.remote.asked.count("a@x.test") == 1
