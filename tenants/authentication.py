"""How does a program prove whom it acts for? By SMTP user and password, by the network it comes from, or by an API key.

Generated secrets have 160 bits, so a keyed hash is all that must be kept and checking one costs microseconds. Who shows
the right secret of a credential that is revoked, expired or switched off, or of a suspended account, is told so; whoever
does not, or comes from another network, learns nothing.
"""

import hmac
from collections.abc import Mapping
from typing import Any

from kit.crypto import Keyring
from kit.db import Database
from kit.errors import Kind, LiveryError
from tenants import secrets
from tenants.models import CredentialKind
from tenants.permissions import CREDENTIALS, Permission
from tenants.scope import Scope, adopt
from tenants.states import AccountState, Use, blocks, suspended

IN_FORCE = """c.revoked_at is null and c.disabled_at is null
                  and (c.expires_at is null or c.expires_at > livery_now())"""
"""The SQL condition that a credential, `c`, is good."""

_FIND = """
select c.id, c.account_id, c.kind, c.sandbox, c.permissions, c.secret_hash,
       c.networks is null or $2::inet <<= any (c.networks) as from_here,
       case when c.revoked_at is not null then 'revoked' when c.expires_at <= livery_now() then 'expired'
            when c.disabled_at is not null then 'disabled' end as ended,
       account_state(a.lineage) as state
  from credential c join account a on a.id = c.account_id
 where
"""

_USE = {CredentialKind.SMTP: Use.SMTP_LOGIN, CredentialKind.SOURCE: Use.SUBMISSION, CredentialKind.API: Use.API}
_WORDS = {CredentialKind.SMTP: "SMTP user", CredentialKind.SOURCE: "network", CredentialKind.API: "API key"}
_ENDED = {
    "revoked": ("was revoked.", "Use a new one: this one is never valid again."),
    "expired": ("has expired.", "Use a new one, or ask whoever manages your credentials for a later end."),
    "disabled": ("is switched off.", "Ask whoever manages your credentials to switch it on again."),
}


async def authenticate_smtp(db: Database, keyring: Keyring, *, username: str, password: str, ip: str) -> Scope | None:
    """The scope of an SMTP user, or None for a wrong name, password or network: which of them is told to nobody.

    Raises LiveryError where all is right, but the user is no longer good (UNAUTHENTICATED) or its account is suspended
    (DENIED).
    """
    given = keyring.keyed_hash(password)
    async with db.connection() as conn:
        row = await conn.fetchrow(_FIND + "c.kind = 'smtp' and c.username = $1", username, ip)
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
            + f"""c.kind = 'source' and {IN_FORCE}
                  and $2::inet <<= any (c.networks) and $1::text is not null
               order by (select max(masklen(n)) from unnest(c.networks) n where $2::inet <<= n) desc, c.created_at limit 1""",
            "",
            ip,
        )
    return _scope(row, ip) if row else None


async def authenticate_key(db: Database, keyring: Keyring, key: str, *, ip: str) -> Scope | None:
    """The scope of an API key, or None for one that nobody has, or that is not for this network.

    Raises LiveryError: UNAUTHENTICATED for a typing error, before anything is read, and for a key that is no longer good;
    DENIED where its account is suspended.
    """
    if secrets.mistyped(key):
        raise _refused("This API key has a typing error.", "Copy it again from where it was kept, whole.")
    hashed = keyring.keyed_hash(key)
    async with db.transaction() as conn:
        await adopt(conn, "key", hashed.hex())
        row = await conn.fetchrow(_FIND + "c.kind = 'api' and c.secret_hash = $1", hashed, ip)
    return _scope(row, ip) if row and row["from_here"] else None


async def authenticate_again(db: Database, scope: Scope, *, ip: str) -> Scope | None:
    """What a credential's scope is by now: None where its network is not allowed any more.

    Raises LiveryError as the first time.
    """
    async with db.transaction(sees=scope.account_id) as conn:
        row = await conn.fetchrow(_FIND + "c.id = $1", scope.credential_id, ip)
    return _scope(row, ip) if row and row["from_here"] else None


def _scope(row: Mapping[str, Any], ip: str) -> Scope:
    kind = CredentialKind(row["kind"])
    if row["ended"]:
        what, next = _ENDED[row["ended"]]
        raise _refused(f"This {_WORDS[kind]} {what}", next)
    if blocks(AccountState(row["state"]), _USE[kind]):
        raise suspended()
    stated = row["permissions"]
    return Scope(
        account_id=row["account_id"],
        credential_id=row["id"],
        sandbox=row["sandbox"],
        may=CREDENTIALS[kind] if stated is None else frozenset(map(Permission, stated)),
        ip=ip,
    )


def lapsed() -> LiveryError:
    """What somebody was let in by has been revoked, has expired or is switched off meanwhile."""
    return _refused("What this was sent with is no longer valid.", "Send it again with another user or key.")


def _refused(message: str, next: str) -> LiveryError:
    return LiveryError(Kind.UNAUTHENTICATED, "KEY_REFUSED", message, next=next)
