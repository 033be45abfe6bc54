"""Is this recipient still ours? What one process holds, how long it has held it for certain, and the renewing of it.

Leases are counted by the database's clock. A process trusts its own monotonic clock only for a fraction of the lease
after the last statement that extended it; beyond that it asks. So a process that was stopped for minutes and wakes up
finds out that it has lost everything before it sends anything. While the database is away, renewing is tried often: whoever
is back first may take what is over by then.
"""

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog
from prometheus_client import Gauge

from kit.db import Database
from mail.dispatch import claim as queue
from mail.dispatch.away import ANSWER, AWAY
from mail.dispatch.claim import Claimed

log: structlog.stdlib.BoundLogger = structlog.get_logger()

HELD = Gauge("mail_dispatch_held", "Recipients that this process has claimed and not settled yet.")

_MOST = 200
# Seconds between two tries while the database is away.
_PAUSE = 0.5


@dataclass(eq=False, slots=True)
class Lease:
    """One claimed recipient."""

    claimed: Claimed
    since: float
    """Monotonic moment before the statement that last extended it was sent."""
    lost: bool = False


class Leases:
    """Everything that this process holds."""

    def __init__(self, db: Database, length: timedelta) -> None:
        self._db = db
        self.length = length
        self._third = length.total_seconds() / 3
        self._held: dict[UUID, Lease] = {}
        self._renewing = asyncio.Lock()

    def __len__(self) -> int:
        return len(self._held)

    def hold(self, claimed: Iterable[Claimed], since: float) -> list[Lease]:
        """Note what a claim brought; `since` is the monotonic moment before it was made."""
        leases = [Lease(one, since) for one in claimed]
        self._held.update((lease.claimed.id, lease) for lease in leases)
        HELD.set(len(self._held))
        return leases

    def drop(self, claims: Iterable[Claimed]) -> None:
        """Forget claims that are settled, given back or lost; a later claim of the same recipient stays held."""
        for claimed in claims:
            held = self._held.get(claimed.id)
            if held is not None and held.claimed.fence == claimed.fence:
                del self._held[claimed.id]
        HELD.set(len(self._held))

    def ids(self) -> list[UUID]:
        """The recipients that are held now, lost ones included until their conversation has ended."""
        return list(self._held)

    def all(self) -> list[Lease]:
        """What is held now."""
        return list(self._held.values())

    async def heartbeat(self, lease: Lease) -> bool:
        """Whether the recipient is ours for as long as the next step may take; asks the database when in doubt."""
        while not lease.lost and (now := time.monotonic()) - lease.since > self._third:
            try:
                await self._extend([lease])
            except AWAY:
                # The database is away: whoever waits for this has nothing better to do than to wait for the lease's
                # end.
                if now > lease.since + self.length.total_seconds():
                    lease.lost = True
                else:
                    await asyncio.sleep(_PAUSE)
        return not lease.lost

    async def run(self) -> None:
        """Renew in time whatever is held, until cancelled."""
        usual, away = self._third / 3, False
        while True:
            await asyncio.sleep(min(usual, _PAUSE) if away else usual)
            try:
                await self.renew(older=self._third)
                away = False
            except AWAY as fault:
                if not away:
                    log.warning("lease.not_renewed", reason=type(fault).__name__, recipients=len(self._held))
                away = True

    async def renew(self, *, older: float = 0.0) -> None:
        """Extend whatever was last extended more than `older` seconds ago. Raises what `AWAY` lists."""
        # One at a time: two that extend the same rows would wait for each other.
        async with self._renewing:
            due = time.monotonic() - older
            old = [lease for lease in self._held.values() if lease.since <= due and not lease.lost]
            for start in range(0, len(old), _MOST):
                await self._extend(old[start : start + _MOST])

    async def _extend(self, leases: Sequence[Lease]) -> None:
        asked = time.monotonic()
        async with asyncio.timeout(ANSWER), self._db.connection() as conn:
            ours = await queue.renew(conn, [lease.claimed for lease in leases], self.length)
        for lease in leases:
            if lease.claimed.id in ours:
                lease.since = asked
                continue
            lease.lost = True
            # Settled while the statement was on its way is no loss.
            if self._held.get(lease.claimed.id) is lease:
                log.warning("lease.lost", recipient=str(lease.claimed.id))
