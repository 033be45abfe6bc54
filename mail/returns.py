"""Is this return path ours, and what came back to it?

Every recipient has a signed return path of its own (`mail.wire.returnpath`), so whose mail comes back is certain before a
byte of it is read. It is stored as received; what it means is judged from there.
"""

from uuid import UUID

from kit.crypto import Keyring
from kit.db import Connection
from kit.ids import new_id
from mail.wire import returnpath


def live(keyring: Keyring, local_part: str) -> UUID | None:
    """The recipient that a return path's local part names; None where we never made it.

    What we signed stays ours when its account is deleted: whoever complains then is heard, and finds nobody's data.
    """
    return returnpath.decode(keyring, local_part)


async def receive(conn: Connection, recipient_id: UUID, content: bytes) -> UUID | None:
    """Store what came back; once this returns it is ours to judge. None where nobody is left to judge it for: it is dropped."""
    id: UUID | None = await conn.fetchval(
        """insert into returned_mail (id, recipient_id, content)
           select $1, r.id, $3 from recipient r join account a on a.id = r.account_id
            where r.id = $2 and a.deleted_at is null returning id""",
        new_id(),
        recipient_id,
        content,
    )
    return id
