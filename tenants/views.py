"""How are accounts shown? The scope's own one, one by id, and the children of one in pages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from kit.db import Connection
from kit.errors import missing
from tenants.models import AccountKind, WhenSpent
from tenants.scope import Scope
from tenants.states import AccountState

_LAST = UUID(int=2**128 - 1)


@dataclass(frozen=True)
class AccountView:
    """An account as people see it."""

    id: UUID
    parent_id: UUID | None
    """None for the top of what the asker sees: who stands above is not told."""
    slug: str
    name: str
    kind: AccountKind
    state: AccountState
    suspended_at: datetime | None
    suspended_reason: str | None
    time_zone: str
    credits: int
    """Credits left: its own, or those of the pool it shares."""
    shares_pool: bool
    monthly_limit: int | None
    when_spent: WhenSpent
    alert_below: int | None
    may_resell: bool
    source_id: UUID | None
    privacy_url: str | None
    brand_name: str | None
    brand_color: str | None
    sign_up_open: bool
    sign_up_plan_id: UUID | None
    referral_code: str | None
    created_at: datetime
    children: int
    """Living accounts right below it."""


_VIEW = """
select a.id, case when a.id <> $1::uuid then a.parent_id end as parent_id, a.slug, a.name, a.kind,
       account_state(a.lineage) as state, a.suspended_at, a.suspended_reason, a.time_zone,
       account_credits(a.id) as credits, a.pool_id is not null as shares_pool, a.monthly_limit,
       a.when_spent, a.alert_below, a.may_resell, a.source_id, a.privacy_url, a.brand_name, a.brand_color, a.sign_up_open,
       a.sign_up_plan_id, a.referral_code, a.created_at,
       (select count(*) from account c where c.parent_id = a.id and c.deleted_at is null) as children
  from account a
"""


async def view_account(conn: Connection, scope: Scope, account_id: UUID | None = None) -> AccountView:
    """One account, the scope's own unless said. Raises LiveryError MISSING for one that the scope does not see."""
    row = await conn.fetchrow(
        f"{_VIEW} where a.id = $2 and {scope.see('a.id')}", scope.account_id, account_id or scope.account_id
    )
    if row is None:
        raise missing("account")
    return _view(row)


async def view_accounts(conn: Connection, scope: Scope, ids: Sequence[UUID]) -> dict[UUID, AccountView]:
    """Those of some accounts that the scope sees."""
    rows = await conn.fetch(f"{_VIEW} where a.id = any ($2::uuid[]) and {scope.see('a.id')}", scope.account_id, ids)
    return {row["id"]: _view(row) for row in rows}


async def list_accounts(
    conn: Connection,
    scope: Scope,
    *,
    below: UUID | None = None,
    deep: bool = False,
    search: str = "",
    first: int,
    after: UUID | None,
) -> list[AccountView]:
    """Up to `first` accounts below one (the scope's own unless said), newest first: children, or with `deep` all.

    `search` narrows them to those with it in name or short name. Raises LiveryError MISSING where `below` is not seen.
    """
    top = below or scope.account_id
    if top != scope.account_id:
        await view_account(conn, scope, top)
    pattern = "".join(f"\\{letter}" if letter in "\\%_" else letter for letter in search.strip())
    rows = await conn.fetch(
        f"""{_VIEW}
             where {scope.see("a.id")} and a.id < $2 and a.id <> $3
               and case when $4 then a.lineage @> $7::uuid[] else a.parent_id = $3 end
               and ($5 = '' or a.name ilike '%' || $5 || '%' or a.slug ilike '%' || $5 || '%')
             order by a.id desc limit $6""",
        scope.account_id,
        after or _LAST,
        top,
        deep,
        pattern,
        first,
        [top],
    )
    return [_view(row) for row in rows]


def _view(row: Mapping[str, Any]) -> AccountView:
    return AccountView(
        **{
            **row,
            "kind": AccountKind(row["kind"]),
            "state": AccountState(row["state"]),
            "when_spent": WhenSpent(row["when_spent"]),
        }
    )
