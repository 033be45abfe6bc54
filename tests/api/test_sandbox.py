"""What does a key of the sandbox leave alone? Everything real that would be sent by it or paid for it; it may look."""

from typing import Any

import pytest

from tests.api.conftest import Client, World
from tests.api.people import PROBLEM
from tests.api.test_copies import AGAIN
from tests.api.test_copies import CREATE as ASK
from tests.api.test_gifts import CREATE, DELETE, EVERYTHING, MOVE, UPDATE, program
from tests.api.test_refused import refused
from tests.api.test_selling import ARCHIVE, BACK, CANCEL, DOWN, FULFIL, ORDER, PLAN
from tests.support.credits import exactly, left

MOVED = f"__typename ... on MovedMessages {{ messageIds }} {PROBLEM}"
RELEASE = f"mutation ($ids: [ID!]!) {{ r: releaseMessages(ids: $ids) {{ {MOVED} }} }}"
WITHDRAW = f"mutation ($ids: [ID!]!) {{ r: cancelMessages(ids: $ids) {{ {MOVED} }} }}"
ACCOUNT = f"__typename ... on Account {{ id state }} {PROBLEM}"
SUSPEND = f'mutation ($id: ID!) {{ suspendAccount(id: $id, reason: "unpaid") {{ {ACCOUNT} }} }}'
RESUME = f"mutation ($id: ID!) {{ resumeAccount(id: $id) {{ {ACCOUNT} }} }}"
SEND = f"mutation ($input: SendMailInput!) {{ sendMail(input: $input) {{ __typename ... on SentMail {{ messageId }} {PROBLEM} }} }}"


async def _keys(world: World) -> tuple[Client, Client]:
    """Two of Acme's with every permission: one of the sandbox, one that is not."""
    return await program(world, *EVERYTHING, sandbox=True), await program(world, *EVERYTHING)


async def _denied(world: World, key: Client, query: str, **variables: Any) -> None:
    if "__typename" not in query:
        query = query.replace("... on Problem {", "__typename ... on Problem {", 1)
    assert await refused(world, key, query, **variables) == "FORBIDDEN", (query, variables)
    [told] = (await key.ask(query, **variables)).values()
    assert told["message"].startswith("A key of the sandbox"), told


async def test_no_real_mail_is_set_going(world: World) -> None:
    trial, real = await _keys(world)
    shop = str(world.accounts["shop.test"])
    queue = {"input": {"id": shop, "whenSpent": "QUEUE"}}
    assert (await trial.ask(SUSPEND, id=shop))["suspendAccount"]["state"] == "SUSPENDED"
    await _denied(world, trial, RESUME, id=shop)
    assert (await real.ask(RESUME, id=shop))["resumeAccount"]["state"] == "ACTIVE"
    await _denied(world, trial, UPDATE, **queue)
    assert (await real.ask(UPDATE, **queue))["updateAccount"]["__typename"] == "Account"
    for policy in ("HOLD", "REJECT"):
        held = {"input": {"id": shop, "whenSpent": policy}}
        assert (await trial.ask(UPDATE, **held))["updateAccount"]["__typename"] == "Account"


async def test_nobody_is_written_to_about_copies(world: World) -> None:
    trial, real = await _keys(world)
    rule = {"input": {"address": "copies@far.test"}}
    await _denied(world, trial, ASK, **rule)
    id = (await real.ask(ASK, **rule))["createCopyRule"]["id"]
    await _denied(world, trial, AGAIN, id=id)
    assert (await real.ask(AGAIN, id=id))["askForCopiesAgain"]["id"] == id


@pytest.mark.parametrize("act", [RELEASE, WITHDRAW], ids=["release", "cancel"])
async def test_real_mail_that_waits_is_left_to_real_keys(world: World, act: str) -> None:
    trial, real = await _keys(world)
    acme = world.accounts["acme.test"]
    async with world.db.connection() as conn:
        await exactly(conn, acme, 0)
        await conn.execute("update account set when_spent = 'hold' where id = $1", acme)
    held = [str(await world.submit("acme.test", "held@far.test"))]
    input = {"sender": "user@acme.test", "to": ["trial@far.test"], "text": "Hello"}
    own = [(await trial.ask(SEND, input=input))["sendMail"]["messageId"]]
    async with world.db.connection() as conn:
        await exactly(conn, acme, 5)
    for ids in (held, held + own):
        await _denied(world, trial, act, ids=ids)
    assert (await trial.ask(act, ids=own))["r"]["messageIds"] == own
    assert (await real.ask(act, ids=held))["r"]["messageIds"] == held


async def test_real_credits_are_looked_at_and_left_alone(world: World) -> None:
    trial, real = await _keys(world)
    acme, shop = world.accounts["acme.test"], str(world.accounts["shop.test"])
    plan = (await real.ask(PLAN, input={"name": "Ten", "credits": 10}))["r"]["id"]
    order = (await world.client(key="admin@shop.test").ask(ORDER, id=plan))["r"]["id"]
    gone = (await trial.ask(CREATE, input={"name": "Gone"}))["createSubAccount"]["id"]
    bound = (await real.ask(CREATE, input={"name": "Bound", "mayResell": True, "monthlyLimit": 5}))["createSubAccount"]
    low = (await trial.ask(CREATE, input={"name": "Low", "parentId": bound["id"]}))["createSubAccount"]["id"]
    for query, variables in (
        (DOWN, {"input": {"accountId": shop, "amount": 5}}),
        (BACK, {"input": {"accountId": shop, "amount": 5}}),
        (PLAN, {"input": {"name": "Free", "credits": 5}}),
        (ARCHIVE, {"id": plan}),
        (FULFIL, {"id": order}),
        (CANCEL, {"id": order}),
        (CREATE, {"input": {"name": "New", "credits": 5}}),
        (CREATE, {"input": {"name": "New", "planId": plan}}),
        (CREATE, {"input": {"name": "New", "sharesPool": True}}),
        (UPDATE, {"input": {"id": gone, "monthlyLimit": 5}}),
        (UPDATE, {"input": {"id": gone, "sharesPool": True}}),
        (UPDATE, {"input": {"id": str(acme), "signUpPlanId": plan}}),
        (DELETE, {"id": gone, "name": "Gone", "credits": "VOID"}),
        (MOVE, {"id": low, "below": str(acme)}),
    ):
        await _denied(world, trial, query, **variables)
    looked = (
        "query ($id: ID) { credits(accountId: $id) { remaining } orders { nodes { id state } } plans { nodes { id } } }"
    )
    seen = await trial.ask(looked, id=shop)
    assert seen == {
        "credits": {"remaining": 10_000},
        "orders": {"nodes": [{"id": order, "state": "OPEN"}]},
        "plans": {"nodes": [{"id": plan}]},
    }
    # What sends nothing and costs nothing it does by its permissions, as every key; what is not of the sandbox does it all.
    assert (await trial.ask(DELETE, id=gone, name="Gone", credits="RETURN"))["deleteAccount"]["id"] == gone
    assert (await real.ask(FULFIL, id=order))["r"]["state"] == "FULFILLED"
    async with world.db.connection() as conn:
        assert await left(conn, acme) == 9_990
