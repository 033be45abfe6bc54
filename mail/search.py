"""Which messages, and where do they stand? Lists by keyset, newest first, and single messages with their attempts.

Ids are UUIDv7 and sort by time, so a page goes on from the last id it showed and stays right while rows arrive.
Nothing here filters by account but through `scope.see`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from kit.db import Connection
from mail.lifecycle import State
from mail.wire import headers
from tenants.scope import Scope


@dataclass(frozen=True, slots=True)
class MessageView:
    """A message as a list shows it."""

    id: UUID
    account_id: UUID
    sender: str
    subject: str
    size: int
    accepted_at: datetime
    message_id_header: str | None
    door: str
    recipient_count: int
    tag: str | None


@dataclass(frozen=True, slots=True)
class RecipientView:
    """One recipient of one message, the message with it."""

    id: UUID
    message: MessageView
    address: str
    state: State
    attempts: int
    next_attempt_at: datetime | None
    code: int | None
    status: str | None
    reply: str | None
    cause: str | None
    copy: bool
    """Nobody the sender named: a rule's (`mail.copies`)."""
    uncertain: bool
    opened_at: datetime | None
    clicked_at: datetime | None
    unsubscribed_at: datetime | None
    complained_at: datetime | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One SMTP transaction with one remote host."""

    id: UUID
    message_id: UUID
    started_at: datetime
    ended_at: datetime
    host: str
    ip: str
    tls: str | None
    conversation: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Content:
    """The bytes of a message as submitted."""

    headers: str
    """The header block, undecodable bytes replaced, for reading."""
    source: bytes


@dataclass(frozen=True, slots=True)
class RecipientFilter:
    """What a list of recipients is narrowed to; everything given must hold."""

    states: Sequence[State] = ()
    search: str = ""
    """Part of the recipient, the sender or the subject, whatever its case."""
    since: datetime | None = None
    until: datetime | None = None
    message_id: UUID | None = None


_MESSAGE = """m.id, m.account_id, m.sender, m.subject, m.size, m.accepted_at, m.message_id_header, m.door,
              m.recipient_count, m.tag"""

_RECIPIENT = """r.id as r_id, r.address, r.state, r.attempts, r.next_attempt_at, r.code, r.status, r.reply, r.cause,
                r.copy_rule_id is not null as copy, r.uncertain, r.opened_at, r.clicked_at, r.unsubscribed_at,
                r.complained_at, r.updated_at"""

_LAST = UUID(int=2**128 - 1)
_FIRST = UUID(int=0)


async def messages(conn: Connection, scope: Scope, *, first: int, after: UUID | None) -> list[MessageView]:
    """Up to `first` messages older than `after`, newest first."""
    found = scope.first(
        "select m.id from message m where {seen} and m.id < $2", "m.account_id", order="id desc", limit=first
    )
    rows = await conn.fetch(
        f"select {_MESSAGE} from {found} as found join message m on m.id = found.id order by m.id desc",
        scope.account_id,
        after or _LAST,
    )
    return [MessageView(**row) for row in rows]


async def message(conn: Connection, scope: Scope, id: UUID) -> MessageView | None:
    """One message, or None where the scope does not see it."""
    row = await conn.fetchrow(
        f"select {_MESSAGE} from message m where m.id = $2 and {scope.see('m.account_id')}", scope.account_id, id
    )
    return MessageView(**row) if row else None


async def content(conn: Connection, scope: Scope, id: UUID) -> Content | None:
    """The bytes of a message, or None where the scope does not see it or they are no longer kept.

    None for the platform's own mail too: its links open what is its reader's alone (`mail.notices`).
    """
    source = await conn.fetchval(
        f"""select b.content from body b join message m on m.id = b.message_id
             where b.message_id = $2 and m.door <> 'note' and {scope.see("m.account_id")}""",
        scope.account_id,
        id,
    )
    if source is None:
        return None
    return Content(source[: headers.scan(source).end].decode("utf-8", "replace"), source)


async def recipients(
    conn: Connection, scope: Scope, *, filter: RecipientFilter, first: int, after: UUID | None
) -> list[RecipientView]:
    """Up to `first` recipients older than `after`, newest first; those of one message in the order of its envelope."""
    conditions: list[str] = []
    values: list[object] = [scope.account_id]

    def add(condition: str, value: object) -> None:
        values.append(value)
        conditions.append(condition.format(f"${len(values)}"))

    if filter.states:
        add("r.state = any ({}::text[])", [state.value for state in filter.states])
    if filter.search:
        # position(), not like: what people type holds % and _ that mean themselves.
        add("position(lower({}) in lower(r.address || ' ' || m.sender || ' ' || m.subject)) > 0", filter.search)
    if filter.since:
        add("m.accepted_at >= {}", filter.since)
    if filter.until:
        add("m.accepted_at < {}", filter.until)
    if filter.message_id:
        add("r.message_id = {}", filter.message_id)
        add("r.id > {}", after or _FIRST)
    else:
        add("r.id < {}", after or _LAST)
    # The message is asked for where the filter does; what is found is joined with its own afterwards.
    message = "join message m on m.id = r.message_id" if any("m." in condition for condition in conditions) else ""
    chosen = f"select r.id from recipient r {message} where {' and '.join(conditions)}"
    if filter.message_id:
        order = "asc"
        found = f"({chosen} and {scope.see('r.account_id')} order by r.id limit {first})"
    else:
        order = "desc"
        found = scope.first(f"{chosen} and {{seen}}", "r.account_id", order="id desc", limit=first)
    rows = await conn.fetch(
        f"""select {_MESSAGE}, {_RECIPIENT} from {found} as found join recipient r on r.id = found.id
              join message m on m.id = r.message_id order by r.id {order}""",
        *values,
    )
    return [_recipient(row) for row in rows]


async def recipient(conn: Connection, scope: Scope, id: UUID) -> RecipientView | None:
    """One recipient, or None where the scope does not see it."""
    row = await conn.fetchrow(
        f"""select {_MESSAGE}, {_RECIPIENT} from recipient r join message m on m.id = r.message_id
             where r.id = $2 and {scope.see("r.account_id")}""",
        scope.account_id,
        id,
    )
    return _recipient(row) if row else None


async def attempts(conn: Connection, scope: Scope, ids: Sequence[UUID]) -> dict[UUID, AttemptView]:
    """These SMTP transactions by id; those out of sight are not in it."""
    rows = await conn.fetch(
        f"""select a.id, a.message_id, a.started_at, a.ended_at, a.host, a.ip, a.tls, a.conversation
              from attempt a where a.id = any ($2::uuid[]) and {scope.see("a.account_id")}""",
        scope.account_id,
        list(ids),
    )
    return {row["id"]: AttemptView(**{**row, "conversation": tuple(row["conversation"].split("\n"))}) for row in rows}


def _recipient(row: asyncpg.Record) -> RecipientView:
    found = dict(row)
    shown = {name: found.pop(name) for name in MessageView.__slots__}
    found["id"] = found.pop("r_id")
    found["state"] = State(found["state"])
    return RecipientView(message=MessageView(**shown), **found)
