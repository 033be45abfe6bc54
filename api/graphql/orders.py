"""What was ordered, and what became of it? Orders of one's own account and of those below."""

from datetime import datetime
from enum import Enum
from typing import Annotated

import strawberry

from api.context import Context
from api.graphql.pages import PageInfo, cursor, page, page_size, reference
from api.graphql.plans import Plan, plan
from api.graphql.problems import Problem, refusable
from tenants import orders
from tenants.permissions import Permission

Info = strawberry.Info[Context, None]


@strawberry.enum
class OrderState(Enum):
    """Where an order stands."""

    OPEN = strawberry.enum_value("open", description="Waits for the account above or its payment provider.")
    FULFILLED = strawberry.enum_value("fulfilled", description="What was ordered has been given.")
    CANCELLED = strawberry.enum_value("cancelled", description="Withdrawn before it was fulfilled.")


@strawberry.type
class Order:
    """A plan that an account has ordered from the one above."""

    id: strawberry.ID
    account_id: strawberry.ID = strawberry.field(description="Who buys.")
    account_name: str
    plan: Plan
    state: OrderState
    payment_reference: str | None = strawberry.field(description="What the payment is called where it was made.")
    created_at: datetime
    fulfilled_at: datetime | None
    ends_at: datetime | None = strawberry.field(description="A monthly plan is not granted after this; null: it runs.")


@strawberry.type
class OrderConnection:
    """A page of orders."""

    nodes: list[Order]
    page_info: PageInfo


OrderResult = Annotated[Order | Problem, strawberry.union("OrderResult")]


async def list_orders(info: Info, first: int = 50, after: str | None = None) -> OrderConnection:
    """Orders of the asker's account and of those below, newest first."""
    size, last = page_size(first), cursor(after)
    async with info.context.read(Permission.CREDITS) as conn:
        found = await orders.orders(conn, info.context.scope, first=size + 1, after=last)
    rows, page_info = page(found, size)
    return OrderConnection(nodes=[_order(row) for row in rows], page_info=page_info)


@refusable
async def order_plan(info: Info, plan_id: strawberry.ID) -> OrderResult:
    """Order one of `offers`."""
    async with info.context.change(Permission.CREDITS) as unit:
        return _order(await orders.order_plan(unit, info.context.scope, reference(plan_id, "plan", "planId")))


@refusable
async def fulfil_order(info: Info, id: strawberry.ID, payment_reference: str | None = None) -> OrderResult:
    """Give what was ordered."""
    context = info.context
    async with context.change(Permission.CREDITS) as unit:
        order = await orders.fulfil(
            unit, context.scope, reference(id, "order", "id"), payment_reference=payment_reference
        )
        unit.after_commit(lambda: context.platform.bell.ring({order.account_id, order.plan.account_id}))
    return _order(order)


@refusable
async def cancel_order(info: Info, id: strawberry.ID) -> OrderResult:
    """Withdraw an order, or end a monthly plan."""
    async with info.context.change(Permission.CREDITS) as unit:
        return _order(await orders.cancel(unit, info.context.scope, reference(id, "order", "id")))


def _order(found: orders.Order) -> Order:
    return Order(
        id=strawberry.ID(str(found.id)),
        account_id=strawberry.ID(str(found.account_id)),
        account_name=found.account_name,
        plan=plan(found.plan),
        state=OrderState(found.state),
        payment_reference=found.payment_reference,
        created_at=found.created_at,
        fulfilled_at=found.fulfilled_at,
        ends_at=found.ends_at,
    )
