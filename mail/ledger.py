"""What has happened, and who may say so? `record` is the one writer of facts; `accepted` writes the first ones.

It inserts events and carries out their consequences by name in the caller's transaction: either both are there or
neither. Events never change. Their order is (epoch, xid, id) below the oldest running transaction, because ids are handed
out before commits (docs/decisions/0002); `mail.feed` and `mail.stats` read them so.

Whoever records rings afterwards, once committed: `Bell.ring(accounts)` for those who watch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from kit.db import Connection
from kit.statement import Part
from mail.effects import copies, recipients, refunds, suppressions
from mail.lifecycle import MARKS, EventKind, State


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that happened to one recipient."""

    kind: EventKind
    recipient_id: UUID
    message_id: UUID
    account_id: UUID
    fence: int | None = None
    """The claim under which it happened. A fact of an older claim than the row's is not recorded: its lease was lost."""
    attempt_id: UUID | None = None
    """The SMTP transaction it came from."""
    code: int | None = None
    status: str | None = None
    reply: str | None = None
    """The remote's text, or ours where no remote spoke; of a complaint the feedback loop that told of it."""
    cause: str | None = None
    """Why, in the words of `mail.verdict`."""
    uncertain: bool = False
    """The remote may have the message although no reply said so."""
    retry_in: timedelta | None = None
    """Deferred and released: how long until the next attempt is due; None is at once."""
    machine: bool = False
    """Opened or clicked by a program: a fact beside the people's, which never counts as a first one."""
    at: datetime | None = None
    """When, where it is told later than it happened; None is now."""
    suppress: bool = False
    """Bounced: the address is dead, and nothing is sent to it any more (`mail.verdict.Bounced`)."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One SMTP transaction, for the timeline."""

    id: UUID
    account_id: UUID
    message_id: UUID
    host: str
    ip: str
    tls: str | None
    started_at: datetime
    ended_at: datetime
    conversation: str


def accepted(
    recipients: Sequence[tuple[UUID, UUID, UUID]],
    stopped: Sequence[tuple[UUID, UUID, UUID, State, str | None, str | None]] = (),
) -> Part:
    """The first facts for the statement in which `mail.intake` makes the rows.

    That each (recipient, message, account) was accepted, and of those in `stopped` that they are held or suppressed at
    once, with the cause and its words.
    """
    if not stopped:
        return Part(
            f"""accepted as (
                 insert into event (epoch, at, recipient_id, message_id, account_id, kind, is_first)
                 select (select epoch from ledger_epoch), (select livery_now()), f.*, '{EventKind.ACCEPTED.value}', true
                   from unnest($1::uuid[], $2::uuid[], $3::uuid[]) as f
               )""",
            tuple(zip(*recipients, strict=True)),
        )
    # One list, because its order is the ledger's: what was accepted comes first.
    kinds = [EventKind.ACCEPTED.value] * len(recipients) + [_STOPS[state].value for *_, state, _, _ in stopped]
    left = [None] * len(recipients) + [State.QUEUED.value] * len(stopped)
    causes = [None] * len(recipients) + [cause for *_, cause, _ in stopped]
    words = [None] * len(recipients) + [reply for *_, reply in stopped]
    ids = zip(*[*recipients, *(row[:3] for row in stopped)], strict=True)
    return Part(
        """accepted as (
             insert into event (epoch, at, recipient_id, message_id, account_id, kind, from_state, cause, reply, is_first)
             select (select epoch from ledger_epoch), (select livery_now()), f.*, true
               from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[]) as f
           )""",
        (*ids, kinds, left, causes, words),
    )


_STOPS = {State.HELD: EventKind.HELD, State.SUPPRESSED: EventKind.SUPPRESSED}


async def record(conn: Connection, facts: Sequence[Fact], attempts: Sequence[Attempt] = ()) -> frozenset[UUID]:
    """Write facts, the attempts they came from, and their consequences; return the recipients whose fact was taken.

    Facts that the table of `mail.lifecycle` does not allow from the row's present state, or whose fence is old, change
    nothing and are not written: a late worker, a second bounce. But of mail that was given up for another reason a late
    bounce may still say that its address is dead: that is learnt all the same. Facts are taken in the given order.
    """
    if attempts:
        await _insert_attempts(conn, attempts)
    taken: set[UUID] = set()
    told: list[Fact] = []
    late: list[Fact] = []
    for batch in _by_recipient(facts):
        moves = [fact for fact in batch if fact.kind not in MARKS]
        marks = [fact for fact in batch if fact.kind in MARKS]
        if moves:
            left = await recipients.move(conn, moves)
            moved = [fact for fact in moves if fact.recipient_id in left]
            await _insert_events(conn, moved, [left[fact.recipient_id] for fact in moved], [True] * len(moved))
            await refunds.give_back(conn, moved)
            taken.update(left)
            told += moved
            late += [fact for fact in moves if fact.suppress and fact.fence is None and fact.recipient_id not in left]
        if marks:
            await _insert_events(conn, marks, [None] * len(marks), await recipients.mark(conn, marks))
            taken.update(fact.recipient_id for fact in marks)
            told += marks
    # Last: another process may hold the same address until it has committed, and needs no row of these.
    await suppressions.learn(conn, told, late)
    await copies.stop(conn, told)
    return frozenset(taken)


def _by_recipient(facts: Sequence[Fact]) -> list[list[Fact]]:
    """Slices in which no recipient moves twice, or after a mark: set-based statements move a row once, and order must hold."""
    slices: list[list[Fact]] = []
    seen: dict[UUID, int] = {}
    for fact in facts:
        turn = seen.get(fact.recipient_id, -1)
        # Marks join what came before: a reader's hundred opens are one statement.
        if turn < 0 or fact.kind not in MARKS:
            turn += 1
        seen[fact.recipient_id] = turn
        if turn == len(slices):
            slices.append([])
        slices[turn].append(fact)
    return slices


async def _insert_events(
    conn: Connection, facts: Sequence[Fact], left: Sequence[str | None], first: Sequence[bool]
) -> None:
    if not facts:
        return
    await conn.execute(
        """insert into event (epoch, at, account_id, message_id, recipient_id, kind, from_state, is_first, attempt_id,
                              code, status, reply, cause, uncertain, machine)
           select (select epoch from ledger_epoch), coalesce(f.at, (select livery_now())), f.account_id, f.message_id,
                  f.recipient_id, f.kind, f.from_state, f.is_first, f.attempt_id, f.code, f.status, f.reply, f.cause,
                  f.uncertain, f.machine
             from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::bool[], $7::uuid[],
                         $8::int[], $9::text[], $10::text[], $11::text[], $12::bool[], $13::bool[], $14::timestamptz[])
               as f (account_id, message_id, recipient_id, kind, from_state, is_first, attempt_id, code, status, reply,
                     cause, uncertain, machine, at)""",
        [fact.account_id for fact in facts],
        [fact.message_id for fact in facts],
        [fact.recipient_id for fact in facts],
        [fact.kind.value for fact in facts],
        list(left),
        list(first),
        [fact.attempt_id for fact in facts],
        [fact.code for fact in facts],
        [fact.status for fact in facts],
        [fact.reply for fact in facts],
        [fact.cause for fact in facts],
        [fact.uncertain for fact in facts],
        [fact.machine for fact in facts],
        [fact.at for fact in facts],
    )


async def _insert_attempts(conn: Connection, attempts: Sequence[Attempt]) -> None:
    await conn.execute(
        """insert into attempt (id, account_id, message_id, host, ip, tls, started_at, ended_at, conversation)
           select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[],
                                $7::timestamptz[], $8::timestamptz[], $9::text[])""",
        [attempt.id for attempt in attempts],
        [attempt.account_id for attempt in attempts],
        [attempt.message_id for attempt in attempts],
        [attempt.host for attempt in attempts],
        [attempt.ip for attempt in attempts],
        [attempt.tls for attempt in attempts],
        [attempt.started_at for attempt in attempts],
        [attempt.ended_at for attempt in attempts],
        [attempt.conversation for attempt in attempts],
    )
