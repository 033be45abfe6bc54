"""Where do the flows run? On the embedded server and its broker, each file with processes and a database of its own."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from kit.db import open_database
from tests.support.databases import WORLD_TEMPLATE
from tests.support.platform import Platform
from tests.support.ports import free_port
from tests.support.postgres import Postgres
from tests.support.stage import Stage
from tests.support.world import World, find


@pytest.fixture(scope="module")
def stage(populated: Postgres) -> Iterator[Stage]:
    """A running platform whose route leads to `stage.sink_port`."""
    yield from staged(populated, broker_url=None)


@pytest.fixture(autouse=True)
async def _laws(stage: Stage) -> AsyncIterator[None]:
    yield
    await stage.laws_hold()


def staged(server: Postgres, *, broker_url: str | None, route: str | None = None, **options: object) -> Iterator[Stage]:
    """Start a platform on a fresh copy of the world; stop it and drop the copy afterwards."""
    name = server.create(WORLD_TEMPLATE)
    sink_port = free_port()
    platform = Platform(
        server.url(name),
        broker_url=broker_url,
        route=route or f"smtp://127.0.0.1:{sink_port}",
        **options,  # type: ignore[arg-type]
    )
    try:
        platform.start()
        yield Stage(platform, asyncio.run(_world(server.url(name))), server.url(name), sink_port)
    finally:
        platform.remove()
        server.drop(name)


async def _world(url: str) -> World:
    db = await open_database(url, size=1)
    try:
        return await find(db)
    finally:
        await db.close()
