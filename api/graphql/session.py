"""How does a person sign in and out? By address and password, into a cookie that is good on this host only."""

import asyncio
from typing import Annotated
from weakref import WeakValueDictionary

import strawberry

from api.auth import set_cookie
from api.context import Context
from api.graphql.accounts import Me, me_of
from api.graphql.problems import Problem, refusable
from kit.errors import Kind, LiveryError
from tenants import branding, members, throttle

Info = strawberry.Info[Context, None]

# One try at a time from one address: a hundred at once would all pass the count before the first of them is counted.
_turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()


@strawberry.type
class SignedIn:
    """Signed in: the answer also sets the session's cookie."""

    me: Me


LoginResult = Annotated[SignedIn | Problem, strawberry.union("LoginResult")]


@refusable
async def log_in(info: Info, email: str, password: str) -> LoginResult:
    """Sign in on this host for 14 days. Unknown addresses and wrong passwords get the same answer in the same time."""
    context = info.context
    db, asker = context.platform.db, context.asker
    if len(email) > 254 or len(password) > 1000:
        raise _wrong()
    turn = _turns.setdefault(asker.ip, asyncio.Lock())
    async with turn:
        if not await throttle.may_try(db, "web", email, asker.ip):
            raise LiveryError(
                Kind.EXHAUSTED, "THROTTLED", "Too many attempts to log in.", next="Wait a minute, then try again."
            )
        signed = await members.login(db, email=email, password=password, host=asker.host, ip=asker.ip)
        if signed is not None and not await _welcome(context, signed):
            signed = None
        if signed is None:
            await throttle.note_failure(db, "web", email, asker.ip)
            raise _wrong()
    await throttle.note_success(db, "web", email, asker.ip)
    if asker.session is not None:  # a new identity, a new id; the old one opens nothing any more
        await _end(context, asker.session)
    life = int(members.LIFE.total_seconds())
    context.cookies.append(set_cookie(signed.token, secure=context.platform.secure, max_age=life))
    return SignedIn(me=await me_of(context, signed.scope))


async def log_out(info: Info) -> bool:
    """Sign this browser out, its live connections included. True when it was signed in."""
    context = info.context
    if context.asker.session is None:
        return False
    await _end(context, context.asker.session)
    context.cookies.append(set_cookie("", secure=context.platform.secure, max_age=0))
    return True


async def _end(context: Context, token: str) -> None:
    async with context.platform.db.connection() as conn:
        await members.end_session(conn, token)
    await context.platform.sockets.expel(token)


async def _welcome(context: Context, signed: members.SignedIn) -> bool:
    """Whether this host's brand is of the member's own line; on a stranger's host the member does not exist."""
    brand = context.platform.brands.find(context.asker.host)
    if brand is None or brand.account_id is None:
        return True
    async with context.platform.db.connection() as conn:
        if await branding.of_one_line(conn, brand.account_id, signed.scope.account_id):
            return True
        await members.end_session(conn, signed.token)
    return False


def _wrong() -> LiveryError:
    return LiveryError(
        Kind.UNAUTHENTICATED,
        "UNAUTHENTICATED",
        "Wrong email address or password.",
        next="Check both; ask whoever runs your account for a new password.",
    )
