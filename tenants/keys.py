"""Who may make, change and end an account's credentials? Whoever has Permission.KEYS.

    make      the secret is in the answer and in no other place
    change    name, networks, permissions, limits, sandbox, end
    disable   nobody is let in until it is enabled again
    revoke    nobody is let in for ever; the row stays, for what was sent with it

Nobody gives more than they have (`tenants.terms`). Each change has its audit entry, without secrets.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from kit.crypto import Keyring
from kit.db import Connection, UnitOfWork
from kit.errors import Kind, LiveryError, missing
from tenants import audit
from tenants.credentials import NewCredential, check_end, checked_name, checked_networks, create_credential
from tenants.makers import made_by
from tenants.models import CredentialKind as CredentialKind  # doors name a kind, and import no models
from tenants.permissions import CREDENTIALS, Permission
from tenants.rates import Limits
from tenants.scope import Scope
from tenants.terms import Giver, Terms, check_gift, differences

MOST = 1000
"""Credentials in force of one account."""


class CredentialState(StrEnum):
    """Whether a credential lets anybody in."""

    ACTIVE = "active"
    DISABLED = "disabled"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True)
class CredentialView:
    """A credential as people see it."""

    id: UUID
    account_id: UUID
    account_name: str
    kind: CredentialKind
    username: str | None
    prefix: str | None
    """How its secret begins, where that was generated."""
    state: CredentialState
    terms: Terms
    may: frozenset[Permission]
    created_at: datetime
    disabled_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    """To the minute."""
    last_used_ip: str | None


_COLUMNS = """c.id, c.account_id, c.kind, c.username, c.prefix, c.name, c.networks::text[] as networks, c.permissions,
  c.per_minute, c.per_hour, c.per_day, c.per_month, c.sandbox, c.expires_at, c.created_at, c.disabled_at, c.revoked_at,
  c.last_used_at, c.last_used_ip, (select name from account where id = c.account_id) as account_name,
  case when c.revoked_at is not null then 'revoked' when c.expires_at <= livery_now() then 'expired'
       when c.disabled_at is not null then 'disabled' else 'active' end as state"""


async def credentials(
    conn: Connection,
    scope: Scope,
    *,
    account_id: UUID | None,
    first: int,
    after: UUID | None = None,
    revoked: bool = False,
    maker: UUID | None = None,
) -> list[CredentialView]:
    """Credentials, newest first: of one account or of all that the scope sees, by whomever or those that one member made.

    Revoked ones only where asked for. Nothing for an account out of sight.
    """
    rows = await conn.fetch(
        f"""select {_COLUMNS} from credential c
             where {scope.see("c.account_id")} and ($2::uuid is null or c.account_id = $2)
               and ($3::uuid is null or c.id < $3) and ($4 or c.revoked_at is null)
               and ($6::uuid is null or {made_by(scope, "$6")})
             order by c.id desc limit $5""",
        scope.account_id,
        account_id,
        after,
        revoked,
        first,
        maker,
    )
    return [_view(row) for row in rows]


async def credential(conn: Connection, scope: Scope, id: UUID) -> CredentialView | None:
    """One credential; None where there is none of that id to be seen."""
    row = await conn.fetchrow(
        f"select {_COLUMNS} from credential c where {scope.see('c.account_id')} and c.id = $2", scope.account_id, id
    )
    return _view(row) if row else None


async def make(
    unit: UnitOfWork, scope: Scope, keyring: Keyring, *, account_id: UUID, kind: CredentialKind, terms: Terms
) -> NewCredential:
    """Make a credential of an account that the scope sees.

    Raises LiveryError: DENIED without Permission.KEYS, for more than the scope has itself, or for a source by anybody but
    the operator; MISSING for an account out of sight; EXHAUSTED above MOST; INVALID as `create_credential`.
    """
    scope.require(Permission.KEYS)
    terms = _checked(kind, terms)
    conn = unit.conn
    # The account's row is held so that two who count its credentials do so one after the other.
    if not await conn.fetchval(
        f"select true from account where {scope.see('id')} and id = $2 for no key update", scope.account_id, account_id
    ):
        raise missing("account")
    await _may_give(conn, scope, kind, terms, before=None)
    if await conn.fetchval(
        "select count(*) >= $2 from credential where account_id = $1 and revoked_at is null", account_id, MOST
    ):
        raise LiveryError(
            Kind.EXHAUSTED,
            "TOO_MANY",
            f"An account has at most {MOST:,} credentials.",
            next="Revoke those that nobody uses: the list says when each was used last.",
        )
    made = await create_credential(
        conn,
        keyring,
        account_id=account_id,
        kind=kind,
        name=terms.name,
        networks=terms.networks,
        sandbox=terms.sandbox,
        permissions=terms.permissions,
        limits=terms.limits,
        expires_at=terms.expires_at,
        created_by=scope.member_id,
    )
    changes = {"kind": (None, kind.value), "username": (None, made.username), **differences(Terms(""), terms)}
    await audit.note(conn, scope, "credential.create", account_id=account_id, target=made.id, changes=changes)
    return made


async def change(unit: UnitOfWork, scope: Scope, id: UUID, revise: Callable[[Terms], Terms]) -> CredentialView:
    """Give a credential other terms; open sessions follow within seconds.

    Raises LiveryError: MISSING, DENIED as `make`, CONFLICT for a revoked one, INVALID as `create_credential`.
    """
    found = await _held(unit.conn, scope, id)
    terms = _checked(found.kind, revise(found.terms))
    if terms == found.terms:
        return found
    await _may_give(unit.conn, scope, found.kind, terms, before=found.terms)
    if terms.expires_at is not None and terms.expires_at != found.terms.expires_at:
        await check_end(unit.conn, terms.expires_at)
    await unit.conn.execute(
        """update credential set name = $2, networks = $3::text[]::cidr[], permissions = $4, per_minute = $5, per_hour = $6,
                  per_day = $7, per_month = $8, sandbox = $9, expires_at = $10 where id = $1""",
        id,
        terms.name,
        terms.networks or None,
        None if terms.permissions is None else sorted(terms.permissions),
        terms.limits.per_minute,
        terms.limits.per_hour,
        terms.limits.per_day,
        terms.limits.per_month,
        terms.sandbox,
        terms.expires_at,
    )
    return await _noted(unit.conn, scope, "credential.update", found, differences(found.terms, terms))


async def disable(unit: UnitOfWork, scope: Scope, id: UUID) -> CredentialView:
    """Switch a credential off: within seconds nobody is let in with it. Raises LiveryError MISSING, DENIED, CONFLICT."""
    found = await _held(unit.conn, scope, id)
    if found.disabled_at is not None:
        return found
    await unit.conn.execute("update credential set disabled_at = livery_now() where id = $1", id)
    return await _noted(unit.conn, scope, "credential.disable", found, {"disabled": (False, True)})


async def enable(unit: UnitOfWork, scope: Scope, id: UUID) -> CredentialView:
    """Switch a credential on again. Raises LiveryError MISSING, DENIED (also where it has more than the scope), CONFLICT."""
    found = await _held(unit.conn, scope, id)
    if found.disabled_at is None:
        return found
    await _may_give(unit.conn, scope, found.kind, found.terms, before=found.terms)
    await unit.conn.execute("update credential set disabled_at = null where id = $1", id)
    return await _noted(unit.conn, scope, "credential.enable", found, {"disabled": (True, False)})


async def revoke(unit: UnitOfWork, scope: Scope, id: UUID) -> CredentialView:
    """Let nobody in with a credential any more, for ever. Raises LiveryError MISSING, DENIED."""
    found = await _held(unit.conn, scope, id, revoked=True)
    if found.revoked_at is not None:
        return found
    await unit.conn.execute("update credential set revoked_at = livery_now() where id = $1", id)
    return await _noted(unit.conn, scope, "credential.revoke", found, {"revoked": (False, True)})


def _checked(kind: CredentialKind, terms: Terms) -> Terms:
    """The terms as they are written down. Raises LiveryError INVALID."""
    terms.limits.check()
    return replace(terms, name=checked_name(terms.name), networks=tuple(checked_networks(kind, terms.networks)))


async def _held(conn: Connection, scope: Scope, id: UUID, *, revoked: bool = False) -> CredentialView:
    """The credential, locked until the end of the transaction."""
    scope.require(Permission.KEYS)
    row = await conn.fetchrow(
        f"select {_COLUMNS} from credential c where {scope.see('c.account_id')} and c.id = $2 for update",
        scope.account_id,
        id,
    )
    if row is None:
        raise missing("credential")
    if row["revoked_at"] is not None and not revoked:
        raise LiveryError(
            Kind.CONFLICT, "REVOKED", "This credential was revoked, and that is for ever.", next="Make a new one."
        )
    return _view(row)


async def _noted(
    conn: Connection, scope: Scope, action: str, before: CredentialView, changes: audit.Changes
) -> CredentialView:
    await audit.note(conn, scope, action, account_id=before.account_id, target=before.id, changes=changes)
    return _view(await conn.fetchrow(f"select {_COLUMNS} from credential c where c.id = $1", before.id))


async def _may_give(
    conn: Connection, scope: Scope, kind: CredentialKind, terms: Terms, *, before: Terms | None
) -> None:
    """Raise LiveryError DENIED where the scope would give more than it has."""
    own = None
    if scope.credential_id is not None:
        row = await conn.fetchrow(f"select {_COLUMNS} from credential c where c.id = $1", scope.credential_id)
        own = _view(row).terms if row else Terms("", sandbox=True, permissions=frozenset())
    operator = await conn.fetchval("select kind = 'operator' from account where id = $1", scope.account_id)
    check_gift(kind, terms, before=before, giver=Giver(scope.may, own, operator=bool(operator)))


def _view(row: Mapping[str, Any]) -> CredentialView:
    kind = CredentialKind(row["kind"])
    stated = None if row["permissions"] is None else frozenset(map(Permission, row["permissions"]))
    return CredentialView(
        id=row["id"],
        account_id=row["account_id"],
        account_name=row["account_name"],
        kind=kind,
        username=row["username"],
        prefix=row["prefix"],
        state=CredentialState(row["state"]),
        terms=Terms(
            name=row["name"],
            networks=tuple(row["networks"] or ()),
            permissions=stated,
            limits=Limits(row["per_minute"], row["per_hour"], row["per_day"], row["per_month"]),
            sandbox=row["sandbox"],
            expires_at=row["expires_at"],
        ),
        may=CREDENTIALS[kind] if stated is None else stated,
        created_at=row["created_at"],
        disabled_at=row["disabled_at"],
        revoked_at=row["revoked_at"],
        last_used_at=row["last_used_at"],
        last_used_ip=row["last_used_ip"],
    )
