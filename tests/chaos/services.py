"""What happens to PostgreSQL and RabbitMQ meanwhile? They are killed without warning, and come back; a queue is emptied."""

import contextlib
import os
import signal
import time
from pathlib import Path

import psycopg
from dramatiq import Broker

from kit import jobs
from tests.support.postgres import Postgres
from tests.support.rabbitmq import RabbitMQ

_RECOVERY = 60.0


def strike(what: str, server: Postgres, rabbitmq: RabbitMQ | None, database_url: str) -> None:
    """Do one of `points.SERVICES` and return once the service works again."""
    match what:
        case "postgresql-postmaster":
            server.stop(sig=signal.SIGKILL)
            _start_again(server)
        case "postgresql-backend":
            # The postmaster takes every session down with it and recovers, as after a crash.
            _kill_somebody(database_url)
        case "rabbitmq-node":
            assert rabbitmq is not None
            rabbitmq.stop(sig=signal.SIGKILL)
            rabbitmq.start()
        case "rabbitmq-purge":
            assert rabbitmq is not None
            with contextlib.closing(jobs.make_broker(rabbitmq.url)) as broker:
                purge(broker)
        case _:
            raise ValueError(what)
    _answers(database_url)


def purge(broker: Broker) -> None:
    """Empty the queue of rings; where no process has come to declare it yet, it is declared and empty."""
    broker.declare_queue(jobs.QUEUE, ensure=True)  # type: ignore[call-arg]
    broker.channel.queue_purge(jobs.QUEUE)  # type: ignore[attr-defined]


def _kill_somebody(url: str) -> None:
    """Kill the server process of a busy session; waits for one where all of them have just been thrown out."""
    deadline = time.monotonic() + _RECOVERY
    while True:
        # The session may end between the look and the kill, or the server go away.
        with contextlib.suppress(psycopg.OperationalError, OSError), psycopg.connect(url) as session:
            found = session.execute(
                """select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
                    order by (state = 'active') desc, query_start desc limit 1"""
            ).fetchone()
            if found is not None and Path(f"/proc/{found[0]}/comm").read_text().startswith("postgres"):
                os.kill(found[0], signal.SIGKILL)
                return
        if time.monotonic() > deadline:
            raise AssertionError("nobody comes back to PostgreSQL")
        time.sleep(0.05)


def _start_again(server: Postgres) -> None:
    """What the dead postmaster left behind ends by itself within moments; until then a new one refuses to start."""
    deadline = time.monotonic() + _RECOVERY
    while True:
        try:
            return server.start()
        except RuntimeError:
            server.stop()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def _answers(url: str) -> None:
    deadline = time.monotonic() + _RECOVERY
    while True:
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(url, connect_timeout=2).close()
            return
        if time.monotonic() > deadline:
            raise AssertionError("PostgreSQL does not come back")
        time.sleep(0.05)
