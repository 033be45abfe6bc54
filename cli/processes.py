"""How is one process of the platform started? `livery api`, `smtpd`, `workers` and `clock`, each until SIGTERM."""

import importlib
import os
import sys
from collections.abc import Callable

import click
import structlog

from cli.environment import settled
from kit import chaos, logs
from kit.errors import LiveryError
from kit.process import allow_many_files
from kit.settings import Settings, SettingsError

log: structlog.stdlib.BoundLogger = structlog.get_logger()


def _serve(name: str, module: str) -> None:
    logs.configure(name)
    allow_many_files()
    chaos.arm(os.environ.get("LIVERY_CHAOS", ""))  # no setting for operators: docs/chaos.md
    try:
        with settled() as settings:
            serve: Callable[[Settings], None] = importlib.import_module(module).serve
            serve(settings)
    except (SettingsError, LiveryError):
        raise  # a line for people: cli.main shows it
    except Exception:  # the edge of the process: what it died of is one event in its log
        log.exception("process.failed")
        sys.exit(1)


@click.command()
def api() -> None:
    """Serve the API and the dashboard until SIGTERM."""
    _serve("api", "api")


@click.command()
def smtpd() -> None:
    """Take mail on the SMTP ports until SIGTERM. Several of these share the ports."""
    _serve("smtpd", "smtpd")


@click.command()
def workers() -> None:
    """Deliver mail until SIGTERM. Several of these share the queue."""
    _serve("workers", "workers")


@click.command()
def clock() -> None:
    """Ring what is due until SIGTERM. One leads; further ones stand by."""
    _serve("clock", "workers.clock")
