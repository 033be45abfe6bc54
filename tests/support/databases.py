"""Which fixtures give a test its database? Imported by the root conftest: postgres, database_url, db."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.support.postgres import TEMPLATE, Postgres, embedded_binaries


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A private server of this test process, holding the migrated template database."""
    server = Postgres(embedded_binaries())
    try:
        server.start()
        make_template(server)
        yield server
    finally:
        server.remove()


def make_template(server: Postgres) -> None:
    """Migrate an empty database once; every test then gets a copy of its files."""
    from kit.migrate import migrate

    server.create(name=TEMPLATE)
    asyncio.run(migrate(server.url(TEMPLATE)))


@pytest.fixture
def database_url(postgres: Postgres) -> Iterator[str]:
    """The URL (as owner) of a fresh, migrated database of this test alone."""
    name = postgres.create(TEMPLATE)
    yield postgres.url(name)
    postgres.drop(name)


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[object]:
    """An open `kit.db.Database` on a fresh, migrated database."""
    from kit.db import open_database

    database = await open_database(database_url)
    yield database
    await database.close()
