"""Who is killed next, and who brings it back? The platform's processes, supervised as by `livery run` and armed by a seed."""

import asyncio
import contextlib
import random
import signal
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.chaos.nursery import Child, Nursery
from tests.chaos.points import POINTS, of_kind
from tests.support.platform import Platform

PROCESSES = ("api", "smtpd", "smtpd", "workers", "workers", "workers", "clock")

# Seconds between two starts of one process: a database that is away must not cost all of the machine.
_PAUSE = 0.3
# Seconds after which a point that was not passed makes room for another.
_PATIENCE = 8.0
# Kills a point by which one kind of process may be ahead of another: whoever is behind gets the machine.
_LEAD = 2
# Seconds after which a process that was told to stop should have.
_LATE = 36.0


@dataclass
class _Armed:
    """What one process has been told."""

    point: str
    since: float


class Crew(Platform):
    """A platform whose processes die at points of the code and are started again at once."""

    def __init__(self, *args: Any, seed: str, **others: Any) -> None:
        super().__init__(*args, processes=PROCESSES, programs={"workers": "tests.chaos.patient_workers"}, **others)
        self._nursery = Nursery()
        self.hits: Counter[str] = Counter()
        self._chance = random.Random(seed)
        self._serial = 0
        self._armed: dict[str, _Armed] = {}
        self._started: dict[str, float] = {}
        self._resting: set[str] = set()

    def _launch(self, name: str) -> None:
        self._started[name] = time.monotonic()
        super()._launch(name)

    def _environment(self, name: str) -> dict[str, str]:
        return {**super()._environment(name), "LIVERY_CHAOS": str(self._plan(name))}

    def _begin(self, argv: Sequence[str], log: Path, environment: Mapping[str, str]) -> Child:
        return self._nursery.bear(argv, log=log, environment=environment)

    def remove(self) -> None:
        """Stop everything and delete its folder."""
        super().remove()
        self._nursery.remove()

    async def keep(self) -> None:
        """Start again whatever dies, until cancelled."""
        while True:
            for name in self.names:
                if name in self._resting or self.alive(name):
                    continue
                self._count(name)
                if time.monotonic() - self._started.get(name, 0.0) >= _PAUSE:
                    await asyncio.to_thread(self._launch, name)
            await asyncio.sleep(0.02)

    async def kill_on(self, goal: int, before: Counter[str], points: Iterable[str] = POINTS) -> None:
        """Arm everybody, again and again, until each of `points` was hit `goal` times, `before` included."""
        wanted = set(points)
        while any(before[name] + self.hits[name] < goal for name in wanted):
            for name in self.names:
                self._count(name)
                armed = self._armed.get(name)
                if armed is None or time.monotonic() - armed.since > _PATIENCE:
                    self._arm(name, goal, before, wanted)
            await asyncio.sleep(0.02)

    def disarm(self) -> None:
        """Let everybody live."""
        for name in self.names:
            self._count(name)
            self._plan(name).write_text("")
        self._armed.clear()

    async def rest(self, *names: str) -> dict[str, int]:
        """Stop processes in order and keep them down; return their exit statuses. Whoever is late says where it stands."""
        self._resting |= set(names)
        told = [self._running[name] for name in names if name in self._running]
        stopping = asyncio.create_task(asyncio.to_thread(self.stop, *names))
        await asyncio.wait({stopping}, timeout=_LATE)
        for late in told if not stopping.done() else []:
            late.send_signal(signal.SIGUSR1)
        return await stopping

    async def wake(self, *names: str) -> None:
        """Start processes again and wait until they are ready."""
        for name in names:
            await asyncio.to_thread(self._launch, name)
        self._resting -= set(names)
        for name in names:
            await self.up(name)

    async def up(self, name: str, *, seconds: float = 60) -> None:
        """Wait until a process is ready, however often it is started meanwhile."""
        deadline = time.monotonic() + seconds
        while True:
            with contextlib.suppress(RuntimeError, KeyError):
                return await asyncio.to_thread(self.wait, name)
            if time.monotonic() > deadline:
                raise AssertionError(f"{name} does not come back\n{self.log(name)[-3000:]}")
            await asyncio.sleep(0.2)

    def _arm(self, name: str, goal: int, before: Counter[str], wanted: set[str]) -> None:
        """Choose a point, the likelier the further it is behind, counting those that others are armed for."""
        total = before + self.hits + Counter(armed.point for other, armed in self._armed.items() if other != name)
        open_ = {
            kind: [point for point in of_kind(kind) if point in wanted and total[point] < goal]
            for kind in set(PROCESSES)
        }
        done = {
            kind: sum(total[point] for point in of_kind(kind)) / len(of_kind(kind)) for kind in open_ if open_[kind]
        }
        kind = name.partition("-")[0]
        if kind not in done or done[kind] > min(done.values()) + _LEAD:
            return
        point = self._chance.choices(open_[kind], [(goal - total[point]) ** 2 for point in open_[kind]])[0]
        self._serial += 1
        passage = self._chance.randint(1, POINTS[point].passages)
        # In one step: a process may read it at any moment.
        draft = self._plan(name).with_suffix(".new")
        draft.write_text(f"{point} {passage} {self._serial}\n")
        draft.rename(self._plan(name))
        self._armed[name] = _Armed(point, time.monotonic())

    def _count(self, name: str) -> None:
        """Note a death at the point a process was armed for."""
        file = self.folder / f"{name}.plan.hits"
        if file.exists():
            for line in file.read_text().splitlines():
                self.hits[line.partition(" ")[0]] += 1
            file.unlink()
            self._plan(name).write_text("")
            self._armed.pop(name, None)

    def _plan(self, name: str) -> Path:
        return self.folder / f"{name}.plan"
