"""By DNS, a mail finds the hosts of its recipient's domain: by preference, past dead ones, and never on a guess."""

import contextlib
import os
import ssl
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import dns.rcode
import pytest

from tests.support.certificates import write_certificate
from tests.support.dns_server import DnsServer
from tests.support.mails import added, plain
from tests.support.ports import free_port
from tests.support.postgres import Postgres
from tests.support.sink import Sink
from tests.support.stage import Stage, staged

# Port 25 of loopback addresses that belong to this process alone, so that two runs never meet.
_NET = f"127.{64 + os.getpid() // 250 % 128}.{os.getpid() % 250}"
DNS_PORT = free_port()


@pytest.fixture(scope="module")
def stage(populated: Postgres) -> Iterator[Stage]:
    settings = {"LIVERY_DNS": f"127.0.0.1:{DNS_PORT}", "LIVERY_PRIVATE_TARGETS": "1"}
    yield from staged(populated, route="mx", settings=settings)


@pytest.fixture
async def zone() -> AsyncIterator[DnsServer]:
    server = DnsServer()
    await server.start(DNS_PORT)
    yield server
    server.stop()


@contextlib.asynccontextmanager
async def host(number: int, sink: Sink | None = None) -> AsyncIterator[Sink]:
    """A remote host on port 25 of this run's address with this number."""
    sink = sink or Sink()
    await sink.start(25, f"{_NET}.{number}")
    try:
        yield sink
    finally:
        await sink.stop()


async def send(stage: Stage, domain: str, text: str = "hello") -> str:
    """Submit one mail to somebody at `domain` and return the address."""
    reader = f"reader@{domain}"
    await stage.submit(plain(stage.world.shop.email, reader, text), [reader])
    return reader


async def test_the_preferred_host_gets_it(stage: Stage, zone: DnsServer) -> None:
    zone.zone |= {
        ("two.test", "MX"): ("20 backup.two.test.", "10 first.two.test."),
        ("first.two.test", "A"): (f"{_NET}.1",),
        ("backup.two.test", "A"): (f"{_NET}.2",),
    }
    async with host(1) as first, host(2) as backup:
        await send(stage, "two.test")
        [mail] = await first.receives(1)
        await stage.settle()
    assert backup.connections == 0
    assert added(mail.content, plain(stage.world.shop.email, "reader@two.test")) == ["dkim-signature", "received"]


async def test_past_a_dead_host_the_next_one_gets_it(stage: Stage, zone: DnsServer) -> None:
    zone.zone |= {
        ("dead.test", "MX"): ("10 gone.dead.test.", "20 alive.dead.test."),
        ("gone.dead.test", "A"): (f"{_NET}.9",),
        ("alive.dead.test", "A"): (f"{_NET}.1",),
    }
    async with host(1) as alive:
        await send(stage, "dead.test")
        await alive.receives(1)
        await stage.settle()


async def test_without_mx_the_domains_own_address_takes_it(stage: Stage, zone: DnsServer) -> None:
    zone.zone |= {("plain.test", "A"): (f"{_NET}.1",)}
    async with host(1) as own:
        await send(stage, "plain.test")
        await own.receives(1)
        await stage.settle()


async def test_a_null_mx_and_a_name_that_is_none_bounce_at_once(stage: Stage, zone: DnsServer) -> None:
    zone.zone |= {("null.test", "MX"): ("0 .",)}
    nullified, nonexistent = await send(stage, "null.test"), await send(stage, "nowhere.test")
    states = await stage.settle()
    assert (states[nullified], states[nonexistent]) == ("bounced", "bounced")
    async with stage.database() as conn:
        rows = await conn.fetch(
            "select address, status from recipient where address = any($1)", [nullified, nonexistent]
        )
    # RFC 7505 §4.1: 5.1.10 for a null MX; RFC 3463: 5.1.2 for a system that is not there.
    assert {row["address"]: row["status"] for row in rows} == {nullified: "5.1.10", nonexistent: "5.1.2"}


async def test_a_dns_server_that_cannot_tell_is_no_reason_to_bounce(stage: Stage, zone: DnsServer) -> None:
    zone.zone |= {("sick.test", "MX"): dns.rcode.SERVFAIL, ("sick.test", "A"): dns.rcode.SERVFAIL}
    reader = await send(stage, "sick.test")
    await stage.reach(lambda states: states.get(reader) == "deferred", "deferral")
    zone.zone |= {("sick.test", "MX"): ("10 well.sick.test.",), ("well.sick.test", "A"): (f"{_NET}.1",)}
    async with host(1) as well:
        # The resolver holds a failure for ten real seconds, however far the platform's clock is moved meanwhile.
        for _ in range(10):
            await stage.later(timedelta(hours=4))
            with contextlib.suppress(AssertionError):
                await well.receives(1, seconds=2)
                break
        await well.receives(1, seconds=1)
        await stage.settle()


async def test_tls_is_used_where_it_is_offered_even_with_a_certificate_nobody_knows(
    stage: Stage, zone: DnsServer, tmp_path: Path
) -> None:
    zone.zone |= {("tls.test", "MX"): ("10 mx.tls.test.",), ("mx.tls.test", "A"): (f"{_NET}.1",)}
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*write_certificate(tmp_path, "mx.tls.test"))
    async with host(1, Sink(tls=context)) as sink:
        await send(stage, "tls.test")
        [mail] = await sink.receives(1)
        await stage.settle()
    assert mail.tls
