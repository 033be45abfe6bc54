"""Does the simulator answer like a host, without the internet?"""

import time
from uuid import UUID, uuid4

import pytest

from mail.transports import Hop, LeaseLost, OutgoingMail, OutgoingRecipient
from mail.transports.relay import Relay
from mail.transports.simulator import Simulator
from mail.verdict import Bounced, Cause, Deferred, Delivered, Verdict
from tests.mail.letters import held, lost


def letter(address: str, id_: UUID | None = None) -> OutgoingMail:
    recipient = OutgoingRecipient(id_ or uuid4(), address, None, None)
    domain = address.rpartition("@")[2]
    return OutgoingMail("r@out.test", (recipient,), lambda hop: b"x\r\n", domain, False, False, None, None)


async def verdict(simulator: Simulator, mail: OutgoingMail) -> Verdict:
    return (await simulator.deliver(mail, heartbeat=held)).outcomes[0].verdict


@pytest.mark.parametrize("domain", ["simulator.livery.test", "simulator.out.test", "SIMULATOR.livery.test"])
@pytest.mark.parametrize("name", ["delivered", "opened", "clicked", "complained", "unsubscribed", "Delivered", "other"])
async def test_most_addresses_take_the_mail(name: str, domain: str) -> None:
    assert await verdict(Simulator("simulator.out.test"), letter(f"{name}+tag@{domain}")) == Delivered()


@pytest.mark.parametrize("address", ["bounced@simulator.livery.test", "bounced+1@simulator.livery.test"])
async def test_bounced_does_not_exist(address: str) -> None:
    delivery = await Simulator().deliver(letter(address), heartbeat=held)
    [outcome] = delivery.outcomes
    assert outcome.verdict == Bounced(Cause.NO_MAILBOX, Cause.NO_MAILBOX.fault, suppress=True)
    assert outcome.reply is not None
    assert (outcome.reply.code, outcome.reply.status) == (550, "5.1.1")
    assert "< 550 5.1.1 The email account that you tried to reach does not exist" in delivery.conversations[0].lines


async def test_deferred_gives_in_at_the_second_attempt() -> None:
    simulator, mail = Simulator(), letter("deferred@simulator.livery.test")
    first = await verdict(simulator, mail)
    assert isinstance(first, Deferred)
    assert first.cause is Cause.GREYLISTED
    assert await verdict(simulator, mail) == Delivered()
    assert isinstance(await verdict(simulator, letter("deferred@simulator.livery.test")), Deferred)


async def test_deferred_gives_in_after_a_restart_too() -> None:
    made = int((time.time() - 300) * 1000)
    old = UUID(int=made << 80 | 7 << 76 | 2 << 62)
    assert old.version == 7
    assert await verdict(Simulator(), letter("deferred@simulator.livery.test", old)) == Delivered()


async def test_the_same_names_elsewhere_are_ordinary_people() -> None:
    assert await verdict(Simulator(), letter("bounced@far.test")) == Delivered()


async def test_recipients_of_one_message_have_their_own_fates() -> None:
    recipients = tuple(
        OutgoingRecipient(uuid4(), f"{name}@simulator.livery.test", None, None) for name in ("bounced", "delivered")
    )
    hops: list[Hop] = []

    def content(hop: Hop) -> bytes:
        hops.append(hop)
        return b"x\r\n"

    mail = OutgoingMail("r@out.test", recipients, content, "simulator.livery.test", False, False, None, None)
    delivery = await Simulator().deliver(mail, heartbeat=held)
    assert [type(outcome.verdict) for outcome in delivery.outcomes] == [Bounced, Delivered]
    assert [outcome.recipient_id for outcome in delivery.outcomes] == [recipient.id for recipient in recipients]
    assert len(hops) == 1


async def test_a_lost_lease_plays_nothing() -> None:
    with pytest.raises(LeaseLost):
        await Simulator().deliver(letter("delivered@simulator.livery.test"), heartbeat=lost)


def test_a_relay_route_is_read() -> None:
    assert isinstance(Relay.from_route("smtp://127.0.0.1:2600", helo="out.test"), Relay)


@pytest.mark.parametrize("route", ["", "lmtp://x:1", "smtp://", "smtp://a:b", "smtp://a/b"])
def test_other_words_are_no_relay_route(route: str) -> None:
    with pytest.raises(ValueError):
        Relay.from_route(route, helo="out.test")
