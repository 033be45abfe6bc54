"""Where is the platform killed? Every point named in the code, in which processes it lies, and how often it is passed."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Point:
    """One place where a process dies."""

    kinds: tuple[str, ...]
    """The processes that pass it."""
    passages: int
    """A process dies at one of its first so many passages, chosen by the seed: all come within seconds under load."""


POINTS = {
    # A message on its way in.
    "after-354": Point(("smtpd",), 12),
    "mid-data": Point(("smtpd",), 4),
    "after-dot-before-commit": Point(("smtpd",), 12),
    "decided": Point(("smtpd", "api"), 8),
    "after-commit-before-250": Point(("smtpd", "api"), 8),
    "after-250-before-ring": Point(("smtpd",), 12),
    "after-commit-before-202": Point(("api",), 8),
    "before-ring": Point(("smtpd", "api"), 8),
    "rung": Point(("smtpd", "api"), 8),
    # A message on its way out.
    "ring-taken": Point(("workers",), 3),
    "claimed": Point(("workers",), 3),
    "prepared": Point(("workers",), 4),
    "after-rcpt": Point(("workers",), 8),
    "mid-content-out": Point(("workers",), 2),
    "after-dot-before-reply": Point(("workers",), 8),
    "after-remote-250-before-record": Point(("workers",), 8),
    "record-before-commit": Point(("workers",), 4),
    "recorded": Point(("workers",), 4),
    # What the clock does.
    "swept": Point(("clock",), 2),
    "mid-fold": Point(("clock",), 4),
}
"""By name. `tests/house/test_chaos.py` compares this with the code."""

SERVICES = {
    "embedded": ("postgresql-postmaster", "postgresql-backend"),
    "rabbitmq": ("postgresql-postmaster", "postgresql-backend", "rabbitmq-node", "rabbitmq-purge"),
}
"""What is done to the services beneath, by the kind of broker."""

FULL = 100
"""Kills a point that a complete proof has, for our own processes."""

FULL_SERVICES = 20
"""The same for what is done to PostgreSQL and RabbitMQ."""

FLYING = 500
"""Recipients accepted and not yet settled while the kills happen: the median of half of the rounds at least."""


def of_kind(kind: str) -> list[str]:
    """The points that a process of this kind passes."""
    return [name for name, point in POINTS.items() if kind in point.kinds]
