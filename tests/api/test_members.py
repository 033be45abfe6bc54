"""Who may change whom? Nobody reaches above themselves, an account keeps an owner, and strangers find nobody."""

import asyncio
from typing import Any

from tests.api.conftest import Client, World, until
from tests.api.live import connected
from tests.api.people import CHANGE, INVITE, MEMBERS, NEW_PASSWORD, REMOVE, actions, member

NOWHERE = "00000000-0000-7000-8000-000000000000"


async def signed_in(world: World, host: str, address: str) -> Client:
    browser = world.client(host)
    assert (await browser.login(address))["__typename"] == "SignedIn"
    return browser


async def roles(browser: Client, account: str | None = None) -> dict[str, str]:
    nodes = (await browser.ask(MEMBERS, account=account))["members"]["nodes"]
    return {row["email"].split("@")[0]: row["role"] for row in nodes}


async def ids(world: World) -> dict[str, str]:
    async with world.db.connection() as conn:
        return {row["email"]: str(row["id"]) for row in await conn.fetch("select id, email from member")}


async def change(browser: Client, id: str, role: str) -> Any:
    return (await browser.ask(CHANGE, id=id, role=role))["changeMemberRole"]


async def remove(browser: Client, id: str) -> Any:
    return (await browser.ask(REMOVE, id=id))["removeMember"]


async def test_nobody_reaches_above_their_own_role(world: World) -> None:
    owner = await signed_in(world, "shop.localhost", "user@shop.test")
    admin = await member(world, owner, "admin@new.test", "ADMIN")
    await member(world, owner, "ann@new.test", "ANALYST")
    known = await ids(world)
    for refused in (
        await change(admin, known["user@shop.test"], "SENDER"),
        await change(admin, known["ann@new.test"], "OWNER"),
        await change(admin, known["admin@new.test"], "OWNER"),
        await remove(admin, known["user@shop.test"]),
    ):
        assert (refused["code"], refused["field"]) == ("ROLE_ABOVE", ["role"])
    assert await roles(owner) == {"user": "OWNER", "admin": "ADMIN", "ann": "ANALYST"}
    # The positive twins: what is not above is changed.
    assert (await change(admin, known["ann@new.test"], "ADMIN"))["member"]["role"] == "ADMIN"
    assert (await change(owner, known["ann@new.test"], "OWNER"))["member"]["role"] == "OWNER"
    assert (await remove(owner, known["admin@new.test"]))["member"] == {"email": "admin@new.test"}
    assert await roles(owner) == {"user": "OWNER", "ann": "OWNER"}
    assert (await admin.ask("{ me { account { slug } } }"))["me"] is None
    assert (await actions(world))[-3:] == ["member.change", "member.change", "member.remove"]


async def test_those_who_manage_nobody_are_refused_everything(world: World) -> None:
    owner = await signed_in(world, "shop.localhost", "user@shop.test")
    before = await ids(world)
    for role in ("SENDER", "ANALYST", "BILLING"):
        browser = await member(world, owner, f"{role.lower()}@new.test", role)
        assert [error["extensions"]["code"] for error in await browser.errors(MEMBERS)] == ["FORBIDDEN"]
        assert (await change(browser, before["user@shop.test"], "ANALYST"))["code"] == "FORBIDDEN"
        assert (await remove(browser, before["user@shop.test"]))["code"] == "FORBIDDEN"
        assert (await browser.ask(INVITE, email="x@new.test", role="ANALYST"))["inviteMember"]["code"] == "FORBIDDEN"
    assert (await roles(owner))["user"] == "OWNER"


async def test_the_last_owner_stays_however_many_try_at_once(world: World) -> None:
    owner = await signed_in(world, "shop.localhost", "user@shop.test")
    known = await ids(world)
    assert (await change(owner, known["user@shop.test"], "ADMIN"))["code"] == "LAST_OWNER"
    assert (await remove(owner, known["user@shop.test"]))["code"] == "LAST_OWNER"
    # From above neither: an account without an owner is nobody's.
    reseller = await signed_in(world, "acme.localhost", "user@acme.test")
    assert (await remove(reseller, known["user@shop.test"]))["code"] == "LAST_OWNER"
    assert await roles(owner) == {"user": "OWNER"}
    other = await member(world, owner, "other@new.test", "OWNER")
    known = await ids(world)
    both = await asyncio.gather(
        owner.post(REMOVE, id=known["other@new.test"]), other.post(REMOVE, id=known["user@shop.test"])
    )
    # Who comes second is refused as the last owner, as nobody's superior any more, or as a stranger: by how late it is.
    answers = [answer.json() for answer in both]
    removed = [
        one for one in answers if ((one["data"] or {}).get("removeMember") or {}).get("__typename") == "MemberChanged"
    ]
    assert len(removed) == 1
    assert "INTERNAL" not in str(answers)
    async with world.db.connection() as conn:
        left = await conn.fetchval(
            "select count(*) from member where role = 'owner' and account_id = $1", world.accounts["shop.test"]
        )
    assert left == 1


async def test_strangers_find_nobody_and_parents_find_all(world: World) -> None:
    known = await ids(world)
    shop = str(world.accounts["shop.test"])
    rival = await signed_in(world, "rival.localhost", "user@rival.test")
    for query, variables in (
        (CHANGE, {"id": known["user@shop.test"], "role": "ANALYST"}),
        (REMOVE, {"id": known["user@shop.test"]}),
        (MEMBERS, {"account": shop}),
    ):
        foreign = await rival.post(query, **variables)
        absent = {name: NOWHERE if len(value) == 36 else value for name, value in variables.items()}
        assert foreign.content == (await rival.post(query, **absent)).content
    assert (await rival.ask(REMOVE, id="no id"))["removeMember"]["code"] == "MISSING"
    # A sub-account's people do not see the reseller's either.
    owner = await signed_in(world, "shop.localhost", "user@shop.test")
    assert (await remove(owner, known["user@acme.test"]))["code"] == "MISSING"
    reseller = await signed_in(world, "acme.localhost", "user@acme.test")
    assert await roles(reseller, shop) == {"user": "OWNER"}
    assert await roles(reseller) == {"user": "OWNER"}


async def test_another_role_counts_at_once_and_closes_what_is_open(world: World) -> None:
    owner = await signed_in(world, "shop.localhost", "user@shop.test")
    sender = await member(world, owner, "ann@new.test", "SENDER")
    assert (await sender.ask("{ messages { nodes { id } } }"))["messages"]["nodes"] is not None
    async with connected(world, browser=sender, origin="same") as live:
        await live.open()
        await change(owner, (await ids(world))["ann@new.test"], "BILLING")
        assert await live.closed() == (4401, "Signed out")
    assert [e["extensions"]["code"] for e in await sender.errors("{ messages { nodes { id } } }")] == ["FORBIDDEN"]


async def test_removed_means_signed_out_and_locked_out(world: World) -> None:
    owner = await signed_in(world, "shop.localhost", "user@shop.test")
    ann = await member(world, owner, "ann@new.test", "ADMIN")
    await remove(owner, (await ids(world))["ann@new.test"])

    async def gone() -> bool:
        return (await ann.ask("{ me { account { slug } } }"))["me"] is None

    await until(gone)
    again = await world.client("shop.localhost").login("ann@new.test", NEW_PASSWORD)
    assert again["code"] == "UNAUTHENTICATED"
