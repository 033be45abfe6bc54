"""What is to be done to a message on its way out, as its account, its credential and its own fields say together?

The nearest says: a field of the message (`wishes`) before its credential's choice before its account's (`mail.choices`
writes both) before what is usual: the default template, the default footer in the message's language, no tracking, the
unsubscribe header only where a tag stands in the text. Whoever asks keeps the answer for half a minute.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from kit.db import Connection
from mail import tracking, unsubscribe_tags
from mail.choices import NONE
from mail.models import TemplateKind
from mail.unsubscribe_tags import Tag
from mail.wire.headers import Head
from mail.wire.places import Piece

_SPEAKS = re.compile(rb"(?:\A|\n)x-lv-(?:template|footer|track|unsubscribe)")


def speaks(content: bytes) -> bool:
    """Whether a message may wish anything, what it is filed under aside; costs a microsecond, for all mail."""
    end = content.find(b"\r\n\r\n")
    head = content[: end if end >= 0 else None].lower()
    return b"x-lv-" in head and _SPEAKS.search(head) is not None


@dataclass(frozen=True, slots=True)
class Wishes:
    """What one message says of itself; None: nothing."""

    template: str | None = None
    """X-Lv-Template: a name, an id, or none."""
    footer: str | None = None
    """X-Lv-Footer: the same."""
    opens: bool | None = None
    """X-Lv-Track: "opens", "clicks", "opens, clicks" or "none"; before it each by itself, X-Lv-Track-Opens: "yes" or "no"."""
    clicks: bool | None = None
    unsubscribe: bool | None = None
    """X-Lv-Unsubscribe: "yes", "none", or the number of a tag."""
    tag: int | None = None
    language: str | None = None
    """Content-Language: which footer."""


def wishes(head: Head) -> Wishes:
    """Read them. What they do not understand they leave to the account."""
    track = _words(head, "x-lv-track")
    known = bool(track & {"opens", "clicks", "none"})
    offer = head.shown("x-lv-unsubscribe").lower()
    language = re.match(r"[A-Za-z]{2}(?![A-Za-z])", head.shown("content-language"))
    return Wishes(
        template=head.shown("x-lv-template") or None,
        footer=head.shown("x-lv-footer") or None,
        opens=_switch(head, "x-lv-track-opens", "opens" in track if known else None),
        clicks=_switch(head, "x-lv-track-clicks", "clicks" in track if known else None),
        unsubscribe=None if not offer else offer in ("yes", "true") or offer.isdecimal(),
        tag=int(offer) if offer.isdecimal() and len(offer) < 9 else None,
        language=language[0].lower() if language else None,
    )


def _switch(head: Head, name: str, otherwise: bool | None) -> bool | None:
    return {"yes": True, "no": False}.get(head.shown(name).lower(), otherwise)


def _words(head: Head, name: str) -> set[str]:
    return set(re.findall(r"[a-z]+", head.shown(name).lower()))


@dataclass(frozen=True, slots=True)
class Asked:
    """About which mail."""

    account_id: UUID
    credential_id: UUID | None = None
    template: str | None = None
    """Name or id as the message has it."""
    footer: str | None = None


@dataclass(frozen=True, slots=True)
class Treatment:
    """What is done to it."""

    base: str
    """Where its links lead: "https://click.shop.test"."""
    template: Piece | None = None
    footers: Mapping[str | None, Piece] | None = None
    """By the language of the mail they stand under; None: any other."""
    track_opens: bool = False
    track_clicks: bool = False
    track_text: bool = False
    list_unsubscribe: bool = False
    tag_id: UUID | None = None
    """Which tag speaks where none is named."""
    tags: tuple[Tag, ...] = ()
    lacks: tuple[str, ...] = ()
    """What the message asked for and its account does not have: "no template called x"."""

    def footer(self, language: str | None) -> Piece | None:
        """The footer under mail in this language."""
        footers = self.footers or {}
        return footers.get(language) or footers.get(None)

    @property
    def characters(self) -> int:
        """How much it is to remember."""
        pieces = [*(self.footers or {}).values(), *([self.template] if self.template else [])]
        return sum(len(piece.html) + len(piece.text) for piece in pieces)


EXISTS = """(exists (select from treatment t where t.account_id = {account}
                         and (coalesce(t.template_id, t.footer_id, t.unsubscribe_tag_id) is not null
                              or t.track_opens or t.track_clicks or t.list_unsubscribe))
          or exists (select from template t where t.account_id = {account} and t.is_default)
          or exists (select from unsubscribe_tag t where t.account_id = {account}))"""
"""SQL: whether mail of an account that says nothing of itself can be treated at all."""

_CHOICES = (
    "template_id",
    "footer_id",
    "track_opens",
    "track_clicks",
    "track_text",
    "list_unsubscribe",
    "unsubscribe_tag_id",
)


async def treatments_of(conn: Connection, asked: Collection[Asked], *, public_url: str) -> dict[Asked, Treatment]:
    """What is done to such mail."""
    accounts = sorted({one.account_id for one in asked})
    rows = await conn.fetch(
        f"""select account_id, credential_id, {", ".join(_CHOICES)} from treatment
             where account_id = any ($1::uuid[]) and (credential_id is null or credential_id = any ($2::uuid[]))""",
        accounts,
        sorted({one.credential_id for one in asked if one.credential_id is not None}),
    )
    chosen = {(row["account_id"], row["credential_id"]): dict(row) for row in rows}
    # An id is one's own only with one's account: it is looked for together.
    wanted = {row[name] for row in rows for name in ("template_id", "footer_id")} - {None}
    named = {(one.account_id, name) for one in asked for name in (one.template, one.footer) if name}
    pieces: dict[UUID, list[Any]] = {account_id: [] for account_id in accounts}
    for row in await conn.fetch(
        """select t.id, t.account_id, t.kind, t.name, t.language, t.html, t.text, t.is_default from template t
            where t.account_id = any ($1::uuid[])
              and (t.is_default or t.id = any ($2::uuid[])
                   or exists (select from unnest($3::uuid[], $4::text[]) as n (account_id, name)
                               where n.account_id = t.account_id and n.name in (t.name, t.id::text)))""",
        accounts,
        sorted(wanted),
        [account_id for account_id, _ in named],
        [name for _, name in named],
    ):
        pieces[row["account_id"]].append(row)
    tags = await unsubscribe_tags.tags_of(conn, accounts)
    bases = await tracking.bases(conn, accounts, public_url=public_url)
    return {
        one: _treatment(
            one,
            [found for id in (one.credential_id, None) if (found := chosen.get((one.account_id, id))) is not None],
            pieces[one.account_id],
            bases.get(one.account_id, public_url.rstrip("/")),
            tags[one.account_id],
        )
        for one in asked
    }


def _treatment(
    one: Asked, choices: Sequence[Mapping[str, Any]], pieces: Sequence[Any], base: str, tags: tuple[Tag, ...]
) -> Treatment:
    """`choices`: the credential's and the account's, the nearest first."""

    def first(name: str) -> Any:
        return next((choice[name] for choice in choices if choice[name] is not None), None)

    lacks: list[str] = []
    templates = _pieces(TemplateKind.TEMPLATE, one.template, first("template_id"), pieces, lacks)
    return Treatment(
        base=base,
        template=templates.get(None),
        footers=_pieces(TemplateKind.FOOTER, one.footer, first("footer_id"), pieces, lacks),
        track_opens=bool(first("track_opens")),
        track_clicks=bool(first("track_clicks")),
        track_text=bool(first("track_text")),
        list_unsubscribe=bool(first("list_unsubscribe")),
        tag_id=first("unsubscribe_tag_id"),
        tags=tags,
        lacks=tuple(lacks),
    )


def _pieces(
    kind: TemplateKind, named: str | None, chosen: UUID | None, pieces: Sequence[Any], lacks: list[str]
) -> dict[str | None, Piece]:
    """The piece that was named or chosen, for any language; else the defaults by language."""
    mine = [row for row in pieces if row["kind"] == kind]
    if named is not None:
        if named.lower() == "none":
            return {}
        found = next((row for row in mine if named in (row["name"], str(row["id"]))), None)
        if found is not None:
            return {None: Piece(found["html"], found["text"])}
        lacks.append(f"no {kind} called {named}")
    if chosen == NONE:
        return {}
    found = next((row for row in mine if row["id"] == chosen), None)
    if found is not None:
        return {None: Piece(found["html"], found["text"])}
    return {row["language"]: Piece(row["html"], row["text"]) for row in mine if row["is_default"]}
