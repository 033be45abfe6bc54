"""How does everything start on one machine? `livery run`: ports, database, tables, processes, then a short table.

The order matters to whoever reads the failure: what can be told without touching anything is told first.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import click

from cli import environment, ports, welcome
from cli.output import Output
from cli.supervisor import GaveUp, Program, Supervisor
from kit import embedded
from kit.errors import Kind, LiveryError
from kit.process import die_with_parent
from kit.settings import Settings, load

PROGRAMS = (
    Program("api", ("api",)),
    Program("smtpd 1", ("smtpd",), announces="smtp.ready"),
    Program("smtpd 2", ("smtpd",), announces="smtp.ready"),
    Program("workers 1", ("workers",), announces="workers.ready"),
    Program("workers 2", ("workers",), announces="workers.ready"),
    Program("clock", ("clock",), announces="clock.ready"),
)
"""Two SMTP doors share the ports, and two workers the queue, so that a crash of one is not noticed outside."""


@click.command()
@click.option("--demo", is_flag=True, help="Make the demo's accounts and deliver to the simulator; loopback only.")
@click.option("--verbose", "-v", is_flag=True, help="Show every line that the processes log.")
def run(demo: bool, verbose: bool) -> None:
    """Run everything on this machine until Ctrl-C: database, API and dashboard, SMTP, delivery."""
    environ = dict(os.environ) | ({"LIVERY_DEMO": "1"} if demo else {})
    asked = load(environ)
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        database: embedded.Embedded | None = None
        if not asked.database_url:
            environ |= environment.own_key(environ, asked.data_dir)
            database = embedded.Embedded(asked.data_dir)
            # The lock first: "already running" tells more than "port taken".
            stack.callback(database.stop)
            database.lock()
        ports.check(asked)
        environ |= environment.own_certificate(asked)
        try:
            output = Output(asked.data_dir / "log", verbose=verbose)
        except OSError as fault:
            raise embedded.unwritable(asked.data_dir, fault) from None
        if database is not None:
            output.say("Starting PostgreSQL …")
            environ |= environment.embedded_database(database.start())
        settings = load(environ)
        output.say("Bringing the database up to date …")
        _migrate(environ)
        output.say("Starting the processes …")

        def greet() -> None:
            output.say(welcome.table(settings, seconds=time.monotonic() - began))

        supervisor = Supervisor(PROGRAMS, environ, output)
        try:
            supervisor.tend(
                ready=lambda: is_ready(settings),
                when_ready=greet,
                look=lambda: _keep_database(database, output),
            )
        except GaveUp as fault:
            raise LiveryError(Kind.UNAVAILABLE, "PROCESS_FAILED", str(fault)) from None
    output.say("Stopped.")


def is_ready(settings: Settings) -> bool:
    """Whether the API says so and every SMTP port answers."""
    with contextlib.suppress(OSError, urllib.error.HTTPError):
        for port in (*settings.smtp_ports, settings.mx_port):
            with _talk_to(settings.bind, port) as peer:
                if not peer.recv(4).startswith(b"220"):
                    return False
        for port in settings.smtps_ports:
            with _talk_to(settings.bind, port):
                pass
        address = _reachable(settings.bind)
        url = f"http://{f'[{address}]' if ':' in address else address}:{settings.http_port}/health/ready"
        # A name that the platform always answers to, whatever the address is.
        request = urllib.request.Request(url, headers={"Host": "localhost"})
        with urllib.request.urlopen(request, timeout=2) as answer:  # noqa: S310 (http, to ourselves)
            return bool(answer.status == 200)
    return False


@contextlib.contextmanager
def _talk_to(bind: str, port: int) -> Iterator[socket.socket]:
    with socket.create_connection((_reachable(bind), port), timeout=2) as peer:
        yield peer


def _reachable(bind: str) -> str:
    """Where to find what listens on `bind`."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bind, bind)  # noqa: S104 (asked, not bound)


def _migrate(environ: dict[str, str]) -> None:
    """In a process of its own: the supervisor stays small and never opens an event loop."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "cli", "migrate"],
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=die_with_parent(signal.SIGKILL),
    )
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or ["it said nothing"]
        raise LiveryError(
            Kind.UNAVAILABLE, "MIGRATION_FAILED", f"The database could not be brought up to date: {said[-1]}"
        )


def _keep_database(database: embedded.Embedded | None, output: Output) -> None:
    """Restart an embedded server that has ended by itself. Raises LiveryError if it will not come back."""
    if database is not None and (status := database.ended()) is not None:
        output.say(f"PostgreSQL ended (status {status}); starting it again.")
        database.start()
