"""How is a refusal shown to have changed nothing in the tree of accounts?"""

import pytest

from kit.db import Connection, Database
from kit.errors import LiveryError


async def rows(conn: Connection) -> list[dict[str, object]]:
    """Every account, source and audit entry: equal where nothing happened."""
    tables = ("account", "source", "audit_entry")
    return [dict(row) for table in tables for row in await conn.fetch(f"select * from {table} order by id")]


async def refused(db: Database, act: object, *, code: str, field: tuple[str, ...] | None = None) -> LiveryError:
    """Carry out `act(unit)`, which must be refused so and leave everything as it was."""
    async with db.connection() as conn:
        before = await rows(conn)
    with pytest.raises(LiveryError) as caught:
        async with db.unit_of_work() as unit:
            await act(unit)  # type: ignore[operator]
    assert (caught.value.code, caught.value.field) == (code, field)
    async with db.connection() as conn:
        assert await rows(conn) == before
    return caught.value
