"""Who is let in, how, and what does everybody else learn? T-SM5, T-SM6, T-SM9, T-SM10 of the security notes."""

import asyncio
import contextlib
import statistics
import time
from pathlib import Path

import pytest

from kit.crypto import Keyring
from tenants.credentials import CredentialKind, create_credential
from tests.smtpd.client import MESSAGE, Client, b64, plain
from tests.smtpd.conftest import MakeEnvironment, Server, separate
from tests.support.world import SECRET_KEY

WRONG = "535 5.7.8 Wrong user or password: the password was shown once, when the user was made"


@pytest.mark.parametrize("way", ["starttls", "implicit"])
async def test_the_right_password_logs_in_over_tls(server: Server, way: str) -> None:
    sent = 0
    for mechanism in ("PLAIN", "plain", "Plain", "LOGIN", "login"):
        for initial in (True, False):
            async with await server.client(way) as client:
                reply = await _auth(client, mechanism, server.user, server.password, initial=initial)
                assert reply == "235 2.7.0 Logged in", mechanism
                await client.start()
                assert (await client.data(MESSAGE)).code == 250
                sent += 1
                assert await server.stored() == (sent, sent)


@pytest.mark.parametrize("command", ["AUTH PLAIN", "AUTH PLAIN {}", "AUTH LOGIN", "auth login {}", "AUTH XOAUTH2 {}"])
async def test_nobody_logs_in_in_clear_even_with_the_right_password(server: Server, command: str) -> None:
    async with await server.client("clear") as client:
        reply = await client.say(command.format(plain(server.user, server.password)))
        assert reply.status == "538 5.7.11"
        assert (await client.say("MAIL FROM:<user@shop.test>")).lines == (
            "530 5.7.0 Switch on TLS (STARTTLS), then log in",
        )
        # The password was not read: nothing was counted against anybody.
        assert await server.conn.fetchval("select count(*) from attempts") == 0


@pytest.mark.parametrize("way", ["starttls", "implicit"])
@pytest.mark.parametrize("mechanism", ["XOAUTH2", "CRAM-MD5", "NTLM", ""])
async def test_an_unknown_mechanism_is_504(server: Server, way: str, mechanism: str) -> None:
    async with await server.client(way) as client:
        assert (await client.say(f"AUTH {mechanism}")).status == "504 5.5.4"
        assert (await client.login(server.user, server.password)).code == 235


@pytest.mark.parametrize(
    ("response", "status"),
    [
        ("!!!", "501 5.5.2"),
        ("YWJj", "501 5.5.2"),
        ("=", "501 5.5.2"),
        ("//79", "501 5.5.2"),
        (plain("shop-smtp", "wrong"), "535 5.7.8"),
        (b64("rival-smtp\0shop-smtp\0shop-smtp-password"), "535 5.7.8"),
    ],
)
async def test_a_response_that_is_none_is_refused_and_the_session_goes_on(
    server: Server, response: str, status: str
) -> None:
    async with await server.client() as client:
        assert (await client.say(f"AUTH PLAIN {response}")).status == status
        assert (await client.login(server.user, server.password)).code == 235


async def test_a_dialogue_can_be_given_up(server: Server) -> None:
    async with await server.client() as client:
        assert (await client.say("AUTH LOGIN")).lines == ("334 VXNlcm5hbWU6",)
        assert (await client.say(b64(server.user))).lines == ("334 UGFzc3dvcmQ6",)
        assert (await client.say("*")).status == "501 5.7.0"
        assert (await client.say(b64(server.password))).status == "500 5.5.1"
        assert (await client.login(server.user, server.password)).code == 235


async def test_a_name_with_a_nul_is_refused(server: Server) -> None:
    async with await server.client() as client:
        assert (await client.say(f"AUTH LOGIN {b64(server.user + chr(0))}")).status == "501 5.5.2"
        assert (await client.login(server.user, server.password)).code == 235


async def test_one_logs_in_once_and_not_within_a_message(server: Server) -> None:
    async with await server.client() as client:
        assert (await client.login(server.user, server.password)).code == 235
        assert (await client.login(server.user, server.password)).status == "503 5.5.1"
        await client.start()
        assert (await client.login(server.user, server.password)).status == "503 5.5.1"
        assert (await client.data(MESSAGE)).code == 250


@pytest.mark.parametrize("length", [1, 100, 377, 378, 600, 3_000])
async def test_passwords_of_any_length_work(server: Server, length: int) -> None:
    password = "pä§" * (length // 5) + "x" * (length % 5)
    assert len(password.encode()) == length
    account = await server.conn.fetchval("select id from account where slug = 'shop.test'")
    await create_credential(
        server.conn,
        Keyring(SECRET_KEY),
        account_id=account,
        kind=CredentialKind.SMTP,
        name="Long",
        username="long",
        secret=password,
    )
    for mechanism in ("PLAIN", "LOGIN"):
        for initial in (True, False):
            async with await server.client() as client:
                assert await _auth(client, mechanism, "long", password[:-1] + "!", initial=initial) == WRONG
                assert await _auth(client, mechanism, "long", password, initial=initial) == "235 2.7.0 Logged in"


async def test_an_endless_response_is_refused_and_the_session_goes_on(server: Server) -> None:
    async with await server.client() as client:
        assert (await client.say("AUTH PLAIN")).code == 334
        assert (await client.say("A" * 12_289)).status == "500 5.5.2"
        assert (await client.login(server.user, server.password)).code == 235


async def test_the_third_wrong_login_ends_the_connection(server: Server) -> None:
    async with await server.client() as client:
        for _ in range(2):
            assert (await client.login(server.user, "wrong")).lines == (WRONG,)
        assert (await client.login(server.user, "wrong")).status == "421 4.7.0"
        assert await client.ended()


async def test_a_known_and_an_unknown_user_get_the_same_words_in_the_same_time(server: Server) -> None:
    """T-SM10, reduced. The counters are emptied for each trial: throttling is another promise."""
    times: dict[str, list[float]] = {server.user: [], "nobody-smtp": []}
    for _ in range(60):
        for user, taken in times.items():
            async with await server.client("implicit") as client:
                await server.conn.execute("delete from attempts")
                begun = time.perf_counter()
                reply = await client.login(user, "wrong")
                taken.append(time.perf_counter() - begun)
                assert reply.lines == (WRONG,)
    known, unknown = (statistics.median(taken) for taken in times.values())
    assert abs(known - unknown) <= max(0.25 * known, 0.002), (known, unknown)


async def test_wrong_logins_of_an_address_are_counted_over_connections_and_processes(
    server: Server, environment: MakeEnvironment, tmp_path: Path
) -> None:
    """T-SM9, reduced: ten tries a minute reach the verifier, from two processes together."""
    with separate(environment(), tmp_path / "other.log") as other:
        assert await _tries(server.implicit, 6) == ["535 5.7.8"] * 6
        assert await _tries(other.settings.smtps_ports[0], 6) == ["535 5.7.8"] * 4 + ["454 4.7.0"] * 2
        # The right password is not looked at either, until the minute is over.
        async with await server.client() as client:
            assert (await client.login(server.user, server.password)).lines == (
                "454 4.7.0 Too many wrong logins: wait a few minutes, then try the right password",
            )
        await server.conn.execute("update clock_shift set by = by + interval '61 seconds'")
        async with await server.client() as client:
            assert (await client.login(server.user, server.password)).code == 235


async def test_wrong_logins_side_by_side_at_two_processes_are_counted_one_by_one(
    server: Server, environment: MakeEnvironment, tmp_path: Path
) -> None:
    with separate(environment(), tmp_path / "other.log") as other:
        ports = [server.implicit, other.settings.smtps_ports[0]] * 10
        clients = [await Client.connect(port, tls=True) for port in ports]
        await asyncio.gather(*(client.say("EHLO client.test") for client in clients))
        replies = await asyncio.gather(*(client.login(server.user, "wrong") for client in clients))
        assert sorted(reply.code for reply in replies) == [454] * 10 + [535] * 10
        for client in clients:
            await client.close()


async def test_wrong_logins_side_by_side_are_counted_one_by_one(server: Server) -> None:
    clients = [await server.client("implicit") for _ in range(20)]
    replies = await asyncio.gather(*(client.login(server.user, "wrong") for client in clients))
    assert sorted(reply.code for reply in replies) == [454] * 10 + [535] * 10
    for client in clients:
        await client.close()


async def test_a_suspended_account_is_told_so_after_the_right_password_only(server: Server) -> None:
    await server.conn.execute("update account set suspended_at = livery_now() where slug = 'acme.test'")
    async with await server.client() as client:
        assert (await client.login(server.user, "wrong")).lines == (WRONG,)
        reply = await client.login(server.user, server.password)
        assert reply.lines == ("525 5.7.13 This account is suspended. Ask whoever runs your account to resume it.",)
        assert (await client.say("MAIL FROM:<user@shop.test>")).status == "530 5.7.0"


@pytest.mark.parametrize("way", ["clear", "starttls", "implicit"])
async def test_a_known_network_needs_no_login(server: Server, way: str) -> None:
    await server.know_network("127.0.0.0/8")
    async with await server.client(way) as client:
        await client.start()
        assert (await client.data(MESSAGE)).code == 250
    assert await server.stored() == (1, 1)


async def test_a_known_network_of_a_suspended_account_is_told_so(server: Server) -> None:
    await server.know_network("127.0.0.0/8")
    await server.conn.execute("update account set suspended_at = livery_now() where slug = 'shop.test'")
    async with await server.client() as client:
        assert (await client.say("MAIL FROM:<user@shop.test>")).lines == (
            "550 5.7.1 This account is suspended. Ask whoever runs your account to resume it.",
        )
    assert await server.stored() == (0, 0)


async def test_another_network_does(server: Server) -> None:
    await server.know_network("10.0.0.0/8")
    async with await server.client() as client:
        assert (await client.say("MAIL FROM:<user@shop.test>")).lines == (
            "530 5.7.0 Log in first: AUTH with user and password from SMTP settings in your dashboard",
        )
    assert await server.stored() == (0, 0)


async def test_a_client_that_hangs_up_during_login_leaves_the_others_alone(server: Server) -> None:
    for _ in range(5):
        client = await server.client()
        await client.send(b"AUTH PLAIN " + plain(server.user, "wrong").encode() + b"\r\n")
        client.reset()
        with contextlib.suppress(Exception):
            await client.close()
    async with await server.member() as client:
        assert (await client.say("NOOP")).code == 250


async def _tries(port: int, count: int) -> list[str]:
    statuses: list[str] = []
    for _ in range(count):
        async with await Client.connect(port, tls=True) as client:
            await client.say("EHLO client.test")
            statuses.append((await client.login("shop-smtp", "wrong")).status)
    return statuses


async def _auth(client: Client, mechanism: str, user: str, password: str, *, initial: bool) -> str:
    if mechanism.upper() == "PLAIN":
        if initial:
            return (await client.say(f"AUTH {mechanism} {plain(user, password)}")).lines[-1]
        assert (await client.say(f"AUTH {mechanism}")).lines == ("334 ",)
        return (await client.say(plain(user, password))).lines[-1]
    if initial:
        reply = await client.say(f"AUTH {mechanism} {b64(user)}")
    else:
        assert (await client.say(f"AUTH {mechanism}")).lines == ("334 VXNlcm5hbWU6",)
        reply = await client.say(b64(user))
    assert reply.lines == ("334 UGFzc3dvcmQ6",)
    return (await client.say(b64(password))).lines[-1]
