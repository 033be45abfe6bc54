"""Does a credential send no more than it may, by whichever clock and time zone its windows go?"""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from kit.clock import now, shift
from kit.crypto import Keyring
from kit.db import Connection, Database
from kit.errors import Kind, LiveryError
from kit.statement import carry_out
from tenants import rates
from tenants.credentials import create_credential
from tenants.models import CredentialKind
from tenants.rates import Limits, Room
from tests.support.world import SECRET_KEY, World


async def limited(conn: Connection, world: World, limits: Limits) -> UUID:
    """An SMTP user of shop's with limits."""
    made = await create_credential(
        conn, Keyring(SECRET_KEY), account_id=world.shop.id, kind=CredentialKind.SMTP, name="limited", limits=limits
    )
    return made.id


async def standing(conn: Connection, *credentials: UUID) -> list[rates.Window]:
    """The limited windows as the way in reads them."""
    row = await conn.fetchrow(f"with {rates.rated('$1::uuid[]')} select {rates.COLUMNS}", list(credentials))
    assert row is not None
    return rates.windows(row)


async def send(conn: Connection, credential: UUID, recipients: int) -> LiveryError | None:
    """Count a message, or say why it has no room."""
    room = Room(await standing(conn, credential))
    if (refused := room.take(credential, recipients)) is None and room.count():
        await carry_out(conn, *room.count())
    return refused


async def begin_at(conn: Connection, moment: datetime) -> None:
    """Set the platform's clock."""
    await shift(conn, moment - await now(conn))


async def test_a_message_counts_whole_in_every_window(world_db: Database, world: World) -> None:
    async with world_db.connection() as conn:
        await begin_at(conn, datetime(2026, 11, 23, 9, 30, 10, tzinfo=UTC))
        id = await limited(conn, world, Limits(per_minute=5, per_day=8))
        assert await send(conn, id, 4) is None
        refused = await send(conn, id, 2)
        assert refused is not None
        assert (refused.kind, refused.code) == (Kind.EXHAUSTED, "RATE_LIMITED")
        assert refused.message == "This credential may send to 5 recipients a minute."
        assert refused.next == "Try again at 2026-11-23T09:31:00Z, or ask for a higher limit."
        assert refused.until == datetime(2026, 11, 23, 9, 31, tzinfo=UTC)
        assert await send(conn, id, 1) is None
        assert {(w.span, w.used, w.most) for w in await standing(conn, id)} == {("minute", 5, 5), ("day", 5, 8)}
        await shift(conn, timedelta(minutes=1))
        assert await send(conn, id, 3) is None
        refused = await send(conn, id, 1)
        assert refused is not None
        assert refused.until == datetime(2026, 11, 24, tzinfo=UTC), "room in the minute, none in the day"
        await begin_at(conn, datetime(2026, 11, 24, 0, 0, 1, tzinfo=UTC))
        assert await send(conn, id, 5) is None


async def test_a_message_that_never_has_room_is_refused_for_good(world_db: Database, world: World) -> None:
    async with world_db.connection() as conn:
        id = await limited(conn, world, Limits(per_hour=10))
        refused = await send(conn, id, 11)
        assert refused is not None
        assert (refused.kind, refused.code, refused.until) == (Kind.DENIED, "TOO_MANY_RECIPIENTS", None)
        assert await send(conn, id, 10) is None


async def test_a_limit_of_nothing_lets_nothing_through_and_no_limit_everything(
    world_db: Database, world: World
) -> None:
    async with world_db.connection() as conn:
        closed, free = await limited(conn, world, Limits(per_month=0)), await limited(conn, world, Limits())
        assert await send(conn, closed, 1) is not None
        for _ in range(3):
            assert await send(conn, free, 1000) is None
        assert await conn.fetchval("select count(*) from rate_use") == 0


async def test_what_was_read_before_another_counted_fails_the_statement(world_db: Database, world: World) -> None:
    async with world_db.connection() as conn:
        id = await limited(conn, world, Limits(per_minute=5))
        one, other = Room(await standing(conn, id)), Room(await standing(conn, id))
        assert one.take(id, 3) is None
        assert other.take(id, 3) is None
        await carry_out(conn, *one.count())
        with pytest.raises(Exception) as failed:
            await carry_out(conn, *other.count())
        assert rates.exceeded(failed.value)
        assert [w.used for w in await standing(conn, id)] == [3]


@pytest.mark.parametrize(
    ("at", "zone", "ends"),
    [
        ("2026-11-23T22:59:00Z", "UTC", {"day": "2026-11-24T00:00:00Z", "month": "2026-12-01T00:00:00Z"}),
        ("2026-11-30T22:59:00Z", "Europe/Rome", {"day": "2026-11-30T23:00:00Z", "month": "2026-11-30T23:00:00Z"}),
        ("2026-11-30T23:01:00Z", "Europe/Rome", {"day": "2026-12-01T23:00:00Z", "month": "2026-12-31T23:00:00Z"}),
        # The day on which Rome's clocks go back has 25 hours, the one on which they go on has 23.
        ("2026-10-24T22:30:00Z", "Europe/Rome", {"hour": "2026-10-24T23:00:00Z", "day": "2026-10-25T23:00:00Z"}),
        ("2026-10-25T00:30:00Z", "Europe/Rome", {"hour": "2026-10-25T01:00:00Z", "day": "2026-10-25T23:00:00Z"}),
        ("2027-03-28T00:30:30Z", "Europe/Rome", {"minute": "2027-03-28T00:31:00Z", "day": "2027-03-28T22:00:00Z"}),
        ("2027-03-27T23:30:00Z", "Europe/Rome", {"hour": "2027-03-28T00:00:00Z", "month": "2027-03-31T22:00:00Z"}),
    ],
)
async def test_windows_end_by_the_calendar_of_the_account(
    world_db: Database, world: World, at: str, zone: str, ends: dict[str, str]
) -> None:
    async with world_db.connection() as conn:
        await conn.execute("update account set time_zone = $2 where id = $1", world.shop.id, zone)
        await begin_at(conn, datetime.fromisoformat(at))
        id = await limited(conn, world, Limits(9, 9, 9, 9))
        for _ in range(2):  # as computed, and as written down
            found = {w.span: w.ends_at for w in await standing(conn, id)}
            assert {span: found[span] for span in ends} == {s: datetime.fromisoformat(end) for s, end in ends.items()}
            assert await send(conn, id, 1) is None


async def test_a_change_of_zone_begins_no_window_anew(world_db: Database, world: World) -> None:
    async with world_db.connection() as conn:
        await begin_at(conn, datetime(2026, 11, 30, 22, 30, tzinfo=UTC))
        id = await limited(conn, world, Limits(per_month=5))
        assert await send(conn, id, 5) is None
        await conn.execute("update account set time_zone = 'Pacific/Auckland' where id = $1", world.shop.id)
        assert await send(conn, id, 1) is not None
        await begin_at(conn, datetime(2026, 12, 1, 0, 0, 1, tzinfo=UTC))
        assert await send(conn, id, 5) is None


async def test_a_lower_limit_holds_at_once(world_db: Database, world: World) -> None:
    async with world_db.connection() as conn:
        id = await limited(conn, world, Limits(per_day=10))
        assert await send(conn, id, 6) is None
        await conn.execute("update credential set per_day = 5 where id = $1", id)
        assert await send(conn, id, 1) is not None
        await conn.execute("update credential set per_day = 7 where id = $1", id)
        assert await send(conn, id, 1) is None


async def test_windows_that_have_ended_are_dropped(world_db: Database, world: World) -> None:
    async with world_db.connection() as conn:
        await begin_at(conn, datetime(2026, 11, 23, 9, 30, 10, tzinfo=UTC))
        id = await limited(conn, world, Limits(per_minute=5, per_day=8))
        assert await send(conn, id, 1) is None
        await shift(conn, timedelta(minutes=1))
        await rates.forget_old(world_db)
        assert [row["id"] for row in await conn.fetch("select id from rate_use")] == [f"{id}|day"]


@pytest.mark.parametrize("most", [-1, 2_000_000_001, 2**63])
async def test_a_limit_that_is_none_is_refused_with_its_field(world_db: Database, world: World, most: int) -> None:
    async with world_db.connection() as conn:
        with pytest.raises(LiveryError) as refused:
            await limited(conn, world, Limits(per_hour=most))
        assert (refused.value.kind, refused.value.field) == (Kind.INVALID, ("limits", "perHour"))
        assert await conn.fetchval("select count(*) from credential where name = 'limited'") == 0
