"""Who may follow, by which protocol, and until when?"""

import asyncio
import contextlib
import json

import pytest
import websockets

from api import sockets
from tests.api.conftest import World
from tests.api.live import FOLLOW, Live, connected


async def followed(live: Live, world: World) -> None:
    """The connection works: a message handed in now is seen on it."""
    await live.subscribe()
    first = await live.batch()
    assert first["events"] == []
    assert first["live"] is True
    assert first["cursor"]
    id = await world.submit("shop.test", "a@b.test")
    batch = await live.batch()
    assert [(event["kind"], event["messageId"]) for event in batch["events"]] == [("ACCEPTED", str(id))]


async def test_a_signed_in_page_follows(world: World) -> None:
    browser = world.client("shop.localhost")
    await browser.login("user@shop.test")
    async with connected(world, browser=browser, origin="same") as live:
        await live.open()
        await followed(live, world)


@pytest.mark.parametrize("where", ["connection_init", "handshake"])
async def test_a_program_follows_by_key(world: World, where: str) -> None:
    async with connected(world, key="shop.test" if where == "handshake" else None) as live:
        await live.open(**({"authorization": f"Bearer {world.keys['shop.test']}"} if where != "handshake" else {}))
        await followed(live, world)


@pytest.mark.parametrize(
    "origin", ["http://evil.test", "http://acme.localhost:{port}", "null", "http://shop.localhost:1"]
)
@pytest.mark.parametrize("cookie", [True, False])
async def test_pages_of_other_origins_are_not_let_in(world: World, origin: str, cookie: bool) -> None:
    browser = world.client("shop.localhost")
    await browser.login("user@shop.test")
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with connected(world, browser=browser if cookie else None, origin=origin.format(port=world.port)):
            pass
    assert refused.value.response.status_code == 403


async def test_a_cookie_without_origin_is_not_looked_at(world: World) -> None:
    browser = world.client("shop.localhost")
    await browser.login("user@shop.test")
    async with connected(world, browser=browser) as live:
        await live.send({"type": "connection_init"})
        assert (await live.closed())[0] == 4403


@pytest.mark.parametrize(
    "payload", [{}, {"authorization": "Bearer lv_wrong"}, {"authorization": 7}, {"authorization": "Basic abc"}]
)
async def test_nobody_is_not_acknowledged(world: World, payload: object) -> None:
    async with connected(world, origin="same") as live:
        await live.send({"type": "connection_init", "payload": payload})
        assert (await live.closed())[0] == 4403


async def test_hosts_that_are_not_ours_have_no_socket(world: World) -> None:
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with connected(world, host="stranger.localhost"):
            pass
    assert refused.value.response.status_code in {403, 404}


async def test_the_legacy_protocol_is_refused(world: World) -> None:
    async with connected(world, protocol="graphql-ws", key="shop.test") as live:
        assert (await live.closed())[0] == 4406


async def test_no_subscription_before_the_acknowledgement(world: World) -> None:
    async with connected(world, key="shop.test") as live:
        await live.subscribe()
        assert (await live.closed())[0] == 4401


async def test_a_second_init_ends_the_connection(world: World) -> None:
    async with connected(world, key="shop.test") as live:
        await live.open()
        await live.send({"type": "connection_init"})
        assert (await live.closed())[0] == 4429


async def test_without_init_the_connection_ends(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "INIT_SECONDS", 0.05)
    async with connected(world, key="shop.test") as live:
        assert (await live.closed())[0] == 4408


@pytest.mark.parametrize(
    "message",
    [
        "no json",
        "[]",
        "7",
        '{"type": 7}',
        '{"type": "start"}',
        '{"type": "subscribe"}',
        '{"type": "subscribe", "id": 1, "payload": {"query": "{ me { account { id } } }"}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": 7}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": "subscription { events { live } }", "variables": []}}',
        b"bytes",
    ],
)
async def test_what_is_no_message_ends_the_connection(world: World, message: str | bytes) -> None:
    async with connected(world, key="shop.test") as live:
        await live.open()
        await live.send(message)
        assert (await live.closed())[0] == 4400


async def test_messages_have_64_kb(world: World) -> None:
    async with connected(world, key="shop.test") as live:
        await live.open()
        await live.send(json.dumps({"type": "ping", "payload": {"x": "y" * 60_000}}))
        assert (await live.receive())["type"] == "pong"
        await live.send(json.dumps({"type": "ping", "payload": {"x": "y" * 70_000}}))
        assert (await live.closed())[0] == 1009


@pytest.mark.parametrize("query", ["{ me { account { slug } } }", "mutation { logout }"])
async def test_queries_and_changes_are_posted_not_followed(world: World, query: str) -> None:
    async with connected(world, key="shop.test") as live:
        await live.open()
        await live.subscribe(query=query)
        answer = await live.receive()
        assert answer["type"] == "error"
        assert "not allowed" in answer["payload"][0]["message"]
        await followed(live, world)


@pytest.mark.parametrize(
    ("query", "variables", "code"),
    [
        ("subscription { nothing { here } }", {}, "INVALID"),
        ("subscription { events { ", {}, "INVALID"),
        (FOLLOW, {"after": "nonsense"}, "INVALID"),
        (FOLLOW, {"after": 7}, "INVALID"),
    ],
)
async def test_a_faulty_subscription_is_told_why_and_the_connection_lives(
    world: World, query: str, variables: dict[str, object], code: str
) -> None:
    async with connected(world, key="shop.test") as live:
        await live.open()
        await live.subscribe("bad", query, **variables)
        answer = await live.receive()
        found = answer["payload"] if answer["type"] == "error" else answer["payload"]["errors"]
        assert found[0]["extensions"]["code"] == code
        if answer["type"] == "next":
            assert (await live.receive())["type"] == "complete"
        await followed(live, world)


async def test_a_hundred_subscriptions_on_one_connection(world: World) -> None:
    async with connected(world, key="shop.test") as live:
        await live.open()
        for number in range(sockets.SUBSCRIPTIONS + 1):
            await live.subscribe(str(number))
        kinds = [(await live.receive())["type"] for _ in range(sockets.SUBSCRIPTIONS + 1)]
        assert sorted(kinds) == ["error"] + ["next"] * sockets.SUBSCRIPTIONS


async def test_twenty_connections_of_one_user(world: World) -> None:
    async with contextlib.AsyncExitStack() as stack:
        opened = []
        for _ in range(sockets.PER_USER):
            opened.append(await stack.enter_async_context(connected(world, key="shop.test")))
            await opened[-1].open()
        one_more = await stack.enter_async_context(connected(world, key="shop.test"))
        await one_more.send({"type": "connection_init"})
        assert (await one_more.closed())[0] == 4429
        # Somebody else is not affected, and a place that was left is free.
        other = await stack.enter_async_context(connected(world, key="acme.test"))
        await other.open()
        await opened[-1].socket.close()
        again = await stack.enter_async_context(connected(world, key="shop.test"))
        await again.open()


async def test_logging_out_closes_the_connections_of_that_session_only(world: World) -> None:
    one, two = world.client("shop.localhost"), world.client("shop.localhost")
    await one.login("user@shop.test")
    await two.login("user@shop.test")
    async with (
        connected(world, browser=one, origin="same") as ended,
        connected(world, browser=two, origin="same") as kept,
    ):
        for live in (ended, kept):
            await live.open()
            await live.subscribe()
            await live.batch()
        await one.ask("mutation { logout }")
        assert await ended.closed() == (4401, "Signed out")
        await world.submit("shop.test", "a@b.test")
        assert len((await kept.batch())["events"]) == 1


@pytest.mark.parametrize("end", ["revoked", "expired", "suspended"])
async def test_what_lost_its_right_is_closed_within_five_seconds(world: World, end: str) -> None:
    browser = world.client("shop.localhost")
    await browser.login("user@shop.test")
    key = None if end == "expired" else "shop.test"
    async with connected(world, browser=None if key else browser, origin=None if key else "same", key=key) as live:
        await live.open()
        await live.subscribe()
        await live.batch()
        async with world.db.connection() as conn:
            await conn.execute(
                {
                    "revoked": "update credential set revoked_at = livery_now()",
                    "expired": "update session set expires_at = livery_now()",
                    "suspended": "update account set suspended_at = livery_now() where slug = 'acme.test'",
                }[end]
            )
        async with asyncio.timeout(5):
            assert await live.closed() == (4401, "Signed out")


async def test_another_accounts_events_are_never_seen(world: World) -> None:
    async with (
        connected(world, key="shop.test") as own,
        connected(world, key="bar.test") as sibling,
        connected(world, key="acme.test") as above,
    ):
        for live in (own, sibling, above):
            await live.open()
            await live.subscribe()
            await live.batch()
        foreign = await world.submit("bar.test", "x@y.test")
        mine = await world.submit("shop.test", "a@b.test")
        assert [event["messageId"] for event in (await own.batch())["events"]] == [str(mine)]
        assert [event["messageId"] for event in (await sibling.batch())["events"]] == [str(foreign)]
        seen = [event["messageId"] for event in (await above.batch())["events"]]
        if len(seen) == 1:
            seen += [event["messageId"] for event in (await above.batch())["events"]]
        assert sorted(seen) == sorted([str(mine), str(foreign)])
