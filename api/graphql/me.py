"""Who am I, for which account do I act, and what may I do there?"""

from datetime import datetime

import strawberry

from api.context import Context
from api.graphql.accounts import Account, account
from api.graphql.roles import Permission, Role
from tenants import members, tree
from tenants.permissions import Permission as Allowed
from tenants.scope import Scope

Info = strawberry.Info[Context, None]


@strawberry.type
class Member:
    """A person with a password."""

    id: strawberry.ID
    email: str
    name: str
    role: Role
    second_factor: bool = strawberry.field(description="Whether a code is asked for at login.")
    last_seen_at: datetime | None
    created_at: datetime


@strawberry.type
class Me:
    """Who is asking."""

    member: Member | None = strawberry.field(description="Null where a program asks with an API key.")
    account: Account = strawberry.field(
        description="The account that is acted for: one's own, or one below it that was entered."
    )
    permissions: list[Permission] = strawberry.field(
        description="What is allowed in `account` and everything below it: anything else is answered with FORBIDDEN."
    )
    home: Account | None = strawberry.field(
        description="One's own account while another one is entered (`enterAccount`); otherwise null."
    )


def member(found: members.MemberView) -> Member:
    """A member as clients see it."""
    return Member(
        id=strawberry.ID(str(found.id)),
        email=found.email,
        name=found.name,
        role=Role(found.role.value),
        second_factor=found.second_factor,
        last_seen_at=found.last_seen_at,
        created_at=found.created_at,
    )


async def me_of(context: Context, scope: Scope) -> Me:
    """Member, account and permissions behind `scope`."""
    home = None
    async with context.platform.db.transaction(sees=scope.home_id or scope.account_id) as conn:
        acted_for = await tree.view_account(conn, scope)
        person = await members.view_member(conn, scope)
        if scope.home_id is not None:
            home = await tree.view_account(conn, Scope(scope.home_id))
    return Me(
        member=member(person) if person else None,
        account=account(acted_for),
        permissions=[Permission(permission.value) for permission in Allowed if permission in scope.may],
        home=account(home) if home else None,
    )


async def who(info: Info) -> Me | None:
    """The asker; null for a stranger."""
    asker = info.context.asker
    return await me_of(info.context, asker.scope) if asker.scope else None
