"""What may an account still send? One credit sends one message to one recipient.

The balance is one row an account and always the sum of its entries. Whoever spends locks the rows of a whole batch in one
ascending order (any other order deadlocks) and as late as can be, because others wait for them.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

import asyncpg

from kit.db import Connection
from kit.errors import invalid
from kit.statement import Part


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


async def hold(conn: Connection, accounts: Sequence[UUID]) -> None:
    """Let nobody else spend what these accounts spend, their own credits or a pool's, until the transaction ends."""
    await conn.execute(
        """select from balance where account_id in (select coalesce(pool_id, id) from account where id = any($1::uuid[]))
            order by account_id for update""",
        list(accounts),
    )


def charge(charges: Mapping[UUID, tuple[UUID, int]]) -> Part:
    """Charge each message id its (account, credits). A balance that would fall below zero fails the whole statement.

    The balances are locked in ascending order until the commit. `overdrawn` tells such a failure from others.
    """
    return Part(
        """charge as (
             select * from unnest($1::uuid[], $2::uuid[], $3::bigint[]) as c (message_id, account_id, credits)
           ), due as (
             select account_id, sum(credits) as credits from charge group by account_id
           ), held as materialized (
             select account_id from balance where account_id in (select account_id from due)
              order by account_id for update
           ), entry as (
             insert into credit_entry (account_id, delta, reason, message_id)
             select account_id, -credits, 'message', message_id from charge
           ), paid as (
             update balance b set remaining = b.remaining - d.credits
               from due d join held h on h.account_id = d.account_id
              where b.account_id = d.account_id
           )""",
        (list(charges), [account for account, _ in charges.values()], [credits for _, credits in charges.values()]),
    )


def overdrawn(fault: Exception) -> bool:
    """Whether a statement failed because a balance does not cover what was charged to it."""
    return isinstance(fault, asyncpg.CheckViolationError) and fault.constraint_name == "balance_never_negative"
