"""How are things below a list read? All of one kind at once, in one short transaction, and kept for this operation only."""

from collections.abc import Sequence
from uuid import UUID

from strawberry.dataloader import DataLoader

from api.context import Context
from api.graphql import accounts, credentials, events, recipients, sources, tracking
from mail import engagement, feed, search
from mail.accounts.activity import Activity, activity
from tenants import makers, rates
from tenants.permissions import Permission
from tenants.sources import view_sources

type RecipientPage = tuple[UUID, int, UUID | None]
"""Message, page size, cursor."""


class Loaders:
    """The loaders of one operation."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.attempts: DataLoader[UUID, events.Attempt | None] = DataLoader(self._attempts)
        self.timelines: DataLoader[UUID, list[events.Event]] = DataLoader(self._timelines)
        self.visits: DataLoader[UUID, list[tracking.Visit]] = DataLoader(self._visits)
        self.contents: DataLoader[UUID, search.Content | None] = DataLoader(self._contents)
        self.recipients: DataLoader[RecipientPage, recipients.RecipientConnection] = DataLoader(self._recipients)
        self.activities: DataLoader[UUID, accounts.Activity] = DataLoader(self._activities)
        self.sources: DataLoader[UUID, sources.Source | None] = DataLoader(self._sources)
        self.limit_uses: DataLoader[UUID, list[credentials.LimitUse]] = DataLoader(self._limit_uses)
        self.makers: DataLoader[UUID, credentials.CredentialMaker | None] = DataLoader(self._makers)

    async def _limit_uses(self, ids: list[UUID]) -> Sequence[list[credentials.LimitUse]]:
        async with self._context.read(Permission.KEYS) as conn:
            found = await rates.standing(conn, self._context.scope, ids)
        return [[credentials.limit_use(window) for window in found.get(id, [])] for id in ids]

    async def _makers(self, ids: list[UUID]) -> Sequence[credentials.CredentialMaker | None]:
        async with self._context.read(Permission.KEYS) as conn:
            found = await makers.makers(conn, self._context.scope, ids)
        return [credentials.maker(found[id]) if id in found else None for id in ids]

    async def _activities(self, ids: list[UUID]) -> Sequence[accounts.Activity]:
        async with self._context.read(Permission.READ) as conn:
            found = await activity(conn, self._context.scope, ids)
        return [accounts.activity(found.get(id, Activity())) for id in ids]

    async def _sources(self, ids: list[UUID]) -> Sequence[sources.Source | None]:
        async with self._context.read() as conn:
            found = await view_sources(conn, self._context.scope, ids)
        return [sources.source(found[id]) if id in found else None for id in ids]

    async def _attempts(self, ids: list[UUID]) -> Sequence[events.Attempt | None]:
        async with self._context.read(Permission.READ) as conn:
            found = await search.attempts(conn, self._context.scope, ids)
        return [events.attempt(found[id]) if id in found else None for id in ids]

    async def _timelines(self, recipient_ids: list[UUID]) -> Sequence[list[events.Event]]:
        async with self._context.read(Permission.READ) as conn:
            found = await feed.timeline(conn, self._context.scope, recipient_ids)
        return [[events.event(fact) for fact in found.get(id, [])] for id in recipient_ids]

    async def _visits(self, recipient_ids: list[UUID]) -> Sequence[list[tracking.Visit]]:
        async with self._context.read(Permission.READ) as conn:
            found = await engagement.visits(conn, self._context.scope, recipient_ids)
        return [[tracking.visit(one) for one in found.get(id, [])] for id in recipient_ids]

    async def _contents(self, message_ids: list[UUID]) -> Sequence[search.Content | None]:
        async with self._context.read(Permission.READ) as conn:
            return [await search.content(conn, self._context.scope, id) for id in message_ids]

    async def _recipients(self, pages: list[RecipientPage]) -> Sequence[recipients.RecipientConnection]:
        async with self._context.read(Permission.READ) as conn:
            return [
                recipients.recipient_page(
                    await search.recipients(
                        conn,
                        self._context.scope,
                        filter=search.RecipientFilter(message_id=message_id),
                        first=first + 1,
                        after=after,
                    ),
                    first,
                )
                for message_id, first, after in pages
            ]
