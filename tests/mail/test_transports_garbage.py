"""Can anything that a peer says, or its DNS, make a delivery raise? Names and replies of any bytes at all."""

import asyncio
import contextlib
import ssl
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import dns.name
import pytest
import uvloop
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kit.resolver import MX, FakeResolver
from mail.transports import Delivery
from mail.transports.exchange import Deadlines
from mail.transports.hosts import Hosts
from mail.transports.mx import MailExchangers
from mail.transports.smtp import Target
from mail.verdict import Bounced, Cause, Deferred, Delivered
from tests.mail.letters import QUICK, held, mail, verdicts
from tests.support.certificates import write_certificate
from tests.support.sink import Sink

BINARY = dns.name.Name([bytes(range(24)), b"evil", b"test", b""]).to_text(omit_final_dot=True)
"""An MX name as a zone may have it (RFC 2181 §11) and no host may (RFC 1123 §2.1)."""


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    return server_side(tmp_path_factory.mktemp("tls"))


def server_side(folder: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*write_certificate(folder, "mx.sink.test"))
    return context


def exchangers(port: int, *names: str) -> MailExchangers:
    """Mail for far.test goes to these hosts, in this order; all of them are 127.0.0.1."""
    records: dict[tuple[str, str], Any] = {(name.lower(), "A"): ("127.0.0.1",) for name in names}
    records["far.test", "MX"] = tuple(MX(10 * rank, name) for rank, name in enumerate(names, 1))
    resolver = FakeResolver(records)
    return MailExchangers(
        resolver, helo="out.test", rng=Random(1), port=port, private_targets=True, deadlines=QUICK
    )  # fmt: skip


@pytest.mark.parametrize(
    "name", [BINARY, "a" * 64 + ".test", "a..b", ".test", "x" * 300, "*", "[192.0.2.1]", "grü.test"]
)
async def test_a_name_that_no_host_may_have_is_met_with_tls_and_without_a_name(
    name: str, tls: ssl.SSLContext, asked: list[str | None]
) -> None:
    async with Sink(tls=tls) as sink:
        transport = exchangers(sink.port, name, "good.test")
        delivery = await transport.deliver(mail(), heartbeat=held)
        await transport.close()
    assert verdicts(delivery) == [Delivered()]
    assert [mail.tls for mail in sink.accepted] == [True]
    assert asked == [None]


@pytest.mark.parametrize("name", ["mx.good.test", "_mx.good.test", "1mx.good-host.test", "xn--gr-xka.test"])
async def test_a_host_is_told_which_name_is_wanted(name: str, tls: ssl.SSLContext, asked: list[str | None]) -> None:
    async with Sink(tls=tls) as sink:
        transport = exchangers(sink.port, name)
        await transport.deliver(mail(), heartbeat=held)
        await transport.close()
    assert asked == [name]


async def test_a_relay_may_be_written_with_its_last_dot(tls: ssl.SSLContext, asked: list[str | None]) -> None:
    async with Sink(tls=tls) as sink:
        hosts = Hosts(helo="out.test", deadlines=QUICK)
        await hosts.deliver(mail(), [Target("relay.far.test.", "127.0.0.1", sink.port)], site="relay", heartbeat=held)
        await hosts.close()
    assert asked == ["relay.far.test"]


@pytest.mark.parametrize("domain", ["[300.1.2.3]", "[]", "[ipv6:x]", f"[{'a' * 70}.test]", "[\0]"])
async def test_a_literal_that_is_no_address_bounces(domain: str, port: int) -> None:
    transport = exchangers(port)
    delivery = await transport.deliver(replace(mail(), domain=domain), heartbeat=held)
    assert verdicts(delivery) == [Bounced(Cause.NO_DOMAIN, Cause.NO_DOMAIN.fault, suppress=True)]


@pytest.mark.parametrize(("domain", "ip"), [("[127.0.0.1]", "127.0.0.1"), ("[ipv6:0:0:0:0:0:0:0:1]", "::1")])
async def test_an_address_literal_is_no_name(
    domain: str, ip: str, tls: ssl.SSLContext, asked: list[str | None]
) -> None:
    """RFC 6066 §3: literal addresses are not permitted in SNI."""
    sink = Sink(tls=tls)
    await sink.start(0, ip)
    transport = exchangers(sink.port)
    delivery = await transport.deliver(replace(mail(), domain=domain), heartbeat=held)
    await transport.close()
    await sink.stop()
    assert (verdicts(delivery), asked) == ([Delivered()], [None])
    assert delivery.conversations[0].ip == ip


@pytest.fixture
def asked(tls: ssl.SSLContext) -> list[str | None]:
    """The names that clients asked for in their handshakes with `tls`."""
    names: list[str | None] = []

    def note(_: ssl.SSLObject, name: str | None, __: ssl.SSLContext) -> None:
        names.append(name)

    tls.sni_callback = note
    return names


_LABEL = st.binary(min_size=1, max_size=63)
_NAMES = st.one_of(
    st.lists(_LABEL, min_size=1, max_size=3).map(
        lambda labels: dns.name.Name([*labels, b""]).to_text(omit_final_dot=True).lower()
    ),
    st.text(max_size=80),
)
_ADDRESSES = st.one_of(st.sampled_from(["127.0.0.1", "::ffff:127.0.0.1", "0:0:0:0:0:0:0:1"]), st.text(max_size=20))
_REPLIES = st.one_of(
    st.binary(max_size=80),
    st.from_regex(rb"[2-5][0-9][0-9][ -][ -~\x80-\xff]{0,20}\r\n", fullmatch=True),
    st.sampled_from([b"250-hi\r\n250 STARTTLS\r\n", b"250-hi\r\n250 PIPELINING\r\n", b"354 go\r\n", b"220 go\r\n"]),
)
_BRIEF = Deadlines(*[0.3] * 10)
_GOOD = (b"220 hi\r\n", b"250-hi\r\n250 STARTTLS\r\n", b"220 go\r\n")


@given(name=_NAMES, ip=_ADDRESSES, well=st.integers(0, 3), secure=st.booleans(), said=st.lists(_REPLIES, max_size=6))
@example(name=BINARY, ip="127.0.0.1", well=3, secure=True, said=[])
@settings(
    max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_nothing_that_a_peer_or_its_dns_says_raises(
    tls: ssl.SSLContext, name: str, ip: str, well: int, secure: bool, said: list[bytes]
) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # as workers have it
        delivery = runner.run(_meet(tls if secure and well == 3 else None, name, ip, [*_GOOD[:well], *said]))
    assert len(delivery.outcomes) == 2
    for outcome in delivery.outcomes:
        assert isinstance(outcome.verdict, Delivered | Deferred | Bounced)
    assert delivery.conversations


async def _meet(tls: ssl.SSLContext | None, name: str, ip: str, answers: Sequence[bytes]) -> Delivery:
    """Deliver to a host of this name and address that gives these answers, with TLS after the third, and hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            for number, answer in enumerate(answers):
                if number == 3 and tls is not None:
                    await writer.start_tls(tls)
                if number:
                    # Whoever does not answer this waits for more of it.
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(reader.read(65536), 0.02)
                writer.write(answer)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    resolver = FakeResolver({("far.test", "MX"): (MX(10, name),), (name.lower().rstrip("."), "A"): (ip,)})
    transport = MailExchangers(resolver, helo="out.test", port=port, private_targets=True, deadlines=_BRIEF)
    try:
        await transport.site("far.test")
        return await transport.deliver(mail("b@far.test", "c@far.test"), heartbeat=held)
    finally:
        await transport.close()
        server.close()
