"""Are connections kept and let go as promised, and does no host, however mad, break a delivery?"""

import asyncio
from collections.abc import AsyncIterator
from random import Random

import pytest

from mail.transports import Source
from mail.transports.hosts import MOST_CARRIED, Hosts
from mail.transports.smtp import Target
from mail.verdict import Bounced, Deferred, Delivered
from tests.mail.letters import QUICK, held, mail
from tests.mail.scripted import Scripted
from tests.support.sink import Sink


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with Sink() as running:
        yield running


def at(port: int) -> Target:
    return Target("mx.far.test", "127.0.0.1", port)


async def test_a_connection_carries_a_hundred_messages_and_no_more(sink: Sink) -> None:
    hosts = Hosts(helo="out.test", deadlines=QUICK)
    for _ in range(MOST_CARRIED + 1):
        await hosts.deliver(mail(), [at(sink.port)], site="far", heartbeat=held)
    await hosts.close()
    assert (len(sink.accepted), sink.connections) == (MOST_CARRIED + 1, 2)


async def test_sites_do_not_share_connections(sink: Sink) -> None:
    hosts = Hosts(helo="out.test", deadlines=QUICK)
    for site in ("a", "b", "a"):
        await hosts.deliver(mail(), [at(sink.port)], site=site, heartbeat=held)
    await hosts.close()
    assert [mail.session for mail in sink.accepted] == [1, 2, 1]


async def test_an_idle_connection_says_goodbye() -> None:
    async with Scripted(greeting="220 hi", ehlo="250 hi") as host:
        for end, answer in ((b"MAIL FROM:<r1@out.test>\r\n", "250 ok"), (b"RCPT TO:<b@far.test>\r\n", "250 ok")):
            host.on_group(end, answer)
        host.on_group(b"DATA\r\n", "354 go")
        host.on_group(b"\r\n.\r\n", "250 taken")
        host.on_group(b"QUIT\r\n", "221 bye")
        hosts = Hosts(helo="out.test", deadlines=QUICK, idle=0.05)
        await hosts.deliver(mail(), [at(host.port)], site="far", heartbeat=held)
        async with asyncio.timeout(5):
            await host.answered(b"QUIT\r\n")
        assert host.connections == 1
        await hosts.close()


async def test_closing_says_goodbye_to_every_kept_connection() -> None:
    async with Scripted(greeting="220 hi", ehlo="250-hi\r\n250 PIPELINING") as host:
        host.on_group(b"DATA\r\n", "250 ok\r\n250 ok\r\n354 go")
        host.on_group(b"\r\n.\r\n", "250 taken")
        host.on_group(b"QUIT\r\n", "221 bye")
        hosts = Hosts(helo="out.test", deadlines=QUICK)
        await hosts.deliver(mail(), [at(host.port)], site="far", heartbeat=held)
        await hosts.close()
        async with asyncio.timeout(5):
            await host.answered(b"QUIT\r\n")


async def test_at_most_five_addresses_are_tried(port: int) -> None:
    hosts = Hosts(helo="out.test", deadlines=QUICK)
    delivery = await hosts.deliver(
        mail(), [Target(f"mx{n}.far.test", "127.0.0.1", port) for n in range(9)], site="far", heartbeat=held
    )
    assert [talk.host for talk in delivery.conversations] == [f"mx{n}.far.test" for n in range(5)]
    assert isinstance(delivery.outcomes[0].verdict, Deferred)


async def test_our_own_address_is_refused_where_asked(sink: Sink) -> None:
    hosts = Hosts(helo="out.test", deadlines=QUICK, refuse_own=True)
    delivery = await hosts.deliver(mail(), [at(sink.port)], site="far", heartbeat=held)
    assert isinstance(delivery.outcomes[0].verdict, Deferred)
    assert "* the address is our own" in delivery.conversations[0].lines
    assert sink.mails == []


@pytest.mark.parametrize("refuse", [False, True])
@pytest.mark.parametrize("ip", ["::1", "0:0:0:0:0:0:0:1", "0::0001"])
async def test_our_own_address_is_refused_however_it_is_written(ip: str, refuse: bool) -> None:
    sink = Sink()
    await sink.start(0, "::1")
    hosts = Hosts(helo="out.test", deadlines=QUICK, refuse_own=refuse)
    target = Target(f"[ipv6:{ip}]", ip, sink.port)
    delivery = await hosts.deliver(mail(), [target], site="far", heartbeat=held)
    await hosts.close()
    await sink.stop()
    assert ("* the address is our own" in delivery.conversations[0].lines) is refuse
    assert len(sink.mails) == (0 if refuse else 1)


@pytest.mark.parametrize("name", ["OUT.test", "Mta.test"])
@pytest.mark.parametrize(("refuse", "verdict"), [(False, Delivered), (True, Deferred)])
async def test_a_host_that_greets_with_our_own_name_is_refused_where_asked(
    refuse: bool, verdict: type, name: str
) -> None:
    """Behind a translated address the addresses themselves do not tell that we have met ourselves."""
    sink = Sink()
    sink.answers(f"220 {name} ESMTP", at="connect")
    await sink.start(0, "127.0.0.2")
    hosts = Hosts(helo="out.test", deadlines=QUICK, refuse_own=refuse)
    target = Target("mx.far.test", "127.0.0.2", sink.port)
    letter = mail(source=Source("127.0.0.1", "mta.test"))
    delivery = await hosts.deliver(letter, [target], site="far", heartbeat=held)
    await hosts.close()
    await sink.stop()
    assert isinstance(delivery.outcomes[0].verdict, verdict)
    assert ("* the host has our own name" in delivery.conversations[0].lines) is refuse
    assert len(sink.mails) == (0 if refuse else 1)


_PIECES = (
    b"220 hi\r\n", b"250 ok\r\n", b"250-more\r\n", b"250 PIPELINING\r\n", b"354 go\r\n", b"421 4.3.2 bye\r\n",
    b"450 4.2.1 later\r\n", b"550 5.1.1 no\r\n", b"452 4.5.3 many\r\n", b"\r\n", b"nonsense\r\n", b"\xff\xfe\n", b"25",
    b"0 split\r\n", b"999 what\r\n", b"250-STARTTLS\r\n250 SIZE 10000000\r\n", b"220 2.0.0 go\r\n", b"\0" * 50 + b"\n", b"",
)  # fmt: skip


@pytest.mark.parametrize("seed", range(25))
async def test_whatever_a_host_says_every_recipient_has_one_outcome(seed: int) -> None:
    chance = Random(seed)

    async def mad(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            # Half of the hosts begin well, so that the madness reaches the later steps too.
            script = [b"220 hi\r\n", b"250-hi\r\n250 PIPELINING\r\n"] if chance.random() < 0.7 else []
            for answer in (*script, *(b"".join(chance.choices(_PIECES, k=chance.randint(1, 4))) for _ in range(12))):
                writer.write(answer)
                await writer.drain()
                if chance.random() < 0.1 or not await asyncio.wait_for(reader.read(65536), 0.3):
                    break
        except (ConnectionError, TimeoutError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(mad, "127.0.0.1", 0)
    hosts = Hosts(helo="out.test", deadlines=QUICK)
    target = at(server.sockets[0].getsockname()[1])
    for _ in range(2):
        letter = mail("b@far.test", "c@far.test", "d@far.test")
        delivery = await hosts.deliver(letter, [target, target], site="far", heartbeat=held)
        assert [outcome.recipient_id for outcome in delivery.outcomes] == [r.id for r in letter.recipients]
        for outcome in delivery.outcomes:
            assert isinstance(outcome.verdict, Delivered | Deferred | Bounced)
            assert not (outcome.uncertain and not isinstance(outcome.verdict, Deferred))
            if isinstance(outcome.verdict, Delivered):
                assert outcome.reply is not None
                assert outcome.reply.positive
        assert delivery.conversations
    await hosts.close()
    server.close()
