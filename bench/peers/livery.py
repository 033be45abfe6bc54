"""How is the platform itself measured? As `livery run --demo` with every setting at its default but ports and the route.

On the embedded server, or on a private RabbitMQ node with Debian's PostgreSQL at PostgreSQL's own defaults.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg

from bench.load import TooSlow
from kit import embedded
from tests.support import process
from tests.support.ports import free_port, free_ports
from tests.support.postgres import Postgres, debian_binaries
from tests.support.rabbitmq import RabbitMQ

CHECKOUT = Path(__file__).resolve().parents[2]
ACCOUNT = "shop.test"
_COMMAND = [sys.executable, "-P", "-m", "cli"]
DEFAULTS = {
    "fsync": "on",
    "full_page_writes": "on",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "idle_in_transaction_session_timeout": "0",
}
"""PostgreSQL's defaults, where tests use others."""


class Livery:
    """Two SMTP doors, two workers, API and clock, signing, charging and keeping the ledger."""

    def __init__(self, sink_port: int, *, rabbitmq: bool) -> None:
        self.name = "Livery on RabbitMQ" if rabbitmq else "Livery, embedded"
        self._folder = Path(tempfile.mkdtemp(prefix="lvbench-livery-"))
        self._data = self._folder / "data"
        http, starttls, submission, tls, self.port = free_ports(5)
        self._environ = {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(CHECKOUT),
            "LIVERY_DATA_DIR": str(self._data),
            "LIVERY_HTTP_PORT": str(http),
            "LIVERY_SMTP_PORTS": f"{starttls},{submission}",
            "LIVERY_SMTPS_PORTS": str(tls),
            "LIVERY_MX_PORT": str(self.port),
            "LIVERY_METRICS_PORT": str(min(free_port() for _ in range(8))),
            "LIVERY_ROUTE": f"smtp://127.0.0.1:{sink_port}",
        }
        self._postgres: Postgres | None = None
        self._broker: RabbitMQ | None = None
        if rabbitmq:
            self._postgres = Postgres(debian_binaries(), tcp=True, settings=DEFAULTS)
            self._broker = RabbitMQ()
            self._environ |= {"LIVERY_BROKER_URL": self._broker.url, "LIVERY_SECRET_KEY": os.urandom(32).hex()}
        self._running: subprocess.Popen[bytes] | None = None
        self._url = ""

    def start(self) -> None:
        """Start what it stands on, then itself; let loopback submit without a password, as smtp-source has none."""
        log = self._folder / "log"
        if self._postgres is not None and self._broker is not None:
            self._postgres.start()
            self._broker.start()
            self._url = self._postgres.url(self._postgres.create(name="livery"))
            self._environ["LIVERY_DATABASE_URL"] = self._url
        self._running = process.start([*_COMMAND, "run", "--demo"], log=log, env=self._environ, cwd=Path("/"))
        process.wait_until(
            lambda: "Ready in " in log.read_text(errors="replace"),
            "livery run",
            seconds=120,
            process=self._running,
            log=log,
        )
        subprocess.run(
            [*_COMMAND, "credential", "create", "--account", ACCOUNT, "--ip", "127.0.0.1/32"],
            env=self._environ,
            cwd="/",
            check=True,
            capture_output=True,
        )
        if not self._url:
            with embedded.attach(self._data) as urls:
                self._url = urls.owner

    def roots(self) -> list[int]:
        """The supervisor, under which embedded PostgreSQL runs too; else broker and database beside it."""
        found = [self._running.pid] if self._running else []
        for server in (self._postgres, self._broker):
            if server is not None and server._process is not None:
                found.append(server._process.pid)
        return found

    def settle(self, messages: int) -> None:
        """Wait until the ledger says delivered for each, and check that each was charged once."""

        def settled() -> bool:
            row = connection.execute("select count(*) from event where kind = 'delivered'").fetchone()
            return row is not None and row[0] >= messages

        with psycopg.connect(self._url, autocommit=True) as connection:
            try:
                process.wait_until(settled, "the ledger", seconds=60)
            except RuntimeError as fault:
                raise TooSlow(str(fault)) from None
            row = connection.execute(
                "select count(*), count(*) filter (where state = 'delivered'),"
                " (select -sum(delta)::bigint from credit_entry where delta < 0) from recipient"
            ).fetchone()
        if row != (messages, messages, messages):
            raise RuntimeError(f"sent {messages}, but recipients, delivered, charged are {row}")

    def words(self) -> str:
        """Everything its processes said."""
        return (self._folder / "log").read_text(errors="replace")

    @property
    def url(self) -> str:
        """The database, for those who look at its statistics."""
        return self._url

    def remove(self) -> None:
        """Stop everything and delete it, the embedded cluster included."""
        if self._running is not None:
            process.stop(self._running, seconds=60)
        cluster = (self._data / "postgres").resolve()
        if cluster.is_relative_to("/var/lib/livery"):
            shutil.rmtree(cluster.parent, ignore_errors=True)
        for server in (self._broker, self._postgres):
            if server is not None:
                server.remove()
        shutil.rmtree(self._folder, ignore_errors=True)
