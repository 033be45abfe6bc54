"""How much was sent, and what became of it? Counts of a period by hour, day, week or month, and of the one before."""

from datetime import datetime
from enum import Enum
from typing import Annotated

import strawberry

from api.context import Context
from api.graphql.scalars import BigInt
from mail import stats
from tenants import tree
from tenants.permissions import Permission

Info = strawberry.Info[Context, None]


@strawberry.enum
class Bucket(Enum):
    """The width of a bar, in the time zone asked for."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@strawberry.type
class Counts:
    """Counts of a period. total, delivered and bounced count recipients in the period; opened and clicked count unique people."""

    total: BigInt = strawberry.field(description="Recipients accepted in the period.")
    queued: BigInt = strawberry.field(
        description="Recipients waiting now (queued, held, deferred or sending), whatever the period."
    )
    delivered: BigInt = strawberry.field(description="Recipients whose host took the message in the period.")
    opened: BigInt = strawberry.field(description="People who opened a message for the first time in the period.")
    clicked: BigInt = strawberry.field(description="People who first followed a link of a message in the period.")
    unsubscribed: BigInt = strawberry.field(description="Recipients who unsubscribed in the period.")
    complained: BigInt = strawberry.field(description="Recipients who reported a message as spam in the period.")
    bounced: BigInt = strawberry.field(description="Recipients refused for good, or given up, in the period.")


@strawberry.type
class StatisticsBucket:
    """One bar of the chart."""

    start: datetime
    counts: Counts


@strawberry.type
class Statistics:
    """Counts of a period, in buckets without gaps."""

    from_: datetime = strawberry.field(name="from")
    to: datetime
    bucket: Bucket
    time_zone: str
    buckets: list[StatisticsBucket]
    totals: Counts
    previous: Counts = strawberry.field(description="The same length of time just before `from`.")


def counts(found: stats.Counts) -> Counts:
    """Counts as clients see them."""
    return Counts(
        total=BigInt(found.total),
        queued=BigInt(found.queued),
        delivered=BigInt(found.delivered),
        opened=BigInt(found.opened),
        clicked=BigInt(found.clicked),
        unsubscribed=BigInt(found.unsubscribed),
        complained=BigInt(found.complained),
        bounced=BigInt(found.bounced),
    )


async def count(
    info: Info,
    from_: Annotated[datetime, strawberry.argument(name="from")],
    to: datetime,
    bucket: Bucket,
    time_zone: str | None = None,
) -> Statistics:
    """Counts from `from` up to `to`, widened to whole buckets; days begin in `timeZone`, by default the account's."""
    scope = info.context.scope
    async with info.context.read(Permission.READ) as conn:
        zone = time_zone or (await tree.view_account(conn, scope)).time_zone
        found = await stats.statistics(conn, scope, start=from_, end=to, bucket=stats.Bucket(bucket.value), zone=zone)
    return Statistics(
        from_=found.start,
        to=found.end,
        bucket=bucket,
        time_zone=found.zone,
        buckets=[StatisticsBucket(start=column.start, counts=counts(column.counts)) for column in found.buckets],
        totals=counts(found.totals),
        previous=counts(found.previous),
    )
