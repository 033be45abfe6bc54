"""Does somebody who watches through it all see the ledger, no more and no less? A subscriber that always comes back."""

import asyncio
import contextlib
from dataclasses import dataclass, field

import websockets

from tests.support.graphql import Api, Refused


@dataclass
class Watcher:
    """A live feed that is resumed from its last cursor whenever it is cut."""

    api: Api
    seen: list[int] = field(default_factory=list)
    """Ids of events in the order they came."""
    cuts: int = 0
    cursor: str | None = None

    async def begin(self) -> None:
        """Take a first position: before everything that happens from now on."""
        feed = self.api.follow(None)
        self.cursor = (await anext(feed))["cursor"]
        await feed.aclose()

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            feed = self.api.follow(self.cursor)
            # 1012, a refused connection, a server that does not answer: come back with the cursor.
            with contextlib.suppress(OSError, TimeoutError, Refused, AssertionError, websockets.WebSocketException):
                async for batch in feed:
                    self.seen += [int(event["id"]) for event in batch["events"]]
                    self.cursor = batch["cursor"]
            with contextlib.suppress(Exception):
                await feed.aclose()
            self.cuts += 1
            await asyncio.sleep(0.1)

    async def until(self, ledger: list[int], seconds: float) -> None:
        """Wait until as many events came as the ledger has, and compare them one by one."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while len(self.seen) < len(ledger):  # noqa: ASYNC110 - `run` tells nobody
                    await asyncio.sleep(0.05)
        missing, extra = set(ledger) - set(self.seen), set(self.seen) - set(ledger)
        twice = len(self.seen) - len(set(self.seen))
        places = sorted(ledger.index(id) for id in missing)[:5]
        said = f"{len(missing)} missing at {places}, {len(extra)} too many, {twice} twice, of {len(ledger)} after {self.cuts} cuts"
        assert self.seen == ledger, f"the live feed is not the ledger: {said}"
