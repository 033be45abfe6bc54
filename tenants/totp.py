"""Does a member need a second factor, and is this code one? Codes of an authenticator, and ten recovery codes beside them.

The authenticator's secret is sealed; a code is good once, and so is a recovery code, of which only keyed hashes are kept.
Whoever turns the factor on or off proves to be the person again: an open browser is not enough.
"""

from dataclasses import dataclass
from uuid import UUID

from kit import totp
from kit.crypto import Keyring, new_secret
from kit.db import Connection
from kit.errors import Kind, LiveryError
from kit.ids import new_id
from tenants import audit
from tenants.scope import Scope

RECOVERY_CODES = 10


@dataclass(frozen=True)
class Begun:
    """A second factor that is not in force before it was confirmed; shown once."""

    secret: str
    uri: str


async def begin(conn: Connection, keyring: Keyring, scope: Scope, *, issuer: str) -> Begun:
    """A fresh secret for the scope's own member, in place of one that was begun and not confirmed.

    Raises LiveryError CONFLICT where a second factor is in force.
    """
    key = totp.new_key()
    email = await conn.fetchval(
        """update member set totp_secret = $2, totp_step = null
            where id = $1 and totp_confirmed_at is null returning email""",
        scope.member_id,
        keyring.seal(key, _aad(scope.member_id)),
    )
    if email is None:
        raise _in_force()
    await audit.note(conn, scope, "second_factor.begin", account_id=_home(scope), target=scope.member_id)
    return Begun(totp.written(key), totp.uri(key, issuer=issuer, name=email))


async def confirm(conn: Connection, keyring: Keyring, scope: Scope, code: str) -> list[str]:
    """Put the factor in force with a first code from the authenticator; return the recovery codes, for this once.

    Raises LiveryError CONFLICT where none was begun or one is in force, INVALID for a wrong code.
    """
    row = await conn.fetchrow(
        "select totp_secret is not null as begun, totp_confirmed_at from member where id = $1 for update",
        scope.member_id,
    )
    if row["totp_confirmed_at"] is not None:
        raise _in_force()
    if not row["begun"]:
        raise LiveryError(
            Kind.CONFLICT, "NOT_BEGUN", "No second factor was begun.", next="Begin it, then type the first code."
        )
    if not await _use_code(conn, keyring, scope.member_id, code):
        raise wrong_code()
    await conn.execute("update member set totp_confirmed_at = livery_now() where id = $1", scope.member_id)
    await audit.note(
        conn,
        scope,
        "second_factor.enable",
        account_id=_home(scope),
        target=scope.member_id,
        changes={"secondFactor": (False, True)},
    )
    return await _new_recovery_codes(conn, keyring, scope.member_id)


async def disable(conn: Connection, scope: Scope) -> None:
    """No code is asked for any more; the person has proved to be themselves. Raises LiveryError CONFLICT where none is."""
    await _forget(conn, scope.member_id)
    await audit.note(
        conn,
        scope,
        "second_factor.disable",
        account_id=_home(scope),
        target=scope.member_id,
        changes={"secondFactor": (True, False)},
    )


async def renew_recovery_codes(conn: Connection, keyring: Keyring, scope: Scope) -> list[str]:
    """Ten fresh recovery codes; the old ones open nothing any more. Raises LiveryError CONFLICT without a second factor."""
    if not await in_force(conn, scope.member_id):
        raise _not_in_force()
    await audit.note(conn, scope, "recovery_codes.renew", account_id=_home(scope), target=scope.member_id)
    return await _new_recovery_codes(conn, keyring, scope.member_id)


async def in_force(conn: Connection, member_id: UUID | None) -> bool:
    """Whether the member is asked for a code."""
    found: bool = await conn.fetchval(
        "select exists (select from member where id = $1 and totp_confirmed_at is not null)", member_id
    )
    return found


async def use(conn: Connection, keyring: Keyring, member_id: UUID | None, given: str) -> bool:
    """Whether this is a code of the member's authenticator or a recovery code; either is used up by it."""
    given = "".join(given.lower().replace("-", "").split())[:40]
    if len(given) == totp.DIGITS and given.isdecimal():
        return await _use_code(conn, keyring, member_id, given)
    used = await conn.fetchval(
        """update recovery_code set used_at = livery_now()
            where member_id = $1 and code_hash = $2 and used_at is null returning id""",
        member_id,
        _recovery_hash(keyring, member_id, given),
    )
    return used is not None


async def _use_code(conn: Connection, keyring: Keyring, member_id: UUID | None, given: str) -> bool:
    row = await conn.fetchrow(
        "select totp_secret, extract(epoch from livery_now())::bigint as now from member where id = $1", member_id
    )
    if row is None or row["totp_secret"] is None or not given.isascii():
        return False
    key = keyring.open(row["totp_secret"], _aad(member_id))
    step = totp.matching_step(key, given.strip(), now=row["now"])
    if step is None:
        return False
    # RFC 6238 §5.2: a code that was taken once is not taken again, nor is an older one.
    taken = await conn.fetchval(
        "update member set totp_step = $2 where id = $1 and coalesce(totp_step, 0) < $2 returning id", member_id, step
    )
    return taken is not None


async def _forget(conn: Connection, member_id: UUID | None) -> None:
    done = await conn.fetchval(
        """update member set totp_secret = null, totp_confirmed_at = null, totp_step = null
            where id = $1 and totp_confirmed_at is not null returning id""",
        member_id,
    )
    if done is None:
        raise _not_in_force()
    await conn.execute("delete from recovery_code where member_id = $1", member_id)


async def _new_recovery_codes(conn: Connection, keyring: Keyring, member_id: UUID | None) -> list[str]:
    codes = [new_secret()[:10] for _ in range(RECOVERY_CODES)]
    await conn.execute("delete from recovery_code where member_id = $1", member_id)
    await conn.executemany(
        "insert into recovery_code (id, member_id, code_hash) values ($1, $2, $3)",
        [(new_id(), member_id, _recovery_hash(keyring, member_id, code)) for code in codes],
    )
    return [f"{code[:5]}-{code[5:]}" for code in codes]


def _recovery_hash(keyring: Keyring, member_id: UUID | None, code: str) -> bytes:
    return keyring.keyed_hash(f"recovery|{member_id}|{code}")


def _aad(member_id: UUID | None) -> str:
    return f"totp|{member_id}"


def _home(scope: Scope) -> UUID:
    return scope.home_id or scope.account_id


def wrong_code() -> LiveryError:
    """The one answer for a code that is wrong, too old, or used already."""
    return LiveryError(
        Kind.INVALID,
        "CODE_REFUSED",
        "This code is not valid.",
        next="Wait for the next code of your authenticator; each is good once. A recovery code does as well.",
        field=("code",),
    )


def _in_force() -> LiveryError:
    return LiveryError(
        Kind.CONFLICT, "SECOND_FACTOR_ON", "A second factor is in force already.", next="Turn it off first."
    )


def _not_in_force() -> LiveryError:
    return LiveryError(Kind.CONFLICT, "SECOND_FACTOR_OFF", "No second factor is in force.", next="Turn it on first.")
