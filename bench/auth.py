"""How many SMTP logins a second does one door check? On connections that are open already, and with the connection and its TLS.

    python -m bench.auth [--logins 2000] [--sessions 20]

RFC 4954 allows one login a connection, so "kept" connections are made and secured before the clock starts, and only AUTH and its
reply are timed. Logins are by 20 users from 100 addresses. Prints the table of docs/benchmarks.md; exits with 1 below 200/s.
"""

import argparse
import asyncio
import base64
import ssl
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from kit.crypto import Keyring
from kit.db import open_database
from tenants.credentials import create_credential
from tenants.models import CredentialKind
from tests.support import world
from tests.support.databases import make_template
from tests.support.platform import Platform
from tests.support.postgres import TEMPLATE, Postgres, embedded_binaries

WANTED = 200  # AUTH a second, issue 4
_USERS, _ADDRESSES, _READY = 20, 100, 400


@dataclass(frozen=True)
class User:
    """A name and the response that proves it (RFC 4616)."""

    name: str
    response: str


class Client:
    """One connection from one of many addresses."""

    def __init__(self, number: int) -> None:
        self.address = f"127.1.0.{number % _ADDRESSES + 1}"

    async def open(self, port: int, *, starttls: bool) -> None:
        """Connect, secure, greet: what comes before AUTH."""
        self._reader, self._writer = await asyncio.open_connection(
            "127.0.0.1", port, local_addr=(self.address, 0), ssl=None if starttls else _TLS
        )
        await self._reply("220")
        if starttls:
            await self.say("EHLO bench.test", "250")
            await self.say("STARTTLS", "220")
            await self._writer.start_tls(_TLS, server_hostname="localhost")
        await self.say("EHLO bench.test", "250")

    async def say(self, line: str, code: str) -> None:
        """One command, whose reply must have this code."""
        self._writer.write(line.encode() + b"\r\n")
        await self._reply(code)

    async def _reply(self, code: str) -> None:
        line = b"-"
        while line[3:4] != b" ":
            line = await self._reader.readline()
            if not line.startswith(code.encode()):
                raise RuntimeError(f"{self.address} was told {line!r}")

    async def close(self) -> None:
        """Hang up."""
        self._writer.close()


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


_TLS = _context()


@dataclass(frozen=True)
class Figures:
    """What a run took: `seconds` in all, `each` for every login."""

    seconds: float
    each: list[float]

    def row(self, what: str) -> str:
        """A line of the table."""
        each = sorted(self.each)
        p99 = each[len(each) * 99 // 100]
        return f"| {what} | {len(each) / self.seconds:,.0f}/s | {statistics.median(each) * 1e3:.1f} ms | {p99 * 1e3:.1f} ms |"


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench.auth")
    parser.add_argument("--logins", type=int, default=2000)
    parser.add_argument("--sessions", type=int, default=20, help="logins under way at a time")
    wanted = parser.parse_args()
    with _door() as (platform, users):
        kept, tls, starttls, bare = asyncio.run(_measure(platform, users, wanted.logins, wanted.sessions))
    print("| | rate | median | p99 |\n|---|---|---|---|")
    print(kept.row("AUTH on connections that are open"))
    print(tls.row("new connection, TLS from the start, AUTH"))
    print(starttls.row("new connection, STARTTLS, AUTH"))
    print(bare.row("new connection, TLS from the start, no AUTH"))
    return int(len(kept.each) / kept.seconds < WANTED)


@contextmanager
def _door() -> Iterator[tuple[Platform, list[User]]]:
    """One SMTP process on a database of its own."""
    server = Postgres(embedded_binaries())
    try:
        server.start()
        make_template(server)
        url = server.url(TEMPLATE)
        users = asyncio.run(_populate(url))
        platform = Platform(url, route="simulator", processes=("smtpd",))
        try:
            platform.launch("smtpd")
            yield platform, users
        finally:
            platform.remove()
    finally:
        server.remove()


async def _populate(url: str) -> list[User]:
    await world.populate(url)
    db = await open_database(url, size=1)
    users = []
    try:
        shop = (await world.find(db)).shop
        async with db.transaction() as conn:
            for _ in range(_USERS):
                made = await create_credential(
                    conn, Keyring(world.SECRET_KEY), account_id=shop.id, kind=CredentialKind.SMTP, name="bench"
                )
                response = base64.b64encode(f"\0{made.username}\0{made.secret}".encode()).decode()
                users.append(User(made.username or "", response))
    finally:
        await db.close()
    return users


async def _measure(platform: Platform, users: list[User], logins: int, sessions: int) -> tuple[Figures, ...]:
    async def auth(client: Client, number: int) -> None:
        await client.say(f"AUTH PLAIN {users[number // _ADDRESSES % _USERS].response}", "235")

    async def fresh(number: int, *, starttls: bool = False, log_in: bool = True) -> None:
        client = Client(number)
        await client.open(platform.submission if starttls else platform.submissions, starttls=starttls)
        if log_in:
            await auth(client, number)
        await client.close()

    await _timed(lambda number: fresh(number), 200, sessions)  # warm
    kept = Figures(0.0, [])
    for begin in range(0, logins, _READY):
        clients = {number: Client(number) for number in range(begin, min(begin + _READY, logins))}
        await _timed(
            lambda n, some=clients, at=begin: some[at + n].open(platform.submissions, starttls=False),  # type: ignore[misc]
            len(clients),
            sessions,
        )
        part = await _timed(lambda n, some=clients, at=begin: auth(some[at + n], at + n), len(clients), sessions)  # type: ignore[misc]
        kept = Figures(kept.seconds + part.seconds, kept.each + part.each)
        for client in clients.values():
            await client.close()
    return (
        kept,
        await _timed(lambda number: fresh(number), logins, sessions),
        await _timed(lambda number: fresh(number, starttls=True), logins, sessions),
        await _timed(lambda number: fresh(number, log_in=False), logins, sessions),
    )


async def _timed(act: Callable[[int], Awaitable[None]], count: int, at_once: int) -> Figures:
    """Do it `count` times, so many at once."""
    numbers = iter(range(count))
    each: list[float] = []

    async def work() -> None:
        for number in numbers:
            begun = time.perf_counter()
            await act(number)
            each.append(time.perf_counter() - begun)

    begun = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(at_once)))
    return Figures(time.perf_counter() - begun, each)


if __name__ == "__main__":
    sys.exit(main())
