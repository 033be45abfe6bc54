"""Four doors and twenty accounts that share one parent's pool, all at once: no deadlock, and nobody is refused."""

import asyncio
import random
from collections.abc import Iterator

import pytest

from kit.crypto import Keyring
from kit.db import open_database
from tenants.credentials import create_credential
from tenants.credits import grant
from tenants.models import AccountKind, CredentialKind
from tenants.tree import create_account
from tests.support import world
from tests.support.mails import plain
from tests.support.postgres import Postgres
from tests.support.stage import Stage, staged

ACCOUNTS, SESSIONS, MESSAGES = 20, 40, 15
POOL = 100_000


@pytest.fixture(scope="module")
def stage(populated: Postgres) -> Iterator[Stage]:
    """Four doors, and a clock that counts what they write."""
    yield from staged(populated, processes=("smtpd",) * 4 + ("clock",))


async def furnish(stage: Stage) -> int:
    """Make twenty accounts that charge acme's pool, each with an address on loopback; return the pool's credits."""
    db = await open_database(stage.database_url, size=1)
    try:
        async with db.unit_of_work() as unit:
            await grant(unit.conn, stage.world.acme.id, POOL)
            for number in range(1, ACCOUNTS + 1):
                kind = AccountKind.SUB_ACCOUNT
                slug = f"crowd{number}.test"
                id = await create_account(
                    unit, slug=slug, name=slug, kind=kind, parent_slug="acme.test", shares_pool=True
                )
                await create_credential(
                    unit.conn,
                    Keyring(world.SECRET_KEY),
                    account_id=id,
                    kind=CredentialKind.SOURCE,
                    name="Crowd",
                    networks=(f"127.0.1.{number}/32",),
                )
            credits: int = await unit.conn.fetchval("select account_credits($1)", stage.world.acme.id)
            return credits
    finally:
        await db.close()


async def submit(port: int, session: int) -> int:
    """Send some messages of one to five recipients as one of the accounts; return how many got their 250."""
    chance = random.Random(session)
    address = f"127.0.1.{session % ACCOUNTS + 1}"
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))

    async def say(text: bytes) -> str:
        writer.write(text)
        while (line := (await reader.readline()).decode())[3:4] == "-":
            pass
        return line

    await say(b"")
    await say(b"EHLO crowd.test\r\n")
    taken = 0
    for number in range(MESSAGES):
        await say(b"MAIL FROM:<a@crowd.test>\r\n")
        for at in range(chance.randint(1, 5)):
            await say(b"RCPT TO:<%d-%d-%d@far.test>\r\n" % (session, number, at))
        await say(b"DATA\r\n")
        taken += (await say(plain("a@crowd.test", "r@far.test", f"{number}") + b".\r\n")).startswith("250 2.0.0")
    writer.close()
    return taken


async def test_four_doors_and_twenty_accounts_on_one_pool_never_deadlock(stage: Stage) -> None:
    credits = await furnish(stage)
    async with asyncio.timeout(120):
        taken = await asyncio.gather(*(submit(stage.platform.submission, number) for number in range(SESSIONS)))
    assert taken == [MESSAGES] * SESSIONS
    async with stage.database() as conn:
        doors = await conn.fetchval("select count(distinct account_id) from message")
        await conn.execute("select pg_stat_force_next_flush()")
        deadlocks = await conn.fetchval("select deadlocks from pg_stat_database where datname = current_database()")
        sent = await conn.fetchval("select count(*) from recipient")
        left = await conn.fetchval("select account_credits($1)", stage.world.acme.id)
    assert (doors, deadlocks) == (ACCOUNTS, 0)
    assert left == credits - sent
    for name in stage.platform.each("smtpd"):
        assert "deadlock" not in stage.platform.log(name)
    await stage.laws_hold()
