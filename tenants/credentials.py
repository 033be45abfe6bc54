"""What is a credential made of? Name, secret, networks, permissions, limits and an end, each checked here.

This is the maker for those who answer to nobody: the operator's command line, the demo, tests. Members and programs make
theirs through `tenants.keys`, which asks first whether they may.
"""

import ipaddress
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from kit import clock
from kit.crypto import Keyring
from kit.db import Connection
from kit.errors import Kind, LiveryError, invalid, missing
from kit.ids import new_id
from tenants import details, secrets
from tenants.authentication import IN_FORCE
from tenants.models import CredentialKind
from tenants.permissions import Permission
from tenants.rates import UNLIMITED, Limits
from tenants.scope import Scope


@dataclass(frozen=True)
class NewCredential:
    """A credential just made; the secret is in no other place and cannot be shown again."""

    id: UUID
    username: str | None
    secret: str | None


_WIDEST_SOURCE = {4: 16, 6: 32}
"""IP version -> the shortest prefix that may send without a password: what one organisation holds."""
_MOST_NETWORKS = 100


async def create_credential(
    conn: Connection,
    keyring: Keyring,
    *,
    account_id: UUID,
    kind: CredentialKind,
    name: str,
    username: str | None = None,
    secret: str | None = None,
    networks: Sequence[str] = (),
    sandbox: bool = False,
    permissions: Collection[Permission] | None = None,
    limits: Limits = UNLIMITED,
    expires_at: datetime | None = None,
    created_by: UUID | None = None,
) -> NewCredential:
    """Make a credential; user name and secret are generated unless given (the demo's are public).

    Raises LiveryError INVALID for a name, network, limit or end that is none, for a source without a network or with one
    wider than /16 (IPv6: /32), CONFLICT for a user name that is taken.
    """
    name = checked_name(name)
    ranges = checked_networks(kind, networks)
    limits.check()
    if permissions is not None and kind is not CredentialKind.API:
        raise invalid("Only API keys have permissions of their own: the others send.", "permissions")
    if expires_at is not None:
        await check_end(conn, expires_at)
    id = new_id()
    if kind is CredentialKind.SMTP:
        username = username or f"smtp-{id.hex[-12:]}"
        secret = secret or secrets.generate(secrets.PASSWORD)
    elif kind is CredentialKind.API:
        secret = secret or secrets.generate(secrets.KEY)
    made = await conn.fetchval(
        """insert into credential (id, account_id, kind, name, username, secret_hash, prefix, networks, sandbox, permissions,
                                   per_minute, per_hour, per_day, per_month, expires_at, created_by)
           values ($1, $2, $3, $4, $5, $6, $7, $8::text[]::cidr[], $9, $10, $11, $12, $13, $14, $15, $16)
           on conflict (username) do nothing returning id""",
        id,
        account_id,
        kind.value,
        name,
        username,
        keyring.keyed_hash(secret) if secret else None,
        secrets.beginning(secret) if secret else None,
        ranges or None,
        sandbox,
        None if permissions is None else sorted(permissions),
        limits.per_minute,
        limits.per_hour,
        limits.per_day,
        limits.per_month,
        expires_at,
        created_by,
    )
    if made is None:
        raise LiveryError(Kind.CONFLICT, "TAKEN", f"The user name {username} is taken.", field=("username",))
    return NewCredential(id, username, secret)


def checked_name(name: str) -> str:
    """The name without spaces around it. Raises LiveryError INVALID unless it has 1 to 100 characters that can be seen."""
    name = details.called(name)
    if not 1 <= len(name) <= 100:
        raise invalid(
            "A name has 1 to 100 characters that can be seen.",
            "name",
            next="Say what it is used by: web shop, newsletter.",
        )
    return name


def checked_networks(kind: CredentialKind, networks: Sequence[str]) -> list[str]:
    """The networks as the database takes them. Raises LiveryError INVALID."""
    if kind is CredentialKind.SOURCE and not networks:
        raise invalid("A source credential needs the network it sends from.", "networks")
    if len(networks) > _MOST_NETWORKS:
        raise invalid(f"A credential has at most {_MOST_NETWORKS} networks.", "networks", next="Name wider ones.")
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
    return [str(range) for range in ranges]


async def check_end(conn: Connection, expires_at: datetime) -> None:
    """Raises LiveryError INVALID for an end that is past, by the platform's clock."""
    if expires_at <= await clock.now(conn):
        raise invalid("This moment is past already.", "expiresAt", next="Name a later one, or leave it out.")


async def find_credential(conn: Connection, *, account_id: UUID, called: str) -> UUID:
    """The account's credential of that user name, network, name or beginning that is not revoked, locked.

    Raises LiveryError MISSING where there is none, CONFLICT where several are called so.
    """
    ids = await conn.fetch(
        """select id from credential
            where account_id = $1 and revoked_at is null and ($2 in (username, name, prefix) or $2 = any (networks::text[]))
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
    id: UUID = ids[0]["id"]
    return id


async def smtp_users(conn: Connection, scope: Scope) -> list[str]:
    """The SMTP user names of the scope's own account that can log in, oldest first."""
    rows = await conn.fetch(
        f"""select c.username from credential c
             where c.account_id = $1 and {scope.see("c.account_id")} and c.kind = 'smtp' and {IN_FORCE}
             order by c.created_at""",
        scope.account_id,
    )
    return [row["username"] for row in rows]
