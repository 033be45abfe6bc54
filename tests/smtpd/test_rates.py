"""Does a credential's limit hold exactly, over sessions and processes, and what is a sender told who has reached it?"""

import asyncio
import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from kit.clock import now, shift
from kit.crypto import Keyring
from tenants.credentials import NewCredential, create_credential
from tenants.models import CredentialKind
from tenants.rates import Limits
from tests.smtpd.client import MESSAGE, Client
from tests.smtpd.conftest import MakeEnvironment, Server, separate
from tests.support.world import SECRET_KEY

AT = datetime(2026, 11, 23, 9, 30, 10, tzinfo=UTC)


async def limited(server: Server, limits: Limits) -> NewCredential:
    """An SMTP user of shop's with limits, with half an hour before any clock strikes."""
    await shift(server.conn, AT - await now(server.conn))
    account = await server.conn.fetchval("select id from account where slug = 'shop.test'")
    return await create_credential(
        server.conn, Keyring(SECRET_KEY), account_id=account, kind=CredentialKind.SMTP, name="shop", limits=limits
    )


async def session(port: int, shown: NewCredential) -> Client:
    """A session that has logged in."""
    client = await Client.connect(port, tls=True)
    assert (await client.say("EHLO client.test")).code == 250
    assert (await client.login(shown.username or "", shown.secret or "")).code == 235
    return client


async def test_who_has_sent_enough_is_told_when_to_go_on(server: Server) -> None:
    shown = await limited(server, Limits(per_hour=5))
    client = await session(server.implicit, shown)
    for recipients, said in (
        (3, "250 2.0.0"),
        (
            3,
            "451 4.7.1 This credential may send to 5 recipients an hour. "
            "Try again at 2026-11-23T10:00:00Z, or ask for a higher limit.",
        ),
        (2, "250 2.0.0"),
        (
            6,
            "550 5.7.1 This credential may send to 5 recipients an hour, and the message has more. "
            "Send it in parts, or ask for a higher limit.",
        ),
    ):
        await client.start(recipients)
        assert (await client.data(MESSAGE)).lines[0].startswith(said)
    assert await server.stored() == (2, 5)
    await shift(server.conn, datetime(2026, 11, 23, 10, 0, tzinfo=UTC) - await now(server.conn))
    await client.start(5)
    assert (await client.data(MESSAGE)).code == 250
    assert await server.stored() == (3, 10)


async def test_two_hundred_senders_at_two_processes_get_exactly_what_is_allowed(
    server: Server, environment: MakeEnvironment, tmp_path: Path
) -> None:
    shown = await limited(server, Limits(per_hour=50, per_day=1_000))
    # Others of the same account, without limits, are in the same batches.
    free = await limited(server, Limits())
    with separate(environment(), tmp_path / "other.log") as other:
        ports = [server.implicit, other.settings.smtps_ports[0]] * 20

        async def send(client: Client, messages: int) -> list[str]:
            said = []
            for _ in range(messages):
                await client.start()
                said.append((await client.data(MESSAGE)).status)
            return said

        sessions = [await session(port, shown) for port in ports]
        neighbours = [await session(port, free) for port in ports[:4]]
        results = await asyncio.gather(
            *(send(client, 5) for client in sessions), *(send(client, 5) for client in neighbours)
        )
        for client in (*sessions, *neighbours):
            await client.close()
    assert Counter(status for said in results[:40] for status in said) == {"250 2.0.0": 50, "451 4.7.1": 150}
    assert Counter(status for said in results[40:] for status in said) == {"250 2.0.0": 20}
    taken = await server.conn.fetchval("select count(*) from message where credential_id = $1", shown.id)
    assert taken == 50
    assert await server.stored() == (70, 70)
    used = await server.conn.fetch("select id, used, most from rate_use order by id")
    assert [(re.sub(r".*\|", "", row["id"]), row["used"], row["most"]) for row in used] == [
        ("day", 50, 1_000),
        ("hour", 50, 50),
    ]
