"""Does a second factor keep out whoever has the password alone? And whoever saw a code, or found an old note."""

import asyncio
from datetime import timedelta
from typing import Any

from kit.clock import shift
from tests.api.conftest import PASSWORD, Client, World
from tests.api.people import (
    ASK_RESET,
    BEGIN,
    CONFIRM,
    DISABLE,
    LOGIN,
    NEW_PASSWORD,
    RENEW,
    RESET,
    SECOND,
    actions,
    code,
    not_at_the_edge,
    token,
    with_second_factor,
)

EMAIL = "user@shop.test"


async def owner(world: World) -> Client:
    browser = world.client("shop.localhost")
    await browser.login(EMAIL)
    return browser


async def challenge(browser: Client, password: str = PASSWORD) -> str:
    answer = (await browser.ask(LOGIN, email=EMAIL, password=password))["login"]
    assert answer["__typename"] == "SecondFactorNeeded", answer
    found: str = answer["challenge"]
    return found


async def second(browser: Client, note: str, given: str) -> Any:
    return (await browser.ask(SECOND, challenge=note, code=given))["loginSecondFactor"]


async def later(world: World, **by: float) -> None:
    async with world.db.connection() as conn:
        await shift(conn, timedelta(**by))


async def test_login_takes_two_steps_and_a_code_is_good_once(world: World) -> None:
    browser = await owner(world)
    secret, codes = await with_second_factor(world, browser, PASSWORD)
    assert len(set(codes)) == 10
    assert (await browser.ask("{ me { member { secondFactor } } }"))["me"]["member"] == {"secondFactor": True}
    async with world.db.connection() as conn:
        stored = await conn.fetch("select totp_secret from member where totp_secret is not null")
        assert secret.encode() not in stored[0]["totp_secret"]
        assert {row["code_hash"] for row in await conn.fetch("select code_hash from recovery_code")}.isdisjoint(
            code.encode() for code in codes
        )
    other = world.client("shop.localhost")
    note = await challenge(other)
    assert other.jar == {}, "nobody is signed in by half"
    used = await second(other, note, await code(world, secret))
    assert (used["code"], used["field"]) == ("CODE_REFUSED", ["code"]), "the code that confirmed was its one use"
    await later(world, seconds=30)
    good = await code(world, secret)
    assert (await second(other, note, good))["me"]["member"] == {"email": EMAIL}
    # The same code again, by somebody who looked over the shoulder and knows the password.
    thief = world.client("shop.localhost")
    assert (await second(thief, await challenge(thief), good))["code"] == "CODE_REFUSED"
    assert thief.jar == {}
    assert await actions(world) == ["second_factor.begin", "second_factor.enable"]


async def test_a_code_used_twice_at_once_opens_one_door(world: World) -> None:
    secret, _ = await with_second_factor(world, await owner(world), PASSWORD)
    await later(world, seconds=30)
    good = await code(world, secret)
    browsers = [world.client("shop.localhost") for _ in range(4)]
    notes = [await challenge(browser) for browser in browsers]
    answers = await asyncio.gather(*(second(b, note, good) for b, note in zip(browsers, notes, strict=True)))
    assert sorted(answer["__typename"] for answer in answers) == ["Problem"] * 3 + ["SignedIn"]


async def test_one_step_around_and_no_further(world: World) -> None:
    secret, _ = await with_second_factor(world, await owner(world), PASSWORD)
    for steps, good in ((2, False), (-2, False), (1, True)):
        await later(world, minutes=20)
        browser = world.client("shop.localhost")
        answer = await second(browser, await challenge(browser), await code(world, secret, steps=steps))
        assert (answer["__typename"] == "SignedIn") is good, steps


async def test_a_recovery_code_is_good_once_and_renewed_ones_replace_the_old(world: World) -> None:
    browser = await owner(world)
    secret, codes = await with_second_factor(world, browser, PASSWORD)
    other = world.client("shop.localhost")
    assert (await second(other, await challenge(other), codes[0].upper().replace("-", " ")))["__typename"] == "SignedIn"
    assert (await second(other, await challenge(other), codes[0]))["code"] == "CODE_REFUSED"
    fresh = (await browser.ask(RENEW, password=PASSWORD))["renewRecoveryCodes"]["codes"]
    assert len(set(fresh) | set(codes)) == 20
    assert (await second(other, await challenge(other), codes[1]))["code"] == "CODE_REFUSED"
    assert (await second(other, await challenge(other), fresh[1]))["__typename"] == "SignedIn"
    assert (await actions(world))[-1] == "recovery_codes.renew"
    assert secret


async def test_the_note_is_bound_to_its_host_its_time_and_the_password(world: World) -> None:
    secret, _ = await with_second_factor(world, await owner(world), PASSWORD)
    await later(world, seconds=30)
    browser = world.client("shop.localhost")
    note = await challenge(browser)
    for bad in ("", "x", note[:-2], note + "A", note[::-1], "A" * len(note)):
        assert (await second(browser, bad, await code(world, secret)))["code"] == "CHALLENGE_OVER"
    elsewhere = world.client("acme.localhost")
    assert (await second(elsewhere, note, await code(world, secret)))["code"] == "CHALLENGE_OVER"
    await later(world, minutes=5, seconds=1)
    assert (await second(browser, note, await code(world, secret)))["code"] == "CHALLENGE_OVER"
    note = await challenge(browser)
    await browser.ask(ASK_RESET, email=EMAIL)
    answer = await browser.ask(RESET, token=await token(world, EMAIL), password=NEW_PASSWORD)
    assert answer["resetPassword"]["__typename"] == "PasswordChanged"
    assert (await second(browser, note, await code(world, secret)))["code"] == "CHALLENGE_OVER"
    # A new password by mail does not turn the factor off.
    note = await challenge(browser, NEW_PASSWORD)
    assert (await second(browser, note, await code(world, secret)))["__typename"] == "SignedIn"


async def test_five_wrong_codes_close_the_member_for_a_quarter_of_an_hour(world: World) -> None:
    secret, codes = await with_second_factor(world, await owner(world), PASSWORD)
    await later(world, seconds=30)
    browser = world.client("shop.localhost")
    note = await challenge(browser)
    answers = await asyncio.gather(*(second(browser, note, f"{n:06}") for n in range(8)))
    assert sorted(answer["code"] for answer in answers) == ["CODE_REFUSED"] * 5 + ["THROTTLED"] * 3
    for given in (await code(world, secret), codes[0]):
        assert (await second(browser, note, given))["code"] == "THROTTLED"
    await later(world, minutes=15, seconds=1)
    assert (await second(browser, await challenge(browser), codes[0]))["__typename"] == "SignedIn"


async def test_an_open_browser_is_not_enough_to_turn_it_on_or_off(world: World) -> None:
    browser = await owner(world)
    wrong = (await browser.ask(BEGIN, password="wrong horse"))["beginSecondFactor"]
    assert (wrong["code"], wrong["field"]) == ("PASSWORD_REFUSED", ["password"])
    assert (await browser.ask(CONFIRM, code="000000"))["confirmSecondFactor"]["code"] == "NOT_BEGUN"
    assert (await browser.ask(DISABLE, password=PASSWORD))["disableSecondFactor"]["code"] == "SECOND_FACTOR_OFF"
    assert (await browser.ask(RENEW, password=PASSWORD))["renewRecoveryCodes"]["code"] == "SECOND_FACTOR_OFF"
    secret, _ = await with_second_factor(world, browser, PASSWORD)
    assert (await browser.ask(BEGIN, password=PASSWORD))["beginSecondFactor"]["code"] == "SECOND_FACTOR_ON"
    for proof in ({}, {"password": "wrong horse"}, {"code": "000000"}):
        refused = (await browser.ask(DISABLE, **proof))["disableSecondFactor"]
        assert refused["code"] in {"INVALID", "PASSWORD_REFUSED", "CODE_REFUSED"}
    await challenge(world.client("shop.localhost"))
    await later(world, minutes=16)
    off = (await browser.ask(DISABLE, code=await code(world, secret)))["disableSecondFactor"]
    assert off == {"__typename": "SecondFactorOff", "secondFactor": False}
    plain = (await world.client("shop.localhost").ask(LOGIN, email=EMAIL, password=PASSWORD))["login"]
    assert plain["__typename"] == "SignedIn"
    async with world.db.connection() as conn:
        assert await conn.fetchval("select count(*) from recovery_code") == 0
    assert (await actions(world))[-1] == "second_factor.disable"


async def test_what_was_begun_and_not_confirmed_asks_for_nothing(world: World) -> None:
    browser = await owner(world)
    await not_at_the_edge(world)
    first = (await browser.ask(BEGIN, password=PASSWORD))["beginSecondFactor"]
    assert first["uri"].startswith(f"otpauth://totp/Acme%20Mail:{EMAIL}?secret={first['secret']}&")
    again = (await browser.ask(BEGIN, password=PASSWORD))["beginSecondFactor"]
    plain = (await world.client("shop.localhost").ask(LOGIN, email=EMAIL, password=PASSWORD))["login"]
    assert plain["__typename"] == "SignedIn"
    old = (await browser.ask(CONFIRM, code=await code(world, first["secret"])))["confirmSecondFactor"]
    assert (old["code"], old["field"]) == ("CODE_REFUSED", ["code"])
    new = (await browser.ask(CONFIRM, code=await code(world, again["secret"])))["confirmSecondFactor"]
    assert new["__typename"] == "RecoveryCodes"
