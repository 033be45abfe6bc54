"""Odd mail is mail: malformed MIME and undeclared 8-bit are accepted and delivered faithfully, converted where they must."""

import email
import email.policy
from pathlib import Path

import pytest

from tests.flows.test_delivery import published_keys
from tests.support.dkim_check import dkimpy_verifies
from tests.support.mails import added, rich
from tests.support.sink import Sink
from tests.support.stage import MIME, Stage

HIDDEN = (b"bcc:", b"return-path:")
"""Fields of a submission that are not for its readers: RFC 5322 §3.6.3, RFC 5321 §4.4."""
SEVEN_BIT = ("PIPELINING", "SIZE 52428800", "ENHANCEDSTATUSCODES")
SAMPLES = sorted(MIME.glob("*.eml"))


def submitted(path: Path) -> bytes:
    """Return a sample as a client submits it: CRLF lines, and the sender our customer's."""
    content = (
        path.read_bytes().replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\0", b"").replace(b"\n", b"\r\n")
    )
    return content if content.endswith(b"\r\n") else content + b"\r\n"


def test_there_are_samples() -> None:
    assert len(SAMPLES) >= 10


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
async def test_a_malformed_message_arrives_as_it_is(stage: Stage, path: Path) -> None:
    content = submitted(path)
    async with stage.host() as sink:
        await stage.submit(content, ["reader@far.test"])
        [mail] = await sink.receives(1)
        await stage.settle()
    added(mail.content, _without_hidden(content))
    assert mail.content.count(b"\r\n") == mail.content.count(b"\n")


async def test_undeclared_eight_bit_arrives_as_it_is(stage: Stage) -> None:
    content = rich("user@shop.test", "reader@far.test", seed=8)
    async with stage.host() as sink:
        await stage.submit(content, ["reader@far.test"])
        [mail] = await sink.receives(1)
        await stage.settle()
    added(mail.content, content)
    assert "BODY=8BITMIME" in mail.sender_parameters


async def test_for_a_seven_bit_host_it_is_converted_and_says_the_same(stage: Stage) -> None:
    content = rich("user@shop.test", "reader@far.test", seed=7)
    async with stage.host(Sink(extensions=SEVEN_BIT)) as sink:
        await stage.submit(content, ["reader@far.test"], options=["BODY=8BITMIME"])
        [mail] = await sink.receives(1)
        await stage.settle()
    assert mail.content.isascii()
    assert "BODY" not in mail.sender_parameters
    assert dkimpy_verifies(mail.content, await published_keys(stage)), "signed after it was converted"
    before, after = (email.message_from_bytes(each, policy=email.policy.default) for each in (content, mail.content))
    assert after["subject"] == before["subject"]
    for was, now in zip(before.walk(), after.walk(), strict=True):
        assert now.get_content_type() == was.get_content_type()
        if not was.is_multipart():
            assert now.get_payload(decode=True) == was.get_payload(decode=True)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
async def test_a_malformed_message_reaches_a_seven_bit_host_too(stage: Stage, path: Path) -> None:
    async with stage.host(Sink(extensions=SEVEN_BIT)) as sink:
        await stage.submit(submitted(path), ["reader@far.test"])
        [mail] = await sink.receives(1)
        await stage.settle()
    assert mail.content.isascii()
    assert max(len(line) for line in mail.content.split(b"\r\n")) <= 998


async def test_texts_that_no_table_can_hold_are_still_mail(stage: Stage) -> None:
    # An encoded word may decode to NUL, which PostgreSQL's text cannot hold; half a surrogate, which UTF-8 cannot.
    content = (
        b"From: user@shop.test\r\nTo: reader@far.test\r\nSubject: =?utf-8?B?YQBi?= =?utf-8?B?7aCA?= \xff\xfe\r\n"
        b"Message-ID: <\xff\x80@shop.test>\r\nDate: nonsense\r\n\r\nodd\r\n"
    )
    async with stage.host() as sink:
        await stage.submit(content, ["reader@far.test"])
        [mail] = await sink.receives(1)
        await stage.settle()
    added(mail.content, content)


def _without_hidden(content: bytes) -> bytes:
    head, blank, body = content.partition(b"\r\n\r\n")
    fields = head.split(b"\r\n")
    kept: list[bytes] = []
    dropping = False
    for line in fields:
        if not line.startswith((b" ", b"\t")):
            dropping = line.lower().startswith(HIDDEN)
        if not dropping:
            kept.append(line)
    return b"\r\n".join(kept) + blank + body
