"""Where does a test get a database of countries? One network in MaxMind's format 2.0, written by hand."""

import ipaddress
from pathlib import Path
from typing import Any

_MARK = b"\xab\xcd\xefMaxMind.com"


def write(path: Path, network: str, country: str) -> Path:
    """Write a database in which one IPv4 network is in `country`, and no other is anywhere."""
    net = ipaddress.IPv4Network(network)
    bits = f"{int(net.network_address):032b}"[: net.prefixlen]
    count = len(bits)
    tree = b""
    for place, bit in enumerate(bits, 1):
        # The last node leads to the data, which begin 16 bytes behind the tree; who turns off finds nothing.
        onward = place if place < count else count + 16
        sides = (onward, count) if bit == "0" else (count, onward)
        tree += b"".join(side.to_bytes(3) for side in sides)
    about = {
        "binary_format_major_version": _number(5, 2),
        "binary_format_minor_version": _number(5, 0),
        "build_epoch": _number(9, 0),
        "database_type": "Country",
        "description": {"en": "One network"},
        "ip_version": _number(5, 4),
        "languages": bytes([1, 11 - 7]) + _value("en"),  # an array of one
        "node_count": _number(6, count),
        "record_size": _number(5, 24),
    }
    path.write_bytes(tree + bytes(16) + _value({"country": {"iso_code": country}}) + _MARK + _value(about))
    return path


def _number(kind: int, value: int) -> bytes:
    """An unsigned number: of kind 5 (16 bits), 6 (32) or 9 (64)."""
    digits = value.to_bytes(4).lstrip(b"\0")
    return (bytes([kind << 5 | len(digits)]) if kind < 8 else bytes([len(digits), kind - 7])) + digits


def _value(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, dict):
        return bytes([7 << 5 | len(value)]) + b"".join(_value(part) for pair in value.items() for part in pair)
    text = str(value).encode()
    assert len(text) < 29, "longer ones are written otherwise"
    return bytes([2 << 5 | len(text)]) + text
