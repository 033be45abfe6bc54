"""How does a message get in? `Intake.accept` is the one way, for SMTP and API alike; `enter` for reports of our own.

1. The door has authenticated somebody to a `Scope` and hands over envelope and bytes as received.
2. Submissions that arrive together share one commit (group commit): one statement reads what decides over each of them
   (`mail.admission`), one writes bodies, messages, recipients, first facts and charges, locking every balance in one
   ascending order. Where credit ran out between the two, nothing was written, and both are done again with the
   balances held. Large ones commit alone, so that nobody waits for their bytes.
3. Only after the commit does `accept` return: 250 or 202 means stored and charged. The commit does not belong to the
   caller's task; a client that hangs up leaves behind both or neither.
4. Then the rings: workers for the mail, the bell for those who watch. Both are hints.
"""

import asyncio
import contextlib
import contextvars
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Literal
from uuid import UUID

import asyncpg
import structlog

from kit import chaos, jobs
from kit.bell import Bell
from kit.db import Connection, Database
from kit.errors import Kind, LiveryError, invalid
from kit.ids import new_id
from kit.statement import Part, carry_out
from mail import admission, arrivals, copies, suppressions
from mail.arrivals import Arrival
from mail.copies import Letter
from mail.jobs import Dispatch
from mail.lifecycle import State
from mail.wire import headers
from tenants import charges, rates
from tenants.scope import Scope

log: structlog.stdlib.BoundLogger = structlog.get_logger()

LIFE = timedelta(hours=72)
"""How long delivery of a message is tried; RFC 5321 §4.5.4.1 asks for at least a few days."""

TAG, LONGEST_TAG = "x-lv-tag", 100
"""The header field by which a sender files a message, and how much of it counts."""

_NOTE = "note"
"""The door of the platform's own mail, as it is stored."""
_GATHER = 0.002  # seconds that the first submission of a batch waits for company
_BATCH = 100  # submissions in one transaction
_LARGE = 512 * 1024  # bytes from which a submission commits alone


@dataclass(frozen=True, slots=True)
class EnvelopeRecipient:
    """One RCPT TO."""

    address: str
    notify: str | None = None
    """NOTIFY as given, RFC 3461 §4.1."""
    orcpt: str | None = None
    """ORCPT as given, RFC 3461 §4.2."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """What MAIL and RCPT said."""

    sender: str
    """MAIL FROM; empty is the null sender."""
    recipients: tuple[EnvelopeRecipient, ...]
    smtputf8: bool = False
    """SMTPUTF8 was asked for (RFC 6531 §3.4)."""
    body: Literal["7BIT", "8BITMIME"] | None = None
    """What BODY= declared (RFC 6152); bytes above 127 are taken in any case."""
    ret: str | None = None
    """RET, RFC 3461 §4.3."""
    envid: str | None = None
    """ENVID as given, RFC 3461 §4.4."""


@dataclass(frozen=True, slots=True)
class Submission:
    """An envelope and its content, with what its door knows of the peer."""

    envelope: Envelope
    content: bytes
    """Exactly as received: CRLF lines, dots unstuffed."""
    door: Literal["smtp", "api"]
    trace: str
    """The Received field to be added on the way out, without the field's name (RFC 5321 §4.4)."""
    notice: bool = False
    """The platform's own mail (invitation, reset, sign-up): free of charge and of limits. No door sets it for a client."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The message is stored and charged."""

    message_id: UUID
    recipient_ids: tuple[UUID, ...]
    suppressed: tuple[str, ...] = ()
    """Those of its addresses to which nothing is sent: recorded, and not charged."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A submission read and ready to be written, and who waits for it."""

    scope: Scope
    submission: Submission
    accepted: Accepted
    recipients: tuple[EnvelopeRecipient, ...]
    keys: tuple[str, ...]
    """Their addresses, as lists compare them."""
    sender: str
    subject: str
    message_id_header: str | None
    from_domains: frozenset[str]
    tag: str | None
    eight_bit: bool
    done: asyncio.Future[Accepted] = field(compare=False)

    @property
    def price(self) -> int:
        """Credits: one for each recipient."""
        return 0 if self.submission.notice else len(self.recipients)

    def letter(self) -> Letter:
        """What rules for copies ask of it."""
        return Letter(
            frozenset(copies.key(sender) for sender in (self.sender, self.submission.envelope.sender) if sender),
            self.tag,
            frozenset(copies.key(recipient.address) for recipient in self.recipients),
        )


class Intake:
    """One process's way in. Make it after the database, `await close()` it before."""

    def __init__(self, db: Database, bell: Bell, *, walled: bool = False) -> None:
        """`walled`: row-level security binds this process's role, so a batch says on whose behalf it is written."""
        self._db = db
        self._walled = walled
        self._bell = bell
        self._waiting: list[_Waiting] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._gathering = False

    async def accept(self, scope: Scope, submission: Submission) -> Accepted:
        """Store and charge one message, then say so.

        Where credits or a monthly limit do not cover every recipient, the account's policy decides: EXHAUSTED, or the
        message is stored, held and not charged. Raises LiveryError: EXHAUSTED, DENIED for a suspended account or a From domain
        that somebody else has verified, INVALID without recipients, UNAVAILABLE where nothing could be stored; then
        nothing was stored and nothing charged.
        """
        waiting = _read(scope, submission)
        if len(submission.content) >= _LARGE:
            self._spawn(self._commit([waiting]))
        else:
            self._waiting.append(waiting)
            if not self._gathering:
                self._gathering = True
                self._spawn(self._gather())
        # The future outlives the caller: cancelled here, the commit goes on and ends whole.
        return await asyncio.shield(waiting.done)

    async def close(self) -> None:
        """Wait for every commit under way."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        # A context of its own: a task made inside somebody's transaction would inherit it and fail after its end.
        task = asyncio.get_running_loop().create_task(work, context=contextvars.Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _gather(self) -> None:
        """Commit what gathers, one batch at a time: while one commits, the next one grows."""
        await asyncio.sleep(_GATHER)
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:_BATCH], self._waiting[_BATCH:]
                await self._commit(batch)
        finally:
            self._gathering = False

    async def _commit(self, batch: Sequence[_Waiting]) -> None:
        """Write a batch; on a fault each of it by itself, so that one bad submission never fails its neighbours."""
        try:
            decision = await self._write(batch)
        except Exception as fault:
            if len(batch) > 1 and not isinstance(fault, OSError | TimeoutError | asyncpg.InterfaceError):
                for waiting in batch:
                    await self._commit([waiting])
                return
            log.error("intake.failed", reason=type(fault).__name__, messages=len(batch), exc_info=fault)
            for waiting in batch:
                _refuse(waiting, _unavailable())
            return
        chaos.point("after-commit-before-250")
        accepted = [waiting for waiting in batch if waiting.accepted.message_id not in decision.refused]
        due = [waiting for waiting in accepted if waiting.accepted.message_id not in decision.waiting]
        for waiting in batch:
            if (error := decision.refused.get(waiting.accepted.message_id)) is not None:
                _refuse(waiting, error)
            elif not waiting.done.done():
                waiting.done.set_result(_told(waiting, decision))
        if due:
            jobs.ring(Dispatch(tuple(str(id) for waiting in due for id in _addressed(waiting, decision))))
        if accepted:
            self._bell.ring({waiting.scope.account_id for waiting in accepted})

    async def _write(self, batch: Sequence[_Waiting]) -> admission.Decision:
        """Two statements, the second a commit of its own; where credit or a limit ran out between them, both held."""
        try:
            async with self._connected(batch) as conn:
                return await _store(conn, batch)
        except asyncpg.PostgresError as fault:
            if not charges.overdrawn(fault) and not rates.exceeded(fault):
                raise
        async with self._db.transaction(sees=_senders(batch), spends=True) as conn:
            # In the order in which the statement locks them.
            await rates.hold(conn, sorted({w.scope.credential_id for w in batch if w.scope.credential_id is not None}))
            await charges.hold(conn, {waiting.scope.account_id for waiting in batch})
            return await _store(conn, batch)

    def _connected(self, batch: Sequence[_Waiting]) -> contextlib.AbstractAsyncContextManager[Connection]:
        return self._db.transaction(sees=_senders(batch), spends=True) if self._walled else self._db.connection()


def _senders(batch: Sequence[_Waiting]) -> set[UUID]:
    return {waiting.scope.account_id for waiting in batch}


async def _store(conn: Connection, batch: Sequence[_Waiting]) -> admission.Decision:
    """Decide, then write and charge in one statement; return what was decided."""
    decision = await admission.decide(
        conn,
        [
            admission.Applicant(
                w.accepted.message_id,
                w.scope.account_id,
                w.scope.credential_id,
                w.price,
                w.from_domains,
                # The platform's own mail is nobody's to copy, and what it says of an account holds for no list.
                addresses=() if w.submission.notice else w.keys,
                letter=None if w.submission.notice else w.letter,
            )
            for w in batch
        ],
    )
    admitted = [waiting for waiting in batch if waiting.accepted.message_id not in decision.refused]
    chaos.point("decided")
    if admitted:
        await carry_out(conn, *decision.counts, *_rows(admitted, decision))
    return decision


def _arrivals(waiting: _Waiting, decision: admission.Decision) -> list[Arrival]:
    """Everybody who gets it, and who would but for a list; copies last."""
    message_id, account_id = waiting.accepted.message_id, waiting.scope.account_id
    held, listed = decision.waiting.get(message_id), decision.suppressed.get(message_id, {})
    state = State.QUEUED if held is None else State.HELD
    found = []
    for id, recipient, key in zip(waiting.accepted.recipient_ids, waiting.recipients, waiting.keys, strict=True):
        to = (id, message_id, account_id, recipient.address, recipient.notify, recipient.orcpt)
        if (why := listed.get(key)) is not None:
            found.append(Arrival(*to, free=True, state=State.SUPPRESSED, cause=why.cause, words=why.words))
        else:
            found.append(Arrival(*to, state=state, cause=held))
    for copy in decision.copies.get(message_id, ()):
        to = (copy.recipient_id, message_id, account_id, copy.address, None, None)
        found.append(Arrival(*to, rule_id=copy.rule_id, free=copy.free, state=state, cause=held))
    return found


def _addressed(waiting: _Waiting, decision: admission.Decision) -> list[UUID]:
    """The ids of everybody who may get it."""
    copied = decision.copies.get(waiting.accepted.message_id, ())
    return [*waiting.accepted.recipient_ids, *(copy.recipient_id for copy in copied)]


def _told(waiting: _Waiting, decision: admission.Decision) -> Accepted:
    """What the sender is told."""
    listed = decision.suppressed.get(waiting.accepted.message_id)
    if not listed:
        return waiting.accepted
    of = zip(waiting.recipients, waiting.keys, strict=True)
    return replace(waiting.accepted, suppressed=tuple(recipient.address for recipient, key in of if key in listed))


async def enter(conn: Connection, scope: Scope, submission: Submission) -> Accepted:
    """Store a notice in the caller's transaction, so that it is there exactly if what it tells of has happened.

    Nothing is asked and nothing charged, so this is for the platform's own mail alone. Ring for it once it is committed.
    """
    waiting = _read(scope, replace(submission, notice=True))
    await carry_out(conn, *_rows([waiting], admission.AS_IT_COMES))
    return waiting.accepted


def _read(scope: Scope, submission: Submission) -> _Waiting:
    """Look at the message once, on its way in: what people will be shown of it, and what it claims to be from."""
    # The same address twice is one copy, as every mail system does it; the first RCPT's parameters count.
    recipients = tuple(
        {recipient.address: recipient for recipient in reversed(submission.envelope.recipients)}.values()
    )[::-1]
    if not recipients:
        raise invalid("A message needs at least one recipient.", "to")
    head = headers.scan(submission.content)
    author = headers.author(head)
    message_id = head.get("message-id")
    return _Waiting(
        scope=scope,
        submission=submission,
        accepted=Accepted(new_id(), tuple(new_id() for _ in recipients)),
        recipients=recipients,
        keys=tuple(suppressions.key(recipient.address) for recipient in recipients),
        sender=str(author.mailbox) if author.mailbox else head.shown("from"),
        subject=head.shown("subject"),
        message_id_header=headers.decode(message_id).strip("<>")[:998] if message_id else None,
        from_domains=frozenset(mailbox.domain for mailbox in author.mailboxes),
        tag=head.shown(TAG)[:LONGEST_TAG].strip() or None,
        eight_bit=not submission.content.isascii(),
        done=asyncio.get_running_loop().create_future(),
    )


def _rows(accepted: Sequence[_Waiting], decision: admission.Decision) -> tuple[Part, ...]:
    """Bodies, messages, recipients and their first facts."""
    everybody = {w.accepted.message_id: _arrivals(w, decision) for w in accepted}
    addressed = [one for arriving in everybody.values() for one in arriving]
    # The clock is asked once: as a column's default it would be asked for every row.
    written = Part(
        """moment as materialized (
             select livery_now() as now
           ), stored as (
             insert into body (message_id, content) select * from unnest($1::uuid[], $2::bytea[])
           ), written as (
           insert into message (id, account_id, credential_id, door, envelope_from, sender, subject, message_id_header,
                                size, eight_bit, smtputf8, dsn_ret, dsn_envid, trace, sandbox, recipient_count, tag,
                                accepted_at, expires_at)
           select m.*, now, now + $19::interval
             from moment, unnest($1::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[],
                                 $9::text[], $10::int[], $11::bool[], $12::bool[], $13::text[], $14::text[], $15::text[],
                                 $16::bool[], $17::int[], $18::text[]) as m
           )""",
        (
            [w.accepted.message_id for w in accepted],
            [w.submission.content for w in accepted],
            [w.scope.account_id for w in accepted],
            [w.scope.credential_id for w in accepted],
            [_NOTE if w.submission.notice else w.submission.door for w in accepted],
            [w.submission.envelope.sender for w in accepted],
            [w.sender for w in accepted],
            [w.subject for w in accepted],
            [w.message_id_header for w in accepted],
            [len(w.submission.content) for w in accepted],
            [w.eight_bit for w in accepted],
            [w.submission.envelope.smtputf8 for w in accepted],
            [w.submission.envelope.ret for w in accepted],
            [w.submission.envelope.envid for w in accepted],
            [w.submission.trace for w in accepted],
            [w.scope.sandbox for w in accepted],
            [len(everybody[w.accepted.message_id]) for w in accepted],
            [w.tag for w in accepted],
            LIFE,
        ),
    )
    return written, arrivals.stored(addressed), arrivals.told(addressed)


def _refuse(waiting: _Waiting, error: LiveryError) -> None:
    if not waiting.done.done():
        waiting.done.set_exception(error)
        # A caller that hung up never asks for it; it is not lost, for nothing was promised.
        with contextlib.suppress(BaseException):
            waiting.done.exception()


def _unavailable() -> LiveryError:
    return LiveryError(
        Kind.UNAVAILABLE, "UNAVAILABLE", "The message could not be stored just now.", next="Send it again."
    )
