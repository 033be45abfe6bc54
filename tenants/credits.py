"""What may an account still send? One credit sends one message to one recipient.

The balance is one row an account and always the sum of its entries. Whoever spends locks the rows of a whole batch in one
ascending order (any other order deadlocks) and as late as can be, because others wait for them.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from kit.db import Connection
from kit.errors import invalid


class Overdrawn(Exception):
    """A balance does not cover what was charged to it; the transaction must not commit."""


async def grant(conn: Connection, account_id: UUID, amount: int) -> None:
    """Give an account `amount` credits. Raises LiveryError INVALID unless it is positive and below 2⁵³."""
    if not 0 < amount < 2**53:
        raise invalid("Credits are granted in whole numbers above zero.", "amount")
    await conn.execute(
        """with entry as (insert into credit_entry (account_id, delta, reason) values ($1, $2, 'grant'))
           update balance set remaining = remaining + $2 where account_id = $1""",
        account_id,
        amount,
    )


async def balances(conn: Connection, accounts: Sequence[UUID], *, hold: bool) -> dict[UUID, int]:
    """What remains of these accounts' credits. With `hold` nobody else can spend them until the transaction ends."""
    rows = await conn.fetch(
        f"""select account_id, remaining from balance where account_id = any($1::uuid[])
             order by account_id {"for update" if hold else ""}""",
        list(accounts),
    )
    return {row["account_id"]: row["remaining"] for row in rows}


async def spend(conn: Connection, charges: Mapping[UUID, tuple[UUID, int]]) -> None:
    """Charge each message id its (account, credits), all of them or, raising Overdrawn, the transaction with them.

    The balances are locked in ascending order from here to the end of the transaction.
    """
    short = await conn.fetchval(
        """with charge as (
             select * from unnest($1::uuid[], $2::uuid[], $3::bigint[]) as c (message_id, account_id, credits)
           ), due as (
             select account_id, sum(credits) as credits from charge group by account_id
           ), held as materialized (
             select account_id, remaining from balance where account_id in (select account_id from due)
              order by account_id for update
           ), entry as (
             insert into credit_entry (account_id, delta, reason, message_id)
             select account_id, -credits, 'message', message_id from charge
           ), paid as (
             update balance b set remaining = b.remaining - d.credits
               from due d join held h on h.account_id = d.account_id
              where b.account_id = d.account_id and h.remaining >= d.credits
             returning b.account_id
           )
           select (select count(*) from due) - (select count(*) from paid)""",
        list(charges),
        [account for account, _ in charges.values()],
        [credits for _, credits in charges.values()],
    )
    if short:
        raise Overdrawn
