"""What has an account chosen to have done to its mail? For all of it, and for what comes by one credential.

An account's own choice holds for everything that says nothing else; a credential's goes before it, and what a message says
of itself (its X-Lv-… fields) before both. None is "as the account", and at the account "as usual": see `mail.treatments`,
which reads on the way out what is written here. It holds within half a minute.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any
from uuid import UUID

from kit.db import Connection, UnitOfWork
from kit.errors import invalid, missing
from kit.ids import new_id
from mail.visits import LONGEST
from tenants import audit
from tenants.members import find_account
from tenants.permissions import Permission
from tenants.scope import Scope

NONE = UUID(int=0)
"""As template or footer: none, whatever the account has."""


@dataclass(frozen=True)
class Choice:
    """What is chosen; None: as the account says, or as usual."""

    template_id: UUID | None = None
    footer_id: UUID | None = None
    track_opens: bool | None = None
    track_clicks: bool | None = None
    track_text: bool | None = None
    """Links of plain text too."""
    list_unsubscribe: bool | None = None
    """The header without a tag in the text too."""
    unsubscribe_tag_id: UUID | None = None
    """The words and language of links that name no tag."""
    forward_returns: bool | None = None
    """Bounces go on to the sender, after they are judged."""
    whole_ip: bool | None = None
    """Visits keep the whole address, not its network alone. Of an account only."""
    visit_days: int | None = None
    """Days that visits are kept, 1 to visits.LONGEST.days. Of an account only."""


NAMES = tuple(field.name for field in fields(Choice))
CAMEL = {
    "template_id": "templateId",
    "footer_id": "footerId",
    "unsubscribe_tag_id": "unsubscribeTagId",
    "forward_returns": "forwardReturns",
    "whole_ip": "wholeIp",
    "visit_days": "visitDays",
}
_OF_ACCOUNTS = ("whole_ip", "visit_days")
_THINGS = {
    "template_id": ("template", "select true from template where id = $1 and account_id = $2 and kind = 'template'"),
    "footer_id": ("footer", "select true from template where id = $1 and account_id = $2 and kind = 'footer'"),
    "unsubscribe_tag_id": ("tag", "select true from unsubscribe_tag where id = $1 and account_id = $2"),
}


@dataclass(frozen=True)
class ChoiceView:
    """A choice, and whose it is."""

    account_id: UUID
    credential_id: UUID | None
    choice: Choice
    free_copies: bool
    """Of an account's own: its copies cost nothing, as the operator has decided."""


async def choice(
    conn: Connection, scope: Scope, *, account_id: UUID | None = None, credential_id: UUID | None = None
) -> ChoiceView:
    """What an account, the scope's own unless named, or one of its credentials has chosen. Raises LiveryError DENIED, MISSING."""
    scope.require(Permission.READ)
    account = await _whose(conn, scope, account_id, credential_id)
    return await _read(conn, account, credential_id)


async def choose(
    unit: UnitOfWork,
    scope: Scope,
    changes: Mapping[str, Any],
    *,
    account_id: UUID | None = None,
    credential_id: UUID | None = None,
) -> ChoiceView:
    """Change some of it; `changes` has names of Choice. Raises LiveryError DENIED, MISSING, INVALID with the field at fault."""
    scope.require(Permission.ACCOUNTS)
    conn = unit.conn
    account = await _whose(conn, scope, account_id, credential_id)
    await conn.execute("select from account where id = $1 for no key update", account)
    before = await _read(conn, account, credential_id)
    after = Choice(**{**vars(before.choice), **changes})
    for name in _OF_ACCOUNTS if credential_id is not None else ():
        if getattr(after, name) is not None:
            raise invalid("This is chosen for an account as a whole.", CAMEL[name], next="Leave the credential out.")
    if after.visit_days is not None and not 1 <= after.visit_days <= LONGEST.days:
        raise invalid(f"Between 1 and {LONGEST.days} days.", CAMEL["visit_days"])
    for name, (thing, found) in _THINGS.items():
        id = getattr(after, name)
        if id is None or id == getattr(before.choice, name):
            continue
        if id == NONE and name != "unsubscribe_tag_id":
            continue
        if not await conn.fetchval(found, id, account):
            refusal = missing(thing)
            refusal.field = (CAMEL[name],)
            raise refusal
    columns = ", ".join(NAMES)
    await conn.execute(
        f"""insert into treatment (id, account_id, credential_id, {columns})
            values ($1, $2, $3, {", ".join(f"${n + 4}" for n in range(len(NAMES)))})
            on conflict (account_id, credential_id) do update set
              {", ".join(f"{name} = excluded.{name}" for name in NAMES)}, updated_at = livery_now()""",
        new_id(),
        account,
        credential_id,
        *(getattr(after, name) for name in NAMES),
    )
    told = {name: (getattr(before.choice, name), getattr(after, name)) for name in NAMES}
    await audit.note(conn, scope, "treatment.update", account_id=account, target=credential_id or account, changes=told)
    return await _read(conn, account, credential_id)


async def _whose(conn: Connection, scope: Scope, account_id: UUID | None, credential_id: UUID | None) -> UUID:
    """The account. A credential says by itself whose it is. Raises LiveryError MISSING."""
    if credential_id is None:
        return await find_account(conn, scope, account_id)
    found: UUID | None = await conn.fetchval(
        f"""select account_id from credential
             where id = $2 and revoked_at is null and ($3::uuid is null or account_id = $3) and {scope.see("account_id")}""",
        scope.account_id,
        credential_id,
        account_id,
    )
    if found is None:
        raise missing("credential")
    return found


async def _read(conn: Connection, account_id: UUID, credential_id: UUID | None) -> ChoiceView:
    row = await conn.fetchrow(
        f"""select {", ".join(NAMES)}, free_copies from treatment
             where account_id = $1 and credential_id is not distinct from $2""",
        account_id,
        credential_id,
    )
    if row is None:
        return ChoiceView(account_id, credential_id, Choice(), False)
    return ChoiceView(account_id, credential_id, Choice(**{name: row[name] for name in NAMES}), row["free_copies"])
