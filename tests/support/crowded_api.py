"""What if everybody asks at once? The API process with two connections, operations that are cut short, and a look at each return.

An operation named `after_<n>` is cut after n tenths of a millisecond, the way the process's own time limit does it. Each
connection that goes back into the pool is asked for whom it still speaks: `pool_returns_total`, `pool_leftovers_total`.
With UNFILTERED=1 the application's filter is off as well.
"""

import asyncio
import os
from typing import Any

from prometheus_client import Counter

from api import app
from api.graphql.schema import schema
from kit import db
from kit.settings import load
from tests.support import unfiltered_api

_RETURNS = Counter("pool_returns", "Connections that went back into the pool")
_LEFTOVERS = Counter("pool_leftovers", "Those of them that still spoke for an account")

_whole = schema.execute


async def _cut(query: str | None, *, operation_name: str | None = None, **more: Any) -> Any:
    before = float(operation_name.partition("_")[2]) / 10_000 if operation_name else None
    async with asyncio.timeout(before):
        return await _whole(query, operation_name=operation_name, **more)


async def _looked_at(conn: db.Connection) -> None:
    _RETURNS.inc()
    left = "coalesce(current_setting('livery.account', true), '') || coalesce(current_setting('livery.line', true), '')"
    if await conn.fetchval(f"select {left}"):
        _LEFTOVERS.inc()


if __name__ == "__main__":
    app._POOL = 2
    db._keep_session = _looked_at
    schema.execute = _cut  # type: ignore[method-assign, assignment]
    if os.environ.get("UNFILTERED"):
        unfiltered_api.switch_off()
    app.run(load(os.environ))
