"""Whose face does this host name show? Verified hosts, held in memory; any other host gets a 404 that names nobody.

The Host header alone decides; X-Forwarded-Host and the like are never read. A request with none or with several Host
headers is nobody's. Answers of every kind leave here with the headers that keep a browser strict.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from api.dashboard import CSP
from kit.db import Database
from tenants import branding, sign_up

log = structlog.get_logger()

REFRESH = 3.0
"""Seconds after which a host that was added or taken away is known everywhere."""

_PLATFORM = ("127.0.0.1", "localhost", "::1")

_ANY_HOST = ("/health/", "/t/", "/u/")
"""Asked by load balancers, by address; and links in mail, which say by themselves whose they are and outlive the hosts
they were sent with."""


@dataclass(frozen=True)
class Brand:
    """What a host shows. `account_id` is the account whose brand it is; None for the platform's own hosts.
    `sign_up`: strangers are offered an account here."""

    name: str
    color: str | None
    account_id: UUID | None
    sign_up: bool = False

    @property
    def is_platform(self) -> bool:
        """Whether this is the platform's own dashboard, the only one that may name the platform."""
        return self.account_id is None


PLATFORM = Brand("Livery", None, None)


@dataclass
class Brands:
    """The table of hosts of one process."""

    db: Database
    platform_hosts: frozenset[str]
    _hosts: Mapping[str, Brand] = field(default_factory=dict)
    _platform: Brand = PLATFORM

    def find(self, host: str) -> Brand | None:
        """The brand of a host name as `host_name` gives it; None where it is not ours."""
        return self._hosts.get(host) or (self._platform if host in self.platform_hosts else None)

    async def refresh(self) -> None:
        """Read the verified hosts anew. The last known table stays when the database does not answer."""
        async with self.db.transaction() as conn:
            found = await branding.brands_by_host(conn)
            taken = await sign_up.is_open(conn, None)
        self._platform = replace(PLATFORM, sign_up=taken)
        self._hosts = {
            host: Brand(brand.name, brand.color, brand.account_id, brand.sign_up) for host, brand in found.items()
        }

    async def keep_fresh(self) -> None:
        """Refresh for ever; faults are logged once per outage."""
        well = True
        while True:
            await asyncio.sleep(REFRESH)
            try:
                await self.refresh()
                well = True
            except Exception as fault:
                if well:
                    log.warning("brands.stale", cause=type(fault).__name__)
                well = False


def platform_hosts(public_url: str) -> frozenset[str]:
    """The platform's own host names: loopback and the host of LIVERY_PUBLIC_URL."""
    public = urlsplit(public_url).hostname
    return frozenset((*_PLATFORM, *([public.lower()] if public else [])))


def host_name(scope: Scope) -> str | None:
    """The one Host header's name: lower case, without port and final dot; None where there is not exactly one."""
    values = [value for name, value in scope["headers"] if name == b"host"]
    if len(values) != 1:
        return None
    try:
        parts = urlsplit(f"//{values[0].decode('ascii')}")
        _ = parts.port  # raises when it is no number
    except (UnicodeDecodeError, ValueError):
        return None
    if parts.username is not None or parts.path or parts.query or parts.fragment or not parts.hostname:
        return None
    return parts.hostname.removesuffix(".")


@dataclass(frozen=True)
class ByHost:
    """The outermost application: finds the brand, turns strangers away, sets the headers of every answer."""

    app: ASGIApp
    brands: Brands
    secure: bool

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        host = host_name(scope)
        brand = self.brands.find(host) if host is not None else None
        if brand is None and not scope["path"].startswith(_ANY_HOST):
            await _turn_away(scope, receive, send)
            return
        state: dict[str, Any] = scope.setdefault("state", {})
        state["host"], state["brand"] = host or "", brand
        await self.app(scope, receive, self._strict(send))

    def _strict(self, send: Send) -> Send:
        async def strict(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name for name, _ in message["headers"]}
                # What a page says of itself is stricter still: links in mail tell nobody who followed them.
                ours = [(name, value) for name, value in _headers(self.secure) if name not in own]
                message["headers"] = [*message["headers"], *ours, (b"vary", b"host")]
            await send(message)

        return strict


def _headers(secure: bool) -> list[tuple[bytes, bytes]]:
    headers = [
        (b"content-security-policy", CSP.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"same-origin"),
        (b"cross-origin-opener-policy", b"same-origin"),
        (b"cross-origin-resource-policy", b"same-origin"),
    ]
    if secure:
        headers.append((b"strict-transport-security", b"max-age=31536000"))
    return headers


async def _turn_away(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == ScopeType.WEBSOCKET:
        with contextlib.suppress(RuntimeError):
            await receive()
        # Closing before accepting makes the server answer the handshake with 403.
        await send({"type": "websocket.close", "code": 1008, "reason": ""})
        return
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"cache-control", b"no-store"),
        (b"vary", b"host"),
        *_headers(False),
    ]
    await send({"type": "http.response.start", "status": 404, "headers": headers})
    await send({"type": "http.response.body", "body": b"Not found.\n", "more_body": False})
