"""Which fixtures do the tests of the API have? A seeded platform, a served API, clients that behave like browsers and programs."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
import uvicorn

from api import app
from api.context import Platform
from kit.crypto import Keyring
from kit.db import Database, connect_arguments, open_database
from kit.settings import Settings, load
from mail.intake import Envelope, EnvelopeRecipient, Submission
from tenants import credentials, credits, members, tree
from tenants.models import AccountKind, CredentialKind
from tenants.permissions import Permission
from tenants.scope import Scope
from tests.support.ports import free_port
from tests.support.postgres import TEMPLATE, Postgres

SECRET = "11" * 32
PASSWORD = "correct horse battery"
SEEDED = "api_seeded"

type Seeded = tuple[dict[str, UUID], dict[str, str]]
"""Account ids and API keys by slug."""

ACCOUNTS = {
    "operator.test": (AccountKind.OPERATOR, None, None),
    "acme.test": (AccountKind.RESELLER, "operator.test", "Acme Mail"),
    "shop.test": (AccountKind.SUB_ACCOUNT, "acme.test", None),
    "bar.test": (AccountKind.SUB_ACCOUNT, "acme.test", None),
    "rival.test": (AccountKind.RESELLER, "operator.test", "Rival Post"),
}
HOSTS = {"acme.localhost": "acme.test", "shop.localhost": "shop.test", "rival.localhost": "rival.test"}


@dataclass
class World:
    """A served API on a seeded database."""

    db: Database
    """The owner's side of the wall: to look at what no client sees, and to change what no client may."""
    platform: Platform
    port: int
    accounts: dict[str, UUID]
    keys: dict[str, str]
    stack: contextlib.AsyncExitStack = field(repr=False)

    def url(self, path: str = "/graphql", host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    def client(self, host: str = "127.0.0.1", *, key: str | None = None, origin: str | None = "same") -> "Client":
        """A browser on `host`, or with `key` ("shop.test") a program. `origin` None sends no Origin header."""
        headers = {"host": f"{host}:{self.port}"}
        if key is not None:
            headers["authorization"] = f"Bearer {self.keys[key]}"
        else:
            headers["x-requested-with"] = "web"
            if origin is not None:
                headers["origin"] = self.url("", host) if origin == "same" else origin
        http = httpx.AsyncClient(base_url=self.url("", "127.0.0.1"), headers=headers, timeout=20)
        self.stack.push_async_callback(http.aclose)
        return Client(http)

    async def submit(self, account: str, *to: str, subject: str = "Hello", body: bytes = b"Hi.\r\n") -> UUID:
        """Hand in a message as the SMTP door would; its id."""
        content = b"From: Shop <shop@shop.test>\r\nTo: x@y.test\r\nSubject: " + subject.encode() + b"\r\n\r\n" + body
        accepted = await self.platform.intake.accept(
            Scope(account_id=self.accounts[account]),
            Submission(
                envelope=Envelope("shop@shop.test", tuple(EnvelopeRecipient(address) for address in to)),
                content=content,
                door="smtp",
                trace="by mail.test with ESMTPSA; Mon, 23 Nov 2026 05:00:00 +0000",
            ),
        )
        return accepted.message_id


@dataclass
class Client:
    """Somebody who posts GraphQL; cookies are kept like a browser's, for the one host it talks to."""

    http: httpx.AsyncClient

    async def post(self, query: str, /, **variables: Any) -> httpx.Response:
        answer = await self.http.post(
            "/graphql", json={"query": query, "variables": variables}, headers=self._cookies()
        )
        self._keep(answer)
        return answer

    async def ask(self, query: str, /, **variables: Any) -> Any:
        """The data of an answer that must have no errors."""
        answer = (await self.post(query, **variables)).json()
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    async def errors(self, query: str, /, **variables: Any) -> list[Any]:
        """The errors of an answer that must have some."""
        answer = (await self.post(query, **variables)).json()
        assert answer.get("errors"), answer
        found: list[Any] = answer["errors"]
        return found

    async def login(self, email: str, password: str = PASSWORD) -> Any:
        return (await self.ask(LOGIN, email=email, password=password))["login"]

    # httpx binds cookies to the address it connects to; a browser binds them to the host it was told.
    jar: dict[str, str] = field(default_factory=dict)

    def _cookies(self) -> dict[str, str]:
        return {"cookie": "; ".join(f"{name}={value}" for name, value in self.jar.items())} if self.jar else {}

    def _keep(self, answer: httpx.Response) -> None:
        for line in answer.headers.get_list("set-cookie"):
            for name, morsel in SimpleCookie(line).items():
                self.jar[name] = morsel.value
                if morsel["max-age"] == "0":
                    del self.jar[name]
        self.http.cookies.clear()


async def until(true: Callable[[], Awaitable[bool]], *, seconds: float = 5) -> None:
    """Wait for a condition; fail when its time is up."""
    async with asyncio.timeout(seconds):
        while not await true():  # noqa: ASYNC110 - what happens in another process sets no event
            await asyncio.sleep(0.02)


LOGIN = """mutation ($email: String!, $password: String!) { login(email: $email, password: $password) {
  __typename ... on SignedIn { me { account { slug } member { email } } } ... on Problem { code message field next } } }"""

ME = "{ me { member { email } account { slug } } }"


def settings_for(database_url: str, port: int, tmp_path: Path, **more: str) -> Settings:
    return load(
        {
            "LIVERY_DATABASE_URL": database_url,
            # As in production: the role that owns nothing.
            "LIVERY_DATABASE_API_URL": database_url.replace("//livery@", "//livery_api@"),
            "LIVERY_SECRET_KEY": SECRET,
            "LIVERY_HTTP_PORT": str(port),
            "LIVERY_METRICS_PORT": "0",
            "LIVERY_DATA_DIR": str(tmp_path),
            "LIVERY_WEB_ROOT": str(tmp_path / "dist"),
            "LIVERY_MAIL_DOMAIN": "mail.test",
            "LIVERY_BROKER_URL": database_url,
            **more,
        }
    )


@contextlib.asynccontextmanager
async def served(settings: Settings) -> AsyncIterator[Platform]:
    """The API on its port, in this loop."""
    async with app.platform(settings) as platform:
        server = uvicorn.Server(app.configuration(platform))
        task = asyncio.create_task(server._serve())
        while not server.started:
            if task.done():
                task.result()
            await asyncio.sleep(0.005)
        try:
            yield platform
        finally:
            server.should_exit = True
            await task


async def seed(database_url: str) -> Seeded:
    """The accounts, a member, an SMTP user, an API key and 10,000 credits for each, and the branded hosts."""
    accounts: dict[str, UUID] = {}
    keys: dict[str, str] = {}
    keyring = Keyring(bytes.fromhex(SECRET))
    db = await open_database(database_url)
    async with db.unit_of_work() as unit:
        for slug, (kind, parent, brand) in ACCOUNTS.items():
            id = await tree.create_account(
                unit, slug=slug, name=slug.split(".")[0].title(), kind=kind, parent_slug=parent, brand_name=brand
            )
            accounts[slug] = id
            await members.create_member(unit, account_id=id, email=f"user@{slug}", name="User", password=PASSWORD)
            await credits.grant(unit.conn, id, 10_000)
            made = await credentials.create_credential(
                unit.conn, keyring, account_id=id, kind=CredentialKind.API, name="key"
            )
            keys[slug] = made.secret or ""
            admin = await credentials.create_credential(
                unit.conn,
                keyring,
                account_id=id,
                kind=CredentialKind.API,
                name="admin",
                permissions=list(Permission),
            )
            keys[f"admin@{slug}"] = admin.secret or ""
            await credentials.create_credential(
                unit.conn, keyring, account_id=id, kind=CredentialKind.SMTP, name="smtp", username=f"smtp@{slug}"
            )
        for host, slug in HOSTS.items():
            await tree.add_host(unit, host=host, account_id=accounts[slug])
    await db.close()
    return accounts, keys


@pytest.fixture(scope="session")
def seeded(postgres: Postgres) -> Seeded:
    """Account ids and keys of the database SEEDED, which every test gets a copy of."""
    postgres.create(TEMPLATE, name=SEEDED)
    return asyncio.run(seed(postgres.url(SEEDED)))


@contextlib.asynccontextmanager
async def made(postgres: Postgres, seeded: Seeded, tmp_path: Path, **more: str) -> AsyncIterator[World]:
    """A served API on a seeded database."""
    name = postgres.create(SEEDED)
    settings = settings_for(postgres.url(name), free_port(), tmp_path, **more)
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(postgres.drop, name)
        platform = await stack.enter_async_context(served(settings))
        owner = await asyncpg.create_pool(**connect_arguments(postgres.url(name)), min_size=0, max_size=4)
        stack.push_async_callback(owner.close)
        yield World(Database(owner, platform.db._context), platform, settings.http_port, *seeded, stack)


@pytest.fixture
async def world(postgres: Postgres, seeded: Seeded, tmp_path: Path) -> AsyncIterator[World]:
    """A served API on a seeded database."""
    async with made(postgres, seeded, tmp_path) as found:
        yield found


@pytest.fixture
async def world_tls(postgres: Postgres, seeded: Seeded, tmp_path: Path) -> AsyncIterator[World]:
    """The same behind a proxy that ends TLS."""
    async with made(postgres, seeded, tmp_path, LIVERY_PUBLIC_URL="https://mail.provider.test") as found:
        yield found


@pytest.fixture
async def world_proxied(postgres: Postgres, seeded: Seeded, tmp_path: Path) -> AsyncIterator[World]:
    """The same behind a proxy on this machine that says whom it speaks for."""
    async with made(postgres, seeded, tmp_path, LIVERY_TRUSTED_PROXIES="127.0.0.0/8,::1/128") as found:
        yield found
