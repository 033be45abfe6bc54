"""Do rings travel on both brokers, cheaply for the one who rings, and does a broker that is away harm nobody?"""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import dramatiq
import pytest

from kit import jobs
from kit.jobs import make_broker
from kit.jobs.publisher import RINGS, job_name, merge
from mail.jobs import Dispatch
from tests.support.ports import free_port
from tests.support.postgres import Postgres
from tests.support.rabbitmq import RabbitMQ
from tests.workers.conftest import until
from workers.boot import consuming


@dataclass(frozen=True)
class Other:
    """A second kind of job."""

    ids: tuple[str, ...] = ()


@dataclass
class Heard:
    """What arrived, and where it ran."""

    jobs: list[object]
    threads: set[int]
    news: asyncio.Condition

    async def until(self, count: int, seconds: float = 20) -> None:
        """Wait until that many ids have arrived."""
        async with asyncio.timeout(seconds), self.news:
            await self.news.wait_for(lambda: len(self.ids) >= count)

    @property
    def ids(self) -> list[str]:
        """Every id that arrived."""
        return [id for job in self.jobs for id in job.recipient_ids]  # type: ignore[attr-defined]


@pytest.fixture
def connected(broker_url: str) -> Iterator[str]:
    """This process rings on the broker."""
    jobs.connect(broker_url)
    yield broker_url
    jobs.close()


@asynccontextmanager
async def listening(broker_url: str) -> AsyncIterator[Heard]:
    """A worker on the broker that notes every Dispatch."""
    heard = Heard([], set(), asyncio.Condition())

    async def note(job: Dispatch) -> None:
        heard.threads.add(threading.get_ident())
        heard.jobs.append(job)
        async with heard.news:
            heard.news.notify_all()

    async with consuming(broker_url, {Dispatch: note}):
        yield heard


async def test_a_ring_arrives_on_the_event_loop_of_the_process(connected: str) -> None:
    async with listening(connected) as heard:
        jobs.ring(Dispatch(("a", "b")))
        await heard.until(2)
    assert heard.jobs == [Dispatch(("a", "b"))]
    assert heard.threads == {threading.get_ident()}


async def test_rings_under_load_are_merged_and_lose_nobody(connected: str) -> None:
    async with listening(connected) as heard:
        for number in range(400):
            jobs.ring(Dispatch((str(number),)))
        await heard.until(400)
    assert heard.ids == [str(number) for number in range(400)]
    assert len(heard.jobs) < 40


async def test_a_ring_is_answered_within_moments(connected: str) -> None:
    async with listening(connected) as heard:
        jobs.ring(Dispatch(("warm",)))
        await heard.until(1)
        waits = []
        for number in range(5):
            await asyncio.sleep(0.1)
            started = time.monotonic()
            jobs.ring(Dispatch((str(number),)))
            await heard.until(2 + number)
            waits.append(time.monotonic() - started)
    assert sorted(waits)[2] < 0.3  # milliseconds on a quiet machine


async def test_rings_wait_for_a_worker_that_comes_later(connected: str) -> None:
    jobs.ring(Dispatch(("early",)))
    jobs.close()  # publishes what waits
    async with listening(connected) as heard:
        await heard.until(1)
    assert heard.ids == ["early"]


async def test_two_workers_share_the_rings(connected: str) -> None:
    async with listening(connected) as one, listening(connected) as other:
        for number in range(20):
            jobs.ring(Dispatch((str(number),)))
            await asyncio.sleep(0.05)
        await until(lambda: len(one.ids) + len(other.ids) >= 20)
    assert sorted(one.ids + other.ids, key=int) == [str(number) for number in range(20)]


@pytest.mark.parametrize("scheme", ["amqp", "postgresql"])
def test_a_broker_that_is_away_costs_the_caller_nothing(scheme: str) -> None:
    lost = RINGS.labels("lost")._value.get()
    jobs.connect(f"{scheme}://nobody:nothing@127.0.0.1:{free_port()}/nowhere")
    started = time.monotonic()
    for number in range(10_000):
        jobs.ring(Dispatch((str(number),)))
    assert time.monotonic() - started < 1
    deadline = time.monotonic() + 10
    while RINGS.labels("lost")._value.get() == lost:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    jobs.close()


def test_a_process_without_a_broker_rings_into_the_void() -> None:
    jobs.close()
    jobs.ring(Dispatch(("a",)))


async def test_rings_and_workers_come_back_with_the_database(postgres: Postgres) -> None:
    # On RabbitMQ the same is shown by tests/services, where nodes are started and stopped.
    name = postgres.create()
    url = postgres.url(name)
    jobs.connect(url)
    async with listening(url) as heard:
        jobs.ring(Dispatch(("before",)))
        await heard.until(1)
        postgres.drop(name)
        jobs.ring(Dispatch(("meanwhile",)))
        await asyncio.sleep(0.2)
        postgres.create(name=name)
        async with asyncio.timeout(40):
            while "after" not in heard.ids:
                jobs.ring(Dispatch(("after",)))
                await asyncio.sleep(0.2)
    jobs.close()
    postgres.drop(name)
    assert heard.ids[0] == "before"


def test_rabbitmq_keeps_one_bounded_quorum_queue_and_nothing_else(rabbitmq: RabbitMQ) -> None:
    broker = make_broker(rabbitmq.url)
    broker.enqueue(dramatiq.Message(queue_name="shape-v1", actor_name="dispatch", args=(), kwargs={}, options={}))
    channel = broker.channel  # type: ignore[attr-defined]
    declared = channel.queue_declare(
        "shape-v1",
        durable=True,
        passive=False,
        arguments={"x-queue-type": "quorum", "x-max-length": 10_000, "x-overflow": "drop-head"},
    )
    assert declared.method.message_count == 1
    for other in ("shape-v1.DQ", "shape-v1.XQ"):
        with pytest.raises(Exception, match="NOT_FOUND"):
            broker.connection.channel().queue_declare(other, passive=True)  # type: ignore[attr-defined]
    channel.queue_delete("shape-v1")
    broker.close()


def test_jobs_of_one_kind_merge_and_stay_bounded() -> None:
    assert merge(Dispatch(("a",)), Dispatch(("b",))) == Dispatch(("a", "b"))
    many = tuple(str(number) for number in range(499))
    assert merge(Dispatch(many), Dispatch(("x", "y"))) == Dispatch((*many, "x"))


def test_a_job_is_named_by_its_class() -> None:
    assert (job_name(Dispatch), job_name(Other)) == ("dispatch", "other")


def test_an_unknown_scheme_is_refused_with_a_hint() -> None:
    with pytest.raises(ValueError, match=r"amqp://.*postgresql://"):
        make_broker("redis://127.0.0.1/")
