"""Does an address get copies only after whoever reads it has agreed by the link, and is the link good for nothing else?"""

from typing import Any

from mail.wire import tokens
from tenants.throttle import POURED
from tests.api.conftest import Client, World
from tests.api.people import link, mails

PROBLEM = "... on Problem { code message field next }"
RULE = "... on CopyRule { id address sender tag state free stoppedFor }"
CREATE = (
    f"mutation ($input: CreateCopyRuleInput!) {{ createCopyRule(input: $input) {{ __typename {RULE} {PROBLEM} }} }}"
)
AGAIN = f"mutation ($id: ID!) {{ askForCopiesAgain(id: $id) {{ __typename {RULE} {PROBLEM} }} }}"
DELETE = f"mutation ($id: ID!) {{ deleteCopyRule(id: $id) {{ __typename ... on DeletedCopyRule {{ id }} {PROBLEM} }} }}"
WAIVE = f"""mutation ($id: ID!, $free: Boolean!) {{ waiveCopies(accountId: $id, free: $free) {{
  __typename ... on CopiesWaived {{ free }} {PROBLEM} }} }}"""
LIST = "query ($account: ID) { copyRules(accountId: $account) { id address sender tag state free stoppedFor } }"


async def asked(world: World, client: Client, address: str = "boss@copies.test", **more: Any) -> Any:
    """The answer to a wish for a new rule, its mail gone out."""
    made = (await client.ask(CREATE, input={"address": address, **more}))["createCopyRule"]
    await world.platform.notices.close()
    return made


async def copied(world: World) -> list[str]:
    """The addresses to which copies went."""
    async with world.db.connection() as conn:
        rows = await conn.fetch("select address from recipient where copy_rule_id is not null order by id")
    return [row["address"] for row in rows]


async def path(world: World, to: str) -> str:
    """The newest link to an address, without its host."""
    url = await link(world, to)
    assert url.startswith(f"http://shop.localhost:{world.port}/c/") or "/c/" in url, url
    return url[url.index("/c/") :]


async def states(client: Client) -> dict[str, str]:
    return {rule["address"]: rule["state"] for rule in (await client.ask(LIST))["copyRules"]}


async def test_copies_go_once_the_address_has_agreed_on_the_page(world: World) -> None:
    shop = world.client(key="admin@shop.test")
    made = await asked(world, shop, "boss@copies.test", tag="bills")
    assert (made["__typename"], made["state"], made["tag"]) == ("CopyRule", "ASKED", "bills")
    [mail] = await mails(world, "boss@copies.test")
    assert mail["auto-submitted"] == "auto-generated"
    assert "bills" not in mail.as_string() and "livery" not in mail.as_string().lower()
    page = await path(world, "boss@copies.test")
    reader = world.client("shop.localhost")
    for method in ("GET", "HEAD", "GET"):
        answer = await reader.http.request(method, page)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store" and "set-cookie" not in answer.headers
    assert "Shop" in answer.text and "bills" in answer.text and "Livery" not in answer.text
    await world.submit("shop.test", "a@x.test", subject="x\r\nX-Lv-Tag: bills")
    assert (await states(shop), await copied(world)) == ({"boss@copies.test": "ASKED"}, [])
    for _ in range(2):
        assert (await reader.http.post(page)).status_code == 200
    assert await states(shop) == {"boss@copies.test": "ACTIVE"}
    await world.submit("shop.test", "a@x.test", subject="x\r\nX-Lv-Tag: bills")
    await world.submit("shop.test", "a@x.test", subject="other")
    assert await copied(world) == ["boss@copies.test"]
    async with world.db.connection() as conn:
        rows = await conn.fetch("select action, ip from audit_entry where action like 'copy_rule.%' order by id")
    assert [tuple(row) for row in rows] == [("copy_rule.create", "127.0.0.1"), ("copy_rule.confirm", "127.0.0.1")]


async def test_a_link_of_nothing_or_of_what_is_gone_is_answered_alike(world: World) -> None:
    shop = world.client(key="admin@shop.test")
    made = await asked(world, shop)
    page = await path(world, "boss@copies.test")
    await shop.ask(DELETE, id=made["id"])
    other = tokens.seal(world.platform.keyring, "unsubscribe", bytes(32))
    reader = world.client("shop.localhost")
    answers = set()
    for token in (page, f"{page[:-4]}AAAA", f"/c/{other}", "/c/x", "/c/" + "A" * 500):
        for method in ("GET", "POST"):
            answer = await reader.http.request(method, token)
            answers.add((answer.status_code, answer.text))
    assert [status for status, _ in answers] == [404]
    assert await states(shop) == {}


async def test_five_rules_and_some_mails_a_day_are_the_most(world: World) -> None:
    shop = world.client(key="admin@shop.test")
    made = [await asked(world, shop, f"c{n}@copies.test") for n in range(6)]
    assert [one.get("code") for one in made] == [None] * 5 + ["TOO_MANY"]
    await shop.ask(DELETE, id=made[0]["id"])
    assert (await asked(world, shop, "C1@copies.test"))["code"] == "TAKEN"
    again = [(await shop.ask(AGAIN, id=made[1]["id"]))["askForCopiesAgain"].get("code") for _ in range(4)]
    assert again == [None, None, "THROTTLED", "THROTTLED"]
    assert len(await mails(world, "c1@copies.test")) == 3
    more = [(await asked(world, shop, "not an address")).get("code") for _ in range(3)]
    assert more == ["INVALID"] * 3
    codes = []
    for n in range(15):
        one = await asked(world, shop, f"d{n}@copies.test")
        codes.append(one.get("code"))
        if "id" in one:
            await shop.ask(DELETE, id=one["id"])
    assert codes == [None] * 13 + ["THROTTLED"] * 2, "twenty a day, and what mailed nothing is none of them"


async def test_all_together_pour_no_such_mail_over_a_mailbox(world: World) -> None:
    askers = [world.client(key=f"admin@{slug}") for slug in ("shop.test", "bar.test", "rival.test", "acme.test")]
    codes = []
    for n in range(POURED + 2):
        # A rule forgotten is a rule that can be asked for again.
        made = await asked(world, askers[n % 4], f"Victim+{n // 8}@copies.test")
        codes.append(made.get("code"))
        if "id" in made:
            await askers[n % 4].ask(DELETE, id=made["id"])
    assert codes == [None] * POURED + ["THROTTLED"] * 2
    async with world.db.connection() as conn:
        assert await conn.fetchval("select count(*) from recipient where address ilike 'victim%'") == POURED


async def test_no_spelling_of_an_address_makes_another_rule(world: World) -> None:
    shop = world.client(key="admin@shop.test")
    made = await asked(world, shop, '"Boss"@COPIES\u3002test')
    assert made["address"] == "boss@copies.test"
    for spelt in ("boss@copies.test", "boss@\uff43opies.test", '"boss"@copies.test'):
        assert (await asked(world, shop, spelt))["code"] == "TAKEN", spelt
    assert len(await mails(world, "boss@copies.test")) == 1


async def test_a_mail_to_a_stranger_says_no_more_than_who_asks(world: World) -> None:
    shop = world.client(key="admin@shop.test")
    await asked(world, shop, "a@copies.test", sender="bills@shop.test")
    await asked(world, shop, "b@copies.test", sender='"Sign in at https://evil.test/x"@shop.test')
    await asked(world, shop, "c@copies.test", sender="www.evil.test/x@shop.test")
    told = [(await mails(world, f"{name}@copies.test"))[0].get_content() for name in "abc"]
    assert ["bills@shop.test" in text for text in told] == [True, False, False]
    assert all("evil" not in text for text in told)
    page = await world.client("shop.localhost").http.get(await path(world, "b@copies.test"))
    assert "evil.test" in page.text, "the page, which makes no links, says it all"
    assert "<a " not in page.text


async def test_what_is_wrong_is_named_by_its_field(world: World) -> None:
    shop = world.client(key="admin@shop.test")
    for input, field in (
        ({"address": "nobody"}, "address"),
        ({"address": '"a b"@copies.test'}, "address"),
        ({"address": "grüße@copies.test"}, "address"),
        ({"address": "a@copies.test", "sender": "x"}, "sender"),
        ({"address": "b@copies.test", "tag": "t" * 101}, "tag"),
        ({"address": "c@copies.test", "tag": "a\nb"}, "tag"),
    ):
        refused = (await shop.ask(CREATE, input=input))["createCopyRule"]
        assert (refused["code"], refused["field"]) == ("INVALID", [field]), input
    assert await states(shop) == {}


async def test_a_stopped_rule_asks_again_unless_its_reader_complained(world: World) -> None:
    shop = world.client(key="admin@shop.test")
    made = await asked(world, shop)
    page = await path(world, "boss@copies.test")
    reader = world.client("shop.localhost")
    await reader.http.post(page)
    refused = (await shop.ask(AGAIN, id=made["id"]))["askForCopiesAgain"]
    assert refused["code"] == "CONFIRMED"
    async with world.db.connection() as conn:
        await conn.execute("update copy_rule set stopped_at = livery_now(), stopped_for = 'no_such_mailbox'")
    await reader.http.post(page)
    assert await states(shop) == {"boss@copies.test": "STOPPED"}, "the link of before starts nothing"
    assert (await shop.ask(AGAIN, id=made["id"]))["askForCopiesAgain"]["state"] == "ASKED"
    await reader.http.post(page)
    assert await states(shop) == {"boss@copies.test": "ACTIVE"}
    async with world.db.connection() as conn:
        await conn.execute("update copy_rule set stopped_at = livery_now(), stopped_for = 'complaint'")
    assert (await shop.ask(AGAIN, id=made["id"]))["askForCopiesAgain"]["code"] == "COMPLAINED"


async def test_the_operator_alone_waives_what_copies_cost(world: World) -> None:
    shop, account = world.client(key="admin@shop.test"), str(world.accounts["shop.test"])
    await asked(world, shop)
    for slug in ("shop.test", "acme.test"):
        refused = await world.client(key=f"admin@{slug}").ask(WAIVE, id=account, free=True)
        assert refused["waiveCopies"]["code"] == "FORBIDDEN"
    assert [rule["free"] for rule in (await shop.ask(LIST))["copyRules"]] == [False]
    operator = world.client(key="admin@operator.test")
    assert (await operator.ask(WAIVE, id=account, free=True))["waiveCopies"] == {
        "__typename": "CopiesWaived",
        "free": True,
    }
    assert [rule["free"] for rule in (await shop.ask(LIST))["copyRules"]] == [True]
    assert [rule["free"] for rule in (await operator.ask(LIST, account=account))["copyRules"]] == [True]
