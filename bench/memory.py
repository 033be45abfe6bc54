"""How much memory does a process take when it matters? An SMTP door with 2,000 idle peers, a worker with 50 × 25 MB queued.

    python -m bench.memory [--peers 2000] [--messages 50] [--megabytes 25]

Prints the peak of each (VmHWM) beside what design §9 allows, and exits with 1 when one is above it.
"""

import argparse
import asyncio
import re
import resource
import smtplib
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg

from bench import load
from kit.crypto import Keyring
from kit.db import open_database
from tenants.credentials import create_credential
from tenants.credits import grant
from tenants.models import CredentialKind
from tests.support import process, world
from tests.support.databases import make_template
from tests.support.platform import Platform
from tests.support.ports import free_port
from tests.support.postgres import TEMPLATE, Postgres, embedded_binaries

SMTPD_LIMIT, WORKER_LIMIT = 200, 400  # MB, design §9


def main() -> int:
    """Measure both, print both."""
    parser = argparse.ArgumentParser(prog="bench.memory")
    parser.add_argument("--peers", type=int, default=2000)
    parser.add_argument("--messages", type=int, default=50)
    parser.add_argument("--megabytes", type=int, default=25)
    wanted = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    sink_port = free_port()
    with _platform(sink_port) as (platform, url):
        platform.launch("smtpd")
        with ExitStack() as stack:
            for n in range(wanted.peers):
                stack.enter_context(_idle_peer(platform.submission, n))
            idle = peak(platform, "smtpd")
        print(f"smtpd with {wanted.peers} idle peers: {idle} MB at most; allowed {SMTPD_LIMIT}", flush=True)
        _submit(platform.mx, wanted.messages, wanted.megabytes)
        taking = peak(platform, "smtpd")
        print(
            f"smtpd, having taken {wanted.messages} × {wanted.megabytes} MB one by one: {taking} MB at most", flush=True
        )
        with load.sink(sink_port):
            platform.launch("workers")
            _delivered(url, wanted.messages)
            worker = peak(platform, "workers")
    print(f"worker, having delivered them: {worker} MB at most; allowed {WORKER_LIMIT}")
    return int(idle > SMTPD_LIMIT or worker > WORKER_LIMIT)


@contextmanager
def _platform(sink_port: int) -> Iterator[tuple[Platform, str]]:
    server = Postgres(embedded_binaries())
    try:
        server.start()
        make_template(server)
        url = server.url(TEMPLATE)
        asyncio.run(_populate(url))
        platform = Platform(url, route=f"smtp://127.0.0.1:{sink_port}", processes=("smtpd", "workers"))
        try:
            yield platform, url
        finally:
            platform.remove()
    finally:
        server.remove()


async def _populate(url: str) -> None:
    """The tests' accounts, and mail from loopback without a password."""
    await world.populate(url)
    db = await open_database(url, size=1)
    try:
        shop = (await world.find(db)).shop
        async with db.transaction() as conn:
            await grant(conn, shop.id, 1_000_000)
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


@contextmanager
def _idle_peer(port: int, number: int) -> Iterator[None]:
    """A connection that has been greeted and says nothing, from one of many addresses: each may have few."""
    source = f"127.1.{number // 250 % 250}.{number % 250 + 1}"
    with socket.create_connection(("127.0.0.1", port), timeout=10, source_address=(source, 0)) as peer:
        if peer.recv(3) != b"220":
            raise RuntimeError(f"peer {number} was not greeted")
        yield


def _submit(port: int, messages: int, megabytes: int) -> None:
    line = b"0123456789" * 7 + b"\r\n"
    body = line * (megabytes * 1024 * 1024 // len(line))
    head = f"From: <{load.SENDER}>\r\nTo: <{load.RECIPIENT}>\r\nSubject: large\r\n\r\n".encode()
    with smtplib.SMTP("127.0.0.1", port, timeout=120) as client:
        for _ in range(messages):
            client.sendmail(load.SENDER, [load.RECIPIENT], head + body)


def _delivered(url: str, messages: int) -> None:
    def done() -> bool:
        row = connection.execute("select count(*) from event where kind = 'delivered'").fetchone()
        return row is not None and row[0] >= messages

    with psycopg.connect(url, autocommit=True) as connection:
        process.wait_until(done, f"delivery of {messages} messages", seconds=600)


def peak(platform: Platform, kind: str) -> int:
    """The most memory that the process ever held, in MB."""
    pid = platform.pid(kind)
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) // 1024 if found else 0


if __name__ == "__main__":
    sys.exit(main())
