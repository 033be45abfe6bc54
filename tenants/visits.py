"""How does a member enter an account below the own one ("log in as"), and leave it again?

Only downwards, only by a person with Permission.ACCOUNTS, and never with more than the own role allows; the entered
account's people, their sign-in and its secrets stay out of reach (`permissions.VISITOR`). Both sides get an audit entry
for each step, and whatever is done inside is marked as done by a visitor. Each step gives the session a new token.
"""

import secrets
from dataclasses import dataclass
from uuid import UUID

from kit.crypto import fingerprint
from kit.db import Connection
from kit.errors import Kind, LiveryError, missing
from tenants import audit
from tenants.permissions import Permission
from tenants.scope import Scope


@dataclass(frozen=True)
class Moved:
    """The session goes on under a new token, for the cookie only; the old one opens nothing any more."""

    token: str


async def enter(conn: Connection, scope: Scope, token: str | None, account_id: UUID | None) -> Moved:
    """Act for an account below the one that is acted for now. The connection must see the member's own account.

    Raises LiveryError DENIED without Permission.ACCOUNTS and for programs, MISSING for an account that is not below,
    CONFLICT for the account itself.
    """
    scope.require(Permission.ACCOUNTS)
    home = _person(scope, token)
    if account_id == scope.account_id:
        raise LiveryError(Kind.CONFLICT, "THERE_ALREADY", "You act for this account already.", field=("accountId",))
    found: UUID | None = await conn.fetchval(
        f"select id from account where id = $2 and deleted_at is null and {scope.see('id')}",
        scope.account_id,
        account_id,
    )
    if found is None:
        raise missing("account")
    moved = await _move(conn, token, found)
    await _note(conn, scope, "account.enter", found, home)
    return moved


async def leave(conn: Connection, scope: Scope, token: str | None) -> Moved:
    """Act for one's own account again. Raises LiveryError CONFLICT where no other one is entered, DENIED for programs."""
    home = _person(scope, token)
    if scope.home_id is None:
        raise LiveryError(Kind.CONFLICT, "AT_HOME", "No other account is entered.")
    moved = await _move(conn, token, None)
    await _note(conn, scope, "account.leave", scope.account_id, home)
    return moved


async def _move(conn: Connection, token: str | None, acts_for: UUID | None) -> Moved:
    fresh = secrets.token_urlsafe(32)
    moved = await conn.fetchval(
        "update session set id = $2, acts_for_id = $3 where id = $1 returning id",
        fingerprint(token or ""),
        fingerprint(fresh),
        acts_for,
    )
    if moved is None:
        raise missing("session")
    return Moved(fresh)


async def _note(conn: Connection, scope: Scope, action: str, entered: UUID, home: UUID) -> None:
    visitor = Scope(entered, member_id=scope.member_id, home_id=home, ip=scope.ip)
    await audit.note(conn, visitor, action, account_id=entered, target=entered)
    await audit.note(conn, visitor, action, account_id=home, target=entered)


def _person(scope: Scope, token: str | None) -> UUID:
    if scope.member_id is None or token is None:
        raise LiveryError(
            Kind.DENIED, "FORBIDDEN", "Only people enter accounts.", next="Make a key of that account instead."
        )
    return scope.home_id or scope.account_id
