"""How much message content may this process hold at once? A number of bytes, handed out in the order of asking."""

import asyncio
from collections import deque


class Budget:
    """Bytes that may be in memory. A single message beyond the whole budget is let through alone."""

    def __init__(self, total: int) -> None:
        self.total = total
        self._used = 0
        self._queue: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def take(self, size: int) -> None:
        """Wait until `size` bytes are free and take them."""
        size = min(size, self.total)
        if not self._queue and self.spare(size):
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((size, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give(size)
            else:
                self._queue.remove((size, turn))
            raise

    def has(self, size: int) -> bool:
        """Whether so many bytes are free."""
        return self._used + size <= self.total

    def spare(self, size: int) -> bool:
        """Take `size` bytes if they are free, before whoever waits for more of them; whether they were.

        For what is in memory in part already: it goes sooner so, and with it what it holds.
        """
        if not self.has(size):
            return False
        self._used += size
        return True

    def give(self, size: int) -> None:
        """Return what `take` took."""
        self._used -= min(size, self.total)
        while self._queue and self._used + self._queue[0][0] <= self.total:
            waiting, turn = self._queue.popleft()
            if not turn.cancelled():
                self._used += waiting
                turn.set_result(None)
