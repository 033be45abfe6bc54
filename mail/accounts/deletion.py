"""How is an account deleted for ever?

At once, in one transaction: nobody sees it or anything of it, nobody signs in, no key opens anything, its credits are
settled, its short name is free. The clock then purges, a slice at a time: what waits is cancelled, and what it had cost
is settled alike; when that is counted, messages, recipients, bodies, facts and conversations go together, and last what
is left of its settings.

Kept for good: the row itself, a tombstone without a name; sums without personal data (tallies); the ledger of credits. What
was signed goes on being recognised: whoever unsubscribes, bounces or complains later is heard (`mail.returns`), and finds
nobody's data behind it.
"""

from dataclasses import dataclass
from enum import Enum
from uuid import UUID

from kit.db import Connection, Database, UnitOfWork
from kit.errors import Kind, LiveryError, invalid
from mail import ledger, tracking
from mail.ledger import Fact
from mail.lifecycle import EventKind
from tenants import audit, closing, credits, tree
from tenants.permissions import Permission
from tenants.scope import Scope
from tenants.sub_accounts import strictly_below

DELETED = "account_deleted"
"""The cause of mail that was cancelled because its account was deleted."""

_ACCOUNTS = 20  # that are looked at in one go
_SLICE = 500
_MESSAGES = 200  # of one slice: their bodies may be large
_LISTED = 5_000


async def delete(unit: UnitOfWork, scope: Scope, account_id: UUID, *, typed: str, give_back: bool = True) -> None:
    """Delete an account for ever. `typed` must be its name; with `give_back` unspent credits return to their givers.

    Raises LiveryError: DENIED without the permission or for the own account, MISSING, INVALID for another name, CONFLICT
    where it has sub-accounts.
    """
    scope.require(Permission.ACCOUNTS)
    if not give_back:
        scope.trade("credits")
    await tree.alone(unit.conn)
    account = await strictly_below(unit.conn, scope, account_id)
    if typed.strip() != account.name:
        raise invalid("This is not the account's name.", "name", next=f"To delete it, type its name: {account.name}")
    if account.children:
        raise LiveryError(
            Kind.CONFLICT,
            "HAS_SUB_ACCOUNTS",
            f"{account.name} has sub-accounts.",
            field=("id",),
            next="Move or delete them first.",
        )
    returned = await credits.settle(unit, scope, account_id=account_id, give_back=give_back)
    # Noted with the parent: what is written with the account goes with it.
    await audit.note(
        unit.conn,
        scope,
        "account.delete",
        account_id=account.parent_id or scope.account_id,
        target=account_id,
        changes={
            "name": (account.name, None),
            "slug": (account.slug, None),
            "credits_returned": (None, returned),
        },
    )
    await _forget_settings(unit.conn, account_id)
    await closing.close(unit.conn, account_id)


async def _forget_settings(conn: Connection, account_id: UUID) -> None:
    # Its sender domains sign nothing more, and others may verify them; their keys go with them.
    for table in ("domain", "copy_rule", "template", "treatment", "unsubscribe_tag"):
        await conn.execute(f"delete from {table} where account_id = $1", account_id)


@dataclass(frozen=True, slots=True)
class Purged:
    """What one slice did."""

    busy: bool = False
    """There is more to do now."""
    finished: tuple[UUID, ...] = ()
    """The accounts of which nothing is left."""


async def purge(db: Database) -> Purged:
    """Carry deletions on, each by a slice of well under a second."""
    async with db.connection() as conn:
        rows = await conn.fetch(
            """select id from account where deleted_at is not null and purged_at is null
                order by deleted_at, id limit $1""",
            _ACCOUNTS,
        )
    busy, finished = False, []
    for row in rows:
        async with db.transaction() as conn:
            # Not "for update", which whoever still writes something of the account would wait for.
            if await conn.fetchval("select true from account where id = $1 for no key update skip locked", row["id"]):
                step = await _step(conn, row["id"])
                busy |= step is _Step.MORE
                if step is _Step.FINISHED:
                    finished.append(row["id"])
    return Purged(busy, tuple(finished))


class _Step(Enum):
    MORE = "more"
    WAIT = "wait"
    FINISHED = "finished"


async def _step(conn: Connection, account_id: UUID) -> _Step:
    if await _cancel(conn, account_id):
        return _Step.MORE
    # In a transaction of its own: the cancelling has locked balances, and all locks are taken in one order.
    await credits.settle_again(conn, account_id)
    if not await _counted(conn, account_id):
        return _Step.WAIT
    if await _erase(conn, account_id):
        return _Step.MORE
    # Last: as long as there were mails, somebody could still say that they want no more.
    if await _unlist(conn, account_id) or await tracking.erase(conn, account_id):
        return _Step.MORE
    # Once more: what was being made at the moment of the deletion was not seen by it.
    await _forget_settings(conn, account_id)
    await closing.forget(conn, account_id)
    return _Step.FINISHED


async def _cancel(conn: Connection, account_id: UUID) -> bool:
    """Cancel a slice of what waits; whether there was any. What a worker has under way is waited for."""
    rows = await conn.fetch(
        """select id, message_id from recipient
            where account_id = $1 and state in ('queued', 'held', 'deferred') order by id limit $2""",
        account_id,
        _SLICE,
    )
    facts = [
        Fact(
            EventKind.CANCELLED,
            row["id"],
            row["message_id"],
            account_id,
            cause=DELETED,
            reply="The account is deleted.",
        )
        for row in rows
    ]
    return bool(await ledger.record(conn, facts))


async def _counted(conn: Connection, account_id: UUID) -> bool:
    """Whether nothing of it is under way any more and its last fact is in the tallies: only then may facts go."""
    settled: bool = await conn.fetchval(
        """select not exists (select from recipient where account_id = $1 and state in ('queued', 'held', 'deferred', 'sending'))
                and not exists (select from event e, fold_position p
                                 where e.account_id = $1 and (e.epoch, e.xid, e.id) > (p.epoch, p.xid, p.event_id))""",
        account_id,
    )
    return settled


async def _erase(conn: Connection, account_id: UUID) -> bool:
    """Erase a slice of messages with all that hangs on them; whether there were any."""
    messages = [
        row["id"]
        for row in await conn.fetch(
            "select id from message where account_id = $1 order by id limit $2", account_id, _MESSAGES
        )
    ]
    if not messages:
        return False
    await conn.execute(
        "delete from returned_mail where recipient_id in (select id from recipient where message_id = any ($1::uuid[]))",
        messages,
    )
    await conn.execute(
        "delete from event where recipient_id in (select id from recipient where message_id = any ($1::uuid[]))",
        messages,
    )
    await conn.execute(
        "delete from visit where recipient_id in (select id from recipient where message_id = any ($1::uuid[]))",
        messages,
    )
    for table, column in (
        ("attempt", "message_id"),
        ("body", "message_id"),
        ("recipient", "message_id"),
        ("message", "id"),
    ):
        await conn.execute(f"delete from {table} where {column} = any ($1::uuid[])", messages)
    return True


async def _unlist(conn: Connection, account_id: UUID) -> bool:
    """Forget a slice of those to whom it sent nothing; whether there were any."""
    gone = await conn.fetch(
        "delete from suppression where id in (select id from suppression where account_id = $1 limit $2) returning 1",
        account_id,
        _LISTED,
    )
    return bool(gone)
