"""Where do people meet the dashboard? On a platform with a simulator at its end, a browser and a database for each file."""

from collections.abc import AsyncIterator, Iterator

import pytest
from playwright.async_api import Browser

from tests.e2e.browser import Visit, launched, visited
from tests.support.postgres import Postgres
from tests.support.stage import Stage, staged


@pytest.fixture(scope="module")
def stage(populated: Postgres) -> Iterator[Stage]:
    """A running platform that delivers to the simulator."""
    yield from staged(populated, route="simulator")


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A browser of this test alone."""
    async with launched() as browser:
        yield browser


@pytest.fixture
async def visit(browser: Browser, stage: Stage) -> AsyncIterator[Visit]:
    """A person at a desk, signed in nowhere."""
    async with visited(browser, stage.platform.url) as visit:
        yield visit
