"""How does an account come to have its mail copied, and how does that end? A rule is asked for, confirmed, stopped, deleted.

    ask        a new rule; its address is mailed a link, and gets no copy before
    confirm    whoever reads the address opens the link and agrees
    stop       a copy bounced or was complained about (`mail.effects.copies`): none goes any more
    ask_again  another link, after which the rule holds as if it were new
    waive      the operator lets an account's copies cost nothing

The link holds the rule and nothing else, sealed, so that only who got the mail can agree; opening it changes nothing.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from kit.crypto import Keyring
from kit.db import Connection, Database, UnitOfWork
from kit.errors import Kind, LiveryError, invalid, missing
from kit.ids import new_id
from mail.copies import COMPLAINT
from mail.copy_words import WORDS
from mail.notices import Note, Notices, reads_as_link
from mail.unsubscribe_tags import language_of
from mail.unsubscribes import Sender
from mail.unsubscribes import sender as face_of
from mail.wire import tokens
from mail.wire.address import AddressError, parse_mailbox
from tenants import audit, emails
from tenants.members import find_account
from tenants.models import AccountKind
from tenants.permissions import Permission
from tenants.scope import Scope, sandboxed
from tenants.throttle import Limit, poured

MOST = 5
"""Rules of one account."""

_PURPOSE = "copies"
_PLAIN = re.compile(r"(?!www\.)[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+\Z", re.IGNORECASE)
"""A sender that is put into a mail to strangers: nothing that says more than who."""

_PATH = "/c/{token}"


class RuleState(StrEnum):
    """Whether copies go."""

    ASKED = "asked"  # the address has not agreed yet
    ACTIVE = "active"
    STOPPED = "stopped"


@dataclass(frozen=True)
class RuleView:
    """A rule as people see it."""

    id: UUID
    account_id: UUID
    address: str
    sender: str | None
    tag: str | None
    state: RuleState
    free: bool
    confirmed_at: datetime | None
    stopped_at: datetime | None
    stopped_for: str | None
    """In the words of `mail.verdict`, or COMPLAINT."""
    created_at: datetime


@dataclass(frozen=True)
class Offer:
    """What whoever opens the link is asked to agree to."""

    account_name: str
    face: Sender
    """In whose name it is asked."""
    address: str
    sender: str | None
    """Copies of mail from this address alone."""
    tag: str | None
    """Copies of mail with this tag alone."""
    agreed: bool
    language: str | None
    """In which the account speaks to those it writes to; None: it has not said."""


_COLUMNS = """c.id, c.account_id, c.address, c.sender, c.tag, c.confirmed_at, c.stopped_at, c.stopped_for, c.created_at,
  case when c.stopped_at is not null then 'stopped' when c.confirmed_at is not null then 'active' else 'asked' end as state,
  (select coalesce(bool_or(t.free_copies), false) from treatment t
    where t.account_id = c.account_id and t.credential_id is null) as free"""


async def rules(conn: Connection, scope: Scope, account_id: UUID | None = None) -> list[RuleView]:
    """The rules of one account, the scope's own unless named, the oldest first. Raises LiveryError DENIED, MISSING."""
    scope.require(Permission.READ)
    account = await find_account(conn, scope, account_id)
    rows = await conn.fetch(
        f"select {_COLUMNS} from copy_rule c where c.account_id = $2 and {scope.see('c.account_id')} order by c.id",
        scope.account_id,
        account,
    )
    return [_view(row) for row in rows]


async def ask(
    unit: UnitOfWork,
    scope: Scope,
    keyring: Keyring,
    notices: Notices,
    *,
    address: str,
    account_id: UUID | None = None,
    sender: str | None = None,
    tag: str | None = None,
) -> RuleView:
    """Make a rule and, once it is committed, mail its address the link.

    Raises LiveryError DENIED without Permission.ACCOUNTS and for a key of the sandbox, MISSING (account), EXHAUSTED above
    MOST, CONFLICT for a rule that is there already, INVALID with the field at fault.
    """
    _may_ask(scope)
    conn, account = unit.conn, await find_account(unit.conn, scope, account_id)
    address = _reader(address)
    sender = _mailbox(sender, "sender") if sender is not None else None
    if tag is not None and not (1 <= len(tag.strip()) <= 100 and tag.isprintable()):
        raise invalid("A tag has 1 to 100 characters.", "tag")
    tag = tag.strip() if tag is not None else None
    await conn.execute("select from account where id = $1 for no key update", account)
    if await conn.fetchval("select count(*) >= $2 from copy_rule where account_id = $1", account, MOST):
        raise LiveryError(
            Kind.EXHAUSTED, "TOO_MANY", f"An account has at most {MOST} rules for copies.", next="Delete one of them."
        )
    if await conn.fetchval(
        """select exists (select from copy_rule where account_id = $1 and lower(address) = lower($2)
                             and sender is not distinct from $3 and tag is not distinct from $4)""",
        account,
        address,
        sender,
        tag,
    ):
        raise LiveryError(Kind.CONFLICT, "TAKEN", "There is such a rule already.", field=("address",))
    id = new_id()
    await conn.execute(
        "insert into copy_rule (id, account_id, address, sender, tag) values ($1, $2, $3, $4, $5)",
        id,
        account,
        address,
        sender,
        tag,
    )
    changes = {"address": (None, address), "sender": (None, sender), "tag": (None, tag)}
    await audit.note(conn, scope, "copy_rule.create", account_id=account, target=id, changes=changes)
    return await _mailed(unit, scope, keyring, notices, id)


async def ask_again(unit: UnitOfWork, scope: Scope, keyring: Keyring, notices: Notices, id: UUID | None) -> RuleView:
    """Mail the link again; a rule that was stopped waits for it like a new one.

    Raises LiveryError DENIED, MISSING, CONFLICT for a rule that is in force or ended with a complaint.
    """
    _may_ask(scope)
    rule = await _find(unit.conn, scope, id)
    if rule.state is RuleState.ACTIVE:
        raise LiveryError(Kind.CONFLICT, "CONFIRMED", "This address has agreed already.", field=("id",))
    if rule.stopped_for == COMPLAINT:
        raise LiveryError(
            Kind.CONFLICT,
            "COMPLAINED",
            "Whoever reads this address has complained about a copy.",
            next="Delete the rule, and speak to them before you make another.",
            field=("id",),
        )
    await unit.conn.execute(
        "update copy_rule set confirmed_at = null, stopped_at = null, stopped_for = null where id = $1", rule.id
    )
    changes = {"state": (rule.state.value, RuleState.ASKED.value)}
    await audit.note(unit.conn, scope, "copy_rule.ask", account_id=rule.account_id, target=rule.id, changes=changes)
    return await _mailed(unit, scope, keyring, notices, rule.id)


async def delete(unit: UnitOfWork, scope: Scope, id: UUID | None) -> RuleView:
    """Forget a rule; copies that wait still go. Raises LiveryError DENIED, MISSING; returns what it was."""
    scope.require(Permission.ACCOUNTS)
    gone = await _find(unit.conn, scope, id)
    await unit.conn.execute("delete from copy_rule where id = $1", gone.id)
    await audit.note(
        unit.conn,
        scope,
        "copy_rule.delete",
        account_id=gone.account_id,
        target=gone.id,
        changes={"address": (gone.address, None)},
    )
    return gone


async def waive(unit: UnitOfWork, scope: Scope, account_id: UUID, free: bool) -> UUID:
    """Let an account's copies cost nothing from now on, or as much as all else; for the operator's people only.

    Raises LiveryError DENIED, MISSING; returns the account.
    """
    scope.require(Permission.ACCOUNTS)
    conn = unit.conn
    if await conn.fetchval("select kind from account where id = $1", scope.account_id) != AccountKind.OPERATOR:
        raise LiveryError(
            Kind.DENIED, "FORBIDDEN", "What copies cost is the platform's to decide.", next="Ask whoever runs it."
        )
    scope.trade("free")
    account = await find_account(conn, scope, account_id)
    before = await conn.fetchval(
        "select free_copies from treatment where account_id = $1 and credential_id is null for update", account
    )
    await conn.execute(
        """insert into treatment as t (id, account_id, free_copies) values ($1, $2, $3)
           on conflict (account_id, credential_id) do update
             set free_copies = excluded.free_copies, updated_at = livery_now()""",
        new_id(),
        account,
        free,
    )
    await audit.note(
        conn, scope, "copies.waive", account_id=account, target=account, changes={"free": (bool(before), free)}
    )
    return account


async def offered(db: Database, keyring: Keyring, token: str) -> Offer | None:
    """What a link asks for; None where it is no good any more, or never was."""
    rule = _rule_of(keyring, token)
    if rule is None:
        return None
    account_id, id = rule
    async with db.transaction(sees=account_id) as conn:
        return await _offer(conn, account_id, id)


async def confirm(db: Database, keyring: Keyring, token: str, *, ip: str | None) -> Offer | None:
    """Agree to what a link asks for, once and for all; None as `offered`. A rule that was stopped stays stopped."""
    rule = _rule_of(keyring, token)
    if rule is None:
        return None
    account_id, id = rule
    async with db.transaction(sees=account_id) as conn:
        if await conn.fetchval(
            """update copy_rule set confirmed_at = livery_now()
                where id = $1 and account_id = $2 and confirmed_at is null returning true""",
            id,
            account_id,
        ):
            scope = Scope(account_id, ip=ip)
            await audit.note(conn, scope, "copy_rule.confirm", account_id=account_id, target=id)
        return await _offer(conn, account_id, id)


def limits(account_id: UUID, address: str) -> list[Limit]:
    """How often links are mailed: such mail is free, so nobody, and not all together, may pour it over an address, or over many."""
    return [
        Limit(f"copies|{account_id}|{emails.known(address)[:100]}", 3, timedelta(days=1)),
        Limit(f"copies|{account_id}", 20, timedelta(days=1)),
        poured("copies", address),
    ]


async def mailbox(conn: Connection, scope: Scope, id: UUID | None) -> str:
    """The address that a rule copies to. Raises LiveryError DENIED, MISSING."""
    scope.require(Permission.ACCOUNTS)
    return (await _find(conn, scope, id)).address


def _may_ask(scope: Scope) -> None:
    """Raise LiveryError DENIED unless letters that ask for copies may go out for this scope: they are real mail."""
    scope.require(Permission.ACCOUNTS)
    if scope.sandbox:
        raise sandboxed("asks nobody for copies")


async def _mailed(unit: UnitOfWork, scope: Scope, keyring: Keyring, notices: Notices, id: UUID) -> RuleView:
    rule = await _find(unit.conn, scope, id)
    name = await unit.conn.fetchval("select name from account where id = $1", rule.account_id)
    note = _note(await language_of(unit.conn, rule.account_id), name, rule)
    words = {
        "account": name,
        "sender": rule.sender or "",
        "token": tokens.seal(keyring, _PURPOSE, rule.account_id.bytes + rule.id.bytes),
    }
    unit.after_commit(lambda: notices.send(rule.account_id, rule.address, note, words))
    return rule


def _note(language: str | None, name: str, rule: RuleView) -> Note:
    """The mail that asks, in the account's language or else in English."""
    own = WORDS[language or "en"]
    who = own.somebody if reads_as_link(name) else own.who
    # What strangers are mailed holds as little as can be of what somebody typed: the rest is on the page.
    told = rule.tag is None and (rule.sender is None or _PLAIN.match(rule.sender) is not None)
    what = own.what(rule.sender, None) if told else own.something
    return Note(own.subject.replace("{who}", who), own.mail.replace("{who}", who).replace("{what}", what), _PATH)


def _rule_of(keyring: Keyring, token: str) -> tuple[UUID, UUID] | None:
    plain = tokens.unseal(keyring, _PURPOSE, token)
    if plain is None or len(plain) != 32:
        return None
    return UUID(bytes=plain[:16]), UUID(bytes=plain[16:])


async def _offer(conn: Connection, account_id: UUID, id: UUID) -> Offer | None:
    row = await conn.fetchrow(
        """select c.address, c.sender, c.tag, c.confirmed_at is not null and c.stopped_at is null as agreed, a.name
             from copy_rule c join account a on a.id = c.account_id
            where c.id = $1 and c.account_id = $2 and a.deleted_at is null""",
        id,
        account_id,
    )
    if row is None:
        return None
    return Offer(
        account_name=row["name"],
        face=await face_of(conn, account_id),
        address=row["address"],
        sender=row["sender"],
        tag=row["tag"],
        agreed=row["agreed"],
        language=await language_of(conn, account_id),
    )


async def _find(conn: Connection, scope: Scope, id: UUID | None) -> RuleView:
    row = await conn.fetchrow(
        f"select {_COLUMNS} from copy_rule c where c.id = $2 and {scope.see('c.account_id')}", scope.account_id, id
    )
    if row is None:
        raise missing("rule for copies")
    return _view(row)


def _view(row: Any) -> RuleView:
    return RuleView(**{**row, "state": RuleState(row["state"])})


def _reader(text: str) -> str:
    address = emails.checked(text, "address")
    if not address.isascii():
        # Whether it could be sent to would depend on each message (RFC 6531).
        raise invalid("Copies go to addresses in ASCII only.", "address")
    return address


def _mailbox(text: str, field: str) -> str:
    try:
        mailbox = parse_mailbox(text.strip())
    except AddressError as fault:
        raise invalid(f"This is no e-mail address: {fault}.", field, next="Write user@shop.test.") from None
    if not mailbox.ascii:
        # Whether it could be sent to would depend on each message (RFC 6531).
        raise invalid("Copies go to addresses in ASCII only.", field)
    return str(mailbox)
