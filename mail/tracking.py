"""What goes into a mail so that opens and clicks are seen, where such links lead, and how are they switched off?

    bases      the host under which an account's links stand: its own tracking domain, else that of the nearest account above
    Tracker    the links and the pixel of one recipient's mail
    keep       long targets, written before anything leaves that names them by id
    kill       from then on a link, or every link of an account, leads nowhere: within seconds, everywhere

What comes of it is `mail.visits`' concern. A copy (`recipient.copy_rule_id`) is never tracked.
"""

import functools
import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID

from kit.crypto import Keyring
from kit.db import Connection, Database
from kit.errors import Kind, LiveryError, invalid, missing
from kit.ids import new_id
from mail.wire import tracked
from mail.wire.tracked import Whose
from tenants import audit, details
from tenants.permissions import Permission
from tenants.scope import Scope

LONGEST = 400
"""Characters of a link: what is longer is broken by some mail programs, so its target is looked up by id instead."""

MOST_DEAD = 100
"""Dead links of one account, besides all of them: every process that answers for links knows them by heart."""

_REASON = 500
_SLICE = 5_000


@dataclass(frozen=True, slots=True)
class Tracker:
    """The links and the pixel of one recipient's mail."""

    keyring: Keyring
    base: str
    """Where they lead: "https://click.shop.test", without a final slash (`bases`)."""
    whose: Whose

    def link(self, target: str) -> str | None:
        """The link to put in the place of `target`; None where that is to stay as it is."""
        if not tracked.may_track(target) or target.startswith((f"{self.base}/t/", f"{self.base}/u/")):
            return None
        host = _host(self.base)
        link = self._url(tracked.click_token(self.keyring, self.whose, target, host))
        if len(link) <= LONGEST:
            return link
        id = tracked.long_id(self.whose.account_id, target)
        return self._url(tracked.click_token(self.keyring, self.whose, id, host))

    def is_long(self, target: str) -> bool:
        """Whether `link` names this target by its id, so that it has to be kept (`keep`) before the mail leaves."""
        return tracked.may_track(target) and len(self.base) + len("/t/") + tracked.click_size(target) > LONGEST

    def pixel(self) -> str:
        """The address of the picture that shows an open."""
        return f"{self._url(tracked.open_token(self.keyring, self.whose))}.gif"

    def _url(self, token: str) -> str:
        return f"{self.base}/t/{token}"


@functools.lru_cache(maxsize=1024)
def _host(base: str) -> str:
    return urlsplit(base).hostname or ""


async def bases(conn: Connection, account_ids: Collection[UUID], *, public_url: str) -> dict[UUID, str]:
    """For each account where its links stand: "https://click.shop.test", to be followed by `/t/…` or `/u/…`.

    That is the verified tracking domain of the account or of the nearest one above, else the stored host on which its
    people sign in, else `public_url`, which says the scheme and the port of them all.
    """
    rows = await conn.fetch(
        """select a.id, coalesce(
             (select h.host from domain_host h
                join domain d on d.id = h.domain_id join account o on o.id = d.account_id
               where h.kind = 'tracking' and h.verified_at is not null and d.verified_at is not null
                 and d.account_id = any (a.lineage)
               order by cardinality(o.lineage) desc, h.verified_at, h.host limit 1),
             (select host from letterhead(a.id))) as host
             from account a where a.id = any ($1::uuid[])""",
        list(account_ids),
    )
    public = urlsplit(public_url)
    port = f":{public.port}" if public.port else ""
    return {
        row["id"]: f"{public.scheme}://{row['host']}{port}" if row["host"] else public_url.rstrip("/") for row in rows
    }


async def keep(conn: Connection, targets: Sequence[tuple[UUID, str]]) -> None:
    """Keep the long targets of accounts, each (account id, target) once, so that links which name them by id lead there."""
    wanted = sorted({(tracked.long_id(account_id, target), account_id, target) for account_id, target in targets})
    if wanted:
        await conn.execute(
            """insert into long_target (id, account_id, target, digest)
               select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::bytea[])
               on conflict (id) do update set created_at = livery_now()
                where long_target.created_at < livery_now() - interval '1 day'""",
            *zip(*((*one, hashlib.sha256(one[2].encode()).digest()) for one in wanted), strict=True),
        )


async def forget_old(db: Database) -> None:
    """Forget long targets that no link leads to any more, a slice at a time."""
    while True:
        async with db.transaction() as conn:
            gone = await conn.fetch(
                f"""delete from long_target where id in (
                      select id from long_target where created_at < livery_now() - $1::interval
                       order by created_at limit {_SLICE}) returning true""",
                tracked.GOOD_FOR + timedelta(days=3),
            )
        if not gone:
            return


async def erase(conn: Connection, account_id: UUID) -> bool:
    """Forget a slice of what an account that is deleted has left here; whether there was any. Its links are dead anyway."""
    gone = await conn.fetch(
        f"delete from long_target where id in (select id from long_target where account_id = $1 limit {_SLICE}) returning true",
        account_id,
    )
    if not gone:
        await conn.execute("delete from killed_link where account_id = $1", account_id)
    return bool(gone)


@dataclass(frozen=True, slots=True)
class DeadLink:
    """What leads nowhere any more."""

    id: UUID
    account_id: UUID
    target: str | None
    """None: every link of the account."""
    reason: str
    at: datetime


async def kill(conn: Connection, scope: Scope, *, account_id: UUID | None, target: str | None, reason: str) -> DeadLink:
    """Switch off a link of an account that the scope sees, its own by default; without a target all its links.

    Saying it again changes nothing. Raises LiveryError DENIED, MISSING, INVALID, or EXHAUSTED above MOST_DEAD.
    """
    scope.require(Permission.ACCOUNTS)
    account = await _account(conn, scope, account_id)
    if target is not None and not tracked.may_track(target):
        raise invalid(
            "No link of yours leads there.", "target", next="Copy the address from the message as it was submitted."
        )
    reason = details.seen(reason)
    if not reason or len(reason) > _REASON:
        raise invalid(f"Say why, in up to {_REASON} characters that can be seen.", "reason")
    await conn.execute("select from account where id = $1 for no key update", account)  # one after the other
    there = await conn.fetchrow(
        "select id, account_id, target, reason, created_at from killed_link"
        " where account_id = $1 and target is not distinct from $2 limit 1",
        account,
        target,
    )
    if there is None:
        if target is not None and await conn.fetchval(
            "select count(*) >= $2 from killed_link where account_id = $1 and target is not null", account, MOST_DEAD
        ):
            raise LiveryError(
                Kind.EXHAUSTED,
                "TOO_MANY",
                f"An account has at most {MOST_DEAD} dead links.",
                next="Revive one of them, or let all links of the account lead nowhere.",
            )
        there = await conn.fetchrow(
            """insert into killed_link (id, account_id, target, reason) values ($1, $2, $3, $4)
               returning id, account_id, target, reason, created_at""",
            new_id(),
            account,
            target,
            reason,
        )
        assert there is not None  # noqa: S101 - an insert returns its row
        await audit.note(
            conn,
            scope,
            "link.kill",
            account_id=account,
            target=there["id"],
            changes={"target": (None, target), "reason": (None, reason)},
        )
    return DeadLink(*there)


async def revive(conn: Connection, scope: Scope, id: UUID) -> DeadLink:
    """Let a link lead where it led. Raises LiveryError DENIED or MISSING."""
    scope.require(Permission.ACCOUNTS)
    row = await conn.fetchrow(
        f"""delete from killed_link where id = $2 and {scope.see("account_id")}
            returning id, account_id, target, reason, created_at""",
        scope.account_id,
        id,
    )
    if row is None:
        raise missing("dead link")
    await audit.note(
        conn,
        scope,
        "link.revive",
        account_id=row["account_id"],
        target=row["id"],
        changes={"target": (row["target"], None), "reason": (row["reason"], None)},
    )
    return DeadLink(*row)


async def dead_links(conn: Connection, scope: Scope, *, account_id: UUID | None = None) -> list[DeadLink]:
    """The dead links of an account that the scope sees, its own by default, the newest first."""
    rows = await conn.fetch(
        """select id, account_id, target, reason, created_at from killed_link where account_id = $1
            order by created_at desc, id desc""",
        await _account(conn, scope, account_id),
    )
    return [DeadLink(*row) for row in rows]


async def _account(conn: Connection, scope: Scope, account_id: UUID | None) -> UUID:
    found: UUID | None = await conn.fetchval(
        f"select id from account where id = $2 and {scope.see('id')}",
        scope.account_id,
        account_id or scope.account_id,
    )
    if found is None:
        raise missing("account")
    return found
