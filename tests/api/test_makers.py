"""What becomes of the keys of somebody who is given another role or removed? They go on, and whoever did it is told."""

from typing import Any

from tests.api.conftest import Client, World
from tests.api.people import CHANGE, INVITE, REMOVE, member

CREATE = """mutation ($input: CreateCredentialInput!) { createCredential(input: $input) {
  ... on NewCredential { secret credential { id } } ... on Problem { code } } }"""
REVOKE = "mutation ($id: ID!) { revokeCredential(id: $id) { __typename } }"
DISABLE = "mutation ($id: ID!) { disableCredential(id: $id) { __typename } }"
LIST = """query ($by: ID, $account: ID) { credentials(first: 20, createdBy: $by, accountId: $account) {
  nodes { name accountName createdBy { memberId name email removed byProvider } } } }"""
NOWHERE = "00000000-0000-7000-8000-000000000000"


async def make(browser: Client, name: str, **more: Any) -> Any:
    return (await browser.ask(CREATE, input={"kind": "API", "name": name, **more}))["createCredential"]


async def listed(browser: Client, **asked: Any) -> list[str]:
    return [row["name"] for row in (await browser.ask(LIST, **asked))["credentials"]["nodes"]]


async def makers(browser: Client, **asked: Any) -> dict[str, Any]:
    nodes = (await browser.ask(LIST, **asked))["credentials"]["nodes"]
    return {row["name"]: row["createdBy"] for row in nodes}


async def signed_in(world: World, slug: str) -> Client:
    browser = world.client()
    assert (await browser.login(f"user@{slug}"))["__typename"] == "SignedIn"
    return browser


async def id_of(world: World, email: str) -> str:
    async with world.db.connection() as conn:
        return str(await conn.fetchval("select id from member where email = $1", email))


async def test_keys_outlive_their_makers_role_and_the_answer_counts_them(world: World) -> None:
    owner = await signed_in(world, "shop.test")
    ann = await member(world, owner, "ann@new.test", "ADMIN")
    made = {name: await make(ann, name) for name in ("runs", "also runs", "switched off", "revoked", "over")}
    await make(owner, "the owner's")
    id = await id_of(world, "ann@new.test")
    await ann.ask(REVOKE, id=made["revoked"]["credential"]["id"])
    await ann.ask(DISABLE, id=made["switched off"]["credential"]["id"])
    async with world.db.connection() as conn:
        await conn.execute("update credential set expires_at = livery_now() where name = 'over'")
    lowered = (await owner.ask(CHANGE, id=id, role="ANALYST"))["changeMemberRole"]
    assert lowered == {
        "__typename": "MemberChanged",
        "member": {"email": "ann@new.test", "role": "ANALYST"},
        "credentialsInForce": 2,
    }
    program = world.client()
    program.http.headers["authorization"] = f"Bearer {made['runs']['secret']}"
    assert (await program.ask("{ me { permissions } }"))["me"]["permissions"] == ["READ", "SEND"]
    removed = (await owner.ask(REMOVE, id=id))["removeMember"]
    assert (removed["member"], removed["credentialsInForce"]) == ({"email": "ann@new.test"}, 2)
    assert (await program.ask("{ me { permissions } }"))["me"]["permissions"] == ["READ", "SEND"]
    assert await listed(owner, by=id) == ["over", "switched off", "also runs", "runs"]
    await owner.ask(REVOKE, id=made["runs"]["credential"]["id"])
    assert (await program.post("{ me { permissions } }")).status_code == 401
    assert await listed(owner, by=id) == ["over", "switched off", "also runs"]
    # Its twin: who made nothing leaves nothing.
    await member(world, owner, "bob@new.test", "ADMIN")
    gone = (await owner.ask(REMOVE, id=await id_of(world, "bob@new.test")))["removeMember"]
    assert gone["credentialsInForce"] == 0


async def test_a_refused_removal_tells_and_ends_nothing(world: World) -> None:
    owner = await signed_in(world, "shop.test")
    await make(owner, "the owner's")
    admin = await member(world, owner, "ann@new.test", "ADMIN")
    refused = (await admin.ask(REMOVE, id=await id_of(world, "user@shop.test")))["removeMember"]
    assert (refused["__typename"], refused["code"]) == ("Problem", "ROLE_ABOVE")


async def test_the_list_says_who_made_each(world: World) -> None:
    owner = await signed_in(world, "shop.test")
    ann = await member(world, owner, "ann@new.test", "ADMIN")
    await make(ann, "ann's")
    id = await id_of(world, "ann@new.test")
    program = world.client(key="admin@shop.test")
    assert (await make(program, "a program's"))["secret"]
    reseller = await signed_in(world, "acme.test")
    shop = str(world.accounts["shop.test"])
    await make(reseller, "the provider's", accountId=shop)
    her = {"memberId": id, "name": "ann", "email": "ann@new.test", "removed": False, "byProvider": False}
    nobody = {"memberId": None, "name": None, "email": None, "removed": False, "byProvider": True}
    his = {**her, "memberId": await id_of(world, "user@acme.test"), "name": "User", "email": "user@acme.test"}
    seen = await makers(owner)
    assert seen == {
        "ann's": her,
        "a program's": None,
        "the provider's": nobody,
        "key": None,
        "admin": None,
        "smtp": None,
    }
    assert (await makers(reseller, account=shop))["the provider's"] == his
    assert await owner.ask(REMOVE, id=id)
    gone = {**her, "name": None, "removed": True}
    for browser, asked in ((owner, {}), (reseller, {"account": shop})):
        assert (await makers(browser, **asked))["ann's"] == gone
    assert (await makers(owner))["the provider's"] == nobody
    # The person comes back as somebody else: what was made before stays who made it.
    await member(world, owner, "ann@new.test", "ADMIN")
    assert (await makers(owner))["ann's"] == gone


async def test_what_the_providers_people_made_is_found_by_their_own_only(world: World) -> None:
    reseller = await signed_in(world, "acme.test")
    await make(reseller, "at home")
    await make(reseller, "below", accountId=str(world.accounts["shop.test"]))
    his = await id_of(world, "user@acme.test")
    assert await listed(reseller, by=his) == ["below", "at home"], "in all that is seen"
    assert await listed(reseller, by=his, account=str(world.accounts["shop.test"])) == ["below"]
    owner = await signed_in(world, "shop.test")
    rival = await signed_in(world, "rival.test")
    for browser in (owner, rival):
        answers = {(await browser.post(LIST, by=asked)).content for asked in (his, NOWHERE, "no id")}
        assert len(answers) == 1
        assert await listed(browser, by=his) == []
    assert "below" in await listed(owner)
    other = await member(world, reseller, "second@acme.test", "OWNER", str(world.accounts["acme.test"]))
    told = (await other.ask(REMOVE, id=his))["removeMember"]
    assert told["credentialsInForce"] == 2, "those in accounts below count too"
    assert (await other.ask(INVITE, email="x@new.test", role="SENDER"))["inviteMember"]["__typename"] == "Invitation"
