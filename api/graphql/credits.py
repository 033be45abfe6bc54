"""How many credits are there, until when, why, and who gives them to whom?"""

from datetime import date, datetime
from enum import Enum
from typing import Annotated
from uuid import UUID

import strawberry

from api.context import Context
from api.graphql.accounts import WhenSpent
from api.graphql.pages import PageInfo, cursor, identity, page, page_size, reference
from api.graphql.problems import Problem, refusable
from api.graphql.scalars import BigInt
from kit.errors import invalid
from tenants import alerts, credits
from tenants.permissions import Permission

Info = strawberry.Info[Context, None]


@strawberry.type
class CreditGrant:
    """Credits given at one time. The earliest to expire is spent first."""

    id: strawberry.ID
    amount: BigInt
    remaining: BigInt
    created_at: datetime
    expires_at: datetime | None = strawberry.field(description="What is left is gone then; null: never.")


@strawberry.type
class CreditMonth:
    """The present month of an account that has a monthly limit, in its own time zone."""

    limit: BigInt
    used: BigInt = strawberry.field(
        description="Spent this month by the account and by those below that share its pool."
    )
    begins_anew: date = strawberry.field(description="The day from which `used` counts from zero again.")


@strawberry.type
class Credits:
    """What an account can still send, and what ends it. One credit sends one message to one recipient."""

    account_id: strawberry.ID
    remaining: BigInt = strawberry.field(description="Credits left: its own, or those of the pool it shares.")
    shares_pool: bool
    grants: list[CreditGrant] = strawberry.field(
        description="Its own that have something left, in the order in which they are spent; the first hundred."
    )
    month: CreditMonth | None = strawberry.field(description="Null where there is no monthly limit.")
    when_spent: WhenSpent = strawberry.field(description="What happens to mail that is not covered.")
    alert_below: BigInt | None = strawberry.field(description="An alert is made each time fewer than this are left.")


@strawberry.enum
class CreditReason(Enum):
    """Why a balance changed."""

    GRANT = strawberry.enum_value("grant", description="Made by whoever runs the platform.")
    MESSAGE = strawberry.enum_value("message", description="Spent on a message.")
    REFUND = strawberry.enum_value("refund", description="Given back for recipients that were never sent to.")
    EXPIRED = strawberry.enum_value("expired", description="Not spent in time.")
    HANDED_DOWN = strawberry.enum_value("handed_down", description="Given to an account below.")
    RECEIVED = strawberry.enum_value("received", description="Given by an account above.")
    TAKEN_BACK = strawberry.enum_value(
        "taken_back", description="Taken back by an account above, or returned to it at a deletion."
    )
    RETURNED = strawberry.enum_value(
        "returned", description="Taken back from an account below, or returned by its deletion."
    )
    VOID = strawberry.enum_value("void", description="Gone with its account, or taken back by who had made it.")


@strawberry.type
class CreditEntry:
    """One line of the credit ledger: it is never changed, and all of them add up to the balance."""

    id: strawberry.ID
    account_id: strawberry.ID
    at: datetime
    delta: BigInt = strawberry.field(description="Credits gained (+) or spent (-).")
    reason: CreditReason
    grant_id: strawberry.ID | None
    message_id: strawberry.ID | None = strawberry.field(description="What was sent.")
    spender_id: strawberry.ID | None = strawberry.field(description="The account that sent it from this one's pool.")
    counterpart_id: strawberry.ID | None = strawberry.field(
        description="The account it went to or came from: one's own or one below; null for one above."
    )
    counterpart_name: str | None = strawberry.field(description="The name of that account.")


@strawberry.type
class CreditEntryConnection:
    """A page of the credit ledger."""

    nodes: list[CreditEntry]
    page_info: PageInfo


@strawberry.type
class CreditAlert:
    """A balance fell below what its account wants to be told of; one for each time it does."""

    id: strawberry.ID
    account_id: strawberry.ID
    account_name: str
    threshold: BigInt
    remaining: BigInt = strawberry.field(description="What was left when it was noticed.")
    crossed_at: datetime
    cleared_at: datetime | None = strawberry.field(description="When there was enough again; null: still low.")


@strawberry.type
class CreditAlertConnection:
    """A page of alerts."""

    nodes: list[CreditAlert]
    page_info: PageInfo


@strawberry.input
class HandDownCreditsInput:
    """Credits for an account below one's own."""

    account_id: strawberry.ID
    amount: BigInt
    expires_at: datetime | None = strawberry.field(
        default=None, description="Never later than those they come from; a year from now for new ones unless given."
    )


@strawberry.input
class TakeBackCreditsInput:
    """Unspent credits that one's own account has handed down."""

    account_id: strawberry.ID
    amount: BigInt


CreditsResult = Annotated[Credits | Problem, strawberry.union("CreditsResult")]


async def find_credits(info: Info, account_id: strawberry.ID | None = None) -> Credits | None:
    """How an account stands; null where there is none of that id to be seen."""
    scope = info.context.scope
    id = scope.account_id if account_id is None else identity(account_id)
    async with info.context.read(Permission.CREDITS) as conn:
        found = await credits.view(conn, scope, id) if id is not None else None
    return _credits(found) if found else None


async def list_credit_entries(
    info: Info, first: int = 50, after: str | None = None, account_id: strawberry.ID | None = None
) -> CreditEntryConnection:
    """The ledger of one account, newest first."""
    scope = info.context.scope
    size, last = page_size(first), _line(after)
    id = scope.account_id if account_id is None else identity(account_id)
    async with info.context.read(Permission.CREDITS) as conn:
        found = await credits.entries(conn, scope, id, first=size + 1, after=last) if id is not None else []
    rows = found[:size]
    return CreditEntryConnection(
        nodes=[_entry(row) for row in rows],
        page_info=PageInfo(has_next_page=len(found) > size, end_cursor=str(rows[-1].id) if rows else None),
    )


async def list_alerts(info: Info, first: int = 50, after: str | None = None) -> CreditAlertConnection:
    """Alerts of the asker's account and those below, newest first."""
    size, last = page_size(first), cursor(after)
    async with info.context.read(Permission.CREDITS) as conn:
        found = await alerts.alerts(conn, info.context.scope, first=size + 1, after=last)
    rows, page_info = page(found, size)
    return CreditAlertConnection(
        nodes=[
            CreditAlert(
                id=strawberry.ID(str(row.id)),
                account_id=strawberry.ID(str(row.account_id)),
                account_name=row.account_name,
                threshold=BigInt(row.threshold),
                remaining=BigInt(row.remaining),
                crossed_at=row.crossed_at,
                cleared_at=row.cleared_at,
            )
            for row in rows
        ],
        page_info=page_info,
    )


@refusable
async def hand_down(info: Info, input: HandDownCreditsInput) -> CreditsResult:
    """Give credits to an account below."""
    context = info.context
    async with context.change(Permission.CREDITS) as unit:
        id = reference(input.account_id, "account", "accountId")
        await credits.hand_down(unit, context.scope, to=id, amount=input.amount, expires_at=input.expires_at)
        unit.after_commit(lambda: context.platform.bell.ring({id, context.scope.account_id}))
    return await _after(info, id)


@refusable
async def take_back(info: Info, input: TakeBackCreditsInput) -> CreditsResult:
    """Take back what an account below has not spent."""
    context = info.context
    async with context.change(Permission.CREDITS) as unit:
        id = reference(input.account_id, "account", "accountId")
        await credits.take_back(unit, context.scope, account_id=id, amount=input.amount)
        unit.after_commit(lambda: context.platform.bell.ring({id, context.scope.account_id}))
    return await _after(info, id)


async def _after(info: Info, id: UUID) -> CreditsResult:
    async with info.context.read(Permission.CREDITS) as conn:
        found = await credits.view(conn, info.context.scope, id)
    if found is None:
        raise invalid("This account has just been deleted.", "accountId")
    return _credits(found)


def _line(after: str | None) -> int | None:
    if after is None:
        return None
    if not (after.isascii() and after.isdigit() and len(after) < 19):
        raise invalid(
            "This cursor was not given out here.", "after", next="Use `endCursor` of the page before, unchanged."
        )
    return int(after)


def _credits(found: credits.CreditsView) -> Credits:
    return Credits(
        account_id=strawberry.ID(str(found.account_id)),
        remaining=BigInt(found.remaining),
        shares_pool=found.shares_pool,
        grants=[
            CreditGrant(
                id=strawberry.ID(str(grant.id)),
                amount=BigInt(grant.amount),
                remaining=BigInt(grant.remaining),
                created_at=grant.created_at,
                expires_at=grant.expires_at,
            )
            for grant in found.grants
        ],
        month=CreditMonth(
            limit=BigInt(found.month.limit), used=BigInt(found.month.used), begins_anew=found.month.begins_anew
        )
        if found.month
        else None,
        when_spent=WhenSpent(found.when_spent.value),
        alert_below=BigInt(found.alert_below) if found.alert_below is not None else None,
    )


def _entry(row: credits.EntryView) -> CreditEntry:
    return CreditEntry(
        id=strawberry.ID(str(row.id)),
        account_id=strawberry.ID(str(row.account_id)),
        at=row.at,
        delta=BigInt(row.delta),
        reason=CreditReason(row.reason.value),
        grant_id=_id(row.grant_id),
        message_id=_id(row.message_id),
        spender_id=_id(row.spender_id),
        counterpart_id=_id(row.counterpart_id),
        counterpart_name=row.counterpart_name,
    )


def _id(value: UUID | None) -> strawberry.ID | None:
    return strawberry.ID(str(value)) if value is not None else None
