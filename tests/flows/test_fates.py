"""Each recipient has a fate of its own: refused for now and then taken, refused for good, or told apart in one message."""

from datetime import timedelta

from tests.support.mails import plain
from tests.support.sink import RESET, Sink
from tests.support.stage import Stage


async def timeline(stage: Stage, address: str) -> list[tuple[str, str | None]]:
    """Return the (kind, reply) of every fact about the newest recipient of this address, through the API."""
    data = await stage.api(stage.world.shop).run(
        "query($filter: RecipientFilter) { recipients(first: 1, filter: $filter) { nodes { timeline { kind reply } } } }",
        filter={"search": address},
    )
    [recipient] = data["recipients"]["nodes"]
    return [(event["kind"], event["reply"]) for event in recipient["timeline"]]


async def test_refused_for_now_it_is_tried_again_and_taken(stage: Stage) -> None:
    async with stage.host() as sink:
        sink.answers("451 4.7.1 greylisted, come back", "250 2.1.5 ok", to="grey@far.test")
        await stage.submit(plain("user@shop.test", "grey@far.test", "grey"), ["grey@far.test"])
        await stage.reach(lambda states: states.get("grey@far.test") == "deferred", "deferral")
        assert sink.accepted == []
        await stage.later(timedelta(minutes=7))
        [mail] = await sink.receives(1)
        await stage.settle()
    assert mail.recipients == ("grey@far.test",)
    told = await timeline(stage, "grey@far.test")
    assert [kind for kind, _ in told] == ["ACCEPTED", "DEFERRED", "DELIVERED"]
    assert told[1][1] is not None
    assert "greylisted, come back" in told[1][1]


async def test_a_deferred_mail_is_left_alone_until_it_is_due(stage: Stage) -> None:
    async with stage.host() as sink:
        sink.answers("450 4.2.0 not now", to="patient@far.test")
        await stage.submit(plain("user@shop.test", "patient@far.test", "patient"), ["patient@far.test"])
        await stage.reach(lambda states: states.get("patient@far.test") == "deferred", "deferral")
        await stage.later(timedelta(minutes=2))
        # A mail that is due passes through in the meantime: the desk was at work, and left the other one alone.
        await stage.submit(plain("user@shop.test", "other@far.test", "other"), ["other@far.test"])
        await sink.receives(1)
        assert sink.refused == ["patient@far.test"]
        sink.answers("250 2.1.5 ok", to="patient@far.test")
        await stage.later(timedelta(minutes=7))
        await sink.receives(2)
        await stage.settle()


async def test_refused_for_good_it_bounces_at_once_with_the_words_of_the_remote(stage: Stage) -> None:
    async with stage.host() as sink:
        sink.answers("550 5.1.1 no such user here", to="gone@far.test")
        await stage.submit(plain("user@shop.test", "gone@far.test", "gone"), ["gone@far.test"])
        states = await stage.reach(lambda states: states.get("gone@far.test") == "bounced", "bounce")
        assert sink.mails == []
        await stage.later(timedelta(days=2))
        assert states["gone@far.test"] == "bounced"
        assert sink.refused == ["gone@far.test"]
    told = await timeline(stage, "gone@far.test")
    assert [kind for kind, _ in told] == ["ACCEPTED", "BOUNCED"]
    assert "no such user here" in str(told[1][1])


async def test_two_recipients_of_one_message_part_ways(stage: Stage) -> None:
    async with stage.host() as sink:
        sink.answers("550 5.1.1 unknown", to="dead@far.test")
        content = plain("user@shop.test", "both@far.test", "both")
        await stage.submit(content, ["alive@far.test", "dead@far.test"])
        states = await stage.settle()
        mails = await sink.receives(1)
    assert (states["alive@far.test"], states["dead@far.test"]) == ("delivered", "bounced")
    assert [mail.recipients for mail in mails] == [("alive@far.test",)]


async def test_refused_after_the_dot_is_as_final_as_refused_before(stage: Stage) -> None:
    async with stage.host() as sink:
        sink.answers("554 5.7.1 we think this is spam", at="dot", to="filtered@far.test")
        await stage.submit(plain("user@shop.test", "filtered@far.test", "filtered"), ["filtered@far.test"])
        states = await stage.reach(lambda states: states.get("filtered@far.test") == "bounced", "bounce")
        assert [mail.accepted for mail in sink.mails] == [False]
    assert states["filtered@far.test"] == "bounced"


async def test_a_connection_that_dies_after_the_dot_is_tried_again_and_marked_uncertain(stage: Stage) -> None:
    async with stage.host() as sink:
        sink.answers(RESET, "250 2.0.0 taken", at="dot", to="unsure@far.test")
        await stage.submit(plain("user@shop.test", "unsure@far.test", "unsure"), ["unsure@far.test"])
        await sink.until(lambda: len(sink.mails) == 1, "copy whose reply was lost")
        await stage.reach(lambda states: states.get("unsure@far.test") == "deferred", "deferral")
        await stage.later(timedelta(minutes=7))
        await sink.receives(1)
        await stage.settle()
    assert len(sink.mails) == 2
    async with stage.database() as conn:
        flagged = await conn.fetchval("select uncertain from recipient where address = 'unsure@far.test'")
    assert flagged is True
    data = await stage.api(stage.world.shop).run(
        """query($filter: RecipientFilter) {
             recipients(first: 1, filter: $filter) { nodes { timeline { kind uncertain } } } }""",
        filter={"search": "unsure@far.test"},
    )
    [recipient] = data["recipients"]["nodes"]
    assert [(event["kind"], event["uncertain"]) for event in recipient["timeline"]] == [
        ("ACCEPTED", False),
        ("DEFERRED", True),
        ("DELIVERED", False),
    ]


async def test_nobody_there_is_a_deferral_and_the_mail_goes_when_somebody_is(stage: Stage) -> None:
    await stage.submit(plain("user@shop.test", "nobody-home@far.test", "away"), ["nobody-home@far.test"])
    await stage.reach(lambda states: states.get("nobody-home@far.test") == "deferred", "deferral")
    assert (await timeline(stage, "nobody-home@far.test"))[-1] == (
        "DEFERRED",
        "127.0.0.1: connecting: Connection refused",
    )
    async with stage.host() as sink:
        await stage.later(timedelta(minutes=7))
        await sink.receives(1)
        await stage.settle()


async def test_what_nobody_takes_for_three_days_is_given_up(stage: Stage) -> None:
    async with stage.host(Sink()) as sink:
        sink.answers("450 4.2.0 mailbox busy", to="never@far.test")
        await stage.submit(plain("user@shop.test", "never@far.test", "never"), ["never@far.test"])
        await stage.reach(lambda states: states.get("never@far.test") == "deferred", "deferral")
        await stage.later(timedelta(hours=73))
        await stage.reach(lambda states: states.get("never@far.test") == "expired", "expiry")
    assert [kind for kind, _ in await timeline(stage, "never@far.test")][-1] == "EXPIRED"
