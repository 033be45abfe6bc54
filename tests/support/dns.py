"""What does DNS say in a test? A scripted resolver on loopback that speaks real messages over UDP and TCP.

It runs in threads of its own, so that one server outlives the event loops of many tests. Nothing here imports the
platform.
"""

import socketserver
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from tests.support.ports import free_port

type Question = tuple[str, str]
"""Lower-case name without the final dot, and type: ("far.test", "MX")."""
type Fault = Callable[[dns.message.Message], dns.message.Message | None]
"""Makes the answer to a query; None is silence."""

_MOST_UDP = 512  # RFC 1035 §4.2.1, for queries without EDNS
NO_TTL = 30
"""The TTL of the SOA beside a negative answer."""


@dataclass(frozen=True)
class Asked:
    """One query that arrived."""

    name: str
    kind: str
    over: str
    """ "udp" or "tcp". """
    at: float
    """Seconds of the monotonic clock."""


class Dns:
    """Start it with `with Dns() as dns`. A name that nothing was said about does not exist (NXDOMAIN, with an SOA).

    Like a recursive resolver it follows aliases and puts the chain into the answer. What does not fit into UDP is cut
    short there and whole over TCP.
    """

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.hold = threading.Event()
        """Cleared, no query is answered until it is set again."""
        self.hold.set()
        self._records: dict[Question, list[list[dns.rrset.RRset]]] = {}
        self._faults: dict[str, Fault] = {}
        self._lock = threading.Lock()
        # Some other test run may have taken the UDP port of a free TCP port: look for a number free in both.
        while True:
            port = free_port()
            try:
                self._udp = _Udp(("127.0.0.1", port), _OverUdp)
            except OSError:
                continue
            self._tcp = _Tcp(("127.0.0.1", port), _OverTcp)
            break
        self.address = f"127.0.0.1:{port}"
        """For `LIVERY_DNS`."""
        self._udp.dns = self._tcp.dns = self

    def __enter__(self) -> Self:
        for server in (self._udp, self._tcp):
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.hold.set()
        for server in (self._udp, self._tcp):
            server.shutdown()
            server.server_close()

    # -- what it says

    def records(self, *lines: str) -> None:
        """Add records as in a zone file: "far.test. 300 IN MX 10 mx.far.test."."""
        self._say(lines, later=False)

    def then(self, *lines: str) -> None:
        """From the next time on that each of these questions is asked, answer with these records in the place of the last."""
        self._say(lines, later=True)

    def fails(self, name: str, rcode: str = "SERVFAIL") -> None:
        """Every question about `name` fails: SERVFAIL, REFUSED, FORMERR, NOTIMP …"""

        def answer(query: dns.message.Message) -> dns.message.Message:
            reply = _reply(query)
            reply.set_rcode(dns.rcode.from_text(rcode))
            return reply

        self._faults[name] = answer

    def silent(self, name: str) -> None:
        """Questions about `name` are never answered."""
        self._faults[name] = lambda query: None

    def lame(self, name: str) -> None:
        """Questions about `name` are answered by a referral to somebody else: NOERROR, no answer, NS in authority."""

        def answer(query: dns.message.Message) -> dns.message.Message:
            reply = _reply(query)
            reply.flags &= ~dns.flags.RA
            reply.authority.append(dns.rrset.from_text("test.", 300, "IN", "NS", "elsewhere.test."))
            return reply

        self._faults[name] = answer

    def answers_by(self, name: str, fault: Fault) -> None:
        """Questions about `name` are answered by what `fault` makes of the query."""
        self._faults[name] = fault

    def well(self, name: str) -> None:
        """`name` is answered from its records again."""
        del self._faults[name]

    def count(self, name: str, kind: str | None = None, *, over: str | None = None) -> int:
        """How often `name` was asked about."""
        with self._lock:
            return sum(
                asked.name == name and kind in (None, asked.kind) and over in (None, asked.over) for asked in self.asked
            )

    # -- answering

    def _say(self, lines: Sequence[str], *, later: bool) -> None:
        sets: dict[Question, list[dns.rrset.RRset]] = {}
        for line in lines:
            name, ttl, klass, kind, data = line.split(" ", 4)
            question = (name.rstrip(".").lower(), kind)
            # A set a record: where the TTLs of one set differ, that is what was asked for.
            sets.setdefault(question, []).append(dns.rrset.from_text(name, int(ttl), klass, kind, data))
        with self._lock:
            for question, found in sets.items():
                turns = self._records.setdefault(question, [])
                if later or not turns:
                    turns.append(found)
                else:
                    turns[-1].extend(found)

    def _take(self, question: Question) -> list[dns.rrset.RRset] | None:
        turns = self._records.get(question)
        if not turns:
            return None
        return turns.pop(0) if len(turns) > 1 else turns[0]

    def _knows(self, name: str) -> bool:
        return any(known == name or known.endswith(f".{name}") for known, _ in self._records)

    def answer(self, wire: bytes, over: str) -> bytes | None:
        """The answer to one message, or None for silence."""
        try:
            query = dns.message.from_wire(wire)
        except dns.exception.DNSException:
            return None
        name = _text(query.question[0].name)
        kind = dns.rdatatype.to_text(query.question[0].rdtype)
        with self._lock:
            self.asked.append(Asked(name, kind, over, time.monotonic()))
        self.hold.wait()
        with self._lock:
            fault = self._faults.get(name)
            reply = fault(query) if fault else self._from_records(query, name, kind)
        if reply is None:
            return None
        if over == "tcp":
            return reply.to_wire()
        most = query.payload if query.edns >= 0 else _MOST_UDP
        try:
            return reply.to_wire(max_size=most)
        except dns.exception.TooBig:
            short = _reply(query)
            short.flags |= dns.flags.TC
            return short.to_wire()

    def _from_records(self, query: dns.message.Message, name: str, kind: str) -> dns.message.Message:
        reply = _reply(query)
        for _ in range(16):
            alias = self._take((name, "CNAME")) if kind != "CNAME" else None
            if alias is None:
                break
            reply.answer += alias
            name = _text(alias[0][0].target)
        if found := self._take((name, kind)):
            reply.answer += found
            return reply
        if not self._knows(name):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        zone = name.rpartition(".")[2]
        reply.authority.append(
            dns.rrset.from_text(f"{zone}.", NO_TTL, "IN", "SOA", f"ns.{zone}. root.{zone}. 1 3600 600 86400 {NO_TTL}")
        )
        return reply


def _text(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower()


def _reply(query: dns.message.Message) -> dns.message.Message:
    reply = dns.message.make_response(query)
    reply.flags |= dns.flags.RA
    return reply


class _Udp(socketserver.ThreadingUDPServer):
    dns: Dns
    daemon_threads = True
    block_on_close = False


class _Tcp(socketserver.ThreadingTCPServer):
    dns: Dns
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True


class _OverUdp(socketserver.BaseRequestHandler):
    server: _Udp

    def handle(self) -> None:
        data, back = self.request
        if (answer := self.server.dns.answer(data, "udp")) is not None:
            back.sendto(answer, self.client_address)


class _OverTcp(socketserver.StreamRequestHandler):
    server: _Tcp

    def handle(self) -> None:
        # RFC 1035 §4.2.2: two octets of length before each message
        while len(length := self.rfile.read(2)) == 2:
            data = self.rfile.read(int.from_bytes(length, "big"))
            if (answer := self.server.dns.answer(data, "tcp")) is not None:
                self.wfile.write(len(answer).to_bytes(2, "big") + answer)
