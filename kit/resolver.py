"""What does DNS say? MX, addresses and TXT, cached as long as their TTL allows, each question asked once at a time.

Three answers are told apart, because mail hangs on the difference: records (perhaps none: NODATA gives an empty tuple),
a name that does not exist (`NoSuchName`), and nobody who could tell (`Unanswered`: SERVFAIL, REFUSED, timeout, a server
that only points elsewhere), which never means no. Answers cut short by UDP are asked for again over TCP (RFC 7766 §5).
`FakeResolver` is the same port from a table, for tests and laboratories.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import dns.asyncresolver
import dns.exception
import dns.message
import dns.name
import dns.rdatatype
import dns.resolver
import dns.rrset

_MOST_CACHED = 50_000
_LIFETIME = 15.0
"""Seconds for one question over all tries."""
_LONGEST = 24 * 3600.0
"""Seconds after which even a longer TTL is asked again."""
_LONGEST_NO = 3 * 3600.0
"""Seconds after which a "no" is asked again, whatever its SOA says (RFC 2308 §5 advises one to three hours)."""
_UNANSWERED = 10.0
"""Seconds for which a failed question is not repeated, or as long as finding out may take where that is less."""


class NoSuchName(Exception):
    """The name does not exist (NXDOMAIN)."""


class Unanswered(Exception):
    """Nobody could tell: SERVFAIL, timeout, or an answer that made no sense."""


@dataclass(frozen=True, slots=True, order=True)
class MX:
    """One MX record."""

    preference: int
    host: str
    """Lower case, without the final dot; "" for the null MX (RFC 7505)."""


class Resolver(Protocol):
    """The port. Names are A-labels; every method raises NoSuchName or Unanswered."""

    async def mx(self, name: str) -> tuple[MX, ...]:
        """MX records by preference; empty where the name has none."""
        ...

    async def a(self, name: str) -> tuple[str, ...]:
        """IPv4 addresses."""
        ...

    async def aaaa(self, name: str) -> tuple[str, ...]:
        """IPv6 addresses."""
        ...

    async def txt(self, name: str) -> tuple[str, ...]:
        """TXT records, the strings of each joined (RFC 7208 §3.3)."""
        ...


type _Question = tuple[str, str]


class DnsResolver:
    """Asks the given server, or those of the machine."""

    def __init__(self, server: str | None = None, *, lifetime: float = _LIFETIME) -> None:
        """`server` is "address", "address:port" or "[v6]:port"; None reads /etc/resolv.conf."""
        try:
            self._resolver = dns.asyncresolver.Resolver(configure=server is None)
        except dns.resolver.NoResolverConfiguration:
            server = "127.0.0.1"  # resolv.conf(5): without the file, the name server on the local machine
            self._resolver = dns.asyncresolver.Resolver(configure=False)
        if server is not None:
            address, port = _server(server)
            self._resolver.nameservers = [address]
            self._resolver.port = port
        self._resolver.lifetime = lifetime
        self._unanswered = min(_UNANSWERED, lifetime)
        self._resolver.cache = None
        self._cache: OrderedDict[_Question, tuple[float, tuple[Any, ...] | Exception]] = OrderedDict()
        self._asking: dict[_Question, asyncio.Task[tuple[Any, ...]]] = {}

    async def mx(self, name: str) -> tuple[MX, ...]:
        """MX records by preference."""
        return tuple(sorted(await self._ask(name, "MX", lambda r: MX(int(r.preference), _plain(r.exchange)))))

    async def a(self, name: str) -> tuple[str, ...]:
        """IPv4 addresses."""
        return await self._ask(name, "A", lambda r: str(r.address))

    async def aaaa(self, name: str) -> tuple[str, ...]:
        """IPv6 addresses."""
        return await self._ask(name, "AAAA", lambda r: str(r.address))

    async def txt(self, name: str) -> tuple[str, ...]:
        """TXT records."""
        return await self._ask(name, "TXT", lambda r: b"".join(r.strings).decode("utf-8", "replace"))

    async def _ask[T](self, name: str, kind: str, read: Callable[[Any], T]) -> tuple[T, ...]:
        question = (name.lower().rstrip("."), kind)
        now = asyncio.get_running_loop().time()
        known = self._cache.get(question)
        if known is not None and known[0] > now:
            self._cache.move_to_end(question)
            if isinstance(known[1], Exception):
                raise type(known[1])(*known[1].args)
            return known[1]
        task = self._asking.get(question)
        if task is None:
            # A task of its own: whoever asked first may be cancelled, the others still wait for the answer.
            task = asyncio.create_task(self._query(question, read))
            self._asking[question] = task
            task.add_done_callback(lambda done: self._answered(question, done))
        return await asyncio.shield(task)

    def _answered(self, question: _Question, done: "asyncio.Task[tuple[Any, ...]]") -> None:
        del self._asking[question]
        if not done.cancelled():
            done.exception()  # seen: nobody may be waiting any more

    async def _query[T](self, question: _Question, read: Callable[[Any], T]) -> tuple[T, ...]:
        name, kind = question
        try:
            answer = await self._resolver.resolve(name + ".", kind, raise_on_no_answer=False, search=False)
        except dns.resolver.NXDOMAIN as no:
            responses: dict[Any, dns.message.Message] = no.kwargs.get("responses", {})
            ttl = min((_negative_ttl(response) for response in responses.values()), default=0.0)
            raise self._remember(question, ttl, NoSuchName(name)) from None
        except (dns.exception.DNSException, OSError, EOFError, ValueError) as trouble:
            words = type(trouble).__name__
            raise self._remember(question, self._unanswered, Unanswered(f"{kind} {name}: {words}")) from None
        if answer.rrset is None and _points_elsewhere(answer.response):
            raise self._remember(question, self._unanswered, Unanswered(f"{kind} {name}: lame server"))
        if answer.rrset is None:
            found: tuple[T, ...] = ()
            self._store(question, _negative_ttl(answer.response), found)
        else:
            found = tuple(read(record) for record in answer.rrset)
            self._store(question, min(_ttl(answer.chaining_result.minimum_ttl), _LONGEST), found)
        return found

    def _remember(self, question: _Question, ttl: float, fault: Exception) -> Exception:
        self._store(question, ttl, fault)
        return fault

    def _store(self, question: _Question, ttl: float, found: "tuple[Any, ...] | Exception") -> None:
        self._cache[question] = (asyncio.get_running_loop().time() + ttl, found)
        self._cache.move_to_end(question)
        if len(self._cache) > _MOST_CACHED:
            self._cache.popitem(last=False)


def _ttl(seconds: int) -> float:
    return float(seconds) if seconds < 2**31 else 0.0  # RFC 2181 §8: the highest bit set means zero


def _soa(response: dns.message.Message) -> dns.rrset.RRset | None:
    return next((rrset for rrset in response.authority if rrset.rdtype == dns.rdatatype.SOA), None)


def _negative_ttl(response: dns.message.Message) -> float:
    """Seconds a "no" may be kept: RFC 2308 §5, the smaller of the SOA's TTL and MINIMUM, and of the CNAMEs before it."""
    soa = _soa(response)
    if soa is None:
        return 0.0  # RFC 2308 §5: without an SOA it should not be kept
    aliases = (_ttl(rrset.ttl) for rrset in response.answer)
    return min(_ttl(soa.ttl), _ttl(soa[0].minimum), _LONGEST_NO, *aliases)


def _points_elsewhere(response: dns.message.Message) -> bool:
    """An empty answer that denies nothing: a referral (RFC 2308 §2.2), or an alias whose target nobody looked up."""
    if _soa(response) is not None:
        return False
    return bool(response.answer) or any(rrset.rdtype == dns.rdatatype.NS for rrset in response.authority)


def _plain(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower() if name != dns.name.root else ""


def _server(server: str) -> tuple[str, int]:
    if server.startswith("["):
        address, _, port = server[1:].partition("]")
        return address, int(port.removeprefix(":") or 53)
    if server.count(":") == 1:
        address, _, port = server.partition(":")
        return address, int(port)
    return server, 53


@dataclass
class FakeResolver:
    """The same port from a table: {("shop.test", "MX"): (MX(10, "mx.shop.test"),)}; an exception as value is raised.

    A name with no entry of any kind does not exist; a name with entries of other kinds has no such records.
    """

    records: Mapping[tuple[str, str], tuple[Any, ...] | Exception] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    async def mx(self, name: str) -> tuple[MX, ...]:
        """MX records by preference."""
        return tuple(sorted(self._look(name, "MX")))

    async def a(self, name: str) -> tuple[str, ...]:
        """IPv4 addresses."""
        return self._look(name, "A")

    async def aaaa(self, name: str) -> tuple[str, ...]:
        """IPv6 addresses."""
        return self._look(name, "AAAA")

    async def txt(self, name: str) -> tuple[str, ...]:
        """TXT records."""
        return self._look(name, "TXT")

    def _look(self, name: str, kind: str) -> tuple[Any, ...]:
        name = name.lower().rstrip(".")
        self.asked.append((name, kind))
        found = self.records.get((name, kind))
        if isinstance(found, Exception):
            raise found
        if found is None and not any(known == name for known, _ in self.records):
            raise NoSuchName(name)
        return found or ()
