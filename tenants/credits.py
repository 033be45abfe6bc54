"""What may an account still send? One credit sends one message to one recipient.

The balance is one row an account and always the sum of its entries. `mail.intake` locks the rows of a whole batch in one
ascending order before it writes (any other order deadlocks) and spends with `spend`.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from kit.db import Connection
from kit.errors import invalid


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


async def lock_balances(conn: Connection, accounts: Sequence[UUID]) -> dict[UUID, int]:
    """Lock the balances of these accounts until the transaction ends, in ascending order, and return what remains."""
    rows = await conn.fetch(
        "select account_id, remaining from balance where account_id = any($1::uuid[]) order by account_id for update",
        list(accounts),
    )
    return {row["account_id"]: row["remaining"] for row in rows}


async def spend(conn: Connection, charges: Mapping[UUID, tuple[UUID, int]]) -> None:
    """Charge each message id its (account, credits); the balances must be locked and sufficient."""
    await conn.execute(
        """with charge as (
             select * from unnest($1::uuid[], $2::uuid[], $3::bigint[]) as c (message_id, account_id, credits)
           ), entry as (
             insert into credit_entry (account_id, delta, reason, message_id)
             select account_id, -credits, 'message', message_id from charge
           )
           update balance b set remaining = b.remaining - s.credits
             from (select account_id, sum(credits) as credits from charge group by account_id) s
            where b.account_id = s.account_id""",
        list(charges),
        [account for account, _ in charges.values()],
        [credits for _, credits in charges.values()],
    )
