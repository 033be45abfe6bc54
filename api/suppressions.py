"""How does a whole suppression list go in and out? As CSV, a line at a time, however long it is.

    GET, POST /v1/suppressions/export   the list, newest entries first (browsers POST: their GET says not where it is from)
    POST /v1/suppressions/import        a file as the body; the answer is a report with a line for each of its lines

Which list stands in the query: `account` (an id; one's own unless given) or `everybody=true` (the operator's); an export is
narrowed by `address`, `search`, `reason` (may stand several times), `since` and `until`, an import's `reason` is that of
lines without one. Who asks is settled as for GraphQL (`api.auth`).

An import is kept on disk until it is whole, so that a slow client holds no connection to the database and whoever reads the
report late is not waited for by whoever sends. Then it is carried out a slice at a time, each a transaction: what the
report says is done, also where the client goes away in the middle.
"""

import asyncio
import tempfile
import weakref
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from itertools import islice
from typing import IO, Any
from uuid import UUID

from litestar import HttpMethod, Request, Response, post, route
from litestar.exceptions import InternalServerException

from api.auth import check_header
from api.context import Platform, platform_of
from api.graphql.pages import reference
from api.operations import who_asks
from api.tables import PAGE, allowed, file, moment, pages, refusal, word
from kit import tables
from kit.db import Connection
from kit.errors import Kind, LiveryError, invalid
from mail.suppressions import Reason, keeping, table
from tenants.permissions import Permission
from tenants.scope import Scope

BODY = 32_000_000
"""Bytes of the longest file: about a million addresses."""

_READ_SECONDS = 300.0
_IN_MEMORY = 1_000_000
_OF_ONE = 2
"""Files of one account at a time, until their reports are read: nobody's slow readers fill the disk, or all places."""
_LINE = 4_096  # bytes of a line that are held; what follows of it is passed over


@route("/v1/suppressions/export", http_method=[HttpMethod.GET, HttpMethod.POST], status_code=200)
async def exported(request: Request[Any, Any, Any]) -> Response[Any]:
    """The list as CSV."""
    platform = platform_of(request)
    try:
        scope = allowed(await who_asks(request, platform), Permission.READ)
        narrowed = keeping.Filter(
            address=word(request, "address"),
            search=word(request, "search"),
            reasons=[_reason(name) for name in request.query_params.getall("reason", [])],
            since=moment(request, "since"),
            until=moment(request, "until"),
        )

        def read() -> AbstractAsyncContextManager[Connection]:
            return platform.db.transaction(sees=scope.account_id)

        async with read() as conn:
            owner = await _whose(conn, scope, request)
            first = await keeping.entries(conn, scope, owner, filter=narrowed, first=PAGE, after=None)

        async def more(last: keeping.View) -> list[keeping.View]:
            async with read() as conn:
                return await keeping.entries(conn, scope, owner, filter=narrowed, first=PAGE, after=last.id)
    except Exception as fault:
        return refusal(fault)
    return file(pages(table.COLUMNS, table.entry_row, first, more), "suppressions.csv")


@post("/v1/suppressions/import", status_code=200, request_max_body_size=None)
async def imported(request: Request[Any, Any, Any]) -> Response[Any]:
    """Put everybody in a file on the list, and report line by line."""
    platform = platform_of(request)
    try:
        asker = await who_asks(request, platform)
        scope = allowed(asker, Permission.SEND)
        if asker.is_browser:
            check_header(request.headers)
        reader = table.Reader(_reason(request.query_params.get("reason", Reason.MANUAL.value)))
        async with platform.db.transaction(sees=scope.account_id) as conn:
            owner = await _whose(conn, scope, request)
        if platform.imports.locked() or platform.importing[scope.account_id] >= _OF_ONE:
            raise _busy()
        kept = _Kept(platform.importing, scope.account_id)
        async with platform.imports:
            try:
                await _keep(request, kept.file)
            except BaseException:
                kept.close()
                raise
    except Exception as fault:
        return refusal(fault)
    return file(_reported(platform, scope, owner, reader, kept), "report.csv")


class _Kept:
    """A file that is taken in and counted for its account until it is closed, or forgotten: not every answer is begun."""

    def __init__(self, importing: Counter[UUID], account_id: UUID) -> None:
        self.file: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - closed by `close`
        importing[account_id] += 1
        self.close = weakref.finalize(self, _give_back, importing, account_id, self.file)


def _give_back(importing: Counter[UUID], account_id: UUID, file: IO[bytes]) -> None:
    file.close()
    importing[account_id] -= 1
    if not importing[account_id]:
        del importing[account_id]


async def _whose(conn: Connection, scope: Scope, request: Request[Any, Any, Any]) -> UUID | None:
    query = request.query_params
    everybodys = query.get("everybody", "false").lower() == "true"
    named = query.get("account")
    account_id = reference(named, "account", "account") if named is not None else None
    return await keeping.whose(conn, scope, account_id, everybodys=everybodys)


async def _keep(request: Request[Any, Any, Any], file: IO[bytes]) -> None:
    """Put the body into a file. Raises LiveryError for one that is too long or takes too long."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > BODY:
        raise _too_large()
    size = 0
    try:
        async with asyncio.timeout(_READ_SECONDS):
            async for chunk in request.stream():
                size += len(chunk)
                if size > BODY:
                    raise _too_large()
                file.write(chunk)
    except InternalServerException:  # Litestar's word for a client that went away; nobody reads the answer
        raise LiveryError(Kind.INVALID, "CUT", "The connection was cut.") from None
    except TimeoutError:
        raise LiveryError(Kind.INVALID, "TOO_SLOW", "The file did not arrive in time.", next="Send it again.") from None
    file.seek(0)


async def _reported(
    platform: Platform, scope: Scope, owner: UUID | None, reader: table.Reader, kept: _Kept
) -> AsyncIterator[bytes]:
    try:
        yield tables.written([table.REPORT])
        lines = iter(lambda: _line(kept.file), b"")
        while raw := list(islice(lines, table.SLICE)):
            async with platform.db.transaction(sees=scope.account_id) as conn:
                now = await conn.fetchval("select livery_now()")
                report = await table.load(conn, scope, owner, list(reader.read(raw, now)))
            yield tables.written(map(table.report_row, report))
    finally:
        kept.close()


def _line(file: IO[bytes]) -> bytes:
    """The next line, of an endless one the beginning; empty at the end of the file."""
    line = part = file.readline(_LINE)
    while len(part) == _LINE and not part.endswith(b"\n"):
        part = file.readline(_LINE)
    return line


def _reason(name: str) -> Reason:
    try:
        return Reason(name.lower())
    except ValueError:
        raise invalid("There is no such reason.", "reason", next=f"One of: {', '.join(Reason)}.") from None


def _too_large() -> LiveryError:
    return LiveryError(
        Kind.INVALID, "TOO_LARGE", f"The file is larger than {BODY // 1_000_000} MB.", next="Send it in parts."
    )


def _busy() -> LiveryError:
    return LiveryError(
        Kind.UNAVAILABLE, "BUSY", "Several files are being imported just now.", next="Try again in a minute."
    )
