"""Which port is free? A free loopback port, handed out once per test run."""

import os
import socket

# Below Linux's ephemeral range (32768+), so that no outgoing connection takes a port between the look and its use;
# every process starts at its own place, so that two runs never meet.
_FIRST, _LAST = 12000, 32000
_next = _FIRST + (os.getpid() * 97) % (_LAST - _FIRST)


def free_port() -> int:
    """Return a TCP port free on 127.0.0.1 and 0.0.0.0; no two calls in one process return the same port."""
    global _next
    for _ in range(_LAST - _FIRST):
        port = _next
        _next = _next + 1 if _next + 1 < _LAST else _FIRST
        try:
            with socket.socket() as probe:
                probe.bind(("0.0.0.0", port))
        except OSError:
            continue
        return port
    raise RuntimeError(f"no free port between {_FIRST} and {_LAST}: is another test run leaking servers?")


def free_ports(count: int) -> tuple[int, ...]:
    """Return `count` different free ports."""
    return tuple(free_port() for _ in range(count))
