"""How does a claimed recipient become a letter that a lane can send? Its message is read and walks the steps.

A batch is read in few queries: how the accounts stand, signing keys (remembered for a while), and the bodies of
small messages together; large ones come one by one. Bytes are taken from the budget before they are read and returned
when the last recipient of the message is settled (`mail.dispatch.letters`).
"""

import functools
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from uuid import UUID

import structlog

from kit import addresses
from kit.crypto import Keyring
from kit.db import Database
from mail import domains, suppressions
from mail.dispatch import claim as queue
from mail.dispatch import outcomes, steps
from mail.dispatch.away import patiently
from mail.dispatch.budget import Budget
from mail.dispatch.claim import Claimed, Standing
from mail.dispatch.leases import Lease
from mail.dispatch.letters import Letter, Parcel, Room
from mail.dispatch.outcomes import Entry
from mail.dispatch.treated import Treated, Treating
from mail.suppressions import Listed
from mail.transports import Source
from mail.wire.address import domain_of

log: structlog.stdlib.BoundLogger = structlog.get_logger()

# Messages up to _SMALL bytes are read together, up to _TOGETHER bytes a query.
_SMALL, _TOGETHER = 256 * 1024, 2 * 1024 * 1024
# A message is in memory as received, and as finished for each of the two kinds of hop: 8-bit and 7-bit.
_COPIES = 3
# One that is made for its recipient alone, besides what it was made from: with its additions, and as finished.
_OWN = 2
# Seconds that a signing key is remembered: so long may a retired key still sign.
_REMEMBER = 30.0
_MOST_KEYS = 10_000
_NOBODY = domains.Identity(None, None)

type Signs = tuple[UUID, str]
"""Who signs: the account and the From domain."""


class Preparation:
    """The reading side of a desk."""

    def __init__(
        self,
        db: Database,
        keyring: Keyring,
        budget: Budget,
        *,
        mail_domain: str,
        public_url: str,
        settle: Callable[[Entry], None],
    ) -> None:
        self._db = db
        self._keyring = keyring
        self.room = Room(budget)
        """Where letters are while they are delivered."""
        self._together = min(_TOGETHER, budget.total // 8 // _COPIES)
        self._mail_domain = mail_domain
        self._settle = settle
        self._treating = Treating(db, keyring, mail_domain=mail_domain, public_url=public_url)
        self._keys: dict[Signs, tuple[float, domains.Identity]] = {}

    async def letters(self, leases: Sequence[Lease]) -> AsyncIterator[list[Letter]]:
        """Letters for everything that may leave, as they become ready; the rest is settled with its reason.

        A message over which a step fails is our fault and settled as such; its neighbours go on.
        """
        accounts = {lease.claimed.account_id for lease in leases}
        asked = {_asks(lease.claimed) for lease in leases if not lease.claimed.ours}
        standings = await patiently(lambda: self._standings(accounts, asked))
        groups: dict[UUID, list[Lease]] = {}
        for lease in leases:
            if (why := _listed(lease.claimed, standings)) is not None:
                self._settle(outcomes.suppressed(lease.claimed, why))
            else:
                groups.setdefault(lease.claimed.message_id, []).append(lease)
        # A source may be another machine's: its mail leaves from the default address here, rather than wait.
        wanted = {standing.source for standing in standings.values() if standing.source is not None}
        here = {source for source in wanted if addresses.here(source.ip)}
        keys = await patiently(lambda: self._identities({self._signs(group[0].claimed) for group in groups.values()}))
        for chunk in _chunks(list(groups.values()), together=self._together):
            # All at once: two half-served batches would wait for each other.
            await self.room.take(sum(_COPIES * group[0].claimed.size for group in chunk))
            # Nothing here keeps hold of them: they go with the lanes that deliver them.
            yield await self._read(chunk, standings, here, keys)

    async def _read(
        self,
        chunk: Sequence[Sequence[Lease]],
        standings: Mapping[UUID, Standing],
        here: Collection[Source],
        keys: Mapping[Signs, domains.Identity],
    ) -> list[Letter]:
        """The letters of messages for which room was taken."""
        firsts = [group[0].claimed for group in chunk]
        contents = await patiently(functools.partial(self._bodies, [first.message_id for first in firsts]))
        treated = await self._treating.treat(
            [
                (first, contents[first.message_id], standings[first.account_id].treated)
                for first in firsts
                if first.message_id in contents and not standings[first.account_id].barred
            ]
        )
        ready: list[Letter] = []
        for group, first in zip(chunk, firsts, strict=True):
            standing, identity = standings[first.account_id], keys[self._signs(first)]
            matter = steps.Matter(
                first=first,
                content=contents.pop(first.message_id, None),
                suspended=standing.bars(first),
                key=identity.key,
                returns=identity.returns,
            )
            source = standing.source if standing.source in here else None
            ready += self._address(group, matter, source, treated.pop(first.message_id, None))
        return ready

    def _address(
        self, group: Sequence[Lease], matter: steps.Matter, source: Source | None, treated: Treated | Exception | None
    ) -> list[Letter]:
        try:
            if isinstance(treated, Exception):
                raise treated
            stop = steps.stopped(matter)
            if stop is None:
                parcel = Parcel(_COPIES * matter.first.size, len(group))
                finish = steps.finishing(matter, self._mail_domain, treated)
                make = functools.partial(
                    steps.outgoing, keyring=self._keyring, domain=matter.returns or self._mail_domain, source=source
                )
                letters = []
                for lease in group:
                    finished = finish(lease.claimed)
                    mail = make(lease.claimed, finished)
                    weight = _OWN * mail.size if finished.own and mail.size > _SMALL else 0
                    letters.append(Letter(lease, mail, parcel, finished, weight))
                return letters
            ends = [outcomes.held(lease.claimed, stop.cause, stop.words) for lease in group]
        # One message's fault must not become its neighbours'.
        except Exception as fault:
            log.exception("dispatch.fault", message=str(matter.first.message_id), reason=type(fault).__name__)
            ends = [outcomes.faulted(lease.claimed) for lease in group]
        self.room.give(_COPIES * matter.first.size)
        for end in ends:
            self._settle(end)
        return []

    def _signs(self, claimed: Claimed) -> Signs:
        # A report, or something that came back and goes on: a stranger may have written its From, and no domain of an
        # account vouches for that.
        ours = claimed.ours and not claimed.envelope_from
        return claimed.account_id, domain_of(self._mail_domain if ours else claimed.sender)

    async def _identities(self, wanted: set[Signs]) -> dict[Signs, domains.Identity]:
        now = time.monotonic()
        if len(self._keys) >= _MOST_KEYS:
            self._keys.clear()
        unknown = [one for one in wanted if one not in self._keys or now - self._keys[one][0] >= _REMEMBER]
        if unknown:
            async with self._db.connection() as conn:
                found = await domains.identities(conn, self._keyring, unknown)
            self._keys.update((one, (now, found.get(one, _NOBODY))) for one in unknown)
        return {one: self._keys[one][1] for one in wanted}

    async def _bodies(self, ids: Sequence[UUID]) -> dict[UUID, bytes]:
        async with self._db.connection() as conn:
            return await queue.bodies(conn, ids)

    async def _standings(self, accounts: set[UUID], asked: set[tuple[UUID, str]]) -> dict[UUID, Standing]:
        async with self._db.connection() as conn:
            return await queue.standings(conn, accounts, asked)


def _asks(claimed: Claimed) -> tuple[UUID, str]:
    """Whose mail it is and to whom, as lists compare addresses."""
    return claimed.account_id, suppressions.key(claimed.address)


def _listed(claimed: Claimed, standings: dict[UUID, Standing]) -> Listed | None:
    """Why it is not sent, where the address is on a list; a suspended account's mail waits all the same."""
    standing = standings[claimed.account_id]
    if not standing.lists or claimed.ours or standing.barred:
        return None
    return standing.lists.get(*_asks(claimed))


def _chunks(groups: Sequence[list[Lease]], *, together: int) -> Iterator[list[list[Lease]]]:
    """Small messages together, large ones alone and last."""
    chunk: list[list[Lease]] = []
    total = 0
    for group in sorted(groups, key=lambda group: group[0].claimed.size > _SMALL):
        size = group[0].claimed.size
        if chunk and (size > _SMALL or total + size > together):
            yield chunk
            chunk, total = [], 0
        chunk.append(group)
        total += size
    if chunk:
        yield chunk
