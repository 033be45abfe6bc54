"""Are tags made, numbered, changed and deleted by those who may, and what do they become in a mail?"""

from typing import Any
from uuid import UUID, uuid4

from mail import unsubscribe_tags
from mail.unsubscribe_tags import Tag, chosen
from mail.unsubscribes import Offer, mailbox
from mail.wire import unsubscribe
from tests.api.conftest import Client, World

TAGS = "query ($account: ID) { unsubscribeTags(accountId: $account) { id number tag text language } }"
CREATE = """mutation ($input: CreateUnsubscribeTagInput!) { createUnsubscribeTag(input: $input) {
  ... on UnsubscribeTag { id number tag text language } ... on Problem { code field next } } }"""
UPDATE = """mutation ($input: UpdateUnsubscribeTagInput!) { updateUnsubscribeTag(input: $input) {
  ... on UnsubscribeTag { id number text language } ... on Problem { code field } } }"""
DELETE = """mutation ($id: ID!) { deleteUnsubscribeTag(id: $id) {
  ... on UnsubscribeTag { number } ... on Problem { code field } } }"""


async def create(asker: Client, **input: str) -> Any:
    return (await asker.ask(CREATE, input=input))["createUnsubscribeTag"]


async def test_tags_are_numbered_as_they_are_made(world: World) -> None:
    shop = world.client("shop.localhost", key="admin@shop.test")
    first = await create(shop, text="  Enough?\n Click [here]. ", language="en")
    assert {**first, "id": ""} == {
        "id": "",
        "number": 1,
        "tag": "<% unsubscribe 1 %>",
        "text": "Enough? Click [here].",
        "language": "en",
    }
    second = await create(shop, text="Abmelden", language="de")
    assert second["tag"] == "<% unsubscribe 2 %>"
    changed = (await shop.ask(UPDATE, input={"id": second["id"], "text": "Bitte [abmelden]"}))["updateUnsubscribeTag"]
    assert changed == {"id": second["id"], "number": 2, "text": "Bitte [abmelden]", "language": "de"}
    assert (await shop.ask(DELETE, id=first["id"]))["deleteUnsubscribeTag"] == {"number": 1}
    listed = (await shop.ask(TAGS))["unsubscribeTags"]
    assert [(tag["number"], tag["text"]) for tag in listed] == [(2, "Bitte [abmelden]")]
    assert (await create(shop, text="x", language="he"))["number"] == 3


async def test_what_cannot_be_a_tag_is_refused_and_nothing_is_made(world: World) -> None:
    shop = world.client("shop.localhost", key="admin@shop.test")
    for text, language, field in (
        (" ", "en", "text"),
        ("x" * 501, "en", "text"),
        ("a\x1bb", "en", "text"),
        ("x", "xx", "language"),
    ):
        refused = await create(shop, text=text, language=language)
        assert (refused["code"], refused["field"]) == ("INVALID", [field])
    async with world.db.connection() as conn:
        await conn.execute(
            """insert into unsubscribe_tag (id, account_id, number, text, language)
               select gen_random_uuid(), $1, n, 'x', 'en' from generate_series(1, 50) n""",
            world.accounts["shop.test"],
        )
    assert (await create(shop, text="x", language="en"))["code"] == "TOO_MANY"
    async with world.db.connection() as conn:
        assert await conn.fetchval("select count(*) from unsubscribe_tag") == 50


async def test_parents_make_them_for_those_below_and_nobody_else_reaches_them(world: World) -> None:
    acme = world.client("acme.localhost", key="admin@acme.test")
    rival = world.client("rival.localhost", key="admin@rival.test")
    shop = str(world.accounts["shop.test"])
    made = await create(acme, text="x", language="en", accountId=shop)
    assert [tag["id"] for tag in (await acme.ask(TAGS, account=shop))["unsubscribeTags"]] == [made["id"]]
    assert (await acme.ask(TAGS))["unsubscribeTags"] == []
    assert await create(rival, text="x", language="en", accountId=shop) == {
        "code": "MISSING",
        "field": ["accountId"],
        "next": None,
    }
    assert (await rival.ask(UPDATE, input={"id": made["id"], "text": "y"}))["updateUnsubscribeTag"]["code"] == "MISSING"
    assert (await rival.ask(DELETE, id=made["id"]))["deleteUnsubscribeTag"] == {"code": "MISSING", "field": ["id"]}
    assert [error["extensions"]["code"] for error in await rival.errors(TAGS, account=shop)] == ["MISSING"]
    async with world.db.connection() as conn:
        assert await conn.fetchval("select text from unsubscribe_tag") == "x"


async def test_who_had_chosen_a_deleted_tag_has_chosen_none(world: World) -> None:
    shop = world.client("shop.localhost", key="admin@shop.test")
    made = [await create(shop, text=text, language="en") for text in "ab"]
    async with world.db.connection() as conn:
        await conn.execute(
            "insert into treatment (id, account_id, unsubscribe_tag_id) values (gen_random_uuid(), $1, $2)",
            world.accounts["shop.test"],
            UUID(made[1]["id"]),
        )
        await shop.ask(DELETE, id=made[1]["id"])
        assert await conn.fetchval("select unsubscribe_tag_id is null from treatment")
        found = await unsubscribe_tags.tags_of(conn, [world.accounts["shop.test"], world.accounts["bar.test"]])
    assert [tag.text for tag in found[world.accounts["shop.test"]]] == ["a"]
    assert found[world.accounts["bar.test"]] == ()


ONE, TWO = (Tag(uuid4(), UUID(int=1), number, f"Text {number}", "fr") for number in (1, 2))


def test_the_mail_says_which_tag_else_the_account_else_we() -> None:
    for tags, number, default, text in (
        ((ONE, TWO), 2, None, "Text 2"),
        ((ONE, TWO), 2, ONE.id, "Text 2"),
        ((ONE, TWO), None, TWO.id, "Text 2"),
        ((ONE, TWO), 7, TWO.id, "Text 2"),
        ((TWO, ONE), None, None, "Text 1"),
        ((ONE,), None, uuid4(), "Text 1"),
        ((), 3, None, unsubscribe.DISCLAIMERS["en"]),
    ):
        assert chosen(tags, number, default).text == text


async def test_an_offer_is_each_recipients_own(world: World) -> None:
    keys = world.platform.keyring
    ann, bob = (
        Offer(
            keys, "https://click.shop.test", "mx.test", UUID(int=1), UUID(int=n), f"r{n}@far.test", (ONE, TWO), TWO.id
        )
        for n in (1, 2)
    )
    assert ann.words(1).text != bob.words(1).text
    url = ann.words().text.removeprefix("Text 2 <").removesuffix(">")
    assert url.startswith("https://click.shop.test/u/")
    ticket = unsubscribe.unseal(keys, url.rpartition("/")[2])
    assert ticket == unsubscribe.Ticket(UUID(int=1), UUID(int=1), "r1@far.test", "fr")
    assert ann.fields() == (
        f"List-Unsubscribe: <{url}>,\r\n <mailto:{mailbox(keys, 'mx.test', UUID(int=1))}?subject=unsubscribe>\r\n".encode(),
        b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
    )
