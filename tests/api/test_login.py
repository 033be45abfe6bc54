"""Who gets in, where, and what does somebody learn who does not?"""

import asyncio
import contextlib
import statistics
import time

import pytest

from kit import crypto
from tests.api.conftest import LOGIN, ME, PASSWORD, World

REFUSED = {
    "__typename": "Problem",
    "code": "UNAUTHENTICATED",
    "message": "Wrong email address or password.",
    "field": None,
    "next": "Check both, or have a link for a new password mailed to you.",
}


async def sessions(world: World) -> int:
    async with world.db.connection() as conn:
        found: int = await conn.fetchval("select count(*) from session")
    return found


@pytest.mark.parametrize(
    ("host", "member"),
    [
        ("127.0.0.1", "operator.test"),
        ("127.0.0.1", "shop.test"),
        ("localhost", "acme.test"),
        ("acme.localhost", "acme.test"),
        ("acme.localhost", "shop.test"),
        ("acme.localhost", "operator.test"),
        ("shop.localhost", "shop.test"),
        ("shop.localhost", "acme.test"),
    ],
)
async def test_a_member_signs_in_on_hosts_of_the_own_line(world: World, host: str, member: str) -> None:
    browser = world.client(host)
    assert (await browser.ask(ME))["me"] is None
    signed = await browser.login(f"user@{member}")
    assert signed["me"] == {"account": {"slug": member}, "member": {"email": f"user@{member}"}}
    assert (await browser.ask(ME))["me"]["account"]["slug"] == member


@pytest.mark.parametrize(
    ("host", "email", "password"),
    [
        ("shop.localhost", "user@shop.test", "wrong horse battery"),
        ("shop.localhost", "nobody@shop.test", PASSWORD),
        ("shop.localhost", "", ""),
        ("shop.localhost", "x" * 300, PASSWORD),
        ("shop.localhost", "user@shop.test", "p" * 2000),
        ("rival.localhost", "user@shop.test", PASSWORD),
        ("acme.localhost", "user@rival.test", PASSWORD),
        ("shop.localhost", "user@bar.test", PASSWORD),
    ],
)
async def test_everybody_else_gets_one_answer_and_no_session(
    world: World, host: str, email: str, password: str
) -> None:
    browser = world.client(host)
    answer = await browser.post(LOGIN, email=email, password=password)
    assert answer.json()["data"]["login"] == REFUSED
    assert "set-cookie" not in answer.headers
    assert await sessions(world) == 0


async def test_the_cookie_is_hidden_from_scripts_and_bound_to_its_host(world: World) -> None:
    browser = world.client("shop.localhost")
    answer = await browser.post(LOGIN, email="user@shop.test", password=PASSWORD)
    parts = [part.strip().lower() for part in answer.headers["set-cookie"].split(";")]
    assert parts[0].startswith("session=")
    assert {"httponly", "path=/", "samesite=lax"} <= set(parts)
    assert not [part for part in parts if part.startswith("domain") or part == "secure"]

    # Shown at another host, even of the same line, it opens nothing; at its own it does.
    for host, expected in [("acme.localhost", None), ("127.0.0.1", None), ("shop.localhost", "shop.test")]:
        thief = world.client(host)
        thief.jar = dict(browser.jar)
        me = (await thief.ask(ME))["me"]
        assert (me["account"]["slug"] if me else None) == expected


async def test_by_tls_the_cookie_demands_tls(world_tls: World) -> None:
    browser = world_tls.client("shop.localhost")
    answer = await browser.post(LOGIN, email="user@shop.test", password=PASSWORD)
    parts = [part.strip().lower() for part in answer.headers["set-cookie"].split(";")]
    assert parts[0].startswith("__host-session=")
    assert {"httponly", "secure", "path=/", "samesite=lax"} <= set(parts)
    assert (await browser.ask(ME))["me"]["account"]["slug"] == "shop.test"


async def test_logging_out_ends_the_session_for_good(world: World) -> None:
    browser = world.client("shop.localhost")
    await browser.login("user@shop.test")
    kept = dict(browser.jar)
    assert (await browser.ask("mutation { logout }"))["logout"] is True
    assert browser.jar == {}
    browser.jar = kept
    assert (await browser.ask(ME))["me"] is None
    assert (await browser.ask("mutation { logout }"))["logout"] is False
    assert await sessions(world) == 0


async def test_a_new_login_replaces_the_old_session(world: World) -> None:
    browser = world.client("acme.localhost")
    await browser.login("user@acme.test")
    old = dict(browser.jar)
    await browser.login("user@shop.test")
    assert browser.jar != old
    assert await sessions(world) == 1
    browser.jar = old
    assert (await browser.ask(ME))["me"] is None


async def test_ten_wrong_passwords_a_minute_reach_the_verifier_and_time_heals(world: World) -> None:
    browser = world.client("shop.localhost")
    answers = await asyncio.gather(*(browser.login("user@shop.test", f"wrong {n}") for n in range(14)))
    assert [answer["code"] for answer in answers].count("UNAUTHENTICATED") == 10
    assert [answer["code"] for answer in answers].count("THROTTLED") == 4
    assert (await browser.login("user@shop.test"))["code"] == "THROTTLED"
    assert (await browser.login("nobody@shop.test"))["code"] == "THROTTLED"
    async with world.db.connection() as conn:
        await conn.execute("update clock_shift set by = by + interval '61 seconds'")
    assert (await browser.login("user@shop.test"))["__typename"] == "SignedIn"


async def test_a_try_that_nobody_looked_at_counts_for_nothing(world: World) -> None:
    browser = world.client("shop.localhost")
    async with contextlib.AsyncExitStack() as others:
        for _ in range(crypto._MOST_WAITING):
            await others.enter_async_context(crypto._places)
        for _ in range(12):
            busy = await browser.login("user@shop.test")
            assert (busy["code"], busy["next"]) == ("BUSY", "Try again in a few seconds.")
            assert await browser.login("nobody@shop.test") == busy
        assert (await browser.ask(ME))["me"] is None, "what needs no password is answered meanwhile"
        async with world.db.connection() as conn:
            assert await conn.fetchval("select max(failures) from attempts") == 0
    assert (await browser.login("user@shop.test"))["__typename"] == "SignedIn"


async def test_aliases_are_tries(world: World) -> None:
    browser = world.client("shop.localhost")
    fields = " ".join(
        f'a{n}: login(email: "user@shop.test", password: "wrong {n}") {{ ... on Problem {{ code }} }}'
        for n in range(13)
    )
    answer = await browser.ask(f"mutation {{ {fields} }}")
    assert [found["code"] for found in answer.values()] == ["UNAUTHENTICATED"] * 10 + ["THROTTLED"] * 3


async def test_a_key_acts_for_its_account_and_a_wrong_one_for_nobody(world: World) -> None:
    program = world.client("acme.localhost", key="shop.test")
    assert (await program.ask(ME))["me"] == {"member": None, "account": {"slug": "shop.test"}}
    for wrong in ("lv_wrong", world.keys["shop.test"] + "x"):
        program.http.headers["authorization"] = f"Bearer {wrong}"
        answer = await program.post(ME)
        assert answer.status_code == 401
        assert answer.json()["errors"][0]["extensions"]["code"] == "KEY_REFUSED"
        assert "data" not in answer.json()


async def test_strangers_read_nothing(world: World) -> None:
    await world.submit("shop.test", "a@b.test")
    stranger = world.client("shop.localhost")
    for query in (
        "{ messages { nodes { id } } }",
        "{ recipients { nodes { id } } }",
        "{ events { nodes { id } } }",
        "{ latestEvents { id } }",
        "{ smtpSettings { host } }",
        '{ message(id: "x") { id } }',
        '{ recipient(id: "y") { id } }',
        '{ statistics(from: "2026-01-01T00:00:00Z", to: "2026-01-02T00:00:00Z", bucket: DAY) { timeZone } }',
    ):
        errors = await stranger.errors(query)
        assert [error["extensions"]["code"] for error in errors] == ["UNAUTHENTICATED"]


async def test_an_unknown_address_gets_the_bytes_of_a_known_one(world: World) -> None:
    told = []
    for email in ("user@shop.test", "nobody@shop.test", "user@bar.test", "user@operator.test"):
        answer = await world.client("shop.localhost").post(LOGIN, email=email, password="wrong horse battery")
        told.append(
            (
                answer.status_code,
                sorted(set(answer.headers.items()) - {("date", answer.headers["date"])}),
                answer.content,
            )
        )
    assert told == [told[0]] * 4


async def test_an_unknown_address_costs_the_same_work_as_a_known_one(world: World) -> None:
    browser = world.client("shop.localhost")
    work: dict[str, list[float]] = {"user@shop.test": [], "nobody@shop.test": []}
    for _ in range(9):
        for email, spent in work.items():
            async with world.db.connection() as conn:
                await conn.execute("delete from attempts")
            began = time.process_time()  # of all threads: what a stranger's clock would see, without the noise
            assert await browser.login(email, "wrong horse battery") == REFUSED
            spent.append(time.process_time() - began)
    known, unknown = (statistics.median(spent) for spent in work.values())
    assert 0.75 < known / unknown < 1.33, work


async def test_every_spelling_of_an_address_is_the_same_person_and_counted_as_one(world: World) -> None:
    for spelt in (" USER@Shop.test", '"user"@shop.test', "user@\uff53\uff48\uff4f\uff50\u3002test"):
        browser = world.client("shop.localhost")
        assert (await browser.login(spelt))["me"]["member"]["email"] == "user@shop.test", spelt
        assert (await world.client("shop.localhost").login(spelt, "not the password"))["code"] == "UNAUTHENTICATED"
    async with world.db.connection() as conn:
        names = await conn.fetch("select key from attempts where key like 'web|name|%'")
        known = await conn.fetch("select key from attempts where key like 'web|known|%'")
    assert [row["key"] for row in names] == ["web|name|user@shop.test"]
    assert [row["key"] for row in known] == ["web|known|user@shop.test|127.0.0.1"]
