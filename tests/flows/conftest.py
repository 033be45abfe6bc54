"""Where do the flows run? On the embedded server and its broker, each file with processes and a database of its own."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.support.postgres import Postgres
from tests.support.stage import Stage, staged


@pytest.fixture(scope="module")
def stage(populated: Postgres) -> Iterator[Stage]:
    """A running platform whose route leads to `stage.sink_port`."""
    yield from staged(populated)


@pytest.fixture(autouse=True)
async def _laws(stage: Stage) -> AsyncIterator[None]:
    yield
    await stage.laws_hold()
