"""What is refused leaves nothing behind, and the session goes on: the same session then has a good message accepted."""

import contextlib
from collections.abc import Iterator

import pytest

from tests.support.rawsmtp import RawSmtp
from tests.support.stage import Stage

GOOD = b"From: user@shop.test\r\nTo: reader@far.test\r\nSubject: good\r\n\r\nhello\r\n"


@contextlib.contextmanager
def secure(stage: Stage, *, login: bool = True) -> Iterator[RawSmtp]:
    """A session on the submission port after STARTTLS, signed in as shop unless told otherwise."""
    with RawSmtp(stage.platform.submission) as peer:
        peer.say("EHLO client.test")
        peer.starttls(stage.platform.client_tls())
        peer.say("EHLO client.test")
        if login:
            assert peer.plain(stage.world.shop.smtp_user, stage.world.shop.smtp_password).startswith("235 2.7.0")
        yield peer


def envelope(peer: RawSmtp, parameters: str = "") -> str:
    """Say MAIL and RCPT of an ordinary message; return the last reply."""
    reply = peer.say(f"MAIL FROM:<user@shop.test>{parameters}")
    if not reply.startswith("250"):
        return reply
    return peer.say("RCPT TO:<reader@far.test>")


async def accepts_a_good_one(stage: Stage, peer: RawSmtp) -> None:
    """The positive twin: exactly one message more."""
    before = await stage.stored()
    assert envelope(peer).startswith("250 2.1.5")
    assert peer.data(GOOD).startswith("250 2.0.0")
    after = await stage.stored()
    assert tuple(now - then for now, then in zip(after, before, strict=True))[:3] == (1, 1, 1)


async def test_a_wrong_password_opens_nothing_and_the_right_one_still_does(stage: Stage) -> None:
    before = await stage.stored()
    with secure(stage, login=False) as peer:
        assert peer.plain(stage.world.shop.smtp_user, "wrong").startswith("535 5.7.8")
        assert envelope(peer).startswith("530 5.7.0")
        assert await stage.stored() == before
        assert peer.plain(stage.world.shop.smtp_user, stage.world.shop.smtp_password).startswith("235")
        await accepts_a_good_one(stage, peer)


async def test_an_unknown_user_gets_the_same_answer_as_a_wrong_password(stage: Stage) -> None:
    with secure(stage, login=False) as peer:
        wrong = peer.plain(stage.world.shop.smtp_user, "wrong")
        assert peer.plain("nobody", "wrong") == wrong


async def test_auth_without_tls_is_neither_offered_nor_taken(stage: Stage) -> None:
    before = await stage.stored()
    with RawSmtp(stage.platform.submission) as peer:
        assert "AUTH" not in peer.say("EHLO client.test")
        assert peer.plain(stage.world.shop.smtp_user, stage.world.shop.smtp_password)[:3] in {"530", "538"}
        assert envelope(peer).startswith("530 5.7.0")
        assert await stage.stored() == before
        peer.starttls(stage.platform.client_tls())
        assert "AUTH PLAIN LOGIN" in peer.say("EHLO client.test")
        assert peer.plain(stage.world.shop.smtp_user, stage.world.shop.smtp_password).startswith("235")
        await accepts_a_good_one(stage, peer)


async def test_a_declared_size_beyond_the_limit_is_refused_at_mail(stage: Stage) -> None:
    before = await stage.stored()
    with secure(stage) as peer:
        limit = _size_limit(peer)
        assert envelope(peer, f" SIZE={limit + 1}").startswith("552 5.3.4")
        assert await stage.stored() == before
        assert envelope(peer, f" SIZE={limit}").startswith("250")
        peer.say("RSET")
        await accepts_a_good_one(stage, peer)


async def test_an_undeclared_size_beyond_the_limit_is_refused_at_the_dot(stage: Stage) -> None:
    before = await stage.stored()
    with secure(stage) as peer:
        limit = _size_limit(peer)
        assert envelope(peer).startswith("250")
        line = b"x" * 998 + b"\r\n"
        assert peer.data(GOOD + line * (limit // len(line) + 1)).startswith("552 5.3.4")
        assert await stage.stored() == before
        await accepts_a_good_one(stage, peer)


@pytest.mark.parametrize(
    "hurt",
    [b"a\nb\r\n", b"a\rb\r\n", b"a\0b\r\n", b"a\n.\nb\r\n", b"a\r.\rb\r\n", b"a\n.\r\nb\r\n"],
    ids=["bare LF", "bare CR", "NUL", "LF dot LF", "CR dot CR", "LF dot CRLF"],
)
async def test_bytes_that_smuggle_are_refused(stage: Stage, hurt: bytes) -> None:
    before = await stage.stored()
    with secure(stage) as peer:
        assert envelope(peer).startswith("250")
        assert peer.data(GOOD + hurt).startswith("550 5.6.0")
        assert await stage.stored() == before
        await accepts_a_good_one(stage, peer)


async def test_a_message_without_a_recipient_is_refused(stage: Stage) -> None:
    before = await stage.stored()
    with secure(stage) as peer:
        assert peer.say("MAIL FROM:<user@shop.test>").startswith("250")
        assert peer.say("DATA")[:3] in {"503", "554"}
        assert await stage.stored() == before
        peer.say("RSET")
        await accepts_a_good_one(stage, peer)


async def test_somebody_elses_verified_domain_is_refused(stage: Stage) -> None:
    before = await stage.stored()
    with secure(stage) as peer:
        assert envelope(peer).startswith("250")
        assert peer.data(GOOD.replace(b"user@shop.test", b"boss@rival.test")).startswith("550 5.7.1")
        assert await stage.stored() == before
        await accepts_a_good_one(stage, peer)


async def test_the_mx_port_takes_no_mail_for_strangers(stage: Stage) -> None:
    before = await stage.stored()
    with RawSmtp(stage.platform.mx) as peer:
        peer.say("EHLO client.test")
        assert peer.say("MAIL FROM:<a@far.test>").startswith("250")
        assert peer.say("RCPT TO:<reader@far.test>").startswith("550 5.7.1")
        assert await stage.stored() == before
        peer.say("RSET")
        peer.starttls(stage.platform.client_tls())
        peer.say("EHLO client.test")
        assert peer.plain(stage.world.shop.smtp_user, stage.world.shop.smtp_password).startswith("235")
        await accepts_a_good_one(stage, peer)


def _size_limit(peer: RawSmtp) -> int:
    for line in peer.say("EHLO client.test").splitlines():
        if line[4:].startswith("SIZE "):
            return int(line.split()[1])
    raise AssertionError("EHLO names no SIZE")
