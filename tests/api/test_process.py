"""Does the API behave as a process: stop when told, finish what it began, tell its figures, and keep its log clean?"""

import asyncio
import json
import time
from collections.abc import Iterator

import httpx
import pytest
import websockets
from websockets.typing import Subprotocol

from tests.api.conftest import SECRET, SEEDED, Seeded
from tests.api.live import FOLLOW
from tests.support.platform import Platform
from tests.support.postgres import Postgres


@pytest.fixture
def process(postgres: Postgres, seeded: Seeded) -> Iterator[Platform]:
    """The API alone, as an operator starts it."""
    name = postgres.create(SEEDED)
    url = postgres.url(name)
    api = Platform(
        url,
        database_api_url=url.replace("//livery@", "//livery_api@"),
        processes=("api",),
        settings={"LIVERY_SECRET_KEY": SECRET},
    )
    api.start()
    yield api
    api.remove()
    postgres.drop(name)


async def test_told_to_stop_it_says_goodbye_and_ends(process: Platform, seeded: Seeded) -> None:
    _, keys = seeded
    headers = {"Authorization": f"Bearer {keys['shop.test']}"}
    async with websockets.connect(
        process.url.replace("http", "ws") + "/graphql",
        subprotocols=[Subprotocol("graphql-transport-ws")],
        additional_headers=headers,
        proxy=None,
    ) as socket:
        await socket.send(json.dumps({"type": "connection_init"}))
        await socket.recv()
        await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": {"query": FOLLOW}}))
        await socket.recv()
        async with httpx.AsyncClient() as http:
            asked = await http.post(
                f"{process.url}/graphql", json={"query": "{ messages { nodes { id } } }"}, headers=headers
            )
            assert asked.json() == {"data": {"messages": {"nodes": []}}}
            figures = (await http.get(f"http://127.0.0.1:{process.metrics['api']}/metrics")).text
        assert 'graphql_seconds_count{kind="query"} 1.0' in figures
        assert "live_connections 1.0" in figures
        began = time.monotonic()
        stopping = asyncio.create_task(asyncio.to_thread(process.stop, "api"))
        with pytest.raises(websockets.ConnectionClosed):
            while True:
                await asyncio.wait_for(socket.recv(), 20)
        assert socket.close_code == 1012  # RFC 6455's registry: service restart; clients connect again
    assert await stopping == {"api": 0}
    assert time.monotonic() - began < 8
    log = process.log("api")
    assert "Traceback" not in log
    assert keys["shop.test"] not in log


async def test_a_taken_port_is_one_clear_line(process: Platform) -> None:
    second = Platform(
        process.environment["LIVERY_DATABASE_URL"],
        processes=("api",),
        settings={"LIVERY_HTTP_PORT": str(process.http), "LIVERY_SECRET_KEY": SECRET},
    )
    try:
        await asyncio.to_thread(second._launch, "api")
        async with asyncio.timeout(30):
            while second.alive("api"):  # noqa: ASYNC110 - another process sets no event
                await asyncio.sleep(0.05)
        log = second.log("api")
        assert "Traceback" not in log
        assert f"{process.http}" in log
        assert len(log.strip().splitlines()) == 1
        assert (await asyncio.to_thread(second.stop, "api"))["api"] not in (0, None)
    finally:
        await asyncio.to_thread(second.remove)
