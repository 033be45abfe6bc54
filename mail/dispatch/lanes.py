"""Who speaks to which site, and how many at once? A lane is a task that works off the letters for one site.

A site here is whatever letters are put under: the desk takes a receiver as met from one source. Lanes come with work and go
with it. Their number for one site is bounded, so that a slow receiver ties up its own lanes
and nobody else's.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Iterable
from dataclasses import dataclass, field


@dataclass(slots=True)
class _Site[Letter]:
    waiting: deque[Letter] = field(default_factory=deque)
    lanes: int = 0


class Lanes[Letter]:
    """All lanes of one process. `work` speaks for one letter and must not raise."""

    def __init__(self, work: Callable[[Letter], Awaitable[None]], *, per_site: int) -> None:
        self._work = work
        self._per_site = per_site
        self._sites: dict[Hashable, _Site[Letter]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def put(self, site: Hashable, letters: Iterable[Letter]) -> None:
        """Queue letters for a site and open lanes for them."""
        group = self._sites.setdefault(site, _Site())
        group.waiting.extend(letters)
        for _ in range(min(self._per_site - group.lanes, len(group.waiting))):
            group.lanes += 1
            lane = asyncio.create_task(self._run(site, group))
            self._tasks.add(lane)
            lane.add_done_callback(self._tasks.discard)

    def empty(self) -> list[Letter]:
        """Take back every letter that no lane has begun."""
        left = [letter for group in self._sites.values() for letter in group.waiting]
        for group in self._sites.values():
            group.waiting.clear()
        return left

    async def finish(self, seconds: float) -> None:
        """Wait for the lanes to end, then cancel those that have not."""
        if self._tasks:
            _, late = await asyncio.wait(set(self._tasks), timeout=seconds)
            for lane in late:
                lane.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _run(self, site: Hashable, group: _Site[Letter]) -> None:
        try:
            while group.waiting:
                await self._work(group.waiting.popleft())
        finally:
            group.lanes -= 1
            if not group.lanes and not group.waiting:
                del self._sites[site]
