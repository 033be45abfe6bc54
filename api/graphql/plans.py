"""What is for sale? The plans of one's own account, and what the account above offers."""

from datetime import datetime
from typing import Annotated

import strawberry

from api.context import Context
from api.graphql.pages import PageInfo, cursor, page, page_size, reference
from api.graphql.problems import Problem, refusable
from api.graphql.scalars import BigInt
from tenants import payments, plans
from tenants.permissions import Permission

Info = strawberry.Info[Context, None]


@strawberry.type
class Plan:
    """Credits, once or every month, or an address of one's own. It never changes: sell another one instead."""

    id: strawberry.ID
    name: str
    credits: BigInt
    monthly: bool = strawberry.field(description="Granted every month while it runs.")
    valid_days: int = strawberry.field(description="How long its credits are good, never longer than the seller's own.")
    dedicated_ip: bool
    price_cents: BigInt
    currency: str = strawberry.field(description="ISO 4217")
    created_at: datetime
    archived_at: datetime | None = strawberry.field(description="No longer sold since then.")


@strawberry.type
class PlanConnection:
    """A page of plans."""

    nodes: list[Plan]
    page_info: PageInfo


@strawberry.input
class CreatePlanInput:
    """Something to sell to the accounts right below one's own."""

    name: str
    credits: BigInt
    monthly: bool = False
    valid_days: int = 365
    dedicated_ip: bool = False
    price_cents: BigInt = BigInt(0)
    currency: str = "EUR"


@strawberry.type
class PaymentSecret:
    """What a payment provider signs its calls with; shown once."""

    secret: str
    path: str = strawberry.field(description="Where on this host the provider calls.")


PlanResult = Annotated[Plan | Problem, strawberry.union("PlanResult")]
PaymentSecretResult = Annotated[PaymentSecret | Problem, strawberry.union("PaymentSecretResult")]


def plan(found: plans.Plan) -> Plan:
    """A plan as clients see it."""
    return Plan(
        id=strawberry.ID(str(found.id)),
        name=found.name,
        credits=BigInt(found.credits),
        monthly=found.monthly,
        valid_days=found.valid_days,
        dedicated_ip=found.dedicated_ip,
        price_cents=BigInt(found.price_cents),
        currency=found.currency,
        created_at=found.created_at,
        archived_at=found.archived_at,
    )


async def list_plans(info: Info, first: int = 50, after: str | None = None) -> PlanConnection:
    """What the asker's own account sells or has sold, newest first."""
    size, last = page_size(first), cursor(after)
    async with info.context.read(Permission.CREDITS) as conn:
        found = await plans.sold(conn, info.context.scope, first=size + 1, after=last)
    rows, page_info = page(found, size)
    return PlanConnection(nodes=[plan(row) for row in rows], page_info=page_info)


async def list_offers(info: Info) -> list[Plan]:
    """What can be ordered from the account above."""
    async with info.context.read(Permission.CREDITS) as conn:
        return [plan(row) for row in await plans.offered(conn, info.context.scope)]


@refusable
async def create_plan(info: Info, input: CreatePlanInput) -> PlanResult:
    """Offer a plan."""
    async with info.context.change(Permission.CREDITS) as unit:
        terms = plans.Terms(
            name=input.name,
            credits=input.credits,
            monthly=input.monthly,
            valid_days=input.valid_days,
            dedicated_ip=input.dedicated_ip,
            price_cents=input.price_cents,
            currency=input.currency,
        )
        return plan(await plans.create_plan(unit, info.context.scope, terms))


@refusable
async def archive_plan(info: Info, id: strawberry.ID) -> PlanResult:
    """Sell a plan no longer."""
    async with info.context.change(Permission.CREDITS) as unit:
        return plan(await plans.archive_plan(unit, info.context.scope, reference(id, "plan", "id")))


@refusable
async def renew_payment_secret(info: Info) -> PaymentSecretResult:
    """Make a new secret for the payment provider."""
    context = info.context
    async with context.change(Permission.CREDITS) as unit:
        secret = await payments.renew_secret(unit, context.scope, context.platform.keyring)
    return PaymentSecret(secret=secret, path=f"/v1/payments/{context.scope.account_id}")
