"""Do limits and endings hold across processes? Two API processes on one database, met from outside."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
import websockets
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from kit import totp
from kit.clock import now, shift
from kit.db import connect
from tests.support.graphql import Api
from tests.support.platform import Platform
from tests.support.postgres import Postgres
from tests.support.world import PASSWORD

WORLD = "livery_world"
EMAIL = "user@shop.test"
LOGIN = """mutation ($email: String!, $password: String!) { login(email: $email, password: $password) {
  __typename ... on Problem { code } } }"""
RESET = "mutation ($email: String!) { requestPasswordReset(email: $email) { __typename ... on Problem { code } } }"
SIGN_UP = "mutation ($input: SignUpInput!) { signUp(input: $input) { __typename ... on Problem { code } } }"
BEGIN = """mutation ($password: String!) { beginSecondFactor(password: $password) {
  ... on SecondFactorBegun { secret } } }"""
CONFIRM = "mutation ($code: String!) { confirmSecondFactor(code: $code) { __typename ... on Problem { code } } }"
CHALLENGE = """mutation ($email: String!, $password: String!) { login(email: $email, password: $password) {
  ... on SecondFactorNeeded { challenge } } }"""
SECOND = """mutation ($note: String!, $code: String!) { loginSecondFactor(challenge: $note, code: $code) {
  __typename ... on Problem { code } } }"""
END_OTHERS = "mutation { endOtherSessions { __typename ... on SessionsEnded { count } } }"


@pytest.fixture(autouse=True)
def _laws() -> None:
    """In place of the folder's: there are no workers here whose queue could settle."""


@pytest.fixture
def pair(populated: Postgres) -> Iterator[tuple[list[Api], str]]:
    """Two processes that serve one platform, and its database."""
    name = populated.create(WORLD)
    platforms = [
        Platform(populated.url(name), database_api_url=populated.url(name, user="livery_api"), processes=("api",))
        for _ in range(2)
    ]
    try:
        for platform in platforms:
            platform.start()
        yield [Api(platform.url) for platform in platforms], populated.url(name)
    finally:
        for platform in platforms:
            platform.remove()
        populated.drop(name)


@asynccontextmanager
async def owner(url: str) -> AsyncIterator[Any]:
    conn = await connect(url)
    try:
        yield conn
    finally:
        await conn.close()


async def tries(apis: list[Api], count: int, email: str = EMAIL) -> list[str]:
    """Try wrong passwords at all processes at once; the codes of the answers."""
    answers = await asyncio.gather(
        *(apis[n % 2].run(LOGIN, email=email, password=f"wrong password {n}") for n in range(count))
    )
    return [answer["login"]["code"] for answer in answers]


async def test_ten_wrong_passwords_a_minute_whoever_counts(pair: tuple[list[Api], str]) -> None:
    apis, url = pair
    codes = await tries(apis, 24)
    assert (codes.count("UNAUTHENTICATED"), codes.count("THROTTLED")) == (10, 14)
    for api in apis:
        for email in (EMAIL, "nobody@shop.test"):
            assert (await api.run(LOGIN, email=email, password=PASSWORD))["login"]["code"] == "THROTTLED"
    async with owner(url) as conn:
        await shift(conn, timedelta(seconds=61))
    for api in apis:
        assert (await api.run(LOGIN, email=EMAIL, password=PASSWORD))["login"]["__typename"] == "SignedIn"


async def test_an_address_is_sent_three_links_however_it_asks(pair: tuple[list[Api], str]) -> None:
    apis, url = pair
    answers = await asyncio.gather(*(apis[n % 2].run(RESET, email=EMAIL) for n in range(12)))
    codes = [answer["requestPasswordReset"].get("code") for answer in answers]
    assert (codes.count(None), codes.count("THROTTLED")) == (10, 2)
    async with owner(url) as conn:
        async with asyncio.timeout(20):
            while await conn.fetchval("select count(*) from message where door = 'note'") < 3:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert await conn.fetchval("select count(*) from audit_entry where action = 'password.ask'") == 3


async def test_five_wrong_codes_of_a_second_factor_whoever_counts(pair: tuple[list[Api], str]) -> None:
    apis, url = pair
    owner_here = await apis[0].login(EMAIL, PASSWORD)
    secret = (await owner_here.run(BEGIN, password=PASSWORD))["beginSecondFactor"]["secret"]
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    async with owner(url) as conn:
        step = int((await now(conn)).timestamp()) // totp.STEP
        confirmed = (await owner_here.run(CONFIRM, code=totp.code(key, step)))["confirmSecondFactor"]
        assert confirmed["__typename"] == "RecoveryCodes"
        await shift(conn, timedelta(seconds=2 * totp.STEP))
        notes = [(await api.run(CHALLENGE, email=EMAIL, password=PASSWORD))["login"]["challenge"] for api in apis]
        answers = await asyncio.gather(*(apis[n % 2].run(SECOND, note=notes[n % 2], code="no") for n in range(9)))
        codes = [answer["loginSecondFactor"]["code"] for answer in answers]
        assert (codes.count("CODE_REFUSED"), codes.count("THROTTLED")) == (5, 4)
        right = totp.code(key, int((await now(conn)).timestamp()) // totp.STEP)
        for api, note in zip(apis, notes, strict=True):
            assert (await api.run(SECOND, note=note, code=right))["loginSecondFactor"]["code"] == "THROTTLED"
        await shift(conn, timedelta(minutes=15, seconds=1))
        note = (await apis[1].run(CHALLENGE, email=EMAIL, password=PASSWORD))["login"]["challenge"]
        right = totp.code(key, int((await now(conn)).timestamp()) // totp.STEP)
        assert (await apis[1].run(SECOND, note=note, code=right))["loginSecondFactor"]["__typename"] == "SignedIn"


async def test_five_sign_ups_a_minute_whoever_counts(pair: tuple[list[Api], str]) -> None:
    apis, url = pair
    wish = {"password": "a fine long password", "name": "Ann", "company": "Ann & Co"}
    async with owner(url) as conn:
        await conn.execute("update account set sign_up_open = true, may_resell = true where kind = 'operator'")
        answers = await asyncio.gather(
            *(apis[n % 2].run(SIGN_UP, input={**wish, "email": f"ann{n}@new.test"}) for n in range(12))
        )
        told = [answer["signUp"].get("code") for answer in answers]
        assert (told.count(None), told.count("THROTTLED")) == (5, 7)
        assert await conn.fetchval("select count(*) from sign_up") == 5


async def test_a_session_ended_at_one_process_is_closed_at_the_other_within_five_seconds(
    pair: tuple[list[Api], str],
) -> None:
    (first, second), _ = pair
    here = await first.login(EMAIL, PASSWORD)
    there = await second.login(EMAIL, PASSWORD)
    async with _live(there) as socket:
        assert (await here.run(END_OTHERS))["endOtherSessions"] == {"__typename": "SessionsEnded", "count": 1}
        async with asyncio.timeout(5):
            with pytest.raises(ConnectionClosed):
                while True:
                    await socket.recv()
        assert socket.close_code == 4401
    assert (await there.run("{ me { account { slug } } }"))["me"] is None
    assert (await here.run("{ me { account { slug } } }"))["me"] is not None


@asynccontextmanager
async def _live(api: Api) -> AsyncIterator[ClientConnection]:
    async with websockets.connect(
        api.url.replace("http", "ws", 1) + "/graphql",
        subprotocols=[Subprotocol("graphql-transport-ws")],
        additional_headers=api.headers,
        proxy=None,
    ) as socket:
        await socket.send(json.dumps({"type": "connection_init"}))
        assert json.loads(await socket.recv())["type"] == "connection_ack"
        yield socket
