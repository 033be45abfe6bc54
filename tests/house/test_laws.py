"""Can the laws fail? Each is broken once on purpose, in a database where all of them held a moment before."""

import pytest

from kit.bell import Bell
from kit.db import Database
from mail import stats
from mail.intake import Envelope, EnvelopeRecipient, Intake, Submission
from tenants.scope import Scope
from tests.support import laws
from tests.support.mails import plain
from tests.support.world import World

_BROKEN = {
    "a state that no fact explains": "update recipient set state = 'delivered', next_attempt_at = null",
    "a settled recipient that is due": "update recipient set state = 'queued', next_attempt_at = null",
    "a recipient without facts": "delete from event",
    "a message without its body": "delete from body",
    "a body without its message": "insert into body values ('00000000-0000-7000-8000-000000000000', 'x')",
    "a message that was not charged": "update credit_entry set message_id = null where message_id is not null",
    "a balance that its entries do not add up to": "update balance set remaining = remaining + 1",
    "a tally that counts too many": "update tally set total = total + 1",
    "a tally that is missing": "delete from tally",
    "a standing count that is wrong": "update standing set queued = queued + 1",
    "a fact that cannot follow the one before": "update event set kind = 'released'",
}


async def accepted(db: Database, world: World, database_url: str) -> None:
    """Have one message accepted and counted; every law holds then."""
    bell = Bell(database_url)
    await bell.start()
    intake = Intake(db, bell)
    content = plain(world.shop.email, "r@far.test")
    envelope = Envelope(sender=world.shop.email, recipients=(EnvelopeRecipient("r@far.test"),))
    await intake.accept(
        Scope(world.shop.id), Submission(envelope=envelope, content=content, door="smtp", trace="by test")
    )
    await intake.close()
    await bell.close()
    await stats.fold(db)


@pytest.mark.parametrize("what", _BROKEN)
async def test_a_broken_law_is_noticed(world_db: Database, world: World, world_url: str, what: str) -> None:
    await accepted(world_db, world, world_url)
    async with world_db.connection() as conn:
        await laws.check(conn)
        await conn.execute(_BROKEN[what])
        with pytest.raises((AssertionError, ValueError)):
            await laws.check(conn, seconds=0)
