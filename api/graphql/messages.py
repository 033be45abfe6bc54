"""What was submitted? Messages, newest first, and one message with its recipients, headers and source."""

import base64
from datetime import datetime
from uuid import UUID

import strawberry

from api.context import Context
from api.graphql.pages import PageInfo, cursor, identity, page, page_size
from api.graphql.recipients import RecipientConnection
from mail import search
from tenants.permissions import Permission

Info = strawberry.Info[Context, None]


async def _recipients_of(root: "Message", info: Info, first: int = 50, after: str | None = None) -> RecipientConnection:
    return await info.context.load.recipients.load((root.row_id, page_size(first), cursor(after)))


async def _headers_of(root: "Message", info: Info) -> str | None:
    content = await info.context.load.contents.load(root.row_id)
    return content.headers if content else None


async def _source_of(root: "Message", info: Info) -> str | None:
    content = await info.context.load.contents.load(root.row_id)
    return base64.b64encode(content.source).decode() if content else None


@strawberry.type
class Message:
    """One submitted message."""

    id: strawberry.ID
    sender: str = strawberry.field(description="The From address.")
    subject: str
    size: int = strawberry.field(description="Size in bytes as submitted.")
    accepted_at: datetime
    message_id_header: str | None = strawberry.field(description="As submitted, without angle brackets.")
    door: str = strawberry.field(description='"smtp", "api", or "note" for the platform\'s own mail.')
    recipient_count: int
    tag: str | None = strawberry.field(description="What its sender filed it under.")
    row_id: strawberry.Private[UUID]
    recipients: RecipientConnection = strawberry.field(
        resolver=_recipients_of, description="Its recipients, in the order they were given."
    )
    headers: str | None = strawberry.field(
        resolver=_headers_of,
        description="The header block as submitted; null when it is no longer kept, and for the platform's own mail.",
    )
    source: str | None = strawberry.field(
        resolver=_source_of,
        description="The raw source as submitted, base64; null when it is no longer kept, and for the platform's own mail.",
    )


@strawberry.type
class MessageConnection:
    """A page of messages."""

    nodes: list[Message]
    page_info: PageInfo


def message(found: search.MessageView) -> Message:
    """A message as clients see it."""
    return Message(
        id=strawberry.ID(str(found.id)),
        sender=found.sender,
        subject=found.subject,
        size=found.size,
        accepted_at=found.accepted_at,
        message_id_header=found.message_id_header,
        door=found.door,
        recipient_count=found.recipient_count,
        tag=found.tag,
        row_id=found.id,
    )


async def list_messages(info: Info, first: int = 50, after: str | None = None) -> MessageConnection:
    """Messages, newest first."""
    size, last = page_size(first), cursor(after)
    async with info.context.read(Permission.READ) as conn:
        found = await search.messages(conn, info.context.scope, first=size + 1, after=last)
    rows, page_info = page(found, size)
    return MessageConnection(nodes=[message(row) for row in rows], page_info=page_info)


async def find_message(info: Info, id: strawberry.ID) -> Message | None:
    """One message; null where there is none or it is not the asker's."""
    scope, row_id = info.context.allowed(Permission.READ), identity(id)
    if row_id is None:
        return None
    async with info.context.read(Permission.READ) as conn:
        found = await search.message(conn, scope, row_id)
    return message(found) if found else None
