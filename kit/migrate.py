"""How do the tables get their present form? Tortoise's migrations, one process at a time, each waiting at most a second for a lock.

Tortoise neither locks out a second migrator nor bounds its waits, so an advisory lock and `lock_timeout` are put around
it. Before the first migration come the things that every table relies on: the platform's clock, whom a transaction may
see, and the roles. After the last one each role gets what it may do: docs/decisions/0007.
"""

import contextlib
from collections.abc import AsyncIterator

import structlog
from tortoise.migrations.executor import MigrationExecutor, MigrationTarget

from kit.db import MODELS, Connection, Database, connect, open_database, tortoise_config

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_LOCK = 0x6C69_7665  # any fixed number; two migrators of one database meet here
# Seconds. Between two statements Tortoise works out the tables' form anew, which takes longer than the server waits for
# others where the processor is short.
_PAUSE = 120.0

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

# The accounts whose subtrees a transaction may see (`kit.db`), for the policies of row-level security: none where nobody
# said so. `livery.line` holds, while mail is submitted, what lies above them, which pays and may be suspended.
_SCOPE = """
create or replace function livery_scope() returns uuid[]
  language sql stable parallel safe
  as $$ select string_to_array(nullif(current_setting('livery.account', true), ''), ',')::uuid[] $$;
create or replace function livery_spends() returns uuid[]
  language sql stable parallel safe
  as $$ select string_to_array(nullif(current_setting('livery.line', true), ''), ',')::uuid[] $$;
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
grant execute on all functions in schema public to {role};
"""

# Workers serve every account, so no wall stands before them: a policy, because BYPASSRLS takes a superuser to give.
_SERVES_ALL = """
do $$ declare walled name; begin
  for walled in select c.relname from pg_class c
                 where c.relnamespace = 'public'::regnamespace and c.relrowsecurity
                   and not exists (select from pg_policy p where p.polrelid = c.oid and p.polname = 'serves_all') loop
    execute format('create policy serves_all on %I to livery_worker using (true) with check (true)', walled);
  end loop;
end $$;
"""

# What the API may do less with, wall or no wall: facts and entries are never changed, and the plumbing is not its own.
_API_LESS = """
revoke insert, update, delete on clock_shift, tortoise_migrations, ledger_epoch from livery_api;
revoke all on fold_position from livery_api;
revoke update, delete on event, credit_entry, audit_entry from livery_api;
revoke insert, update, delete on seen_account from livery_api;
"""

ROLES = ("livery_worker", "livery_api")
"""Beside the owner, whom `LIVERY_DATABASE_URL` names. They have no password until the operator gives them one."""


async def migrate(url: str) -> None:
    """Bring the database at `url` to the present form. Safe to call from several processes, and again after a crash.

    Raises asyncpg.LockNotAvailableError when a table stays locked for a second: nothing was changed by that step, call again.
    """
    async with _alone(url) as conn:
        await conn.execute(_CLOCK + _SCOPE)
        can_create_roles = await conn.fetchval(
            "select rolsuper or rolcreaterole from pg_roles where rolname = current_user"
        )
        db = await open_database(url, size=2, lock_timeout=1.0, pause=_PAUSE)
        try:
            executor = MigrationExecutor(db.orm, tortoise_config(url)["apps"])
            await executor.migrate([MigrationTarget(app, "__latest__") for app in MODELS])
        finally:
            await db.close()
        for role in ROLES:
            if can_create_roles:
                await conn.execute(_ROLE.format(role=role))
            if await conn.fetchval("select exists (select from pg_roles where rolname = $1)", role):
                await conn.execute(
                    _GRANTS.format(role=role) + {"livery_worker": _SERVES_ALL, "livery_api": _API_LESS}[role]
                )
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
