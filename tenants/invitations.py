"""How does a person come into an account? By a link in a mail: good for seven days, once, and for one address.

An address has one open invitation to an account at most. A link that has run out, was used or taken back is answered
like one that never was. Whether the address belongs to somebody elsewhere is told to nobody but its owner, who opens
the link.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from kit.crypto import fingerprint, hash_password
from kit.db import Connection, Database, UnitOfWork
from kit.errors import Kind, LiveryError, missing
from kit.ids import new_id
from tenants import audit, branding, details, emails
from tenants.members import add_member, check_gift, check_password, check_rank, find_account
from tenants.models import Role
from tenants.permissions import Permission
from tenants.scope import Scope, adopt
from tenants.sessions import Person

LIFE = timedelta(days=7)


@dataclass(frozen=True)
class InvitationView:
    """An invitation that was neither taken up nor taken back."""

    id: UUID
    account_id: UUID
    email: str
    role: Role
    created_at: datetime
    expires_at: datetime
    expired: bool


@dataclass(frozen=True)
class Invited:
    """An invitation with its link's token, which is for the mail only."""

    invitation: InvitationView
    account_name: str
    token: str


@dataclass(frozen=True)
class Offer:
    """What whoever opens the link is told before accepting."""

    account_name: str
    email: str
    expires_at: datetime


_VIEW = "i.id, i.account_id, i.email, i.role, i.created_at, i.expires_at, i.expires_at <= livery_now() as expired"
_OPEN = "i.accepted_at is null and i.revoked_at is null"


async def invite(unit: UnitOfWork, scope: Scope, account_id: UUID | None, email: str, role: Role) -> Invited:
    """Invite an address into an account that the scope sees, its own unless named. The mail is `mail.notices`'s to send.

    Raises LiveryError DENIED without Permission.MEMBERS, for a role above one's own and for more than a key has, MISSING for
    an account out of sight, INVALID for what is no address, CONFLICT for a member of the account and for an address that is
    invited already.
    """
    scope.require(Permission.MEMBERS)
    conn, email = unit.conn, emails.checked(email)
    account = await find_account(conn, scope, account_id)
    await check_rank(conn, scope, account, role)
    await check_gift(conn, scope, account, role)
    if await conn.fetchval("select exists (select from member where email = $1 and account_id = $2)", email, account):
        raise LiveryError(Kind.CONFLICT, "TAKEN", f"{email} is a member of this account already.", field=("email",))
    await conn.execute(
        f"""update invitation i set revoked_at = livery_now()
             where i.account_id = $1 and i.email = $2 and {_OPEN} and i.expires_at <= livery_now()""",
        account,
        email,
    )
    token = secrets.token_urlsafe(32)
    row = await conn.fetchrow(
        f"""insert into invitation as i (id, account_id, email, role, token_hash, invited_by, expires_at)
            values ($1, $2, $3, $4, $5, $6, livery_now() + $7)
            on conflict (account_id, email) where accepted_at is null and revoked_at is null do nothing
            returning {_VIEW}, (select name from account where id = i.account_id) as account_name""",
        new_id(),
        account,
        email,
        role.value,
        fingerprint(token),
        scope.member_id,
        LIFE,
    )
    if row is None:
        raise LiveryError(
            Kind.CONFLICT,
            "INVITED",
            f"{email} has an open invitation already.",
            next="Send that one again, or revoke it first.",
            field=("email",),
        )
    await audit.note(
        conn,
        scope,
        "invitation.create",
        account_id=account,
        target=row["id"],
        changes={"email": (None, email), "role": (None, role.value)},
    )
    return _invited(row, token)


async def mailbox(conn: Connection, scope: Scope, id: UUID | None) -> str:
    """The address that an open invitation is for. Raises LiveryError DENIED, MISSING."""
    return (await _find(conn, scope, id)).email


async def resend(unit: UnitOfWork, scope: Scope, id: UUID | None) -> Invited:
    """Another link for another seven days, in place of the one before. Raises LiveryError DENIED, MISSING."""
    invitation = await _find(unit.conn, scope, id)
    await check_gift(unit.conn, scope, invitation.account_id, invitation.role)
    token = secrets.token_urlsafe(32)
    row = await unit.conn.fetchrow(
        f"""update invitation i set token_hash = $2, expires_at = livery_now() + $3 where i.id = $1
            returning {_VIEW}, (select name from account where id = i.account_id) as account_name""",
        invitation.id,
        fingerprint(token),
        LIFE,
    )
    await audit.note(unit.conn, scope, "invitation.resend", account_id=invitation.account_id, target=invitation.id)
    return _invited(row, token)


async def revoke(unit: UnitOfWork, scope: Scope, id: UUID | None) -> InvitationView:
    """Take an invitation back: its link opens nothing any more. Raises LiveryError DENIED, MISSING."""
    invitation = await _find(unit.conn, scope, id)
    await unit.conn.execute("update invitation set revoked_at = livery_now() where id = $1", invitation.id)
    await audit.note(
        unit.conn,
        scope,
        "invitation.revoke",
        account_id=invitation.account_id,
        target=invitation.id,
        changes={"email": (invitation.email, None)},
    )
    return invitation


async def list_invitations(conn: Connection, scope: Scope, account_id: UUID | None) -> list[InvitationView]:
    """The newest hundred open invitations of an account that the scope sees. Raises LiveryError DENIED, MISSING."""
    scope.require(Permission.MEMBERS)
    await find_account(conn, scope, account_id)
    rows = await conn.fetch(
        f"""select {_VIEW} from invitation i
             where i.account_id = $2 and {scope.see("i.account_id")} and {_OPEN} order by i.id desc limit 100""",
        scope.account_id,
        account_id or scope.account_id,
    )
    return [_view(row) for row in rows]


async def offer(db: Database, token: str, *, brand_id: UUID | None) -> Offer | None:
    """What a link offers on a host of this brand (`branding.welcome`); None for one that is no good any more, or never was."""
    async with db.transaction() as conn:
        await adopt(conn, "invitation", fingerprint(token))
        row = await conn.fetchrow(
            f"""select a.id as account_id, a.name as account_name, i.email, i.expires_at
                  from invitation i join account a on a.id = i.account_id
                 where i.token_hash = $1 and {_OPEN} and i.expires_at > livery_now() and a.deleted_at is null""",
            fingerprint(token),
        )
        if row is None or not await branding.welcome(conn, brand_id, row["account_id"]):
            return None
    return Offer(row["account_name"], row["email"], row["expires_at"])


async def accept(db: Database, token: str, *, name: str, password: str, ip: str, brand_id: UUID | None) -> Person:
    """Become the member that the link is for, on a host of this brand.

    Raises LiveryError INVALID for a password that is too short, a name that nobody can see and for a link that is no good,
    CONFLICT where the address signs in to an account already.
    """
    check_password(password)
    name = details.person(name)
    if await offer(db, token, brand_id=brand_id) is None:
        raise link_over("invitation")
    password_hash = await hash_password(password)  # no transaction waits for argon2
    async with db.transaction() as conn:
        await adopt(conn, "invitation", fingerprint(token))
        row = await conn.fetchrow(
            f"""update invitation i set accepted_at = livery_now()
                 where i.token_hash = $1 and {_OPEN} and i.expires_at > livery_now()
                 returning i.id, i.account_id, i.email, i.role""",
            fingerprint(token),
        )
        if row is None:
            raise link_over("invitation")
        role = Role(row["role"])
        member = await add_member(
            conn, account_id=row["account_id"], email=row["email"], name=name, password_hash=password_hash, role=role
        )
        await audit.note(
            conn,
            Scope(row["account_id"], member_id=member, ip=ip),
            "invitation.accept",
            account_id=row["account_id"],
            target=row["id"],
            changes={"email": (None, row["email"]), "role": (None, role.value)},
        )
    return Person(member, row["account_id"], role, second_factor=False)


def link_over(thing: str) -> LiveryError:
    """The one answer for a link that has run out, was used or taken back, or never was."""
    return LiveryError(
        Kind.INVALID,
        "LINK_OVER",
        f"This {thing} is not valid any more.",
        next="Ask for a new one.",
        field=("token",),
    )


async def _find(conn: Connection, scope: Scope, id: UUID | None) -> InvitationView:
    scope.require(Permission.MEMBERS)
    row = await conn.fetchrow(
        f"select {_VIEW} from invitation i where i.id = $2 and {scope.see('i.account_id')} and {_OPEN} for update",
        scope.account_id,
        id,
    )
    if row is None:
        raise missing("invitation")
    found = _view(row)
    await check_rank(conn, scope, found.account_id, found.role)
    return found


def _invited(row: Mapping[str, Any], token: str) -> Invited:
    found = dict(row)
    account_name = found.pop("account_name")
    return Invited(_view(found), account_name, token)


def _view(row: Mapping[str, Any]) -> InvitationView:
    return InvitationView(**{**row, "role": Role(row["role"])})
