"""How does a test follow the ledger? As a real WebSocket client that speaks graphql-transport-ws by hand."""

import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import websockets
from websockets.asyncio.client import ClientConnection
from websockets.typing import Subprotocol

from tests.api.conftest import Client, World

FOLLOW = """subscription ($after: String) { events(after: $after) {
  cursor live events { id cursor kind messageId recipientId recipient } } }"""


class Live:
    """One connection."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def send(self, message: Any) -> None:
        await self.socket.send(message if isinstance(message, str | bytes) else json.dumps(message))

    async def receive(self) -> Any:
        return json.loads(await self.socket.recv())

    async def open(self, **payload: Any) -> None:
        await self.send({"type": "connection_init", "payload": payload})
        assert (await self.receive())["type"] == "connection_ack"

    async def subscribe(self, id: str = "1", query: str = FOLLOW, **variables: Any) -> None:
        await self.send({"id": id, "type": "subscribe", "payload": {"query": query, "variables": variables}})

    async def batch(self) -> Any:
        message = await self.receive()
        assert message["type"] == "next", message
        assert "errors" not in message["payload"], message
        return message["payload"]["data"]["events"]

    async def closed(self) -> tuple[int, str]:
        """The code and reason with which the server closes; whatever it says before is passed over."""
        with contextlib.suppress(websockets.ConnectionClosed):
            while True:
                await self.socket.recv()
        return self.socket.close_code or 0, self.socket.close_reason or ""


@contextlib.asynccontextmanager
async def connected(
    world: World,
    *,
    host: str = "shop.localhost",
    browser: Client | None = None,
    origin: str | None = None,
    protocol: str = "graphql-transport-ws",
    key: str | None = None,
) -> AsyncIterator[Live]:
    """A connection as a page of `host` with the browser's cookies, or as a program where there is no `origin`."""
    headers = {"Host": f"{host}:{world.port}"}
    if browser is not None:
        headers |= browser._cookies()
    if key is not None:
        headers["Authorization"] = f"Bearer {world.keys[key]}"
    # The library writes a Host of its own; a second one would be nobody's.
    async with websockets.connect(
        world.url("/graphql", host, "ws"),
        host="127.0.0.1",
        port=world.port,
        origin=world.url("", host) if origin == "same" else origin,  # type: ignore[arg-type]
        subprotocols=[Subprotocol(protocol)],
        additional_headers={name: value for name, value in headers.items() if name != "Host"},
        max_size=None,
        open_timeout=10,
        proxy=None,
    ) as socket:
        yield Live(socket)
