"""Who is this client? AUTH PLAIN and LOGIN over TLS (RFC 4954), or a credential bound to the network it comes from.

Nobody learns whether a user exists: unknown users take the same work and get the same words. The password of a clear
session is never looked at. Wrong logins are counted for all processes together, per address and per user.
"""

import asyncio
import base64
import binascii
import time
from collections.abc import Callable, Coroutine, Hashable
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import structlog

from kit import addresses
from kit.crypto import Keyring
from kit.db import Database
from kit.errors import LiveryError
from smtpd import limits, measures, replies
from smtpd.replies import Refused
from tenants import authentication, secrets, throttle
from tenants.scope import Scope
from tenants.uses import Uses

if TYPE_CHECKING:
    from smtpd.session import Session

log = structlog.get_logger()

MECHANISMS = ("PLAIN", "LOGIN")
_PURPOSE = "smtp"
# How long a yes or no for a network or an open session holds: whatever was revoked is out within this many seconds.
_STANDING_SECONDS = 2.0
# How long a right login is not written down again.
_WELCOME_SECONDS = 600.0
_REMEMBERED = 10_000


class Throttled(Exception):
    """Too many wrong logins came from this address or for this user; the password has not been looked at."""


class Gate:
    """Knows whom to let in. One a process."""

    def __init__(self, db: Database, keyring: Keyring, uses: Uses) -> None:
        self._db = db
        self._keyring = keyring
        self._uses = uses
        self._standing: dict[Hashable, tuple[float, asyncio.Task[Scope | None]]] = {}
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._welcome: dict[tuple[str, str], float] = {}

    async def by_password(self, username: str, password: str, ip: str) -> Scope | None:
        """Return the scope of a right user and password.

        Raises Throttled before looking at the password, LiveryError where both are right but no longer good, or the
        account is suspended.
        """
        place = addresses.neighbourhood(ip)
        # One at a time for one address: tries that run side by side would all look before any of them is counted.
        turn = self._turns.setdefault(place, asyncio.Lock())
        async with turn:
            if not await throttle.may_try(self._db, _PURPOSE, username, ip):
                raise Throttled
            scope = await authentication.authenticate_smtp(
                self._db, self._keyring, username=username, password=password, ip=ip
            )
            if scope is None:
                self._welcome.pop((username, place), None)
                if not await throttle.note_failure(self._db, _PURPOSE, username, ip):
                    raise Throttled
            elif self._welcome.get((username, place), 0.0) < time.monotonic():
                await throttle.note_success(self._db, _PURPOSE, username, ip)
                self._remember(username, place)
        if scope is not None:
            self._uses.note(scope)
        return scope

    def _remember(self, username: str, place: str) -> None:
        # A program that logs in for each message need not be written down each time.
        if len(self._welcome) >= _REMEMBERED:
            self._welcome.clear()
        self._welcome[username, place] = time.monotonic() + _WELCOME_SECONDS

    async def by_network(self, ip: str) -> Scope | None:
        """Return the scope of the source credential whose network `ip` is in; an answer holds for two seconds.

        Raises LiveryError DENIED where its account is suspended.
        """
        return await self._lately(ip, lambda: authentication.authenticate_source(self._db, ip=ip))

    async def again(self, scope: Scope, ip: str) -> Scope | None:
        """Return what the scope of an open session is by now, None where it is no longer good from `ip`; for two seconds.

        Raises LiveryError where its credential has ended or its account is suspended.
        """
        return await self._lately(
            (scope.credential_id, ip), lambda: authentication.authenticate_again(self._db, scope, ip=ip)
        )

    async def _lately(self, who: Hashable, ask: Callable[[], Coroutine[Any, Any, Scope | None]]) -> Scope | None:
        now = time.monotonic()
        until, answer = self._standing.get(who, (0.0, None))
        if answer is None or until < now:
            if len(self._standing) >= _REMEMBERED:
                self._standing.clear()
            answer = asyncio.ensure_future(ask())
            self._standing[who] = (now + _STANDING_SECONDS, answer)
        scope = await asyncio.shield(answer)
        if scope is not None:
            self._uses.note(scope)
        return scope


async def authenticate(session: "Session", argument: str) -> None:
    """Answer one AUTH command: on success the session has a scope. Raises Refused with the reply otherwise."""
    if not session.helo or not session.extended:
        raise Refused("503 5.5.1 Say EHLO first")
    if not session.secured:
        raise Refused(replies.LOGIN_OVER_TLS)
    if session.logged_in:
        raise Refused("503 5.5.1 Already logged in")
    if session.draft is not None:
        raise Refused("503 5.5.1 Not within a message: RSET first")  # RFC 4954 §4
    mechanism, _, initial = argument.strip().partition(" ")
    if mechanism.upper() not in MECHANISMS:
        raise Refused("504 5.5.4 Unknown mechanism: use PLAIN or LOGIN")
    exchange = _plain if mechanism.upper() == "PLAIN" else _login
    username, password = await exchange(session, initial.strip())
    await _verify(session, username, password)


async def look_again(session: "Session") -> None:
    """Look at what an open session was let in by, and let it act for what that stands for by now.

    Raises Refused with 421 where it is no longer good, LiveryError where the account of a network is suspended.
    """
    if session.scope is None:
        return
    gate = session.door.gate
    try:
        scope = await (gate.again(session.scope, session.ip) if session.logged_in else gate.by_network(session.ip))
    except LiveryError:
        if not session.logged_in:
            raise
        scope = None
    if scope is None:
        raise Refused(replies.LOGIN_ENDED)
    if scope.account_id != session.scope.account_id:
        session.admit(scope)
    session.scope = scope


async def _verify(session: "Session", username: str, password: str) -> None:
    if secrets.mistyped(password):
        # Nobody's password, whoever the user is: nothing is read, and nothing is counted against the address.
        raise _wrong(session, replies.MISTYPED)
    try:
        scope = await session.door.gate.by_password(username, password, session.ip)
    except Throttled:
        measures.LOGINS.labels("throttled").inc()
        raise Refused(replies.LOGIN_THROTTLED) from None
    except LiveryError as error:
        measures.LOGINS.labels("ended").inc()
        raise Refused(replies.line("525 5.7.13", replies.words(error))) from None  # RFC 5248 §2.4: account disabled
    except Exception:
        measures.LOGINS.labels("fault").inc()
        log.exception("smtp.login_failed", peer=session.ip)
        raise Refused(replies.LOGIN_FAULT) from None
    if scope is not None:
        measures.LOGINS.labels("ok").inc()
        session.admit(scope)
        session.logged_in = True
        await session.push("235 2.7.0 Logged in")
        return
    raise _wrong(session, replies.WRONG_LOGIN)


def _wrong(session: "Session", reply: str) -> Refused:
    measures.LOGINS.labels("wrong").inc()
    log.info("smtp.login_refused", peer=session.ip)
    session.login_failures += 1
    if session.login_failures >= limits.LOGIN_FAILURES:
        return Refused(replies.LOGIN_GIVEN_UP)
    return Refused(reply)


async def _plain(session: "Session", initial: str) -> tuple[str, str]:
    # RFC 4616 §2: [authzid] NUL authcid NUL passwd
    parts = (await _response(session, initial, challenge="")).split(b"\0")
    if len(parts) != 3:
        raise Refused("501 5.5.2 PLAIN takes [identity] NUL user NUL password, in base64")
    identity, username, password = map(_text, parts)
    if identity not in {"", username}:
        raise Refused(replies.WRONG_LOGIN)  # nobody acts for somebody else
    return username, password


async def _login(session: "Session", initial: str) -> tuple[str, str]:
    username = _text(await _response(session, initial, challenge="Username:"))
    password = _text(await _response(session, "", challenge="Password:"))
    return username, password


async def _response(session: "Session", initial: str, *, challenge: str) -> bytes:
    """Return the client's decoded answer: its initial response (RFC 4954 §4), or what it says to the challenge."""
    answer = initial
    if not answer:
        await session.push("334 " + base64.b64encode(challenge.encode()).decode())
        answer = (await session.line()).decode("ascii", errors="replace").strip()
        if answer == "*":
            raise Refused("501 5.7.0 Login given up")
    elif answer == "=":
        return b""
    try:
        return base64.b64decode(answer.encode("ascii", errors="replace"), validate=True)
    except binascii.Error:
        raise Refused("501 5.5.2 That is not base64") from None


def _text(value: bytes) -> str:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        raise Refused("501 5.5.2 User and password must be UTF-8") from None
    if "\0" in text:
        raise Refused("501 5.5.2 User and password cannot have a NUL")  # RFC 4616 §2
    return text
