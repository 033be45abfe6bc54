"""Who are the people, and which of their browsers are signed in?

A session is a random token in a cookie, kept as its hash, bound to the host it was made on and good for 14 days.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from kit.crypto import fingerprint, hash_password, verify_password
from kit.db import Connection, Database, UnitOfWork
from kit.errors import Kind, LiveryError, invalid
from kit.ids import new_id
from tenants.models import Member, Role
from tenants.permissions import ROLES
from tenants.scope import Scope

LIFE = timedelta(days=14)


@dataclass(frozen=True)
class SignedIn:
    """A session just made; `token` is for the cookie only."""

    token: str
    scope: Scope
    expires_at: datetime


@dataclass(frozen=True)
class MemberView:
    """A member as people see it."""

    id: UUID
    email: str
    name: str


async def create_member(unit: UnitOfWork, *, account_id: UUID, email: str, name: str, password: str) -> UUID:
    """Let a person into an account.

    Raises LiveryError INVALID for an address without @ or a password under ten characters, CONFLICT for a known address.
    """
    email = email.strip().lower()
    if email.count("@") != 1 or email.startswith("@") or email.endswith("@"):
        raise invalid("That is no e-mail address.", "email")
    if len(password) < 10:
        raise invalid("A password needs at least ten characters.", "password")
    if await Member.filter(email=email).exists():
        raise LiveryError(Kind.CONFLICT, "TAKEN", f"{email} is a member already.", field=("email",))
    member = await Member.create(
        id=new_id(), account_id=account_id, email=email, name=name, password_hash=await hash_password(password)
    )
    return member.id


async def login(db: Database, *, email: str, password: str, host: str, ip: str) -> SignedIn | None:
    """Sign a person in on `host`, or None: unknown names take the same time and get the same answer."""
    async with db.connection() as conn:
        row = await conn.fetchrow(
            "select id, account_id, role, password_hash from member where email = $1", email.strip().lower()
        )
    # No connection is held while argon2 works: it is slow on purpose.
    if not await verify_password(password, row["password_hash"] if row else None) or row is None:
        return None
    token = secrets.token_urlsafe(32)
    async with db.connection() as conn:
        expires_at = await conn.fetchval(
            """insert into session (id, member_id, host, ip, expires_at)
               values ($1, $2, $3, $4, livery_now() + $5) returning expires_at""",
            fingerprint(token),
            row["id"],
            host,
            ip,
            LIFE,
        )
    return SignedIn(token, _scope(row, ip), expires_at)


async def session_scope(conn: Connection, token: str, *, host: str, ip: str | None = None) -> Scope | None:
    """Whom a session's token stands for on `host`; None when it has ended, or was made on another host."""
    row = await conn.fetchrow(
        """select m.id, m.account_id, m.role from session s join member m on m.id = s.member_id
            where s.id = $1 and s.host = $2 and s.expires_at > livery_now()""",
        fingerprint(token),
        host,
    )
    return _scope(row, ip) if row else None


async def end_session(conn: Connection, token: str) -> None:
    """Sign this browser out; nothing happens if it was not signed in."""
    await conn.execute("delete from session where id = $1", fingerprint(token))


async def view_member(conn: Connection, scope: Scope) -> MemberView | None:
    """The person behind the scope; None where a program acts."""
    row = await conn.fetchrow("select id, email, name from member where id = $1", scope.member_id)
    return MemberView(**row) if row else None


def _scope(row: Mapping[str, Any], ip: str | None) -> Scope:
    return Scope(account_id=row["account_id"], member_id=row["id"], may=ROLES[Role(row["role"])], ip=ip)
