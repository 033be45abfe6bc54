"""Do the models say what the migrated database is? Compared in both directions, on a real server."""

from importlib import import_module
from typing import Any

from tortoise import Tortoise
from tortoise.migrations.autodetector import MigrationAutodetector
from tortoise.models import Model

from kit.db import MODELS, Database, tortoise_config
from kit.migrate import pending

# Tables that are nobody's model: the clock, Tortoise's own list, and the rings of the embedded broker.
_PLUMBING = {"clock_shift", "tortoise_migrations"}
# What a field's type is called by information_schema.
_TYPES = {
    "UUID": "uuid",
    "TEXT": "text",
    "VARCHAR": "character varying",
    "BYTEA": "bytea",
    "TIMESTAMPTZ": "timestamp with time zone",
    "BIGINT": "bigint",
    "BIGSERIAL": "bigint",
    "INT": "integer",
    "SERIAL": "integer",
    "SMALLINT": "smallint",
    "SMALLSERIAL": "smallint",
    "BOOL": "boolean",
    "JSONB": "jsonb",
}


async def test_each_model_is_a_table_with_the_same_columns(db: Database) -> None:
    async with db.connection() as conn:
        rows = await conn.fetch(
            """select table_name, column_name, is_nullable = 'YES' as nullable, data_type
                 from information_schema.columns join information_schema.tables using (table_schema, table_name)
                where table_schema = 'public' and table_type = 'BASE TABLE'"""
        )
    found: dict[str, dict[str, tuple[str, bool]]] = {}
    for row in rows:
        found.setdefault(row["table_name"], {})[row["column_name"]] = (row["data_type"], row["nullable"])
    wanted = {model._meta.db_table: _columns(model) for model in _models()}
    assert {table: columns for table, columns in found.items() if table not in _PLUMBING} == wanted


async def test_no_migration_is_waiting_after_migrate(database_url: str) -> None:
    assert await pending(database_url) == []


async def test_the_migrations_know_every_change_of_a_model(db: Database, database_url: str) -> None:
    apps = Tortoise.apps
    assert apps is not None
    changes = await MigrationAutodetector(apps, tortoise_config(database_url)["apps"]).changes()
    assert [str(change) for change in changes] == []


def _models() -> list[type[Model]]:
    modules = [import_module(name) for name in MODELS.values()]
    return [getattr(module, name) for module in modules for name in module.__all__ if _is_table(getattr(module, name))]


def _is_table(thing: Any) -> bool:
    return isinstance(thing, type) and issubclass(thing, Model) and not thing._meta.abstract


def _columns(model: type[Model]) -> dict[str, tuple[str, bool]]:
    columns = {}
    for name, column in model._meta.fields_db_projection.items():
        field = model._meta.fields_map[name]
        sql = field.get_for_dialect("postgres", "SQL_TYPE").partition("(")[0]
        columns[column] = ("ARRAY" if sql.endswith("[]") else _TYPES.get(sql, sql.lower()), field.null)
    return columns
