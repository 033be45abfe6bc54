"""One message may have a thousand recipients: the next one hears 452 4.5.3, and the first thousand are delivered."""

from tests.flows.test_refusals import GOOD, secure
from tests.support.stage import Stage


async def test_the_thousand_and_first_is_put_off_and_the_thousand_are_delivered(stage: Stage) -> None:
    async with stage.host() as sink:
        with secure(stage) as peer:
            assert peer.say("MAIL FROM:<user@shop.test>").startswith("250")
            for number in range(1000):
                assert peer.say(f"RCPT TO:<r{number}@far.test>").startswith("250 2.1.5")
            assert peer.say("RCPT TO:<r1000@far.test>").startswith("452 4.5.3")
            assert peer.data(GOOD).startswith("250 2.0.0")
        mails = await sink.receives(1000, seconds=90)
        states = await stage.settle(seconds=60)
    told = [recipient for mail in mails for recipient in mail.recipients]
    assert sorted(told) == sorted(f"r{number}@far.test" for number in range(1000))
    assert set(states.values()) == {"delivered"}
    assert "r1000@far.test" not in states
