"""What is happening now? The ledger replayed from a cursor and then followed, in batches, without gap or double."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import strawberry

from api.context import Context
from api.graphql.events import Event, event
from mail import feed
from tenants.permissions import Permission

Info = strawberry.Info[Context, None]


@strawberry.type
class EventBatch:
    """Some events, oldest first."""

    events: list[Event]
    cursor: str = strawberry.field(
        description="Position after the last event of this batch; also set when the batch is empty."
    )
    live: bool = strawberry.field(
        description="False while older events are being replayed, true once the subscriber has caught up."
    )


async def follow(info: Info, after: str | None = None) -> AsyncGenerator[EventBatch, None]:
    """Batches for ever. The first comes at once, empty or not, so that the subscriber has a cursor to resume from."""
    platform, scope = info.context.platform, info.context.allowed(Permission.READ)
    start = feed.Cursor.parse(after) if after is not None else None
    source = platform.live.follow(scope, start)
    async with aclosing(source):
        async for page, live in source:
            yield EventBatch(events=[event(found) for found in page.events], cursor=str(page.cursor), live=live)
