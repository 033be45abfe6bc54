"""On which ports do we listen, and how does a connection get from there to its session?

Several processes share each port (SO_REUSEPORT), the kernel deals out connections. We accept by ourselves rather than
through `create_server`, so that a stranger's TLS handshakes are counted before they cost anything, and so that running
out of file descriptors means a pause and not a spin.
"""

import asyncio
import errno
import socket
import ssl
from collections.abc import Iterable

import structlog

from kit import addresses
from smtpd import limits, measures
from smtpd.session import Door, Session

log = structlog.get_logger()

_BACKLOG = 1_024
_AT_ONCE = 64
# How long nothing is accepted after file descriptors or memory have run out.
_BREATH = 0.5
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class Listener:
    """One listening port of this process."""

    def __init__(self, door: Door, address: str, port: int, *, implicit_tls: bool, returns_port: bool) -> None:
        """Raises OSError when the port is taken by somebody who does not share it."""
        self._door = door
        self._implicit_tls = implicit_tls
        self._returns_port = returns_port
        self._loop = asyncio.get_running_loop()
        self._handshakes = limits.Share(limits.PER_ADDRESS)
        self._opening: set[asyncio.Task[None]] = set()
        self._socket = _listening(address, port)
        self._loop.add_reader(self._socket.fileno(), self._accept)

    def close(self) -> None:
        """Take no more connections; those that have become sessions stay."""
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()
        for opening in self._opening:
            opening.cancel()

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                connection, peer = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _EXHAUSTED:
                    raise
                log.error("smtp.accept_paused", reason=str(error))
                self._loop.remove_reader(self._socket.fileno())
                self._loop.call_later(_BREATH, self._resume)
                return
            connection.setblocking(False)
            opening = self._loop.create_task(self._open(connection, addresses.plain(peer[0])))
            self._opening.add(opening)
            opening.add_done_callback(self._opening.discard)

    def _resume(self) -> None:
        if self._socket.fileno() >= 0:
            self._loop.add_reader(self._socket.fileno(), self._accept)

    async def _open(self, connection: socket.socket, ip: str) -> None:
        """Make the connection a session; on an implicit TLS port after the handshake."""
        if not self._implicit_tls:
            await self._loop.connect_accepted_socket(self._session, connection)
            return
        who = addresses.neighbourhood(ip)
        if not self._handshakes.take(who):
            measures.CONNECTIONS.labels("handshakes").inc()
            connection.close()
            return
        try:
            await self._loop.connect_accepted_socket(
                self._session,
                connection,
                ssl=self._door.certificate.context,
                ssl_handshake_timeout=limits.HANDSHAKE,
            )
        except (OSError, ssl.SSLError, TimeoutError):
            measures.CONNECTIONS.labels("tls failed").inc()
            connection.close()
        except asyncio.CancelledError:
            connection.close()
            raise
        finally:
            self._handshakes.give_back(who)

    def _session(self) -> Session:
        return Session(self._door, returns_port=self._returns_port)


def listen(door: Door, address: str, *, smtp: Iterable[int], smtps: Iterable[int], mx: int) -> list[Listener]:
    """Listen on every port: STARTTLS, implicit TLS, and the one that takes returned mail too.

    Raises OSError naming the port that is taken; then nothing listens.
    """
    kinds = [(port, False, False) for port in smtp] + [(port, True, False) for port in smtps] + [(mx, False, True)]
    listeners: list[Listener] = []
    try:
        for port, implicit_tls, returns_port in kinds:
            listeners.append(Listener(door, address, port, implicit_tls=implicit_tls, returns_port=returns_port))
    except OSError:
        for listener in listeners:
            listener.close()
        raise
    return listeners


def _listening(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listening.bind((address, port))
        listening.listen(_BACKLOG)
        listening.setblocking(False)
    except OSError as error:
        listening.close()
        raise OSError(error.errno, f"cannot listen on {address} port {port}: {error.strerror}") from None
    return listening
