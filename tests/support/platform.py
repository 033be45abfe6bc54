"""How does a test meet the platform from outside? As real processes, started as by an operator, that leave no trace."""

import asyncio
import os
import shutil
import socket
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from signal import SIGKILL, SIGTERM

from tests.support import folders, process
from tests.support.certificates import write_certificate
from tests.support.ports import free_port, free_ports

CHECKOUT = Path(__file__).resolve().parents[2]
SECRET_KEY = "5e" * 32
MAIL_DOMAIN = "mx.neutral.test"  # never the product's name, so that a leak of it shows


class Platform:
    """api, smtpd, workers and clock on one database and one broker, every port free and on loopback."""

    def __init__(
        self,
        database_url: str,
        *,
        database_api_url: str | None = None,
        broker_url: str | None = None,
        route: str = "simulator",
        processes: tuple[str, ...] = ("api", "smtpd", "workers", "clock"),
        settings: Mapping[str, str] | None = None,
        programs: Mapping[str, str] | None = None,
    ) -> None:
        """`processes` names what to start, a name given twice twice; `settings` are further LIVERY_* variables.

        `programs` names modules to run in the place of `livery <kind>`, by kind.
        """
        self.folder = folders.make("pl")
        self.submission, self.submissions, self.mx, self.http = free_ports(4)
        self.names = tuple(
            f"{kind}-{processes[:at].count(kind) + 1}" if processes.count(kind) > 1 else kind
            for at, kind in enumerate(processes)
        )
        certificate, key = self._certificate()
        self.environment = {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            "LIVERY_DATABASE_URL": database_url,
            "LIVERY_DATABASE_API_URL": database_api_url or database_url,
            "LIVERY_BROKER_URL": broker_url or database_url,
            "LIVERY_DATA_DIR": str(self.folder / "data"),
            "LIVERY_SECRET_KEY": SECRET_KEY,
            "LIVERY_PUBLIC_URL": f"http://localhost:{self.http}",
            "LIVERY_MAIL_DOMAIN": MAIL_DOMAIN,
            "LIVERY_TLS_CERT": str(certificate),
            "LIVERY_TLS_KEY": str(key),
            "LIVERY_HTTP_PORT": str(self.http),
            "LIVERY_SMTP_PORTS": str(self.submission),
            "LIVERY_SMTPS_PORTS": str(self.submissions),
            "LIVERY_MX_PORT": str(self.mx),
            "LIVERY_ROUTE": route,
            **(settings or {}),
        }
        self.metrics = {name: free_port() for name in self.names}
        self._programs = programs or {}
        self._running: dict[str, process.Running] = {}

    def start(self) -> None:
        """Start every process and wait until each is ready to work."""
        for name in self.names:
            self._launch(name)
        for name in self.names:
            self.wait(name)

    def launch(self, name: str) -> None:
        """Start one process (again) and wait until it is ready; from a coroutine in a thread."""
        _in_a_thread()
        self._launch(name)
        self.wait(name)

    def stop(self, *names: str) -> dict[str, int]:
        """Stop processes in order by SIGTERM (all without names) and return their exit statuses; from a coroutine in a thread."""
        _in_a_thread()
        chosen = [name for name in names or self.names if name in self._running]
        for name in chosen:
            if self._running[name].poll() is None:
                self._running[name].send_signal(SIGTERM)
        # One signal each: a second one would end a process whose own handler is gone because it has finished.
        return {name: process.end(self._running.pop(name), seconds=40) for name in chosen}

    def kill(self, name: str) -> None:
        """Kill one process as by kill -9."""
        process.stop(self._running.pop(name), sig=SIGKILL)

    def remove(self) -> None:
        """Stop everything and delete its folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def each(self, kind: str) -> tuple[str, ...]:
        """Return the names of every process of a kind: ("workers-1", "workers-2")."""
        return tuple(name for name in self.names if name.partition("-")[0] == kind)

    def alive(self, name: str) -> bool:
        """Is this process running?"""
        return name in self._running and self._running[name].poll() is None

    def pid(self, name: str) -> int:
        """The process id of a running process."""
        return self._running[name].pid

    def log(self, name: str) -> str:
        """Return everything a process wrote."""
        return self._log(name).read_text(errors="replace")

    def wait(self, name: str) -> None:
        """Wait until a process does its work: the door greets, the API says ready, the others serve their metrics."""
        probe = {
            "api": lambda: _http_ok(f"http://127.0.0.1:{self.http}/health/ready"),
            "smtpd": lambda: all(greets(port) for port in (self.submission, self.mx)),
        }.get(name.partition("-")[0], lambda: _http_ok(f"http://127.0.0.1:{self.metrics[name]}/metrics"))
        process.wait_until(probe, name, seconds=40, process=self._running[name], log=self._log(name))

    @property
    def url(self) -> str:
        """Where the platform's own dashboard and API answer."""
        return f"http://127.0.0.1:{self.http}"

    def client_tls(self) -> ssl.SSLContext:
        """A TLS context that trusts this platform's certificate and nothing else."""
        context = ssl.create_default_context(cafile=self.environment["LIVERY_TLS_CERT"])
        context.check_hostname = False
        return context

    def _launch(self, name: str) -> None:
        kind = name.partition("-")[0]
        argv = [self._programs[kind]] if kind in self._programs else ["cli", kind]
        self._running[name] = self._begin(argv, self._log(name), self._environment(name))

    def _environment(self, name: str) -> dict[str, str]:
        """The environment of one process."""
        return {**self.environment, "LIVERY_METRICS_PORT": str(self.metrics[name])}

    def _begin(self, argv: Sequence[str], log: Path, environment: Mapping[str, str]) -> process.Running:
        """Start a module with its arguments as a process."""
        return process.start([sys.executable, "-m", *argv], log=log, env=environment, cwd=CHECKOUT)

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def _certificate(self) -> tuple[Path, Path]:
        return write_certificate(self.folder, "localhost", MAIL_DOMAIN)


def _in_a_thread() -> None:
    """Waiting on an event loop would stop the remote hosts on it, for which the process may be waiting in turn."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise AssertionError("this blocks the event loop: call it by asyncio.to_thread")


def _http_ok(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - loopback, our own
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def greets(port: int) -> bool:
    """Does something on this port say 220?"""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as peer:
            return peer.recv(3) == b"220"
    except OSError:
        return False
