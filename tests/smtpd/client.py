"""How does a test speak SMTP, rightly or wrongly? Byte by byte over a socket: no library that would put things right."""

import asyncio
import base64
import contextlib
import ssl
from dataclasses import dataclass
from typing import ClassVar, Self

PATIENCE = 10.0
"""Seconds a test waits for what must come."""

MESSAGE = b"From: user@shop.test\r\nTo: a@remote.test\r\nSubject: Hello\r\n\r\nHello there.\r\n"


@dataclass(frozen=True)
class Reply:
    """One reply of one or more lines; `text` is what stands after the last line's code."""

    code: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """The last line without its code."""
        return self.lines[-1][4:]

    @property
    def status(self) -> str:
        """Code and enhanced code: "250 2.1.0"."""
        return f"{self.code} {self.text.split(' ')[0]}"


class Client:
    """One connection. `greeting` is what the server said first."""

    opened: ClassVar[list["Client"]] = []

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.greeting = Reply(0, ("",))

    @classmethod
    async def connect(cls, port: int, *, tls: bool = False, host: str = "127.0.0.1", source: str = "127.0.0.1") -> Self:
        """Connect and read the greeting; with `tls` after a handshake."""
        reader, writer = await asyncio.open_connection(
            host, port, ssl=trusting() if tls else None, local_addr=(source, 0)
        )
        client = cls(reader, writer)
        cls.opened.append(client)
        client.greeting = await client.reply()
        return client

    async def send(self, data: bytes, *, bytewise: bool = False) -> None:
        """Send bytes as they are, in one write or one by one."""
        for piece in [data[i : i + 1] for i in range(len(data))] if bytewise else [data]:
            self.writer.write(piece)
            await self.writer.drain()
            if bytewise:
                await asyncio.sleep(0)

    async def reply(self) -> Reply:
        """Read one whole reply."""
        lines: list[str] = []
        while not lines or lines[-1][3:4] == "-":
            line = await asyncio.wait_for(self.reader.readline(), PATIENCE)
            if not line.endswith(b"\r\n"):
                raise ConnectionResetError(f"the server ended the connection after {line!r}")
            lines.append(line[:-2].decode("ascii"))
        return Reply(int(lines[-1][:3]), tuple(lines))

    async def say(self, line: str | bytes) -> Reply:
        """Send one line and read its reply."""
        await self.send((line.encode() if isinstance(line, str) else line) + b"\r\n")
        return await self.reply()

    async def starttls(self) -> Reply:
        """Switch to TLS; returns the reply to STARTTLS."""
        reply = await self.say("STARTTLS")
        assert reply.code == 220, reply
        await self.writer.start_tls(trusting())
        return reply

    async def login(self, user: str, password: str) -> Reply:
        """AUTH PLAIN with an initial response."""
        return await self.say("AUTH PLAIN " + plain(user, password))

    async def start(self, recipients: int = 1) -> None:
        """Say MAIL and RCPT for somebody who may."""
        assert (await self.say("MAIL FROM:<user@shop.test>")).code == 250
        for number in range(recipients):
            assert (await self.say(f"RCPT TO:<r{number}@remote.test>")).code == 250

    async def data(self, content: bytes, *, end: bytes = b".\r\n") -> Reply:
        """Say DATA, send `content` as it is and the end, read the reply to it."""
        go_ahead = await self.say("DATA")
        assert go_ahead.code == 354, go_ahead
        await self.send(content + end)
        return await self.reply()

    async def ended(self) -> bool:
        """Whether the server ends the connection now, having said nothing more."""
        try:
            return await asyncio.wait_for(self.reader.read(1), PATIENCE) == b""
        except (ConnectionError, ssl.SSLError):
            return True

    async def quiet(self, seconds: float = 0.1) -> bool:
        """Whether nothing comes for a moment."""
        try:
            await asyncio.wait_for(self.reader.read(1), seconds)
        except TimeoutError:
            return True
        return False

    async def close(self) -> None:
        """Hang up."""
        if self.writer.transport.is_closing():
            return
        self.writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError, TimeoutError):
            await asyncio.wait_for(self.writer.wait_closed(), PATIENCE)

    def reset(self) -> None:
        """Hang up without a goodbye."""
        self.writer.transport.abort()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def plain(user: str, password: str) -> str:
    """The response of AUTH PLAIN (RFC 4616)."""
    return base64.b64encode(f"\0{user}\0{password}".encode()).decode()


def b64(text: str) -> str:
    """A response of AUTH LOGIN."""
    return base64.b64encode(text.encode()).decode()


def trusting() -> ssl.SSLContext:
    """A client that takes any certificate: who the server is, other tests ask."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
