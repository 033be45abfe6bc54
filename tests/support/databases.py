"""Which fixtures give a test its database? The root conftest imports them: postgres, database_url, db, world, …"""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from kit.db import Database, open_database
from kit.migrate import ROLES, migrate
from tests.support import folders
from tests.support import world as worlds
from tests.support.postgres import TEMPLATE, Postgres, embedded_binaries

WORLD_TEMPLATE = "livery_world"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A private server of this test process, holding the migrated template database."""
    folders.sweep()
    server = Postgres(embedded_binaries())
    try:
        server.start()
        make_template(server)
        yield server
    finally:
        server.remove()


def make_template(server: Postgres) -> None:
    """Migrate an empty database once; every test then gets a copy of its files."""
    server.create(name=TEMPLATE)
    asyncio.run(migrate(server.url(TEMPLATE)))
    server.let_in(*ROLES)


def make_world_template(server: Postgres) -> None:
    """Populate a copy of the template once, for tests that need accounts."""
    server.create(TEMPLATE, name=WORLD_TEMPLATE)
    asyncio.run(worlds.populate(server.url(WORLD_TEMPLATE)))


@pytest.fixture(scope="session")
def populated(postgres: Postgres) -> Postgres:
    """The private server, holding a template with the accounts of `tests.support.world` too."""
    make_world_template(postgres)
    return postgres


@pytest.fixture
def database_url(postgres: Postgres) -> Iterator[str]:
    """The URL (as owner) of a fresh, migrated, empty database of this test alone."""
    name = postgres.create(TEMPLATE)
    yield postgres.url(name)
    postgres.drop(name)


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """An open database, fresh, migrated and empty."""
    database = await open_database(database_url)
    yield database
    await database.close()


@pytest.fixture
def world_url(populated: Postgres) -> Iterator[str]:
    """The URL (as owner) of a fresh database with accounts, of this test alone."""
    name = populated.create(WORLD_TEMPLATE)
    yield populated.url(name)
    populated.drop(name)


@pytest.fixture
async def world_db(world_url: str) -> AsyncIterator[Database]:
    """An open database with the accounts of `world`."""
    database = await open_database(world_url)
    yield database
    await database.close()


@pytest.fixture
async def world(world_db: Database) -> worlds.World:
    """The accounts in `world_db`: platform > acme > shop and cafe, and platform > other > rival."""
    return await worlds.find(world_db)
