"""A rich message by smtplib, swaks and the API reaches a real Postfix byte-faithful apart from our fields, and verifies."""

import base64
import email
import email.policy
from collections.abc import Iterator

import pytest

from tests.flows.test_delivery import published_keys
from tests.support.dkim_check import dkimpy_verifies, opendkim_verdict
from tests.support.mails import OURS, POSTFIX, added, rich
from tests.support.postfix import Postfix
from tests.support.postgres import Postgres
from tests.support.stage import Stage, eventually, staged


@pytest.fixture(scope="module")
def postfix() -> Iterator[Postfix]:
    server = Postfix()
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def stage(populated: Postgres, postfix: Postfix) -> Iterator[Stage]:
    yield from staged(populated, route=f"smtp://127.0.0.1:{postfix.port}")


async def arrived(postfix: Postfix, mark: bytes) -> bytes:
    """Wait for the mail that holds `mark` and return it with CRLF lines, as it went over the wire."""

    async def look() -> bytes | None:
        return next((mail for mail in postfix.mails() if mark in mail), None)

    found = await eventually(look, f"mail with {mark!r}")
    return found.replace(b"\n", b"\r\n")


def without_postfix(mail: bytes) -> bytes:
    """Take off the fields that Postfix put on top, so that what is left is what it was given."""
    head = mail.index(b"DKIM-Signature:")
    assert set(added(mail[:head] + b"\r\n", b"\r\n", POSTFIX)) == POSTFIX
    return mail[head:]


@pytest.mark.parametrize("client", ["smtplib", "swaks"])
async def test_by_smtp_it_arrives_as_it_was_submitted(stage: Stage, postfix: Postfix, client: str) -> None:
    content = rich("user@shop.test", "reader@far.test", seed=len(client))
    if client == "smtplib":
        await stage.submit(content, ["reader@far.test"], options=["BODY=8BITMIME"])
    else:
        await stage.swaks(content, ["reader@far.test"])
    mail = without_postfix(await arrived(postfix, f"<rich-{len(client)}@shop.test>".encode()))
    assert set(added(mail, content)) <= OURS
    keys = await published_keys(stage)
    assert dkimpy_verifies(mail, keys)
    assert opendkim_verdict(mail, keys) == "pass"
    await stage.settle()


async def test_by_the_api_it_arrives_as_it_was_composed(stage: Stage, postfix: Postfix) -> None:
    binary = bytes(range(256)) * 40
    sent = (
        await stage.api(stage.world.shop).run(
            """mutation($input: SendMailInput!) { sendMail(input: $input) {
                 ... on SentMail { messageId recipientIds } ... on Problem { code message field } } }""",
            input={
                "sender": "Schöne Grüße <user@shop.test>",
                "to": ["Lesér <reader@far.test>"],
                "subject": "Grüße – שלום, with a subject long enough to be folded over more than a single line",
                "text": "Grüße aus Zürich.\n.\nFrom here on.\n",
                "html": "<p>Grüße</p>",
                "attachments": [
                    {"name": "blöb.bin", "content": base64.b64encode(binary).decode()},
                    {"name": "a.txt", "contentType": "text/plain", "content": base64.b64encode(b"plain").decode()},
                ],
            },
        )
    )["sendMail"]
    assert len(sent["recipientIds"]) == 1, sent
    shown = await stage.api(stage.world.shop).run(
        "query($id: ID!) { message(id: $id) { source door } }", id=sent["messageId"]
    )
    source = base64.b64decode(shown["message"]["source"])
    assert shown["message"]["door"] == "api"
    mark = source.partition(b"\r\n\r\n")[2].partition(b"\r\n")[0]  # the first boundary: no two messages share one
    mail = without_postfix(await arrived(postfix, mark))
    assert set(added(mail, source)) <= OURS
    keys = await published_keys(stage)
    assert dkimpy_verifies(mail, keys)
    assert opendkim_verdict(mail, keys) == "pass"
    read = email.message_from_bytes(mail, policy=email.policy.default)
    assert read["subject"] == "Grüße – שלום, with a subject long enough to be folded over more than a single line"
    assert read["from"] == "Schöne Grüße <user@shop.test>"
    assert [part.get_filename() for part in read.iter_attachments()] == ["blöb.bin", "a.txt"]
    assert next(read.iter_attachments()).get_content() == binary
    body = read.get_body(("plain",))
    assert body is not None
    assert body.get_content().replace("\r\n", "\n") == "Grüße aus Zürich.\n.\nFrom here on.\n"
    await stage.settle()
