"""When was a credential used last? Noted in memory by whoever lets somebody in, written down off the way, to the minute.

Nobody waits for it and nothing fails because of it; what a process that is killed had not written yet is lost.
"""

import asyncio
from time import monotonic
from uuid import UUID

import structlog

from kit.db import Database
from tenants.scope import Scope

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_WRITE_SECONDS = 10.0
_AGAIN_SECONDS = 60.0
_REMEMBERED = 10_000


class Uses:
    """The credentials that were used in this process. One a process; `keep` runs beside it."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._used: dict[UUID, dict[UUID, str | None]] = {}
        self._written: dict[UUID, float] = {}

    def note(self, scope: Scope) -> None:
        """Somebody was let in with the scope's credential just now."""
        id = scope.credential_id
        if id is not None and self._written.get(id, 0.0) < monotonic():
            self._used.setdefault(scope.account_id, {})[id] = scope.ip

    async def write(self) -> None:
        """Write down what was noted, an account at a time: each in a transaction that sees no other account."""
        used, self._used = self._used, {}
        if len(self._written) > _REMEMBERED:
            self._written.clear()
        for account_id, addresses in used.items():
            async with self._db.transaction(sees=account_id) as conn:
                await conn.execute(
                    """update credential c set last_used_at = date_trunc('minute', livery_now()), last_used_ip = u.ip
                         from unnest($1::uuid[], $2::text[]) as u (id, ip)
                        where c.id = u.id and (c.last_used_at is null or c.last_used_at < date_trunc('minute', livery_now()))""",
                    list(addresses),
                    list(addresses.values()),
                )
            again = monotonic() + _AGAIN_SECONDS
            self._written.update(dict.fromkeys(addresses, again))

    async def keep(self) -> None:
        """Write every few seconds, for ever."""
        while True:
            await asyncio.sleep(_WRITE_SECONDS)
            await self.close()

    async def close(self) -> None:
        """Write what was noted and not written yet, if the database lets us; the next use is noted again."""
        try:
            await self.write()
        except Exception as fault:
            log.warning("uses.not_written", cause=type(fault).__name__)
