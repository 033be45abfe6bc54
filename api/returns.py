"""How do those who deliver for us say what came back? By a POST of it, as they have it.

    POST /v1/returns?to=<the return path>      Authorization: Bearer <an API key that may send>
    <the bounce, the feedback report, or the provider's notification in JSON>

Whose mail it is about says the return path in `to`, or one that stands in the body. 202 once it is stored; what it means is
judged soon after, as for what comes by mail (`mail.returns`). A key is heard about mail of its own account and those below.
"""

import asyncio
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, Response, post

from api.bodies import read_body
from api.context import Platform, platform_of
from api.errors import explain, http_status, signed_out
from api.operations import who_asks
from kit import jobs
from kit.errors import Kind, LiveryError
from mail import returns
from mail.jobs import Judge
from tenants.permissions import Permission

BODY = 2_000_000
"""Bytes: more than is ever read of what came back."""
_READ_SECONDS = 30.0


@post("/v1/returns", status_code=202, request_max_body_size=None)
async def returned(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Take what came back."""
    platform = platform_of(request)
    try:
        taken = await _take(platform, request)
    except Exception as fault:
        refusal = explain(fault)
        return _json(http_status(refusal), {"code": refusal.code, "message": refusal.message, "next": refusal.next})
    return _json(202, {"recipients": taken})


async def _take(platform: Platform, request: Request[Any, Any, Any]) -> int:
    asker = await who_asks(request, platform)
    # Programs alone: a browser has nothing to report.
    if asker.scope is None or asker.is_browser:
        raise signed_out()
    asker.scope.require(Permission.SEND)
    body = await read_body(request, BODY, _READ_SECONDS)
    path = request.query_params.get("to", "").strip("<> ")
    named = returns.live(platform.keyring, path.rpartition("@")[0]) if path else None
    recipients: list[UUID | None] = [named]
    if named in (None, returns.FEEDBACK):
        recipients = [*await asyncio.to_thread(returns.about, platform.keyring, body)]
    async with platform.db.transaction(sees=asker.scope.account_id) as conn:
        stored = [await returns.receive(conn, one, body) for one in recipients if one is not None]
    ids = [str(id) for id in stored if id is not None]
    if not ids:
        raise LiveryError(
            Kind.INVALID,
            "NOT_OURS",
            "This is about no mail of yours.",
            next="Name the return path (the envelope sender of the mail) in ?to=, or post a report that holds it.",
        )
    jobs.ring(Judge(tuple(ids)))
    return len(ids)


def _json(code: int, what: dict[str, Any]) -> Response[bytes]:
    return Response(
        msgspec.json.encode(what),
        status_code=code,
        media_type="application/json",
        headers={"cache-control": "no-store"},
    )
