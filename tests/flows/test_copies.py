"""An address that agreed gets its copy, marked and untracked, beside everybody else; one that bounces gets no more."""

import re
from email import message_from_bytes, policy
from typing import Any

import httpx

from tests.flows.test_delivery import published_keys
from tests.support import credits
from tests.support.dkim_check import dkimpy_verifies
from tests.support.graphql import Api
from tests.support.mails import added, plain
from tests.support.sink import Mail, Sink
from tests.support.stage import Stage
from tests.support.world import Tenant

CREATE = """mutation ($input: CreateCopyRuleInput!) { createCopyRule(input: $input) {
  __typename ... on CopyRule { id state } ... on Problem { code message } } }"""
RULES = "{ copyRules { address state stoppedFor } }"
LISTED = "{ suppressions(first: 10) { nodes { address } } }"
BOSS = "boss@copies.test"


def full(stage: Stage, tenant: Tenant) -> Api:
    """A client with every permission."""
    return Api(stage.platform.url, tenant.full_key)


async def agreed(stage: Stage, sink: Sink, tenant: Tenant, address: str, **more: Any) -> None:
    """Have an address asked, and agree by the link in its mail."""
    before = len(sink.accepted)
    made = (await full(stage, tenant).run(CREATE, input={"address": address, **more}))["createCopyRule"]
    assert made["state"] == "ASKED"
    mail = (await sink.receives(before + 1))[-1]
    assert mail.recipients == (address,)
    text = message_from_bytes(mail.content, policy=policy.default).get_content()
    [path] = re.findall(r"https?://[^/\s]+(/c/\S+)", text)
    async with httpx.AsyncClient(base_url=stage.platform.url) as http:
        assert (await http.post(path)).status_code == 200
    await stage.settle()


def to(mails: list[Mail], address: str) -> Mail:
    """The newest mail to an address."""
    return next(mail for mail in reversed(mails) if mail.recipients == (address,))


async def test_a_copy_goes_beside_the_mail_marked_signed_and_paid(stage: Stage) -> None:
    shop = stage.world.shop
    async with stage.host() as sink:
        await agreed(stage, sink, shop, BOSS, tag="bills")
        async with stage.database() as conn:
            before = await credits.left(conn, shop.id)
        content = plain(shop.email, "reader@far.test").replace(b"Subject:", b"X-Lv-Tag: bills\r\nSubject:", 1)
        await stage.submit(content, ["reader@far.test"])
        await stage.submit(plain(shop.email, "other@far.test"), ["other@far.test"])
        mails = await sink.receives(4)
        await stage.settle()
    copy, mail = to(mails, BOSS), to(mails, "reader@far.test")
    bare = content.replace(b"X-Lv-Tag: bills\r\n", b"")
    ours = {"received", "dkim-signature", "date", "message-id", "x-copy-of"}
    assert "x-copy-of" in added(copy.content, bare, ours) and "x-copy-of" not in added(mail.content, bare)
    parsed = message_from_bytes(copy.content, policy=policy.default)
    assert parsed["x-copy-of"] == parsed["message-id"] == message_from_bytes(mail.content)["message-id"]
    assert dkimpy_verifies(copy.content, await published_keys(stage))
    assert [mail.recipients for mail in mails].count((BOSS,)) == 2, "the question, and the one copy"
    async with stage.database() as conn:
        assert await credits.left(conn, shop.id) == before - 3
    nodes = (await full(stage, shop).run("{ recipients(first: 9) { nodes { address copy message { tag } } } }"))[
        "recipients"
    ]["nodes"]
    assert [(node["address"], node["copy"], node["message"]["tag"]) for node in nodes] == [
        ("other@far.test", False, None),
        (BOSS, True, "bills"),
        ("reader@far.test", False, "bills"),
    ]


async def test_a_copy_that_bounces_stops_its_rule_and_nobody_is_suppressed(stage: Stage) -> None:
    cafe = stage.world.cafe
    async with stage.host() as sink:
        await agreed(stage, sink, cafe, BOSS)
        sink.answers("550 5.1.1 No such user here", at="rcpt", to=BOSS)
        await stage.submit(plain(cafe.email, "a@far.test"), ["a@far.test"], tenant=cafe)
        states = await stage.reach(lambda states: states.get(BOSS) == "bounced", "bounced copy")
        assert states["a@far.test"] == "delivered"
        [rule] = (await full(stage, cafe).run(RULES))["copyRules"]
        assert (rule["address"], rule["state"]) == (BOSS, "STOPPED") and rule["stoppedFor"]
        assert (await full(stage, cafe).run(LISTED))["suppressions"]["nodes"] == []
        sink.answers("250 2.1.5 ok", at="rcpt", to=BOSS)
        count = len(sink.accepted)
        await stage.submit(plain(cafe.email, "b@far.test"), ["b@far.test"], tenant=cafe)
        await sink.receives(count + 1)
        await stage.settle()
        assert [mail.recipients for mail in sink.accepted[count:]] == [("b@far.test",)]


async def test_a_copy_is_not_tracked_and_nobody_is_unsubscribed_by_it(stage: Stage) -> None:
    acme = stage.world.acme
    choice = {"trackOpens": True, "trackClicks": True, "listUnsubscribe": True}
    chosen = await full(stage, acme).run(
        "mutation ($input: UpdateTreatmentInput!) { updateTreatment(input: $input) { __typename } }", input=choice
    )
    assert chosen == {"updateTreatment": {"__typename": "Treatment"}}
    page = b'<p>See <a href="https://shop.test/x">this</a>.</p><% unsubscribe %>\r\n'
    head = f"From: {acme.email}\r\nTo: a@far.test\r\nSubject: s\r\nMIME-Version: 1.0\r\n".encode()
    async with stage.host() as sink:
        await agreed(stage, sink, acme, BOSS)
        await stage.submit(head + b"Content-Type: text/html\r\n\r\n" + page, ["a@far.test"], tenant=acme)
        mails = await sink.receives(3)
        await stage.settle()
    copy, mail = to(mails, BOSS).content, to(mails, "a@far.test").content
    assert b"/t/" in mail and b"https://shop.test/x" not in mail and b"/u/" in mail
    assert b"https://shop.test/x" in copy
    for ours in (b"/t/", b"/u/", b"<img", b"\nlist-unsubscribe", b"<%"):
        assert ours not in copy.lower()
