"""Does a message to many hosts stay one message in memory, however slowly they read, and does it arrive whole?"""

import asyncio
import contextlib
import hashlib
import ssl
import tracemalloc
from collections.abc import AsyncIterator

import pytest

from mail.transports.hosts import Hosts
from mail.transports.smtp import Target
from mail.verdict import Delivered
from mail.wire.lines import dot_stuffed
from tests.mail.letters import CONTENT, QUICK, held, mail, verdicts
from tests.support.certificates import write_certificate

_HOSTS = 6
_MOST_EACH = 1_500_000
"""Octets a conversation may hold, both ends of it and their TLS together."""


class Reluctant:
    """A host that agrees to content and reads none of it before every conversation has got that far."""

    def __init__(self, tls: ssl.SSLContext | None) -> None:
        self.came: list[str] = []
        """The digest of each content, as it crossed the wire."""
        self._tls = tls
        self._agreed = 0
        self._all = asyncio.Event()

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hi\r\n")
        if self._tls is not None:
            await reader.readline()
            writer.write(b"250-hi\r\n250 STARTTLS\r\n")
            await reader.readline()
            writer.write(b"220 go\r\n")
            await writer.start_tls(self._tls)
        for answer in (b"250 hi\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"):
            await reader.readline()
            writer.write(answer)
        self._agreed += 1
        if self._agreed == _HOSTS:
            self._all.set()
        await self._all.wait()
        digest, end = hashlib.sha256(), b""
        while not end.endswith(b"\r\n.\r\n"):
            data = await reader.read(65536)
            digest.update(data)
            end = (end + data)[-5:]
        self.came.append(digest.hexdigest())
        writer.write(b"250 taken\r\n")
        await reader.read()
        writer.close()


@pytest.mark.parametrize("secure", [False, True], ids=["clear", "tls"])
async def test_a_large_message_to_many_hosts_is_not_copied_for_each(
    secure: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    tls = None
    if secure:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*write_certificate(tmp_path_factory.mktemp("tls"), "mx.far.test"))
    content = CONTENT + (b"..dots" + b"x" * 90 + b"\r\n") * 130_000
    letter = mail(content=content, size=len(content))
    expected = hashlib.sha256(dot_stuffed(content)).hexdigest()
    host = Reluctant(tls)
    hosts = Hosts(helo="out.test", deadlines=QUICK)
    async with host.listening() as port:
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            targets = [Target(f"mx{number}.far.test", "127.0.0.1", port) for number in range(_HOSTS)]
            deliveries = await asyncio.gather(
                *(hosts.deliver(letter, [target], site=target.host, heartbeat=held) for target in targets)
            )
            peak = tracemalloc.get_traced_memory()[1] - before
        finally:
            tracemalloc.stop()
        await hosts.close()
    assert [verdicts(delivery) for delivery in deliveries] == [[Delivered()]] * _HOSTS
    assert host.came == [expected] * _HOSTS
    assert peak < _HOSTS * _MOST_EACH < len(content)


async def test_dots_at_every_seam_arrive_as_they_were() -> None:
    """What is sent in pieces is what would have been sent at once, wherever a line with a dot is cut."""
    for shift in range(4):
        content = b"From: a@b.test\r\n\r\n" + b"x" * shift + b"\r\n." * 60_000 + b"\r\n"
        host = _Whole()
        hosts = Hosts(helo="out.test", deadlines=QUICK)
        server = await asyncio.start_server(host.serve, "127.0.0.1", 0)
        target = Target("mx.far.test", "127.0.0.1", server.sockets[0].getsockname()[1])
        await hosts.deliver(mail(content=content, size=len(content)), [target], site="far", heartbeat=held)
        await hosts.close()
        server.close()
        assert host.content == dot_stuffed(content)


class _Whole:
    """A host that keeps the content as it crossed the wire."""

    content = b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hi\r\n")
        for answer in (b"250 hi\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"):
            await reader.readline()
            writer.write(answer)
        came = bytearray()
        while not came.endswith(b"\r\n.\r\n"):
            came += await reader.read(65536)
        self.content = bytes(came)
        writer.write(b"250 taken\r\n")
        await reader.read()
        writer.close()
