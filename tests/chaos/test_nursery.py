"""Is a forked process like any other? A session, environment, log and luck of its own, a real end, and its nursery's life."""

import json
import os
import select
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.nursery import Child, Nursery


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    """One nursery for all that do not end it."""
    nursery = Nursery()
    yield nursery
    nursery.remove()


def bear(nursery: Nursery, log: Path, seconds: int) -> Child:
    return nursery.bear(["tests.chaos.newborn", str(seconds)], log=log, environment={"LIVERY_LOG": log.name})


def test_it_shares_nothing_with_its_siblings(nursery: Nursery, tmp_path: Path) -> None:
    logs = [tmp_path / "one", tmp_path / "two"]
    children = [bear(nursery, log, 0) for log in logs]
    assert [child.wait(10) for child in children] == [3, 3]
    told = [json.loads(log.read_text()) for log in logs]
    for child, log, said in zip(children, logs, told, strict=True):
        luck = said.pop("luck")
        assert luck not in [other.get("luck") for other in told]
        assert said == {
            "pid": child.pid,
            "session": child.pid,
            "environment": {"LIVERY_LOG": log.name},
            "arguments": ["0"],
            "threads": 1,
            "files": [0, 1, 2, 3],
        }


def test_it_ends_by_the_signal_that_ended_it(nursery: Nursery, tmp_path: Path) -> None:
    child = bear(nursery, tmp_path / "log", 60)
    assert child.poll() is None
    child.send_signal(signal.SIGKILL)
    assert child.wait(10) == -signal.SIGKILL
    assert not Path(f"/proc/{child.pid}").exists()


def test_it_goes_with_its_nursery(tmp_path: Path) -> None:
    nursery = Nursery()
    child = bear(nursery, tmp_path / "log", 60)
    end = os.pidfd_open(child.pid)
    nursery.remove()
    assert select.select([end], [], [], 10)[0] == [end], "it lives on"
    os.close(end)
    assert child.poll() == -signal.SIGKILL
