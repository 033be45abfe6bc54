"""Who made a credential, and what is left of those that somebody made?

Credentials belong to their account. They go on when whoever made them is given another role or removed: programs must not
stop because a person leaves. So whoever changes or removes a person is told how many are left, and can list them.

As in the audit list, people of an account above have no name: what they made was made by the provider.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from kit.db import Connection
from tenants.authentication import IN_FORCE
from tenants.scope import Scope


@dataclass(frozen=True, slots=True)
class Maker:
    """The person who made a credential."""

    member_id: UUID | None
    """None for the provider's people."""
    name: str | None
    email: str | None
    removed: bool
    """No member any more."""

    @property
    def by_provider(self) -> bool:
        """Whether it was somebody of an account above."""
        return self.member_id is None


def _made_from(scope: Scope) -> str:
    """The SQL condition that credential `c` was made by somebody of an account that the scope sees.

    Its entry in the audit list says so: made with the credential, hence one of the first after it by id.
    """
    return f"""exists (select from audit_entry e where e.account_id = c.account_id and e.id > c.id
                          and e.action = 'credential.create' and e.target = c.id::text and {scope.see("e.home_id")})"""


def made_by(scope: Scope, parameter: str) -> str:
    """The SQL condition that the member with this id made credential `c`; nothing is found of the provider's people."""
    return f"(c.created_by = {parameter} and {_made_from(scope)})"


async def makers(conn: Connection, scope: Scope, credentials: Sequence[UUID]) -> dict[UUID, Maker]:
    """Who made these credentials, of those that the scope sees; none for one that a program or the operator's console made."""
    rows = await conn.fetch(
        f"""select c.id, c.created_by, m.id is null as removed, m.name, coalesce(m.email, gone.email) as email,
                   m.id is not null or {_made_from(scope)} as ours
              from credential c
              left join member m on m.id = c.created_by and {scope.see("m.account_id")}
              left join lateral (
                select e.changes -> 'email' ->> 0 as email from audit_entry e
                 where m.id is null and e.action = 'member.remove' and e.target = c.created_by::text and e.id > c.id
                   and {scope.see("e.account_id")} limit 1
              ) gone on true
             where c.created_by is not null and c.id = any ($2::uuid[]) and {scope.see("c.account_id")}""",
        scope.account_id,
        list(credentials),
    )
    return {
        row["id"]: Maker(row["created_by"], row["name"], row["email"], row["removed"])
        if row["ours"]
        else Maker(None, None, None, removed=False)
        for row in rows
    }


async def left_in_force(conn: Connection, scope: Scope, member_id: UUID) -> int:
    """How many credentials that a member has made still let programs in, of those that the scope sees."""
    found: int = await conn.fetchval(
        f"select count(*) from credential c where c.created_by = $2 and {IN_FORCE} and {scope.see('c.account_id')}",
        scope.account_id,
        member_id,
    )
    return found
