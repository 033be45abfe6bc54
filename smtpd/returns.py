"""What does port 25 take from strangers? Mail to a live return path, and nothing else.

Other servers send their bounces and complaints here. `mail.returns` knows which addresses are live and what to do with
what comes; this file only carries it there.
"""

from collections.abc import Sequence
from uuid import UUID

from kit.crypto import Keyring
from kit.db import Database
from mail import returns


class Returns:
    """The way of returned mail into the house. One a process."""

    def __init__(self, db: Database, keyring: Keyring) -> None:
        self._db = db
        self._keyring = keyring

    def live(self, address: str) -> UUID | None:
        """Return the recipient whose mail comes back by this address, or None when mail to it is not ours to take."""
        # Whatever domain led here: the local part is signed, so that no guess costs a look into the database.
        return returns.live(self._keyring, address.rpartition("@")[0])

    async def receive(self, recipients: Sequence[UUID], raw: bytes) -> None:
        """Store returned mail for each of the recipients it names, or for none; done means committed."""
        async with self._db.transaction() as conn:
            for recipient in recipients:
                await returns.receive(conn, recipient, raw)
