"""How is one process of the platform started? `livery api`, `smtpd`, `workers` and `clock`, each until SIGTERM."""

from collections.abc import Callable

import click

from cli.environment import settled
from kit import logs
from kit.settings import Settings


def _serve(name: str, serve: Callable[[Settings], None]) -> None:
    with settled() as settings:
        logs.configure(name)
        serve(settings)


@click.command()
def api() -> None:
    """Serve the API and the dashboard until SIGTERM."""
    import api

    _serve("api", api.serve)


@click.command()
def smtpd() -> None:
    """Take mail on the SMTP ports until SIGTERM. Several of these share the ports."""
    import smtpd

    _serve("smtpd", smtpd.serve)


@click.command()
def workers() -> None:
    """Deliver mail until SIGTERM. Several of these share the queue."""
    import workers

    _serve("workers", workers.serve)


@click.command()
def clock() -> None:
    """Ring what is due until SIGTERM. One leads; further ones stand by."""
    import workers.clock

    _serve("clock", workers.clock.serve)
