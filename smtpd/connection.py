"""What does a connection hold, and how does it end? Bytes, replies, time and places, before any command has a meaning.

aiosmtpd gives the protocol, the streams and the time-out. The rest of its life is ours, because it cancels what is
being accepted when a client hangs up, and because it lets a slow, silent or deaf peer stay.
"""

import asyncio
import ssl
from typing import cast

import structlog
from aiosmtpd.smtp import SMTP

from kit import addresses
from smtpd import limits, measures, replies
from smtpd.stream import Ended, Flood, Stream
from smtpd.tls import Certificate

log = structlog.get_logger()


class Connection(SMTP):
    """One connection, from accept to close. `smtpd.session` gives it its commands."""

    def __init__(self, domain: str) -> None:
        # Not SMTP.__init__: it inspects its own members for each connection, which takes as long as a small message.
        # What its other methods read is set here.
        self.loop = asyncio.get_running_loop()
        self.stream = Stream(self.loop, self.flush)
        asyncio.StreamReaderProtocol.__init__(self, self.stream, self._cb_client_connected, loop=self.loop)
        self.hostname = domain
        self.session = None
        self.envelope = None
        self.transport = None
        self._original_transport = None
        self._tls_protocol = None
        self._handler_coroutine = None
        self._timeout_handle = None
        self._timeout_duration = limits.STRANGER_IDLE

        self.ip = ""
        self.over = False
        self._place: tuple[limits.Share, object] | None = None
        self._replies: list[bytes] = []
        self._arriving = False
        self._arrived = 0

    @property
    def secured(self) -> bool:
        """Whether the connection is encrypted, from the start or by STARTTLS."""
        return self._tls_protocol is not None

    # --- what the event loop tells ---------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the conversation; on an implicit TLS port the handshake is over."""
        peer = transport.get_extra_info("peername")
        self.ip = addresses.plain(peer[0]) if peer else ""
        self._tls_protocol = transport.get_extra_info("ssl_object")
        measures.SESSIONS.inc()
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Give back what the session held; a message on its way in is not affected (`Handler.take`)."""
        measures.SESSIONS.dec()
        self.leave()
        super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        """Count what comes during DATA, for its rate."""
        self._arrived += len(data)
        super().data_received(data)

    def eof_received(self) -> bool | None:
        """Let the session answer what it has read: a client that only stops sending still wants its replies."""
        return asyncio.StreamReaderProtocol.eof_received(self)

    # --- time ------------------------------------------------------------------------------------------------------

    def within(self, seconds: float) -> None:
        """Cut the connection unless this is called again within `seconds`."""
        self._arriving = False
        self._reset_timeout(seconds)

    def arriving(self) -> None:
        """From now on content comes: cut the connection when it comes too slowly, however long it takes in all."""
        self._arriving = True
        self._arrived = 0
        self._reset_timeout(limits.RATE_WINDOW)

    def _timeout_cb(self) -> None:
        if not self._arriving:
            self.cut(replies.IDLE)
        elif self._arrived < limits.RATE_BYTES:
            self.cut(replies.SLOW)
        else:
            self.arriving()

    # --- replies and the end ---------------------------------------------------------------------------------------

    async def push(self, status: str) -> None:  # type: ignore[override]
        """Queue one reply line; those to pipelined commands leave together (RFC 2920 §3.2)."""
        self._replies.append(status.encode("ascii", "replace") + b"\r\n")
        if len(self._replies) > 100:
            await self.flush()

    async def flush(self) -> None:
        """Send the queued replies."""
        if self._replies:
            self._writer.write(b"".join(self._replies))
            self._replies.clear()
            await self._writer.drain()

    async def end(self, reply: str) -> None:
        """Reply, and end the connection after it."""
        await self.push(reply)
        self.over = True
        measures.CONNECTIONS.labels(reply[:9]).inc()

    def cut(self, reply: str) -> None:
        """End the connection now, whatever the session is waiting for."""
        self.over = True
        measures.CONNECTIONS.labels(reply[:9]).inc()
        if self.transport is not None:
            transport = cast(asyncio.Transport, self.transport)
            transport.write(reply.encode() + b"\r\n")
            transport.close()
            # A peer that does not read would keep a closing connection open for ever.
            self.loop.call_later(5, transport.abort)

    def abort(self) -> None:
        """End the connection without a word."""
        if self.transport is not None:
            cast(asyncio.Transport, self.transport).abort()

    # --- places ----------------------------------------------------------------------------------------------------

    def enter(self, share: limits.Share, who: object) -> bool:
        """Hold a place of `who` instead of the one held so far; False, and nothing changed, if none is left."""
        if not share.take(who):
            return False
        self.leave()
        self._place = (share, who)
        return True

    def leave(self) -> None:
        """Give back the place held."""
        if self._place is not None:
            share, who = self._place
            share.give_back(who)
            self._place = None

    # --- TLS -------------------------------------------------------------------------------------------------------

    async def encrypt(self, go_ahead: str, certificate: Certificate) -> None:
        """Send `go_ahead` and switch to TLS; what came in clear behind the command is forgotten (RFC 3207 §4.2)."""
        await self.flush()
        clear = cast(asyncio.Transport, self.transport)
        # No await between this reply and start_tls: its first step takes the transport over.
        clear.write(go_ahead.encode() + b"\r\n")
        self.stream.forget()
        self.within(limits.HANDSHAKE + 5)
        encrypted = await self.loop.start_tls(
            clear, self, certificate.context, server_side=True, ssl_handshake_timeout=limits.HANDSHAKE
        )
        if encrypted is None:
            raise Ended
        self._original_transport = clear
        self._tls_protocol = encrypted.get_extra_info("ssl_object")
        self.transport = encrypted
        self._writer._transport = encrypted  # type: ignore[attr-defined]
        self.stream.move(encrypted)
        self._over_ssl = True

    # --- the conversation ------------------------------------------------------------------------------------------

    async def _handle_client(self) -> None:
        """Speak until one side has had enough. This is the edge of the process: it catches everything."""
        try:
            await self.converse()
            await self.flush()
        except (Ended, ConnectionError, ssl.SSLError, TimeoutError):
            pass
        except Flood:
            self.cut(replies.FLOOD)
        except Exception:
            log.exception("smtp.session_failed", peer=self.ip)
        if self.transport is not None:
            self.transport.close()

    async def converse(self) -> None:
        """Greet the client and do what it says until `over`."""
        raise NotImplementedError
