"""How do people deal with the mail? Delays, opens a mail, programs and links of a period, from the visits themselves.

What one reader's programs load within ten seconds is one open (ONE_OPEN): they load the same picture again for the preview
and for the window, for each copy that a thread quotes, and whoever asks for it a hundred times has not read a hundred times.
Longer, and somebody who looks twice is missed. The ledger and a recipient's visits tell of each load all the same.

People alone are counted, unless machines are asked for; how many of those there were is told in any case. Averages are of
people's first opens and first clicks in the period, whenever the mail was sent.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from kit.db import Connection
from kit.errors import invalid, missing
from mail.lifecycle import EventKind
from tenants.scope import Scope

LONGEST = timedelta(days=400)
ONE_OPEN = timedelta(seconds=10)
"""So soon after the load before it by the same recipient, or the same kind of machine there, a load is of the same open."""
MOST = 50
"""Programs and links that are told, those with the most first."""
MOST_VISITS = 100
"""Visits of one recipient that are told."""


@dataclass(frozen=True, slots=True)
class Program:
    """Visits with one program."""

    agent: str | None
    """None: it does not say, or nobody knows it."""
    system: str | None
    device: str | None
    opens: int
    clicks: int


@dataclass(frozen=True, slots=True)
class Link:
    """Clicks on one link."""

    target: str
    clicks: int
    people: int


@dataclass(frozen=True, slots=True)
class Engagement:
    """What came of mail in a period."""

    opens: int
    """By people, what is loaded within ONE_OPEN once."""
    machine_opens: int
    opened: int
    """Recipients who opened anything."""
    clicks: int
    machine_clicks: int
    clicked: int
    first_open_delay: float | None
    """Seconds from delivery to the first open, on average; None where there was none."""
    click_delay: float | None
    """Seconds from the first open to the first click, on average, of those that opened first."""
    programs: tuple[Program, ...]
    links: tuple[Link, ...]

    @property
    def opens_per_mail(self) -> float | None:
        """Opens by people, for each recipient who opened; None where nobody did."""
        return self.opens / self.opened if self.opened else None


@dataclass(frozen=True, slots=True)
class Visit:
    """One open or click."""

    id: UUID
    kind: EventKind
    at: datetime
    target: str | None
    """Where a click led."""
    machine: str | None
    """Which kind of machine it was; None: a person."""
    agent: str | None
    system: str | None
    device: str | None
    network: str | None
    country: str | None


async def visits(conn: Connection, scope: Scope, recipient_ids: Collection[UUID]) -> dict[UUID, list[Visit]]:
    """The first hundred visits of each of these recipients, oldest first; recipients out of sight are not in it."""
    rows = await conn.fetch(
        f"""select v.* from unnest($2::uuid[]) as r (id) cross join lateral (
              select id, kind, at, url as target, machine, agent, system, device, ip as network, country,
                     recipient_id from visit
               where recipient_id = r.id and {scope.see("account_id")} order by at, id limit {MOST_VISITS}) as v""",
        scope.account_id,
        list(recipient_ids),
    )
    found: dict[UUID, list[Visit]] = {}
    for row in rows:
        told = dict(row)
        found.setdefault(told.pop("recipient_id"), []).append(Visit(**{**told, "kind": EventKind(told["kind"])}))
    return found


async def engagement(
    conn: Connection,
    scope: Scope,
    *,
    start: datetime,
    end: datetime,
    account_id: UUID | None = None,
    machines: bool = False,
) -> Engagement:
    """What came of the mail of everything that the scope sees, or of one account, in [start, end).

    With `machines` programs and links count theirs, too. Raises LiveryError: INVALID for a period that does not end after
    it starts or is longer than 400 days, MISSING.
    """
    if end <= start:
        raise invalid("The end must be after the start.", "to")
    if end - start > LONGEST:
        raise invalid("That is more than 400 days.", "from", next="Ask for a shorter time.")
    if account_id is not None and not await conn.fetchval(
        f"select exists (select from account where id = $2 and {scope.see('id')})", scope.account_id, account_id
    ):
        raise missing("account")
    period = f"""visit where {scope.see("account_id")} and at >= $2 and at < $3
                   and ($4::uuid is null or account_id = $4)"""
    told = f"""(select *, kind = 'opened' and coalesce(at - lag(at) over loads < $5, false) as again
                  from {period} window loads as (partition by recipient_id, kind, machine order by at, id)) as told"""
    asked = (scope.account_id, start, end, account_id)
    [sums] = await conn.fetch(
        f"""select count(*) filter (where kind = 'opened' and machine is null and not again) as opens,
                   count(*) filter (where kind = 'opened' and machine is not null and not again) as machine_opens,
                   count(distinct recipient_id) filter (where kind = 'opened' and machine is null) as opened,
                   count(*) filter (where kind = 'clicked' and machine is null) as clicks,
                   count(*) filter (where kind = 'clicked' and machine is not null) as machine_clicks,
                   count(distinct recipient_id) filter (where kind = 'clicked' and machine is null) as clicked,
                   avg(delay) filter (where kind = 'opened' and is_first and delay >= 0) as first_open_delay,
                   avg(delay) filter (where kind = 'clicked' and is_first and delay >= 0) as click_delay
              from {told}""",
        *asked,
        ONE_OPEN,
    )
    programs = await conn.fetch(
        f"""select agent, system, device, count(*) filter (where kind = 'opened') as opens,
                   count(*) filter (where kind = 'clicked') as clicks
              from {told} where not again and (machine is null or $6) group by agent, system, device
             order by count(*) desc, agent, system, device limit {MOST}""",
        *asked,
        ONE_OPEN,
        machines,
    )
    links = await conn.fetch(
        f"""select url as target, count(*) as clicks, count(distinct recipient_id) filter (where machine is null) as people
              from {period} and kind = 'clicked' and (machine is null or $5) group by url
             order by count(*) desc, url limit {MOST}""",
        *asked,
        machines,
    )
    return Engagement(
        **sums,
        programs=tuple(Program(**row) for row in programs),
        links=tuple(Link(**row) for row in links),
    )
