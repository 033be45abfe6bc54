"""Which mail came to a bad end, when and why? Bounces and complaints, the newest first, as people read reports of them.

A line is a fact of the ledger: its time is when it became known, whenever the mail was sent, and it stays in the report
when the address has been taken off the list since. Few facts are of these kinds; they have an index of their own.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from kit.db import Connection
from mail.lifecycle import EventKind
from mail.suppressions.entries import Lists, found, key
from mail.verdict import Cause
from tenants.permissions import Permission
from tenants.scope import Scope


class BounceKind(StrEnum):
    """What a bounce says of the address."""

    HARD = "hard"  # nothing will ever arrive there: it is suppressed
    SOFT = "soft"  # this mail was refused or given up; the address is good
    SPAM = "spam"  # taken for spam, or blocked for the sender's reputation


_HARD = frozenset(cause for cause in Cause if cause.dead_address)
_SPAM = frozenset({Cause.SPAM, Cause.REPUTATION})


def kind_of(fact: EventKind, cause: str | None) -> BounceKind:
    """Which kind of bounce a fact (bounced or expired) is. What was given up was never refused for good: it is not hard."""
    if cause in _SPAM:
        return BounceKind.SPAM
    return BounceKind.HARD if fact is EventKind.BOUNCED and cause in _HARD else BounceKind.SOFT


@dataclass(frozen=True, slots=True)
class Setback:
    """One bounce or complaint, and the mail it is about."""

    id: int
    at: datetime
    account_id: UUID
    account_name: str
    recipient_id: UUID
    message_id: UUID
    address: str
    """As in RCPT TO."""
    kind: EventKind
    """bounced or expired; complained."""
    code: int | None
    status: str | None
    reply: str | None
    """What the remote said; of a complaint the feedback loop that told of it, None where it is not named."""
    cause: str | None
    """In the words of `mail.verdict`; of a complaint the loop's own word for it: abuse, opt-out …"""
    copy: bool
    """Nobody the sender named: a rule's (`mail.copies`)."""
    sender: str
    subject: str
    suppressed: bool
    """Nothing is sent to the address now."""

    @property
    def bounce(self) -> BounceKind:
        """Which kind of bounce it is."""
        return kind_of(self.kind, self.cause)

    @property
    def reason(self) -> str | None:
        """Of a bounce, why, in plain words; None where nobody said, or nothing was tried."""
        return next((cause.words for cause in Cause if cause == self.cause), None)


@dataclass(frozen=True, slots=True)
class Filter:
    """What a report is narrowed to; everything given must hold."""

    account_id: UUID | None = None
    search: str = ""
    """Part of the recipient, the sender or the subject, whatever its case."""
    since: datetime | None = None
    until: datetime | None = None
    kinds: Sequence[BounceKind] = ()
    """Of bounces."""


# As in the index (mail.migrations.0003), by which the planner recognises it.
_BOUNCES = "e.kind in ('bounced', 'expired')"
_COMPLAINTS = "e.kind = 'complained' and e.is_first"


def _any_of(causes: frozenset[Cause]) -> str:
    names = ", ".join(f"'{cause.value}'" for cause in sorted(causes))
    return f"coalesce(e.cause in ({names}), false)"


_KINDS = {
    BounceKind.HARD: f"(e.kind = 'bounced' and {_any_of(_HARD)})",
    BounceKind.SOFT: f"not ({_any_of(_SPAM)} or e.kind = 'bounced' and {_any_of(_HARD)})",
    BounceKind.SPAM: _any_of(_SPAM),
}


async def bounces(
    conn: Connection, scope: Scope, *, filter: Filter, first: int, after: int | None = None
) -> list[Setback]:
    """Up to `first` bounces older than `after`, newest first. Raises LiveryError DENIED."""
    return await _setbacks(conn, scope, _BOUNCES, filter, first, after)


async def complaints(
    conn: Connection, scope: Scope, *, filter: Filter, first: int, after: int | None = None
) -> list[Setback]:
    """Up to `first` complaints older than `after`, newest first. Raises LiveryError DENIED."""
    return await _setbacks(conn, scope, _COMPLAINTS, filter, first, after)


async def _setbacks(
    conn: Connection, scope: Scope, which: str, filter: Filter, first: int, after: int | None
) -> list[Setback]:
    scope.require(Permission.READ)
    values: list[object] = [scope.account_id]
    conditions = [which]
    for condition, value in (
        ("e.id < ${}", after),
        ("e.account_id = ${}", filter.account_id),
        ("e.at >= ${}", filter.since),
        ("e.at < ${}", filter.until),
        # position(), not like: what people type holds % and _ that mean themselves.
        ("position(lower(${}) in lower(r.address || ' ' || m.sender || ' ' || m.subject)) > 0", filter.search or None),
    ):
        if value is not None:
            values.append(value)
            conditions.append(condition.format(len(values)))
    if filter.kinds:
        conditions.append(f"({' or '.join(_KINDS[kind] for kind in filter.kinds)})")
    mails = "join recipient r on r.id = e.recipient_id join message m on m.id = e.message_id" if filter.search else ""
    chosen = f"select e.id from event e {mails} where {' and '.join(conditions)} and {{seen}}"
    rows = await conn.fetch(
        f"""select e.id, e.at, e.account_id, a.name as account_name, e.recipient_id, e.message_id, r.address, e.kind,
                   e.code, e.status, e.reply, e.cause, r.copy_rule_id is not null as copy, m.sender, m.subject
              from {scope.first(chosen, "e.account_id", order="id desc", limit=first)} as chosen
              join event e on e.id = chosen.id join recipient r on r.id = e.recipient_id
              join message m on m.id = e.message_id join account a on a.id = e.account_id
             order by e.id desc""",
        *values,
    )
    return await _told(conn, rows)


async def _told(conn: Connection, rows: Iterable[Mapping[str, Any]]) -> list[Setback]:
    """With whether anything is sent there now: one look at the lists for all."""
    keyed = [(row, key(row["address"])) for row in rows]
    pairs = sorted({(row["account_id"], address) for row, address in keyed})
    listed = Lists(
        tuple(row)
        for row in await conn.fetch(
            found("$1::uuid[]", "$2::text[]"), [account for account, _ in pairs], [address for _, address in pairs]
        )
    )
    return [
        Setback(
            **{**row, "kind": EventKind(row["kind"])},
            suppressed=listed.get(row["account_id"], address) is not None,
        )
        for row, address in keyed
    ]
