"""Does mail leave from the address that was chosen for it, under that address's name, and apart from other mail?"""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mail.transports import Source
from mail.transports.hosts import Hosts, leaving
from mail.transports.relay import Relay
from mail.transports.smtp import Target
from mail.verdict import Delivered
from tests.mail.letters import QUICK, held, mail, said, verdicts
from tests.support.certificates import write_certificate
from tests.support.sink import Sink

FIVE, SIX = Source("127.0.0.5", "five.test"), Source("127.0.0.6", "six.test")


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with Sink() as running:
        yield running


async def test_each_source_has_its_address_its_name_and_its_connections(sink: Sink) -> None:
    relay = Relay("127.0.0.1", sink.port, helo="out.test", deadlines=QUICK)
    for source in (None, FIVE, SIX, None, SIX, FIVE):
        assert verdicts(await relay.deliver(mail(source=source), heartbeat=held)) == [Delivered()]
    await relay.close()
    default, five, six = ("127.0.0.1", "out.test"), ("127.0.0.5", "five.test"), ("127.0.0.6", "six.test")
    assert [(mail.peer, mail.helo) for mail in sink.accepted] == [default, five, six, default, six, five]
    assert [mail.session for mail in sink.accepted] == [1, 2, 3, 1, 3, 2]


async def test_a_source_under_a_new_name_does_not_go_on_under_the_old_one(sink: Sink) -> None:
    relay = Relay("127.0.0.1", sink.port, helo="out.test", deadlines=QUICK)
    for name in ("old.test", "new.test"):
        await relay.deliver(mail(source=Source("127.0.0.5", name)), heartbeat=held)
    await relay.close()
    assert [(mail.helo, mail.session) for mail in sink.accepted] == [("old.test", 1), ("new.test", 2)]


async def test_the_name_is_said_inside_tls_too_and_the_conversation_tells_the_address(
    sink: Sink, tmp_path: Path
) -> None:
    sink.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    sink.tls.load_cert_chain(*write_certificate(tmp_path, "mx.sink.test"))
    relay = Relay("127.0.0.1", sink.port, helo="out.test", deadlines=QUICK)
    lines = said(await relay.deliver(mail(source=FIVE), heartbeat=held))
    await relay.close()
    assert lines[0] == "* from 127.0.0.5"
    assert [line for line in lines if "EHLO" in line] == ["> EHLO five.test", "> EHLO five.test"]
    assert [mail.tls for mail in sink.accepted] == [True]


async def test_a_source_does_not_give_way_to_the_default_address_where_it_is_turned_away() -> None:
    """A receiver that blocks a customer's address must not come to block everybody's."""
    four, six = Sink(), Sink()
    four.answers("554 5.7.1 blocked", at="connect")
    await four.start()
    await six.start(0, "::1")
    targets = [Target("mx.far.test", "127.0.0.1", four.port), Target("mx.far.test", "::1", six.port)]
    hosts = Hosts(helo="out.test", deadlines=QUICK)
    await hosts.deliver(mail(source=FIVE), targets, site="far", heartbeat=held)
    assert (four.connections, six.connections) == (1, 0)
    await hosts.deliver(mail(source=FIVE), targets[1:], site="far", heartbeat=held)
    await hosts.close()
    await four.stop()
    await six.stop()
    assert [(mail.peer, mail.helo) for mail in six.accepted] == [("::1", "out.test")], "no other way leads there"


def test_a_source_meets_only_what_can_be_reached_from_it() -> None:
    four, six, public = (Target("mx.far.test", ip, 25) for ip in ("127.0.0.1", "::1", "192.0.2.1"))
    over_six = Source("::1", "six.test")
    assert leaving(None, [six, four]) == (None, [six, four])
    assert leaving(FIVE, [six, four]) == (FIVE, [four])
    assert leaving(over_six, [four, six]) == (over_six, [six])
    assert leaving(over_six, [four]) == (None, [four])
    assert leaving(FIVE, [public]) == (None, [public]), "from loopback nothing beyond this machine is reached"
