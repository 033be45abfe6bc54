"""Does the wall between tenants stand in the migrated database? Every table decided, the roles bound, no way through unreviewed."""

from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest

from kit.db import Database, connect
from kit.migrate import ROLES
from tests.house.walls import APPEND_ONLY, CLOSED, OPEN, READ_ONLY, THROUGH, WALLED
from tests.support.belongings import KINDS, make
from tests.support.world import World

_VERBS = ("select", "insert", "update", "delete", "truncate", "references", "trigger")

# What `make` and the world leave empty.
_FILLED = {
    "audit_entry": """insert into audit_entry (id, account_id, action, changes)
                      values (gen_random_uuid(), $1, 'account.update', '{}')""",
    "credit_alert": "insert into credit_alert (id, account_id, threshold, remaining) values (gen_random_uuid(), $1, 2, 1)",
    "month_use": "insert into month_use (account_id, period) values ($1, '2026-11-01')",
    "standing": "insert into standing (account_id) values ($1)",
    "treatment": "insert into treatment (id, account_id) values (gen_random_uuid(), $1)",
    "tally": "insert into tally (account_id, starts_at) values ($1, '2026-11-23T00:00Z')",
    "password_reset": """insert into password_reset (token_hash, member_id, expires_at)
                         select 'reset ' || id, id, livery_now() from member where account_id = $1 limit 1""",
    "recovery_code": """insert into recovery_code (id, member_id, code_hash)
                        select gen_random_uuid(), id, 'none' from member where account_id = $1 limit 1""",
    "domain_host": """insert into domain_host (host, domain_id, kind)
                      select 'smtp.' || name, id, 'smtp' from domain where account_id = $1""",
    "returned_mail": """insert into returned_mail (id, recipient_id, content)
                        select gen_random_uuid(), id, 'x' from recipient where account_id = $1 limit 1""",
    "visit": """insert into visit (id, account_id, message_id, recipient_id, kind, at, is_first)
                select gen_random_uuid(), $1, message_id, id, 'opened', livery_now(), true
                  from recipient where account_id = $1 limit 1""",
    "long_target": """insert into long_target (id, account_id, digest, target)
                      values (gen_random_uuid(), $1, 'x', 'https://shop.test/')""",
    "killed_link": "insert into killed_link (id, account_id, reason) values (gen_random_uuid(), $1, 'x')",
    "sign_up": """insert into sign_up (token_hash, brand_id, email, name, company, password_hash, expires_at)
                  values ('sign-up ' || $1::uuid, $1, 'x@new.test', 'x', 'x', 'none', livery_now())""",
}


@pytest.fixture
async def owner(db: Database) -> AsyncIterator[asyncpg.Connection]:
    """The owner's connection to a migrated, empty database."""
    async with db.connection() as conn:
        yield conn


@pytest.fixture
async def furnished(world_db: Database, world: World) -> AsyncIterator[asyncpg.Connection]:
    """The owner's connection to a database where shop and rival have rows in every table behind the wall."""
    async with world_db.connection() as conn:
        for tenant in (world.shop, world.rival):
            for kind in sorted(KINDS):
                await make(conn, kind, tenant.id, "furnished")
            for statement in _FILLED.values():
                await conn.execute(statement, tenant.id)
        yield conn


@pytest.fixture
async def bound(world_url: str, furnished: asyncpg.Connection) -> AsyncIterator[asyncpg.Connection]:
    """The API's own connection to the same database."""
    conn = await connect(world_url.replace("//livery@", "//livery_api@"))
    try:
        yield conn
    finally:
        await conn.close()


async def test_every_table_is_decided(owner: asyncpg.Connection) -> None:
    rows = await owner.fetch(
        """select relname, relkind::text as kind, relrowsecurity as walled from pg_class
            where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f')"""
    )
    assert {row["relname"] for row in rows if row["kind"] != "r"} == {"seen_account"}
    assert {row["relname"] for row in rows if row["walled"]} == WALLED.keys()
    assert {row["relname"] for row in rows if row["kind"] == "r" and not row["walled"]} == OPEN.keys()


async def test_every_walled_table_is_walled_for_reading_and_for_writing(owner: asyncpg.Connection) -> None:
    rows = await owner.fetch(
        """select tablename, policyname, permissive, roles::text[] as roles, cmd, qual, with_check from pg_policies
            where schemaname = 'public'"""
    )
    own = {row["tablename"]: row for row in rows if row["policyname"] == "own"}
    assert own.keys() == WALLED.keys()
    for row in own.values():
        assert (row["cmd"], row["roles"]) == ("ALL", ["public"]), row
        assert row["qual"] and row["with_check"] and "true" not in (row["qual"], row["with_check"]), row
    serves = {
        row["tablename"] for row in rows if row["policyname"] == "serves_all" and row["roles"] == ["livery_worker"]
    }
    assert serves == WALLED.keys(), "the workers serve everybody"
    assert {row["policyname"] for row in rows} == {"own", "serves_all", "line", "shared", "offered"}


@pytest.mark.parametrize("role", ROLES)
async def test_the_roles_own_nothing_and_may_nothing_special(owner: asyncpg.Connection, role: str) -> None:
    row = await owner.fetchrow("select * from pg_roles where rolname = $1", role)
    assert not any(row[name] for name in ("rolsuper", "rolbypassrls", "rolcreaterole", "rolcreatedb", "rolreplication"))
    above = await owner.fetch("select roleid::regrole::text from pg_auth_members where member = $1::regrole", role)
    assert above == [], "a role's rights are its own"
    owned = await owner.fetchval(
        """select (select count(*) from pg_class where relowner = r.oid) + (select count(*) from pg_proc where proowner = r.oid)
                  + (select count(*) from pg_namespace where nspowner = r.oid)
                  + (select count(*) from pg_database where datdba = r.oid)
                  + (select count(*) from pg_type where typowner = r.oid)
             from pg_roles r where r.rolname = $1""",
        role,
    )
    assert owned == 0, "an owner walks through its own walls"
    assert not await owner.fetchval("select has_schema_privilege($1, 'public', 'create')", role)
    assert not await owner.fetchval("select has_database_privilege($1, current_database(), 'create')", role)


async def test_the_api_writes_where_it_must_and_nowhere_else(owner: asyncpg.Connection) -> None:
    found = {
        name: {
            verb
            for verb in _VERBS
            if await owner.fetchval("select has_table_privilege('livery_api', $1::text, $2)", name, verb)
        }
        for name in [*WALLED, *OPEN, "seen_account"]
    }
    wanted = {name: {"select", "insert", "update", "delete"} for name in found}
    wanted |= {name: {"select"} for name in READ_ONLY}
    wanted |= {name: {"select", "insert"} for name in APPEND_ONLY}
    wanted |= {name: set() for name in CLOSED}
    assert found == wanted


async def test_every_way_through_is_a_reviewed_one(owner: asyncpg.Connection) -> None:
    rows = await owner.fetch(
        """select proname, coalesce(proconfig, '{}') as settings from pg_proc
            where pronamespace = 'public'::regnamespace and prosecdef"""
    )
    assert {row["proname"] for row in rows} == THROUGH.keys()
    # Otherwise a caller's own table or function would be found first.
    assert {setting for row in rows for setting in row["settings"]} == {"search_path=public, pg_temp"}
    assert all(row["settings"] for row in rows)


async def counted(conn: asyncpg.Connection, table: str, account: UUID) -> int:
    """How many rows of an account the connection sees."""
    found: int = await conn.fetchval(f"select count(*) from {table} where {WALLED[table]}", account)
    return found


async def foreign_places(conn: asyncpg.Connection, table: str, world: World) -> list[str]:
    """Where rival's rows are in a table."""
    rows = await conn.fetch(f"select ctid::text as place from {table} where {WALLED[table]}", world.rival.id)
    return [row["place"] for row in rows]


@pytest.mark.parametrize("table", WALLED)
async def test_each_table_shows_an_account_its_own_rows_and_no_others(
    furnished: asyncpg.Connection, bound: asyncpg.Connection, world: World, table: str
) -> None:
    own, foreign = await counted(furnished, table, world.shop.id), await counted(furnished, table, world.rival.id)
    assert own and foreign, "rows to be seen, and not to be seen"
    assert await bound.fetchval(f"select count(*) from {table}") == 0, "nobody said for whom"
    async with bound.transaction():
        await bound.execute("select set_config('livery.account', $1, true)", str(world.shop.id))
        assert await counted(bound, table, world.shop.id) == own
        # By place: a condition on rival's rows would ask tables that stand behind walls themselves.
        seen = {row["place"] for row in await bound.fetch(f"select ctid::text as place from {table}")}
        assert seen.isdisjoint(await foreign_places(furnished, table, world))
    assert await bound.fetchval(f"select count(*) from {table}") == 0, "it ended with its transaction"


@pytest.mark.parametrize("table", sorted(WALLED.keys() - APPEND_ONLY))
async def test_nobody_changes_or_deletes_rows_of_others(
    furnished: asyncpg.Connection, bound: asyncpg.Connection, world: World, table: str
) -> None:
    whole = await furnished.fetchval(f"select md5(string_agg(t::text, ' ' order by t::text)) from {table} t")
    column = await furnished.fetchval(
        "select attname from pg_attribute where attrelid = $1::text::regclass and attnum = 1", table
    )
    places = await foreign_places(furnished, table, world)
    aimed = "where ctid = any ($1::text[]::tid[])"
    for account in ("", str(world.shop.id)):
        async with bound.transaction():
            await bound.execute("select set_config('livery.account', $1, true)", account)
            assert await bound.execute(f"update {table} set {column} = {column} {aimed}", places) == "UPDATE 0"
            assert await bound.execute(f"delete from {table} {aimed}", places) == "DELETE 0"
    assert await furnished.fetchval(f"select md5(string_agg(t::text, ' ' order by t::text)) from {table} t") == whole
    # The twin: whose they are reaches the same rows for a change.
    async with bound.transaction():
        await bound.execute("select set_config('livery.account', $1, true)", str(world.rival.id))
        held = await bound.fetch(f"select {column} from {table} {aimed} for update", places)
        assert len(held) == len(places) > 0


async def test_nobody_writes_in_the_name_of_others(bound: asyncpg.Connection, world: World) -> None:
    plan = "insert into plan (id, account_id, name, credits) values (gen_random_uuid(), $1, 'x', 1)"
    for account, allowed in ((world.rival, False), (world.acme, False), (world.shop, True)):
        async with bound.transaction():
            await bound.execute("select set_config('livery.account', $1, true)", str(world.shop.id))
            if allowed:
                assert await bound.execute(plan, account.id) == "INSERT 0 1"
                continue
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
                async with bound.transaction():
                    await bound.execute(plan, account.id)
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
                async with bound.transaction():
                    await bound.execute(
                        "update credential set account_id = $1 where account_id = $2", account.id, world.shop.id
                    )


async def test_the_view_of_the_tree_is_read_and_never_written(bound: asyncpg.Connection, world: World) -> None:
    async with bound.transaction():
        await bound.execute("select set_config('livery.account', $1, true)", str(world.acme.id))
        seen = {row["id"] for row in await bound.fetch("select id from seen_account")}
        assert {world.acme.id, world.shop.id, world.cafe.id} <= seen
        assert seen.isdisjoint({world.platform.id, world.other.id, world.rival.id})
        for write in (
            "update seen_account set deleted_at = null",
            "delete from seen_account",
            "insert into seen_account (id, lineage) values (gen_random_uuid(), '{}')",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with bound.transaction():
                    await bound.execute(write)
