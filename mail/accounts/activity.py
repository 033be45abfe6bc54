"""What does an account do, at a glance? Sums over everything below it, for lists of accounts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from kit.db import Connection
from tenants.scope import Scope


@dataclass(frozen=True, slots=True)
class Activity:
    """The mail of an account and of those below it."""

    sent: int = 0
    """Recipients accepted within the last 30 days."""
    delivered: int = 0
    bounced: int = 0
    complained: int = 0
    queued: int = 0
    """Recipients waiting now."""
    last_mail_at: datetime | None = None


async def activity(conn: Connection, scope: Scope, accounts: Sequence[UUID]) -> dict[UUID, Activity]:
    """The activity of those of some accounts that the scope sees. Sums keep what accounts deleted meanwhile have sent."""
    rows = await conn.fetch(
        f"""with recent as (
              select v.id, sum(t.total)::bigint as sent, sum(t.delivered)::bigint as delivered,
                     sum(t.bounced)::bigint as bounced, sum(t.complained)::bigint as complained
                from account v join account b on b.lineage @> array[v.id]
                join tally t on t.account_id = b.id and t.starts_at > livery_now() - interval '30 days'
               where v.id = any ($2::uuid[]) and {scope.see("v.id")} group by v.id
            ), now as (
              select v.id, sum(s.queued)::bigint as queued,
                     max((select m.accepted_at from message m where m.account_id = b.id and m.door <> 'note'
                            order by m.id desc limit 1)) as last
                from account v join account b on b.lineage @> array[v.id] and b.deleted_at is null
                left join standing s on s.account_id = b.id
               where v.id = any ($2::uuid[]) and {scope.see("v.id")} group by v.id
            )
            select n.id, coalesce(r.sent, 0) as sent, coalesce(r.delivered, 0) as delivered,
                   coalesce(r.bounced, 0) as bounced, coalesce(r.complained, 0) as complained,
                   coalesce(n.queued, 0) as queued, n.last as last_mail_at
              from now n left join recent r on r.id = n.id""",
        scope.account_id,
        list(accounts),
    )
    return {row["id"]: Activity(**{name: row[name] for name in Activity.__slots__}) for row in rows}
