"""Who changed what? `note` writes an entry in the transaction of the change itself; nothing else writes one.

Who reads the list sees names and addresses of people in the own subtree only: what was done from above was done "by the
provider", and where the provider sits is nobody's business. What an entry says of accounts out of sight is left out as it
is read (`_hidden`): the entry stays whole, for those above them and for the operator.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from kit.db import Connection
from kit.errors import missing
from kit.ids import new_id
from tenants.permissions import Permission
from tenants.scope import Scope

type Changes = Mapping[str, tuple[object, object]]
"""Field to (before, after). Whoever calls leaves secrets out."""

type Told = Mapping[str, list[Any]]
"""The same as it is kept."""


async def note(
    conn: Connection,
    scope: Scope,
    action: str,
    *,
    account_id: UUID,
    target: UUID | str | None = None,
    changes: Changes | None = None,
) -> None:
    """Write down that `scope` did `action` ("credential.create") to something of `account_id`."""
    told = {name: [_told(before), _told(after)] for name, (before, after) in (changes or {}).items() if before != after}
    await conn.execute(
        """insert into audit_entry (id, account_id, member_id, credential_id, home_id, entered, ip, action, target, changes)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::text::jsonb)""",
        new_id(),
        account_id,
        scope.member_id,
        scope.credential_id,
        scope.home_id or scope.account_id,
        scope.home_id is not None,
        scope.ip,
        action,
        None if target is None else str(target),
        json.dumps(told),
    )


@dataclass(frozen=True)
class Entry:
    """One change as people see it."""

    id: UUID
    at: datetime
    account_id: UUID
    account_name: str
    action: str
    target: str | None
    member_id: UUID | None
    """Who did it; None for programs, for the platform, and for the provider's people."""
    member_name: str | None
    member_email: str | None
    credential_name: str | None
    by_provider: bool
    """By somebody of an account above."""
    entered: bool
    """While the account was entered from above ("log in as")."""
    ip: str | None
    changes: Told


_LAST = UUID(int=2**128 - 1)

_ACCOUNTS = ("parent", "account_id")
"""Fields whose values are ids of accounts."""

_SALE = "payment_reference"
"""What the seller calls a payment: for the buyer, who paid, and for who sees the seller."""


async def entries(
    conn: Connection,
    scope: Scope,
    *,
    first: int,
    after: UUID | None,
    account_id: UUID | None = None,
    action: str | None = None,
) -> list[Entry]:
    """Up to `first` entries older than `after`, the newest first: of the whole subtree or one account, of one action or all.

    An action may be given as its beginning: "member." are all that concern members. Raises LiveryError DENIED without
    Permission.AUDIT, MISSING for an account out of sight.
    """
    scope.require(Permission.AUDIT)
    if account_id is not None and not await conn.fetchval(
        f"select exists (select from account where id = $2 and {scope.see('id')})", scope.account_id, account_id
    ):
        raise missing("account")
    values: list[object] = [scope.account_id, after or _LAST]
    chosen = "select e.id from audit_entry e where e.id < $2"
    for condition, value in (("e.account_id = ${}", account_id), ("starts_with(e.action, ${})", action)):
        if value is not None:
            values.append(value)
            chosen += f" and {condition.format(len(values))}"
    found = scope.first(f"{chosen} and {{seen}}", "e.account_id", order="id desc", limit=first)
    rows = await conn.fetch(
        f"""select e.id, e.at, e.account_id, a.name as account_name, e.action, e.target, e.entered, not ours as by_provider,
                   case when ours then e.member_id end as member_id, m.name as member_name, m.email as member_email,
                   c.name as credential_name, case when ours then e.ip end as ip, e.changes::text as changes,
                   ours or e.account_id = $1 or not e.changes ? '{_SALE}' or exists (
                     select from plan_order o join plan p on p.id = o.plan_id
                      where o.id::text = e.target and {scope.see("p.account_id", deleted=True)}) as sale
              from {found} as found join audit_entry e on e.id = found.id join account a on a.id = e.account_id
              cross join lateral (select {scope.see("e.home_id")} as ours) h
              left join member m on m.id = e.member_id and ours
              left join credential c on c.id = e.credential_id and ours
             order by e.id desc""",
        *values,
    )
    found_changes = [json.loads(row["changes"]) for row in rows]
    hidden = await _hidden(conn, scope, found_changes)
    return [
        Entry(
            **{name: value for name, value in row.items() if name not in ("changes", "sale")},
            changes=_shown(told, hidden, sale=row["sale"]),
        )
        for row, told in zip(rows, found_changes, strict=True)
    ]


async def _hidden(conn: Connection, scope: Scope, changes: Sequence[Told]) -> frozenset[Any]:
    """Which accounts that these changes name are out of sight: none for the operator, also not those long gone."""
    named = {id for told in changes for name in _ACCOUNTS for id in told.get(name, ()) if id is not None}
    if not named or await conn.fetchval("select kind = 'operator' from account where id = $1", scope.account_id):
        return frozenset()
    rows = await conn.fetch(
        f"select id from account where id = any ($2::uuid[]) and {scope.see('id', deleted=True)}",
        scope.account_id,
        list(named),
    )
    return frozenset(named - {str(row["id"]) for row in rows})


def _shown(told: Told, hidden: frozenset[Any], *, sale: bool) -> Told:
    shown = {}
    for name, values in told.items():
        if name in _ACCOUNTS:
            values = [None if value in hidden else value for value in values]
        if (name in _ACCOUNTS and values == [None, None]) or (name == _SALE and not sale):
            continue
        shown[name] = values
    return shown


def _told(value: object) -> object:
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
