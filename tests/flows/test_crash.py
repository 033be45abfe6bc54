"""250 means committed: whatever process is killed, every accepted mail is delivered, and lost rings cost delay only."""

import asyncio
import smtplib
from collections import Counter
from datetime import timedelta

from tests.support.mails import plain
from tests.support.stage import Stage

LEASE = timedelta(minutes=3)
"""Longer than a claim of a dead worker lasts."""


async def submit_many(stage: Stage, name: str, count: int) -> list[str]:
    """Submit on one session; return the recipients that were promised delivery by a 250."""
    promised: list[str] = []

    def send() -> None:
        try:
            with stage.session(stage.world.shop) as session:
                for number in range(count):
                    reader = f"{name}-{number}@far.test"
                    session.sendmail("user@shop.test", [reader], plain("user@shop.test", reader, f"{name} {number}"))
                    promised.append(reader)
        except (smtplib.SMTPException, OSError):
            return

    await asyncio.to_thread(send)
    return promised


async def test_a_killed_worker_loses_nothing(stage: Stage) -> None:
    async with stage.host() as sink:
        promised = await submit_many(stage, "worker", 60)
        await sink.until(lambda: len(sink.accepted) >= 5, "first mails")
        stage.platform.kill("workers")
        await asyncio.to_thread(stage.platform.launch, "workers")
        await stage.later(LEASE)
        await sink.until(lambda: {m.recipients[0] for m in sink.accepted} >= set(promised), "all mails", seconds=60)
        states = await stage.settle(seconds=60)
    assert len(promised) == 60
    assert {states[reader] for reader in promised} == {"delivered"}
    # At least once: a copy more only for what was between the remote's 250 and our record when the worker died.
    assert len(sink.accepted) <= 60 + 50


async def test_a_killed_door_keeps_its_promises(stage: Stage) -> None:
    async with stage.host() as sink:
        sending = asyncio.create_task(submit_many(stage, "door", 400))
        await sink.until(lambda: len(sink.accepted) >= 20, "first mails")
        stage.platform.kill("smtpd")
        promised = await sending
        await asyncio.to_thread(stage.platform.launch, "smtpd")
        assert 20 <= len(promised) < 400, "it was killed in the middle"
        await sink.until(lambda: {m.recipients[0] for m in sink.accepted} >= set(promised), "all mails", seconds=60)
        await stage.settle(seconds=60)


async def test_without_any_worker_mail_waits_and_without_a_ring_the_clock_finds_it(stage: Stage) -> None:
    await asyncio.to_thread(stage.platform.stop, "workers")
    promised = await submit_many(stage, "waits", 5)
    states = await stage.states()
    assert {states[reader] for reader in promised} == {"queued"}
    async with stage.database() as conn:
        # Whatever rings were left for a worker are lost.
        if await conn.fetchval("select to_regclass('dramatiq.queue') is not null"):
            await conn.execute("delete from dramatiq.queue")
    async with stage.host() as sink:
        await asyncio.to_thread(stage.platform.launch, "workers")
        await sink.receives(5)
        await stage.settle()


async def test_stopping_in_order_under_load_sends_nothing_twice(stage: Stage) -> None:
    async with stage.host() as sink:
        # At the moment of the stop conversations are in the middle of their final dot, and more letters wait behind them.
        sink.hold("dot")
        promised = await submit_many(stage, "orderly", 60)

        def tally(states: dict[str, str]) -> Counter[str]:
            return Counter(states[reader] for reader in promised)

        await stage.reach(lambda states: tally(states) == {"sending": 60}, "claim of everything")
        await sink.until(lambda: sink.holding("dot") >= 5, "conversations at their final dot")
        stopping = asyncio.create_task(asyncio.to_thread(stage.platform.stop, "workers"))
        await stage.reach(
            lambda states: tally(states) == {"sending": sink.holding("dot"), "queued": 60 - sink.holding("dot")},
            "letters that were not begun given back",
        )
        sink.release("dot")
        assert await stopping == {"workers": 0}
        begun = len(sink.accepted)
        await asyncio.to_thread(stage.platform.launch, "workers")
        await sink.until(lambda: {m.recipients[0] for m in sink.accepted} >= set(promised), "all mails", seconds=60)
        await stage.settle(seconds=60)
    copies = Counter(mail.recipients[0] for mail in sink.accepted)
    assert {reader: count for reader, count in copies.items() if count > 1} == {}
    assert 5 <= begun < len(promised) == 60
