"""How does a program or a page send one message? As fields, composed to bytes first, then by the one way in."""

import asyncio
import base64
import binascii
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Annotated

import strawberry

from api.context import Context
from api.graphql.problems import Problem, refusable
from kit import chaos
from kit.errors import invalid
from mail import compose, templates
from mail.intake import Envelope, EnvelopeRecipient, Submission
from tenants.permissions import Permission

Info = strawberry.Info[Context, None]

MOST_BYTES = 40 * 2**20
"""Bytes of the longest message, as over SMTP."""

_LARGE = 512 * 1024


@strawberry.input
class HeaderInput:
    """A header field to add."""

    name: str
    value: str


@strawberry.input
class AttachmentInput:
    """A file to send along."""

    name: str
    content: str = strawberry.field(description="base64")
    content_type: str = "application/octet-stream"
    content_id: str | None = strawberry.field(default=None, description="Set to show it inline by cid:")


@strawberry.input
class SendMailInput:
    """One message. It needs a recipient, and text or HTML."""

    sender: str = strawberry.field(description='Address or "Name <address>".')
    to: list[str] = strawberry.field(description='Each an address or "Name <address>".')
    cc: list[str] | None = None
    bcc: list[str] | None = strawberry.field(default=None, description="Receive it without being named in it.")
    reply_to: str | None = None
    subject: str = ""
    text: str | None = None
    html: str | None = None
    headers: list[HeaderInput] | None = None
    attachments: list[AttachmentInput] | None = None
    tag: str | None = strawberry.field(
        default=None, description="What the message is filed under: up to 100 characters."
    )
    template: str | None = strawberry.field(
        default=None, description='Name or id of the template around it, or "none"; null: as is chosen for its sender.'
    )
    footer: str | None = strawberry.field(
        default=None, description='Name or id of the footer under it, or "none"; null: as is chosen for its sender.'
    )
    track_opens: bool | None = strawberry.field(default=None, description="Null: as is chosen for its sender.")
    track_clicks: bool | None = strawberry.field(default=None, description="Null: as is chosen for its sender.")


@strawberry.type
class SentMail:
    """Accepted: stored and charged."""

    message_id: strawberry.ID
    recipient_ids: list[strawberry.ID]
    suppressed: list[str] = strawberry.field(
        description="Recipients to which nothing is sent, because they are on a suppression list: recorded and not charged."
    )


SendMailResult = Annotated[SentMail | Problem, strawberry.union("SendMailResult")]


@refusable
async def send_mail(info: Info, input: SendMailInput) -> SendMailResult:
    """Compose the message and hand it in."""
    context = info.context
    scope = context.allowed(Permission.SEND)
    if input.template or input.footer:
        async with context.read() as conn:
            for kind in templates.TemplateKind:
                await templates.check_named(conn, scope, kind, getattr(input, kind.value))
    # Megabytes of base64 are read and written off the loop.
    large = sum(len(file.content) for file in input.attachments or ()) > _LARGE
    composed = await asyncio.to_thread(_composed, input) if large else _composed(input)
    submission = Submission(
        envelope=Envelope(
            sender=composed.sender,
            recipients=tuple(EnvelopeRecipient(address) for address in composed.recipients),
            smtputf8=composed.smtputf8,
        ),
        content=composed.content,
        door="api",
        # RFC 5321 §4.4; where a browser sits is nobody's business further on, so no "from".
        trace=f"by {context.platform.settings.mail_domain} with HTTP; {format_datetime(datetime.now(UTC))}",
    )
    accepted = await context.platform.intake.accept(scope, submission)
    chaos.point("after-commit-before-202")
    return SentMail(
        message_id=strawberry.ID(str(accepted.message_id)),
        recipient_ids=[strawberry.ID(str(id)) for id in accepted.recipient_ids],
        suppressed=list(accepted.suppressed),
    )


def _composed(input: SendMailInput) -> compose.Composed:
    composed = compose.compose(
        compose.Draft(
            sender=input.sender,
            to=input.to,
            cc=input.cc or (),
            bcc=input.bcc or (),
            reply_to=input.reply_to,
            subject=input.subject,
            text=input.text,
            html=input.html,
            headers=[(header.name, header.value) for header in input.headers or ()],
            attachments=[
                compose.Attachment(file.name, file.content_type, _bytes(file.content, place), file.content_id)
                for place, file in enumerate(input.attachments or ())
            ],
            steering=compose.Steering(
                tag=input.tag or None,
                template=input.template or None,
                footer=input.footer or None,
                track_opens=input.track_opens,
                track_clicks=input.track_clicks,
            ),
        )
    )
    if len(composed.content) > MOST_BYTES:
        raise invalid(f"The message is larger than {MOST_BYTES // 2**20} MB.", next="Send a link to large files.")
    return composed


def _bytes(content: str, place: int) -> bytes:
    try:
        return base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError):
        raise invalid("This is no base64 (RFC 4648 §4).", "attachments", str(place), "content") from None
