"""What do others notice while fifty people a second log in by password? One API process, with and without the logins.

    python -m bench.logins [--seconds 20] [--logins 50]

Logins (argon2id) begin at a fixed rate, however long each takes, from 100 addresses. Meanwhile two programs ask one thing
after another, 20 times a second each: `/health/live`, which needs the event loop and nothing else, and `me` by API key, which
reads the database too. Prints the table of docs/benchmarks.md.
"""

import argparse
import asyncio
import json
import os
import statistics
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench.memory import peak
from kit import totp
from kit.crypto import Keyring
from kit.db import open_database
from tests.support.databases import WORLD_TEMPLATE, make_template, make_world_template
from tests.support.platform import Platform
from tests.support.postgres import Postgres, embedded_binaries
from tests.support.world import PASSWORD, World, find

_ADDRESSES = 100
_PROBES = 20.0  # a second, of each kind


class Refused(Exception):
    """The answer's status was not 200."""


class Connection:
    """A kept HTTP connection from one of many addresses."""

    def __init__(self, port: int, number: int = 0) -> None:
        self._port = port
        self._address = f"127.1.0.{number % _ADDRESSES + 1}"

    async def ask(self, head: str, headers: Mapping[str, str], body: str = "") -> bytes:
        """The body of the answer. Raises Refused for another status than 200."""
        if not hasattr(self, "_reader"):
            self._reader, self._writer = await asyncio.open_connection(
                "127.0.0.1", self._port, local_addr=(self._address, 0)
            )
        lines = [f"{head} HTTP/1.1", "host: localhost", f"content-length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._writer.write("\r\n".join([*lines, "", body]).encode())
        answer = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        if not answer.startswith(b"http/1.1 200"):
            raise Refused(answer.decode())
        return await self._reader.readexactly(int(answer.partition(b"content-length:")[2].split()[0]))

    async def post(self, query: str, headers: Mapping[str, str]) -> dict[str, object]:
        """The data of an operation."""
        body = json.dumps({"query": query})
        answer = await self.ask("POST /graphql", {"content-type": "application/json", **headers}, body)
        data: dict[str, object] = json.loads(answer)["data"]
        return data

    def close(self) -> None:
        """Hang up."""
        if hasattr(self, "_writer"):
            self._writer.close()


@dataclass
class Seen:
    """How long each took, in seconds."""

    logins: list[float] = field(default_factory=list)
    live: list[float] = field(default_factory=list)
    me: list[float] = field(default_factory=list)
    refused: int = 0

    def row(self, what: str) -> str:
        """A line of the table."""
        return f"| {what} | {_figures(self.live)} | {_figures(self.me)} | {_figures(self.logins)} | {self.refused} |"


def _figures(times: list[float]) -> str:
    if not times:
        return "–"
    p99 = sorted(times)[len(times) * 99 // 100]
    return f"{statistics.median(times) * 1e3:.1f} / {p99 * 1e3:.1f} ms"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench.logins")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--logins", type=float, default=50, help="that begin in a second")
    wanted = parser.parse_args()
    with _api() as (platform, world):
        _run(platform, world, 3, wanted.logins)  # warm
        quiet = _run(platform, world, wanted.seconds, 0)
        busy = _run(platform, world, wanted.seconds, wanted.logins)
        before = peak(platform, "api")
        flood = _run(platform, world, 3, 10 * wanted.logins)
        after = peak(platform, "api")
    print("| median / p99 | `/health/live` | `me` by key | `login` | refused |\n|---|---|---|---|---|")
    print(quiet.row("nobody logs in"))
    print(busy.row(f"{wanted.logins:.0f} logins a second"))
    print(flood.row(f"{10 * wanted.logins:.0f} a second, for 3 seconds"))
    print(f"\nMemory at most: {before} MB, in the flood {after} MB. Load {os.getloadavg()[0]:.0f}.")
    print(f"\nA code of the second factor is checked in {_code_seconds() * 1e6:.0f} µs.")


@contextmanager
def _api() -> Iterator[tuple[Platform, World]]:
    server = Postgres(embedded_binaries())
    try:
        server.start()
        make_template(server)
        make_world_template(server)
        name = server.create(WORLD_TEMPLATE)
        platform = Platform(server.url(name), database_api_url=server.url(name, user="livery_api"), processes=("api",))
        try:
            platform.launch("api")
            yield platform, asyncio.run(_world(server.url(name)))
        finally:
            platform.remove()
    finally:
        server.remove()


async def _world(url: str) -> World:
    db = await open_database(url, size=1)
    try:
        return await find(db)
    finally:
        await db.close()


def _run(platform: Platform, world: World, seconds: float, logins: float) -> Seen:
    return asyncio.run(_measure(platform.http, world, seconds, logins))


async def _measure(port: int, world: World, seconds: float, logins: float) -> Seen:
    seen = Seen()
    key = {"authorization": f"Bearer {world.shop.full_key}"}
    query = (
        f'mutation {{ login(email: "{world.shop.email}", password: "{PASSWORD}") '
        "{ __typename ... on Problem { code } } }"
    )

    async def log_in(number: int) -> None:
        connection = Connection(port, number)
        begun = time.perf_counter()
        try:
            answer = str(await connection.post(query, {"x-requested-with": "web"}))
        except Refused:
            answer = "turned away"
        if "SignedIn" in answer:
            seen.logins.append(time.perf_counter() - begun)
        else:
            seen.refused += 1
        connection.close()

    async def live(connection: Connection) -> None:
        await connection.ask("GET /health/live", {})

    async def me(connection: Connection) -> None:
        await connection.post("{ me { account { slug } } }", key)

    async def probe(ask: object, times: list[float]) -> None:
        connection = Connection(port)
        end = time.perf_counter() + seconds
        while (begun := time.perf_counter()) < end:
            await ask(connection)  # type: ignore[operator]
            times.append(time.perf_counter() - begun)
            await asyncio.sleep(1 / _PROBES)
        connection.close()

    async def crowd() -> None:
        began = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            for number in range(int(seconds * logins)):
                await asyncio.sleep(began + number / logins - time.perf_counter())
                tasks.create_task(log_in(number))

    await asyncio.gather(probe(live, seen.live), probe(me, seen.me), crowd())
    return seen


def _code_seconds() -> float:
    """What a code costs where it is the loop that computes it: the sealed key opened, three steps compared."""
    ring, key = Keyring(b"\x01" * 32), b"\x02" * 20
    sealed = ring.seal(key, "totp|x")
    begun = time.perf_counter()
    for _ in range(1000):
        totp.matching_step(ring.open(sealed, "totp|x"), "000000", now=1_800_000_000)
    return (time.perf_counter() - begun) / 1000


if __name__ == "__main__":
    main()
