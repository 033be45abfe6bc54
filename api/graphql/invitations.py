"""How is a person asked in? By mail: invitations are sent, sent again, taken back, and accepted by whoever has the link."""

import contextlib
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated

import strawberry

from api.context import Context
from api.graphql.members import account_named
from api.graphql.pages import identity
from api.graphql.problems import Problem, refusable
from api.graphql.roles import Role
from api.graphql.session import SignedIn, sign_in
from kit.errors import Kind, LiveryError
from tenants import invitations, throttle
from tenants.permissions import Permission, role_named

Info = strawberry.Info[Context, None]


@strawberry.type
class Invitation:
    """A link that was mailed and neither used nor taken back."""

    id: strawberry.ID
    email: str
    role: Role
    created_at: datetime
    expires_at: datetime
    expired: bool = strawberry.field(description="The link opens nothing any more; it can be sent again.")


@strawberry.type
class InvitationOffer:
    """What a link offers: shown to whoever opens it, before a password is chosen."""

    account_name: str
    email: str = strawberry.field(description="What the new member will sign in with.")
    expires_at: datetime


InvitationResult = Annotated[Invitation | Problem, strawberry.union("InvitationResult")]
AcceptInvitationResult = Annotated[SignedIn | Problem, strawberry.union("AcceptInvitationResult")]


async def list_invitations(info: Info, account_id: strawberry.ID | None = None) -> list[Invitation]:
    """The newest hundred open invitations of one account."""
    async with info.context.read(Permission.MEMBERS) as conn:
        found = await invitations.list_invitations(conn, info.context.scope, account_named(account_id))
    return [invitation(row) for row in found]


@refusable
async def invite_member(
    info: Info, email: str, role: Role, account_id: strawberry.ID | None = None
) -> InvitationResult:
    """Mail a link by which a person becomes a member."""
    context = info.context
    context.scope.require(Permission.MEMBERS)
    async with mail_allowed(context, email), context.change(Permission.MEMBERS) as unit:
        made = await context.platform.notices.invite(
            unit, context.scope, account_named(account_id), email, role_named(str(role.value))
        )
    return invitation(made)


@refusable
async def resend_invitation(info: Info, id: strawberry.ID) -> InvitationResult:
    """Mail a fresh link for another seven days; the one before opens nothing any more."""
    context = info.context
    async with context.read(Permission.MEMBERS) as conn:
        email = await invitations.mailbox(conn, context.scope, identity(id))
    async with mail_allowed(context, email), context.change(Permission.MEMBERS) as unit:
        made = await context.platform.notices.resend(unit, context.scope, identity(id))
    return invitation(made)


@refusable
async def revoke_invitation(info: Info, id: strawberry.ID) -> InvitationResult:
    """Take an invitation back."""
    async with info.context.change(Permission.MEMBERS) as unit:
        revoked = await invitations.revoke(unit, info.context.scope, identity(id))
    return invitation(revoked)


async def find_offer(info: Info, token: str) -> InvitationOffer | None:
    """What the link with this token offers; null for one that is no good any more, or never was."""
    context = info.context
    found = await invitations.offer(context.platform.db, token[:200], brand_id=context.host_brand)
    if found is None:
        return None
    return InvitationOffer(account_name=found.account_name, email=found.email, expires_at=found.expires_at)


@refusable
async def accept_invitation(info: Info, token: str, name: str, password: str) -> AcceptInvitationResult:
    """Become a member, and be signed in on this host."""
    context = info.context
    person = await invitations.accept(
        context.platform.db,
        token[:200],
        name=name,
        password=password,
        ip=context.asker.ip,
        brand_id=context.host_brand,
    )
    return await sign_in(context, person)


def invitation(found: invitations.InvitationView) -> Invitation:
    """An invitation as clients see it."""
    return Invitation(
        id=strawberry.ID(str(found.id)),
        email=found.email,
        role=Role(found.role.value),
        created_at=found.created_at,
        expires_at=found.expires_at,
        expired=found.expired,
    )


@contextlib.asynccontextmanager
async def mail_allowed(context: Context, email: str) -> AsyncIterator[None]:
    """Around whatever mails an invitation: they are free, so nobody may pour them over a mailbox, or over many.

    What is refused inside mails nothing and does not count. Raises LiveryError EXHAUSTED.
    """
    db = context.platform.db
    limits = throttle.invitation_limits(context.scope.home_id or context.scope.account_id, email)
    if not await throttle.take(db, limits):
        raise LiveryError(Kind.EXHAUSTED, "THROTTLED", "Too many invitations were sent.", next="Try again tomorrow.")
    try:
        yield
    except LiveryError:
        await throttle.give_back(db, limits)
        raise
