"""How does a stranger come to an account, and what does a stranger learn on the way? Nothing: each answer is the same."""

import statistics
import time
from datetime import timedelta
from typing import Any

import pytest

from kit.clock import shift
from mail import stats
from tests.api.conftest import Client, World
from tests.api.people import PROBLEM, actions, link, mails, token

SIGN_UP = f"""mutation ($input: SignUpInput!) {{ signUp(input: $input) {{
  __typename ... on SignUpBegun {{ email }} {PROBLEM} }} }}"""
CONFIRM = f"""mutation ($token: String!) {{ confirmSignUp(token: $token) {{
  __typename ... on SignedIn {{ me {{ member {{ email role }} account {{ name slug credits }} }} }} {PROBLEM} }} }}"""
UPDATE = f"""mutation ($input: UpdateAccountInput!) {{ updateAccount(input: $input) {{
  __typename ... on Account {{ signUpOpen referralCode signUpPlanId }} {PROBLEM} }} }}"""
REPORT = "query ($id: ID) { partnerReport(accountId: $id) { accountId accountName code month signUps sent } }"

STRANGER = {"email": "Ann@New.test", "password": "a fine long password", "name": "Ann", "company": "Ann & Co"}
OVER = {
    "__typename": "Problem",
    "code": "LINK_OVER",
    "message": "This link is not valid any more.",
    "field": ["token"],
    "next": "Sign up again; if you have an account already, sign in.",
}


async def settings(world: World, slug: str, **given: Any) -> Any:
    browser = world.client()
    await browser.login(f"user@{slug}")
    answer = (await browser.ask(UPDATE, input={"id": str(world.accounts[slug]), **given}))["updateAccount"]
    assert answer["__typename"] == "Account", answer
    return answer


async def asks(world: World, host: str = "acme.localhost", **given: Any) -> Any:
    return (await world.client(host).ask(SIGN_UP, input={**STRANGER, **given}))["signUp"]


async def confirms(world: World, link_token: str, host: str = "acme.localhost") -> tuple[Client, Any]:
    browser = world.client(host)
    return browser, (await browser.ask(CONFIRM, token=link_token))["confirmSignUp"]


async def counts(world: World) -> tuple[int, ...]:
    """Accounts, members, wishes, and mails of the platform's own."""
    await world.platform.notices.close()
    async with world.db.connection() as conn:
        return tuple(
            await conn.fetchrow(
                """select (select count(*) from account), (select count(*) from member), (select count(*) from sign_up),
                          (select count(*) from message where door = 'note')"""
            )
        )


async def test_nobody_signs_up_where_it_was_not_opened(world: World) -> None:
    before = await counts(world)
    for host in ("acme.localhost", "rival.localhost", "shop.localhost", "127.0.0.1"):
        assert (await asks(world, host))["code"] == "SIGN_UP_CLOSED"
    await settings(world, "acme.test", signUpOpen=True)
    for host in ("rival.localhost", "shop.localhost", "127.0.0.1"):
        assert (await asks(world, host))["code"] == "SIGN_UP_CLOSED", host
    assert await counts(world) == before
    assert (await asks(world))["__typename"] == "SignUpBegun"


async def test_a_confirmed_address_opens_an_account_below_the_brand(world: World) -> None:
    async with world.db.connection() as conn:
        plan = await conn.fetchval(
            """insert into plan (id, account_id, name, credits, valid_days) values (gen_random_uuid(), $1, 'Start', 100, 30)
               returning id""",
            world.accounts["acme.test"],
        )
    await settings(world, "acme.test", signUpOpen=True, signUpPlanId=str(plan))
    before = await counts(world)
    assert await asks(world) == {"__typename": "SignUpBegun", "email": "ann@new.test"}
    assert await counts(world) == (before[0], before[1], before[2] + 1, before[3] + 1)
    [letter] = await mails(world, "ann@new.test")
    assert letter["subject"] == "Confirm your account at Acme Mail"
    assert "ivery" not in str(letter)
    assert (await link(world, "ann@new.test")).startswith(f"http://acme.localhost:{world.port}/sign-up/confirm#")
    link_token = await token(world, "ann@new.test")
    browser, answer = await confirms(world, link_token)
    assert answer == {
        "__typename": "SignedIn",
        "me": {
            "member": {"email": "ann@new.test", "role": "OWNER"},
            "account": {"name": "Ann & Co", "slug": "ann-co", "credits": 100},
        },
    }
    assert (await browser.ask("{ me { account { slug } } }"))["me"]["account"]["slug"] == "ann-co"
    again = await world.client("acme.localhost").login("ann@new.test", STRANGER["password"])
    assert again["__typename"] == "SignedIn"
    async with world.db.connection() as conn:
        row = await conn.fetchrow("select * from account where slug = 'ann-co'")
        balance = await conn.fetchval(
            "select remaining from balance where account_id = $1", world.accounts["acme.test"]
        )
        days = await conn.fetchval(
            "select (expires_at - livery_now()) > interval '29 days' from credit_grant where account_id = $1", row["id"]
        )
    assert (row["parent_id"], row["kind"], row["may_resell"]) == (world.accounts["acme.test"], "sub_account", False)
    assert (balance, days) == (9_900, True)
    assert "account.sign_up" in await actions(world)


async def test_the_operators_own_hosts_take_strangers_once_the_operator_opens_them(world: World) -> None:
    async def offered(host: str) -> bool:
        await world.platform.brands.refresh()
        brand = world.platform.brands.find(host)
        assert brand is not None
        return brand.sign_up

    assert not await offered("127.0.0.1")
    await settings(world, "operator.test", signUpOpen=True)
    assert await offered("127.0.0.1")
    assert not await offered("acme.localhost"), "a reseller opens its own hosts"
    assert (await asks(world, "127.0.0.1"))["__typename"] == "SignUpBegun"
    _, answer = await confirms(world, await token(world, "ann@new.test"), "127.0.0.1")
    assert answer["me"]["account"]["name"] == "Ann & Co"
    async with world.db.connection() as conn:
        assert (
            await conn.fetchval("select parent_id from account where name = 'Ann & Co'")
            == world.accounts["operator.test"]
        )


async def test_used_old_and_unknown_links_are_refused_alike(world: World) -> None:
    await settings(world, "acme.test", signUpOpen=True)
    await asks(world)
    first = await token(world, "ann@new.test")
    await asks(world, email="bob@new.test")
    late = await token(world, "bob@new.test")
    _, answer = await confirms(world, first)
    assert answer["__typename"] == "SignedIn"
    after = await counts(world)
    for dead in (first, "x" * 43, ""):
        assert (await confirms(world, dead))[1] == OVER
    async with world.db.connection() as conn:
        await shift(conn, timedelta(hours=24, seconds=1))
    assert (await confirms(world, late))[1] == OVER
    assert await counts(world) == after


async def test_a_link_opens_nothing_where_sign_up_was_closed_meanwhile(world: World) -> None:
    await settings(world, "acme.test", signUpOpen=True)
    await asks(world)
    link_token = await token(world, "ann@new.test")
    await settings(world, "acme.test", signUpOpen=False)
    assert (await confirms(world, link_token))[1]["code"] == "SIGN_UP_CLOSED"
    await settings(world, "acme.test", signUpOpen=True)
    assert (await confirms(world, link_token))[1]["__typename"] == "SignedIn"


async def test_on_a_strangers_host_a_link_is_one_that_never_was(world: World) -> None:
    await settings(world, "acme.test", signUpOpen=True)
    await asks(world)
    secret = await token(world, "ann@new.test")
    before = await counts(world)
    for host in ("rival.localhost", "shop.localhost"):  # a sibling's host is nobody's who signs up beside it
        assert (await confirms(world, secret, host))[1] == OVER
    await settings(world, "acme.test", signUpOpen=False)
    assert (await confirms(world, secret, "rival.localhost"))[1] == OVER, "nor whether it was closed"
    await settings(world, "acme.test", signUpOpen=True)
    assert await counts(world) == before
    assert (await confirms(world, secret))[1]["__typename"] == "SignedIn"


async def test_a_strangers_words_are_not_in_the_brands_mail(world: World) -> None:
    await settings(world, "acme.test", signUpOpen=True)
    company = "Click http://evil.test/win now"
    assert (await asks(world, name="N http://evil.test/win", company=company))["__typename"] == "SignUpBegun"
    assert (await asks(world, email="user@shop.test", company=company))["__typename"] == "SignUpBegun"
    [letter], [known] = await mails(world, "ann@new.test"), await mails(world, "user@shop.test")
    for one in (letter, known):
        assert "evil" not in str(one.items()) + one.get_content()
        assert "asked for an account at Acme Mail with this address." in one.get_content()
    _, answer = await confirms(world, await token(world, "ann@new.test"))
    assert answer["me"]["account"]["name"] == company, "it is the account's name all the same"


async def test_a_known_address_gets_the_same_answer_and_a_mail_that_says_so(world: World) -> None:
    await settings(world, "acme.test", signUpOpen=True)
    before = await counts(world)
    for email in ("user@shop.test", "USER@rival.test"):
        answer = await asks(world, email=email)
        assert answer == {"__typename": "SignUpBegun", "email": email.lower()}
        [letter] = await mails(world, email.lower())
        assert letter["subject"] == "You have an account already"
        assert (await link(world, email.lower())) == f"http://acme.localhost:{world.port}/login"
    assert await counts(world) == (before[0], before[1], before[2], before[3] + 2)


async def test_known_and_unknown_addresses_take_the_same_time(world: World) -> None:
    await settings(world, "acme.test", signUpOpen=True)
    taken: dict[str, list[float]] = {"known": [], "unknown": []}
    for n in range(12):
        async with world.db.connection() as conn:
            await conn.execute("delete from attempts")
        for kind, email in (("known", "user@shop.test"), ("unknown", f"nobody{n}@new.test")):
            browser = world.client("acme.localhost")
            began = time.perf_counter()
            await browser.ask(SIGN_UP, input={**STRANGER, "email": email})
            taken[kind].append(time.perf_counter() - began)
            await world.platform.notices.close()
    ratio = statistics.median(taken["known"]) / statistics.median(taken["unknown"])
    assert 0.6 < ratio < 1.67, taken


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"email": "nobody"}, "email"),
        ({"email": "@x.test"}, "email"),
        ({"password": "short"}, "password"),
        ({"name": " "}, "name"),
        ({"company": ""}, "company"),
        ({"company": "x" * 201}, "company"),
        ({"referralCode": "NOSUCH"}, "referralCode"),
        ({"referralCode": "; drop"}, "referralCode"),
    ],
)
async def test_what_cannot_be_taken_names_its_field(world: World, given: dict[str, str], field: str) -> None:
    await settings(world, "acme.test", signUpOpen=True)
    before = await counts(world)
    answer = await asks(world, **given)
    assert (answer["code"], answer["field"]) == ("INVALID", [field])
    assert await counts(world) == before


async def test_strangers_are_slowed_down_and_a_mailbox_is_not_flooded(world: World) -> None:
    await settings(world, "acme.test", signUpOpen=True)
    answers = [(await asks(world))["__typename"] for _ in range(5)]
    assert answers == ["SignUpBegun"] * 5
    assert len(await mails(world, "ann@new.test")) == 3
    sixth = await asks(world, email="other@new.test")
    assert (sixth["__typename"], sixth["code"]) == ("Problem", "THROTTLED")
    async with world.db.connection() as conn:
        await shift(conn, timedelta(minutes=1, seconds=1))
    assert (await asks(world, email="other@new.test"))["__typename"] == "SignUpBegun"


async def test_partners_are_told_sums_of_what_they_brought(world: World) -> None:
    assert (await settings(world, "rival.test", referralCode="rival-10"))["referralCode"] == "RIVAL-10"
    await settings(world, "acme.test", signUpOpen=True)
    await asks(world, referralCode="rival-10")
    _, answer = await confirms(world, await token(world, "ann@new.test"))
    assert answer["__typename"] == "SignedIn"
    await asks(world, email="bob@new.test")
    await confirms(world, await token(world, "bob@new.test"))
    async with world.db.connection() as conn:
        ann = await conn.fetchval("select id from account where slug = 'ann-co'")
        await conn.execute(
            "insert into tally (account_id, starts_at, total) values ($1, date_bin('15 minutes', livery_now(), 'epoch'), 42)",
            ann,
        )
        month = await conn.fetchval("select date_trunc('month', livery_now())::date")
    while await stats.fold(world.db):
        pass
    row = {
        "accountId": str(world.accounts["rival.test"]),
        "accountName": "Rival",
        "code": "RIVAL-10",
        "month": month.isoformat(),
        "signUps": 1,
        "sent": 42,
    }
    rival, acme, root = world.client("rival.localhost"), world.client("acme.localhost"), world.client()
    await rival.login("user@rival.test")
    await acme.login("user@acme.test")
    await root.login("user@operator.test")
    assert (await rival.ask(REPORT))["partnerReport"] == [row]
    assert (await root.ask(REPORT))["partnerReport"] == [row]
    assert (await acme.ask(REPORT))["partnerReport"] == []
    assert (await rival.ask("query ($id: ID!) { account(id: $id) { name } }", id=str(ann)))["account"] is None
    foreign = await acme.errors(REPORT, id=str(world.accounts["rival.test"]))
    assert foreign[0]["extensions"]["code"] == "MISSING"
