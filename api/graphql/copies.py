"""Who gets copies of an account's mail (BCC)? Rules: listed, asked for, asked for again, confirmed, deleted, waived."""

import contextlib
from collections.abc import AsyncIterator
from datetime import datetime
from enum import Enum
from typing import Annotated
from uuid import UUID

import strawberry

from api.context import Context
from api.graphql.pages import identity, reference
from api.graphql.problems import Problem, refusable
from kit.errors import Kind, LiveryError
from mail import copy_rules
from tenants import throttle
from tenants.permissions import Permission

Info = strawberry.Info[Context, None]


@strawberry.enum
class CopyRuleState(Enum):
    """Whether copies go."""

    ASKED = strawberry.enum_value("asked", description="Whoever reads the address has not agreed yet.")
    ACTIVE = strawberry.enum_value("active", description="They do.")
    STOPPED = strawberry.enum_value("stopped", description="A copy bounced or was complained about.")


@strawberry.type
class CopyRule:
    """
    An address that gets a copy of each message, or of those from one sender, with one tag, or both. A copy is a recipient
    of its own: counted in limits, paid for unless waived, marked by the field X-Copy-Of, and never tracked.
    """

    id: strawberry.ID
    account_id: strawberry.ID
    address: str
    sender: str | None = strawberry.field(description="Only of mail from this address; null: from any.")
    tag: str | None = strawberry.field(description="Only of mail with this tag; null: with any or none.")
    state: CopyRuleState
    free: bool = strawberry.field(description="Its copies cost nothing.")
    confirmed_at: datetime | None
    stopped_at: datetime | None
    stopped_for: str | None = strawberry.field(description="Why a copy bounced, or `complaint`.")
    created_at: datetime


@strawberry.input
class CreateCopyRuleInput:
    """A new rule, of one's own account or of one below: five at most."""

    address: str = strawberry.field(description="Gets a mail with a link first, and copies once the link was followed.")
    sender: str | None = None
    tag: str | None = None
    account_id: strawberry.ID | None = None


@strawberry.type
class DeletedCopyRule:
    """Gone."""

    id: strawberry.ID


@strawberry.type
class CopiesWaived:
    """What an account's copies cost from now on."""

    account_id: strawberry.ID
    free: bool


CopyRuleResult = Annotated[CopyRule | Problem, strawberry.union("CopyRuleResult")]
DeleteCopyRuleResult = Annotated[DeletedCopyRule | Problem, strawberry.union("DeleteCopyRuleResult")]
WaiveCopiesResult = Annotated[CopiesWaived | Problem, strawberry.union("WaiveCopiesResult")]


def copy_rule(found: copy_rules.RuleView) -> CopyRule:
    """A rule as clients see it."""
    return CopyRule(
        id=strawberry.ID(str(found.id)),
        account_id=strawberry.ID(str(found.account_id)),
        address=found.address,
        sender=found.sender,
        tag=found.tag,
        state=CopyRuleState(found.state.value),
        free=found.free,
        confirmed_at=found.confirmed_at,
        stopped_at=found.stopped_at,
        stopped_for=found.stopped_for,
        created_at=found.created_at,
    )


async def list_copy_rules(info: Info, account_id: strawberry.ID | None = None) -> list[CopyRule]:
    """The rules of one account, the oldest first."""
    account = reference(account_id, "account", "accountId") if account_id is not None else None
    async with info.context.read(Permission.READ) as conn:
        return [copy_rule(found) for found in await copy_rules.rules(conn, info.context.scope, account)]


@refusable
async def create_copy_rule(info: Info, input: CreateCopyRuleInput) -> CopyRuleResult:
    """Ask an address whether it wants copies."""
    context = info.context
    scope = context.allowed(Permission.ACCOUNTS)
    account = reference(input.account_id, "account", "accountId") if input.account_id is not None else None
    async with _mail_allowed(context, input.address), context.change(Permission.ACCOUNTS) as unit:
        made = await copy_rules.ask(
            unit,
            scope,
            context.platform.keyring,
            context.platform.notices,
            address=input.address,
            account_id=account,
            sender=input.sender or None,
            tag=input.tag or None,
        )
    return copy_rule(made)


@refusable
async def ask_for_copies_again(info: Info, id: strawberry.ID) -> CopyRuleResult:
    """Mail the link again."""
    context = info.context
    scope = context.allowed(Permission.ACCOUNTS)
    async with context.read(Permission.ACCOUNTS) as conn:
        address = await copy_rules.mailbox(conn, scope, identity(id))
    async with _mail_allowed(context, address), context.change(Permission.ACCOUNTS) as unit:
        asked = await copy_rules.ask_again(
            unit, scope, context.platform.keyring, context.platform.notices, identity(id)
        )
    return copy_rule(asked)


@refusable
async def delete_copy_rule(info: Info, id: strawberry.ID) -> DeleteCopyRuleResult:
    """Have no more copies made by a rule."""
    async with info.context.change(Permission.ACCOUNTS) as unit:
        gone = await copy_rules.delete(unit, info.context.scope, identity(id))
    return DeletedCopyRule(id=strawberry.ID(str(gone.id)))


@refusable
async def waive_copies(info: Info, account_id: strawberry.ID, free: bool) -> WaiveCopiesResult:
    """Let an account's copies cost nothing, or as much as all else; the operator's people only."""
    account: UUID = reference(account_id, "account", "accountId")
    async with info.context.change(Permission.ACCOUNTS) as unit:
        waived = await copy_rules.waive(unit, info.context.scope, account, free)
    return CopiesWaived(account_id=strawberry.ID(str(waived)), free=free)


@contextlib.asynccontextmanager
async def _mail_allowed(context: Context, address: str) -> AsyncIterator[None]:
    """Around whatever mails a link. What is refused inside mails nothing and does not count. Raises LiveryError EXHAUSTED."""
    db = context.platform.db
    limits = copy_rules.limits(context.scope.home_id or context.scope.account_id, address)
    if not await throttle.take(db, limits):
        raise LiveryError(Kind.EXHAUSTED, "THROTTLED", "Too many such mails were sent.", next="Try again tomorrow.")
    try:
        yield
    except LiveryError:
        await throttle.give_back(db, limits)
        raise
