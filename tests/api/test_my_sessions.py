"""Does somebody see where they are signed in, and is a session that is ended really over?"""

import asyncio
from datetime import timedelta

from kit.clock import shift
from tests.api.conftest import ME, Client, World
from tests.api.live import connected
from tests.api.people import END, END_OTHERS, SESSIONS, actions


async def signed_in(world: World, host: str, agent: str, address: str = "user@shop.test") -> Client:
    browser = world.client(host)
    browser.http.headers["user-agent"] = agent
    assert (await browser.login(address))["__typename"] == "SignedIn"
    return browser


async def test_sessions_are_listed_and_only_ones_own(world: World) -> None:
    await signed_in(world, "acme.localhost", "Reseller's", "user@acme.test")
    old = await signed_in(world, "127.0.0.1", "Old\tPhone")
    async with world.db.connection() as conn:
        await shift(conn, timedelta(minutes=5))
    here = await signed_in(world, "shop.localhost", "Firefox " + "x" * 400)
    shown = (await here.ask(SESSIONS))["sessions"]
    assert [{**row, "id": ""} for row in shown] == [
        {"id": "", "device": ("Firefox " + "x" * 400)[:300], "host": "shop.localhost", "ip": "127.0.0.1",
         "current": True, "entered": None},
        {"id": "", "device": "OldPhone", "host": "127.0.0.1", "ip": "127.0.0.1", "current": False, "entered": None},
    ]  # fmt: skip
    # Used again, the old one is the last used, to the minute.
    async with world.db.connection() as conn:
        await shift(conn, timedelta(minutes=2))
    assert [row["current"] for row in (await old.ask(SESSIONS))["sessions"]] == [True, False]


async def test_one_is_ended_with_its_sockets_and_the_others_stay(world: World) -> None:
    here = await signed_in(world, "shop.localhost", "here")
    there = await signed_in(world, "shop.localhost", "there")
    [id] = [row["id"] for row in (await here.ask(SESSIONS))["sessions"] if row["device"] == "there"]
    async with connected(world, browser=there, origin="same") as live:
        await live.open()
        assert (await here.ask(END, id=id))["endSession"] == {"__typename": "SessionsEnded", "count": 1}
        assert await live.closed() == (4401, "Signed out")
    assert (await there.ask(ME))["me"] is None
    assert (await here.ask(ME))["me"]["member"] == {"email": "user@shop.test"}
    assert (await here.ask(END, id=id))["endSession"]["code"] == "MISSING"
    assert await actions(world) == ["session.end"]


async def test_all_others_are_ended(world: World) -> None:
    browsers = [await signed_in(world, "shop.localhost", f"browser {n}") for n in range(4)]
    reseller = await signed_in(world, "acme.localhost", "r", "user@acme.test")
    assert (await browsers[0].ask(END_OTHERS))["endOtherSessions"] == {"__typename": "SessionsEnded", "count": 3}
    found = [(await browser.ask(ME))["me"] for browser in browsers]
    assert [me is not None for me in found] == [True, False, False, False]
    assert (await reseller.ask(ME))["me"] is not None
    assert await actions(world) == ["session.end_others"]


async def test_nobody_ends_another_persons_session(world: World) -> None:
    victim = await signed_in(world, "shop.localhost", "v")
    [id] = [row["id"] for row in (await victim.ask(SESSIONS))["sessions"]]
    for address, host in (("user@acme.test", "acme.localhost"), ("user@rival.test", "rival.localhost")):
        other = await signed_in(world, host, "o", address)
        foreign = await other.post(END, id=id)
        assert foreign.content == (await other.post(END, id="00000000-0000-4000-8000-000000000000")).content
        assert foreign.json()["data"]["endSession"]["code"] == "MISSING"
    assert (await victim.ask(ME))["me"] is not None


async def test_a_session_that_ended_elsewhere_is_noticed_by_its_sockets_within_five_seconds(world: World) -> None:
    # As another process ends it: this one learns of it from the database alone.
    browser = await signed_in(world, "shop.localhost", "b")
    async with connected(world, browser=browser, origin="same") as live:
        await live.open()
        async with world.db.connection() as conn:
            await conn.execute("delete from session")
        async with asyncio.timeout(5):
            assert await live.closed() == (4401, "Signed out")
