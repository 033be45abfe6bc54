"""From which address does a connection come? As the database takes it, and nobody's where it cannot be told.

It cannot be told of a client that hung up before anybody looked, nor where a trusted proxy names no address.
"""

import ipaddress
from typing import Any

from litestar.connection import ASGIConnection

from kit.errors import LiveryError, invalid


def address(connection: ASGIConnection[Any, Any, Any, Any]) -> str | None:
    """The peer's IP address, or None."""
    if connection.client is None:
        return None
    try:
        # The zone of a link-local address (RFC 4007 §11) is a name of this host's alone.
        return str(ipaddress.ip_address(connection.client.host.partition("%")[0]))
    except ValueError:
        return None


def needed(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    """The peer's IP address, where networks and limits are judged by it. Raises LiveryError (INVALID) where there is none."""
    found = address(connection)
    if found is None:
        raise _nowhere()
    return found


def _nowhere() -> LiveryError:
    return invalid(
        "It cannot be told which address you come from.",
        next="Connect again; where a proxy stands between, it must name one address in X-Forwarded-For.",
    )
