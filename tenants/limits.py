"""How much has an account spent of its month? Limits are set from above (`tenants.sub_accounts`) and counted by month.

A month is one of the account's time zone. It never goes back: in a zone further west the month that has begun goes on.
"""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from kit.db import Connection
from tenants import charges


@dataclass(frozen=True, slots=True)
class Month:
    """An account's present month."""

    limit: int
    used: int
    begins_anew: date
    """The first day of the next one, in the account's time zone."""


PRESENT = """greatest(u.period, date_trunc('month', livery_now() at time zone a.time_zone)::date)"""
"""SQL: the present month of account `a`, whose `month_use` row, if any, is `u`."""

USED = f"""case when u.period = {PRESENT} then u.used else 0 end"""
"""SQL: what was used of it."""


async def month(conn: Connection, account_id: UUID) -> Month | None:
    """The account's month, if it has a limit."""
    row = await conn.fetchrow(
        f"""select a.monthly_limit as limit, {USED} as used, ({PRESENT} + interval '1 month')::date as begins_anew
              from account a left join month_use u on u.account_id = a.id
             where a.id = $1 and a.monthly_limit is not null""",
        account_id,
    )
    return Month(**row) if row else None


async def begin(conn: Connection, account_id: UUID) -> None:
    """Count for a new limit what the account and those below it have really spent this month, refunds taken off.

    To be called in the transaction that gives an account its first monthly limit.
    """
    await charges.hold(conn, [account_id])
    await conn.execute(
        f"""insert into month_use (account_id, period, used)
            select a.id, {PRESENT},
                   coalesce((select -sum(e.delta) from credit_entry e
                              where e.account_id = any (a.lineage)
                                and (e.reason = 'message' or e.reason = 'refund' and exists (
                                    select from credit_entry m where m.message_id = e.message_id and m.reason = 'message'
                                       and m.created_at >= {PRESENT}::timestamp at time zone a.time_zone))
                                and coalesce(e.spender_id, e.account_id) in (
                                    select id from account where lineage @> array[a.id])
                                and e.created_at >= {PRESENT}::timestamp at time zone a.time_zone), 0)
              from account a left join month_use u on u.account_id = a.id where a.id = $1
            on conflict (account_id) do update set
              period = excluded.period,
              used = greatest(excluded.used, case when month_use.period = excluded.period then month_use.used else 0 end)""",
        account_id,
    )
