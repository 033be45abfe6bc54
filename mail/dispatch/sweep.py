"""What would nobody find without looking? What the clock asks of the queue: due mail, lives that are over, how things stand."""

from dataclasses import dataclass
from uuid import UUID

from kit.db import Connection, Database
from mail import ledger
from mail.dispatch.claim import LINES
from mail.dispatch.outcomes import EXPIRED
from mail.ledger import Fact
from mail.lifecycle import EventKind

_SLICE = 500


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


async def expire_held(db: Database) -> frozenset[UUID]:
    """Give up held mail whose life is over, a slice at a time; return the accounts that have something new.

    Mail that waits for its next attempt is given up by the desk that claims it.
    """
    async with db.transaction() as conn:
        rows = await conn.fetch(
            """select r.id, r.message_id, r.account_id, r.fence from recipient r join message m on m.id = r.message_id
                where r.state = 'held' and m.expires_at <= (select livery_now()) limit $1""",
            _SLICE,
        )
        facts = [
            Fact(
                EventKind.EXPIRED,
                row["id"],
                row["message_id"],
                row["account_id"],
                fence=row["fence"],
                cause=EXPIRED,
                reply="The message was held until its life was over.",
            )
            for row in rows
        ]
        taken = await ledger.record(conn, facts)
    return frozenset(fact.account_id for fact in facts if fact.recipient_id in taken)


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
