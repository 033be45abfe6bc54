"""How does a member act for an account below ("log in as")? It is entered and left again; `me` says where one is."""

from typing import Annotated

import strawberry

from api.context import Context
from api.graphql.me import Me, me_of
from api.graphql.pages import identity
from api.graphql.problems import Problem, refusable
from api.graphql.session import keep
from kit.crypto import fingerprint
from tenants import sessions, visits

Info = strawberry.Info[Context, None]


@strawberry.type
class Moved:
    """This session acts for another account now; the answer also sets a new cookie, and live connections start anew."""

    me: Me


MovedResult = Annotated[Moved | Problem, strawberry.union("MovedResult")]


@refusable
async def enter_account(info: Info, account_id: strawberry.ID) -> MovedResult:
    """Act for an account below."""
    context = info.context
    async with context.home() as conn:
        moved = await visits.enter(conn, context.scope, context.asker.session, identity(account_id))
    return await _moved(context, moved)


@refusable
async def leave_account(info: Info) -> MovedResult:
    """Act for one's own account again."""
    context = info.context
    async with context.home() as conn:
        moved = await visits.leave(conn, context.scope, context.asker.session)
    return await _moved(context, moved)


async def _moved(context: Context, moved: visits.Moved) -> Moved:
    asker = context.asker
    async with context.home() as conn:
        scope = await sessions.session_scope(conn, moved.token, host=asker.host, ip=asker.ip)
    await context.platform.sockets.expel(fingerprint(asker.session or ""))
    keep(context, moved.token)
    assert scope is not None  # noqa: S101 - the session was there a moment ago
    return Moved(me=await me_of(context, scope))
