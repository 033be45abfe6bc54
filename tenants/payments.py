"""How does a payment provider say that an order is paid? By a signed call with the seller's secret.

    signature = HMAC-SHA-256(secret, timestamp + "." + body), in hex; the timestamp in seconds, at most 5 minutes old

Said again it changes nothing: an order is fulfilled once, and a payment's reference belongs to one order. The secret is
shown when it is made, and kept sealed.
"""

import hashlib
import hmac
from uuid import UUID

from kit.crypto import Keyring, Unreadable, new_secret
from kit.db import Connection, UnitOfWork
from kit.errors import Kind, LiveryError
from tenants import audit
from tenants.scope import Scope

TOLERANCE = 300
"""Seconds by which a call's timestamp may differ from the platform's clock."""


async def renew_secret(unit: UnitOfWork, scope: Scope, keyring: Keyring) -> str:
    """Make the secret that the scope's account shares with its payment provider; the one before is good no more.

    Raises LiveryError DENIED without Permission.CREDITS, for a key that is bound itself, and for who has entered the account
    from above: its secrets are shown to its own people.
    """
    scope.trade()
    if scope.home_id is not None:
        raise LiveryError(
            Kind.DENIED,
            "ENTERED",
            "Secrets of an account are not shown to whoever has entered it.",
            next="Let somebody of the account do it.",
        )
    # The secret is good for ever and from everywhere, and puts an end to the one before.
    if scope.credential_id is not None and not await unit.conn.fetchval(
        "select networks is null and expires_at is null from credential where id = $1", scope.credential_id
    ):
        raise LiveryError(
            Kind.DENIED,
            "FORBIDDEN",
            "A key with networks or an end makes no secret that has neither.",
            next="Let somebody of the account do it, or a key without them.",
        )
    secret = f"ps_{new_secret()}"
    await unit.conn.execute(
        "update account set payment_secret = $2 where id = $1",
        scope.account_id,
        keyring.seal(secret.encode(), _bound(scope.account_id)),
    )
    await audit.note(unit.conn, scope, "payments.renew_secret", account_id=scope.account_id, target=scope.account_id)
    return secret


async def signed_for(
    conn: Connection, keyring: Keyring, *, account_id: UUID, timestamp: str, signature: str, body: bytes
) -> bool:
    """Whether a call is really the payment provider's of this account, and fresh."""
    row = await conn.fetchrow(
        """select payment_secret, extract(epoch from livery_now())::float8 as now from account
            where id = $1 and deleted_at is null""",
        account_id,
    )
    sealed = row["payment_secret"] if row else None
    try:
        # Where there is no secret as much is done as with one, so that time tells nothing.
        secret = keyring.open(sealed, _bound(account_id)) if sealed else new_secret().encode()
    except Unreadable:
        return False
    wanted = sign(secret.decode(), timestamp, body)
    genuine = hmac.compare_digest(wanted.encode(), signature.lower().encode("utf-8", "replace"))
    if not genuine or not sealed or not timestamp.isascii() or not timestamp.isdigit():
        return False
    return bool(abs(row["now"] - int(timestamp)) <= TOLERANCE)


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """The signature of a call, in hex."""
    return hmac.new(secret.encode(), timestamp.encode("utf-8", "replace") + b"." + body, hashlib.sha256).hexdigest()


def _bound(account_id: UUID) -> str:
    return f"payments|{account_id}"
