"""Which fixtures does every test have? The loop, the private PostgreSQL and its databases, free ports."""

from collections.abc import Callable, Mapping

import pytest
import uvloop

from tests.support.databases import database_url, db, populated, postgres, world, world_db, world_url
from tests.support.ports import free_port

__all__ = ["database_url", "db", "populated", "postgres", "world", "world_db", "world_url"]


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], object]]:
    """Run every asynchronous test on uvloop, as every process of the platform does."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
def port() -> int:
    """A free TCP port on loopback."""
    return free_port()
