"""What does an account sell to those right below it? Plans: credits once or every month, or an address of their own."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from kit.db import Connection, UnitOfWork
from kit.errors import LiveryError, invalid, missing
from kit.ids import new_id
from tenants import audit, details, grants
from tenants.scope import Scope

_CURRENCY = re.compile(r"[A-Z]{3}")
_LONGEST = 3650  # days
_LAST = UUID(int=2**128 - 1)


@dataclass(frozen=True)
class Plan:
    """Something for sale. What it gives never changes: who wants to sell something else makes another one."""

    id: UUID
    account_id: UUID
    """Who sells it."""
    name: str
    credits: int
    monthly: bool
    """Granted every month while it runs."""
    valid_days: int
    """How long its credits are good."""
    dedicated_ip: bool
    price_cents: int
    currency: str
    """ISO 4217"""
    created_at: datetime
    archived_at: datetime | None
    """No longer sold since then."""


COLUMNS = """p.id, p.account_id, p.name, p.credits, p.monthly, p.valid_days, p.dedicated_ip, p.price_cents, p.currency,
             p.created_at, p.archived_at"""


@dataclass(frozen=True, slots=True)
class Terms:
    """A plan to be made."""

    name: str
    credits: int
    monthly: bool = False
    valid_days: int = 365
    dedicated_ip: bool = False
    price_cents: int = 0
    currency: str = "EUR"

    def check(self) -> None:
        """Raises LiveryError INVALID with the field at fault."""
        if not 0 < len(details.called(self.name)) <= 100:
            raise invalid("A plan has a name of at most 100 characters that can be seen.", "name")
        if not 0 <= self.credits <= grants.MOST:
            raise invalid("Credits are whole numbers from zero, below 2^53.", "credits")
        if not self.credits and not self.dedicated_ip:
            raise invalid("A plan gives credits, an address, or both.", "credits")
        if not 1 <= self.valid_days <= _LONGEST:
            raise invalid(f"Credits are good for 1 to {_LONGEST} days.", "validDays")
        if not 0 <= self.price_cents <= grants.MOST:
            raise invalid("A price is a whole number of cents from zero.", "priceCents")
        if not _CURRENCY.fullmatch(self.currency):
            raise invalid("A currency is written as three capital letters (ISO 4217).", "currency")


async def create_plan(unit: UnitOfWork, scope: Scope, terms: Terms) -> Plan:
    """Offer a plan to the accounts right below the scope's own. Raises LiveryError INVALID, DENIED where it may not resell."""
    scope.trade()
    terms.check()
    if not await unit.conn.fetchval("select may_resell from account where id = $1", scope.account_id):
        raise invalid("This account has nobody below it to sell to.", next="Ask whoever runs your account.")
    row = await unit.conn.fetchrow(
        f"""with p as (
              insert into plan (id, account_id, name, credits, monthly, valid_days, dedicated_ip, price_cents, currency)
              values ($1, $2, $3, $4, $5, $6, $7, $8, $9) returning *)
            select {COLUMNS} from p""",
        new_id(),
        scope.account_id,
        details.called(terms.name),
        terms.credits,
        terms.monthly,
        terms.valid_days,
        terms.dedicated_ip,
        terms.price_cents,
        terms.currency,
    )
    plan = _plan(row)
    told = {name: (None, getattr(plan, name)) for name in ("name", "credits", "monthly", "price_cents", "currency")}
    await audit.note(unit.conn, scope, "plan.create", account_id=scope.account_id, target=plan.id, changes=told)
    return plan


async def archive_plan(unit: UnitOfWork, scope: Scope, plan_id: UUID) -> Plan:
    """Sell a plan no longer; what runs goes on. Raises LiveryError MISSING."""
    scope.trade()
    row = await unit.conn.fetchrow(
        f"""update plan p set archived_at = coalesce(p.archived_at, livery_now())
             where p.id = $2 and {scope.see("p.account_id")} returning {COLUMNS}""",
        scope.account_id,
        plan_id,
    )
    if row is None:
        raise _missing()
    plan = _plan(row)
    await audit.note(
        unit.conn,
        scope,
        "plan.archive",
        account_id=plan.account_id,
        target=plan.id,
        changes={"archived_at": (None, plan.archived_at)},
    )
    return plan


async def sold(conn: Connection, scope: Scope, *, first: int, after: UUID | None) -> list[Plan]:
    """What the scope's own account sells or has sold, newest first."""
    rows = await conn.fetch(
        f"""select {COLUMNS} from plan p
             where p.account_id = $1 and {scope.see("p.account_id")} and p.id < $2 order by p.id desc limit $3""",
        scope.account_id,
        after or _LAST,
        first,
    )
    return [_plan(row) for row in rows]


async def offered(conn: Connection, scope: Scope) -> list[Plan]:
    """What the scope's own account can order from the one right above it; the cheapest first."""
    # Its parent is no part of what it sees: of that one, its offers alone are shown.
    rows = await conn.fetch(
        f"""select {COLUMNS} from account a join plan p on p.account_id = a.parent_id
             where a.id = $1 and a.pool_id is null and p.archived_at is null
             order by p.price_cents, p.credits, p.id limit 100""",
        scope.account_id,
    )
    return [_plan(row) for row in rows]


def _plan(row: Mapping[str, Any]) -> Plan:
    return Plan(**row)


def _missing() -> LiveryError:
    return missing("plan")
