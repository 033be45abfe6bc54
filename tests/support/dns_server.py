"""What does DNS say in a test? A scripted server on loopback, by UDP: records, no such name, or no answer worth having."""

import asyncio
from dataclasses import dataclass, field
from typing import cast

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset


@dataclass
class DnsServer:
    """Answers from `zone`: ("far.test", "MX") to ("10 mx.far.test.",), or to a code such as SERVFAIL; else NXDOMAIN."""

    zone: dict[tuple[str, str], tuple[str, ...] | dns.rcode.Rcode] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    ttl: int = 0
    _transport: asyncio.DatagramTransport | None = None

    async def start(self, port: int) -> None:
        """Answer on this port."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: _Door(self), local_addr=("127.0.0.1", port))

    def stop(self) -> None:
        """Answer no more."""
        if self._transport is not None:
            self._transport.close()

    def answer(self, wire: bytes) -> bytes:
        """Return the answer to one question."""
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.RA | dns.flags.AA
        found = self.zone.get((name, kind))
        if isinstance(found, dns.rcode.Rcode):
            reply.set_rcode(found)
        elif found is not None:
            reply.answer.append(dns.rrset.from_text(question.name, self.ttl, "IN", kind, *found))
        elif not any(known == name for known, _ in self.zone):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        return reply.to_wire()


class _Door(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)  # uvloop's is one without saying so

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._transport.sendto(self._server.answer(data), addr)
