"""How do the tables get their present form? Tortoise's migrations, one process at a time, each waiting at most a second for a lock.

Tortoise neither locks out a second migrator nor bounds its waits, so an advisory lock and `lock_timeout` are put around
it. Before the first migration come the things that every table relies on: the platform's clock and the three roles.
"""

import contextlib
from collections.abc import AsyncIterator

import structlog
from tortoise.migrations.executor import MigrationExecutor, MigrationTarget

from kit.db import MODELS, Connection, Database, connect, open_database, tortoise_config

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_LOCK = 0x6C69_7665  # any fixed number; two migrators of one database meet here

_CLOCK = """
create table if not exists clock_shift (
  only_row boolean primary key default true check (only_row),
  by interval not null
);
insert into clock_shift values (true, interval '0') on conflict do nothing;
create or replace function livery_now() returns timestamptz
  language sql stable parallel safe
  as 'select now() + (select by from clock_shift)';
"""

_ROLE = """
do $$ begin
  if not exists (select from pg_roles where rolname = '{role}') then create role {role} login; end if;
exception when duplicate_object or unique_violation then null; end $$;
"""

_GRANTS = """
grant usage on schema public to {role};
grant select, insert, update, delete on all tables in schema public to {role};
grant usage, select on all sequences in schema public to {role};
"""

ROLES = ("livery_worker", "livery_api")
"""Beside the owner, whom `LIVERY_DATABASE_URL` names. They have no password until the operator gives them one."""


async def migrate(url: str) -> None:
    """Bring the database at `url` to the present form. Safe to call from several processes, and again after a crash.

    Raises asyncpg.LockNotAvailableError when a table stays locked for a second: nothing was changed by that step, call again.
    """
    async with _alone(url) as conn:
        await conn.execute(_CLOCK)
        can_create_roles = await conn.fetchval(
            "select rolsuper or rolcreaterole from pg_roles where rolname = current_user"
        )
        db = await open_database(url, size=2, lock_timeout=1.0)
        try:
            executor = MigrationExecutor(db.orm, tortoise_config(url)["apps"])
            await executor.migrate([MigrationTarget(app, "__latest__") for app in MODELS])
        finally:
            await db.close()
        for role in ROLES:
            if can_create_roles:
                await conn.execute(_ROLE.format(role=role))
            if await conn.fetchval("select exists (select from pg_roles where rolname = $1)", role):
                await conn.execute(_GRANTS.format(role=role))
            else:
                log.warning(
                    "role.missing", role=role, next=f"As a superuser: create role {role} login; then migrate again."
                )


async def pending(url: str) -> list[str]:
    """The names of migrations that this version brings and the database lacks ("mail.0002_…"); all of them for an empty one."""
    db = await open_database(url, size=2)
    try:
        return await pending_in(db, url)
    finally:
        await db.close()


async def pending_in(db: Database, url: str) -> list[str]:
    """What `pending` says, for a process whose database is open: it may have one only."""
    async with db.connection() as conn:
        started = await conn.fetchval("select to_regclass('tortoise_migrations') is not null")
    if not started:
        return ["every migration: the database is empty"]
    executor = MigrationExecutor(db.orm, tortoise_config(url)["apps"])
    steps = await executor.plan([MigrationTarget(app, "__latest__") for app in MODELS])
    return [f"{step.migration.app_label}.{step.migration.name}" for step in steps if not step.backward]


@contextlib.asynccontextmanager
async def _alone(url: str) -> AsyncIterator[Connection]:
    conn = await connect(url)
    try:
        await conn.execute("select pg_advisory_lock($1)", _LOCK)
        yield conn
    finally:
        await conn.close()
