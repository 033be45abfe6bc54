"""Who works in an account? Its members: listed, given another role, removed."""

from typing import Annotated
from uuid import UUID

import strawberry

from api.context import Context
from api.graphql.me import Member, member
from api.graphql.pages import PageInfo, cursor, identity, page, page_size
from api.graphql.problems import Problem, refusable
from api.graphql.roles import Role
from kit.errors import missing
from tenants import members
from tenants.permissions import Permission, role_named

Info = strawberry.Info[Context, None]


@strawberry.type
class MemberChanged:
    """A member with another role, or one who is none any more."""

    member: Member
    credentials_in_force: int = strawberry.field(
        description="SMTP users and API keys that the person made and that still let programs in: they are the account's "
        "and go on. `credentials(createdBy:)` lists them."
    )


MemberResult = Annotated[MemberChanged | Problem, strawberry.union("MemberResult")]


@strawberry.type
class MemberConnection:
    """A page of members."""

    nodes: list[Member]
    page_info: PageInfo


async def list_members(
    info: Info, account_id: strawberry.ID | None = None, first: int = 50, after: str | None = None
) -> MemberConnection:
    """The members of one account, the newest first."""
    size, last = page_size(first), cursor(after)
    async with info.context.read(Permission.MEMBERS) as conn:
        found = await members.list_members(
            conn, info.context.scope, account_id=account_named(account_id), first=size + 1, after=last
        )
    rows, page_info = page(found, size)
    return MemberConnection(nodes=[member(row) for row in rows], page_info=page_info)


@refusable
async def change_role(info: Info, id: strawberry.ID, role: Role) -> MemberResult:
    """Give a member another role."""
    async with info.context.change(Permission.MEMBERS) as unit:
        return _changed(
            await members.change_role(unit.conn, info.context.scope, identity(id), role_named(str(role.value)))
        )


@refusable
async def remove_member(info: Info, id: strawberry.ID) -> MemberResult:
    """Let a member in no more."""
    async with info.context.change(Permission.MEMBERS) as unit:
        return _changed(await members.remove_member(unit.conn, info.context.scope, identity(id)))


def _changed(found: members.Changed) -> MemberChanged:
    return MemberChanged(member=member(found.member), credentials_in_force=found.credentials)


def account_named(id: strawberry.ID | None) -> UUID | None:
    """The account that an optional argument names; None for one's own. Raises LiveryError MISSING for what is no id."""
    if id is None:
        return None
    found = identity(id)
    if found is None:
        raise missing("account")
    return found
