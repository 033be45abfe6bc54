"""How often may somebody try? Failed logins are counted in one unlogged table that all processes share.

Per address (of IPv6 its /64): 10 a minute and 50 a day. Per name, however it is spaced and cased: 100 an hour from
everywhere together, except from an address that has signed in as that name within 30 days, so that strangers cannot lock
the owner out. All by the database's clock.

Where a try is slow, many could be under way before the first of them has failed: `take` counts them before they begin,
exactly, over all processes, and `give_back` takes back what was no failure.
"""

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from kit.addresses import neighbourhood
from kit.db import Database
from kit.errors import Kind, LiveryError
from tenants import emails

POURED = 15
"""Letters of one kind that everybody together may have us write to a mailbox in a day."""


@dataclass(frozen=True)
class Limit:
    """At most so many tries in a window that begins with the first."""

    key: str
    most: int
    window: timedelta


_COUNT = """
insert into attempts as a (key, failures, window_ends_at)
select key, 1, livery_now() + span from unnest($1::text[], $2::interval[]) as k (key, span) order by key
on conflict (key) do update set
  failures = case when a.window_ends_at <= livery_now() then 1 else a.failures + 1 end,
  window_ends_at = case when a.window_ends_at <= livery_now() then excluded.window_ends_at else a.window_ends_at end
returning key, failures
"""


_TAKE = """
insert into attempts as a (key, failures, window_ends_at) values ($1, 1, livery_now() + $2::interval)
on conflict (key) do update set
  failures = case when a.window_ends_at <= livery_now() then 1 else a.failures + 1 end,
  window_ends_at = case when a.window_ends_at <= livery_now() then excluded.window_ends_at else a.window_ends_at end
returning failures
"""


async def take(db: Database, limits: Sequence[Limit]) -> bool:
    """Count a try that is about to be made, in order, up to the first limit it exceeds; whether it exceeds none."""
    async with db.connection() as conn:
        for limit in limits:
            if await conn.fetchval(_TAKE, limit.key[:200], limit.window) > limit.most:
                return False
    return True


async def is_spent(db: Database, limits: Sequence[Limit]) -> bool:
    """Whether the next try that is to be taken would exceed one of these limits; counts nothing."""
    async with db.connection() as conn:
        found: bool = await conn.fetchval(
            """select exists (select from unnest($1::text[], $2::int[]) as l (key, most) join attempts a using (key)
                               where a.failures >= l.most and a.window_ends_at > livery_now())""",
            [limit.key[:200] for limit in limits],
            [limit.most for limit in limits],
        )
    return found


async def give_back(db: Database, limits: Sequence[Limit]) -> None:
    """The try was none that is to be limited: it counts no longer."""
    async with db.connection() as conn:
        await conn.execute(
            "update attempts set failures = failures - 1 where key = any ($1::text[]) and failures > 0",
            [limit.key[:200] for limit in limits],
        )


@contextlib.asynccontextmanager
async def unless_busy(db: Database, limits: Sequence[Limit]) -> AsyncIterator[None]:
    """Give a try back that was never looked at, because too many others were under way (LiveryError UNAVAILABLE)."""
    try:
        yield
    except LiveryError as refusal:
        if refusal.kind is Kind.UNAVAILABLE:
            await give_back(db, limits)
        raise


async def tries(db: Database, purpose: str, name: str, ip: str) -> list[Limit]:
    """The limits at the top of this page for one try, to `take`."""
    minute, day, everywhere, known = _keys(purpose, name, ip)
    limits = [Limit(minute, 10, timedelta(minutes=1)), Limit(day, 50, timedelta(days=1))]
    async with db.connection() as conn:
        is_known = await conn.fetchval(
            "select exists (select from attempts where key = $1 and window_ends_at > livery_now())", known
        )
    return limits if is_known else [*limits, Limit(everywhere, 100, timedelta(hours=1))]


def code_tries(member_id: UUID, ip: str) -> list[Limit]:
    """The limits of one try at a second factor: five wrong codes close it for a quarter of an hour."""
    return [
        Limit(f"code|minute|{neighbourhood(ip)}", 10, timedelta(minutes=1)),
        Limit(f"code|member|{member_id}", 5, timedelta(minutes=15)),
    ]


def invitation_limits(account_id: UUID, email: str) -> list[Limit]:
    """The limits of one mail with an invitation, the first or another, into any account: a mailbox, and whoever asks.

    A mailbox besides from everybody together: accounts are made quickly. Which limit it was is told to nobody.
    """
    return [
        Limit(f"invite|{account_id}|{emails.known(email)[:100]}", 5, timedelta(days=1)),
        Limit(f"invite|{account_id}", 500, timedelta(days=1)),
        poured("invite", email),
    ]


def poured(purpose: str, email: str) -> Limit:
    """The limit of letters that somebody asked us to write to a mailbox, whoever asks and however it is spelt."""
    return Limit(f"{purpose}|everybody|{emails.mailbox(email)}"[:200], POURED, timedelta(days=1))


async def may_try(db: Database, purpose: str, name: str, ip: str) -> bool:
    """Whether a try at `purpose` ("smtp", "web") as `name` from `ip` may reach the verifier."""
    minute, day, everywhere, known = _keys(purpose, name, ip)
    async with db.connection() as conn:
        rows = await conn.fetch(
            "select key, failures from attempts where key = any($1::text[]) and window_ends_at > livery_now()",
            [minute, day, everywhere, known],
        )
    failures = {row["key"]: row["failures"] for row in rows}
    if failures.get(minute, 0) >= 10 or failures.get(day, 0) >= 50:
        return False
    return known in failures or failures.get(everywhere, 0) < 100


async def note_failure(db: Database, purpose: str, name: str, ip: str) -> bool:
    """Count a failed try. False where another process was faster, and its address had none left: it must look unmade."""
    minute, day, everywhere, _ = _keys(purpose, name, ip)
    spans = [timedelta(minutes=1), timedelta(days=1), timedelta(hours=1)]
    async with db.connection() as conn:
        rows = await conn.fetch(_COUNT, [minute, day, everywhere], spans)
    failures: dict[str, int] = {row["key"]: row["failures"] for row in rows}
    return failures[minute] <= 10 and failures[day] <= 50


async def note_success(db: Database, purpose: str, name: str, ip: str) -> None:
    """Remember for 30 days that `name` signs in from `ip`, and forgive that address its failed minute."""
    minute, _, _, known = _keys(purpose, name, ip)
    async with db.connection() as conn:
        await conn.execute(
            """with forgiven as (delete from attempts where key = $1)
               insert into attempts as a (key, failures, window_ends_at)
               values ($2, 0, livery_now() + interval '30 days')
               on conflict (key) do update set window_ends_at = excluded.window_ends_at
               where a.window_ends_at < excluded.window_ends_at - interval '1 day'""",
            minute,
            known,
        )


async def forget_old(db: Database) -> None:
    """Drop counters whose window has ended; the clock calls it now and then."""
    async with db.connection() as conn:
        await conn.execute("delete from attempts where window_ends_at <= livery_now()")


def _keys(purpose: str, name: str, ip: str) -> tuple[str, str, str, str]:
    who, place = emails.known(name)[:100], neighbourhood(ip)  # as `tenants.sessions.check_password` reads a name
    return (
        f"{purpose}|minute|{place}",
        f"{purpose}|day|{place}",
        f"{purpose}|name|{who}",
        f"{purpose}|known|{who}|{place}",
    )
