"""How do several writers share one round trip? Each gives its part of one statement; together they are one commit.

A data-modifying WITH is atomic by itself: no BEGIN, no COMMIT, no moment in which a transaction waits for its client. On
the way in this makes one round trip of five.
"""

import functools
import re
from dataclasses import dataclass
from typing import Any

from kit.db import Connection

_PARAMETER = re.compile(r"\$(\d+)")


@dataclass(frozen=True, slots=True)
class Part:
    """Named queries of a WITH, as "name as (…), other as (…)", with parameters from $1 on, and their arguments.

    Names must differ from those of the parts beside it. What modifies data is carried out in any case, what only reads
    where something refers to it; no part sees what another one writes.
    """

    sql: str
    arguments: tuple[Any, ...]


async def carry_out(conn: Connection, *parts: Part) -> None:
    """Do all of it, or, raising asyncpg's error, nothing.

    PostgreSQL carries out what modifies data from the last part to the first (ExecPostprocessPlan): what others wait for,
    a row that many lock, belongs at the front.
    """
    await conn.execute(
        _composed(tuple((part.sql, len(part.arguments)) for part in parts)),
        *(argument for part in parts for argument in part.arguments),
    )


@functools.lru_cache(maxsize=64)
def _composed(parts: tuple[tuple[str, int], ...]) -> str:
    before = 0
    written = []
    for sql, arguments in parts:
        written.append(_PARAMETER.sub(lambda match, by=before: f"${int(match[1]) + by}", sql))  # type: ignore[misc]
        before += arguments
    return f"with {',\n'.join(written)}\nselect"
