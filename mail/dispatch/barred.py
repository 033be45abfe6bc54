"""Whose mail must stay here although it is ready to leave? Accounts that were suspended, or deleted, while we held their letters.

A letter is prepared for an account that may deliver, and may then wait long for its turn at a slow site. So the accounts
of all that is held are looked at once a second; the desk asks before it begins a conversation.
"""

import asyncio
from collections.abc import Callable, Collection
from uuid import UUID

from kit.db import Database
from mail.dispatch import claim as queue
from mail.dispatch.away import ANSWER, AWAY

_LOOK = 1.0


class Barred:
    """The accounts of one process's letters that may not deliver now. `held` names all accounts it has letters of."""

    def __init__(self, db: Database, held: Callable[[], Collection[UUID]]) -> None:
        self._db = db
        self._held = held
        self._known: dict[UUID, queue.Standing] = {}

    def __contains__(self, claimed: queue.Claimed) -> bool:
        standing = self._known.get(claimed.account_id)
        return standing is not None and standing.bars(claimed)

    async def run(self) -> None:
        """Look for ever. Where the database is away, what is known stays."""
        while True:
            await asyncio.sleep(_LOOK)
            accounts = set(self._held())
            if not accounts:
                self._known = {}
                continue
            try:
                async with asyncio.timeout(ANSWER), self._db.connection() as conn:
                    standings = await queue.standings(conn, accounts)
                self._known = {id: standing for id, standing in standings.items() if standing.barred}
            except AWAY:
                continue
