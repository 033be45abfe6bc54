"""Which brand does a host name show? That of the account the host belongs to, or of the nearest one above that has a name."""

from dataclasses import dataclass
from uuid import UUID

from kit.db import Connection
from kit.errors import missing


@dataclass(frozen=True)
class Brand:
    """What people see on one host."""

    account_id: UUID
    name: str
    color: str | None
    """#rrggbb, or None for the neutral default."""
    sign_up: bool
    """Strangers may sign up here."""


async def brands_by_host(conn: Connection) -> dict[str, Brand]:
    """Every verified host with its brand; small enough to be held in memory by the API."""
    rows = await conn.fetch("select * from host_brands()")
    return {row["host"]: Brand(row["account_id"], row["name"], row["color"], row["sign_up"]) for row in rows}


async def of_one_line(conn: Connection, one: UUID, other: UUID) -> bool:
    """Whether one of two accounts is above the other, or they are the same: only then may their people meet on one host."""
    found: bool = await conn.fetchval("select of_one_line($1, $2)", one, other)
    return found


async def welcome(conn: Connection, brand_id: UUID | None, account_id: UUID) -> bool:
    """Whether people of the account exist on a host of this brand (None: on the platform's own everybody does).

    Asked wherever somebody is let in, or told anything, who is not known yet: login, invitation, reset, sign-up. On a
    stranger's host the answer is that for an unknown name or token.
    """
    return brand_id is None or await of_one_line(conn, brand_id, account_id)


@dataclass(frozen=True)
class Letterhead:
    """In whose name an account's people are written to."""

    account_id: UUID
    """Who owns the brand: the nearest account at or above that has one, else the top of the tree."""
    brand: str | None
    """None for the operator's: nobody but its own people knows that name."""
    host: str | None
    """The stored host nearest above, where its people sign in; None: the platform's own."""


async def letterhead(conn: Connection, account_id: UUID) -> Letterhead:
    """The letterhead for mail to the people of an account that the connection sees; what is above it is looked up for it."""
    row = await conn.fetchrow("select owner_id, brand, host from letterhead($1)", account_id)
    if row is None:
        raise missing("account")
    return Letterhead(row["owner_id"], row["brand"], row["host"])
