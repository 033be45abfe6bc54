"""What does the ledger hear of an attempt? A transport's delivery, or our own reason to stop, as facts and attempts.

Pure. A recipient leaves the desk with exactly one `Entry`, whatever became of it.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from kit.ids import new_id
from mail import retry
from mail.dispatch.claim import POISONED, Claimed
from mail.ledger import Attempt, Fact
from mail.lifecycle import EventKind
from mail.suppressions import Listed
from mail.transports import Conversation, Delivery, Outcome
from mail.verdict import Bounced, Delivered

SUSPENDED = "suspended"
POISON = "poison"
EXPIRED = "expired"
INTERRUPTED = "interrupted"
FAULT = "fault"

# A fault of ours is tried again soon: it is either gone with the next process or repeats until the message is held.
_AFTER_FAULT = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Entry:
    """The end of one claimed recipient's attempt."""

    claimed: Claimed
    fact: Fact
    attempts: tuple[Attempt, ...] = ()
    faulted: bool = False
    """It was our fault; counts as a lapse."""

    def without_words(self) -> "Entry":
        """The same end with nothing that a remote said, for the case that its words cannot be stored."""
        return replace(self, fact=replace(self.fact, reply=None, attempt_id=None), attempts=())


def delivered(
    claimed: Sequence[Claimed], delivery: Delivery, chance: random.Random, note: str | None = None
) -> list[Entry]:
    """An entry per recipient of a transaction, in the order of `claimed`; `note` is written under what was said."""
    attempts = _attempts(claimed[0], delivery.conversations)
    if note is not None and attempts:
        noted = f"{attempts[-1].conversation}\n* {note}"
        attempts = (*attempts[:-1], replace(attempts[-1], conversation=_storable(noted)))
    by_id = {outcome.recipient_id: outcome for outcome in delivery.outcomes}
    # Where no host said why, people read what happened instead.
    words = next(filter(None, (talk.broken_off for talk in reversed(delivery.conversations))), None)
    attempt_id = attempts[-1].id if attempts else None
    entries = []
    for index, one in enumerate(claimed):
        fact = _fact(one, by_id[one.id], words, attempt_id, chance, alone=len(claimed) == 1)
        # The conversations belong to the transaction and are stored once.
        entries.append(Entry(one, fact, attempts if index == 0 else ()))
    return entries


def expired(claimed: Claimed) -> Entry:
    """The message's life is over; nothing was tried this time."""
    return _ours(claimed, EventKind.EXPIRED, EXPIRED, "The message could not be delivered during its life.")


def held(claimed: Claimed, cause: str, words: str) -> Entry:
    """A person has to look first."""
    return _ours(claimed, EventKind.HELD, cause, words)


def suppressed(claimed: Claimed, why: Listed) -> Entry:
    """The address has come onto a list since it was accepted."""
    return _ours(claimed, EventKind.SUPPRESSED, why.cause, why.words)


def suspended(claimed: Claimed) -> Entry:
    """The account may not deliver now; what it has waits until it is resumed."""
    return held(claimed, SUSPENDED, "The account is suspended; its mail waits until it is resumed.")


def poisoned(claimed: Claimed) -> Entry:
    """So many attempts ended badly on our side that trying on would only do harm."""
    return held(claimed, POISON, f"Delivery broke off {POISONED} times; support has to look at this message.")


def faulted(claimed: Claimed, *, retry_in: timedelta = _AFTER_FAULT) -> Entry:
    """Something of ours failed over this recipient: soon again, and held when it keeps happening."""
    if claimed.lapses + 1 >= POISONED:
        return replace(poisoned(claimed), faulted=True)
    words = "A fault on our side; delivery is tried again soon."
    return replace(_ours(claimed, EventKind.DEFERRED, FAULT, words, retry_in=retry_in), faulted=True)


def interrupted(claimed: Claimed) -> Entry:
    """The process had to end in the middle of the conversation: the remote may have the message."""
    words = "Delivery was interrupted by a restart; the receiver may have the message already."
    entry = _ours(claimed, EventKind.DEFERRED, INTERRUPTED, words, retry_in=timedelta(0))
    return replace(entry, fact=replace(entry.fact, uncertain=True))


def _fact(
    claimed: Claimed,
    outcome: Outcome,
    words: str | None,
    attempt_id: UUID | None,
    chance: random.Random,
    *,
    alone: bool,
) -> Fact:
    verdict = outcome.verdict
    retry_in: timedelta | None = None
    if isinstance(verdict, Delivered):
        kind = EventKind.DELIVERED
    elif isinstance(verdict, Bounced):
        kind = EventKind.BOUNCED
    elif verdict.at_once and not alone:
        # Too many recipients in one transaction; a host that says so about a single one is not asked again at once.
        kind, retry_in = EventKind.DEFERRED, timedelta(0)
    else:
        retry_in = retry.next_delay(claimed.attempts, chance, life=claimed.life, stated=verdict.wait)
        kind = EventKind.EXPIRED if retry_in is None else EventKind.DEFERRED
    reply = outcome.reply
    text = reply.text if reply else words
    return Fact(
        kind=kind,
        recipient_id=claimed.id,
        message_id=claimed.message_id,
        account_id=claimed.account_id,
        fence=claimed.fence,
        attempt_id=attempt_id,
        code=reply.code if reply else None,
        status=reply.status if reply else outcome.status,
        reply=_storable(text) if text is not None else None,
        cause=None if isinstance(verdict, Delivered) else verdict.cause.value,
        # An attempt whose worker was lost may have reached the remote: nobody is left who could say.
        uncertain=outcome.uncertain or claimed.lapses > 0,
        retry_in=retry_in,
        suppress=isinstance(verdict, Bounced) and verdict.suppress,
    )


def _ours(claimed: Claimed, kind: EventKind, cause: str, words: str, *, retry_in: timedelta | None = None) -> Entry:
    fact = Fact(
        kind=kind,
        recipient_id=claimed.id,
        message_id=claimed.message_id,
        account_id=claimed.account_id,
        fence=claimed.fence,
        cause=cause,
        reply=words,
        retry_in=retry_in,
    )
    return Entry(claimed, fact)


def _attempts(claimed: Claimed, conversations: Sequence[Conversation]) -> tuple[Attempt, ...]:
    return tuple(
        Attempt(
            id=new_id(),
            account_id=claimed.account_id,
            message_id=claimed.message_id,
            host=talk.host,
            ip=talk.ip,
            tls=talk.tls,
            started_at=talk.started_at,
            ended_at=talk.ended_at,
            conversation=_storable("\n".join(talk.lines)),
        )
        for talk in conversations
    )


def _storable(text: str) -> str:
    """PostgreSQL's text holds no NUL and no lone surrogate; what a remote says may."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
