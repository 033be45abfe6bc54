"""Are credentials made, listed and ended by GraphQL, with Problems that name the field and rows that nobody else sees?"""

from datetime import datetime, timedelta
from typing import Any

import pytest

from kit.clock import shift
from tests.api.conftest import Client, World, until
from tests.api.people import UNSEEN

FIELDS = """id accountId accountName kind name username prefix state permissions networks sandbox expiresAt disabledAt revokedAt
  lastUsedAt lastUsedIp createdAt limits { perMinute perHour perDay perMonth }
  createdBy { memberId name email removed byProvider } limitUse { window most used endsAt }"""
PROBLEM = "... on Problem { code message field next until }"
CREATE = f"""mutation ($input: CreateCredentialInput!) {{ createCredential(input: $input) {{ __typename
  ... on NewCredential {{ secret credential {{ {FIELDS} }} }} {PROBLEM} }} }}"""
UPDATE = f"""mutation ($id: ID!, $input: UpdateCredentialInput!) {{ updateCredential(id: $id, input: $input) {{ __typename
  ... on Credential {{ {FIELDS} }} {PROBLEM} }} }}"""
LIST = f"""query ($first: Int!, $after: String, $accountId: ID, $revoked: Boolean!) {{
  credentials(first: $first, after: $after, accountId: $accountId, revoked: $revoked) {{
    nodes {{ {FIELDS} }} pageInfo {{ hasNextPage endCursor }} }} }}"""
ME = "{ me { account { slug } } }"
NOWHERE = "00000000-0000-7000-8000-000000000000"


def act(name: str) -> str:
    """The mutation that does something to one credential."""
    return f"mutation ($id: ID!) {{ {name}(id: $id) {{ __typename ... on Credential {{ {FIELDS} }} {PROBLEM} }} }}"


async def owner(world: World, slug: str = "shop.test") -> Client:
    """The account's owner, signed in on the platform's host."""
    client = world.client()
    assert (await client.login(f"user@{slug}"))["__typename"] == "SignedIn"
    return client


async def make(client: Client, **input: Any) -> Any:
    """The answer to making a credential."""
    return (await client.ask(CREATE, input=input))["createCredential"]


async def listed(client: Client, **more: Any) -> list[str]:
    """Names of credentials, as listed."""
    page = (await client.ask(LIST, **{"first": 100, "revoked": False, **more}))["credentials"]
    return [node["name"] for node in page["nodes"]]


def program(world: World, secret: str) -> Client:
    """A client with this key."""
    world.keys["made"] = secret
    return world.client(key="made")


async def test_a_key_is_made_used_changed_and_ended(world: World) -> None:
    client = await owner(world)
    made = await make(
        client,
        kind="API",
        name="Shop",
        permissions=["READ"],
        networks=["127.0.0.0/8"],
        limits={"perDay": 7},
        sandbox=True,
        expiresAt="2099-01-01T00:00:00Z",
    )
    credential, secret = made["credential"], made["secret"]
    assert {name: credential[name] for name in ("kind", "name", "state", "permissions", "networks", "sandbox")} == {
        "kind": "API",
        "name": "Shop",
        "state": "ACTIVE",
        "permissions": ["READ"],
        "networks": ["127.0.0.0/8"],
        "sandbox": True,
    }
    assert credential["limits"] == {"perMinute": None, "perHour": None, "perDay": 7, "perMonth": None}
    assert (credential["prefix"], credential["lastUsedAt"]) == (secret[:9], None)
    using = program(world, secret)
    assert (await using.ask(ME))["me"]["account"]["slug"] == "shop.test"
    changed = (
        await client.ask(
            UPDATE,
            id=credential["id"],
            input={"name": "Feed", "limits": None, "networks": None, "expiresAt": None, "permissions": None},
        )
    )["updateCredential"]
    assert (changed["name"], changed["networks"], changed["expiresAt"]) == ("Feed", [], None)
    assert (changed["permissions"], changed["limits"]["perDay"], changed["sandbox"]) == (["READ", "SEND"], None, True)
    for name, state, status in (
        ("disableCredential", "DISABLED", 401),
        ("enableCredential", "ACTIVE", 200),
        ("revokeCredential", "REVOKED", 401),
    ):
        found = (await client.ask(act(name), id=credential["id"]))[name]
        assert found["state"] == state
        assert (await using.post(ME)).status_code == status
    refused = (await client.ask(act("enableCredential"), id=credential["id"]))["enableCredential"]
    assert (refused["__typename"], refused["code"]) == ("Problem", "REVOKED")
    assert "Feed" not in await listed(client)
    assert "Feed" in await listed(client, revoked=True)


async def test_a_mistyped_key_is_told_as_one(world: World) -> None:
    made = await make(await owner(world), kind="API", name="Shop")
    secret = made["secret"]
    answer = await program(world, secret[:-1] + ("a" if secret[-1] != "a" else "b")).post(ME)
    assert answer.status_code == 401
    assert answer.json()["errors"][0]["message"] == "This API key has a typing error."
    assert answer.json()["errors"][0]["extensions"]["code"] == "KEY_REFUSED"
    assert (await program(world, secret).post(ME)).status_code == 200


async def test_the_last_use_of_a_key_is_seen(world: World) -> None:
    client = await owner(world)
    made = await make(client, kind="API", name="used")
    await program(world, made["secret"]).ask(ME)
    await world.platform.uses.write()

    async def used() -> bool:
        page = (await client.ask(LIST, first=1, revoked=False))["credentials"]
        node = page["nodes"][0]
        return node["name"] == "used" and node["lastUsedAt"] is not None and node["lastUsedIp"] == "127.0.0.1"

    await until(used)


async def test_what_is_used_of_each_limit_is_shown(world: World) -> None:
    client = await owner(world)
    await make(client, kind="API", name="free")
    await make(client, kind="API", name="closed", limits={"perMinute": 0})
    made = await make(client, kind="API", name="bound", limits={"perMonth": 50, "perHour": 9})
    assert [(one["window"], one["most"], one["used"]) for one in made["credential"]["limitUse"]] == [
        ("HOUR", 9, 0),
        ("MONTH", 50, 0),
    ]
    send = """mutation ($to: [String!]!) { sendMail(input: { sender: "a@shop.test", to: $to, subject: "s", text: "t" }) {
      __typename ... on Problem { code } } }"""
    using = program(world, made["secret"])
    async with world.db.connection() as conn:  # the first second of an hour, so that none ends meanwhile
        await conn.execute(
            """update clock_shift set by = by + date_trunc('hour', livery_now()) + interval '1 hour 1 second' - livery_now()"""
        )
    for to, typename in (
        (["a@x.test", "b@x.test"], "SentMail"),
        (["c@x.test"], "SentMail"),
        ([f"{n}@x.test" for n in range(7)], "Problem"),
    ):
        answer = (await using.ask(send, to=to))["sendMail"]
        assert answer["__typename"] == typename, answer
    page = (await client.ask(LIST, first=3, revoked=False))["credentials"]["nodes"]
    async with world.db.connection() as conn:
        hour = await conn.fetchval("select date_trunc('hour', livery_now()) + interval '1 hour'")
    used = {node["name"]: [(one["window"], one["most"], one["used"]) for one in node["limitUse"]] for node in page}
    assert used == {"bound": [("HOUR", 9, 3), ("MONTH", 50, 3)], "closed": [("MINUTE", 0, 0)], "free": []}
    assert datetime.fromisoformat(page[0]["limitUse"][0]["endsAt"]) == hour
    async with world.db.connection() as conn:
        await shift(conn, timedelta(hours=1))
    [node] = (await client.ask(LIST, first=1, revoked=False))["credentials"]["nodes"]
    assert node["limitUse"][0]["used"] == 0, "an hour that has ended counts no more"


async def test_pages_follow_one_another(world: World) -> None:
    client = await owner(world)
    for n in range(5):
        await make(client, kind="SMTP", name=f"user {n}")
    names: list[str] = []
    after, more = None, True
    while more:
        page = (await client.ask(LIST, first=2, after=after, revoked=False))["credentials"]
        names += [node["name"] for node in page["nodes"]]
        more, after = page["pageInfo"]["hasNextPage"], page["pageInfo"]["endCursor"]
    assert names == [*(f"user {n}" for n in range(4, -1, -1)), *(await listed(client))[5:]]


@pytest.mark.parametrize("kind", ["API", "SMTP"])
async def test_a_credential_is_called_what_can_be_seen(world: World, kind: str) -> None:
    client = await owner(world)
    before = await listed(client, revoked=True)
    for name in UNSEEN:
        refused = await make(client, kind=kind, name=name)
        assert (refused["code"], refused["field"]) == ("INVALID", ["name"]), ascii(name)
    assert await listed(client, revoked=True) == before
    made = await make(client, kind=kind, name=" Zoë’s  می\u200cخواهم ")
    assert made["credential"]["name"] == "Zoë’s می\u200cخواهم"


@pytest.mark.parametrize(
    ("input", "code", "field"),
    [
        ({"kind": "API", "name": " "}, "INVALID", ["name"]),
        ({"kind": "API", "name": "x", "networks": ["somewhere"]}, "INVALID", ["networks"]),
        ({"kind": "API", "name": "x", "limits": {"perHour": -1}}, "INVALID", ["limits", "perHour"]),
        ({"kind": "API", "name": "x", "limits": {"perHour": 2_000_000_001}}, "INVALID", ["limits", "perHour"]),
        ({"kind": "API", "name": "x", "expiresAt": "2020-01-01T00:00:00Z"}, "INVALID", ["expiresAt"]),
        ({"kind": "SMTP", "name": "x", "permissions": ["READ"]}, "INVALID", ["permissions"]),
        ({"kind": "SOURCE", "name": "x", "networks": ["192.0.2.0/24"]}, "FORBIDDEN", ["networks"]),
        ({"kind": "API", "name": "x", "accountId": NOWHERE}, "MISSING", None),
        ({"kind": "API", "name": "x", "accountId": "no id"}, "MISSING", None),
    ],
)
async def test_a_refusal_names_its_field_and_nothing_is_made(
    world: World, input: dict[str, Any], code: str, field: list[str] | None
) -> None:
    client = await owner(world)
    before = await listed(client, revoked=True)
    refused = await make(client, **input)
    assert (refused["__typename"], refused["code"], refused["field"]) == ("Problem", code, field)
    assert await listed(client, revoked=True) == before


async def test_somebody_elses_credential_is_answered_like_none(world: World) -> None:
    made = await make(await owner(world), kind="API", name="shop's")
    id = made["credential"]["id"]
    one = f"query ($id: ID!) {{ credential(id: $id) {{ {FIELDS} }} }}"
    questions: list[tuple[str, dict[str, Any]]] = [
        (one, {}),
        (UPDATE, {"input": {"name": "mine"}}),
        *((act(f"{what}Credential"), {}) for what in ("disable", "enable", "revoke")),
    ]
    for stranger in ("bar.test", "rival.test"):
        client = await owner(world, stranger)
        for query, variables in questions:
            answers = [(await client.post(query, id=asked, **variables)).content for asked in (id, NOWHERE, "no id")]
            assert len(set(answers)) == 1, answers
        foreign, none = [
            (await client.post(LIST, first=9, revoked=True, accountId=account)).content
            for account in (str(world.accounts["shop.test"]), NOWHERE)
        ]
        assert foreign == none
    for parent in ("acme.test", "operator.test"):
        client = await owner(world, parent)
        assert (await client.ask(one, id=id))["credential"]["name"] == "shop's"
        assert "shop's" in await listed(client, accountId=str(world.accounts["shop.test"]))
        assert "shop's" not in await listed(client)
    below = await make(
        await owner(world, "acme.test"), kind="SMTP", name="x", accountId=str(world.accounts["shop.test"])
    )
    assert below["credential"]["accountId"] == str(world.accounts["shop.test"])
