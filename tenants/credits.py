"""Who gives credits to whom? One credit sends one message to one recipient; a parent hands down what it has.

The operator makes credits; everybody else hands down grants of their own, and what comes of them is never good for longer.
What an account below has not spent can be taken back, to the grants it came from.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from kit.db import Connection, UnitOfWork
from kit.errors import Kind, LiveryError, invalid, missing
from tenants import audit, grants, limits
from tenants.grants import Booking, Reason
from tenants.models import AccountKind, WhenSpent
from tenants.scope import Scope


async def grant(conn: Connection, account_id: UUID, amount: int, *, expires_at: datetime | None = None) -> None:
    """Make `amount` credits for an account, good for a year unless `expires_at` says otherwise; for the operator's commands.

    Raises LiveryError INVALID unless the amount is positive and below 2⁵³.
    """
    grants.whole(amount)
    await grants.hold(conn, [account_id])
    await grants.issue(conn, account_id, amount, reason=Reason.GRANT, expires_at=expires_at)


async def hand_down(
    unit: UnitOfWork, scope: Scope, *, to: UUID, amount: int, expires_at: datetime | None = None
) -> None:
    """Give an account below some of the scope's own credits, the earliest to expire first. The operator's are made.

    Each grant it came from gives one there, which ends with it, or at `expires_at` if that is sooner. Raises LiveryError
    INVALID for an amount that is none, a moment that has passed or an account that spends a pool, MISSING for an account
    that is not below, EXHAUSTED where the scope's account has less.
    """
    scope.trade()
    grants.whole(amount)
    # Held before it is looked at: whoever deletes it, or lets it spend a pool, has done so or waits.
    await grants.hold(unit.conn, [scope.account_id, to])
    row = await _account(unit.conn, scope, to)
    maker = await _kind(unit.conn, scope.account_id) is AccountKind.OPERATOR
    if to == scope.account_id and not maker:
        raise invalid("Credits are handed down to accounts below one's own.", "accountId")
    if row["pool_id"] is not None:
        raise invalid(
            "This account spends a pool and has no credits of its own.", "accountId", next="Give it its own pool first."
        )
    before = row["remaining"]
    await supply(unit.conn, giver_id=scope.account_id, to=to, amount=amount, expires_at=expires_at, actor=scope)
    await audit.note(
        unit.conn, scope, "credits.hand_down", account_id=to, target=to, changes={"credits": (before, before + amount)}
    )


async def supply(
    conn: Connection,
    *,
    giver_id: UUID,
    to: UUID,
    amount: int,
    expires_at: datetime | None = None,
    plan_id: UUID | None = None,
    period: date | None = None,
    actor: Scope | None = None,
) -> None:
    """What `hand_down` does, for whoever has asked already whether it may be. Raises LiveryError INVALID, EXHAUSTED."""
    actor_id = actor.member_id if actor else None
    await grants.hold(conn, [giver_id, to])
    if await _kind(conn, giver_id) is AccountKind.OPERATOR:
        await grants.issue(
            conn,
            to,
            amount,
            reason=Reason.GRANT,
            expires_at=expires_at,
            plan_id=plan_id,
            period=period,
            actor_id=actor_id,
        )
        return
    shares = grants.spread(await grants.spendable(conn, giver_id), amount)
    if (short := amount - sum(credits for _, credits in shares)) > 0:
        raise not_enough(short)
    for given, credits in shares:
        await grants.book(
            conn, [Booking(giver_id, given.id, -credits, Reason.HANDED_DOWN, counterpart_id=to)], actor_id=actor_id
        )
        until = min((at for at in (given.expires_at, expires_at) if at is not None), default=None)
        await grants.issue(
            conn,
            to,
            credits,
            reason=Reason.RECEIVED,
            expires_at=until,
            origin_id=given.id,
            counterpart_id=giver_id,
            plan_id=plan_id,
            period=period,
            actor_id=actor_id,
        )
        period = None  # a month's grant is counted once, whatever it is made of


async def take_back(unit: UnitOfWork, scope: Scope, *, account_id: UUID, amount: int) -> None:
    """Take unspent credits back from an account below, the latest to expire first, to the grants they came from.

    The operator takes back what it made; that is gone. Raises LiveryError INVALID for an amount that is none, MISSING for an
    account that is not below, EXHAUSTED where less is left of what the scope's account gave.
    """
    scope.trade()
    grants.whole(amount)
    await grants.hold(unit.conn, [scope.account_id, account_id])
    row = await _account(unit.conn, scope, account_id)
    if account_id == scope.account_id:
        raise invalid("Credits are taken back from accounts below one's own.", "accountId")
    ours = await _given_by(unit.conn, scope.account_id, account_id)
    taken = grants.spread(ours[::-1], amount)
    if (short := amount - sum(credits for _, credits in taken)) > 0:
        raise not_enough(short)
    await grants.book(unit.conn, _returned(scope.account_id, taken), actor_id=scope.member_id)
    await audit.note(
        unit.conn,
        scope,
        "credits.take_back",
        account_id=account_id,
        target=account_id,
        changes={"credits": (row["remaining"], row["remaining"] - amount)},
    )


async def settle(unit: UnitOfWork, scope: Scope, *, account_id: UUID, give_back: bool) -> int:
    """Leave an account that is being deleted without credits; return how many went back to whoever had given them.

    With `give_back` what it has not spent returns to the grants it was handed down from, wherever the account stands now;
    what was handed down through accounts that are deleted passes them by, as far as they gave back. What the operator made
    is gone, and so is everything without `give_back`. The same becomes of what is paid back to it later, for mail that was
    never sent, and of what came from accounts that the transaction does not see (`settle_again`).
    """
    if give_back:
        held = await _hold_givers(unit.conn, [account_id])
    else:
        held = frozenset({account_id})
        await grants.hold(unit.conn, held)
        # A grant that comes from nobody goes back to nobody, later either.
        await unit.conn.execute("update credit_grant set origin_id = null where account_id = $1", account_id)
    return await _leave_none(unit.conn, account_id, held, actor_id=scope.member_id)


async def settle_again(conn: Connection, account_id: UUID) -> None:
    """Do with what a deleted account has, or was paid back since, as `settle` says; where there is nothing, nothing.

    Its mail may have been paid by an account above that was deleted later: those are settled again too.
    """
    rows = await conn.fetch(
        """select id from account
            where deleted_at is not null and id = any ((select lineage from account where id = $1)::uuid[])
              and exists (select from credit_grant g where g.account_id = account.id and g.is_open)""",
        account_id,
    )
    if not rows:
        return
    # All of them at once, because locks are taken in one ascending order.
    held = await _hold_givers(conn, [row["id"] for row in rows])
    for row in rows:
        await _leave_none(conn, row["id"], held, actor_id=None)


@dataclass(frozen=True)
class GrantView:
    """A grant with something left."""

    id: UUID
    amount: int
    remaining: int
    created_at: datetime
    expires_at: datetime | None
    plan_id: UUID | None


@dataclass(frozen=True)
class CreditsView:
    """How an account stands: what it can still send, and what ends that."""

    account_id: UUID
    remaining: int
    """Credits it can spend now: its own or its pool's."""
    shares_pool: bool
    grants: tuple[GrantView, ...]
    """Its own, in the order in which they are spent."""
    month: limits.Month | None
    """Its month, where it has a limit."""
    when_spent: WhenSpent
    alert_below: int | None


async def view(conn: Connection, scope: Scope, account_id: UUID) -> CreditsView | None:
    """How an account stands; None where there is none of that id to be seen."""
    row = await conn.fetchrow(
        f"""select a.id, a.pool_id, a.when_spent, a.alert_below, account_credits(a.id) as remaining
              from account a where a.id = $2 and a.deleted_at is null and {scope.see("a.id")}""",
        scope.account_id,
        account_id,
    )
    if row is None:
        return None
    given = await conn.fetch(
        """select id, amount, remaining, created_at, expires_at, plan_id from credit_grant
            where account_id = $1 and is_open and (expires_at is null or expires_at > livery_now())
            order by expires_at nulls last, id limit 100""",
        account_id,
    )
    return CreditsView(
        account_id=row["id"],
        remaining=row["remaining"],
        shares_pool=row["pool_id"] is not None,
        grants=tuple(GrantView(**one) for one in given),
        month=await limits.month(conn, account_id),
        when_spent=WhenSpent(row["when_spent"]),
        alert_below=row["alert_below"],
    )


@dataclass(frozen=True)
class EntryView:
    """One line of the credit ledger."""

    id: int
    account_id: UUID
    at: datetime
    delta: int
    reason: Reason
    grant_id: UUID | None
    message_id: UUID | None
    spender_id: UUID | None
    counterpart_id: UUID | None
    """The account at the other end, where the scope sees it or saw it before it was deleted."""
    counterpart_name: str | None


async def entries(
    conn: Connection, scope: Scope, account_id: UUID, *, first: int, after: int | None
) -> list[EntryView]:
    """The account's entries, newest first, older than entry `after`."""
    rows = await conn.fetch(
        f"""select e.id, e.account_id, e.created_at as at, e.delta, e.reason, e.grant_id, e.message_id, e.spender_id,
                   c.id as counterpart_id, c.name as counterpart_name
              from credit_entry e
              left join account c on c.id = e.counterpart_id and {scope.see("c.id", deleted=True)}
             where e.account_id = $2 and {scope.see("e.account_id")} and ($3::bigint is null or e.id < $3)
             order by e.id desc limit $4""",
        scope.account_id,
        account_id,
        after,
        first,
    )
    return [EntryView(**{**row, "reason": Reason(row["reason"])}) for row in rows]


def not_enough(short: int) -> LiveryError:
    """Fewer credits are left than were asked for."""
    return LiveryError(
        Kind.EXHAUSTED,
        "NO_CREDITS",
        f"There are not enough credits: {short} are missing.",
        next="Ask for fewer, or buy credits first.",
        field=("amount",),
    )


async def _hands(conn: Connection, accounts: Collection[UUID]) -> list[Mapping[str, Any]]:
    """Each open grant of these accounts and, from hand to hand, what it came from, as far as the transaction sees."""
    rows: list[Mapping[str, Any]] = await conn.fetch(
        """with recursive up as (
             select id, 0 as hand, id as origin_id, account_id, origin_id as next_id, true as is_passed
               from credit_grant where account_id = any ($1::uuid[]) and is_open
             union all
             select up.id, up.hand + 1, o.id, o.account_id, o.origin_id, a.deleted_at is not null
               from up join credit_grant o on o.id = up.next_id join account a on a.id = o.account_id
           )
           select up.*, g.remaining, coalesce(g.expires_at <= (select livery_now()), false) as is_over
             from up join credit_grant g on g.id = up.id order by up.id, up.hand""",
        list(accounts),
    )
    return rows


async def _hold_givers(conn: Connection, accounts: Collection[UUID]) -> frozenset[UUID]:
    """Hold accounts and everybody through whose hands came what they have; who is held."""
    held = frozenset({*accounts, *(row["account_id"] for row in await _hands(conn, accounts))})
    await grants.hold(conn, held)
    return held


async def _leave_none(conn: Connection, account_id: UUID, held: frozenset[UUID], *, actor_id: UUID | None) -> int:
    """Return what living accounts gave and void what none did; how many credits were returned.

    What came from an account that is not seen, or came after it was asked who is to be held, is left.
    """
    ends: dict[UUID, Mapping[str, Any]] = {}
    for row in await _hands(conn, [account_id]):
        if row["id"] not in ends or ends[row["id"]]["is_passed"]:
            ends[row["id"]] = row
    bookings, back = [], 0
    for id, end in ends.items():
        if end["is_over"] or (end["is_passed"] and end["next_id"] is None):
            bookings.append(Booking(account_id, id, -end["remaining"], Reason.VOID))
        elif not end["is_passed"] and end["account_id"] in held:
            bookings += _return(account_id, id, end["remaining"], end["account_id"], end["origin_id"])
            back += end["remaining"]
    await grants.book(conn, bookings, actor_id=actor_id)
    return back


async def _account(conn: Connection, scope: Scope, id: UUID) -> Mapping[str, Any]:
    row = await conn.fetchrow(
        f"""select a.pool_id, b.remaining from account a join balance b on b.account_id = a.id
             where a.id = $2 and a.deleted_at is null and {scope.see("a.id")}""",
        scope.account_id,
        id,
    )
    if row is None:
        raise missing("account")
    found: Mapping[str, Any] = row
    return found


async def _kind(conn: Connection, id: UUID) -> AccountKind:
    return AccountKind(await conn.fetchval("select kind from account where id = $1", id))


async def _given_by(conn: Connection, giver_id: UUID, account_id: UUID) -> list[grants.Open]:
    """The account's spendable grants that come from the giver; the operator's are those that come from nobody."""
    maker = await _kind(conn, giver_id) is AccountKind.OPERATOR
    origins = {
        row["id"]
        for row in await conn.fetch(
            """select o.id from credit_grant g join credit_grant o on o.id = g.origin_id
                where g.account_id = $1 and g.is_open and o.account_id = $2""",
            account_id,
            giver_id,
        )
    }
    spendable = await grants.spendable(conn, account_id)
    return [one for one in spendable if (one.origin_id is None if maker else one.origin_id in origins)]


def _returned(giver_id: UUID, taken: list[tuple[grants.Open, int]]) -> list[Booking]:
    bookings = []
    for one, credits in taken:
        if one.origin_id is None:
            bookings.append(Booking(one.account_id, one.id, -credits, Reason.VOID, counterpart_id=giver_id))
        else:
            bookings += _return(one.account_id, one.id, credits, giver_id, one.origin_id)
    return bookings


def _return(account_id: UUID, grant_id: UUID, credits: int, giver_id: UUID, origin_id: UUID) -> list[Booking]:
    return [
        Booking(account_id, grant_id, -credits, Reason.TAKEN_BACK, counterpart_id=giver_id),
        Booking(giver_id, origin_id, credits, Reason.RETURNED, counterpart_id=account_id),
    ]
