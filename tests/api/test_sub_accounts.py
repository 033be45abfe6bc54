"""What does a reseller's page, or program, do with the accounts below? Over HTTP, as the role that row-level security binds."""

from typing import Any

from tests.api.conftest import Client, World, until
from tests.api.people import ACCEPT, NEW_PASSWORD, PROBLEM, actions, mails, token

ACCOUNT = """id slug name kind state suspendedReason timeZone credits sharesPool monthlyLimit whenSpent mayResell
  privacyUrl brandName brandColor parentId subAccountCount source { name ip dedicated } activity { sent queued lastMailAt }"""
CREATE = f"""mutation ($input: CreateSubAccountInput!) {{ createSubAccount(input: $input) {{
  __typename ... on Account {{ {ACCOUNT} }} {PROBLEM} }} }}"""
UPDATE = f"""mutation ($input: UpdateAccountInput!) {{ updateAccount(input: $input) {{
  __typename ... on Account {{ {ACCOUNT} }} {PROBLEM} }} }}"""
MOVE = f"""mutation ($id: ID!, $below: ID!) {{ moveAccount(id: $id, below: $below) {{
  __typename ... on Account {{ id parentId }} {PROBLEM} }} }}"""
SUSPEND = f"""mutation ($id: ID!, $reason: String!) {{ suspendAccount(id: $id, reason: $reason) {{
  __typename ... on Account {{ state suspendedReason }} {PROBLEM} }} }}"""
RESUME = f"mutation ($id: ID!) {{ resumeAccount(id: $id) {{ __typename ... on Account {{ state }} {PROBLEM} }} }}"
DELETE = f"""mutation ($id: ID!, $name: String!) {{ deleteAccount(id: $id, name: $name) {{
  __typename ... on DeletedAccount {{ id }} {PROBLEM} }} }}"""
CHILDREN = """query ($first: Int!, $after: String, $search: String!, $below: ID, $deep: Boolean!) {
  subAccounts(first: $first, after: $after, search: $search, below: $below, deep: $deep) {
    nodes { id slug credits state activity { sent queued } } pageInfo { hasNextPage endCursor } } }"""
ONE = f"query ($id: ID!) {{ account(id: $id) {{ {ACCOUNT} }} }}"
SOURCES = "{ sources { id name ip dedicated accountId } }"
CREATE_SOURCE = f"""mutation ($input: CreateSourceInput!) {{ createSource(input: $input) {{
  __typename ... on Source {{ id ip hostname accountId }} {PROBLEM} }} }}"""
UPDATE_SOURCE = f"""mutation ($input: UpdateSourceInput!) {{ updateSource(input: $input) {{
  __typename ... on Source {{ id ip hostname accountId }} {PROBLEM} }} }}"""


async def reseller(world: World) -> Client:
    browser = world.client("acme.localhost")
    await browser.login("user@acme.test")
    return browser


async def operator(world: World) -> Client:
    browser = world.client()
    await browser.login("user@operator.test")
    return browser


async def made(browser: Client, **given: Any) -> Any:
    answer = (await browser.ask(CREATE, input={"name": "New", **given}))["createSubAccount"]
    assert answer["__typename"] == "Account", answer
    return answer


async def test_one_call_makes_a_whole_account(world: World) -> None:
    acme, root = await reseller(world), await operator(world)
    source = (
        await root.ask(
            CREATE_SOURCE,
            input={
                "name": "One",
                "ip": "192.0.2.7",
                "hostname": "a.mail.test",
                "accountId": str(world.accounts["acme.test"]),
            },
        )
    )["createSource"]
    assert source["__typename"] == "Source", source
    answer = await made(
        acme,
        name="Zoë & Co",
        timeZone="Europe/Rome",
        credits=300,
        monthlyLimit=1000,
        whenSpent="QUEUE",
        sourceId=source["id"],
        domain="zoe.example",
        privacyUrl="https://zoe.example/privacy",
        brandName="Zoë Mail",
        brandColor="#112233",
        firstMember={"email": "zoe@zoe.example"},
    )
    id = answer["id"]
    assert answer == {
        "__typename": "Account",
        "id": id,
        "slug": "zoe-co",
        "name": "Zoë & Co",
        "kind": "SUB_ACCOUNT",
        "state": "ACTIVE",
        "suspendedReason": None,
        "timeZone": "Europe/Rome",
        "credits": 300,
        "sharesPool": False,
        "monthlyLimit": 1000,
        "whenSpent": "QUEUE",
        "mayResell": False,
        "privacyUrl": "https://zoe.example/privacy",
        "brandName": "Zoë Mail",
        "brandColor": "#112233",
        "parentId": str(world.accounts["acme.test"]),
        "subAccountCount": 0,
        "source": {"name": "One", "ip": "192.0.2.7", "dedicated": True},
        "activity": {"sent": 0, "queued": 0, "lastMailAt": None},
    }
    assert set(await actions(world)) >= {"source.create", "account.create", "credits.hand_down", "invitation.create"}
    [letter] = await mails(world, "zoe@zoe.example")
    assert "Zoë & Co" in letter.get_content()
    first = world.client("acme.localhost")
    link = await token(world, "zoe@zoe.example")
    signed = (await first.ask(ACCEPT, token=link, name="Zoë", password=NEW_PASSWORD))["acceptInvitation"]
    assert (signed["me"]["account"]["slug"], signed["me"]["member"]["role"]) == ("zoe-co", "OWNER")
    mine = (await first.ask(ONE, id=id))["account"]
    assert (mine["parentId"], mine["credits"]) == (None, 300), "who stands above is not told"


async def test_whatever_is_refused_leaves_nothing_behind(world: World) -> None:
    acme = await reseller(world)

    async def everything() -> tuple[Any, ...]:
        async with world.db.connection() as conn:
            return tuple(
                await conn.fetchrow(
                    """select (select count(*) from account), (select count(*) from domain), (select count(*) from invitation),
                              (select sum(remaining) from balance), (select count(*) from audit_entry)"""
                )
            )

    before = await everything()
    for given, code, field in (
        ({"credits": -3}, "INVALID", ["credits"]),
        ({"credits": 10**15}, "NO_CREDITS", ["credits"]),
        ({"credits": 10_001}, "NO_CREDITS", ["credits"]),
        ({"monthlyLimit": -1}, "INVALID", ["monthlyLimit"]),
        ({"sourceId": str(world.accounts["acme.test"])}, "MISSING", ["sourceId"]),
        ({"sourceId": "nonsense"}, "MISSING", ["sourceId"]),
        ({"parentId": str(world.accounts["shop.test"])}, "NO_SUB_ACCOUNTS", ["parentId"]),
        ({"parentId": str(world.accounts["rival.test"])}, "MISSING", ["parentId"]),
        ({"slug": "rival.test"}, "TAKEN", ["slug"]),
        ({"domain": "-"}, "INVALID", ["domain"]),
        ({"firstMember": {"email": "nobody"}}, "INVALID", ["firstMember", "email"]),
        ({"name": ""}, "INVALID", ["name"]),
        ({"timeZone": "Nowhere"}, "INVALID", ["timeZone"]),
    ):
        answer = await acme.ask(CREATE, input={"name": "New", "credits": 5, "domain": "new.example", **given})
        problem = answer["createSubAccount"]
        assert (problem["__typename"], problem["code"], problem["field"]) == ("Problem", code, field), (given, problem)
    assert await everything() == before
    assert (await made(acme, credits=10_000))["credits"] == 10_000


async def test_coworkers_draw_on_the_pool_of_their_parent(world: World) -> None:
    acme = await reseller(world)
    mate = await made(acme, name="Mate", sharesPool=True)
    assert (mate["sharesPool"], mate["credits"]) == (True, 10_000)
    await world.platform.intake.close()
    async with world.db.connection() as conn:
        pool = await conn.fetchval("select pool_id from account where slug = 'mate'")
    assert pool == world.accounts["acme.test"]


async def test_accounts_are_changed_and_moved(world: World) -> None:
    acme, root = await reseller(world), await operator(world)
    shop, bar = str(world.accounts["shop.test"]), str(world.accounts["bar.test"])
    changed = await acme.ask(UPDATE, input={"id": bar, "name": "Bar & Grill", "mayResell": True, "monthlyLimit": 7})
    assert (changed["updateAccount"]["name"], changed["updateAccount"]["kind"]) == ("Bar & Grill", "RESELLER")
    cleared = (await acme.ask(UPDATE, input={"id": bar, "monthlyLimit": None}))["updateAccount"]
    assert (cleared["name"], cleared["monthlyLimit"], cleared["mayResell"]) == ("Bar & Grill", None, True)
    moved = (await acme.ask(MOVE, id=shop, below=bar))["moveAccount"]
    assert moved == {"__typename": "Account", "id": shop, "parentId": bar}
    for id, below, code in (
        (bar, shop, "CYCLE"),
        (bar, bar, "CYCLE"),
        (shop, str(world.accounts["rival.test"]), "MISSING"),
        (str(world.accounts["acme.test"]), bar, "OWN_ACCOUNT"),
    ):
        assert (await acme.ask(MOVE, id=id, below=below))["moveAccount"]["code"] == code
    moved = (await root.ask(MOVE, id=bar, below=str(world.accounts["rival.test"])))["moveAccount"]
    assert moved["__typename"] == "Account"
    assert (await acme.ask(ONE, id=shop))["account"] is None
    rival = world.client("rival.localhost")
    await rival.login("user@rival.test")
    assert (await rival.ask(ONE, id=shop))["account"]["parentId"] == bar


async def test_children_are_listed_with_what_they_do(world: World) -> None:
    acme = await reseller(world)
    await world.submit("shop.test", "a@x.test", "b@x.test")
    from mail import stats

    while await stats.fold(world.db):
        pass
    page = (await acme.ask(CHILDREN, first=1, search="", deep=False))["subAccounts"]
    assert [node["slug"] for node in page["nodes"]] == ["bar.test"]
    rest = (await acme.ask(CHILDREN, first=5, after=page["pageInfo"]["endCursor"], search="", deep=False))[
        "subAccounts"
    ]
    assert rest["nodes"] == [
        {
            "id": str(world.accounts["shop.test"]),
            "slug": "shop.test",
            "credits": 9_998,
            "state": "ACTIVE",
            "activity": {"sent": 2, "queued": 2},
        }
    ]
    root = await operator(world)
    deep = (await root.ask(CHILDREN, first=50, search="o", deep=True))["subAccounts"]["nodes"]
    assert {node["slug"] for node in deep} == {"shop.test"}
    foreign = await acme.errors(CHILDREN, first=5, search="", deep=False, below=str(world.accounts["rival.test"]))
    assert foreign[0]["extensions"]["code"] == "MISSING"


async def test_suspended_people_read_and_their_programs_are_turned_away(world: World) -> None:
    acme = await reseller(world)
    user = world.client("shop.localhost")
    await user.login("user@shop.test")
    shop = str(world.accounts["shop.test"])
    send = """mutation { sendMail(input: { sender: "user@shop.test", to: ["a@x.test"], text: "t" }) {
      __typename ... on Problem { code } } }"""
    assert (await user.ask(send))["sendMail"]["__typename"] == "SentMail"
    answer = (await acme.ask(SUSPEND, id=shop, reason="unpaid"))["suspendAccount"]
    assert answer == {"__typename": "Account", "state": "SUSPENDED", "suspendedReason": "unpaid"}
    assert (await user.ask(ONE, id=shop))["account"]["suspendedReason"] == "unpaid"
    assert (await user.ask("{ messages { nodes { id } } }"))["messages"]["nodes"] != []
    refused = (await user.ask(send))["sendMail"]
    assert (refused["__typename"], refused["code"]) == ("Problem", "FORBIDDEN")
    key = world.client(key="shop.test")
    assert (await key.errors("{ me { account { slug } } }"))[0]["extensions"]["code"] == "SUSPENDED"
    async with world.db.connection() as conn:
        assert (
            await conn.fetchval("select count(*) from message where account_id = $1", world.accounts["shop.test"]) == 1
        )
    assert (await acme.ask(RESUME, id=shop))["resumeAccount"]["state"] == "ACTIVE"
    assert (await acme.ask(RESUME, id=shop))["resumeAccount"]["code"] == "NOT_SUSPENDED"
    assert (await user.ask(send))["sendMail"]["__typename"] == "SentMail"


async def test_of_a_deleted_account_nothing_is_left_to_see(world: World) -> None:
    acme, root = await reseller(world), await operator(world)
    # At the platform's own host: that of the account's brand goes with it.
    user = world.client()
    await user.login("user@shop.test")
    shop = str(world.accounts["shop.test"])
    message = await world.submit("shop.test", "a@x.test", subject="canary-51")
    assert (await acme.ask(DELETE, id=shop, name="shop"))["deleteAccount"]["code"] == "INVALID"
    assert (await acme.ask(DELETE, id=str(world.accounts["rival.test"]), name="Rival"))["deleteAccount"][
        "code"
    ] == "MISSING"
    answer = (await acme.ask(DELETE, id=shop, name="Shop"))["deleteAccount"]
    assert answer == {"__typename": "DeletedAccount", "id": shop}
    for browser in (acme, root):
        assert (await browser.ask(ONE, id=shop))["account"] is None
        assert (await browser.ask("query ($id: ID!) { message(id: $id) { subject } }", id=str(message)))[
            "message"
        ] is None
        assert "canary-51" not in str(await browser.ask("{ messages { nodes { subject } } latestEvents { subject } }"))
    assert (await user.ask("{ me { account { slug } } }"))["me"] is None
    assert (await user.login("user@shop.test"))["code"] == "UNAUTHENTICATED"
    key = world.client(key="shop.test")
    assert (await key.errors("{ me { account { slug } } }"))[0]["extensions"]["code"] == "KEY_REFUSED"
    assert (await acme.ask(DELETE, id=shop, name="Shop"))["deleteAccount"]["code"] == "MISSING"

    async def forgotten() -> bool:
        await world.platform.brands.refresh()
        return world.platform.brands.find("shop.localhost") is None

    await until(forgotten)


async def test_the_table_of_sources_is_the_operators(world: World) -> None:
    acme, root = await reseller(world), await operator(world)
    given = {"name": "Shared", "ip": "192.0.2.9", "hostname": "s.mail.test"}
    assert (await acme.ask(CREATE_SOURCE, input=given))["createSource"]["code"] == "FORBIDDEN"
    source = (await root.ask(CREATE_SOURCE, input=given))["createSource"]
    assert (await root.ask(CREATE_SOURCE, input=given))["createSource"]["code"] == "TAKEN"
    changed = {"id": source["id"], "accountId": str(world.accounts["rival.test"])}
    assert (await acme.ask(SOURCES))["sources"] == [
        {"id": source["id"], "name": "Shared", "ip": "192.0.2.9", "dedicated": False, "accountId": None}
    ]
    assert (await acme.ask(UPDATE_SOURCE, input=changed))["updateSource"]["code"] == "FORBIDDEN"
    given_away = (await root.ask(UPDATE_SOURCE, input=changed))["updateSource"]
    assert (given_away["accountId"], given_away["ip"]) == (str(world.accounts["rival.test"]), "192.0.2.9")
    assert (await acme.ask(SOURCES))["sources"] == []
