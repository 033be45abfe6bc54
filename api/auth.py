"""Who is asking? A browser by the cookie of its session on this host, or a program by an API key.

The matrix, for POST and WebSocket alike:

    Authorization: Bearer …   decides alone; any Origin or none, cookies ignored; a wrong key is refused, not ignored
    cookie, Origin = Host     the member whose session it is, if it was made on this host
    cookie, no Origin         refused: only programs send none, and programs have keys
    Origin elsewhere          refused, whoever asks

Nothing here looks at X-Forwarded-*: behind a trusted proxy the server has put the real peer in its place already.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from kit.crypto import Keyring
from kit.db import Database
from kit.errors import Kind, LiveryError
from tenants import authentication, sessions
from tenants.scope import Scope

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Asker:
    """Whoever sent a request: an empty `scope` is a stranger."""

    host: str
    """The host that was asked, lower case, without port: it picks the brand and binds the session."""
    ip: str
    """The peer's address, of the client itself where it came through a trusted proxy."""
    scope: Scope | None = None
    session: str | None = field(default=None, repr=False)
    """The session's token, for members."""
    key: str | None = field(default=None, repr=False)
    """The API key, for programs."""
    user_agent: str = field(default="", repr=False, compare=False)
    """What a browser says it is, for the list of sessions."""

    @property
    def is_browser(self) -> bool:
        """Whether a cookie speaks, or nobody yet: then cross-site request forgery is possible."""
        return self.key is None


def cookie_name(*, secure: bool) -> str:
    """By TLS the `__Host-` prefix: browsers then refuse it without Secure or with a Domain (RFC 6265bis §4.1.3.2)."""
    return "__Host-session" if secure else "session"


def bearer(value: str | None) -> str | None:
    """The key of an `Authorization: Bearer …` value; None where the value is absent or of another scheme."""
    scheme, _, key = (value or "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" and key.strip() else None


def check_origin(origin: str | None, host: str | None, *, with_cookie: bool, with_key: bool) -> None:
    """Hold a request against the matrix above. Raises LiveryError (DENIED)."""
    if with_key:
        return
    if origin is None:
        if with_cookie:
            raise LiveryError(
                Kind.DENIED,
                "ORIGIN_MISSING",
                "A session's cookie is only good from its own pages.",
                next="Programs send an API key as `Authorization: Bearer …`.",
            )
        return
    if not _same(origin, host):
        raise LiveryError(Kind.DENIED, "ORIGIN_FOREIGN", "Pages of other sites may not ask here.")


def check_header(headers: Mapping[str, str]) -> None:
    """A browser's change carries a header that a form of another site cannot send. Raises LiveryError (DENIED)."""
    if not headers.get("x-requested-with"):
        raise LiveryError(
            Kind.DENIED,
            "HEADER_MISSING",
            "This change was asked for without the header X-Requested-With.",
            next="Send `X-Requested-With: web`, or an API key as `Authorization: Bearer …`.",
        )


def _same(origin: str, host: str | None) -> bool:
    """Whether a page of `origin` was served by `host`. Scheme aside: TLS may end at a proxy."""
    try:
        there = urlsplit(origin)
        here = urlsplit(f"//{host}")
        default = _PORTS.get(there.scheme)
        ports = (there.port or default, here.port or default)
    except ValueError:
        return False
    return bool(there.hostname) and there.hostname == here.hostname and default is not None and ports[0] == ports[1]


async def identify(
    db: Database,
    keyring: Keyring,
    *,
    headers: Mapping[str, str],
    cookies: Mapping[str, str],
    host: str,
    ip: str,
    secure: bool,
) -> Asker:
    """Who sent a request. A wrong key raises LiveryError (UNAUTHENTICATED); a spent cookie makes a stranger."""
    key = bearer(headers.get("authorization"))
    token = cookies.get(cookie_name(secure=secure))
    check_origin(headers.get("origin"), headers.get("host"), with_cookie=token is not None, with_key=key is not None)
    if key is not None:
        return await by_key(db, keyring, key, host=host, ip=ip)
    if token is None:
        return Asker(host, ip, user_agent=headers.get("user-agent", ""))
    async with db.transaction() as conn:
        scope = await sessions.session_scope(conn, token, host=host, ip=ip)
    return Asker(host, ip, scope, session=token if scope else None, user_agent=headers.get("user-agent", ""))


async def by_key(db: Database, keyring: Keyring, key: str, *, host: str, ip: str) -> Asker:
    """The program that shows `key`. Raises LiveryError (UNAUTHENTICATED)."""
    scope = await authentication.authenticate_key(db, keyring, key, ip=ip)
    if scope is None:
        raise LiveryError(
            Kind.UNAUTHENTICATED,
            "KEY_REFUSED",
            "This API key is not valid here.",
            next="Check for a typing error; a revoked key has to be replaced by a new one.",
        )
    return Asker(host, ip, scope, key=key)


async def still(db: Database, keyring: Keyring, asker: Asker) -> bool:
    """Whether the session or key that opened a live connection is still good, for the same account."""
    scope = None
    if asker.session is not None:
        async with db.transaction() as conn:
            scope = await sessions.session_scope(conn, asker.session, host=asker.host, ip=asker.ip)
    elif asker.key is not None:
        try:
            scope = await authentication.authenticate_key(db, keyring, asker.key, ip=asker.ip)
        except LiveryError:  # suspended
            return False
    return scope is not None and scope == asker.scope


def set_cookie(token: str, *, secure: bool, max_age: int) -> dict[str, Any]:
    """The session's cookie as Litestar takes it: host-only, hidden from scripts. `max_age` in seconds, 0 takes it back."""
    return {
        "key": cookie_name(secure=secure),
        "value": token,
        "path": "/",
        "httponly": True,
        "secure": secure,
        "samesite": "lax",
        "max_age": max_age,
    }
