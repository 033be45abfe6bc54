"""What does one operation have at hand? The asker's scope, short transactions, loaders of its own, cookies to set."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from litestar.connection import ASGIConnection

from api.auth import Asker
from api.errors import signed_out
from kit.bell import Bell
from kit.crypto import Keyring
from kit.db import Connection, Database, UnitOfWork
from kit.settings import Settings
from mail.intake import Intake
from mail.links import Links
from mail.live import Live
from mail.notices import Notices
from tenants.permissions import Permission
from tenants.scope import Scope
from tenants.uses import Uses

if TYPE_CHECKING:
    from api.brand import Brands
    from api.graphql.loaders import Loaders
    from api.sockets import Sockets


STRANGERS = 200
"""Operations of strangers that one process has under way at most: logins, sign-ups, links that were mailed."""


@dataclass(frozen=True, eq=False)
class Platform:
    """What one API process holds for its whole life."""

    settings: Settings
    db: Database
    keyring: Keyring
    bell: Bell
    live: Live
    intake: Intake
    notices: Notices
    links: Links
    brands: "Brands"
    sockets: "Sockets"
    uses: Uses
    large: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(4))
    """Places for request bodies above a megabyte: each is held in memory several times over."""
    imports: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(4))
    """Places for files that are being taken in, to be imported."""
    importing: Counter[UUID] = field(default_factory=Counter)
    """How many such files of each account this process has, taken in or reported on."""
    strangers: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(STRANGERS))
    """Places for operations of those who are not signed in: who finds none is told to come again."""

    @property
    def secure(self) -> bool:
        """Whether people reach the platform by TLS: cookies then demand it."""
        return self.settings.public_url.startswith("https://")


def platform_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Platform:
    """The platform that serves this connection."""
    platform: Platform = connection.app.state["platform"]
    return platform


@dataclass
class Context:
    """One GraphQL operation."""

    platform: Platform
    asker: Asker
    cookies: list[dict[str, Any]] = field(default_factory=list)
    """Cookies to set with the answer."""
    _loaders: "Loaders | None" = field(default=None, repr=False)

    @property
    def scope(self) -> Scope:
        """On whose behalf this runs. Raises LiveryError (UNAUTHENTICATED) for strangers."""
        if self.asker.scope is None:
            raise signed_out()
        return self.asker.scope

    def allowed(self, permission: Permission) -> Scope:
        """The asker's scope, which must have `permission`. Raises LiveryError."""
        self.scope.require(permission)
        return self.scope

    @property
    def host_brand(self) -> UUID | None:
        """The account whose host was asked; None on the platform's own."""
        brand = self.platform.brands.find(self.asker.host)
        return brand.account_id if brand else None

    @property
    def load(self) -> "Loaders":
        """Loaders that live as long as this operation, so that none ever hands a value to another."""
        if self._loaders is None:
            from api.graphql.loaders import Loaders

            self._loaders = Loaders(self)
        return self._loaders

    @contextlib.asynccontextmanager
    async def read(self, permission: Permission | None = None) -> AsyncIterator[Connection]:
        """One short transaction in the asker's scope, which must have `permission`. Raises LiveryError."""
        scope = self.scope if permission is None else self.allowed(permission)
        async with self.platform.db.transaction(sees=scope.account_id) as conn:
            yield conn

    @contextlib.asynccontextmanager
    async def home(self) -> AsyncIterator[Connection]:
        """One short transaction in the asker's own account, whichever was entered: where its sessions are to be seen."""
        scope = self.scope
        async with self.platform.db.transaction(sees=scope.home_id or scope.account_id) as conn:
            yield conn

    @contextlib.asynccontextmanager
    async def change(self, permission: Permission) -> AsyncIterator[UnitOfWork]:
        """One unit of work in the asker's scope, which must have `permission`. Raises LiveryError."""
        async with self.platform.db.unit_of_work(sees=self.allowed(permission).account_id) as unit:
            yield unit
