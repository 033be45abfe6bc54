"""What has happened since? The ledger from a cursor on; `mail.live` follows it.

The ledger is read in (epoch, xid, id) order and only below the oldest running transaction (`pg_snapshot_xmin`): what is
above may still be joined by a row with a lower place, and a reader that passed it would skip that row for ever. So
after a cut nothing is missing and nothing is doubled; the price is that a long writing transaction on the server delays
every reader, one more reason never to hold one across the network (docs/decisions/0002).
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from kit.db import Connection
from kit.errors import LiveryError, invalid
from mail.lifecycle import EventKind
from tenants.scope import Scope

_CURSOR = re.compile(r"([0-9]{1,9})-([0-9]{1,19})-([0-9]{1,19})")


@dataclass(frozen=True, slots=True, order=True)
class Cursor:
    """A place in the ledger: everything up to it has been seen."""

    epoch: int
    xid: int
    id: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.xid}-{self.id}"

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """Read what `str` wrote. Raises LiveryError INVALID."""
        found = _CURSOR.fullmatch(text)
        if found is None or max(int(part) for part in found.groups()) >= 2**63:
            raise _no_cursor()
        return cls(*(int(part) for part in found.groups()))


START = Cursor(0, 0, 0)
"""Before everything."""


@dataclass(frozen=True, slots=True)
class EventView:
    """One fact with what people want to see beside it."""

    id: int
    cursor: Cursor
    kind: EventKind
    at: datetime
    account_id: UUID
    message_id: UUID
    recipient_id: UUID
    recipient: str
    """The recipient's address."""
    sender: str
    subject: str
    is_first: bool
    attempt_id: UUID | None
    code: int | None
    status: str | None
    reply: str | None
    cause: str | None
    uncertain: bool
    machine: bool


@dataclass(frozen=True, slots=True)
class Page:
    """A stretch of the ledger, oldest first."""

    events: tuple[EventView, ...]
    cursor: Cursor
    """After the last event; where there was none, the cursor that was given."""
    full: bool
    """There may be more behind it."""


# Below the oldest running transaction nothing can appear any more; older epochs are complete whatever their numbers.
_SETTLED = """(e.epoch < (select epoch from ledger_epoch)
               or e.xid < (select pg_snapshot_xmin(pg_current_snapshot())::text::bigint))"""

_COLUMNS = """e.id, e.epoch, e.xid, e.kind, e.at, e.account_id, e.message_id, e.recipient_id, r.address as recipient,
              m.sender, m.subject, e.is_first, e.attempt_id, e.code, e.status, e.reply, e.cause, e.uncertain, e.machine"""

_JOINED = "event e join recipient r on r.id = e.recipient_id join message m on m.id = e.message_id"

_PLACES = f"select e.epoch, e.xid, e.id from event e where {{seen}} and {_SETTLED}"


async def read(conn: Connection, scope: Scope, after: Cursor, limit: int) -> Page:
    """The next `limit` events that the scope sees after a cursor."""
    found = scope.first(
        f"{_PLACES} and (e.epoch, e.xid, e.id) > ($2, $3, $4)", "e.account_id", order="epoch, xid, id", limit=limit
    )
    rows = await conn.fetch(
        f"select {_COLUMNS} from {found} as found join ({_JOINED}) on e.id = found.id order by e.epoch, e.xid, e.id",
        scope.account_id,
        after.epoch,
        after.xid,
        after.id,
    )
    events = tuple(_view(row) for row in rows)
    return Page(events, events[-1].cursor if events else after, len(events) == limit)


async def latest(conn: Connection, scope: Scope, limit: int) -> tuple[EventView, ...]:
    """The newest events that the scope sees, newest first."""
    found = scope.first(_PLACES, "e.account_id", order="epoch desc, xid desc, id desc", limit=limit)
    rows = await conn.fetch(
        f"""select {_COLUMNS} from {found} as found join ({_JOINED}) on e.id = found.id
             order by e.epoch desc, e.xid desc, e.id desc""",
        scope.account_id,
    )
    return tuple(_view(row) for row in rows)


async def timeline(conn: Connection, scope: Scope, recipients: list[UUID]) -> dict[UUID, list[EventView]]:
    """Everything that happened to these recipients, oldest first; recipients out of sight are not in it."""
    rows = await conn.fetch(
        f"""select {_COLUMNS} from {_JOINED} where e.recipient_id = any ($2::uuid[]) and {scope.see("e.account_id")}
             order by e.recipient_id, e.epoch, e.xid, e.id""",
        scope.account_id,
        recipients,
    )
    found: dict[UUID, list[EventView]] = {}
    for row in rows:
        found.setdefault(row["recipient_id"], []).append(_view(row))
    return found


async def grown(conn: Connection, accounts: Collection[UUID], after: Cursor) -> dict[UUID, Cursor]:
    """Those of the accounts that have events behind a cursor, each with the place of its last one; settled or not.

    For `mail.live` only, which asks for accounts that its followers see already.
    """
    rows = await conn.fetch(
        """select a.id, l.epoch, l.xid, l.id as event_id from unnest($1::uuid[]) as a (id) cross join lateral (
             select e.epoch, e.xid, e.id from event e where e.account_id = a.id and (e.epoch, e.xid, e.id) > ($2, $3, $4)
              order by e.epoch desc, e.xid desc, e.id desc limit 1) l""",
        list(accounts),
        after.epoch,
        after.xid,
        after.id,
    )
    return {row["id"]: Cursor(row["epoch"], row["xid"], row["event_id"]) for row in rows}


async def check(conn: Connection, cursor: Cursor) -> None:
    """See that a client's cursor lies in this ledger's past. Raises LiveryError INVALID.

    One from the future (another installation's, or of a database that an older copy has replaced) would be followed in
    silence: everything that happens lies before it.
    """
    ahead = await conn.fetchval(
        """select $1 > epoch or ($1 = epoch and $2 >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint)
             from ledger_epoch""",
        cursor.epoch,
        cursor.xid,
    )
    if ahead:
        raise _no_cursor()


async def head(conn: Connection, accounts: Collection[UUID]) -> Cursor:
    """The place of now for these accounts: that of their last settled event, `START` where there is none.

    Never beyond an event that is there: numbers of transactions that left no trace are given again after a crash of the
    database, and what such a one writes then must still lie ahead.
    """
    row = await conn.fetchrow(
        f"""select l.epoch, l.xid, l.id from unnest($1::uuid[]) as a (id) cross join lateral (
              select e.epoch, e.xid, e.id from event e where e.account_id = a.id and {_SETTLED}
               order by e.epoch desc, e.xid desc, e.id desc limit 1) l
             order by l.epoch desc, l.xid desc, l.id desc limit 1""",
        list(accounts),
    )
    return Cursor(*row) if row is not None else START


def _no_cursor() -> LiveryError:
    return invalid(
        "That is no cursor of this ledger.",
        "after",
        next="Use a cursor that came with an event or a batch; to read everything again, page through events without one.",
    )


def _view(row: asyncpg.Record) -> EventView:
    found = dict(row)
    cursor = Cursor(found.pop("epoch"), found.pop("xid"), found["id"])
    return EventView(cursor=cursor, **{**found, "kind": EventKind(found["kind"])})
