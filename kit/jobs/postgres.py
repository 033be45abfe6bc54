"""How do rings travel where there is no RabbitMQ? Through `dramatiq-postgres`, a queue table in the embedded server.

Its tables live in their own schema, made on first use under an advisory lock. A ring may be lost, so its commits do not
wait for the disk; rows are deleted as they are acknowledged, so the table stays empty at rest.
"""

import threading
from collections.abc import Sequence
from typing import Any

import dramatiq
import psycopg
from dramatiq.errors import BrokerConnectionError
from dramatiq_postgres import PostgresBroker, schema
from dramatiq_postgres.broker import QUERIES
from dramatiq_postgres.utils import tidy4json
from psycopg.types.json import Json
from psycopg_pool import ConnectionPool

_SESSION = {
    "application_name": "rings",
    "connect_timeout": 3,
    "options": "-c synchronous_commit=off -c statement_timeout=5s",
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
}

# Rings older than this say nothing new: whatever they announced has been found by the clock long ago.
_STALE = "delete from dramatiq.queue where state = 'queued' and mtime < now() - interval '10 minutes'"


class Postgres(PostgresBroker):
    """dramatiq-postgres as `kit.jobs` uses it: no results, no delay queue, and publishing that gives up at once."""

    def __init__(self, url: str, middleware: Sequence[dramatiq.Middleware]) -> None:
        self._url = url
        self._mine = threading.local()
        pool = ConnectionPool(
            url,
            kwargs=_SESSION,
            min_size=0,
            max_size=8,
            open=False,
            timeout=3,
            reconnect_timeout=5,
            check=ConnectionPool.check_connection,
        )
        super().__init__(pool=pool, results=False, middleware=list(middleware), poll_interval=0.5)

    def declare_queue(self, queue_name: str) -> None:
        """Declare the queue alone, without telling the worker to consume a delay queue."""
        if queue_name not in self.queues:
            self.emit_before("declare_queue", queue_name)
            self.queues[queue_name] = True
            self.emit_after("declare_queue", queue_name)

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 30_000) -> dramatiq.Consumer:
        """Make sure of the tables, then consume as shipped."""
        try:
            with self._connect() as session:
                session.execute(_STALE)
        except psycopg.OperationalError as fault:
            raise BrokerConnectionError(str(fault)) from None  # type: ignore[no-untyped-call]
        self.pool.open()
        consumer: dramatiq.Consumer = super().consume(queue_name, prefetch, timeout)
        return consumer

    def enqueue(self, message: dramatiq.Message[Any], *, delay: int | None = None) -> dramatiq.Message[Any]:
        """Insert the ring on this thread's own connection.

        As shipped this retries for minutes while the server is away and then waits on; a ring is not worth that.
        Raises psycopg.Error; the next call connects anew.
        """
        session: psycopg.Connection | None = getattr(self._mine, "session", None)
        if session is None:
            session = self._mine.session = self._connect()
        try:
            session.execute(QUERIES.ENQUEUE, (message.queue_name, message.message_id, Json(tidy4json(message)), 0))
        except psycopg.Error:
            self._mine.session = None
            session.close()
            raise
        return message

    def tend(self) -> None:
        """TCP keeps this connection alive."""

    def close(self) -> None:
        """Close this thread's connection and the consumers' pool."""
        session: psycopg.Connection | None = getattr(self._mine, "session", None)
        if session is not None:
            session.close()
            self._mine.session = None
        if self.notifier is not None:
            self.notifier.stop()
        if not self.pool.closed:
            self.pool.close(timeout=2)

    def _connect(self) -> psycopg.Connection:
        session = psycopg.connect(self._url, autocommit=True, **_SESSION)  # type: ignore[arg-type]
        with session.transaction(), session.cursor() as cursor:
            schema.init(cursor)
        return session
