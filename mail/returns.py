"""Is this return path alive, and what came back to it?

Every recipient has a signed return path of its own (`mail.wire.returnpath`), so whose mail comes back is certain before a
byte of it is read. It is stored as received; what it means is judged from there.
"""

from uuid import UUID

from kit.crypto import Keyring
from kit.db import Connection
from kit.ids import new_id
from mail.wire import returnpath


async def live(conn: Connection, keyring: Keyring, local_part: str) -> UUID | None:
    """The recipient that a return path's local part names; None where we never made it, or the recipient is gone."""
    recipient_id = returnpath.decode(keyring, local_part)
    if recipient_id is None:
        return None
    found: UUID | None = await conn.fetchval("select id from recipient where id = $1", recipient_id)
    return found


async def receive(conn: Connection, recipient_id: UUID, content: bytes) -> UUID:
    """Store what came back; once this returns it is ours to judge."""
    id = new_id()
    await conn.execute(
        "insert into returned_mail (id, recipient_id, content) values ($1, $2, $3)", id, recipient_id, content
    )
    return id
