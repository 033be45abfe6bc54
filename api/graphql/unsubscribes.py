"""Who wants no more mail, and how is it offered? The report of those who unsubscribed, and the tags that are copied into mails."""

from datetime import datetime
from typing import Annotated

import strawberry

from api.context import Context
from api.graphql.members import account_named
from api.graphql.pages import PageInfo, cursor, page, page_size, reference
from api.graphql.problems import Problem, refusable
from api.unsubscribe_page import Stage, render
from kit.errors import invalid
from mail import unsubscribe_tags, unsubscribes
from mail.wire.unsubscribe import LANGUAGES
from tenants.permissions import Permission

Info = strawberry.Info[Context, None]


@strawberry.type
class UnsubscribeTag:
    """A disclaimer in the account's own words, by which recipients are offered to unsubscribe."""

    id: strawberry.ID
    account_id: strawberry.ID
    number: int
    tag: str = strawberry.field(
        description="To be copied into a mail, its template or footer, HTML or text: `<% unsubscribe 1 %>`. Each recipient's "
        "mail has the text in its place, with a link of their own. `<% unsubscribe %>` without a number is the tag that the "
        "account has chosen, else its first."
    )
    text: str = strawberry.field(
        description="What stands between [ and ] becomes the link; without them all of it does."
    )
    language: str = strawberry.field(description="The language of the text and of the page: en fr de he it pt ru es.")


@strawberry.input
class CreateUnsubscribeTagInput:
    """A new tag."""

    text: str
    language: str = strawberry.field(description="One of en fr de he it pt ru es.")
    account_id: strawberry.ID | None = strawberry.field(
        default=None, description="Whose tag it is, one's own account's unless given."
    )


@strawberry.input
class UpdateUnsubscribeTagInput:
    """What changes; a field that is left out stays as it is."""

    id: strawberry.ID
    text: str | None = strawberry.UNSET
    language: str | None = strawberry.UNSET


@strawberry.type
class Unsubscribe:
    """Somebody who wants no more mail of an account."""

    id: strawberry.ID
    account_id: strawberry.ID
    account_name: str
    address: str
    at: datetime
    source: str = strawberry.field(
        description="How it was said: page (the button behind the link), one_click (the mail program's), mail, or how it "
        "came to the suppression list otherwise: event, import, api or member, with a note behind it (`api: by phone`)."
    )
    recipient_id: strawberry.ID | None = strawberry.field(
        description="The recipient by whose mail it was said; null where none led to it, or it is no longer kept."
    )
    message_id: strawberry.ID | None
    sender: str | None = strawberry.field(description="From of that mail.")
    subject: str | None


@strawberry.type
class UnsubscribeConnection:
    """A page of those who unsubscribed."""

    nodes: list[Unsubscribe]
    page_info: PageInfo


@strawberry.input
class UnsubscribeFilter:
    """Which of them. What is left out does not narrow."""

    account_id: strawberry.ID | None = strawberry.field(default=None, description="Of this account alone.")
    address: str | None = strawberry.field(default=None, description="Part of the address, in any case.")
    since: datetime | None = strawberry.field(default=None, description="Said at this moment or later.")
    until: datetime | None = strawberry.field(default=None, description="Said before this moment.")


@strawberry.type
class UnsubscribePage:
    """
    The page behind the link of a tag, from the code that serves it, to be looked at: in one language, with an account's
    face. Its buttons do nothing. Each is a whole HTML document: show it in a sandboxed frame.
    """

    asked: str = strawberry.field(description="What whoever opens the link is asked.")
    done: str = strawberry.field(description="What stands there afterwards, with the button that undoes it.")
    undone: str


_READER = "reader@example.com"


UnsubscribeTagResult = Annotated[UnsubscribeTag | Problem, strawberry.union("UnsubscribeTagResult")]


async def list_unsubscribes(
    info: Info, first: int = 50, after: str | None = None, filter: UnsubscribeFilter | None = None
) -> UnsubscribeConnection:
    """Those who unsubscribed and have not taken it back, the newest first."""
    size, last, wanted = page_size(first), cursor(after), filter or UnsubscribeFilter()
    narrowed = unsubscribes.Filter(
        account_id=account_named(wanted.account_id),
        address=(wanted.address or "").strip(),
        since=wanted.since,
        until=wanted.until,
    )
    async with info.context.read(Permission.READ) as conn:
        found = await unsubscribes.unsubscribed(conn, info.context.scope, filter=narrowed, first=size + 1, after=last)
    rows, page_info = page(found, size)
    return UnsubscribeConnection(nodes=[_unsubscribe(row) for row in rows], page_info=page_info)


async def list_tags(info: Info, account_id: strawberry.ID | None = None) -> list[UnsubscribeTag]:
    """The tags of one account, by their numbers."""
    async with info.context.read(Permission.READ) as conn:
        found = await unsubscribe_tags.list_tags(conn, info.context.scope, account_named(account_id))
    return [_tag(tag) for tag in found]


async def find_page(info: Info, language: str, account_id: strawberry.ID | None = None) -> UnsubscribePage:
    """The page in one language, with the face of one account."""
    async with info.context.read(Permission.READ) as conn:
        face = await unsubscribes.face(conn, info.context.scope, account_named(account_id))
    if language not in LANGUAGES:
        raise invalid("There is no page in this language.", "language", next=f"One of: {', '.join(LANGUAGES)}.")
    asked, done, undone = (
        render(stage, language, face, _READER, acts=False).body.decode()
        for stage in (Stage.ASKED, Stage.DONE, Stage.UNDONE)
    )
    return UnsubscribePage(asked=asked, done=done, undone=undone)


@refusable
async def create_tag(info: Info, input: CreateUnsubscribeTagInput) -> UnsubscribeTagResult:
    """Make a tag."""
    info.context.allowed(Permission.ACCOUNTS)
    account_id = account_named(input.account_id)
    async with info.context.change(Permission.ACCOUNTS) as unit:
        made = await unsubscribe_tags.create_tag(
            unit, info.context.scope, text=input.text, language=input.language, account_id=account_id
        )
    return _tag(made)


@refusable
async def update_tag(info: Info, input: UpdateUnsubscribeTagInput) -> UnsubscribeTagResult:
    """Change a tag."""
    info.context.allowed(Permission.ACCOUNTS)
    id = reference(input.id, "tag", "id")
    changes = {
        name: value for name in ("text", "language") if (value := getattr(input, name)) not in (None, strawberry.UNSET)
    }
    async with info.context.change(Permission.ACCOUNTS) as unit:
        changed = await unsubscribe_tags.update_tag(unit, info.context.scope, id, changes)
    return _tag(changed)


@refusable
async def delete_tag(info: Info, id: strawberry.ID) -> UnsubscribeTagResult:
    """Delete a tag."""
    info.context.allowed(Permission.ACCOUNTS)
    tag_id = reference(id, "tag", "id")
    async with info.context.change(Permission.ACCOUNTS) as unit:
        gone = await unsubscribe_tags.delete_tag(unit, info.context.scope, tag_id)
    return _tag(gone)


def _tag(found: unsubscribe_tags.Tag) -> UnsubscribeTag:
    return UnsubscribeTag(
        id=strawberry.ID(str(found.id)),
        account_id=strawberry.ID(str(found.account_id)),
        number=found.number,
        tag=f"<% unsubscribe {found.number} %>",
        text=found.text,
        language=found.language,
    )


def _unsubscribe(found: unsubscribes.Unsubscribed) -> Unsubscribe:
    return Unsubscribe(
        id=strawberry.ID(str(found.id)),
        account_id=strawberry.ID(str(found.account_id)),
        account_name=found.account_name,
        address=found.address,
        at=found.at,
        source=found.source,
        recipient_id=strawberry.ID(str(found.recipient_id)) if found.recipient_id else None,
        message_id=strawberry.ID(str(found.message_id)) if found.message_id else None,
        sender=found.sender,
        subject=found.subject,
    )
