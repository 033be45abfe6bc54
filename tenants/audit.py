"""Who changed what? `note` writes an entry in the transaction of the change itself; nothing else writes one."""

import json
from collections.abc import Mapping
from uuid import UUID

from kit.db import Connection
from kit.ids import new_id
from tenants.scope import Scope

type Changes = Mapping[str, tuple[object, object]]
"""Field to (before, after). Whoever calls leaves secrets out."""


async def note(
    conn: Connection,
    scope: Scope,
    action: str,
    *,
    account_id: UUID,
    target: UUID | str | None = None,
    changes: Changes | None = None,
) -> None:
    """Write down that `scope` did `action` ("credential.create") to something of `account_id`."""
    told = {name: [_told(before), _told(after)] for name, (before, after) in (changes or {}).items() if before != after}
    await conn.execute(
        """insert into audit_entry (id, account_id, member_id, credential_id, home_id, entered, ip, action, target, changes)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::text::jsonb)""",
        new_id(),
        account_id,
        scope.member_id,
        scope.credential_id,
        scope.home_id or scope.account_id,
        scope.home_id is not None,
        scope.ip,
        action,
        None if target is None else str(target),
        json.dumps(told),
    )


def _told(value: object) -> object:
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
