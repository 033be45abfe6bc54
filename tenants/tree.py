"""Which accounts are there? Making, finding and moving nodes of the tree operator > reseller > sub-account.

Two facts of a node follow from where it stands: its lineage, and, where it shares a pool, whose. Both are written when a
node is made or moved, by one writer at a time (`alone`), so that no node ever keeps the lineage of a place its parent has
left.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from kit.db import Connection, UnitOfWork
from kit.errors import Kind, LiveryError, missing
from kit.ids import new_id
from tenants import details
from tenants.models import Account, AccountHost, AccountKind
from tenants.views import AccountView, view_account

__all__ = ["AccountView", "add_host", "create_account", "find_account", "insert", "operator_account", "view_account"]

_LOCK = 0x7472_6565  # any fixed number; all writers of the tree meet here
_COLUMNS = (
    "time_zone",
    "brand_name",
    "brand_color",
    "privacy_url",
    "source_id",
    "monthly_limit",
    "when_spent",
    "alert_below",
    "referred_by_id",
)


async def create_account(
    unit: UnitOfWork,
    *,
    slug: str,
    name: str,
    kind: AccountKind,
    parent_slug: str | None,
    brand_name: str | None = None,
    brand_color: str | None = None,
    shares_pool: bool = False,
) -> UUID:
    """Add a node below `parent_slug` (None for the operator) with an empty balance and return its id.

    With `shares_pool` it spends its parent's credits, or those that the parent spends, and its own balance stays unused.
    For the platform's own use: nobody is asked whether they may.

    Raises LiveryError INVALID for a slug that is not lower-case letters, digits, dots and dashes or a colour that is not
    #rrggbb, MISSING for an unknown parent, CONFLICT when the slug is taken.
    """
    parent_id = None
    if parent_slug is not None:
        parent_id = await find_account(parent_slug)
        if parent_id is None:
            raise missing("account")
    given = {"slug": slug, "name": name, "brand_name": brand_name, "brand_color": brand_color}
    return await insert(
        unit.conn, parent_id=parent_id, kind=kind, given=details.checked(given), shares_pool=shares_pool
    )


async def insert(
    conn: Connection, *, parent_id: UUID | None, kind: AccountKind, given: Mapping[str, Any], shares_pool: bool = False
) -> UUID:
    """Write a node with checked details and an empty balance; a short name is made up where none is given.

    Raises LiveryError CONFLICT when the slug is taken, or the parent is deleted.
    """
    await alone(conn)
    parent = None
    if parent_id is not None:
        parent = await conn.fetchrow("select lineage, pool_id, deleted_at from account where id = $1", parent_id)
        if parent is None or parent["deleted_at"] is not None:
            raise missing("account")
    id = new_id()
    columns = {name: given[name] for name in _COLUMNS if given.get(name) is not None}
    columns |= {
        "id": id,
        "name": given["name"],
        "kind": kind.value,
        "parent_id": parent_id,
        "lineage": [*(parent["lineage"] if parent else ()), id],
        "pool_id": (parent["pool_id"] or parent_id) if parent and shares_pool else None,
        "may_resell": kind is not AccountKind.SUB_ACCOUNT,
    }
    for slug in _slugs(given):
        made = await conn.fetchval(
            f"""insert into account (slug, {", ".join(columns)})
                values ({", ".join(f"${n}" for n in range(1, len(columns) + 2))})
                on conflict (slug) do nothing returning id""",
            slug,
            *columns.values(),
        )
        if made is not None:
            await conn.execute("insert into balance (account_id, remaining) values ($1, 0)", id)
            return id
    raise LiveryError(Kind.CONFLICT, "TAKEN", f"The short name {given['slug']} is taken.", field=("slug",))


async def alone(conn: Connection) -> None:
    """Let nobody else change the shape of the tree until the transaction ends. Call it before reading the shape."""
    await conn.execute("select pg_advisory_xact_lock($1)", _LOCK)


async def reposition(conn: Connection, account_id: UUID, parent_id: UUID) -> None:
    """Write the lineage of a whole subtree anew, below another parent. `alone` before; raises nothing."""
    await conn.execute(
        """update account a
              set lineage = p.lineage || a.lineage[cardinality(m.lineage):],
                  parent_id = case when a.id = m.id then p.id else a.parent_id end
             from account m, account p
            where m.id = $1 and p.id = $2 and a.lineage @> array[m.id]""",
        account_id,
        parent_id,
    )


async def follow_pool(conn: Connection, account_id: UUID) -> None:
    """After an account changed what it spends: let those below that share it spend the same. `alone` before."""
    await conn.execute(
        """with recursive sharers(id, pool_id) as (
             select id, coalesce(pool_id, id) from account where id = $1
             union all
             select c.id, s.pool_id from sharers s join account c on c.parent_id = s.id and c.pool_id is not null
           )
           update account a set pool_id = s.pool_id from sharers s where a.id = s.id and a.id <> $1""",
        account_id,
    )


async def find_account(slug: str) -> UUID | None:
    """The id of the account with this short name, whoever asks: for commands of the operator."""
    account = await Account.get_or_none(slug=slug)
    return account.id if account else None


async def operator_account(conn: Connection) -> UUID | None:
    """The root of the tree; None before `livery operator create`."""
    id: UUID | None = await conn.fetchval("select id from account where kind = 'operator' order by created_at limit 1")
    return id


@dataclass(frozen=True, slots=True)
class Line:
    """One account in an outline of the tree."""

    depth: int
    slug: str
    name: str
    state: str
    credits: int


async def outline(conn: Connection) -> list[Line]:
    """The whole tree, parents before their children: for commands of the operator."""
    rows = await conn.fetch(
        """select cardinality(lineage) - 1 as depth, slug, name, account_state(lineage) as state,
                  account_credits(id) as credits
             from account where deleted_at is null order by lineage"""
    )
    return [Line(**row) for row in rows]


async def add_host(unit: UnitOfWork, *, host: str, account_id: UUID) -> None:
    """Let `host` show this account's brand, once its ownership is proven."""
    await AccountHost.create(host=host.lower(), account_id=account_id)


def _slugs(given: Mapping[str, Any]) -> list[str]:
    """The short name that was asked for, or some to try."""
    if given.get("slug"):
        return [given["slug"]]
    made = details.slug_of(given["name"])
    return [made, *(f"{made}-{secrets.token_hex(size)}" for size in (2, 3, 8))]
