"""May these submissions come in, and who pays? One read decides a whole batch, each submission by itself.

Nothing is locked. The charge and the count against a credential's limits, which come with the rows themselves, fail where
a balance or a window has run out meanwhile; then `mail.intake` holds both and asks again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from kit.db import Connection
from kit.errors import LiveryError
from kit.statement import Part
from mail.errors import foreign_sender, no_credits, suspended
from tenants import rates
from tenants.authentication import IN_FORCE, lapsed


@dataclass(frozen=True, slots=True)
class Applicant:
    """A submission, as far as it matters here."""

    message_id: UUID
    account_id: UUID
    credential_id: UUID | None
    """What it was sent with; None: by a member, or by the platform."""
    price: int
    """Credits: one for each recipient; 0 for the platform's own mail, which no limit holds back."""
    from_domains: frozenset[str]


@dataclass(frozen=True, slots=True)
class Decision:
    """Who is refused, and whose balance each account spends."""

    refused: dict[UUID, LiveryError]
    """By message."""
    payers: dict[UUID, UUID]
    """By account."""
    counts: tuple[Part, ...]
    """What is to be counted against limits, together with the rows."""


# The arrays are the same in every row; each is made once.
_STANDING = f"""
with verified as materialized (
  select name, account_id from domain where name = any ($2::text[]) and verified_at is not null
), {rates.rated("$3::uuid[]")}
select a.id, a.lineage, coalesce(a.pool_id, a.id) as payer, b.remaining,
       exists (select from account s where s.id = any (a.lineage) and s.suspended_at is not null) as barred,
       array(select name::text from verified) as names, array(select account_id from verified) as owners,
       array(select id from unnest($3::uuid[]) as s (id)
              where not exists (select from credential c where c.id = s.id and {IN_FORCE})) as lapsed,
       {rates.COLUMNS}
  from account a left join balance b on b.account_id = coalesce(a.pool_id, a.id)
 where a.id = any ($1::uuid[])
"""


async def decide(conn: Connection, applicants: Sequence[Applicant]) -> Decision:
    """Decide in the order given: what one submission is charged is missing for the next."""
    above = {d: _upwards(d) for applicant in applicants for d in applicant.from_domains}
    rows = await conn.fetch(
        _STANDING,
        sorted({applicant.account_id for applicant in applicants}),
        sorted({name for names in above.values() for name in names}),
        sorted({applicant.credential_id for applicant in applicants if applicant.credential_id is not None}),
    )
    standings = {row["id"]: row for row in rows}
    payers = {row["id"]: row["payer"] for row in rows}
    remaining = {row["payer"]: row["remaining"] or 0 for row in rows}
    verified = dict(zip(rows[0]["names"], rows[0]["owners"], strict=True)) if rows else {}
    # Who has verified a domain, or the nearest one above it.
    owners = {d: next((verified[name] for name in names if name in verified), None) for d, names in above.items()}
    gone = frozenset(rows[0]["lapsed"]) if rows else frozenset()
    room = rates.Room(rates.windows(rows[0]) if rows else ())
    refused: dict[UUID, LiveryError] = {}
    for applicant in applicants:
        standing = standings.get(applicant.account_id)
        if standing is None or standing["barred"]:  # none: it was deleted while it was submitting
            refused[applicant.message_id] = suspended()
            continue
        if applicant.credential_id in gone:
            refused[applicant.message_id] = lapsed()
            continue
        # Somebody's own domains are theirs and their subtree's: a sub-account may send as its reseller's.
        foreign = [d for d in sorted(applicant.from_domains) if owners[d] not in (None, *standing["lineage"])]
        if foreign:
            refused[applicant.message_id] = foreign_sender(foreign[0])
        elif remaining[standing["payer"]] < applicant.price:
            refused[applicant.message_id] = no_credits()
        elif (full := room.take(applicant.credential_id, applicant.price)) is not None:
            refused[applicant.message_id] = full
        else:
            remaining[standing["payer"]] -= applicant.price
    return Decision(refused, payers, room.count())


def _upwards(domain: str) -> list[str]:
    """The domain and those above it, a top-level one left out."""
    return [domain.split(".", n)[n] for n in range(domain.count("."))]
