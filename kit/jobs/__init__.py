"""How does one process tell another to look again? `ring(job)`: a job is a frozen dataclass of ids, a hint, no truth.

PostgreSQL holds what is to be done and `workers.clock` finds whatever no ring announced, so a ring may be lost,
doubled, merged with its neighbours or late: that costs delay, never mail. In return `ring` is free for its caller. It
never blocks, never raises and needs no await; one thread a process publishes (`publisher`).

The scheme of `LIVERY_BROKER_URL` chooses the broker: `amqp://` RabbitMQ (`rabbitmq`), `postgresql://` a queue in the
embedded server (`postgres`). Beside this package only `workers` knows that Dramatiq stands behind it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import dramatiq

from kit.jobs.publisher import QUEUE, Publisher, job_name, unpack

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["QUEUE", "Handler", "Publisher", "close", "connect", "declare", "handled", "handles", "make_broker", "ring"]

type Handler[Job] = Callable[[Job], Awaitable[None]]

# Longer than any handler takes: they claim, hand over to their own tasks and return within seconds.
_TIME_LIMIT = 60_000

_handlers: dict[type, Handler[Any]] = {}
_publisher: Publisher | None = None


def connect(url: str) -> None:
    """Let this process ring on the broker at `url`. It need not be reachable, now or later."""
    global _publisher
    close()
    _publisher = Publisher(lambda: make_broker(url))


def ring(job: DataclassInstance) -> None:
    """Publish `job` soon. Call it after the commit that gives it something to find."""
    if _publisher is not None:
        _publisher.ring(job)


def close() -> None:
    """Publish what is still waiting, for two seconds at most, and disconnect."""
    global _publisher
    if _publisher is not None:
        _publisher.close()
        _publisher = None


def make_broker(url: str) -> dramatiq.Broker:
    """The Dramatiq broker behind `url`; connects on first use. Raises ValueError for a scheme it does not know."""
    limits = dramatiq.middleware.TimeLimit(time_limit=_TIME_LIMIT)
    scheme = urlsplit(url).scheme
    if scheme in {"amqp", "amqps"}:
        from kit.jobs.rabbitmq import Rabbitmq

        return Rabbitmq(url, [limits])
    if scheme in {"postgresql", "postgres"}:
        from kit.jobs.postgres import Postgres

        return Postgres(url, [limits])
    raise ValueError("LIVERY_BROKER_URL must begin with amqp://, amqps:// or postgresql://")


def handles[Job](job_type: type[Job]) -> Callable[[Handler[Job]], Handler[Job]]:
    """Mark a coroutine function of `workers` as the one that answers rings of `job_type`."""

    def mark(handler: Handler[Job]) -> Handler[Job]:
        _handlers[job_type] = handler
        return handler

    return mark


def handled() -> dict[type, Handler[Any]]:
    """Every job type that has a handler, with it."""
    return dict(_handlers)


def declare(broker: dramatiq.Broker, handlers: Mapping[type, Handler[Any]]) -> None:
    """Give `broker` an actor for each handler, so that a worker on it consumes their rings."""
    for job_type, handler in handlers.items():
        # The brokers have no Retries middleware: a ring that failed is a lost ring, and the clock covers those.
        actor = dramatiq.actor(actor_name=job_name(job_type), queue_name=QUEUE, broker=broker)
        actor(_receiver(job_type, handler))


def _receiver[Job](job_type: type[Job], handler: Handler[Job]) -> Callable[..., Awaitable[None]]:
    async def receive(**fields: object) -> None:
        await handler(unpack(job_type, fields))

    return receive
