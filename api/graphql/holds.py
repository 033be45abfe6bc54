"""How is mail that waits let go or withdrawn? By message, all of its recipients that wait."""

from typing import Annotated

import strawberry

from api.context import Context
from api.graphql.pages import reference
from api.graphql.problems import Problem, refusable
from kit import jobs
from mail import holds
from mail.jobs import Dispatch
from tenants.permissions import Permission

Info = strawberry.Info[Context, None]


@strawberry.type
class MovedMessages:
    """What was released or cancelled."""

    message_ids: list[strawberry.ID]
    recipient_count: int


MovedMessagesResult = Annotated[MovedMessages | Problem, strawberry.union("MovedMessagesResult")]


@refusable
async def release(info: Info, ids: list[strawberry.ID]) -> MovedMessagesResult:
    """Let held messages go."""
    context = info.context
    scope = context.allowed(Permission.SEND)
    wanted = [reference(id, "waiting message", "ids") for id in ids]
    # A pool above may pay, as when mail comes in.
    async with context.platform.db.transaction(sees=scope.account_id, spends=True) as conn:
        moved = await holds.release(conn, scope, wanted)
    jobs.ring(Dispatch(tuple(str(id) for id in moved.recipient_ids)))
    return _told(context, moved)


@refusable
async def cancel(info: Info, ids: list[strawberry.ID]) -> MovedMessagesResult:
    """Withdraw messages that wait."""
    context = info.context
    scope = context.allowed(Permission.SEND)
    wanted = [reference(id, "waiting message", "ids") for id in ids]
    async with context.platform.db.transaction(sees=scope.account_id, spends=True) as conn:
        moved = await holds.cancel(conn, scope, wanted)
    return _told(context, moved)


def _told(context: Context, moved: holds.Moved) -> MovedMessages:
    context.platform.bell.ring(moved.account_ids)
    return MovedMessages(
        message_ids=[strawberry.ID(str(id)) for id in moved.message_ids], recipient_count=len(moved.recipient_ids)
    )
