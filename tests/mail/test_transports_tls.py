"""Is mail encrypted where the host can, sent in the clear where it cannot, and never fooled in between?"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from mail.transports.hosts import NO_TLS, NO_TLS_NOW
from mail.transports.relay import Relay
from mail.verdict import Cause, Deferred, Delivered
from tests.mail.letters import QUICK, held, mail, said, verdicts
from tests.mail.scripted import Scripted
from tests.support.certificates import write_certificate
from tests.support.sink import NOISE, RESET, STALL, Sink


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with Sink() as running:
        yield running


@pytest.fixture
async def relay(sink: Sink) -> AsyncIterator[Relay]:
    transport = Relay("127.0.0.1", sink.port, helo="out.test", deadlines=QUICK)
    yield transport
    await transport.close()


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*write_certificate(tmp_path_factory.mktemp("tls"), "mx.sink.test"))
    return context


async def test_starttls_is_used_where_offered(sink: Sink, relay: Relay, tls: ssl.SSLContext) -> None:
    sink.tls = tls
    delivery = await relay.deliver(mail(), heartbeat=held)
    assert verdicts(delivery) == [Delivered()]
    assert sink.accepted[0].tls
    assert (delivery.conversations[0].tls or "").startswith("TLSv1.")


async def test_broken_tls_falls_back_to_the_clear_and_is_remembered() -> None:
    async with Scripted(greeting="220 hi", ehlo="250-hi\r\n250 STARTTLS") as host:
        host.on_group(b"STARTTLS\r\n", "454 4.7.0 TLS not available")
        host.on_group(b"MAIL FROM:<r1@out.test>\r\n", "250 ok")
        host.on_group(b"RCPT TO:<b@far.test>\r\n", "250 ok")
        host.on_group(b"DATA\r\n", "354 go")
        host.on_group(b"\r\n.\r\n", "250 taken")
        relay = Relay("127.0.0.1", host.port, helo="out.test", deadlines=QUICK)
        delivery = await relay.deliver(mail(), heartbeat=held)
        await relay.close()
    assert verdicts(delivery) == [Delivered()]
    assert [talk.tls for talk in delivery.conversations] == [None, None]
    assert host.connections == 2


async def test_what_was_said_in_the_clear_after_starttls_is_never_used() -> None:
    """T-SM4: the reply to STARTTLS carries a forged EHLO reply behind it."""
    async with Scripted(greeting="220 hi", ehlo="250-hi\r\n250 STARTTLS") as host:
        host.on_group(b"STARTTLS\r\n", "220 go\r\n250-forged\r\n250 SIZE 1")
        host.on_group(b"MAIL FROM:<r1@out.test>\r\n", "250 ok")
        host.on_group(b"RCPT TO:<b@far.test>\r\n", "250 ok")
        host.on_group(b"DATA\r\n", "354 go")
        host.on_group(b"\r\n.\r\n", "250 taken")
        relay = Relay("127.0.0.1", host.port, helo="out.test", deadlines=QUICK)
        delivery = await relay.deliver(mail(), heartbeat=held)
        await relay.close()
    assert any("in the clear after agreeing to TLS" in line for line in said(delivery))
    # The forged SIZE 1 would have bounced it; the fresh connection in the clear delivers.
    assert verdicts(delivery) == [Delivered()]


async def test_what_may_not_go_in_the_clear_waits_for_a_host_with_tls(sink: Sink, relay: Relay) -> None:
    """T-SM4: somebody has taken STARTTLS out of the EHLO reply; not even the envelope is told."""
    delivery = await relay.deliver(replace(mail(), clear=False), heartbeat=held)
    assert verdicts(delivery) == [Deferred(Cause.TLS, Cause.TLS.fault)]
    assert not any("MAIL FROM" in line for line in said(delivery))
    assert sink.mails == []


@pytest.mark.parametrize("fault", ["454 4.7.0 TLS not available", NOISE, RESET])
async def test_what_may_not_go_in_the_clear_does_not_where_tls_breaks(
    sink: Sink, relay: Relay, tls: ssl.SSLContext, fault: str
) -> None:
    sink.tls = tls
    sink.answers(fault, at="starttls")
    delivery = await relay.deliver(replace(mail(), clear=False), heartbeat=held)
    assert [type(verdict) for verdict in verdicts(delivery)] == [Deferred]
    assert sink.mails == []
    assert verdicts(await relay.deliver(mail(), heartbeat=held)) == [Delivered()]  # another message may, and then does
    delivery = await relay.deliver(replace(mail(), clear=False), heartbeat=held)
    assert [type(verdict) for verdict in verdicts(delivery)] == [Deferred], "nor over the connection kept in the clear"
    assert len(sink.mails) == 1
    sink.answers("220 2.0.0 go ahead", at="starttls")
    delivery = await relay.deliver(replace(mail(), clear=False), heartbeat=held)
    assert verdicts(delivery) == [Delivered()], "what is remembered of the host keeps nobody from trying TLS"
    assert [mail.tls for mail in sink.mails] == [False, True]
    assert verdicts(await relay.deliver(mail(), heartbeat=held)) == [Delivered()]


async def test_a_host_that_hangs_up_right_after_the_handshake_gets_it_in_the_clear(
    sink: Sink, relay: Relay, tls: ssl.SSLContext
) -> None:
    """So it looks where a host of TLS 1.3 refuses the handshake: the client's side of it is over by then."""
    sink.tls = tls
    sink.answers("250-hi\r\n250 STARTTLS", RESET, "250-hi\r\n250 STARTTLS", at="ehlo")
    delivery = await relay.deliver(mail(), heartbeat=held)
    assert verdicts(delivery) == [Delivered()]
    assert [mail.tls for mail in sink.mails] == [False]
    assert sink.connections == 2


FAULTS = (
    # what the host does, at which step, and how long it is spoken to in the clear then
    ("454 4.7.0 TLS not available", "starttls", NO_TLS_NOW),
    ("554 5.7.0 no TLS here", "starttls", NO_TLS),
    ("what?", "starttls", NO_TLS),
    (NOISE, "starttls", NO_TLS),
    (RESET, "starttls", NO_TLS_NOW),
    (STALL, "starttls", NO_TLS_NOW),
    (RESET, "ehlo", NO_TLS_NOW),
    (STALL, "ehlo", NO_TLS_NOW),
    ("what?", "ehlo", NO_TLS),
    ("550 5.7.1 not with you", "ehlo", NO_TLS_NOW),
    ("421 4.3.2 not now", "ehlo", NO_TLS_NOW),
)


def misbehave(sink: Sink, fault: str, step: str) -> None:
    """Do so at STARTTLS, or within TLS at EHLO, and be well in the clear."""
    if step == "starttls":
        sink.answers(fault, at="starttls")
    else:
        greeting = "250-hi\r\n250 STARTTLS"
        # HELO is asked for after an EHLO that was refused for good.
        sink.answers(greeting, *[fault] * (2 if fault.startswith("5") else 1), greeting, at="ehlo")


@pytest.mark.parametrize(("fault", "step", "seconds"), FAULTS, ids=[f"{step}-{fault[:6]}" for fault, step, _ in FAULTS])
async def test_where_tls_breaks_it_goes_in_the_clear_for_as_long_as_the_trouble_may_last(
    sink: Sink, tls: ssl.SSLContext, fault: str, step: str, seconds: float
) -> None:
    """An hour for what may pass, and three days for what is about TLS itself."""
    sink.tls = tls
    misbehave(sink, fault, step)
    relay = Relay("127.0.0.1", sink.port, helo="out.test", deadlines=replace(QUICK, ehlo=0.5, starttls=0.5))
    began = asyncio.get_running_loop().time()
    delivery = await relay.deliver(mail(), heartbeat=held)
    assert verdicts(delivery) == [Delivered()]
    assert [mail.tls for mail in sink.mails] == [False]
    assert sink.connections == 2
    await relay.close()
    # Nobody waits for days.
    assert list(relay._hosts._no_tls.values()) == [pytest.approx(began + seconds, abs=30)], said(delivery)


async def test_a_host_that_is_down_is_not_taken_for_one_without_tls(sink: Sink, tls: ssl.SSLContext) -> None:
    """It hangs up in TLS because it is going away, and does not answer in the clear either."""
    sink.tls = tls
    sink.answers("220 hi", "421 4.3.2 going down", "220 hi", at="connect")
    sink.answers(RESET, "220 2.0.0 go ahead", at="starttls")
    relay = Relay("127.0.0.1", sink.port, helo="out.test", deadlines=QUICK)
    assert [type(verdict) for verdict in verdicts(await relay.deliver(mail(), heartbeat=held))] == [Deferred]
    assert verdicts(await relay.deliver(mail(), heartbeat=held)) == [Delivered()]
    await relay.close()
    assert [mail.tls for mail in sink.mails] == [True]


@pytest.mark.parametrize("offered", [False, True])
async def test_where_the_operator_wants_tls_nothing_goes_without(
    sink: Sink, tls: ssl.SSLContext, offered: bool
) -> None:
    if offered:
        sink.tls = tls
    relay = Relay("127.0.0.1", sink.port, helo="out.test", deadlines=QUICK, clear=False)
    delivery = await relay.deliver(mail(), heartbeat=held)
    await relay.close()
    assert verdicts(delivery) == [Delivered() if offered else Deferred(Cause.TLS, Cause.TLS.fault)]
    assert [mail.tls for mail in sink.mails] == ([True] if offered else [])


def strict(listener: socket.socket, tls: ssl.SSLContext) -> None:
    """A host whose handshake fails with the alert that its TLS library sends, and which takes the mail in the clear."""
    for _ in range(2):
        connection = listener.accept()[0]
        lines, line = connection.makefile("rb"), b""
        for answer in (b"220 hi\r\n", b"250-hi\r\n250 STARTTLS\r\n"):
            connection.sendall(answer)
            line = lines.readline()
        if line == b"STARTTLS\r\n":
            connection.sendall(b"220 go\r\n")
            secured = tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
            with pytest.raises(ssl.SSLError):
                secured.do_handshake()
            while socket.socket.recv(secured, 65536):
                """A reset would overtake the alert."""
            secured.close()
            continue
        for answer in (b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"):
            connection.sendall(answer)
            line = lines.readline()
        while line != b".\r\n":
            line = lines.readline()
        connection.sendall(b"250 taken\r\n")
        connection.close()


@pytest.mark.parametrize("wants_certificate", [False, True])
async def test_a_handshake_that_the_host_refuses_will_be_refused_tomorrow_too(
    tmp_path: Path, wants_certificate: bool
) -> None:
    """One host has no certificate; the other wants ours, and says so when our side of TLS 1.3's handshake is over."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if wants_certificate:
        context.load_cert_chain(*write_certificate(tmp_path, "mx.sink.test"))
        context.verify_mode = ssl.CERT_REQUIRED
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(asyncio.to_thread(strict, listener, context))
        relay = Relay("127.0.0.1", listener.getsockname()[1], helo="out.test", deadlines=QUICK)
        began = asyncio.get_running_loop().time()
        delivery = await relay.deliver(mail(), heartbeat=held)
        await relay.close()
        await serving
    assert verdicts(delivery) == [Delivered()]
    assert list(relay._hosts._no_tls.values()) == [pytest.approx(began + NO_TLS, abs=30)], said(delivery)
