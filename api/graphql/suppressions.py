"""To whom is nothing sent? An account's suppression list: looked at, added to, taken from. As CSV: `api.suppressions`."""

from datetime import datetime
from enum import Enum
from typing import Annotated

import strawberry

from api.context import Context
from api.graphql.members import account_named
from api.graphql.pages import PageInfo, cursor, page, page_size, reference
from api.graphql.problems import Problem, refusable
from mail.suppressions import Reason, keeping
from tenants.permissions import Permission

Info = strawberry.Info[Context, None]


@strawberry.enum
class SuppressionReason(Enum):
    """Why nothing is sent to an address."""

    BOUNCE = strawberry.enum_value(
        "bounce",
        description="Nobody has the address, as its host said. Holds for 180 days unless something else is said.",
    )
    COMPLAINT = strawberry.enum_value("complaint", description="The recipient reported mail as spam. Holds for good.")
    UNSUBSCRIBE = strawberry.enum_value("unsubscribe", description="The recipient unsubscribed. Holds for good.")
    MANUAL = strawberry.enum_value("manual", description="Put there by hand or by an import. Holds for good.")


@strawberry.type
class Suppression:
    """An address that nothing is sent to, for one reason; it may be there for others besides."""

    id: strawberry.ID
    account_id: strawberry.ID | None = strawberry.field(
        description="Whose list it is on; null: the operator's, which holds for everybody."
    )
    address: str = strawberry.field(
        description="As it is compared: the domain in lower case and A-labels, the part before the @ as written. Tags "
        "(`+x`), dots and case before the @ make other addresses."
    )
    reason: SuppressionReason
    source: str = strawberry.field(
        description="By what it got there: event (what came back of a mail), page, one_click or mail (how somebody "
        "unsubscribed), import, api or member. A note stands behind it: `api: asked by phone`."
    )
    recipient_id: strawberry.ID | None = strawberry.field(description="The recipient of the mail that led to it.")
    created_at: datetime
    expires_at: datetime | None = strawberry.field(description="Until when it holds; null is for good.")


@strawberry.type
class SuppressionConnection:
    """A page of a suppression list."""

    nodes: list[Suppression]
    page_info: PageInfo


@strawberry.input
class SuppressionFilter:
    """Which entries. What is left out does not narrow."""

    address: str | None = strawberry.field(default=None, description="Exactly this address, as lists compare them.")
    search: str | None = strawberry.field(default=None, description="Part of the address, in any case.")
    reasons: list[SuppressionReason] | None = strawberry.field(default=None, description="Any of these.")
    since: datetime | None = strawberry.field(default=None, description="Put there at this moment or later.")
    until: datetime | None = strawberry.field(default=None, description="Put there before this moment.")


@strawberry.input
class AddSuppressionInput:
    """An address to send nothing to."""

    address: str
    reason: SuppressionReason = SuppressionReason.MANUAL
    note: str | None = strawberry.field(default=None, description="Your own words, up to 200 characters.")
    account_id: strawberry.ID | None = strawberry.field(
        default=None, description="Whose list, one's own account's unless given."
    )
    for_everybody: bool = strawberry.field(
        default=False, description="On the list that holds for everybody. The operator's people only."
    )


@strawberry.type
class RemovedSuppression:
    """An entry that is gone."""

    id: strawberry.ID
    address: str
    remains: list[SuppressionReason] = strawberry.field(
        description="For which reasons the address is on the same list still; empty where mail goes to it again."
    )


SuppressionResult = Annotated[Suppression | Problem, strawberry.union("SuppressionResult")]
RemovedSuppressionResult = Annotated[RemovedSuppression | Problem, strawberry.union("RemovedSuppressionResult")]


async def list_suppressions(
    info: Info,
    first: int = 50,
    after: str | None = None,
    account_id: strawberry.ID | None = None,
    for_everybody: bool = False,
    filter: SuppressionFilter | None = None,
) -> SuppressionConnection:
    """One list, the newest entries first."""
    size, last, wanted = page_size(first), cursor(after), filter or SuppressionFilter()
    narrowed = keeping.Filter(
        address=(wanted.address or "").strip(),
        search=(wanted.search or "").strip(),
        reasons=[Reason(str(reason.value)) for reason in wanted.reasons or ()],
        since=wanted.since,
        until=wanted.until,
    )
    async with info.context.read(Permission.READ) as conn:
        owner = await keeping.whose(conn, info.context.scope, account_named(account_id), everybodys=for_everybody)
        found = await keeping.entries(conn, info.context.scope, owner, filter=narrowed, first=size + 1, after=last)
    rows, page_info = page(found, size)
    return SuppressionConnection(nodes=[_suppression(row) for row in rows], page_info=page_info)


@refusable
async def add_suppression(info: Info, input: AddSuppressionInput) -> SuppressionResult:
    """Put an address on a list."""
    async with info.context.change(Permission.SEND) as unit:
        owner = await keeping.whose(
            unit.conn, info.context.scope, account_named(input.account_id), everybodys=input.for_everybody
        )
        return _suppression(
            await keeping.add(
                unit.conn,
                info.context.scope,
                owner,
                address=input.address,
                reason=Reason(str(input.reason.value)),
                words=input.note or "",
            )
        )


@refusable
async def remove_suppression(info: Info, id: strawberry.ID) -> RemovedSuppressionResult:
    """Take an entry off its list."""
    info.context.allowed(Permission.SEND)
    entry_id = reference(id, keeping.THING, "id")
    async with info.context.change(Permission.SEND) as unit:
        gone = await keeping.remove(unit.conn, info.context.scope, entry_id)
    return RemovedSuppression(
        id=strawberry.ID(str(gone.entry.id)),
        address=gone.entry.address,
        remains=[SuppressionReason(reason.value) for reason in gone.remains],
    )


def _suppression(found: keeping.View) -> Suppression:
    return Suppression(
        id=strawberry.ID(str(found.id)),
        account_id=strawberry.ID(str(found.account_id)) if found.account_id else None,
        address=found.address,
        reason=SuppressionReason(found.reason.value),
        source=found.source,
        recipient_id=strawberry.ID(str(found.recipient_id)) if found.recipient_id else None,
        created_at=found.created_at,
        expires_at=found.expires_at,
    )
