"""DNS decides where mail goes and when it cannot go; where DNS cannot tell, mail waits and is never bounced."""

import time
from contextlib import AsyncExitStack

import pytest

from tests.flows.mx.internet import SOON, Internet, conversations, fate, forgotten, send, until
from tests.support.sink import Sink
from tests.support.stage import Stage


async def test_the_lowest_preference_is_met_first(stage: Stage, internet: Internet) -> None:
    first, second = internet.address(), internet.address()
    internet.domain("order.test", first, second)
    async with internet.host(first) as best, internet.host(second) as backup:
        await send(stage, "r@order.test")
        await best.receives(1)
        await fate(stage, "r@order.test", "delivered")
    assert backup.connections == 0


async def test_hosts_of_equal_preference_share_the_load(stage: Stage, internet: Internet) -> None:
    readers = [f"r{n}@equal.test" for n in range(30)]
    async with AsyncExitStack() as hosts:
        for number in range(3):
            address = internet.address()
            internet.dns.records(
                f"equal.test. 300 IN MX 10 mx{number}.equal.test.", f"mx{number}.equal.test. 300 IN A {address}"
            )
            busy = await hosts.enter_async_context(internet.host(address))
            busy.answers("421 4.3.2 busy", at="connect")  # so that every attempt walks all three
        await send(stage, *readers)
        for reader in readers:
            await fate(stage, reader, "deferred")
    async with stage.database() as conn:
        talks = await conn.fetchval("select count(*) from attempt where host like '%.equal.test'")
        # The fact of an attempt points to its last conversation.
        lasts = await conn.fetch(
            "select distinct host from event e join attempt a on a.id = e.attempt_id where host like '%.equal.test'"
        )
    assert {row["host"] for row in lasts} == {f"mx{number}.equal.test" for number in range(3)}
    assert talks == 3 * len(readers)


async def test_a_dead_host_leads_to_the_next_one_at_once(stage: Stage, internet: Internet) -> None:
    dead, alive = internet.address(), internet.address()
    internet.domain("dead.test", dead, alive)
    async with internet.host(alive) as host:
        await send(stage, "r@dead.test")
        await host.receives(1)
        assert (await fate(stage, "r@dead.test", "delivered"))["attempts"] == 1
    assert [talk["ip"] for talk in await conversations(stage, "r@dead.test")] == [dead, alive]


async def test_both_addresses_of_one_host_are_tried(stage: Stage, internet: Internet) -> None:
    dead, alive = internet.address(), internet.address()
    internet.dns.records(
        "two.test. 300 IN MX 10 mx.two.test.",
        f"mx.two.test. 300 IN A {dead}",
        f"mx.two.test. 300 IN A {alive}",
    )
    async with internet.host(alive) as host:
        await send(stage, "r@two.test")
        await host.receives(1)
        assert (await fate(stage, "r@two.test", "delivered"))["attempts"] == 1


async def test_of_a_hundred_dead_hosts_the_next_preference_is_met_all_the_same(
    stage: Stage, internet: Internet
) -> None:
    dead, alive = internet.address(), internet.address()
    for number in range(100):
        internet.dns.records(
            f"hundred.test. 300 IN MX 10 mail-exchanger-{number}.hundred.test.",
            f"mail-exchanger-{number}.hundred.test. 300 IN A {dead}",
        )
    internet.dns.records("hundred.test. 300 IN MX 20 last.hundred.test.", f"last.hundred.test. 300 IN A {alive}")
    async with internet.host(alive) as host:
        await send(stage, "r@hundred.test")
        await host.receives(1)
        assert (await fate(stage, "r@hundred.test", "delivered"))["attempts"] == 1
    talks = await conversations(stage, "r@hundred.test")
    assert [talk["ip"] for talk in talks] == [dead] * 4 + [alive]
    assert internet.dns.count("hundred.test", "MX", over="tcp") >= 1, "101 records do not fit into a UDP answer"


async def test_without_mx_the_domain_itself_is_the_host(stage: Stage, internet: Internet) -> None:
    address = internet.address()
    internet.dns.records(f"implicit.test. 300 IN A {address}")
    async with internet.host(address) as host:
        await send(stage, "r@implicit.test")
        await host.receives(1)
        await fate(stage, "r@implicit.test", "delivered")


async def test_a_host_with_an_ipv6_address_alone_is_met(stage: Stage, internet: Internet) -> None:
    internet.dns.records("six.test. 300 IN MX 10 mx.six.test.", "mx.six.test. 300 IN AAAA ::1")
    async with internet.host("::1") as host:
        await send(stage, "r@six.test")
        await host.receives(1)
        await fate(stage, "r@six.test", "delivered")


async def test_where_ipv4_is_dead_ipv6_is_tried(stage: Stage, internet: Internet) -> None:
    internet.dns.records(
        "both.test. 300 IN MX 10 mx.both.test.",
        f"mx.both.test. 300 IN A {internet.address()}",
        "mx.both.test. 300 IN AAAA ::1",
    )
    async with internet.host("::1") as host:
        await send(stage, "r@both.test")
        await host.receives(1)
        assert (await fate(stage, "r@both.test", "delivered"))["attempts"] == 1


async def test_a_null_mx_bounces_at_once_and_nobody_is_called(stage: Stage, internet: Internet) -> None:
    address = internet.address()
    # RFC 7505 §3: its own address is no way in
    internet.dns.records("null.test. 300 IN MX 0 .", f"null.test. 300 IN A {address}")
    async with internet.host(address) as host:
        await send(stage, "r@null.test")
        row = await fate(stage, "r@null.test", "bounced")
    assert (row["cause"], row["status"], row["attempts"]) == ("accepts_no_mail", "5.1.10", 1)
    assert row["reply"] == "null.test accepts no mail (null MX)"
    assert host.connections == 0


async def test_a_domain_that_does_not_exist_bounces_at_once(stage: Stage, internet: Internet) -> None:
    await send(stage, "r@nowhere-at-all.test")
    row = await fate(stage, "r@nowhere-at-all.test", "bounced")
    assert (row["cause"], row["status"], row["attempts"]) == ("no_domain", "5.1.2", 1)
    assert row["reply"] == "the domain nowhere-at-all.test does not exist"
    [talk] = await conversations(stage, "r@nowhere-at-all.test")
    assert talk["text"] == "* the domain nowhere-at-all.test does not exist"


async def test_a_domain_without_mx_and_addresses_bounces_at_once(stage: Stage, internet: Internet) -> None:
    internet.dns.records("text.test. 300 IN TXT hello")
    await send(stage, "r@text.test")
    row = await fate(stage, "r@text.test", "bounced")
    assert (row["cause"], row["status"]) == ("no_domain", "5.1.2")


async def test_servfail_refused_silence_and_lame_servers_defer_and_the_mail_goes_when_dns_can_tell(
    stage: Stage, internet: Internet
) -> None:
    address = internet.address()
    domains = ("servfail.test", "refused.test", "silence.test", "lame.test")
    for domain in domains:
        internet.domain(domain, address)
    internet.dns.fails("servfail.test")
    internet.dns.fails("refused.test", "REFUSED")
    internet.dns.silent("silence.test")
    internet.dns.lame("lame.test")
    async with internet.host(address) as host:
        await send(stage, *(f"r@{domain}" for domain in domains))
        for domain in domains:
            row = await fate(stage, f"r@{domain}", "deferred")
            assert (row["cause"], row["status"]) == ("dns", "4.4.3")
        assert host.connections == 0
        for domain in domains:
            internet.dns.well(domain)
        await forgotten(internet, *domains)
        await stage.later(SOON)
        await host.receives(len(domains))
        for domain in domains:
            await fate(stage, f"r@{domain}", "delivered")


async def test_a_mail_host_whose_address_nobody_can_tell_defers(stage: Stage, internet: Internet) -> None:
    internet.dns.records("hostless.test. 300 IN MX 10 mx.hostless.test.")
    internet.dns.fails("mx.hostless.test")
    await send(stage, "r@hostless.test")
    assert (await fate(stage, "r@hostless.test", "deferred"))["cause"] == "dns"


async def test_a_domain_that_is_an_alias_is_followed(stage: Stage, internet: Internet) -> None:
    address = internet.address()
    internet.domain("real.test", address)
    internet.dns.records("alias.test. 300 IN CNAME real.test.")
    async with internet.host(address) as host:
        await send(stage, "r@alias.test")
        [mail] = await host.receives(1)
        await fate(stage, "r@alias.test", "delivered")
    assert mail.recipients == ("r@alias.test",), "RFC 5321 §5.1: the address itself stays as it is"


async def test_a_mail_host_that_is_an_alias_is_followed(stage: Stage, internet: Internet) -> None:
    address = internet.address()
    internet.dns.records(
        "hosted.test. 300 IN MX 10 mail.hosted.test.",
        "mail.hosted.test. 300 IN CNAME mx.hoster.test.",
        f"mx.hoster.test. 300 IN A {address}",
    )
    async with internet.host(address) as host:
        await send(stage, "r@hosted.test")
        await host.receives(1)
        await fate(stage, "r@hosted.test", "delivered")


async def test_an_alias_that_leads_nowhere_bounces(stage: Stage, internet: Internet) -> None:
    internet.dns.records("dangling.test. 300 IN CNAME gone-for-good.test.")
    await send(stage, "r@dangling.test")
    assert (await fate(stage, "r@dangling.test", "bounced"))["status"] == "5.1.2"


@pytest.mark.parametrize("exchange", ["no-such-host.bad-mx.test.", "127.0.1.200."])
async def test_mx_records_that_name_no_host_defer(stage: Stage, internet: Internet, exchange: str) -> None:
    """The owner's mistake, which people mend; an address where a name belongs is neither called nor looked up."""
    domain = "literal.test" if exchange[0].isdigit() else "bad-mx.test"
    internet.dns.records(f"{domain}. 300 IN MX 10 {exchange}")
    async with internet.host("127.0.1.200") as host:
        await send(stage, f"r@{domain}")
        row = await fate(stage, f"r@{domain}", "deferred")
    assert (row["cause"], row["status"], host.connections) == ("dns", "4.4.3", 0)
    assert internet.dns.count("127.0.1.200") == 0


async def test_an_address_literal_is_called_without_asking_dns(stage: Stage, internet: Internet) -> None:
    address = internet.address()
    asked = len(internet.dns.asked)
    async with internet.host(address) as host, internet.host("::1") as six:
        await send(stage, f"r@[{address}]", "r@[IPv6:::1]")
        await host.receives(1)
        await six.receives(1)
        await fate(stage, f"r@[{address}]", "delivered")
    assert not [question for question in internet.dns.asked[asked:] if "[" in question.name or ":" in question.name]


async def test_many_mails_to_one_domain_ask_once_and_again_when_the_ttl_has_passed(
    stage: Stage, internet: Internet
) -> None:
    old, new = internet.address(), internet.address()
    internet.dns.records("moving.test. 300 IN MX 10 mx.moving.test.", f"mx.moving.test. 2 IN A {old}")
    internet.dns.then(f"mx.moving.test. 300 IN A {new}")
    readers = [f"r{number}@moving.test" for number in range(20)]
    internet.dns.hold.clear()
    try:
        await send(stage, *readers)
        await until(lambda: internet.dns.count("moving.test", "MX") > 0, "question")
    finally:
        internet.dns.hold.set()
    async with internet.host(old, Sink()) as before:
        before.answers("451 4.3.0 we are moving", at="mail")
        for reader in readers:
            await fate(stage, reader, "deferred")
    assert internet.dns.count("moving.test", "MX") == 1
    assert internet.dns.count("mx.moving.test", "A") <= 2, "asked once, or again after two seconds on a busy machine"
    asked = max(question.at for question in internet.dns.asked if question.name == "mx.moving.test")
    await until(lambda: time.monotonic() - asked > 2, "end of the TTL")
    async with internet.host(new) as after:
        await stage.later(SOON)
        await after.receives(len(readers))
        await stage.settle()
    assert internet.dns.count("moving.test", "MX") == 1
