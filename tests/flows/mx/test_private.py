"""Whoever controls a zone cannot steer us into our own network: without the laboratory's setting nothing there is called."""

from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest

from tests.flows.mx.internet import Internet, conversations, send
from tests.support.postgres import Postgres
from tests.support.stage import Stage, staged

FORBIDDEN = (
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1", "169.254.169.254",
    "192.0.0.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
    "::1", "::", "::ffff:127.0.0.1", "::127.0.0.1", "fe80::1", "fc00::1", "fd00::1", "fec0::1", "ff02::1",
    "64:ff9b::7f00:1", "64:ff9b:1::7f00:1", "2002:7f00:1::", "2001:0:7f00:1::", "100::1", "2001:db8::1",
    "192.88.99.1", "3fff::1",
)  # fmt: skip


@pytest.fixture(scope="module")
def stage(populated: Postgres, internet: Internet) -> Iterator[Stage]:
    """The platform as an operator runs it, but for the port of mail hosts."""
    settings = {"LIVERY_DNS": internet.dns.address, "LABORATORY_PORT": str(internet.port)}
    yield from staged(populated, route="mx", settings=settings, programs={"workers": "tests.support.laboratory"})


async def test_no_private_or_special_address_is_called(stage: Stage, internet: Internet) -> None:
    readers: list[str] = []
    for number, address in enumerate(FORBIDDEN):
        kind = "AAAA" if ":" in address else "A"
        internet.dns.records(
            f"inner{number}.test. 300 IN MX 10 mx.inner{number}.test.",
            f"mx.inner{number}.test. 300 IN {kind} {address}",
            f"bare{number}.test. 300 IN {kind} {address}",
        )
        literal = f"[IPv6:{address}]" if ":" in address else f"[{address}]"
        readers += [f"r@inner{number}.test", f"r@bare{number}.test", f"r@{literal}"]
    async with AsyncExitStack() as hosts:
        canaries = [
            await hosts.enter_async_context(internet.host(address))
            for address in ("127.0.0.1", "127.255.255.254", "::1")
        ]
        await send(stage, *readers)
        states = await stage.settle(seconds=60)
    assert {state for reader, state in states.items() if reader in readers} == {"bounced"}
    assert len(states) == len(readers)
    assert [canary.connections for canary in canaries] == [0, 0, 0]
    async with stage.database() as conn:
        rows = await conn.fetch("select distinct status, code, attempts from recipient")
    assert [tuple(row) for row in rows] == [("5.4.4", None, 1)]
    talks = await conversations(stage, readers[0])
    assert any("not on the public internet: 127.0.0.1" in talk["text"] for talk in talks)
    assert not any("> " in talk["text"] for talk in talks)
