"""Which brand does a host name show? That of the account the host belongs to, or of the nearest one above that has a name."""

from dataclasses import dataclass
from uuid import UUID

from kit.db import Connection


@dataclass(frozen=True)
class Brand:
    """What people see on one host."""

    account_id: UUID
    name: str
    color: str | None
    """#rrggbb, or None for the neutral default."""


async def brands_by_host(conn: Connection) -> dict[str, Brand]:
    """Every verified host with its brand; small enough to be held in memory by the API."""
    rows = await conn.fetch(
        """select h.host, a.id as account_id, b.brand_name as name, b.brand_color as color
             from account_host h
             join account a on a.id = h.account_id
             join lateral (
               select p.brand_name, p.brand_color from account p
                where p.id = any (a.lineage) and p.brand_name is not null
                order by cardinality(p.lineage) desc limit 1
             ) b on true"""
    )
    return {row["host"]: Brand(row["account_id"], row["name"], row["color"]) for row in rows}


async def of_one_line(conn: Connection, one: UUID, other: UUID) -> bool:
    """Whether one of two accounts is above the other, or they are the same: only then may their people meet on one host."""
    found: bool = await conn.fetchval(
        """select exists (select from account a join account b on a.lineage @> array[b.id] or b.lineage @> array[a.id]
                           where a.id = $1 and b.id = $2)""",
        one,
        other,
    )
    return found
