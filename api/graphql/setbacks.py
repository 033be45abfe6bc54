"""Which mail bounced, and who reported mail as spam? One line a fact, as reports show them. As CSV: `api.exports`."""

from datetime import datetime
from enum import Enum

import strawberry

from api.context import Context
from api.graphql.events import reply_line
from api.graphql.members import account_named
from api.graphql.pages import PageInfo, page, page_size, position
from mail import setbacks
from tenants.permissions import Permission

Info = strawberry.Info[Context, None]


@strawberry.enum
class BounceKind(Enum):
    """What a refusal says of the address."""

    HARD = strawberry.enum_value("hard", description="Nothing will ever arrive there: the address is suppressed.")
    SOFT = strawberry.enum_value("soft", description="This mail was refused or given up; the address is good.")
    SPAM = strawberry.enum_value("spam", description="Taken for spam, or blocked for the sender's reputation.")


@strawberry.type
class Bounce:
    """Mail to one recipient that was refused for good, or given up."""

    id: strawberry.ID
    at: datetime = strawberry.field(description="When it was refused or given up, not when it was sent.")
    account_id: strawberry.ID
    account_name: str
    recipient_id: strawberry.ID
    message_id: strawberry.ID
    address: str
    kind: BounceKind
    reason: str | None = strawberry.field(
        description="What the refusal means, in plain words; null where nothing was said."
    )
    reply: str | None = strawberry.field(description="What the remote said, or ours where no remote spoke.")
    copy: bool = strawberry.field(
        description="A copy (BCC) that a rule of the account made, not whom the sender named."
    )
    suppressed: bool = strawberry.field(description="Nothing is sent to the address now.")
    sender: str = strawberry.field(description="From of the message.")
    subject: str


@strawberry.type
class BounceConnection:
    """A page of bounces."""

    nodes: list[Bounce]
    page_info: PageInfo


@strawberry.input
class BounceFilter:
    """Which bounces. What is left out does not narrow."""

    account_id: strawberry.ID | None = strawberry.field(default=None, description="Of this account alone.")
    kinds: list[BounceKind] | None = strawberry.field(default=None, description="Any of these.")
    search: str | None = strawberry.field(
        default=None, description="Part of recipient, sender or subject, in any case."
    )
    since: datetime | None = strawberry.field(default=None, description="Bounced at this moment or later.")
    until: datetime | None = strawberry.field(default=None, description="Bounced before this moment.")


@strawberry.type
class Complaint:
    """Somebody called a mail spam."""

    id: strawberry.ID
    at: datetime = strawberry.field(description="When the report came.")
    account_id: strawberry.ID
    account_name: str
    recipient_id: strawberry.ID
    message_id: strawberry.ID
    address: str
    loop: str | None = strawberry.field(
        description="The feedback loop that told of it, by its domain or program: `hotmail.com`; `http` where a provider "
        "posted it and named none. Null where the report does not say."
    )
    feedback: str | None = strawberry.field(description="The loop's own word for it: abuse, opt-out, fraud …")
    copy: bool = strawberry.field(
        description="A copy (BCC) that a rule of the account made, not whom the sender named."
    )
    suppressed: bool = strawberry.field(description="Nothing is sent to the address now.")
    sender: str = strawberry.field(description="From of the message.")
    subject: str


@strawberry.type
class ComplaintConnection:
    """A page of complaints."""

    nodes: list[Complaint]
    page_info: PageInfo


@strawberry.input
class ComplaintFilter:
    """Which complaints. What is left out does not narrow."""

    account_id: strawberry.ID | None = strawberry.field(default=None, description="Of this account alone.")
    search: str | None = strawberry.field(
        default=None, description="Part of recipient, sender or subject, in any case."
    )
    since: datetime | None = strawberry.field(default=None, description="Reported at this moment or later.")
    until: datetime | None = strawberry.field(default=None, description="Reported before this moment.")


async def list_bounces(
    info: Info, first: int = 50, after: str | None = None, filter: BounceFilter | None = None
) -> BounceConnection:
    """Bounces, the newest first."""
    size, last, wanted = page_size(first), position(after), filter or BounceFilter()
    narrowed = setbacks.Filter(
        account_id=account_named(wanted.account_id),
        search=(wanted.search or "").strip(),
        since=wanted.since,
        until=wanted.until,
        kinds=[setbacks.BounceKind(str(kind.value)) for kind in wanted.kinds or ()],
    )
    async with info.context.read(Permission.READ) as conn:
        found = await setbacks.bounces(conn, info.context.scope, filter=narrowed, first=size + 1, after=last)
    rows, page_info = page(found, size)
    return BounceConnection(nodes=[_bounce(row) for row in rows], page_info=page_info)


async def list_complaints(
    info: Info, first: int = 50, after: str | None = None, filter: ComplaintFilter | None = None
) -> ComplaintConnection:
    """Complaints, the newest first."""
    size, last, wanted = page_size(first), position(after), filter or ComplaintFilter()
    narrowed = setbacks.Filter(
        account_id=account_named(wanted.account_id),
        search=(wanted.search or "").strip(),
        since=wanted.since,
        until=wanted.until,
    )
    async with info.context.read(Permission.READ) as conn:
        found = await setbacks.complaints(conn, info.context.scope, filter=narrowed, first=size + 1, after=last)
    rows, page_info = page(found, size)
    return ComplaintConnection(nodes=[_complaint(row) for row in rows], page_info=page_info)


def _bounce(found: setbacks.Setback) -> Bounce:
    return Bounce(
        id=strawberry.ID(str(found.id)),
        at=found.at,
        account_id=strawberry.ID(str(found.account_id)),
        account_name=found.account_name,
        recipient_id=strawberry.ID(str(found.recipient_id)),
        message_id=strawberry.ID(str(found.message_id)),
        address=found.address,
        kind=BounceKind(found.bounce.value),
        reason=found.reason,
        reply=reply_line(found.code, found.status, found.reply),
        copy=found.copy,
        suppressed=found.suppressed,
        sender=found.sender,
        subject=found.subject,
    )


def _complaint(found: setbacks.Setback) -> Complaint:
    return Complaint(
        id=strawberry.ID(str(found.id)),
        at=found.at,
        account_id=strawberry.ID(str(found.account_id)),
        account_name=found.account_name,
        recipient_id=strawberry.ID(str(found.recipient_id)),
        message_id=strawberry.ID(str(found.message_id)),
        address=found.address,
        loop=found.reply,
        feedback=found.cause,
        copy=found.copy,
        suppressed=found.suppressed,
        sender=found.sender,
        subject=found.subject,
    )
