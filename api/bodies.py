"""How is the body of a request read? Whole, up to a size and a time; whoever goes away in the middle is nobody's fault here."""

import asyncio
from typing import Any

from litestar import Request
from litestar.exceptions import InternalServerException

from kit.errors import Kind, LiveryError


async def read_body(
    request: Request[Any, Any, Any], limit: int, seconds: float, *, smaller: str | None = None
) -> bytes:
    """The body. Raises LiveryError: TOO_LARGE beyond `limit` bytes (`smaller` says what to do), TOO_SLOW, CUT.

    The handler sets `request_max_body_size=None`, so that this limit is the one that is told.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise too_large(limit, smaller)
    except InternalServerException:  # Litestar's word for a client that went away; nobody reads the answer
        raise LiveryError(Kind.INVALID, "CUT", "The connection was cut.") from None
    except TimeoutError:
        raise LiveryError(Kind.INVALID, "TOO_SLOW", "The body did not arrive in time.", next="Send it again.") from None
    return bytes(body)


def too_large(limit: int, smaller: str | None = None) -> LiveryError:
    """The body has more than `limit` bytes."""
    size = f"{limit // 1_000_000} MB" if limit >= 1_000_000 else f"{limit // 1_000} kB"
    return LiveryError(Kind.INVALID, "TOO_LARGE", f"The request is larger than {size}.", next=smaller)
