"""What do load balancers learn? Alive as long as the process turns, ready only while it can serve."""

import asyncio
from pathlib import Path

import httpx
import pytest

from kit.db import open_database
from tests.api.conftest import World, served, settings_for, until
from tests.support.ports import free_port
from tests.support.postgres import Postgres


async def check(world_url: str, path: str, host: str = "10.0.0.7") -> tuple[int, dict[str, object]]:
    async with httpx.AsyncClient() as http:
        answer = await http.get(world_url + path, headers={"host": host})
    return answer.status_code, answer.json()


async def says(world_url: str, status: int) -> bool:
    return (await check(world_url, "/health/ready"))[0] == status


async def test_a_served_platform_is_ready_on_any_host(world: World) -> None:
    url = world.url("")
    assert await check(url, "/health/live") == (200, {"status": "live"})
    await until(lambda: says(url, 200), seconds=5)
    assert await check(url, "/health/ready") == (
        200,
        {"status": "ready", "database": True, "migrations": True, "bell": True},
    )


async def test_pending_migrations_are_not_ready(database_url: str, tmp_path: Path) -> None:
    db = await open_database(database_url)
    async with db.connection() as conn:
        await conn.execute("delete from tortoise_migrations where app = 'mail'")
    await db.close()
    settings = settings_for(database_url, free_port(), tmp_path)
    async with served(settings):
        status, found = await check(f"http://127.0.0.1:{settings.http_port}", "/health/ready")
    assert status == 503
    assert (found["database"], found["migrations"]) == (True, False)


@pytest.fixture
def own_server(postgres: Postgres) -> Postgres:
    """A second server, which a test may stop."""
    server = Postgres(postgres.binaries)
    server.start()
    return server


async def test_without_its_database_it_lives_but_is_not_ready_and_recovers(
    own_server: Postgres, tmp_path: Path
) -> None:
    from kit.migrate import migrate

    try:
        name = own_server.create()
        await migrate(own_server.url(name))
        settings = settings_for(own_server.url(name), free_port(), tmp_path)
        url = f"http://127.0.0.1:{settings.http_port}"
        async with served(settings):
            await until(lambda: says(url, 200), seconds=10)
            await asyncio.to_thread(own_server.stop)
            await until(lambda: says(url, 503), seconds=5)
            assert (await check(url, "/health/live"))[0] == 200
            async with httpx.AsyncClient() as http:
                answer = await http.post(
                    f"{url}/graphql",
                    json={"query": "{ me { __typename } }"},
                    headers={"authorization": "Bearer lv_any"},
                )
            assert answer.status_code == 503
            assert answer.json()["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
            await asyncio.to_thread(own_server.start)
            await until(lambda: says(url, 200), seconds=10)
    finally:
        own_server.remove()


async def test_a_connection_is_kept_for_longer_than_clients_keep_it(world: World) -> None:
    # httpx keeps one for five seconds between two requests, and like every client sends no change twice.
    asked = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
    try:
        for wait in (5.5, 0.1):
            writer.write(asked)
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
            assert b"live" in await reader.readuntil(b"}")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(wait):
                    await reader.read(1)
    finally:
        writer.close()
