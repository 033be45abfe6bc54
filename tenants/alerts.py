"""When does somebody want to know that credits run low? Once for every time they fall below what the account has set.

Looked at by the clock, off the way of mail: an alert opens when what can be spent (a pool's, for those who share one) is
below `alert_below`, and is cleared once it has risen again. While one is open no second one is made, so whatever falls and
rises between two looks, seconds apart, is one alert. What is left in a grant that has ended counts no more, whether or
not its end is booked: a refund to it clears nothing.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from kit.db import Connection, Database
from kit.ids import new_id
from tenants.scope import Scope

_LAST = UUID(int=2**128 - 1)
_SPENDABLE = """(
  select coalesce(sum(g.remaining), 0)::bigint as remaining from credit_grant g
   where g.account_id = coalesce(a.pool_id, a.id) and g.is_open and (g.expires_at is null or g.expires_at > livery_now()))"""


@dataclass(frozen=True)
class Alert:
    """A balance that fell below what its account wants to be told of."""

    id: UUID
    account_id: UUID
    account_name: str
    threshold: int
    remaining: int
    """What was left when it was noticed."""
    crossed_at: datetime
    cleared_at: datetime | None


async def evaluate(db: Database) -> list[Alert]:
    """Open and clear alerts by what is left now; return those that were opened."""
    async with db.transaction() as conn:
        await conn.execute(
            f"""update credit_alert t set cleared_at = livery_now()
                 from account a cross join lateral {_SPENDABLE} b
                where a.id = t.account_id and t.cleared_at is null
                  and (a.alert_below is null or a.deleted_at is not null or b.remaining >= a.alert_below)"""
        )
        low = await conn.fetch(
            f"""select a.id as account_id, a.name, a.alert_below as threshold, b.remaining
                 from account a cross join lateral {_SPENDABLE} b
                where a.alert_below is not null and a.deleted_at is null and b.remaining < a.alert_below
                  and not exists (select from credit_alert t where t.account_id = a.id and t.cleared_at is null)"""
        )
        opened = []
        for row in low:
            made = await conn.fetchrow(
                """insert into credit_alert (id, account_id, threshold, remaining) values ($1, $2, $3, $4)
                   on conflict do nothing returning id, account_id, threshold, remaining, crossed_at, cleared_at""",
                new_id(),
                row["account_id"],
                row["threshold"],
                row["remaining"],
            )
            if made is not None:
                opened.append(Alert(**made, account_name=row["name"]))
    return opened


async def alerts(conn: Connection, scope: Scope, *, first: int, after: UUID | None) -> list[Alert]:
    """The alerts of the scope's account and of those below it, newest first."""
    rows = await conn.fetch(
        f"""select t.id, t.account_id, a.name as account_name, t.threshold, t.remaining, t.crossed_at, t.cleared_at
              from credit_alert t join account a on a.id = t.account_id
             where {scope.see("t.account_id")} and t.id < $2 order by t.id desc limit $3""",
        scope.account_id,
        after or _LAST,
        first,
    )
    return [Alert(**row) for row in rows]
