"""How does a person get another password? By a mailed link, or with the present one."""

from typing import Annotated

import strawberry

from api.context import Context
from api.graphql.problems import Problem, refusable
from kit.errors import Kind, LiveryError
from tenants import passwords, throttle

Info = strawberry.Info[Context, None]


@strawberry.type
class ResetRequested:
    """If somebody has this address, a link is on its way to it. It is the same answer for every address."""

    email: str = strawberry.field(description="As it was given.")


@strawberry.type
class PasswordChanged:
    """From now on the new password is the one; sessions elsewhere have ended."""

    ended_sessions: int


ResetRequestResult = Annotated[ResetRequested | Problem, strawberry.union("ResetRequestResult")]
PasswordResult = Annotated[PasswordChanged | Problem, strawberry.union("PasswordResult")]


@refusable
async def request_reset(info: Info, email: str) -> ResetRequestResult:
    """Have a link for a new password mailed: good for one hour, once, in place of older ones."""
    platform, ip = info.context.platform, info.context.asker.ip
    if not await throttle.take(platform.db, passwords.asking_tries(ip)):
        raise LiveryError(
            Kind.EXHAUSTED, "THROTTLED", "Too many links were asked for.", next="Wait an hour, then try again."
        )
    # An address has enough of them sooner, and nobody is told so.
    if len(email) <= 254 and await throttle.take(platform.db, passwords.address_tries(email)):
        platform.notices.offer_reset(email, ip=ip)
    return ResetRequested(email=email[:254])


@refusable
async def reset_password(info: Info, token: str, password: str) -> PasswordResult:
    """Choose a new password by the link's token, then log in. A second factor stays as it is."""
    context = info.context
    changed = await passwords.reset(
        context.platform.db,
        token=token[:200],
        password=password,
        ip=context.asker.ip,
        brand_id=context.host_brand,
    )
    return await _changed(context, changed)


@refusable
async def change_password(info: Info, current: str, new: str) -> PasswordResult:
    """Choose a new password with the present one; this session goes on."""
    context = info.context
    changed = await passwords.change(
        context.platform.db,
        context.platform.keyring,
        context.scope,
        current=current,
        new=new,
        keep=context.asker.session,
    )
    return await _changed(context, changed)


async def _changed(context: Context, changed: passwords.Changed) -> PasswordChanged:
    await context.platform.sockets.expel(*changed.ended)
    context.platform.notices.password_changed(changed)
    return PasswordChanged(ended_sessions=len(changed.ended))
