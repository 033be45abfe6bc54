"""What does a remote mail host do to us? A scripted one: any reply at any step, slow, 7-bit, with TLS, or dying.

It keeps every byte it took responsibility for, and the copies it refused. Nothing here imports the platform.
"""

import asyncio
import contextlib
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Self

Step = Literal["connect", "ehlo", "starttls", "mail", "rcpt", "data", "dot"]
RESET = "reset"
"""A scripted reply that answers nothing and resets the connection."""
STALL = "stall"
"""A scripted reply that never comes; the connection stays open."""
NOISE = "noise"
"""A scripted reply to STARTTLS that agrees and goes on with bytes that are no handshake."""


@dataclass(frozen=True)
class Mail:
    """One transaction that reached its final dot, with what was answered to it."""

    sender: str
    sender_parameters: str
    recipients: tuple[str, ...]
    recipient_parameters: tuple[str, ...]
    content: bytes
    """As sent, dots un-stuffed, CRLF lines."""
    helo: str
    peer: str
    """The address it came from."""
    tls: bool
    session: int
    reply: str

    @property
    def accepted(self) -> bool:
        """Did the sink take responsibility?"""
        return self.reply.startswith("2")


@dataclass
class Sink:
    """A remote host on loopback. Start it with `async with Sink() as sink`."""

    extensions: tuple[str, ...] = ("PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE 52428800", "ENHANCEDSTATUSCODES", "DSN")
    tls: ssl.SSLContext | None = None
    """Offers STARTTLS with this."""
    drip: float = 0
    """Seconds between two bytes of a reply: a tarpit."""
    mails: list[Mail] = field(default_factory=list)
    connections: int = 0
    refused: list[str] = field(default_factory=list)
    """Recipients refused at RCPT, in order."""
    _script: dict[tuple[Step, str], list[str]] = field(default_factory=dict)
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)
    _server: asyncio.Server | None = None
    _sessions: set[asyncio.Task[None]] = field(default_factory=set)
    _held: dict[Step, asyncio.Event] = field(default_factory=dict)
    _holding: dict[Step, int] = field(default_factory=dict)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self, port: int = 0, address: str = "127.0.0.1") -> None:
        """Listen, on a free port unless one is given."""
        # asyncio's own limit of 64 KB a line would refuse what an honest host takes.
        self._server = await asyncio.start_server(self._serve, address, port, limit=1 << 24)

    async def stop(self) -> None:
        """Close the listener and every session."""
        if self._server is not None:
            self._server.close()
        for session in tuple(self._sessions):
            session.cancel()
        await asyncio.gather(*self._sessions, return_exceptions=True)
        self._server = None

    @property
    def port(self) -> int:
        """The port it listens on."""
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def answers(self, *replies: str, at: Step = "rcpt", to: str = "*") -> None:
        """Script the replies at one step, in turn and the last for ever: to one recipient, or `*` to every one.

        At `dot` the first recipient of the transaction counts. "250 …" is what an unscripted step answers.
        """
        self._script[at, to.lower()] = list(replies)

    def hold(self, step: Step) -> None:
        """Answer nothing at one step ("data" or "dot") until `release`: whoever gets that far is in the middle of it."""
        self._held[step] = asyncio.Event()

    def release(self, step: Step) -> None:
        """Answer everybody who waits at this step, and go on as usual."""
        self._held.pop(step).set()

    def holding(self, step: Step) -> int:
        """How many sessions wait at this step."""
        return self._holding.get(step, 0)

    @property
    def accepted(self) -> list[Mail]:
        """The mails it took responsibility for."""
        return [mail for mail in self.mails if mail.accepted]

    async def receives(self, count: int, *, seconds: float = 30) -> list[Mail]:
        """Wait until `count` mails were accepted and return them; AssertionError with what came when time is up."""
        await self.until(lambda: len(self.accepted) >= count, f"{count} mails", seconds=seconds)
        return self.accepted

    async def until(self, true: Callable[[], bool], what: str, *, seconds: float = 30) -> None:
        """Wait until something about this sink is true."""
        try:
            async with asyncio.timeout(seconds), self._news:
                await self._news.wait_for(true)
        except TimeoutError:
            seen = [(mail.recipients, mail.reply) for mail in self.mails][-20:]
            raise AssertionError(f"no {what} in {seconds} s; seen {seen}, refused {self.refused[-20:]}") from None

    def _reply(self, step: Step, recipient: str = "*") -> str | None:
        for key in ((step, recipient.lower()), (step, "*")):
            if replies := self._script.get(key):
                return replies.pop(0) if len(replies) > 1 else replies[0]
        return None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._sessions.add(task)
        self.connections += 1
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
                await _Session(self, reader, writer, self.connections).run()
        finally:
            self._sessions.discard(task)
            writer.close()

    async def _wait(self, step: Step) -> None:
        if (gate := self._held.get(step)) is None:
            return
        self._holding[step] = self.holding(step) + 1
        try:
            await self._tell()
            await gate.wait()
        finally:
            self._holding[step] -= 1

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()


class _Session:
    """One connection to the sink."""

    def __init__(self, sink: Sink, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        self.sink, self.reader, self.writer, self.number = sink, reader, writer, number
        self.helo = ""
        self.secure = False
        self._forget()

    def _forget(self) -> None:
        self.sender: str | None = None
        self.sender_parameters = ""
        self.recipients: list[str] = []
        self.recipient_parameters: list[str] = []

    async def run(self) -> None:
        if not await self._say(self.sink._reply("connect") or "220 mx.sink.test ESMTP"):
            return
        while line := await self.reader.readline():
            verb, _, rest = line.rstrip(b"\r\n").decode("utf-8", "surrogateescape").partition(" ")
            if not await self._command(verb.upper(), rest):
                return

    async def _command(self, verb: str, rest: str) -> bool:
        match verb:
            case "EHLO" | "HELO":
                self.helo = rest
                self._forget()
                return await self._say(self.sink._reply("ehlo") or self._greeting(verb))
            case "STARTTLS" if self.sink.tls and not self.secure:
                reply = self.sink._reply("starttls") or "220 2.0.0 go ahead"
                if reply == NOISE:
                    await self._say("220 2.0.0 go ahead")
                    await self.reader.read(1)  # their side of the handshake has begun
                    return await self._say("this is no handshake")
                if not await self._say(reply) or not reply.startswith("2"):
                    return reply != RESET
                await self.writer.start_tls(self.sink.tls)
                self.secure = True
                self._forget()
                return True
            case "MAIL":
                address, parameters = _path(rest)
                reply = self.sink._reply("mail") or "250 2.1.0 ok"
                if reply.startswith("2"):
                    self._forget()
                    self.sender, self.sender_parameters = address, parameters
                return await self._say(reply)
            case "RCPT":
                address, parameters = _path(rest)
                reply = self.sink._reply("rcpt", address) or "250 2.1.5 ok"
                if reply.startswith("2"):
                    self.recipients.append(address)
                    self.recipient_parameters.append(parameters)
                else:
                    self.sink.refused.append(address)
                    await self.sink._tell()
                return await self._say(reply)
            case "DATA" if self.recipients:
                return await self._data()
            case "DATA":
                return await self._say("554 5.5.1 no valid recipients")
            case "RSET":
                self._forget()
                return await self._say("250 2.0.0 ok")
            case "NOOP":
                return await self._say("250 2.0.0 ok")
            case "QUIT":
                await self._say("221 2.0.0 bye")
                return False
        return await self._say("500 5.5.2 unknown command")

    async def _data(self) -> bool:
        await self.sink._wait("data")
        go = self.sink._reply("data") or "354 go ahead"
        if not await self._say(go):
            return False
        if not go.startswith("354"):
            return True
        lines: list[bytes] = []
        while (line := await self.reader.readuntil(b"\n")) != b".\r\n":
            lines.append(line[1:] if line.startswith(b".") else line)
        first = self.recipients[0]
        reply = self.sink._reply("dot", first) or f"250 2.0.0 taken {time.monotonic_ns():x}"
        assert self.sender is not None
        mail = Mail(
            sender=self.sender,
            sender_parameters=self.sender_parameters,
            recipients=tuple(self.recipients),
            recipient_parameters=tuple(self.recipient_parameters),
            content=b"".join(lines),
            helo=self.helo,
            peer=self.writer.get_extra_info("peername")[0],
            tls=self.secure,
            session=self.number,
            reply=reply,
        )
        self._forget()
        self.sink.mails.append(mail)
        await self.sink._tell()
        await self.sink._wait("dot")
        return await self._say(reply)

    def _greeting(self, verb: str) -> str:
        extensions: Sequence[str] = self.sink.extensions if verb == "EHLO" else ()
        if self.sink.tls and not self.secure and verb == "EHLO":
            extensions = (*extensions, "STARTTLS")
        lines = ["mx.sink.test", *extensions]
        return "\r\n".join(f"250{'-' if number < len(lines) else ' '}{text}" for number, text in enumerate(lines, 1))

    async def _say(self, reply: str) -> bool:
        """Answer; False when the session is over."""
        if reply == STALL:
            await asyncio.Event().wait()
        if reply == RESET:
            self.writer.transport.abort()
            return False
        line = reply.encode("utf-8", "surrogateescape") + b"\r\n"
        for piece in [bytes([byte]) for byte in line] if self.sink.drip else [line]:
            self.writer.write(piece)
            await self.writer.drain()
            if self.sink.drip:
                await asyncio.sleep(self.sink.drip)
        return not reply.startswith("421")


def _path(rest: str) -> tuple[str, str]:
    """Split `FROM:<a@b> X=1` into address and parameters; the sink trusts its peer's syntax."""
    inside = rest[rest.index("<") + 1 :]
    end = inside.rindex(">")
    return inside[:end], inside[end + 1 :].strip()
