"""What happened? The ledger as clients read it: pages from a cursor, or the newest facts to begin with."""

from datetime import datetime
from enum import Enum
from uuid import UUID

import strawberry

from api.context import Context
from api.graphql.pages import PageInfo, page_size
from mail import feed, search
from tenants.permissions import Permission

Info = strawberry.Info[Context, None]


@strawberry.enum
class EventKind(Enum):
    """What happened to a recipient. Facts are past tense and never change."""

    ACCEPTED = strawberry.enum_value("accepted", description="Stored and charged.")
    HELD = strawberry.enum_value("held", description="Waits for a person.")
    RELEASED = strawberry.enum_value("released", description="Goes on after it was held.")
    DEFERRED = strawberry.enum_value("deferred", description="Refused for now; tried again later.")
    DELIVERED = strawberry.enum_value(
        "delivered", description="The recipient's host took it: accepted there, not necessarily in the mailbox."
    )
    BOUNCED = strawberry.enum_value("bounced", description="Refused for good.")
    EXPIRED = strawberry.enum_value("expired", description="Given up after the message's life.")
    SUPPRESSED = strawberry.enum_value("suppressed", description="Not sent: the address is on the suppression list.")
    CANCELLED = strawberry.enum_value("cancelled", description="Withdrawn before it was sent.")
    OPENED = strawberry.enum_value("opened", description="The message was opened.")
    CLICKED = strawberry.enum_value("clicked", description="A link in it was followed.")
    UNSUBSCRIBED = strawberry.enum_value("unsubscribed", description="The recipient wants no more.")
    COMPLAINED = strawberry.enum_value("complained", description="The recipient called it spam.")


@strawberry.type
class Attempt:
    """One SMTP transaction with a remote host."""

    id: strawberry.ID
    started_at: datetime
    ended_at: datetime
    host: str
    ip: str
    tls: str | None = strawberry.field(description="Protocol and cipher, null where the conversation was in clear.")
    conversation: list[str] = strawberry.field(
        description='The conversation, a line each, "> " ours and "< " theirs, message bytes left out.'
    )


async def _attempt_of(root: "Event", info: Info) -> Attempt | None:
    return await info.context.load.attempts.load(root.attempt_id) if root.attempt_id else None


@strawberry.type
class Event:
    """One fact of the ledger."""

    id: strawberry.ID
    cursor: str = strawberry.field(
        description="Opaque position in the ledger: give it to `events(after:)` to go on from here."
    )
    kind: EventKind
    at: datetime
    message_id: strawberry.ID
    recipient_id: strawberry.ID
    recipient: str = strawberry.field(description="The recipient's address.")
    sender: str = strawberry.field(description="The From address of the message.")
    subject: str
    reply: str | None = strawberry.field(
        description='The last SMTP reply: "550 5.1.1 no such user"; where no host gave one, what happened instead: '
        '"mx.far.test: connecting: Connection refused". Of a complaint the feedback loop that told of it.'
    )
    uncertain: bool = strawberry.field(
        description="How an attempt ended was lost, this one or one before: a copy may have arrived that no fact tells of."
    )
    machine: bool = strawberry.field(
        description="Opened or clicked by a program (a scanner, a mail program that fetches everything), not by a person."
    )
    attempt_id: strawberry.Private[UUID | None] = None
    attempt: Attempt | None = strawberry.field(resolver=_attempt_of, description="The attempt this fact came from.")


@strawberry.type
class EventConnection:
    """A page of the ledger."""

    nodes: list[Event]
    page_info: PageInfo


def reply_line(code: int | None, status: str | None, reply: str | None) -> str | None:
    """A reply as it stands in a conversation: `550 5.1.1 no such user`; None where there is nothing to say."""
    known = [part for part in (str(code) if code else None, status) if part]
    text = reply or ""
    for part in known:
        # What a bounce quotes begins with them already.
        before, found, after = text.partition(part)
        if found and not before and after[:1] in ("", " ", "-"):
            text = after.lstrip(" -")
    return " ".join([*known, text]).rstrip() or None


def event(found: feed.EventView) -> Event:
    """An event of the feed as clients see it."""
    return Event(
        id=strawberry.ID(str(found.id)),
        cursor=str(found.cursor),
        kind=EventKind(found.kind.value),
        at=found.at,
        message_id=strawberry.ID(str(found.message_id)),
        recipient_id=strawberry.ID(str(found.recipient_id)),
        recipient=found.recipient,
        sender=found.sender,
        subject=found.subject,
        reply=reply_line(found.code, found.status, found.reply),
        uncertain=found.uncertain,
        machine=found.machine,
        attempt_id=found.attempt_id,
    )


def attempt(found: search.AttemptView) -> Attempt:
    """An attempt as clients see it."""
    return Attempt(
        id=strawberry.ID(str(found.id)),
        started_at=found.started_at,
        ended_at=found.ended_at,
        host=found.host,
        ip=found.ip,
        tls=found.tls,
        conversation=list(found.conversation),
    )


async def read_events(info: Info, first: int = 100, after: str | None = None) -> EventConnection:
    """A page of the ledger from a cursor."""
    size = page_size(first)
    start = feed.Cursor.parse(after) if after is not None else feed.START
    async with info.context.read(Permission.READ) as conn:
        await feed.check(conn, start)
        page = await feed.read(conn, info.context.scope, start, size)
    return EventConnection(
        nodes=[event(found) for found in page.events],
        page_info=PageInfo(has_next_page=page.full, end_cursor=str(page.cursor)),
    )


async def read_latest(info: Info, first: int = 50) -> list[Event]:
    """The newest events, newest first."""
    size = page_size(first)
    async with info.context.read(Permission.READ) as conn:
        return [event(found) for found in await feed.latest(conn, info.context.scope, size)]
