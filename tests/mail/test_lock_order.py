"""Does anybody ever wait for each other? All that changes credits, limits and the tree, beside those who send: no deadlock."""

import asyncio
import os
from collections import Counter
from collections.abc import Awaitable, Callable
from uuid import UUID

import asyncpg

from kit.bell import Bell
from kit.crypto import Keyring
from kit.db import Database, open_database
from kit.errors import LiveryError
from mail import holds, stats
from mail.accounts import creation, deletion
from mail.intake import Intake
from tenants import credits, grants, orders, plans, sub_accounts
from tenants.permissions import ROLES, Role
from tenants.plans import Terms
from tenants.scope import Scope
from tests.mail.conftest import submission
from tests.support import laws
from tests.support.world import SECRET_KEY, World, find

ROUNDS = 25 if "LIVERY_TEST_LONG" in os.environ else 3
RING = Keyring(SECRET_KEY)
ALL = ROLES[Role.OWNER]
PLENTY = 10**6
REFUSALS = frozenset(
    {"HAS_CREDITS", "HAS_SUB_ACCOUNTS", "MISSING", "MONTHLY_LIMIT", "NOT_OPEN", "NO_CREDITS", "ORDERED", "POOL"}
)
"""What may be answered where others were first. UNAVAILABLE is not among it."""


class Town:
    """One reseller with a monthly limit and everybody below it, who act all at once."""

    def __init__(self, db: Database, world: World, intake: Intake) -> None:
        self.db, self.world, self.intake = db, world, intake
        self.acme, self.other = Scope(world.acme.id, may=ALL), Scope(world.other.id, may=ALL)
        self.operator = Scope(world.platform.id, may=ALL)
        self.done: Counter[str] = Counter()

    async def does(self, what: str, act: Callable[..., Awaitable[object]], *args: object, **given: object) -> object:
        """Carry a command out in a transaction of its own; None where it was refused."""
        try:
            async with self.db.unit_of_work() as unit:
                found = await act(unit, *args, **given)
        except LiveryError as refusal:
            if refusal.code not in REFUSALS:
                raise
            self.done[f"{what}: {refusal.code}"] += 1
            return None
        self.done[what] += 1
        return found

    async def make(self, name: str, scope: Scope | None = None, **wanted: object) -> UUID | None:
        details: dict[str, object] = {"name": name}
        if (limit := wanted.pop("monthly_limit", None)) is not None:
            details["monthly_limit"] = limit
        new = creation.NewAccount(details, **wanted)  # type: ignore[arg-type]
        return await self.does("make", creation.create, scope or self.acme, RING, new, None)  # type: ignore[return-value]

    async def send(self, *accounts: UUID) -> None:
        """Everybody at once, and what was sent last is withdrawn again."""

        async def one(account: UUID) -> None:
            try:
                sent = await self.intake.accept(
                    Scope(account, may=ALL), submission("a@x.test", "b@x.test", sender="a@nobody.example")
                )
            except LiveryError as refusal:
                if refusal.code not in REFUSALS | {"SUSPENDED"}:  # deleted meanwhile
                    raise
                self.done[f"send: {refusal.code}"] += 1
                return
            self.done["send"] += 1
            await self.does("withdraw", _withdraw, Scope(account, may=ALL), [sent.message_id])

        await asyncio.gather(*(one(account) for account in accounts for _ in range(3)))


async def _withdraw(unit: object, scope: Scope, messages: list[UUID]) -> None:
    await holds.cancel(unit.conn, scope, messages)  # type: ignore[attr-defined]


async def _crowd(*everybody: Awaitable[object]) -> None:
    for found in await asyncio.gather(*everybody, return_exceptions=True):
        if isinstance(found, BaseException):
            raise found


async def test_commands_and_senders_never_deadlock(world_url: str, bell: Bell) -> None:
    db = await open_database(world_url)
    intake = Intake(db, bell)
    try:
        await _live(Town(db, await find(db), intake))
    finally:
        await intake.close()
        await db.close()
    # A session tells of the deadlocks it met when it ends, at the latest.
    conn = await asyncpg.connect(world_url)
    try:
        count = "select deadlocks from pg_stat_database where datname = current_database()"
        assert await conn.fetchval(count) == 0
        await laws.check_credits(conn)
    finally:
        await conn.close()


async def _live(town: Town) -> None:
    """Let everybody act at once, some times over."""
    world = town.world
    async with town.db.unit_of_work() as unit:
        await credits.grant(unit.conn, world.acme.id, PLENTY)
        await sub_accounts.update(unit, town.operator, world.acme.id, {"monthly_limit": PLENTY})
    acme, shop, cafe = town.acme, world.shop.id, world.cafe.id
    desk = await town.make("Desk", shares_pool=True)
    middle = await town.make("Middle", may_resell=True, credits=5_000, monthly_limit=10_000)
    assert desk is not None and middle is not None
    agency = Scope(middle, may=ALL)
    leaf = await town.make("Leaf", agency, credits=500, monthly_limit=300)
    assert leaf is not None
    once = await town.does("plan", plans.create_plan, acme, Terms("Once", 5))
    monthly = await town.does("plan", plans.create_plan, agency, Terms("Monthly", 5, monthly=True))
    assert isinstance(once, plans.Plan) and isinstance(monthly, plans.Plan)

    async def limits() -> None:
        for limit in (None, 10_000, None, 20_000):
            await town.does(
                "limit", sub_accounts.update, acme, middle, {"monthly_limit": limit, "slug": f"middle-{limit or 0}"}
            )
            await town.does("limit", sub_accounts.update, agency, leaf, {"monthly_limit": limit})
            await town.does("limit", sub_accounts.update, town.operator, world.acme.id, {"monthly_limit": limit})
            await town.does("policy", sub_accounts.update, acme, middle, {"when_spent": "hold" if limit else "reject"})
        await town.does("limit", sub_accounts.update, town.operator, world.acme.id, {"monthly_limit": PLENTY})

    async def makes(n: int) -> None:
        await town.make(f"New {n}", monthly_limit=100, credits=3)
        await town.make(f"Sharer {n}", monthly_limit=100, shares_pool=True)
        await town.make(f"Planned {n}", parent_id=middle, monthly_limit=100, plan_id=monthly.id, credits=2)

    async def gives() -> None:
        for _ in range(3):
            await town.does("give", credits.hand_down, acme, to=leaf, amount=4)
            await town.does("give", credits.hand_down, agency, to=leaf, amount=4)
            await town.does("take", credits.take_back, acme, account_id=leaf, amount=2)
            await town.does("take", credits.take_back, agency, account_id=leaf, amount=2)

    async def moves(n: int) -> None:
        id = await town.make(f"Mover {n}", credits=10)
        assert id is not None
        mine = Scope(id, may=ALL)
        order = await town.does("order", orders.order_plan, mine, once.id)
        assert isinstance(order, orders.Order)
        await _crowd(
            town.does("move", sub_accounts.move, acme, id, middle),
            town.does("fulfil", orders.fulfil, acme, order.id),
            town.does("give", credits.hand_down, acme, to=id, amount=1),
            town.send(id),
        )
        await _crowd(
            town.does("pool", sub_accounts.update, acme, id, {"shares_pool": True}),
            town.does("pool", sub_accounts.update, acme, leaf, {"shares_pool": False, "monthly_limit": 300}),
            town.does("order", orders.order_plan, mine, monthly.id),
        )

    async def deletes(n: int) -> None:
        id = await town.make(f"Goner {n}", credits=10, monthly_limit=50)
        assert id is not None
        order = await town.does("order", orders.order_plan, Scope(id, may=ALL), once.id)
        assert isinstance(order, orders.Order)
        await _crowd(
            town.does("delete", deletion.delete, acme, id, typed=f"Goner {n}"),
            *(town.does("fulfil", orders.fulfil, acme, order.id) for _ in range(3)),
            town.does("cancel", orders.cancel, acme, order.id),
            town.does("give", credits.hand_down, acme, to=id, amount=1),
            town.send(id),
        )

    async def clock() -> None:
        for _ in range(3):
            await grants.expire(town.db)
            await orders.grant_months(town.db)
            await holds.resume(town.db)
            await deletion.purge(town.db)
            await stats.fold(town.db)

    for n in range(ROUNDS):
        await _crowd(
            *(town.send(world.acme.id, desk, middle, leaf, shop, cafe) for _ in range(3)),
            *(makes(3 * n + k) for k in range(3)),
            *(deletes(2 * n + k) for k in range(2)),
            limits(),
            gives(),
            moves(n),
            clock(),
        )
    for what in ("send", "withdraw", "make", "limit", "policy", "give", "take", "order", "fulfil", "move", "delete"):
        assert town.done[what], f"nobody did {what}: {town.done}"
