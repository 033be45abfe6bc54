"""Which addresses does mail leave from? The table that sub-accounts are given theirs from; the operator keeps it."""

from typing import Annotated
from uuid import UUID

import strawberry

from api.context import Context
from api.graphql.pages import reference
from api.graphql.problems import Problem, refusable
from tenants import sources
from tenants.permissions import Permission

Info = strawberry.Info[Context, None]


@strawberry.type
class Source:
    """An address that mail leaves from."""

    id: strawberry.ID
    name: str
    ip: str
    hostname: str = strawberry.field(description="The name its PTR record gives.")
    dedicated: bool = strawberry.field(description="Only one account and those below it may use it.")
    account_id: strawberry.ID | None = strawberry.field(
        description="Whose it is, where it is dedicated to an account that one sees."
    )
    account_name: str | None


@strawberry.input
class CreateSourceInput:
    """A new address."""

    name: str
    ip: str
    hostname: str = strawberry.field(description="The name its PTR record gives.")
    account_id: strawberry.ID | None = strawberry.field(
        default=None, description="Whose subtree alone may use it; null: everybody's."
    )


@strawberry.input
class UpdateSourceInput:
    """What changes; a field that is left out stays as it is."""

    id: strawberry.ID
    name: str | None = strawberry.UNSET
    ip: str | None = strawberry.UNSET
    hostname: str | None = strawberry.UNSET
    account_id: strawberry.ID | None = strawberry.UNSET


SourceResult = Annotated[Source | Problem, strawberry.union("SourceResult")]


def source(found: sources.SourceView) -> Source:
    """A source as clients see it."""
    return Source(
        id=strawberry.ID(str(found.id)),
        name=found.name,
        ip=found.ip,
        hostname=found.hostname,
        dedicated=found.dedicated,
        account_id=strawberry.ID(str(found.account_id)) if found.account_id else None,
        account_name=found.account_name,
    )


async def list_sources(info: Info) -> list[Source]:
    """Shared sources, and those dedicated to accounts that the asker sees."""
    async with info.context.read(Permission.ACCOUNTS) as conn:
        return [source(found) for found in await sources.list_sources(conn, info.context.scope)]


@refusable
async def create_source(info: Info, input: CreateSourceInput) -> SourceResult:
    """Add an address; the operator's people only."""
    async with info.context.change(Permission.ACCOUNTS) as unit:
        id = await sources.create_source(
            unit,
            info.context.scope,
            name=input.name,
            ip=input.ip,
            hostname=input.hostname,
            account_id=reference(input.account_id, "account", "accountId") if input.account_id else None,
        )
    return await _one(info, id)


@refusable
async def update_source(info: Info, input: UpdateSourceInput) -> SourceResult:
    """Change an address; the operator's people only."""
    info.context.allowed(Permission.ACCOUNTS)
    id = reference(input.id, "source", "id")
    changes = {
        name: value
        for name in ("name", "ip", "hostname")
        if (value := getattr(input, name)) not in (None, strawberry.UNSET)
    }
    if input.account_id is not strawberry.UNSET:
        changes["account_id"] = reference(input.account_id, "account", "accountId") if input.account_id else None
    async with info.context.change(Permission.ACCOUNTS) as unit:
        await sources.update_source(unit, info.context.scope, id, changes)
    return await _one(info, id)


async def _one(info: Info, id: UUID) -> Source:
    async with info.context.read() as conn:
        return source((await sources.view_sources(conn, info.context.scope, [id]))[id])
