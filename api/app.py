"""How is the API process put together? One loop, one pool, one bell; opened in order and closed in the opposite one."""

import asyncio
import contextlib
import gc
import logging
import signal
from collections.abc import AsyncIterator, Iterator
from typing import Any

import structlog
import uvicorn
import uvloop
from litestar import HttpMethod, Litestar, MediaType, Request, Response, route
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp

from api import copies, exports, health, operations, payments, returns, sockets, suppressions, unsubscribe
from api.brand import Brand, Brands, ByHost, platform_hosts
from api.context import Platform
from api.dashboard import Dashboard
from api.errors import explain
from api.graphql.accounts import smtp_host
from api.http import Http
from api.tracking import Tracking
from kit import jobs, logs, metrics
from kit.bell import Bell
from kit.countries import Countries
from kit.crypto import Keyring
from kit.db import open_database
from kit.settings import Settings
from mail.intake import Intake
from mail.links import Links
from mail.live import Live
from mail.notices import Notices
from tenants.uses import Uses

log = structlog.get_logger()

_POOL = 16
_STATEMENT_SECONDS = 5.0
_STOP_SECONDS = 10
_IDLE_SECONDS = 75
"""How long a connection is kept between two requests: longer than clients (5 s) and proxies (60 s) keep it. Whoever gives
up first must be the one that asks, or a request meets a connection that is just being reset, and a change is not repeated."""
_NOT_PAGES = ("graphql", "v1/", "t/", "u/", "c/", "tls/", "health/", "metrics", ".well-known/")
"""Paths that are never a page of the dashboard: unknown there means unknown."""


def run(settings: Settings) -> None:
    """Serve until told to stop; blocks."""
    logs.configure("api")
    # Requests that are no HTTP are somebody else's fault and must not fill a disk.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    uvloop.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    async with platform(settings) as it:
        metrics.serve(settings.metrics_port)
        server = _Server(configuration(it))
        # What exists now stays: the collector need not look through it again.
        gc.collect()
        gc.freeze()
        await server.serve()


class _Server(uvicorn.Server):
    """A server that leaves ending the process to us.

    As shipped it raises the signal again once it has stopped, which would end the process before the last commits and
    rings are through.
    """

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop gracefully at the first SIGTERM or SIGINT, at once at a second SIGINT."""
        loop = asyncio.get_running_loop()
        for sign in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(sign, self.handle_exit, sign, None)
        try:
            yield
        finally:
            for sign in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(sign)


def configuration(it: Platform) -> uvicorn.Config:
    """How uvicorn serves an open platform."""
    proxies = [str(network) for network in it.settings.trusted_proxies]
    return uvicorn.Config(
        build(it),
        host=it.settings.bind,
        port=it.settings.http_port,
        loop="none",
        http=Http,
        ws="websockets-sansio",
        lifespan="off",
        ws_max_size=sockets.MESSAGE_BYTES,
        ws_per_message_deflate=False,  # a window a connection, for lists of a few hundred bytes
        proxy_headers=bool(proxies),
        forwarded_allow_ips=proxies,
        server_header=False,
        access_log=False,
        log_config=None,
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=_STOP_SECONDS,
    )


@contextlib.asynccontextmanager
async def platform(settings: Settings) -> AsyncIterator[Platform]:
    """What the process holds, opened, and closed at the end."""
    async with contextlib.AsyncExitStack() as stack:
        db = await open_database(settings.database_api_url, size=_POOL, statement_timeout=_STATEMENT_SECONDS)
        stack.push_async_callback(db.close)
        jobs.connect(settings.broker_url)
        stack.callback(jobs.close)
        bell = Bell(settings.database_api_url)
        await bell.start()
        stack.push_async_callback(bell.close)
        live = Live(db, bell)
        stack.push_async_callback(live.close)
        intake = Intake(db, bell, walled=True)
        stack.push_async_callback(intake.close)
        notices = Notices(db, intake, public_url=settings.public_url, mail_domain=settings.mail_domain)
        stack.push_async_callback(notices.close)
        keyring = Keyring(settings.secret_key)
        countries = Countries(settings.geoip)
        stack.callback(countries.close)
        ours = platform_hosts(settings.public_url)
        links = Links(db, keyring, bell, settings.data_dir / "visits", countries, ours=ours)
        await links.start()
        stack.push_async_callback(links.close)
        uses = Uses(db)
        stack.push_async_callback(uses.close)
        it = Platform(
            settings=settings,
            db=db,
            keyring=keyring,
            bell=bell,
            live=live,
            intake=intake,
            notices=notices,
            links=links,
            brands=Brands(db, ours),
            sockets=sockets.Sockets(),
            uses=uses,
        )
        await it.brands.refresh()
        works = [asyncio.create_task(work) for work in (it.brands.keep_fresh(), it.sockets.recheck(it), uses.keep())]
        try:
            yield it
        finally:
            for work in works:
                work.cancel()
            await asyncio.gather(*works, return_exceptions=True)


def build(it: Platform) -> ASGIApp:
    """The application around an open platform."""
    dashboard = Dashboard(it.settings.web_root)
    dashboard.renew()

    @route(["/", "/{path:path}"], http_method=[HttpMethod.GET, HttpMethod.HEAD], sync_to_thread=False)
    def pages(request: Request[Any, Any, Any]) -> Response[bytes]:
        """The dashboard's files and pages."""
        path = request.scope["path"]
        if path.lstrip("/").startswith(_NOT_PAGES):
            return _text(404, "Not found.")
        answer = dashboard.answer(
            path,
            accepted=request.headers.get("accept-encoding", ""),
            etag=request.headers.get("if-none-match"),
            brand=_branding(request.scope["state"]["brand"], it.settings),
        )
        body = b"" if request.method == "HEAD" else answer.body
        headers = answer.headers | ({"content-length": str(len(answer.body))} if request.method == "HEAD" else {})
        media_type = headers.pop("content-type")
        return Response(body, status_code=answer.status, media_type=media_type, headers=headers)

    app = Litestar(
        route_handlers=[
            operations.graphql,
            payments.paid,
            returns.returned,
            copies.agreed,
            sockets.live,
            health.live,
            health.ready,
            unsubscribe.unsubscribed,
            suppressions.exported,
            suppressions.imported,
            exports.bounces,
            exports.complaints,
            exports.unsubscribed,
            pages,
        ],
        state=State({"platform": it}),
        exception_handlers={HTTPException: _http_error, Exception: _fault},
        openapi_config=None,
        logging_config=None,
    )
    return Tracking(ByHost(app, it.brands, it.secure), it.links, it.secure)


def _branding(brand: Brand, settings: Settings) -> dict[str, Any]:
    return {
        "name": brand.name,
        "color": brand.color,
        "logo": None,
        "platform": brand.is_platform,
        "smtpHost": smtp_host(settings),
        "signUp": brand.sign_up,
    }


def _http_error(_: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    said = {404: "Not found.", 405: "Not by this method."}.get(error.status_code, "This cannot be answered.")
    return _text(error.status_code, said, error.headers)


def _fault(_: Request[Any, Any, Any], fault: Exception) -> Response[bytes]:
    refusal = explain(fault)
    return _text(500 if refusal.code == "INTERNAL" else 503, refusal.message)


def _text(status: int, said: str, headers: dict[str, str] | None = None) -> Response[bytes]:
    return Response(
        f"{said}\n".encode(),
        status_code=status,
        media_type=MediaType.TEXT,
        headers={**(headers or {}), "cache-control": "no-store"},
    )
