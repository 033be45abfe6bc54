"""Does a mail to the address in List-Unsubscribe take its recipient off, whatever it says, and no other address anybody?"""

import asyncio
from uuid import UUID

from kit.crypto import Keyring
from mail import unsubscribes
from mail.wire import returnpath
from tests.smtpd.client import Client
from tests.smtpd.conftest import DOMAIN, Server
from tests.support.world import SECRET_KEY

KEYS = Keyring(SECRET_KEY)
DENIED = "550 5.7.1 Not taken here: this port takes returned mail only, unless you log in first"
WISH = b"From: ann@remote.test\r\nSubject: unsubscribe\r\n\r\nPlease.\r\n"
NOISE = (
    b"From: someone@remote.test\r\nSubject: Automatic reply\r\nAuto-Submitted: auto-replied\r\n\r\nI am on holiday.\r\n"
)


async def _sent(server: Server, *addresses: str) -> list[UUID]:
    """Mail of shop.test to these addresses; the recipients."""
    async with await server.member() as client:
        for address in addresses:
            assert (await client.say("MAIL FROM:<user@shop.test>")).code == 250
            assert (await client.say(f"RCPT TO:<{address}>")).code == 250
            assert (await client.data(b"From: user@shop.test\r\nSubject: News\r\n\r\nHello.\r\n")).code == 250
    rows = await server.conn.fetch("select id from recipient order by id")
    return [row["id"] for row in rows]


async def _write(server: Server, content: bytes, *addresses: str, sender: str = "<ann@remote.test>") -> None:
    async with await Client.connect(server.mx) as client:
        assert (await client.say("EHLO remote.test")).code == 250
        assert (await client.say(f"MAIL FROM:{sender}")).code == 250
        for address in addresses:
            assert (await client.say(f"RCPT TO:<{address}>")).status == "250 2.1.5"
        assert (await client.data(content)).status == "250 2.0.0"


async def _listed(server: Server) -> list[tuple[str, str, str]]:
    rows = await server.conn.fetch("select address, reason, source from suppression order by address")
    return [tuple(row) for row in rows]


async def _facts(server: Server) -> int:
    found: int = await server.conn.fetchval("select count(*) from event where kind = 'unsubscribed'")
    return found


async def test_any_mail_to_it_is_the_wish_and_is_not_kept(server: Server) -> None:
    [ann, bob] = await _sent(server, "ann@far.test", "bob@far.test")
    mailbox = unsubscribes.mailbox(KEYS, DOMAIN, ann)
    await _write(server, WISH, mailbox)
    assert (await _listed(server), await _facts(server)) == ([("ann@far.test", "unsubscribe", "mail")], 1)
    await _write(server, NOISE, mailbox.upper(), sender="<>")
    assert (await _listed(server), await _facts(server)) == ([("ann@far.test", "unsubscribe", "mail")], 1)
    await _write(server, NOISE, unsubscribes.mailbox(KEYS, DOMAIN, bob), sender="<>")
    assert [row[0] for row in await _listed(server)] == ["ann@far.test", "bob@far.test"]
    assert await server.conn.fetchval("select count(*) from returned_mail") == 0
    assert await server.stored() == (2, 2)


async def test_fifty_mails_at_once_are_one_wish(server: Server) -> None:
    [ann] = await _sent(server, "ann@far.test")
    mailbox = unsubscribes.mailbox(KEYS, DOMAIN, ann)
    for _ in range(5):
        await asyncio.gather(*(_write(server, WISH, mailbox) for _ in range(10)))
    assert (len(await _listed(server)), await _facts(server)) == (1, 1)


async def test_what_nobody_signed_is_refused(server: Server) -> None:
    [ann] = await _sent(server, "ann@far.test")
    genuine = unsubscribes.mailbox(KEYS, DOMAIN, ann)
    last = "b" if genuine[40] == "a" else "a"
    async with await Client.connect(server.mx) as client:
        assert (await client.say("EHLO remote.test")).code == 250
        assert (await client.say("MAIL FROM:<ann@remote.test>")).code == 250
        for address in (
            f"{genuine[:40]}{last}@{DOMAIN}",
            unsubscribes.mailbox(Keyring(b"x" * 32), DOMAIN, ann),
            f"u{returnpath.encode(KEYS, ann)[1:]}@{DOMAIN}",
            f"unsubscribe@{DOMAIN}",
            f"u@{DOMAIN}",
        ):
            assert (await client.say(f"RCPT TO:<{address}>")).lines == (DENIED,), address
        assert (await client.say(f"RCPT TO:<{genuine}>")).code == 250
    assert await _listed(server) == []


async def test_one_mail_may_be_a_wish_and_a_bounce(server: Server) -> None:
    [ann, bob] = await _sent(server, "ann@far.test", "bob@far.test")
    path = f"{returnpath.encode(KEYS, bob)}@{DOMAIN}"
    await _write(server, WISH, unsubscribes.mailbox(KEYS, DOMAIN, ann), path, path)
    assert [row[0] for row in await _listed(server)] == ["ann@far.test"]
    assert [row["recipient_id"] for row in await server.conn.fetch("select recipient_id from returned_mail")] == [bob]


async def test_of_a_deleted_account_it_is_heard_and_nothing_stays(server: Server) -> None:
    [ann] = await _sent(server, "ann@far.test")
    mailbox = unsubscribes.mailbox(KEYS, DOMAIN, ann)
    await server.conn.execute("update account set deleted_at = livery_now() where slug = 'shop.test'")
    await _write(server, WISH, mailbox)
    assert await _facts(server) == 1
    for table in ("event", "recipient", "suppression"):
        await server.conn.execute(f"delete from {table}")
    await _write(server, WISH, mailbox)
    assert (await _listed(server), await _facts(server)) == ([], 0)
