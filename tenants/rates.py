"""How much may a credential send? Recipients in its present minute, hour, day and month, counted for all processes together.

Windows are those of the calendar: minutes and hours begin as everywhere, days and months in the account's time zone. A
message counts whole, at acceptance, in the statement that stores it; where that would be more than a limit, a constraint
of the table fails the statement, and nothing was stored. So no window ever takes more than its limit, however many
sessions and processes send at once. The table is unlogged: a crash of the database server forgives what was counted.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg

from kit.db import Connection, Database
from kit.errors import Kind, LiveryError, invalid
from kit.statement import Part
from tenants.scope import Scope

_MOST = 2_000_000_000


@dataclass(frozen=True)
class Limits:
    """The most recipients in a window; None is no limit."""

    per_minute: int | None = None
    per_hour: int | None = None
    per_day: int | None = None
    per_month: int | None = None

    def check(self) -> None:
        """Raises LiveryError INVALID for a limit below zero or above two thousand million."""
        for field, most in (
            ("perMinute", self.per_minute),
            ("perHour", self.per_hour),
            ("perDay", self.per_day),
            ("perMonth", self.per_month),
        ):
            if most is not None and not 0 <= most <= _MOST:
                raise invalid(f"A limit is a whole number from 0 to {_MOST:,}.", "limits", field)


UNLIMITED = Limits()


@dataclass(frozen=True, slots=True)
class Window:
    """A limited window of a credential, as it stands."""

    credential_id: UUID
    span: str
    """minute, hour, day or month"""
    most: int
    used: int
    ends_at: datetime
    zone: str
    """In which it begins and ends."""


class Room:
    """What the credentials of a batch may still send, while it is decided one submission after the other."""

    def __init__(self, windows: Sequence[Window]) -> None:
        self._windows: dict[UUID, list[Window]] = {}
        for window in windows:
            self._windows.setdefault(window.credential_id, []).append(window)
        self._taken: Counter[UUID] = Counter()

    def take(self, credential_id: UUID | None, recipients: int) -> LiveryError | None:
        """Count a submission, or say why it has no room: then nothing is counted."""
        if credential_id is None or credential_id not in self._windows:
            return None
        windows = self._windows[credential_id]
        for window in windows:
            if recipients > window.most:
                return _too_many(window)
        full = [w for w in windows if w.used + self._taken[credential_id] + recipients > w.most]
        if full:
            return limited(max(full, key=lambda window: window.ends_at))
        self._taken[credential_id] += recipients
        return None

    def count(self) -> tuple[Part, ...]:
        """What writes down what was taken; nothing where nobody has limits."""
        taken = [(w, n) for id, n in self._taken.items() for w in self._windows[id]]
        return (_count(taken),) if taken else ()


def _ends(span: str, zone: str) -> str:
    # Minutes and hours are the same everywhere; an hour of a time zone has none or two when its clocks change.
    zone = f"case when {span} in ('minute', 'hour') then 'UTC' else {zone} end"
    return f"((date_trunc({span}, livery_now() at time zone {zone}) + ('1 ' || {span})::interval) at time zone {zone})"


def rated(credentials: str) -> str:
    """The named query `rated` of a WITH: the limited windows of the credentials in this SQL array of ids."""
    return f"""rated as materialized (
  select c.id, w.span, w.most, coalesce(u.used, 0) as used,
         coalesce(u.window_ends_at, {_ends("w.span", "a.time_zone")}) as ends_at, a.time_zone as zone
    from credential c
    join account a on a.id = c.account_id
   cross join lateral (values ('minute', c.per_minute), ('hour', c.per_hour), ('day', c.per_day), ('month', c.per_month))
      as w (span, most)
    left join rate_use u on u.id = c.id || '|' || w.span and u.window_ends_at > livery_now()
   where w.most is not null and c.id = any ({credentials})
)"""


COLUMNS = """array(select id from rated) as rated_ids, array(select span from rated) as rated_spans,
       array(select most from rated) as rated_most, array(select used from rated) as rated_used,
       array(select ends_at from rated) as rated_ends, array(select zone from rated) as rated_zones"""
"""`rated` in the columns of any row: made once, the same in each."""


def windows(row: Mapping[str, Any]) -> list[Window]:
    """What COLUMNS brought."""
    columns = ("rated_ids", "rated_spans", "rated_most", "rated_used", "rated_ends", "rated_zones")
    return [Window(*values) for values in zip(*(row[column] for column in columns), strict=True)]


async def standing(conn: Connection, scope: Scope, credentials: Sequence[UUID]) -> dict[UUID, list[Window]]:
    """The limited windows of those of these credentials that the scope sees, the shortest first."""
    own = f"array(select id from credential where id = any ($2::uuid[]) and {scope.see('account_id')})"
    rows = await conn.fetch(
        f"""with {rated(own)} select id, span, most, used, ends_at, zone from rated
             order by array_position(array['minute', 'hour', 'day', 'month'], span)""",
        scope.account_id,
        list(credentials),
    )
    found: dict[UUID, list[Window]] = {}
    for row in rows:
        found.setdefault(row["id"], []).append(Window(*row.values()))
    return found


def _count(taken: Sequence[tuple[Window, int]]) -> Part:
    return Part(
        f"""sent as (
             select s.credential_id || '|' || s.span as id, s.recipients, s.most, {_ends("s.span", "s.zone")} as ends_at
               from unnest($1::uuid[], $2::text[], $3::int[], $4::int[], $5::text[])
                 as s (credential_id, span, recipients, most, zone)
           ), counted as (
             insert into rate_use as r (id, used, most, window_ends_at)
             select id, recipients, most, ends_at from sent order by id
             on conflict (id) do update set
               used = case when r.window_ends_at <= livery_now() then 0 else r.used end + excluded.used,
               most = excluded.most,
               window_ends_at = case when r.window_ends_at <= livery_now() then excluded.window_ends_at
                                     else r.window_ends_at end
           )""",
        (
            [window.credential_id for window, _ in taken],
            [window.span for window, _ in taken],
            [recipients for _, recipients in taken],
            [window.most for window, _ in taken],
            [window.zone for window, _ in taken],
        ),
    )


def exceeded(fault: Exception) -> bool:
    """Whether a statement failed because a window does not have the room that it had when it was read."""
    return isinstance(fault, asyncpg.CheckViolationError) and fault.constraint_name == "rate_never_exceeded"


async def hold(conn: Connection, credentials: Sequence[UUID]) -> None:
    """Let nobody else count for these credentials until the transaction ends."""
    await conn.execute(
        """insert into rate_use as r (id, used, most, window_ends_at)
           select c.id || '|' || w.span, 0, 0, livery_now()
             from credential c
            cross join lateral (values ('minute', c.per_minute), ('hour', c.per_hour), ('day', c.per_day),
                                       ('month', c.per_month)) as w (span, most)
            where w.most is not null and c.id = any ($1::uuid[])
            order by 1
           on conflict (id) do update set used = r.used""",
        list(credentials),
    )


async def forget_old(db: Database) -> None:
    """Drop windows that have ended; the clock calls it now and then."""
    async with db.connection() as conn:
        await conn.execute("delete from rate_use where window_ends_at <= livery_now()")


_SPAN = {"minute": "a minute", "hour": "an hour", "day": "a day", "month": "a month"}


def limited(window: Window) -> LiveryError:
    """The credential has sent what it may; there is room again when the window has ended."""
    moment = window.ends_at.astimezone(UTC)
    return LiveryError(
        Kind.EXHAUSTED,
        "RATE_LIMITED",
        f"This credential may send to {window.most:,} recipients {_SPAN[window.span]}.",
        next=f"Try again at {moment:%Y-%m-%dT%H:%M:%SZ}, or ask for a higher limit.",
        until=moment,
    )


def _too_many(window: Window) -> LiveryError:
    """No window will ever have room for this message."""
    return LiveryError(
        Kind.DENIED,
        "TOO_MANY_RECIPIENTS",
        f"This credential may send to {window.most:,} recipients {_SPAN[window.span]}, and the message has more.",
        next="Send it in parts, or ask for a higher limit.",
        field=("to",),
    )
