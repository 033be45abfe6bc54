"""Are credits handed down, sold and paid for as promised? Over HTTP, as the role that row-level security binds."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import httpx
import pytest

from kit import clock
from tenants import alerts, grants, orders, payments
from tests.api.conftest import Client, World
from tests.api.people import UNSEEN
from tests.support import laws
from tests.support.credits import exactly, left

PROBLEM = "... on Problem { code message field }"
CREDITS = "{ accountId remaining sharesPool grants { amount remaining expiresAt } }"
DOWN = f"mutation ($input: HandDownCreditsInput!) {{ r: handDownCredits(input: $input) {{ ... on Credits {CREDITS} {PROBLEM} }} }}"
BACK = f"mutation ($input: TakeBackCreditsInput!) {{ r: takeBackCredits(input: $input) {{ ... on Credits {CREDITS} {PROBLEM} }} }}"
PLAN = (
    f"mutation ($input: CreatePlanInput!) {{ r: createPlan(input: $input) {{ ... on Plan {{ id name }} {PROBLEM} }} }}"
)
ARCHIVE = f"mutation ($id: ID!) {{ r: archivePlan(id: $id) {{ ... on Plan {{ id archivedAt }} {PROBLEM} }} }}"
ORDER_FIELDS = "... on Order { id state accountName paymentReference endsAt plan { id name } }"
ORDER = f"mutation ($id: ID!) {{ r: orderPlan(planId: $id) {{ {ORDER_FIELDS} {PROBLEM} }} }}"
FULFIL = f"mutation ($id: ID!, $ref: String) {{ r: fulfilOrder(id: $id, paymentReference: $ref) {{ {ORDER_FIELDS} {PROBLEM} }} }}"
CANCEL = f"mutation ($id: ID!) {{ r: cancelOrder(id: $id) {{ {ORDER_FIELDS} {PROBLEM} }} }}"
SECRET = f"mutation {{ r: renewPaymentSecret {{ ... on PaymentSecret {{ secret path }} {PROBLEM} }} }}"
NOWHERE = "00000000-0000-7000-8000-000000000000"


def of(world: World, slug: str) -> Client:
    """A program of that account with every permission."""
    return world.client(key=f"admin@{slug}")


async def do(client: Client, text: str, **variables: Any) -> Any:
    return (await client.ask(text, **variables))["r"]


async def balances(world: World) -> tuple[int, int]:
    """What acme and shop have; grants, entries and balances must agree."""
    async with world.db.connection() as conn:
        await laws.check_credits(conn)
        return await left(conn, world.accounts["acme.test"]), await left(conn, world.accounts["shop.test"])


async def plan(world: World, **given: Any) -> str:
    made = await do(of(world, "acme.test"), PLAN, input={"name": "Hundred", "credits": 100, **given})
    assert "id" in made, made
    return str(made["id"])


async def test_credits_go_down_and_back_to_the_unit(world: World) -> None:
    acme, shop = of(world, "acme.test"), str(world.accounts["shop.test"])
    assert await balances(world) == (10_000, 10_000)
    given = await do(acme, DOWN, input={"accountId": shop, "amount": 250})
    assert (given["accountId"], given["remaining"]) == (shop, 10_250)
    assert await balances(world) == (9_750, 10_250)
    # Only what acme gave comes back, not what the operator made.
    refused = await do(acme, BACK, input={"accountId": shop, "amount": 251})
    assert (refused["code"], refused["field"]) == ("NO_CREDITS", ["amount"])
    assert await balances(world) == (9_750, 10_250)
    assert (await do(acme, BACK, input={"accountId": shop, "amount": 250}))["remaining"] == 10_000
    assert await balances(world) == (10_000, 10_000)


async def test_the_ledger_names_who_is_below_and_nobody_above(world: World) -> None:
    acme, shop = of(world, "acme.test"), str(world.accounts["shop.test"])
    await do(acme, DOWN, input={"accountId": shop, "amount": 250})
    await do(acme, BACK, input={"accountId": shop, "amount": 50})
    text = """query ($id: ID) { creditEntries(first: 2, accountId: $id) {
                nodes { delta reason counterpartId counterpartName } } }"""

    async def told(client: Client, id: str | None = None) -> list[tuple[Any, ...]]:
        return [tuple(node.values()) for node in (await client.ask(text, id=id))["creditEntries"]["nodes"]]

    assert await told(acme) == [(50, "RETURNED", shop, "Shop"), (-250, "HANDED_DOWN", shop, "Shop")]
    above = (str(world.accounts["acme.test"]), "Acme")
    assert await told(acme, shop) == [(-50, "TAKEN_BACK", *above), (250, "RECEIVED", *above)]
    assert await told(of(world, "shop.test")) == [(-50, "TAKEN_BACK", None, None), (250, "RECEIVED", None, None)]


async def test_a_plan_is_called_what_can_be_seen(world: World) -> None:
    acme = of(world, "acme.test")
    for name in UNSEEN:
        refused = await do(acme, PLAN, input={"name": name, "credits": 1})
        assert (refused["code"], refused["field"]) == ("INVALID", ["name"]), ascii(name)
    async with world.db.connection() as conn:
        assert await conn.fetchval("select count(*) from plan") == 0
    assert (await do(acme, PLAN, input={"name": " Zoë’s  Plan ", "credits": 1}))["name"] == "Zoë’s Plan"


@pytest.mark.parametrize(
    ("amount", "code"),
    [(0, "INVALID"), (-1, "INVALID"), (10_001, "NO_CREDITS"), (2**53 - 1, "NO_CREDITS")],
)
async def test_amounts_that_are_none_or_not_there_change_nothing(world: World, amount: int, code: str) -> None:
    acme, shop = of(world, "acme.test"), str(world.accounts["shop.test"])
    for text in (DOWN, BACK):
        refused = await do(acme, text, input={"accountId": shop, "amount": amount})
        assert (refused["code"], refused["field"]) == (code, ["amount"])
    assert await balances(world) == (10_000, 10_000)


async def test_the_operator_cannot_make_more_than_a_number_holds(world: World) -> None:
    root, shop = of(world, "operator.test"), str(world.accounts["shop.test"])
    assert (await do(root, DOWN, input={"accountId": shop, "amount": 2**53 - 1}))["code"] == "INVALID"
    assert await balances(world) == (10_000, 10_000)
    assert (await do(root, DOWN, input={"accountId": shop, "amount": 5}))["remaining"] == 10_005
    assert await balances(world) == (10_000, 10_005)


async def test_what_lies_elsewhere_or_above_is_missing(world: World) -> None:
    rival, acme = str(world.accounts["rival.test"]), of(world, "acme.test")
    for text in (DOWN, BACK):
        foreign = await do(acme, text, input={"accountId": rival, "amount": 1})
        nowhere = await do(acme, text, input={"accountId": NOWHERE, "amount": 1})
        assert foreign == nowhere and foreign["code"] == "MISSING"
        above = await do(
            of(world, "shop.test"), text, input={"accountId": str(world.accounts["acme.test"]), "amount": 1}
        )
        assert above == nowhere
    own = await do(acme, DOWN, input={"accountId": str(world.accounts["acme.test"]), "amount": 1})
    assert (own["code"], own["field"]) == ("INVALID", ["accountId"])
    assert await balances(world) == (10_000, 10_000)


async def test_a_plan_is_offered_ordered_and_fulfilled_by_the_parent(world: World) -> None:
    acme, shop = of(world, "acme.test"), of(world, "shop.test")
    id = await plan(world, validDays=30)
    assert [one["id"] for one in (await shop.ask("{ offers { id } }"))["offers"]] == [id]
    assert (await of(world, "rival.test").ask("{ offers { id } }"))["offers"] == []
    assert (await do(of(world, "rival.test"), ORDER, id=id))["code"] == "MISSING"
    order = await do(shop, ORDER, id=id)
    assert (order["state"], order["accountName"]) == ("OPEN", "Shop")
    assert (await do(shop, ORDER, id=id))["code"] == "ORDERED"
    # The buyer has no say in whether it is paid for.
    assert (await do(shop, FULFIL, id=order["id"], ref=None))["code"] == "MISSING"
    assert (await do(of(world, "rival.test"), FULFIL, id=order["id"], ref=None))["code"] == "MISSING"
    assert await balances(world) == (10_000, 10_000)
    assert (await do(acme, FULFIL, id=order["id"], ref=None))["state"] == "FULFILLED"
    assert await balances(world) == (9_900, 10_100)
    assert (await do(acme, FULFIL, id=order["id"], ref=None))["code"] == "NOT_OPEN"
    assert await balances(world) == (9_900, 10_100)
    second = await do(shop, ORDER, id=id)
    assert (await do(acme, ARCHIVE, id=id))["archivedAt"]
    assert (await do(shop, CANCEL, id=second["id"]))["state"] == "CANCELLED"
    assert (await do(acme, FULFIL, id=second["id"], ref=None))["code"] == "NOT_OPEN"
    assert (await do(shop, ORDER, id=id))["code"] == "MISSING"
    assert await balances(world) == (9_900, 10_100)


async def test_a_seller_without_credits_keeps_the_order_open(world: World) -> None:
    acme, shop = of(world, "acme.test"), of(world, "shop.test")
    order = await do(shop, ORDER, id=await plan(world, credits=10_001))
    assert (await do(acme, FULFIL, id=order["id"], ref=None))["code"] == "NO_CREDITS"
    assert (await shop.ask("{ orders { nodes { id state } } }"))["orders"]["nodes"] == [
        {"id": order["id"], "state": "OPEN"}
    ]
    assert await balances(world) == (10_000, 10_000)


async def test_a_monthly_plan_is_granted_once_a_month_until_it_is_ended(world: World) -> None:
    acme, shop = of(world, "acme.test"), of(world, "shop.test")
    id = await plan(world, monthly=True)
    order = await do(shop, ORDER, id=id)
    await do(acme, FULFIL, id=order["id"], ref=None)
    assert await balances(world) == (9_900, 10_100)
    assert await orders.grant_months(world.db) == frozenset()
    for month in (1, 2):
        async with world.db.connection() as conn:
            now = await clock.now(conn)
            following = (now.replace(day=1) + timedelta(days=32)).replace(day=1, hour=0, minute=1)
            await clock.shift(conn, following - now)
        # However often, and by several clocks at once.
        await asyncio.gather(*(orders.grant_months(world.db) for _ in range(3)))
        assert await orders.grant_months(world.db) == frozenset()
        assert await balances(world) == (9_900 - 100 * month, 10_100 + 100 * month)
    assert (await do(shop, ORDER, id=id))["code"] == "ORDERED"
    assert (await do(shop, CANCEL, id=order["id"]))["endsAt"]
    async with world.db.connection() as conn:
        await clock.shift(conn, timedelta(days=32))
    assert await orders.grant_months(world.db) == frozenset()
    assert await balances(world) == (9_700, 10_300)


async def call(
    world: World, path: str, secret: str, body: dict[str, Any], *, late: int = 0, signature: str | None = None
) -> httpx.Response:
    """What a payment provider posts."""
    async with world.db.connection() as conn:
        timestamp = str(int((await clock.now(conn)).timestamp()) - late)
    content = json.dumps(body).encode()
    headers = {
        "payment-timestamp": timestamp,
        "payment-signature": signature if signature is not None else payments.sign(secret, timestamp, content),
        "content-type": "application/json",
    }
    async with httpx.AsyncClient() as http:
        return await http.post(world.url(path), content=content, headers=headers)


async def test_a_signed_call_fulfils_an_order_once(world: World) -> None:
    acme, shop = of(world, "acme.test"), of(world, "shop.test")
    id = await plan(world)
    order = await do(shop, ORDER, id=id)
    made = await do(acme, SECRET)
    secret, path = made["secret"], made["path"]
    said = {"orderId": order["id"], "reference": "pay-1"}
    unsigned = [
        await call(world, path, "ps_wrong", said),
        await call(world, path, secret, said, signature=""),
        await call(world, path, secret, said, signature="z" * 64),
        await call(world, path, secret, said, late=301),
        await call(world, path, secret, said, late=-330),
        await call(world, f"/v1/payments/{world.accounts['rival.test']}", secret, said),
        await call(world, f"/v1/payments/{NOWHERE}", secret, said),
        await call(world, "/v1/payments/nobody", secret, said),
    ]
    assert {(answer.status_code, answer.content) for answer in unsigned} == {(401, unsigned[0].content)}
    assert await balances(world) == (10_000, 10_000)
    answers = await asyncio.gather(*(call(world, path, secret, said) for _ in range(5)))
    assert {(a.status_code, a.json()["state"]) for a in answers} == {(200, "fulfilled")}
    assert await balances(world) == (9_900, 10_100)
    # The same payment pays for nothing else; another one does.
    second = await do(shop, ORDER, id=id)
    used = await call(world, path, secret, {"orderId": second["id"], "reference": "pay-1"})
    assert (used.status_code, used.json()["code"]) == (409, "REFERENCE_USED")
    assert await balances(world) == (9_900, 10_100)
    assert (
        await call(world, path, secret, {"orderId": second["id"], "reference": "pay-2"}, late=280)
    ).status_code == 200
    assert await balances(world) == (9_800, 10_200)
    assert (await call(world, path, secret, {"nonsense": 1})).status_code == 400
    assert (await call(world, path, secret, {"orderId": NOWHERE, "reference": "pay-3"})).status_code == 404
    # A new secret ends the old one; neither can be read anywhere.
    renewed = (await do(acme, SECRET))["secret"]
    assert (await call(world, path, secret, said)).status_code == 401
    assert (await call(world, path, renewed, said)).status_code == 200
    async with world.db.connection() as conn:
        sealed = await conn.fetchval("select payment_secret from account where slug = 'acme.test'")
        told = await conn.fetchval("select string_agg(changes::text, '') from audit_entry")
    assert renewed.encode() not in sealed and renewed not in told
    assert await balances(world) == (9_800, 10_200)


async def test_references_of_two_sellers_do_not_meet(world: World) -> None:
    async with world.db.connection() as conn:
        await conn.execute(
            """update account a set parent_id = r.id, lineage = r.lineage || a.id from account r
                where a.slug = 'bar.test' and r.slug = 'rival.test'"""
        )
    for seller, buyer in (("acme.test", "shop.test"), ("rival.test", "bar.test")):
        made = await do(of(world, seller), PLAN, input={"name": "P", "credits": 1})
        order = await do(of(world, buyer), ORDER, id=made["id"])
        assert (await do(of(world, seller), FULFIL, id=order["id"], ref="1"))["state"] == "FULFILLED"


async def test_an_alert_is_made_once_a_crossing(world: World) -> None:
    shop = world.accounts["shop.test"]
    async with world.db.connection() as conn:
        await conn.execute("update account set alert_below = 50 where id = $1", shop)

    async def now_at(amount: int) -> list[int]:
        async with world.db.connection() as conn:
            await exactly(conn, shop, amount)
        first, again = await alerts.evaluate(world.db), await alerts.evaluate(world.db)
        assert again == []
        return [alert.remaining for alert in first]

    assert [await now_at(n) for n in (50, 49, 10, 50, 20)] == [[], [49], [], [], [20]]
    asked = "{ creditAlerts { nodes { accountName threshold remaining clearedAt } } }"
    found = (await of(world, "acme.test").ask(asked))["creditAlerts"]["nodes"]
    assert [(one["accountName"], one["threshold"], one["remaining"], bool(one["clearedAt"])) for one in found] == [
        ("Shop", 50, 20, False),
        ("Shop", 50, 49, True),
    ]
    assert (await of(world, "rival.test").ask(asked))["creditAlerts"]["nodes"] == []


async def test_grants_end_on_their_day_and_the_ledger_says_so(world: World) -> None:
    async with world.db.connection() as conn:
        await exactly(conn, world.accounts["shop.test"], 30)
        await clock.shift(conn, timedelta(days=401, hours=12))  # after two of three
    assert world.accounts["shop.test"] in await grants.expire(world.db)
    while await grants.expire(world.db):
        pass
    assert (await balances(world))[1] == 10
    text = "{ creditEntries(first: 2) { nodes { delta reason } pageInfo { hasNextPage } } }"
    page = (await of(world, "shop.test").ask(text))["creditEntries"]
    assert page == {"nodes": [{"delta": -10, "reason": "EXPIRED"}] * 2, "pageInfo": {"hasNextPage": True}}
