"""Does the resolver tell "no" from "nobody knows", remember as long as it may, and ask once? By real messages."""

import asyncio
import time
from collections.abc import Callable, Iterator

import dns.message
import dns.rcode
import dns.rrset
import pytest

from kit.resolver import MX, DnsResolver, FakeResolver, NoSuchName, Resolver, Unanswered
from tests.support.dns import Dns
from tests.support.stage import eventually


@pytest.fixture
def server() -> Iterator[Dns]:
    with Dns() as running:
        running.records(
            "zone.test. 300 IN MX 20 B.zone.test.",
            "zone.test. 300 IN MX 10 a.zone.test.",
            "null.test. 300 IN MX 0 .",
            "a.zone.test. 300 IN A 192.0.2.1",
            "a.zone.test. 300 IN A 192.0.2.2",
            "a.zone.test. 300 IN AAAA 2001:db8::1",
            'zone.test. 300 IN TXT "v=spf1 " "-all"',
            "once.test. 0 IN A 192.0.2.9",
            "alias.test. 300 IN CNAME middle.test.",
            "middle.test. 300 IN CNAME a.zone.test.",
            "dangling.test. 300 IN CNAME nowhere.test.",
        )
        yield running


@pytest.fixture
def resolver(server: Dns) -> DnsResolver:
    return DnsResolver(server.address, lifetime=2)


async def test_records_are_read(resolver: DnsResolver) -> None:
    assert await resolver.mx("Zone.Test") == (MX(10, "a.zone.test"), MX(20, "b.zone.test"))
    assert sorted(await resolver.a("a.zone.test")) == ["192.0.2.1", "192.0.2.2"]
    assert await resolver.aaaa("a.zone.test.") == ("2001:db8::1",)
    assert await resolver.txt("zone.test") == ("v=spf1 -all",)
    assert await resolver.mx("null.test") == (MX(0, ""),)


async def test_no_records_no_name_and_no_answer_are_three_things(server: Dns, resolver: DnsResolver) -> None:
    server.fails("broken.test")
    assert await resolver.mx("a.zone.test") == ()
    with pytest.raises(NoSuchName):
        await resolver.a("nowhere.test")
    with pytest.raises(Unanswered):
        await resolver.a("broken.test")


@pytest.mark.parametrize("rcode", ["SERVFAIL", "REFUSED", "FORMERR", "NOTIMP"])
async def test_a_failing_server_is_no_answer(server: Dns, resolver: DnsResolver, rcode: str) -> None:
    server.fails("zone.test", rcode)
    with pytest.raises(Unanswered):
        await resolver.mx("zone.test")


async def test_a_referral_is_no_answer(server: Dns, resolver: DnsResolver) -> None:
    """A lame server points elsewhere instead of answering: that is not "no such records"."""
    server.lame("zone.test")
    with pytest.raises(Unanswered, match="lame"):
        await resolver.mx("zone.test")


async def test_silence_is_no_answer_in_time(server: Dns) -> None:
    server.silent("silent.test")
    impatient = DnsResolver(server.address, lifetime=0.2)
    with pytest.raises(Unanswered):
        await impatient.mx("silent.test")


async def test_nobody_at_the_address_is_no_answer(port: int) -> None:
    with pytest.raises(Unanswered):
        await DnsResolver(f"127.0.0.1:{port}", lifetime=0.2).mx("zone.test")


async def test_what_is_cut_short_by_udp_is_asked_for_over_tcp(server: Dns, resolver: DnsResolver) -> None:
    server.records(*(f"large.test. 300 IN MX {n} mx{n}.a-rather-long-name.large.test." for n in range(100)))
    found = await resolver.mx("large.test")
    assert found == tuple(MX(n, f"mx{n}.a-rather-long-name.large.test") for n in range(100))
    assert [asked.over for asked in server.asked] == ["udp", "tcp"]


async def test_aliases_are_followed(resolver: DnsResolver) -> None:
    assert sorted(await resolver.a("alias.test")) == ["192.0.2.1", "192.0.2.2"]
    assert await resolver.mx("alias.test") == ()
    with pytest.raises(NoSuchName):
        await resolver.a("dangling.test")


async def test_an_alias_whose_target_nobody_looked_up_is_no_answer(server: Dns, resolver: DnsResolver) -> None:
    def half(query: dns.message.Message) -> dns.message.Message:
        reply = dns.message.make_response(query)
        reply.answer.append(dns.rrset.from_text("half.test.", 300, "IN", "CNAME", "a.zone.test."))
        return reply

    server.answers_by("half.test", half)
    with pytest.raises(Unanswered):
        await resolver.a("half.test")


async def test_an_answer_is_asked_again_when_its_ttl_has_passed_and_not_before(server: Dns) -> None:
    resolver = DnsResolver(server.address)
    server.records("short.test. 1 IN A 192.0.2.1")
    server.then("short.test. 300 IN A 192.0.2.2")
    began = time.monotonic()

    async def changed() -> float | None:
        return time.monotonic() if await resolver.a("short.test") == ("192.0.2.2",) else None

    took = await eventually(changed, "new address") - began
    assert 1 <= took < 3
    assert server.count("short.test") == 2


@pytest.mark.parametrize(
    ("lines", "name", "seconds"),
    [
        (["x.test. 77 IN A 192.0.2.1"], "x.test", 77),
        (["x.test. 77 IN CNAME y.test.", "y.test. 33 IN A 192.0.2.1"], "x.test", 33),
        (["x.test. 11 IN CNAME y.test.", "y.test. 33 IN A 192.0.2.1"], "x.test", 11),
        (["x.test. 604800 IN A 192.0.2.1"], "x.test", 86400),
        (["x.test. 4294967295 IN A 192.0.2.1"], "x.test", 0),  # RFC 2181 §8
        ([], "x.test", 30),  # the SOA's
        (["x.test. 9 IN CNAME nowhere.test."], "x.test", 9),
        (["x.test. 300 IN TXT hello"], "x.test", 30),
    ],
)
async def test_the_cache_keeps_an_answer_as_long_as_its_ttl_says(
    server: Dns, resolver: DnsResolver, lines: list[str], name: str, seconds: int
) -> None:
    server.records(*lines)
    now = asyncio.get_running_loop().time()
    try:
        await resolver.a(name)
    except NoSuchName:
        pass
    until, _ = resolver._cache[name, "A"]
    assert until - now == pytest.approx(seconds, abs=2)


@pytest.mark.parametrize(("rcode", "kept"), [(dns.rcode.NXDOMAIN, 0), (dns.rcode.NOERROR, 0)])
async def test_a_no_without_an_soa_is_not_kept(
    server: Dns, resolver: DnsResolver, rcode: dns.rcode.Rcode, kept: int
) -> None:
    def bare(query: dns.message.Message) -> dns.message.Message:
        reply = dns.message.make_response(query)
        reply.set_rcode(rcode)
        return reply

    server.answers_by("bare.test", bare)
    for _ in range(2):
        try:
            assert await resolver.a("bare.test") == ()
        except NoSuchName:
            pass
    assert server.count("bare.test") == 2


async def test_a_failure_is_not_asked_for_again_at_once(server: Dns) -> None:
    resolver = DnsResolver(server.address, lifetime=0.7)
    server.fails("zone.test")
    for _ in range(20):
        with pytest.raises(Unanswered):
            await resolver.mx("zone.test")
    assert server.count("zone.test") == 1
    server.well("zone.test")

    async def recovered() -> object | None:
        try:
            return await resolver.mx("zone.test")
        except Unanswered:
            return None

    assert await eventually(recovered, "recovery")


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
    server: Dns, resolver: DnsResolver, ask: Callable[[Resolver], asyncio.Future[object]]
) -> None:
    outcomes = []
    for _ in range(3):
        try:
            outcomes.append(repr(await ask(resolver)))
        except NoSuchName as no:
            outcomes.append(repr(no))
    assert len(server.asked) == 1
    assert len(set(outcomes)) == 1


async def test_a_ttl_of_nothing_is_asked_again(server: Dns, resolver: DnsResolver) -> None:
    await resolver.a("once.test")
    await resolver.a("once.test")
    assert server.count("once.test", "A") == 2


async def test_many_who_ask_at_once_ask_once(server: Dns, resolver: DnsResolver) -> None:
    server.hold.clear()
    asking = [asyncio.create_task(resolver.mx("zone.test")) for _ in range(50)]
    await eventually(lambda: _true_or_none(bool(server.asked)), "question")
    asking[0].cancel()
    server.hold.set()
    answers = await asyncio.gather(*asking, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert all(answer == (MX(10, "a.zone.test"), MX(20, "b.zone.test")) for answer in answers[1:])
    assert server.count("zone.test", "MX") == 1


async def test_the_fake_keeps_the_same_promises() -> None:
    fake = FakeResolver({("x.test", "MX"): (MX(20, "b"), MX(10, "a")), ("down.test", "A"): Unanswered("x")})
    assert await fake.mx("X.test.") == (MX(10, "a"), MX(20, "b"))
    assert await fake.a("x.test") == ()
    with pytest.raises(NoSuchName):
        await fake.a("nowhere.test")
    with pytest.raises(Unanswered):
        await fake.a("down.test")


async def _true_or_none(true: bool) -> bool | None:
    return true or None
