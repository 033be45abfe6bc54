"""How does a list leave as a file? As CSV, a page at a time, each read in a short transaction of its own.

Browsers ask by POST, because their GET does not say where it is from (`api.auth`); programs may use either. A list that
changes while it is being written is as true as one that is looked at page by page: nothing twice, nothing that was there
all along left out.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from litestar import Request, Response
from litestar.response import Stream

from api.auth import Asker
from api.errors import STATUS, explain, refused, signed_out
from kit import tables
from kit.errors import invalid
from tenants.permissions import Permission
from tenants.scope import Scope

PAGE = 1_000
"""Rows that are read in one transaction."""


def allowed(asker: Asker, permission: Permission) -> Scope:
    """What the asker may see. Raises LiveryError: UNAUTHENTICATED, DENIED."""
    if asker.scope is None:
        raise signed_out()
    asker.scope.require(permission)
    return asker.scope


async def pages[Row](
    columns: Sequence[str],
    rows: Callable[[Row], Sequence[object]],
    first: list[Row],
    more: Callable[[Row], Awaitable[list[Row]]],
) -> AsyncIterator[bytes]:
    """A list as CSV: the names of its columns, its first page, and what `more` finds after the last row of each."""
    yield tables.written([columns])
    found = first
    while found:
        yield tables.written(map(rows, found))
        if len(found) < PAGE:
            return
        found = await more(found[-1])


def file(rows: AsyncIterator[bytes], name: str) -> Stream:
    """CSV as an answer that is saved under this name."""
    return Stream(
        rows,
        status_code=200,
        media_type="text/csv",
        headers={"cache-control": "no-store", "content-disposition": f'attachment; filename="{name}"'},
    )


def refusal(fault: Exception) -> Response[bytes]:
    """The answer where there is no file: in the shape of a GraphQL error."""
    told = explain(fault)
    status = {"TOO_LARGE": 413, "TOO_SLOW": 408, "INTERNAL": 500}.get(told.code, STATUS[told.kind])
    headers = {"cache-control": "no-store", **({"retry-after": "5"} if status == 503 else {})}
    return Response(refused(told), status_code=status, media_type="application/json", headers=headers)


def word(request: Request[Any, Any, Any], field: str) -> str:
    """What the query has for `field`, "" where it has nothing. Raises LiveryError INVALID for what no text may hold."""
    text: str = request.query_params.get(field, "")
    if "\0" in text:
        raise invalid("A text may not hold this character.", field, next="Leave out the character NUL.")
    return text.strip()


def moment(request: Request[Any, Any, Any], field: str) -> datetime | None:
    """The moment that the query has for `field`. Raises LiveryError INVALID."""
    text = word(request, field)
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is not None:
            return found.astimezone(UTC)
    except (ValueError, OverflowError):  # no time at all, or one that UTC's calendar has no year for
        pass
    raise invalid("This is no moment.", field, next="Write it like 2026-11-23T00:00:00Z.")
