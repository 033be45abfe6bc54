"""May these submissions come in, and who pays? One read decides a whole batch, each submission by itself.

Nothing is locked. The charge and the count against a credential's limits, which come with the rows themselves, fail where
a balance or a window has run out meanwhile; then `mail.intake` holds both and asks again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from kit.db import Connection
from kit.errors import LiveryError
from kit.statement import Part
from mail import copies
from mail.copies import Copy, Letter
from mail.errors import foreign_sender, monthly_limit, no_credits, suspended
from mail.suppressions import Listed, entries
from tenants import charges, limits, rates
from tenants.authentication import IN_FORCE, lapsed
from tenants.charges import Charge, MonthShare
from tenants.models import WhenSpent
from tenants.states import AccountState, Use, blocks


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
    addresses: Sequence[str] = ()
    """Whom it is for, as lists compare addresses: who is on a list is not charged. Empty: no list is asked."""
    letter: Callable[[], Letter] | None = None
    """What rules for copies ask of it, looked at where there are any; None: no copy is made."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Who is refused, who waits for credit, and how the others are paid."""

    refused: dict[UUID, LiveryError]
    """By message."""
    waiting: dict[UUID, str]
    """Taken, but held uncharged as its account wants it: the cause by message."""
    counts: tuple[Part, ...]
    """What is to be charged and to be counted against limits, together with the rows."""
    copies: dict[UUID, tuple[Copy, ...]] = field(default_factory=dict)
    """Who else gets it, by message: paid and counted with those it is for."""
    suppressed: dict[UUID, Mapping[str, Listed]] = field(default_factory=dict)
    """Of its addresses those that it is not sent to, and why, by message: counted, but not paid."""


AS_IT_COMES = Decision({}, {}, ())
"""About the platform's own mail nothing is decided."""


NO_CREDITS, MONTHLY_LIMIT = "no_credits", "monthly_limit"
UNPAID = (NO_CREDITS, MONTHLY_LIMIT)
"""The causes for which mail is held that was taken and not charged."""


@dataclass(slots=True)
class _Month:
    """The month of an account with a limit, as far as this batch has come."""

    period: date
    used: int
    most: int
    begins_anew: date
    added: int = 0


# The arrays are the same in every row; each is made once. The accounts that count a month are those from the sender up
# to whoever pays. What is asked about goes through a query of its own: a planner that sees how few there are finds that
# worth a new plan each time, and the planning takes longer than the answer.
_ACCOUNTS, _CREDENTIALS = "array(select unnest($1::uuid[]))", "array(select unnest($3::uuid[]))"
_STANDING = f"""
with verified as materialized (
  select name, account_id from domain_owners($2::text[])
), listed as materialized (
  {entries.found("$4::uuid[]", "$5::text[]")}
), {rates.rated(_CREDENTIALS)}
select s.id, s.lineage, s.when_spent, coalesce(s.pool_id, s.id) as payer, m.counting, m.periods, m.used, m.most, m.anew,
       coalesce((select sum(g.remaining) from credit_grant g
                  where g.account_id = coalesce(s.pool_id, s.id) and g.is_open
                    and (g.expires_at is null or g.expires_at > (select livery_now()))), 0)::bigint as remaining,
       account_state(s.lineage) as state, {copies.RULES.format(account="s.id")} as rules,
       array(select name::text from verified) as names, array(select account_id from verified) as owners,
       array(select id from unnest({_CREDENTIALS}) as k (id)
              where not exists (select from credential c where c.id = k.id and {IN_FORCE})) as lapsed,
       {rates.COLUMNS}, {entries.COLUMNS}
  from account s left join lateral (
    select array_agg(a.id) as counting, array_agg({limits.PRESENT}) as periods, array_agg({limits.USED}) as used,
           array_agg(a.monthly_limit) as most, array_agg(({limits.PRESENT} + interval '1 month')::date) as anew
      from account a left join month_use u on u.account_id = a.id
     where a.id = any (s.lineage) and a.monthly_limit is not null and a.lineage @> array[coalesce(s.pool_id, s.id)]
  ) m on true
 where s.id = any ({_ACCOUNTS})
"""


async def decide(conn: Connection, applicants: Sequence[Applicant]) -> Decision:
    """Decide in the order given: what one submission is charged is missing for the next."""
    above = {d: _upwards(d) for applicant in applicants for d in applicant.from_domains}
    asked = {(applicant.account_id, address) for applicant in applicants for address in applicant.addresses}
    rows = await conn.fetch(
        _STANDING,
        sorted({applicant.account_id for applicant in applicants}),
        sorted({name for names in above.values() for name in names}),
        sorted({applicant.credential_id for applicant in applicants if applicant.credential_id is not None}),
        *([list(column) for column in zip(*asked, strict=True)] if asked else [[], []]),
    )
    standings = {row["id"]: row for row in rows}
    remaining = {row["payer"]: row["remaining"] for row in rows}
    months = {
        id: _Month(*shape) for row in rows for id, *shape in zip(*(row[name] or () for name in _MONTH), strict=True)
    }
    verified = dict(zip(rows[0]["names"], rows[0]["owners"], strict=True)) if rows else {}
    # Who has verified a domain, or the nearest one above it.
    owners = {d: next((verified[name] for name in names if name in verified), None) for d, names in above.items()}
    gone = frozenset(rows[0]["lapsed"]) if rows else frozenset()
    room = rates.Room(rates.windows(rows[0]) if rows else ())
    lists = entries.lists(rows[0]) if rows else entries.NOBODY
    refused: dict[UUID, LiveryError] = {}
    waiting: dict[UUID, str] = {}
    copied: dict[UUID, tuple[Copy, ...]] = {}
    suppressed: dict[UUID, Mapping[str, Listed]] = {}
    paid: list[Charge] = []
    for applicant in applicants:
        standing = standings.get(applicant.account_id)
        use = Use.SUBMISSION if applicant.price else Use.NOTICE
        # None: it was deleted while it was submitting.
        if standing is None or blocks(AccountState(standing["state"]), use):
            refused[applicant.message_id] = suspended()
            continue
        if applicant.credential_id in gone:
            refused[applicant.message_id] = lapsed()
            continue
        # Somebody's own domains are theirs and their subtree's: a sub-account may send as its reseller's.
        foreign = [d for d in sorted(applicant.from_domains) if owners[d] not in (None, *standing["lineage"])]
        if foreign:
            refused[applicant.message_id] = foreign_sender(foreign[0])
            continue
        payer, price, recipients = standing["payer"], applicant.price, applicant.price
        if lists:
            stopped = {to: why for to in applicant.addresses if (why := lists.get(applicant.account_id, to))}
            suppressed[applicant.message_id] = stopped
            price -= sum(to in stopped for to in applicant.addresses)
        # A copy is one of what goes out: where nothing does, none is made.
        if standing["rules"] is not None and applicant.letter is not None and price:
            made = copied[applicant.message_id] = copies.made(standing["rules"], applicant.letter())
            recipients += len(made)
            price += sum(not copy.free for copy in made)
        counting = [months[id] for id in standing["counting"] or ()] if price else []
        full = [month for month in counting if month.used + month.added + price > month.most]
        short = bool(full) or remaining[payer] < price
        if short and WhenSpent(standing["when_spent"]) is WhenSpent.REJECT:
            anew = max((month.begins_anew for month in full), default=None)
            refused[applicant.message_id] = monthly_limit(anew) if anew else no_credits()
        elif (limited := room.take(applicant.credential_id, recipients)) is not None:
            refused[applicant.message_id] = limited
        elif short:
            waiting[applicant.message_id] = MONTHLY_LIMIT if full else NO_CREDITS
        elif price:
            remaining[payer] -= price
            for month in counting:
                month.added += price
            paid.append(Charge(applicant.message_id, applicant.account_id, payer, price))
    shares = [MonthShare(id, m.period, m.added, m.most) for id, m in sorted(months.items()) if m.added]
    # What comes first is carried out last: others wait for the balances.
    counts = ((charges.charge(paid, shares),) if paid else ()) + room.count()
    return Decision(refused, waiting, counts, copied, suppressed)


_MONTH = ("counting", "periods", "used", "most", "anew")


def _upwards(domain: str) -> list[str]:
    """The domain and those above it, a top-level one left out."""
    return [domain.split(".", n)[n] for n in range(domain.count("."))]
