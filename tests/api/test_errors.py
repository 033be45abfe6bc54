"""What does a client learn of our faults? An incident number, which stands once in the log, and nothing else."""

import asyncio
import json
import re

import httpx
import pytest
from structlog.testing import capture_logs

from kit.db import connect
from tests.api.conftest import World
from tests.api.live import connected


async def break_reading(world: World) -> None:
    conn = await connect(world.platform.settings.database_url)
    await conn.execute("alter table message rename to hidden_table_name")
    await conn.execute("alter table recipient rename to hidden_too")
    await conn.close()


async def test_an_unforeseen_fault_shows_an_incident_only(world: World) -> None:
    program = world.client(key="shop.test")
    query = "{ messages { nodes { id } } }"
    assert await program.ask(query)
    await break_reading(world)
    with capture_logs() as logs:
        answer = await program.post(query)
    assert answer.status_code == 200
    [error] = answer.json()["errors"]
    assert answer.json()["data"] is None
    assert error["extensions"]["code"] == "INTERNAL"
    incident = re.fullmatch(r"Something went wrong on our side\. Incident ([0-9a-f-]{36})\.", error["message"])
    assert incident is not None
    assert "hidden" not in answer.text
    assert "asyncpg" not in answer.text
    failed = [line for line in logs if line["event"] == "api.failed"]
    assert [line["incident"] for line in failed] == [incident[1]]


async def test_on_the_live_channel_too(world: World) -> None:
    async with connected(world, key="shop.test") as live:
        await live.open()
        await break_reading(world)
        with capture_logs() as logs:
            await live.subscribe()
            answer = await live.receive()
    errors = answer["payload"] if answer["type"] == "error" else answer["payload"]["errors"]
    assert errors[0]["extensions"]["code"] == "INTERNAL"
    assert "hidden" not in json.dumps(answer)
    assert [line["event"] for line in logs if line["log_level"] == "error"] == ["api.failed"]


@pytest.mark.parametrize(
    "query",
    ["{ nothing }", "}{", "query ($x: Int!) { messages(first: $x) { nodes { id } } }", "{ messages(first: 101) { nodes { id } } }"],
)  # fmt: skip
async def test_a_clients_own_faults_are_told_and_not_logged(world: World, query: str) -> None:
    program = world.client(key="shop.test")
    with capture_logs() as logs:
        [error] = await program.errors(query)
    assert error["extensions"]["code"] == "INVALID"
    assert logs == []


async def test_a_statement_that_takes_too_long_is_cut_and_said_so(world: World) -> None:
    program = world.client(key="shop.test")
    async with world.db.transaction() as conn:
        await conn.execute("set local idle_in_transaction_session_timeout = 0")
        await conn.execute("lock table message in access exclusive mode")
        # The pool's own sessions wait for the lock until their five seconds are over.
        [error] = await program.errors("{ messages { nodes { id } } }")
    assert error["extensions"]["code"] == "UNAVAILABLE"
    assert await program.ask("{ messages { nodes { id } } }")


async def test_clients_that_go_away_or_talk_nonsense_leave_no_trace(world: World) -> None:
    rest = (
        f"HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {world.keys['shop.test']}\r\n"
        "Content-Type: application/json\r\nContent-Length: 5000\r\n\r\n{"
    )
    said = [
        *(
            f"POST {path} {rest}"
            for path in (
                "/graphql",
                "/v1/returns",
                f"/v1/payments/{world.accounts['acme.test']}",
                "/v1/suppressions/import",
                "/u/x",
            )
        ),
        "GET / HTTP/9.9\r\n\r\n",
        "\x16\x03\x01\x02\x00",
        "GET /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    ]
    with capture_logs() as logs:
        for text in said:
            reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
            writer.write(text.encode("latin-1"))
            await writer.drain()
            writer.write_eof()
            await reader.read()
            writer.close()
            await writer.wait_closed()
        assert await world.client(key="shop.test").ask("{ me { account { slug } } }")
    assert [line for line in logs if line["log_level"] in {"error", "critical"}] == []


@pytest.mark.parametrize(("path", "limit"), [("/v1/returns", 2_000_000), ("/v1/payments/x", 16_384)])
async def test_a_body_that_is_too_large_is_refused_and_not_logged(world: World, path: str, limit: int) -> None:
    async with httpx.AsyncClient(base_url=world.url("", "127.0.0.1"), timeout=20) as http:
        with capture_logs() as logs:
            answers = [
                await http.post(
                    path, content=b" " * size, headers={"authorization": f"Bearer {world.keys['shop.test']}"}
                )
                for size in (limit + 1, limit)
            ]
    assert answers[0].status_code == 413
    assert answers[0].json()["code"] == "TOO_LARGE"
    assert answers[1].json()["code"] != "TOO_LARGE"
    assert [line for line in logs if line["log_level"] in {"error", "critical"}] == []
