"""Who is on a list is not sent to and not paid for, from whichever side the address got there; everybody else is."""

from datetime import timedelta
from typing import Any

from tests.flows.test_fates import timeline
from tests.support import credits
from tests.support.mails import plain
from tests.support.stage import Stage
from tests.support.world import Tenant

ADD = """mutation($input: AddSuppressionInput!) { addSuppression(input: $input) {
  ... on Suppression { id } ... on Problem { code } } }"""
REMOVE = "mutation($id: ID!) { removeSuppression(id: $id) { ... on RemovedSuppression { remains } ... on Problem { code } } }"


async def add(stage: Stage, address: str, **more: Any) -> str:
    added = await stage.api(stage.world.shop).run(ADD, input={"address": address, **more})
    return str(added["addSuppression"]["id"])


async def left(stage: Stage, tenant: Tenant) -> int:
    async with stage.database() as conn:
        return await credits.left(conn, tenant.id)


async def test_of_three_with_one_suppressed_two_are_delivered_and_two_are_charged(stage: Stage) -> None:
    await add(stage, "two@FAR.test", reason="UNSUBSCRIBE")
    before = await left(stage, stage.world.shop)
    to = ["one@far.test", "two@far.test", "three@far.test"]
    async with stage.host() as sink:
        await stage.submit(plain("user@shop.test", "list@far.test", "three"), to)
        mails = await sink.receives(2)
        states = await stage.settle()
    assert {address: states[address] for address in to} == {
        "one@far.test": "delivered",
        "two@far.test": "suppressed",
        "three@far.test": "delivered",
    }
    assert sorted(address for mail in mails for address in mail.recipients) == ["one@far.test", "three@far.test"]
    assert before - await left(stage, stage.world.shop) == 2
    assert await timeline(stage, "two@far.test") == [
        ("ACCEPTED", None),
        ("SUPPRESSED", "Not sent: the recipient has unsubscribed."),
    ]


async def test_a_message_to_nobody_but_suppressed_is_taken_and_goes_nowhere(stage: Stage) -> None:
    await add(stage, "alone@far.test")
    before = await left(stage, stage.world.shop)
    async with stage.host() as sink:
        await stage.submit(plain("user@shop.test", "alone@far.test", "alone"), ["alone@far.test"])
        # What comes after it arrives: the desk was at work.
        await stage.submit(plain("user@shop.test", "next@far.test", "next"), ["next@far.test"])
        [mail] = await sink.receives(1)
        states = await stage.settle()
    assert (states["alone@far.test"], mail.recipients) == ("suppressed", ("next@far.test",))
    assert before - await left(stage, stage.world.shop) == 1


async def test_a_hard_bounce_suppresses_once_and_for_its_account_alone(stage: Stage) -> None:
    world = stage.world
    async with stage.host() as sink:
        sink.answers("550 5.1.1 no such user here", to="dead@far.test")
        await stage.submit(plain("user@shop.test", "dead@far.test", "dead"), ["dead@far.test"])
        await stage.reach(lambda states: states.get("dead@far.test") == "bounced", "bounce")
        await stage.submit(plain("user@shop.test", "dead@far.test", "again"), ["dead@far.test"])
        await stage.reach(lambda states: states.get("dead@far.test") == "suppressed", "suppression")
        assert sink.refused == ["dead@far.test"]
        cafe = world.cafe
        await stage.submit(plain(cafe.email, "dead@far.test", "of another"), ["dead@far.test"], tenant=cafe)
        await stage.reach(lambda states: states.get("dead@far.test") == "bounced", "bounce of the other account's")
    listed = '{ suppressions(filter: {address: "dead@far.test"}) { nodes { reason source recipientId accountId } } }'
    for tenant in (world.shop, world.cafe):
        [entry] = (await stage.api(tenant).run(listed))["suppressions"]["nodes"]
        assert (entry["reason"], entry["source"], entry["accountId"]) == ("BOUNCE", "event", str(tenant.id))
        assert entry["recipientId"] is not None
    assert (await stage.api(world.acme).run(listed))["suppressions"]["nodes"] == []


async def test_who_is_listed_while_the_mail_waits_is_not_called_again_and_paid_back(stage: Stage) -> None:
    before = await left(stage, stage.world.shop)
    async with stage.host() as sink:
        sink.answers("451 4.7.1 come back later", to="waits@far.test")
        await stage.submit(plain("user@shop.test", "waits@far.test", "waits"), ["waits@far.test"])
        await stage.reach(lambda states: states.get("waits@far.test") == "deferred", "deferral")
        assert before - await left(stage, stage.world.shop) == 1
        id = await add(stage, "waits@far.test", note="asked by phone")
        await stage.later(timedelta(minutes=7))
        await stage.reach(lambda states: states.get("waits@far.test") == "suppressed", "suppression")
        assert await left(stage, stage.world.shop) == before
        assert sink.refused == ["waits@far.test"]
        assert (await stage.api(stage.world.shop).run(REMOVE, id=id)) == {"removeSuppression": {"remains": []}}
        sink.answers("250 2.1.5 ok", to="waits@far.test")
        await stage.submit(plain("user@shop.test", "waits@far.test", "anew"), ["waits@far.test"])
        await stage.reach(lambda states: states.get("waits@far.test") == "delivered", "delivery")
