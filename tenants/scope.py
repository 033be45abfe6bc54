"""On whose behalf does something happen, and what may it see? The first argument of everything a door may call."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from kit.db import Connection
from kit.errors import Kind, LiveryError
from tenants.permissions import Permission


@dataclass(frozen=True)
class Scope:
    """Somebody who has proved who they are: a member, or a program with a credential, acting for `account_id`.

    It sees that account and everything below it. What it may not see is missing, never "denied".
    """

    account_id: UUID
    member_id: UUID | None = None
    credential_id: UUID | None = None
    sandbox: bool = False
    """Whether the credential's mail must never leave the house."""
    may: frozenset[Permission] = frozenset()
    """What it is allowed in what it sees."""
    home_id: UUID | None = None
    """The member's own account, where it has entered this one from above ("log in as"); else None."""
    ip: str | None = field(default=None, compare=False)
    """Where it speaks from, for the audit."""

    def require(self, permission: Permission, *field: str) -> None:
        """Raise LiveryError (DENIED), for what was asked for at `field`, unless this is allowed."""
        if permission not in self.may:
            raise LiveryError(
                Kind.DENIED,
                "FORBIDDEN",
                "Your role does not allow this.",
                next="Ask an owner of the account for a role, or for an API key, that does.",
                field=field or None,
            )

    def trade(self, *field: str) -> None:
        """Raise LiveryError (DENIED) unless this may give, open, take, buy and sell credits, as was asked for at `field`.

        With Permission.CREDITS a credential of the sandbox looks at them, no more: they pay for mail that leaves the house.
        """
        self.require(Permission.CREDITS, *field)
        if self.sandbox:
            raise sandboxed("changes no credits, plans and orders", *field)

    def see(self, column: str, *, deleted: bool = False) -> str:
        """The SQL condition that `column` (an account id) is visible; `$1` must be `scope.account_id`.

        Accounts that were deleted are not, but for sums without personal data, which ask for them with `deleted`.
        The only place where an account filter is written: grep for it to find every read.
        """
        living = "" if deleted else " and deleted_at is null"
        return f"{column} in (select id from seen_account where lineage @> array[$1::uuid]{living})"

    def first(self, rows: str, column: str, *, order: str, limit: int) -> str:
        """The SQL of the first `limit` of the visible rows; `$1` must be `scope.account_id`.

        `rows` selects them all, "select m.id from message m where {seen}", with the columns of `order`; `column` is whose
        a row is. Meant for tables that hold everybody's rows in one order: the operator, who sees nearly all of them, is
        led through that order, everybody else through each visible account's own part, for an account may have sent
        nothing for as long as the others sent millions. Which of the two it is is decided as it runs, so that one plan
        serves all.
        """
        everything = "(select kind = 'operator' from account where id = $1::uuid)"
        few = f"order by {order} limit {limit}"
        # "is true": looked up row by row, for as a join it would be planned for fewer accounts than there are.
        everybodys = f"{everything} and ({self.see(column)}) is true"
        return f"""(
            (select * from ({rows.format(seen=everybodys)}) as everybodys {few})
            union all
            (select own.* from (select id from seen_account
                                 where lineage @> array[$1::uuid] and deleted_at is null and not {everything}) as one
              cross join lateral (select * from ({rows.format(seen=f"{column} = one.id")}) as ones {few}) as own {few})
            {few})"""


def sandboxed(which: str, *field: str) -> LiveryError:
    """Something that a credential of the sandbox does not do: it "changes no credits"."""
    return LiveryError(
        Kind.DENIED,
        "FORBIDDEN",
        f"A key of the sandbox {which}.",
        next="Use a key that is not of the sandbox.",
        field=field or None,
    )


type Proof = Literal["member", "session", "key", "invitation", "reset", "sign_up", "host"]
"""What may be shown before it is known who asks: an address at login, the fingerprint of a session's or a link's token,
the keyed hash of an API key in hex, the host that was asked."""


async def owner_of(conn: Connection, proof: Proof, shown: str) -> UUID | None:
    """The account behind something shown, whoever may see it; None where there is none. For a host: whose brand it has.

    Together with the brands of hosts, all that row-level security lets anybody know before they are known
    (docs/decisions/0007): the id and no row. Who asks reads the row afterwards, in that account's scope.
    """
    found: UUID | None = await conn.fetchval("select account_of($1, $2)", proof, shown)
    return found


async def adopt(conn: Connection, proof: Proof, shown: str) -> UUID | None:
    """From here to the end of the transaction see what the account behind something shown sees; nothing where there is none."""
    found = await owner_of(conn, proof, shown)
    await conn.execute("select set_config('livery.account', $1, true)", str(found or ""))
    return found


async def subtrees(conn: Connection, accounts: Collection[UUID]) -> dict[UUID, frozenset[UUID]]:
    """For each of these accounts the ids of everything a scope of it sees: itself and what is below it."""
    rows = await conn.fetch(
        """select v.id, array_agg(b.id) as below from unnest($1::uuid[]) as v (id)
             join seen_account b on b.lineage @> array[v.id] and b.deleted_at is null group by v.id""",
        list(accounts),
    )
    return {row["id"]: frozenset(row["below"]) for row in rows}


async def visible_accounts(conn: Connection, scope: Scope) -> frozenset[UUID]:
    """The ids of every account the scope sees now, its own among them."""
    rows = await conn.fetch(f"select id from account where {scope.see('id')}", scope.account_id)
    return frozenset(row["id"] for row in rows)
