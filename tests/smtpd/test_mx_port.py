"""What is port 25 for? Returned mail from anybody, submission for those we know, nothing else. T-SM8."""

from uuid import UUID

import pytest

from kit.crypto import Keyring
from mail.wire import returnpath
from smtpd import limits
from tests.smtpd.client import MESSAGE, Client
from tests.smtpd.conftest import DOMAIN, Server
from tests.support.world import SECRET_KEY

BOUNCE = b"From: mailer-daemon@remote.test\r\nSubject: failed\r\n\r\nNo such user.\r\n"
DENIED = "550 5.7.1 Not taken here: this port takes returned mail only, unless you log in first"
FORMS = [
    "<a@remote.test>",
    "<a@shop.test>",
    f"<a@{DOMAIN}>",
    f"<postmaster@{DOMAIN}>",
    f"<abuse@{DOMAIN}>",
    "<postmaster>",
    "<Postmaster>",
    "<a%remote.test@shop.test>",
    f"<a%remote.test@{DOMAIN}>",
    "<remote.test!a@shop.test>",
    f"<remote.test!a@{DOMAIN}>",
    "<@shop.test:a@remote.test>",
    f"<@{DOMAIN}:a@remote.test>",
    f"<@{DOMAIN},@shop.test:a@remote.test>",
    '<"a@remote.test">',
    f'<"a@remote.test"@{DOMAIN}>',
    f'<"a%remote.test"@{DOMAIN}>',
    "<a@remote.test@shop.test>",
    f"<a@remote.test@{DOMAIN}>",
    "<a@[127.0.0.1]>",
    "<a@[IPv6:::1]>",
    "<a@127.0.0.1>",
    "<a@localhost>",
    "<>",
    "<a>",
    "a@remote.test",
    "<a@remote.test",
    "<a@remote.test>>",
    "<a@remote.test,b@remote.test>",
    "<a:b@remote.test>",
    "<a;b@remote.test>",
    "<a@remote.test.>",
    '<""@remote.test>',
    "<b@remote.test>",
    "<baaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@remote.test>",
]


async def test_nobody_unknown_relays_through_any_port_in_any_form(server: Server) -> None:
    for form in FORMS:
        for sender in ("<spam@remote.test>", "<user@shop.test>", f"<a@{DOMAIN}>", "<>"):
            async with await Client.connect(server.mx) as client:
                assert (await client.say("EHLO spam.test")).code == 250
                assert (await client.say(f"MAIL FROM:{sender}")).code == 250
                assert (await client.say(f"RCPT TO:{form}")).lines == (DENIED,), form
                assert (await client.say("DATA")).status == "554 5.5.1"
    for way in ("clear", "starttls", "implicit"):
        async with await server.client(way) as client:
            assert (await client.say("MAIL FROM:<user@shop.test>")).status == "530 5.7.0"
            assert (await client.say("RCPT TO:<a@remote.test>")).status == "503 5.5.1"
            assert (await client.say("DATA")).status == "503 5.5.1"
    assert await server.stored() == (0, 0)


async def test_after_tls_and_login_it_is_submission(server: Server) -> None:
    async with await Client.connect(server.mx) as client:
        assert "250-STARTTLS" in (await client.say("EHLO client.test")).lines
        assert (await client.login(server.user, server.password)).status == "538 5.7.11"
        await client.starttls()
        assert "250-AUTH PLAIN LOGIN" in (await client.say("EHLO client.test")).lines
        assert (await client.login(server.user, server.password)).code == 235
        await client.start()
        assert (await client.data(MESSAGE)).code == 250
    assert await server.stored() == (1, 1)


async def test_from_a_known_network_it_is_submission(server: Server) -> None:
    await server.know_network("127.0.0.0/8")
    async with await Client.connect(server.mx) as client:
        assert (await client.say("EHLO client.test")).code == 250
        await client.start()
        assert (await client.data(MESSAGE)).code == 250
    assert await server.stored() == (1, 1)


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("sender", ["<>", "<feedback@remote.test>"])
async def test_mail_to_a_live_return_path_is_taken_from_anybody_at_no_cost(
    server: Server, sender: str, known: bool
) -> None:
    if known:
        await server.know_network("127.0.0.0/8")
    recipient, path = await _sent(server)
    before = await server.stored()
    async with await Client.connect(server.mx) as client:
        assert (await client.say("EHLO remote.test")).code == 250
        assert (await client.say(f"MAIL FROM:{sender}")).code == 250
        assert (await client.say(f"RCPT TO:<{path.upper()}>")).status == "250 2.1.5"
        if not known:
            assert (await client.say("RCPT TO:<a@remote.test>")).lines == (DENIED,)
        assert (await client.data(BOUNCE)).status == "250 2.0.0"
    assert await server.stored() == before
    row = await server.conn.fetchrow("select recipient_id, content from returned_mail")
    assert row["recipient_id"] == recipient
    head, _, _ = row["content"].partition(BOUNCE)
    assert row["content"].endswith(BOUNCE)
    assert head.startswith(f"Return-Path: {sender}\r\nReceived: from remote.test ([127.0.0.1]) by {DOMAIN}".encode())


async def test_a_forged_return_path_is_refused(server: Server) -> None:
    recipient, path = await _sent(server)
    last = "b" if path[-len(DOMAIN) - 2] == "a" else "a"
    forged = path[: -len(DOMAIN) - 2] + last + path[-len(DOMAIN) - 1 :]
    other = f"{returnpath.encode(Keyring(b'x' * 32), recipient)}@{DOMAIN}"
    async with await Client.connect(server.mx) as client:
        assert (await client.say("EHLO remote.test")).code == 250
        assert (await client.say("MAIL FROM:<>")).code == 250
        for address in (forged, other):
            assert (await client.say(f"RCPT TO:<{address}>")).lines == (DENIED,)
        assert (await client.say(f"RCPT TO:<{path}>")).code == 250


async def test_a_return_path_of_a_deleted_account_is_still_known_and_nothing_is_kept(server: Server) -> None:
    _, path = await _sent(server)
    gone = f"{returnpath.encode(Keyring(SECRET_KEY), UUID(int=7))}@{DOMAIN}"  # purged already
    await server.conn.execute("update account set deleted_at = livery_now() where slug = 'shop.test'")
    for address in (path, gone):
        async with await Client.connect(server.mx) as client:
            assert (await client.say("EHLO remote.test")).code == 250
            assert (await client.say("MAIL FROM:<>")).code == 250
            assert (await client.say(f"RCPT TO:<{address}>")).status == "250 2.1.5"
            assert (await client.data(BOUNCE)).status == "250 2.0.0"
    assert await server.conn.fetchval("select count(*) from returned_mail") == 0


async def test_returned_mail_and_submission_do_not_mix(server: Server) -> None:
    await server.know_network("127.0.0.0/8")
    _, path = await _sent(server)
    async with await Client.connect(server.mx) as client:
        assert (await client.say("EHLO remote.test")).code == 250
        assert (await client.say("MAIL FROM:<>")).code == 250
        assert (await client.say(f"RCPT TO:<{path}>")).code == 250
        assert (await client.say("RCPT TO:<a@remote.test>")).status == "452 4.5.3"
        assert (await client.data(BOUNCE)).code == 250
    assert await server.stored() == (1, 1)


async def test_one_message_is_kept_for_a_few_return_paths_at_most(server: Server) -> None:
    async with await server.member() as client:
        await client.start(limits.RETURNING + 2)
        assert (await client.data(MESSAGE)).code == 250
    keyring = Keyring(SECRET_KEY)
    paths = [returnpath.encode(keyring, row["id"]) for row in await server.conn.fetch("select id from recipient")]
    async with await Client.connect(server.mx) as client:
        assert (await client.say("EHLO remote.test")).code == 250
        assert (await client.say("MAIL FROM:<>")).code == 250
        told = [(await client.say(f"RCPT TO:<{path}@{DOMAIN}>")).status for path in paths]
        assert told == ["250 2.1.5"] * limits.RETURNING + ["452 4.5.3"] * 2
        assert (await client.data(BOUNCE)).code == 250
    assert await server.conn.fetchval("select count(*) from returned_mail") == limits.RETURNING


async def test_submission_ports_take_no_returned_mail(server: Server) -> None:
    _, path = await _sent(server)
    async with await server.client("clear") as client:
        assert (await client.say("MAIL FROM:<>")).status == "530 5.7.0"
        assert (await client.say(f"RCPT TO:<{path}>")).status == "503 5.5.1"
    assert await server.conn.fetchval("select count(*) from returned_mail") == 0


async def _sent(server: Server) -> tuple[UUID, str]:
    """Send a message; return its recipient's id and return path."""
    async with await server.member() as client:
        await client.start()
        assert (await client.data(MESSAGE)).code == 250
    recipient: UUID = await server.conn.fetchval("select id from recipient")
    return recipient, f"{returnpath.encode(Keyring(SECRET_KEY), recipient)}@{DOMAIN}"
