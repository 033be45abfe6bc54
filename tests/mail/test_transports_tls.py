"""Is mail encrypted where the host can, sent in the clear where it cannot, and never fooled in between?"""

import ssl
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from mail.transports.relay import Relay
from mail.verdict import Cause, Deferred, Delivered
from tests.mail.letters import QUICK, held, mail, said, verdicts
from tests.mail.scripted import Scripted
from tests.support.certificates import write_certificate
from tests.support.sink import NOISE, RESET, Sink


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
