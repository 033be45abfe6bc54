"""What can be given by whoever acts with a key? No more than the key has: no greater role, and no credits without CREDITS."""

from typing import Any
from uuid import UUID

import pytest

from tests.api.conftest import Client, World
from tests.api.people import CHANGE, INVITE, PROBLEM, RESEND, invited, member
from tests.api.test_copies import WAIVE
from tests.api.test_refused import refused

MAKE = f"""mutation ($input: CreateCredentialInput!) {{ createCredential(input: $input) {{
  __typename ... on NewCredential {{ secret }} {PROBLEM} }} }}"""
CREATE = f"""mutation ($input: CreateSubAccountInput!) {{ createSubAccount(input: $input) {{
  __typename ... on Account {{ id credits sharesPool monthlyLimit }} {PROBLEM} }} }}"""
UPDATE = f"""mutation ($input: UpdateAccountInput!) {{ updateAccount(input: $input) {{
  __typename ... on Account {{ id sharesPool monthlyLimit }} {PROBLEM} }} }}"""
PENDING = "{ invitations { id } }"
DELETE = f"""mutation ($id: ID!, $name: String!, $credits: CreditsOfDeleted!) {{
  deleteAccount(id: $id, name: $name, credits: $credits) {{ __typename ... on DeletedAccount {{ id }} {PROBLEM} }} }}"""
PLAN = f"""mutation ($input: CreatePlanInput!) {{ createPlan(input: $input) {{
  __typename ... on Plan {{ id }} {PROBLEM} }} }}"""
MOVE = f"""mutation ($id: ID!, $below: ID!) {{ moveAccount(id: $id, below: $below) {{
  __typename ... on Account {{ id }} {PROBLEM} }} }}"""
SECRET = f"mutation {{ renewPaymentSecret {{ __typename {PROBLEM} }} }}"

EVERYTHING = ["READ", "SEND", "ACCOUNTS", "MEMBERS", "KEYS", "CREDITS", "AUDIT"]


async def owner(world: World) -> Client:
    """Acme's, signed in."""
    browser = world.client("acme.localhost")
    await browser.login("user@acme.test")
    return browser


async def program(world: World, *permissions: str, **more: Any) -> Client:
    """A program with a key of Acme's."""
    browser = await owner(world)
    made = (await browser.ask(MAKE, input={"kind": "API", "name": "key", "permissions": list(permissions), **more}))[
        "createCredential"
    ]
    assert made["__typename"] == "NewCredential", made
    client = world.client(key="acme.test")
    client.http.headers["authorization"] = f"Bearer {made['secret']}"
    return client


async def test_a_key_gives_no_role_that_may_do_more_than_the_key(world: World) -> None:
    some, reads = await program(world, "MEMBERS", "ACCOUNTS"), await program(world, "MEMBERS", "READ", "SEND")
    whole = await program(world, *EVERYTHING)
    browser = await owner(world)
    await member(world, browser, "sender@new.test", "SENDER", str(world.accounts["acme.test"]))
    async with world.db.connection() as conn:
        sender = str(await conn.fetchval("select id from member where email = 'sender@new.test'"))
    for role in ("ADMIN", "SENDER", "ANALYST", "BILLING"):
        assert await refused(world, some, INVITE, email=f"{role}@new.test", role=role) == "FORBIDDEN"
    for role in ("ADMIN", "BILLING"):
        assert await refused(world, reads, INVITE, email=f"{role}@new.test", role=role) == "FORBIDDEN"
        assert await refused(world, reads, CHANGE, id=sender, role=role) == "FORBIDDEN"
    told = (await reads.ask(INVITE, email="new@new.test", role="BILLING"))["inviteMember"]
    assert (told["message"], told["field"]) == ("You cannot give what you do not have: credits.", ["role"])
    first = {"name": "New", "firstMember": {"email": "boss@new.test"}}
    assert await refused(world, some, CREATE, input=first) == "FORBIDDEN"
    assert (await some.ask(CREATE, input=first))["createSubAccount"]["field"] == ["firstMember", "role"]
    # Nor is what somebody greater sent sent again.
    await invited(world, browser, "admin@new.test", "ADMIN")
    [pending] = (await browser.ask(PENDING))["invitations"]
    assert await refused(world, reads, RESEND, id=pending["id"]) == "FORBIDDEN"
    # What it has it gives.
    assert (await whole.ask(RESEND, id=pending["id"]))["resendInvitation"]["__typename"] == "Invitation"
    assert (await reads.ask(INVITE, email="new@new.test", role="SENDER"))["inviteMember"]["role"] == "SENDER"
    assert (await reads.ask(CHANGE, id=sender, role="ANALYST"))["changeMemberRole"]["member"]["role"] == "ANALYST"
    assert (await whole.ask(INVITE, email="peer@new.test", role="ADMIN"))["inviteMember"]["role"] == "ADMIN"
    assert (await whole.ask(CREATE, input=first))["createSubAccount"]["__typename"] == "Account"


async def test_a_key_of_the_sandbox_asks_nobody_in(world: World) -> None:
    sandboxed, free = await program(world, *EVERYTHING, sandbox=True), await program(world, *EVERYTHING)
    first = {"name": "New", "firstMember": {"email": "boss@new.test", "role": "ANALYST"}}
    assert await refused(world, sandboxed, INVITE, email="new@new.test", role="ANALYST") == "FORBIDDEN"
    assert await refused(world, sandboxed, CREATE, input=first) == "FORBIDDEN"
    assert (await free.ask(INVITE, email="new@new.test", role="ANALYST"))["inviteMember"]["role"] == "ANALYST"
    assert (await free.ask(CREATE, input=first))["createSubAccount"]["__typename"] == "Account"


@pytest.mark.parametrize(
    "bound", [{"networks": ["127.0.0.0/8"]}, {"limits": {"perDay": 9}}, {"expiresAt": "2099-01-01T00:00:00Z"}], ids=str
)
async def test_a_bound_key_makes_nobody_who_could_make_a_free_one(world: World, bound: dict[str, Any]) -> None:
    key = await program(world, *EVERYTHING, **bound)
    assert await refused(world, key, INVITE, email="new@new.test", role="ADMIN") == "FORBIDDEN"
    assert (await key.ask(INVITE, email="new@new.test", role="SENDER"))["inviteMember"]["role"] == "SENDER"
    # In an account below it opens nothing of its own.
    shop = str(world.accounts["shop.test"])
    below = (await key.ask(INVITE, email="boss@new.test", role="OWNER", account=shop))["inviteMember"]
    assert below["role"] == "OWNER"


async def test_credits_are_given_opened_and_voided_with_credits_only(world: World) -> None:
    without, with_it = await program(world, "ACCOUNTS", "READ"), await program(world, "ACCOUNTS", "READ", "CREDITS")
    made = (await with_it.ask(CREATE, input={"name": "New", "credits": 500}))["createSubAccount"]
    assert made["credits"] == 500
    poor = (await without.ask(CREATE, input={"name": "Poor"}))["createSubAccount"]
    asked: list[tuple[str, dict[str, Any], list[str]]] = [
        (CREATE, {"input": {"name": "Mate", "sharesPool": True, "monthlyLimit": 10**9}}, ["sharesPool"]),
        (CREATE, {"input": {"name": "Rich", "credits": 5}}, ["credits"]),
        (UPDATE, {"input": {"id": poor["id"], "sharesPool": True}}, ["sharesPool"]),
        (UPDATE, {"input": {"id": poor["id"], "monthlyLimit": 10**9}}, ["monthlyLimit"]),
        (DELETE, {"id": made["id"], "name": "New", "credits": "VOID"}, ["credits"]),
    ]
    for query, variables, field in asked:
        assert await refused(world, without, query, **variables) == "FORBIDDEN", variables
        [told] = (await without.ask(query, **variables)).values()
        assert told["field"] == field
    for query, variables, _ in asked:
        [told] = (await with_it.ask(query, **variables)).values()
        assert told["__typename"] in ("Account", "DeletedAccount"), (variables, told)
    # ACCOUNTS alone changes and deletes all the same; what was handed down returns.
    renamed = await without.ask(UPDATE, input={"id": poor["id"], "name": "Poorer", "sharesPool": True})
    assert renamed["updateAccount"]["sharesPool"] is True, "unchanged, so nothing is opened"
    gone = (await without.ask(DELETE, id=poor["id"], name="Poorer", credits="RETURN"))["deleteAccount"]
    assert gone["__typename"] == "DeletedAccount"


async def test_copies_are_made_free_with_credits_only(world: World) -> None:
    root = world.client()
    await root.login("user@operator.test")
    made = []
    for permissions in (["ACCOUNTS", "READ"], ["ACCOUNTS", "READ", "CREDITS"]):
        input = {"kind": "API", "name": "key", "permissions": permissions}
        world.keys["made"] = (await root.ask(MAKE, input=input))["createCredential"]["secret"]
        made.append(world.client(key="made"))
    shop = str(world.accounts["shop.test"])
    assert await refused(world, made[0], WAIVE, id=shop, free=True) == "FORBIDDEN"
    assert (await made[1].ask(WAIVE, id=shop, free=True))["waiveCopies"]["__typename"] != "Problem"


async def test_sign_up_with_a_plan_is_opened_with_credits_only(world: World) -> None:
    reseller = await owner(world)
    without, with_it = await program(world, "ACCOUNTS", "READ"), await program(world, "ACCOUNTS", "READ", "CREDITS")
    acme = str(world.accounts["acme.test"])
    plan = (await reseller.ask(PLAN, input={"name": "Start", "credits": 10}))["createPlan"]["id"]
    # Without a plan newcomers get nothing; with one that is set while nobody signs up neither.
    assert (await without.ask(UPDATE, input={"id": acme, "signUpOpen": True}))["updateAccount"]["id"] == acme
    await reseller.ask(UPDATE, input={"id": acme, "signUpOpen": False, "signUpPlanId": plan})
    opens = {"input": {"id": acme, "signUpOpen": True}}
    assert await refused(world, without, UPDATE, **opens) == "FORBIDDEN"
    assert (await without.ask(UPDATE, **opens))["updateAccount"]["field"] == ["signUpOpen"]
    assert (await with_it.ask(UPDATE, **opens))["updateAccount"]["__typename"] == "Account"
    # It is closed without them, and what is open already stays so.
    assert (await without.ask(UPDATE, **opens))["updateAccount"]["__typename"] == "Account"
    assert (await without.ask(UPDATE, input={"id": acme, "signUpOpen": False}))["updateAccount"]["id"] == acme


async def test_who_may_resell_again_welcomes_newcomers_with_credits_only(world: World) -> None:
    new = {"name": "New", "mayResell": True}
    id = (await (await program(world, "ACCOUNTS", "READ")).ask(CREATE, input=new))["createSubAccount"]["id"]
    async with world.db.connection() as conn:
        await conn.execute(
            """with p as (insert into plan (id, account_id, name, credits) values (gen_random_uuid(), $1, 'Start', 10)
                          returning id)
               update account set sign_up_open = true, may_resell = false, sign_up_plan_id = p.id from p
                where account.id = $1""",
            UUID(id),
        )
    opens = {"input": {"id": id, "mayResell": True}}
    assert await refused(world, await program(world, "ACCOUNTS", "READ"), UPDATE, **opens) == "FORBIDDEN"
    able = await program(world, "ACCOUNTS", "READ", "CREDITS")
    assert (await able.ask(UPDATE, **opens))["updateAccount"]["__typename"] == "Account"


async def test_out_of_a_monthly_limit_accounts_are_moved_with_credits_only(world: World) -> None:
    without, with_it = await program(world, "ACCOUNTS", "READ"), await program(world, "ACCOUNTS", "READ", "CREDITS")
    ids = {}
    for name, more in (("Bound", {"monthlyLimit": 2}), ("Open", {})):
        made = await with_it.ask(CREATE, input={"name": name, "mayResell": True, "sharesPool": True, **more})
        ids[name] = made["createSubAccount"]["id"]
    mate = {"name": "Mate", "sharesPool": True}
    for name, above in (("low", "Bound"), ("high", "Open")):
        made = await with_it.ask(CREATE, input={**mate, "name": name, "parentId": ids[above]})
        ids[name] = made["createSubAccount"]["id"]
    acme = str(world.accounts["acme.test"])
    for below in (ids["Open"], acme):
        assert await refused(world, without, MOVE, id=ids["low"], below=below) == "FORBIDDEN"
        assert (await without.ask(MOVE, id=ids["low"], below=below))["moveAccount"]["field"] == ["below"]
    assert (await with_it.ask(MOVE, id=ids["low"], below=ids["Open"]))["moveAccount"]["__typename"] == "Account"
    # Into a limit, within it, together with it, and where there is none: ACCOUNTS is enough.
    for id, below in ((ids["high"], acme), (ids["high"], ids["Bound"]), (ids["Bound"], ids["Open"])):
        assert (await without.ask(MOVE, id=id, below=below))["moveAccount"]["__typename"] == "Account"
    assert (await without.ask(MOVE, id=ids["high"], below=ids["Open"]))["moveAccount"]["code"] == "FORBIDDEN"


@pytest.mark.parametrize(
    "bound", [{"networks": ["127.0.0.0/8"]}, {"expiresAt": "2099-01-01T00:00:00Z"}, {"sandbox": True}], ids=str
)
async def test_a_bound_key_makes_no_secret_that_is_good_for_ever(world: World, bound: dict[str, Any]) -> None:
    free = await program(world, "CREDITS")
    assert (await free.ask(SECRET))["renewPaymentSecret"]["__typename"] == "PaymentSecret"
    key = await program(world, *EVERYTHING, **bound)
    assert await refused(world, key, SECRET) == "FORBIDDEN", "and the one before stays good"
    limited = await program(world, "CREDITS", limits={"perDay": 9})
    assert (await limited.ask(SECRET))["renewPaymentSecret"]["__typename"] == "PaymentSecret", "limits are of mail"
    assert (await (await owner(world)).ask(SECRET))["renewPaymentSecret"]["__typename"] == "PaymentSecret"
