"""How do rings travel on RabbitMQ? Through one quorum queue with publisher confirms, and no queue beside it.

Dramatiq also declares a delay queue (whose messages wait unacknowledged in a worker's memory and break after
RabbitMQ's consumer time-out) and a dead-letter queue. Retries live in PostgreSQL here and a ring is never worth
keeping, so neither exists.
"""

from collections.abc import Sequence
from typing import Any

import dramatiq
import pika
from dramatiq.brokers.rabbitmq import RabbitmqBroker

# Rings that pile up while no worker runs; the oldest go first, because any one of them says "look at what is due".
_MOST_RINGS = 10_000


class Rabbitmq(RabbitmqBroker):
    """RabbitMQ as `kit.jobs` uses it; every thread that enqueues has a connection of its own."""

    def __init__(self, url: str, middleware: Sequence[dramatiq.Middleware]) -> None:
        super().__init__(url=url, confirm_delivery=True, middleware=list(middleware))
        for node in self.parameters if isinstance(self.parameters, list) else [self.parameters]:
            _bound_waits(node)

    def declare_queue(self, queue_name: str, *, ensure: bool = False) -> None:
        """Declare the queue alone, without telling the worker to consume a delay queue."""
        if queue_name not in self.queues:
            self.emit_before("declare_queue", queue_name)
            self.queues.add(queue_name)
            self.queues_pending.add(queue_name)
            self.emit_after("declare_queue", queue_name)
        if ensure:
            self._ensure_queue(queue_name)  # type: ignore[no-untyped-call]

    def tend(self) -> None:
        """Read and answer heartbeats on this thread's connection."""
        try:
            self.connection.process_data_events()
        except pika.exceptions.AMQPError:
            del self.connection

    def _build_queue_arguments(self, queue_name: str) -> dict[str, Any]:
        return {"x-queue-type": "quorum", "x-max-length": _MOST_RINGS, "x-overflow": "drop-head"}

    def _declare_dq_queue(self, queue_name: str) -> None:
        """None: see the top of this file."""

    def _declare_xq_queue(self, queue_name: str) -> None:
        """None: see the top of this file."""


def _bound_waits(node: Any) -> None:
    """A dead network is noticed in seconds, not minutes."""
    node.heartbeat = 30
    node.blocked_connection_timeout = 10
    node.socket_timeout = 3
    node.stack_timeout = 5
    node.connection_attempts = 1
