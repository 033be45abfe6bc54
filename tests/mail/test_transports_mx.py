"""Does mail find the right hosts, in the right order, and never our own network?"""

from collections.abc import AsyncIterator
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from kit.resolver import MX, FakeResolver, Unanswered
from mail.transports import Delivery
from mail.transports.mx import MailExchangers, is_public
from mail.verdict import Bounced, Cause, Deferred, Delivered, Verdict
from tests.mail.letters import QUICK, held, mail
from tests.support.sink import Sink


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with Sink() as running:
        yield running


def exchangers(records: dict[tuple[str, str], Any], port: int = 25, *, private: bool = True) -> MailExchangers:
    return MailExchangers(
        FakeResolver(records),
        helo="out.test",
        rng=Random(1),
        port=port,
        private_targets=private,
        deadlines=QUICK,
    )


async def verdict_of(transport: MailExchangers) -> Verdict:
    return (await delivery_of(transport)).outcomes[0].verdict


async def delivery_of(transport: MailExchangers) -> Delivery:
    delivery = await transport.deliver(mail(), heartbeat=held)
    await transport.close()
    return delivery


async def test_the_lowest_preference_is_met_first(sink: Sink) -> None:
    records = {
        ("far.test", "MX"): (MX(20, "second.test"), MX(10, "first.test")),
        ("first.test", "A"): ("127.0.0.1",),
        ("second.test", "A"): ("127.0.0.2",),
    }
    delivery = await delivery_of(exchangers(records, sink.port))
    assert delivery.outcomes[0].verdict == Delivered()
    assert [talk.host for talk in delivery.conversations] == ["first.test"]


async def test_equal_preferences_share_the_load(sink: Sink) -> None:
    records: dict[tuple[str, str], Any] = {("far.test", "MX"): tuple(MX(10, f"mx{n}.test") for n in range(4))}
    records |= {(f"mx{n}.test", "A"): ("127.0.0.1",) for n in range(4)}
    sink.answers("421 4.3.2 one at a time", at="dot")  # so that no connection is kept
    transport = exchangers(records, sink.port)
    firsts = {(await delivery_of(transport)).conversations[0].host for _ in range(40)}
    assert firsts == {"mx0.test", "mx1.test", "mx2.test", "mx3.test"}


async def test_a_dead_host_leads_to_the_next_one(sink: Sink) -> None:
    records = {
        ("far.test", "MX"): (MX(10, "dead.test"), MX(20, "alive.test")),
        ("dead.test", "A"): ("127.0.0.2",),  # the sink listens on 127.0.0.1 only
        ("alive.test", "A"): ("127.0.0.1",),
    }
    delivery = await delivery_of(exchangers(records, sink.port))
    assert delivery.outcomes[0].verdict == Delivered()
    assert [talk.host for talk in delivery.conversations] == ["dead.test", "alive.test"]


async def test_two_addresses_of_one_host_are_both_tried(sink: Sink) -> None:
    records = {("far.test", "MX"): (MX(10, "mx.test"),), ("mx.test", "A"): ("127.0.0.2", "127.0.0.1")}
    assert await verdict_of(exchangers(records, sink.port)) == Delivered()


async def test_without_mx_the_domain_itself_is_the_host(sink: Sink) -> None:
    assert await verdict_of(exchangers({("far.test", "A"): ("127.0.0.1",)}, sink.port)) == Delivered()


async def test_a_null_mx_refuses_for_good() -> None:
    verdict = await verdict_of(exchangers({("far.test", "MX"): (MX(0, ""),)}))
    assert verdict == Bounced(Cause.ACCEPTS_NO_MAIL, Cause.ACCEPTS_NO_MAIL.fault, suppress=True)


async def test_a_domain_that_does_not_exist_bounces() -> None:
    assert await verdict_of(exchangers({})) == Bounced(Cause.NO_DOMAIN, Cause.NO_DOMAIN.fault, suppress=True)


async def test_a_domain_without_mx_and_addresses_bounces() -> None:
    verdict = await verdict_of(exchangers({("far.test", "TXT"): ("hello",)}))
    assert verdict == Bounced(Cause.NO_DOMAIN, Cause.NO_DOMAIN.fault, suppress=True)


@pytest.mark.parametrize(
    "records",
    [
        {("far.test", "MX"): Unanswered("SERVFAIL")},
        {("far.test", "A"): Unanswered("timeout"), ("far.test", "AAAA"): Unanswered("timeout")},
        {("far.test", "MX"): (MX(10, "mx.test"),), ("mx.test", "A"): Unanswered("x"), ("mx.test", "AAAA"): ()},
        {("far.test", "MX"): (MX(10, "gone.test"),)},
    ],
)
async def test_dns_that_cannot_say_never_bounces(records: dict[tuple[str, str], Any]) -> None:
    delivery = await delivery_of(exchangers(records))
    assert delivery.outcomes[0].verdict == Deferred(Cause.DNS, Cause.DNS.fault)
    assert delivery.conversations[0].lines[0].startswith("* ")


@pytest.mark.parametrize("ip", ["127.0.0.1", "10.1.2.3", "::1", "169.254.169.254", "::ffff:127.0.0.1"])
async def test_a_zone_cannot_steer_us_into_our_own_network(sink: Sink, ip: str) -> None:
    kind = "AAAA" if ":" in ip else "A"
    records = {("far.test", "MX"): (MX(10, "mx.test"),), ("mx.test", kind): (ip,)}
    verdict = await verdict_of(exchangers(records, sink.port, private=False))
    assert isinstance(verdict, Bounced)
    assert not verdict.suppress
    assert sink.connections == 0


@pytest.mark.parametrize(
    ("ip", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("64:ff9b::808:808", True),
        ("100.64.0.1", False),
        ("192.168.1.1", False),
        ("240.0.0.1", False),
        ("255.255.255.255", False),
        ("198.18.0.1", False),
        ("::", False),
        ("::1", False),
        ("::127.0.0.1", False),
        ("::ffff:8.8.8.8", False),
        ("fec0::1", False),
        ("ff02::1", False),
        ("2001:db8::1", False),
        ("2002:808:808::1", False),
        ("2001:0:808:808::1", False),
        ("64:ff9b:1::808:808", False),
        ("2606:4700::1111%eth0", False),
        ("224.0.0.1", False),
        ("0.0.0.0", False),
        ("fe80::1", False),
        ("fc00::1", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::a00:1", False),
        ("2002:7f00:1::", False),
        ("192.88.99.1", False),
        ("64:ff9b::c058:6301", False),
        ("3fff::1", False),
        ("3fff:1000::1", True),
        ("192.88.98.1", True),
        ("nonsense", False),
    ],
)
def test_public_addresses_are_known(ip: str, public: bool) -> None:
    assert is_public(ip) is public


@pytest.mark.parametrize(("literal", "domain"), [("[127.0.0.1]", "[127.0.0.1]"), ("[IPv6:::1]", "[ipv6:::1]")])
async def test_an_address_literal_is_its_own_host(literal: str, domain: str) -> None:
    async with Sink() as sink:
        await sink.stop()
        await sink.start(0, "::1" if ":" in literal else "127.0.0.1")
        transport = exchangers({}, sink.port)
        delivery = await transport.deliver(replace(mail(f"b@{literal}"), domain=domain), heartbeat=held)
        await transport.close()
        assert delivery.outcomes[0].verdict == Delivered()
        assert sink.accepted[0].recipients == (f"b@{literal}",)


def prefers(*hosts: tuple[int, str, tuple[str, ...]]) -> dict[tuple[str, str], Any]:
    """A domain whose MX hosts have these preferences, names and addresses."""
    records: dict[tuple[str, str], Any] = {("far.test", "MX"): tuple(MX(rank, name) for rank, name, _ in hosts)}
    return records | {(name, "A"): addresses for _, name, addresses in hosts}


async def tried(records: dict[tuple[str, str], Any], port: int) -> list[str]:
    """The addresses that one attempt calls where nobody answers."""
    return [talk.ip for talk in (await delivery_of(exchangers(records, port))).conversations]


async def test_all_addresses_of_a_preference_come_before_the_next_one(port: int) -> None:
    records = prefers((10, "a.test", ("127.0.0.2", "127.0.0.3")), (20, "b.test", ("127.0.0.4",)))
    assert await tried(records, port) == ["127.0.0.2", "127.0.0.3", "127.0.0.4"]


async def test_equal_hosts_have_one_address_each_tried_before_a_second_one(port: int) -> None:
    records = prefers((10, "a.test", ("127.0.0.2", "127.0.0.4")), (10, "b.test", ("127.0.0.3", "127.0.0.5")))
    ips = await tried(records, port)
    assert {frozenset(ips[:2]), frozenset(ips[2:])} == {
        frozenset({"127.0.0.2", "127.0.0.3"}), frozenset({"127.0.0.4", "127.0.0.5"})
    }  # fmt: skip


async def test_the_last_place_is_the_next_preferences(port: int) -> None:
    many = tuple(f"127.0.0.{n}" for n in range(2, 11))
    assert await tried(prefers((10, "a.test", many), (20, "b.test", ("127.0.0.99",))), port) == [
        *many[:4],
        "127.0.0.99",
    ]


async def test_a_private_address_counts_for_good_only_where_dns_said_everything() -> None:
    records = prefers((10, "a.test", ("10.0.0.1",)), (20, "b.test", ()))
    records["b.test", "A"] = records["b.test", "AAAA"] = Unanswered("timeout")
    delivery = await delivery_of(exchangers(records, private=False))
    assert delivery.outcomes[0].verdict == Deferred(Cause.DNS, Cause.DNS.fault)
    assert delivery.outcomes[0].status == "4.4.3"


async def test_a_public_address_beside_a_private_one_is_the_only_one_called() -> None:
    records = prefers((10, "a.test", ("10.0.0.1", "8.8.8.8", "192.168.0.1")))
    targets = await exchangers(records, private=False)._targets("far.test")  # calling it would leave this machine
    assert [target.ip for target in targets] == ["8.8.8.8"]


async def test_domains_with_the_same_hosts_are_one_site() -> None:
    same = (MX(10, "mx1.big.test"), MX(20, "mx2.big.test"))
    transport = exchangers(
        {("a.test", "MX"): same, ("b.test", "MX"): tuple(reversed(same)), ("c.test", "A"): ("192.0.2.1",)}
    )
    sites = [await transport.site(domain) for domain in ("a.test", "b.test", "c.test", "nowhere.test")]
    assert sites == ["mx1.big.test,mx2.big.test", "mx1.big.test,mx2.big.test", "c.test", "nowhere.test"]
