"""Does the resolver tell "no" from "nobody knows", remember as long as it may, and ask once?"""

import asyncio
from collections.abc import AsyncIterator, Callable

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from kit.resolver import MX, DnsResolver, FakeResolver, NoSuchName, Resolver, Unanswered

SOA = "zone.test. 60 IN SOA ns.zone.test. root.zone.test. 1 3600 600 86400 30"


class Server(asyncio.DatagramProtocol):
    """An authoritative server for zone.test from a table; keeps what was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.zone: dict[tuple[str, str], list[str]] = {}
        self.broken: set[str] = set()
        self.silent: set[str] = set()
        self.met = asyncio.Event()
        self.hold = asyncio.Event()
        self.hold.set()
        self.port = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.DatagramTransport = transport  # type: ignore[assignment]
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str | None, int]) -> None:
        task = asyncio.create_task(self._answer(data, addr))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, data: bytes, addr: tuple[str | None, int]) -> None:
        query = dns.message.from_wire(data)
        name = query.question[0].name.to_text(omit_final_dot=True).lower()
        kind = query.question[0].rdtype.name
        self.asked.append((name, kind))
        self.met.set()
        await self.hold.wait()
        if name in self.silent:
            return
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.RA
        if name in self.broken:
            reply.set_rcode(dns.rcode.SERVFAIL)
        elif (name, kind) in self.zone:
            for text in self.zone[name, kind]:
                reply.answer.append(dns.rrset.from_text(*text.split(" ", 4)))
        else:
            if not any(known == name for known, _ in self.zone):
                reply.set_rcode(dns.rcode.NXDOMAIN)
            reply.authority.append(dns.rrset.from_text(*SOA.split(" ", 4)))
        self._transport.sendto(reply.to_wire(), addr)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(Server, local_addr=("127.0.0.1", 0))
    yield protocol
    transport.close()
    await asyncio.sleep(0)


@pytest.fixture
def resolver(server: Server) -> DnsResolver:
    server.zone |= {
        ("zone.test", "MX"): ["zone.test. 300 IN MX 20 B.zone.test.", "zone.test. 300 IN MX 10 a.zone.test."],
        ("null.test", "MX"): ["null.test. 300 IN MX 0 ."],
        ("a.zone.test", "A"): ["a.zone.test. 300 IN A 192.0.2.1", "a.zone.test. 300 IN A 192.0.2.2"],
        ("a.zone.test", "AAAA"): ["a.zone.test. 300 IN AAAA 2001:db8::1"],
        ("zone.test", "TXT"): ['zone.test. 300 IN TXT "v=spf1 " "-all"'],
        ("once.test", "A"): ["once.test. 0 IN A 192.0.2.9"],
    }
    return DnsResolver(f"127.0.0.1:{server.port}", lifetime=2)


async def test_records_are_read(resolver: DnsResolver) -> None:
    assert await resolver.mx("Zone.Test") == (MX(10, "a.zone.test"), MX(20, "b.zone.test"))
    assert sorted(await resolver.a("a.zone.test")) == ["192.0.2.1", "192.0.2.2"]
    assert await resolver.aaaa("a.zone.test.") == ("2001:db8::1",)
    assert await resolver.txt("zone.test") == ("v=spf1 -all",)
    assert await resolver.mx("null.test") == (MX(0, ""),)


async def test_no_records_no_name_and_no_answer_are_three_things(server: Server, resolver: DnsResolver) -> None:
    server.broken.add("broken.test")
    assert await resolver.mx("a.zone.test") == ()
    with pytest.raises(NoSuchName):
        await resolver.a("nowhere.test")
    with pytest.raises(Unanswered):
        await resolver.a("broken.test")


async def test_silence_is_no_answer_in_time(server: Server) -> None:
    server.silent.add("silent.test")
    impatient = DnsResolver(f"127.0.0.1:{server.port}", lifetime=0.2)
    with pytest.raises(Unanswered):
        await impatient.mx("silent.test")


@pytest.mark.parametrize("name", ["", "a..b", "x" * 64 + ".test", "a b.test", "ü.test\0"])
async def test_a_name_that_is_none_raises_one_of_the_two(resolver: DnsResolver, name: str) -> None:
    with pytest.raises((NoSuchName, Unanswered)):
        await resolver.a(name)


@pytest.mark.parametrize(
    "ask",
    [
        lambda resolver: resolver.mx("zone.test"),
        lambda resolver: resolver.aaaa("once.test"),
        lambda resolver: resolver.a("nowhere.test"),
    ],
)
async def test_answers_are_remembered(
    server: Server, resolver: DnsResolver, ask: Callable[[Resolver], asyncio.Future[object]]
) -> None:
    outcomes = []
    for _ in range(3):
        try:
            outcomes.append(repr(await ask(resolver)))
        except NoSuchName as no:
            outcomes.append(repr(no))
    assert len(server.asked) == 1
    assert len(set(outcomes)) == 1


async def test_a_ttl_of_nothing_is_asked_again(server: Server, resolver: DnsResolver) -> None:
    await resolver.a("once.test")
    await resolver.a("once.test")
    assert server.asked == [("once.test", "A")] * 2


async def test_many_who_ask_at_once_ask_once(server: Server, resolver: DnsResolver) -> None:
    server.hold.clear()
    asking = [asyncio.create_task(resolver.mx("zone.test")) for _ in range(50)]
    await server.met.wait()
    asking[0].cancel()
    server.hold.set()
    answers = await asyncio.gather(*asking, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert all(answer == (MX(10, "a.zone.test"), MX(20, "b.zone.test")) for answer in answers[1:])
    assert server.asked == [("zone.test", "MX")]


async def test_the_fake_keeps_the_same_promises() -> None:
    fake = FakeResolver({("x.test", "MX"): (MX(20, "b"), MX(10, "a")), ("down.test", "A"): Unanswered("x")})
    assert await fake.mx("X.test.") == (MX(10, "a"), MX(20, "b"))
    assert await fake.a("x.test") == ()
    with pytest.raises(NoSuchName):
        await fake.a("nowhere.test")
    with pytest.raises(Unanswered):
        await fake.a("down.test")
