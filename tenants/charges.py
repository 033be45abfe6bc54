"""How is mail paid for? A batch is charged in the statement that stores it; what was never sent is given back.

The payer is the account itself or the one whose pool it shares. Its grants are spent in the order in which they expire, and
every account from the sender up to the payer that has a monthly limit counts what is spent. What is not covered fails the
whole statement: then nothing was stored and nothing charged.

Locks, for all who spend: balances ascending, then their grants, then the months ascending. A balance is the mutex of its
grants, and rows that are locked are read in their newest version, so the arithmetic below is exact.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import asyncpg

from kit.db import Connection
from kit.statement import Part
from tenants import grants
from tenants.grants import Booking, Reason


@dataclass(frozen=True, slots=True)
class Charge:
    """What one message costs, and whom."""

    message_id: UUID
    spender_id: UUID
    """The account that sends it."""
    payer_id: UUID
    credits: int


@dataclass(frozen=True, slots=True)
class MonthShare:
    """What a batch adds to the month of an account that has a limit."""

    account_id: UUID
    period: date
    """The first of the month, in the account's time zone."""
    credits: int
    most: int
    """The account's limit."""


# Rows are locked where `held`, `good` and `month` are first asked for, and every change of them asks. A message's credits
# lie between `upto - credits` and `upto` in the row of what its payer is charged, a grant's between `before` and `upto` in
# the row of what the payer has. Where they overlap, the one is paid from the other.
_CHARGE = """
charge as materialized (
  select c.*, sum(credits) over (partition by payer_id order by n) as upto
    from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[]) with ordinality
      as c (message_id, spender_id, payer_id, credits, n)
), due as materialized (
  select payer_id, sum(credits) as credits from charge group by payer_id
), held as materialized (
  select account_id from balance where account_id in (select payer_id from due) order by account_id for update
), good as materialized (
  select g.id, g.account_id, g.remaining, g.expires_at from held h join credit_grant g on g.account_id = h.account_id
   where g.is_open and (g.expires_at is null or g.expires_at > (select livery_now()))
   order by g.account_id, g.expires_at nulls last, g.id for update of g
), purse as (
  select id, account_id, sum(remaining) over w - remaining as before, sum(remaining) over w as upto
    from good window w as (partition by account_id order by expires_at nulls last, id)
), share as materialized (
  select c.n, c.message_id, c.spender_id, c.payer_id, p.id as grant_id, p.before,
         (least(c.upto, p.upto) - greatest(c.upto - c.credits, p.before))::bigint as credits
    from charge c join purse p
      on p.account_id = c.payer_id and p.before < c.upto and p.upto > c.upto - c.credits
), paid as materialized (
  select payer_id, sum(credits) as credits from share group by payer_id
), entry as (
  insert into credit_entry (account_id, delta, reason, grant_id, message_id, spender_id, created_at)
  select payer_id, -credits, 'message', grant_id, message_id, nullif(spender_id, payer_id), (select livery_now())
    from share order by n, before
), drawn as (
  update credit_grant g set remaining = g.remaining - s.credits, is_open = g.remaining > s.credits
    from (select grant_id, sum(credits)::bigint as credits from share group by grant_id) s where g.id = s.grant_id
)"""

_MONTHS = """
limited as materialized (
  select * from unnest($5::uuid[], $6::date[], $7::bigint[], $8::bigint[]) as l (account_id, period, credits, most)
), month as materialized (
  select u.account_id, u.period, u.used from month_use u
   where u.account_id in (select account_id from limited) and (select count(*) from held) > 0
   order by u.account_id for update
), filled as (
  update month_use u
     set period = l.period, used = case when u.period = l.period then u.used else 0 end + l.credits
    from limited l join month m on m.account_id = l.account_id where u.account_id = l.account_id
), room as materialized (
  select count(*) = count(*) filter (
           where m.period <= l.period and case when m.period = l.period then m.used else 0 end + l.credits <= l.most
         ) as enough
    from limited l left join month m on m.account_id = l.account_id
)"""

# Below zero is what the balance's constraint refuses, and so the whole statement (`overdrawn`).
_SETTLE = """
settled as (
  update balance b set remaining = case when {covered} then b.remaining - d.credits else -1 end
    from due d left join paid p on p.payer_id = d.payer_id where b.account_id = d.payer_id
)"""
_PLAIN = f"{_CHARGE}, {_SETTLE.format(covered='p.credits = d.credits')}".lstrip()
_LIMITED = (
    f"{_CHARGE}, {_MONTHS}, {_SETTLE.format(covered='p.credits = d.credits and (select enough from room)')}".lstrip()
)


def charge(charges: Sequence[Charge], months: Sequence[MonthShare] = ()) -> Part:
    """Charge each message, in this order. A payer that has less, or a month without room, fails the whole statement.

    `overdrawn` tells such a failure from others.
    """
    arguments: tuple[list[object], ...] = (
        [c.message_id for c in charges],
        [c.spender_id for c in charges],
        [c.payer_id for c in charges],
        [c.credits for c in charges],
    )
    if not months:
        return Part(_PLAIN, arguments)
    counted = (
        [m.account_id for m in months],
        [m.period for m in months],
        [m.credits for m in months],
        [m.most for m in months],
    )
    return Part(_LIMITED, arguments + counted)


def overdrawn(fault: Exception) -> bool:
    """Whether a statement failed because something was not covered: the grants, or a monthly limit."""
    return isinstance(fault, asyncpg.CheckViolationError) and fault.constraint_name == "balance_never_negative"


async def hold(conn: Connection, accounts: Collection[UUID]) -> None:
    """Let nobody else spend what these accounts spend, their credits or a pool's, nor use the room of their months."""
    lines = await conn.fetch(
        "select coalesce(pool_id, id) as payer_id, lineage from account where id = any ($1::uuid[])", list(accounts)
    )
    await grants.hold(conn, {line["payer_id"] for line in lines})
    above = list({id for line in lines for id in line["lineage"]})
    await conn.execute(
        """insert into month_use (account_id, period)
           select id, date_trunc('month', livery_now() at time zone time_zone) from account a
            where id = any ($1::uuid[]) and monthly_limit is not null
              and not exists (select from month_use where account_id = a.id)
            order by id on conflict do nothing""",
        above,
    )
    await conn.execute(
        "select from month_use where account_id = any ($1::uuid[]) order by account_id for update", above
    )


async def refund(conn: Connection, unsent: Mapping[UUID, int]) -> int:
    """Give back what messages were charged for recipients that were never sent to: message -> how many, all told.

    To the grants that paid, whose days stay as they are, and to the months in which it was spent. Called again with the
    same numbers it changes nothing. Rows of recipients are locked before this, never after. Returns the credits given back;
    what a deleted account gets is passed on by `credits.settle_again`.
    """
    # What was spent for a message is final once it is committed: the payers can be read before they are held.
    payers = await conn.fetch(
        "select distinct account_id from credit_entry where message_id = any ($1::uuid[])", list(unsent)
    )
    if not payers:
        return 0
    await grants.hold(conn, [row["account_id"] for row in payers])
    # The grant that was drawn last comes first: it is good the longest.
    rows = await conn.fetch(
        """select message_id, grant_id, account_id, spender_id, min(created_at) as spent_at,
                  -sum(delta)::bigint as kept, coalesce(sum(delta) filter (where reason = 'refund'), 0)::bigint as back
             from credit_entry
            where message_id = any ($1::uuid[]) and account_id = any ($2::uuid[]) and grant_id is not null
            group by message_id, grant_id, account_id, spender_id order by min(id) desc""",
        list(unsent),
        [row["account_id"] for row in payers],
    )
    wanted = dict(unsent)
    for row in rows:
        wanted[row["message_id"]] -= row["back"]
    given: list[tuple[Booking, datetime]] = []
    for row in rows:
        credits = min(wanted[row["message_id"]], row["kept"])
        if credits > 0:
            wanted[row["message_id"]] -= credits
            booking = Booking(
                row["account_id"],
                row["grant_id"],
                credits,
                Reason.REFUND,
                message_id=row["message_id"],
                spender_id=row["spender_id"],
            )
            given.append((booking, row["spent_at"]))
    if given:
        await grants.book(conn, [booking for booking, _ in given])
        await _free_months(conn, given)
    return sum(booking.delta for booking, _ in given)


async def _free_months(conn: Connection, given: Sequence[tuple[Booking, datetime]]) -> None:
    """Let what was given back count no more in the months in which it was spent, where those still run."""
    rows = await conn.fetch(
        """select a.id, sum(g.credits)::bigint as credits
             from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::timestamptz[]) as g (spender_id, payer_id, credits, spent_at)
             join account s on s.id = g.spender_id join account p on p.id = g.payer_id
             join account a on a.id = any (s.lineage) and a.lineage @> p.lineage
             join month_use u on u.account_id = a.id
            where u.period = date_trunc('month', g.spent_at at time zone a.time_zone)::date
            group by a.id order by a.id""",
        [booking.spender_id or booking.account_id for booking, _ in given],
        [booking.account_id for booking, _ in given],
        [booking.delta for booking, _ in given],
        [spent_at for _, spent_at in given],
    )
    for row in rows:
        await conn.execute(
            "update month_use set used = greatest(0, used - $2) where account_id = $1", row["id"], row["credits"]
        )
