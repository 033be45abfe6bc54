"""When does a monthly limit begin anew? With the month of the account's own zone, whatever its clocks and its zone do."""

from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from kit import clock
from kit.db import Database
from kit.errors import LiveryError
from mail import holds
from mail.intake import Intake
from tenants import limits
from tenants.scope import Scope
from tenants.tree import AccountKind, create_account
from tests.mail.conftest import submission
from tests.support import credits
from tests.support.world import World


async def at(db: Database, moment: datetime) -> None:
    """Let it be that moment."""
    async with db.connection() as conn:
        await clock.shift(conn, moment - await clock.now(conn))


async def limit(db: Database, account_id: UUID, most: int | None, zone: str | None = None) -> None:
    """Set an account's monthly limit, as `tenants.sub_accounts` does."""
    async with db.transaction() as conn:
        before = await conn.fetchval("select monthly_limit from account where id = $1", account_id)
        await conn.execute(
            "update account set monthly_limit = $2, time_zone = coalesce($3, time_zone) where id = $1",
            account_id,
            most,
            zone,
        )
        if most is not None and before is None:
            await limits.begin(conn, account_id)


async def accepted(intake: Intake, account_id: UUID, count: int) -> int:
    """How many of so many messages are accepted; the others must be refused for the limit."""
    taken = 0
    for _ in range(count):
        try:
            await intake.accept(Scope(account_id), submission("r@x.test", sender="a@nobody.example"))
            taken += 1
        except LiveryError as refusal:
            if refusal.code != "MONTHLY_LIMIT":
                raise
    return taken


async def refusal(intake: Intake, account_id: UUID) -> str:
    with pytest.raises(LiveryError) as refused:
        await intake.accept(Scope(account_id), submission("r@x.test", sender="a@nobody.example"))
    return refused.value.message


async def used(db: Database, account_id: UUID) -> int:
    async with db.connection() as conn:
        month = await limits.month(conn, account_id)
    assert month is not None
    return month.used


async def renew(db: Database, world: World) -> None:
    """Credits that are good wherever the clock has been put."""
    async with db.connection() as conn:
        for tenant in (world.acme, world.shop):
            await credits.exactly(conn, tenant.id, 1_000)


@pytest.mark.parametrize(
    ("zone", "turn"),
    [
        ("Pacific/Auckland", datetime(2026, 12, 31, 11, tzinfo=UTC)),  # thirteen hours ahead
        ("America/Los_Angeles", datetime(2027, 1, 1, 8, tzinfo=UTC)),  # eight hours behind
        ("Asia/Kathmandu", datetime(2026, 12, 31, 18, 15, tzinfo=UTC)),
    ],
)
async def test_the_month_turns_at_midnight_of_the_zone(
    world_db: Database, world: World, intake: Intake, zone: str, turn: datetime
) -> None:
    await at(world_db, turn - timedelta(minutes=1))
    await renew(world_db, world)
    await limit(world_db, world.shop.id, 2, zone)
    assert await accepted(intake, world.shop.id, 4) == 2
    assert await refusal(intake, world.shop.id) == ("The limit of this month is reached; it begins anew on 2027-01-01.")
    await at(world_db, turn + timedelta(seconds=1))
    assert await accepted(intake, world.shop.id, 4) == 2


@pytest.mark.parametrize(
    ("month", "offsets"),
    [(3, (0, 1)), (10, (1, 0))],  # in London clocks go forward in March and back in October
)
async def test_a_change_of_the_clocks_moves_the_months_end_and_gives_nothing_twice(
    world_db: Database, world: World, intake: Intake, month: int, offsets: tuple[int, int]
) -> None:
    london = ZoneInfo("Europe/London")
    first, following = (datetime(2027, month + n, 1, tzinfo=london) for n in (0, 1))
    assert [moment.utcoffset() for moment in (first, following)] == [timedelta(hours=n) for n in offsets]
    await at(world_db, first + timedelta(seconds=1))
    await renew(world_db, world)
    await limit(world_db, world.shop.id, 2, "Europe/London")
    assert await accepted(intake, world.shop.id, 3) == 2
    # Either side of the hour that is missing or comes twice, and to the end: nothing more.
    for moment in (datetime(2027, month, 28 if month == 3 else 31, hour, 30, tzinfo=UTC) for hour in (0, 1, 2)):
        await at(world_db, moment)
        assert await accepted(intake, world.shop.id, 1) == 0
    await at(world_db, following.astimezone(UTC) - timedelta(seconds=20))
    assert await accepted(intake, world.shop.id, 1) == 0
    await at(world_db, following.astimezone(UTC) + timedelta(seconds=1))
    assert await accepted(intake, world.shop.id, 3) == 2


async def test_a_zone_further_west_does_not_begin_the_old_month_again(
    world_db: Database, world: World, intake: Intake
) -> None:
    await at(world_db, datetime(2026, 12, 31, 12, tzinfo=UTC))
    await renew(world_db, world)
    await limit(world_db, world.shop.id, 2, "Pacific/Auckland")  # January there
    assert await accepted(intake, world.shop.id, 3) == 2
    await limit(world_db, world.shop.id, None, "America/Los_Angeles")  # December there
    await limit(world_db, world.shop.id, 2)  # and by taking the limit away and back nothing is won
    assert await used(world_db, world.shop.id) == 2
    assert await refusal(intake, world.shop.id) == ("The limit of this month is reached; it begins anew on 2027-02-01.")
    await at(world_db, datetime(2027, 1, 1, 8, 1, tzinfo=UTC))  # January has come there too
    assert await accepted(intake, world.shop.id, 1) == 0
    await at(world_db, datetime(2027, 2, 1, 8, 1, tzinfo=UTC))
    assert await accepted(intake, world.shop.id, 3) == 2


async def test_a_limit_above_holds_for_all_who_share_the_pool(world_db: Database, world: World, intake: Intake) -> None:
    async with world_db.unit_of_work() as unit:
        desks = [
            await create_account(
                unit,
                slug=f"desk{n}",
                name="Desk",
                kind=AccountKind.SUB_ACCOUNT,
                parent_slug="acme.test",
                shares_pool=True,
            )
            for n in range(2)
        ]
    await limit(world_db, world.acme.id, 5)
    await limit(world_db, desks[0], 3)
    assert await accepted(intake, desks[0], 4) == 3  # its own limit
    assert await accepted(intake, desks[1], 4) == 2  # what its pool has left of the month
    assert [await used(world_db, world.acme.id), await used(world_db, desks[0])] == [5, 3]
    # Who spends credits of their own is not counted above.
    assert await accepted(intake, world.shop.id, 2) == 2
    assert await used(world_db, world.acme.id) == 5


async def test_what_was_spent_before_there_was_a_limit_counts_and_what_was_paid_back_does_not(
    world_db: Database, world: World, intake: Intake
) -> None:
    shop = world.shop.id
    await limit(world_db, shop, None)
    sent = [
        await intake.accept(Scope(shop), submission("r@x.test", "s@x.test", sender="a@nobody.example"))
        for _ in range(2)
    ]
    everything = Scope(shop, may=frozenset({holds.Permission.SEND}))
    async with world_db.transaction() as conn:
        await holds.cancel(conn, everything, [sent[0].message_id])
    await limit(world_db, shop, 3)
    assert await used(world_db, shop) == 2
    assert await accepted(intake, shop, 2) == 1
    async with world_db.transaction() as conn:
        await holds.cancel(conn, everything, [sent[1].message_id])
    assert await used(world_db, shop) == 1
    assert await accepted(intake, shop, 4) == 2
