"""How does an account get a plan? It orders from the one right above, which fulfils the order or lets its payment provider.

A monthly plan is granted once for every month of the buyer's time zone, however often the clock looks: the month stands
in the grant, and the database takes each once. An order that is fulfilled always gives what was paid for, so somebody who
ends a plan and buys it again in the same month gets it again.

Who is moved below another parent, or begins to spend a pool, ends what was ordered: the seller is no longer its parent, or
the credits would be nobody's to spend.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import structlog

from kit.db import Connection, Database, UnitOfWork
from kit.errors import Kind, LiveryError, invalid, missing
from kit.ids import new_id
from tenants import audit, credits, grants, plans
from tenants.plans import Plan
from tenants.scope import Scope

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_LAST = UUID(int=2**128 - 1)
_SLICE = 50
_MONTH = "date_trunc('month', livery_now() at time zone a.time_zone)::date"
REFERENCE = 200
"""Characters of the longest payment reference."""


@dataclass(frozen=True)
class Order:
    """An order and where it stands."""

    id: UUID
    account_id: UUID
    """Who buys."""
    account_name: str
    plan: Plan
    state: str
    """open, fulfilled or cancelled"""
    payment_reference: str | None
    created_at: datetime
    fulfilled_at: datetime | None
    ends_at: datetime | None
    """A monthly plan is not granted after this."""


_ORDER = f"""select o.id as order_id, o.account_id as buyer_id, o.state, o.payment_reference, o.created_at as ordered_at,
                    o.fulfilled_at, o.ends_at, b.name as buyer_name, {plans.COLUMNS}
               from plan_order o join plan p on p.id = o.plan_id join account b on b.id = o.account_id"""


# Orders whose month has begun and is not granted yet.
_DUE = f"""select o.id from plan_order o join plan p on p.id = o.plan_id join account a on a.id = o.account_id
            where o.state = 'fulfilled' and o.ends_at is null and p.monthly and p.credits > 0 and a.deleted_at is null
              and a.parent_id = p.account_id and a.pool_id is null
              and date_trunc('month', o.fulfilled_at at time zone a.time_zone)::date < {_MONTH}
              and not exists (select from credit_grant g where g.account_id = o.account_id and g.plan_id = p.id
                                 and g.period >= {_MONTH})"""


async def order_plan(unit: UnitOfWork, scope: Scope, plan_id: UUID) -> Order:
    """Order a plan for the scope's own account. Raises LiveryError MISSING unless it is offered, CONFLICT where it runs."""
    scope.trade()
    # One order at a time of an account, so that nobody orders the same twice by two clicks, nor of who was its parent.
    await grants.hold(unit.conn, [scope.account_id])
    if plan_id not in {plan.id for plan in await plans.offered(unit.conn, scope)}:
        raise missing("plan")
    if await unit.conn.fetchval(
        """select exists (select from plan_order o join plan p on p.id = o.plan_id
                           where o.account_id = $1 and o.plan_id = $2 and (o.state = 'open'
                              or p.monthly and o.state = 'fulfilled' and o.ends_at is null))""",
        scope.account_id,
        plan_id,
    ):
        raise LiveryError(
            Kind.CONFLICT,
            "ORDERED",
            "This plan is ordered already.",
            next="Wait until it is fulfilled, or cancel that order first.",
            field=("planId",),
        )
    return await _place(unit.conn, scope, plan_id)


async def start(unit: UnitOfWork, scope: Scope, plan_id: UUID, *, account_id: UUID) -> None:
    """Give an account a plan of the one right above it, ordered and fulfilled in one, from the seller's credits.

    The seller does this, or whoever stands above it. Raises LiveryError MISSING for a plan that the seller does not sell,
    EXHAUSTED where the seller has too little.
    """
    scope.trade()
    sold = await unit.conn.fetchval(
        f"""select true from account a join plan p on p.account_id = a.parent_id
             where a.id = $2 and p.id = $3 and p.archived_at is null and {scope.see("p.account_id")}""",
        scope.account_id,
        account_id,
        plan_id,
    )
    if not sold:
        raise missing("plan")
    await _start(unit.conn, scope, plan_id, account_id)


async def welcome(conn: Connection, scope: Scope, plan_id: UUID) -> None:
    """Give the scope's account, just made by its own owner, the plan that newcomers start with.

    Where the seller has too little the order stays open, for the seller to fulfil later: the stranger is welcome all the same.
    """
    try:
        async with conn.transaction():
            await _start(conn, scope, plan_id, scope.account_id)
    except LiveryError as refusal:
        if refusal.kind is not Kind.EXHAUSTED:
            raise
        await _place(conn, scope, plan_id)


async def _place(conn: Connection, scope: Scope, plan_id: UUID) -> Order:
    """An open order for the scope's own account."""
    id = new_id()
    await conn.execute(
        "insert into plan_order (id, account_id, plan_id, ordered_by) values ($1, $2, $3, $4)",
        id,
        scope.account_id,
        plan_id,
        scope.member_id,
    )
    await audit.note(
        conn, scope, "order.create", account_id=scope.account_id, target=id, changes={"plan": (None, plan_id)}
    )
    return await _order(conn, id)


async def _start(conn: Connection, scope: Scope, plan_id: UUID, account_id: UUID) -> None:
    """An order that is fulfilled at once."""
    id = new_id()
    await conn.execute(
        """insert into plan_order (id, account_id, plan_id, ordered_by, state, fulfilled_at)
           values ($1, $2, $3, $4, 'fulfilled', livery_now())""",
        id,
        account_id,
        plan_id,
        scope.member_id,
    )
    await _give(conn, await _order(conn, id), scope)
    await audit.note(
        conn,
        scope,
        "order.fulfil",
        account_id=account_id,
        target=id,
        changes={"plan": (None, plan_id), "state": (None, "fulfilled")},
    )


async def fulfil(unit: UnitOfWork, scope: Scope, order_id: UUID, *, payment_reference: str | None = None) -> Order:
    """Give the buyer what was ordered, from the seller's credits; of a monthly plan this month's, and from now on each.

    The seller does this, or whoever stands above it. The same reference again changes nothing. Raises LiveryError MISSING,
    INVALID for a reference that is none, CONFLICT for an order that is not open or a reference of another one, EXHAUSTED
    where the seller has too little.
    """
    scope.trade()
    if payment_reference is not None and not (
        0 < len(payment_reference) <= REFERENCE and payment_reference.isprintable()
    ):
        raise invalid(f"A payment reference has 1 to {REFERENCE} printable characters.", "paymentReference")
    order = await _sold(unit.conn, scope, order_id)
    # The seller's and the buyer's balances are the mutex of their grants, and the seller's of its orders too.
    await grants.hold(unit.conn, [order.plan.account_id, order.account_id])
    await unit.conn.execute("select from plan_order where id = $1 for update", order_id)
    order = await _sold(unit.conn, scope, order_id)
    if order.state == "fulfilled" and payment_reference is not None and order.payment_reference == payment_reference:
        return order
    _open(order)
    if payment_reference is not None and await unit.conn.fetchval(
        """select exists (select from plan_order o join plan p on p.id = o.plan_id
                           where o.payment_reference = $1 and p.account_id = $2)""",
        payment_reference,
        order.plan.account_id,
    ):
        raise _used()
    await unit.conn.execute(
        """update plan_order set state = 'fulfilled', fulfilled_at = livery_now(), payment_reference = $2
            where id = $1""",
        order_id,
        payment_reference,
    )
    await _give(unit.conn, order, scope)
    await audit.note(
        unit.conn,
        scope,
        "order.fulfil",
        account_id=order.account_id,
        target=order_id,
        changes={"state": ("open", "fulfilled"), "payment_reference": (None, payment_reference)},
    )
    return await _order(unit.conn, order_id)


async def cancel(unit: UnitOfWork, scope: Scope, order_id: UUID) -> Order:
    """Withdraw an open order, or end a monthly plan that runs: what was granted stays. By the buyer or the seller.

    Raises LiveryError MISSING, CONFLICT where there is nothing to cancel or end.
    """
    scope.trade()
    row = await unit.conn.fetchrow(
        f"""select o.id from plan_order o where o.id = $2 and {scope.see("o.account_id")} for update""",
        scope.account_id,
        order_id,
    )
    if row is None:
        raise missing("order")
    order = await _order(unit.conn, order_id)
    if not _runs(order):
        _open(order)
    return await _end(unit.conn, scope, order)


async def end_all(conn: Connection, scope: Scope, account_id: UUID, *, below: Collection[UUID] | None = None) -> None:
    """Withdraw what the account has ordered and end the monthly plans that it has. Its balance is held.

    For when it is moved, or begins to spend a pool; what was granted stays. Where it is moved, `below` are the accounts that
    will be above it: a seller who is not among them sees it no more, and finds the end noted in its own account.
    """
    rows = await conn.fetch(
        f"{_ORDER} where o.account_id = $1 and o.state <> 'cancelled' and o.ends_at is null order by o.id for update of o",
        account_id,
    )
    for order in map(_view, rows):
        if order.state == "open" or _runs(order):
            after = await _end(conn, scope, order)
            if below is not None and order.plan.account_id not in below:
                changes = {**_ended(order, after), "account": (order.account_name, None)}
                await audit.note(
                    conn,
                    scope,
                    "order.cancel",
                    account_id=order.plan.account_id,
                    target=order.id,
                    changes=changes,
                )


async def _end(conn: Connection, scope: Scope, order: Order) -> Order:
    """Withdraw an order that is open, or end one that runs; its row is locked."""
    await conn.execute(
        "update plan_order set ends_at = livery_now() where id = $1"
        if _runs(order)
        else "update plan_order set state = 'cancelled' where id = $1",
        order.id,
    )
    after = await _order(conn, order.id)
    await audit.note(
        conn,
        scope,
        "order.cancel",
        account_id=order.account_id,
        target=order.id,
        changes=_ended(order, after),
    )
    return after


def _ended(before: Order, after: Order) -> audit.Changes:
    return {"state": (before.state, after.state), "ends_at": (None, after.ends_at)}


async def orders(conn: Connection, scope: Scope, *, first: int, after: UUID | None) -> list[Order]:
    """The orders of the scope's account and of those below it, newest first."""
    rows = await conn.fetch(
        f"{_ORDER} where {scope.see('o.account_id')} and o.id < $2 order by o.id desc limit $3",
        scope.account_id,
        after or _LAST,
        first,
    )
    return [_view(row) for row in rows]


async def grant_months(db: Database) -> frozenset[UUID]:
    """Grant running monthly plans for the month that has begun for their buyers; return the accounts that got something.

    One transaction an order. A seller without enough credits is asked again the next time.
    """
    given: set[UUID] = set()
    last = UUID(int=0)
    while due := await _due(db, last):
        for id in due:
            try:
                async with db.transaction() as conn:
                    order = await _order(conn, id)
                    await grants.hold(conn, [order.plan.account_id, order.account_id])
                    # Asked again now that nobody can grant it, end it or move the buyer.
                    if await conn.fetchval(f"select exists ({_DUE} and o.id = $1)", id):
                        await _give(conn, order, None)
                        given.add(order.account_id)
            except LiveryError as short:
                log.warning("plan.not_covered", order=str(id), reason=short.code)
        last = due[-1]
    return frozenset(given)


async def _due(db: Database, after: UUID) -> list[UUID]:
    async with db.connection() as conn:
        rows = await conn.fetch(
            f"{_DUE} and o.id > $1 order by o.id limit {_SLICE}",
            after,
        )
    return [row["id"] for row in rows]


async def _give(conn: Connection, order: Order, actor: Scope | None) -> None:
    """Grant an order's credits, of a monthly plan this month's. Raises LiveryError EXHAUSTED."""
    if not order.plan.credits:
        return
    await grants.hold(conn, [order.plan.account_id, order.account_id])
    terms = await conn.fetchrow(
        f"""select livery_now() + make_interval(days => $2) as until, {_MONTH} as month,
                   exists (select from credit_grant g where g.account_id = a.id and g.plan_id = $3
                              and g.period >= {_MONTH}) as granted
              from account a where a.id = $1""",
        order.account_id,
        order.plan.valid_days,
        order.plan.id,
    )
    # A month is counted once; what is bought again after the plan was ended comes beside it.
    period: date | None = terms["month"] if order.plan.monthly and not terms["granted"] else None
    await credits.supply(
        conn,
        giver_id=order.plan.account_id,
        to=order.account_id,
        amount=order.plan.credits,
        expires_at=terms["until"],
        plan_id=order.plan.id,
        period=period,
        actor=actor,
    )


async def _sold(conn: Connection, scope: Scope, order_id: UUID) -> Order:
    """An order of a plan that the scope's account, or one below it, sells; the buyer has no say in it."""
    row = await conn.fetchrow(
        f"{_ORDER} where o.id = $2 and {scope.see('p.account_id')} and {scope.see('o.account_id')}",
        scope.account_id,
        order_id,
    )
    if row is None:
        raise missing("order")
    return _view(row)


async def _order(conn: Connection, id: UUID) -> Order:
    return _view(await conn.fetchrow(f"{_ORDER} where o.id = $1", id))


def _runs(order: Order) -> bool:
    """Whether it is a monthly plan that is granted from month to month."""
    return order.state == "fulfilled" and order.plan.monthly and order.ends_at is None


def _open(order: Order) -> None:
    if order.state != "open":
        raise LiveryError(
            Kind.CONFLICT, "NOT_OPEN", f"This order is {order.state}.", next="Read it again.", field=("id",)
        )


def _used() -> LiveryError:
    return LiveryError(
        Kind.CONFLICT,
        "REFERENCE_USED",
        "This payment has fulfilled another order.",
        next="Check the reference.",
        field=("paymentReference",),
    )


def _view(row: Mapping[str, Any]) -> Order:
    plan = Plan(**{name: row[name] for name in Plan.__dataclass_fields__})
    return Order(
        id=row["order_id"],
        account_id=row["buyer_id"],
        account_name=row["buyer_name"],
        plan=plan,
        state=row["state"],
        payment_reference=row["payment_reference"],
        created_at=row["ordered_at"],
        fulfilled_at=row["fulfilled_at"],
        ends_at=row["ends_at"],
    )
