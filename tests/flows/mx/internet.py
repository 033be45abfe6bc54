"""What is the internet made of in these flows? A DNS server, and mail hosts on 127.0.1.x that share one port."""

import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any

from tests.support.dns import Dns
from tests.support.laboratory import DNS_SECONDS
from tests.support.mails import plain
from tests.support.sink import Sink
from tests.support.stage import Stage, eventually

SOON = timedelta(minutes=7)
"""Later than the first retry is due."""


@dataclass(frozen=True)
class Internet:
    """Everything outside the platform. Each test takes domains and addresses that no other one uses."""

    dns: Dns
    port: int
    """The port of every mail host."""
    _addresses: "count[int]" = field(default_factory=lambda: count(1))

    def address(self) -> str:
        """An IPv4 address of loopback that nobody had before."""
        return f"127.0.1.{next(self._addresses)}"

    @contextlib.asynccontextmanager
    async def host(self, address: str, sink: Sink | None = None) -> AsyncIterator[Sink]:
        """A mail host at this address."""
        sink = sink or Sink()
        await sink.start(self.port, address)
        try:
            yield sink
        finally:
            await sink.stop()

    def domain(self, name: str, *addresses: str) -> None:
        """A domain with an MX host for each address, in order of preference: mx1.name, mx2.name …"""
        for number, address in enumerate(addresses, 1):
            self.dns.records(
                f"{name}. 300 IN MX {number * 10} mx{number}.{name}.", f"mx{number}.{name}. 300 IN A {address}"
            )


async def send(stage: Stage, *readers: str) -> None:
    """Submit one message to these recipients."""
    await stage.submit(plain("user@shop.test", readers[0], f"to {readers[0]}"), list(readers))


async def fate(stage: Stage, reader: str, *states: str, seconds: float = 30) -> dict[str, Any]:
    """Wait until the recipient is in one of these states; return its row, with its first wait in minutes."""
    await stage.reach(lambda found: found.get(reader) in states, f"{reader} {'/'.join(states)}", seconds=seconds)
    async with stage.database() as conn:
        row = await conn.fetchrow(
            """select r.*, extract(epoch from r.next_attempt_at - livery_now()) / 60 as minutes
                 from recipient r where address = $1 order by id desc limit 1""",
            reader,
        )
    return dict(row)


async def conversations(stage: Stage, reader: str) -> list[dict[str, Any]]:
    """Every conversation about a message, as the customer may read it: host, ip, tls and text, in order."""
    async with stage.database() as conn:
        rows = await conn.fetch(
            """select a.host, a.ip, a.tls, a.conversation as text from attempt a
                where a.message_id = (select message_id from recipient where address = $1 order by id desc limit 1)
                order by a.started_at, a.id""",
            reader,
        )
    return [dict(row) for row in rows]


async def until(true: Callable[[], bool], what: str) -> None:
    """Wait until something is true."""

    async def look() -> bool | None:
        return True if true() else None

    await eventually(look, what)


async def forgotten(internet: Internet, *names: str) -> None:
    """Wait until a failed question about any of these names would be asked again."""

    def quiet() -> bool:
        last = max((asked.at for asked in internet.dns.asked if asked.name in names), default=0.0)
        return time.monotonic() - last > 2 * DNS_SECONDS

    await until(quiet, "quiet DNS")
