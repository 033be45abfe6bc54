"""In which browsers am I signed in? Listed, and ended one by one or all at once."""

from datetime import datetime
from typing import Annotated

import strawberry

from api.context import Context
from api.graphql.pages import identity
from api.graphql.problems import Problem, refusable
from kit.errors import Kind, LiveryError
from tenants import audit, sessions
from tenants.scope import Scope

Info = strawberry.Info[Context, None]


@strawberry.type
class Session:
    """A browser that is signed in."""

    id: strawberry.ID
    device: str = strawberry.field(description="What the browser says it is (User-Agent).")
    host: str
    ip: str = strawberry.field(description="Where it was last used from.")
    created_at: datetime
    last_seen_at: datetime = strawberry.field(description="To the minute.")
    expires_at: datetime
    current: bool = strawberry.field(description="The one that asks.")
    entered: str | None = strawberry.field(description="The name of the account below that it has entered.")


@strawberry.type
class SessionsEnded:
    """Signed out there; live connections are closed within seconds."""

    count: int


SessionsEndedResult = Annotated[SessionsEnded | Problem, strawberry.union("SessionsEndedResult")]


async def list_sessions(info: Info) -> list[Session]:
    """One's own sessions, the last used first."""
    scope = _person(info.context)
    async with info.context.home() as conn:
        found = await sessions.sessions(conn, scope, info.context.asker.session)
    return [
        Session(
            id=strawberry.ID(str(row.id)),
            device=row.user_agent,
            host=row.host,
            ip=row.ip,
            created_at=row.created_at,
            last_seen_at=row.last_seen_at,
            expires_at=row.expires_at,
            current=row.current,
            entered=row.entered,
        )
        for row in found
    ]


@refusable
async def end_session(info: Info, id: strawberry.ID) -> SessionsEndedResult:
    """Sign out one browser."""
    scope = _person(info.context)
    async with info.context.home() as conn:
        ended = await sessions.end_one(conn, scope, identity(id))
        await audit.note(conn, scope, "session.end", account_id=scope.home_id or scope.account_id, target=id)
    await info.context.platform.sockets.expel(ended)
    return SessionsEnded(count=1)


@refusable
async def end_other_sessions(info: Info) -> SessionsEndedResult:
    """Sign out every browser but this one."""
    scope = _person(info.context)
    async with info.context.home() as conn:
        ended = await sessions.end_others(conn, scope.member_id, but=info.context.asker.session)
        await audit.note(conn, scope, "session.end_others", account_id=scope.home_id or scope.account_id)
    await info.context.platform.sockets.expel(*ended)
    return SessionsEnded(count=len(ended))


def _person(context: Context) -> Scope:
    if context.scope.member_id is None:
        raise LiveryError(Kind.DENIED, "FORBIDDEN", "Only people have sessions.", next="A key is revoked instead.")
    return context.scope
