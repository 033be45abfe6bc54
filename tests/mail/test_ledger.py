"""Does record write facts and their consequences together, and nothing that the table does not allow?"""

from dataclasses import replace
from datetime import timedelta

from kit import clock
from kit.db import Database
from mail import ledger
from mail.intake import Intake
from mail.ledger import Fact
from mail.lifecycle import EventKind
from mail.stats import fold
from tenants.scope import Scope
from tests.mail.conftest import submission
from tests.support import laws
from tests.support.world import World


async def accepted(world: World, intake: Intake) -> Fact:
    """A fact template about a message just accepted."""
    message = await intake.accept(Scope(world.shop.id), submission("a@x.test"))
    return Fact(EventKind.DELIVERED, message.recipient_ids[0], message.message_id, world.shop.id)


async def claim(db: Database, fact: Fact) -> Fact:
    """The fact under the fence of a fresh claim."""
    async with db.connection() as conn:
        fence = await conn.fetchval(
            """update recipient set state = 'sending', fence = fence + 1, attempts = attempts + 1,
                      next_attempt_at = livery_now() + interval '90 seconds' where id = $1 returning fence""",
            fact.recipient_id,
        )
    return replace(fact, fence=fence)


async def kinds(db: Database) -> list[str]:
    """The ledger's facts, oldest first."""
    async with db.connection() as conn:
        return [row["kind"] for row in await conn.fetch("select kind from event order by epoch, xid, id")]


async def test_a_delivered_recipient_leaves_the_queue(world_db: Database, world: World, intake: Intake) -> None:
    fact = await claim(world_db, await accepted(world, intake))
    async with world_db.transaction() as conn:
        assert await ledger.record(conn, [replace(fact, code=250, reply="2.0.0 taken")]) == {fact.recipient_id}
    async with world_db.connection() as conn:
        row = await conn.fetchrow("select * from recipient")
        assert row is not None
        assert (row["state"], row["next_attempt_at"], row["code"], row["reply"]) == (
            "delivered",
            None,
            250,
            "2.0.0 taken",
        )
        await fold(world_db)
        await laws.check(conn)
    assert await kinds(world_db) == ["accepted", "delivered"]


async def test_whoever_says_anything_of_the_reply_says_all_of_it(
    world_db: Database, world: World, intake: Intake
) -> None:
    fact = await claim(world_db, await accepted(world, intake))

    async def said_after(kind: EventKind, *reply: int | str | None) -> tuple[int | None, str | None, str | None]:
        told = dict(zip(("code", "status", "reply"), reply, strict=False))
        async with world_db.transaction() as conn:
            assert await ledger.record(conn, [replace(fact, kind=kind, **told)]) == {fact.recipient_id}
            return tuple(await conn.fetchrow("select code, status, reply from recipient"))

    later = (451, "4.7.1", "4.7.1 later")
    assert await said_after(EventKind.DEFERRED, *later) == later
    assert await said_after(EventKind.HELD) == later, "why it waited, until something else is known"
    assert await said_after(EventKind.EXPIRED, None, None, "Its life is over.") == (None, None, "Its life is over.")


async def test_a_late_worker_records_nothing(world_db: Database, world: World, intake: Intake) -> None:
    late = await claim(world_db, await accepted(world, intake))
    present = await claim(world_db, late)
    async with world_db.transaction() as conn:
        assert await ledger.record(conn, [replace(late, kind=EventKind.BOUNCED)]) == frozenset()
    assert await kinds(world_db) == ["accepted"]
    async with world_db.transaction() as conn:
        assert await ledger.record(conn, [present]) == {present.recipient_id}
    assert await kinds(world_db) == ["accepted", "delivered"]


async def test_a_deferral_is_due_again_by_the_databases_clock(world_db: Database, world: World, intake: Intake) -> None:
    fact = await claim(world_db, await accepted(world, intake))
    async with world_db.transaction() as conn:
        await ledger.record(conn, [replace(fact, kind=EventKind.DEFERRED, retry_in=timedelta(minutes=5))])
        due = await conn.fetchval("select next_attempt_at - livery_now() from recipient")
    assert due == timedelta(minutes=5)


async def test_two_facts_of_one_recipient_are_taken_in_order(world_db: Database, world: World, intake: Intake) -> None:
    fact = await claim(world_db, await accepted(world, intake))
    late_bounce = replace(fact, kind=EventKind.BOUNCED, fence=None, code=550)
    async with world_db.transaction() as conn:
        assert await ledger.record(conn, [fact, late_bounce]) == {fact.recipient_id}
        assert await conn.fetchval("select state from recipient") == "bounced"
        # A second one says nothing new.
        assert await ledger.record(conn, [late_bounce]) == frozenset()
    assert await kinds(world_db) == ["accepted", "delivered", "bounced"]
    await fold(world_db)
    async with world_db.connection() as conn:
        await laws.check(conn)
        tally = await conn.fetchrow("select total, delivered, bounced from tally")
        assert tally is not None
        assert tuple(tally) == (1, 1, 1)


async def test_a_machine_s_open_is_a_fact_that_never_counts(world_db: Database, world: World, intake: Intake) -> None:
    fact = await claim(world_db, await accepted(world, intake))
    opened = replace(fact, kind=EventKind.OPENED, fence=None)
    async with world_db.transaction() as conn:
        await ledger.record(conn, [fact, replace(opened, machine=True), opened, replace(opened, machine=True)])
    async with world_db.connection() as conn:
        rows = await conn.fetch("select is_first, machine from event where kind = 'opened' order by id")
        assert [(row["is_first"], row["machine"]) for row in rows] == [(False, True), (True, False), (False, True)]
        await fold(world_db)
        assert await conn.fetchval("select opened from tally") == 1
        await laws.check(conn)


async def test_marks_and_moves_told_together_keep_their_order_and_each_first_is_one(
    world_db: Database, world: World, intake: Intake
) -> None:
    fact = await claim(world_db, await accepted(world, intake))
    opened, clicked = (replace(fact, kind=kind, fence=None) for kind in (EventKind.OPENED, EventKind.CLICKED))
    bounce = replace(fact, kind=EventKind.BOUNCED, fence=None, code=550)
    async with world_db.transaction() as conn:
        told = [replace(opened, machine=True), fact, opened, clicked, opened, bounce, clicked, opened]
        assert await ledger.record(conn, told) == {fact.recipient_id}
    async with world_db.connection() as conn:
        rows = await conn.fetch("select kind, is_first from event where kind <> 'accepted' order by id")
        assert [tuple(row) for row in rows] == [
            ("opened", False),
            ("delivered", True),
            ("opened", True),
            ("clicked", True),
            ("opened", False),
            ("bounced", True),
            ("clicked", False),
            ("opened", False),
        ]
        await fold(world_db)
        await laws.check(conn)


async def test_what_is_told_late_happened_when_it_did(world_db: Database, world: World, intake: Intake) -> None:
    fact = await claim(world_db, await accepted(world, intake))
    async with world_db.connection() as conn:
        before = await clock.now(conn) - timedelta(minutes=40)
    async with world_db.transaction() as conn:
        await ledger.record(conn, [fact, replace(fact, kind=EventKind.CLICKED, fence=None, at=before)])
    async with world_db.connection() as conn:
        assert await conn.fetchval("select at from event where kind = 'clicked'") == before
        assert await conn.fetchval("select clicked_at from recipient") == before
        assert await conn.fetchval("select at from event where kind = 'delivered'") > before
        await fold(world_db)
        await laws.check(conn)


async def test_only_the_first_open_marks_the_recipient_but_all_are_kept(
    world_db: Database, world: World, intake: Intake
) -> None:
    fact = await claim(world_db, await accepted(world, intake))
    opened = replace(fact, kind=EventKind.OPENED, fence=None)
    async with world_db.transaction() as conn:
        await ledger.record(conn, [fact, opened, opened])
    async with world_db.connection() as conn:
        rows = await conn.fetch("select is_first from event where kind = 'opened' order by id")
        assert [row["is_first"] for row in rows] == [True, False]
        await fold(world_db)
        assert await conn.fetchval("select opened from tally") == 1
        await laws.check(conn)
