"""Who are the people of an account, and what may each of them do?

Nobody reaches above themselves: in their own account people give, change and take away only roles up to their own
(`permissions.outranks`). Members of an account above have that account's authority over everything below it. An account
always keeps one owner; who wants none deletes the account.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from kit.crypto import hash_password
from kit.db import Connection, UnitOfWork
from kit.errors import Kind, LiveryError, invalid, missing
from kit.ids import new_id
from tenants import audit, details, emails
from tenants.makers import left_in_force
from tenants.models import Role
from tenants.permissions import MAKERS, ROLES, Permission, outranks
from tenants.scope import Scope

_LAST = UUID(int=2**128 - 1)


@dataclass(frozen=True)
class MemberView:
    """A member as people see it."""

    id: UUID
    account_id: UUID
    email: str
    name: str
    role: Role
    second_factor: bool
    last_seen_at: datetime | None
    created_at: datetime


@dataclass(frozen=True)
class Changed:
    """A member who was given another role or removed."""

    member: MemberView
    credentials: int
    """How many that the person made are still in force: they are the account's, and go on."""


_VIEW = """m.id, m.account_id, m.email, m.name, m.role, m.totp_confirmed_at is not null as second_factor,
           m.last_seen_at, m.created_at"""


async def create_member(
    unit: UnitOfWork, *, account_id: UUID, email: str, name: str, password: str, role: Role = Role.OWNER
) -> UUID:
    """Let a person into an account.

    Raises LiveryError INVALID for what is no address, a name that nobody can see or a password under ten characters,
    CONFLICT for a known address.
    """
    email, name = emails.checked(email), details.person(name)
    check_password(password)
    if await unit.conn.fetchval("select exists (select from member where email = $1)", email):
        raise _taken(email)
    return await add_member(
        unit.conn,
        account_id=account_id,
        email=email,
        name=name,
        password_hash=await hash_password(password),
        role=role,
    )


async def add_member(
    conn: Connection, *, account_id: UUID, email: str, name: str, password_hash: str, role: Role
) -> UUID:
    """The same for a name that was checked (`details.person`) and a password that was checked and hashed before.

    So no transaction waits for argon2. Who has no name is called by the address.
    """
    id: UUID | None = await conn.fetchval(
        """insert into member (id, account_id, email, name, password_hash, role) values ($1, $2, $3, $4, $5, $6)
           on conflict (email) do nothing returning id""",
        new_id(),
        account_id,
        email,
        name or email,
        password_hash,
        role.value,
    )
    if id is None:
        raise _taken(email)
    return id


def check_password(password: str, *field: str) -> None:
    """Raise LiveryError INVALID for a password under ten characters or over a thousand."""
    if len(password) < 10:
        raise invalid("A password needs at least ten characters.", *(field or ("password",)))
    if len(password) > 1000:
        raise invalid("A password has a thousand characters at most.", *(field or ("password",)))


async def view_member(conn: Connection, scope: Scope) -> MemberView | None:
    """The person behind the scope; None where a program acts. The connection must see the person's own account."""
    row = await conn.fetchrow(f"select {_VIEW} from member m where m.id = $1", scope.member_id)
    return _view(row) if row else None


async def list_members(
    conn: Connection, scope: Scope, *, account_id: UUID | None, first: int, after: UUID | None
) -> list[MemberView]:
    """Up to `first` members of one account that the scope sees, its own unless named, the newest first.

    Raises LiveryError DENIED without Permission.MEMBERS, MISSING for an account out of sight.
    """
    scope.require(Permission.MEMBERS)
    await find_account(conn, scope, account_id)
    rows = await conn.fetch(
        f"""select {_VIEW} from member m
             where {scope.see("m.account_id")} and m.account_id = $2 and m.id < $3 order by m.id desc limit $4""",
        scope.account_id,
        account_id or scope.account_id,
        after or _LAST,
        first,
    )
    return [_view(row) for row in rows]


async def change_role(conn: Connection, scope: Scope, id: UUID | None, role: Role) -> Changed:
    """Give a member another role. What the person made (`tenants.makers`) goes on.

    Raises LiveryError DENIED without Permission.MEMBERS or for a role, old or new, above one's own; MISSING; CONFLICT
    where the account would be left without an owner.
    """
    scope.require(Permission.MEMBERS)
    member, last_owner = await _find(conn, scope, id)
    await check_rank(conn, scope, member.account_id, member.role, role)
    await check_gift(conn, scope, member.account_id, role)
    if last_owner and role is not Role.OWNER:
        raise _last_owner()
    row = await conn.fetchrow(f"update member m set role = $2 where m.id = $1 returning {_VIEW}", member.id, role.value)
    await audit.note(
        conn,
        scope,
        "member.change",
        account_id=member.account_id,
        target=member.id,
        changes={"role": (member.role.value, role.value)},
    )
    return Changed(_view(row), await left_in_force(conn, scope, member.id))


async def remove_member(conn: Connection, scope: Scope, id: UUID | None) -> Changed:
    """Let a member in no more: the sessions end with the person, credentials go on. Raises as `change_role` does."""
    scope.require(Permission.MEMBERS)
    member, last_owner = await _find(conn, scope, id)
    await check_rank(conn, scope, member.account_id, member.role)
    if last_owner:
        raise _last_owner()
    await conn.execute("delete from member where id = $1", member.id)
    await audit.note(
        conn,
        scope,
        "member.remove",
        account_id=member.account_id,
        target=member.id,
        changes={"email": (member.email, None), "role": (member.role.value, None)},
    )
    return Changed(member, await left_in_force(conn, scope, member.id))


async def check_rank(conn: Connection, scope: Scope, account_id: UUID, *roles: Role) -> None:
    """Raise LiveryError DENIED where one of these roles of `account_id` is above whoever asks."""
    if account_id != scope.account_id:
        return  # seen from above: the parent's authority
    own: Role | None = Role.ADMIN  # a key never speaks for an owner
    if scope.member_id is not None:
        role = await conn.fetchval("select role from member where id = $1", scope.member_id)
        own = Role(role) if role is not None else None  # removed since they were let in: above nobody any more
    if own is None or not all(outranks(own, role) for role in roles):
        raise LiveryError(
            Kind.DENIED,
            "ROLE_ABOVE",
            "This concerns a role above your own.",
            next="Ask an owner of the account.",
            field=("role",),
        )


async def check_gift(conn: Connection, scope: Scope, account_id: UUID, role: Role) -> None:
    """Raise LiveryError DENIED where a program would give a role of `account_id` that is more than its key.

    The rule stands in `tenants.permissions`.
    """
    if scope.credential_id is None:
        return  # a person: see `check_rank`
    if scope.sandbox:
        raise _more("A key of the sandbox asks nobody in.")
    if more := sorted(ROLES[role] - scope.may):
        raise _more(f"You cannot give what you do not have: {', '.join(more)}.")
    if account_id == scope.account_id and ROLES[role] & MAKERS:
        free = await conn.fetchval(
            """select networks is null and expires_at is null
                      and coalesce(per_minute, per_hour, per_day, per_month) is null from credential where id = $1""",
            scope.credential_id,
        )
        if not free:
            raise _more("A key with networks, limits or an end gives no role that makes keys or members.")


def _more(message: str) -> LiveryError:
    return LiveryError(
        Kind.DENIED, "FORBIDDEN", message, next="Let an owner or admin of the account do it.", field=("role",)
    )


async def find_account(conn: Connection, scope: Scope, account_id: UUID | None) -> UUID:
    """The account named, the scope's own where none is. Raises LiveryError MISSING where the scope does not see it."""
    found: UUID | None = await conn.fetchval(
        f"select id from account where id = $2 and deleted_at is null and {scope.see('id')}",
        scope.account_id,
        account_id or scope.account_id,
    )
    if found is None:
        raise missing("account")
    return found


async def _find(conn: Connection, scope: Scope, id: UUID | None) -> tuple[MemberView, bool]:
    """A member that is about to be changed, and whether it is the account's last owner.

    The account's members are locked in one order: two owners who remove one another at the same time meet here.
    """
    rows = await conn.fetch(
        f"""select {_VIEW} from member m
             where m.account_id = (select account_id from member where id = $2 and {scope.see("account_id")})
             order by m.id for update""",
        scope.account_id,
        id,
    )
    members = [_view(row) for row in rows]
    found = next((member for member in members if member.id == id), None)
    if found is None:
        raise missing("member")
    return found, [member.id for member in members if member.role is Role.OWNER] == [found.id]


def _last_owner() -> LiveryError:
    return LiveryError(
        Kind.CONFLICT,
        "LAST_OWNER",
        "This is the account's last owner.",
        next="Make another member an owner first.",
    )


def _taken(email: str) -> LiveryError:
    return LiveryError(Kind.CONFLICT, "TAKEN", f"{email} is a member already.", field=("email",))


def _view(row: Mapping[str, Any] | asyncpg.Record) -> MemberView:
    return MemberView(**{**row, "role": Role(row["role"])})
