"""How many? Counts of a period, from tallies that are a rebuildable fold over the ledger.

`fold` counts new facts into quarters of an hour and moves on, a slice at a time; it reads the ledger as `mail.feed` does,
so nothing is counted twice or left out. `statistics` sums tallies into the buckets that people ask for, in their zone.

Words: total, delivered and bounced are recipients of the period; bounced holds those that were given up, too; opened,
clicked, unsubscribed and complained are people, each counted once; queued is how many wait now.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from kit import chaos
from kit.db import Connection, Database
from kit.errors import invalid
from tenants.scope import Scope

_SLICE = 20_000  # events in one transaction: well under a second
_MOST_BUCKETS = 1_000


class Bucket(StrEnum):
    """How wide the columns of a chart are."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"  # begins on Monday, ISO 8601
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts of one period; `queued` is of now, whatever the period."""

    total: int = 0
    delivered: int = 0
    bounced: int = 0
    opened: int = 0
    clicked: int = 0
    unsubscribed: int = 0
    complained: int = 0
    queued: int = 0


@dataclass(frozen=True, slots=True)
class Column:
    """One bucket of a chart."""

    start: datetime
    counts: Counts


@dataclass(frozen=True, slots=True)
class Statistics:
    """A chart: gapless buckets that cover [from, to), their sum, and that of the same span before."""

    start: datetime
    end: datetime
    bucket: Bucket
    zone: str
    buckets: tuple[Column, ...]
    totals: Counts
    previous: Counts


_COUNTED = ("total", "delivered", "bounced", "opened", "clicked", "unsubscribed", "complained")
_SUMS = ", ".join(f"coalesce(sum({name}), 0)::bigint as {name}" for name in _COUNTED)

_FOLD = f"""
with position as (
  select epoch, xid, event_id from fold_position
), slice as (
  select e.epoch, e.xid, e.id, e.account_id, e.kind, e.at, e.from_state, e.is_first
    from event e, position p
   where (e.epoch, e.xid, e.id) > (p.epoch, p.xid, p.event_id)
     and (e.epoch < (select epoch from ledger_epoch)
          or e.xid < (select pg_snapshot_xmin(pg_current_snapshot())::text::bigint))
   order by e.epoch, e.xid, e.id limit {_SLICE}
), counted as (
  select account_id, date_bin('15 minutes', at, 'epoch') as starts_at,
         count(*) filter (where kind = 'accepted') as total,
         count(*) filter (where kind = 'delivered') as delivered,
         count(*) filter (where kind in ('bounced', 'expired')) as bounced,
         count(*) filter (where kind = 'opened' and is_first) as opened,
         count(*) filter (where kind = 'clicked' and is_first) as clicked,
         count(*) filter (where kind = 'unsubscribed' and is_first) as unsubscribed,
         count(*) filter (where kind = 'complained' and is_first) as complained
    from slice group by account_id, starts_at
), tallied as (
  insert into tally as t (account_id, starts_at, {", ".join(_COUNTED)})
  select * from counted order by account_id, starts_at
  on conflict (account_id, starts_at) do update set
    {", ".join(f"{name} = t.{name} + excluded.{name}" for name in _COUNTED)}
), waiting as (
  select account_id,
         count(*) filter (where kind = 'accepted')
         - count(*) filter (where kind in ('delivered', 'bounced', 'expired', 'suppressed', 'cancelled')
                              and from_state in ('queued', 'held', 'sending', 'deferred')) as change
    from slice group by account_id
), stood as (
  insert into standing as s (account_id, queued)
  select account_id, change from waiting where change <> 0 order by account_id
  on conflict (account_id) do update set queued = s.queued + excluded.queued
), moved as (
  update fold_position set epoch = l.epoch, xid = l.xid, event_id = l.id
    from (select epoch, xid, id from slice order by epoch desc, xid desc, id desc limit 1) l
)
select count(*) from slice
"""


async def fold(db: Database) -> int:
    """Count the next slice of the ledger; return how many facts it had. Only one process counts at a time."""
    async with db.transaction() as conn:
        if await conn.fetchval("select true from fold_position for update skip locked") is None:
            return 0
        events: int = await conn.fetchval(_FOLD)
        if events:
            chaos.point("mid-fold")
    return events


async def statistics(
    conn: Connection, scope: Scope, *, start: datetime, end: datetime, bucket: Bucket, zone: str
) -> Statistics:
    """The chart of [start, end) for everything the scope sees, by bucket in the IANA zone.

    Raises LiveryError INVALID for an unknown zone, an end that is not after the start, more than 1,000 buckets, or some that
    no calendar has.
    """
    edges = boundaries(start, end, bucket, zone)
    # One plan for all would be for few accounts and few days; the operator's has all of both.
    await conn.execute("select set_config('plan_cache_mode', 'force_custom_plan', true)")
    rows = await conn.fetch(
        f"""select width_bucket(starts_at, $2::timestamptz[]) as number, {_SUMS} from (
              select starts_at, {_SUMS} from tally
               where {scope.see("account_id", deleted=True)} and starts_at >= $3 and starts_at < $4 group by starts_at
            ) as quarters group by number""",
        scope.account_id,
        edges[:-1],
        edges[0],
        edges[-1],
    )
    queued = await conn.fetchval(
        f"select coalesce(sum(queued), 0)::bigint from standing where {scope.see('account_id')}", scope.account_id
    )
    [before] = await conn.fetch(
        f"select {_SUMS} from tally where {scope.see('account_id', deleted=True)} and starts_at >= $2 and starts_at < $3",
        scope.account_id,
        _earlier(edges[0], edges[-1] - edges[0]),
        edges[0],
    )
    found = {row["number"]: Counts(**{name: row[name] for name in _COUNTED}) for row in rows}
    columns = tuple(Column(edge, found.get(number, Counts())) for number, edge in enumerate(edges[:-1], 1))
    totals = Counts(
        **{name: sum(getattr(column.counts, name) for column in columns) for name in _COUNTED}, queued=queued
    )
    previous = Counts(**{name: before[name] for name in _COUNTED})
    return Statistics(edges[0], edges[-1], bucket, zone, columns, totals, previous)


def boundaries(start: datetime, end: datetime, bucket: Bucket, zone: str) -> list[datetime]:
    """The edges of the buckets that cover [start, end), aware, UTC: one more than there are buckets.

    Days, weeks and months begin at midnight of the zone, so one of them may last 23 or 25 hours.
    """
    try:
        place = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise invalid(
            f"{zone[:64]} is no time zone.", "timeZone", next="Use an IANA name such as Europe/Rome."
        ) from None
    if end <= start:
        raise invalid("The end must be after the start.", "to")
    field = "from"
    try:
        edge = _floor(start.astimezone(place), bucket)
        edges = [edge.astimezone(UTC)]
        field = "to"
        while edges[-1] < end:
            edge = _next(edge, bucket, place)
            edges.append(edge.astimezone(UTC))
            if len(edges) > _MOST_BUCKETS + 1:
                raise invalid(
                    "That is more than 1,000 columns.", "bucket", next="Choose a wider bucket or a shorter time."
                )
    except (ValueError, OverflowError):  # before the year 1 or after 9999, in the zone or by a whole bucket
        raise invalid("The calendar ends before this time.", field, next="Choose a time nearer to today.") from None
    return edges


def _earlier(moment: datetime, by: timedelta) -> datetime:
    """A moment earlier by so much, as far as the calendar goes back."""
    try:
        return moment - by
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)


def _floor(moment: datetime, bucket: Bucket) -> datetime:
    hour = moment.replace(minute=0, second=0, microsecond=0)
    if bucket is Bucket.HOUR:
        return hour
    day = hour.replace(hour=0, fold=0)
    if bucket is Bucket.DAY:
        return day
    if bucket is Bucket.WEEK:
        return day - timedelta(days=day.weekday())
    return day.replace(day=1)


def _next(edge: datetime, bucket: Bucket, zone: ZoneInfo) -> datetime:
    if bucket is Bucket.HOUR:
        # Through UTC: the hour after 02:00 on the night the clocks go back is 02:00 again.
        return (edge.astimezone(UTC) + timedelta(hours=1)).astimezone(zone)
    if bucket is Bucket.DAY:
        return edge + timedelta(days=1)
    if bucket is Bucket.WEEK:
        return edge + timedelta(days=7)
    return edge.replace(year=edge.year + edge.month // 12, month=edge.month % 12 + 1)
