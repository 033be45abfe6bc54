"""Who carries rings to the broker without holding up the one who rings? One thread, one connection, bounded memory.

Rings of one kind that wait together are merged into one message, so a busy process publishes some hundred messages a
second whatever its load, and a broker that is away costs a bounded amount of memory. What cannot be published is
counted and forgotten: the clock rings again for everything that is due.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import dramatiq
import structlog
from prometheus_client import Counter

from kit import chaos

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

log: structlog.stdlib.BoundLogger = structlog.get_logger()

QUEUE = "mail-v1"
"""A queue's arguments can never change on RabbitMQ: change them together with this name."""

RINGS = Counter("mail_rings", "Rings for other processes: published, or lost because the broker was away.", ["outcome"])

# Ids that one message carries; more are dropped, because the reader looks at everything that is due anyway.
_MOST_IDS = 500
# Seconds between two messages of one process, so that rings merge under load; the first goes at once.
_PACE = 0.1
# Seconds of rest after a failure, and between signs of life on an idle connection.
_REST, _IDLE = 1.0, 10.0
_FLUSH = 2.0


class Courier(Protocol):
    """What the publisher asks of a broker beyond `enqueue`."""

    def enqueue(self, message: dramatiq.Message[Any], *, delay: int | None = None) -> dramatiq.Message[Any]: ...

    def tend(self) -> None:
        """Answer the server's heartbeats; called on an idle connection every few seconds."""

    def close(self) -> None: ...


class Publisher:
    """The bell rope of one process."""

    def __init__(self, make_broker: Callable[[], Any]) -> None:
        self._make_broker = make_broker
        self._waiting: dict[type, DataclassInstance] = {}
        self._news = threading.Condition()
        self._stopping = False
        self._broken = False
        self._thread = threading.Thread(target=self._run, name="rings", daemon=True)
        self._thread.start()

    def ring(self, job: DataclassInstance) -> None:
        """Take `job` for publishing; merged with a job of its kind that waits already."""
        with self._news:
            kind = type(job)
            self._waiting[kind] = merge(self._waiting[kind], job) if kind in self._waiting else job
            self._news.notify()

    def close(self) -> None:
        """Publish what waits, two seconds at most."""
        with self._news:
            self._stopping = True
            self._news.notify()
        self._thread.join(_FLUSH)

    def _run(self) -> None:
        courier: Courier | None = None
        while True:
            jobs = self._next()
            if jobs is None:
                break
            try:
                if courier is None:
                    courier = self._make_broker()
                for job in jobs:
                    chaos.point("before-ring")
                    courier.enqueue(message(job))
                    chaos.point("rung")
                    RINGS.labels("published").inc()
                if not jobs:
                    courier.tend()
                elif self._broken:
                    self._broken = False
                    log.info("rings.resumed")
            # The edge of this thread: whatever a driver raises, a ring is lost and the next one tries again.
            except Exception as fault:
                RINGS.labels("lost").inc(len(jobs))
                if not self._broken:
                    log.warning("rings.lost", reason=f"{type(fault).__name__}: {fault}"[:200])
                self._broken = True
            self._rest(_REST if self._broken else _PACE)
        if courier is not None:
            courier.close()

    def _next(self) -> list[DataclassInstance] | None:
        """The jobs that wait; an empty list after an idle while; None when it is time to end."""
        with self._news:
            if not self._waiting and not self._stopping:
                self._news.wait(_IDLE)
            jobs = list(self._waiting.values())
            self._waiting.clear()
            return None if self._stopping and not jobs else jobs

    def _rest(self, seconds: float) -> None:
        with self._news:
            self._news.wait_for(lambda: self._stopping, seconds)


def message(job: DataclassInstance) -> dramatiq.Message[Any]:
    """The broker's form of a job."""
    fields = {field.name: getattr(job, field.name) for field in dataclasses.fields(job)}
    return dramatiq.Message(queue_name=QUEUE, actor_name=job_name(type(job)), args=(), kwargs=fields, options={})


def job_name(job_type: type) -> str:
    """What a job is called on the wire: its class, in lower case."""
    return job_type.__name__.lower()


def unpack[Job](job_type: type[Job], fields: Mapping[str, object]) -> Job:
    """The job out of its JSON fields, where tuples have become lists."""
    return job_type(**{name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()})


def merge[Job: DataclassInstance](one: Job, other: Job) -> Job:
    """Both jobs as one: tuples of ids are joined up to a limit, any other field is the later one's."""
    joined: dict[str, object] = {}
    for field in dataclasses.fields(one):
        before, after = getattr(one, field.name), getattr(other, field.name)
        joined[field.name] = (before + after)[:_MOST_IDS] if isinstance(before, tuple) else after
    return type(one)(**joined)
