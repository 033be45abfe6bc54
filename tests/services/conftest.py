"""Which services do these tests run on? A private RabbitMQ node and a private PostgreSQL of Debian's, as in production."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.support.databases import make_template, make_world_template
from tests.support.postgres import Postgres, debian_binaries
from tests.support.rabbitmq import RabbitMQ
from tests.support.stage import Stage, staged


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[RabbitMQ]:
    """A private broker of this test process."""
    broker = RabbitMQ()
    try:
        broker.start()
        yield broker
    finally:
        broker.remove()


@pytest.fixture(scope="session")
def populated() -> Iterator[Postgres]:
    """Debian's PostgreSQL by TCP with passwords, holding the template with the accounts."""
    server = Postgres(debian_binaries(), tcp=True)
    try:
        server.start()
        make_template(server)
        make_world_template(server)
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="module")
def stage(populated: Postgres, rabbitmq: RabbitMQ) -> Iterator[Stage]:
    """A platform of two doors, two workers and two clocks beside the API."""
    processes = ("api", "smtpd", "smtpd", "workers", "workers", "clock", "clock")
    yield from staged(populated, broker_url=rabbitmq.url, processes=processes)


@pytest.fixture(autouse=True)
async def _laws(stage: Stage) -> AsyncIterator[None]:
    yield
    await stage.laws_hold()
