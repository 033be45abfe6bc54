"""What becomes of mail that waits for credit or for a person? It is charged and released, or cancelled.

Mail that came in without credit, or without room in a month, is held uncharged where its account wants it so
(`mail.admission`). By policy `hold` a person releases it; by `queue` the clock does, oldest first, as soon as there is
enough. What nobody releases ends with the message's life, costs nothing, and its sender is told (`mail.reports`).

Rows of recipients are locked before balances, here and in every refund.
"""

import itertools
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from kit.db import Connection, Database
from kit.errors import Kind, LiveryError, missing
from kit.statement import carry_out
from mail import admission, ledger, reports
from mail.admission import UNPAID, Applicant
from mail.errors import suspended
from mail.ledger import Fact
from mail.lifecycle import EventKind
from mail.reports import Undelivered
from tenants import audit, charges
from tenants.permissions import Permission
from tenants.scope import Scope, sandboxed

MOST = 100
"""Messages that one call releases or cancels."""

_SLICE = 100
_SLICE_EXPIRED = 500  # recipients
_EXPIRED = "expired"
_TOO_LATE = "4.4.7"  # RFC 3463 §3.5: delivery time expired


@dataclass(frozen=True, slots=True)
class Moved:
    """What was released or cancelled, for rings and bells after the commit."""

    message_ids: tuple[UUID, ...]
    recipient_ids: tuple[UUID, ...]
    account_ids: frozenset[UUID]


@dataclass(frozen=True, slots=True)
class _Held:
    """A message whose recipients wait."""

    message_id: UUID
    account_id: UUID
    recipient_ids: tuple[UUID, ...]
    price: int
    """Credits that they cost and have not been charged."""


async def release(conn: Connection, scope: Scope, message_ids: Collection[UUID]) -> Moved:
    """Let held messages go, charging those that have not been paid: all of them or none.

    Raises LiveryError MISSING for a message that is not seen or has nothing held, DENIED where its account is suspended or
    a key of the sandbox asks for real mail, EXHAUSTED (NO_CREDITS, MONTHLY_LIMIT) with what is missing where not everything
    is covered: then nothing has changed.
    """
    held = await _held(conn, scope, message_ids, ("held",), alive=True)
    unpaid = [one for one in held if one.price]
    if unpaid:
        await charges.hold(conn, {one.account_id for one in unpaid})
    # Decided for all of them, for a suspended account's mail stays where it is whether or not it was paid.
    decision = await admission.decide(
        conn,
        [Applicant(h.message_id, h.account_id, None, h.price, frozenset()) for h in held],
    )
    if any(refusal.kind is Kind.DENIED for refusal in decision.refused.values()):
        raise suspended()
    short = [one for one in unpaid if one.message_id in decision.refused or one.message_id in decision.waiting]
    if short:
        raise _short(decision, short)
    if decision.counts:
        await carry_out(conn, *decision.counts)
    moved = await _record(conn, EventKind.RELEASED, held)
    await _note(conn, scope, "message.release", held)
    return moved


async def cancel(conn: Connection, scope: Scope, message_ids: Collection[UUID]) -> Moved:
    """Withdraw messages that wait: held, queued or deferred. What was paid for those recipients is given back.

    Recipients that are being sent to, or are settled, stay as they are. Raises LiveryError MISSING for a message that is not
    seen or of which nothing waits, DENIED for real mail where a key of the sandbox asks.
    """
    waiting = await _held(conn, scope, message_ids, ("held", "queued", "deferred"))
    moved = await _record(conn, EventKind.CANCELLED, waiting)
    await _note(conn, scope, "message.cancel", waiting)
    return moved


async def resume(db: Database) -> Moved:
    """Charge and release what waits by policy `queue`, each account's oldest first; the clock calls it until nothing moves.

    One transaction an account and call; a message that is not covered yet holds up those behind it.
    """
    async with db.connection() as conn:
        rows = await conn.fetch(
            """select distinct r.account_id from recipient r join account a on a.id = r.account_id
                where r.state = 'held' and r.cause = any ($1::text[]) and a.when_spent = 'queue'
                  and exists (select from credit_grant g where g.account_id = coalesce(a.pool_id, a.id) and g.is_open)""",
            list(UNPAID),
        )
    moved: list[Moved] = []
    for row in rows:
        async with db.transaction() as conn:
            moved.append(await _resume(conn, row["account_id"]))
    return Moved(
        tuple(id for one in moved for id in one.message_ids),
        tuple(id for one in moved for id in one.recipient_ids),
        frozenset(id for one in moved for id in one.account_ids),
    )


async def _resume(conn: Connection, account_id: UUID) -> Moved:
    """Release the account's oldest messages as far as credit and months reach."""
    rows = await conn.fetch(
        """select r.message_id from recipient r join message m on m.id = r.message_id
            where r.account_id = $1 and r.state = 'held' and r.cause = any ($2::text[]) and m.expires_at > livery_now()
            group by r.message_id order by r.message_id limit $3""",
        account_id,
        list(UNPAID),
        _SLICE,
    )
    held = await _lock(conn, [row["message_id"] for row in rows], ("held",))
    await charges.hold(conn, [account_id])
    decision = await admission.decide(
        conn, [Applicant(h.message_id, account_id, None, h.price, frozenset()) for h in held]
    )
    stays = decision.refused.keys() | decision.waiting.keys()
    first = next((at for at, one in enumerate(held) if one.message_id in stays), len(held))
    if first < len(held):
        # Decided again for those before it: nobody overtakes.
        held = held[:first]
        decision = await admission.decide(
            conn, [Applicant(h.message_id, account_id, None, h.price, frozenset()) for h in held]
        )
    if decision.counts:
        await carry_out(conn, *decision.counts)
    return await _record(conn, EventKind.RELEASED, held)


async def expire(db: Database, *, mail_domain: str) -> Moved:
    """Give up held mail whose life is over, some messages at a time; what moved are the reports of it, to be rung for.

    Each message whole and in one transaction with the report to its sender, whoever else expires or releases. Mail that
    waits for its next attempt is given up by the desk that claims it (`mail.dispatch`).
    """
    async with db.transaction() as conn:
        rows = await conn.fetch(
            """select distinct m.id, m.recipient_count from (
                 select r.message_id from recipient r join message m on m.id = r.message_id
                  where r.state = 'held' and m.expires_at <= (select livery_now()) limit $1
               ) over join message m on m.id = over.message_id order by m.id""",
            _SLICE_EXPIRED,
        )
        before = itertools.accumulate((row["recipient_count"] for row in rows), initial=0)
        ids = [row["id"] for row, so_far in zip(rows, before, strict=False) if so_far < _SLICE_EXPIRED]
        held = await conn.fetch(
            """select id, message_id, account_id, address, notify, orcpt, cause, copy_rule_id from recipient
                where message_id = any ($1::uuid[]) and state = 'held' order by id for update""",
            ids,
        )
        taken = await ledger.record(
            conn,
            [
                Fact(
                    EventKind.EXPIRED,
                    row["id"],
                    row["message_id"],
                    row["account_id"],
                    status=_TOO_LATE,
                    cause=_EXPIRED,
                    reply="The message was held until its life was over.",
                )
                for row in held
            ],
        )
        lost = [
            Undelivered(row["message_id"], row["address"], row["notify"], row["orcpt"], _TOO_LATE, row["cause"])
            for row in held
            # The sender named nobody for whom a rule has made a copy, and hears nothing of it.
            if row["id"] in taken and row["copy_rule_id"] is None
        ]
        told = await reports.tell(conn, lost, mail_domain=mail_domain)
    return Moved(
        tuple(one.message_id for one in told),
        tuple(id for one in told for id in one.recipient_ids),
        frozenset(row["account_id"] for row in held),
    )


async def _held(
    conn: Connection, scope: Scope, message_ids: Collection[UUID], states: Sequence[str], *, alive: bool = False
) -> list[_Held]:
    """The messages with recipients in these states; with `alive` such as are given up already are none.

    Raises LiveryError DENIED without Permission.SEND or for real mail by a key of the sandbox, MISSING, INVALID.
    """
    scope.require(Permission.SEND)
    wanted = frozenset(message_ids)
    if not 1 <= len(wanted) <= MOST:
        raise LiveryError(Kind.INVALID, "INVALID", f"Between 1 and {MOST} messages go in one call.", field=("ids",))
    seen = await conn.fetch(
        f"""select id, sandbox from message where id = any ($2::uuid[]) and {scope.see("account_id")}
               and (not $3 or expires_at > livery_now())""",
        scope.account_id,
        list(wanted),
        alive,
    )
    found = await _lock(conn, [row["id"] for row in seen], states)
    if {one.message_id for one in found} != wanted:
        refusal = missing("waiting message")
        refusal.field = ("ids",)
        raise refusal
    if scope.sandbox and not all(row["sandbox"] for row in seen):
        raise sandboxed("releases and cancels mail of the sandbox only", "ids")
    return found


async def _lock(conn: Connection, message_ids: Collection[UUID], states: Sequence[str]) -> list[_Held]:
    """The messages' recipients in these states, held until the transaction ends; oldest message first."""
    rows = await conn.fetch(
        """select id, message_id, account_id, state, cause, free from recipient
            where message_id = any ($1::uuid[]) and state = any ($2::text[]) order by id for update""",
        list(message_ids),
        list(states),
    )
    grouped: dict[UUID, list[UUID]] = {}
    prices: Counter[UUID] = Counter()
    accounts = {}
    for row in rows:
        grouped.setdefault(row["message_id"], []).append(row["id"])
        prices[row["message_id"]] += row["state"] == "held" and row["cause"] in UNPAID and not row["free"]
        accounts[row["message_id"]] = row["account_id"]
    return [_Held(id, accounts[id], tuple(grouped[id]), prices[id]) for id in sorted(grouped)]


async def _record(conn: Connection, kind: EventKind, held: Sequence[_Held]) -> Moved:
    if not held:
        return Moved((), (), frozenset())
    facts = [Fact(kind, id, one.message_id, one.account_id) for one in held for id in one.recipient_ids]
    taken = await ledger.record(conn, facts)
    return Moved(
        tuple(one.message_id for one in held),
        tuple(fact.recipient_id for fact in facts if fact.recipient_id in taken),
        frozenset(one.account_id for one in held),
    )


async def _note(conn: Connection, scope: Scope, action: str, held: Sequence[_Held]) -> None:
    for one in held:
        await audit.note(
            conn,
            scope,
            action,
            account_id=one.account_id,
            target=one.message_id,
            changes={"recipients": (None, len(one.recipient_ids))},
        )


def _short(decision: admission.Decision, short: Sequence[_Held]) -> LiveryError:
    needs = sum(one.price for one in short)
    full = any(decision.waiting.get(one.message_id) == admission.MONTHLY_LIMIT for one in short) or any(
        refusal.code == "MONTHLY_LIMIT" for refusal in decision.refused.values()
    )
    what = "the monthly limit leaves no room" if full else "there is no credit"
    return LiveryError(
        Kind.EXHAUSTED,
        "MONTHLY_LIMIT" if full else "NO_CREDITS",
        f"{len(short)} of these messages cannot be released: {what} for {needs} of their recipients.",
        next="Release fewer, or ask whoever runs your account for more.",
        field=("ids",),
    )
