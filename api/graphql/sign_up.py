"""How does a stranger come to an account? By asking on a brand's host, and by the link that comes by mail."""

from typing import Annotated

import strawberry

from api.context import Context
from api.graphql.problems import Problem, refusable
from api.graphql.session import SignedIn, sign_in
from mail.accounts import sign_up as commands
from tenants import emails
from tenants import sign_up as tenants_sign_up

Info = strawberry.Info[Context, None]


@strawberry.input
class SignUpInput:
    """What a stranger says."""

    email: str
    password: str = strawberry.field(description="Ten characters or more.")
    name: str = strawberry.field(description="The person's.")
    company: str = strawberry.field(description="What the account will be called.")
    referral_code: str | None = None


@strawberry.type
class SignUpBegun:
    """A mail is on its way to the address. The answer is the same for addresses that are known already."""

    email: str


SignUpResult = Annotated[SignUpBegun | Problem, strawberry.union("SignUpResult")]
ConfirmSignUpResult = Annotated[SignedIn | Problem, strawberry.union("ConfirmSignUpResult")]


@refusable
async def sign_up(info: Info, input: SignUpInput) -> SignUpResult:
    """Ask for an account on this host's brand."""
    context = info.context
    await commands.request(
        context.platform.db,
        context.platform.notices,
        brand_id=context.host_brand,
        email=input.email,
        name=input.name,
        company=input.company,
        password=input.password,
        referral_code=input.referral_code,
        ip=context.asker.ip,
    )
    return SignUpBegun(email=emails.checked(input.email))


@refusable
async def confirm_sign_up(info: Info, token: str) -> ConfirmSignUpResult:
    """Make the account that a mailed link stands for, and sign its owner in."""
    context = info.context
    async with context.platform.db.unit_of_work() as unit:
        person = await tenants_sign_up.confirm(unit, token[:200], ip=context.asker.ip, host_brand=context.host_brand)
    return await sign_in(context, person)
