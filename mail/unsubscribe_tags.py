"""With which words is somebody offered to unsubscribe, and in which language? The account's own tags, by number.

A tag is copied into mails and templates as `<% unsubscribe 3 %>`; what stands between [ and ] in its text becomes the link.
`<% unsubscribe %>` is the one that the account (or its credential) has chosen, else the first, else our own words.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from kit.db import Connection, UnitOfWork
from kit.errors import Kind, LiveryError, invalid, missing
from kit.ids import new_id
from mail.wire.unsubscribe import DISCLAIMERS, LANGUAGES
from tenants import audit
from tenants.permissions import Permission
from tenants.scope import Scope

_MOST = 50
_LONGEST = 500


@dataclass(frozen=True, slots=True)
class Tag:
    """A disclaimer and its language."""

    id: UUID
    account_id: UUID
    number: int
    text: str
    language: str


_OURS = Tag(UUID(int=0), UUID(int=0), 0, DISCLAIMERS["en"], "en")


def chosen(tags: Sequence[Tag], number: int | None, default: UUID | None) -> Tag:
    """The tag of this number; else the default one, else the first, else our own words."""
    by_number = {tag.number: tag for tag in tags}
    if number in by_number:
        return by_number[number]
    return next((tag for tag in tags if tag.id == default), None) or (by_number[min(by_number)] if by_number else _OURS)


async def tags_of(conn: Connection, account_ids: Collection[UUID]) -> dict[UUID, tuple[Tag, ...]]:
    """The tags of these accounts, for the way out; each in the order of its numbers."""
    rows = await conn.fetch(
        """select id, account_id, number, text, language from unsubscribe_tag
            where account_id = any ($1::uuid[]) order by account_id, number""",
        list(account_ids),
    )
    found: dict[UUID, tuple[Tag, ...]] = dict.fromkeys(account_ids, ())
    for row in rows:
        found[row["account_id"]] += (Tag(**row),)
    return found


async def language_of(conn: Connection, account_id: UUID) -> str | None:
    """In which language an account speaks to those it writes to: that of the tag it has chosen, else of its first one."""
    found: str | None = await conn.fetchval(
        """select t.language from unsubscribe_tag t
             left join treatment c on c.account_id = t.account_id and c.credential_id is null
            where t.account_id = $1
            order by (t.id = c.unsubscribe_tag_id) is true desc, t.number limit 1""",
        account_id,
    )
    return found


async def list_tags(conn: Connection, scope: Scope, account_id: UUID | None = None) -> list[Tag]:
    """The tags of one account, by default one's own. Raises LiveryError MISSING for an account out of sight."""
    scope.require(Permission.READ)
    wanted = account_id or scope.account_id
    await _seen(conn, scope, wanted)
    return list((await tags_of(conn, [wanted]))[wanted])


async def create_tag(
    unit: UnitOfWork, scope: Scope, *, text: str, language: str, account_id: UUID | None = None
) -> Tag:
    """Make a tag of one's own account, or of one below; it gets the next number.

    Raises LiveryError DENIED, INVALID, MISSING (account), CONFLICT where it has too many.
    """
    scope.require(Permission.ACCOUNTS)
    tag_account = account_id or scope.account_id
    await _seen(unit.conn, scope, tag_account)
    values = _checked({"text": text, "language": language})
    # One after the other: the number is the next one.
    await unit.conn.execute("select from account where id = $1 for no key update", tag_account)
    have = await unit.conn.fetchrow(
        "select count(*) as tags, coalesce(max(number), 0) as last from unsubscribe_tag where account_id = $1",
        tag_account,
    )
    if have["tags"] >= _MOST:
        raise LiveryError(
            Kind.CONFLICT, "TOO_MANY", f"An account has {_MOST} tags at most.", next="Change or delete one of them."
        )
    tag = Tag(new_id(), tag_account, have["last"] + 1, values["text"], values["language"])
    await unit.conn.execute(
        "insert into unsubscribe_tag (id, account_id, number, text, language) values ($1, $2, $3, $4, $5)",
        tag.id,
        tag.account_id,
        tag.number,
        tag.text,
        tag.language,
    )
    changes = {"number": (None, tag.number), "text": (None, tag.text), "language": (None, tag.language)}
    await audit.note(unit.conn, scope, "unsubscribe_tag.create", account_id=tag_account, target=tag.id, changes=changes)
    return tag


async def update_tag(unit: UnitOfWork, scope: Scope, tag_id: UUID, changes: Mapping[str, str]) -> Tag:
    """Change `text` or `language`; mail that is still to leave says it the new way. Raises LiveryError DENIED, INVALID, MISSING."""
    scope.require(Permission.ACCOUNTS)
    before = await _locked(unit.conn, scope, tag_id)
    values = _checked(changes)
    after = Tag(
        before.id,
        before.account_id,
        before.number,
        values.get("text", before.text),
        values.get("language", before.language),
    )
    await unit.conn.execute(
        "update unsubscribe_tag set text = $2, language = $3 where id = $1", tag_id, after.text, after.language
    )
    told = {name: (getattr(before, name), getattr(after, name)) for name in ("text", "language")}
    await audit.note(
        unit.conn, scope, "unsubscribe_tag.update", account_id=before.account_id, target=tag_id, changes=told
    )
    return after


async def delete_tag(unit: UnitOfWork, scope: Scope, tag_id: UUID) -> Tag:
    """Delete a tag; mail that names it says it with the account's default one. Raises LiveryError DENIED, MISSING."""
    scope.require(Permission.ACCOUNTS)
    tag = await _locked(unit.conn, scope, tag_id)
    await unit.conn.execute("update treatment set unsubscribe_tag_id = null where unsubscribe_tag_id = $1", tag_id)
    await unit.conn.execute("delete from unsubscribe_tag where id = $1", tag_id)
    told = {"number": (tag.number, None), "text": (tag.text, None)}
    await audit.note(unit.conn, scope, "unsubscribe_tag.delete", account_id=tag.account_id, target=tag_id, changes=told)
    return tag


async def _seen(conn: Connection, scope: Scope, account_id: UUID) -> None:
    found = await conn.fetchval(
        f"select exists (select from account where id = $2 and {scope.see('id')})", scope.account_id, account_id
    )
    if not found:
        refusal = missing("account")
        refusal.field = ("accountId",)
        raise refusal


async def _locked(conn: Connection, scope: Scope, tag_id: UUID) -> Tag:
    row = await conn.fetchrow(
        f"""select id, account_id, number, text, language from unsubscribe_tag
             where id = $2 and {scope.see("account_id")} for update""",
        scope.account_id,
        tag_id,
    )
    if row is None:
        refusal = missing("tag")
        refusal.field = ("id",)
        raise refusal
    return Tag(**row)


def _checked(values: Mapping[str, str]) -> dict[str, str]:
    checked = dict(values)
    if "text" in values:
        # One line: in plain text it stands where the tag stood.
        checked["text"] = " ".join(values["text"].split())
        if not 1 <= len(checked["text"]) <= _LONGEST:
            raise invalid(f"The text has 1 to {_LONGEST} characters.", "text")
        if not checked["text"].isprintable():
            raise invalid("The text has control characters in it.", "text")
    if "language" in values and values["language"] not in LANGUAGES:
        raise invalid("There are no pages in this language.", "language", next=f"One of: {', '.join(LANGUAGES)}.")
    return checked
