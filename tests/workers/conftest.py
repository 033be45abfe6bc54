"""What do the tests of the workers share? Both brokers, and a message put into the queue without a ring."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

from kit.bell import Bell
from kit.db import Database
from mail.intake import Intake
from tenants.scope import Scope
from tests.mail.conftest import submission
from tests.support.postgres import Postgres
from tests.support.rabbitmq import RabbitMQ
from tests.support.world import Tenant


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[RabbitMQ]:
    """A private RabbitMQ node of this test process."""
    node = RabbitMQ()
    try:
        node.start()
        yield node
    finally:
        node.remove()


@pytest.fixture(params=["embedded", "rabbitmq"])
def broker_url(request: pytest.FixtureRequest, postgres: Postgres) -> Iterator[str]:
    """The URL of an empty broker, of either kind."""
    if request.param == "rabbitmq":
        node: RabbitMQ = request.getfixturevalue("rabbitmq")
        yield node.url
        return
    name = postgres.create()
    yield postgres.url(name)
    postgres.drop(name)


@pytest.fixture
async def accept(world_db: Database) -> AsyncIterator[Callable[..., object]]:
    """Put a message into the queue; nobody is rung for it, as if the ring had been lost."""
    # A bell that is never started tells nobody, and this process is connected to no broker.
    intake = Intake(world_db, Bell(""))

    async def accept(tenant: Tenant, *recipients: str) -> tuple[object, ...]:
        message = submission(*recipients, sender=tenant.email)
        return (await intake.accept(Scope(tenant.id), message)).recipient_ids

    yield accept
    await intake.close()


async def until(true: Callable[[], Awaitable[bool] | bool], seconds: float = 20) -> None:
    """Wait until something that nobody announces is true: another process's or thread's doing."""
    async with asyncio.timeout(seconds):
        while True:
            answer = true()
            if (await answer) if isinstance(answer, Awaitable) else answer:
                return
            await asyncio.sleep(0.02)
