"""Whoever takes the way out that is in the mail gets no more of it: by the mail program's button, by the page, by a mail."""

import asyncio
import re
import smtplib
from email import message_from_bytes, policy
from email.message import EmailMessage
from urllib.parse import urlsplit

import httpx
import pytest

from tests.flows.test_delivery import published_keys
from tests.support.dkim_check import dkimpy_verifies, opendkim_verdict
from tests.support.graphql import Api
from tests.support.platform import MAIL_DOMAIN
from tests.support.stage import Stage

CREATE = """mutation { createUnsubscribeTag(input: {text: "Genug? [Hier abmelden].", language: "de"}) {
  ... on UnsubscribeTag { tag } ... on Problem { code message } } }"""
UNSUBSCRIBES = "{ unsubscribes { nodes { address source subject } } }"


@pytest.fixture
async def tag(stage: Stage) -> str:
    """The tag to copy into mails of shop.test."""
    made = await Api(stage.platform.url, stage.world.shop.full_key).run(CREATE)
    return str(made["createUnsubscribeTag"]["tag"])


def newsletter(tag: str, to: str, sender: str = "user@shop.test") -> bytes:
    message = EmailMessage(policy=policy.SMTP)
    message["From"], message["To"], message["Subject"] = sender, to, "News"
    message.set_content(f"Our news.\n\n{tag}\n")
    message.add_alternative(f"<html><body><p>Our news.</p><p>{tag}</p></body></html>", subtype="html")
    return message.as_bytes()


async def received(stage: Stage, tag: str, to: str) -> tuple[bytes, EmailMessage]:
    """What arrives of a newsletter, as bytes and read by a mail program."""
    async with stage.host() as sink:
        await stage.submit(newsletter(tag, to), [to])
        [mail] = await sink.receives(1)
        await stage.settle()
    read = message_from_bytes(mail.content, policy=policy.default)
    assert isinstance(read, EmailMessage)
    return mail.content, read


def ways(message: EmailMessage) -> tuple[str, str]:
    """The link and the address in List-Unsubscribe."""
    found = re.fullmatch(r"<(https?://[^>]+)>,\s*<mailto:([^>?]+)\?subject=unsubscribe>", message["List-Unsubscribe"])
    assert found, message["List-Unsubscribe"]
    return found[1], found[2]


def shown(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content())


async def post(stage: Stage, link: str, **form: str) -> httpx.Response:
    """What a browser or a mail program sends there."""
    parts = urlsplit(link)
    async with httpx.AsyncClient(base_url=stage.platform.url, headers={"host": parts.netloc}, timeout=30) as client:
        return await client.post(parts.path, data=form)


async def listed(stage: Stage) -> list[tuple[str, str, str]]:
    async with stage.database() as conn:
        rows = await conn.fetch("select address, reason, source from suppression order by address")
    return [tuple(row) for row in rows]


async def test_by_every_way_in_the_mail_and_then_nothing_is_sent_nor_charged(stage: Stage, tag: str) -> None:
    # The button of a mail program, pressed on fifty devices at once.
    content, mail = await received(stage, tag, "ann@far.test")
    link, _ = ways(mail)
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    keys = await published_keys(stage)
    assert dkimpy_verifies(content, keys)
    assert opendkim_verdict(content, keys) == "pass"
    signed = re.search(r"\bh=([^;]+);", mail["DKIM-Signature"])
    assert signed
    names = [name.strip().lower() for name in signed[1].split(":")]
    assert {"list-unsubscribe", "list-unsubscribe-post"} <= set(names)
    answers = await asyncio.gather(*(post(stage, link, **{"List-Unsubscribe": "One-Click"}) for _ in range(50)))
    assert {answer.status_code for answer in answers} == {200}
    assert await listed(stage) == [("ann@far.test", "unsubscribe", "one_click")]

    # The page behind the link, which is the same in the text and in the HTML.
    _, mail = await received(stage, tag, "bob@far.test")
    link, _ = ways(mail)
    assert f"Genug? Hier abmelden <{link}>." in shown(mail, "plain")
    assert f'Genug? <a href="{link}">Hier abmelden</a>.' in shown(mail, "html")
    assert tag not in shown(mail, "plain") + shown(mail, "html")
    done = await post(stage, link, act="unsubscribe")
    assert "Sie sind abgemeldet" in done.text

    # A mail to the address beside it.
    _, mail = await received(stage, tag, "cy@far.test")
    _, mailbox = ways(mail)
    assert mailbox.endswith(f"@{MAIL_DOMAIN}")
    await asyncio.to_thread(_write, stage, mailbox)
    assert [row[2] for row in await listed(stage)] == ["one_click", "page", "mail"]

    found = await stage.api(stage.world.shop).run(UNSUBSCRIBES)
    assert [(row["address"], row["source"]) for row in found["unsubscribes"]["nodes"]] == [
        ("cy@far.test", "mail"),
        ("bob@far.test", "page"),
        ("ann@far.test", "one_click"),
    ]
    async with stage.database() as conn:
        assert await conn.fetchval("select count(*) from event where kind = 'unsubscribed'") == 3

    # A list of three, one of whom has unsubscribed: two delivered, two charged.
    async with stage.host() as sink:
        before = await _spent(stage)
        to = ["ann@far.test", "dora@far.test", "eve@far.test"]
        await stage.submit(newsletter(tag, ", ".join(to)), to)
        await sink.receives(2)
        states = await stage.settle()
    assert [states[address] for address in to] == ["suppressed", "delivered", "delivered"]
    assert await _spent(stage) == before + 2
    # Others may write to her: it was said of this sender.
    async with stage.host() as sink:
        rival = stage.world.rival
        await stage.submit(newsletter("", "ann@far.test", rival.email), ["ann@far.test"], tenant=rival)
        await sink.receives(1)
        await stage.settle()


async def test_undone_on_the_page_mail_comes_again(stage: Stage, tag: str) -> None:
    _, mail = await received(stage, tag, "una@far.test")
    link, _ = ways(mail)
    await post(stage, link, act="unsubscribe")
    await stage.submit(newsletter(tag, "una@far.test"), ["una@far.test"])
    assert (await stage.settle())["una@far.test"] == "suppressed"
    await post(stage, link, act="undo")
    _, again = await received(stage, tag, "una@far.test")
    assert ways(again)[0] != link


async def test_mail_without_a_tag_offers_nothing_unless_the_account_asks(stage: Stage) -> None:
    _, mail = await received(stage, "Goodbye.", "plain@far.test")
    assert mail["List-Unsubscribe"] is None
    assert mail["List-Unsubscribe-Post"] is None


def _write(stage: Stage, mailbox: str) -> None:
    with smtplib.SMTP("127.0.0.1", stage.platform.mx, timeout=30) as session:
        session.ehlo("remote.test")
        session.sendmail("cy@far.test", [mailbox], "Subject: unsubscribe\r\n\r\n")


async def _spent(stage: Stage) -> int:
    async with stage.database() as conn:
        found: int = await conn.fetchval(
            "select coalesce(-sum(delta), 0) from credit_entry where account_id = $1 and delta < 0", stage.world.shop.id
        )
        return found
