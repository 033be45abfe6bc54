"""What do customers put around and under their mail? Templates and footers: made, edited, deleted, one of each the default.

Each has HTML and text, both stored as they will be used: the HTML sanitised (`mail.wire.sanitise`), the text made of the HTML
where none is given. A template holds `<% body %>` once in each, which becomes the message; a footer stands under it and
holds none. Which of them a message gets is decided on its way out (`mail.treatments`): by its own header field, its
credential, its account's choice, else the default; of footers first the default in the message's language.
"""

import asyncio
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from kit.db import Connection, UnitOfWork
from kit.errors import Kind, LiveryError, invalid, missing
from kit.ids import new_id
from mail.models import TemplateKind as TemplateKind  # doors name a kind, and import no models
from mail.wire import sanitise
from mail.wire.plain import to_text
from tenants import audit, details
from tenants.members import find_account
from tenants.permissions import Permission
from tenants.scope import Scope

MOST = 100
"""Templates of one account, and footers."""
LONGEST = 100_000
"""Characters of HTML or text."""

_LANGUAGE = re.compile(r"[a-z]{2}\Z")  # ISO 639-1, as Content-Language begins (RFC 5646 §2.1)


@dataclass(frozen=True)
class Draft:
    """What somebody wants to keep."""

    name: str
    html: str
    text: str | None = None
    """None: made of the HTML."""
    language: str | None = None
    """Of a footer: for mail in this language, as "de"; None: for mail in any other or none."""
    is_default: bool = False


@dataclass(frozen=True)
class TemplateView:
    """A template or footer as people see it."""

    id: UUID
    account_id: UUID
    kind: TemplateKind
    name: str
    language: str | None
    html: str
    text: str
    is_default: bool
    created_at: datetime
    updated_at: datetime


_COLUMNS = "t.id, t.account_id, t.kind, t.name, t.language, t.html, t.text, t.is_default, t.created_at, t.updated_at"


async def templates(
    conn: Connection, scope: Scope, *, account_id: UUID | None = None, kind: TemplateKind | None = None
) -> list[TemplateView]:
    """Those of one account, the scope's own unless named, by name. Raises LiveryError DENIED, MISSING (account)."""
    scope.require(Permission.READ)
    account = await find_account(conn, scope, account_id)
    rows = await conn.fetch(
        f"""select {_COLUMNS} from template t
             where t.account_id = $2 and ($3::text is null or t.kind = $3) and {scope.see("t.account_id")}
             order by t.kind desc, t.name, t.id""",
        scope.account_id,
        account,
        kind,
    )
    return [_view(row) for row in rows]


async def find(conn: Connection, scope: Scope, id: UUID | None) -> TemplateView | None:
    """One of them; None where there is none of that id to be seen. Raises LiveryError DENIED."""
    scope.require(Permission.READ)
    row = await conn.fetchrow(
        f"select {_COLUMNS} from template t where t.id = $2 and {scope.see('t.account_id')}", scope.account_id, id
    )
    return _view(row) if row else None


async def check_named(conn: Connection, scope: Scope, kind: TemplateKind, named: str | None) -> None:
    """See that the scope's own account has what a message names: by name or id, "none" or nothing. Raises LiveryError MISSING."""
    if not named or named.strip().lower() == "none":
        return
    if not await conn.fetchval(
        """select exists (select from template where account_id = $1 and kind = $2 and $3 in (name, id::text))""",
        scope.account_id,
        kind,
        named.strip(),
    ):
        refusal = missing(kind.value)
        refusal.field = (kind.value,)
        refusal.next = "See `templates` for what there is."
        raise refusal


async def create(
    unit: UnitOfWork, scope: Scope, draft: Draft, *, kind: TemplateKind, account_id: UUID | None = None
) -> TemplateView:
    """Keep a new one, of the scope's own account unless another is named.

    Raises LiveryError DENIED without Permission.ACCOUNTS, MISSING (account), CONFLICT for a name that is taken, EXHAUSTED
    above MOST, INVALID with the field at fault.
    """
    scope.require(Permission.ACCOUNTS)
    conn, account = unit.conn, await find_account(unit.conn, scope, account_id)
    draft = await asyncio.to_thread(checked, draft, kind)
    await _alone(conn, account)
    if await conn.fetchval(
        "select count(*) >= $3 from template where account_id = $1 and kind = $2", account, kind, MOST
    ):
        raise LiveryError(
            Kind.EXHAUSTED, "TOO_MANY", f"An account has at most {MOST} of these.", next="Delete those nobody uses."
        )
    await _untaken(conn, account, kind, draft.name)
    id = new_id()
    if draft.is_default:
        await _no_default(conn, account, kind, draft.language)
    await conn.execute(
        """insert into template (id, account_id, kind, name, language, html, text, is_default)
           values ($1, $2, $3, $4, $5, $6, $7, $8)""",
        id,
        account,
        kind,
        draft.name,
        draft.language,
        draft.html,
        draft.text,
        draft.is_default,
    )
    made = await _find(conn, scope, id)
    changes = _differences(None, made)
    await audit.note(conn, scope, f"{kind}.create", account_id=account, target=id, changes=changes)
    return made


async def edit(unit: UnitOfWork, scope: Scope, id: UUID | None, draft: Draft) -> TemplateView:
    """Put a draft in the place of what there was. Raises LiveryError as `create`, and MISSING."""
    scope.require(Permission.ACCOUNTS)
    conn = unit.conn
    before = await _find(conn, scope, id)
    draft = await asyncio.to_thread(checked, draft, before.kind)
    await _alone(conn, before.account_id)
    before = await _find(conn, scope, id)
    if draft.name != before.name:
        await _untaken(conn, before.account_id, before.kind, draft.name)
    if draft.is_default:
        await _no_default(conn, before.account_id, before.kind, draft.language, but=before.id)
    await conn.execute(
        """update template set name = $2, language = $3, html = $4, text = $5, is_default = $6, updated_at = livery_now()
            where id = $1""",
        before.id,
        draft.name,
        draft.language,
        draft.html,
        draft.text,
        draft.is_default,
    )
    after = await _find(conn, scope, id)
    await audit.note(
        conn,
        scope,
        f"{before.kind}.update",
        account_id=before.account_id,
        target=before.id,
        changes=_differences(before, after),
    )
    return after


async def delete(unit: UnitOfWork, scope: Scope, id: UUID | None) -> TemplateView:
    """Forget one. Who had chosen it has the default from then on. Raises LiveryError DENIED, MISSING; returns what it was."""
    scope.require(Permission.ACCOUNTS)
    conn = unit.conn
    gone = await _find(conn, scope, id)
    for column in ("template_id", "footer_id"):
        await conn.execute(f"update treatment set {column} = null where {column} = $1", gone.id)
    await conn.execute("delete from template where id = $1", gone.id)
    await audit.note(
        conn,
        scope,
        f"{gone.kind}.delete",
        account_id=gone.account_id,
        target=gone.id,
        changes={"name": (gone.name, None)},
    )
    return gone


def checked(draft: Draft, kind: TemplateKind) -> Draft:
    """The draft as it will be kept: HTML sanitised, text made where there is none. Raises LiveryError INVALID.

    Takes up to 50 ms for HTML of LONGEST characters: call it off the event loop.
    """
    name = details.seen(draft.name)
    if not 1 <= len(name) <= 100:
        raise invalid("A name has 1 to 100 characters.", "name", next="Say what it is for: newsletter, order.")
    if draft.language is not None and (kind is TemplateKind.TEMPLATE or not _LANGUAGE.match(draft.language)):
        raise invalid(
            "A footer has a language of two letters, and a template none.", "language", next="Write de, for example."
        )
    html = _fit(draft.html, "html")
    try:
        html = sanitise.sanitise(html).strip()
    except ValueError as fault:
        raise invalid(f"This HTML cannot be used: {fault}.", "html") from None
    text = sanitise.plain(to_text(html) if draft.text is None else _fit(draft.text, "text"))
    if kind is TemplateKind.FOOTER:
        html, text = _under(html, "html"), _under(text, "text")
        if not html and not text.strip():
            raise invalid("A footer needs a text.", "html", next="Write what stands under every mail.")
    else:
        for written, field in ((html, "html"), (text, "text")):
            if sanitise.bodies(written) != 1:
                raise invalid(
                    "A template holds the message once: in HTML as in text.",
                    field,
                    code="NO_BODY" if sanitise.bodies(written) == 0 else "SEVERAL_BODIES",
                    next=f"Write {sanitise.BODY} where the message stands.",
                )
    return Draft(name, html, text, draft.language, draft.is_default)


def text_of(html: str) -> str:
    """What the plain part of such HTML would say: "HTML to text". Raises LiveryError INVALID."""
    try:
        return sanitise.plain(to_text(sanitise.sanitise(_fit(html, "html"))))
    except ValueError as fault:
        raise invalid(f"This HTML cannot be used: {fault}.", "html") from None


def _fit(text: str, field: str) -> str:
    if len(text) > LONGEST:
        raise invalid(f"This is longer than {LONGEST:,} characters.", field)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise invalid("This is not well-formed Unicode text.", field) from None
    return text


def _under(written: str, field: str) -> str:
    """A footer without the message's place, if that stands on top where it must be; else INVALID."""
    before, found, after = written.partition(sanitise.BODY)
    if not found:
        return written
    if sanitise.bodies(after) or _says(before):
        raise invalid(
            "A footer stands under the message.",
            field,
            code="NOT_UNDER",
            next=f"Leave {sanitise.BODY} out, or make a template of it.",
        )
    return (before + after).strip()


def _says(markup: str) -> bool:
    """Whether anything is left of it without its tags and spaces."""
    # Behind the last ">" there are none: a "<" there would be looked at to the end of it all.
    end = markup.rfind(">") + 1
    words = re.sub(r"<[^>]*+>", "", markup[:end]) + markup[end:]
    return bool(words.replace("&nbsp;", "").strip())


async def _find(conn: Connection, scope: Scope, id: UUID | None) -> TemplateView:
    found = await find(conn, scope, id)
    if found is None:
        raise missing("template")
    return found


async def _alone(conn: Connection, account_id: UUID) -> None:
    """One after the other: names and the default are looked at before they are written."""
    await conn.execute("select from account where id = $1 for no key update", account_id)


async def _untaken(conn: Connection, account_id: UUID, kind: TemplateKind, name: str) -> None:
    if await conn.fetchval(
        "select exists (select from template where account_id = $1 and kind = $2 and name = $3)", account_id, kind, name
    ):
        raise LiveryError(
            Kind.CONFLICT, "TAKEN", f"There is one called {name} already.", next="Edit that one.", field=("name",)
        )


async def _no_default(
    conn: Connection, account_id: UUID, kind: TemplateKind, language: str | None, *, but: UUID | None = None
) -> None:
    await conn.execute(
        """update template set is_default = false
            where account_id = $1 and kind = $2 and language is not distinct from $3 and is_default
              and id is distinct from $4""",
        account_id,
        kind,
        language,
        but,
    )


def _view(row: Mapping[str, Any]) -> TemplateView:
    return TemplateView(**{**row, "kind": TemplateKind(row["kind"])})


def _differences(before: TemplateView | None, after: TemplateView) -> audit.Changes:
    told = {name: (getattr(before, name, None), getattr(after, name)) for name in ("name", "language", "is_default")}
    # The content itself is in the list no more than a mail's is; that it is another one shows.
    told["content"] = (None if before is None else _digest(before), _digest(after))
    return told


def _digest(view: TemplateView) -> str:
    return hashlib.sha256(f"{view.html}\0{view.text}".encode()).hexdigest()[:12]
