"""What is counted about the whole platform? Gauges that the leading clock sets; what one process does it counts itself."""

import structlog
from prometheus_client import Gauge

from mail.dispatch.sweep import Standing

log: structlog.stdlib.BoundLogger = structlog.get_logger()

LEADS = Gauge("mail_clock_leads", "1 where this clock leads.")
WAITING = Gauge("mail_queue_recipients", "Recipients not settled yet.")
OVERDUE = Gauge("mail_queue_overdue_seconds", "By how much the most overdue recipient is late.")
LAG = Gauge("mail_ledger_lag_seconds", "Age of the oldest fact that statistics have not counted.")

ALARM = 30.0
"""Seconds of lag or lateness from which the clock says so in its log."""


def show(standing: Standing) -> None:
    """Set the gauges, and raise the alarm where something hangs."""
    WAITING.set(standing.waiting)
    OVERDUE.set(standing.oldest_due)
    LAG.set(standing.ledger_lag)
    if standing.ledger_lag > ALARM:
        log.warning("ledger.lags", seconds=round(standing.ledger_lag))
    if standing.oldest_due > ALARM:
        log.warning("queue.late", seconds=round(standing.oldest_due), next="Are workers running? Do they log faults?")
