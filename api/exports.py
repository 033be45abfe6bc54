"""How do the reports of bounces, spam reports and unsubscribes go out as files? Whole, as CSV, narrowed as people look at them.

    GET, POST /v1/bounces/export        kind=hard|soft|spam (may stand several times), search
    GET, POST /v1/complaints/export     search
    GET, POST /v1/unsubscribes/export   address (part of it)

Each takes `account` (an id; everything that the asker sees unless given), `since` and `until`, and gives what the queries
`bounces`, `complaints` and `unsubscribes` list, in the same order and to the same people. Who asks is settled as for GraphQL.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any
from uuid import UUID

from litestar import HttpMethod, Request, Response, route

from api.context import platform_of
from api.graphql.events import reply_line
from api.graphql.pages import reference
from api.operations import who_asks
from api.tables import PAGE, allowed, file, moment, pages, refusal, word
from kit.db import Connection
from kit.errors import invalid
from mail import setbacks, unsubscribes
from mail.setbacks import BounceKind, Setback
from mail.unsubscribes import Unsubscribed
from tenants.permissions import Permission
from tenants.scope import Scope

type _Read[Row] = Callable[[Connection, Scope, Row | None], Awaitable[list[Row]]]
"""The first page, or the one after a row."""

_METHODS = [HttpMethod.GET, HttpMethod.POST]
# What the others begin with, and what leads from each to its mail.
_WHO = ("at", "address")
_MAIL = ("account", "account_id", "sender", "subject", "message_id", "recipient_id")


@route("/v1/bounces/export", http_method=_METHODS, status_code=200)
async def bounces(request: Request[Any, Any, Any]) -> Response[Any]:
    """Which mail was refused for good or given up, when and why."""

    def narrowed() -> _Read[Setback]:
        wanted = _setbacks(request, [_kind(name) for name in request.query_params.getall("kind", [])])

        async def read(conn: Connection, scope: Scope, last: Setback | None) -> list[Setback]:
            return await setbacks.bounces(conn, scope, filter=wanted, first=PAGE, after=last.id if last else None)

        return read

    columns = (*_WHO, "kind", "reason", "reply", "copy", "suppressed", *_MAIL)
    return await _exported(request, "bounces.csv", columns, _bounce, narrowed)


@route("/v1/complaints/export", http_method=_METHODS, status_code=200)
async def complaints(request: Request[Any, Any, Any]) -> Response[Any]:
    """Who reported mail as spam, when, and through which loop."""

    def narrowed() -> _Read[Setback]:
        wanted = _setbacks(request)

        async def read(conn: Connection, scope: Scope, last: Setback | None) -> list[Setback]:
            return await setbacks.complaints(conn, scope, filter=wanted, first=PAGE, after=last.id if last else None)

        return read

    columns = (*_WHO, "loop", "feedback", "copy", "suppressed", *_MAIL)
    return await _exported(request, "spam-reports.csv", columns, _complaint, narrowed)


@route("/v1/unsubscribes/export", http_method=_METHODS, status_code=200)
async def unsubscribed(request: Request[Any, Any, Any]) -> Response[Any]:
    """Who wants no more mail, since when, and how it was said."""

    def narrowed() -> _Read[Unsubscribed]:
        wanted = unsubscribes.Filter(
            account_id=_account(request),
            address=word(request, "address"),
            since=moment(request, "since"),
            until=moment(request, "until"),
        )

        async def read(conn: Connection, scope: Scope, last: Unsubscribed | None) -> list[Unsubscribed]:
            after = last.id if last else None
            return await unsubscribes.unsubscribed(conn, scope, filter=wanted, first=PAGE, after=after)

        return read

    return await _exported(request, "unsubscribes.csv", (*_WHO, "source", *_MAIL), _unsubscribe, narrowed)


async def _exported[Row](
    request: Request[Any, Any, Any],
    name: str,
    columns: Sequence[str],
    row: Callable[[Row], Sequence[object]],
    narrowed: Callable[[], _Read[Row]],
) -> Response[Any]:
    platform = platform_of(request)
    try:
        scope = allowed(await who_asks(request, platform), Permission.READ)
        read = narrowed()

        def connected() -> AbstractAsyncContextManager[Connection]:
            return platform.db.transaction(sees=scope.account_id)

        async def more(last: Row) -> list[Row]:
            async with connected() as conn:
                return await read(conn, scope, last)

        async with connected() as conn:
            first = await read(conn, scope, None)
    except Exception as fault:
        return refusal(fault)
    return file(pages(columns, row, first, more), name)


def _setbacks(request: Request[Any, Any, Any], kinds: Sequence[BounceKind] = ()) -> setbacks.Filter:
    return setbacks.Filter(
        account_id=_account(request),
        search=word(request, "search"),
        since=moment(request, "since"),
        until=moment(request, "until"),
        kinds=kinds,
    )


def _account(request: Request[Any, Any, Any]) -> UUID | None:
    named = word(request, "account")
    return reference(named, "account", "account") if named else None


def _kind(name: str) -> BounceKind:
    try:
        return BounceKind(name.lower())
    except ValueError:
        raise invalid("There is no such kind.", "kind", next=f"One of: {', '.join(BounceKind)}.") from None


def _bounce(found: Setback) -> tuple[object, ...]:
    said = reply_line(found.code, found.status, found.reply)
    told = (found.bounce.value, found.reason, said, _yes(found.copy), _yes(found.suppressed))
    return (found.at, found.address, *told, *_mail(found))


def _complaint(found: Setback) -> tuple[object, ...]:
    told = (found.reply, found.cause, _yes(found.copy), _yes(found.suppressed))
    return (found.at, found.address, *told, *_mail(found))


def _unsubscribe(found: Unsubscribed) -> tuple[object, ...]:
    return (found.at, found.address, found.source, *_mail(found))


def _mail(found: Setback | Unsubscribed) -> tuple[object, ...]:
    whose = (found.account_name, found.account_id)
    return (*whose, found.sender, found.subject, found.message_id, found.recipient_id)


def _yes(true: bool) -> str:
    return "yes" if true else "no"
