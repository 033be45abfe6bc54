"""Which browsers are signed in? A session is a random token in a cookie, kept as its hash and good for 14 days.

It is bound to the host it was made on. Signing in has two steps where the member has a second factor: the password first,
which opens nothing yet (`check_password`), then the code (`tenants.totp`); `open_session` comes last in either case.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from kit.crypto import fingerprint, verify_password
from kit.db import Connection, Database
from kit.errors import missing
from tenants import emails
from tenants.models import Role
from tenants.permissions import ROLES, VISITOR
from tenants.scope import Scope, adopt
from tenants.states import AccountState, Use, blocks, left

LIFE = timedelta(days=14)

_SEEN = timedelta(minutes=1)
"""How exactly it is known when a session was last used: each use writes at most this often."""


@dataclass(frozen=True)
class Person:
    """A member whose password, or whose link by mail, was right; nobody is signed in yet."""

    id: UUID
    account_id: UUID
    role: Role
    second_factor: bool


@dataclass(frozen=True)
class SignedIn:
    """A session just made; `token` is for the cookie only."""

    token: str
    scope: Scope
    expires_at: datetime


@dataclass(frozen=True)
class SessionView:
    """A signed-in browser as its owner sees it."""

    id: UUID
    host: str
    ip: str
    user_agent: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    entered: str | None
    """The name of the account below that it has entered."""
    current: bool
    """Whether it is the one that asks."""


async def check_password(db: Database, *, email: str, password: str) -> Person | None:
    """Whose address and password these are, or None: unknown names take the same time and get the same answer."""
    email = emails.known(email)
    async with db.transaction() as conn:
        await adopt(conn, "member", email)
        row = await conn.fetchrow(
            """select m.id, m.account_id, m.role, m.password_hash, m.totp_confirmed_at is not null as second_factor,
                      account_state(a.lineage) as state
                 from member m join account a on a.id = m.account_id where m.email = $1""",
            email,
        )
    # No connection is held while argon2 works: it is slow on purpose.
    if not await verify_password(password, row["password_hash"] if row else None) or row is None:
        return None
    if blocks(AccountState(row["state"]), Use.SIGN_IN):
        return None
    return Person(row["id"], row["account_id"], Role(row["role"]), row["second_factor"])


async def open_session(conn: Connection, person: Person, *, host: str, ip: str, user_agent: str = "") -> SignedIn:
    """Sign a person in on `host`. The connection must see the person's account."""
    token = secrets.token_urlsafe(32)
    row = await conn.fetchrow(
        """insert into session (id, member_id, host, ip, user_agent, expires_at)
           values ($1, $2, $3, $4, $5, livery_now() + $6)
           returning expires_at, (select account_state(lineage) from account where id = $7) as state""",
        fingerprint(token),
        person.id,
        host,
        ip,
        _printable(user_agent),
        LIFE,
        person.account_id,
    )
    await conn.execute("update member set last_seen_at = livery_now() where id = $1", person.id)
    may = left(AccountState(row["state"]), ROLES[person.role])
    return SignedIn(token, Scope(person.account_id, member_id=person.id, may=may, ip=ip), row["expires_at"])


async def session_scope(conn: Connection, token: str, *, host: str, ip: str | None = None) -> Scope | None:
    """Whom a session's token stands for on `host`; None when it has ended, or was made on another host.

    The connection must be in a transaction, which from then on sees what the member sees.
    """
    await adopt(conn, "session", fingerprint(token))
    row = await conn.fetchrow(
        """select m.id, m.account_id, m.role, s.acts_for_id, account_state(a.lineage) as state,
                  s.last_seen_at < livery_now() - $3::interval as stale
             from session s join member m on m.id = s.member_id
             join account a on a.id = coalesce(s.acts_for_id, m.account_id)
            where s.id = $1 and s.host = $2 and s.expires_at > livery_now()
              and (s.acts_for_id is null or a.lineage @> array[m.account_id])""",
        fingerprint(token),
        host,
        _SEEN,
    )
    if row is None or blocks(AccountState(row["state"]), Use.SIGN_IN):
        return None
    if row["stale"]:
        await _seen(conn, token, ip)
    may = left(AccountState(row["state"]), ROLES[Role(row["role"])])
    if row["acts_for_id"] is None:
        return Scope(account_id=row["account_id"], member_id=row["id"], may=may, ip=ip)
    return Scope(
        account_id=row["acts_for_id"], member_id=row["id"], may=may & VISITOR, home_id=row["account_id"], ip=ip
    )


async def _seen(conn: Connection, token: str, ip: str | None) -> None:
    await conn.execute(
        """with used as (
             update session set last_seen_at = livery_now(), ip = coalesce($2, ip) where id = $1 returning member_id
           ) update member set last_seen_at = livery_now() where id = (select member_id from used)""",
        fingerprint(token),
        ip,
    )


async def end_session(conn: Connection, token: str) -> None:
    """Sign this browser out; nothing happens if it was not signed in."""
    await conn.execute("delete from session where id = $1", fingerprint(token))


async def sessions(conn: Connection, scope: Scope, token: str | None) -> list[SessionView]:
    """The browsers in which the scope's own member is signed in, the last used first; `token` is the one that asks."""
    rows = await conn.fetch(
        """select s.public_id as id, s.host, s.ip, s.user_agent, s.created_at, s.last_seen_at, s.expires_at,
                  a.name as entered, s.id = $2 as current
             from session s left join account a on a.id = s.acts_for_id
            where s.member_id = $1 and s.expires_at > livery_now()
            order by s.last_seen_at desc, s.id limit 100""",
        scope.member_id,
        fingerprint(token or ""),
    )
    return [SessionView(**row) for row in rows]


async def end_one(conn: Connection, scope: Scope, id: UUID | None) -> str:
    """End one of the member's own sessions; return its fingerprint. Raises LiveryError MISSING."""
    ended: str | None = await conn.fetchval(
        "delete from session where public_id = $1 and member_id = $2 returning id", id, scope.member_id
    )
    if ended is None:
        raise missing("session")
    return ended


async def end_others(conn: Connection, member_id: UUID | None, *, but: str | None = None) -> Sequence[str]:
    """End a member's sessions, all but that of the token `but`; return their fingerprints."""
    rows = await conn.fetch(
        "delete from session where member_id = $1 and id <> $2 returning id", member_id, fingerprint(but or "")
    )
    return [row["id"] for row in rows]


async def forget_ended(db: Database) -> None:
    """Drop sessions and links whose time is over; the clock calls it now and then."""
    async with db.connection() as conn:
        await conn.execute("delete from session where expires_at <= livery_now()")
        await conn.execute("delete from password_reset where expires_at <= livery_now() - interval '1 day'")


def _printable(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable())[:300]
