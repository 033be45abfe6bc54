"""How does somebody make, change and move the accounts below their own?

Each command asks for `Permission.ACCOUNTS`, finds its account through the scope, and writes its audit entry in the same
transaction. An account's own people change what concerns themselves; what it is given (limit, source, pool, whether it
may resell) is decided from above.
"""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

import asyncpg

from kit.db import Connection, UnitOfWork
from kit.errors import Kind, LiveryError, invalid, missing
from tenants import audit, grants, limits, orders, sources, tree
from tenants.details import checked
from tenants.models import AccountKind, WhenSpent
from tenants.permissions import SPENDING, WELCOME, Permission
from tenants.scope import Scope, sandboxed
from tenants.states import AccountState, suspended
from tenants.views import AccountView, view_account

FROM_ABOVE = frozenset({"slug", "monthly_limit", "source_id", "shares_pool", "may_resell"})
"""What nobody decides for their own account."""


async def create(
    unit: UnitOfWork,
    scope: Scope,
    given: Mapping[str, Any],
    *,
    parent_id: UUID | None = None,
    may_resell: bool = False,
    shares_pool: bool = False,
    source_id: UUID | None = None,
) -> UUID:
    """Make an account below `parent_id` (the scope's own unless said) with the details in `given`; its id.

    Raises LiveryError: DENIED without the permission or below one that may not have sub-accounts, MISSING for a parent or
    a source that is not seen, INVALID, CONFLICT for a short name that is taken.
    """
    scope.require(Permission.ACCOUNTS)
    if shares_pool:
        scope.trade("sharesPool")
    await tree.alone(unit.conn)
    parent = await _found(unit.conn, scope, parent_id or scope.account_id, "parentId")
    _may_have_children(parent, "parentId")
    details = checked(given)
    if source_id is not None:
        await sources.usable(unit.conn, scope, source_id, await _lineage(unit.conn, parent.id))
        details["source_id"] = source_id
    kind = AccountKind.RESELLER if may_resell else AccountKind.SUB_ACCOUNT
    id = await tree.insert(unit.conn, parent_id=parent.id, kind=kind, given=details, shares_pool=shares_pool)
    told = {**details, "may_resell": may_resell, "shares_pool": shares_pool}
    await audit.note(
        unit.conn,
        scope,
        "account.create",
        account_id=id,
        target=id,
        changes={field: (None, value) for field, value in told.items() if value not in (None, False)},
    )
    return id


async def update(unit: UnitOfWork, scope: Scope, account_id: UUID, given: Mapping[str, Any]) -> None:
    """Change what `given` holds: details, `source_id`, `shares_pool`, `may_resell`, `sign_up_plan_id`.

    Raises LiveryError: DENIED for what is decided from above, MISSING, INVALID, CONFLICT.
    """
    scope.require(Permission.ACCOUNTS)
    await tree.alone(unit.conn)
    before = await _found(unit.conn, scope, account_id, "id")
    if (
        account_id == scope.account_id
        and (own := FROM_ABOVE & given.keys())
        and not await _at_the_top(unit.conn, scope)
    ):
        raise LiveryError(
            Kind.DENIED,
            "DECIDED_ABOVE",
            "This is decided by whoever runs your account.",
            next="Ask them to change it.",
            field=(_camel(sorted(own)[0]),),
        )
    if given.keys() & {"monthly_limit", "shares_pool"}:
        await _hold_payers(unit.conn, account_id)
    values = checked({name: value for name, value in given.items() if name not in _LOOKED_UP})
    for name in _LOOKED_UP & given.keys():
        values |= await _LOOK_UP[name](unit.conn, scope, before, given[name])
    changed = {name: value for name, value in values.items() if name == "pool_id" or getattr(before, name) != value}
    if opened := _opened(before, changed):
        scope.trade(_camel("shares_pool" if opened == "pool_id" else opened))
    if scope.sandbox and changed.get("when_spent") == WhenSpent.QUEUE:
        raise sandboxed("lets no real mail go", "whenSpent")
    if changed:
        assignments = ", ".join(f"{name} = ${n}" for n, name in enumerate(changed, 2))
        try:
            await unit.conn.execute(f"update account set {assignments} where id = $1", account_id, *changed.values())
        except asyncpg.UniqueViolationError as fault:
            # Names are unique over all accounts, whoever may see them: only the index knows.
            raise _taken("slug" if "slug" in str(fault.constraint_name) else "referral_code", changed) from None
    if changed.get("monthly_limit") is not None and before.monthly_limit is None:
        await limits.begin(unit.conn, account_id)
    if "pool_id" in changed:
        await tree.follow_pool(unit.conn, account_id)
        if changed["pool_id"] is not None:
            await orders.end_all(unit.conn, scope, account_id)
        changed = {name: value for name, value in changed.items() if name != "pool_id"}
        changed["shares_pool"] = given["shares_pool"]
    await audit.note(
        unit.conn,
        scope,
        "account.update",
        account_id=account_id,
        target=account_id,
        changes={name: (getattr(before, name), value) for name, value in changed.items()},
    )


async def move(unit: UnitOfWork, scope: Scope, account_id: UUID, below: UUID) -> None:
    """Put an account and everything below it under another parent; both must be seen.

    What it has ordered from the parent before is ended: that one gives it nothing more. What was granted stays.
    Raises LiveryError: DENIED for the own account, below one that may not have sub-accounts, or without Permission.CREDITS
    out of what a monthly limit bounds; MISSING, CONFLICT below itself (CYCLE) or where it shares credits that the new parent
    does not spend (POOL).
    """
    scope.require(Permission.ACCOUNTS)
    await tree.alone(unit.conn)
    account = await strictly_below(unit.conn, scope, account_id)
    parent = await _found(unit.conn, scope, below, "below")
    above = await _lineage(unit.conn, parent.id)
    if account_id in above:
        raise LiveryError(
            Kind.CONFLICT,
            "CYCLE",
            "An account cannot be moved below itself.",
            field=("below",),
            next="Choose another one.",
        )
    _may_have_children(parent, "below")
    if account.shares_pool and not await unit.conn.fetchval(
        """select a.pool_id = coalesce(p.pool_id, p.id) from account a, account p where a.id = $1 and p.id = $2""",
        account_id,
        below,
    ):
        raise LiveryError(
            Kind.CONFLICT,
            "POOL",
            f"{account.name} spends its parent's credits, and the new parent spends others.",
            field=("below",),
            next="Give it credits of its own first.",
        )
    if account.parent_id == below:
        return
    await _stay_limited(unit.conn, scope, account, above)
    await grants.hold(unit.conn, [account_id])
    await orders.end_all(unit.conn, scope, account_id, below=above)
    await tree.reposition(unit.conn, account_id, below)
    await sources.leave_foreign(unit.conn)
    await audit.note(
        unit.conn,
        scope,
        "account.move",
        account_id=account_id,
        target=account_id,
        changes={"parent": (account.parent_id, below)},
    )


async def strictly_below(conn: Connection, scope: Scope, account_id: UUID) -> AccountView:
    """An account that the scope has a say over. Raises LiveryError MISSING, and DENIED for the scope's own."""
    found = await _found(conn, scope, account_id, "id")
    if account_id == scope.account_id:
        raise LiveryError(
            Kind.DENIED,
            "OWN_ACCOUNT",
            "This cannot be done to one's own account.",
            field=("id",),
            next="Whoever runs your account can.",
        )
    return found


async def _found(conn: Connection, scope: Scope, account_id: UUID, field: str) -> AccountView:
    try:
        return await view_account(conn, scope, account_id)
    except LiveryError as refusal:
        refusal.field = (field,)
        raise


def _may_have_children(parent: AccountView, field: str) -> None:
    if parent.state is not AccountState.ACTIVE:
        raise suspended()
    if not parent.may_resell:
        raise LiveryError(
            Kind.DENIED,
            "NO_SUB_ACCOUNTS",
            f"{parent.name} may not have sub-accounts.",
            field=(field,),
            next="Whoever runs that account can allow it.",
        )


async def _lineage(conn: Connection, account_id: UUID) -> list[UUID]:
    lineage: list[UUID] = await conn.fetchval("select lineage from account where id = $1", account_id)
    return lineage


def _opened(before: AccountView, changed: Mapping[str, Any]) -> str | None:
    """The first of the changes that opens credits; None where none does."""
    if spending := sorted(SPENDING & changed.keys()):
        return spending[0]
    # Whoever signs up is given the plan, from the account's credits.
    if all(changed.get(name, getattr(before, name)) for name in WELCOME):
        return next((name for name in WELCOME if name in changed), None)
    return None


async def _stay_limited(conn: Connection, scope: Scope, account: AccountView, above: Collection[UUID]) -> None:
    """Raise LiveryError DENIED where an account that is moved leaves a monthly limit behind and nobody may open one."""
    if await conn.fetchval(
        """select exists (select from account l, account p
                           where p.id = $1 and l.id = any (p.lineage) and l.id <> all ($2::uuid[])
                             and l.monthly_limit is not null)""",
        account.parent_id,
        above,
    ):
        scope.trade("below")


async def _hold_payers(conn: Connection, account_id: UUID) -> None:
    """Hold the balances that an account spends, and could spend, before anything else of it is touched."""
    row = await conn.fetchrow(
        """select coalesce(a.pool_id, a.id) as payer_id, coalesce(p.pool_id, p.id) as above_id
             from account a left join account p on p.id = a.parent_id where a.id = $1""",
        account_id,
    )
    await grants.hold(conn, {id for id in (account_id, row["payer_id"], row["above_id"]) if id is not None})


async def _at_the_top(conn: Connection, scope: Scope) -> bool:
    top: bool = await conn.fetchval("select parent_id is null from account where id = $1", scope.account_id)
    return top


def _taken(name: str, changed: Mapping[str, Any]) -> LiveryError:
    what = "short name" if name == "slug" else "code"
    return LiveryError(Kind.CONFLICT, "TAKEN", f"The {what} {changed[name]} is taken.", field=(_camel(name),))


async def _source(conn: Connection, scope: Scope, account: AccountView, value: Any) -> dict[str, Any]:
    if value is not None:
        await sources.usable(conn, scope, value, await _lineage(conn, account.id))
    return {"source_id": value}


async def _resell(conn: Connection, _: Scope, account: AccountView, value: Any) -> dict[str, Any]:
    if account.kind is AccountKind.OPERATOR:
        return {}
    if not value and account.children:
        raise LiveryError(
            Kind.CONFLICT,
            "HAS_SUB_ACCOUNTS",
            f"{account.name} has sub-accounts.",
            field=("mayResell",),
            next="Move or delete them first.",
        )
    kind = AccountKind.RESELLER if value else AccountKind.SUB_ACCOUNT
    return {"may_resell": bool(value), "kind": kind.value}


async def _pool(conn: Connection, _: Scope, account: AccountView, value: Any) -> dict[str, Any]:
    if bool(value) == account.shares_pool:
        return {}
    if not value:
        return {"pool_id": None}
    parent = await conn.fetchrow(
        """select coalesce(p.pool_id, p.id) as pool, b.remaining from account a join account p on p.id = a.parent_id
             join balance b on b.account_id = a.id where a.id = $1""",
        account.id,
    )
    if parent is None:
        raise invalid("Nobody is above this account.", "sharesPool")
    if parent["remaining"]:
        raise LiveryError(
            Kind.CONFLICT,
            "HAS_CREDITS",
            f"{account.name} has credits of its own.",
            field=("sharesPool",),
            next="Take them back first.",
        )
    return {"pool_id": parent["pool"]}


async def _plan(conn: Connection, _: Scope, account: AccountView, value: Any) -> dict[str, Any]:
    if value is not None and not await conn.fetchval(
        "select true from plan where id = $1 and account_id = $2 and archived_at is null", value, account.id
    ):
        refusal = missing("plan")
        refusal.field = ("signUpPlanId",)
        raise refusal
    return {"sign_up_plan_id": value}


_LOOK_UP = {"source_id": _source, "may_resell": _resell, "shares_pool": _pool, "sign_up_plan_id": _plan}
_LOOKED_UP = _LOOK_UP.keys()


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.title() for part in rest)
