"""Is somebody whose credential has ended out: at the next login, and in an open session at its next MAIL?"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from kit.crypto import Keyring
from tenants.credentials import NewCredential, create_credential
from tenants.models import CredentialKind
from tests.smtpd.client import MESSAGE, Client
from tests.smtpd.conftest import Server
from tests.support.world import SECRET_KEY

ENDED = "421 4.7.0 Your login is no longer valid: connect again and log in to see why, or use another user"
ENDS = {
    "revoked": (
        "update credential set revoked_at = livery_now() where id = $1",
        "525 5.7.13 This SMTP user was revoked. Use a new one: this one is never valid again.",
    ),
    "expired": (
        "update credential set expires_at = livery_now() where id = $1",
        "525 5.7.13 This SMTP user has expired. Use a new one, or ask whoever manages your credentials for a later end.",
    ),
    "disabled": (
        "update credential set disabled_at = livery_now() where id = $1",
        "525 5.7.13 This SMTP user is switched off. Ask whoever manages your credentials to switch it on again.",
    ),
    "suspended": (
        """update account set suspended_at = livery_now()
            where id = (select account_id from credential where id = $1)""",
        "525 5.7.13 This account is suspended. Ask whoever runs your account to resume it.",
    ),
    "elsewhere": (
        "update credential set networks = '{192.0.2.0/24}' where id = $1",
        "535 5.7.8 Wrong user or password: the password was shown once, when the user was made",
    ),
}


@pytest.fixture
async def shown(server: Server) -> NewCredential:
    """A generated SMTP user of shop's."""
    account = await server.conn.fetchval("select id from account where slug = 'shop.test'")
    return await create_credential(
        server.conn, Keyring(SECRET_KEY), account_id=account, kind=CredentialKind.SMTP, name="shop"
    )


@contextlib.asynccontextmanager
async def session(server: Server, shown: NewCredential) -> AsyncIterator[Client]:
    """A session that has logged in and sent one message."""
    async with await server.client() as client:
        assert (await client.login(shown.username or "", shown.secret or "")).code == 235
        await client.start()
        assert (await client.data(MESSAGE)).code == 250
        yield client


async def until_refused(client: Client) -> list[str]:
    """Say MAIL and RSET until MAIL is refused, within five seconds; return that reply."""
    async with asyncio.timeout(5):
        while True:
            reply = await client.say("MAIL FROM:<user@shop.test>")
            if reply.code != 250:
                return list(reply.lines)
            assert (await client.say("RSET")).code == 250
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("end", ENDS)
async def test_an_open_session_ends_at_its_next_mail_and_the_next_login_says_why(
    server: Server, shown: NewCredential, end: str
) -> None:
    statement, why = ENDS[end]
    async with session(server, shown) as client, await server.member() as neighbour:
        await server.conn.execute(statement, shown.id)
        assert await until_refused(client) == [ENDED]
        assert await client.ended()
        assert await server.stored() == (1, 1)
        if end != "suspended":  # a neighbour of the same account goes on
            await neighbour.start()
            assert (await neighbour.data(MESSAGE)).code == 250
    async with await server.client() as client:
        assert (await client.login(shown.username or "", shown.secret or "")).lines == (why,)
        assert (await client.login(shown.username or "", "wrong")).status == "535 5.7.8", "nobody else is told"


@pytest.mark.parametrize("end", ["revoked", "expired", "disabled"])
async def test_a_message_on_its_way_is_not_taken_either(server: Server, shown: NewCredential, end: str) -> None:
    async with session(server, shown) as client:
        await client.start()
        await server.conn.execute(ENDS[end][0], shown.id)
        assert (await client.data(MESSAGE)).lines == (
            "421 4.7.0 What this was sent with is no longer valid. Send it again with another user or key.",
        )
        assert await client.ended()
    assert await server.stored() == (1, 1)


async def test_a_message_on_its_way_from_a_suspended_account_is_not_taken(server: Server, shown: NewCredential) -> None:
    async with session(server, shown) as client:
        await client.start()
        await server.conn.execute(ENDS["suspended"][0], shown.id)
        assert (await client.data(MESSAGE)).lines == (
            "550 5.7.1 This account is suspended. Ask whoever runs your account to resume it.",
        )
        await server.conn.execute("update account set suspended_at = null")
        await client.start()
        assert (await client.data(MESSAGE)).code == 250
    assert await server.stored() == (2, 2)


async def test_who_is_switched_on_again_is_let_in_again(server: Server, shown: NewCredential) -> None:
    await server.conn.execute(ENDS["disabled"][0], shown.id)
    async with await server.client() as client:
        assert (await client.login(shown.username or "", shown.secret or "")).status == "525 5.7.13"
        await server.conn.execute("update credential set disabled_at = null where id = $1", shown.id)
        assert (await client.login(shown.username or "", shown.secret or "")).code == 235
        await client.start()
        assert (await client.data(MESSAGE)).code == 250


async def test_a_right_password_that_has_ended_is_no_try_at_guessing(server: Server, shown: NewCredential) -> None:
    await server.conn.execute(ENDS["revoked"][0], shown.id)
    for _ in range(12):
        async with await server.client() as client:
            assert (await client.login(shown.username or "", shown.secret or "")).status == "525 5.7.13"
    async with await server.member() as client:
        assert (await client.say("NOOP")).code == 250


async def test_a_network_that_is_revoked_sends_no_more(server: Server) -> None:
    await server.know_network("127.0.0.0/8")
    async with await server.client("clear") as client:
        await client.start()
        assert (await client.data(MESSAGE)).code == 250
        await server.conn.execute("update credential set revoked_at = livery_now() where kind = 'source'")
        assert await until_refused(client) == [ENDED]
    async with await server.client() as client:
        assert (await client.say("MAIL FROM:<user@shop.test>")).status == "530 5.7.0"
    assert await server.stored() == (1, 1)


async def test_a_session_follows_its_credential_into_the_sandbox(server: Server, shown: NewCredential) -> None:
    async with session(server, shown) as client:
        await server.conn.execute("update credential set sandbox = true where id = $1", shown.id)
        async with asyncio.timeout(5):
            while not await server.conn.fetchval("select bool_or(sandbox) from message"):
                await client.start()
                assert (await client.data(MESSAGE)).code == 250
                await asyncio.sleep(0.2)


async def test_a_typing_error_is_told_alike_for_known_and_unknown_users_and_counted_against_nobody(
    server: Server, shown: NewCredential
) -> None:
    secret = shown.secret or ""
    wrong = secret[:10] + ("a" if secret[10] != "a" else "b") + secret[11:]
    mistyped = "535 5.7.8 The password has a typing error: copy it again from where it was kept, from end to end"
    for user in (shown.username or "", "nobody", server.user):
        async with await server.client() as client:
            for _ in range(2):
                assert (await client.login(user, wrong)).lines == (mistyped,)
            assert (await client.login(user, wrong)).status == "421 4.7.0"
    assert await server.conn.fetchval("select count(*) from attempts") == 0
    async with await server.client() as client:
        assert (await client.login(shown.username or "", secret)).code == 235


async def test_the_last_use_is_written_down_to_the_minute(server: Server, shown: NewCredential) -> None:
    async with session(server, shown):
        await server.door.gate._uses.write()
    row = await server.conn.fetchrow(
        "select last_used_at, date_trunc('minute', livery_now()) as now, last_used_ip from credential where id = $1",
        shown.id,
    )
    assert row is not None
    assert (row["now"] - row["last_used_at"]).total_seconds() in {0, 60}
    assert row["last_used_ip"] == "127.0.0.1"
    others = await server.conn.fetchval("select count(*) from credential where last_used_at is not null")
    assert others == 1
