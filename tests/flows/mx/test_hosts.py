"""What mail hosts do to us has one meaning each: taken, tried again, given up, or not known; and none holds up another."""

import time

import pytest

from tests.flows.mx.internet import SOON, Internet, conversations, fate, send, until
from tests.support.laboratory import SECONDS
from tests.support.sink import RESET, STALL, Sink
from tests.support.stage import Stage


async def test_a_greylisting_host_is_asked_again_after_five_minutes_and_takes_it(
    stage: Stage, internet: Internet
) -> None:
    address = internet.address()
    internet.domain("grey.test", address)
    async with internet.host(address) as host:
        host.answers("451 4.7.1 greylisted, come back later", "250 2.1.5 ok", to="r@grey.test")
        await send(stage, "r@grey.test")
        row = await fate(stage, "r@grey.test", "deferred")
        assert (row["cause"], row["code"], row["status"]) == ("greylisted", 451, "4.7.1")
        assert 4.5 < row["minutes"] <= 5.5
        await stage.later(SOON)
        await host.receives(1)
        row = await fate(stage, "r@grey.test", "delivered")
    assert (row["attempts"], host.refused) == (2, ["r@grey.test"])


async def test_a_host_that_names_its_wait_is_not_asked_before(stage: Stage, internet: Internet) -> None:
    address = internet.address()
    internet.domain("wait.test", address)
    async with internet.host(address) as host:
        host.answers("450 4.7.1 greylisted, try again in 30 minutes", to="r@wait.test")
        await send(stage, "r@wait.test")
        assert 29.5 < (await fate(stage, "r@wait.test", "deferred"))["minutes"] <= 33


async def test_a_refusal_for_good_bounces_and_the_next_host_is_not_bothered(stage: Stage, internet: Internet) -> None:
    first, second = internet.address(), internet.address()
    internet.domain("refuse.test", first, second)
    async with internet.host(first) as host, internet.host(second) as other:
        host.answers("550 5.1.1 no such user", to="r@refuse.test")
        await send(stage, "r@refuse.test")
        row = await fate(stage, "r@refuse.test", "bounced")
    assert (row["cause"], row["code"], row["status"], row["attempts"]) == ("no_mailbox", 550, "5.1.1", 1)
    assert (host.mails, other.connections) == ([], 0)


async def test_each_recipient_of_one_message_has_its_own_outcome(stage: Stage, internet: Internet) -> None:
    address = internet.address()
    internet.domain("three.test", address)
    async with internet.host(address) as host:
        host.answers("550 5.1.1 no such user", to="gone@three.test")
        host.answers("452 4.2.2 mailbox full", to="full@three.test")
        await send(stage, "fine@three.test", "gone@three.test", "full@three.test")
        found = [await fate(stage, f"{name}@three.test", "delivered", "bounced", "deferred") for name in
                 ("fine", "gone", "full")]  # fmt: skip
        assert [mail.recipients for mail in host.accepted] == [("fine@three.test",)]
    assert [row["state"] for row in found] == ["delivered", "bounced", "deferred"]
    assert [row["cause"] for row in found[1:]] == ["no_mailbox", "mailbox_full"]


@pytest.mark.parametrize("greeting", ["421 4.3.2 too busy", "554 5.3.2 no service here", RESET])
async def test_a_host_that_turns_us_away_at_the_door_leads_to_the_next_one(
    stage: Stage, internet: Internet, greeting: str
) -> None:
    domain = f"door-{greeting[:3]}.test"
    first, second = internet.address(), internet.address()
    internet.domain(domain, first, second)
    async with internet.host(first) as closed, internet.host(second) as opened:
        closed.answers(greeting, at="connect")
        await send(stage, f"r@{domain}")
        await opened.receives(1)
        assert (await fate(stage, f"r@{domain}", "delivered"))["attempts"] == 1
    assert [talk["ip"] for talk in await conversations(stage, f"r@{domain}")] == [first, second]


async def test_a_lone_host_that_turns_us_away_defers_whatever_its_code(stage: Stage, internet: Internet) -> None:
    address = internet.address()
    internet.domain("lone.test", address)
    async with internet.host(address) as host:
        host.answers("554 5.3.2 no service here", at="connect")
        await send(stage, "r@lone.test")
        assert (await fate(stage, "r@lone.test", "deferred"))["code"] == 554


async def test_421_in_the_middle_defers_and_the_next_attempt_is_a_new_connection(
    stage: Stage, internet: Internet
) -> None:
    address = internet.address()
    internet.domain("shutdown.test", address)
    async with internet.host(address) as host:
        host.answers("421 4.3.2 shutting down", "250 2.1.5 ok", to="r@shutdown.test")
        await send(stage, "r@shutdown.test")
        row = await fate(stage, "r@shutdown.test", "deferred")
        assert (row["code"], row["uncertain"]) == (421, False)
        await stage.later(SOON)
        await host.receives(1)
        await fate(stage, "r@shutdown.test", "delivered")
    assert host.connections == 2


@pytest.mark.parametrize("ending", [RESET, STALL])
async def test_a_reply_to_the_dot_that_never_comes_is_flagged_uncertain_and_tried_again(
    stage: Stage, internet: Internet, ending: str
) -> None:
    domain, address = f"dot-{ending}.test", internet.address()
    internet.domain(domain, address)
    async with internet.host(address) as host:
        host.answers(ending, "250 2.0.0 taken", at="dot")
        await send(stage, f"r@{domain}")
        row = await fate(stage, f"r@{domain}", "deferred")
        assert (row["cause"], row["uncertain"], row["code"]) == ("network", True, None)
        assert len(host.mails) == 1
        await stage.later(SOON)
        await host.receives(1)
        row = await fate(stage, f"r@{domain}", "delivered")
    assert (row["uncertain"], len(host.mails)) == (True, 2)


async def test_tarpits_and_silent_hosts_end_in_time_and_hold_up_nobody(stage: Stage, internet: Internet) -> None:
    slow, mute, healthy = internet.address(), internet.address(), internet.address()
    internet.domain("tarpit.test", slow)
    internet.domain("mute.test", mute)
    internet.domain("healthy.test", healthy)
    stuck = [f"r{number}@{name}.test" for number in range(5) for name in ("tarpit", "mute")]
    async with (
        internet.host(slow, Sink(drip=SECONDS / 5)) as tarpit,
        internet.host(mute) as silent,
        internet.host(healthy) as host,
    ):
        silent.answers(STALL, at="connect")
        await send(stage, *stuck)
        await until(lambda: tarpit.connections > 0 and silent.connections > 0, "connection to each")
        began = time.monotonic()
        await send(stage, *(f"r{number}@healthy.test" for number in range(20)))
        await host.receives(20)
        assert {(await stage.states())[reader] for reader in stuck} <= {"queued", "sending", "deferred"}
        for reader in stuck:
            row = await fate(stage, reader, "deferred")
            assert (row["cause"], row["uncertain"]) == ("network", False)
    assert time.monotonic() - began < 10 * SECONDS
    assert tarpit.mails == silent.mails == []


async def test_a_reply_of_ten_kilobytes_with_bytes_that_are_no_text_is_still_a_reply(
    stage: Stage, internet: Internet
) -> None:
    address = internet.address()
    internet.domain("babble.test", address)
    async with internet.host(address) as host:
        host.answers("550-5.7.1 " + "spam " * 2000 + "\udcff\udcfe\x01\r\n550 5.7.1 so there", to="r@babble.test")
        await send(stage, "r@babble.test")
        row = await fate(stage, "r@babble.test", "bounced")
    assert (row["code"], row["status"], row["cause"]) == (550, "5.7.1", "spam")


async def test_a_host_that_only_reads_seven_bits_gets_seven_bits(stage: Stage, internet: Internet) -> None:
    address = internet.address()
    internet.domain("seven.test", address)
    content = b"From: user@shop.test\r\nTo: r@seven.test\r\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\n"
    content += b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    async with internet.host(address, Sink(extensions=("PIPELINING",))) as host:
        await stage.submit(content + "Grüße\r\n".encode(), ["r@seven.test"], options=["BODY=8BITMIME"])
        [mail] = await host.receives(1)
        await fate(stage, "r@seven.test", "delivered")
    assert mail.content.isascii()
    assert "BODY" not in mail.sender_parameters
