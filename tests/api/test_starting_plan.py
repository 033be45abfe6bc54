"""What does a newcomer's starting plan give? What any order of it gives, month by month; over HTTP, to the unit."""

from datetime import UTC, datetime, timedelta

from kit import clock
from tenants import orders
from tests.api.conftest import World
from tests.api.test_sign_up import asks, confirms, settings, token
from tests.support import laws
from tests.support.credits import exactly, left


async def _signs_up(world: World, credits: int, has: int) -> None:
    """Let acme start newcomers with a monthly plan while it has so many credits, and somebody sign up."""
    acme = world.accounts["acme.test"]
    async with world.db.connection() as conn:
        await clock.shift(conn, datetime(2027, 3, 15, tzinfo=UTC) - await clock.now(conn))
        await exactly(conn, acme, has)
        plan = await conn.fetchval(
            """insert into plan (id, account_id, name, credits, monthly) values (gen_random_uuid(), $1, 'Start', $2, true)
               returning id""",
            acme,
            credits,
        )
    await settings(world, "acme.test", signUpOpen=True, signUpPlanId=str(plan))
    await asks(world)
    _, answer = await confirms(world, await token(world, "ann@new.test"))
    assert answer["__typename"] == "SignedIn"


async def _stands(world: World) -> tuple[list[dict[str, object]], int, int]:
    """The newcomer's orders as acme sees them, acme's credits, the newcomer's."""
    found = await world.client(key="admin@acme.test").ask("{ orders { nodes { accountName state plan { name } } } }")
    async with world.db.connection() as conn:
        await laws.check_credits(conn)
        newcomer = await conn.fetchval("select id from account where slug = 'ann-co'")
        return found["orders"]["nodes"], await left(conn, world.accounts["acme.test"]), await left(conn, newcomer)


async def _next_month(world: World) -> int:
    async with world.db.connection() as conn:
        await clock.shift(conn, timedelta(days=31))
    return len(await orders.grant_months(world.db))


async def test_a_monthly_starting_plan_runs_from_the_first_day(world: World) -> None:
    await _signs_up(world, credits=40, has=100)
    order = {"accountName": "Ann & Co", "state": "FULFILLED", "plan": {"name": "Start"}}
    assert await _stands(world) == ([order], 60, 40)
    assert await orders.grant_months(world.db) == frozenset()
    assert await _next_month(world) == 1
    assert await orders.grant_months(world.db) == frozenset()
    assert await _stands(world) == ([order], 20, 80)


async def test_where_the_brand_has_too_little_the_order_stays_open(world: World) -> None:
    await _signs_up(world, credits=40, has=39)
    order = {"accountName": "Ann & Co", "state": "OPEN", "plan": {"name": "Start"}}
    assert await _stands(world) == ([order], 39, 0)
    assert await _next_month(world) == 0
    assert await _stands(world) == ([order], 39, 0)
