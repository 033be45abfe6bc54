"""Is everything that was changed written down, by whom and for whom, and is nothing secret in it?"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from kit.db import Connection
from tests.api.conftest import PASSWORD, Client, World
from tests.api.people import (
    AUDIT,
    INVITE,
    NEW_PASSWORD,
    code,
    invited,
    mails,
    member,
    not_at_the_edge,
    token,
)
from tests.house.audited import WRITES


class Script:
    """Makes changes one after another and remembers what each of them wrote."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.wrote: dict[str, tuple[str, ...]] = {}
        self.secrets: list[str] = [PASSWORD, NEW_PASSWORD]

    async def change(self, browser: Client, name: str, arguments: str = "", answer: str = "") -> Any:
        """Make one change, which must be made, and return what it answers."""
        before = await self._entries()
        head = f"({arguments})" if arguments else ""
        asked = f"mutation {{ {name}{head} {{ __typename {answer} ... on Problem {{ code message field }} }} }}"
        found = (await browser.ask(asked))[name]
        assert found["__typename"] != "Problem", (name, found)
        await self.world.platform.notices.close()
        self.wrote[name] = tuple((await self._entries())[len(before) :])
        return found

    async def _entries(self) -> list[str]:
        async with self.world.db.connection() as conn:
            return [row["action"] for row in await conn.fetch("select action from audit_entry order by id")]


async def test_every_change_writes_what_is_written_by_hand(world: World) -> None:
    script = Script(world)
    change = script.change
    operator, reseller = world.client("127.0.0.1"), world.client("acme.localhost")
    await operator.login("user@operator.test")
    await reseller.login("user@acme.test")
    await _people(script, world)
    await _keys(script, reseller)
    source = (
        await change(
            operator,
            "createSource",
            'input: {name: "s", ip: "192.0.2.9", hostname: "s.mail.test"}',
            "... on Source { id }",
        )
    )["id"]
    await change(operator, "updateSource", f'input: {{id: "{source}", name: "t"}}')

    made = await change(
        reseller,
        "createSubAccount",
        'input: {name: "Tiny", slug: "tiny.test", whenSpent: HOLD}',
        "... on Account { id }",
    )
    tiny = made["id"]
    await change(reseller, "updateAccount", f'input: {{id: "{tiny}", name: "Tiny Two"}}')
    await _credits(script, world, reseller, tiny)
    await change(reseller, "suspendAccount", f'id: "{tiny}", reason: "unpaid"')
    await change(reseller, "resumeAccount", f'id: "{tiny}"')
    await change(operator, "moveAccount", f'id: "{tiny}", below: "{world.accounts["rival.test"]}"')
    await change(operator, "deleteAccount", f'id: "{tiny}", name: "Tiny Two"')

    await operator.ask(
        "mutation ($id: ID!) { updateAccount(input: {id: $id, signUpOpen: true}) { __typename } }",
        id=str(world.accounts["acme.test"]),
    )
    stranger = world.client("acme.localhost")
    wish = f'email: "new@stranger.test", password: "{NEW_PASSWORD}", name: "New", company: "New Shop"'
    await change(stranger, "signUp", f"input: {{{wish}}}")
    await change(stranger, "confirmSignUp", f'token: "{await token(world, "new@stranger.test")}"')

    expected = {name: actions for name, actions in WRITES.items() if isinstance(actions, tuple)}
    assert {name: script.wrote.get(name) for name in expected} == expected
    assert script.wrote["signUp"] == ()
    async with world.db.connection() as conn:
        await _sound(conn, script.secrets)


async def _people(script: Script, world: World) -> None:
    change = script.change
    owner = world.client("shop.localhost")
    await owner.login("user@shop.test")
    for address in ("one@new.test", "two@new.test"):
        await invited(world, owner, address)
    made = await change(owner, "inviteMember", 'email: "three@new.test", role: SENDER', "... on Invitation { id }")
    await change(owner, "resendInvitation", f'id: "{made["id"]}"')
    await change(owner, "revokeInvitation", f'id: "{made["id"]}"')
    one = world.client("shop.localhost")
    link = await token(world, "one@new.test")
    await change(one, "acceptInvitation", f'token: "{link}", name: "One", password: "{PASSWORD}"')
    script.secrets.append(link)
    id = (await one.ask("{ me { member { id } } }"))["me"]["member"]["id"]
    await change(owner, "changeMemberRole", f'id: "{id}", role: ADMIN')

    await not_at_the_edge(world)
    begun = await change(one, "beginSecondFactor", f'password: "{PASSWORD}"', "... on SecondFactorBegun { secret }")
    given = await code(world, begun["secret"])
    shown = await change(one, "confirmSecondFactor", f'code: "{given}"', "... on RecoveryCodes { codes }")
    script.secrets += [begun["secret"], *shown["codes"]]
    await change(one, "renewRecoveryCodes", f'password: "{PASSWORD}"')
    await change(one, "disableSecondFactor", f'password: "{PASSWORD}"')
    await change(one, "changePassword", f'current: "{PASSWORD}", new: "{NEW_PASSWORD}"')
    other = world.client("shop.localhost")
    await other.login("one@new.test", NEW_PASSWORD)
    [session] = [row["id"] for row in (await one.ask("{ sessions { id current } }"))["sessions"] if not row["current"]]
    await change(one, "endSession", f'id: "{session}"')
    await change(one, "endOtherSessions")
    await change(world.client("shop.localhost"), "requestPasswordReset", 'email: "one@new.test"')
    link = await token(world, "one@new.test")
    script.secrets.append(link)
    await change(world.client("shop.localhost"), "resetPassword", f'token: "{link}", password: "{PASSWORD}"')
    await change(owner, "removeMember", f'id: "{id}"')

    visitor = world.client("acme.localhost")
    await visitor.login("user@acme.test")
    await change(visitor, "enterAccount", f'accountId: "{world.accounts["shop.test"]}"')
    await change(visitor, "leaveAccount")


async def _keys(script: Script, browser: Client) -> None:
    change = script.change
    made = await change(
        browser,
        "createCredential",
        'input: {kind: SMTP, name: "k"}',
        "... on NewCredential { secret credential { id } }",
    )
    script.secrets.append(made["secret"])
    id = made["credential"]["id"]
    await change(browser, "updateCredential", f'id: "{id}", input: {{name: "l"}}')
    await change(browser, "disableCredential", f'id: "{id}"')
    await change(browser, "enableCredential", f'id: "{id}"')
    await change(browser, "revokeCredential", f'id: "{id}"')


async def _credits(script: Script, world: World, reseller: Client, tiny: str) -> None:
    change = script.change
    held = [str(await submit(world, tiny)) for _ in range(2)]
    await change(reseller, "handDownCredits", f'input: {{accountId: "{tiny}", amount: 10}}')
    await change(reseller, "releaseMessages", f'ids: ["{held[0]}"]')
    await change(reseller, "cancelMessages", f'ids: ["{held[1]}"]')
    await change(reseller, "takeBackCredits", f'input: {{accountId: "{tiny}", amount: 5}}')
    plan = (await change(reseller, "createPlan", 'input: {name: "p", credits: 5}', "... on Plan { id }"))["id"]
    await member(world, reseller, "owner@tiny.test", "OWNER", tiny)
    buyer = world.client("acme.localhost")
    await buyer.login("owner@tiny.test", NEW_PASSWORD)
    first = (await change(buyer, "orderPlan", f'planId: "{plan}"', "... on Order { id }"))["id"]
    await change(buyer, "cancelOrder", f'id: "{first}"')
    second = (await change(buyer, "orderPlan", f'planId: "{plan}"', "... on Order { id }"))["id"]
    await change(reseller, "fulfilOrder", f'id: "{second}"')
    await change(reseller, "archivePlan", f'id: "{plan}"')
    shown = await change(reseller, "renewPaymentSecret", "", "... on PaymentSecret { secret }")
    script.secrets.append(shown["secret"])


async def submit(world: World, account: str) -> UUID:
    """Hand in a message for an account by id."""
    return await replace(world, accounts={"it": UUID(account)}).submit("it", "a@b.test")


async def _sound(conn: Connection, secrets: list[str]) -> None:
    rows = await conn.fetch("select e::text as line, member_id, ip, action from audit_entry e")
    assert len(rows) > 40
    for row in rows:
        assert not [secret for secret in secrets if secret in row["line"]], row["action"]
        assert row["ip"] == "127.0.0.1", row["action"]
        assert row["member_id"] is not None or row["action"] == "password.ask", row["action"]


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
