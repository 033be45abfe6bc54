"""Is nobody sent to who came onto a list while the mail waited, and is what was paid for it given back?"""

from datetime import timedelta

from mail.suppressions import Reason, lift, suppress
from tests.mail.test_dispatch.conftest import Office
from tests.support import credits
from tests.support.world import CREDITS


async def listed(
    office: Office, address: str, *, everybodys: bool = False, reason: Reason = Reason.UNSUBSCRIBE
) -> None:
    async with office.db.connection() as conn:
        await suppress(conn, None if everybodys else office.world.shop.id, address, reason, "test")


async def left(office: Office) -> int:
    async with office.db.connection() as conn:
        return await credits.left(conn, office.world.shop.id)


async def test_who_unsubscribes_while_it_waits_is_not_sent_to_and_not_paid_for(office: Office) -> None:
    ids = await office.accept("a@x.test", "b@x.test", "c@y.test")
    assert await left(office) == CREDITS - 3
    await listed(office, "b@X.test")
    await listed(office, "c@y.test", everybodys=True)
    async with office.working():
        await office.until("delivered", ids[0])
        await office.until("suppressed", ids[1], ids[2])
    assert [to for to, _, _ in office.remote.sent] == ["a@x.test"]
    assert office.remote.asked == ["a@x.test"], "nobody is even called for the others"
    assert await left(office) == CREDITS - 1
    assert await office.kinds(ids[1]) == ["accepted", "suppressed"]
    row = await office.row(ids[1])
    assert (row["cause"], row["reply"]) == ("listed_unsubscribe", "Not sent: the recipient has unsubscribed.")
    assert (await office.row(ids[2]))["cause"] == "listed_platform"


async def test_every_attempt_asks_again(office: Office) -> None:
    (id,) = await office.accept("a@x.test")
    office.remote.answers("a@x.test", "451 4.3.0 later")
    async with office.working() as desk:
        await office.until("deferred", id)
        await listed(office, "a@x.test")
        await office.pass_time(timedelta(minutes=6))
        desk.look()
        await office.until("suppressed", id)
    assert office.remote.asked == ["a@x.test"]
    assert await left(office) == CREDITS


async def test_who_is_taken_off_again_is_sent_to(office: Office) -> None:
    await listed(office, "a@x.test")
    (early,) = await office.accept("a@x.test")
    assert (await office.row(early))["state"] == "suppressed"
    async with office.db.connection() as conn:
        await lift(conn, office.world.shop.id, "a@x.test", Reason.UNSUBSCRIBE)
    (late,) = await office.accept("a@x.test")
    async with office.working():
        await office.until("delivered", late)
    assert (await office.row(early))["state"] == "suppressed"


async def test_a_hard_bounce_suppresses_and_another_one_does_not(office: Office) -> None:
    ids = await office.accept("gone@x.test", "spam@x.test")
    office.remote.answers("gone@x.test", "550 5.1.1 no such user")
    office.remote.answers("spam@x.test", "550 5.7.1 message refused as spam")
    async with office.working():
        await office.until("bounced", *ids)
        after = await office.accept("gone@x.test", "spam@x.test")
        await office.until("suppressed", after[0])
        await office.until("bounced", after[1])
    assert office.remote.asked.count("gone@x.test") == 1
    assert (await office.row(after[0]))["cause"] == "listed_bounce"


async def test_the_platforms_own_notices_are_sent_all_the_same(office: Office) -> None:
    (notice,) = await office.accept("a@x.test", notice=True)
    (plain,) = await office.accept("a@x.test")
    await listed(office, "a@x.test", everybodys=True)
    async with office.working():
        await office.until("delivered", notice)
        await office.until("suppressed", plain)


async def test_a_suspended_accounts_mail_waits_whoever_it_is_for(office: Office) -> None:
    (id,) = await office.accept("a@x.test")
    await listed(office, "a@x.test")
    async with office.db.connection() as conn:
        await conn.execute("update account set suspended_at = livery_now() where id = $1", office.world.shop.id)
    async with office.working():
        await office.until("held", id)
