"""How do bytes and replies cross one connection? Lines in, lines out, a deadline on each, and a script of what was said.

An asyncio protocol of our own instead of asyncio's streams, for two reasons: before STARTTLS it must be certain that
nothing the peer sent in the clear is read as if it had come encrypted (the mirror of CVE-2021-38371), which needs the
buffer in our own hands; and replies are split without a task switch per line.
"""

import asyncio
import ipaddress
import ssl
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import cast

from mail.transports import Conversation
from mail.wire import reply as wire_reply
from mail.wire.reply import MalformedReply, Reply

_MOST_BUFFERED = 256 * 1024
_MOST_REPLY_LINES = 200
_MOST_UNSENT = 64 * 1024
"""Octets handed over and not taken by the network, from which on `send_all` waits."""

MOST_LINES = 200
MOST_LINE = 600


class Hangup(Exception):
    """The connection is gone; the words say how."""

    def __init__(self, words: str, *, tls: bool = False) -> None:
        super().__init__(words)
        self.tls = tls
        """TLS itself ended it: an alert, or bytes that are no TLS."""


def is_about_tls(trouble: BaseException | None) -> bool:
    """Whether TLS itself failed, which it will tomorrow too, and not the connection beneath it."""
    return isinstance(trouble, ssl.SSLError) and not isinstance(trouble, ssl.SSLEOFError | ssl.SSLZeroReturnError)


class Injection(Exception):
    """The peer sent something in the clear after it agreed to TLS (RFC 3207 §4.2 makes a client discard it)."""


class Script:
    """What was said to one host during one transaction, capped in lines and in their length."""

    def __init__(self, host: str, ip: str) -> None:
        self.host = host
        self.ip = ip
        self.tls: str | None = None
        self._started = datetime.now(UTC)
        self._lines: list[str] = []
        self._left_out = 0

    def ours(self, line: str) -> None:
        """We said this."""
        self._add("> ", line)

    def theirs(self, line: str) -> None:
        """They said this."""
        self._add("< ", line)

    def aside(self, line: str) -> None:
        """This happened beside the dialogue."""
        self._add("* ", line)

    def _add(self, mark: str, line: str) -> None:
        if len(self._lines) >= MOST_LINES:
            self._left_out += 1
            return
        shown = line[:MOST_LINE]
        if not shown.isprintable():
            shown = "".join(c if c.isprintable() else "�" for c in shown)
        self._lines.append(mark + shown + (" …" if len(line) > MOST_LINE else ""))

    def conversation(self) -> Conversation:
        """Everything so far, as a value."""
        more = (f"* {self._left_out} further lines",) if self._left_out else ()
        return Conversation(self.host, self.ip, self.tls, self._started, datetime.now(UTC), (*self._lines, *more))


class Stream(asyncio.Protocol):
    """One connection to an SMTP server."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._ended: str | None = None
        self._ended_by_tls = False
        self._news: asyncio.Future[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()

    # -- called by the loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._use(cast(asyncio.Transport, transport))  # uvloop's transports are no subclass of it

    def data_received(self, data: bytes) -> None:
        """Keep what came, within reason: nobody has megabytes of replies to give."""
        self._buffer += data
        if len(self._buffer) > _MOST_BUFFERED:
            self._end("the host sent more than any reply needs")
            self.abort()
        self._wake()

    def eof_received(self) -> bool:
        """The peer will say no more: close."""
        self._end("the host closed the connection")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits."""
        if self._ended is None:
            self._ended_by_tls = is_about_tls(exc)
        self._end(f"the connection broke: {exc}" if exc else "the host closed the connection")

    def pause_writing(self) -> None:
        """The peer reads slower than we write."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """It has caught up."""
        self._writable.set()

    def _end(self, how: str) -> None:
        if self._ended is None:
            self._ended = how
        self._writable.set()
        self._wake()

    def _use(self, transport: asyncio.Transport) -> None:
        # The same for every kind of transport: that of asyncio's TLS would hold eight times as much.
        transport.set_write_buffer_limits(high=_MOST_UNSENT)
        self._transport = transport

    def _gone(self) -> Hangup:
        return Hangup(self._ended or "not connected", tls=self._ended_by_tls)

    def _wake(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    # -- called by the session

    @property
    def quiet(self) -> bool:
        """Open, with nothing said that nobody asked for: fit for the next message."""
        return self._ended is None and not self._buffer

    @property
    def local_ip(self) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
        """Our own address on this connection."""
        name = self._transport.get_extra_info("sockname") if self._transport else None
        return ipaddress.ip_address(name[0]) if name else None

    def send(self, data: bytes) -> None:
        """Hand over a group of commands. A dead connection shows at the next reply."""
        if self._transport is not None and self._ended is None:
            self._transport.write(data)

    async def send_all(self, chunks: Iterable[bytes | memoryview], *, per_chunk: float) -> None:
        """Hand over content chunk by chunk, `per_chunk` seconds for each. Raises Hangup, TimeoutError.

        A chunk is asked for when the network has taken those before it, but for 64 KB.
        """
        for chunk in chunks:
            if self._transport is None or self._ended is not None:
                raise self._gone()
            self._transport.write(chunk)
            if not self._writable.is_set():
                async with asyncio.timeout(per_chunk):
                    await self._writable.wait()

    async def reply(self, script: Script, *, within: float) -> Reply:
        """The next reply. Raises Hangup, TimeoutError, MalformedReply."""
        lines: list[str] = []
        async with asyncio.timeout(within):
            while True:
                line = wire_reply.decode(await self._line())
                script.theirs(line)
                lines.append(line)
                # RFC 5321 §4.2.1: a hyphen after the code says that more lines follow.
                if line[3:4] != "-":
                    return wire_reply.from_lines(lines)
                if len(lines) > _MOST_REPLY_LINES:
                    raise MalformedReply("a reply without end")

    def reply_at_hand(self, script: Script) -> Reply | None:
        """A complete reply that has arrived already, where a host answered and hung up before we had finished."""
        lines: list[str] = []
        while (line := self._buffered_line()) is not None:
            lines.append(wire_reply.decode(line))
            script.theirs(lines[-1])
            if lines[-1][3:4] != "-":
                try:
                    return wire_reply.from_lines(lines)
                except MalformedReply:
                    return None
        return None

    async def start_tls(self, context: ssl.SSLContext, host: str | None, *, within: float) -> str:
        """Go on encrypted; gives version and cipher. Raises Injection, ssl.SSLError, OSError, TimeoutError, Hangup."""
        if self._buffer:
            raise Injection("the host spoke on in the clear after agreeing to TLS")
        if self._transport is None or self._ended is not None:
            raise self._gone()
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(within + 1):
            upgraded = await loop.start_tls(
                self._transport,
                self,
                context,
                server_hostname=host,
                ssl_handshake_timeout=within,
            )
        if upgraded is None:
            raise Hangup("the connection ended during the TLS handshake")
        self._use(upgraded)
        tls = upgraded.get_extra_info("ssl_object")
        cipher = tls.cipher() if tls else None
        return f"{tls.version()} {cipher[0]}" if cipher else "TLS"

    def close(self) -> None:
        """Close once what was written is out."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close now, dropping what was not sent."""
        if self._transport is not None:
            self._transport.abort()

    async def _line(self) -> bytes:
        while True:
            line = self._buffered_line()
            if line is not None:
                return line
            if self._ended is not None:
                raise self._gone()
            self._news = asyncio.get_running_loop().create_future()
            try:
                await self._news
            finally:
                self._news = None

    def _buffered_line(self) -> bytes | None:
        end = self._buffer.find(b"\n")
        if end < 0:
            return None
        line = bytes(self._buffer[:end]).rstrip(b"\r")
        del self._buffer[: end + 1]
        return line
