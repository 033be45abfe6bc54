"""Is this process alive, and can it serve? For load balancers and supervisors, on any host name."""

import asyncio
from typing import Any
from weakref import WeakSet

import msgspec
import structlog
from litestar import Request, Response, get

from api.context import Platform, platform_of
from kit.migrate import pending_in

log = structlog.get_logger()

_SECONDS = 2.0


@get("/health/live")
async def live() -> Response[bytes]:
    """200 as long as the event loop turns."""
    return _say(200, {"status": "live"})


@get("/health/ready")
async def ready(request: Request[Any, Any, Any]) -> Response[bytes]:
    """200 when the database answers in its present form and the live channel is up; else 503, naming what is not."""
    platform = platform_of(request)
    found = {"database": await _database(platform), "migrations": False, "bell": platform.bell.connected}
    if found["database"]:
        found["migrations"] = await _migrated(platform)
    well = all(found.values())
    return _say(200 if well else 503, {"status": "ready" if well else "unready", **found})


async def _database(platform: Platform) -> bool:
    try:
        async with asyncio.timeout(_SECONDS), platform.db.connection() as conn:
            return bool(await conn.fetchval("select true"))
    except Exception as fault:  # whatever it is, the answer is the same: not ready
        log.info("health.database", cause=type(fault).__name__)
        return False


_known_migrated: WeakSet[Platform] = WeakSet()


async def _migrated(platform: Platform) -> bool:
    """Whether no migration is pending. Tables never lose one, so a yes is kept."""
    if platform not in _known_migrated:
        try:
            async with asyncio.timeout(_SECONDS):
                if not await pending_in(platform.db, platform.settings.database_api_url):
                    _known_migrated.add(platform)
        except Exception as fault:
            log.info("health.migrations", cause=type(fault).__name__)
    return platform in _known_migrated


def _say(status: int, what: dict[str, Any]) -> Response[bytes]:
    return Response(
        msgspec.json.encode(what),
        status_code=status,
        media_type="application/json",
        headers={"cache-control": "no-store"},
    )
