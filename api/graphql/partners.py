"""What have partners brought? Sign-ups by referral code, and the mail they have sent since, by month."""

from datetime import date

import strawberry

from api.context import Context
from api.graphql.pages import reference
from api.graphql.scalars import BigInt
from tenants import partners
from tenants.permissions import Permission

Info = strawberry.Info[Context, None]


@strawberry.type
class PartnerMonth:
    """One month of one partner; only sums are told of accounts that belong to others."""

    account_id: strawberry.ID = strawberry.field(description="The partner's.")
    account_name: str
    code: str | None = strawberry.field(description="Its referral code now.")
    month: date = strawberry.field(description="The first of the month, in the partner's time zone.")
    sign_ups: int = strawberry.field(description="Accounts confirmed in this month that came by its code.")
    sent: BigInt = strawberry.field(
        description="Recipients accepted in this month, of all accounts that it ever brought and those below them."
    )


async def partner_report(info: Info, account_id: strawberry.ID | None = None) -> list[PartnerMonth]:
    """The months in which something happened."""
    info.context.allowed(Permission.ACCOUNTS)
    partner = reference(account_id, "account", "accountId") if account_id is not None else None
    async with info.context.read(Permission.ACCOUNTS) as conn:
        found = await partners.partner_report(conn, info.context.scope, partner)
    return [
        PartnerMonth(
            account_id=strawberry.ID(str(row.partner_id)),
            account_name=row.partner_name,
            code=row.code,
            month=row.month,
            sign_ups=row.sign_ups,
            sent=BigInt(row.sent),
        )
        for row in found
    ]
