"""Which states can a recipient be in, and which fact moves it where? One table, with the reason of every odd row.

    queued ─ sending ─┬─ delivered            opened, clicked, unsubscribed and complained
      │        │      ├─ bounced               are facts on top of `delivered`; they move nothing.
      │     deferred ─┼─ expired
      └─ held         └─ suppressed, cancelled

Pure: knows no database. `mail.effects.recipients` carries the moves out, `tests` fold the ledger with the same table.
"""

from enum import StrEnum


class State(StrEnum):
    """Where a message stands with one recipient."""

    QUEUED = "queued"  # accepted, waiting for its first attempt
    HELD = "held"  # waiting for a person: released or cancelled by hand, expired in time
    SENDING = "sending"  # claimed by a worker, under a lease
    DEFERRED = "deferred"  # refused for now; due again at next_attempt_at
    DELIVERED = "delivered"  # the next hop said 250: accepted there, not necessarily in the mailbox
    BOUNCED = "bounced"  # refused for good
    EXPIRED = "expired"  # given up after the message's life
    SUPPRESSED = "suppressed"  # not sent: the address is on the account's list
    CANCELLED = "cancelled"  # withdrawn before it was sent


WAITING = frozenset({State.QUEUED, State.HELD, State.SENDING, State.DEFERRED})
"""Counted as "queued" on the dashboard: not settled yet."""

CLAIMABLE = frozenset({State.QUEUED, State.DEFERRED, State.SENDING})
"""May be claimed once due; `sending` when its lease has run out."""


GIVEN_UP = frozenset({State.BOUNCED, State.EXPIRED})
"""Nothing more is tried. A bounce that comes now moves nothing, but may tell for the first time that the address is dead."""


class EventKind(StrEnum):
    """What can have happened to a recipient."""

    ACCEPTED = "accepted"  # stored and charged; the client has, or will get, its 250
    HELD = "held"
    RELEASED = "released"
    DEFERRED = "deferred"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    EXPIRED = "expired"
    SUPPRESSED = "suppressed"
    CANCELLED = "cancelled"
    OPENED = "opened"
    CLICKED = "clicked"
    UNSUBSCRIBED = "unsubscribed"
    COMPLAINED = "complained"


_MOVES: dict[EventKind, tuple[frozenset[State], State]] = {
    EventKind.ACCEPTED: (frozenset(), State.QUEUED),
    EventKind.HELD: (frozenset({State.QUEUED, State.DEFERRED, State.SENDING}), State.HELD),
    EventKind.RELEASED: (frozenset({State.HELD}), State.QUEUED),
    EventKind.DEFERRED: (frozenset({State.SENDING}), State.DEFERRED),
    EventKind.DELIVERED: (frozenset({State.SENDING}), State.DELIVERED),
    # A mail system may take a message and send a bounce hours later (RFC 3464), so `delivered` is not the end.
    EventKind.BOUNCED: (frozenset({State.SENDING, State.DELIVERED}), State.BOUNCED),
    EventKind.EXPIRED: (frozenset({State.QUEUED, State.HELD, State.DEFERRED, State.SENDING}), State.EXPIRED),
    # From `queued` too: the list is asked again just before sending.
    EventKind.SUPPRESSED: (frozenset({State.QUEUED, State.DEFERRED, State.SENDING}), State.SUPPRESSED),
    EventKind.CANCELLED: (frozenset({State.QUEUED, State.HELD, State.DEFERRED}), State.CANCELLED),
}

MARKS = {
    EventKind.OPENED: "opened_at",
    EventKind.CLICKED: "clicked_at",
    EventKind.UNSUBSCRIBED: "unsubscribed_at",
    EventKind.COMPLAINED: "complained_at",
}
"""Facts on top: each notes its first time in a column of the recipient."""


def sources(fact: EventKind) -> frozenset[State]:
    """The states from which `fact` may move a recipient; empty for facts that move nothing."""
    return _MOVES[fact][0] if fact in _MOVES else frozenset()


def target(fact: EventKind) -> State | None:
    """Where `fact` moves a recipient; None for facts on top."""
    return _MOVES[fact][1] if fact in _MOVES else None


def advance(state: State | None, fact: EventKind) -> State:
    """The state after `fact`. Raises ValueError where the table has no such row."""
    if fact in MARKS and state is not None:
        return state
    allowed, to = _MOVES[fact]
    if fact is EventKind.ACCEPTED and state is None:
        return to
    # `sending` is a claim, not a fact: the ledger alone shows `queued` or `deferred` where the row says `sending`.
    if state in allowed or (state in {State.QUEUED, State.DEFERRED} and State.SENDING in allowed):
        return to
    raise ValueError(f"{fact} cannot follow {state}")
