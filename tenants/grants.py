"""Which credits are there, until when, and who may move them? Dated grants, and the one place that books changes of them.

    balance.remaining    = the sum of an account's grants = the sum of its entries
    grant.remaining      = the sum of the entries that name it

Whoever changes anything of this holds the account's balance first (`hold`): it is the mutex of its grants. `tenants.charges`
is the fast way for mail; everything else goes through `book`.

Locks are taken in one order by everybody, so that nobody ever waits for each other. A transaction leaves out what it does
not need, and never goes back:

    1 the shape of the tree (`tree.alone`)
    2 recipients of mail that is stored already, ascending
    3 balances, ascending: all that the transaction will need by one `hold`, for a second one could be lower
    4 orders, ascending
    5 grants
    6 months, ascending
    7 the rows of accounts, and what hangs on them
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from kit.db import Connection, Database
from kit.errors import LiveryError, invalid
from kit.ids import new_id

MOST = 2**53 - 1
"""Credits that one account can have: what every JSON reader holds exactly."""

_SLICE = 500


class Reason(StrEnum):
    """Why a balance changed."""

    GRANT = "grant"  # made by the operator
    MESSAGE = "message"  # spent
    REFUND = "refund"  # given back: a recipient that was never sent to
    EXPIRED = "expired"
    HANDED_DOWN = "handed_down"  # to an account below
    RECEIVED = "received"  # from the account above
    TAKEN_BACK = "taken_back"  # by the account above
    RETURNED = "returned"  # from an account below
    VOID = "void"  # gone with its account, or taken back by the operator


@dataclass(frozen=True, slots=True)
class Open:
    """A grant with something left that can be spent now."""

    id: UUID
    account_id: UUID
    remaining: int
    expires_at: datetime | None
    origin_id: UUID | None


@dataclass(frozen=True, slots=True)
class Booking:
    """One change of one grant."""

    account_id: UUID
    grant_id: UUID
    delta: int
    reason: Reason
    counterpart_id: UUID | None = None
    """The account it was handed to or came from."""
    message_id: UUID | None = None
    spender_id: UUID | None = None


def whole(amount: int) -> int:
    """`amount`, if it is one that can be granted. Raises LiveryError INVALID."""
    if not 0 < amount <= MOST:
        raise invalid("Credits are whole numbers above zero and below 2^53.", "amount")
    return amount


async def hold(conn: Connection, accounts: Collection[UUID]) -> None:
    """Let nobody else change these accounts' credits until the transaction ends."""
    await conn.execute(
        "select from balance where account_id = any ($1::uuid[]) order by account_id for update", list(accounts)
    )


async def spendable(conn: Connection, account_id: UUID) -> list[Open]:
    """The account's own grants that are good now, in the order they are spent: the earliest to expire first."""
    rows = await conn.fetch(
        """select id, account_id, remaining, expires_at, origin_id from credit_grant
            where account_id = $1 and is_open and (expires_at is null or expires_at > (select livery_now()))
            order by expires_at nulls last, id""",
        account_id,
    )
    return [Open(**row) for row in rows]


def spread(open_grants: Sequence[Open], amount: int) -> list[tuple[Open, int]]:
    """`amount` taken from these grants in their order; less than it where they do not hold that much."""
    shares = []
    for grant in open_grants:
        share = min(grant.remaining, amount)
        if share > 0:
            shares.append((grant, share))
            amount -= share
    return shares


async def issue(
    conn: Connection,
    account_id: UUID,
    amount: int,
    *,
    reason: Reason,
    expires_at: datetime | None = None,
    origin_id: UUID | None = None,
    counterpart_id: UUID | None = None,
    plan_id: UUID | None = None,
    period: object = None,
    actor_id: UUID | None = None,
) -> UUID:
    """Give a held account a new grant, good for a year unless `expires_at` says otherwise; return its id.

    Raises LiveryError INVALID for a moment that has passed, and where the account would have more than MOST.
    """
    id = new_id()
    made = await conn.fetchval(
        """insert into credit_grant (id, account_id, amount, remaining, expires_at, origin_id, plan_id, period)
           select $1, $2, $3, 0, coalesce($4, livery_now() + interval '1 year'), $5, $6, $7
            where $4::timestamptz is null or $4 > livery_now() returning id""",
        id,
        account_id,
        amount,
        expires_at,
        origin_id,
        plan_id,
        period,
    )
    if made is None:
        raise invalid("This moment has passed.", "expiresAt", next="Say a later one, or none for a year from now.")
    await book(conn, [Booking(account_id, id, amount, reason, counterpart_id)], actor_id=actor_id)
    return id


async def book(conn: Connection, bookings: Sequence[Booking], *, actor_id: UUID | None = None) -> None:
    """Change grants and balances of accounts that are held, and write down why. Raises LiveryError INVALID above MOST."""
    # Grants are changed once each: the database takes one change a row and statement.
    rows = await conn.fetch(
        """with booked as (
             select * from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::uuid[], $6::uuid[], $7::uuid[])
                 as b (account_id, grant_id, delta, reason, counterpart_id, message_id, spender_id)
           ), entry as (
             insert into credit_entry (account_id, grant_id, delta, reason, counterpart_id, message_id, spender_id,
                                       actor_id, created_at)
             select b.*, $8, (select livery_now()) from booked b
           ), changed as (
             update credit_grant g set remaining = g.remaining + d.delta, is_open = g.remaining + d.delta > 0
               from (select grant_id, sum(delta)::bigint as delta from booked group by grant_id) d where g.id = d.grant_id
           )
           update balance b set remaining = b.remaining + d.delta
             from (select account_id, sum(delta)::bigint as delta from booked group by account_id) d
            where b.account_id = d.account_id returning b.remaining""",
        [b.account_id for b in bookings],
        [b.grant_id for b in bookings],
        [b.delta for b in bookings],
        [b.reason.value for b in bookings],
        [b.counterpart_id for b in bookings],
        [b.message_id for b in bookings],
        [b.spender_id for b in bookings],
        actor_id,
    )
    if any(row["remaining"] > MOST for row in rows):
        raise _too_many()


async def expire(db: Database) -> frozenset[UUID]:
    """Take what is left of grants whose day has come, a slice at a time; return the accounts that lost something."""
    async with db.transaction() as conn:
        due = await conn.fetch(
            """select id, account_id from credit_grant where is_open and expires_at <= (select livery_now())
                order by expires_at limit $1""",
            _SLICE,
        )
        if not due:
            return frozenset()
        await hold(conn, {row["account_id"] for row in due})
        # Asked again now that nobody else can spend them or give back to them.
        rows = await conn.fetch(
            """select id, account_id, remaining from credit_grant
                where id = any ($1::uuid[]) and is_open and expires_at <= (select livery_now())""",
            [row["id"] for row in due],
        )
        await book(conn, [Booking(r["account_id"], r["id"], -r["remaining"], Reason.EXPIRED) for r in rows])
    return frozenset(row["account_id"] for row in due)


def _too_many() -> LiveryError:
    return invalid("No account can have that many credits.", "amount", next="Give fewer.")
