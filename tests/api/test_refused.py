"""Is what must be refused a Problem, and is everything as it was? Of the people's part; each with its positive twin."""

from datetime import timedelta
from typing import Any

from kit.clock import shift
from tests.api.conftest import PASSWORD, Client, World
from tests.api.people import (
    ACCEPT,
    CHANGE,
    INVITE,
    LOGIN,
    NEW_PASSWORD,
    REMOVE,
    SECOND,
    code,
    invited,
    member,
    with_second_factor,
)
from tests.api.walk import digest


async def refused(world: World, browser: Client, query: str, **variables: Any) -> str:
    """Ask for a change that must be refused and leave every table as it was; the Problem's code."""
    await world.platform.notices.close()
    before = await digest(world)
    [answer] = (await browser.ask(query, **variables)).values()
    assert answer["__typename"] == "Problem", answer
    await world.platform.notices.close()
    after = await digest(world)
    assert {table for table in after if after[table] != before[table]} == set()
    told: str = answer["code"]
    return told


async def test_a_role_above_ones_own_changes_nothing(world: World) -> None:
    owner = world.client("shop.localhost")
    await owner.login("user@shop.test")
    admin = await member(world, owner, "admin@new.test", "ADMIN")
    async with world.db.connection() as conn:
        ids = {row["email"]: str(row["id"]) for row in await conn.fetch("select id, email from member")}
    boss, own = ids["user@shop.test"], ids["admin@new.test"]
    for query, variables in (
        (INVITE, {"email": "boss@new.test", "role": "OWNER"}),
        (CHANGE, {"id": own, "role": "OWNER"}),
        (CHANGE, {"id": boss, "role": "SENDER"}),
        (REMOVE, {"id": boss}),
    ):
        assert await refused(world, admin, query, **variables) == "ROLE_ABOVE"
        program = world.client(key="admin@shop.test")
        assert await refused(world, program, query, **variables) == "ROLE_ABOVE", "a key never speaks for an owner"
    assert (await admin.ask(INVITE, email="peer@new.test", role="ADMIN"))["inviteMember"]["__typename"] == "Invitation"


async def test_an_expired_invitation_changes_nothing(world: World) -> None:
    owner = world.client("shop.localhost")
    await owner.login("user@shop.test")
    late, good = await invited(world, owner, "late@new.test"), await invited(world, owner, "good@new.test")
    async with world.db.connection() as conn:
        await conn.execute(
            "update invitation set expires_at = expires_at + interval '1 day' where email = 'good@new.test'"
        )
        await shift(conn, timedelta(days=7, seconds=1))
    stranger = world.client("shop.localhost")
    assert await refused(world, stranger, ACCEPT, token=late, name="L", password=NEW_PASSWORD) == "LINK_OVER"
    taken = (await stranger.ask(ACCEPT, token=good, name="G", password=NEW_PASSWORD))["acceptInvitation"]
    assert taken["__typename"] == "SignedIn"


async def test_a_code_used_again_changes_nothing(world: World) -> None:
    owner = world.client("shop.localhost")
    await owner.login("user@shop.test")
    secret, recovery = await with_second_factor(world, owner, PASSWORD)
    async with world.db.connection() as conn:
        await shift(conn, timedelta(seconds=30))
    given = await code(world, secret)
    browser = world.client("shop.localhost")
    note = (await browser.ask(LOGIN, email="user@shop.test", password=PASSWORD))["login"]["challenge"]
    for once in (given, recovery[0]):
        assert (await browser.ask(SECOND, challenge=note, code=once))["loginSecondFactor"]["__typename"] == "SignedIn"
        other = world.client("shop.localhost")
        assert await refused(world, other, SECOND, challenge=note, code=once) == "CODE_REFUSED"
        assert other.jar == {}
