"""How does a member turn a second factor on and off? With an authenticator, and recovery codes for when it is lost."""

from typing import Annotated

import strawberry

from api.brand import PLATFORM
from api.context import Context
from api.graphql.problems import Problem, refusable
from tenants import passwords, totp

Info = strawberry.Info[Context, None]


@strawberry.type
class SecondFactorBegun:
    """Not in force before `confirmSecondFactor`. Shown once."""

    secret: str = strawberry.field(description="Base32, to be typed into an authenticator.")
    uri: str = strawberry.field(description="otpauth://… for a picture that an authenticator reads.")


@strawberry.type
class RecoveryCodes:
    """Ten codes, each good once in place of the authenticator's. Shown once."""

    codes: list[str]


@strawberry.type
class SecondFactorOff:
    """No code is asked for any more."""

    second_factor: bool


SecondFactorBegunResult = Annotated[SecondFactorBegun | Problem, strawberry.union("SecondFactorBegunResult")]
RecoveryCodesResult = Annotated[RecoveryCodes | Problem, strawberry.union("RecoveryCodesResult")]
SecondFactorOffResult = Annotated[SecondFactorOff | Problem, strawberry.union("SecondFactorOffResult")]


@refusable
async def begin(info: Info, password: str) -> SecondFactorBegunResult:
    """Make a secret for an authenticator; one that was begun before and not confirmed is forgotten."""
    context, platform = info.context, info.context.platform
    await passwords.prove(platform.db, platform.keyring, context.scope, password=password)
    brand = platform.brands.find(context.asker.host) or PLATFORM
    async with context.home() as conn:
        begun = await totp.begin(conn, platform.keyring, context.scope, issuer=brand.name)
    return SecondFactorBegun(secret=begun.secret, uri=begun.uri)


@refusable
async def confirm(info: Info, code: str) -> RecoveryCodesResult:
    """Put the second factor in force with a first code; the answer has the recovery codes."""
    context = info.context
    passwords.oneself(context.scope)
    async with context.home() as conn:
        codes = await totp.confirm(conn, context.platform.keyring, context.scope, code[:40])
    return RecoveryCodes(codes=codes)


@refusable
async def disable(info: Info, password: str | None = None, code: str | None = None) -> SecondFactorOffResult:
    """Turn the second factor off, with the password or a code."""
    context, platform = info.context, info.context.platform
    await passwords.prove(platform.db, platform.keyring, context.scope, password=password, code=code)
    async with context.home() as conn:
        await totp.disable(conn, context.scope)
    return SecondFactorOff(second_factor=False)


@refusable
async def renew_codes(info: Info, password: str | None = None, code: str | None = None) -> RecoveryCodesResult:
    """Ten fresh recovery codes, with the password or a code; the old ones open nothing any more."""
    context, platform = info.context, info.context.platform
    await passwords.prove(platform.db, platform.keyring, context.scope, password=password, code=code)
    async with context.home() as conn:
        codes = await totp.renew_recovery_codes(conn, platform.keyring, context.scope)
    return RecoveryCodes(codes=codes)
