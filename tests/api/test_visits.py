"""Does "log in as" lead down only, show no secrets, and leave its traces on both sides?"""

from typing import Any

import pytest

from tests.api.conftest import PASSWORD, Client, World
from tests.api.live import connected
from tests.api.people import (
    AUDIT,
    BEGIN,
    CHANGE,
    CHANGE_PASSWORD,
    END_OTHERS,
    ENTER,
    INVITE,
    LEAVE,
    MEMBERS,
    REMOVE,
    SESSIONS,
    WHO,
    actions,
    member,
)

VISITOR = ["READ", "SEND", "ACCOUNTS", "CREDITS", "AUDIT"]
EVERYTHING = ["READ", "SEND", "ACCOUNTS", "MEMBERS", "KEYS", "CREDITS", "AUDIT"]


async def signed_in(world: World, address: str, host: str = "127.0.0.1") -> Client:
    browser = world.client(host)
    assert (await browser.login(address))["__typename"] == "SignedIn"
    return browser


async def enter(world: World, browser: Client, slug: str) -> Any:
    return (await browser.ask(ENTER, account=str(world.accounts[slug])))["enterAccount"]


async def test_a_reseller_enters_acts_and_leaves_and_both_sides_can_read_it(world: World) -> None:
    await world.submit("shop.test", "a@b.test")
    await world.submit("bar.test", "a@b.test")
    browser = await signed_in(world, "user@acme.test", "acme.localhost")
    before = dict(browser.jar)
    moved = await enter(world, browser, "shop.test")
    assert moved == {
        "__typename": "Moved",
        "me": {
            "member": {"email": "user@acme.test"},
            "account": {"slug": "shop.test"},
            "home": {"slug": "acme.test"},
            "permissions": VISITOR,
        },
    }
    assert browser.jar != before, "another privilege, another token"
    old = world.client("acme.localhost")
    old.jar = before
    assert (await old.ask(WHO))["me"] is None
    assert (await browser.ask(WHO))["me"] == moved["me"]
    assert len((await browser.ask("{ messages { nodes { id } } }"))["messages"]["nodes"]) == 1, "shop's, and not bar's"
    assert [row["entered"] for row in (await browser.ask(SESSIONS))["sessions"]] == ["Shop"]
    left = (await browser.ask(LEAVE))["leaveAccount"]
    assert left["me"] == {
        "member": {"email": "user@acme.test"},
        "account": {"slug": "acme.test"},
        "home": None,
        "permissions": EVERYTHING,
    }
    assert len((await browser.ask("{ messages { nodes { id } } }"))["messages"]["nodes"]) == 2
    assert (await browser.ask(LEAVE))["leaveAccount"]["code"] == "AT_HOME"
    assert await actions(world) == ["account.enter"] * 2 + ["account.leave"] * 2

    shop = await signed_in(world, "user@shop.test", "shop.localhost")
    seen = (await shop.ask(AUDIT, first=10))["auditEntries"]["nodes"]
    assert [(row["action"], row["byProvider"], row["entered"], row["member"], row["ip"]) for row in seen] == [
        ("account.leave", True, True, None, None),
        ("account.enter", True, True, None, None),
    ]
    own = (await browser.ask(AUDIT, first=10, account=str(world.accounts["acme.test"])))["auditEntries"]["nodes"]
    assert [(row["action"], row["byProvider"], row["member"]["email"], row["ip"], row["target"]) for row in own] == [
        (action, False, "user@acme.test", "127.0.0.1", str(world.accounts["shop.test"]))
        for action in ("account.leave", "account.enter")
    ]


async def test_inside_people_and_their_sign_in_are_out_of_reach(world: World) -> None:
    browser = await signed_in(world, "user@acme.test")
    async with world.db.connection() as conn:
        victim = str(await conn.fetchval("select id from member where email = 'user@shop.test'"))
    await enter(world, browser, "shop.test")
    for query in (MEMBERS, "{ invitations { id } }", "{ credentials { nodes { id } } }"):
        assert [error["extensions"]["code"] for error in await browser.errors(query)] == ["FORBIDDEN"]
    for query, variables in (
        (INVITE, {"email": "x@new.test", "role": "OWNER"}),
        (CHANGE, {"id": victim, "role": "ANALYST"}),
        (REMOVE, {"id": victim}),
    ):
        [answer] = (await browser.ask(query, **variables)).values()
        assert answer["code"] == "FORBIDDEN"
    # Neither the visited people's sign-in nor, from here, one's own.
    for query, variables in (
        (CHANGE_PASSWORD, {"current": PASSWORD, "new": "x" * 12}),
        (BEGIN, {"password": PASSWORD}),
    ):
        [answer] = (await browser.ask(query, **variables)).values()
        assert answer["code"] == "ENTERED"
    victims = await signed_in(world, "user@shop.test", "shop.localhost")
    assert (await browser.ask(END_OTHERS))["endOtherSessions"] == {"__typename": "SessionsEnded", "count": 0}
    assert (await victims.ask(WHO))["me"] is not None
    assert len((await browser.ask(SESSIONS))["sessions"]) == 1
    await browser.ask(LEAVE)
    assert (await browser.ask(MEMBERS, account=str(world.accounts["shop.test"])))["members"]["nodes"] != []


async def test_inside_no_secret_of_the_account_is_shown_and_at_home_ones_own_is(world: World) -> None:
    renew = "mutation { renewPaymentSecret { __typename ... on Problem { code } } }"
    browser = await signed_in(world, "user@operator.test")
    await enter(world, browser, "acme.test")
    assert (await browser.ask(renew))["renewPaymentSecret"] == {"__typename": "Problem", "code": "ENTERED"}
    async with world.db.connection() as conn:
        assert await conn.fetchval("select count(*) from account where payment_secret is not null") == 0
    owner = await signed_in(world, "user@acme.test")
    assert (await owner.ask(renew))["renewPaymentSecret"]["__typename"] == "PaymentSecret"


@pytest.mark.parametrize(
    ("address", "target"),
    [
        ("user@shop.test", "acme.test"),
        ("user@shop.test", "bar.test"),
        ("user@acme.test", "operator.test"),
        ("user@acme.test", "rival.test"),
        ("user@rival.test", "shop.test"),
    ],
)
async def test_up_and_aside_there_is_nothing_to_enter(world: World, address: str, target: str) -> None:
    browser = await signed_in(world, address)
    foreign = await browser.post(ENTER, account=str(world.accounts[target]))
    nowhere = await browser.post(ENTER, account="00000000-0000-7000-8000-000000000000")
    assert foreign.content == nowhere.content
    assert foreign.json()["data"]["enterAccount"]["code"] == "MISSING"
    assert await actions(world) == []


async def test_inside_it_leads_further_down_only_and_home_from_anywhere(world: World) -> None:
    browser = await signed_in(world, "user@operator.test")
    assert (await enter(world, browser, "operator.test"))["code"] == "THERE_ALREADY"
    assert (await enter(world, browser, "acme.test"))["__typename"] == "Moved"
    assert (await enter(world, browser, "rival.test"))["code"] == "MISSING"
    assert (await enter(world, browser, "operator.test"))["code"] == "MISSING"
    deeper = await enter(world, browser, "bar.test")
    assert (deeper["me"]["account"]["slug"], deeper["me"]["home"]["slug"]) == ("bar.test", "operator.test")
    assert (await enter(world, browser, "acme.test"))["code"] == "MISSING"
    assert (await browser.ask(LEAVE))["leaveAccount"]["me"]["account"]["slug"] == "operator.test"


async def test_only_those_who_manage_accounts_enter_and_no_program(world: World) -> None:
    owner = await signed_in(world, "user@acme.test", "acme.localhost")
    for role in ("SENDER", "ANALYST", "BILLING"):
        browser = await member(world, owner, f"{role.lower()}@new.test", role, str(world.accounts["acme.test"]))
        assert (await enter(world, browser, "shop.test"))["code"] == "FORBIDDEN"
        assert (await browser.ask(WHO))["me"]["home"] is None
    admin = await member(world, owner, "admin@new.test", "ADMIN", str(world.accounts["acme.test"]))
    assert (await enter(world, admin, "shop.test"))["__typename"] == "Moved"
    assert (await enter(world, world.client("acme.localhost", key="acme.test"), "shop.test"))["code"] == "FORBIDDEN"


async def test_sockets_follow_no_further_and_a_moved_away_account_is_left(world: World) -> None:
    browser = await signed_in(world, "user@acme.test", "acme.localhost")
    async with connected(world, host="acme.localhost", browser=browser, origin="same") as live:
        await live.open()
        await enter(world, browser, "shop.test")
        assert await live.closed() == (4401, "Signed out")
    async with world.db.connection() as conn:
        await conn.execute(
            "update account set parent_id = $1, lineage = array[$2::uuid, $1::uuid, id] where slug = 'shop.test'",
            world.accounts["rival.test"],
            world.accounts["operator.test"],
        )
    assert (await browser.ask(WHO))["me"] is None, "what is no longer below is entered no longer"
