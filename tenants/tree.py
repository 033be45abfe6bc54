"""Which accounts are there? Making and finding nodes of the tree operator > reseller > sub-account."""

import re
from dataclasses import dataclass
from uuid import UUID

from kit.db import Connection, UnitOfWork
from kit.errors import Kind, LiveryError, invalid, missing
from kit.ids import new_id
from tenants.models import Account, AccountHost, AccountKind, Balance
from tenants.scope import Scope

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,98}[a-z0-9])?")
_COLOR = re.compile(r"#[0-9a-f]{6}")


@dataclass(frozen=True)
class AccountView:
    """An account as people see it."""

    id: UUID
    slug: str
    name: str
    kind: AccountKind
    time_zone: str
    credits: int
    """Credits left: its own, or those of the pool it shares."""


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

    Raises LiveryError INVALID for a slug that is not lower-case letters, digits, dots and dashes or a colour that is not
    #rrggbb, MISSING for an unknown parent, CONFLICT when the slug is taken.
    """
    if brand_color is not None and not _COLOR.fullmatch(brand_color):
        raise invalid("A colour is written #rrggbb.", "brandColor")
    if not _SLUG.fullmatch(slug):
        raise invalid("An account's short name has lower-case letters, digits, dots and dashes.", "slug")
    if await Account.filter(slug=slug).exists():
        raise LiveryError(Kind.CONFLICT, "TAKEN", f"The short name {slug} is taken.", field=("slug",))
    parent = None
    if parent_slug is not None:
        parent = await Account.get_or_none(slug=parent_slug)
        if parent is None:
            raise missing("account")
    id = new_id()
    lineage = [*(parent.lineage if parent else []), id]
    await Account.create(
        id=id,
        slug=slug,
        name=name,
        kind=kind,
        parent=parent,
        lineage=lineage,
        brand_name=brand_name,
        brand_color=brand_color,
        pool_id=(parent.pool_id or parent.id) if parent and shares_pool else None,  # type: ignore[attr-defined]
    )
    await Balance.create(account_id=id, remaining=0)
    return id


async def find_account(slug: str) -> UUID | None:
    """The id of the account with this short name, whoever asks: for commands of the operator."""
    account = await Account.get_or_none(slug=slug)
    return account.id if account else None


async def operator_account(conn: Connection) -> UUID | None:
    """The root of the tree; None before `livery operator create`."""
    id: UUID | None = await conn.fetchval("select id from account where kind = 'operator' order by created_at limit 1")
    return id


async def add_host(unit: UnitOfWork, *, host: str, account_id: UUID) -> None:
    """Let `host` show this account's brand, once its ownership is proven."""
    await AccountHost.create(host=host.lower(), account_id=account_id)


async def view_account(conn: Connection, scope: Scope) -> AccountView:
    """The scope's own account."""
    row = await conn.fetchrow(
        f"""select a.id, a.slug, a.name, a.kind, a.time_zone, coalesce(b.remaining, 0) as credits
              from account a left join balance b on b.account_id = coalesce(a.pool_id, a.id)
             where a.id = $1 and {scope.see("a.id")}""",
        scope.account_id,
    )
    if row is None:
        raise missing("account")
    return AccountView(**{**row, "kind": AccountKind(row["kind"])})
