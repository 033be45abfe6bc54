"""The broker, a worker, a clock or the database goes away: intake goes on or says 451, and every promise is kept."""

import asyncio
from datetime import timedelta
from signal import SIGKILL, SIGQUIT

from tests.flows.test_crash import LEASE, submit_many
from tests.flows.test_refusals import GOOD, envelope, secure
from tests.support.postgres import Postgres
from tests.support.rabbitmq import RabbitMQ
from tests.support.stage import Stage, eventually


async def test_without_the_broker_mail_is_taken_and_delivered(stage: Stage, rabbitmq: RabbitMQ) -> None:
    async with stage.host() as sink:
        await asyncio.to_thread(rabbitmq.stop, sig=SIGKILL)
        try:
            promised = await submit_many(stage, "brokerless", 20)
            assert len(promised) == 20
        finally:
            await asyncio.to_thread(rabbitmq.start)
        # Its rings are lost; the clock rings again for what is due once the broker is back.
        await sink.until(lambda: {m.recipients[0] for m in sink.accepted} >= set(promised), "all mails", seconds=120)
        states = await stage.settle(seconds=60)
    assert {states[reader] for reader in promised} == {"delivered"}
    assert len(sink.accepted) == 20


async def test_after_the_outage_a_ring_is_quick_again(stage: Stage) -> None:
    async with stage.host() as sink:
        await submit_many(stage, "again", 1)
        await sink.receives(1, seconds=15)
        await stage.settle()


async def test_one_of_two_workers_is_killed_and_the_other_goes_on(stage: Stage) -> None:
    first, _ = stage.platform.each("workers")
    async with stage.host() as sink:
        promised = await submit_many(stage, "half", 60)
        await sink.until(lambda: len(sink.accepted) >= 5, "first mails")
        stage.platform.kill(first)
        await stage.later(LEASE)
        await sink.until(lambda: {m.recipients[0] for m in sink.accepted} >= set(promised), "all mails", seconds=60)
        await stage.settle(seconds=60)
        await asyncio.to_thread(stage.platform.launch, first)
    assert len(promised) == 60


async def test_the_clock_that_leads_is_killed_and_the_other_takes_over(stage: Stage) -> None:
    first, second = stage.platform.each("clock")
    async with stage.host() as sink:
        sink.answers("451 4.7.1 later", "250 2.1.5 ok")
        for dying in (first, second):
            stage.platform.kill(dying)
            [reader] = await submit_many(stage, dying, 1)
            await stage.reach(lambda states, reader=reader: states.get(reader) == "deferred", "deferral")  # type: ignore[misc]
            sink.answers("250 2.1.5 ok")
            await stage.later(timedelta(minutes=7))
            await sink.until(lambda reader=reader: any(m.recipients == (reader,) for m in sink.accepted), "retry")  # type: ignore[misc]
            await asyncio.to_thread(stage.platform.launch, dying)
            sink.answers("451 4.7.1 later", "250 2.1.5 ok")
        await stage.settle()


async def test_while_the_database_is_down_the_door_says_try_again(stage: Stage, populated: Postgres) -> None:
    before = await stage.stored()
    with secure(stage) as peer:
        assert envelope(peer).startswith("250")
        await asyncio.to_thread(populated.stop, sig=SIGQUIT)
        try:
            assert peer.data(GOOD).startswith("451 4.3.")
        finally:
            await asyncio.to_thread(populated.start)
        assert await stage.stored() == before

        async def accepted() -> bool | None:
            peer.say("RSET")
            return True if envelope(peer).startswith("250") and peer.data(GOOD).startswith("250 2.0.0") else None

        async with stage.host() as sink:
            await eventually(accepted, "acceptance once the database is back")
            await sink.receives(1, seconds=60)
            await stage.settle(seconds=60)
