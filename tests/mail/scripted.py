"""What does our client send, to the byte? A host that answers whole groups of commands from a script and keeps what came."""

import asyncio
from typing import Self


class Scripted:
    """Greets, answers EHLO, then answers each group when its last bytes have arrived. Every connection starts anew."""

    def __init__(self, *, greeting: str, ehlo: str) -> None:
        self._greeting = greeting
        self._answers: list[tuple[bytes, str]] = [(b"EHLO out.test\r\n", ehlo)]
        self.groups: list[bytes] = []
        """What came before each answer, over all connections."""
        self.connections = 0
        self._news = asyncio.Condition()

    def on_group(self, end: bytes, answer: str) -> None:
        """Answer as soon as what came ends in `end`."""
        self._answers.append((end, answer))

    async def answered(self, end: bytes) -> None:
        """Wait until a group with this end was answered."""
        async with self._news:
            await self._news.wait_for(lambda: any(group.endswith(end) for group in self.groups))

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            writer.write(self._greeting.encode() + b"\r\n")
            came = b""
            while data := await reader.read(65536):
                came += data
                for end, answer in self._answers:
                    if came.endswith(end):
                        self.groups.append(came)
                        came = b""
                        writer.write(answer.encode() + b"\r\n")
                        async with self._news:
                            self._news.notify_all()
                        break
        except ConnectionError:
            pass
        finally:
            writer.close()
