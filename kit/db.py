"""How does a process reach PostgreSQL? One pool on one event loop, short transactions, and work that happens after the commit.

Tortoise serves the control plane (accounts, members, domains); the paths that carry every message speak asyncpg directly
on the same pool. Three traps of Tortoise are closed here and nowhere else: its connections belong to one event loop and
one context (so `open_database` is called once, at the root of a process), a BEGIN that is cancelled leaks its connection
(`_enter_transaction`), and it has no on-commit hook (`UnitOfWork.after_commit`).
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import UUID

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from tortoise.backends.base import client as tortoise_client
from tortoise.connection import get_connections
from tortoise.context import TortoiseContext
from tortoise.transactions import in_transaction

type Connection = asyncpg.Connection | PoolConnectionProxy

MODELS = {"tenants": "tenants.models", "mail": "mail.models"}
"""Where the tables are declared, by name only: this layer imports neither."""

_SEES = "select set_config('livery.account', $1, true)"
# Who spends hands in mail: see `plan_once`.
_SEES_AND_SPENDS = """select set_config('livery.account', $1, true), set_config('livery.line', livery_line($1), true),
                             set_config('plan_cache_mode', 'force_generic_plan', true)"""

# How long anybody waits for a free connection before the caller is told to come back (security: a full pool never hangs).
_ACQUIRE = 10.0


@dataclass(frozen=True)
class Database:
    """The pool of one process. Make it with `open_database`."""

    pool: asyncpg.Pool
    _context: TortoiseContext = field(repr=False)

    @property
    def orm(self) -> Any:
        """Tortoise's client of this pool, for migrations."""
        return self._context.connections.get("default")

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection in autocommit, for single statements."""
        async with self.pool.acquire(timeout=_ACQUIRE) as conn:
            with _sound(conn):
                yield conn

    @contextlib.asynccontextmanager
    async def transaction(
        self, *, sees: UUID | Collection[UUID] | None = None, spends: bool = False
    ) -> AsyncIterator[Connection]:
        """A transaction that commits at the end of the block, or rolls back when it raises or is cancelled.

        `sees` is the account (or accounts) whose subtree row-level security shows to the API's role; it ends with the
        transaction. With `spends`, for who submits mail and nobody else, the accounts above may be read and charged too.
        Never await the network inside: an idle transaction holds back every reader of the ledger.
        """
        async with self.pool.acquire(timeout=_ACQUIRE) as conn:
            with _sound(conn):
                async with conn.transaction():
                    if sees is not None:
                        await conn.execute(_SEES_AND_SPENDS if spends else _SEES, _accounts(sees))
                    yield conn

    @contextlib.asynccontextmanager
    async def unit_of_work(self, *, sees: UUID | None = None) -> AsyncIterator["UnitOfWork"]:
        """A transaction for Tortoise models and raw SQL alike; what `after_commit` was given runs once it has committed."""
        unit: UnitOfWork | None = None
        async with in_transaction("default") as client:
            unit = UnitOfWork(client._connection)
            if sees is not None:
                await unit.conn.execute(_SEES, str(sees))
            yield unit
        for act in unit._acts:
            result = act()
            if isinstance(result, Awaitable):
                await result

    async def close(self) -> None:
        """Close every connection."""
        await self._context.__aexit__(None, None, None)


def _accounts(sees: UUID | Collection[UUID]) -> str:
    return str(sees) if isinstance(sees, UUID) else ",".join(map(str, sees))


@dataclass
class UnitOfWork:
    """One transaction and what is to happen after it."""

    conn: Connection
    _acts: list[Callable[[], Awaitable[None] | None]] = field(default_factory=list, repr=False)

    def after_commit(self, act: Callable[[], Awaitable[None] | None]) -> None:
        """Run `act` once the transaction has committed; never if it rolls back."""
        self._acts.append(act)


async def open_database(
    url: str,
    size: int = 10,
    *,
    statement_timeout: float | None = None,
    lock_timeout: float | None = None,
    pause: float | None = None,
    plan_once: bool = False,
) -> Database:
    """Connect this process. `size` is the most connections it holds; the time-outs in seconds bind each statement.

    `pause` is how long a transaction may be without a statement before the server ends its session, where that is not
    the server's own choice (5 s, so that nobody holds up the feed by dying).

    `plan_once` is for a process that says the same few statements again and again: PostgreSQL plans each once a session
    and not for every batch, whose lengths it takes for news; the planning cost as much as the statements.

    Raises OSError or asyncpg.PostgresError where the server cannot be reached.
    """
    settings = {"application_name": "mail", "jit": "off"}
    if statement_timeout is not None:
        settings["statement_timeout"] = str(int(statement_timeout * 1000))
    if lock_timeout is not None:
        settings["lock_timeout"] = str(int(lock_timeout * 1000))
    if pause is not None:
        settings["idle_in_transaction_session_timeout"] = str(int(pause * 1000))
    if plan_once:
        settings["plan_cache_mode"] = "force_generic_plan"
    context = TortoiseContext()
    await context.__aenter__()
    try:
        await context.init(
            config=tortoise_config(url, minsize=1, maxsize=size, server_settings=settings, reset=_keep_session),
            _enable_global_fallback=True,
        )
        client = context.connections.get("default")
        await client.create_connection(with_db=True)
    except BaseException:
        await context.__aexit__(None, None, None)
        raise
    return Database(client._pool, context)


@contextlib.contextmanager
def _sound(conn: Connection) -> Iterator[None]:
    """A session whose protocol is out of step (ended by the server while idle) never goes back into the pool."""
    try:
        yield
    except asyncpg.InternalClientError:
        conn.terminate()
        raise


async def _keep_session(conn: Connection) -> None:
    """Instead of asyncpg's four statements at each release: nothing here outlives a transaction in its session.

    Before this, asyncpg has rolled back what was left open.
    """


def connect_arguments(url: str) -> dict[str, Any]:
    """The parts of a `postgresql://` URL as asyncpg takes them; `?host=/directory` names a unix socket."""
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    found: dict[str, Any] = {
        "host": query["host"][0] if "host" in query else parts.hostname or "127.0.0.1",
        "port": int(query["port"][0]) if "port" in query else parts.port or 5432,
        "user": unquote(parts.username) if parts.username else query.get("user", ["postgres"])[0],
        "database": unquote(parts.path.lstrip("/")) or "postgres",
    }
    if parts.password:
        found["password"] = unquote(parts.password)
    if "sslmode" in query:
        found["ssl"] = query["sslmode"][0]
    return found


async def connect(url: str) -> asyncpg.Connection:
    """One connection outside the pool, for LISTEN, advisory locks and migrations."""
    return await asyncpg.connect(**connect_arguments(url), timeout=_ACQUIRE)


def tortoise_config(url: str, **pool: Any) -> dict[str, Any]:
    """Tortoise's configuration for `url`: one connection "default", the apps of MODELS, each with its migrations beside it."""
    credentials = connect_arguments(url)
    credentials.setdefault("password", None)
    return {
        "connections": {"default": {"engine": "tortoise.backends.asyncpg", "credentials": credentials | pool}},
        "apps": {
            app: {
                "models": [models],
                "default_connection": "default",
                "migrations": f"{app}.migrations",
            }
            for app, models in MODELS.items()
        },
        "use_tz": True,
        "timezone": "UTC",
    }


async def _enter_transaction(self: tortoise_client.TransactionContextPooled) -> Any:
    """Tortoise's own steps, but a cancelled BEGIN gives its connection back.

    As shipped (1.1.9) the connection is acquired before an unguarded `await begin()`: cancelled there, it is never
    released, and two such cancellations on a pool of two hang the process for ever.
    """
    await self.ensure_connection()
    pool = self.client._parent._pool
    connection = await pool.acquire(timeout=_ACQUIRE)
    self.client._connection = connection
    token = get_connections().set(self.connection_name, self.client)
    try:
        await self.client.begin()
    except BaseException:
        get_connections().reset(token)
        await asyncio.shield(pool.release(connection))
        raise
    self.token = token
    return self.client


tortoise_client.TransactionContextPooled.__aenter__ = _enter_transaction  # type: ignore[method-assign]
