"""Does the outgoing conversation keep its promises: one outcome a recipient, exact bytes, nothing sent twice?"""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from mail.transports import Hop, LeaseLost
from mail.transports.relay import Relay
from mail.verdict import Bounced, Cause, Deferred, Delivered
from tests.mail.letters import CONTENT, QUICK, held, lost, mail, said, verdicts
from tests.mail.scripted import Scripted
from tests.support.sink import RESET, STALL, Sink


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with Sink() as running:
        yield running


@pytest.fixture
async def relay(sink: Sink) -> AsyncIterator[Relay]:
    transport = Relay("127.0.0.1", sink.port, helo="out.test", deadlines=QUICK)
    yield transport
    await transport.close()


async def test_a_message_arrives_byte_for_byte_and_its_outcome_says_so(sink: Sink, relay: Relay) -> None:
    letter = mail()
    delivery = await relay.deliver(letter, heartbeat=held)
    assert verdicts(delivery) == [Delivered()]
    assert delivery.outcomes[0].recipient_id == letter.recipients[0].id
    assert delivery.outcomes[0].reply is not None
    assert delivery.outcomes[0].reply.code == 250
    [got] = sink.accepted
    assert (got.sender, got.recipients, got.helo, got.content) == ("r1@out.test", ("b@far.test",), "out.test", CONTENT)


@pytest.mark.parametrize("end", [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\r\n.\r\r\n", b"\r\n.\r\n"])
async def test_no_second_message_is_smuggled_in_a_body(sink: Sink, relay: Relay, end: bytes) -> None:
    """T-SM2, at the last place where it can be prevented."""
    second = b"MAIL FROM:<evil@shop.test>\r\nRCPT TO:<b@far.test>\r\nDATA\r\nsmuggled\r\n"
    delivery = await relay.deliver(mail(content=CONTENT + b"first" + end + second), heartbeat=held)
    assert verdicts(delivery) == [Delivered()]
    [got] = sink.mails
    assert got.sender == "r1@out.test"
    assert got.content.endswith(second)
    assert got.content.count(b"\n") == got.content.count(b"\r") == got.content.count(b"\r\n")


async def test_the_conversation_is_kept_without_the_content(sink: Sink, relay: Relay) -> None:
    delivery = await relay.deliver(mail(), heartbeat=held)
    [talk] = delivery.conversations
    assert (talk.host, talk.ip, talk.tls) == ("127.0.0.1", "127.0.0.1", None)
    assert talk.started_at <= talk.ended_at
    assert talk.started_at.tzinfo is not None
    assert talk.lines[0] == "< 220 mx.sink.test ESMTP"
    assert f"> MAIL FROM:<r1@out.test> SIZE={len(CONTENT)}" in talk.lines
    assert "> RCPT TO:<b@far.test>" in talk.lines
    assert not any("hello" in line for line in talk.lines)


async def test_the_envelope_and_data_go_out_in_one_write() -> None:
    async with Scripted(greeting="220 hi", ehlo="250-hi\r\n250 PIPELINING") as host:
        host.on_group(b"DATA\r\n", "250 ok\r\n250 ok\r\n250 ok\r\n354 go")
        host.on_group(b"\r\n.\r\n", "250 taken")
        relay = Relay("127.0.0.1", host.port, helo="out.test", deadlines=QUICK)
        delivery = await relay.deliver(mail("b@far.test", "c@far.test"), heartbeat=held)
        await relay.close()
    assert verdicts(delivery) == [Delivered(), Delivered()]
    # Nothing was answered before the whole group had come, so it did not wait for any answer in it.
    assert host.groups[1] == (b"MAIL FROM:<r1@out.test>\r\nRCPT TO:<b@far.test>\r\nRCPT TO:<c@far.test>\r\nDATA\r\n")


async def test_a_host_without_pipelining_is_spoken_to_one_command_at_a_time(sink: Sink, relay: Relay) -> None:
    sink.extensions = ("8BITMIME",)
    delivery = await relay.deliver(mail("b@far.test", "c@far.test"), heartbeat=held)
    assert verdicts(delivery) == [Delivered(), Delivered()]
    lines = [line for line in said(delivery) if line.startswith("> ")]
    assert lines == [
        "> EHLO out.test", "> MAIL FROM:<r1@out.test>", "> RCPT TO:<b@far.test>", "> RCPT TO:<c@far.test>", "> DATA", "> .",
    ]  # fmt: skip
    assert sink.accepted[0].recipients == ("b@far.test", "c@far.test")


async def test_a_host_without_ehlo_gets_helo() -> None:
    async with Scripted(greeting="220 hi", ehlo="502 what") as host:
        host.on_group(b"HELO out.test\r\n", "250 hi")
        host.on_group(b"MAIL FROM:<r1@out.test>\r\n", "250 ok")
        host.on_group(b"RCPT TO:<b@far.test>\r\n", "250 ok")
        host.on_group(b"DATA\r\n", "354 go")
        host.on_group(b"\r\n.\r\n", "250 taken")
        relay = Relay("127.0.0.1", host.port, helo="out.test", deadlines=QUICK)
        assert verdicts(await relay.deliver(mail(), heartbeat=held)) == [Delivered()]
        await relay.close()


async def test_the_connection_is_kept_for_the_next_message(sink: Sink, relay: Relay) -> None:
    for _ in range(3):
        assert verdicts(await relay.deliver(mail(), heartbeat=held)) == [Delivered()]
    assert (sink.connections, len(sink.accepted)) == (1, 3)


async def test_a_kept_connection_that_died_is_replaced_at_once(sink: Sink, relay: Relay) -> None:
    await relay.deliver(mail(), heartbeat=held)
    sink.answers("421 4.3.2 enough for today", "250 ok", at="mail")
    delivery = await relay.deliver(mail(), heartbeat=held)
    assert verdicts(delivery) == [Delivered()]
    assert (sink.connections, len(sink.accepted), len(delivery.conversations)) == (2, 2, 2)


async def test_each_recipient_has_a_fate_of_its_own(sink: Sink, relay: Relay) -> None:
    sink.answers("550 5.1.1 no such user", to="gone@far.test")
    sink.answers("452 4.2.2 mailbox full", to="full@far.test")
    delivery = await relay.deliver(mail("gone@far.test", "b@far.test", "full@far.test"), heartbeat=held)
    gone, fine, full = verdicts(delivery)
    assert gone == Bounced(Cause.NO_MAILBOX, Cause.NO_MAILBOX.fault, suppress=True)
    assert fine == Delivered()
    assert isinstance(full, Deferred)
    assert full.cause is Cause.MAILBOX_FULL
    assert not full.at_once
    assert [m.recipients for m in sink.accepted] == [("b@far.test",)]


@pytest.mark.parametrize("reply", ["452 4.5.3 Too many recipients", "552 too many recipients", "452 try later"])
async def test_too_many_recipients_sends_the_rest_back_at_once(sink: Sink, relay: Relay, reply: str) -> None:
    sink.answers(reply, to="c@far.test")
    first, second = verdicts(await relay.deliver(mail("b@far.test", "c@far.test"), heartbeat=held))
    assert first == Delivered()
    assert isinstance(second, Deferred)
    assert second.at_once


async def test_nobody_accepted_sends_no_content_and_leaves_the_session_usable(sink: Sink, relay: Relay) -> None:
    sink.answers("550 5.1.1 no such user", "250 ok")
    first = await relay.deliver(mail(), heartbeat=held)
    second = await relay.deliver(mail(), heartbeat=held)
    assert [type(v) for v in verdicts(first) + verdicts(second)] == [Bounced, Delivered]
    assert "> RSET" in said(first)
    assert (sink.connections, len(sink.mails)) == (1, 1)


async def test_354_with_nobody_accepted_gets_a_lone_dot() -> None:
    async with Scripted(greeting="220 hi", ehlo="250-hi\r\n250 PIPELINING") as host:
        host.on_group(b"DATA\r\n", "250 ok\r\n550 5.1.1 no\r\n354 go anyway")
        host.on_group(b".\r\n", "554 5.5.1 no valid recipients")
        relay = Relay("127.0.0.1", host.port, helo="out.test", deadlines=QUICK)
        delivery = await relay.deliver(mail(), heartbeat=held)
        await relay.close()
    assert host.groups[2] == b".\r\n"
    assert [type(v) for v in verdicts(delivery)] == [Bounced]


async def test_a_refused_sender_is_about_us_and_spares_the_address(sink: Sink, relay: Relay) -> None:
    sink.answers("550 5.1.1 user unknown", at="mail")
    [verdict] = verdicts(await relay.deliver(mail(), heartbeat=held))
    assert verdict == Bounced(Cause.SENDER_REFUSED, Cause.SENDER_REFUSED.fault, suppress=False)
    assert sink.mails == []


async def test_the_reply_to_the_content_is_for_all_that_were_accepted(sink: Sink, relay: Relay) -> None:
    sink.answers("554 5.7.1 looks like spam", at="dot")
    delivery = await relay.deliver(mail("b@far.test", "c@far.test"), heartbeat=held)
    assert verdicts(delivery) == [Bounced(Cause.SPAM, Cause.SPAM.fault, suppress=False)] * 2
    assert not any(outcome.uncertain for outcome in delivery.outcomes)


@pytest.mark.parametrize("end", [RESET, STALL])
async def test_a_connection_lost_after_the_dot_is_uncertain_and_is_not_sent_again(
    sink: Sink, relay: Relay, end: str
) -> None:
    sink.answers(end, at="dot")
    delivery = await relay.deliver(mail(), heartbeat=held)
    [outcome] = delivery.outcomes
    assert isinstance(outcome.verdict, Deferred)
    assert outcome.uncertain
    assert len(sink.mails) == 1


@pytest.mark.parametrize("end", [RESET, STALL])
async def test_a_connection_lost_before_the_dot_is_certain(sink: Sink, relay: Relay, end: str) -> None:
    sink.answers(end, at="rcpt")
    [outcome] = (await relay.deliver(mail(), heartbeat=held)).outcomes
    assert isinstance(outcome.verdict, Deferred)
    assert not outcome.uncertain
    assert sink.mails == []


async def test_421_is_about_the_connection(sink: Sink, relay: Relay) -> None:
    sink.answers("421 4.7.0 go away", at="rcpt")
    [verdict] = verdicts(await relay.deliver(mail(), heartbeat=held))
    assert isinstance(verdict, Deferred)
    await relay.deliver(mail(), heartbeat=held)
    assert sink.connections == 2


@pytest.mark.parametrize("greeting", ["554 5.7.1 go away", "421 busy", RESET, "nonsense"])
async def test_a_host_that_does_not_greet_defers_and_bounces_nothing(sink: Sink, relay: Relay, greeting: str) -> None:
    sink.answers(greeting, at="connect")
    [verdict] = verdicts(await relay.deliver(mail(), heartbeat=held))
    assert isinstance(verdict, Deferred)


async def test_a_host_that_takes_no_mail_at_all_bounces(sink: Sink, relay: Relay) -> None:
    sink.answers("521 5.3.2 this host accepts no mail", at="connect")
    [verdict] = verdicts(await relay.deliver(mail(), heartbeat=held))
    assert isinstance(verdict, Bounced)


async def test_nobody_there_defers_with_words(port: int) -> None:
    relay = Relay("127.0.0.1", port, helo="out.test", deadlines=QUICK)
    delivery = await relay.deliver(mail(), heartbeat=held)
    assert verdicts(delivery) == [Deferred(Cause.NETWORK, Cause.NETWORK.fault)]
    assert "refused" in said(delivery)[0].lower()


async def test_a_lost_lease_stops_before_connecting(sink: Sink, relay: Relay) -> None:
    with pytest.raises(LeaseLost):
        await relay.deliver(mail(), heartbeat=lost)
    assert sink.connections == 0


@pytest.mark.parametrize("size", [0, 600_000])
async def test_a_lease_lost_on_the_way_sends_no_final_dot(sink: Sink, relay: Relay, size: int) -> None:
    beats = iter([True, False] if size == 0 else [True, True, False])

    async def beat() -> bool:
        return next(beats)

    content = CONTENT + b"x" * 70 + b"\r\n"
    with pytest.raises(LeaseLost):
        await relay.deliver(mail(content=content * (1 + size // 100), size=size), heartbeat=beat)
    assert sink.mails == []
    assert list(beats) == []


async def test_large_content_is_sent_whole(sink: Sink, relay: Relay) -> None:
    content = CONTENT + (b"." * 70 + b"\r\n") * 40_000
    delivery = await relay.deliver(mail(content=content, size=len(content)), heartbeat=held)
    assert verdicts(delivery) == [Delivered()]
    assert sink.accepted[0].content == content


async def test_a_message_larger_than_the_host_takes_is_not_sent(sink: Sink, relay: Relay) -> None:
    sink.extensions = ("PIPELINING", "SIZE 20")
    [verdict] = verdicts(await relay.deliver(mail(), heartbeat=held))
    assert verdict == Bounced(Cause.TOO_LARGE, Cause.TOO_LARGE.fault, suppress=False)
    assert sink.mails == []


async def test_dsn_parameters_go_to_hosts_that_know_them(sink: Sink, relay: Relay) -> None:
    letter = mail(ret="HDRS", envid="QQ314", notify="FAILURE,DELAY", orcpt="rfc822;b@far.test")
    await relay.deliver(letter, heartbeat=held)
    assert "RET=HDRS ENVID=QQ314" in sink.accepted[0].sender_parameters
    assert sink.accepted[0].recipient_parameters == ("NOTIFY=FAILURE,DELAY ORCPT=rfc822;b@far.test",)


async def test_dsn_parameters_stay_away_from_hosts_that_do_not(sink: Sink, relay: Relay) -> None:
    sink.extensions = ("PIPELINING",)
    await relay.deliver(mail(ret="HDRS", envid="QQ314", notify="FAILURE"), heartbeat=held)
    assert (sink.accepted[0].sender_parameters, sink.accepted[0].recipient_parameters) == ("", ("",))


async def test_eight_bit_content_is_announced_and_the_hop_told(sink: Sink, relay: Relay) -> None:
    hops: list[Hop] = []

    def made(hop: Hop) -> bytes:
        hops.append(hop)
        return CONTENT + "grüße\r\n".encode()

    await relay.deliver(mail(content=made), heartbeat=held)
    assert "BODY=8BITMIME" in sink.accepted[0].sender_parameters
    sink.extensions = ()
    fresh = Relay("127.0.0.1", sink.port, helo="out.test", deadlines=QUICK)
    await fresh.deliver(mail(content=made), heartbeat=held)
    await fresh.close()
    assert [hop.eight_bit for hop in hops] == [True, False]
    assert hops[0].size == 52428800


async def test_an_address_that_needs_smtputf8_bounces_where_the_host_lacks_it(sink: Sink, relay: Relay) -> None:
    letter = mail("jürgen@far.test", smtputf8=True)
    assert verdicts(await relay.deliver(letter, heartbeat=held)) == [Delivered()]
    assert "SMTPUTF8" in sink.accepted[0].sender_parameters
    sink.extensions = ("PIPELINING", "8BITMIME")
    fresh = Relay("127.0.0.1", sink.port, helo="out.test", deadlines=QUICK)
    [verdict] = verdicts(await fresh.deliver(letter, heartbeat=held))
    await fresh.close()
    assert verdict == Bounced(Cause.NEEDS_UTF8, Cause.NEEDS_UTF8.fault, suppress=False)
    assert len(sink.mails) == 1


async def test_smtputf8_that_was_asked_for_in_vain_hinders_nobody(sink: Sink, relay: Relay) -> None:
    sink.extensions = ("PIPELINING",)
    assert verdicts(await relay.deliver(mail(smtputf8=True), heartbeat=held)) == [Delivered()]


@pytest.mark.parametrize(
    "address", ["b@far.test>\r\nRCPT TO:<c@far.test", "b c@far.test", "b>@far.test", "b\0@far.test"]
)
async def test_no_address_becomes_a_command(sink: Sink, relay: Relay, address: str) -> None:
    bad, good = verdicts(await relay.deliver(mail(address, "b@far.test"), heartbeat=held))
    assert isinstance(bad, Bounced)
    assert good == Delivered()
    assert sink.accepted[0].recipients == ("b@far.test",)


async def test_long_and_eight_bit_replies_survive(sink: Sink, relay: Relay) -> None:
    sink.answers("550-5.1.1 " + "x" * 10_000 + "\r\n550 5.1.1 na\udcefve \udcff", at="rcpt")
    [outcome] = (await relay.deliver(mail(), heartbeat=held)).outcomes
    assert outcome.reply is not None
    assert (outcome.reply.code, outcome.reply.status) == (550, "5.1.1")
    assert isinstance(outcome.verdict, Bounced)
    await relay.deliver(mail(), heartbeat=held)
    assert sink.connections == 1


async def test_a_host_that_talks_without_end_is_cut_off() -> None:
    async with Scripted(greeting="220-" + "x" * 70_000 + ("\r\n220-" + "y" * 70_000) * 5, ehlo="250 hi") as host:
        relay = Relay("127.0.0.1", host.port, helo="out.test", deadlines=QUICK)
        [verdict] = verdicts(await relay.deliver(mail(), heartbeat=held))
    assert isinstance(verdict, Deferred)


async def test_outcomes_are_one_per_recipient_in_their_order(sink: Sink, relay: Relay) -> None:
    sink.answers("550 5.1.1 no", to="c3@far.test")
    letter = mail(*(f"c{number}@far.test" for number in range(200)))
    delivery = await relay.deliver(letter, heartbeat=held)
    ids: list[UUID] = [recipient.id for recipient in letter.recipients]
    assert [outcome.recipient_id for outcome in delivery.outcomes] == ids
    assert sum(isinstance(v, Delivered) for v in verdicts(delivery)) == 199
    assert len(sink.accepted[0].recipients) == 199
