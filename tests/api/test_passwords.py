"""How does somebody get another password, and what does a stranger learn by asking? Nothing, and in the same time."""

import statistics
import time
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from kit.clock import shift
from tests.api.conftest import PASSWORD, Client, World
from tests.api.live import connected
from tests.api.people import ASK_RESET, CHANGE_PASSWORD, NEW_PASSWORD, RESET, actions, link, mails, token

OVER = {
    "__typename": "Problem",
    "code": "LINK_OVER",
    "message": "This link is not valid any more.",
    "field": ["token"],
    "next": "Ask for a new one.",
}


async def ask(browser: Client, email: str) -> Any:
    return (await browser.ask(ASK_RESET, email=email))["requestPasswordReset"]


async def reset(browser: Client, secret: str, password: str = NEW_PASSWORD) -> Any:
    return (await browser.ask(RESET, token=secret, password=password))["resetPassword"]


async def forget_tries(world: World) -> None:
    async with world.db.connection() as conn:
        await conn.execute("delete from attempts")


async def test_a_link_gives_a_new_password_once_and_ends_every_session(world: World) -> None:
    first, second = world.client("shop.localhost"), world.client("acme.localhost")
    await first.login("user@shop.test")
    await second.login("user@shop.test")
    stranger = world.client("shop.localhost")
    assert await ask(stranger, " USER@shop.test ") == {"__typename": "ResetRequested", "email": " USER@shop.test "}
    secret = await token(world, "user@shop.test")
    assert (await link(world, "user@shop.test")).startswith(f"http://shop.localhost:{world.port}/reset#")
    async with connected(world, browser=first, origin="same") as live:
        await live.open()
        assert await reset(stranger, secret) == {"__typename": "PasswordChanged", "endedSessions": 2}
        assert await live.closed() == (4401, "Signed out")
    for browser in (first, second):
        assert (await browser.ask("{ me { account { slug } } }"))["me"] is None
    assert await reset(stranger, secret, "yet another password") == OVER
    assert (await stranger.login("user@shop.test"))["code"] == "UNAUTHENTICATED"
    assert (await stranger.login("user@shop.test", NEW_PASSWORD))["__typename"] == "SignedIn"
    told = (await mails(world, "user@shop.test"))[-1]
    assert told["Subject"] == "Your password for Acme Mail was changed"
    assert "livery" not in told.as_string().lower()
    assert await actions(world) == ["password.ask", "password.reset"]


async def test_on_a_strangers_host_a_link_is_one_that_never_was(world: World) -> None:
    browser = world.client("shop.localhost")
    await ask(browser, "user@shop.test")
    secret = await token(world, "user@shop.test")
    assert await reset(world.client("rival.localhost"), secret) == OVER
    assert (await browser.login("user@shop.test"))["__typename"] == "SignedIn"
    assert await reset(world.client("acme.localhost"), secret) == {"__typename": "PasswordChanged", "endedSessions": 1}


async def test_a_link_is_good_for_an_hour_and_the_newest_only(world: World) -> None:
    browser = world.client("shop.localhost")
    await ask(browser, "user@shop.test")
    old = await token(world, "user@shop.test")
    await ask(browser, "user@shop.test")
    new = await token(world, "user@shop.test")
    assert await reset(browser, old) == OVER
    assert (await reset(browser, new, "short"))["field"] == ["password"]
    async with world.db.connection() as conn:
        await shift(conn, timedelta(hours=1, seconds=1))
    for bad in (new, "invented", "", "x" * 3000):
        assert await reset(browser, bad) == OVER
    assert (await browser.login("user@shop.test"))["__typename"] == "SignedIn"
    await ask(browser, "user@shop.test")
    newest = await token(world, "user@shop.test")
    async with world.db.connection() as conn:
        await shift(conn, timedelta(minutes=59))
    assert (await reset(browser, newest))["__typename"] == "PasswordChanged"


@pytest.mark.parametrize("email", ["nobody@shop.test", "", "no address", "x" * 300])
async def test_unknown_addresses_get_the_same_answer_and_nobody_gets_mail(world: World, email: str) -> None:
    browser = world.client("shop.localhost")
    known = await browser.post(ASK_RESET, email="user@shop.test")
    unknown = await browser.post(ASK_RESET, email=email)
    assert (unknown.status_code, unknown.json()) == (
        known.status_code,
        {"data": {"requestPasswordReset": {"__typename": "ResetRequested", "email": email[:254]}}},
    )
    assert {name: value for name, value in unknown.headers.items() if name not in {"date", "content-length"}} == {
        name: value for name, value in known.headers.items() if name not in {"date", "content-length"}
    }
    await mails(world, email)
    async with world.db.connection() as conn:
        assert await conn.fetchval("select count(*) from recipient") == 1
        assert await conn.fetchval("select count(*) from password_reset") == 1


async def test_an_unknown_address_takes_the_time_of_a_known_one(world: World) -> None:
    browser = world.client("shop.localhost")
    spent: dict[str, list[float]] = {"user@shop.test": [], "nobody@shop.test": []}
    for _ in range(15):
        for email, times in spent.items():
            await forget_tries(world)
            began = time.perf_counter()
            assert (await ask(browser, email))["__typename"] == "ResetRequested"
            times.append(time.perf_counter() - began)
            await world.platform.notices.close()  # what is done later must not weigh on the next one
    known, unknown = (statistics.median(times) for times in spent.values())
    assert 0.6 < known / unknown < 1.67, spent


async def test_an_address_is_sent_three_links_an_hour_and_a_place_asks_for_ten(world: World) -> None:
    browser = world.client("shop.localhost")
    answers = [await ask(browser, "user@shop.test") for _ in range(5)]
    answers += [await ask(browser, f"nobody{n}@shop.test") for n in range(6)]
    assert [answer.get("code") for answer in answers] == [None] * 10 + ["THROTTLED"]
    assert len(await mails(world, "user@shop.test")) == 3
    async with world.db.connection() as conn:
        await shift(conn, timedelta(hours=1, seconds=1))
    assert (await ask(browser, "user@shop.test"))["__typename"] == "ResetRequested"
    assert len(await mails(world, "user@shop.test")) == 4


@pytest.mark.parametrize("stopped", ["acme.test", "shop.test", "operator.test"])
async def test_whoever_may_sign_in_gets_a_link_though_the_account_is_suspended(world: World, stopped: str) -> None:
    async with world.db.connection() as conn:
        await conn.execute(
            "update account set suspended_at = livery_now(), suspended_reason = 'unpaid' where id = $1",
            world.accounts[stopped],
        )
    browser = world.client("shop.localhost")
    with capture_logs() as logs:
        await ask(browser, "user@shop.test")
        secret = await token(world, "user@shop.test")
        assert (await reset(browser, secret))["__typename"] == "PasswordChanged"
        subjects = [mail["Subject"] for mail in await mails(world, "user@shop.test")]
    assert subjects == ["Choose a new password for Acme Mail", "Your password for Acme Mail was changed"]
    assert logs == []
    assert (await browser.login("user@shop.test", NEW_PASSWORD))["__typename"] == "SignedIn"


async def test_hosts_of_a_request_never_reach_the_mail(world: World) -> None:
    for host in ("127.0.0.1", "rival.localhost", "acme.localhost"):
        await forget_tries(world)
        browser = world.client(host)
        browser.http.headers["x-forwarded-host"] = "evil.test"
        await ask(browser, "user@shop.test")
        assert (await link(world, "user@shop.test")).startswith(f"http://shop.localhost:{world.port}/reset#")
        [*_, mail] = await mails(world, "user@shop.test")
        assert "evil" not in mail.as_string()
        assert "rival" not in mail.as_string()


async def test_with_the_present_password_others_are_signed_out_and_this_one_stays(world: World) -> None:
    here, there = world.client("shop.localhost"), world.client("shop.localhost")
    await here.login("user@shop.test")
    await there.login("user@shop.test")
    wrong = (await here.ask(CHANGE_PASSWORD, current="wrong horse", new=NEW_PASSWORD))["changePassword"]
    assert (wrong["code"], wrong["field"]) == ("PASSWORD_REFUSED", ["current"])
    short = (await here.ask(CHANGE_PASSWORD, current=PASSWORD, new="short"))["changePassword"]
    assert (short["code"], short["field"]) == ("INVALID", ["new"])
    assert (await there.ask("{ me { account { slug } } }"))["me"] is not None
    done = (await here.ask(CHANGE_PASSWORD, current=PASSWORD, new=NEW_PASSWORD))["changePassword"]
    assert done == {"__typename": "PasswordChanged", "endedSessions": 1}
    assert (await here.ask("{ me { account { slug } } }"))["me"] is not None
    assert (await there.ask("{ me { account { slug } } }"))["me"] is None
    assert (await there.login("user@shop.test", NEW_PASSWORD))["__typename"] == "SignedIn"
    assert await actions(world) == ["password.change"]


async def test_five_wrong_passwords_close_the_question_for_a_quarter_of_an_hour(world: World) -> None:
    browser = world.client("shop.localhost")
    await browser.login("user@shop.test")
    codes = [
        (await browser.ask(CHANGE_PASSWORD, current=f"wrong {n}", new=NEW_PASSWORD))["changePassword"]["code"]
        for n in range(6)
    ]
    assert codes == ["PASSWORD_REFUSED"] * 5 + ["THROTTLED"]
    right = (await browser.ask(CHANGE_PASSWORD, current=PASSWORD, new=NEW_PASSWORD))["changePassword"]
    assert right["code"] == "THROTTLED"
    async with world.db.connection() as conn:
        await shift(conn, timedelta(minutes=15, seconds=1))
    right = (await browser.ask(CHANGE_PASSWORD, current=PASSWORD, new=NEW_PASSWORD))["changePassword"]
    assert right["__typename"] == "PasswordChanged"
