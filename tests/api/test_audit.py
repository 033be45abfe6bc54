"""Is everything that was changed written down, by whom and for whom, and is nothing secret in it?"""

from collections.abc import Mapping
from typing import Any

from tests.api.conftest import Client, World
from tests.api.people import AUDIT, ENTER, INVITE, mails, member
from tests.api.walk import Walk
from tests.house.audited import WRITES

MOVE = "mutation ($id: ID!, $below: ID!) { moveAccount(id: $id, below: $below) { __typename } }"
ORDERS = "{ orders { nodes { paymentReference } } }"
PLAN = 'mutation { createPlan(input: {name: "Plan", credits: 5}) { ... on Plan { id } } }'


async def test_every_change_is_written_down_with_it_or_not_made(world: World) -> None:
    walk = Walk(world)
    await walk.everything()
    expected = {
        name: [entry.action for entry in entries] for name, entries in WRITES.items() if not isinstance(entries, str)
    }
    assert {name: [row["action"] for row in walk.wrote.get(name, [])] for name in expected} == expected
    assert walk.wrote["signUp"] == []
    assert walk.wrong == []
    assert walk.half == []
    async with world.db.connection() as conn:
        lines = [row["line"] for row in await conn.fetch("select e::text as line from audit_entry e")]
    assert len(lines) > 40
    assert [line for line in lines if any(secret in line for secret in walk.secrets)] == []


async def test_programs_parents_and_visitors_are_told_apart(world: World) -> None:
    update = "mutation ($id: ID!, $zone: String!) { updateAccount(input: {id: $id, timeZone: $zone}) { __typename } }"
    shop = str(world.accounts["shop.test"])
    program = world.client("shop.localhost", key="admin@shop.test")
    parent, visitor = world.client("acme.localhost"), world.client("acme.localhost")
    for browser in (parent, visitor):
        await browser.login("user@acme.test")
    await visitor.ask(ENTER, account=shop)
    for who, zone in ((program, "Europe/Rome"), (parent, "Europe/Paris"), (visitor, "Europe/Berlin")):
        assert (await who.ask(update, id=shop, zone=zone))["updateAccount"]["__typename"] == "Account"
    async with world.db.connection() as conn:
        rows = await conn.fetch(
            """select e.changes::jsonb -> 'time_zone' ->> 1 as zone, a.slug, h.slug as home, m.email, c.name as key, e.entered
                 from audit_entry e join account a on a.id = e.account_id join account h on h.id = e.home_id
                 left join member m on m.id = e.member_id left join credential c on c.id = e.credential_id
                where e.action = 'account.update' order by e.id"""
        )
    assert [tuple(row.values()) for row in rows] == [
        ("Europe/Rome", "shop.test", "shop.test", None, "admin", False),
        ("Europe/Paris", "shop.test", "acme.test", "user@acme.test", None, False),
        ("Europe/Berlin", "shop.test", "acme.test", "user@acme.test", None, True),
    ]


async def entries(browser: Client, **variables: Any) -> Any:
    return (await browser.ask(AUDIT, **{"first": 50, **variables}))["auditEntries"]


async def test_the_list_says_who_what_where_and_how_it_was_before(world: World) -> None:
    owner = world.client("shop.localhost")
    await owner.login("user@shop.test")
    await member(world, owner, "ann@new.test", "SENDER")
    async with world.db.connection() as conn:
        id = await conn.fetchval("select id from member where email = 'ann@new.test'")
    await owner.ask("mutation ($id: ID!) { changeMemberRole(id: $id, role: ANALYST) { __typename } }", id=str(id))
    found = (await entries(owner))["nodes"]
    assert [row["action"] for row in found] == ["member.change", "invitation.accept", "invitation.create"]
    assert found[0] == {
        "action": "member.change",
        "accountName": "Shop",
        "target": str(id),
        "member": {"email": "user@shop.test", "name": "User"},
        "credentialName": None,
        "byProvider": False,
        "entered": False,
        "ip": "127.0.0.1",
        "changes": [{"field": "role", "before": "sender", "after": "analyst"}],
    }
    assert found[1]["member"] == {"email": "ann@new.test", "name": "ann"}
    assert [row["action"] for row in (await entries(owner, action="invitation."))["nodes"]] == [
        "invitation.accept",
        "invitation.create",
    ]
    assert (await entries(owner, action="nothing"))["nodes"] == []


async def test_pages_follow_one_another_without_gap(world: World) -> None:
    owner = world.client("shop.localhost")
    await owner.login("user@shop.test")
    for n in range(7):
        await owner.ask(INVITE, email=f"n{n}@new.test", role="SENDER")
    seen: list[str] = []
    after = None
    while True:
        page = await entries(owner, first=3, after=after)
        seen += [change["after"] for row in page["nodes"] for change in row["changes"] if change["field"] == "email"]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert seen == [f"n{n}@new.test" for n in reversed(range(7))]


async def test_parents_read_it_strangers_do_not_and_the_provider_has_no_face(world: World) -> None:
    reseller = world.client("acme.localhost")
    await reseller.login("user@acme.test")
    shop = str(world.accounts["shop.test"])
    await reseller.ask(INVITE, email="first@new.test", role="OWNER", account=shop)
    await mails(world, "first@new.test")
    seen: Mapping[str, Any] = {}
    for slug in ("shop.test", "acme.test", "operator.test", "rival.test", "bar.test"):
        browser = world.client("127.0.0.1")
        await browser.login(f"user@{slug}")
        seen = {**seen, slug: (await entries(browser))["nodes"]}
        if slug in ("rival.test", "bar.test"):
            refused = await browser.errors(AUDIT, first=5, account=shop)
            assert [error["extensions"]["code"] for error in refused] == ["MISSING"]
    assert seen["rival.test"] == seen["bar.test"] == []
    for slug in ("acme.test", "operator.test"):
        [row] = seen[slug]
        assert (row["member"]["email"], row["ip"], row["byProvider"]) == ("user@acme.test", "127.0.0.1", False)
    [row] = seen["shop.test"]
    assert (row["action"], row["member"], row["ip"], row["byProvider"]) == ("invitation.create", None, None, True)
    assert "acme" not in str(row)


async def test_nobody_reads_of_accounts_that_they_cannot_see(world: World) -> None:
    shop, acme, rival = (str(world.accounts[slug]) for slug in ("shop.test", "acme.test", "rival.test"))
    clients = {slug: world.client(key=f"admin@{slug}.test") for slug in ("shop", "acme", "rival", "operator")}
    plan = (await clients["acme"].ask(PLAN))["createPlan"]["id"]
    order = await clients["shop"].ask("mutation ($id: ID!) { orderPlan(planId: $id) { ... on Order { id } } }", id=plan)
    fulfil = 'mutation ($id: ID!) { fulfilOrder(id: $id, paymentReference: "pay-1") { __typename } }'
    await clients["acme"].ask(fulfil, id=order["orderPlan"]["id"])
    sale = [{"field": "state", "before": "open", "after": "fulfilled"}]
    paid = [*sale, {"field": "payment_reference", "before": None, "after": "pay-1"}]
    for who in ("shop", "acme", "operator"):
        assert await told(clients[who], shop, "order.fulfil") == paid, who
    assert (await clients["operator"].ask(MOVE, id=shop, below=rival))["moveAccount"]["__typename"] == "Account"
    assert {
        who: (await told(clients[who], shop, "account.move"), await told(clients[who], shop, "order.fulfil"))
        for who in ("shop", "rival", "operator")
    } == {
        "shop": ([], paid),
        "rival": ([{"field": "parent", "before": None, "after": rival}], sale),
        "operator": ([{"field": "parent", "before": acme, "after": rival}], paid),
    }
    for who, out_of_sight in (("shop", (acme, rival)), ("rival", (acme, "pay-1"))):
        every = str((await entries(clients[who], account=shop))["nodes"])
        assert [id for id in out_of_sight if id in every and (who, id) != ("rival", rival)] == [], who
    assert (await clients["rival"].ask(ORDERS))["orders"]["nodes"] == []


async def told(client: Client, account: str, action: str) -> Any:
    """What the one entry of an action says has changed."""
    [entry] = (await entries(client, account=account, action=action))["nodes"]
    return sorted(entry["changes"], key=lambda change: str(change["field"]), reverse=True)
