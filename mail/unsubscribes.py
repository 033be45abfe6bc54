"""Who wants no more mail from an account, and what follows? A link, a button of the mail program or a mail says so once.

    offer    what one recipient's mail says of it: the words around the link, the header fields
    wishes   heard once and for all, however often and by however many ways at a time, and undone by the same link

A wish is a fact of the mail that led to it and an entry in the account's list of suppressions; it holds for mail of this
account alone. It is heard for ever: when the mail has been forgotten the link itself says who wants what, and when the
account is deleted (`tenants.states`: never blocked) it is a fact for as long as there are facts, and then nothing is
left that could send. An undone one takes the entry from the list; the fact stays, and the audit has who undid it: nobody
who signed in.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from kit.crypto import Keyring
from kit.db import Connection
from mail import ledger, suppressions
from mail.ledger import Fact
from mail.lifecycle import EventKind
from mail.suppressions import Reason
from mail.unsubscribe_tags import Tag, chosen
from mail.wire import returnpath, unsubscribe
from mail.wire.unsubscribe import Ticket, Words
from tenants import audit
from tenants.members import find_account
from tenants.permissions import Permission
from tenants.scope import Scope
from tenants.throttle import Limit


class Way(StrEnum):
    """How somebody said so."""

    PAGE = "page"  # by the button of the page behind the link
    ONE_CLICK = "one_click"  # by the mail program's own button: RFC 8058
    MAIL = "mail"  # by a mail to the address in List-Unsubscribe


@dataclass(frozen=True, slots=True)
class Offer:
    """What the mail of one recipient says of how to be left alone."""

    keyring: Keyring
    base: str
    """Where its links lead: "https://click.shop.test", without a final slash."""
    mail_domain: str
    account_id: UUID
    recipient_id: UUID
    address: str
    """As in RCPT TO."""
    tags: Sequence[Tag] = ()
    """The account's own."""
    default: UUID | None = None
    """Which of them speaks where the mail names none."""

    def words(self, number: int | None = None) -> Words:
        """What stands in the place of `<% unsubscribe %>`, or of the tag with this number."""
        tag = chosen(self.tags, number, self.default)
        return unsubscribe.words(tag.text, tag.language, self._url(tag.language))

    def fields(self, number: int | None = None) -> tuple[bytes, ...]:
        """The header fields List-Unsubscribe and List-Unsubscribe-Post, CRLF included; their page speaks as this tag does."""
        language = chosen(self.tags, number, self.default).language if self.tags else None
        return unsubscribe.fields(self._url(language), mailbox(self.keyring, self.mail_domain, self.recipient_id))

    def _url(self, language: str | None) -> str:
        ticket = Ticket(self.account_id, self.recipient_id, self.address, language)
        return f"{self.base}/u/{unsubscribe.seal(self.keyring, ticket)}"


def mailbox(keyring: Keyring, mail_domain: str, recipient_id: UUID) -> str:
    """The address at which any mail means that this recipient wants no more."""
    return f"{returnpath.encode(keyring, recipient_id, returnpath.Use.UNSUBSCRIBE)}@{mail_domain}"


def asked(keyring: Keyring, local_part: str) -> UUID | None:
    """The recipient for whom a mail to this local part speaks; None where we never made it."""
    return returnpath.decode(keyring, local_part, returnpath.Use.UNSUBSCRIBE)


@dataclass(frozen=True, slots=True)
class Sender:
    """With what face an account asks whether somebody wants no more of its mail."""

    brand: str | None
    """The name of the nearest account at or above that has one; None: the operator's, or nobody's any more."""
    color: str | None
    """#rrggbb, or None for the neutral default."""
    privacy_url: str | None


NOBODY = Sender(None, None, None)
"""The neutral face."""


async def sender(conn: Connection, account_id: UUID) -> Sender:
    """The face of an account that the connection sees; of a deleted one, and of the operator, a neutral one."""
    row = await conn.fetchrow("select brand, color, privacy_url from sender_face($1)", account_id)
    return Sender(**row) if row else NOBODY


async def face(conn: Connection, scope: Scope, account_id: UUID | None = None) -> Sender:
    """The face of an account that one sees, one's own unless named. Raises LiveryError DENIED, MISSING."""
    scope.require(Permission.READ)
    return await sender(conn, await find_account(conn, scope, account_id))


async def stands(conn: Connection, ticket: Ticket) -> bool:
    """Whether the account's list has it that this address wants no more."""
    found: bool = await conn.fetchval(
        """select exists (select from suppression where account_id = $1 and address = $2 and reason = $3
                             and (expires_at is null or expires_at > livery_now()))""",
        ticket.account_id,
        suppressions.key(ticket.address),
        Reason.UNSUBSCRIBE.value,
    )
    return found


async def hear(conn: Connection, ticket: Ticket, way: Way) -> bool:
    """Somebody wants no more mail; whether that is news. Safe to call as often as one likes, and at the same time.

    One wish a transaction: each locks its mail's row and then its address, and several would wait for each other.
    """
    # Whoever says it twice at once waits here, and finds it heard.
    message_id = await conn.fetchval(
        "select message_id from recipient where id = $1 and account_id = $2 for no key update",
        ticket.recipient_id,
        ticket.account_id,
    )
    if await stands(conn, ticket):
        return False
    if message_id is not None:
        # What follows, the entry in the list, follows from the fact: mail.effects.suppressions.
        cause = f"unsubscribed_{way.value}"
        fact = Fact(EventKind.UNSUBSCRIBED, ticket.recipient_id, message_id, ticket.account_id, cause=cause)
        await ledger.record(conn, [fact])
        return True
    if await conn.fetchval("select deleted_at is null from account where id = $1", ticket.account_id):
        return await suppressions.suppress(conn, ticket.account_id, ticket.address, Reason.UNSUBSCRIBE, way.value)
    return False  # nothing is left of the account that could send


async def hear_by_mail(conn: Connection, recipient_id: UUID) -> UUID | None:
    """A mail came for this recipient's wish; the account concerned, where it is news. The mail itself says nothing more."""
    row = await conn.fetchrow("select account_id, address from recipient where id = $1", recipient_id)
    if row is None:
        return None
    ticket = Ticket(row["account_id"], recipient_id, row["address"])
    return ticket.account_id if await hear(conn, ticket, Way.MAIL) else None


def undoing(ticket: Ticket) -> Limit:
    """How often a wish may be taken back: each one is a fact and an entry for good, and anybody who has the link may say so."""
    return Limit(f"undo|{ticket.account_id}|{suppressions.key(ticket.address)}", 10, timedelta(days=1))


async def undo(conn: Connection, ticket: Ticket, *, ip: str | None = None) -> bool:
    """Take the wish back: the account may send to the address again, unless something else forbids it. Whether there was one."""
    gone = await suppressions.lift(conn, ticket.account_id, ticket.address, Reason.UNSUBSCRIBE)
    if gone is None:
        return False
    await audit.note(
        conn,
        Scope(ticket.account_id, ip=ip),
        "unsubscribe.undo",
        account_id=ticket.account_id,
        target=gone,
        changes={"address": (ticket.address, None)},
    )
    return True


@dataclass(frozen=True, slots=True)
class Unsubscribed:
    """Somebody who wants no more mail of an account."""

    id: UUID
    account_id: UUID
    account_name: str
    address: str
    at: datetime
    source: str
    """A Way, or how it came on the list otherwise: import, api, member; "api: " and "member: " before their own words."""
    recipient_id: UUID | None
    """The mail that it was said by; None where none led to it, or it is forgotten."""
    message_id: UUID | None
    sender: str | None
    subject: str | None


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list is narrowed to; everything given must hold."""

    account_id: UUID | None = None
    address: str = ""
    """Part of the address, whatever its case."""
    since: datetime | None = None
    until: datetime | None = None


_LAST = UUID(int=2**128 - 1)


async def unsubscribed(
    conn: Connection, scope: Scope, *, filter: Filter, first: int, after: UUID | None
) -> list[Unsubscribed]:
    """Up to `first` who said so before `after`, the newest first. Raises LiveryError DENIED."""
    scope.require(Permission.READ)
    values: list[object] = [scope.account_id, after or _LAST, Reason.UNSUBSCRIBE.value]
    chosen = "select s.id from suppression s where s.id < $2 and s.reason = $3"
    for condition, value in (
        ("s.account_id = ${}", filter.account_id),
        # position(), not like: what people type holds % and _ that mean themselves.
        ("position(lower(${}) in lower(s.address)) > 0", filter.address or None),
        ("s.created_at >= ${}", filter.since),
        ("s.created_at < ${}", filter.until),
    ):
        if value is not None:
            values.append(value)
            chosen += f" and {condition.format(len(values))}"
    found = scope.first(f"{chosen} and {{seen}}", "s.account_id", order="id desc", limit=first)
    rows = await conn.fetch(
        f"""select s.id, s.account_id, a.name as account_name, s.address, s.created_at as at, s.source,
                   r.id as recipient_id, m.id as message_id, m.sender, m.subject
              from {found} as found join suppression s on s.id = found.id join account a on a.id = s.account_id
              left join recipient r on r.id = s.recipient_id left join message m on m.id = r.message_id
             order by s.id desc""",
        *values,
    )
    return [Unsubscribed(**row) for row in rows]
