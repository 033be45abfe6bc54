"""How does a member get another password? With the old one, or by a link that is mailed: good once, for one hour.

Asking for a link is always answered alike. Either way ends every other session of the member; the second factor stays.
`prove` is how a signed-in member shows to be the person again before anything that decides who gets in.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from kit.addresses import neighbourhood
from kit.crypto import Keyring, fingerprint, hash_password, verify_password
from kit.db import Database
from kit.errors import Kind, LiveryError, invalid
from tenants import audit, branding, emails, sessions, throttle, totp
from tenants.invitations import link_over
from tenants.members import check_password
from tenants.scope import Scope, adopt
from tenants.throttle import Limit

LINK_LIFE = timedelta(hours=1)


@dataclass(frozen=True)
class Reset:
    """A link's token, which is for the mail only, and whose it is."""

    account_id: UUID
    email: str
    token: str


@dataclass(frozen=True)
class Changed:
    """A password was changed."""

    account_id: UUID
    email: str
    ended: Sequence[str]
    """Fingerprints of the sessions that ended with it."""


def address_tries(email: str) -> list[Limit]:
    """Links that one address may be sent."""
    return [Limit(f"reset|address|{emails.known(email)[:150]}", 3, timedelta(hours=1))]


def asking_tries(ip: str) -> list[Limit]:
    """Links that may be asked for from one place."""
    place = neighbourhood(ip)
    return [Limit(f"reset|ip|{place}", 10, timedelta(hours=1)), Limit(f"reset|ip|day|{place}", 50, timedelta(days=1))]


async def begin_reset(db: Database, *, email: str, ip: str) -> Reset | None:
    """A fresh link for the member with this address, in place of older ones; None where there is nobody."""
    email = emails.known(email)
    token = secrets.token_urlsafe(32)
    async with db.transaction() as conn:
        await adopt(conn, "member", email)
        row = await conn.fetchrow("select id, account_id from member where email = $1", email)
        if row is None:
            return None
        await conn.execute("delete from password_reset where member_id = $1", row["id"])
        await conn.execute(
            """insert into password_reset (token_hash, member_id, expires_at)
               values ($1, $2, livery_now() + $3)""",
            fingerprint(token),
            row["id"],
            LINK_LIFE,
        )
        await audit.note(
            conn, Scope(row["account_id"], ip=ip), "password.ask", account_id=row["account_id"], target=row["id"]
        )
    return Reset(row["account_id"], email, token)


async def reset(db: Database, *, token: str, password: str, ip: str, brand_id: UUID | None) -> Changed:
    """Choose a new password by a link, on a host of this brand (`branding.welcome`).

    Raises LiveryError INVALID for a password that is too short and for a link that is no good.
    """
    check_password(password)
    good = "token_hash = $1 and used_at is null and expires_at > livery_now()"
    async with db.transaction() as conn:
        owner = await adopt(conn, "reset", fingerprint(token))
        if (
            owner is None
            or not await conn.fetchval(f"select exists (select from password_reset where {good})", fingerprint(token))
            or not await branding.welcome(conn, brand_id, owner)
        ):
            raise link_over("link")
    password_hash = await hash_password(password)
    async with db.transaction() as conn:
        await adopt(conn, "reset", fingerprint(token))
        row = await conn.fetchrow(
            f"""with used as (update password_reset set used_at = livery_now() where {good} returning member_id)
                update member m set password_hash = $2 from used where m.id = used.member_id
                returning m.id, m.account_id, m.email""",
            fingerprint(token),
            password_hash,
        )
        if row is None:
            raise link_over("link")
        ended = await sessions.end_others(conn, row["id"])
        await audit.note(
            conn,
            Scope(row["account_id"], member_id=row["id"], ip=ip),
            "password.reset",
            account_id=row["account_id"],
            target=row["id"],
        )
    return Changed(row["account_id"], row["email"], ended)


async def change(db: Database, keyring: Keyring, scope: Scope, *, current: str, new: str, keep: str | None) -> Changed:
    """Choose a new password with the present one; the session with the token `keep` goes on.

    Raises LiveryError INVALID for a wrong or too short password, EXHAUSTED after too many wrong ones, DENIED as `oneself`.
    """
    oneself(scope)
    check_password(new, "new")
    await prove(db, keyring, scope, password=current, field="current")
    password_hash = await hash_password(new)
    async with db.transaction(sees=scope.account_id) as conn:
        row = await conn.fetchrow(
            "update member set password_hash = $2 where id = $1 returning account_id, email",
            scope.member_id,
            password_hash,
        )
        await conn.execute("delete from password_reset where member_id = $1", scope.member_id)
        ended = await sessions.end_others(conn, scope.member_id, but=keep)
        await audit.note(conn, scope, "password.change", account_id=scope.account_id, target=scope.member_id)
    return Changed(row["account_id"], row["email"], ended)


def oneself(scope: Scope) -> UUID:
    """The member who asks, at home. Raises LiveryError DENIED for programs, and inside an account that was entered."""
    if scope.member_id is None:
        raise LiveryError(
            Kind.DENIED, "FORBIDDEN", "Only people have a password and sessions.", next="Sign in with an address."
        )
    if scope.home_id is not None:
        raise LiveryError(
            Kind.DENIED,
            "ENTERED",
            "This is not changed while another account is entered.",
            next="Leave the account first (`leaveAccount`).",
        )
    return scope.member_id


async def prove(
    db: Database,
    keyring: Keyring,
    scope: Scope,
    *,
    password: str | None = None,
    code: str | None = None,
    field: str = "password",
) -> None:
    """Let a signed-in member show to be the person, by password or by a code of the second factor.

    Raises LiveryError INVALID where it is wrong or missing, EXHAUSTED after five wrong ones in a quarter of an hour.
    """
    member = oneself(scope)
    if not password and not code:
        raise invalid("Your password is needed for this.", field)
    tries = throttle.code_tries(member, scope.ip or "")
    if not await throttle.take(db, tries):
        raise LiveryError(
            Kind.EXHAUSTED, "THROTTLED", "Too many attempts.", next="Wait a quarter of an hour, then try again."
        )
    if code:
        async with db.transaction(sees=scope.account_id) as conn:
            right = await totp.in_force(conn, member) and await totp.use(conn, keyring, member, code)
    else:
        async with db.transaction(sees=scope.account_id) as conn:
            stored = await conn.fetchval("select password_hash from member where id = $1", member)
        async with throttle.unless_busy(db, tries):
            right = len(password or "") <= 1000 and await verify_password(password or "", stored)
    if not right:
        raise totp.wrong_code() if code else invalid("This is not your password.", field, code="PASSWORD_REFUSED")
    await throttle.give_back(db, tries)
