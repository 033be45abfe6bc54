"""How does a test say exactly these bytes to an SMTP server? A socket that sends what it is told and reads replies."""

import base64
import re
import socket
import ssl
from typing import Self


class RawSmtp:
    """One connection; `tls` from the first byte where a context is given. The banner has been read."""

    def __init__(self, port: int, *, tls: ssl.SSLContext | None = None) -> None:
        self._socket: socket.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        if tls is not None:
            self._socket = tls.wrap_socket(self._socket, server_hostname="localhost")
        self.banner = self.read()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        """Send these bytes and nothing else."""
        self._socket.sendall(data)

    def read(self) -> str:
        """Return one whole reply, its lines joined by newlines; "" when the peer has closed."""
        reply = b""
        while not reply.endswith(b"\r\n") or re.match(rb"\d{3}-", reply.rsplit(b"\r\n", 2)[-2]):
            octet = self._socket.recv(1)
            if not octet:
                return reply.decode()
            reply += octet
        return reply.decode().replace("\r\n", "\n").strip()

    def say(self, line: str | bytes) -> str:
        """Send one command line and return its reply."""
        self.send((line.encode() if isinstance(line, str) else line) + b"\r\n")
        return self.read()

    def starttls(self, tls: ssl.SSLContext) -> None:
        """Go over to TLS."""
        reply = self.say("STARTTLS")
        assert reply.startswith("220"), reply
        self._socket = tls.wrap_socket(self._socket, server_hostname="localhost")

    def plain(self, user: str, password: str) -> str:
        """Say AUTH PLAIN with its initial response and return the reply."""
        response = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
        return self.say(f"AUTH PLAIN {response}")

    def data(self, content: bytes) -> str:
        """Say DATA and `content` (dots already stuffed) with the final dot, and return the reply to the dot."""
        go = self.say("DATA")
        assert go.startswith("354"), go
        self.send(content + b".\r\n")
        return self.read()
