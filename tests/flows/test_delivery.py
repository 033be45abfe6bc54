"""A submitted mail reaches the next host, signed, byte for byte apart from our header fields, and its life is told."""

import pytest

from tests.support.dkim_check import dkimpy_verifies, opendkim_verdict
from tests.support.mails import added, plain, rich
from tests.support.stage import Stage


async def published_keys(stage: Stage) -> dict[str, str]:
    """Return the DKIM keys as DNS would show them: name to TXT value."""
    async with stage.database() as conn:
        rows = await conn.fetch("select d.name, k.selector, k.txt from dkim_key k join domain d on d.id = k.domain_id")
    return {f"{row['selector']}._domainkey.{row['name']}": row["txt"] for row in rows}


async def test_by_starttls_it_arrives_signed_and_unchanged(stage: Stage) -> None:
    content = rich("user@shop.test", "reader@far.test", seed=1)
    async with stage.host() as sink:
        await stage.submit(content, ["reader@far.test"], options=["BODY=8BITMIME"])
        [mail] = await sink.receives(1)
        await stage.settle()
    assert mail.recipients == ("reader@far.test",)
    assert added(mail.content, content) == ["dkim-signature", "received"]
    keys = await published_keys(stage)
    assert dkimpy_verifies(mail.content, keys)
    assert opendkim_verdict(mail.content, keys) == "pass"
    assert not dkimpy_verifies(mail.content.replace(b"preamble", b"Preamble"), keys)


@pytest.mark.parametrize("door", ["implicit TLS", "swaks", "curl"])
async def test_every_client_gets_the_same_bytes_through(stage: Stage, door: str) -> None:
    reader = f"{door.replace(' ', '-')}@far.test".lower()
    content = rich("user@shop.test", reader, seed=2)
    async with stage.host() as sink:
        if door == "implicit TLS":
            with stage.session(stage.world.shop, implicit=True) as session:
                session.sendmail("user@shop.test", [reader], content)
        elif door == "swaks":
            await stage.swaks(content, [reader])
        else:
            await stage.curl(content, reader)
        [mail] = await sink.receives(1)
        await stage.settle()
    assert added(mail.content, content) == ["dkim-signature", "received"]
    assert dkimpy_verifies(mail.content, await published_keys(stage))


async def test_the_timeline_tells_acceptance_delivery_and_the_conversation(stage: Stage) -> None:
    async with stage.host() as sink:
        sink.answers("250 2.0.0 kept as 4711", at="dot", to="told@far.test")
        await stage.submit(plain("user@shop.test", "told@far.test"), ["told@far.test"])
        await sink.receives(1)
        await stage.settle()
    data = await stage.api(stage.world.shop).run(
        """{ recipients(first: 1) { nodes { address state attempts reply
               timeline { kind reply attempt { host ip conversation } } } } }"""
    )
    [recipient] = data["recipients"]["nodes"]
    assert (recipient["address"], recipient["state"], recipient["attempts"]) == ("told@far.test", "DELIVERED", 1)
    assert [event["kind"] for event in recipient["timeline"]] == ["ACCEPTED", "DELIVERED"]
    assert "kept as 4711" in recipient["reply"]
    attempt = recipient["timeline"][1]["attempt"]
    assert attempt["ip"] == "127.0.0.1"
    said = "\n".join(attempt["conversation"])
    assert "> RCPT TO:<told@far.test>" in said
    assert "< 250 2.0.0 kept as 4711" in said
    assert "hello" not in said


async def test_a_missing_date_and_message_id_are_added_and_bcc_is_removed(stage: Stage) -> None:
    content = b"From: user@shop.test\r\nTo: a@far.test\r\nBcc: secret@far.test\r\nSubject: bare\r\n\r\nhi\r\n"
    async with stage.host() as sink:
        await stage.submit(content, ["a@far.test", "secret@far.test"])
        mails = await sink.receives(2)
        await stage.settle()
    assert {mail.recipients for mail in mails} == {("a@far.test",), ("secret@far.test",)}
    for mail in mails:
        assert b"secret@far.test" not in mail.content.replace(b"for <secret@far.test>", b"")
        names = added(mail.content, content.replace(b"Bcc: secret@far.test\r\n", b""))
        assert sorted(names) == ["date", "dkim-signature", "message-id", "received"]
        assert dkimpy_verifies(mail.content, await published_keys(stage))
    stored = await _source(stage)
    assert stored == content, "what is stored is what was submitted, the Bcc field too"


async def _source(stage: Stage) -> bytes:
    async with stage.database() as conn:
        content: bytes = await conn.fetchval("select content from body order by message_id desc limit 1")
        return content
