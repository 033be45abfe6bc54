"""What do people do with a list? Look at it, put an address on it, take one off; each change is in the audit list.

Whoever may send keeps the account's list, or that of an account below; but a complaint is taken off by owners and admins
alone (Permission.ACCOUNTS). The list that holds for everybody is the operator's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from kit.db import Connection
from kit.errors import Kind, LiveryError, invalid, missing
from mail.models.suppression import SuppressionReason
from mail.suppressions.entries import Newcomer, key, put
from mail.wire.address import AddressError, parse_mailbox
from tenants import audit
from tenants.permissions import Permission
from tenants.scope import Scope

THING = "entry of a suppression list"
"""What an id of this list names, in the words of a refusal."""

MOST_WORDS = 200
"""Characters of a person's own words about an entry."""


@dataclass(frozen=True, slots=True)
class View:
    """An entry as people see it."""

    id: UUID
    account_id: UUID | None
    """None: it holds for everybody."""
    address: str
    reason: SuppressionReason
    source: str
    recipient_id: UUID | None
    created_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list is narrowed to; everything given must hold."""

    address: str = ""
    """This address, as lists compare them."""
    search: str = ""
    """Part of the address, whatever its case."""
    reasons: Sequence[SuppressionReason] = ()
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Removed:
    """An entry that is gone."""

    entry: View
    remains: tuple[SuppressionReason, ...]
    """What else keeps the same list from sending to the address."""


_VIEW = "s.id, s.account_id, s.address, s.reason, s.source, s.recipient_id, s.created_at, s.expires_at"
_LAST = UUID(int=2**128 - 1)


async def whose(conn: Connection, scope: Scope, account_id: UUID | None, *, everybodys: bool) -> UUID | None:
    """The account whose list is meant: one that is named, else the scope's own; None for the list that holds for everybody.

    Raises LiveryError: MISSING for an account out of sight, DENIED where somebody else than the operator means everybody's.
    """
    if everybodys:
        if account_id is not None:
            raise invalid(
                "The list that holds for everybody is no account's.", "accountId", next="Leave one of them out."
            )
        await _operator(conn, scope)
        return None
    wanted = account_id or scope.account_id
    if not await conn.fetchval(
        f"select true from account where id = $2 and {scope.see('id')}", scope.account_id, wanted
    ):
        refusal = missing("account")
        refusal.field = ("accountId",)
        raise refusal
    return wanted


async def entries(
    conn: Connection, scope: Scope, owner: UUID | None, *, filter: Filter, first: int, after: UUID | None
) -> list[View]:
    """Up to `first` entries of a list that hold now, older than `after`, newest first. `owner` is what `whose` said."""
    scope.require(Permission.READ)
    values: list[object] = [scope.account_id, after or _LAST, first]
    conditions = ["s.id < $2", "(s.expires_at is null or s.expires_at > (select livery_now()))"]

    def add(condition: str, value: object) -> None:
        values.append(value)
        conditions.append(condition.format(f"${len(values)}"))

    if owner is None:
        await _operator(conn, scope)
        # The parameter has to stand somewhere.
        conditions.append("s.account_id is null and $1::uuid is not null")
    else:
        add(f"s.account_id = {{}} and {scope.see('s.account_id')}", owner)
    if filter.address:
        add("s.address = {}", key(filter.address))
    if filter.search:
        # position(), not like: what people type holds % and _ that mean themselves.
        add("position(lower({}) in lower(s.address)) > 0", filter.search)
    if filter.reasons:
        add("s.reason = any ({}::text[])", [reason.value for reason in filter.reasons])
    if filter.since:
        add("s.created_at >= {}", filter.since)
    if filter.until:
        add("s.created_at < {}", filter.until)
    rows = await conn.fetch(
        f"select {_VIEW} from suppression s where {' and '.join(conditions)} order by s.id desc limit $3", *values
    )
    return [_view(row) for row in rows]


async def add(
    conn: Connection, scope: Scope, owner: UUID | None, *, address: str, reason: SuppressionReason, words: str = ""
) -> View:
    """Put an address on a list, with the reason and one's own words; an entry that stands is answered as it is.

    Raises LiveryError INVALID for what is no address or too many words.
    """
    scope.require(Permission.SEND)
    if owner is None:
        await _operator(conn, scope)
    said = " ".join(words.split())
    if len(said) > MOST_WORDS:
        raise invalid(f"A note has at most {MOST_WORDS} characters.", "note")
    try:
        mailbox = str(parse_mailbox(address.strip()))
    except AddressError as fault:
        raise invalid(f"This is no address: {fault}.", "address", next="Write it like name@example.com.") from None
    by = "api" if scope.credential_id is not None else "member"
    source = f"{by}: {said}" if said else by
    made = await put(conn, [Newcomer(owner, mailbox, reason, source)])
    row = await conn.fetchrow(
        f"select {_VIEW} from suppression s where address = $1 and account_id is not distinct from $2 and reason = $3",
        key(mailbox),
        owner,
        reason.value,
    )
    found = _view(row)
    if made:
        changes = {"address": (None, found.address), "reason": (None, reason.value)}
        await audit.note(
            conn, scope, "suppression.add", account_id=owner or scope.account_id, target=found.id, changes=changes
        )
    return found


async def remove(conn: Connection, scope: Scope, id: UUID) -> Removed:
    """Take an entry off its list: unless something remains, mail goes to the address again.

    Raises LiveryError: MISSING for an entry that is not seen (everybody's is the operator's alone), DENIED for a complaint
    without Permission.ACCOUNTS.
    """
    scope.require(Permission.SEND)
    row = await conn.fetchrow(
        f"""select {_VIEW} from suppression s
             where s.id = $2 and case when s.account_id is null
                                      then exists (select from account where id = $1 and kind = 'operator')
                                      else {scope.see("s.account_id")} end for update of s""",
        scope.account_id,
        id,
    )
    if row is None:
        refusal = missing(THING)
        refusal.field = ("id",)
        raise refusal
    entry = _view(row)
    if entry.account_id is None:
        await _operator(conn, scope)
    if entry.reason is SuppressionReason.COMPLAINT and Permission.ACCOUNTS not in scope.may:
        raise LiveryError(
            Kind.DENIED,
            "FORBIDDEN",
            "This recipient reported mail as spam.",
            next="Ask an owner or admin of the account to take the address off the list.",
            field=("id",),
        )
    await conn.execute("delete from suppression where id = $1", id)
    rest = await conn.fetch(
        """select reason from suppression
            where address = $1 and account_id is not distinct from $2
              and (expires_at is null or expires_at > livery_now()) order by reason""",
        entry.address,
        entry.account_id,
    )
    changes = {"address": (entry.address, None), "reason": (entry.reason.value, None)}
    await audit.note(
        conn, scope, "suppression.remove", account_id=entry.account_id or scope.account_id, target=id, changes=changes
    )
    return Removed(entry, tuple(SuppressionReason(one["reason"]) for one in rest))


async def _operator(conn: Connection, scope: Scope) -> None:
    scope.require(Permission.ACCOUNTS)
    if await conn.fetchval("select kind from account where id = $1", scope.account_id) != "operator":
        raise LiveryError(
            Kind.DENIED, "FORBIDDEN", "This list is the platform's operator's alone.", next="Ask your provider."
        )


def _view(row: object) -> View:
    found = dict(row)  # type: ignore[call-overload]
    return View(**{**found, "reason": SuppressionReason(found["reason"])})
