"""What would nobody find without looking? What the clock asks of the queue: due mail, how things stand."""

from dataclasses import dataclass
from uuid import UUID

from kit.db import Connection
from mail.dispatch.claim import LINES


async def due(conn: Connection, limit: int = 100) -> tuple[UUID, ...]:
    """Some recipients that are due and that nobody has claimed, the oldest first."""
    rows = await conn.fetch(
        f"""with {LINES}
            select r.id from lines l cross join lateral (
              select id, next_attempt_at from recipient r
               where r.account_id = l.account_id and r.priority = l.priority
                 and r.next_attempt_at <= (select now from moment)
               order by next_attempt_at limit $1) r
             order by r.next_attempt_at limit $1""",
        limit,
    )
    return tuple(row["id"] for row in rows)


@dataclass(frozen=True, slots=True)
class Standing:
    """How the whole platform stands, for those who operate it."""

    waiting: int
    """Recipients not settled yet, as last counted."""
    oldest_due: float
    """Seconds by which the most overdue recipient is late; 0 where nothing is due."""
    ledger_lag: float
    """Seconds since the oldest fact that statistics have not counted."""


async def standing(conn: Connection) -> Standing:
    """Read the platform's gauges; a few index look-ups and one sum."""
    row = await conn.fetchrow(
        f"""with {LINES},
            earliest as (
              select min((select next_attempt_at from recipient r
                           where r.account_id = l.account_id and r.priority = l.priority and r.next_attempt_at is not null
                           order by next_attempt_at limit 1)) as due
                from lines l
            ),
            uncounted as (
              select e.at from event e, fold_position p
               where (e.epoch, e.xid, e.id) > (p.epoch, p.xid, p.event_id)
               order by e.epoch, e.xid, e.id limit 1
            )
            select (select coalesce(sum(queued), 0)::bigint from standing) as waiting,
                   coalesce(extract(epoch from now - (select due from earliest)), 0)::float8 as overdue,
                   coalesce(extract(epoch from now - (select at from uncounted)), 0)::float8 as lag
              from moment"""
    )
    return Standing(row["waiting"], max(0.0, row["overdue"]), max(0.0, row["lag"]))
