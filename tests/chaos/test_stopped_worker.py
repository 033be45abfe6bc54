"""A worker that is stopped past its lease and goes on sends nothing twice: it asks whether the mail is still its own."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.chaos.quick_workers import LEASE
from tests.flows.test_crash import submit_many
from tests.support.postgres import Postgres
from tests.support.stage import Stage, staged

MESSAGES = 12


@pytest.fixture(scope="module")
def stage(populated: Postgres) -> Iterator[Stage]:
    """A platform of two workers with short leases."""
    processes = ("api", "smtpd", "workers", "workers", "clock")
    yield from staged(populated, processes=processes, programs={"workers": "tests.chaos.quick_workers"})


async def test_a_worker_stopped_past_its_lease_and_continued_sends_nothing_twice(stage: Stage) -> None:
    sleeper, other = stage.platform.each("workers")
    await asyncio.to_thread(stage.platform.stop, other)
    async with stage.host() as sink:
        # Nobody is told to go ahead before the worker is stopped, so no message gets as far as its final dot.
        sink.hold("data")
        promised = await submit_many(stage, "sleeper", MESSAGES)
        await sink.until(lambda: sink.holding("data") >= 3, "conversations")
        pid = stage.platform.pid(sleeper)
        os.kill(pid, signal.SIGSTOP)
        try:
            assert sink.mails == []
            sink.release("data")
            await asyncio.to_thread(stage.platform.launch, other)
            await sink.receives(MESSAGES, seconds=60)
        finally:
            os.kill(pid, signal.SIGCONT)
        # Awake again it works on: the next message is for it alone.
        await asyncio.to_thread(stage.platform.stop, other)
        promised += await submit_many(stage, "awake", 1)
        await sink.receives(MESSAGES + 1, seconds=60)
        states = await stage.settle()
        await asyncio.sleep(LEASE.total_seconds())  # whatever it still had in hand has been said by then
    assert Counter(mail.recipients for mail in sink.mails) == {(reader,): 1 for reader in promised}
    assert {states[reader] for reader in promised} == {"delivered"}
    await asyncio.to_thread(stage.platform.launch, other)
    await stage.laws_hold()
