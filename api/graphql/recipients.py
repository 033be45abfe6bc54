"""Where does each message stand with each recipient? One line a recipient, and everything that happened to it."""

from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from api.context import Context
from api.graphql.events import Event, reply_line
from api.graphql.pages import PageInfo, cursor, identity, page, page_size
from api.graphql.setbacks import BounceKind
from api.graphql.tracking import Visit
from mail import search, setbacks
from mail.lifecycle import EventKind, State
from mail.verdict import Cause
from tenants.permissions import Permission

if TYPE_CHECKING:
    from api.graphql.messages import Message

Info = strawberry.Info[Context, None]


@strawberry.enum
class RecipientState(Enum):
    """Where a message stands with one recipient."""

    QUEUED = strawberry.enum_value("queued", description="Accepted, waiting for its first attempt.")
    HELD = strawberry.enum_value("held", description="Waiting for a person.")
    SENDING = strawberry.enum_value("sending", description="Being sent right now.")
    DEFERRED = strawberry.enum_value("deferred", description="Refused for now; due again at nextAttemptAt.")
    DELIVERED = strawberry.enum_value("delivered", description="The recipient's host took it.")
    BOUNCED = strawberry.enum_value("bounced", description="Refused for good.")
    EXPIRED = strawberry.enum_value("expired", description="Given up after the message's life.")
    SUPPRESSED = strawberry.enum_value("suppressed", description="Not sent: the address is on the suppression list.")
    CANCELLED = strawberry.enum_value("cancelled", description="Withdrawn before it was sent.")


async def _timeline_of(root: "Recipient", info: Info) -> list[Event]:
    return await info.context.load.timelines.load(root.row_id)


async def _visits_of(root: "Recipient", info: Info) -> list[Visit]:
    return await info.context.load.visits.load(root.row_id)


@strawberry.type
class Recipient:
    """One recipient of one message."""

    id: strawberry.ID
    address: str
    state: RecipientState
    copy: bool = strawberry.field(
        description="A copy (BCC) that a rule of the account made, not whom the sender named."
    )
    attempts: int = strawberry.field(description="Attempts begun.")
    next_attempt_at: datetime | None = strawberry.field(description="When the next attempt is due, while it waits.")
    reply: str | None = strawberry.field(
        description="The last SMTP reply; where no host gave one, what happened instead."
    )
    reason: str | None = strawberry.field(
        description="What the last reply means, in plain words; null where it was taken or nothing was said."
    )
    bounce: BounceKind | None = strawberry.field(description="Null where it has not bounced or expired.")
    opened_at: datetime | None
    clicked_at: datetime | None
    unsubscribed_at: datetime | None
    complained_at: datetime | None
    updated_at: datetime
    message: Annotated["Message", strawberry.lazy("api.graphql.messages")]
    row_id: strawberry.Private[UUID]
    timeline: list[Event] = strawberry.field(
        resolver=_timeline_of, description="Everything that happened to this recipient, oldest first."
    )
    visits: list[Visit] = strawberry.field(
        resolver=_visits_of,
        description="The first hundred opens and clicks, with where from and with what, oldest first.",
    )


@strawberry.type
class RecipientConnection:
    """A page of recipients."""

    nodes: list[Recipient]
    page_info: PageInfo


@strawberry.input
class RecipientFilter:
    """Which recipients. What is left out does not narrow."""

    states: list[RecipientState] | None = strawberry.field(default=None, description="Any of these.")
    search: str | None = strawberry.field(
        default=None, description="Part of recipient, sender or subject, in any case."
    )
    since: datetime | None = strawberry.field(default=None, description="Accepted at this moment or later.")
    until: datetime | None = strawberry.field(default=None, description="Accepted before this moment.")


def recipient(found: search.RecipientView) -> Recipient:
    """A recipient as clients see it."""
    from api.graphql.messages import message

    cause = _cause(found.cause)
    return Recipient(
        id=strawberry.ID(str(found.id)),
        address=found.address,
        state=RecipientState(found.state.value),
        copy=found.copy,
        attempts=found.attempts,
        next_attempt_at=found.next_attempt_at,
        reply=reply_line(found.code, found.status, found.reply),
        reason=cause.words if cause else None,
        bounce=_bounce(found.state, found.cause),
        opened_at=found.opened_at,
        clicked_at=found.clicked_at,
        unsubscribed_at=found.unsubscribed_at,
        complained_at=found.complained_at,
        updated_at=found.updated_at,
        message=message(found.message),
        row_id=found.id,
    )


def _cause(name: str | None) -> Cause | None:
    # What stops mail in this house (a suspension, a list) is no host's reply.
    return next((cause for cause in Cause if cause == name), None)


def _bounce(state: State, cause: str | None) -> BounceKind | None:
    if state not in (State.BOUNCED, State.EXPIRED):
        return None
    return BounceKind(setbacks.kind_of(EventKind(state.value), cause).value)


def recipient_page(found: list[search.RecipientView], first: int) -> RecipientConnection:
    """A page of recipients as clients see it, of one row more than was asked for."""
    rows, info = page(found, first)
    return RecipientConnection(nodes=[recipient(row) for row in rows], page_info=info)


async def list_recipients(
    info: Info, first: int = 50, after: str | None = None, filter: RecipientFilter | None = None
) -> RecipientConnection:
    """One line a recipient, newest first."""
    size, last, wanted = page_size(first), cursor(after), filter or RecipientFilter()
    narrowed = search.RecipientFilter(
        states=[State(str(state.value)) for state in wanted.states or ()],
        search=(wanted.search or "").strip(),
        since=wanted.since,
        until=wanted.until,
    )
    async with info.context.read(Permission.READ) as conn:
        found = await search.recipients(conn, info.context.scope, filter=narrowed, first=size + 1, after=last)
    return recipient_page(found, size)


async def find_recipient(info: Info, id: strawberry.ID) -> Recipient | None:
    """One recipient; null where there is none or it is not the asker's."""
    scope, row_id = info.context.allowed(Permission.READ), identity(id)
    if row_id is None:
        return None
    async with info.context.read(Permission.READ) as conn:
        found = await search.recipient(conn, scope, row_id)
    return recipient(found) if found else None
