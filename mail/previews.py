"""How does mail look with a template or footer? Put by the code that does it on the way out, into a real message or a sample.

Nothing is tracked and nothing kept; an unsubscribe tag becomes words whose link leads nowhere. What is shown is a
customer's HTML: show it in a sandboxed frame.
"""

import asyncio
from dataclasses import dataclass
from uuid import UUID

from kit.db import Connection
from kit.errors import missing
from mail import compose, search
from mail.templates import Draft, TemplateKind, checked
from mail.unsubscribe_tags import chosen, tags_of
from mail.wire import additions, unsubscribe
from mail.wire.additions import Additions
from mail.wire.lines import canonical
from mail.wire.places import Piece
from tenants.permissions import Permission
from tenants.scope import Scope

_NOWHERE = "#"
_LARGE = 64 * 1024  # bytes from which a message is read off the loop

_SAMPLE = compose.Draft(
    sender="Sender <sender@example.com>",
    to=["reader@example.com"],
    subject="A sample",
    text="Dear reader,\n\nthis is where the text of your message stands.\nSee https://example.com/ for more.\n\nYours",
    html="<html><body><p>Dear reader,</p><p>this is where the text of your message stands.<br>"
    'See <a href="https://example.com/">example.com</a> for more.</p><p>Yours</p></body></html>',
)


@dataclass(frozen=True)
class Preview:
    """A message with an addition."""

    html: str | None
    """What HTML readers see; None where the message has none."""
    text: str | None
    """What others see; None where the message has none."""
    note: str | None
    """Why nothing was added, where that is so: "it is signed or encrypted"."""


async def preview(
    conn: Connection, scope: Scope, draft: Draft, kind: TemplateKind, *, message_id: UUID | None = None
) -> Preview:
    """A message of the scope's, or without an id a sample, with this around or under it.

    Raises LiveryError DENIED, MISSING for a message that is not seen or whose bytes are gone, INVALID for a draft that could
    not be kept.
    """
    scope.require(Permission.READ)
    content = _sample()
    if message_id is not None:
        found = await search.content(conn, scope, message_id)
        if found is None:
            refusal = missing("message")
            refusal.field = ("messageId",)
            raise refusal
        content = canonical(found.source)
    tags = (await tags_of(conn, [scope.account_id]))[scope.account_id]
    draft = await asyncio.to_thread(checked, draft, kind)
    piece = Piece(draft.html, draft.text or "")

    def words(number: int | None) -> unsubscribe.Words:
        tag = chosen(tags, number, None)
        return unsubscribe.words(tag.text, tag.language, _NOWHERE)

    wanted = Additions(
        template=piece if kind is TemplateKind.TEMPLATE else None,
        footer=piece if kind is TemplateKind.FOOTER else None,
        unsubscribe=words,
    )
    return await asyncio.to_thread(_made, content, wanted) if len(content) > _LARGE else _made(content, wanted)


def _made(content: bytes, wanted: Additions) -> Preview:
    added = additions.add(content, wanted)
    return Preview(_shown(added.content, markup=True), _shown(added.content, markup=False), added.note)


def _sample() -> bytes:
    return compose.compose(_SAMPLE).content


def _shown(content: bytes, *, markup: bool) -> str | None:
    """The first part that the message's words begin in, as HTML or as text."""
    for leaf in additions.opened(content).leaves:
        places = leaf.places
        if leaf.main and places.markup is markup:
            return places.charset.letters(places.charset.closed(places.document))
    return None
