"""How does a refusal look to a client of the API? One row a kind, one incident id for whatever is ours to mend.

GraphQL answers carry the row's code in `extensions`; plain HTTP answers carry its status. What nobody foresaw is logged
once, with a traceback, under an incident id, and the client sees that id and nothing else.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import asyncpg
import msgspec
import structlog
from graphql import GraphQLError
from strawberry.exceptions import MissingQueryError
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError

from kit.errors import Kind, LiveryError
from kit.ids import new_id

log = structlog.get_logger()

STATUS: Mapping[Kind, int] = {
    Kind.INVALID: 400,
    Kind.UNAUTHENTICATED: 401,
    Kind.DENIED: 403,
    Kind.MISSING: 404,
    Kind.CONFLICT: 409,
    Kind.EXHAUSTED: 402,
    Kind.UNAVAILABLE: 503,
}
"""The HTTP status of each kind, for answers that are not GraphQL results."""
_STATUS_OF_CODE = {"TOO_LARGE": 413, "UNSUPPORTED": 415, "TOO_SLOW": 408, "INTERNAL": 500}


def http_status(refusal: LiveryError) -> int:
    """The HTTP status of a refusal, for answers that are not GraphQL results."""
    return _STATUS_OF_CODE.get(refusal.code, STATUS[refusal.kind])


def signed_out() -> LiveryError:
    """Nobody proved who they are."""
    return LiveryError(
        Kind.UNAUTHENTICATED,
        "UNAUTHENTICATED",
        "Nobody is signed in.",
        next="Log in, or send an API key as `Authorization: Bearer …`.",
    )


def unavailable() -> LiveryError:
    """The database does not answer, or not in time."""
    return LiveryError(
        Kind.UNAVAILABLE,
        "UNAVAILABLE",
        "This cannot be answered right now.",
        next="Try again in a few seconds; ask for less if it happens again.",
    )


# A statement or a wait that took too long, a server that is starting, stopping or not there.
_UNAVAILABLE = (
    asyncpg.QueryCanceledError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # an idle session was ended just as it was taken
    TimeoutError,
    OSError,
)


def explain(fault: BaseException) -> LiveryError:
    """The refusal a client may read for any exception; unforeseen ones are logged here, once."""
    if isinstance(fault, LiveryError):
        return fault
    if isinstance(fault, _UNAVAILABLE):
        log.warning("api.unavailable", cause=type(fault).__name__, detail=str(fault)[:200])
        return unavailable()
    incident = str(new_id())
    log.error("api.failed", incident=incident, exc_info=fault)
    return LiveryError(
        Kind.UNAVAILABLE,
        "INTERNAL",
        f"Something went wrong on our side. Incident {incident}.",
        next="Try again; if it happens again, tell your provider the incident number.",
    )


def extensions(error: LiveryError) -> dict[str, Any]:
    """What stands beside a refusal's message: the stable code, the field at fault and what to do next."""
    found: dict[str, Any] = {"code": error.code}
    if error.field:
        found["field"] = list(error.field)
    if error.next:
        found["next"] = error.next
    return found


# What Strawberry raises for a document whose operation is not to be found or not for this transport.
_OPERATION = (CannotGetOperationTypeError, InvalidOperationTypeError, MissingQueryError)


def present(error: GraphQLError) -> GraphQLError:
    """What a client sees of a GraphQL error.

    Errors of the document itself (syntax, validation, limits) are the client's own and stay as they are; a refusal shows
    its text and code; anything else shows an incident id only.
    """
    cause: BaseException | None = error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    if cause is None or isinstance(cause, _OPERATION):
        return GraphQLError(
            error.message,
            nodes=error.nodes,
            source=error.source,
            positions=error.positions,
            path=error.path,
            extensions={"code": "INVALID", **(error.extensions or {})},
        )
    refusal = explain(cause)
    return GraphQLError(refusal.message, nodes=error.nodes, path=error.path, extensions=extensions(refusal))


def shown(errors: Iterable[GraphQLError]) -> list[dict[str, Any]]:
    """The `errors` member of a GraphQL answer."""
    return [dict(present(error).formatted) for error in errors]


def refused(error: LiveryError) -> bytes:
    """The JSON body of a request that is refused before any GraphQL runs: the shape of a GraphQL error answer."""
    return msgspec.json.encode({"errors": [{"message": error.message, "extensions": extensions(error)}]})
