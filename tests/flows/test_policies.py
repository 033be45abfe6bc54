"""What happens to mail when nothing is left to pay for it? Refused, held or queued, as the account wants it; end to end."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from kit import clock
from tests.support import credits
from tests.support.graphql import Api
from tests.support.mails import plain
from tests.support.rawsmtp import RawSmtp
from tests.support.stage import Stage
from tests.support.world import Tenant

_UPDATE = "mutation($input: UpdateAccountInput!) { updateAccount(input: $input) { __typename ... on Problem { code message } } }"
_MOVED = "{ __typename ... on MovedMessages { messageIds recipientCount } ... on Problem { code message field next } }"
_RELEASE = f"mutation($ids: [ID!]!) {{ releaseMessages(ids: $ids) {_MOVED} }}"
_CANCEL = f"mutation($ids: [ID!]!) {{ cancelMessages(ids: $ids) {_MOVED} }}"
_CREDITS = "query($id: ID) { credits(accountId: $id) { remaining month { limit used beginsAnew } } }"
_ZONE = "America/New_York"


async def settle_on(stage: Stage, tenant: Tenant, **settings: Any) -> None:
    """Have acme, which stands above, change an account's settings."""
    done = (await full(stage, stage.world.acme).run(_UPDATE, input={"id": str(tenant.id), **settings}))["updateAccount"]
    assert done["__typename"] == "Account", done


def full(stage: Stage, tenant: Tenant) -> Api:
    """A client with every permission."""
    return Api(stage.platform.url, tenant.full_key)


def submit(stage: Stage, tenant: Tenant, *readers: str) -> str:
    """Submit one message over SMTP and return the reply to its final dot, whatever it is."""
    with RawSmtp(stage.platform.submission) as smtp:
        smtp.say("EHLO client.test")
        smtp.starttls(stage.platform.client_tls())
        smtp.say("EHLO client.test")
        assert smtp.plain(tenant.smtp_user, tenant.smtp_password).startswith("235")
        smtp.say(f"MAIL FROM:<{tenant.email}>")
        for reader in readers:
            assert smtp.say(f"RCPT TO:<{reader}>").startswith("250")
        return smtp.data(plain(tenant.email, readers[0], "policy"))


async def give(stage: Stage, tenant: Tenant, amount: int) -> None:
    async with stage.database() as conn:
        await credits.exactly(conn, tenant.id, amount, grants_of=1)


async def left(stage: Stage, tenant: Tenant) -> int:
    async with stage.database() as conn:
        return await credits.left(conn, tenant.id)


async def message_of(stage: Stage, reader: str) -> str:
    async with stage.database() as conn:
        return str(await conn.fetchval("select message_id from recipient where address = $1", reader))


async def held(stage: Stage, *readers: str) -> dict[str, tuple[str, str | None]]:
    """State and cause of each."""
    async with stage.database() as conn:
        rows = await conn.fetch("select address, state, cause from recipient where address = any ($1::text[])", readers)
    return {row["address"]: (row["state"], row["cause"]) for row in rows}


async def go_to(stage: Stage, wanted: datetime) -> None:
    """Let it be that moment for every process."""
    async with stage.database() as conn:
        await clock.shift(conn, wanted - await clock.now(conn))


async def month_end(stage: Stage) -> datetime:
    """An hour before the month after the present one's next begins in New York, whatever day it is there now."""
    async with stage.database() as conn:
        now = (await clock.now(conn)).astimezone(ZoneInfo(_ZONE))
    following = (now.replace(day=1) + timedelta(days=70)).replace(day=1)
    return datetime(following.year, following.month, 1, tzinfo=ZoneInfo(_ZONE)) - timedelta(hours=1)


async def test_reject_says_what_is_missing_and_takes_nothing(stage: Stage) -> None:
    cafe = stage.world.cafe
    await settle_on(stage, cafe, whenSpent="REJECT", monthlyLimit=None)
    await give(stage, cafe, 1)
    before = await stage.stored()
    assert submit(stage, cafe, "one@far.test", "two@far.test") == (
        "452 4.7.1 Not enough credits for this message. Buy credits or ask whoever runs your account, then send again."
    )
    assert await stage.stored() == before
    async with stage.host() as sink:
        assert submit(stage, cafe, "paid@far.test").startswith("250 2.0.0")
        await sink.receives(1)
        await stage.settle()
    assert await left(stage, cafe) == 0


async def test_hold_takes_the_mail_and_a_person_releases_it_when_there_is_credit(stage: Stage) -> None:
    cafe, api = stage.world.cafe, full(stage, stage.world.cafe)
    await settle_on(stage, cafe, whenSpent="HOLD", monthlyLimit=None)
    await give(stage, cafe, 1)
    readers = ("h1@far.test", "h2@far.test")
    assert submit(stage, cafe, *readers).startswith("250 2.0.0")
    assert await held(stage, *readers) == dict.fromkeys(readers, ("held", "no_credits"))
    assert await left(stage, cafe) == 1
    id = await message_of(stage, readers[0])
    refused = (await api.run(_RELEASE, ids=[id]))["releaseMessages"]
    assert (refused["code"], refused["field"]) == ("NO_CREDITS", ["ids"])
    assert refused["message"] == (
        "1 of these messages cannot be released: there is no credit for 2 of their recipients."
    )
    assert await held(stage, *readers) == dict.fromkeys(readers, ("held", "no_credits"))
    rival = (await full(stage, stage.world.rival).run(_RELEASE, ids=[id]))["releaseMessages"]
    nothing = (await api.run(_RELEASE, ids=["00000000-0000-7000-8000-000000000000"]))["releaseMessages"]
    assert rival == nothing and nothing["code"] == "MISSING"
    await give(stage, cafe, 3)
    async with stage.host() as sink:
        released = (await api.run(_RELEASE, ids=[id]))["releaseMessages"]
        assert (released["messageIds"], released["recipientCount"]) == ([id], 2)
        await sink.receives(2)
        states = await stage.settle()
    assert {states[reader] for reader in readers} == {"delivered"}
    assert await left(stage, cafe) == 1
    again = (await api.run(_RELEASE, ids=[id]))["releaseMessages"]
    assert again["code"] == "MISSING"
    assert await left(stage, cafe) == 1


async def test_queue_lets_the_oldest_go_first_as_soon_as_there_is_credit(stage: Stage) -> None:
    cafe, acme = stage.world.cafe, full(stage, stage.world.acme)
    await settle_on(stage, cafe, whenSpent="QUEUE", monthlyLimit=None)
    await give(stage, cafe, 0)
    readers = ["q1@far.test", "q2@far.test", "q3@far.test"]
    for reader in readers:
        assert submit(stage, cafe, reader).startswith("250 2.0.0")
    assert await held(stage, *readers) == dict.fromkeys(readers, ("held", "no_credits"))
    hand_down = "mutation($input: HandDownCreditsInput!) { handDownCredits(input: $input) { __typename } }"
    async with stage.host() as sink:
        await acme.run(hand_down, input={"accountId": str(cafe.id), "amount": 2})
        await sink.receives(2)
        await stage.settle()
        assert {mail.recipients[0] for mail in sink.accepted} == set(readers[:2])
        assert await held(stage, readers[2]) == {readers[2]: ("held", "no_credits")}
        await acme.run(hand_down, input={"accountId": str(cafe.id), "amount": 2})
        await sink.receives(3)
        await stage.settle()
    assert await left(stage, cafe) == 1


async def test_held_mail_is_cancelled_or_expires_without_a_charge_and_its_sender_is_told(stage: Stage) -> None:
    cafe, api = stage.world.cafe, full(stage, stage.world.cafe)
    await settle_on(stage, cafe, whenSpent="HOLD", monthlyLimit=None)
    await give(stage, cafe, 0)
    for reader in ("c1@far.test", "c2@far.test"):
        assert submit(stage, cafe, reader).startswith("250 2.0.0")
    cancelled = (await api.run(_CANCEL, ids=[await message_of(stage, "c1@far.test")]))["cancelMessages"]
    assert cancelled["recipientCount"] == 1
    await stage.later(timedelta(hours=73))
    async with stage.host() as sink:
        (report,) = await sink.receives(1, seconds=60)
        await stage.settle()
    assert (report.sender, report.recipients) == ("", (cafe.email,))
    assert b"\r\nContent-Type: multipart/report; report-type=delivery-status;\r\n" in report.content
    assert b"\r\nFinal-Recipient: rfc822; c2@far.test\r\nAction: failed\r\nStatus: 4.4.7\r\n" in report.content
    assert b"It waited because there were no credits to send it,\r\n" in report.content
    assert b"DKIM-Signature: " in report.content
    assert b"c1@far.test" not in report.content
    assert (await held(stage, "c2@far.test"))["c2@far.test"] == ("expired", "expired")
    assert (await held(stage, "c1@far.test"))["c1@far.test"][0] == "cancelled"
    async with stage.database() as conn:
        charged = await conn.fetchval(
            """select count(*) from credit_entry c join recipient r on r.message_id = c.message_id
                where r.address like 'c_@far.test'"""
        )
    assert (charged, await left(stage, cafe)) == (0, 0)


async def test_what_is_cancelled_while_it_waits_is_paid_back_to_its_grant(stage: Stage) -> None:
    cafe, api = stage.world.cafe, full(stage, stage.world.cafe)
    await settle_on(stage, cafe, whenSpent="REJECT", monthlyLimit=None)
    await give(stage, cafe, 5)
    # Nobody is at the end of the route, so the mail waits.
    assert submit(stage, cafe, "w1@far.test", "w2@far.test").startswith("250 2.0.0")
    assert await left(stage, cafe) == 3
    await stage.reach(lambda states: {states["w1@far.test"], states["w2@far.test"]} == {"deferred"}, "deferral")
    id = await message_of(stage, "w1@far.test")
    assert (await api.run(_CANCEL, ids=[id]))["cancelMessages"]["recipientCount"] == 2
    assert await left(stage, cafe) == 5
    assert (await api.run(_CANCEL, ids=[id]))["cancelMessages"]["code"] == "MISSING"
    assert await left(stage, cafe) == 5


@pytest.mark.parametrize("policy", ["REJECT", "QUEUE"])
async def test_a_monthly_limit_ends_with_the_month_of_the_accounts_zone(stage: Stage, policy: str) -> None:
    cafe, acme = stage.world.cafe, full(stage, stage.world.acme)
    await settle_on(stage, cafe, whenSpent=policy, monthlyLimit=None, timeZone=_ZONE)
    end = await month_end(stage)
    await go_to(stage, end)
    await give(stage, cafe, 100)
    anew = (end + timedelta(hours=1)).date().isoformat()
    name = policy.lower()
    async with stage.host() as sink:
        # One before there is a limit: of a new one it is used already.
        assert submit(stage, cafe, f"{name}-0@far.test").startswith("250 2.0.0")
        await settle_on(stage, cafe, monthlyLimit=2)
        assert submit(stage, cafe, f"{name}-1@far.test").startswith("250 2.0.0")
        month = (await acme.run(_CREDITS, id=str(cafe.id)))["credits"]["month"]
        assert month == {"limit": 2, "used": 2, "beginsAnew": anew}
        last = submit(stage, cafe, f"{name}-2@far.test")
        if policy == "REJECT":
            assert last == (
                f"452 4.7.1 The limit of this month is reached; it begins anew on {anew}. "
                "Send again then, or ask whoever runs your account for a higher limit."
            )
        else:
            assert last.startswith("250 2.0.0")
            assert await held(stage, f"{name}-2@far.test") == {f"{name}-2@far.test": ("held", "monthly_limit")}
        await sink.receives(2)
        await stage.later(timedelta(hours=1, minutes=1))
        if policy == "REJECT":
            assert submit(stage, cafe, f"{name}-2@far.test").startswith("250 2.0.0")
        await sink.receives(3)
        await stage.settle()
        month = (await acme.run(_CREDITS, id=str(cafe.id)))["credits"]["month"]
        assert (month["limit"], month["used"]) == (2, 1)
    await settle_on(stage, cafe, monthlyLimit=None, timeZone="UTC", whenSpent="REJECT")
