"""How does somebody who got a mail say that they want no more? By its link, or by the button of their mail program.

    GET, HEAD /u/<token>   the page that asks; changes nothing, whoever fetches it and however often
    POST /u/<token>        done: by the page's button, or by a mail program with `List-Unsubscribe=One-Click` (RFC 8058),
                           which is answered with 200 at once and sends no cookie; `act=undo` takes it back

The token alone says whose mail it was and which account sent it, so any host that reaches us will do, also one whose
account is gone. Whoever has the link may use it: it was sent to nobody else.
"""

import asyncio
from typing import Any
from urllib.parse import parse_qs

from litestar import HttpMethod, Request, Response, route
from litestar.params import FromPath

from api import peer
from api.context import Platform, platform_of
from api.reader_page import answer, preferred
from api.unsubscribe_page import Stage, render
from mail import unsubscribes
from mail.unsubscribes import Sender, Way
from mail.wire import unsubscribe
from mail.wire.unsubscribe import Ticket
from tenants import throttle

_BODY = 16_384
_READ_SECONDS = 30.0
_FORM = "application/x-www-form-urlencoded"


@route(
    "/u/{token:str}",
    http_method=[HttpMethod.GET, HttpMethod.HEAD, HttpMethod.POST],
    status_code=200,
    request_max_body_size=_BODY,
)
async def unsubscribed(request: Request[Any, Any, Any], token: FromPath[str]) -> Response[bytes]:
    """The page, and what its buttons do."""
    platform = platform_of(request)
    ticket = unsubscribe.unseal(platform.keyring, token)
    language = ticket.language if ticket else None
    if language is None:
        language = preferred(request.headers.get("accept-language", ""))
    if ticket is None:
        return answer(request, 404, render(Stage.INVALID, language))
    said = ""
    if request.method == "POST":
        # Before a place is taken: who sends slowly keeps nobody else from anything.
        try:
            async with asyncio.timeout(_READ_SECONDS):
                said = await _said(request)
        except TimeoutError:
            return answer(request, 408, render(Stage.INVALID, language))
    async with platform.strangers:
        if request.method == "POST":
            ip = peer.address(request)
            stage, sender = await _act(platform, ticket, said, ip)
        else:
            stage, sender = await _look(platform, ticket)
        # No button is offered that can only fail.
        if stage is Stage.DONE and await throttle.is_spent(platform.db, [unsubscribes.undoing(ticket)]):
            stage = Stage.STANDS
    # RFC 6585 §4
    return answer(request, 429 if stage is Stage.LATER else 200, render(stage, language, sender, ticket.address))


async def _said(request: Request[Any, Any, Any]) -> str:
    """What the body asks for: "undo", "unsubscribe", or what a mail program says for its reader, in whichever form."""
    body = await request.body()
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        return ""
    try:
        return parse_qs(body.decode("ascii", "replace"), max_num_fields=10).get("act", [""])[0]
    except ValueError:  # more fields than any form of ours has
        return ""


async def _act(platform: Platform, ticket: Ticket, said: str, ip: str | None) -> tuple[Stage, Sender]:
    if said == "undo" and not await throttle.take(platform.db, [unsubscribes.undoing(ticket)]):
        stage, sender = await _look(platform, ticket)
        return Stage.LATER if stage is Stage.DONE else stage, sender
    async with platform.db.transaction(sees=ticket.account_id) as conn:
        if said == "undo":
            stage, news = Stage.UNDONE, await unsubscribes.undo(conn, ticket, ip=ip)
        else:
            way = Way.PAGE if said == "unsubscribe" else Way.ONE_CLICK
            stage, news = Stage.DONE, await unsubscribes.hear(conn, ticket, way)
        sender = await unsubscribes.sender(conn, ticket.account_id)
    if news:
        platform.bell.ring({ticket.account_id})
    return stage, sender


async def _look(platform: Platform, ticket: Ticket) -> tuple[Stage, Sender]:
    async with platform.db.transaction(sees=ticket.account_id) as conn:
        stage = Stage.DONE if await unsubscribes.stands(conn, ticket) else Stage.ASKED
        return stage, await unsubscribes.sender(conn, ticket.account_id)
