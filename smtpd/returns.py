"""What does port 25 take from strangers? Mail to an address that we signed, and nothing else.

Other servers send their bounces and complaints to return paths, and mail programs the wish to be left alone to the address
in List-Unsubscribe. `mail.returns` and `mail.unsubscribes` know which addresses are live and what to do with what comes;
this file only carries it there.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog

from kit import jobs
from kit.bell import Bell
from kit.crypto import Keyring
from kit.db import Database
from mail import returns, unsubscribes
from mail.jobs import Judge

log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Returning:
    """What mail to an address of ours is about."""

    recipient_id: UUID
    wish: bool
    """It says that this recipient wants no more mail, whatever stands in it; otherwise something comes back."""


class Returns:
    """The way of returned mail into the house. One a process."""

    def __init__(self, db: Database, keyring: Keyring, bell: Bell) -> None:
        self._db = db
        self._keyring = keyring
        self._bell = bell

    def live(self, address: str) -> Returning | None:
        """Return whose mail it is that comes to this address, or None when mail to it is not ours to take."""
        # Whatever domain led here: the local part is signed, so that no guess costs a look into the database.
        local = address.rpartition("@")[0]
        recipient = returns.live(self._keyring, local)
        if recipient is not None:
            return Returning(recipient, wish=False)
        recipient = unsubscribes.asked(self._keyring, local)
        return Returning(recipient, wish=True) if recipient is not None else None

    async def receive(self, returning: Sequence[Returning], raw: bytes) -> None:
        """Store what came back for each recipient it names, or for none, and hear each one's wish; done means committed."""
        about = sorted(await self._named(set(returning), raw), key=lambda one: one.recipient_id)
        async with self._db.transaction() as conn:
            stored = [await returns.receive(conn, one.recipient_id, raw) for one in about if not one.wish]
        if any(stored):
            jobs.ring(Judge(tuple(str(id) for id in stored if id is not None)))
        for one in about:
            if one.wish:
                async with self._db.transaction() as conn:
                    account = await unsubscribes.hear_by_mail(conn, one.recipient_id)
                if account is not None:
                    self._bell.ring({account})

    async def _named(self, returning: set[Returning], raw: bytes) -> set[Returning]:
        """The same with those whom a report of a feedback loop is about in the place of its address."""
        loops = {one for one in returning if one.recipient_id == returns.FEEDBACK}
        if loops:
            # Anybody may write to a loop's address, and what takes long to read must not keep all others waiting.
            named = await asyncio.to_thread(returns.about, self._keyring, raw)
            if not named:
                log.info("returns.about_nobody", octets=len(raw))
            returning |= {Returning(id, wish=False) for id in named}
        return returning - loops
