"""Is nobody left behind in an account who comes in at the very moment in which it is deleted?"""

import asyncio

import asyncpg

from kit.crypto import hash_password
from kit.db import Database, connect
from mail import stats
from mail.accounts import deletion
from tenants import invitations
from tenants.members import add_member
from tenants.models import Role
from tenants.permissions import ROLES
from tenants.scope import Scope
from tests.support.world import PASSWORD, World


async def _waits(conn: asyncpg.Connection) -> None:
    """Until somebody waits for this connection."""
    asked = "select exists (select from pg_stat_activity where pg_backend_pid() = any (pg_blocking_pids(pid)))"
    async with asyncio.timeout(10):
        while not await conn.fetchval(asked):  # noqa: ASYNC110 - what happens in the server sets no event
            await asyncio.sleep(0.01)


async def test_whoever_is_just_accepting_an_invitation_is_no_member_afterwards(
    world_db: Database, world_url: str, world: World
) -> None:
    acme, shop = Scope(world.acme.id, may=ROLES[Role.OWNER]), world.shop.id

    async def delete() -> None:
        async with world_db.unit_of_work() as unit:
            await deletion.delete(unit, acme, shop, typed="Shop.Test")

    async with world_db.unit_of_work() as unit:
        invited = await invitations.invite(unit, acme, shop, "late@new.test", Role.SENDER)
    password = await hash_password(PASSWORD)
    accepting = await connect(world_url)
    try:
        async with accepting.transaction():  # as far as `invitations.accept` comes before its commit
            taken = "update invitation set accepted_at = livery_now() where id = $1 returning id"
            assert await accepting.fetchval(taken, invited.invitation.id)
            await add_member(
                accepting,
                account_id=shop,
                email="late@new.test",
                name="Late",
                password_hash=password,
                role=Role.SENDER,
            )
            deleting = asyncio.create_task(delete())
            await _waits(accepting)
        await deleting
        for table in ("member", "invitation"):
            assert await accepting.fetchval(f"select count(*) from {table} where account_id = $1", shop) == 0
    finally:
        await accepting.close()


async def test_what_was_being_made_when_it_was_deleted_goes_when_it_is_purged(world_db: Database, world: World) -> None:
    shop = world.shop.id
    async with world_db.unit_of_work() as unit:
        await deletion.delete(unit, Scope(world.acme.id, may=ROLES[Role.OWNER]), shop, typed="Shop.Test")
    async with world_db.connection() as conn:
        await conn.execute(
            """insert into template (id, account_id, kind, name, html, text)
               values (gen_random_uuid(), $1, 'footer', 'Late', '<p>x</p>', 'x')""",
            shop,
        )
        await conn.execute(
            """insert into credential (id, account_id, kind, name, prefix, secret_hash)
               values (gen_random_uuid(), $1, 'api', 'Late', 'lv_late', '\\x00')""",
            shop,
        )
    while (await deletion.purge(world_db)).busy or await stats.fold(world_db):
        pass
    async with world_db.connection() as conn:
        assert await conn.fetchval("select purged_at is not null from account where id = $1", shop)
        for table in ("template", "credential", "member"):
            assert await conn.fetchval(f"select count(*) from {table} where account_id = $1", shop) == 0, table
