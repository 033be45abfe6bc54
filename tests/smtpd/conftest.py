"""Which server do these tests meet? The real door in this process, on free ports, over a database of its own."""

import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from kit.db import connect
from kit.settings import Settings, load
from smtpd.process import running
from smtpd.session import Door
from tests.smtpd.client import Client
from tests.support import process
from tests.support.certificates import write_certificate
from tests.support.ports import free_ports
from tests.support.world import SECRET_KEY

CHECKOUT = Path(__file__).resolve().parents[2]
DOMAIN = "mx.neutral.test"

type MakeEnvironment = Callable[..., dict[str, str]]


@dataclass
class Server:
    """A running door and the accounts behind it: shop.test has an SMTP credential and 100,000 credits."""

    settings: Settings
    door: Door
    conn: asyncpg.Connection
    user: str = "shop-smtp"
    password: str = "shop-smtp-password"

    @property
    def starttls(self) -> int:
        """The port that begins in clear."""
        return self.settings.smtp_ports[0]

    @property
    def implicit(self) -> int:
        """The port that begins with a handshake."""
        return self.settings.smtps_ports[0]

    @property
    def mx(self) -> int:
        """The port for returned mail."""
        return self.settings.mx_port

    async def client(self, way: str = "starttls") -> Client:
        """A client that has said EHLO: in "clear", after "starttls", or on the "implicit" TLS port."""
        client = await Client.connect(self.implicit if way == "implicit" else self.starttls, tls=way == "implicit")
        assert (await client.say("EHLO client.test")).code == 250
        if way == "starttls":
            await client.starttls()
            assert (await client.say("EHLO client.test")).code == 250
        return client

    async def member(self, way: str = "starttls") -> Client:
        """A client that has logged in as shop.test."""
        client = await self.client(way)
        reply = await client.login(self.user, self.password)
        assert reply.code == 235, reply
        return client

    async def stored(self) -> tuple[int, int]:
        """How many messages are stored, and how many credits they cost."""
        messages = await self.conn.fetchval("select count(*) from message")
        spent = await self.conn.fetchval("select coalesce(-sum(delta), 0) from credit_entry where reason = 'message'")
        return int(messages), int(spent)

    async def contents(self) -> list[bytes]:
        """The stored bodies, oldest first."""
        rows = await self.conn.fetch("select b.content from body b join message m on m.id = b.message_id order by m.id")
        return [row["content"] for row in rows]

    async def know_network(self, network: str) -> None:
        """Give shop.test a source credential."""
        await self.conn.execute(
            """insert into credential (id, account_id, kind, name, networks)
               select gen_random_uuid(), id, 'source', 'Office', array[$1::text]::cidr[]
                 from account where slug = 'shop.test'""",
            network,
        )


@pytest.fixture(autouse=True)
async def _hang_up() -> AsyncIterator[None]:
    """A test that fails in the middle leaves no connection to the next one."""
    yield
    for client in Client.opened:
        client.reset()
    Client.opened.clear()


@pytest.fixture
def environment(world_url: str, tmp_path: Path) -> MakeEnvironment:
    """The LIVERY_* variables of a door on free ports; further ones by keyword."""
    certificate, key = write_certificate(tmp_path, "localhost")

    def make(**further: str) -> dict[str, str]:
        submission, submissions, mx = free_ports(3)
        return {
            "LIVERY_DATABASE_URL": world_url,
            "LIVERY_BROKER_URL": world_url,
            "LIVERY_DATA_DIR": str(tmp_path),
            "LIVERY_SECRET_KEY": SECRET_KEY.hex(),
            "LIVERY_MAIL_DOMAIN": DOMAIN,
            "LIVERY_TLS_CERT": str(certificate),
            "LIVERY_TLS_KEY": str(key),
            "LIVERY_SMTP_PORTS": str(submission),
            "LIVERY_SMTPS_PORTS": str(submissions),
            "LIVERY_MX_PORT": str(mx),
            "LIVERY_METRICS_PORT": "0",
            **further,
        }

    return make


@pytest.fixture
async def server(environment: MakeEnvironment) -> AsyncIterator[Server]:
    """A running door that refuses bare newlines."""
    async with serving(load(environment())) as server:
        yield server


@contextlib.asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[Server]:
    """Run a door with these settings."""
    conn = await connect(settings.database_url)
    try:
        async with running(settings) as door:
            yield Server(settings, door, conn)
    finally:
        await conn.close()


@dataclass
class Separate:
    """A door that runs as a process of its own."""

    settings: Settings
    process: subprocess.Popen[bytes]
    log: Path


@contextlib.contextmanager
def separate(environ: dict[str, str], log: Path) -> Iterator[Separate]:
    """Run `python -m smtpd` with these settings, ready to greet; ended with the block."""
    settings = load(environ)
    argv = [sys.executable, "-m", "smtpd"]
    running = process.start(argv, log=log, env={"PATH": os.environ["PATH"], **environ}, cwd=CHECKOUT)
    try:
        # Not by a greeting: another process may share the port.
        process.wait_until(lambda: "smtp.ready" in log.read_text(), "smtpd", process=running, log=log)
        yield Separate(settings, running, log)
    finally:
        process.stop(running)
