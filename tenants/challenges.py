"""Who has shown the right password and still owes the second factor? A signed note, good for five minutes on one host.

It holds whose it is and until when, nothing is stored for it. A new password makes every note of before worthless.
"""

import base64
import binascii
import struct
from datetime import timedelta
from uuid import UUID

from kit.crypto import Keyring
from kit.db import Database
from tenants.models import Role
from tenants.sessions import Person

LIFE = timedelta(minutes=5)

_PURPOSE = "second factor"
_HEAD = struct.Struct(">16s16sQ")
_TAG = 16


async def challenge(db: Database, keyring: Keyring, person: Person, *, host: str) -> str:
    """The note for a person whose password was right on `host`."""
    async with db.transaction(sees=person.account_id) as conn:
        row = await conn.fetchrow(
            "select password_hash, extract(epoch from livery_now())::bigint as now from member where id = $1", person.id
        )
    head = _HEAD.pack(person.account_id.bytes, person.id.bytes, row["now"] + int(LIFE.total_seconds()))
    tag = keyring.sign(_PURPOSE, _bound(head, host, row["password_hash"]), size=_TAG)
    return base64.urlsafe_b64encode(head + tag).decode().rstrip("=")


async def challenged(db: Database, keyring: Keyring, note: str, *, host: str) -> Person | None:
    """Whose note this is; None for one that is not ours, of another host, too old, or from before a new password."""
    try:
        raw = base64.b64decode(note[:200] + "=" * (-len(note) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(raw) != _HEAD.size + _TAG:
        return None
    head, tag = raw[: _HEAD.size], raw[_HEAD.size :]
    account, member, ends_at = _HEAD.unpack(head)
    async with db.transaction(sees=UUID(bytes=account)) as conn:
        row = await conn.fetchrow(
            """select id, account_id, role, password_hash, totp_confirmed_at is not null as second_factor,
                      extract(epoch from livery_now())::bigint as now
                 from member where id = $1 and account_id = $2""",
            UUID(bytes=member),
            UUID(bytes=account),
        )
    if row is None or not keyring.signed(_PURPOSE, _bound(head, host, row["password_hash"]), tag):
        return None
    if ends_at <= row["now"]:
        return None
    return Person(row["id"], row["account_id"], Role(row["role"]), row["second_factor"])


def _bound(head: bytes, host: str, password_hash: str) -> bytes:
    return b"|".join((head, host.encode(), password_hash.encode()))
