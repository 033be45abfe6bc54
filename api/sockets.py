"""How does a live connection live? By graphql-transport-ws, subscriptions only, as long as its session or key is good.

    4400  a message that is no message        4409  an id in use
    4401  not acknowledged, or signed out     4429  a second connection_init, or a 21st connection of one user
    4403  nobody may in with this             4406  another protocol
    4408  no connection_init in 10 s          1013  the database does not answer

A cookie counts only from pages of its own host; a program without Origin gives its key in connection_init. Sessions and
keys are looked at again every few seconds: whatever was signed out, revoked or has run out is closed with 4401.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

import msgspec
import structlog
from litestar import WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect
from prometheus_client import Gauge
from strawberry.exceptions import ConnectionRejectionError
from strawberry.http.async_base_view import AsyncWebSocketAdapter
from strawberry.http.exceptions import NonJsonMessageReceived, NonTextMessageReceived, WebSocketDisconnected
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler
from strawberry.subscriptions.protocols.graphql_transport_ws.types import Message
from strawberry.types import ExecutionResult
from strawberry.types.unset import UNSET, UnsetType

from api import auth, peer
from api.context import Context, Platform, platform_of
from api.errors import explain, present
from api.graphql.limits import DOCUMENT_BYTES
from api.graphql.schema import schema
from kit.crypto import fingerprint
from kit.errors import LiveryError

log = structlog.get_logger()

INIT_SECONDS = 10.0
SUBSCRIPTIONS = 100
"""Running at once on one connection."""
PER_USER = 20
"""Connections of one member or key to this process."""
RECHECK_SECONDS = 2.0
MESSAGE_BYTES = 64 * 1024

_OPEN = Gauge("live_connections", "Acknowledged WebSocket connections")


class _Wire(AsyncWebSocketAdapter):
    """JSON messages over one WebSocket."""

    def __init__(self, socket: WebSocket[Any, Any, Any]) -> None:
        self.socket = socket

    async def iter_json(self, *, ignore_parsing_errors: bool = False) -> AsyncGenerator[object, None]:
        while True:
            try:
                text = await self.socket.receive_text()
            except WebSocketDisconnect:
                return
            if not text:  # Litestar's value for a binary message
                raise NonTextMessageReceived
            try:
                message = msgspec.json.decode(text)
            except (msgspec.DecodeError, RecursionError) as fault:
                if not ignore_parsing_errors:
                    raise NonJsonMessageReceived from fault
                continue
            yield message

    async def send_json(self, message: Mapping[str, object]) -> None:
        try:
            await self.socket.send_text(msgspec.json.encode(message).decode())
        except (WebSocketDisconnect, RuntimeError) as fault:
            raise WebSocketDisconnected from fault

    async def close(self, code: int, reason: str) -> None:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            # RFC 6455 §5.5: a control frame carries 125 bytes at most, two of them the code.
            await self.socket.close(code=code, reason=reason.encode()[:123].decode(errors="ignore"))


class _Subscriptions:
    """The schema as a live connection may use it: no queries and mutations, a context for each operation, masked errors."""

    def __init__(self, live: "Live") -> None:
        self.live = live

    async def stream(
        self, query: str, *, variable_values: dict[str, Any] | None, operation_name: str | None, **_: Any
    ) -> AsyncGenerator[ExecutionResult, None]:
        source = await schema.subscribe(
            query,
            variable_values=variable_values,
            operation_name=operation_name,
            context_value=Context(self.live.platform, self.live.asker),
        )
        return _masked(source)


async def _masked(source: AsyncGenerator[ExecutionResult, None]) -> AsyncGenerator[ExecutionResult, None]:
    async with aclosing(source):
        async for result in source:
            if result.errors:
                result.errors = [present(error) for error in result.errors]
            yield result


class Live(BaseGraphQLTransportWSHandler[Any, None]):
    """One connection."""

    def __init__(self, platform: Platform, socket: WebSocket[Any, Any, Any], asker: auth.Asker) -> None:
        self.platform = platform
        self.asker = asker
        super().__init__(
            view=cast(Any, self),
            websocket=_Wire(socket),
            context=None,
            root_value=None,
            schema=cast(Any, _Subscriptions(self)),
            connection_init_wait_timeout=timedelta(seconds=INIT_SECONDS),
            max_subscriptions_per_connection=SUBSCRIPTIONS,
        )
        self._params: dict[str, Any] = {}

    async def on_ws_connect(self, _context: object) -> UnsetType:
        """Let in whoever shows a good key in connection_init, or came with a good cookie."""
        key = auth.bearer(_text(self._params, "authorization"))
        if key is not None:
            self.asker = await auth.by_key(
                self.platform.db, self.platform.keyring, key, host=self.asker.host, ip=self.asker.ip
            )
        if self.asker.scope is None:
            raise ConnectionRejectionError
        self.platform.uses.note(self.asker.scope)
        unset: UnsetType = UNSET
        return unset

    async def handle_connection_init(self, message: Any) -> None:
        """Identify, then admit: a connection counts for its user once it is acknowledged."""
        self._params = message["payload"] if isinstance(message.get("payload"), dict) else {}
        first = not self.connection_init_received
        try:
            await super().handle_connection_init(message)
        except LiveryError as refusal:
            await self.websocket.close(4403, refusal.message)
        except Exception as fault:
            await self.websocket.close(1013, explain(fault).message)
        if first and self.connection_acknowledged and not self.platform.sockets.admit(self):
            await self.websocket.close(4429, f"More than {PER_USER} connections of one user")

    async def handle_message(self, message: Message) -> None:
        """Refuse what has not the shape of a message before the protocol looks into it."""
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            await self.handle_invalid_message("Failed to parse message")
            return
        if message["type"] == "subscribe" and not _subscribes(message):
            await self.handle_invalid_message("Failed to parse message")
            return
        await super().handle_message(message)

    async def shutdown(self) -> None:
        """End every subscription."""
        self.platform.sockets.leave(self)
        await super().shutdown()

    async def handle_task_exception(self, error: Exception) -> None:
        """A subscription broke outside its generator: log it once; the client sees `complete` and asks again."""
        if not isinstance(error, WebSocketDisconnected):
            explain(error)


def _text(params: Mapping[str, Any], name: str) -> str | None:
    found = next((value for key, value in params.items() if key.lower() == name), None)
    return found if isinstance(found, str) else None


def _subscribes(message: Mapping[str, Any]) -> bool:
    payload = message.get("payload")
    return (
        isinstance(message.get("id"), str)
        and isinstance(payload, dict)
        and isinstance(payload.get("query"), str)
        and len(payload["query"]) <= DOCUMENT_BYTES
        and isinstance(payload.get("variables"), dict | None)
        and isinstance(payload.get("operationName"), str | None)
    )


@dataclass
class Sockets:
    """The acknowledged connections of this process."""

    _live: set[Live] = field(default_factory=set)

    def admit(self, live: Live) -> bool:
        """Count a connection for its user; False when the user has enough."""
        users = Counter(_user(other.asker) for other in self._live)
        if users[_user(live.asker)] >= PER_USER:
            return False
        self._live.add(live)
        _OPEN.set(len(self._live))
        return True

    def leave(self, live: Live) -> None:
        """Forget a connection."""
        self._live.discard(live)
        _OPEN.set(len(self._live))

    async def expel(self, *sessions: str) -> None:
        """Close the connections of sessions, named by their fingerprints, that were ended just now."""
        for live in [live for live in self._live if fingerprint(live.asker.session or "") in sessions]:
            await live.websocket.close(4401, "Signed out")

    async def recheck(self, platform: Platform) -> None:
        """Look at every session and key once, for ever, and close what is no longer good."""
        while True:
            await asyncio.sleep(RECHECK_SECONDS)
            verdicts: dict[tuple[str | None, str | None, str, str], bool] = {}
            for live in list(self._live):
                asker = live.asker
                shown = (asker.session, asker.key, asker.host, asker.ip)
                try:
                    if shown not in verdicts:
                        verdicts[shown] = await auth.still(platform.db, platform.keyring, asker)
                except Exception as fault:  # the database's own trouble ends nobody's session
                    explain(fault)
                    break
                if not verdicts[shown]:
                    await live.websocket.close(4401, "Signed out")


def _user(asker: auth.Asker) -> tuple[object, object]:
    scope = asker.scope
    return (scope.member_id, scope.credential_id) if scope else (None, None)


@websocket("/graphql")
async def live(socket: WebSocket[Any, Any, Any]) -> None:
    """Serve one live connection from handshake to close."""
    platform = platform_of(socket)
    host = socket.scope["state"]["host"]
    origin = socket.headers.get("origin")
    try:
        ip = peer.needed(socket)
        # A key in the handshake's own headers is fine too: programs can set them, pages cannot.
        asker = await auth.identify(
            platform.db,
            platform.keyring,
            headers=socket.headers,
            cookies=socket.cookies if origin is not None else {},
            host=host,
            ip=ip,
            secure=platform.secure,
        )
    except LiveryError:
        await socket.close(1008)  # before accept: the handshake is answered with 403
        return
    except Exception as fault:
        explain(fault)
        await socket.close(1013)
        return
    if GRAPHQL_TRANSPORT_WS_PROTOCOL not in socket.scope["subprotocols"]:
        await socket.accept()
        await socket.close(4406, "Subprotocol not acceptable")
        return
    await socket.accept(subprotocols=GRAPHQL_TRANSPORT_WS_PROTOCOL)
    await Live(platform, socket, asker).handle()
