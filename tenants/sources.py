"""Which addresses may mail leave from? A plain table: shared ones, and ones that only one account's subtree may use."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from kit.db import Connection, UnitOfWork
from kit.errors import Kind, LiveryError, invalid, missing
from kit.ids import new_id
from tenants import audit, details
from tenants.models import AccountKind
from tenants.permissions import Permission
from tenants.scope import Scope

_HOST = re.compile(r"(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")


@dataclass(frozen=True)
class SourceView:
    """An address that mail leaves from."""

    id: UUID
    name: str
    ip: str
    hostname: str
    """Its PTR, said at EHLO."""
    dedicated: bool
    """Only one account and those below it may use it."""
    account_id: UUID | None
    """Whose, where the asker sees that account."""
    account_name: str | None


_SEEN = "(s.account_id is null or s.account_id in (select unnest(lineage) from account where id = $1) or {see})"
"""Everybody's, those of the accounts above, which may be used here too, and those of the accounts that are seen."""


def _view(scope: Scope) -> str:
    # Whose a dedicated one from above is, is not told.
    return f"""select s.id, s.name, s.ip, s.hostname, s.account_id is not null as dedicated,
                      w.id as account_id, w.name as account_name
                 from source s left join account w on w.id = s.account_id and {scope.see("w.id")}
                where {_SEEN.format(see=scope.see("s.account_id"))}"""


def chosen(lineage: str) -> str:
    """The SQL of the source that an account with this `lineage` column sends from: its own, or that of the nearest above.

    A subquery of `ip` and `hostname`, without a row where none of them has one.
    """
    return f"""(select s.ip, s.hostname from account h join source s on s.id = h.source_id
                 where h.id = any ({lineage}) order by cardinality(h.lineage) desc limit 1)"""


async def list_sources(conn: Connection, scope: Scope) -> list[SourceView]:
    """The sources that the scope may give to accounts: shared ones first, then dedicated ones."""
    rows = await conn.fetch(f"{_view(scope)} order by s.account_id is not null, s.name, s.id", scope.account_id)
    return [SourceView(**row) for row in rows]


async def view_sources(conn: Connection, scope: Scope, ids: list[UUID]) -> dict[UUID, SourceView]:
    """Those of some sources that the scope sees."""
    rows = await conn.fetch(f"{_view(scope)} and s.id = any ($2::uuid[])", scope.account_id, ids)
    return {row["id"]: SourceView(**row) for row in rows}


async def usable(conn: Connection, scope: Scope, source_id: UUID, lineage: list[UUID]) -> None:
    """See that an account with this lineage may send from a source. Raises LiveryError MISSING for any other."""
    found = await conn.fetchval(
        f"""select true from source s
             where s.id = $2 and (s.account_id is null or s.account_id = any ($3::uuid[]))
               and {_SEEN.format(see=scope.see("s.account_id"))}""",
        scope.account_id,
        source_id,
        lineage,
    )
    if not found:
        raise _missing()


async def create_source(
    unit: UnitOfWork, scope: Scope, *, name: str, ip: str, hostname: str, account_id: UUID | None = None
) -> UUID:
    """Add an address that mail leaves from; `account_id` is whose subtree alone may use it.

    For the operator's people only. Raises LiveryError DENIED, INVALID, MISSING (account), CONFLICT (address).
    """
    await _operator(unit.conn, scope)
    values = await _checked(unit.conn, scope, {"name": name, "ip": ip, "hostname": hostname, "account_id": account_id})
    id = new_id()
    made = await unit.conn.fetchval(
        """insert into source (id, name, ip, hostname, account_id) values ($1, $2, $3, $4, $5)
           on conflict (ip) do nothing returning id""",
        id,
        *values.values(),
    )
    if made is None:
        raise _taken(values["ip"])
    await audit.note(
        unit.conn,
        scope,
        "source.create",
        account_id=scope.account_id,
        target=id,
        changes={field: (None, value) for field, value in values.items()},
    )
    return id


async def update_source(unit: UnitOfWork, scope: Scope, source_id: UUID, changes: Mapping[str, Any]) -> None:
    """Change `name`, `ip`, `hostname` or `account_id`; whoever may not use it any more sends as the parent does.

    Raises LiveryError as `create_source`, and MISSING (source).
    """
    await _operator(unit.conn, scope)
    row = await unit.conn.fetchrow(
        "select id, name, ip, hostname, account_id from source where id = $1 for update", source_id
    )
    if row is None:
        raise _missing()
    values = await _checked(unit.conn, scope, changes)
    if "ip" in values and await unit.conn.fetchval(
        "select true from source where ip = $1 and id <> $2", values["ip"], source_id
    ):
        raise _taken(values["ip"])
    after = {**row, **values}
    await unit.conn.execute(
        "update source set name = $2, ip = $3, hostname = $4, account_id = $5 where id = $1",
        *(after[name] for name in ("id", "name", "ip", "hostname", "account_id")),
    )
    await leave_foreign(unit.conn)
    await audit.note(
        unit.conn,
        scope,
        "source.update",
        account_id=scope.account_id,
        target=source_id,
        changes={field: (row[field], value) for field, value in values.items()},
    )


async def leave_foreign(conn: Connection) -> None:
    """Whoever was given a source that is dedicated to others now sends as its parent does."""
    await conn.execute(
        """update account a set source_id = null from source s
            where s.id = a.source_id and s.account_id is not null and s.account_id <> all (a.lineage)"""
    )


async def _operator(conn: Connection, scope: Scope) -> None:
    scope.require(Permission.ACCOUNTS)
    kind = await conn.fetchval("select kind from account where id = $1", scope.account_id)
    if kind != AccountKind.OPERATOR.value:
        raise LiveryError(
            Kind.DENIED, "FORBIDDEN", "Only the platform's operator has a say in this.", next="Ask your provider."
        )


async def _checked(conn: Connection, scope: Scope, given: Mapping[str, Any]) -> dict[str, Any]:
    values = dict(given)
    if "name" in values:
        values["name"] = details.seen(str(values["name"]))
        if not 0 < len(values["name"]) <= 100:
            raise invalid("A source needs a name of at most 100 characters.", "name")
    if "ip" in values:
        try:
            values["ip"] = str(ipaddress.ip_address(str(values["ip"]).strip()))
        except ValueError:
            raise invalid("This is no IP address.", "ip", next="Write it like 203.0.113.9 or 2001:db8::9.") from None
    if "hostname" in values:
        values["hostname"] = str(values["hostname"]).strip().lower().removesuffix(".")
        if not _HOST.fullmatch(values["hostname"]):
            raise invalid("This is no host name.", "hostname", next="Use the name its PTR record gives.")
    if values.get("account_id") is not None and not await conn.fetchval(
        f"select true from account where id = $2 and {scope.see('id')}", scope.account_id, values["account_id"]
    ):
        refusal = missing("account")
        refusal.field = ("accountId",)
        raise refusal
    return values


def _missing() -> LiveryError:
    refusal = missing("source")
    refusal.field = ("sourceId",)
    return refusal


def _taken(ip: str) -> LiveryError:
    return LiveryError(Kind.CONFLICT, "TAKEN", f"{ip} is a source already.", field=("ip",))
