"""How does a person become a member? By a mailed link that is good once, for a week, for one address."""

from datetime import timedelta
from typing import Any

import pytest

from kit.clock import shift
from tenants.throttle import POURED
from tests.api.conftest import PASSWORD, World
from tests.api.people import (
    ACCEPT,
    INVITE,
    MEMBERS,
    NEW_PASSWORD,
    OFFER,
    PROBLEM,
    RESEND,
    REVOKE,
    UNSEEN,
    actions,
    invited,
    link,
    mails,
    member,
    token,
)

INVITATIONS = "query ($account: ID) { invitations(accountId: $account) { id email role expired } }"
OVER = {
    "__typename": "Problem",
    "code": "LINK_OVER",
    "message": "This invitation is not valid any more.",
    "field": ["token"],
    "next": "Ask for a new one.",
}


async def accept(world: World, link_token: str, password: str = NEW_PASSWORD) -> Any:
    browser = world.client("shop.localhost")
    return (await browser.ask(ACCEPT, token=link_token, name="Ann", password=password))["acceptInvitation"]


async def counts(world: World) -> tuple[int, int]:
    """Members and sessions."""
    async with world.db.connection() as conn:
        return await conn.fetchval("select count(*) from member"), await conn.fetchval("select count(*) from session")


async def test_an_invitation_is_mailed_accepted_and_signs_in(world: World) -> None:
    owner = world.client("shop.localhost")
    await owner.login("user@shop.test")
    made = (await owner.ask(INVITE, email=" Ann@New.test ", role="SENDER"))["inviteMember"]
    assert made == {
        "__typename": "Invitation",
        "id": made["id"],
        "email": "ann@new.test",
        "role": "SENDER",
        "expired": False,
    }
    assert (await owner.ask(INVITATIONS))["invitations"] == [
        {"id": made["id"], "email": "ann@new.test", "role": "SENDER", "expired": False}
    ]
    secret = await token(world, "ann@new.test")
    ann = world.client("shop.localhost")
    assert (await ann.ask(OFFER, token=secret))["invitationOffer"] == {"accountName": "Shop", "email": "ann@new.test"}
    answer = (await ann.ask(ACCEPT, token=secret, name="Ann", password=NEW_PASSWORD))["acceptInvitation"]
    assert answer["me"] == {
        "member": {"email": "ann@new.test", "name": "Ann", "role": "SENDER"},
        "account": {"slug": "shop.test"},
    }
    assert (await ann.ask("{ me { permissions } }"))["me"]["permissions"] == ["READ", "SEND"]
    assert (await owner.ask(INVITATIONS))["invitations"] == []
    assert {row["email"] for row in (await owner.ask(MEMBERS))["members"]["nodes"]} == {
        "user@shop.test",
        "ann@new.test",
    }
    assert (await world.client("shop.localhost").login("ann@new.test", NEW_PASSWORD))["__typename"] == "SignedIn"
    assert await actions(world) == ["invitation.create", "invitation.accept"]


async def test_the_mail_is_the_brands_and_leads_to_the_stored_host(world: World) -> None:
    # Asked for on the platform's host: the link leads to the account's own all the same.
    owner = world.client("127.0.0.1")
    await owner.login("user@shop.test")
    await invited(world, owner, "ann@new.test")
    [mail] = await mails(world, "ann@new.test")
    assert mail["From"] == "Acme Mail <no-reply@mail.test>"
    assert mail["Subject"] == "You are invited to Acme Mail"
    assert "in the account Shop at Acme Mail" in mail.get_content()
    assert (await link(world, "ann@new.test")).startswith(f"http://shop.localhost:{world.port}/invitation#")
    assert "livery" not in mail.as_string().lower()
    async with world.db.connection() as conn:
        row = await conn.fetchrow("select account_id, door from message")
        assert row["account_id"] == world.accounts["acme.test"]
        assert await conn.fetchval("select count(*) from credit_entry where message_id is not null") == 0


async def test_the_sender_is_the_brands_first_domain_or_the_neutral_one_of_today(world: World) -> None:
    async with world.db.connection() as conn:
        for slug, names in {
            "operator.test": ("was-neutral.test", "mail.test", "later.test"),
            "acme.test": ("acme-mail.test", "acme-other.test"),
            "shop.test": ("shop-mail.test",),
            "rival.test": (),
        }.items():
            for age, name in enumerate(reversed(names)):
                await conn.execute(
                    """insert into domain (id, account_id, name, verified_at, created_at)
                       values (gen_random_uuid(), $1, $2, livery_now(), livery_now() - make_interval(hours => $3))""",
                    world.accounts[slug],
                    name,
                    age,
                )
        await conn.execute(
            """insert into domain (id, account_id, name, created_at)
               values (gen_random_uuid(), $1, 'unverified.test', livery_now() - interval '1 year')""",
            world.accounts["acme.test"],
        )
    senders = {}
    for slug in ("operator.test", "acme.test", "shop.test", "rival.test"):
        browser = world.client()
        await browser.login(f"user@{slug}")
        await invited(world, browser, f"new@{slug}")
        senders[slug] = str((await mails(world, f"new@{slug}"))[0]["From"].addresses[0].addr_spec)
    assert senders == {
        "operator.test": "no-reply@mail.test",
        "acme.test": "no-reply@acme-mail.test",
        "shop.test": "no-reply@acme-mail.test",  # the brand that its people know
        "rival.test": "no-reply@mail.test",
    }


async def test_nobody_reads_the_link_in_the_accounts_messages(world: World) -> None:
    owner = world.client("shop.localhost")
    await owner.login("user@shop.test")
    secret = await invited(world, owner, "ann@new.test")
    for slug in ("acme.test", "operator.test"):
        answer = await world.client(key=slug).post("{ messages { nodes { subject source headers } } }")
        assert answer.json()["data"]["messages"]["nodes"] == [
            {"subject": "You are invited to Acme Mail", "source": None, "headers": None}
        ]
        assert secret not in answer.text


async def test_expired_used_revoked_and_invented_are_alike(world: World) -> None:
    owner = world.client("shop.localhost")
    await owner.login("user@shop.test")
    used = await invited(world, owner, "used@new.test")
    assert (await accept(world, used))["__typename"] == "SignedIn"
    revoked = await invited(world, owner, "revoked@new.test")
    [row] = (await owner.ask(INVITATIONS))["invitations"]
    assert (await owner.ask(REVOKE, id=row["id"]))["revokeInvitation"]["id"] == row["id"]
    resent = await invited(world, owner, "resent@new.test")
    [row] = (await owner.ask(INVITATIONS))["invitations"]
    assert (await owner.ask(RESEND, id=row["id"]))["resendInvitation"] == {
        "__typename": "Invitation",
        "id": row["id"],
        "expired": False,
    }
    fresh = await token(world, "resent@new.test")
    expired = await invited(world, owner, "expired@new.test")
    async with world.db.connection() as conn:
        await shift(conn, timedelta(days=7) - timedelta(minutes=1))
    assert (await world.client("shop.localhost").ask(OFFER, token=expired))["invitationOffer"] is not None
    async with world.db.connection() as conn:
        await conn.execute(
            "update invitation set expires_at = expires_at + interval '1 hour' where email = 'resent@new.test'"
        )
        await shift(conn, timedelta(minutes=2))
    before = await counts(world)
    for bad in (used, revoked, resent, expired, "invented", "", "x" * 5000):
        assert await accept(world, bad) == OVER
        assert (await world.client("shop.localhost").ask(OFFER, token=bad))["invitationOffer"] is None
    assert await counts(world) == before
    assert (await accept(world, fresh))["__typename"] == "SignedIn"


async def test_on_a_strangers_host_a_link_is_one_that_never_was(world: World) -> None:
    owner = world.client("shop.localhost")
    await owner.login("user@shop.test")
    secret = await invited(world, owner, "ann@new.test")
    before = await counts(world)
    stranger = world.client("rival.localhost")
    answers = [await stranger.post(OFFER, token=one) for one in (secret, "invented")]
    assert answers[0].content == answers[1].content
    assert answers[0].json() == {"data": {"invitationOffer": None}}
    answers = [
        await stranger.post(ACCEPT, token=one, name="Ann", password=NEW_PASSWORD) for one in (secret, "invented")
    ]
    assert answers[0].content == answers[1].content
    assert answers[0].json()["data"]["acceptInvitation"] == OVER
    assert "set-cookie" not in answers[0].headers
    assert await counts(world) == before
    # On a host of the own line, here the reseller's, and on the platform's own the link is good.
    for host in ("acme.localhost", "127.0.0.1"):
        offered = (await world.client(host).ask(OFFER, token=secret))["invitationOffer"]
        assert offered == {"accountName": "Shop", "email": "ann@new.test"}
    answer = await world.client("acme.localhost").ask(ACCEPT, token=secret, name="Ann", password=NEW_PASSWORD)
    assert answer["acceptInvitation"]["__typename"] == "SignedIn"


async def test_an_address_has_one_open_invitation_and_an_expired_one_makes_room(world: World) -> None:
    owner = world.client("shop.localhost")
    await owner.login("user@shop.test")
    await invited(world, owner, "ann@new.test")
    again = (await owner.ask(INVITE, email="ANN@new.test", role="ANALYST"))["inviteMember"]
    assert (again["code"], again["field"]) == ("INVITED", ["email"])
    assert len(await mails(world, "ann@new.test")) == 1
    async with world.db.connection() as conn:
        await shift(conn, timedelta(days=7, minutes=1))
    again = (await owner.ask(INVITE, email="ann@new.test", role="ANALYST"))["inviteMember"]
    assert again["__typename"] == "Invitation"
    assert [row["role"] for row in (await owner.ask(INVITATIONS))["invitations"]] == ["ANALYST"]


async def test_whether_an_address_is_known_elsewhere_is_told_to_its_owner_only(world: World) -> None:
    owner = world.client("shop.localhost")
    await owner.login("user@shop.test")
    answers = {}
    for address in ("user@rival.test", "nobody@new.test"):
        found = (await owner.ask(INVITE, email=address, role="SENDER"))["inviteMember"]
        answers[address] = {**found, "id": "", "email": ""}
    assert answers["user@rival.test"] == answers["nobody@new.test"]
    before = await counts(world)
    refused = await accept(world, await token(world, "user@rival.test"))
    assert (refused["code"], refused["field"]) == ("TAKEN", ["email"])
    assert await counts(world) == before
    known = (await owner.ask(INVITE, email="user@shop.test", role="SENDER"))["inviteMember"]
    assert (known["code"], known["message"]) == ("TAKEN", "user@shop.test is a member of this account already.")


@pytest.mark.parametrize(
    ("email", "code"),
    [("", "INVALID"), ("no address", "INVALID"), ("a@b@c.test", "INVALID"), ("a@b c.test", "INVALID")],
)
async def test_what_is_no_address_is_refused(world: World, email: str, code: str) -> None:
    owner = world.client("shop.localhost")
    await owner.login("user@shop.test")
    refused = (await owner.ask(INVITE, email=email, role="SENDER"))["inviteMember"]
    assert (refused["code"], refused["field"]) == (code, ["email"])
    assert (await owner.ask(INVITATIONS))["invitations"] == []


async def test_a_short_password_leaves_the_link_good(world: World) -> None:
    owner = world.client("shop.localhost")
    await owner.login("user@shop.test")
    secret = await invited(world, owner, "ann@new.test")
    refused = await accept(world, secret, "short")
    assert (refused["code"], refused["field"]) == ("INVALID", ["password"])
    assert (await accept(world, secret))["__typename"] == "SignedIn"


async def test_a_role_above_ones_own_is_refused_and_the_own_is_not(world: World) -> None:
    owner = world.client("shop.localhost")
    await owner.login("user@shop.test")
    admin = await member(world, owner, "admin@new.test", "ADMIN")
    refused = (await admin.ask(INVITE, email="boss@new.test", role="OWNER"))["inviteMember"]
    assert (refused["code"], refused["field"]) == ("ROLE_ABOVE", ["role"])
    assert (await admin.ask(INVITATIONS))["invitations"] == []
    assert (await admin.ask(INVITE, email="peer@new.test", role="ADMIN"))["inviteMember"]["role"] == "ADMIN"
    # What an owner sent stays an owner's to send again or take back.
    await invited(world, owner, "boss@new.test", "OWNER")
    [boss] = [row for row in (await admin.ask(INVITATIONS))["invitations"] if row["role"] == "OWNER"]
    assert (await admin.ask(REVOKE, id=boss["id"]))["revokeInvitation"]["code"] == "ROLE_ABOVE"
    assert (await owner.ask(REVOKE, id=boss["id"]))["revokeInvitation"]["__typename"] == "Invitation"


async def test_from_above_the_first_owner_is_invited_and_from_beside_nobody(world: World) -> None:
    reseller = world.client("acme.localhost")
    await reseller.login("user@acme.test")
    shop = str(world.accounts["shop.test"])
    await member(world, reseller, "first@new.test", "OWNER", shop)
    assert {row["email"] for row in (await reseller.ask(MEMBERS, account=shop))["members"]["nodes"]} == {
        "user@shop.test",
        "first@new.test",
    }
    rival = world.client("rival.localhost")
    await rival.login("user@rival.test")
    foreign = await rival.post(INVITE, email="spy@new.test", role="OWNER", account=shop)
    nowhere = await rival.post(
        INVITE, email="spy@new.test", role="OWNER", account="00000000-0000-7000-8000-000000000000"
    )
    assert foreign.content == nowhere.content
    assert foreign.json()["data"]["inviteMember"]["code"] == "MISSING"
    assert await mails(world, "spy@new.test") == []


async def test_invitations_are_not_poured_over_an_address(world: World) -> None:
    owner = world.client("shop.localhost")
    await owner.login("user@shop.test", PASSWORD)
    await invited(world, owner, "ann@new.test")
    [row] = (await owner.ask(INVITATIONS))["invitations"]
    codes = [(await owner.ask(RESEND, id=row["id"]))["resendInvitation"].get("code") for _ in range(6)]
    assert codes == [None] * 4 + ["THROTTLED"] * 2
    assert (await owner.ask(REVOKE, id=row["id"]))["revokeInvitation"]["__typename"] == "Invitation"
    assert (await owner.ask(INVITE, email=" ANN@new.test", role="SENDER"))["inviteMember"]["code"] == "THROTTLED"
    assert len(await mails(world, "ann@new.test")) == 5
    await invited(world, owner, "bob@new.test")
    async with world.db.connection() as conn:
        await shift(conn, timedelta(days=1, seconds=1))
    await invited(world, owner, "ann@new.test")


async def test_what_is_refused_counts_for_no_mail(world: World) -> None:
    owner = world.client("shop.localhost")
    await owner.login("user@shop.test")
    codes = [(await owner.ask(INVITE, email="user@shop.test", role="SENDER"))["inviteMember"]["code"] for _ in range(7)]
    assert codes == ["TAKEN"] * 7


async def test_new_accounts_pour_no_invitations_over_a_mailbox(world: World) -> None:
    reseller = world.client("acme.localhost")
    await reseller.login("user@acme.test")
    create = f"""mutation ($input: CreateSubAccountInput!) {{ createSubAccount(input: $input) {{
      __typename ... on Account {{ id }} {PROBLEM} }} }}"""

    async def made(n: int, **more: Any) -> Any:
        return (await reseller.ask(create, input={"name": f"New {n}", **more}))["createSubAccount"]

    async def accounts() -> int:
        async with world.db.connection() as conn:
            return await conn.fetchval("select count(*) from account")

    first = {"firstMember": {"email": "victim@new.test"}}
    assert (await made(0, credits=10**9, **first))["code"] == "NO_CREDITS"
    assert [(await made(n, **first)).get("code") for n in range(5)] == [None] * 5
    before = await accounts()
    assert [(await made(n, **first))["code"] for n in range(5, 8)] == ["THROTTLED"] * 3
    assert (await reseller.ask(INVITE, email="victim@new.test", role="SENDER"))["inviteMember"]["code"] == "THROTTLED"
    assert await accounts() == before
    assert len(await mails(world, "victim@new.test")) == 5
    assert (await made(8))["__typename"] == "Account"
    assert (await made(9, firstMember={"email": "other@new.test"}))["__typename"] == "Account"


@pytest.mark.parametrize("name", ["Click http://evil.test/win now", "evil.test", "evil\u3002test", "a@evil.test"])
async def test_an_account_named_like_a_link_is_not_named_in_the_mail(world: World, name: str) -> None:
    owner = world.client("shop.localhost")
    await owner.login("user@shop.test")
    async with world.db.connection() as conn:
        await conn.execute("update account set name = $2 where id = $1", world.accounts["shop.test"], name)
    await invited(world, owner, "ann@new.test")
    [mail] = await mails(world, "ann@new.test")
    assert "work in an account at Acme Mail." in mail.get_content()
    assert "evil" not in str(mail.items()) + mail.get_content()


async def test_nobody_is_called_what_nobody_can_see(world: World) -> None:
    owner = world.client("shop.localhost")
    await owner.login("user@shop.test")
    secret = await invited(world, owner, "ann@new.test")
    before = await counts(world)
    browser = world.client("shop.localhost")
    for name in (*UNSEEN, "x" * 201):
        refused = (await browser.ask(ACCEPT, token=secret, name=name, password=NEW_PASSWORD))["acceptInvitation"]
        assert (refused["code"], refused["field"]) == ("INVALID", ["name"]), name
    assert await counts(world) == before
    answer = (await browser.ask(ACCEPT, token=secret, name=" Zoë  O’Hara ", password=NEW_PASSWORD))["acceptInvitation"]
    assert answer["me"]["member"]["name"] == "Zoë O’Hara"


async def test_all_together_pour_no_invitations_over_a_mailbox(world: World) -> None:
    askers = [world.client(key=f"admin@{slug}") for slug in ("shop.test", "bar.test", "rival.test")]
    answers = []
    for n in range(POURED + 3):
        invite = askers[n % 3].ask(INVITE, email=f"Victim+{n}@new.test", role="ANALYST")
        answers.append((await invite)["inviteMember"])
    assert [answer["__typename"] for answer in answers] == ["Invitation"] * POURED + ["Problem"] * 3
    # By which limit is told to nobody: that of the own account has the same words.
    own = [(await askers[0].ask(INVITE, email="other@new.test", role="ANALYST"))["inviteMember"]]
    again = f"mutation ($id: ID!) {{ resendInvitation(id: $id) {{ {PROBLEM} }} }}"
    own = [(await askers[0].ask(again, id=own[0]["id"]))["resendInvitation"] for _ in range(5)]
    assert answers[-1] == {"__typename": "Problem", **own[-1]}
    await world.platform.notices.close()
    async with world.db.connection() as conn:
        assert await conn.fetchval("select count(*) from recipient where address like 'victim%'") == POURED
    assert len(await mails(world, "other@new.test")) == 5
