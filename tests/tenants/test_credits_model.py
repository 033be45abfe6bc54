"""Do credits behave as a simple model says, whatever is done with them? Sequences of everything, compared after each step.

The model is a list of grants in plain Python. It learns from the database only what it cannot foresee, ids and moments; who
has how many credits in which grant it must have foreseen. LIVERY_TEST_LONG=1 (`make test-long`) runs 2,000 sequences.
"""

import asyncio
import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import hypothesis.strategies as st
import uvloop
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from kit import clock
from kit.bell import Bell
from kit.db import Database, open_database
from kit.errors import LiveryError
from mail.intake import Intake
from tenants import charges, credits, grants, sub_accounts
from tenants.models import AccountKind
from tenants.permissions import Permission
from tenants.scope import Scope
from tenants.tree import create_account
from tests.mail.conftest import submission
from tests.support import laws
from tests.support.databases import WORLD_TEMPLATE
from tests.support.postgres import Postgres

LONG = "LIVERY_TEST_LONG" in os.environ
SEQUENCES, STEPS = (2_000, 30) if LONG else (60, 30)

AMOUNTS = st.one_of(st.integers(1, 12), st.integers(1, 12), st.sampled_from([-5, 0, 200, 2**53, 2**62]))
# Half a day beside every moment to which time is moved, so that nothing depends on how long a step takes.
LIVES = st.sampled_from([None, 0.5, 2.5, 30.5, 400.5])
OPERATOR, RESELLER, UNDER, LEAF, SHARER = "operator", "reseller", "under", "leaf", "sharer"
PARENT = {RESELLER: OPERATOR, UNDER: RESELLER, LEAF: UNDER, SHARER: RESELLER}
# What every sequence starts with, twice: grants of different lives, made and handed down.
_FIRST = [(OPERATOR, RESELLER)] * 2 + [(OPERATOR, UNDER), (RESELLER, UNDER), (UNDER, LEAF), (RESELLER, LEAF)]


@dataclass
class Grant:
    """What the model knows of a grant."""

    id: UUID
    owner: str
    amount: int
    remaining: int
    expires_at: datetime
    origin: "Grant | None"


@dataclass
class Paid:
    """A message: from which grants it was paid, in order, and how many of its recipients were never sent to."""

    id: UUID
    parts: list[tuple[Grant, int]]
    recipients: int
    unsent: int = 0


class Credits(RuleBasedStateMachine):
    """One small tree of accounts a sequence, in a database that all of them share."""

    db: Database
    runner: asyncio.Runner
    number = 0

    def __init__(self) -> None:
        super().__init__()
        self.grants: list[Grant] = []
        self.messages: list[Paid] = []
        self.gone: dict[str, bool] = {}  # and whether it gave back
        self.parent = dict(PARENT)

    def run(self, work: Any) -> Any:
        return self.runner.run(work)

    @initialize(first=st.lists(st.tuples(st.integers(2, 9), LIVES), min_size=12, max_size=12))
    def plant(self, first: list[tuple[int, float | None]]) -> None:
        type(self).number += 1
        self.ids = self.run(self._plant(f"m{self.number}"))
        self.names = {id: name for name, id in self.ids.items()}
        for (amount, life), (giver, to) in zip(first, _FIRST * 2, strict=True):
            self.run(self._hand_down(giver, to, amount, life))

    async def _plant(self, slug: str) -> dict[str, UUID]:
        async with self.db.unit_of_work() as unit:
            await unit.conn.execute("update clock_shift set by = interval '0'")
            ids = {OPERATOR: await unit.conn.fetchval("select id from account where kind = 'operator'")}
            for name, parent in PARENT.items():
                above = "platform.test" if parent == OPERATOR else f"{slug}-{parent}"
                ids[name] = await create_account(
                    unit,
                    slug=f"{slug}-{name}",
                    name=name,
                    kind=AccountKind.SUB_ACCOUNT if name in (LEAF, SHARER) else AccountKind.RESELLER,
                    parent_slug=above,
                    shares_pool=name == SHARER,
                )
        return ids

    def scope(self, name: str) -> Scope:
        return Scope(self.ids[name], may=frozenset(Permission))

    # What the model works out

    def spendable(self, owner: str, now: datetime) -> list[Grant]:
        own = [g for g in self.grants if g.owner == owner and g.remaining > 0 and g.expires_at > now]
        return sorted(own, key=lambda g: (g.expires_at, g.id))

    @staticmethod
    def take(from_: list[Grant], amount: int) -> list[tuple[Grant, int]]:
        parts = []
        for grant in from_:
            part = min(grant.remaining, amount)
            if part:
                parts.append((grant, part))
                amount -= part
        return parts

    # What is done

    @rule(giver=st.sampled_from([OPERATOR, RESELLER, UNDER]), to=st.sampled_from([*PARENT]), amount=AMOUNTS, life=LIVES)
    def hand_down(self, giver: str, to: str, amount: int, life: float | None) -> None:
        self.run(self._hand_down(giver, to, amount, life))

    async def _hand_down(self, giver: str, to: str, amount: int, life: float | None) -> None:
        async with self.db.connection() as conn:
            now = await clock.now(conn)
        until = now + timedelta(days=life) if life else None
        below = giver == OPERATOR or (to != RESELLER if giver == RESELLER else self.parent[to] == UNDER)
        have = self.spendable(giver, now)
        fits = 0 < amount < 2**53 and (giver == OPERATOR or sum(g.remaining for g in have) >= amount)
        wanted = below and fits and to != SHARER and not {giver, to} & self.gone.keys()
        if wanted and giver == OPERATOR:
            wanted = sum(g.remaining for g in self.grants if g.owner == to) + amount < 2**53
        try:
            async with self.db.unit_of_work() as unit:
                await credits.hand_down(unit, self.scope(giver), to=self.ids[to], amount=amount, expires_at=until)
            refused = False
        except LiveryError:
            refused = True
        assert refused is not wanted
        if refused:
            return
        origins = self.take(have, amount) if giver != OPERATOR else [(None, amount)]
        known = {grant.id for grant in self.grants}
        async with self.db.connection() as conn:
            rows = await conn.fetch(
                "select id, origin_id, expires_at from credit_grant where account_id = $1", self.ids[to]
            )
        new = {row["origin_id"]: row for row in rows if row["id"] not in known}
        assert len(new) == len(origins)
        for origin, part in origins:
            row = new[origin.id if origin else None]
            ends = [at for at in (until, origin.expires_at if origin else None) if at is not None]
            assert not ends or row["expires_at"] == min(ends)
            if origin:
                origin.remaining -= part
            self.grants.append(Grant(row["id"], to, part, part, row["expires_at"], origin))

    @rule(taker=st.sampled_from([OPERATOR, RESELLER, UNDER]), of=st.sampled_from([*PARENT]), amount=AMOUNTS)
    def take_back(self, taker: str, of: str, amount: int) -> None:
        self.run(self._take_back(taker, of, amount))

    async def _take_back(self, taker: str, of: str, amount: int) -> None:
        async with self.db.connection() as conn:
            now = await clock.now(conn)
        given = [
            grant
            for grant in self.spendable(of, now)[::-1]
            if (grant.origin is None if taker == OPERATOR else grant.origin is not None and grant.origin.owner == taker)
        ]
        wanted = 0 < amount < 2**53 and sum(g.remaining for g in given) >= amount and not {taker, of} & self.gone.keys()
        wanted &= taker != UNDER or self.parent[of] == UNDER
        try:
            async with self.db.unit_of_work() as unit:
                await credits.take_back(unit, self.scope(taker), account_id=self.ids[of], amount=amount)
            refused = False
        except LiveryError:
            refused = True
        assert refused is not wanted
        if refused:
            return
        for grant, part in self.take(given, amount):
            grant.remaining -= part
            if grant.origin:
                grant.origin.remaining += part

    @rule(
        sends=st.lists(
            st.tuples(st.sampled_from([RESELLER, UNDER, LEAF, SHARER]), st.integers(1, 5)), min_size=1, max_size=6
        )
    )
    def spend(self, sends: list[tuple[str, int]]) -> None:
        self.run(self._spend([(name, n) for name, n in sends if name not in self.gone]))

    async def _spend(self, sends: list[tuple[str, int]]) -> None:
        async with self.db.connection() as conn:
            now = await clock.now(conn)
        intake = Intake(self.db, Bell(""))
        results = await asyncio.gather(
            *(
                intake.accept(
                    Scope(self.ids[name]),
                    submission(*(f"r{n}@x.test" for n in range(count)), sender="a@nobody.example"),
                )
                for name, count in sends
            ),
            return_exceptions=True,
        )
        await intake.close()
        for (name, count), result in zip(sends, results, strict=True):
            parts = self.take(self.spendable(RESELLER if name == SHARER else name, now), count)
            if sum(part for _, part in parts) < count:
                assert isinstance(result, LiveryError)
                assert result.code == "NO_CREDITS"
                continue
            assert not isinstance(result, BaseException), result
            for grant, part in parts:
                grant.remaining -= part
            self.messages.append(Paid(result.message_id, parts, count))

    @precondition(lambda self: self.messages)
    @rule(data=st.data(), unsent=st.integers(0, 7))
    def refund(self, data: st.DataObject, unsent: int) -> None:
        message = data.draw(st.sampled_from(self.messages))
        more = max(0, min(unsent, message.recipients) - message.unsent)
        now = self.run(self._now())
        assert self.run(self._refund(message.id, unsent)) == more
        assert self.run(self._refund(message.id, unsent)) == 0
        message.unsent += more
        # What was paid last comes back first; what came back before is skipped.
        skip = message.unsent - more
        for grant, part in reversed(message.parts):
            passed = min(skip, part)
            skip -= passed
            back = min(more, part - passed)
            more -= back
            if (end := self.end_of(grant, now)) is not None:
                end.remaining += back

    async def _refund(self, id: UUID, unsent: int) -> int:
        async with self.db.transaction() as conn:
            given = await charges.refund(conn, {id: unsent})
        for name in self.gone:  # as the purge does for whatever it has cancelled
            async with self.db.transaction() as conn:
                await credits.settle_again(conn, self.ids[name])
        return given

    def end_of(self, grant: Grant, now: datetime) -> Grant | None:
        """Where what a grant has ends up: with a living giver, as far as the deleted ones gave back; None: nowhere."""
        while grant.owner in self.gone:
            if not self.gone[grant.owner] or grant.expires_at <= now or grant.origin is None:
                return None
            grant = grant.origin
        return grant

    async def _now(self) -> datetime:
        async with self.db.connection() as conn:
            return await clock.now(conn)

    @rule(days=st.sampled_from([1, 1, 2, 3, 40]))
    def time_passes(self, days: int) -> None:
        self.run(self._later(days))

    async def _later(self, days: int) -> None:
        async with self.db.connection() as conn:
            await clock.shift(conn, timedelta(days=days))

    @rule()
    def expire(self) -> None:
        self.run(self._expire())

    async def _expire(self) -> None:
        while await grants.expire(self.db):
            pass
        async with self.db.connection() as conn:
            now = await clock.now(conn)
        for grant in self.grants:
            if grant.expires_at <= now:
                grant.remaining = 0

    @rule(below=st.sampled_from([RESELLER, UNDER]))
    def move(self, below: str) -> None:
        if not {LEAF, below} & self.gone.keys():
            self.run(self._move(below))
            self.parent[LEAF] = below

    async def _move(self, below: str) -> None:
        async with self.db.unit_of_work() as unit:
            await sub_accounts.move(unit, self.scope(RESELLER), self.ids[LEAF], self.ids[below])

    @precondition(lambda self: len(self.gone) < 3)
    @rule(give_back=st.booleans(), chance=st.integers(1, 4), which=st.integers(0, 5))
    def delete(self, give_back: bool, chance: int, which: int) -> None:
        if chance > 1:  # most of a sequence needs its accounts
            return
        # An account with living ones under it cannot be deleted.
        bare = self.parent[LEAF] != UNDER or LEAF in self.gone
        names = [name for name in (LEAF, UNDER, SHARER) if name not in self.gone and (name != UNDER or bare)]
        self.run(self._delete(names[which % len(names)], give_back))

    async def _delete(self, name: str, give_back: bool) -> None:
        async with self.db.connection() as conn:
            now = await clock.now(conn)
        async with self.db.unit_of_work() as unit:
            back = await credits.settle(unit, self.scope(RESELLER), account_id=self.ids[name], give_back=give_back)
            await unit.conn.execute("update account set deleted_at = livery_now() where id = $1", self.ids[name])
        self.gone[name] = give_back
        expected = 0
        for grant in self.spendable(name, now):
            if (end := self.end_of(grant, now)) is not None:
                end.remaining += grant.remaining
                expected += grant.remaining
        assert back == expected
        for grant in self.grants:
            if grant.owner == name:
                grant.remaining = 0

    # What must hold after every step

    @invariant()
    def grants_are_the_models(self) -> None:
        if not hasattr(self, "ids"):
            return
        found, balances = self.run(self._found())
        assert found == {grant.id: grant.remaining for grant in self.grants}
        wanted = {name: sum(g.remaining for g in self.grants if g.owner == name) for name in PARENT}
        assert {self.names[id]: (left, entries) for id, left, entries in balances} == {
            name: (left, left) for name, left in wanted.items()
        }

    async def _found(self) -> tuple[dict[UUID, int], list[tuple[UUID, int, int]]]:
        ids = [self.ids[name] for name in PARENT]
        async with self.db.connection() as conn:
            rows = await conn.fetch("select id, remaining from credit_grant where account_id = any ($1::uuid[])", ids)
            balances = await conn.fetch(
                """select account_id, remaining, (select coalesce(sum(delta), 0)::bigint from credit_entry e
                                                   where e.account_id = b.account_id) as entries
                     from balance b where account_id = any ($1::uuid[])""",
                ids,
            )
        return {row["id"]: row["remaining"] for row in rows}, [tuple(row) for row in balances]


def test_credits_behave_as_the_model_says(populated: Postgres) -> None:
    name = populated.create(WORLD_TEMPLATE)
    Credits.runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
    Credits.db = Credits.runner.run(open_database(populated.url(name), size=4))
    try:
        run_state_machine_as_test(
            Credits,
            settings=settings(
                max_examples=SEQUENCES,
                stateful_step_count=STEPS,
                deadline=None,
                derandomize=True,
                database=None,
                phases=[Phase.generate],  # a failure is told at once; shrinking one takes minutes
                suppress_health_check=list(HealthCheck),
            ),
        )
        Credits.runner.run(_laws(Credits.db))
    finally:
        Credits.runner.run(Credits.db.close())
        Credits.runner.close()
        populated.drop(name)


async def _laws(db: Database) -> None:
    async with db.connection() as conn:
        await laws.check_credits(conn)
