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
import contextlib
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from itertools import islice
from typing import IO, Any
from uuid import UUID

from litestar import HttpMethod, Request, Response, post, route
from litestar.exceptions import InternalServerException
from litestar.response import Stream

from api.auth import Asker, check_header
from api.context import Platform, platform_of
from api.errors import STATUS, explain, refused, signed_out
from api.graphql.pages import reference
from api.operations import who_asks
from kit.db import Connection
from kit.errors import Kind, LiveryError, invalid
from mail.suppressions import Reason, keeping, table
from tenants.permissions import Permission
from tenants.scope import Scope

BODY = 32_000_000
"""Bytes of the longest file: about a million addresses."""

_READ_SECONDS = 300.0
_IN_MEMORY = 1_000_000
_PAGE = 1_000  # entries of an export that are read in one transaction
_LINE = 4_096  # bytes of a line that are held; what follows of it is passed over
type _Read = Callable[[], AbstractAsyncContextManager[Connection]]


@route("/v1/suppressions/export", http_method=[HttpMethod.GET, HttpMethod.POST], status_code=200)
async def exported(request: Request[Any, Any, Any]) -> Response[Any]:
    """The list as CSV."""
    platform = platform_of(request)
    try:
        asker = await who_asks(request, platform)
        scope = _allowed(asker, Permission.READ)
        query = request.query_params
        narrowed = keeping.Filter(
            address=query.get("address", "").strip(),
            search=query.get("search", "").strip(),
            reasons=[_reason(name) for name in query.getall("reason", [])],
            since=_moment(query.get("since"), "since"),
            until=_moment(query.get("until"), "until"),
        )

        def read() -> AbstractAsyncContextManager[Connection]:
            return platform.db.transaction(sees=scope.account_id)

        async with read() as conn:
            owner = await _whose(conn, scope, request)
            first = await keeping.entries(conn, scope, owner, filter=narrowed, first=_PAGE, after=None)
    except Exception as fault:
        return _refused(fault)
    return _csv(_written(read, scope, owner, narrowed, first), "suppressions.csv")


@post("/v1/suppressions/import", status_code=200, request_max_body_size=None)
async def imported(request: Request[Any, Any, Any]) -> Response[Any]:
    """Put everybody in a file on the list, and report line by line."""
    platform = platform_of(request)
    try:
        asker = await who_asks(request, platform)
        scope = _allowed(asker, Permission.SEND)
        if asker.is_browser:
            check_header(request.headers)
        reader = table.Reader(_reason(request.query_params.get("reason", Reason.MANUAL.value)))
        async with platform.db.transaction(sees=scope.account_id) as conn:
            owner = await _whose(conn, scope, request)
        if platform.imports.locked():
            raise _busy()
        async with platform.imports:
            file = await _kept(request)
    except Exception as fault:
        return _refused(fault)
    return _csv(_reported(platform, scope, owner, reader, file), "report.csv")


def _allowed(asker: Asker, permission: Permission) -> Scope:
    if asker.scope is None:
        raise signed_out()
    asker.scope.require(permission)
    return asker.scope


async def _whose(conn: Connection, scope: Scope, request: Request[Any, Any, Any]) -> UUID | None:
    query = request.query_params
    everybodys = query.get("everybody", "false").lower() == "true"
    named = query.get("account")
    account_id = reference(named, "account", "account") if named is not None else None
    return await keeping.whose(conn, scope, account_id, everybodys=everybodys)


async def _kept(request: Request[Any, Any, Any]) -> IO[bytes]:
    """The body in a file. Raises LiveryError for one that is too long or takes too long."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > BODY:
        raise _too_large()
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY))
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
            raise LiveryError(
                Kind.INVALID, "TOO_SLOW", "The file did not arrive in time.", next="Send it again."
            ) from None
        file.seek(0)
        stack.pop_all()  # whoever reports on it closes it
        return file
    raise AssertionError("an exit stack swallows nothing")


async def _reported(
    platform: Platform, scope: Scope, owner: UUID | None, reader: table.Reader, file: IO[bytes]
) -> AsyncIterator[bytes]:
    with file:
        yield table.written([table.REPORT])
        lines = iter(lambda: _line(file), b"")
        while raw := list(islice(lines, table.SLICE)):
            async with platform.db.transaction(sees=scope.account_id) as conn:
                now = await conn.fetchval("select livery_now()")
                report = await table.load(conn, scope, owner, list(reader.read(raw, now)))
            yield table.written(map(table.report_row, report))


def _line(file: IO[bytes]) -> bytes:
    """The next line, of an endless one the beginning; empty at the end of the file."""
    line = part = file.readline(_LINE)
    while len(part) == _LINE and not part.endswith(b"\n"):
        part = file.readline(_LINE)
    return line


async def _written(
    read: _Read, scope: Scope, owner: UUID | None, narrowed: keeping.Filter, entries: list[keeping.View]
) -> AsyncIterator[bytes]:
    yield table.written([table.COLUMNS])
    while entries:
        yield table.written(map(table.entry_row, entries))
        if len(entries) < _PAGE:
            return
        async with read() as conn:
            entries = await keeping.entries(conn, scope, owner, filter=narrowed, first=_PAGE, after=entries[-1].id)


def _reason(name: str) -> Reason:
    try:
        return Reason(name.lower())
    except ValueError:
        raise invalid("There is no such reason.", "reason", next=f"One of: {', '.join(Reason)}.") from None


def _moment(text: str | None, field: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise invalid("This is no moment.", field, next="Write it like 2026-11-23T00:00:00Z.")
    return moment


def _csv(rows: AsyncIterator[bytes], name: str) -> Stream:
    return Stream(
        rows,
        status_code=200,
        media_type="text/csv",
        headers={"cache-control": "no-store", "content-disposition": f'attachment; filename="{name}"'},
    )


def _refused(fault: Exception) -> Response[bytes]:
    refusal = explain(fault)
    status = {"TOO_LARGE": 413, "TOO_SLOW": 408, "INTERNAL": 500}.get(refusal.code, STATUS[refusal.kind])
    headers = {"cache-control": "no-store", **({"retry-after": "5"} if status == 503 else {})}
    return Response(refused(refusal), status_code=status, media_type="application/json", headers=headers)


def _too_large() -> LiveryError:
    return LiveryError(
        Kind.INVALID, "TOO_LARGE", f"The file is larger than {BODY // 1_000_000} MB.", next="Send it in parts."
    )


def _busy() -> LiveryError:
    return LiveryError(
        Kind.UNAVAILABLE, "BUSY", "Several files are being imported just now.", next="Try again in a minute."
    )
