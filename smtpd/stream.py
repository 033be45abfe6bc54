"""How are the bytes of a connection taken in? By command lines within a limit; in DATA by whatever has arrived.

aiosmtpd reads DATA line by line in Python and keeps every fragment of a line without an end; this reader hands over
what is there in one piece, and forgets a command line as soon as it is too long.
"""

import asyncio
from collections.abc import Awaitable, Callable

# Beyond twice this many unread bytes the peer is asked to wait.
_WINDOW = 128 * 1024
# A command line that has not ended after this many bytes is an attack or a wrong protocol: nobody types this much.
_FLOOD = 64 * 1024


class LineTooLong(Exception):
    """A command line was longer than allowed; it has been read to its end and forgotten."""


class Flood(Exception):
    """A command line did not end at all."""


class Ended(Exception):
    """The peer has sent everything it is going to send."""


class Stream(asyncio.StreamReader):
    """The bytes a client sends, in the order it sent them."""

    # Names that asyncio declares in its C-like core but not in its stubs.
    _buffer: bytearray
    _eof: bool
    _limit: int
    _paused: bool

    def __init__(self, loop: asyncio.AbstractEventLoop, before_waiting: Callable[[], Awaitable[None]]) -> None:
        """`before_waiting` is awaited whenever the client has to act next: the moment to send pending replies."""
        super().__init__(limit=_WINDOW, loop=loop)
        self._before_waiting = before_waiting

    async def line(self, limit: int) -> bytes:
        """Return the next command line of at most `limit` octets, without its line end (CRLF; a lone LF is forgiven).

        Raises LineTooLong once a longer line has ended, Flood when it never seems to, Ended at the end of input.
        """
        dropped = searched = 0
        while True:
            end = self._buffer.find(b"\n", searched)
            if end >= 0:
                line = bytes(self._buffer[:end])
                self._take(end + 1)
                if dropped or end > limit + 1:
                    raise LineTooLong
                return line.removesuffix(b"\r")
            searched = len(self._buffer)
            if searched > limit + 1:
                dropped += searched
                self._take(searched)
                searched = 0
                if dropped > _FLOOD:
                    raise Flood
            await self._wait()

    async def chunk(self) -> bytes:
        """Return everything that has arrived, waiting for the first byte. Raises Ended at the end of input."""
        while not self._buffer:
            await self._wait()
        data = bytes(self._buffer)
        self._take(len(data))
        return data

    def unread(self, data: bytes) -> None:
        """Give back the end of what `chunk` returned: commands that were pipelined behind the final dot."""
        self._buffer[:0] = data

    def forget(self) -> None:
        """Drop what has arrived and not been read: bytes sent in clear do not count after TLS (RFC 3207 §4.2)."""
        self._buffer.clear()

    def move(self, transport: asyncio.BaseTransport) -> None:
        """Continue on another transport: the encrypted one on top of the clear one."""
        self._transport = transport
        self._paused = False

    @property
    def more(self) -> bool:
        """Whether the client has already sent something that has not been read."""
        return bool(self._buffer)

    def _take(self, size: int) -> None:
        del self._buffer[:size]
        self._maybe_resume_transport()  # type: ignore[attr-defined]

    async def _wait(self) -> None:
        await self._before_waiting()
        if self._eof or self.exception() is not None:
            raise Ended
        await self._wait_for_data("smtp")  # type: ignore[attr-defined]
