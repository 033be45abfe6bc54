"""Which addresses are on a list, and how does one get there? What is compared, one query for a whole batch, one way in.

Two addresses are the same where every mail system must treat them so: the domain in any case and in Unicode or A-labels
(RFC 5321 §2.4, RFC 5890 §2.3.2.1), the local part by its meaning and not its quotes (RFC 5321 §4.1.2). Case, tags ("+x")
and dots of a local part are the receiver's business: whoever folded them would suppress somebody else.

A bounce is believed for half a year: mailboxes are made again, domains bought back, and a reply may have been read wrongly.
What a person said (complaint, unsubscribe, by hand) holds until somebody takes it back.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from kit.db import Connection, Database
from kit.ids import new_id
from mail.models.suppression import SuppressionReason
from mail.wire.address import domain_of

LIFE: Mapping[SuppressionReason, timedelta | None] = {
    SuppressionReason.BOUNCE: timedelta(days=180),
    SuppressionReason.COMPLAINT: None,
    SuppressionReason.UNSUBSCRIBE: None,
    SuppressionReason.MANUAL: None,
}
"""How long an entry holds unless it says otherwise; None is for good."""

_SLICE = 5_000


class Listed(StrEnum):
    """Why nothing is sent to an address: the reason on the account's list, or that it is on the platform's."""

    words: str
    """For the timeline of the mail that was not sent."""

    def __new__(cls, value: str, words: str = "") -> "Listed":
        member = str.__new__(cls, value)
        member._value_ = value
        member.words = words
        return member

    # By weight: where several hold, the first is told.
    PLATFORM = "platform", "Not sent: nothing is sent to this address from here."
    COMPLAINT = "complaint", "Not sent: the recipient reported an earlier mail as spam."
    UNSUBSCRIBE = "unsubscribe", "Not sent: the recipient has unsubscribed."
    MANUAL = "manual", "Not sent: the address was put on the suppression list."
    BOUNCE = "bounce", "Not sent: an earlier mail came back, because nobody has this address."

    @property
    def cause(self) -> str:
        """The cause of the fact that it was not sent."""
        return f"listed_{self.value}"


_WEIGHT = {listed: weight for weight, listed in enumerate(Listed)}
_QUOTED_PAIR = re.compile(r"\\(.)")
_DOT_STRING = re.compile(r"[^\s\"(),:;<>@\[\]\\.]+(?:\.[^\s\"(),:;<>@\[\]\\.]+)*\Z")


def key(address: str) -> str:
    """An address as lists compare it. `address` was accepted once (`mail.wire.address`)."""
    local, _, _ = address.rpartition("@")
    if len(local) > 1 and local[0] == local[-1] == '"':
        meant = _QUOTED_PAIR.sub(r"\1", local[1:-1])
        local = meant if _DOT_STRING.match(meant) else '"' + re.sub(r'(["\\])', r"\\\1", meant) + '"'
    if not local.isascii():
        local = unicodedata.normalize("NFC", local)  # RFC 6532 §3.1: the form in which Unicode is compared
    return f"{local}@{domain_of(address)}"


def found(accounts: str, addresses: str) -> str:
    """SQL of which pairs of two arrays are on a list: rows of account_id, address, reason; of everybody's the address alone.

    Each pair is one look into the index, however long the lists are and whatever the planner believes of them.
    """
    return f"""select w.account_id, w.address, s.reason
          from unnest({accounts}, {addresses}) as w (account_id, address)
         cross join lateral (select reason from suppression
                              where address = w.address and account_id = w.account_id
                                and (expires_at is null or expires_at > (select livery_now())) offset 0) s
         union all
        select null, p.address, null from platform_suppressed({addresses}) as p (address)"""


class Lists:
    """What `found` brought: ask it about one address after the other."""

    def __init__(self, rows: Iterable[tuple[UUID | None, str, str | None]]) -> None:
        self._listed: dict[tuple[UUID | None, str], Listed] = {}
        for account_id, address, reason in rows:
            listed = Listed(reason) if reason is not None else Listed.PLATFORM
            before = self._listed.get((account_id, address))
            if before is None or _WEIGHT[listed] < _WEIGHT[before]:
                self._listed[account_id, address] = listed

    def __bool__(self) -> bool:
        return bool(self._listed)

    def get(self, account_id: UUID, address: str) -> Listed | None:
        """Why an account may not send to an address, as compared; None where it may."""
        return self._listed.get((None, address)) or self._listed.get((account_id, address))


NOBODY = Lists(())
"""Nobody was asked about, or nobody is on a list."""

COLUMNS = """array(select account_id from listed) as listed_accounts, array(select address from listed) as listed_addresses,
       array(select reason from listed) as listed_reasons"""
"""`found`, as the named query `listed`, in the columns of any row: made once, the same in each."""


def lists(row: Mapping[str, Any]) -> Lists:
    """What COLUMNS brought."""
    return Lists(zip(row["listed_accounts"], row["listed_addresses"], row["listed_reasons"], strict=True))


async def suppressed(conn: Connection, account_id: UUID, addresses: Collection[str]) -> dict[str, Listed]:
    """Those of these addresses, as given, to which the account's mail is not sent now, and why."""
    keys = {address: key(address) for address in addresses}
    compared = sorted(set(keys.values()))
    rows = await conn.fetch(found("$1::uuid[]", "$2::text[]"), [account_id] * len(compared), compared)
    on = Lists(tuple(row) for row in rows)
    return {address: why for address, it in keys.items() if (why := on.get(account_id, it)) is not None}


@dataclass(frozen=True, slots=True)
class Newcomer:
    """An address to be put on a list."""

    account_id: UUID | None
    """None: the platform's list."""
    address: str
    reason: SuppressionReason
    source: str
    """event, import, api, member, or the way in which somebody unsubscribed; "api: " and "member: " before somebody's words."""
    recipient_id: UUID | None = None
    """The mail that led to it."""
    expires_at: datetime | None = None
    """None: as its reason has it."""


type Entry = tuple[UUID | None, str, SuppressionReason]
"""What an entry is: whose, of which address as compared, and why."""


async def put(conn: Connection, newcomers: Sequence[Newcomer]) -> dict[Entry, UUID]:
    """Put addresses on lists, each once a reason; return the ids of those that were not there or had ended.

    An entry that stands is left as it is: the first cause counts.
    """
    wanted = {(one.account_id, key(one.address), one.reason): one for one in reversed(newcomers)}
    # In one order: several processes hear of the same address at the same time.
    ordered = sorted(wanted.items(), key=lambda item: (item[0][1], str(item[0][0]), item[0][2].value))
    if not ordered:
        return {}
    rows = await conn.fetch(
        """insert into suppression as s (id, account_id, address, reason, source, recipient_id, created_at, expires_at)
           select n.id, n.account_id, n.address, n.reason, n.source, n.recipient_id, m.now,
                  coalesce(n.expires_at, m.now + n.life)
             from (select livery_now() as now) m,
                  unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::timestamptz[],
                         $8::interval[])
                    with ordinality as n (id, account_id, address, reason, source, recipient_id, expires_at, life, n)
            order by n.n
           on conflict (address, account_id, reason) do update
              set id = excluded.id, source = excluded.source, recipient_id = excluded.recipient_id,
                  created_at = excluded.created_at, expires_at = excluded.expires_at
            where s.expires_at <= excluded.created_at
           returning id, account_id, address, reason""",
        [new_id() for _ in ordered],
        [account_id for (account_id, _, _), _ in ordered],
        [address for (_, address, _), _ in ordered],
        [reason.value for (_, _, reason), _ in ordered],
        [one.source for _, one in ordered],
        [one.recipient_id for _, one in ordered],
        [one.expires_at for _, one in ordered],
        [LIFE[one.reason] for _, one in ordered],
    )
    return {(row["account_id"], row["address"], SuppressionReason(row["reason"])): row["id"] for row in rows}


async def suppress(
    conn: Connection,
    account_id: UUID | None,
    address: str,
    reason: SuppressionReason,
    source: str,
    recipient_id: UUID | None = None,
) -> bool:
    """Send nothing to an address any more; whether that is news. No account: nobody does."""
    return bool(await put(conn, [Newcomer(account_id, address, reason, source, recipient_id)]))


async def lift(conn: Connection, account_id: UUID, address: str, reason: SuppressionReason) -> UUID | None:
    """Take back one reason of an account's for not sending to an address; the entry that is gone, or None.

    Other reasons stay, and so does the platform's list.
    """
    gone: UUID | None = await conn.fetchval(
        "delete from suppression where account_id = $1 and address = $2 and reason = $3 returning id",
        account_id,
        key(address),
        reason.value,
    )
    return gone


async def forget_ended(db: Database) -> None:
    """Drop entries that hold no longer, a slice at a time; the clock calls it now and then."""
    async with db.connection() as conn:
        while await conn.fetchval(
            """with ended as (
                 delete from suppression where id in (
                   select id from suppression where expires_at <= (select livery_now()) limit $1) returning 1
               ) select count(*) from ended""",
            _SLICE,
        ):
            pass
