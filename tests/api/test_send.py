"""How is one message sent by fields? Composed, stored, charged and answered with its ids, or refused whole with the field named."""

import base64
import email
import email.policy
from typing import Any

import pytest

from tests.api.conftest import World
from tests.support.credits import leave

SEND = """mutation ($input: SendMailInput!) { sendMail(input: $input) { __typename
  ... on SentMail { messageId recipientIds } ... on Problem { code message field next } } }"""

DRAFT = {"sender": "Shop <shop@shop.test>", "to": ["ann@remote.test"], "subject": "Hello", "text": "Hi Ann"}


async def send(world: World, input: dict[str, Any], key: str = "shop.test") -> Any:
    return (await world.client(key=key).ask(SEND, input=input))["sendMail"]


async def stored(world: World) -> tuple[int, int, int, int]:
    """Messages, bodies, recipients, and credits spent."""
    async with world.db.connection() as conn:
        return tuple(
            await conn.fetchrow(
                """select (select count(*) from message), (select count(*) from body), (select count(*) from recipient),
                          (select coalesce(-sum(delta), 0)::bigint from credit_entry where reason = 'message')"""
            )
        )


async def content(world: World, id: str) -> email.message.EmailMessage:
    source = (await world.client(key="shop.test").ask("query ($id: ID!) { message(id: $id) { source } }", id=id))[
        "message"
    ]
    parsed = email.message_from_bytes(base64.b64decode(source["source"]), policy=email.policy.default)
    assert isinstance(parsed, email.message.EmailMessage)
    return parsed


async def test_a_message_is_stored_charged_and_named(world: World) -> None:
    sent = await send(world, DRAFT | {"cc": ["Bob <bob@remote.test>"], "bcc": ["eve@remote.test", "ann@remote.test"]})
    assert sent["__typename"] == "SentMail"
    assert len(sent["recipientIds"]) == 3
    assert await stored(world) == (1, 1, 3, 3)
    message = await content(world, sent["messageId"])
    assert message["from"] == "Shop <shop@shop.test>"
    assert (message["to"], message["cc"], message["bcc"]) == ("ann@remote.test", "Bob <bob@remote.test>", None)
    assert message["subject"] == "Hello"
    assert message.get_content().strip() == "Hi Ann"
    query = "query ($id: ID!) { message(id: $id) { door sender subject recipients { nodes { id address state } } } }"
    seen = (await world.client(key="shop.test").ask(query, id=sent["messageId"]))["message"]
    assert (seen["door"], seen["sender"], seen["subject"]) == ("api", "shop@shop.test", "Hello")
    assert [row["address"] for row in seen["recipients"]["nodes"]] == [
        "ann@remote.test",
        "bob@remote.test",
        "eve@remote.test",
    ]
    assert {row["id"] for row in seen["recipients"]["nodes"]} == set(sent["recipientIds"])


async def test_every_field_arrives(world: World) -> None:
    picture, paper = bytes(range(256)) * 40, "Žluťoučký kůň".encode()
    sent = await send(
        world,
        {
            "sender": "Käse & Söhne <shop@shop.test>",
            "to": ["Ann Øst <ann@remote.test>"],
            "replyTo": "desk@shop.test",
            "subject": "Grüße 🐴 " + "lang " * 30,
            "text": "Ein Text mit Umlauten: äöü\n" + "x" * 2000,
            "html": '<p>Schön <img src="cid:pic"></p>',
            "headers": [{"name": "X-Order", "value": "ünï 42"}],
            "attachments": [
                {"name": "bild.png", "contentType": "image/png", "contentId": "pic",
                 "content": base64.b64encode(picture).decode()},
                {"name": "kůň.txt", "contentType": "text/plain", "content": base64.b64encode(paper).decode()},
                {"name": "empty.bin", "content": ""},
            ],
        },
    )  # fmt: skip
    message = await content(world, sent["messageId"])
    assert message["from"] == "Käse & Söhne <shop@shop.test>"
    assert message["reply-to"] == "desk@shop.test"
    assert message["subject"] == ("Grüße 🐴 " + "lang " * 30).strip()
    assert message["x-order"] == "ünï 42"
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert plain.get_content().replace("\r\n", "\n").rstrip("\n") == "Ein Text mit Umlauten: äöü\n" + "x" * 2000
    assert "Schön" in html.get_content()
    files = {part.get_filename(): part.get_payload(decode=True) for part in message.walk() if part.get_filename()}
    assert files == {"bild.png": picture, "kůň.txt": paper, "empty.bin": b""}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"sender": "nobody"}, ["sender"]),
        ({"sender": "a@b.test\r\nBcc: eve@evil.test"}, ["sender"]),
        ({"to": []}, ["to"]),
        ({"to": ["ann@remote.test", "nonsense"]}, ["to", "1"]),
        ({"cc": ["x@y@z"]}, ["cc", "0"]),
        ({"bcc": ["a b@c.test"]}, ["bcc", "0"]),
        ({"replyTo": "<>"}, ["replyTo"]),
        ({"subject": "Hello\r\nBcc: eve@evil.test"}, ["subject"]),
        ({"subject": "Hello\u0001"}, ["subject"]),
        ({"text": None}, ["text"]),
        ({"headers": [{"name": "X-A", "value": "1\nBcc: eve@evil.test"}]}, ["headers", "0", "value"]),
        (
            {"headers": [{"name": "X-A", "value": "1"}, {"name": "Bcc", "value": "eve@evil.test"}]},
            ["headers", "1", "name"],
        ),
        ({"headers": [{"name": "X A:", "value": "1"}]}, ["headers", "0", "name"]),
        ({"attachments": [{"name": "a", "content": "***"}]}, ["attachments", "0", "content"]),
        ({"attachments": [{"name": "a/b", "content": ""}]}, ["attachments", "0", "name"]),
        ({"attachments": [{"name": "a", "contentType": "x", "content": ""}]}, ["attachments", "0", "contentType"]),
        ({"attachments": [{"name": "a", "contentId": "x\r\ny", "content": ""}]}, ["attachments", "0", "contentId"]),
        ({"to": [f"r{n}@remote.test" for n in range(1001)]}, ["to"]),
    ],
)
async def test_a_refusal_names_the_field_and_leaves_nothing(
    world: World, change: dict[str, Any], field: list[str]
) -> None:
    found = await send(world, DRAFT | change)
    assert (found["__typename"], found["code"], found["field"]) == ("Problem", "INVALID", field)
    assert "\r" not in found["message"]
    assert await stored(world) == (0, 0, 0, 0)
    assert (await send(world, DRAFT))["__typename"] == "SentMail"


async def test_without_credits_nothing_is_stored(world: World) -> None:
    async with world.db.transaction() as conn:
        await leave(conn, world.accounts["shop.test"], 2)
    found = await send(world, DRAFT | {"cc": ["b@c.test", "d@e.test"]})
    assert (found["code"], bool(found["next"])) == ("NO_CREDITS", True)
    assert await stored(world) == (0, 0, 0, 0)
    assert (await send(world, DRAFT | {"cc": ["b@c.test"]}))["__typename"] == "SentMail"
    account = (await world.client(key="shop.test").ask("{ me { account { credits } } }"))["me"]["account"]
    assert account == {"credits": 0}


async def test_a_stranger_sends_nothing(world: World) -> None:
    found = (await world.client("shop.localhost").ask(SEND, input=DRAFT))["sendMail"]
    assert (found["__typename"], found["code"]) == ("Problem", "UNAUTHENTICATED")
    assert await stored(world) == (0, 0, 0, 0)


async def test_a_member_sends_from_a_page(world: World) -> None:
    browser = world.client("shop.localhost")
    await browser.login("user@shop.test")
    assert (await browser.ask(SEND, input=DRAFT))["sendMail"]["__typename"] == "SentMail"
    assert await stored(world) == (1, 1, 1, 1)


async def test_attachments_of_25_mb_fit_and_only_into_a_send(world: World) -> None:
    megabytes = 25
    big = base64.b64encode(b"\x00\x01\x02\x03" * (megabytes * 250_000)).decode()
    input = DRAFT | {"attachments": [{"name": "big.bin", "content": big}]}
    program = world.client(key="shop.test")
    program.http.timeout = 60
    sent = (await program.ask(SEND, input=input))["sendMail"]
    assert sent["__typename"] == "SentMail"
    assert await stored(world) == (1, 1, 1, 1)
    refused = await program.post("query { me { account { slug } } }", input=input)
    assert refused.status_code == 413
    twice = SEND.replace("sendMail(input: $input) {", "logout sendMail(input: $input) {", 1)
    assert (await program.post(twice, input=input)).status_code == 413
    too_big = DRAFT | {"attachments": [{"name": "big.bin", "content": big + big[: len(big) // 10]}]}
    assert (await program.post(SEND, input=too_big)).status_code == 413
    stranger = world.client("shop.localhost")
    assert (await stranger.post(SEND, input=input)).status_code == 413
    assert await stored(world) == (1, 1, 1, 1)
