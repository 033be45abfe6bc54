"""How is a flow set up and watched? A running platform, the accounts in it, and the verbs of a customer."""

import asyncio
import contextlib
import smtplib
import subprocess
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg

from kit import clock
from kit.db import connect, open_database
from tests.support import laws
from tests.support.databases import WORLD_TEMPLATE
from tests.support.graphql import Api
from tests.support.platform import Platform
from tests.support.ports import free_port
from tests.support.postgres import Postgres
from tests.support.sink import Sink
from tests.support.world import Tenant, World, find


@dataclass(frozen=True)
class Stage:
    """One platform on a database of its own; `sink_port` is where its route leads."""

    platform: Platform
    world: World
    database_url: str
    sink_port: int

    def api(self, tenant: Tenant) -> Api:
        """Return an API client with the tenant's key."""
        return Api(self.platform.url, tenant.api_key)

    @contextlib.asynccontextmanager
    async def database(self) -> AsyncIterator[asyncpg.Connection]:
        """A connection of the owner's, to look at what no client sees."""
        conn = await connect(self.database_url)
        try:
            yield conn
        finally:
            await conn.close()

    @contextlib.asynccontextmanager
    async def host(self, sink: Sink | None = None) -> AsyncIterator[Sink]:
        """A scripted remote host at the end of the route."""
        sink = sink or Sink()
        await sink.start(self.sink_port)
        try:
            yield sink
        finally:
            await sink.stop()

    async def submit(
        self,
        content: bytes,
        to: Sequence[str],
        *,
        tenant: Tenant | None = None,
        sender: str | None = None,
        options: Sequence[str] = (),
    ) -> None:
        """Submit by smtplib over STARTTLS as a tenant (shop unless given); `options` go with MAIL."""
        tenant = tenant or self.world.shop
        await asyncio.to_thread(self._submit, content, list(to), tenant, sender or tenant.email, list(options))

    def _submit(self, content: bytes, to: list[str], tenant: Tenant, sender: str, options: list[str]) -> None:
        with self.session(tenant) as session:
            session.sendmail(sender, to, content, mail_options=options)

    @contextlib.contextmanager
    def session(self, tenant: Tenant, *, implicit: bool = False) -> Any:
        """A signed-in smtplib session, by STARTTLS or on the implicit-TLS port."""
        tls = self.platform.client_tls()
        if implicit:
            session: smtplib.SMTP = smtplib.SMTP_SSL("127.0.0.1", self.platform.submissions, timeout=30, context=tls)
        else:
            session = smtplib.SMTP("127.0.0.1", self.platform.submission, timeout=30)
        with session:
            if not implicit:
                session.starttls(context=tls)
            session.login(tenant.smtp_user, tenant.smtp_password)
            yield session

    async def swaks(self, content: bytes, to: Sequence[str], *, tenant: Tenant | None = None) -> str:
        """Submit by swaks over STARTTLS; return its transcript, or fail with it."""
        tenant = tenant or self.world.shop
        with tempfile.NamedTemporaryFile(suffix=".eml") as data:
            data.write(content.removesuffix(b"\r\n"))  # swaks ends its data with a line end of its own
            data.flush()
            argv = ["swaks", "--server", f"127.0.0.1:{self.platform.submission}", "--tls", "--auth", "PLAIN"]
            argv += ["--auth-user", tenant.smtp_user, "--auth-password", tenant.smtp_password]
            argv += ["--from", tenant.email, "--to", ",".join(to), "--data", f"@{data.name}", "--timeout", "30"]
            done = await asyncio.to_thread(subprocess.run, argv, capture_output=True, text=True, errors="replace")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    async def curl(self, content: bytes, to: str, *, tenant: Tenant | None = None) -> None:
        """Submit by curl over implicit TLS, as the table printed by `make run` says."""
        tenant = tenant or self.world.shop
        with tempfile.NamedTemporaryFile(suffix=".eml") as data:
            data.write(content)
            data.flush()
            argv = ["curl", "--silent", "--show-error", f"smtps://127.0.0.1:{self.platform.submissions}", "--insecure"]
            argv += ["--user", f"{tenant.smtp_user}:{tenant.smtp_password}", "--upload-file", data.name]
            argv += ["--mail-from", tenant.email, "--mail-rcpt", to]
            done = await asyncio.to_thread(subprocess.run, argv, capture_output=True, text=True, errors="replace")
        assert done.returncode == 0, done.stderr

    async def later(self, by: timedelta) -> None:
        """Let time pass for every process on this database."""
        async with self.database() as conn:
            await clock.shift(conn, by)

    async def states(self) -> dict[str, str]:
        """Return each recipient's state by address; the newest where an address was written to twice."""
        async with self.database() as conn:
            return {row["address"]: row["state"] for row in await conn.fetch("select * from recipient order by id")}

    async def stored(self) -> tuple[int, int, int, int, int]:
        """Return the counts of messages, bodies, recipients, events and credit entries: equal when nothing happened."""
        async with self.database() as conn:
            row = await conn.fetchrow(
                """select (select count(*) from message), (select count(*) from body), (select count(*) from recipient),
                          (select count(*) from event), (select count(*) from credit_entry)"""
            )
        return tuple(row)

    async def reach(
        self, wanted: Callable[[dict[str, str]], bool], what: str, *, seconds: float = 30
    ) -> dict[str, str]:
        """Wait until the recipients' states are as wanted and return them."""

        async def look() -> dict[str, str] | None:
            states = await self.states()
            return states if wanted(states) else None

        return await eventually(look, what, seconds=seconds, explain=self.explain)

    async def settle(self, *, seconds: float = 30) -> dict[str, str]:
        """Wait until nothing is queued or being sent, and return the states."""
        return await self.reach(
            lambda states: not {"queued", "sending"} & set(states.values()), "settled queue", seconds=seconds
        )

    async def rest(self, *, seconds: float = 30) -> None:
        """Wait until nothing is queued, being sent or due again: no fact will come by itself."""

        async def look() -> bool | None:
            async with self.database() as conn:
                busy = await conn.fetchval(
                    """select exists (select from recipient where state in ('queued', 'sending')
                                         or (state = 'deferred' and next_attempt_at <= livery_now()))"""
                )
            return None if busy else True

        await eventually(look, "rest", seconds=seconds, explain=self.explain)

    async def explain(self) -> str:
        """Return what helps to understand a flow that did not end: rows that wait and the ends of the logs."""
        async with self.database() as conn:
            rows = await conn.fetch(
                "select address, state, attempts, lapses, reply, next_attempt_at from recipient limit 20"
            )
        logs = [f"--- {name}\n{self.platform.log(name)[-4000:]}" for name in self.platform.names]
        return "\n".join([*(str(dict(row)) for row in rows), *logs])

    async def laws_hold(self) -> None:
        """Wait for the queue to settle, then assert the laws on this database, and through the API where it runs."""
        if any(self.platform.alive(name) for name in self.platform.each("workers")):
            await self.rest(seconds=60)
        async with self.database() as conn:
            await laws.check(conn)
            if self.platform.alive("api"):
                await laws.check_feed(self.api(self.world.shop))
                viewers = (self.world.platform, self.world.acme, self.world.shop, self.world.rival)
                await laws.check_statistics(conn, self.api(self.world.acme), self.world.acme.id)
                await laws.check_scopes(conn, {tenant.id: self.api(tenant) for tenant in viewers})


async def eventually[Found](
    look: Callable[[], Awaitable[Found | None]],
    what: str,
    *,
    seconds: float = 30,
    explain: Callable[[], Awaitable[str]] | None = None,
) -> Found:
    """Return what `look` finds as soon as it finds something; AssertionError with `explain` when time is up."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        found = await look()
        if found is not None:
            return found
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError(f"no {what} in {seconds} s\n{await explain() if explain else ''}")
        await asyncio.sleep(0.03)


MIME = Path(__file__).resolve().parents[1] / "corpus" / "mime"


def staged(
    server: Postgres,
    *,
    broker_url: str | None = None,
    route: str | None = None,
    processes: tuple[str, ...] = ("api", "smtpd", "workers", "clock"),
    settings: Mapping[str, str] | None = None,
    programs: Mapping[str, str] | None = None,
) -> Iterator[Stage]:
    """Start a platform on a fresh copy of the world; stop it and drop the copy afterwards. For fixtures: `yield from`.

    Without `broker_url` the database carries the rings; without `route` mail goes to `Stage.sink_port`.
    """
    name = server.create(WORLD_TEMPLATE)
    sink_port = free_port()
    platform = Platform(
        server.url(name),
        database_api_url=server.url(name, user="livery_api"),
        broker_url=broker_url,
        route=route or f"smtp://127.0.0.1:{sink_port}",
        processes=processes,
        settings=settings,
        programs=programs,
    )
    try:
        platform.start()
        yield Stage(platform, asyncio.run(_world(server.url(name))), server.url(name), sink_port)
    finally:
        platform.remove()
        server.drop(name)


async def _world(url: str) -> World:
    db = await open_database(url, size=1)
    try:
        return await find(db)
    finally:
        await db.close()
