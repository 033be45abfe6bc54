"""Who changed what, when and from where? The audit list of everything the asker sees."""

import json
from datetime import datetime

import strawberry

from api.context import Context
from api.graphql.members import account_named
from api.graphql.pages import PageInfo, cursor, page, page_size
from tenants import audit
from tenants.permissions import Permission

Info = strawberry.Info[Context, None]


@strawberry.type
class AuditActor:
    """The person who did it."""

    id: strawberry.ID
    name: str | None = strawberry.field(description="Null once the person was removed.")
    email: str | None


@strawberry.type
class AuditChange:
    """One field and its values, text as it is, anything else as JSON; null where there was or is none. Secrets are never in it."""

    field: str
    before: str | None
    after: str | None


@strawberry.type
class AuditEntry:
    """One change."""

    id: strawberry.ID
    at: datetime
    action: str = strawberry.field(description="What was done: account.suspend, member.change, credential.create, …")
    account_id: strawberry.ID = strawberry.field(description="Whose thing was changed.")
    account_name: str
    target: str | None = strawberry.field(description="The id of what was changed.")
    member: AuditActor | None = strawberry.field(description="Null for programs, and for the provider's people.")
    credential_name: str | None = strawberry.field(description="The key of the program that did it.")
    by_provider: bool = strawberry.field(description="Done from an account above; by whom and from where stays there.")
    entered: bool = strawberry.field(description="Done by somebody from above who had entered the account.")
    ip: str | None
    changes: list[AuditChange]


@strawberry.type
class AuditEntryConnection:
    """A page of audit entries."""

    nodes: list[AuditEntry]
    page_info: PageInfo


async def list_entries(
    info: Info,
    first: int = 50,
    after: str | None = None,
    account_id: strawberry.ID | None = None,
    action: str | None = None,
) -> AuditEntryConnection:
    """Audit entries, newest first."""
    size, last = page_size(first), cursor(after)
    async with info.context.read(Permission.AUDIT) as conn:
        found = await audit.entries(
            conn,
            info.context.scope,
            first=size + 1,
            after=last,
            account_id=account_named(account_id),
            action=action,
        )
    rows, page_info = page(found, size)
    return AuditEntryConnection(nodes=[_entry(row) for row in rows], page_info=page_info)


def _entry(found: audit.Entry) -> AuditEntry:
    return AuditEntry(
        id=strawberry.ID(str(found.id)),
        at=found.at,
        action=found.action,
        account_id=strawberry.ID(str(found.account_id)),
        account_name=found.account_name,
        target=found.target,
        member=AuditActor(id=strawberry.ID(str(found.member_id)), name=found.member_name, email=found.member_email)
        if found.member_id
        else None,
        credential_name=found.credential_name,
        by_provider=found.by_provider,
        entered=found.entered,
        ip=found.ip,
        changes=[
            AuditChange(field=name, before=_value(before), after=_value(after))
            for name, (before, after) in found.changes.items()
        ],
    )


def _value(value: object) -> str | None:
    return None if value is None else value if isinstance(value, str) else json.dumps(value)
