"""What has a partner brought? Sign-ups with its referral code, and the mail they have sent since, by month.

The accounts themselves may belong to others and stay unseen: only sums are told.
"""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from kit.db import Connection
from kit.errors import missing
from tenants.permissions import Permission
from tenants.scope import Scope


@dataclass(frozen=True, slots=True)
class PartnerMonth:
    """One month of one partner, in its time zone."""

    partner_id: UUID
    partner_name: str
    code: str | None
    """Its present referral code; None where it was taken back since."""
    month: date
    """The first of the month."""
    sign_ups: int
    """Accounts that were confirmed in this month."""
    sent: int
    """Recipients accepted in this month, of all accounts it ever brought and those below them."""


async def partner_report(conn: Connection, scope: Scope, account_id: UUID | None = None) -> list[PartnerMonth]:
    """The months in which something happened, newest first: of one partner, or of all that the scope sees.

    Raises LiveryError DENIED, MISSING for an account that is not seen.
    """
    scope.require(Permission.ACCOUNTS)
    partners = await conn.fetch(
        f"""select id, name, referral_code from account p
             where {scope.see("p.id")} and ($2::uuid is null or p.id = $2)
               and ($2::uuid is not null or p.referral_code is not null)""",
        scope.account_id,
        account_id,
    )
    if account_id is not None and not partners:
        refusal = missing("account")
        refusal.field = ("accountId",)
        raise refusal
    known = {row["id"]: row for row in partners}
    rows = await conn.fetch("select * from partner_months($1)", list(known))
    return [
        PartnerMonth(
            partner_id=row["partner_id"],
            partner_name=known[row["partner_id"]]["name"],
            code=known[row["partner_id"]]["referral_code"],
            month=row["month"],
            sign_ups=row["sign_ups"],
            sent=row["sent"],
        )
        for row in rows
    ]
