"""How does a program prove whom it acts for? By SMTP user and password, by the network it comes from, or by an API key.

Secrets are generated with 160 bits, so a keyed hash is all that must be kept and checking one costs microseconds.
"""

import hmac
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from kit.crypto import Keyring, new_secret
from kit.db import Connection, Database
from kit.errors import Kind, LiveryError, invalid, missing
from kit.ids import new_id
from tenants.models import CredentialKind
from tenants.permissions import CREDENTIALS, Permission
from tenants.scope import Scope


@dataclass(frozen=True)
class NewCredential:
    """A credential just made; the secret is in no other place and cannot be shown again."""

    id: UUID
    username: str | None
    secret: str | None


_WIDEST_SOURCE = {4: 16, 6: 32}
"""IP version -> the shortest prefix that may send without a password: what one organisation holds."""

_FIND = """
select c.id, c.account_id, c.kind, c.sandbox, c.permissions, c.secret_hash,
       c.networks is null or $2::inet <<= any (c.networks) as from_here,
       exists (select from account s where s.id = any (a.lineage) and s.suspended_at is not null) as suspended
  from credential c join account a on a.id = c.account_id
 where c.kind = $3 and c.revoked_at is null and
"""


async def authenticate_smtp(db: Database, keyring: Keyring, *, username: str, password: str, ip: str) -> Scope | None:
    """The scope of an SMTP user, or None for a wrong name, password or network: which of them is told to nobody.

    Raises LiveryError DENIED where all is right but the account is suspended.
    """
    given = keyring.keyed_hash(password)
    async with db.connection() as conn:
        row = await conn.fetchrow(_FIND + "c.username = $1", username, ip, CredentialKind.SMTP.value)
    stored = row["secret_hash"] if row else b""
    if not hmac.compare_digest(given, stored) or row is None or not row["from_here"]:
        return None
    return _scope(row, ip)


async def authenticate_source(db: Database, *, ip: str) -> Scope | None:
    """The scope of the source credential whose network holds `ip` most narrowly, or None.

    Raises LiveryError DENIED where its account is suspended.
    """
    async with db.connection() as conn:
        row = await conn.fetchrow(
            _FIND
            + """$2::inet <<= any (c.networks) and $1::text is not null
               order by (select max(masklen(n)) from unnest(c.networks) n where $2::inet <<= n) desc, c.created_at limit 1""",
            "",
            ip,
            CredentialKind.SOURCE.value,
        )
    return _scope(row, ip) if row else None


async def authenticate_key(db: Database, keyring: Keyring, key: str, *, ip: str) -> Scope | None:
    """The scope of an API key ("lv_…"), or None.

    Raises LiveryError DENIED where its account is suspended.
    """
    async with db.connection() as conn:
        row = await conn.fetchrow(_FIND + "c.secret_hash = $1", keyring.keyed_hash(key), ip, CredentialKind.API.value)
    return _scope(row, ip) if row and row["from_here"] else None


async def create_credential(
    conn: Connection,
    keyring: Keyring,
    *,
    account_id: UUID,
    kind: CredentialKind,
    name: str,
    username: str | None = None,
    secret: str | None = None,
    networks: tuple[str, ...] = (),
    sandbox: bool = False,
) -> NewCredential:
    """Make a credential; user name and secret are generated unless given (the demo's are public).

    Raises LiveryError INVALID for a network that is none, or a source without one or with one wider than /16 (IPv6: /32),
    CONFLICT for a user name that is taken.
    """
    if kind is CredentialKind.SOURCE and not networks:
        raise invalid("A source credential needs the network it sends from.", "networks")
    id = new_id()
    if kind is CredentialKind.SMTP:
        username = username or f"smtp-{id.hex[-12:]}"
        secret = secret or new_secret()
    elif kind is CredentialKind.API:
        secret = secret or f"lv_{new_secret()}"
    try:
        ranges = [ipaddress.ip_network(network) for network in networks]
    except ValueError as fault:
        raise invalid(f"{fault}: networks are written like 203.0.113.0/24.", "networks") from None
    for range in ranges if kind is CredentialKind.SOURCE else ():
        widest = _WIDEST_SOURCE[range.version]
        if range.prefixlen < widest:
            raise invalid(
                f"{range} is too wide: anybody in it could send without a password.",
                "networks",
                next=f"Name the networks that are yours, /{widest} or narrower, or make an SMTP user.",
            )
    made = await conn.fetchval(
        """insert into credential (id, account_id, kind, name, username, secret_hash, networks, sandbox)
           values ($1, $2, $3, $4, $5, $6, $7::text[]::cidr[], $8) on conflict (username) do nothing returning id""",
        id,
        account_id,
        kind.value,
        name,
        username,
        keyring.keyed_hash(secret) if secret else None,
        [str(range) for range in ranges] or None,
        sandbox,
    )
    if made is None:
        raise LiveryError(Kind.CONFLICT, "TAKEN", f"The user name {username} is taken.", field=("username",))
    return NewCredential(id, username, secret)


async def revoke_credential(conn: Connection, *, account_id: UUID, called: str) -> None:
    """Let nobody in any more with the account's credential of that user name, network or name; its row stays.

    Raises LiveryError MISSING where there is none in force, CONFLICT where several are called so: then none is revoked.
    """
    ids = await conn.fetch(
        """select id from credential
            where account_id = $1 and revoked_at is null and ($2 in (username, name) or $2 = any (networks::text[]))
              for update""",
        account_id,
        called,
    )
    if not ids:
        raise missing("credential")
    if len(ids) > 1:
        raise LiveryError(
            Kind.CONFLICT,
            "AMBIGUOUS",
            f"{len(ids)} credentials are called {called}.",
            next="Say the user name or the network of the one that is meant.",
        )
    await conn.execute("update credential set revoked_at = livery_now() where id = $1", ids[0]["id"])


async def smtp_users(conn: Connection, scope: Scope) -> list[str]:
    """The SMTP user names of the scope's own account, oldest first."""
    rows = await conn.fetch(
        f"""select username from credential
             where account_id = $1 and {scope.see("account_id")} and kind = 'smtp' and revoked_at is null
             order by created_at""",
        scope.account_id,
    )
    return [row["username"] for row in rows]


def _scope(row: Mapping[str, Any], ip: str) -> Scope:
    if row["suspended"]:
        raise LiveryError(
            Kind.DENIED, "SUSPENDED", "This account is suspended.", next="Ask whoever runs your account to resume it."
        )
    stated = row["permissions"]
    return Scope(
        account_id=row["account_id"],
        credential_id=row["id"],
        sandbox=row["sandbox"],
        may=CREDENTIALS[CredentialKind(row["kind"])] if stated is None else frozenset(map(Permission, stated)),
        ip=ip,
    )
