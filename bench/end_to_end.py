"""How many messages a second go through the whole house? smtp-source → smtpd → store → worker → smtp-sink, signed, on this machine.

    .venv/bin/python -m bench.end_to_end [messages] [--rabbitmq] [--size 4096] [--sessions 20] [--workers 2] [--smtpd 1]

Needs Debian's postfix package for smtp-source and smtp-sink, and with --rabbitmq rabbitmq-server; starts everything itself,
with fsync on, and removes it. Printed: messages accepted a second, delivered a second from the first to the last, and
the CPU seconds of every process a thousand messages.
"""

import argparse
import asyncio
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kit.crypto import Keyring
from kit.db import connect, open_database
from tenants.credentials import CredentialKind, create_credential
from tenants.credits import grant
from tests.support import process, world
from tests.support.databases import make_template
from tests.support.platform import Platform
from tests.support.ports import free_port
from tests.support.postgres import TEMPLATE, Postgres, embedded_binaries
from tests.support.rabbitmq import RabbitMQ

_DURABLE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "max_wal_size": "1GB"}
_TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Set up, measure, take down."""
    parser = argparse.ArgumentParser()
    parser.add_argument("messages", type=int, nargs="?", default=5000)
    parser.add_argument("--rabbitmq", action="store_true")
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--smtpd", type=int, default=1)
    wanted = parser.parse_args()
    server = Postgres(embedded_binaries(), settings=_DURABLE)
    try:
        server.start()
        make_template(server)
        url = server.url(TEMPLATE)
        asyncio.run(_populate(url))
        with _broker(wanted.rabbitmq, url) as broker_url, _sink() as port:
            platform = Platform(
                url,
                broker_url=broker_url,
                route=f"smtp://127.0.0.1:{port}",
                processes=("smtpd",) * wanted.smtpd + ("workers",) * wanted.workers + ("clock",),
            )
            try:
                platform.start()
                asyncio.run(_measure(url, platform, wanted))
            finally:
                platform.remove()
    finally:
        server.remove()


async def _populate(url: str) -> None:
    await world.populate(url)
    db = await open_database(url, size=1)
    try:
        shop = (await world.find(db)).shop
        async with db.transaction() as conn:
            await grant(conn, shop.id, 10_000_000)
            await create_credential(
                conn,
                Keyring(world.SECRET_KEY),
                account_id=shop.id,
                kind=CredentialKind.SOURCE,
                name="bench",
                networks=("127.0.0.1/32",),
            )
    finally:
        await db.close()


async def _measure(url: str, platform: Platform, wanted: argparse.Namespace) -> None:
    conn = await connect(url)
    try:
        await _send(platform, wanted, 200)
        await _settled(conn, 200)
        before = _cpu()
        started = time.perf_counter()
        await _send(platform, wanted, wanted.messages)
        accepted = time.perf_counter() - started
        await _settled(conn, 200 + wanted.messages)
        settled = time.perf_counter() - started
        spent = {name: seconds - before.get(name, 0) for name, seconds in _cpu().items()}
        states = await conn.fetch("select state, count(*) from recipient group by state")
    finally:
        await conn.close()
    print(f"accepted   {wanted.messages / accepted:7.0f}/s")
    print(f"end to end {wanted.messages / settled:7.0f}/s   {dict(states)}")
    for name, seconds in sorted(spent.items(), key=lambda item: -item[1]):
        if seconds > 0.05:
            print(
                f"  {name:<24}{seconds * 1000 / wanted.messages:8.2f} ms a message  {seconds / settled:5.0%} of a core"
            )


async def _send(platform: Platform, wanted: argparse.Namespace, messages: int) -> None:
    argv = ["smtp-source", "-s", str(wanted.sessions), "-m", str(messages), "-l", str(wanted.size)]
    argv += ["-f", "user@shop.test", "-t", "someone@example.test", f"127.0.0.1:{platform.mx}"]
    done = await asyncio.to_thread(subprocess.run, argv, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)


async def _settled(conn: object, count: int) -> None:
    deadline = time.monotonic() + 600
    while await conn.fetchval("select count(*) from event where kind = 'delivered'") < count:  # type: ignore[attr-defined]
        if time.monotonic() > deadline:
            raise RuntimeError("not everything was delivered within ten minutes")
        await asyncio.sleep(0.05)


@contextmanager
def _broker(rabbitmq: bool, url: str) -> Iterator[str]:
    if not rabbitmq:
        yield url
        return
    node = RabbitMQ()
    try:
        node.start()
        yield node.url
    finally:
        node.remove()


@contextmanager
def _sink() -> Iterator[int]:
    port = free_port()
    argv = ["smtp-sink", "-u", "nobody"] if os.geteuid() == 0 else ["smtp-sink"]
    sink = process.start([*argv, f"127.0.0.1:{port}", "256"], log=Path("/dev/null"))
    try:
        yield port
    finally:
        process.stop(sink)


def _cpu() -> dict[str, float]:
    """CPU seconds so far of every process below this one, by what it is."""
    spent: dict[str, float] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").split()
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        name = _name(words)
        if name:
            spent[name] = spent.get(name, 0) + (int(fields[11]) + int(fields[12])) / _TICKS
    return spent


def _name(words: list[str]) -> str:
    line = " ".join(words)
    for mark, name in (
        ("-m cli smtpd", "smtpd"),
        ("-m cli workers", "workers"),
        ("-m cli clock", "clock"),
        ("smtp-sink", "smtp-sink"),
        ("smtp-source", "smtp-source"),
        ("beam.smp", "rabbitmq"),
        ("postgres", "postgres"),
    ):
        if mark in line:
            return name
    return ""


if __name__ == "__main__":
    main()
