"""What do the tests of the desk share? A scripted way out, a running desk, and verbs on the queue."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import pytest

from kit import clock
from kit.crypto import Keyring
from kit.db import Connection, Database
from mail import stats
from mail.dispatch import Desk, Limits
from mail.intake import Intake
from mail.pacing import ONE_PEER, Pace
from mail.routing import Routes
from mail.transports import Conversation, Delivery, Heartbeat, Hop, LeaseLost, Outcome, OutgoingMail
from mail.verdict import judge
from mail.wire import reply
from tenants.scope import Scope
from tests.mail.conftest import submission
from tests.support import laws
from tests.support.world import SECRET_KEY, Tenant, World


class Line:
    """A desk's way to the database, which can be cut: the same as a server that refuses connections."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.cut = False
        self.refused = asyncio.Event()
        """Somebody was turned away since this was last cleared."""

    def connection(self) -> contextlib.AbstractAsyncContextManager[Connection]:
        """As the database's own, or refused."""
        return self._through().connection()

    def transaction(self) -> contextlib.AbstractAsyncContextManager[Connection]:
        """As the database's own, or refused."""
        return self._through().transaction()

    def _through(self) -> Database:
        if self.cut:
            self.refused.set()
            raise ConnectionRefusedError("the line is cut")
        return self._db


HOP = Hop("mx.sink.test", "192.0.2.1", None, True, True, None, True, True)
Act = str | Exception | Callable[[], Awaitable[str]]
"""A reply to give, a fault of ours to raise, or something to wait for that gives the reply."""


@dataclass(eq=False)
class Remote:
    """A transport that answers by script: the port's shipped shape, with nothing behind it."""

    acts: dict[str, list[Act]] = field(default_factory=dict)
    sent: list[tuple[str, str, bytes]] = field(default_factory=list)
    """(recipient, envelope sender, content) of everything that reached its final dot, in order."""
    asked: list[str] = field(default_factory=list)
    """Recipients in the order in which their delivery began."""
    held: int = 0
    """Bytes of content in conversations that are under way."""
    most: int = 0
    """The most that there ever were."""
    news: asyncio.Condition = field(default_factory=asyncio.Condition)
    finding: Callable[[], Awaitable[None]] | None = None
    """What finding a site takes; nothing unless it is given."""

    def answers(self, address: str, *acts: Act) -> None:
        """What happens to `address`, in turn, the last for ever; "250 2.0.0 taken" where nothing is scripted."""
        self.acts[address] = list(acts)

    async def site(self, domain: str) -> str:
        """Every domain is its own site; finding that of fault.test breaks."""
        if domain == "fault.test":
            raise RuntimeError("a bug of ours")
        if self.finding is not None:
            await self.finding()
        return domain

    async def deliver(self, mail: OutgoingMail, *, heartbeat: Heartbeat) -> Delivery:
        """Act, then answer."""
        (recipient,) = mail.recipients
        if not await heartbeat():
            raise LeaseLost
        started = datetime.now(UTC)
        self.asked.append(recipient.address)
        await self._tell()
        acts = self.acts.get(recipient.address, ["250 2.0.0 taken"])
        act = acts.pop(0) if len(acts) > 1 else acts[0]
        if isinstance(act, Exception):
            raise act
        content = mail.content(HOP)
        self.held += len(content)
        self.most = max(self.most, self.held)
        try:
            text = act if isinstance(act, str) else await act()
        finally:
            self.held -= len(content)
        if not await heartbeat():
            raise LeaseLost
        answer = reply.from_text(text)
        if answer.positive:
            self.sent.append((recipient.address, mail.sender, content))
        await self._tell()
        talk = Conversation(HOP.host, HOP.ip, None, started, datetime.now(UTC), ("> DATA", f"< {text}"))
        return Delivery((Outcome(recipient.id, judge(answer), answer),), (talk,))

    async def close(self) -> None:
        """Nothing to close."""

    async def until(self, true: Callable[[], bool], seconds: float = 20) -> None:
        """Wait until something about this remote is true."""
        async with asyncio.timeout(seconds), self.news:
            await self.news.wait_for(true)

    async def _tell(self) -> None:
        async with self.news:
            self.news.notify_all()


@dataclass
class Office:
    """A database with accounts in it, a scripted remote, and desks to be opened."""

    db: Database
    world: World
    intake: Intake
    remote: Remote
    pace: Pace = ONE_PEER
    line: Line = field(init=False)
    """How desks reach the database."""

    def __post_init__(self) -> None:
        self.line = Line(self.db)

    async def accept(self, *recipients: str, tenant: Tenant | None = None, **message: Any) -> tuple[UUID, ...]:
        """Submit one message as a tenant (shop unless given) and return its recipients' ids."""
        tenant = tenant or self.world.shop
        message.setdefault("sender", tenant.email)
        accepted = await self.intake.accept(Scope(tenant.id), submission(*recipients, **message))
        return accepted.recipient_ids

    def desk(self, limits: Limits | None = None) -> Desk:
        """A desk that has not begun."""
        routes = Routes(main=self.remote, simulator=self.remote, pace=self.pace)
        keyring = Keyring(SECRET_KEY)
        return Desk(
            cast(Database, self.line),
            keyring,
            routes,
            mail_domain="mx.neutral.test",
            public_url="http://neutral.test",
            ring_bell=lambda accounts: None,
            limits=limits,
        )

    @contextlib.asynccontextmanager
    async def working(self, limits: Limits | None = None) -> AsyncIterator[Desk]:
        """A desk at work; its end is checked to leave nothing behind."""
        desk = self.desk(limits)
        until = asyncio.Event()
        running = asyncio.create_task(desk.run(until, grace=5))
        try:
            yield desk
        finally:
            until.set()
            await running

    @contextlib.asynccontextmanager
    async def killed(self, limits: Limits | None = None) -> AsyncIterator[Desk]:
        """A desk at work that ends as by kill -9: it gives nothing back and records nothing more."""
        desk = self.desk(limits)
        running = asyncio.create_task(desk.run(asyncio.Event(), grace=0))
        try:
            yield desk
        finally:
            for task in asyncio.all_tasks():
                if task is not asyncio.current_task() and "Desk" in repr(task.get_coro()):
                    task.cancel()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def pass_time(self, by: timedelta) -> None:
        """Move the platform's clock."""
        async with self.db.connection() as conn:
            await clock.shift(conn, by)

    async def row(self, id: UUID) -> Any:
        """The recipient's row."""
        async with self.db.connection() as conn:
            return await conn.fetchrow("select * from recipient where id = $1", id)

    async def states(self, ids: Iterable[UUID]) -> list[str]:
        """The recipients' states, in order."""
        return [(await self.row(id))["state"] for id in ids]

    async def until(self, state: str, *ids: UUID, seconds: float = 20) -> None:
        """Wait until every one of these recipients is in this state."""
        async with asyncio.timeout(seconds):
            while set(await self.states(ids)) != {state}:  # noqa: ASYNC110 - another connection's doing
                await asyncio.sleep(0.01)

    async def kinds(self, id: UUID) -> list[str]:
        """The facts about a recipient, oldest first."""
        async with self.db.connection() as conn:
            rows = await conn.fetch("select kind from event where recipient_id = $1 order by epoch, xid, id", id)
        return [row["kind"] for row in rows]

    async def check_laws(self) -> None:
        """Every law of the ledger holds."""
        while await stats.fold(self.db):
            pass
        async with self.db.connection() as conn:
            await laws.check(conn)


@pytest.fixture
async def office(world_db: Database, world: World, intake: Intake) -> AsyncIterator[Office]:
    """The office of this test; the laws are checked when it closes."""
    office = Office(world_db, world, intake, Remote())
    yield office
    await office.check_laws()
