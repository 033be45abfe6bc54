"""RabbitMQ's queue is emptied again and again while mail flows: everything arrives, two minutes later at the latest."""

import asyncio
import contextlib
from collections.abc import Iterator

import pytest

from kit import jobs
from tests.chaos.__main__ import Services, services
from tests.chaos.services import purge
from tests.flows.test_crash import submit_many
from tests.support.stage import Stage, staged


@pytest.fixture(scope="module")
def beneath() -> Iterator[Services]:
    """RabbitMQ and Debian's PostgreSQL."""
    with services("rabbitmq") as found:
        yield found


@pytest.fixture(scope="module")
def stage(beneath: Services) -> Iterator[Stage]:
    """A platform on RabbitMQ."""
    assert beneath.rabbitmq is not None
    yield from staged(beneath.server, broker_url=beneath.rabbitmq.url)


async def test_purged_while_running_everything_arrives_within_two_minutes(stage: Stage, beneath: Services) -> None:
    assert beneath.rabbitmq is not None
    purges = 0
    with contextlib.closing(jobs.make_broker(beneath.rabbitmq.url)) as broker:
        async with stage.host() as sink:
            sending = asyncio.create_task(submit_many(stage, "purged", 200))
            while not sending.done():
                purge(broker)
                purges += 1
                await asyncio.sleep(0.05)
            promised = await sending
            await sink.receives(len(promised), seconds=120)
            states = await stage.settle()
    assert (len(promised), len(sink.accepted), set(states.values())) == (200, 200, {"delivered"})
    assert purges > 5
    await stage.laws_hold()
