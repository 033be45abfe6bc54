"""Which accounts are below mine, and how are they made, changed, moved, stopped and deleted?"""

import contextlib
from datetime import datetime
from enum import Enum
from typing import Annotated, Any
from uuid import UUID

import strawberry

from api.context import Context
from api.graphql.accounts import Account, WhenSpent, account
from api.graphql.invitations import mail_allowed
from api.graphql.pages import PageInfo, cursor, identity, page, page_size, reference
from api.graphql.problems import Problem, refusable
from api.graphql.roles import Role
from api.graphql.scalars import BigInt
from mail.accounts import creation, deletion, suspension
from tenants import sub_accounts, views
from tenants.permissions import Permission

Info = strawberry.Info[Context, None]


@strawberry.type
class AccountConnection:
    """A page of accounts."""

    nodes: list[Account]
    page_info: PageInfo


@strawberry.enum
class CreditsOfDeleted(Enum):
    """What becomes of the credits that a deleted account has left."""

    RETURN = strawberry.enum_value(
        "return",
        description="They go back to whoever handed them down, with their expiry; those that the platform made are gone.",
    )
    VOID = strawberry.enum_value("void", description="They are gone.")


@strawberry.input
class FirstMemberInput:
    """Who is invited into a new account, by a mail with a link."""

    email: str
    role: Role = Role.OWNER


@strawberry.input
class CreateSubAccountInput:
    """A new account, in one call. Everything but its name has a default."""

    name: str = strawberry.field(description="What people call it.")
    slug: str | None = strawberry.field(
        default=None,
        description="Short name in lower-case letters, digits, dots and dashes; made from the name unless given.",
    )
    parent_id: strawberry.ID | None = strawberry.field(
        default=None, description="The account above it, one's own unless given; it must be allowed to resell."
    )
    time_zone: str | None = strawberry.field(default=None, description="IANA name; UTC unless given.")
    may_resell: bool = strawberry.field(default=False, description="It may have sub-accounts itself.")
    shares_pool: bool = strawberry.field(
        default=False, description="A coworker: it spends the credits of the account above and has none of its own."
    )
    plan_id: strawberry.ID | None = strawberry.field(
        default=None,
        description="A plan that the account above it sells, ordered and fulfilled at once; not for a coworker.",
    )
    credits: BigInt | None = strawberry.field(default=None, description="Handed down from one's own account.")
    credits_expire_at: datetime | None = strawberry.field(
        default=None, description="Never later than those they come from."
    )
    monthly_limit: BigInt | None = strawberry.field(default=None, description="Credits it may spend in a month.")
    when_spent: WhenSpent = WhenSpent.REJECT
    source_id: strawberry.ID | None = strawberry.field(
        default=None, description="Where its mail leaves from (`sources`); null: as the parent's."
    )
    domain: str | None = strawberry.field(
        default=None, description="The domain it sends as, to be verified later; mail may be sent before."
    )
    privacy_url: str | None = strawberry.field(default=None, description="The page with its privacy policy.")
    brand_name: str | None = None
    brand_color: str | None = strawberry.field(default=None, description="#rrggbb")
    first_member: FirstMemberInput | None = None


@strawberry.input
class UpdateAccountInput:
    """What changes; a field that is left out stays as it is, null takes the setting back.

    For one's own account, short name, limit, source, pool and `mayResell` are decided from above.
    """

    id: strawberry.ID
    name: str | None = strawberry.UNSET
    slug: str | None = strawberry.UNSET
    time_zone: str | None = strawberry.UNSET
    may_resell: bool | None = strawberry.UNSET
    shares_pool: bool | None = strawberry.UNSET
    monthly_limit: BigInt | None = strawberry.UNSET
    when_spent: WhenSpent | None = strawberry.UNSET
    alert_below: BigInt | None = strawberry.UNSET
    source_id: strawberry.ID | None = strawberry.UNSET
    privacy_url: str | None = strawberry.UNSET
    brand_name: str | None = strawberry.UNSET
    brand_color: str | None = strawberry.UNSET
    sign_up_open: bool | None = strawberry.UNSET
    sign_up_plan_id: strawberry.ID | None = strawberry.UNSET
    referral_code: str | None = strawberry.UNSET


@strawberry.type
class DeletedAccount:
    """Gone for ever. What is left of it in the store is purged within minutes."""

    id: strawberry.ID


AccountResult = Annotated[Account | Problem, strawberry.union("AccountResult")]
DeleteAccountResult = Annotated[DeletedAccount | Problem, strawberry.union("DeleteAccountResult")]

_NEVER_NULL = {"name", "slug", "time_zone", "may_resell", "shares_pool", "when_spent", "sign_up_open"}


async def list_accounts(
    info: Info,
    first: int = 50,
    after: str | None = None,
    search: str = "",
    below: strawberry.ID | None = None,
    deep: bool = False,
) -> AccountConnection:
    """Accounts below one, newest first."""
    info.context.allowed(Permission.READ)
    size, last = page_size(first), cursor(after)
    top = reference(below, "account", "below") if below is not None else None
    async with info.context.read(Permission.READ) as conn:
        found = await views.list_accounts(
            conn, info.context.scope, below=top, deep=deep, search=search[:200], first=size + 1, after=last
        )
    rows, page_info = page(found, size)
    return AccountConnection(nodes=[account(row) for row in rows], page_info=page_info)


async def find_account(info: Info, id: strawberry.ID) -> Account | None:
    """One account; null where there is none or it is not the asker's."""
    scope, row_id = info.context.allowed(Permission.READ), identity(id)
    if row_id is None:
        return None
    async with info.context.read(Permission.READ) as conn:
        found = (await views.view_accounts(conn, scope, [row_id])).get(row_id)
    return account(found) if found else None


@refusable
async def create_sub_account(info: Info, input: CreateSubAccountInput) -> AccountResult:
    """Make an account with all that belongs to it, or nothing."""
    context = info.context
    scope = context.allowed(Permission.ACCOUNTS)
    wanted = creation.NewAccount(
        details={
            name: value
            for name in ("name", "slug", "time_zone", "monthly_limit", "privacy_url", "brand_name", "brand_color")
            if (value := getattr(input, name)) is not None
        }
        | {"when_spent": input.when_spent.value},
        parent_id=_optional(input.parent_id, "account", "parentId"),
        may_resell=input.may_resell,
        shares_pool=input.shares_pool,
        source_id=_optional(input.source_id, "source", "sourceId"),
        plan_id=_optional(input.plan_id, "plan", "planId"),
        credits=input.credits,
        credits_expire_at=input.credits_expire_at,
        domain=input.domain,
    )
    key = await creation.signing_key(wanted)
    invited = input.first_member
    mailed = mail_allowed(context, invited.email) if invited is not None else contextlib.nullcontext()
    async with mailed, context.change(Permission.ACCOUNTS) as unit:
        id = await creation.create(unit, scope, context.platform.keyring, wanted, key)
        if invited is not None:
            await creation.invite(context.platform.notices, unit, scope, id, invited.email, str(invited.role.value))
    return await _one(info, id)


@refusable
async def update_account(info: Info, input: UpdateAccountInput) -> AccountResult:
    """Change what is given."""
    info.context.allowed(Permission.ACCOUNTS)
    id = reference(input.id, "account", "id")
    changes: dict[str, Any] = {}
    for name in vars(input).keys() - {"id"}:
        value = getattr(input, name)
        if value is strawberry.UNSET or (value is None and name in _NEVER_NULL):
            continue
        changes[name] = value.value if isinstance(value, WhenSpent) else value
    if changes.get("source_id"):
        changes["source_id"] = reference(changes["source_id"], "source", "sourceId")
    if changes.get("sign_up_plan_id"):
        changes["sign_up_plan_id"] = reference(changes["sign_up_plan_id"], "plan", "signUpPlanId")
    async with info.context.change(Permission.ACCOUNTS) as unit:
        await sub_accounts.update(unit, info.context.scope, id, changes)
    return await _one(info, id)


@refusable
async def move_account(info: Info, id: strawberry.ID, below: strawberry.ID) -> AccountResult:
    """Put an account, with everything below it, under another one."""
    info.context.allowed(Permission.ACCOUNTS)
    row_id, parent_id = reference(id, "account", "id"), reference(below, "account", "below")
    async with info.context.change(Permission.ACCOUNTS) as unit:
        await sub_accounts.move(unit, info.context.scope, row_id, parent_id)
    return await _one(info, row_id)


@refusable
async def suspend_account(info: Info, id: strawberry.ID, reason: str) -> AccountResult:
    """Stop an account and those below it."""
    info.context.allowed(Permission.ACCOUNTS)
    row_id = reference(id, "account", "id")
    async with info.context.change(Permission.ACCOUNTS) as unit:
        await suspension.suspend(unit, info.context.scope, row_id, reason)
    return await _one(info, row_id)


@refusable
async def resume_account(info: Info, id: strawberry.ID) -> AccountResult:
    """Set a suspended account going again."""
    info.context.allowed(Permission.ACCOUNTS)
    row_id = reference(id, "account", "id")
    async with info.context.change(Permission.ACCOUNTS) as unit:
        await suspension.resume(unit, info.context.scope, row_id)
    return await _one(info, row_id)


@refusable
async def delete_account(
    info: Info, id: strawberry.ID, name: str, credits: CreditsOfDeleted = CreditsOfDeleted.RETURN
) -> DeleteAccountResult:
    """Delete an account for ever."""
    info.context.allowed(Permission.ACCOUNTS)
    row_id = reference(id, "account", "id")
    async with info.context.change(Permission.ACCOUNTS) as unit:
        await deletion.delete(
            unit, info.context.scope, row_id, typed=name, give_back=credits is CreditsOfDeleted.RETURN
        )
    return DeletedAccount(id=strawberry.ID(str(row_id)))


async def _one(info: Info, id: UUID) -> Account:
    async with info.context.read() as conn:
        return account(await views.view_account(conn, info.context.scope, id))


def _optional(value: str | None, thing: str, field: str) -> UUID | None:
    return reference(value, thing, field) if value is not None else None
