"""Are the counts those of the ledger, in the zone and the buckets that were asked for?"""

from datetime import UTC, datetime, timedelta

import pytest

from kit.db import Database
from kit.errors import LiveryError
from mail import stats
from mail.intake import Intake
from mail.stats import Bucket, Counts, boundaries
from tenants.scope import Scope
from tests.mail.conftest import submission
from tests.support.world import World


def at(text: str) -> datetime:
    """An instant, UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


async def test_buckets_hold_what_happened_in_them_and_zeros_elsewhere(
    world_db: Database, world: World, intake: Intake
) -> None:
    for _ in range(3):
        await intake.accept(Scope(world.shop.id), submission("a@x.test", "b@x.test"))
    await intake.accept(Scope(world.rival.id), submission("a@x.test", sender="user@rival.test"))
    async with world_db.connection() as conn:
        now = await conn.fetchval("select livery_now()")
        await conn.execute(
            "update event set at = $1 where recipient_id in (select id from recipient order by id limit 2)",
            now - timedelta(days=1),
        )
    while await stats.fold(world_db):
        pass
    async with world_db.connection() as conn:
        found = await stats.statistics(
            conn,
            Scope(world.acme.id),
            start=now - timedelta(hours=1),
            end=now + timedelta(hours=1),
            bucket=Bucket.HOUR,
            zone="Europe/Rome",
        )
        yesterday = await stats.statistics(
            conn, Scope(world.shop.id), start=now - timedelta(days=1), end=now, bucket=Bucket.DAY, zone="UTC"
        )
    assert found.totals == Counts(total=4, queued=6)
    assert sum(column.counts.total for column in found.buckets) == 4
    assert len(found.buckets) == 3
    assert yesterday.buckets[0].counts.total == 2
    assert yesterday.totals.total == 6


async def test_the_fold_can_be_made_anew(world_db: Database, world: World, intake: Intake) -> None:
    await intake.accept(Scope(world.shop.id), submission("a@x.test"))
    while await stats.fold(world_db):
        pass
    async with world_db.connection() as conn:
        before = await conn.fetch("select account_id, starts_at, total from tally")
        await conn.execute("truncate tally, standing; update fold_position set epoch = 1, xid = 0, event_id = 0")
    while await stats.fold(world_db):
        pass
    async with world_db.connection() as conn:
        assert await conn.fetch("select account_id, starts_at, total from tally") == before


def test_days_follow_the_clocks_of_their_zone() -> None:
    edges = boundaries(at("2026-10-24T12:00"), at("2026-10-26T00:00"), Bucket.DAY, "Europe/Berlin")
    assert [edge.isoformat() for edge in edges] == [
        "2026-10-23T22:00:00+00:00",
        "2026-10-24T22:00:00+00:00",
        "2026-10-25T23:00:00+00:00",  # the day the clocks went back has 25 hours
        "2026-10-26T23:00:00+00:00",
    ]


def test_the_hour_that_comes_twice_is_two_hours() -> None:
    edges = boundaries(at("2026-10-25T00:00"), at("2026-10-25T03:00"), Bucket.HOUR, "Europe/Berlin")
    assert len(edges) == 4
    assert edges[-1] - edges[0] == timedelta(hours=3)


def test_hours_of_a_zone_off_by_forty_five_minutes_begin_on_its_hours() -> None:
    edges = boundaries(at("2026-11-23T06:00"), at("2026-11-23T07:00"), Bucket.HOUR, "Asia/Kathmandu")
    assert [edge.minute for edge in edges] == [15, 15, 15]


@pytest.mark.parametrize(
    ("bucket", "first", "last", "count"),
    [
        (Bucket.WEEK, "2026-11-16T00:00:00+00:00", "2026-11-30T00:00:00+00:00", 2),
        (Bucket.MONTH, "2026-11-01T00:00:00+00:00", "2026-12-01T00:00:00+00:00", 1),
    ],
)
def test_weeks_begin_on_monday_and_months_on_the_first(bucket: Bucket, first: str, last: str, count: int) -> None:
    edges = boundaries(at("2026-11-20T10:00"), at("2026-11-23T10:00"), bucket, "UTC")
    assert (edges[0].isoformat(), edges[-1].isoformat(), len(edges) - 1) == (first, last, count)


@pytest.mark.parametrize(
    ("start", "end", "zone", "field"),
    [
        ("2026-11-23T00:00", "2026-11-23T00:00", "UTC", "to"),
        ("2026-11-23T00:00", "2026-11-24T00:00", "Mars/Olympus", "timeZone"),
        ("2026-11-23T00:00", "2026-11-24T00:00", "../etc/passwd", "timeZone"),
        ("2020-01-01T00:00", "2026-11-24T00:00", "UTC", "bucket"),
    ],
)
def test_nonsense_is_refused_and_named(start: str, end: str, zone: str, field: str) -> None:
    with pytest.raises(LiveryError) as refused:
        boundaries(at(start), at(end), Bucket.HOUR, zone)
    assert refused.value.field == (field,)
