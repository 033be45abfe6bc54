"""How does mail leave through one host of the operator's choice? `LIVERY_ROUTE=smtp://host:port`."""

import asyncio
import ipaddress
import socket
from urllib.parse import urlsplit
from uuid import UUID

from mail.transports import Conversation, Delivery, Heartbeat, Outcome, OutgoingMail
from mail.transports.exchange import Deadlines
from mail.transports.hosts import MOST_TARGETS, Hosts
from mail.transports.smtp import Target
from mail.transports.stream import Script
from mail.verdict import Cause, Deferred

SITE = "relay"


class Relay:
    """Everything to one host, whose name is looked up by the machine's own resolver."""

    def __init__(
        self, host: str, port: int, *, helo: str, deadlines: Deadlines | None = None, clear: bool = True
    ) -> None:
        """`clear` False: nothing goes unencrypted."""
        self._host = host
        self._port = port
        self._hosts = Hosts(helo=helo, deadlines=deadlines, clear=clear)

    @classmethod
    def from_route(cls, route: str, *, helo: str, clear: bool = True) -> "Relay":
        """Read "smtp://host:port"; the port is 25 where none is given. Raises ValueError."""
        parts = urlsplit(route)
        if parts.scheme != "smtp" or not parts.hostname or parts.path not in ("", "/"):
            raise ValueError(f"a relay is written smtp://host:port, not {route!r}")
        return cls(parts.hostname, parts.port or 25, helo=helo, clear=clear)

    async def site(self, domain: str) -> str:
        """One lane group for all domains: they all meet the same host."""
        return SITE

    async def deliver(self, mail: OutgoingMail, *, heartbeat: Heartbeat) -> Delivery:
        """Hand the message to the relay."""
        try:
            targets = await self._targets()
        except OSError as trouble:
            return _unknown_host(mail, self._host, trouble)
        return await self._hosts.deliver(mail, targets, site=SITE, heartbeat=heartbeat)

    async def close(self) -> None:
        """Say QUIT on kept connections."""
        await self._hosts.close()

    async def _targets(self) -> list[Target]:
        try:
            return [Target(self._host, str(ipaddress.ip_address(self._host)), self._port)]
        except ValueError:
            pass
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        ips = dict.fromkeys(str(entry[4][0]) for entry in found)
        return [Target(self._host, ip, self._port) for ip in list(ips)[:MOST_TARGETS]]


def _unknown_host(mail: OutgoingMail, host: str, trouble: OSError) -> Delivery:
    script = Script(host, "")
    script.aside(f"the relay's name has no address: {trouble.strerror or trouble}")
    verdict = Deferred(Cause.DNS, Cause.DNS.fault)
    ids: list[UUID] = [recipient.id for recipient in mail.recipients]
    talk: Conversation = script.conversation()
    return Delivery(tuple(Outcome(id_, verdict, None) for id_ in ids), (talk,))
