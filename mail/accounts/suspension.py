"""How is an account stopped, and set going again?

Suspended, nothing of the account and of those below it comes in or goes out: `tenants.states` says what is blocked, the
doors and the desk ask it. Mail that is due is held by the desk, cause "suspended". After the resume the clock releases it
here, a slice at a time; mail of an account that is still suspended from above stays where it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from kit.db import Database, UnitOfWork
from kit.errors import Kind, LiveryError, invalid
from mail import ledger
from mail.ledger import Fact
from mail.lifecycle import EventKind
from tenants import audit, details
from tenants.permissions import Permission
from tenants.scope import Scope, sandboxed
from tenants.states import Use, blocked
from tenants.sub_accounts import strictly_below

HELD_BY = "suspended"
"""The cause of mail that waits for its account to be resumed."""

LONGEST_REASON = 500
_SLICE = 500


async def suspend(unit: UnitOfWork, scope: Scope, account_id: UUID, reason: str) -> None:
    """Stop an account and everything below it; again with other words: change the reason.

    Raises LiveryError: DENIED without the permission or for the own account, MISSING, INVALID without a reason.
    """
    scope.require(Permission.ACCOUNTS)
    account = await strictly_below(unit.conn, scope, account_id)
    reason = details.seen(reason)
    if not 0 < len(reason) <= LONGEST_REASON:
        raise invalid(f"Say why, in at most {LONGEST_REASON} characters.", "reason")
    await unit.conn.execute(
        """update account set suspended_at = coalesce(suspended_at, livery_now()), suspended_reason = $2 where id = $1""",
        account_id,
        reason,
    )
    await audit.note(
        unit.conn,
        scope,
        "account.suspend",
        account_id=account_id,
        target=account_id,
        changes={"reason": (account.suspended_reason, reason)},
    )


async def resume(unit: UnitOfWork, scope: Scope, account_id: UUID) -> None:
    """Set a suspended account going again; what was held leaves within seconds.

    Raises LiveryError: DENIED, also for a key of the sandbox, for real mail leaves; MISSING, CONFLICT where it is not
    suspended itself.
    """
    scope.require(Permission.ACCOUNTS)
    if scope.sandbox:
        raise sandboxed("lets no real mail go")
    account = await strictly_below(unit.conn, scope, account_id)
    resumed = await unit.conn.fetchval(
        """update account set suspended_at = null, suspended_reason = null
            where id = $1 and suspended_at is not null returning true""",
        account_id,
    )
    if not resumed:
        raise LiveryError(Kind.CONFLICT, "NOT_SUSPENDED", f"{account.name} is not suspended.", field=("id",))
    await audit.note(
        unit.conn,
        scope,
        "account.resume",
        account_id=account_id,
        target=account_id,
        changes={"reason": (account.suspended_reason, None)},
    )


@dataclass(frozen=True, slots=True)
class Released:
    """What one slice set going."""

    recipients: Sequence[UUID] = ()
    accounts: frozenset[UUID] = frozenset()


async def release(db: Database) -> Released:
    """Release the next slice of held mail whose account has been resumed; nothing where there is none.

    Mail whose life is over stays, to be given up (`mail.holds.expire`).
    """
    async with db.transaction() as conn:
        rows = await conn.fetch(
            f"""with recursive holders(account_id) as (
                  (select account_id from recipient where state = 'held' and cause = '{HELD_BY}' order by account_id limit 1)
                  union all
                  select n.account_id from holders h cross join lateral (
                    select account_id from recipient
                     where state = 'held' and cause = '{HELD_BY}' and account_id > h.account_id
                     order by account_id limit 1) n
                )
                select r.id, r.message_id, r.account_id
                  from holders h join account a on a.id = h.account_id and not {blocked(Use.DELIVERY, "a.lineage")}
                 cross join lateral (
                   select id, message_id, account_id from recipient held
                    where state = 'held' and cause = '{HELD_BY}' and account_id = h.account_id
                      and exists (select from message m where m.id = held.message_id and m.expires_at > livery_now())
                    limit $1) r
                 limit $1""",
            _SLICE,
        )
        facts = [Fact(EventKind.RELEASED, row["id"], row["message_id"], row["account_id"]) for row in rows]
        taken = await ledger.record(conn, facts)
    return Released(tuple(taken), frozenset(fact.account_id for fact in facts if fact.recipient_id in taken))
