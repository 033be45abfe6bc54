"""How does a GraphQL operation arrive over HTTP? By POST of JSON, alone, within its limits; never by GET, form or batch.

1. Who asks is settled from the headers, before a byte of the body is read.
2. The body may have 1 MB, a stranger's 100 kB. Whoever is signed in may send up to 35 MB, for attachments; such a body must
   hold a single `sendMail` and nothing else, and only a few are held in memory at a time. Of strangers a bounded number is
   answered at a time: a flood of logins is told to come again instead of taking the memory and the database.
3. What changes something needs the header X-Requested-With from browsers: forms of other sites cannot send it.
4. The schema judges the document (`api.graphql.limits`), runs it within a time limit, and every error is masked.
"""

import asyncio
from typing import Any

import msgspec
from graphql import FieldNode, OperationDefinitionNode, OperationType, get_operation_ast
from litestar import Request, Response, post
from litestar.datastructures import Cookie
from prometheus_client import Histogram
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types.graphql import OperationType as Operation

from api import peer
from api.auth import Asker, check_header, identify
from api.bodies import read_body, too_large
from api.context import Context, Platform, platform_of
from api.errors import explain, http_status, refused, shown
from api.graphql import limits
from api.graphql.schema import schema
from kit.errors import Kind, LiveryError

BODY = 1_000_000
"""Bytes any body may have."""
STRANGERS_BODY = 100_000
"""Bytes the body of somebody who is not signed in may have: nothing but addresses, passwords and tokens is in it."""
SEND_BODY = 35_000_000
"""Bytes the body of a `sendMail` may have: 25 MB of mail in base64."""

_READ_SECONDS = 300.0  # 35 MB at 1 Mbit/s
_SMALL_READ_SECONDS = 30.0
_SMALLER = "Attachments of up to 25 MB go into one `sendMail`, signed in and alone in its request."
_RUN_SECONDS = 10.0
_SEND_SECONDS = 60.0
_RETRY_SECONDS = 5

_SECONDS = Histogram("graphql_seconds", "Time to answer one posted operation", ["kind"])


class _Posted(msgspec.Struct):
    query: str | None = None
    variables: dict[str, Any] | None = None
    operation_name: str | None = msgspec.field(name="operationName", default=None)
    extensions: dict[str, Any] | None = None


_decoder = msgspec.json.Decoder(_Posted)


@post("/graphql", status_code=200, request_max_body_size=None)
async def graphql(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Answer one operation."""
    platform = platform_of(request)
    try:
        asker = await who_asks(request, platform)
        if request.content_type[0] != "application/json":
            raise _bad("UNSUPPORTED", "The body must be JSON.", "Send `Content-Type: application/json`.")
        declared = request.headers.get("content-length", "")
        expected = int(declared) if declared.isdigit() else None
        limit = SEND_BODY if asker.scope is not None else STRANGERS_BODY
        if expected is not None and expected > limit:
            raise too_large(limit, _SMALLER)
        if asker.scope is None:
            body = await read_body(request, STRANGERS_BODY, _SMALL_READ_SECONDS, smaller=_SMALLER)
            if platform.strangers.locked():
                raise _crowded()
            async with platform.strangers:
                return await _answer(request, platform, asker, body)
        if expected is None or expected > BODY:
            async with platform.large:
                return await _answer(
                    request, platform, asker, await read_body(request, limit, _READ_SECONDS, smaller=_SMALLER)
                )
        return await _answer(
            request, platform, asker, await read_body(request, BODY, _SMALL_READ_SECONDS, smaller=_SMALLER)
        )
    except Exception as fault:
        refusal = explain(fault)
        status = http_status(refusal)
        # RFC 9110 §10.2.3
        return _json(refused(refusal), status, {"retry-after": str(_RETRY_SECONDS)} if status == 503 else {})


async def who_asks(request: Request[Any, Any, Any], platform: Platform) -> Asker:
    """Whoever sent a request, settled from its headers alone. Raises LiveryError as `api.auth.identify`."""
    asker = await identify(
        platform.db,
        platform.keyring,
        headers=request.headers,
        cookies=request.cookies,
        host=request.scope["state"]["host"],
        ip=peer.needed(request),
        secure=platform.secure,
    )
    if asker.scope is not None:
        platform.uses.note(asker.scope)
    return asker


async def _answer(request: Request[Any, Any, Any], platform: Platform, asker: Asker, body: bytes) -> Response[bytes]:
    posted = _decode(body)
    text = posted.query or ""
    if not text.strip():
        raise _bad("INVALID", "There is no `query` in the request.", 'Send {"query": "…", "variables": {…}}.')
    if len(text) > limits.DOCUMENT_BYTES:
        raise _bad("INVALID", "The document is too long.", "Put values into `variables`, where they belong.")
    operation = _operation(text, posted.operation_name)
    changes = operation is not None and operation.operation is OperationType.MUTATION
    if changes and asker.is_browser:
        check_header(request.headers)
    if len(body) > BODY and not _only_sends(operation):
        raise too_large(BODY, _SMALLER)
    context = Context(platform, asker)
    kind = operation.operation.value if operation else "unreadable"
    try:
        with _SECONDS.labels(kind).time():
            async with asyncio.timeout(_SEND_SECONDS if changes else _RUN_SECONDS):
                result = await schema.execute(
                    text,
                    variable_values=posted.variables,
                    context_value=context,
                    operation_name=posted.operation_name,
                    allowed_operation_types=(Operation.QUERY, Operation.MUTATION),
                )
    except InvalidOperationTypeError:
        raise _bad(
            "INVALID",
            "Subscriptions are not answered here.",
            "Open a WebSocket with the protocol graphql-transport-ws.",
        ) from None
    except CannotGetOperationTypeError:
        raise _bad("INVALID", "There is no operation of that name in the document.", "Check `operationName`.") from None
    answer: dict[str, Any] = {"data": result.data}
    if result.errors:
        answer = {"errors": shown(result.errors), **answer}
    response = _json(msgspec.json.encode(answer), 200)
    response.cookies.extend(Cookie(**cookie) for cookie in context.cookies)
    return response


def _decode(body: bytes) -> _Posted:
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        if body.lstrip()[:1] == b"[":
            raise _bad("INVALID", "Several operations in one request are not answered.", "Send one object.") from None
        raise _bad("INVALID", f"The body cannot be read: {fault}.", 'Send {"query": "…", "variables": {…}}.') from None
    except RecursionError:
        raise _bad("INVALID", "The body is nested too deeply.", 'Send {"query": "…", "variables": {…}}.') from None


def _operation(text: str, name: str | None) -> OperationDefinitionNode | None:
    """The operation that would run, for the checks before the schema's own; None where the schema will refuse the document."""
    document = limits.read(schema._schema, text)
    return get_operation_ast(document, name) if document else None


def _only_sends(operation: OperationDefinitionNode | None) -> bool:
    if operation is None or operation.operation is not OperationType.MUTATION:
        return False
    fields = operation.selection_set.selections
    return len(fields) == 1 and isinstance(fields[0], FieldNode) and fields[0].name.value == "sendMail"


def _bad(code: str, message: str, next: str) -> LiveryError:
    return LiveryError(Kind.INVALID, code, message, next=next)


def _crowded() -> LiveryError:
    return LiveryError(
        Kind.UNAVAILABLE, "BUSY", "Too many people are signing in just now.", next="Try again in a few seconds."
    )


def _json(body: bytes, status: int, headers: dict[str, str] | None = None) -> Response[bytes]:
    return Response(
        body,
        status_code=status,
        media_type="application/json",
        headers={"cache-control": "no-store", **(headers or {})},
    )
