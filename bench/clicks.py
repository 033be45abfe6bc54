"""How many tracked links does one API process lead on in a second, on one core, with the database and without it?

    python -m bench.clicks [--seconds 20] [--rate 800]

The API is bound to one core, client and PostgreSQL to the others. Clicks of 2,000 recipients with 500 programs begin at a fixed
rate, however long each takes, over 50 kept connections, and are timed from when they should have begun; then as fast as 20
connections get answers, which is the most there is; then at the rate with PostgreSQL stopped, after which it is started and
what waits is waited for. Processor time is the API's own, so it holds on a busy machine too, where the times do not: the line
below the table says how busy it was. Prints what docs/benchmarks.md, *Clicks*, holds.
"""

import argparse
import asyncio
import gc
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import asyncpg

from kit.crypto import Keyring
from kit.db import connect
from kit.ids import new_id
from mail.tracking import Tracker
from mail.wire.tracked import Whose
from tests.support.databases import WORLD_TEMPLATE, make_template, make_world_template
from tests.support.platform import SECRET_KEY, Platform
from tests.support.postgres import Postgres, embedded_binaries

_RECIPIENTS = 2_000
_CONNECTIONS, _EAGER = 50, 20
# As many as newsletters meet: what an API process has not met before costs it some time to tell.
_AGENTS = [
    f"Mozilla/5.0 ({system}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version}.0.{build}.0 {mobile}Safari/537.36"
    for system, mobile in (
        ("Windows NT 10.0; Win64; x64", ""),
        ("Macintosh; Intel Mac OS X 10_15_7", ""),
        ("X11; Linux x86_64", ""),
        ("Linux; Android 14; Pixel 8", "Mobile "),
        ("Linux; Android 13; SM-G991B", "Mobile "),
    )
    for version in range(110, 130)
    for build in range(5)
]


@dataclass
class Seen:
    """How long each answer took, in seconds."""

    times: list[float] = field(default_factory=list)
    wall: float = 0
    cpu: float = 0

    def row(self, what: str) -> str:
        """A line of the table."""
        times = sorted(self.times)
        shares = " | ".join(f"{times[len(times) * share // 100] * 1e3:.1f} ms" for share in (50, 95, 99))
        return (
            f"| {what} | {len(times) / self.wall:,.0f}/s | {shares} | {times[-1] * 1e3:.0f} ms"
            f" | {self.cpu / len(times) * 1e3:.2f} ms |"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench.clicks")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rate", type=float, default=800, help="clicks that begin in a second")
    wanted = parser.parse_args()
    first, *others = sorted(os.sched_getaffinity(0))
    if others:
        os.sched_setaffinity(0, others)  # so is whatever is started from here
    with _api() as (platform, server, url):
        links = asyncio.run(_links(url))
        pid = platform.pid("api")
        for task in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), {first})
        rows = []
        _run(platform, pid, links, 2, wanted.rate)  # warm
        _told(url)
        rows.append(_run(platform, pid, links, wanted.seconds, wanted.rate).row(f"{wanted.rate:.0f} a second"))
        _told(url)
        rows.append(_run(platform, pid, links, wanted.seconds, None).row(f"{_EAGER} connections, as fast as answered"))
        lag = _told(url)
        server.stop()
        rows.append(
            _run(platform, pid, links, wanted.seconds, wanted.rate).row(f"{wanted.rate:.0f} a second, no database")
        )
        server.start()
        after = _told(url)
        visits, facts = asyncio.run(_counts(url))
    print(
        "| clicks | answered | median | p95 | p99 | longest | API processor time each |\n|---|---|---|---|---|---|---|"
    )
    print("\n".join(rows))
    print(f"\nRecorded {lag:.1f} s after the fastest run had ended, and {after:.1f} s after the database was back.")
    print(f"{visits:,} visits, {facts:,} facts. {len(others) + 1} cores, load average {os.getloadavg()[0]:.1f}.")


@contextmanager
def _api() -> Iterator[tuple[Platform, Postgres, str]]:
    server = Postgres(embedded_binaries())
    try:
        server.start()
        make_template(server)
        make_world_template(server)
        name = server.create(WORLD_TEMPLATE)
        platform = Platform(server.url(name), database_api_url=server.url(name, user="livery_api"), processes=("api",))
        try:
            platform.launch("api")
            yield platform, server, server.url(name)
        finally:
            platform.remove()
    finally:
        server.remove()


async def _links(url: str) -> list[str]:
    """Paths of the links of recipients whose mail was delivered an hour ago."""
    conn = await connect(url)
    try:
        account: UUID = await conn.fetchval("select id from account where slug = 'shop.test'")
        message = new_id()
        await conn.execute(
            """insert into message (id, account_id, door, envelope_from, sender, subject, size, eight_bit, smtputf8, trace,
                                    sandbox, recipient_count, expires_at)
               values ($1, $2, 'smtp', 'a@shop.test', 'a@shop.test', 'x', 9, false, false, 'x', false, $3, livery_now())""",
            message,
            account,
            _RECIPIENTS,
        )
        ids = [new_id() for _ in range(_RECIPIENTS)]
        await conn.execute(
            """insert into recipient (id, message_id, account_id, address, domain, state, next_attempt_at)
               select id, $2, $3, id || '@far.test', 'far.test', 'delivered', null from unnest($1::uuid[]) as id""",
            ids,
            message,
            account,
        )
        await conn.execute(
            """insert into event (epoch, account_id, message_id, recipient_id, kind, from_state, at)
               select (select epoch from ledger_epoch), $3, $2, id, 'delivered', 'sending', livery_now() - interval '1 hour'
                 from unnest($1::uuid[]) as id""",
            ids,
            message,
            account,
        )
        day = (await conn.fetchval("select livery_now()")).date()
    finally:
        await conn.close()
    keys = Keyring(bytes.fromhex(SECRET_KEY))
    trackers = [Tracker(keys, "", Whose(account, id, day)) for id in ids]
    return [link for tracker in trackers if (link := tracker.link("https://shop.test/offers/autumn?utm_source=news"))]


def _run(platform: Platform, pid: int, links: list[str], seconds: float, rate: float | None) -> Seen:
    before = _cpu(pid)
    seen = asyncio.run(_clicks(platform.http, links, seconds, rate))
    seen.cpu = _cpu(pid) - before
    return seen


async def _clicks(port: int, links: list[str], seconds: float, rate: float | None) -> Seen:
    seen = Seen()
    dice = random.Random(7)
    gc.collect()
    gc.freeze()  # the client's own pauses are not to be measured
    begun = time.perf_counter()
    turns = iter(range(1_000_000))

    async def reader() -> None:
        stream, writer = await asyncio.open_connection("127.0.0.1", port)
        for number in turns:
            due = begun + number / rate if rate else time.perf_counter()
            if due > begun + seconds:
                break
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            link, agent = links[number % len(links)], dice.choice(_AGENTS)
            writer.write(f"GET {link} HTTP/1.1\r\nhost: localhost\r\nuser-agent: {agent}\r\n\r\n".encode())
            answer = await stream.readuntil(b"\r\n\r\n")
            if not answer.startswith(b"HTTP/1.1 302"):
                raise SystemExit(f"not led on: {answer.decode()}")
            seen.times.append(time.perf_counter() - due)  # from when it should have begun
        writer.close()

    await asyncio.gather(*(reader() for _ in range(_CONNECTIONS if rate else _EAGER)))
    seen.wall = time.perf_counter() - begun
    return seen


def _told(url: str) -> float:
    """Seconds until no visit is added for a second and a half, less those."""
    begun = time.monotonic()
    last, since = (-1, -1), begun
    while time.monotonic() - since < 1.5:
        time.sleep(0.1)
        try:
            now = asyncio.run(_counts(url))
        except (OSError, asyncpg.PostgresError):
            now = (-1, -1)
        if now != last or now[0] < 0:
            last, since = now, time.monotonic()
    return since - begun


async def _counts(url: str) -> tuple[int, int]:
    conn = await connect(url)
    try:
        row = await conn.fetchrow(
            "select (select count(*) from visit), (select count(*) from event where kind = 'clicked')"
        )
        return tuple(row)
    finally:
        await conn.close()


def _cpu(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
