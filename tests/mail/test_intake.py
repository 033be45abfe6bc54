"""Does accept store and charge whole or not at all?"""

import asyncio
import contextlib

import pytest

from kit.bell import Bell
from kit.db import Database
from kit.errors import Kind, LiveryError
from mail import stats
from mail.intake import Intake
from tenants.scope import Scope
from tenants.tree import AccountKind, create_account, view_account
from tests.mail.conftest import submission
from tests.support import laws
from tests.support.credits import leave
from tests.support.world import CREDITS, World


async def counts(db: Database, world: World) -> tuple[int, int, int, int, int]:
    """Messages, bodies, recipients and events stored, and the shop's balance."""
    async with db.connection() as conn:
        row = await conn.fetchrow(
            """select (select count(*) from message), (select count(*) from body), (select count(*) from recipient),
                      (select count(*) from event), (select remaining from balance where account_id = $1)""",
            world.shop.id,
        )
    assert row is not None
    return tuple(row)


async def test_a_message_is_stored_as_received_charged_and_recorded(
    world_db: Database, world: World, intake: Intake
) -> None:
    sent = submission("a@x.test", "b@y.test", subject="=?utf-8?q?Caf=C3=A9?=", body=b"caf\xc3\xa9\r\n")
    accepted = await intake.accept(Scope(world.shop.id), sent)
    assert await counts(world_db, world) == (1, 1, 2, 2, CREDITS - 2)
    async with world_db.connection() as conn:
        message = await conn.fetchrow(
            "select * from message join body on message_id = id where id = $1", accepted.message_id
        )
        recipients = await conn.fetch(
            "select * from recipient where id = any ($1::uuid[]) order by id", accepted.recipient_ids
        )
    assert message is not None
    assert message["content"] == sent.content
    assert (message["sender"], message["subject"], message["eight_bit"], message["size"]) == (
        "user@shop.test",
        "Café",
        True,
        len(sent.content),
    )
    assert [(r["address"], r["domain"], r["state"]) for r in recipients] == [
        ("a@x.test", "x.test", "queued"),
        ("b@y.test", "y.test", "queued"),
    ]


async def test_the_same_recipient_twice_is_one_copy(world_db: Database, world: World, intake: Intake) -> None:
    accepted = await intake.accept(Scope(world.shop.id), submission("a@x.test", "b@x.test", "a@x.test"))
    assert len(accepted.recipient_ids) == 2
    assert await counts(world_db, world) == (1, 1, 2, 2, CREDITS - 2)


async def test_credits_are_taken_for_every_recipient_or_for_none(
    world_db: Database, world: World, intake: Intake
) -> None:
    async with world_db.transaction() as conn:
        await leave(conn, world.shop.id, 3)
    with pytest.raises(LiveryError) as refused:
        await intake.accept(Scope(world.shop.id), submission("a@x.test", "b@x.test", "c@x.test", "d@x.test"))
    assert (refused.value.kind, refused.value.code) == (Kind.EXHAUSTED, "NO_CREDITS")
    assert await counts(world_db, world) == (0, 0, 0, 0, 3)
    await intake.accept(Scope(world.shop.id), submission("a@x.test", "b@x.test", "c@x.test"))
    assert await counts(world_db, world) == (1, 1, 3, 3, 0)


async def test_the_platforms_own_mail_is_free(world_db: Database, world: World, intake: Intake) -> None:
    await intake.accept(Scope(world.shop.id), submission("a@x.test", "b@x.test", notice=True))
    assert await counts(world_db, world) == (1, 1, 2, 2, CREDITS)
    await stats.fold(world_db)
    async with world_db.connection() as conn:
        assert await conn.fetchval("select count(*) from credit_entry where reason = 'message'") == 0
        await laws.check(conn, seconds=0)


async def test_one_refused_submission_never_fails_its_neighbours(
    world_db: Database, world: World, intake: Intake
) -> None:
    foreign = submission("a@x.test", sender="ceo@rival.test")
    results = await asyncio.gather(
        *(intake.accept(Scope(world.shop.id), submission(f"r{n}@x.test")) for n in range(10)),
        intake.accept(Scope(world.shop.id), foreign),
        return_exceptions=True,
    )
    refused = [result for result in results if isinstance(result, BaseException)]
    assert [error.code for error in refused if isinstance(error, LiveryError)] == ["SENDER_NOT_YOURS"]
    assert await counts(world_db, world) == (10, 10, 10, 10, CREDITS - 10)


async def test_a_subdomain_of_a_foreign_domain_is_foreign_and_a_resellers_domain_is_its_subtrees(
    world_db: Database, world: World, intake: Intake
) -> None:
    with pytest.raises(LiveryError, match=r"mail\.rival\.test"):
        await intake.accept(Scope(world.shop.id), submission("a@x.test", sender="ceo@mail.rival.test"))
    assert (await counts(world_db, world))[0] == 0
    await intake.accept(Scope(world.shop.id), submission("a@x.test", sender="news@acme.test"))
    await intake.accept(Scope(world.shop.id), submission("a@x.test", sender="who@nobody-has-this.example"))
    assert (await counts(world_db, world))[0] == 2


async def test_a_suspended_reseller_stops_its_subtree(world_db: Database, world: World, intake: Intake) -> None:
    async with world_db.connection() as conn:
        await conn.execute("update account set suspended_at = livery_now() where id = $1", world.acme.id)
    with pytest.raises(LiveryError) as refused:
        await intake.accept(Scope(world.shop.id), submission("a@x.test"))
    assert (refused.value.kind, refused.value.code) == (Kind.DENIED, "SUSPENDED")
    assert (await counts(world_db, world))[0] == 0
    await intake.accept(Scope(world.rival.id), submission("a@x.test", sender="user@rival.test"))
    assert (await counts(world_db, world))[0] == 1


@pytest.mark.parametrize(("gone", "taken"), [("suspended_at", 1), ("deleted_at", 0)])
async def test_the_platforms_own_letters_come_in_for_a_suspended_account_but_for_none_that_is_gone(
    world_db: Database, world: World, intake: Intake, gone: str, taken: int
) -> None:
    async with world_db.connection() as conn:
        await conn.execute(f"update account set {gone} = livery_now() where id = $1", world.acme.id)
    with contextlib.nullcontext() if taken else pytest.raises(LiveryError):
        await intake.accept(Scope(world.acme.id), submission("a@x.test", sender="user@acme.test", notice=True))
    with pytest.raises(LiveryError) as refused:
        await intake.accept(Scope(world.acme.id), submission("b@x.test", sender="user@acme.test"))
    assert refused.value.code == "SUSPENDED"
    async with world_db.connection() as conn:
        assert await conn.fetchval("select count(*) from message") == taken


async def test_a_caller_that_is_cancelled_leaves_both_or_neither(
    world_db: Database, world: World, intake: Intake
) -> None:
    for turns in range(30):
        task = asyncio.create_task(intake.accept(Scope(world.shop.id), submission("a@x.test")))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await intake.close()
    messages, bodies, recipients, events, balance = await counts(world_db, world)
    assert messages == bodies == recipients == events == CREDITS - balance
    # A cancelled task that never ran submitted nothing; every other submission was committed whole.
    assert messages == 29


async def test_parallel_senders_never_overdraw_a_balance(world_db: Database, world: World, intake: Intake) -> None:
    async with world_db.transaction() as conn:
        await leave(conn, world.shop.id, 50)
    results = await asyncio.gather(
        *(intake.accept(Scope(world.shop.id), submission(f"r{n}@x.test")) for n in range(120)), return_exceptions=True
    )
    assert sum(not isinstance(result, BaseException) for result in results) == 50
    assert await counts(world_db, world) == (50, 50, 50, 50, 0)


async def test_accounts_that_share_a_pool_spend_it_together_and_to_the_unit(
    world_db: Database, world: World, intake: Intake
) -> None:
    async with world_db.unit_of_work() as unit:
        sharers = [
            await create_account(
                unit,
                slug=f"desk{n}",
                name="Desk",
                kind=AccountKind.SUB_ACCOUNT,
                parent_slug="acme.test",
                shares_pool=True,
            )
            for n in range(20)
        ]
        await leave(unit.conn, world.acme.id, 60)
    second = Intake(world_db, Bell(""))  # another process's intake on the same database
    results = await asyncio.gather(
        *(
            (intake, second)[n % 2].accept(Scope(sharers[n % 20]), submission(f"r{n}@x.test", sender="desk@acme.test"))
            for n in range(160)
        ),
        return_exceptions=True,
    )
    await second.close()
    refused = [result.code for result in results if isinstance(result, LiveryError)]
    assert refused == ["NO_CREDITS"] * 100
    async with world_db.connection() as conn:
        assert await conn.fetchval("select remaining from balance where account_id = $1", world.acme.id) == 0
        assert (await view_account(conn, Scope(sharers[0]))).credits == 0
        assert await conn.fetchval("select count(*) from message") == 60
