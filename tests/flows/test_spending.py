"""Many senders, one balance: exactly what was paid for is accepted, by whichever doors, and whatever dies in the middle.

LIVERY_TEST_LONG=1 (`make test-long`) runs the full counts, twenty times.
"""

import asyncio
import os
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from uuid import UUID

import httpx
import pytest

from kit.crypto import Keyring
from kit.db import open_database
from tenants.credentials import create_credential
from tenants.models import AccountKind, CredentialKind
from tenants.tree import create_account
from tests.support import credits, laws, world
from tests.support.mails import plain
from tests.support.postgres import Postgres
from tests.support.stage import Stage, eventually, staged

LONG = "LIVERY_TEST_LONG" in os.environ
RUNS = range(20) if LONG else range(1)
SENDERS, CREDITS, EACH = (200, 1_000, 6) if LONG else (200, 300, 2)
PLENTY = 1_000 if LONG else 600  # more than all of them ask for at one moment, so that killing them leaves some
CHILDREN, POOL, FROM_POOL = (20, 10_000, 60) if LONG else (20, 300, 2)

NO_CREDITS = (
    "452 4.7.1 Not enough credits for this message. Buy credits or ask whoever runs your account, then send again."
)
_SEND = "mutation($input: SendMailInput!) { sendMail(input: $input) { ... on SentMail { messageId } ... on Problem { code } } }"

type Send = Callable[[int], Awaitable[bool]]
"""Sends one message to so many recipients; whether it was accepted."""


@pytest.fixture(scope="module")
def stage(populated: Postgres) -> Iterator[Stage]:
    """Two doors for SMTP, one for the API; nothing is delivered here."""
    yield from staged(populated, processes=("smtpd", "smtpd", "api", "clock"))


@pytest.fixture(scope="module")
def pooled(stage: Stage) -> tuple[UUID, ...]:
    """Twenty accounts that draw on acme's pool, each known by addresses and a key of its own; cafe by addresses too."""
    return asyncio.run(_furnish(stage))


async def _furnish(stage: Stage) -> tuple[UUID, ...]:
    keyring = Keyring(world.SECRET_KEY)
    db = await open_database(stage.database_url, size=1)
    ids = []
    try:
        async with db.unit_of_work() as unit:
            kind, source = AccountKind.SUB_ACCOUNT, CredentialKind.SOURCE
            networks = ("127.0.2.0/24",)
            await create_credential(
                unit.conn, keyring, account_id=stage.world.cafe.id, kind=source, name="Crowd", networks=networks
            )
            for n in range(CHILDREN):
                slug = f"desk{n}.test"
                id = await create_account(
                    unit, slug=slug, name=slug, kind=kind, parent_slug="acme.test", shares_pool=True
                )
                networks = (f"127.0.3.{n + 1}/32",)
                await create_credential(unit.conn, keyring, account_id=id, kind=source, name="Desk", networks=networks)
                key = _key(n)
                await create_credential(
                    unit.conn, keyring, account_id=id, kind=CredentialKind.API, name="Desk", secret=key
                )
                ids.append(id)
    finally:
        await db.close()
    return tuple(ids)


def _key(n: int) -> str:
    return f"lv_desk{n}_test_key"


class Smtp:
    """One session from an address of its own."""

    def __init__(self, port: int, address: str) -> None:
        self._port = port
        self._address = address
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def _say(self, text: bytes) -> str:
        assert self._streams is not None
        reader, writer = self._streams
        writer.write(text)
        while (line := (await reader.readline()).decode().rstrip())[3:4] == "-":
            pass
        return line

    async def __call__(self, recipients: int) -> bool:
        """Send one message on the session."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port, local_addr=(self._address, 0))
            await self._say(b"")
            await self._say(b"EHLO crowd.test\r\n")
        await self._say(b"MAIL FROM:<a@crowd.test>\r\n")
        for n in range(recipients):
            await self._say(b"RCPT TO:<r%d@far.test>\r\n" % n)
        await self._say(b"DATA\r\n")
        reply = await self._say(plain("a@crowd.test", "r@far.test", "crowd") + b".\r\n")
        if not reply:
            raise ConnectionResetError("the door was killed")
        assert reply.startswith("250 2.0.0") or reply == NO_CREDITS, reply
        return reply.startswith("250")

    def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].close()


def by_api(client: httpx.AsyncClient, url: str, key: str) -> Send:
    """One program with a key."""

    async def send(recipients: int) -> bool:
        given = {"sender": "a@crowd.test", "to": [f"r{n}@far.test" for n in range(recipients)], "text": "crowd"}
        answer = await client.post(
            f"{url}/graphql",
            json={"query": _SEND, "variables": {"input": given}},
            headers={"Authorization": f"Bearer {key}"},
        )
        result = answer.json()["data"]["sendMail"]
        assert "messageId" in result or result == {"code": "NO_CREDITS"}, result
        return "messageId" in result

    return send


async def crowd(
    stage: Stage, senders: Sequence[tuple[str, str]], each: int, sizes: Callable[[], int], *, dying: bool = False
) -> int:
    """Let all (address, key) send at once, every other one by SMTP; return how many recipients were accepted."""
    sessions = [Smtp(stage.platform.submission, address) for address, _ in senders[::2]]
    limits = httpx.Limits(max_connections=60)

    async def work(send: Send) -> int:
        taken = 0
        for _ in range(each):
            recipients = sizes()
            try:
                taken += recipients * await send(recipients)
            except (OSError, httpx.TransportError):
                if not dying:
                    raise
                return taken
        return taken

    async with httpx.AsyncClient(timeout=60, limits=limits) as client:
        programs: list[Send] = [*sessions, *(by_api(client, stage.platform.url, key) for _, key in senders[1::2])]
        try:
            return sum(await asyncio.gather(*map(work, programs)))
        finally:
            for session in sessions:
                session.close()


def of_cafe(stage: Stage) -> list[tuple[str, str]]:
    """Senders of one account, from addresses that each hold less sessions than one may."""
    return [(f"127.0.2.{n % 100 + 1}", stage.world.cafe.api_key) for n in range(SENDERS)]


async def set_credits(stage: Stage, account_id: UUID, amount: int) -> None:
    async with stage.database() as conn:
        await credits.exactly(conn, account_id, amount)


async def standing(stage: Stage, account_id: UUID, before: int = 0) -> tuple[int, int]:
    """Credits left, and recipients stored since there were `before`."""
    async with stage.database() as conn:
        await laws.check_credits(conn)
        return await credits.left(conn, account_id), await conn.fetchval("select count(*) from recipient") - before


@pytest.mark.parametrize("run", RUNS)
async def test_two_hundred_senders_are_accepted_to_the_credit(stage: Stage, pooled: tuple[UUID, ...], run: int) -> None:
    cafe = stage.world.cafe.id
    await set_credits(stage, cafe, CREDITS)
    _, before = await standing(stage, cafe)
    accepted = await crowd(stage, of_cafe(stage), EACH, lambda: 1)
    assert accepted == CREDITS < SENDERS * EACH
    assert await standing(stage, cafe, before) == (0, CREDITS)


@pytest.mark.parametrize("run", RUNS)
async def test_messages_of_several_recipients_are_charged_whole_or_not_at_all(
    stage: Stage, pooled: tuple[UUID, ...], run: int
) -> None:
    cafe = stage.world.cafe.id
    await set_credits(stage, cafe, CREDITS)
    _, before = await standing(stage, cafe)
    chance = random.Random(run)
    accepted = await crowd(stage, of_cafe(stage), EACH, lambda: chance.randint(1, 5))
    remaining, stored = await standing(stage, cafe, before)
    assert stored == accepted
    assert accepted + remaining == CREDITS
    # Whoever had but one recipient took what was left, so long as anybody asked.
    assert 0 <= remaining < 5


@pytest.mark.parametrize("run", RUNS)
async def test_a_pool_is_spent_together_by_twenty_accounts(stage: Stage, pooled: tuple[UUID, ...], run: int) -> None:
    acme = stage.world.acme.id
    await set_credits(stage, acme, POOL)
    _, before = await standing(stage, acme)
    senders = [(f"127.0.3.{n % CHILDREN + 1}", _key(n // 2 % CHILDREN)) for n in range(SENDERS)]
    assert await crowd(stage, senders, FROM_POOL, lambda: 1) == POOL < SENDERS * FROM_POOL
    assert await standing(stage, acme, before) == (0, POOL)
    async with stage.database() as conn:
        spenders = await conn.fetchval(
            "select count(distinct spender_id) from credit_entry where account_id = $1 and reason = 'message'", acme
        )
    assert spenders == CHILDREN


@pytest.mark.parametrize("run", RUNS)
async def test_kill_in_the_middle_changes_nothing(stage: Stage, pooled: tuple[UUID, ...], run: int) -> None:
    cafe = stage.world.cafe.id
    await set_credits(stage, cafe, PLENTY)
    _, before = await standing(stage, cafe)
    chance = random.Random(run)
    sending = asyncio.create_task(crowd(stage, of_cafe(stage), EACH, lambda: chance.randint(1, 5), dying=True))

    async def some() -> bool | None:
        # Nothing but the balance is read: by the time that every law is checked all of it may be spent.
        async with stage.database() as conn:
            return True if await credits.left(conn, cafe) < PLENTY else None

    await eventually(some, "first charges")
    doors = [*stage.platform.each("smtpd"), *stage.platform.each("api")]
    for name in doors:
        stage.platform.kill(name)
    promised = await sending
    for name in doors:
        await asyncio.to_thread(stage.platform.launch, name)
    remaining, stored = await standing(stage, cafe, before)
    assert remaining > 0, "it was killed in the middle"
    # Whatever was promised is stored; what was stored is charged.
    assert promised <= stored == PLENTY - remaining
    # The rest can still be spent, to the credit.
    accepted = await crowd(stage, of_cafe(stage), EACH * 2, lambda: 1)
    assert accepted == remaining
    assert await standing(stage, cafe, before) == (0, PLENTY)
