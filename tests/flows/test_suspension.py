"""Suspended with mail in the queue, nothing leaves; resumed, everything leaves once; deleted, nothing is left to read."""

import asyncio
import smtplib
from collections.abc import Sequence

import httpx
import pytest

from kit.crypto import Keyring
from mail.wire import returnpath, unsubscribe
from mail.wire.unsubscribe import Ticket
from tests.support.graphql import Api, Refused
from tests.support.mails import plain
from tests.support.platform import MAIL_DOMAIN
from tests.support.sink import Sink
from tests.support.stage import Stage, eventually
from tests.support.world import PASSWORD, SECRET_KEY, Tenant

_STATE = "... on Account { state } ... on Problem { code message }"
SUSPEND = f'mutation($id: ID!) {{ suspendAccount(id: $id, reason: "unpaid") {{ {_STATE} }} }}'
RESUME = f"mutation($id: ID!) {{ resumeAccount(id: $id) {{ {_STATE} }} }}"
DELETE = """mutation($id: ID!, $name: String!) {
  deleteAccount(id: $id, name: $name) { ... on DeletedAccount { id } ... on Problem { code message } } }"""

MANY = 100


async def reseller(stage: Stage) -> Api:
    return await Api(stage.platform.url).login(stage.world.acme.email, PASSWORD)


async def queue(stage: Stage, tenant: Tenant, count: int) -> list[str]:
    """Have a tenant submit this many messages while their host is away; all are deferred."""
    addresses = [f"{tenant.name}{n}@far.test" for n in range(count)]

    def submit() -> None:
        with stage.session(tenant) as session:
            for address in addresses:
                session.sendmail(tenant.email, address, plain(tenant.email, address))

    await asyncio.to_thread(submit)
    await stage.reach(
        lambda states: all(states.get(address) == "deferred" for address in addresses), "deferred mail", seconds=60
    )
    return addresses


async def make_due(stage: Stage) -> None:
    async with stage.database() as conn:
        await conn.execute("update recipient set next_attempt_at = livery_now() where state = 'deferred'")


async def test_a_suspended_accounts_queue_waits_and_leaves_once_after_the_resume(stage: Stage) -> None:
    addresses = await queue(stage, stage.world.shop, MANY)
    acme, shop = await reseller(stage), str(stage.world.shop.id)
    answer = await acme.run(SUSPEND, id=shop)
    assert answer == {"suspendAccount": {"state": "SUSPENDED"}}
    sink = Sink()
    async with stage.host(sink):
        await make_due(stage)
        await stage.reach(
            lambda states: all(states[address] == "held" for address in addresses), "held mail", seconds=60
        )
        # No login to send, and what was submitted before goes nowhere.
        with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
            await stage.submit(plain(stage.world.shop.email, "late@far.test"), ["late@far.test"])
        assert refused.value.smtp_code == 525
        assert (sink.connections, sink.mails) == (0, [])
        assert await acme.run(RESUME, id=shop) == {"resumeAccount": {"state": "ACTIVE"}}
        await stage.reach(
            lambda states: all(states[address] == "delivered" for address in addresses), "delivered mail", seconds=60
        )
        assert sorted(mail.recipients[0] for mail in sink.accepted) == sorted(addresses)


LISTS = """{ recipients(first: 100) { nodes { address } } messages(first: 100) { nodes { sender subject } }
  latestEvents(first: 50) { recipient sender } subAccounts(first: 100, deep: true) { nodes { slug name } } }"""
BY_ID = "query($m: ID!, $r: ID!, $a: ID!) { message(id: $m) { id } recipient(id: $r) { id } account(id: $a) { id } }"
NOTHING = {"message": None, "recipient": None, "account": None}


async def test_of_a_deleted_account_nothing_is_readable_and_complaints_are_still_taken(stage: Stage) -> None:
    cafe = stage.world.cafe
    [first, *_] = await queue(stage, cafe, 20)
    above = [await reseller(stage), await Api(stage.platform.url).login(stage.world.platform.email, PASSWORD)]
    inside = [stage.api(cafe), await Api(stage.platform.url).login(cafe.email, PASSWORD)]
    async with stage.database() as conn:
        row = await conn.fetchrow(
            "select id, message_id from recipient where account_id = $1 and address = $2", cafe.id, first
        )
        before = await conn.fetchval("select coalesce(sum(total), 0)::int from tally where account_id = $1", cafe.id)
        name = await conn.fetchval("select name from account where id = $1", cafe.id)
    ids = {"m": str(row["message_id"]), "r": str(row["id"]), "a": str(cafe.id)}
    for viewer in (*above, *inside):
        assert first in str(await viewer.run(LISTS))
        assert None not in (await viewer.run(BY_ID, **ids)).values()
    path = f"{returnpath.encode(Keyring(SECRET_KEY), row['id'])}@{MAIL_DOMAIN}"
    link = f"/u/{unsubscribe.seal(Keyring(SECRET_KEY), Ticket(cafe.id, row['id'], first))}"

    assert (await above[0].run(DELETE, id=str(cafe.id), name=name))["deleteAccount"] == {"id": str(cafe.id)}
    await _nothing_is_readable(stage, above, inside, ids)
    assert await asyncio.to_thread(_complain, stage, path) == 250
    await _unsubscribe(stage, link)

    async def purged() -> bool | None:
        async with stage.database() as conn:
            found = await conn.fetchval("select true from account where id = $1 and purged_at is not null", cafe.id)
        return True if found else None

    await eventually(purged, "purged account", seconds=60, explain=stage.explain)
    await _nothing_is_readable(stage, above, inside, ids)
    async with stage.database() as conn:
        for table in ("message", "recipient", "event", "attempt", "member", "credential", "domain", "audit_entry"):
            assert await conn.fetchval(f"select count(*) from {table} where account_id = $1", cafe.id) == 0, table
        assert (
            await conn.fetchval("select coalesce(sum(total), 0)::int from tally where account_id = $1", cafe.id)
            >= before
        )
    # What recipients hold of us goes on being heard: what we signed is taken, what nobody signed is not.
    assert await asyncio.to_thread(_complain, stage, path) == 250
    assert await asyncio.to_thread(_complain, stage, f"b{'a' * 40}@{MAIL_DOMAIN}") == 550
    await _unsubscribe(stage, link)
    async with stage.database() as conn:
        assert await conn.fetchval("select count(*) from suppression where account_id = $1", cafe.id) == 0
        assert await conn.fetchval("select count(*) from returned_mail where recipient_id = $1", row["id"]) == 0


async def _unsubscribe(stage: Stage, link: str) -> None:
    """By the button of a mail program, with a link on a host that is nobody's any more."""
    async with httpx.AsyncClient(base_url=stage.platform.url, headers={"host": "click.cafe.test"}) as client:
        done = await client.post(link, data={"List-Unsubscribe": "One-Click"})
        assert (done.status_code, "You are unsubscribed" in done.text) == (200, True)
        assert (await client.post(f"{link}x")).status_code == 404


async def _nothing_is_readable(stage: Stage, above: Sequence[Api], inside: Sequence[Api], ids: dict[str, str]) -> None:
    """Nobody above sees anything of the deleted cafe, its own key, session, password and SMTP user open nothing."""
    cafe = stage.world.cafe
    for viewer in above:
        seen = str(await viewer.run(LISTS)) + str(await viewer.ledger())
        # Its domain: the bare name has four letters that ids in hexadecimal have too.
        assert cafe.email.partition("@")[2] not in seen.lower()
        assert await viewer.run(BY_ID, **ids) == NOTHING
    for viewer in inside:
        [error] = (await viewer.ask(LISTS))["errors"]
        assert error["extensions"]["code"] in {"UNAUTHENTICATED", "KEY_REFUSED"}
    with pytest.raises(Refused):
        await Api(stage.platform.url).login(cafe.email, PASSWORD)
    with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
        await stage.submit(plain(cafe.email, "late@far.test"), ["late@far.test"], tenant=cafe)
    assert refused.value.smtp_code == 535


def _complain(stage: Stage, path: str) -> int:
    """Send a complaint to an address by the port for returns; the reply that decides."""
    with smtplib.SMTP("127.0.0.1", stage.platform.mx, timeout=30) as session:
        session.ehlo("remote.test")
        session.mail("")
        code, _ = session.rcpt(path)
        return session.data("Subject: complaint\r\n\r\nSpam!\r\n")[0] if code == 250 else code
