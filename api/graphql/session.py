"""How does a person sign in and out? By address and password, then by a code where the member has a second factor."""

from typing import Annotated

import strawberry

from api.auth import set_cookie
from api.context import Context
from api.graphql.me import Me, me_of
from api.graphql.problems import Problem, refusable
from kit.crypto import fingerprint
from kit.errors import Kind, LiveryError
from tenants import branding, challenges, sessions, throttle, totp

Info = strawberry.Info[Context, None]


@strawberry.type
class SignedIn:
    """Signed in: the answer also sets the session's cookie."""

    me: Me


@strawberry.type
class SecondFactorNeeded:
    """The password was right; a code is asked for too. Nobody is signed in yet."""

    challenge: str = strawberry.field(
        description="Give it to `loginSecondFactor` on this host, together with a code, within five minutes."
    )


LoginResult = Annotated[SignedIn | SecondFactorNeeded | Problem, strawberry.union("LoginResult")]
SecondFactorResult = Annotated[SignedIn | Problem, strawberry.union("SecondFactorResult")]


@refusable
async def log_in(info: Info, email: str, password: str) -> LoginResult:
    """Sign in on this host for 14 days. Unknown addresses and wrong passwords get the same answer in the same time."""
    context = info.context
    db, asker = context.platform.db, context.asker
    if len(email) > 254 or len(password) > 1000:
        raise _wrong()
    tries = await throttle.tries(db, "web", email, asker.ip)
    if not await throttle.take(db, tries):
        raise throttled()
    async with throttle.unless_busy(db, tries):
        person = await sessions.check_password(db, email=email, password=password)
    if person is None or not await welcome(context, person):
        raise _wrong()
    await throttle.give_back(db, tries)
    await throttle.note_success(db, "web", email, asker.ip)
    if person.second_factor:
        note = await challenges.challenge(db, context.platform.keyring, person, host=asker.host)
        return SecondFactorNeeded(challenge=note)
    return await sign_in(context, person)


@refusable
async def log_in_second_factor(info: Info, challenge: str, code: str) -> SecondFactorResult:
    """Sign in with the challenge of `login` and a code of the authenticator, or a recovery code."""
    context = info.context
    db, keyring, asker = context.platform.db, context.platform.keyring, context.asker
    person = await challenges.challenged(db, keyring, challenge, host=asker.host)
    if person is None or not person.second_factor:
        raise LiveryError(
            Kind.UNAUTHENTICATED,
            "CHALLENGE_OVER",
            "The time to type the code is over.",
            next="Log in with your password again.",
        )
    tries = throttle.code_tries(person.id, asker.ip)
    if not await throttle.take(db, tries):
        raise throttled("Wait a quarter of an hour, then try again.")
    async with db.transaction(sees=person.account_id) as conn:
        right = await totp.use(conn, keyring, person.id, code)
    if not right:
        raise totp.wrong_code()
    await throttle.give_back(db, tries)
    return await sign_in(context, person)


async def log_out(info: Info) -> bool:
    """Sign this browser out, its live connections included. True when it was signed in."""
    context = info.context
    if context.asker.session is None:
        return False
    await _end(context, context.asker.session)
    context.cookies.append(set_cookie("", secure=context.platform.secure, max_age=0))
    return True


async def sign_in(context: Context, person: sessions.Person) -> SignedIn:
    """Open a session for a person who has proved to be themselves, and set its cookie."""
    asker = context.asker
    async with context.platform.db.transaction(sees=person.account_id) as conn:
        signed = await sessions.open_session(conn, person, host=asker.host, ip=asker.ip, user_agent=asker.user_agent)
    if asker.session is not None:  # a new identity, a new id; the old one opens nothing any more
        await _end(context, asker.session)
    keep(context, signed.token)
    return SignedIn(me=await me_of(context, signed.scope))


def keep(context: Context, token: str) -> None:
    """Let the browser keep the session's token."""
    life = int(sessions.LIFE.total_seconds())
    context.cookies.append(set_cookie(token, secure=context.platform.secure, max_age=life))


async def _end(context: Context, token: str) -> None:
    async with context.home() as conn:
        await sessions.end_session(conn, token)
    await context.platform.sockets.expel(fingerprint(token))


async def welcome(context: Context, person: sessions.Person) -> bool:
    """Whether this host's brand is of the person's own line; on a stranger's host the person does not exist."""
    async with context.platform.db.transaction(sees=person.account_id) as conn:
        return await branding.welcome(conn, context.host_brand, person.account_id)


def throttled(next: str = "Wait a minute, then try again.") -> LiveryError:
    """Too many tries: the same words whoever is meant."""
    return LiveryError(Kind.EXHAUSTED, "THROTTLED", "Too many attempts to log in.", next=next)


def _wrong() -> LiveryError:
    return LiveryError(
        Kind.UNAUTHENTICATED,
        "UNAUTHENTICATED",
        "Wrong email address or password.",
        next="Check both, or have a link for a new password mailed to you.",
    )
