"""Who is a message for, as it comes in? A row for each recipient and its first facts: queued, held, or not sent to."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from kit.statement import Part
from mail import ledger
from mail.lifecycle import State
from mail.wire.address import domain_of


@dataclass(frozen=True, slots=True)
class Arrival:
    """One recipient of a message that is being accepted."""

    id: UUID
    message_id: UUID
    account_id: UUID
    address: str
    notify: str | None
    orcpt: str | None
    rule_id: UUID | None = None
    """The rule that made a copy."""
    free: bool = False
    """It is not charged."""
    state: State = State.QUEUED
    """queued, held or suppressed."""
    cause: str | None = None
    """Why it is held or suppressed."""
    words: str | None = None
    """The same for people."""


def stored(arrivals: Sequence[Arrival]) -> Part:
    """The recipients' rows; those in the queue are due. A part beside it gives the time as `moment`."""
    return Part(
        """addressed as (
             insert into recipient (id, message_id, account_id, address, domain, notify, orcpt, copy_rule_id, free, state,
                                    cause, reply, next_attempt_at, updated_at)
             select r.*, case when r.state = 'queued' then now end, now
               from moment, unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[],
                                   $8::uuid[], $9::bool[], $10::text[], $11::text[], $12::text[])
                 as r (id, message_id, account_id, address, domain, notify, orcpt, copy_rule_id, free, state, cause, reply)
           )""",
        (
            [one.id for one in arrivals],
            [one.message_id for one in arrivals],
            [one.account_id for one in arrivals],
            [one.address for one in arrivals],
            [domain_of(one.address) for one in arrivals],
            [one.notify for one in arrivals],
            [one.orcpt for one in arrivals],
            [one.rule_id for one in arrivals],
            [one.free for one in arrivals],
            [one.state.value for one in arrivals],
            [one.cause for one in arrivals],
            [one.words for one in arrivals],
        ),
    )


def told(arrivals: Sequence[Arrival]) -> Part:
    """Their first facts."""
    return ledger.accepted(
        [(one.id, one.message_id, one.account_id) for one in arrivals],
        [
            (one.id, one.message_id, one.account_id, one.state, one.cause, one.words)
            for one in arrivals
            if one.state is not State.QUEUED
        ],
    )
